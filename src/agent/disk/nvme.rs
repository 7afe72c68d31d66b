//! What an NVMe disk says of its wear: the page "SMART / Health Information" of its log (NVM Express base specification
//! 2.0, figure 207), asked for by the kernel's call, without tools.

use std::fs::File;
use std::os::fd::AsFd as _;
use std::path::Path;

use rustix::ioctl::{Ioctl, IoctlOutput, Opcode, opcode};

use crate::device_api::Disk;

/// The page's length in bytes.
const PAGE: usize = 512;
/// So long the disk has for its answer, in milliseconds.
const PATIENCE: u32 = 2000;

/// What the page says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Health {
    warning: u8,
    spare: u8,
    used: u8,
    written: u64,
    hours: u64,
    media_errors: u64,
}

/// Puts what a disk says of its wear into what is known of it. Where it can't be asked nothing is put there.
pub(super) fn ask(disk: &mut Disk) {
    let Some(health) = page(&Path::new("/dev").join(&disk.name)).and_then(|page| read(&page)) else { return };
    disk.used = Some(health.used);
    disk.spare = Some(health.spare);
    disk.warning = Some(health.warning).filter(|bits| *bits != 0);
    disk.bytes_written = Some(health.written);
    disk.hours = Some(health.hours);
    disk.media_errors = Some(health.media_errors);
}

/// Reads the page. `None` for one that no disk has written: a thermometer at absolute zero, or more spare than all.
fn read(page: &[u8]) -> Option<Health> {
    let page: &[u8; PAGE] = page.try_into().ok()?;
    let temperature = u16::from_le_bytes([page[1], page[2]]);
    let number = |at: usize| {
        let bytes = page.get(at..at + 16)?.try_into().ok()?;
        Some(u64::try_from(u128::from_le_bytes(bytes)).unwrap_or(u64::MAX))
    };
    let health = Health {
        warning: page[0],
        spare: page[3],
        used: page[5],
        // In thousands of blocks of 512 bytes, rounded up.
        written: number(48)?.saturating_mul(512_000),
        hours: number(128)?,
        media_errors: number(160)?,
    };
    (temperature != 0 && health.spare <= 100).then_some(health)
}

/// Asks for the page. It may be that there is no such disk, that this program isn't root, or that the disk knows none.
fn page(path: &Path) -> Option<[u8; PAGE]> {
    let file = File::open(path).ok()?;
    let mut page = [0; PAGE];
    let mut ask = Command {
        opcode: GET_LOG_PAGE,
        nsid: u32::MAX,
        addr: page.as_mut_ptr().expose_provenance() as u64,
        data_len: PAGE as u32,
        // Its length in words of four bytes, less one; and its number.
        cdw10: ((PAGE as u32 / 4 - 1) << 16) | HEALTH,
        timeout_ms: PATIENCE,
        ..Command::default()
    };
    // SAFETY: the kernel writes `data_len` bytes at `addr`, which is a buffer of that length, and the command's result.
    let status = unsafe { rustix::ioctl::ioctl(file.as_fd(), Ask(&mut ask)) }.ok()?;
    (status == 0).then_some(page)
}

/// linux/nvme_ioctl.h: `struct nvme_passthru_cmd`.
#[repr(C)]
#[derive(Debug, Default)]
struct Command {
    opcode: u8,
    flags: u8,
    reserved: u16,
    nsid: u32,
    cdw2: u32,
    cdw3: u32,
    metadata: u64,
    addr: u64,
    metadata_len: u32,
    data_len: u32,
    cdw10: u32,
    cdw11: u32,
    cdw12: u32,
    cdw13: u32,
    cdw14: u32,
    cdw15: u32,
    timeout_ms: u32,
    result: u32,
}

const _: () = assert!(size_of::<Command>() == 72);

/// The admin command that reads a log, and the page's number in it.
const GET_LOG_PAGE: u8 = 2;
const HEALTH: u32 = 2;

/// `NVME_IOCTL_ADMIN_CMD`. What it gives is the disk's own status: 0, or what was wrong.
struct Ask<'a>(&'a mut Command);

// SAFETY: the number says that the kernel reads and writes a `Command`, to which the pointer is.
unsafe impl Ioctl for Ask<'_> {
    type Output = i32;
    const IS_MUTATING: bool = true;

    fn opcode(&self) -> Opcode {
        opcode::read_write::<Command>(b'N', 0x41)
    }

    fn as_ptr(&mut self) -> *mut std::ffi::c_void {
        std::ptr::from_mut(self.0).cast()
    }

    unsafe fn output_from_ptr(status: IoctlOutput, _: *mut std::ffi::c_void) -> rustix::io::Result<i32> {
        Ok(status)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 41 °C, 97 % spare, 12 % used, 2,000 thousand blocks written, 8,760 hours, 3 errors.
    fn good() -> Vec<u8> {
        let mut page = vec![0; PAGE];
        page[..6].copy_from_slice(&[0, 0x3a, 0x01, 97, 10, 12]);
        page[48..50].copy_from_slice(&[0xd0, 0x07]);
        page[128..130].copy_from_slice(&[0x38, 0x22]);
        page[160] = 3;
        page
    }

    #[test]
    fn a_page_is_read_and_what_is_none_says_nothing() {
        let health = read(&good()).unwrap();
        let wanted =
            Health { warning: 0, spare: 97, used: 12, written: 1_024_000_000, hours: 8760, media_errors: 3 };
        assert_eq!(health, wanted);
        // Beyond its life, read only, and numbers that no disk reaches.
        let mut worn = good();
        (worn[0], worn[5]) = (0b1001, 255);
        worn[48..64].fill(0xff);
        let worn = read(&worn).unwrap();
        assert_eq!((worn.warning, worn.used, worn.written), (9, 255, u64::MAX));
        let mut odd = good();
        odd[3] = 101;
        assert_eq!(read(&odd), None);
        assert_eq!(read(&[0; PAGE]), None);
        assert_eq!(read(&[0xff; PAGE]), None);
        assert_eq!(read(&good()[..PAGE - 1]), None);
        assert_eq!(read(&[]), None);
    }

    #[test]
    fn what_is_no_such_disk_is_asked_and_says_nothing() {
        let mut disk = Disk::new("null".to_owned(), crate::device_api::Role::Nvme, 1);
        let before = disk.clone();
        ask(&mut disk);
        assert_eq!(disk, before);
        assert_eq!(page(Path::new("/nonexistent")), None);
    }
}
