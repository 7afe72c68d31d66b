//! Reading a block device, or a file, from its storage and not from the kernel's page cache.
//!
//! What was just written is still in the page cache; reading that back proves nothing about the card. So the
//! device is read with `O_DIRECT`. Where that isn't possible (some file systems, an offset that isn't
//! aligned), what was written is flushed and the cache dropped before the bytes are read.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use rustix::fs::{Advice, Mode, OFlags};

use super::aligned::Aligned;
use super::error::Error;
use super::read_at::ReadAt;
use crate::beneath::READ;

/// How much is read at once; a card reader is slow with less.
const BUFFER: usize = 2 << 20;
/// How many buffers there are.
const BUFFERS: usize = 3;
/// A device opened for being compared.
#[derive(Debug)]
pub struct Device {
    path: PathBuf,
    file: File,
    direct: bool,
    /// Length in bytes.
    pub len: u64,
}

impl Device {
    /// Opens a block device or a regular file, past the page cache.
    ///
    /// # Errors
    /// [`Error::Os`]; [`Error::NotAnImage`] for a directory, a pipe or a character device.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let opening = |error: io::Error| Error::os(path, "opening", error);
        let direct = rustix::fs::open(path, READ | OFlags::DIRECT, Mode::empty());
        let (file, direct) = match direct {
            Ok(fd) => (File::from(fd), true),
            Err(rustix::io::Errno::INVAL) => (
                File::from(
                    rustix::fs::open(path, READ, Mode::empty()).map_err(|errno| opening(errno.into()))?,
                ),
                false,
            ),
            Err(error) => return Err(opening(error.into())),
        };
        let kind = file.metadata().map_err(opening)?.file_type();
        if !kind.is_file() && !std::os::unix::fs::FileTypeExt::is_block_device(&kind) {
            return Err(Error::NotAnImage {
                path: path.to_owned(),
                what: "this is neither a block device nor a file".into(),
                hint: "give the card's whole device, like /dev/sdb or /dev/mmcblk0".into(),
            });
        }
        let len = file.size().map_err(|error| Error::os(path, "asking for its size", error))?;
        Ok(Self { path: path.to_owned(), file, direct, len })
    }

    /// The path as it was given.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads it in order from `offset` on, ahead of the reader, in a thread of its own.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn read_from(mut self, offset: u64) -> Result<DeviceReader, Error> {
        let path = self.path.clone();
        let (to, full) = sync_channel(BUFFERS);
        let (used, empty) = sync_channel(BUFFERS);
        std::thread::Builder::new()
            .name("device-read".into())
            .spawn(move || self.pump(offset, &to, &empty))
            .map_err(|error| Error::os(&path, "starting a thread", error))?;
        Ok(DeviceReader { full, used, current: None, at: 0, ended: false })
    }

    fn pump(&mut self, offset: u64, to: &SyncSender<io::Result<Buffer>>, empty: &Receiver<Buffer>) {
        if !self.direct {
            self.drop_cache();
        }
        let mut fresh = BUFFERS;
        let mut at = offset;
        loop {
            let mut buffer = if fresh > 0 {
                fresh -= 1;
                Buffer::new()
            } else {
                match empty.recv() {
                    Ok(buffer) => buffer,
                    Err(_) => return,
                }
            };
            let result = self.fill(&mut buffer, at);
            let last = !matches!(result, Ok(count) if count > 0);
            at += *result.as_ref().unwrap_or(&0) as u64;
            if to.send(result.map(|_| buffer)).is_err() || last {
                return;
            }
        }
    }

    fn fill(&mut self, buffer: &mut Buffer, at: u64) -> io::Result<usize> {
        if at >= self.len {
            // Behind the end, which is seldom aligned, O_DIRECT may refuse instead of giving nothing.
            buffer.len = 0;
            return Ok(0);
        }
        let result = read_once(&self.file, &mut buffer.space, at);
        let result = match result {
            // Not aligned well enough for this device after all.
            Err(error)
                if self.direct && error.raw_os_error() == Some(rustix::io::Errno::INVAL.raw_os_error()) =>
            {
                self.file = File::open(&self.path)?;
                self.direct = false;
                self.drop_cache();
                read_once(&self.file, &mut buffer.space, at)
            }
            other => other,
        };
        buffer.len = *result.as_ref().unwrap_or(&0);
        result
    }

    fn drop_cache(&self) {
        // Best effort: a device that can't be flushed has nothing of ours to flush, and the advice is one.
        let _ = rustix::fs::fdatasync(&self.file);
        let _ = rustix::fs::fadvise(&self.file, 0, None, Advice::DontNeed);
    }
}

