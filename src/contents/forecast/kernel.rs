//! What kind of kernel a file is, by its first bytes.
//!
//! Sources: Linux, Documentation/arch/arm64/booting.rst (`ARM\x64` at byte 56), Documentation/arch/arm/booting.rst and
//! arch/arm/boot/compressed/head.S (0x016f2818 at byte 36), drivers/firmware/efi/libstub/zboot-header.S (`zimg` at
//! byte 4).

use std::io::{self, BufReader, Read};

use crate::format::size;

/// So many bytes of a file are looked at: enough for the header of a gzip file with a long name in it.
pub(super) const HEAD: usize = 64 << 10;
/// The header of a kernel for 64 bits.
const HEADER: usize = 64;

/// So long a kernel may be, unpacked: between the places of `boot.scr` lie 96 MiB for it.
pub(super) const ROOM: u64 = 96 << 20;
/// So long it may be as a file.
pub(super) const ROOM_PACKED: u64 = 112 << 20;
/// So much room the card's own script has: from U-Boot's `kernel_addr_r` up to the lowest of its other places (2023.01:
/// `fdt_addr_r`, 0x02600000).
pub(super) const ROOM_USUAL: u64 = 0x0260_0000 - 0x8_0000;

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kernel {
    /// An Image for 64 bits, plain or packed by gzip: what `booti` starts.
    Image,
    /// A zImage for 32 bits.
    ThirtyTwo,
    /// A kernel within an EFI program, which unpacks itself.
    Zboot,
    /// Something else.
    Other,
}

impl Kernel {
    /// Looks at the first bytes of a file.
    pub(super) fn of(head: &[u8]) -> Self {
        if !head.starts_with(&[0x1f, 0x8b]) {
            return Self::plain(head);
        }
        let mut inner = Vec::new();
        // What was read before the head ended is looked at, whatever comes behind it.
        let _ = flate2::read::GzDecoder::new(head).take(HEADER as u64).read_to_end(&mut inner);
        Self::plain(&inner)
    }

    fn plain(head: &[u8]) -> Self {
        let at = |place: usize, magic: &[u8]| head.get(place..place + magic.len()) == Some(magic);
        if at(56, b"ARM\x64") {
            Self::Image
        } else if at(0, b"MZ") && at(4, b"zimg") {
            Self::Zboot
        } else if at(36, &0x016f_2818u32.to_le_bytes()) {
            Self::ThirtyTwo
        } else {
            Self::Other
        }
    }
}

/// How long the kernel in a file of `len` bytes is in memory, packed or not, or why it doesn't fit there; the file is read to
/// its end if it is packed by gzip.
///
/// # Errors
/// Only when the file can't be read. What it says is an answer.
pub(super) fn in_memory(name: &str, len: u64, file: &mut dyn Read) -> io::Result<Result<u64, String>> {
    if len > ROOM_PACKED {
        return Ok(Err(format!("{name} has {}, and there is room for {}", size(len), size(ROOM_PACKED))));
    }
    let mut file = BufReader::with_capacity(64 << 10, Noting { file, failed: None });
    let mut magic = [0; 2];
    let mut got = 0;
    while got < magic.len() {
        match file.read(&mut magic[got..]) {
            Ok(0) => break,
            Ok(count) => got += count,
            Err(error) => return Err(file.into_inner().failed.unwrap_or(error)),
        }
    }
    if got < magic.len() || magic != [0x1f, 0x8b] {
        return Ok(Ok(len));
    }
    let mut unpacked = flate2::bufread::GzDecoder::new((&magic[..]).chain(&mut file));
    let mut buffer = vec![0; 64 << 10];
    let mut total = 0u64;
    let ended = loop {
        match unpacked.read(&mut buffer) {
            Ok(0) => break Ok(total.max(len)),
            Ok(count) => total += count as u64,
            Err(error) => break Err(error),
        }
        if total > ROOM {
            return Ok(Err(format!("{name} unpacks to more than {}, for which there is room", size(ROOM))));
        }
    };
    drop(unpacked);
    if let Some(error) = file.into_inner().failed {
        return Err(error);
    }
    Ok(ended.map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => format!("{name} is cut off: it ends inside its gzip data"),
        _ => format!("{name} is damaged: its gzip data don't unpack ({error})"),
    }))
}

/// Keeps why reading failed, which a decoder's own errors would hide.
struct Noting<'a> {
    file: &'a mut dyn Read,
    failed: Option<io::Error>,
}

impl Read for Noting<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.file.read(buf).map_err(|error| {
            let kind = error.kind();
            self.failed = Some(error);
            kind.into()
        })
    }
}
