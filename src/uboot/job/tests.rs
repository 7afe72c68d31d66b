//! A model board that does what `boot.cmd` does, and everything that can go wrong with it.

mod secret;

use super::*;
use crate::image::table::{Entry, Partition, Scheme, Table};
use crate::uboot::layout;
use crate::uboot::step::Sectors;
use proptest::prelude::*;
use secret::{guarded, run_signed};
use std::collections::BTreeMap;

const MIB: u64 = 1 << 20;

/// An image of random bytes with a FAT at 8 MiB (here: 1 MiB long) and a second partition behind it.
pub(in crate::uboot) struct Sample {
    pub(in crate::uboot) bytes: Vec<u8>,
    pub(in crate::uboot) table: Table,
    part_size: u64,
    followed: Arc<[Sectors]>,
    /// How many questions about checksums are answered with "not yet" before the first that is known.
    pub(in crate::uboot) patience: std::sync::atomic::AtomicU32,
}

impl Sample {
    pub(in crate::uboot) fn new(tail: u64) -> Self {
        let entry = |kind| Entry::Mbr { kind, bootable: false };
        let partitions = vec![
            Partition { number: 1, start: 8 * MIB, len: MIB, entry: entry(0x0c) },
            Partition { number: 2, start: 9 * MIB, len: MIB + tail / BLOCK * BLOCK, entry: entry(0x83) },
        ];
        let mut seed = 1u32;
        let bytes = std::iter::repeat_with(|| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 24) as u8
        });
        let bytes: Vec<u8> = bytes.take((10 * MIB + tail) as usize).collect();
        let followed = Arc::new([Sectors {
            offset: 9 * MIB + 1024,
            bytes: vec![7; 512].into(),
            file: "etc/fstab".to_owned(),
        }]);
        let table = Table { scheme: Scheme::Mbr { disk_id: 0x1234_5678 }, partitions, hybrid: false };
        Self { bytes, table, part_size: MIB / 2, followed, patience: 2.into() }
    }

    /// A range as a board gets it.
    pub(in crate::uboot) fn range(&self, start: u64, len: u64) -> Vec<u8> {
        let mut bytes = self.bytes[start as usize..(start + len) as usize].to_vec();
        bytes.resize(bytes.len().next_multiple_of(512), 0);
        bytes
    }

    pub(in crate::uboot) fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Moves the first partition to where the original's cards want it.
    pub(in crate::uboot) fn make_original(&mut self) {
        self.table.partitions[0].start = 4 * MIB;
        self.table.partitions[0].len = 40 * MIB;
    }

    /// What must be on a card in the end, apart from what is not touched.
    fn expected(&self, layout: &Layout) -> Vec<(u64, Vec<u8>)> {
        let mut data = self.bytes[layout.source.start as usize..].to_vec();
        data.resize(data.len().next_multiple_of(512), 0);
        let at = (9 * MIB + 1024 - layout.source.start) as usize;
        data[at..at + 512].fill(7);
        let mut all = vec![(layout.target.start, data)];
        all.extend(layout.final_table.iter().cloned());
        all
    }
}

impl Material for Sample {
    fn layout(&self, card: &CardInfo) -> Result<Arc<Layout>, layout::Error> {
        layout::plan(&self.table, Some(self.bytes.len() as u64), card).map(Arc::new)
    }

    fn part(&self, n: usize) -> Known<Option<(u64, u64)>> {
        let start = 8 * MIB + n as u64 * self.part_size;
        let len = self.part_size.min((self.bytes.len() as u64).saturating_sub(start));
        Known::Is((len > 0).then_some((start, len)))
    }

    fn part_crc(&self, n: usize) -> Option<u32> {
        use std::sync::atomic::Ordering::Relaxed;
        if self.patience.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok() {
            return None;
        }
        let Known::Is(Some((start, len))) = self.part(n) else { return None };
        let mut bytes = self.bytes[start as usize..(start + len) as usize].to_vec();
        bytes.resize(bytes.len().next_multiple_of(512), 0);
        Some(crc32fast::hash(&bytes))
    }

    fn followed(&self) -> Known<Arc<[Sectors]>> {
        Known::Is(Arc::clone(&self.followed))
    }

