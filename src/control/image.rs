//! An image that another process has opened, as it is read here.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{FileType, OFlags};

use crate::image::read_at::ReadAt;

/// File systems on a disk or in memory of this host (linux/magic.h, and their own headers), whose reads come to an end.
/// Others may keep a reader waiting for as long as somebody likes: one in user space (FUSE), one of another host (NFS,
/// CIFS), one that lies over such a one (overlay), and what the kernel makes up (proc). An ordinary user can mount some of
/// these.
const LOCAL: [i64; 18] = [
    0xef53,      // ext2, ext3, ext4
    0x5846_5342, // XFS
    0x9123_683e, // Btrfs
    0xca45_1a4e, // bcachefs
    0xf2f5_2010, // F2FS
    0x2fc1_2fc1, // ZFS
    0x5265_4973, // ReiserFS
    0x3153_464a, // JFS
    0x3434,      // NILFS2
    0x4d44,      // FAT
    0x2011_bab0, // exFAT
    0x7366_746e, // NTFS of the kernel
    0x9660,      // ISO 9660
    0x1501_3346, // UDF
    0x7371_7368, // SquashFS
    0xe0f5_e1e2, // EROFS
    0x0102_1994, // tmpfs
    0x8584_58f6, // ramfs
];
/// An overlay. Containers have one below everything; those who may mount what lies below it are root.
const OVERLAY: i64 = 0x794c_7630;

/// Whether reading a file on a file system of this kind is bound to end.
fn comes_to_an_end(kind: i64, of_root: bool) -> bool {
    LOCAL.contains(&kind) || (kind == OVERLAY && of_root)
}

/// A descriptor that was handed over, and how far it may be read.
#[derive(Debug)]
pub struct Handed {
    file: File,
    len: u64,
    /// How much is there of an image that grows.
    grown: Option<AtomicU64>,
}

impl Handed {
    /// Looks at what was handed over. `available`: it still grows, and so many bytes are there. `of_root`: root did it.
    ///
    /// # Errors
    /// Why it can't be served.
    pub(super) fn new(fd: OwnedFd, available: Option<u64>, of_root: bool) -> Result<Self, String> {
        let system = |errno: rustix::io::Errno| io::Error::from(errno).to_string();
        let kind = FileType::from_raw_mode(rustix::fs::fstat(&fd).map_err(system)?.st_mode);
        if !matches!(kind, FileType::RegularFile | FileType::BlockDevice) {
            return Err("the descriptor is neither a regular file nor a block device".to_owned());
        }
        let flags = rustix::fs::fcntl_getfl(&fd).map_err(system)?;
        let mode = flags & OFlags::ACCMODE;
        if flags.contains(OFlags::PATH) || !(mode == OFlags::RDONLY || mode == OFlags::RDWR) {
            return Err("the descriptor isn't open for reading".to_owned());
        }
        if kind == FileType::RegularFile {
            // Its type differs between processors, and some are 32 bits wide with a sign.
            #[allow(clippy::unnecessary_cast, reason = "f_type is 32 bits wide on some")]
            let of = i64::from(rustix::fs::fstatfs(&fd).map_err(system)?.f_type as u32);
            if !comes_to_an_end(of, of_root) {
                return Err(
                    "the file is on no file system of this host's disks or memory, so reading it may take any time"
                        .to_owned(),
                );
            }
        }
        let file = File::from(fd);
        let len = file.size().map_err(|error| error.to_string())?;
        Ok(Self { file, len, grown: available.map(AtomicU64::new) })
    }

    /// All of it, which is at most so many bytes.
    ///
    /// # Errors
    /// What the system says; where it is longer.
    pub fn whole(&self, most: u64) -> io::Result<Vec<u8>> {
        if self.len > most {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                format!("it is longer than {most} bytes"),
            ));
        }
        let mut bytes = vec![0; usize::try_from(self.len).map_err(io::Error::other)?];
        ReadAt::read_exact_at(&self.file, &mut bytes, 0)?;
        Ok(bytes)
    }

    /// So much is there now. Less than before is left out.
    pub(super) fn grows(&self, bytes: u64) {
        if let Some(grown) = &self.grown {
            grown.fetch_max(bytes, Ordering::AcqRel);
        }
    }

    /// Whether a range will ever be there: of an image that doesn't grow only what it has.
    pub(super) fn has(&self, start: u64, len: u64) -> bool {
        start.checked_add(len).is_some_and(|end| self.grown.is_some() || end <= self.len)
    }
}

