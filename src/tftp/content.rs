//! Kinds of content: bytes in memory, a file, a range of an image.

use std::fs::File;
use std::io;
use std::sync::Arc;

use super::source::{Content, Got, Stretch};
use crate::image::read_at::ReadAt;

/// Bytes in memory.
#[derive(Debug, Clone)]
pub struct Memory(Arc<[u8]>);

impl Memory {
    /// Serves these bytes.
    #[must_use]
    pub fn new(bytes: impl Into<Arc<[u8]>>) -> Self {
        Self(bytes.into())
    }
}

impl Content for Memory {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&mut self, buf: &mut [u8], offset: u64) -> io::Result<Got> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(self.0.len());
        let count = buf.len().min(self.0.len() - start);
        buf[..count].copy_from_slice(&self.0[start..start + count]);
        Ok(Got::Bytes(count))
    }
}

/// A file as it was long when it was opened. It is read, not mapped: a file that shrinks under a map
/// ends the process by SIGBUS, while a short read ends one transfer.
#[derive(Debug)]
pub struct WholeFile {
    file: File,
    len: u64,
}

impl WholeFile {
    /// Serves an open regular file.
    ///
    /// # Errors
    /// Where its length can't be found.
    pub fn new(file: File) -> io::Result<Self> {
        let len = file.metadata()?.len();
        Ok(Self { file, len })
    }
}

impl Content for WholeFile {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&mut self, buf: &mut [u8], offset: u64) -> io::Result<Got> {
        let most = usize::try_from(self.len.saturating_sub(offset)).unwrap_or(usize::MAX).min(buf.len());
        Ok(Got::Bytes(ReadAt::read_at(&self.file, &mut buf[..most], offset)?))
    }
}

/// A range of an image, followed by zeros up to a padded length.
pub struct RangeContent {
    image: Arc<dyn ReadAt>,
    start: u64,
    real: u64,
    padded: u64,
    /// The most that [`ReadAt::available`] has said so far.
    seen: u64,
    failure: Option<Failure>,
}

/// Says why bytes that aren't there yet will never come, once that is known.
pub type Failure = Box<dyn Fn() -> Option<String> + Send>;

impl RangeContent {
    /// Serves `len` bytes from `start`, and zeros behind them until there are `padded` bytes (for a last sector
    /// that isn't full). A `padded` below `len` adds nothing.
    #[must_use]
    pub fn new(image: Arc<dyn ReadAt>, start: u64, len: u64, padded: u64) -> Self {
        let seen = image.available();
        Self { image, start, real: len, padded: padded.max(len), seen, failure: None }
    }

    /// While bytes aren't there, asks `failure` whether they will ever come (decompression may have failed).
    #[must_use]
    pub fn failing(mut self, failure: Failure) -> Self {
        self.failure = Some(failure);
        self
    }
}

impl Content for RangeContent {
    fn len(&self) -> u64 {
        self.padded
    }

