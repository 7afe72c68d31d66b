//! `bootfiles.bin`: an uncompressed ustar archive whose members stand below `2710/`, `2711/` or `2712/`.
//!
//! The members are served from where they lie in the file. Format: POSIX.1-1988 (pax, "ustar Interchange Format").

use crate::image::read_at::ReadAt;

const BLOCK: u64 = 512;
/// Raspberry Pi's archive has some 25 members.
const MAX_MEMBERS: usize = 4096;

/// The members of an archive.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bootfiles {
    members: Vec<Member>,
}

/// A file in the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its path, without a `./` in front.
    pub name: String,
    /// Where its bytes begin.
    pub offset: u64,
    /// How many there are.
    pub len: u64,
}

/// Why a file is no archive of boot files.
#[derive(Debug, thiserror::Error)]
pub enum Damage {
    /// A header's checksum is wrong.
    #[error("the header at {offset:#x} is damaged: {what}")]
    Header {
        /// Where it stands.
        offset: u64,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A member ends behind the end of the file.
    #[error("`{name}` at {offset:#x} ends behind the end of the file: it is cut off")]
    CutOff {
        /// The member.
        name: String,
        /// Where its bytes begin.
        offset: u64,
    },
    /// There are no members.
    #[error("it holds no files")]
    Empty,
    /// There are more members than any archive of boot files has.
    #[error("it holds more than {MAX_MEMBERS} files")]
    TooMany,
    /// It can't be read.
    #[error("reading at {offset:#x}: {source}")]
    Read {
        /// Where.
        offset: u64,
        /// What the system said.
        source: std::io::Error,
    },
}

impl Bootfiles {
    /// Reads the headers.
    ///
    /// # Errors
    /// Where it is no archive, or a damaged one.
    pub fn read(file: &dyn ReadAt) -> Result<Self, Damage> {
        let end = file.size().map_err(|source| Damage::Read { offset: 0, source })?;
        let mut members = Vec::new();
        let mut offset = 0;
        while offset + BLOCK <= end {
            let mut block = [0; BLOCK as usize];
            file.read_exact_at(&mut block, offset).map_err(|source| Damage::Read { offset, source })?;
            // Two blocks of zeros end it; one does as well, as for tar itself.
            if block.iter().all(|byte| *byte == 0) {
                break;
            }
            let header = Header::parse(&block).map_err(|what| Damage::Header { offset, what })?;
            let start = offset + BLOCK;
            if header.len > end - start {
                return Err(Damage::CutOff { name: header.name, offset: start });
            }
            // Folders, links and the extra headers of GNU and pax hold no boot files.
            if header.is_file {
                if members.len() == MAX_MEMBERS {
                    return Err(Damage::TooMany);
                }
                members.push(Member { name: header.name, offset: start, len: header.len });
            }
            offset = start + header.len.div_ceil(BLOCK) * BLOCK;
        }
        if members.is_empty() { Err(Damage::Empty) } else { Ok(Self { members }) }
    }

    /// The member of a path. Case doesn't count, and of several the first does, as in rpiboot.
    #[must_use]
    pub fn find(&self, path: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.name.eq_ignore_ascii_case(path))
    }

    /// All members.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        &self.members
    }
}

struct Header {
    name: String,
    len: u64,
    is_file: bool,
}

impl Header {
    fn parse(block: &[u8; 512]) -> Result<Self, &'static str> {
        let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
        // The checksum's own eight bytes count as blanks.
        let field: u64 = block[148..156].iter().map(|byte| u64::from(*byte)).sum();
        if octal(&block[148..156]) != Some(sum - field + 8 * u64::from(b' ')) {
            return Err("its checksum is wrong");
        }
        let len = octal(&block[124..136]).ok_or("its length is no octal number")?;
        let name = text(&block[..100]);
        let prefix = if &block[257..262] == b"ustar" { text(&block[345..500]) } else { "" };
        let name = match prefix {
            // GNU's own variant keeps times there, which are no path.
            "" => name.to_owned(),
            _ if &block[257..265] == b"ustar  \0" => name.to_owned(),
            prefix => format!("{prefix}/{name}"),
        };
        let name = name.trim_start_matches("./").to_owned();
        Ok(Self { is_file: matches!(block[156], b'0' | 0 | b'7') && !name.is_empty(), name, len })
    }
}

