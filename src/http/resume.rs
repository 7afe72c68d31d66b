//! A file on a server as a reader that goes on after a broken connection.

use std::io::{self, Read};
use std::time::Duration;

use ureq::http::HeaderMap;

use super::answer;
use super::client::{Client, Incoming, Limits};
use super::error::Error;
use super::pauses::Pauses;
use super::trust::Trust;
use super::url::Url;
use crate::stop::Stop;

/// Most redirections in a row.
const HOPS: u32 = 10;
/// So many bytes are progress: a server that gives less at a time is asked no more than tries are left.
const PROGRESS: u64 = 64 << 10;

/// A file on a server, read from its beginning to its end. A connection that breaks is made again, and the server is
/// asked for the rest, of the same version of the file. Where it can't give that, reading fails: what came before and
/// what comes now would be of two files.
///
/// Redirections are followed, also to other servers; a token doesn't go along to those.
pub struct Resuming {
    client: Client,
    /// Where it was found last, after redirections.
    url: Url,
    have: Have,
    body: Option<Incoming>,
    pauses: Pauses,
    /// Bytes since the last try.
    came: u64,
    broken: u32,
    over: bool,
    tell: Tell,
}

/// What is told when something went wrong that may pass: what, and how long it is waited before it is tried again.
pub type Tell = Box<dyn FnMut(&Error, Duration) + Send>;

impl std::fmt::Debug for Resuming {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut out = out.debug_struct("Resuming");
        out.field("url", &self.url)
            .field("have", &self.have)
            .field("broken", &self.broken)
            .finish_non_exhaustive()
    }
}

/// What is known of the file, and how much of it is here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Have {
    at: u64,
    len: Option<u64>,
    tag: Option<String>,
}

/// What is wrong with an answer.
#[derive(Debug, PartialEq, Eq)]
enum Wrong {
    Changed(String),
    Odd(String),
}

/// What an answer means for what is here, and what is known from it.
fn plan(have: &mut Have, status: u16, headers: &HeaderMap) -> Result<(), Wrong> {
    if let Some(encoding) =
        answer::header(headers, "content-encoding").filter(|it| !it.eq_ignore_ascii_case("identity"))
    {
        return Err(Wrong::Odd(format!("it is encoded as {encoding}, which wasn't asked for")));
    }
    let len = answer::header(headers, "content-length").and_then(answer::number);
    let tag = answer::validator(headers);
    let changed = |what: &str| Err(Wrong::Changed(what.to_owned()));
    let other = |known: &Option<String>| matches!((known, &tag), (Some(known), Some(tag)) if known != tag);
    match status {
        200 if have.at == 0 => {
            *have = Have { at: 0, len, tag };
            Ok(())
        }
        200 if other(&have.tag) => changed("it is another version now"),
        200 if matches!((have.len, len), (Some(known), Some(len)) if known != len) => {
            changed("it has another length now")
        }
        200 => changed("the server can't go on in the middle of it, or it is another version now"),
        206 if have.at > 0 => {
            let range = answer::header(headers, "content-range").and_then(answer::content_range);
            let Some((Some((first, last)), whole)) = range else {
                return Err(Wrong::Odd("it doesn't say which part it is".to_owned()));
            };
            if first != have.at || len.is_some_and(|len| len != last - first + 1) {
                return Err(Wrong::Odd(format!("it is the part from {first} on, not from {}", have.at)));
            }
            if other(&have.tag) {
                return changed("it is another version now");
            }
            if matches!((have.len, whole), (Some(known), Some(whole)) if known != whole) {
                return changed("it has another length now");
            }
            have.len = have.len.or(whole);
            Ok(())
        }
        status => Err(Wrong::Odd(format!("{status} is no answer to that"))),
    }
}

/// What it means that the server says that there is nothing behind what is here (416).
fn nothing_behind(have: &Have, headers: Option<&str>) -> Result<(), Wrong> {
    match headers.and_then(answer::content_range) {
        Some((None, Some(whole))) if whole == have.at && have.len.is_none_or(|len| len == whole) => Ok(()),
        _ => Err(Wrong::Changed("it is shorter now".to_owned())),
    }
}

impl Resuming {
    /// Asks for the file. Each time that something goes wrong and it is tried again, `tell` is told.
    ///
    /// # Errors
    /// When it isn't there, or the server can't be reached after as many tries as `pauses` allows.
    pub fn open(
        url: &Url,
        trust: Trust,
        limits: Limits,
        pauses: Pauses,
        stop: &Stop,
        tell: Tell,
    ) -> Result<Self, Error> {
        Self::of(&Client::new(url.origin.clone(), trust, limits, stop)?, &url.path, pauses, tell)
    }

