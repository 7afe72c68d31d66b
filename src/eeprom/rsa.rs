//! Signatures of an image's configuration and programs, checked with the public key that stands beside them.

use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};

/// Bytes of the modulus and of the exponent in a `pubkey.bin`, both little-endian.
const MODULUS: usize = 256;
const EXPONENT: usize = 8;

/// Whether a signature (PKCS#1 v1.5 over SHA-256) of a message was made with the private half of this key, which has the
/// form of `pubkey.bin`. A key of another form has signed nothing.
#[must_use]
pub(super) fn is_by(key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    if key.len() != MODULUS + EXPONENT {
        return false;
    }
    let number =
        |bytes: &[u8]| -> Vec<u8> { bytes.iter().rev().copied().skip_while(|byte| *byte == 0).collect() };
    let (n, e) = (number(&key[..MODULUS]), number(&key[MODULUS..]));
    RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_of_another_form_has_signed() {
        for key in [&[][..], &[0; 264], &[0xff; 264], &[1; 263], &[1; 265]] {
            assert!(!is_by(key, b"", &[0; 256]));
            assert!(!is_by(key, b"x", b""));
        }
    }
}
