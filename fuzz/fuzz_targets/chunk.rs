//! An index of any bytes, and a stored chunk of any bytes behind a digest that is right.
#![no_main]

use libfuzzer_sys::fuzz_target;
use piprov::image::chunk::object::{Unpacker, check};
use piprov::image::chunk::{CHUNK, Digest, Index};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(mut index) = Index::decode(bytes) {
        assert_eq!(index.encode().expect("it was read"), bytes, "there is one way to write it");
        assert!(index.zero() <= index.raw_len && index.unused() <= index.raw_len);
        index.mark_unused(&[0..index.raw_len]);
    }
    let sealed = [bytes, &Digest::of(bytes).0].concat();
    let mut raw = Vec::new();
    let unpacked = Unpacker::new().expect("memory").unpack(&sealed, &mut raw);
    assert!(raw.len() as u64 <= CHUNK);
    if let Ok(chunk) = unpacked {
        let head = check(&sealed).expect("it was unpacked");
        assert_eq!((head.raw_len(), head.object_len()), (raw.len(), sealed.len()));
        assert!(chunk.id.is_none() == raw.iter().all(|&byte| byte == 0));
    }
});
