//! Each boot that `piprov netboot serve` sees is a run on record: of boards that come up, that get stuck, and of those
//! whose server is killed.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use crate::netboot_model;
use crate::netboot_rig;

use std::io::Read;
use std::process::Stdio;
use std::time::{Duration, Instant};

use netboot_model::{Board, Kind, run};
use netboot_rig::{Net, Program, boots, mac, tree};
use piprov::error::Kind as Failure;
use piprov::netboot::steps::{Boot, Trouble};
use piprov::run::{Ending, Proof, Record, Stage, Way};

/// The last event of a board.
fn ended(serve: &Program, board: &Board) -> serde_json::Value {
    let mac = mac(board);
    serve.until("the end of its boot", |event| event["event"] == "ended" && event["board"]["mac"] == *mac)
}

#[test]
fn boots_are_on_record_as_they_were_told() {
    let net = Net::new();
    net.lan.house_dnsmasq(&[]);
    tree(&net.root, "");
    let mut all = vec![Board::new(Kind::Pi4, 1), Board::new(Kind::Pi5, 2)];
    let client = format!("name = 'porch'\nboard = '{}'\nroot = '/srv/porch'\n", all[0].directory());
    std::fs::create_dir_all(net.state.join("clients")).unwrap();
    std::fs::write(net.state.join("clients/porch.toml"), client).unwrap();
    let serve = net.serve(&[]);
    net.lan.inside("client", || run(&mut all, "eth0", Duration::from_secs(30)));
    for board in &all {
        boots(board);
        let told = ended(&serve, board);
        // It is complete on disk when its end is told.
        let [record] = &net.boots_of(board)[..] else { panic!("one boot, one record") };
        assert_eq!((record.way, &record.ending), (Way::NetBoot, &Ending::Done { proof: Proof::Board }));
        assert_eq!(told["board"], serde_json::to_value(&record.board).unwrap());
        assert_eq!((told["run"].as_str(), told["stage"].as_str()), (Some(record.run.as_str()), Some("root")));
        let boot = Boot::of(record).unwrap();
        assert_eq!(boot.bytes, told["done"].as_u64().unwrap());
        assert!(boot.trail.ends_with("loaded → system") && boot.up_by.is_some(), "{}", boot.trail);
        assert_eq!(record.board.address.map(|it| it.to_string()), Some(board.address.to_string()));
    }
    let names: Vec<_> = all.iter().map(|board| net.boots_of(board)[0].board.label()).collect();
    assert_eq!(names, ["porch", &*mac(&all[1])]);
    // One of them starts again.
    let mut again = vec![Board::new(Kind::Pi4, 1)];
    net.lan.inside("client", || run(&mut again, "eth0", Duration::from_secs(30)));
    let count =
        |events: &[serde_json::Value]| events.iter().filter(|event| event["event"] == "ended").count();
    serve.until("the third end", |_| count(&serve.told()) == 3);
    let events = serve.end();
    let records = net.boots_of(&again[0]);
    assert!(records.len() == 2 && records.iter().all(|record| record.ending.is_done()), "{records:#?}");
    let summary = events.last().unwrap();
    assert_eq!(
        (&summary["event"], &summary["boards"], &summary["up"], &summary["stuck"]),
        (&"summary".into(), &2.into(), &3.into(), &0.into())
    );
}

