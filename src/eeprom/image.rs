//! The image of a Pi 4's or Pi 5's EEPROM: which files are in it, and one of them changed.
//!
//! The image is a row of sections. Each begins, at a multiple of 8, with a magic number and the length of what follows,
//! both big-endian. A file's section has its name (12 bytes) and 4 bytes more before its content. After the last one
//! come zeros or erased flash (0xff). The last 4 KiB are the bootloader's own. Source: `rpi-eeprom-config` in
//! Raspberry Pi's repository rpi-eeprom.
//!
//! That tool takes the header of a file for 20 bytes when it checks whether a content fits, though it writes the
//! content behind 24: with the longest content that it allows (4076 bytes) it runs 4 bytes into the next sector. It
//! also leaves a gap of 8 bytes without a header, where reading ends. Neither happens here.

mod flash;

use super::{Error, Sig};
use crate::board::Family;

/// Bits of a magic number that are the same in every section.
const MAGIC_MASK: u32 = 0xffff_f00f;
const MAGIC: u32 = 0x55aa_f00f;
/// Nothing but filling, up to the next sector.
const PADDING: u32 = 0x55aa_feef;
/// A file that may be changed.
const FILE: u32 = 0x55aa_f11f;
/// Magic and length.
const HEADER: usize = 8;
/// The name's field.
const NAME: usize = 12;
/// From a file's section to its content.
const BEFORE_CONTENT: usize = HEADER + NAME + 4;
/// What flash is erased in; a file that may be changed has such a sector of its own.
const SECTOR: usize = 4096;
/// The longest content that Raspberry Pi's tool allows.
const MAX_CONTENT: usize = SECTOR - 20;
/// The file that each half of an A/B image begins with, and where the first one is.
const BOOTSYS: &[u8] = b"bootsys";
const FIRST_HALF: usize = 0x10000;

/// The configuration.
pub const BOOTCONF: &str = "bootconf.txt";
/// Its signature; a [`Sig`].
pub const BOOTCONF_SIG: &str = "bootconf.sig";
/// The RSA key that signatures are checked with: 256 bytes of modulus, 8 of exponent, little-endian.
pub const PUBKEY: &str = "pubkey.bin";

/// A section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Section {
    magic: u32,
    /// Where its header begins.
    offset: usize,
    /// Bytes after the header.
    length: usize,
    /// Where the next one begins that is no padding, or where the room for it ends.
    until: usize,
    /// Whether another one follows.
    last: bool,
}

impl Section {
    fn content(&self) -> std::ops::Range<usize> {
        self.offset + BEFORE_CONTENT..self.offset + HEADER + self.length
    }

    /// How many bytes of content it has room for.
    fn room(&self) -> usize {
        let until = if self.offset.is_multiple_of(SECTOR) {
            self.until.min(self.offset + SECTOR)
        } else {
            self.until
        };
        until.saturating_sub(self.offset + BEFORE_CONTENT).min(MAX_CONTENT)
    }
}

/// A file in the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct File<'a> {
    /// Its name, at most 12 bytes.
    pub name: &'a str,
    /// What is in it.
    pub content: &'a [u8],
    /// How long its content may become.
    pub room: usize,
}

/// An image whose sections have been read and found in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    bytes: Vec<u8>,
    sections: Vec<Section>,
}

impl Image {
    /// The sizes that images have, in bytes: of a Pi 4 and of a Pi 5.
    pub const SIZES: [u64; 2] = [512 << 10, 2 << 20];

