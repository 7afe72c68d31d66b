//! Payloads of which it is known that boards don't boot with them: by the digest of the file that is broken.

use std::io;

use sha2::{Digest, Sha256};

use crate::board::identity::Chip;
use crate::image::read_at::ReadAt;
use crate::usb::error::Error;
use crate::usb::lookup::{BOOTFILES, Payload};

/// What is larger is none of those that are known.
const LARGEST: u64 = 64 << 20;

/// A file that is known to be broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct KnownBad {
    /// How its SHA-256 begins: so much of it was published.
    sha256: [u8; 4],
    /// The boards that don't boot with it.
    pub(super) chips: &'static [Chip],
    /// What they do.
    what: &'static str,
    /// What helps.
    remedy: &'static str,
}

/// Files called `bootfiles.bin`.
const ARCHIVES: [KnownBad; 1] = [
    // rpi-sb-provisioner's users found it on Pi 5 and CM5, where another `bootfiles.bin` mended it: it begins with
    // dd606ab0.
    KnownBad {
        sha256: [0x54, 0x34, 0xba, 0x44],
        chips: &[Chip::Bcm2712],
        what: "a Pi 5 or CM5 takes its files and is in its boot ROM again",
        remedy: "It came with one version of the package rpiboot. Install another version, or take firmware/bootfiles.bin \
                 from Raspberry Pi's repository usbboot.",
    },
];

impl KnownBad {
    /// As the reason why a board isn't served.
    pub(super) fn error(self, payload: &Payload) -> Error {
        Error::KnownBad { path: payload.dir().join(BOOTFILES), what: self.what, remedy: self.remedy }
    }
}

/// What is known of a payload's archive.
///
/// # Errors
/// Where it can't be read.
pub(super) fn look(payload: &Payload) -> Result<Option<KnownBad>, Error> {
    let Some(archive) = payload.archive() else { return Ok(None) };
    among(archive, &ARCHIVES).map_err(|source| Error::Read { path: payload.dir().join(BOOTFILES), source })
}

fn among(file: &dyn ReadAt, known: &[KnownBad]) -> io::Result<Option<KnownBad>> {
    let end = file.size()?;
    if end > LARGEST {
        return Ok(None);
    }
    let (mut hash, mut at) = (Sha256::new(), 0);
    let mut buffer = vec![0; 64 << 10];
    while at < end {
        let read = file.read_at(&mut buffer, at)?;
        if read == 0 {
            break;
        }
        hash.update(&buffer[..read]);
        at += read as u64;
    }
    let digest = hash.finalize();
    Ok(known.iter().find(|bad| digest.starts_with(&bad.sha256)).copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_by_its_digest() {
        // SHA-256 of "abc" (FIPS 180-4).
        let bad = KnownBad { sha256: [0xba, 0x78, 0x16, 0xbf], ..ARCHIVES[0] };
        let look = |bytes: &[u8]| among(&bytes.to_vec(), &[bad]).unwrap();
        assert_eq!(look(b"abc"), Some(bad));
        assert_eq!(look(b"abd"), None);
        assert_eq!(among(&vec![7; 200_000], &ARCHIVES).unwrap(), None);
        let dir = tempfile::tempdir().unwrap();
        let payload = Payload::open(dir.path(), &crate::usb::lookup::PayloadOptions::default()).unwrap();
        let error = bad.error(&payload).to_string();
        assert!(error.ends_with("bootfiles.bin is known to be broken: a Pi 5 or CM5 takes its files and is in its boot ROM again"), "{error}");
    }
}
