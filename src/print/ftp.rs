//! A file by FTP, to a printer or a server that watches a directory. The data connection goes to the host that was asked,
//! whatever address it names.

use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::time::Instant;

use rustix::net::{Shutdown, shutdown};

use super::reply::{LONGEST_LINE, Line, MOST_LINES, Reply, code, epsv, line, pasv};
use super::tcp::{connect, send};
use super::{Begin, CONNECT, Error, STALL, Server, WHOLE, begun, broke};
use crate::http::sockets::{self, Fault, Limit};
use crate::stop::Stop;

/// Where a file goes.
#[derive(Debug, Clone, Copy)]
pub struct FtpPlace<'a> {
    /// The server.
    pub server: Server<'a>,
    /// Who signs in.
    pub user: &'a str,
    /// With what.
    pub password: &'a str,
    /// The directory; empty: the one that the user begins in.
    pub directory: &'a str,
    /// The file's name.
    pub name: &'a str,
    /// It comes under another name first.
    pub rename: bool,
}

/// What a label is doing that goes into its file.
const STORING: &str = "storing the label";

/// A server's no.
fn refused(doing: &'static str, reply: &Reply) -> Error {
    Error::Refused { doing, said: format!("{} {}", reply.code, reply.text) }
}

/// A connection for commands.
struct Control<'a> {
    fd: OwnedFd,
    read: Vec<u8>,
    until: Instant,
    stop: &'a Stop,
}

impl Control<'_> {
    fn stall(&self) -> Option<Instant> {
        Some(self.until.min(Instant::now() + STALL))
    }

    fn fault(&self, doing: &'static str, fault: &Fault) -> Error {
        match fault {
            Fault::Stopped => Error::Stopped,
            Fault::Slow(_) => Error::Refused { doing, said: "nothing in time".to_owned() },
            other => Error::Refused { doing, said: format!("nothing more: {other}") },
        }
    }

    /// The next line, without its end.
    fn line(&mut self, doing: &'static str) -> Result<Vec<u8>, Error> {
        loop {
            if let Some(end) = self.read.iter().position(|byte| *byte == b'\n') {
                let mut line: Vec<u8> = self.read.drain(..=end).collect();
                line.pop();
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
                return Ok(line);
            }
            if self.read.len() > LONGEST_LINE {
                return Err(Error::NoFtp { doing, why: "a line of its answer is too long" });
            }
            let mut buffer = [0; 512];
            let got = sockets::read(&self.fd, &mut buffer, self.stall(), Limit::Read, self.stop);
            match got.map_err(|fault| self.fault(doing, &fault))? {
                0 => return Err(Error::Refused { doing, said: "nothing: it has hung up".to_owned() }),
                got => self.read.extend_from_slice(buffer.get(..got).unwrap_or_default()),
            }
        }
    }

    fn reply(&mut self, doing: &'static str) -> Result<Reply, Error> {
        let mut first = None;
        for _ in 0..MOST_LINES {
            let text = self.line(doing)?;
            match line(&text, first) {
                Line::Last(reply) => return Ok(reply),
                Line::More => first = first.or_else(|| code(&text)),
                Line::Odd => return Err(Error::NoFtp { doing, why: "its answer has no number" }),
            }
        }
        Err(Error::NoFtp { doing, why: "its answer has no end" })
    }

    fn say(&mut self, doing: &'static str, command: &str) -> Result<(), Error> {
        // What ends a line would begin another command.
        if command.chars().any(char::is_control) {
            return Err(Error::Refused { doing, said: "nothing: a name has control characters".to_owned() });
        }
        let text = format!("{command}\r\n");
        let (mut sent, until) = (0, self.until);
        let said = send(&self.fd, text.as_bytes(), &mut sent, until, self.stop);
        said.map_err(|fault| self.fault(doing, &fault))
    }

    /// Says a command, and takes an answer that begins with one of these digits.
    fn ask(&mut self, doing: &'static str, command: &str, good: &[u16]) -> Result<Reply, Error> {
        self.say(doing, command)?;
        let reply = self.reply(doing)?;
        if good.contains(&(reply.code / 100)) {
            return Ok(reply);
        }
        Err(refused(doing, &reply))
    }
}

