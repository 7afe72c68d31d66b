//! A model of a disk with the faults that disks have.

use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use super::storage::{Storage, Zeroing};

/// What is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Writing into this range ends with an error of this number.
    Write(Range<u64>, i32),
    /// Reading, likewise.
    Read(Range<u64>, i32),
    /// Each write takes at most so many bytes.
    Short(usize),
    /// This byte comes back with one bit flipped.
    Flips(u64),
    /// This byte is another one each time that it is read.
    Unsteady(u64),
    /// What is written into this range is lost: a fake of a larger disk.
    Loses(Range<u64>),
    /// It says that it has zeroed, and hasn't, from this byte on.
    LiesOnZero(u64),
    /// It has no way to zero.
    NoZero,
    /// After so many writes it is gone.
    Vanishes(u64),
    /// It can't be written.
    ReadOnly,
    /// It takes no more bytes from this one on.
    Ends(u64),
}

type OnWrite = Box<dyn Fn(&Model, Range<u64>) + Sync + Send>;

pub(crate) struct Model {
    pub(crate) bytes: Mutex<Vec<u8>>,
    pub(crate) faults: Vec<Fault>,
    pub(crate) writes: AtomicU64,
    reads: AtomicU64,
    /// Called before each write, with its place.
    pub(crate) on_write: Option<OnWrite>,
}

impl Model {
    pub(crate) fn new(bytes: Vec<u8>, faults: &[Fault]) -> Self {
        Self {
            bytes: Mutex::new(bytes),
            faults: faults.to_vec(),
            writes: 0.into(),
            reads: 0.into(),
            on_write: None,
        }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether no board starts from it.
    pub(crate) fn is_unbootable(&self) -> bool {
        let bytes = self.bytes();
        bytes[..bytes.len().min(1 << 20)].iter().all(|byte| *byte == 0)
            && bytes[bytes.len() - 4096..].iter().all(|byte| *byte == 0)
    }

    fn gone(&self) -> bool {
        let writes = self.writes.load(Relaxed);
        self.faults.iter().any(|fault| matches!(fault, Fault::Vanishes(after) if writes > *after))
    }

    fn error(&self, place: &Range<u64>, write: bool) -> io::Result<()> {
        if self.gone() {
            return Err(io::Error::from_raw_os_error(libc::EIO));
        }
        for fault in &self.faults {
            let errno = match fault {
                Fault::Write(range, errno) if write && overlap(range, place) => *errno,
                Fault::Read(range, errno) if !write && overlap(range, place) => *errno,
                Fault::ReadOnly if write => libc::EPERM,
                _ => continue,
            };
            return Err(io::Error::from_raw_os_error(errno));
        }
        Ok(())
    }
}

fn overlap(one: &Range<u64>, other: &Range<u64>) -> bool {
    one.start < other.end && other.start < one.end
}

impl Storage for Model {
    fn name(&self) -> &str {
        "/dev/model"
    }

    fn size(&self) -> u64 {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner).len() as u64
    }

    fn read_at(&self, buf: &mut [u8], at: u64) -> io::Result<usize> {
        let place = at..at + buf.len() as u64;
        self.error(&place, false)?;
        let bytes = self.bytes.lock().unwrap();
        let Some(from) = bytes.get(at as usize..) else { return Ok(0) };
        let count = from.len().min(buf.len());
        buf[..count].copy_from_slice(&from[..count]);
        for fault in &self.faults {
            if let Fault::Flips(byte) = fault
                && place.contains(byte)
            {
                buf[(byte - at) as usize] ^= 0x10;
            }
            if let Fault::Unsteady(byte) = fault
                && place.contains(byte)
            {
                buf[(byte - at) as usize] = self.reads.fetch_add(1, Relaxed) as u8;
            }
        }
        Ok(count)
    }

    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<usize> {
        let mut count = bytes.len();
        let place = at..at + count as u64;
        if let Some(on_write) = &self.on_write {
            on_write(self, place.clone());
        }
        self.writes.fetch_add(1, Relaxed);
        self.error(&place, true)?;
        let mut disk = self.bytes.lock().unwrap();
        let mut lost = Vec::new();
        for fault in &self.faults {
            match fault {
                Fault::Short(most) => count = count.min(*most),
                Fault::Ends(end) => count = count.min(end.saturating_sub(at) as usize),
                Fault::Loses(range) => lost.push(range.clone()),
                _ => {}
            }
        }
        let kept = disk[at as usize..at as usize + count].to_vec();
        disk[at as usize..at as usize + count].copy_from_slice(&bytes[..count]);
        for range in lost {
            for at in range.start.max(place.start)..range.end.min(place.start + count as u64) {
                disk[at as usize] = kept[(at - place.start) as usize];
            }
        }
        Ok(count)
    }

    fn zero(&self, at: u64, len: u64, way: Zeroing) -> io::Result<()> {
        self.error(&(at..at + len), true)?;
        let mut disk = self.bytes.lock().unwrap();
        let liar = self.faults.iter().find_map(|fault| match fault {
            Fault::LiesOnZero(from) => Some(*from),
            _ => None,
        });
        if self.faults.contains(&Fault::NoZero) || way == Zeroing::ZeroOut {
            return Err(io::ErrorKind::Unsupported.into());
        }
        if liar.is_none_or(|from| at < from) {
            disk[at as usize..(at + len) as usize].fill(0);
        }
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        self.error(&(0..0), true)
    }

    fn reread_table(&self) -> io::Result<()> {
        Ok(())
    }

    fn is_there(&self) -> bool {
        !self.gone()
    }
}