    fn first_partition(&self) -> (u64, u64) {
        (self.table.partitions[0].start, self.table.partitions[0].len)
    }

    fn total_bytes(&self) -> u64 {
        self.bytes.len() as u64 - 8 * MIB
    }

    fn raw_len(&self) -> Known<u64> {
        Known::Is(self.bytes.len() as u64)
    }
}

/// What a board can do wrong, by how many times it still will.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::uboot) struct Faults {
    pub(in crate::uboot) fetch: u32,
    pub(in crate::uboot) write: u32,
    /// Writes that say yes and store something else.
    pub(in crate::uboot) flips: u32,
    /// Power cuts after a write.
    cuts: u32,
    /// Answers that get lost on the way to the board.
    lost: u32,
    pub(in crate::uboot) little_endian: bool,
    /// The card's size in bytes.
    pub(in crate::uboot) size: u64,
}

/// A board that does what `boot.cmd` does.
pub(in crate::uboot) struct Board {
    card: BTreeMap<u64, Vec<u8>>,
    faults: Faults,
}

impl Board {
    pub(in crate::uboot) fn new(faults: Faults) -> Self {
        Self { card: BTreeMap::new(), faults }
    }

    fn take(count: &mut u32) -> bool {
        let any = *count > 0;
        *count = count.saturating_sub(1);
        any
    }

    pub(in crate::uboot) fn get(
        &mut self,
        job: &mut Job,
        sample: &Sample,
        news: &mut Vec<News>,
        path: &str,
    ) -> Option<Vec<u8>> {
        for _ in 0..50 {
            match job.ask(path, sample, news) {
                Answer::Later => {}
                Answer::NotFound(_) => return None,
                Answer::Send(_) if Self::take(&mut self.faults.lost) => {}
                Answer::Send(Content::Bytes(bytes)) => return Some(bytes.to_vec()),
                Answer::Send(Content::Range { start, len }) => {
                    let mut bytes = sample.bytes[start as usize..(start + len) as usize].to_vec();
                    bytes.resize(bytes.len().next_multiple_of(512), 0);
                    return Some(bytes);
                }
            }
        }
        panic!("never answered: {path}");
    }

    /// Runs the script against a job until it would boot what is on the card. Says whether it was told "done".
    fn run(&mut self, job: &mut Job, sample: &Sample, news: &mut Vec<News>) -> bool {
        self.run_with(&mut |board, path| board.get(job, sample, news, path))
    }

    /// Runs the script; `get` gives the answer to a path.
    pub(in crate::uboot) fn run_with(
        &mut self,
        get: &mut dyn FnMut(&mut Self, &str) -> Option<Vec<u8>>,
    ) -> bool {
        let number =
            |values: &BTreeMap<String, String>, name: &str| u64::from_str_radix(&values[name], 16).unwrap();
        let ask = |board: &mut Self, get: &mut dyn FnMut(&mut Self, &str) -> Option<Vec<u8>>, path: &str| {
            let text = String::from_utf8(get(board, path).unwrap_or_default()).unwrap();
            let lines = text.lines().filter_map(|line| line.split_once('='));
            lines.map(|(a, b)| (a.to_owned(), b.to_owned())).collect::<BTreeMap<_, _>>()
        };
        for _ in 0..20 {
            let mut order = ask(self, get, "job/2000-14000");
            if order.get("pp_do").map(String::as_str) != Some("write") {
                return false;
            }
            let name = order["pp_job"].clone();
            if number(&order, "pp_last") * 512 >= self.faults.size {
                order = ask(self, get, &format!("{name}/fail/0/size"));
            }
            let mut cut = false;
            while order.get("pp_do").map(String::as_str) == Some("write") && !cut {
                let n = &order["pp_n"];
                let bytes = get(self, &format!("{name}/{}", order["pp_file"]));
                let said = match bytes {
                    Some(_) if Self::take(&mut self.faults.fetch) => format!("fail/{n}/fetch"),
                    None => format!("fail/{n}/fetch"),
                    Some(_) if Self::take(&mut self.faults.write) => format!("fail/{n}/write"),
                    Some(mut bytes) => {
                        assert_eq!(bytes.len() as u64, number(&order, "pp_len"));
                        assert_eq!(bytes.len() as u64, number(&order, "pp_cnt") * 512);
                        assert_eq!(bytes.len() as u64, number(&order, "pp_words") * 4);
                        assert!(
                            number(&order, "pp_blk") + number(&order, "pp_cnt")
                                <= number(&order, "pp_last") + 1
                        );
                        if Self::take(&mut self.faults.flips) {
                            bytes[0] ^= 1;
                        }
                        let crc = crc32fast::hash(&bytes);
                        let sum = if self.faults.little_endian { crc } else { crc.swap_bytes() };
                        self.card.insert(number(&order, "pp_blk") * 512, bytes);
                        format!("read/{n}/{sum:x}")
                    }
                };
                cut = Self::take(&mut self.faults.cuts);
                if !cut {
                    let n = n.clone();
                    order = ask(self, get, &format!("{name}/{said}"));
                    if said.starts_with("read") && order.is_empty() {
                        order = ask(self, get, &format!("{name}/fail/{n}/sum"));
                    }
                }
            }
            if cut {
                continue;
            }
            let done = order.get("pp_do").map(String::as_str) == Some("done");
            if done {
                ask(self, get, &format!("{name}/OK"));
            }
            return done;
        }
        panic!("the board never came to an end");
    }

