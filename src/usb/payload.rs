//! Looks at a payload before a board does, so that what must fail fails at once and with its reason.

mod known_bad;
mod settings;

use std::path::{Path, PathBuf};

pub use settings::Fuse;
use settings::Settings;

use super::border::Closed;
use super::error::Error;
use super::lookup::{Asker, Found, Origin, Payload};
use super::message::SIGNATURE;
use crate::board::PortPath;
use crate::board::identity::Chip;

/// Longer than the target of any link in a payload, shorter than any firmware.
const LONGEST_STUB: u32 = 200;
/// A boot ROM loads the bootcode into memory inside the chip: the largest bootcode known has 105984 bytes. This is far
/// above that, and below what would be another file by mistake.
const LARGEST_BOOTCODE: u32 = 16 << 20;

/// Files that are looked at for being what they are called.
const FIRMWARE: [&str; 15] = [
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
    for chip in Chip::ALL {
        if let Ok(Some(found)) = payload.find(Asker { chip, port }, chip.bootcode()) {
            there.push((chip, found.origin));
        }
    }
    if there.is_empty() {
        let names = Chip::ALL.map(Chip::bootcode);
        let missing = Error::NoBootcode { dir: dir(), chip: None };
        return Err(broken(payload, port, &names).unwrap_or(missing));
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
            if let Ok(Some(found)) = payload.find(asker, name) {
                not_a_stub(payload, name, &found)?;
            }
        }
        if let Some(error) = links(payload, port, &FIRMWARE) {
            return Err(error);
        }
        for (link, target) in dangling(payload, port, &FIRMWARE) {
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
        let missing = |name, why| {
            let missing = Error::Missing { dir: dir(), name, why };
            broken(payload, port, &[name]).unwrap_or(missing)
        };
        if is_set("boot_ramdisk") && !has(payload, asker, "boot.img")? {
            return Err(missing("boot.img", "config.txt asks for (boot_ramdisk=1)"));
        }
        let original = "pieeprom.original.bin";
        if has(payload, asker, original)? && !has(payload, asker, "pieeprom.bin")? && !is_set("erase_eeprom")
        {
            let missing = Error::NoEeprom { dir: dir(), original };
            return Err(broken(payload, port, &["pieeprom.bin"]).unwrap_or(missing));
        }
        if wanted.boot_sig && !has(payload, asker, "boot.sig")? {
            return Err(missing("boot.sig", "a board with secure boot needs"));
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
    let path = payload.dir().join(name);
    let found = match payload.find(asker, name) {
        Ok(Some(found)) => found,
        Ok(None) | Err(_) => {
            return Err(broken(payload, asker.port, &[name]).unwrap_or_else(|| no_bootcode(payload, asker)));
        }
    };
    not_a_stub(payload, name, &found)?;
    if found.len == 0 || found.len > LARGEST_BOOTCODE {
        return Err(Error::BootcodeSize { path, len: found.len.into() });
    }
    Ok(found)
}

/// Why there is no bootcode for a board.
fn no_bootcode(payload: &Payload, asker: Asker) -> Error {
    let (dir, chip) = (payload.dir().to_owned(), asker.chip);
    // What rpiboot serves with the loader inside it.
    let lends =
        chip.bootcode() == Chip::Bcm2837.bootcode() && has(payload, asker, "boot.img").is_ok_and(|has| has);
    match lends {
        true => Error::NoLoader { dir, chip, tried: payload.loader().places().to_vec() },
        false => Error::NoBootcode { dir, chip: Some(chip) },
    }
}

/// The signature that goes with an older board's bootcode.
///
/// # Errors
/// Where there is no such file, or it is no signature.
pub fn signature(payload: &Payload, asker: Asker) -> Result<[u8; SIGNATURE], Error> {
    let path = payload.dir().join("bootcode.sig");
    let Ok(Some(found)) = payload.find(asker, "bootcode.sig") else {
        let dir = payload.dir().to_owned();
        let missing = Error::Missing { dir, name: "bootcode.sig", why: "a signed boot (-s) sends" };
        return Err(broken(payload, asker.port, &["bootcode.sig"]).unwrap_or(missing));
    };
    let bytes = found.read_all().map_err(|source| Error::Read { path: path.clone(), source })?;
    <[u8; SIGNATURE]>::try_from(bytes.as_slice())
        .map_err(|_| Error::Signature { path, len: found.len.into() })
}

/// Whether a board would get a file.
///
/// # Errors
/// Why it must not, or can't, be served: that is not the same as not there.
fn has(payload: &Payload, asker: Asker, name: &str) -> Result<bool, Error> {
    payload.find(asker, name).map(|found| found.is_some()).map_err(|why| {
        let (path, source) = (payload.dir().join(name), std::io::Error::other(why.to_string()));
        links(payload, asker.port, &[name]).unwrap_or(Error::Read { path, source })
    })
}

/// The files of these names in the payload, wherever in it.
fn paths<'a>(port: Option<PortPath>, names: &'a [&str]) -> impl Iterator<Item = PathBuf> + 'a {
    let overlay = port.map(|port| port.to_string()).unwrap_or_default();
    let folders = [String::new(), "2710".to_owned(), "2711".to_owned(), "2712".to_owned(), overlay];
    folders.into_iter().flat_map(|folder| names.iter().map(move |name| Path::new(&folder).join(name)))
}

