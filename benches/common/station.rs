//! A station and boards, as processes that are measured.

#![allow(dead_code, reason = "each bench uses its part")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const PIPROV: &str = env!("CARGO_BIN_EXE_piprov");
const AGENT: &str = env!("CARGO_BIN_EXE_piprov-agent");

/// Programs that were built elsewhere, by `PIPROV_BENCH_PROGRAMS` (a directory), or those of this build.
fn program(name: &str, built: &str) -> String {
    std::env::var("PIPROV_BENCH_PROGRAMS").map_or_else(|_| built.to_owned(), |dir| format!("{dir}/{name}"))
}

/// A process that ends with its owner.
pub(crate) struct Process(pub(crate) Child);

impl Process {
    pub(crate) fn start(command: &mut Command) -> Self {
        Self(command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}")))
    }

    /// Processor time of all its threads and of the children that it has waited for, in seconds.
    pub(crate) fn cpu(&self) -> f64 {
        cpu_of(self.0.id())
    }

    /// What it has in memory now, and the most that it had, in MiB.
    pub(crate) fn memory(&self) -> (f64, f64) {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap();
        let kib = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim().trim_end_matches(" kB").parse::<f64>().unwrap()
        };
        (kib("VmRSS:") / 1024.0, kib("VmHWM:") / 1024.0)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Processor time of a process, in seconds.
pub(crate) fn cpu_of(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // The name may hold anything; what follows it doesn't.
    let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: f64 = fields[11..15].iter().map(|field| field.parse::<f64>().unwrap()).sum();
    ticks / 100.0
}

/// A command without anything of the caller's settings.
fn clean(program: &str, dir: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PIPROV") {
            command.env_remove(name);
        }
    }
    command.env("PIPROV_STATE_DIR", dir).env("HOME", dir).env_remove("XDG_CONFIG_HOME").current_dir(dir);
    command
}

/// `piprov serve`.
pub(crate) struct Station {
    pub(crate) process: Process,
    pub(crate) url: String,
    pub(crate) dir: PathBuf,
}

impl Station {
    /// Starts one whose state lies in `dir`; boards that nobody knows may take work.
    pub(crate) fn start(dir: &Path, config: &str) -> Self {
        fs::create_dir_all(dir).unwrap();
        fs::write(dir.join("piprov.toml"), config).unwrap();
        let mut command = clean(&program("piprov", PIPROV), dir);
        command.args(["serve", "--json", "--config", "piprov.toml", "--enrol", "open"]);
        command.args(["--listen", "127.0.0.1:0", "--socket", "station.sock"]);
        command.stdout(Stdio::piped()).stderr(fs::File::create(dir.join("serve.log")).unwrap());
        let mut process = Process::start(&mut command);
        let mut line = String::new();
        BufReader::new(process.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.split('"').find(|part| part.starts_with("http://"));
        let url = url.unwrap_or_else(|| panic!("{}", fs::read_to_string(dir.join("serve.log")).unwrap()));
        Self { url: url.to_owned(), process, dir: dir.to_owned() }
    }

    /// Its commands, as one gives them on the same host.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = clean(&program("piprov", PIPROV), &self.dir);
        command.env("PIPROV_STATION_URL", format!("unix:{}/station.sock", self.dir.display()));
        command.args(args);
        command
    }

    /// Gives what a command prints. It ends well.
    pub(crate) fn run(&self, args: &[&str]) -> String {
        let out = self.command(args).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(
            out.status.success(),
            "{args:?}: {}{}\n{}",
            text(&out.stdout),
            text(&out.stderr),
            fs::read_to_string(self.dir.join("serve.log")).unwrap()
        );
        text(&out.stdout)
    }

    /// A board with a disk: the real agent.
    pub(crate) fn board(&self, serial: &str, disk: &Path) -> Process {
        let mut command = clean(&program("piprov-agent", AGENT), &self.dir);
        command.args(["--station", &self.url, "--serial", serial, "--key"]).arg(format!("{serial}.key"));
        command.arg("--disk").arg(disk);
        let log = fs::File::create(self.dir.join(format!("{serial}.log"))).unwrap();
        command.stdout(log.try_clone().unwrap()).stderr(log).stdin(Stdio::null());
        Process::start(&mut command)
    }

    /// Waits until so many boards are known.
    pub(crate) fn knows(&self, count: usize) {
        let began = Instant::now();
        while self.run(&["board", "list", "--json"]).lines().count() < count {
            assert!(began.elapsed() < Duration::from_secs(60), "{count} boards don't come");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Processor time of all children that were waited for, in seconds.
pub(crate) fn children() -> f64 {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the pointer is valid for the call, and zeros are a valid rusage.
    let usage = unsafe {
        libc::getrusage(libc::RUSAGE_CHILDREN, usage.as_mut_ptr());
        usage.assume_init()
    };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}
