//! Looks at a payload before a board does, so that what must fail fails at once and with its reason.

pub(super) mod broken;
mod known_bad;
mod settings;

use std::path::{Path, PathBuf};

use broken::not_a_stub;
pub use settings::Fuse;
use settings::Settings;

use super::error::Error;
use super::lookup::{Asker, BOOTFILES, Found, LOADER, Origin, Payload};
use super::message::{BadName, SIGNATURE};
use crate::board::PortPath;
use crate::board::identity::Chip;

/// A boot ROM loads the bootcode into memory inside the chip: the largest bootcode known has 105984 bytes. This is far
/// above that, and below what would be another file by mistake.
const LARGEST_BOOTCODE: u32 = 16 << 20;

/// Files that are looked at for being what they are called.
const FIRMWARE: [&str; 16] = [
    BOOTFILES,
    "bootcode.bin",
    "bootcode4.bin",
    "bootcode5.bin",
    "start.elf",
    "start_cd.elf",
    "start4.elf",
    "start4cd.elf",
    "fixup.dat",
    "fixup4.dat",
    "boot.img",
    "pieeprom.bin",
    "pieeprom.original.bin",
    "kernel.img",
    "recovery.bin",
    "bootsys",
];

/// What the bootcode of boards before the Pi 4 loads: one of these.
const STARTS: [&str; 5] = ["start.elf", "start_cd.elf", "start_x.elf", "start_db.elf", "recovery.elf"];

/// What is to be checked.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// The families that are to boot; an empty list checks for all whose bootcode is there.
    pub chips: Vec<Chip>,
    /// Whether `bootcode.sig` is to be sent, as with `rpiboot -s`.
    pub signed: bool,
    /// Whether `boot.img` must have its `boot.sig`.
    pub boot_sig: bool,
    /// Settings that burn fuses and that the user has confirmed by name.
    pub confirmed: Vec<String>,
}

/// Whether a setting of config.txt burns fuses, so that it can be confirmed by name.
#[must_use]
pub fn burns(setting: &str) -> bool {
    let setting = setting.to_ascii_lowercase();
    let name = setting.strip_prefix(settings::PROGRAM);
    settings::FUSES.contains(&setting.as_str()) || name.is_some_and(|name| !name.is_empty())
}

