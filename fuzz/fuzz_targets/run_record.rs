//! The record of a run: no bytes panic, what is read is what is written again, and what a hint says writes no terminal.
#![no_main]

#[path = "../told.rs"]
mod told;

use libfuzzer_sys::fuzz_target;
use piprov::run::Record;

fuzz_target!(|bytes: &[u8]| {
    let Some(record) = Record::read(bytes) else { return };
    let text = serde_json::to_vec(&record).unwrap();
    assert_eq!(Record::read(&text), Some(record.clone()));
    told::shown(record.board.label());
    if let Some(hint) = record.ending.hint() {
        told::shown(piprov::cli::remedy::word(hint));
    }
});
