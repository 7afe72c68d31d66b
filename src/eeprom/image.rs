//! The image of a Pi 4's or Pi 5's EEPROM: which files are in it, and one of them changed.
//!
//! The image is a row of sections. Each begins, at a multiple of 8, with a magic number and the length of what follows,
//! both big-endian. A file's section has its name (12 bytes) and 4 bytes more before its content. After the last one
//! come zeros or erased flash (0xff). The last 4 KiB are the bootloader's own.
//!
//! An A/B image (Pi 5 since May 2026) has fixed borders: a part that stays (64 KiB), the partitions A and B (988 KiB
//! each), and a journal of two sectors. The board starts A or B. In a published image B is padding; after an update in
//! the field it holds another bootloader and another configuration, which is as it should be. A is what is changed.
//!
//! A change gives the bytes that Raspberry Pi's own tool gives. Source: `rpi-eeprom-config` in its repository
//! rpi-eeprom.

mod flash;
mod halves;
mod told;
mod unsign;

use super::{Error, Sig};
use crate::board::Family;
pub use halves::Other;
pub use told::{Customer, Signed, Told, What, signed};

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
/// Sections that an image may have. Published ones have fewer than a hundred.
const MOST_SECTIONS: usize = 4096;
/// What flash is erased in, and how much at its end belongs to the bootloader.
pub(super) const SECTOR: usize = 4096;
/// The longest content of a file, but for `bootsys`. Raspberry Pi's tool has this limit (a sector without 20 bytes),
/// though 24 stand before the content.
const MAX_CONTENT: usize = SECTOR - 20;
/// The file that each partition of an A/B image begins with.
const BOOTSYS: &str = "bootsys";
/// Where partition A begins. In all images: what is changed lies behind it.
const A: usize = 0x1_0000;
/// Where partition B begins. In all images: what is changed lies before it.
const B: usize = 0x10_7000;
/// Where the journal begins.
pub(super) const JOURNAL: usize = 0x1f_e000;
/// When the bootloader was updated last: `!time` and `time`, each 4 bytes, little-endian.
pub(super) const UPDATETIME: &str = "updatetime";

/// The configuration.
pub const BOOTCONF: &str = "bootconf.txt";
/// Its signature; a [`Sig`].
pub const BOOTCONF_SIG: &str = "bootconf.sig";
/// The RSA key that signatures are checked with: 256 bytes of modulus, 8 of exponent, little-endian.
pub const PUBKEY: &str = "pubkey.bin";

/// Where in an image something lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// In an image without partitions, which is all that it has; in an A/B image the part before them, which stays.
    Whole,
    /// In partition A.
    A,
    /// In partition B.
    B,
}

/// A section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Section {
    magic: u32,
    part: Part,
    /// Where its header begins.
    offset: usize,
    /// Bytes after the header.
    length: usize,
    /// Where the next one begins that is no padding, or where the room for it ends.
    until: usize,
    /// Whether another one follows, padding too.
    last: bool,
}

impl Section {
    fn content(&self) -> std::ops::Range<usize> {
        self.offset + BEFORE_CONTENT..self.offset + HEADER + self.length
    }

    /// How many bytes of content it has room for, as far as it may have so many.
    fn room(&self, most: usize) -> usize {
        self.until.saturating_sub(self.offset + BEFORE_CONTENT).min(most)
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
    /// Where it lies.
    pub part: Part,
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
        if sections.len() > MOST_SECTIONS {
            return Err(Error::Sections { most: MOST_SECTIONS });
        }
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

    /// Whether it has two partitions, of which the board starts one. Only boards of the Pi 5 family have such.
    #[must_use]
    pub fn is_ab(&self) -> bool {
        flash::is_ab(&self.bytes)
    }

    /// The files in it, in their order. In an A/B image names may come in each part.
    pub fn files(&self) -> impl Iterator<Item = File<'_>> {
        self.sections.iter().filter_map(|section| {
            let name = flash::name(&self.bytes, section)?;
            let (content, room) = (&self.bytes[section.content()], section.room(most(name)));
            Some(File { name, content, room, part: section.part })
        })
    }

    /// The content of a file, in an A/B image of A's: the one that [`Self::with_file`] changes.
    ///
    /// # Errors
    /// When no file has that name, or two have it.
    pub fn file(&self, name: &str) -> Result<&[u8], Error> {
        Ok(&self.bytes[self.section(name)?.content()])
    }

