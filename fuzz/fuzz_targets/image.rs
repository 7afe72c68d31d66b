//! Files of any bytes opened as images: every format's decoder, to its end.
#![no_main]

use std::io::Write;

use libfuzzer_sys::fuzz_target;
use piprov::image::{Image, ImageOptions};

fuzz_target!(|bytes: &[u8]| {
    // In memory, so that the disk is not what is measured.
    let mut file = tempfile::Builder::new().tempfile_in("/dev/shm").expect("room in /dev/shm");
    file.write_all(bytes).expect("room in /dev/shm");
    let options = ImageOptions { spool_dir: Some("/dev/shm".into()), stop: None };
    let Ok(image) = Image::open(file.path(), &options) else { return };
    let content = image.content();
    let mut buffer = [0; 4096];
    // A few bytes can become gigabytes of zeros; the first ones tell enough.
    for n in 0..64 {
        match content.read_at(&mut buffer, n * 4096) {
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
    }
});
