//! Why a payload can't be served, or USB can't be used at all. What happens to one board is an
//! `Ending`, not an error.

use std::path::{Path, PathBuf};

use rustix::fs::Access;

use super::bootfiles::Damage;
use super::payload::Fuse;
use crate::board::identity::Chip;
use crate::eeprom::config_txt::BadConfig;
use crate::error::{Action, Explain, Kind, Knob, Remedy, Task, remedy};
use crate::run::ledger;

/// Why there is nothing to serve.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The payload directory can't be used.
    #[error("payload {}: {source}", .dir.display())]
    Dir {
        /// The directory.
        dir: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file of the payload can't be read.
    #[error("payload {}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// `bootfiles.bin` can't be read as an archive.
    #[error("{}: {damage}", .path.display())]
    Bootfiles {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        damage: Damage,
    },
    /// A file is one of which it is known that boards don't boot with it.
    #[error("{} is known to be broken: {what}", .path.display())]
    KnownBad {
        /// The file.
        path: PathBuf,
        /// What boards do with it.
        what: &'static str,
        /// What helps.
        remedy: &'static str,
    },
    /// There is no bootcode for any board, or not for this one.
    #[error("{} has no {}", .dir.display(), names(*.chip))]
    NoBootcode {
        /// The payload.
        dir: PathBuf,
        /// Whose bootcode it is; `None` where there is no bootcode at all.
        chip: Option<Chip>,
        /// Whether it is the directory of one board, which was found by its serial number.
        of_board: bool,
    },
    /// There is a system for an older board, and the loader that starts it, which rpiboot has inside, is nowhere.
    #[error("{} has no bootcode.bin for {chip} ({}), and neither {} has one with start.elf", .dir.display(), .chip.boards(), either(.tried))]
    NoLoader {
        /// The payload.
        dir: PathBuf,
        /// Whose loader it is.
        chip: Chip,
        /// The folders that were looked at.
        tried: Vec<PathBuf>,
    },
    /// A file has nothing in it.
    #[error("{} is empty, which a board takes for missing", .path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The bootcode has nothing in it, or more than a boot ROM takes.
    #[error("{}: {len} bytes are no bootcode", .path.display())]
    BootcodeSize {
        /// The file.
        path: PathBuf,
        /// Its length.
        len: u64,
    },
    /// A file holds the target of a link, not what the link leads to.
    #[error("{} is no firmware but the text of a link, `{target}`", .path.display())]
    Stub {
        /// The file.
        path: PathBuf,
        /// The text.
        target: String,
    },
    /// The payload says that a file is there, or the user asked for it, and it isn't.
    #[error("{} has no {name}, which {why}", .dir.display())]
    Missing {
        /// The payload.
        dir: PathBuf,
        /// The file.
        name: &'static str,
        /// Why it is needed.
        why: &'static str,
    },
    /// `bootcode.sig` has another length than a signature.
    #[error("{}: a signature has 20 bytes, this file {len}", .path.display())]
    Signature {
        /// The file.
        path: PathBuf,
        /// Its length.
        len: u64,
    },
    /// A link leads to nothing.
    #[error("{} is a link to {}, which isn't there", .link.display(), .target.display())]
    Dangling {
        /// The link.
        link: PathBuf,
        /// Where it leads, as it says itself.
        target: PathBuf,
    },
    /// Something else lies where a file is expected.
    #[error("{} is {what}, and no file", .path.display())]
    NoFile {
        /// Where.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// A link leads out of the folders that are served.
    #[error("{} leads to {}, outside the payload", .link.display(), .target.display())]
    LeadsOut {
        /// The link.
        link: PathBuf,
        /// Where it leads.
        target: PathBuf,
    },
    /// The payload burns fuses.
    #[error("{} changes boards for ever: {} to the chip's fuses", .dir.display(), writes(.fuses))]
    Fuses {
        /// The payload.
        dir: PathBuf,
        /// The lines that do.
        fuses: Vec<Fuse>,
    },
    /// What a configuration says can't be known.
    #[error("{}: {why}{}", .dir.display(), std::error::Error::source(.why).map(|source| format!(": {source}")).unwrap_or_default())]
    Config {
        /// The payload.
        dir: PathBuf,
        /// Why not.
        why: BadConfig,
    },
    /// There is only what the EEPROM's image is made of.
    #[error("{} has no pieeprom.bin, which a recovery writes to the EEPROM; there is only {original}", .dir.display())]
    NoEeprom {
        /// The payload.
        dir: PathBuf,
        /// The file that is there.
        original: &'static str,
    },
    /// No payload was named, and no package has installed one.
    #[error("there is no payload for {}: neither {}", boards(*.chip), either(.tried))]
    NoPayload {
        /// The chip that waits; `None` where no board was seen yet.
        chip: Option<Chip>,
        /// Where one was looked for.
        tried: Vec<PathBuf>,
    },
    /// Nothing is prepared for this board.
    #[error("there are no files for serial {serial}: neither {} nor {}", .own.display(), .default.display())]
    NoClient {
        /// The board's serial number.
        serial: String,
        /// Its own directory.
        own: PathBuf,
        /// The directory for boards without one.
        default: PathBuf,
        /// Directories with names that are close to the serial number.
        near: Vec<String>,
    },
    /// Several directories are this board's.
    #[error("{} in {} are all the board {serial}", .names.join(" and "), .parent.display())]
    Ambiguous {
        /// The board's serial number.
        serial: String,
        /// Where the directories are.
        parent: PathBuf,
        /// Their names.
        names: Vec<String>,
    },
    /// What is done to a board can't be recorded, so nothing is done.
    #[error(transparent)]
    Record(#[from] ledger::Error),
    /// libusb can't be started or can't list devices.
    #[error("USB on this host: {what}: {why}")]
    Host {
        /// What was tried.
        what: &'static str,
        /// What libusb or the system said.
        why: String,
    },
}

/// Fuses and the lines that burn them.
fn writes(fuses: &[Fuse]) -> String {
    const MOST: usize = 8;
    let mut text: Vec<String> = fuses.iter().take(MOST).map(ToString::to_string).collect();
    if fuses.len() > MOST {
        text.push("and more".to_owned());
    }
    let verb = if fuses.len() == 1 { "writes" } else { "write" };
    format!("{} {verb}", text.join(", "))
}

/// Folders of which none is it.
fn either(tried: &[PathBuf]) -> String {
    tried.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" nor ")
}

fn names(chip: Option<Chip>) -> String {
    match chip {
        Some(chip) => format!("{} for {chip} ({})", chip.bootcode(), chip.boards()),
        None => "bootcode.bin, bootcode4.bin, bootcode5.bin or bootfiles.bin".to_owned(),
    }
}

fn boards(chip: Option<Chip>) -> String {
    chip.map_or_else(|| "any board".to_owned(), |chip| format!("{chip} ({})", chip.boards()))
}

/// Where payloads come from: nothing of Raspberry Pi's firmware is part of this program.
#[must_use]
pub fn where_from() -> Remedy {
    sources().and(remedy![". Name one with ", Knob::Payload])
}

fn sources() -> Remedy {
    remedy![
        "Raspberry Pi OS and Ubuntu have payloads in the package rpiboot (/usr/share/rpiboot); or ",
        Action::host("git clone --recurse-submodules https://github.com/raspberrypi/usbboot"),
    ]
}

/// What keeps this user from a file: the outermost folder on the way to it, or behind its links, that it may not enter, else
/// the file itself.
fn in_the_way(path: &Path) -> PathBuf {
    let may_enter = |folder: &Path| rustix::fs::access(folder, Access::EXEC_OK).is_ok();
    let mut at = path.to_owned();
    // As many links as the kernel follows.
    for _ in 0..40 {
        let folders = at.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty());
        // Behind the first one none can be entered, whatever its mode.
        if let Some(folder) = folders.take_while(|folder| !may_enter(folder)).last() {
            return folder.to_owned();
        }
        let Ok(target) = std::fs::read_link(&at) else { break };
        at = at.parent().unwrap_or(Path::new("")).join(target);
    }
    at
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Dir { source, .. } | Self::Read { source, .. } => Kind::of_io(source),
            Self::NoPayload { .. } | Self::NoClient { .. } => Kind::NoInput,
            Self::Fuses { .. } => Kind::Usage,
            Self::NoEeprom { .. } => Kind::NoInput,
            Self::Config { why, .. } => why.kind(),
            Self::Record(error) => error.kind(),
            Self::Host { .. } => Kind::Unavailable,
            Self::Bootfiles { .. }
            | Self::NoBootcode { .. }
            | Self::NoLoader { .. }
            | Self::KnownBad { .. }
            | Self::Dangling { .. }
            | Self::NoFile { .. }
            | Self::Empty { .. }
            | Self::BootcodeSize { .. }
            | Self::Stub { .. }
            | Self::Missing { .. }
            | Self::Signature { .. }
            | Self::Ambiguous { .. }
            | Self::LeadsOut { .. } => Kind::BadData,
        }
    }

    fn hint(&self) -> Option<Remedy> {
        Some(match self {
            Self::Dir { dir: path, source } | Self::Read { path, source }
                if source.kind() == std::io::ErrorKind::PermissionDenied =>
            {
                let read = Action::host("chmod a+rX").arg(in_the_way(path).display());
                remedy![
                    "Whoever it belongs to can let this user read it: ",
                    read,
                    ". Or ",
                    Action::AsRoot,
                    "."
                ]
            }
            Self::Dir { .. } | Self::NoPayload { .. } => where_from().and("."),
            Self::NoBootcode { dir, of_board: true, .. } => {
                let put = format!("Put the board's boot files into {}. ", dir.display());
                remedy![put, sources(), "."]
            }
            Self::NoBootcode { chip: None, .. } => remedy!["Is it the right directory? ", where_from(), "."],
            Self::NoBootcode { chip: Some(_), .. } => {
                remedy!["This payload is for other boards. ", where_from(), "."]
            }
            Self::Stub { .. } => {
                remedy![
                    "This happens when a repository is downloaded without its links or its submodules: ",
                    Action::host("git clone --recurse-submodules"),
                    ", or take the package rpiboot.",
                ]
            }
            Self::Missing { name: "bootcode.bin" | "start.elf", .. } => remedy![
                "Both are needed, and come with the folder msd of the package rpiboot, or of ",
                Action::host("git clone --recurse-submodules https://github.com/raspberrypi/usbboot"),
                ".",
            ],
            Self::NoLoader { .. } => remedy![
                "rpiboot has these two files inside. Here they come from the folder msd of the package rpiboot, or of ",
                Action::host("git clone --recurse-submodules https://github.com/raspberrypi/usbboot"),
                ": put it beside the payload.",
            ],
            Self::Dangling { .. } => remedy![
                "This happens when a repository is fetched without its submodules, or when what it leads to was moved: ",
                Action::host("git submodule update --init"),
                " in the repository, or take the package rpiboot.",
            ],
            Self::KnownBad { remedy, .. } => (*remedy).into(),
            Self::Bootfiles { .. } | Self::BootcodeSize { .. } | Self::Empty { .. } => {
                "Fetch the payload again; a download was cut off, or it is another file.".into()
            }
            Self::LeadsOut { target, .. } => {
                let folder = target.parent().unwrap_or(target);
                remedy!["If it is meant, allow it: ", Knob::Allow.to(folder.display())]
            }
            Self::Fuses { fuses, .. } => {
                let mut names: Vec<_> =
                    fuses.iter().map(|fuse| fuse.setting.escape_debug().to_string()).collect();
                names.sort();
                names.dedup();
                remedy![
                    "Nobody can undo it. If it is meant for every board that will be plugged in: ",
                    Knob::Confirm.to(names.join(",")),
                ]
            }
            Self::Config { why, .. } => return why.hint(),
            Self::Record(error) => return error.hint(),
            Self::NoEeprom { .. } => {
                remedy![
                    "usbboot's update-pieeprom.sh makes it, and pieeprom.sig, out of that file and boot.conf: run ",
                    Action::host("./update-pieeprom.sh"),
                    " in this directory.",
                ]
            }
            Self::NoClient { near, .. } if !near.is_empty() => format!(
                "Is {} meant? The boot ROM tells 8 digits; 16 as in /proc/cpuinfo are fine too.",
                near.join(" or ")
            )
            .into(),
            Self::Ambiguous { .. } => {
                "Keep one of them: 8 digits, and 16 with the same last 8, are one board.".into()
            }
            Self::NoClient { own, .. } => {
                format!("Put this board's boot files into {}", own.display()).into()
            }
            Self::Missing { name: "boot.sig", .. } => remedy![
                "rpi-eeprom-digest makes it: ",
                Action::host("rpi-eeprom-digest -i boot.img -o boot.sig -k key.pem"),
                ".",
            ],
            Self::Host { .. } => remedy![Task::Doctor, " looks at what USB needs on this host."],
            _ => return None,
        })
    }
}
