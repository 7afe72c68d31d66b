//! The DHCP server beside dnsmasq: exchanges a second and processor time, with perfdhcp as the clients.
//!
//! `sudo -E cargo bench --bench dhcp`; it needs root for network namespaces. Environment: `PIPROV_BENCH_ROUNDS` (3),
//! `PIPROV_BENCH_SECONDS` for one run (4), `PIPROV_BENCH_OUT` (the table's file).
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a bench is a program for people"
)]

#[allow(dead_code, reason = "shared with the TFTP bench")]
#[path = "tftp/ground.rs"]
mod ground;

use std::fmt::Write;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use ground::{Group, Net};
use piprov::dhcp::{Config, Handed, Mode, Server};
use piprov::stop::Stop;

/// Of the server and of perfdhcp, which calls itself a relay. The ground's own network has too few addresses.
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 97, 0, 1);
const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 97, 0, 2);
/// Boards that take part.
const BOARDS: u32 = 2000;

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Who {
    Piprov,
    /// As it comes: pings each new address, one after the other.
    Dnsmasq,
    /// Told not to look whether an address is free.
    DnsmasqNoPing,
}

impl Who {
    const ALL: [Self; 3] = [Self::Piprov, Self::Dnsmasq, Self::DnsmasqNoPing];

    const fn name(self) -> &'static str {
        match self {
            Self::Piprov => "piprov",
            Self::Dnsmasq => "dnsmasq",
            Self::DnsmasqNoPing => "dnsmasq --no-ping",
        }
    }

    fn start(self, net: &Net, dir: &Path) -> Child {
        let mut command = match self {
            Self::Piprov => {
                let mut command = Net::command(&net.server, &std::env::current_exe().unwrap());
                command.arg("--serve").arg(dir);
                command
            }
            Self::Dnsmasq | Self::DnsmasqNoPing => {
                let mut command = Net::command(&net.server, Path::new("dnsmasq"));
                command.args(["-k", "-C", "/dev/null", "--port=0", "--interface=tf0", "--bind-interfaces"]);
                command.args(["--user=root", "--pid-file=", "--dhcp-authoritative", "--log-facility=-"]);
                command
                    .args(["--dhcp-range=10.97.1.0,10.97.40.255,255.255.0.0,1h", "--dhcp-lease-max=100000"]);
                command.arg("--pxe-service=0,Raspberry Pi Boot");
                command.arg(format!("--dhcp-leasefile={}", dir.join("leases").display()));
                if self == Self::DnsmasqNoPing {
                    command.arg("--no-ping");
                }
                command
            }
        };
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("dnsmasq-base")
    }
}

/// What the boards do.
#[derive(Debug, Clone, Copy)]
struct Case {
    title: &'static str,
    /// DISCOVER and OFFER only.
    initial: bool,
    /// Exchanges that are begun each second; as many as go for `None`.
    rate: Option<u32>,
}

const CASES: [Case; 4] = [
    Case { title: "DISCOVER-OFFER, 1000 a second", initial: true, rate: Some(1000) },
    Case { title: "with REQUEST-ACK, 1000 a second", initial: false, rate: Some(1000) },
    Case { title: "DISCOVER-OFFER, as many as go", initial: true, rate: None },
    Case { title: "with REQUEST-ACK, as many as go", initial: false, rate: None },
];

#[derive(Debug, Clone, Copy)]
struct Run {
    sent: f64,
    answered: f64,
    seconds: f64,
    cpu: f64,
    memory: f64,
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    if let Some(at) = args.iter().position(|arg| arg == "--serve") {
        return serve(Path::new(&args[at + 1]));
    }
    assert!(
        rustix::process::geteuid().is_root(),
        "network namespaces need root: sudo -E cargo bench --bench dhcp"
    );
    for (program, package) in [("dnsmasq", "dnsmasq-base"), ("perfdhcp", "kea-admin")] {
        let found =
            Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        assert!(
            found.is_ok(),
            "{program} is missing: sudo apt-get install --yes --no-install-recommends {package}"
        );
    }
    let number = |name: &str, default: u64| std::env::var(name).map_or(default, |text| text.parse().unwrap());
    let rounds = number("PIPROV_BENCH_ROUNDS", 3);
    let seconds = number("PIPROV_BENCH_SECONDS", 4);
    let net = Net::new();
    for (space, address) in [(&net.server, SERVER), (&net.client, CLIENT)] {
        let address = format!("{address}/16");
        let status = Command::new("ip").args(["-n", space, "addr", "add", &address, "dev", "tf0"]).status();
        assert!(status.unwrap().success());
    }
    let mut table = heading(rounds, seconds);
    for case in CASES {
        let mut runs: Vec<Vec<Run>> = Who::ALL.iter().map(|_| Vec::new()).collect();
        // One round after the other, so that a busy moment of the machine meets all of them.
        for _ in 0..rounds {
            for (who, runs) in Who::ALL.into_iter().zip(&mut runs) {
                let run = measure(who, &net, case, seconds);
                eprintln!("{}: {:<18} {run:?}", case.title, who.name());
                runs.push(run);
            }
        }
        section(&mut table, case, &runs);
    }
    println!("{table}");
    let out = std::env::var("PIPROV_BENCH_OUT").unwrap_or("target/bench-dhcp.md".to_owned());
    std::fs::write(&out, table).unwrap();
    eprintln!("written to {out}");
}

