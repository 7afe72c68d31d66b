//! Files that are replaced at once or not at all, and read back.

use std::fs::Permissions;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::Error;

/// The largest file that is read whole.
const MOST: u64 = 16 << 20;

/// Reads a file; `-` is stdin.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    use io::Read;
    let failed = Error::os("reading", path);
    let mut bytes = Vec::new();
    let got = if path == Path::new("-") {
        io::stdin().lock().take(MOST + 1).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(MOST + 1).read_to_end(&mut bytes))
    };
    got.map_err(&failed)?;
    if bytes.len() as u64 > MOST {
        return Err(failed(io::Error::new(io::ErrorKind::InvalidData, "it has more than 16 MiB")));
    }
    Ok(bytes)
}

/// Replaces a file, keeping its mode, or makes it with one that a server of another user can read. Then reads it back.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    // A link stays one; what it leads to is replaced.
    let real = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let failed = Error::os("writing", path);
    let dir = real.parent().unwrap_or(Path::new("."));
    let mode = std::fs::metadata(&real).map_or(0o644, |meta| meta.permissions().mode() & 0o777);
    // Whom the temporary name would only puzzle gets the kind of error alone.
    let made = tempfile::Builder::new().prefix(".piprov-").tempfile_in(dir);
    let mut file = made.map_err(|error| failed(error.kind().into()))?;
    file.write_all(bytes).map_err(&failed)?;
    match file.as_file().set_permissions(Permissions::from_mode(mode)) {
        // FAT has no modes.
        Err(error) if error.kind() != io::ErrorKind::PermissionDenied => return Err(failed(error)),
        _ => {}
    }
    file.as_file().sync_all().map_err(&failed)?;
    compare(file.path(), bytes)?;
    file.persist(&real).map_err(|error| failed(error.error))?;
    // Not every file system can bring a directory to the disk.
    let _ = std::fs::File::open(dir).and_then(|dir| dir.sync_all());
    compare(path, bytes)
}

/// Whether a file is what was written.
fn compare(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let there = read(path)?;
    if there == bytes {
        return Ok(());
    }
    let at = there.iter().zip(bytes).position(|(a, b)| a != b).unwrap_or(there.len().min(bytes.len()));
    Err(Error::Differs { path: path.to_owned(), at })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_with_its_mode_and_through_a_link() {
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("config.txt"), dir.path().join("link"));
        std::fs::write(&file, "a").unwrap();
        std::fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink("config.txt", &link).unwrap();
        replace(&link, b"b").unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), b"b");
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
        assert!(link.is_symlink());
        let new = dir.path().join("new");
        replace(&new, b"c").unwrap();
        assert_eq!(std::fs::metadata(&new).unwrap().permissions().mode() & 0o777, 0o644);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 3, "nothing is left behind");
        assert!(replace(&dir.path().join("no/such"), b"c").is_err());
    }

    #[test]
    fn a_difference_is_told_with_its_place() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("x");
        std::fs::write(&file, "abc").unwrap();
        for (bytes, want) in [("abd", 2), ("ab", 2), ("abcd", 3)] {
            assert!(matches!(compare(&file, bytes.as_bytes()), Err(Error::Differs { at, .. }) if at == want));
        }
    }
}
