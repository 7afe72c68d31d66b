//! Images and backups.

use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::image::chunk::Digest;
use crate::station::images::Wanted as Expected;
use crate::station::stream::Packed;
use crate::station::web::{Access, Call, PARTS, Refusal, Row, Table, json};
use crate::station_api::{AddedImage, Backup, Image, ListAsked, Page, Role, Thing, Verdict};

const LOOK: Access = Access::Role(Role::Viewer);
const WORK: Access = Access::Role(Role::Operator);
const CHANGE: Access = Access::Role(Role::Admin);
const BYTES: &str = "application/octet-stream";

pub(super) fn add_to(table: &mut Table) {
    table.add(Row::get("/api/v1/images", LOOK, "Images, the newest first"), images);
    table.add(Row::get("/api/v1/images/{image}", LOOK, "An image"), image);
    let row = Row::put("/api/v1/images/{image}", CHANGE, "Take in an image: the body is the file");
    table.add_stream_of::<AddedImage, _, _, _>(row.answers(StatusCode::CREATED), Some(BYTES), put);
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
    let mended = station.mended_by(&image).await;
    Ok(json(StatusCode::CREATED, &AddedImage { image, mended }))
}

async fn remove(call: Call, (): (), (): ()) -> Result<(), Refusal> {
    call.station.remove_image(&call.who(), call.part("image")).await.map(drop)
}

async fn verify(call: Call, (): (), (): ()) -> Result<Verdict, Refusal> {
    let image = call.station.store().image(call.part("image")).await?;
    call.station.verify_image(&call.who(), &image).await
}

async fn raw(call: Call, (): (), _: Body) -> Result<Response, Refusal> {
    let station = &call.station;
    let image = station.store().image(call.part("image")).await?;
    station.raw(&call.headers, &image, Packed::Raw, Box::new(|_| true)).await
}
