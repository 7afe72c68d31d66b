//! What the station proves itself by, and what it gives boards so that they can prove themselves.
//!
//! Tokens of boards aren't kept: each carries what it is for, and a code over that which only this station can make. So
//! they outlive a restart, cost no write, and say by themselves which board, key, job and fence they belong to.

use std::io::Write;
use std::path::{Path, PathBuf};

use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{Ed25519KeyPair, KeyPair};

use crate::beneath::{Access, Dir};
use crate::error::{Explain, Kind};
use crate::format::{hex, unhex};

/// The file of the key, PKCS#8.
const FILE: &str = "station.key";
/// Longer than any such file.
const LONGEST: u64 = 4096;
/// Longer than any token.
const LONGEST_TOKEN: usize = 400;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It can't be read or written.
    #[error("{} can't be used", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is no key.
    #[error("{} is no key of a station", path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// Others can read it.
    #[error("{} can be read by others (mode {mode:04o})", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    Random,
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::File { source, .. } => Kind::of_io(source),
            Self::NoKey { .. } => Kind::BadData,
            Self::Open { .. } => Kind::Permission,
            Self::Random => Kind::Failed,
        }
    }
}

/// The station's key.
pub struct StationKey {
    pair: Ed25519KeyPair,
    codes: hmac::Key,
}

impl std::fmt::Debug for StationKey {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("StationKey").field("public", &self.public()).finish_non_exhaustive()
    }
}

/// What a token stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pass {
    /// A board with a key.
    Board {
        /// The board's id.
        board: String,
        /// Its public key, 64 hexadecimal digits; empty for a client that has none.
        key: String,
    },
    /// A job that was given to a board.
    Job {
        /// The job's id.
        job: String,
        /// The number with which it was given.
        fence: u64,
        /// The board's id.
        board: String,
    },
}

impl StationKey {
    /// Reads the key of a directory; makes one where there is none yet.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn open(dir: &Path) -> Result<Self, Error> {
        let path = dir.join(FILE);
        let file = |source: std::io::Error| Error::File { path: path.clone(), source };
        let dir = Dir::open(dir).map_err(|errno| file(errno.into()))?;
        if let Some(stat) = dir.stat(FILE).map_err(|errno| file(errno.into()))? {
            let mode = stat.st_mode & 0o7777;
            if mode & 0o077 != 0 {
                return Err(Error::Open { path, mode });
            }
            let bytes = dir.read(FILE, LONGEST).map_err(file)?;
            return Self::of(&bytes).ok_or(Error::NoKey { path });
        }
        let made = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|_| Error::Random)?;
        let new = dir.new_file(FILE, Access::Mode(0o600)).map_err(file)?;
        new.file().write_all(made.as_ref()).map_err(file)?;
        new.put().map_err(file)?;
        Self::of(made.as_ref()).ok_or(Error::NoKey { path })
    }

    fn of(pkcs8: &[u8]) -> Option<Self> {
        let pair = Ed25519KeyPair::from_pkcs8(pkcs8).ok()?;
        // Another key for another purpose.
        let secret = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, pkcs8), b"piprov: tokens of boards, 1");
        Some(Self { pair, codes: hmac::Key::new(hmac::HMAC_SHA256, secret.as_ref()) })
    }

    /// The public key, 64 hexadecimal digits.
    #[must_use]
    pub fn public(&self) -> String {
        hex(self.pair.public_key().as_ref())
    }

    /// A signature over bytes, 128 hexadecimal digits.
    #[must_use]
    pub fn sign(&self, bytes: &[u8]) -> String {
        hex(self.pair.sign(bytes).as_ref())
    }

    /// The token for something.
    #[must_use]
    pub fn token(&self, pass: &Pass) -> String {
        let text = match pass {
            Pass::Board { board, key } => format!("b.{board}.{key}"),
            Pass::Job { job, fence, board } => format!("j.{job}.{fence}.{board}"),
        };
        let code = hex(hmac::sign(&self.codes, text.as_bytes()).as_ref());
        format!("{text}.{code}")
    }

    /// What a token stands for, if this station made it.
    #[must_use]
    pub fn pass(&self, token: &str) -> Option<Pass> {
        let (text, code) = token.rsplit_once('.').filter(|_| token.len() <= LONGEST_TOKEN)?;
        hmac::verify(&self.codes, text.as_bytes(), &unhex::<32>(code)?).ok()?;
        let parts: Vec<_> = text.split('.').collect();
        match parts.as_slice() {
            ["b", board, key] => Some(Pass::Board { board: (*board).to_owned(), key: (*key).to_owned() }),
            ["j", job, fence, board] => Some(Pass::Job {
                job: (*job).to_owned(),
                fence: fence.parse().ok()?,
                board: (*board).to_owned(),
            }),
            _ => None,
        }
    }

    /// A number for a board to sign, which is good once until `now` has grown by [`NONCE_TIME`].
    #[must_use]
    pub fn nonce(&self, now: i64) -> Option<String> {
        let text = format!("{now:x}-{}", hex(&random::<16>()?));
        let code = hmac::sign(&self.codes, format!("n.{text}").as_bytes());
        Some(format!("{text}-{}", hex(&code.as_ref()[..16])))
    }

    /// When a number was given out, in the words of [`Self::nonce`]; `None` where this station didn't.
    #[must_use]
    pub fn nonce_time(&self, nonce: &str) -> Option<i64> {
        let (text, code) = nonce.rsplit_once('-').filter(|_| nonce.len() <= 100)?;
        let right = hmac::sign(&self.codes, format!("n.{text}").as_bytes());
        // What is compared tells nothing that was not told.
        if hex(&right.as_ref()[..16]) != code {
            return None;
        }
        i64::from_str_radix(text.split('-').next()?, 16).ok()
    }
}

