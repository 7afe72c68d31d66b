//! What the configurations in a payload say, before a board reads them: which settings burn fuses.
//!
//! A board reads config.txt and what that includes; that of its port's folder or its family's first, and the one in
//! boot.img. All of them are looked at. So is the configuration inside pieeprom.bin, which can have lines for config.txt.

mod raw;

use std::fmt;
use std::io;
use std::sync::Arc;

use crate::eeprom::config_txt::{BadConfig, LONGEST, Setting};
use crate::eeprom::image::BOOTCONF;
use crate::eeprom::{ConfigFiles, Image};
use crate::image::files;
use crate::image::read_at::ReadAt;
use crate::image::table::{Entry, Partition, Table};
use crate::usb::error::Error;
use crate::usb::lookup::{Asker, Found, Origin, Payload};
use crate::usb::message::BadName;

/// What a board reads first; the other one instead after `reboot 0 tryboot`.
const CONFIGURATIONS: [&str; 2] = ["config.txt", "tryboot.txt"];
/// What else than a name that begins with [`PROGRAM`] burns fuses (usbboot, secure-boot-recovery).
pub(super) const FUSES: [&str; 1] = ["revoke_devkey"];
/// Settings whose names begin so write to the chip's one-time-programmable memory: Raspberry Pi's documentation names
/// program_usb_boot_mode, _usb_boot_timeout, _gpio_bootmode and _serial_random, usbboot program_pubkey, _jtag_lock and
/// _rpiboot_gpio; one that isn't known yet must not be tried.
pub(super) const PROGRAM: &str = "program_";
/// How many are told. A configuration can have thousands.
const MOST: usize = 32;

/// A line that burns fuses.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fuse {
    /// The setting, in small letters.
    pub setting: String,
    /// The file, in the payload, and the line.
    pub place: String,
}

impl fmt::Display for Fuse {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} ({})", self.setting.escape_debug(), self.place)
    }
}

/// What the configurations say.
#[derive(Debug)]
pub(super) struct Settings<'a> {
    /// Settings that the user has confirmed by name.
    pub(super) confirmed: &'a [String],
    /// Lines that burn fuses and aren't confirmed, each once.
    pub(super) fuses: Vec<Fuse>,
    /// What is to be told.
    pub(super) notes: Vec<String>,
}

/// The config.txt that a board gets.
pub(super) fn config(payload: &Payload, asker: Asker) -> Result<ConfigFiles, Error> {
    let bad = |why| Error::Config { dir: payload.dir().to_owned(), why };
    ConfigFiles::read(CONFIGURATIONS[0], |name| open(payload, asker, name)).map_err(bad)
}

/// Whether a line sets something, whatever boards it counts for. Only 0 is nothing.
pub(super) fn is_set(setting: &Setting, name: &str) -> bool {
    setting.name.eq_ignore_ascii_case(name) && setting.value != "0"
}

impl<'a> Settings<'a> {
    pub(super) const fn new(confirmed: &'a [String]) -> Self {
        Self { confirmed, fuses: Vec::new(), notes: Vec::new() }
    }

    /// Reads all that a board may take for its configuration.
    pub(super) fn read(&mut self, payload: &Payload, asker: Asker) -> Result<(), Error> {
        let error = |why| Error::Config { dir: payload.dir().to_owned(), why };
        for name in CONFIGURATIONS {
            let config = ConfigFiles::read(name, |name| open(payload, asker, name)).map_err(error)?;
            self.take(&config, |file| where_is(payload, asker, file));
        }
        if let Some(found) = found(payload, asker, "boot.img")? {
            let read = |source| error(BadConfig::Read { file: "boot.img".to_owned(), source });
            let image: Arc<dyn ReadAt> = Arc::new(found);
            // Firmware may find a file system where nobody else sees one.
            for (setting, at) in raw::fuses(&*image).map_err(read)? {
                let confirmed = self.confirmed.iter().any(|known| known.eq_ignore_ascii_case(&setting));
                let fuse = Fuse { setting, place: format!("boot.img, byte {at}") };
                if !confirmed && self.fuses.len() < MOST && !self.fuses.contains(&fuse) {
                    self.fuses.push(fuse);
                }
            }
            for volume in volumes(&image) {
                if !files::is_fat(&image, &volume).map_err(read)? {
                    continue;
                }
                for name in CONFIGURATIONS {
                    let open = |name: &str| {
                        files::fat_file_within(&image, std::slice::from_ref(&volume), name, LONGEST)
                    };
                    let config = ConfigFiles::read(name, open).map_err(error)?;
                    self.take(&config, |file| format!("boot.img/{file}"));
                }
            }
        }
        if let Some(found) = found(payload, asker, "pieeprom.bin")?
            && Image::SIZES.contains(&found.len.into())
        {
            let bytes =
                found.read_all().map_err(|source| Error::Read { path: found.path.clone(), source })?;
            // What is no image no board takes.
            let image = Image::parse(bytes).ok();
            for file in image.iter().flat_map(Image::files).filter(|file| file.name == BOOTCONF) {
                let config =
                    ConfigFiles::read(BOOTCONF, |name| Ok((name == BOOTCONF).then(|| file.content.to_vec())));
                self.take(&config.map_err(error)?, |file| format!("pieeprom.bin/{file}"));
            }
        }
        Ok(())
    }

