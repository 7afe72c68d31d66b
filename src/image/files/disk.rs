//! What a disk has that a word may name: partitions by number, PARTUUID and name, file systems by label and UUID.
//!
//! Sources: Linux, block/early-lookup.c for what a kernel understands by itself, and fs/ext4/ext4.h (`s_uuid`,
//! `s_volume_name`), linux/swap.h (`sws_uuid`, `sws_volume`) and the FAT specification 1.03 (`BS_VolID`, `BS_VolLab`).

use std::io;
use std::sync::Arc;

use super::volume::{Volume, in_fat};
use crate::format::brief;
use crate::image::read_at::ReadAt;
use crate::image::table::{Entry, Partition, Scheme, Table, guid_text};

/// Labels that are named where none fits.
const NAMED: usize = 6;
/// Characters of one of them.
const LABEL: usize = 40;
/// "Basic data" and the EFI system partition, as on disk: the types of a GPT's FAT partitions.
const FAT_GUIDS: [[u8; 16]; 2] = [
    [0xa2, 0xa0, 0xd0, 0xeb, 0xe5, 0xb9, 0x33, 0x44, 0x87, 0xc0, 0x68, 0xb6, 0xb7, 0x26, 0x99, 0xc7],
    [0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11, 0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b],
];

/// What lies on a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    /// Nothing that is known, or nobody has looked.
    Unknown,
    Fat,
    Ext4,
    Swap,
    /// Other partitions.
    Extended,
    /// Something whose label isn't read here.
    Unread,
}

/// A partition and its names.
#[derive(Debug, Clone)]
pub struct Named {
    /// Its number.
    pub number: u32,
    /// Whether its type in the table is one of FAT's.
    pub is_fat_by_type: bool,
    holds: Holds,
    partuuid: String,
    name: String,
    labels: Vec<String>,
    uuid: String,
}

impl Named {
    /// What it holds where that can't be a system's root.
    #[must_use]
    pub fn no_root(&self) -> Option<&'static str> {
        match self.holds {
            Holds::Fat => Some("a FAT file system"),
            Holds::Swap => Some("swap space"),
            Holds::Extended => Some("a container for other partitions"),
            Holds::Unknown | Holds::Ext4 | Holds::Unread => None,
        }
    }
}

/// What a word names.
#[derive(Debug, Clone)]
pub enum Meant<'a> {
    /// This partition.
    Partition(&'a Named),
    /// A partition of this disk, by number, that it doesn't have.
    NoPartition(u32),
    /// Something by a name that fits nothing here; the end of a sentence that begins with the word.
    Nothing(String),
    /// Another disk, or something that isn't known here.
    Elsewhere,
}

/// The partitions of a disk and their names.
#[derive(Debug, Clone)]
pub struct Disk {
    id: Option<u32>,
    parts: Vec<Named>,
    looked: bool,
}

impl Disk {
    /// As far as the table tells.
    #[must_use]
    pub fn new(table: &Table) -> Self {
        let part = |partition: &Partition| Named {
            number: partition.number,
            is_fat_by_type: match &partition.entry {
                Entry::Mbr { kind, .. } => matches!(kind, 0x01 | 0x04 | 0x06 | 0x0b | 0x0c | 0x0e | 0xef),
                Entry::Gpt { kind, .. } => FAT_GUIDS.contains(kind),
            },
            holds: if partition.is_extended() { Holds::Extended } else { Holds::Unknown },
            partuuid: table.partuuid(partition),
            name: match &partition.entry {
                Entry::Mbr { .. } => String::new(),
                Entry::Gpt { name, .. } => name.clone(),
            },
            labels: Vec::new(),
            uuid: String::new(),
        };
        let id = match table.scheme {
            Scheme::Mbr { disk_id } => Some(disk_id),
            Scheme::Gpt { .. } => None,
        };
        Self { id, parts: table.partitions.iter().map(part).collect(), looked: false }
    }

