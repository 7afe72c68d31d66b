//! The TFTP server beside tftpd-hpa, atftpd and dnsmasq: rate, processor time and memory.
//!
//! `sudo -E cargo bench --bench tftp`; it needs root for network namespaces. Environment:
//! `PIPROV_BENCH_ROUNDS` (3), `PIPROV_BENCH_SECONDS` for one run at most (8), `PIPROV_BENCH_ONLY` (names of servers),
//! `PIPROV_BENCH_CASES` (`clients`x`window`, as in `1x1,200x16`), `PIPROV_BENCH_ALONE` (numbers of clients that are a
//! process each, as in `1,20,200`; that part alone with `PIPROV_BENCH_CASES=-`), `PIPROV_BENCH_OUT` (the table's file).
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a bench is a program for people"
)]

#[path = "tftp/alone.rs"]
mod alone;
#[path = "tftp/alone_table.rs"]
mod alone_table;
#[path = "tftp/client.rs"]
mod client;
#[path = "tftp/ground.rs"]
mod ground;
#[path = "tftp/servers.rs"]
mod servers;

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use client::Load;
use ground::{Group, Net};
use piprov::stop::Stop;
use servers::Server;

const SIZE: u64 = 64 << 20;
const BLKSIZE: u16 = 1468;

/// One run of one server.
#[derive(Debug, Clone, Copy)]
struct Run {
    rate: f64,
    cpu: f64,
    memory: f64,
    repeats: u64,
    window: u64,
    whole: bool,
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let from = |name: &str| args.iter().position(|arg| arg == name).map(|at| &args[at + 1..]);
    if let Some(args) = from("--load") {
        return load(args);
    }
    if let Some(args) = from("--alone-load") {
        return alone_table::load(args);
    }
    if let Some(args) = from("--alone") {
        return alone::one(args, server(), &client::pattern());
    }
    assert!(
        rustix::process::geteuid().is_root(),
        "network namespaces need root: sudo -E cargo bench --bench tftp"
    );
    let number = |name: &str, default: u64| std::env::var(name).map_or(default, |text| text.parse().unwrap());
    let rounds = number("PIPROV_BENCH_ROUNDS", 3);
    let seconds = number("PIPROV_BENCH_SECONDS", 8);
    let cases = std::env::var("PIPROV_BENCH_CASES").unwrap_or("1x1,20x1,200x1,1x16,20x16,200x16".to_owned());
    let cases: Vec<(usize, u16)> = cases
        .split(',')
        .filter_map(|case| case.split_once('x'))
        .map(|(clients, window)| (clients.parse().unwrap(), window.parse().unwrap()))
        .collect();
    let servers = servers::all();
    let root = content();
    let net = Net::new();
    let mut table = heading(rounds, seconds);
    for (clients, window) in cases {
        let mut runs: Vec<Vec<Run>> = servers.iter().map(|_| Vec::new()).collect();
        // One round after the other, so that a busy moment of the machine meets all of them.
        for _ in 0..rounds {
            for (server, runs) in servers.iter().zip(&mut runs) {
                let run = measure(server, &net, root.path(), clients, window, seconds);
                eprintln!("{clients:>3} clients, window {window:>2}: {:<10} {run:?}", server.name);
                runs.push(run);
            }
        }
        section(&mut table, clients, window, &servers, &runs);
    }
    alone_table::measure_all(&mut table, &servers, &net, root.path(), rounds, seconds);
    println!("{table}");
    let out = std::env::var("PIPROV_BENCH_OUT").unwrap_or("target/bench-tftp.md".to_owned());
    std::fs::write(&out, table).unwrap();
    eprintln!("written to {out}");
}

/// Where the server answers.
fn server() -> std::net::SocketAddr {
    format!("{}:69", ground::SERVER).parse().unwrap()
}

/// A folder that every user may read, with the file.
fn content() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt;
    let root = tempfile::tempdir().unwrap();
    std::fs::set_permissions(root.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let pattern = client::pattern();
    let bytes: Vec<u8> = pattern[..client::PERIOD].iter().copied().cycle().take(SIZE as usize).collect();
    std::fs::write(root.path().join("file"), bytes).unwrap();
    std::fs::set_permissions(root.path().join("file"), std::fs::Permissions::from_mode(0o644)).unwrap();
    root
}

