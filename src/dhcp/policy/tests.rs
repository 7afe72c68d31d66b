mod lasting;
mod relays;

use super::*;
use crate::dhcp::build::Builder;
use crate::dhcp::config::Config;
use crate::dhcp::config::tests::{config, eth0, ip};
use crate::dhcp::event::Refusal;
use crate::dhcp::lease::{Lease, Record};
use crate::dhcp::packet::BROADCAST;
use crate::dhcp::pi::tests::{PC, PI3, PI5, discover, pi5_id};

/// Some time after 1970.
const NOW: u64 = 1_700_000_000;
const ROM_ID: [u8; 17] = *b"\0DDDDDDDDDDDDDDDD";

fn policy(mode: Mode, change: impl Fn(&mut Config)) -> Policy {
    let mut config = config(mode);
    change(&mut config);
    Policy::new(AddressPlan::new(&config, &eth0()).unwrap(), &[], true)
}

fn at(port: u16, from: Ipv4Addr) -> Arrival {
    Arrival { port, from: SocketAddrV4::new(from, 68) }
}

fn handle(policy: &mut Policy, message: Builder, now: u64) -> Vec<Action> {
    let bytes = message.finish();
    policy.handle(&Packet::parse(&bytes).unwrap(), at(SERVER_PORT, Ipv4Addr::UNSPECIFIED), now)
}

fn answer(actions: &[Action]) -> Answer {
    match actions.last() {
        Some(Action::Tell(Event::Heard(heard))) => heard.answer.clone(),
        other => panic!("not what was heard, but {other:?}"),
    }
}

fn reply(actions: &[Action]) -> &Reply {
    let mut replies = actions.iter().filter_map(|action| match action {
        Action::Send(reply) => Some(reply),
        _ => None,
    });
    let reply = replies.next().unwrap_or_else(|| panic!("no reply: {actions:?}"));
    assert!(replies.next().is_none(), "one reply is enough");
    reply
}

fn silence(actions: &[Action]) -> Silence {
    assert!(!actions.iter().any(|action| matches!(action, Action::Send(_))), "{actions:?}");
    match answer(actions) {
        Answer::None { why } => why,
        other => panic!("{other:?}"),
    }
}

fn request(mac: Mac) -> Builder {
    Builder::question(mac, 5, Kind::Request, false)
}

/// DISCOVER and REQUEST; gives the address.
fn get(policy: &mut Policy, mac: Mac, now: u64) -> Ipv4Addr {
    let offered = handle(policy, discover(mac, &pi5_id()), now);
    let Answer::Offer { address, .. } = answer(&offered) else { panic!("{offered:?}") };
    let taken = request(mac).address(54, ip(1)).address(50, address);
    let acked = handle(policy, taken, now);
    assert!(matches!(answer(&acked), Answer::Ack { address: got, .. } if got == address), "{acked:?}");
    address
}

/// The DISCOVER of a Pi 5 as it stands on the wire, byte for byte.
fn pi5_on_the_wire(flags: [u8; 2]) -> Vec<u8> {
    let mut bytes = vec![1, 1, 6, 0, 0xde, 0xad, 0xbe, 0xef, 0, 0, flags[0], flags[1]];
    bytes.extend([0; 16]);
    bytes.extend([0xdc, 0xa6, 0x32, 0xaa, 0xbb, 0xcc]);
    bytes.resize(236, 0);
    bytes.extend([0x63, 0x82, 0x53, 0x63, 53, 1, 1]);
    bytes.extend([55, 14, 43, 60, 66, 128, 129, 130, 131, 132, 133, 134, 135, 67, 1, 3]);
    bytes.extend([93, 2, 0, 0, 94, 3, 1, 2, 1]);
    bytes.extend([
        97, 17, 0, b'R', b'P', b'i', b'5', 0x70, 0x41, 0xd0, 0, 0x32, 0xaa, 0xbb, 0xcc, 0x4d, 1, 0xab, 0x99,
    ]);
    bytes.extend([60, 32]);
    bytes.extend(b"PXEClient:Arch:00000:UNDI:002001");
    bytes.push(255);
    bytes
}

#[test]
fn a_pi_5_gets_what_dnsmasq_would_send_and_more() {
    let mut policy = policy(Mode::Proxy, |_| {});
    let question = pi5_on_the_wire([0, 0]);
    let actions = policy.handle(&Packet::parse(&question).unwrap(), at(67, Ipv4Addr::UNSPECIFIED), NOW);
    let reply = reply(&actions);
    // dnsmasq too sends an answer without an address to everybody, whatever the flags say.
    assert_eq!((reply.to, reply.port, reply.delay), (To::Broadcast, 67, Duration::ZERO));
    let bytes = &reply.bytes;
    assert_eq!(bytes[..12], [2, 1, 6, 0, 0xde, 0xad, 0xbe, 0xef, 0, 0, 0, 0]);
    // No address; the server's in siaddr.
    assert_eq!(bytes[12..28], [0, 0, 0, 0, 0, 0, 0, 0, 10, 99, 0, 1, 0, 0, 0, 0]);
    assert!(bytes[44..236].iter().all(|byte| *byte == 0));
    let mut options = vec![53, 1, 2, 54, 4, 10, 99, 0, 1, 60, 9];
    options.extend(b"PXEClient");
    options.extend([
        97, 17, 0, b'R', b'P', b'i', b'5', 0x70, 0x41, 0xd0, 0, 0x32, 0xaa, 0xbb, 0xcc, 0x4d, 1, 0xab, 0x99,
    ]);
    options.extend([66, 9]);
    options.extend(b"10.99.0.1");
    options.extend([43, 35, 6, 1, 3, 0x0a, 4, 0, 0x50, 0x58, 0x45, 9, 0x17, 0, 0, 0x14]);
    options.extend(b"Raspberry Pi Boot   ");
    options.extend([255, 255]);
    assert_eq!(bytes[240..], options);
    assert!(bytes.len() >= 300);
    let Some(Action::Tell(Event::Heard(heard))) = actions.last() else { panic!() };
    assert_eq!(
        (heard.client.stage, heard.client.serial, heard.tries),
        (Stage::Eeprom5, Some(crate::board::Serial::of_low(0x99ab_014d)), 1)
    );
    assert_eq!(heard.answer, Answer::BootOffer { delay: Duration::ZERO });
}

