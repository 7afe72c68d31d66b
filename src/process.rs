//! A program of others that runs beside this one: in a process group of its own, with nothing to read or what it is given,
//! read itself while it prints, and ended as a whole.

mod lines;

pub use lines::{LAST_WORDS, Lines};

use std::io::{PipeReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};

use crate::stop::{Stop, until};

/// How long it has between being asked to end and being killed.
const GRACE: Duration = Duration::from_secs(2);
/// So long its last words are waited for after all of it was ended.
const LAST_MOMENTS: Duration = Duration::from_secs(1);
/// So long the end of a process that was killed is waited for: one that waits for a disk may never end.
const NEVER: Duration = Duration::from_secs(30);
/// A value of a variable has so many characters at most.
const LONGEST_VALUE: usize = 1024;
/// Where programs are looked for.
pub const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// So often is read at once: who prints faster than it is read isn't listened to alone.
const AT_ONCE: usize = 64;

/// Why the watch ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It has exited.
    Exited,
    /// Somebody wants it to end.
    Stopped,
    /// It took too long.
    TimedOut,
}

/// A program that runs.
#[derive(Debug)]
pub struct Running {
    child: Child,
    group: Pid,
    pidfd: rustix::fd::OwnedFd,
    /// What it prints; `None` once all processes that could print have ended.
    pipe: Option<PipeReader>,
}

impl Running {
    /// Starts it. Tools disagree on where an error message goes: both streams are one.
    ///
    /// # Errors
    /// What the system says.
    pub fn start(command: &mut Command) -> std::io::Result<Self> {
        Self::start_reading(command, Stdio::null())
    }

    /// The same of one that reads something.
    ///
    /// # Errors
    /// What the system says.
    pub fn start_reading(command: &mut Command, input: Stdio) -> std::io::Result<Self> {
        let (pipe, writer) = std::io::pipe()?;
        rustix::io::ioctl_fionbio(&pipe, true)?;
        let mut child =
            command.stdin(input).stdout(writer.try_clone()?).stderr(writer).process_group(0).spawn()?;
        // The command has the writing end still, and would keep the pipe open.
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let group = Pid::from_child(&child);
        match pidfd_open(group, PidfdFlags::empty()) {
            Ok(pidfd) => Ok(Self { child, group, pidfd, pipe: Some(pipe) }),
            Err(error) => {
                let _ = kill_process_group(group, Signal::KILL);
                let _ = child.wait();
                Err(error.into())
            }
        }
    }

    /// Reads what it prints until it ends, the deadline passes, or the flag is set.
    ///
    /// # Errors
    /// What the system says.
    pub fn watch(
        &mut self,
        stop: &Stop,
        deadline: Instant,
        said: &mut dyn FnMut(&[u8]),
    ) -> std::io::Result<End> {
        loop {
            let (exited, stopped) = self.wait_for(Some(stop), deadline)?;
            self.drain(said);
            if exited {
                return Ok(End::Exited);
            } else if stopped {
                return Ok(End::Stopped);
            } else if Instant::now() >= deadline {
                return Ok(End::TimedOut);
            }
        }
    }

    /// Reads it to its end, for `limit` at most, and ends what it leaves. `also` ends what isn't in its group. Its exit
    /// status, and what else is to be said of its end.
    ///
    /// # Errors
    /// What the system says.
    pub fn to_its_end(
        &mut self,
        stop: &Stop,
        limit: Duration,
        said: &mut dyn FnMut(&[u8]),
        also: &mut dyn FnMut(),
    ) -> std::io::Result<(Option<i32>, Option<String>)> {
        let end = self.watch(stop, Instant::now() + limit, said);
        if !matches!(end, Ok(End::Exited)) {
            self.kill(said);
        }
        // Also of one that has ended: what it has left would go on beside what comes next.
        self.kill_rest();
        also();
        self.read_rest(LAST_MOMENTS, said);
        let Some(status) = self.wait_within(NEVER)? else {
            return Ok((
                None,
                Some("can't be ended: a process of it waits for a disk or a driver".to_owned()),
            ));
        };
        Ok(match end? {
            End::Exited => match status.code() {
                Some(code) => (Some(code), None),
                None => (None, Some(how(status))),
            },
            End::TimedOut => (None, Some(format!("took more than {} s and was ended", limit.as_secs()))),
            End::Stopped => (None, Some("was ended, as its job was".to_owned())),
        })
    }

