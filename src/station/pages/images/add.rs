//! How images come: in pieces, by the script, which go on where they broke off; in one body, by a plain form.

use askama::Template;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, FromRequest, Multipart, Request};
use axum::http::StatusCode;
use axum::response::IntoResponse;

use super::list::{Coming, coming};
use super::{Answer, CHANGE};
use crate::station::pages::form::Form;
use crate::station::pages::frame::Frame;
use crate::station::pages::table::{Pages, go, page};
use crate::station::pages::visit::Visit;
use crate::station::uploads::Announced;
use crate::station::web::{Refusal, Row, json};
use crate::station_api::{LONGEST_PIECE, NewFetch, Upload, UploadState, image_name};

/// The longest field of a form beside the file.
const FIELD: usize = 1024;
/// Fields of that form.
const FIELDS: usize = 8;

pub(super) fn add_to(pages: &mut Pages) {
    pages.get("/images/add", CHANGE, ask);
    pages.post("/uploads", CHANGE, begin);
    pages.post("/uploads/fetch", CHANGE, fetch);
    pages.take(Row::post("/uploads/file", CHANGE, ""), whole);
    pages.take(Row::post("/uploads/{upload}/piece", CHANGE, ""), piece);
    pages.post("/uploads/{upload}/state", CHANGE, state);
    pages.post("/uploads/{upload}/cancel", CHANGE, cancel);
}

#[derive(Template)]
#[template(path = "image_add.html")]
struct Ask {
    frame: Frame,
    waiting: Vec<Coming>,
    /// The name that is proposed: of an image that is damaged, say.
    name: String,
    /// The address that is proposed: of a file that couldn't be fetched.
    url: String,
    piece: usize,
}

async fn ask(visit: Visit) -> Answer {
    let waiting = coming(&visit).await?.into_iter().filter(|coming| coming.goes_on).collect();
    let frame = visit.frame("Add an image", "images").await;
    let (name, url) = (visit.query.text("name").to_owned(), visit.query.text("url").to_owned());
    page(&Ask { frame, waiting, name, url, piece: LONGEST_PIECE })
}

/// What the script is told of an upload.
#[derive(serde::Serialize)]
struct Told {
    id: String,
    came: u64,
    size: u64,
    piece: usize,
    /// Of what is here; where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    crc32: Option<u32>,
}

fn told(status: StatusCode, upload: Upload) -> Answer {
    told_with(status, upload, None)
}

fn told_with(status: StatusCode, upload: Upload, crc32: Option<u32>) -> Answer {
    let told = Told { id: upload.id, came: upload.came, size: upload.size, piece: LONGEST_PIECE, crc32 };
    Ok(json(status, &told))
}

async fn begin(visit: Visit, form: Form) -> Answer {
    let size = form.maybe::<u64>("size")?.filter(|size| *size > 0);
    let size =
        size.ok_or_else(|| Refusal::meaningless("the file is empty, or nobody says how long it is"))?;
    let file = form.text("file").to_owned();
    let name = match form.text("name") {
        "" => image_name(&file).unwrap_or_default(),
        name => name.to_owned(),
    };
    let announced =
        Announced { name, file, size, sha256: form.text("sha256").to_owned(), url: String::new() };
    let begun = visit.station.begin_upload(&visit.who(), announced).await;
    match begun {
        Ok(upload) => told(StatusCode::CREATED, upload),
        Err(refusal) => refused(refusal),
    }
}

/// A file that the station fetches itself.
async fn fetch(visit: Visit, form: Form) -> Answer {
    let given = |field| Some(form.text(field).trim().to_owned()).filter(|text| !text.is_empty());
    let new =
        NewFetch { url: given("url").unwrap_or_default(), name: given("name"), sha256: given("sha256") };
    let upload = visit.station.begin_fetch(&visit.who(), new).await?;
    visit.say(false, format!("{} is fetched. It is here when it stands under “In the store”.", upload.name));
    Ok(go("/images"))
}

