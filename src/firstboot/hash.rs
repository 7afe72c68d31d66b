//! Passwords are written as hashes, Wi-Fi passwords as the key that is made of them.

use std::num::NonZeroU32;

use sha_crypt::{Algorithm, Params, PasswordHasher, ShaCrypt};

use super::{Error, Settings};
use crate::format::hex;

/// Rounds of SHA-512: about 50 ms on a Pi 4, where the default of 5000 takes 3.
const ROUNDS: u32 = 100_000;
/// What is written in place of secrets.
pub(super) struct Secrets {
    /// The hash of the user's password; `*` for a user without one.
    pub(super) user: String,
    /// The Wi-Fi's key, 64 hexadecimal digits; `None` for an open one.
    pub(super) wifi: Option<String>,
}

impl Secrets {
    pub(super) fn of(settings: &Settings, salt: &[u8; 16]) -> Result<Self, Error> {
        let user = match (&settings.password, &settings.password_hash) {
            (Some(password), _) => crypt(password, salt)?,
            (None, Some(hash)) => hash.clone(),
            (None, None) => "*".to_owned(),
        };
        let ssid = settings.wifi_ssid.as_deref().unwrap_or_default();
        Ok(Self { user, wifi: settings.wifi_password.as_ref().map(|password| key(ssid, password)) })
    }
}

/// The hash of a password, as `password-hash` takes it.
///
/// # Errors
/// Where it can't be hashed.
pub fn hashed_password(password: &str, salt: &[u8; 16]) -> Result<String, Error> {
    crypt(password, salt)
}

/// A Wi-Fi's key as 64 hexadecimal digits, which `wifi-password` takes too.
#[must_use]
pub fn wifi_key(ssid: &str, password: &str) -> String {
    key(ssid.as_bytes(), password)
}

/// sha512crypt, which every Debian of the last ten years takes.
fn crypt(password: &str, salt: &[u8; 16]) -> Result<String, Error> {
    let failed = |error: &dyn std::fmt::Display| Error::Hash(error.to_string());
    let params = Params::new(ROUNDS).map_err(|error| failed(&error))?;
    // 12 bytes are the 16 characters that crypt(3) takes.
    let hash = ShaCrypt::new(Algorithm::Sha512Crypt, params)
        .hash_password_with_salt(password.as_bytes(), &salt[..12])
        .map_err(|error| failed(&error))?;
    Ok(hash.to_string())
}

/// The key of WPA: PBKDF2 with HMAC-SHA1, 4096 rounds (IEEE 802.11, annex J.4).
fn key(ssid: &[u8], password: &str) -> String {
    if password.len() == 64 {
        return password.to_ascii_lowercase();
    }
    let mut key = [0; 32];
    let rounds = NonZeroU32::MIN.saturating_add(4095);
    ring::pbkdf2::derive(ring::pbkdf2::PBKDF2_HMAC_SHA1, rounds, ssid, password.as_bytes(), &mut key);
    hex(&key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_a_wifi_is_that_of_the_standard() {
        // IEEE 802.11, annex J.4.3, test vector 1.
        assert_eq!(
            key(b"IEEE", "password"),
            "f42c6fc52df0ebef9ebb4b90b38a5f902e83fe1b135a70e23aed762e9710a12e"
        );
        assert_eq!(key(b"x", &"AB".repeat(32)), "ab".repeat(32));
    }

    #[test]
    fn libc_makes_the_same_hash() {
        let made = crypt("correct horse ☺", &[7; 16]).unwrap();
        assert!(made.starts_with("$6$rounds=100000$"), "{made}");
        assert_eq!(made.split('$').nth(3).map(str::len), Some(16));
        let output = std::process::Command::new("perl")
            .args(["-e", "print crypt($ARGV[0], $ARGV[1])", "correct horse ☺", &made])
            .output()
            .expect("perl is missing: apt-get install perl");
        assert_eq!(String::from_utf8_lossy(&output.stdout), made);
    }
}
