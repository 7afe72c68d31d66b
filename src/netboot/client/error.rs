//! What can go wrong with the client of a network boot.

use std::io;
use std::path::{Path, PathBuf};

use super::record::Record;
use crate::eeprom::config_txt::BadConfig;
use crate::error::{Action, Explain, Kind, Knob, Remedy, Task, remedy};
use crate::image::ext4;

/// Why the checklist can't work on a file or a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It is something else than a file.
    #[error("is no plain file")]
    NoFile,
    /// It is no text that somebody wrote.
    #[error("has more than 1 MiB, so that it can't be rewritten")]
    TooLong,
    /// It is something else than a directory.
    #[error("is no directory, and one is needed there")]
    NoDirectory,
    /// Its end is outside, or nowhere.
    #[error("is a link that leads nowhere here, and a directory is needed there")]
    LeadsNowhere,
    /// It is a directory.
    #[error("is a directory, and a file is needed there, or nothing")]
    Directory,
}

impl Fault {
    /// What to do about it.
    const fn remedy(self) -> &'static str {
        match self {
            Self::TooLong => "shorten it, in the source or among the client's files, then again",
            Self::Directory => "move it away, in the source or among the client's files, then again",
            Self::NoFile => "put a plain file there, in the source or among the client's files, then again",
            Self::NoDirectory | Self::LeadsNowhere => {
                "put a plain directory there, in the source or among the client's files, then again"
            }
        }
    }
}

