//! Host keys of SSH, made here and not in the client: ssh-keygen needs no chroot and no emulator.

use std::ffi::OsStr;
use std::path::Path;

use jiff::Timestamp;

use super::Error;
use super::checklist::Key;
use super::host;
use super::names::Name;
use crate::beneath::Dir;

/// What sshd looks for, from Buster to Trixie. DSA keys are refused since OpenSSH 7.
const KINDS: [&str; 3] = ["rsa", "ecdsa", "ed25519"];

/// The files that they are in, without the public halves.
pub(super) fn files() -> impl Iterator<Item = String> {
    KINDS.into_iter().map(|kind| format!("ssh_host_{kind}_key"))
}

/// Where keys lie while they are made. A process that is killed leaves them: the next one removes them after a while.
const PLACE: &str = ".new-keys-";
/// Nobody is still at them then, in seconds.
const OLD: i64 = 3600;

/// Removes what killed processes have left.
fn sweep(state: &Dir, now: i64) {
    let Ok(names) = state.names() else { return };
    for name in names.iter().filter(|name| name.as_encoded_bytes().starts_with(PLACE.as_bytes())) {
        if let Ok(Some(stat)) = state.stat(name)
            && now.saturating_sub(stat.st_mtime) > OLD
            && let Err(error) = state.remove_tree(name)
        {
            tracing::warn!(%error, "keys that nobody needs can't be removed");
        }
    }
}

/// Makes one key of each kind, in a directory of its own in `state`, which nobody else may enter.
///
/// The host's own ssh-keygen makes them: its format is what sshd reads, and it is there wherever ssh is. A crate for
/// three kinds of keys would bring big-number arithmetic with a known weakness for RSA.
pub(super) fn generate(name: &Name, state: &Path) -> Result<Vec<Key>, Error> {
    let keygen = program()?;
    let opened = Dir::open(state).map_err(Error::os("opening", state))?;
    sweep(&opened, Timestamp::now().as_second());
    let dir = tempfile::Builder::new().prefix(PLACE).tempdir_in(state).map_err(Error::os("making", state))?;
    let comment = format!("root@{name}");
    let mut keys = Vec::new();
    for kind in KINDS {
        let file = format!("ssh_host_{kind}_key");
        let path = dir.path().join(&file);
        let arguments: [&OsStr; 9] = [
            "-q".as_ref(),
            "-t".as_ref(),
            kind.as_ref(),
            "-N".as_ref(),
            "".as_ref(),
            "-C".as_ref(),
            comment.as_ref(),
            "-f".as_ref(),
            path.as_ref(),
        ];
        host::run(&keygen, &arguments)?;
        let private = std::fs::read(&path).map_err(Error::os("reading", &path))?;
        let public = path.with_extension("pub");
        let public = std::fs::read_to_string(&public).map_err(Error::os("reading", &public))?;
        keys.push(Key { file, private: Some(private), public });
    }
    Ok(keys)
}

/// Where ssh-keygen is.
pub(super) fn program() -> Result<std::path::PathBuf, Error> {
    host::program("ssh-keygen").ok_or(Error::NoProgram {
        program: "ssh-keygen",
        why: "each client needs host keys of its own",
        package: "openssh-client",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_new_each_time() {
        let name = "lab-01".parse().unwrap();
        let state = tempfile::tempdir().unwrap();
        // What was left an hour ago goes; somebody is still at what was made now, and other names are others'.
        let left = [".new-keys-old", ".new-keys-now", "clients"].map(|name| state.path().join(name));
        for path in &left {
            std::fs::create_dir(path).unwrap();
            std::fs::write(path.join("ssh_host_rsa_key"), "secret").unwrap();
        }
        let ago = std::time::SystemTime::now() - std::time::Duration::from_secs(3700);
        for path in [&left[0], &left[2]] {
            std::fs::File::open(path).unwrap().set_modified(ago).unwrap();
        }
        let make = || generate(&name, state.path()).unwrap();
        let (one, other) = (make(), make());
        assert_eq!(left.map(|path| path.exists()), [false, true, true]);
        assert_eq!(std::fs::read_dir(state.path()).unwrap().count(), 2);
        assert_eq!(one.len(), 3);
        for (one, other) in one.iter().zip(&other) {
            assert_ne!(one.public, other.public);
            assert!(one.public.ends_with(" root@lab-01\n"), "{}", one.public);
            assert!(one.private.as_ref().unwrap().starts_with(b"-----BEGIN OPENSSH PRIVATE KEY-----"));
        }
    }
}