#[test]
fn the_rom_is_answered_late() {
    let mut policy = policy(Mode::Proxy, |c| c.delays = [(PI5, Duration::from_millis(700))].into());
    assert_eq!(reply(&handle(&mut policy, discover(PI3, &ROM_ID), NOW)).delay, Duration::from_secs(2));
    let serial = [&[0][..], &[1, 2, 3, 4].repeat(4)].concat();
    assert_eq!(reply(&handle(&mut policy, discover(PI3, &serial), NOW)).delay, Duration::ZERO);
    assert_eq!(reply(&handle(&mut policy, discover(PI5, &pi5_id()), NOW)).delay, Duration::from_millis(700));
}

#[test]
fn a_proxy_never_gives_an_address_and_bothers_nobody() {
    let mut policy = policy(Mode::Proxy, |c| c.everyone = true);
    let pc = discover(PC, &[7; 17]);
    assert_eq!(silence(&handle(&mut policy, pc, NOW)), Silence::NoBootFile);
    let host = |mac, kind| Builder::question(mac, 1, kind, true);
    assert_eq!(silence(&handle(&mut policy, host(PI5, Kind::Discover), NOW)), Silence::NoNetboot);
    assert_eq!(silence(&handle(&mut policy, host(PC, Kind::Discover), NOW)), Silence::NoPi);
    for kind in [Kind::Request, Kind::Decline, Kind::Release, Kind::Inform] {
        assert_eq!(silence(&handle(&mut policy, host(PI5, kind), NOW)), Silence::NotGivenHere);
    }
    let other = Silence::OtherServer { server: ip(254) };
    let taken = request(PI5).address(54, ip(254)).address(50, ip(7));
    let actions = handle(&mut policy, taken, NOW);
    assert_eq!(silence(&actions), other);
    // What the board has from there is told.
    assert!(matches!(actions.last(), Some(Action::Tell(Event::Heard(heard))) if heard.wanted == Some(ip(7))));
}

#[test]
fn a_request_without_a_class_belongs_to_the_offer_before_it() {
    let mut policy = policy(Mode::Proxy, |_| {});
    let _ = handle(&mut policy, discover(PI5, &pi5_id()), NOW);
    let actions = handle(&mut policy, request(PI5).address(54, ip(1)), NOW + 1);
    assert_eq!(answer(&actions), Answer::BootAck);
    let packet = Packet::parse(&reply(&actions).bytes).unwrap();
    assert_eq!((packet.kind, packet.yiaddr), (Kind::Ack, Ipv4Addr::UNSPECIFIED));
    assert_eq!(packet.option(43).as_deref(), Some(&PI_MENU[..]));
    // Later it may be an operating system.
    let actions = handle(&mut policy, request(PI5).address(54, ip(1)), NOW + 1 + ANEW);
    assert_eq!(silence(&actions), Silence::NoNetboot);
}

#[test]
fn the_boot_server_answers_where_it_was_asked() {
    let mut policy = policy(Mode::Proxy, |c| c.boot_files = [(7, "ipxe.efi".to_owned())].into());
    let ask = |policy: &mut Policy, message: Builder| {
        let bytes = message.finish();
        policy.handle(&Packet::parse(&bytes).unwrap(), at(PXE_PORT, ip(60)), NOW)
    };
    let pi = discover(PI5, &pi5_id()).ciaddr(ip(60));
    let actions = ask(&mut policy, pi);
    assert_eq!(reply(&actions).to, To::Host(SocketAddrV4::new(ip(60), 68)));
    assert_eq!((reply(&actions).port, answer(&actions)), (PXE_PORT, Answer::BootAck));
    let uefi = |kind| {
        Builder::question(PC, 9, kind, false)
            .option(60, b"PXEClient:Arch:00007:UNDI:003016")
            .option(93, &[0, 7])
            .option(97, &[0; 17])
            .option(43, &[71, 4, 0, 0, 0, 0, 255])
    };
    let actions = ask(&mut policy, uefi(Kind::Request));
    let packet = Packet::parse(&reply(&actions).bytes).unwrap();
    assert_eq!((packet.file, packet.siaddr), (&b"ipxe.efi"[..], ip(1)));
    assert_eq!(packet.option(43).as_deref(), Some(&[71, 4, 0, 0, 0, 0, 255][..]));
    assert_eq!(packet.option(97).as_deref(), Some(&[0; 17][..]));
    assert!(!packet.has(66));
    assert_eq!(silence(&ask(&mut policy, discover(PC, &[7; 17]))), Silence::NoBootFile);
    assert_eq!(silence(&ask(&mut policy, uefi(Kind::Release))), Silence::WrongPort);
    // And on port 67 it learns of the file at once.
    let offered = handle(&mut policy, uefi(Kind::Discover).broadcast(), NOW);
    let offered = Packet::parse(&reply(&offered).bytes).unwrap();
    assert_eq!((offered.file, offered.yiaddr), (&b"ipxe.efi"[..], Ipv4Addr::UNSPECIFIED));
}

#[test]
fn a_relay_gets_the_answer_and_its_option_back() {
    let mut proxy = policy(Mode::Proxy, |_| {});
    let far = Ipv4Addr::new(192, 168, 9, 1);
    let relayed = |relay| discover(PI5, &pi5_id()).giaddr(relay).option(82, &[1, 2, 9, 9]);
    let actions = handle(&mut proxy, relayed(far), NOW);
    assert_eq!(reply(&actions).to, To::Host(SocketAddrV4::new(far, 67)));
    let bytes = &reply(&actions).bytes;
    assert!(bytes.ends_with(&[82, 4, 1, 2, 9, 9, 255]), "{bytes:?}");
    assert_eq!(bytes[24..28], far.octets());
    let mut full = policy(Mode::Dhcp, |_| {});
    assert_eq!(silence(&handle(&mut full, relayed(far), NOW)), Silence::OtherNetwork);
    assert_eq!(reply(&handle(&mut full, relayed(ip(254)), NOW)).to, To::Host(SocketAddrV4::new(ip(254), 67)));
    let refused = handle(&mut full, request(PI5).giaddr(ip(254)).address(54, ip(1)).address(50, far), NOW);
    let nak = Packet::parse(&reply(&refused).bytes).unwrap();
    assert_eq!((nak.kind, nak.flags), (Kind::Nak, BROADCAST));
}

