//! An image comes into a station: how fast, beside the decompressor alone.
//!
//! `cargo bench --bench ingest`. Environment: `PIPROV_BENCH_MIB` (size of the raw image, 1024), `PIPROV_BENCH_ROUNDS`
//! (2; the fastest counts), `PIPROV_BENCH_XZ` (`-3`: how it is compressed), `PIPROV_BENCH_DIR` (`target/bench-ingest`),
//! `PIPROV_BENCH_OUT` (the table's file, `target/bench-ingest.md`). Each time a station begins with nothing, and the
//! image is on its disk when `piprov image add` ends. The images lie in the page cache.
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
use std::time::Instant;

use common::station::Station;
use common::{Best, ext4, number, shell, station};

/// Of the decompressor's speed.
const SPEED: f64 = 0.8;

fn main() {
    common::bench("bench-ingest", |dir| {
        run(dir, number("PIPROV_BENCH_MIB", 1024), number("PIPROV_BENCH_ROUNDS", 2))
    });
}

fn run(dir: &Path, mib: u64, rounds: u64) -> String {
    let level = std::env::var("PIPROV_BENCH_XZ").unwrap_or_else(|_| "-3".to_owned());
    ext4::image(
        dir,
        mib,
        &[&format!("xz {level} -T0 -c image"), "zstd -q -3 -T0 -c image", "gzip -1 -c image"],
    );
    let mut table = format!(
        "## An image comes into a station\n\nAn ext4 image of {mib} MiB made of this system's files, {:.0} % zeros; {}; {} \
         processors; fastest of {rounds} runs, wall time (processor time; of command and station together). Speed: the \
         decompressor's time through that of `piprov image add`.\n\n\
         | image | piprov | the decompressor alone, to `/dev/null` | speed | goal | holds | memory of the station |\n\
         |---|---:|---:|---:|---:|---|---:|\n",
        ext4::zeros(&dir.join("image")) * 100.0,
        common::cpu(),
        common::processors(),
    );
    for (name, tool) in [
        ("image.xz", "xz -dc"),
        ("image.xz", "xz -dc -T0"),
        ("image.gz", "gzip -dc"),
        ("image.zst", "zstd -dc"),
        ("image", "cat"),
    ] {
        let nothing = Best { seconds: f64::INFINITY, cpu: f64::INFINITY, memory: 0.0 };
        let (mut ours, mut theirs) = (nothing, nothing);
        let better = |best: &mut Best, now: Best| {
            best.seconds = best.seconds.min(now.seconds);
            best.cpu = best.cpu.min(now.cpu);
            best.memory = best.memory.max(now.memory);
        };
        for _ in 0..rounds {
            better(&mut ours, add(dir, name));
            let began = Instant::now();
            let (cpu, memory) = shell(dir, &format!("{tool} {name}"));
            better(&mut theirs, Best { seconds: began.elapsed().as_secs_f64(), cpu, memory });
        }
        let speed = theirs.seconds / ours.seconds;
        let (goal, holds) = match name {
            // There is nothing to unpack.
            "image" => ("", ""),
            _ => ("0.8", if speed >= SPEED { "yes" } else { "**no**" }),
        };
        let line = format!(
            "| {} | {:.2} s ({:.2}) | {:.2} s ({:.2}), `{tool}` | {speed:.2} | {goal} | {holds} | {:.0} MiB |",
            name.strip_prefix("image.").unwrap_or("raw"),
            ours.seconds,
            ours.cpu,
            theirs.seconds,
            theirs.cpu,
            ours.memory
        );
        eprintln!("{line}");
        writeln!(table, "{line}").unwrap();
    }
    table
}

/// A new station takes an image in.
fn add(dir: &Path, name: &str) -> Best {
    let state = dir.join("state");
    let _ = fs::remove_dir_all(&state);
    shell(dir, "sync");
    let station = Station::start(&state, "");
    let mut command = station.command(&["image", "add", &format!("../{name}"), "--name", "os", "--quiet"]);
    let all = || station.process.cpu() + station::children();
    let before = all();
    let began = Instant::now();
    let status = command.status().unwrap();
    let seconds = began.elapsed().as_secs_f64();
    assert!(status.success(), "{name}: {}", fs::read_to_string(state.join("serve.log")).unwrap());
    Best { seconds, cpu: all() - before, memory: station.process.memory().1 }
}
