//! The GUID partition table (UEFI specification, chapter 5), for disks with sectors of 512 bytes.

use super::{BLOCK, Entry, Partition, Scheme, Table, guid_text, le32, le64, read_bytes};
use crate::image::error::Error;
use crate::image::read_at::ReadAt;

/// The most that the array of entries may take. The usual one has 128 entries of 128 bytes: 16 KiB.
const MOST_ENTRY_BYTES: u64 = 1 << 20;

/// What is needed of a header.
#[derive(Debug)]
struct Header {
    disk_guid: [u8; 16],
    entries_at: u64,
    count: u32,
    entry_size: u32,
    entries_crc: u32,
}

/// Reads the table behind a protective MBR: the first copy, or the backup in the disk's last sector.
pub(super) fn read(disk: &dyn ReadAt) -> Result<Table, Error> {
    let first = match copy(disk, 1) {
        Ok(table) => return Ok(table),
        Err(error @ Error::Table { .. }) => error,
        Err(error) => return Err(error),
    };
    // The header stands in the second sector, however long sectors are.
    let mut signature = [0; 8];
    if read_whole(disk, &mut signature, 4096)? && signature == *b"EFI PART" {
        let what = "it is a GPT for disks with sectors of 4096 bytes, and SD cards have sectors of 512: an image for \
                    512 is needed";
        return Err(Error::table(what));
    }
    let size = disk.size().map_err(|error| Error::os("image".as_ref(), "asking for its size", error))?;
    let last = (size / BLOCK).saturating_sub(1);
    if last < 2 {
        return Err(first);
    }
    copy(disk, last).map_err(|second| match (first, second) {
        (Error::Table { what: first, .. }, Error::Table { what: second, .. }) => {
            Error::table(format!("{first}; and the backup: {second}"))
        }
        (_, other) => other,
    })
}

/// Reads the copy whose header is in sector `lba`.
fn copy(disk: &dyn ReadAt, lba: u64) -> Result<Table, Error> {
    let mut sector = [0u8; BLOCK as usize];
    if read_whole(disk, &mut sector, lba * BLOCK)? {
        let header = Header::parse(&sector, lba)?;
        let entries = header.read_entries(disk)?;
        Ok(Table {
            scheme: Scheme::Gpt { disk_guid: header.disk_guid },
            partitions: header.partitions(&entries)?,
            hybrid: false,
        })
    } else {
        Err(Error::table(format!("the image ends before the GPT header in sector {lba}")))
    }
}

impl Header {
    fn parse(sector: &[u8; BLOCK as usize], lba: u64) -> Result<Self, Error> {
        let wrong = |what: String| Err(Error::table(format!("GPT header in sector {lba}: {what}")));
        if &sector[..8] != b"EFI PART" {
            return wrong("its signature is missing".into());
        }
        let (revision, size) = (le32(sector, 8), le32(sector, 12));
        if revision >> 16 != 1 {
            return wrong(format!("unknown revision {revision:#010x}"));
        }
        if !(92..=BLOCK as u32).contains(&size) {
            return wrong(format!("it says that it is {size} bytes long, not 92"));
        }
        let stored = le32(sector, 16);
        let mut header = sector[..size as usize].to_vec();
        header[16..20].fill(0);
        let computed = crc32fast::hash(&header);
        if stored != computed {
            return wrong(format!("checksum {stored:08x} stored, {computed:08x} computed"));
        }
        let own = le64(sector, 24);
        if own != lba {
            return wrong(format!("it says that it belongs into sector {own}"));
        }
        let mut disk_guid = [0; 16];
        disk_guid.copy_from_slice(&sector[56..72]);
        let header = Self {
            disk_guid,
            entries_at: le64(sector, 72),
            count: le32(sector, 80),
            entry_size: le32(sector, 84),
            entries_crc: le32(sector, 88),
        };
        // 128 times a power of two.
        if header.entry_size < 128 || !header.entry_size.is_power_of_two() {
            return wrong(format!("entries of {} bytes", header.entry_size));
        }
        if u64::from(header.count) * u64::from(header.entry_size) > MOST_ENTRY_BYTES {
            return wrong(format!("{} entries of {} bytes", header.count, header.entry_size));
        }
        Ok(header)
    }

