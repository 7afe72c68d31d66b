//! Whole boots: what real boards do, and what broken ones do, against the service. The boards are models behind the
//! transport; each test says in which step it ends.

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use crate::usb_model;

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use piprov::run::{Ending, Event, Proof, Runs, Stage, What};
use piprov::stop::Stop;
use piprov::usb::boot::{BootOptions, Limits};
use piprov::usb::choose::AllAlike;
use piprov::usb::lookup::{self, Payload};
use piprov::usb::plan::{BySerial, OnePayload, PayloadPlan};
use piprov::usb::record::UsbBoot;
use piprov::usb::service::{self, Filter, Outcome, Service};
use piprov::usb::transport::{Bus, Fault};
use usb_model::Ask::{
    Contents, Done, EmptyName, File, ForEver, Hangs, Leaves, Raw, Silent, Size, StallsIn, StopsIn, Tell,
    VanishesIn, Wire,
};
use usb_model::{Files, Life, ModelBus, Rom, contents, gadget, rom, server, with_serial};

/// Limits for boards that do come back; a loaded machine is slow.
fn patient() -> BootOptions {
    BootOptions::default()
}

/// Limits for boards that don't.
fn hasty() -> BootOptions {
    let soon = Duration::from_millis(80);
    let limits = Limits { leave: soon, back: soon, next: soon, permission: soon, uploads: 3 };
    BootOptions { limits, ..BootOptions::default() }
}

struct Run {
    outcomes: Vec<Outcome>,
    events: Vec<Event>,
    took: Duration,
}

impl Run {
    fn of(bus: &ModelBus, plan: impl PayloadPlan + 'static, options: BootOptions, service: &Service) -> Self {
        Self::until(bus, plan, options, service, &Stop::new().unwrap())
    }

    fn until(
        bus: &ModelBus,
        plan: impl PayloadPlan + 'static,
        options: BootOptions,
        service: &Service,
        stop: &Stop,
    ) -> Self {
        let began = Instant::now();
        let (tell, told) = channel();
        let runs = Runs::unkept(Arc::new(tell));
        let mut outcomes = Vec::new();
        let all = AllAlike::new(Arc::new(plan), options);
        let mut ended = |outcome| outcomes.push(outcome);
        service::run(Arc::new(bus.clone()), &all, service, stop, &runs, &mut ended).unwrap();
        Self { outcomes, events: told.try_iter().collect(), took: began.elapsed() }
    }

    fn outcome(&self, port: &str) -> &Outcome {
        let found = self.outcomes.iter().find(|outcome| self::port(outcome) == port);
        found.unwrap_or_else(|| panic!("{port} has not ended: {:#?}", self.events))
    }

    fn boot(&self, port: &str) -> UsbBoot {
        UsbBoot::of(&self.outcome(port).record).unwrap()
    }

    /// Files and bytes of a board that is done.
    #[track_caller]
    fn done(&self, port: &str) -> (u64, u64) {
        let ending = &self.outcome(port).record.ending;
        assert!(ending.is_done(), "{port}: {ending:?}");
        let boot = self.boot(port);
        (boot.files, boot.bytes)
    }

    /// Where and why a board ended, and the file that it asked for last.
    #[track_caller]
    fn failed(&self, port: &str) -> (Stage, &str, Option<String>) {
        let record = &self.outcome(port).record;
        assert!(!record.ending.is_done(), "{port}: {:?}", record.ending);
        (record.stage, record.ending.why().unwrap(), self.boot(port).last_file)
    }

    /// What was told of a board, each event as its word and its facts.
    fn texts(&self, port: &str) -> Vec<String> {
        let of = self.events.iter().filter(|event| event.board.port == Some(port.parse().unwrap()));
        of.map(|event| match &event.what {
            What::Detail(detail) => format!("{} {}", detail.word(), serde_json::Value::from(detail.facts())),
            What::Note(_) | What::Warning(_) => {
                format!("{} {}", event.what.word(), serde_json::to_value(event).unwrap()["text"])
            }
            what => what.word().to_owned(),
        })
        .collect()
    }
}

fn port(outcome: &Outcome) -> String {
    outcome.record.board.port.unwrap().to_string()
}

fn payload(files: &Files, overlays: bool) -> OnePayload {
    OnePayload(Arc::new(
        Payload::open(&files.path(), &lookup::PayloadOptions { overlays, allow: Vec::new() }).unwrap(),
    ))
}

/// One board with a payload, to its end.
fn boot(files: &Files, lives: impl IntoIterator<Item = Life>, options: BootOptions) -> (ModelBus, Run) {
    let bus = ModelBus::new();
    bus.plug("1-1.2", lives);
    let run = Run::of(&bus, payload(files, false), options, &Service::default());
    bus.check();
    (bus, run)
}

fn old() -> Files {
    let names = [
        ("bootcode.bin", 52_624),
        ("config.txt", 100),
        ("start.elf", 200_000),
        ("fixup.dat", 6_669),
        ("cmdline.txt", 60),
        ("kernel.img", 300_000),
        ("bcm2708-rpi-zero-w.dtb", 25_000),
        ("overlays/dwc2.dtbo", 801),
        ("initramfs.img", 100_001),
    ];
    Files::new(&names)
}

