//! Names, cells, settings, contents: everything that lies on a disk or stands on the command line.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::Write;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use super::screen::{EVERYWHERE, Screen, To};
use super::{EVIL, IN_JSON, SHOWN, eeprom};
use crate::common::{clean, piprov};

/// Runs a command in a directory, in a pipe, on a terminal and with `--json`, and gives what it wrote each time.
#[track_caller]
fn run(dir: &Path, arguments: &[&str], change: impl Fn(&mut Command)) -> Vec<String> {
    let mut all = Vec::new();
    for to in EVERYWHERE {
        for flag in ["-v", "--json"] {
            let mut command = piprov();
            command.current_dir(dir).args(arguments);
            // Behind `--` it would be a name.
            if !arguments.contains(&"--") {
                command.arg(flag);
            }
            change(&mut command);
            let output = Screen::start(command, to).end();
            for line in output.lines().filter(|line| line.starts_with("{\"schema\"")) {
                assert!(serde_json::from_str::<serde_json::Value>(line).is_ok(), "{line}");
            }
            all.push(output);
        }
    }
    all
}

/// What was evil is told to people, and harmless. Objects need not have all that people are told.
#[track_caller]
fn told(outputs: &[String]) {
    for output in outputs.iter().filter(|output| !output.contains("{\"schema\"")) {
        assert!(output.contains(SHOWN) || output.contains("x\\u{1b}[2K"), "it isn't told: {output:?}");
    }
}

/// A directory with things of an evil name in it.
fn room() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let mut image = vec![0; 3 << 20];
    // One partition from 1 MiB on.
    image[446..462].copy_from_slice(&[0, 0, 0, 0, 0x0c, 0, 0, 0, 0, 8, 0, 0, 0, 16, 0, 0]);
    image[510..512].copy_from_slice(&[0x55, 0xaa]);
    fs::write(dir.path().join(format!("{EVIL}.img")), &image).unwrap();
    image[2 << 20] = 1;
    fs::write(dir.path().join("other.img"), &image).unwrap();
    fs::create_dir(dir.path().join(EVIL)).unwrap();
    fs::write(dir.path().join("targets.csv"), "lab-01,dc:a6:32:01:02:03,,\n").unwrap();
    dir
}

#[test]
fn names_on_the_command_line() {
    let room = room();
    let image = format!("{EVIL}.img");
    let csv = format!("{EVIL}.csv");
    fs::write(room.path().join(&csv), "name,mac,ip,reset\na,b,c,d\ne,f,g,h\n").unwrap();
    let commands: &[&[&str]] = &[
        &["split-image", &image, "-n"],
        &["split-image", &image, "-o", "parts", "--force"],
        &["split-image", EVIL],
        &["verify", &image, "--device", "other.img"],
        &["verify", "other.img", "--device", &image],
        &["verify", "other.img", "--parts", EVIL],
        &["verify", "other.img", "--report", EVIL],
        &["verify", "other.img", "--sha256", EVIL],
        &["targets", "check", "--targets", &csv],
        &["targets", "list", "--targets", &csv],
        &["targets", "list", "--targets", EVIL],
        &["targets", "add", "lab-02", "--mac", EVIL, "--targets", "new.csv"],
        &["targets", "add", EVIL, "--mac", "dc:a6:32:01:02:04", "--targets", "new.csv"],
        &["targets", "remove", EVIL, "--targets", "targets.csv"],
        &["reset", EVIL, "--targets", "targets.csv"],
        &["flash", EVIL, &image, "-n", "--targets", "targets.csv"],
        &["card", "check", &image],
        &["card", "build", "--image", &image, "--uboot", EVIL, "-o", "card.img", "--force"],
        &["tftp", "--root", &image],
        &["usbboot", "-d", &image],
        &["mklive", "--live", EVIL, "--clients", EVIL, "-n"],
        &["netboot", "serve", "--interface", EVIL],
        &["netboot", "watch", "--interface", EVIL],
        &["netboot", "enable", "--eeprom", &image],
        &["eeprom", "show", &image],
        &["eeprom", "show", EVIL],
        &["eeprom", "verify", &image],
        &["eeprom", "edit", &image, "--unset", "A", "-n"],
        &["eeprom", "edit", &image, "--unset", "A", "-o", EVIL],
        &["eeprom", "edit", "x", "--bootconf", &image, "-n"],
        &["netboot", "enable", "--otp-dump", &image],
        &["netboot", "enable", "--boot-partition", EVIL],
        &["netboot", "client", "show", EVIL],
        &["config", "show", "--config", EVIL],
    ];
    for arguments in commands {
        told(&run(room.path(), arguments, |_| ()));
    }
    let objects = run(room.path(), &["targets", "check", "--targets", &csv], |_| ());
    assert!(objects[1].contains(IN_JSON), "{objects:?}");
}

