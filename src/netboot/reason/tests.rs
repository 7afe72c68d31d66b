use super::*;
use crate::dhcp::packet::Kind;
use crate::dhcp::pi::Stage;

fn site(mode: Mode) -> Site {
    Site {
        interface: "eth0".to_owned(),
        mode,
        range: Some((Ipv4Addr::new(10, 0, 0, 100), Ipv4Addr::new(10, 0, 0, 109))),
        network: "10.0.0.0/24".to_owned(),
        relayed: Vec::new(),
        has_hosts: true,
        boots_pcs: false,
        is_further: false,
    }
}

fn client(stage: Stage) -> DhcpClient {
    DhcpClient { stage, ..DhcpClient::UNKNOWN }
}

const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const MAC: Mac = Mac::new([2, 0, 0, 0, 0, 9]);

fn silence(why: Silence) -> Reason {
    Reason::Silent { why, arch: Some(7), relay: Some(SERVER), address: Some(SERVER) }
}

/// The whole table: what it is, of which client, in which mode; how much it matters, and whether something helps.
#[test]
fn each_reason_has_its_grade_its_sentence_and_what_helps() {
    use Grade::{Everyday, Note, Warning};
    let (board, pc, system) = (client(Stage::Eeprom4), client(Stage::Pc), client(Stage::PiHost));
    let (dhcp, proxy) = (site(Mode::Dhcp), site(Mode::Proxy));
    let with_pcs = Site { boots_pcs: true, ..site(Mode::Proxy) };
    let relayed = vec![crate::dhcp::config::Network::new(SERVER, 24)];
    let relaying = Site { relayed, ..site(Mode::Dhcp) };
    let no_range = Site { range: None, ..site(Mode::Dhcp) };
    let only_behind =
        Site { range: None, has_hosts: false, interface: "eth0".to_owned(), ..relaying.clone() };
    let other = Silence::OtherServer { server: SERVER };
    let refused = |why| Reason::Refused { why, address: Some(SERVER) };
    let unsent =
        |unsaved| Reason::Unsent { message: Kind::Offer, unsaved, error: "Network is down".to_owned() };
    let table = [
        (silence(Silence::Exhausted), board, &dhcp, Warning, "all of 10.0.0.100-10.0.0.109 are given out"),
        (silence(Silence::Exhausted), board, &no_range, Warning, "only those of single boards"),
        (silence(Silence::Exhausted), board, &relaying, Warning, "in the network of the relay 10.0.0.1"),
        (
            Reason::Silent { why: Silence::Exhausted, arch: None, relay: None, address: None },
            board,
            &only_behind,
            Warning,
            "none are given out on eth0 itself",
        ),
        (silence(Silence::NothingForIt), pc, &proxy, Note, "not taken for a Raspberry Pi"),
        (silence(Silence::Denied), board, &proxy, Note, "netboot.deny"),
        (silence(Silence::Denied), pc, &proxy, Everyday, "netboot.deny"),
        (silence(Silence::NotAllowed), board, &proxy, Note, "none of the boards that do"),
        (silence(Silence::NotAllowed), pc, &proxy, Everyday, "netboot.allow"),
        (silence(other), board, &dhcp, Warning, "took the address of another DHCP server, 10.0.0.1"),
        (silence(other), board, &proxy, Everyday, "comes from the network's DHCP server"),
        (silence(Silence::OtherNetwork), board, &dhcp, Warning, "through the relay 10.0.0.1"),
        (silence(Silence::OtherNetwork), pc, &dhcp, Everyday, "another network than 10.0.0.0/24"),
        (silence(Silence::NoBootFile), pc, &with_pcs, Warning, "no boot file for its architecture, 7"),
        (silence(Silence::NoBootFile), pc, &proxy, Everyday, "a PC that looks for a boot server"),
        (silence(Silence::NoBootFile), client(Stage::PiFirmware), &proxy, Warning, "such as UEFI"),
        (silence(Silence::Unknown), system, &dhcp, Note, "asks to keep 10.0.0.1"),
        (silence(Silence::Unknown), pc, &dhcp, Everyday, "asks to keep 10.0.0.1"),
        (silence(Silence::NoPi), pc, &dhcp, Everyday, "no Raspberry Pi"),
        (silence(Silence::NoNetboot), system, &proxy, Everyday, "another server gives"),
        (silence(Silence::NotGivenHere), system, &proxy, Everyday, "isn't from here"),
        (silence(Silence::NotIts), board, &dhcp, Everyday, "doesn't have"),
        (silence(Silence::NoQuestion), pc, &dhcp, Everyday, "only servers send"),
        (silence(Silence::WrongPort), board, &proxy, Everyday, "on that port"),
        (
            refused(Refusal::WrongNetwork),
            system,
            &dhcp,
            Note,
            "10.0.0.1 was refused to it: it isn't in 10.0.0.0/24",
        ),
        (refused(Refusal::NotOurs), system, &dhcp, Note, "neither among those that are given out"),
        (refused(Refusal::Taken), board, &dhcp, Warning, "another board has it"),
        (refused(Refusal::HasAnother), board, &dhcp, Note, "another address here"),
        (unsent(false), board, &dhcp, Warning, "its OFFER could not be sent: Network is down"),
        (unsent(true), board, &dhcp, Warning, "its lease can't be written"),
        (Reason::HeldBack { seconds: 2.0 }, client(Stage::Rom), &proxy, Note, "held back for 2 s: the ROM"),
        (Reason::HeldBack { seconds: 1.5 }, board, &proxy, Note, "held back for 1.5 s, as the settings say"),
        (Reason::InUse { address: SERVER, holder: MAC }, board, &dhcp, Warning, "02:00:00:00:00:09 has it"),
        (Reason::NoAddress { servers: vec![] }, board, &proxy, Warning, "no DHCP server answers on eth0"),
        (
            Reason::NoAddress { servers: vec![SERVER] },
            board,
            &proxy,
            Warning,
            "which 10.0.0.1 should give it",
        ),
    ];
    for (reason, client, site, grade, words) in table {
        let told = reason.clone().told(client, site);
        assert_eq!(told.grade, grade, "{reason:?}");
        assert!(told.why.contains(words), "{reason:?}: {}", told.why);
        // A warning says what helps. What is only worth knowing may say so in its sentence.
        assert!(grade != Warning || !told.hint.is_empty(), "{reason:?}");
        // It follows the board's name, and more follows it.
        assert!(!told.why.ends_with('.') && !told.why.contains('\n'), "{}", told.why);
        let text = serde_json::to_string(&reason).unwrap();
        assert_eq!(serde_json::from_str::<Reason>(&text).unwrap(), reason, "{text}");
    }
}

