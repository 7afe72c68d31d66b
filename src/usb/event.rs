//! What happens to a board while it boots, as values that its run tells.

use std::time::Duration;

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::lookup::Origin;
use super::message::BadName;
use super::wait_for::Appeared;
use crate::board::Serial;
use crate::board::identity::{Chip, Identity};
use crate::format::{count, json, size};
use crate::run::{Detail, Running, Weight, members};

/// What happened to a board. Conversations with it tell this; its run tells it on.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum What {
    /// It is there, in this state.
    Seen {
        /// What it shows itself as.
        #[serde(serialize_with = "as_text")]
        state: Identity,
        /// Its chip, as far as it is known by now.
        #[serde(skip)]
        chip: Option<Chip>,
        /// Its serial number, where it tells one.
        #[serde(skip)]
        serial: Option<Serial>,
    },
    /// The board's files come from here.
    Serving {
        /// The payload.
        #[serde(serialize_with = "json::path")]
        dir: std::path::PathBuf,
        /// Whether it was chosen by the board, so that another board may get another one.
        of_board: bool,
        /// Why it is this one, where somebody decided so for this board.
        #[serde(skip_serializing_if = "Option::is_none")]
        why: Option<String>,
    },
    /// The boot ROM is sent its bootcode.
    Uploading {
        /// Its name.
        name: String,
        /// Its length.
        bytes: u32,
    },
    /// The boot ROM has all its bytes.
    Uploaded {
        /// What it answered; 0 is success. It often has no time to answer.
        code: Option<i32>,
        /// How long it took.
        #[serde(rename = "seconds", serialize_with = "crate::format::seconds")]
        time: Duration,
    },
    /// It left the bus.
    Left,
    /// It asks for files.
    FilesBegin,
    /// It asked for a file that is there.
    Found {
        /// The name.
        name: String,
        /// Its length.
        bytes: u32,
        /// Where it was found.
        origin: Origin,
    },
    /// It asked for a file that isn't there. That is usual: boards ask for much that is optional.
    Missing {
        /// The name.
        name: String,
    },
    /// It asked for something that no board gets.
    Refused {
        /// The name, safe to print.
        name: String,
        /// Why it doesn't.
        why: BadName,
    },
    /// A file, or the bootcode, is under way. Not more often than ten times a second.
    Progress {
        /// Bytes sent.
        sent: u64,
        /// Of so many.
        bytes: u64,
    },
    /// A file was sent.
    Sent {
        /// The name.
        name: String,
        /// Its length.
        bytes: u64,
        /// How long it took.
        #[serde(rename = "seconds", serialize_with = "crate::format::seconds")]
        time: Duration,
    },
    /// It told something about itself.
    Told {
        /// What.
        key: String,
        /// The value.
        value: String,
    },
    /// It said that it needs no more files.
    FilesEnd {
        /// How many it got.
        files: u64,
    },
    /// Something unusual that the boot goes on after.
    Note {
        /// What it is.
        text: String,
    },
    /// What the user waits for is there.
    Appeared(Appeared),
}

impl What {
    /// Tells it in the board's run. How far a run is in bytes is how far the file is that is under way: how many bytes a
    /// board will ask for, nobody knows before it has.
    pub(super) fn tell(self, running: &mut Running) {
        let stage = running.stage();
        match self {
            Self::Progress { sent, bytes } => {
                running.set(stage, sent, Some(bytes));
                running.advance(sent, Some(bytes));
            }
            Self::Note { text } => running.note(text),
            what => {
                running.set(stage, 0, None);
                running.detail(what);
            }
        }
    }
}

