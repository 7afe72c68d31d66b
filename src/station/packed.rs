//! Images packed on their way: each chunk is a frame of its own, and frames one behind the other are what `gzip -dc` and
//! `zstd -dc` unpack (RFC 1952, 2.2; RFC 8878, 3). So what is packed can be given from any byte on, and nothing before it
//! has to be packed for that: only how long each frame is has to be known, and is remembered.

use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::Arc;

use super::images::{Error, Raw};

/// How many images' lengths are remembered.
const REMEMBERED: usize = 64;
/// The level of zstd: the wire is to be the limit, not the processor.
const LEVEL: i32 = 1;

/// How an image is packed on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Packed {
    Raw,
    Gzip,
    Zstd,
}

impl Packed {
    /// How a file's name ends.
    pub(super) const fn ending(self) -> &'static str {
        match self {
            Self::Raw => "",
            Self::Gzip => ".gz",
            Self::Zstd => ".zst",
        }
    }

    /// A chunk as a frame. The same bytes give the same frame.
    pub(super) fn frame(self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        match self {
            Self::Raw => Ok(bytes.to_vec()),
            Self::Gzip => {
                let mut packer = flate2::GzBuilder::new().write(Vec::new(), flate2::Compression::fast());
                packer.write_all(bytes)?;
                packer.finish()
            }
            Self::Zstd => zstd::bulk::compress(bytes, LEVEL),
        }
    }
}

/// The lengths of an image's frames.
pub(super) type Lengths = Arc<[u32]>;

/// The frame that a byte of what is packed is in, and where that frame begins.
pub(super) fn frame_of(lengths: &[u32], byte: u64) -> (usize, u64) {
    let mut begins = 0;
    for (n, len) in lengths.iter().enumerate() {
        if byte < begins + u64::from(*len) {
            return (n, begins);
        }
        begins += u64::from(*len);
    }
    (lengths.len(), begins)
}

/// Lengths that were found.
#[derive(Debug, Default)]
pub(super) struct Known {
    inside: tokio::sync::Mutex<HashMap<(String, Packed), Lengths>>,
}

impl Known {
    /// Those of an image, where they were found before. Nobody waits for others that are being found.
    pub(super) fn get(&self, image: &str, packed: Packed) -> Option<Lengths> {
        self.inside.try_lock().ok()?.get(&(image.to_owned(), packed)).cloned()
    }

    /// Packs all of an image once, if nobody has. One at a time: who asks for the same waits for it.
    pub(super) async fn find(&self, image: &str, packed: Packed, raw: Raw) -> Result<Lengths, Error> {
        let mut inside = self.inside.lock().await;
        let key = (image.to_owned(), packed);
        if let Some(known) = inside.get(&key) {
            return Ok(Arc::clone(known));
        }
        let found = tokio::task::spawn_blocking(move || lengths(raw, packed)).await;
        let found = found.map_err(|_| Error::Work)??;
        if inside.len() >= REMEMBERED {
            inside.clear();
        }
        inside.insert(key, Arc::clone(&found));
        Ok(found)
    }
}

fn lengths(mut raw: Raw, packed: Packed) -> Result<Lengths, Error> {
    let mut found = Vec::new();
    while let Some(bytes) = raw.next_bytes()? {
        let frame = packed.frame(&bytes).map_err(Error::Read)?;
        found.push(u32::try_from(frame.len()).unwrap_or(u32::MAX));
    }
    Ok(found.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn frames_one_behind_the_other_are_the_whole_and_each_is_always_the_same() {
        let parts: [&[u8]; 3] = [&[7; 100_000], b"", b"the end"];
        for packed in [Packed::Gzip, Packed::Zstd] {
            let frames = parts.map(|part| packed.frame(part).unwrap());
            assert_eq!(frames, parts.map(|part| packed.frame(part).unwrap()));
            let whole = frames.concat();
            let mut plain = Vec::new();
            match packed {
                Packed::Zstd => zstd::Decoder::new(&whole[..]).unwrap().read_to_end(&mut plain).unwrap(),
                _ => flate2::read::MultiGzDecoder::new(&whole[..]).read_to_end(&mut plain).unwrap(),
            };
            assert!(plain == parts.concat(), "{packed:?}");
        }
    }

    #[test]
    fn a_byte_is_found_in_its_frame() {
        let lengths = [10, 0, 5];
        assert_eq!(frame_of(&lengths, 0), (0, 0));
        assert_eq!(frame_of(&lengths, 9), (0, 0));
        assert_eq!(frame_of(&lengths, 10), (2, 10));
        assert_eq!(frame_of(&lengths, 15), (3, 15));
    }
}
