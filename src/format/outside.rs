//! Texts from outside (packets, file names, cells of a table, what a board tells of itself) as they may be written
//! to a terminal, a log or a file that people read. One rule for all of them: [`is_hidden`].

use std::borrow::Cow;
use std::fmt::{self, Write};

/// Most characters of a message. Longer texts would flood the terminal.
pub const MOST: usize = 2000;

/// Whether a terminal obeys this character instead of showing it, or shows nothing where something stands: controls
/// (C0, DEL, C1), line and paragraph separators, what turns the direction of writing, what has no width, and the tag
/// characters. An emoji's or a script's joiners are among them: a name that needs them is still told from others.
#[must_use]
pub fn is_hidden(char: char) -> bool {
    char.is_control()
        || matches!(
            char,
            '\u{ad}'
                | '\u{34f}'
                | '\u{61c}'
                | '\u{115f}'..='\u{1160}'
                | '\u{17b4}'..='\u{17b5}'
                | '\u{180b}'..='\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{3164}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff0}'..='\u{fffb}'
                | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

/// Writes a text with [hidden](is_hidden) characters as `\x1b` (below 0x80) or `\u{202e}`. A newline is one of them:
/// what is written is always part of one line. A backslash stays; [`printable`] can be read back, this can't.
///
/// # Errors
/// Those of `out`.
pub fn write_shown(out: &mut impl Write, text: &str) -> fmt::Result {
    let mut rest = text;
    while let Some(at) = rest.find(is_hidden) {
        out.write_str(&rest[..at])?;
        let mut chars = rest[at..].chars();
        if let Some(char) = chars.next() {
            escape(out, char)?;
        }
        rest = chars.as_str();
    }
    out.write_str(rest)
}

/// The text as [`write_shown`] writes it.
#[must_use]
pub fn shown(text: &str) -> Cow<'_, str> {
    if !text.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    // Writing to a String can't fail.
    let _ = write_shown(&mut out, text);
    Cow::Owned(out)
}

/// The text as [`shown`], and not longer than [`MOST`] characters of it.
#[must_use]
pub fn message(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(MOST) {
        Some((end, _)) => Cow::Owned(shown(&text[..end]).into_owned() + "…"),
        None => shown(text),
    }
}

/// The first characters of a text, at most so many; where it is longer, the last whole word of them and `…`. It is as hostile
/// as it was.
#[must_use]
pub fn brief(text: &str, most: usize) -> String {
    let Some((end, _)) = text.char_indices().nth(most) else { return text.to_owned() };
    let start = &text[..end];
    // A word without blanks has to be cut.
    let words =
        start.rsplit_once(' ').map_or(start, |(words, _)| words).trim_end_matches([' ', ',', ';', ':']);
    format!("{}…", if words.is_empty() { start } else { words })
}

/// A text from outside as it may be printed, without a loss: what isn't UTF-8 and the backslash itself become
/// `\x..`, [hidden](is_hidden) characters become `\x..` or `\u{....}`.
#[must_use]
pub fn printable(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for char in chunk.valid().chars() {
            if char == '\\' || is_hidden(char) {
                // Writing to a String can't fail.
                let _ = escape(&mut out, char);
            } else {
                out.push(char);
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out
}

fn escape(out: &mut impl Write, char: char) -> fmt::Result {
    match u32::from(char) {
        code @ ..0x80 => write!(out, "\\x{code:02x}"),
        code => write!(out, "\\u{{{code:x}}}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_brief_text_ends_with_a_whole_word() {
        assert_eq!(brief("its chain of clusters", 21), "its chain of clusters");
        assert_eq!(brief("its chain of clusters", 20), "its chain of…");
        assert_eq!(brief("one, two", 6), "one…");
        assert_eq!(brief("unbroken", 3), "unb…");
        assert_eq!(brief(" éé", 2), " é…");
        assert_eq!((brief("", 0), brief("a", 0)), (String::new(), "…".to_owned()));
    }

    #[test]
    fn no_text_can_spoil_a_log() {
        assert_eq!(printable(b"52:54:00:12:34:56/part 1"), "52:54:00:12:34:56/part 1");
        assert_eq!(printable("grün".as_bytes()), "grün");
        assert_eq!(printable(b"a\n\x1b[2J\\\xff"), "a\\x0a\\x1b[2J\\x5c\\xff");
        assert_eq!(printable("\u{202e}gpj\u{9b}".as_bytes()), "\\u{202e}gpj\\u{9b}");
    }

    #[test]
    fn a_shown_text_is_one_line_and_keeps_what_can_be_seen() {
        assert_eq!(shown("C:\\x1b grün 漢 👍"), "C:\\x1b grün 漢 👍");
        assert_eq!(shown("a\r\n\tb\u{1b}[2K\u{7f}\u{2028}"), "a\\x0d\\x0a\\x09b\\x1b[2K\\x7f\\u{2028}");
        let long = "ü".repeat(MOST);
        assert_eq!(message(&long), long);
        assert_eq!(message(&(long.clone() + "ü")), long + "…");
        let hidden = ['\0', '\u{85}', '\u{9b}', '\u{200b}', '\u{2066}', '\u{2069}', '\u{feff}', '\u{e0041}'];
        assert!(hidden.into_iter().all(is_hidden));
        assert!(!"aZ0 ~äß→✓━…\u{a0}\u{301}".chars().any(is_hidden));
    }

    proptest::proptest! {
        #[test]
        fn nothing_hidden_is_left(bytes: Vec<u8>, text: String) {
            proptest::prop_assert!(!printable(&bytes).contains(is_hidden));
            let once = shown(&text);
            proptest::prop_assert!(!once.contains(is_hidden));
            proptest::prop_assert_eq!(shown(&once), once.as_ref());
        }
    }
}
