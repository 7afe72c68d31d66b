//! Stations at the control socket of `piprov bootd` that say what they like: boards go on to be served, other stations
//! hear what happens, and nothing grows.

use std::os::fd::OwnedFd;
use std::time::Duration;

use piprov::arming::{MOST_RULES, Name, Rule, Word};
use piprov::board::Mac;
use piprov::control::Say;
use piprov::control::message::{LARGEST, MOST_BOARDS, Seen, ToClient, ToServer, decode, encode};
use piprov::stop::Stop;

use crate::control::{boot, connect, open, say};
use crate::netboot_model::{Board, Kind};
use crate::netboot_rig::station::Station;
use crate::netboot_rig::{Net, Program, tree};

fn net() -> (Net, Program) {
    let mut net = Net::new();
    tree(&net.root, "");
    net.control = Some(net.lan.dir.path().join("run/control.sock"));
    let (root, state) = (net.root.to_str().unwrap(), net.state.to_str().unwrap());
    let targets = net.lan.dir.path().join("lab.csv");
    std::fs::write(&targets, "name,mac,ip,reset\nlab-01,dc:a6:32:01:02:03,,command:true\n").unwrap();
    let program = net.start(
        "ours",
        &[
            "bootd",
            "--interface",
            "eth0",
            "--tftp-root",
            root,
            "--state",
            state,
            "--mode",
            "dhcp",
            "--range",
            "10.99.0.100-10.99.0.120",
            "--targets",
            targets.to_str().unwrap(),
        ],
    );
    program.until("it serves", |event| event["event"] == "serving");
    (net, program)
}

fn packet(message: &ToServer) -> Vec<u8> {
    encode(message, b"").unwrap()
}

fn rule(number: u32, say: Word) -> Rule {
    let [_, b, c, d] = number.to_be_bytes();
    Rule { name: Name::Mac(Mac::new([2, 0, 0, b, c, d])), say: Some(say) }
}

fn arm(id: u64, boards: Vec<Rule>) -> ToServer {
    ToServer::Arm { id, others: None, boards }
}

/// Everything that the server says until the end, or until it says nothing for a while: the last message.
fn last(fd: &OwnedFd) -> Option<ToClient> {
    let mut buf = vec![0; LARGEST + 1];
    rustix::net::sockopt::set_socket_timeout(
        fd,
        rustix::net::sockopt::Timeout::Recv,
        Some(Duration::from_secs(8)),
    )
    .unwrap();
    let mut last = None;
    while let Ok((_, len)) = rustix::net::recv(fd, &mut buf[..], rustix::net::RecvFlags::empty())
        && len > 0
    {
        last = decode::<ToClient>(&buf[..len]).ok().map(|(message, _)| message);
        if matches!(last, Some(ToClient::Refused { .. })) {
            break;
        }
    }
    last
}

