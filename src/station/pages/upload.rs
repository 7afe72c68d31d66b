//! A form with a file in it, as browsers send one.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, FromRequest, Multipart, Request};

use super::form::Form;
use super::visit::Visit;
use crate::station::web::Refusal;

/// The longest field of the form beside the file.
const FIELD: usize = 1024;
/// Fields of the form.
const FIELDS: usize = 8;
/// How long one may wait for the next part of the form.
const FIELD_TIME: Duration = Duration::from_secs(15);

/// The fields before the file `file`, and the file: at most so many bytes. The form's proof stands before the file: nothing of
/// a file without one is taken.
pub(super) async fn read(visit: &Visit, body: Body, most: usize) -> Result<(Form, Vec<u8>), Refusal> {
    let broken = |_| Refusal::malformed("the form broke off, or can't be read");
    let late = |_| Refusal::malformed("the form comes too slowly");
    let mut request = Request::new(body);
    *request.headers_mut() = visit.headers.clone();
    DefaultBodyLimit::disable().apply(&mut request);
    let form = Multipart::from_request(request, &()).await;
    let mut form = form.map_err(|_| Refusal::malformed("this is no form with a file in it"))?;
    let mut fields = Vec::new();
    for _ in 0..FIELDS {
        let next = tokio::time::timeout(FIELD_TIME, form.next_field()).await.map_err(late)?;
        let Some(mut field) = next.map_err(broken)? else { break };
        let name = field.name().unwrap_or_default().to_owned();
        let is_file = name == "file";
        if is_file {
            visit.proven(Form::of(fields.clone())?.raw("proof"))?;
        }
        let most = if is_file { most } else { FIELD };
        let mut bytes = Vec::new();
        while let Some(part) =
            tokio::time::timeout(FIELD_TIME, field.chunk()).await.map_err(late)?.map_err(broken)?
        {
            if bytes.len() + part.len() > most {
                return Err(Refusal::meaningless("a field of the form, or the file, is too long"));
            }
            bytes.extend_from_slice(&part);
        }
        if is_file {
            return Ok((Form::of(fields)?, bytes));
        }
        let text = String::from_utf8(bytes).map_err(|_| Refusal::malformed("a field is no UTF-8"))?;
        fields.push((name, text));
    }
    Err(Refusal::meaningless("the form has no file in it"))
}
