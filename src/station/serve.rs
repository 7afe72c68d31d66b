//! The station as a process: its sockets, how it begins and how it ends.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use axum_server::{Control, Handle};
use rustix::net::SocketType;
use rustix::process::{Resource, Rlimit};
use tokio::task::JoinSet;

use super::web::{Guard, TlsOnly};
use super::{Options, Station, cert};
use crate::beneath::{Listener, SocketError, SocketPlace};
use crate::error::{Explain, Kind, Remedy, remedy};
use crate::netboot::serve::service::Notify;
use crate::stop::Stop;

/// How long requests in flight may take to end.
const GRACE: Duration = Duration::from_secs(10);
/// How long a request's headers may take, and how long a connection may rest before them.
const HEADERS: Duration = Duration::from_secs(30);
/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Bytes that a connection has in memory for headers.
const BUFFER: usize = 64 << 10;

/// Where a station is to be found.
#[derive(Debug, Clone)]
pub struct Sockets {
    /// Addresses.
    pub listen: Vec<SocketAddr>,
    /// The Unix socket.
    pub socket: Option<PathBuf>,
    /// The group that may open it, beside root and this user.
    pub group: Option<u32>,
    /// Certificate and key, PEM.
    pub tls: Option<(PathBuf, PathBuf)>,
}

/// Why a station doesn't serve.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An address is taken, or isn't this host's.
    #[error("listening at {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The Unix socket can't be had.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// Certificate or key can't be used.
    #[error("the certificate {} with the key {} can't be used", cert.display(), key.display())]
    Tls {
        /// The certificate.
        cert: PathBuf,
        /// The key.
        key: PathBuf,
        /// What is wrong.
        source: io::Error,
    },
    /// Everybody on this host can read the key.
    #[error("{} can't be trusted: everybody on this host can read it", key.display())]
    OpenKey {
        /// The key.
        key: PathBuf,
    },
    /// Only one of the two is named.
    #[error("a certificate needs its key, and a key its certificate")]
    HalfTls,
    /// There is nothing to listen at.
    #[error("the station has neither an address nor a socket to listen at")]
    Nowhere,
    /// The system says no.
    #[error("{doing}")]
    System {
        /// What was being done.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// Its state can't be used.
    #[error(transparent)]
    Open(#[from] super::OpenError),
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Listen { source, .. } | Self::System { source, .. } => Kind::of_io(source),
            Self::Socket(error) => error.kind(),
            Self::Tls { .. } | Self::HalfTls | Self::Nowhere => Kind::Config,
            Self::OpenKey { .. } => Kind::Permission,
            Self::Open(error) => error.kind(),
        }
    }

    fn hint(&self) -> Option<Remedy> {
        match self {
            Self::Listen { source, .. } if source.kind() == io::ErrorKind::AddrInUse => {
                Some(remedy!("another program listens there: name another address in `station.listen`"))
            }
            Self::OpenKey { key } => {
                Some(remedy![crate::error::Action::host("chmod o-r").arg(key.display())])
            }
            Self::Tls { source, .. } => Some(match source.kind() {
                io::ErrorKind::NotFound => {
                    remedy!("make a certificate for the station, or take `station.tls-cert` and `station.tls-key` out")
                }
                io::ErrorKind::PermissionDenied => {
                    "Both files have to be readable for the user that the station runs as, and the key for nobody else.".into()
                }
                _ => "Both have to be PEM files that belong together: make another certificate for the station.".into(),
            }),
            Self::Socket(error) => error.hint(),
            Self::Nowhere => Some(remedy!("name one in `station.listen` or `station.socket`")),
            Self::Open(error) => error.hint(),
            _ => None,
        }
    }
}

/// What is told of a station.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// It serves.
    Serving {
        /// Its addresses, as URLs.
        urls: Vec<String>,
        /// Its Unix socket.
        #[serde(skip_serializing_if = "Option::is_none")]
        socket: Option<PathBuf>,
        /// Its public key, 64 hexadecimal digits.
        key: String,
        /// sha256 of its certificate, 64 hexadecimal digits, where it speaks HTTPS.
        #[serde(skip_serializing_if = "Option::is_none")]
        cert: Option<String>,
        /// A page that makes the first user, once, within a day; where there is none yet.
        #[serde(skip_serializing_if = "Option::is_none")]
        welcome: Option<String>,
    },
}