    fn read_entries(&self, disk: &dyn ReadAt) -> Result<Vec<u8>, Error> {
        let Some(offset) = self.entries_at.checked_mul(BLOCK) else {
            return Err(Error::table(format!("GPT entries in sector {}", self.entries_at)));
        };
        // At most MOST_ENTRY_BYTES, checked above.
        let mut entries = vec![0u8; self.count as usize * self.entry_size as usize];
        if !read_whole(disk, &mut entries, offset)? {
            return Err(Error::table("the image ends inside the GPT entries"));
        }
        let computed = crc32fast::hash(&entries);
        if computed != self.entries_crc {
            return Err(Error::table(format!(
                "GPT entries: checksum {:08x} stored, {computed:08x} computed",
                self.entries_crc
            )));
        }
        Ok(entries)
    }

    fn partitions(&self, entries: &[u8]) -> Result<Vec<Partition>, Error> {
        let mut found = Vec::new();
        for (number, bytes) in (1u32..).zip(entries.chunks_exact(self.entry_size as usize)) {
            let (mut kind, mut guid) = ([0; 16], [0; 16]);
            kind.copy_from_slice(&bytes[..16]);
            guid.copy_from_slice(&bytes[16..32]);
            if kind == [0; 16] {
                continue;
            }
            let (first, last) = (le64(bytes, 32), le64(bytes, 40));
            let end = last.checked_add(1).and_then(|end| end.checked_mul(BLOCK));
            let (Some(end), true) = (end, first <= last) else {
                let guid = guid_text(&guid);
                return Err(Error::table(format!("GPT entry {number} ({guid}): sectors {first} to {last}")));
            };
            let units: Vec<u16> = bytes[56..128]
                .chunks_exact(2)
                .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
                .take_while(|unit| *unit != 0)
                .collect();
            found.push(Partition {
                number,
                start: first * BLOCK,
                len: end - first * BLOCK,
                entry: Entry::Gpt {
                    kind,
                    guid,
                    attributes: le64(bytes, 48),
                    name: String::from_utf16_lossy(&units),
                },
            });
        }
        Ok(found)
    }
}

