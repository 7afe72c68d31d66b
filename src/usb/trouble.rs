//! What can go wrong with one board, and what usually causes it.

use std::path::Path;
use std::time::Duration;

use super::access::Access;
use super::error::Error;
use super::message::Malformed;
use super::transport::{Device, Fault};
use super::wait_for::Wanted;
use crate::board::Serial;
use crate::board::identity::Chip;
use crate::error::{Explain, Kind, Knob, Remedy, Task, remedy};

/// What can go wrong with one board.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Trouble {
    /// This user may not open the device.
    #[error("this user may not open {node}")]
    Permission {
        /// The device file.
        node: String,
        /// What lets this user open it.
        hint: Remedy,
    },
    /// A transfer failed for good.
    #[error("{0}")]
    Fault(Fault),
    /// This host can't boot it: there is nothing to serve to it, or its USB can't be used any more.
    #[error("{message}")]
    Payload {
        /// The error of [`crate::usb::Error`].
        message: String,
        /// Its hint.
        hint: Option<Remedy>,
        /// Its kind.
        kind: Kind,
    },
    /// The boot ROM says no.
    #[error("the boot ROM refuses the bootcode with code {0:#x}")]
    Refused(i32),
    /// The bootcode was sent, and the board does nothing with it.
    #[error("the board took the bootcode but didn't start it in {} s", .0.as_secs())]
    Stays(Duration),
    /// It left and didn't come back.
    #[error("the board left the bus and didn't come back in {} s", .0.as_secs())]
    NoReturn(Duration),
    /// The bootcode ends in the boot ROM again.
    #[error("the board was sent its bootcode {0} times and is in the boot ROM again")]
    RomAgain(u32),
    /// What it sends is no request.
    #[error("the board sends what is no request, {times} times in a row: {last}")]
    Malformed {
        /// How often.
        times: u32,
        /// What it was last.
        last: Malformed,
    },
    /// It asks for nothing.
    #[error("the board has asked for nothing for {} s", .0.as_secs())]
    Silent(Duration),
    /// It asks for the same for ever.
    #[error("the board has asked {times} times in a row for {name}")]
    AsksAgain {
        /// What for.
        name: String,
        /// How often.
        times: u32,
    },
    /// It has asked for more files than any boot needs.
    #[error("the board has asked {0} times and is still asking")]
    AsksForEver(u32),
    /// A file got shorter while it was sent.
    #[error("{name} got shorter while it was sent: it ends at {at} of {bytes} bytes")]
    Shrunk {
        /// The file.
        name: String,
        /// Where it ends now.
        at: u64,
        /// What the board was told.
        bytes: u64,
    },
    /// A file can't be read.
    #[error("reading {name} at {at}: {why}")]
    Unreadable {
        /// The file.
        name: String,
        /// Where.
        at: u64,
        /// What the system said.
        why: String,
    },
    /// It left in the middle of a file.
    #[error("the board was gone after {sent} of {bytes} bytes of {name}")]
    CutOff {
        /// The file.
        name: String,
        /// Bytes that it got.
        sent: u64,
        /// Of so many.
        bytes: u64,
    },
    /// A transfer in the middle of a file failed.
    #[error("sending {name} failed after {sent} of {bytes} bytes: {fault}")]
    Stuck {
        /// The file.
        name: String,
        /// Bytes that it got.
        sent: u64,
        /// Of so many.
        bytes: u64,
        /// What the transfer ended with.
        fault: Fault,
    },
    /// It left without saying that it needs no more.
    #[error("the board left after {files} files without saying that it has all, and didn't come back in {} s", .limit.as_secs())]
    LeftEarly {
        /// Files that it got.
        files: u64,
        /// How long was waited.
        limit: Duration,
    },
    /// In the middle of its boot another board was plugged in.
    #[error("another board is at its port now, a {chip}{}", .serial.as_ref().map(|serial| format!(" with serial {serial}")).unwrap_or_default())]
    AnotherBoard {
        /// The other board's chip.
        chip: Chip,
        /// Its serial number, where it tells one.
        serial: Option<Serial>,
    },
    /// The board says itself that what it was to do failed.
    #[error("the board reports {}={}", shown(.key), shown(.value))]
    Reported {
        /// What it was to do, as it calls it.
        key: String,
        /// What it says the outcome was.
        value: String,
    },
    /// What the user waits for didn't appear.
    #[error("no {what} of this board appeared in {} s", .limit.as_secs())]
    NotAppeared {
        /// What was waited for.
        what: Wanted,
        /// How long.
        limit: Duration,
    },
    /// The time for all boards is over.
    #[error("the time limit of {} s is over", .0.as_secs())]
    TimeOver(Duration),
    /// Ctrl-C.
    #[error("stopped by the user")]
    Stopped,
    /// A panic in the board's thread.
    #[error("a mistake in this program ended the board's boot")]
    Bug,
}