#[test]
fn a_station_that_breaks_the_rules_is_put_out_and_told_why_and_the_others_stay() {
    let (net, bootd) = net();
    let path = net.control.clone().unwrap();
    let station = Station::new(&net);
    let before = open(bootd.pid());
    let hello = packet(&ToServer::Station { schema: 1 });
    let many = |count: usize| arm(1, vec![rule(1, Word::Withheld); count]);
    let flood: Vec<Vec<u8>> = (0..300).map(|id| packet(&arm(id, vec![rule(1, Word::Withheld)]))).collect();
    let resets: Vec<Vec<u8>> =
        (0..190).map(|id| packet(&ToServer::Reset { id, target: "lab-01".to_owned() })).collect();
    let cases: Vec<(Vec<Vec<u8>>, &str)> = vec![
        (vec![packet(&many(1))], "it hasn't said that it is a station"),
        (vec![packet(&ToServer::Rules { id: 1, after: None })], "it hasn't said that it is a station"),
        (
            vec![packet(&ToServer::Reset { id: 1, target: "lab-01".to_owned() })],
            "it hasn't said that it is a station",
        ),
        (vec![hello.clone(), hello.clone()], "it has said already what it is"),
        (vec![packet(&ToServer::Station { schema: 9 })], "schema"),
        (vec![hello.clone(), packet(&many(MOST_BOARDS + 1))], "too many"),
        (
            vec![hello.clone(), br#"{"type":"arm","id":1,"boards":[{"mac":"../../x","say":null}]}"#.to_vec()],
            "",
        ),
        (vec![hello.clone(), br#"{"type":"rules","id":1,"after":{"mac":"x"}}"#.to_vec()], ""),
        (vec![hello.clone(), b"\xff\0\xff".to_vec()], ""),
        (vec![hello.clone(), vec![b'['; LARGEST]], ""),
        (vec![hello.clone(), vec![b' '; LARGEST + 10_000]], "longer than"),
        ([vec![hello.clone()], flood].concat(), "too much"),
        ([vec![hello.clone()], resets].concat(), "too much at once"),
    ];
    for (packets, why) in cases {
        let fd = connect(&path).unwrap();
        for packet in &packets {
            // One that is put out meanwhile says no more.
            if rustix::net::send(&fd, packet, rustix::net::SendFlags::NOSIGNAL).is_err() {
                break;
            }
        }
        let Some(ToClient::Refused { text, .. }) = last(&fd) else { panic!("{why}: it isn't put out") };
        assert!(text.contains(why), "{text}, not {why}");
    }
    // Too many of them, and such that never read.
    let kept: Vec<OwnedFd> = (0..3).map(|_| connect(&path).unwrap()).collect();
    for fd in &kept {
        assert!(say(fd, &hello));
        // They read that they are served, and nothing more.
        let mut buf = vec![0; LARGEST + 1];
        for _ in 0..2 {
            assert!(rustix::net::recv(fd, &mut buf[..], rustix::net::RecvFlags::empty()).unwrap().1 > 0);
        }
    }
    let fifth = connect(&path).unwrap();
    assert!(say(&fifth, &hello));
    let Some(ToClient::Refused { text, .. }) = last(&fifth) else { panic!("a fifth station is served") };
    assert!(text.contains("too many stations"), "{text}");
    boot(&net, 1);
    station.saw(Board::new(Kind::Pi4, 1).mac, &Seen::Asks { answered: true });
    drop((kept, fifth));
    let patience = Stop::new().unwrap();
    for _ in 0..1000 {
        if open(bootd.pid()) <= before {
            break;
        }
        let _ = patience.wait(Duration::from_millis(20));
    }
    assert!(open(bootd.pid()) <= before, "{} descriptors, before {before}", open(bootd.pid()));
    bootd.end();
}

/// An offer with a file, as it is.
fn offer(boards: usize, signature: &str, file: &[u8], id: u64) -> Say {
    let boards = (0..boards).map(|n| Mac::new([2, 0, 0, 1, 0, n as u8])).collect();
    let mut of = tempfile::tempfile().unwrap();
    std::io::Write::write_all(&mut of, file).unwrap();
    Say { message: ToServer::Offer { id, boards, signature: signature.to_owned() }, file: Some(of.into()) }
}

#[test]
fn what_a_station_offers_is_an_image_with_its_signature_within_bounds_or_nothing() {
    let (net, bootd) = net();
    let path = net.control.clone().unwrap();
    let mut station = Station::new(&net);
    let before = open(bootd.pid());
    let image = crate::eeprom::pi4(b"[all]\nBOOT_UART=1\n");
    let signature = piprov::eeprom::Image::parse(image.clone()).unwrap().sig(1_790_000_000).to_string();
    // Refused, and the station goes on.
    let mut id = 0;
    let mut ask = |station: &mut Station, boards: usize, signature: &str, file: &[u8]| {
        id += 1;
        station.ask(offer(boards, signature, file, id), id)
    };
    for (what, signature, file, why) in [
        ("nothing", signature.as_str(), &b""[..], "no image"),
        ("no image", signature.as_str(), &vec![0xff; 512 << 10][..], "no image"),
        ("more than any chip has", signature.as_str(), &vec![0; (2 << 20) + 1][..], "longer than"),
        ("another one's signature", &"0".repeat(64)[..], &image[..], "signature"),
        ("no signature", "", &image[..], "signature"),
    ] {
        let told = ask(&mut station, 1, signature, file);
        assert!(told.as_ref().is_some_and(|told| told.contains(why)), "{what}: {told:?}");
    }
    assert_eq!(ask(&mut station, 16, &signature, &image), None);
    // Another station takes no board of this one, and what it has ends with it.
    let mut second = Station::new(&net);
    let taken = second.ask(offer(1, &signature, &image, 1), 1).unwrap();
    assert!(taken.contains("another station"), "{taken}");
    // There is a bound for all of them together.
    for n in 0..3_u64 {
        let boards = (0..16).map(|m| Mac::new([2, 0, 0, 2, n as u8, m])).collect();
        let Say { file, .. } = offer(1, "", &image, 0);
        let message = ToServer::Offer { id: 2 + n, boards, signature: signature.clone() };
        assert_eq!(second.ask(Say { message, file }, 2 + n), None);
    }
    let boards = vec![Mac::new([2, 0, 0, 3, 0, 0])];
    let Say { file, .. } = offer(1, "", &image, 0);
    let message = ToServer::Offer { id: 9, boards, signature: signature.clone() };
    assert!(second.ask(Say { message, file }, 9).unwrap().contains("that is the most"));
    drop(second);
    // What breaks the rules is put out.
    let hello = packet(&ToServer::Station { schema: 1 });
    let plain = |boards: Vec<Mac>, signature: &str| {
        packet(&ToServer::Offer { id: 1, boards, signature: signature.to_owned() })
    };
    let mac = Mac::new([2, 0, 0, 9, 0, 9]);
    for (packets, why) in [
        (vec![plain(vec![mac], "")], "it hasn't said that it is a station"),
        (vec![hello.clone(), plain(vec![], "")], "1 to 16 addresses"),
        (vec![hello.clone(), plain(vec![mac; 17], "")], "1 to 16 addresses"),
        (vec![hello.clone(), plain(vec![mac], &"x".repeat(4097))], "4096 bytes"),
        (vec![hello.clone(), br#"{"type":"offer","id":1,"boards":["../x"]}"#.to_vec()], ""),
    ] {
        let fd = connect(&path).unwrap();
        for packet in &packets {
            if rustix::net::send(&fd, packet, rustix::net::SendFlags::NOSIGNAL).is_err() {
                break;
            }
        }
        let Some(ToClient::Refused { text, .. }) = last(&fd) else { panic!("{why}: it isn't put out") };
        assert!(text.contains(why), "{text}, not {why}");
    }
    // A file that keeps its reader waiting is none: that station is put out, and the others stay.
    let (waits, _writer) = std::io::pipe().unwrap();
    let mut third = Station::new(&net);
    let message = ToServer::Offer { id: 1, boards: vec![mac], signature: signature.clone() };
    third.put(Say { message, file: Some(waits.into()) });
    third.ended();
    boot(&net, 1);
    station.saw(Board::new(Kind::Pi4, 1).mac, &Seen::Asks { answered: true });
    let patience = Stop::new().unwrap();
    for _ in 0..1000 {
        if open(bootd.pid()) <= before {
            break;
        }
        let _ = patience.wait(Duration::from_millis(20));
    }
    assert!(open(bootd.pid()) <= before, "{} descriptors, before {before}", open(bootd.pid()));
    bootd.end();
}

#[test]
fn a_station_cannot_fill_the_disk_with_words_on_boards() {
    let (net, bootd) = net();
    let mut station = Station::new(&net);
    let most = u32::try_from(MOST_RULES).unwrap();
    let mut id = 0;
    let mut fill = |from: u32, to: u32| {
        let all: Vec<Rule> = (from..to).map(|number| rule(number, Word::Withheld)).collect();
        let mut failed = None;
        for part in all.chunks(MOST_BOARDS) {
            id += 1;
            failed = station.ask(arm(id, part.to_vec()), id).or(failed);
        }
        failed
    };
    assert_eq!(fill(0, most), None);
    let why = fill(most, most + 10).unwrap();
    assert!(why.contains("that is the most"), "{why}");
    // The file stays as small as that, however often it is said.
    let size = || std::fs::metadata(net.state.join("arming")).unwrap().len();
    let before = size();
    assert!(before < 60 * u64::from(most) * 2, "{before}");
    boot(&net, 1);
    bootd.end();
}
