//! Images whose file systems lie, and directories with planted links.

#![allow(clippy::unwrap_used, reason = "a test fails where something is missing")]

use crate::eeprom;
use crate::netboot;

use std::os::unix::fs::{FileExt, MetadataExt, symlink};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use netboot::{Room, fails, image, ok, shell};

use crate::common::piprov;

/// A room with an image whose boot partition and root have what the scripts add.
fn room(boot: &str, root: &str) -> Room {
    let room = Room::new();
    shell(room.path(), &format!("( cd boot; {boot} )\n( cd root; {root} )"));
    image(room.path(), 12, 80);
    // `*` means no names with a dot in front.
    let hidden =
        "cd boot; for name in .[!.]*; do [ ! -e $name ] || mcopy -s -Q -i ../disk.img@@4M $name ::; done";
    shell(room.path(), hidden);
    room
}

/// Writes other bytes over each place in the image where some stand.
fn patch(room: &Room, old: &[u8], new: &[u8]) {
    assert_eq!(old.len(), new.len());
    let pattern: String = old.iter().map(|byte| format!("\\x{byte:02x}")).collect();
    // Much faster than an unoptimised search.
    let found = shell(
        room.path(),
        &format!("LC_ALL=C grep -obUaP '{pattern}' disk.img | LC_ALL=C sed -n 's/^\\([0-9]*\\):.*/\\1/p'"),
    );
    let places: Vec<u64> = found.lines().map(|line| line.parse().unwrap()).collect();
    assert!(!places.is_empty() && places.len() < 4, "{old:?} stands in the image {} times", places.len());
    let image = std::fs::File::options().write(true).open(room.at("disk.img")).unwrap();
    for at in places {
        image.write_all_at(new, at).unwrap();
    }
}