    /// The card as bytes at `at`, laid together from what was written.
    fn read(&self, at: u64, len: usize) -> Vec<u8> {
        let mut out = vec![0xee; len];
        // Later steps overwrite earlier ones; the sectors of a file lie inside a part and are shorter.
        let mut writes: Vec<_> = self.card.iter().collect();
        writes.sort_by_key(|(_, bytes)| std::cmp::Reverse(bytes.len()));
        for (start, bytes) in writes {
            for (n, byte) in bytes.iter().enumerate() {
                let place = start + n as u64;
                if place >= at && place < at + len as u64 {
                    out[(place - at) as usize] = *byte;
                }
            }
        }
        out
    }
}

pub(in crate::uboot) fn good(little_endian: bool) -> Faults {
    Faults { size: 1 << 30, little_endian, ..Faults::default() }
}

fn check_card(board: &Board, sample: &Sample, job: &Job) {
    let (_, layout) = job.card().unwrap();
    for (at, bytes) in sample.expected(layout) {
        assert!(board.read(at, bytes.len()) == bytes, "the card differs somewhere behind {at}");
    }
}

#[test]
fn a_board_is_flashed_read_back_and_retired() {
    for little_endian in [false, true] {
        // 700 bytes: the last sector is not full.
        let sample = Sample::new(700);
        let (mut job, mut news) = (Job::new(0x1a2b), Vec::new());
        let mut board = Board::new(good(little_endian));
        assert!(board.run(&mut job, &sample, &mut news));
        assert!(job.proved() && job.over());
        check_card(&board, &sample, &job);
        assert!(matches!(news[0], News::Booted { before: 0, .. }));
        assert!(matches!(news.last(), Some(News::Reported)));
        let equal: Vec<_> = news.iter().filter(|news| matches!(news, News::Equal(..))).collect();
        assert_eq!(equal.len(), 1 + 5 + 1 + 1, "boot table, five parts, fstab, table");
        // The order matters: nothing bootable first, the real table last.
        let at: Vec<u64> = news
            .iter()
            .filter_map(|news| match news {
                News::Equal(_, step, _) => Some(step.target),
                _ => None,
            })
            .collect();
        assert_eq!((at[0], at[7]), (0, 0));
        // It starts again, and nobody flashes it again.
        assert!(!board.run(&mut job, &sample, &mut news));
        let done = Answer::Send(Content::Bytes((*b"pp_do=done\npp_job=00001a2b\n").into()));
        assert_eq!(job.ask("00001a2b/OK", &sample, &mut news), done);
    }
}

#[test]
fn the_steps_are_what_the_script_reads() {
    let sample = Sample::new(0);
    let mut news = Vec::new();
    let mut job = Job::new(0x1a2b);
    let first = job.ask("job/2000-14000", &sample, &mut news);
    let want = "pp_do=write\npp_job=00001a2b\npp_n=0\npp_file=table_boot\npp_blk=0\npp_cnt=22\n\
                pp_len=4400\npp_words=1100\npp_last=16fff\n";
    assert_eq!(first, Answer::Send(Content::Bytes(want.as_bytes().into())));
}

