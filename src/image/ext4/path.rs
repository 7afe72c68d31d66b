//! Looks up a path as the system on the file system would: through symbolic links, and never out of it.

use std::collections::VecDeque;

use super::{Error, Ext4, FileKind, Inode, ROOT};

/// As many links as the kernel follows in one path (MAXSYMLINKS).
const MOST_LINKS: usize = 40;

impl Ext4 {
    /// The file that a path from the root means; links are followed, the last one too. `None` where there is no such
    /// file.
    ///
    /// # Errors
    /// [`Error::Damaged`], also for links that lead round in a circle; [`Error::Unsupported`]; [`Error::Io`].
    pub fn find(&self, path: &str) -> Result<Option<Inode>, Error> {
        let mut left: VecDeque<Vec<u8>> = parts(path.as_bytes()).collect();
        // The way down from the root: what `..` goes back to.
        let mut above = vec![self.inode(ROOT)?];
        let mut links = 0;
        while let Some(part) = left.pop_front() {
            let here = match above.last() {
                Some(here) if here.kind == FileKind::Directory => here,
                _ => return Ok(None),
            };
            if part == b".." {
                // The root is above itself.
                if above.len() > 1 {
                    above.pop();
                }
                continue;
            }
            let entries = self.names(here)?;
            let Some(entry) = entries.into_iter().find(|entry| entry.name == part) else { return Ok(None) };
            let inode = self.inode(entry.inode)?;
            if inode.kind != FileKind::Symlink {
                above.push(inode);
                continue;
            }
            links += 1;
            if links > MOST_LINKS {
                return Err(Error::damaged(format!("the links of {path} lead round in a circle")));
            }
            let target = self.target(&inode)?;
            if target.starts_with(b"/") {
                above.truncate(1);
            }
            for part in parts(&target).rev() {
                left.push_front(part);
            }
        }
        Ok(above.pop())
    }

    /// Reads a whole file.
    ///
    /// # Errors
    /// [`Error::Damaged`], also for more than `most` bytes; [`Error::Io`].
    pub fn read_file(&self, file: &Inode, most: u64) -> Result<Vec<u8>, Error> {
        if file.size > most {
            return Err(Error::damaged(format!(
                "inode {} has {} bytes, more than {most}",
                file.number, file.size
            )));
        }
        self.read_small(file, most)
    }
}

/// The names of a path.
fn parts(path: &[u8]) -> impl DoubleEndedIterator<Item = Vec<u8>> {
    path.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".").map(<[u8]>::to_vec)
}
