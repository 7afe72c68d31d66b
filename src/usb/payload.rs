//! Looks at a payload before a board does, so that what must fail fails at once and with its reason.

mod settings;

use std::path::Path;

pub use settings::Fuse;
use settings::Settings;

use super::error::Error;
use super::lookup::{Asker, Found, Payload};
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

/// Checks a payload for a board at a port, or for any board at any port. Gives what is to be said about it.
///
/// # Errors
/// The first thing in it that can't work, or that must not happen unasked.
pub fn check(payload: &Payload, port: Option<PortPath>, wanted: &Wanted) -> Result<Vec<String>, Error> {
    let dir = || payload.dir().to_owned();
    let there: Vec<Chip> =
        Chip::ALL.into_iter().filter(|chip| has(payload, *chip, port, chip.bootcode())).collect();
    if there.is_empty() {
        return Err(links(payload, port, &Chip::ALL.map(Chip::bootcode))
            .unwrap_or(Error::NoBootcode { dir: dir(), chip: None }));
    }
    let chips = if wanted.chips.is_empty() { &there } else { &wanted.chips };
    let ports = match port {
        Some(port) => vec![Some(port)],
        None => payload.overlays()?.into_iter().map(Some).chain([None]).collect(),
    };
    let mut said = Settings::new(&wanted.confirmed);
    for chip in chips {
        let asker = Asker { chip: *chip, port };
        bootcode(payload, asker)?;
        for name in FIRMWARE {
            if let Ok(Some(found)) = payload.find(asker, name) {
                not_a_stub(payload, name, &found)?;
            }
        }
        if let Some(error) = links(payload, port, &FIRMWARE) {
            return Err(error);
        }
        for port in &ports {
            said.read(payload, Asker { chip: *chip, port: *port })?;
        }
        let config = settings::config(payload, asker)?;
        let is_set = |name| config.settings().iter().any(|setting| settings::is_set(setting, name));
        if is_set("boot_ramdisk") && !has(payload, *chip, port, "boot.img") {
            return Err(Error::Missing {
                dir: dir(),
                name: "boot.img",
                why: "config.txt asks for (boot_ramdisk=1)",
            });
        }
        let original = "pieeprom.original.bin";
        if has(payload, *chip, port, original)
            && !has(payload, *chip, port, "pieeprom.bin")
            && !is_set("erase_eeprom")
        {
            return Err(Error::NoEeprom { dir: dir(), original });
        }
        if wanted.boot_sig && !has(payload, *chip, port, "boot.sig") {
            return Err(Error::Missing {
                dir: dir(),
                name: "boot.sig",
                why: "a board with secure boot needs",
            });
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
        Ok(None) => return Err(Error::NoBootcode { dir: payload.dir().to_owned(), chip: Some(asker.chip) }),
        Err(_) => {
            let none = Error::NoBootcode { dir: payload.dir().to_owned(), chip: Some(asker.chip) };
            return Err(links(payload, asker.port, &[name]).unwrap_or(none));
        }
    };
    not_a_stub(payload, name, &found)?;
    if found.len == 0 || found.len > LARGEST_BOOTCODE {
        return Err(Error::BootcodeSize { path, len: found.len.into() });
    }
    Ok(found)
}

/// The signature that goes with an older board's bootcode.
///
/// # Errors
/// Where there is no such file, or it is no signature.
pub fn signature(payload: &Payload, asker: Asker) -> Result<[u8; SIGNATURE], Error> {
    let path = payload.dir().join("bootcode.sig");
    let Ok(Some(found)) = payload.find(asker, "bootcode.sig") else {
        let dir = payload.dir().to_owned();
        return Err(Error::Missing { dir, name: "bootcode.sig", why: "a signed boot (-s) sends" });
    };
    let bytes = found.read_all().map_err(|source| Error::Read { path: path.clone(), source })?;
    <[u8; SIGNATURE]>::try_from(bytes.as_slice())
        .map_err(|_| Error::Signature { path, len: found.len.into() })
}

fn has(payload: &Payload, chip: Chip, port: Option<PortPath>, name: &str) -> bool {
    matches!(payload.find(Asker { chip, port }, name), Ok(Some(_)))
}

/// The first of some files that is a link out of the payload, or that can't be read.
fn links(payload: &Payload, port: Option<PortPath>, names: &[&str]) -> Option<Error> {
    let overlay = port.map(|port| port.to_string()).unwrap_or_default();
    let folders = ["", "2710", "2711", "2712", &overlay];
    for path in folders.iter().flat_map(|folder| names.iter().map(move |name| Path::new(folder).join(name))) {
        let link = payload.dir().join(path);
        match payload.open_file(&link) {
            Err(super::border::Closed::LeadsOut(target)) => return Some(Error::LeadsOut { link, target }),
            Err(super::border::Closed::Io(source)) => return Some(Error::Read { path: link, source }),
            Ok(_) => {}
        }
    }
    None
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
