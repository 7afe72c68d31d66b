//! `piprov run`: the records of what was done, read back by somebody else.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::{common, documented};

const OLD: &str = r#"{
    "schema": 1, "job": "0123456789ab", "target": "lab-09", "mac": "dc:a6:32:01:02:09", "ip": "10.0.0.9",
    "started": "2026-11-20T14:02:11Z", "seconds": 271.5, "stage": "done", "outcome": "done", "authenticated": true,
    "bound": "secret", "image": { "name": "x.img.xz", "format": "xz", "raw_len": 5, "file_sha256": null,
    "raw_sha256": null }, "card": null, "bytes": 2856321024, "steps": []
}"#;

/// A directory with a database and a state directory of its own.
struct Lab(tempfile::TempDir);

impl Lab {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let rows = "name,mac,ip,reset\nlab-01,dc:a6:32:01:02:01,10.0.0.1,command:true\n\
                    lab-02,dc:a6:32:01:02:02,,command:printf 'pass\\033[2Jword' >&2; exit 3\nlab-03,dc:a6:32:01:02:03,,command:exec sleep 301.7\n\
                    lab-04,dc:a6:32:01:02:04,,command:exec sleep 302.9\n";
        std::fs::write(dir.path().join("lab.csv"), rows).unwrap();
        std::fs::create_dir_all(dir.path().join("state/runs")).unwrap();
        std::fs::write(dir.path().join("state/runs/20261120T140211Z-lab-09-0123456789ab.json"), OLD).unwrap();
        Self(dir)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_piprov"));
        common::clean(&mut command);
        command.args(args).current_dir(self.0.path()).env("PIPROV_STATE_DIR", self.state());
        command.env("PIPROV_TARGETS", self.0.path().join("lab.csv"));
        command
    }

    fn state(&self) -> std::path::PathBuf {
        self.0.path().join("state")
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// The names of the boards whose runs are listed.
    fn listed(&self, args: &[&str]) -> Vec<String> {
        let output = self.run(&[&["--json", "run", "list"], args].concat());
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines
            .map(|line| {
                documented::check(&line);
                line["board"]["name"].as_str().unwrap().to_owned()
            })
            .collect()
    }
}

#[test]
fn records_are_listed_filtered_and_shown_old_ones_too() {
    let lab = Lab::new();
    assert_eq!(lab.run(&["reset", "lab-01", "lab-02"]).status.code(), Some(1));
    let listed = |args: &[&str]| {
        let mut names = lab.listed(args);
        names.sort();
        names
    };
    assert_eq!(listed(&[]), ["lab-01", "lab-02", "lab-09"]);
    assert_eq!(lab.listed(&["--last", "3"])[0], "lab-09", "the oldest comes first");
    assert_eq!(listed(&["--kind", "flash"]), ["lab-09"]);
    assert_eq!(listed(&["--outcome", "failed"]), ["lab-02"]);
    assert_eq!(listed(&["--since", "1h"]), ["lab-01", "lab-02"]);
    assert_eq!(listed(&["--since", "2026-11-21"]), ["lab-01", "lab-02"]);
    for board in ["lab-01", "LAB-01", "10.0.0.1", "dc:a6:32:01:02:01"] {
        assert_eq!(listed(&["--board", board]), ["lab-01"], "{board}");
    }
    assert!(lab.run(&["run", "list", "--kind", "x"]).status.code() == Some(2));
    // Records of this host don't say these, so nothing is listed as if they had been looked for.
    for flag in ["--project", "--image", "--slot"] {
        let refused = lab.run(&["run", "list", flag, "x"]);
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(
            refused.status.code() == Some(2) && said.contains(flag) && said.contains("--station"),
            "{said}"
        );
    }
    // One by the beginning of its name, and the first form.
    let shown = lab.run(&["run", "show", "01234"]);
    let text = String::from_utf8(shown.stdout).unwrap();
    for part in
        ["0123456789ab", "lab-09", "2026-11-20 14:02:11Z", "4:32", "done, read back and equal", "x.img.xz"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    let shown = lab.run(&["run", "show", "last", "--json"]);
    let line: Value = serde_json::from_slice(&shown.stdout).unwrap();
    documented::check(&line);
    assert_eq!(line["record"]["way"], "reset");
    let missing = lab.run(&["run", "show", "ffff"]);
    assert_eq!(missing.status.code(), Some(66), "{missing:?}");
}

#[test]
fn a_record_tells_no_command_and_writes_no_terminal() {
    let lab = Lab::new();
    lab.run(&["reset", "lab-02"]);
    let list = String::from_utf8(lab.run(&["run", "list"]).stdout).unwrap();
    let show = String::from_utf8(lab.run(&["run", "show", "last"]).stdout).unwrap();
    assert!(!format!("{list}{show}").contains('\u{1b}'), "{list}{show}");
    assert!(show.contains("[2Jword") && !show.contains("exit 3"), "{show}");
    let records = std::fs::read_dir(lab.state().join("runs")).unwrap();
    for record in records {
        let text = std::fs::read_to_string(record.unwrap().path()).unwrap();
        assert!(!text.contains("exit 3"), "a command may hold a password: {text}");
    }
}

#[test]
fn a_reset_that_is_killed_is_on_record_as_unfinished() {
    let lab = Lab::new();
    let mut child =
        lab.command(&["reset", "lab-03", "--json"]).stdout(std::process::Stdio::piped()).spawn().unwrap();
    // It is told that it begins when its record is there.
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.take().unwrap()), &mut line)
        .unwrap();
    assert!(line.contains("began"), "{line}");
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(lab.listed(&["--outcome", "unfinished"]), ["lab-03"]);
    let show = String::from_utf8(lab.run(&["run", "show", "last"]).stdout).unwrap();
    assert!(show.contains("unfinished"), "{show}");
    let stop = Command::new("pkill").args(["-f", "sleep 301.7"]).status();
    assert!(stop.is_ok());
}