/// The part of this program that runs in the server's namespace.
fn serve(dir: &Path) {
    let mut config = Config::new("tf0", PathBuf::from(dir));
    config.mode = Mode::Dhcp;
    config.server = Some(SERVER);
    config.range = Some((Ipv4Addr::new(10, 97, 1, 0), Ipv4Addr::new(10, 97, 40, 255)));
    config.lease_time = Duration::from_secs(3600);
    config.force = true;
    let stop = Stop::new().unwrap();
    let mut server = Server::open(&config, Handed::default(), &stop).unwrap();
    // As the program does with its events: looks at each of them.
    let mut heard = 0u64;
    server
        .run(&mut |event| heard += u64::from(matches!(event, piprov::dhcp::event::Event::Heard(_))), &stop)
        .unwrap();
}

fn measure(who: Who, net: &Net, case: Case, seconds: u64) -> Run {
    let never = Stop::new().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let group = Group::new();
    let mut child = who.start(net, dir.path());
    group.add(&child);
    let _ = never.wait(Duration::from_millis(700));
    group.processes().into_iter().for_each(ground::go_first);
    ground::go_first(std::process::id());
    let before = group.cpu();
    let mut command = Net::command(&net.client, Path::new("perfdhcp"));
    command.args(["-4", "-l", &CLIENT.to_string(), "-b", "mac=dc:a6:32:00:00:00", "-R", &BOARDS.to_string()]);
    command.args(["-p", &seconds.to_string(), "-W", "1000000", "-s", "7"]);
    // The options of a Pi 5's bootloader: class, architecture, machine id.
    command.args([
        "-o",
        "60,505845436c69656e743a417263683a30303030303a554e44493a303032303031",
        "-o",
        "93,0000",
    ]);
    command.args(["-o", "97,00525069357041d00032aabbcc4d01ab99"]);
    if case.initial {
        command.arg("-i");
    }
    if let Some(rate) = case.rate {
        command.args(["-r", &rate.to_string()]);
    }
    let output = command.arg(SERVER.to_string()).output().unwrap();
    let memory = group.memory();
    let cpu = group.cpu() - before;
    group.end();
    child.wait().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let exchange = if case.initial { "DISCOVER-OFFER" } else { "REQUEST-ACK" };
    let after = |from: &str, name: &str| -> f64 {
        let part = text.split(from).nth(1).unwrap_or_default();
        let line = part.lines().find_map(|line| line.trim().strip_prefix(name));
        let line = line.unwrap_or_else(|| panic!("perfdhcp tells no {name}: {text}"));
        line.trim().split(' ').next().unwrap().parse().unwrap()
    };
    Run {
        sent: after("Statistics for: DISCOVER-OFFER", "sent packets:"),
        answered: after(&format!("Statistics for: {exchange}"), "received packets:"),
        seconds: seconds as f64,
        cpu,
        memory,
    }
}

fn heading(rounds: u64, seconds: u64) -> String {
    format!(
        "## DHCP\n\nperfdhcp as {BOARDS} boards that call themselves a Pi 5's bootloader, in another namespace over a \
         veth pair; the boards are new to the server, and meet it again during the run. Both servers keep their leases \
         on disk; piprov flushes them before it answers, and asks the network for each new address whether it is in \
         use; dnsmasq asks too unless told not to, one address after the other. An answer counts within a second. \
         {seconds} s a run, median of {rounds} rounds, the servers one after the other in each. Ratios: the other \
         server divided by piprov; rates below 1 and processor time above 1 are in piprov's favour.\n"
    )
}

fn median(runs: &[Run], of: impl Fn(&Run) -> f64) -> f64 {
    let mut values: Vec<f64> = runs.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn section(table: &mut String, case: Case, runs: &[Vec<Run>]) {
    let _ = writeln!(table, "\n### {}\n", case.title);
    let _ = writeln!(
        table,
        "| server | complete a second | ratio | unanswered | CPU ms/1000 | ratio | memory MiB |"
    );
    let _ = writeln!(table, "|---|--:|--:|--:|--:|--:|--:|");
    let rate = |run: &Run| run.answered / run.seconds;
    let cpu = |run: &Run| run.cpu * 1e6 / run.answered.max(1.0);
    let lost = |run: &Run| 100.0 - 100.0 * run.answered / run.sent.max(1.0);
    for (who, own) in Who::ALL.into_iter().zip(runs) {
        let per_thousand = match median(own, |run| run.answered) {
            // Nothing was answered in time, whatever it cost.
            0.0 => "- | -".to_owned(),
            _ => format!("{:.1} | {:.2}", median(own, cpu), median(own, cpu) / median(&runs[0], cpu)),
        };
        let _ = writeln!(
            table,
            "| {} | {:.0} | {:.2} | {:.0} % | {per_thousand} | {:.1} |",
            who.name(),
            median(own, rate),
            median(own, rate) / median(&runs[0], rate),
            median(own, lost),
            median(own, |run| run.memory),
        );
    }
}
