use super::*;
use crate::dhcp::build::Builder;
use crate::dhcp::pi::OUIS;
use crate::netboot::watch::answer::Verdict;
use crate::tftp::packet::{self as tftp, Direction, Mode};
use crate::wire::bpdu::tests::STP;
use crate::wire::frame::parse;
use crate::wire::frame::tests::{ethernet, udp};

const PI: Mac = Mac::new([0xdc, 0xa6, 0x32, 1, 2, 9]);
const HERE: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 2);

fn picture() -> Picture {
    Picture::new(vec![HERE], OUIS.to_vec())
}

fn discover(mac: Mac, id: &[u8]) -> Builder {
    Builder::question(mac, 1, Kind::Discover, false)
        .option(93, &[0, 0])
        .option(97, id)
        .option(60, b"PXEClient:Arch:00000:UNDI:002001")
}

fn pi4() -> Builder {
    discover(PI, b"\0RPi4\x14\x31\xc0\x00\x32\x01\x02\x09\xf2\x03\x1d\x9c")
}

fn offer(question: Builder, from: Ipv4Addr, build: impl FnOnce(Builder) -> Builder) -> Vec<u8> {
    let question = question.finish();
    let reply = Builder::reply(&Packet::parse(&question).unwrap(), Kind::Offer).address(54, from);
    udp(&format!("{from}:67"), "255.255.255.255:68", &build(reply).finish())
}

/// Frames come to it that can be read.
fn hear(picture: &mut Picture, bytes: &[u8], now: Instant) -> Vec<Seen> {
    parse(bytes, None).map(|frame| picture.hear(&frame, now)).unwrap_or_default()
}

fn show(seen: &[Seen]) -> Vec<String> {
    seen.iter().map(|seen| serde_json::to_string(seen).unwrap()).collect()
}