#[test]
fn looking_for_a_server_is_counted() {
    let mut policy = policy(Mode::Proxy, |_| {});
    let tries = |policy: &mut Policy, message: Builder, now| match handle(policy, message, now).last() {
        Some(Action::Tell(Event::Heard(heard))) => heard.tries,
        other => panic!("{other:?}"),
    };
    let rom = || discover(PI3, &ROM_ID);
    let counted: Vec<u32> = (0..5).map(|n| tries(&mut policy, rom(), NOW + 5 * n)).collect();
    assert_eq!(counted, [1, 2, 3, 4, 5]);
    assert_eq!(tries(&mut policy, discover(PI5, &pi5_id()), NOW), 1);
    assert_eq!(tries(&mut policy, request(PI3), NOW + 21), 0);
    assert_eq!(tries(&mut policy, rom(), NOW + 22), 1);
    assert_eq!(tries(&mut policy, rom(), NOW + 22 + ANEW), 1);
}

#[test]
fn an_offer_has_everything_and_is_looked_at_first() {
    let mut policy = policy(Mode::Dhcp, |c| {
        c.router = Some(ip(254));
        c.dns = vec![ip(253), ip(252)];
        c.lease_time = Duration::from_secs(3600);
    });
    let actions = handle(&mut policy, discover(PI5, &pi5_id()), NOW);
    assert_eq!(actions[0], Action::Look(ip(100)));
    let offer = reply(&actions);
    // The board asked for its answer at the address that it gets.
    assert_eq!((offer.to, offer.delay), (To::Frame { address: ip(100) }, LOOK));
    let packet = Packet::parse(&offer.bytes).unwrap();
    assert_eq!((packet.yiaddr, packet.siaddr), (ip(100), ip(1)));
    let codes: Vec<u8> = packet.codes().collect();
    assert_eq!(codes, [53, 54, 51, 58, 59, 1, 28, 3, 6, 60, 97, 66, 43]);
    assert_eq!([51, 58, 59].map(|code| packet.number(code)), [Some(3600), Some(1800), Some(3150)]);
    assert_eq!(packet.address(28), Some(ip(255)));
    assert_eq!(packet.option(6).as_deref(), Some(&[10, 99, 0, 253, 10, 99, 0, 252][..]));
    // It was never promised, so nothing was written; the second time there is nothing to look at.
    assert!(!actions.iter().any(|action| matches!(action, Action::Record(_))));
    let again = handle(&mut policy, discover(PI5, &pi5_id()).broadcast(), NOW);
    assert_eq!((reply(&again).to, reply(&again).delay), (To::Broadcast, Duration::ZERO));
    let acked = handle(&mut policy, request(PI5).address(54, ip(1)).address(50, ip(100)), NOW);
    let lease = Lease { mac: PI5, address: ip(100), until: NOW + 3600, soft: false };
    assert_eq!(acked[0], Action::Record(Record::Lease(lease)));
    // The REQUEST had no class, but it is the bootloader's.
    assert!(Packet::parse(&reply(&acked).bytes).unwrap().has(43));
}

#[test]
fn the_rom_has_its_address_from_the_offer_on() {
    let mut policy = policy(Mode::Dhcp, |_| {});
    let actions = handle(&mut policy, discover(PI3, &ROM_ID), NOW);
    let lease = Lease { mac: PI3, address: ip(100), until: NOW + 43200, soft: true };
    let places = actions.iter().position(|action| *action == Action::Record(Record::Lease(lease)));
    let sent = actions.iter().position(|action| matches!(action, Action::Send(_)));
    assert!(places.unwrap() < sent.unwrap(), "on disk before it is sent");
    assert_eq!(
        answer(&actions),
        Answer::Offer { address: ip(100), soft: true, delay: Duration::from_secs(2) }
    );
    // All others stay away from it for the whole time, and the system that boots gets the same.
    for n in 0..9 {
        get(&mut policy, Mac::new([0xdc, 0xa6, 0x32, 0, 1, n]), NOW + 1000);
    }
    let late = Mac::new([0xdc, 0xa6, 0x32, 0, 2, 0]);
    assert_eq!(silence(&handle(&mut policy, discover(late, &pi5_id()), NOW + 43199)), Silence::Exhausted);
    let system = Builder::question(PI3, 77, Kind::Discover, false);
    assert!(
        matches!(answer(&handle(&mut policy, system, NOW + 60)), Answer::Offer { address, soft: false, .. } if address == ip(100))
    );
}

#[test]
fn only_pis_get_addresses_unless_told_otherwise() {
    let mut strict = policy(Mode::Dhcp, |c| c.hosts = [(Mac::new([2, 0, 0, 0, 0, 9]), ip(50))].into());
    let host = |mac| Builder::question(mac, 1, Kind::Discover, false);
    assert_eq!(silence(&handle(&mut strict, host(PC), NOW)), Silence::NoPi);
    assert_eq!(silence(&handle(&mut strict, discover(PC, &[7; 17]), NOW)), Silence::NoBootFile);
    assert_eq!(
        silence(&handle(&mut strict, request(PC).address(50, Ipv4Addr::new(1, 2, 3, 4)), NOW)),
        Silence::NoPi
    );
    let fixed = handle(&mut strict, host(Mac::new([2, 0, 0, 0, 0, 9])), NOW);
    assert!(matches!(answer(&fixed), Answer::Offer { address, .. } if address == ip(50)));
    // An operating system on a Pi: an address, and no boot menu.
    let system = handle(&mut strict, host(PI5), NOW);
    assert!(!Packet::parse(&reply(&system).bytes).unwrap().has(43));
    // A Pi under an address of its user's is one while it boots, and known after that.
    let own = Mac::new([2, 0, 0, 0, 7, 7]);
    let address = get(&mut strict, own, NOW);
    let system = handle(&mut strict, host(own), NOW + 100);
    assert!(matches!(answer(&system), Answer::Offer { address: same, .. } if same == address));
    let mut open = policy(Mode::Dhcp, |c| c.everyone = true);
    assert!(matches!(answer(&handle(&mut open, host(PC), NOW)), Answer::Offer { .. }));
    let pc = handle(&mut open, discover(PC, &[7; 17]), NOW);
    assert!(
        !Packet::parse(&reply(&pc).bytes).unwrap().has(60),
        "without a file it isn't told to boot from here"
    );
    let mut booting = policy(Mode::Dhcp, |c| c.boot_files = [(0, "undionly.kpxe".to_owned())].into());
    let pc = handle(&mut booting, discover(PC, &[7; 17]), NOW);
    assert_eq!(Packet::parse(&reply(&pc).bytes).unwrap().file, b"undionly.kpxe");
}

