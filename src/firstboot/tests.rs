use std::path::Path;
use std::process::Command;

use super::*;
use crate::image::files::{PatchedReadAt, fat_file};
use crate::image::table::Table;

fn shell(script: &str, dir: &Path) -> String {
    let script = format!("set -e; export MTOOLS_SKIP_CHECK=1 PATH=$PATH:/usr/sbin:/sbin; {script}");
    let done = Command::new("bash").arg("-c").arg(&script).current_dir(dir).output().unwrap();
    assert!(
        done.status.success(),
        "apt-get install dosfstools mtools e2fsprogs? {}",
        String::from_utf8_lossy(&done.stderr)
    );
    String::from_utf8_lossy(&done.stdout).into_owned()
}

/// An image of a system that has this in it, and whose fstab has its boot partition there.
fn image(has: &str, mounted: &str, cmdline: &str) -> Arc<dyn ReadAt> {
    let dir = tempfile::tempdir().unwrap();
    shell(
        &format!(
            r#"truncate -s 26M disk; printf 'label: dos\nstart=2048,size=16384,type=c\nstart=18432,size=32768,type=83\n' | sfdisk -q disk
            mkfs.vfat -C boot 8192 >/dev/null; printf '%s' '{cmdline}' >cmdline.txt; mcopy -i boot cmdline.txt ::
            mkdir -p root/etc "root/$(dirname '{has}')"; echo x >'root/{has}'
            printf '# comment\nPARTUUID=1-01 {mounted} vfat defaults 0 2\n' >root/etc/fstab
            mkfs.ext4 -q -d root part 16M
            dd if=boot of=disk bs=1M seek=1 conv=notrunc status=none; dd if=part of=disk bs=1M seek=9 conv=notrunc status=none"#
        ),
        dir.path(),
    );
    Arc::new(std::fs::read(dir.path().join("disk")).unwrap())
}

fn settings(all: &[(&str, &str)]) -> Settings {
    let mut settings = Settings::default();
    for (key, value) in all {
        settings.set(key, value).unwrap();
    }
    settings.check().unwrap();
    settings
}

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ8vZ4oJ8vZ4oJ8vZ4oJ8vZ4oJ8vZ4oJ8vZ4oJ8vZ4o it's@me";

fn all() -> Settings {
    settings(&[
        ("hostname", "gate-7"),
        ("user", "ada"),
        ("password", "it's \"secret\" $HOME ☺"),
        ("sudo", "yes"),
        ("ssh-key", KEY),
        ("wifi-ssid", "it's `net` \"5\""),
        ("wifi-password", "pass'word$1"),
        ("wifi-country", "de"),
        ("wifi-hidden", "yes"),
        ("timezone", "Europe/Berlin"),
        ("keyboard", "de"),
    ])
}

fn wanted(settings: Settings) -> Wanted {
    Wanted { settings, format: None, salt: [9; 16], time: 1_700_000_000 }
}

fn made(image: &Arc<dyn ReadAt>, wanted: &Wanted) -> (Prepared, impl Fn(&str) -> String + use<>) {
    let prepared = prepare(image, wanted).unwrap();
    let patched: Arc<dyn ReadAt> = Arc::new(PatchedReadAt::new(Arc::clone(image), &prepared.patches));
    let partitions = Table::read(&*patched).unwrap().unwrap().partitions;
    let read = move |name: &str| {
        let bytes = fat_file(&patched, &partitions, name).unwrap().unwrap_or_else(|| panic!("no {name}"));
        String::from_utf8(bytes).unwrap()
    };
    (prepared, read)
}

const LINE: &str = "root=PARTUUID=1-02 rootwait";

