//! Frames of any bytes from the wire, with and without a tag that the kernel took off.
#![no_main]

use libfuzzer_sys::fuzz_target;
use piprov::wire::boards::classify;
use piprov::wire::frame::{Payload, parse};

fuzz_target!(|bytes: &[u8]| {
    for tag in [None, Some(0), Some(7)] {
        let Some(frame) = parse(bytes, tag) else { return };
        assert!(frame.vlan.is_none_or(|vlan| (1..4096).contains(&vlan)));
        let _ = classify(&frame);
        match frame.payload {
            Payload::Udp(udp) => assert!(udp.data.len() < bytes.len()),
            Payload::Udp6(udp) => assert!(udp.data.len() < bytes.len()),
            Payload::Bpdu(bpdu) => assert!(bpdu.len() < bytes.len()),
            Payload::Arp(_) | Payload::Syn { .. } | Payload::Fragment { .. } => {}
        }
    }
});