#[test]
fn a_lease_is_renewed_rebound_and_confirmed() {
    let mut policy = policy(Mode::Dhcp, |_| {});
    let address = get(&mut policy, PI5, NOW);
    let renew = request(PI5).ciaddr(address);
    let actions = handle(&mut policy, renew, NOW + 30000);
    assert_eq!(reply(&actions).to, To::Host(SocketAddrV4::new(address, 68)));
    assert_eq!(Packet::parse(&reply(&actions).bytes).unwrap().ciaddr, address);
    let lease = Lease { mac: PI5, address, until: NOW + 30000 + 43200, soft: false };
    assert_eq!(actions[0], Action::Record(Record::Lease(lease)));
    // After a restart of the board, also where the lease is over and nobody else has it.
    for later in [40000, 90000] {
        let actions = handle(&mut policy, request(PI5).address(50, address), NOW + later);
        assert!(matches!(answer(&actions), Answer::Ack { address: same, .. } if same == address));
        assert_eq!(reply(&actions).to, To::Frame { address });
    }
}

#[test]
fn an_address_that_it_cannot_have_is_refused() {
    let mut full = policy(Mode::Dhcp, |c| c.hosts = [(PI3, ip(105))].into());
    let first = get(&mut full, PI5, NOW);
    let other = Mac::new([0xdc, 0xa6, 0x32, 0, 0, 1]);
    let why = |policy: &mut Policy, message: Builder| {
        let actions = handle(policy, message, NOW);
        assert_eq!((reply(&actions).kind, reply(&actions).to), (Kind::Nak, To::Broadcast));
        match answer(&actions) {
            Answer::Nak { why } => why,
            other => panic!("{other:?}"),
        }
    };
    let asks = |mac, address| request(mac).address(54, ip(1)).address(50, address);
    let far = Ipv4Addr::new(192, 168, 1, 5);
    assert_eq!(why(&mut full, asks(other, far)), Refusal::WrongNetwork);
    assert_eq!(why(&mut full, request(other).address(54, ip(1)).ciaddr(far)), Refusal::WrongNetwork);
    assert_eq!(why(&mut full, asks(other, first)), Refusal::Taken);
    assert_eq!(why(&mut full, asks(other, ip(9))), Refusal::NotOurs);
    assert_eq!(why(&mut full, asks(other, ip(105))), Refusal::NotOurs);
    assert_eq!(why(&mut full, asks(PI5, ip(108))), Refusal::HasAnother);
    assert_eq!(why(&mut full, asks(PI3, ip(100))), Refusal::Taken);
    assert_eq!(why(&mut full, asks(PI3, ip(101))), Refusal::NotOurs);
    // One that our leases know: it is certain that it has another address.
    let asks = |mac, address| request(mac).address(50, address);
    assert_eq!(why(&mut full, asks(PI5, ip(108))), Refusal::HasAnother);
    assert_eq!(why(&mut full, asks(PI5, far)), Refusal::WrongNetwork);
    // One that nobody here knows may have its address from another server, whatever it is, and whether one was found or
    // not: it starts again (INIT-REBOOT), renews, or looks for any server (REBINDING).
    for address in [far, first, ip(9), ip(105)] {
        for message in [asks(other, address), request(other).ciaddr(address)] {
            assert_eq!(silence(&handle(&mut full, message, NOW)), Silence::Unknown, "{address}");
        }
    }
    // Beside another server only what was asked of this one is refused.
    let mut second = policy(Mode::Dhcp, |c| c.force = true);
    assert_eq!(silence(&handle(&mut second, asks(other, ip(9)), NOW)), Silence::Unknown);
    assert_eq!(silence(&handle(&mut second, asks(other, ip(103)), NOW)), Silence::Unknown);
    assert_eq!(why(&mut second, asks(other, ip(9)).address(54, ip(1))), Refusal::NotOurs);
    let address = get(&mut second, other, NOW);
    let confirmed = handle(&mut second, asks(other, address), NOW + 5);
    assert!(matches!(answer(&confirmed), Answer::Ack { .. }));
    assert_eq!(silence(&handle(&mut second, request(other), NOW)), Silence::Unknown);
}

#[test]
fn another_servers_offer_frees_ours() {
    let mut policy = policy(Mode::Dhcp, |c| c.range = Some((ip(100), ip(100))));
    let _ = handle(&mut policy, discover(PI5, &pi5_id()), NOW);
    assert_eq!(silence(&handle(&mut policy, discover(PI3, &pi5_id()), NOW)), Silence::Exhausted);
    let elsewhere = request(PI5).address(54, ip(7)).address(50, ip(33));
    assert_eq!(silence(&handle(&mut policy, elsewhere, NOW)), Silence::OtherServer { server: ip(7) });
    assert!(matches!(answer(&handle(&mut policy, discover(PI3, &pi5_id()), NOW)), Answer::Offer { .. }));
}

#[test]
fn given_back_and_declined() {
    let mut policy = policy(Mode::Dhcp, |_| {});
    let address = get(&mut policy, PI5, NOW);
    let say = |kind| Builder::question(PI5, 5, kind, false).address(54, ip(1));
    let wrong = handle(&mut policy, say(Kind::Release).ciaddr(ip(109)), NOW);
    assert_eq!(silence(&wrong), Silence::NotIts);
    let actions = handle(&mut policy, say(Kind::Release).ciaddr(address), NOW + 5);
    assert_eq!(answer(&actions), Answer::Released { address });
    let lease = Lease { mac: PI5, address, until: NOW + 5, soft: false };
    assert_eq!(actions[0], Action::Record(Record::Lease(lease)));
    assert_eq!(get(&mut policy, PI5, NOW + 6), address);
    let actions = handle(&mut policy, say(Kind::Decline).address(50, address), NOW + 7);
    assert_eq!(answer(&actions), Answer::Declined { address });
    assert_eq!(actions[0], Action::Record(Record::Barred { address, until: NOW + 7 + 600 }));
    assert_ne!(get(&mut policy, PI5, NOW + 8), address);
    let again = handle(&mut policy, say(Kind::Decline).address(50, address), NOW + 9);
    assert_eq!(silence(&again), Silence::NotIts);
}

