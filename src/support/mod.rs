//! One file for support: what this host and its station are, what is wrong, and what was done last. No password, token,
//! key or image is in it.
//!
//! | part | what it is |
//! |---|---|
//! | `clean` | secrets, and what a terminal would obey, are taken out of texts; pure |
//! | `host` | what is collected of this host |
//! | `recent` | the last lines of this process's log |
//!
//! What is put in was chosen: nothing is collected that has secrets by its nature. [`clean`] is the second fence, for
//! secrets that somebody has written where none belong.

mod clean;
mod host;
mod recent;

use std::io::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;
use serde_json::Value;

use crate::format::json;
use crate::station_api::Support;

pub use clean::clean;
pub use host::{collect, collect_within};
pub use recent::{Recent, recent};

/// A member of the file has so many bytes at most.
const LONGEST: usize = 4 << 20;
/// All members together.
const MOST: usize = 24 << 20;

/// What may be in the file: a member's name, and what it is. Said before it is made.
pub const CONTENTS: &[(&str, &str)] = &[
    ("README.txt", "what is in the file, and what is missing and why"),
    ("host.json", "versions of piprov, kernel, C library and system; memory; since when the host runs"),
    ("doctor.json", "what is looked at that boots and deploys need, and what is wrong with it"),
    ("settings.json", "settings of this host, with where each comes from"),
    ("runs.json", "the last 20 runs of commands of this host"),
    ("station/status.json", "what the station is and does, and what will be a problem soon"),
    ("station/database.json", "its database: sort, version, size, rows of each table; its disk; its agents"),
    ("station/settings.json", "its settings, with where each comes from"),
    ("station/network.json", "what boots boards has told of the network"),
    ("station/runs.json", "its last 20 runs, with their steps and the end of their logs"),
    ("station/log.txt", "the last lines of its own log"),
];

/// What is never in it.
pub const LEFT_OUT: &str =
    "passwords, tokens, keys, secrets of hooks and of second factors, sessions, bytes of images";

/// The members of the file, as they are collected.
#[derive(Debug, Default)]
pub struct Bundle {
    members: Vec<(&'static str, Vec<u8>)>,
    bytes: usize,
    /// What isn't there, and why.
    missing: Vec<String>,
}

impl Bundle {
    /// Puts a text in, without secrets; what is too much of it is left out from its beginning, since the end of a log is
    /// what counts.
    pub fn text(&mut self, name: &'static str, text: &str) {
        let mut clean: String = text.lines().map(|line| clean::clean(line) + "\n").collect();
        if clean.len() > LONGEST {
            let from = clean.ceil_char_boundary(clean.len() - LONGEST);
            clean.drain(..from);
            self.missing(format!("{name} has its last {LONGEST} bytes only"));
        }
        self.put(name, clean.into_bytes());
    }

    /// Puts something in as JSON, without secrets.
    pub fn json(&mut self, name: &'static str, value: &impl Serialize) {
        let text = serde_json::to_value(value).and_then(|mut value| {
            clean::value(&mut value);
            json::pretty(&value)
        });
        match text {
            Ok(text) if text.len() > LONGEST => self.missing(format!("{name} would be too long")),
            Ok(text) => self.put(name, (text + "\n").into_bytes()),
            Err(error) => self.missing(format!("{name} can't be written: {error}")),
        }
    }

    /// Notes that something isn't there.
    pub fn missing(&mut self, what: impl Into<String>) {
        self.missing.push(clean::clean(&what.into()));
    }

    /// What isn't there, and why.
    #[must_use]
    pub fn left(&self) -> &[String] {
        &self.missing
    }

    /// What a station tells of itself.
    pub fn station(&mut self, told: &Support) {
        self.json("station/status.json", &told.status);
        self.json("station/database.json", &told.database);
        self.json("station/settings.json", &told.settings);
        self.json("station/network.json", &told.network);
        self.json("station/runs.json", &told.runs);
        self.text("station/log.txt", &told.log.join("\n"));
    }

    /// Puts all of another one in.
    pub(super) fn join(&mut self, other: Self) {
        self.missing.extend(other.missing);
        for (name, bytes) in other.members {
            self.put(name, bytes);
        }
    }

