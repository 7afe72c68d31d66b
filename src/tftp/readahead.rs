//! The buffer in front of a transfer's content: one read for many blocks.

use std::io;

use super::options::Agreed;
use super::source::{Content, Got};

/// How much is read at once, roughly: large enough that the reads cost nothing beside the sending, small enough
/// that hundreds of transfers fit into a few MiB.
const AIM: u64 = 64 << 10;

/// A stretch of content in memory.
pub(super) struct ReadAhead {
    buf: Vec<u8>,
    start: u64,
    len: usize,
}

/// How many bytes a transfer should get, and how many it needs at least, which is a window.
pub(super) fn sizes(agreed: &Agreed, content: u64) -> (usize, usize) {
    let window = u64::from(agreed.blksize) * u64::from(agreed.windowsize);
    // Whole windows, so that no block is read twice because it straddles the end of the buffer.
    let whole = window * (AIM / window).max(1);
    let cap = |bytes: u64| usize::try_from(bytes.min(content)).unwrap_or(usize::MAX);
    (cap(whole), cap(window))
}

impl ReadAhead {
    pub(super) fn new(bytes: usize) -> Self {
        Self { buf: vec![0; bytes], start: 0, len: 0 }
    }

    /// Bytes of memory that it takes.
    pub(super) fn memory(&self) -> usize {
        self.buf.len()
    }

    /// Gets `want` bytes from `offset` into memory; they must lie within the content and fit the buffer.
    /// Gives how many are there: fewer where the rest isn't there yet.
    pub(super) fn fill(&mut self, content: &mut dyn Content, offset: u64, want: usize) -> io::Result<usize> {
        if let Some(have) = self.from(offset)
            && have >= want
        {
            return Ok(want);
        }
        self.start = offset;
        self.len = 0;
        let whole = content.len();
        let room = usize::try_from(whole.saturating_sub(offset)).unwrap_or(usize::MAX);
        let room = room.min(self.buf.len());
        // A read that gives part of it goes on only as far as this call needs.
        while self.len < want.min(room) {
            match content.read_at(&mut self.buf[self.len..room], offset + self.len as u64)? {
                Got::NotYet => break,
                Got::Bytes(0) => {
                    let end = offset + self.len as u64;
                    let message = format!("the content ends at byte {end} of {whole}: it has shrunk");
                    return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message));
                }
                Got::Bytes(count) => self.len += count,
            }
        }
        Ok(self.len.min(want))
    }

    /// How many bytes from `offset` are in memory.
    fn from(&self, offset: u64) -> Option<usize> {
        let skip = usize::try_from(offset.checked_sub(self.start)?).ok()?;
        self.len.checked_sub(skip)
    }

    /// Bytes that [`ReadAhead::fill`] has put there.
    pub(super) fn bytes(&self, offset: u64, len: usize) -> &[u8] {
        let at = (offset - self.start) as usize;
        &self.buf[at..at + len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tftp::content::Memory;
    use crate::tftp::options::{Policy, Wanted};

    struct Dribble(Vec<u8>, usize);

    impl Content for Dribble {
        fn len(&self) -> u64 {
            100
        }
        fn read_at(&mut self, buf: &mut [u8], offset: u64) -> io::Result<Got> {
            let (there, at) = (self.1.min(self.0.len()), offset as usize);
            if at >= self.1 {
                return Ok(if at >= self.0.len() { Got::Bytes(0) } else { Got::NotYet });
            }
            let count = buf.len().min(there - at).min(3);
            buf[..count].copy_from_slice(&self.0[at..at + count]);
            Ok(Got::Bytes(count))
        }
    }

    #[test]
    fn reads_once_and_goes_back() {
        let mut content = Memory::new((0..100).collect::<Vec<u8>>());
        let mut ahead = ReadAhead::new(40);
        assert_eq!(ahead.fill(&mut content, 0, 10).unwrap(), 10);
        assert_eq!(ahead.fill(&mut content, 30, 10).unwrap(), 10);
        assert_eq!(ahead.start, 0, "what is in memory isn't read again");
        assert_eq!(ahead.fill(&mut content, 35, 10).unwrap(), 10);
        assert_eq!((ahead.start, ahead.bytes(35, 3)), (35, &[35, 36, 37][..]));
        assert_eq!(ahead.fill(&mut content, 5, 10).unwrap(), 10);
        assert_eq!(ahead.bytes(7, 2), [7, 8]);
        assert_eq!(ahead.fill(&mut content, 100, 0).unwrap(), 0);
        assert!(ahead.bytes(100, 0).is_empty());
    }

    #[test]
    fn waits_for_what_is_not_there_and_fails_where_it_ends() {
        let mut content = Dribble((0..50).collect(), 20);
        let mut ahead = ReadAhead::new(40);
        assert_eq!(ahead.fill(&mut content, 10, 16).unwrap(), 10);
        content.1 = 50;
        assert_eq!(ahead.fill(&mut content, 10, 16).unwrap(), 16);
        assert_eq!(ahead.bytes(10, 16), &(10..26).collect::<Vec<u8>>());
        let error = ahead.fill(&mut content, 40, 16).unwrap_err();
        assert_eq!(error.to_string(), "the content ends at byte 50 of 100: it has shrunk");
    }

    #[test]
    fn holds_whole_windows() {
        let agreed = |blksize, windowsize| {
            let wanted = Wanted { blksize: Some(blksize), windowsize: Some(windowsize), ..Wanted::default() };
            let policy = Policy { max_blksize: 65464, ..Policy::default() };
            Agreed::new(&wanted, None, &policy)
        };
        assert_eq!(sizes(&agreed(1468, 1), 1 << 30), (44 * 1468, 1468));
        assert_eq!(sizes(&agreed(1468, 16), 1 << 30), (2 * 16 * 1468, 16 * 1468));
        assert_eq!(sizes(&agreed(65464, 4), 1 << 30), (4 * 65464, 4 * 65464));
        assert_eq!(sizes(&agreed(1468, 16), 10), (10, 10));
        assert_eq!(sizes(&agreed(1468, 1), 0), (0, 0));
    }
}
