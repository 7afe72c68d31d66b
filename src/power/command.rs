//! The command back-end: whatever can switch power, from the shell. The command gets the board's names in
//! its environment and a process group of its own, so that all of it can be ended.

use std::io::{PipeReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};

use super::{Error, Power};
use crate::stop::{Stop, until};

/// How long a command has between being asked to end and being killed.
const GRACE: Duration = Duration::from_secs(2);
/// How much of what it printed is kept.
const KEEP: usize = 4096;
/// How many lines of that are told.
const LINES: usize = 5;

/// Resets by a shell command.
#[derive(Debug)]
pub(super) struct Command {
    pub(super) text: String,
    /// What the command finds in its environment.
    pub(super) variables: Vec<(&'static str, String)>,
    pub(super) limit: Duration,
}

impl Power for Command {
    fn reset(&mut self, stop: &Stop) -> Result<(), Error> {
        if stop.is_set() {
            return Err(Error::Interrupted);
        }
        let mut running = Running::start(self).map_err(|source| Error::Start { source })?;
        let end = running.watch(stop, Instant::now() + self.limit);
        let end = match end {
            Ok(end) => end,
            Err(source) => {
                running.kill();
                return Err(Error::Watch { source });
            }
        };
        if end != End::Exited {
            running.kill();
        }
        let status = running.child.wait().map_err(|source| Error::Watch { source })?;
        let output = last_lines(&running.output);
        match end {
            End::Stopped => Err(Error::Interrupted),
            End::TimedOut => Err(Error::TimedOut { limit: self.limit, output }),
            End::Exited if status.success() => Ok(()),
            End::Exited => Err(Error::Command { how: how(status), status: status.code(), output }),
        }
    }

    fn describe(&self) -> String {
        format!("command `{}`", self.text)
    }

    fn describe_to_all(&self) -> String {
        "a command of the targets database".to_owned()
    }
}

/// Why the watch ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Exited,
    Stopped,
    TimedOut,
}

struct Running {
    child: Child,
    group: Pid,
    pidfd: rustix::fd::OwnedFd,
    /// What it prints; `None` once all processes that could print have ended.
    pipe: Option<PipeReader>,
    output: Vec<u8>,
}

