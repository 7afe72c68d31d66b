//! Settings: flags before environment before files before what is built in. Every value knows where it
//! comes from, so that `piprov config show` can tell. A few may be changed while a station serves: what is saved there
//! comes before the files.
//!
//! The files, from the weakest to the strongest: `/etc/piprov/piprov.toml`, the drop-ins
//! `/etc/piprov/piprov.d/*.toml` in the order of their names, `$XDG_CONFIG_HOME/piprov/config.toml`,
//! `./piprov.toml`. A file named by `--config` or `PIPROV_CONFIG` stands in for all of them.

pub mod netboot;
pub mod objects;
pub mod print;
pub mod station;
pub mod subnet;
pub mod usb;

mod file;
mod form;
mod saved;
mod settings;
mod table;
mod tables;
mod value;

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::error::{Explain, Kind, Remedy, Task, remedy};
use value::Raw;

pub use form::Written;
pub use saved::CHANGE_WHILE_SERVING;
pub use settings::{Flash, KEYS, Netboot, Reset, Settings, Station, Tftp, Usb};
pub use table::Row;
pub use tables::Member;

/// A value and where it comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting<T> {
    /// The value.
    pub value: T,
    /// Where it comes from.
    pub origin: Origin,
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "origin", rename_all = "kebab-case")]
pub enum Origin {
    /// Built in.
    Default,
    /// A configuration file.
    File {
        /// The file.
        #[serde(serialize_with = "crate::format::json::path")]
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// An environment variable.
    Environment {
        /// Its name.
        variable: String,
    },
    /// The command line.
    Flag {
        /// The flag, with its dashes.
        flag: &'static str,
    },
    /// Saved in the station, by somebody who may.
    Saved,
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => out.write_str("built in"),
            Self::File { path, line } => write!(out, "{}:{line}", path.display()),
            Self::Environment { variable } => write!(out, "environment, {variable}"),
            Self::Flag { flag } => write!(out, "flag, {flag}"),
            Self::Saved => out.write_str("saved in the station"),
        }
    }
}

impl<T> Setting<T> {
    /// The value of a flag where it was given, else this one.
    #[must_use]
    pub fn or_flag(self, flag: &'static str, given: Option<T>) -> Self {
        match given {
            Some(value) => Self { value, origin: Origin::Flag { flag } },
            None => self,
        }
    }
}

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file can't be read.
    #[error("reading {}", path.display())]
    Read {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file is not TOML.
    #[error("{}:{line}: {message}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        message: String,
    },
    /// A file has a key that means nothing.
    #[error("{}:{line}: there is no setting `{key}`", path.display())]
    Unknown {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The key, with its table.
        key: String,
    },
    /// A value makes no sense.
    #[error("{origin}: `{key}`: {why}")]
    Bad {
        /// Where it stands.
        origin: Origin,
        /// The key, with its table.
        key: String,
        /// What is wrong with it.
        why: String,
    },
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Read { source, .. } => Kind::of_io(source),
            Self::Syntax { .. } | Self::Unknown { .. } | Self::Bad { .. } => Kind::Config,
        }
    }

    fn hint(&self) -> Option<Remedy> {
        let Self::Unknown { key, .. } = self else { return None };
        let inner = KEYS.iter().filter_map(|known| known.split_once('.')).find(|(_, last)| last == key);
        if let Some((table, last)) = inner {
            return Some(format!("`{last}` stands below [{table}]").into());
        }
        let members = usb::BOARD_KEYS.iter().map(|member| format!("usb.board.{member}"));
        let programs = print::PRINT_KEYS.iter().map(|member| format!("station.print-command.{member}"));
        let subnets = subnet::SUBNET_KEYS.iter().map(|member| format!("netboot.subnet.{member}"));
        let members = members.chain(programs).chain(subnets);
        let all: Vec<String> = KEYS.iter().map(|key| (*key).to_owned()).chain(members).collect();
        let near = crate::near::near(key, all.iter().map(String::as_str));
        Some(match near.first() {
            Some(near) => format!("did you mean `{near}`?").into(),
            None => remedy![Task::ConfigShow, " lists the settings"],
        })
    }
}

/// What the settings depend on.
pub(crate) struct Machine<'a> {
    /// The value of an environment variable.
    pub(crate) env: &'a dyn Fn(&str) -> Option<OsString>,
    /// The file that stands in for all others.
    pub(crate) explicit: Option<&'a Path>,
    /// The directory in which a `piprov.toml` counts.
    pub(crate) project: &'a Path,
    /// `/etc/piprov`.
    pub(crate) system: &'a Path,
    /// The effective user.
    pub(crate) uid: u32,
}

impl Machine<'_> {
    /// The value of an environment variable that has one.
    fn env(&self, name: &str) -> Option<OsString> {
        (self.env)(name).filter(|value| !value.is_empty())
    }

    /// A directory of the XDG base directory specification, which wants absolute paths. Nothing where the
    /// environment doesn't tell where the user is at home.
    fn home(&self, variable: &str, below_home: &str) -> Option<PathBuf> {
        let absolute = |name| self.env(name).map(PathBuf::from).filter(|path| path.is_absolute());
        absolute(variable).or_else(|| Some(absolute("HOME")?.join(below_home)))
    }

    fn state_dir(&self) -> PathBuf {
        let home = if self.uid == 0 { None } else { self.home("XDG_STATE_HOME", ".local/state") };
        home.map_or_else(|| PathBuf::from("/var/lib/piprov"), |home| home.join("piprov"))
    }
}

impl Settings {
    /// Reads the settings of this process. `explicit` is the file named by `--config`.
    ///
    /// # Errors
    /// When a file can't be read that must be, and for the first thing in a file that makes no sense.
    pub fn load(explicit: Option<&Path>) -> Result<Self, Error> {
        Self::of(&Machine {
            env: &|name| std::env::var_os(name),
            explicit,
            project: Path::new(""),
            system: Path::new("/etc/piprov"),
            uid: rustix::process::geteuid().as_raw(),
        })
    }

    /// What is built in, for root.
    #[must_use]
    pub fn without_files() -> Self {
        let nothing = Path::new("");
        Self::built_in(&Machine { env: &|_| None, explicit: None, project: nothing, system: nothing, uid: 0 })
    }

    pub(crate) fn of(machine: &Machine<'_>) -> Result<Self, Error> {
        let mut settings = Self::built_in(machine);
        file::read_all(machine, &mut settings)?;
        for key in KEYS {
            let variable = variable(key);
            if let Some(text) = machine.env(&variable) {
                let raw = Raw::Text(text.to_string_lossy().into_owned());
                let origin = Origin::Environment { variable };
                if let Some(Err(wrong)) = settings.set(key, &raw, &origin, Path::new("")) {
                    return Err(Error::Bad { origin, key: (*key).to_owned(), why: wrong.why });
                }
            }
        }
        Ok(settings)
    }
}

/// The number of a group of a system, and not one from a directory service; `root` is where that system is.
#[must_use]
pub fn group_id(root: &Path, name: &str) -> Option<u32> {
    let groups = std::fs::read_to_string(root.join("etc/group")).ok()?;
    // group(5): name, password, number, members.
    let mut lines = groups.lines().map(|line| line.split(':'));
    lines.find_map(|mut words| (words.next() == Some(name)).then(|| words.nth(1)?.parse().ok())?)
}

/// The environment variable of a setting: `PIPROV_FLASH_PART_SIZE` is that of `flash.part-size`.
#[must_use]
pub fn variable(key: &str) -> String {
    format!("PIPROV_{}", key.replace(['.', '-'], "_").to_uppercase())
}

#[cfg(test)]
mod tests;