    /// The configuration's text, in an A/B image A's.
    ///
    /// # Errors
    /// When it has no configuration, or when that is no text.
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
        self.has(BOOTCONF_SIG)
    }

    /// Whether somebody put a public key into it.
    #[must_use]
    pub fn has_key(&self) -> bool {
        self.has(PUBKEY)
    }

    /// When its bootloader was built, in seconds since 1970, where it says so. `rpi-eeprom-update` looks for the same
    /// text.
    #[must_use]
    pub fn built(&self) -> Option<u64> {
        number_behind(self.changeable(), b"BUILD_TIMESTAMP=")
            .or_else(|| number_behind(&self.bytes, b"BUILD_TIMESTAMP="))
    }

    /// The number by which a board that was made for newer bootloaders refuses older ones (`MFG_VER`); images of before
    /// May 2026 have no such number, which counts as 0.
    #[must_use]
    pub fn mfg_ver(&self) -> Option<u64> {
        number_behind(self.changeable(), b"MFG_VER: ")
    }

    /// When the board that this was read from took its last update, in seconds since 1970. `None` in an image as it is
    /// published.
    #[must_use]
    pub fn updated(&self) -> Option<u32> {
        let pair = match self.file(UPDATETIME) {
            Ok(content) => content,
            Err(_) => self.bytes.get(self.bytes.len().checked_sub(8)?..)?,
        };
        let word = |at: usize| Some(u32::from_le_bytes(pair.get(at..at + 4)?.try_into().ok()?));
        let (inverse, time) = (word(0)?, word(4)?);
        // Erased flash has no time; neither has what one published image says.
        (inverse == !time && time != u32::MAX).then_some(time)
    }

    /// The image with another configuration; in an A/B image in A.
    ///
    /// # Errors
    /// When its configuration is signed, or the new one doesn't fit.
    pub fn with_bootconf(&self, text: &str) -> Result<Self, Error> {
        if self.is_signed() {
            return Err(Error::Signed);
        }
        self.with_file(BOOTCONF, text.as_bytes())
    }

    /// The image with another content of a file that is in it; in an A/B image in A. Nothing else in it changes.
    ///
    /// # Errors
    /// When there is no such file, or two, or the content doesn't fit.
    pub fn with_file(&self, name: &str, content: &[u8]) -> Result<Self, Error> {
        let section = self.section(name)?;
        let mut bytes = self.bytes.clone();
        flash::replace(&mut bytes, section, content, most(name)).map_err(|room| Error::NoRoom {
            name: name.to_owned(),
            length: content.len(),
            room,
        })?;
        Self::parse(bytes)
    }

    /// The file that may be changed.
    fn section(&self, name: &str) -> Result<&Section, Error> {
        let named = |section: &&Section| {
            (A..B).contains(&section.offset) && flash::name(&self.bytes, section) == Some(name)
        };
        let mut found = self.sections.iter().filter(named);
        match (found.next(), found.next()) {
            (Some(section), None) => Ok(section),
            (Some(_), Some(_)) => Err(Error::Twice { name: name.to_owned() }),
            (None, _) => Err(Error::NoFile { name: name.to_owned() }),
        }
    }

    /// Whether somebody wrote a file outside partition B.
    fn has(&self, name: &str) -> bool {
        self.files().any(|file| file.part != Part::B && file.name == name && !is_blank(file.content))
    }

    /// What the board runs that gets the changes: the whole image, or partition A.
    fn changeable(&self) -> &[u8] {
        if self.is_ab() { &self.bytes[A..B] } else { &self.bytes }
    }

    /// The `.sig` file that goes with it.
    #[must_use]
    pub fn sig(&self, ts: u64) -> Sig {
        Sig::of(&self.bytes, ts)
    }
}

/// The longest content that a file may have, if there is room.
fn most(name: &str) -> usize {
    if name == BOOTSYS { usize::MAX } else { MAX_CONTENT }
}

/// The number that stands behind a text.
fn number_behind(bytes: &[u8], mark: &[u8]) -> Option<u64> {
    let at = bytes.windows(mark.len()).position(|window| window == mark)? + mark.len();
    let digits = bytes[at..].iter().take(20).take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(&bytes[at..at + digits]).ok()?.parse().ok()
}

/// Nothing written: no bytes, erased flash, zeros or white space.
fn is_blank(content: &[u8]) -> bool {
    content.iter().all(|byte| matches!(byte, 0 | 0xff) || byte.is_ascii_whitespace())
}

#[cfg(test)]
mod tests;
