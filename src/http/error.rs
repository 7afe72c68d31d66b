//! What can go wrong between us and a server.

use std::io;
use std::time::Duration;

use super::url::BadUrl;
use crate::error::{Explain, Kind, Remedy};
use crate::station_api::Problem;

/// Which part of a call it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Finding the server's address, and connecting.
    Connect,
    /// Agreeing on TLS.
    Tls,
    /// Sending what is asked, or what goes along.
    Send,
    /// Waiting for the beginning of the answer.
    Answer,
    /// Reading the answer.
    Body,
    /// All of it.
    Whole,
}

impl std::fmt::Display for Step {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            Self::Connect => "connecting",
            Self::Tls => "agreeing on TLS",
            Self::Send => "sending",
            Self::Answer => "waiting for an answer",
            Self::Body => "reading the answer",
            Self::Whole => "the whole of it",
        })
    }
}

/// What went wrong. `to` is what was asked, without what isn't for everybody.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An address that can't be used.
    #[error(transparent)]
    Url(#[from] BadUrl),
    /// The certificates that servers are checked by.
    #[error("{what}: {why}")]
    Trust {
        /// Which, or where they should be.
        what: String,
        /// What is wrong.
        why: String,
    },
    /// No name server knows the server.
    #[error("{to}: the server's name isn't known: {why}")]
    Name {
        /// What was asked.
        to: String,
        /// What the system says.
        why: String,
    },
    /// The server isn't there.
    #[error("{to}: {source}")]
    Connect {
        /// What was asked.
        to: String,
        /// What the system says.
        source: io::Error,
    },
    /// The server speaks something else than TLS.
    #[error("{to}: the server speaks no TLS")]
    NotTls {
        /// What was asked.
        to: String,
    },
    /// The server isn't the one that it should be.
    #[error("{to}: {why}")]
    Tls {
        /// What was asked.
        to: String,
        /// What is wrong.
        why: String,
    },
    /// The server has another certificate than the one that it is known by.
    #[error("{to}: its certificate is {got}, and {wanted} is expected")]
    Pin {
        /// What was asked.
        to: String,
        /// sha256 of the certificate that is expected.
        wanted: String,
        /// That of the server's.
        got: String,
    },
    /// A certificate is pinned, and there is none without TLS.
    #[error("{to} is not HTTPS, and its certificate is to be looked at: nothing is sent")]
    NoTls {
        /// The server.
        to: String,
    },
    /// It took too long.
    #[error("{to}: nothing for {} s while {step}", .limit.as_secs_f64())]
    Slow {
        /// What was asked.
        to: String,
        /// When.
        step: Step,
        /// The limit.
        limit: Duration,
    },
    /// The connection broke.
    #[error("{to}: the connection broke while {step}: {source}")]
    Broken {
        /// What was asked.
        to: String,
        /// When.
        step: Step,
        /// What the system says.
        source: io::Error,
    },
    /// The answer makes no sense.
    #[error("{to}: the answer makes no sense: {why}")]
    Odd {
        /// What was asked.
        to: String,
        /// Why.
        why: String,
    },
    /// The answer is larger than it may be.
    #[error("{to}: the answer is longer than {limit} bytes")]
    TooLong {
        /// What was asked.
        to: String,
        /// What it may be.
        limit: u64,
    },
    /// The server says no.
    #[error("{}", said(to, *.status, .problem.as_deref()))]
    Refused {
        /// What was asked.
        to: String,
        /// The HTTP status.
        status: u16,
        /// What it says about it, where it says something that is understood.
        problem: Option<Box<Problem>>,
        /// When to ask again, in seconds.
        again: Option<u32>,
    },
    /// The server sends us on, to where we don't go.
    #[error("{to}: it leads elsewhere: {why}")]
    Elsewhere {
        /// What was asked.
        to: String,
        /// Why we don't go.
        why: String,
    },
    /// What is on the server is no longer what was read from before.
    #[error("{to}: it has changed meanwhile: {what}")]
    Changed {
        /// What was asked.
        to: String,
        /// What is different.
        what: String,
    },
    /// It was to end.
    #[error("interrupted")]
    Stopped,
    /// What goes along couldn't be read.
    #[error("what is to be sent can't be read: {0}")]
    Input(io::Error),
}

/// What a server says that says no. What it says itself is whole.
fn said(to: &str, status: u16, problem: Option<&Problem>) -> String {
    match problem {
        Some(problem) if !problem.detail.is_empty() => problem.detail.clone(),
        Some(problem) if !problem.title.is_empty() => format!("{to}: {} ({status})", problem.title),
        _ => match status {
            401 => format!("{to}: it wants to know who asks (401)"),
            403 => format!("{to}: that isn't allowed (403)"),
            404 => format!("{to}: it isn't there (404)"),
            _ => format!("{to}: the server says no ({status})"),
        },
    }
}

