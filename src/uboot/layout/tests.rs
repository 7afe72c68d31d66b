use super::*;
use crate::image::table::Entry;
use proptest::prelude::*;

const MIB: u64 = 1 << 20;

fn mbr(partitions: &[(u32, u64, u64, u8)]) -> Table {
    let partitions = partitions
        .iter()
        .map(|&(number, start, len, kind)| Partition {
            number,
            start,
            len,
            entry: Entry::Mbr { kind, bootable: false },
        })
        .collect();
    Table { scheme: Scheme::Mbr { disk_id: 0x35c8_4628 }, partitions, hybrid: false }
}

fn gpt(partitions: &[(u32, u64, u64)]) -> Table {
    let partitions = partitions
        .iter()
        .map(|&(number, start, len)| Partition {
            number,
            start,
            len,
            entry: Entry::Gpt {
                kind: [number as u8; 16],
                guid: [number as u8 + 0x40; 16],
                attributes: 4,
                name: format!("part {number}"),
            },
        })
        .collect();
    Table { scheme: Scheme::Gpt { disk_guid: [7; 16] }, partitions, hybrid: false }
}

#[test]
fn todays_image_with_its_first_partition_at_8_mib() {
    let table = mbr(&[(1, 8 * MIB, 512 * MIB, 0x0c), (2, 520 * MIB, 2000 * MIB, 0x83)]);
    let layout = plan(&table, Some(2520 * MIB), &CardInfo::default()).unwrap();
    assert_eq!(layout.shift, 36 * MIB);
    assert_eq!((&layout.source, &layout.target), (&(8 * MIB..2520 * MIB), &(44 * MIB..2556 * MIB)));
    assert_eq!(layout.numbers(), BTreeMap::from([(1, 2), (2, 3)]));
    assert_eq!(layout.card_len, 2556 * MIB);
    let [(0, sector)] = &layout.final_table[..] else { panic!("one piece at 0") };
    let mut want = vec![0; 512];
    want[440..444].copy_from_slice(&[0x28, 0x46, 0xc8, 0x35]);
    want[446..462].copy_from_slice(&[0x80, 0xfe, 255, 255, 0x0c, 0xfe, 255, 255, 0, 32, 0, 0, 0, 64, 1, 0]);
    want[462..478].copy_from_slice(&[0, 0xfe, 255, 255, 0x0c, 0xfe, 255, 255, 0, 96, 1, 0, 0, 0, 16, 0]);
    want[478..494].copy_from_slice(&[0, 0xfe, 255, 255, 0x83, 0xfe, 255, 255, 0, 96, 17, 0, 0, 128, 62, 0]);
    want[510..].copy_from_slice(&[0x55, 0xaa]);
    assert_eq!(sector, &want);
    want[462..494].fill(0);
    assert_eq!(layout.boot_table[..512], want);
    assert_eq!(layout.boot_table.len(), 34 * 512);
    assert!(layout.boot_table[512..].iter().all(|byte| *byte == 0));
}

#[test]
fn the_originals_layout_comes_out_as_the_original_had_it() {
    let table = mbr(&[(1, 4 * MIB, 40 * MIB, 0x0c), (2, 44 * MIB, 100 * MIB, 0x83)]);
    let layout = plan(&table, Some(144 * MIB), &CardInfo::default()).unwrap();
    assert_eq!(layout.shift, 40 * MIB);
    assert_eq!(layout.partitions[0].start / 512, 0x16000);
    assert_eq!(layout.partitions[1].start / 512, 172_032);
}

#[test]
fn an_image_that_starts_late_stays_where_it_is() {
    let table = mbr(&[(1, 64 * MIB, MIB, 0x0c)]);
    let layout = plan(&table, None, &CardInfo::default()).unwrap();
    assert_eq!((layout.shift, layout.source.clone()), (0, 64 * MIB..65 * MIB));
    assert_eq!(layout.target, layout.source);
}

