use proptest::prelude::*;

use super::*;

const SHORT: usize = 3 * PIECE as usize + 1000;

/// Four pieces: text, zeros, noise that doesn't shrink, and a short one.
fn raw() -> Vec<u8> {
    let mut raw = vec![0; SHORT];
    let piece = PIECE as usize;
    raw[..piece]
        .iter_mut()
        .zip(b"the board reads back what it wrote; ".iter().cycle())
        .for_each(|(to, &from)| *to = from);
    let mut state = 1u32;
    for byte in &mut raw[2 * piece..3 * piece] {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *byte = (state >> 24) as u8;
    }
    raw[3 * piece..].fill(7);
    raw
}

fn packed(raw: &[u8]) -> (Chunk, Vec<u8>) {
    let mut chunk = digest(raw);
    let object = Packer::new(LEVEL).unwrap().pack(raw, &mut chunk).unwrap();
    (chunk, object)
}

/// The object with its digest made right again.
fn sealed(mut object: Vec<u8>) -> Vec<u8> {
    object.truncate(object.len() - DIGEST);
    let digest = Digest::of(&object);
    object.extend_from_slice(&digest.0);
    object
}

fn unpacked(object: &[u8]) -> Result<Chunk, Error> {
    Unpacker::new().unwrap().unpack(object, &mut Vec::new())
}

#[test]
fn a_chunk_comes_back_byte_for_byte_and_each_piece_by_itself() {
    let raw = raw();
    let (chunk, object) = packed(&raw);
    assert_eq!(&object[..12], b"piprovC1\xe8\x03\x03\0");
    let lens: Vec<_> = chunk.pieces.iter().map(|piece| piece.stored_len).collect();
    assert!(lens[0] > 0 && lens[0] < 100 && lens[1] == 0 && lens[2] == 65_536 && lens[3] < 50, "{lens:?}");
    let mut unpacker = Unpacker::new().unwrap();
    let mut back = vec![1; 5];
    assert_eq!(unpacker.unpack_named(&object, chunk.id.unwrap(), &mut back).unwrap(), chunk);
    assert!(back == raw);
    let head = check(&object).unwrap();
    assert_eq!(head, Head::of(&chunk, raw.len() as u64));
    assert_eq!((head.raw_len(), head.pieces(), head.object_len()), (SHORT, 4, object.len()));
    for (n, bytes) in raw.chunks(PIECE as usize).enumerate() {
        let mut piece = vec![1; head.piece_len(n)];
        unpacker.piece(&object[head.piece(n)], &mut piece).unwrap();
        assert!(piece == bytes, "{n}");
        assert_eq!(Digest::of(&piece), chunk.pieces[n].digest);
        assert_eq!(head.stored_len(n) as usize, head.piece(n).len());
    }
}

#[test]
fn a_whole_chunk_of_noise_is_as_long_as_an_object_gets() {
    let mut noise = vec![0; CHUNK as usize];
    blake3::Hasher::new().finalize_xof().fill(&mut noise);
    let (chunk, object) = packed(&noise);
    assert_eq!(object.len(), LONGEST);
    assert_eq!(chunk.stored(), CHUNK);
    assert_eq!(Head::read(&object[..LONGEST_HEAD]).unwrap(), check(&object).unwrap());
}

#[test]
fn a_chunk_of_zeros_has_no_object() {
    for len in [1, CHUNK as usize] {
        assert_eq!(digest(&vec![0; len]), Chunk::ZEROS);
        let error = Packer::new(LEVEL).unwrap().pack(&vec![0; len], &mut Chunk::ZEROS.clone()).unwrap_err();
        assert!(matches!(error, Error::Object { .. }));
    }
    // One that somebody sends all the same is refused by every name.
    let object = sealed([&b"piprovC1\x05\0\0\0\0\0\0\0"[..], &[0; 32]].concat());
    assert_eq!(unpacked(&object).unwrap(), Chunk::ZEROS);
    let name = Chunk::name(&[Piece::zeros(5)]);
    assert!(Unpacker::new().unwrap().unpack_named(&object, name, &mut Vec::new()).is_err());
}

#[test]
fn damage_of_any_single_byte_is_found_without_unpacking() {
    let (_, object) = packed(&raw()[PIECE as usize * 2 + 65_000..]);
    assert!(object.len() < 2000, "so that each byte is tried");
    for n in 0..object.len() {
        for change in [1, 0x80, 0xff] {
            let mut damaged = object.clone();
            damaged[n] ^= change;
            assert!(check(&damaged).is_err(), "byte {n}");
        }
        assert!(check(&object[..n]).is_err(), "{n} bytes of it");
    }
    assert!(check(&[&object[..], &[0]].concat()).is_err());
}

#[test]
fn another_chunk_under_this_name_is_refused() {
    let (chunk, _) = packed(&raw());
    let (other, object) = packed(&raw()[1..]);
    let error =
        Unpacker::new().unwrap().unpack_named(&object, chunk.id.unwrap(), &mut Vec::new()).unwrap_err();
    assert_eq!(error, Error::Digest { what: "chunk", expected: chunk.id.unwrap(), got: other.id.unwrap() });
}

/// An object with one piece of this raw length that is stored so.
fn with_piece(raw_len: u32, stored: &[u8]) -> Vec<u8> {
    let table = (stored.len() as u32).to_le_bytes();
    sealed([&b"piprovC1"[..], &raw_len.to_le_bytes(), &table, stored, &[0; 32]].concat())
}