impl ReadAt for Handed {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let Some(grown) = &self.grown else { return ReadAt::read_at(&self.file, buf, offset) };
        let most = grown.load(Ordering::Acquire).saturating_sub(offset).min(buf.len() as u64) as usize;
        let buf = &mut buf[..most];
        let got = ReadAt::read_at(&self.file, buf, offset)?;
        // A spool leaves zeros at its end out.
        buf[got..].fill(0);
        Ok(most)
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.available())
    }

    fn available(&self) -> u64 {
        self.grown.as_ref().map_or_else(|| self.file.available(), |grown| grown.load(Ordering::Acquire))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt;
    use std::os::unix::fs::OpenOptionsExt;

    use super::*;

    fn file(bytes: &[u8]) -> (tempfile::NamedTempFile, OwnedFd) {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().write_all_at(bytes, 0).unwrap();
        let fd = File::open(file.path()).unwrap().into();
        (file, fd)
    }

    #[test]
    fn a_file_system_that_may_make_a_reader_wait_is_for_nobody() {
        let (ext4, tmpfs, fuse, nfs, proc) = (0xef53, 0x0102_1994, 0x6573_5546, 0x6969, 0x9fa0);
        for of_root in [false, true] {
            assert!([ext4, tmpfs].iter().all(|kind| comes_to_an_end(*kind, of_root)));
            assert!(![fuse, nfs, proc, 0].iter().any(|kind| comes_to_an_end(*kind, of_root)));
        }
        // What lies below an overlay may be a file system in user space, which anybody can mount.
        assert!(comes_to_an_end(OVERLAY, true) && !comes_to_an_end(OVERLAY, false));
    }

    #[test]
    fn what_the_kernel_makes_up_is_no_image() {
        for path in ["/proc/self/maps", "/proc/kmsg", "/sys/kernel/uevent_seqnum"] {
            // Not everybody may open each of them, and then nobody can hand it over.
            let Ok(file) = File::open(path) else { continue };
            assert!(Handed::new(file.into(), None, true).unwrap_err().contains("any time"), "{path}");
        }
        assert!(File::open("/proc/self/maps").is_ok());
    }

    #[test]
    fn a_file_is_read_as_it_is_and_one_that_grows_as_far_as_it_is_there() {
        let (kept, fd) = file(b"0123456789");
        let whole = Handed::new(fd, None, true).unwrap();
        assert!(whole.has(3, 7) && !whole.has(3, 8) && !whole.has(u64::MAX, 1));
        let mut buf = [9; 16];
        assert_eq!((whole.read_at(&mut buf, 4).unwrap(), whole.available()), (6, 10));
        kept.as_file().set_len(3).unwrap();
        assert_eq!(whole.available(), 3, "that it shrinks is seen");
        assert!(whole.whole(10).is_err(), "it isn't there any more");
        let (_kept, fd) = file(b"0123456789");
        let whole = Handed::new(fd, None, true).unwrap();
        assert_eq!(whole.whole(10).unwrap(), b"0123456789");
        assert!(whole.whole(9).is_err());

        let (_kept, fd) = file(b"0123456789");
        let grows = Handed::new(fd, Some(4), true).unwrap();
        assert!(grows.has(1 << 40, 1) && !grows.has(u64::MAX, 1));
        assert_eq!(grows.read_at(&mut buf, 2).unwrap(), 2);
        assert_eq!(grows.read_at(&mut buf, 4).unwrap(), 0);
        grows.grows(14);
        grows.grows(3);
        assert_eq!((grows.read_at(&mut buf, 8).unwrap(), grows.available()), (6, 14));
        assert_eq!(buf[..6], *b"89\0\0\0\0");
    }

    #[test]
    fn what_cannot_be_read_without_waiting_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, FileType::Fifo, rustix::fs::Mode::RUSR, 0).unwrap();
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        let open = |path: &std::path::Path, flags: OFlags| {
            rustix::fs::open(path, flags | OFlags::CLOEXEC, rustix::fs::Mode::empty()).unwrap()
        };
        let (socket, _other) = std::os::unix::net::UnixStream::pair().unwrap();
        for (what, fd) in [
            ("pipe", reader),
            ("pipe", writer),
            ("pipe by name", open(&pipe, OFlags::RDONLY | OFlags::NONBLOCK)),
            ("directory", open(dir.path(), OFlags::RDONLY)),
            ("device", open("/dev/zero".as_ref(), OFlags::RDONLY)),
            ("socket", socket.into()),
        ] {
            let why = Handed::new(fd, None, true).unwrap_err();
            assert!(why.contains("neither a regular file"), "{what}: {why}");
        }
        let (kept, _) = file(b"x");
        let write = std::fs::OpenOptions::new().write(true).custom_flags(0).open(kept.path()).unwrap();
        for fd in [OwnedFd::from(write), open(kept.path(), OFlags::PATH)] {
            assert!(Handed::new(fd, None, true).unwrap_err().contains("isn't open for reading"));
        }
    }
}
