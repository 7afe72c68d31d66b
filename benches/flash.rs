//! How long a board waits for the host: from the start of `piprov flash` until its reset command runs.
//!
//! `cargo bench --bench flash`. Environment: `PIPROV_BENCH_MIB` (size of the raw image, 4096), `PIPROV_BENCH_ROUNDS`
//! (10), `PIPROV_BENCH_DIR` (where the images are made, `target/bench-flash`), `PIPROV_BENCH_OUT` (the table's file,
//! `target/bench-flash.md`). No board is there: each run ends a moment after the reset.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a bench is a program for people"
)]

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const PIPROV: &str = env!("CARGO_BIN_EXE_piprov");
/// How large the images are that get compressed: what comes behind the beginning doesn't matter to the reset.
const PACKED_MIB: u64 = 256;
/// Somebody else's port 69 must not stop a bench.
const LISTEN: &str = "127.0.0.1:0";
/// What a board may be made to wait.
const GOAL: Duration = Duration::from_millis(200);

fn main() {
    let number = |name: &str, default: u64| {
        std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
    };
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("target");
    let path = |name: &str, default: &str| {
        std::env::var_os(name).map_or_else(|| target.join(default), PathBuf::from)
    };
    let dir = path("PIPROV_BENCH_DIR", "bench-flash");
    fs::create_dir_all(&dir).unwrap();
    let bench = Bench { rounds: number("PIPROV_BENCH_ROUNDS", 10), dir: dir.clone() };
    let table = bench.run(number("PIPROV_BENCH_MIB", 4096));
    fs::remove_dir_all(&dir).unwrap();
    print!("{table}");
    fs::write(path("PIPROV_BENCH_OUT", "bench-flash.md"), table).unwrap();
}

struct Bench {
    rounds: u64,
    dir: PathBuf,
}

impl Bench {
    fn run(&self, mib: u64) -> String {
        self.shell("rm -f reset && mkfifo reset");
        fs::write(
            self.dir.join("targets.csv"),
            format!(
                "name,mac,ip,reset\nlab-01,52:54:00:00:00:01,,command:echo > '{}'\n",
                self.dir.join("reset").display()
            ),
        )
        .unwrap();
        self.image("raw.img", mib);
        self.image("packed.img", PACKED_MIB);
        self.shell("for tool in 'xz -T0 -0' 'zstd -q -1' 'gzip -1'; do $tool -k -f packed.img; done");
        self.shell("xz -T1 -0 -c packed.img > one-block.img.xz");

        let mut table = String::from(
            "## From the start of `piprov flash` to the board's reset\n\n\
             | image | fastest | slowest |\n|---|---:|---:|\n",
        );
        let packed = format!("{PACKED_MIB} MiB");
        for (name, what) in [
            ("raw.img", format!("raw, {mib} MiB")),
            ("packed.img.xz", format!("xz of several blocks, {packed}")),
            ("one-block.img.xz", format!("xz of one block, {packed}")),
            ("packed.img.zst", format!("zst, {packed}")),
            ("packed.img.gz", format!("gz, {packed}")),
            ("-", format!("standard input, {packed}")),
        ] {
            let times: Vec<Duration> = (0..self.rounds).map(|_| self.reset(name)).collect();
            let (fastest, slowest) = (times.iter().min().unwrap(), times.iter().max().unwrap());
            let millis = |time: &Duration| format!("{:.1} ms", time.as_secs_f64() * 1000.0);
            writeln!(table, "| {what} | {} | {} |", millis(fastest), millis(slowest)).unwrap();
            assert!(*slowest < GOAL, "{what}: {slowest:?} is more than {GOAL:?}");
        }
        writeln!(table, "\nThe goal is {} ms. {} runs each.", GOAL.as_millis(), self.rounds).unwrap();
        table
    }

    /// An image with a table and noise at its beginning. It has two partitions and fills the whole of its length.
    fn image(&self, name: &str, mib: u64) {
        let noise = mib.min(PACKED_MIB);
        self.shell(&format!(
            "head -c {noise}M /dev/urandom > {name} && truncate -s {mib}M {name} &&
             printf 'label: dos\\nstart=16384,size=131072,type=c\\nstart=147456,type=83\\n' |
             sfdisk -q --wipe never {name}"
        ));
    }

    /// One run: how long until the reset's command has written a line.
    fn reset(&self, image: &str) -> Duration {
        let mut command = Command::new(PIPROV);
        command.args(["flash", "lab-01", image, "--force", "--targets", "targets.csv", "--listen", LISTEN]);
        command.args(["--timeout", "0.01", "--quiet"]);
        command.current_dir(&self.dir).env("PIPROV_STATE_DIR", &self.dir).stdout(Stdio::null());
        if image == "-" {
            command.stdin(File::open(self.dir.join("packed.img.xz")).unwrap());
        }
        let began = Instant::now();
        let mut child = command.spawn().unwrap();
        // Opening a pipe waits for its writer.
        File::open(self.dir.join("reset")).unwrap().read_to_end(&mut Vec::new()).unwrap();
        let took = began.elapsed();
        let status = child.wait().unwrap();
        // The board that isn't there never comes.
        assert_eq!(status.code(), Some(69), "{image}: {status}");
        took
    }

    fn shell(&self, line: &str) {
        let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
        let status = Command::new("bash")
            .args(["-ec", line])
            .env("PATH", path)
            .current_dir(&self.dir)
            .status()
            .unwrap();
        assert!(status.success(), "{line}: {status}");
    }
}
