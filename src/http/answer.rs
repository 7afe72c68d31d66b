//! What a server's answer says, read without sockets.

use ureq::http::HeaderMap;

use crate::format::MOST;
use crate::station_api::Problem;

/// Most bytes of a problem that are read.
pub(super) const PROBLEM: u64 = 64 << 10;
/// Most lines below a problem's message.
const MORE: usize = 20;

/// A header's value where it is there once and is text.
pub(super) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    if values.any(|other| other != value) {
        return None;
    }
    value.to_str().ok().map(str::trim)
}

/// A decimal number, without sign.
pub(super) fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// `Content-Range` (RFC 9110, section 14.4): first byte, last byte, length of the whole. The first two are missing in an
/// answer that says that there is no such range, the last where the server doesn't know it.
#[expect(clippy::type_complexity, reason = "two things that may be missing")]
pub(super) fn content_range(text: &str) -> Option<(Option<(u64, u64)>, Option<u64>)> {
    let (unit, rest) = text.split_once(' ')?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (range, whole) = rest.trim().split_once('/')?;
    let whole = if whole == "*" { None } else { Some(number(whole)?) };
    if range == "*" {
        return Some((None, whole));
    }
    let (first, last) = range.split_once('-')?;
    let (first, last) = (number(first)?, number(last)?);
    (first <= last && whole.is_none_or(|whole| last < whole)).then_some((Some((first, last)), whole))
}

/// What makes a version of a file known again: a strong ETag, else the time of its last change (RFC 9110, section 13.1.5:
/// a weak one doesn't do for ranges).
pub(super) fn validator(headers: &HeaderMap) -> Option<String> {
    let tag =
        header(headers, "etag").filter(|tag| tag.len() >= 2 && tag.starts_with('"') && tag.ends_with('"'));
    tag.or_else(|| header(headers, "last-modified")).filter(|text| text.len() <= 1000).map(str::to_owned)
}

/// Seconds until it makes sense to ask again. A date is not read: the clocks may differ.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<u32> {
    header(headers, "retry-after").and_then(number).map(|seconds| u32::try_from(seconds).unwrap_or(u32::MAX))
}

/// What a server says about saying no. Its texts are bounded.
pub(super) fn problem(body: &[u8]) -> Option<Box<Problem>> {
    let mut problem: Problem = serde_json::from_slice(body).ok()?;
    let cut = |text: &mut String| {
        if let Some((at, _)) = text.char_indices().nth(MOST) {
            text.truncate(at);
        }
    };
    cut(&mut problem.title);
    cut(&mut problem.detail);
    problem.more.truncate(MORE);
    problem.more.iter_mut().for_each(cut);
    // One that is longer helps nobody.
    problem.hint = problem.hint.filter(|hint| hint.plain().chars().count() <= MOST);
    Some(Box::new(problem))
}

/// Whether the body of an answer may be a problem.
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    header(headers, "content-type").is_some_and(|kind| {
        let kind = kind.split(';').next().unwrap_or_default().trim();
        kind.eq_ignore_ascii_case("application/problem+json") || kind.eq_ignore_ascii_case("application/json")
    })
}

