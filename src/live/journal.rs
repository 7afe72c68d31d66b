//! Messages for the system's log, without a daemon's library: a datagram to `/dev/log`, which journald and every
//! syslog listen to (RFC 3164, section 4.1, without the time and the host, which the receiver adds).

use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

use crate::format::message;

/// Where the system's log listens.
pub const SOCKET: &str = "/dev/log";

/// The facility for daemons.
const DAEMON: u8 = 3;

/// How much a message matters, in syslog's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Level {
    /// Something a person must see to.
    Error = 3,
    /// Something is not as it should be, but the work goes on.
    Warning = 4,
    /// A decision, or work that is done.
    Info = 6,
}

/// Sends a message under a program's name: one line, whatever is in it. Never waits.
///
/// # Errors
/// When nobody listens, or the log can't keep up.
pub fn send(socket: &Path, program: &str, level: Level, text: &str) -> io::Result<()> {
    let log = UnixDatagram::unbound()?;
    log.set_nonblocking(true)?;
    let priority = DAEMON * 8 + level as u8;
    let message = format!("<{priority}>{program}[{}]: {}", std::process::id(), message(text));
    log.send_to(message.as_bytes(), socket)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_priority_name_and_process() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        send(&path, "x", Level::Info, "nobody listens").unwrap_err();
        let log = UnixDatagram::bind(&path).unwrap();
        send(&path, "piprov-udev", Level::Error, "board ä is unknown\n\x1b[2K").unwrap();
        let mut buffer = [0; 200];
        let length = log.recv(&mut buffer).unwrap();
        let want = format!("<27>piprov-udev[{}]: board ä is unknown\\x0a\\x1b[2K", std::process::id());
        assert_eq!(std::str::from_utf8(&buffer[..length]), Ok(want.as_str()));
    }

    #[test]
    fn a_log_that_is_not_read_is_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let _log = UnixDatagram::bind(&path).unwrap();
        let full = (0..100_000).find_map(|_| send(&path, "x", Level::Info, "y").err());
        assert_eq!(full.unwrap().kind(), io::ErrorKind::WouldBlock);
    }
}
