//! What a SATA disk says of its wear: its log "Device Statistics" (ACS-3, 9.5 and A.5), asked for through SCSI (SAT-4, 12.2.3:
//! ATA PASS-THROUGH (16)), without tools.
//!
//! The attributes of SMART READ DATA aren't read: which of them is wear, and in which direction it counts, is each maker's own.

use std::fs::File;
use std::os::fd::AsFd as _;
use std::path::Path;

use rustix::ioctl::{Ioctl, IoctlOutput, Opcode};

use crate::device_api::Disk;

/// A page's length in bytes.
const PAGE: usize = 512;
/// So long the disk has for an answer, in milliseconds.
const PATIENCE: u32 = 2000;
/// Lengths of the SCSI command, and of the room for what is said where it fails.
const COMMAND: usize = 16;
const SENSE: usize = 32;

/// The pages of the log that are read.
const GENERAL: u8 = 1;
const ERRORS: u8 = 4;
const SOLID: u8 = 7;

/// A page of statistics.
struct Page([u8; PAGE]);

impl Page {
    /// The page of this number. `None` for bytes that are none, or those of another one: a head with the form (1) and the
    /// page's number comes first.
    fn read(bytes: &[u8], number: u8) -> Option<Self> {
        let page: [u8; PAGE] = bytes.try_into().ok()?;
        (page[..4] == [1, 0, number, 0]).then_some(Self(page))
    }

    /// A number of so many bits. `None` where the disk doesn't know it, or has none now: bits 63 and 62 say so.
    fn number(&self, at: usize, bits: u32) -> Option<u64> {
        let word = u64::from_le_bytes(self.0.get(at..at + 8)?.try_into().ok()?);
        (word >> 62 == 0b11).then_some(word & ((1 << bits) - 1))
    }
}

/// Puts what a disk says of its wear into what is known of it. `sector`: the length of its logical sectors in bytes. Where it
/// can't be asked nothing is put there.
pub(super) fn ask(disk: &mut Disk, sector: u64) {
    let Ok(file) = File::open(Path::new("/dev").join(&disk.name)) else { return };
    let page = |number| Page::read(&log(&file, number)?, number);
    // One that doesn't know the first page knows none: it isn't asked three times.
    let Some(general) = page(GENERAL) else { return };
    put(disk, &general, page(ERRORS).as_ref(), page(SOLID).as_ref(), sector);
}

fn put(disk: &mut Disk, general: &Page, errors: Option<&Page>, solid: Option<&Page>, sector: u64) {
    disk.hours = general.number(16, 32);
    disk.bytes_written = general.number(24, 48).map(|sectors| sectors.saturating_mul(sector));
    disk.media_errors = errors.and_then(|page| page.number(8, 32));
    disk.used = solid.and_then(|page| page.number(8, 8)).and_then(|used| u8::try_from(used).ok());
}

/// Asks for a page of the log: READ LOG EXT (ACS-3, 7.24) of one sector. It may be that this program isn't root, or that the
/// disk knows no such log.
fn log(file: &File, page: u8) -> Option<[u8; PAGE]> {
    let (mut bytes, mut sense) = ([0; PAGE], [0_u8; SENSE]);
    let mut command = command(page);
    let mut ask = Request {
        interface: i32::from(b'S'),
        direction: FROM_DEVICE,
        command_len: COMMAND as u8,
        sense_most: SENSE as u8,
        len: PAGE as u32,
        bytes: bytes.as_mut_ptr(),
        command: command.as_mut_ptr(),
        sense: sense.as_mut_ptr(),
        timeout_ms: PATIENCE,
        vectors: 0,
        flags: 0,
        pack: 0,
        user: std::ptr::null_mut(),
        status: 0,
        masked_status: 0,
        message_status: 0,
        sense_len: 0,
        host_status: 0,
        driver_status: 0,
        left: 0,
        took_ms: 0,
        info: 0,
    };
    // SAFETY: the kernel reads the command, and writes at most the given lengths at `bytes` and `sense`, which are buffers of
    // those lengths and live until the call is over.
    unsafe { rustix::ioctl::ioctl(file.as_fd(), Ask(&mut ask)) }.ok()?;
    let is_whole = ask.status == 0 && ask.host_status == 0 && ask.driver_status == 0 && ask.left == 0;
    is_whole.then_some(bytes)
}

/// ATA PASS-THROUGH (16) with READ LOG EXT: data comes in by the processor, 48 bits, one block of 512 bytes.
const fn command(page: u8) -> [u8; COMMAND] {
    /// "PIO Data-In", and 48 bits.
    const READ: u8 = 4 << 1 | 1;
    /// To the host; in blocks; their number stands where the ATA command has its count.
    const ONE_BLOCK: u8 = 0x08 | 0x04 | 0x02;
    /// The log "Device Statistics".
    const STATISTICS: u8 = 0x04;
    const READ_LOG_EXT: u8 = 0x2f;
    // Count in byte 6; the log in LBA 7:0 (byte 8), its page in LBA 15:8 (byte 10).
    [0x85, READ, ONE_BLOCK, 0, 0, 0, 1, 0, STATISTICS, 0, page, 0, 0, 0, READ_LOG_EXT, 0]
}

