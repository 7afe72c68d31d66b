//! Debian packages of any bytes.
#![no_main]

use std::io::Write;

use libfuzzer_sys::fuzz_target;
use piprov::debian::deb::Deb;

fuzz_target!(|bytes: &[u8]| {
    let mut file = tempfile::Builder::new().tempfile_in("/dev/shm").expect("room in /dev/shm");
    file.write_all(bytes).expect("room in /dev/shm");
    let _ = Deb::read(file.path(), |_| true);
});
