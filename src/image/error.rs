//! What can be wrong with an image, or with the place where something about it is written.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::format::Format;
use crate::error::{Action, Explain, Kind, Knob, Remedy, Task, remedy};

/// A failure of the image room. Cheap to clone: the thread that decompresses meets it once, and every
/// reader that waits is told.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system said no.
    #[error("{}: {doing}: {source}", path.display())]
    Os {
        /// The file or device.
        path: PathBuf,
        /// What was being done, as a gerund: "opening", "reading at byte 512".
        doing: String,
        /// What the operating system said.
        source: Arc<io::Error>,
    },
    /// There is nothing in it.
    #[error("{}: the image is empty", path.display())]
    Empty {
        /// The image.
        path: PathBuf,
    },
    /// It is something, but not an image that can be read here.
    #[error("{}: {what}", path.display())]
    NotAnImage {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        what: String,
        /// What to do about it.
        hint: Remedy,
    },
    /// The compressed data are good, and whoever packed them wanted more memory than is given here.
    #[error("{}: {what}", path.display())]
    NeedsMemory {
        /// The file.
        path: PathBuf,
        /// How it is compressed.
        format: Format,
        /// How much it needs, or how much is allowed.
        what: String,
    },
    /// The compressed data are damaged, or end too early.
    #[error("{}: damaged {format} data at byte {at} of the file, {raw} bytes into the image: {what}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// How it is compressed.
        format: Format,
        /// How far the file was read.
        at: u64,
        /// How many bytes of the image came out before.
        raw: u64,
        /// What is wrong there.
        what: String,
    },
    /// The file says how long the image is, and that is not what came out.
    #[error("{}: the {format} file says that the image has {declared} bytes, but {actual} came out", path.display())]
    WrongLength {
        /// The file.
        path: PathBuf,
        /// How it is compressed.
        format: Format,
        /// The length that stands in the file.
        declared: u64,
        /// What came out (at least).
        actual: u64,
    },
    /// The partition table contradicts itself.
    #[error("{}partition table: {what}", path.as_ref().map(|path| format!("{}: ", path.display())).unwrap_or_default())]
    Table {
        /// The image, where it is known.
        path: Option<PathBuf>,
        /// What is wrong, with the place.
        what: String,
    },
    /// The image has no partition table, and one is needed.
    #[error("{}: there is no partition table in the image", path.display())]
    NoTable {
        /// The image.
        path: PathBuf,
    },
    /// What was asked for doesn't fit the image.
    #[error("{}: {what}", path.display())]
    DoesNotFit {
        /// The image.
        path: PathBuf,
        /// What doesn't fit, with both sizes.
        what: String,
        /// What to do about it.
        hint: Option<Remedy>,
    },
    /// A file that would be written is there already.
    #[error("{}: {what}", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
        /// Why it is not written.
        what: String,
        /// What to do about it.
        hint: Remedy,
    },
    /// A manifest or a report can't be understood.
    #[error("{}: {what}", path.display())]
    BadRecord {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// A file with several digests has none for this image.
    #[error("{}: {count} sha256 values in it, but none for `{image}`", path.display())]
    NoSum {
        /// The file.
        path: PathBuf,
        /// How many it has.
        count: usize,
        /// The image's name.
        image: String,
    },
    /// Something that was written reads back differently.
    #[error("{}: read back and different: crc32 {expected:08x} was expected, {got:08x} read", path.display())]
    ReadBack {
        /// The file.
        path: PathBuf,
        /// The checksum of what was to be written.
        expected: u32,
        /// The checksum of what was read.
        got: u32,
    },
    /// Somebody wrote to the file while it was read.
    #[error("{}: the image was changed while it was read", path.display())]
    Changed {
        /// The image.
        path: PathBuf,
    },
    /// Somebody wrote to the file with which the image was compared.
    #[error("{}: the file was changed while it was compared", path.display())]
    OtherChanged {
        /// The file.
        path: PathBuf,
    },
    /// The user stopped it.
    #[error("stopped before the end")]
    Stopped,
}

impl Error {
    /// What is wrong with a table; whose it is, is said by [`Self::of`].
    pub(crate) fn table(what: impl Into<String>) -> Self {
        Self::Table { path: None, what: what.into() }
    }

    /// The same error of reading a table, with the file or device that the table is of.
    #[must_use]
    pub fn of(self, path: &Path) -> Self {
        match self {
            Self::Os { doing, source, .. } => Self::Os { path: path.to_owned(), doing, source },
            Self::Table { what, .. } => Self::Table { path: Some(path.to_owned()), what },
            other => other,
        }
    }

    /// An operating-system error with its file, or the image error that it carries inside.
    #[must_use]
    pub fn os(path: &Path, doing: impl Into<String>, error: io::Error) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<Self>()) {
            Some(inner) => inner.clone(),
            None => Self::Os { path: path.to_owned(), doing: doing.into(), source: Arc::new(error) },
        }
    }
}

/// Whether reading a partition failed by what stands in it. What the image's own stream says, a download that broke off for
/// one, is no such thing: then nothing of the image is worth a judgement.
#[must_use]
pub fn is_damage(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidData, QuotaExceeded, UnexpectedEof};
    let of_stream = error.get_ref().is_some_and(|inner| inner.is::<Error>());
    !of_stream && matches!(error.kind(), InvalidData | UnexpectedEof | QuotaExceeded)
}

