//! The master boot record and the chain of logical partitions.
//!
//! Source of the layout: the Linux kernel's block/partitions/msdos.c, which is what a booting board will
//! make of the table.

use std::collections::BTreeSet;

use super::{BLOCK, Entry, Partition, le32, read_bytes};
use crate::image::error::Error;
use crate::image::read_at::ReadAt;

/// More logical partitions than Linux gives device nodes for on an SD card; a longer chain is no table.
const MOST_LOGICAL: usize = 256;

/// One slot of a boot record, in sectors.
#[derive(Debug, Clone, Copy)]
struct Slot {
    bootable: bool,
    kind: u8,
    start: u32,
    count: u32,
}

impl Slot {
    fn parse(bytes: &[u8]) -> Self {
        Self { bootable: bytes[0] == 0x80, kind: bytes[4], start: le32(bytes, 8), count: le32(bytes, 12) }
    }

    fn is_used(self) -> bool {
        self.kind != 0 && self.count != 0
    }

    fn partition(self, number: u32, base: u64) -> Partition {
        Partition {
            number,
            start: (base + u64::from(self.start)) * BLOCK,
            len: u64::from(self.count) * BLOCK,
            entry: Entry::Mbr { kind: self.kind, bootable: self.bootable },
        }
    }
}

/// Whether a partition type is one of the containers for logical partitions.
pub(super) fn is_extended(kind: u8) -> bool {
    matches!(kind, 0x05 | 0x0f | 0x85)
}

/// A sector with the boot signature and four slots that can be a table.
pub(super) struct Sector {
    pub(super) disk_id: u32,
    slots: [Slot; 4],
}

impl Sector {
    /// `None` where the signature is missing, or where the slots can't be a table: an active flag other than
    /// 0 and 0x80, as in the boot code of a file system that fills the whole disk.
    pub(super) fn parse(sector: &[u8; BLOCK as usize]) -> Option<Self> {
        if sector[510..] != [0x55, 0xaa] {
            return None;
        }
        let slot = |n: usize| &sector[446 + 16 * n..462 + 16 * n];
        if (0..4).any(|n| slot(n)[0] & 0x7f != 0) {
            return None;
        }
        Some(Self { disk_id: le32(sector, 440), slots: std::array::from_fn(|n| Slot::parse(slot(n))) })
    }

    /// What is wrong with a sector that [`Self::parse`] doesn't take for a table: one flag, while all else is that of a
    /// table. A file system's boot sector has nothing wrong.
    pub(super) fn odd_flag(sector: &[u8; BLOCK as usize]) -> Option<Error> {
        let sector_size = u16::from_le_bytes([sector[11], sector[12]]);
        // The parameter block of FAT and NTFS; exFAT has zeros there and a name.
        if matches!(sector_size, 512 | 1024 | 2048 | 4096) || sector[3..11] == *b"EXFAT   " {
            return None;
        }
        let is_odd = |n: &usize| sector[446 + 16 * n] & 0x7f != 0;
        let odd: Vec<usize> = (0..4).filter(is_odd).collect();
        let [odd] = odd[..] else { return None };
        let flag = sector[446 + 16 * odd];
        let mut sane = *sector;
        sane[446 + 16 * odd] = 0;
        let table = Self::parse(&sane)?;
        let slot = table.slots[odd];
        let fits = slot.is_used() && slot.start > 0 && slot.start.checked_add(slot.count).is_some();
        fits.then(|| {
            Error::table(format!(
                "partition {} has the boot flag {flag:#04x}, and only 0 and 0x80 mean something",
                odd + 1
            ))
        })
    }

    /// Whether a slot says that a GPT follows.
    pub(super) fn is_protective(&self) -> bool {
        self.slots.iter().any(|slot| slot.kind == 0xee)
    }

    /// Whether there are partitions beside the one that says so.
    pub(super) fn is_hybrid(&self) -> bool {
        self.is_protective() && self.slots.iter().any(|slot| slot.is_used() && slot.kind != 0xee)
    }

    /// The partitions in use, the logical ones read from the disk.
    pub(super) fn partitions(&self, disk: &dyn ReadAt) -> Result<Vec<Partition>, Error> {
        let mut found: Vec<Partition> = (1..)
            .zip(self.slots)
            .filter(|(_, slot)| slot.is_used())
            .map(|(n, slot)| slot.partition(n, 0))
            .collect();
        // Linux reads every container; two of them are unusual but numbered one after the other.
        let containers: Vec<Slot> =
            self.slots.into_iter().filter(|slot| slot.is_used() && is_extended(slot.kind)).collect();
        let mut seen = BTreeSet::new();
        let mut number = 5;
        for container in containers {
            number = logical(disk, u64::from(container.start), number, &mut seen, &mut found)?;
        }
        Ok(found)
    }
}

