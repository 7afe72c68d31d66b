//! Files of this room: read within bounds, written at once or not at all, and read back.
//!
//! A card, and a directory that a TFTP server gives to boards, may hold what somebody else has put there. So in a
//! directory nothing is read or written through a link, and nothing but regular files.

mod chosen;
mod error;
mod list;
mod newest;

use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::path::Path;

use rustix::fs::FileType;

use super::Image;
use crate::beneath::{Access, Dir, open_regular, place_of, read_bounded};
pub use chosen::Bootloader;
pub use error::Error;
pub use list::{Channel, Place, each, may_be_image, place};
pub use newest::{Newest, NotOne, OneOf};

/// The largest file that is read whole.
const MOST: u64 = 16 << 20;

/// Reads a file that the user names, at most 16 MiB.
///
/// # Errors
/// [`Error::Os`].
pub fn read(path: &Path) -> Result<Vec<u8>, Error> {
    read_from(std::fs::File::open(path).map_err(Error::os("reading", path))?, path)
}

/// Reads what comes, at most 16 MiB; `name` is what messages call it.
///
/// # Errors
/// [`Error::Os`].
pub fn read_from(from: impl Read, name: &Path) -> Result<Vec<u8>, Error> {
    let failed = Error::os("reading", name);
    let mut bytes = Vec::new();
    from.take(MOST + 1).read_to_end(&mut bytes).map_err(&failed)?;
    if bytes.len() as u64 > MOST {
        return Err(failed(io::Error::new(io::ErrorKind::InvalidData, "it has more than 16 MiB")));
    }
    Ok(bytes)
}

/// Whether `name` is there as a regular file. What else has that name is an error.
fn is_there(dir: &Dir, name: &OsStr) -> Result<bool, Error> {
    let not = |what: &str| {
        let source = io::Error::new(io::ErrorKind::InvalidInput, what);
        Err(Error::os("looking at", &dir.at(name))(source))
    };
    match dir.stat(name) {
        Ok(None) => Ok(false),
        Ok(Some(stat)) => match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Ok(true),
            FileType::Symlink => not("it is a symbolic link, and links are not followed here"),
            _ => not("it is no regular file"),
        },
        Err(error) => Err(Error::os("looking at", &dir.at(name))(error.into())),
    }
}

/// Reads a regular file that the user names, at most `most` bytes.
///
/// # Errors
/// [`Error::Os`].
pub fn read_small(path: &Path, most: u64) -> Result<Vec<u8>, Error> {
    let failed = Error::os("reading", path);
    read_bounded(&open_regular(path).map_err(&failed)?, most).map_err(&failed)
}

/// Reads a file of an image's size at most, which lies beside an image; `None` where there is none.
///
/// # Errors
/// [`Error::Os`]; also for what is no regular file.
pub fn beside(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    let file = match open_regular(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file.map_err(Error::os("reading", path))?,
    };
    read_bounded(&file, Image::SIZES[1]).map(Some).map_err(Error::os("reading", path))
}

/// Writes a file of that name, and reads it back: at once or not at all. What is there is replaced only if `over` says so.
///
/// # Errors
/// [`Error::Exists`], [`Error::Os`] and [`Error::Differs`].
pub fn write(path: &Path, bytes: &[u8], over: bool) -> Result<(), Error> {
    let (dir, name) = place_of(path).map_err(Error::os("writing", path))?;
    if over {
        return replace(&dir, &name, bytes);
    }
    put(&dir, &name, bytes, Access::Usual(0o666), false).map_err(|error| match error {
        Error::Os { source, .. } if source.kind() == io::ErrorKind::AlreadyExists => {
            Error::Exists { path: path.to_owned() }
        }
        error => error,
    })
}

/// Makes a directory with these files, and reads them back. There is none of that name yet.
///
/// # Errors
/// [`Error::Exists`], [`Error::Os`] and [`Error::Differs`].
pub fn make(path: &Path, files: &[(&str, Vec<u8>)]) -> Result<(), Error> {
    std::fs::create_dir(path).map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => Error::Exists { path: path.to_owned() },
        _ => Error::os("making", path)(source),
    })?;
    files.iter().try_for_each(|(name, bytes)| write(&path.join(name), bytes, false))
}

/// Whether a file of that name can be written, before anything is done for it.
///
/// # Errors
/// [`Error::Exists`] and [`Error::Os`].
pub fn writable(path: &Path, over: bool) -> Result<(), Error> {
    let (dir, name) = place_of(path).map_err(Error::os("writing", path))?;
    if is_there(&dir, &name)? && !over { Err(Error::Exists { path: path.to_owned() }) } else { Ok(()) }
}

/// Reads a regular file in a directory; `None` where there is no such file.
///
/// # Errors
/// [`Error::Os`].
pub fn read_in(dir: &Dir, name: &str) -> Result<Option<Vec<u8>>, Error> {
    if !is_there(dir, name.as_ref())? {
        return Ok(None);
    }
    dir.read(name, MOST).map(Some).map_err(Error::os("reading", &dir.at(name)))
}

