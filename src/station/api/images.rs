//! Images and backups.

use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::contents::{Contents, Item, ItemKind, text_of};
use crate::format::printable;
use crate::image::chunk::Digest;
use crate::station::images::Wanted as Expected;
use crate::station::stream::Packed;
use crate::station::web::{Access, Call, PARTS, Refusal, Row, Table, json};
use crate::station_api::{
    AddedImage, Backup, FileAsked, FileIs, FileLine, FilesAsked, Image, ImageChange, ImageUses, ListAsked,
    Page, Role, Thing, Verdict,
};

const LOOK: Access = Access::Role(Role::Viewer);
const WORK: Access = Access::Role(Role::Operator);
const CHANGE: Access = Access::Role(Role::Admin);
const BYTES: &str = "application/octet-stream";

pub(super) fn add_to(table: &mut Table) {
    table.add(Row::get("/api/v1/images", LOOK, "Images, the newest first"), images);
    table.add(Row::get("/api/v1/images/{image}", LOOK, "An image"), image);
    let row = Row::put("/api/v1/images/{image}", CHANGE, "Take in an image: the body is the file");
    table.add_stream_of::<AddedImage, _, _, _>(row.answers(StatusCode::CREATED), Some(BYTES), put);
    table.add(Row::patch("/api/v1/images/{image}", CHANGE, "Give an image another name"), change);
    table.add(Row::delete("/api/v1/images/{image}", CHANGE, "Remove an image"), remove);
    table.add(Row::post("/api/v1/images/{image}/verify", WORK, "Read all of an image again"), verify);
    let row = Row::get("/api/v1/images/{image}/raw", WORK, "The raw image").also(PARTS);
    table.add_stream(row, (None, Some(BYTES)), raw);
    let row =
        Row::get("/api/v1/images/{image}/contents", LOOK, "Partitions, systems, which boards start from it");
    table.add(row, contents);
    table.add(Row::get("/api/v1/images/{image}/uses", LOOK, "What needs an image"), uses);
    // What a disk holds may be secret: passwords, keys.
    table.add(Row::get("/api/v1/images/{image}/files", WORK, "A directory within an image"), files);
    let row = Row::get("/api/v1/images/{image}/file", WORK, "A file within an image");
    table.add_stream(row, (None, Some(BYTES)), file);
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

async fn change(call: Call, (): (), change: ImageChange) -> Result<Image, Refusal> {
    match change.name {
        Some(name) => call.station.rename_image(&call.who(), call.part("image"), &name).await,
        None => Ok(call.station.store().image(call.part("image")).await?),
    }
}

async fn contents(call: Call, (): (), (): ()) -> Result<Contents, Refusal> {
    let image = call.station.store().image(call.part("image")).await?;
    call.station.contents(&image).await
}

async fn uses(call: Call, (): (), (): ()) -> Result<ImageUses, Refusal> {
    let store = call.station.store();
    let image = store.image(call.part("image")).await?;
    let (ids, names) = (std::slice::from_ref(&image.id), std::slice::from_ref(&image.name));
    let uses = store.uses(ids, names).await?.remove(&image.id).unwrap_or_default();
    let own = store.shared(&image.id).await?.own;
    let (projects, rules) = (uses.projects, uses.rules);
    Ok(ImageUses { projects, rules, jobs: uses.jobs, open: uses.open, last: uses.last, own })
}

fn line(item: Item) -> FileLine {
    FileLine {
        name: text_of(std::slice::from_ref(&item.name)),
        kind: item.kind.map(|kind| match kind {
            ItemKind::Directory => FileIs::Directory,
            ItemKind::File => FileIs::File,
            ItemKind::Link => FileIs::Link,
            ItemKind::Other => FileIs::Other,
        }),
        size: if item.kind == Some(ItemKind::File) { item.size } else { 0 },
        modified: item.modified.map(|seconds| seconds.saturating_mul(1000)),
        uid: item.owner.map(|(uid, ..)| uid),
        gid: item.owner.map(|(_, gid, _)| gid),
        mode: item.owner.map(|(.., mode)| mode),
        target: item.target.as_deref().map(printable),
    }
}

async fn files(call: Call, asked: FilesAsked, (): ()) -> Result<Page<FileLine>, Refusal> {
    let limit = crate::station::store::limit(asked.limit)?;
    let at = asked.at.unwrap_or_default();
    let spot = call.station.spot(call.part("image"), asked.part, &at).await?;
    let after = asked.after.unwrap_or_default();
    let (_, listed) = call.station.list_files(&spot, &after, limit).await?;
    let items: Vec<_> = listed.items.into_iter().map(line).collect();
    let next = items.last().filter(|_| listed.more).map(|last| last.name.clone());
    Ok(Page { items, next })
}

async fn file(call: Call, asked: FileAsked, _: Body) -> Result<Response, Refusal> {
    let spot = call.station.spot(call.part("image"), asked.part, &asked.at).await?;
    call.station.give_file(&call.who(), spot).await
}
