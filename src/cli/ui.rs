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