impl Running {
    fn start(command: &Command) -> std::io::Result<Self> {
        let (pipe, writer) = std::io::pipe()?;
        rustix::io::ioctl_fionbio(&pipe, true)?;
        let mut child = std::process::Command::new("/bin/sh")
            .arg("-c")
            .arg(&command.text)
            .envs(command.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            // Tools disagree on where an error message goes; the last lines of both are of use.
            .stdout(writer.try_clone()?)
            .stderr(writer)
            .process_group(0)
            .spawn()?;
        let group = Pid::from_child(&child);
        match pidfd_open(group, PidfdFlags::empty()) {
            Ok(pidfd) => Ok(Self { child, group, pidfd, pipe: Some(pipe), output: Vec::new() }),
            Err(error) => {
                let _ = kill_process_group(group, Signal::KILL);
                let _ = child.wait();
                Err(error.into())
            }
        }
    }

    /// Reads what the command prints until it ends, the deadline passes, or the flag is set.
    fn watch(&mut self, stop: &Stop, deadline: Instant) -> std::io::Result<End> {
        loop {
            let (exited, stopped) = self.wait(Some(stop), deadline)?;
            self.drain();
            if exited {
                return Ok(End::Exited);
            } else if stopped {
                return Ok(End::Stopped);
            } else if Instant::now() >= deadline {
                return Ok(End::TimedOut);
            }
        }
    }

    /// Ends the whole process group: first politely, then not.
    fn kill(&mut self) {
        let _ = kill_process_group(self.group, Signal::TERM);
        let deadline = Instant::now() + GRACE;
        // The shell may end before what it started: the pipe closes when all of them have.
        while Instant::now() < deadline {
            let exited = self.wait(None, deadline).is_ok_and(|(exited, _)| exited);
            self.drain();
            if exited && self.pipe.is_none() {
                return;
            }
            if exited && let Some(pipe) = &self.pipe {
                let _ = until(&mut [PollFd::new(pipe, PollFlags::IN)], Some(deadline));
                self.drain();
            }
        }
        // The shell is not reaped yet, so this group can't be somebody else's.
        let _ = kill_process_group(self.group, Signal::KILL);
    }

    /// Waits for something to happen. Says whether the command has exited, and whether the flag is set.
    fn wait(&self, stop: Option<&Stop>, deadline: Instant) -> std::io::Result<(bool, bool)> {
        let mut fds = vec![PollFd::new(&self.pidfd, PollFlags::IN)];
        fds.extend(stop.map(|stop| PollFd::new(stop, PollFlags::IN)));
        fds.extend(self.pipe.as_ref().map(|pipe| PollFd::new(pipe, PollFlags::IN)));
        until(&mut fds, Some(deadline))?;
        let happened = |at: usize| fds.get(at).is_some_and(|fd: &PollFd<'_>| !fd.revents().is_empty());
        Ok((happened(0), stop.is_some() && happened(1)))
    }

    /// Takes what was printed, and keeps the end of it.
    fn drain(&mut self) {
        let mut buffer = [0; 4096];
        while let Some(pipe) = &mut self.pipe {
            match pipe.read(&mut buffer) {
                Ok(0) => self.pipe = None,
                Ok(count) => {
                    self.output.extend_from_slice(&buffer[..count]);
                    let excess = self.output.len().saturating_sub(KEEP);
                    self.output.drain(..excess);
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return,
                Err(_) => self.pipe = None,
            }
        }
    }
}

fn how(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with status {code}"),
        (None, Some(signal)) => format!("was killed by signal {signal}"),
        (None, None) => status.to_string(),
    }
}

/// The last lines of an output on one line, without control characters.
fn last_lines(output: &[u8]) -> String {
    let text = String::from_utf8_lossy(output);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let last = lines[lines.len().saturating_sub(LINES)..].join(" | ");
    last.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Explain, Kind};

    fn command(text: &str, limit: Duration) -> Command {
        Command { text: text.to_owned(), variables: vec![("PIPROV_TARGET", "lab-01".to_owned())], limit }
    }

    fn run(text: &str) -> Result<(), Error> {
        command(text, Duration::from_secs(30)).reset(&Stop::new().unwrap())
    }

    /// Waits until a process has gone, for at most some seconds.
    fn gone(pid: &str) -> bool {
        let stop = Stop::new().unwrap();
        let zombie = |pid: &str| {
            std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") Z "))
        };
        for _ in 0..500 {
            if !std::path::Path::new(&format!("/proc/{pid}")).exists() || zombie(pid) {
                return true;
            }
            let _ = stop.wait(Duration::from_millis(10));
        }
        false
    }

    #[test]
    fn a_command_that_succeeds_resets() {
        run("test \"$PIPROV_TARGET\" = lab-01 && echo switched").unwrap();
        // Neither a terminal nor our own input is handed on.
        run("read line; test -z \"$line\"").unwrap();
    }

    #[test]
    fn a_failure_comes_with_status_and_last_words() {
        let error = run("echo one; echo two >&2; exit 3").unwrap_err();
        assert_eq!(error.to_string(), "the reset command ended with status 3; it said: one | two");
        assert_eq!((error.kind(), error.hint()), (Kind::Failed, None));
        assert_eq!(run("exit 1").unwrap_err().to_string(), "the reset command ended with status 1, silently");
        let error = run("kill -9 $$").unwrap_err();
        assert!(error.to_string().contains("killed by signal 9"), "{error}");
        let error = run("no-such-tool-anywhere").unwrap_err();
        assert!(error.hint().unwrap().says("PATH"), "{error}");
    }

    #[test]
    fn much_output_neither_blocks_nor_grows() {
        let error = run("yes x | head -c 3000000; echo last; exit 1").unwrap_err();
        let Error::Command { output, .. } = error else { panic!("{error}") };
        assert!(output.ends_with("| last") && output.len() < 100, "{output}");
    }

    #[test]
    fn the_limit_kills_the_whole_group() {
        let dir = tempfile::tempdir().unwrap();
        let pids = dir.path().join("pids");
        let text = format!("echo hello; sleep 300 & echo $! $$ > {}; wait", pids.display());
        let start = Instant::now();
        let error = command(&text, Duration::from_millis(500)).reset(&Stop::new().unwrap()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the reset command took more than 0.5 s and was killed; it said: hello"
        );
        assert_eq!(error.kind(), Kind::Unavailable);
        assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
        for pid in std::fs::read_to_string(pids).unwrap().split_whitespace() {
            assert!(gone(pid), "{pid}");
        }
    }

    #[test]
    fn what_ignores_the_polite_signal_is_killed_too() {
        let dir = tempfile::tempdir().unwrap();
        let pids = dir.path().join("pids");
        let text = format!("trap '' TERM; echo $$ > {}; while :; do sleep 1; done", pids.display());
        let error = command(&text, Duration::from_millis(500)).reset(&Stop::new().unwrap()).unwrap_err();
        assert!(matches!(error, Error::TimedOut { .. }), "{error}");
        assert!(gone(std::fs::read_to_string(pids).unwrap().trim()));
    }

    #[test]
    fn a_stop_kills_it_at_once() {
        let stop = Stop::new().unwrap();
        let setter = stop.clone();
        let start = Instant::now();
        let waker = std::thread::spawn(move || {
            let _ = Stop::new().unwrap().wait(Duration::from_millis(200));
            setter.set();
        });
        let error = command("sleep 300", Duration::from_secs(60)).reset(&stop).unwrap_err();
        waker.join().unwrap();
        assert_eq!(error.kind(), Kind::Interrupted);
        assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
        // Once set, nothing is started any more.
        let dir = tempfile::tempdir().unwrap();
        let mark = dir.path().join("mark");
        let text = format!("touch {}", mark.display());
        assert!(command(&text, Duration::from_secs(60)).reset(&stop).is_err());
        assert!(!mark.exists());
    }

    #[test]
    fn what_it_leaves_running_on_purpose_is_not_waited_for() {
        let start = Instant::now();
        run("sleep 20 & exit 0").unwrap();
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    }

    #[test]
    fn last_words_are_one_clean_line() {
        assert_eq!(last_lines(b"1\n2\n3\n4\n5\n6\n\n"), "2 | 3 | 4 | 5 | 6");
        assert_eq!(last_lines(b"a\x1b[31mb\xff\r\n"), "a [31mb\u{fffd}");
        assert_eq!(last_lines(b""), "");
    }
}