#[test]
fn settings_are_told_without_an_address() {
    let mut policy = policy(Mode::Dhcp, |_| {});
    let inform = |address| Builder::question(PI5, 5, Kind::Inform, false).ciaddr(address);
    let actions = handle(&mut policy, inform(ip(200)), NOW);
    assert_eq!(reply(&actions).to, To::Host(SocketAddrV4::new(ip(200), 68)));
    let packet = Packet::parse(&reply(&actions).bytes).unwrap();
    assert_eq!((packet.yiaddr, packet.has(51), packet.has(1)), (Ipv4Addr::UNSPECIFIED, false, true));
    assert_eq!(silence(&handle(&mut policy, inform(Ipv4Addr::UNSPECIFIED), NOW)), Silence::NotIts);
}

#[test]
fn an_address_in_use_is_not_given_out() {
    let mut policy = policy(Mode::Dhcp, |_| {});
    let _ = handle(&mut policy, discover(PI5, &pi5_id()), NOW);
    // The board itself may answer, and addresses that aren't on offer don't matter.
    assert_eq!(policy.conflict(ip(100), PI5, NOW), []);
    assert_eq!(policy.conflict(ip(101), PC, NOW), []);
    let actions = policy.conflict(ip(100), PC, NOW);
    assert_eq!(actions[0], Action::Withdraw(PI5));
    assert_eq!(actions[1], Action::Tell(Event::Conflict { address: ip(100), holder: PC, mac: PI5 }));
    assert_eq!(actions[2], Action::Record(Record::Barred { address: ip(100), until: NOW + 600 }));
    assert_eq!(actions[3], Action::Look(ip(101)));
    assert_eq!(Packet::parse(&reply(&actions).bytes).unwrap().yiaddr, ip(101));
    // Once the board has it, it sees to that itself.
    let taken = request(PI5).address(54, ip(1)).address(50, ip(101));
    assert!(matches!(answer(&handle(&mut policy, taken, NOW)), Answer::Ack { .. }));
    assert_eq!(policy.conflict(ip(101), PC, NOW), []);
}

#[test]
fn what_a_conflict_leaves_a_board_with_is_told() {
    let mut policy = policy(Mode::Dhcp, |c| c.range = Some((ip(100), ip(100))));
    let _ = handle(&mut policy, discover(PI5, &pi5_id()), NOW);
    let actions = policy.conflict(ip(100), PC, NOW);
    assert_eq!(silence(&actions), Silence::Exhausted);
    assert!(matches!(actions.last(), Some(Action::Tell(Event::Heard(heard))) if heard.tries == 1));
}

#[test]
fn a_board_beside_another_server_shows_its_address_once() {
    let mut proxy = policy(Mode::Proxy, |_| {});
    assert_eq!(proxy.shown(PI3, ip(7), NOW), None);
    for at in [NOW, NOW + 5] {
        let _ = handle(&mut proxy, discover(PI3, &ROM_ID), at);
        let shown = Some(Action::Tell(Event::Addressed { mac: PI3, address: ip(7) }));
        assert_eq!([(), ()].map(|()| proxy.shown(PI3, ip(7), at + 2)), [shown, None]);
    }
    // Neither a PC, nor a board that asked long ago, nor one that has its address from here.
    let _ = handle(&mut proxy, discover(PC, &[7; 17]), NOW);
    assert_eq!(proxy.shown(PC, ip(8), NOW), None);
    let _ = handle(&mut proxy, discover(PI5, &pi5_id()), NOW);
    assert_eq!(proxy.shown(PI5, ip(8), NOW + ANEW), None);
    let mut full = policy(Mode::Dhcp, |_| {});
    let _ = handle(&mut full, discover(PI5, &pi5_id()), NOW);
    assert_eq!(full.shown(PI5, ip(8), NOW), None);
}

#[test]
fn an_answer_says_what_it_gives() {
    let mut proxy = policy(Mode::Proxy, |c| c.boot_files = [(0, "a.kpxe".to_owned())].into());
    let sent = |actions: &[Action]| {
        let sent = reply(actions).sent();
        (sent.message, sent.address, sent.boots)
    };
    assert_eq!(sent(&handle(&mut proxy, discover(PI5, &pi5_id()), NOW)), (Kind::Offer, None, true));
    assert_eq!(sent(&handle(&mut proxy, discover(PC, &[7; 17]), NOW)), (Kind::Offer, None, false));
    let mut full = policy(Mode::Dhcp, |_| {});
    assert_eq!(sent(&handle(&mut full, discover(PI5, &pi5_id()), NOW)), (Kind::Offer, Some(ip(100)), true));
    let system = Builder::question(PI3, 77, Kind::Discover, false);
    assert_eq!(sent(&handle(&mut full, system, NOW)), (Kind::Offer, Some(ip(101)), false));
    let refused = handle(&mut full, request(PI5).address(54, ip(1)).address(50, ip(9)), NOW);
    assert_eq!(sent(&refused), (Kind::Nak, None, false));
}

#[test]
fn leases_outlive_the_process() {
    let mut first = policy(Mode::Dhcp, |_| {});
    let mut records = Vec::new();
    for n in 0..10 {
        let mac = Mac::new([0xdc, 0xa6, 0x32, 0, 1, n]);
        for message in [discover(mac, &ROM_ID), request(mac).address(54, ip(1)).address(50, ip(100 + n))] {
            let actions = handle(&mut first, message, NOW);
            records.extend(actions.into_iter().filter_map(|action| match action {
                Action::Record(record) => Some(record),
                _ => None,
            }));
        }
    }
    let plan = AddressPlan::new(&config(Mode::Dhcp), &eth0()).unwrap();
    let mut second = Policy::new(plan, &records, true);
    assert_eq!(silence(&handle(&mut second, discover(PI5, &pi5_id()), NOW + 9)), Silence::Exhausted);
    let mac = Mac::new([0xdc, 0xa6, 0x32, 0, 1, 7]);
    let renewed = handle(&mut second, request(mac).ciaddr(ip(107)), NOW + 9);
    assert!(matches!(answer(&renewed), Answer::Ack { address, .. } if address == ip(107)));
}