    fn take(&mut self, config: &ConfigFiles, in_payload: impl Fn(&str) -> String) {
        for setting in config.settings() {
            let name = setting.name.to_ascii_lowercase();
            let burns = super::burns(&name);
            let burns = burns && !self.confirmed.iter().any(|known| known.eq_ignore_ascii_case(&name));
            let line = setting.place.line;
            let place = || format!("{}:{line}", in_payload(&setting.place.file).escape_debug());
            if burns && setting.value != "0" && self.fuses.len() < MOST {
                let fuse = Fuse { setting: name, place: place() };
                if !self.fuses.contains(&fuse) {
                    self.fuses.push(fuse);
                }
            } else if name == "eeprom_write_protect" && setting.value == "1" {
                self.note(format!(
                    "{} protects the EEPROM against writing; it is no fuse, 0 takes it back",
                    place()
                ));
            }
        }
        for missing in config.missing() {
            let place = &missing.place;
            let file = in_payload(&place.file);
            let line = place.line;
            self.note(format!(
                "{}:{line} includes {}, which isn't there",
                file.escape_debug(),
                missing.file.escape_debug()
            ));
        }
    }

    pub(super) fn note(&mut self, text: String) {
        if self.notes.len() < MOST && !self.notes.contains(&text) {
            self.notes.push(text);
        }
    }
}

/// A file as the board would get it. What can't be read now may be readable when the board asks for it, so nobody knows
/// what it says.
fn found(payload: &Payload, asker: Asker, name: &str) -> Result<Option<Found>, Error> {
    match payload.find(asker, name) {
        Ok(found) => Ok(found),
        Err(why @ (BadName::Forbidden | BadName::TooManyOpen | BadName::Unreadable)) => {
            let source = io::Error::other(why.to_string());
            Err(Error::Read { path: payload.dir().join(name), source })
        }
        // No board gets it.
        Err(_) => Ok(None),
    }
}

/// What a configuration is read with: as the board would get it.
fn open(payload: &Payload, asker: Asker, name: &str) -> io::Result<Option<Vec<u8>>> {
    match payload.find(asker, name) {
        Ok(Some(found)) if u64::from(found.len) > LONGEST => Err(io::ErrorKind::FileTooLarge.into()),
        Ok(Some(found)) => found.read_all().map(Some),
        Ok(None) => Ok(None),
        Err(why) => Err(io::Error::new(io::ErrorKind::InvalidInput, why.to_string())),
    }
}

/// A file's path in the payload, as that board gets it.
fn where_is(payload: &Payload, asker: Asker, file: &str) -> String {
    let family = asker.chip.prefix();
    match (payload.find(asker, file).ok().flatten().map(|found: Found| found.origin), asker.port) {
        (Some(Origin::Overlay), Some(port)) => format!("{port}/{file}"),
        (Some(Origin::Family), _) => format!("{family}/{file}"),
        (Some(Origin::Bootfiles), _) => format!("bootfiles.bin/{family}/{file}"),
        _ => file.to_owned(),
    }
}

/// Where in an image a file system may lie: it is one itself, or has a partition table.
fn volumes(image: &Arc<dyn ReadAt>) -> Vec<Partition> {
    let entry = Entry::Mbr { kind: 0x0c, bootable: false };
    let whole = Partition { number: 0, start: 0, len: image.size().unwrap_or(0), entry };
    let table = Table::read(image.as_ref()).ok().flatten();
    let partitions = table.into_iter().flat_map(|table| table.partitions);
    std::iter::once(whole).chain(partitions.filter(|partition| !partition.is_extended())).collect()
}