#[test]
fn mistakes_on_the_command_line() {
    let room = room();
    let option = format!("--{EVIL}");
    let value = format!("--listen={EVIL}");
    let commands: &[&[&str]] = &[
        &[EVIL],
        &[&option],
        &["tftp", &value],
        &["tftp", "--root", "x", EVIL],
        &["targets", "list", "--", EVIL],
    ];
    for arguments in commands {
        told(&run(room.path(), arguments, |_| ()));
    }
    // The name of the program is in the usage.
    let outputs = run(room.path(), &["tftp", "--help"], |command| {
        command.arg0(EVIL).env("PIPROV_CONFIG", EVIL);
    });
    assert!(outputs.iter().all(|output| output.contains("Usage:")), "{outputs:?}");
}

#[test]
fn names_that_are_no_text() {
    let room = room();
    let name = OsString::from_vec([b"\xff\x9b31m", EVIL.as_bytes()].concat());
    fs::write(room.path().join(&name), "lab-01,dc:a6:32:01:02:03,,\n").unwrap();
    for verb in ["check", "list"] {
        let outputs = run(room.path(), &["targets", verb], |command| {
            command.arg("--targets").arg(&name);
        });
        assert!(outputs.iter().all(|output| !output.contains("panicked")), "{outputs:?}");
        if verb == "check" {
            told(&outputs);
        }
    }
    for option in ["--targets", "--config"] {
        told(&run(room.path(), &["reset", "lab-01"], |command| {
            command.arg(option).arg([OsStr::from_bytes(b"\xff/"), &name].concat_os());
        }));
    }
}

trait Concat {
    fn concat_os(&self) -> OsString;
}

impl<T: AsRef<OsStr>> Concat for [T] {
    fn concat_os(&self) -> OsString {
        OsString::from_vec(self.iter().flat_map(|part| part.as_ref().as_bytes().to_vec()).collect())
    }
}

#[test]
fn cells_of_the_targets_database() {
    let room = room();
    let quoted = EVIL.replace('"', "\"\"");
    for row in [
        format!("\"{quoted}\",dc:a6:32:01:02:03,,"),
        format!("lab-01,\"{quoted}\",,"),
        format!("lab-01,dc:a6:32:01:02:03,\"{quoted}\","),
        format!("lab-01,dc:a6:32:01:02:03,,\"{quoted}\""),
        format!("lab-01,dc:a6:32:01:02:03,,\"!echo {quoted}\""),
        format!("lab-01,dc:a6:32:01:02:03,,\"/dev/gpio{quoted}:17\""),
    ] {
        fs::write(room.path().join("t.csv"), format!("name,mac,ip,reset\n{row}\nx,y,z,a\n")).unwrap();
        for verb in [&["targets", "check"][..], &["targets", "list"], &["reset", "lab-01", "-n"]] {
            run(room.path(), &[verb, &["--targets", "t.csv"]].concat(), |_| ());
        }
        fs::write(room.path().join("t.csv"), format!("name,mac,ip,reset\n{row}\n")).unwrap();
        for verb in [
            &["targets", "check"][..],
            &["targets", "list"],
            &["targets", "list", "--csv"],
            &["reset", "--all", "-n"],
        ] {
            run(room.path(), &[verb, &["--targets", "t.csv"]].concat(), |_| ());
        }
    }
    // A line that is no header.
    fs::write(room.path().join("t.csv"), format!("name,mac,\"{quoted}\"\n")).unwrap();
    run(room.path(), &["targets", "check", "--targets", "t.csv"], |_| ());
}

