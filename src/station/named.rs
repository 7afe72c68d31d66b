//! What may name a board in a text, as people type it or a scanner reads it from a label. Pure.

use crate::board::{Mac, Serial};

/// Parts of a text that are looked at.
const MOST: usize = 16;

/// What may name a board in a text: all of it, then each part that is a serial number or an address in any way that
/// people print them.
pub(super) fn names_in(text: &str) -> Vec<String> {
    let text = text.trim();
    let mut all = Vec::new();
    let mut put = |name: String| {
        if !name.is_empty() && name.len() <= 256 && !all.contains(&name) {
            all.push(name);
        }
    };
    put(text.to_owned());
    let parts =
        text.split(|char: char| !(char.is_ascii_alphanumeric() || matches!(char, ':' | '-' | '_' | '.')));
    for part in parts.take(MOST) {
        let part = part.trim_matches([':', '-', '.', '_']);
        // `SN:…` and `MAC-…`: what stands before the first separator is no hexadecimal number.
        let rest =
            part.split_once([':', '-', '_']).filter(|(head, _)| !is_hex(head)).map_or(part, |(_, rest)| rest);
        for part in [part, rest] {
            let bare: String = part.chars().filter(char::is_ascii_hexdigit).collect();
            let only = part.chars().all(|char| char.is_ascii_hexdigit() || matches!(char, ':' | '-' | '.'));
            if only && bare.len() == 12 {
                let pairs: Vec<_> = bare.as_bytes().chunks(2).map(String::from_utf8_lossy).collect();
                if let Ok(mac) = pairs.join(":").parse::<Mac>() {
                    put(mac.to_string());
                }
            }
            if matches!(part.len(), 8 | 16) && part.parse::<Serial>().is_ok() {
                put(part.to_ascii_lowercase());
            }
            if is_duid(part) {
                put(part.to_owned());
            }
        }
    }
    all
}

/// Whether a text may be the number that a board's maker has burnt in and printed: longer than a serial number.
pub(super) fn is_duid(text: &str) -> bool {
    (17..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn is_hex(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_scanner_reads_names_a_board() {
        for (text, found) in [
            (" gateway-00398 ", &["gateway-00398"][..]),
            ("DCA632010203", &["DCA632010203", "dc:a6:32:01:02:03"]),
            ("DC-A6-32-01-02-03", &["DC-A6-32-01-02-03", "dc:a6:32:01:02:03"]),
            ("S/N: 10000000AF04B2DA", &["S/N: 10000000AF04B2DA", "10000000af04b2da"]),
            ("SN:10000000af04b2da", &["SN:10000000af04b2da", "10000000af04b2da"]),
            (
                "https://x.example/?sn=af04b2da&mac=dca632010203",
                &["https://x.example/?sn=af04b2da&mac=dca632010203", "af04b2da", "dc:a6:32:01:02:03"],
            ),
            ("DUID 0000123456789ABCDEFGHIJ", &["DUID 0000123456789ABCDEFGHIJ", "0000123456789ABCDEFGHIJ"]),
            ("", &[]),
        ] {
            assert_eq!(names_in(text), found, "{text}");
        }
    }

    #[test]
    fn a_long_text_is_no_long_work() {
        assert!(names_in(&"12345678 ".repeat(100_000)).len() <= 2 * MOST + 1);
        assert!(names_in(&format!("{} ", "1".repeat(40)).repeat(1000)).len() <= 4 * MOST + 1);
    }
}
