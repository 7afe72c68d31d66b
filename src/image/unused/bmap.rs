//! A bmap file: which blocks of an image were written, with a digest of each range (the form of bmap-tools, versions
//! 1.2 to 2.0: `bmaptool create` describes it in the files it writes).
//!
//! It is XML of a fixed shape, so a reader of that shape is enough: elements without nesting but for the ranges,
//! comments, no entities, no document type.

use std::io;
use std::ops::Range;

use sha2::{Digest as _, Sha256};

use crate::error::{Explain, Kind};
use crate::image::read_at::ReadAt;

/// A larger file is none that bmaptool made: it has 32 bytes and a line for each range.
const LARGEST: usize = 64 << 20;
/// So much of the image is read at once.
const PIECE: usize = 1 << 20;
/// More ranges than any image has.
const MOST_RANGES: usize = 1 << 20;

/// What is wrong with a bmap file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It is not of that form.
    #[error("the bmap file can't be understood: {what}")]
    Form {
        /// What is wrong, with the element.
        what: String,
    },
    /// Its own checksum says that it was changed.
    #[error("the bmap file is damaged: its checksum is not the one that it tells")]
    Damaged,
    /// It belongs to another image.
    #[error("the bmap file is for an image of {told} bytes, and this one has {len}")]
    OtherImage {
        /// What it tells.
        told: u64,
        /// Length of the image.
        len: u64,
    },
    /// A range of the image is not what it tells.
    #[error("bytes {} to {} of the image are not what its bmap file tells", range.start, range.end)]
    Differs {
        /// The range.
        range: Range<u64>,
    },
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        Kind::BadData
    }
}

/// A range that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapped {
    /// In bytes; the last one ends with the image.
    pub range: Range<u64>,
    /// sha256 of its bytes, where the file has that.
    pub sha256: Option<[u8; 32]>,
}

/// A bmap file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bmap {
    /// Length of the raw image in bytes.
    pub image_len: u64,
    /// What was written, in order, none touching the next but where the file has them so.
    pub mapped: Vec<Mapped>,
}

impl Bmap {
    /// Reads one, and checks its own checksum.
    ///
    /// # Errors
    /// [`Error::Form`], [`Error::Damaged`].
    pub fn read(bytes: &[u8]) -> Result<Self, Error> {
        let form = |what: &str| Error::Form { what: what.to_owned() };
        if bytes.len() > LARGEST {
            return Err(form("it is larger than 64 MiB"));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| form("it isn't text"))?;
        let mut file = File::default();
        let mut rest = text;
        while let Some(tag) = next_tag(&mut rest)? {
            match tag.name {
                "bmap" if file.version.is_none() => file.version = Some(attribute(tag.inside, "version")),
                "BlockMap" | "/BlockMap" | "/bmap" => {}
                "Range" => file.range(&mut rest, tag.inside)?,
                name => {
                    let value = value(&mut rest, name)?;
                    file.set(name, value)?;
                }
            }
        }
        file.finish(text)
    }

    /// Compares it with its image: the length, and each range that has a digest.
    ///
    /// # Errors
    /// What the image can't be read with; inside, [`Error::OtherImage`] and [`Error::Differs`].
    pub fn check(&self, image: &dyn ReadAt) -> io::Result<Result<(), Error>> {
        let len = image.size()?;
        if len != self.image_len {
            return Ok(Err(Error::OtherImage { told: self.image_len, len }));
        }
        let mut buf = vec![0; PIECE];
        for Mapped { range, sha256 } in &self.mapped {
            let Some(told) = sha256 else { continue };
            let mut sum = Sha256::new();
            for at in range.clone().step_by(PIECE) {
                let piece = &mut buf[..PIECE.min((range.end - at) as usize)];
                image.read_exact_at(piece, at)?;
                sum.update(piece);
            }
            if sum.finalize()[..] != *told {
                return Ok(Err(Error::Differs { range: range.clone() }));
            }
        }
        Ok(Ok(()))
    }

    /// Bytes that were not written, in runs of at least `least` bytes.
    #[must_use]
    pub fn unused(&self, least: u64) -> Vec<Range<u64>> {
        let mut unused = Vec::new();
        let mut at = 0;
        for mapped in &self.mapped {
            unused.push(at..mapped.range.start);
            at = mapped.range.end;
        }
        unused.push(at..self.image_len);
        unused.retain(|run| run.end.saturating_sub(run.start) >= least.max(1));
        unused
    }
}

struct Tag<'a> {
    name: &'a str,
    /// What stands behind the name.
    inside: &'a str,
}

/// The next tag; leaves comments and the declaration out.
fn next_tag<'a>(rest: &mut &'a str) -> Result<Option<Tag<'a>>, Error> {
    let form = |what: &str| Error::Form { what: what.to_owned() };
    loop {
        let Some(start) = rest.find('<') else { return Ok(None) };
        let from = &rest[start..];
        let end = match from {
            _ if from.starts_with("<!--") => from.find("-->").map(|at| at + 3),
            _ if from.starts_with("<?") => from.find("?>").map(|at| at + 2),
            _ if from.starts_with("<!") => return Err(form("it has a document type")),
            _ => from.find('>').map(|at| at + 1),
        };
        let end = end.ok_or_else(|| form("a tag doesn't end"))?;
        *rest = &from[end..];
        if from.starts_with("<!--") || from.starts_with("<?") {
            continue;
        }
        let tag = &from[1..end - 1];
        let (name, inside) = tag.split_at(tag.find(char::is_whitespace).unwrap_or(tag.len()));
        return Ok(Some(Tag { name, inside }));
    }
}