/// A name as it stands in one entry for a long name of FAT, up to five characters.
fn utf16(name: &str) -> Vec<u8> {
    name.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// `client add` from the image has to be refused, and to leave nothing anywhere.
#[track_caller]
fn refused(room: &Room, told: &[&str]) {
    let before = everything(room);
    let said = fails(room.add("lab-01", "a2ef5644", "disk.img", &["--no-exports"]), 65);
    for part in told.iter().chain(&["disk.img"]) {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains(|c: char| c.is_control() && c != '\n'), "{said:?}");
    // The lock and the directory that it lies in may be there.
    let after = everything(room);
    let new: Vec<_> =
        after.lines().filter(|line| !before.contains(line) && !line.contains("state")).collect();
    assert!(new.is_empty(), "{new:?}");
}

/// Everything in the room, outside of the client's places too, with modes and times but those of directories that are
/// made and removed in.
fn everything(room: &Room) -> String {
    shell(
        room.path(),
        "find . -mindepth 1 -path ./root -prune -o ! -type d -printf '%p %m %s %T@\\n' -o -type d -printf '%p %m\\n' | sort",
    )
}

#[test]
fn no_name_of_a_fat_partition_leads_out_of_the_clients_tree() {
    let room = room("mkdir -p sub/Xy; echo '* * * * * root id' > sub/Xy/job", ":");
    shell(room.path(), "cp --sparse=always disk.img clean");
    for (new, told) in [("..", "`..`"), ("a/", "`a/`"), ("\u{1b}c", "`\\u{1b}c`"), ("\nx", "`\\nx`")] {
        shell(room.path(), "cp --sparse=always clean disk.img");
        patch(&room, &[&[0x41][..], &utf16("Xy")].concat(), &[&[0x41][..], &utf16(new)].concat());
        refused(&room, &["partition 1", "the directory `/sub` has a name that no file can have", told]);
    }
}

#[test]
fn names_of_a_fat_partition_that_are_equal_but_for_case_are_refused() {
    let room = room("echo one > Xy; echo two > Zy", ":");
    patch(&room, &[&[0x41][..], &utf16("Zy")].concat(), &[&[0x41][..], &utf16("xY")].concat());
    refused(&room, &["the directory `/` has a name twice, whatever its case"]);
}

#[test]
fn no_name_of_a_root_leads_out_of_the_clients_tree() {
    let root = "mkdir srv/Q7; for name in evil good; do echo $name > srv/piprov-$name-name; done";
    let room = room(":", root);
    shell(room.path(), "cp --sparse=always disk.img clean");
    for (new, told) in [
        (&b"../../../../cron"[..], "a name that no file can have: `../../../../cron`"),
        (b"piprov/evil/name", "a name that no file can have"),
        (b"piprov\0evil\0name", "a name that no file can have"),
        (b"piprov\x1b]0;-evil\x07", "a name with control characters: `piprov\\u{1b}]0;-evil\\u{7}`"),
        (b"piprov-good-name", "has a name twice"),
    ] {
        shell(room.path(), "cp --sparse=always clean disk.img");
        patch(&room, b"piprov-evil-name", new);
        refused(&room, &["partition 2", "directory", told]);
    }
    // `..` has a length of its own.
    shell(room.path(), "cp --sparse=always clean disk.img");
    patch(&room, b"\x02\x02Q7", b"\x02\x02..");
    refused(&room, &["a name that no file can have: `..`"]);
}

#[test]
fn a_card_that_was_in_a_mac_becomes_a_client() {
    let room = room(
        "mkdir -p .fseventsd .Spotlight-V100/Store-V2; : > .fseventsd/no_log; echo x > ._cmdline.txt; \
         : > .metadata_never_index",
        ":",
    );
    ok(room.add("lab-01", "a2ef5644", "disk.img", &["--no-exports"]));
    assert!(room.at("srv/tftp/a2ef5644/.Spotlight-V100/Store-V2").is_dir());
    assert_eq!(ok(room.client(&["check", "lab-01"])), "lab-01  as it should be\n");
}

#[test]
fn a_file_of_8_tib_in_a_small_image_is_a_hole_in_the_copy() {
    let room = room(":", ":");
    let offset = (4 + 12) << 20;
    shell(
        room.path(),
        &format!("debugfs -w -R 'sif /srv/sparse size {}' 'disk.img?offset={offset}'", 8u64 << 40),
    );
    let begun = Instant::now();
    ok(room.add("lab-01", "a2ef5644", "disk.img", &["--no-exports"]));
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
    let copy = std::fs::metadata(room.at("srv/clients/lab-01/srv/sparse")).unwrap();
    assert_eq!(copy.len(), 8 << 40);
    assert!(copy.blocks() < 1000, "{} blocks", copy.blocks());
    let mut middle = [0; 6];
    let file = std::fs::File::open(room.at("srv/clients/lab-01/srv/sparse")).unwrap();
    file.read_exact_at(&mut middle, 20_000_000).unwrap();
    assert_eq!(&middle, b"middle");
}

#[test]
fn files_that_share_blocks_do_not_fill_the_disk() {
    // 40 files that all say to have the 20 MiB of the first one: 800 MiB out of a partition of 80.
    let room =
        room(":", "head -c 20M /dev/urandom > srv/much; for n in $(seq 40); do echo $n > srv/m$n; done");
    let fs = format!("disk.img?offset={}", (4 + 12) << 20);
    let mut commands = String::new();
    for n in 1..=40 {
        // One extent of 5000 blocks in the inode itself.
        for (field, value) in [
            ("block[1]", "4".to_owned()),
            ("block[0]", "0x0001f30a".to_owned()),
            ("block[3]", "0".to_owned()),
            ("block[4]", "5000".to_owned()),
            ("block[5]", "1000".to_owned()),
            ("size", (5000u64 * 4096).to_string()),
        ] {
            commands.push_str(&format!("sif /srv/m{n} {field} {value}\n"));
        }
    }
    std::fs::write(room.at("commands"), commands).unwrap();
    shell(room.path(), &format!("debugfs -w -f commands '{fs}' >/dev/null 2>&1"));
    let said = fails(room.add("lab-01", "a2ef5644", "disk.img", &["--no-exports"]), 65);
    assert!(said.contains("have more bytes than the image's partition of 80"), "{said}");
    assert!(!room.at("srv/clients/lab-01").exists());
}

/// `netboot enable` in a directory. It gets ten seconds: a pipe must not keep it.
fn enable(at: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new("timeout");
    command.args(["10", env!("CARGO_BIN_EXE_piprov"), "netboot", "enable"]).args(arguments).current_dir(at);
    crate::common::clean(&mut command);
    command.stdin(Stdio::null()).output().unwrap()
}

#[test]
fn a_card_with_planted_links_has_no_file_of_the_host_read_or_written() {
    let dir = tempfile::tempdir().unwrap();
    let secret = dir.path().join("shadow");
    let card = dir.path().join("card");
    std::fs::create_dir(&card).unwrap();
    for target in [secret.as_path(), Path::new("../shadow")] {
        std::fs::write(&secret, "root:secret\n").unwrap();
        let _ = std::fs::remove_file(card.join("config.txt"));
        symlink(target, card.join("config.txt")).unwrap();
        for more in [&["--confirm", "program_usb_boot_mode"][..], &["--undo"], &["-n"]] {
            let output = enable(dir.path(), &[&["--boot-partition", "card"], more].concat());
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(66), "{said}");
            assert!(said.contains("config.txt is a symbolic link") && !said.contains("secret"), "{said}");
        }
        assert_eq!(std::fs::read_to_string(&secret).unwrap(), "root:secret\n");
        assert!(card.join("config.txt").is_symlink());
    }
    std::fs::remove_file(card.join("config.txt")).unwrap();
    shell(&card, "mkfifo config.txt");
    let output = enable(dir.path(), &["--boot-partition", "card", "-n"]);
    assert_eq!(output.status.code(), Some(74), "{output:?}");
    assert_eq!(std::fs::read_dir(&card).unwrap().count(), 1, "nothing is left behind");
}