#[test]
fn a_stuck_boards_record_says_why_and_what_to_do() {
    // Without a server that gives addresses.
    let net = Net::new();
    tree(&net.root, "");
    let serve = net.serve(&["--mode", "proxy"]);
    let mut boards = vec![Board::new(Kind::Pi5, 1)];
    net.lan.inside("client", || run(&mut boards, "eth0", Duration::from_secs(3)));
    let told = ended(&serve, &boards[0]);
    let [record] = &net.boots_of(&boards[0])[..] else { panic!("one boot, one record") };
    let Ending::Failed { why, hint, kind, last_seen } = &record.ending else { panic!("{record:?}") };
    assert!(why.contains("but asks for no file"), "{why}");
    assert_eq!((kind, record.stage), (&Failure::Unavailable, Stage::Address));
    assert!(hint.is_some() && last_seen.as_deref() == Some("DISCOVER → OFFER"), "{record:?}");
    assert_eq!(Boot::of(record).unwrap().trouble, Some(Trouble::NoRequest));
    assert_eq!((told["outcome"].as_str(), told["why"].as_str()), (Some("failed"), Some(&**why)));
    let events = serve.end();
    assert_eq!(events.last().unwrap()["stuck"], 1);
}

#[test]
fn a_boot_whose_server_is_killed_stays_unfinished_and_one_that_it_ends_is_interrupted() {
    let net = Net::new();
    tree(&net.root, "");
    // No board gets further than this without an address.
    let start = |number| {
        let serve = net.serve(&["--mode", "proxy"]);
        let mut boards = vec![Board::new(Kind::Pi4, number)];
        net.lan.inside("client", || run(&mut boards, "eth0", Duration::from_secs(1)));
        let mac = mac(&boards[0]);
        serve.until("its offer", |event| event["event"] == "offer" && event["board"]["mac"] == *mac);
        (serve, boards.remove(0))
    };
    let (serve, first) = start(1);
    serve.kill();
    let (serve, second) = start(2);
    serve.end();
    let ending = |board: &Board| {
        let records: Vec<Record> = net.boots_of(board);
        assert_eq!(records.len(), 1);
        (records[0].ending.word(), records[0].ending.kind(), records[0].seconds.is_some())
    };
    assert_eq!(ending(&first), ("unfinished", Some(Failure::Failed), false));
    assert_eq!(ending(&second), ("failed", Some(Failure::Interrupted), true));
}

#[test]
fn boards_boot_while_nobody_reads_what_is_told() {
    let net = Net::new();
    net.lan.house_dnsmasq(&[]);
    tree(&net.root, "");
    let mut command = net.lan.command("ours", env!("CARGO_BIN_EXE_piprov"));
    crate::common::clean(&mut command);
    command.args(["netboot", "serve", "--interface", "eth0", "--json", "-v", "--tftp-root"]).arg(&net.root);
    command.arg("--state").arg(&net.state).env("PIPROV_STATE_DIR", &net.records);
    let mut serve =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut output = serve.stdout.take().unwrap();
    // A page, as good as nothing: one boot tells more.
    rustix::pipe::fcntl_setpipe_size(&output, 4096).unwrap();
    let mut first = [0; 20];
    output.read_exact(&mut first).unwrap();
    let mut all: Vec<_> = [Kind::Pi4, Kind::Pi5, Kind::Pi3Plus]
        .into_iter()
        .zip(1..)
        .map(|(kind, number)| Board::new(kind, number))
        .collect();
    net.lan.inside("client", || run(&mut all, "eth0", Duration::from_secs(40)));
    all.iter().for_each(boots);
    assert!(!net.boots().iter().any(|record| record.ending.is_done()), "the output is not stuck");
    // And nothing was lost.
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        output.read_to_string(&mut text).unwrap();
        text
    });
    let deadline = Instant::now() + Duration::from_secs(20);
    let never = piprov::stop::Stop::new().unwrap();
    while net.boots().iter().filter(|record| record.ending.is_done()).count() < 3 {
        assert!(Instant::now() < deadline, "{:#?}", net.boots());
        let _ = never.wait(Duration::from_millis(50));
    }
    rustix::process::kill_process(rustix::process::Pid::from_child(&serve), rustix::process::Signal::INT)
        .unwrap();
    assert!(serve.wait().unwrap().success());
    let text = reader.join().unwrap();
    assert_eq!(text.matches(r#""event":"ended""#).count(), 3, "{text}");
}
