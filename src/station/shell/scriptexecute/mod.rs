//! Boards that run the old utility OS (`scriptexecutor`), which asks one address for a script and runs it. The station gives
//! it one that does the job that rules or people have for the board: docs/from-cmprovision.md.
//!
//! | part | what it is |
//! |---|---|
//! | `told` | what the OS tells in its question; pure |
//! | `script` | the script; pure. What is the same for each board is `script.sh` |
//! | `start` | a board asks for its script |
//! | `calls` | what its script tells while it runs, and at the end |
//! | `expected` | what its script has to have read back |
//! | `version` | what the OS tells of a bootloader; pure |
//!
//! That OS has no key, and speaks HTTP only: who starts as a board, is the board, as with each shell client. What a run tells
//! counts with the token of its attempt alone, which stands in the script that the station gave.

mod calls;
mod expected;
mod script;
mod start;
mod told;
mod version;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::sync::OnceCell;

use super::served;
use crate::per_second::PerSecond;
use crate::station::jobs::LEASE;
use crate::station::web::{Access, Call, Refill, Refusal, Row, Table};
use crate::station::{Station, now};
use crate::station_api::{Board, Job, JobState};
pub(super) use script::word;
use told::Asked;

/// What such a board's facts have as the version of its agent.
pub(in crate::station) const AGENT: &str = "scriptexecutor";
/// Why it gets no job with first-boot settings.
pub(in crate::station) const NO_SETTINGS: &str =
    "the project has first-boot settings, and the old utility OS gets images as they are";
/// So many boards may ask for a script in a second: each question writes into the database.
const STARTS: u32 = 30;
/// Of those one address has so many at once, and then one in a while: it keeps no other board from asking.
const OF_ADDRESS: (u32, Duration) = (20, Duration::from_millis(200));
/// A board that starts again and again makes no endless list of runs: so many attempts at once, and then one in a while.
const OF_BOARD: (u32, Duration) = (64, Duration::from_secs(600));
/// Addresses and boards that are remembered.
const MOST_PLACES: usize = 4096;
/// Attempts that are remembered. What is remembered is how long scripts take, and a digest that can be made anew: whose an
/// attempt is stands in the store.
const MOST: usize = 1000;
/// One of which nothing was heard for so long makes room: its lease is over.
const SILENT: Duration = Duration::from_millis(LEASE.unsigned_abs());
const TEXT: &str = "text/plain; charset=utf-8";
const FORM: &str = "multipart/form-data";

pub(super) fn add_to(table: &mut Table) {
    let row = Row::get("/scriptexecute", Access::Open, "The old utility OS asks for its script");
    table.add_stream(row, (None, Some(TEXT)), ask);
    let row =
        Row::post("/scriptexecute", Access::Open, "The script of the old utility OS tells what it has done");
    table.add_stream(row, (Some(FORM), Some(TEXT)), ask);
    let row =
        Row::get("/scriptexecute/{file}/eeprom", Access::Open, "The image of the EEPROM, for that script");
    table.add_stream(row, (None, Some("application/octet-stream")), calls::eeprom);
}

async fn ask(call: Call, asked: Asked, body: Body) -> Result<Response, Refusal> {
    served(&call)?;
    if let Some(token) = asked.token.clone() {
        return calls::told(&call, &token, &asked, body).await;
    }
    let kind = call.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if asked.alldone.is_some() || asked.phase.is_some() || asked.step.is_some() || kind.starts_with(FORM) {
        let why = "only the script that the station gave the board tells this: its token is missing";
        return Err(Refusal::forbidden(why));
    }
    if call.is_head {
        // Nobody runs that.
        return Ok(text(StatusCode::OK, String::new()));
    }
    start::start(&call, &asked).await
}

/// An answer that a shell reads.
fn text(status: StatusCode, text: String) -> Response {
    (status, [(header::CONTENT_TYPE, TEXT), (header::CACHE_CONTROL, "no-store")], text).into_response()
}

/// Whether the old utility OS is at this job of a board right now. Then nobody else gets it, whatever address is told. A
/// station that has just begun has heard nobody yet: it waits for as long as a lease lasts.
pub(super) fn holds(station: &Station, board: &Board, job: &Job) -> bool {
    let is_its = board.facts.as_ref().is_some_and(|facts| facts.agent == AGENT);
    is_its && job.state == JobState::Running && (now() < job.lease_until || station.began.elapsed() < SILENT)
}

/// Attempts that have begun. No clock: the time comes in.
#[derive(Debug)]
pub(in crate::station) struct Begun {
    since: Instant,
    inside: Mutex<Inside>,
}

#[derive(Debug)]
struct Inside {
    starts: PerSecond,
    of_address: Refill<IpAddr>,
    of_board: Refill<String>,
    attempts: HashMap<String, Attempt>,
}

#[derive(Debug)]
struct Attempt {
    fence: u64,
    /// When something was heard of it last.
    heard: Instant,
    /// The scripts that run, by their places.
    scripts: HashMap<usize, Instant>,
    /// The digest of what it has to read back, once that is known.
    expected: Arc<OnceCell<String>>,
}

impl Default for Begun {
    fn default() -> Self {
        let inside = Inside {
            starts: PerSecond::new(STARTS),
            of_address: Refill::new(OF_ADDRESS.0, OF_ADDRESS.1, MOST_PLACES),
            of_board: Refill::new(OF_BOARD.0, OF_BOARD.1, MOST_PLACES),
            attempts: HashMap::new(),
        };
        Self { since: Instant::now(), inside: Mutex::new(inside) }
    }
}

