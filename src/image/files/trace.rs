//! Where in the image a file's bytes stand: observed while it is read, then proved.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use super::patch::{Patch, PatchedReadAt};
use super::volume::{Found, Kind, Volume};
use crate::image::read_at::ReadAt;
use crate::image::table::BLOCK;

/// Records what is read, in order.
struct Trace {
    base: Arc<dyn ReadAt>,
    reads: Mutex<Vec<(u64, usize)>>,
}

impl ReadAt for Trace {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let count = self.base.read_at(buf, offset)?;
        self.reads.lock().unwrap_or_else(PoisonError::into_inner).push((offset, count));
        Ok(count)
    }

    fn size(&self) -> io::Result<u64> {
        self.base.size()
    }

    fn available(&self) -> u64 {
        self.base.available()
    }
}

/// The patches that turn a file's text from `old` into `new` (of the same length), or why it can't be patched.
///
/// A file's contents start on a block's border on every file system meant here, so each block of the text
/// stands at the start of a block of the image.
pub(super) fn locate(
    volume: &Volume<'_>,
    kind: Kind,
    path: &str,
    old: &[u8],
    new: &[u8],
) -> io::Result<Result<Vec<Patch>, String>> {
    let trace = Arc::new(Trace { base: Arc::clone(volume.image), reads: Mutex::new(Vec::new()) });
    let seen: Arc<dyn ReadAt> = trace.clone();
    match (Volume { image: &seen, ..*volume }).read(kind, path)? {
        Found::Text(text) if text == old => {}
        _ => return Ok(Err("it reads differently the second time".to_owned())),
    }
    let reads = trace.reads.lock().unwrap_or_else(PoisonError::into_inner).clone();

    let block = BLOCK as usize;
    let mut patches: Vec<Patch> = Vec::new();
    let mut now = old.to_vec();
    for (index, (before, after)) in old.chunks(block).zip(new.chunks(block)).enumerate() {
        if before == after {
            continue;
        }
        now[index * block..index * block + after.len()].copy_from_slice(after);
        let mut proved = false;
        for at in places(volume.image, &reads, before)? {
            let more = changes(volume.partition.number, path, at, before, after);
            let trial: Vec<Patch> = patches.iter().cloned().chain(more).collect();
            let view: Arc<dyn ReadAt> = Arc::new(PatchedReadAt::new(Arc::clone(volume.image), &trial));
            if matches!((Volume { image: &view, ..*volume }).read(kind, path)?, Found::Text(text) if text == now)
            {
                patches = trial;
                proved = true;
                break;
            }
        }
        if !proved {
            return Ok(Err(format!(
                "its bytes from {} on don't stand in blocks of their own",
                index * block
            )));
        }
    }
    Ok(Ok(patches))
}

/// Blocks that were read and start with these bytes, the latest first: contents are read last.
fn places(image: &Arc<dyn ReadAt>, reads: &[(u64, usize)], bytes: &[u8]) -> io::Result<Vec<u64>> {
    let mut places = Vec::new();
    let mut found = vec![0; bytes.len()];
    for (offset, count) in reads.iter().rev() {
        for at in (offset.next_multiple_of(BLOCK)..offset + *count as u64).step_by(BLOCK as usize) {
            if !places.contains(&at) && image.read_at(&mut found, at)? == bytes.len() && found == bytes {
                places.push(at);
            }
        }
    }
    Ok(places)
}

/// One patch for each run of bytes that differ.
fn changes(partition: u32, file: &str, at: u64, before: &[u8], after: &[u8]) -> Vec<Patch> {
    let mut patches: Vec<Patch> = Vec::new();
    for (index, (old, new)) in before.iter().zip(after).enumerate().filter(|(_, (old, new))| old != new) {
        let image_offset = at + index as u64;
        match patches.last_mut() {
            Some(last) if last.image_offset + last.new.len() as u64 == image_offset => {
                last.old.push(*old);
                last.new.push(*new);
            }
            _ => patches.push(Patch {
                file: file.to_owned(),
                partition,
                image_offset,
                old: vec![*old],
                new: vec![*new],
            }),
        }
    }
    patches
}
