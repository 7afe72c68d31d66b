//! `piprov netboot enable`: images that are changed and laid out for a board, and the question at a terminal.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use crate::common;
use crate::eeprom;

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Output;

use piprov::eeprom::{Image, Sig};
use tempfile::TempDir;

const CONF: &str = "[all]\nBOOT_UART=0\nBOOT_ORDER=0xf41\n";
const TIME: &str = "1700000000";

struct Room {
    dir: TempDir,
}

impl Room {
    fn new(conf: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("pieeprom.bin"), eeprom::pi4(conf.as_bytes())).unwrap();
        std::fs::create_dir(dir.path().join("tftp")).unwrap();
        Self { dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn enable(&self, arguments: &[&str]) -> Output {
        let mut command = common::piprov();
        command.args(["netboot", "enable"]).args(arguments).current_dir(self.dir.path());
        command.env("SOURCE_DATE_EPOCH", TIME).output().unwrap()
    }

    /// Both files of the pair, as a board reads them.
    fn pair(&self) -> (Image, Sig) {
        let sig = std::fs::read_to_string(self.path("tftp/pieeprom.sig")).unwrap();
        (
            Image::parse(std::fs::read(self.path("tftp/pieeprom.upd")).unwrap()).unwrap(),
            Sig::parse(&sig).unwrap(),
        )
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.path("tftp")).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

#[track_caller]
fn text(output: &Output, code: i32) -> (String, String) {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{out}{err}");
    (out.into_owned(), err.into_owned())
}

#[test]
fn an_image_is_shown() {
    let room = Room::new(CONF);
    let (out, _) = text(&room.enable(&["--eeprom", "pieeprom.bin"]), 0);
    let want = "\
image  pieeprom.bin, 512 KiB for Pi 4, 400, CM4, CM4S (BCM2711), built 2024-09-05
file   pubkey.bin        0 bytes
file   bootconf.sig      0 bytes
file   bootconf.txt     35 bytes
bootconf.txt
  [all]
  BOOT_UART=0
  BOOT_ORDER=0xf41
order  BOOT_ORDER=0xf41, read from right to left
    1  SD              SD card, or the eMMC of a Compute Module
    4  USB-MSD         USB disk or stick
    f  RESTART         from the start again
note   NETWORK is not in it: the board never asks the network
";
    assert_eq!(out, want);
    let (out, _) = text(&room.enable(&["--eeprom", "pieeprom.bin", "--json"]), 0);
    let value: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(value["order"], "0xf41");
    assert_eq!(value["bootconf"], CONF);
    assert_eq!(value["family"], "pi4");
}

#[test]
fn an_ab_image_is_shown_whatever_its_partitions_hold() {
    let a = eeprom::Half { firmware: 7, conf: CONF.as_bytes() };
    let b = eeprom::Half { firmware: 9, conf: b"[all]\nBOOT_ORDER=0xf6\n" };
    for (other, want) in [
        (None, "parts  B is empty, as published; A is what is changed\n"),
        (Some(&a), "parts  B is equal to A; A is what is changed\n"),
        (
            Some(&b),
            "parts  B differs from A in bootsys, bootconf.txt, its firmware; A is what is changed\n\
             bootconf.txt of B\n  [all]\n  BOOT_ORDER=0xf6\nbootconf.txt\n  [all]\n  BOOT_UART=0\n",
        ),
    ] {
        let room = Room::new(CONF);
        std::fs::write(room.path("ab.bin"), eeprom::ab(&a, other)).unwrap();
        let (out, _) = text(&room.enable(&["--eeprom", "ab.bin"]), 0);
        assert!(out.contains(want), "{out}");
        assert!(out.contains(" (BCM2712), built 2026-05-26, MFG_VER 7, two partitions (A/B)\n"), "{out}");
        text(&room.enable(&["--eeprom", "ab.bin", "--order", "network", "-o", "tftp"]), 0);
        let image = room.pair().0;
        assert_eq!(image.bootconf().unwrap(), "[all]\nBOOT_UART=0\nBOOT_ORDER=0xf2\n");
        let before = eeprom::ab(&a, other);
        assert_eq!(image.bytes()[0x10_7000..], before[0x10_7000..], "B and the journal stay");
    }
}

#[test]
fn a_setting_that_nobody_knows_is_warned_of_and_made() {
    let room = Room::new(CONF);
    let arguments =
        ["--eeprom", "pieeprom.bin", "--set", "TFTP_PREFFIX=2", "--set", "USE_IPV6=1", "-o", "tftp"];
    let (_, err) = text(&room.enable(&arguments), 0);
    let warning = "warning: TFTP_PREFFIX is no setting that is known of a bootloader, and its value wasn't checked; is TFTP_PREFIX";
    assert!(err.replace("\n         ", " ").starts_with(warning) && !err.contains("USE_IPV6"), "{err}");
    assert_eq!(room.pair().0.bootconf().unwrap(), format!("{CONF}TFTP_PREFFIX=2\nUSE_IPV6=1\n"));
}

#[test]
fn the_pair_is_written_and_nothing_else_of_the_image_changes() {
    let room = Room::new(CONF);
    let arguments =
        ["--eeprom", "pieeprom.bin", "--order", "network,sd", "--set", "TFTP_IP=10.0.0.2", "-o", "tftp"];
    let (out, _) = text(&room.enable(&[&arguments[..], &["-n"]].concat()), 0);
    assert!(out.contains("would write tftp/pieeprom.upd, 512 KiB\n"), "{out}");
    assert!(room.names().is_empty());

    let (out, _) = text(&room.enable(&arguments), 0);
    for want in [
        "  - BOOT_ORDER=0xf41\n  + BOOT_ORDER=0xf12\n  + TFTP_IP=10.0.0.2\n",
        "wrote tftp/pieeprom.upd, 512 KiB, read back and equal\n",
        "wrote tftp/pieeprom.sig, sha256 ",
        "if its bootloader is of 2021 or later",
    ] {
        assert!(out.contains(want), "{want}: {out}");
    }
    assert_eq!(room.names(), ["pieeprom.sig", "pieeprom.upd"]);
    let (image, sig) = room.pair();
    assert_eq!(image.bootconf().unwrap(), "[all]\nBOOT_UART=0\nBOOT_ORDER=0xf12\nTFTP_IP=10.0.0.2\n");
    assert!(sig.fits(image.bytes()));
    assert_eq!((sig.ts, sig.rsa2048), (Some(1_700_000_000), None));
    // Whoever serves TFTP can read them.
    for name in room.names() {
        let mode = std::fs::metadata(room.path("tftp").join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o644);
    }
    let original = Image::parse(std::fs::read(room.path("pieeprom.bin")).unwrap()).unwrap();
    assert_eq!(image.with_bootconf(CONF).unwrap(), original);

    let (out, _) = text(&room.enable(&arguments), 0);
    assert!(out.contains("unchanged tftp/pieeprom.upd"), "{out}");

    // A bootloader passes over an update that isn't newer than the last one.
    let (out, _) =
        text(&room.enable(&["--eeprom", "pieeprom.bin", "--order", "sd", "-o", "tftp", "--json"]), 0);
    let value: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&value["event"], &value["ts"]), (&"wrote".into(), &1_700_000_001.into()));
    assert_eq!(room.pair().1.ts, Some(1_700_000_001));
}

