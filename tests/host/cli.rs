//! Golden transcripts: what the command prints, word by word, in tests/cmd/*.trycmd.
//!
//! `tests/refresh-transcripts` writes them anew after a change that was meant.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use crate::common;

/// Set in the process that compares, which has a clean environment.
const INNER: &str = "CARGO_PIPROV_TRANSCRIPTS";

/// The one that shows where settings come from, and where records of runs go.
const OF_SETTINGS: &str = "tests/cmd/config.trycmd";

#[test]
fn transcripts() {
    compare("cli::transcripts", |cases| {
        for entry in std::fs::read_dir("tests/cmd").unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|end| end == "trycmd") && !path.ends_with("config.trycmd") {
                cases.case(path);
            }
        }
    });
}

#[test]
fn transcripts_of_settings() {
    compare("cli::transcripts_of_settings", |cases| {
        cases.case(OF_SETTINGS);
    });
}

fn compare(test: &str, add: impl Fn(&trycmd::TestCases)) {
    if std::env::var_os(INNER).is_some() {
        let cases = trycmd::TestCases::new();
        add(&cases);
        cases.run();
        return;
    }
    // Variables such as NO_COLOR or PIPROV_TARGETS change the output, and a test can't take them out of
    // its own environment safely; so the comparison runs in a process of its own.
    let mut inner = std::process::Command::new(std::env::current_exe().unwrap());
    common::clean(&mut inner);
    if test.ends_with("settings") {
        // It runs nothing that leaves a record.
        inner.env_remove("PIPROV_STATE_DIR");
    }
    let status = inner.args(["--exact", test, "--nocapture"]).env(INNER, "1").status().unwrap();
    assert!(status.success(), "tests/refresh-transcripts writes the transcripts anew");
}
