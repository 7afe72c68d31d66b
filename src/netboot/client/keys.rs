//! Host keys of SSH, made here and not in the client: ssh-keygen needs no chroot and no emulator.

use std::ffi::OsStr;

use super::Error;
use super::checklist::Key;
use super::host;
use super::names::Name;

/// What sshd looks for, from Buster to Trixie. DSA keys are refused since OpenSSH 7.
const KINDS: [&str; 3] = ["rsa", "ecdsa", "ed25519"];

/// The files that they are in, without the public halves.
pub(super) fn files() -> impl Iterator<Item = String> {
    KINDS.into_iter().map(|kind| format!("ssh_host_{kind}_key"))
}

/// Makes one key of each kind.
///
/// The host's own ssh-keygen makes them: its format is what sshd reads, and it is there wherever ssh is. A crate for
/// three kinds of keys would bring big-number arithmetic with a known weakness for RSA.
pub(super) fn generate(name: &Name) -> Result<Vec<Key>, Error> {
    let keygen = program()?;
    let dir = tempfile::Builder::new().prefix("piprov-keys").tempdir();
    let dir = dir.map_err(Error::os("making", &std::env::temp_dir()))?;
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
        let (one, other) = (generate(&name).unwrap(), generate(&name).unwrap());
        assert_eq!(one.len(), 3);
        for (one, other) in one.iter().zip(&other) {
            assert_ne!(one.public, other.public);
            assert!(one.public.ends_with(" root@lab-01\n"), "{}", one.public);
            assert!(one.private.as_ref().unwrap().starts_with(b"-----BEGIN OPENSSH PRIVATE KEY-----"));
        }
    }
}
