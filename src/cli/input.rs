//! Texts that a command reads from a file, or from its standard input.

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

/// The text of a file, `-` is standard input: as much as it may have, and one byte more.
pub(super) fn text(path: &Path, most: usize) -> Result<String, NotRead> {
    let read = || {
        let from: Box<dyn std::io::Read> = match path.to_str() {
            Some("-") => Box::new(std::io::stdin()),
            _ => Box::new(std::fs::File::open(path)?),
        };
        let mut text = String::new();
        from.take(most as u64 + 1).read_to_string(&mut text)?;
        Ok(text)
    };
    read().map_err(|source| NotRead { path: path.to_owned(), source })
}
