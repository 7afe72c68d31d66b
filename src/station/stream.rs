//! The raw bytes of an image as the body of an answer, also packed, and also a part.

use std::io::{self, Write};
use std::ops::Range;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use flate2::write::GzEncoder;
use futures::StreamExt;
use tokio_stream::wrappers::ReceiverStream;

use super::Station;
use super::web::{Refusal, Wanted, wanted};
use crate::station_api::Image;

const BYTES: &str = "application/octet-stream";

/// How an image is packed on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packed {
    Raw,
    Gzip,
    Zstd,
}

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

/// Packs what is put in.
enum Packer {
    Raw(Vec<u8>),
    Gzip(GzEncoder<Vec<u8>>),
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
}

impl Packer {
    fn new(packed: Packed) -> io::Result<Self> {
        Ok(match packed {
            Packed::Raw => Self::Raw(Vec::new()),
            Packed::Gzip => Self::Gzip(GzEncoder::new(Vec::new(), flate2::Compression::fast())),
            Packed::Zstd => Self::Zstd(zstd::stream::write::Encoder::new(Vec::new(), 1)?),
        })
    }

    /// What came out since the last time.
    fn pack(&mut self, bytes: Bytes) -> io::Result<Bytes> {
        Ok(match self {
            Self::Raw(_) => bytes,
            Self::Gzip(packer) => {
                packer.write_all(&bytes)?;
                std::mem::take(packer.get_mut()).into()
            }
            Self::Zstd(packer) => {
                packer.write_all(&bytes)?;
                std::mem::take(packer.get_mut()).into()
            }
        })
    }

    fn end(self) -> io::Result<Bytes> {
        Ok(match self {
            Self::Raw(rest) => rest,
            Self::Gzip(packer) => packer.finish()?,
            Self::Zstd(packer) => packer.finish()?,
        }
        .into())
    }
}

impl Station {
    /// An image, or the part that is asked for. Of what is packed there are no parts.
    pub(super) async fn raw(
        &self,
        asked: &HeaderMap,
        image: &Image,
        packed: Packed,
        mut watch: Watch,
    ) -> Result<Response, Refusal> {
        let (etag, len) = (format!("\"{}\"", image.raw_sha256), image.raw_len);
        let kind = (header::CONTENT_TYPE, BYTES.to_owned());
        let headers =
            [(header::ETAG, etag.clone()), (header::ACCEPT_RANGES, "bytes".to_owned()), kind.clone()];
        let wants = if packed == Packed::Raw { wanted(asked, len, &etag) } else { Wanted::Whole };
        let (status, part) = match wants {
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
        let body = self.raw_body(image, part, packed, &mut watch).await?.into_body(watch);
        Ok(match (status, packed) {
            (_, Packed::Gzip | Packed::Zstd) => ([kind], body).into_response(),
            (StatusCode::OK, Packed::Raw) => (headers, length, body).into_response(),
            (status, Packed::Raw) => (status, headers, length, range, body).into_response(),
        })
    }

    async fn raw_body(
        &self,
        image: &Image,
        part: Range<u64>,
        packed: Packed,
        watch: &mut Watch,
    ) -> Result<Raw, Refusal> {
        let mut raw = match self.images.raw(image, part.clone()).await {
            Ok(raw) => raw,
            Err(error) => {
                watch(Sent::Broken(crate::error::chain(&error)));
                return Err(error.into());
            }
        };
        watch(Sent::Begins(part.clone()));
        let (sender, receiver) = tokio::sync::mpsc::channel::<io::Result<(Bytes, u64)>>(2);
        tokio::task::spawn_blocking(move || {
            let mut pack = || -> io::Result<()> {
                let mut packer = Packer::new(packed)?;
                let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
                let mut at = part.start;
                // Damage ends the stream without its end.
                while let Some(bytes) = raw.next_bytes().map_err(io::Error::other)? {
                    at += bytes.len() as u64;
                    let bytes = packer.pack(bytes)?;
                    // The end of what is packed comes behind the last of it.
                    let told = if packed == Packed::Raw { at } else { at.min(part.end - 1) };
                    sender.blocking_send(Ok((bytes, told))).map_err(|_| gone())?;
                }
                sender.blocking_send(Ok((packer.end()?, at))).map_err(|_| gone())
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
