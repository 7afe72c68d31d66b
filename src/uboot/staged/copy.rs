//! Filling a staged file, and reading back what it holds.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::fs::Advice;
use rustix::io::Errno;

use super::Error;
use super::tree::Entry;
use crate::image::read_at::ReadAt;
use crate::image::table::BLOCK;
use crate::stop::Stop;
use crate::uboot::step::Content;

/// How much is copied between two looks at the stop flag.
const CHUNK: usize = 1 << 20;
/// How much the kernel is asked to copy at a time: it can't be interrupted meanwhile.
const KERNEL_CHUNK: usize = 64 << 20;

/// Where an image's bytes come from.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// Its bytes.
    pub content: &'a dyn ReadAt,
    /// The file itself, where its bytes lie in one as they are: the kernel copies then, and where the file system
    /// can, both files share the blocks.
    pub file: Option<&'a File>,
}

/// Fills `out`, and waits until it is on the disk. `free` is how much room there was before.
pub(super) fn fill(
    out: &File,
    path: &Path,
    entry: &Entry,
    source: Source<'_>,
    free: Option<u64>,
    stop: &Stop,
) -> Result<(), Error> {
    let failed = |error: io::Error| {
        let full =
            [Errno::NOSPC, Errno::DQUOT].iter().any(|full| error.raw_os_error() == Some(full.raw_os_error()));
        match full {
            true => Error::Full { path: path.to_owned(), needed: entry.len(), free },
            false => Error::os("writing", path, error),
        }
    };
    match &entry.content {
        Content::Bytes(bytes) => out.write_all_at(bytes, 0).map_err(failed)?,
        Content::Range { start, len } => {
            let done = match source.file {
                Some(file) => {
                    by_kernel(out, file, *start, *len, stop).map_err(|error| failed(error.into()))?
                }
                None => 0,
            };
            let mut buffer = vec![0; CHUNK];
            let mut at = done;
            while at < *len {
                if stop.is_set() {
                    return Err(Error::Stopped);
                }
                let count = usize::try_from(len - at).unwrap_or(CHUNK).min(CHUNK);
                let bytes = &mut buffer[..count];
                source
                    .content
                    .read_exact_at(bytes, start + at)
                    .map_err(|error| Error::os("reading the image for", path, error))?;
                // Images are full of zeros; left out, they take no room where files can have holes.
                if bytes.iter().any(|byte| *byte != 0) {
                    out.write_all_at(bytes, at).map_err(failed)?;
                }
                at += count as u64;
            }
            out.set_len(len.next_multiple_of(BLOCK)).map_err(failed)?;
        }
    }
    // Some file systems find out only now that they have no room.
    out.sync_data().map_err(failed)
}

/// Lets the kernel copy as far as it can. Says how far that is: not every pair of file systems can do it.
fn by_kernel(out: &File, file: &File, start: u64, len: u64, stop: &Stop) -> Result<u64, Errno> {
    let (mut from, mut to) = (start, 0);
    while to < len && !stop.is_set() {
        let count = usize::try_from(len - to).unwrap_or(KERNEL_CHUNK).min(KERNEL_CHUNK);
        match rustix::fs::copy_file_range(file, Some(&mut from), out, Some(&mut to), count) {
            Ok(0) => break,
            Ok(_) | Err(Errno::INTR) => {}
            Err(error @ (Errno::NOSPC | Errno::DQUOT | Errno::FBIG)) => return Err(error),
            // Whatever else is wrong, the other way will tell it better.
            Err(_) => break,
        }
    }
    Ok(to)
}

/// Reads back what `file` holds, from the disk where that is possible, and compares.
pub(super) fn check(
    file: &File,
    path: &Path,
    entry: &Entry,
    source: Source<'_>,
    stop: &Stop,
) -> Result<(), Error> {
    // Only what is on the disk already can be dropped from memory; `fill` has seen to that.
    let _ = rustix::fs::fadvise(file, 0, None, Advice::DontNeed);
    let got = sum(file, 0, entry.len(), entry.len(), path, stop)?;
    let expected = match (entry.crc, &entry.content) {
        (Some(crc), _) => crc,
        (None, Content::Bytes(bytes)) => crc32fast::hash(bytes),
        (None, Content::Range { start, len }) => sum(source.content, *start, *len, entry.len(), path, stop)?,
    };
    let len = file.size().map_err(|error| Error::os("reading", path, error))?;
    if expected == got && len == entry.len() {
        Ok(())
    } else {
        Err(Error::Differs { path: path.to_owned(), expected, got })
    }
}

/// CRC32 of `len` bytes from `start`, filled with zeros to `filled`.
fn sum(
    content: &dyn ReadAt,
    start: u64,
    len: u64,
    filled: u64,
    path: &Path,
    stop: &Stop,
) -> Result<u32, Error> {
    let (mut buffer, mut sum) = (vec![0; CHUNK], crc32fast::Hasher::new());
    let mut at = 0;
    while at < len {
        if stop.is_set() {
            return Err(Error::Stopped);
        }
        let count = usize::try_from(len - at).unwrap_or(CHUNK).min(CHUNK);
        content
            .read_exact_at(&mut buffer[..count], start + at)
            .map_err(|error| Error::os("reading back", path, error))?;
        sum.update(&buffer[..count]);
        at += count as u64;
    }
    // At most one block less a byte.
    sum.update(&vec![0; usize::try_from(filled - len).unwrap_or(0)]);
    Ok(sum.finalize())
}
