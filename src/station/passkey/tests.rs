use super::*;
use crate::format::unhex_bytes;

/// The vectors of Web Authentication Level 3, 16.1: a key of P-256 without an attestation.
const ORIGIN: &str = "https://example.org";
const MAKE: &str = "00c30fb78531c464d2b6771dab8d7b603c01162f2fa486bea70f283ae556e130";
const MADE: &str = r#"{"type":"webauthn.create","challenge":"AMMPt4UxxGTStncdq417YDwBFi8vpIa-pw8oOuVW4TA","origin":"https://example.org","crossOrigin":false,"extraData":"clientDataJSON may be extended with additional fields in the future, such as this: BkQeDjdcTBrXBiAwJTLE5Q"}"#;
const ATTESTATION: &str = "a363666d74646e6f6e656761747453746d74a068617574684461746158a4bfabc37432958b063360d3ad6461c9c4735ae7f8edd46592a5e0f01452b2e4b559000000008446ccb9ab1db374750b2367ff6f3a1f0020f91f391db4c9b2fde0ea70189cba3fb63f579ba6122b33ad94ff3ec330084be4a5010203262001215820afefa16f97ca9b2d23eb86ccb64098d20db90856062eb249c33a9b672f26df61225820930a56b87a2fca66334b03458abf879717c12cc68ed73290af2e2664796b9220";
const ID: &str = "f91f391db4c9b2fde0ea70189cba3fb63f579ba6122b33ad94ff3ec330084be4";
const SHOW: &str = "39c0e7521417ba54d43e8dc95174f423dee9bf3cd804ff6d65c857c9abf4d408";
const SHOWN: &str = r#"{"type":"webauthn.get","challenge":"OcDnUhQXulTUPo3JUXT0I97pvzzYBP9tZchXyav01Ag","origin":"https://example.org","crossOrigin":false}"#;
const DATA: &str = "bfabc37432958b063360d3ad6461c9c4735ae7f8edd46592a5e0f01452b2e4b51900000000";
const SIGNATURE: &str = "3046022100f50a4e2e4409249c4a853ba361282f09841df4dd4547a13a87780218deffcd380221008480ac0f0b93538174f575bf11a1dd5d78c6e486013f937295ea13653e331e87";

fn bytes(hex: &str) -> Vec<u8> {
    unhex_bytes(hex).unwrap()
}

fn place() -> Place {
    Place { name: "example.org".to_owned(), origin: ORIGIN.to_owned() }
}

fn make(json: &str, attestation: &[u8]) -> Result<Made, Wrong> {
    let (challenge, place) = (bytes(MAKE), place());
    made(json.as_bytes(), attestation, Asked { challenge: &challenge, place: &place, verified: false })
}

fn show(json: &str, data: &[u8], signature: &[u8], verified: bool) -> Result<Shown, Wrong> {
    let key = make(MADE, &bytes(ATTESTATION)).unwrap().key;
    let (challenge, place) = (bytes(SHOW), place());
    shown(json.as_bytes(), data, signature, &key, Asked { challenge: &challenge, place: &place, verified })
}

#[test]
fn the_standard_s_own_passkey_is_taken() {
    let made = make(MADE, &bytes(ATTESTATION)).unwrap();
    assert_eq!(made.id, bytes(ID));
    assert!(made.key.starts_with(&bytes("a5010203262001215820afef")) && made.key.len() == 77);
    assert!(made.counter == 0 && made.can_back_up && made.backed_up);
    let shown = show(SHOWN, &bytes(DATA), &bytes(SIGNATURE), false).unwrap();
    assert_eq!(shown, Shown { counter: 0, can_back_up: true, backed_up: true });
    // It hasn't asked for a PIN.
    assert_eq!(show(SHOWN, &bytes(DATA), &bytes(SIGNATURE), true), Err(Wrong::Unverified));
}

