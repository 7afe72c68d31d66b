//! `piprov usbboot` through the binary, where no board is needed: rpiboot's name and syntax, and the wait for a board.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use crate::common;

use std::process::{Command, Output};

/// A link to piprov under rpiboot's name, and a payload beside it.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_piprov"), dir.path().join("rpiboot")).unwrap();
        std::fs::create_dir(dir.path().join("payload")).unwrap();
        std::fs::write(dir.path().join("payload/bootcode4.bin"), [7; 3000]).unwrap();
        Self(dir)
    }

    fn rpiboot(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(self.0.path().join("rpiboot"));
        common::clean(&mut command);
        command.args(arguments).current_dir(self.0.path()).output().unwrap()
    }
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn rpiboots_flags_are_taken_under_its_name() {
    let place = Place::new();
    for arguments in [&["-h"][..], &["--help"], &["-V"], &["--version"]] {
        assert_eq!(place.rpiboot(arguments).status.code(), Some(0), "{arguments:?}");
    }
    for (arguments, code, text) in [
        (&["-d", "nowhere"][..], 66, "payload nowhere: No such file or directory"),
        (&["-d", "."], 65, ". has no bootcode.bin, bootcode4.bin, bootcode5.bin or bootfiles.bin"),
        (&["-d"], 2, "a value is required for '--dir <DIR>'"),
        (&["-o"], 2, "--dir <DIR>"),
        (&["-m", "0", "-d", "payload"], 2, "invalid value '0' for '--poll <MICROSECONDS>'"),
        (&["-1", "-p", "1-1", "-d", "payload"], 2, "cannot be used with"),
        (&["-p", "one", "-d", "payload"], 2, "`one` is no USB port path"),
        (&["-j", "nowhere", "-d", "payload"], 2, "nowhere is no directory to write metadata to"),
        (&["-l", "-o", "-d", "payload", "-j", "nowhere"], 2, "nowhere is no directory"),
        (&["--nonsense"], 2, "unexpected argument '--nonsense'"),
    ] {
        let output = place.rpiboot(arguments);
        let stderr = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {stderr}");
        assert!(stderr.contains(text), "{arguments:?}: {stderr}");
    }
}

#[test]
fn what_no_board_can_be_and_no_fuse_is_are_refused() {
    let place = Place::new();
    for (flag, wrong, told) in [
        ("-i", "nothex", "8 or 16 hexadecimal digits"),
        ("-i", "c2ef56012", "8 or 16 hexadecimal digits"),
        ("--confirm", "program_pubkey,bogus", "no such setting burns fuses"),
    ] {
        let mut command = common::piprov();
        command.args(["usbboot", "-n", "-d", "payload", flag, wrong]).current_dir(place.0.path());
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(stderr(&output).contains(told), "{output:?}");
    }
}

#[test]
fn a_time_in_which_nothing_can_be_done_is_refused_before_anything_is_done() {
    let place = Place::new();
    let flash = ["flash", "--no-reset", "dc:a6:32:01:02:03", "os.img"];
    let usbboot = ["usbboot", "-d", "payload"];
    for (command, flag) in [(&flash[..], "--timeout"), (&usbboot, "--timeout"), (&usbboot, "--wait-limit")] {
        for (time, told) in [
            ("0", "a time above 0"),
            ("0s", "a time above 0"),
            ("-1", "a time of at most"),
            ("-5m", "a time of at most"),
        ] {
            let mut piprov = common::piprov();
            let output =
                piprov.args(command).args([flag, time]).current_dir(place.0.path()).output().unwrap();
            let stderr = stderr(&output);
            assert_eq!(output.status.code(), Some(2), "{command:?} {flag} {time}: {stderr}");
            assert!(stderr.contains(told) && !stderr.contains("tip:"), "{command:?} {flag} {time}: {stderr}");
        }
    }
}

#[test]
fn the_wait_for_a_board_that_is_not_there_ends() {
    let place = Place::new();
    let mut command = common::piprov();
    // No machine has so many buses.
    command.args(["usbboot", "-d", "payload", "-p", "9999-1", "--timeout", "0.3"]);
    let output = command.current_dir(place.0.path()).output().unwrap();
    let stderr = stderr(&output);
    assert_eq!(output.status.code(), Some(69), "{stderr}");
    // A host without any USB doesn't wait.
    if !std::path::Path::new("/sys/bus/usb/devices").exists() {
        assert!(
            stderr.starts_with("error: USB on this host: looking for boards: there is no /sys"),
            "{stderr}"
        );
        return;
    }
    assert!(stderr.starts_with("error: no board in USB boot came in 0:00"), "{stderr}");
    assert!(stderr.contains("hint: A board shows itself when it finds nothing else to boot"), "{stderr}");
}

#[test]
fn where_runs_cannot_be_recorded_no_board_is_looked_for() {
    let place = Place::new();
    let mut command = common::piprov();
    command.args(["usbboot", "-l", "-d", "payload", "--timeout", "0.1"]);
    let output = command.env("PIPROV_STATE_DIR", "/proc/none").current_dir(place.0.path()).output().unwrap();
    let stderr = stderr(&output);
    assert_eq!(output.status.code(), Some(66), "{stderr}");
    let want = "error: making /proc/none: No such file or directory (os error 2)\n  hint: Runs are recorded where the \
                setting state-dir says: `piprov config show`.\n";
    assert_eq!(stderr, want);
}

#[test]
fn a_directory_of_records_that_nobody_may_write_into_is_told_before_a_board_comes() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    let state = place.0.path().join("state");
    std::fs::create_dir_all(state.join("runs")).unwrap();
    let set = |path: &std::path::Path, mode| std::fs::set_permissions(path, PermissionsExt::from_mode(mode));
    set(place.0.path(), 0o755).unwrap();
    set(&state.join("runs"), 0o555).unwrap();
    let program = env!("CARGO_BIN_EXE_piprov");
    let mut command = Command::new(program);
    if rustix::process::geteuid().is_root() {
        // For root a mode is no limit.
        command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", program]);
    }
    common::clean(&mut command);
    command
        .args(["usbboot", "-d", "payload", "-p", "9999-1", "--timeout", "9"])
        .env("PIPROV_STATE_DIR", &state);
    let output = command.current_dir(place.0.path()).output().unwrap();
    let stderr = stderr(&output);
    assert_eq!(output.status.code(), Some(77), "{stderr}");
    assert!(stderr.starts_with("error: writing into ") && stderr.contains("state-dir"), "{stderr}");
}
