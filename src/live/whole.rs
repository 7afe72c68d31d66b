//! Whether a client's directory is a whole system of its own.
//!
//! The file server falls back name by name: what a client lacks comes from the live tree, which is the first stage. So
//! a client of which something is missing boots half of each, or the first stage again and again. What the firmware of
//! a BCM2835 to BCM2837 will ask for follows from the client's `config.txt`; boards with other chips tell their serial
//! number by themselves and need no overlay.
//!
//! What must be the client's own:
//!
//! - `config.txt` with all that it includes, the command line, the kernel, initramfs and armstub, and overlays of the
//!   device tree: what says which system boots, or is of one version with it. Where the live tree has a file of that
//!   name, the client must have one too.
//! - Whatever `config.txt` names for these, whether anybody else has it or not.
//! - A kernel, by one of the names that firmware tries where `config.txt` names none. Not where the live tree has no
//!   first stage: a client is taken as it is then.
//! - A device tree, where the live tree has some of the kind that is asked for (Raspberry Pi's, or with
//!   `upstream_kernel=1` those of kernel.org). One is enough: which board it is for nobody knows here. A system that
//!   wants none says so: `device_tree=` with nothing behind it.
//!
//! What may be the first stage's: firmware, but `start*.elf` and its `fixup*.dat` both or neither; and if it is not
//! `start.elf` that the client asks for, one of the two must have it.
//!
//! A setting below a filter counts for a board to which the filter may apply; what can only be a Pi 4 or 5 counts for
//! none. A file is there if the server would give it: see [`Border`].
//!
//! Source: Raspberry Pi's documentation of `config.txt`; the orders in which boards were seen to ask.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::beneath::{Dir, read_bounded};
use crate::board::Serial;
use crate::eeprom::config_txt::{ConfigFiles, Place, Setting};
use crate::usb::border::{Border, Closed};
use crate::usb::message::check_name;

use super::filters::Worlds;

/// How long config.txt and what it includes may be together, in bytes. They have some hundred lines.
const LONGEST: u64 = 256 << 10;
/// How many different files may be looked for.
const MOST: usize = 512;
/// How many names of a directory are looked at.
const MOST_NAMES: usize = 10_000;

/// The folder that the boot ROMs' files come from first (`Chip::prefix` of these boards).
const FAMILY: &str = "2710";
/// The names that the firmware tries for a kernel where config.txt names none.
const KERNELS: [&str; 4] = ["kernel.img", "kernel7.img", "kernel7l.img", "kernel8.img"];
/// How names of device trees begin: Raspberry Pi's own, and those of kernel.org.
const TREES: [[&str; 3]; 2] = [["bcm2708-", "bcm2709-", "bcm2710-"], ["bcm2835-", "bcm2836-", "bcm2837-"]];

/// The settings that decide which files are asked for.
const SETTINGS: [&str; 17] = [
    "kernel",
    "cmdline",
    "initramfs",
    "ramfsfile",
    "auto_initramfs",
    "armstub",
    "os_prefix",
    "overlay_prefix",
    "device_tree",
    "dtoverlay",
    "device_tree_overlay",
    "upstream_kernel",
    "start_file",
    "fixup_file",
    "start_x",
    "start_debug",
    "gpu_mem",
];

/// What a client lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missing {
    /// A file that the first stage has: its would be served.
    Mixed(String),
    /// Any kernel.
    Kernel,
    /// A file that config.txt asks for.
    Named {
        /// The file.
        file: String,
        /// The setting that asks for it.
        setting: String,
        /// Where that stands.
        place: Place,
    },
    /// A file that is a link to where nothing is served from.
    LeadsOut {
        /// The file.
        file: String,
        /// Where it leads.
        target: PathBuf,
    },
}

/// All that a client lacks, as in "by-serial/a has no config.txt".
pub(super) struct All<'a>(pub(super) &'a [Missing]);

