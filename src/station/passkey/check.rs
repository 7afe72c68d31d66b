//! Whether what a browser brings from an authenticator is right (Web Authentication Level 3, 7.1 and 7.2). Pure.
//!
//! Who made the authenticator is not asked, so an attestation counts for nothing: only what it says of the key is read.

use ring::digest::{SHA256, digest};
use ring::signature::{self, RsaPublicKeyComponents, UnparsedPublicKey};
use serde::Deserialize;

use super::cbor::{self, Item};
use super::place::Place;

/// The longest part of an answer; a large attestation has certificates.
pub(in crate::station) const LONGEST: usize = 16 << 10;
/// The longest name of a passkey (Web Authentication Level 3, 5.8.3).
const LONGEST_ID: usize = 1023;
/// The longest key: RSA with 4096 bits.
const LONGEST_KEY: usize = 700;

/// Bits of the flags (6.1).
const PRESENT: u8 = 1;
const VERIFIED: u8 = 1 << 2;
const CAN_BACK_UP: u8 = 1 << 3;
const BACKED_UP: u8 = 1 << 4;
const HAS_KEY: u8 = 1 << 6;
const HAS_MORE: u8 = 1 << 7;

/// What is wrong with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(in crate::station) enum Wrong {
    #[error("the browser's answer can't be read")]
    Unreadable,
    #[error("the browser has answered another question")]
    Question,
    #[error("the browser has answered for the page of another host")]
    Origin,
    #[error("the passkey belongs to another name of the station, or to another site")]
    Name,
    #[error("nobody has touched the passkey")]
    Absent,
    #[error("the passkey hasn't asked for its PIN, finger or face")]
    Unverified,
    #[error("the passkey's kind of key isn't known here")]
    Key,
    #[error("the passkey's signature is wrong")]
    Signature,
}

/// What is asked of an answer.
#[derive(Debug, Clone, Copy)]
pub(in crate::station) struct Asked<'a> {
    pub(in crate::station) challenge: &'a [u8],
    pub(in crate::station) place: &'a Place,
    /// Whether the passkey itself has to know its owner.
    pub(in crate::station) verified: bool,
}

/// A passkey that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::station) struct Made {
    /// What it calls itself.
    pub(in crate::station) id: Vec<u8>,
    /// Its public key, as COSE has it (RFC 9053).
    pub(in crate::station) key: Vec<u8>,
    pub(in crate::station) counter: u32,
    pub(in crate::station) can_back_up: bool,
    pub(in crate::station) backed_up: bool,
}

/// A passkey that was shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::station) struct Shown {
    /// How often it was used; always 0 where it doesn't count.
    pub(in crate::station) counter: u32,
    pub(in crate::station) can_back_up: bool,
    pub(in crate::station) backed_up: bool,
}

/// What the browser itself says (5.8.1).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Client {
    #[serde(rename = "type")]
    kind: String,
    challenge: String,
    origin: String,
    #[serde(default)]
    cross_origin: bool,
}

/// base64url without padding (RFC 4648, 5).
fn base64url(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let bits =
            group.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for digit in 0..=group.len() {
            text.push(char::from(DIGITS[(bits >> (18 - 6 * digit)) as usize & 63]));
        }
    }
    text
}

fn client(json: &[u8], kind: &str, asked: Asked<'_>) -> Result<(), Wrong> {
    let long = json.len() > LONGEST;
    let client: Client = serde_json::from_slice(json).ok().filter(|_| !long).ok_or(Wrong::Unreadable)?;
    if client.kind != kind || client.challenge != base64url(asked.challenge) {
        return Err(Wrong::Question);
    }
    // Pages within others' pages are never ours.
    if client.cross_origin || client.origin != asked.place.origin {
        return Err(Wrong::Origin);
    }
    Ok(())
}

/// What an authenticator says (6.1), with what stands behind the counter.
fn data<'a>(bytes: &'a [u8], asked: Asked<'_>) -> Result<(u8, Shown, &'a [u8]), Wrong> {
    let (name, rest) = bytes.split_at_checked(32).ok_or(Wrong::Unreadable)?;
    let [flags, a, b, c, d, rest @ ..] = rest else { return Err(Wrong::Unreadable) };
    if name != digest(&SHA256, asked.place.name.as_bytes()).as_ref() {
        return Err(Wrong::Name);
    }
    let is = |bit: u8| flags & bit != 0;
    if !is(PRESENT) {
        return Err(Wrong::Absent);
    }
    if asked.verified && !is(VERIFIED) {
        return Err(Wrong::Unverified);
    }
    if is(BACKED_UP) && !is(CAN_BACK_UP) {
        return Err(Wrong::Unreadable);
    }
    let counter = u32::from_be_bytes([*a, *b, *c, *d]);
    Ok((*flags, Shown { counter, can_back_up: is(CAN_BACK_UP), backed_up: is(BACKED_UP) }, rest))
}

