//! Where a Unix socket lies, and whether that can be trusted. Anybody may make a socket somewhere and wait for programs that connect;
//! so the directory and the socket are opened once, looked at, and used through what was opened.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Stat};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use super::{Dir, Item};
use crate::error::{Explain, Kind, Remedy};

/// The mode of a directory that is made for the socket.
const DIRECTORY_MODE: u32 = 0o755;
/// Connections that wait to be taken in.
const BACKLOG: i32 = 64;

/// Why there is no connection, or no socket that listens.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Nobody listens there.
    #[error("no server listens at {}", path.display())]
    NotThere {
        /// The socket.
        path: PathBuf,
    },
    /// It is somebody else's, or others can change it.
    #[error("{} can't be trusted: {why}", path.display())]
    Distrusted {
        /// The socket, or its directory.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A server listens there already.
    #[error("process {pid} listens at {} already", path.display())]
    Served {
        /// The socket.
        path: PathBuf,
        /// That server.
        pid: u32,
    },
    /// More connect than are taken in.
    #[error("too many connect to {} at once", path.display())]
    Busy {
        /// The socket.
        path: PathBuf,
    },
    /// The system says no.
    #[error("{}: {doing}", path.display())]
    System {
        /// The socket.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// What it says.
        source: io::Error,
    },
}

impl Explain for SocketError {
    fn kind(&self) -> Kind {
        match self {
            Self::NotThere { .. } => Kind::Unavailable,
            Self::Distrusted { .. } => Kind::Permission,
            Self::Served { .. } | Self::Busy { .. } => Kind::Busy,
            Self::System { source, .. } => Kind::of_io(source),
        }
    }

    fn hint(&self) -> Option<Remedy> {
        match self {
            Self::Distrusted { .. } => {
                Some("Its place is a directory that only its owner can write to.".into())
            }
            _ => None,
        }
    }
}

use SocketError as Error;

/// The process at the other end, as the kernel knows it (`SO_PEERCRED`, unix(7)): of a client when it connected, of a
/// server when it began to listen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// Its number; 0 where it is in another container.
    pub pid: u32,
    /// Its user.
    pub uid: u32,
}

impl Peer {
    /// The process at the other end of a connection.
    ///
    /// # Errors
    /// What the system says.
    pub fn of(fd: impl AsFd) -> io::Result<Self> {
        let mut found = libc::ucred { pid: 0, uid: 0, gid: 0 };
        let mut len = size_of::<libc::ucred>() as libc::socklen_t;
        // SAFETY: `found` has room for `len` bytes, and outlives the call. Any bytes make a ucred.
        let result = unsafe {
            libc::getsockopt(
                fd.as_fd().as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_PEERCRED,
                (&raw mut found).cast(),
                &raw mut len,
            )
        };
        if result != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(Self { pid: u32::try_from(found.pid).unwrap_or(0), uid: found.uid })
    }
}

/// A name in a directory that nobody else can change.
#[derive(Debug)]
pub struct SocketPlace {
    dir: Dir,
    owner: u32,
    name: OsString,
    path: PathBuf,
}

/// A socket that listens. Its name goes with it.
#[derive(Debug)]
pub struct Listener {
    fd: OwnedFd,
    place: SocketPlace,
    /// Device and inode of the socket.
    itself: (u64, u64),
}

/// Whether something belongs to root or to this user.
fn is_ours(uid: u32) -> bool {
    uid == 0 || uid == rustix::process::geteuid().as_raw()
}

/// Why a directory or a socket isn't trusted.
fn distrust(stat: &Stat, kind: FileType, forbidden: u32) -> Option<String> {
    let mode = stat.st_mode & 0o7777;
    if FileType::from_raw_mode(stat.st_mode) != kind {
        return Some(
            if kind == FileType::Socket { "it is no socket" } else { "it is no directory" }.to_owned(),
        );
    }
    if !is_ours(stat.st_uid) {
        return Some(format!("it belongs to user {}", stat.st_uid));
    }
    (mode & forbidden != 0).then(|| format!("others can write to it (mode {mode:04o})"))
}

impl SocketPlace {
    /// Opens the directory that the socket lies in. With `make` it is made where it isn't there.
    ///
    /// # Errors
    /// Where it isn't there, or belongs to somebody else, or others can write to it.
    pub fn open(path: &Path, make: bool) -> Result<Self, Error> {
        let system =
            |doing, errno: Errno| Error::System { path: path.to_owned(), doing, source: errno.into() };
        let name = path.file_name().ok_or_else(|| system("opening its directory", Errno::INVAL))?;
        let above = path.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let dir = match Dir::open_itself(above) {
            Err(Errno::NOENT) if make => {
                made(above).map_err(|errno| system("making its directory", errno))?
            }
            Err(Errno::NOENT) => return Err(Error::NotThere { path: path.to_owned() }),
            Err(Errno::LOOP | Errno::NOTDIR) => {
                return Err(Error::Distrusted {
                    path: above.to_owned(),
                    why: "it is no directory".to_owned(),
                });
            }
            other => other.map_err(|errno| system("opening its directory", errno))?,
        };
        let stat = rustix::fs::fstat(&dir).map_err(|errno| system("looking at its directory", errno))?;
        if let Some(why) = distrust(&stat, FileType::Directory, 0o022) {
            return Err(Error::Distrusted { path: above.to_owned(), why });
        }
        Ok(Self { dir, owner: stat.st_uid, name: name.to_owned(), path: path.to_owned() })
    }

