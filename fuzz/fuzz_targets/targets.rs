//! The targets database: no bytes make it panic, and what was read can be written and read again.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use piprov::targets::{HEADER, Targets};

fuzz_target!(|bytes: &[u8]| {
    let path = Path::new("fuzz.csv");
    let Ok(read) = Targets::parse(bytes, path) else { return };
    let rows = read.rows().iter().map(|row| row.to_row() + "\n");
    let text = format!("{HEADER}\n{}", rows.collect::<String>());
    let again = Targets::parse(text.as_bytes(), path).expect("what is written can be read");
    for (before, after) in read.rows().iter().zip(again.rows()) {
        assert_eq!(
            (&before.name, before.mac, before.ip, &before.reset),
            (&after.name, after.mac, after.ip, &after.reset)
        );
    }
    assert_eq!(read.rows().len(), again.rows().len());
});
