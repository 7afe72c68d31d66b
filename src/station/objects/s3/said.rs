//! What a bucket's server says that says no: read without sockets, and in our words.

use std::fmt;
use std::sync::Arc;

use crate::error::{Explain, Kind, Remedy, remedy};
use crate::http;

/// Most characters of what a server says that are told.
const MOST: usize = 300;
/// A clock that differs by more is refused by servers: seconds.
const SKEW: i64 = 300;

/// Why a request to a bucket came to nothing. Clones are the same.
#[derive(Debug, Clone)]
pub struct Said(Arc<Why>);

#[derive(Debug)]
enum Why {
    /// No whole answer came.
    Http(http::Error),
    /// The server says no.
    Refused(Refused),
}

/// A server's no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused {
    /// What was asked, without what isn't for everybody.
    pub(super) to: String,
    /// The HTTP status.
    pub(super) status: u16,
    /// Its word for the reason, where it says one.
    pub(super) code: Option<String>,
    /// Its sentence.
    pub(super) message: Option<String>,
    /// How many seconds its clock is before ours.
    pub(super) skew: Option<i64>,
    /// What came is a web page: a proxy's, or a login's.
    pub(super) is_page: bool,
}

impl From<http::Error> for Said {
    fn from(error: http::Error) -> Self {
        Self(Arc::new(Why::Http(error)))
    }
}

impl From<Refused> for Said {
    fn from(refused: Refused) -> Self {
        Self(Arc::new(Why::Refused(refused)))
    }
}

impl Said {
    /// Whether the answer was longer than it may be.
    pub(in crate::station::objects) fn is_too_long(&self) -> bool {
        matches!(*self.0, Why::Http(http::Error::TooLong { .. }))
    }

    /// Whether the same may go well a little later.
    pub(super) fn may_pass(&self) -> bool {
        match &*self.0 {
            Why::Http(error) => error.may_pass(),
            Why::Refused(refused) => refused.may_pass(),
        }
    }
}

impl fmt::Display for Said {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Why::Http(error) => error.fmt(out),
            Why::Refused(refused) => refused.fmt(out),
        }
    }
}

impl std::error::Error for Said {}

impl Explain for Said {
    fn kind(&self) -> Kind {
        match &*self.0 {
            Why::Http(error) => match error.kind() {
                Kind::Permission | Kind::NoInput | Kind::Usage => Kind::Config,
                kind => kind,
            },
            Why::Refused(refused) => refused.about().kind(),
        }
    }

    fn hint(&self) -> Option<Remedy> {
        match &*self.0 {
            Why::Http(http::Error::Tls { .. }) => {
                Some("Let this system trust the authority behind that server's certificate, or name its file in AWS_CA_BUNDLE.".into())
            }
            Why::Http(error) => error.hint(),
            Why::Refused(refused) => refused.about().hint(),
        }
    }
}

/// What a no is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    Clock,
    Key,
    Bucket,
    Region,
    Right,
    Busy,
    Page,
    Other,
}

impl About {
    const fn kind(self) -> Kind {
        match self {
            // Who asks the station may do what they ask for: it is the station that may not, or is set up wrongly.
            Self::Clock | Self::Region | Self::Key | Self::Right | Self::Bucket | Self::Page => Kind::Config,
            Self::Busy => Kind::Unavailable,
            Self::Other => Kind::Failed,
        }
    }

    fn hint(self) -> Option<Remedy> {
        Some(match self {
            Self::Clock => "Set the clocks of this host and of that server: they differ by minutes.".into(),
            Self::Key => remedy!(
                "Look at the keys: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the file of the setting \
                 `station.objects-credentials`."
            ),
            Self::Bucket => "Make the bucket first, or look whether its name is right.".into(),
            Self::Region => "Look whether AWS_REGION is that of the bucket.".into(),
            Self::Right => "Let that key list the bucket, and get, put and delete its objects.".into(),
            Self::Busy => "Look whether that server is well.".into(),
            Self::Page => remedy!(
                "Look whether AWS_ENDPOINT_URL is the address of that server, or what the file of the setting \
                 `station.objects-credentials` says; and at what stands between: a proxy, a network's login page."
            ),
            Self::Other => return None,
        })
    }
}