    fn system(&self, doing: &'static str, source: impl Into<io::Error>) -> Error {
        Error::System { path: self.path.clone(), doing, source: source.into() }
    }

    /// Connects to the server there, without waiting.
    ///
    /// # Errors
    /// [`SocketError::NotThere`] where nobody listens; where the socket, or who listens, isn't trusted.
    pub fn connect(&self, kind: SocketType) -> Result<(OwnedFd, Peer), Error> {
        let not_there = || Error::NotThere { path: self.path.clone() };
        let place = match self.dir.place(&self.name) {
            Err(Errno::NOENT) => return Err(not_there()),
            other => other.map_err(|errno| self.system("opening it", errno))?,
        };
        let stat = rustix::fs::fstat(&place).map_err(|errno| self.system("looking at it", errno))?;
        if let Some(why) = distrust(&stat, FileType::Socket, 0o002) {
            return Err(Error::Distrusted { path: self.path.clone(), why });
        }
        let fd = socket(kind).map_err(|errno| self.system("making a socket", errno))?;
        // What was looked at is what is connected to.
        let itself = format!("/proc/self/fd/{}", place.as_raw_fd());
        let address = SocketAddrUnix::new(itself).map_err(|errno| self.system("connecting to it", errno))?;
        match rustix::net::connect(&fd, &address) {
            Ok(()) => {}
            Err(Errno::CONNREFUSED) => return Err(not_there()),
            Err(Errno::AGAIN) => return Err(Error::Busy { path: self.path.clone() }),
            Err(errno) => return Err(self.system("connecting to it", errno)),
        }
        let peer = Peer::of(&fd).map_err(|source| self.system("asking who listens", source))?;
        if !is_ours(peer.uid) && peer.uid != self.owner {
            let why = format!("user {} listens there", peer.uid);
            return Err(Error::Distrusted { path: self.path.clone(), why });
        }
        Ok((fd, peer))
    }

    /// Listens there, for root and `group` (for this user alone without one). The socket of a server that has died is
    /// replaced.
    ///
    /// # Errors
    /// [`SocketError::Served`] where a server listens already; where something else has the name.
    pub fn listen(self, kind: SocketType, group: Option<u32>) -> Result<Listener, Error> {
        match self.connect(kind) {
            Ok((_, peer)) => return Err(Error::Served { path: self.path, pid: peer.pid }),
            Err(Error::NotThere { .. }) => {}
            Err(error) => return Err(error),
        }
        // It is gone, or nobody listens there, and only root and this user can put something in its place.
        self.dir.unlink(&self.name).map_err(|errno| self.system("removing what was left behind", errno))?;
        let fd = socket(kind).map_err(|errno| self.system("making a socket", errno))?;
        let below =
            Path::new("/proc/self/fd").join(self.dir.as_fd().as_raw_fd().to_string()).join(&self.name);
        let bound = SocketAddrUnix::new(below).and_then(|address| rustix::net::bind(&fd, &address));
        bound.map_err(|errno| self.system("making it", errno))?;
        // Nobody can connect before it listens, and then its mode is right.
        let item = Item::Named(&self.dir, &self.name);
        let group = group.filter(|group| item.set_owner(rustix::process::geteuid().as_raw(), *group).is_ok());
        let mode = if group.is_some() { 0o660 } else { 0o600 };
        item.set_mode(mode).map_err(|errno| self.system("giving it its mode", errno))?;
        rustix::net::listen(&fd, BACKLOG).map_err(|errno| self.system("listening there", errno))?;
        let stat = self.dir.stat(&self.name).ok().flatten();
        let itself = stat.map_or((0, 0), |stat| (stat.st_dev, stat.st_ino));
        Ok(Listener { fd, place: self, itself })
    }
}

fn socket(kind: SocketType) -> Result<OwnedFd, Errno> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    rustix::net::socket_with(AddressFamily::UNIX, kind, flags, None)
}

/// Makes a directory in one that is there.
fn made(path: &Path) -> Result<Dir, Errno> {
    let name = path.file_name().ok_or(Errno::INVAL)?;
    let above = path.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Dir::open(above)?.make(name, DIRECTORY_MODE).map(|(dir, _)| dir)
}

impl Listener {
    /// Takes in who connects; `None` where nobody waits.
    ///
    /// # Errors
    /// What the system says, as where there is no descriptor left.
    pub fn accept(&self) -> io::Result<Option<(OwnedFd, Peer)>> {
        let fd = match rustix::net::accept_with(&self.fd, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK) {
            Ok(fd) => fd,
            Err(Errno::AGAIN | Errno::CONNABORTED | Errno::INTR) => return Ok(None),
            Err(errno) => return Err(errno.into()),
        };
        let peer = Peer::of(&fd)?;
        Ok(Some((fd, peer)))
    }

