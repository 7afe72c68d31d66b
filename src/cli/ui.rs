//! Where output goes and what it may look like. Results go to stdout; messages, progress and errors to
//! stderr. Each stream is looked at on its own: colours and bars only where a person sees them.
//!
//! Nothing else writes there: `clippy.toml` forbids it. So whatever is told goes through the gate ([`Text`]).
#![expect(clippy::disallowed_methods, reason = "this is the place that has the streams")]

mod bars;
mod lines;
#[cfg(test)]
pub(super) mod memory;
mod text;

use std::borrow::Cow;
use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::sync::{Arc, OnceLock};

pub use bars::{Bar, Bars};
pub use text::{Text, wrap};

use super::Global;
use crate::error::{Explain, Kind, Remedy, sentence};

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
    /// Whether stderr goes to systemd's journal, which has times of its own and wants to know how severe a line is.
    pub journal: bool,
    /// Why a part of the result is lost: the first error of stdout.
    pub(super) lost: Arc<OnceLock<String>>,
    /// Where tests look at what was written.
    #[cfg(test)]
    pub(super) memory: Option<memory::Memory>,
}

/// A part of the result could not be written to stdout.
#[derive(Debug, thiserror::Error)]
#[error("writing the result: {why}")]
pub struct Lost {
    /// What the system says.
    pub why: String,
}

impl Explain for Lost {
    fn kind(&self) -> Kind {
        Kind::Io
    }

    fn hint(&self) -> Option<Remedy> {
        Some("the output is not complete; where it goes to a file, look whether the disk is full".into())
    }
}

/// How severe a line on stderr is, as the journal is told.
#[derive(Debug, Clone, Copy)]
pub enum Severity {
    /// Something failed.
    Error,
    /// Something is not as it should be.
    Warning,
    /// What is worth knowing.
    Info,
    /// What only a search for a fault needs.
    Detail,
}

