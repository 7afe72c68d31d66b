//! `piprov bootd` and a station at its control socket: a board that is done gets nothing when it asks the network again,
//! so it falls to its disk; one that is armed boots.

use std::io::Write;
use std::time::Duration;

use piprov::arming::Word;
use piprov::board::Mac;
use piprov::config::netboot::Mode;
use piprov::control::Say;
use piprov::control::message::{Seen, ToClient, ToServer};
use piprov::eeprom::Image;

use crate::netboot_model::{self, Board, Kind};
use crate::netboot_rig::station::Station;
use crate::netboot_rig::{self, Net, Program, boots, tree};

const DHCP: &[&str] = &["--mode", "dhcp", "--range", "10.99.0.100-10.99.0.120"];

fn net() -> Net {
    let mut net = Net::new();
    tree(&net.root, "");
    net.control = Some(net.lan.dir.path().join("run/control.sock"));
    net
}

fn bootd(net: &Net, more: &[&str]) -> Program {
    let (root, state) = (net.root.to_str().unwrap(), net.state.to_str().unwrap());
    let mut all = vec!["bootd", "--interface", "eth0", "--tftp-root", root, "--state", state, "-v"];
    all.extend(more);
    let program = net.start("ours", &all);
    program.until("it serves", |event| event["event"] == "serving");
    program
}

/// Switches a board on.
pub(crate) fn power(net: &Net, kind: Kind, seconds: u64) -> Board {
    let mut boards = vec![Board::new(kind, 1)];
    net.lan.inside("client", || netboot_model::run(&mut boards, "eth0", Duration::from_secs(seconds)));
    boards.remove(0)
}

/// It got nothing, and goes on to its disk.
pub(crate) fn falls_to_its_disk(board: &Board) {
    assert!(board.end.as_ref().is_some_and(Result::is_err) && board.files.is_empty(), "{:?}", board.log);
}

#[test]
fn a_done_board_gets_nothing_and_an_armed_one_boots_beside_a_full_server() {
    let net = net();
    net.lan.house_dnsmasq(&[]);
    let serve = bootd(&net, &["--mode", "proxy"]);
    let mut station = Station::new(&net);
    let ToClient::Serving { interface, mode, others, rules, .. } = &station.serving else { panic!() };
    assert_eq!((interface.as_deref(), *mode, *others, *rules), (Some("eth0"), Some(Mode::Proxy), true, 0));
    let board = power(&net, Kind::Pi4, 30);
    boots(&board);
    station.saw(board.mac, &Seen::Asks { answered: true });
    station.saw(board.mac, &Seen::Ended);
    station.say(board.mac, Word::Withheld);
    let board = power(&net, Kind::Pi4, 12);
    falls_to_its_disk(&board);
    station.saw(board.mac, &Seen::Withheld);
    station.say(board.mac, Word::Armed);
    boots(&power(&net, Kind::Pi4, 30));
    let told = serve.end();
    let withheld = |event: &&serde_json::Value| event["dhcp"]["why"]["why"] == "withheld";
    assert!(told.iter().filter(withheld).count() >= 1);
    // It was nobody's boot: there is no third record, and no warning.
    assert_eq!(net.boots_of(&board).len(), 2);
}

#[test]
fn one_boot_is_given_once_also_where_the_server_is_killed_and_the_station_is_away() {
    let net = net();
    let serve = bootd(&net, DHCP);
    let mut station = Station::new(&net);
    // All stages of a Pi 3's boot are one: ROM, then bootcode.bin.
    let board = Board::new(Kind::Pi3, 1);
    station.say(board.mac, Word::Once { turn: 7 });
    boots(&power(&net, Kind::Pi3, 60));
    falls_to_its_disk(&power(&net, Kind::Pi3, 12));
    // The same word again is not another boot.
    station.say(board.mac, Word::Once { turn: 7 });
    falls_to_its_disk(&power(&net, Kind::Pi3, 12));
    station.say(board.mac, Word::Once { turn: 8 });
    drop(station);
    serve.kill();
    let serve = bootd(&net, DHCP);
    boots(&power(&net, Kind::Pi3, 60));
    serve.kill();
    let serve = bootd(&net, DHCP);
    falls_to_its_disk(&power(&net, Kind::Pi3, 12));
    serve.end();
}

