//! What is on record of USB boots, whatever becomes of them.

use crate::usb_model;

use std::io::{BufRead, BufReader};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use piprov::error::Kind;
use piprov::run::ledger::Ledger;
use piprov::run::{Ending, Event, Proof, Record, Runs, Stage, Way};
use piprov::stop::Stop;
use piprov::usb::Error;
use piprov::usb::boot::{BootOptions, Limits};
use piprov::usb::choose::AllAlike;
use piprov::usb::lookup::{self, Payload};
use piprov::usb::plan::OnePayload;
use piprov::usb::record::UsbBoot;
use piprov::usb::service::{self, Service};
use piprov::usb::sysfs::Sysfs;
use piprov::usb::transport::Fault;
use piprov::usb::wait_for::Wanted;
use usb_model::Ask::{Done, File, Hangs, Leaves, Tell};
use usb_model::{Files, Life, ModelBus, Rom, gadget, rom, server};

fn hasty() -> BootOptions {
    let soon = Duration::from_millis(80);
    let limits = Limits { leave: soon, back: soon, next: soon, permission: soon, uploads: 3 };
    BootOptions { limits, ..BootOptions::default() }
}

fn files() -> Files {
    Files::new(&[("bootcode.bin", 5000), ("config.txt", 10), ("start.elf", 2000), ("kernel.img", 30_000)])
}

/// Boots all boards of a bus, with their records in `state`. Gives the records, in the order in which they ended.
fn boot(
    state: &Path,
    files: &Files,
    bus: &ModelBus,
    options: BootOptions,
    service: &Service,
    tell: impl Fn(Event) + Send + Sync + 'static,
) -> Result<Vec<Record>, (Error, Vec<Record>)> {
    let runs = Runs::new(Arc::new(tell), Ledger::open(state).unwrap());
    let plan =
        OnePayload(Arc::new(Payload::open(&files.path(), &lookup::PayloadOptions::default()).unwrap()));
    let (bus, stop) = (Arc::new(bus.clone()), Stop::new().unwrap());
    let all = AllAlike::new(Arc::new(plan), options);
    let mut records = Vec::new();
    let mut ended = |outcome: service::Outcome| records.push(outcome.record);
    match service::run(bus, &all, service, &stop, &runs, &mut ended) {
        Ok(()) => Ok(records),
        Err(error) => Err((error, records)),
    }
}

/// One board to its end.
fn one(lives: impl IntoIterator<Item = Life>, options: BootOptions) -> Record {
    let (state, files, bus) = (tempfile::tempdir().unwrap(), files(), ModelBus::new());
    bus.plug("1-1.2", lives);
    boot(state.path(), &files, &bus, options, &Service::default(), drop).unwrap().remove(0)
}

#[test]
fn every_record_reads_back_equal_with_the_kind_of_its_ending() {
    let (state, files, bus) = (tempfile::tempdir().unwrap(), files(), ModelBus::new());
    let served =
        |last| server(0x2764, &[File("config.txt"), File("kernel.img"), Tell("*MAC_ADDR*dc:a6"), last]);
    bus.plug("1-1", [rom(0x2764, Rom::Answers(0)), served(Done)]);
    bus.plug("1-2", [rom(0x2764, Rom::Answers(0)), served(Leaves)]);
    bus.plug("1-3", [rom(0x2764, Rom::Answers(0)), served(Hangs)]);
    bus.plug("1-4", [rom(0x2711, Rom::Answers(0))]);
    bus.plug("1-5", [rom(0x2764, Rom::Answers(0))]);
    bus.refuse_to_open("1-5", Fault::Permission);
    bus.plug("1-6", [rom(0x2764, Rom::Stays(5))]);
    let service = Service { timeout: Some(Duration::from_secs(3)), ..Service::default() };
    let mut records = boot(state.path(), &files, &bus, hasty(), &service, drop).unwrap();
    let (mut again, left_out) = Ledger::open(state.path()).unwrap().records().unwrap().read();
    for all in [&mut records, &mut again] {
        all.sort_by_key(|record| record.board.port);
    }
    assert_eq!((&again, left_out), (&records, 0));
    let ended = records.iter().map(|record| (record.stage, record.ending.word(), record.ending.kind()));
    assert_eq!(
        ended.collect::<Vec<_>>(),
        [
            (Stage::Done, "done", None),
            (Stage::HandOver, "lost", Some(Kind::Unavailable)),
            (Stage::FileServer, "failed", Some(Kind::Unavailable)),
            (Stage::Payload, "failed", Some(Kind::BadData)),
            (Stage::Open, "failed", Some(Kind::Permission)),
            (Stage::Restart, "failed", Some(Kind::Failed)),
        ]
    );
    assert!(records.iter().all(|record| record.way == Way::UsbBoot && record.seconds.is_some()));
    let boot = UsbBoot::of(&again[0]).unwrap();
    let names: Vec<_> = boot.sent.iter().map(|file| (file.name.as_str(), file.bytes)).collect();
    assert_eq!(names, [("bootcode.bin", 5000), ("config.txt", 10), ("kernel.img", 30_000)]);
    assert_eq!((boot.files, boot.bytes, boot.has_all), (3, 35_010, true));
    assert_eq!(boot.payload, Some(files.path().display().to_string()));
    assert_eq!(boot.told.into_iter().collect::<Vec<_>>(), [("MAC_ADDR".to_owned(), "dc:a6".to_owned())]);
    assert!(!UsbBoot::of(&again[1]).unwrap().has_all);
}

