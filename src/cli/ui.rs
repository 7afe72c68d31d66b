//! Where output goes and what it may look like. Results go to stdout; messages, progress and errors to
//! stderr. Each stream is looked at on its own: colours and bars only where a person sees them.

use std::fmt::Display;
use std::io::{IsTerminal, Write};

use super::Global;

/// What is known about the two streams and what the user wants to see.
#[derive(Debug, Clone)]
pub struct Ui {
    /// Results as JSON, one object a line.
    pub json: bool,
    /// Results and errors only.
    pub quiet: bool,
    /// How often `-v` was given.
    pub verbose: u8,
    /// Whether stdout may have colours.
    pub colour_out: bool,
    /// Whether stderr may have colours.
    pub colour_err: bool,
    /// Whether stderr is a terminal on which bars may move.
    pub bars: bool,
    /// Columns of stdout, where it is a terminal.
    pub width_out: Option<usize>,
    /// Columns of stderr, where it is a terminal.
    pub width_err: Option<usize>,
}

/// The few styles that the program uses.
#[derive(Debug, Clone, Copy)]
pub enum Style {
    /// Something was proved.
    Good,
    /// Something failed.
    Bad,
    /// Something to look at.
    Warn,
    /// Names and headings.
    Strong,
    /// Less important.
    Faint,
}

impl Ui {
    /// Looks at the environment and the streams.
    #[must_use]
    pub fn new(global: &Global) -> Self {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let colour = |terminal: bool| {
            !global.no_color && !set("NO_COLOR") && (set("FORCE_COLOR") || (terminal && !dumb))
        };
        let (out, err) = (std::io::stdout().is_terminal(), std::io::stderr().is_terminal());
        Self {
            json: global.json,
            quiet: global.quiet,
            verbose: global.verbose,
            colour_out: colour(out),
            colour_err: colour(err),
            bars: err && !dumb && !global.quiet,
            width_out: columns(std::io::stdout()),
            width_err: columns(std::io::stderr()),
        }
    }

    /// A line of the result, to stdout.
    pub fn result(&self, line: impl Display) {
        write_line(&mut std::io::stdout().lock(), line);
    }

    /// A result as one JSON object on one line, to stdout. `"schema": 1` is added.
    pub fn object(&self, value: &impl serde::Serialize) {
        #[derive(serde::Serialize)]
        struct Versioned<'a, T> {
            schema: u32,
            #[serde(flatten)]
            value: &'a T,
        }
        match serde_json::to_string(&Versioned { schema: 1, value }) {
            Ok(line) => self.result(line),
            Err(error) => self.warn(format_args!("a result can't be written as JSON: {error}")),
        }
    }

    /// A message for the person at the keyboard, to stderr; not with `--quiet`.
    pub fn say(&self, line: impl Display) {
        if !self.quiet {
            write_line(&mut std::io::stderr().lock(), line);
        }
    }

    /// A message that only `-v` shows.
    pub fn detail(&self, line: impl Display) {
        if self.verbose > 0 {
            write_line(&mut std::io::stderr().lock(), line);
        }
    }

    /// Something that is not as it should be but doesn't end the work; also with `--quiet`.
    pub fn warn(&self, line: impl Display) {
        let word = self.paint_err(Style::Warn, "warning:");
        write_line(&mut std::io::stderr().lock(), format_args!("{word} {line}"));
    }

    /// A text for stdout in a style, where stdout may have colours.
    #[must_use]
    pub fn paint(&self, style: Style, text: &str) -> String {
        paint(self.colour_out, style, text)
    }

    /// A text for stderr in a style, where stderr may have colours.
    #[must_use]
    pub fn paint_err(&self, style: Style, text: &str) -> String {
        paint(self.colour_err, style, text)
    }
}

/// Breaks a sentence into lines of at most `width` columns. `used` columns of the first line are taken already;
/// the lines after it begin with `indent` blanks. Without a width (a pipe, a file) the sentence stays one line.
#[must_use]
pub fn wrap(text: &str, used: usize, indent: usize, width: Option<usize>) -> String {
    let Some(width) = width.filter(|width| *width > indent + 20) else { return text.to_owned() };
    let mut out = String::new();
    let mut column = used;
    for (n, word) in text.split(' ').enumerate() {
        let len = word.chars().count();
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

fn columns(stream: impl std::os::fd::AsFd) -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(stream).ok()?;
    (size.ws_col > 0).then_some(usize::from(size.ws_col))
}

fn paint(colour: bool, style: Style, text: &str) -> String {
    if !colour {
        return text.to_owned();
    }
    let code = match style {
        Style::Good => "32",
        Style::Bad => "1;31",
        Style::Warn => "33",
        Style::Strong => "1",
        Style::Faint => "2",
    };
    format!("\x1b[{code}m{text}\x1b[0m")
}

fn write_line(out: &mut impl Write, line: impl Display) {
    // A reader that went away ends the program by SIGPIPE; any other failure to print can't be printed.
    let _ = writeln!(out, "{line}");
}

#[cfg(test)]
mod tests {
    use super::wrap;

    #[test]
    fn sentences_are_broken_between_words() {
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
}