#[test]
fn a_last_block_that_is_not_full_is_filled() {
    let table = mbr(&[(1, 8 * MIB, MIB, 0x83)]);
    let layout = plan(&table, Some(9 * MIB + 700), &CardInfo::default()).unwrap();
    assert_eq!(layout.source.end, 9 * MIB + 700);
    assert_eq!(layout.target.end, 45 * MIB + 1024);
}

#[test]
fn logical_partitions_keep_their_numbers() {
    let table = mbr(&[
        (1, 8 * MIB, 8 * MIB, 0x0c),
        (2, 16 * MIB, 30 * MIB, 0x0f),
        (5, 17 * MIB, 8 * MIB, 0x83),
        (6, 26 * MIB, 8 * MIB, 0x83),
    ]);
    let layout = plan(&table, None, &CardInfo::default()).unwrap();
    assert_eq!(layout.numbers(), BTreeMap::from([(1, 2), (2, 3), (5, 5), (6, 6)]));
    let sector = &layout.final_table[0].1;
    assert_eq!((sector[446 + 32 + 4], sector[446 + 48 + 4]), (0x0f, 0));
}

#[test]
fn a_gap_makes_room_when_number_4_is_taken() {
    let three = [(1, 8 * MIB, MIB, 0x0c), (3, 16 * MIB, MIB, 0x83), (4, 20 * MIB, MIB, 0x83)];
    let layout = plan(&mbr(&three), None, &CardInfo::default()).unwrap();
    assert_eq!(layout.numbers(), BTreeMap::from([(1, 2), (3, 3), (4, 4)]));
    // With four, two become logical; that takes a free block in front of each.
    let four = [three[0], (2, 12 * MIB, MIB, 0x83), three[1], three[2]];
    let numbers = plan(&mbr(&four), None, &CardInfo::default()).unwrap().numbers();
    assert_eq!(numbers, BTreeMap::from([(1, 2), (2, 3), (3, 5), (4, 6)]));
    // Where number 1 is free, it is U-Boot's, and what has number 2 already stays there.
    let second = [(2, 8 * MIB, MIB, 0x0c), (3, 16 * MIB, MIB, 0x83)];
    let layout = plan(&mbr(&second), None, &CardInfo::default()).unwrap();
    assert_eq!(layout.numbers(), BTreeMap::from([(2, 2), (3, 3)]));
    let second = gpt(&[(2, 8 * MIB, MIB), (3, 16 * MIB, MIB)]);
    let layout = plan(&second, None, &CardInfo::default()).unwrap();
    assert_eq!(layout.numbers(), BTreeMap::from([(2, 2), (3, 3)]));
}

/// The layout's card as a disk.
fn disk(layout: &Layout) -> Vec<u8> {
    let mut disk = vec![0; layout.card_len as usize];
    for (at, bytes) in &layout.final_table {
        disk[*at as usize..*at as usize + bytes.len()].copy_from_slice(bytes);
    }
    disk
}

