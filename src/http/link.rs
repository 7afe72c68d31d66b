//! What carries HTTP, behind ureq's interface for transports: a connection, with TLS where that is wanted.
//!
//! ureq says of this interface that it may change with a minor version. All that knows it stands here.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};
use ureq::Timeout;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport,
};

use super::sockets::{self, Fault, Limit};
use super::trust::OtherCertificate;
use super::url::Origin;
use crate::stop::Stop;

/// Most bytes that are read of what a server said before it closed.
const LAST_WORDS: usize = 64 << 10;
/// So long they are waited for.
const LISTEN: Duration = Duration::from_secs(2);

/// Makes connections to one server.
#[derive(Debug)]
pub(super) struct Opens {
    pub(super) origin: Origin,
    pub(super) tls: Option<Arc<ClientConfig>>,
    pub(super) stop: Stop,
    /// Whether an address may be connected to.
    pub(super) may: fn(IpAddr) -> bool,
}

/// Finds no addresses: [`Opens`] does.
#[derive(Debug)]
pub(super) struct NoNames;

impl Resolver for NoNames {
    fn resolve(
        &self,
        _: &ureq::http::Uri,
        _: &ureq::config::Config,
        _: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        Ok(self.empty())
    }
}

impl From<Fault> for ureq::Error {
    fn from(fault: Fault) -> Self {
        Self::Other(Box::new(fault))
    }
}

/// When a wait ends, and which limit that is.
fn deadline(timeout: NextTimeout, here: Limit) -> (Option<Instant>, Limit) {
    let limit = match timeout.reason {
        Timeout::Global | Timeout::PerCall => Limit::Whole,
        Timeout::RecvResponse => Limit::Answer,
        _ => here,
    };
    if timeout.after.is_not_happening() {
        return (None, here);
    }
    (Instant::now().checked_add(*timeout.after), limit)
}

impl Connector for Opens {
    type Out = Link;

    fn connect(&self, details: &ConnectionDetails<'_>, _: Option<()>) -> Result<Option<Link>, ureq::Error> {
        let (until, _) = deadline(details.timeout, Limit::Connect);
        let fd = sockets::open(&self.origin, self.may, until, &self.stop)?;
        let config = details.config;
        let buffers = LazyBuffers::new(config.input_buffer_size(), config.output_buffer_size());
        let mut link = Link { fd, tls: None, buffers, stop: self.stop.clone() };
        if let (Some(config), Origin::Tcp { host, .. }) = (&self.tls, &self.origin) {
            link.tls = Some(Box::new(handshake(&link.fd, config, host, until, &self.stop)?));
        }
        Ok(Some(link))
    }
}

fn handshake(
    fd: &OwnedFd,
    config: &Arc<ClientConfig>,
    host: &str,
    until: Option<Instant>,
    stop: &Stop,
) -> Result<ClientConnection, Fault> {
    let name = ServerName::try_from(host.to_owned()).map_err(|error| Fault::Tls(error.to_string()))?;
    let mut tls = ClientConnection::new(Arc::clone(config), name).map_err(tls_fault)?;
    let mut wire = Wire { fd, until, limit: Limit::Connect, stop };
    while tls.is_handshaking() {
        tls.complete_io(&mut wire).map_err(|error| match fault_of(error) {
            Fault::Receive(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Fault::Tls("the server ended the handshake".to_owned())
            }
            fault => fault,
        })?;
    }
    Ok(tls)
}

fn tls_fault(error: rustls::Error) -> Fault {
    if let rustls::Error::Other(rustls::OtherError(inner)) = &error
        && let Some(other) = inner.downcast_ref::<OtherCertificate>()
    {
        return Fault::Pin { wanted: other.wanted, got: other.got };
    }
    match error {
        rustls::Error::InvalidMessage(_) => Fault::NotTls,
        error => Fault::Tls(error.to_string()),
    }
}

/// What an error of TLS above a [`Wire`] is.
fn fault_of(error: io::Error) -> Fault {
    match error.downcast::<Fault>() {
        Ok(fault) => fault,
        Err(error) => match error.downcast::<rustls::Error>() {
            Ok(error) => tls_fault(error),
            Err(error) => Fault::Receive(error),
        },
    }
}

/// A socket as TLS wants it: it blocks until the deadline.
struct Wire<'a> {
    fd: &'a OwnedFd,
    until: Option<Instant>,
    limit: Limit,
    stop: &'a Stop,
}

impl Read for Wire<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        sockets::read(self.fd, buf, self.until, self.limit, self.stop).map_err(io::Error::other)
    }
}

impl Write for Wire<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        sockets::write(self.fd, bytes, self.until, self.limit, self.stop).map_err(io::Error::other)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A connection.
pub(super) struct Link {
    fd: OwnedFd,
    tls: Option<Box<ClientConnection>>,
    buffers: LazyBuffers,
    stop: Stop,
}

impl fmt::Debug for Link {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Link").field("fd", &self.fd).finish_non_exhaustive()
    }
}

fn receive(
    fd: &OwnedFd,
    tls: Option<&mut ClientConnection>,
    buf: &mut [u8],
    until: Option<Instant>,
    limit: Limit,
    stop: &Stop,
) -> Result<usize, Fault> {
    let Some(tls) = tls else { return sockets::read(fd, buf, until, limit, stop) };
    let mut wire = Wire { fd, until, limit, stop };
    rustls::Stream::new(tls, &mut wire).read(buf).map_err(fault_of)
}

impl Link {
    /// What the server said before it stopped to listen: it may have said why.
    fn last_words(&mut self) -> Vec<u8> {
        let until = Instant::now().checked_add(LISTEN);
        let mut words = vec![0; LAST_WORDS];
        let mut len = 0;
        while len < words.len() {
            match receive(
                &self.fd,
                self.tls.as_deref_mut(),
                &mut words[len..],
                until,
                Limit::Read,
                &self.stop,
            ) {
                Ok(more) if more > 0 => len += more,
                _ => break,
            }
        }
        words.truncate(len);
        words
    }
}

impl Transport for Link {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        let (until, limit) = deadline(timeout.for_write(), Limit::Write);
        let out = self.buffers.output();
        let mut left = out.get(..amount).unwrap_or(out);
        let mut wire = Wire { fd: &self.fd, until, limit, stop: &self.stop };
        let sent = match self.tls.as_deref_mut() {
            None => loop {
                if left.is_empty() {
                    break Ok(());
                }
                match wire.write(left) {
                    Ok(len) => left = &left[len..],
                    Err(error) => break Err(error),
                }
            },
            Some(tls) => {
                let mut stream = rustls::Stream::new(tls, &mut wire);
                stream.write_all(left).and_then(|()| stream.flush())
            }
        };
        match sent.map_err(fault_of) {
            Err(Fault::Send { source, .. } | Fault::Receive(source)) => {
                let answer = self.last_words();
                Err(Fault::Send { source, answer }.into())
            }
            other => Ok(other?),
        }
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        let (until, limit) = deadline(timeout.for_read(), Limit::Read);
        let buf = self.buffers.input_append_buf();
        let len = receive(&self.fd, self.tls.as_deref_mut(), buf, until, limit, &self.stop)?;
        self.buffers.input_appended(len);
        Ok(len > 0)
    }

    fn is_open(&mut self) -> bool {
        // Under TLS a ticket for the next connection may have come, or the word that it ends. Nothing is lost where it
        // is opened anew.
        sockets::quiet(&self.fd)
    }

    fn is_tls(&self) -> bool {
        self.tls.is_some()
    }
}
