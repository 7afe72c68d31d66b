//! The messages of the boot ROM and of the file server behind it, as bytes. Source: usbboot's main.c.
//!
//! Everything goes over two primitives. *Write*: a vendor control transfer without data whose `wValue` and `wIndex`
//! hold the length, then that many bytes over the bulk endpoint. *Read*: a vendor control transfer in, with the length
//! in the same places.

/// The length of the message that goes before the bootcode.
pub const BOOT_MESSAGE: usize = 24;
/// The length of the signature in it: an HMAC-SHA-1.
pub const SIGNATURE: usize = 20;
/// The length of the boot ROM's answer to the bootcode.
pub const RETURN_CODE: usize = 4;
/// The length of a message of the file server: a command and a name.
pub const FILE_MESSAGE: usize = 4 + NAME;
/// The bytes for a name, with the zero at its end.
pub const NAME: usize = 256;
/// `bmRequestType` of the primitive that writes: host to device, vendor, device.
pub const REQUEST_OUT: u8 = 0x40;
/// `bmRequestType` of the primitive that reads: device to host, vendor, device.
pub const REQUEST_IN: u8 = 0xc0;

/// The message that announces the bootcode: its length, then a signature, which is zeros for an unsigned one.
///
/// `None` for a length that the boot ROM would take for a negative one.
#[must_use]
pub fn boot_message(len: u64, signature: &[u8; SIGNATURE]) -> Option<[u8; BOOT_MESSAGE]> {
    let mut message = [0; BOOT_MESSAGE];
    message[..4].copy_from_slice(&i32::try_from(len).ok()?.to_le_bytes());
    message[4..].copy_from_slice(signature);
    Some(message)
}

/// How `wValue` and `wIndex` hold a length.
#[must_use]
pub const fn setup(len: u32) -> (u16, u16) {
    let [a, b, c, d] = len.to_le_bytes();
    (u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d]))
}

/// The boot ROM's answer to the bootcode: 0 is success. `None` where it isn't four bytes.
#[must_use]
pub fn return_code(bytes: &[u8]) -> Option<i32> {
    Some(i32::from_le_bytes(bytes.try_into().ok()?))
}

/// What the board asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// The length of a file; it is answered in the control transfer itself, 0 also where there is no such file.
    Size(String),
    /// The contents of a file.
    Read(String),
    /// Not a file: something that the board tells about itself, `*KEY*VALUE`.
    Metadata(String),
    /// It needs no more. An empty name means the same, but wants an answer.
    Done {
        /// Whether a write of length 0 is expected.
        answer: bool,
    },
    /// A request with a name that is no name of ours to look up. It is answered as a missing file is.
    BadName {
        /// The name, as far as it can be shown.
        name: String,
        /// What is wrong with it.
        why: BadName,
    },
}

/// Why a name isn't looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum BadName {
    /// It would lead out of the payload.
    #[error("it contains `..`")]
    Parent,
    /// It is not relative to the payload.
    #[error("it is an absolute path")]
    Absolute,
    /// Control bytes, or bytes that are not ASCII.
    #[error("it contains bytes that no file name of a board has")]
    Bytes,
    /// The file lies outside the folders that may be served.
    #[error("it is a link out of the payload")]
    LeadsOut,
    /// Lengths have 32 bits.
    #[error("it has 4 GiB or more")]
    TooLarge,
    /// This process may not read it.
    #[error("it is there, but may not be read (permission denied)")]
    Forbidden,
    /// This process, or the system, has no more room for open files.
    #[error("it can't be opened: too many files are open on this host")]
    TooManyOpen,
    /// Looking for it failed in another way: the disk, or the file system.
    #[error("looking for it on this host failed")]
    Unreadable,
}

impl BadName {
    /// What an error of the system, beside that there is no such file, says of a file.
    #[must_use]
    pub fn of_io(error: &std::io::Error) -> Self {
        use rustix::io::Errno;
        match Errno::from_io_error(error) {
            Some(Errno::ACCESS | Errno::PERM) => Self::Forbidden,
            Some(Errno::MFILE | Errno::NFILE) => Self::TooManyOpen,
            _ => Self::Unreadable,
        }
    }
}