/// Why a file that a board needs isn't one: a link that leads out of the payload or to nothing, a file that can't be read,
/// a pipe or directory of its name.
fn broken(payload: &Payload, port: Option<PortPath>, names: &[&str]) -> Option<Error> {
    let nothing = || dangling(payload, port, names).next();
    let other = || {
        paths(port, names).find_map(|path| {
            let path = payload.dir().join(path);
            payload.is_no_file(&path).map(|what| Error::NoFile { path, what })
        })
    };
    links(payload, port, names)
        .or_else(|| nothing().map(|(link, target)| Error::Dangling { link, target }))
        .or_else(other)
}

/// The links to nothing among some files, with where they lead.
fn dangling<'a>(
    payload: &'a Payload,
    port: Option<PortPath>,
    names: &'a [&str],
) -> impl Iterator<Item = (PathBuf, PathBuf)> + 'a {
    paths(port, names).filter_map(|path| payload.dangling(&path))
}

/// The first of some files that is a link out of the payload, or that can't be read.
fn links(payload: &Payload, port: Option<PortPath>, names: &[&str]) -> Option<Error> {
    paths(port, names).find_map(|path| {
        let link = payload.dir().join(path);
        match payload.open_file(&link) {
            Err(Closed::LeadsOut(target)) => Some(Error::LeadsOut { link, target }),
            Err(Closed::Io(source)) => Some(Error::Read { path: link, source }),
            Ok(_) => None,
        }
    })
}

/// A repository that is downloaded without its links has text files with the links' targets instead.
fn not_a_stub(payload: &Payload, name: &str, found: &Found) -> Result<(), Error> {
    if found.len == 0 || found.len > LONGEST_STUB {
        return Ok(());
    }
    let path = payload.dir().join(name);
    let bytes = found.read_all().map_err(|source| Error::Read { path: path.clone(), source })?;
    match stub(&bytes) {
        Some(target) => Err(Error::Stub { path, target }),
        None => Ok(()),
    }
}

/// The target of a link, where a file holds nothing but one.
pub(super) fn stub(bytes: &[u8]) -> Option<String> {
    let target = std::str::from_utf8(bytes).ok()?.trim_end_matches('\n');
    let plain = !target.is_empty()
        && target.len() <= LONGEST_STUB as usize
        && target.bytes().all(|byte| byte.is_ascii_graphic());
    let leads = target.contains('/') || [".bin", ".img", ".elf"].iter().any(|end| target.ends_with(end));
    (plain && leads).then(|| target.to_owned())
}

#[cfg(test)]
mod tests;
