//! What systemd and a service say to each other: readiness and status (sd_notify(3)), the watchdog
//! (sd_watchdog_enabled(3)), and sockets that were opened before (sd_listen_fds(3)).

use std::ffi::OsString;
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// Where the service manager listens; nothing where there is none.
#[derive(Debug)]
pub struct Notify {
    to: Option<(UnixDatagram, SocketAddr)>,
    watchdog: Option<Duration>,
}

impl Notify {
    /// Looks at the environment.
    #[must_use]
    pub fn from_env() -> Self {
        Self::new(&|name| std::env::var_os(name), std::process::id())
    }

    fn new(env: &dyn Fn(&str) -> Option<OsString>, pid: u32) -> Self {
        let number = |name: &str| env(name)?.to_str()?.parse::<u64>().ok();
        let mine = number("WATCHDOG_PID").is_none_or(|wanted| wanted == u64::from(pid));
        let watchdog = number("WATCHDOG_USEC").filter(|time| mine && *time > 0).map(Duration::from_micros);
        let to = env("NOTIFY_SOCKET").and_then(|path| {
            let address = match path.as_bytes() {
                [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
                _ => SocketAddr::from_pathname(&path),
            };
            Some((UnixDatagram::unbound().ok()?, address.ok()?))
        });
        Self { to, watchdog }
    }

    /// How often [`Notify::alive`] is to be called: twice as often as the manager wants it.
    #[must_use]
    pub fn interval(&self) -> Option<Duration> {
        self.watchdog.filter(|_| self.to.is_some()).map(|time| time / 2)
    }

    /// It is ready.
    pub fn ready(&self, status: &str) {
        self.send(&format!("READY=1\nSTATUS={}", one_line(status)));
    }

    /// What it does right now.
    pub fn status(&self, status: &str) {
        self.send(&format!("STATUS={}", one_line(status)));
    }

    /// It is alive.
    pub fn alive(&self) {
        self.send("WATCHDOG=1");
    }

    /// It ends.
    pub fn stopping(&self) {
        self.send("STOPPING=1");
    }

    fn send(&self, text: &str) {
        if let Some((socket, address)) = &self.to {
            // The manager may be gone; nothing depends on it.
            let _ = socket.send_to_addr(text.as_bytes(), address);
        }
    }
}

fn one_line(text: &str) -> String {
    crate::format::shown(text).into_owned()
}

/// Sockets that the service manager has opened, each with its name. May be called once: it takes them over.
#[must_use]
pub fn sockets() -> Vec<(String, OwnedFd)> {
    let env = |name: &str| std::env::var(name).ok();
    handed(&env, std::process::id())
        .into_iter()
        .filter_map(|(name, fd)| {
            // Only what is open: the environment may be wrong.
            // SAFETY: the descriptor is only looked at.
            let open = unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) } == 0;
            // SAFETY: the manager gave this descriptor to this process, which nobody else in it uses.
            open.then(|| (name, unsafe { OwnedFd::from_raw_fd(fd) }))
        })
        .map(|(name, fd)| (meant(name, &fd), fd))
        .collect()
}

/// What a socket is for: by its name, or by its port where nobody gave it one that is known.
fn meant(name: String, fd: &OwnedFd) -> String {
    let address =
        rustix::net::getsockname(fd).ok().and_then(|address| std::net::SocketAddr::try_from(address).ok());
    match (name.as_str(), address.map(|address| address.port())) {
        ("dhcp" | "pxe" | "tftp", _) => name,
        (_, Some(67)) => "dhcp".to_owned(),
        (_, Some(4011)) => "pxe".to_owned(),
        (_, Some(69)) => "tftp".to_owned(),
        _ => name,
    }
}

/// The names and numbers of the sockets; none where they are meant for another process.
fn handed(env: &dyn Fn(&str) -> Option<String>, pid: u32) -> Vec<(String, i32)> {
    /// More than any unit has.
    const MOST: i32 = 64;
    let number = |name: &str| env(name)?.parse::<i32>().ok();
    let mine = env("LISTEN_PID").and_then(|text| text.parse::<u32>().ok()) == Some(pid);
    let count = number("LISTEN_FDS").filter(|count| mine && (1..=MOST).contains(count)).unwrap_or(0);
    let names = env("LISTEN_FDNAMES").unwrap_or_default();
    let mut names = names.split(':');
    (0..count)
        .map(|n| (names.next().filter(|name| !name.is_empty()).unwrap_or("unknown").to_owned(), 3 + n))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manager_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        let env = |name: &str| match name {
            "NOTIFY_SOCKET" => Some(path.clone().into_os_string()),
            "WATCHDOG_USEC" => Some("30000000".into()),
            "WATCHDOG_PID" => Some("7".into()),
            _ => None,
        };
        let notify = Notify::new(&env, 7);
        assert_eq!(notify.interval(), Some(Duration::from_secs(15)));
        assert_eq!(Notify::new(&env, 8).interval(), None);
        notify.ready("serving\non eth0");
        notify.alive();
        let mut buf = [0; 200];
        let mut next = || {
            let len = manager.recv(&mut buf).unwrap();
            String::from_utf8_lossy(&buf[..len]).into_owned()
        };
        assert_eq!(next(), "READY=1\nSTATUS=serving\\x0aon eth0");
        assert_eq!(next(), "WATCHDOG=1");
        let nobody = Notify::new(&|_| None, 7);
        nobody.ready("x");
        assert_eq!(nobody.interval(), None);
    }

    #[test]
    fn sockets_are_taken_only_when_they_are_meant_for_us() {
        let env = |pid: &'static str, fds: &'static str, names: Option<&'static str>| {
            move |name: &str| match name {
                "LISTEN_PID" => Some(pid.to_owned()),
                "LISTEN_FDS" => Some(fds.to_owned()),
                "LISTEN_FDNAMES" => names.map(str::to_owned),
                _ => None,
            }
        };
        let want = vec![("dhcp".to_owned(), 3), ("tftp".to_owned(), 4)];
        assert_eq!(handed(&env("7", "2", Some("dhcp:tftp")), 7), want);
        assert_eq!(handed(&env("8", "2", Some("dhcp:tftp")), 7), []);
        assert_eq!(handed(&env("7", "1", None), 7), [("unknown".to_owned(), 3)]);
        for bad in ["0", "-1", "x", "9999999"] {
            assert_eq!(handed(&env("7", bad, None), 7), [], "{bad}");
        }
        assert_eq!(handed(&|_| None, 7), []);
    }
}
