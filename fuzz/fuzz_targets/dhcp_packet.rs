//! DHCP messages of any bytes, and the clients that they say they are from.
#![no_main]

use libfuzzer_sys::fuzz_target;
use piprov::dhcp::build::Builder;
use piprov::dhcp::packet::{HEADER, Kind, Packet, code};
use piprov::dhcp::pi::{DhcpClient, OUIS};

fuzz_target!(|bytes: &[u8]| {
    let Ok(packet) = Packet::parse(bytes) else { return };
    assert!(bytes.len() >= HEADER);
    let client = DhcpClient::of(&packet, &OUIS);
    assert!(!client.stage.boots_as_pi() || client.stage.is_pi());
    let total: usize = (0..=255).filter_map(|code| packet.option(code)).map(|value| value.len()).sum();
    assert!(total <= bytes.len(), "options have no more bytes than the message");
    // What is answered to it can be read again, and takes its relay's option along.
    let answer = Builder::reply(&packet, Kind::Offer).option(code::VENDOR, bytes).finish();
    let answer = Packet::parse(&answer).expect("our own message");
    assert_eq!((answer.mac, answer.xid, answer.giaddr), (packet.mac, packet.xid, packet.giaddr));
    assert_eq!(answer.option(code::VENDOR).as_deref(), Some(bytes));
    let relay = |packet: &Packet<'_>| packet.option(code::RELAY_AGENT).map(|value| value.into_owned());
    assert_eq!(relay(&answer).unwrap_or_default(), relay(&packet).unwrap_or_default());
});
