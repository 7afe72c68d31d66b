//! The audit as a file: written so that it can be proved elsewhere, and proved.
//!
//! Its lines are JSON: `{"audit":1,"n":…,"hash":…}` says behind which line it begins, then a line for each thing that was
//! done, and `{"end":…,"hash":…,"time":…,"key":…,"signature":…}` last: Ed25519 by the station's key over
//! `piprov audit 1 END HASH TIME`.

use std::io::{BufRead, BufReader, Read};
use std::sync::Arc;

use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use ring::signature::{ED25519, UnparsedPublicKey};
use serde::{Deserialize, Serialize};

use super::store::Chained;
use super::web::{Refusal, Who};
use super::{Options, Station, now};
use crate::error::{Explain, Kind, Remedy};
use crate::format::unhex;
use crate::station_api::{Audit, Broken, Link, Time};

/// A line is so long at most.
const LONGEST: u64 = 64 << 10;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct First {
    audit: u64,
    #[serde(flatten)]
    begin: Link,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Last {
    end: u64,
    hash: String,
    time: Time,
    key: String,
    signature: String,
}

fn signed(end: u64, hash: &str, time: Time) -> String {
    format!("piprov audit 1 {end} {hash} {time}")
}

fn json(value: &impl Serialize) -> String {
    let mut line = crate::format::json::line(value).unwrap_or_default();
    line.push('\n');
    line
}

impl Station {
    /// All of the audit, as a file that can be proved.
    pub(super) async fn export_audit(self: &Arc<Self>, who: &Who) -> Result<Response, Refusal> {
        // What is noted from here on isn't in it, but for this itself.
        self.did(who, "audit.export", "audit").await;
        let (begin, end) = self.store().audit_ends().await?;
        let first = json(&First { audit: 1, begin: begin.clone() });
        let station = Arc::clone(self);
        let rest = futures::stream::try_unfold(Some(begin.n), move |at| {
            let (station, end) = (Arc::clone(&station), end.clone());
            async move {
                let Some(at) = at else { return Ok::<_, std::io::Error>(None) };
                let lines = station.store().audit_behind(at).await.map_err(std::io::Error::other)?;
                let lines: Vec<_> = lines.into_iter().filter(|line| line.n <= end.n).collect();
                if let Some(last) = lines.last() {
                    let next = last.n;
                    return Ok(Some((lines.iter().map(json).collect::<String>(), Some(next))));
                }
                let time = now();
                let signature = station.key().sign(signed(end.n, &end.hash, time).as_bytes());
                let key = station.key().public();
                Ok(Some((json(&Last { end: end.n, hash: end.hash, time, key, signature }), None)))
            }
        });
        let first = futures::stream::once(async move { Ok(first) });
        let body = Body::from_stream(futures::StreamExt::chain(first, rest));
        let name = format!("attachment; filename=\"piprov-audit-{}.jsonl\"", now() / 1000);
        let headers =
            [(header::CONTENT_TYPE, "application/jsonl".to_owned()), (header::CONTENT_DISPOSITION, name)];
        Ok((headers, body).into_response())
    }
}

/// Why an audit can't be proved.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It can't be read.
    #[error("reading the audit")]
    Read(#[source] std::io::Error),
    /// It is no audit's file.
    #[error("line {line} is none of an exported audit: {why}")]
    NoAudit {
        /// The line of the file.
        line: u64,
        /// What is wrong.
        why: String,
    },
    /// Its end is missing.
    #[error("the file isn't whole: its last line is missing")]
    Cut,
    /// A line was changed, removed or put in.
    #[error(transparent)]
    Broken(#[from] Broken),
    /// The signature isn't the key's.
    #[error("the signature at the end of the file is wrong")]
    Signature,
    /// It is signed by another key than the one that was asked for.
    #[error("the file is signed by {is}, not by {wanted}")]
    Key {
        /// Its key, 64 hexadecimal digits.
        is: String,
        /// The one that was asked for.
        wanted: String,
    },
    /// The store can't be opened or read.
    #[error(transparent)]
    Open(#[from] super::OpenError),
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Read(error) => Kind::of_io(error),
            Self::NoAudit { .. } | Self::Cut | Self::Broken(_) | Self::Signature | Self::Key { .. } => {
                Kind::BadData
            }
            Self::Open(error) => error.kind(),
        }
    }

    fn hint(&self) -> Option<Remedy> {
        match self {
            Self::Broken(_) | Self::Signature | Self::Key { .. } => Some(
                "somebody has changed it outside of the station: compare it with a copy or an export from before".into(),
            ),
            Self::Open(error) => error.hint(),
            _ => None,
        }
    }
}

/// A file that was proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proved {
    /// Behind which line it begins.
    pub begin: Link,
    /// Where it ends.
    pub end: Link,
    /// When it was written, where the file says so.
    pub time: Option<Time>,
    /// Whose signature stands at its end, 64 hexadecimal digits.
    pub key: Option<String>,
}