#[test]
fn what_helps_is_a_thing_to_do() {
    let (board, dhcp, proxy) = (client(Stage::Eeprom4), site(Mode::Dhcp), site(Mode::Proxy));
    assert!(silence(Silence::Exhausted).told(board, &dhcp).hint.names(Knob::Range));
    // On a further interface that flag says nothing.
    let further = Site { is_further: true, interface: "eth1".to_owned(), ..dhcp.clone() };
    let hint = silence(Silence::Exhausted).told(board, &further).hint;
    assert!(hint.says("the [[netboot.subnet]] of eth1") && !hint.names(Knob::Range), "{hint:?}");
    let other = silence(Silence::OtherServer { server: SERVER }).told(board, &dhcp);
    assert!(other.hint.names(Knob::Mode.to("proxy")) && other.text().says("took the address"));
    let none = Reason::NoAddress { servers: vec![] }.told(board, &proxy);
    assert!(none.hint.names(Knob::Mode.to("dhcp")));
    assert!(Told::no_address().hint.names(Task::Serve));
}

#[test]
fn what_was_decided_is_a_reason_or_none() {
    let heard = |answer| Heard {
        mac: MAC,
        client: DhcpClient { arch: Some(7), ..client(Stage::Pc) },
        message: Kind::Discover,
        port: 67,
        relay: None,
        tries: 1,
        wanted: Some(SERVER),
        name: None,
        answer,
    };
    let of = |answer| Reason::of(&heard(answer));
    let offer = |delay| Answer::Offer { address: SERVER, soft: false, delay };
    assert_eq!(of(offer(LOOK)), None);
    assert_eq!(of(offer(2 * LOOK)), Some(Reason::HeldBack { seconds: 0.6 }));
    assert_eq!(of(Answer::BootOffer { delay: Duration::ZERO }), None);
    assert_eq!(of(Answer::BootAck), None);
    assert_eq!(
        of(Answer::Nak { why: Refusal::Taken }),
        Some(Reason::Refused { why: Refusal::Taken, address: Some(SERVER) })
    );
    let denied = Reason::Silent { why: Silence::Denied, arch: None, relay: None, address: None };
    assert_eq!(of(Answer::None { why: Silence::Denied }), Some(denied), "once, whatever it asks for");
    let silent = of(Answer::None { why: Silence::NoBootFile }).unwrap();
    assert_eq!(
        serde_json::to_string(&silent).unwrap(),
        r#"{"what":"silent","why":"no-boot-file","arch":7,"address":"10.0.0.1"}"#
    );
}

#[test]
fn a_reason_is_told_once_and_again_when_it_changes() {
    let mut once = Once::default();
    let (full, other) = (silence(Silence::Exhausted), silence(Silence::OtherServer { server: SERVER }));
    let held = Reason::HeldBack { seconds: 2.0 };
    let told: Vec<bool> =
        [&full, &full, &held, &full, &held, &other, &full, &held].map(|reason| once.is_new(reason)).into();
    assert_eq!(told, [true, false, true, false, false, true, true, false]);
    // One that goes to and fro comes to an end.
    let more = (0..100).filter(|n| once.is_new(if n % 2 == 0 { &other } else { &full })).count();
    assert_eq!(more, MOST - 4);
}
