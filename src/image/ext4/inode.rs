//! Inodes: what a file is, besides its name.

use super::{Error, Ext4, u16_at, u32_at};

/// A time with nanoseconds, counted from 1970 in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Time {
    /// Seconds.
    pub seconds: i64,
    /// Nanoseconds, 0 to 999 999 999.
    pub nanos: u32,
}

/// The number of a device node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Device {
    /// Which driver.
    pub major: u32,
    /// Which of its devices.
    pub minor: u32,
}

/// What an inode is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A directory.
    Directory,
    /// A file with contents.
    File,
    /// A symbolic link.
    Symlink,
    /// A character device.
    Character(Device),
    /// A block device.
    Block(Device),
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
}

/// An inode.
#[derive(Debug, Clone)]
pub struct Inode {
    /// Its number; names with the same number are hard links.
    pub number: u32,
    /// What it is.
    pub kind: FileKind,
    /// Permissions with setuid, setgid and sticky: the low twelve bits.
    pub mode: u32,
    /// The owner.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// How many names it has.
    pub links: u16,
    /// Bytes of contents.
    pub size: u64,
    /// When it was read last.
    pub accessed: Time,
    /// When its contents changed last.
    pub modified: Time,
    pub(super) flags: u32,
    /// The block map, the root of the extents, a link's target, or the first contents.
    pub(super) map: [u8; 60],
    /// The block with extended attributes; 0 where it has no such block.
    pub(super) attributes: u64,
    /// What follows the inode's fixed fields: the attributes that fit.
    pub(super) tail: Vec<u8>,
}

/// Contents are compressed, which no kernel ever wrote.
const COMPRESSED: u32 = 0x4;
const ENCRYPTED: u32 = 0x800;

impl Inode {
    pub(super) const EXTENTS: u32 = 0x8_0000;
    pub(super) const INLINE: u32 = 0x1000_0000;

    pub(super) fn has(&self, flag: u32) -> bool {
        self.flags & flag != 0
    }
}

impl Ext4 {
    /// Reads an inode.
    ///
    /// # Errors
    /// [`Error::Damaged`] for a number that doesn't exist or an inode that can't be, [`Error::Unsupported`] for an
    /// encrypted file, [`Error::Io`].
    pub fn inode(&self, number: u32) -> Result<Inode, Error> {
        let index = number.checked_sub(1).filter(|index| *index < self.inodes);
        let index = index.ok_or_else(|| Error::damaged(format!("there is no inode {number}")))?;
        let group = (index / self.inodes_per_group) as usize;
        let table = self.groups.get(group).map(|group| group.table);
        let table = table.ok_or_else(|| Error::damaged(format!("there is no group for inode {number}")))?;
        let at = u64::from(index % self.inodes_per_group) * self.inode_len;
        let at = table.checked_mul(self.block).and_then(|table| table.checked_add(at));
        let at = at.ok_or_else(|| Error::damaged(format!("inode {number} lies nowhere")))?;
        let mut bytes = vec![0; self.inode_len as usize];
        self.read(&mut bytes, at)?;
        parse(number, &bytes)
    }
}

fn parse(number: u32, bytes: &[u8]) -> Result<Inode, Error> {
    let short = |at: usize| u32::from(u16_at(bytes, at));
    let long = |at: usize| u32_at(bytes, at);
    let mut map = [0; 60];
    map.copy_from_slice(&bytes[0x28..0x64]);
    let mode = short(0);
    let kind = match mode & 0xf000 {
        0x4000 => FileKind::Directory,
        0x8000 => FileKind::File,
        0xa000 => FileKind::Symlink,
        0x2000 => FileKind::Character(device(&map)),
        0x6000 => FileKind::Block(device(&map)),
        0x1000 => FileKind::Fifo,
        0xc000 => FileKind::Socket,
        other => return Err(Error::damaged(format!("inode {number} is of type {other:#x}"))),
    };
    let flags = long(0x20);
    if flags & (ENCRYPTED | COMPRESSED) != 0 {
        return Err(Error::Unsupported { what: format!("encrypted or compressed files (inode {number})") });
    }
    // Fields beyond the first 128 bytes are there as far as this says.
    let extra = if bytes.len() > 128 { short(0x80) as usize } else { 0 };
    let fixed = 128 + extra;
    if extra % 4 != 0 || fixed > bytes.len() {
        return Err(Error::damaged(format!("inode {number} has {extra} bytes of extra fields")));
    }
    let time = |base: usize, more: usize| {
        let more = if more + 4 <= fixed { long(more) } else { 0 };
        // The epoch bits count in steps of 2^32 seconds on top of the signed 32 bits.
        let seconds = i64::from(long(base) as i32) + (i64::from(more & 3) << 32);
        Time { seconds, nanos: (more >> 2).min(999_999_999) }
    };
    let size = u64::from(long(4)) | u64::from(long(0x6c)) << 32;
    Ok(Inode {
        number,
        kind,
        mode: mode & 0xfff,
        uid: short(2) | short(0x78) << 16,
        gid: short(0x18) | short(0x7a) << 16,
        links: u16_at(bytes, 0x1a),
        size,
        accessed: time(8, 0x8c),
        modified: time(0x10, 0x88),
        flags,
        map,
        attributes: u64::from(long(0x68)) | u64::from(short(0x76)) << 32,
        tail: bytes[fixed..].to_vec(),
    })
}

/// A device's number: in 16 bits where it fits (the first word), else in 32 (the second).
fn device(map: &[u8; 60]) -> Device {
    let (old, new) = (u32_at(map, 0), u32_at(map, 4));
    if old != 0 {
        Device { major: old >> 8 & 0xff, minor: old & 0xff }
    } else {
        Device { major: new >> 8 & 0xfff, minor: new & 0xff | new >> 12 & 0xf_ff00 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_numbers_of_both_forms() {
        let mut map = [0; 60];
        map[..4].copy_from_slice(&0x0103u32.to_le_bytes());
        assert_eq!(device(&map), Device { major: 1, minor: 3 });
        map[..4].fill(0);
        // Major 259, minor 0x12345.
        map[4..8].copy_from_slice(&(0x45u32 | 259 << 8 | 0x123 << 20).to_le_bytes());
        assert_eq!(device(&map), Device { major: 259, minor: 0x1_2345 });
    }

    #[test]
    fn times_go_beyond_2038_and_before_1970() {
        let mut bytes = vec![0; 256];
        bytes[..2].copy_from_slice(&0x81edu16.to_le_bytes());
        bytes[0x80] = 32;
        bytes[0x10..0x14].copy_from_slice(&(-1i32).to_le_bytes());
        assert_eq!(parse(12, &bytes).unwrap().modified, Time { seconds: -1, nanos: 0 });
        bytes[0x88..0x8c].copy_from_slice(&(1u32 | 5 << 2).to_le_bytes());
        assert_eq!(parse(12, &bytes).unwrap().modified, Time { seconds: (1 << 32) - 1, nanos: 5 });
        bytes[0x80] = 200;
        assert!(parse(12, &bytes).unwrap_err().to_string().contains("inode 12"));
    }
}
