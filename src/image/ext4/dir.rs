//! Directories. Those with an index are read from end to end as well: to one that doesn't know of it, the index
//! looks like entries that are not in use.

use super::{Error, Ext4, FileKind, Inode, u16_at, u32_at};
use crate::beneath::is_name;

/// No directory is larger: ten million names.
const LONGEST: u64 = 1 << 30;

/// A name in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The name, which is [`is_name`] and, in a [list](Ext4::list), has no control characters; not necessarily UTF-8.
    pub name: Vec<u8>,
    /// The inode that it means.
    pub inode: u32,
}

impl Ext4 {
    /// The names in a directory, in the order of their bytes, without `.` and `..`.
    ///
    /// # Errors
    /// [`Error::Damaged`], also for names that are there twice or would lead out of the directory; [`Error::Name`] for
    /// control characters; [`Error::Io`].
    pub fn list(&self, directory: &Inode) -> Result<Vec<Entry>, Error> {
        let number = directory.number;
        let mut entries = self.names(directory)?;
        if let Some(entry) = entries.iter().find(|entry| entry.name.iter().any(u8::is_ascii_control)) {
            return Err(Error::Name { directory: number, name: shown(&entry.name) });
        }
        entries.sort_by(|one, other| one.name.cmp(&other.name));
        if let Some(pair) = entries.windows(2).find(|pair| pair[0].name == pair[1].name) {
            let name = shown(&pair[0].name);
            return Err(Error::damaged(format!("directory {number} has a name twice: {name}")));
        }
        Ok(entries)
    }

    /// The names in a directory as they stand there, those with control characters too, in no order: for looking one of
    /// them up, and for those that show what is there, whatever it is called.
    ///
    /// # Errors
    /// [`Error::Damaged`], also for names that would lead out of the directory; [`Error::Io`].
    pub fn names(&self, directory: &Inode) -> Result<Vec<Entry>, Error> {
        let number = directory.number;
        if directory.kind != FileKind::Directory {
            return Err(Error::damaged(format!("inode {number} is no directory")));
        }
        let mut entries = Vec::new();
        if directory.has(Inode::INLINE) {
            // Behind the number of the directory above: entries up to byte 60, and more of them in an attribute.
            let bytes = self.inline(directory)?;
            let (first, more) = bytes.split_at(bytes.len().min(60));
            parse(number, first.get(4..).unwrap_or_default(), false, &mut entries)?;
            parse(number, more, false, &mut entries)?;
        } else {
            let bytes = self.read_small(directory, LONGEST)?;
            for (n, block) in bytes.chunks(self.block as usize).enumerate() {
                parse(number, block, n == 0, &mut entries)?;
            }
        }
        Ok(entries)
    }

    /// A symbolic link's target.
    ///
    /// # Errors
    /// [`Error::Damaged`], also for a target with a zero in it or an empty one; [`Error::Io`].
    pub fn target(&self, link: &Inode) -> Result<Vec<u8>, Error> {
        let short = link.size < 60 && !link.has(Inode::EXTENTS) && !link.has(Inode::INLINE);
        let target = if short {
            link.map[..link.size as usize].to_vec()
        } else {
            // A path has at most 4095 bytes.
            self.read_small(link, 4095)?
        };
        if target.is_empty() || target.contains(&0) {
            return Err(Error::damaged(format!("the link {} leads nowhere", link.number)));
        }
        Ok(target)
    }
}

/// The entries in a block. `.` and `..` are the first two of a directory's first block, and nowhere else.
fn parse(directory: u32, block: &[u8], is_first: bool, entries: &mut Vec<Entry>) -> Result<(), Error> {
    let bad = |what: &str| Error::damaged(format!("directory {directory} {what}"));
    let mut at = 0;
    let mut dots = if is_first { 2 } else { 0 };
    while at + 8 <= block.len() {
        let inode = u32_at(block, at);
        let len = match usize::from(u16_at(block, at + 4)) {
            // 65536 doesn't fit.
            0 | 0xffff if block.len() == 1 << 16 => block.len(),
            len => len,
        };
        let name_len = usize::from(block[at + 6]);
        if len < 8 || len % 4 != 0 || at + len > block.len() || 8 + name_len > len {
            return Err(bad(&format!("has an entry of {len} bytes at byte {at} of a block")));
        }
        let name = &block[at + 8..at + 8 + name_len];
        at += len;
        if dots > 0 {
            dots -= 1;
            let own = if dots == 1 { name == b"." && inode == directory } else { name == b".." };
            if !own {
                return Err(bad("doesn't begin with itself and the one above it"));
            }
            continue;
        }
        if inode == 0 {
            continue;
        }
        if !is_name(name) {
            return Err(bad(&format!("has a name that no file can have: {}", shown(name))));
        }
        entries.push(Entry { name: name.to_vec(), inode });
    }
    Ok(())
}

/// A name as messages have it: what a terminal would take for a command is escaped.
fn shown(name: &[u8]) -> String {
    format!("`{}`", String::from_utf8_lossy(name).escape_debug())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(inode: u32, len: u16, name: &[u8]) -> Vec<u8> {
        let mut bytes = inode.to_le_bytes().to_vec();
        bytes.extend(len.to_le_bytes());
        bytes.extend([name.len() as u8, 1]);
        bytes.extend(name);
        bytes.resize(usize::from(len), 0);
        bytes
    }

    #[test]
    fn entries_and_damage() {
        let read_at = |first: bool, block: &[u8]| {
            let mut entries = Vec::new();
            parse(2, block, first, &mut entries).map(|()| entries)
        };
        let read = |block: &[u8]| read_at(false, block);
        let dots = [entry(2, 12, b"."), entry(2, 12, b"..")].concat();
        let here = [Entry { name: b"here".to_vec(), inode: 12 }];
        let block = [entry(0, 16, b"gone"), entry(12, 24, b"here")].concat();
        assert_eq!(read(&block).unwrap(), here);
        assert_eq!(read_at(true, &[dots.clone(), block.clone()].concat()).unwrap(), here);
        for bad in [
            block,
            [entry(2, 12, b".."), entry(2, 12, b".")].concat(),
            [entry(3, 12, b"."), entry(2, 12, b"..")].concat(),
            [dots.clone(), dots.clone()].concat(),
            [dots.clone(), entry(12, 12, b"..")].concat(),
        ] {
            assert!(read_at(true, &bad).is_err(), "{bad:?}");
        }
        assert_eq!(read(&[]).unwrap(), []);
        for bad in [
            entry(12, 16, b"a/b"),
            entry(12, 16, b".."),
            entry(2, 12, b"."),
            entry(12, 16, b"a\0b"),
            entry(12, 16, b""),
            [vec![12, 0, 0, 0, 0, 0, 1, 1], vec![b'a'; 8]].concat(),
            entry(12, 4096, b"a")[..12].to_vec(),
            [entry(12, 12, b"a")[..6].to_vec(), vec![200, 1, b'a', 0, 0, 0]].concat(),
        ] {
            let error = read(&bad).unwrap_err().to_string();
            assert!(error.contains("directory 2") && !error.contains(char::is_control), "{error:?}");
        }
    }
}
