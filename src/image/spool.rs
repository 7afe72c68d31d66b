//! Where the bytes of a compressed image are kept while they are needed: a temporary file without a name.
//!
//! Why a file. A board that lost a packet asks again for what it had; boards that started at different
//! times are at different places; and a part is read back and compared after it was written. All of that
//! is random access, which a stream of compressed data doesn't give, and decompressing once a board would
//! be slower than any of them. Keeping the whole image in memory would need as much memory as the card has.
//! A file costs neither: the kernel keeps in memory what is in use and writes the rest to disk, and blocks
//! of zeros, of which images are full, take no room. It has no name, so nothing is left behind whatever
//! happens to the process.
//!
//! Where. The directory that the user gives, else `$TMPDIR`, else /var/tmp: /tmp is memory on many systems.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use rustix::fs::{Mode, OFlags};

use super::error::Error;
use super::read_at::ReadAt;
use crate::stop::Stop;

/// Zeros are left out in units of this: the block size of every common file system.
const HOLE: usize = 4096;

/// The directory for temporary files of the size of an image.
#[must_use]
pub fn default_dir() -> PathBuf {
    match std::env::var_os("TMPDIR") {
        Some(dir) if !dir.is_empty() => dir.into(),
        _ => "/var/tmp".into(),
    }
}

/// An unlinked temporary file in `dir`, or in [`default_dir`].
pub(super) fn unnamed_file(dir: Option<&Path>) -> Result<(File, PathBuf), Error> {
    let dir = dir.map_or_else(default_dir, Path::to_owned);
    let file = tempfile::tempfile_in(&dir)
        .map_err(|error| Error::os(&dir, "creating the spool for the unpacked image", error))?;
    Ok((file, dir))
}

/// The file, and how far it is filled. One thread fills it, any number read.
#[derive(Debug)]
pub(super) struct Spool {
    file: File,
    dir: PathBuf,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    available: u64,
    /// The length that the compressed file tells before everything is unpacked.
    declared: Option<u64>,
    end: Option<Result<(), Error>>,
    /// What is odd about the file, though nothing is wrong.
    note: Option<String>,
}

