//! What an FTP server says (RFC 959, 4.2), and where it waits for a file (RFC 2428). Pure.

/// An answer of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reply {
    /// Its three digits.
    pub(super) code: u16,
    /// Its last line, behind the digits.
    pub(super) text: String,
}

impl Reply {
    /// Whether it says that what was asked for wasn't done.
    pub(super) const fn is_refusal(&self) -> bool {
        self.code / 100 == 4 || self.code / 100 == 5
    }
}

/// A line is so long at most, in bytes.
pub(super) const LONGEST_LINE: usize = 1024;
/// An answer has so many lines at most.
pub(super) const MOST_LINES: usize = 64;

/// What one line of an answer means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Line {
    /// It ends the answer.
    Last(Reply),
    /// More comes.
    More,
    /// No server says this.
    Odd,
}

/// Reads a line, without its end. `first`: the digits of the answer's first line, where this is a later one.
pub(super) fn line(bytes: &[u8], first: Option<u16>) -> Line {
    let text = String::from_utf8_lossy(bytes);
    let digits = text.get(..3).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    let code = digits.and_then(|digits| digits.parse::<u16>().ok());
    let rest = text.get(3..).unwrap_or_default();
    match (code, first) {
        (Some(code), None) if rest.starts_with('-') && (100..600).contains(&code) => Line::More,
        (Some(code), first) if first.is_none_or(|first| first == code) && !rest.starts_with('-') => {
            if !(100..600).contains(&code) || !(rest.is_empty() || rest.starts_with(' ')) {
                return if first.is_some() { Line::More } else { Line::Odd };
            }
            Line::Last(Reply { code, text: rest.trim().chars().take(200).collect() })
        }
        (_, Some(_)) => Line::More,
        (_, None) => Line::Odd,
    }
}

/// The digits of an answer's first line.
pub(super) fn code(bytes: &[u8]) -> Option<u16> {
    let digits = bytes.get(..3)?;
    let digits = digits.iter().all(u8::is_ascii_digit).then_some(digits)?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// The port of an answer to EPSV: `(|||6446|)`.
pub(super) fn epsv(text: &str) -> Option<u16> {
    let inner = text.split_once('(')?.1.split_once(')')?.0;
    let mark = inner.chars().next()?;
    let mut parts = inner.split(mark);
    let port = parts.nth(3)?;
    port.parse().ok().filter(|port| *port != 0)
}

/// The port of an answer to PASV: `(10,0,0,9,25,46)`. The address in it isn't looked at: a file goes to the host that was
/// asked, and to no other that it names.
pub(super) fn pasv(text: &str) -> Option<u16> {
    let from = text.find(|char: char| char.is_ascii_digit())?;
    let numbers = text.get(from..)?.split(|char: char| !char.is_ascii_digit() && char != ',').next()?;
    let numbers: Vec<u8> = numbers.split(',').map(|number| number.parse().ok()).collect::<Option<_>>()?;
    let [_, _, _, _, high, low] = numbers[..] else { return None };
    Some(u16::from_be_bytes([high, low])).filter(|port| *port != 0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn last(code: u16, text: &str) -> Line {
        Line::Last(Reply { code, text: text.to_owned() })
    }

    #[test]
    fn answers_of_one_line_and_of_several_are_read() {
        assert_eq!(line(b"220 ready", None), last(220, "ready"));
        assert_eq!(line(b"226", None), last(226, ""));
        assert_eq!(line(b"220-hello", None), Line::More);
        assert_eq!(line(b"  more", Some(220)), Line::More);
        assert_eq!(line(b"230 another number", Some(220)), Line::More);
        assert_eq!(line(b"220 end", Some(220)), last(220, "end"));
        for odd in [&b""[..], b"22", b"hello", b"HTTP/1.1 400", b"999 x", b"220x", b"\xff\xff\xff"] {
            assert_eq!(line(odd, None), Line::Odd, "{odd:?}");
        }
        assert_eq!((code(b"220-x"), code(b"2"), code(b"2x0")), (Some(220), None, None));
    }

    #[test]
    fn the_port_is_that_of_the_answer() {
        assert_eq!(epsv("Entering Extended Passive Mode (|||6446|)"), Some(6446));
        assert_eq!(pasv("Entering Passive Mode (10,0,0,9,25,46)."), Some(25 * 256 + 46));
        assert_eq!(pasv("127,0,0,1,0,80"), Some(80));
        for bad in
            ["", "(|||0|)", "(|||70000|)", "(||6446|)", "(1,2,3,4,5)", "(1,2,3,4,5,256)", "(0,0,0,0,0,0)"]
        {
            assert!(epsv(bad).is_none() && pasv(bad).is_none(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..40), text in ".{0,40}") {
            let _ = (line(&bytes, None), line(&bytes, Some(220)), code(&bytes), epsv(&text), pasv(&text));
        }
    }
}
