//! What boot ROMs of BCM2711 and BCM2712 load over USB: Raspberry Pi's `bootcode4.bin` and `bootcode5.bin`, which no package
//! has. They are taken from files that are there: themselves, Raspberry Pi's archive `bootfiles.bin`, or a directory of
//! rpiboot's with one of these in it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::beneath::{open_regular, read_bounded};
use crate::board::identity::Chip;
use crate::debian::files::Error;
use crate::usb::bootfiles::Bootfiles;

/// The largest bootcode known has 105984 bytes; a text in its place is a link that was not followed.
const SIZES: std::ops::RangeInclusive<usize> = 200..=16 << 20;
/// Raspberry Pi's archive has some megabytes.
const LARGEST: u64 = 256 << 20;
const ARCHIVE: &str = "bootfiles.bin";
/// Where rpiboot's tree has them, and its directories for one board each.
const PLACES: [&str; 9] = [
    "",
    "firmware",
    "firmware/2711",
    "firmware/2712",
    "2711",
    "2712",
    "mass-storage-gadget64",
    "mass-storage-gadget",
    "msd",
];
/// What lies beside a bootcode that writes the EEPROM.
const EEPROM: [&str; 4] = ["pieeprom.bin", "pieeprom.original.bin", "pieeprom.upd", "recovery.bin"];
/// The boards that need one beside what packages have.
pub const CHIPS: [Chip; 2] = [Chip::Bcm2711, Chip::Bcm2712];

/// The files, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UsbBoot {
    /// `bootcode4.bin`, `bootcode5.bin`, or both.
    pub files: BTreeMap<&'static str, Vec<u8>>,
}

impl UsbBoot {
    /// Takes them from these places; of several with one name the first one counts.
    ///
    /// # Errors
    /// When a place can't be read, or has none of them.
    pub fn from(places: &[PathBuf]) -> Result<Self, Error> {
        let mut found = Self::default();
        for place in places {
            let before = found.files.len();
            let mut any = false;
            for path in candidates(place) {
                any |= found.look(&path)?;
            }
            if !any && found.files.len() == before {
                let what =
                    "no bootcode4.bin, bootcode5.bin or bootfiles.bin of Raspberry Pi's usbboot is there";
                return Err(Error::Given { path: place.clone(), what: what.to_owned() });
            }
        }
        Ok(found)
    }

    /// The boards that can't be booted over USB without what is missing.
    #[must_use]
    pub fn missing(&self) -> Vec<Chip> {
        CHIPS.into_iter().filter(|chip| !self.files.contains_key(chip.bootcode())).collect()
    }

    /// Takes what is in a file; whether there is something.
    fn look(&mut self, path: &Path) -> Result<bool, Error> {
        let name = path.file_name().unwrap_or_default();
        if writes_eeprom(path) {
            let what = "this one is for writing the EEPROM: such images lie beside it".to_owned();
            return Err(Error::Given { path: path.to_owned(), what });
        }
        let os = |source| Error::Os { path: path.to_owned(), doing: "reading", source };
        let read = || open_regular(path).and_then(|file| read_bounded(&file, LARGEST)).map_err(os);
        let mut any = false;
        if name == ARCHIVE {
            let bytes = read()?;
            let what = |error: crate::usb::bootfiles::Damage| Error::Given {
                path: path.to_owned(),
                what: error.to_string(),
            };
            let archive = Bootfiles::read(&bytes).map_err(what)?;
            for chip in CHIPS {
                let member = archive.find(&format!("{}/{}", chip.prefix(), chip.bootcode()));
                let part = member.and_then(|member| {
                    let from = usize::try_from(member.offset).ok()?;
                    bytes.get(from..from.checked_add(usize::try_from(member.len).ok()?)?)
                });
                if let Some(part) = part {
                    self.take(path, chip, part)?;
                    any = true;
                }
            }
        } else if let Some(chip) = CHIPS.into_iter().find(|chip| name == chip.bootcode()) {
            self.take(path, chip, &read()?)?;
            any = true;
        }
        Ok(any)
    }

    fn take(&mut self, path: &Path, chip: Chip, bytes: &[u8]) -> Result<(), Error> {
        if !SIZES.contains(&bytes.len()) {
            let what = format!("{} has {} bytes and is no firmware", chip.bootcode(), bytes.len());
            return Err(Error::Given { path: path.to_owned(), what });
        }
        self.files.entry(chip.bootcode()).or_insert_with(|| bytes.to_vec());
        Ok(())
    }
}

/// The files that a place may have: itself, or what is at the usual places below it.
fn candidates(place: &Path) -> Vec<PathBuf> {
    if !place.is_dir() {
        return vec![place.to_owned()];
    }
    let names = [Chip::Bcm2711.bootcode(), Chip::Bcm2712.bootcode(), ARCHIVE];
    let all = PLACES.iter().flat_map(|dir| names.map(|name| place.join(dir).join(name)));
    all.filter(|path| path.is_file() && !writes_eeprom(path)).collect()
}

/// Whether a bootcode is one that writes the EEPROM: those of rpiboot's `recovery` are called the same, and what they write
/// lies beside them.
fn writes_eeprom(path: &Path) -> bool {
    EEPROM.iter().any(|name| path.with_file_name(name).exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(root: &Path, path: &str, bytes: &[u8]) {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for (path, bytes) in members {
            let mut header = tar::Header::new_ustar();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            tar.append_data(&mut header, path, *bytes).unwrap();
        }
        tar.into_inner().unwrap()
    }

    #[test]
    fn bootcodes_are_found_in_rpiboots_tree_in_its_archive_and_as_files() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        put(root, "tree/firmware/bootcode4.bin", &[4; 300]);
        put(
            root,
            "tree/firmware/bootfiles.bin",
            &archive(&[("2712/bootcode5.bin", &[5; 400]), ("2711/x", b"x")]),
        );
        put(root, "tree/msd/bootcode4.bin", &[9; 300]);
        let found = UsbBoot::from(&[root.join("tree")]).unwrap();
        assert_eq!(found.files["bootcode4.bin"], [4; 300]);
        assert_eq!(found.files["bootcode5.bin"], [5; 400]);
        assert!(found.missing().is_empty());
        let one = UsbBoot::from(&[root.join("tree/msd/bootcode4.bin")]).unwrap();
        assert_eq!(one.missing(), [Chip::Bcm2712]);
        assert_eq!(UsbBoot::default().missing(), CHIPS);
    }

    #[test]
    fn what_writes_the_eeprom_is_not_taken_and_what_is_no_firmware_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        put(root, "recovery/bootcode4.bin", &[4; 300]);
        put(root, "recovery/pieeprom.original.bin", b"e");
        put(root, "links/bootcode5.bin", b"../firmware/2712/bootcode5.bin");
        put(root, "empty/readme", b"");
        put(root, "bad/bootfiles.bin", &[7; 600]);
        let says = |place: &str| UsbBoot::from(&[root.join(place)]).unwrap_err().to_string();
        assert!(says("recovery").contains("no bootcode4.bin"));
        assert!(says("recovery/bootcode4.bin").contains("for writing the EEPROM"));
        assert!(says("links").contains("has 30 bytes and is no firmware"));
        assert!(says("empty").contains("no bootcode4.bin"));
        assert!(says("bad").contains("damaged"));
        assert!(says("nothing").contains("nothing"));
    }
}
