//! How long an image will be, where its compressed file tells without being decompressed.
//!
//! gzip's ISIZE field is not used: it holds the length modulo 2^32 of the last member only. bzip2 has
//! nothing of the kind. What is read here is still only what the file says; the decompressor compares.

use std::io;

use super::read_at::ReadAt;

/// More streams, frames or blocks than this are not counted out in advance.
const MOST: u64 = 1 << 20;
/// More padding behind an xz stream than this is not stepped over in advance.
const MOST_PADDING: u64 = 1 << 20;

/// The length that the indexes at the ends of the streams of an xz file give (xz file format 1.2.1,
/// sections 2.1.2 and 4). `None` where the file isn't whole, or isn't xz at its end.
pub(super) fn xz(file: &dyn ReadAt, file_len: u64) -> io::Result<Option<u64>> {
    let mut total = 0u64;
    let mut end = file_len;
    for _ in 0..MOST {
        let Some(stream) = xz_stream(file, end)? else { return Ok(None) };
        let Some(sum) = total.checked_add(stream.raw) else { return Ok(None) };
        total = sum;
        end = stream.start;
        if end == 0 {
            return Ok(Some(total));
        }
    }
    Ok(None)
}

struct XzStream {
    start: u64,
    raw: u64,
}

/// The stream that ends at `end`, or before it if there is padding.
fn xz_stream(file: &dyn ReadAt, mut end: u64) -> io::Result<Option<XzStream>> {
    let mut footer = [0u8; 12];
    let padded_end = end;
    loop {
        let Some(start) = end.checked_sub(12) else { return Ok(None) };
        file.read_exact_at(&mut footer, start)?;
        if footer[8..] != [0; 4] {
            break;
        }
        end -= 4;
        if padded_end - end > MOST_PADDING {
            return Ok(None);
        }
    }
    let stored = u32::from_le_bytes([footer[0], footer[1], footer[2], footer[3]]);
    if footer[10..] != *b"YZ" || stored != crc32fast::hash(&footer[4..10]) {
        return Ok(None);
    }
    let index_len = (u64::from(u32::from_le_bytes([footer[4], footer[5], footer[6], footer[7]])) + 1) * 4;
    let Some(index_start) = (end - 12).checked_sub(index_len) else { return Ok(None) };
    let mut index = Bytes::new(file, index_start, end - 12 - 4);
    if index.next()? != Some(0) {
        return Ok(None);
    }
    let Some(records) = index.vli()? else { return Ok(None) };
    let (mut packed, mut raw) = (0u64, 0u64);
    for _ in 0..records {
        let (Some(unpadded), Some(uncompressed)) = (index.vli()?, index.vli()?) else { return Ok(None) };
        let padded = unpadded.checked_next_multiple_of(4).and_then(|size| packed.checked_add(size));
        let (Some(sum), Some(raw_sum)) = (padded, raw.checked_add(uncompressed)) else { return Ok(None) };
        (packed, raw) = (sum, raw_sum);
    }
    let Some(start) = packed.checked_add(12).and_then(|size| index_start.checked_sub(size)) else {
        return Ok(None);
    };
    let mut magic = [0u8; 6];
    file.read_exact_at(&mut magic, start)?;
    Ok((magic == *b"\xfd7zXZ\0").then_some(XzStream { start, raw }))
}

/// Bytes of a range in order, read in small pieces.
struct Bytes<'a> {
    file: &'a dyn ReadAt,
    next: u64,
    end: u64,
    buf: Vec<u8>,
    used: usize,
}

impl<'a> Bytes<'a> {
    fn new(file: &'a dyn ReadAt, start: u64, end: u64) -> Self {
        Self { file, next: start, end, buf: Vec::new(), used: 0 }
    }

    fn next(&mut self) -> io::Result<Option<u8>> {
        if self.used == self.buf.len() {
            self.buf.resize(self.end.saturating_sub(self.next).min(16 << 10) as usize, 0);
            self.file.read_exact_at(&mut self.buf, self.next)?;
            self.next += self.buf.len() as u64;
            self.used = 0;
        }
        let byte = self.buf.get(self.used).copied();
        self.used += 1;
        Ok(byte)
    }

