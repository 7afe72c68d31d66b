//! Messages of any content in any order: no two boards are promised one address, a proxy gives no address, and no answer
//! goes out before its lease is to be written.
#![no_main]

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;

use libfuzzer_sys::fuzz_target;
use piprov::board::Mac;
use piprov::dhcp::build::Builder;
use piprov::wire::Interface;
use piprov::dhcp::lease::Record;
use piprov::dhcp::packet::{Kind, Packet};
use piprov::dhcp::policy::{Action, Arrival, Policy};
use piprov::dhcp::{Config, Mode, AddressPlan};

const KINDS: [Kind; 8] = [
    Kind::Discover,
    Kind::Request,
    Kind::Request,
    Kind::Discover,
    Kind::Decline,
    Kind::Release,
    Kind::Inform,
    Kind::Offer,
];

fn ip(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, last)
}

fuzz_target!(|bytes: &[u8]| {
    let [first, rest @ ..] = bytes else { return };
    let mut config = Config::new("eth0", PathBuf::new());
    config.mode = if first & 1 == 1 { Mode::Dhcp } else { Mode::Proxy };
    config.range = Some((ip(100), ip(107)));
    config.everyone = first & 2 != 0;
    config.force = first & 4 != 0;
    config.hosts = [(Mac::new([2, 0, 0, 0, 0, 1]), ip(101))].into();
    let interface = Interface {
        name: "eth0".to_owned(),
        index: 2,
        mac: Some(Mac::new([2, 9, 9, 9, 9, 9])),
        is_up: true,
        has_carrier: true,
        carrier_changes: 1,
        addresses: vec![(ip(1), 24)],
    };
    let plan = AddressPlan::new(&config, &interface).expect("it fits");
    let mut policy = Policy::new(plan, &[], first & 8 != 0);
    let mut owners: HashMap<Ipv4Addr, (Mac, u64)> = HashMap::new();
    let mut now = 1_000_000;
    for step in rest.chunks_exact(8) {
        let &[what, who, has, wanted, server, form, relay, later] = step else { continue };
        now += u64::from(later) * u64::from(later) * 2;
        let mac = Mac::new([2, 0, 0, 0, 0, who % 12]);
        let actions = if what & 0xf0 == 0xf0 {
            policy.conflict(ip(98 + wanted % 12), mac, now)
        } else {
            let address = |n: u8| if n % 14 == 0 { Ipv4Addr::UNSPECIFIED } else { ip(97 + n % 14) };
            let mut message = Builder::question(mac, 7, KINDS[usize::from(what % 8)], form & 1 == 1)
                .ciaddr(address(has))
                .giaddr(if relay > 250 { ip(relay) } else { Ipv4Addr::UNSPECIFIED });
            if wanted % 14 != 0 {
                message = message.address(50, address(wanted));
            }
            if server & 1 == 1 {
                message = message.address(54, ip(1 + (server >> 7)));
            }
            if form & 2 != 0 {
                message = message.option(60, b"PXEClient");
            }
            let id = [form & 0x40; 17];
            message = message.option(97, if form & 4 != 0 { b"\0DDDDDDDDDDDDDDDD" } else { &id });
            let bytes = message.finish();
            let packet = Packet::parse(&bytes).expect("our own message");
            let port = if form & 0x80 != 0 { 4011 } else { 67 };
            policy.handle(&packet, Arrival { port, from: SocketAddrV4::new(address(has), 68) }, now)
        };
        for action in actions {
            match action {
                Action::Record(Record::Lease(lease)) => {
                    assert_eq!(config.mode, Mode::Dhcp);
                    let before = owners.insert(lease.address, (lease.mac, lease.until));
                    let Some((mac, until)) = before else { continue };
                    assert!(mac == lease.mac || until <= now, "{} is {mac}'s until {until}", lease.address);
                }
                Action::Record(Record::Barred { address, .. }) => {
                    owners.remove(&address);
                }
                Action::Send(reply) => {
                    let packet = Packet::parse(&reply.bytes).expect("an answer can be read");
                    assert!(packet.is_reply && reply.bytes.len() >= 300 && reply.bytes.len() <= 576);
                    if config.mode == Mode::Proxy || reply.port == 4011 {
                        assert_eq!(packet.yiaddr, Ipv4Addr::UNSPECIFIED);
                    } else if packet.kind == Kind::Ack && !packet.yiaddr.is_unspecified() {
                        assert_eq!(owners.get(&packet.yiaddr).map(|owner| owner.0), Some(packet.mac));
                    }
                }
                _ => {}
            }
        }
    }
});
