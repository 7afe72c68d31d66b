//! What systemd and a service say to each other: readiness and status (sd_notify(3)), the watchdog
//! (sd_watchdog_enabled(3)), and sockets that were opened before (sd_listen_fds(3)).

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use sd_notify::NotifyState;

/// How long a manager is waited for that has much to read.
const PATIENCE: Duration = Duration::from_millis(300);

/// What the service manager is told. Without a service manager nothing is told.
#[derive(Debug)]
pub struct Notify {
    watchdog: Option<Duration>,
    /// The manager's socket, as the environment names it.
    socket: Option<OsString>,
}

impl Notify {
    /// Looks at the environment.
    #[must_use]
    pub fn from_env() -> Self {
        let socket = std::env::var_os("NOTIFY_SOCKET");
        let watchdog = sd_notify::watchdog_enabled().filter(|time| socket.is_some() && !time.is_zero());
        Self { watchdog, socket }
    }

    /// How often [`Notify::alive`] is to be called: twice as often as the manager wants it.
    #[must_use]
    pub fn interval(&self) -> Option<Duration> {
        self.watchdog.map(|time| time / 2)
    }

    /// It is ready.
    pub fn ready(&self, status: &str) {
        self.send(&[NotifyState::Ready, NotifyState::Status(&one_line(status))]);
    }

    /// What it does right now.
    pub fn status(&self, status: &str) {
        self.send(&[NotifyState::Status(&one_line(status))]);
    }

    /// It is alive.
    pub fn alive(&self) {
        self.send(&[NotifyState::Watchdog]);
    }

    /// It ends.
    pub fn stopping(&self) {
        self.send(&[NotifyState::Stopping]);
    }

    /// The manager may be gone, or not read; nothing depends on it, and nothing waits for it for long.
    fn send(&self, states: &[NotifyState<'_>]) {
        if let Some(socket) = &self.socket {
            let text: String = states.iter().map(|state| format!("{state}\n")).collect();
            let _ = send(socket, text.as_bytes());
        }
    }
}

/// Tells the manager something. The crate would wait for ever where nobody reads, and takes an abstract name, which
/// begins with `@` (sd_notify(3)), for a path.
fn send(socket: &OsStr, text: &[u8]) -> io::Result<()> {
    let address = match socket.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(socket)?,
    };
    let datagram = UnixDatagram::unbound()?;
    datagram.set_write_timeout(Some(PATIENCE))?;
    datagram.send_to_addr(text, &address).map(drop)
}

/// A second line would be another message.
fn one_line(text: &str) -> String {
    crate::format::shown(text).into_owned()
}

/// Sockets that the service manager has opened, each with its name. May be called once: it takes them over.
///
/// # Errors
/// When the environment tells of sockets for this process that are not open, or that make no sense.
pub fn sockets() -> io::Result<Vec<(String, OwnedFd)>> {
    let handed = sd_notify::listen_fds_with_names()?.map(|(fd, name)| {
        // SAFETY: it is open, and the manager gave it to this process, in which nobody else uses it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        (meant(name, &fd), fd)
    });
    Ok(handed.collect())
}

