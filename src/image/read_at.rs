//! Random access to bytes that may still be on their way.

use std::io;

/// Bytes that can be read at any offset, by several readers at once.
///
/// An image that is being decompressed implements it too: a read waits until the bytes are there.
/// A reader that must not wait (the TFTP server) asks [`ReadAt::available`] first.
pub trait ReadAt: Send + Sync {
    /// Reads into `buf` from `offset`. Waits for bytes that are on their way; gives fewer bytes than asked
    /// only at the end, and 0 at or behind it.
    ///
    /// # Errors
    /// When the storage fails, or when what was on its way turned out to be damaged.
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize>;

    /// How many bytes there are in all. Waits until that is known.
    ///
    /// # Errors
    /// As [`ReadAt::read_at`].
    fn size(&self) -> io::Result<u64>;

    /// How many bytes from the start can be read without waiting.
    fn available(&self) -> u64;

    /// Reads exactly `buf.len()` bytes.
    ///
    /// # Errors
    /// As [`ReadAt::read_at`]; [`io::ErrorKind::UnexpectedEof`] where the end comes first.
    fn read_exact_at(&self, mut buf: &mut [u8], mut offset: u64) -> io::Result<()> {
        while !buf.is_empty() {
            match self.read_at(buf, offset)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                n => {
                    buf = &mut buf[n..];
                    offset += n as u64;
                }
            }
        }
        Ok(())
    }
}

/// Reads of at least this many bytes look for holes first.
const LARGE: usize = 64 << 10;

impl ReadAt for std::fs::File {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut done = 0;
        if buf.len() >= LARGE
            && let Some(zeros) = hole_at(self, offset)
        {
            // Reading a hole would fill the page cache with zeros: measured, ten times slower.
            done = zeros.min(buf.len() as u64) as usize;
            buf[..done].fill(0);
        }
        while done < buf.len() {
            match std::os::unix::fs::FileExt::read_at(self, &mut buf[done..], offset + done as u64) {
                Ok(0) => break,
                Ok(n) => done += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    fn size(&self) -> io::Result<u64> {
        // Seeking also tells the size of a block device, where metadata says 0.
        Ok(rustix::fs::seek(self, rustix::fs::SeekFrom::End(0))?)
    }

    fn available(&self) -> u64 {
        self.size().unwrap_or(0)
    }
}

/// How many bytes from `offset` on are a hole in the file. `None` where there is none, or where the file
/// (a block device, a pipe) knows nothing of holes.
fn hole_at(file: &std::fs::File, offset: u64) -> Option<u64> {
    use rustix::fs::{SeekFrom, seek};
    match seek(file, SeekFrom::Data(offset)) {
        Ok(data) => data.checked_sub(offset).filter(|len| *len > 0),
        // No data behind: a hole up to the end, or the end itself.
        Err(rustix::io::Errno::NXIO) => file.metadata().ok()?.len().checked_sub(offset),
        Err(_) => None,
    }
}

impl ReadAt for Vec<u8> {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(self.len());
        let count = buf.len().min(self.len() - start);
        buf[..count].copy_from_slice(&self[start..start + count]);
        Ok(count)
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.len() as u64)
    }

    fn available(&self) -> u64 {
        self.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt;

    use super::*;

    #[test]
    fn holes_read_as_zeros_up_to_the_end() {
        let file = tempfile::tempfile().unwrap();
        file.set_len((3 << 20) + 5).unwrap();
        file.write_all_at(b"here", 1 << 20).unwrap();
        file.write_all_at(b"there", (2 << 20) - 2).unwrap();
        let mut wanted = vec![0u8; (3 << 20) + 5];
        wanted[1 << 20..(1 << 20) + 4].copy_from_slice(b"here");
        wanted[(2 << 20) - 2..(2 << 20) + 3].copy_from_slice(b"there");
        for (offset, len) in
            [(0, 4 << 20), (0, 1 << 19), (100, 1 << 20), ((2 << 20) + 100_000, 4 << 20), (3 << 20, 1 << 20)]
        {
            let mut buf = vec![9u8; len];
            let got = ReadAt::read_at(&file, &mut buf, offset as u64).unwrap();
            assert!(buf[..got] == wanted[offset..(offset + len).min(wanted.len())], "{offset} {len}");
        }
        assert_eq!(ReadAt::read_at(&file, &mut vec![0; LARGE], (3 << 20) + 5).unwrap(), 0);
    }
}
