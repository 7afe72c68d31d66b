//! `piprov eeprom`: images shown, changed and checked, each by what it prints, writes and ends with.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use crate::{common, documented, eeprom};

use std::path::PathBuf;
use std::process::Output;

use piprov::eeprom::{Image, Sig};
use serde_json::Value;
use tempfile::TempDir;

const CONF: &str = "[all]\nBOOT_UART=0\nBOOT_ORDER=0xf41\n# ours\n[cm4]\nNEW_THING=1\n";
const TIME: &str = "1700000000";

struct Room {
    dir: TempDir,
}

impl Room {
    /// With an image of a Pi 4 and one of a Pi 5.
    fn new() -> Self {
        let room = Self { dir: tempfile::tempdir().unwrap() };
        room.put("four.bin", &eeprom::pi4(CONF.as_bytes()));
        room.put("five.bin", &five());
        room
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn image(&self, name: &str) -> Image {
        Image::parse(std::fs::read(self.path(name)).unwrap()).unwrap()
    }

    #[track_caller]
    fn run(&self, code: i32, arguments: &[&str]) -> (String, String) {
        let mut command = common::piprov();
        command.arg("eeprom").args(arguments).current_dir(self.dir.path()).env("SOURCE_DATE_EPOCH", TIME);
        told(&command.output().unwrap(), code)
    }

    #[track_caller]
    fn json(&self, code: i32, arguments: &[&str]) -> Vec<Value> {
        let (out, _) = self.run(code, &[arguments, &["--json"]].concat());
        let lines: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        lines.iter().for_each(documented::check);
        lines
    }

    fn names(&self, dir: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.path(dir)).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn five() -> Vec<u8> {
    eeprom::ab(&eeprom::Half { firmware: 7, conf: b"[all]\nBOOT_ORDER=0xf416\n" }, None)
}

fn signed() -> Vec<u8> {
    let conf = "[all]\nSIGNED_BOOT=1\n";
    let image = Image::parse(eeprom::pi4(conf.as_bytes())).unwrap();
    let mut sig = Sig::of(conf.as_bytes(), 1);
    sig.rsa2048 = Some(vec![1; 256]);
    let image = image.with_file("bootconf.sig", sig.to_string().as_bytes()).unwrap();
    image.with_file("pubkey.bin", &[7; 264]).unwrap().bytes().to_vec()
}

#[track_caller]
fn told(output: &Output, code: i32) -> (String, String) {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{out}{err}");
    (out.into_owned(), err.into_owned())
}

#[test]
fn an_image_is_shown_with_all_that_is_in_it() {
    let room = Room::new();
    let (out, _) = room.run(0, &["show", "four.bin"]);
    for want in [
        "image  four.bin, 512 KiB for Pi 4, 400, CM4, CM4S (BCM2711), built 2024-09-05\n",
        "build  version 0a7ef05f\n",
        "signed no: for boards without a key burned in\n",
        "0x000000  bootcode",
        "signed by Raspberry Pi",
        "  BOOT_UART=0       log of the bootloader on the serial port",
        "  # ours\n  [cm4]\n  NEW_THING=1       not known; it stays as it is\n",
        "order  BOOT_ORDER=0xf41, read from right to left\n    1  SD ",
        "note   line 6: NEW_THING is no setting that is known",
    ] {
        assert!(out.contains(want), "{want}: {out}");
    }
    assert!(!out.contains("network") && !out.contains("padding"), "{out}");
    let (more, _) = room.run(0, &["show", "five.bin", "-v", "--board", "cm5"]);
    assert!(more.contains("padding") && more.contains("A bootsys"), "{more}");
    let lines = room.json(0, &["show", "four.bin"]);
    let image = &lines[0];
    assert_eq!(
        (&image["chip"], &image["size"], &image["version"]),
        (&"BCM2711".into(), &524_288.into(), &"0a7ef05f".into())
    );
    assert_eq!(image["settings"][0]["what"].as_str().unwrap().split(' ').next(), Some("log"));
    assert_eq!(
        (&image["settings"][2]["filter"], &image["settings"][2]["known"]),
        (&"cm4".into(), &false.into())
    );
    assert_eq!(image["modes"], serde_json::json!(["SD", "USB-MSD", "RESTART"]));
    let sections = image["sections"].as_array().unwrap();
    let conf = sections.iter().find(|section| section["name"] == "bootconf.txt").unwrap();
    assert_eq!(conf["length"], CONF.len());
    room.put("signed.bin", &signed());
    let (out, _) = room.run(0, &["show", "signed.bin"]);
    assert!(out.contains("signed yes, with the key in it (hash in the OTP: "), "{out}");
}

#[test]
fn the_images_of_a_directory_are_told_by_chip_and_channel() {
    let room = Room::new();
    let old = eeprom::pi4_of("1600000000", CONF.as_bytes());
    let base = "fw/bootloader-2711";
    room.put(&format!("{base}/default/pieeprom-2020.bin"), &old);
    room.put(&format!("{base}/default/pieeprom-2024.bin"), &eeprom::pi4(CONF.as_bytes()));
    room.put(&format!("{base}/latest/pieeprom-x.bin"), &old);
    room.put("fw/bootloader-2711/latest/five.bin", &five());
    room.put("fw/bootloader-2711/recovery.bin", b"no image");
    room.put("fw/bootloader-2711/cut.bin", &vec![7; 512 << 10]);
    std::os::unix::fs::symlink("default", room.path(&format!("{base}/critical"))).unwrap();
    let (out, err) = room.run(0, &["show", "fw"]);
    let files: Vec<_> = out.lines().skip(1).map(|line| line.split_whitespace().last().unwrap()).collect();
    let want = ["default/pieeprom-2024", "default/pieeprom-2020", "latest/pieeprom-x", "latest/five"];
    assert_eq!(files, want.map(|name| format!("{base}/{name}.bin")));
    assert!(
        out.lines().nth(1).unwrap().starts_with("BCM2711  default  2024-09-05  -        no      "),
        "{out}"
    );
    assert!(err.contains("cut.bin: offset 0x0: expected a section"), "{err}");
    assert!(
        err.replace("\n         ", " ")
            .contains("five.bin: it lies in a directory for BCM2711, and is for BCM2712"),
        "{err}"
    );
    let lines = room.json(0, &["show", "fw"]);
    assert_eq!(lines.len(), 4);
    assert_eq!((&lines[0]["channel"], &lines[2]["channel"]), (&"default".into(), &"latest".into()));
    std::fs::create_dir(room.path("empty")).unwrap();
    let (_, err) = room.run(66, &["show", "empty"]);
    assert!(err.contains("no EEPROM image is in empty") && err.contains("hint: "), "{err}");
}

#[test]
fn the_images_of_a_package_are_told_with_its_version() {
    let room = Room::new();
    let base = "pkg/usr/lib/firmware/raspberrypi/bootloader-2711";
    room.put(&format!("{base}/default/pieeprom-2024-09-05.bin"), &eeprom::pi4(CONF.as_bytes()));
    room.put(&format!("{base}/default/recovery.bin"), b"no image");
    let control = "Package: rpi-eeprom\nVersion: 28.10-1\nArchitecture: all\nMaintainer: a <a@example.org>\nDescription: x\n";
    room.put("pkg/DEBIAN/control", control.as_bytes());
    let made = std::process::Command::new("dpkg-deb")
        .args(["--root-owner-group", "-b", "pkg", "rpi-eeprom.deb"])
        .current_dir(room.dir.path())
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let (out, _) = room.run(0, &["show", "rpi-eeprom.deb"]);
    assert!(out.starts_with("package  rpi-eeprom 28.10-1\nCHIP "), "{out}");
    assert!(out.contains("BCM2711  default  2024-09-05  ") && !out.contains("recovery"), "{out}");
    let lines = room.json(0, &["show", "rpi-eeprom.deb"]);
    assert_eq!(lines[0]["package"], "rpi-eeprom 28.10-1");
    // Cut off in the middle.
    let bytes = std::fs::read(room.path("rpi-eeprom.deb")).unwrap();
    room.put("cut.deb", &bytes[..bytes.len() / 2]);
    let (_, err) = room.run(65, &["show", "cut.deb"]);
    assert!(err.contains("damaged"), "{err}");
}

#[test]
fn an_image_is_changed_and_nothing_else_of_it() {
    let room = Room::new();
    let arguments = ["edit", "four.bin", "-o", "new.bin", "--set", "BOOT_UART=1", "--boot-from", "nvme"];
    let (out, err) = room.run(0, &[&arguments[..], &["-n"]].concat());
    assert!(
        out.contains("would write new.bin, 512 KiB, sha256 ") && !out.contains("read back"),
        "{out}{err}"
    );
    assert_eq!(room.names(""), ["five.bin", "four.bin"]);
    let (out, _) = room.run(0, &arguments);
    for want in [
        "  - BOOT_UART=0\n  + BOOT_UART=1\n  - BOOT_ORDER=0xf41\n  + BOOT_ORDER=0xf416\n",
        ", read back and equal\n",
        "note   NVME is not on Pi 4, 400, CM4S\n",
    ] {
        assert!(out.contains(want), "{want}: {out}");
    }
    let want = CONF.replace("UART=0", "UART=1").replace("0xf41", "0xf416");
    let new = room.image("new.bin");
    assert_eq!(new.bootconf(), Ok(want.as_str()));
    assert_eq!(new.with_bootconf(CONF).unwrap(), room.image("four.bin"));

    // What is there stays, unless it may go.
    let (_, err) = room.run(73, &arguments);
    assert!(err.contains("new.bin is there already") && err.contains("`--force`"), "{err}");
    let again = ["edit", "new.bin", "-o", "new.bin", "--unset", "BOOT_UART", "--force", "--sig"];
    let lines = room.json(0, &again);
    assert_eq!((&lines[0]["event"], &lines[0]["signature"]), (&"wrote".into(), &"new.sig".into()));
    assert_eq!(lines[0]["changes"].as_array().unwrap().len(), 1);
    let new = room.image("new.bin");
    assert_eq!(new.bootconf(), Ok(want.replace("BOOT_UART=1\n", "").as_str()));
    // As the vendor's tools write it.
    let sig = std::fs::read_to_string(room.path("new.sig")).unwrap();
    assert_eq!(sig, format!("{}\nts: {TIME}\ntarget-soc: 2711\n", lines[0]["sha256"].as_str().unwrap()));
    let (out, _) = room.run(0, &["verify", "new.bin"]);
    assert!(out.contains("the .sig file is of this image"), "{out}");
    assert_eq!(room.names(""), ["five.bin", "four.bin", "new.bin", "new.sig"]);
}

#[test]
fn a_whole_configuration_is_put_in_as_it_is() {
    let room = Room::new();
    let conf = "# mine\r\n[all]\r\nBOOT_UART=2\r\nODD\r\n";
    room.put("conf.txt", conf.as_bytes());
    let (_, err) = room.run(0, &["edit", "five.bin", "--bootconf", "conf.txt", "-o", "new.bin"]);
    assert!(err.contains("warning: line 3: `BOOT_UART=2`: 0 or 1 was expected"), "{err}");
    assert!(err.contains("line 4: is no setting"), "{err}");
    assert_eq!(room.image("new.bin").bootconf(), Ok(conf));
    // From stdin, as a board's own image comes over ssh.
    let mut command = common::piprov();
    command.args(["eeprom", "show", "-"]).stdin(std::fs::File::open(room.path("new.bin")).unwrap());
    assert!(told(&command.output().unwrap(), 0).0.contains("# mine"));
}

#[test]
fn a_signature_goes_only_when_that_is_said() {
    let room = Room::new();
    room.put("signed.bin", &signed());
    let edit = ["edit", "signed.bin", "-o", "new.bin", "--set", "BOOT_UART=1"];
    let (_, err) = room.run(65, &edit);
    assert!(
        err.contains("its bootconf.txt is signed") && err.contains("`piprov eeprom edit IMAGE --unsign`"),
        "{err}"
    );
    assert!(!room.path("new.bin").exists());
    let (out, _) = room.run(0, &[&edit[..], &["--unsign"]].concat());
    for want in [
        "  - SIGNED_BOOT=1\n",
        "lost   the signature of bootconf.txt",
        "lost   the public key",
        "lost   SIGNED_BOOT=1: a board",
    ] {
        assert!(out.contains(want), "{want}: {out}");
    }
    let new = room.image("new.bin");
    assert!(!new.is_signed() && !new.has_key());
    assert_eq!(new.bootconf(), Ok("[all]\nBOOT_UART=1\n"));
    for wrong in [&["--set", "SIGNED_BOOT=1"][..], &["--bootconf", "conf.txt"]] {
        room.put("conf.txt", b"[cm4]\nSIGNED_BOOT=1\n");
        let (_, err) = room.run(65, &[&["edit", "four.bin", "-o", "x.bin"], wrong].concat());
        assert!(err.contains("asks for signed systems") && !room.path("x.bin").exists(), "{err}");
    }
}

#[test]
fn what_can_not_be_is_refused_with_its_reason() {
    let room = Room::new();
    room.put("old.bin", &eeprom::pi4_of("1673395200", CONF.as_bytes()));
    room.put("cut.bin", &eeprom::pi4(b"")[..4096]);
    room.put("zeros.bin", &vec![0; 512 << 10]);
    room.put("big.txt", &vec![b'#'; 5000]);
    room.put("huge.txt", &vec![b'#'; 70_000]);
    room.put("nul.txt", b"A=1\0");
    let set = ["--set", "BOOT_UART=1", "-o", "new.bin"];
    let cases: &[(&str, &[&str], i32, &str, &str)] = &[
        ("four.bin", &["--set", "BOOT_UART=1"], 2, "it isn't said where", "-o OUT"),
        ("four.bin", &["-o", "new.bin"], 2, "it isn't said what to change", "--boot-from"),
        ("four.bin", &["--set", "BOOT_UART=1", "-o", "-"], 2, "standard output", ""),
        ("four.bin", &["--set", "BOOT_UART=1", "-o", "none/new.bin"], 73, "writing none/new.bin", ""),
        ("four.bin", &["--set", "BOOT_UART=yes", "-o", "new.bin"], 2, "0 or 1 was expected", ""),
        ("four.bin", &["--set", "BOOT UART=1", "-o", "new.bin"], 2, "no setting's name", "capitals"),
        (
            "four.bin",
            &["--set", "A=1", "--unset", "A", "-o", "new.bin"],
            2,
            "to be set and to be taken out",
            "",
        ),
        ("four.bin", &["--boot-from", "nvem", "-o", "new.bin"], 2, "`nvem` is no boot order", "nvme"),
        ("four.bin", &["--boot-from", "rpiboot", "-o", "new.bin"], 2, "a system can be on", ""),
        (
            "four.bin",
            &["--boot-from", "sd", "--set", "BOOT_ORDER=0x1", "-o", "new.bin"],
            2,
            "twice",
            "one of them",
        ),
        ("four.bin", &["--boot-from", "nvme", "--board", "4", "-o", "new.bin"], 2, "a Pi 4B has no NVME", ""),
        ("four.bin", &["--set", "A=1", "--sig", "-o", "new.sig"], 2, "its own .sig file", ""),
        ("four.bin", &["--bootconf", "big.txt", "-o", "new.bin"], 65, "5000 bytes doesn't fit", "comments"),
        ("four.bin", &["--bootconf", "huge.txt", "-o", "new.bin"], 74, "more than 64 KiB", ""),
        ("four.bin", &["--bootconf", "nul.txt", "-o", "new.bin"], 65, "byte 3 is 0x00", ""),
        ("four.bin", &["--bootconf", "none.txt", "-o", "new.bin"], 66, "reading none.txt", ""),
        (
            "four.bin",
            &[&set[..], &["--board", "5"]].concat(),
            65,
            "it is an image for Pi 4, 400, CM4, CM4S, not for a Pi 5",
            "rpi-eeprom",
        ),
        (
            "four.bin",
            &[&set[..], &["--mfg-ver", "1"]].concat(),
            65,
            "no MFG_VER, which counts as 0, and the board needs 1",
            "rpi-min-boot-ver",
        ),
        (
            "five.bin",
            &[&set[..], &["--mfg-ver", "8"]].concat(),
            65,
            "it has MFG_VER 7, and the board needs 8",
            "",
        ),
        (
            "old.bin",
            &[&set[..], &["--board", "cm4"]].concat(),
            65,
            "a CM4 needs one of 2023-01-12 or later",
            "newer image",
        ),
        ("cut.bin", &set, 65, "(4096 bytes) is no EEPROM image's size", "rpi-eeprom"),
        ("zeros.bin", &set, 65, "there is no bootconf.txt in it", ""),
        ("none.bin", &set, 66, "reading none.bin", ""),
    ];
    for (image, arguments, code, message, hint) in cases {
        let (_, err) = room.run(*code, &[&["edit", image], *arguments].concat());
        let flat = err.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            flat.starts_with("error: ") && flat.contains(message) && flat.contains(hint),
            "{message}: {err}"
        );
        assert!(!room.path("new.bin").exists(), "{message}");
    }
    // Without a board it is told which ones the image would kill.
    let (out, _) = room.run(0, &["edit", "old.bin", "--set", "BOOT_UART=1", "-n"]);
    assert!(
        out.split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
            .contains("note too old for a CM4, which needs 2023-01-12"),
        "{out}"
    );
    let (out, _) = room.run(0, &["verify", "old.bin"]);
    assert!(out.contains("warning  minimum    built 2023-01-11: too old for a CM4"), "{out}");
    room.run(65, &["verify", "cut.bin"]);
    room.run(65, &["show", "cut.bin"]);
}

#[test]
fn an_image_is_checked_for_its_board() {
    let room = Room::new();
    let (out, err) = room.run(0, &["verify", "five.bin", "--board", "cm5", "--mfg-ver", "7"]);
    assert!(out.lines().all(|line| line.starts_with("ok ")), "{out}");
    assert!(err.contains("0 problems, 0 warnings"), "{err}");
    let (out, _) = room.run(1, &["verify", "four.bin", "--board", "5", "--mfg-ver", "1"]);
    assert!(out.contains("problem  chip") && out.contains("problem  minimum"), "{out}");
    let lines = room.json(1, &["verify", "four.bin", "--board", "cm5"]);
    let last = lines.last().unwrap();
    assert_eq!((&last["event"], &last["problems"]), (&"checked".into(), &2.into()));
    assert!(lines.iter().any(|line| line["severity"] == "problem" && line["topic"] == "chip"));

    let changed = room.image("five.bin").with_bootconf("[all]\n").unwrap();
    room.put("other.bin", changed.bytes());
    let (out, _) = room.run(1, &["verify", "five.bin", "--against", "other.bin"]);
    assert!(out.contains("problem  compare    bootconf.txt of A differs\n"), "{out}");
    let (out, _) = room.run(0, &["verify", "five.bin", "--against", "five.bin"]);
    assert!(out.contains("equal byte for byte"), "{out}");
    room.put("five.sig", b"nonsense\n");
    let (out, _) = room.run(1, &["verify", "five.bin"]);
    assert!(out.contains("problem  sig-file   line 1: expected a sha256"), "{out}");
    room.put("signed.bin", &signed());
    let (out, _) = room.run(1, &["verify", "signed.bin"]);
    assert!(out.contains("bootconf.txt isn't signed with the key in the image"), "{out}");
    let mut cut = five();
    cut[100] ^= 1;
    cut[25_452 + 8] ^= 1;
    room.put("cut.bin", &cut);
    let (out, _) = room.run(1, &["verify", "cut.bin"]);
    assert!(out.contains("no board starts it"), "{out}");
}

#[test]
fn a_directory_for_usb_boot_is_made_whole_or_refused() {
    let room = Room::new();
    room.put("recovery.bin", &eeprom::signed_2711(vec![1; 5000]));
    let (out, said) = room.run(0, &["recovery", "four.bin", "--program", "recovery.bin", "-o", "give"]);
    assert!(out.contains("wrote give, read back and equal"), "{out}");
    assert!(said.contains("piprov usbboot -d give"), "{said}");
    assert_eq!(room.names("give"), ["bootcode4.bin", "config.txt", "pieeprom.bin", "pieeprom.sig"]);
    let read = |name: &str| std::fs::read(room.path(name)).unwrap();
    assert!(
        read("give/pieeprom.bin") == read("four.bin") && read("give/bootcode4.bin") == read("recovery.bin")
    );
    let sig = Sig::parse(&String::from_utf8(read("give/pieeprom.sig")).unwrap()).unwrap();
    assert!(sig.fits(&read("four.bin")) && sig.ts == Some(TIME.parse().unwrap()));
    // What is there stays; a program of another chip, and one that is none, make nothing.
    let (_, said) = room.run(73, &["recovery", "four.bin", "--program", "recovery.bin", "-o", "give"]);
    assert!(said.contains("give is there already"), "{said}");
    for (image, program, why) in
        [("five.bin", "recovery.bin", "for the BCM2711"), ("four.bin", "five.bin", "recovery.bin has")]
    {
        let (_, said) = room.run(65, &["recovery", image, "--program", program, "-o", "other"]);
        assert!(said.contains(why) && !room.path("other").exists(), "{said}");
    }
    let made = room.json(0, &["recovery", "four.bin", "--program", "recovery.bin", "-o", "more"]);
    assert_eq!(made[0]["files"].as_array().unwrap().len(), 4);
}