/// Serves until `stop` is set. Sockets that were opened before are in `handed`; they stand in for those of `sockets`
/// of their kind.
///
/// # Errors
/// See [`Error`].
pub fn serve(
    options: Options,
    sockets: &Sockets,
    handed: Vec<OwnedFd>,
    tell: &dyn Fn(Event),
    stop: &Stop,
) -> Result<(), Error> {
    let system = |doing| move |source| Error::System { doing, source };
    more_descriptors();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("station").build();
    let runtime = runtime.map_err(system("starting"))?;
    let result = runtime.block_on(async {
        let tls = tls(sockets, &options.state).await?;
        let mut names = super::web::of_this_host();
        names.extend(tls.iter().flat_map(|tls| tls.names.iter().cloned()));
        let station = Station::open(options, names).await?;
        if let Some(tls) = &tls {
            station.care.serves(&tls.cert);
        }
        let open = Open::all(sockets, handed)?;
        station.tls.store(tls.is_some(), std::sync::atomic::Ordering::Relaxed);
        if let Some(home) = open.home(if tls.is_some() { "https" } else { "http" }) {
            let _ = station.home.set(home);
        }
        let invitation = station.first_user().await.map_err(super::OpenError::Store)?;
        let serving = open.event(&station, tls.as_ref(), invitation.as_deref());
        let ended = tokio::spawn(stopped(stop.clone()));
        run(Arc::clone(&station), open, tls.map(|tls| tls.config), || tell(serving), async {
            let _ = ended.await;
        })
        .await
    });
    runtime.shutdown_timeout(GRACE);
    result
}

/// Each connection has a descriptor.
fn more_descriptors() {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    // Without it there are fewer connections.
    let _ = rustix::process::setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

/// Ends when the flag is set.
async fn stopped(stop: Stop) {
    let wait = move || while !stop.wait(Duration::from_secs(3600)) {};
    let _ = tokio::task::spawn_blocking(wait).await;
}

/// Whether a socket is a Unix socket.
#[must_use]
pub fn is_unix(socket: &OwnedFd) -> bool {
    rustix::net::sockopt::socket_domain(socket) == Ok(rustix::net::AddressFamily::UNIX)
}

/// Sockets that listen.
struct Open {
    tcp: Vec<TcpListener>,
    unix: Vec<UnixListener>,
    /// Its name goes with it.
    place: Option<(Listener, PathBuf)>,
}

impl Open {
    fn all(sockets: &Sockets, handed: Vec<OwnedFd>) -> Result<Self, Error> {
        let mut open = Self { tcp: Vec::new(), unix: Vec::new(), place: None };
        for fd in handed {
            if is_unix(&fd) { open.unix.push(fd.into()) } else { open.tcp.push(fd.into()) }
        }
        if open.tcp.is_empty() {
            for address in &sockets.listen {
                let listener = TcpListener::bind(address);
                open.tcp.push(listener.map_err(|source| Error::Listen { address: *address, source })?);
            }
        }
        if let Some(path) = sockets.socket.as_ref().filter(|_| open.unix.is_empty()) {
            let listener = SocketPlace::open(path, true)?.listen(SocketType::STREAM, sockets.group)?;
            let another =
                listener.another().map_err(|source| Error::System { doing: "listening", source })?;
            open.unix.push(another.into());
            open.place = Some((listener, path.clone()));
        }
        if open.tcp.is_empty() && open.unix.is_empty() {
            return Err(Error::Nowhere);
        }
        Ok(open)
    }

    fn event(&self, station: &Station, tls: Option<&Tls>, invitation: Option<&str>) -> Event {
        let scheme = if tls.is_some() { "https" } else { "http" };
        let urls = self.tcp.iter().filter_map(|listener| listener.local_addr().ok());
        let named = self.unix.first().and_then(|unix| unix.local_addr().ok());
        let named = named.and_then(|address| address.as_pathname().map(Path::to_owned));
        Event::Serving {
            urls: urls.map(|address| format!("{scheme}://{address}")).collect(),
            socket: self.place.as_ref().map(|(_, path)| path.clone()).or(named),
            key: station.key().public(),
            cert: tls.map(|tls| tls.sha256.clone()),
            welcome: invitation.and_then(|secret| Some(format!("{}/welcome/{secret}", self.home(scheme)?))),
        }
    }

    /// Where browsers find it.
    fn home(&self, scheme: &str) -> Option<String> {
        let at = self.tcp.first()?.local_addr().ok()?;
        // Everywhere isn't an address that a browser can go to.
        let host = match at.ip().is_unspecified() {
            true => rustix::system::uname().nodename().to_string_lossy().into_owned(),
            false if at.is_ipv6() => format!("[{}]", at.ip()),
            false => at.ip().to_string(),
        };
        Some(format!("{scheme}://{host}:{}", at.port()))
    }
}

struct Tls {
    config: RustlsConfig,
    sha256: String,
    names: Vec<String>,
    cert: Vec<u8>,
}

/// The certificate that is named, or the one that was made for this station.
async fn tls(sockets: &Sockets, state: &Path) -> Result<Option<Tls>, Error> {
    let (cert, key) = match &sockets.tls {
        Some((cert, key)) => (cert.clone(), key.clone()),
        None if state.join(cert::CERT).exists() => (state.join(cert::CERT), state.join(cert::KEY)),
        None => return Ok(None),
    };
    let wrong = |source| Error::Tls { cert: cert.clone(), key: key.clone(), source };
    let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&key).map_err(wrong)?);
    if mode & 0o004 != 0 {
        return Err(Error::OpenKey { key });
    }
    // Each process has one way to compute; there may be others that have said so before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let read = |path: PathBuf| async move { tokio::fs::read(path).await };
    let (cert_pem, key_pem) =
        (read(cert.clone()).await.map_err(wrong)?, read(key.clone()).await.map_err(wrong)?);
    let wrong = |source| Error::Tls { cert: cert.clone(), key: key.clone(), source };
    let sha256 = cert::digest(&cert_pem).ok_or_else(|| wrong(io::ErrorKind::InvalidData.into()))?;
    let names = cert::names(&cert_pem);
    let config = RustlsConfig::from_pem(cert_pem.clone(), key_pem).await.map_err(wrong)?;
    Ok(Some(Tls { config, sha256, names, cert: cert_pem }))
}