#[test]
fn an_mbr_that_has_no_room_becomes_a_gpt() {
    let tight = [
        (1, 8 * MIB, MIB, 0x0c),
        (2, 9 * MIB, MIB, 0x83),
        (3, 10 * MIB, MIB, 0x82),
        (4, 12 * MIB, MIB, 0x83),
    ];
    // Three and a container, which a GPT doesn't need.
    let nested = [
        tight[0],
        tight[1],
        tight[2],
        (4, 12 * MIB, 10 * MIB, 0x0f),
        (5, 13 * MIB, 2 * MIB, 0x83),
        (6, 16 * MIB, 2 * MIB, 0x83),
    ];
    // U-Boot starts what gets number 2, so that number 1 may not be among the last two.
    let late = [
        (3, 8 * MIB, MIB, 0x83),
        (2, 10 * MIB, MIB, 0x83),
        (4, 12 * MIB, MIB, 0x83),
        (1, 14 * MIB, MIB, 0x0c),
    ];
    for (table, numbers) in [
        (&tight[..], vec![(1, 2), (2, 3), (3, 4), (4, 5)]),
        (&nested, vec![(1, 2), (2, 3), (3, 4), (5, 5), (6, 6)]),
        (&late, vec![(1, 2), (2, 3), (3, 4), (4, 5)]),
    ] {
        let end = table.iter().map(|(_, start, len, _)| start + len).max().unwrap();
        let layout = plan(&mbr(table), Some(end + MIB), &CardInfo::default()).unwrap();
        assert_eq!(layout.numbers(), BTreeMap::from_iter(numbers));
        assert!(layout.becomes_gpt && layout.names().becomes_gpt);
        assert!(layout.notes[0].contains("the card gets a GPT"), "{:?}", layout.notes);
        // What lies behind the last partition comes along, and the second table behind that.
        assert_eq!(layout.target.end, end + MIB + layout.shift);
        assert_eq!(layout.final_table[0].0, layout.target.end);
        assert_eq!(layout.final_table.last().unwrap().0, 0, "the piece that makes it whole comes last");
        let disk = disk(&layout);
        let read = Table::read(&disk).unwrap().unwrap();
        assert!(read.hybrid && read.check(Some(layout.card_len)).is_empty());
        let mut got: Vec<_> = read.partitions.iter().map(|p| (p.number, p.start, p.len)).collect();
        let mut want: Vec<_> = layout.partitions.iter().map(|p| (p.number, p.start, p.old.len)).collect();
        want.push((1, 4 * MIB, 40 * MIB));
        got.sort_unstable();
        want.sort_unstable();
        assert_eq!(got, want);
        // Boot ROMs that know no GPT find U-Boot's partition.
        assert_eq!((disk[450], disk[466], disk[462]), (0xee, 0x0c, 0x80));
        let gpt = gptman::GPT::read_from(&mut std::io::Cursor::new(&disk), 512).unwrap();
        let mut guids: Vec<_> =
            gpt.iter().filter(|(_, p)| p.is_used()).map(|(_, p)| p.unique_partition_guid).collect();
        guids.push(gpt.header.disk_guid);
        let count = guids.len();
        guids.sort_unstable();
        guids.dedup();
        assert_eq!((guids.len(), count), (want.len() + 1, want.len() + 1), "each is another one");
    }
    // The type says what it was, and the same image gives the same table.
    let layout = plan(&mbr(&tight), None, &CardInfo::default()).unwrap();
    assert_eq!(plan(&mbr(&tight), None, &CardInfo::default()).unwrap().final_table, layout.final_table);
    let bytes = disk(&layout);
    let gpt = gptman::GPT::read_from(&mut std::io::Cursor::new(&bytes), 512).unwrap();
    let kinds: Vec<_> = (1..=5)
        .map(|n| crate::image::table::guid_text(&gpt[n].partition_type_guid)[..8].to_owned())
        .collect();
    assert_eq!(kinds, ["ebd0a0a2", "ebd0a0a2", "0fc63daf", "0657fd6d", "0fc63daf"]);
}

#[test]
fn of_four_primaries_the_last_two_become_logical() {
    let four = [
        (1, 8 * MIB, MIB, 0x0c),
        (2, 9 * MIB, MIB, 0x83),
        (3, 11 * MIB, MIB, 0x83),
        (4, 14 * MIB, MIB, 0x83),
    ];
    let layout = plan(&mbr(&four), Some(15 * MIB), &CardInfo::default()).unwrap();
    assert_eq!(layout.numbers(), BTreeMap::from([(1, 2), (2, 3), (3, 5), (4, 6)]));
    assert!(layout.notes[0].contains("3 and 4 become logical ones, 5 and 6"), "{:?}", layout.notes);
    // What other tools read: the table reader, with its own way through the chain.
    let disk = disk(&layout);
    let read = Table::read(&disk).unwrap().unwrap();
    let got: Vec<_> = read.partitions.iter().map(|found| (found.number, found.start, found.len)).collect();
    let mut want: Vec<_> =
        layout.partitions.iter().map(|moved| (moved.number, moved.start, moved.old.len)).collect();
    want.extend([(1, 4 * MIB, 40 * MIB), layout.container.unwrap()]);
    want.sort_unstable();
    let mut sorted = got.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, want);
    assert_eq!(read.check(Some(layout.card_len)), vec![]);
    assert_eq!(layout.final_table.last().unwrap().0, 0, "the piece that makes it whole comes last");
}

