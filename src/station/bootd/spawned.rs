//! The privileged half as a process of this one: for a laptop, where there is no service manager.

use std::io;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use rustix::process::{Pid, PidfdFlags, Signal};

use crate::stop::Stop;

/// How long until it is started again, at first; twice as long each time that it ends soon.
const FIRST: Duration = Duration::from_secs(1);
/// And at most.
const LAST: Duration = Duration::from_secs(30);
/// One that has run for so long ended by an accident.
const LONG: Duration = Duration::from_secs(60);

/// It has ended, though nobody wanted that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// How.
    pub status: ExitStatus,
    /// It is started again after so long.
    pub again: Duration,
}

/// A privileged half that this process has started. It is started again when it ends, and ends with the value.
#[derive(Debug)]
pub struct Spawned {
    stop: Stop,
    thread: Option<JoinHandle<()>>,
}

/// The same program as this one, as the privileged half. `arguments` come behind `bootd`.
fn start(arguments: &[String]) -> io::Result<Child> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("bootd").args(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::null()).spawn()
}

/// How long to wait until it is started again, after one that has run for so long.
fn pause(before: Duration, ran: Duration) -> Duration {
    if ran >= LONG { FIRST } else { (before * 2).clamp(FIRST, LAST) }
}

/// Waits until the child has ended, or `stop` is set; then it is told to end.
fn ended(child: &mut Child, stop: &Stop) -> io::Result<Option<ExitStatus>> {
    // The kernel's descriptor of a process can be waited for together with a flag.
    let pid = Pid::from_child(child);
    let process = rustix::process::pidfd_open(pid, PidfdFlags::empty())?;
    let mut fds = [PollFd::new(&process, PollFlags::IN), PollFd::new(stop, PollFlags::IN)];
    crate::stop::until(&mut fds, None)?;
    if let Some(status) = child.try_wait()? {
        return Ok(Some(status));
    }
    let _ = rustix::process::kill_process(pid, Signal::INT);
    child.wait()?;
    Ok(None)
}

impl Spawned {
    /// Starts it. `arguments` make it end with this process, also where that is killed. `told` is called when it ends by
    /// itself.
    ///
    /// # Errors
    /// When it can't be started.
    pub fn start(arguments: Vec<String>, told: impl Fn(Ended) + Send + 'static) -> io::Result<Self> {
        let stop = Stop::new()?;
        let own = stop.clone();
        // The first one in the thread too: it ends with the thread that has started it.
        let work = move || {
            let mut again = Duration::ZERO;
            while !own.is_set() {
                let began = Instant::now();
                let status = start(&arguments).and_then(|mut child| ended(&mut child, &own));
                again = pause(again, began.elapsed());
                match status {
                    Ok(None) => return,
                    Ok(Some(status)) => told(Ended { status, again }),
                    Err(error) => tracing::warn!(%error, "what boots boards can't be started"),
                }
                let _ = own.wait(again);
            }
        };
        let thread = Builder::new().name("spawned".to_owned()).spawn(work)?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Spawned {
    fn drop(&mut self) {
        self.stop.set();
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_ends_at_once_again_and_again_is_started_less_and_less_often() {
        let second = Duration::from_secs(1);
        let mut again = Duration::ZERO;
        let pauses: Vec<_> = (0..7)
            .map(|_| {
                again = pause(again, second);
                again.as_secs()
            })
            .collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(pause(again, LONG), FIRST);
    }
}
