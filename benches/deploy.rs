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

#[path = "deploy/ground.rs"]
mod ground;
#[path = "deploy/many.rs"]
mod many;
#[path = "deploy/one.rs"]
mod one;

use common::{cpu, number};
use ground::Ground;

fn main() {
    let disks = std::env::var_os("PIPROV_BENCH_DISKS").map_or("/dev/shm/piprov-bench".into(), Into::into);
    common::bench("bench-deploy", |dir| {
        let ground = Ground::make(dir.to_owned(), disks, number("PIPROV_BENCH_MIB", 1024));
        let mut table = format!(
            "## Deploying an image\n\nAn ext4 image of {} MiB made of this system's files, {:.0} % zeros; xz {} {:.0} MiB, \
             zst -3 {:.0} MiB; {}; {} processors.\n",
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
        table
    });
}