/// What start.elf of 283x asks for, as logs of 2017 and 2018 show it.
const OLD_SYSTEM: [usb_model::Ask; 13] = [
    File("config.txt"),
    File("dt-blob.bin"),
    File("recovery.elf"),
    File("config.txt"),
    File("cmdline.txt"),
    File("recovery.img"),
    File("kernel.img"),
    File("initramfs.img"),
    File("bcm2708-rpi-zero-w.dtb"),
    File("config.txt"),
    File("overlays/dwc2.dtbo"),
    Size("overlays/none.dtbo"),
    Done,
];

#[test]
fn a_zero_boots_over_two_file_server_sessions_and_another_product_id() {
    let files = old();
    let loader = [File("autoboot.txt"), File("config.txt"), File("start.elf"), File("fixup.dat"), Done];
    let lives = [rom(0x2763, Rom::Answers(0)), server(0x2764, &loader), server(0x2764, &OLD_SYSTEM)];
    let (bus, run) = boot(&files, lives, patient());
    let names = bus.names("1-1.2");
    assert_eq!(
        names,
        [
            "signature",
            "bootcode",
            "config.txt",
            "start.elf",
            "fixup.dat",
            "config.txt",
            "config.txt",
            "cmdline.txt",
            "kernel.img",
            "initramfs.img",
            "bcm2708-rpi-zero-w.dtb",
            "config.txt",
            "overlays/dwc2.dtbo",
        ]
    );
    for (name, bytes) in bus.got("1-1.2") {
        let want = match name.as_str() {
            "signature" => vec![0; 20],
            "bootcode" => contents("bootcode.bin", 52_624),
            name => std::fs::read(files.path().join(name)).unwrap(),
        };
        assert!(bytes == want, "{name}");
    }
    assert_eq!(run.done("1-1.2").0, 12);
    assert_eq!(
        run.outcome("1-1.2").record.board.serial,
        None,
        "its ROM tells no serial number, and `Broadcom` is no serial number"
    );
    assert!(run.took < Duration::from_secs(2), "{:?}", run.took);
}

