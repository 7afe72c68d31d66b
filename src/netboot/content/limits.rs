//! Files that a bootloader can't take: said when they are put there, not when a board fails.
//!
//! - The block counter of TFTP has 16 bits. Bootloaders of before 2025-09-23 don't let it roll over, so a file has
//!   at most 65535 blocks of whatever size they ask for: 1468 since 2022-12, 1024 before, 512 where they ask for
//!   none (boot ROM and bootcode.bin of the Pi 2 and 3). Source: raspberrypi/rpi-eeprom issue 720, its release notes.
//! - The EEPROM bootloader gives a file 30 s (`TFTP_FILE_TIMEOUT`), and fetches about 3 MB a second.
//!   Source: docs of raspberrypi (boot EEPROM); rates from issues 857 and tinkerbell's report.

use std::fmt;
use std::path::Path;

use crate::format::size;

/// Blocks in a file, where the counter doesn't roll over.
const BLOCKS: u64 = 65535;
/// The block sizes that bootloaders ask for, in bytes.
const BLOCK_NEW: u64 = 1468;
const BLOCK_OLD: u64 = 1024;
const BLOCK_NONE: u64 = 512;
/// What is fetched in the time that a file may take: 30 s at 3 MB/s.
const IN_TIME: u64 = 30 * 3_000_000;

/// Which boards a directory is for, as far as limits go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Pi 2 and 3: boot ROM and bootcode.bin.
    Rom,
    /// Pi 4, 400, CM4, 5, 500, CM5: a bootloader in an EEPROM.
    Eeprom,
    /// It can't be told: all boards' limits hold.
    Any,
}

impl Class {
    /// Tells by the names of the files in a directory.
    pub fn of<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let (mut rom, mut eeprom) = (false, false);
        for name in names {
            let dtb =
                |heads: &[&str]| name.ends_with(".dtb") && heads.iter().any(|head| name.starts_with(head));
            rom |= matches!(name, "bootcode.bin" | "start.elf") || dtb(&["bcm2709", "bcm2710", "bcm2837"]);
            eeprom |= name == "start4.elf" || dtb(&["bcm2711", "bcm2712"]);
        }
        match (rom, eeprom) {
            (true, false) => Self::Rom,
            (false, true) => Self::Eeprom,
            _ => Self::Any,
        }
    }
}

/// A limit that a file is above.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "limit", rename_all = "kebab-case")]
pub enum Limit {
    /// More blocks than a 16-bit counter counts.
    Blocks {
        /// The size of the blocks, in bytes.
        blksize: u64,
        /// The largest file.
        most: u64,
    },
    /// More than can be fetched in the time for a file.
    Time {
        /// Seconds that it will take.
        seconds: u64,
    },
}

/// Which limits a file of this size is above, the hardest first.
#[must_use]
pub fn above(class: Class, bytes: u64) -> Vec<Limit> {
    let sizes: &[u64] = match class {
        Class::Rom => &[BLOCK_NONE],
        Class::Eeprom => &[BLOCK_NEW, BLOCK_OLD],
        Class::Any => &[BLOCK_NEW, BLOCK_OLD, BLOCK_NONE],
    };
    // A file of whole blocks ends with an empty one, which counts too.
    let limit = sizes.iter().copied().find(|blksize| bytes / blksize + 1 > BLOCKS);
    let mut limits: Vec<_> =
        limit.map(|blksize| Limit::Blocks { blksize, most: BLOCKS * blksize - 1 }).into_iter().collect();
    if class != Class::Rom && bytes > IN_TIME {
        limits.push(Limit::Time { seconds: bytes.div_ceil(3_000_000) });
    }
    limits
}

impl fmt::Display for Limit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Blocks { blksize: BLOCK_NEW, most } => {
                write!(out, "EEPROM bootloaders of before 2025-09-23 take at most {}", size(*most))
            }
            Self::Blocks { blksize: BLOCK_OLD, most } => {
                write!(out, "EEPROM bootloaders of before December 2022 take at most {}", size(*most))
            }
            Self::Blocks { most, .. } => write!(out, "the Pi 2 and 3 take at most {}", size(*most)),
            Self::Time { seconds } => write!(
                out,
                "it takes about {seconds} s, and a Pi 4 or 5 gives a file 30 s unless TFTP_FILE_TIMEOUT says more"
            ),
        }
    }
}