/// Checks a payload for a board at a port, or for any board at any port. Gives what is to be said about it.
///
/// # Errors
/// The first thing in it that can't work, or that must not happen unasked.
pub fn check(payload: &Payload, port: Option<PortPath>, wanted: &Wanted) -> Result<Vec<String>, Error> {
    let dir = || payload.dir().to_owned();
    let mut there: Vec<(Chip, Origin)> = Vec::new();
    let mut failed = None;
    for chip in Chip::ALL {
        let asker = Asker { chip, port };
        match payload.find(asker, chip.bootcode()) {
            Ok(found) => there.extend(found.map(|found| (chip, found.origin))),
            Err(why) => failed = failed.or_else(|| Some(unserved(payload, asker, chip.bootcode(), why))),
        }
    }
    if there.is_empty() {
        return Err(failed.unwrap_or_else(|| no_bootcode(payload, port, None)));
    }
    // A payload that has a bootcode of its own is for those boards; of others it is only asked when one comes.
    let own = there.iter().any(|(_, origin)| *origin != Origin::Loader);
    let there: Vec<Chip> =
        there.iter().filter(|(_, origin)| !own || *origin != Origin::Loader).map(|(chip, _)| *chip).collect();
    let chips = if wanted.chips.is_empty() { &there } else { &wanted.chips };
    let ports = match port {
        Some(port) => vec![Some(port)],
        None => payload.overlays()?.into_iter().map(Some).chain([None]).collect(),
    };
    let mut said = Settings::new(&wanted.confirmed);
    let bad = known_bad::look(payload)?;
    for chip in chips {
        let asker = Asker { chip: *chip, port };
        if bootcode(payload, asker)?.origin == Origin::Loader
            && let Ok(Some(folder)) = payload.loader().folder()
        {
            said.note(format!(
                "bootcode.bin and start.elf come from {}: this payload has none for boards before the Pi 4",
                folder.display()
            ));
        }
        if let Some(bad) = bad.filter(|bad| bad.chips.contains(chip)) {
            let error = bad.error(payload);
            // Other boards may well do with it.
            if !wanted.chips.is_empty() {
                return Err(error);
            }
            said.note(format!("no {chip} is served: {error}"));
        }
        for name in FIRMWARE {
            let Ok(Some(found)) = payload.find(asker, name) else { continue };
            not_a_stub(&found)?;
            if found.len == 0 {
                said.note(found.empty().to_string());
            }
        }
        if let Some(error) = payload.folder().closed(paths(port, &FIRMWARE)) {
            return Err(error);
        }
        for (link, target) in payload.folder().dangling(paths(port, &FIRMWARE)) {
            said.note(format!("{} is a link to {}, which isn't there", link.display(), target.display()));
        }
        for port in &ports {
            said.read(payload, Asker { chip: *chip, port: *port })?;
        }
        if let Some(error) = broken(payload, port, &["config.txt"]) {
            return Err(error);
        }
        let config = settings::config(payload, asker)?;
        let is_set = |name| config.settings().iter().any(|setting| settings::is_set(setting, name));
        let need = |name, why| match has(payload, asker, name)? {
            true => Ok(()),
            false => Err(absent(payload, asker, name).unwrap_or(Error::Missing { dir: dir(), name, why })),
        };
        if is_set("boot_ramdisk") {
            need("boot.img", "config.txt asks for (boot_ramdisk=1)")?;
        }
        let starts = |port: &Option<PortPath>| {
            let asker = Asker { chip: *chip, port: *port };
            STARTS.iter().any(|name| has(payload, asker, name).unwrap_or(true))
        };
        // Which file else is loaded, only a setting can say.
        if chip.bootcode() == LOADER[0] && !is_set("start_file") && !ports.iter().any(starts) {
            said.note(format!(
                "{} has no start.elf, nor start_cd.elf or start_x.elf: bootcode.bin loads one of them on boards before the Pi 4",
                payload.dir().display()
            ));
        }
        let original = "pieeprom.original.bin";
        if has(payload, asker, original)? && !has(payload, asker, "pieeprom.bin")? && !is_set("erase_eeprom")
        {
            let missing = Error::NoEeprom { dir: dir(), original };
            return Err(absent(payload, asker, "pieeprom.bin").unwrap_or(missing));
        }
        if wanted.boot_sig {
            need("boot.sig", "a board with secure boot needs")?;
        }
        if wanted.signed && chip.takes_signature() {
            signature(payload, asker)?;
        }
    }
    if said.fuses.is_empty() { Ok(said.notes) } else { Err(Error::Fuses { dir: dir(), fuses: said.fuses }) }
}

/// The bootcode of a board, checked.
///
/// # Errors
/// Where there is no such file, or it is no bootcode.
pub fn bootcode(payload: &Payload, asker: Asker) -> Result<Found, Error> {
    let name = asker.chip.bootcode();
    let found = match payload.find(asker, name) {
        Ok(Some(found)) => found,
        Ok(None) => return Err(no_bootcode(payload, asker.port, Some(asker.chip))),
        Err(why) => return Err(unserved(payload, asker, name, why)),
    };
    not_a_stub(&found)?;
    if found.len == 0 || found.len > LARGEST_BOOTCODE {
        return Err(Error::BootcodeSize { path: found.path, len: found.len.into() });
    }
    Ok(found)
}

