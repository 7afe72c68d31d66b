//! A command for a board's first stage, over its serial port, within a time that counts.
//!
//! Opening a port of the kernel's cdc-acm driver sends requests to the board and waits for each up to five seconds,
//! whatever the flags say; closing one waits for what wasn't taken yet, up to thirty. A helper of udev must not wait
//! like that, so another process does, which is left alone when its time is over.

use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use rustix::fs::{Mode, OFlags};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, Signal};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

use super::record::Command;
use crate::stop::until;

/// What became of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// The board has all of it, or has left with it.
    Taken,
    /// It is on its way: the board may have it by now, or not.
    Sent,
    /// The board takes nothing yet.
    NotYet,
}

/// What the child says: one of these, or the number of an error.
const TAKEN: i32 = 0;
const NOT_YET: i32 = -1;
const SENT: i32 = -2;
/// Said before the command is written. More is to come, but the child may have no time to say it.
const SENDING: i32 = -3;

/// How much longer than the board the child may take.
const GRACE: Duration = Duration::from_millis(20);
/// How soon it is asked again what the board has taken. A serial port has no event for that.
const STEP: Duration = Duration::from_micros(500);

/// Tells a board, waiting for `limit` at most, also if the serial port hangs.
///
/// The child says what became of it before it closes the serial port: a board that obeys at once is gone by then, and
/// closing the port of a board that is gone takes seconds. Nobody waits for that.
///
/// The process should have no other threads: the child goes on with a copy of this one only.
///
/// # Errors
/// When the serial port can't be opened or written.
pub fn tell_within(tty: &Path, command: Command, limit: Duration) -> io::Result<Told> {
    let (read, write) = pipe_with(PipeFlags::CLOEXEC)?;
    let deadline = Instant::now() + limit;
    // SAFETY: the child makes system calls only, allocates nothing that it would have to give back, and ends with
    // _exit; it touches no lock that another thread of the parent could hold.
    let child = unsafe { libc::fork() };
    match child {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            let say = |code: i32| {
                let _ = rustix::io::write(&write, &code.to_ne_bytes());
            };
            let mut port = None;
            say(match tell(&mut port, tty, command, deadline, || say(SENDING)) {
                Ok(Told::Taken) => TAKEN,
                Ok(Told::Sent) => SENT,
                Ok(Told::NotYet) => NOT_YET,
                Err(error) => error.raw_os_error().unwrap_or(libc::EIO),
            });
            // SAFETY: ends the child without running anything that the parent will run too. The port is closed by it.
            unsafe { libc::_exit(0) }
        }
        child => {
            drop(write);
            let mut pipe = std::fs::File::from(read);
            let mut sending = false;
            let mut answer = answer(&mut pipe, deadline + GRACE, &mut sending);
            let pid = Pid::from_raw(child);
            if let (None, Some(pid)) = (answer, pid) {
                // If it hangs in the kernel it dies when it comes back, and writes nothing any more. What it said or
                // did last is heard: its end of the pipe is closed then.
                let _ = rustix::process::kill_process(pid, Signal::KILL);
                answer = self::answer(&mut pipe, Instant::now() + GRACE, &mut sending);
            }
            if let Some(pid) = pid {
                let _ = rustix::process::waitpid(Some(pid), rustix::process::WaitOptions::NOHANG);
            }
            match answer {
                Some(TAKEN) => Ok(Told::Taken),
                Some(SENT) => Ok(Told::Sent),
                Some(NOT_YET) => Ok(Told::NotYet),
                Some(code) => Err(io::Error::from_raw_os_error(code)),
                None if sending => Ok(Told::Sent),
                None => Ok(Told::NotYet),
            }
        }
    }
}

/// The child's last word, if it says it in time, and whether it began to send.
fn answer(pipe: &mut std::fs::File, deadline: Instant, sending: &mut bool) -> Option<i32> {
    while ready(pipe.as_fd(), PollFlags::IN, deadline) {
        let mut code = [0; 4];
        // It died without a word.
        pipe.read_exact(&mut code).ok()?;
        match i32::from_ne_bytes(code) {
            SENDING => *sending = true,
            code => return Some(code),
        }
    }
    None
}

/// Waits for a descriptor. Says whether it is ready.
fn ready(fd: BorrowedFd<'_>, flags: PollFlags, deadline: Instant) -> bool {
    until(&mut [PollFd::from_borrowed_fd(fd, flags)], Some(deadline)).unwrap_or(false)
}

