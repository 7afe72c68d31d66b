//! config.txt with what it includes, as the search for fuses and kernels reads it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use piprov::eeprom::ConfigFiles;
use piprov::eeprom::config_txt::MOST_FILES;

const NAMES: [&str; 4] = ["config.txt", "a", "b/c", "a.txt"];

fuzz_target!(|input: &[u8]| {
    // Files are separated by a byte that no text has.
    let files: Vec<&[u8]> = input.split(|byte| *byte == 0xff).collect();
    let mut opened = 0;
    let mut read = |first: &[u8]| {
        opened = 0;
        ConfigFiles::read(NAMES[0], |name| {
            opened += 1;
            assert!(opened <= MOST_FILES);
            let at = NAMES.iter().position(|known| *known == name);
            let file = at.and_then(|at| if at == 0 { Some(first) } else { files.get(at).copied() });
            Ok(file.map(<[u8]>::to_vec))
        })
    };
    let first = files[0];
    if let Ok(config) = read(first) {
        for setting in config.settings() {
            assert!(!setting.name.is_empty() && setting.place.line > 0);
            let possible: Vec<_> = config.possible(&setting.name).collect();
            match config.value(&setting.name) {
                Some(value) => assert_eq!(possible.last().unwrap().value, value),
                None => assert!(possible.iter().all(|one| one.name.eq_ignore_ascii_case(&setting.name))),
            }
        }
    }
    // A line is seen whatever stands around it.
    let marked = [b"program_x=1\n", first, b"\nprogram_y=1"].concat();
    if let Ok(config) = read(&marked) {
        for name in ["program_x", "program_y"] {
            assert!(config.settings().iter().any(|setting| setting.name == name && setting.value == "1"));
        }
    }
});