#[test]
fn where_nothing_can_be_recorded_nothing_is_done() {
    let lab = Lab::new();
    let file = lab.0.path().join("file");
    std::fs::write(&file, "").unwrap();
    let mark = lab.0.path().join("mark");
    std::fs::write(
        lab.0.path().join("lab.csv"),
        format!("name,mac,ip,reset\nlab-01,dc:a6:32:01:02:01,,command:touch {}\n", mark.display()),
    )
    .unwrap();
    let output = lab.command(&["reset", "lab-01"]).env("PIPROV_STATE_DIR", &file).output().unwrap();
    assert!(!output.status.success() && !mark.exists(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains(&file.display().to_string()), "{output:?}");
}

#[test]
fn records_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let lab = Lab::new();
    let runs = lab.state().join("runs");
    // As an earlier version made it.
    std::fs::set_permissions(&runs, PermissionsExt::from_mode(0o755)).unwrap();
    lab.run(&["reset", "lab-02"]);
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&runs), 0o700);
    let new = std::fs::read_dir(&runs).unwrap().map(|entry| entry.unwrap().path());
    let new: Vec<_> = new.filter(|path| path.to_str().unwrap().contains("lab-02")).collect();
    assert_eq!(new.iter().map(|path| mode(path)).collect::<Vec<_>>(), [0o600]);
}

#[test]
fn a_record_that_cannot_be_completed_is_told_and_no_success() {
    let lab = Lab::new();
    let runs = lab.state().join("runs");
    // The command itself takes the directory away, in the middle of its run.
    std::fs::write(
        lab.0.path().join("lab.csv"),
        format!("name,mac,ip,reset\nlab-01,dc:a6:32:01:02:01,,command:rm -r {}\n", runs.display()),
    )
    .unwrap();
    let output = lab.run(&["reset", "lab-01"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.contains("a record can't be completed") && said.contains(runs.to_str().unwrap()),
        "{output:?}"
    );
    assert!(matches!(output.status.code(), Some(66 | 73 | 74)), "{output:?}");
    assert!(
        String::from_utf8_lossy(&output.stdout).contains("reset lab-01"),
        "what was done is done: {output:?}"
    );
}

#[test]
fn a_flash_that_is_killed_is_on_record_with_its_image_and_its_warnings() {
    let lab = Lab::new();
    std::fs::copy("tests/cmd/flash.in/pi.img", lab.0.path().join("pi.img")).unwrap();
    let args = ["flash", "lab-01", "pi.img", "--force", "--no-reset", "--listen", "127.0.0.1:0", "--json"];
    let mut child = lab.command(&args).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.take().unwrap()), &mut line)
        .unwrap();
    assert!(line.contains("began"), "{line}");
    child.kill().unwrap();
    child.wait().unwrap();
    let shown = lab.run(&["run", "show", "last", "--json"]);
    let record = &serde_json::from_slice::<Value>(&shown.stdout).unwrap()["record"];
    assert_eq!((&record["outcome"], &record["way"]), (&"unfinished".into(), &"flash".into()));
    assert_eq!(record["detail"]["image"]["name"], "pi.img");
    assert!(record["warnings"][0].as_str().unwrap().contains("no FAT partition"), "{record}");
}