impl Begun {
    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether one more board may ask for a script now, from there; else how long to wait. What an address asks beyond its
    /// own counts for nobody else.
    fn may_start(&self, from: Option<IpAddr>, now: Instant) -> Result<(), Duration> {
        let (mut inside, at) = (self.inside(), now.saturating_duration_since(self.since));
        if let Some(wait) = from.and_then(|from| inside.of_address.wait(&from, at)) {
            return Err(wait);
        }
        if !inside.starts.allows(now) {
            return Err(Duration::from_secs(1));
        }
        if let Some(from) = from {
            inside.of_address.note(from, at);
        }
        Ok(())
    }

    /// How long a board has to wait until another attempt of it may begin, where it has begun too many.
    fn waits(&self, board: &str, now: Instant) -> Option<Duration> {
        self.inside().of_board.wait(&board.to_owned(), now.saturating_duration_since(self.since))
    }

    /// An attempt of a board begins. Those that go on are kept; a new one beyond [`MOST`] isn't.
    fn note(&self, board: &str, (job, fence): (&str, u64), now: Instant) {
        let mut inside = self.inside();
        inside.of_board.note(board.to_owned(), now.saturating_duration_since(self.since));
        let attempts = &mut inside.attempts;
        if attempts.len() >= MOST && !attempts.contains_key(job) {
            attempts.retain(|_, attempt| now.saturating_duration_since(attempt.heard) < SILENT);
        }
        if attempts.len() < MOST || attempts.contains_key(job) {
            let attempt = Attempt { fence, heard: now, scripts: HashMap::new(), expected: Arc::default() };
            attempts.insert(job.to_owned(), attempt);
        }
    }

    /// An attempt goes on.
    fn heard(&self, job: &str, fence: u64, now: Instant) {
        if let Some(attempt) = self.inside().attempts.get_mut(job).filter(|one| one.fence == fence) {
            attempt.heard = now;
        }
    }

    /// A script begins.
    fn script(&self, job: &str, fence: u64, place: usize, now: Instant) {
        if let Some(attempt) = self.inside().attempts.get_mut(job).filter(|one| one.fence == fence) {
            attempt.scripts.insert(place, now);
        }
    }

    /// How long a script took that has ended.
    fn took(&self, job: &str, fence: u64, place: usize, now: Instant) -> Duration {
        let mut inside = self.inside();
        let attempt = inside.attempts.get_mut(job).filter(|one| one.fence == fence);
        let since = attempt.and_then(|attempt| attempt.scripts.remove(&place));
        since.map(|since| now.saturating_duration_since(since)).unwrap_or_default()
    }

    /// Where the digest of what an attempt has to read back is kept. Of one that isn't remembered it is made anew.
    fn expected(&self, job: &str, fence: u64) -> Arc<OnceCell<String>> {
        let inside = self.inside();
        let attempt = inside.attempts.get(job).filter(|one| one.fence == fence);
        attempt.map(|attempt| Arc::clone(&attempt.expected)).unwrap_or_default()
    }

    fn forget(&self, job: &str) {
        self.inside().attempts.remove(job);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_that_go_on_are_kept_however_many_begin() {
        let (begun, now) = (Begun::default(), Instant::now());
        let second = Duration::from_secs(1);
        begun.note("b", ("j", 1), now);
        begun.script("j", 1, 0, now);
        assert_eq!(begun.took("j", 1, 0, now + 3 * second), 3 * second);
        assert_eq!(begun.took("j", 1, 0, now + 9 * second), Duration::ZERO);
        begun.script("j", 1, 1, now);
        for n in 0..3 * MOST {
            begun.note(&n.to_string(), (&n.to_string(), 1), now);
        }
        assert_eq!(begun.inside().attempts.len(), MOST);
        // It is heard of, and the others aren't.
        begun.heard("j", 1, now + SILENT);
        begun.note("new", ("new", 1), now + SILENT);
        assert_eq!(begun.inside().attempts.len(), 2);
        assert_eq!(begun.took("j", 1, 1, now + SILENT), SILENT);
        begun.forget("j");
        assert_eq!(begun.inside().attempts.len(), 1);
    }

    #[test]
    fn one_address_keeps_no_other_board_from_asking() {
        let (begun, now) = (Begun::default(), Instant::now());
        let at = |last: u8| Some(IpAddr::from([10, 0, 0, last]));
        let may = |from, now| begun.may_start(from, now);
        let many = (0..100).filter(|_| may(at(7), now).is_ok()).count();
        assert_eq!(many, OF_ADDRESS.0 as usize);
        assert!(may(at(7), now).unwrap_err() <= OF_ADDRESS.1);
        // The others have what is left of the second, and all of the next.
        let others = (0..100).filter(|n| may(at(8 + n), now).is_ok()).count();
        assert_eq!(others, (STARTS - OF_ADDRESS.0) as usize);
        let later = now + Duration::from_secs(1);
        assert_eq!((0..100).filter(|_| may(at(7), later).is_ok()).count(), 5);
        assert!(may(at(8), later).is_ok());
        assert_eq!((0..100).filter(|_| may(None, later + Duration::from_secs(1)).is_ok()).count(), 30);
    }

    #[test]
    fn a_board_that_begins_again_and_again_waits_and_the_others_do_not() {
        let (begun, now) = (Begun::default(), Instant::now());
        for n in 0..u64::from(OF_BOARD.0) {
            assert_eq!(begun.waits("b", now), None);
            begun.note("b", ("j", n), now);
        }
        let wait = begun.waits("b", now).unwrap();
        assert!(wait <= OF_BOARD.1 && begun.waits("c", now).is_none(), "{wait:?}");
        assert_eq!(begun.waits("b", now + OF_BOARD.1), None);
    }
}
