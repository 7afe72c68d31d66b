//! Records of clients of any bytes: they are understood or refused, and what is understood has plain places and is read
//! back as it was written.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    piprov::netboot::client::hostile::record(bytes);
});
