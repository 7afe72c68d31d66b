//! The image room beside the tools that one would use instead: wall time and memory.
//!
//! `cargo bench --bench image`. Environment: `PIPROV_BENCH_MIB` (size of the raw image, 4096), `PIPROV_BENCH_ROUNDS`
//! (3; the fastest counts), `PIPROV_BENCH_DIR` (where the images are made, `target/bench-image`),
//! `PIPROV_BENCH_OUT` (the table's file, `target/bench-image.md`).
//! The images lie in the page cache; `sync` comes before each run, so that nobody pays for another's writes.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a bench is a program for people"
)]

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use piprov::image::parts::Parts;
use piprov::image::pass::Pass;
use piprov::image::{Image, ImageOptions};
use piprov::stop::Stop;

const PIPROV: &str = env!("CARGO_BIN_EXE_piprov");
const PART: u64 = 786_432_000;

/// The fastest of several runs.
#[derive(Debug, Clone, Copy)]
struct Best {
    seconds: f64,
    /// Processor time, which a busy machine changes less.
    cpu: f64,
    /// The most memory of all runs, in MiB.
    memory: f64,
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.get(1).is_some_and(|first| first == "--pass") {
        return pass(Path::new(&arguments[2]));
    }
    let number = |name: &str, default: u64| {
        std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
    };
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("target");
    let path = |name: &str, default: &str| {
        std::env::var_os(name).map_or_else(|| target.join(default), PathBuf::from)
    };
    let dir = path("PIPROV_BENCH_DIR", "bench-image");
    let bench = Bench { rounds: number("PIPROV_BENCH_ROUNDS", 3), dir: dir.clone() };
    fs::create_dir_all(&dir).unwrap();
    let mib = number("PIPROV_BENCH_MIB", 4096);
    let table = bench.run(mib);
    fs::remove_dir_all(&dir).unwrap();
    print!("{table}");
    fs::write(path("PIPROV_BENCH_OUT", "bench-image.md"), table).unwrap();
}

/// What `flash` does before and while it serves: both digests, and a checksum for each part.
fn pass(image: &Path) {
    let image = Image::open(image, &ImageOptions::default()).unwrap();
    let parts = Parts::Every { skip: 8 << 20, size: PART };
    let pass = Pass::start(&image, parts, &Stop::new().unwrap(), Box::new(|| {})).unwrap();
    println!("{:02x?}", pass.wait().unwrap().raw_sha256);
}

struct Bench {
    rounds: u64,
    dir: PathBuf,
}

impl Bench {
    fn run(&self, mib: u64) -> String {
        let mut table = format!(
            "Raw image of {mib} MiB (text, noise, zeros), compressed ones of {} MiB; {}; {} processors; fastest of {} \
             runs, wall time \
             (processor time).\n\n| what | piprov | instead | ratio | at most | memory |\n|---|---|---|---|---|---|\n",
            mib / 16,
            cpu(),
            std::thread::available_parallelism().map_or(1, usize::from),
            self.rounds,
        );
        let mut row = |what: &str, ours: Best, tool: &str, theirs: Best, most: Option<f64>| {
            let most = most.map_or("-".to_owned(), |most| format!("{most}"));
            let line = format!(
                "| {what} | {:.2} s ({:.2}) | {:.2} s ({:.2}), {tool} | {:.2} ({:.2}) | {most} | {:.0} MiB |",
                ours.seconds,
                ours.cpu,
                theirs.seconds,
                theirs.cpu,
                ours.seconds / theirs.seconds,
                ours.cpu / theirs.cpu,
                ours.memory
            );
            eprintln!("{line}");
            writeln!(table, "{line}").unwrap();
        };
        make(&self.dir.join("raw.img"), mib << 20);
        let me = std::env::current_exe().unwrap().display().to_string();
        let pass = |file: &str| format!("{me} --pass {file}");

        let shas = ["openssl dgst -sha256", "sha256sum"];
        let runs: Vec<String> = shas.iter().map(|tool| format!("{tool} raw.img")).collect();
        let best = self.race(&[pass("raw.img"), runs[0].clone(), runs[1].clone()]);
        let sha = if best[1].seconds < best[2].seconds { 0 } else { 1 };
        row("pass over a raw image, digests and parts", best[0], shas[sha], best[1 + sha], Some(1.2));

        let split = format!("split -b {PART} raw.img x/part_ && sha256sum raw.img");
        let ours = format!("{PIPROV} split-image raw.img -o x/parts");
        let best = self.race(&[ours, split]);
        row("split-image, parts written and read back", best[0], "split; sha256sum", best[1], Some(0.5));
        fs::remove_file(self.dir.join("raw.img")).unwrap();

        make(&self.dir.join("small.img"), (mib / 16) << 20);
        for (packer, unpacker, name) in [
            ("gzip -c", "gzip -dc", "small.gz"),
            ("xz -0 -T0 -c", "xz -dc -T0", "small.xz"),
            ("zstd -q -c", "zstd -dc", "small.zst"),
            ("bzip2 -1 -c", "bzip2 -dc", "small.bz2"),
        ] {
            shell(&self.dir, &format!("{packer} small.img > {name}"));
            let tool = format!("{unpacker} \\| {}", shas[sha]);
            let best = self.race(&[pass(name), format!("{unpacker} {name} | {}", shas[sha])]);
            row(&format!("pass over .{}", &name[6..]), best[0], &tool, best[1], None);
        }
        let best = self.race(&[
            format!("{PIPROV} split-image small.img -o x/parts --format gz"),
            "gzip -nc small.img > x/whole.gz".to_owned(),
        ]);
        row("split-image --format gz, read back", best[0], "gzip", best[1], None);
        table
    }

    /// Runs the commands in turns, so that a busy machine is busy for all of them.
    fn race(&self, commands: &[String]) -> Vec<Best> {
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
fn shell(dir: &Path, line: &str) -> (f64, f64) {
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
fn make(path: &Path, len: u64) {
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

fn random(state: &mut u64) -> u64 {
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

fn cpu() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find(|line| line.starts_with("model name"));
    model.and_then(|line| line.split_once(": ")).map_or("unknown processor", |(_, name)| name).to_owned()
}