#[test]
fn settings_and_the_environment() {
    let room = room();
    let quoted = serde_json::to_string(EVIL).unwrap();
    for text in [
        EVIL.to_owned(),
        format!("{quoted} = 1\n"),
        format!("[tftp]\n{quoted} = 1\n"),
        format!("targets = {quoted}\nstate-dir = {quoted}\n"),
        format!("[tftp]\nlisten = {quoted}\n"),
        format!("[netboot]\ninterface = {quoted}\nmode = {quoted}\n"),
        format!("# {EVIL}\n[usb\n"),
        format!("targets = \"a\" {EVIL}"),
    ] {
        fs::write(room.path().join("piprov.toml"), &text).unwrap();
        run(room.path(), &["config", "show"], |_| ());
        run(room.path(), &["targets", "list"], |_| ());
    }
    fs::remove_file(room.path().join("piprov.toml")).unwrap();
    for variable in [
        "PIPROV_TARGETS",
        "PIPROV_STATE_DIR",
        "PIPROV_TFTP_LISTEN",
        "PIPROV_NETBOOT_MODE",
        "PIPROV_CONFIG",
        "HOME",
    ] {
        for line in [&["config", "show"][..], &["targets", "list"], &["flash", "--help"]] {
            run(room.path(), line, |command| {
                command.env(variable, EVIL);
            });
        }
    }
    run(room.path(), &["netboot", "enable", "--eeprom", "x", "-o", "."], |command| {
        command.env("SOURCE_DATE_EPOCH", EVIL);
    });
}

#[test]
fn a_member_of_a_zip_file() {
    let room = room();
    for names in [&["\x1b[2K\rdone"][..], &[EVIL], &["a.img", EVIL], &["\u{202e}gmi.x", "b.img"]] {
        let mut zip = zip::ZipWriter::new(fs::File::create(room.path().join("image.zip")).unwrap());
        for name in names {
            zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            zip.write_all(&[0; 4096]).unwrap();
        }
        zip.finish().unwrap();
        for arguments in [
            &["split-image", "image.zip", "-o", "parts", "--force"][..],
            &["verify", "image.zip", "--device", "other.img"],
            &["card", "check", "image.zip"],
        ] {
            run(room.path(), arguments, |_| ());
        }
    }
}

