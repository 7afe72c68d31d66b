//! The image room beside the tools that one would use instead: wall time and memory.
//!
//! `cargo bench --bench image`. Environment: `PIPROV_BENCH_MIB` (size of the raw image, 4096), `PIPROV_BENCH_ROUNDS`
//! (3; the fastest counts), `PIPROV_BENCH_DIR` (where the images are made, `target/bench-image`),
//! `PIPROV_BENCH_OUT` (the table's file, `target/bench-image.md`).
//! The images lie in the page cache; `sync` comes before each run, so that nobody pays for another's writes.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a bench is a program for people"
)]

mod common;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use common::{Bench, Best, cpu, make, number, path, shell};
use piprov::image::parts::Parts;
use piprov::image::pass::Pass;
use piprov::image::{Image, ImageOptions};
use piprov::stop::Stop;

const PIPROV: &str = env!("CARGO_BIN_EXE_piprov");
const PART: u64 = 786_432_000;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.get(1).is_some_and(|first| first == "--pass") {
        return pass(Path::new(&arguments[2]));
    }
    let dir = path("PIPROV_BENCH_DIR", "bench-image");
    let bench = Bench { rounds: number("PIPROV_BENCH_ROUNDS", 3), dir: dir.clone() };
    fs::create_dir_all(&dir).unwrap();
    let mib = number("PIPROV_BENCH_MIB", 4096);
    let table = run(&bench, mib);
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

fn run(bench: &Bench, mib: u64) -> String {
    let mut table = format!(
        "Raw image of {mib} MiB (text, noise, zeros), compressed ones of {} MiB; {}; {} processors; fastest of {} \
             runs, wall time \
             (processor time).\n\n| what | piprov | instead | ratio | at most | memory |\n|---|---|---|---|---|---|\n",
        mib / 16,
        cpu(),
        std::thread::available_parallelism().map_or(1, usize::from),
        bench.rounds,
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
    make(&bench.dir.join("raw.img"), mib << 20);
    let me = std::env::current_exe().unwrap().display().to_string();
    let pass = |file: &str| format!("{me} --pass {file}");

    let shas = ["openssl dgst -sha256", "sha256sum"];
    let runs: Vec<String> = shas.iter().map(|tool| format!("{tool} raw.img")).collect();
    let best = bench.race(&[pass("raw.img"), runs[0].clone(), runs[1].clone()]);
    let sha = if best[1].seconds < best[2].seconds { 0 } else { 1 };
    row("pass over a raw image, digests and parts", best[0], shas[sha], best[1 + sha], Some(1.2));

    let split = format!("split -b {PART} raw.img x/part_ && sha256sum raw.img");
    let ours = format!("{PIPROV} split-image raw.img -o x/parts");
    let best = bench.race(&[ours, split]);
    row("split-image, parts written and read back", best[0], "split; sha256sum", best[1], Some(0.5));
    fs::remove_file(bench.dir.join("raw.img")).unwrap();

    make(&bench.dir.join("small.img"), (mib / 16) << 20);
    for (packer, unpacker, name) in [
        ("gzip -c", "gzip -dc", "small.gz"),
        ("xz -0 -T0 -c", "xz -dc -T0", "small.xz"),
        ("zstd -q -c", "zstd -dc", "small.zst"),
        ("bzip2 -1 -c", "bzip2 -dc", "small.bz2"),
    ] {
        shell(&bench.dir, &format!("{packer} small.img > {name}"));
        let tool = format!("{unpacker} \\| {}", shas[sha]);
        let best = bench.race(&[pass(name), format!("{unpacker} {name} | {}", shas[sha])]);
        row(&format!("pass over .{}", &name[6..]), best[0], &tool, best[1], None);
    }
    let best = bench.race(&[
        format!("{PIPROV} split-image small.img -o x/parts --format gz"),
        "gzip -nc small.img > x/whole.gz".to_owned(),
    ]);
    row("split-image --format gz, read back", best[0], "gzip", best[1], None);
    table
}
