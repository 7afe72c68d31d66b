//! The board's own key, and signatures of others.

use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair};

use crate::beneath::{Access, place_of};
use crate::format::hex;

/// Longer than any file of a key.
const LONGEST: u64 = 4096;

/// An Ed25519 key.
pub struct Identity {
    pair: Ed25519KeyPair,
    /// What makes it again (PKCS#8), where it is forgotten at the end of the program otherwise.
    passing: Option<Vec<u8>>,
    /// One of before that a disk has kept. It stands in for this one until the station says otherwise.
    kept: Option<Box<Self>>,
    dropped: AtomicBool,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Identity").field("public", &self.public()).finish_non_exhaustive()
    }
}

impl Identity {
    /// Reads the key of a file (PKCS#8); makes one where there is no file yet, for its owner alone.
    ///
    /// # Errors
    /// What the system says; [`io::ErrorKind::InvalidData`] for a file that is no key.
    pub fn of_file(path: &Path) -> io::Result<Self> {
        let (dir, name) = place_of(path)?;
        if dir.stat(&name)?.is_some() {
            let bytes = dir.read(&name, LONGEST)?;
            return pair(Ed25519KeyPair::from_pkcs8(&bytes)).map(Self::lasting);
        }
        let (pair, bytes) = Self::made()?;
        let new = dir.new_file(&name, Access::Mode(0o600))?;
        new.file().write_all(&bytes)?;
        new.put()?;
        Ok(Self::lasting(pair))
    }

    /// One that is forgotten at the end of the program.
    ///
    /// # Errors
    /// Where the system gives no random numbers.
    pub fn new() -> io::Result<Self> {
        let (pair, bytes) = Self::made()?;
        Ok(Self { passing: Some(bytes), ..Self::lasting(pair) })
    }

    /// The key that these bytes make (PKCS#8), which is forgotten at the end of the program.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`].
    pub(super) fn of_pkcs8(bytes: &[u8]) -> io::Result<Self> {
        let pair = pair(Ed25519KeyPair::from_pkcs8(bytes))?;
        Ok(Self { passing: Some(bytes.to_vec()), ..Self::lasting(pair) })
    }

    /// The same, with one of before that a disk has kept, which stands in for it until it is
    /// [dropped](Self::drop_kept).
    #[must_use]
    pub fn with_kept(self, kept: Option<Self>) -> Self {
        Self { kept: kept.map(Box::new), ..self }
    }

    /// Whether it is one that a disk has kept.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.kept.is_some() && !self.dropped.load(Ordering::Relaxed)
    }

    /// Whether it is the same at each start.
    #[must_use]
    pub fn is_lasting(&self) -> bool {
        self.passing.is_none() && !self.is_kept()
    }

    /// From now on it isn't the one that a disk has kept.
    pub fn drop_kept(&self) {
        self.dropped.store(true, Ordering::Relaxed);
    }

    /// What makes this key again, where it is forgotten at the end of the program; else nothing.
    pub(super) fn secret(&self) -> &[u8] {
        self.current().passing.as_deref().unwrap_or_default()
    }

    fn current(&self) -> &Self {
        self.kept.as_deref().filter(|_| self.is_kept()).unwrap_or(self)
    }

    /// The key that follows from 32 secret bytes which only this board has: the same after every start.
    ///
    /// # Errors
    /// Never in practice: every seed is good.
    pub fn of_secret(secret: &[u8]) -> io::Result<Self> {
        let seed = blake3::derive_key("piprov 2026-11-28 the key of a board", secret);
        pair(Ed25519KeyPair::from_seed_unchecked(&seed)).map(Self::lasting)
    }

    fn made() -> io::Result<(Ed25519KeyPair, Vec<u8>)> {
        let bytes = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
            .map_err(|_| io::Error::other("the system gives no random numbers"))?;
        Ok((pair(Ed25519KeyPair::from_pkcs8(bytes.as_ref()))?, bytes.as_ref().to_vec()))
    }

    const fn lasting(pair: Ed25519KeyPair) -> Self {
        Self { pair, passing: None, kept: None, dropped: AtomicBool::new(false) }
    }

    /// The public key, 64 hexadecimal digits.
    #[must_use]
    pub fn public(&self) -> String {
        hex(self.current().pair.public_key().as_ref())
    }

    /// A signature, 128 hexadecimal digits.
    #[must_use]
    pub fn sign(&self, bytes: &[u8]) -> String {
        hex(self.current().pair.sign(bytes).as_ref())
    }
}

fn pair(pair: Result<Ed25519KeyPair, ring::error::KeyRejected>) -> io::Result<Ed25519KeyPair> {
    pair.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, format!("it is no key ({error})")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device_api::is_signed;

    #[test]
    fn a_key_is_kept_and_signs() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("board.key");
        let (one, other) = (Identity::of_file(&path).unwrap(), Identity::of_file(&path).unwrap());
        assert_eq!(one.public(), other.public());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let signature = one.sign(b"text");
        assert!(is_signed(&other.public(), b"text", &signature));
        assert!(!is_signed(&other.public(), b"texts", &signature));
        assert!(!is_signed(&Identity::new().unwrap().public(), b"text", &signature));
        assert!(!is_signed("", b"text", "") && !is_signed(&one.public(), b"text", &signature[..126]));
        std::fs::write(&path, "no key").unwrap();
        assert_eq!(Identity::of_file(&path).unwrap_err().kind(), io::ErrorKind::InvalidData);
        // A kept one stands in until the station doesn't take it.
        let (own, kept) = (Identity::new().unwrap(), Identity::new().unwrap());
        let (first, second) = (kept.public(), own.public());
        let both = own.with_kept(Some(kept));
        assert!(both.is_kept() && is_signed(&first, b"text", &both.sign(b"text")));
        both.drop_kept();
        assert!(!both.is_kept() && is_signed(&second, b"text", &both.sign(b"text")));
        let of = |secret: &[u8]| Identity::of_secret(secret).unwrap().public();
        assert!(of(&[1; 32]) == of(&[1; 32]) && of(&[1; 32]) != of(&[2; 32]));
    }
}
