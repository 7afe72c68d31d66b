//! How long `piprov netboot client add` takes beside `rsync -aHAXx` of the same tree.
//!
//! `cargo bench --bench netboot_client`, as root. Environment: `PIPROV_BENCH_MIB` (size of the tree, 4096),
//! `PIPROV_BENCH_ROUNDS` (3), `PIPROV_BENCH_DIR` (where it is made, `target/bench-client`),
//! `PIPROV_BENCH_OUT` (the table's file, `target/bench-client.md`).
//!
//! Both find the source in memory, and leave the copy there for the kernel to write. What piprov does besides, and
//! rsync doesn't, stands on lines of its own: to write it out, read it back and compare it.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a bench is a program for people"
)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use piprov::netboot::client::{Clients, Mode, Places, Request};
use piprov::run::{Event, Runs, Stage};
use piprov::stop::Stop;

/// What the copy may take, in times of rsync.
const GOAL: f64 = 1.2;
/// Files of a system are small: half of the bytes are in files of this size.
const SMALL: u64 = 48 << 10;
const LARGE: u64 = 16 << 20;

fn main() {
    let number = |name: &str, default: u64| {
        std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
    };
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("target");
    let path = |name: &str, default: &str| {
        std::env::var_os(name).map_or_else(|| target.join(default), PathBuf::from)
    };
    let dir = path("PIPROV_BENCH_DIR", "bench-client");
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir).unwrap();
    let (bytes, rounds) = (number("PIPROV_BENCH_MIB", 4096) << 20, number("PIPROV_BENCH_ROUNDS", 3));
    // The tree and one copy of it.
    let room = rustix::fs::statvfs(&dir).unwrap();
    let (free, needed) = (room.f_bavail * room.f_frsize, bytes * 2 + (256 << 20));
    assert!(
        free >= needed,
        "{} MiB are free, {} are needed: a smaller PIPROV_BENCH_MIB?",
        free >> 20,
        needed >> 20
    );
    let table = run(&dir, bytes, rounds);
    std::fs::remove_dir_all(&dir).unwrap();
    print!("{table}");
    std::fs::write(path("PIPROV_BENCH_OUT", "bench-client.md"), table).unwrap();
}

/// One tree, copied in turns.
fn run(dir: &Path, bytes: u64, rounds: u64) -> String {
    let (small, large) = (bytes / 2 / SMALL, bytes / 2 / LARGE);
    shell(
        dir,
        &format!(
            "mkdir -p root/etc root/boot/firmware root/usr; echo ID=raspbian > root/etc/os-release; \
             touch root/etc/fstab; echo root=x > root/boot/firmware/cmdline.txt; \
             head -c {LARGE} /dev/urandom > noise; \
             for n in $(seq {large}); do (echo $n; cat noise) | head -c {LARGE} > root/usr/large-$n; done; \
             cd root/usr; for d in $(seq $(({small} / 200))); do mkdir dir-$d; \
             (echo $d; head -c $((200 * {SMALL})) ../../noise) | split -a 3 -b {SMALL} - dir-$d/file-; done; sync"
        ),
    );
    let mut rsync = Vec::new();
    let mut copy = Vec::new();
    let mut whole = Vec::new();
    let mut checked = Vec::new();
    for _ in 0..rounds {
        let started = Instant::now();
        shell(dir, "rsync -aHAXx --numeric-ids root/ copy");
        rsync.push(started.elapsed());
        shell(dir, "sync");
        let started = Instant::now();
        shell(dir, "rsync -aHAXxnc --numeric-ids root/ copy");
        checked.push(started.elapsed());
        shell(dir, "rm -rf copy; sync");
        let (copied, all) = add(dir);
        copy.push(copied);
        whole.push(all);
        shell(dir, "rm -rf srv state; sync");
    }
    let [rsync, copy, whole, checked] = [rsync, copy, whole, checked].map(median);
    let times = |one: Duration, other: Duration| one.as_secs_f64() / other.as_secs_f64();
    let (ratio, all) = (times(copy, rsync), times(whole, rsync + checked));
    let seconds = |time: Duration| format!("{:.1} s", time.as_secs_f64());
    let mut table = String::from("## A client's root from a directory\n\n");
    let size = bytes as f64 / f64::from(1 << 30);
    let _ = writeln!(
        table,
        "{size:.1} GiB in {} files, source in memory, median of {rounds} rounds in turns.\n",
        small + large
    );
    let _ = writeln!(table, "| what | time |\n|---|---|");
    let _ = writeln!(table, "| `rsync -aHAXx --numeric-ids` | {} |", seconds(rsync));
    let _ = writeln!(table, "| `netboot client add`: the copy | {} |", seconds(copy));
    let _ = writeln!(table, "| `rsync -aHAXxnc`: compares once more, from memory | {} |", seconds(checked));
    let _ = writeln!(
        table,
        "| `netboot client add`: all of it, with writing out, reading back, comparing, checklist | {} |",
        seconds(whole)
    );
    let met = if ratio <= GOAL { "met" } else { "**not met**" };
    let _ = writeln!(
        table,
        "\nThe copy takes {ratio:.2} times what rsync takes; the goal of {GOAL} is {met}. All of it, verified from \
         the disk, takes {all:.2} times what rsync takes that copies and compares from memory."
    );
    table
}

/// Adds a client; how long the copy took, and all of it.
fn add(dir: &Path) -> (Duration, Duration) {
    let places = Places {
        tftp: dir.join("srv/tftp"),
        clients: dir.join("srv/clients"),
        shared: dir.join("srv/shared"),
        state: dir.join("state"),
        exports: dir.join("exports"),
        ganesha: dir.join("ganesha"),
    };
    let clients = Clients::new(places, Stop::new().unwrap());
    let request = Request {
        name: "lab-01".parse().unwrap(),
        board: "a2ef5644".parse().unwrap(),
        from: dir.join("root"),
        exclude: Vec::new(),
        mode: Mode::Rw,
        shared: None,
        server: Some("10.0.0.1".parse().unwrap()),
        network: Some("10.0.0.0/24".parse().unwrap()),
        interface: None,
        export: false,
        force: false,
        spool_dir: None,
    };
    let begun: Arc<Mutex<Vec<(Stage, Instant)>>> = Arc::default();
    let list = Arc::clone(&begun);
    let runs = Runs::unkept(Arc::new(move |event: Event| {
        list.lock().unwrap().push((event.stage, Instant::now()));
    }));
    let started = Instant::now();
    let record = clients.prepare(&request).unwrap().run(&runs).unwrap();
    assert!(record.ending.is_done(), "{record:?}");
    let whole = started.elapsed();
    let begun = begun.lock().unwrap();
    let compared = begun.iter().find(|(stage, _)| *stage == Stage::ReadBack).unwrap().1;
    // With what was looked at before.
    (compared - started, whole)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn shell(dir: &Path, script: &str) {
    let status =
        Command::new("bash").args(["-euo", "pipefail", "-c", script]).current_dir(dir).status().unwrap();
    assert!(status.success(), "{script}: is rsync installed?");
}