/// How much is here: where the script goes on. With `check` also what that is, for whom goes on after a pause: a file may
/// have changed and kept its name and its length.
async fn state(visit: Visit, form: Form) -> Answer {
    match visit.station.store().upload(visit.part("upload")).await {
        Ok(upload) if upload.state == UploadState::Coming && form.is_on("check") => {
            match visit.station.crc_of_upload(&upload).await {
                Ok(crc) => told_with(StatusCode::OK, upload, Some(crc)),
                Err(refusal) => refused(refusal),
            }
        }
        Ok(upload) if upload.state == UploadState::Coming => told(StatusCode::OK, upload),
        // All of it came, though the answer to the last piece didn't arrive.
        Ok(upload) if upload.state == UploadState::Taking => told(StatusCode::OK, upload),
        Ok(upload) => refused(Refusal::meaningless(upload.why)),
        Err(error) => refused(error.into()),
    }
}

/// For the script, which says it where the file was chosen.
fn refused(refusal: Refusal) -> Answer {
    Ok(refusal.into_response())
}

async fn piece(visit: Visit, body: Body) -> Answer {
    let shown = visit.headers.get("x-piprov-proof").and_then(|proof| proof.to_str().ok()).unwrap_or_default();
    visit.proven(shown)?;
    let at = visit.query.maybe::<u64>("at")?.ok_or_else(|| Refusal::malformed("`at` is missing"))?;
    match visit.station.take_piece(visit.part("upload"), at, body).await {
        Ok(upload) => told(StatusCode::OK, upload),
        Err(refusal) => refused(refusal),
    }
}

async fn cancel(visit: Visit, form: Form) -> Answer {
    let upload = visit.station.cancel_upload(&visit.who(), visit.part("upload")).await?;
    visit.say(false, format!("{} doesn't come any more.", upload.name));
    Ok(go(match form.text("to") {
        "" => "/images",
        to => to,
    }))
}

/// A form with a file, in one body. Its proof stands before the file: nothing of a file without one is taken.
async fn whole(visit: Visit, body: Body) -> Answer {
    // What the parser of forms says of it helps nobody.
    let broken = |_| Refusal::malformed("the form broke off, or can't be read");
    let mut request = Request::new(body);
    *request.headers_mut() = visit.headers.clone();
    DefaultBodyLimit::disable().apply(&mut request);
    let form = Multipart::from_request(request, &()).await;
    let mut form = form.map_err(|_| Refusal::malformed("this is no form with a file in it"))?;
    let (mut proof, mut told) = (String::new(), Announced::default());
    for _ in 0..FIELDS {
        let next = tokio::time::timeout(std::time::Duration::from_secs(15), form.next_field()).await;
        let next = next.map_err(|_| Refusal::malformed("the form comes too slowly"))?;
        let Some(mut field) = next.map_err(broken)? else { break };
        let name = field.name().unwrap_or_default().to_owned();
        if name == "file" {
            visit.proven(&proof)?;
            told.file = field.file_name().unwrap_or_default().to_owned();
            if told.file.is_empty() {
                return Err(Refusal::meaningless("no file is chosen"));
            }
            if told.name.is_empty() {
                told.name = image_name(&told.file).unwrap_or_default();
            }
            let upload = visit.station.begin_upload(&visit.who(), told).await?;
            let name = upload.name.clone();
            let stream = futures::stream::unfold(field, |mut field| async move {
                match field.chunk().await {
                    Ok(Some(bytes)) => Some((Ok(bytes), field)),
                    Ok(None) => None,
                    // What the parser of forms says of it helps nobody.
                    Err(_) => Some((Err(Refusal::malformed("it broke off")), field)),
                }
            });
            visit.station.take_whole(upload, Box::pin(stream)).await?;
            visit.say(false, format!("All of {name} has come. It is looked at now, and counts when it stands under “In the store”."));
            return Ok(go("/images"));
        }
        let mut text = Vec::new();
        while let Some(bytes) = field.chunk().await.map_err(broken)? {
            if text.len() + bytes.len() > FIELD {
                return Err(Refusal::meaningless("a field of the form is too long"));
            }
            text.extend_from_slice(&bytes);
        }
        let text = String::from_utf8(text).map_err(|_| Refusal::malformed("a field is no UTF-8"))?;
        match name.as_str() {
            "proof" => proof = text,
            "name" => text.trim().clone_into(&mut told.name),
            "sha256" => text.trim().clone_into(&mut told.sha256),
            _ => {}
        }
    }
    Err(Refusal::meaningless("the form has no file in it"))
}