#[test]
fn an_image_may_end_behind_the_file_system_in_its_last_partition() {
    let table = mbr(&[(1, 8 * MIB, MIB, 0x0c), (2, 9 * MIB, 100 * MIB, 0x83)]);
    let plan = |len, needed| plan_within(&table, Some(len), needed, &CardInfo::default());
    let layout = plan(12 * MIB, Some(11 * MIB)).unwrap();
    assert_eq!((layout.source.clone(), layout.card_len), (8 * MIB..12 * MIB, 145 * MIB));
    assert!(layout.notes[0].contains("97 MiB before that does"), "{:?}", layout.notes);
    assert!(matches!(plan(10 * MIB, Some(11 * MIB)), Err(Error::Truncated { number: 2, .. })));
    assert!(matches!(plan(12 * MIB, None), Err(Error::Truncated { number: 2, .. })));
}

#[test]
fn a_hybrid_mbr_keeps_u_boots_partition_for_a_pi_3() {
    let table = Table { hybrid: true, ..gpt(&[(1, 8 * MIB, 40 * MIB)]) };
    let layout = plan(&table, None, &CardInfo::default()).unwrap();
    let sector = &layout.final_table.last().unwrap().1[..512];
    assert_eq!((sector[450], sector[466], sector[462]), (0xee, 0x0c, 0x80));
    assert_eq!(sector[470..478], [0, 0x20, 0, 0, 0, 0x40, 1, 0]);
    assert!(layout.notes[0].contains("hybrid"), "{:?}", layout.notes);
}

#[test]
fn a_gpt_says_what_it_needs() {
    let table = gpt(&[(1, 8 * MIB, 40 * MIB), (2, 48 * MIB, 32 * MIB)]);
    let layout = plan(&table, Some(81 * MIB), &CardInfo::default()).unwrap();
    assert_eq!(layout.source, 8 * MIB..80 * MIB);
    assert_eq!(layout.numbers(), BTreeMap::from([(1, 2), (2, 3)]));
    assert_eq!(layout.card_len, 116 * MIB + 33 * 512);
    assert_eq!(layout.final_table[0].0, 116 * MIB);
    assert_eq!(layout.final_table.last().unwrap().0, 0);
    assert!(layout.notes[0].contains("Pi 4"), "{:?}", layout.notes);
}

#[test]
fn a_gpt_is_what_other_tools_read() {
    let table = gpt(&[(1, 8 * MIB, 40 * MIB), (3, 48 * MIB, 32 * MIB)]);
    let layout = plan(&table, None, &CardInfo::default()).unwrap();
    let mut disk = disk(&layout);
    let mut cursor = std::io::Cursor::new(disk.clone());
    let read = gptman::GPT::read_from(&mut cursor, 512).unwrap();
    assert_eq!(read.header.disk_guid, [7; 16]);
    assert_eq!((read[1].starting_lba, read[1].ending_lba), (8192, 90111));
    assert_eq!(read[2].unique_partition_guid, [0x41; 16]);
    assert!(read[3].is_unused());
    assert_eq!((read[4].starting_lba, read[4].size().unwrap()), (84 * 2048, 65536));
    assert_eq!((read[4].attribute_bits, read[4].partition_name.as_str()), (4, "part 3"));
    // The second copy alone does as well.
    disk[512..1024].fill(0);
    let second = gptman::GPT::read_from(&mut std::io::Cursor::new(disk), 512).unwrap();
    assert_eq!(second[4].starting_lba, read[4].starting_lba);
}

