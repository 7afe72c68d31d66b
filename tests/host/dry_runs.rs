//! A dry run says what the run itself would end with; and who lacks a permission is told where.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::common;

/// A directory that others may enter, with the program in it, run as a user for whom permissions count.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        place.mode("", 0o755);
        common::copied(&place.path("piprov"));
        // A partition of 1 MiB at 1 MiB.
        let mut disk = vec![0; 2 << 20];
        disk[446..462].copy_from_slice(&[0, 0, 0, 0, 0x0c, 0, 0, 0, 0, 8, 0, 0, 0, 8, 0, 0]);
        disk[510..512].copy_from_slice(&[0x55, 0xaa]);
        fs::write(place.path("x.img"), disk).unwrap();
        let rows = "name,mac,ip,reset\ngood,dc:a6:32:01:36:c2,10.0.0.5,command:true\n\
                    bad,dc:a6:32:01:36:c3,10.0.0.6,gpiochip99:17\n";
        fs::write(place.path("lab.csv"), rows).unwrap();
        place.file("payload/bootcode4.bin", &[7; 3000]);
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn file(&self, name: &str, bytes: &[u8]) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), bytes).unwrap();
    }

    fn mode(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path(name), Permissions::from_mode(mode)).unwrap();
    }

    /// Runs it with records in this directory; gives the exit code and all that it said.
    #[track_caller]
    fn said(&self, state: &Path, arguments: &[&str]) -> (i32, String) {
        let mut command = match rustix::process::geteuid().is_root() {
            true => {
                let mut command = Command::new("setpriv");
                command.args(["--reuid=65534", "--clear-groups", "./piprov"]);
                command
            }
            false => Command::new("./piprov"),
        };
        common::clean(&mut command);
        command.env("PIPROV_STATE_DIR", state).current_dir(self.0.path());
        let Output { status, stdout, stderr } = command.args(arguments).output().unwrap();

        // On whatever width it was broken into lines.
        let said = String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned();
        (status.code().unwrap(), said.split_whitespace().collect::<Vec<_>>().join(" "))
    }
}

const FLASH: [&str; 8] =
    ["flash", "x.img", "--force", "-n", "--targets", "lab.csv", "--listen", "127.0.0.1:0"];

/// A flash of these boards.
fn flash<'a>(boards: &[&'a str]) -> Vec<&'a str> {
    [&FLASH[..1], boards, &FLASH[1..]].concat()
}

#[test]
fn a_dry_run_ends_as_the_run_where_nothing_can_be_recorded() {
    let place = Place::new();
    place.file("kept/runs/x", b"");
    place.mode("kept/runs", 0);
    fs::create_dir(place.path("closed")).unwrap();
    place.mode("closed", 0o555);
    place.file("plain", b"");
    fs::create_dir(place.path("open")).unwrap();
    place.mode("open", 0o777);
    let reset = vec!["reset", "good", "-n", "--targets", "lab.csv"];
    let usbboot = vec!["usbboot", "-n", "-d", "payload"];
    for command in [reset, usbboot, flash(&["good"])] {
        for (state, told, code) in [
            ("kept", "writing into kept/runs: Permission denied", 77),
            ("closed", "making closed/runs: Permission denied", 77),
            ("closed/a/b", "making closed/a/b: Permission denied", 77),
            ("plain", "Not a directory", 65),
        ] {
            let (got, said) = place.said(Path::new(state), &command);
            assert!(got == code && said.contains(told), "{command:?} {state}: {got}: {said}");
        }
        let (_, said) = place.said(Path::new("open/a/b"), &command);
        assert!(!said.contains("open/a/b"), "{said}");
    }
    assert_eq!(fs::read_dir(place.path("open")).unwrap().count(), 0, "nothing is made");
}

