//! `piprov tftp` as a person or a script runs it.
#![allow(clippy::unwrap_used, reason = "a test ends where something is not as it must be")]

use crate::tftp_support;

use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tftp_support::{fetch, folder, pattern};

const SECOND: Duration = Duration::from_secs(1);

fn piprov(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_piprov"));
    command.args(args).env_remove("PIPROV_CONFIG").env("NO_COLOR", "1");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A server that doesn't outlive its test, should that fail.
struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl std::ops::Deref for Serving {
    type Target = Child;

    fn deref(&self) -> &Child {
        &self.0
    }
}

impl std::ops::DerefMut for Serving {
    fn deref_mut(&mut self) -> &mut Child {
        &mut self.0
    }
}

fn interrupt(child: &Child) {
    kill_process(Pid::from_child(child), Signal::INT).unwrap();
}

#[test]
fn events_are_json_lines_and_an_interrupt_is_a_normal_end() {
    let root = folder(&[("f", 5000)]);
    let args = ["tftp", "--json", "--root", root.path().to_str().unwrap(), "--listen", "127.0.0.1:0"];
    let mut child = Serving(piprov(&args).spawn().unwrap());
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || -> serde_json::Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    let listening = next();
    assert_eq!((&listening["event"], &listening["schema"]), (&"listening".into(), &2.into()));
    let addr: SocketAddr = listening["addr"].as_str().unwrap().parse().unwrap();
    assert!(fetch(addr, "f", &[("blksize", 1468)], SECOND) == Ok(pattern(5000)));
    assert_eq!(fetch(addr, "../f", &[], SECOND).unwrap_err().0, 2);
    let events: Vec<_> = (0..5).map(|_| next()).collect();
    let names: Vec<_> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(names, ["requested", "started", "finished", "requested", "refused"]);
    assert_eq!((&events[2]["bytes"], &events[2]["path"]), (&5000.into(), &"f".into()));
    assert_eq!((&events[4]["code"], &events[4]["id"]), (&2.into(), &2.into()));
    interrupt(&child);
    let summary = next();
    assert_eq!((&summary["event"], &summary["finished"]), (&"summary".into(), &1.into()));
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn the_log_is_a_line_for_each_end() {
    let root = folder(&[("f", 5000)]);
    let args = ["tftp", "--root", root.path().to_str().unwrap(), "--listen", "127.0.0.1:0"];
    let mut child = Serving(piprov(&args).spawn().unwrap());
    let mut err = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    err.read_line(&mut line).unwrap();
    let addr = line.split_once(" on UDP ").unwrap().1.split_once(';').unwrap().0.parse().unwrap();
    assert!(fetch(addr, "f", &[], SECOND) == Ok(pattern(5000)));
    assert_eq!(fetch(addr, "a\x1b[2Jb", &[], SECOND).unwrap_err().0, 2);
    interrupt(&child);
    let (mut log, mut out) = (String::new(), String::new());
    err.read_to_string(&mut log).unwrap();
    child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(log.contains("Z 127.0.0.1:") && log.contains(" sent f  4.88 KiB in "), "{log}");
    assert!(log.contains(r"refused a\x1b[2Jb: 2 (access violation): the path has control bytes"), "{log}");
    assert!(out.starts_with("1 file sent, 4.88 KiB in 0:0") && out.ends_with(", 1 refused\n"), "{out}");
}

fn failure(args: &[&str]) -> (i32, String) {
    let output = piprov(args).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    (output.status.code().unwrap(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn a_port_that_is_taken_is_told_with_who_has_it() {
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap();
    let (code, text) = failure(&["tftp", "--root", "/tmp", "--listen", &addr.to_string()]);
    assert_eq!(code, 75);
    let start = format!("error: UDP port {} of 127.0.0.1 is in use by ", addr.port());
    assert!(
        text.starts_with(&start) && text.contains(&format!("(process {})", std::process::id())),
        "{text}"
    );
    assert!(text.contains("hint: Stop "), "{text}");
}

#[test]
fn what_cannot_be_served_is_told() {
    let (code, text) = failure(&["tftp", "--root", "/nowhere", "--listen", "127.0.0.1:0"]);
    assert_eq!(code, 66, "{text}");
    assert!(text.starts_with("error: serving /nowhere: "), "{text}");
    let (code, text) = failure(&["tftp", "--root", "/tmp", "--listen", "192.0.2.1:0"]);
    assert_eq!(code, 69, "{text}");
    assert!(text.starts_with("error: 192.0.2.1 is no address of this host"), "{text}");
    for wrong in [["--listen", "69"], ["--max-window", "0"], ["--max-blksize", "7"]] {
        let (code, _) = failure(&["tftp", "--root", "/tmp", wrong[0], wrong[1]]);
        assert_eq!(code, 2, "{wrong:?}");
    }
}