impl Error {
    /// The HTTP status where the server says no.
    #[must_use]
    pub const fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// Whether the same may go well a little later: the connection broke, nobody answered, or the server says so (429,
    /// and 5xx but 501 and 505). What the server refuses otherwise, it refuses again.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Refused { status, .. } => {
                *status == 408 || *status == 429 || (*status >= 500 && !matches!(status, 501 | 505 | 507))
            }
            Self::Connect { source, .. } => !matches!(
                source.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied | io::ErrorKind::InvalidInput
            ),
            Self::Name { .. } | Self::Slow { .. } | Self::Broken { .. } => true,
            _ => false,
        }
    }

    /// As an error of a reader; [`Self::of_io`] gets it back.
    #[must_use]
    pub fn into_io(self) -> io::Error {
        let kind = match &self {
            Self::Stopped => io::ErrorKind::Interrupted,
            Self::Slow { .. } => io::ErrorKind::TimedOut,
            Self::Input(error) => error.kind(),
            Self::Connect { source, .. } | Self::Broken { source, .. } => source.kind(),
            Self::Changed { .. } | Self::Odd { .. } | Self::TooLong { .. } => io::ErrorKind::InvalidData,
            _ => io::ErrorKind::Other,
        };
        // A reader's caller would try again on Interrupted by itself.
        let kind = if kind == io::ErrorKind::Interrupted { io::ErrorKind::Other } else { kind };
        io::Error::new(kind, self)
    }

    /// The error of this room that an error of a reader is.
    #[must_use]
    pub fn of_io(error: &io::Error) -> Option<&Self> {
        error.get_ref().and_then(|inner| inner.downcast_ref())
    }
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Url(error) => error.kind(),
            Self::Trust { .. } | Self::NoTls { .. } => Kind::Config,
            Self::Connect { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                Kind::Permission
            }
            Self::Name { .. }
            | Self::Connect { .. }
            | Self::Slow { .. }
            | Self::NotTls { .. }
            | Self::Broken { .. } => Kind::Unavailable,
            Self::Tls { .. } | Self::Pin { .. } | Self::Elsewhere { .. } => Kind::Permission,
            Self::Odd { .. } | Self::TooLong { .. } | Self::Changed { .. } => Kind::BadData,
            Self::Stopped => Kind::Interrupted,
            Self::Input(error) => Kind::of_io(error),
            Self::Refused { problem: Some(problem), .. } => problem.kind,
            Self::Refused { status, .. } => match status {
                401 | 403 => Kind::Permission,
                404 | 410 => Kind::NoInput,
                409 | 412 | 423 | 425 | 429 => Kind::Busy,
                400 | 413 | 415 | 422 => Kind::BadData,
                502..=504 => Kind::Unavailable,
                507 => Kind::CantCreate,
                _ => Kind::Failed,
            },
        }
    }

    fn hint(&self) -> Option<Remedy> {
        match self {
            Self::Url(error) => error.hint(),
            Self::Refused { problem: Some(problem), .. } => problem.hint.clone(),
            Self::Name { .. } => Some("Look whether the address is right.".into()),
            Self::Connect { .. } | Self::Slow { step: Step::Connect, .. } => {
                Some("Look whether the address is right, and whether the server runs.".into())
            }
            Self::Pin { .. } => Some(
                "Either the server has a new certificate, or somebody stands between. Compare it on the server's host.".into(),
            ),
            Self::Tls { why, .. } if why.contains("UnknownIssuer") => Some(
                "No authority that this system trusts stands behind the certificate. Where it is the server's own, pin its \
                 sha256: `station.pin` in the settings."
                    .into(),
            ),
            Self::NotTls { .. } => Some(
                "Look whether address and port are right. A server without a certificate is named by http://.".into(),
            ),
            Self::NoTls { .. } => Some("Name the server by its https address, or leave the pin away.".into()),
            Self::Changed { .. } => Some("Begin again: what came before belongs to the old one.".into()),
            _ => None,
        }
    }

    fn more(&self) -> Vec<String> {
        match self {
            Self::Refused { problem: Some(problem), .. } => problem.more.clone(),
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16) -> Error {
        Error::Refused { to: "a".into(), status, problem: None, again: None }
    }

    #[test]
    fn what_is_refused_is_not_asked_again() {
        for status in [400, 401, 403, 404, 405, 409, 413, 415, 422, 501, 507] {
            assert!(!refused(status).may_pass(), "{status}");
        }
        for status in [408, 429, 500, 502, 503, 504] {
            assert!(refused(status).may_pass(), "{status}");
        }
        let connect = |kind: io::ErrorKind| Error::Connect { to: "a".into(), source: kind.into() };
        assert!(connect(io::ErrorKind::ConnectionRefused).may_pass());
        assert!(!connect(io::ErrorKind::NotFound).may_pass());
        assert!(!Error::Stopped.may_pass());
    }

    #[test]
    fn a_servers_own_kind_decides() {
        let problem = Problem {
            kind_of: "about:blank".into(),
            title: "Conflict".into(),
            status: 409,
            detail: "the board has a job".into(),
            kind: Kind::Failed,
            hint: Some("wait".into()),
            more: vec!["x".into()],
        };
        let error =
            Error::Refused { to: "a".into(), status: 409, problem: Some(Box::new(problem)), again: None };
        assert_eq!((error.kind(), error.to_string().as_str()), (Kind::Failed, "the board has a job"));
        assert!(error.hint().unwrap().says("wait") && error.more() == ["x"]);
        assert_eq!(
            (refused(404).kind(), refused(401).kind(), refused(409).kind()),
            (Kind::NoInput, Kind::Permission, Kind::Busy)
        );
    }

    #[test]
    fn a_readers_error_is_the_same_one() {
        let error = Error::Stopped.into_io();
        assert!(matches!(Error::of_io(&error), Some(Error::Stopped)));
        assert_ne!(error.kind(), io::ErrorKind::Interrupted);
        assert!(Error::of_io(&io::Error::other("x")).is_none());
    }
}
