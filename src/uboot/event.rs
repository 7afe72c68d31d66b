//! What happens while boards are flashed, as values: the same events feed the terminal, the log and `--json`.

use std::net::IpAddr;
use std::time::Duration;

use crate::board::Mac;
use crate::error::{Kind, Remedy};
use crate::uboot::peer::Bound;

/// The named step in which a flash is, or in which it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Finding the target in the database.
    Resolve,
    /// Opening the image and computing where it goes.
    Prepare,
    /// Resetting the board.
    Reset,
    /// Waiting for its U-Boot to ask for a job.
    Boot,
    /// The board fetches a part.
    Fetch,
    /// The board writes it.
    Write,
    /// The board has read it back, and the checksums are compared.
    ReadBack,
    /// The board tells that it has finished.
    Report,
    /// Read back and equal.
    Done,
}

impl Stage {
    /// The word for it, as `--json` has it too.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Resolve => "resolve",
            Self::Prepare => "prepare",
            Self::Reset => "reset",
            Self::Boot => "boot",
            Self::Fetch => "fetch",
            Self::Write => "write",
            Self::ReadBack => "read-back",
            Self::Report => "report",
            Self::Done => "done",
        }
    }
}

impl std::fmt::Display for Stage {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.pad(self.word())
    }
}

/// Something that happened to one board.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Event {
    /// The target's name.
    pub target: String,
    /// Its MAC address.
    pub mac: Mac,
    /// The stage that it is in now.
    pub stage: Stage,
    /// How much of the image is on the board, fetched or written, and of how many bytes in all.
    pub done_bytes: u64,
    /// Bytes in all, as far as they are known.
    pub total_bytes: u64,
    /// What happened.
    #[serde(flatten)]
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
        #[serde(serialize_with = "seconds")]
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
        #[serde(serialize_with = "seconds")]
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
        #[serde(serialize_with = "seconds")]
        time: Duration,
    },
    /// A step goes out again.
    Again {
        /// What it is, for people.
        label: String,
        /// Why.
        why: String,
    },
    /// Somebody asked in the board's name and was refused; told once for each address and reason.
    Refused {
        /// Who asked.
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

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Ending {
    /// Read back and equal, as the peer tells.
    Done {
        /// Whether the peer has proved that it is the board, by its card's secret.
        #[serde(default)]
        authenticated: bool,
        /// What says that the peer was the board.
        #[serde(default)]
        bound: Bound,
    },
    /// The board has told a number of bytes only.
    NotVerified {
        /// What it told.
        why: String,
        /// What to do about it.
        hint: Option<Remedy>,
    },
    /// It failed, in the stage of the event.
    Failed {
        /// What happened.
        why: String,
        /// The last thing that was seen of the board.
        last_seen: Option<String>,
        /// What to do next.
        hint: Option<Remedy>,
        /// Which decides the exit code.
        #[serde(skip, default = "failed")]
        kind: Kind,
    },
}

impl Ending {
    /// The kind of failure; none where the flash is done and verified.
    #[must_use]
    pub fn kind(&self) -> Option<Kind> {
        match self {
            Self::Done { .. } => None,
            Self::NotVerified { .. } => Some(Kind::Failed),
            Self::Failed { kind, .. } => Some(*kind),
        }
    }
}

fn failed() -> Kind {
    Kind::Failed
}

fn seconds<S: serde::Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((time.as_secs_f64() * 1000.0).round() / 1000.0)
}