#[test]
fn the_format_is_seen_by_what_the_system_has() {
    let fresh = format!("{LINE} init=/usr/lib/raspberrypi-sys-mods/firstboot");
    for (has, format, file) in [
        ("usr/lib/raspberrypi-sys-mods/imager_custom", Format::FirstRun, "firstrun.sh"),
        ("usr/lib/raspberrypi-sys-mods/firstboot", Format::CustomToml, "custom.toml"),
        ("usr/bin/cloud-init", Format::CloudInit, "user-data"),
        (
            "usr/lib/python3/dist-packages/cloudinit/config/cc_raspberry_pi.py",
            Format::CloudInitRpi,
            "network-config",
        ),
        ("usr/bin/rpi-preseed", Format::Preseed, "rpi-preseed.toml"),
    ] {
        let image = image(has, "/boot/firmware", &fresh);
        let (prepared, read) = made(&image, &wanted(all()));
        assert_eq!((prepared.format, prepared.partition), (format, 1));
        assert!(prepared.files.iter().any(|name| name == file), "{:?}", prepared.files);
        assert!(!read(file).contains("pass'word"), "no secret is written as it is");
        assert_eq!(prepared, prepare(&image, &wanted(all())).unwrap(), "the same again");
    }
    let nothing = image("usr/bin/other", "/boot", LINE);
    let error = prepare(&nothing, &wanted(all())).unwrap_err();
    assert!(matches!(error, Error::Unknown { .. }), "{error}");
    // Who knows better says the format.
    let said = Wanted { format: Some(Format::FirstRun), ..wanted(all()) };
    assert!(made(&nothing, &said).1("cmdline.txt").contains("systemd.run=/boot/firstrun.sh "));
    let old = Wanted { format: Some(Format::CustomToml), ..wanted(all()) };
    assert!(matches!(prepare(&nothing, &old).unwrap_err(), Error::Cmdline { partition: 1, .. }));
}

/// The script runs in a root of its own, as far as that is possible without being root: what it would do is written down.
#[test]
fn the_script_says_what_was_set_and_takes_itself_away() {
    let image = image("usr/lib/raspberrypi-sys-mods/imager_custom", "/boot/firmware", LINE);
    let (_, read) = made(&image, &wanted(all()));
    let dir = tempfile::tempdir().unwrap();
    let script = read("firstrun.sh");
    // Paths of the system become those of the directory; commands that change a system become their own names.
    let root = dir.path().display().to_string();
    let moved = script
        .replace("/boot/firmware", &format!("{root}/boot/firmware"))
        .replace("helper=/usr", &format!("helper={root}/usr"))
        .replace(" /usr/lib/userconf-pi", &format!(" {root}/usr/lib/userconf-pi"))
        .replace("/etc/", &format!("{root}/etc/"))
        .replace("/var/log", &root);
    shell(
        "mkdir -p boot/firmware etc/ssh etc/sudoers.d usr/lib/raspberrypi-sys-mods usr/lib/userconf-pi bin; : >etc/timezone
        for name in usr/lib/raspberrypi-sys-mods/imager_custom usr/lib/userconf-pi/userconf bin/mount bin/install bin/chown bin/systemctl bin/sync; do
            printf '#!/bin/sh\\nprintf \"%%s|\" \"${0##*/}\" \"$@\" >>\"$LOG\"; echo >>\"$LOG\"\\n' >$name; chmod +x $name
        done
        printf '#!/bin/sh\\necho pi:x:1000:1000::/nowhere/pi:/bin/sh\\n' >bin/getent; chmod +x bin/getent",
        dir.path(),
    );
    std::fs::write(dir.path().join("boot/firmware/cmdline.txt"), read("cmdline.txt")).unwrap();
    std::fs::write(dir.path().join("boot/firmware/firstrun.sh"), &moved).unwrap();
    shell("LOG=$PWD/log PATH=$PWD/bin:$PATH bash boot/firmware/firstrun.sh", dir.path());
    let log = std::fs::read_to_string(dir.path().join("log")).unwrap();
    let hash = hash::Secrets::of(&all(), &[9; 16]).unwrap();
    let wifi = hash.wifi.unwrap();
    // What it keeps of itself names no secret, and is root's alone.
    let kept = std::fs::read_to_string(dir.path().join("firstrun.log")).unwrap();
    assert!(kept.contains("done") && !kept.contains(&hash.user) && !kept.contains(&wifi), "{kept}");
    let mode = std::fs::metadata(dir.path().join("firstrun.log")).unwrap().permissions();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777, 0o600);
    for line in [
        "imager_custom|set_hostname|gate-7|",
        &format!("userconf|ada|{}|", hash.user),
        &format!("imager_custom|set_wlan|-h|it's `net` \"5\"|{wifi}|DE|"),
        "imager_custom|set_keymap|de|",
        "systemctl|enable|ssh|",
    ] {
        assert!(log.lines().any(|found| found == line), "{line}\n{log}");
    }
    let cmdline = std::fs::read_to_string(dir.path().join("boot/firmware/cmdline.txt")).unwrap();
    assert_eq!(cmdline.trim(), format!("{LINE} cfg80211.ieee80211_regdom=DE"));
    assert!(!dir.path().join("boot/firmware/firstrun.sh").exists());
    assert_eq!(std::fs::read_to_string(dir.path().join("etc/timezone")).unwrap(), "Europe/Berlin\n");
}