#[test]
fn what_a_board_is_believed_to_be_done_for_is_what_was_seen() {
    let proof = |lives: Vec<Life>| match one(lives, hasty()).ending {
        Ending::Done { proof } => proof,
        other => panic!("{other:?}"),
    };
    let start = || rom(0x2764, Rom::Answers(0));
    // It has said that it has all; or it shows itself as a disk, whatever it said.
    assert_eq!(proof(vec![start(), server(0x2764, &[File("kernel.img"), Done])]), Proof::Board);
    let disk = gadget(0x0a5c, 1);
    assert_eq!(proof(vec![start(), server(0x2764, &[File("start.elf"), Leaves]), disk]), Proof::Board);
    // A loader took all it asked for, and nothing is seen of what it was to load.
    assert_eq!(proof(vec![start(), server(0x2764, &[File("start.elf"), Done])]), Proof::Host);
    // Something is at its port that may be anything.
    let unknown = gadget(0x1d6b, 0x0104);
    let lives = vec![start(), server(0x2764, &[File("start.elf"), Done]), unknown.clone()];
    assert_eq!(proof(lives.clone()), Proof::Host);
    // Unless it becomes what was waited for.
    let sys = tempfile::tempdir().unwrap();
    let (tty, class) = (sys.path().join("devices/1-1.2/1-1.2:1.0/tty/ttyACM0"), sys.path().join("class/tty"));
    std::fs::create_dir_all(&tty).unwrap();
    std::fs::create_dir_all(&class).unwrap();
    symlink(&tty, class.join("ttyACM0")).unwrap();
    let options = BootOptions { wait_for: Some(Wanted::Serial), sysfs: Sysfs::new(sys.path()), ..hasty() };
    let record = one(lives, options);
    assert_eq!(record.ending, Ending::Done { proof: Proof::Board });
    assert_eq!(UsbBoot::of(&record).unwrap().appeared[0].device, "/dev/ttyACM0");
}

#[test]
fn nothing_is_done_to_a_board_whose_run_cannot_be_recorded() {
    let (state, files, bus) = (tempfile::tempdir().unwrap(), files(), ModelBus::new());
    bus.plug("1-1", [rom(0x2764, Rom::Answers(0)), server(0x2764, &[File("kernel.img"), Done])]);
    // While one board boots the place of the records goes away and another board comes.
    let (runs, other) = (state.path().join("runs"), bus.clone());
    bus.during("1-1", "kernel.img", move || {
        std::fs::remove_dir_all(&runs).unwrap();
        other.plug("1-2", [rom(0x2764, Rom::Answers(0)), server(0x2764, &[Done])]);
    });
    let timeout = Some(Duration::from_secs(20));
    let service = Service { forever: true, timeout, ..Service::default() };
    let (error, records) =
        boot(state.path(), &files, &bus, BootOptions::default(), &service, drop).unwrap_err();
    assert!(matches!(error, Error::Record(_)), "{error}");
    assert_eq!(bus.opened("1-2"), 0);
    // The one whose boot went on came to its end.
    assert!(matches!(&records[..], [record] if record.ending.is_done()), "{records:?}");
}

/// Set in the process that is killed: the state directory.
const STATE: &str = "PIPROV_TEST_KILLED_BOOT";

/// This test starts itself a second time, as the process that boots the boards.
#[test]
fn a_boot_that_is_killed_is_on_record_as_unfinished() {
    if let Some(state) = std::env::var_os(STATE) {
        let (files, bus) = (files(), ModelBus::new());
        bus.plug("1-1", [rom(0x2764, Rom::Answers(0)), server(0x2764, &[Done])]);
        bus.plug("1-2", [rom(0x2764, Rom::Answers(0)), server(0x2764, &[File("config.txt"), Hangs])]);
        let told = |event: Event| eprintln!("{}", serde_json::to_string(&event).unwrap());
        boot(state.as_ref(), &files, &bus, BootOptions::default(), &Service::default(), told).unwrap();
        panic!("the board never ends");
    }
    let state = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", "usb_record::a_boot_that_is_killed_is_on_record_as_unfinished"])
        .env(STATE, state.path())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    let mut wanted = vec![r#""event":"ended""#, r#""name":"config.txt","seconds""#];
    for line in lines {
        wanted.retain(|text| !line.contains(text));
        if wanted.is_empty() {
            break;
        }
    }
    assert!(wanted.is_empty(), "{wanted:?}: {:?}", child.wait());
    child.kill().unwrap();
    child.wait().unwrap();
    let ledger = Ledger::open(state.path()).unwrap();
    let (mut records, left_out) = ledger.records().unwrap().read();
    records.sort_by_key(|record| record.board.port);
    let ended: Vec<_> =
        records.iter().map(|record| (record.board.label(), record.ending.word(), record.way)).collect();
    assert_eq!(
        (ended, left_out),
        (vec![("1-1".to_owned(), "done", Way::UsbBoot), ("1-2".to_owned(), "unfinished", Way::UsbBoot)], 0)
    );
    assert_eq!(records[1].ending.kind(), Some(Kind::Failed));
}
