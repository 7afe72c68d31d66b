//! One network behind relays that reach this host over several interfaces.

use std::sync::Arc;

use super::*;
use crate::wire::Interface;

fn far(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 98, 0, last)
}

/// The servers of two interfaces with these settings, with what each had on disk.
fn servers(config: &Config, records: [&[Record]; 2]) -> [Policy; 2] {
    let second =
        Interface { name: "eth1".to_owned(), addresses: vec![(Ipv4Addr::new(10, 97, 0, 1), 24)], ..eth0() };
    let on_second = Config { interface: "eth1".to_owned(), range: None, ..config.clone() };
    let plans = [(config, eth0()), (&on_second, second)];
    let plans = plans.map(|(config, interface)| AddressPlan::new(config, &interface).unwrap());
    // As the servers do it when they are opened.
    plans.iter().zip(records).for_each(|(plan, records)| config.relays.recall(plan, records));
    let [first, second] = plans;
    [Policy::new(first, records[0], false), Policy::new(second, records[1], false)]
}

fn settings() -> Config {
    let mut config = config(Mode::Dhcp);
    with_relay(&mut config);
    config
}

fn mac(n: u8) -> Mac {
    Mac::new([0xdc, 0xa6, 0x32, 0, 9, n])
}

fn asked(policy: &mut Policy, n: u8, now: u64) -> Answer {
    answer(&handle(policy, discover(mac(n), &pi5_id()).giaddr(far(1)), now))
}

fn offered(policy: &mut Policy, n: u8, now: u64) -> Ipv4Addr {
    match asked(policy, n, now) {
        Answer::Offer { address, .. } => address,
        other => panic!("{other:?}"),
    }
}

fn taken(policy: &mut Policy, n: u8, address: Ipv4Addr, now: u64) -> Vec<Action> {
    let server = policy.plan().server;
    handle(policy, request(mac(n)).address(54, server).address(50, address).giaddr(far(1)), now)
}

fn records(actions: &[Action]) -> Vec<Record> {
    let record = |action: &Action| match action {
        Action::Record(record) => Some(*record),
        _ => None,
    };
    actions.iter().filter_map(record).collect()
}

#[test]
fn no_address_behind_a_relay_is_given_twice_over_two_interfaces() {
    let config = settings();
    let [mut first, mut second] = servers(&config, [&[], &[]]);
    let one = offered(&mut first, 1, NOW);
    let other = offered(&mut second, 2, NOW);
    assert_eq!([one, other], [far(100), far(101)]);
    assert!(matches!(answer(&taken(&mut first, 1, one, NOW)), Answer::Ack { .. }));
    let acked = taken(&mut second, 2, other, NOW);
    assert!(matches!(answer(&acked), Answer::Ack { .. }));
    let packet = Packet::parse(&reply(&acked).bytes).unwrap();
    assert_eq!(packet.address(54), Some(Ipv4Addr::new(10, 97, 0, 1)), "each server answers as itself");
    // Those are all, over either.
    assert_eq!(asked(&mut first, 3, NOW), Answer::None { why: Silence::Exhausted });
    assert_eq!(asked(&mut second, 3, NOW), Answer::None { why: Silence::Exhausted });
    // Nobody takes the other's, whoever is asked for it; and its board renews over whatever interface.
    let stolen = taken(&mut second, 3, one, NOW);
    assert_eq!(answer(&stolen), Answer::Nak { why: Refusal::Taken });
    let renewed = handle(&mut second, request(mac(1)).ciaddr(one), NOW + 9);
    assert!(matches!(answer(&renewed), Answer::Ack { address, .. } if address == one), "{renewed:?}");
    // What one has given back, the other gives out.
    handle(&mut first, Builder::question(mac(2), 5, Kind::Release, false).ciaddr(other), NOW + 10);
    assert_eq!(offered(&mut first, 3, NOW + 11), other);
}

#[test]
fn what_one_server_had_on_disk_the_other_does_not_give_away() {
    let mut config = settings();
    let [mut first, mut second] = servers(&config, [&[], &[]]);
    let one = offered(&mut second, 1, NOW);
    let written = records(&taken(&mut second, 1, one, NOW));
    // The first knows an older lease of another board for the same address.
    let older = offered(&mut first, 2, NOW);
    let mut older = records(&taken(&mut first, 2, older, NOW))[0];
    if let Record::Lease(lease) = &mut older {
        (lease.address, lease.until) = (one, NOW + 60);
    }
    config.relays = Arc::default();
    let [mut first, mut second] = servers(&config, [&[older], &written]);
    assert_eq!(offered(&mut first, 3, NOW + 5), far(101));
    assert_eq!(asked(&mut second, 4, NOW + 5), Answer::None { why: Silence::Exhausted });
    let renewed = handle(&mut first, request(mac(1)).ciaddr(one), NOW + 9);
    assert!(matches!(answer(&renewed), Answer::Ack { address, .. } if address == one), "{renewed:?}");
}

#[test]
fn a_clock_that_is_set_moves_what_is_shared_once() {
    let config = settings();
    let [mut first, mut second] = servers(&config, [&[], &[]]);
    let one = offered(&mut first, 1, NOW);
    taken(&mut first, 1, one, NOW);
    let lasts = 12 * 3600;
    // Each server notices for itself, and what each writes is the same.
    let later = NOW + 30 * 86400;
    let told: Vec<_> =
        [&mut first, &mut second].into_iter().map(|policy| records(&policy.clock_set(NOW, later))).collect();
    assert_eq!(told[0], told[1]);
    let Record::Lease(lease) = told[0][0] else { panic!("{told:?}") };
    assert_eq!((lease.address, lease.until), (one, later + lasts));
    assert_eq!(offered(&mut second, 2, later + 1), far(101));
    assert_eq!(asked(&mut second, 3, later + 2), Answer::None { why: Silence::Exhausted });
}