/// A file that is too large for its boards.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct TooLarge {
    /// The file, below the TFTP root.
    pub path: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// The client whose directory it lies in, if it is one's.
    pub client: Option<String>,
    /// What it is above.
    pub limits: Vec<Limit>,
}

impl fmt::Display for TooLarge {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let client = self.client.as_ref().map(|name| format!(" (client {name})")).unwrap_or_default();
        write!(out, "{}{client} has {}: ", self.path, size(self.bytes))?;
        for (n, limit) in self.limits.iter().enumerate() {
            write!(out, "{}{limit}", if n > 0 { "; " } else { "" })?;
        }
        Ok(())
    }
}

/// Looks at the files of one directory (and its `overlays`): those that are too large for its boards.
#[must_use]
pub fn scan(directory: &Path, shown: &str, client: Option<&str>) -> Vec<TooLarge> {
    let names = names(directory);
    let class = Class::of(names.iter().map(String::as_str));
    let found = names.iter().filter_map(|name| {
        let meta = std::fs::metadata(directory.join(name)).ok().filter(std::fs::Metadata::is_file)?;
        let limits = above(class, meta.len());
        let path = if shown.is_empty() { name.clone() } else { format!("{shown}/{name}") };
        let too_large = TooLarge { path, bytes: meta.len(), client: client.map(str::to_owned), limits };
        (!too_large.limits.is_empty()).then_some(too_large)
    });
    found.collect()
}

/// The names in a directory, sorted; empty where it can't be read.
fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_borders_are_exact() {
        // 65535 blocks, the last of them not full.
        for (class, blksize) in [(Class::Rom, 512), (Class::Eeprom, 1024), (Class::Any, 512)] {
            assert_eq!(above(class, 65535 * blksize - 1), [], "{class:?}");
            let most = 65535 * blksize - 1;
            assert_eq!(above(class, most + 1), [Limit::Blocks { blksize, most }], "{class:?}");
        }
        assert_eq!(above(Class::Eeprom, 0), []);
        assert_eq!(
            above(Class::Eeprom, 90_000_001),
            [Limit::Blocks { blksize: 1024, most: 67_107_839 }, Limit::Time { seconds: 31 },]
        );
        assert_eq!(above(Class::Eeprom, 65535 * 1468)[0], Limit::Blocks { blksize: 1468, most: 96_205_379 });
        assert_eq!(above(Class::Rom, u64::MAX).len(), 1, "the time is one of EEPROM bootloaders");
    }

    #[test]
    fn a_directory_tells_its_boards() {
        assert_eq!(Class::of(["bootcode.bin", "start.elf", "kernel8.img"]), Class::Rom);
        assert_eq!(Class::of(["start4.elf", "bcm2711-rpi-4-b.dtb"]), Class::Eeprom);
        assert_eq!(Class::of(["config.txt", "bcm2712-rpi-5-b.dtb"]), Class::Eeprom);
        assert_eq!(Class::of(["start.elf", "start4.elf"]), Class::Any);
        assert_eq!(Class::of([]), Class::Any);
    }

    #[test]
    fn a_large_file_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = std::fs::File::create(dir.path().join("initramfs8")).unwrap();
        file.set_len(100_000_000).unwrap();
        std::fs::write(dir.path().join("start4.elf"), "x").unwrap();
        let found = scan(dir.path(), "9c1d03f2", Some("porch"));
        assert_eq!(found.len(), 1);
        assert_eq!(
            found[0].to_string(),
            "9c1d03f2/initramfs8 (client porch) has 95.4 MiB: EEPROM bootloaders of before 2025-09-23 take at most \
             91.7 MiB; it takes about 34 s, and a Pi 4 or 5 gives a file 30 s unless TFTP_FILE_TIMEOUT says more"
        );
        assert_eq!(scan(&dir.path().join("nowhere"), "", None), []);
    }
}
