//! TFTP packets as bytes: the six opcodes of RFC 1350 and RFC 2347. Parsing borrows and allocates nothing;
//! no input makes it panic. What the options mean is in [`super::options`].

use std::fmt;

/// The longest request that is read. RFC 2347 allows 512 bytes; some clients send a little more.
pub const MAX_REQUEST: usize = 1024;
/// The largest block that RFC 2348 allows, in bytes.
pub const MAX_BLKSIZE: u16 = 65464;
/// The smallest block that RFC 2348 allows, in bytes.
pub const MIN_BLKSIZE: u16 = 8;
/// The block size of a transfer without options (RFC 1350), in bytes.
pub const DEFAULT_BLKSIZE: u16 = 512;
/// The longest message of an ERROR packet that is written, in bytes.
pub const MAX_MESSAGE: usize = 255;
/// Bytes in front of the content of a DATA packet; also the length of an ACK.
pub const HEADER: usize = 4;

const RRQ: u16 = 1;
const WRQ: u16 = 2;
const DATA: u16 = 3;
const ACK: u16 = 4;
const ERROR: u16 = 5;
const OACK: u16 = 6;

/// One packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packet<'a> {
    /// The client wants to read a file (opcode 1).
    Read(Request<'a>),
    /// The client wants to write a file (opcode 2).
    Write(Request<'a>),
    /// A block of content (opcode 3).
    Data {
        /// The block's number; counts from 1 and rolls over from 65535 to 0.
        block: u16,
        /// The content; shorter than the block size in the last block only.
        data: &'a [u8],
    },
    /// All blocks up to this one have arrived (opcode 4).
    Ack {
        /// The block's number; 0 answers an OACK.
        block: u16,
    },
    /// The transfer ends here (opcode 5).
    Error {
        /// What sort of error.
        code: Code,
        /// For a person to read.
        message: &'a [u8],
    },
    /// The options that the server agrees to (opcode 6).
    OptionAck(Options<'a>),
}

/// What a read or write request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request<'a> {
    /// The path as the client wrote it: any bytes but NUL, not empty.
    pub path: &'a [u8],
    /// How the content is to be translated.
    pub mode: Mode<'a>,
    /// Options behind the mode.
    pub options: Options<'a>,
}

/// The transfer mode of a request; case doesn't matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode<'a> {
    /// Bytes as they are; the only mode that is served.
    Octet,
    /// Text with line ends translated.
    Netascii,
    /// Mail to a person; obsolete since RFC 1350.
    Mail,
    /// Something else.
    Other(&'a [u8]),
}

/// Error codes of RFC 1350 and RFC 2347. Others are kept as they came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Code(pub u16);

impl Code {
    /// Not defined; see the message.
    pub const NOT_DEFINED: Self = Self(0);
    /// File not found. U-Boot doesn't retry after it.
    pub const NOT_FOUND: Self = Self(1);
    /// Access violation. U-Boot doesn't retry after it.
    pub const ACCESS: Self = Self(2);
    /// Disk full or allocation exceeded.
    pub const FULL: Self = Self(3);
    /// Illegal TFTP operation.
    pub const ILLEGAL: Self = Self(4);
    /// Unknown transfer ID.
    pub const UNKNOWN_TID: Self = Self(5);
    /// File already exists.
    pub const EXISTS: Self = Self(6);
    /// No such user.
    pub const NO_USER: Self = Self(7);
    /// Option negotiation failed (RFC 2347).
    pub const OPTIONS: Self = Self(8);
}

impl fmt::Display for Code {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match *self {
            Self::NOT_DEFINED => "not defined",
            Self::NOT_FOUND => "file not found",
            Self::ACCESS => "access violation",
            Self::FULL => "disk full or limit reached",
            Self::ILLEGAL => "illegal operation",
            Self::UNKNOWN_TID => "unknown transfer",
            Self::EXISTS => "file exists",
            Self::NO_USER => "no such user",
            Self::OPTIONS => "options refused",
            _ => "unknown code",
        };
        write!(out, "{} ({name})", self.0)
    }
}

/// Why bytes are no TFTP packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// It ends before it says what it is, or before its fixed part ends.
    #[error("{len} bytes are too few for this packet")]
    Short {
        /// Bytes that came.
        len: usize,
    },
    /// No such opcode.
    #[error("there is no opcode {0}")]
    Opcode(u16),
    /// A text has no NUL behind it.
    #[error("the {0} doesn't end with a NUL")]
    NoEnd(&'static str),
    /// The request names no file.
    #[error("the path is empty")]
    NoPath,
    /// A request is longer than [`MAX_REQUEST`].
    #[error("a request of {len} bytes is too long (at most {MAX_REQUEST})")]
    Long {
        /// Bytes that came.
        len: usize,
    },
    /// More content than any block may have.
    #[error("a block of {len} bytes is too long (at most {MAX_BLKSIZE})")]
    Block {
        /// Bytes of content that came.
        len: usize,
    },
}

