//! Boards with their root here keep their address.

use super::*;
use crate::board::Serial;
use crate::dhcp::lasting::{FOREVER, Lasting};
use std::sync::Arc;

/// The system of a board that boots: it says no number, and no class.
fn system(policy: &mut Policy, mac: Mac, now: u64) -> Packet<'static> {
    let offered = handle(policy, Builder::question(mac, 77, Kind::Discover, false), now);
    let Answer::Offer { address, .. } = answer(&offered) else { panic!("{offered:?}") };
    let acked = handle(policy, request(mac).address(54, ip(1)).address(50, address), now);
    Packet::parse(Box::leak(reply(&acked).bytes.to_vec().into_boxed_slice())).unwrap()
}

/// A Pi 5 that tells a number of its own: DISCOVER and REQUEST; gives its address.
fn boot(policy: &mut Policy, n: u8, now: u64) -> Result<Ipv4Addr, Silence> {
    let mut id = pi5_id();
    id[16] = n;
    let mac = Mac::new([0xdc, 0xa6, 0x32, 0, 1, n]);
    let offered = handle(policy, discover(mac, &id), now);
    let Answer::Offer { address, .. } = answer(&offered) else { return Err(silence(&offered)) };
    handle(policy, request(mac).address(54, ip(1)).address(50, address), now);
    Ok(address)
}

#[test]
fn a_board_with_its_root_here_keeps_its_address() {
    let lasting = Arc::new(Lasting::default());
    let mut policy = policy(Mode::Dhcp, |c| {
        c.lease_time = Duration::from_secs(3600);
        c.lasting = Arc::clone(&lasting);
    });
    // The number that the Pi 5 of these tests tells.
    let client = DhcpClient::of(&Packet::parse(&discover(PI5, &pi5_id()).finish()).unwrap(), &[]);
    lasting.set([], [client.serial.unwrap()]);
    let own = get(&mut policy, PI5, NOW);
    let ack = system(&mut policy, PI5, NOW + 20);
    assert_eq!((ack.yiaddr, ack.number(51)), (own, Some(FOREVER)));
    // Days later, with all other addresses given out, nobody gets its.
    let later = NOW + 7 * 86400;
    for n in 0..9 {
        assert_ne!(boot(&mut policy, n, later), Ok(own));
    }
    assert_eq!(boot(&mut policy, 10, later), Err(Silence::Exhausted));
    assert_eq!(system(&mut policy, PI5, later).yiaddr, own);
    // Another board that tells another number has an end to its lease.
    assert_eq!(system(&mut policy, Mac::new([0xdc, 0xa6, 0x32, 0, 1, 0]), later).number(51), Some(3600));
    // When it is no client any more, its address is one as all others.
    lasting.set([], [Serial::of_low(1)]);
    let later = later + 2 * 3600;
    let got: Vec<_> = (20..30).map(|n| boot(&mut policy, n, later).unwrap()).collect();
    assert!(got.contains(&own), "{got:?}");
}

#[test]
fn who_tells_the_number_of_a_board_with_its_root_here_takes_nothing_from_it() {
    let lasting = Arc::new(Lasting::default());
    let mut policy = policy(Mode::Dhcp, |c| {
        c.lease_time = Duration::from_secs(3600);
        c.lasting = Arc::clone(&lasting);
    });
    lasting.set([], [number()]);
    // Somebody has told its number before, and has no address yet: that takes nothing from the board.
    let forged = Mac::new([0x02, 0, 0, 0, 0, 0x66]);
    handle(&mut policy, discover(forged, &pi5_id()), NOW);
    let own = get(&mut policy, PI5, NOW);
    assert_eq!(system(&mut policy, PI5, NOW + 20).number(51), Some(FOREVER));
    // Another one tells it, and takes an address: one as all others get it.
    let other = get(&mut policy, forged, NOW + 30);
    assert_eq!(system(&mut policy, forged, NOW + 40).number(51), Some(3600));
    // The board's lease has no end all the same, and nobody gets its address when others' time is over.
    let later = NOW + 7 * 86400;
    let got: Vec<_> = (0..9).map(|n| boot(&mut policy, n, later)).collect();
    assert!(got.contains(&Ok(other)) && !got.contains(&Ok(own)), "{got:?}");
    assert_eq!(boot(&mut policy, 10, later), Err(Silence::Exhausted));
    let ack = system(&mut policy, PI5, later);
    assert_eq!((ack.yiaddr, ack.number(51)), (own, Some(FOREVER)));
    // It gives the address back: then the board that tells the number next is the client's.
    handle(&mut policy, Builder::question(PI5, 5, Kind::Release, false).ciaddr(own), later + 1);
    let later = later + 86400;
    get(&mut policy, forged, later);
    assert_eq!(system(&mut policy, forged, later).number(51), Some(FOREVER));
}

