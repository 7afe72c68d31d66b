//! `piprov reset` with real commands: several boards, Ctrl-C, exit codes.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use crate::common;

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Output, Stdio};
use std::time::{Duration, Instant};

use common::piprov;
use rustix::process::{Pid, Signal, kill_process};

struct Lab {
    dir: tempfile::TempDir,
}

impl Lab {
    /// A database with a board for each command, called a, b, c, …
    fn new(commands: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let row = |(at, command): (usize, &&str)| {
            let name = char::from(b'a' + u8::try_from(at).unwrap());
            format!("{name},dc:a6:32:01:02:{at:02x},10.0.0.{},\"command:{command}\"\n", at + 1)
        };
        std::fs::write(dir.path().join("lab.csv"), commands.iter().enumerate().map(row).collect::<String>())
            .unwrap();
        Self { dir }
    }

    fn reset(&self, args: &[&str]) -> std::process::Command {
        let mut command = piprov();
        command.current_dir(&self.dir).args(["reset", "--targets", "lab.csv"]).args(args);
        command
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}

fn objects(output: &Output) -> Vec<serde_json::Value> {
    std::str::from_utf8(&output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Starts it and waits until it says (on stderr) that it has begun.
fn begun(mut command: std::process::Command, lab: &Lab, mark: &str) -> Child {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let start = Instant::now();
    while !lab.file(mark).exists() {
        assert!(start.elapsed() < Duration::from_secs(30), "it never began");
        std::thread::yield_now();
    }
    child
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

#[test]
fn the_command_knows_the_board() {
    let lab = Lab::new(&["echo $PIPROV_TARGET $PIPROV_MAC $PIPROV_IP > seen"]);
    let output = lab.reset(&["10.0.0.1"]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(std::fs::read_to_string(lab.file("seen")).unwrap(), "a dc:a6:32:01:02:00 10.0.0.1\n");
}

#[test]
fn one_that_fails_costs_the_others_nothing() {
    let lab = Lab::new(&["exit 3", "touch b", "touch c"]);
    let output = lab.reset(&["--all", "--json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(lab.file("b").exists() && lab.file("c").exists());
    let objects = objects(&output);
    let of = |outcome: &str| -> Vec<&str> {
        let of = |o: &&serde_json::Value| o["event"] == "result" && o["record"]["outcome"] == outcome;
        let mut names: Vec<_> =
            objects.iter().filter(of).map(|o| o["board"]["name"].as_str().unwrap()).collect();
        names.sort_unstable();
        names
    };
    assert_eq!((of("done"), of("failed")), (vec!["b", "c"], vec!["a"]));
    let failed = objects.iter().find(|object| object["outcome"] == "failed").unwrap();
    assert_eq!((&failed["event"], &failed["kind"]), (&"ended".into(), &"failed".into()), "{failed}");
    assert!(objects.iter().all(|object| object["run"].is_string() || object["event"] == "result"));
    assert!(String::from_utf8_lossy(&output.stderr).contains("2 of 3 reset"), "{output:?}");
}

#[test]
fn a_common_reason_has_its_exit_code_and_different_ones_have_none() {
    let lab = Lab::new(&["true"]);
    std::fs::write(
        lab.file("lab.csv"),
        "a,dc:a6:32:01:02:01,,/dev/no-such-chip:1\nb,dc:a6:32:01:02:02,,/dev/no-such-chip:2\nc,dc:a6:32:01:02:03,,command:false\n",
    )
    .unwrap();
    assert_eq!(lab.reset(&["a", "b"]).output().unwrap().status.code(), Some(69));
    assert_eq!(lab.reset(&["--all"]).output().unwrap().status.code(), Some(1));
}

#[test]
fn stagger_is_kept_and_naming_twice_is_refused() {
    let lab = Lab::new(&["date +%s%N >> a", "date +%s%N >> b"]);
    // By its name and by its address.
    let output = lab.reset(&["a", "b", "10.0.0.1"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("a is named twice"), "{output:?}");
    assert!(!lab.file("a").exists(), "nothing is done then");
    let output = lab.reset(&["a", "b", "--stagger", "600ms"]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let times = |name: &str| -> Vec<u64> {
        let text = std::fs::read_to_string(lab.file(name)).unwrap();
        text.lines().map(|line| line.parse().unwrap()).collect()
    };
    let (a, b) = (times("a"), times("b"));
    assert_eq!((a.len(), b.len()), (1, 1));
    assert!(b[0] - a[0] >= 500_000_000, "{} ns", b[0] - a[0]);
}

/// The same command, but not deaf to SIGHUP where the tests themselves run under nohup.
fn hearing(command: &std::process::Command) -> std::process::Command {
    let mut outer = std::process::Command::new("env");
    outer.arg("--default-signal=HUP").arg(command.get_program()).args(command.get_args());
    outer.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    if let Some(dir) = command.get_current_dir() {
        outer.current_dir(dir);
    }
    outer
}

#[test]
fn ctrl_c_is_answered_at_once_and_leaves_nothing_running() {
    for number in [Signal::INT, Signal::TERM, Signal::HUP] {
        let lab = Lab::new(&["echo $$ > pid.new; mv pid.new pid; sleep 300"]);
        let mut child = begun(hearing(&lab.reset(&["a"])), &lab, "pid");
        let start = Instant::now();
        signal(&child, number);
        let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
        assert!(said.next().unwrap().unwrap().starts_with("stopping: "), "{number:?}");
        let status = child.wait().unwrap();
        assert_eq!(status.code(), Some(130), "{number:?}");
        assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
        let pid = std::fs::read_to_string(lab.file("pid")).unwrap();
        assert!(!PathBuf::from(format!("/proc/{}", pid.trim())).exists(), "{number:?}");
    }
}

#[test]
fn ctrl_c_keeps_those_that_wait_for_their_turn_from_starting() {
    let lab = Lab::new(&["touch a; sleep 300", "touch b"]);
    let child = begun(lab.reset(&["--all", "--stagger", "300"]), &lab, "a");
    signal(&child, Signal::INT);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    assert!(!lab.file("b").exists());
    assert!(String::from_utf8_lossy(&output.stderr).contains("0 of 2 reset"), "{output:?}");
}

#[test]
fn a_second_ctrl_c_ends_at_once() {
    // Nobody is left to end the command, so it ends by itself.
    let lab = Lab::new(&["trap '' TERM; touch a; for n in $(seq 15); do sleep 1; done"]);
    let mut child = begun(lab.reset(&["a"]), &lab, "a");
    signal(&child, Signal::INT);
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    said.next().unwrap().unwrap();
    let start = Instant::now();
    signal(&child, Signal::INT);
    let status = child.wait().unwrap();
    // By the signal's own default action, which a shell shows as 130 too.
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(2), "{status:?}");
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

#[test]
fn a_dry_run_touches_nothing() {
    let lab = Lab::new(&["touch a"]);
    let output = lab.reset(&["--all", "--dry-run"]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "would reset a: command `touch a`\n");
    assert!(!lab.file("a").exists());
}

#[test]
fn the_limit_comes_from_the_settings() {
    let lab = Lab::new(&["sleep 300"]);
    let output = lab.reset(&["a"]).env("PIPROV_RESET_COMMAND_TIMEOUT", "1").output().unwrap();
    assert_eq!(output.status.code(), Some(69), "{output:?}");
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("took more than 1 s and was killed"),
        "{output:?}"
    );
}
