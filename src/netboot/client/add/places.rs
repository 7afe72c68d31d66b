//! Where a client's files go, and whether there is a place for them.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::super::Error;
use crate::format::hex;

/// Where boot files lie until they are complete: a board that asks meanwhile gets nothing, and not half of them.
pub(in super::super) fn new_boot(boot: &Path) -> PathBuf {
    let name = boot.file_name().unwrap_or_default().to_string_lossy();
    boot.with_file_name(format!(".{name}.piprov-new"))
}

pub(in super::super) fn absolute(path: &Path) -> PathBuf {
    // Of what isn't there yet, the part that is: links in it would stand in exports otherwise.
    let full = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let there = full.ancestors().find(|ancestor| ancestor.exists());
    let Some((there, real)) = there.and_then(|there| Some((there, there.canonicalize().ok()?))) else {
        return full;
    };
    match full.strip_prefix(there) {
        Ok(rest) if !rest.as_os_str().is_empty() => real.join(rest),
        _ => real,
    }
}

pub(super) fn check_path(path: &Path) -> Result<(), Error> {
    let text = path.to_str().unwrap_or_default();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+".contains(&byte);
    if !text.is_empty() && text.bytes().all(plain) {
        return Ok(());
    }
    Err(Error::Cannot {
        what: format!(
            "a client's root can't be at {}: blanks, commas and colons divide the kernel's options",
            path.display()
        ),
        hint: "choose a directory with letters, digits, dots and dashes in its path".into(),
    })
}

/// A name for a shared root, from the image's.
pub(super) fn shared_name(from: &Path) -> String {
    let name = from.file_name().unwrap_or_default().to_string_lossy();
    let stem = name.split(".img").next().unwrap_or_default();
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let name: String = stem.chars().map(plain).take(60).collect();
    let name = name.trim_matches('-');
    if name.is_empty() { "root".to_owned() } else { name.to_owned() }
}

pub(super) fn new_machine_id() -> String {
    let mut bytes = [0u8; 16];
    // Without random numbers there is no kernel that this runs on; a time would do too, for it only has to differ.
    if rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty()).is_err() {
        bytes = Timestamp::now().as_nanosecond().to_be_bytes();
    }
    // As systemd makes them: UUIDs of version 4.
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    hex(&bytes)
}

/// The directories above that have to be made, in the order in which they go again.
pub(super) fn missing_parents(paths: &[&Path]) -> Vec<PathBuf> {
    let mut missing = Vec::new();
    for path in paths {
        for parent in path.ancestors().skip(1).take_while(|parent| !parent.exists()) {
            if !missing.iter().any(|known| known == parent) {
                missing.push(parent.to_owned());
            }
        }
    }
    // Those inside before those around them.
    missing.sort_by_key(|path| std::cmp::Reverse(path.components().count()));
    missing
}

/// Fails if something is where a client's files would go.
pub(super) fn free<const N: usize>(places: [Option<&PathBuf>; N]) -> Result<(), Error> {
    match places.into_iter().flatten().find(|path| std::fs::symlink_metadata(path).is_ok()) {
        Some(path) => Err(Error::Occupied { path: path.clone() }),
        None => Ok(()),
    }
}

/// Fails early where there is no room.
pub(super) fn check_room(path: &Path, wanted: Option<u64>) -> Result<(), Error> {
    let there = path.ancestors().find(|ancestor| ancestor.exists());
    let (Some(wanted), Some(there)) = (wanted, there) else { return Ok(()) };
    let Ok(room) = rustix::fs::statvfs(there) else { return Ok(()) };
    let free = room.f_bavail.saturating_mul(room.f_frsize);
    if free >= wanted {
        return Ok(());
    }
    let what = format!(
        "the root takes {}, and there are {} free",
        crate::format::size(wanted),
        crate::format::size(free)
    );
    let source = std::io::Error::new(std::io::ErrorKind::StorageFull, what);
    Err(Error::Os { doing: "making room in", path: there.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Knob;

    #[test]
    fn names_and_paths() {
        assert_eq!(
            shared_name(Path::new("/x/2025-10-01-raspios-trixie_arm64.img.xz")),
            "2025-10-01-raspios-trixie-arm64"
        );
        assert_eq!(shared_name(Path::new("/")), "root");
        assert_eq!(new_boot(Path::new("/srv/tftp/a2ef5644")), Path::new("/srv/tftp/.a2ef5644.piprov-new"));
        assert!(
            check_path(Path::new("/srv/net boot/x")).is_err() && check_path(Path::new("/srv/a,b")).is_err()
        );
        assert!(check_path(Path::new("/srv/netboot/clients/lab-01")).is_ok());
        let dir = tempfile::tempdir().unwrap();
        let missing = missing_parents(&[&dir.path().join("a/b/c"), &dir.path().join("a/d/e")]);
        assert_eq!(missing, ["a/b", "a/d", "a"].map(|path| dir.path().join(path)));
        std::os::unix::fs::symlink(dir.path(), dir.path().join("link")).unwrap();
        assert_eq!(
            absolute(&dir.path().join("link/none/x")),
            dir.path().canonicalize().unwrap().join("none/x")
        );
        let id = new_machine_id();
        assert!(id.len() == 32 && id != new_machine_id());
    }

    #[test]
    fn no_room_is_known_before() {
        assert!(check_room(Path::new("/tmp/x/y"), Some(1)).is_ok());
        use crate::error::Explain;
        let error = check_room(Path::new("/tmp/x/y"), Some(u64::MAX)).unwrap_err();
        assert!(error.hint().unwrap().names(Knob::Clients), "{error}");
    }
}
