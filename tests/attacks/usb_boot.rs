//! Payloads that burn fuses, told by nobody; boards that say they failed, or say it in a way that is meant for the
//! terminal.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use crate::usb_model;

use std::path::Path;
use std::process::Output;
use std::sync::Arc;

use piprov::run::ledger::Ledger;
use piprov::run::{Event, Runs, Stage};
use piprov::stop::Stop;
use piprov::usb::boot::BootOptions;
use piprov::usb::choose::AllAlike;
use piprov::usb::lookup::{self, Payload};
use piprov::usb::plan::{BySerial, OnePayload, PayloadPlan};
use piprov::usb::service::{self, Outcome, Service};
use usb_model::Ask::{Done, File, Tell};
use usb_model::{Files, Life, ModelBus, Rom, rom, server, with_serial};

use crate::common;

/// What `piprov usbboot` says to a payload. It looks before it looks for boards.
fn usbboot(files: &Files, more: &[&str]) -> Output {
    let mut command = common::piprov();
    command.args(["usbboot", "-p", "9999-1", "--timeout", "0.1", "-d"]).arg(files.path()).args(more);
    command.output().unwrap()
}

/// The line that it is refused for.
#[track_caller]
fn refused(files: &Files, more: &[&str]) -> String {
    let output = usbboot(files, more);
    let text = String::from_utf8_lossy(&output.stderr).replace('\n', " ");
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("changes boards for ever"), "{text}");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn payload(config: impl AsRef<[u8]>) -> Files {
    let files = Files::new(&[("bootcode4.bin", 70_000)]);
    files.put("config.txt", config.as_ref());
    files
}

fn shell(line: &str, dir: &Path) {
    let output = std::process::Command::new("sh").args(["-c", line]).current_dir(dir).output().unwrap();
    assert!(output.status.success(), "apt-get install dosfstools mtools? {output:?}");
}

#[test]
fn no_setting_that_burns_a_fuse_goes_out_unconfirmed() {
    for setting in [
        "revoke_devkey=1",
        "program_usb_boot_mode=1",
        "program_gpio_bootmode=2",
        "program_usb_boot_timeout=1",
        "program_serial_random=1",
        "program_emmc_boot=1",
        "program_jtag_lock=1",
        "program_of_next_year=0x1",
    ] {
        let name = setting.split('=').next().unwrap();
        let text = refused(&payload(setting), &[]);
        assert!(text.contains(&format!("{name} (config.txt:1)")), "{text}");
        // The name of another one is no leave.
        refused(&payload(setting), &["--confirm", "program_pubkey"]);
        let output = usbboot(&payload(setting), &["--confirm", name]);
        assert_ne!(output.status.code(), Some(2), "{output:?}");
    }
}

#[test]
fn a_fuse_hides_in_no_section_no_writing_and_behind_no_other_line() {
    for config in [
        "[pi4]\nprogram_pubkey=1\n[all]\nprogram_pubkey=0\n",
        "[cm5]\nProgram_PubKey = 1\n",
        "[gpio4=1]\nprogram_pubkey=1 # on the bench only\n[none]\n",
        "\u{feff}program_pubkey=1\n",
        "a=1\rprogram_pubkey=1\rb=1",
        "[none]\n\tprogram_pubkey=1",
        "program_pubkey=1\0",
        "program_pubkey 1",
    ] {
        let text = refused(&payload(config), &[]);
        assert!(text.contains("program_pubkey"), "{config:?}: {text}");
    }
    let many = "program_jtag_lock=1\n".repeat(2000) + "program_pubkey=1\n";
    let text = refused(&payload(many), &["--confirm", "program_jtag_lock"]);
    assert!(text.contains("program_pubkey (config.txt:2001)"), "{text}");
}

