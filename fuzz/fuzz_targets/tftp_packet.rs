//! TFTP packets of any bytes, and the options agreed upon from them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use piprov::tftp::event::printable;
use piprov::tftp::options::{Agreed, Policy, Wanted};
use piprov::tftp::packet::{self, MAX_REQUEST, Packet};

fuzz_target!(|bytes: &[u8]| {
    let options = match Packet::parse(bytes) {
        Ok(Packet::Read(request) | Packet::Write(request)) => {
            assert!(bytes.len() <= MAX_REQUEST && !request.path.is_empty() && !request.path.contains(&0));
            let path = printable(request.path);
            assert!(!path.chars().any(char::is_control), "what is printed can't move a terminal's cursor");
            request.options
        }
        Ok(Packet::OptionAck(options)) => options,
        Ok(Packet::Data { block, data }) => {
            assert_eq!([&packet::data_header(block)[..], data].concat(), bytes);
            return;
        }
        _ => return,
    };
    let policy = Policy { max_blksize: 65464, max_window: 64, max_in_flight: 1 << 20 };
    let agreed = Agreed::new(&Wanted::read(&options), Some(12345), &policy);
    assert!((8..=65464).contains(&agreed.blksize) && (1..=64).contains(&agreed.windowsize));
    assert!(agreed.windowsize == 1 || u32::from(agreed.blksize) * u32::from(agreed.windowsize) <= 1 << 20);
    let Some(told) = agreed.packet() else { return };
    let Ok(Packet::OptionAck(told)) = Packet::parse(&told) else { panic!("this is no OACK") };
    for (name, _) in told.iter() {
        let name = std::str::from_utf8(name).unwrap();
        assert!(options.get(name).is_some(), "{name} is told but wasn't asked for");
    }
});