#[test]
fn an_address_that_is_no_boards_any_more_is_given_to_another_one_after_the_next_start() {
    let mut first = policy(Mode::Dhcp, |c| c.hosts = [(PI3, ip(105))].into());
    assert_eq!(get(&mut first, PI3, NOW), ip(105));
    let mut records = Vec::new();
    for n in 0..9 {
        let mac = Mac::new([0xdc, 0xa6, 0x32, 0, 1, n]);
        let offered = handle(&mut first, discover(mac, &ROM_ID), NOW);
        let Answer::Offer { address, .. } = answer(&offered) else { panic!("{offered:?}") };
        assert_ne!(address, ip(105), "it belongs to one board alone");
        let actions = handle(&mut first, request(mac).address(54, ip(1)).address(50, address), NOW);
        records.extend(actions.into_iter().filter_map(|action| match action {
            Action::Record(record) => Some(record),
            _ => None,
        }));
    }
    // Nobody is left in the settings, and its lease is over: what they said is nowhere else.
    let plan = AddressPlan::new(&config(Mode::Dhcp), &eth0()).unwrap();
    let mut second = Policy::new(plan, &records, true);
    assert_eq!(get(&mut second, PI5, NOW + 9), ip(105));
}

#[test]
fn a_flood_of_strangers_is_forgotten() {
    let mut policy = policy(Mode::Proxy, |_| {});
    for n in 0..3 * REMEMBERED as u32 {
        let [a, b, c, d] = n.to_be_bytes();
        let _ = handle(
            &mut policy,
            Builder::question(Mac::new([2, 9, a, b, c, d]), 1, Kind::Discover, true),
            NOW,
        );
    }
    assert!(policy.seen.len() <= REMEMBERED);
}

#[test]
fn answers_are_no_questions() {
    let mut policy = policy(Mode::Dhcp, |_| {});
    let question = discover(PI5, &pi5_id()).finish();
    let answer = Builder::reply(&Packet::parse(&question).unwrap(), Kind::Offer);
    assert_eq!(silence(&handle(&mut policy, answer, NOW)), Silence::NoQuestion);
}

mod any {
    use super::*;
    use proptest::prelude::*;

    /// Messages of a few boards about a few addresses, so that they meet.
    fn message() -> impl Strategy<Value = (Builder, u64)> {
        let address = prop_oneof![Just(0u32), (0u32..14).prop_map(|n| u32::from(ip(98)) + n)];
        let kind = prop::sample::select(vec![
            Kind::Discover,
            Kind::Discover,
            Kind::Request,
            Kind::Request,
            Kind::Decline,
            Kind::Release,
            Kind::Inform,
        ]);
        (kind, 0u8..16, address.clone(), address, 0u8..3, 0u8..4, 0u64..40000).prop_map(
            |(kind, who, wanted, has, server, form, later)| {
                let mac = Mac::new([0xdc, 0xa6, 0x32, 0, 0, who]);
                let mut message = Builder::question(mac, 1, kind, who & 1 == 1).ciaddr(has.into());
                if wanted != 0 {
                    message = message.address(50, wanted.into());
                }
                if server > 0 {
                    message = message.address(54, ip(server));
                }
                if form > 0 {
                    message = message
                        .option(60, b"PXEClient")
                        .option(97, if form == 1 { &ROM_ID } else { &[1; 17] });
                }
                (message, later)
            },
        )
    }

    proptest! {
        /// A board that got nothing from here may have its address from anybody: it is never refused, whatever it asks for
        /// and whatever others got before, with another server and without one.
        #[test]
        fn a_strangers_lease_is_never_refused(
            before in prop::collection::vec(message(), 0..40), force: bool, renews: bool, address: u32, near in 90u8..115,
        ) {
            let mut policy = policy(Mode::Dhcp, |c| c.force = force);
            for (message, _) in before {
                let _ = handle(&mut policy, message, NOW);
            }
            let stranger = Mac::new([0xdc, 0xa6, 0x32, 9, 9, 9]);
            for address in [Ipv4Addr::from(address), ip(near)] {
                let message = request(stranger);
                let message = if renews { message.ciaddr(address) } else { message.address(50, address) };
                let actions = handle(&mut policy, message, NOW);
                let refused = |action: &Action| matches!(action, Action::Send(reply) if reply.kind == Kind::Nak);
                prop_assert!(!actions.iter().any(refused), "{actions:?}");
            }
        }

        /// Whatever boards say in whatever order: nobody is promised an address that somebody else has.
        #[test]
        fn no_address_is_given_twice(messages in prop::collection::vec(message(), 1..120)) {
            let mut policy = policy(Mode::Dhcp, |_| {});
            let mut owners: HashMap<Ipv4Addr, (Mac, u64)> = HashMap::new();
            let mut now = NOW;
            for (message, later) in messages {
                now += later / 100;
                for action in handle(&mut policy, message, now) {
                    let lease = match action {
                        Action::Record(Record::Lease(lease)) => lease,
                        Action::Record(Record::Barred { address, .. }) => {
                            owners.remove(&address);
                            continue;
                        }
                        _ => continue,
                    };
                    let before = owners.insert(lease.address, (lease.mac, lease.until));
                    if let Some((mac, until)) = before {
                        prop_assert!(mac == lease.mac || until <= now, "{} is {mac}'s until {until}", lease.address);
                    }
                    prop_assert!(u32::from(lease.address) >= u32::from(ip(100)) && lease.address <= ip(109));
                }
            }
        }
    }
}

