//! How fast a board gets an image and proves it, beside the pipes that one would type, and what a station costs.
//!
//! `cargo bench --bench deploy`, as root (loop devices). Environment: `PIPROV_BENCH_MIB` (size of the raw image, 1024),
//! `PIPROV_BENCH_ROUNDS` (3; the fastest counts), `PIPROV_BENCH_BOARDS` (10), `PIPROV_BENCH_XZ` (`-3`: how the image is
//! compressed), `PIPROV_BENCH_DIR` (station and images, `target/bench-deploy`), `PIPROV_BENCH_DISKS` (the boards' disks,
//! `/dev/shm/piprov-bench`), `PIPROV_BENCH_OUT` (the table's file, `target/bench-deploy.md`).
//!
//! The disks lie in memory, so that no other disk is measured; all goes over HTTP on the loopback interface.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a bench is a program for people"
)]

mod common;
#[path = "common/ext4.rs"]
mod ext4;
#[path = "common/station.rs"]
mod station;

#[path = "deploy/ground.rs"]
mod ground;
#[path = "deploy/many.rs"]
mod many;
#[path = "deploy/one.rs"]
mod one;

use std::fmt::Write as _;
use std::fs;

use common::{cpu, number, path};
use ground::Ground;

fn main() {
    let dir = path("PIPROV_BENCH_DIR", "bench-deploy");
    let disks = std::env::var_os("PIPROV_BENCH_DISKS").map_or("/dev/shm/piprov-bench".into(), Into::into);
    let ground = Ground::make(dir, disks, number("PIPROV_BENCH_MIB", 1024));
    let mut table = format!(
        "## Deploying an image\n\nAn ext4 image of {} MiB made of this system's files, {:.0} % zeros; xz {} {:.0} MiB, zst -3 \
         {:.0} MiB; {}; {} processors.\n",
        ground.len >> 20,
        ground.zeros * 100.0,
        ground.level,
        ground.packed("image.xz"),
        ground.packed("image.zst"),
        cpu(),
        common::processors(),
    );
    table += &one::run(&ground, number("PIPROV_BENCH_ROUNDS", 3));
    table += &many::run(&ground, number("PIPROV_BENCH_BOARDS", 10) as usize);
    print!("{table}");
    fs::write(path("PIPROV_BENCH_OUT", "bench-deploy.md"), table).unwrap();
}

/// A line of a table of goals.
fn goal(table: &mut String, what: &str, goal: &str, seen: &str, holds: bool) {
    let line = format!("| {what} | {goal} | {seen} | {} |", if holds { "yes" } else { "**no**" });
    eprintln!("{line}");
    writeln!(table, "{line}").unwrap();
}

const GOALS: &str = "\n| what | goal | seen | holds |\n|---|---|---|---|\n";
