//! The gate: what people read goes through here on its way out, whatever it is and wherever it comes from. What a
//! terminal would obey is made visible. Styles and line breaks of our own are not characters of a text but of the
//! type [`Text`], which only this file can make; a text from outside can hold neither.

use std::cell::Cell;
use std::fmt::{self, Display, Write};

use crate::format::{MOST, write_shown};

thread_local! {
    /// Whether a [`Text`] is just being written into something, perhaps into the gate.
    static OURS: Cell<bool> = const { Cell::new(false) };
}

/// A text that has passed the gate. In another one, or in a line that goes out, it stays as it is; everything else
/// there is looked at. Made into a `String` it loses that right.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Text(String);

impl Text {
    /// One line of any length. A newline in it is shown, not obeyed.
    #[must_use]
    pub fn line(line: impl Display) -> Self {
        Self::gated(line, usize::MAX)
    }

    /// One line in which tabs stay tabs: a file's.
    #[must_use]
    pub fn tabbed(line: &str) -> Self {
        Self(line.split('\t').map(|part| Self::line(part).0).collect::<Vec<_>>().join("\t"))
    }

    /// One line that is not longer than a message should be.
    #[must_use]
    pub fn message(line: impl Display) -> Self {
        Self::gated(line, MOST)
    }

    /// Several lines.
    #[must_use]
    pub fn lines(lines: impl IntoIterator<Item = Self>) -> Self {
        Self(lines.into_iter().map(|line| line.0).collect::<Vec<_>>().join("\n"))
    }

    /// A text that holds styles and line breaks of ours, and nothing that came from outside.
    pub(super) fn trusted(text: String) -> Self {
        Self(text)
    }

    /// With the codes of a style around it.
    pub(super) fn within(self, code: &str) -> Self {
        Self(format!("\x1b[{code}m{}\x1b[0m", self.0))
    }

    /// With this in front of each of its lines.
    pub(super) fn each_with(&self, prefix: &str) -> Self {
        Self(self.0.lines().map(|line| format!("{prefix}{line}")).collect::<Vec<_>>().join("\n"))
    }

    /// Broken between words into lines of at most `width` columns, those after the first with `indent` blanks in front. A
    /// text with lines of its own, and one for no terminal, stays as it is.
    pub(super) fn folded(self, indent: usize, width: Option<usize>) -> Self {
        match width.filter(|width| *width > indent + 20) {
            Some(width) if !self.0.contains('\n') => Self(fold(&self.0, 0, indent, width)),
            _ => self,
        }
    }

    /// For what draws it.
    pub(super) fn into_string(self) -> String {
        self.0
    }

    fn gated(line: impl Display, room: usize) -> Self {
        let mut gate = Gate { out: String::new(), room };
        // Where a `Display` gives up, what it has written until then is told.
        let _ = write!(gate, "{line}");
        Self(gate.out)
    }
}

impl Display for Text {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let before = OURS.replace(true);
        let result = out.write_str(&self.0);
        OURS.set(before);
        result
    }
}

struct Gate {
    out: String,
    /// How many characters there is room for.
    room: usize,
}

impl Write for Gate {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if OURS.get() {
            self.out.push_str(text);
            return Ok(());
        }
        if self.room == 0 {
            return Ok(());
        }
        match text.char_indices().nth(self.room) {
            Some((end, _)) => {
                self.room = 0;
                write_shown(&mut self.out, &text[..end])?;
                self.out.push('…');
            }
            None => {
                if self.room != usize::MAX {
                    self.room -= text.chars().count();
                }
                write_shown(&mut self.out, text)?;
            }
        }
        Ok(())
    }
}

/// Breaks a sentence into lines of at most `width` columns. `used` columns of the first line are taken already;
/// the lines after it begin with `indent` blanks. Without a width (a pipe, a file) the sentence stays one line.
#[must_use]
pub fn wrap(text: &str, used: usize, indent: usize, width: Option<usize>) -> Text {
    let text = Text::message(text).0;
    let Some(width) = width.filter(|width| *width > indent + 20) else { return Text(text) };
    Text(fold(&text, used, indent, width))
}

/// How wide a word is. Styles, which only we have put there, take no room.
fn seen(word: &str) -> usize {
    let mut parts = word.split("\x1b[");
    let first = parts.next().unwrap_or_default().chars().count();
    first + parts.map(|part| part.split_once('m').map_or(0, |(_, rest)| rest.chars().count())).sum::<usize>()
}

fn fold(text: &str, used: usize, indent: usize, width: usize) -> String {
    let mut out = String::new();
    let mut column = used;
    for (n, word) in text.split(' ').enumerate() {
        let len = seen(word);
        if n > 0 && column + 1 + len > width {
            out.push('\n');
            out.push_str(&" ".repeat(indent));
            column = indent + len;
        } else {
            if n > 0 {
                out.push(' ');
                column += 1;
            }
            column += len;
        }
        out.push_str(word);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_are_broken_between_words() {
        let wrap = |text, used, indent, width| super::wrap(text, used, indent, width).0;
        let text = "the card may be worn or write-protected";
        assert_eq!(wrap(text, 8, 4, None), text);
        assert_eq!(wrap(text, 8, 4, Some(30)), "the card may be worn\n    or write-protected");
        assert_eq!(
            wrap("a-word-that-is-longer-than-a-line-can-be b", 2, 2, Some(24)),
            "a-word-that-is-longer-than-a-line-can-be\n  b"
        );
        assert_eq!(wrap("", 5, 2, Some(80)), "");
        assert_eq!(wrap(text, 8, 30, Some(40)), text, "too narrow to be worth it");
    }

    #[test]
    fn a_message_for_a_narrow_terminal_is_broken_and_its_style_takes_no_room() {
        let line = Text::line(format_args!("{} the token can be read", Text::line("warning:").within("33")));
        assert_eq!(line.clone().folded(2, Some(24)).0, "\x1b[33mwarning:\x1b[0m the token can\n  be read");
        assert_eq!(line.clone().folded(2, None), line);
        let two = Text::lines([line.clone(), line]);
        assert_eq!(two.clone().folded(2, Some(28)), two);
    }

    #[test]
    fn only_what_is_ours_has_styles_and_lines() {
        let good = Text::line("do\x1b[0mne").within("32");
        let line = Text::line(format_args!("{good} {}\n", "\x1b[32m✓ done\x1b[0m"));
        assert_eq!(line.0, "\x1b[32mdo\\x1b[0mne\x1b[0m \\x1b[32m✓ done\\x1b[0m\\x0a");
        assert_eq!(Text::line(&line), line, "a text is looked at once");
        let two = Text::lines([Text::line("a"), Text::line("b")]);
        assert_eq!(Text::line(format_args!("{two}\n")).0, "a\nb\\x0a");
        // A text that became a string has no rights any more: what was done to it is not known.
        assert_eq!(Text::line(good.to_string()).0, "\\x1b[32mdo\\x1b[0mne\\x1b[0m");
    }

    #[test]
    fn a_message_has_an_end_and_its_style_too() {
        let long = "x".repeat(MOST + 1);
        let message = Text::message(format_args!("{} y", Text::message(&long).within("31"))).0;
        assert_eq!(message, format!("\x1b[31m{}…\x1b[0m y", "x".repeat(MOST)));
        assert_eq!(Text::message(format_args!("{long}{long}")).0.chars().count(), MOST + 1);
        assert_eq!(Text::line(&long).0, long);
    }
}