/// Options of a request or an OACK: pairs of name and value, checked to be whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options<'a>(&'a [u8]);

impl<'a> Options<'a> {
    /// Checks that the bytes are pairs of texts that end with NUL. Zeros behind the last pair are
    /// taken for padding, as some boot ROMs send their whole buffer.
    fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut rest = bytes;
        while rest.iter().any(|byte| *byte != 0) {
            let (_, after) = text(rest, "option's name")?;
            (_, rest) = text(after, "option's value")?;
        }
        Ok(Self(&bytes[..bytes.len() - rest.len()]))
    }

    /// The pairs, in their order. Names as they were written; their case has no meaning.
    pub fn iter(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let (name, after) = text(rest, "").ok()?;
            let (value, after) = text(after, "").ok()?;
            rest = after;
            Some((name, value))
        })
    }

    /// The value of the first option of that name, case ignored (RFC 2347).
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a [u8]> {
        self.iter().find(|(n, _)| n.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| value)
    }

    /// Whether there are no options.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Splits at the first NUL.
fn text<'a>(bytes: &'a [u8], what: &'static str) -> Result<(&'a [u8], &'a [u8]), Malformed> {
    let end = bytes.iter().position(|byte| *byte == 0).ok_or(Malformed::NoEnd(what))?;
    Ok((&bytes[..end], &bytes[end + 1..]))
}

impl<'a> Mode<'a> {
    fn parse(text: &'a [u8]) -> Self {
        if text.eq_ignore_ascii_case(b"octet") {
            Self::Octet
        } else if text.eq_ignore_ascii_case(b"netascii") {
            Self::Netascii
        } else if text.eq_ignore_ascii_case(b"mail") {
            Self::Mail
        } else {
            Self::Other(text)
        }
    }

    /// The mode's name as it is written into a request.
    #[must_use]
    pub fn as_bytes(&self) -> &'a [u8] {
        match self {
            Self::Octet => b"octet",
            Self::Netascii => b"netascii",
            Self::Mail => b"mail",
            Self::Other(text) => text,
        }
    }
}

impl<'a> Request<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        if bytes.len() + 2 > MAX_REQUEST {
            return Err(Malformed::Long { len: bytes.len() + 2 });
        }
        let (path, rest) = text(bytes, "path")?;
        if path.is_empty() {
            return Err(Malformed::NoPath);
        }
        let (mode, rest) = text(rest, "mode")?;
        Ok(Self { path, mode: Mode::parse(mode), options: Options::parse(rest)? })
    }
}

impl<'a> Packet<'a> {
    /// Reads one packet.
    ///
    /// # Errors
    /// [`Malformed`] says what is wrong with the bytes.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let short = Malformed::Short { len: bytes.len() };
        let (opcode, rest) = bytes.split_first_chunk::<2>().ok_or(short)?;
        let number = |rest: &'a [u8]| match rest.split_first_chunk::<2>() {
            Some((number, rest)) => Ok((u16::from_be_bytes(*number), rest)),
            None => Err(short),
        };
        match u16::from_be_bytes(*opcode) {
            RRQ => Ok(Self::Read(Request::parse(rest)?)),
            WRQ => Ok(Self::Write(Request::parse(rest)?)),
            DATA => {
                let (block, data) = number(rest)?;
                if data.len() > usize::from(MAX_BLKSIZE) {
                    return Err(Malformed::Block { len: data.len() });
                }
                Ok(Self::Data { block, data })
            }
            // Bytes behind the number are padding of short Ethernet frames by careless clients.
            ACK => Ok(Self::Ack { block: number(rest)?.0 }),
            ERROR => {
                let (code, rest) = number(rest)?;
                // A missing NUL is forgiven: the packet ends something anyhow.
                let end = rest.iter().position(|byte| *byte == 0).unwrap_or(rest.len());
                Ok(Self::Error { code: Code(code), message: &rest[..end] })
            }
            OACK => Ok(Self::OptionAck(Options::parse(rest)?)),
            other => Err(Malformed::Opcode(other)),
        }
    }
}

/// The four bytes in front of a block's content.
#[must_use]
pub const fn data_header(block: u16) -> [u8; HEADER] {
    let [high, low] = block.to_be_bytes();
    [0, DATA as u8, high, low]
}

/// An ACK packet.
#[must_use]
pub const fn ack(block: u16) -> [u8; HEADER] {
    let [high, low] = block.to_be_bytes();
    [0, ACK as u8, high, low]
}