#[test]
fn a_dry_run_ends_as_the_run_where_a_line_cannot_be_pulled() {
    let place = Place::new();
    fs::create_dir(place.path("open")).unwrap();
    place.mode("open", 0o777);
    let state = Path::new("open");
    let reset = |boards: &[&'static str]| [&["reset"], boards, &["-n", "--targets", "lab.csv"]].concat();
    let told = "there is no GPIO chip /dev/gpiochip99";
    for command in [reset(&["bad"]), flash(&["bad"])] {
        let (code, said) = place.said(state, &command);
        assert!(code == 69 && said.contains("gpiochip99:17 low") && said.contains(told), "{code}: {said}");
        assert_eq!(said.contains("--no-reset"), command[0] == "flash", "{said}");
        let (code, said) = place.said(state, &[&command[..], &["--json"]].concat());
        let fact = "\"kind\":\"unavailable\"";
        assert!(code == 69 && said.contains(fact), "{code}: {said}");
    }
    // The others go on, as in the run itself.
    for command in [reset(&["good", "bad"]), flash(&["good", "bad"])] {
        let (code, said) = place.said(state, &command);
        assert!(code == 1 && said.contains("command `true`") && said.contains(told), "{code}: {said}");
    }
    for command in [reset(&["good"]), flash(&["good"])] {
        assert_eq!(place.said(state, &command).0, 0, "{command:?}");
    }
}

#[test]
fn what_may_not_be_read_is_told_with_what_is_in_the_way() {
    let place = Place::new();
    let payload = |name: &str| place.said(Path::new("open"), &["usbboot", "-n", "-d", name]);
    place.file("priv/bootcode4.bin", b"x");
    place.mode("priv", 0);
    let (code, said) = payload("priv");
    assert!(code == 77 && said.contains("chmod a+rX priv`"), "{code}: {said}");
    place.file("outer/inner/bootcode4.bin", b"x");
    place.mode("outer", 0o600);
    let (code, said) = payload("outer/inner");
    assert!(code == 77 && said.contains("chmod a+rX outer`"), "{code}: {said}");
    // Behind a link.
    place.file("firmware/bootfiles.bin", b"x");
    place.mode("firmware", 0);
    fs::create_dir(place.path("linked")).unwrap();
    std::os::unix::fs::symlink("../firmware/bootfiles.bin", place.path("linked/bootfiles.bin")).unwrap();
    let (code, said) = payload("linked");
    assert!(code == 77 && said.contains("chmod a+rX linked/../firmware`"), "{code}: {said}");
    place.file("plain/bootcode4.bin", b"x");
    place.mode("plain/bootcode4.bin", 0);
    let (code, said) = payload("plain");
    assert!(code == 77 && said.contains("chmod a+rX plain/bootcode4.bin`"), "{code}: {said}");
    // The loader that an older board is lent.
    place.file("gadget/boot.img", &[7; 3000]);
    for name in ["bootcode.bin", "start.elf"] {
        place.file(&format!("msd/{name}"), &[7; 3000]);
    }
    for (closed, open) in [("msd/start.elf", 0o644), ("msd", 0o755)] {
        place.mode(closed, 0);
        let (code, said) = payload("gadget");
        assert!(code == 77 && said.contains(&format!("{closed}`")), "{code}: {said}");
        assert!(!said.contains("beside the payload"), "{said}");
        place.mode(closed, open);
    }
    for closed in ["priv", "outer", "firmware"] {
        place.mode(closed, 0o755);
    }
}

#[test]
fn nothing_is_installed_below_a_directory_that_is_not_there() {
    let place = Place::new();
    let piprov = |arguments: &[&str]| {
        let output = common::piprov().args(arguments).current_dir(place.0.path()).output().unwrap();
        (
            output.status.code().unwrap(),
            String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
        )
    };
    for command in ["install", "remove"] {
        let (code, said) = piprov(&["udev", command, "--root", "mistyped"]);
        assert!(code == 66 && said.contains("there is no directory mistyped"), "{code}: {said}");
    }
    assert!(!place.path("mistyped").exists());
    fs::create_dir_all(place.path("image/etc")).unwrap();
    fs::write(place.path("image/etc/group"), "root:x:0:\n").unwrap();
    let (code, said) = piprov(&["udev", "install", "--root", "image"]);
    assert!(code == 0 && said.contains("there is no group plugdev in image/etc/group"), "{code}: {said}");
    assert!(said.contains("systemctl --root=image enable piprov-usb.path"), "{said}");
    // What its rules and units run is there, and runs.
    let rules = fs::read_to_string(place.path("image/etc/udev/rules.d/60-piprov.rules")).unwrap();
    let unit = fs::read_to_string(place.path("image/etc/systemd/system/piprov-usb.service")).unwrap();
    let (helper, program) = ("/usr/local/lib/piprov/piprov-udev", "/usr/local/lib/piprov/piprov");
    assert!(rules.contains(&format!("RUN+=\"{helper}\"")), "{rules}");
    assert!(unit.contains(&format!("ExecStart={program} --quiet")), "{unit}");
    assert!(place.path("image").join(&helper[1..]).is_file());
    let version = Command::new(place.path("image").join(&program[1..])).arg("--version").output().unwrap();
    assert!(version.status.success(), "{version:?}");
    let (_, again) = piprov(&["udev", "install", "--root", "image"]);
    assert!(!again.lines().any(|line| line.starts_with("installed")), "{again}");
    fs::write(place.path("image/etc/group"), "root:x:0:\nplugdev:x:46:\n").unwrap();
    let (_, said) = piprov(&["udev", "install", "--root", "image"]);
    assert!(!said.contains("no group plugdev"), "{said}");
    let (code, _) = piprov(&["udev", "remove", "--root", "image"]);
    assert!(code == 0 && !place.path("image").join(&program[1..]).exists());
}