#[test]
fn boards_that_no_station_spoke_of_are_left_alone_where_that_is_wanted_and_systems_keep_their_address() {
    let net = net();
    let serve = bootd(&net, &[DHCP, &["--withhold"]].concat());
    falls_to_its_disk(&power(&net, Kind::Pi5, 12));
    let mut station = Station::new(&net);
    let board = Board::new(Kind::Pi5, 1);
    station.say(board.mac, Word::Once { turn: 1 });
    // Its system asks for its address when the boot is used up, and gets it.
    let board = power(&net, Kind::Pi5, 30);
    boots(&board);
    station.saw(board.mac, &Seen::System);
    let told = serve.end();
    let mac = netboot_rig::mac(&board);
    let of_system = |event: &&serde_json::Value| {
        event["dhcp"]["mac"] == mac
            && event["dhcp"]["stage"] == "pi-host"
            && event["dhcp"]["answer"] == "offer"
    };
    assert!(told.iter().any(|event| of_system(&event)), "{told:#?}");
}

/// What a station offers to a board: an image of its EEPROM with its signature.
fn offer(station: &mut Station, mac: [u8; 6], id: u64, image: Option<&[u8]>) -> Option<String> {
    let boards = vec![Mac::new(mac)];
    let Some(image) = image else {
        return station.ask(ToServer::Offer { id, boards, signature: String::new() }, id);
    };
    let signature = Image::parse(image.to_vec()).unwrap().sig(1_790_000_000).to_string();
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(image).unwrap();
    station.ask(Say { message: ToServer::Offer { id, boards, signature }, file: Some(file.into()) }, id)
}

#[test]
fn an_eeprom_image_is_offered_by_tftp_to_one_board_alone_and_only_while_its_station_says_so() {
    let net = net();
    // What lies there for all is another one.
    std::fs::write(net.root.join("pieeprom.sig"), "of all").unwrap();
    let serve = bootd(&net, DHCP);
    let mut station = Station::new(&net);
    let image = crate::eeprom::pi4(b"[all]\nBOOT_UART=1\n");
    let boot = |number: u16| {
        let mut boards = vec![Board::new(Kind::Pi4, number)];
        boards[0].also(&["pieeprom.sig".to_owned(), "pieeprom.upd".to_owned()]);
        net.lan.inside("client", || netboot_model::run(&mut boards, "eth0", Duration::from_secs(40)));
        let board = boards.remove(0);
        boots(&board);
        let got = |name: &str| {
            let found = board.files.iter().find(|(path, _)| path.ends_with(name));
            found.map(|(_, file)| file.len())
        };
        (got("pieeprom.sig"), got("pieeprom.upd"))
    };
    let (one, other) = (Board::new(Kind::Pi4, 1).mac, Board::new(Kind::Pi4, 2).mac);
    let of_all = (Some("of all".len() as u64), None);
    assert_eq!(boot(1), of_all);
    assert_eq!(offer(&mut station, one, 1, Some(&image)), None);
    let signature = Image::parse(image.clone()).unwrap().sig(1_790_000_000).to_string();
    assert_eq!(boot(1), (Some(signature.len() as u64), Some(image.len() as u64)));
    assert_eq!(boot(2), of_all);
    // Another board's is that one's.
    assert_eq!(offer(&mut station, other, 2, Some(&image)), None);
    assert_eq!(boot(2), (Some(signature.len() as u64), Some(image.len() as u64)));
    assert_eq!(offer(&mut station, other, 3, None), None);
    assert_eq!(offer(&mut station, one, 4, None), None);
    assert_eq!(boot(1), of_all);
    // It ends with the station.
    assert_eq!(offer(&mut station, one, 5, Some(&image)), None);
    drop(station);
    let station = Station::new(&net);
    assert_eq!(boot(1), of_all);
    drop(station);
    serve.end();
}

#[test]
fn a_station_resets_targets_by_their_names_and_nothing_else() {
    let net = net();
    let database = net.lan.dir.path().join("lab.csv");
    let mark = net.lan.dir.path().join("was-reset");
    let rows = format!(
        "name,mac,ip,reset\nlab-01,dc:a6:32:01:02:03,,command:touch {}\nlab-02,dc:a6:32:01:02:04,,\n",
        mark.display()
    );
    std::fs::write(&database, rows).unwrap();
    let serve = bootd(&net, &[DHCP, &["--targets", database.to_str().unwrap()]].concat());
    let mut station = Station::new(&net);
    let ToClient::Serving { targets, .. } = &station.serving else { panic!() };
    assert_eq!(*targets, ["lab-01"]);
    let reset = |target: &str, id| ToServer::Reset { id, target: target.to_owned() };
    assert_eq!(station.ask(reset("lab-01", 1), 1), None);
    assert!(mark.exists());
    let why = station.ask(reset("lab-02", 2), 2).unwrap();
    assert!(why.contains("no reset is configured"), "{why}");
    assert!(station.ask(reset("command:touch /tmp/x", 3), 3).is_some());
    serve.end();
    assert!(net.boots().iter().any(|record| record.board.name.as_deref() == Some("lab-01")));
}
