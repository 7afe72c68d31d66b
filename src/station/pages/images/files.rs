//! The files in an image: directories in parts, and downloads that are nothing but bytes.

use std::io;
use std::sync::Arc;

use askama::Template;
use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use tokio_stream::wrappers::ReceiverStream;

use super::Answer;
use crate::contents::{Error, Files, ItemKind, Place, name_of, text_of};
use crate::format::{printable, size};
use crate::image::read_at::ReadAt;
use crate::station::pages::frame::Frame;
use crate::station::pages::table::page;
use crate::station::pages::visit::Visit;
use crate::station::stream::Packed;
use crate::station::web::Refusal;
use crate::station_api::Image;

/// Names of a page.
const ROWS: usize = 200;
/// So much of a file is read at once.
const PIECE: usize = 1 << 20;

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

/// What is asked for: the image, the number of the partition, the path.
async fn asked(visit: &Visit) -> Result<(Image, u32, Vec<Vec<u8>>), Refusal> {
    let image = visit.station.store().image(visit.part("image")).await?;
    let part = visit.query.maybe::<u32>("part")?.unwrap_or(1);
    let path = name_of(visit.query.raw("at"));
    let path = path.ok_or_else(|| Refusal::malformed("`at` is no path within a file system"))?;
    Ok((image, part, path))
}

/// Does something with the files of a partition, on a thread that may wait.
async fn with<T: Send + 'static>(
    visit: &Visit,
    image: &Image,
    part: u32,
    work: impl FnOnce(&Files) -> Result<T, Error> + Send + 'static,
) -> Result<(Arc<dyn ReadAt>, T), Refusal> {
    let contents = visit.station.contents(image).await?;
    let partition = contents.partition(part);
    let partition =
        partition.ok_or_else(|| Refusal::missing(format!("`{}` has no partition {part}", image.name)))?;
    let stored: Arc<dyn ReadAt> = visit.station.images.stored(image).await?;
    let disk = Arc::clone(&stored);
    let done =
        tokio::task::spawn_blocking(move || Files::open(&disk, &partition).and_then(|files| work(&files)));
    let done = done.await.map_err(|error| Refusal::from(Error::Io(io::Error::other(error))))??;
    Ok((stored, done))
}

pub(super) async fn list(visit: Visit) -> Answer {
    let (image, part, path) = asked(&visit).await?;
    let after = match visit.query.raw("after") {
        "" => None,
        text => name_of(text).and_then(|mut path| path.pop()),
    };
    let wanted = path.clone();
    let (_, (sort, listed)) = with(&visit, &image, part, move |files| {
        Ok((files.sort(), files.list(&wanted, after.as_deref(), ROWS)?))
    })
    .await?;
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
    let (image, part, path) = asked(&visit).await?;
    let name = path.last().cloned().unwrap_or_default();
    let (stored, place) = with(&visit, &image, part, move |files| files.find(&path)).await?;
    visit.station.did(&visit.who(), "image.file", &format!("{}: {}", image.name, printable(&name))).await;
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_DISPOSITION, attachment(&name)),
    ];
    Ok(match place {
        Place::Bytes(bytes) => (headers, bytes).into_response(),
        Place::Runs(runs, len) => {
            let length = [(header::CONTENT_LENGTH, len.to_string())];
            let (sender, receiver) = tokio::sync::mpsc::channel::<io::Result<Bytes>>(2);
            tokio::task::spawn_blocking(move || {
                let mut at = 0;
                let mut runs = runs.into_iter().peekable();
                while at < len {
                    let (end, from) = match runs.peek() {
                        Some(run) if run.to > at => (run.to.min(len), None),
                        Some(run) => ((run.to + run.len).min(len), Some(run.from + (at - run.to))),
                        None => (len, None),
                    };
                    let part = usize::try_from(end - at).unwrap_or(PIECE).min(PIECE);
                    let mut bytes = vec![0; part];
                    let read = match from {
                        Some(from) => stored.read_exact_at(&mut bytes, from),
                        None => Ok(()),
                    };
                    let broken = read.is_err();
                    if sender.blocking_send(read.map(|()| bytes.into())).is_err() || broken {
                        return;
                    }
                    at += part as u64;
                    if at == end && from.is_some() {
                        runs.next();
                    }
                }
            });
            (headers, length, Body::from_stream(ReceiverStream::new(receiver))).into_response()
        }
    })
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

/// A file to be saved under a name that is tame: letters, digits and a few signs; the whole name, escaped, beside it
/// (RFC 6266, RFC 8187).
fn attachment(name: &[u8]) -> String {
    let tame = |byte: &u8| match byte {
        b'.' | b'_' | b'-' | b'+' => char::from(*byte),
        byte if byte.is_ascii_alphanumeric() => char::from(*byte),
        _ => '_',
    };
    let plain: String = name.iter().take(100).map(tame).collect();
    // A name of dots only, or one that a system hides, is none to save under.
    let plain = plain.trim_start_matches(['.', '-']);
    let plain = if plain.is_empty() { "file" } else { plain };
    let whole = printable(name);
    let whole: String = whole.trim_start_matches(['.', '-']).chars().take(150).collect();
    let escaped: String = whole
        .bytes()
        .map(|byte| match byte {
            byte if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect();
    if escaped.is_empty() || escaped == plain {
        return format!("attachment; filename=\"{plain}\"");
    }
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{escaped}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_tame_whatever_the_image_says() {
        assert_eq!(attachment(b"os-release"), "attachment; filename=\"os-release\"");
        assert_eq!(attachment(b".bashrc"), "attachment; filename=\"bashrc\"");
        assert_eq!(attachment(b".."), "attachment; filename=\"file\"");
        for name in [
            &b"a\"; filename=\"b.exe"[..],
            b"a\r\nset-cookie: x",
            b"..\\..\\x",
            "ü".as_bytes(),
            b"\xff\xfe",
            b"",
        ] {
            let text = attachment(name);
            assert!(text.bytes().all(|byte| (32..127).contains(&byte)), "{text}");
            assert_eq!(text.matches('"').count(), 2, "{text}");
            assert!(!text.contains('\\') && !text.contains('/'), "{text}");
        }
    }
}