/// Replaces a regular file, keeping its mode, or makes it with one that a server of another user can read. Then reads
/// it back.
///
/// # Errors
/// [`Error::Os`] and [`Error::Differs`].
pub fn replace(dir: &Dir, name: impl AsRef<OsStr>, bytes: &[u8]) -> Result<(), Error> {
    let name = name.as_ref();
    let mode = match is_there(dir, name)? {
        true => dir
            .stat(name)
            .map_err(|error| Error::os("writing", &dir.at(name))(error.into()))?
            .map_or(0o644, |stat| stat.st_mode & 0o777),
        false => 0o644,
    };
    put(dir, name, bytes, Access::Mode(mode), true)
}

fn put(dir: &Dir, name: &OsStr, bytes: &[u8], access: Access, over: bool) -> Result<(), Error> {
    let path = dir.at(name);
    let failed = Error::os("writing", &path);
    let new = dir.new_file(name, access).map_err(&failed)?;
    new.file().write_all(bytes).map_err(&failed)?;
    new.file().sync_all().map_err(&failed)?;
    compare(new.reopen().map_err(&failed)?, &path, bytes)?;
    // A link that somebody puts there meanwhile is replaced itself, or keeps its place.
    if over { new.replace() } else { new.put() }.map_err(&failed)?;
    compare(dir.file(name).map_err(Error::os("reading", &path))?, &path, bytes)
}

/// Whether a file is what was written; `path` is what it is to be called.
fn compare(file: std::fs::File, path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let there = read_from(file, path)?;
    if there == bytes {
        return Ok(());
    }
    let at = there.iter().zip(bytes).position(|(a, b)| a != b).unwrap_or(there.len().min(bytes.len()));
    Err(Error::Differs { path: path.to_owned(), at })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_file_is_replaced_with_its_mode_and_nothing_is_left_behind() {
        let room = tempfile::tempdir().unwrap();
        let dir = Dir::open(room.path()).unwrap();
        let file = room.path().join("config.txt");
        std::fs::write(&file, "a").unwrap();
        std::fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
        replace(&dir, "config.txt", b"b").unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), b"b");
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&file), 0o640);
        replace(&dir, "new", b"c").unwrap();
        assert_eq!(mode(&room.path().join("new")), 0o644);
        assert_eq!(dir.names().unwrap(), ["config.txt", "new"]);
        assert!(replace(&dir, "no/such", b"c").is_err());
    }

    #[test]
    fn what_is_there_stays_unless_it_may_go() {
        let room = tempfile::tempdir().unwrap();
        let path = room.path().join("new.bin");
        writable(&path, false).unwrap();
        write(&path, b"one", false).unwrap();
        assert!(matches!(writable(&path, false), Err(Error::Exists { .. })));
        assert!(matches!(write(&path, b"two", false), Err(Error::Exists { .. })));
        assert_eq!(std::fs::read(&path).unwrap(), b"one");
        writable(&path, true).unwrap();
        write(&path, b"two", true).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(std::fs::read_dir(room.path()).unwrap().count(), 1);
        assert_eq!(beside(&path).unwrap().as_deref(), Some(&b"two"[..]));
        assert_eq!(beside(&room.path().join("no.sig")).unwrap(), None);
        assert!(beside(room.path()).is_err());
    }

    #[test]
    fn links_and_pipes_are_refused_and_what_they_lead_to_stays() {
        let room = tempfile::tempdir().unwrap();
        let secret = room.path().join("secret");
        std::fs::write(&secret, "secret").unwrap();
        std::fs::create_dir(room.path().join("card")).unwrap();
        let dir = Dir::open(&room.path().join("card")).unwrap();
        for target in [secret.as_path(), Path::new("../secret"), Path::new("nothing")] {
            dir.unlink("config.txt").unwrap();
            dir.symlink("config.txt", target).unwrap();
            let error = replace(&dir, "config.txt", b"x").unwrap_err().to_string();
            assert!(error.contains("symbolic link"), "{error}");
            assert!(read_in(&dir, "config.txt").is_err());
            assert_eq!(dir.target("config.txt").unwrap(), target);
        }
        assert_eq!(std::fs::read(&secret).unwrap(), b"secret");
        let pipe = dir.at("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, FileType::Fifo, 0o600.into(), 0).unwrap();
        assert!(read_in(&dir, "pipe").is_err() && replace(&dir, "pipe", b"x").is_err());
        assert_eq!(read_in(&dir, "none").unwrap(), None);
        assert_eq!(dir.names().unwrap(), ["config.txt", "pipe"]);
    }

    #[test]
    fn a_difference_is_told_with_its_place() {
        let room = tempfile::tempdir().unwrap();
        std::fs::write(room.path().join("x"), "abc").unwrap();
        let path = room.path().join("x");
        for (bytes, want) in [("abd", 2), ("ab", 2), ("abcd", 3)] {
            assert!(
                matches!(compare(std::fs::File::open(&path).unwrap(), &path, bytes.as_bytes()), Err(Error::Differs { at, .. }) if at == want)
            );
        }
    }
}
