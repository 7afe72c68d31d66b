//! The flash chip that a board starts from: what it is, and an image written into it and read back.
//!
//! The kernel shows such a chip as an MTD device where the device tree has one (`jedec,spi-nor`), or its bus as a `spidev`.
//! A file stands for it on a simulated board.

mod spi;

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use self::spi::Bus;
use super::disk::text;
use crate::device_api::{BoardEeprom, EepromTold};
use crate::eeprom::Image;
use crate::format::hex;

/// What flash is erased in, in bytes.
const SECTOR: usize = 4096;
/// `MEMERASE` of mtd/mtd-abi.h: it takes start and length, 32 bits each.
const MEMERASE: rustix::ioctl::Opcode = rustix::ioctl::opcode::write::<[u32; 2]>(b'M', 2);

/// How one gets at a chip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// It is a file.
    File,
    /// The kernel erases and writes it.
    Mtd,
    /// The kernel sends bytes to it.
    Spi,
}

/// The chip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flash {
    path: PathBuf,
    len: u64,
    way: Way,
}

impl Flash {
    /// A file that stands for one.
    ///
    /// # Errors
    /// When it can't be looked at, or has another length than chips have.
    pub fn file(path: &Path) -> io::Result<Self> {
        let len = std::fs::metadata(path)?.len();
        if !Image::SIZES.contains(&len) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "an EEPROM has 512 KiB or 2 MiB"));
        }
        Ok(Self { path: path.to_owned(), len, way: Way::File })
    }

    /// The board's: the one MTD device of type NOR that has the length of an EEPROM and sectors of 4 KiB; else the chip on the
    /// bus that only the EEPROM has.
    #[must_use]
    pub fn find(root: &Path) -> Option<Self> {
        Self::mtd(root).or_else(|| spi::find(root).map(|(path, len)| Self { path, len, way: Way::Spi }))
    }

    fn mtd(root: &Path) -> Option<Self> {
        let entries = std::fs::read_dir(root.join("sys/class/mtd")).ok()?.flatten().take(64);
        let mut found = entries.filter_map(|entry| {
            let (dir, name) = (entry.path(), entry.file_name().to_str()?.to_owned());
            let number = |file: &str| text(&dir.join(file))?.trim().parse::<u64>().ok();
            let len = number("size").filter(|len| Image::SIZES.contains(len))?;
            let fits = number("erasesize") == Some(SECTOR as u64)
                && text(&dir.join("type")).as_deref() == Some("nor")
                && !name.ends_with("ro");
            fits.then(|| Self { path: root.join("dev").join(name), len, way: Way::Mtd })
        });
        // Of two nobody knows which one it is.
        found.next().filter(|_| found.next().is_none())
    }

    /// Its length in bytes.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// Never: a chip has room.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All that is in it.
    ///
    /// # Errors
    /// What the system says.
    pub fn read(&self) -> io::Result<Vec<u8>> {
        let len = usize::try_from(self.len).map_err(io::Error::other)?;
        if self.way == Way::Spi {
            return Bus::open(&self.path)?.read(len);
        }
        let mut bytes = vec![0; len];
        File::open(&self.path)?.read_exact_at(&mut bytes, 0)?;
        Ok(bytes)
    }

    /// Writes an image where it differs, and reads all of it back; where other bytes came back, once more. What was read last is
    /// told by its digest: the caller compares.
    ///
    /// # Errors
    /// What the system says; an image of another length.
    pub fn write(&self, image: &[u8]) -> io::Result<EepromTold> {
        if image.len() as u64 != self.len {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the image isn't as long as the flash chip",
            ));
        }
        let before = self.read()?;
        let mut told = EepromTold {
            before: Some(sum(&before)),
            built: Image::parse(before.clone()).ok().and_then(|image| image.built()),
            ..EepromTold::default()
        };
        let mut now = before;
        for _ in 0..2 {
            if now == image {
                break;
            }
            told.written += match self.way {
                Way::Spi => Bus::open(&self.path)?.write(image, &now)?,
                Way::File | Way::Mtd => self.write_sectors(image, &now)?,
            };
            now = self.read()?;
        }
        told.read_back = Some(sum(&now));
        Ok(told)
    }

    /// Writes where it differs from what `was` there; bytes that were written.
    fn write_sectors(&self, image: &[u8], was: &[u8]) -> io::Result<u64> {
        let file = OpenOptions::new().read(true).write(true).open(&self.path)?;
        let mut written = 0;
        // The first sector has what the board's ROM starts: it comes last.
        for at in (0..image.len()).step_by(SECTOR).rev() {
            let new = &image[at..at + SECTOR];
            if was[at..at + SECTOR] != *new {
                self.sector(&file, at, new)?;
                written += SECTOR as u64;
            }
        }
        if self.way == Way::File {
            file.sync_all()?;
        }
        Ok(written)
    }

    fn sector(&self, file: &File, at: usize, new: &[u8]) -> io::Result<()> {
        if self.way == Way::Mtd {
            let range = [u32::try_from(at).unwrap_or(u32::MAX), SECTOR as u32];
            // SAFETY: MEMERASE reads two numbers of 32 bits, start and length in bytes.
            let call = unsafe { rustix::ioctl::Setter::<MEMERASE, [u32; 2]>::new(range) };
            // SAFETY: as above; the descriptor is that of an MTD device.
            unsafe { rustix::ioctl::ioctl(file.as_fd(), call)? };
            if new.iter().all(|byte| *byte == 0xff) {
                return Ok(());
            }
        }
        file.write_all_at(new, at as u64)
    }

    /// What stands in it. A simulated board tells that; a real one what its firmware has found.
    #[must_use]
    pub fn told(&self) -> BoardEeprom {
        let image = self.read().ok().and_then(|bytes| Image::parse(bytes).ok());
        let image = image.as_ref();
        BoardEeprom {
            built: image.and_then(Image::built),
            version: image.and_then(Image::version).map(str::to_owned),
            updated: None,
            needs: None,
            signed: Some(u32::from(
                image.is_some_and(|image| image.is_signed() || image.is_counter_signed()),
            )),
            config: image.and_then(|image| plain(image.bootconf().ok()?)),
            flash: Some(self.len),
        }
    }
}

