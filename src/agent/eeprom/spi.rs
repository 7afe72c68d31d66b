//! The flash chip behind `spidev`: thin calls of the kernel around [`nor`](crate::eeprom::nor).
//!
//! Where the kernel shows it: a Pi 5's device tree has the chip's own bus as `spidev10.0`. On a Pi 4 it hangs on the pins
//! 40 to 43, which `spi0` has only with the overlay `spi-gpio40-45`; else `spidev0.0` is what somebody has put onto the header,
//! and isn't touched. Sources: `rpi-eeprom-update` (which has flashrom write there) and that overlay, of Raspberry Pi.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};

use crate::board::Family;
use crate::eeprom::Image;
use crate::eeprom::nor::{self, PAUSE_US, Send, Trouble};

/// The fastest at which Raspberry Pi's own tool reads and writes it, in hertz.
const SPEED: u32 = 16_000_000;

/// `struct spi_ioc_transfer` of linux/spi/spidev.h.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
struct Transfer {
    tx_buf: u64,
    rx_buf: u64,
    len: u32,
    speed_hz: u32,
    delay_usecs: u16,
    bits_per_word: u8,
    cs_change: u8,
    tx_nbits: u8,
    rx_nbits: u8,
    word_delay_usecs: u8,
    pad: u8,
}

/// `SPI_IOC_MESSAGE` of one and of two transfers, and `SPI_IOC_WR_MODE`.
const ONE: rustix::ioctl::Opcode = rustix::ioctl::opcode::write::<[Transfer; 1]>(b'k', 0);
const TWO: rustix::ioctl::Opcode = rustix::ioctl::opcode::write::<[Transfer; 2]>(b'k', 0);
const MODE: rustix::ioctl::Opcode = rustix::ioctl::opcode::write::<u8>(b'k', 1);

impl From<Trouble> for io::Error {
    fn from(trouble: Trouble) -> Self {
        Self::other(trouble)
    }
}

/// The chip's bus.
#[derive(Debug)]
pub(super) struct Bus(File);

impl Bus {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        // SAFETY: SPI_IOC_WR_MODE reads one byte: mode 0, which all flash chips have.
        let call = unsafe { rustix::ioctl::Setter::<MODE, u8>::new(0) };
        // SAFETY: as above.
        unsafe { rustix::ioctl::ioctl(file.as_fd(), call)? };
        Ok(Self(file))
    }

    fn exchange(&self, send: &Send) -> io::Result<Vec<u8>> {
        let mut back = vec![0; send.back];
        let length = |len: usize| u32::try_from(len).map_err(io::Error::other);
        let transfer = |len: usize| {
            Ok::<_, io::Error>(Transfer { len: length(len)?, speed_hz: SPEED, ..Transfer::default() })
        };
        let out =
            Transfer { tx_buf: send.out.as_ptr().expose_provenance() as u64, ..transfer(send.out.len())? };
        if back.is_empty() {
            // SAFETY: the kernel reads one structure, and `len` bytes where it points; both live until it returns.
            let call = unsafe { rustix::ioctl::Setter::<ONE, [Transfer; 1]>::new([out]) };
            // SAFETY: as above.
            unsafe { rustix::ioctl::ioctl(self.0.as_fd(), call)? };
            return Ok(back);
        }
        // The kernel waits after what comes back: a chip at work isn't asked without a pause.
        let delay_usecs = if send.pause { u16::try_from(PAUSE_US).unwrap_or(u16::MAX) } else { 0 };
        let into = Transfer {
            rx_buf: back.as_mut_ptr().expose_provenance() as u64,
            delay_usecs,
            ..transfer(back.len())?
        };
        // SAFETY: the kernel reads two structures and the bytes of the first, and writes `len` bytes where the second points:
        // into `back`, which has as many, lives until it returns, and is looked at only then.
        let call = unsafe { rustix::ioctl::Setter::<TWO, [Transfer; 2]>::new([out, into]) };
        // SAFETY: as above.
        unsafe { rustix::ioctl::ioctl(self.0.as_fd(), call)? };
        Ok(back)
    }

    /// How long the chip is; `None` for what is no chip of an EEPROM.
    fn len(&self) -> io::Result<Option<u64>> {
        let id = self.exchange(&nor::identify())?;
        Ok(id.try_into().ok().and_then(nor::len_of))
    }

    pub(super) fn read(&self, len: usize) -> io::Result<Vec<u8>> {
        nor::read_all(len, |send| self.exchange(send))
    }

    /// Writes where it differs from what `was` there; bytes that were written.
    pub(super) fn write(&self, image: &[u8], was: &[u8]) -> io::Result<u64> {
        nor::write_all(image, was, |send| self.exchange(send))
    }
}

