//! Settings: flags before environment before files before what is built in. Every value knows where it
//! comes from, so that `piprov config show` can tell.
//!
//! The files, from the weakest to the strongest: `/etc/piprov/piprov.toml`, the drop-ins
//! `/etc/piprov/piprov.d/*.toml` in the order of their names, `$XDG_CONFIG_HOME/piprov/config.toml`,
//! `./piprov.toml`. A file named by `--config` or `PIPROV_CONFIG` stands in for all of them.

pub mod netboot;

mod file;
mod value;

use std::ffi::OsString;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::{Explain, Kind, Remedy, Task, remedy};
use netboot::Netboot;
use value::{Raw, seconds};

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
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => out.write_str("built in"),
            Self::File { path, line } => write!(out, "{}:{line}", path.display()),
            Self::Environment { variable } => write!(out, "environment, {variable}"),
            Self::Flag { flag } => write!(out, "flag, {flag}"),
        }
    }
}

impl<T> Setting<T> {
    fn built_in(value: T) -> Self {
        Self { value, origin: Origin::Default }
    }

    /// The value of a flag where it was given, else this one.
    #[must_use]
    pub fn or_flag(self, flag: &'static str, given: Option<T>) -> Self {
        match given {
            Some(value) => Self { value, origin: Origin::Flag { flag } },
            None => self,
        }
    }
}

/// All settings.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The targets database.
    pub targets: Setting<PathBuf>,
    /// Where state that must outlive the process is kept.
    pub state_dir: Setting<PathBuf>,
    /// Where state is kept that the next start of the machine has no use for.
    pub runtime_dir: Setting<PathBuf>,
    /// Where `piprov flash` serves TFTP.
    pub listen: Setting<SocketAddr>,
    /// How many bytes of the image a board fetches at a time: it must fit into the board's memory.
    pub part_size: Setting<u64>,
    /// How long a board may take from the reset to its first request.
    pub boot_timeout: Setting<Duration>,
    /// How long to wait between the resets of two boards.
    pub stagger: Setting<Duration>,
    /// How long a reset line is held low.
    pub hold: Setting<Duration>,
    /// How long a reset command may take.
    pub command_timeout: Setting<Duration>,
    /// The largest TFTP window (RFC 7440) that a client gets, in blocks.
    pub max_window: Setting<u16>,
    /// The largest TFTP block (RFC 2348) that a client gets, in bytes.
    pub max_blksize: Setting<u16>,
    /// The live tree: the directory that the USB file server serves.
    pub live: Setting<PathBuf>,
    /// Where the boards' own files are: `1ststage`, `by-serial/SERIAL`, `default`.
    pub clients: Setting<PathBuf>,
    /// The ids of the first stage's serial gadget: vendor and product.
    pub gadget: Setting<(u16, u16)>,
    /// How long a port may be empty while its board starts again. After that another board may be there.
    pub restart_window: Setting<Duration>,
    /// What stands below `[netboot]`.
    pub netboot: Netboot,
    /// Things that are not as they should be but keep nothing from working.
    pub warnings: Vec<String>,
    /// The files that were looked for, and whether each was read.
    pub files: Vec<(PathBuf, bool)>,
}

/// The names of all settings, as files write them. The environment variable of `flash.part-size` is
/// `PIPROV_FLASH_PART_SIZE`, and so on.
pub const KEYS: [&str; 31] = [
    "targets",
    "state-dir",
    "runtime-dir",
    "flash.listen",
    "flash.part-size",
    "flash.boot-timeout",
    "flash.stagger",
    "reset.hold",
    "reset.command-timeout",
    "tftp.max-window",
    "tftp.max-blksize",
    "usb.live",
    "usb.clients",
    "usb.gadget",
    "usb.restart-window",
    "netboot.interface",
    "netboot.mode",
    "netboot.range",
    "netboot.lease-time",
    "netboot.router",
    "netboot.dns",
    "netboot.hosts",
    "netboot.oui",
    "netboot.rom-delay",
    "netboot.delays",
    "netboot.everyone",
    "netboot.boot-files",
    "netboot.tftp-root",
    "netboot.clients",
    "netboot.shared",
    "netboot.state",
];

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
        key: &'static str,
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
        let inner = KEYS.into_iter().find(|known| known.split_once('.').is_some_and(|(_, last)| last == key));
        if let Some((table, last)) = inner.and_then(|known| known.split_once('.')) {
            return Some(format!("`{last}` stands below [{table}]").into());
        }
        let near = crate::near::near(key, KEYS);
        Some(match near.first() {
            Some(near) => format!("did you mean `{near}`?").into(),
            None => remedy![Task::ConfigShow, " lists the settings"],
        })
    }
}