#[test]
fn who_asks_is_told_where_the_station_is_and_nobody_else() {
    let url = "http://10.99.0.2:8080";
    let mut policy = policy(Mode::Dhcp, |c| {
        c.everyone = true;
        c.station = Some(url.to_owned());
    });
    let told = |policy: &mut Policy, wanted: &[u8]| {
        let question = Builder::question(PC, 5, Kind::Discover, false).option(code::PARAMETERS, wanted);
        let actions = handle(policy, question, NOW);
        let bytes = reply(&actions).bytes.clone();
        let packet = Packet::parse(&bytes).unwrap();
        packet.option(code::STATION).map(|value| value.into_owned())
    };
    assert_eq!(told(&mut policy, &[1, 3, code::STATION]).as_deref(), Some(url.as_bytes()));
    assert_eq!(told(&mut policy, &[1, 3, code::ROUTER]), None);
}

#[test]
fn only_boards_of_the_list_are_answered_in_both_modes() {
    for mode in [Mode::Proxy, Mode::Dhcp] {
        let mut policy =
            policy(mode, |config| config.admission.allow = vec![PI5.to_string().parse().unwrap()]);
        reply(&handle(&mut policy, discover(PI5, &pi5_id()), NOW));
        let other = handle(&mut policy, discover(PI3, &ROM_ID), NOW);
        assert_eq!(silence(&other), Silence::NotAllowed, "{mode}");
        let mut policy =
            self::policy(mode, |config| config.admission.deny = vec![PI5.to_string().parse().unwrap()]);
        assert_eq!(silence(&handle(&mut policy, discover(PI5, &pi5_id()), NOW)), Silence::Denied, "{mode}");
        reply(&handle(&mut policy, discover(PI3, &ROM_ID), NOW));
        // On the boot server's port too.
        let bytes = discover(PI5, &pi5_id()).finish();
        let asked = policy.handle(&Packet::parse(&bytes).unwrap(), at(PXE_PORT, ip(77)), NOW);
        assert_eq!(silence(&asked), Silence::Denied, "{mode}");
    }
}

/// The ROM of a 3B never tells a number; its MAC address has it.
#[test]
fn the_rom_of_a_pi_3_is_known_by_its_serial_number_in_the_lists() {
    let mac = Mac::new([0xb8, 0x27, 0xeb, 0x04, 0xb2, 0xda]);
    for mode in [Mode::Proxy, Mode::Dhcp] {
        let lists = |names: &[&str]| names.iter().map(|name| name.parse().unwrap()).collect();
        let mut allowing = policy(mode, |config| config.admission.allow = lists(&["0004b2da"]));
        reply(&handle(&mut allowing, discover(mac, &ROM_ID), NOW));
        assert_eq!(
            silence(&handle(&mut allowing, discover(PI3, &ROM_ID), NOW)),
            Silence::NotAllowed,
            "{mode}"
        );
        let mut denying = policy(mode, |config| config.admission.deny = lists(&["000000000004b2da"]));
        assert_eq!(silence(&handle(&mut denying, discover(mac, &ROM_ID), NOW)), Silence::Denied, "{mode}");
    }
}

#[test]
fn a_client_that_the_settings_name_and_that_is_no_pi_is_told() {
    let listed = |mode, files: &[(u16, String)]| {
        policy(mode, |config| {
            config.admission.allow = vec![PC.to_string().parse().unwrap()];
            config.boot_files = files.iter().cloned().collect();
        })
    };
    let pxe = || discover(PC, &[7; 17]);
    let system = |kind| Builder::question(PC, 1, kind, true);
    let mut proxy = listed(Mode::Proxy, &[]);
    assert_eq!(silence(&handle(&mut proxy, pxe(), NOW)), Silence::NothingForIt);
    assert_eq!(silence(&handle(&mut proxy, system(Kind::Discover), NOW)), Silence::NoPi, "no matter of ours");
    let mut dhcp = listed(Mode::Dhcp, &[]);
    assert_eq!(silence(&handle(&mut dhcp, pxe(), NOW)), Silence::NothingForIt);
    assert_eq!(silence(&handle(&mut dhcp, system(Kind::Discover), NOW)), Silence::NothingForIt);
    // Which file is missing is more worth.
    let mut with_files = listed(Mode::Proxy, &[(7, "ipxe.efi".to_owned())]);
    assert_eq!(silence(&handle(&mut with_files, pxe(), NOW)), Silence::NoBootFile);
    let mut everybodys = policy(Mode::Proxy, |_| {});
    assert_eq!(silence(&handle(&mut everybodys, pxe(), NOW)), Silence::NoBootFile, "nobody has named it");
}

#[test]
fn a_board_that_is_denied_gets_no_address_for_its_system_either() {
    let mut policy =
        policy(Mode::Dhcp, |config| config.admission.deny = vec![PI5.to_string().parse().unwrap()]);
    let asked = request(PI5).address(50, ip(100));
    assert_eq!(silence(&handle(&mut policy, asked, NOW)), Silence::Denied);
}

#[test]
fn another_tftp_server_is_named_in_both_modes() {
    let nas = Ipv4Addr::new(10, 99, 0, 200);
    for mode in [Mode::Proxy, Mode::Dhcp] {
        let mut policy = policy(mode, |config| config.tftp_server = Some(nas));
        let actions = handle(&mut policy, discover(PI5, &pi5_id()), NOW);
        let packet = Packet::parse(&reply(&actions).bytes).unwrap();
        assert_eq!(packet.siaddr, nas, "{mode}");
        assert_eq!(packet.option(66).as_deref(), Some(&b"10.99.0.200"[..]), "{mode}");
        assert_eq!(packet.address(54), Some(ip(1)), "{mode}: who answers is this host");
    }
}

#[test]
fn option_43_has_the_text_of_the_settings() {
    let mut policy = policy(Mode::Proxy, |config| config.menu = Some("Our boards".to_owned()));
    let actions = handle(&mut policy, discover(PI5, &pi5_id()), NOW);
    let packet = Packet::parse(&reply(&actions).bytes).unwrap();
    let vendor = packet.option(43).unwrap();
    assert_eq!(&vendor[9..], b"\x09\x0d\x00\x00\x0aOur boards\xff");
}