fn sum(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// What the firmware has put into the device tree of the EEPROM that the board has started from; `root` is `/`.
#[must_use]
pub fn told(root: &Path) -> Option<BoardEeprom> {
    let chosen = root.join("proc/device-tree/chosen");
    let number = |file: &str| {
        let bytes = std::fs::read(chosen.join(file)).ok()?;
        match bytes.len() {
            4 => Some(u64::from(u32::from_be_bytes(bytes.try_into().ok()?))),
            8 => Some(u64::from_be_bytes(bytes.try_into().ok()?)),
            _ => None,
        }
    };
    let built = number("bootloader/build-timestamp")?;
    let flash = Flash::find(root);
    Some(BoardEeprom {
        built: Some(built),
        version: text(&chosen.join("bootloader/version"))
            .map(|text| text.chars().take(64).collect::<String>())
            .filter(|text| !text.is_empty()),
        updated: number("bootloader/update-timestamp"),
        needs: Some(number("rpi-min-boot-ver").unwrap_or(0)),
        signed: number("bootloader/signed").and_then(|bits| u32::try_from(bits).ok()),
        // What the chip has counts where the kernel shows no configuration.
        config: config(root).or_else(|| flash.as_ref()?.told().config),
        flash: flash.map(|flash| flash.len()),
    })
}

/// The configuration, where the kernel shows it as non-volatile memory.
fn config(root: &Path) -> Option<String> {
    let devices = std::fs::read_dir(root.join("sys/bus/nvmem/devices")).ok()?.flatten().take(64);
    let is = |path: &Path| {
        text(&path.join("of_node/compatible"))
            .is_some_and(|text| text.contains("raspberrypi,bootloader-config"))
    };
    let device = devices.map(|entry| entry.path()).find(|path| is(path))?;
    let bytes =
        std::fs::read(device.join("nvmem")).ok().filter(|bytes| bytes.len() <= BoardEeprom::LONGEST)?;
    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
    plain(std::str::from_utf8(&bytes[..end]).ok()?)
}

/// A configuration that a station takes: what it would refuse would keep the board out.
fn plain(text: &str) -> Option<String> {
    let odd = |char: char| !matches!(char, '\n' | '\r' | '\t') && crate::format::is_hidden(char);
    (text.len() <= BoardEeprom::LONGEST && !text.contains(odd)).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::eeprom::pi4_of;

    #[test]
    fn an_image_is_written_where_it_differs_and_read_back() {
        let room = tempfile::tempdir().unwrap();
        let path = room.path().join("flash");
        let (old, new) = (pi4_of("1700000000", b"A=1\n"), pi4_of("1750000000", b"A=2\n"));
        std::fs::write(&path, &old).unwrap();
        let flash = Flash::file(&path).unwrap();
        assert_eq!(flash.told().config.as_deref(), Some("A=1\n"));
        let told = flash.write(&new).unwrap();
        assert_eq!((told.built, told.before), (Some(1_700_000_000), Some(sum(&old))));
        assert_eq!(told.read_back, Some(sum(&new)));
        assert!(told.written > 0 && told.written < 512 << 10, "{}", told.written);
        assert_eq!(std::fs::read(&path).unwrap(), new);
        assert_eq!(flash.write(&new).unwrap().written, 0);
        assert!(flash.write(&new[1..]).is_err());
        std::fs::write(&path, b"short").unwrap();
        assert!(Flash::file(&path).is_err());
    }

    #[test]
    fn what_the_device_tree_tells_is_read_and_two_chips_are_none() {
        let root = tempfile::tempdir().unwrap();
        let put = |path: &str, bytes: &[u8]| {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        };
        assert_eq!(told(root.path()), None);
        let chosen = "proc/device-tree/chosen";
        put(&format!("{chosen}/bootloader/build-timestamp"), &1_754_265_600_u32.to_be_bytes());
        put(&format!("{chosen}/bootloader/version"), b"0a7ef05f\0");
        put(&format!("{chosen}/bootloader/signed"), &9_u32.to_be_bytes());
        put(&format!("{chosen}/rpi-min-boot-ver"), &1_u32.to_be_bytes());
        put("sys/bus/nvmem/devices/rmem0/of_node/compatible", b"raspberrypi,bootloader-config\0nvmem-rmem\0");
        put("sys/bus/nvmem/devices/rmem0/nvmem", b"[all]\nBOOT_UART=1\n\0\0");
        for name in ["mtd0", "mtd1"] {
            put(&format!("sys/class/mtd/{name}/size"), b"524288\n");
            put(&format!("sys/class/mtd/{name}/erasesize"), b"4096\n");
            put(&format!("sys/class/mtd/{name}/type"), if name == "mtd0" { b"nor\n" } else { b"ram\n" });
        }
        let facts = told(root.path()).unwrap();
        assert_eq!((facts.built, facts.needs, facts.is_signed()), (Some(1_754_265_600), Some(1), Some(true)));
        assert_eq!(facts.config.as_deref(), Some("[all]\nBOOT_UART=1\n"));
        assert_eq!((facts.version.as_deref(), facts.flash), (Some("0a7ef05f"), Some(512 << 10)));
        put("sys/class/mtd/mtd1/type", b"nor\n");
        assert_eq!(told(root.path()).unwrap().flash, None);
    }
}
