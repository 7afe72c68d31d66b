//! A command for a board that takes its time: with the serialport crate, and with udev's word for it that the serial
//! port is still that of the board at the port.

use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use super::finish::{Progress, Report};
use super::record::Command;
use crate::board::PortPath;
use crate::stop::Stop;

/// How long a board may take to listen.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// How long to wait between two looks.
const STEP: Duration = Duration::from_millis(100);

/// Tells the board at a port a command, within [`PATIENCE`].
///
/// # Errors
/// When the serial port is no longer the board's, when it can't be opened, and when the board doesn't take the
/// command in time. Nothing of it is on its way any more then.
pub fn tell_patiently(
    port: PortPath,
    tty: &Path,
    command: Command,
    stop: &Stop,
    report: Report<'_>,
) -> io::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    let late = || io::Error::new(io::ErrorKind::TimedOut, "the board doesn't take it");
    loop {
        // Numbers of serial ports are given anew: this may be a stranger's by now.
        let owner = owner(tty)?;
        if owner != port {
            let text = format!("{} is now that of port {owner}", tty.display());
            return Err(io::Error::new(io::ErrorKind::NotFound, text));
        }
        match tell(tty, command, deadline, stop, report) {
            Ok(true) => return Ok(()),
            Ok(false) => return Err(late()),
            // Another program has it open exclusively, or it isn't ready.
            Err(error) if error.kind() != io::ErrorKind::NotFound && Instant::now() < deadline => {}
            Err(error) => return Err(error),
        }
        if stop.wait(STEP) {
            return Err(io::ErrorKind::Interrupted.into());
        }
    }
}

/// The USB port that a serial port hangs on.
fn owner(tty: &Path) -> io::Result<PortPath> {
    let gone = || io::Error::new(io::ErrorKind::NotFound, format!("{} is gone", tty.display()));
    let name = tty.file_name().and_then(|name| name.to_str()).ok_or_else(gone)?;
    let device =
        udev::Device::from_subsystem_sysname("tty".to_owned(), name.to_owned()).map_err(|_| gone())?;
    let usb = device.parent_with_subsystem_devtype("usb", "usb_device")?.ok_or_else(gone)?;
    usb.sysname().to_str().and_then(|name| name.parse().ok()).ok_or_else(gone)
}

/// Writes the command and waits until the board has all of it. Says whether it had before the deadline.
fn tell(
    tty: &Path,
    command: Command,
    deadline: Instant,
    stop: &Stop,
    report: Report<'_>,
) -> io::Result<bool> {
    // A gadget has no line speed; it is what the original's host uses.
    let left = deadline.saturating_duration_since(Instant::now());
    let mut port = serialport::new(tty.to_string_lossy(), 9600).timeout(left).open()?;
    report(Progress::Sending)?;
    match port.write_all(command.line().as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::TimedOut => return Ok(false),
        other => other?,
    }
    // A board that obeys at once is gone before anybody can ask whether it has heard.
    while port.bytes_to_write().is_ok_and(|count| count > 0) {
        if Instant::now() >= deadline || stop.wait(Duration::from_millis(10)) {
            // What is left would be waited for at the end of the program, too.
            port.clear(serialport::ClearBuffer::Output)?;
            return Ok(false);
        }
    }
    report(Progress::Taken)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_arrives_as_it_is() {
        let (board, tty) = super::super::tell::pty();
        let deadline = Instant::now() + Duration::from_secs(20);
        let told = std::cell::RefCell::new(Vec::new());
        let report = |progress| {
            // It is noted before the board can know, and told before the port is closed.
            let open = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
            let open = open.filter(|fd| std::fs::read_link(fd.path()).is_ok_and(|to| to == tty)).count();
            told.borrow_mut().push((progress, open));
            Ok(())
        };
        assert!(tell(&tty, Command::Poweroff, deadline, &Stop::new().unwrap(), &report).unwrap());
        assert_eq!(*told.borrow(), [(Progress::Sending, 1), (Progress::Taken, 1)]);
        let mut buffer = [0; 64];
        let count = rustix::io::read(&board, &mut buffer).unwrap();
        assert_eq!(&buffer[..count], b"poweroff\n");
    }

    #[test]
    fn a_serial_port_without_a_board_is_not_written_to() {
        let (_board, tty) = super::super::tell::pty();
        let port = "1-1".parse().unwrap();
        for path in [tty.as_path(), Path::new("/dev/ttyACM99"), Path::new("/dev/ttyS0")] {
            let stop = Stop::new().unwrap();
            let report = |progress| panic!("{progress:?}");
            let error = tell_patiently(port, path, Command::Reboot, &stop, &report).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::NotFound, "{error}");
        }
    }
}