/// What a socket is for: by its name, or by its port where it has no known name.
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    /// Set in the process that plays the service; a test can't change its own environment.
    const SERVICE: &str = "PIPROV_TEST_SERVICE";

    /// This test again, in a process with this environment.
    fn service(name: &str, script: &str) -> Command {
        let mut command = Command::new("sh");
        let run = format!("{script} exec \"$0\" --exact netboot::serve::service::tests::{name} --nocapture");
        command.args(["-c", &run]).arg(std::env::current_exe().unwrap()).env(SERVICE, "1");
        command
    }

    #[test]
    fn the_manager_is_told() {
        if std::env::var_os(SERVICE).is_some() {
            let notify = Notify::from_env();
            assert_eq!(notify.interval(), Some(Duration::from_secs(15)));
            notify.ready("serving\non eth0");
            notify.alive();
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        // A name that no other process has: this one's.
        let name = format!("piprov-test-notify-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        for (manager, socket) in [
            (UnixDatagram::bind(&path).unwrap(), path.into_os_string()),
            (UnixDatagram::bind_addr(&address).unwrap(), format!("@{name}").into()),
        ] {
            let mut command = service("the_manager_is_told", "WATCHDOG_PID=$$");
            command.env("NOTIFY_SOCKET", &socket).env("WATCHDOG_USEC", "30000000");
            let output = command.output().unwrap();
            assert!(output.status.success(), "{output:?}");
            manager.set_nonblocking(true).unwrap();
            let mut buf = [0; 200];
            let mut next = || {
                let len = manager.recv(&mut buf).unwrap();
                String::from_utf8_lossy(&buf[..len]).into_owned()
            };
            assert_eq!(next(), "READY=1\nSTATUS=serving\\x0aon eth0\n", "{}", socket.display());
            assert_eq!(next(), "WATCHDOG=1\n");
        }
    }

    #[test]
    fn a_manager_that_reads_nothing_keeps_nobody_from_going_on() {
        if std::env::var_os(SERVICE).is_some() {
            let notify = Notify::from_env();
            // More than a socket holds: net.unix.max_dgram_qlen is 10, or 512 under systemd.
            let most = std::fs::read_to_string("/proc/sys/net/unix/max_dgram_qlen").unwrap();
            (0..most.trim().parse::<u32>().unwrap() + 3).for_each(|_| notify.alive());
            notify.stopping();
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let _manager = UnixDatagram::bind(&path).unwrap();
        let mut command = service("a_manager_that_reads_nothing_keeps_nobody_from_going_on", "");
        let mut child = command.env("NOTIFY_SOCKET", &path).spawn().unwrap();
        let end = std::time::Instant::now() + Duration::from_secs(60);
        while child.try_wait().unwrap().is_none_or(|status| !status.success()) {
            if std::time::Instant::now() > end {
                child.kill().unwrap();
                panic!("it waits for a manager that reads nothing");
            }
            std::thread::park_timeout(Duration::from_millis(50));
        }
    }

    #[test]
    fn nobody_is_told_where_there_is_no_manager() {
        if std::env::var_os(SERVICE).is_some() {
            let notify = Notify::from_env();
            notify.ready("x");
            assert_eq!(notify.interval(), None);
            return;
        }
        let mut command = service("nobody_is_told_where_there_is_no_manager", "");
        let output = command.env_remove("NOTIFY_SOCKET").env("WATCHDOG_USEC", "30000000").output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }

    #[test]
    fn sockets_are_taken_only_when_they_are_meant_for_us() {
        let here = "sockets_are_taken_only_when_they_are_meant_for_us";
        if let Ok(want) = std::env::var(SERVICE) {
            let names =
                sockets().map(|all| all.into_iter().map(|(name, _)| name).collect::<Vec<_>>().join(" "));
            assert_eq!(names.unwrap_or_else(|_| "refused".to_owned()), want);
            return;
        }
        let open = "exec 3</dev/null 4</dev/null;";
        for (script, want) in [
            ("LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=dhcp:other", "dhcp other"),
            ("LISTEN_PID=$$ LISTEN_FDS=1", "unknown"),
            ("LISTEN_PID=1 LISTEN_FDS=2", ""),
            ("LISTEN_PID=$$ LISTEN_FDS=0", ""),
            ("LISTEN_PID=$$", ""),
            ("", ""),
            ("LISTEN_PID=$$ LISTEN_FDS=x", "refused"),
            ("LISTEN_PID=$$ LISTEN_FDS=9999999", "refused"),
            ("LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=dhcp", "refused"),
        ] {
            let output = service(here, &format!("{open} {script}")).env(SERVICE, want).output().unwrap();
            assert!(output.status.success(), "{script}: {output:?}");
        }
    }
}