#[test]
fn an_eeprom_image_is_written_through_no_planted_link_and_read_within_bounds() {
    let dir = tempfile::tempdir().unwrap();
    let secret = dir.path().join("shadow");
    std::fs::write(&secret, "root:secret\n").unwrap();
    std::fs::write(dir.path().join("pieeprom.bin"), eeprom::pi4(b"[all]\nBOOT_ORDER=0xf41\n")).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = piprov();
        command.arg("eeprom").args(arguments).current_dir(dir.path()).env("SOURCE_DATE_EPOCH", "1");
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), said)
    };
    let edit = ["edit", "pieeprom.bin", "--boot-from", "usb", "--sig", "-o", "new.bin"];
    for name in ["new.bin", "new.sig"] {
        symlink(&secret, dir.path().join(name)).unwrap();
        for force in [&[][..], &["--force"]] {
            let (code, said) = run(&[&edit[..], force].concat());
            assert_eq!(code, Some(74), "{said}");
            assert!(said.contains(name) && said.contains("symbolic link"), "{said}");
        }
        assert_eq!(std::fs::read_to_string(&secret).unwrap(), "root:secret\n");
        std::fs::remove_file(dir.path().join(name)).unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2, "half of what was asked for");
    }
    // What never ends, and what nobody writes into.
    shell(
        dir.path(),
        "mkfifo conf pieeprom.sig && mkdir fw && mkfifo fw/a.bin && ln -s .. fw/up && ln -s /dev/zero fw/z.bin",
    );
    let (code, said) = run(&["edit", "pieeprom.bin", "--bootconf", "conf", "-n"]);
    assert_eq!(code, Some(74), "{said}");
    let (code, said) = run(&["edit", "pieeprom.bin", "--bootconf", "/dev/zero", "-n"]);
    assert_eq!(code, Some(74), "{said}");
    let (code, said) = run(&["verify", "pieeprom.bin"]);
    assert_eq!(code, Some(74), "a pipe in place of the .sig file: {said}");
    let (code, said) = run(&["show", "/dev/zero"]);
    assert_eq!(code, Some(65), "{said}");
    let (code, said) = run(&["show", "fw"]);
    assert_eq!(code, Some(66), "{said}");
}

#[test]
fn an_eeprom_update_is_written_through_no_planted_link() {
    let dir = tempfile::tempdir().unwrap();
    let tftp = dir.path().join("tftp");
    std::fs::create_dir(&tftp).unwrap();
    std::fs::write(dir.path().join("pieeprom.bin"), eeprom::pi4(b"[all]\nBOOT_ORDER=0xf41\n")).unwrap();
    let secret = dir.path().join("shadow");
    std::fs::write(&secret, "root:secret\n").unwrap();
    let arguments = ["--eeprom", "pieeprom.bin", "--order", "network", "-o", "tftp"];
    for name in ["pieeprom.upd", "pieeprom.sig"] {
        symlink(&secret, tftp.join(name)).unwrap();
        let output = enable(dir.path(), &arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(74), "{said}");
        assert!(said.contains(name) && said.contains("symbolic link"), "{said}");
        assert_eq!(std::fs::read_to_string(&secret).unwrap(), "root:secret\n");
        std::fs::remove_file(tftp.join(name)).unwrap();
        assert_eq!(std::fs::read_dir(&tftp).unwrap().count(), 0, "half an update");
    }
    assert!(
        piprov()
            .args(["netboot", "enable"])
            .args(arguments)
            .current_dir(dir.path())
            .output()
            .unwrap()
            .status
            .success()
    );
}
