//! A result that can't be written is a failure, and is told as one.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::fs::OpenOptions;
use std::path::Path;
use std::process::Stdio;

use crate::common::piprov;

/// What makes commands of the list fail: a loss is told and decides the exit code all the same.
const FAILING: [&str; 3] = ["absent", "--absent", "verify"];

/// A disk without room behind stdout.
fn full() -> Stdio {
    OpenOptions::new().write(true).open("/dev/full").unwrap().into()
}

#[test]
fn a_full_disk_behind_stdout_ends_every_command_that_reports_with_74() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).display().to_string();
    let rows: String =
        (0..2000).map(|n| format!("lab-{n},dc:a6:32:01:{:02x}:{:02x}\n", n / 256, n % 256)).collect();
    std::fs::write(at("lab.csv"), rows).unwrap();
    std::fs::write(at("disk.img"), vec![7; 4 << 20]).unwrap();
    std::fs::create_dir_all(at("clients/1ststage")).unwrap();
    std::fs::create_dir_all(at("live")).unwrap();
    std::fs::write(at("clients/1ststage/config.txt"), "").unwrap();
    let targets = ["--targets", &at("lab.csv")];
    std::fs::write(at("one.csv"), "name,mac,ip,reset\none,dc:a6:32:01:02:03,,command:true\n").unwrap();
    let one = ["--targets", &at("one.csv")];
    let pi = "tests/cmd/flash.in/pi.img";
    let (image, copy) = (at("disk.img"), at("copy.img"));
    std::fs::copy(&image, &copy).unwrap();
    let (live, clients) = (at("live"), at("clients"));
    let commands: Vec<Vec<&str>> = vec![
        vec!["--help"],
        vec!["--version"],
        vec!["flash", "--help"],
        [&["targets", "list"][..], &targets].concat(),
        [&["targets", "list", "--csv"][..], &targets].concat(),
        [&["targets", "list", "--json"][..], &targets].concat(),
        vec!["config", "show"],
        vec!["config", "show", "--json"],
        vec!["verify", &image, "--device", &copy],
        vec!["verify", &image, "--device", &copy, "--json"],
        vec!["split-image", &image, "-n"],
        vec!["mklive", "-n", "--live", &live, "--clients", &clients],
        vec!["netboot", "enable", "--explain", "0xf241"],
        vec!["udev", "print"],
        vec!["list", "--json"],
        [&["targets", "check", "--json"][..], &targets].concat(),
        [&["reset", "--all"][..], &one].concat(),
        [&["reset", "--all", "--json"][..], &one].concat(),
        [&["reset", "--all", "-n"][..], &one].concat(),
        [&["flash", "--all", "-n", "--no-reset", "--force", "--listen", "127.0.0.1:0"][..], &one, &[pi]]
            .concat(),
        [
            &["flash", "--all", "-n", "--no-reset", "--force", "--listen", "127.0.0.1:0", "--json"][..],
            &one,
            &[pi],
        ]
        .concat(),
        vec!["run", "list"],
        vec!["run", "list", "--json"],
        vec!["run", "show", "last"],
        vec!["run", "show", "last", "--json"],
        vec!["card", "check", pi, "--force"],
        vec!["card", "check", pi, "--force", "--json"],
        vec!["live", "--live", &live, "--clients", &clients, "--json"],
        vec!["netboot", "enable", "--explain", "0xf241", "--json"],
        vec!["netboot", "nfs", "--json"],
        vec!["doctor", "--json"],
        vec!["doctor"],
        vec!["verify", &image, "--device", pi],
        vec!["flash", "absent", pi, "--json"],
        vec!["flash", "--absent", "--json"],
    ];
    for command in commands {
        let said = piprov().args(&command).output().unwrap();
        if said.stdout.is_empty() {
            // What has no result here, such as a list of nothing, loses nothing.
            assert!(["list", "live"].contains(&command[0]), "{command:?}: {said:?}");
            continue;
        }
        // Of these some fail here, which changes nothing.
        let may_fail = ["doctor", "netboot", "list"].contains(&command[0]);
        assert!(
            said.status.success() || may_fail || FAILING.iter().any(|word| command.contains(word)),
            "{command:?}: {said:?}"
        );
        let lost = piprov().args(&command).stdout(full()).output().unwrap();
        let told = String::from_utf8(lost.stderr).unwrap();
        assert_eq!(lost.status.code(), Some(74), "{command:?}: {told}");
        assert!(told.contains("error: writing the result: No space left on device"), "{command:?}: {told}");
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let dir = tempfile::tempdir().unwrap();
    let rows: String =
        (0..20_000).map(|n| format!("lab-{n},dc:a6:32:01:{:02x}:{:02x}\n", n / 256 % 256, n % 256)).collect();
    let rows: String = rows.lines().take(10_000).map(|line| format!("{line}\n")).collect();
    std::fs::write(dir.path().join("lab.csv"), rows).unwrap();
    let line = format!(
        "{} targets list --targets {} | head -n 1; echo ${{PIPESTATUS[0]}}",
        piprov().get_program().display(),
        Path::new("lab.csv").display()
    );
    let said =
        std::process::Command::new("bash").args(["-c", &line]).current_dir(dir.path()).output().unwrap();
    let text = String::from_utf8(said.stdout).unwrap();
    assert!(text.ends_with("141\n") || text.ends_with("0\n"), "{text}{:?}", said.stderr);
    assert!(said.stderr.is_empty(), "{:?}", String::from_utf8_lossy(&said.stderr));
}
