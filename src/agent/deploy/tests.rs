use proptest::prelude::*;
use sha2::Digest as _;

use super::*;
use crate::agent::model::{Fault, Model};
use crate::agent::source::{Memory, Sum};
use crate::image::chunk::{CHUNK, PIECE};

const MIB: u64 = 1 << 20;

/// An image with data, zeros of every length, and an end that is no multiple of anything.
fn image(len: u64) -> Vec<u8> {
    let mut raw = vec![0; len as usize];
    for (number, piece) in raw.chunks_mut(PIECE as usize).enumerate() {
        // The second chunk is zero; of others a third, in runs of different lengths.
        if number / 64 == 1 || (number / 64 > 1 && number % 64 > 40) || number % 7 == 3 {
            continue;
        }
        for (at, byte) in piece.iter_mut().enumerate() {
            *byte = (number as u64 * 31 + at as u64).wrapping_mul(2_654_435_761).to_le_bytes()[3];
        }
    }
    raw
}

fn run(disk: &Model, source: &Memory) -> Result<Deployed, Failure> {
    deploy(disk, source, &Stop::new().unwrap(), &())
}

fn dirty(len: u64) -> Vec<u8> {
    vec![0xee; len as usize]
}

/// A source that counts how often it is called.
struct Counted(Memory, AtomicU64);

impl Source for Counted {
    fn raw_len(&self) -> Option<u64> {
        self.0.raw_len()
    }

    fn plan(&self, number: u64) -> Result<Option<crate::agent::Plan>, FetchError> {
        self.0.plan(number)
    }

    fn fetch(
        &self,
        number: u64,
        plan: &crate::agent::Plan,
        pieces: Range<usize>,
    ) -> Result<crate::agent::Got, FetchError> {
        assert!(plan.digest(pieces.start).is_some() && plan.digest(pieces.end - 1).is_some());
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.fetch(number, plan, pieces)
    }
}

#[test]
fn zeros_in_a_chunk_cost_no_call_of_their_own() {
    let mut raw = vec![0; 3 * CHUNK as usize];
    for (number, piece) in raw.chunks_mut(PIECE as usize).enumerate() {
        if number % 3 == 1 {
            piece.fill(number as u8);
        }
    }
    let source = Counted(Memory::new(raw), AtomicU64::new(0));
    let disk = Model::new(dirty(16 * MIB), &[]);
    deploy(&disk, &source, &Stop::new().unwrap(), &()).unwrap();
    assert_eq!(source.1.load(Ordering::Relaxed), 3, "one for each chunk");
    assert!(disk.bytes()[..source.0.raw.len()] == source.0.raw);
}

#[test]
fn an_image_is_on_the_disk_byte_for_byte_and_what_is_behind_it_stays() {
    for (image_len, disk_len) in [
        (14 * MIB + 70_001, 20 * MIB),
        (12 * MIB, 12 * MIB),
        (CHUNK, CHUNK + MIB),
        (MIB, MIB),
        (1, 2 * MIB),
        (300_000, 300_032),
    ] {
        for faults in [&[][..], &[Fault::NoZero], &[Fault::Short(5000)]] {
            let (disk, source) = (Model::new(dirty(disk_len), faults), Memory::new(image(image_len)));
            let done = run(&disk, &source).unwrap();
            let bytes = disk.bytes();
            assert!(bytes[..image_len as usize] == source.raw, "{image_len} {faults:?}");
            assert_eq!(done.read_back.sha256(), Some(source.index.raw_sha256));
            assert_eq!(done.raw_len, image_len);
            let behind = (image_len.max(MIB) as usize).min(bytes.len())..bytes.len().saturating_sub(4096);
            assert!(bytes.get(behind).unwrap_or_default().iter().all(|byte| *byte == 0xee));
            // A second header of an earlier partition table is gone.
            if disk_len > image_len + 4096 {
                assert!(bytes[bytes.len() - 4096..].iter().all(|byte| *byte == 0));
            }
        }
    }
}

#[test]
fn what_the_disk_has_is_not_fetched() {
    let source = Memory::new(image(14 * MIB));
    let disk = Model::new(dirty(20 * MIB), &[]);
    let first = run(&disk, &source).unwrap();
    assert!(first.kept == 0 && first.fetched > 7 * MIB);
    let again = run(&disk, &source).unwrap();
    let full = source.index.chunks.iter().flat_map(|chunk| &chunk.pieces);
    let full: u64 = full.map(|piece| u64::from(piece.stored_len)).sum();
    assert_eq!((again.fetched, again.kept), (0, full));
    assert_eq!(again.read_back.sha256(), Some(source.index.raw_sha256));
    // Three pieces of another version.
    let mut raw = source.raw.clone();
    for at in [100, 9 * MIB as usize, 13 * MIB as usize + 5] {
        raw[at] ^= 1;
    }
    let source = Memory::new(raw);
    let other = run(&disk, &source).unwrap();
    assert_eq!(other.fetched, 3 * PIECE);
    assert!(disk.bytes()[..14 * MIB as usize] == source.raw);
}