/// Follows one chain: each link is a boot record with the logical partition (relative to the link) and the
/// next link (relative to the container). Gives the next free number.
fn logical(
    disk: &dyn ReadAt,
    container: u64,
    mut number: u32,
    seen: &mut BTreeSet<u64>,
    found: &mut Vec<Partition>,
) -> Result<u32, Error> {
    let wrong = |what: String| Err(Error::table(what));
    let mut link = container;
    loop {
        if !seen.insert(link) {
            return wrong(format!("the chain of logical partitions comes back to sector {link}"));
        }
        if seen.len() > MOST_LOGICAL {
            return wrong(format!("more than {MOST_LOGICAL} logical partitions"));
        }
        let mut sector = [0u8; BLOCK as usize];
        let got = read_bytes(disk, &mut sector, link * BLOCK)?;
        let Some(record) = Sector::parse(&sector).filter(|_| got == sector.len()) else {
            // A container that was made but never filled has no record yet; Linux sees no logical partition.
            if link == container && got == sector.len() {
                return Ok(number);
            }
            return wrong(format!(
                "sector {link} should go on with the chain of logical partitions, but doesn't"
            ));
        };
        // The first two slots count; the others are for the boot managers of another age.
        let mut next = None;
        for slot in &record.slots[..2] {
            if !slot.is_used() {
                continue;
            }
            if is_extended(slot.kind) {
                next = next.or(Some(container + u64::from(slot.start)));
            } else {
                found.push(slot.partition(number, link));
                number += 1;
            }
        }
        match next {
            Some(sector) => link = sector,
            None => return Ok(number),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::image::table::{BLOCK, Entry, Problem, Scheme, Table};

    /// A boot record with the given slots: active flag, type, start, count.
    fn record(slots: &[(u8, u8, u32, u32)]) -> Vec<u8> {
        let mut sector = vec![0u8; 512];
        sector[440..444].copy_from_slice(&0x35c8_4628u32.to_le_bytes());
        for (n, (flag, kind, start, count)) in slots.iter().enumerate() {
            let at = 446 + 16 * n;
            sector[at] = *flag;
            sector[at + 4] = *kind;
            sector[at + 8..at + 12].copy_from_slice(&start.to_le_bytes());
            sector[at + 12..at + 16].copy_from_slice(&count.to_le_bytes());
        }
        sector[510..].copy_from_slice(&[0x55, 0xaa]);
        sector
    }

    fn disk(sectors: usize, records: &[(usize, Vec<u8>)]) -> Vec<u8> {
        let mut bytes = vec![0u8; sectors * 512];
        for (at, record) in records {
            bytes[at * 512..(at + 1) * 512].copy_from_slice(record);
        }
        bytes
    }

    fn summary(table: &Table) -> Vec<(u32, u64, u64)> {
        table.partitions.iter().map(|p| (p.number, p.start / BLOCK, p.len / BLOCK)).collect()
    }

    fn message(bytes: Vec<u8>) -> String {
        Table::read(&bytes).unwrap_err().to_string()
    }

    #[test]
    fn the_literal_table_of_a_raspberry_pi_os_image() {
        let mut sector = vec![0u8; 512];
        sector[440..].copy_from_slice(&[
            0x28, 0x46, 0xc8, 0x35, 0x00, 0x00, // disk id, reserved
            0x00, 0x00, 0x82, 0x02, 0x0c, 0x41, 0xd0, 0x20, 0x00, 0x40, 0x00, 0x00, 0x00, 0x00, 0x10,
            0x00, // p1
            0x00, 0x41, 0xd1, 0x20, 0x83, 0x0d, 0x1b, 0x59, 0x00, 0x40, 0x10, 0x00, 0x00, 0x80, 0x44,
            0x00, // p2
            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, // p3
            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, // p4
            0x55, 0xaa,
        ]);
        let table = Table::read(&sector).unwrap().unwrap();
        assert_eq!(table.scheme, Scheme::Mbr { disk_id: 0x35c8_4628 });
        assert_eq!(summary(&table), [(1, 16384, 1_048_576), (2, 1_064_960, 4_489_216)]);
        assert_eq!(table.partitions[0].entry, Entry::Mbr { kind: 0x0c, bootable: false });
        assert_eq!(table.first_partition_start(), Some(8 << 20));
        assert_eq!(table.end_of_partitions(), (1_064_960 + 4_489_216) * 512);
        assert_eq!(table.partuuid(&table.partitions[1]), "35c84628-02");
        assert_eq!(table.partition_at(8 << 20).unwrap().number, 1);
        assert_eq!(table.partition_at((8 << 20) - 1), None);
        assert_eq!(table.check(None), []);
    }

    #[test]
    fn logical_partitions_are_numbered_along_the_chain() {
        let bytes = disk(
            40,
            &[
                (0, record(&[(0x80, 0x0c, 4, 4), (0, 0x0f, 10, 30)])),
                (10, record(&[(0, 0x83, 2, 3), (0, 0x05, 10, 10)])),
                (20, record(&[(0, 0x82, 1, 4)])),
            ],
        );
        let table = Table::read(&bytes).unwrap().unwrap();
        assert_eq!(summary(&table), [(1, 4, 4), (2, 10, 30), (5, 12, 3), (6, 21, 4)]);
        assert!(table.partitions[1].is_extended());
        assert_eq!(table.check(Some(40 * 512)), []);
        assert_eq!(table.partition_at(12 * 512).unwrap().number, 5);
        assert_eq!(
            table.check(Some(30 * 512)),
            [Problem::OutOfDisk { number: 2, end: 40 * 512, disk: 30 * 512 }]
        );
    }

    #[test]
    fn chains_that_loop_break_or_never_end_are_errors() {
        let looping = disk(
            40,
            &[
                (0, record(&[(0, 0x05, 10, 30)])),
                (10, record(&[(0, 0x83, 1, 1), (0, 0x05, 5, 5)])),
                (15, record(&[(0, 0x83, 1, 1), (0, 0x05, 0, 5)])),
            ],
        );
        assert!(message(looping).contains("comes back to sector 10"));
        let broken =
            disk(40, &[(0, record(&[(0, 0x05, 10, 30)])), (10, record(&[(0, 0, 0, 0), (0, 5, 5, 5)]))]);
        assert!(message(broken).contains("sector 15 should go on"));
        let outside = disk(4, &[(0, record(&[(0, 0x05, 10, 30)]))]);
        assert!(message(outside).contains("sector 10 should go on"));
        let endless: Vec<_> = std::iter::once((0, record(&[(0, 0x05, 1, 400)])))
            .chain((1..400).map(|n| (n, record(&[(0, 0x83, 1, 1), (0, 0x05, n as u32, 1)]))))
            .collect();
        assert!(message(disk(400, &endless)).contains("more than 256"));
        // A container that was never filled is no mistake.
        let empty = disk(40, &[(0, record(&[(0, 0x05, 10, 30)]))]);
        assert_eq!(summary(&Table::read(&empty).unwrap().unwrap()), [(1, 10, 30)]);
        // One that starts at the boot record itself is.
        assert!(message(disk(4, &[(0, record(&[(0, 0x05, 0, 4)]))])).contains("comes back to sector 0"));
    }

    #[test]
    fn what_is_no_table() {
        assert_eq!(Table::read(&Vec::new()).unwrap(), None);
        assert_eq!(Table::read(&vec![0u8; 511]).unwrap(), None);
        assert_eq!(Table::read(&vec![0u8; 4096]).unwrap(), None);
        assert_eq!(Table::read(&record(&[])).unwrap(), None, "a table without partitions");
        assert_eq!(Table::read(&record(&[(0, 0x83, 5, 0)])).unwrap(), None, "a partition without sectors");
        // A flag that means nothing in what is a table otherwise is told.
        let odd = record(&[(0, 0x0c, 5, 5), (0x37, 0x83, 10, 5)]);
        assert_eq!(
            message(odd.clone()),
            "partition table: partition 2 has the boot flag 0x37, and only 0 and 0x80 mean something"
        );
        let error = Table::read(&odd).unwrap_err();
        assert!(crate::error::Explain::hint(&error).unwrap().says("fdisk -l"));
        for (at, bytes) in [(11, &[0, 2][..]), (3, b"EXFAT   ")] {
            let mut volume = odd.clone();
            volume[at..at + bytes.len()].copy_from_slice(bytes);
            assert_eq!(Table::read(&volume).unwrap(), None, "a file system's boot sector");
        }
        // A file system over the whole disk: boot code where the slots would be.
        let mut boot = record(&[]);
        boot[446..476].copy_from_slice(b"Non-system disk, press any key");
        assert_eq!(Table::read(&boot).unwrap(), None);
    }

    #[test]
    fn layouts_that_a_disk_would_suffer_from() {
        let bytes =
            record(&[(0, 0x0c, 0, 8), (0, 0x83, 6, 10), (0, 0x83, 7, 2), (0, 0x83, u32::MAX, u32::MAX)]);
        let table = Table::read(&bytes).unwrap().unwrap();
        let end = 2 * u64::from(u32::MAX) * 512;
        assert_eq!(
            table.check(Some(1 << 20)),
            [
                Problem::OverTable { number: 1, start: 0 },
                Problem::OutOfDisk { number: 4, end, disk: 1 << 20 },
                Problem::Overlap { first: 1, second: 2, at: 6 * 512 },
                Problem::Overlap { first: 2, second: 3, at: 7 * 512 },
            ]
        );
        assert_eq!(table.check(None)[1].to_string(), "partitions 1 and 2 overlap at byte 3072");
    }
}