impl fmt::Display for All<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mixed: Vec<&str> = self
            .0
            .iter()
            .filter_map(|missing| match missing {
                Missing::Mixed(name) => Some(name.as_str()),
                _ => None,
            })
            .collect();
        let mut first = true;
        if !mixed.is_empty() {
            let place = if mixed.len() == 1 { "its" } else { "their" };
            let names = mixed.join(" and no ");
            write!(out, "has no {names}, so the first stage's would be served in {place} place")?;
            first = false;
        }
        for missing in self.0 {
            let and = if first { "" } else { "; it " };
            match missing {
                Missing::Mixed(_) => continue,
                Missing::Kernel => {
                    write!(out, "{and}has no {}, and names no other kernel", KERNELS.join(", "))?
                }
                Missing::Named { file, setting, place } => {
                    write!(out, "{and}has no {file}, which {place} asks for ({setting})")?;
                }
                Missing::LeadsOut { file, target } => {
                    write!(out, "{and}has a {file} that leads to {}, which is not served", target.display())?;
                }
            }
            first = false;
        }
        Ok(())
    }
}

/// What a client lacks. Nothing, where it is a whole system.
///
/// # Errors
/// Why that can't be said: its config.txt can't be read, say.
pub(super) fn missing(
    client: &Path,
    live: &Path,
    border: &Border,
    serial: Option<&Serial>,
) -> Result<Vec<Missing>, String> {
    let mut look = Look { client, live, border, seen: BTreeSet::new(), missing: Vec::new() };
    look.own("config.txt");
    let config = look.config()?;
    for missing in config.missing() {
        look.own(&missing.file);
    }
    let known = |setting: &&Setting| SETTINGS.iter().any(|name| setting.name.eq_ignore_ascii_case(name));
    let settings: Vec<&Setting> = config.settings().iter().filter(known).collect();
    for world in Worlds::of(&settings, serial)? {
        System::of(&world).look(&mut look);
        if look.seen.len() > MOST {
            return Err(format!("its config.txt asks for more than {MOST} files"));
        }
    }
    Ok(look.missing)
}

/// Looks for files and notes what is missing.
struct Look<'a> {
    client: &'a Path,
    live: &'a Path,
    border: &'a Border,
    seen: BTreeSet<String>,
    missing: Vec<Missing>,
}

impl Look<'_> {
    fn config(&self) -> Result<ConfigFiles, String> {
        let mut left = LONGEST;
        let open = |name: &str| {
            if check_name(name).is_err() {
                return Ok(None);
            }
            let file = match self.border.open(&self.client.join(name)) {
                Ok(Some(file)) => file,
                Ok(None) => return Ok(None),
                Err(Closed::LeadsOut(target)) => {
                    let text = format!("it leads to {}, which is not served", target.display());
                    return Err(io::Error::other(text));
                }
                Err(Closed::Io(error)) => return Err(error),
            };
            let bytes = read_bounded(&file, left).map_err(|error| match error.kind() {
                io::ErrorKind::FileTooLarge => {
                    let most = crate::format::size(LONGEST);
                    io::Error::other(format!("with what it includes it has more than {most}"))
                }
                _ => error,
            })?;
            left -= bytes.len() as u64;
            Ok(Some(bytes))
        };
        ConfigFiles::read("config.txt", open).map_err(|error| {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
            format!("{error}{}", cause.unwrap_or_default())
        })
    }

    /// Whether the client has a file; where it leads if it is one that isn't served.
    fn has(&self, name: &str) -> Result<bool, PathBuf> {
        if check_name(name).is_err() {
            return Ok(false);
        }
        match self.border.open(&self.client.join(name)) {
            Ok(file) => Ok(file.is_some()),
            Err(Closed::LeadsOut(target)) => Err(target),
            Err(Closed::Io(_)) => Ok(false),
        }
    }

    /// Whether the live tree would give a file that the client doesn't have.
    fn is_served(&self, name: &str) -> bool {
        let open = |path: PathBuf| matches!(self.border.open(&path), Ok(Some(_)));
        check_name(name).is_ok() && (open(self.live.join(FAMILY).join(name)) || open(self.live.join(name)))
    }

    /// Whether there is a first stage that a client could be mixed with.
    fn has_first_stage(&self) -> bool {
        ["config.txt", "start.elf", "bootcode.bin"].iter().any(|name| self.is_served(name))
    }

    /// Looks at a file once. Says whether the client has it; what it has and doesn't get is noted.
    fn once(&mut self, name: &str) -> Option<bool> {
        if !self.seen.insert(name.to_owned()) {
            return None;
        }
        match self.has(name) {
            Ok(has) => Some(has),
            Err(target) => {
                self.missing.push(Missing::LeadsOut { file: name.to_owned(), target });
                None
            }
        }
    }

    /// A file that the client must have if the first stage has it.
    fn own(&mut self, name: &str) {
        if self.once(name) == Some(false) && self.is_served(name) {
            self.missing.push(Missing::Mixed(name.to_owned()));
        }
    }

    /// A file that the client must have, since a setting asks for it.
    fn named(&mut self, name: String, by: &Setting) {
        if self.once(&name) == Some(false) {
            let (setting, place) = (by.name.clone(), by.place.clone());
            self.missing.push(Missing::Named { file: name, setting, place });
        }
    }

    /// Whether a directory has a device tree of a kind. `prefix` is what stands before its name.
    fn has_tree(&self, folder: &Path, prefix: &str, kind: [&str; 3]) -> bool {
        let (below, head) = prefix.rsplit_once('/').map_or(("", prefix), |(below, head)| (below, head));
        let wanted = |name: &std::ffi::OsStr| {
            let name = name.to_str().and_then(|name| name.strip_prefix(head));
            name.is_some_and(|name| {
                name.ends_with(".dtb") && kind.iter().any(|start| name.starts_with(start))
            })
        };
        let open = Dir::open(&folder.join(below));
        open.and_then(|dir| dir.any_name(MOST_NAMES, wanted)).unwrap_or(false)
    }
}