/// Why bytes are no message of the file server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Not even a command and an empty name.
    #[error("a message of {0} bytes instead of {FILE_MESSAGE}")]
    Short(usize),
    /// More than the protocol has.
    #[error("a message of {0} bytes instead of {FILE_MESSAGE}")]
    Long(usize),
    /// A command beside 0, 1 and 2.
    #[error("the unknown command {0:#x}")]
    Command(u32),
    /// No zero at the end of the name.
    #[error("a name without an end")]
    Unterminated,
}

impl Request {
    /// Reads a message. Shorter ones count where the name ends within them.
    ///
    /// # Errors
    /// Where it is no request. Nothing is to be answered then.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        if bytes.len() > FILE_MESSAGE {
            return Err(Malformed::Long(bytes.len()));
        }
        let (command, name) = bytes.split_first_chunk().ok_or(Malformed::Short(bytes.len()))?;
        let command = u32::from_le_bytes(*command);
        if command > 2 {
            return Err(Malformed::Command(command));
        }
        let end = name.iter().position(|byte| *byte == 0);
        let name = match end {
            Some(end) => &name[..end],
            // Complete, but the zero is missing; or cut off in the middle.
            None if name.len() == NAME => return Err(Malformed::Unterminated),
            None => return Err(Malformed::Short(bytes.len())),
        };
        if name.is_empty() {
            return Ok(Self::Done { answer: true });
        }
        if command == 2 {
            return Ok(Self::Done { answer: false });
        }
        let shown = || crate::format::printable(name);
        let name = match std::str::from_utf8(name) {
            Ok(name) if name.bytes().all(|byte| (0x20..=0x7e).contains(&byte)) => name,
            _ => return Ok(Self::BadName { name: shown(), why: BadName::Bytes }),
        };
        if name.starts_with('*') {
            return Ok(Self::Metadata(name.to_owned()));
        }
        if let Err(why) = check_name(name) {
            return Ok(Self::BadName { name: name.to_owned(), why });
        }
        Ok(if command == 0 { Self::Size(name.to_owned()) } else { Self::Read(name.to_owned()) })
    }

    /// The message as a board sends it, for models of boards. Cut to the length of the field.
    #[must_use]
    pub fn message(command: u32, name: &[u8]) -> [u8; FILE_MESSAGE] {
        let mut message = [0; FILE_MESSAGE];
        message[..4].copy_from_slice(&command.to_le_bytes());
        let name = &name[..name.len().min(NAME)];
        message[4..4 + name.len()].copy_from_slice(name);
        message
    }
}

