//! Files that a command takes in whole.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::error::{Explain, Kind};

/// A file can't be read.
#[derive(Debug, thiserror::Error)]
#[error("reading {}", path.display())]
pub(super) struct NotRead {
    path: PathBuf,
    source: std::io::Error,
}

impl Explain for NotRead {
    fn kind(&self) -> Kind {
        Kind::of_io(&self.source)
    }
}

/// A file, or what comes at standard input for `-`: at most so many bytes of it, and one more.
pub(super) fn read(path: &Path, most: u64) -> Result<Vec<u8>, NotRead> {
    let bytes = || {
        let from: Box<dyn std::io::Read> = match path.to_str() {
            Some("-") => Box::new(std::io::stdin()),
            _ => Box::new(std::fs::File::open(path)?),
        };
        let mut bytes = Vec::new();
        from.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    bytes().map_err(|source| NotRead { path: path.to_owned(), source })
}

/// The same as text.
pub(super) fn read_text(path: &Path, most: u64) -> Result<String, NotRead> {
    let wrong = |_| NotRead {
        path: path.to_owned(),
        source: std::io::Error::new(std::io::ErrorKind::InvalidData, "it is no text in UTF-8"),
    };
    String::from_utf8(read(path, most)?).map_err(wrong)
}
