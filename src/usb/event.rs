//! What is told about a board while it boots, and how it ends.

use std::time::Duration;

use serde::{Serialize, Serializer};

use super::lookup::Origin;
use super::message::BadName;
use super::wait_for::Appeared;
use crate::board::identity::{Chip, Identity};
use crate::board::{PortPath, Serial};
use crate::error::{Kind, Remedy};

/// Something that happened to a board.
#[derive(Debug, Clone, Serialize)]
pub struct Event {
    /// Where the board is plugged in. It is the same through all stages.
    pub port: PortPath,
    /// Its chip, as the product id tells it.
    pub chip: Option<Chip>,
    /// Its serial number, where the ROM tells one.
    pub serial: Option<Serial>,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

/// The steps of a USB boot. Every ending names one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Getting hold of the device.
    Open,
    /// Finding out what to serve.
    Payload,
    /// Sending the bootcode to the boot ROM.
    FirstStage,
    /// Waiting for what the bootcode makes of the board.
    Restart,
    /// Serving files.
    FileServer,
    /// Waiting for what the files make of the board.
    HandOver,
    /// Waiting for the device that the user wants.
    WaitFor,
}

impl std::fmt::Display for Stage {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.pad(match self {
            Self::Open => "open",
            Self::Payload => "payload",
            Self::FirstStage => "first stage",
            Self::Restart => "restart",
            Self::FileServer => "file server",
            Self::HandOver => "hand-over",
            Self::WaitFor => "wait-for",
        })
    }
}

/// Kinds of [`Event`]. The last of a board's boot is `Ended`.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum What {
    /// It is there, in this state.
    Seen {
        /// What it shows itself as.
        #[serde(serialize_with = "as_text")]
        state: Identity,
    },
    /// The board's files come from here.
    Serving {
        /// The payload.
        #[serde(serialize_with = "crate::format::json::path")]
        dir: std::path::PathBuf,
        /// Whether it was chosen by the board, so that another board may get another one.
        of_board: bool,
    },
    /// The boot ROM is sent its bootcode.
    Uploading {
        /// Its length.
        bytes: u32,
    },
    /// The boot ROM has all of it.
    Uploaded {
        /// What it answered; 0 is success. It often has no time to answer.
        code: Option<i32>,
        /// How long it took.
        #[serde(serialize_with = "crate::format::seconds")]
        seconds: Duration,
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
        /// The name.
        name: String,
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
        #[serde(serialize_with = "crate::format::seconds")]
        seconds: Duration,
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
    /// The boot is over.
    Ended(Ending),
}

/// How a boot ended.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Ending {
    /// The board has what it needs, and what was waited for is there.
    Done {
        /// Files that it got, the bootcode included.
        files: u64,
        /// Their bytes.
        bytes: u64,
        /// From the first sight of it.
        #[serde(serialize_with = "crate::format::seconds")]
        seconds: Duration,
        /// What came of it, as far as was looked for.
        appeared: Vec<Appeared>,
    },
    /// It doesn't.
    Failed {
        /// In which step.
        stage: Stage,
        /// What happened.
        why: String,
        /// What usually causes it.
        hint: Option<Remedy>,
        /// The coarse kind.
        kind: Kind,
        /// The file that it asked for last.
        last_file: Option<String>,
        /// Files that it got until then.
        files: u64,
    },
}

impl Ending {
    /// Whether the board reached its end.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        matches!(self, Self::Done { .. })
    }
}

fn as_text<S: Serializer>(value: &Identity, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Explain;
    use crate::usb::trouble::Trouble;

    #[test]
    fn an_event_is_one_flat_object() {
        let port = "1-1.2".parse().unwrap();
        let serial = Some("af04b2da".parse().unwrap());
        let event = |what| {
            serde_json::to_string(&Event { port, chip: Some(Chip::Bcm2711), serial: serial.clone(), what })
        };
        let text = event(What::Seen { state: Identity::Rom(Chip::Bcm2711) }).unwrap();
        assert_eq!(
            text,
            r#"{"port":"1-1.2","chip":"bcm2711","serial":"af04b2da","event":"seen","state":"boot ROM"}"#
        );
        let trouble = Trouble::CutOff { name: "boot.img".into(), sent: 5, bytes: 10 };
        let text = event(What::Ended(Ending::Failed {
            stage: Stage::FileServer,
            why: trouble.to_string(),
            hint: None,
            kind: trouble.kind(),
            last_file: Some("boot.img".into()),
            files: 3,
        }))
        .unwrap();
        assert_eq!(
            text,
            r#"{"port":"1-1.2","chip":"bcm2711","serial":"af04b2da","event":"ended","outcome":"failed","stage":"file-server","why":"the board was gone after 5 of 10 bytes of boot.img","hint":null,"kind":"failed","last_file":"boot.img","files":3}"#
        );
    }
}
