//! Tables of values: a newer file comes in by a form, and who has what goes out as CSV.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, FromRequest, Multipart, Request};
use futures::StreamExt;
use futures::stream::unfold;

use super::Answer;
use crate::format::count;
use crate::station::export::{At, download, quoted};
use crate::station::pages::table::go;
use crate::station::pages::visit::Visit;
use crate::station::pages::words;
use crate::station::values::table::LONGEST;
use crate::station::web::Refusal;
use crate::station_api::{GivenAsked, GivenValues};

/// The longest field of the form beside the file.
const FIELD: usize = 1024;
/// Fields of the form.
const FIELDS: usize = 4;
/// How long one may wait for the next part of the form.
const FIELD_TIME: Duration = Duration::from_secs(15);
/// Lines that are read at once.
const PART: u32 = 500;

/// The form with a file. Its proof stands before the file: nothing of a file without one is taken.
pub(super) async fn upload(visit: Visit, body: Body) -> Answer {
    let broken = |_| Refusal::malformed("the form broke off, or can't be read");
    let late = |_| Refusal::malformed("the form comes too slowly");
    let mut request = Request::new(body);
    *request.headers_mut() = visit.headers.clone();
    DefaultBodyLimit::disable().apply(&mut request);
    let form = Multipart::from_request(request, &()).await;
    let mut form = form.map_err(|_| Refusal::malformed("this is no form with a file in it"))?;
    let (mut proof, mut dry) = (String::new(), false);
    for _ in 0..FIELDS {
        let next = tokio::time::timeout(FIELD_TIME, form.next_field()).await.map_err(late)?;
        let Some(mut field) = next.map_err(broken)? else { break };
        let name = field.name().unwrap_or_default().to_owned();
        let is_file = name == "file";
        if is_file {
            visit.proven(&proof)?;
        }
        let most = if is_file { LONGEST } else { FIELD };
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
            return taken(&visit, bytes, dry).await;
        }
        let text = String::from_utf8(bytes).map_err(|_| Refusal::malformed("a field is no UTF-8"))?;
        match name.as_str() {
            "proof" => proof = text,
            "dry" => dry = !text.is_empty(),
            _ => {}
        }
    }
    Err(Refusal::meaningless("the form has no file in it"))
}

async fn taken(visit: &Visit, file: Vec<u8>, dry: bool) -> Answer {
    let name = visit.part("source");
    let told = visit.station.upload_values(&visit.who(), name, file.into(), dry).await?;
    let rows = |rows: u64| count(rows, "row");
    let stays = told.given.saturating_add(told.kept);
    let text = if dry {
        format!(
            "Nothing is changed yet. Of {} in this file {} would be new and {} changed; {} would go. \
             What boards have stays as it is: {}.",
            rows(told.rows),
            told.added,
            told.changed,
            rows(told.gone),
            rows(stays),
        )
    } else {
        format!(
            "The table is here: of {} {} are new and {} changed; {} are gone. What boards have stays as it is: {}.",
            rows(told.rows),
            told.added,
            told.changed,
            rows(told.gone),
            rows(stays),
        )
    };
    visit.say(false, text);
    Ok(go(&format!("/value/{name}")))
}

/// Who has what.
pub(super) async fn export(visit: Visit) -> Answer {
    let store = visit.station.store().clone();
    let source = store.value_source(visit.part("source")).await?.name;
    let file = format!("values-{source}.csv");
    // Each board may have values of other names, where tables have changed: one line for each value.
    let lines = unfold(At::Begin, move |at| {
        let (store, source) = (store.clone(), source.clone());
        async move {
            let mut text = String::new();
            let after = match at {
                At::Begin => {
                    text.push_str("board,serial,given,name,value\r\n");
                    None
                }
                At::Behind(after) => Some(after),
                At::End => return None,
            };
            let asked = GivenAsked { text: None, after, limit: Some(PART) };
            match store.given_values(&source, &asked).await {
                Ok(page) => {
                    page.items.iter().for_each(|one| lines_of(one, &mut text));
                    Some((Ok(text), page.next.map_or(At::End, At::Behind)))
                }
                Err(error) => Some((Err(error), At::End)),
            }
        }
    });
    Ok(download("text/csv; charset=utf-8", &file, Body::from_stream(lines.fuse())))
}

fn lines_of(one: &GivenValues, text: &mut String) {
    for (name, value) in &one.values {
        let serial = one.serial.clone().unwrap_or_default();
        let fields = [one.board.clone(), serial, words::stamp(one.given), name.clone(), value.clone()];
        text.push_str(&fields.map(|field| quoted(&field)).join(","));
        text.push_str("\r\n");
    }
}
