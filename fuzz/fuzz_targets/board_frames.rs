//! Frames of any bytes from the wire.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|frame: &[u8]| {
    let _ = piprov::board_frames::classify(frame);
});