impl Severity {
    /// The numbers of syslog(3), in the form of sd-daemon(3).
    const fn prefix(self) -> &'static str {
        match self {
            Self::Error => "<3>",
            Self::Warning => "<4>",
            Self::Info => "<6>",
            Self::Detail => "<7>",
        }
    }
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
            journal: is_journal(),
            lost: Arc::default(),
            #[cfg(test)]
            memory: None,
        }
    }

    /// Whether a part of the result could not be written.
    #[must_use]
    pub fn lost(&self) -> Option<Lost> {
        // What is not at its place yet counts too.
        if let Err(error) = std::io::stdout().flush() {
            self.lose(&error);
        }
        self.lost.get().map(|why| Lost { why: why.clone() })
    }

    fn lose(&self, error: &std::io::Error) {
        // A reader that has seen enough loses nothing.
        if error.kind() != std::io::ErrorKind::BrokenPipe {
            let _ = self.lost.set(error.to_string());
        }
    }

    /// The same, saying also what `--quiet` leaves out.
    #[must_use]
    pub fn loud(&self) -> Self {
        Self { quiet: false, ..self.clone() }
    }

    /// A line of the result, to stdout.
    pub fn result(&self, line: impl Display) {
        self.write(Stream::Out, &Text::line(line));
    }

    /// A line of the result, broken between words where the terminal is narrower. The lines after the first begin with so
    /// many blanks.
    pub fn folded(&self, indent: usize, line: impl Display) {
        self.write(Stream::Out, &Text::line(line).folded(indent, self.width_out));
    }

    /// Standard output itself, for bytes that are no text. Nothing that a terminal obeys is taken out of them.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn standard_output(&self) -> std::io::Result<std::fs::File> {
        Ok(std::fs::File::from(rustix::io::dup(std::io::stdout())?))
    }

    /// A result as one JSON object on one line, to stdout. The value has a member `event`, and one `board` where it is
    /// about a board; what every line has is added, and stands first.
    pub fn object(&self, value: &impl serde::Serialize) {
        match lines::line(value) {
            Ok(line) => self.result(line),
            Err(error) => self.warn(format_args!("a result can't be written as JSON: {error}")),
        }
    }

    /// The same for a value that doesn't say what it is.
    pub fn named(
        &self,
        event: &'static str,
        board: Option<&crate::board::Who>,
        value: &impl serde::Serialize,
    ) {
        #[derive(serde::Serialize)]
        struct Named<'a, T> {
            event: &'static str,
            #[serde(skip_serializing_if = "Option::is_none")]
            board: Option<&'a crate::board::Who>,
            #[serde(flatten)]
            value: &'a T,
        }
        self.object(&Named { event, board, value });
    }

    /// A message for the person at the keyboard, to stderr; not with `--quiet`.
    pub fn say(&self, line: impl Display) {
        if !self.quiet {
            self.tell(Severity::Info, &Text::message(line).folded(2, self.width_err));
        }
    }

    /// Something that failed, to stderr.
    pub fn fail(&self, text: &Text) {
        self.tell(Severity::Error, text);
    }

    /// A line of the log.
    pub fn log(&self, severity: Severity, line: impl Display) {
        self.tell(severity, &Text::message(line));
    }

    /// A message that only `-v` shows.
    pub fn detail(&self, line: impl Display) {
        if self.verbose > 0 {
            self.tell(Severity::Info, &Text::message(line).folded(2, self.width_err));
        }
    }

    /// Something that is not as it should be but doesn't end the work; also with `--quiet`.
    pub fn warn(&self, line: impl Display) {
        let word = self.paint_err(Style::Warn, "warning:");
        let text = Text::message(format_args!("{word} {line}"));
        self.tell(Severity::Warning, &text.folded(2, self.width_err));
    }

    fn tell(&self, severity: Severity, text: &Text) {
        if self.journal {
            self.write(Stream::Err, &text.each_with(severity.prefix()));
        } else {
            self.write(Stream::Err, text);
        }
    }

    /// What clap has to tell: help to stdout, a mistake to stderr. Nothing in it may come from outside as it is.
    pub(super) fn clap(&self, error: &clap::Error) {
        let (stream, colour) = match error.use_stderr() {
            true => (Stream::Err, self.colour_err),
            false => (Stream::Out, self.colour_out),
        };
        let text = error.render();
        let text = if colour { text.ansi().to_string() } else { text.to_string() };
        // What helps has one name, whoever says it. No argument in it makes a line: those hold no control characters.
        let text = text.lines().map(hinted).collect::<Vec<_>>().join("\n");
        self.write(stream, &Text::trusted(text.trim_end_matches('\n').to_owned()));
    }

    /// A question, to stderr, whose answer is typed behind it.
    pub fn ask(&self, question: impl Display) {
        let question = Text::message(question);
        let mut err = std::io::stderr().lock();
        // If it can't be asked, the answer will not be right.
        let _ = write!(err, "{} ", question.into_string());
        let _ = err.flush();
    }

    /// Whether a person can be asked: stdin and stderr are a terminal, and nobody waits for JSON.
    #[must_use]
    pub fn can_ask(&self) -> bool {
        !self.json && std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
    }

    /// A text for stdout in a style, where stdout may have colours.
    #[must_use]
    pub fn paint(&self, style: Style, text: impl Display) -> Text {
        paint(self.colour_out, style, Text::line(text))
    }

    /// A text for stderr in a style, where stderr may have colours.
    #[must_use]
    pub fn paint_err(&self, style: Style, text: impl Display) -> Text {
        paint(self.colour_err, style, Text::message(text))
    }

    fn write(&self, stream: Stream, text: &Text) {
        #[cfg(test)]
        if let Some(memory) = &self.memory {
            return memory.add(text);
        }
        match stream {
            Stream::Out => {
                if let Err(error) = writeln!(std::io::stdout().lock(), "{text}") {
                    self.lose(&error);
                }
            }
            // What can't be told can't be told.
            Stream::Err => drop(writeln!(std::io::stderr().lock(), "{text}")),
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Stream {
    Out,
    Err,
}

/// Whether stderr is the stream that systemd connects to its journal: systemd.exec(5), `$JOURNAL_STREAM`.
fn is_journal() -> bool {
    let Some(named) = std::env::var("JOURNAL_STREAM").ok() else { return false };
    let Ok(stat) = rustix::fs::fstat(std::io::stderr()) else { return false };
    named == format!("{}:{}", stat.st_dev, stat.st_ino)
}

fn columns(stream: impl std::os::fd::AsFd) -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(stream).ok()?;
    (size.ws_col > 0).then_some(usize::from(size.ws_col))
}

fn paint(colour: bool, style: Style, text: Text) -> Text {
    if !colour {
        return text;
    }
    text.within(match style {
        Style::Good => "32",
        Style::Bad => "1;31",
        Style::Warn => "33",
        Style::Strong => "1",
        Style::Faint => "2",
    })
}

/// A line of clap's, with its tip as a hint of ours.
fn hinted(line: &str) -> Cow<'_, str> {
    const RESET: &str = "\u{1b}[0m";
    let Some((before, tip)) = line.split_once("tip:").filter(|(before, _)| {
        before.strip_prefix("  ").is_some_and(|colour| colour.is_empty() || colour.starts_with('\u{1b}'))
    }) else {
        return line.into();
    };
    let (reset, tip) = tip.strip_prefix(RESET).map_or(("", tip), |tip| (RESET, tip));
    format!("{before}hint:{reset} {}", sentence(tip.trim_start())).into()
}