    /// Reads an image.
    ///
    /// # Errors
    /// When its size or one of its sections isn't that of an EEPROM.
    pub fn parse(bytes: Vec<u8>) -> Result<Self, Error> {
        if !Self::SIZES.contains(&(bytes.len() as u64)) {
            return Err(Error::Size { got: bytes.len() as u64 });
        }
        let sections = flash::sections(&bytes)?;
        Ok(Self { bytes, sections })
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Which boards it is for.
    #[must_use]
    pub fn family(&self) -> Family {
        if self.bytes.len() as u64 == Self::SIZES[0] { Family::Pi4 } else { Family::Pi5 }
    }

    /// Whether it has two halves, of which the board starts one. Only boards of the Pi 5 family have such.
    #[must_use]
    pub fn is_ab(&self) -> bool {
        flash::is_ab(&self.bytes)
    }

    /// The files in it, in their order. In an A/B image names come twice.
    pub fn files(&self) -> impl Iterator<Item = File<'_>> {
        self.sections.iter().filter_map(|section| {
            let name = flash::name(&self.bytes, section)?;
            Some(File { name, content: &self.bytes[section.content()], room: section.room() })
        })
    }

    /// The content of a file.
    ///
    /// # Errors
    /// When there is none of that name, or two that differ.
    pub fn file(&self, name: &str) -> Result<&[u8], Error> {
        let mut found = self.files().filter(|file| file.name == name);
        let first = found.next().ok_or_else(|| Error::NoFile { name: name.to_owned() })?;
        if found.any(|other| other.content != first.content) {
            return Err(Error::Different { name: name.to_owned() });
        }
        Ok(first.content)
    }

    /// The configuration's text.
    ///
    /// # Errors
    /// When there is none, or when it is no text.
    pub fn bootconf(&self) -> Result<&str, Error> {
        let bytes = self.file(BOOTCONF)?;
        std::str::from_utf8(bytes).map_err(|error| {
            let at = error.valid_up_to();
            Error::NoText { name: BOOTCONF.into(), at, byte: bytes.get(at).copied().unwrap_or(0) }
        })
    }

    /// Whether its configuration has a signature, so that a change would make a board refuse it.
    #[must_use]
    pub fn is_signed(&self) -> bool {
        // Images as they are published have the file, with nothing in it.
        self.files().any(|file| file.name == BOOTCONF_SIG && !is_blank(file.content))
    }

    /// Whether somebody put a public key into it.
    #[must_use]
    pub fn has_key(&self) -> bool {
        self.files().any(|file| file.name == PUBKEY && !is_blank(file.content))
    }

    /// When its bootloader was built, in seconds since 1970, where it says so. `rpi-eeprom-update` looks for the same
    /// text.
    #[must_use]
    pub fn built(&self) -> Option<u64> {
        const MARK: &[u8] = b"BUILD_TIMESTAMP=";
        let at = self.bytes.windows(MARK.len()).position(|window| window == MARK)? + MARK.len();
        let digits = self.bytes[at..].iter().take(20).take_while(|byte| byte.is_ascii_digit()).count();
        std::str::from_utf8(&self.bytes[at..at + digits]).ok()?.parse().ok()
    }

    /// The image with another configuration; in an A/B image in both halves.
    ///
    /// # Errors
    /// When its configuration is signed, or the new one doesn't fit.
    pub fn with_bootconf(&self, text: &str) -> Result<Self, Error> {
        if self.is_signed() {
            return Err(Error::Signed);
        }
        self.with_file(BOOTCONF, text.as_bytes())
    }

    /// The image with another content of a file that is in it. Nothing else in it changes.
    ///
    /// # Errors
    /// When there is no such file, when two differ, when the content doesn't fit.
    pub fn with_file(&self, name: &str, content: &[u8]) -> Result<Self, Error> {
        self.file(name)?;
        let mut bytes = self.bytes.clone();
        for section in self.sections.iter().filter(|section| flash::name(&self.bytes, section) == Some(name))
        {
            flash::replace(&mut bytes, section, content).map_err(|room| Error::NoRoom {
                name: name.to_owned(),
                length: content.len(),
                room,
            })?;
        }
        Self::parse(bytes)
    }

    /// The `.sig` file that goes with it.
    #[must_use]
    pub fn sig(&self, ts: u64) -> Sig {
        Sig::of(&self.bytes, ts)
    }
}

/// Nothing written: no bytes, erased flash, zeros or white space.
fn is_blank(content: &[u8]) -> bool {
    content.iter().all(|byte| matches!(byte, 0 | 0xff) || byte.is_ascii_whitespace())
}

#[cfg(test)]
mod tests;