impl Proved {
    /// Whether it is signed by this key, as the station tells it: 64 hexadecimal digits. Anybody can make a file that is whole
    /// and signed; only the station has its key.
    ///
    /// # Errors
    /// [`Error::Key`].
    pub fn is_of(&self, wanted: &str) -> Result<(), Error> {
        let is = self.key.clone().unwrap_or_default();
        let wanted = wanted.to_ascii_lowercase();
        if is.eq_ignore_ascii_case(&wanted) { Ok(()) } else { Err(Error::Key { is, wanted }) }
    }
}

/// Proves an exported file: its chain, its end and its signature. Whether the key is that of the station in question, who
/// asks knows.
///
/// # Errors
/// See [`Error`].
pub fn prove(from: impl Read) -> Result<Proved, Error> {
    let mut from = BufReader::new(from);
    let (mut begin, mut at, mut number) = (None, Link::default(), 0);
    loop {
        let mut text = Vec::new();
        (&mut from).take(LONGEST).read_until(b'\n', &mut text).map_err(Error::Read)?;
        if text.is_empty() {
            return Err(Error::Cut);
        }
        number += 1;
        let wrong = |why: serde_json::Error| Error::NoAudit { line: number, why: why.to_string() };
        let Some(begin) = &begin else {
            let first: First = serde_json::from_slice(&text).map_err(wrong)?;
            if first.audit != 1 {
                return Err(Error::NoAudit { line: number, why: format!("it has form {}", first.audit) });
            }
            at = first.begin.clone();
            begin = Some(first.begin);
            continue;
        };
        if let Ok(last) = serde_json::from_slice::<Last>(&text) {
            at.ends(&Link { n: last.end, hash: last.hash.clone() })?;
            let (key, signature) = (unhex::<32>(&last.key), unhex::<64>(&last.signature));
            let (Some(key), Some(signature)) = (key, signature) else { return Err(Error::Signature) };
            UnparsedPublicKey::new(&ED25519, key)
                .verify(signed(last.end, &last.hash, last.time).as_bytes(), &signature)
                .map_err(|_| Error::Signature)?;
            let rest = from.fill_buf().map_err(Error::Read)?;
            if !rest.is_empty() {
                return Err(Error::NoAudit { line: number + 1, why: "it stands behind the end".to_owned() });
            }
            let (time, key) = (Some(last.time), Some(last.key));
            return Ok(Proved { begin: begin.clone(), end: at, time, key });
        }
        // What isn't in the digest isn't in the line: a member that nobody knows may say anything.
        let value: serde_json::Value = serde_json::from_slice(&text).map_err(wrong)?;
        let line: Audit = serde_json::from_slice(&text).map_err(wrong)?;
        if serde_json::to_value(&line).ok().as_ref() != Some(&value) {
            let why = "it has more in it than a line of an audit".to_owned();
            return Err(Error::NoAudit { line: number, why });
        }
        at.follow(&line)?;
    }
}