#[test]
fn a_boot_is_followed_from_the_wire_alone() {
    let mut picture = picture();
    let start = Instant::now();
    let seen = hear(&mut picture, &udp("0.0.0.0:68", "255.255.255.255:67", &pi4().finish()), start);
    assert_eq!(
        show(&seen),
        [
            r#"{"event":"discover","count":1,"program":"eeprom4","board":{"mac":"dc:a6:32:01:02:09","serial":"9c1d03f2","chip":"bcm2711","model":"Pi 4B"}}"#
        ]
    );
    let home = Ipv4Addr::new(10, 99, 0, 1);
    let board = Ipv4Addr::new(10, 99, 0, 100);
    let seen = hear(&mut picture, &offer(pi4(), home, |reply| reply.yiaddr(board)), start);
    assert_eq!(seen.len(), 2, "{:?}", show(&seen));
    assert!(
        matches!(&seen[1], Seen::Other(Other::Server { ip, answer, .. }) if *ip == home && answer.verdict == Verdict::AddressOnly)
    );
    let seen =
        hear(&mut picture, &offer(pi4(), HERE, |reply| reply.option(43, b"Raspberry Pi Boot   ")), start);
    assert!(matches!(&seen[0], Seen::Board { step: Step::Offer(offer), .. } if offer.ours && offer.boots));
    // Again: nothing new.
    assert_eq!(
        hear(&mut picture, &offer(pi4(), HERE, |reply| reply.option(43, b"Raspberry Pi Boot   ")), start),
        []
    );
    let request = |path: &str| tftp::request(Direction::Read, path.as_bytes(), Mode::Octet, &[("tsize", 0)]);
    let ask = |picture: &mut Picture, port: u16, path: &str| {
        let from = format!("{board}:{port}");
        hear(picture, &udp(&from, "10.99.0.2:69", &request(path)), start)
    };
    let seen = ask(&mut picture, 49152, "9c1d03f2/start4.elf");
    assert!(show(&seen)[0].contains(r#""event":"part","part":"firmware""#), "{:?}", show(&seen));
    let gone = tftp::error(Code::NOT_FOUND, "no such file");
    let seen = hear(&mut picture, &udp("10.99.0.2:40000", &format!("{board}:49152"), &gone), start);
    assert!(show(&seen)[0].contains(r#""event":"absent","path":"9c1d03f2/start4.elf""#), "{:?}", show(&seen));
    let seen = ask(&mut picture, 49153, "config.txt");
    assert_eq!(seen, []);
    // The next question shows that the last was answered.
    let seen = ask(&mut picture, 49154, "start4.elf");
    assert!(show(&seen)[0].contains(r#""event":"got","path":"config.txt""#), "{:?}", show(&seen));
    let early = tftp::error(Code(0), "Early terminate");
    let seen = hear(&mut picture, &udp(&format!("{board}:49154"), "10.99.0.2:40001", &early), start);
    assert!(show(&seen)[0].contains(r#""event":"probe""#));
    // The last file of a boot has no question after it; the time shows it.
    ask(&mut picture, 49155, "kernel8.img");
    let seen = picture.tick(start + Duration::from_secs(31));
    assert!(show(&seen)[0].contains(r#""event":"got","path":"kernel8.img""#), "{:?}", show(&seen));
}

#[test]
fn spanning_tree_is_the_first_suspect() {
    let mut picture = picture();
    let start = Instant::now();
    let bpdu = [&[0x42, 0x42, 3][..], &STP].concat();
    let frame = ethernet(38, &bpdu);
    assert!(matches!(&hear(&mut picture, &frame, start)[..], [Seen::Other(Other::Tree(_))]));
    assert_eq!(hear(&mut picture, &frame, start), []);
    let rom = discover(PI, &[&[0][..], &[0x44; 16]].concat());
    hear(&mut picture, &udp("0.0.0.0:68", "255.255.255.255:67", &rom.finish()), start);
    assert_eq!(picture.tick(start), []);
    let late = start + Duration::from_secs(30);
    let seen = picture.tick(late);
    assert!(show(&seen)[0].contains("portfast"), "{:?}", show(&seen));
    assert_eq!(picture.tick(late), [], "said once");
    assert!(picture.conclusions().iter().any(|line| line.says("held back for 30 s")));
}

#[test]
fn pcs_are_told_and_left_alone() {
    let mut picture = picture();
    let pc = Mac::new([0x52, 0x54, 0, 1, 2, 3]);
    let frame = udp("0.0.0.0:68", "255.255.255.255:67", &discover(pc, &[0; 17]).finish());
    assert_eq!(hear(&mut picture, &frame, Instant::now()), [Seen::Other(Other::Pc { mac: pc, arch: 0 })]);
    assert_eq!(hear(&mut picture, &frame, Instant::now()), []);
    assert_eq!(picture.tick(Instant::now() + Duration::from_secs(60)), []);
}

#[test]
fn a_server_is_told_again_when_it_turns_out_to_boot_boards() {
    let mut picture = picture();
    let now = Instant::now();
    let home = Ipv4Addr::new(10, 99, 0, 1);
    assert_eq!(hear(&mut picture, &offer(pi4(), home, |reply| reply.yiaddr(home)), now).len(), 1);
    let seen = hear(&mut picture, &offer(pi4(), home, |reply| reply.option(43, b"Raspberry Pi Boot")), now);
    assert_eq!(seen.len(), 1);
    assert!(
        picture.conclusions().iter().any(|line| line.says("three spaces")),
        "{:?}",
        picture.conclusions()
    );
}

/// An answer with so much in it that it doesn't fit into one frame.
#[test]
fn of_an_answer_in_fragments_the_first_one_is_read() {
    let mut picture = picture();
    let home = Ipv4Addr::new(10, 99, 0, 1);
    let long = |reply: Builder| reply.option(43, b"Raspberry Pi Boot   ").option(224, &[7; 200]);
    let mut frame = offer(pi4(), home, long);
    // The first fragment ends in the last option.
    frame.truncate(frame.len() - 100);
    let len = (frame.len() as u16 - 14).to_be_bytes();
    frame[16..18].copy_from_slice(&len);
    assert_eq!(hear(&mut picture, &frame, Instant::now()), [], "it is damaged, unless more follows");
    frame[20] = 0x20;
    let seen = hear(&mut picture, &frame, Instant::now());
    assert!(
        matches!(&seen[..], [.., Seen::Other(Other::Server { ip, answer, .. })] if *ip == home && answer.verdict.boots()),
        "{seen:?}"
    );
}

#[test]
fn a_pi_that_asks_by_dhcpv6_only_is_told_with_what_helps() {
    use crate::netboot::watch::dhcpv6::tests::solicit;
    use crate::wire::frame::tests::udp6;
    let mut picture = picture();
    let now = Instant::now();
    let ask = |data: &[u8]| udp6("[fe80::e65f:1ff:fe20:240b]:546", "[ff02::1:2]:547", data);
    let board = Mac::new([0xe4, 0x5f, 0x01, 0x20, 0x24, 0x0b]);
    // A system on it first, which says no architecture.
    let mut system = solicit();
    system.truncate(18);
    let seen = hear(&mut picture, &ask(&system), now);
    assert!(
        matches!(&seen[..], [Seen::Other(Other::Dhcpv6 { mac, arch: None, boots: false, .. })] if *mac == board)
    );
    assert!(picture.conclusions().is_empty(), "{:?}", picture.conclusions());
    let seen = hear(&mut picture, &ask(&solicit()), now);
    assert!(
        matches!(&seen[..], [Seen::Other(Other::Dhcpv6 { arch: Some(0x29), boots: true, hint, .. })] if hint.says("USE_IPV6"))
    );
    assert_eq!(hear(&mut picture, &ask(&solicit()), now), [], "once");
    assert!(picture.conclusions()[0].says("e4:5f:01:20:24:0b asks by DHCPv6 only"));
    // A PC's is nobody's.
    let mut pc = solicit();
    pc.truncate(18);
    pc[12] = 2;
    assert_eq!(hear(&mut picture, &ask(&pc), now), []);
    // One that asks by DHCPv4 too is no such board.
    let too = discover(board, b"\0RPi4\x14\x31\xc0\x00\x01\x20\x24\x0b\xf2\x03\x1d\x9c");
    hear(&mut picture, &udp("0.0.0.0:68", "255.255.255.255:67", &too.finish()), now);
    assert!(!picture.conclusions().iter().any(|line| line.says("DHCPv6")));
}

proptest::proptest! {
    #[test]
    fn no_frames_panic(frames: Vec<Vec<u8>>) {
        let mut picture = picture();
        for frame in &frames {
            let _ = hear(&mut picture, frame, Instant::now());
            let _ = hear(&mut picture, &udp("10.0.0.1:69", "10.0.0.2:69", frame), Instant::now());
        }
        let _ = (picture.tick(Instant::now()), picture.conclusions());
    }
}
