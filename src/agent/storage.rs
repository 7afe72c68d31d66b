//! A disk, as the pipeline sees it.

use std::io;

use super::error::Error;

/// A way to make a range of a disk read as zeros without sending them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zeroing {
    /// Tell the disk that nothing uses the range. Many then read as zeros, and some don't.
    Discard,
    /// Let the kernel zero it, by the disk's own command where it has one.
    ZeroOut,
}

impl Zeroing {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Discard, Self::ZeroOut];
}

/// A disk. Several threads use it at once.
pub trait Storage: Sync {
    /// As people call it: its path.
    fn name(&self) -> &str;

    /// Its size in bytes.
    fn size(&self) -> u64;

    /// Reads what the disk has, not what a cache of the system has. May give fewer bytes than asked.
    ///
    /// # Errors
    /// What the system says.
    fn read_at(&self, buf: &mut [u8], at: u64) -> io::Result<usize>;

    /// Writes. May take fewer bytes than given.
    ///
    /// # Errors
    /// What the system says.
    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<usize>;

    /// Makes a range read as zeros, which is to be proven by reading.
    ///
    /// # Errors
    /// What the system says; [`io::ErrorKind::Unsupported`] where the disk has no such way.
    fn zero(&self, at: u64, len: u64, way: Zeroing) -> io::Result<()>;

    /// Brings everything to the disk.
    ///
    /// # Errors
    /// What the system says.
    fn flush(&self) -> io::Result<()>;

    /// Tells the system to read the partition table again.
    ///
    /// # Errors
    /// What the system says.
    fn reread_table(&self) -> io::Result<()>;

    /// Whether it is still there.
    fn is_there(&self) -> bool {
        true
    }
}

/// The calls of a disk as a whole: all bytes or an error that names disk, place and step.
#[derive(Clone, Copy)]
pub(super) struct Disk<'a>(pub(super) &'a dyn Storage);

impl Disk<'_> {
    pub(super) fn size(self) -> u64 {
        self.0.size()
    }

    pub(super) fn name(self) -> String {
        self.0.name().to_owned()
    }

    pub(super) fn write(self, mut bytes: &[u8], mut at: u64) -> Result<(), Error> {
        while !bytes.is_empty() {
            match self.0.write_at(bytes, at) {
                Ok(0) => return Err(Error::Full { disk: self.name(), at }),
                Ok(count) => {
                    bytes = bytes.get(count..).unwrap_or_default();
                    at += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.error("writing", Some(at), error)),
            }
        }
        Ok(())
    }

    pub(super) fn read(self, mut buf: &mut [u8], mut at: u64) -> Result<(), Error> {
        while !buf.is_empty() {
            match self.0.read_at(buf, at) {
                Ok(0) => {
                    let end = io::Error::from(io::ErrorKind::UnexpectedEof);
                    return Err(self.error("reading", Some(at), end));
                }
                Ok(count) => {
                    buf = buf.get_mut(count..).unwrap_or_default();
                    at += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.error("reading", Some(at), error)),
            }
        }
        Ok(())
    }

    pub(super) fn flush(self) -> Result<(), Error> {
        self.0.flush().map_err(|error| self.error("bringing what was written to the disk", None, error))
    }

    /// An error of the system with what is known of the disk.
    pub(super) fn error(self, doing: &'static str, at: Option<u64>, source: io::Error) -> Error {
        let gone = matches!(source.raw_os_error(), Some(libc::ENODEV | libc::ENXIO | libc::ENOMEDIUM));
        if gone || !self.0.is_there() {
            return Error::Gone { disk: self.name(), doing, source };
        }
        if matches!(source.raw_os_error(), Some(libc::EROFS | libc::EPERM | libc::EACCES))
            && doing == "writing"
        {
            return Error::ReadOnly { disk: self.name() };
        }
        Error::Os { disk: self.name(), doing, at, source }
    }
}
