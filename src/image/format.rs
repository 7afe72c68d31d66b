//! What an image file is, by its first bytes. The name only serves to catch contradictions.

use std::path::Path;

use super::error::Error;
use crate::error::{Action, Remedy, remedy};

/// How many bytes from the start [`Format::detect`] wants to see, if there are as many.
pub const HEAD: usize = 512;

/// How an image is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// The bytes of the disk themselves.
    Raw,
    /// gzip (RFC 1952), one member or several.
    Gz,
    /// xz, one stream or several, with stream padding.
    Xz,
    /// Zstandard (RFC 8878), one frame or several, skippable frames too.
    Zst,
    /// bzip2, one stream or several.
    Bz2,
    /// A zip archive with the image in it, stored or deflated.
    Zip,
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl Format {
    /// The name as people write it, which is also the usual file name extension (but for raw).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Gz => "gz",
            Self::Xz => "xz",
            Self::Zst => "zst",
            Self::Bz2 => "bz2",
            Self::Zip => "zip",
        }
    }

    /// Whether the image has to be decompressed.
    #[must_use]
    pub const fn is_compressed(self) -> bool {
        !matches!(self, Self::Raw)
    }

    /// Looks at the first bytes of a file ([`HEAD`] of them, or all there are).
    ///
    /// # Errors
    /// [`Error::Empty`]; [`Error::NotAnImage`] for what is known to be something else, and for a file whose
    /// name says that it is compressed while its content is not.
    pub fn detect(path: &Path, head: &[u8]) -> Result<Self, Error> {
        if head.is_empty() {
            return Err(Error::Empty { path: path.to_owned() });
        }
        if let Some(format) = Self::of_magic(head) {
            return Ok(format);
        }
        let not = |what: &str, hint: Remedy| {
            Err(Error::NotAnImage { path: path.to_owned(), what: what.to_owned(), hint })
        };
        if let Some((what, hint)) = not_a_disk(head) {
            return not(what, hint.into());
        }
        match Self::of_name(path) {
            None => Ok(Self::Raw),
            Some(named) => Err(named.is_not(path, head)),
        }
    }

    /// Whether what is said to be packed so is packed: by its first bytes, and in whichever format. What isn't would be taken
    /// for an image as it is.
    ///
    /// # Errors
    /// As [`Self::detect`].
    pub fn is_what_it_says(self, path: &Path, head: &[u8]) -> Result<(), Error> {
        match Self::detect(path, head)? {
            Self::Raw if self != Self::Raw => Err(self.is_not(path, head)),
            _ => Ok(()),
        }
    }

    fn is_not(self, path: &Path, head: &[u8]) -> Error {
        let what = format!(
            "named like {self} data, but it starts with {} instead of {}",
            hex(head.get(..head.len().min(6)).unwrap_or_default()),
            self.magic_text(),
        );
        let hint = "the file may be damaged or misnamed; download it again, or give it another name if it is a raw \
                    image";
        Error::NotAnImage { path: path.to_owned(), what, hint: hint.into() }
    }

    fn of_magic(head: &[u8]) -> Option<Self> {
        let u32_at_0 = head.first_chunk::<4>().map(|bytes| u32::from_le_bytes(*bytes));
        if head.starts_with(&[0x1f, 0x8b, 0x08]) {
            Some(Self::Gz)
        } else if head.starts_with(b"\xfd7zXZ\0") {
            Some(Self::Xz)
        } else if u32_at_0.is_some_and(|magic| magic == 0xfd2f_b528 || magic & 0xffff_fff0 == 0x184d_2a50) {
            Some(Self::Zst)
        } else if head.len() >= 10
            && head.starts_with(b"BZh")
            && (b'1'..=b'9').contains(&head[3])
            && matches!(&head[4..10], b"\x31\x41\x59\x26\x53\x59" | b"\x17\x72\x45\x38\x50\x90")
        {
            Some(Self::Bz2)
        } else if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
            Some(Self::Zip)
        } else {
            None
        }
    }

    /// How a file is packed, as its name says; `None` where that says nothing of it.
    #[must_use]
    pub fn of_name(path: &Path) -> Option<Self> {
        Self::of_ending(&path.extension()?.to_str()?.to_ascii_lowercase())
    }

    /// How a file of this ending is packed, in lower case and without its point; `None` where that says nothing of it.
    #[must_use]
    pub fn of_ending(ending: &str) -> Option<Self> {
        match ending {
            "gz" | "gzip" => Some(Self::Gz),
            "xz" => Some(Self::Xz),
            "zst" | "zstd" => Some(Self::Zst),
            "bz2" => Some(Self::Bz2),
            "zip" => Some(Self::Zip),
            _ => None,
        }
    }

    fn magic_text(self) -> &'static str {
        match self {
            Self::Raw => "anything",
            Self::Gz => "1f 8b 08",
            Self::Xz => "fd 37 7a 58 5a 00",
            Self::Zst => "28 b5 2f fd",
            Self::Bz2 => "42 5a 68",
            Self::Zip => "50 4b 03 04",
        }
    }
}