/// An answer as it lies in memory, of a server that stopped listening while it was spoken to: its status and what may be
/// a problem. `None` where it is none, or says that all is well.
pub(super) fn last_words(bytes: &[u8]) -> Option<(u16, Option<Box<Problem>>)> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).ok()?;
    let mut lines = head.split("\r\n");
    let mut first = lines.next()?.split(' ');
    first.next().filter(|version| version.starts_with("HTTP/1."))?;
    let status = first.next().and_then(number).and_then(|status| u16::try_from(status).ok())?;
    if !(400..600).contains(&status) {
        return None;
    }
    let body = &bytes[end + 4..];
    let chunked = lines.any(|line| line.to_ascii_lowercase().starts_with("transfer-encoding:"));
    // A chunk's length stands on a line of its own. A problem fits into one.
    let body = if chunked {
        let start = body.windows(2).position(|window| window == b"\r\n").map_or(body.len(), |at| at + 2);
        let len = std::str::from_utf8(&body[..start])
            .ok()
            .and_then(|line| usize::from_str_radix(line.trim(), 16).ok());
        let rest = &body[start..];
        rest.get(..len.unwrap_or(0)).unwrap_or(rest)
    } else {
        body
    };
    Some((status, problem(body)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ureq::http::HeaderValue;

    use super::*;

    fn headers(all: &[(&'static str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in all {
            map.append(*name, HeaderValue::from_str(value).unwrap());
        }
        map
    }

    #[test]
    fn ranges_as_the_rfc_has_them() {
        assert_eq!(content_range("bytes 0-499/1234"), Some((Some((0, 499)), Some(1234))));
        assert_eq!(content_range("bytes 734-1233/*"), Some((Some((734, 1233)), None)));
        assert_eq!(content_range("bytes */1234"), Some((None, Some(1234))));
        for bad in [
            "",
            "bytes",
            "bytes 1-0/2",
            "bytes 0-2/2",
            "bytes -1/2",
            "items 0-1/2",
            "bytes 0-1",
            "bytes +0-1/2",
            "bytes 0-1/99999999999999999999",
        ] {
            assert_eq!(content_range(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_weak_tag_does_not_do() {
        assert_eq!(validator(&headers(&[("etag", "\"a\"")])).as_deref(), Some("\"a\""));
        assert_eq!(validator(&headers(&[("etag", "W/\"a\"")])), None);
        assert_eq!(validator(&headers(&[("etag", "W/\"a\""), ("last-modified", "x")])).as_deref(), Some("x"));
        assert_eq!(validator(&headers(&[("etag", "\"a\""), ("etag", "\"b\"")])), None);
    }

    #[test]
    fn a_header_that_contradicts_itself_is_not_there() {
        assert_eq!(
            header(&headers(&[("content-length", "1"), ("content-length", "2")]), "content-length"),
            None
        );
        assert_eq!(retry_after(&headers(&[("retry-after", "7")])), Some(7));
        assert_eq!(retry_after(&headers(&[("retry-after", "Fri, 31 Dec 1999 23:59:59 GMT")])), None);
        assert_eq!(retry_after(&headers(&[("retry-after", "99999999999")])), Some(u32::MAX));
    }

    const PROBLEM: &str =
        r#"{"type":"about:blank","title":"Conflict","status":409,"detail":"taken","kind":"busy"}"#;

    #[test]
    fn what_a_server_said_before_it_hung_up() {
        let plain = format!("HTTP/1.1 409 Conflict\r\ncontent-length: {}\r\n\r\n{PROBLEM}", PROBLEM.len());
        let (status, problem) = last_words(plain.as_bytes()).unwrap();
        assert_eq!((status, problem.unwrap().detail.as_str()), (409, "taken"));
        let chunked = format!(
            "HTTP/1.1 507 x\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{PROBLEM}\r\n0\r\n\r\n",
            PROBLEM.len()
        );
        assert_eq!(last_words(chunked.as_bytes()).unwrap().1.unwrap().detail, "taken");
        assert_eq!(last_words(b"HTTP/1.1 413 x\r\n\r\n").unwrap(), (413, None));
        for bad in [
            &b""[..],
            b"HTTP/1.1 413 x\r\n",
            b"HTTP/1.1 200 x\r\n\r\n",
            b"SSH-2.0\r\n\r\n",
            b"HTTP/1.1 +13 x\r\n\r\n",
        ] {
            assert!(last_words(bad).is_none());
        }
    }

    #[test]
    fn a_problem_is_bounded() {
        let long = PROBLEM.replace("taken", &"x".repeat(10_000));
        assert_eq!(problem(long.as_bytes()).unwrap().detail.len(), MOST);
        assert!(problem(b"<html>").is_none());
        assert!(is_json(&headers(&[("content-type", "application/problem+json; charset=utf-8")])));
        assert!(!is_json(&headers(&[("content-type", "text/html")])));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, text: String) {
            let _ = last_words(&bytes);
            let _ = last_words(&[b"HTTP/1.1 400 x\r\ntransfer-encoding: chunked\r\n\r\n", &bytes[..]].concat());
            let _ = content_range(&text);
            let _ = problem(&bytes);
        }
    }
}