/// Reads all of `buf`; false where the disk ends before.
fn read_whole(disk: &dyn ReadAt, buf: &mut [u8], offset: u64) -> Result<bool, Error> {
    Ok(read_bytes(disk, buf, offset)? == buf.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::table::Problem;

    const GUID: [u8; 16] =
        [0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11, 0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b];

    /// A disk of 100 sectors with a GPT of four entries, both copies.
    fn disk(partitions: &[(u64, u64, &str)]) -> Vec<u8> {
        let mut bytes = vec![0u8; 100 * 512];
        bytes[446 + 4] = 0xee;
        bytes[446 + 8] = 1;
        bytes[446 + 12] = 99;
        bytes[510..512].copy_from_slice(&[0x55, 0xaa]);
        let mut entries = vec![0u8; 4 * 128];
        for (entry, (first, last, name)) in entries.chunks_exact_mut(128).zip(partitions) {
            entry[..16].copy_from_slice(&GUID);
            entry[16..32].copy_from_slice(&GUID);
            entry[32..40].copy_from_slice(&first.to_le_bytes());
            entry[40..48].copy_from_slice(&last.to_le_bytes());
            entry[48] = 4;
            for (at, unit) in name.encode_utf16().enumerate() {
                entry[56 + 2 * at..58 + 2 * at].copy_from_slice(&unit.to_le_bytes());
            }
        }
        bytes[2 * 512..3 * 512].copy_from_slice(&entries);
        bytes[98 * 512..99 * 512].copy_from_slice(&entries);
        for (own, other, at) in [(1u64, 99u64, 2u64), (99, 1, 98)] {
            let header = &mut bytes[own as usize * 512..][..512];
            header[..8].copy_from_slice(b"EFI PART");
            header[8..16].copy_from_slice(&[0, 0, 1, 0, 92, 0, 0, 0]);
            header[24..32].copy_from_slice(&own.to_le_bytes());
            header[32..40].copy_from_slice(&other.to_le_bytes());
            header[56..72].copy_from_slice(&GUID);
            header[72..80].copy_from_slice(&at.to_le_bytes());
            header[80] = 4;
            header[84] = 128;
            header[88..92].copy_from_slice(&crc32fast::hash(&entries).to_le_bytes());
            seal(header);
        }
        bytes
    }

    fn seal(header: &mut [u8]) {
        header[16..20].fill(0);
        let crc = crc32fast::hash(&header[..92]);
        header[16..20].copy_from_slice(&crc.to_le_bytes());
    }

    fn message(bytes: Vec<u8>) -> String {
        Table::read(&bytes).unwrap_err().to_string()
    }

    #[test]
    fn both_copies_are_read_and_mean_the_same() {
        let mut bytes = disk(&[(40, 49, "boot"), (50, 50, "wurzel-Ω")]);
        let table = Table::read(&bytes).unwrap().unwrap();
        assert_eq!(table.scheme, Scheme::Gpt { disk_guid: GUID });
        assert_eq!(table.partitions.len(), 2);
        assert_eq!((table.partitions[1].start, table.partitions[1].len), (50 * 512, 512));
        let Entry::Gpt { name, attributes, .. } = &table.partitions[1].entry else { panic!("a GPT entry") };
        assert_eq!((name.as_str(), *attributes), ("wurzel-Ω", 4));
        assert_eq!(table.partuuid(&table.partitions[0]), "c12a7328-f81f-11d2-ba4b-00a0c93ec93b");
        assert_eq!(table.check(Some(100 * 512)), []);
        bytes[512 + 60] ^= 1;
        assert_eq!(Table::read(&bytes).unwrap().unwrap(), table, "the backup stands in");
        bytes[99 * 512] ^= 1;
        let text = message(bytes);
        assert!(text.contains("sector 1: checksum") && text.contains("sector 99: its signature"), "{text}");
    }

    #[test]
    fn an_empty_table_is_a_table() {
        assert_eq!(Table::read(&disk(&[])).unwrap().unwrap().partitions, []);
    }

    #[test]
    fn headers_made_on_purpose_end_in_errors() {
        let base = disk(&[(40, 49, "boot")]);
        let with = |at: usize, new: &[u8]| {
            let mut bytes = base.clone();
            // Without the backup, so that the first copy's fault is the answer.
            bytes.truncate(60 * 512);
            bytes[512 + at..512 + at + new.len()].copy_from_slice(new);
            seal(&mut bytes[512..1024]);
            message(bytes)
        };
        assert!(with(80, &u32::MAX.to_le_bytes()).contains("4294967295 entries"));
        assert!(with(84, &0u32.to_le_bytes()).contains("entries of 0 bytes"));
        assert!(with(84, &0x8000_0000u32.to_le_bytes()).contains("4 entries of 2147483648 bytes"));
        assert!(with(84, &130u32.to_le_bytes()).contains("entries of 130 bytes"));
        assert!(with(72, &u64::MAX.to_le_bytes()).contains("GPT entries in sector 18446744073709551615"));
        assert!(with(72, &1000u64.to_le_bytes()).contains("ends inside the GPT entries"));
        assert!(with(24, &7u64.to_le_bytes()).contains("belongs into sector 7"));
        assert!(with(12, &u32::MAX.to_le_bytes()).contains("4294967295 bytes long"));
        assert!(with(8, &[0, 0, 2, 0]).contains("revision 0x00020000"));
        assert!(with(88, &[1, 2, 3, 4]).contains("GPT entries: checksum"));
        assert!(message(base[..512].to_vec()).contains("ends before the GPT header"));
    }

    #[test]
    fn entries_that_cannot_be_are_errors_and_bad_layouts_are_told() {
        assert!(message(disk(&[(50, 49, "x")])).contains("sectors 50 to 49"));
        assert!(message(disk(&[(0, u64::MAX, "x")])).contains("GPT entry 1"));
        let table = Table::read(&disk(&[(1, 10, "a"), (5, 200, "b")])).unwrap().unwrap();
        assert_eq!(
            table.check(Some(51_200)),
            [
                Problem::OverTable { number: 1, start: 512 },
                Problem::OutOfDisk { number: 2, end: 201 * 512, disk: 51_200 },
                Problem::Overlap { first: 1, second: 2, at: 5 * 512 },
            ]
        );
    }
}