#[test]
fn an_image_whose_files_and_partitions_are_evil() {
    let room = room();
    let quoted = EVIL.replace('\'', "");
    let script = r#"
        export PATH="$PATH:/usr/sbin:/sbin"
        mkdir -p root/etc root/boot/firmware boot "root/etc/$EVIL" "root/$EVIL"
        printf 'PRETTY_NAME="%s"\nID=debian\nVERSION_CODENAME=%s\n' "$EVIL" "$EVIL" > root/etc/os-release
        printf '%s\n' "$EVIL" > root/etc/rpi-issue
        printf 'PARTUUID=35c84628-01 /boot/firmware vfat %s 0 2\nPARTUUID=35c84628-02 / ext4 %s 0 1\n' "$(printf %s "$EVIL" | tr -d '\n')" defaults > root/etc/fstab
        printf '%s' "$EVIL" > root/etc/hostname
        ln -s "$EVIL" root/etc/localtime
        printf 'root=PARTUUID=35c84628-02 %s' "$(printf %s "$EVIL" | tr -d '\n')" > boot/cmdline.txt
        printf '%s\nkernel=%s\n' "$EVIL" "$EVIL" > boot/config.txt
        truncate -s 44M evil.img
        printf 'label: gpt\nstart=8192, size=16MiB, name="%s"\nstart=40960, size=20MiB\n' 'x' | sfdisk -q evil.img
        printf 'label: dos\nlabel-id: 0x35c84628\nstart=8192, size=16MiB, type=c\nstart=40960, size=20MiB, type=83\n' | sfdisk -q evil.img
        mformat -i evil.img@@4M -v bootfs -T 32768 -h 64 -s 32 ::
        mcopy -s -Q -i evil.img@@4M boot/* ::
        mkfs.ext4 -q -F -b 4096 -I 256 -L "evil" -E offset=$((20 << 20)) -d root evil.img 20M
    "#;
    let made = Command::new("bash")
        .args(["-euo", "pipefail", "-c", script])
        .env("EVIL", quoted)
        .current_dir(room.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success(), "{said}\nis a tool missing? tools/install-packages test");
    let at = |name: &str| room.path().join(name).display().to_string();
    let (tftp, clients, shared, state) = (at("tftp"), at("clients"), at("shared"), at("state"));
    let place = ["--tftp-root", &tftp, "--clients", &clients, "--shared-roots", &shared, "--state", &state];
    let outputs = run(room.path(), &["card", "check", "evil.img"], |_| ());
    assert!(outputs[0].contains("\\x1b[2K\\x0ddone"), "the command line is shown: {outputs:?}");
    for from in ["evil.img", "root"] {
        let add = ["netboot", "client", "add", "lab-01", "--board", "4d01ab99", "--from", from, "-n"];
        let more = ["--server", "10.0.0.1", "--network", "10.0.0.0/24"];
        run(room.path(), &[&add[..], &more, &place].concat(), |_| ());
    }
}

#[test]
fn what_is_read_as_a_record_or_a_manifest() {
    let room = room();
    let quoted = serde_json::to_string(EVIL).unwrap();
    fs::create_dir(room.path().join("parts")).unwrap();
    for text in [
        EVIL.to_owned(),
        quoted.clone(),
        format!("{{{quoted}: 1}}"),
        format!(r#"{{"schema": 1, "image": {quoted}}}"#),
        format!(r#"{{"schema": {quoted}}}"#),
        format!(r#"{{"target": {quoted}, "mac": {quoted}}}"#),
    ] {
        fs::write(room.path().join("report.json"), &text).unwrap();
        fs::write(room.path().join("parts/manifest.json"), &text).unwrap();
        run(room.path(), &["verify", "other.img", "--report", "report.json"], |_| ());
        run(room.path(), &["verify", "other.img", "--parts", "parts"], |_| ());
    }
    fs::write(room.path().join("sums"), format!("{}  {EVIL}\n", "a".repeat(64))).unwrap();
    run(room.path(), &["verify", "other.img", "--sha256", "sums"], |_| ());
}

#[test]
fn an_eeprom_an_otp_dump_and_a_config_txt() {
    let room = room();
    let conf = format!("[all]\nBOOT_ORDER=0xf{EVIL}\n{EVIL}=1\n[{EVIL}]\nTFTP_PREFIX_STR={EVIL}\n");
    fs::write(room.path().join("pieeprom.bin"), eeprom::pi4(conf.as_bytes())).unwrap();
    let outputs = run(room.path(), &["netboot", "enable", "--eeprom", "pieeprom.bin"], |_| ());
    assert!(outputs[0].contains("\\x1b[2K\\x0ddone"), "its configuration is shown: {outputs:?}");
    run(
        room.path(),
        &["netboot", "enable", "--eeprom", "pieeprom.bin", "--set", &format!("X={EVIL}"), "-n"],
        |_| (),
    );
    let evil = format!("X={EVIL}");
    let evil_key = format!("{EVIL}=1");
    for arguments in [
        &["eeprom", "show", "pieeprom.bin"][..],
        &["eeprom", "verify", "pieeprom.bin"],
        &["eeprom", "edit", "pieeprom.bin", "--unset", "A", "-n"],
        &["eeprom", "edit", "pieeprom.bin", "--set", &evil, "-n"],
        &["eeprom", "edit", "pieeprom.bin", "--set", &evil_key, "-n"],
        &["eeprom", "edit", "pieeprom.bin", "--unset", EVIL, "-n"],
        &["eeprom", "edit", "pieeprom.bin", "--boot-from", EVIL, "-n"],
    ] {
        run(room.path(), arguments, |_| ());
    }
    // A whole configuration, a .sig file, a signature in the image, and names in a directory.
    fs::write(room.path().join("conf"), format!("[{EVIL}]\n{EVIL}=1\n{EVIL}\n")).unwrap();
    run(room.path(), &["eeprom", "edit", "pieeprom.bin", "--bootconf", "conf", "-n"], |_| ());
    fs::write(room.path().join("conf"), "[a\u{202e}b]\nA=1\u{202e}\n\u{85}\n").unwrap();
    run(room.path(), &["eeprom", "edit", "pieeprom.bin", "--bootconf", "conf", "-n"], |_| ());
    let plain = piprov::eeprom::Image::parse(eeprom::pi4(b"[all]\n")).unwrap();
    let bad_sig = format!("{}\n{EVIL}: {EVIL}\n", "a".repeat(64));
    let signed = plain.with_file("bootconf.sig", bad_sig.as_bytes()).unwrap();
    fs::create_dir_all(room.path().join("fw").join(EVIL)).unwrap();
    fs::write(room.path().join("fw").join(EVIL).join(format!("{EVIL}.bin")), signed.bytes()).unwrap();
    fs::write(room.path().join("fw").join(format!("{EVIL}.bin")), vec![7; 512 << 10]).unwrap();
    told(&run(room.path(), &["eeprom", "show", "fw"], |_| ()));
    fs::write(room.path().join("signed.bin"), signed.bytes()).unwrap();
    fs::write(room.path().join("signed.sig"), &bad_sig).unwrap();
    told(&run(room.path(), &["eeprom", "verify", "signed.bin"], |_| ()));
    fs::write(room.path().join("otp"), format!("17:3020000a\n30:{EVIL}\n{EVIL}:00\n")).unwrap();
    run(room.path(), &["netboot", "enable", "--otp-dump", "otp"], |_| ());
    fs::write(room.path().join("config.txt"), format!("[{EVIL}]\nprogram_usb_boot_mode={EVIL}\n# {EVIL}\n"))
        .unwrap();
    for flags in [&["-n"][..], &["--undo", "-n"]] {
        run(room.path(), &[&["netboot", "enable", "--boot-partition", "."][..], flags].concat(), |_| ());
    }
}

/// What udev hands on is the board's own.
#[test]
fn the_environment_of_udevs_helper() {
    let room = room();
    for variable in
        ["ACTION", "DEVPATH", "DEVNAME", "SUBSYSTEM", "ID_SERIAL_SHORT", "PRODUCT", "PIPROV_USB_LIVE"]
    {
        for to in EVERYWHERE {
            let mut command = Command::new(env!("CARGO_BIN_EXE_piprov-udev"));
            clean(&mut command);
            command.current_dir(room.path());
            command.env("PIPROV_RUNTIME_DIR", room.path().join("run"));
            let usual = [
                ("ACTION", "add"),
                ("SUBSYSTEM", "tty"),
                ("DEVTYPE", "usb_device"),
                ("DEVPATH", "/devices/usb1/1-1/1-1:1.0/tty/ttyACM0"),
                ("DEVNAME", "/dev/ttyACM0"),
                ("ID_VENDOR_ID", "f055"),
                ("ID_MODEL_ID", "b007"),
                ("PIPROV_USB_LIVE", "live"),
                ("PIPROV_USB_CLIENTS", "clients"),
            ];
            command.envs(usual).env(variable, EVIL);
            Screen::start(command, to).end();
        }
    }
}

/// A name of the greatest length there is, in a message, doesn't fill the screen.
#[test]
fn a_flood_has_an_end() {
    let room = room();
    let long = "y".repeat(100_000);
    for arguments in [&["verify", "other.img", "--sha256", &long][..], &["tftp", &long], &[&long]] {
        let mut command = piprov();
        command.current_dir(room.path()).args(arguments);
        let output = Screen::start(command, To::Pipe).end();
        assert!(output.len() < 10_000, "{}", output.len());
    }
}
