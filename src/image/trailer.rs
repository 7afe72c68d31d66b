//! What OpenWrt's tools put behind an image: chunks of metadata and signatures, each with a trailer of 16 bytes at its
//! end. Boards pass over it, and so does whoever unpacks the image.
//!
//! Source of the layout: OpenWrt's fwtool (fwimage.h): `FWx0`, crc32, type, three bytes, and the size of the chunk with its
//! trailer; all numbers big-endian.

/// More than this is no metadata.
pub(super) const MOST: usize = 1 << 20;

const MAGIC: &[u8; 4] = b"FWx0";
const LEN: usize = 16;

/// Whether these bytes, which end where the file does, are such chunks and nothing else.
pub(super) fn is_whole(mut bytes: &[u8]) -> bool {
    let mut any = false;
    while let Some(trailer) = bytes.last_chunk::<LEN>().filter(|trailer| trailer.starts_with(MAGIC)) {
        let size = u32::from_be_bytes([trailer[12], trailer[13], trailer[14], trailer[15]]) as usize;
        let Some(rest) = bytes.len().checked_sub(size).filter(|_| size >= LEN) else { return false };
        bytes = &bytes[..rest];
        any = true;
    }
    any && bytes.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(data: &[u8], size: usize) -> Vec<u8> {
        [data, MAGIC, &[1, 2, 3, 4, 1, 0, 0, 0], &(size as u32).to_be_bytes()].concat()
    }

    #[test]
    fn chunks_are_known_by_their_sizes() {
        assert!(is_whole(&chunk(b"{}", 18)));
        assert!(is_whole(&[chunk(b"{}", 18), chunk(b"signature", 25)].concat()));
        for wrong in
            [vec![], chunk(b"{}", 17), chunk(b"{}", 19), chunk(b"{}", 0), b"FWx0".to_vec(), vec![0; 40]]
        {
            assert!(!is_whole(&wrong), "{wrong:?}");
        }
        assert!(!is_whole(&[b"x".to_vec(), chunk(b"{}", 18)].concat()));
    }
}
