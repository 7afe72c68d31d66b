//! The files in an image, a page a part of a directory; and downloads.

use askama::Template;
use axum::http::header;
use axum::response::Response;
use jiff::Timestamp;

use super::Answer;
use crate::contents::{ItemKind, text_of};
use crate::format::{printable, size};
use crate::station::acts::files::{Spot, attachment};
use crate::station::pages::frame::Frame;
use crate::station::pages::table::page;
use crate::station::pages::visit::Visit;
use crate::station::stream::Packed;
use crate::station::web::Refusal;
use crate::station_api::Image;

/// Names of a page.
const ROWS: usize = 200;

/// Something in a directory.
struct Row {
    name: String,
    class: &'static str,
    sign: &'static str,
    word: &'static str,
    /// Where it leads: a directory's page, or a file's bytes.
    link: String,
    size: String,
    modified: String,
    owner: String,
    target: String,
}

#[derive(Template)]
#[template(path = "files.html")]
struct Page {
    frame: Frame,
    image: Image,
    sort: &'static str,
    /// The way here: words and where they lead.
    way: Vec<(String, String)>,
    rows: Vec<Row>,
    total: usize,
    next: String,
}

fn at(image: &str, what: &str, part: u32, path: &[Vec<u8>]) -> String {
    let start = format!("/images/{image}/{what}?");
    let mut link = form_urlencoded::Serializer::for_suffix(start.clone(), start.len());
    link.append_pair("part", &part.to_string());
    if !path.is_empty() {
        link.append_pair("at", &text_of(path));
    }
    link.finish()
}

/// The place that is asked for.
async fn spot(visit: &Visit) -> Result<Spot, Refusal> {
    let query = &visit.query;
    visit.station.spot(visit.part("image"), query.maybe::<u32>("part")?, query.raw("at")).await
}

pub(super) async fn list(visit: Visit) -> Answer {
    let spot = spot(&visit).await?;
    let (sort, listed) = visit.station.list_files(&spot, visit.query.raw("after"), ROWS).await?;
    let Spot { image, part, path } = spot;
    let next = match listed.items.last() {
        Some(last) if listed.more => {
            let mut link = form_urlencoded::Serializer::new(at(&image.id, "files", part, &path));
            link.append_pair("after", &text_of(std::slice::from_ref(&last.name)));
            link.finish()
        }
        _ => String::new(),
    };
    let rows = listed.items.iter().map(|item| {
        let below = [&path[..], std::slice::from_ref(&item.name)].concat();
        let (class, sign, word, link) = match item.kind {
            Some(ItemKind::Directory) => ("dir", "▸", "directory", at(&image.id, "files", part, &below)),
            Some(ItemKind::File) => ("file", "", "file", at(&image.id, "file", part, &below)),
            Some(ItemKind::Link) => ("link", "→", "link", String::new()),
            Some(ItemKind::Other) => ("other", "○", "device, pipe or socket", String::new()),
            None => ("bad", "✕", "can't be read", String::new()),
        };
        let modified = item.modified.and_then(|seconds| Timestamp::from_second(seconds).ok());
        Row {
            name: printable(&item.name),
            class,
            sign,
            word,
            link,
            size: if item.kind == Some(ItemKind::File) { size(item.size) } else { String::new() },
            modified: modified.map(|at| at.strftime("%Y-%m-%d %H:%M").to_string()).unwrap_or_default(),
            owner: item.owner.map(|(uid, gid, mode)| format!("{uid}:{gid} {mode:04o}")).unwrap_or_default(),
            target: item.target.as_deref().map(printable).unwrap_or_default(),
        }
    });
    let rows = rows.collect();
    let mut way = vec![(format!("Partition {part}"), at(&image.id, "files", part, &[]))];
    for n in 0..path.len() {
        way.push((printable(&path[n]), at(&image.id, "files", part, &path[..=n])));
    }
    let section = if image.backup_of.is_some() { "backups" } else { "images" };
    let frame = visit.frame(&format!("Files of {}", image.name), section).await;
    page(&Page { frame, sort, way, rows, total: listed.total, next, image })
}

pub(super) async fn file(visit: Visit) -> Answer {
    visit.station.give_file(&visit.who(), spot(&visit).await?).await
}

/// The raw image.
pub(super) async fn raw(visit: Visit) -> Answer {
    let image = visit.station.store().image(visit.part("image")).await?;
    let mut answer: Response =
        visit.station.raw(&visit.headers, &image, Packed::Raw, Box::new(|_| true)).await?;
    visit.station.did(&visit.who(), "image.download", &image.name).await;
    if let Ok(value) = attachment(format!("{}.img", image.name).as_bytes()).parse() {
        answer.headers_mut().insert(header::CONTENT_DISPOSITION, value);
    }
    Ok(answer)
}
