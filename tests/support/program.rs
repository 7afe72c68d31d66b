//! Runs of the binary: what it says while it runs can be waited for, line by line.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{PATIENCE, room};

/// A run of `piprov … --json` that goes on.
pub(crate) struct Running {
    child: Child,
    lines: Receiver<String>,
    events: VecDeque<Value>,
    errors: Option<JoinHandle<String>>,
    began: Instant,
}

/// A run that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The exit code.
    pub(crate) code: i32,
    /// What it printed: every line was an object as docs/json.md says.
    pub(crate) events: Vec<Value>,
    /// What it said on stderr.
    pub(crate) stderr: String,
    /// How long it took.
    pub(crate) took: Duration,
}

/// The binary, with an environment that no user's settings get into.
pub(crate) fn piprov(state: &Path) -> Command {
    let mut command = room::command(env!("CARGO_BIN_EXE_piprov"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PIPROV") {
            command.env_remove(name);
        }
    }
    command
        .env("PIPROV_STATE_DIR", state)
        .env("HOME", state)
        .env_remove("XDG_CONFIG_HOME")
        .current_dir(state);
    command
}

impl Running {
    /// Starts it.
    pub(crate) fn start(command: &mut Command) -> Self {
        let began = Instant::now();
        command.arg("--json").stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let (out, mut err) = (BufReader::new(child.stdout.take().unwrap()), child.stderr.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let errors = std::thread::spawn(move || {
            let mut text = String::new();
            let _ = err.read_to_string(&mut text);
            text
        });
        Self { child, lines, events: VecDeque::new(), errors: Some(errors), began }
    }

    /// Its standard input, which has to be a pipe.
    pub(crate) fn stdin(&mut self) -> ChildStdin {
        self.child.stdin.take().unwrap()
    }

    /// The next object that it prints; `None` when it has ended.
    fn next(&mut self) -> Option<Value> {
        let line = match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => line,
            Err(RecvTimeoutError::Disconnected) => return None,
            Err(RecvTimeoutError::Timeout) => panic!("nothing for {PATIENCE:?}; so far: {:#?}", self.events),
        };
        let value: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line}: {error}"));
        crate::documented::check(&value);
        self.events.push_back(value.clone());
        Some(value)
    }

    /// Waits for an event.
    pub(crate) fn until(&mut self, what: &str, mut is: impl FnMut(&Value) -> bool) -> Value {
        while let Some(value) = self.next() {
            if is(&value) {
                return value;
            }
        }
        let events = std::mem::take(&mut self.events);
        panic!("it ended without {what}: {events:#?}\n{}", self.errors.take().unwrap().join().unwrap());
    }

    /// Waits until a board has got some of a part, but not all.
    pub(crate) fn until_amid_a_part(&mut self, target: &str) -> Value {
        let what = format!("{target} in the middle of a part");
        self.until(&what, |event| event["event"] == "progress" && event["board"]["name"] == target)
    }

    /// Ctrl-C.
    pub(crate) fn interrupt(&self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    }

    /// Its process number.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Ended {
        while self.next().is_some() {}
        let status = self.child.wait().unwrap();
        Ended {
            code: status.code().unwrap_or_else(|| panic!("{status}")),
            events: std::mem::take(&mut self.events).into(),
            stderr: self.errors.take().unwrap().join().unwrap(),
            took: self.began.elapsed(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A test that fails must not leave its port taken.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    /// The record of a board's run, as `--json` ends with it.
    pub(crate) fn run(&self, target: &str) -> &Value {
        let found =
            self.events.iter().find(|event| event["event"] == "result" && event["board"]["name"] == target);
        &found.unwrap_or_else(|| panic!("no result of {target}: {self:#?}"))["record"]
    }

    /// What the record says of the flash.
    pub(crate) fn flash(&self, target: &str) -> &Value {
        &self.run(target)["detail"]
    }

    /// The outcome and the stage of a board.
    pub(crate) fn outcome(&self, target: &str) -> (&str, &str) {
        let run = self.run(target);
        (run["outcome"].as_str().unwrap(), run["stage"].as_str().unwrap())
    }

    /// A text of a board's record.
    pub(crate) fn text(&self, target: &str, name: &str) -> &str {
        self.run(target)[name].as_str().unwrap_or_else(|| panic!("no {name} of {target}: {self:#?}"))
    }

    /// The events of a kind that are about a board.
    pub(crate) fn count(&self, target: &str, event: &str) -> usize {
        self.events.iter().filter(|value| value["event"] == event && value["board"]["name"] == target).count()
    }
}
