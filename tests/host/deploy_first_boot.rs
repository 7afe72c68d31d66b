//! `piprov deploy --set`: the settings are on the disk, read back with the rest, and their secrets nowhere else.

use std::fs;

use crate::disks::Disk;
pub(crate) use crate::os_image::{make_system, shell};

/// An image as Raspberry Pi OS Bookworm has it, and a directory to work in.
fn system() -> Disk {
    let disk = Disk::new();
    make_system(&disk.path(""));
    disk
}

const PASSWORD: &str = "not-for-a-log-7";

#[test]
fn settings_are_on_every_disk_and_their_secrets_nowhere_else() {
    let disk = system();
    let before = fs::read(disk.path("os.img")).unwrap();
    fs::write(
        disk.path("settings.toml"),
        format!("user = \"ada\"\npassword = \"{PASSWORD}\"\nssh = true\nwifi-ssid = \"floor\"\nwifi-password = \"{PASSWORD}\"\nwifi-country = \"DE\"\n"),
    )
    .unwrap();
    // The compressed one too: what it holds is known only when it is unpacked so far.
    let args =
        ["deploy", "os.img.xz", "--device", "one", "two", "--confirm", "one,two", "--set", "hostname=gate-7"];
    let ran = disk.run(&[&args[..], &["--set-file", "settings.toml", "--json"]].concat()).ok();
    let told = "first-boot settings: hostname, user, password, ssh, wifi-ssid, wifi-password, wifi-country (format \
                first-run: firstrun.sh, cmdline.txt on partition 1)";
    assert!(ran.err.split_whitespace().collect::<Vec<_>>().join(" ").contains(told), "{}", ran.err);
    assert!(fs::read(disk.path("os.img")).unwrap() == before, "the image stays as it is");
    for name in ["one", "two"] {
        let read = |file: &str| shell(&format!("mtype -i {name}@@1M ::{file}"), &disk.path(""));
        let script = read("firstrun.sh");
        assert!(script.contains("name='gate-7'") && script.contains("hash='$6$rounds="), "{script}");
        assert!(!script.contains(PASSWORD));
        assert!(read("cmdline.txt").contains(" systemd.run=/boot/firmware/firstrun.sh "));
        shell(
            &format!("dd if={name} of=boot.now bs=1M skip=1 count=8 status=none; fsck.vfat -n boot.now"),
            &disk.path(""),
        );
    }
    // Both have the same, and what was read back is what lies there.
    let sum = shell("head -c 26M one | sha256sum | cut -d' ' -f1", &disk.path(""));
    let mut found = 0;
    for line in ran.out.lines() {
        assert!(!line.contains(PASSWORD), "{line}");
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        if record["event"] != "result" {
            continue;
        }
        let detail = &record["record"]["detail"];
        assert_eq!(detail["read_back_sha256"], sum.trim());
        assert_eq!(detail["first_boot"]["keys"][2], "password", "{line}");
        found += 1;
    }
    assert_eq!(found, 2, "{}", ran.out);
}

#[test]
fn what_cannot_be_set_is_said_before_anything_is_written() {
    let disk = system();
    fs::write(disk.path("host.toml"), "hostname = \"a\"\n").unwrap();
    let deploy = |more: &[&str]| {
        disk.run(&[&["deploy", "os.img", "--device", "one", "--confirm", "one"], more].concat())
    };
    for (more, code, word) in [
        (&["--set", "hostname"][..], 2, "it is KEY=VALUE"),
        (&["--set", "host-name=a"], 2, "is it `hostname`?"),
        (&["--set", "hostname=a b"], 2, "hostname: it has letters"),
        (&["--set", "password=x"], 2, "a password needs a user"),
        (&["--set", "hostname=a", "--set", "hostname=b"], 2, "--set: hostname: it is given twice"),
        (
            &["--set", "hostname=a", "--set-file", "host.toml"],
            2,
            "given in host.toml and on the command line",
        ),
        (&["--set", "hostname=a", "--set-format", "nothing"], 2, "none of"),
        (&["--set-format", "preseed"], 2, "none are given"),
        (&["--set-file", "nothing.toml"], 66, "nothing.toml"),
        (&["--set", "hostname=a", "--set-format", "custom-toml"], 65, "has started before"),
    ] {
        let ran = deploy(more).finds(code, "");
        assert!(
            ran.err.split_whitespace().collect::<Vec<_>>().join(" ").contains(word),
            "{more:?}: {}",
            ran.err
        );
        assert!(
            !ran.err.contains("is replaced"),
            "refused before it is said what would be done: {}",
            ran.err
        );
    }
    let ran = disk.run(&["deploy", "os.img", "--device", "one", "--confirm", "two"]).finds(2, "");
    assert!(ran.err.contains("nothing was changed") && !ran.err.contains("is replaced"), "{}", ran.err);
    for (text, word) in [
        ("hostname = 7", "it is a text, true or false"),
        ("hostname = \"a\"\npassword = secret-7", "line 2"),
        ("nothing = \"x\"", "there is no first-boot setting `nothing`"),
    ] {
        fs::write(disk.path("bad.toml"), text).unwrap();
        let ran = deploy(&["--set-file", "bad.toml"]).finds(65, "");
        assert!(ran.err.contains(word) && !ran.err.contains("secret-7"), "{text}: {}", ran.err);
    }
    // An image whose system isn't known.
    let ran = disk.run(&["deploy", "disk.img", "--device", "two", "--confirm", "two", "--set", "hostname=a"]);
    assert!(ran.finds(65, "").err.contains("first-boot settings"));
    let dry = deploy(&["--set", "hostname=gate-7", "-n"]).ok();
    assert!(dry.err.contains("firstrun.sh") && dry.err.contains("dry run"), "{}", dry.err);
    for name in ["one", "two"] {
        assert!(fs::read(disk.path(name)).unwrap().iter().all(|byte| *byte == 0), "{name} was written");
    }
}
