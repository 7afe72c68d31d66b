//! Bytes to a printer's port, as most of them take them (9100).

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::net::{Shutdown, shutdown};

use super::{Begin, CONNECT, Error, STALL, Server, WHOLE, begun, broke};
use crate::http::Origin;
use crate::http::sockets::{self, Fault, Limit};
use crate::stop::Stop;

/// How long it is waited for what a printer says once it has all.
const LISTEN: Duration = Duration::from_secs(2);
/// How often it is looked whether it has all.
const LOOK: Duration = Duration::from_millis(20);
/// Bytes that it may say.
const MOST_SAID: usize = 64 << 10;

/// Sends a label. That the printer has taken it all isn't that it has printed.
///
/// # Errors
/// [`Error`].
pub fn tcp(server: Server<'_>, bytes: &[u8], begin: Begin<'_>, stop: &Stop) -> Result<(), Error> {
    let fd = connect(server, stop)?;
    begun(begin)?;
    let until = Instant::now() + WHOLE;
    let mut sent = 0;
    send(&fd, bytes, &mut sent, until, stop).map_err(|fault| broke(fault, sent, bytes.len()))?;
    acknowledged(&fd, until, stop)
        .map_err(|(fault, left)| broke(fault, bytes.len().saturating_sub(left), bytes.len()))?;
    let all = |fault| broke(fault, bytes.len(), bytes.len());
    shutdown(&fd, Shutdown::Write).map_err(|error| all(Fault::Receive(error.into())))?;
    // One that is switched off, or out of order, may refuse only now what the system has taken for it.
    let until = Instant::now() + LISTEN;
    let (mut buffer, mut said) = ([0; 4096], 0);
    while said < MOST_SAID {
        match sockets::read(&fd, &mut buffer, Some(until), Limit::Read, stop) {
            Ok(0) | Err(Fault::Slow(_) | Fault::Stopped) => break,
            Ok(more) => said += more,
            Err(fault) => return Err(all(fault)),
        }
    }
    Ok(())
}

/// Waits until the printer has said of all bytes that it has them: what the system holds for one that is stuck is no label.
/// An error comes with how many it hasn't.
fn acknowledged(fd: &OwnedFd, until: Instant, stop: &Stop) -> Result<(), (Fault, usize)> {
    let (mut least, mut stall) = (usize::MAX, until);
    loop {
        let left = sockets::unacknowledged(fd).map_err(|error| (Fault::Receive(error), least))?;
        if left == 0 {
            return Ok(());
        }
        let now = Instant::now();
        if left < least {
            (least, stall) = (left, until.min(now + STALL));
        }
        if now >= stall {
            return Err((Fault::Slow(Limit::Write), left));
        }
        if stop.wait(LOOK) {
            return Err((Fault::Stopped, left));
        }
    }
}

/// A connection to a server.
pub(super) fn connect(server: Server<'_>, stop: &Stop) -> Result<OwnedFd, Error> {
    let Server { host, port, may } = server;
    let origin = Origin::Tcp { tls: false, host: host.to_owned(), zone: None, port };
    sockets::open(&origin, may, Some(Instant::now() + CONNECT), stop).map_err(|fault| match fault {
        Fault::Stopped => Error::Stopped,
        fault => {
            let why =
                if matches!(fault, Fault::Slow(_)) { "no answer".to_owned() } else { fault.to_string() };
            Error::Connect { host: host.to_owned(), port, why }
        }
    })
}

/// Sends bytes; `sent` says how many of them were taken, also where it ends early.
pub(super) fn send(
    fd: &OwnedFd,
    bytes: &[u8],
    sent: &mut usize,
    until: Instant,
    stop: &Stop,
) -> Result<(), Fault> {
    while let Some(rest) = bytes.get(*sent..).filter(|rest| !rest.is_empty()) {
        let stall = until.min(Instant::now() + STALL);
        *sent += sockets::write(fd, rest, Some(stall), Limit::Write, stop)?;
    }
    Ok(())
}