    fn read_at(&mut self, buf: &mut [u8], offset: u64) -> io::Result<Got> {
        let upto =
            |end: u64| usize::try_from(end.saturating_sub(offset)).unwrap_or(usize::MAX).min(buf.len());
        let (real, all) = (upto(self.real), upto(self.padded));
        if real == 0 {
            buf[..all].fill(0);
            return Ok(Got::Bytes(all));
        }
        let at = self.start + offset;
        let available = self.image.available();
        if available < self.seen {
            let message = format!("the image has shrunk from {} to {available} bytes", self.seen);
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message));
        }
        self.seen = available;
        // Only as much as can be had without waiting for the decompressor.
        let now = usize::try_from(available.saturating_sub(at)).unwrap_or(usize::MAX).min(real);
        if now == 0 {
            return match self.failure.as_ref().and_then(|failure| failure()) {
                Some(message) => Err(io::Error::new(io::ErrorKind::InvalidData, message)),
                None => Ok(Got::NotYet),
            };
        }
        Ok(Got::Bytes(self.image.read_at(&mut buf[..now], at)?))
    }

    fn stretch(&self) -> Option<Stretch> {
        Some(Stretch { start: self.start, len: self.real, padded: self.padded })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    fn all(content: &mut dyn Content, step: usize) -> Vec<u8> {
        let mut out = Vec::new();
        let mut buf = vec![0xee; step];
        loop {
            match content.read_at(&mut buf, out.len() as u64).unwrap() {
                Got::Bytes(0) => return out,
                Got::Bytes(n) => out.extend(&buf[..n]),
                Got::NotYet => panic!("everything is there"),
            }
        }
    }

    #[test]
    fn a_range_is_padded_with_zeros() {
        let image: Arc<dyn ReadAt> = Arc::new((0..100u8).collect::<Vec<_>>());
        let mut range = RangeContent::new(image.clone(), 90, 10, 16);
        assert_eq!(range.len(), 16);
        assert_eq!(all(&mut range, 7), [90, 91, 92, 93, 94, 95, 96, 97, 98, 99, 0, 0, 0, 0, 0, 0]);
        assert_eq!(all(&mut RangeContent::new(image.clone(), 5, 3, 0), 64), [5, 6, 7]);
        assert_eq!(all(&mut RangeContent::new(image, 5, 0, 0), 64), Vec::<u8>::new());
    }

    struct Growing(Vec<u8>, AtomicU64);

    impl ReadAt for Growing {
        fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
            assert!(offset + buf.len() as u64 <= self.available(), "this read would wait");
            self.0.read_at(buf, offset)
        }
        fn size(&self) -> io::Result<u64> {
            panic!("this would wait")
        }
        fn available(&self) -> u64 {
            self.1.load(Ordering::SeqCst)
        }
    }

    #[test]
    fn a_range_never_waits() {
        let image = Arc::new(Growing(vec![7; 100], AtomicU64::new(0)));
        let mut range = RangeContent::new(image.clone(), 10, 50, 50);
        let mut buf = [0; 64];
        assert_eq!(range.read_at(&mut buf, 0).unwrap(), Got::NotYet);
        image.1.store(15, Ordering::SeqCst);
        assert_eq!(range.read_at(&mut buf, 0).unwrap(), Got::Bytes(5));
        assert_eq!(range.read_at(&mut buf, 5).unwrap(), Got::NotYet);
        image.1.store(100, Ordering::SeqCst);
        assert_eq!(range.read_at(&mut buf, 5).unwrap(), Got::Bytes(45));
    }

    #[test]
    fn a_file_that_shrinks_reads_short() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(100).unwrap();
        let mut content = WholeFile::new(file.try_clone().unwrap()).unwrap();
        file.set_len(30).unwrap();
        let mut buf = [1; 64];
        assert_eq!(content.read_at(&mut buf, 0).unwrap(), Got::Bytes(30));
        assert_eq!(content.read_at(&mut buf, 30).unwrap(), Got::Bytes(0));
        file.set_len(500).unwrap();
        assert_eq!(content.read_at(&mut buf, 90).unwrap(), Got::Bytes(10));
    }

    #[test]
    fn an_image_that_fails_or_shrinks_ends_the_reading() {
        let image = Arc::new(Growing(vec![7; 100], AtomicU64::new(20)));
        let broken = Box::new(|| Some("block 3 is damaged".to_owned()));
        let mut range = RangeContent::new(image.clone(), 0, 100, 100).failing(broken);
        let mut buf = [0; 64];
        assert_eq!(range.read_at(&mut buf, 10).unwrap(), Got::Bytes(10));
        assert_eq!(range.read_at(&mut buf, 20).unwrap_err().to_string(), "block 3 is damaged");
        image.1.store(5, Ordering::SeqCst);
        assert!(range.read_at(&mut buf, 10).unwrap_err().to_string().contains("shrunk from 20 to 5"));
    }

    #[test]
    fn memory_reads_anywhere() {
        let mut memory = Memory::new(*b"hello");
        assert_eq!(all(&mut memory, 2), b"hello");
        assert_eq!(memory.read_at(&mut [0; 4], u64::MAX).unwrap(), Got::Bytes(0));
    }
}
