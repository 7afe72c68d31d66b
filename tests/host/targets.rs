//! The targets database as other programs meet it: pipes, variables, owners, two at a time.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use crate::common;

use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Output, Stdio};

use common::piprov;

fn lab(text: &str) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lab.csv");
    std::fs::write(&path, text).unwrap();
    (dir, path)
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn a_board_that_is_named_twice_is_not_removed() {
    let (_dir, path) = lab("a,dc:a6:32:00:00:01\nb,dc:a6:32:00:00:02\n");
    let output =
        piprov().args(["targets", "remove", "a", "b", "a", "--targets"]).arg(&path).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("a is named twice"), "{output:?}");
    assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 2);
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    let rows: String =
        (0..5000).map(|at| format!("b{at},dc:a6:32:00:{:02x}:{:02x}\n", at / 256, at % 256)).collect();
    let (_dir, path) = lab(&rows);
    let mut child = piprov()
        .args(["targets", "list", "--targets"])
        .arg(&path)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 4];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    assert_eq!(&first, b"NAME");
    // The pipe is closed by now, and most of the rows don't fit into it.
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.signal(), Some(13), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
}

#[test]
fn flag_before_variable_before_file() {
    let (dir, by_file) = lab("file,dc:a6:32:01:02:01\n");
    let by_variable = dir.path().join("variable.csv");
    std::fs::write(&by_variable, "variable,dc:a6:32:01:02:02\n").unwrap();
    let by_flag = dir.path().join("flag.csv");
    std::fs::write(&by_flag, "flag,dc:a6:32:01:02:03\n").unwrap();
    std::fs::write(dir.path().join("piprov.toml"), "targets = \"lab.csv\"\n").unwrap();
    let list = || {
        let mut command = piprov();
        command.current_dir(&dir).args(["targets", "list", "--csv"]);
        command
    };
    assert!(by_file.exists());
    assert!(out(&list().output().unwrap()).contains("file,"));
    assert!(out(&list().env("PIPROV_TARGETS", &by_variable).output().unwrap()).contains("variable,"));
    let flag = list().env("PIPROV_TARGETS", &by_variable).arg("--targets").arg(&by_flag).output().unwrap();
    assert!(out(&flag).contains("flag,"));
}

#[test]
fn many_processes_add_at_once_and_nothing_is_lost() {
    let (_dir, path) = lab("# the lab\n");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o660)).unwrap();
    let children: Vec<_> = (0..12)
        .map(|at| {
            piprov()
                .args([
                    "targets",
                    "add",
                    &format!("lab-{at}"),
                    "--mac",
                    &format!("dc:a6:32:01:02:{at:02x}"),
                    "--targets",
                ])
                .arg(&path)
                .stdout(Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("# the lab\n"), "{text}");
    assert_eq!(text.lines().count(), 13, "{text}");
    assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o660);
    let output = piprov().args(["targets", "check", "--targets"]).arg(&path).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn what_the_original_form_becomes_is_a_database() {
    let (dir, path) = lab("mac,ip,reset_io\ndc:a6:32:01:02:03,10.0.0.3,0\ndc:a6:32:01:02:04,fe80::1,31\n");
    let csv = piprov().args(["targets", "list", "--csv", "--targets"]).arg(&path).output().unwrap();
    let new = dir.path().join("new.csv");
    std::fs::write(&new, &csv.stdout).unwrap();
    let again = piprov().args(["targets", "list", "--csv", "--targets"]).arg(&new).output().unwrap();
    assert!(again.status.success(), "{again:?}");
    assert_eq!(out(&again), out(&csv));
    assert!(out(&csv).contains("pi-10.0.0.3,dc:a6:32:01:02:03,10.0.0.3,gpiochip0:17\n"), "{}", out(&csv));
}

#[test]
fn check_warns_of_what_is_legal_and_odd() {
    let (_dir, path) = lab(
        "a,dc:a6:32:01:02:01,,/dev/null:3\nb,dc:a6:32:01:02:02,,/dev/null:3\nc,dc:a6:32:01:02:03,,command:true\n",
    );
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
    let output = piprov().args(["targets", "check", "--targets"]).arg(&path).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = out(&output);
    for want in [
        "everybody may write to it",
        "/dev/null:3 resets a on line 1 too",
        "/dev/null is no GPIO chip",
        "(and on 1 more line)",
    ] {
        assert!(text.contains(want), "no {want} in {text}");
    }
}

#[test]
fn a_database_keeps_its_owner() {
    let (_dir, path) = lab("");
    // Only root can give a file away; as anybody else it is one's own before and must be so after.
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(&path, Some(4711), Some(4712)).unwrap();
    }
    let owner = || std::fs::metadata(&path).map(|meta| (meta.uid(), meta.gid())).unwrap();
    let before = owner();
    let output = piprov()
        .args(["targets", "add", "a", "--mac", "dc:a6:32:01:02:03", "--targets"])
        .arg(&path)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(owner(), before);
}
