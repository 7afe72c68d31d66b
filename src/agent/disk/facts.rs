//! Which disks there are, from what the kernel tells in /sys.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::agent::error::Error;
use crate::device_api::{Aim, Disk, Role, aim};

/// More disks than this aren't told of; a board has a few.
const MOST: usize = 64;
/// A word that a disk says of itself has at most so many characters.
const WORD: usize = 200;
/// No file of /sys that is read here is longer.
const LONGEST: u64 = 4096;

/// The disks below `sys` (which is `/sys`), sorted by name.
#[must_use]
pub fn find(sys: &Path) -> Vec<Disk> {
    let Ok(entries) = std::fs::read_dir(sys.join("block")) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    names.into_iter().filter_map(|name| look(sys, name)).take(MOST).collect()
}

/// The disks of this machine, sorted by name, with what NVMe and SATA disks say when they are asked.
#[must_use]
pub fn find_here() -> Vec<Disk> {
    let sys = Path::new("/sys");
    let mut disks = find(sys);
    for disk in &mut disks {
        if disk.role == Role::Nvme {
            super::nvme::ask(disk);
        } else if is_sata(disk) {
            super::sata::ask(disk, sector(sys, &disk.name));
        }
    }
    disks
}

/// Whether a disk is one of those that the kernel drives by ATA itself. Behind an adapter for USB it isn't asked: some of
/// them hang at commands that they don't know.
fn is_sata(disk: &Disk) -> bool {
    disk.role == Role::Other && disk.maker.as_deref() == Some("ATA")
}

/// The length of a disk's logical sectors in bytes.
fn sector(sys: &Path, name: &str) -> u64 {
    let told = text(&sys.join("block").join(name).join("queue/logical_block_size"));
    told.and_then(|text| text.parse().ok()).filter(|len| (512..=65_536).contains(len)).unwrap_or(512)
}

fn look(sys: &Path, name: String) -> Option<Disk> {
    let dir = sys.join("block").join(&name);
    // Memory, and what lies on other disks. Boot areas of an eMMC are no place for an image.
    const NOT: [&str; 8] = ["loop", "ram", "zram", "dm-", "md", "sr", "fd", "nbd"];
    let mmc_area = name.starts_with("mmcblk") && (name.contains("boot") || name.contains("rpmb"));
    if mmc_area || NOT.iter().any(|start| name.starts_with(start)) {
        return None;
    }
    // In sectors of 512 bytes, whatever the disk's own are.
    let size = text(&dir.join("size"))?.parse::<u64>().ok()?.checked_mul(512).filter(|size| *size > 0)?;
    let device = dir.join("device");
    let real = std::fs::canonicalize(&dir).unwrap_or_default();
    let on = |bus: &str| real.components().any(|part| part.as_os_str().to_string_lossy().starts_with(bus));
    let role = match text(&device.join("type")).as_deref() {
        Some("MMC") => Role::Emmc,
        Some("SD") => Role::Sd,
        _ if name.starts_with("nvme") => Role::Nvme,
        _ if on("usb") => Role::Usb,
        _ => Role::Other,
    };
    let register = |file: &str| {
        text(&device.join(file))
            .filter(|text| text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit()))
    };
    let word = |file: &str| {
        let text = text(&device.join(file))?;
        let word: String = text.chars().take(WORD).collect();
        Some(word).filter(|word| !word.is_empty())
    };
    Some(Disk {
        read_only: text(&dir.join("ro")).is_some_and(|ro| ro != "0"),
        model: word("model").or_else(|| word("name")),
        cid: register("cid"),
        csd: register("csd"),
        life: text(&device.join("life_time")).and_then(|text| life(&text)),
        pre_eol: text(&device.join("pre_eol_info")).and_then(|text| life(&text)),
        serial: word("serial").or_else(|| page_80(&device.join("vpd_pg80"))),
        // Of NVMe, of an eMMC or card, of a disk that speaks SCSI.
        firmware: word("firmware_rev").or_else(|| word("fwrev")).or_else(|| word("rev")),
        maker: word("manfid").or_else(|| word("vendor")),
        made: word("date"),
        ..Disk::new(name, role, size)
    })
}

/// The serial number of a disk that speaks SCSI: behind a head of four bytes (SPC-4, 7.8.16).
fn page_80(path: &Path) -> Option<String> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(LONGEST).read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(bytes.get(4..)?)
        .trim_matches(|c: char| c.is_whitespace() || c == '\0')
        .to_owned();
    Some(text.chars().take(WORD).collect()).filter(|text: &String| !text.is_empty())
}

/// `0x01 0x02`: used life of both kinds of memory in steps of 10 %; the larger one counts. 0 is not told.
fn life(text: &str) -> Option<u8> {
    text.split_whitespace()
        .filter_map(|word| u8::from_str_radix(word.strip_prefix("0x")?, 16).ok())
        .max()
        .filter(|life| *life > 0)
}

/// A short file's text without the space around it.
pub(crate) fn text(path: &Path) -> Option<String> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(LONGEST).read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    Some(text.trim_matches(|c: char| c.is_whitespace() || c == '\0').to_owned())
}