    /// Asks for a file of this client's server, with the client's token.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn of(client: &Client, path: &str, pauses: Pauses, tell: Tell) -> Result<Self, Error> {
        let url = client.origin().at(path);
        let client = client.clone();
        let have = Have::default();
        let mut file = Self { client, url, have, body: None, pauses, came: 0, broken: 0, over: false, tell };
        file.connect()?;
        Ok(file)
    }

    /// The file's length in bytes, where the server tells it.
    #[must_use]
    pub const fn len(&self) -> Option<u64> {
        self.have.len
    }

    /// Whether it is known to hold nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.have.len == Some(0)
    }

    /// Bytes that came so far.
    #[must_use]
    pub const fn at(&self) -> u64 {
        self.have.at
    }

    /// How often the connection broke and was made again.
    #[must_use]
    pub const fn broken(&self) -> u32 {
        self.broken
    }

    /// Where it is, after redirections.
    #[must_use]
    pub const fn url(&self) -> &Url {
        &self.url
    }

    /// Asks until an answer is there.
    fn connect(&mut self) -> Result<(), Error> {
        loop {
            match self.ask() {
                Ok(()) => {
                    self.pauses.begun();
                    return Ok(());
                }
                Err(error) => self.pause(error)?,
            }
        }
    }

    /// Waits before it is tried again, where that may help.
    fn pause(&mut self, error: Error) -> Result<(), Error> {
        if self.came >= PROGRESS {
            self.pauses.well();
        }
        self.came = 0;
        let told = match &error {
            Error::Refused { again, .. } => *again,
            _ => None,
        };
        let stop = self.client.stop();
        if error.may_pass()
            && !stop.is_set()
            && let Some(pause) = self.pauses.next_or(told)
        {
            (self.tell)(&error, pause);
            if !stop.wait(pause) {
                self.broken = self.broken.saturating_add(1);
                return Ok(());
            }
        }
        Err(if self.client.stop().is_set() { Error::Stopped } else { error })
    }

    fn ask(&mut self) -> Result<(), Error> {
        self.body = None;
        for _ in 0..=HOPS {
            let mut call = self.client.get(&self.url.path);
            if self.have.at > 0 {
                call = call.header("range", &format!("bytes={}-", self.have.at));
                if let Some(tag) = &self.have.tag {
                    call = call.header("if-range", tag);
                }
            }
            let to = format!("GET {}", self.url);
            let wrong = |wrong| match wrong {
                Wrong::Changed(what) => Error::Changed { to: to.clone(), what },
                Wrong::Odd(why) => Error::Odd { to: to.clone(), why },
            };
            let reply = call.send_any()?;
            match reply.status() {
                301 | 302 | 303 | 307 | 308 => {
                    let location = reply.header("location").unwrap_or_default();
                    let next = self.url.follow(location);
                    let next = next.map_err(|error| Error::Elsewhere { to, why: error.to_string() })?;
                    if next.origin != self.url.origin {
                        self.client = self.client.elsewhere(next.origin.clone())?;
                    }
                    self.url = next;
                }
                416 if self.have.at > 0 => {
                    nothing_behind(&self.have, reply.header("content-range")).map_err(wrong)?;
                    self.over = true;
                    return Ok(());
                }
                _ => {
                    let (status, headers, body) = reply.or_refused()?.parts();
                    plan(&mut self.have, status, &headers).map_err(wrong)?;
                    self.body = Some(body);
                    return Ok(());
                }
            }
        }
        Err(Error::Elsewhere {
            to: format!("GET {}", self.url),
            why: "from one place to the next".to_owned(),
        })
    }

    fn read_on(&mut self, buf: &mut [u8]) -> Result<usize, Error> {
        loop {
            if self.over || self.have.len == Some(self.have.at) {
                self.over = true;
                return Ok(0);
            }
            let Some(body) = &mut self.body else {
                self.ask().or_else(|error| self.pause(error))?;
                continue;
            };
            let left = self.have.len.map_or(u64::MAX, |len| len - self.have.at);
            let most = buf.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            match body.read(&mut buf[..most]) {
                Ok(0) if self.have.len.is_none() => {
                    self.over = true;
                    return Ok(0);
                }
                Ok(0) => {
                    self.body = None;
                    let source = io::ErrorKind::UnexpectedEof.into();
                    self.pause(Error::Broken {
                        to: format!("GET {}", self.url),
                        step: super::Step::Body,
                        source,
                    })?;
                }
                Ok(len) => {
                    self.have.at += len as u64;
                    self.came = self.came.saturating_add(len as u64);
                    return Ok(len);
                }
                Err(error) => {
                    self.body = None;
                    let error = error.downcast().unwrap_or_else(|source| Error::Broken {
                        to: format!("GET {}", self.url),
                        step: super::Step::Body,
                        source,
                    });
                    self.pause(error)?;
                }
            }
        }
    }
}