#[test]
fn an_update_that_was_cut_off_is_made_again() {
    let room = Room::new(CONF);
    let arguments = ["--eeprom", "pieeprom.bin", "--order", "network,sd", "-o", "tftp"];
    text(&room.enable(&arguments), 0);
    let upd = room.path("tftp/pieeprom.upd");
    let whole = std::fs::read(&upd).unwrap();
    std::fs::write(&upd, &whole[..1000]).unwrap();
    let (out, _) = text(&room.enable(&arguments), 0);
    assert!(out.contains("wrote tftp/pieeprom.upd"), "{out}");
    let (image, sig) = room.pair();
    assert!(sig.fits(image.bytes()));
    assert_eq!(image.bytes(), whole);
}

#[test]
fn what_can_not_work_is_refused_with_its_reason() {
    let room = Room::new(CONF);
    let image = Image::parse(eeprom::pi4(CONF.as_bytes())).unwrap();
    let signed = image.with_file("bootconf.sig", image.sig(1).to_string().as_bytes()).unwrap();
    std::fs::write(room.path("signed.bin"), signed.bytes()).unwrap();
    let long = format!("HTTP_PATH={}", "a".repeat(256));
    let big = format!("{CONF}{}", "# a comment\n".repeat(336));
    std::fs::write(room.path("full.bin"), eeprom::pi4(big.as_bytes())).unwrap();
    let cases: [(&str, &[&str], i32, &str, &str); 10] = [
        ("pieeprom.bin", &["--order", "network"], 2, "it isn't said where", "-o DIR"),
        ("pieeprom.bin", &["--order", "network", "-o", "none"], 66, "none is no directory", "mkdir none"),
        (
            "pieeprom.bin",
            &["--set", "TFTP PREFIX=2", "-o", "tftp"],
            2,
            "`TFTP PREFIX` is no setting's name",
            "in capitals",
        ),
        ("pieeprom.bin", &["--set", "DHCP_TIMEOUT=45", "-o", "tftp"], 2, "from 5000 or more", ""),
        ("pieeprom.bin", &["--set", &long, "-o", "tftp"], 2, "at most 255 characters", ""),
        (
            "pieeprom.bin",
            &["--order", "sd", "--set", "BOOT_ORDER=0x1", "-o", "tftp"],
            2,
            "twice",
            "one of them",
        ),
        ("pieeprom.bin", &["--board", "5"], 65, "for Pi 4, 400, CM4, CM4S, not for a Pi 5", "rpi-eeprom"),
        ("signed.bin", &["--order", "network", "-o", "tftp"], 65, "bootconf.txt is signed", "sign it"),
        ("full.bin", &["--set", "TFTP_IP=10.0.0.2", "-o", "tftp"], 65, "there is room for 4072", "comments"),
        ("tftp", &[], 65, "reading tftp: Is a directory", ""),
    ];
    for (image, arguments, code, message, hint) in cases {
        let (_, err) = text(&room.enable(&[&["--eeprom", image], arguments].concat()), code);
        assert!(
            err.starts_with("error: ") && err.contains(message) && err.contains(hint),
            "{message}: {err}"
        );
        assert!(room.names().is_empty(), "{message}");
    }
    // What is signed can still be looked at, and served as it is.
    let (out, _) = text(&room.enable(&["--eeprom", "signed.bin"]), 0);
    assert!(out.contains("can't be changed without the key"), "{out}");
    text(&room.enable(&["--eeprom", "signed.bin", "-o", "tftp"]), 0);
    assert_eq!(room.pair().0, signed);
}