#[test]
fn what_the_browser_says_has_to_fit() {
    let attestation = bytes(ATTESTATION);
    for (from, to, wrong) in [
        ("webauthn.create", "webauthn.get", Wrong::Question),
        ("AMMPt4", "AMMPt5", Wrong::Question),
        ("https://example.org", "https://example.com", Wrong::Origin),
        ("https://example.org", "http://example.org", Wrong::Origin),
        ("https://example.org", "https://example.org:444", Wrong::Origin),
        ("https://example.org", "https://a.example.org", Wrong::Origin),
        ("\"crossOrigin\":false", "\"crossOrigin\":true", Wrong::Origin),
        ("\"type\"", "\"origin\":\"https://example.org\",\"type\"", Wrong::Unreadable),
        ("{", "", Wrong::Unreadable),
    ] {
        assert_eq!(make(&MADE.replace(from, to), &attestation), Err(wrong), "{to}");
    }
    let long = MADE.replace("in the future", &"x".repeat(LONGEST));
    assert_eq!(make(&long, &attestation), Err(Wrong::Unreadable));
    assert_eq!(make(SHOWN, &attestation), Err(Wrong::Question));
}

#[test]
fn a_bit_that_is_turned_over_anywhere_is_found() {
    let (data, signature) = (bytes(DATA), bytes(SIGNATURE));
    for at in 0..data.len() * 8 {
        let mut other = data.clone();
        other[at / 8] ^= 1 << (at % 8);
        assert!(show(SHOWN, &other, &signature, false).is_err(), "bit {at} of the data");
    }
    for at in 0..signature.len() * 8 {
        let mut other = signature.clone();
        other[at / 8] ^= 1 << (at % 8);
        assert_eq!(show(SHOWN, &data, &other, false), Err(Wrong::Signature), "bit {at} of the signature");
    }
    for end in 0..data.len() {
        assert_eq!(show(SHOWN, &data[..end], &signature, false), Err(Wrong::Unreadable));
    }
    assert!(show(SHOWN, &[&data[..], &[0]].concat(), &signature, false).is_err());
    let spaced = SHOWN.replace(",\"origin", ", \"origin");
    assert_eq!(show(&spaced, &data, &signature, false), Err(Wrong::Signature));
}

#[test]
fn an_attestation_that_is_cut_or_long_or_of_another_kind_of_key_is_refused() {
    let whole = bytes(ATTESTATION);
    for end in 0..whole.len() {
        assert!(make(MADE, &whole[..end]).is_err());
    }
    assert_eq!(make(MADE, &[&whole[..], &[0]].concat()), Err(Wrong::Unreadable));
    let other = |from: &str, to: &str| make(MADE, &bytes(&ATTESTATION.replacen(from, to, 1)));
    // ES384, and a curve that doesn't belong to the algorithm.
    assert!(other("a5010203262001", "a501020338222001").is_err());
    assert_eq!(other("2620012158", "2620022158"), Err(Wrong::Key));
    // Nobody was there; another site's; no key; backed up though it can't be.
    assert_eq!(other("b559", "b558"), Err(Wrong::Absent));
    assert_eq!(other("bfabc374", "bfabc375"), Err(Wrong::Name));
    assert_eq!(other("b559", "b519"), Err(Wrong::Unreadable));
    assert_eq!(other("b559", "b551"), Err(Wrong::Unreadable));
}

#[test]
fn keys_of_ed25519_and_rsa_are_known_and_short_ones_are_not() {
    use ring::signature::{Ed25519KeyPair, KeyPair};
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let key = [&bytes("a4010103272006215820")[..], pair.public_key().as_ref()].concat();
    let read = Key::read(&key).unwrap();
    let signature = pair.sign(b"a");
    assert!(read.has_signed(b"a", signature.as_ref()) && !read.has_signed(b"b", signature.as_ref()));
    let rsa = |len: u16| {
        let head = [&bytes("a401030339010020")[..], &[0x59], &len.to_be_bytes()].concat();
        [&head[..], &vec![0xc1; len.into()], &bytes("2143010001")].concat()
    };
    assert!(matches!(Key::read(&rsa(256)), Some(Key::Rsa { e: [1, 0, 1], .. })));
    assert!(Key::read(&rsa(255)).is_none() && Key::read(&rsa(1024)).is_none());
    assert!(!Key::read(&rsa(256)).unwrap().has_signed(b"a", &[1; 256]));
}

#[test]
fn questions_are_written_as_rfc_4648_has_it() {
    for (bytes, text) in [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg")] {
        assert_eq!(base64url(bytes.as_bytes()), text);
    }
    assert_eq!(base64url(&[0xfb, 0xff]), "-_8");
}