impl Refused {
    /// What is said with a status, in an answer's headers and in its body.
    pub(super) fn read(to: String, status: u16, date: Option<&str>, body: &[u8], now: i64) -> Self {
        let text = String::from_utf8_lossy(&body[..body.len().min(64 << 10)]);
        let skew = date.and_then(seconds_of).map(|server| server.saturating_sub(now));
        let code = between(&text, "<Code>", "</Code>").filter(|code| is_word(code));
        let message = between(&text, "<Message>", "</Message>").map(|text| cut(&text));
        Self { to, status, code, message, skew, is_page: is_page(body) }
    }

    /// Whether the object that was asked for isn't there, and nothing else is the matter.
    pub(super) fn is_missing(&self) -> bool {
        self.status == 404 && !self.is_page && self.code.as_deref().is_none_or(|code| code == "NoSuchKey")
    }

    fn may_pass(&self) -> bool {
        matches!(self.status, 408 | 429) || (self.status >= 500 && !matches!(self.status, 501 | 505 | 507))
    }

    pub(super) fn about(&self) -> About {
        let is_off = self.skew.is_some_and(|skew| skew.abs() > SKEW);
        match (self.code.as_deref().unwrap_or_default(), self.status) {
            ("RequestTimeTooSkewed", _) => About::Clock,
            // Servers that have no word for it refuse a time of another day as a wrong signature.
            (_, 400 | 401 | 403) if is_off => About::Clock,
            ("InvalidAccessKeyId" | "SignatureDoesNotMatch" | "InvalidToken" | "ExpiredToken", _)
            | (_, 401) => About::Key,
            _ if self.is_page && !self.may_pass() => About::Page,
            ("NoSuchBucket" | "InvalidBucketName", _) | (_, 404) => About::Bucket,
            ("AuthorizationHeaderMalformed" | "PermanentRedirect" | "IncorrectEndpoint", _)
            | (_, 300..400) => About::Region,
            (_, 403) => About::Right,
            _ if self.may_pass() => About::Busy,
            _ => About::Other,
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: ", self.to)?;
        match self.about() {
            About::Clock => {
                write!(out, "the clock of this host and that of the server differ")?;
                if let Some(skew) = self.skew.filter(|skew| skew.abs() > SKEW) {
                    write!(out, " by {} seconds", skew.unsigned_abs())?;
                }
            }
            About::Key => write!(out, "the server doesn't take the key")?,
            About::Bucket => write!(out, "there is no such bucket")?,
            About::Region => write!(out, "the bucket is in another region, or on another server")?,
            About::Right => write!(out, "the key may not do this")?,
            About::Busy => write!(out, "the server can't do it now")?,
            About::Page => write!(out, "what answers is a web page, and no server of buckets")?,
            About::Other => write!(out, "the server says no")?,
        }
        write!(out, " ({}", self.status)?;
        if let Some(code) = &self.code {
            write!(out, " {code}")?;
        }
        if let Some(message) = &self.message {
            write!(out, ": {message}")?;
        }
        out.write_str(")")
    }
}

/// Whether an answer is a web page, whatever its headers call it. No object of ours begins so.
pub(super) fn is_page(body: &[u8]) -> bool {
    let begin = body.trim_ascii_start();
    ["<!doctype html", "<html"]
        .iter()
        .any(|word| begin.get(..word.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(word.as_bytes())))
}

/// What stands between two texts, where it stands.
fn between(text: &str, begin: &str, end: &str) -> Option<String> {
    let rest = &text[text.find(begin)? + begin.len()..];
    Some(rest[..rest.find(end)?].trim().to_owned()).filter(|text| !text.is_empty())
}

fn is_word(text: &str) -> bool {
    text.len() <= 64
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
}

/// The beginning of a text, in one line.
fn cut(text: &str) -> String {
    text.chars().map(|char| if char.is_control() { ' ' } else { char }).take(MOST).collect()
}

/// The seconds of an HTTP date (RFC 9110, section 5.6.7: IMF-fixdate, as all senders have to write it).
fn seconds_of(date: &str) -> Option<i64> {
    let date = date.trim().strip_suffix(" GMT")?;
    let time = jiff::civil::DateTime::strptime("%a, %d %b %Y %H:%M:%S", date).ok()?;
    time.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|time| time.timestamp().as_second())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Sat, 06 Jan 2029 00:00:00 GMT.
    const NOW: i64 = 1_862_352_000;