#[test]
fn what_is_not_of_this_job_is_refused() {
    let sample = Sample::new(0);
    let mut news = Vec::new();
    let mut job = Job::new(0x1a2b);
    for path in [
        "",
        "/",
        "job",
        "job/",
        "job/2000",
        "job/2000-",
        "job/x-y",
        "job/2000-14000-1",
        "job/123456789-1",
        "00001a2b/table_boot",
        "00001a2b/OK",
        "rpi_image_part_x",
        "rpi_image_part_-1",
        "rpi_image_part_99999999999999999999999",
        "other",
    ] {
        assert!(matches!(job.ask(path, &sample, &mut news), Answer::NotFound(_)), "{path}");
        assert!(!job.understood(), "{path}");
    }
    assert!(news.is_empty());
    assert!(matches!(job.ask("job/2000-14000", &sample, &mut news), Answer::Send(_)));
    for path in
        ["00001a2b/OK", "00001a2b/read/1/0", "00001a2b/read/0", "00001a2b/fail/0/x", "00001a2b/table_0"]
    {
        assert!(matches!(job.ask(path, &sample, &mut news), Answer::NotFound(_)), "{path}");
    }
    news.clear();
    assert!(matches!(job.ask("deadbeef/OK", &sample, &mut news), Answer::NotFound(_)));
    assert_eq!(news, [News::Refused(Refused::OtherJob(0xdead_beef))]);
    assert!(!job.over());
}

#[test]
fn a_card_that_is_too_small_is_told_before_anything_is_written() {
    let sample = Sample::new(0);
    let mut news = Vec::new();
    let mut job = Job::new(1);
    let mut board = Board::new(Faults { size: 46 * MIB - 512, ..good(true) });
    assert!(!board.run(&mut job, &sample, &mut news));
    assert!(board.card.is_empty());
    assert!(matches!(news.last(), Some(News::Failed(Failure::TooSmall { needed })) if *needed == 46 * MIB));
}

#[test]
fn a_card_that_lies_fails_after_two_more_tries() {
    let sample = Sample::new(0);
    let mut news = Vec::new();
    let mut job = Job::new(1);
    let mut board = Board::new(Faults { flips: 99, ..good(true) });
    assert!(!board.run(&mut job, &sample, &mut news));
    assert!(job.over() && !job.proved());
    let failed =
        matches!(news.last(), Some(News::Failed(Failure::Step { why: Trouble::Differs { .. }, .. })));
    assert!(failed, "{:?}", news.last());
    assert_eq!(news.iter().filter(|news| matches!(news, News::Again { .. })).count(), 2);
}

#[test]
fn a_board_that_always_starts_again_fails() {
    let sample = Sample::new(0);
    let mut news = Vec::new();
    let mut job = Job::new(1);
    let mut board = Board::new(Faults { cuts: 99, ..good(true) });
    assert!(!board.run(&mut job, &sample, &mut news));
    assert!(matches!(news.last(), Some(News::Failed(Failure::Restarts(_)))));
}

#[test]
fn an_original_card_gets_its_parts_only_where_they_fit() {
    let mut sample = Sample::new(0);
    let mut news = Vec::new();
    let mut job = Job::new(1).original();
    assert!(matches!(job.ask("rpi_image_part_0", &sample, &mut news), Answer::NotFound(_)));
    assert_eq!(news, [News::Failed(Failure::OriginalCard)]);

    sample.make_original();
    let mut job = Job::new(1).original();
    let whole = Content::Range { start: 0, len: sample.bytes.len() as u64 };
    assert_eq!(job.ask("rpi_image_part_0", &sample, &mut news), Answer::Send(whole));
    assert_eq!(job.ask("rpi_image_part_1", &sample, &mut news), Answer::NotFound("no more parts"));
    // Numbers whose place in the image has more than 64 bits; some of them would be that of part 0 again.
    for number in ["8796093022208", "24595658764946068822", "24595658764", "18446744073709551615", "+0", ""] {
        let path = format!("rpi_image_part_{number}");
        assert!(matches!(job.ask(&path, &sample, &mut news), Answer::NotFound(_)), "{path}");
    }
    assert!(matches!(job.ask("job/2000-14000", &sample, &mut news), Answer::NotFound(_)));
    assert!(!job.original_report("other", None, &mut news));
    assert!(job.original_report("OK", Some(5), &mut news));
    assert!(job.over() && !job.proved(), "a count proves nothing");
    assert!(!job.original_report("OK", Some(5), &mut news), "a second report is a stale one");
    for word in ["FAILED", "FAIL"] {
        let mut job = Job::new(1).original();
        assert!(job.original_report(word, None, &mut news));
        assert_eq!(news.last(), Some(&News::Failed(Failure::OriginalFailed)));
    }
}

