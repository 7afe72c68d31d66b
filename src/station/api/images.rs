//! Images and backups.

use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use serde::Deserialize;
use tokio_stream::wrappers::ReceiverStream;
use utoipa::ToSchema;

use crate::error::Kind;
use crate::image::chunk::Digest;
use crate::station::images::Wanted as Expected;
use crate::station::web::{Access, Call, PARTS, Refusal, Row, Table, Wanted, json, wanted};
use crate::station_api::{Backup, Image, ListAsked, Page, Role, Thing, Verdict};
use crate::stop::Stop;

const LOOK: Access = Access::Role(Role::Viewer);
const WORK: Access = Access::Role(Role::Operator);
const CHANGE: Access = Access::Role(Role::Admin);
const BYTES: &str = "application/octet-stream";

pub(super) fn add_to(table: &mut Table) {
    table.add(Row::get("/api/v1/images", LOOK, "Images, the newest first"), images);
    table.add(Row::get("/api/v1/images/{image}", LOOK, "An image"), image);
    let row = Row::put("/api/v1/images/{image}", CHANGE, "Take in an image: the body is the file");
    table.add_stream_of::<Image, _, _, _>(row.answers(StatusCode::CREATED), Some(BYTES), put);
    table.add(Row::delete("/api/v1/images/{image}", CHANGE, "Remove an image"), remove);
    table.add(Row::post("/api/v1/images/{image}/verify", WORK, "Read all of an image again"), verify);
    let row = Row::get("/api/v1/images/{image}/raw", WORK, "The raw image").also(PARTS);
    table.add_stream(row, (None, Some(BYTES)), raw);
    table.add(Row::get("/api/v1/backups", LOOK, "Backups, the newest first"), backups);
}

async fn images(call: Call, asked: ListAsked, (): ()) -> Result<Page<Image>, Refusal> {
    Ok(call.station.store().images(&asked).await?)
}

async fn image(call: Call, (): (), (): ()) -> Result<Image, Refusal> {
    Ok(call.station.store().image(call.part("image")).await?)
}

async fn backups(call: Call, asked: ListAsked, (): ()) -> Result<Page<Backup>, Refusal> {
    Ok(call.station.store().backups(&asked).await?)
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Expect {
    /// What sha256 of the file, or of the raw image, has to be: 64 hexadecimal digits.
    #[serde(default)]
    sha256: Option<String>,
}

async fn put(call: Call, expect: Expect, body: Body) -> Result<Response, Refusal> {
    let sha256 = match expect.sha256.as_deref().map(Digest::parse) {
        Some(None) => return Err(Refusal::malformed("`sha256` has 64 hexadecimal digits")),
        Some(Some(digest)) => Some(digest.0),
        None => None,
    };
    let station = &call.station;
    if !station.room().takes_images() {
        return Err(Refusal::no_room());
    }
    let row = station.images.begin(call.part("image"), None).await?;
    station.did(&call.who(), "image.add", &row.name).await;
    station.changes.tell(Thing::Image, &row.id, None);
    let len = call.headers.get(header::CONTENT_LENGTH).and_then(|len| len.to_str().ok()?.parse().ok());
    let image = station.take_body(row, Expected { sha256, bmap: None }, body, len).await?;
    Ok(json(StatusCode::CREATED, &image))
}

async fn remove(call: Call, (): (), (): ()) -> Result<(), Refusal> {
    let station = &call.station;
    let image = station.store().image(call.part("image")).await?;
    station.store().remove_image(&image.id).await?;
    station.unneeded.notify_one();
    station.did(&call.who(), "image.remove", &image.name).await;
    station.changes.tell(Thing::Image, &image.id, None);
    Ok(())
}

fn broke(error: impl std::fmt::Display) -> Refusal {
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, Kind::Failed, error.to_string())
}

async fn verify(call: Call, (): (), (): ()) -> Result<Verdict, Refusal> {
    let station = &call.station;
    let image = station.store().image(call.part("image")).await?;
    let (images, stop) = (station.images.clone(), Stop::new().map_err(broke)?);
    let id = image.id.clone();
    let verdict =
        tokio::task::spawn_blocking(move || images.verify(&image, &stop)).await.map_err(broke)??;
    station.changes.tell(Thing::Image, &id, None);
    Ok(verdict)
}

async fn raw(call: Call, (): (), _: Body) -> Result<Response, Refusal> {
    let station = &call.station;
    let image = station.store().image(call.part("image")).await?;
    let etag = format!("\"{}\"", image.raw_sha256);
    let len = image.raw_len;
    let headers = [
        (header::ETAG, etag.clone()),
        (header::ACCEPT_RANGES, "bytes".to_owned()),
        (header::CONTENT_TYPE, BYTES.to_owned()),
    ];
    let (status, part) = match wanted(&call.headers, len, &etag) {
        Wanted::Nothing => return Ok((StatusCode::NOT_MODIFIED, headers).into_response()),
        Wanted::Beyond => {
            let range = [(header::CONTENT_RANGE, format!("bytes */{len}"))];
            return Ok((StatusCode::RANGE_NOT_SATISFIABLE, headers, range).into_response());
        }
        Wanted::Whole => (StatusCode::OK, 0..len),
        Wanted::Part(part) => (StatusCode::PARTIAL_CONTENT, part),
    };
    let range =
        [(header::CONTENT_RANGE, format!("bytes {}-{}/{len}", part.start, part.end.saturating_sub(1)))];
    let length = [(header::CONTENT_LENGTH, (part.end - part.start).to_string())];
    let mut raw = station.images.raw(&image, part).await?;
    let (sender, receiver) = tokio::sync::mpsc::channel::<std::io::Result<Bytes>>(2);
    tokio::task::spawn_blocking(move || {
        loop {
            // Damage ends the stream without its end.
            let next = raw.next_bytes().map_err(std::io::Error::other).transpose();
            let Some(next) = next else { return };
            let is_end = next.is_err();
            if sender.blocking_send(next).is_err() || is_end {
                return;
            }
        }
    });
    let sent = station.metrics().sent.clone();
    let stream = ReceiverStream::new(receiver).inspect(move |bytes| {
        sent.inc_by(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64));
    });
    let body = Body::from_stream(stream);
    Ok(match status {
        StatusCode::OK => (headers, length, body).into_response(),
        status => (status, headers, length, range, body).into_response(),
    })
}
