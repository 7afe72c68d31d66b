//! What can go wrong with a disk, and what is left on it then.

use std::io;

use super::deploy::Amounts;
use super::source::FetchError;
use crate::device_api::When;
use crate::error::{Action, Explain, Kind, Remedy, remedy};
use crate::format::size_exact;
use crate::run::Stage;

/// A failure. Each names the disk.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The system said no.
    #[error("{disk}: {doing}{}", at.map(|at| format!(" at byte {at}")).unwrap_or_default())]
    Os {
        /// The disk, as it was named.
        disk: String,
        /// What was being done, as a gerund.
        doing: &'static str,
        /// Where on the disk, in bytes.
        at: Option<u64>,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It isn't there any more.
    #[error("{disk} has gone away while {doing}")]
    Gone {
        /// The disk.
        disk: String,
        /// What was being done, as a gerund.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// It takes less than it was given.
    #[error("{disk} takes nothing more at byte {at}")]
    Full {
        /// The disk.
        disk: String,
        /// Where, in bytes.
        at: u64,
    },
    /// The image doesn't fit.
    #[error("{disk} has {}, the image needs {}{}", size_exact(*has), if *at_least { "at least " } else { "" }, size_exact(*needs))]
    TooSmall {
        /// The disk.
        disk: String,
        /// Its size in bytes.
        has: u64,
        /// That of the image in bytes.
        needs: u64,
        /// The image may be larger still.
        at_least: bool,
    },
    /// It can't be written.
    #[error("{disk} is read-only")]
    ReadOnly {
        /// The disk.
        disk: String,
    },
    /// Something else has it.
    #[error("{disk} is in use{}", by.as_ref().map(|by| format!(": {by}")).unwrap_or_default())]
    InUse {
        /// The disk.
        disk: String,
        /// What has it.
        by: Option<String>,
    },
    /// It is nothing that images are written to.
    #[error("{disk} is {what}")]
    NotADisk {
        /// What was named.
        disk: String,
        /// What it is instead.
        what: &'static str,
    },
    /// What is to be written is read from it.
    #[error("{disk} is what {other} is read from, or a part of it")]
    SameGround {
        /// The disk.
        disk: String,
        /// What lies on it.
        other: String,
    },
    /// The disk that was asked for isn't there, or there are several.
    #[error("no disk to write to: {why}")]
    NoDisk {
        /// Which were wanted, and which there are.
        why: String,
        /// The board has disks, and none of them is meant alone.
        others: bool,
    },
    /// What was read back is something else.
    #[error("{disk} gives back other bytes than were written, first at byte {at}")]
    Differs {
        /// The disk.
        disk: String,
        /// The first piece that differs begins at this byte.
        at: u64,
    },
    /// A disk that is read twice gives two answers.
    #[error("{disk} gave other bytes at byte {at} when it was read again")]
    Unsteady {
        /// The disk.
        disk: String,
        /// The first piece that differs begins at this byte.
        at: u64,
    },
    /// What came is not what the index says.
    #[error("the image's bytes from {at} on came damaged, more than once")]
    Damaged {
        /// Where in the image, in bytes.
        at: u64,
    },
    /// The image's bytes, or a place for those of a backup, can't be had.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// A script of the job failed.
    #[error("script {name} ({}) {how}", when.word())]
    Script {
        /// Its name.
        name: String,
        /// When it was to run.
        when: When,
        /// How it ended.
        how: String,
    },
    /// This is a program on a host, and nobody has said that it may run there what a station sends.
    #[error(
        "this board is simulated, and was not started as one that runs scripts: they would run on its host"
    )]
    NoScripts,
    /// Somebody wants it to end.
    #[error("stopped")]
    Stopped,
    /// No thread can be started.
    #[error("starting a thread")]
    Thread(#[source] io::Error),
}

