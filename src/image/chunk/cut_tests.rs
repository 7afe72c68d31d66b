use std::collections::HashMap;
use std::sync::atomic::AtomicUsize;

use proptest::prelude::*;

use super::super::object::Unpacker;
use super::super::{Digest, PIECE};
use super::*;

#[derive(Debug, PartialEq)]
enum Trouble {
    Chunk(Error),
    Full,
    Cut,
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Chunk(error)
    }
}

/// Objects in memory, for so many at most.
struct Shelf {
    objects: Mutex<HashMap<Digest, Vec<u8>>>,
    room: usize,
    kept: AtomicUsize,
}

impl Shelf {
    fn new(room: usize) -> Self {
        Self { objects: Mutex::default(), room, kept: AtomicUsize::new(0) }
    }

    fn raw(&self, index: &Index) -> Vec<u8> {
        let (mut raw, mut part, mut unpacker) = (Vec::new(), Vec::new(), Unpacker::new().unwrap());
        let objects = self.objects.lock().unwrap();
        for (n, chunk) in index.chunks.iter().enumerate() {
            let range = index.range(n);
            match chunk.id {
                None => raw.resize(range.end as usize, 0),
                Some(id) => {
                    let found = unpacker.unpack_named(&objects[&id], id, &mut part).unwrap();
                    assert_eq!(found, *chunk);
                    raw.extend_from_slice(&part);
                }
            }
            assert_eq!(raw.len() as u64, range.end);
        }
        raw
    }
}

impl Keep for Shelf {
    type Error = Trouble;

    fn known(&self, chunk: &mut Chunk) -> Result<bool, Trouble> {
        let objects = self.objects.lock().unwrap();
        let Some(object) = chunk.id.and_then(|id| objects.get(&id)) else { return Ok(false) };
        let head = object::Head::read(object)?;
        for (n, piece) in chunk.pieces.iter_mut().enumerate() {
            piece.stored_len = head.stored_len(n);
        }
        Ok(true)
    }

    fn keep(&self, chunk: &mut Chunk, object: Vec<u8>) -> Result<(), Trouble> {
        if self.kept.fetch_add(1, Ordering::Relaxed) >= self.room {
            return Err(Trouble::Full);
        }
        self.objects.lock().unwrap().insert(chunk.id.unwrap(), object);
        Ok(())
    }
}

/// Gives the bytes in pieces of these lengths, and fails behind `fails`.
fn reader<'a>(
    raw: &'a [u8],
    lengths: &'a [usize],
    fails: Option<usize>,
) -> impl FnMut(&mut [u8]) -> Result<usize, Trouble> + 'a {
    let (mut at, mut lengths) = (0, lengths.iter().cycle());
    move |buf| {
        if fails.is_some_and(|fails| at >= fails) {
            return Err(Trouble::Cut);
        }
        let len = (*lengths.next().unwrap()).min(buf.len()).min(raw.len() - at);
        buf[..len].copy_from_slice(&raw[at..at + len]);
        at += len;
        Ok(len)
    }
}

/// Text, zeros and noise in turns, so long.
fn image(len: usize, seed: u8) -> Vec<u8> {
    let mut raw = vec![0; len];
    for (n, part) in raw.chunks_mut(1_500_000).enumerate() {
        match n % 3 {
            0 => part.iter_mut().enumerate().for_each(|(n, byte)| *byte = (n / 100) as u8 ^ seed),
            1 => {}
            _ => blake3::Hasher::new().update(&[n as u8, seed]).finalize_xof().fill(part),
        }
    }
    raw
}

#[test]
fn an_image_is_cut_and_comes_back_whole() {
    let chunk = CHUNK as usize;
    for len in [1, PIECE as usize, chunk - 1, chunk, chunk + 1, 3 * chunk + 12_345] {
        let mut raw = image(len, 3);
        raw[0] = 1;
        if len > 2 * chunk {
            raw[chunk..2 * chunk].fill(0);
        }
        for threads in [0, 1, 5] {
            let shelf = Shelf::new(usize::MAX);
            let index = cut(&mut reader(&raw, &[1 << 20], None), &shelf, threads).unwrap();
            assert!(shelf.raw(&index) == raw);
            assert_eq!(index.raw_sha256, <[u8; 32]>::from(Sha256::digest(&raw)));
            assert_eq!(index.raw_len, len as u64);
            assert_eq!(index.chunks.len(), len.div_ceil(chunk));
            assert_eq!(index.chunks.get(1).is_some_and(|chunk| chunk.id.is_none()), len > 2 * chunk);
            assert_eq!(Index::decode(&index.encode().unwrap()).unwrap(), index);
        }
    }
}