/// Brings a file to a server.
///
/// # Errors
/// [`Error`].
pub fn ftp(place: FtpPlace<'_>, bytes: &[u8], begin: Begin<'_>, stop: &Stop) -> Result<(), Error> {
    let fd = connect(place.server, stop)?;
    // The host of the file's own connection is the one that answers here.
    let os = |source| Error::Os { doing: "looking who answers".to_owned(), source };
    let stream = TcpStream::from(fd);
    let peer = stream.peer_addr().map_err(os)?;
    let fd = OwnedFd::from(stream);
    let mut control = Control { fd, read: Vec::new(), until: Instant::now() + WHOLE, stop };
    let greeting = control.reply("connecting")?;
    if greeting.code / 100 != 2 {
        return Err(refused("connecting", &greeting));
    }
    let user = if place.user.is_empty() { "anonymous" } else { place.user };
    let welcome = control.ask("signing in", &format!("USER {user}"), &[2, 3])?;
    if welcome.code / 100 == 3 {
        control.ask("signing in", &format!("PASS {}", place.password), &[2])?;
    }
    // Else some servers change the ends of lines.
    control.ask("asking for plain bytes", "TYPE I", &[2])?;
    if !place.directory.is_empty() {
        control.ask("going into its directory", &format!("CWD {}", place.directory), &[2])?;
    }
    let data = data(&mut control, peer, stop)?;
    let part = format!("{}.part", place.name);
    let name = if place.rename { part.as_str() } else { place.name };
    // Under the other name nothing is printed yet.
    if !place.rename {
        begun(&mut *begin)?;
    }
    control.ask(STORING, &format!("STOR {name}"), &[1])?;
    let mut sent = 0;
    let gone = send(&data, bytes, &mut sent, control.until, stop);
    let gone =
        gone.and_then(|()| shutdown(&data, Shutdown::Write).map_err(|error| Fault::Receive(error.into())));
    drop(data);
    let lost = |error: Error| if place.rename { error } else { untold(STORING, error) };
    if let Err(fault) = gone {
        // One that takes no more of a file may say why.
        if !matches!(fault, Fault::Stopped)
            && let Ok(refusal) = control.reply(STORING)
            && refusal.is_refusal()
        {
            return Err(refused(STORING, &refusal));
        }
        return Err(match broke(fault, sent, bytes.len()) {
            Error::Broke { why, .. } if place.rename => Error::Refused { doing: STORING, said: why },
            error => error,
        });
    }
    let stored = control.reply(STORING).map_err(lost)?;
    if stored.is_refusal() {
        // It isn't stored: RFC 959, 4.2.
        return Err(refused(STORING, &stored));
    }
    if stored.code / 100 != 2 {
        return Err(lost(refused(STORING, &stored)));
    }
    // A server that can say how long the file became is asked.
    control.say("looking at the file", &format!("SIZE {name}")).map_err(lost)?;
    let size = control.reply("looking at the file").map_err(lost)?;
    if size.code == 213 && size.text.parse() != Ok(bytes.len()) {
        let said = format!("the file has {} bytes, not {}", size.text, bytes.len());
        return Err(lost(Error::Refused { doing: "looking at the file", said }));
    }
    if place.rename {
        begun(begin)?;
        control.ask("giving it its name", &format!("RNFR {name}"), &[3])?;
        let doing = "giving it its name";
        let named = control.say(doing, &format!("RNTO {}", place.name)).and_then(|()| control.reply(doing));
        let named = named.map_err(|error| untold(doing, error))?;
        if named.code / 100 != 2 {
            return Err(refused(doing, &named));
        }
    }
    // All of it is there: whether the server says goodbye is its affair.
    let _ = control.say("ending", "QUIT");
    Ok(())
}

/// What goes wrong once the server has the file under its own name.
fn untold(doing: &'static str, error: Error) -> Error {
    let why = match error {
        Error::Refused { said, .. } => format!("it says: {said}"),
        other => other.to_string(),
    };
    Error::Untold { doing, why }
}

/// The connection for the file, to the same host.
fn data(control: &mut Control<'_>, peer: SocketAddr, stop: &Stop) -> Result<OwnedFd, Error> {
    const DOING: &str = "asking where the file goes";
    control.say(DOING, "EPSV")?;
    let extended = control.reply(DOING)?;
    let port = if extended.code == 229 {
        epsv(&extended.text)
    } else {
        // Older servers, for IPv4.
        pasv(&control.ask(DOING, "PASV", &[2])?.text)
    };
    let port = port.ok_or(Error::NoFtp { doing: DOING, why: "its answer names no port" })?;
    let address = SocketAddr::new(peer.ip(), port);
    sockets::to(address, Some(Instant::now() + CONNECT), stop).map_err(|fault| match fault {
        Fault::Stopped => Error::Stopped,
        fault => Error::Connect { host: peer.ip().to_string(), port, why: fault.to_string() },
    })
}