impl From<Error> for io::Error {
    /// For [`super::read_at::ReadAt`], whose readers get an `io::Error`; [`Error::os`] finds it again.
    fn from(error: Error) -> Self {
        let kind = match &error {
            Error::Os { source, .. } => source.kind(),
            // Not `Interrupted`: loops that read to the end try again on that.
            Error::Stopped => io::ErrorKind::Other,
            _ => io::ErrorKind::InvalidData,
        };
        Self::new(kind, error)
    }
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Os { source, doing, .. } => match Kind::of_io(source) {
                // A file that can't be made is another thing than one that can't be found.
                Kind::NoInput | Kind::BadData | Kind::Io if doing.starts_with("creating") => Kind::CantCreate,
                kind => kind,
            },
            Self::Exists { .. } => Kind::CantCreate,
            Self::ReadBack { .. } => Kind::Failed,
            Self::Stopped => Kind::Interrupted,
            _ => Kind::BadData,
        }
    }

    fn hint(&self) -> Option<Remedy> {
        match self {
            Self::Os { source, doing, path } => match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded if doing.contains("spool") => Some(
                    remedy![
                        "a compressed image is unpacked into a temporary file; give a directory with more room with ",
                        Knob::SpoolDir,
                        ", or in the variable TMPDIR",
                    ],
                ),
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    Some("make room on that file system, or choose another directory".into())
                }
                io::ErrorKind::PermissionDenied => Some(Remedy::for_permission(path)),
                io::ErrorKind::NotFound if doing.starts_with("creating") => {
                    Some("the directory that it would be in has to exist".into())
                }
                io::ErrorKind::NotFound => Some("is the path right?".into()),
                _ => None,
            },
            Self::Changed { .. } | Self::OtherChanged { .. } => Some("try it again once nothing writes to the file".into()),
            Self::Empty { .. } => {
                Some(remedy!["was the download or the copy broken off? ", Action::host("ls -l"), " shows the size"])
            }
            Self::NotAnImage { hint, .. } | Self::Exists { hint, .. } => Some(hint.clone()),
            Self::NeedsMemory { path, format, .. } => {
                let unpack = match format {
                    Format::Zst => Action::host("zstd -dk --long=31"),
                    _ => Action::host("xz -dk"),
                };
                Some(remedy!["unpack it first, and give what comes out: ", unpack.arg(path.display())])
            }
            Self::Damaged { what, .. } if what.contains("behind the end") => Some(
                remedy![
                "two files may have been glued together, or the download is damaged; compare the file's sha256 with \
                 the publisher's (",
                Task::Verify,
                ")",
            ],
            ),
            Self::Damaged { .. } | Self::WrongLength { .. } => Some(
                remedy![
                "download the image again and compare its sha256 with the publisher's (",
                Task::Verify,
                ")",
            ],
            ),
            Self::Table { .. } => Some(remedy![Action::host("fdisk -l"), " or ", Action::host("sgdisk -v"), " on the raw image may say more"]),
            Self::NoTable { .. } => Some(
                "is it an image of a whole card, not of one partition, and not a tar archive? Give the number \
                 of bytes instead of `auto` to go on without a table"
                    .into(),
            ),
            Self::DoesNotFit { hint, .. } => hint.clone(),
            Self::BadRecord { .. } => None,
            Self::NoSum { image, .. } => {
                Some(remedy!["if the image was renamed, give its own sha256: ", Task::Verify.of(image)])
            }
            Self::ReadBack { .. } => {
                Some("the storage gave back other bytes than were written; check the disk and its cables".into())
            }
            Self::Stopped => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_not_read_is_told_by_what_it_is() {
        let hint = |path: &str| {
            let denied = io::Error::from(io::ErrorKind::PermissionDenied);
            Error::os(Path::new(path), "opening", denied).hint().unwrap()
        };
        assert!(hint("/dev/sdb").says("Block devices usually need root"));
        assert!(hint("Cargo.toml").says("ls -ld Cargo.toml") && !hint("Cargo.toml").says("Block devices"));
    }

    #[test]
    fn an_error_survives_the_way_through_io() {
        let error = Error::Damaged {
            path: "a.xz".into(),
            format: Format::Xz,
            at: 10,
            raw: 20,
            what: "checksum".into(),
        };
        let text = error.to_string();
        assert_eq!(text, "a.xz: damaged xz data at byte 10 of the file, 20 bytes into the image: checksum");
        let back = Error::os(Path::new("elsewhere"), "reading", io::Error::from(error));
        assert_eq!(back.to_string(), text);
        assert_eq!(back.kind(), Kind::BadData);
        assert!(back.hint().is_some());
    }

    #[test]
    fn creating_and_reading_fail_with_different_codes() {
        let gone = || io::Error::from(io::ErrorKind::NotFound);
        assert_eq!(Error::os(Path::new("x"), "opening", gone()).kind(), Kind::NoInput);
        assert_eq!(Error::os(Path::new("x"), "creating", gone()).kind(), Kind::CantCreate);
        let denied = io::Error::from(io::ErrorKind::PermissionDenied);
        assert_eq!(Error::os(Path::new("x"), "creating", denied).kind(), Kind::Permission);
        assert_eq!(Error::Stopped.kind(), Kind::Interrupted);
    }
}
