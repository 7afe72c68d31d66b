//! The second factor: codes of six digits that a telephone computes (TOTP, RFC 6238: SHA-1, 30 s), and codes for those
//! that have lost it. Pure: time and random bytes come in.

use qrcode::{Color, EcLevel, QrCode};
use totp_rs::{Builder, Secret, Totp};

/// How many codes there are for those that have lost it.
pub(super) const RECOVERY: usize = 10;
/// Letters and digits that nobody takes for others.
const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

fn totp(secret: &str, account: &str) -> Option<Totp> {
    let secret = Secret::try_from_base32(secret).ok()?;
    // A `:` would end the name.
    let account = account.replace(':', " ");
    Builder::new().with_secret(secret).with_account_name(account).with_issuer(Some("piprov")).build().ok()
}

/// A secret's text: base32.
pub(super) fn secret(random: [u8; 20]) -> String {
    Secret::from(random).to_base32()
}

/// Whether a text is such a secret.
pub(super) fn is_secret(text: &str) -> bool {
    text.len() == 32 && totp(text, "x").is_some()
}

/// What a telephone reads from the picture.
pub(super) fn address(secret: &str, account: &str) -> Option<String> {
    totp(secret, account)?.to_url().ok()
}

/// The step, of 30 s since 1970, to which a code belongs; the one before and the one behind are taken too.
pub(super) fn step(secret: &str, code: &str, seconds: u64) -> Option<u64> {
    let code: String = code.chars().filter(|char| !char.is_whitespace()).collect();
    let plain = code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit());
    totp(secret, "x")?.check(&code, seconds).filter(|_| plain)
}

/// A picture that telephones read: its width in squares, and its dark squares as a path of SVG.
pub(super) fn picture(text: &str) -> Option<(usize, String)> {
    let code = QrCode::with_error_correction_level(text.as_bytes(), EcLevel::M).ok()?;
    let width = code.width();
    let mut path = String::new();
    for (at, color) in code.to_colors().into_iter().enumerate() {
        if color == Color::Dark {
            // Four squares of quiet around it, as ISO 18004 wants.
            path += &format!("M{} {}h1v1h-1z", at % width + 4, at / width + 4);
        }
    }
    Some((width + 8, path))
}

/// Codes of 16 characters, 80 bits each, out of as many random bytes.
pub(super) fn recovery(random: &[u8; RECOVERY * 16]) -> Vec<String> {
    let code = |bytes: &[u8]| {
        let letters: Vec<_> = bytes.iter().map(|byte| char::from(LETTERS[usize::from(byte & 31)])).collect();
        let groups: Vec<String> = letters.chunks(4).map(|group| group.iter().collect()).collect();
        groups.join("-")
    };
    random.chunks(16).map(code).collect()
}

/// Such a code without what people put between its letters; `None` where it can't be one.
pub(super) fn plain(code: &str) -> Option<String> {
    if code.len() > 64 {
        return None;
    }
    let code: String = code.chars().filter(char::is_ascii_alphanumeric).collect();
    (code.len() == 16).then(|| code.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_rfc_6238() {
        // Appendix B, of whose eight digits six count here.
        let secret = secret(*b"12345678901234567890");
        for (seconds, code) in [(59, "287082"), (1_111_111_109, "081804"), (20_000_000_000, "353130")] {
            assert_eq!(step(&secret, code, seconds), Some(seconds / 30));
            assert_eq!(
                step(&secret, &format!("{} {}", &code[..3], &code[3..]), seconds + 30),
                Some(seconds / 30)
            );
            assert_eq!(step(&secret, code, seconds + 90), None);
        }
        for wrong in ["", "28708", "2870820", "abcdef", "28708٢", "-87082"] {
            assert_eq!(step(&secret, wrong, 59), None, "{wrong}");
        }
        assert!(
            is_secret(&secret) && !is_secret("") && !is_secret(&secret[..31]) && !is_secret(&"1".repeat(32))
        );
    }

    #[test]
    fn the_picture_says_who_and_where() {
        let secret = secret([7; 20]);
        let address = address(&secret, "ada: <b>").unwrap();
        assert!(address.starts_with("otpauth://totp/piprov:ada"), "{address}");
        assert!(
            address.contains(&format!("secret={secret}")) && address.contains("issuer=piprov"),
            "{address}"
        );
        let (width, path) = picture(&address).unwrap();
        assert!((29..100).contains(&width), "{width}");
        assert!(
            path.starts_with("M4 4h1v1h-1z") && path.bytes().all(|byte| b"Mhvz- 0123456789".contains(&byte))
        );
        assert_eq!(picture(&"x".repeat(5000)), None);
    }

    #[test]
    fn codes_of_recovery_are_read_however_people_type_them() {
        let mut random = [0; RECOVERY * 16];
        random.iter_mut().zip(0u8..).for_each(|(byte, n)| *byte = n.wrapping_mul(7));
        let codes = recovery(&random);
        assert_eq!(codes.len(), RECOVERY);
        let code = &codes[3];
        assert_eq!(code.len(), 19);
        let typed = plain(&code.to_uppercase().replace('-', " ")).unwrap();
        assert_eq!(typed, code.replace('-', ""));
        assert!(codes.iter().all(|other| other == code || plain(other) != Some(typed.clone())));
        for wrong in ["", "123456", &code[..18], &"a".repeat(65)] {
            assert_eq!(plain(wrong), None, "{wrong}");
        }
    }
}