/// A failure of this room.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system said no.
    #[error("{doing} {}", path.display())]
    Os {
        /// What was being done, as a gerund.
        doing: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The image can't be read.
    #[error(transparent)]
    Image(#[from] crate::image::Error),
    /// The image's root file system can't be read.
    #[error("{}: partition {partition}", path.display())]
    Ext4 {
        /// The image.
        path: PathBuf,
        /// The partition's number.
        partition: u32,
        /// What is wrong.
        source: ext4::Error,
    },
    /// What should become a root is no Raspberry Pi OS.
    #[error("{} is no Raspberry Pi OS: {why}", path.display())]
    NotRaspberryPiOs {
        /// The image or directory.
        path: PathBuf,
        /// What is missing.
        why: String,
        /// Whether `--force` would help.
        force: bool,
    },
    /// A file system has something in it that no directory of a host can have.
    #[error("{}: in {}, `{}` {why}", image.display(), directory.display(), name.escape_debug())]
    BadEntry {
        /// The image or directory.
        image: PathBuf,
        /// The directory in it.
        directory: PathBuf,
        /// The name, as far as it is text.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A name that no host can have.
    #[error("`{}` can't be a client's name: {why}", name.escape_debug())]
    BadName {
        /// What was given.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Neither a serial number nor a MAC address.
    #[error("`{}` is neither a board's serial number nor its MAC address", text.escape_debug())]
    BadBoard {
        /// What was given.
        text: String,
    },
    /// A serial number of zeros or ones only.
    #[error("`{}` is what boards tell that have no serial number, so it names none", text.escape_debug())]
    NoBoard {
        /// What was given.
        text: String,
    },
    /// Neither an address nor a network.
    #[error("`{}` is no {wanted}", text.escape_debug())]
    BadAddress {
        /// What was given.
        text: String,
        /// What was wanted.
        wanted: &'static str,
    },
    /// There is such a client.
    #[error("there is a client `{name}` already, for board {board}")]
    Exists {
        /// Its name.
        name: String,
        /// Its board.
        board: String,
    },
    /// Another client has this board.
    #[error("board {board} is that of client `{name}` already")]
    BoardTaken {
        /// The board.
        board: String,
        /// Whose it is.
        name: String,
    },
    /// Something that isn't ours is where a client's files would go.
    #[error("{} is there already, and no client of piprov's", path.display())]
    Occupied {
        /// What is there.
        path: PathBuf,
    },
    /// Users of this host can look into where clients would lie.
    #[error("{} {why}, so that users of this host could reach a client's setuid programs and keys", path.display())]
    Exposed {
        /// The directory.
        path: PathBuf,
        /// Whose it is, or its mode.
        why: String,
    },
    /// There is no such client.
    #[error("there is no client `{name}`")]
    NoClient {
        /// The name that was asked for.
        name: String,
        /// The known names closest to it.
        near: Vec<String>,
    },
    /// A client was begun, and not from the same source in the same way.
    #[error("client `{name}` was begun from {} and never finished{}", from.display(), differs(differences))]
    Unfinished {
        /// Its name.
        name: String,
        /// Where it was made from.
        from: PathBuf,
        /// What is wanted otherwise now: phrases.
        differences: Vec<String>,
    },
    /// Another piprov works on the clients.
    #[error("another piprov is at work on the clients ({} is locked)", path.display())]
    Locked {
        /// The lock.
        path: PathBuf,
    },
    /// Another exports file has it.
    #[error("{} is exported by {}:{line} already", path.display(), file.display())]
    Exported {
        /// The directory.
        path: PathBuf,
        /// The file that says so.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// There is no NFS server.
    #[error("there is no exportfs on this host, so nothing can be exported over NFS")]
    NoExportfs,
    /// A program that is needed is not there.
    #[error("there is no {program} on this host, and {why}")]
    NoProgram {
        /// Its name.
        program: &'static str,
        /// What for.
        why: &'static str,
        /// The Debian package that brings it.
        package: &'static str,
    },
    /// A program failed.
    #[error("{program} failed ({status}){}", behind(said))]
    Program {
        /// Its name and arguments.
        program: String,
        /// How it ended.
        status: String,
        /// What it printed.
        said: String,
    },
    /// The copy is not what was copied.
    #[error("{} differs from its source: {}", root.display(), shown(differences))]
    Different {
        /// The copy.
        root: PathBuf,
        /// What differs, each with its path.
        differences: Vec<String>,
    },
    /// The state can't be understood.
    #[error("{}: {what}", path.display())]
    State {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// Something of a root, or of boot files, isn't what the checklist could work on.
    #[error("{} {fault}", path.display())]
    Unfit {
        /// The file or directory.
        path: PathBuf,
        /// What is wrong with it.
        fault: Fault,
    },
    /// A config.txt can't be read with all that it includes.
    #[error("{}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: BadConfig,
    },
    /// The server's address, or the client's network, isn't known.
    #[error("{what}")]
    NoAddress {
        /// What isn't known.
        what: String,
    },
    /// Only root can give files away.
    #[error("making a client's root needs root: its files belong to many users")]
    NotRoot,
    /// Something that can't be done in this way.
    #[error("{what}")]
    Cannot {
        /// What can't be done and why.
        what: String,
        /// What to do instead.
        hint: Remedy,
    },
    /// A change of a client failed, and what it had changed couldn't be put back.
    #[error("{}, and client `{name}` could not be put back: {other}", crate::error::chain(&**why))]
    HalfSet {
        /// Its name.
        name: String,
        /// What failed.
        why: Box<Self>,
        /// What putting it back ended with.
        other: String,
    },
    /// The user stopped it.
    #[error("stopped before the end")]
    Stopped,
}

/// What is wanted otherwise, behind what was begun.
fn differs(differences: &[String]) -> String {
    if differences.is_empty() { String::new() } else { format!("; it has {}", differences.join(", and ")) }
}

/// What a program said, where it said something.
fn behind(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!(": {said}") }
}

/// The first few of many.
fn shown(differences: &[String]) -> String {
    let first = differences.iter().take(5).cloned().collect::<Vec<_>>().join("; ");
    match differences.len().saturating_sub(5) {
        0 => first,
        more => format!("{first}; and {more} more"),
    }
}

impl Error {
    /// What to say of a client that is half made.
    pub(super) fn unfinished(record: &Record) -> Self {
        Self::Unfinished {
            name: record.name.clone(),
            from: record.origin.from.clone(),
            differences: Vec::new(),
        }
    }

    /// Whether what was wanted isn't there any more, or became shorter: a running system removes files.
    pub(super) fn is_gone(&self) -> bool {
        let Self::Os { source, .. } = self else { return false };
        matches!(source.kind(), io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof)
    }

    /// Makes an operating-system error for `map_err`. An image's error that came through it is found again.
    pub(super) fn os<E: Into<io::Error>>(doing: &'static str, path: &Path) -> impl FnOnce(E) -> Self {
        let path = path.to_owned();
        move |source| {
            let source = source.into();
            if let Some(inner) =
                source.get_ref().and_then(|inner| inner.downcast_ref::<crate::image::Error>())
            {
                return Self::Image(inner.clone());
            }
            Self::Os { doing, path, source }
        }
    }
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Os { source, .. } => Kind::of_io(source),
            Self::Image(error) => error.kind(),
            Self::Ext4 { source, .. } => source.kind(),
            Self::Config { source, .. } => source.kind(),
            Self::NotRaspberryPiOs { .. } | Self::BadEntry { .. } | Self::Unfit { .. } => Kind::BadData,
            Self::BadName { .. } | Self::BadBoard { .. } | Self::NoBoard { .. } | Self::BadAddress { .. } => {
                Kind::Usage
            }
            Self::Exists { .. }
            | Self::BoardTaken { .. }
            | Self::Occupied { .. }
            | Self::Exposed { .. }
            | Self::Exported { .. }
            | Self::Unfinished { .. } => Kind::CantCreate,
            Self::NoClient { .. } => Kind::NoInput,
            Self::Locked { .. } => Kind::Busy,
            Self::NoExportfs | Self::NoProgram { .. } => Kind::Unavailable,
            Self::Program { .. } | Self::Different { .. } => Kind::Failed,
            Self::State { .. } => Kind::BadData,
            Self::NoAddress { .. } | Self::Cannot { .. } => Kind::Usage,
            Self::NotRoot => Kind::Permission,
            Self::HalfSet { why, .. } => why.kind(),
            Self::Stopped => Kind::Interrupted,
        }
    }

    fn hint(&self) -> Option<Remedy> {
        Some(match self {
            Self::Os { source, .. } => match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    remedy!["make room there, or choose another place with ", Knob::Clients, " (or `netboot.clients`)"]
                }
                io::ErrorKind::PermissionDenied => Action::AsRoot.into(),
                io::ErrorKind::InvalidData => {
                    remedy![
                        Action::host("fsck.fat -n"),
                        " or ",
                        Action::host("e2fsck -fn"),
                        " on the partition says more; is the image a whole download?",
                    ]
                }
                io::ErrorKind::Unsupported => {
                    "choose a place on a file system that keeps owners and extended attributes, such as ext4".into()
                }
                _ => return None,
            },
            Self::Image(error) => return error.hint(),
            Self::Ext4 { source, .. } => return source.hint(),
            Self::Config { source, .. } => return source.hint(),
            Self::NotRaspberryPiOs { force: true, .. } => {
                remedy![Knob::Force, " takes it all the same; ", Task::ClientShow, " then says what was changed"]
            }
            Self::NotRaspberryPiOs { .. } => {
                "give an image of a whole card with a boot and a root partition, or the root directory of one".into()
            }
            Self::BadEntry { .. } => "no system writes such a file system: it is damaged, or it was made to lead astray. \
                                      Nothing outside the client was touched"
                .into(),
            Self::BadName { .. } => {
                "it becomes the client's host name: letters, digits and dashes, at most 63, as in `lab-01`".into()
            }
            Self::BadBoard { .. } => "8 or 16 hexadecimal digits as in /proc/cpuinfo (a2ef5644), or a MAC address \
                                      (dc:a6:32:01:36:c2)"
                .into(),
            Self::NoBoard { .. } => "name the board by its MAC address (dc:a6:32:01:36:c2)".into(),
            Self::BadAddress { .. } => {
                remedy![
                    "an export is for the client's address (",
                    Knob::Address,
                    ") or its network (",
                    Knob::Network,
                    "), and never for everybody",
                ]
            }
            Self::Exists { name, .. } => {
                remedy![
                    Task::ClientShow.of(name),
                    " shows it, ",
                    Task::ClientRemove.of(name),
                    " removes it",
                ]
            }
            Self::BoardTaken { name, .. } => remedy![
                Task::ClientSet.of(name),
                " gives that client another board, ",
                Task::ClientRemove.of(name),
                " removes it",
            ],
            Self::Exposed { path, .. } => remedy![
                "if only clients are in it: ",
                Action::host_as_root("chown root:").arg(path.display()),
                " and ",
                Action::host_as_root("chmod 700").arg(path.display()),
                "; otherwise choose another directory",
            ],
            Self::Occupied { .. } => "move it away, or choose another name or place".into(),
            Self::NoClient { near, .. } => match near.first() {
                Some(near) => format!("did you mean `{near}`?").into(),
                None => remedy![Task::ClientList, " lists them"],
            },
            Self::Unfinished { name, .. } => {
                remedy!["give the same again to go on with it, or ", Task::ClientRemove.of(name), " first"]
            }
            Self::Locked { .. } => "wait until it is done".into(),
            Self::Exported { .. } => {
                remedy!["take the line out of that file, or leave the exports to it with ", Knob::NoExports]
            }
            Self::NoExportfs => {
                remedy![
                Action::install(["nfs-kernel-server"]),
                "; ",
                Task::Nfs,
                " says what else is missing. ",
                Knob::NoExports,
                " makes the client without",
            ]
            }
            Self::NoProgram { package, .. } => Action::install([package]).into(),
            Self::Program { .. } => return None,
            Self::Different { .. } => {
                "the storage gave back other bytes than were written, or the source changed; what was made is \
                 removed"
                    .into()
            }
            Self::State { .. } => "the file is piprov's own; move it away to go on without that client: its exports \
                                   go then, and its root, its layer and its boot files stay where they are; a root that it \
                                   shares stays as long as its layer is there"
                .into(),
            Self::Unfit { fault, .. } => fault.remedy().into(),
            Self::NoAddress { .. } => remedy![
                "give ",
                Knob::Server,
                " and ",
                Knob::Network,
                " (or ",
                Knob::Address,
                "), or ",
                Knob::Interface,
                " (or `netboot.interface`)",
            ],
            Self::NotRoot => remedy![Action::AsRoot, "; ", Knob::DryRun, " needs no root"],
            Self::Cannot { hint, .. } => hint.clone(),
            Self::HalfSet { name, .. } => remedy![Task::ClientRepair.of(name), " puts it back"],
            Self::Stopped => return None,
        })
    }
}