impl Error {
    /// The system's error number, where there was one.
    #[must_use]
    pub fn errno(&self) -> Option<i32> {
        match self {
            Self::Os { source, .. } | Self::Gone { source, .. } | Self::Thread(source) => {
                source.raw_os_error()
            }
            _ => None,
        }
    }
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Os { source, .. } | Self::Thread(source) => Kind::of_io(source),
            Self::Gone { .. } | Self::NoDisk { others: false, .. } => Kind::Unavailable,
            Self::Full { .. } => Kind::Io,
            Self::SameGround { .. } | Self::NoDisk { others: true, .. } => Kind::Usage,
            Self::TooSmall { .. } | Self::NotADisk { .. } | Self::Damaged { .. } => Kind::BadData,
            Self::ReadOnly { .. } => Kind::Permission,
            Self::InUse { .. } => Kind::Busy,
            Self::Differs { .. } | Self::Unsteady { .. } | Self::Script { .. } => Kind::Failed,
            Self::NoScripts => Kind::Permission,
            Self::Fetch(error) => error.kind(),
            Self::Stopped => Kind::Interrupted,
        }
    }

    fn hint(&self) -> Option<Remedy> {
        Some(match self {
            Self::Os { source, .. } if source.raw_os_error() == Some(libc::EIO) => {
                "the disk itself reports the failure: try another reader or cable, then another disk".into()
            }
            Self::Os { disk, source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                Remedy::for_permission(disk.as_ref())
            }
            Self::Os { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                remedy![
                    "is the path right, and is the disk plugged in? ",
                    Action::host("lsblk"),
                    " lists the disks"
                ]
            }
            Self::Gone { .. } => {
                "a disk that goes away by itself has a bad contact or too little power".into()
            }
            Self::Full { .. } => {
                "the disk has less room than it says: it is damaged, or a fake that claims a larger size"
                    .into()
            }
            Self::TooSmall { .. } => "take a larger disk, or a smaller image".into(),
            Self::ReadOnly { .. } => {
                "look for a lock switch on the card; an eMMC or card at the end of its life locks itself"
                    .into()
            }
            Self::InUse { .. } => {
                "unmount what is on it first; the disk of this system is never written".into()
            }
            Self::NotADisk { .. } => "give a whole disk, like /dev/sdb or /dev/mmcblk0".into(),
            Self::Differs { .. } | Self::Unsteady { .. } => {
                "the disk is damaged or a fake: don't use it".into()
            }
            Self::Fetch(error) => return error.hint(),
            _ => return None,
        })
    }
}

/// What is on the disk after a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Left {
    /// What was there before: nothing was written.
    Untouched,
    /// What scripts have made of it: nothing of the image was written.
    NotBegun,
    /// The image, proved; scripts may have changed it since.
    Written,
    /// Nothing that a board would start: where that begins, zeros were read back.
    Unbootable,
    /// The disk took no more, so it isn't known. The disk's own word for it stands here.
    Unknown(String),
}

impl Left {
    /// As it stands behind the reason, in a clause of its own.
    #[must_use]
    pub fn phrase(&self) -> String {
        match self {
            Self::Untouched => "the disk is as it was".to_owned(),
            Self::NotBegun => "nothing of the image was written".to_owned(),
            Self::Written => {
                "the image is on the disk and was read back, but its scripts did not all do their work"
                    .to_owned()
            }
            Self::Unbootable => "no board starts from it".to_owned(),
            Self::Unknown(why) => format!("whether a board starts from it is not known: {why}"),
        }
    }
}

/// A failure with the step, and with what is on the disk now.
#[derive(Debug, thiserror::Error)]
#[error("{}; {}", crate::error::chain(error), left.phrase())]
pub struct Failure {
    /// The step.
    pub stage: Stage,
    /// What happened.
    pub error: Error,
    /// What is on the disk.
    pub left: Left,
    /// How far it had come. In a box, so that a result isn't as large as its error.
    pub amounts: Box<Amounts>,
}

impl Failure {
    /// One before anything was written.
    pub fn untouched(stage: Stage) -> impl FnOnce(Error) -> Self {
        move |error| Self { stage, error, left: Left::Untouched, amounts: Box::default() }
    }
}

impl Explain for Failure {
    fn kind(&self) -> Kind {
        self.error.kind()
    }

    fn hint(&self) -> Option<Remedy> {
        self.error.hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_not_write_a_plain_file_is_not_sent_to_root() {
        let hint = |disk: &str| {
            let source = io::ErrorKind::PermissionDenied.into();
            Error::Os { disk: disk.to_owned(), doing: "opening", at: None, source }.hint().unwrap()
        };
        assert!(hint("/dev/sdb").says("root or the group"));
        assert!(hint("Cargo.toml").says("ls -ld Cargo.toml") && !hint("Cargo.toml").says("root"));
    }
}
