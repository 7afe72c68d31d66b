//! The `.sig` file that stands beside an EEPROM image, a `boot.img` or a signed `bootconf.txt`.
//!
//! Text, as rpi-eeprom's `rpi-eeprom-digest` writes it: the sha256 in the first line, then `ts:` with the time of the
//! update in seconds since 1970, perhaps `target-soc:`, and `rsa2048:` with a PKCS#1 v1.5 signature where there is a key.

use std::fmt;

use sha2::{Digest, Sha256};

use super::Error;
use crate::format::hex;

/// Bytes of an RSA-2048 signature.
const SIGNATURE: usize = 256;

/// What a `.sig` file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sig {
    /// Of the whole file that it belongs to.
    pub sha256: [u8; 32],
    /// When the update was made, in seconds since 1970. A bootloader that updates itself takes only an update that is
    /// newer than the last one (release notes of 2021-04-19).
    pub ts: Option<u64>,
    /// The chip that it is meant for, as `2712`.
    pub target_soc: Option<String>,
    /// The signature, where it is signed.
    pub rsa2048: Option<Vec<u8>>,
}

impl Sig {
    /// The unsigned one of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8], ts: u64) -> Self {
        Self { sha256: Sha256::digest(bytes).into(), ts: Some(ts), target_soc: None, rsa2048: None }
    }

    /// Whether its sha256 is that of these bytes. A signature is not looked at.
    #[must_use]
    pub fn fits(&self, bytes: &[u8]) -> bool {
        self.sha256 == <[u8; 32]>::from(Sha256::digest(bytes))
    }

    /// Reads the text.
    ///
    /// # Errors
    /// [`Error::Sig`] with the line that is wrong.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut lines = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim_end()));
        let bad = |line, why: String| Error::Sig { line, why };
        let (line, first) = lines.next().unwrap_or((1, ""));
        let sha256 = bytes_of(first)
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or_else(|| bad(line, "expected a sha256, 64 hexadecimal digits".into()))?;
        let mut sig = Self { sha256, ts: None, target_soc: None, rsa2048: None };
        for (line, text) in lines.filter(|(_, text)| !text.is_empty()) {
            let (key, value) = text.split_once(':').unwrap_or((text, ""));
            let value = value.trim();
            let twice = match key {
                "ts" => {
                    let ts = value
                        .parse()
                        .map_err(|_| bad(line, format!("`{}` is no time", value.escape_debug())))?;
                    sig.ts.replace(ts).is_some()
                }
                "target-soc" => sig.target_soc.replace(value.to_owned()).is_some(),
                "rsa2048" => {
                    let bytes = bytes_of(value).filter(|bytes| bytes.len() == SIGNATURE);
                    let bytes = bytes
                        .ok_or_else(|| bad(line, "expected a signature of 512 hexadecimal digits".into()))?;
                    sig.rsa2048.replace(bytes).is_some()
                }
                other => {
                    return Err(bad(line, format!("`{}` is not known in a .sig file", other.escape_debug())));
                }
            };
            if twice {
                return Err(bad(line, format!("{key} stands there twice")));
            }
        }
        Ok(sig)
    }
}

impl fmt::Display for Sig {
    /// The text of the file.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{}", hex(&self.sha256))?;
        if let Some(ts) = self.ts {
            writeln!(out, "ts: {ts}")?;
        }
        if let Some(soc) = &self.target_soc {
            writeln!(out, "target-soc: {soc}")?;
        }
        if let Some(signature) = &self.rsa2048 {
            writeln!(out, "rsa2048: {}", hex(signature))?;
        }
        Ok(())
    }
}

/// The bytes of an even number of hexadecimal digits.
fn bytes_of(digits: &str) -> Option<Vec<u8>> {
    if !digits.len().is_multiple_of(2) || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    (0..digits.len() / 2).map(|at| u8::from_str_radix(digits.get(at * 2..at * 2 + 2)?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// sha256 of "abc" (FIPS 180-2).
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn an_unsigned_one_is_two_lines() {
        let sig = Sig::of(b"abc", 1_700_000_000);
        assert_eq!(sig.to_string(), format!("{ABC}\nts: 1700000000\n"));
        assert!(sig.fits(b"abc"));
        assert!(!sig.fits(b"abd"));
    }

    #[test]
    fn what_the_tools_write_is_read() {
        let sig = Sig::parse(&format!("{ABC}\r\n")).unwrap();
        assert_eq!((sig.ts, sig.rsa2048), (None, None), "some write no time");
        let sig =
            Sig::parse(&format!("{ABC}\nts: 7\ntarget-soc: 2712\nrsa2048: {}\n", "ab".repeat(256))).unwrap();
        assert_eq!(sig.ts, Some(7));
        assert_eq!(sig.target_soc.as_deref(), Some("2712"));
        assert_eq!(sig.rsa2048, Some(vec![0xab; 256]));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let short = &ABC[1..];
        for (text, line, why) in [
            (String::new(), 1, "64 hexadecimal"),
            (short.to_owned(), 1, "64 hexadecimal"),
            (format!("{}é", &ABC[..62]), 1, "64 hexadecimal"),
            (format!("{ABC}\nts: soon\n"), 2, "`soon` is no time"),
            (format!("{ABC}\nts: 1\nts: 2\n"), 3, "twice"),
            (format!("{ABC}\n\nrsa2048: ab\n"), 3, "512 hexadecimal"),
            (format!("{ABC}\n<html>\n"), 2, "not known"),
        ] {
            let error = Sig::parse(&text).unwrap_err();
            assert!(matches!(&error, Error::Sig { line: at, .. } if *at == line), "{text}: {error}");
            assert!(error.to_string().contains(why), "{text}: {error}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_is_read_again(bytes: Vec<u8>, ts: u64, signed: bool) {
            let mut sig = Sig::of(&bytes, ts);
            sig.rsa2048 = signed.then(|| vec![0x5a; SIGNATURE]);
            proptest::prop_assert_eq!(Sig::parse(&sig.to_string()), Ok(sig));
        }

        #[test]
        fn no_text_panics(text: String) { let _ = Sig::parse(&text); }
    }
}