/// Nothing may stand behind it but a map of extensions, where the flags say so.
fn ends(flags: u8, rest: &[u8]) -> Result<(), Wrong> {
    let good = match flags & HAS_MORE {
        0 => rest.is_empty(),
        _ => matches!(cbor::whole(rest), Some(Item::Map(_))),
    };
    if good { Ok(()) } else { Err(Wrong::Unreadable) }
}

/// A new passkey (7.1).
///
/// # Errors
/// What is wrong with it.
pub(in crate::station) fn made(json: &[u8], attestation: &[u8], asked: Asked<'_>) -> Result<Made, Wrong> {
    client(json, "webauthn.create", asked)?;
    if attestation.len() > LONGEST {
        return Err(Wrong::Unreadable);
    }
    let object = cbor::whole(attestation).ok_or(Wrong::Unreadable)?;
    let bytes = object.named("authData").and_then(Item::bytes).ok_or(Wrong::Unreadable)?;
    let (flags, shown, rest) = data(bytes, asked)?;
    if flags & HAS_KEY == 0 {
        return Err(Wrong::Unreadable);
    }
    // The model stands first.
    let (len, rest) = rest.get(16..).and_then(|rest| rest.split_first_chunk()).ok_or(Wrong::Unreadable)?;
    let len = usize::from(u16::from_be_bytes(*len));
    let (id, rest) = rest.split_at_checked(len).ok_or(Wrong::Unreadable)?;
    if id.is_empty() || len > LONGEST_ID {
        return Err(Wrong::Unreadable);
    }
    let (_, behind) = cbor::first(rest).ok_or(Wrong::Unreadable)?;
    let key = &rest[..rest.len() - behind.len()];
    ends(flags, behind)?;
    Key::read(key).ok_or(Wrong::Key)?;
    let Shown { counter, can_back_up, backed_up } = shown;
    Ok(Made { id: id.to_vec(), key: key.to_vec(), counter, can_back_up, backed_up })
}

/// A passkey that is shown (7.2). Whether its counter goes on is for those to say that know the one before.
///
/// # Errors
/// What is wrong with it.
pub(in crate::station) fn shown(
    json: &[u8],
    bytes: &[u8],
    signature: &[u8],
    key: &[u8],
    asked: Asked<'_>,
) -> Result<Shown, Wrong> {
    client(json, "webauthn.get", asked)?;
    let (flags, shown, rest) = data(bytes, asked)?;
    if flags & HAS_KEY != 0 || bytes.len() > LONGEST {
        return Err(Wrong::Unreadable);
    }
    ends(flags, rest)?;
    let signed = [bytes, digest(&SHA256, json).as_ref()].concat();
    let good = Key::read(key).ok_or(Wrong::Key)?.has_signed(&signed, signature);
    if good { Ok(shown) } else { Err(Wrong::Signature) }
}

/// A public key (RFC 9053, 7; RFC 8230).
enum Key<'a> {
    /// ES256: ECDSA with P-256 and SHA-256.
    P256([u8; 65]),
    /// `EdDSA` with Ed25519.
    Ed25519(&'a [u8]),
    /// RS256: RSA of PKCS #1 1.5 with SHA-256.
    Rsa { n: &'a [u8], e: &'a [u8] },
}

impl<'a> Key<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let key = cbor::whole(bytes).filter(|_| bytes.len() <= LONGEST_KEY)?;
        let number = |at| key.at(at).and_then(Item::number);
        let part = |at| key.at(at).and_then(Item::bytes);
        match (number(1)?, number(3)?) {
            (2, -7) if number(-1)? == 1 => {
                let mut point = [4; 65];
                point[1..33].copy_from_slice(part(-2).filter(|x| x.len() == 32)?);
                point[33..].copy_from_slice(part(-3).filter(|y| y.len() == 32)?);
                Some(Self::P256(point))
            }
            (1, -8) if number(-1)? == 6 => Some(Self::Ed25519(part(-2).filter(|x| x.len() == 32)?)),
            // From 2048 bits on.
            (3, -257) => Some(Self::Rsa { n: part(-1).filter(|n| n.len() >= 256)?, e: part(-2)? }),
            _ => None,
        }
    }

    fn has_signed(&self, bytes: &[u8], signature: &[u8]) -> bool {
        let checked = match self {
            Self::P256(point) => {
                UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_ASN1, point).verify(bytes, signature)
            }
            Self::Ed25519(key) => UnparsedPublicKey::new(&signature::ED25519, key).verify(bytes, signature),
            Self::Rsa { n, e } => {
                let key = RsaPublicKeyComponents { n, e };
                key.verify(&signature::RSA_PKCS1_2048_8192_SHA256, bytes, signature)
            }
        };
        checked.is_ok()
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
