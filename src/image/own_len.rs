//! How long a file system says that it is. An image may end inside its last partition: what counts is that all of the file
//! system in it is there.

use std::io;

use super::read_at::ReadAt;
use super::table::Partition;

/// Where all superblocks meant here have been read: the farthest is btrfs's, at 64 KiB.
pub const HEAD: u64 = (64 << 10) + 4096;

/// The length in bytes that the file system on a partition says it has, rounded up to whole blocks of 512; `None` where it is of
/// no kind that is known here. Looks at the first [`HEAD`] bytes.
///
/// Sources: Linux, fs/squashfs/squashfs_fs.h (`bytes_used`), fs/ext4/ext4.h (`s_blocks_count_lo`, `s_log_block_size`,
/// `s_blocks_count_hi` where the feature 64bit is set), fs/erofs/erofs_fs.h (`blocks`, `blkszbits`), fs/btrfs
/// (`total_bytes`), and the FAT specification (`BPB_TotSec16`, `BPB_TotSec32`).
///
/// # Errors
/// When the image can't be read.
pub fn own_len(image: &dyn ReadAt, partition: &Partition) -> io::Result<Option<u64>> {
    let read = |at: u64, len: usize| -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; len];
        let mut got = 0;
        while got < len {
            match image.read_at(&mut bytes[got..], partition.start.saturating_add(at + got as u64))? {
                0 => break,
                count => got += count,
            }
        }
        // What isn't there is like zeros: no superblock.
        bytes[got..].fill(0);
        Ok(bytes)
    };
    let first = read(0, 512)?;
    let second = read(1024, 1024)?;
    let le16 = |bytes: &[u8], at: usize| u64::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]));
    let le32 = |bytes: &[u8], at: usize| le16(bytes, at) | le16(bytes, at + 2) << 16;
    let le64 = |bytes: &[u8], at: usize| le32(bytes, at) | le32(bytes, at + 4) << 32;
    let blocks = |count: u64, log: u64| (log < 32).then(|| count.checked_shl(log as u32)).flatten();
    let len = if first.starts_with(b"hsqs") {
        Some(le64(&first, 40))
    } else if le16(&second, 56) == 0xef53 {
        let high = if le32(&second, 96) & 0x80 == 0 { 0 } else { le32(&second, 0x150) };
        blocks(le32(&second, 4) | high << 32, 10 + le32(&second, 24))
    } else if le32(&second, 0) == 0xe0f5_e1e2 {
        blocks(le32(&second, 36), u64::from(second[12]))
    } else if first[510..] == [0x55, 0xaa]
        && matches!(le16(&first, 11), 512 | 1024 | 2048 | 4096)
        && first[16] > 0
    {
        let sectors = if le16(&first, 19) == 0 { le32(&first, 32) } else { le16(&first, 19) };
        sectors.checked_mul(le16(&first, 11))
    } else {
        let third = read(64 << 10, 256)?;
        (&third[64..72] == b"_BHRfS_M").then(|| le64(&third, 112))
    };
    Ok(len.filter(|len| (1..=partition.len).contains(len)).map(|len| len.next_multiple_of(512)))
}

/// Where what counts of a partition ends, counted from the image's start: where its file system says that it does.
///
/// # Errors
/// When the image can't be read.
pub fn needed(image: &dyn ReadAt, partition: &Partition) -> io::Result<Option<u64>> {
    Ok(own_len(image, partition)?.map(|len| partition.start.saturating_add(len)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::table::Entry;
    use std::process::Command;

    fn of(bytes: Vec<u8>, len: u64) -> Option<u64> {
        let entry = Entry::Mbr { kind: 0x83, bootable: false };
        own_len(&bytes, &Partition { number: 1, start: 0, len, entry }).unwrap()
    }

    #[test]
    fn file_systems_say_how_long_they_are() {
        let dir = tempfile::tempdir().unwrap();
        let made = |script: &str| {
            let script = format!("export PATH=$PATH:/usr/sbin:/sbin; rm -f v; {script}");
            let done = Command::new("sh").args(["-ec", &script]).current_dir(dir.path()).output().unwrap();
            assert!(done.status.success(), "{done:?}");
            std::fs::read(dir.path().join("v")).unwrap()
        };
        let len = 100 << 20;
        assert_eq!(of(made("truncate -s 9M v; mkfs.ext4 -q -F v"), len), Some(9 << 20));
        assert_eq!(of(made("truncate -s 9M v; mkfs.ext4 -q -F -b 1024 -O ^64bit v"), len), Some(9 << 20));
        assert_eq!(of(made("truncate -s 9M v; mkfs.vfat v >/dev/null"), len), Some(9 << 20));
        // A file system that says more than its partition has is not believed.
        assert_eq!(of(made("truncate -s 9M v; mkfs.ext4 -q -F v"), 8 << 20), None);
        let mut squashfs = vec![0; 5000];
        squashfs[..4].copy_from_slice(b"hsqs");
        squashfs[40..48].copy_from_slice(&4500u64.to_le_bytes());
        assert_eq!(of(squashfs, len), Some(4608));
        let mut btrfs = vec![0; 70_000];
        btrfs[65_600..65_608].copy_from_slice(b"_BHRfS_M");
        btrfs[65_648..65_656].copy_from_slice(&(8u64 << 20).to_le_bytes());
        assert_eq!(of(btrfs, len), Some(8 << 20));
        for nothing in [vec![], vec![0; 100], vec![0xff; 70_000]] {
            assert_eq!(of(nothing, len), None);
        }
    }
}