#[test]
fn the_old_mass_storage_ends_as_a_gadget() {
    let files = Files::new(&[("bootcode.bin", 1000), ("start.elf", 5000)]);
    let asks = [File("config.txt"), File("start.elf"), Leaves];
    let lives = [rom(0x2764, Rom::LeavesAtOnce), server(0x2764, &asks), gadget(0x0a5c, 1)];
    let (_, run) = boot(&files, lives, patient());
    assert_eq!(run.done("1-1.2"), (2, 6000));
    assert!(run.texts("1-1.2").contains(&r#"seen {"state":"mass storage (msd)"}"#.to_owned()));
}

const CM5: [usb_model::Ask; 12] = [
    File("mcb.bin"),
    File("memsys00.bin"),
    File("memsys01.bin"),
    File("memsys02.bin"),
    File("memsys03.bin"),
    File("rp1c0fw1.bin"),
    File("rp1c0fw2.bin"),
    File("bootmain"),
    File("config.txt"),
    File("boot.img"),
    Size("boot.sig"),
    EmptyName,
];

fn cm5_files() -> Files {
    let files = Files::new(&[("boot.img", 3_000_000)]);
    files.put("config.txt", b"boot_ramdisk=1\n");
    files.archive(&[
        ("2712/mcb.bin", 400),
        ("2712/memsys00.bin", 50_000),
        ("2712/memsys01.bin", 50_000),
        ("2712/memsys02.bin", 50_000),
        ("2712/memsys03.bin", 50_000),
        ("2712/rp1c0fw1.bin", 40_000),
        ("2712/rp1c0fw2.bin", 40_000),
        ("2712/bootmain", 200_000),
        ("2712/bootcode5.bin", 90_000),
        ("2711/bootcode4.bin", 80_000),
        ("2711/mcb.bin", 300),
        ("2711/bootmain", 100_000),
    ]);
    files
}

#[test]
fn a_cm5_takes_its_bootfiles_from_the_archive_and_a_cm4_beside_it_its_own() {
    let files = cm5_files();
    let bus = ModelBus::new();
    bus.plug("1-1", [rom(0x2712, Rom::Answers(0)), server(0x2712, &CM5), gadget(0x0a5c, 0x0104)]);
    let cm4 = [File("mcb.bin"), File("bootmain"), File("config.txt"), File("boot.img"), Done];
    bus.plug("2-1.3", [with_serial(rom(0x2711, Rom::LeavesAtOnce), "bf04b2da"), server(0x2711, &cm4)]);
    let run = Run::of(&bus, payload(&files, false), patient(), &Service::default());
    bus.check();
    let got = bus.got("1-1");
    assert_eq!(got[1].1, contents("2712/bootcode5.bin", 90_000));
    assert_eq!(got[2], ("mcb.bin".to_owned(), contents("2712/mcb.bin", 400)));
    assert_eq!(got.last().unwrap().1, contents("boot.img", 3_000_000));
    assert_eq!(run.done("1-1").0, 11);
    let got = bus.got("2-1.3");
    assert_eq!(got[1].1, contents("2711/bootcode4.bin", 80_000));
    assert_eq!(got[2], ("mcb.bin".to_owned(), contents("2711/mcb.bin", 300)));
    assert_eq!(run.done("2-1.3").0, 5);
    assert_eq!(run.outcome("2-1.3").record.board.serial.as_ref().unwrap().as_str(), "bf04b2da");
}

#[test]
fn a_recovery_tells_what_it_did() {
    let files = Files::new(&[("bootcode4.bin", 70_000), ("pieeprom.bin", 524_288), ("pieeprom.sig", 80)]);
    files.put("config.txt", b"recovery_reboot=1\n");
    let asks = [
        File("config.txt"),
        File("pieeprom.sig"),
        File("pieeprom.bin"),
        Tell("*USER_SERIAL_NUM*af04b2da"),
        Tell("*MAC_ADDR*dc:a6:32:01:02:03"),
        Tell("*FACTORY_UUID*19a519a5_000019a5"),
        Tell("*EEPROM_UPDATE*success"),
        Done,
    ];
    let lives = [rom(0x2711, Rom::Answers(0)), server(0x2711, &asks), rom(0x2711, Rom::Answers(0))];
    let (bus, run) = boot(&files, lives, patient());
    assert_eq!(run.done("1-1.2").0, 4);
    let metadata = &run.outcome("1-1.2").metadata;
    assert_eq!(metadata.get("EEPROM_UPDATE"), Some("success"));
    assert_eq!(metadata.get("FACTORY_UUID"), Some("000000000"));
    assert_eq!(bus.opened("1-1.2"), 2, "in its boot ROM again, it isn't booted again");
}

#[test]
fn what_a_board_says_of_itself_decides() {
    let files = Files::new(&[("bootcode4.bin", 70_000), ("pieeprom.bin", 524_288), ("pieeprom.sig", 80)]);
    let ended = |words: &[&'static str], last| {
        let mut asks = vec![File("pieeprom.bin")];
        asks.extend(words.iter().map(|word| Tell(word)));
        asks.push(last);
        boot(&files, [rom(0x2711, Rom::Answers(0)), server(0x2711, &asks)], hasty()).1
    };
    for (words, last, want) in [
        (&["*EEPROM_UPDATE*fail"][..], Done, "the board reports EEPROM_UPDATE=fail"),
        (
            &["*EEPROM_UPDATE*success", "*SECURE_BOOT_PROVISION*fail", "*MAC_ADDR*1"],
            EmptyName,
            "the board reports SECURE_BOOT_PROVISION=fail",
        ),
        (&["*EEPROM_ERASE*"], Done, "the board reports EEPROM_ERASE=nothing"),
        // It says so and leaves: that is nearer to the cause than its leaving.
        (&["*EEPROM_UPDATE*fail"], Leaves, "the board reports EEPROM_UPDATE=fail"),
    ] {
        let run = ended(words, last);
        let (stage, why, _) = run.failed("1-1.2");
        assert_eq!((stage, why), (Stage::FileServer, want));
    }
    // It says that all went well and restarts into what USB shows nothing of.
    assert_eq!(ended(&["*EEPROM_UPDATE*success"], Leaves).done("1-1.2").0, 2);
    assert_eq!(ended(&[], Leaves).failed("1-1.2").0, Stage::HandOver);
}

#[test]
fn a_fastboot_gadget_needs_no_last_word() {
    let files = cm5_files();
    let mut asks = CM5.to_vec();
    asks.pop();
    asks.push(Leaves);
    let lives = [rom(0x2712, Rom::Answers(0)), server(0x2712, &asks), gadget(0x18d1, 0x4e40)];
    assert_eq!(boot(&files, lives, patient()).1.done("1-1.2").0, 11);
}

#[test]
fn a_serial_index_of_4_asks_for_files_too() {
    let files = cm5_files();
    let life = Life { serial_index: 4, ..server(0x2712, &CM5) };
    assert_eq!(boot(&files, [life], patient()).1.done("1-1.2").0, 10);
}

#[test]
fn the_rom_may_be_seen_twice_but_one_device_gets_one_bootcode() {
    let files = old();
    let lives = [rom(0x2763, Rom::LeavesAtOnce), rom(0x2763, Rom::Answers(0)), server(0x2764, &OLD_SYSTEM)];
    let (bus, run) = boot(&files, lives, patient());
    assert_eq!(run.done("1-1.2").0, 10);
    assert_eq!(bus.opened("1-1.2"), 3);
    let (bus, run) = boot(&files, [rom(0x2763, Rom::Stays(0))], hasty());
    let (stage, why, last) = run.failed("1-1.2");
    assert_eq!((stage, last.as_deref()), (Stage::Restart, Some("bootcode.bin")), "{why}");
    assert_eq!(bus.opened("1-1.2"), 1);
}

#[test]
fn each_stage_of_the_boot_rom_can_fail() {
    let files = old();
    let end = |kind: Rom| {
        let lives = [rom(0x2764, kind.clone()), server(0x2764, &[Done])];
        let alone = matches!(kind, Rom::NeverBack | Rom::VanishesAfter(_));
        let lives = if alone { lives[..1].to_vec() } else { lives.to_vec() };
        let (_, run) = boot(&files, lives, hasty());
        let (stage, why, _) = run.failed("1-1.2");
        (stage, why.to_owned())
    };
    let (first, restart) = (Stage::FirstStage, Stage::Restart);
    assert_eq!(end(Rom::Deaf), (first, "the device doesn't answer".to_owned()));
    let cut = "the board was gone after 1000 of 52624 bytes of bootcode.bin";
    assert_eq!(end(Rom::VanishesAfter(1000)), (first, cut.to_owned()));
    let stuck = "sending bootcode.bin failed after 1000 of 52624 bytes: the device stalls";
    assert_eq!(end(Rom::StallsAfter(1000)), (first, stuck.to_owned()));
    let refused = "the boot ROM refuses the bootcode with code 0x5";
    assert_eq!(end(Rom::Stays(5)), (restart, refused.to_owned()));
    let gone = "the board left the bus and didn't come back in 0 s";
    assert_eq!(end(Rom::NeverBack), (restart, gone.to_owned()));
}

#[test]
fn a_stall_that_passes_is_gone_on_after() {
    let files = old();
    let lives = [rom(0x2764, Rom::StallsOnceAfter(1000)), server(0x2764, &[Done])];
    assert_eq!(boot(&files, lives, patient()).1.done("1-1.2").0, 1);
}

#[test]
fn a_board_that_comes_back_after_a_glitch_gets_a_second_chance() {
    let files = old();
    let lives = [
        rom(0x2764, Rom::VanishesAfter(1000)),
        rom(0x2764, Rom::Answers(0)),
        server(0x2764, &[VanishesIn("kernel.img", 70_000)]),
        rom(0x2764, Rom::Answers(0)),
        server(0x2764, &[File("kernel.img"), Done]),
    ];
    let (bus, run) = boot(&files, lives, patient());
    assert_eq!(run.done("1-1.2").0, 3);
    assert!(bus.got("1-1.2").last().unwrap().1 == contents("kernel.img", 300_000));
    let notes: Vec<String> =
        run.texts("1-1.2").into_iter().filter(|text| text.contains("once more")).collect();
    assert_eq!(notes.len(), 2, "{notes:?}");
}

#[test]
fn a_board_that_always_comes_back_to_its_rom_is_given_up() {
    let files = old();
    let lives = std::iter::repeat_with(|| rom(0x2764, Rom::LeavesAtOnce)).take(10);
    let (bus, run) = boot(&files, lives, patient());
    let (stage, why, _) = run.failed("1-1.2");
    assert_eq!(
        (stage, why),
        (Stage::Restart, "the board was sent its bootcode 3 times and is in the boot ROM again")
    );
    assert_eq!(bus.opened("1-1.2"), 3);
}

#[test]
fn each_way_of_failing_in_the_file_server_is_named() {
    let files = old();
    let end = |asks: &[usb_model::Ask]| {
        let (_, run) = boot(&files, [rom(0x2764, Rom::Answers(0)), server(0x2764, asks)], hasty());
        let (stage, why, last) = run.failed("1-1.2");
        (stage, format!("{why}; {}", last.unwrap_or_default()))
    };
    let fails = |asks: &[usb_model::Ask], stage: Stage, text: &str| {
        let got = end(asks);
        assert_eq!(got.0, stage, "{asks:?}: {}", got.1);
        assert_eq!(got.1, text, "{asks:?}");
    };
    let server = Stage::FileServer;
    let garbage = || Raw(vec![0xff; 260]);
    fails(
        &[garbage(), garbage(), garbage()],
        server,
        "the board sends what is no request, 3 times in a row: the unknown command 0xffffffff; bootcode.bin",
    );
    fails(
        &[Raw(vec![]), Raw(vec![1, 2]), Raw(b"\0\0\0\0conf".to_vec())],
        server,
        "the board sends what is no request, 3 times in a row: a message of 8 bytes instead of 260; bootcode.bin",
    );
    fails(
        &[File("cmdline.txt"), ForEver("boot.sig")],
        server,
        "the board has asked 201 times in a row for boot.sig; boot.sig",
    );
    fails(
        &[VanishesIn("kernel.img", 70_000)],
        server,
        "the board was gone after 70000 of 300000 bytes of kernel.img; kernel.img",
    );
    fails(
        &[StallsIn("kernel.img", 70_000)],
        server,
        "sending kernel.img failed after 70000 of 300000 bytes: the device stalls; kernel.img",
    );
    fails(
        &[StopsIn("kernel.img", 70_000)],
        server,
        "sending kernel.img failed after 70000 of 300000 bytes: the device doesn't answer; kernel.img",
    );
    fails(&[File("config.txt"), Silent], server, "the board has asked for nothing for 60 s; config.txt");
    fails(
        &[File("config.txt"), File("kernel.img"), Leaves],
        Stage::HandOver,
        "the board left after 2 files without saying that it has all, and didn't come back in 0 s; kernel.img",
    );
    fails(&[Wire(3)], server, "error on the wire; bootcode.bin");
}

#[test]
fn a_passing_fault_between_two_requests_costs_nothing() {
    let files = old();
    let asks = [Wire(2), File("config.txt"), Raw(vec![9; 260]), Wire(1), File("cmdline.txt"), Done];
    let lives = [rom(0x2764, Rom::Answers(0)), server(0x2764, &asks)];
    assert_eq!(boot(&files, lives, patient()).1.done("1-1.2").0, 3);
}

#[test]
fn names_that_lead_out_get_nothing() {
    let files = old();
    std::os::unix::fs::symlink("/etc/passwd", files.path().join("passwd")).unwrap();
    let message = |name: &[u8]| Raw(piprov::usb::message::Request::message(1, name).to_vec());
    let asks = [
        Contents("../../etc/passwd"),
        Contents("/etc/passwd"),
        Contents("passwd"),
        Contents("a\x1b[2J"),
        Contents("gr\u{fc}n"),
        message(&[b'a'; 256]),
        File("config.txt"),
        Done,
    ];
    let (bus, run) = boot(&files, [rom(0x2764, Rom::Answers(0)), server(0x2764, &asks)], patient());
    assert_eq!(run.done("1-1.2").0, 2);
    let got = bus.got("1-1.2");
    assert!(got[2..7].iter().all(|(_, bytes)| bytes.is_empty()), "{got:?}");
    assert_eq!(run.texts("1-1.2").iter().filter(|text| text.contains("refused")).count(), 5);
}

#[test]
fn contents_without_a_length_before_and_of_another_file_are_right() {
    let files = old();
    let asks = [Contents("cmdline.txt"), Size("kernel.img"), Contents("config.txt"), Contents("none"), Done];
    let (bus, _) = boot(&files, [rom(0x2764, Rom::Answers(0)), server(0x2764, &asks)], patient());
    let got = bus.got("1-1.2");
    assert_eq!(got[2], ("cmdline.txt".to_owned(), contents("cmdline.txt", 60)));
    assert_eq!(got[3], ("config.txt".to_owned(), contents("config.txt", 100)));
    assert_eq!(got[4], ("none".to_owned(), Vec::new()));
}

#[test]
fn a_file_that_shrinks_while_it_is_sent_is_named() {
    let files = old();
    let bus = ModelBus::new();
    bus.plug("1-1.2", [rom(0x2764, Rom::Answers(0)), server(0x2764, &[File("kernel.img"), Done])]);
    let kernel = files.path().join("kernel.img");
    bus.during("1-1.2", "kernel.img", move || {
        std::fs::File::options().write(true).open(kernel).unwrap().set_len(1000).unwrap();
    });
    let run = Run::of(&bus, payload(&files, false), hasty(), &Service::default());
    let want = "kernel.img got shorter while it was sent: it ends at 1000 of 300000 bytes";
    assert_eq!(run.failed("1-1.2"), (Stage::FileServer, want, Some("kernel.img".to_owned())));
}

#[test]
fn a_file_that_is_replaced_while_it_is_sent_is_sent_as_it_was() {
    let files = old();
    let bus = ModelBus::new();
    bus.plug("1-1.2", [rom(0x2764, Rom::Answers(0)), server(0x2764, &[File("kernel.img"), Done])]);
    let dir = files.path();
    bus.during("1-1.2", "kernel.img", move || {
        std::fs::write(dir.join("new"), b"other").unwrap();
        std::fs::rename(dir.join("new"), dir.join("kernel.img")).unwrap();
    });
    let run = Run::of(&bus, payload(&files, false), patient(), &Service::default());
    assert_eq!(run.done("1-1.2").0, 2);
    assert!(bus.got("1-1.2").last().unwrap().1 == contents("kernel.img", 300_000));
}

#[test]
fn large_transfers_fall_back_to_small_ones() {
    let files = old();
    for (limit, lacks) in [(usize::MAX, 0), (100_000, 0), (usize::MAX, 12)] {
        let bus = ModelBus::new();
        bus.plug("1-1.2", [rom(0x2764, Rom::Answers(0)), server(0x2764, &[File("kernel.img"), Done])]);
        bus.refuse_above("1-1.2", limit);
        // Not even for the smallest, for a while: other boards have it.
        bus.lacks_memory("1-1.2", lacks);
        let run = Run::of(&bus, payload(&files, false), patient(), &Service::default());
        bus.check();
        assert_eq!(run.done("1-1.2").0, 2);
        assert!(bus.got("1-1.2").last().unwrap().1 == contents("kernel.img", 300_000));
        assert_eq!(bus.largest("1-1.2"), 300_000);
    }
}

#[test]
fn the_signature_goes_out_with_the_bootcode() {
    let files = old();
    files.put("bootcode.sig", &[0xab; 20]);
    let options = BootOptions { signed: true, ..patient() };
    let (bus, _) = boot(&files, [rom(0x2764, Rom::Answers(0)), server(0x2764, &[Done])], options.clone());
    assert_eq!(bus.got("1-1.2")[0].1, [0xab; 20]);
    let files = cm5_files();
    let (bus, _) = boot(&files, [rom(0x2712, Rom::Answers(0)), server(0x2712, &CM5)], options);
    assert_eq!(bus.got("1-1.2")[0].1, [0; 20], "newer chips sign in another way");
}

#[test]
fn a_payload_that_cannot_work_is_refused_before_anything_is_sent() {
    let files = Files::new(&[]);
    files.put("bootcode4.bin", b"../firmware/2711/bootcode4.bin");
    let (bus, run) = boot(&files, [rom(0x2711, Rom::Answers(0))], patient());
    let (stage, why, _) = run.failed("1-1.2");
    assert_eq!(stage, Stage::Payload);
    assert!(why.contains("is no firmware but the text of a link"), "{why}");
    assert_eq!(bus.opened("1-1.2"), 0);
    let (_, run) = boot(&old(), [rom(0x2712, Rom::Answers(0))], patient());
    let (stage, why, _) = run.failed("1-1.2");
    assert_eq!(stage, Stage::Payload);
    assert!(why.ends_with("has no bootcode5.bin for BCM2712 (CM5, Pi 5, 500)"), "{why}");
}

#[test]
fn a_dead_board_and_one_without_permission_cost_the_others_nothing() {
    let files = old();
    let bus = ModelBus::new();
    let good = || [rom(0x2764, Rom::Answers(0)), server(0x2764, &OLD_SYSTEM)];
    bus.plug("1-1", good());
    bus.plug("1-2", good());
    bus.plug("1-3", [rom(0x2764, Rom::Answers(0)), server(0x2764, &[File("config.txt"), Hangs])]);
    bus.plug("1-4", good());
    bus.refuse_to_open("1-4", Fault::Permission);
    bus.plug("1-5", good());
    bus.refuse_to_open("1-5", Fault::Busy);
    bus.plug("2-1", good());
    let service = Service { timeout: Some(Duration::from_secs(5)), ..Service::default() };
    let run = Run::of(&bus, payload(&files, false), hasty(), &service);
    bus.check();
    for port in ["1-1", "1-2", "2-1"] {
        assert_eq!(run.done(port).0, 9, "{port}");
    }
    let ended: Vec<String> = run.outcomes.iter().map(port).collect();
    assert_eq!(ended.last().map(String::as_str), Some("1-3"), "only the dead one lasts until the end");
    let dead = (Stage::FileServer, "the time limit of 5 s is over", Some("config.txt".to_owned()));
    assert_eq!(run.failed("1-3"), dead);
    let (stage, why, _) = run.failed("1-4");
    assert_eq!((stage, why), (Stage::Open, "this user may not open /dev/bus/usb/001/004"));
    let hint = run.outcome("1-4").record.ending.hint().unwrap();
    let install = [piprov::error::Task::UdevInstall, piprov::error::Task::UdevInstallGroup];
    assert!(install.into_iter().any(|task| hint.names(task)), "{hint:?}");
    assert_eq!(run.failed("1-5").1, "another program or a driver has the device");
}

#[test]
fn what_could_not_be_opened_in_all_the_time_is_told_as_that() {
    let files = old();
    for (fault, kind, want) in [
        (Fault::Permission, piprov::error::Kind::Permission, "this user may not open /dev/bus/usb/001/001"),
        (Fault::Busy, piprov::error::Kind::Busy, "another program or a driver has the device"),
        (Fault::Gone, piprov::error::Kind::Unavailable, "the time limit of 0 s is over"),
    ] {
        let bus = ModelBus::new();
        bus.plug("1-1", [rom(0x2764, Rom::Answers(0)), server(0x2764, &OLD_SYSTEM)]);
        bus.refuse_to_open("1-1", fault);
        let service = Service { timeout: Some(Duration::from_millis(300)), ..Service::default() };
        // It is waited for longer than there is time.
        let run = Run::of(&bus, payload(&files, false), patient(), &service);
        assert_eq!((run.failed("1-1").0, run.failed("1-1").1), (Stage::Open, want));
        assert_eq!(run.outcome("1-1").record.ending.kind(), Some(kind), "{want}");
        let hint = run.outcome("1-1").record.ending.hint();
        assert_eq!(hint.is_some(), kind != piprov::error::Kind::Unavailable, "{hint:?}");
    }
}

#[test]
fn a_board_that_another_program_boots_is_left_to_it_in_all_stages() {
    let files = old();
    let bus = ModelBus::new();
    bus.plug("1-1", [rom(0x2764, Rom::Answers(0)), server(0x2764, &OLD_SYSTEM), server(0x2764, &OLD_SYSTEM)]);
    bus.share("1-1");
    let device = bus.devices().unwrap().remove(0);
    let other = bus.open(&device).unwrap();
    let program = std::thread::spawn({
        let bus = bus.clone();
        move || {
            // Long enough for ours to have found it in use.
            std::thread::park_timeout(Duration::from_millis(400));
            drop(other);
            // Two stages, and in each some time in which nobody has the board.
            for _ in 0..2 {
                bus.next_life("1-1");
                std::thread::park_timeout(Duration::from_millis(400));
            }
        }
    });
    let service = Service { forever: true, timeout: Some(Duration::from_secs(2)), ..Service::default() };
    let run = Run::of(&bus, payload(&files, false), patient(), &service);
    program.join().unwrap();
    let [outcome] = &run.outcomes[..] else { panic!("{:?}", run.outcomes) };
    assert_eq!(outcome.record.ending.kind(), Some(piprov::error::Kind::Busy), "{:?}", outcome.record.ending);
    assert_eq!(bus.opened("1-1"), 1, "by the other program");
    assert_eq!(bus.names("1-1"), Vec::<String>::new());
}

#[test]
fn two_boards_with_one_serial_are_both_served() {
    let files = cm5_files();
    let bus = ModelBus::new();
    for port in ["1-1", "1-2"] {
        bus.plug(port, [rom(0x2712, Rom::Answers(0)), server(0x2712, &CM5)]);
    }
    let run = Run::of(&bus, payload(&files, false), patient(), &Service::default());
    bus.check();
    assert_eq!((run.done("1-1").0, run.done("1-2").0), (11, 11));
    let warning = r#""the board at 1-1 has the same serial number, af04b2da""#;
    assert!(run.texts("1-2").contains(&format!("warning {warning}")));
    let recorded = serde_json::to_string(&run.outcome("1-2").record.warnings).unwrap();
    assert_eq!(recorded, format!("[{warning}]"));
}

#[test]
fn overlays_are_by_port() {
    let files = old();
    files.put("1-1/cmdline.txt", b"first");
    files.put("1-2/cmdline.txt", b"second");
    files.put("1-2/bootcode.bin", b"not this one");
    let bus = ModelBus::new();
    for port in ["1-1", "1-2", "1-3"] {
        bus.plug(port, [rom(0x2764, Rom::Answers(0)), server(0x2764, &[File("cmdline.txt"), Done])]);
    }
    Run::of(&bus, payload(&files, true), patient(), &Service::default());
    bus.check();
    let last = |port| bus.got(port).last().unwrap().1.clone();
    assert_eq!(last("1-1"), b"first");
    assert_eq!(last("1-2"), b"second");
    assert_eq!(last("1-3"), contents("cmdline.txt", 60));
    assert_eq!(bus.got("1-2")[1].1, contents("bootcode.bin", 52_624));
}

#[test]
fn by_serial_each_board_gets_its_own_directory_whole() {
    let clients = Files::new(&[
        ("by-serial/aa000001/bootcode4.bin", 1000),
        ("by-serial/aa000001/config.txt", 11),
        ("default/bootcode4.bin", 2000),
        ("default/config.txt", 12),
        ("default/cmdline.txt", 13),
    ]);
    let base = old();
    let others = Arc::new(payload(&base, false));
    let plan = BySerial { clients: clients.path(), options: lookup::PayloadOptions::default(), others };
    let bus = ModelBus::new();
    let asks = [File("config.txt"), File("cmdline.txt"), Done];
    bus.plug("1-1", [with_serial(rom(0x2711, Rom::Answers(0)), "aa000001"), server(0x2711, &asks)]);
    bus.plug("1-2", [with_serial(rom(0x2711, Rom::Answers(0)), "aa000002"), server(0x2711, &asks)]);
    bus.plug("1-3", [rom(0x2764, Rom::Answers(0)), server(0x2764, &asks)]);
    Run::of(&bus, plan, patient(), &Service::default());
    bus.check();
    let lens = |port| bus.got(port).iter().map(|(_, bytes)| bytes.len()).collect::<Vec<_>>();
    assert_eq!(lens("1-1"), [20, 1000, 11], "the default directory fills no gaps");
    assert_eq!(lens("1-2"), [20, 2000, 12, 13]);
    assert_eq!(lens("1-3"), [20, 52_624, 100, 60]);
}

#[test]
fn a_serial_number_has_8_or_16_digits_in_any_case() {
    let clients =
        Files::new(&[("by-serial/10000000AF04B2DA/bootcode4.bin", 1000), ("default/bootcode4.bin", 2000)]);
    let boot = |serial: &'static str| {
        let others = Arc::new(payload(&clients, false));
        let plan = BySerial { clients: clients.path(), options: lookup::PayloadOptions::default(), others };
        let bus = ModelBus::new();
        bus.plug("1-1", [with_serial(rom(0x2711, Rom::Answers(0)), serial), server(0x2711, &[Done])]);
        let filter = Filter { serial: Some(serial.parse().unwrap()), ..Filter::default() };
        let run = Run::of(&bus, plan, patient(), &Service { filter, ..Service::default() });
        (bus.got("1-1").last().map(|(_, bytes)| bytes.len()), run)
    };
    for serial in ["af04b2da", "AF04B2DA", "10000000af04b2da"] {
        let (len, run) = boot(serial);
        assert_eq!(len, Some(1000), "{serial}");
        let told = run.texts("1-1").join("\n");
        assert!(told.contains("by-serial/10000000AF04B2DA\",\"of_board\":true"), "{told}");
    }
    let (len, run) = boot("af04b2d0");
    assert_eq!(len, Some(2000));
    let told = run.texts("1-1").join("\n");
    assert!(told.contains("by-serial has no af04b2d0, but 10000000AF04B2DA: is that meant?"), "{told}");
    clients.put("by-serial/af04b2da/bootcode4.bin", &[7; 3000]);
    let (len, run) = boot("af04b2da");
    assert_eq!(len, None);
    let (stage, why, _) = run.failed("1-1");
    assert_eq!(stage, Stage::Payload);
    assert!(why.starts_with("10000000AF04B2DA and af04b2da in "), "{why}");
}

#[test]
fn without_a_board_the_time_is_over_and_nothing_ended() {
    let files = old();
    let bus = ModelBus::new();
    bus.plug("1-1", [gadget(0x0a5c, 0x0104)]);
    let service = Service { timeout: Some(Duration::from_millis(50)), ..Service::default() };
    let run = Run::of(&bus, payload(&files, false), patient(), &service);
    assert!(run.outcomes.is_empty());
}

#[test]
fn for_ever_goes_on_until_it_is_stopped() {
    let files = old();
    let bus = ModelBus::new();
    let round = || [rom(0x2764, Rom::Answers(0)), server(0x2764, &OLD_SYSTEM)];
    bus.plug("1-1", round().into_iter().chain(round()).chain(round()));
    let service = Service { forever: true, boards: Some(3), ..Service::default() };
    let run = Run::of(&bus, payload(&files, false), patient(), &service);
    assert_eq!(run.outcomes.iter().filter(|outcome| outcome.record.ending.is_done()).count(), 3);

    let stop = Stop::new().unwrap();
    let other = stop.clone();
    bus.plug("1-2", [rom(0x2764, Rom::Answers(0)), server(0x2764, &[File("config.txt"), Hangs])]);
    let stopper = std::thread::spawn(move || {
        let _ = other.wait(Duration::from_millis(300));
        other.set();
    });
    let service = Service { forever: true, ..Service::default() };
    let run = Run::until(&bus, payload(&files, false), patient(), &service, &stop);
    stopper.join().unwrap();
    assert_eq!(run.failed("1-2"), (Stage::FileServer, "stopped by the user", Some("config.txt".to_owned())));
    assert!(run.took < Duration::from_secs(10), "a transfer that hangs holds nobody up");
}

#[test]
fn one_board_only_where_one_is_asked_for() {
    let files = old();
    let bus = ModelBus::new();
    for port in ["1-1", "1-2"] {
        bus.plug(port, [rom(0x2764, Rom::Answers(0)), server(0x2764, &[Done])]);
    }
    let service = Service { boards: Some(1), ..Service::default() };
    let run = Run::of(&bus, payload(&files, false), patient(), &service);
    assert_eq!(run.outcomes.len(), 1);
    assert_eq!(bus.opened("1-1") + bus.opened("1-2"), 2, "the two devices of one board");
}

#[test]
fn a_run_begins_before_the_device_is_opened_and_its_last_event_is_its_end() {
    let files = old();
    let (_, run) = boot(&files, [rom(0x2764, Rom::Answers(0)), server(0x2764, &OLD_SYSTEM)], patient());
    let last = run.events.last().unwrap();
    assert!(matches!(last.what, What::Ended(Ending::Done { proof: Proof::Board })), "{last:?}");
    assert!(run.events.iter().all(|event| event.run == last.run), "one board, one run");
    let texts = run.texts("1-1.2");
    assert_eq!(texts[..2], ["began", r#"seen {"state":"boot ROM"}"#]);
    let all = texts.join("\n");
    for want in [
        r#"serving {"dir":"#,
        r#"uploading {"bytes":52624,"name":"bootcode.bin"}"#,
        r#"uploaded {"code":0,"#,
        "left {}",
        r#"missing {"name":"dt-blob.bin"}"#,
    ] {
        assert!(all.contains(want), "{want} in {all}");
    }
    let stages: Vec<_> = run
        .events
        .iter()
        .filter(|event| matches!(event.what, What::Began | What::Entered | What::Ended(_)))
        .map(|event| event.stage)
        .collect();
    use Stage::{Done, FileServer, FirstStage, Open, Payload, Restart};
    assert_eq!(stages, [Open, Payload, Open, FirstStage, Restart, Open, FileServer, Done]);
}

#[test]
fn sixty_four_boards_at_once() {
    let files = old();
    let bus = ModelBus::new();
    for at in 0..64 {
        let port = format!("{}-1.{}", at / 16 + 1, at % 16 + 1);
        bus.plug(&port, [rom(0x2764, Rom::Answers(0)), server(0x2764, &OLD_SYSTEM)]);
    }
    let run = Run::of(&bus, payload(&files, false), patient(), &Service::default());
    bus.check();
    assert_eq!(run.outcomes.iter().filter(|outcome| outcome.record.ending.is_done()).count(), 64);
}
