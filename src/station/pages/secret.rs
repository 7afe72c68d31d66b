//! The cookie of a session, and the proof that a form comes from one of our pages. Pure: random bytes come in.

use axum::http::{HeaderMap, HeaderValue, header};

use crate::format::{hex, unhex_bytes};

/// The cookie's name over HTTPS: browsers take it for this host and all paths only, and never send it in the clear.
const SECURE: &str = "__Host-piprov";
/// Its name without HTTPS.
const PLAIN: &str = "piprov";
/// What proofs are made for.
const CONTEXT: &str = "piprov 2026-11-28 forms of pages";

/// The secret of a session that a browser shows. A second cookie of that name counts for nothing: another host of the
/// same domain may have set it.
pub(super) fn shown(headers: &HeaderMap, secure: bool) -> Option<String> {
    let name = if secure { SECURE } else { PLAIN };
    let texts = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut found = texts.flat_map(|text| text.split(';')).filter_map(|pair| {
        let (key, value) = pair.trim().split_once('=')?;
        (key == name).then_some(value)
    });
    let secret = found.next()?;
    let plain =
        secret.len() <= 200 && secret.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    (found.next().is_none() && plain && !secret.is_empty()).then(|| secret.to_owned())
}

/// Gives a browser its secret for so many seconds; 0 takes it away.
pub(super) fn give(secret: &str, seconds: u64, secure: bool) -> Option<HeaderValue> {
    let (name, only) = if secure { (SECURE, "; Secure") } else { (PLAIN, "") };
    let text = format!("{name}={secret}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{only}");
    HeaderValue::from_str(&text).ok()
}

/// The proof that stands in each form of a session: another one on each page, so that compression tells nothing of it.
pub(super) fn proof(secret: &str, random: [u8; 16]) -> String {
    let key = blake3::derive_key(CONTEXT, secret.as_bytes());
    format!("{}{}", hex(&random), blake3::keyed_hash(&key, &random).to_hex())
}

/// Whether a proof is one of this session's.
pub(super) fn is_proof(secret: &str, shown: &str) -> bool {
    // One form only: the same proof is the same text.
    if shown.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return false;
    }
    let Some((random, hash)) = shown.split_at_checked(32) else { return false };
    let (Some(random), Ok(hash)) = (unhex_bytes(random), blake3::Hash::from_hex(hash)) else { return false };
    let key = blake3::derive_key(CONTEXT, secret.as_bytes());
    // The comparison takes the same time whatever differs.
    blake3::keyed_hash(&key, &random) == hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_is_good_for_its_session_alone_and_another_one_each_time() {
        let (one, other) = (proof("piprov_a", [1; 16]), proof("piprov_a", [2; 16]));
        assert_ne!(one, other);
        assert!(is_proof("piprov_a", &one) && is_proof("piprov_a", &other));
        assert!(!is_proof("piprov_b", &one));
        let mut forged = one.clone();
        forged.replace_range(0..1, if one.starts_with('0') { "1" } else { "0" });
        for wrong in ["", "00", &one[..95], &forged, &"é".repeat(48)] {
            assert!(!is_proof("piprov_a", wrong), "{wrong}");
        }
    }

    #[test]
    fn a_cookie_is_taken_once_and_by_its_right_name() {
        let cookie = |texts: &[&str], secure| {
            let mut headers = HeaderMap::new();
            for text in texts {
                headers.append(header::COOKIE, text.parse().unwrap());
            }
            shown(&headers, secure)
        };
        assert_eq!(cookie(&["piprov=piprov_ab"], false).as_deref(), Some("piprov_ab"));
        assert_eq!(cookie(&["a=b; piprov=piprov_ab; c"], false).as_deref(), Some("piprov_ab"));
        assert_eq!(cookie(&["piprov=piprov_ab"], true), None);
        assert_eq!(cookie(&["__Host-piprov=piprov_ab"], true).as_deref(), Some("piprov_ab"));
        for wrong in ["piprov=", "piprov=a-b", "xpiprov=ab", "piprov=a; piprov=b"] {
            assert_eq!(cookie(&[wrong], false), None, "{wrong}");
        }
        assert_eq!(cookie(&["piprov=a", "piprov=b"], false), None);
        let given = give("piprov_ab", 60, true).unwrap();
        let text = given.to_str().unwrap();
        assert!(
            text.starts_with(
                "__Host-piprov=piprov_ab; Path=/; HttpOnly; SameSite=Strict; Max-Age=60; Secure"
            )
        );
    }
}