async fn run(
    station: Arc<Station>,
    open: Open,
    tls: Option<RustlsConfig>,
    serving: impl FnOnce(),
    ended: impl Future<Output = ()>,
) -> Result<(), Error> {
    let control = Control::new();
    let router = super::routes(Arc::clone(&station));
    let guard = station.guard().clone();
    let mut servers = JoinSet::new();
    for listener in open.tcp {
        let (control, router, guard, tls) = (control.clone(), router.clone(), guard.clone(), tls.clone());
        servers.spawn(tcp(listener, tls, control, router, guard));
    }
    for listener in open.unix {
        let (control, router, guard) = (control.clone(), router.clone(), guard.clone());
        servers.spawn(unix(listener, control, router, guard));
    }
    let mut background = station.background();
    let notify = Notify::from_env();
    notify.ready("serving");
    serving();
    let mut alive = tokio::time::interval(notify.interval().unwrap_or(Duration::from_secs(3600)));
    tokio::pin!(ended);
    let result = loop {
        tokio::select! {
            () = &mut ended => break Ok(()),
            Some(over) = servers.join_next() => {
                let over = over.unwrap_or_else(|error| Err(io::Error::other(error)));
                break over.map_err(|source| Error::System { doing: "taking connections in", source });
            }
            // A station whose database doesn't answer is no use: the manager starts it anew.
            _ = alive.tick() => if station.answers().await {
                notify.alive();
            },
        }
    };
    notify.stopping();
    // First what would never end by itself; then what is in flight has its time.
    station.end();
    control.graceful_shutdown(Some(GRACE));
    while servers.join_next().await.is_some() {}
    background.shutdown().await;
    station.close().await;
    result
}

async fn tcp(
    listener: TcpListener,
    tls: Option<RustlsConfig>,
    control: Control,
    router: Router,
    guard: Guard,
) -> io::Result<()> {
    let mut server =
        axum_server::from_tcp(listener)?.handle(Handle::with_control(control)).first_request_timeout(HEADERS);
    bounds(&mut server);
    let service = router.into_make_service();
    match tls {
        // HTTP/2 without TLS is spoken by no browser and no board; one protocol less is one less to get wrong.
        None => server.http1_only().acceptor(guard).serve(service).await,
        Some(tls) => {
            let acceptor = RustlsAcceptor::new(tls).handshake_timeout(HANDSHAKE).acceptor(TlsOnly(guard));
            server.acceptor(acceptor).serve(service).await
        }
    }
}

async fn unix(listener: UnixListener, control: Control, router: Router, guard: Guard) -> io::Result<()> {
    let mut server = axum_server::from_unix(listener)?
        .handle(Handle::with_control(control))
        .first_request_timeout(HEADERS);
    bounds(&mut server);
    server.http1_only().acceptor(guard).serve(router.into_make_service()).await
}

fn bounds<A: axum_server::Address>(server: &mut axum_server::Server<A>) {
    let builder = server.http_builder();
    builder.http1().header_read_timeout(Some(HEADERS)).max_buf_size(BUFFER);
    builder.http2().max_concurrent_streams(Some(16)).max_header_list_size(16 << 10);
    builder.http2().keep_alive_interval(Some(Duration::from_secs(30)));
}