/// An ERROR packet. NUL and control bytes of the message become `?`; it is cut at [`MAX_MESSAGE`] bytes.
#[must_use]
pub fn error(code: Code, message: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER + message.len().min(MAX_MESSAGE) + 1);
    out.extend(ERROR.to_be_bytes());
    out.extend(code.0.to_be_bytes());
    out.extend(
        message.bytes().take(MAX_MESSAGE).map(|byte| if byte.is_ascii_control() { b'?' } else { byte }),
    );
    out.push(0);
    out
}

/// An OACK packet with these options.
#[must_use]
pub fn option_ack(options: &[(&str, u64)]) -> Vec<u8> {
    let mut out = OACK.to_be_bytes().to_vec();
    for (name, value) in options {
        out.extend(name.as_bytes());
        out.push(0);
        out.extend(value.to_string().as_bytes());
        out.push(0);
    }
    out
}

/// What a transfer does, seen from the client as the requests are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// The client reads (RRQ); the server sends.
    Read,
    /// The client writes (WRQ); the server receives.
    Write,
}

/// A request packet in mode octet, as a client sends it.
#[must_use]
pub fn request(direction: Direction, path: &[u8], mode: Mode<'_>, options: &[(&str, u64)]) -> Vec<u8> {
    let opcode = if direction == Direction::Read { RRQ } else { WRQ };
    let mut out = opcode.to_be_bytes().to_vec();
    out.extend(path);
    out.push(0);
    out.extend(mode.as_bytes());
    out.push(0);
    // The tail of an OACK has the same form.
    out.extend(&option_ack(options)[2..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_request_of_u_boot() {
        let bytes = b"\0\x01dc:a6:32:01:02:03/part 1\0octet\0timeout\x005\0tsize\x000\0blksize\x001468\0windowsize\x008\0";
        let Ok(Packet::Read(request)) = Packet::parse(bytes) else { panic!("not a read request") };
        assert_eq!(request.path, b"dc:a6:32:01:02:03/part 1");
        assert_eq!(request.mode, Mode::Octet);
        let pairs: Vec<_> = request.options.iter().collect();
        let want: [(&[u8], &[u8]); 4] =
            [(b"timeout", b"5"), (b"tsize", b"0"), (b"blksize", b"1468"), (b"windowsize", b"8")];
        assert_eq!(pairs, want);
        assert_eq!(request.options.get("BLKSIZE"), Some(&b"1468"[..]));
        assert_eq!(request.options.get("utimeout"), None);
    }

    #[test]
    fn a_request_of_a_boot_rom_without_options() {
        let Ok(Packet::Read(request)) = Packet::parse(b"\0\x01bootcode.bin\0OcTeT\0") else { panic!() };
        assert_eq!((request.path, request.mode), (&b"bootcode.bin"[..], Mode::Octet));
        assert!(request.options.is_empty());
        // A buffer sent whole, with zeros behind the text.
        let Ok(Packet::Read(padded)) = Packet::parse(b"\0\x01a\0octet\0tsize\x000\0\0\0\0\0") else {
            panic!()
        };
        assert_eq!(padded.options.iter().count(), 1);
        assert_eq!(padded.options.get("tsize"), Some(&b"0"[..]));
    }

    #[test]
    fn modes_are_told_apart() {
        for (text, mode) in
            [(&b"netascii"[..], Mode::Netascii), (b"MAIL", Mode::Mail), (b"x", Mode::Other(b"x"))]
        {
            let bytes = [b"\0\x02f\0", text, b"\0"].concat();
            let Ok(Packet::Write(request)) = Packet::parse(&bytes) else { panic!() };
            assert_eq!(request.mode, mode);
        }
    }

    #[test]
    fn the_other_packets() {
        assert_eq!(Packet::parse(b"\0\x03\x01\x02ab"), Ok(Packet::Data { block: 0x102, data: b"ab" }));
        assert_eq!(Packet::parse(b"\0\x03\0\x01"), Ok(Packet::Data { block: 1, data: b"" }));
        assert_eq!(Packet::parse(b"\0\x04\xff\xff"), Ok(Packet::Ack { block: 65535 }));
        assert_eq!(Packet::parse(b"\0\x04\xff\xff\0\0"), Ok(Packet::Ack { block: 65535 }));
        let early = Packet::Error { code: Code(0), message: b"Early terminate" };
        assert_eq!(Packet::parse(b"\0\x05\0\0Early terminate\0"), Ok(early));
        assert_eq!(Packet::parse(b"\0\x05\0\0Early terminate"), Ok(early));
        let Ok(Packet::OptionAck(options)) = Packet::parse(b"\0\x06blksize\x001024\0") else { panic!() };
        assert_eq!(options.get("blksize"), Some(&b"1024"[..]));
    }

    #[test]
    fn what_is_no_packet() {
        let long = [b"\0\x01".to_vec(), vec![b'a'; MAX_REQUEST], b"\0octet\0".to_vec()].concat();
        let big = [b"\0\x03\0\x01".to_vec(), vec![0; usize::from(MAX_BLKSIZE) + 1]].concat();
        let cases: [(&[u8], Malformed); 12] = [
            (b"", Malformed::Short { len: 0 }),
            (b"\0", Malformed::Short { len: 1 }),
            (b"\0\0", Malformed::Opcode(0)),
            (b"\0\x07", Malformed::Opcode(7)),
            (b"\0\x03\0", Malformed::Short { len: 3 }),
            (b"\0\x04\0", Malformed::Short { len: 3 }),
            (b"\0\x01", Malformed::NoEnd("path")),
            (b"\0\x01\0octet\0", Malformed::NoPath),
            (b"\0\x01a\0octet", Malformed::NoEnd("mode")),
            (b"\0\x01a\0octet\0blksize\0", Malformed::NoEnd("option's value")),
            (&long, Malformed::Long { len: long.len() }),
            (&big, Malformed::Block { len: 65465 }),
        ];
        for (bytes, want) in cases {
            assert_eq!(Packet::parse(bytes), Err(want), "{bytes:?}");
        }
        assert_eq!(Packet::parse(b"\0\x01a\0octet\0blksize"), Err(Malformed::NoEnd("option's name")));
    }

    #[test]
    fn what_is_written() {
        assert_eq!(data_header(0x1234), [0, 3, 0x12, 0x34]);
        assert_eq!(ack(65535), [0, 4, 0xff, 0xff]);
        assert_eq!(error(Code::NOT_FOUND, "no\0pe\n"), b"\0\x05\0\x01no?pe?\0");
        assert_eq!(option_ack(&[("blksize", 1468), ("tsize", 7)]), b"\0\x06blksize\x001468\0tsize\x007\0");
        assert_eq!(
            request(Direction::Write, b"f", Mode::Octet, &[("tsize", 4)]),
            b"\0\x02f\0octet\0tsize\x004\0"
        );
        assert_eq!(error(Code(3), &"x".repeat(999)).len(), 4 + MAX_MESSAGE + 1);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            if let Ok(Packet::Read(request) | Packet::Write(request)) = Packet::parse(&bytes) {
                let _ = request.options.iter().count();
            }
        }

        #[test]
        fn nearly_right_requests_dont_panic(opcode in 0u8..8, tail in "[a-z0-9\\x00]{0,80}") {
            let bytes = [&[0, opcode], tail.as_bytes()].concat();
            if let Ok(Packet::Read(request) | Packet::Write(request)) = Packet::parse(&bytes) {
                let _ = request.options.iter().count();
            }
        }

        #[test]
        fn a_request_is_read_as_it_was_written(
            path in "[^\\x00]{1,100}", mode in "[a-z]{1,9}",
            options in proptest::collection::vec(("[a-z]{1,12}", any::<u64>()), 0..6), write: bool,
        ) {
            let direction = if write { Direction::Write } else { Direction::Read };
            let pairs: Vec<_> = options.iter().map(|(name, value)| (name.as_str(), *value)).collect();
            let bytes = request(direction, path.as_bytes(), Mode::parse(mode.as_bytes()), &pairs);
            prop_assume!(bytes.len() <= MAX_REQUEST);
            let read = match Packet::parse(&bytes) {
                Ok(Packet::Read(request)) if !write => request,
                Ok(Packet::Write(request)) if write => request,
                other => return Err(TestCaseError::fail(format!("{other:?}"))),
            };
            prop_assert_eq!(read.path, path.as_bytes());
            prop_assert_eq!(read.mode, Mode::parse(mode.as_bytes()));
            let again: Vec<_> = read.options.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
            let want: Vec<_> =
                pairs.iter().map(|(n, v)| (n.as_bytes().to_vec(), v.to_string().into_bytes())).collect();
            prop_assert_eq!(again, want);
        }

        #[test]
        fn data_acks_and_errors_come_back(block: u16, code: u16, data: Vec<u8>, message in "[ -~]{0,200}") {
            let bytes = [&data_header(block)[..], &data].concat();
            prop_assert_eq!(Packet::parse(&bytes), Ok(Packet::Data { block, data: &data }));
            let bytes = ack(block);
            prop_assert_eq!(Packet::parse(&bytes), Ok(Packet::Ack { block }));
            let bytes = error(Code(code), &message);
            prop_assert_eq!(Packet::parse(&bytes), Ok(Packet::Error { code: Code(code), message: message.as_bytes() }));
        }
    }
}