    fn refused(status: u16, date: Option<&str>, body: &str) -> Refused {
        Refused::read("PUT http://s3/b/x".into(), status, date, body.as_bytes(), NOW)
    }

    fn xml(code: &str) -> String {
        format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>m</Message></Error>")
    }

    #[test]
    fn a_no_is_about_something() {
        for (status, body, about, kind) in [
            (403, xml("RequestTimeTooSkewed"), About::Clock, Kind::Config),
            (403, xml("SignatureDoesNotMatch"), About::Key, Kind::Config),
            (403, xml("InvalidAccessKeyId"), About::Key, Kind::Config),
            (403, xml("AccessDenied"), About::Right, Kind::Config),
            (403, String::new(), About::Right, Kind::Config),
            (404, xml("NoSuchBucket"), About::Bucket, Kind::Config),
            (301, xml("PermanentRedirect"), About::Region, Kind::Config),
            (400, xml("AuthorizationHeaderMalformed"), About::Region, Kind::Config),
            (503, xml("SlowDown"), About::Busy, Kind::Unavailable),
            (501, xml("NotImplemented"), About::Other, Kind::Failed),
            (418, "tea".to_owned(), About::Other, Kind::Failed),
            (418, "<html>".to_owned(), About::Page, Kind::Config),
            (200, "\n<!DOCTYPE html><title>Log in</title>".to_owned(), About::Page, Kind::Config),
            (302, "<HTML>".to_owned(), About::Page, Kind::Config),
            (404, "<html>".to_owned(), About::Page, Kind::Config),
            (503, "<html>".to_owned(), About::Busy, Kind::Unavailable),
        ] {
            let refused = refused(status, None, &body);
            let said = Said::from(refused.clone());
            assert_eq!((refused.about(), said.kind()), (about, kind), "{status} {body}");
            assert_eq!(said.may_pass(), status == 503);
            assert_eq!(said.hint().is_some(), about != About::Other);
            assert!(said.to_string().starts_with("PUT http://s3/b/x: "), "{said}");
        }
    }

    #[test]
    fn a_clock_that_is_wrong_is_seen_by_the_servers_date_too() {
        let date = Some("Fri, 05 Jan 2029 23:00:00 GMT");
        let clock = refused(403, date, &xml("AccessDenied"));
        assert_eq!((clock.about(), clock.skew), (About::Clock, Some(-3600)));
        assert!(clock.to_string().contains("differ by 3600 seconds (403 AccessDenied: m)"), "{clock}");
        let near = refused(403, Some("Sat, 06 Jan 2029 00:04:00 GMT"), &xml("AccessDenied"));
        assert_eq!((near.about(), near.skew), (About::Right, Some(240)));
        for date in ["", "yesterday", "Sat, 06 Jan 2029 00:04:00 +0100", "Sat, 99 Jan 2029 00:04:00 GMT"] {
            assert_eq!(refused(403, Some(date), "").skew, None, "{date}");
        }
    }

    #[test]
    fn only_an_object_that_is_not_there_is_missing() {
        assert!(refused(404, None, "").is_missing() && refused(404, None, &xml("NoSuchKey")).is_missing());
        assert!(!refused(404, None, &xml("NoSuchBucket")).is_missing());
        assert!(!refused(403, None, &xml("NoSuchKey")).is_missing());
        assert!(!refused(404, None, "<html>").is_missing());
    }

    #[test]
    fn what_a_server_says_is_short_and_in_one_line() {
        let body = format!("<Code>a b</Code><Message>{}\u{1b}[2J\n</Message>", "x\n".repeat(1000));
        let refused = refused(400, None, &body);
        assert_eq!(refused.code, None, "a word is a word");
        let said = refused.to_string();
        assert!(said.chars().count() < 500 && !said.contains(['\n', '\u{1b}']), "{said:?}");
    }

    proptest! {
        #[test]
        fn no_answer_makes_it_panic(status in 100u16..1000, date: Option<String>, body: Vec<u8>) {
            let refused = Refused::read("x".into(), status, date.as_deref(), &body, NOW);
            let _ = (refused.to_string(), refused.about());
        }
    }
}