/// The disk that is [meant](aim).
///
/// # Errors
/// [`Error::NoDisk`], with what there is.
pub fn pick<'a>(disks: &'a [Disk], target: &[Role]) -> Result<&'a Disk, Error> {
    match aim(disks, target) {
        Aim::One(disk) => return Ok(disk),
        Aim::Several(role) => {
            let why = format!("there are several for {}", word(role));
            return Err(Error::NoDisk { why, others: true });
        }
        Aim::Nothing => {}
    }
    let list =
        |words: Vec<String>, none: &str| if words.is_empty() { none.to_owned() } else { words.join(", ") };
    let wanted = list(target.iter().map(|role| word(*role)).collect(), "no certain disk");
    let there = disks.iter().map(|disk| format!("{} ({})", disk.name, word(disk.role))).collect();
    let why = format!("{wanted} was asked for, {} is there", list(there, "nothing"));
    Err(Error::NoDisk { why, others: !disks.is_empty() })
}

fn word(role: Role) -> String {
    serde_json::to_value(role).ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        dir
    }

    #[test]
    fn disks_are_told_apart_by_how_they_are_attached() {
        let cid = "150100424a544434520ac5d1b4b1a600";
        let sys = tree(&[
            ("block/mmcblk0/size", "61071360\n"),
            ("block/mmcblk0/ro", "0\n"),
            ("block/mmcblk0/device/type", "MMC\n"),
            ("block/mmcblk0/device/name", "BJTD4R\n"),
            ("block/mmcblk0/device/cid", cid),
            ("block/mmcblk0/device/life_time", "0x01 0x03\n"),
            ("block/mmcblk0/device/pre_eol_info", "0x01\n"),
            ("block/mmcblk0/device/serial", "0xc5d1b4b1\n"),
            ("block/mmcblk0/device/manfid", "0x000015\n"),
            ("block/mmcblk0/device/date", "06/2021\n"),
            ("block/nvme0n1/device/serial", "S4EWNX0R123456      \n"),
            ("block/nvme0n1/device/firmware_rev", "2B2QEXM7\n"),
            ("block/sda/size", "1000\n"),
            ("block/sda/device/vendor", "ATA     \n"),
            ("block/sda/queue/logical_block_size", "4096\n"),
            ("block/sda/device/vpd_pg80", "\u{0}\u{7f}\u{0}\u{8} WD-12345"),
            ("block/mmcblk0boot0/size", "8192\n"),
            ("block/mmcblk1/size", "100\n"),
            ("block/mmcblk1/ro", "1\n"),
            ("block/mmcblk1/device/type", "SD\n"),
            ("block/mmcblk1/device/cid", "not a register"),
            ("block/nvme0n1/size", "1000\n"),
            ("block/loop0/size", "1000\n"),
            ("block/sdb/size", "0\n"),
            ("block/sdc/size", "-1\n"),
        ]);
        let found = find(sys.path());
        let names: Vec<_> = found.iter().map(|disk| (disk.name.as_str(), disk.role)).collect();
        assert_eq!(
            names,
            [("mmcblk0", Role::Emmc), ("mmcblk1", Role::Sd), ("nvme0n1", Role::Nvme), ("sda", Role::Other)]
        );
        let word = |at: usize, of: fn(&Disk) -> &Option<String>| of(&found[at]).clone().unwrap_or_default();
        assert_eq!((found[0].pre_eol, word(0, |disk| &disk.serial)), (Some(1), "0xc5d1b4b1".to_owned()));
        assert_eq!(
            (word(0, |disk| &disk.maker), word(0, |disk| &disk.made)),
            ("0x000015".into(), "06/2021".into())
        );
        assert_eq!(
            (word(2, |disk| &disk.serial), word(2, |disk| &disk.firmware)),
            ("S4EWNX0R123456".into(), "2B2QEXM7".into())
        );
        assert_eq!(word(3, |disk| &disk.serial), "WD-12345");
        // What is asked as a SATA disk: neither the others, nor one behind an adapter for USB.
        assert_eq!(found.iter().map(is_sata).collect::<Vec<_>>(), [false, false, false, true]);
        assert!(!is_sata(&Disk { role: Role::Usb, ..found[3].clone() }));
        assert!(!is_sata(&Disk { maker: Some("QEMU".to_owned()), ..found[3].clone() }));
        assert_eq!((sector(sys.path(), "sda"), sector(sys.path(), "sdb")), (4096, 512));
        assert_eq!(
            (found[0].size, found[0].life, found[0].cid.as_deref()),
            (61_071_360 * 512, Some(3), Some(cid))
        );
        assert!(found[1].read_only && found[1].cid.is_none());
        assert_eq!(pick(&found, &[Role::Usb, Role::Emmc]).unwrap().name, "mmcblk0");
        let error = pick(&found, &[Role::Usb]).unwrap_err().to_string();
        assert!(error.contains("usb was asked for, mmcblk0 (emmc), mmcblk1 (sd)"), "{error}");
        let twice = [found[0].clone(), found[0].clone()];
        assert!(pick(&twice, &[Role::Emmc]).unwrap_err().to_string().contains("several"));
        assert!(find(Path::new("/nonexistent")).is_empty());
    }
}
