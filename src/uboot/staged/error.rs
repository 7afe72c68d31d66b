//! What can go wrong with a staged job.

use std::io;
use std::path::PathBuf;

use crate::error::{Action, Explain, Kind, Knob, Remedy, Task, remedy};
use crate::format::size;
use crate::run::ledger;
use crate::uboot::material;

/// Why a job can't be staged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// What is done can't be recorded, so nothing is done.
    #[error(transparent)]
    Record(#[from] ledger::Error),
    /// The system said no.
    #[error("{doing} {path}: {source}")]
    Os {
        /// What was being done, as a gerund.
        doing: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// No room for a file.
    #[error(
        "writing {path}: no room for its {}{}",
        size(*.needed),
        .free.map(|free| format!(", {} are free", size(free))).unwrap_or_default()
    )]
    Full {
        /// The file.
        path: PathBuf,
        /// How long it is, in bytes.
        needed: u64,
        /// How many bytes are free, where that can be known.
        free: Option<u64>,
    },
    /// A symbolic link where a directory of the job should be. It isn't followed.
    #[error("{path} is a symbolic link")]
    Link {
        /// The link.
        path: PathBuf,
    },
    /// Something that piprov hasn't put there lies in the job's way.
    #[error("{path} is in the way, and not of piprov's making")]
    Foreign {
        /// What lies there.
        path: PathBuf,
    },
    /// Another piprov has a job there.
    #[error("another piprov has a job for this board in {path}")]
    Busy {
        /// The board's directory.
        path: PathBuf,
    },
    /// A staged file doesn't hold what it should.
    #[error("{path} holds crc32 {got:08x} instead of {expected:08x}")]
    Differs {
        /// The file.
        path: PathBuf,
        /// CRC32 of what was to be written.
        expected: u32,
        /// CRC32 of what was read back.
        got: u32,
    },
    /// The image doesn't fit a card made by `piprov card build`.
    #[error("{why}")]
    Layout {
        /// Why, as a sentence.
        why: String,
    },
    /// The image doesn't fit the fixed addresses of a card of the original's kind.
    #[error(
        "a card of the original's kind takes only images with a first partition of 40 MiB at 4 MiB; this one has \
         {} at {}",
        size(*.len),
        size(*.start)
    )]
    OriginalPartition {
        /// First byte of the first partition.
        start: u64,
        /// Its length in bytes.
        len: u64,
    },
    /// More parts than a card of the original's kind asks for.
    #[error("a card of the original's kind takes at most {}; this image has {}", size(*.most), size(*.len))]
    OriginalLength {
        /// The image's length in bytes.
        len: u64,
        /// The longest that fits, in bytes.
        most: u64,
    },
    /// The image isn't known well enough yet: its checksums are needed.
    #[error("the image's checksums aren't all known yet")]
    NotReady,
    /// Watching the directories doesn't work.
    #[error("watching {path}: {source}")]
    Watch {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The image turned out to be damaged while it was read.
    #[error(transparent)]
    Material(std::sync::Arc<material::Error>),
    /// Ctrl-C.
    #[error("interrupted")]
    Stopped,
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Record(error) => error.kind(),
            Self::Os { source, .. } | Self::Watch { source, .. } => Kind::of_io(source),
            Self::Full { .. } | Self::Link { .. } | Self::Foreign { .. } => Kind::CantCreate,
            Self::Busy { .. } => Kind::Busy,
            Self::Differs { .. } | Self::NotReady => Kind::Io,
            Self::Layout { .. } | Self::OriginalPartition { .. } | Self::OriginalLength { .. } => {
                Kind::BadData
            }
            Self::Material(error) => error.kind(),
            Self::Stopped => Kind::Interrupted,
        }
    }

    fn hint(&self) -> Option<Remedy> {
        Some(match self {
            Self::Record(error) => return error.hint(),
            Self::Os { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                "piprov must be allowed to write there: run it as root, or as the directory's owner.".into()
            }
            Self::Os { doing: "opening", source, .. }
                if matches!(source.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
            {
                "A directory is needed: the one that your TFTP server serves (/srv/tftp on Debian), or where \
                 the stick is mounted."
                    .into()
            }
            Self::Os { .. } | Self::NotReady | Self::Stopped => return None,
            Self::Material(error) => return error.hint(),
            Self::Full { .. } => remedy![
                "A staged job takes as much room as the image. Make some, or leave out ",
                Knob::TftpRoot.left_out(),
                ": piprov's own server needs no copy.",
            ],
            Self::Link { .. } => {
                "replace it by a directory: links are not followed out of the TFTP root.".into()
            }
            Self::Foreign { .. } => "move it elsewhere, or remove it.".into(),
            Self::Busy { .. } => "wait for it to end.".into(),
            Self::Differs { .. } => {
                "has the image changed in the meantime? Otherwise the disk or the memory of this machine is \
                 damaged."
                    .into()
            }
            Self::Layout { .. } => remedy![Task::CardCheck, " shows where everything would go."],
            Self::OriginalPartition { .. } | Self::OriginalLength { .. } => {
                remedy!["A card made by ", Task::CardBuild, " takes any image."]
            }
            Self::Watch { source, .. } if matches!(source.raw_os_error(), Some(28 | 24)) => {
                remedy![
                    "the limits are fs.inotify.max_user_watches and max_user_instances: ",
                    Action::host("sysctl fs.inotify"),
                    ".",
                ]
            }
            Self::Watch { .. } => return None,
        })
    }
}