#[test]
fn what_a_configuration_does_to_later_updates_is_told() {
    let room = Room::new(CONF);
    let arguments =
        ["--eeprom", "pieeprom.bin", "--set", "ENABLE_SELF_UPDATE=0", "--set", "TFTP_FILE_TIMEOUT=90000"];
    let (out, _) = text(&room.enable(&[&arguments[..], &["-n"]].concat()), 0);
    assert!(out.contains("ENABLE_SELF_UPDATE=0: once it is in the EEPROM"), "{out}");
    assert!(out.contains("TFTP_FILE_TIMEOUT is 90 s then; without a setting it is 30 s"), "{out}");
    assert!(room.names().is_empty());
}

/// A card's boot partition, and the program at a terminal asking about it.
fn at_a_terminal(room: &Room) -> (PathBuf, rexpect::session::PtySession) {
    let config = room.path("config.txt");
    std::fs::write(&config, "dtparam=audio=on\n").unwrap();
    let mut command = common::piprov();
    command.args(["netboot", "enable", "--boot-partition"]).arg(room.dir.path()).env("NO_COLOR", "1");
    let mut session = rexpect::session::spawn_command(command, Some(20_000)).unwrap();
    session.exp_string("Type program_usb_boot_mode to go on: ").unwrap();
    (config, session)
}

#[track_caller]
fn ended_with(session: &rexpect::session::PtySession, code: i32) {
    // The type of the status isn't one that we could name.
    let status = format!("{:?}", session.process().wait().unwrap());
    assert!(status.starts_with("Exited(") && status.ends_with(&format!(", {code})")), "{status}");
}

#[test]
fn a_person_is_asked_for_the_name() {
    let room = Room::new(CONF);
    let (config, mut session) = at_a_terminal(&room);
    session.send_line("program_usb_boot_mode").unwrap();
    session.exp_string("read back and equal").unwrap();
    session.exp_eof().unwrap();
    ended_with(&session, 0);
    assert!(std::fs::read_to_string(&config).unwrap().ends_with("\nprogram_usb_boot_mode=1\n"));
}

#[test]
fn another_answer_and_ctrl_c_change_nothing() {
    for (answer, want, code) in [("yes\n", "`yes` is not", 2), ("\x03", "nothing was changed", 130)] {
        let room = Room::new(CONF);
        let (config, mut session) = at_a_terminal(&room);
        session.send(answer).unwrap();
        session.flush().unwrap();
        session.exp_string(want).unwrap();
        session.exp_eof().unwrap();
        ended_with(&session, code);
        assert_eq!(std::fs::read_to_string(&config).unwrap(), "dtparam=audio=on\n");
    }
}
