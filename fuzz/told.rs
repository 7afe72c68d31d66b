//! What is told of an input, through the gate that the command line has.

use piprov::cli::{remedy, ui::Text};
use piprov::error::Explain;
use piprov::format::is_hidden;

/// An error with its causes and its hint, as they are shown: one line each, and nothing in it that a terminal obeys.
pub fn told(error: &dyn Explain) {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        shown(error);
        cause = error.source();
    }
    for line in error.more().into_iter().chain(error.hint().as_ref().map(remedy::word)) {
        shown(line);
    }
}

/// Anything as it is shown.
pub fn shown(text: impl std::fmt::Display) {
    let line = Text::message(text).to_string();
    assert!(!line.contains(is_hidden), "{line:?}");
}
