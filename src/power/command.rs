//! The command back-end: whatever can switch power, from the shell. The command gets the board's names in
//! its environment and a process group of its own, so that all of it can be ended.

use std::time::{Duration, Instant};

use super::{Error, Power};
use crate::process::{End, Running, how};
use crate::stop::Stop;

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
        let mut command = std::process::Command::new("/bin/sh");
        command.arg("-c").arg(&self.text);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        let mut running = Running::start(&mut command).map_err(|source| Error::Start { source })?;
        let mut output = Vec::new();
        let mut said = |text: &[u8]| {
            output.extend_from_slice(text);
            let excess = output.len().saturating_sub(KEEP);
            output.drain(..excess);
        };
        let end = match running.watch(stop, Instant::now() + self.limit, &mut said) {
            Ok(end) => end,
            Err(source) => {
                running.kill(&mut said);
                return Err(Error::Watch { source });
            }
        };
        if end != End::Exited {
            running.kill(&mut said);
        }
        let status = running.wait().map_err(|source| Error::Watch { source })?;
        let output = last_lines(&output);
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
