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
            journal: false,
            lost: std::sync::Arc::default(),
            memory: Some(memory.clone()),
        };
        (ui, memory)
    }
}

/// Texts as an attacker would choose them, long ones too.
pub(in crate::cli) fn texts() -> impl proptest::strategy::Strategy<Value = String> {
    use proptest::prelude::*;
    let evil = [
        "\x1b[2K\r",
        "\n",
        "\ndone",
        "\x1b]0;x\x07",
        "\x1b[32m✓ done\x1b[0m",
        "\u{202e}",
        "\u{2028}",
        "\\x1b",
    ];
    let control = (0u32..0xa0).prop_filter_map("no control", char::from_u32);
    let piece = prop_oneof![
        proptest::sample::select(evil.to_vec()).prop_map(str::to_owned),
        control.prop_map(String::from),
        any::<String>(),
        proptest::sample::select(vec!['\u{9b}', '\u{85}', '\u{feff}', '\u{200b}', '\u{7f}'])
            .prop_map(String::from),
        "[ -~]{0,40}",
    ];
    proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

/// A value of each kind. A kind that isn't here doesn't compile: so no event is forgotten.
macro_rules! every {
    ($kind:ty; $($pattern:pat => [$($value:expr),* $(,)?]),+ $(,)?) => {{
        let _ = |value: &$kind| match value {
            $($pattern => (),)+
        };
        let all: Vec<$kind> = vec![$($($value,)*)+];
        all
    }};
}
pub(in crate::cli) use every;