#[test]
fn what_does_not_fit_is_said_with_sizes() {
    let table = mbr(&[(1, 8 * MIB, 512 * MIB, 0x0c)]);
    let small = CardInfo { size: Some(100 * MIB), ..CardInfo::default() };
    let error = plan(&table, Some(520 * MIB), &small).unwrap_err().to_string();
    assert!(error.contains("100 MiB") && error.contains("556 MiB"), "{error}");
    let cut = plan(&table, Some(519 * MIB), &CardInfo::default()).unwrap_err().to_string();
    assert!(cut.contains("519 MiB") && cut.contains("520 MiB"), "{cut}");
    let huge = mbr(&[(1, 8 * MIB, (2 << 40) - 9 * MIB, 0x0c)]);
    assert!(matches!(plan(&huge, None, &CardInfo::default()), Err(Error::TooFar { number: 1, .. })));
    assert_eq!(plan(&mbr(&[]), None, &CardInfo::default()), Err(Error::NoPartition));
    let full = gpt(&[(1, 8 * MIB, MIB), (128, 16 * MIB, MIB)]);
    // There is room below the last entry.
    let numbers = plan(&full, None, &CardInfo::default()).unwrap().numbers();
    assert_eq!(numbers, BTreeMap::from([(1, 2), (128, 128)]));
    let all: Vec<_> = (1..=128).map(|n| (n, (8 + u64::from(n)) * MIB, MIB)).collect();
    assert_eq!(plan(&gpt(&all), None, &CardInfo::default()), Err(Error::NoFreeGptEntry { number: 128 }));
    let many = [(1, 0x0c), (2, 0x83), (3, 0x83), (4, 0x0f), (300, 0x83)];
    let many: Vec<_> = many.map(|(n, kind)| (n, (8 + u64::from(n)) * MIB, MIB, kind)).to_vec();
    assert_eq!(plan(&mbr(&many), None, &CardInfo::default()), Err(Error::NoFreeGptEntry { number: 300 }));
    let orphan = mbr(&[(1, 8 * MIB, MIB, 0x0c), (5, 16 * MIB, MIB, 0x83)]);
    assert!(matches!(plan(&orphan, None, &CardInfo::default()), Err(Error::MixedTable { number: 5 })));
}

#[test]
fn u_boots_partition_must_leave_room_for_the_table() {
    let table = mbr(&[(1, 8 * MIB, MIB, 0x0c)]);
    for (uboot_start, uboot_len) in [
        (0, MIB),
        (33 * 512, MIB),
        (MIB + 1, MIB),
        (MIB, 0),
        (MIB, 700),
        (u64::MAX - 511, MIB),
        (MIB, 3 << 40),
    ] {
        let card = CardInfo { uboot_start, uboot_len, size: None };
        assert!(matches!(plan(&table, None, &card), Err(Error::UbootPartition { .. })), "{card:?}");
    }
}

proptest! {
    #[test]
    fn no_table_panics_and_nothing_touches_u_boot(
        gpt_scheme: bool,
        entries in proptest::collection::vec((0u32..140, any::<u64>(), any::<u64>(), any::<u8>(), 0u8..64), 0..6),
        image_len: Option<u64>,
        size: Option<u64>,
    ) {
        let partitions: Vec<_> = entries
            .iter()
            // Offsets of every magnitude, not only giant ones.
            .map(|&(number, start, len, kind, bits)| (number, start >> bits, len >> bits, kind))
            .collect();
        let table = if gpt_scheme {
            gpt(&partitions.iter().map(|&(n, start, len, _)| (n, start, len)).collect::<Vec<_>>())
        } else {
            mbr(&partitions)
        };
        let card = CardInfo { size, ..CardInfo::default() };
        if let Ok(layout) = plan(&table, image_len, &card) {
            prop_assert!(layout.target.start >= card.uboot_end());
            prop_assert!(layout.card_len >= layout.target.end);
            for (at, bytes) in &layout.final_table {
                let end = at + bytes.len() as u64;
                prop_assert!(end <= card.uboot_start || *at >= layout.target.end);
            }
            let mut new: Vec<_> = layout.numbers().into_values().collect();
            new.sort_unstable();
            new.dedup();
            prop_assert!(!new.contains(&1));
        }
    }
}