/// Whether a name may be looked up below a payload.
///
/// # Errors
/// What is wrong with it.
pub fn check_name(name: &str) -> Result<(), BadName> {
    if !name.bytes().all(|byte| (0x20..=0x7e).contains(&byte)) {
        return Err(BadName::Bytes);
    }
    // As rpiboot does: anywhere in the name, also where it is no component of its own.
    if name.contains("..") {
        return Err(BadName::Parent);
    }
    if name.starts_with('/') {
        return Err(BadName::Absolute);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boot_message_is_a_length_and_a_signature() {
        let signature: [u8; 20] = std::array::from_fn(|at| at as u8 + 1);
        let message = boot_message(52_624, &signature).unwrap();
        assert_eq!(
            message,
            [0x90, 0xcd, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20]
        );
        assert_eq!(boot_message(0x7fff_ffff, &[0; 20]).unwrap()[..4], [0xff, 0xff, 0xff, 0x7f]);
        assert_eq!(boot_message(0x8000_0000, &[0; 20]), None);
    }

    #[test]
    fn a_length_is_split_over_value_and_index() {
        assert_eq!(setup(24), (24, 0));
        assert_eq!(setup(0x0001_0000), (0, 1));
        assert_eq!(setup(0xdead_beef), (0xbeef, 0xdead));
    }

    #[test]
    fn return_codes() {
        assert_eq!(return_code(&[0, 0, 0, 0]), Some(0));
        assert_eq!(return_code(&[0xfe, 0xff, 0xff, 0xff]), Some(-2));
        assert_eq!(return_code(&[0, 0, 0]), None);
        assert_eq!(return_code(&[0; 5]), None);
    }

    fn parse(command: u32, name: &[u8]) -> Result<Request, Malformed> {
        Request::parse(&Request::message(command, name))
    }

    #[test]
    fn literal_messages() {
        let mut bytes = [0; 260];
        bytes[..14].copy_from_slice(b"\x00\x00\x00\x00config.txt");
        assert_eq!(Request::parse(&bytes), Ok(Request::Size("config.txt".into())));
        bytes[0] = 1;
        assert_eq!(Request::parse(&bytes), Ok(Request::Read("config.txt".into())));
        bytes[0] = 2;
        assert_eq!(Request::parse(&bytes), Ok(Request::Done { answer: false }));
        bytes[0] = 3;
        assert_eq!(Request::parse(&bytes), Err(Malformed::Command(3)));
        bytes[3] = 0x80;
        assert_eq!(Request::parse(&bytes), Err(Malformed::Command(0x8000_0003)));
    }

    #[test]
    fn an_empty_name_is_the_end_with_every_command() {
        for command in 0..3 {
            assert_eq!(parse(command, b""), Ok(Request::Done { answer: true }));
        }
    }

    #[test]
    fn metadata_is_no_file_but_done_is_done() {
        assert_eq!(parse(0, b"*MAC_ADDR*x"), Ok(Request::Metadata("*MAC_ADDR*x".into())));
        assert_eq!(parse(1, b"*"), Ok(Request::Metadata("*".into())));
        assert_eq!(parse(2, b"*MAC_ADDR*x"), Ok(Request::Done { answer: false }));
    }

    #[test]
    fn names_that_lead_out_or_spoil_a_terminal_are_refused() {
        let why = |name: &[u8]| match parse(0, name) {
            Ok(Request::BadName { why, .. }) => Some(why),
            _ => None,
        };
        assert_eq!(why(b"../etc/shadow"), Some(BadName::Parent));
        assert_eq!(why(b"overlays/../../x"), Some(BadName::Parent));
        assert_eq!(why(b"a..b"), Some(BadName::Parent));
        assert_eq!(why(b"/etc/passwd"), Some(BadName::Absolute));
        assert_eq!(why(b"a\nb"), Some(BadName::Bytes));
        assert_eq!(why(b"a\x7fb"), Some(BadName::Bytes));
        assert_eq!(why("grün".as_bytes()), Some(BadName::Bytes));
        assert_eq!(why(b"\xff\xfe"), Some(BadName::Bytes));
        assert_eq!(why(b"overlays/dwc2.dtbo"), None);
        let Ok(Request::BadName { name, .. }) = parse(1, b"\x1b[2J") else { panic!() };
        assert_eq!(name, "\\x1b[2J");
    }

    #[test]
    fn short_and_long_messages() {
        assert_eq!(Request::parse(&[]), Err(Malformed::Short(0)));
        assert_eq!(Request::parse(&[0; 3]), Err(Malformed::Short(3)));
        assert_eq!(Request::parse(&[0; 4]), Err(Malformed::Short(4)));
        assert_eq!(Request::parse(b"\0\0\0\0confi"), Err(Malformed::Short(9)));
        assert_eq!(Request::parse(b"\0\0\0\0config.txt\0"), Ok(Request::Size("config.txt".into())));
        assert_eq!(Request::parse(&[0; 261]), Err(Malformed::Long(261)));
        assert_eq!(parse(0, &[b'a'; 256]), Err(Malformed::Unterminated));
        assert_eq!(parse(0, &[b'a'; 255]), Ok(Request::Size("a".repeat(255))));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..400)) {
            if let Ok(Request::Size(name) | Request::Read(name)) = Request::parse(&bytes) {
                proptest::prop_assert!(check_name(&name).is_ok());
            }
        }

        #[test]
        fn lengths_come_back(len: u32) {
            let (value, index) = setup(len);
            proptest::prop_assert_eq!(u32::from(value) | u32::from(index) << 16, len);
        }
    }
}