#[test]
fn it_is_not_bootable_until_all_else_was_read_back() {
    let source = Memory::new(image(20 * MIB));
    let mut disk = Model::new(dirty(20 * MIB), &[]);
    let whole = source.raw.clone();
    disk.on_write = Some(Box::new(move |disk, place| {
        let bytes = disk.bytes();
        // Only the probe for zeroing may lie in the first MiB, and that is nothing that starts.
        let head = bytes[..1 << 20] == whole[..1 << 20];
        assert!(!head, "bootable before the end, at {place:?}");
        if place.start == 0 && bytes[0] == 0 && bytes[512] == 0 {
            // The first piece comes last, or nothing has been written yet.
            let all = bytes[PIECE as usize..] == whole[PIECE as usize..];
            let none = bytes[2 << 20] == 0xee;
            assert!(all || none);
        }
    }));
    run(&disk, &source).unwrap();
}

#[test]
fn each_fault_is_named_and_nothing_bootable_is_left() {
    let middle = 9 * MIB;
    let eio = |fault| (fault, "/dev/model", Some(libc::EIO));
    for (fault, text, errno) in [
        eio(Fault::Write(middle..middle + 1, libc::EIO)),
        (Fault::Write(middle..middle + 1, libc::ENOSPC), "/dev/model: writing at byte", Some(libc::ENOSPC)),
        eio(Fault::Read(middle..middle + 1, libc::EIO)),
        (Fault::Ends(middle), "/dev/model takes nothing more at byte", None),
        (
            Fault::Flips(middle),
            "/dev/model gives back other bytes than were written, first at byte 9437184",
            None,
        ),
        (Fault::Loses(middle..20 * MIB), "gives back other bytes", None),
    ] {
        let (disk, source) =
            (Model::new(dirty(14 * MIB), std::slice::from_ref(&fault)), Memory::new(image(13 * MIB)));
        let failure = run(&disk, &source).unwrap_err();
        assert!(failure.to_string().contains(text), "{fault:?}: {failure}");
        assert_eq!(failure.error.errno(), errno, "{fault:?}");
        // Where its end can't be written either, that is said.
        let end = matches!(fault, Fault::Ends(_) | Fault::Loses(_));
        assert_eq!(failure.left == Left::Unbootable, !end, "{fault:?}");
        assert_eq!(disk.is_unbootable(), !end, "{fault:?}");
        assert!(matches!(failure.stage, Stage::Prepare | Stage::Write | Stage::ReadBack), "{fault:?}");
    }
}

#[test]
fn a_disk_that_vanishes_is_not_said_to_be_unbootable() {
    for after in [0, 1, 3, 8, 12] {
        let disk = Model::new(dirty(14 * MIB), &[Fault::Vanishes(after)]);
        let failure = run(&disk, &Memory::new(image(13 * MIB))).unwrap_err();
        assert!(matches!(failure.error, Error::Gone { .. }), "{failure}");
        assert!(matches!(failure.left, Left::Unknown(_)));
        // It isn't, though: what was written before is all that there is.
        assert!(disk.bytes()[..512] != image(13 * MIB)[..512]);
    }
}

#[test]
fn a_disk_that_is_too_small_or_read_only_is_left_alone_or_named() {
    let disk = Model::new(dirty(13 * MIB - 512), &[]);
    let failure = run(&disk, &Memory::new(image(13 * MIB))).unwrap_err();
    assert!(matches!(failure.error, Error::TooSmall { has: 13_630_976, .. }));
    assert_eq!((failure.stage, failure.left), (Stage::Prepare, Left::Untouched));
    assert!(disk.bytes() == dirty(13 * MIB - 512));
    let disk = Model::new(dirty(13 * MIB), &[Fault::ReadOnly]);
    let failure = run(&disk, &Memory::new(image(13 * MIB))).unwrap_err();
    assert!(matches!(failure.error, Error::ReadOnly { .. }), "{failure}");
}

