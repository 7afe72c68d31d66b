//! The manifest of an image's parts: no bytes panic, what is told of them writes no terminal, and what was read can be
//! written and read again.
#![no_main]

#[path = "../told.rs"]
mod told;

use libfuzzer_sys::fuzz_target;
use piprov::format::is_hidden;
use piprov::image::manifest::{FILE_NAME, Manifest};

fuzz_target!(|bytes: &[u8]| {
    let dir = std::env::temp_dir().join(format!("fuzz-manifest-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join(FILE_NAME), bytes).unwrap();
    match Manifest::read(&dir) {
        Ok(manifest) => {
            let text = manifest.to_json().unwrap();
            assert!(!text.contains(|char| char != '\n' && is_hidden(char)), "{text:?}");
            std::fs::write(dir.join(FILE_NAME), text).unwrap();
            assert_eq!(Manifest::read(&dir).expect("what is written can be read"), manifest);
        }
        Err(error) => told::told(&error),
    }
});