/// The text of an element, up to its end.
fn value<'a>(rest: &mut &'a str, name: &str) -> Result<&'a str, Error> {
    let form = || Error::Form { what: "an element doesn't end".to_owned() };
    let end = rest.find('<').ok_or_else(form)?;
    let text = &rest[..end];
    let behind = rest[end..].strip_prefix("</").and_then(|tag| tag.strip_prefix(name));
    *rest = behind.and_then(|tag| tag.trim_start().strip_prefix('>')).ok_or_else(form)?;
    Ok(text.trim())
}

fn attribute<'a>(inside: &'a str, name: &str) -> Option<&'a str> {
    let (before, from) = inside.split_once(name)?;
    if !before.ends_with(char::is_whitespace) {
        return None;
    }
    let from = from.trim_start().strip_prefix('=')?.trim_start();
    let quote = from.chars().next().filter(|char| ['"', '\''].contains(char))?;
    from[1..].split_once(quote).map(|(value, _)| value)
}

/// What was read so far.
#[derive(Default)]
struct File<'a> {
    version: Option<Option<&'a str>>,
    image_len: Option<u64>,
    block: Option<u64>,
    mapped_count: Option<u64>,
    kind: Option<&'a str>,
    checksum: Option<&'a str>,
    /// In blocks, the last one included.
    ranges: Vec<(u64, u64, Option<&'a str>)>,
}

impl<'a> File<'a> {
    fn range(&mut self, rest: &mut &'a str, inside: &'a str) -> Result<(), Error> {
        let text = value(rest, "Range")?;
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let range = (number("Range", first)?, number("Range", last)?);
        // Version 1.3 has sha1 there.
        let sum = attribute(inside, "chksum").or_else(|| attribute(inside, "sha1"));
        if self.ranges.len() == MOST_RANGES {
            return Err(Error::Form { what: format!("it has more than {MOST_RANGES} ranges") });
        }
        self.ranges.push((range.0, range.1, sum));
        Ok(())
    }

    fn set(&mut self, name: &str, text: &'a str) -> Result<(), Error> {
        match name {
            "ImageSize" => self.image_len = Some(number(name, text)?),
            "BlockSize" => self.block = Some(number(name, text)?),
            "MappedBlocksCount" => self.mapped_count = Some(number(name, text)?),
            "ChecksumType" => self.kind = Some(text),
            "BmapFileChecksum" => self.checksum = Some(text),
            // BlocksCount follows from the others; what later versions add changes nothing for a reader.
            _ => {}
        }
        Ok(())
    }

    fn finish(self, text: &str) -> Result<Bmap, Error> {
        let form = |what: String| Error::Form { what };
        let missing = |name: &str| form(format!("there is no {name}"));
        if self.version.is_none() {
            return Err(form("it has no element bmap".to_owned()));
        }
        let image_len = self.image_len.ok_or_else(|| missing("ImageSize"))?;
        let block = self.block.filter(|block| *block > 0).ok_or_else(|| missing("BlockSize"))?;
        let sha256 = self.kind == Some("sha256");
        if sha256 {
            // Computed while zeros stand in its place.
            let sum = self.checksum.ok_or_else(|| missing("BmapFileChecksum"))?;
            let told = digest(sum).ok_or_else(|| form("BmapFileChecksum is no sha256".to_owned()))?;
            if Sha256::digest(text.replacen(sum, &"0".repeat(sum.len()), 1))[..] != told {
                return Err(Error::Damaged);
            }
        }
        let mut mapped: Vec<Mapped> = Vec::with_capacity(self.ranges.len());
        let (mut count, mut behind) = (0, 0);
        for (first, last, sum) in self.ranges {
            let place = || form(format!("blocks {first} to {last} are out of order or outside the image"));
            let end = last.checked_add(1).filter(|_| first >= behind && last >= first).ok_or_else(place)?;
            let start = first.checked_mul(block).filter(|start| *start < image_len).ok_or_else(place)?;
            let bytes = end.checked_mul(block).filter(|bytes| *bytes < image_len.saturating_add(block));
            let range = start..bytes.ok_or_else(place)?.min(image_len);
            let sum = sum.filter(|_| sha256);
            let sum =
                sum.map(|sum| digest(sum).ok_or_else(|| form("a range's digest is no sha256".to_owned())));
            mapped.push(Mapped { range, sha256: sum.transpose()? });
            (count, behind) = (count + (end - first), end);
        }
        if self.mapped_count.is_some_and(|told| told != count) {
            return Err(form(format!("its ranges have {count} blocks, and it tells of another number")));
        }
        Ok(Bmap { image_len, mapped })
    }
}

fn number(name: &str, text: &str) -> Result<u64, Error> {
    let digits = text.trim();
    let sound = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    sound
        .then(|| digits.parse().ok())
        .flatten()
        .ok_or_else(|| Error::Form { what: format!("{name} is no number") })
}

fn digest(text: &str) -> Option<[u8; 32]> {
    let mut digest = [0; 32];
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, at) in digest.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(text.get(at..at + 2)?, 16).ok()?;
    }
    Some(digest)
}