#[test]
fn a_seed_has_three_files_and_a_name_that_follows_the_settings() {
    let image = image("usr/bin/cloud-init", "/boot/firmware", LINE);
    let (_, read) = made(&image, &wanted(all()));
    let id = read("meta-data");
    let name = id.trim().strip_prefix("instance-id: ").unwrap();
    assert!(read("cmdline.txt").contains(&format!("ds=nocloud;i={name} ")), "{}", read("cmdline.txt"));
    let mut other = all();
    other.set("hostname", "gate-8").unwrap();
    assert_ne!(made(&image, &wanted(other)).1("meta-data"), id);
    let user = read("user-data");
    assert!(user.starts_with("#cloud-config\n") && user.contains("hostname: \"gate-7\"\n"), "{user}");
    assert!(user.contains("\n  lock_passwd: false\n  passwd: \"$6$rounds=100000$"), "{user}");
    assert!(user.contains("\nssh_pwauth: false\n"), "with a key no password is enough: {user}");
    // What Python's reader of YAML finds in them.
    let dir = tempfile::tempdir().unwrap();
    for name in ["user-data", "network-config", "meta-data"] {
        std::fs::write(dir.path().join(name), read(name)).unwrap();
    }
    let print = "import sys, json, yaml; print(json.dumps([yaml.safe_load(open(f)) for f in sys.argv[1:]]))";
    let found = Command::new("/usr/bin/python3")
        .args(["-c", print, "user-data", "network-config", "meta-data"])
        .current_dir(dir.path())
        .output()
        .unwrap();
    assert!(found.status.success(), "apt-get install python3-yaml? {found:?}");
    let found: serde_json::Value = serde_json::from_slice(&found.stdout).unwrap();
    assert_eq!(found[0]["user"]["ssh_authorized_keys"][0], KEY);
    let net = &found[1]["network"]["wifis"]["wlan0"]["access-points"]["it's `net` \"5\""];
    assert_eq!(net["password"].as_str().map(str::len), Some(64));
    assert_eq!((&net["hidden"], &found[2]["instance-id"]), (&true.into(), &name.into()));
}

#[test]
fn tables_have_what_their_readers_look_for() {
    let fresh = format!("{LINE} init=/usr/lib/raspberrypi-sys-mods/firstboot");
    let preseed = image("usr/bin/rpi-preseed", "/boot/firmware", LINE);
    let mut binary = all();
    binary.wifi_ssid = Some(vec![0xff, 0x27, 0x00]);
    let (_, read) = made(&preseed, &wanted(binary.clone()));
    let table: toml::Table = read("rpi-preseed.toml").parse().unwrap();
    assert_eq!(table["config_version"].as_str(), Some("1.1"));
    assert_eq!(table["wlan"]["ssid_hex"].as_str(), Some("ff2700"));
    assert_eq!(table["user"]["passwordless_sudo"].as_bool(), Some(true));
    let custom = image("usr/lib/raspberrypi-sys-mods/firstboot", "/boot", &fresh);
    let (_, read) = made(&custom, &wanted(all()));
    let table: toml::Table = read("custom.toml").parse().unwrap();
    assert_eq!(table["config_version"].as_integer(), Some(1));
    assert_eq!(table["ssh"]["authorized_keys"][0].as_str(), Some(KEY));
    assert_eq!(table["wlan"]["country"].as_str(), Some("DE"));
    let error = prepare(&custom, &wanted(binary)).unwrap_err();
    assert!(matches!(error, Error::CannotSay { format: Format::CustomToml, .. }), "{error}");
}

