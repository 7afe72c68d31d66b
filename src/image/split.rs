//! Splitting an image into the parts that a board's U-Boot fetches, as files.
//!
//! A part is `part_size` bytes of the image; the first one starts at `skip`. The last one is followed by
//! zeros up to a whole block of 512 bytes, in the file too, because a board writes blocks. Without that
//! padding, the parts one after the other are the image from `skip` on.
//!
//! What was written is read back and its crc32 compared with that of the image's bytes before anything
//! gets its name. Until then everything is in a hidden directory inside the output directory; it vanishes
//! when something fails.

mod gzip;
mod place;
mod writer;

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::error::Error;
use super::manifest::{ImageRecord, Manifest, PartRecord, TableRecord};
use super::open::Image;
use super::parts::{Parts, padding};
use super::pass::Pass;
use super::table::{BLOCK, Table};
use crate::error::{Knob, Remedy, remedy};
use crate::format::hex;
use crate::progress::Progress;
use crate::stop::Stop;
use place::Place;
use writer::Writer;

/// 750 MiB: what fits into the memory of a board with 1 GiB beside U-Boot, and what recovery cards of the
/// original kind expect.
pub const DEFAULT_PART_SIZE: u64 = 786_432_000;
/// More parts than this are a mistake in the part size.
pub const MOST_PARTS: u64 = 65_536;

/// How the parts are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PartFormat {
    /// As they are.
    #[default]
    Raw,
    /// Each as one gzip member, for U-Boot's `gzwrite`.
    Gz,
}

impl PartFormat {
    /// The file name of part `n`: a number without zeros in front.
    #[must_use]
    pub fn part_name(self, n: usize) -> String {
        match self {
            Self::Raw => format!("rpi_image_part_{n}"),
            Self::Gz => format!("rpi_image_part_{n}.gz"),
        }
    }
}

/// Where one part lies in the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartPlan {
    /// First byte in the image; a multiple of 512.
    pub offset: u64,
    /// Bytes of the image in it.
    pub length: u64,
}

impl PartPlan {
    /// Its length with zeros up to a whole block.
    #[must_use]
    pub fn padded_length(&self) -> u64 {
        self.length + padding(self.length)
    }

    /// The image's block in which it starts.
    #[must_use]
    pub fn block(&self) -> u64 {
        self.offset / BLOCK
    }

    /// How many blocks it fills, the last one perhaps with padding.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.padded_length() / BLOCK
    }
}

/// The parts of an image of `raw_len` bytes.
///
/// # Errors
/// [`Error::DoesNotFit`] where nothing is left behind `skip`, or where there would be more than
/// [`MOST_PARTS`]. `skip` and `part_size` have to be multiples of 512, `part_size` not 0.
pub fn plan(path: &Path, raw_len: u64, skip: u64, part_size: u64) -> Result<Vec<PartPlan>, Error> {
    let not =
        |what: String, hint: Remedy| Err(Error::DoesNotFit { path: path.to_owned(), what, hint: Some(hint) });
    if !skip.is_multiple_of(BLOCK) || !part_size.is_multiple_of(BLOCK) || part_size == 0 {
        return not(
            format!("parts of {part_size} bytes from byte {skip} on are no whole blocks"),
            "give multiples of 512 bytes".into(),
        );
    }
    if skip >= raw_len {
        return not(
            format!("{skip} bytes are to be skipped, but the image has only {raw_len}"),
            remedy!["skip less; ", Knob::Skip.to("auto"), " takes the start of the first partition"],
        );
    }
    let count = (raw_len - skip).div_ceil(part_size);
    if count > MOST_PARTS {
        return not(
            format!("{count} parts of {part_size} bytes; more than {MOST_PARTS} are not made"),
            "make the parts larger".into(),
        );
    }
    let part = |n| {
        let offset = skip + n * part_size;
        PartPlan { offset, length: part_size.min(raw_len - offset) }
    };
    Ok((0..count).map(part).collect())
}

/// What to split into, and where.
#[derive(Debug, Clone)]
pub struct SplitOptions {
    /// The directory for the parts; made if it isn't there (its parent has to be).
    pub dir: PathBuf,
    /// Bytes of the image in each part but the last; a multiple of 512.
    pub part_size: u64,
    /// Bytes at the beginning that are in no part; a multiple of 512.
    pub skip: u64,
    /// How the parts are stored.
    pub format: PartFormat,
    /// Replace parts that are there.
    pub force: bool,
    /// The table, for the manifest.
    pub table: Option<Table>,
}

