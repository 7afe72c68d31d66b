//! The part with a process a client: how it is run, and its tables.

use std::fmt::Write;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use piprov::stop::Stop;

use crate::ground::{self, Group, Net};
use crate::servers::Server;
use crate::{SIZE, alone, median};

/// Processors that server and clients share, so that the figures of a large machine mean the same.
const PROCESSORS: usize = 2;

struct Run {
    rate: f64,
    cpu: f64,
    result: alone::Result,
}

impl Run {
    fn spread(&self) -> f64 {
        self.result.fastest / self.result.slowest
    }
}

/// The part of the benchmark that runs in the clients' namespace.
pub(crate) fn load(args: &[String]) {
    let number = |at: usize| args[at].parse::<u64>().unwrap();
    let result = alone::run(number(0) as usize, Duration::from_secs(number(1)), SIZE);
    println!("{}", serde_json::to_string(&result).unwrap());
}

/// All numbers of clients, all servers in turns.
pub(crate) fn measure_all(
    table: &mut String,
    servers: &[Server],
    net: &Net,
    root: &Path,
    rounds: u64,
    seconds: u64,
) {
    let counts = std::env::var("PIPROV_BENCH_ALONE").unwrap_or("1,20,200".to_owned());
    let counts: Vec<usize> = counts.split(',').filter_map(|count| count.parse().ok()).collect();
    if counts.is_empty() {
        return;
    }
    confine();
    let _ = writeln!(
        table,
        "\n### A process a client, window 1\n\nEach client is a process with a blocking socket and a clock of its own, on \
         the same {PROCESSORS} processors as the server. A run ends after {seconds} s. \"Sent again\" by clients (they \
         heard nothing for a second) and by the server; \"spread\" is the fastest client's rate divided by the slowest \
         one's, the worst of all rounds.",
    );
    for clients in counts {
        let mut runs: Vec<Vec<Run>> = servers.iter().map(|_| Vec::new()).collect();
        for _ in 0..rounds {
            for (server, runs) in servers.iter().zip(&mut runs) {
                let run = measure(server, net, root, clients, seconds);
                eprintln!(
                    "{clients:>3} processes: {:<10} {:.1} MiB/s, {:.2} CPU s/GiB, spread {:.2}, {:?}",
                    server.name,
                    run.rate,
                    run.cpu,
                    run.spread(),
                    run.result
                );
                runs.push(run);
            }
        }
        section(table, clients, servers, &runs);
    }
}

/// From now on this process and all that it starts have the first two processors only.
fn confine() {
    let all = rustix::thread::sched_getaffinity(None).unwrap();
    let mut few = rustix::thread::CpuSet::new();
    let here = (0..rustix::thread::CpuSet::MAX_CPU).filter(|cpu| all.is_set(*cpu));
    here.take(PROCESSORS).for_each(|cpu| few.set(cpu));
    rustix::thread::sched_setaffinity(None, &few).unwrap();
}

fn measure(server: &Server, net: &Net, root: &Path, clients: usize, seconds: u64) -> Run {
    let never = Stop::new().unwrap();
    let group = Group::new();
    let mut child = server.start(net, root);
    group.add(&child);
    let _ = never.wait(Duration::from_millis(700));
    group.processes().into_iter().for_each(ground::go_first);
    ground::go_first(std::process::id());
    let before = group.cpu();
    let mut command = Net::command(&net.client, &std::env::current_exe().unwrap());
    command.args(["--alone-load", &clients.to_string(), &seconds.to_string()]);
    let output = command.stdout(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
    assert!(output.status.success(), "{}: the clients failed", server.name);
    let result: alone::Result = serde_json::from_slice(&output.stdout).unwrap();
    let cpu = group.cpu() - before;
    group.end();
    child.wait().unwrap();
    let gib = result.bytes as f64 / f64::from(1 << 30);
    Run { rate: gib * 1024.0 / result.seconds, cpu: cpu / gib, result }
}

fn section(table: &mut String, clients: usize, servers: &[Server], runs: &[Vec<Run>]) {
    let es = if clients == 1 { "" } else { "es" };
    let _ = writeln!(table, "\n#### {clients} process{es}\n");
    let _ = writeln!(
        table,
        "| server | MiB/s | lowest to highest | ratio | CPU s/GiB | ratio | sent again by clients | by the server | spread |"
    );
    let _ = writeln!(table, "|---|--:|--:|--:|--:|--:|--:|--:|--:|");
    let (rate, cpu) = (|run: &Run| run.rate, |run: &Run| run.cpu);
    let (base_rate, base_cpu) = (median(&runs[0], rate), median(&runs[0], cpu));
    for (server, runs) in servers.iter().zip(runs) {
        let rates = runs.iter().map(rate);
        let (low, high) = rates.fold((f64::INFINITY, 0_f64), |(low, high), it| (low.min(it), high.max(it)));
        let most = |of: fn(&alone::Result) -> u64| runs.iter().map(|run| of(&run.result)).max().unwrap_or(0);
        let spread = runs.iter().map(Run::spread).fold(0.0, f64::max);
        let _ = writeln!(
            table,
            "| {} | {:.1} | {low:.0}–{high:.0} | {:.2} | {:.2} | {:.2} | {} | {} | {} |",
            server.name,
            median(runs, rate),
            median(runs, rate) / base_rate,
            median(runs, cpu),
            median(runs, cpu) / base_cpu,
            most(|result| result.by_client),
            most(|result| result.by_server),
            // A client that got nothing at all makes it infinite.
            if spread.is_finite() { format!("{spread:.2}") } else { "a client got nothing".to_owned() },
        );
    }
}