#[test]
fn a_fuse_hides_in_no_other_file() {
    let files = payload("include a.txt\n");
    files.put("a.txt", b"include sub/b.txt\n");
    files.put("2711/sub/b.txt", b"program_pubkey=1\n");
    assert!(refused(&files, &[]).contains("program_pubkey (2711/sub/b.txt:1)"));

    let files = payload("");
    files.put("tryboot.txt", b"program_pubkey=1\n");
    assert!(refused(&files, &[]).contains("tryboot.txt:1"));

    let files = payload("");
    files.put("1-1.2/config.txt", b"program_pubkey=1\n");
    assert!(refused(&files, &["-o"]).contains("1-1.2/config.txt:1"));

    let files = payload("boot_ramdisk=1\n");
    let line = "printf 'program_pubkey=1\n' > c; truncate -s 4M boot.img; /usr/sbin/mkfs.vfat boot.img >/dev/null; \
                mcopy -i boot.img c ::CONFIG.TXT; rm c";
    shell(line, &files.path());
    assert!(refused(&files, &[]).contains("boot.img/config.txt:1"));

    // In the archive, whose members come before what lies beside it.
    let files = payload("");
    std::fs::create_dir(files.path().join("2711")).unwrap();
    let lines = "printf 'program_pubkey=1\n' > 2711/config.txt; mv bootcode4.bin 2711/; \
                 tar --format=ustar -cf bootfiles.bin 2711/config.txt 2711/bootcode4.bin; rm -r 2711";
    shell(lines, &files.path());
    assert!(refused(&files, &[]).contains("bootfiles.bin/2711/config.txt:1"));
}

#[test]
fn what_cannot_be_read_whole_is_not_served() {
    let long = "#\n".repeat(1 << 19) + "\nprogram_pubkey=1\n";
    let ring = || {
        let files = payload("include a.txt");
        files.put("a.txt", b"include config.txt");
        files
    };
    let outside = payload("");
    let path = outside.path().join("config.txt");
    std::fs::remove_file(&path).unwrap();
    std::fs::write(outside.path().join("../elsewhere.txt"), "program_pubkey=1").unwrap();
    std::os::unix::fs::symlink("../elsewhere.txt", &path).unwrap();
    for (files, want) in [
        (payload(long), "config.txt has more than 1 MiB"),
        (ring(), "includes files more than 8 deep"),
        (payload("include ../secret.txt"), "reading ../secret.txt"),
        (payload("include /etc/passwd"), "reading /etc/passwd"),
        (outside, "reading config.txt"),
    ] {
        let output = usbboot(&files, &[]);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(65), "{text}");
        assert!(text.contains(want), "{want}: {text}");
    }
}

/// A boot of one board by the library, which is what the program runs.
fn boot(plan: impl PayloadPlan + 'static, bus: &ModelBus) -> Outcome {
    let stop = Stop::new().unwrap();
    let service = Service { boards: Some(1), ..Service::default() };
    let mut outcomes = Vec::new();
    service::run(
        Arc::new(bus.clone()),
        &AllAlike::new(Arc::new(plan), BootOptions::default()),
        &service,
        &stop,
        &Runs::unkept(Arc::new(|_: Event| {})),
        &mut |outcome| outcomes.push(outcome),
    )
    .unwrap();
    outcomes.remove(0)
}

fn plugged(lives: impl IntoIterator<Item = Life>) -> ModelBus {
    let bus = ModelBus::new();
    bus.plug("1-1.2", lives);
    bus
}

fn why(outcome: &Outcome) -> (Stage, &str) {
    let record = &outcome.record;
    (record.stage, record.ending.why().unwrap_or_else(|| panic!("{record:?}")))
}

#[test]
fn a_fuse_in_one_boards_own_directory_is_met_when_that_board_comes() {
    let clients =
        Files::new(&[("by-serial/10000000af04b2da/bootcode4.bin", 70_000), ("default/bootcode4.bin", 7)]);
    clients.put("by-serial/10000000af04b2da/config.txt", b"[pi4]\nprogram_pubkey=1\n");
    let others = Arc::new(OnePayload(Arc::new(
        Payload::open(&clients.path(), &lookup::PayloadOptions::default()).unwrap(),
    )));
    let plan = BySerial { clients: clients.path(), options: lookup::PayloadOptions::default(), others };
    let bus = plugged([with_serial(rom(0x2711, Rom::Answers(0)), "af04b2da")]);
    let outcome = boot(plan, &bus);
    let (stage, why) = why(&outcome);
    assert_eq!(stage, Stage::Payload);
    assert!(why.contains("by-serial/10000000af04b2da changes boards for ever: program_pubkey"), "{why}");
    assert_eq!(bus.opened("1-1.2"), 0, "nothing was sent");
}

