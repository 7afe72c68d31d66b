//! What kind of kernel a file is, by its first bytes.
//!
//! Sources: Linux, Documentation/arch/arm64/booting.rst (`ARM\x64` at byte 56), Documentation/arch/arm/booting.rst and
//! arch/arm/boot/compressed/head.S (0x016f2818 at byte 36), drivers/firmware/efi/libstub/zboot-header.S (`zimg` at
//! byte 4).

use std::io::Read;

/// So many bytes of a file are looked at: enough for the header of a gzip file with a long name in it.
pub(super) const HEAD: usize = 64 << 10;
/// The header of a kernel for 64 bits.
const HEADER: usize = 64;

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
