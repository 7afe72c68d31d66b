//! Writes a whole FAT32 file system in one go.
//!
//! It is written here and not with the fatfs crate because fatfs 0.3.6 gives the `.` and `..` entries of
//! new directories long names, which fsck.vfat takes for damage; and because a volume written at once can have
//! what a boot ROM likes best: every file in one piece, and the same bytes each time.
//!
//! FAT32 and nothing else: the Pi's start.elf takes FAT partitions in a GPT on an SD card for FAT32. That takes
//! at least 65525 clusters (Microsoft's FAT specification 1.03, "FAT type determination"), so the smallest
//! volume has about 33 MiB, and at 40 MiB a cluster is one sector.

mod clusters;
mod geometry;
mod names;
mod tree;

use std::io;

use crate::error::{Explain, Kind, Remedy};
use clusters::{Clusters, label};
use geometry::Geometry;

pub(in crate::image) use clusters::{Stamp, file_entry};
pub(in crate::image) use names::name_entries;
pub use tree::Tree;

const SECTOR: u64 = 512;
const MEDIA: u8 = 0xf8;
const FATS: u64 = 2;

/// Why a volume can't be written. Sizes are bytes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Not enough clusters for FAT32.
    #[error("a FAT32 file system needs at least {least} bytes; there are {len}")]
    TooSmall {
        /// Length of the partition.
        len: u64,
        /// The least length.
        least: u64,
    },
    /// Too long for FAT32.
    #[error("a FAT32 file system can have {most} bytes; there are {len}")]
    TooLarge {
        /// Length of the partition.
        len: u64,
        /// The greatest length.
        most: u64,
    },
    /// The files don't fit.
    #[error("the files take {need} bytes; there is room for {room}")]
    Full {
        /// What they take, in whole clusters.
        need: u64,
        /// What there is.
        room: u64,
    },
    /// A name that FAT can't have.
    #[error("`{path}` can't be a file name on FAT: {why}")]
    Name {
        /// The path.
        path: String,
        /// What is wrong.
        why: &'static str,
    },
    /// Two names that FAT takes for one.
    #[error("`{path}` is there twice: FAT does not tell upper from lower case")]
    Twice {
        /// The path of the second.
        path: String,
    },
    /// FAT's limit of a file's length.
    #[error("`{path}` has {len} bytes; on FAT a file has less than 4 GiB")]
    FileTooLong {
        /// The path.
        path: String,
        /// How long it is.
        len: u64,
    },
    /// FAT's limit of a directory's length.
    #[error("`{path}` has too many files for one FAT directory")]
    DirectoryTooLong {
        /// The path.
        path: String,
    },
    /// Writing failed.
    #[error("writing the FAT file system")]
    Io(#[from] io::Error),
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Io(error) => Kind::of_io(error),
            _ => Kind::BadData,
        }
    }

    fn hint(&self) -> Option<Remedy> {
        match self {
            Self::Name { .. } | Self::Twice { .. } => Some("rename it, or leave it out".into()),
            _ => None,
        }
    }
}

/// What the volume is to be.
#[derive(Debug, Clone)]
pub struct Volume {
    /// Length of the partition in bytes.
    pub len: u64,
    /// Where the partition starts on its disk, in bytes; stands in the boot sector.
    pub start: u64,
    /// Up to 11 characters, upper case.
    pub label: &'static str,
    /// The serial number.
    pub serial: u32,
    /// Times of all files, in seconds since 1970; FAT begins with 1980 and counts in twos.
    pub time: u64,
}