/// scsi/sg.h: `struct sg_io_hdr`.
#[repr(C)]
#[derive(Debug)]
struct Request {
    interface: i32,
    direction: i32,
    command_len: u8,
    sense_most: u8,
    vectors: u16,
    len: u32,
    bytes: *mut u8,
    command: *mut u8,
    sense: *mut u8,
    timeout_ms: u32,
    flags: u32,
    pack: i32,
    user: *mut std::ffi::c_void,
    status: u8,
    masked_status: u8,
    message_status: u8,
    sense_len: u8,
    host_status: u16,
    driver_status: u16,
    left: i32,
    took_ms: u32,
    info: u32,
}

const _: () = assert!(size_of::<Request>() == if size_of::<usize>() == 8 { 88 } else { 64 });

/// `SG_DXFER_FROM_DEV`.
const FROM_DEVICE: i32 = -3;

/// `SG_IO`.
struct Ask<'a>(&'a mut Request);

// SAFETY: the call reads and writes a `Request`, to which the pointer is.
unsafe impl Ioctl for Ask<'_> {
    type Output = ();
    const IS_MUTATING: bool = true;

    fn opcode(&self) -> Opcode {
        0x2285
    }

    fn as_ptr(&mut self) -> *mut std::ffi::c_void {
        std::ptr::from_mut(self.0).cast()
    }

    unsafe fn output_from_ptr(_: IoctlOutput, _: *mut std::ffi::c_void) -> rustix::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device_api::Role;

    /// Known, and there now.
    const THERE: u8 = 0xc0;

    fn page(number: u8, words: &[(usize, [u8; 8])]) -> Vec<u8> {
        let mut bytes = vec![0; PAGE];
        bytes[..4].copy_from_slice(&[1, 0, number, 0]);
        for (at, word) in words {
            bytes[*at..at + 8].copy_from_slice(word);
        }
        bytes
    }

    fn disk() -> Disk {
        Disk::new("sda".to_owned(), Role::Other, 1 << 30)
    }

    #[test]
    fn pages_are_read_and_what_the_disk_does_not_know_stays_unknown() {
        // 8,760 hours; 2^40 + 2 sectors written; 3 errors; 12 % used, with a flag beside it.
        let general =
            page(GENERAL, &[(16, [0x38, 0x22, 0, 0, 0, 0, 0, THERE]), (24, [2, 0, 0, 0, 0, 1, 0, THERE])]);
        let errors = page(ERRORS, &[(8, [3, 0, 0, 0, 0, 0, 0, THERE])]);
        // Bit 61 is no part of the number.
        let solid = page(SOLID, &[(8, [12, 0, 0, 0, 0, 0, 0, THERE | 0x20])]);
        let read = |bytes: &[u8], number| Page::read(bytes, number).unwrap();
        let mut all = disk();
        let (general, errors, solid) = (read(&general, GENERAL), read(&errors, ERRORS), read(&solid, SOLID));
        put(&mut all, &general, Some(&errors), Some(&solid), 512);
        assert_eq!((all.hours, all.media_errors, all.used), (Some(8760), Some(3), Some(12)));
        assert_eq!(all.bytes_written, Some(((1 << 40) + 2) * 512));
        assert_eq!((all.spare, all.warning), (None, None));
        // A disk that turns has no such page; and one that never counted tells nothing.
        let mut some = disk();
        put(&mut some, &read(&page(GENERAL, &[]), GENERAL), None, None, 4096);
        assert_eq!(some, disk());
        // Known, but not there now; and there, but not known.
        for flags in [0x80, 0x40, 0] {
            let page = read(&page(GENERAL, &[(16, [1, 0, 0, 0, 0, 0, 0, flags])]), GENERAL);
            assert_eq!(page.number(16, 32), None, "{flags:#x}");
        }
        // Numbers that no disk reaches.
        let mut worn = disk();
        let most = [(16, [0xff; 8]), (24, [0xff; 8])];
        put(&mut worn, &read(&page(GENERAL, &most), GENERAL), None, None, u64::MAX);
        assert_eq!((worn.hours, worn.bytes_written), (Some(u64::from(u32::MAX)), Some(u64::MAX)));
    }

    #[test]
    fn what_is_no_such_page_is_none() {
        let good = page(GENERAL, &[]);
        assert!(Page::read(&good, GENERAL).is_some());
        assert!(Page::read(&good, SOLID).is_none());
        assert!(Page::read(&good[1..], GENERAL).is_none());
        assert!(Page::read(&[], GENERAL).is_none());
        assert!(Page::read(&[0; PAGE], 0).is_none());
        assert!(Page::read(&[0xff; PAGE], 0xff).is_none());
        let page = Page::read(&good, GENERAL).unwrap();
        assert_eq!((page.number(PAGE - 7, 8), page.number(PAGE, 8)), (None, None));
    }

    #[test]
    fn the_command_is_that_of_the_standard() {
        let want = [0x85, 0x09, 0x0e, 0, 0, 0, 1, 0, 4, 0, 7, 0, 0, 0, 0x2f, 0];
        assert_eq!(command(SOLID), want);
    }

    #[test]
    fn what_is_no_such_disk_is_asked_and_says_nothing() {
        let mut null = Disk::new("null".to_owned(), Role::Other, 1);
        let before = null.clone();
        ask(&mut null, 512);
        assert_eq!(null, before);
        ask(&mut Disk::new("../nonexistent".to_owned(), Role::Other, 1), 512);
        assert_eq!(log(&File::open("/dev/null").unwrap(), GENERAL), None);
    }
}
