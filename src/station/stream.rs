//! The raw bytes of an image as the body of an answer, also packed, and also a part.

use std::io;
use std::ops::Range;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use tokio_stream::wrappers::ReceiverStream;

use super::Station;
use super::images::Error;
pub(super) use super::packed::Packed;
use super::packed::{Lengths, frame_of};
use super::web::{Refusal, Wanted, wanted};
use crate::image::chunk::CHUNK;
use crate::station_api::Image;

const BYTES: &str = "application/octet-stream";

/// What becomes of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sent {
    /// It gives these bytes of the image.
    Begins(Range<u64>),
    /// All before this byte of the image is given.
    To(u64),
    /// It ends here: this is damaged.
    Broken(String),
}

/// Told of an answer as it goes. No ends it, such that the client sees that it isn't whole.
pub(super) type Watch = Box<dyn FnMut(Sent) -> bool + Send + Sync>;

impl Station {
    /// An image, or the part that is asked for, of what is packed too.
    pub(super) async fn raw(
        &self,
        asked: &HeaderMap,
        image: &Image,
        packed: Packed,
        mut watch: Watch,
    ) -> Result<Response, Refusal> {
        let lengths = match self.lengths(asked, image, packed).await {
            Ok(lengths) => lengths,
            Err(error) => {
                watch(Sent::Broken(crate::error::chain(&error)));
                return Err(error.into());
            }
        };
        let etag = format!("\"{}{}\"", image.raw_sha256, packed.ending());
        // How long the whole answer is. Of what is packed that is known from the first question for a part on.
        let len = match (&lengths, packed) {
            (_, Packed::Raw) => Some(image.raw_len),
            (lengths, _) => lengths.as_ref().map(|lengths| lengths.iter().map(|len| u64::from(*len)).sum()),
        };
        let headers = [
            (header::ETAG, etag.clone()),
            (header::ACCEPT_RANGES, "bytes".to_owned()),
            (header::CONTENT_TYPE, BYTES.to_owned()),
        ];
        let wants = len.map_or(Wanted::Whole, |len| wanted(asked, len, &etag));
        let (status, part) = match wants {
            Wanted::Nothing => return Ok((StatusCode::NOT_MODIFIED, headers).into_response()),
            Wanted::Beyond => {
                let range = [(header::CONTENT_RANGE, format!("bytes */{}", len.unwrap_or_default()))];
                return Ok((StatusCode::RANGE_NOT_SATISFIABLE, headers, range).into_response());
            }
            Wanted::Whole => (StatusCode::OK, 0..len.unwrap_or(u64::MAX)),
            Wanted::Part(part) => (StatusCode::PARTIAL_CONTENT, part),
        };
        let body = self.raw_body(image, part.clone(), (packed, lengths), &mut watch).await?.into_body(watch);
        let Some(len) = len else { return Ok((status, headers, body).into_response()) };
        let length = [(header::CONTENT_LENGTH, (part.end - part.start).to_string())];
        let range =
            [(header::CONTENT_RANGE, format!("bytes {}-{}/{len}", part.start, part.end.saturating_sub(1)))];
        Ok(match status {
            StatusCode::OK => (headers, length, body).into_response(),
            status => (status, headers, length, range, body).into_response(),
        })
    }

    /// The lengths of the frames, where they are known or a part is asked for.
    async fn lengths(
        &self,
        asked: &HeaderMap,
        image: &Image,
        packed: Packed,
    ) -> Result<Option<Lengths>, Error> {
        if packed == Packed::Raw {
            return Ok(None);
        }
        if !asked.contains_key(header::RANGE) {
            return Ok(self.packed.get(&image.id, packed));
        }
        let raw = self.images.raw(image, 0..image.raw_len).await?;
        self.packed.find(&image.id, packed, raw).await.map(Some)
    }

    async fn raw_body(
        &self,
        image: &Image,
        part: Range<u64>,
        (packed, lengths): (Packed, Option<Lengths>),
        watch: &mut Watch,
    ) -> Result<Raw, Refusal> {
        // The bytes of the image that are needed for it, and what of the first frame isn't wanted.
        let (needed, mut skip) = match &lengths {
            _ if packed == Packed::Raw => (part.clone(), 0),
            None => (0..image.raw_len, 0),
            Some(lengths) => {
                let (frame, begins) = frame_of(lengths, part.start);
                (frame as u64 * CHUNK..image.raw_len, part.start - begins)
            }
        };
        let mut raw = match self.images.raw(image, needed.clone()).await {
            Ok(raw) => raw,
            Err(error) => {
                watch(Sent::Broken(crate::error::chain(&error)));
                return Err(error.into());
            }
        };
        watch(Sent::Begins(needed.clone()));
        let (sender, receiver) = tokio::sync::mpsc::channel::<io::Result<(Bytes, u64)>>(2);
        tokio::task::spawn_blocking(move || {
            let mut left = part.end - part.start;
            let mut pack = || -> io::Result<()> {
                let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
                let mut at = needed.start;
                // Damage ends the stream without its end.
                while left > 0
                    && let Some(bytes) = raw.next_bytes().map_err(io::Error::other)?
                {
                    let before = at;
                    at += bytes.len() as u64;
                    let mut bytes = if packed == Packed::Raw { bytes } else { packed.frame(&bytes)?.into() };
                    let _ = bytes.split_to(usize::try_from(skip).unwrap_or(usize::MAX).min(bytes.len()));
                    skip = 0;
                    let is_whole = bytes.len() as u64 <= left;
                    bytes.truncate(usize::try_from(left).unwrap_or(usize::MAX));
                    left -= bytes.len() as u64;
                    // Of a frame without its end nothing is there yet.
                    let told = if is_whole { at } else { before };
                    sender.blocking_send(Ok((bytes, told))).map_err(|_| gone())?;
                }
                Ok(())
            };
            if let Err(error) = pack() {
                let _ = sender.blocking_send(Err(error));
            }
        });
        Ok(Raw { receiver, sent: self.metrics().sent.clone() })
    }
}

/// Bytes that come, and up to where they are.
struct Raw {
    receiver: tokio::sync::mpsc::Receiver<io::Result<(Bytes, u64)>>,
    sent: prometheus_client::metrics::counter::Counter,
}

impl Raw {
    fn into_body(self, mut watch: Watch) -> Body {
        let sent = self.sent;
        let stream = ReceiverStream::new(self.receiver).map(move |next| match next {
            Ok((bytes, at)) => {
                sent.inc_by(bytes.len() as u64);
                if watch(Sent::To(at)) {
                    Ok(bytes)
                } else {
                    Err(io::Error::other("it isn't wanted any more"))
                }
            }
            Err(error) => {
                watch(Sent::Broken(error.to_string()));
                Err(error)
            }
        });
        Body::from_stream(stream)
    }
}
