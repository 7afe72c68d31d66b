//! `BOOT_ORDER`: where a Pi 4 or 5 looks for something to start, one hexadecimal digit a place, read from right to left.
//!
//! Source: Raspberry Pi's documentation, "Raspberry Pi bootloader configuration".

use std::fmt;

use super::Error;
use crate::board::{Family, Model};
use crate::near::near;

/// Digits that fit into the 32 bits.
const MOST: usize = 8;

/// One place where the bootloader looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// 0: SD card; then waits for another card.
    CardDetect,
    /// 1: SD card, or the eMMC of a Compute Module.
    Sd,
    /// 2: DHCP and TFTP.
    Network,
    /// 3: USB boot from a host.
    Rpiboot,
    /// 4: USB mass storage.
    UsbMsd,
    /// 5: USB mass storage at the chip's own USB 2 controller.
    BcmUsbMsd,
    /// 6: NVMe.
    Nvme,
    /// 7: an image over HTTP.
    Http,
    /// e: stop.
    Stop,
    /// f: from the start again.
    Restart,
    /// What no bootloader knows; it takes the SD card then.
    Unknown(u8),
}

/// The words for the modes, the usual one first, and what they do.
const MODES: [(Mode, u8, &[&str], &str, &str); 10] = [
    (Mode::CardDetect, 0x0, &["card-detect"], "SD CARD DETECT", "SD card, then waits for another one"),
    (Mode::Sd, 0x1, &["sd", "emmc", "mmc"], "SD", "SD card, or the eMMC of a Compute Module"),
    (Mode::Network, 0x2, &["network", "net", "tftp", "pxe", "ethernet"], "NETWORK", "DHCP and TFTP"),
    (Mode::Rpiboot, 0x3, &["rpiboot", "usbboot"], "RPIBOOT", "USB boot from a host, without end"),
    (Mode::UsbMsd, 0x4, &["usb", "usb-msd"], "USB-MSD", "USB disk or stick"),
    (
        Mode::BcmUsbMsd,
        0x5,
        &["bcm-usb-msd", "bcm-usb"],
        "BCM-USB-MSD",
        "USB disk at the chip's own USB 2 port",
    ),
    (Mode::Nvme, 0x6, &["nvme"], "NVME", "NVMe disk"),
    (Mode::Http, 0x7, &["http"], "HTTP", "a signed boot.img over HTTP"),
    (Mode::Stop, 0xe, &["stop"], "STOP", "shows an error until the power goes"),
    (Mode::Restart, 0xf, &["restart", "again", "loop"], "RESTART", "from the start again"),
];

impl Mode {
    /// The mode of a digit.
    #[must_use]
    pub fn of_digit(digit: u8) -> Self {
        MODES.iter().find(|row| row.1 == digit).map_or(Self::Unknown(digit), |row| row.0)
    }

    /// Its digit.
    #[must_use]
    pub fn digit(self) -> u8 {
        match self {
            Self::Unknown(digit) => digit,
            mode => MODES.iter().find(|row| row.0 == mode).map_or(0, |row| row.1),
        }
    }

    /// Its name in the documentation.
    #[must_use]
    pub fn name(self) -> &'static str {
        MODES.iter().find(|row| row.0 == self).map_or("unknown", |row| row.3)
    }

    /// What it does.
    #[must_use]
    pub fn what(self) -> &'static str {
        MODES.iter().find(|row| row.0 == self).map_or("no mode; taken as SD", |row| row.4)
    }

    /// Whether the bootloader never gets past it.
    const fn is_end(self) -> bool {
        matches!(self, Self::CardDetect | Self::Rpiboot | Self::Stop | Self::Restart)
    }

    /// Whether this board has it.
    #[must_use]
    pub fn is_on(self, model: Model) -> bool {
        match self {
            Self::Network | Self::Http => model.has_ethernet(),
            Self::BcmUsbMsd => model.family() != Some(Family::Pi5),
            Self::Nvme => model == Model::Cm4 || model.family() == Some(Family::Pi5),
            _ => true,
        }
    }

    /// The boards that lack this mode, for people. It isn't told of the network, which only a CM4S lacks.
    fn not_on(self) -> Option<&'static str> {
        Some(match self {
            Self::BcmUsbMsd => "Pi 5, 500, CM5",
            Self::Nvme => "Pi 4, 400, CM4S",
            _ => return None,
        })
    }
}

