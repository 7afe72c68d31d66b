//! Sign-ins that were refused, for the audit. Who guesses passwords fills no disk: what is refused for one account from one
//! address within a quarter of an hour makes one line at once, and one more with how often it went on.
//!
//! What was typed is kept nowhere: a password may stand where the name belongs. Only the name of a user that there is
//! goes into the audit. Lines are written by a task of their own, so that an answer takes as long for a name that there is
//! as for one that there isn't.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::store::Did;
use super::web::Origin;
use super::{Station, now};
use crate::station_api::Time;

/// What is refused within so many milliseconds belongs together.
const TOGETHER: Time = 15 * 60 * 1000;
/// So many accounts and addresses are kept apart; what comes beside them belongs together.
const MOST: usize = 256;
/// How often it is looked whether a quarter of an hour is over.
const LOOK: Duration = Duration::from_secs(30);
/// What stands in the audit where there is no such user.
const NOBODY: &str = "a name that no user has";

/// A line for the audit.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    time: Time,
    /// The user, where there is one of that name.
    user: Option<String>,
    from: String,
    /// How often it went on; `None` for the first time.
    more: Option<u64>,
}

/// What was refused lately. Pure: the time comes in.
#[derive(Debug, Default)]
struct Book {
    open: BTreeMap<(Option<String>, String), (Time, u64)>,
    lines: Vec<Line>,
}

impl Book {
    fn note(&mut self, user: Option<&str>, from: &str, now: Time) {
        self.look(now);
        let mut key = (user.map(str::to_owned), from.to_owned());
        if self.open.len() >= MOST && !self.open.contains_key(&key) {
            key = (None, "many addresses".to_owned());
        }
        if let Some((_, more)) = self.open.get_mut(&key) {
            *more += 1;
            return;
        }
        let (user, from) = key.clone();
        self.lines.push(Line { time: now, user, from, more: None });
        self.open.insert(key, (now, 0));
    }

    /// What is over becomes a line.
    fn look(&mut self, now: Time) {
        // A clock that was set back ends nothing early, and keeps nothing for longer than twice.
        let over = |since: Time| !(since - TOGETHER..since + TOGETHER).contains(&now);
        self.close(over, now);
    }

    fn close(&mut self, over: impl Fn(Time) -> bool, now: Time) {
        let lines = &mut self.lines;
        self.open.retain(|(user, from), (since, more)| {
            if !over(*since) {
                return true;
            }
            if *more > 0 {
                lines.push(Line { time: now, user: user.clone(), from: from.clone(), more: Some(*more) });
            }
            false
        });
    }
}

/// What was refused lately, and who is to write it down.
#[derive(Debug, Default)]
pub(super) struct Refused {
    book: Mutex<Book>,
    bell: Notify,
}

impl Station {
    /// A sign-in was refused. `user`: only where there is a user of that name.
    pub(super) fn refused(&self, from: Origin, user: Option<&str>) {
        let from = from.place().map_or_else(|| from.to_string(), |place| place.to_string());
        self.refused.book.lock().unwrap_or_else(PoisonError::into_inner).note(user, &from, now());
        self.refused.bell.notify_one();
    }

    /// Writes down what was refused.
    pub(super) async fn note_refused(self: Arc<Self>) {
        loop {
            // It rang, or it is time to look.
            let _ = tokio::time::timeout(LOOK, self.refused.bell.notified()).await;
            self.write_refused(false).await;
        }
    }

    /// Writes down what is over, or all: the station ends.
    pub(super) async fn write_refused(&self, all: bool) {
        let lines = {
            let mut book = self.refused.book.lock().unwrap_or_else(PoisonError::into_inner);
            match all {
                true => book.close(|_| true, now()),
                false => book.look(now()),
            }
            std::mem::take(&mut book.lines)
        };
        for line in lines {
            let on = line.user.as_deref().unwrap_or(NOBODY);
            let more = line.more.map(|more| format!("{on}: {more} more"));
            let done = Did {
                time: line.time,
                by: "",
                from: &line.from,
                what: "session.refused",
                on: more.as_deref().unwrap_or(on),
                name: more.is_some().then_some(on),
            };
            if let Err(error) = self.store().note(&done).await {
                tracing::warn!(%error, "the audit has a gap: sign-ins that were refused");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(time: Time, user: Option<&str>, from: &str, more: Option<u64>) -> Line {
        Line { time, user: user.map(str::to_owned), from: from.to_owned(), more }
    }

    #[test]
    fn one_account_and_address_make_two_lines_in_a_quarter_of_an_hour() {
        let mut book = Book::default();
        for n in 0..500 {
            book.note(Some("ada"), "10.0.0.7", 1000 + n);
            book.note(None, "10.0.0.7", 1000 + n);
        }
        book.note(Some("ada"), "10.0.0.8", 1500);
        let first = [
            line(1000, Some("ada"), "10.0.0.7", None),
            line(1000, None, "10.0.0.7", None),
            line(1500, Some("ada"), "10.0.0.8", None),
        ];
        assert_eq!(std::mem::take(&mut book.lines), first);
        book.look(999 + TOGETHER);
        assert_eq!(book.lines, [], "it isn't over");
        book.look(1000 + TOGETHER);
        let over = [
            line(1000 + TOGETHER, None, "10.0.0.7", Some(499)),
            line(1000 + TOGETHER, Some("ada"), "10.0.0.7", Some(499)),
        ];
        assert_eq!(std::mem::take(&mut book.lines), over);
        // What was refused once needs no second line.
        book.look(1500 + TOGETHER);
        assert!(book.lines.is_empty() && book.open.is_empty());
        book.note(Some("ada"), "10.0.0.7", 2 * TOGETHER);
        assert_eq!(book.lines.len(), 1, "a new quarter of an hour");
    }

    #[test]
    fn however_many_addresses_guess_the_lines_are_few() {
        let mut book = Book::default();
        for n in 0..100_000 {
            book.note(None, &format!("10.0.{}.{}", n / 256, n % 256), 5);
        }
        assert_eq!((book.lines.len(), book.open.len()), (MOST + 1, MOST + 1));
        book.close(|_| true, 6);
        assert_eq!(book.lines.len(), MOST + 2);
        assert_eq!(book.lines.last().unwrap().more, Some(100_000 - MOST as u64 - 1));
    }

    #[test]
    fn a_clock_that_was_set_keeps_nothing_for_ever() {
        let mut book = Book::default();
        book.note(Some("ada"), "::1", 100 * TOGETHER);
        book.note(Some("ada"), "::1", 5);
        assert_eq!(book.open.len(), 1);
        assert_eq!(book.lines.len(), 2);
    }
}
