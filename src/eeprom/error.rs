//! What can be wrong with an EEPROM image and what belongs to it.

use crate::board::{Family, Model};
use crate::error::{Explain, Kind, Remedy, Task, remedy};
use crate::format::size_exact;

/// Everything that this room refuses. The file's name is not in it: the caller knows which one it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A module doesn't unpack to what its digest says.
    #[error("the module {module} in it is damaged: it doesn't unpack to what its digest says")]
    Damaged {
        /// Its name.
        module: String,
    },
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
    /// More sections than any image has.
    #[error("it has more than {most} sections")]
    Sections {
        /// How many it may have.
        most: usize,
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
    /// A customer has signed the programs in it too.
    #[error("its bootcode is signed with a customer's key, and that signature can't be taken out")]
    CounterSigned,
    /// A configuration that asks for signed systems, in an image without a key.
    #[error(
        "SIGNED_BOOT=1 asks for signed systems, but the image has no key and no signature: a board would start nothing"
    )]
    SignedBoot,
    /// An image is for other boards.
    #[error("it is an image for {}, not for a {board}", family.boards())]
    OtherBoard {
        /// What it is for.
        family: Family,
        /// What was asked for.
        board: Model,
    },
    /// An image is older than a board.
    #[error("{} and a {board} needs one of {least} or later: {why}",
        built.as_ref().map_or_else(|| "it doesn't say when its bootloader was built,".to_owned(),
            |built| format!("its bootloader is of {built},")))]
    TooOld {
        /// The day when it was built; `None` where it doesn't say.
        built: Option<String>,
        /// The board.
        board: Model,
        /// The day of the first one that the board may have.
        least: &'static str,
        /// What is known of older ones.
        why: &'static str,
    },
    /// An image has not the number that a board needs.
    #[error("it has {}, and the board needs {needs} or more: it may not start with it",
        has.map_or_else(|| "no MFG_VER, which counts as 0".to_owned(), |has| format!("MFG_VER {has}")))]
    MfgVer {
        /// The number that it has.
        has: Option<u64>,
        /// The one that is needed.
        needs: u64,
    },
    /// A boot order was asked for that this board doesn't have.
    #[error("a {board} has no {mode}")]
    NoMode {
        /// The board.
        board: Model,
        /// The place to boot from.
        mode: &'static str,
    },
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

impl Error {
    /// Whether it is about what somebody asked for, and not about the image.
    #[must_use]
    pub const fn is_of_use(&self) -> bool {
        matches!(self, Self::Order { .. } | Self::Key { .. } | Self::Value { .. } | Self::NoMode { .. })
    }
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            error if error.is_of_use() => Kind::Usage,
            _ => Kind::BadData,
        }
    }

    fn hint(&self) -> Option<Remedy> {
        let did_you_mean = |near: &[String]| match near {
            [] => None,
            near => Some(format!("Did you mean {}?", near.join(" or ")).into()),
        };
        Some(match self {
            Self::Damaged { .. } | Self::Size { .. } | Self::Header { .. } | Self::Length { .. } | Self::Sections { .. } => {
                "Images are in Raspberry Pi's package rpi-eeprom (/usr/lib/firmware/raspberrypi/bootloader-2711 and \
                 bootloader-2712), named pieeprom-DATE.bin."
                    .into()
            }
            Self::NoFile { .. } | Self::Twice { .. } => "Take the image as Raspberry Pi publishes it.".into(),
            Self::NoRoom { .. } => "Take settings out of it that have their default value, or comments.".into(),
            Self::Signed => remedy![
                "A board that checks signatures would refuse the changed configuration. Change bootconf.txt, sign it with \
                 the key's owner's update-pieeprom.sh (repository usbboot), and take that image. For boards without a key \
                 burned in start from an unsigned image, or take the signature out: ",
                Task::EepromUnsign,
            ],
            Self::CounterSigned => "Start from the image as Raspberry Pi publishes it.".into(),
            Self::SignedBoot => "Take SIGNED_BOOT out of the configuration; or have the image signed, which sets it.".into(),
            Self::OtherBoard { .. } => {
                "Images for both are in the package rpi-eeprom, in directories of their own.".into()
            }
            Self::TooOld { .. } => "Take a newer image: the package rpi-eeprom has them.".into(),
            Self::MfgVer { .. } => {
                "Take a newer image. A board tells its number in /proc/device-tree/chosen/rpi-min-boot-ver.".into()
            }
            Self::NoMode { .. } => return None,
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
