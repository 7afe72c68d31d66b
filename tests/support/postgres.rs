//! A PostgreSQL of Debian's package, for tests: one server for a process, a database for each test.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// Where Debian has the programs.
const PROGRAMS: &str = "/usr/lib/postgresql/15/bin";

/// A running server. It ends with the process that started it.
pub struct Postgres {
    dir: PathBuf,
}

static SERVER: OnceLock<Postgres> = OnceLock::new();
static DATABASES: AtomicU32 = AtomicU32::new(0);

impl Postgres {
    /// The one of this process, started where it isn't.
    pub fn get() -> &'static Self {
        SERVER.get_or_init(|| {
            let server = Self::start();
            // Nothing of this process is called when it ends: so somebody else watches.
            let dir = server.dir.display();
            let stop = if rustix::process::geteuid().is_root() { "runuser -u postgres -- " } else { "" };
            let script = format!(
                "cd /; while [ -d /proc/{} ]; do sleep 0.2; done; \
                 {stop}{PROGRAMS}/pg_ctl -D {dir}/data -m immediate stop; rm -rf {dir}",
                std::process::id(),
            );
            let mut watcher = Command::new("sh");
            watcher.args(["-c", &script]).stdin(std::process::Stdio::null());
            watcher.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
            std::os::unix::process::CommandExt::process_group(&mut watcher, 0);
            #[expect(
                clippy::zombie_processes,
                reason = "it outlives this process: that is what it waits for"
            )]
            watcher.spawn().expect("sh starts");
            server
        })
    }

    /// Starts one. The path of its socket is short, as sockets' paths have to be.
    fn start() -> Self {
        assert!(
            Path::new(PROGRAMS).join("initdb").exists(),
            "{PROGRAMS}/initdb is missing: tools/install-packages test"
        );
        let dir = tempfile::Builder::new().prefix("pg").tempdir_in("/tmp").expect("a directory").keep();
        run(Command::new("chmod").arg("755").arg(&dir));
        if rustix::process::geteuid().is_root() {
            run(Command::new("chown").arg("postgres").arg(&dir));
        }
        let at = |name: &str| dir.join(name).display().to_string();
        run(program("initdb")
            .args(["-D", &at("data"), "-U", "piprov", "-A", "trust", "-E", "UTF8", "--no-sync"])
            .args(["--locale=C"]));
        let options = format!(
            "-c listen_addresses='' -c unix_socket_directories={} -c max_connections=200",
            dir.display()
        );
        run(program("pg_ctl").args([
            "-D",
            &at("data"),
            "-w",
            "-t",
            "60",
            "-l",
            &at("log"),
            "-o",
            &options,
            "start",
        ]));
        Self { dir }
    }

    /// The URL of a database that exists.
    pub fn url(&self, database: &str) -> String {
        format!("postgres:///{database}?host={}&user=piprov", self.dir.display())
    }

    /// An empty database of its own.
    pub fn database(&self) -> String {
        let name = format!("d{}", DATABASES.fetch_add(1, Ordering::Relaxed));
        self.sql("postgres", &format!("CREATE DATABASE {name}"));
        self.url(&name)
    }

    /// A database of its own, made by a script of SQL, as `pg_dump` writes them.
    pub fn database_of(&self, script: &Path) -> String {
        let url = self.database();
        let name = url.split(['/', '?']).find(|part| part.starts_with('d')).expect("a database's name");
        let dir = self.dir.display().to_string();
        let script = std::fs::File::open(script).expect("the script");
        run(program("psql")
            .args(["-h", &dir, "-U", "piprov", "-v", "ON_ERROR_STOP=1", "-q", name])
            .stdin(script));
        url
    }

    /// A database as a script of SQL.
    pub fn dump(&self, url: &str) -> String {
        let name = url.split(['/', '?']).find(|part| part.starts_with('d')).expect("a database's name");
        let dir = self.dir.display().to_string();
        run(program("pg_dump").args(["-h", &dir, "-U", "piprov", "--no-owner", "--inserts", name]))
    }

    /// Does something in a database, by PostgreSQL's own client.
    pub fn sql(&self, database: &str, sql: &str) -> String {
        let dir = self.dir.display().to_string();
        run(program("psql").args([
            "-h",
            &dir,
            "-U",
            "piprov",
            "-v",
            "ON_ERROR_STOP=1",
            "-qtA",
            "-c",
            sql,
            database,
        ]))
    }
}

fn program(name: &str) -> Command {
    as_postgres(&format!("{PROGRAMS}/{name}"))
}

/// The server and its tools refuse root.
fn as_postgres(program: &str) -> Command {
    let mut command = if rustix::process::geteuid().is_root() {
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--", program]);
        command
    } else {
        Command::new(program)
    };
    command.current_dir("/");
    command
}

fn run(command: &mut Command) -> String {
    // What goes to a file can't hold a pipe open: the server inherits it.
    let mut said = tempfile::tempfile().expect("a file");
    let file = || said.try_clone().expect("a file");
    let status = command.stdout(file()).stderr(file()).status();
    let status = status.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let mut text = String::new();
    std::io::Seek::rewind(&mut said).expect("a file");
    std::io::Read::read_to_string(&mut said, &mut text).expect("text");
    assert!(status.success(), "{command:?}: {status}\n{text}");
    text
}
