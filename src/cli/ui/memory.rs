//! Output that tests look at.

use std::sync::{Arc, Mutex, PoisonError};

use super::{Text, Ui};
use crate::format::is_hidden;

/// What was written, as it would have gone out.
#[derive(Debug, Clone, Default)]
pub(in crate::cli) struct Memory(Arc<Mutex<String>>);

impl Memory {
    pub(super) fn add(&self, text: &Text) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.push_str(&text.clone().into_string());
        all.push('\n');
    }

    /// All of it; from now on it is empty again.
    pub(in crate::cli) fn take(&self) -> String {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The lines, which hold nothing that a terminal obeys but our own styles.
    pub(in crate::cli) fn take_clean(&self) -> Vec<String> {
        let all = self.take();
        all.lines().map(clean).collect()
    }
}

/// A line without our styles.
///
/// # Panics
/// Where something else is left that a terminal obeys.
pub(in crate::cli) fn clean(line: &str) -> String {
    let codes = ["\x1b[32m", "\x1b[1;31m", "\x1b[33m", "\x1b[1m", "\x1b[2m", "\x1b[0m"];
    let line = codes.iter().fold(line.to_owned(), |line, code| line.replace(code, ""));
    assert!(!line.contains(is_hidden), "{line:?}");
    line
}

impl Ui {
    /// One that writes to memory.
    pub(in crate::cli) fn remembering() -> (Self, Memory) {
        let memory = Memory::default();
        let ui = Self {
            json: false,
            quiet: false,
            verbose: 3,
            colour_out: true,
            colour_err: true,
            bars: false,
            width_out: None,
            width_err: None,
            memory: Some(memory.clone()),
        };
        (ui, memory)
    }
}