/// One read that isn't interrupted. Not until the buffer is full: a second read could start anywhere.
fn read_once(file: &File, buf: &mut [u8], at: u64) -> io::Result<usize> {
    loop {
        match std::os::unix::fs::FileExt::read_at(file, buf, at) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// What was read at once.
struct Buffer {
    space: Aligned,
    len: usize,
}

impl Buffer {
    fn new() -> Self {
        Self { space: Aligned::new(BUFFER), len: 0 }
    }
}

/// The device's bytes in order.
pub struct DeviceReader {
    full: Receiver<io::Result<Buffer>>,
    used: SyncSender<Buffer>,
    current: Option<Buffer>,
    at: usize,
    ended: bool,
}

impl Read for DeviceReader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while !self.ended && self.current.as_ref().is_none_or(|buffer| self.at == buffer.len) {
            if let Some(buffer) = self.current.take() {
                // The other side may have come to its end.
                let _ = self.used.send(buffer);
            }
            self.at = 0;
            match self.full.recv() {
                Ok(Ok(buffer)) => {
                    self.ended = buffer.len == 0;
                    self.current = Some(buffer);
                }
                Ok(Err(error)) => {
                    self.ended = true;
                    return Err(error);
                }
                Err(_) => self.ended = true,
            }
        }
        let Some(buffer) = self.current.as_ref().filter(|_| !self.ended) else { return Ok(0) };
        let count = buf.len().min(buffer.len - self.at);
        buf[..count].copy_from_slice(&buffer.space[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_file_is_read_from_any_offset_to_its_end() {
        let bytes: Vec<u8> = (0..BUFFER * 4 + 1234).map(|n| (n / 3 % 253) as u8).collect();
        // Not in /tmp, which may not know O_DIRECT; both ways have to give the same.
        for dir in ["/var/tmp", "/dev/shm"] {
            let mut file = tempfile::NamedTempFile::new_in(dir).unwrap();
            file.write_all(&bytes).unwrap();
            for offset in [0, 1, 512, 4096, BUFFER * 4 + 1233, BUFFER * 5] {
                let device = Device::open(file.path()).unwrap();
                assert_eq!(device.len, bytes.len() as u64);
                let mut back = Vec::new();
                device.read_from(offset as u64).unwrap().read_to_end(&mut back).unwrap();
                assert!(back == bytes[offset.min(bytes.len())..], "{dir} {offset}");
            }
        }
    }

    #[test]
    fn what_is_no_storage_is_refused() {
        assert!(matches!(Device::open(Path::new("/dev/null")), Err(Error::NotAnImage { .. })));
        assert!(matches!(Device::open(Path::new("/")), Err(Error::NotAnImage { .. })));
        assert!(matches!(Device::open(Path::new("/nonexistent")), Err(Error::Os { .. })));
    }

    #[test]
    fn a_reader_that_is_dropped_early_ends_the_thread() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&vec![1; BUFFER * 6]).unwrap();
        let mut reader = Device::open(file.path()).unwrap().read_from(0).unwrap();
        assert_eq!(reader.read(&mut [0; 10]).unwrap(), 10);
        drop(reader);
    }
}
