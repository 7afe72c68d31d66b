//! Words of others in ours. Pure.

use std::collections::BTreeSet;

use crate::format::is_hidden;
use crate::station_api::{Time, check_name};

/// A text without what hides, and so long at most.
pub(super) fn shown(text: &str, most: usize) -> String {
    text.chars().filter(|char| !is_hidden(*char)).take(most).collect::<String>().trim().to_owned()
}

/// The last lines of a text, each so long at most.
pub(super) fn lines(text: &str, most: usize) -> Vec<String> {
    let all: Vec<String> =
        text.lines().map(|line| shown(line, 500)).filter(|line| !line.is_empty()).collect();
    all[all.len().saturating_sub(most)..].to_vec()
}

/// A name that things of a station may have: what can't stand there is a hyphen. Where two would have one, the second has a
/// number behind it.
pub(super) fn name(text: &str, taken: &mut BTreeSet<String>) -> String {
    let fit = |char: char| if char.is_ascii_alphanumeric() || "._- ".contains(char) { char } else { '-' };
    let plain: String = text.trim().chars().map(fit).take(56).collect();
    let plain = plain.trim_matches(|char: char| !char.is_ascii_alphanumeric());
    let plain = if check_name(plain).is_ok() { plain } else { "unnamed" };
    let mut name = plain.to_owned();
    let mut number = 2;
    while !taken.insert(name.to_lowercase()) {
        name = format!("{plain}-{number}");
        number += 1;
    }
    name
}

/// A file's name, if it is one name and no path.
pub(super) fn file(text: &str) -> Option<String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-+ ".contains(&byte);
    let good =
        !text.is_empty() && text.len() <= 200 && !text.starts_with(['.', '-']) && text.bytes().all(plain);
    good.then(|| text.to_owned())
}

/// A time as databases have it: `2023-01-11 17:40:52`, in UTC, or seconds or milliseconds since 1970.
pub(super) fn time(text: &str) -> Option<Time> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        let number: i64 = text.parse().ok()?;
        return Some(if number < 100_000_000_000 { number.checked_mul(1000)? } else { number });
    }
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Some(time.as_millisecond());
    }
    let time: jiff::civil::DateTime = text.parse().ok()?;
    Some(time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond())
}

/// A register of 16 bytes of an eMMC or SD card.
pub(super) fn register(text: &str) -> Option<String> {
    let text = text.trim().to_ascii_lowercase();
    (text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(text)
}

/// Whether a text had bytes that are no text: they were replaced where it was read.
pub(super) fn is_binary(text: &str) -> bool {
    text.contains('\u{fffd}')
}

/// A text of another one between backquotes.
pub(super) fn quoted(text: &str) -> String {
    let text = shown(text, 60);
    if text.is_empty() { "nothing".to_owned() } else { format!("`{text}`") }
}

/// A row of 0 and 1.
pub(super) fn truth(text: Option<&String>) -> bool {
    text.is_some_and(|text| matches!(text.trim(), "1" | "true" | "t"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_of_databases_are_read() {
        assert_eq!(time("2023-01-11 17:40:52"), Some(1_673_458_852_000));
        assert_eq!(time("2023-01-11T17:40:52Z"), Some(1_673_458_852_000));
        assert_eq!(time("1673458852"), Some(1_673_458_852_000));
        assert_eq!(time("1673458852123"), Some(1_673_458_852_123));
        for none in ["", "yesterday", "99999999999999999999", "2023-13-01 00:00:00"] {
            assert_eq!(time(none), None, "{none}");
        }
    }

    proptest! {
        #[test]
        fn a_name_is_one_and_no_two_are_the_same(all in proptest::collection::vec("\\PC{0,80}", 1..8)) {
            let mut taken = BTreeSet::new();
            let names: Vec<_> = all.iter().map(|text| name(text, &mut taken)).collect();
            for name in &names {
                prop_assert_eq!(check_name(name), Ok(()), "{}", name);
            }
            let different: BTreeSet<_> = names.iter().map(|name| name.to_lowercase()).collect();
            prop_assert_eq!(different.len(), names.len());
        }

        #[test]
        fn a_file_is_one_name(text in "\\PC{0,30}") {
            if let Some(file) = file(&text) {
                prop_assert!(!file.contains('/') && file != ".." && !file.starts_with('-'));
            }
        }
    }
}
