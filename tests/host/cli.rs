//! Golden transcripts: what the command prints, word by word, in tests/cmd/*.trycmd.
//!
//! `TRYCMD=overwrite cargo test --test host cli::` writes them anew after a change that was meant.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use crate::common;

/// Set in the process that compares, which has a clean environment.
const INNER: &str = "CARGO_PIPROV_TRANSCRIPTS";

#[test]
fn transcripts() {
    if std::env::var_os(INNER).is_some() {
        trycmd::TestCases::new().case("tests/cmd/*.trycmd").run();
        return;
    }
    // Variables such as NO_COLOR or PIPROV_TARGETS change the output, and a test can't take them out of
    // its own environment safely; so the comparison runs in a process of its own.
    let mut inner = std::process::Command::new(std::env::current_exe().unwrap());
    common::clean(&mut inner);
    let status = inner.args(["--exact", "cli::transcripts", "--nocapture"]).env(INNER, "1").status().unwrap();
    assert!(status.success(), "`TRYCMD=overwrite cargo test --test host cli::` writes the transcripts anew");
}