/// The part of this program that runs in the clients' namespace.
fn load(args: &[String]) {
    let number = |at: usize| args[at].parse::<u64>().unwrap();
    let result = client::run(Load {
        server: server(),
        clients: number(0) as usize,
        window: number(1) as u16,
        blksize: BLKSIZE,
        size: SIZE,
        limit: Duration::from_secs(number(2)),
    });
    println!("{}", serde_json::to_string(&result).unwrap());
}

fn measure(server: &Server, net: &Net, root: &Path, clients: usize, window: u16, seconds: u64) -> Run {
    let never = Stop::new().unwrap();
    let group = Group::new();
    let mut child = server.start(net, root);
    group.add(&child);
    let _ = never.wait(Duration::from_millis(700));
    group.processes().into_iter().for_each(ground::go_first);
    ground::go_first(std::process::id());
    let before = group.cpu();
    let mut command = Net::command(&net.client, &std::env::current_exe().unwrap());
    command.args(["--load", &clients.to_string(), &window.to_string(), &seconds.to_string()]);
    let mut clients_run = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
    // Looking costs something too: a few times is enough, since memory doesn't shrink during a transfer.
    let mut memory: f64 = 0.0;
    for pause in [250, 700, 1500] {
        let _ = never.wait(Duration::from_millis(pause));
        memory = memory.max(group.memory());
        if clients_run.try_wait().unwrap().is_some() {
            break;
        }
    }
    let output = clients_run.wait_with_output().unwrap();
    assert!(output.status.success(), "{}: the clients failed", server.name);
    let result: client::Result = serde_json::from_slice(&output.stdout).unwrap();
    memory = memory.max(group.memory());
    let cpu = group.cpu() - before;
    group.end();
    child.wait().unwrap();
    let gib = result.bytes as f64 / f64::from(1 << 30);
    Run {
        rate: gib * 1024.0 / result.seconds,
        cpu: cpu / gib,
        memory,
        repeats: result.repeats,
        window: result.window,
        whole: result.finished == clients,
    }
}

fn heading(rounds: u64, seconds: u64) -> String {
    let model = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = model.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("");
    let model = model.trim_start_matches([' ', '\t', ':']);
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!(
        "## TFTP\n\nFiles of {} MiB, blksize {BLKSIZE}, server and clients in two namespaces over a veth pair. \
         {cpus} CPUs ({model}), Linux {}. Median of {rounds} rounds, the servers one after the other in each; a run \
         ends after {seconds} s if not all clients have their file by then. Every byte is compared. Ratios: \
         the other server divided by piprov; rates below 1 and processor time above 1 are in piprov's favour.\n",
        SIZE >> 20,
        kernel.trim()
    )
}

fn median<T>(runs: &[T], of: impl Fn(&T) -> f64) -> f64 {
    let mut values: Vec<f64> = runs.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn section(table: &mut String, clients: usize, window: u16, servers: &[Server], runs: &[Vec<Run>]) {
    let s = if clients == 1 { "" } else { "s" };
    let _ = writeln!(table, "\n### {clients} client{s}, window {window}\n");
    let _ =
        writeln!(table, "| server | MiB/s | ratio | CPU s/GiB | ratio | memory MiB | repeats | remarks |");
    let _ = writeln!(table, "|---|--:|--:|--:|--:|--:|--:|---|");
    let (rate, cpu) = (|run: &Run| run.rate, |run: &Run| run.cpu);
    let (base_rate, base_cpu) = (median(&runs[0], rate), median(&runs[0], cpu));
    for (server, runs) in servers.iter().zip(runs) {
        let mut remarks = Vec::new();
        if runs.iter().any(|run| run.window < u64::from(window)) {
            remarks.push("knows no windowsize");
        }
        if runs.iter().any(|run| !run.whole) {
            remarks.push("ended by the time limit");
        }
        let _ = writeln!(
            table,
            "| {} | {:.1} | {:.2} | {:.2} | {:.2} | {:.1} | {} | {} |",
            server.name,
            median(runs, rate),
            median(runs, rate) / base_rate,
            median(runs, cpu),
            median(runs, cpu) / base_cpu,
            runs.iter().map(|run| run.memory).fold(0.0, f64::max),
            runs.iter().map(|run| run.repeats).max().unwrap_or(0),
            remarks.join(", "),
        );
    }
}