    /// Reads what the file systems are called, too. Waits for the beginning of each.
    ///
    /// # Errors
    /// When the image can't be read.
    pub fn look(mut self, image: &Arc<dyn ReadAt>, table: &Table) -> io::Result<Self> {
        for (part, partition) in self.parts.iter_mut().zip(&table.partitions) {
            if part.holds != Holds::Extended {
                part.look(&Volume { image, partition })?;
            }
        }
        self.looked = true;
        Ok(self)
    }

    /// The id in its MBR, with which the names of its partitions begin; `None` on a GPT.
    #[must_use]
    pub const fn id(&self) -> Option<u32> {
        self.id
    }

    /// The partition that a word names: `LABEL=rootfs`, `PARTUUID=…`, `/dev/mmcblk0p2`, `179:2`.
    #[must_use]
    pub fn meant(&self, spec: &str) -> Meant<'_> {
        let after = |prefixes: [&str; 2]| {
            let rest = prefixes.iter().find_map(|prefix| spec.strip_prefix(prefix))?;
            Some(unescaped(rest.trim_matches('"')))
        };
        let found = |fits: &dyn Fn(&Named) -> bool, why: &dyn Fn() -> String| {
            self.parts.iter().find(|part| fits(part)).map_or_else(|| Meant::Nothing(why()), Meant::Partition)
        };
        if let Some(label) = after(["LABEL=", "/dev/disk/by-label/"]) {
            return self.in_file_systems(found(&|part| part.labels.contains(&label), &|| {
                self.but(|part| &part.labels, "labels")
            }));
        }
        if let Some(uuid) = after(["UUID=", "/dev/disk/by-uuid/"]) {
            let fits = |part: &Named| !uuid.is_empty() && part.uuid.eq_ignore_ascii_case(&uuid);
            let uuids = |part: &'_ Named| Some(part.uuid.clone()).filter(|uuid| !uuid.is_empty());
            return self.in_file_systems(found(&fits, &|| {
                let all: Vec<String> = self.parts.iter().filter_map(uuids).collect();
                told(&all, "UUIDs")
            }));
        }
        if let Some(name) = after(["PARTLABEL=", "/dev/disk/by-partlabel/"]) {
            return match self.id {
                Some(_) => Meant::Nothing("names a partition by a name, and an MBR has no names".to_owned()),
                None => found(&|part| part.name == name, &|| {
                    let names: Vec<String> = self.parts.iter().map(|part| part.name.clone()).collect();
                    told(&names, "partitions' names")
                }),
            };
        }
        if let Some(partuuid) = after(["PARTUUID=", "/dev/disk/by-partuuid/"]) {
            return self.by_partuuid(&partuuid);
        }
        if spec == "/dev/mmcblk0" {
            return Meant::Nothing("is the whole disk, and no partition of it".to_owned());
        }
        if let Some((own, number, _)) = super::lines::link(spec) {
            return if own { self.by_number(number) } else { Meant::Elsewhere };
        }
        if super::lines::device(spec).is_none() && spec.starts_with("/dev/mmcblk0p") {
            return Meant::Nothing(
                "names no partition: behind mmcblk0p stands a number without a zero in front".to_owned(),
            );
        }
        let number = match super::lines::device(spec) {
            Some(("mmcblk0", number)) => Some(number),
            _ => super::lines::device_number(spec).filter(|minor| (1..8).contains(minor)),
        };
        match number {
            Some(number) => self.by_number(number),
            None => Meant::Elsewhere,
        }
    }

    fn by_number(&self, number: u32) -> Meant<'_> {
        let found = self.parts.iter().find(|part| part.number == number);
        found.map_or(Meant::NoPartition(number), Meant::Partition)
    }

    fn by_partuuid(&self, partuuid: &str) -> Meant<'_> {
        let (partuuid, behind) = offset(partuuid);
        if let Some(part) = self.parts.iter().find(|part| part.partuuid.eq_ignore_ascii_case(partuuid)) {
            return if behind == 0 {
                Meant::Partition(part)
            } else {
                self.by_number(part.number.saturating_add(behind))
            };
        }
        let own = partuuid.split_once('-').filter(|(id, number)| id.len() == 8 && number.len() == 2);
        let own = own.and_then(|(id, number)| {
            Some((u32::from_str_radix(id, 16).ok()?, u32::from_str_radix(number, 16).ok()?))
        });
        match own {
            Some((id, number)) if Some(id) == self.id => Meant::NoPartition(number),
            None if self.id.is_some_and(|id| misspelt(partuuid, id)) => Meant::Nothing(MISSPELT.to_owned()),
            _ => Meant::Elsewhere,
        }
    }

    /// An answer about file systems, if all of them could be asked.
    fn in_file_systems<'a>(&self, found: Meant<'a>) -> Meant<'a> {
        let all = self.looked && self.parts.iter().all(|part| part.holds != Holds::Unread);
        match found {
            Meant::Nothing(_) if !all => Meant::Elsewhere,
            found => found,
        }
    }

    /// That nothing fits, and what there is.
    fn but(&self, names: impl Fn(&Named) -> &Vec<String>, what: &str) -> String {
        let mut all: Vec<String> = self.parts.iter().flat_map(|part| names(part).iter().cloned()).collect();
        all.dedup_by(|one, other| one.eq_ignore_ascii_case(other));
        told(&all, what)
    }
}

