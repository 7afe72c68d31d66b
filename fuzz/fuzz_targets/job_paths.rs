//! Requests with any path in a board's name, for jobs with a secret, without one, and for cards of the original's kind.
#![no_main]

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use piprov::board::Mac;
use piprov::image::table::{Entry, Partition, Scheme, Table};
use piprov::uboot::event::Ending;
use piprov::uboot::layout::{self, CardInfo, Layout};
use piprov::uboot::peer::Peer;
use piprov::uboot::secret::Secret;
use piprov::uboot::step::{Known, Material, Sectors};
use piprov::uboot::watch::{Patience, BoardWatch};

const MIB: u64 = 1 << 20;
const MAC: Mac = Mac::new([0xdc, 0xa6, 0x32, 1, 2, 3]);
const BOARD: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 7));
const OTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 66));
/// Checksums of two parts that nobody has computed.
const SUMS: [u32; 2] = [0x1234_5678, 0x9abc_def0];

/// An image of two parts without bytes.
struct Image(Table);

impl Material for Image {
    fn layout(&self, card: &CardInfo) -> Result<Arc<Layout>, layout::Error> {
        layout::plan(&self.0, Some(10 * MIB), card).map(Arc::new)
    }

    fn part(&self, n: usize) -> Known<Option<(u64, u64)>> {
        Known::Is((n < SUMS.len()).then_some((8 * MIB + n as u64 * MIB, MIB)))
    }

    fn part_crc(&self, n: usize) -> Option<u32> {
        SUMS.get(n).copied()
    }

    fn followed(&self) -> Known<Arc<[Sectors]>> {
        Known::Is(Arc::new([]))
    }

    fn first_partition(&self) -> (u64, u64) {
        (8 * MIB, 2 * MIB)
    }

    fn raw_len(&self) -> Known<u64> {
        Known::Is(10 * MIB)
    }

    fn total_bytes(&self) -> u64 {
        2 * MIB
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Some((how, paths)) = bytes.split_first() else { return };
    let entry = Entry::Mbr { kind: 0x83, bootable: false };
    let partitions = vec![Partition { number: 1, start: 8 * MIB, len: 2 * MIB, entry }];
    let image = Image(Table { scheme: Scheme::Mbr { disk_id: 1 }, partitions, hybrid: false });
    let now = Instant::now();
    let patience = Patience { boot: Some(Duration::from_secs(60)), silence: Duration::from_secs(60) };
    let mut watch =
        BoardWatch::new("lab-01".to_owned(), MAC, 0x77, patience, now).known_by(Peer::new(None, how & 8 != 0));
    let guarded = how & 3 == 1;
    if guarded {
        watch = watch.guarded(Secret::from_key([3, 4]), [5, 6]);
    } else if how & 3 == 2 {
        watch = watch.with_original_card();
    }
    let neighbour = |ip: IpAddr| Some(if ip == BOARD { MAC } else { Mac::new([2, 0, 0, 0, 0, 1]) });
    let mut events = Vec::new();
    let mut told = BTreeSet::new();
    for path in paths.split(|byte| *byte == b'\n').take(256) {
        let Some((who, path)) = path.split_first() else { continue };
        // `uboot::boards` takes texts only.
        let Ok(path) = std::str::from_utf8(path) else { continue };
        let ip = if who & 1 == 0 { BOARD } else { OTHER };
        if who & 2 != 0 {
            if watch.upload_from((ip, &neighbour), path, &mut events).is_ok() {
                watch.original_report(path, &[1, 2, 3, 4], &Known::Is(10 * MIB));
            }
        } else {
            let heard = watch.was_heard();
            watch.ask_from((ip, &neighbour), path, &image, now, &mut events);
            if ip == BOARD {
                told.insert(path.to_owned());
            } else {
                assert!(guarded || heard == watch.was_heard(), "a stranger was heard");
            }
        }
    }
    watch.tick(now, &[], &mut events);
    if matches!(watch.ending(), Some(Ending::Done { .. })) {
        assert!(!guarded, "without a proof");
        for (n, sum) in SUMS.iter().enumerate() {
            // Behind the first table, in either byte order, with whatever zeros in front.
            let right = told.iter().any(|path| {
                let mut words = path.split('/').skip(1);
                (words.next(), words.next().and_then(number)) == (Some("read"), Some(n as u32 + 1))
                    && words.next().and_then(number).is_some_and(|told| told == *sum || told == sum.swap_bytes())
            });
            assert!(right, "done without the checksum of part {n}");
        }
    }
    for event in &events {
        // Debug writes control characters as escapes.
        let text = format!("{event:?}");
        assert!(!["\\u", "\\x", "\\n", "\\r", "\\t", "\\0"].iter().any(|escape| text.contains(escape)), "{text}");
    }
});

fn number(text: &str) -> Option<u32> {
    u32::from_str_radix(text, 16).ok()
}
