//! Signatures of boards over what they tell of themselves, and of stations over manifests: Ed25519 (RFC 8032).

use ring::signature::{ED25519, UnparsedPublicKey};

use crate::format::unhex;

/// Whether the owner of a key has signed these bytes. Key and signature are hexadecimal digits of lower case.
#[must_use]
pub fn is_signed(key: &str, bytes: &[u8], signature: &str) -> bool {
    match (unhex::<32>(key), unhex::<64>(signature)) {
        (Some(key), Some(signature)) => {
            UnparsedPublicKey::new(&ED25519, key).verify(bytes, &signature).is_ok()
        }
        _ => false,
    }
}
