//! A configuration file: no bytes panic, and what is told of them writes no terminal.
#![no_main]

#[path = "../told.rs"]
mod told;

use libfuzzer_sys::fuzz_target;
use piprov::cli::remedy;
use piprov::config::Settings;

fuzz_target!(|bytes: &[u8]| {
    // One file for all inputs: a memory file system holds it.
    let path = std::env::temp_dir().join(format!("fuzz-settings-{}.toml", std::process::id()));
    std::fs::write(&path, bytes).unwrap();
    match Settings::load(Some(&path)) {
        Ok(settings) => {
            for row in settings.rows() {
                told::shown(format_args!("{} {} {}", row.key, row.value, row.origin));
            }
            settings.warnings.iter().map(remedy::word).for_each(told::shown);
        }
        Err(error) => told::told(&error),
    }
});
