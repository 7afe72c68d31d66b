//! Frames of any bytes from the wire, one after the other, and what they are put together to.
#![no_main]

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use piprov::dhcp::pi::OUIS;
use piprov::netboot::watch::picture::Picture;
use piprov::wire::bpdu::Bpdu;
use piprov::wire::frame::parse;

fuzz_target!(|bytes: &[u8]| {
    let mut picture = Picture::new(vec![Ipv4Addr::new(10, 0, 0, 1)], OUIS.to_vec());
    let start = Instant::now();
    let mut rest = bytes;
    // Each frame has its length in front.
    while let [high, low, tail @ ..] = rest {
        let (frame, tail) = tail.split_at(tail.len().min(usize::from(u16::from_be_bytes([*high, *low]))));
        if let Some(frame) = parse(frame, None) {
            for seen in picture.hear(&frame, start) {
                let _ = format!("{seen:?}");
            }
        }
        rest = tail;
    }
    for seen in picture.tick(start + Duration::from_secs(100)) {
        let _ = format!("{seen:?}");
    }
    let _ = (picture.conclusions(), Bpdu::parse(bytes).map(|bpdu| (bpdu.to_string(), bpdu.hint())));
});
