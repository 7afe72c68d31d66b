//! A card's secret: 128 random bits that stand in the card's `env.txt` and in a file of this host's, and nowhere else.
//!
//! The targets database names the file. It is nobody's but its owner's (mode 0600), and what is in it is never shown:
//! the type has no way to be printed or serialised, only [`Secret::env_txt`], which is for the card.

use std::fmt;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::beneath::{self, Access, place_of};
use crate::error::{Action, Explain, Kind, Remedy, Task, remedy};

/// Hexadecimal digits in the file.
const DIGITS: usize = 32;
/// The file has one line; what is longer is another file.
const LONGEST: u64 = 256;

/// A card's secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret([u64; 2]);

/// Why there is no secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Others may read it.
    #[error("{}: others may read it (mode {mode:04o}), so it is no secret", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// It holds something else.
    #[error("{}: not a secret: one line of {DIGITS} hexadecimal digits is needed", path.display())]
    Odd {
        /// The file.
        path: PathBuf,
    },
    /// It can't be read or made.
    #[error("{doing} {}", path.display())]
    Os {
        /// What was being done.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Open { .. } | Self::Odd { .. } => Kind::Config,
            Self::Os { source, .. } => Kind::of_io(source),
        }
    }

    fn hint(&self) -> Option<Remedy> {
        match self {
            Self::Open { path, .. } => Some(remedy![
                "if nobody has read it, ",
                Action::host("chmod 600").arg(path.display()),
                "; otherwise make a new secret and a new card.",
            ]),
            Self::Odd { .. } => Some(remedy![Task::CardBuildSecret, " makes one."]),
            Self::Os { source, .. } if source.kind() == io::ErrorKind::NotFound => Some(remedy![
                "the database names it; it is made by ",
                Task::CardBuildSecret,
                " together with the card.",
            ]),
            // It is its owner's alone, which usually is root.
            Self::Os { path, source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                Some(remedy![Remedy::for_permission(path), "; where that is root, ", Action::AsRoot])
            }
            Self::Os { .. } => None,
        }
    }
}

impl Secret {
    /// A new one, from the kernel's random numbers.
    ///
    /// # Errors
    /// Where the kernel has no random bits to give.
    pub fn generate() -> io::Result<Self> {
        random_key().map(Self)
    }

    pub(super) fn key(&self) -> [u64; 2] {
        self.0
    }

    /// The secret that is made of these bits: for tests, and for callers with random bits of their own.
    #[must_use]
    pub const fn from_key(key: [u64; 2]) -> Self {
        Self(key)
    }

    /// Reads the file that the database names.
    ///
    /// # Errors
    /// [`Error`]; also where anybody but its owner may read it.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let os = |source| Error::Os { doing: "reading the secret", path: path.to_owned(), source };
        let file = beneath::open_regular(path).map_err(os)?;
        // The file that was opened is asked, not its name.
        let mode = file.metadata().map_err(os)?.permissions().mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(Error::Open { path: path.to_owned(), mode });
        }
        let odd = || Error::Odd { path: path.to_owned() };
        let bytes = match beneath::read_bounded(&file, LONGEST) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => return Err(odd()),
            Err(error) => return Err(os(error)),
        };
        Self::read(&bytes).ok_or_else(odd)
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?.trim();
        if text.len() != DIGITS || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let half = |text| u64::from_str_radix(text, 16).ok();
        Some(Self([half(text.get(..16)?)?, half(text.get(16..)?)?]))
    }

    /// Writes it to a file that isn't there yet, which is its owner's alone from its first moment on.
    ///
    /// # Errors
    /// [`Error::Os`], also where there is such a file.
    pub fn create(&self, path: &Path) -> Result<(), Error> {
        let os = |source| Error::Os { doing: "making the secret", path: path.to_owned(), source };
        let (dir, name) = place_of(path).map_err(os)?;
        let new = dir.new_file(name, Access::Mode(0o600)).map_err(os)?;
        writeln!(new.file(), "{:016x}{:016x}", self.0[0], self.0[1]).map_err(os)?;
        new.put().map(drop).map_err(os)
    }

    /// The lines of the card's `env.txt`, with their line ends.
    #[must_use]
    pub fn env_txt(&self) -> String {
        format!("secret0={:016x}\nsecret1={:016x}\n", self.0[0], self.0[1])
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret")
    }
}

/// 128 random bits.
///
/// # Errors
/// Where the kernel has no random bits to give.
pub(super) fn random_key() -> io::Result<[u64; 2]> {
    let mut bytes = [0; 16];
    let mut filled = 0;
    while filled < bytes.len() {
        match rustix::rand::getrandom(&mut bytes[filled..], rustix::rand::GetRandomFlags::empty()) {
            Ok(more) => filled += more,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let number = u128::from_ne_bytes(bytes);
    Ok([(number >> 64) as u64, number as u64])
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::OpenOptions;
    use std::os::unix::fs::OpenOptionsExt;

    #[test]
    fn what_is_made_is_read_and_belongs_to_its_owner() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lab-01.secret");
        let secret = Secret::generate().unwrap();
        secret.create(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        assert_eq!(Secret::load(&path).unwrap(), secret);
        let error = Secret::generate().unwrap().create(&path).unwrap_err();
        assert!(matches!(error, Error::Os { .. }), "{error}");
        assert_eq!(Secret::load(&path).unwrap(), secret, "what is there stays");
        assert_ne!(Secret::generate().unwrap(), secret);
    }

    #[test]
    fn a_file_that_others_may_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        Secret::from_key([1, 2]).create(&path).unwrap();
        for mode in [0o644, 0o640, 0o604, 0o660, 0o601] {
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
            let error = Secret::load(&path).unwrap_err();
            assert_eq!(error.kind(), Kind::Config);
            assert!(error.to_string().contains(&format!("{mode:04o}")), "{error}");
        }
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o400)).unwrap();
        assert!(Secret::load(&path).is_ok());
    }

    #[test]
    fn what_is_no_secret_is_refused_without_being_shown() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        for text in ["", "\n", "0123", "0123456789abcdef0123456789abcdeg", &"0".repeat(33), &"0".repeat(4096)]
        {
            let mut file =
                OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path).unwrap();
            file.write_all(text.as_bytes()).unwrap();
            let error = Secret::load(&path).unwrap_err();
            assert!(matches!(error, Error::Odd { .. }), "{error}");
            assert!(text.is_empty() || !error.to_string().contains(&text[..text.len().min(4)]), "{error}");
        }
        assert!(Secret::load(dir.path()).is_err());
        assert!(Secret::load(Path::new("/dev/zero")).is_err(), "only a regular file is read");
    }

    #[test]
    fn it_is_not_shown() {
        let secret = Secret::from_key([0x1234_5678_9abc_def0, 0x11]);
        assert_eq!(format!("{secret:?}"), "Secret");
        assert_eq!(secret.env_txt(), "secret0=123456789abcdef0\nsecret1=0000000000000011\n");
    }
}