/// Its errors are those of this room: see [`Error::of_io`].
impl Read for Resuming {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        self.read_on(buf).map_err(Error::into_io)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ureq::http::{HeaderName, HeaderValue};

    use super::*;

    fn headers(all: &[(&'static str, &str)]) -> HeaderMap {
        all.iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()))
            .collect()
    }

    fn have() -> Have {
        Have { at: 100, len: Some(300), tag: Some("\"a\"".into()) }
    }

    #[test]
    fn the_first_answer_tells_what_it_is() {
        let mut have = Have::default();
        plan(&mut have, 200, &headers(&[("content-length", "300"), ("etag", "\"a\"")])).unwrap();
        assert_eq!(have, Have { at: 0, ..self::have() });
        plan(&mut have, 200, &headers(&[("content-length", "3")])).unwrap();
        assert_eq!(
            have,
            Have { at: 0, len: Some(3), tag: None },
            "nothing was given out, so it may be another one"
        );
    }

    #[test]
    fn the_rest_of_the_same_file_is_read() {
        let rest = [("content-range", "bytes 100-299/300"), ("content-length", "200"), ("etag", "\"a\"")];
        assert_eq!(plan(&mut have(), 206, &headers(&rest)), Ok(()));
        assert_eq!(plan(&mut have(), 206, &headers(&[("content-range", "bytes 100-199/*")])), Ok(()));
    }

    #[test]
    fn another_file_is_never_taken_for_the_rest() {
        for (status, all) in [
            (206, &[("content-range", "bytes 100-299/301")][..]),
            (206, &[("content-range", "bytes 100-299/300"), ("etag", "\"b\"")]),
            (206, &[("content-range", "bytes 99-299/300")]),
            (206, &[("content-range", "bytes 0-299/300")]),
            (206, &[("content-range", "bytes 100-299/300"), ("content-length", "7")]),
            (206, &[("content-range", "bytes 100-299/300"), ("content-encoding", "gzip")]),
            (206, &[("content-range", "bytes */300")]),
            (206, &[]),
            (200, &[("content-length", "300"), ("etag", "\"a\"")]),
            (200, &[("content-length", "300"), ("etag", "\"b\"")]),
            (204, &[]),
        ] {
            assert!(plan(&mut have(), status, &headers(all)).is_err(), "{status} {all:?}");
        }
        assert!(plan(&mut Have::default(), 206, &headers(&[("content-range", "bytes 0-299/300")])).is_err());
    }

    #[test]
    fn nothing_behind_what_is_here_is_the_end_only_where_that_is_all() {
        let have = Have { at: 100, len: None, tag: None };
        assert_eq!(nothing_behind(&have, Some("bytes */100")), Ok(()));
        for bad in [None, Some("bytes */99"), Some("bytes */101"), Some("x")] {
            assert!(nothing_behind(&have, bad).is_err());
        }
    }

    proptest! {
        #[test]
        fn whatever_a_server_says_what_is_here_stays(
            at in 0u64..1000, len: Option<u16>, status in 200u16..210, range in "bytes [0-9]{1,3}-[0-9]{1,3}/[0-9]{1,3}",
            length: Option<u16>,
        ) {
            let mut have = Have { at, len: len.map(u64::from).filter(|len| *len >= at), tag: None };
            let before = have.clone();
            let mut all = headers(&[("content-range", &range)]);
            if let Some(length) = length {
                all.insert("content-length", HeaderValue::from(length));
            }
            let fit = plan(&mut have, status, &all).is_ok();
            prop_assert_eq!(have.at, at);
            if fit && at > 0 {
                let known = answer::content_range(&range).unwrap();
                prop_assert_eq!(known.0.unwrap().0, at);
                prop_assert!(before.len.is_none() || before.len == have.len);
            }
        }
    }
}
