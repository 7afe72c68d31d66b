//! What a station costs that has much to look after: boards that wait for work, and long lists.
//!
//! `cargo bench --bench station`. Environment: `PIPROV_BENCH_IDLE` (boards that wait, 500), `PIPROV_BENCH_SECONDS` (how
//! long they are watched, 30), `PIPROV_BENCH_DIR` (`target/bench-station`), `PIPROV_BENCH_OUT` (the table's file,
//! `target/bench-station.md`). The boards are the agent's session, a thread each, in a process of their own.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a bench is a program for people"
)]

mod common;
#[path = "common/many.rs"]
mod many;
#[allow(dead_code, unreachable_pub, reason = "tests use the rest")]
#[path = "../tests/support/postgres.rs"]
mod postgres;

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::station::{Process, Station};
use common::{goal, number};
use piprov::agent::facts::facts;
use piprov::agent::identity::Identity;
use piprov::agent::leds::Leds;
use piprov::agent::session::{Disks, Options, Session};
use piprov::board::{Mac, Serial};
use piprov::device_api::Register;
use piprov::http::{Client, Limits, Trust};
use piprov::stop::Stop;
use postgres::Postgres;

/// What a list may take.
const LIST: Duration = Duration::from_millis(50);

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.get(1).map(String::as_str) == Some("--boards") {
        return boards(&arguments[2], arguments[3].parse().unwrap());
    }
    common::bench("bench-station", run);
}

fn run(dir: &Path) -> String {
    let idle = number("PIPROV_BENCH_IDLE", 500);
    let mut table = format!(
        "## A station with many boards\n\n{}; {} processors.\n{}",
        common::cpu(),
        common::processors(),
        common::GOALS
    );
    waiting(&mut table, &dir.join("idle"), idle, Duration::from_secs(number("PIPROV_BENCH_SECONDS", 30)));
    let postgres = Postgres::get();
    let databases = [("SQLite", None), ("PostgreSQL", Some(postgres.database()))];
    let mut lists = String::from(
        "\n### Lists over HTTP\n\n10,000 boards, 100,000 runs; the least of 8 calls.\n\n| list | SQLite | PostgreSQL |\n|---|---:|---:|\n",
    );
    let times = databases.map(|(what, url)| {
        let times = list_times(&dir.join(what), url.as_deref());
        let (slowest, took) = times.iter().max_by_key(|(_, took)| *took).unwrap();
        let seen = format!("{:.1} ms ({slowest})", took.as_secs_f64() * 1e3);
        goal(&mut table, &format!("each list and filter, {what}"), "under 50 ms", &seen, *took < LIST);
        times
    });
    for ((what, one), (_, other)) in times[0].iter().zip(&times[1]) {
        let ms = |took: &Duration| took.as_secs_f64() * 1e3;
        writeln!(lists, "| {what} | {:.1} ms | {:.1} ms |", ms(one), ms(other)).unwrap();
    }
    table + &lists
}

/// Boards that have nothing to do ask again and again.
fn waiting(table: &mut String, dir: &Path, count: u64, time: Duration) {
    let station = Station::start(dir, "");
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--boards", &station.url, &count.to_string()]).stdout(Stdio::null());
    let _boards = Process::start(&mut command);
    let began = Instant::now();
    let present = || {
        let out = Command::new("curl").args(["-sS", &format!("{}/metrics", station.url)]).output().unwrap();
        let text = String::from_utf8(out.stdout).unwrap();
        let line =
            text.lines().find_map(|line| line.strip_prefix("piprov_boards_present ")).map(str::to_owned);
        line.unwrap_or_else(|| panic!("{text}")).parse::<u64>().unwrap()
    };
    while present() < count {
        assert!(began.elapsed() < Duration::from_secs(120), "{} of {count} boards come", present());
        std::thread::sleep(Duration::from_millis(200));
    }
    let came = began.elapsed().as_secs_f64();
    std::thread::sleep(Duration::from_secs(2));
    let (before, began) = (station.process.cpu(), Instant::now());
    std::thread::sleep(time);
    let share = (station.process.cpu() - before) / began.elapsed().as_secs_f64() * 100.0;
    let each = share / (count as f64 / 100.0);
    let (memory, most) = station.process.memory();
    assert_eq!(present(), count, "all of them are still there");
    goal(
        table,
        &format!("processor, {count} boards that wait"),
        "under 1 % of one for each 100",
        &format!("{each:.2} % ({share:.2} % in all, over {} s)", time.as_secs()),
        each < 1.0,
    );
    goal(
        table,
        &format!("memory, {count} boards that wait"),
        "under 150 MiB",
        &format!("{memory:.0} MiB (at most {most:.0}, while all of them came within {came:.1} s)"),
        most < 150.0,
    );
}