/// Writes the command, and says what became of it until the deadline. The serial port is left open, for the caller to
/// close it. `sending` is called before the first byte goes.
fn tell(
    open: &mut Option<OwnedFd>,
    tty: &Path,
    command: Command,
    deadline: Instant,
    sending: impl FnOnce(),
) -> io::Result<Told> {
    let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let port = &*open.insert(rustix::fs::open(tty, flags, Mode::empty())?);
    // As it is: no line ends turned round, no echo of what the board's own terminal sends back.
    let mut settings = tcgetattr(port)?;
    settings.make_raw();
    tcsetattr(port, OptionalActions::Now, &settings)?;
    let line = command.line().as_bytes();
    let mut left = line;
    let mut sending = Some(sending);
    while !left.is_empty() {
        let late = if left.len() < line.len() { Told::Sent } else { Told::NotYet };
        if !ready(port.as_fd(), PollFlags::OUT, deadline) {
            return Ok(late);
        }
        if let Some(sending) = sending.take() {
            sending();
        }
        match rustix::io::write(port, left) {
            Ok(count) => left = &left[count..],
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) if Instant::now() < deadline => {}
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => return Ok(late),
            Err(error) => return Err(error.into()),
        }
    }
    loop {
        match waiting(port) {
            // A board that obeys at once is gone before anybody can ask whether it has heard.
            Err(error) if error.raw_os_error() == Some(libc::EIO) => return Ok(Told::Taken),
            Err(error) => return Err(error),
            Ok(0) => return Ok(Told::Taken),
            Ok(_) => {}
        }
        if Instant::now() >= deadline {
            return Ok(Told::Sent);
        }
        let _ = until(&mut [], Some(Instant::now() + STEP));
    }
}

/// How many bytes the board has not taken yet.
fn waiting(port: &OwnedFd) -> io::Result<i32> {
    let mut count = 0i32;
    // SAFETY: TIOCOUTQ stores one int at the given place.
    if unsafe { libc::ioctl(port.as_raw_fd(), libc::TIOCOUTQ, &raw mut count) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(count)
}

/// A pseudo terminal: what a board's end reads, and the path of ours. For tests.
#[cfg(test)]
pub(super) fn pty() -> (OwnedFd, std::path::PathBuf) {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let board = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&board).unwrap();
    unlockpt(&board).unwrap();
    let name = ptsname(&board, Vec::new()).unwrap().into_string().unwrap();
    (board, name.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_millis(300);

    #[test]
    fn the_board_reads_the_line_as_it_is() {
        for (command, want) in [(Command::Reboot, "reboot\n"), (Command::Poweroff, "poweroff\n")] {
            let (board, tty) = pty();
            assert_eq!(tell_within(&tty, command, Duration::from_secs(20)).unwrap(), Told::Taken);
            let mut buffer = [0; 64];
            let count = rustix::io::read(&board, &mut buffer).unwrap();
            assert_eq!(&buffer[..count], want.as_bytes());
        }
    }

    #[test]
    fn a_port_that_hangs_costs_no_more_than_the_limit() {
        // A named pipe without a reader: opening it for writing waits for ever, or fails at once with NONBLOCK,
        // and it is no terminal.
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tty");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &path,
            rustix::fs::FileType::Fifo,
            Mode::from_raw_mode(0o600),
            0,
        )
        .unwrap();
        assert_eq!(
            tell_within(&path, Command::Reboot, LIMIT).unwrap_err().raw_os_error(),
            Some(libc::ENOTTY)
        );

        // A terminal whose output is held up.
        let (_board, tty) = pty();
        let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::NOCTTY;
        let held = rustix::fs::open(&tty, flags, Mode::empty()).unwrap();
        rustix::termios::tcflow(&held, rustix::termios::Action::OOff).unwrap();
        let start = Instant::now();
        assert_eq!(tell_within(&tty, Command::Reboot, LIMIT).unwrap(), Told::NotYet);
        assert!(
            start.elapsed() >= LIMIT && start.elapsed() < Duration::from_secs(20),
            "{:?}",
            start.elapsed()
        );
    }

    #[test]
    fn a_board_that_leaves_with_the_command_has_taken_it() {
        for round in 0..20 {
            let (board, tty) = pty();
            let reader = std::thread::spawn(move || {
                // It leaves as soon as it has the line, or a moment later.
                let mut buffer = [0; 64];
                let count = rustix::io::read(&board, &mut buffer).unwrap();
                if round % 2 == 0 {
                    let _ = until(&mut [], Some(Instant::now() + Duration::from_micros(round * 100)));
                }
                drop(board);
                count
            });
            let told = tell_within(&tty, Command::Reboot, Duration::from_secs(20)).unwrap();
            assert_eq!((told, reader.join().unwrap()), (Told::Taken, 7));
        }
    }

    #[test]
    fn a_port_that_is_gone_is_an_error() {
        let error = tell_within(Path::new("/nonexistent/tty"), Command::Reboot, LIMIT).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