#[test]
fn texts_stand_as_the_readers_of_each_format_take_them() {
    const NAMES: [&str; 7] = ["-h", "a;b", "FBI\\van", " a", "a\u{85}b", "\u{1}", "5;6;"];
    // A key's last words are free.
    let odd = format!("{} it's \"me\" \\ '''", KEY.trim_end_matches(" it's@me"));
    let preseed = image("usr/bin/rpi-preseed", "/boot/firmware", LINE);
    let script = image("usr/lib/raspberrypi-sys-mods/imager_custom", "/boot/firmware", LINE);
    let fresh = format!("{LINE} init=/usr/lib/raspberrypi-sys-mods/firstboot");
    let custom = image("usr/lib/raspberrypi-sys-mods/firstboot", "/boot", &fresh);
    for name in NAMES {
        let mut settings = all();
        settings.set("wifi-ssid", name).unwrap();
        settings.set("ssh-key", &odd).unwrap();
        let text = made(&preseed, &wanted(settings.clone())).1("rpi-preseed.toml");
        let table: toml::Table = text.parse().unwrap();
        assert_eq!(table["wlan"]["ssid_hex"].as_str(), Some(crate::format::hex(name.as_bytes()).as_str()));
        assert_eq!(table["ssh"]["authorized_keys"][1].as_str(), Some(odd.as_str()));
        // Its reader knows lines, `"` around texts, and two escapes.
        for line in text.lines().filter(|line| line.contains('"')) {
            let plain = line.replace("\\\\", "").replace("\\\"", "");
            assert!(!plain.contains('\\') && plain.matches('"').count().is_multiple_of(2), "{line}");
        }
        // The program that sets a Wi-Fi would take these for something else.
        let text = made(&script, &wanted(settings.clone())).1("firstrun.sh");
        assert!(!text.contains("set_wlan -h") && text.contains("set_wlan_country DE"), "{name}: {text}");
        let error = prepare(&custom, &wanted(settings)).unwrap_err();
        assert!(matches!(error, Error::CannotSay { format: Format::CustomToml, .. }), "{name}: {error}");
    }
    let kept = made(&custom, &wanted(all())).0;
    assert!(
        kept.notes.iter().any(|note| note.contains("no word for what the first user may do")),
        "{:?}",
        kept.notes
    );
}

#[test]
fn a_seed_is_known_by_all_that_is_in_it() {
    let image = image("usr/bin/cloud-init", "/boot/firmware", LINE);
    let id = made(&image, &wanted(all())).1("meta-data");
    let mut other = all();
    other.set("wifi-password", "another one").unwrap();
    assert_ne!(made(&image, &wanted(other)).1("meta-data"), id, "only the Wi-Fi has changed");
}

#[test]
fn values_that_would_do_harm_are_refused_by_name() {
    let mut settings = Settings::default();
    for (key, value) in [
        ("hostname", "a b"),
        ("hostname", "-a"),
        ("hostname", "a\nb"),
        ("hostname", ""),
        ("user", "root"),
        ("user", "Ada"),
        ("user", "a;reboot"),
        ("password", ""),
        ("password", "a\0b"),
        ("password-hash", "$1$a$b"),
        ("password-hash", "$6$a$b'; reboot"),
        ("ssh-key", "-----BEGIN OPENSSH PRIVATE KEY-----"),
        ("ssh-key", "command=\"x\" ssh-ed25519 AAAA"),
        ("ssh", "perhaps"),
        ("wifi-ssid", ""),
        ("wifi-ssid", "123456789012345678901234567890123"),
        ("wifi-password", "short"),
        ("wifi-password", "seven☺☺"),
        ("wifi-country", "Germany"),
        ("timezone", "../../etc/shadow"),
        ("timezone", "/etc"),
        ("timezone", "Europe/Berlni"),
        ("timezone", "europe/berlin"),
        ("keyboard", "de; reboot"),
    ] {
        let problem = settings.set(key, value).unwrap_err();
        assert!(
            matches!(&problem, Problem::Value { key: named, .. } if *named == key),
            "{key}={value}: {problem}"
        );
        assert!(!key.contains("password") || value.is_empty() || !problem.to_string().contains(value));
    }
    assert!(settings.is_empty());
    let problem = settings.set("host-name", "a").unwrap_err();
    assert!(problem.to_string().contains("`hostname`"), "{problem}");
    for (set, word) in [
        (&[("password", "x")][..], "needs a user"),
        (&[("user", "ada")], "nobody can sign in"),
        (&[("wifi-ssid", "x")], "wifi-country"),
        (&[("wifi-password", "12345678")], "wifi-ssid"),
        (&[("user", "ada"), ("password", "x"), ("ssh", "no"), ("ssh-key", KEY)], "ssh is off"),
    ] {
        let mut settings = Settings::default();
        for (key, value) in set {
            settings.set(key, value).unwrap();
        }
        let problem = settings.check().unwrap_err().to_string();
        assert!(problem.contains(word), "{problem}");
    }
}

#[test]
fn each_sample_is_a_value_of_its_key() {
    for key in KEYS {
        let set = Settings::default().set(key.name, key.sample());
        set.unwrap_or_else(|error| panic!("{}: {error}", key.name));
    }
}
