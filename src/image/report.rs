//! What a board reported about a flash, as a file: our own record, or what cards of the original kind upload.

use std::io::Read;
use std::path::Path;

use super::error::Error;

/// The original writes an image without its first 4 MiB, and counts what it wrote.
const ORIGINAL_SKIP: u64 = 4 << 20;
/// No record is larger than this.
const MOST_BYTES: u64 = 64 << 20;

/// A report file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// Four bytes: how many bytes a card of the original kind says that it wrote, modulo 2^32.
    Count(u32),
    /// A JSON object: the record of a run.
    Record(Vec<u8>),
}

impl Report {
    /// Reads a report; which kind it is, is seen by its content.
    ///
    /// # Errors
    /// [`Error::Os`], [`Error::BadRecord`].
    pub fn read(path: &Path) -> Result<Self, Error> {
        let file = std::fs::File::open(path).map_err(|error| Error::os(path, "opening", error))?;
        let mut bytes = Vec::new();
        file.take(MOST_BYTES).read_to_end(&mut bytes).map_err(|error| Error::os(path, "reading", error))?;
        if let Ok(count) = <[u8; 4]>::try_from(bytes.as_slice()) {
            return Ok(Self::Count(u32::from_le_bytes(count)));
        }
        if bytes.trim_ascii_start().starts_with(b"{") {
            return Ok(Self::Record(bytes));
        }
        Err(Error::BadRecord {
            path: path.to_owned(),
            what: format!(
                "no report: neither a record in JSON nor the 4 bytes of a card of the original kind, but {} bytes",
                bytes.len()
            ),
        })
    }
}

/// What a count of bytes says about an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CountSays {
    /// It is what writing the whole image gives.
    Matches,
    /// It is what is left when the last bytes, which fill no whole block, are dropped: the original does
    /// that, and then they are not on the card.
    TailDropped {
        /// How many bytes are missing.
        bytes: u64,
    },
    /// Something else was written.
    Differs {
        /// The count that the whole image gives, modulo 2^32.
        expected: u32,
    },
}

/// Compares a count with an image of `raw_len` bytes, modulo 2^32 as the board counts.
#[must_use]
pub fn judge_count(count: u32, raw_len: u64) -> CountSays {
    let counted = |len: u64| len.wrapping_sub(ORIGINAL_SKIP) as u32;
    let tail = raw_len % 512;
    if count == counted(raw_len) {
        CountSays::Matches
    } else if tail > 0 && count == counted(raw_len - tail) {
        CountSays::TailDropped { bytes: tail }
    } else {
        CountSays::Differs { expected: counted(raw_len) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Report, Error> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("OK");
        std::fs::write(&path, bytes).unwrap();
        Report::read(&path)
    }

    #[test]
    fn four_bytes_are_a_count_and_braces_a_record() {
        // What the original's card uploads after an image of 50 MiB: 0x02e00000.
        assert_eq!(read(&[0x00, 0x00, 0xe0, 0x02]).unwrap(), Report::Count(0x02e0_0000));
        assert_eq!(judge_count(0x02e0_0000, 50 << 20), CountSays::Matches);
        assert!(matches!(read(b" {\"schema\": 1}").unwrap(), Report::Record(_)));
        for bytes in [&b""[..], b"123", b"12345"] {
            let error = read(bytes).unwrap_err().to_string();
            assert!(error.ends_with(&format!("but {} bytes", bytes.len())), "{error}");
        }
    }

    #[test]
    fn counts_wrap_at_four_gib() {
        let five_gib = 5 << 30;
        assert_eq!(judge_count((1 << 30) - (4 << 20), five_gib), CountSays::Matches);
        assert_eq!(judge_count(0, five_gib), CountSays::Differs { expected: (1 << 30) - (4 << 20) });
        assert_eq!(judge_count((1u32 << 20).wrapping_sub(4 << 20), 1 << 20), CountSays::Matches);
        assert_eq!(judge_count(1 << 20, (5 << 20) + 100), CountSays::TailDropped { bytes: 100 });
    }
}