/// How long a nonce is good, in milliseconds.
pub const NONCE_TIME: i64 = 60_000;

/// Random bytes.
#[must_use]
pub fn random<const N: usize>() -> Option<[u8; N]> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device_api::is_signed;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_key_stays_the_same_and_nobody_else_can_read_it() {
        let dir = tempfile::tempdir().unwrap();
        let key = StationKey::open(dir.path()).unwrap();
        let path = dir.path().join(FILE);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        let again = StationKey::open(dir.path()).unwrap();
        assert_eq!(key.public(), again.public());
        assert!(is_signed(&key.public(), b"manifest", &again.sign(b"manifest")));
        assert!(!is_signed(&key.public(), b"manifest!", &again.sign(b"manifest")));
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).unwrap();
        assert!(matches!(StationKey::open(dir.path()), Err(Error::Open { mode: 0o640, .. })));
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        std::fs::write(&path, "no key").unwrap();
        assert!(matches!(StationKey::open(dir.path()), Err(Error::NoKey { .. })));
    }

    #[test]
    fn a_token_stands_for_one_thing_and_no_other_station_makes_it() {
        let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (key, other) = (StationKey::open(dir.path()).unwrap(), StationKey::open(other.path()).unwrap());
        let job = Pass::Job { job: "j1".into(), fence: 7, board: "b1".into() };
        let board = Pass::Board { board: "b1".into(), key: "k".into() };
        for pass in [&job, &board] {
            let token = key.token(pass);
            assert_eq!(key.pass(&token).as_ref(), Some(pass));
            assert_eq!(other.pass(&token), None);
            // Any other character makes it worthless.
            for at in 0..token.len() {
                let mut forged = token.clone().into_bytes();
                forged[at] ^= 1;
                assert_eq!(String::from_utf8(forged).ok().and_then(|token| key.pass(&token)), None, "{at}");
            }
        }
        assert_eq!(key.pass(""), None);
        assert_eq!(key.pass(&"b.".repeat(1000)), None);
    }

    #[test]
    fn a_nonce_is_this_stations_and_tells_its_time() {
        let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (key, other) = (StationKey::open(dir.path()).unwrap(), StationKey::open(other.path()).unwrap());
        let nonce = key.nonce(1_790_000_000_123).unwrap();
        assert_eq!(key.nonce_time(&nonce), Some(1_790_000_000_123));
        assert_eq!(other.nonce_time(&nonce), None);
        assert_eq!(key.nonce_time(&nonce.replacen('1', "2", 1)), None);
        assert_ne!(nonce, key.nonce(1_790_000_000_123).unwrap());
    }
}
