//! An image that comes from the station, chunk by chunk.

use std::ops::Range;

use super::patient;
use crate::agent::source::{FetchError, Got, Plan, Source, Sum};
use crate::error::Kind;
use crate::http::{Client, Error, Pauses};
use crate::image::chunk::Index;
use crate::image::chunk::object::{Head, LONGEST};

/// An image of the station.
pub(super) struct Remote {
    /// With the job's token.
    pub(super) client: Client,
    /// The path of the job, without a slash at its end.
    pub(super) job: String,
    pub(super) index: Index,
    /// What the station takes for a proof.
    pub(super) sum: Sum,
}

impl Source for Remote {
    fn raw_len(&self) -> Option<u64> {
        Some(self.index.raw_len)
    }

    fn sum(&self) -> Sum {
        self.sum
    }

    fn plan(&self, number: u64) -> Result<Option<Plan>, FetchError> {
        Ok(Plan::of(&self.index, number))
    }

    fn fetch(&self, number: u64, plan: &Plan, pieces: Range<usize>) -> Result<Got, FetchError> {
        let odd = |what: &str| FetchError { what: what.to_owned(), kind: Kind::BadData, hint: None };
        let chunk = usize::try_from(number).ok().and_then(|number| self.index.chunks.get(number));
        let Some((chunk, id)) = chunk.and_then(|chunk| Some((chunk, chunk.id?))) else {
            return Err(odd("the image has no such chunk"));
        };
        let head = Head::of(chunk, plan.len as u64);
        let range = head.piece(pieces.start).start..head.piece(pieces.end).start;
        let path = format!("{}/chunks/{id}", self.job);
        let asked = format!("bytes={}-{}", range.start, range.end.saturating_sub(1));
        // The station reads and proves it anew each time; what is damaged in its store stays so.
        let mut pauses = patience();
        let bytes = patient(&mut pauses, self.client.stop(), || {
            let reply = self.client.get(&path).header("range", &asked).send()?;
            let whole = reply.status() == 200;
            let bytes = reply.bytes(LONGEST as u64)?;
            let part = if whole { bytes.get(range.clone()).map(<[u8]>::to_vec) } else { Some(bytes) };
            part.filter(|part| part.len() == range.len()).ok_or_else(|| Error::Odd {
                to: path.clone(),
                why: "it is not as long as was asked for".to_owned(),
            })
        });
        bytes.map(Got::Stored).map_err(|error| FetchError::of(&error))
    }
}

/// A station that is started again is back within minutes.
pub(super) fn patience() -> Pauses {
    use std::time::Duration;
    Pauses::new(Duration::from_millis(250), Duration::from_secs(10), 60)
}
