//! The files in an image: directories in parts, and files as bytes.

use std::io;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use tokio_stream::wrappers::ReceiverStream;

use crate::contents::{Error, Files, Listed, Place, name_of};
use crate::format::printable;
use crate::image::read_at::ReadAt;
use crate::station::Station;
use crate::station::web::{Refusal, Who};
use crate::station_api::Image;

/// So much of a file is read at once.
const PIECE: usize = 1 << 20;

/// A place in an image that somebody asks for.
#[derive(Debug)]
pub(in crate::station) struct Spot {
    pub(in crate::station) image: Image,
    /// The number of the partition.
    pub(in crate::station) part: u32,
    /// Names, as the file system has them.
    pub(in crate::station) path: Vec<Vec<u8>>,
}

impl Station {
    /// The place that a question means: the image by its id or name, and a path as text.
    pub(in crate::station) async fn spot(
        &self,
        image: &str,
        part: Option<u32>,
        at: &str,
    ) -> Result<Spot, Refusal> {
        let image = self.store().image(image).await?;
        let path = name_of(at).ok_or_else(|| Refusal::malformed("`at` is no path within a file system"))?;
        Ok(Spot { image, part: part.unwrap_or(1), path })
    }

    /// Does something with the files of a partition, on a thread that may wait.
    async fn with_files<T: Send + 'static>(
        &self,
        image: &Image,
        part: u32,
        work: impl FnOnce(&Files) -> Result<T, Error> + Send + 'static,
    ) -> Result<(Arc<dyn ReadAt>, T), Refusal> {
        let contents = self.contents(image).await?;
        let partition = contents.partition(part);
        let partition =
            partition.ok_or_else(|| Refusal::missing(format!("`{}` has no partition {part}", image.name)))?;
        let stored: Arc<dyn ReadAt> = self.images.stored(image).await?;
        let disk = Arc::clone(&stored);
        let done = tokio::task::spawn_blocking(move || {
            Files::open(&disk, &partition).and_then(|files| work(&files))
        });
        let done = done.await.map_err(|error| Refusal::from(Error::Io(io::Error::other(error))))??;
        Ok((stored, done))
    }

    /// A part of a directory behind `after`, and what its file system is called.
    pub(in crate::station) async fn list_files(
        &self,
        spot: &Spot,
        after: &str,
        most: usize,
    ) -> Result<(&'static str, Listed), Refusal> {
        let after = match after {
            "" => None,
            text => {
                let name = name_of(text).and_then(|mut path| path.pop());
                Some(name.ok_or_else(|| Refusal::malformed("`after` is no name in a directory"))?)
            }
        };
        let wanted = spot.path.clone();
        let list = move |files: &Files| Ok((files.sort(), files.list(&wanted, after.as_deref(), most)?));
        Ok(self.with_files(&spot.image, spot.part, list).await?.1)
    }

    /// The bytes of a file, as something to be saved.
    pub(in crate::station) async fn give_file(&self, who: &Who, spot: Spot) -> Result<Response, Refusal> {
        let Spot { image, part, path } = spot;
        let name = path.last().cloned().unwrap_or_default();
        let (stored, place) = self.with_files(&image, part, move |files| files.find(&path)).await?;
        self.did(who, "image.file", &format!("{}: {}", image.name, printable(&name))).await;
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
}

/// A file to be saved under a name that is tame: letters, digits and a few signs; the whole name, escaped, beside it
/// (RFC 6266, RFC 8187).
pub(in crate::station) fn attachment(name: &[u8]) -> String {
    let tame = |byte: &u8| match byte {
        b'.' | b'_' | b'-' | b'+' => char::from(*byte),
        byte if byte.is_ascii_alphanumeric() => char::from(*byte),
        _ => '_',
    };
    let plain: String = name.iter().take(100).map(tame).collect();
    // A name of dots only, or one that a system hides, is none to save under.
    let plain = plain.trim_start_matches(['.', '-']);
    let plain = if plain.is_empty() { "file" } else { plain };
    let seen: Vec<u8> = name.iter().map(|byte| if byte.is_ascii_control() { b'_' } else { *byte }).collect();
    let whole = printable(&seen);
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
        assert_eq!(attachment(b"a\nb\x7f"), "attachment; filename=\"a_b_\"");
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