impl Detail for What {
    fn word(&self) -> &'static str {
        match self {
            Self::Seen { .. } => "seen",
            Self::Serving { .. } => "serving",
            Self::Uploading { .. } => "uploading",
            Self::Uploaded { .. } => "uploaded",
            Self::Left => "left",
            Self::FilesBegin => "files-begin",
            Self::Found { .. } => "found",
            Self::Missing { .. } => "missing",
            Self::Refused { .. } => "refused",
            Self::Progress { .. } => "progress",
            Self::Sent { .. } => "sent",
            Self::Told { .. } => "told",
            Self::FilesEnd { .. } => "files-end",
            Self::Note { .. } => "note",
            Self::Appeared(_) => "appeared",
        }
    }

    fn line(&self) -> Option<String> {
        let seconds = |time: &Duration| format!("{:.1} s", time.as_secs_f64());
        Some(match self {
            Self::Seen { state, chip: Some(chip), serial: Some(serial) } => {
                format!("{state}, {chip}, serial {serial}")
            }
            Self::Seen { state, chip: Some(chip), serial: None } => {
                format!("{state}, {chip} ({})", chip.boards())
            }
            Self::Seen { state, chip: None, .. } => state.to_string(),
            Self::Serving { dir, why: None, .. } => format!("served from {}", dir.display()),
            Self::Serving { dir, why: Some(why), .. } => format!("served from {}: {why}", dir.display()),
            Self::Uploaded { code, time } => {
                let code = match code {
                    None | Some(0) => String::new(),
                    Some(code) => format!(", code {code:#x}"),
                };
                format!("first stage sent in {}{code}", seconds(time))
            }
            Self::Left => "left the bus".to_owned(),
            Self::Found { name, origin, .. } => format!("found {name}, {}", origin.word()),
            Self::Missing { name } => format!("missing {name}"),
            Self::Refused { name, why } => format!("refused {name}: {why}"),
            Self::Sent { name, bytes, time } => format!("file {name} {} in {}", size(*bytes), seconds(time)),
            Self::Told { key, value } => format!("told {key} = {value}"),
            Self::FilesEnd { files } => format!("has all, {}", count(*files, "file")),
            Self::Appeared(appeared) => format!("appeared {appeared}"),
            Self::Uploading { .. } | Self::FilesBegin | Self::Progress { .. } | Self::Note { .. } => {
                return None;
            }
        })
    }

    fn weight(&self) -> Weight {
        match self {
            Self::Serving { of_board: false, .. }
            | Self::Found { .. }
            | Self::Missing { .. }
            | Self::Left => Weight::Fine,
            Self::Serving { of_board: true, .. } | Self::Refused { .. } | Self::Told { .. } => {
                Weight::Unusual
            }
            _ => Weight::Usual,
        }
    }

    fn at(&self) -> Option<String> {
        match self {
            Self::Seen { state, .. } => Some(state.to_string()),
            Self::Uploading { name, .. } | Self::Found { name, .. } => Some(name.clone()),
            Self::FilesEnd { .. } => Some("has all".to_owned()),
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

fn as_text<S: Serializer>(value: &Identity, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_lines_say_what_happened() {
        let line = |what: What| what.line().unwrap();
        let seen = |serial: Option<&str>| What::Seen {
            state: Identity::Rom(Chip::Bcm2711),
            chip: Some(Chip::Bcm2711),
            serial: serial.map(|serial| serial.parse().unwrap()),
        };
        assert_eq!(line(seen(Some("af04b2da"))), "boot ROM, BCM2711, serial af04b2da");
        assert_eq!(line(seen(None)), "boot ROM, BCM2711 (CM4, Pi 4, 400)");
        let time = Duration::from_millis(540);
        let sent = What::Sent { name: "boot.img".into(), bytes: 28 << 20, time };
        assert_eq!(line(sent), "file boot.img 28 MiB in 0.5 s");
        assert_eq!(line(What::Uploaded { code: Some(5), time }), "first stage sent in 0.5 s, code 0x5");
        let found = What::Found { name: "a".into(), bytes: 1, origin: Origin::Overlay };
        assert_eq!((found.weight(), line(found)), (Weight::Fine, "found a, overlay".to_owned()));
        let disk = Appeared { device: "/dev/sda".into(), size_bytes: Some(1 << 30) };
        assert_eq!(line(What::Appeared(disk)), "appeared /dev/sda 1 GiB");
    }

    #[test]
    fn facts_are_those_that_no_event_has_anyway() {
        let facts = |what: What| Value::from(what.facts()).to_string();
        let seen = What::Seen { state: Identity::Rom(Chip::Bcm2711), chip: None, serial: None };
        assert_eq!(facts(seen), r#"{"state":"boot ROM"}"#);
        let uploaded = What::Uploaded { code: None, time: Duration::from_millis(41_800) };
        assert_eq!(facts(uploaded), r#"{"code":null,"seconds":41.8}"#);
    }
}
