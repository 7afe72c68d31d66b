//! Comparing the parts that `split-image` wrote with the image.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use super::compare::{Difference, Found, Other, compare};
use super::error::Error;
use super::manifest::{Manifest, PartRecord};
use super::open::Image;
use super::split::PartFormat;
use crate::progress::Progress;
use crate::stop::Stop;

/// What comparing parts found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PartsFound {
    /// All parts hold what the image has.
    Equal {
        /// How many parts.
        parts: usize,
        /// How many bytes of the image they hold.
        bytes: u64,
    },
    /// One doesn't.
    Wrong {
        /// Its file.
        path: PathBuf,
        /// What is wrong with it.
        what: PartWrong,
    },
}

/// What is wrong with a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PartWrong {
    /// The first byte that differs.
    Differs(Difference),
    /// It ends too early.
    Ends {
        /// Offset in the image at which it has no more bytes.
        at: u64,
    },
    /// Behind the image's bytes there is something else than the padding.
    Padding,
}

/// Compares the parts in a directory, by its manifest, with the image.
///
/// # Errors
/// [`Error::Os`] where the manifest or a part is missing or can't be read; [`Error::BadRecord`] for a
/// manifest that can't be read, or one of an image of another length; what reading the image ends with;
/// [`Error::Stopped`].
pub fn compare_parts(
    image: &Image,
    dir: &Path,
    stop: &Stop,
    progress: &dyn Progress,
) -> Result<PartsFound, Error> {
    let manifest = Manifest::read(dir)?;
    let len =
        image.content().size().map_err(|error| Error::os(image.path(), "asking for its size", error))?;
    if len != manifest.image.raw_len {
        return Err(Error::BadRecord {
            path: dir.join(super::manifest::FILE_NAME),
            what: format!(
                "these are parts of another image: of {} ({} bytes), not of {} ({len} bytes)",
                manifest.image.name,
                manifest.image.raw_len,
                image.name()
            ),
        });
    }
    let total = len - manifest.skip;
    for part in &manifest.parts {
        let path = dir.join(&part.name);
        let done = Shifted { progress, start: part.offset - manifest.skip, total };
        if let Some(what) = compare_part(image, &manifest, part, &path, stop, &done)? {
            return Ok(PartsFound::Wrong { path, what });
        }
    }
    Ok(PartsFound::Equal { parts: manifest.parts.len(), bytes: total })
}

fn compare_part(
    image: &Image,
    manifest: &Manifest,
    part: &PartRecord,
    path: &Path,
    stop: &Stop,
    progress: &dyn Progress,
) -> Result<Option<PartWrong>, Error> {
    let file = File::open(path).map_err(|error| Error::os(path, "opening", error))?;
    let mut bytes: Box<dyn Read> = match manifest.parts_format {
        PartFormat::Raw => Box::new(file),
        PartFormat::Gz => {
            Box::new(flate2::bufread::GzDecoder::new(BufReader::with_capacity(256 << 10, file)))
        }
    };
    let range = part.offset..part.offset + part.length;
    match compare(image, range, &mut Other { path, bytes: &mut bytes }, stop, progress)? {
        Found::Equal { .. } => {}
        Found::Differs(difference) => return Ok(Some(PartWrong::Differs(difference))),
        Found::Ends { at } => return Ok(Some(PartWrong::Ends { at })),
    }
    let padding = part.padded_length - part.length;
    let is_padding =
        is_zeros(&mut bytes, padding).map_err(|error| Error::os(path, "reading its end", error))?;
    Ok((!is_padding).then_some(PartWrong::Padding))
}

/// Whether exactly `count` zeros are left.
fn is_zeros(from: &mut dyn Read, count: u64) -> io::Result<bool> {
    let mut rest = Vec::new();
    from.take(count + 1).read_to_end(&mut rest)?;
    Ok(rest.len() as u64 == count && rest.iter().all(|byte| *byte == 0))
}

/// The progress of one part as a piece of the whole.
struct Shifted<'a> {
    progress: &'a dyn Progress,
    start: u64,
    total: u64,
}

impl Progress for Shifted<'_> {
    fn at(&self, done: u64, _total: Option<u64>) {
        self.progress.at(self.start + done, Some(self.total));
    }
}