#[test]
fn a_record_with_a_long_name_does_not_take_the_list_away() {
    let lab = Lab::new();
    let long = OLD.replace("lab-09", &"x".repeat(70_000)).replace("0123456789ab", "0123456789ac");
    std::fs::write(lab.state().join("runs/20261120T140211Z-x-0123456789ac.json"), long).unwrap();
    let output = lab.run(&["run", "list"]);
    assert!(output.status.success(), "{:?}", output.status);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("lab-09") && text.lines().count() == 3, "{} lines", text.lines().count());
}

#[test]
fn nothing_on_record_is_no_failure_but_a_directory_that_was_named_must_be_there() {
    let lab = Lab::new();
    let code = |args: &[&str]| lab.run(args).status.code();
    assert_eq!(code(&["run", "list", "--state", "nowhere"]), Some(66));
    assert_eq!(code(&["run", "show", "last", "--state", "nowhere"]), Some(66));
    std::fs::create_dir(lab.0.path().join("empty")).unwrap();
    let empty = lab.run(&["run", "list", "--state", "empty"]);
    assert!(empty.status.success() && empty.stdout.is_empty(), "{empty:?}");
    let mut never = lab.command(&["run", "list"]);
    let never = never.env("PIPROV_STATE_DIR", lab.0.path().join("never")).output().unwrap();
    assert!(never.status.success() && !lab.0.path().join("never").exists(), "{never:?}");
    let nameless = lab.run(&["run", "show", ""]);
    assert_eq!(nameless.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&nameless.stderr).contains("a run's name is needed"), "{nameless:?}");
}

#[test]
fn old_records_go_when_that_is_confirmed() {
    let lab = Lab::new();
    lab.run(&["reset", "lab-01"]);
    lab.run(&["reset", "lab-02"]);
    std::fs::write(lab.state().join("runs/bad.json"), "{").unwrap();
    let left = || std::fs::read_dir(lab.state().join("runs")).unwrap().count();
    let objects = |args: &[&str]| {
        let output = lab.run(&[&["--json", "run", "prune"], args].concat());
        let text = String::from_utf8(output.stdout).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let lines: Vec<Value> = lines.inspect(documented::check).collect();
        (output.status.code(), lines)
    };
    assert_eq!(lab.run(&["run", "prune"]).status.code(), Some(2), "which?");
    assert_eq!(
        lab.run(&["run", "prune", "--older-than", "1", "-n"]).status.code(),
        Some(2),
        "days, or seconds?"
    );
    let (code, would) = objects(&["--older-than", "1d", "--dry-run"]);
    assert_eq!((code, would.len(), &would[0]["event"]), (Some(0), 1, &"would-remove".into()));
    assert_eq!(would[0]["board"]["name"], "lab-09");
    assert_eq!(objects(&["--older-than", "24h"]).0, Some(2), "nobody has confirmed it");
    assert_eq!(objects(&["--older-than", "1d", "--confirm", "run"]).0, Some(2));
    assert_eq!(left(), 4);
    let (code, gone) = objects(&["--older-than", "1d", "--confirm", "runs"]);
    assert_eq!((code, gone.len(), &gone[0]["event"]), (Some(0), 1, &"removed".into()));
    assert_eq!(lab.listed(&[]), ["lab-01", "lab-02"]);
    let output = lab.run(&["run", "prune", "--keep", "1", "--confirm", "runs"]);
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!((output.status.code(), out.as_str()), (Some(0), "1 record removed, 1 left\n"));
    assert!(err.contains("bad.json is no record, or can't be read, and stays"), "{err}");
    assert_eq!(lab.listed(&[]), ["lab-02"]);
    assert_eq!(objects(&["--damaged", "nope.json", "--confirm", "runs"]).0, Some(2));
    let (code, gone) = objects(&["--damaged", "bad.json", "--confirm", "runs"]);
    assert_eq!((code, &gone[0]["file"]), (Some(0), &"bad.json".into()));
    assert_eq!(lab.listed(&[]), ["lab-02"], "a file was named, and no record");
}

#[test]
fn a_run_that_goes_on_stays_and_goes_once_it_was_killed() {
    let lab = Lab::new();
    let mut child =
        lab.command(&["reset", "lab-04", "--json"]).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.take().unwrap()), &mut line)
        .unwrap();
    assert!(line.contains("began"), "{line}");
    let prune = ["run", "prune", "--keep", "0", "--confirm", "runs"];
    let output = lab.run(&prune);
    assert!(output.status.success(), "{output:?}");
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("1 run without an end on record stay"), "{told}");
    assert_eq!(lab.listed(&[]), ["lab-04"]);
    child.kill().unwrap();
    child.wait().unwrap();
    let stop = Command::new("pkill").args(["-f", "sleep 302.9"]).status();
    assert!(stop.is_ok());
    assert!(lab.run(&prune).status.success());
    assert_eq!(lab.listed(&[]), Vec::<String>::new());
}