/// A boot order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BootOrder(u32);

impl BootOrder {
    /// What the bootloader takes where no order is set: SD card, USB, and again.
    pub const DEFAULT: Self = Self(0xf41);

    /// Reads a number as it stands in a configuration: `0xf12`, or decimal.
    ///
    /// # Errors
    /// When it is no number, or one with more than eight hexadecimal digits.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let bad = |why: &str| Error::Order { text: text.to_owned(), why: why.into(), near: Vec::new() };
        let (digits, radix) = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
            Some(digits) => (digits, 16),
            None => (text, 10),
        };
        if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
            return Err(bad("a number such as 0xf12 was expected"));
        }
        u32::from_str_radix(digits, radix)
            .map(Self)
            .map_err(|_| bad("it has at most eight hexadecimal digits"))
    }

    /// The places that words name, as `nvme,usb`, to boot from: those that may have a system.
    ///
    /// # Errors
    /// When a word isn't known, or names no such place.
    pub fn places(text: &str) -> Result<Vec<Mode>, Error> {
        let bad = |why: &str| Error::Order { text: text.to_owned(), why: why.into(), near: Vec::new() };
        if text.starts_with(|first: char| first.is_ascii_digit()) {
            return Err(bad("words such as nvme or usb were expected, no number"));
        }
        let mut places = Self::parse_words(text)?.modes();
        places.truncate(places.iter().position(|mode| *mode == Mode::Restart).unwrap_or(places.len()));
        if places.is_empty() || places.iter().any(|mode| mode.is_end()) {
            return Err(bad("a system can be on sd, emmc, usb, bcm-usb, nvme, or come over network or http"));
        }
        Ok(places)
    }

    /// Reads words from first to last, as `network,sd`, or a number. Where the last mode doesn't end the order, a
    /// RESTART is added behind it.
    ///
    /// # Errors
    /// When a word isn't known, or when there are too many.
    pub fn parse_words(text: &str) -> Result<Self, Error> {
        if text.starts_with(|first: char| first.is_ascii_digit()) {
            return Self::parse(text);
        }
        let bad = |why: String, near| Error::Order { text: text.to_owned(), why, near };
        let mut modes = Vec::new();
        for word in text.split([',', ' ']).filter(|word| !word.is_empty()) {
            let wanted = word.to_lowercase();
            let Some(row) = MODES.iter().find(|row| row.2.contains(&wanted.as_str())) else {
                let words = MODES.iter().flat_map(|row| row.2.iter().copied());
                let known = MODES.map(|row| row.2[0]).join(", ");
                let which = if word == text { "it".to_owned() } else { format!("`{word}`") };
                return Err(bad(format!("{which} is none of {known}"), near(&wanted, words)));
            };
            modes.push(row.0);
        }
        match modes.last() {
            None => return Err(bad("no word stands in it".into(), Vec::new())),
            // A zero in the highest place is no place: card-detect is followed by a restart, which never comes.
            Some(last) if last.is_end() && last.digit() != 0 => {}
            Some(_) => modes.push(Mode::Restart),
        }
        if modes.len() > MOST {
            return Err(bad(
                format!("it has at most {MOST} places, with the restart at its end"),
                Vec::new(),
            ));
        }
        Ok(Self(modes.iter().rev().fold(0, |order, mode| order << 4 | u32::from(mode.digit()))))
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }

    /// Its modes, first to last, as far as digits are written.
    #[must_use]
    pub fn modes(self) -> Vec<Mode> {
        let digits = (8 - self.0.leading_zeros() as usize / 4).max(1);
        (0..digits).map(|at| Mode::of_digit((self.0 >> (4 * at) & 0xf) as u8)).collect()
    }

    /// Whether a board asks the network before anything that may have a system on it.
    #[must_use]
    pub fn is_network_first(self) -> bool {
        self.modes().first() == Some(&Mode::Network)
    }

    /// This order with the network in front, once, and a restart at its end.
    #[must_use]
    pub fn with_network_first(self) -> Self {
        self.with_first(&[Mode::Network])
    }

    /// This order with these modes in front, each once, and a restart at its end. What it has no place for is left out
    /// at the end.
    #[must_use]
    pub fn with_first(self, first: &[Mode]) -> Self {
        let rest = self.modes().into_iter().take_while(|mode| !mode.is_end());
        let mut modes: Vec<Mode> = Vec::new();
        for mode in first.iter().copied().chain(rest) {
            // An order may try a place twice; only those that are moved are there once.
            if !(modes.contains(&mode) && first.contains(&mode)) {
                modes.push(mode);
            }
        }
        modes.truncate(MOST - 1);
        Self(modes.iter().rev().fold(0xf, |order, mode| order << 4 | u32::from(mode.digit())))
    }

    /// The places that it reaches, first to last.
    #[must_use]
    pub fn reached(self) -> Vec<Mode> {
        let mut modes = self.modes();
        if let Some(end) = modes.iter().position(|mode| mode.is_end()) {
            modes.truncate(end + 1);
        }
        modes
    }

    /// What in this order may not be what was meant of a board that boots over the network; for one board, or for any
    /// that has an EEPROM.
    #[must_use]
    pub fn notes(self, model: Option<Model>) -> Vec<String> {
        self.all_notes(model, true)
    }

    /// The same of a board that boots from anything.
    #[must_use]
    pub fn doubts(self, model: Option<Model>) -> Vec<String> {
        self.all_notes(model, false)
    }

    fn all_notes(self, model: Option<Model>, network_wanted: bool) -> Vec<String> {
        let modes = self.modes();
        let mut notes = Vec::new();
        let end = modes.iter().position(|mode| mode.is_end());
        if let Some(end) = end.filter(|end| end + 1 < modes.len()) {
            let lost: Vec<&str> = modes[end + 1..].iter().map(|mode| mode.name()).collect();
            notes.push(format!(
                "{} {} never reached: {} comes before and has no end",
                lost.join(", "),
                if lost.len() == 1 { "is" } else { "are" },
                modes[end].name()
            ));
        }
        let reached = self.reached();
        for (at, mode) in reached.iter().enumerate() {
            if reached[..at].contains(mode) {
                continue;
            }
            match (mode, model) {
                (Mode::Unknown(digit), _) => {
                    notes
                        .push(format!("{digit:x} is no boot mode; the bootloader takes the SD card instead"));
                }
                (mode, Some(model)) if !mode.is_on(model) => {
                    notes.push(format!("{model} has no {}; it goes on to the next one", mode.name()));
                }
                (mode, None) => {
                    if let Some(boards) = mode.not_on() {
                        notes.push(format!("{} is not on {boards}", mode.name()));
                    }
                }
                _ => {}
            }
        }
        let network = reached.iter().position(|mode| *mode == Mode::Network);
        match network {
            _ if !network_wanted => {}
            Some(0) => {}
            Some(at) => {
                let before: Vec<&str> = reached[..at].iter().map(|mode| mode.name()).collect();
                notes.push(format!(
                    "{} comes before NETWORK: a board that finds a system there never asks the network; network first \
                     is {}",
                    before.join(", "),
                    self.with_network_first()
                ));
            }
            None => notes.push("NETWORK is not in it: the board never asks the network".into()),
        }
        if reached.contains(&Mode::Http) {
            notes.push("HTTP takes only a boot.img that is signed with a key in the EEPROM".into());
        }
        if end.is_none() && modes.len() < MOST {
            notes.push(format!(
                "no RESTART at its end: after the last one the board waits for an SD card (bootloaders before 2020-09 \
                 stop); {:#x} starts over",
                u64::from(self.0) | 0xf << (4 * modes.len())
            ));
        }
        notes
    }
}

impl fmt::Display for BootOrder {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:#x}", self.0)
    }
}

#[cfg(test)]
mod tests;
