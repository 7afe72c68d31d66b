#![expect(clippy::single_range_in_vec_init, reason = "lists of ranges")]
use proptest::prelude::*;

use super::*;
use crate::error::{Explain, Kind};

fn stored(seed: u8, stored_len: u32) -> Piece {
    Piece { digest: Digest::of(&[seed]), stored_len, unused: false }
}

fn chunk(pieces: Vec<Piece>) -> Chunk {
    Chunk { id: Some(Chunk::name(&pieces)), pieces }
}

/// Two pieces and a bit; the second is zero, the last one short and unused.
fn small() -> Index {
    let last = Piece { unused: true, ..stored(7, 10) };
    let pieces = vec![stored(1, 65_536), Piece::zeros(65_536), last];
    Index { raw_len: 2 * PIECE + 10, raw_sha256: [9; 32], chunks: vec![chunk(pieces)] }
}

#[test]
fn the_bytes_are_those_that_the_table_says() {
    let index = small();
    let bytes = index.encode().unwrap();
    let chunk = &index.chunks[0];
    let parts: [&[u8]; 11] = [
        b"piprovI1",
        &[0x0a, 0, 2, 0, 0, 0, 0, 0],
        &[9; 32],
        &[1],
        &chunk.id.unwrap().0,
        &[0, 0, 1, 0],
        &chunk.pieces[0].digest.0,
        &[0, 0, 0, 0],
        &[10, 0, 0, 0x80],
        &chunk.pieces[2].digest.0,
        &[],
    ];
    assert_eq!(bytes, parts.concat());
    assert_eq!(Index::decode(&bytes).unwrap(), index);
    assert_eq!(Index::decode_named(&bytes, Digest::of(&bytes)).unwrap(), index);
    let other = Index::decode_named(&bytes, Digest([0; 32])).unwrap_err();
    assert!(matches!(other, Error::Digest { what: "index", .. }) && other.kind() == Kind::BadData, "{other}");
}

#[test]
fn a_digest_is_read_as_it_is_shown_and_in_no_other_way() {
    let digest = Digest::of(b"piprov");
    let text = digest.to_string();
    assert_eq!(Digest::parse(&text), Some(digest));
    let others = ["", &text[1..], &format!("{text}0"), &text.to_uppercase(), &text.replace(&text[..1], "g")];
    for other in others {
        assert_eq!(Digest::parse(other), None, "{other}");
    }
    // A sign is a digit for the parsers of the standard library.
    assert_eq!(Digest::parse(&format!("+{}", &text[1..])), None);
    assert_eq!(Digest::parse(&"é".repeat(32)), None);
}

#[test]
fn the_digest_of_zeros_is_that_of_zeros() {
    for len in [1, 4096, 65_535, 65_536] {
        assert_eq!(Piece::zeros(len).digest, Digest::of(&vec![0; len]), "{len}");
    }
}

#[test]
fn the_name_of_a_chunk_is_no_digest_of_a_piece_and_changes_with_each_piece() {
    let pieces = [stored(1, 5), stored(2, 5)];
    let name = Chunk::name(&pieces);
    let joined = [pieces[0].digest.0, pieces[1].digest.0].concat();
    assert_ne!(name, Digest::of(&joined), "a piece could hold these very bytes");
    assert_ne!(name, Chunk::name(&[pieces[1], pieces[0]]));
    assert_ne!(name, Chunk::name(&pieces[..1]));
    // How it is stored, and whether it is used, doesn't name it.
    assert_eq!(name, Chunk::name(&[Piece { stored_len: 9, unused: true, ..pieces[0] }, pieces[1]]));
}