#[test]
fn what_is_known_is_not_kept_again() {
    let raw = image(3 * CHUNK as usize, 0);
    let shelf = Shelf::new(3);
    let first = cut(&mut reader(&raw, &[1 << 20], None), &shelf, 2).unwrap();
    assert_eq!(cut(&mut reader(&raw, &[999_999], None), &shelf, 2).unwrap(), first);
    let mut other = raw.clone();
    other[CHUNK as usize + 5] ^= 1;
    let error = cut(&mut reader(&other, &[1 << 20], None), &shelf, 2).unwrap_err();
    assert_eq!(error, Trouble::Full, "the one that changed is new");
}

#[test]
fn an_index_tells_the_lengths_of_what_is_stored_and_not_of_what_would_be() {
    let raw = image(70_000, 0);
    let shelf = Shelf::new(0);
    let mut chunk = object::digest(&raw);
    // Packed by another version, which didn't compress.
    let object = Packer::new(-100).unwrap().pack(&raw, &mut chunk).unwrap();
    shelf.objects.lock().unwrap().insert(chunk.id.unwrap(), object);
    let index = cut(&mut reader(&raw, &[70_000], None), &shelf, 2).unwrap();
    assert_eq!(index.chunks, [chunk]);
}

/// Lets chunks through by twos only, each from another thread.
struct Gate(std::sync::Barrier);

impl Keep for Gate {
    type Error = Trouble;

    fn known(&self, _: &mut Chunk) -> Result<bool, Trouble> {
        self.0.wait();
        Ok(false)
    }

    fn keep(&self, _: &mut Chunk, _: Vec<u8>) -> Result<(), Trouble> {
        Ok(())
    }
}

#[test]
fn chunks_stand_in_their_order_whichever_thread_packed_them() {
    let mut raw = image(4 * CHUNK as usize, 0);
    raw.chunks_mut(CHUNK as usize).enumerate().for_each(|(n, chunk)| chunk[0] = n as u8 + 1);
    let gate = Gate(std::sync::Barrier::new(2));
    let index = cut(&mut reader(&raw, &[1 << 20], None), &gate, 2).unwrap();
    let ids: Vec<_> = raw.chunks(CHUNK as usize).map(|chunk| object::digest(chunk).id).collect();
    assert_eq!(index.chunks.iter().map(|chunk| chunk.id).collect::<Vec<_>>(), ids);
}

#[test]
fn a_source_that_fails_is_told_and_gives_no_index() {
    let raw = image(5 * CHUNK as usize, 0);
    for fails in [0, 1, CHUNK as usize, 4 * CHUNK as usize + 7] {
        let shelf = Shelf::new(usize::MAX);
        let error = cut(&mut reader(&raw, &[100_000], Some(fails)), &shelf, 2).unwrap_err();
        assert_eq!(error, Trouble::Cut);
    }
}

#[test]
fn a_store_that_is_full_ends_it_before_all_is_read() {
    let raw = vec![7; 64 * CHUNK as usize];
    let (shelf, mut at) = (Shelf::new(0), 0);
    let mut read = |buf: &mut [u8]| -> Result<usize, Trouble> {
        // Each chunk is another one.
        buf.copy_from_slice(&raw[at..at + buf.len()]);
        buf[0] = (at / CHUNK as usize) as u8;
        at += buf.len();
        Ok(buf.len())
    };
    assert_eq!(cut(&mut read, &shelf, 2).unwrap_err(), Trouble::Full);
    assert!(at < 16 * CHUNK as usize, "{at}: the buffers are few");
}

#[test]
fn nothing_is_no_image() {
    let error = cut(&mut |_: &mut [u8]| Ok(0), &Shelf::new(9), 2).unwrap_err();
    assert_eq!(error, Trouble::Chunk(Error::Empty));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn how_the_bytes_arrive_makes_no_difference(
        len in 1usize..9_000_000,
        lengths in prop::collection::vec(1usize..3_000_000, 1..6),
        threads in 1usize..4,
    ) {
        let raw = image(len, 1);
        let shelf = Shelf::new(usize::MAX);
        let index = cut(&mut reader(&raw, &lengths, None), &shelf, threads).unwrap();
        prop_assert!(shelf.raw(&index) == raw);
        let once = cut(&mut reader(&raw, &[usize::MAX], None), &Shelf::new(usize::MAX), 1).unwrap();
        prop_assert_eq!(index, once);
    }
}