#[test]
fn an_overlay_that_comes_while_the_board_boots_is_met_too() {
    let files = Files::new(&[("bootcode.bin", 52_624), ("start.elf", 200_000), ("config.txt", 100)]);
    let options = lookup::PayloadOptions { overlays: true, allow: Vec::new() };
    let plan = OnePayload(Arc::new(Payload::open(&files.path(), &options).unwrap()));
    let loader = server(0x2764, &[File("start.elf"), Done]);
    let bus = plugged([rom(0x2763, Rom::Answers(0)), loader, server(0x2764, &[File("config.txt"), Done])]);
    let overlay = files.path().join("1-1.2");
    bus.during("1-1.2", "start.elf", move || {
        std::fs::create_dir(&overlay).unwrap();
        std::fs::write(overlay.join("config.txt"), "program_usb_boot_mode=1").unwrap();
    });
    let outcome = boot(plan, &bus);
    assert!(why(&outcome).1.contains("program_usb_boot_mode (1-1.2/config.txt:1)"), "{outcome:?}");
    assert!(!bus.names("1-1.2").contains(&"config.txt".to_owned()), "{:?}", bus.names("1-1.2"));
}

#[test]
fn a_board_that_reports_failure_is_not_done_whatever_it_says_besides() {
    // More words than are kept, before the one that counts.
    let words = (0..300).map(|at| Tell(format!("*K{at}*success").leak()));
    let late: Vec<_> = words.chain([Tell("*EEPROM_UPDATE*failed"), Done]).collect();
    for (asks, want) in [
        (&[Tell("*EEPROM_UPDATE*fail"), Done][..], "the board reports EEPROM_UPDATE=fail"),
        (
            &[Tell("*SECURE_BOOT_PROVISION*SUCCESS!"), Done],
            "the board reports SECURE_BOOT_PROVISION=SUCCESS!",
        ),
        (&late, "the board reports EEPROM_UPDATE=failed"),
    ] {
        let files = Files::new(&[("bootcode4.bin", 70_000)]);
        let plan =
            OnePayload(Arc::new(Payload::open(&files.path(), &lookup::PayloadOptions::default()).unwrap()));
        let outcome = boot(plan, &plugged([rom(0x2711, Rom::Answers(0)), server(0x2711, asks)]));
        assert_eq!(why(&outcome), (Stage::FileServer, want));
    }
}

#[test]
fn a_board_that_takes_anothers_place_gets_neither_its_record_nor_its_run() {
    let clients = Files::new(&[
        ("by-serial/aa000001/bootcode4.bin", 1000),
        ("by-serial/aa000002/bootcode4.bin", 2000),
        ("by-serial/aa000002/config.txt", 10),
    ]);
    let others =
        OnePayload(Arc::new(Payload::open(&clients.path(), &lookup::PayloadOptions::default()).unwrap()));
    let others = Arc::new(others);
    let plan = BySerial { clients: clients.path(), options: lookup::PayloadOptions::default(), others };
    // Pulled out while it restarts; another board is in its port before anybody has seen that.
    let bus = plugged([
        with_serial(rom(0x2711, Rom::Answers(0)), "aa000001"),
        with_serial(rom(0x2711, Rom::Answers(0)), "aa000002"),
        server(0x2711, &[File("config.txt"), Done]),
    ]);
    let stop = Stop::new().unwrap();
    let state = tempfile::tempdir().unwrap();
    let runs = Runs::new(Arc::new(|_: Event| {}), Ledger::open(state.path()).unwrap());
    let mut outcomes = Vec::new();
    service::run(
        Arc::new(bus.clone()),
        &AllAlike::new(Arc::new(plan), BootOptions::default()),
        &Service::default(),
        &stop,
        &runs,
        &mut |outcome| outcomes.push(outcome),
    )
    .unwrap();
    let ended: Vec<_> = outcomes
        .iter()
        .map(|outcome| (outcome.record.board.serial.as_ref().unwrap().as_str(), outcome.record.ending.word()))
        .collect();
    assert_eq!(ended, [("aa000001", "lost"), ("aa000002", "done")]);
    let why = outcomes[0].record.ending.why().unwrap();
    assert_eq!(why, "another board is at its port now, a BCM2711 with serial aa000002");
    let lens: Vec<_> = bus.got("1-1.2").iter().map(|(_, bytes)| bytes.len()).collect();
    assert_eq!(lens, [20, 1000, 20, 2000, 10]);
    assert_eq!(Ledger::open(state.path()).unwrap().records().unwrap().count(), 2);
}
