//! A block device, or a file that stands for one.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Advice, FallocateFlags, Mode, OFlags};

use super::used;
use crate::agent::error::Error;
use crate::agent::storage::{Storage, Zeroing};
use crate::image::aligned::ALIGN;
use crate::image::read_at::ReadAt as _;

/// An open disk. Nobody else has it as long as it is open, as far as block devices go.
#[derive(Debug)]
pub struct BlockDisk {
    path: PathBuf,
    name: String,
    /// Past the page cache; `None` where that isn't possible.
    direct: Option<File>,
    /// Through the page cache, for what isn't aligned.
    cached: File,
    size: u64,
    /// `None` for a file.
    number: Option<String>,
}

impl BlockDisk {
    /// Opens a whole disk for writing, for itself alone.
    ///
    /// # Errors
    /// [`Error::NotADisk`] for a partition and for what isn't a block device; [`Error::InUse`] where anything of it is
    /// mounted or belongs to somebody else; [`Error::ReadOnly`]; [`Error::Os`].
    pub fn open(path: &Path) -> Result<Self, Error> {
        Self::opened(path, true)
    }

    /// Opens a disk, or a file that stands for one, for writing.
    ///
    /// # Errors
    /// As [`BlockDisk::open`].
    pub fn open_file(path: &Path) -> Result<Self, Error> {
        Self::opened(path, false)
    }

    fn opened(path: &Path, only_blocks: bool) -> Result<Self, Error> {
        let name = path.display().to_string();
        let not = |what| Err(Error::NotADisk { disk: name.clone(), what });
        let os = |doing, source: io::Error| Error::Os { disk: name.clone(), doing, at: None, source };
        // Looked at before it is opened for writing; what is looked at again below is what was opened.
        let kind = std::fs::metadata(path).map_err(|error| os("opening", error))?;
        let block = kind.file_type().is_block_device();
        if !block && (only_blocks || !kind.is_file()) {
            return not(if kind.is_dir() { "a directory" } else { "no block device" });
        }
        let number = block.then(|| {
            let number = kind.rdev();
            format!("{}:{}", rustix::fs::major(number), rustix::fs::minor(number))
        });
        let user = || number.as_deref().and_then(used::user);
        if let Some(by) = user() {
            return Err(Error::InUse { disk: name, by: Some(by) });
        }
        let sys = number.as_ref().map(|number| Path::new("/sys/dev/block").join(number));
        if sys.as_ref().is_some_and(|sys| sys.join("partition").exists()) {
            return not("a partition");
        }
        if sys.as_ref().and_then(|sys| super::facts::text(&sys.join("ro"))).is_some_and(|ro| ro != "0") {
            return Err(Error::ReadOnly { disk: name });
        }
        // On a block device without O_CREAT this asks to be alone.
        let alone = if block { OFlags::EXCL } else { OFlags::empty() };
        let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOCTTY | alone;
        let open = |flags| rustix::fs::open(path, flags, Mode::empty()).map(File::from);
        let refused = |errno: rustix::io::Errno| match errno {
            rustix::io::Errno::BUSY => Error::InUse { disk: name.clone(), by: user() },
            rustix::io::Errno::ROFS => Error::ReadOnly { disk: name.clone() },
            errno => os("opening", errno.into()),
        };
        let direct = match open(flags | OFlags::DIRECT) {
            Ok(file) => Some(file),
            Err(rustix::io::Errno::INVAL) => None,
            Err(errno) => return Err(refused(errno)),
        };
        let cached = match &direct {
            // The first descriptor has it alone already.
            Some(_) => open(flags & !OFlags::EXCL),
            None => open(flags),
        }
        .map_err(refused)?;
        let same = |file: &File| {
            file.metadata().is_ok_and(|now| {
                if block {
                    now.rdev() == kind.rdev()
                } else {
                    (now.dev(), now.ino()) == (kind.dev(), kind.ino())
                }
            })
        };
        if !same(&cached) || !direct.as_ref().is_none_or(same) {
            return Err(os("opening", io::Error::other("something else came to its place")));
        }
        let size = cached.size().map_err(|error| os("asking for its size", error))?;
        Ok(Self { path: path.to_owned(), name, direct, cached, size, number })
    }

    /// The path as it was given.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The descriptor for offset, length and memory: past the cache where all are aligned.
    fn for_place(&self, at: u64, len: usize, memory: usize) -> Option<(&File, usize)> {
        let direct = self.direct.as_ref()?;
        // The odd end of an image goes the other way.
        let whole = len - len % ALIGN;
        (whole > 0 && at.is_multiple_of(ALIGN as u64) && memory.is_multiple_of(ALIGN))
            .then_some((direct, whole))
    }
}

/// `EINVAL` from a descriptor past the cache says that this device wants other alignment.
fn unaligned(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::EINVAL)
}