    /// Another descriptor of the same socket, for a loop that takes connections in by itself. This one still has to be
    /// kept: the name goes with it.
    ///
    /// # Errors
    /// What the system says.
    pub fn another(&self) -> io::Result<OwnedFd> {
        self.fd.try_clone()
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let SocketPlace { dir, name, .. } = &self.place;
        // Another server may have taken the name meanwhile.
        if let Ok(Some(stat)) = dir.stat(name)
            && (stat.st_dev, stat.st_ino) == self.itself
        {
            let _ = dir.unlink(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::os::unix::net::UnixListener;

    use super::*;

    fn private() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        std::fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o755)).unwrap();
        dir
    }

    fn listen(path: &Path) -> Result<Listener, Error> {
        SocketPlace::open(path, true)?.listen(SocketType::STREAM, None)
    }

    fn connect(path: &Path) -> Result<(OwnedFd, Peer), Error> {
        SocketPlace::open(path, false)?.connect(SocketType::STREAM)
    }

    #[test]
    fn one_listens_others_find_it_and_its_name_goes_with_it() {
        let dir = private();
        let path = dir.path().join("run/control.sock");
        assert!(matches!(connect(&path), Err(Error::NotThere { .. })));
        let listener = listen(&path).unwrap();
        let mode = |path: &Path| std::fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777;
        assert_eq!((mode(path.parent().unwrap()), mode(&path)), (0o755, 0o600));
        assert!(listener.accept().unwrap().is_none());
        let (_link, peer) = connect(&path).unwrap();
        assert_eq!(peer.pid, std::process::id());
        let (_, client) = listener.accept().unwrap().unwrap();
        assert_eq!(client, peer);
        // A second server leaves the first alone.
        assert!(matches!(listen(&path), Err(Error::Served { pid, .. }) if pid == std::process::id()));
        assert!(connect(&path).is_ok());
        drop(listener);
        assert!(!path.exists());
    }

    #[test]
    fn what_a_dead_server_left_is_replaced_and_what_is_no_socket_is_not() {
        let dir = private();
        let path = dir.path().join("control.sock");
        drop(UnixListener::bind(&path).unwrap());
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        assert!(matches!(connect(&path), Err(Error::NotThere { .. })));
        let first = listen(&path).unwrap();
        // Another socket in its place isn't removed with it.
        std::fs::remove_file(&path).unwrap();
        let second = listen(&path).unwrap();
        drop(first);
        assert!(path.exists() && connect(&path).is_ok());
        drop(second);
        std::fs::write(&path, "mine").unwrap();
        assert!(matches!(listen(&path), Err(Error::Distrusted { .. })));
        assert_eq!(std::fs::read(&path).unwrap(), b"mine");
    }

    #[test]
    fn a_place_that_others_can_change_is_refused_on_both_sides() {
        let dir = private();
        let place = dir.path().join("place");
        let path = place.join("control.sock");
        std::fs::create_dir(&place).unwrap();
        let why = |result: Result<(), Error>| match result {
            Err(Error::Distrusted { why, .. }) => why,
            other => format!("{other:?}"),
        };
        for mode in [0o777, 0o1777, 0o775, 0o757] {
            std::fs::set_permissions(&place, PermissionsExt::from_mode(mode)).unwrap();
            assert!(why(listen(&path).map(drop)).contains("others can write"), "{mode:o}");
            assert!(why(connect(&path).map(drop)).contains("others can write"), "{mode:o}");
        }
        std::fs::set_permissions(&place, PermissionsExt::from_mode(0o755)).unwrap();
        let listener = listen(&path).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o666)).unwrap();
        assert!(why(connect(&path).map(drop)).contains("others can write"));
        drop(listener);
        // A link in the directory's place, and one in the socket's.
        let link = dir.path().join("link");
        symlink(&place, &link).unwrap();
        assert_eq!(why(listen(&link.join("control.sock")).map(drop)), "it is no directory");
        let _elsewhere = UnixListener::bind(place.join("elsewhere")).unwrap();
        symlink(place.join("elsewhere"), &path).unwrap();
        assert_eq!(why(connect(&path).map(drop)), "it is no socket");
    }

    #[test]
    fn what_belongs_to_somebody_else_is_refused() {
        if !rustix::process::geteuid().is_root() {
            // Only root can make such a thing; tests/attacks/control.rs needs root, and says so.
            return;
        }
        let dir = private();
        let place = dir.path().join("place");
        std::fs::create_dir(&place).unwrap();
        let path = place.join("control.sock");
        std::os::unix::fs::chown(&place, Some(1234), None).unwrap();
        for result in [listen(&path).map(drop), connect(&path).map(drop)] {
            assert!(matches!(result, Err(Error::Distrusted { why, .. }) if why.contains("user 1234")));
        }
        std::os::unix::fs::chown(&place, Some(0), None).unwrap();
        let _listener = listen(&path).unwrap();
        std::os::unix::fs::chown(&path, Some(1234), None).unwrap();
        assert!(matches!(connect(&path), Err(Error::Distrusted { why, .. }) if why.contains("user 1234")));
    }
}
