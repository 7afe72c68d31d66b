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
