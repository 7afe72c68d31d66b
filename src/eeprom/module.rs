//! Packed modules of the bootloader: a frame of LZ4, and behind it the SHA-256 of what is in it. Published images have them
//! since 2025 (seen in them; Raspberry Pi doesn't document it); modules of before have no digest.

use std::io::Read as _;

use sha2::{Digest as _, Sha256};

use super::image::What;
use super::{Error, Image};

/// What a frame of LZ4 begins with.
const FRAME: [u8; 4] = 0x184d_2204_u32.to_le_bytes();
/// The digest behind the frame.
const DIGEST: usize = 32;
/// A module's name, and four bytes that are zero.
const NAME: usize = 16;
/// No module is unpacked further: a flash chip has 2 MiB, and the largest module unpacks to less than 1 MiB.
const LONGEST: u64 = 16 << 20;

/// The modules of an image, as far as they can be proved.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Modules {
    /// How many unpack to what their digest says.
    pub whole: usize,
    /// The names of those that don't.
    pub damaged: Vec<String>,
    /// How many have no digest.
    pub without: usize,
}

/// Whether a module's content is what its digest says; `None` for one that has none.
fn is_whole(content: &[u8]) -> Option<bool> {
    let packed = content.get(NAME..)?;
    if !packed.starts_with(&FRAME) {
        return None;
    }
    let (frame, digest) = packed.split_at_checked(packed.len().checked_sub(DIGEST)?)?;
    let mut content = Vec::new();
    let unpacked = lz4_flex::frame::FrameDecoder::new(frame).take(LONGEST).read_to_end(&mut content);
    let fits = unpacked.is_ok_and(|len| (len as u64) < LONGEST);
    Some(fits && Sha256::digest(&content).as_slice() == digest)
}

/// What a module is called.
fn name(content: &[u8]) -> String {
    let name = content.get(..12).unwrap_or_default();
    let end = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
    crate::format::message(&String::from_utf8_lossy(name.get(..end).unwrap_or_default())).into_owned()
}

impl Image {
    /// Whether the modules are whole, as far as that can be proved.
    ///
    /// # Errors
    /// [`Error::Damaged`]: the first one that isn't.
    pub fn check_modules(&self) -> Result<(), Error> {
        match self.modules().damaged.into_iter().next() {
            None => Ok(()),
            Some(module) => Err(Error::Damaged { module }),
        }
    }

    /// Looks at all modules.
    #[must_use]
    pub fn modules(&self) -> Modules {
        let mut modules = Modules::default();
        for section in self.sections().filter(|section| section.what == What::Module) {
            match is_whole(section.content) {
                None => modules.without += 1,
                Some(true) => modules.whole += 1,
                Some(false) => {
                    modules.damaged.push(name(section.content));
                }
            }
        }
        modules
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn module(content: &[u8]) -> Vec<u8> {
        let mut packer = lz4_flex::frame::FrameEncoder::new(b"memsys00.bin\0\0\0\0".to_vec());
        packer.write_all(content).unwrap();
        let mut module = packer.finish().unwrap();
        module.extend(Sha256::digest(content));
        module
    }

    #[test]
    fn each_bit_of_a_packed_module_counts() {
        let content: Vec<u8> = (0..3000_u32).flat_map(|n| (n * n / 7).to_le_bytes()).collect();
        let whole = module(&content);
        assert_eq!(is_whole(&whole), Some(true));
        // The first bytes of the frame say what it is.
        for at in (NAME + FRAME.len()..whole.len()).step_by(7) {
            let mut damaged = whole.clone();
            damaged[at] ^= 4;
            assert_eq!(is_whole(&damaged), Some(false), "{at}");
        }
        assert_eq!(is_whole(&whole[..whole.len() - 1]), Some(false));
        for none in [&b""[..], b"memsys00.bin\0\0\0\0", b"memsys00.bin\0\0\0\0plain code and more of it"] {
            assert_eq!(is_whole(none), None);
        }
        assert_eq!(is_whole(&[&[0; NAME][..], &FRAME].concat()), None, "no room for a digest");
        assert_eq!(is_whole(&[&[0; NAME][..], &FRAME, &[0; DIGEST]].concat()), Some(false));
    }

    #[test]
    fn a_module_that_unpacks_without_end_is_damaged() {
        let bomb = module(&vec![0; usize::try_from(LONGEST).unwrap()]);
        assert!(bomb.len() < 1 << 20);
        assert_eq!(is_whole(&bomb), Some(false));
    }
}