impl Spool {
    pub(super) fn new(dir: Option<&Path>) -> Result<Self, Error> {
        let (file, dir) = unnamed_file(dir)?;
        Ok(Self { file, dir, state: Mutex::default(), changed: Condvar::new() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The state is always consistent: nothing in this file panics while it holds the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends bytes at `offset`, which is where the last call ended.
    pub(super) fn append(&self, bytes: &[u8], offset: u64) -> Result<(), Error> {
        let failed = |error| Error::os(&self.dir, "writing the spool for the unpacked image", error);
        for (start, run) in runs_with_data(bytes) {
            self.file.write_all_at(run, offset + start as u64).map_err(failed)?;
        }
        self.state().available = offset + bytes.len() as u64;
        self.changed.notify_all();
        Ok(())
    }

    /// Writes over bytes that were appended.
    pub(super) fn overwrite(&self, bytes: &[u8], offset: u64) -> Result<(), Error> {
        let failed = |error| Error::os(&self.dir, "writing the spool for the unpacked image", error);
        self.file.write_all_at(bytes, offset).map_err(failed)
    }

    /// The file once more, for reading only.
    pub(super) fn reopened(&self) -> io::Result<OwnedFd> {
        let itself = format!("/proc/self/fd/{}", self.file.as_raw_fd());
        Ok(rustix::fs::open(itself, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?)
    }

    /// Tells the length that stands in the compressed file.
    pub(super) fn declare(&self, len: u64) {
        self.state().declared = Some(len);
        self.changed.notify_all();
    }

    /// Ends the filling, well or not. The first end counts.
    pub(super) fn finish(&self, end: Result<(), Error>) {
        self.state().end.get_or_insert(end);
        self.changed.notify_all();
    }

    /// Says what is odd about the file.
    pub(super) fn remark(&self, note: String) {
        self.state().note = Some(note);
    }

    /// What is odd about the file, as far as it was read.
    pub(super) fn note(&self) -> Option<String> {
        self.state().note.clone()
    }

    /// How many bytes there are in all, if that is known.
    pub(super) fn known_len(&self) -> Option<u64> {
        let state = self.state();
        match &state.end {
            Some(Ok(())) => Some(state.available),
            Some(Err(_)) => None,
            None => state.declared,
        }
    }

    /// How many bytes are in it.
    pub(super) fn available(&self) -> u64 {
        self.state().available
    }

    /// Whether everything is in it.
    pub(super) fn is_whole(&self) -> bool {
        matches!(self.state().end, Some(Ok(())))
    }

    /// The length that stands in the compressed file, if it told.
    pub(super) fn declared(&self) -> Option<u64> {
        self.state().declared
    }
}

/// Runs of bytes in which not every block is zero, with where they start.
pub(super) fn runs_with_data(bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let block = |at: usize| &bytes[at..(at + HOLE).min(bytes.len())];
        while at < bytes.len() && is_zero(block(at)) {
            at += HOLE;
        }
        let start = at;
        while at < bytes.len() && !is_zero(block(at)) {
            at += HOLE;
        }
        (start < bytes.len()).then(|| (start, &bytes[start..at.min(bytes.len())]))
    })
}

/// Whether all bytes are zero.
pub(super) fn is_zero(bytes: &[u8]) -> bool {
    static ZEROS: [u8; HOLE] = [0; HOLE];
    // Comparing slices is a memcmp, which is fast in a debug build too.
    bytes.chunks(HOLE).all(|block| *block == ZEROS[..block.len()])
}

/// What readers hold. When the last of them is gone, the work behind it stops.
#[derive(Debug)]
pub(super) struct SpoolReader {
    pub(super) spool: Arc<Spool>,
    pub(super) abandoned: Stop,
}

impl Drop for SpoolReader {
    fn drop(&mut self) {
        self.abandoned.set();
    }
}

impl ReadAt for SpoolReader {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let spool = &*self.spool;
        let wanted = offset.saturating_add(buf.len() as u64);
        let mut state = spool.state();
        while state.available < wanted {
            match &state.end {
                None => state = spool.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(Ok(())) => break,
                Some(Err(error)) => return Err(error.clone().into()),
            }
        }
        let count = state.available.saturating_sub(offset).min(buf.len() as u64) as usize;
        drop(state);
        let buf = &mut buf[..count];
        let got = ReadAt::read_at(&spool.file, buf, offset)?;
        // Zeros at the very end were never written, so the file may be shorter than the image.
        buf[got..].fill(0);
        Ok(count)
    }

    fn size(&self) -> io::Result<u64> {
        let spool = &*self.spool;
        let mut state = spool.state();
        loop {
            match (&state.end, state.declared) {
                (Some(Ok(())), _) => return Ok(state.available),
                (Some(Err(error)), _) => return Err(error.clone().into()),
                (None, Some(declared)) => return Ok(declared),
                (None, None) => state = spool.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    fn available(&self) -> u64 {
        self.spool.state().available
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    fn reader() -> SpoolReader {
        SpoolReader { spool: Arc::new(Spool::new(None).unwrap()), abandoned: Stop::new().unwrap() }
    }

    #[test]
    fn zeros_take_no_room_and_read_as_zeros() {
        let reader = reader();
        let mut bytes = vec![0u8; 1 << 20];
        bytes[HOLE * 3 + 5] = 7;
        reader.spool.append(&bytes, 0).unwrap();
        reader.spool.append(&vec![0; 5000], 1 << 20).unwrap();
        reader.spool.finish(Ok(()));
        let mut back = vec![1u8; (1 << 20) + 9000];
        assert_eq!(reader.read_at(&mut back, 0).unwrap(), (1 << 20) + 5000);
        assert_eq!(back[..1 << 20], bytes);
        assert!(is_zero(&back[1 << 20..(1 << 20) + 5000]));
        assert_eq!(reader.read_at(&mut back, u64::MAX).unwrap(), 0);
        assert!(reader.spool.file.metadata().unwrap().blocks() * 512 <= 64 << 10);
        assert_eq!((reader.size().unwrap(), reader.available()), ((1 << 20) + 5000, (1 << 20) + 5000));
    }

    #[test]
    fn readers_wait_and_all_of_them_hear_of_the_end() {
        let reader = Arc::new(reader());
        reader.spool.append(b"abc", 0).unwrap();
        assert_eq!(reader.spool.known_len(), None);
        let waiting: Vec<_> = (0..3)
            .map(|n| {
                let reader = Arc::clone(&reader);
                std::thread::spawn(move || {
                    let mut buf = [0u8; 6];
                    if n == 2 { reader.size().map(|n| n as usize) } else { reader.read_at(&mut buf, 0) }
                })
            })
            .collect();
        let error = Error::WrongLength {
            path: "x".into(),
            format: crate::image::format::Format::Xz,
            declared: 1,
            actual: 3,
        };
        reader.spool.finish(Err(error.clone()));
        reader.spool.finish(Ok(()));
        for thread in waiting {
            assert_eq!(thread.join().unwrap().unwrap_err().to_string(), error.to_string());
        }
        // What came before the damage can still be read.
        let mut buf = [0u8; 3];
        assert_eq!(reader.read_at(&mut buf, 0).unwrap(), 3);
        assert_eq!(reader.spool.known_len(), None);
    }

    #[test]
    fn a_declared_length_is_known_early() {
        let reader = reader();
        reader.spool.declare(10);
        assert_eq!((reader.size().unwrap(), reader.spool.known_len()), (10, Some(10)));
    }

    #[test]
    fn runs_are_the_blocks_that_hold_something() {
        let mut bytes = vec![0u8; HOLE * 5 + 10];
        assert_eq!(runs_with_data(&bytes).count(), 0);
        bytes[HOLE] = 1;
        bytes[HOLE * 3 - 1] = 1;
        bytes[HOLE * 5 + 9] = 1;
        let runs: Vec<_> = runs_with_data(&bytes).map(|(at, run)| (at, run.len())).collect();
        assert_eq!(runs, [(HOLE, 2 * HOLE), (5 * HOLE, 10)]);
        assert_eq!(runs_with_data(&[]).count(), 0);
    }
}
