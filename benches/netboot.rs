//! A rack of Pi 4 models that is switched on within a second, each with its whole boot: `piprov netboot serve` beside
//! dnsmasq, which serves DHCP and TFTP in one process too.
//!
//! `sudo -E cargo bench --bench netboot`; it needs root for network namespaces. Environment: `PIPROV_BENCH_BOARDS`
//! (200), `PIPROV_BENCH_MIB` that each board fetches (40), `PIPROV_BENCH_ROUNDS` (3), `PIPROV_BENCH_SECONDS` for one
//! run at most (300), `PIPROV_BENCH_OUT` (the table's file).
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a bench is a program for people"
)]

#[path = "tftp/ground.rs"]
#[allow(dead_code, reason = "another bench uses the rest")]
mod ground;
#[path = "../tests/netboot_model/mod.rs"]
mod netboot_model;

use std::fmt::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ground::{Group, Net};
use netboot_model::{Board, Kind, run};
use piprov::stop::Stop;

/// What a run came to.
#[derive(Debug, Clone, Copy)]
struct Run {
    complete: usize,
    seconds: f64,
    rate: f64,
    /// Seconds of processor time for a GiB.
    cpu: f64,
    memory: f64,
    repeats: u64,
    slowest: f64,
}

/// What the boards' process tells.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct Load {
    complete: usize,
    seconds: f64,
    bytes: u64,
    repeats: u64,
    slowest: f64,
    why: Option<String>,
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    if args.iter().any(|arg| arg == "--load") {
        return load();
    }
    assert!(
        rustix::process::geteuid().is_root(),
        "network namespaces need root: sudo -E cargo bench --bench netboot"
    );
    let boards = number("PIPROV_BENCH_BOARDS", 200);
    let mib = number("PIPROV_BENCH_MIB", 40);
    let dir = tempfile::tempdir().unwrap();
    let files = tree(dir.path(), mib);
    let mut runs: [Vec<Run>; 2] = Default::default();
    let rounds = number("PIPROV_BENCH_ROUNDS", 3);
    for _ in 0..rounds {
        for (name, runs) in ["piprov", "dnsmasq"].into_iter().zip(&mut runs) {
            let run = measure(name, dir.path());
            eprintln!("{name:<8} {run:?}");
            runs.push(run);
        }
    }
    let mut table = format!(
        "### A rack that is switched on\n\n{boards} models of the Pi 4 within a second, each with DHCP and {files} files of \
         {mib} MiB in all over TFTP (blksize 1468, lock step); veth. Median of {rounds} rounds, the servers one after the \
         other in each. Ratios: the other server divided by piprov.\n\n\
         | server | complete | time | total rate | lowest to highest | ratio | CPU s/GiB | ratio | memory | longest file \
         | sent again |\n\
         |---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n"
    );
    let median = |runs: &[Run], of: fn(&Run) -> f64| {
        let mut values: Vec<f64> = runs.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let (rate, cpu) = (|run: &Run| run.rate, |run: &Run| run.cpu);
    let (base_rate, base_cpu) = (median(&runs[0], rate), median(&runs[0], cpu));
    for (name, runs) in ["piprov netboot serve", "dnsmasq"].into_iter().zip(&runs) {
        let most = |of: fn(&Run) -> f64| runs.iter().map(of).fold(0.0, f64::max);
        let _ = writeln!(
            table,
            "| {name} | {} of {boards} | {:.1} s | {:.1} MiB/s | {:.0}–{:.0} | {:.2} | {:.2} | {:.2} | {:.1} MiB | {:.1} s | {} |",
            runs.iter().map(|run| run.complete).min().unwrap_or(0),
            median(runs, |run| run.seconds),
            median(runs, rate),
            runs.iter().map(rate).fold(f64::INFINITY, f64::min),
            most(rate),
            median(runs, rate) / base_rate,
            median(runs, cpu),
            median(runs, cpu) / base_cpu,
            most(|run| run.memory),
            most(|run| run.slowest),
            runs.iter().map(|run| run.repeats).max().unwrap_or(0),
        );
    }
    println!("{table}");
    let out = std::env::var("PIPROV_BENCH_OUT").unwrap_or("target/bench-netboot.md".to_owned());
    std::fs::write(&out, table).unwrap();
    eprintln!("written to {out}");
}

/// Files beside those that every Pi 4 asks for.
fn overlays() -> Vec<String> {
    (0..16).map(|n| format!("overlays/bench-{n}.dtbo")).collect()
}