impl From<&Error> for Trouble {
    fn from(error: &Error) -> Self {
        Self::Payload { message: crate::error::chain(error), hint: error.hint(), kind: error.kind() }
    }
}

impl Trouble {
    /// That this user may not open a device, with what helps on this host.
    #[must_use]
    pub fn denied(device: &Device) -> Self {
        let node = device.node();
        let hint = Access::look(Path::new("/"), Some(&node)).remedy();
        Self::Permission { node: node.display().to_string(), hint }
    }

    /// Whether the board went away, and its outcome isn't known.
    #[must_use]
    pub const fn is_loss(&self) -> bool {
        matches!(self, Self::NoReturn(_) | Self::LeftEarly { .. } | Self::AnotherBoard { .. })
    }
}

impl Explain for Trouble {
    fn kind(&self) -> Kind {
        match self {
            Self::Permission { .. } => Kind::Permission,
            Self::Payload { kind, .. } => *kind,
            Self::Fault(Fault::Busy) => Kind::Busy,
            Self::Stopped => Kind::Interrupted,
            Self::Shrunk { .. } | Self::Unreadable { .. } => Kind::Io,
            Self::NoReturn(_)
            | Self::LeftEarly { .. }
            | Self::AnotherBoard { .. }
            | Self::Silent(_)
            | Self::NotAppeared { .. }
            | Self::TimeOver(_) => Kind::Unavailable,
            _ => Kind::Failed,
        }
    }

    fn hint(&self) -> Option<Remedy> {
        Some(match self {
            Self::Permission { hint, .. } => hint.clone(),
            Self::Payload { hint, .. } => return hint.clone(),
            Self::Fault(Fault::Busy) => "another program has the board: is rpiboot, or another piprov, running?".into(),
            Self::Fault(_) | Self::CutOff { .. } | Self::Stuck { .. } => "usually the cable, the hub or the power: use a short data cable on a port of the host itself, take the SD card out, then switch the board off and on.".into(),
            Self::Refused(_) | Self::RomAgain(_) => "usually the wrong bootcode for this board, or a payload without a signature on a board that is locked to signed ones.".into(),
            Self::Stays(_) => "switch the board off and on; if it happens again, the bootcode isn't for this board.".into(),
            Self::NoReturn(_) => "usually too little power, or the board has found an SD card or another medium to boot from.".into(),
            Self::Malformed { .. } => "switch the board off and on: what runs on it doesn't speak this protocol.".into(),
            Self::Silent(_) => "it hangs: switch it off and on. A serial console (uart_2ndstage=1 in config.txt) tells why.".into(),
            Self::AsksAgain { name, .. } if name.ends_with(".sig") => format!("the board is locked to signed payloads and this one has no valid {name}.").into(),
            Self::AsksAgain { .. } | Self::AsksForEver(_) => "the payload isn't for this board, or a file in it is damaged.".into(),
            Self::Shrunk { .. } => "don't change a payload while it is served: put the new file beside it and rename.".into(),
            Self::LeftEarly { .. } => remedy!["if what it booted shows nothing over USB, it may be well; ", Knob::WaitFor, " says what to look for."],
            Self::Reported { key, .. } if key == "EEPROM_UPDATE" => "the EEPROM may be half written. Usual causes: pieeprom.sig isn't of this pieeprom.bin, the EEPROM is write-protected, or the image is for other boards. uart_2ndstage=1 in config.txt tells more; then boot it once more.".into(),
            Self::Reported { key, .. } if key == "SECURE_BOOT_PROVISION" => "usual causes: no public key in pieeprom.bin, or another key is burned in already (CUSTOMER_KEY_HASH).".into(),
            Self::Reported { .. } => "uart_2ndstage=1 in config.txt tells more.".into(),
            Self::NotAppeared { .. } => remedy!["is it the right payload? ", Task::List, " shows what the board is now."],
            Self::Bug => remedy!["please report it, with what the same job tells with ", Knob::Verbose, "."],
            Self::AnotherBoard { .. } | Self::TimeOver(_) | Self::Unreadable { .. } | Self::Stopped => return None,
        })
    }
}

/// A text from a board for a message: control characters escaped, and cut off.
fn shown(text: &str) -> String {
    const LONGEST: usize = 80;
    let mut shown: String = text.chars().take(LONGEST).flat_map(char::escape_debug).collect();
    if text.chars().count() > LONGEST {
        shown.push('…');
    }
    if shown.is_empty() {
        shown.push_str("nothing");
    }
    shown
}