    /// Ends the whole process group: first politely, then not.
    pub fn kill(&mut self, said: &mut dyn FnMut(&[u8])) {
        let _ = kill_process_group(self.group, Signal::TERM);
        let deadline = Instant::now() + GRACE;
        // The first process may end before what it started: the pipe closes when all of them have.
        while Instant::now() < deadline {
            let exited = self.wait_for(None, deadline).is_ok_and(|(exited, _)| exited);
            self.drain(said);
            if exited && self.pipe.is_none() {
                return;
            }
            if exited && let Some(pipe) = &self.pipe {
                let _ = until(&mut [PollFd::new(pipe, PollFlags::IN)], Some(deadline));
                self.drain(said);
            }
        }
        self.kill_rest();
    }

    /// Its status, if it ends within so long. A process that waits for a disk may outlive being killed.
    ///
    /// # Errors
    /// What the system says.
    pub fn wait_within(&mut self, limit: Duration) -> std::io::Result<Option<ExitStatus>> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(Some(status));
            }
            if Instant::now() >= deadline {
                return Ok(None);
            }
            until(&mut [PollFd::new(&self.pidfd, PollFlags::IN)], Some(deadline))?;
        }
    }

    /// Ends what it has left in its group, at once.
    pub fn kill_rest(&self) {
        // The first process is not reaped yet, so this group can't be somebody else's.
        let _ = kill_process_group(self.group, Signal::KILL);
    }

    /// Reads what is still in the pipe once all who could print were ended: until it closes, or for so long.
    pub fn read_rest(&mut self, limit: Duration, said: &mut dyn FnMut(&[u8])) {
        let deadline = Instant::now() + limit;
        while let Some(pipe) = &self.pipe {
            if Instant::now() >= deadline {
                return;
            }
            let _ = until(&mut [PollFd::new(pipe, PollFlags::IN)], Some(deadline));
            self.drain(said);
        }
    }

    /// How it ended; waits for that.
    ///
    /// # Errors
    /// What the system says.
    pub fn wait(&mut self) -> std::io::Result<ExitStatus> {
        self.child.wait()
    }

    /// Waits for something to happen. Says whether it has exited, and whether the flag is set.
    fn wait_for(&self, stop: Option<&Stop>, deadline: Instant) -> std::io::Result<(bool, bool)> {
        let mut fds = vec![PollFd::new(&self.pidfd, PollFlags::IN)];
        fds.extend(stop.map(|stop| PollFd::new(stop, PollFlags::IN)));
        fds.extend(self.pipe.as_ref().map(|pipe| PollFd::new(pipe, PollFlags::IN)));
        until(&mut fds, Some(deadline))?;
        let happened = |at: usize| fds.get(at).is_some_and(|fd: &PollFd<'_>| !fd.revents().is_empty());
        Ok((happened(0), stop.is_some() && happened(1)))
    }

    /// Takes what was printed.
    fn drain(&mut self, said: &mut dyn FnMut(&[u8])) {
        let mut buffer = [0; 4096];
        for _ in 0..AT_ONCE {
            let Some(pipe) = &mut self.pipe else { return };
            match pipe.read(&mut buffer) {
                Ok(0) => self.pipe = None,
                Ok(count) => said(&buffer[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return,
                Err(_) => self.pipe = None,
            }
        }
    }
}

/// A value of a variable without what no line of a file or a terminal should get, and never longer than such values are.
#[must_use]
pub fn plain(value: &str) -> String {
    value.chars().filter(|char| !crate::format::is_hidden(*char)).take(LONGEST_VALUE).collect()
}

/// The name of the variable that has one of a board's values; `None` for a name that can't be one.
#[must_use]
pub fn value_variable(name: &str) -> Option<String> {
    let good = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    good.then(|| format!("PIPROV_VALUE_{}", name.to_ascii_uppercase()))
}

/// How a program ended, for people.
#[must_use]
pub fn how(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with status {code}"),
        (None, Some(signal)) => format!("was killed by signal {signal}"),
        (None, None) => status.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_never_stops_printing_is_ended_in_time() {
        let mut command = Command::new("/bin/sh");
        let mut running = Running::start(command.args(["-c", "exec yes"])).unwrap();
        let (begun, mut bytes) = (Instant::now(), 0);
        let mut said = |text: &[u8]| bytes += text.len();
        let end = running.watch(&Stop::new().unwrap(), begun + Duration::from_millis(300), &mut said);
        assert_eq!(end.unwrap(), End::TimedOut);
        running.kill(&mut said);
        assert_eq!(how(running.wait().unwrap()), "was killed by signal 15");
        assert!(bytes > 0 && begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    }
}