/// Writes the file system with these files: `put` gets pieces with their offsets in the partition, in
/// ascending order and without overlaps. What is not written must be zero.
///
/// # Errors
/// When the files don't fit, when a name can't be written, and what `put` ends with.
pub fn write(
    volume: &Volume,
    tree: &Tree,
    mut put: impl FnMut(u64, &[u8]) -> io::Result<()>,
) -> Result<(), Error> {
    let geometry = Geometry::new(volume.len)?;
    let clusters = Clusters::new(&geometry, tree, volume)?;
    put(0, &boot_sectors(&geometry, volume, &clusters))?;
    let fat = clusters.fat(&geometry);
    for copy in 0..FATS {
        put((geometry.reserved + copy * geometry.fat_sectors) * SECTOR, &fat)?;
    }
    for (cluster, bytes) in &clusters.pieces {
        put((geometry.data() + (u64::from(*cluster) - 2) * geometry.sectors_per_cluster) * SECTOR, bytes)?;
    }
    Ok(())
}

/// Boot sector and FSInfo, and their copies.
fn boot_sectors(geometry: &Geometry, volume: &Volume, clusters: &Clusters<'_>) -> Vec<u8> {
    let mut boot = vec![0; SECTOR as usize];
    // A jump over the parameters to code that stops; nobody runs it.
    boot[0..3].copy_from_slice(&[0xeb, 0x58, 0x90]);
    boot[90..92].copy_from_slice(&[0xeb, 0xfe]);
    boot[3..11].copy_from_slice(b"PIPROV  ");
    boot[11..13].copy_from_slice(&(SECTOR as u16).to_le_bytes());
    boot[13] = geometry.sectors_per_cluster as u8;
    boot[14..16].copy_from_slice(&(geometry.reserved as u16).to_le_bytes());
    boot[16] = FATS as u8;
    boot[21] = MEDIA;
    boot[24..26].copy_from_slice(&63u16.to_le_bytes());
    boot[26..28].copy_from_slice(&255u16.to_le_bytes());
    boot[28..32].copy_from_slice(&((volume.start / SECTOR) as u32).to_le_bytes());
    boot[32..36].copy_from_slice(&(geometry.sectors as u32).to_le_bytes());
    boot[36..40].copy_from_slice(&(geometry.fat_sectors as u32).to_le_bytes());
    boot[44..48].copy_from_slice(&2u32.to_le_bytes());
    boot[48..50].copy_from_slice(&1u16.to_le_bytes());
    boot[50..52].copy_from_slice(&6u16.to_le_bytes());
    boot[64] = 0x80;
    boot[66] = 0x29;
    boot[67..71].copy_from_slice(&volume.serial.to_le_bytes());
    boot[71..82].copy_from_slice(&label(volume.label));
    boot[82..90].copy_from_slice(b"FAT32   ");
    boot[510..].copy_from_slice(&[0x55, 0xaa]);

    let mut info = vec![0; SECTOR as usize];
    info[0..4].copy_from_slice(b"RRaA");
    info[484..488].copy_from_slice(b"rrAa");
    info[488..492].copy_from_slice(&((geometry.clusters - clusters.used) as u32).to_le_bytes());
    // Where to look for a free cluster; all ones where there is none.
    let next = if clusters.used < geometry.clusters { clusters.used as u32 + 2 } else { u32::MAX };
    info[492..496].copy_from_slice(&next.to_le_bytes());
    info[510..].copy_from_slice(&[0x55, 0xaa]);

    let mut sectors = boot;
    sectors.extend(info);
    sectors.resize(6 * SECTOR as usize, 0);
    sectors.extend_from_within(..2 * SECTOR as usize);
    sectors
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::FileExt;
    use std::path::Path;
    use std::process::Command;

    fn volume(len: u64) -> Volume {
        Volume { len, start: 4 << 20, label: "UBOOT", serial: 0x1234_abcd, time: 1_700_000_001 }
    }

    fn written(path: &Path, volume: &Volume, tree: &Tree) -> Result<(), Error> {
        let file = std::fs::File::create(path).unwrap();
        file.set_len(volume.len).unwrap();
        let mut last = 0;
        write(volume, tree, |at, bytes| {
            assert!(at >= last, "pieces come in order");
            last = at + bytes.len() as u64;
            assert!(last.next_multiple_of(512) <= volume.len);
            file.write_all_at(bytes, at)
        })
    }

    fn fsck(path: &Path) -> String {
        let output = Command::new("/usr/sbin/fsck.vfat")
            .args(["-n", "-v"])
            .arg(path)
            .output()
            .expect("fsck.vfat is missing: apt-get install dosfstools");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{text}");
        text
    }

    fn bytes(len: usize, seed: u8) -> Vec<u8> {
        (0..len).map(|n| (n * 7 / 5) as u8 ^ seed).collect()
    }

    fn tree() -> Tree {
        let mut tree = Tree::default();
        for (path, len) in [
            ("config.txt", 300),
            ("BOOTCODE.BIN", 52_000),
            ("start4.elf", 2_250_000),
            ("bcm2711-rpi-4-b.dtb", 512),
            ("empty", 0),
            ("boot.scr.uimg", 513),
            ("Ein längerer Name ☺ mit Zeichen.txt", 10),
            ("exactly13char", 1),
            ("a/b/c/d.txt", 2000),
        ] {
            tree.put(path, bytes(len, len as u8));
        }
        for n in 0..300 {
            tree.put(&format!("overlays/overlay-with-a-long-name-{n}.dtbo"), bytes(n * 3, n as u8));
        }
        tree.make_directory("nothing/in it");
        tree
    }

    #[test]
    fn a_volume_passes_fsck_and_reads_back_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("volume");
        for len in [40 << 20, 100 << 20, 1 << 30] {
            written(&path, &volume(len), &tree()).unwrap();
            let report = fsck(&path);
            assert!(report.contains("32 bit") || report.contains("FATs, 32"), "{report}");
            let read = std::fs::File::options().read(true).write(true).open(&path).unwrap();
            let volume = fatfs::FileSystem::new(read, fatfs::FsOptions::new()).unwrap();
            assert_eq!(volume.fat_type(), fatfs::FatType::Fat32);
            for (name, want) in tree().files() {
                let mut got = Vec::new();
                io::Read::read_to_end(&mut volume.root_dir().open_file(&name).unwrap(), &mut got).unwrap();
                assert!(got == want, "{name}");
            }
            assert!(volume.root_dir().open_dir("nothing/in it").is_ok());
        }
        // mtools sees names, times and the label.
        let list = Command::new("mdir")
            .args(["-i", &path.display().to_string(), "::"])
            .env("TZ", "UTC")
            .output()
            .expect("mdir is missing: apt-get install mtools");
        let list = String::from_utf8_lossy(&list.stdout);
        assert!(list.contains("Volume in drive : is UBOOT"), "{list}");
        assert!(list.contains("Volume Serial Number is 1234-ABCD"), "{list}");
        assert!(list.contains("BCM271~1 DTB       512 2023-11-14  22:13  bcm2711-rpi-4-b.dtb"), "{list}");
    }

    #[test]
    fn the_same_files_give_the_same_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let (one, other) = (dir.path().join("one"), dir.path().join("other"));
        written(&one, &volume(40 << 20), &tree()).unwrap();
        written(&other, &volume(40 << 20), &tree()).unwrap();
        assert!(std::fs::read(one).unwrap() == std::fs::read(other).unwrap());
    }

    #[test]
    fn a_volume_can_be_filled_to_the_last_cluster_and_not_beyond() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("volume");
        let geometry = Geometry::new(40 << 20).unwrap();
        let mut tree = Tree::default();
        tree.put("a", vec![1; ((geometry.clusters - 1) * 512) as usize]);
        tree.put("b", vec![2]);
        let Err(Error::Full { need, room }) = written(&path, &volume(40 << 20), &tree) else {
            panic!("one cluster too many");
        };
        assert_eq!(need, room + 512);
        tree.put("b", Vec::new());
        tree.put("c", Vec::new());
        written(&path, &volume(40 << 20), &tree).unwrap();
        let report = fsck(&path);
        assert!(report.contains(&format!("{0}/{0} clusters", geometry.clusters)), "{report}");
    }
}