#[test]
fn a_disk_that_lies_about_zeros_gets_them_written() {
    let disk = Model::new(dirty(14 * MIB), &[Fault::LiesOnZero(2 * MIB)]);
    let source = Memory::new(image(13 * MIB));
    let notes = Notes::default();
    let done = deploy(&disk, &source, &Stop::new().unwrap(), &notes).unwrap();
    assert!(disk.bytes()[..13 * MIB as usize] == source.raw);
    assert_eq!(done.read_back.sha256(), Some(source.index.raw_sha256));
    assert!(notes.0.lock().unwrap()[0].contains("that the disk was told to zero were not zero"));
}

#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

impl Watch for Notes {
    fn at(&self, _: At) {}
    fn note(&self, text: String) {
        self.0.lock().unwrap().push(text);
    }
}

#[test]
fn a_source_that_ends_or_is_damaged_leaves_nothing_bootable_and_what_came_is_kept() {
    let mut source = Memory::new(image(20 * MIB));
    source.ends = Some(13 * MIB);
    let disk = Model::new(dirty(20 * MIB), &[]);
    let failure = run(&disk, &source).unwrap_err();
    assert!(matches!(failure.error, Error::Fetch(_)) && disk.is_unbootable());
    source.ends = None;
    let again = run(&disk, &source).unwrap();
    assert!(again.kept > 4 * MIB, "{again:?}");
    // Once damaged on the way is no matter, always is.
    source.damage = 1.into();
    run(&Model::new(dirty(20 * MIB), &[]), &source).unwrap();
    source.damage = u64::MAX.into();
    // On a disk that has them, no pieces are fetched, so nothing could be damaged.
    let disk = Model::new(dirty(20 * MIB), &[]);
    let failure = run(&disk, &source).unwrap_err();
    assert!(matches!(failure.error, Error::Damaged { .. }), "{failure}");
    assert!(disk.is_unbootable());
}

#[test]
fn a_stop_leaves_nothing_bootable() {
    let stop = Stop::new().unwrap();
    let mut disk = Model::new(dirty(40 * MIB), &[]);
    let flag = stop.clone();
    disk.on_write = Some(Box::new(move |disk, place| {
        if place.start > 8 * MIB && disk.bytes()[0] == 0 {
            flag.set();
        }
    }));
    let failure = deploy(&disk, &Memory::new(image(39 * MIB)), &stop, &()).unwrap_err();
    assert!(matches!(failure.error, Error::Stopped), "{failure}");
    assert!(failure.left == Left::Unbootable && disk.is_unbootable());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Whatever a disk does, it ends equal and proven, or with an error and nothing that starts.
    #[test]
    fn it_ends_equal_or_named(
        pieces in 1_u64..200, odd in 0_u64..PIECE, more in 0_u64..MIB,
        faults in proptest::collection::vec(fault(), 0..3), chunks: bool,
    ) {
        let len = pieces * PIECE - odd;
        let (disk, mut source) = (Model::new(dirty(len + more + 4096), &faults), Memory::new(image(len)));
        source.sum = if chunks { Sum::Chunks } else { Sum::Sha256 };
        match run(&disk, &source) {
            Ok(done) => {
                let mut bytes = vec![0; len as usize];
                Disk(&disk).read(&mut bytes, 0).unwrap();
                prop_assert!(bytes == source.raw);
                match done.read_back {
                    ReadBack::Sha256(got) => prop_assert_eq!(got, <[u8; 32]>::from(sha2::Sha256::digest(&source.raw))),
                    ReadBack::Chunks(got) => prop_assert_eq!(got, source.index.content()),
                };
            }
            Err(failure) => {
                prop_assert!(!faults.is_empty(), "{}", failure);
                prop_assert!(failure.left != Left::Unbootable || disk.is_unbootable(), "{}", failure);
            }
        }
    }
}

fn fault() -> impl Strategy<Value = Fault> {
    let place = || (0..13 * MIB).prop_map(|at| at..at + 1);
    let errno = || prop_oneof![Just(libc::EIO), Just(libc::ENOSPC), Just(libc::EROFS)];
    prop_oneof![
        (place(), errno()).prop_map(|(place, errno)| Fault::Write(place, errno)),
        (place(), errno()).prop_map(|(place, errno)| Fault::Read(place, errno)),
        (512_usize..100_000).prop_map(Fault::Short),
        (0..13 * MIB).prop_map(Fault::Flips),
        place().prop_map(Fault::Loses),
        (0..13 * MIB).prop_map(Fault::LiesOnZero),
        Just(Fault::NoZero),
        (0_u64..40).prop_map(Fault::Vanishes),
        (0..13 * MIB).prop_map(Fault::Ends),
    ]
}