/// The device that is the bus of the board's EEPROM, where the kernel shows it, and the chip whose images are in it.
fn device(root: &Path) -> Option<(PathBuf, Family)> {
    let tree = root.join("proc/device-tree");
    let compatible = std::fs::read(tree.join("compatible")).ok()?;
    let is = |chip: &str| compatible.split(|byte| *byte == 0).any(|one| one == chip.as_bytes());
    let (name, family) = if is("brcm,bcm2712") {
        ("spidev10.0", Family::Pi5)
    } else if is("brcm,bcm2711") {
        let pins = std::fs::read(tree.join("soc/gpio@7e200000/spi0_pins/brcm,pins")).ok()?;
        let ours = [40_u32, 41, 42].map(u32::to_be_bytes).concat();
        if pins != ours {
            return None;
        }
        ("spidev0.0", Family::Pi4)
    } else {
        return None;
    };
    let path = root.join("dev").join(name);
    path.exists().then_some((path, family))
}

/// The board's chip: where it tells a length that chips have, and what is in it is an image for this board.
pub(super) fn find(root: &Path) -> Option<(PathBuf, u64)> {
    let (path, family) = device(root)?;
    let look = || -> io::Result<Option<u64>> {
        let bus = Bus::open(&path)?;
        let Some(len) = bus.len()? else { return Ok(None) };
        let bytes = bus.read(usize::try_from(len).map_err(io::Error::other)?)?;
        Ok(Image::parse(bytes).ok().filter(|image| image.family() == family).map(|_| len))
    };
    match look() {
        Ok(len) => Some((path, len?)),
        Err(error) => {
            tracing::debug!(path = %path.display(), %error, "the flash chip can't be read");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_bus_of_the_flash_chip_is_touched() {
        let root = tempfile::tempdir().unwrap();
        let put = |path: &str, bytes: &[u8]| {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        };
        let name = |root: &Path| {
            device(root).map(|(path, _)| path.file_name().unwrap().to_str().unwrap().to_owned())
        };
        put("dev/spidev10.0", b"");
        put("dev/spidev0.0", b"");
        assert_eq!(name(root.path()), None);
        put("proc/device-tree/compatible", b"raspberrypi,5-model-b\0brcm,bcm2712\0");
        assert_eq!(name(root.path()).as_deref(), Some("spidev10.0"));
        // What is no spidev says so, and isn't one.
        assert_eq!(find(root.path()), None);
        put("proc/device-tree/compatible", b"raspberrypi,4-model-b\0brcm,bcm2711\0");
        assert_eq!(name(root.path()), None, "spidev0.0 is somebody's device on the header");
        let pins = "proc/device-tree/soc/gpio@7e200000/spi0_pins/brcm,pins";
        put(pins, &[9_u32, 10, 11].map(u32::to_be_bytes).concat());
        assert_eq!(name(root.path()), None);
        put(pins, &[40_u32, 41, 42].map(u32::to_be_bytes).concat());
        assert_eq!(name(root.path()).as_deref(), Some("spidev0.0"));
        std::fs::remove_file(root.path().join("dev/spidev0.0")).unwrap();
        assert_eq!(name(root.path()), None);
    }

    #[test]
    fn a_transfer_is_as_the_kernel_has_it() {
        assert_eq!(size_of::<Transfer>(), 32);
        // _IOW('k', 0, char[32]), _IOW('k', 0, char[64]) and _IOW('k', 1, __u8).
        assert_eq!([ONE, TWO, MODE], [0x4020_6b00, 0x4040_6b00, 0x4001_6b01]);
    }
}
