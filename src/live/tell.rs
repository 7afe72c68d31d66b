//! A command for a board's first stage, over its serial port, within a time that counts.
//!
//! Opening a port of the kernel's cdc-acm driver sends requests to the board and waits for each up to five seconds,
//! whatever the flags say; closing one waits for what wasn't taken yet, up to thirty. A helper of udev must not wait
//! like that, so another process does, which is left alone when its time is over.

use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, Signal};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

use super::record::Command;

/// Tells a board, waiting for `limit` at most, also if the serial port hangs. Says whether the board took it all.
///
/// The process should have no other threads: the child goes on with a copy of this one only.
///
/// # Errors
/// When the serial port can't be opened or written.
pub fn tell_within(tty: &Path, command: Command, limit: Duration) -> io::Result<bool> {
    let (read, write) = pipe_with(PipeFlags::CLOEXEC)?;
    let deadline = Instant::now() + limit;
    // SAFETY: the child makes system calls only, allocates nothing that it would have to give back, and ends with
    // _exit; it touches no lock that another thread of the parent could hold.
    let child = unsafe { libc::fork() };
    match child {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            let result = tell(tty, command, deadline);
            let code = match result {
                Ok(true) => 0,
                Ok(false) => -1,
                Err(error) => error.raw_os_error().unwrap_or(libc::EIO),
            };
            let _ = rustix::io::write(&write, &code.to_ne_bytes());
            // SAFETY: ends the child without running anything that the parent will run too.
            unsafe { libc::_exit(0) }
        }
        child => {
            drop(write);
            let answer = answer(&read, deadline + Duration::from_millis(20));
            let pid = Pid::from_raw(child);
            if answer.is_none()
                && let Some(pid) = pid
            {
                // If it hangs in the kernel it dies when it comes back; nobody waits for that.
                let _ = rustix::process::kill_process(pid, Signal::KILL);
            } else {
                let _ = rustix::process::waitpid(pid, rustix::process::WaitOptions::empty());
            }
            match answer {
                Some(0) => Ok(true),
                Some(-1) | None => Ok(false),
                Some(code) => Err(io::Error::from_raw_os_error(code)),
            }
        }
    }
}

/// What the child says, if it says it in time.
fn answer(read: &OwnedFd, deadline: Instant) -> Option<i32> {
    if !ready(read.as_fd(), PollFlags::IN, deadline) {
        return None;
    }
    let mut code = [0; 4];
    let mut file = std::fs::File::from(read.try_clone().ok()?);
    // It died: whatever it was, the board was not told.
    file.read_exact(&mut code).map_or(Some(libc::EIO), |()| Some(i32::from_ne_bytes(code)))
}

/// Waits for a descriptor. Says whether it is ready.
fn ready(fd: BorrowedFd<'_>, flags: PollFlags, deadline: Instant) -> bool {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let left = Timespec { tv_sec: left.as_secs().cast_signed(), tv_nsec: i64::from(left.subsec_nanos()) };
        match poll(&mut [PollFd::from_borrowed_fd(fd, flags)], Some(&left)) {
            Ok(count) => return count > 0,
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return false,
        }
    }
}

/// Writes the command. Says whether the board took all of it before the deadline.
fn tell(tty: &Path, command: Command, deadline: Instant) -> io::Result<bool> {
    let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let port = rustix::fs::open(tty, flags, Mode::empty())?;
    // As it is: no line ends turned round, no echo of what the board's own terminal sends back.
    let mut settings = tcgetattr(&port)?;
    settings.make_raw();
    tcsetattr(&port, OptionalActions::Now, &settings)?;
    let mut left = command.line().as_bytes();
    while !left.is_empty() {
        if !ready(port.as_fd(), PollFlags::OUT, deadline) {
            return Ok(false);
        }
        match rustix::io::write(&port, left) {
            Ok(count) => left = &left[count..],
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    loop {
        match waiting(&port) {
            // A board that obeys at once is gone before anybody can ask whether it has heard.
            Err(error) if error.raw_os_error() == Some(libc::EIO) => return Ok(true),
            Err(error) => return Err(error),
            Ok(0) => return Ok(true),
            Ok(_) => {}
        }
        if Instant::now() >= deadline {
            return Ok(false);
        }
        let _ = poll(&mut [], Some(&Timespec { tv_sec: 0, tv_nsec: 500_000 }));
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
            assert!(tell_within(&tty, command, Duration::from_secs(20)).unwrap());
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
        assert!(!tell_within(&tty, Command::Reboot, LIMIT).unwrap());
        assert!(
            start.elapsed() >= LIMIT && start.elapsed() < Duration::from_secs(20),
            "{:?}",
            start.elapsed()
        );
    }

    #[test]
    fn a_port_that_is_gone_is_an_error() {
        let error = tell_within(Path::new("/nonexistent/tty"), Command::Reboot, LIMIT).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