/// The text before the first zero; `None` where it isn't UTF-8, so that no name matches.
fn text(field: &[u8]) -> &str {
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    std::str::from_utf8(&field[..end]).unwrap_or_default()
}

fn octal(field: &[u8]) -> Option<u64> {
    let digits = text(field).trim_matches(' ');
    if digits.is_empty() || !digits.bytes().all(|byte| (b'0'..=b'7').contains(&byte)) {
        return None;
    }
    u64::from_str_radix(digits, 8).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, bytes) in members {
            let mut header = tar::Header::new_ustar();
            header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_size(bytes.len() as u64);
            header.set_cksum();
            builder.append(&header, *bytes).unwrap();
        }
        builder.into_inner().unwrap()
    }

    fn at<'a>(bytes: &'a [u8], files: &Bootfiles, name: &str) -> Option<&'a [u8]> {
        let member = files.find(name)?;
        Some(&bytes[member.offset as usize..(member.offset + member.len) as usize])
    }

    #[test]
    fn members_are_found_where_they_lie() {
        let big = vec![7; 1025];
        let bytes = archive(&[
            ("2712/mcb.bin", b"mcb"),
            ("./2712/BootCode5.bin", &big),
            ("2711/empty", b""),
            ("2712/mcb.bin", b"second"),
        ]);
        let files = Bootfiles::read(&bytes).unwrap();
        assert_eq!(files.members().len(), 4);
        assert_eq!(at(&bytes, &files, "2712/mcb.bin"), Some(&b"mcb"[..]));
        assert_eq!(at(&bytes, &files, "2712/bootcode5.bin"), Some(&big[..]));
        assert_eq!(at(&bytes, &files, "2711/empty"), Some(&b""[..]));
        assert_eq!(files.find("mcb.bin"), None);
    }

    #[test]
    fn folders_and_long_names_of_tar_are_passed_over() {
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Directory);
        header.set_size(0);
        builder.append_data(&mut header, "2711", std::io::empty()).unwrap();
        let mut header = tar::Header::new_gnu();
        header.set_size(3);
        builder.append_data(&mut header, "x".repeat(150), &b"abc"[..]).unwrap();
        let mut header = tar::Header::new_gnu();
        header.set_size(3);
        builder.append_data(&mut header, "2711/a", &b"def"[..]).unwrap();
        let bytes = builder.into_inner().unwrap();
        let files = Bootfiles::read(&bytes).unwrap();
        assert_eq!(at(&bytes, &files, "2711/a"), Some(&b"def"[..]));
    }

    #[test]
    fn damage_is_told_with_its_place() {
        let bytes = archive(&[("2711/a", b"abc"), ("2711/b", b"def")]);
        let mut damaged = bytes.clone();
        damaged[1024 + 3] ^= 1;
        let text = Bootfiles::read(&damaged).unwrap_err().to_string();
        assert_eq!(text, "the header at 0x400 is damaged: its checksum is wrong");
        let short = bytes[..512 + 2].to_vec();
        let text = Bootfiles::read(&short).unwrap_err().to_string();
        assert_eq!(text, "`2711/a` at 0x200 ends behind the end of the file: it is cut off");
        assert!(matches!(Bootfiles::read(&Vec::new()), Err(Damage::Empty)));
        assert!(matches!(Bootfiles::read(&vec![0; 4096]), Err(Damage::Empty)));
        let text = b"../firmware/bootfiles.bin".repeat(40);
        assert!(matches!(Bootfiles::read(&text), Err(Damage::Header { offset: 0, .. })));
    }

    #[test]
    fn a_length_that_overflows_is_damage() {
        let mut bytes = archive(&[("2711/a", b"abc")]);
        bytes[124..136].copy_from_slice(b"777777777777");
        bytes[148..156].copy_from_slice(b"        ");
        let sum: u32 = bytes[..512].iter().map(|byte| u32::from(*byte)).sum();
        bytes[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        assert!(matches!(Bootfiles::read(&bytes), Err(Damage::CutOff { .. })));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(mut bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..3000), good: bool) {
            if good {
                let mut start = archive(&[("2711/a", &bytes)]);
                start.truncate(start.len().saturating_sub(bytes.len() % 700));
                bytes = start;
            }
            if let Ok(files) = Bootfiles::read(&bytes) {
                for member in files.members() {
                    proptest::prop_assert!(member.offset + member.len <= bytes.len() as u64);
                }
            }
        }
    }
}