    fn put(&mut self, name: &'static str, bytes: Vec<u8>) {
        if self.bytes + bytes.len() > MOST {
            self.missing(format!("{name}: the file would be too long"));
            return;
        }
        self.bytes += bytes.len();
        self.members.push((name, bytes));
    }

    /// What people read first.
    fn readme(&self, made: SystemTime) -> String {
        let seconds = made.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let time =
            jiff::Timestamp::from_second(i64::try_from(seconds).unwrap_or_default()).unwrap_or_default();
        let version = env!("CARGO_PKG_VERSION");
        let mut text = format!("piprov {version}: a file for support, made {time}.\n\n");
        for (name, what) in CONTENTS {
            let is_here = *name == "README.txt" || self.members.iter().any(|(member, _)| member == name);
            text += &format!("{} {name}: {what}\n", if is_here { "+" } else { "-" });
        }
        text += &format!("\nNever in it: {LEFT_OUT}.\n");
        for missing in &self.missing {
            text += &format!("\nMissing: {missing}\n");
        }
        text
    }

    /// Writes the file, a tar archive compressed by gzip. How many bytes its members have.
    ///
    /// # Errors
    /// What writing says.
    pub fn write(self, made: SystemTime, out: impl Write) -> io::Result<u64> {
        let seconds = made.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let mut tar = tar::Builder::new(flate2::write::GzEncoder::new(out, flate2::Compression::default()));
        let readme = self.readme(made).into_bytes();
        let mut bytes = 0;
        for (name, content) in [("README.txt", readme)].into_iter().chain(self.members) {
            let mut header = tar::Header::new_ustar();
            header.set_size(content.len() as u64);
            header.set_mode(0o600);
            header.set_mtime(seconds);
            tar.append_data(&mut header, format!("piprov-support/{name}"), content.as_slice())?;
            bytes += content.len() as u64;
        }
        tar.into_inner()?.finish()?.flush()?;
        Ok(bytes)
    }
}

/// A value of a setting that may be shown to those that help.
#[must_use]
pub fn setting(key: &str, value: &str) -> Value {
    // Who knows its name, and comes from the proxy's address, is whom it says.
    if key == "station.proxy-header" && !value.is_empty() {
        return "is set".into();
    }
    clean::clean(value).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn read(bundle: Bundle) -> Vec<(String, String)> {
        let mut bytes = Vec::new();
        bundle.write(SystemTime::now(), &mut bytes).unwrap();
        let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(bytes.as_slice()));
        let members = tar.entries().unwrap().map(|entry| {
            let mut entry = entry.unwrap();
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            (entry.path().unwrap().display().to_string(), text)
        });
        members.collect()
    }

    #[test]
    fn what_is_in_the_file_and_what_is_missing_is_said_in_it() {
        let mut bundle = Bundle::default();
        bundle.json("host.json", &json::json!({ "kernel": "6.1", "password": "hunter2" }));
        bundle.missing("the station doesn't answer: postgres://u:pw@db/x");
        let members = read(bundle);
        assert_eq!(members[0].0, "piprov-support/README.txt");
        assert!(members[0].1.contains("+ host.json") && members[0].1.contains("- station/log.txt"));
        assert!(members[0].1.contains("Missing: the station doesn't answer: postgres://…@db/x"));
        assert!(members[1].1.contains("6.1") && !members[1].1.contains("hunter2"), "{}", members[1].1);
    }

    #[test]
    fn a_log_that_is_too_long_keeps_its_end_and_all_is_bounded() {
        let mut bundle = Bundle::default();
        let text = format!("first\n{}last\n", "é line of a log\n".repeat(LONGEST / 16));
        for _ in 0..8 {
            bundle.text("station/log.txt", &text);
        }
        let members = read(bundle);
        assert!(members[1].1.ends_with("last\n") && !members[1].1.contains("first"));
        assert!(members[0].1.contains("the file would be too long"), "{}", members[0].1);
        assert!(members.iter().map(|(_, text)| text.len()).sum::<usize>() < MOST + 65_536);
    }
}