/// Where settings are looked for.
pub(crate) struct Sources<'a> {
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

impl Settings {
    /// Reads the settings of this process. `explicit` is the file named by `--config`.
    ///
    /// # Errors
    /// When a file can't be read, and for the first thing in it that makes no sense.
    pub fn load(explicit: Option<&Path>) -> Result<Self, Error> {
        Self::from_sources(&Sources {
            env: &|name| std::env::var_os(name),
            explicit,
            project: Path::new(""),
            system: Path::new("/etc/piprov"),
            uid: rustix::process::geteuid().as_raw(),
        })
    }

    pub(crate) fn from_sources(sources: &Sources<'_>) -> Result<Self, Error> {
        let env = |name: &str| (sources.env)(name).filter(|value| !value.is_empty());
        let mut settings = Self::built_in(&env, sources);
        file::read_all(sources, &env, &mut settings)?;
        for key in KEYS {
            let variable = format!("PIPROV_{}", key.replace(['.', '-'], "_").to_uppercase());
            if let Some(text) = env(&variable) {
                let raw = Raw::Text(text.to_string_lossy().into_owned());
                settings.set(key, &raw, Origin::Environment { variable }, Path::new(""))?;
            }
        }
        Ok(settings)
    }

    fn built_in(env: &dyn Fn(&str) -> Option<OsString>, sources: &Sources<'_>) -> Self {
        let state = if sources.uid == 0 { None } else { home(env, "XDG_STATE_HOME", ".local/state") };
        let state = state.map_or_else(|| PathBuf::from("/var/lib/piprov"), |home| home.join("piprov"));
        Self {
            targets: Setting::built_in(PathBuf::from("/etc/piprov/targets.csv")),
            state_dir: Setting::built_in(state),
            // Of every user: what root's udev helper keeps there is read by others.
            runtime_dir: Setting::built_in(PathBuf::from("/run/piprov")),
            listen: Setting::built_in(SocketAddr::from(([0, 0, 0, 0], 69))),
            // Boards with 512 MiB take it with room to spare.
            part_size: Setting::built_in(256 << 20),
            boot_timeout: Setting::built_in(Duration::from_secs(60)),
            stagger: Setting::built_in(Duration::ZERO),
            hold: Setting::built_in(Duration::from_millis(500)),
            command_timeout: Setting::built_in(Duration::from_secs(30)),
            // With larger windows U-Boot's receive ring overruns and the transfer stalls for ever.
            max_window: Setting::built_in(16),
            // What fits into an Ethernet frame; U-Boot takes no more.
            max_blksize: Setting::built_in(1468),
            live: Setting::built_in(PathBuf::from("/srv/usbboot/live")),
            clients: Setting::built_in(PathBuf::from("/srv/usbboot/clients")),
            // What the first stage that piprov's users have today calls itself. The vendor id is nobody's.
            gadget: Setting::built_in((0xf055, 0xb007)),
            // A board that restarts looks for an SD card before it tries USB.
            restart_window: Setting::built_in(Duration::from_secs(15)),
            netboot: Netboot::built_in(),
            warnings: Vec::new(),
            files: Vec::new(),
        }
    }