    /// A variable-length integer: seven bits a byte, the lowest first, at most nine bytes.
    fn vli(&mut self) -> io::Result<Option<u64>> {
        let mut value = 0u64;
        for place in 0..9 {
            let Some(byte) = self.next()? else { return Ok(None) };
            value |= u64::from(byte & 0x7f) << (7 * place);
            if byte & 0x80 == 0 {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }
}

/// The sum of the content sizes in the headers of all frames of a Zstandard file (RFC 8878, section 3.1).
/// `None` where a frame doesn't tell. Steps from block header to block header, about one read for each
/// 128 KiB of the image; `give_up` is asked now and then.
pub(super) fn zst(file: &dyn ReadAt, file_len: u64, give_up: &dyn Fn() -> bool) -> io::Result<Option<u64>> {
    let mut at = 0u64;
    let mut total = 0u64;
    let mut steps = 0u64;
    while at < file_len {
        let mut head = [0u8; 18];
        let got = file.read_at(&mut head, at)?;
        let head = &head[..got];
        let Some(magic) = head.first_chunk::<4>() else { return Ok(None) };
        let magic = u32::from_le_bytes(*magic);
        if magic & 0xffff_fff0 == 0x184d_2a50 {
            let Some(size) = head.get(4..8) else { return Ok(None) };
            at += 8 + u64::from(u32::from_le_bytes([size[0], size[1], size[2], size[3]]));
            steps += 1;
            continue;
        }
        let Some(frame) = ZstFrame::parse(head).filter(|_| magic == 0xfd2f_b528) else { return Ok(None) };
        let Some(sum) = total.checked_add(frame.raw) else { return Ok(None) };
        total = sum;
        at += frame.header_len;
        loop {
            steps += 1;
            if steps > MOST || (steps.is_multiple_of(64) && give_up()) {
                return Ok(None);
            }
            let mut block = [0u8; 3];
            if file.read_at(&mut block, at)? < 3 {
                return Ok(None);
            }
            let block = u32::from_le_bytes([block[0], block[1], block[2], 0]);
            let size = u64::from(block >> 3);
            // A block of type 1 is one byte, repeated.
            at += 3 + if block >> 1 & 3 == 1 { 1 } else { size };
            if block & 1 == 1 {
                break;
            }
        }
        at += if frame.checksum { 4 } else { 0 };
    }
    Ok((at == file_len && total > 0).then_some(total))
}

struct ZstFrame {
    header_len: u64,
    raw: u64,
    checksum: bool,
}

impl ZstFrame {
    /// `None` where the header is cut off or doesn't tell the content's size.
    fn parse(head: &[u8]) -> Option<Self> {
        let descriptor = *head.get(4)?;
        let single_segment = descriptor & 0x20 != 0;
        let dictionary_id = [0, 1, 2, 4][usize::from(descriptor & 3)];
        let size_len = match descriptor >> 6 {
            0 if single_segment => 1,
            0 => return None,
            1 => 2,
            2 => 4,
            _ => 8,
        };
        let at = 5 + usize::from(!single_segment) + dictionary_id;
        let bytes = head.get(at..at + size_len)?;
        let value = bytes.iter().rev().fold(0u64, |value, byte| value << 8 | u64::from(*byte));
        let raw = if size_len == 2 { value + 256 } else { value };
        Some(Self { header_len: (at + size_len) as u64, raw, checksum: descriptor & 4 != 0 })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn xz_of(raw: &[u8], block: u64) -> Vec<u8> {
        use std::io::Write;
        let stream = liblzma::stream::MtStreamBuilder::new().preset(0).block_size(block).encoder().unwrap();
        let mut encoder = liblzma::write::XzEncoder::new_stream(Vec::new(), stream);
        encoder.write_all(raw).unwrap();
        encoder.finish().unwrap()
    }

    fn len(bytes: &Vec<u8>) -> Option<u64> {
        xz(bytes, bytes.len() as u64).unwrap()
    }

    #[test]
    fn xz_with_blocks_streams_and_padding() {
        let one = xz_of(&[7; 10_000], 1000);
        assert_eq!(len(&one), Some(10_000));
        let mut two = one.clone();
        two.extend([0; 8]);
        two.extend(xz_of(b"", 1000));
        two.extend(xz_of(b"abc", 1000));
        two.extend([0; 4]);
        assert_eq!(len(&two), Some(10_003));
        two.push(1);
        assert_eq!(len(&two), None, "garbage behind the end");
        assert_eq!(len(&one[..one.len() - 1].to_vec()), None, "cut off");
        assert_eq!(len(&vec![0; 100]), None);
        assert_eq!(len(&Vec::new()), None);
    }

    #[test]
    fn zst_with_frames_of_every_header_size() {
        let frame = |raw: &[u8]| zstd::bulk::compress(raw, 1).unwrap();
        let noise: Vec<u8> = (0..400_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        let mut bytes = frame(&noise);
        bytes.extend([0x53, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 9, 9, 9]);
        bytes.extend(frame(&noise[..1000]));
        bytes.extend(frame(&[7; 200]));
        let len = |bytes: &Vec<u8>| zst(bytes, bytes.len() as u64, &|| false).unwrap();
        assert_eq!(len(&bytes), Some(401_200));
        assert_eq!(len(&bytes[..bytes.len() - 2].to_vec()), None);
        bytes.extend(zstd::stream::encode_all(&b"no size in a streamed frame"[..], 1).unwrap());
        assert_eq!(len(&bytes), None);
        assert_eq!(zst(&bytes, bytes.len() as u64, &|| true).unwrap(), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic_or_loop(mut bytes in proptest::collection::vec(any::<u8>(), 0..400), how in 0..3) {
            if how == 1 && bytes.len() >= 12 {
                let end = bytes.len();
                bytes[end - 2..].copy_from_slice(b"YZ");
                bytes[end - 8] = 5;
                bytes[end - 7..end - 4].fill(0);
                let crc = crc32fast::hash(&bytes[end - 8..end - 2]);
                bytes[end - 12..end - 8].copy_from_slice(&crc.to_le_bytes());
            } else if how == 2 && bytes.len() >= 4 {
                bytes[..4].copy_from_slice(&0xfd2f_b528u32.to_le_bytes());
            }
            let len = bytes.len() as u64;
            // Damage is no error here: the decompressor will meet it and say so.
            let _ = xz(&bytes, len);
            let _ = zst(&bytes, len, &|| false);
        }
    }
}
