//! What the benches of images share: images like real ones, and commands that race each other.

#![allow(dead_code, reason = "each bench uses its part")]

pub(crate) mod ext4;
pub(crate) mod station;

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// The fastest of several runs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Best {
    pub(crate) seconds: f64,
    /// Processor time, which a busy machine changes less.
    pub(crate) cpu: f64,
    /// The most memory of all runs, in MiB.
    pub(crate) memory: f64,
}

/// A number from the environment.
pub(crate) fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// A path from the environment, or one below `target`.
pub(crate) fn path(name: &str, default: &str) -> PathBuf {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("target");
    std::env::var_os(name).map_or_else(|| target.join(default), PathBuf::from)
}

/// Runs a bench in a directory of its own: `PIPROV_BENCH_DIR`, or one below `target`. Its table is printed, and written to
/// `PIPROV_BENCH_OUT` or beside that directory.
pub(crate) fn bench(name: &str, run: impl FnOnce(&Path) -> String) {
    let dir = path("PIPROV_BENCH_DIR", name);
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).unwrap();
    let table = run(&dir);
    let _ = fs::remove_dir_all(&dir);
    print!("{table}");
    fs::write(path("PIPROV_BENCH_OUT", &format!("{name}.md")), table).unwrap();
}

/// The head of a table of goals.
pub(crate) const GOALS: &str = "\n| what | goal | seen | holds |\n|---|---|---|---|\n";

/// A line of it.
pub(crate) fn goal(table: &mut String, what: &str, goal: &str, seen: &str, holds: bool) {
    let line = format!("| {what} | {goal} | {seen} | {} |", if holds { "yes" } else { "**no**" });
    eprintln!("{line}");
    writeln!(table, "{line}").unwrap();
}

pub(crate) struct Bench {
    pub(crate) rounds: u64,
    pub(crate) dir: PathBuf,
}

impl Bench {
    /// Runs the commands in turns, so that a busy machine is busy for all of them.
    pub(crate) fn race(&self, commands: &[String]) -> Vec<Best> {
        let mut best = vec![Best { seconds: f64::INFINITY, cpu: f64::INFINITY, memory: 0.0 }; commands.len()];
        for _ in 0..self.rounds {
            for (command, best) in commands.iter().zip(&mut best) {
                let scratch = self.dir.join("x");
                let _ = fs::remove_dir_all(&scratch);
                fs::create_dir(&scratch).unwrap();
                shell(&self.dir, "sync");
                let start = Instant::now();
                let (cpu, memory) = shell(&self.dir, command);
                best.seconds = best.seconds.min(start.elapsed().as_secs_f64());
                best.cpu = best.cpu.min(cpu);
                best.memory = best.memory.max(memory);
            }
        }
        best
    }
}

/// Runs a line in the directory; gives its processor time in seconds and the most memory that it had, in MiB.
pub(crate) fn shell(dir: &Path, line: &str) -> (f64, f64) {
    #[expect(clippy::zombie_processes, reason = "wait4 waits for it, and tells the memory too")]
    let child = Command::new("bash")
        .args(["-euo", "pipefail", "-c", line])
        .current_dir(dir)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let (mut status, mut usage) = (0, std::mem::MaybeUninit::<libc::rusage>::zeroed());
    // SAFETY: both pointers are valid for the call; zeros are a valid rusage; the child is ours and waited for
    // only here.
    let usage = unsafe {
        libc::wait4(child.id().cast_signed(), &mut status, 0, usage.as_mut_ptr());
        usage.assume_init()
    };
    assert_eq!(status, 0, "{line}: is a tool missing? tools/install-packages bench");
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    (seconds(usage.ru_utime) + seconds(usage.ru_stime), usage.ru_maxrss as f64 / 1024.0)
}

/// An image like real ones: text that compresses, noise that doesn't, zeros. Nothing in it is a hole.
pub(crate) fn make(path: &Path, len: u64) {
    let mut out = File::create(path).unwrap();
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut block = vec![0u8; 1 << 20];
    for n in 0..len >> 20 {
        match n % 8 {
            0 | 1 => block.fill(0),
            2 | 3 => block.fill_with(|| random(&mut state) as u8),
            _ => {
                let mut at = 0;
                while at < block.len() {
                    let word = WORDS[random(&mut state) as usize % WORDS.len()].as_bytes();
                    let end = (at + word.len()).min(block.len());
                    block[at..end].copy_from_slice(&word[..end - at]);
                    at = end;
                }
            }
        }
        out.write_all(&block).unwrap();
    }
}

pub(crate) fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state >> 24
}

const WORDS: [&str; 16] = [
    "board ",
    "image ",
    "0x7f454c46 ",
    "partition ",
    "\0\0\0\0\0\0",
    "the ",
    "a ",
    "verify ",
    "/usr/lib/",
    "return;\n",
    "read back ",
    "\x7f\x01\x02",
    "and ",
    "struct ",
    "1234567",
    "Raspberry ",
];

pub(crate) fn cpu() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find(|line| line.starts_with("model name"));
    model.and_then(|line| line.split_once(": ")).map_or("unknown processor", |(_, name)| name).to_owned()
}

pub(crate) fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