    /// Sets one key. Paths are relative to `base`.
    fn set(&mut self, key: &'static str, raw: &Raw, origin: Origin, base: &Path) -> Result<(), Error> {
        let path = || {
            raw.text()
                .filter(|path| !path.is_empty())
                .map(|path| base.join(path))
                .ok_or_else(|| raw.not("a path"))
        };
        let done = match key {
            "targets" => put(&mut self.targets, path(), origin),
            "state-dir" => put(&mut self.state_dir, path(), origin),
            "runtime-dir" => put(&mut self.runtime_dir, path(), origin),
            "flash.listen" => put(&mut self.listen, raw.address(69), origin),
            "flash.part-size" => put(&mut self.part_size, raw.part_size(), origin),
            "flash.boot-timeout" => put(&mut self.boot_timeout, raw.seconds(1.0..=86400.0), origin),
            "flash.stagger" => put(&mut self.stagger, raw.seconds(0.0..=3600.0), origin),
            "reset.hold" => put(&mut self.hold, raw.seconds(0.05..=60.0), origin),
            "reset.command-timeout" => put(&mut self.command_timeout, raw.seconds(1.0..=3600.0), origin),
            "tftp.max-window" => put(&mut self.max_window, raw.number(1..=65535), origin),
            "tftp.max-blksize" => put(&mut self.max_blksize, raw.number(8..=65464), origin),
            "usb.live" => put(&mut self.live, path(), origin),
            "usb.clients" => put(&mut self.clients, path(), origin),
            "usb.gadget" => put(&mut self.gadget, raw.usb_ids(), origin),
            "usb.restart-window" => put(&mut self.restart_window, raw.seconds(1.0..=600.0), origin),
            _ => self.netboot.set(key, raw, origin, base).unwrap_or(Ok(())),
        };
        done.map_err(|(why, origin)| Error::Bad { origin, key, why })
    }

    /// Every setting as its key, its value as a file would write it, and its origin; in the order of
    /// [`KEYS`].
    #[must_use]
    pub fn rows(&self) -> Vec<(&'static str, String, &Origin)> {
        let path = |setting: &Setting<PathBuf>| setting.value.display().to_string();
        let values = [
            (path(&self.targets), &self.targets.origin),
            (path(&self.state_dir), &self.state_dir.origin),
            (path(&self.runtime_dir), &self.runtime_dir.origin),
            (self.listen.value.to_string(), &self.listen.origin),
            (value::show_size(self.part_size.value), &self.part_size.origin),
            (seconds(self.boot_timeout.value), &self.boot_timeout.origin),
            (seconds(self.stagger.value), &self.stagger.origin),
            (seconds(self.hold.value), &self.hold.origin),
            (seconds(self.command_timeout.value), &self.command_timeout.origin),
            (self.max_window.value.to_string(), &self.max_window.origin),
            (self.max_blksize.value.to_string(), &self.max_blksize.origin),
            (path(&self.live), &self.live.origin),
            (path(&self.clients), &self.clients.origin),
            (value::show_usb_ids(self.gadget.value), &self.gadget.origin),
            (seconds(self.restart_window.value), &self.restart_window.origin),
        ];
        let values = values.into_iter().chain(self.netboot.rows());
        KEYS.into_iter().zip(values).map(|(key, (value, origin))| (key, value, origin)).collect()
    }
}

/// Takes a value over where it is one.
fn put<T>(slot: &mut Setting<T>, value: Result<T, String>, origin: Origin) -> Result<(), (String, Origin)> {
    match value {
        Ok(value) => {
            *slot = Setting { value, origin };
            Ok(())
        }
        Err(why) => Err((why, origin)),
    }
}

/// A directory of the XDG base directory specification, which wants absolute paths.
fn home(env: &dyn Fn(&str) -> Option<OsString>, variable: &str, below_home: &str) -> Option<PathBuf> {
    let set = env(variable).map(PathBuf::from).filter(|path| path.is_absolute());
    set.or_else(|| Some(PathBuf::from(env("HOME")?).join(below_home)))
}

#[cfg(test)]
mod tests;
