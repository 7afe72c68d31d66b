//! EEPROM images out of a package, as Raspberry Pi's package rpi-eeprom has them.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::deb::{Bounds, Deb, Error};
use crate::eeprom::Image;
use crate::eeprom::files::{Newest, may_be_image};

/// What a package with images may bring: the package of 2026 has 60 images, 70 MB in all.
pub const BOUNDS: Bounds = Bounds { file: Image::SIZES[1], kept: 192 << 20, unpacked: 384 << 20 };

/// Whether bytes begin as a package does.
#[must_use]
pub fn is_package(bytes: &[u8]) -> bool {
    bytes.starts_with(super::deb::MAGIC)
}

/// The newest images of a package, and its name with its version. `path` is what messages call it.
///
/// # Errors
/// Where it is no package, or brings more than [`BOUNDS`] allow.
pub fn newest(from: impl Read, path: &Path) -> Result<(Newest, String), Error> {
    let may_be = |name: &str, len: u64| {
        Image::SIZES.contains(&len) && Path::new(name).file_name().is_some_and(may_be_image)
    };
    let deb = Deb::read_from(from, path, BOUNDS, may_be)?;
    let mut newest = Newest::default();
    deb.files.into_iter().for_each(|(name, bytes)| newest.take(PathBuf::from(name), bytes));
    Ok((newest, format!("{} {}", deb.package, deb.version)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::debian::deb::tests::package;
    use crate::samples::eeprom::pi4_of;

    #[test]
    fn a_package_gives_its_newest_images_and_nothing_else_of_it() {
        let dir = tempfile::tempdir().unwrap();
        let (old, new) = (pi4_of("1735689600", b""), pi4_of("1754265600", b""));
        let base = "usr/lib/firmware/raspberrypi/bootloader-2711/default";
        let names = ["pieeprom-2025-01-01.bin", "pieeprom-2025-08-04.bin", "recovery.bin", "notes.txt"];
        let paths = names.map(|name| format!("{base}/{name}"));
        let control = "Package: rpi-eeprom\nVersion: 28.1-1\nArchitecture: all\nMaintainer: x <x@example.org>\n\
                       Description: d\n";
        let files: [(&str, &[u8]); 4] =
            [(&paths[0], &old), (&paths[1], &new), (&paths[2], b"short"), (&paths[3], &new)];
        let deb = package(dir.path(), "xz", control, &files);
        let bytes = std::fs::read(&deb).unwrap();
        assert!(is_package(&bytes) && !is_package(&new) && !is_package(b""));
        let (found, label) = newest(&bytes[..], &deb).unwrap();
        assert_eq!(label, "rpi-eeprom 28.1-1");
        let one = found.one(None, None).unwrap();
        assert!(one.image.bytes() == new && one.path == Path::new(&paths[1]));
        // Cut anywhere, it is none.
        for len in [0, 8, 60, 100, bytes.len() / 2, bytes.len() - 40] {
            assert!(newest(&bytes[..len], &deb).is_err(), "{len}");
        }
        assert!(newest(&new[..], &deb).is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..400)) {
            let bytes = [super::super::deb::MAGIC.as_slice(), &bytes].concat();
            proptest::prop_assert!(newest(&bytes[..], Path::new("x.deb")).is_err());
        }
    }
}