/// What a config.txt means to one board.
struct System<'a> {
    settings: &'a [&'a Setting],
    /// What stands before the name of each file of the system.
    prefix: String,
}

impl<'a> System<'a> {
    fn of(settings: &'a [&'a Setting]) -> Self {
        let mut system = Self { settings, prefix: String::new() };
        let prefix = system.value("os_prefix").map_or("", |setting| setting.value.as_str());
        if check_name(prefix).is_ok() {
            system.prefix = prefix.to_owned();
        }
        system
    }

    /// A setting: the last one counts.
    fn value(&self, name: &str) -> Option<&'a Setting> {
        self.settings.iter().rfind(|setting| setting.name.eq_ignore_ascii_case(name)).copied()
    }

    /// A setting that has a value.
    fn text(&self, name: &str) -> Option<&'a Setting> {
        self.value(name).filter(|setting| !setting.value.is_empty())
    }

    fn is_on(&self, name: &str) -> Option<&'a Setting> {
        self.text(name).filter(|setting| setting.value != "0")
    }

    fn at(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    fn look(&self, look: &mut Look<'_>) {
        match self.text("cmdline") {
            Some(by) => look.named(self.at(&by.value), by),
            None => look.own(&self.at("cmdline.txt")),
        }
        self.kernel(look);
        for name in ["initramfs", "ramfsfile"] {
            let Some(by) = self.text(name) else { continue };
            // `initramfs NAME[,NAME] ADDRESS`
            let files = by.value.split_whitespace().next().unwrap_or_default();
            for file in files.split(',').filter(|file| !file.is_empty()) {
                look.named(self.at(file), by);
            }
        }
        if let Some(by) = self.text("armstub") {
            look.named(by.value.clone(), by);
        }
        self.device_tree(look);
        self.firmware(look);
    }

    fn kernel(&self, look: &mut Look<'_>) {
        if let Some(by) = self.text("kernel") {
            return look.named(self.at(&by.value), by);
        }
        let names = KERNELS.map(|name| self.at(name));
        let auto = self.is_on("auto_initramfs").is_some();
        for name in KERNELS.iter().filter(|_| auto) {
            // kernel8.img has initramfs8.
            let which = name.trim_start_matches("kernel").trim_end_matches(".img");
            look.own(&self.at(&format!("initramfs{which}")));
        }
        if names.iter().any(|name| look.has(name) == Ok(true)) {
            return;
        }
        let before = look.missing.len();
        names.iter().for_each(|name| look.own(name));
        if look.missing.len() == before && !look.missing.contains(&Missing::Kernel) && look.has_first_stage()
        {
            // What was told already of these names is told once.
            let told = |missing: &Missing| matches!(missing, Missing::Mixed(name) | Missing::LeadsOut { file: name, .. } if names.contains(name));
            if !look.missing.iter().any(told) {
                look.missing.push(Missing::Kernel);
            }
        }
    }

    fn device_tree(&self, look: &mut Look<'_>) {
        match self.value("device_tree") {
            Some(by) if !by.value.is_empty() => look.named(self.at(&by.value), by),
            Some(_) => {}
            None => {
                let kind = TREES[usize::from(self.is_on("upstream_kernel").is_some())];
                let served = |look: &Look<'_>, folder: &Path| {
                    let mut found = None;
                    let name = |name: &std::ffi::OsStr| {
                        let name = name.to_str().unwrap_or_default();
                        let wanted =
                            name.ends_with(".dtb") && kind.iter().any(|start| name.starts_with(start));
                        if wanted && look.is_served(&self.at(name)) {
                            found = Some(self.at(name));
                        }
                        found.is_some()
                    };
                    let _ = Dir::open(folder).and_then(|dir| dir.any_name(MOST_NAMES, name));
                    found
                };
                let folder = self.prefix.rsplit_once('/').map_or("", |(below, _)| below);
                let theirs = served(look, &look.live.join(folder))
                    .or_else(|| served(look, &look.live.join(FAMILY).join(folder)));
                if let Some(theirs) = theirs
                    && !look.has_tree(look.client, &self.prefix, kind)
                    && look.seen.insert(theirs.clone())
                {
                    look.missing.push(Missing::Mixed(theirs));
                }
            }
        }
        let folder = self.value("overlay_prefix").map_or("overlays/", |setting| setting.value.as_str());
        let overlays = self.settings.iter().filter(|setting| {
            ["dtoverlay", "device_tree_overlay"].iter().any(|name| setting.name.eq_ignore_ascii_case(name))
        });
        for by in overlays {
            let name = by.value.split(',').next().unwrap_or_default().trim();
            if name.is_empty() || look.seen.len() > MOST {
                continue;
            }
            // In the order in which the firmware tries them. One that nobody has it passes over.
            let names = ["", &self.prefix].map(|prefix| format!("{prefix}{folder}{name}.dtbo"));
            if !names.iter().any(|name| look.has(name) == Ok(true)) {
                names.iter().for_each(|name| look.own(name));
            }
        }
    }

    fn firmware(&self, look: &mut Look<'_>) {
        let cut_down = self.text("gpu_mem").filter(|setting| setting.value == "16");
        let variants = [
            (self.is_on("start_debug"), "start_db.elf", "fixup_db.dat"),
            (self.is_on("start_x"), "start_x.elf", "fixup_x.dat"),
            (cut_down, "start_cd.elf", "fixup_cd.dat"),
        ];
        let variant = variants.into_iter().find_map(|(by, start, fixup)| Some((by?, start, fixup)));
        let (mut start, mut fixup) =
            variant.map_or(("start.elf", "fixup.dat"), |(_, start, fixup)| (start, fixup));
        let by = self.text("start_file").or(variant.map(|(by, ..)| by));
        if let Some(by) = self.text("start_file") {
            start = &by.value;
        }
        if let Some(by) = self.text("fixup_file") {
            fixup = &by.value;
        }
        if let Some(by) = by
            && look.has(start) == Ok(false)
            && !look.is_served(start)
        {
            look.named(start.to_owned(), by);
        }
        match (look.has(start), look.has(fixup)) {
            (Ok(true), Ok(false)) => look.own(fixup),
            (Ok(false), Ok(true)) => look.own(start),
            (Err(_), _) => look.own(start),
            (_, Err(_)) => look.own(fixup),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
