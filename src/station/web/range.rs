//! A part of something (RFC 9110, section 14): one range.

use std::ops::Range;

use axum::http::{HeaderMap, HeaderName, header};

/// What of it is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::station) enum Wanted {
    /// The client has it already.
    Nothing,
    /// All.
    Whole,
    /// These bytes; not empty, and not all.
    Part(Range<u64>),
    /// Bytes that there aren't.
    Beyond,
}

/// What a call wants of something so long, which has this name in quotes. Several ranges, and what isn't understood, are
/// all of it, as the RFC has it.
pub(in crate::station) fn wanted(headers: &HeaderMap, len: u64, etag: &str) -> Wanted {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let names =
        |value: &str| value == "*" || value.split(',').any(|one| one.trim().trim_start_matches("W/") == etag);
    if text(header::IF_NONE_MATCH).is_some_and(names) {
        return Wanted::Nothing;
    }
    // Of another version a part is no use.
    if text(header::IF_RANGE).is_some_and(|value| value != etag) {
        return Wanted::Whole;
    }
    let Some(range) = text(header::RANGE).and_then(|value| value.strip_prefix("bytes=")) else {
        return Wanted::Whole;
    };
    let number = |text: &str| -> Option<u64> {
        text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().unwrap_or(u64::MAX))
    };
    let Some((first, last)) = range.split_once('-').map(|(first, last)| (first.trim(), last.trim())) else {
        return Wanted::Whole;
    };
    let part = match (first, last) {
        ("", "") => return Wanted::Whole,
        ("", last) => match number(last) {
            Some(0) => return Wanted::Beyond,
            Some(count) => len.saturating_sub(count)..len,
            None => return Wanted::Whole,
        },
        (first, last) => {
            let last = if last.is_empty() { Some(u64::MAX) } else { number(last) };
            let (Some(first), Some(last)) = (number(first), last) else { return Wanted::Whole };
            if last < first {
                return Wanted::Whole;
            }
            first..last.saturating_add(1).min(len)
        }
    };
    if part.start >= len {
        Wanted::Beyond
    } else if part == (0..len) {
        Wanted::Whole
    } else {
        Wanted::Part(part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(range: &str) -> Wanted {
        let mut headers = HeaderMap::new();
        headers.insert(header::RANGE, range.parse().unwrap());
        wanted(&headers, 1000, "\"x\"")
    }

    #[test]
    fn one_range_is_a_part_and_what_is_no_range_is_all() {
        for (range, expected) in [
            ("bytes=0-0", Wanted::Part(0..1)),
            ("bytes=10-", Wanted::Part(10..1000)),
            ("bytes=-10", Wanted::Part(990..1000)),
            ("bytes=-2000", Wanted::Whole),
            ("bytes=0-", Wanted::Whole),
            ("bytes=5-99999999999999999999999999", Wanted::Part(5..1000)),
            ("bytes=1000-", Wanted::Beyond),
            ("bytes=99999999999999999999999999-", Wanted::Beyond),
            ("bytes=-0", Wanted::Beyond),
            ("bytes=5-2", Wanted::Whole),
            ("bytes=0-1,5-6", Wanted::Whole),
            ("bytes=a-b", Wanted::Whole),
            ("bytes=--", Wanted::Whole),
            ("bytes=+1-2", Wanted::Whole),
            ("lines=1-2", Wanted::Whole),
            ("", Wanted::Whole),
        ] {
            assert_eq!(of(range), expected, "{range}");
        }
    }

    #[test]
    fn a_part_of_another_version_is_never_given() {
        let mut headers = HeaderMap::new();
        headers.insert(header::RANGE, "bytes=5-".parse().unwrap());
        headers.insert(header::IF_RANGE, "\"x\"".parse().unwrap());
        assert_eq!(wanted(&headers, 10, "\"x\""), Wanted::Part(5..10));
        assert_eq!(wanted(&headers, 10, "\"y\""), Wanted::Whole);
        headers.insert(header::IF_NONE_MATCH, "\"a\", W/\"y\"".parse().unwrap());
        assert_eq!(wanted(&headers, 10, "\"y\""), Wanted::Nothing);
    }

    proptest::proptest! {
        #[test]
        fn no_range_leads_beyond_the_end(text in "bytes=[0-9 ,-]{0,30}", len in 0u64..100) {
            let mut headers = HeaderMap::new();
            headers.insert(header::RANGE, text.parse().unwrap());
            if let Wanted::Part(part) = wanted(&headers, len, "\"x\"") {
                proptest::prop_assert!(part.start < part.end && part.end <= len);
            }
        }
    }
}
