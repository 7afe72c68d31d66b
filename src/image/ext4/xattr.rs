//! Extended attributes, and the contents that stand among them.

use std::collections::BTreeMap;

use super::{Error, Ext4, Inode, acl, u16_at, u32_at};

const MAGIC: u32 = 0xea02_0000;
/// No value is longer (the kernel's XATTR_SIZE_MAX).
const LONGEST: u64 = 64 << 10;
const SYSTEM: u8 = 7;

/// An entry as it stands on the disk.
struct Raw {
    index: u8,
    name: Vec<u8>,
    value: Vec<u8>,
}

impl Ext4 {
    /// The extended attributes of an inode, by their full names (`security.capability`), with the values that
    /// system calls would give.
    ///
    /// # Errors
    /// [`Error::Damaged`], [`Error::Io`].
    pub fn attributes(&self, inode: &Inode) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, Error> {
        let mut found = BTreeMap::new();
        for Raw { index, name, value } in self.raw_attributes(inode)? {
            let (prefix, value) = match index {
                1 => ("user.", value),
                2 => ("system.posix_acl_access", acl::to_attribute(inode.number, &value)?),
                3 => ("system.posix_acl_default", acl::to_attribute(inode.number, &value)?),
                4 => ("trusted.", value),
                6 => ("security.", value),
                // Contents of the file, and not an attribute.
                SYSTEM if name == b"data" => continue,
                SYSTEM => ("system.", value),
                other => {
                    let what = format!("attributes of kind {other} (inode {})", inode.number);
                    return Err(Error::Unsupported { what });
                }
            };
            found.insert([prefix.as_bytes(), &name].concat(), value);
        }
        Ok(found)
    }

    /// Contents that stand in the inode: 60 bytes in place of the block map, and the rest in an attribute.
    pub(super) fn inline(&self, inode: &Inode) -> Result<Vec<u8>, Error> {
        let mut bytes = inode.map.to_vec();
        if inode.size > 60 {
            let more = self
                .raw_attributes(inode)?
                .into_iter()
                .find(|raw| raw.index == SYSTEM && raw.name == b"data");
            bytes.extend(more.map(|raw| raw.value).unwrap_or_default());
        }
        let len = usize::try_from(inode.size).unwrap_or(usize::MAX);
        if bytes.len() < len {
            return Err(Error::damaged(format!("inode {} lacks some of its contents", inode.number)));
        }
        bytes.truncate(len);
        Ok(bytes)
    }

    fn raw_attributes(&self, inode: &Inode) -> Result<Vec<Raw>, Error> {
        let mut found = Vec::new();
        if u32_at(&inode.tail, 0) == MAGIC && inode.tail.len() >= 4 {
            // Values are counted from the first entry.
            self.entries(inode, &inode.tail[4..], 0, &mut found)?;
        }
        if inode.attributes != 0 {
            let block = self.read_block(inode.attributes)?;
            if u32_at(&block, 0) != MAGIC {
                let number = inode.number;
                return Err(Error::damaged(format!(
                    "the attributes of inode {number} are not where they should be"
                )));
            }
            self.entries(inode, &block, 32, &mut found)?;
        }
        Ok(found)
    }

    /// Entries from `at` on; values are counted from the start of `bytes`.
    fn entries(&self, inode: &Inode, bytes: &[u8], mut at: usize, found: &mut Vec<Raw>) -> Result<(), Error> {
        let bad = || Error::damaged(format!("the attributes of inode {} can't be read", inode.number));
        while at + 4 <= bytes.len() && u32_at(bytes, at) != 0 {
            let name_len = usize::from(bytes[at]);
            let name = bytes.get(at + 16..at + 16 + name_len).ok_or_else(bad)?.to_vec();
            let (from, elsewhere, len) =
                (usize::from(u16_at(bytes, at + 2)), u32_at(bytes, at + 4), u32_at(bytes, at + 8));
            let value = if elsewhere == 0 {
                let end = from.checked_add(len as usize).ok_or_else(bad)?;
                bytes.get(from..end).ok_or_else(bad)?.to_vec()
            } else {
                let other = self.inode(elsewhere)?;
                if other.has(Inode::INLINE) || other.size != u64::from(len) {
                    return Err(bad());
                }
                self.read_small(&other, LONGEST)?
            };
            found.push(Raw { index: bytes[at + 1], name, value });
            at += (16 + name_len).next_multiple_of(4);
        }
        Ok(())
    }
}