/// Looks whether the parts could be written, without touching anything.
///
/// # Errors
/// As [`split`] would end with before it writes.
pub fn check(image: &Image, options: &SplitOptions) -> Result<(), Error> {
    place::check(image, options)
}

/// Writes the parts and the manifest. The image is only read.
///
/// # Errors
/// [`Error::Exists`] where files would be replaced without `force`, or where one of them is the image
/// itself; [`Error::ReadBack`]; whatever reading and writing can end with; [`Error::Stopped`]. In each case
/// nothing of this call is left in the directory.
pub fn split(
    image: &Image,
    options: &SplitOptions,
    stop: &Stop,
    progress: &dyn Progress,
) -> Result<Manifest, Error> {
    // Mistakes in the numbers are found before anything is written, where the length is known by then.
    if let Some(len) = image.raw_len() {
        plan(image.path(), len, options.skip, options.part_size)?;
    }
    let place = Place::prepare(image, options)?;
    let (writer, written) = Writer::start(place.hidden(), options, stop)?;
    let parts = Parts::Every { skip: options.skip, size: options.part_size };
    let pass = Pass::start_with(image, parts, stop, Box::new(|| {}), Some(Box::new(writer)))?;
    while !pass.wait_for(Duration::from_millis(100)) {
        progress.at(pass.position(), image.raw_len());
    }
    let digests = pass.wait()?;
    progress.at(digests.raw_len, Some(digests.raw_len));
    let plans = plan(image.path(), digests.raw_len, options.skip, options.part_size)?;
    let written = written.wait(stop)?;
    let mut parts = Vec::with_capacity(plans.len());
    for (n, ((plan, expected), file)) in plans.iter().zip(&digests.parts_crc).zip(&written).enumerate() {
        if file.crc32 != *expected || file.padded_length != plan.padded_length() {
            let path = options.dir.join(options.format.part_name(n));
            return Err(Error::ReadBack { path, expected: *expected, got: file.crc32 });
        }
        parts.push(PartRecord {
            name: options.format.part_name(n),
            offset: plan.offset,
            block: plan.block(),
            count: plan.count(),
            length: plan.length,
            padded_length: plan.padded_length(),
            crc32: format!("{expected:08x}"),
            file_length: file.file_length,
        });
    }
    let record = ImageRecord {
        name: image.name(),
        format: image.format(),
        file_sha256: hex(&digests.file_sha256),
        raw_sha256: hex(&digests.raw_sha256),
        raw_len: digests.raw_len,
        table: options.table.as_ref().map(TableRecord::from),
    };
    let manifest = Manifest::new(record, options.skip, options.part_size, options.format, parts);
    place.settle(&manifest)?;
    Ok(manifest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan_of(len: u64, skip: u64, size: u64) -> Result<Vec<(u64, u64)>, String> {
        plan(Path::new("x.img"), len, skip, size)
            .map(|parts| parts.iter().map(|part| (part.offset, part.length)).collect())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn parts_cover_the_image_from_skip_on() {
        assert_eq!(plan_of(2048, 0, 1024), Ok(vec![(0, 1024), (1024, 1024)]));
        assert_eq!(plan_of(2049, 512, 1024), Ok(vec![(512, 1024), (1536, 513)]));
        assert_eq!(plan_of(1, 0, DEFAULT_PART_SIZE), Ok(vec![(0, 1)]));
        let last = plan(Path::new(""), 2049, 512, 1024).unwrap()[1];
        assert_eq!((last.padded_length(), last.block(), last.count()), (1024, 3, 2));
        let large = plan_of(u64::MAX, 0, 1 << 50).unwrap();
        assert_eq!((large.len(), large[16383]), (16384, (16383 << 50, (1 << 50) - 1)));
    }

    #[test]
    fn numbers_that_make_no_parts() {
        assert!(plan_of(512, 512, 512).unwrap_err().contains("the image has only 512"));
        assert!(plan_of(512, 1, 512).unwrap_err().contains("no whole blocks"));
        assert!(plan_of(512, 0, 0).unwrap_err().contains("no whole blocks"));
        assert!(plan_of(512, 0, 513).unwrap_err().contains("no whole blocks"));
        assert!(plan_of(1 << 40, 0, 512).unwrap_err().contains("2147483648 parts"));
    }
}