/// The boot files; gives how many a board fetches.
fn tree(dir: &Path, mib: u64) -> usize {
    use std::os::unix::fs::PermissionsExt;
    let root = dir.join("tftp");
    std::fs::create_dir_all(root.join("overlays")).unwrap();
    let mut files = vec![
        ("start4.elf".to_owned(), 2_300_000),
        ("fixup4.dat".to_owned(), 5_400),
        // Three times in a boot.
        ("config.txt".to_owned(), 2_000),
        ("bcm2711-rpi-4-b.dtb".to_owned(), 56_000),
        ("cmdline.txt".to_owned(), 160),
        ("kernel8.img".to_owned(), 9_500_000),
        ("overlays/overlay_map.dtb".to_owned(), 6_000),
        ("overlays/vc4-kms-v3d.dtbo".to_owned(), 3_900),
    ];
    files.extend(overlays().into_iter().map(|name| (name, 2_500)));
    let rest: u64 = files.iter().map(|(_, len)| len).sum();
    files.push(("initramfs8".to_owned(), (mib << 20).saturating_sub(rest).max(1)));
    for (name, len) in &files {
        let bytes: Vec<u8> = (0..*len).map(|at| (at % 251) as u8).collect();
        std::fs::write(root.join(name), bytes).unwrap();
        std::fs::set_permissions(root.join(name), std::fs::Permissions::from_mode(0o644)).unwrap();
    }
    std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o755)).unwrap();
    files.len()
}

fn start(name: &str, net: &Net, dir: &Path) -> Child {
    let root = dir.join("tftp");
    let mut command;
    if name == "piprov" {
        command = Net::command(&net.server, Path::new(env!("CARGO_BIN_EXE_piprov")));
        command.args(["netboot", "serve", "--interface", "tf0", "--mode", "dhcp", "--force"]);
        command.args(["--range", "10.99.4.1-10.99.6.250", "--tftp-root"]).arg(&root);
        command.arg("--state").arg(dir.join("state")).env("PIPROV_STATE_DIR", dir.join("piprov"));
    } else {
        let found = Command::new("dnsmasq").arg("--version").output();
        assert!(found.is_ok(), "dnsmasq is missing: sudo apt-get install --yes dnsmasq-base");
        command = Net::command(&net.server, Path::new("dnsmasq"));
        command.args([
            "-k",
            "-C",
            "/dev/null",
            "--port=0",
            "--interface=tf0",
            "--bind-interfaces",
            "--user=root",
        ]);
        command.args(["--pid-file=", "--dhcp-authoritative", "--no-ping", "--log-facility=/dev/null"]);
        command.args(["--dhcp-range=10.99.4.1,10.99.6.250,1h", "--pxe-service=0,Raspberry Pi Boot"]);
        // Its limit of 50 transfers would leave most boards waiting.
        command.args(["--enable-tftp", "--tftp-max=400"]).arg(format!("--tftp-root={}", root.display()));
        command.arg(format!("--dhcp-leasefile={}", dir.join("dnsmasq.leases").display()));
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap()
}

fn measure(name: &str, dir: &Path) -> Run {
    let net = Net::new();
    let never = Stop::new().unwrap();
    let group = Group::new();
    let mut child = start(name, &net, dir);
    group.add(&child);
    let _ = never.wait(Duration::from_secs(1));
    group.processes().into_iter().for_each(ground::go_first);
    let before = group.cpu();
    let mut command = Net::command(&net.client, &std::env::current_exe().unwrap());
    let output = command.arg("--load").stderr(Stdio::inherit()).output().unwrap();
    let load: Load = serde_json::from_slice(&output.stdout).unwrap();
    if let Some(why) = &load.why {
        eprintln!("{name}: a board failed: {why}");
    }
    let run = Run {
        complete: load.complete,
        seconds: load.seconds,
        rate: load.bytes as f64 / load.seconds / f64::from(1 << 20),
        cpu: (group.cpu() - before) / (load.bytes as f64 / f64::from(1 << 30)),
        memory: group.memory(),
        repeats: load.repeats,
        slowest: load.slowest,
    };
    group.end();
    let _ = child.wait();
    run
}

/// The part of this program that runs in the boards' namespace.
fn load() {
    let count = number("PIPROV_BENCH_BOARDS", 200);
    let more = overlays();
    let mut boards: Vec<Board> = (0..count)
        .map(|n| {
            let mut board = Board::new(Kind::Pi4, n as u16 + 1);
            board.keep = false;
            board.system = false;
            board.wait = Duration::from_millis(n * 1000 / count);
            board.also(&more);
            board
        })
        .collect();
    let start = Instant::now();
    run(&mut boards, "tf0", Duration::from_secs(number("PIPROV_BENCH_SECONDS", 300)));
    let load = Load {
        complete: boards.iter().filter(|board| board.has_kernel()).count(),
        seconds: start.elapsed().as_secs_f64(),
        bytes: boards.iter().map(|board| board.fetched).sum(),
        repeats: boards.iter().map(|board| board.repeats).sum(),
        slowest: boards.iter().map(|board| board.slowest).max().unwrap_or_default().as_secs_f64(),
        why: boards.iter().find_map(|board| board.end.clone()?.err()),
    };
    println!("{}", serde_json::to_string(&load).unwrap());
}