#[test]
fn what_original_cards_ask_and_tell_does_nothing_to_a_job_that_is_not_for_them() {
    let sample = Sample::new(0);
    let (mut job, mut news) = (Job::new(0x1a2b), Vec::new());
    assert!(matches!(job.ask("rpi_image_part_0", &sample, &mut news), Answer::NotFound(_)));
    assert!(!job.understood());
    assert_eq!(news, [News::Refused(Refused::OriginalCard)]);
    for word in ["OK", "FAILED", "FAIL"] {
        assert!(!job.original_report(word, Some(5), &mut news));
    }
    assert!(Board::new(good(true)).run(&mut job, &sample, &mut news));
}

const MAC: Mac = Mac::new([0xdc, 0xa6, 0x32, 1, 2, 3]);

#[test]
fn bytes_that_are_fetched_again_and_again_are_no_sign_of_life() {
    let sample = Sample::new(0);
    let (mut job, mut news) = (Job::new(0x1a2b), Vec::new());
    job.ask("job/2000-14000", &sample, &mut news);
    let understood = (0..100)
        .filter(|_| {
            assert!(matches!(job.ask("00001a2b/table_boot", &sample, &mut news), Answer::Send(_)));
            job.understood()
        })
        .count();
    assert_eq!(understood, FETCHES as usize);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever goes wrong on the way: where the job ends as proved, the card is right.
    #[test]
    fn proved_means_that_the_card_is_right(
        fetch in 0u32..3, write in 0u32..3, flips in 0u32..3, cuts in 0u32..3, lost in 0u32..4,
        little_endian: bool, tail in 0u64..2000,
    ) {
        let sample = Sample::new(tail);
        let (mut job, mut news) = (Job::new(77), Vec::new());
        let mut board = Board::new(Faults { fetch, write, flips, cuts, lost, ..good(little_endian) });
        let done = board.run(&mut job, &sample, &mut news);
        prop_assert!(job.over());
        prop_assert_eq!(done, job.proved());
        if done {
            check_card(&board, &sample, &job);
        }
    }

    #[test]
    fn no_path_panics(paths in prop::collection::vec("(job|0000004d|[a-f0-9]{1,9}|read|fail|OK|rpi_image_part_[0-9]{1,20}|size|[/-]){0,8}", 1..20)) {
        let sample = Sample::new(0);
        let (mut job, mut news) = (Job::new(77), Vec::new());
        job.ask("job/2000-14000", &sample, &mut news);
        for path in &paths {
            job.ask(path, &sample, &mut news);
        }
        prop_assert!(!job.proved());
    }

    #[test]
    fn a_board_with_a_secret_gets_through_what_goes_wrong(
        fetch in 0u32..3, write in 0u32..3, flips in 0u32..3, cuts in 0u32..3, lost in 0u32..4, little_endian: bool,
    ) {
        let sample = Sample::new(0);
        let (mut job, mut news) = (guarded(), Vec::new());
        let mut board = Board::new(Faults { fetch, write, flips, cuts, lost, ..good(little_endian) });
        let secret = Secret::from_key([5, 6]);
        let done = run_signed(&mut board, &secret, &mut job, &sample, &mut news, &mut Vec::new());
        prop_assert!(job.over());
        prop_assert_eq!(done, job.proved());
        prop_assert!(!news.iter().any(|news| matches!(news, News::Refused(_))));
    }
}