#[test]
fn a_clock_that_is_set_from_2023_takes_the_leases_along() {
    /// A host without a battery for its clock, before and after it has heard the time.
    const BEFORE: u64 = 1_680_000_000;
    const AFTER: u64 = 1_796_000_000;
    let mut policy = policy(Mode::Dhcp, |config| config.range = Some((ip(100), ip(100))));
    let address = get(&mut policy, PI5, BEFORE);
    let moved = policy.clock_set(BEFORE + 10, AFTER);
    let until = AFTER - 10 + 12 * 3600;
    let lease = Lease { mac: PI5, address, until, soft: false };
    assert_eq!(moved, [Action::Record(Record::Lease(lease))], "on disk too");
    // Its board has the address, so nobody else gets it.
    assert_eq!(silence(&handle(&mut policy, discover(PI3, &ROM_ID), AFTER + 1)), Silence::Exhausted);
    reply(&handle(&mut policy, discover(PI3, &ROM_ID), until));
}

#[test]
fn a_lease_of_2036_lasts_no_longer_than_others() {
    let far = Record::Lease(Lease { mac: PI5, address: ip(100), until: 2_092_608_000, soft: false });
    let mut config = config(Mode::Dhcp);
    config.range = Some((ip(100), ip(100)));
    let plan = AddressPlan::new(&config, &eth0()).unwrap();
    let mut policy = Policy::new(plan, &[far.within(NOW, 12 * 3600)], false);
    assert_eq!(
        silence(&handle(&mut policy, discover(PI3, &ROM_ID), NOW + 12 * 3600 - 1)),
        Silence::Exhausted
    );
    reply(&handle(&mut policy, discover(PI3, &ROM_ID), NOW + 12 * 3600));
}

/// A network behind a relay, and that relay.
fn with_relay(config: &mut Config) {
    let far = |last| Ipv4Addr::new(10, 98, 0, last);
    let network = crate::dhcp::config::Network::new(far(0), 24);
    let range = Some((far(100), far(101)));
    config.relayed = vec![crate::dhcp::config::RelayedNet { network, range, router: Some(far(1)) }];
}

#[test]
fn a_relayed_discover_gets_an_address_of_its_network_through_the_relay() {
    let far = |last| Ipv4Addr::new(10, 98, 0, last);
    let mut policy = policy(Mode::Dhcp, with_relay);
    let actions = handle(&mut policy, discover(PI5, &pi5_id()).giaddr(far(1)).option(82, &[1, 2, 7, 7]), NOW);
    assert!(!actions.iter().any(|action| matches!(action, Action::Look(_))), "ARP doesn't reach there");
    let reply = reply(&actions);
    assert_eq!(reply.to, To::Host(SocketAddrV4::new(far(1), 67)));
    let packet = Packet::parse(&reply.bytes).unwrap();
    assert_eq!((packet.yiaddr, packet.giaddr), (far(100), far(1)));
    assert_eq!(packet.address(1), Some(Ipv4Addr::new(255, 255, 255, 0)));
    assert_eq!((packet.address(3), packet.address(28)), (Some(far(1)), Some(far(255))));
    assert_eq!(packet.option(82).as_deref(), Some(&[1, 2, 7, 7][..]), "the relay gets its option back");
    // It takes it, and renews it later on its own, through a router.
    let taken = request(PI5).address(54, ip(1)).address(50, far(100)).giaddr(far(1));
    assert!(matches!(answer(&handle(&mut policy, taken, NOW)), Answer::Ack { .. }));
    let renewed = handle(&mut policy, request(PI5).ciaddr(far(100)), NOW + 9);
    assert!(matches!(answer(&renewed), Answer::Ack { address, .. } if address == far(100)), "{renewed:?}");
    assert_eq!(self::reply(&renewed).to, To::Host(SocketAddrV4::new(far(100), 68)));
    // The same board at home has an address of the network at home, and gives back the other one.
    assert_eq!(get(&mut policy, PI5, NOW + 10), ip(100));
    let next = handle(&mut policy, discover(PI3, &pi5_id()).giaddr(far(1)), NOW + 11);
    assert!(
        matches!(answer(&next), Answer::Offer { address, .. } if address == far(101) || address == far(100))
    );
}

#[test]
fn a_relay_from_a_network_without_addresses_gets_none() {
    let mut policy = policy(Mode::Dhcp, with_relay);
    let strange = discover(PI5, &pi5_id()).giaddr(Ipv4Addr::new(10, 97, 0, 1));
    assert_eq!(silence(&handle(&mut policy, strange, NOW)), Silence::OtherNetwork);
}

#[test]
fn a_relays_own_address_is_given_to_nobody_and_taken_from_nobody() {
    let far = |last| Ipv4Addr::new(10, 98, 0, last);
    let mut policy = policy(Mode::Dhcp, with_relay);
    let ask = |policy: &mut Policy, mac, relay| {
        answer(&handle(policy, discover(mac, &pi5_id()).giaddr(relay), NOW))
    };
    let offered = ask(&mut policy, PI5, far(100));
    assert!(matches!(offered, Answer::Offer { address, .. } if address == far(101)), "{offered:?}");
    let taken = request(PI5).address(54, ip(1)).address(50, far(101)).giaddr(far(100));
    assert!(matches!(answer(&handle(&mut policy, taken, NOW)), Answer::Ack { .. }));
    // Somebody claims to be a relay with that board's address.
    ask(&mut policy, PC, far(101));
    let again = request(PI5).ciaddr(far(101));
    assert!(matches!(answer(&handle(&mut policy, again, NOW)), Answer::Ack { .. }));
}

#[test]
fn fixed_addresses_are_those_of_the_boards_network() {
    let far = |last| Ipv4Addr::new(10, 98, 0, last);
    let mut policy = policy(Mode::Dhcp, |config| {
        with_relay(config);
        config.hosts = [(PI5, far(50)), (PI3, ip(50))].into();
    });
    let offer = |policy: &mut Policy, question: Builder| match answer(&handle(policy, question, NOW)) {
        Answer::Offer { address, .. } => address,
        other => panic!("{other:?}"),
    };
    assert_eq!(offer(&mut policy, discover(PI5, &pi5_id()).giaddr(far(1))), far(50));
    assert_eq!(offer(&mut policy, discover(PI5, &pi5_id())), ip(100), "at home it has none of its own");
    assert_eq!(offer(&mut policy, discover(PI3, &pi5_id())), ip(50));
}