/// The boards' process.
fn boards(url: &str, count: u64) {
    let stop = Stop::new().unwrap();
    std::thread::scope(|scope| {
        for n in 0..count {
            let stop = &stop;
            let board = std::thread::Builder::new().stack_size(256 << 10);
            board.spawn_scoped(scope, move || board_of(url, n, stop)).unwrap();
        }
    });
}

fn board_of(url: &str, n: u64, stop: &Stop) {
    let tell = || Register {
        serial: Some(format!("{:016x}", 0x3000_0000_0000_0000 + n).parse::<Serial>().unwrap()),
        macs: vec![Mac::new([2, 0, 0, 0, (n >> 8) as u8, n as u8])],
        simulated: true,
        ..facts(Path::new("/nonexistent"))
    };
    let session = Session {
        options: Options {
            origin: url.parse().unwrap(),
            trust: Trust::System,
            key: None,
            disks: Disks::Files(Vec::new()),
            run_scripts: false,
            eeprom: None,
            faster: None,
        },
        identity: Identity::new().unwrap(),
        facts: &tell,
        leds: Leds::default(),
        stop,
        say: &|text| {
            if !text.starts_with("registered") {
                eprintln!("board {n}: {text}");
            }
        },
        seen: std::sync::Mutex::default(),
    };
    session.run().unwrap();
}

/// How long each list takes, asked for over HTTP.
fn list_times(dir: &Path, database: Option<&str>) -> Vec<(String, Duration)> {
    let config = database.map_or_else(String::new, |url| format!("[station]\nstore = \"{url}\"\n"));
    let _station = Station::start(dir, &config);
    many::fill(database, dir);
    let origin = format!("unix:{}", dir.join("station.sock").display()).parse().unwrap();
    let client = Client::new(origin, Trust::System, Limits::default(), &Stop::new().unwrap()).unwrap();
    let paths = [
        ("runs", "runs"),
        ("runs, from the middle", "runs?after=50000000.100000050000"),
        ("runs of a board", "runs?board=100042"),
        ("runs of a serial number", "runs?serial=10000042"),
        ("runs that failed", "runs?outcome=failed"),
        ("runs with an outcome that none has", "runs?outcome=lost"),
        ("runs of a way", "runs?way=flash"),
        ("failed runs of a way", "runs?way=flash&outcome=failed"),
        ("500 runs", "runs?limit=500"),
        ("boards", "boards"),
        ("500 boards", "boards?limit=500"),
        ("boards, from the middle", "boards?after=105000"),
        ("boards whose name begins so", "boards?begins=b99"),
        ("boards with a serial number", "boards?serial=10000042"),
        ("boards that wait for a person", "boards?enrolment=waiting"),
        ("boards in a slot", "boards?slot=A-01"),
        ("a board by its name", "boards/b4711"),
        ("jobs", "jobs"),
        ("the station's state", "station"),
    ];
    let time = |path: &str| {
        let once = || {
            let began = Instant::now();
            let reply = client
                .get(&format!("/api/v1/{path}"))
                .send()
                .unwrap_or_else(|error| panic!("{path}: {error}"));
            reply.bytes(16 << 20).unwrap();
            began.elapsed()
        };
        (0..8).map(|_| once()).min().unwrap()
    };
    paths.iter().map(|(what, path)| ((*what).to_owned(), time(path))).collect()
}