/// Why there is no bootcode for a board, or for any.
fn no_bootcode(payload: &Payload, port: Option<PortPath>, chip: Option<Chip>) -> Error {
    let names = chip.map_or_else(|| Chip::ALL.map(Chip::bootcode).to_vec(), |chip| vec![chip.bootcode()]);
    if let Some(error) = broken(payload, port, &names) {
        return error;
    }
    // What rpiboot serves with the loader inside it.
    let older = Chip::Bcm2837;
    let asker = Asker { chip: chip.unwrap_or(older), port };
    let lends = asker.chip.bootcode() == older.bootcode() && has(payload, asker, "boot.img").unwrap_or(false);
    let dir = payload.dir().to_owned();
    if let (true, Some(chip)) = (lends, chip) {
        let tried = payload.loader().places().to_vec();
        return payload.loader().trouble().unwrap_or(Error::NoLoader { dir, chip, tried });
    }
    // The archive has the bootcode of the others inside.
    broken(payload, port, &[BOOTFILES])
        .or_else(|| payload.loader().trouble().filter(|_| lends))
        .unwrap_or_else(|| Error::NoBootcode { dir, chip, of_board: payload.is_of_board() })
}

/// The signature that goes with an older board's bootcode.
///
/// # Errors
/// Where there is no such file, or it is no signature.
pub fn signature(payload: &Payload, asker: Asker) -> Result<[u8; SIGNATURE], Error> {
    let Ok(Some(found)) = payload.find(asker, "bootcode.sig") else {
        let dir = payload.dir().to_owned();
        let missing = Error::Missing { dir, name: "bootcode.sig", why: "a signed boot (-s) sends" };
        return Err(broken(payload, asker.port, &["bootcode.sig"]).unwrap_or(missing));
    };
    let path = found.path.clone();
    let bytes = found.read_all().map_err(|source| Error::Read { path: path.clone(), source })?;
    <[u8; SIGNATURE]>::try_from(bytes.as_slice())
        .map_err(|_| Error::Signature { path, len: found.len.into() })
}

/// Whether a board would get a file, and there is something in it: an empty one a board takes for missing.
///
/// # Errors
/// Why it must not, or can't, be served: that is not the same as not there.
fn has(payload: &Payload, asker: Asker, name: &str) -> Result<bool, Error> {
    match payload.find(asker, name) {
        Ok(found) => Ok(found.is_some_and(|found| found.len > 0)),
        Err(why) => Err(unserved(payload, asker, name, why)),
    }
}

/// Why a file isn't served to a board.
fn unserved(payload: &Payload, asker: Asker, name: &str, why: BadName) -> Error {
    if let Some(error) = payload.folder().closed(paths(asker.port, &[name])) {
        return error;
    }
    let other = match payload.lends(asker, name) {
        Ok(true) => payload.loader().trouble(),
        Ok(false) => None,
        // A file that can't be read decides whether it comes from elsewhere.
        Err(_) => match payload.find(asker, "boot.img") {
            Err(why) => Some(unserved(payload, asker, "boot.img", why)),
            Ok(_) => payload.folder().closed(paths(asker.port, &[LOADER[0]])),
        },
    };
    let source = std::io::Error::other(why.to_string());
    other.unwrap_or_else(|| Error::Read { path: payload.dir().join(name), source })
}

/// The files of these names in the payload, wherever in it.
fn paths<'a>(port: Option<PortPath>, names: &'a [&str]) -> impl Iterator<Item = PathBuf> + Clone + 'a {
    let overlay = port.map(|port| port.to_string()).unwrap_or_default();
    let folders = [String::new(), "2710".to_owned(), "2711".to_owned(), "2712".to_owned(), overlay];
    folders.into_iter().flat_map(|folder| names.iter().map(move |name| Path::new(&folder).join(name)))
}

/// Why a file that a board needs isn't one.
fn broken(payload: &Payload, port: Option<PortPath>, names: &[&str]) -> Option<Error> {
    payload.folder().broken(paths(port, names))
}

/// Why a file that a board needs is as good as missing.
fn absent(payload: &Payload, asker: Asker, name: &str) -> Option<Error> {
    let empty = || payload.find(asker, name).ok().flatten().filter(|found| found.len == 0);
    broken(payload, asker.port, &[name]).or_else(|| empty().map(|found| found.empty()))
}

#[cfg(test)]
mod tests;