#[test]
fn a_frame_never_gives_more_than_its_piece() {
    // A gigabyte of zeros in a few kilobytes, with and without a length that it tells.
    let bomb = zstd::encode_all(std::io::Read::take(std::io::repeat(0), 1 << 30), 19).unwrap();
    let told = zstd::bulk::compress(&vec![0; 1 << 24], 19).unwrap();
    for frame in [&bomb[..], &told] {
        assert!(frame.len() < PIECE as usize);
        let error = unpacked(&with_piece(PIECE as u32, frame)).unwrap_err();
        assert!(matches!(error, Error::Piece { at: 0, raw_len: PIECE, .. }), "{error}");
    }
    let two =
        [zstd::bulk::compress(&[7; 40_000], 1).unwrap(), zstd::bulk::compress(&[7; 40_000], 1).unwrap()];
    assert!(unpacked(&with_piece(PIECE as u32, &two.concat())).is_err(), "two frames");
}

#[test]
fn a_frame_that_gives_less_or_has_something_behind_it_is_refused() {
    let frame = zstd::bulk::compress(&[7; 65_535], 1).unwrap();
    let error = unpacked(&with_piece(65_536, &frame)).unwrap_err().to_string();
    assert!(error.contains("65535 bytes come out of the frame, and the piece has 65536"), "{error}");
    let whole = zstd::bulk::compress(&[7; 65_536], 1).unwrap();
    assert!(unpacked(&with_piece(65_536, &whole)).is_ok());
    for tail in [&[0][..], b"garbage", &whole[..whole.len() - 1]] {
        assert!(unpacked(&with_piece(65_536, &[&whole[..], tail].concat())).is_err());
    }
}

#[test]
fn a_table_that_lies_is_refused() {
    let with = |raw_len: u32, table: &[u32], rest: usize| {
        let table: Vec<_> = table.iter().flat_map(|len| len.to_le_bytes()).collect();
        sealed([&b"piprovC1"[..], &raw_len.to_le_bytes(), &table, &vec![1; rest], &[0; 32]].concat())
    };
    assert!(check(&with(2, &[2], 2)).is_ok());
    let wrong = [
        with(0, &[], 0),
        with(CHUNK as u32 + 1, &[0; 65], 0),
        with(u32::MAX, &[0; 65], 0),
        with(2, &[3], 3),
        with(2, &[2], 1),
        with(2, &[2], 3),
        with(65_537, &[65_536, 2], 65_538),
        with(2, &[u32::MAX], 2),
    ];
    for object in wrong {
        assert!(check(&object).is_err() && unpacked(&object).is_err(), "{:02x?}", &object[..16]);
    }
}

#[test]
fn bytes_that_are_not_the_chunk_are_not_packed() {
    let raw = raw();
    let mut chunk = digest(&raw);
    let mut packer = Packer::new(LEVEL).unwrap();
    let long = vec![1; CHUNK as usize + 1];
    for other in [&raw[..PIECE as usize], &[], &long] {
        assert!(matches!(packer.pack(other, &mut chunk), Err(Error::Object { .. })));
    }
}

/// Runs of bytes as disks have them: zeros, a byte again and again, noise.
fn any_raw() -> impl Strategy<Value = Vec<u8>> {
    let run = (0u8..4, 1usize..90_000, any::<u64>());
    prop::collection::vec(run, 1..6).prop_map(|runs| {
        let mut raw = Vec::new();
        for (kind, len, seed) in runs {
            let start = raw.len();
            raw.resize(start + len, if kind < 2 { 0 } else { seed as u8 });
            if kind == 3 {
                blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut raw[start..]);
            }
        }
        raw
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_is_packed_comes_back(raw in any_raw(), level in -5i32..4) {
        let mut chunk = digest(&raw);
        let Some(id) = chunk.id else {
            prop_assert!(raw.iter().all(|&byte| byte == 0));
            return Ok(());
        };
        let object = Packer::new(level).unwrap().pack(&raw, &mut chunk).unwrap();
        prop_assert!(object.len() <= LONGEST && object.len() <= raw.len() + 12 + DIGEST + 4 * chunk.pieces.len());
        let mut back = Vec::new();
        prop_assert_eq!(Unpacker::new().unwrap().unpack_named(&object, id, &mut back).unwrap(), chunk);
        prop_assert!(back == raw);
    }

    #[test]
    fn pieces_that_are_packed_make_the_same_object(raw in any_raw()) {
        let mut chunk = digest(&raw);
        prop_assume!(chunk.id.is_some());
        let mut packer = Packer::new(LEVEL).unwrap();
        let object = packer.pack(&raw, &mut chunk).unwrap();
        let head = Head::read(&object).unwrap();
        let pieces = (0..head.pieces()).map(|n| &object[head.piece(n)]);
        prop_assert_eq!(assemble(&chunk, raw.len() as u64, pieces), object);
    }

    #[test]
    fn damage_behind_a_right_digest_gives_other_bytes_or_an_error(
        raw in any_raw(),
        place in any::<prop::sample::Index>(),
        change in 1u8..,
    ) {
        let mut chunk = digest(&raw);
        let Some(id) = chunk.id else { return Ok(()) };
        let mut object = Packer::new(LEVEL).unwrap().pack(&raw, &mut chunk).unwrap();
        let place = place.index(object.len() - DIGEST);
        object[place] ^= change;
        let mut back = Vec::new();
        // Bits of a frame may say nothing; then the same bytes come out, and nothing else is taken for them.
        if Unpacker::new().unwrap().unpack_named(&sealed(object), id, &mut back).is_ok() {
            prop_assert!(back == raw);
        }
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), raw_len in 0u32..200_000) {
        let _ = unpacked(&bytes);
        let _ = unpacked(&sealed([&b"piprovC1"[..], &raw_len.to_le_bytes(), &bytes, &[0; 32]].concat()));
    }
}
