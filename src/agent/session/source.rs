//! An image that comes from the station, chunk by chunk.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::progress::Told;
use super::{BASE, Session, patient};
use crate::agent::source::{FetchError, Got, Plan, Source, Sum};
use crate::agent::watch::Watch as _;
use crate::device_api::Hello;
use crate::error::Kind;
use crate::http::{Client, Error, Limits, Pauses};
use crate::image::chunk::Index;
use crate::image::chunk::object::{Head, LONGEST};
use crate::stop::Stop;

/// On a faster way a station is given up soon: the other way is there.
const IMPATIENT: Limits = Limits {
    connect: Duration::from_secs(3),
    stall: Duration::from_secs(10),
    answer: Duration::from_secs(20),
    whole: None,
};

/// A faster way to the same station, for as long as it is one.
pub(super) struct Faster<'a> {
    client: Client,
    is_there: AtomicBool,
    told: &'a Told<'a>,
}

impl Session<'_> {
    /// The faster way for images, where one was told and the same station answers there; with the job's token.
    pub(super) fn faster<'a>(&self, token: &str, stop: &Stop, told: &'a Told<'a>) -> Option<Faster<'a>> {
        let origin = self.options.faster.as_ref()?;
        match self.same_station(origin, token, stop) {
            Ok(client) => {
                told.note(format!("the image comes from {origin}"));
                Some(Faster { client, is_there: AtomicBool::new(true), told })
            }
            Err(why) => {
                told.note(format!("the image comes from {}: {why}", self.options.origin));
                None
            }
        }
    }

    fn same_station(&self, origin: &crate::http::Origin, token: &str, stop: &Stop) -> Result<Client, String> {
        let told = |error: Error| crate::error::chain(&error);
        let client =
            Client::new(origin.clone(), self.options.trust.clone(), IMPATIENT, stop).map_err(told)?;
        let hello: Hello =
            client.get(&format!("{BASE}/hello")).send().and_then(|reply| reply.json()).map_err(told)?;
        // No other station gets a token of this one.
        let ours = self.station_key().map_err(|error| error.to_string())?;
        if !hello.key.eq_ignore_ascii_case(&ours) {
            return Err(format!("another station answers at {origin}"));
        }
        client.with_token(token).map_err(told)
    }
}

/// An image of the station.
pub(super) struct Remote<'a> {
    /// With the job's token.
    pub(super) client: Client,
    /// A way that is tried first.
    pub(super) faster: Option<Faster<'a>>,
    /// The path of the job, without a slash at its end.
    pub(super) job: String,
    pub(super) index: Index,
    /// What the station takes for a proof.
    pub(super) sum: Sum,
}

impl Source for Remote<'_> {
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
        let once = |client: &Client| {
            let reply = client.get(&path).header("range", &asked).send()?;
            let whole = reply.status() == 200;
            let bytes = reply.bytes(LONGEST as u64)?;
            let part = if whole { bytes.get(range.clone()).map(<[u8]>::to_vec) } else { Some(bytes) };
            part.filter(|part| part.len() == range.len()).ok_or_else(|| Error::Odd {
                to: path.clone(),
                why: "it is not as long as was asked for".to_owned(),
            })
        };
        if let Some(faster) = self.faster.as_ref().filter(|faster| faster.is_there.load(Ordering::Relaxed)) {
            match once(&faster.client) {
                Ok(bytes) => return Ok(Got::Stored(bytes)),
                Err(error) => {
                    if faster.is_there.swap(false, Ordering::Relaxed) && !self.client.stop().is_set() {
                        let why = crate::error::chain(&error);
                        faster.told.note(format!("{why}; the rest comes from {}", self.client.origin()));
                    }
                }
            }
        }
        // The station reads and proves it anew each time; what is damaged in its store stays so.
        let mut pauses = patience();
        let bytes = patient(&mut pauses, self.client.stop(), || once(&self.client));
        bytes.map(Got::Stored).map_err(|error| FetchError::of(&error))
    }
}

/// A station that is started again is back within minutes.
pub(super) fn patience() -> Pauses {
    Pauses::new(Duration::from_millis(250), Duration::from_secs(10), 60)
}