#[test]
fn who_has_told_the_number_of_a_board_too_is_not_taken_for_it_after_a_restart() {
    let lasting = Arc::new(Lasting::default());
    let mut config = config(Mode::Dhcp);
    config.lasting = Arc::clone(&lasting);
    lasting.set([], [number()]);
    let forged = Mac::new([0x02, 0, 0, 0, 0, 0x66]);
    let mut written = on_disk(&config);
    let mut policy = again(&config, &written, NOW);
    let offered = handle(&mut policy, discover(forged, &pi5_id()), NOW);
    let Answer::Offer { address, .. } = answer(&offered) else { panic!("{offered:?}") };
    written.extend(records(&handle(
        &mut policy,
        request(forged).address(54, ip(1)).address(50, address),
        NOW,
    )));
    assert_eq!(written.iter().filter(|record| record.is_lasting()).count(), 1, "{written:?}");
    let lasting = Arc::new(Lasting::default());
    config.lasting = Arc::clone(&lasting);
    lasting.set([], [number()]);
    let mut policy = again(&config, &written, NOW + 5);
    assert!(lasting.has(PI5) && !lasting.has(forged));
    assert_eq!(system(&mut policy, PI5, NOW + 5).number(51), Some(FOREVER));
}

/// The records among what is to be done.
fn records(actions: &[Action]) -> Vec<Record> {
    let record = |action: &Action| match action {
        Action::Record(record) => Some(*record),
        _ => None,
    };
    actions.iter().filter_map(record).collect()
}

/// A Pi 5 boots and is given an address, by a server with this configuration: what is on disk then.
fn on_disk(config: &Config) -> Vec<Record> {
    let mut policy = Policy::new(AddressPlan::new(config, &eth0()).unwrap(), &[], true);
    handle(&mut policy, discover(PI5, &pi5_id()), NOW);
    records(&handle(&mut policy, request(PI5).address(54, ip(1)).address(50, ip(100)), NOW))
}

/// A server that begins anew with what is on disk, so much later, as the server does.
fn again(config: &Config, records: &[Record], now: u64) -> Policy {
    let longest = config.lease_time.as_secs();
    for record in records {
        match record {
            Record::Lease(lease) if record.is_lasting() => config.lasting.promised(lease.mac, true),
            _ => {}
        }
    }
    let records: Vec<Record> = records.iter().map(|record| record.within(now, longest)).collect();
    Policy::new(AddressPlan::new(config, &eth0()).unwrap(), &records, true)
}

fn number() -> Serial {
    DhcpClient::of(&Packet::parse(&discover(PI5, &pi5_id()).finish()).unwrap(), &[]).serial.unwrap()
}

#[test]
fn a_board_that_is_allowed_by_its_number_is_known_after_a_restart() {
    let mut config = config(Mode::Dhcp);
    config.admission.allow = vec![number().to_string().parse().unwrap()];
    let written = on_disk(&config);
    assert_eq!(written[1], Record::Serial { mac: PI5, serial: number() });
    let mut policy = again(&config, &written, NOW + 10);
    // Its system tells no number: it renews, and looks for a server anew.
    let renewed = handle(&mut policy, request(PI5).ciaddr(ip(100)), NOW + 10);
    assert!(matches!(answer(&renewed), Answer::Ack { address, .. } if address == ip(100)), "{renewed:?}");
    assert_eq!(records(&renewed)[1], written[1], "and stays known");
    let asked = handle(&mut policy, Builder::question(PI5, 77, Kind::Discover, false), NOW + 20);
    assert!(matches!(answer(&asked), Answer::Offer { .. }), "{asked:?}");
    // Another board doesn't become it.
    assert_eq!(silence(&handle(&mut policy, discover(PI3, &ROM_ID), NOW + 20)), Silence::NotAllowed);
}

#[test]
fn a_lease_that_never_ends_goes_on_after_a_restart() {
    let lasting = Arc::new(Lasting::default());
    let mut config = config(Mode::Dhcp);
    config.range = Some((ip(100), ip(100)));
    config.lasting = Arc::clone(&lasting);
    lasting.set([], [number()]);
    let written = on_disk(&config);
    assert!(written[0].is_lasting(), "{written:?}");
    // A new process knows the clients' numbers, and their Ethernet addresses from the file alone.
    let lasting = Arc::new(Lasting::default());
    config.lasting = Arc::clone(&lasting);
    lasting.set([], [number()]);
    let later = NOW + 30 * 86400;
    let mut policy = again(&config, &written, later);
    assert_eq!(boot(&mut policy, 7, later + 86400), Err(Silence::Exhausted));
    let ack = system(&mut policy, PI5, later + 2 * 86400);
    assert_eq!((ack.yiaddr, ack.number(51)), (ip(100), Some(FOREVER)));
    // A clock that is set doesn't end it either.
    assert!(records(&policy.clock_set(later, later + 5))[0].is_lasting());
    // When it is no client any more, its lease is as long as others.
    lasting.set([], []);
    let mut policy = again(&config, &written, later);
    assert_eq!(boot(&mut policy, 7, later), Err(Silence::Exhausted));
    assert_eq!(boot(&mut policy, 7, later + 43200), Ok(ip(100)));
}

#[test]
fn numbers_of_boards_that_are_gone_are_forgotten() {
    let mut policy = policy(Mode::Dhcp, |config| config.range = Some((ip(100), ip(100))));
    let mut now = NOW;
    for n in 0..3000u16 {
        let [high, low] = n.to_be_bytes();
        now += 43201;
        get(&mut policy, Mac::new([0xdc, 0xa6, 0x32, 3, high, low]), now);
    }
    assert!(policy.serials.len() <= KEPT + 3, "{}", policy.serials.len());
}
