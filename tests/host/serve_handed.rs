//! `piprov serve` under a service manager: sockets that were opened before, readiness, the watchdog, and its end.

use std::io::Write;
use std::net::TcpListener;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::common;
use crate::postgres::Postgres;
use crate::station::{answer, request};

/// Waits for something that the manager is told.
fn told(manager: &UnixDatagram, what: &str) {
    let mut buf = [0; 400];
    loop {
        let len = manager.recv(&mut buf).unwrap_or_else(|error| panic!("{what}: {error}"));
        if String::from_utf8_lossy(&buf[..len]).lines().any(|line| line == what) {
            return;
        }
    }
}

#[test]
fn a_station_whose_database_is_gone_is_not_told_to_be_alive() {
    let dir = tempfile::tempdir().unwrap();
    let server = Postgres::get();
    let url = server.database();
    let name = url.split(['/', '?']).find(|part| part.starts_with('d')).unwrap();
    let notify = dir.path().join("notify");
    let manager = UnixDatagram::bind(&notify).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_piprov"));
    common::clean(&mut command);
    command.args(["serve", "--json", "--listen", "127.0.0.1:0", "--socket"]).arg(dir.path().join("s.sock"));
    command.arg("--state").arg(dir.path().join("station")).env("PIPROV_STATE_DIR", dir.path());
    command.env("PIPROV_STATION_STORE", &url).env("NOTIFY_SOCKET", &notify).env("WATCHDOG_USEC", "1000000");
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    told(&manager, "READY=1");
    told(&manager, "WATCHDOG=1");
    // Nobody gets in any more, and whoever is in goes.
    server.sql("postgres", &format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false"));
    let all =
        format!("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = '{name}'");
    server.sql("postgres", &all);
    // It is told each half second; what was on its way comes first.
    manager.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
    let mut buf = [0; 400];
    let heard = (0..10).take_while(|_| manager.recv(&mut buf).is_ok()).count();
    assert!(heard < 10, "a dead database, and the manager is told that all is well");
    // It is back: the same station goes on.
    server.sql("postgres", &format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true"));
    manager.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    told(&manager, "WATCHDOG=1");
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert!(matches!(child.wait().unwrap().code(), Some(0 | 130)));
}

#[test]
fn sockets_of_the_manager_are_served_and_it_hears_that_the_station_is_ready_lives_and_ends() {
    let dir = tempfile::tempdir().unwrap();
    let (socket, notify) = (dir.path().join("station.sock"), dir.path().join("notify"));
    let manager = UnixDatagram::bind(&notify).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let (tcp, unix) = (TcpListener::bind("127.0.0.1:0").unwrap(), UnixListener::bind(&socket).unwrap());
    for fd in [tcp.as_fd(), unix.as_fd()] {
        rustix::io::fcntl_setfd(fd, rustix::io::FdFlags::empty()).unwrap();
    }
    // A program that comes before the station is there waits for it.
    let mut early = UnixStream::connect(&socket).unwrap();
    early.write_all(&request("GET", "/api/v1/station", None, None, &[])).unwrap();
    let script = format!(
        "export LISTEN_PID=$$ LISTEN_FDS=2 WATCHDOG_PID=$$; exec \"$0\" \"$@\" 3<&{} 4<&{}",
        tcp.as_raw_fd(),
        unix.as_raw_fd()
    );
    let mut command = Command::new("bash");
    common::clean(&mut command);
    command.args(["-c", &script, env!("CARGO_BIN_EXE_piprov"), "serve", "--json", "--state"]);
    command.arg(dir.path().join("station"));
    // These are not used: the manager's stand in for them.
    command.args(["--listen", "127.0.0.1:1", "--socket", "/nowhere/station.sock"]);
    command.env("PIPROV_STATE_DIR", dir.path()).env("PIPROV_STATION_NAMES", "station");
    command.env("NOTIFY_SOCKET", &notify).env("WATCHDOG_USEC", "1000000");
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    told(&manager, "READY=1");
    told(&manager, "WATCHDOG=1");
    told(&manager, "WATCHDOG=1");
    let status = answer(&mut early).ok();
    assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
    let mut network = std::net::TcpStream::connect(tcp.local_addr().unwrap()).unwrap();
    network.write_all(&request("GET", "/healthz", None, None, &[])).unwrap();
    assert_eq!(answer(&mut network).status, 200);
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    told(&manager, "STOPPING=1");
    let status = child.wait().unwrap();
    assert!(matches!(status.code(), Some(0 | 130)), "{status}");
    assert!(socket.exists(), "the name is the manager's");
}

/// Another process that writes to the station's database keeps it from writing. A start anew would change nothing of
/// that: so the manager hears that the station lives, and whoever asks hears that it isn't well.
#[test]
fn a_database_that_somebody_else_holds_is_told_and_the_station_is_not_started_anew_for_it() {
    use std::io::{BufRead, BufReader};
    let dir = tempfile::tempdir().unwrap();
    let notify = dir.path().join("notify");
    let manager = UnixDatagram::bind(&notify).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let socket = dir.path().join("s.sock");
    let mut command = Command::new(env!("CARGO_BIN_EXE_piprov"));
    common::clean(&mut command);
    command.args(["serve", "--json", "--listen", "127.0.0.1:0", "--socket"]).arg(&socket);
    command.arg("--state").arg(dir.path().join("station")).env("PIPROV_STATE_DIR", dir.path());
    command.env("NOTIFY_SOCKET", &notify).env("WATCHDOG_USEC", "1000000");
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    told(&manager, "READY=1");
    let health = || {
        let mut stream = UnixStream::connect(&socket).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream.write_all(&request("GET", "/healthz", None, None, &[])).unwrap();
        answer(&mut stream)
    };
    assert_eq!(health().status, 200);
    let script = "import sqlite3, sys\nbase = sqlite3.connect(sys.argv[1], timeout=60, isolation_level=None)\n\
        base.execute('BEGIN IMMEDIATE')\nprint('held', flush=True)\nsys.stdin.read()";
    let mut holder = Command::new("python3")
        .args(["-c", script])
        .arg(dir.path().join("station/station.db"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("apt-get install python3");
    let mut line = String::new();
    BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "held\n");
    std::thread::park_timeout(Duration::from_millis(1100));
    // Each is told, however often it is asked, and within its time; meanwhile the manager hears that it lives.
    for _ in 0..2 {
        let began = std::time::Instant::now();
        let answer = health();
        assert_eq!(answer.status, 503, "{answer:?}");
        assert_eq!(answer.json()["detail"], "the database takes nothing");
        assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
        manager.set_nonblocking(true).unwrap();
        let heard = std::iter::from_fn(|| manager.recv(&mut [0; 400]).ok()).count();
        manager.set_nonblocking(false).unwrap();
        // At once again it is what was found a moment ago.
        if began.elapsed() > Duration::from_secs(5) {
            assert!(heard >= 5, "{heard} times in {:?}", began.elapsed());
        }
    }
    // It is let go: the same station is well.
    drop(holder.stdin.take());
    holder.wait().unwrap();
    std::thread::park_timeout(Duration::from_millis(1100));
    assert_eq!(health().status, 200);
    told(&manager, "WATCHDOG=1");
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert!(matches!(child.wait().unwrap().code(), Some(0 | 130)));
}
