//! Files that come in pieces: an upload goes on where it broke off.

use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Response;

use crate::station::store::part;
use crate::station::uploads::Announced;
use crate::station::web::{Access, Call, Refusal, Row, Table, json};
use crate::station_api::{ListAsked, NewFetch, NewUpload, Page, PieceAt, Role, Upload};

const LOOK: Access = Access::Role(Role::Viewer);
const CHANGE: Access = Access::Role(Role::Admin);
const BYTES: &str = "application/octet-stream";

pub(super) fn add_to(table: &mut Table) {
    table.add(Row::get("/api/v1/uploads", LOOK, "Files that come in pieces, the oldest first"), uploads);
    let row = Row::post("/api/v1/uploads", CHANGE, "Announce a file that comes in pieces, for an image");
    table.add(row.answers(StatusCode::CREATED), begin);
    let row =
        Row::post("/api/v1/uploads/fetch", CHANGE, "Let the station fetch a file from a URL, for an image");
    table.add(row.answers(StatusCode::CREATED), fetch);
    table.add(Row::get("/api/v1/uploads/{upload}", CHANGE, "How much of a file is here"), upload);
    let row = Row::put("/api/v1/uploads/{upload}/piece", CHANGE, "The next piece of a file: the body");
    table.add_stream_of::<Upload, _, _, _>(row, Some(BYTES), piece);
    table.add(Row::delete("/api/v1/uploads/{upload}", CHANGE, "End an upload, and forget what came"), cancel);
}

async fn uploads(call: Call, asked: ListAsked, (): ()) -> Result<Page<Upload>, Refusal> {
    Ok(part(call.station.store().uploads().await?, &asked, |upload| upload.id.clone())?)
}

async fn begin(call: Call, (): (), new: NewUpload) -> Result<Upload, Refusal> {
    if new.size == 0 {
        return Err(Refusal::meaningless("`size` is at least 1: an empty file is no image"));
    }
    let NewUpload { name, size, file, sha256 } = new;
    let told = Announced {
        name,
        file: file.unwrap_or_default(),
        size,
        sha256: sha256.unwrap_or_default(),
        url: String::new(),
    };
    call.station.begin_upload(&call.who(), told).await
}

async fn fetch(call: Call, (): (), new: NewFetch) -> Result<Upload, Refusal> {
    call.station.begin_fetch(&call.who(), new).await
}

async fn upload(call: Call, (): (), (): ()) -> Result<Upload, Refusal> {
    Ok(call.station.store().upload(call.part("upload")).await?)
}

async fn piece(call: Call, place: PieceAt, body: Body) -> Result<Response, Refusal> {
    let upload = call.station.take_piece(call.part("upload"), place.at, body).await?;
    Ok(json(StatusCode::OK, &upload))
}

async fn cancel(call: Call, (): (), (): ()) -> Result<(), Refusal> {
    call.station.cancel_upload(&call.who(), call.part("upload")).await.map(drop)
}