impl Storage for BlockDisk {
    fn name(&self) -> &str {
        &self.name
    }

    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, buf: &mut [u8], at: u64) -> io::Result<usize> {
        if let Some((direct, whole)) = self.for_place(at, buf.len(), buf.as_ptr() as usize) {
            match FileExt::read_at(direct, &mut buf[..whole], at) {
                Err(error) if unaligned(&error) => {}
                other => return other,
            }
        }
        // What was written goes to the disk, then the cache forgets it, so that the disk is asked.
        rustix::fs::fdatasync(&self.cached)?;
        let len = std::num::NonZeroU64::new(buf.len().next_multiple_of(ALIGN) as u64);
        rustix::fs::fadvise(&self.cached, at, len, Advice::DontNeed)?;
        FileExt::read_at(&self.cached, buf, at)
    }

    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<usize> {
        if let Some((direct, whole)) = self.for_place(at, bytes.len(), bytes.as_ptr() as usize) {
            match direct.write_at(&bytes[..whole], at) {
                Err(error) if unaligned(&error) => {}
                other => return other,
            }
        }
        self.cached.write_at(bytes, at)
    }

    fn zero(&self, at: u64, len: u64, way: Zeroing) -> io::Result<()> {
        if self.number.is_none() {
            let flags = match way {
                Zeroing::Discard => FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE,
                Zeroing::ZeroOut => FallocateFlags::ZERO_RANGE | FallocateFlags::KEEP_SIZE,
            };
            return Ok(rustix::fs::fallocate(&self.cached, flags, at, len)?);
        }
        let range = [at, len];
        match way {
            Zeroing::Discard => {
                // SAFETY: BLKDISCARD (linux/fs.h) reads two numbers of 64 bits, start and length in bytes.
                let call = unsafe { rustix::ioctl::Setter::<BLKDISCARD, [u64; 2]>::new(range) };
                // SAFETY: as above; the descriptor is that of a block device.
                unsafe { rustix::ioctl::ioctl(self.cached.as_fd(), call)? };
            }
            Zeroing::ZeroOut => {
                // SAFETY: BLKZEROOUT takes the same as BLKDISCARD.
                let call = unsafe { rustix::ioctl::Setter::<BLKZEROOUT, [u64; 2]>::new(range) };
                // SAFETY: as above.
                unsafe { rustix::ioctl::ioctl(self.cached.as_fd(), call)? };
            }
        }
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(&self.cached)?)
    }

    fn reread_table(&self) -> io::Result<()> {
        if self.number.is_none() {
            return Ok(());
        }
        // The descriptor that has the disk alone: others are refused.
        let file = self.direct.as_ref().unwrap_or(&self.cached);
        // SAFETY: BLKRRPART takes no argument.
        let call = unsafe { rustix::ioctl::NoArg::<BLKRRPART>::new() };
        // SAFETY: as above; the descriptor is that of a block device.
        match unsafe { rustix::ioctl::ioctl(file.as_fd(), call) } {
            // A device that has no partitions.
            Ok(()) | Err(rustix::io::Errno::INVAL) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    fn is_there(&self) -> bool {
        // One that is just leaving, and a reader without its card, still have their entry, with no size: reading is at its
        // end everywhere then, and that is no fault of what is on it.
        let size = |number| std::fs::read_to_string(Path::new("/sys/dev/block").join(number).join("size"));
        self.number.as_ref().is_none_or(|number| size(number).is_ok_and(|size| size.trim() != "0"))
    }
}

/// The numbers of linux/fs.h; they are the same on all processors that boards have.
const BLKRRPART: rustix::ioctl::Opcode = rustix::ioctl::opcode::none(0x12, 95);
const BLKDISCARD: rustix::ioctl::Opcode = rustix::ioctl::opcode::none(0x12, 119);
const BLKZEROOUT: rustix::ioctl::Opcode = rustix::ioctl::opcode::none(0x12, 127);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::deploy::deploy;
    use crate::agent::source::Memory;
    use crate::stop::Stop;

    #[test]
    fn a_file_that_stands_for_a_disk_gets_an_image_of_any_length() {
        for dir in ["/var/tmp", "/dev/shm"] {
            for len in [9 << 20, (5 << 20) + 12_345] {
                let file = tempfile::NamedTempFile::new_in(dir).unwrap();
                std::fs::write(file.path(), vec![0xee; 10 << 20]).unwrap();
                let raw: Vec<u8> =
                    (0..len).map(|n: u32| if (n / 9000).is_multiple_of(3) { 0 } else { n as u8 }).collect();
                let disk = BlockDisk::open_file(file.path()).unwrap();
                let source = Memory::new(raw);
                let done = deploy(&disk, &source, &Stop::new().unwrap(), &()).unwrap();
                assert_eq!(done.read_back.sha256(), Some(source.index.raw_sha256));
                assert!(std::fs::read(file.path()).unwrap()[..len as usize] == source.raw, "{dir}");
            }
        }
    }

    #[test]
    fn what_is_no_whole_disk_is_refused() {
        let open = |path: &str| BlockDisk::open(Path::new(path)).unwrap_err();
        assert!(matches!(open("/tmp"), Error::NotADisk { what: "a directory", .. }));
        assert!(matches!(open("/dev/null"), Error::NotADisk { what: "no block device", .. }));
        let error = open("/nonexistent");
        assert_eq!(
            (error.errno(), error.to_string().as_str()),
            (Some(libc::ENOENT), "/nonexistent: opening")
        );
        assert!(matches!(BlockDisk::open_file(Path::new("/dev/null")), Err(Error::NotADisk { .. })));
    }
}
