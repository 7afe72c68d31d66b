//! What happens while a board is flashed, as values that its run tells.

use std::net::IpAddr;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::format::size;
use crate::run::{Detail, Running, Weight, members};
pub use crate::run::{Ending, Stage};

/// Something that happened to one board.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// The stage that it is in now.
    pub stage: Stage,
    /// How much of the image is on the board, fetched or written, and of how many bytes in all.
    pub done_bytes: u64,
    /// Bytes in all, as far as they are known.
    pub total_bytes: u64,
    /// What happened.
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum What {
    /// The job's files are there for another TFTP server.
    Staged {
        /// The board's directory.
        path: String,
        /// Bytes in all of its files.
        bytes: u64,
        /// How long it took, with waiting for the image's checksums.
        #[serde(rename = "seconds", serialize_with = "seconds")]
        time: Duration,
    },
    /// The reset goes out; `how` describes the line or the command.
    Resetting {
        /// For people.
        how: String,
    },
    /// The reset is over.
    Reset,
    /// The board has asked for its job.
    Booted {
        /// Its address.
        peer: Option<IpAddr>,
        /// First byte of U-Boot's partition on its card.
        uboot_start: u64,
        /// Length of that partition.
        uboot_len: u64,
        /// How often it has started in this job before.
        before: u32,
    },
    /// It has begun to fetch.
    Fetching {
        /// Which step, counted from 0.
        step: usize,
        /// What it is, for people.
        label: String,
        /// Length in bytes.
        bytes: u64,
    },
    /// It has fetched more.
    Progress {
        /// Bytes of this step.
        sent: u64,
        /// Length of this step.
        bytes: u64,
    },
    /// It has all of the step, and writes.
    Fetched {
        /// What it is, for people.
        label: String,
        /// Length in bytes.
        bytes: u64,
        /// How long it took.
        #[serde(rename = "seconds", serialize_with = "seconds")]
        time: Duration,
    },
    /// The step was read back and is equal.
    Equal {
        /// Which step, counted from 0.
        step: usize,
        /// What it is, for people.
        label: String,
        /// Length in bytes.
        bytes: u64,
        /// The checksum, in hexadecimal.
        crc32: String,
        /// How long writing and reading back took.
        #[serde(rename = "seconds", serialize_with = "seconds")]
        time: Duration,
    },
    /// A step goes out again.
    Again {
        /// What it is, for people.
        label: String,
        /// Why.
        why: String,
    },
    /// Another host asked in the board's name and was refused; told once for each address and reason.
    Refused {
        /// The address that asked.
        peer: IpAddr,
        /// Why it was refused.
        why: String,
    },
    /// Something worth knowing that changes nothing.
    Note {
        /// A sentence.
        text: String,
    },
    /// This board is finished, one way or the other.
    Ended(Ending),
}

impl What {
    /// The same, whose part of the image is called with how many there are: `part 3/9`.
    fn counted(mut self, parts: usize) -> Self {
        if let Self::Fetching { label, .. }
        | Self::Fetched { label, .. }
        | Self::Equal { label, .. }
        | Self::Again { label, .. } = &mut self
            && let Some(part) = label.strip_prefix("part ")
            && let Ok(n) = part.parse::<usize>()
        {
            *label = format!("part {n}/{}", parts.max(n));
        }
        self
    }
}

impl Event {
    /// Tells it in its run. `parts` is how many parts the image has, as far as is known.
    pub(super) fn tell(self, running: &mut Running, parts: usize) {
        let total = (self.total_bytes > 0).then_some(self.total_bytes);
        match self.what {
            What::Progress { .. } => {
                running.set(self.stage, self.done_bytes, total);
                running.advance(self.done_bytes, total);
            }
            What::Note { text } => {
                running.set(self.stage, self.done_bytes, total);
                running.note(text);
            }
            What::Ended(ending) => {
                running.set(self.stage, self.done_bytes, total);
                running.end(ending);
            }
            what => {
                running.set(self.stage, self.done_bytes, total);
                running.detail(what.counted(parts));
            }
        }
    }
}

impl Detail for What {
    fn word(&self) -> &'static str {
        match self {
            Self::Staged { .. } => "staged",
            Self::Resetting { .. } => "resetting",
            Self::Reset => "reset",
            Self::Booted { .. } => "booted",
            Self::Fetching { .. } => "fetching",
            Self::Progress { .. } => "progress",
            Self::Fetched { .. } => "fetched",
            Self::Equal { .. } => "equal",
            Self::Again { .. } => "again",
            Self::Refused { .. } => "refused",
            Self::Note { .. } => "note",
            Self::Ended(_) => "ended",
        }
    }

    fn line(&self) -> Option<String> {
        Some(match self {
            Self::Staged { path, bytes, time } => {
                format!("prepare {path} staged {} in {:.1} s", size(*bytes), time.as_secs_f64())
            }
            Self::Resetting { how } => format!("reset {how}"),
            Self::Reset
            | Self::Fetching { .. }
            | Self::Progress { .. }
            | Self::Note { .. }
            | Self::Ended(_) => {
                return None;
            }
            Self::Booted { peer, before: 0, .. } => {
                format!("boot asked for its job{}", peer.map(|ip| format!(" from {ip}")).unwrap_or_default())
            }
            Self::Booted { before, .. } => format!("boot asked for its job again, start {}", before + 1),
            Self::Fetched { label, bytes, time } => {
                format!("fetch {label} done {} in {:.1} s", size(*bytes), time.as_secs_f64())
            }
            Self::Equal { label, bytes, crc32, time, .. } => {
                let time = time.as_secs_f64();
                format!("read-back {label} equal {} crc32 {crc32} in {time:.1} s", size(*bytes))
            }
            Self::Again { label, why } => format!("again {label}: {why}"),
            Self::Refused { peer, why } => format!("refused {peer}: {why}"),
        })
    }

    fn weight(&self) -> Weight {
        match self {
            // Of what is fetched in no time it is enough to say that it was read back.
            Self::Fetched { label, .. } if !label.starts_with("part ") => Weight::Fine,
            Self::Again { .. } | Self::Refused { .. } => Weight::Unusual,
            _ => Weight::Usual,
        }
    }

    fn at(&self) -> Option<String> {
        match self {
            Self::Fetching { label, .. } => Some(label.clone()),
            _ => None,
        }
    }

    fn facts(&self) -> Map<String, Value> {
        let mut facts = members(self);
        // The word stands in every event.
        facts.remove("event");
        facts
    }
}

fn seconds<S: serde::Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((time.as_secs_f64() * 1000.0).round() / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_lines_say_what_happened() {
        let time = Duration::from_millis(41_800);
        let fetched = What::Fetched { label: "part 1".into(), bytes: 750 << 20, time }.counted(4);
        assert_eq!(fetched.line().as_deref(), Some("fetch part 1/4 done 750 MiB in 41.8 s"));
        let reset = What::Resetting { how: "gpiochip0:17 low 0.5 s".into() };
        assert_eq!(reset.line().as_deref(), Some("reset gpiochip0:17 low 0.5 s"));
        let again = What::Again { label: "cmdline.txt".into(), why: "x".into() }.counted(4);
        assert_eq!(
            (again.line().as_deref(), again.weight()),
            (Some("again cmdline.txt: x"), Weight::Unusual)
        );
        assert_eq!(
            serde_json::Value::from(fetched.facts()).to_string(),
            r#"{"bytes":786432000,"label":"part 1/4","seconds":41.8}"#
        );
    }
}
