//! What can be wrong with an EEPROM image and what belongs to it.

use crate::error::{Explain, Kind, Remedy};
use crate::format::size_exact;

/// Everything that this room refuses. The file's name is not in it: the caller knows which one it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No EEPROM has this size.
    #[error("{} is no EEPROM image's size: 512 KiB (Pi 4) or 2 MiB (Pi 5) were expected", size_exact(*got))]
    Size {
        /// Bytes.
        got: u64,
    },
    /// Where a section should begin is something else.
    #[error("offset {offset:#x}: expected a section, got {got:#010x}")]
    Header {
        /// Where in the image.
        offset: usize,
        /// What stands there.
        got: u32,
    },
    /// A section is longer than the image, or shorter than its own header.
    #[error("offset {offset:#x}: a section of {length} bytes {why}")]
    Length {
        /// Where its header is.
        offset: usize,
        /// The length that the header tells.
        length: u32,
        /// What is wrong with it.
        why: &'static str,
    },
    /// There is no such file in the image.
    #[error("there is no {name} in it")]
    NoFile {
        /// The file.
        name: String,
    },
    /// There are two files of that name where one was expected.
    #[error("there are two {name} in it")]
    Twice {
        /// The file.
        name: String,
    },
    /// A file doesn't fit.
    #[error("{name} with {length} bytes doesn't fit: there is room for {room}")]
    NoRoom {
        /// The file.
        name: String,
        /// Bytes that it would have.
        length: usize,
        /// Bytes that there is room for.
        room: usize,
    },
    /// The configuration is signed, so a change would make the board refuse it.
    #[error("its bootconf.txt is signed")]
    Signed,
    /// A text file of the image is no text.
    #[error("{name} is no text: byte {at} is {byte:#04x}")]
    NoText {
        /// The file.
        name: String,
        /// Which byte, from 0.
        at: usize,
        /// What it is.
        byte: u8,
    },
    /// A `.sig` file that isn't one.
    #[error("line {line}: {why}")]
    Sig {
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        why: String,
    },
    /// A boot order that can't be one.
    #[error("`{text}` is no boot order: {why}")]
    Order {
        /// What was given.
        text: String,
        /// What is wrong with it.
        why: String,
        /// What was perhaps meant.
        near: Vec<String>,
    },
    /// No setting can have this name.
    #[error("`{}` is no setting's name", key.escape_debug())]
    Key {
        /// What was given.
        key: String,
    },
    /// A setting's value that the bootloader would not understand.
    #[error("`{key}={value}`: {why}")]
    Value {
        /// The setting.
        key: String,
        /// Its value.
        value: String,
        /// What is wrong with it.
        why: String,
    },
    /// Something in `vcgencmd otp_dump`'s output that isn't a row.
    #[error("line {line}: {why}")]
    Otp {
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        why: String,
    },
    /// No row at all.
    #[error("it has no row of `vcgencmd otp_dump`")]
    OtpEmpty,
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Order { .. } | Self::Key { .. } | Self::Value { .. } => Kind::Usage,
            _ => Kind::BadData,
        }
    }

    fn hint(&self) -> Option<Remedy> {
        let did_you_mean = |near: &[String]| match near {
            [] => None,
            near => Some(format!("Did you mean {}?", near.join(" or ")).into()),
        };
        Some(match self {
            Self::Size { .. } | Self::Header { .. } | Self::Length { .. } => {
                "Images are in Raspberry Pi's package rpi-eeprom (/usr/lib/firmware/raspberrypi/bootloader-2711 and \
                 bootloader-2712), named pieeprom-DATE.bin."
                    .into()
            }
            Self::NoFile { .. } | Self::Twice { .. } => "Take the image as Raspberry Pi publishes it.".into(),
            Self::NoRoom { .. } => "Take settings out of it that have their default value, or comments.".into(),
            Self::Signed => "A board that checks signatures would refuse the changed configuration. Change bootconf.txt, \
                             sign it with the key's owner's update-pieeprom.sh (repository usbboot), and take that image; or \
                             start from an unsigned image if the board has no key burned in."
                .into(),
            Self::NoText { .. } => "The image is damaged; take it as Raspberry Pi publishes it.".into(),
            Self::Sig { .. } => "A .sig file has a sha256 in its first line, then `ts: TIME`.".into(),
            Self::Order { near, .. } => did_you_mean(near).unwrap_or_else(|| {
                "Give words from first to last, as `network,sd`, or a number as 0xf12, which the board reads from right \
                 to left."
                    .into()
            }),
            Self::Key { .. } => {
                "The settings are listed in Raspberry Pi's documentation, `Raspberry Pi bootloader configuration`; they \
                 are written in capitals."
                    .into()
            }
            Self::Value { .. } => return None,
            Self::Otp { .. } | Self::OtpEmpty => {
                "Give it the output of `vcgencmd otp_dump` as the board prints it: rows such as 17:1020000a.".into()
            }
        })
    }
}