/// Proves the chain of a store, whether its station serves or not. `before`: what an earlier export has shown, which has to
/// be part of it still; that finds a chain that was made anew as a whole.
///
/// # Errors
/// See [`Error`].
pub fn prove_store(options: &Options, before: Option<&Proved>) -> Result<Proved, Error> {
    let at = before.map_or(0, |before| before.end.n);
    let (checked, line) = super::copies::look(options, async |store| {
        let line = store.audit_behind(at.saturating_sub(1)).await?.into_iter().next();
        Ok((store.check_audit().await?, line))
    })?;
    let Chained { begin, end, broken } = checked;
    if let Some(broken) = broken {
        return Err(broken.into());
    }
    if let Some(before) = before.map(|before| &before.end) {
        if end.n < before.n {
            return Err(Broken::Missing { n: end.n + 1 }.into());
        }
        // What was cut because it is old can't be compared any more.
        if before.n > begin.n && line.is_none_or(|line| line.hash != before.hash) {
            return Err(Broken::Changed { n: before.n }.into());
        }
    }
    Ok(Proved { begin, end, time: None, key: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::station::key::StationKey;
    use crate::station_api::digest;

    fn file() -> (tempfile::TempDir, Vec<String>, String) {
        let dir = tempfile::tempdir().unwrap();
        let key = StationKey::open(dir.path()).unwrap();
        let begin = Link { n: 7, hash: "ab".repeat(32) };
        let mut lines = vec![json(&First { audit: 1, begin: begin.clone() })];
        let mut at = begin;
        for n in 8..12 {
            let text = |text: &str| text.to_owned();
            let (by, from, what) = (text("ada"), text("::1"), text("board.deploy"));
            let mut line =
                Audit { n, time: 5, by, from, what, on: format!("b{n}"), name: None, hash: String::new() };
            line.hash = digest(&at.hash, &line);
            at.follow(&line).unwrap();
            lines.push(json(&line));
        }
        let signature = key.sign(signed(at.n, &at.hash, 9).as_bytes());
        lines.push(json(&Last { end: at.n, hash: at.hash, time: 9, key: key.public(), signature }));
        (dir, lines, key.public())
    }

    #[test]
    fn a_file_is_proved_whole_and_nothing_else_is() {
        let (_dir, lines, key) = file();
        let proved = prove(lines.concat().as_bytes()).unwrap();
        let seen = (proved.begin.n, proved.end.n, proved.time, proved.key);
        assert_eq!(seen, (7, 11, Some(9), Some(key.clone())));
        let with = |change: &dyn Fn(&mut Vec<String>)| {
            let mut lines = lines.clone();
            change(&mut lines);
            prove(lines.concat().as_bytes()).unwrap_err()
        };
        assert!(matches!(with(&|lines| drop(lines.pop())), Error::Cut));
        assert!(matches!(with(&|lines| drop(lines.remove(4))), Error::Broken(Broken::Missing { n: 11 })));
        assert!(matches!(with(&|lines| drop(lines.remove(2))), Error::Broken(Broken::Missing { n: 9 })));
        let changed = with(&|lines| lines[3] = lines[3].replace("ada", "eve"));
        assert!(matches!(changed, Error::Broken(Broken::Changed { n: 10 })));
        assert!(matches!(
            with(&|lines| lines[5] = lines[5].replace("\"time\":9", "\"time\":8")),
            Error::Signature
        ));
        assert!(matches!(with(&|lines| lines.push("{}\n".into())), Error::NoAudit { line: 7, .. }));
        assert!(matches!(with(&|lines| lines[2] = "no\n".into()), Error::NoAudit { line: 3, .. }));
        assert!(matches!(with(&|lines| drop(lines.remove(0))), Error::NoAudit { line: 1, .. }));
        let more = with(&|lines| lines[2] = lines[2].replacen('{', "{\"by2\":\"eve\",", 1));
        assert!(matches!(more, Error::NoAudit { line: 3, .. }), "{more}");
        // Anybody makes a file that is whole and signed; whose key it is, is another question.
        let (_other, forged, other) = file();
        let forged = prove(forged.concat().as_bytes()).unwrap();
        forged.is_of(&other.to_uppercase()).unwrap();
        assert!(matches!(forged.is_of(&key), Err(Error::Key { .. })));
        assert!(matches!(prove(&b""[..]), Err(Error::Cut)));
        assert!(prove(&[b'['; 1 << 20][..]).is_err());
    }
}