/// What is said of a name that begins with the disk's id, and that no kernel finds: it compares texts.
pub(super) const MISSPELT: &str = "names no partition: behind the disk's id stand a hyphen and two digits";

/// Whether a PARTUUID begins with the id of this MBR, and isn't one of its partitions' by its form.
pub(super) fn misspelt(partuuid: &str, id: u32) -> bool {
    let own = partuuid.get(..8).is_some_and(|own| u32::from_str_radix(own, 16) == Ok(id));
    let digits = partuuid.get(8..).and_then(|rest| rest.strip_prefix('-')).unwrap_or_default();
    own && partuuid.len() < 36 && !(digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// A PARTUUID, and how many partitions further the meant one is: `…/PARTNROFF=1` (block/early-lookup.c).
pub(super) fn offset(partuuid: &str) -> (&str, u32) {
    let split = partuuid.split_once("/PARTNROFF=");
    split.and_then(|(name, behind)| Some((name, behind.parse().ok()?))).unwrap_or((partuuid, 0))
}

fn told(all: &[String], what: &str) -> String {
    let named: Vec<String> =
        all.iter().filter(|name| !name.is_empty()).take(NAMED).map(|name| brief(name, LABEL)).collect();
    match named[..] {
        [] => format!("fits nothing in the image, which has no {what}"),
        _ => format!("fits nothing in the image: its {what} are {}", named.join(", ")),
    }
}

/// A blank as fstab and udev write it.
fn unescaped(text: &str) -> String {
    text.replace("\\040", " ").replace("\\x20", " ")
}

impl Named {
    fn look(&mut self, volume: &Volume<'_>) -> io::Result<()> {
        let read = |at: u64, len: usize| -> io::Result<Vec<u8>> {
            let mut bytes = vec![0; len];
            let from = volume.partition.start.saturating_add(at);
            // What lies behind the image's end is no file system.
            match volume.image.read_exact_at(&mut bytes, from) {
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => bytes.fill(0),
                read => read?,
            }
            Ok(bytes)
        };
        if volume.is_fat()? {
            self.holds = Holds::Fat;
            let boot = read(0, 512)?;
            let wide = boot[22..24] == [0, 0];
            let at = if wide { 67 } else { 39 };
            let id = u32::from_le_bytes([boot[at], boot[at + 1], boot[at + 2], boot[at + 3]]);
            self.uuid = format!("{:04X}-{:04X}", id >> 16, id & 0xffff);
            self.label(&boot[at + 4..at + 15]);
            match in_fat(volume.image, volume.partition, |fat| fat.label()) {
                Ok(Some(label)) => self.label(&label),
                Ok(None) => {}
                // Damage is told where files are read.
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::InvalidData
                            | io::ErrorKind::UnexpectedEof
                            | io::ErrorKind::QuotaExceeded
                    ) => {}
                Err(error) => return Err(error),
            }
        } else if volume.is_ext4()? {
            self.holds = Holds::Ext4;
            let superblock = read(1024, 256)?;
            self.uuid = uuid(&superblock[0x68..0x78]);
            self.label(&superblock[0x78..0x88]);
        } else if super::is_swap(volume.image, volume.partition)? {
            self.holds = Holds::Swap;
            let header = read(1024, 64)?;
            self.uuid = uuid(&header[12..28]);
            self.label(&header[28..44]);
        } else if volume.unread()?.is_some() {
            self.holds = Holds::Unread;
        }
        Ok(())
    }

    /// A label that is filled up with zeros or blanks.
    fn label(&mut self, bytes: &[u8]) {
        let bytes = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
        let label = String::from_utf8_lossy(bytes).trim_end().to_owned();
        if !label.is_empty() && label != "NO NAME" && !self.labels.contains(&label) {
            self.labels.push(label);
        }
    }
}

/// A UUID as its bytes are written, unlike a GPT's.
fn uuid(bytes: &[u8]) -> String {
    let Ok(mut bytes) = <[u8; 16]>::try_from(bytes) else { return String::new() };
    if bytes == [0; 16] {
        return String::new();
    }
    bytes[..4].reverse();
    bytes[4..6].reverse();
    bytes[6..8].reverse();
    guid_text(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mbr(kinds: &[u8]) -> Table {
        let partition = |(n, kind): (usize, &u8)| Partition {
            number: n as u32 + 1,
            start: (n as u64 + 1) << 20,
            len: 1 << 20,
            entry: Entry::Mbr { kind: *kind, bootable: false },
        };
        let partitions = kinds.iter().enumerate().map(partition).collect();
        Table { scheme: Scheme::Mbr { disk_id: 0x35c8_4628 }, partitions, hybrid: false }
    }

    /// A FAT label in the boot sector, ext4, swap, and nothing.
    fn image() -> (Arc<dyn ReadAt>, Table) {
        let mut bytes = vec![0; 5 << 20];
        let fat = 1 << 20;
        bytes[fat] = 0xeb;
        bytes[fat + 11..fat + 14].copy_from_slice(&[0, 2, 1]);
        bytes[fat + 16] = 2;
        bytes[fat + 22] = 1;
        bytes[fat + 39..fat + 43].copy_from_slice(&[0xcd, 0xab, 0x34, 0x12]);
        bytes[fat + 43..fat + 54].copy_from_slice(b"bootfs     ");
        bytes[fat + 510..fat + 512].copy_from_slice(&[0x55, 0xaa]);
        let ext4 = (2 << 20) + 1024;
        bytes[ext4 + 56..ext4 + 58].copy_from_slice(&[0x53, 0xef]);
        for n in 0..16 {
            bytes[ext4 + 0x68 + n] = n as u8 * 0x11;
        }
        bytes[ext4 + 0x78..ext4 + 0x7e].copy_from_slice(b"root 1");
        let swap = 3 << 20;
        bytes[swap + 4086..swap + 4096].copy_from_slice(b"SWAPSPACE2");
        bytes[swap + 1052..swap + 1056].copy_from_slice(b"swap");
        (Arc::new(bytes), mbr(&[0x0c, 0x83, 0x82, 0x83]))
    }

    #[test]
    fn names_of_every_kind_lead_to_their_partition() {
        let (image, table) = image();
        let disk = Disk::new(&table).look(&image, &table).unwrap();
        for (spec, number) in [
            ("LABEL=bootfs", 1),
            ("UUID=1234-abcd", 1),
            ("/dev/disk/by-uuid/1234-ABCD", 1),
            ("LABEL=\"root 1\"", 2),
            ("/dev/disk/by-label/root\\x201", 2),
            ("UUID=00112233-4455-6677-8899-aabbccddeeff", 2),
            ("LABEL=swap", 3),
            ("PARTUUID=35C84628-02", 2),
            ("PARTUUID=35c84628-01/PARTNROFF=2", 3),
            ("/dev/mmcblk0p4", 4),
            ("179:3", 3),
            ("b304", 4),
            ("0xb301", 1),
            ("/dev/disk/by-path/platform-fe340000.mmc-part2", 2),
        ] {
            let Meant::Partition(part) = disk.meant(spec) else { panic!("{spec}: {:?}", disk.meant(spec)) };
            assert_eq!(part.number, number, "{spec}");
        }
        for (spec, number) in [("/dev/mmcblk0p7", 7), ("PARTUUID=35c84628-09", 9), ("179:5", 5), ("b307", 7)]
        {
            assert!(matches!(disk.meant(spec), Meant::NoPartition(found) if found == number), "{spec}");
        }
        for (spec, why) in [
            ("LABEL=nosuch", "its labels are bootfs, root 1, swap"),
            ("LABEL=", "its labels are"),
            ("UUID=00000000-0000-0000-0000-000000000000", "its UUIDs are 1234-ABCD, 00112233-4455"),
            ("UUID=", "its UUIDs are"),
            ("PARTLABEL=rootfs", "an MBR has no names"),
            ("/dev/mmcblk0", "the whole disk"),
            ("/dev/mmcblk0p02", "without a zero in front"),
            ("/dev/mmcblk0p", "without a zero in front"),
        ] {
            let Meant::Nothing(told) = disk.meant(spec) else { panic!("{spec}: {:?}", disk.meant(spec)) };
            assert!(told.contains(why), "{spec}: {told}");
        }
        for spec in
            ["", "/dev/sda1", "/dev/mmcblk1", "179:0", "179:8", "8:1", "PARTUUID=deadbeef-01", "/dev/nfs"]
        {
            assert!(matches!(disk.meant(spec), Meant::Elsewhere), "{spec}");
        }
        // Nobody has looked, so nothing is known of labels; nor where one file system can't be read.
        assert!(matches!(Disk::new(&table).meant("LABEL=nosuch"), Meant::Elsewhere));
        let mut bytes = vec![0; 5 << 20];
        image.read_exact_at(&mut bytes, 0).unwrap();
        bytes[4 << 20..(4 << 20) + 4].copy_from_slice(b"XFSB");
        let disk = Disk::new(&table).look(&(Arc::new(bytes) as Arc<dyn ReadAt>), &table).unwrap();
        assert!(matches!(disk.meant("LABEL=nosuch"), Meant::Elsewhere));
    }

    #[test]
    fn an_image_that_ends_early_has_no_names_behind_its_end() {
        let (image, table) = image();
        for len in [0, 1 << 20, (1 << 20) + 600, (2 << 20) + 1100, (3 << 20) + 10] {
            let mut bytes = vec![0; len];
            image.read_exact_at(&mut bytes, 0).unwrap();
            Disk::new(&table).look(&(Arc::new(bytes) as Arc<dyn ReadAt>), &table).unwrap();
        }
    }

    #[test]
    fn a_gpt_has_names() {
        let entry = |number: u8, name: &str| Partition {
            number: number.into(),
            start: 0,
            len: 0,
            entry: Entry::Gpt {
                kind: FAT_GUIDS[0],
                guid: [number; 16],
                attributes: 0,
                name: name.to_owned(),
            },
        };
        let partitions = vec![entry(1, "boot"), entry(2, "root")];
        let table = Table { scheme: Scheme::Gpt { disk_guid: [7; 16] }, partitions, hybrid: false };
        let disk = Disk::new(&table);
        for spec in ["PARTLABEL=root", "PARTUUID=02020202-0202-0202-0202-020202020202"] {
            assert!(matches!(disk.meant(spec), Meant::Partition(part) if part.number == 2), "{spec}");
        }
        let Meant::Nothing(why) = disk.meant("PARTLABEL=nosuch") else { panic!() };
        assert!(why.contains("names are boot, root"), "{why}");
        assert!(matches!(disk.meant("PARTUUID=35c84628-02"), Meant::Elsewhere));
        assert!(matches!(disk.meant("PARTUUID="), Meant::Elsewhere));
    }
}