#[test]
fn a_length_that_nothing_follows_is_refused_before_memory_is_taken_for_it() {
    let head = |len: u64| [&b"piprovI1"[..], &len.to_le_bytes(), &[0; 32]].concat();
    assert_eq!(
        Index::decode(&head(LONGEST_IMAGE)).unwrap_err(),
        Error::Index { at: 8, what: "it has fewer chunks than the image's length says" }
    );
    for len in [LONGEST_IMAGE + 1, 1 << 46, u64::MAX] {
        let error = Index::decode(&head(len)).unwrap_err();
        assert_eq!(error, Error::TooLong { what: "image", len, most: LONGEST_IMAGE });
    }
    assert!(matches!(Index::decode(&head(0)), Err(Error::Index { .. })));
    let long = vec![0; LONGEST_INDEX as usize + 1];
    assert!(matches!(Index::decode(&long), Err(Error::TooLong { what: "index", .. })));
    let index = Index { raw_len: LONGEST_IMAGE + 1, raw_sha256: [0; 32], chunks: Vec::new() };
    assert!(matches!(index.encode(), Err(Error::TooLong { what: "image", .. })));
}

#[test]
fn a_piece_that_is_stored_in_more_bytes_than_it_has_is_refused() {
    let mut index = small();
    index.chunks[0].pieces[2].stored_len = 11;
    let error = Index::decode(&index.encode().unwrap()).unwrap_err();
    assert!(
        matches!(error, Error::Index { what: "a piece is stored in more bytes than it has", .. }),
        "{error}"
    );
}

#[test]
fn a_chunk_that_is_not_called_after_its_pieces_is_refused() {
    let mut index = small();
    index.chunks[0].pieces[0].digest = Digest::of(b"another");
    let error = Index::decode(&index.encode().unwrap()).unwrap_err();
    assert_eq!(error, Error::Index { at: 48, what: "a chunk isn't called after its pieces" });
    index.chunks[0].pieces.clear();
    assert!(Index::decode(&index.encode().unwrap()).is_err());
}

#[test]
fn only_a_piece_of_which_nothing_uses_a_byte_is_unused() {
    let all = |len: u64| {
        let count = chunk_count(len) as usize;
        let mut index = Index { raw_len: len, raw_sha256: [0; 32], chunks: Vec::new() };
        for n in 0..count {
            let range = index.range(n);
            let pieces = (range.end - range.start).div_ceil(PIECE);
            index.chunks.push(chunk((0..pieces).map(|m| stored(m as u8, 1)).collect()));
        }
        index
    };
    let unused = |ranges: &[Range<u64>]| -> Vec<u64> {
        let mut index = all(CHUNK + 2 * PIECE + 100);
        index.mark_unused(ranges);
        let found = index.chunks.iter().flat_map(|chunk| &chunk.pieces).enumerate();
        let found: Vec<_> = found.filter(|(_, piece)| piece.unused).map(|(n, _)| n as u64).collect();
        let last = 66;
        let bytes = found.iter().map(|&n| if n == last { 100 } else { PIECE }).sum::<u64>();
        assert_eq!(index.unused(), bytes);
        found
    };
    assert_eq!(unused(&[]), [0u64; 0]);
    assert_eq!(unused(&[0..PIECE]), [0]);
    assert_eq!(unused(&[1..PIECE, 0..PIECE - 1, PIECE..2 * PIECE - 1]), [0], "two that overlap");
    assert_eq!(unused(&[PIECE / 2..PIECE, 0..PIECE / 2]), [0], "two that touch, in any order");
    assert_eq!(unused(&[PIECE - 1..2 * PIECE, 2 * PIECE..3 * PIECE + 1]), [1, 2]);
    assert_eq!(unused(&[CHUNK - PIECE..CHUNK + PIECE]), [63, 64], "across two chunks");
    assert_eq!(unused(&[CHUNK + 2 * PIECE..CHUNK + 2 * PIECE + 99]), [0u64; 0]);
    assert_eq!(unused(&[CHUNK + 2 * PIECE..CHUNK + 2 * PIECE + 100]), [66], "the last one is short");
    assert_eq!(unused(&[CHUNK + 2 * PIECE..u64::MAX]), [66]);
    #[expect(clippy::reversed_empty_ranges, reason = "this is what is tested")]
    let turned = 3 * PIECE..PIECE;
    assert_eq!(unused(&[turned, 5..5]), [0u64; 0]);
}

