//! Which file of a zip archive is the image.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::Path;

use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

use super::error::Error;
use crate::error::{Action, Remedy, remedy};

/// The entry that is the image, and what the archive's directory says about it.
#[derive(Debug)]
pub(super) struct Entry {
    /// Where its compressed bytes are in the archive.
    pub(super) range: Range<u64>,
    pub(super) deflated: bool,
    pub(super) raw_len: u64,
    pub(super) crc32: u32,
}

/// Ends of names that images have, `.img` aside.
const IMAGES: [&str; 6] = [".wic", ".sdimg", ".rpi-sdimg", ".raw", ".dd", ".bin"];
/// Ends of names of what stands beside an image.
const BESIDE: [&str; 16] = [
    ".txt",
    ".md",
    ".rst",
    ".pdf",
    ".htm",
    ".html",
    ".json",
    ".xml",
    ".bmap",
    ".sha256",
    ".sha256sum",
    ".sha1",
    ".md5",
    ".sig",
    ".asc",
    ".manifest",
];
/// Names of what stands beside an image.
const NOTES: [&str; 6] = ["readme", "license", "licence", "copying", "changelog", "sha256sums"];

/// Whether this is something to read beside an image.
fn is_beside(name: &str) -> bool {
    let name = name.rsplit('/').next().unwrap_or(name).to_ascii_lowercase();
    NOTES.contains(&&*name) || BESIDE.iter().any(|end| name.ends_with(end))
}

/// Finds the image: the only file in the archive that isn't something to read, or the only one whose name ends in `.img`, or else
/// in another end that images have.
pub(super) fn find(path: &Path, file: &File) -> Result<Entry, Error> {
    let not = |what: String, hint: Remedy| Error::NotAnImage { path: path.to_owned(), what, hint };
    let damaged = |what: &str| {
        not(format!("damaged zip archive: {what}"), "download it again and compare its sha256".into())
    };
    let broken = |error: ZipError| match error {
        ZipError::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => damaged("it ends too early"),
        ZipError::Io(error) => Error::os(path, "reading the zip archive", error),
        // What the library says of it names its own types and the format's fields.
        _ => damaged("its directory of files can't be read"),
    };
    let reader = file.try_clone().map_err(|error| Error::os(path, "opening", error))?;
    let mut archive = ZipArchive::new(io::BufReader::new(reader)).map_err(broken)?;
    let mut files = Vec::new();
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index).map_err(broken)?;
        let name = String::from_utf8_lossy(entry.name_raw()).into_owned();
        // macOS puts a shadow of each file there.
        if !entry.is_dir() && !name.starts_with("__MACOSX/") {
            files.push((index, name));
        }
    }
    let named = |ends: &[&str]| -> Vec<_> {
        let is = |name: &str| ends.iter().any(|end| name.to_ascii_lowercase().ends_with(end));
        files.iter().filter(|(_, name)| is(name)).collect()
    };
    let images = [named(&[".img"]), named(&IMAGES)].into_iter().find(|named| !named.is_empty());
    let images = images.unwrap_or_else(|| files.iter().filter(|(_, name)| !is_beside(name)).collect());
    let index = match (files.as_slice(), images.as_slice()) {
        ([], _) => {
            return Err(not("the zip archive has no file in it".into(), "was the right file given?".into()));
        }
        ([(index, _)], _) | (_, [(index, _)]) => *index,
        (_, candidates) => {
            let among = if candidates.is_empty() { files.iter().collect() } else { candidates.to_vec() };
            let mut names: Vec<_> = among.iter().take(4).map(|(_, name)| format!("`{name}`")).collect();
            if among.len() > names.len() {
                names.push("…".into());
            }
            let count = among.len();
            return Err(not(
                format!("{count} files in the zip archive could be the image: {}", names.join(", ")),
                remedy!["unpack the one you mean with ", Action::host("unzip"), " and give that"],
            ));
        }
    };
    let entry = archive.by_index_raw(index).map_err(broken)?;
    if entry.encrypted() {
        let hint = remedy!["unpack it with ", Action::host("unzip"), " first"];
        return Err(not("the image in the zip archive is encrypted".into(), hint));
    }
    let deflated = match entry.compression() {
        CompressionMethod::Stored => false,
        CompressionMethod::Deflated => true,
        other => {
            return Err(not(
                format!("the image in the zip archive is compressed by {other}"),
                remedy!["unpack it with ", Action::host("unzip"), " or ", Action::host("7z x"), " first",],
            ));
        }
    };
    let start = entry.data_start().ok_or_else(|| damaged("an entry without data"))?;
    let end =
        start.checked_add(entry.compressed_size()).ok_or_else(|| damaged("an entry of impossible size"))?;
    Ok(Entry { range: start..end, deflated, raw_len: entry.size(), crc32: entry.crc32() })
}
