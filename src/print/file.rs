//! A label as a file.

use std::path::Path;

use super::{Begin, Error, begun};
use crate::beneath::{Access, Dir, is_name};

/// Puts a label into a directory below `base`, which is made. It is there whole, and read again, or not at all. What lies
/// there under its name stays.
///
/// # Errors
/// [`Error`].
pub fn file(base: &Path, directory: &str, name: &str, bytes: &[u8], begin: Begin<'_>) -> Result<(), Error> {
    let shown = base.join(directory).join(name).display().to_string();
    let os = |doing: &str, source: std::io::Error| Error::Os { doing: format!("{doing} {shown}"), source };
    if !is_name(directory.as_bytes()) || !is_name(name.as_bytes()) {
        return Err(os("writing", std::io::ErrorKind::InvalidInput.into()));
    }
    let base = Dir::open(base).map_err(|error| os("opening the directory of", error.into()))?;
    let (dir, _) =
        base.make(directory, 0o755).map_err(|error| os("making the directory of", error.into()))?;
    let new = dir.new_file(name, Access::Mode(0o644)).map_err(|error| os("writing", error))?;
    std::io::Write::write_all(&mut new.file(), bytes).map_err(|error| os("writing", error))?;
    begun(begin)?;
    // One that was written before, and of which that couldn't be said, is looked at as any other.
    match new.put() {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(os("writing", error)),
        _ => {}
    }
    let read = dir.read(name, bytes.len() as u64 + 1).map_err(|error| os("reading", error))?;
    if read != bytes {
        return Err(os("reading", std::io::Error::other("what was read isn't what was written")));
    }
    Ok(())
}