/// What to do with something that is no disk image.
#[derive(Debug, Clone, Copy)]
enum Help {
    Unpack(&'static str),
    Convert(&'static str),
    Fetch(&'static str),
    Say(&'static str),
}

impl From<Help> for Remedy {
    fn from(help: Help) -> Self {
        match help {
            Help::Unpack(command) => remedy!["unpack it with ", Action::host(command), " first"],
            Help::Convert(command) => remedy!["convert it with ", Action::host(command), " first"],
            Help::Fetch(command) => remedy!["fetch it with ", Action::host(command), " first"],
            Help::Say(text) => text.into(),
        }
    }
}

/// What people mistake for a disk image: first bytes, what it is, what to do.
const STRANGERS: &[(&[u8], &str, Help)] = &[
    (b"7z\xbc\xaf\x27\x1c", "this is a 7z archive", Help::Unpack("7z x")),
    (b"Rar!\x1a\x07", "this is a rar archive", Help::Unpack("unrar x")),
    (b"\x04\x22\x4d\x18", "this is lz4 data", Help::Unpack("lz4 -d")),
    (b"LZIP", "this is lzip data", Help::Unpack("lzip -d")),
    (b"\x89LZO\0", "this is lzop data", Help::Unpack("lzop -d")),
    (b"\x5d\0\0", "this is lzma data of the old kind", Help::Unpack("xz -dc --format=lzma")),
    (b"QFI\xfb", "this is a qcow2 disk of a virtual machine", Help::Convert("qemu-img convert -O raw")),
    (b"KDMV", "this is a vmdk disk of a virtual machine", Help::Convert("qemu-img convert -O raw")),
    (b"vhdxfile", "this is a vhdx disk of a virtual machine", Help::Convert("qemu-img convert -O raw")),
    (b"\x3a\xff\x26\xed", "this is an Android sparse image", Help::Convert("simg2img")),
    (b"\x7fELF", "this is a program, not a disk image", Help::Say("was the right file given?")),
    (b"%PDF", "this is a PDF document, not a disk image", Help::Say("was the right file given?")),
    (
        b"version https://git-lfs",
        "this is a Git LFS pointer, not the file itself",
        Help::Fetch("git lfs pull"),
    ),
];

/// What the bytes are, and what to do, if they are known to be no disk image.
fn not_a_disk(head: &[u8]) -> Option<(&'static str, Help)> {
    if let Some((_, what, hint)) = STRANGERS.iter().find(|(magic, ..)| head.starts_with(magic)) {
        return Some((what, *hint));
    }
    if head.get(257..262) == Some(b"ustar") {
        return Some(("this is a tar archive, not a disk image", Help::Unpack("tar -xf")));
    }
    let text = head[..head.len().min(64)].trim_ascii_start().to_ascii_lowercase();
    if [&b"<!doctype"[..], b"<html", b"<?xml"].iter().any(|start| text.starts_with(start)) {
        return Some((
            "this is a web page, not a disk image",
            Help::Say(
                "the download link led to a page (perhaps a log-in or an error); download the file itself",
            ),
        ));
    }
    None
}

/// What came out of a decompressor, if that is no disk image either: what it is, and what to do.
pub(super) fn stranger(head: &[u8]) -> Option<(String, Remedy)> {
    match Format::of_magic(head) {
        Some(format) => Some((format!("this is {format} data again"), "unpack the outer layer first".into())),
        None => not_a_disk(head).map(|(what, hint)| (what.to_owned(), hint.into())),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detect(name: &str, head: &[u8]) -> Result<Format, Error> {
        Format::detect(Path::new(name), head)
    }

    #[test]
    fn content_decides_whatever_the_name() {
        for (head, format) in [
            (&b"\x1f\x8b\x08\x00\x00"[..], Format::Gz),
            (b"\xfd7zXZ\0\0\x04", Format::Xz),
            (b"\x28\xb5\x2f\xfd\x24", Format::Zst),
            (b"\x50\x2a\x4d\x18\x04\0\0\0", Format::Zst),
            (b"BZh91AY&SY", Format::Bz2),
            (b"PK\x03\x04\x14", Format::Zip),
            (b"\xeb\x3c\x90mkfs.fat", Format::Raw),
            (b"\0", Format::Raw),
            (b"BZhello world", Format::Raw),
        ] {
            assert_eq!(detect("disk.img", head).unwrap(), format, "{head:x?}");
        }
        assert_eq!(detect("disk.img.zip", b"\x1f\x8b\x08\x00\x00").unwrap(), Format::Gz);
    }

    #[test]
    fn strangers_are_named_and_contradictions_are_found() {
        let mut tar = vec![0u8; 512];
        tar[257..262].copy_from_slice(b"ustar");
        let message = |name, head: &[u8]| detect(name, head).unwrap_err().to_string();
        assert!(message("a.img", &tar).contains("tar archive"));
        assert!(message("a.img", b"\n <!DOCTYPE html>").contains("web page"));
        assert!(message("a.img", b"QFI\xfb\0\0\0\x03").contains("qcow2"));
        assert_eq!(
            message("a.IMG.XZ", b"\0\0\0\0\0\0\0\0"),
            "a.IMG.XZ: named like xz data, but it starts with 00 00 00 00 00 00 instead of fd 37 7a 58 5a 00"
        );
        assert_eq!(message("a.img", b""), "a.img: the image is empty");
    }
}