#[test]
fn a_mark_is_taken_back_by_the_next_look() {
    let mut index = small();
    index.mark_unused(&[0..PIECE]);
    assert_eq!(index.unused(), PIECE, "and the last one isn't any more");
}

#[test]
fn what_is_zero_and_what_is_stored_is_counted() {
    let one = chunk(vec![Piece::zeros(65_536), stored(1, 700)]);
    let pieces = [one.pieces.clone(), vec![Piece::zeros(65_536); 62]].concat();
    let full = chunk(pieces);
    let chunks = vec![Chunk::ZEROS, full.clone(), full, chunk(vec![stored(2, 3)])];
    let index = Index { raw_len: 3 * CHUNK + 9, raw_sha256: [0; 32], chunks };
    assert_eq!(index.zero(), CHUNK + 2 * 63 * PIECE);
    assert_eq!(index.stored(), 703, "a chunk that is there twice is stored once");
    assert_eq!((index.range(3), index.range(0)), (3 * CHUNK..3 * CHUNK + 9, 0..CHUNK));
}

fn any_index() -> impl Strategy<Value = Index> {
    let piece = (any::<u8>(), 0u32..=65_536, any::<bool>());
    let pieces = prop::collection::vec(piece, 64);
    let chunks = prop::collection::vec(prop::option::of(pieces), 1..4);
    (chunks, 1..=CHUNK, any::<[u8; 32]>()).prop_map(|(chunks, last, raw_sha256)| {
        let raw_len = (chunks.len() as u64 - 1) * CHUNK + last;
        let mut index = Index { raw_len, raw_sha256, chunks: Vec::new() };
        for (n, pieces) in chunks.into_iter().enumerate() {
            let range = index.range(n);
            let mut left = range.end - range.start;
            let Some(pieces) = pieces else {
                index.chunks.push(Chunk::ZEROS);
                continue;
            };
            let pieces = pieces.into_iter().map_while(|(seed, len, unused)| {
                let piece_len = left.min(PIECE);
                left -= piece_len;
                let len = len.min(piece_len as u32);
                let piece = if len == 0 { Piece::zeros(piece_len as usize) } else { stored(seed, len) };
                (piece_len > 0).then_some(Piece { unused, ..piece })
            });
            index.chunks.push(chunk(pieces.collect()));
        }
        index
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_is_read_back(index in any_index()) {
        prop_assert_eq!(Index::decode(&index.encode().unwrap()).unwrap(), index);
    }

    #[test]
    fn there_is_one_way_to_write_what_can_be_read(
        index in any_index(),
        place in any::<prop::sample::Index>(),
        bit in 0u8..8,
    ) {
        let mut bytes = index.encode().unwrap();
        let place = place.index(bytes.len());
        bytes[place] ^= 1 << bit;
        if let Ok(other) = Index::decode(&bytes) {
            prop_assert_ne!(&other, &index);
            // Only the length of a piece of zeros could be said in two ways, and isn't.
            prop_assert_eq!(other.encode().unwrap(), bytes);
        }
    }

    #[test]
    fn what_is_cut_off_or_goes_on_is_refused(index in any_index(), cut in any::<prop::sample::Index>()) {
        let mut bytes = index.encode().unwrap();
        prop_assert!(Index::decode(&bytes[..cut.index(bytes.len())]).is_err());
        bytes.push(0);
        prop_assert!(Index::decode(&bytes).is_err());
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), count in 0u64..4 * CHUNK) {
        let _ = Index::decode(&bytes);
        let _ = Index::decode(&[&b"piprovI1"[..], &count.to_le_bytes(), &[0; 32], &bytes].concat());
    }
}
