//! What happens when many boards come at once: a thousand boards of one project, a hundred at a time.
//!
//! `cargo bench --bench boards`. Environment: `PIPROV_BENCH_BOARDS` (1000), `PIPROV_BENCH_AT_ONCE` (100),
//! `PIPROV_BENCH_OUT` (the table's file, `target/bench-boards.md`). A board is the device protocol without a disk: it says
//! hello, registers, asks for work, takes the manifest, tells its progress and its result, each over a connection of its
//! own, and none waits between its calls.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a bench is a program for people"
)]

mod common;
#[path = "../tests/support/station.rs"]
mod model;
#[allow(dead_code, unreachable_pub, reason = "tests use the rest")]
#[path = "../tests/support/postgres.rs"]
mod postgres;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::{GOALS, goal, number};
use model::{Answer, Board, Station, request};
use postgres::Postgres;
use serde_json::{Value, json};

/// What nearly all calls may take.
const SOON: Duration = Duration::from_millis(20);

fn main() {
    let count = usize::try_from(number("PIPROV_BENCH_BOARDS", 1000)).unwrap();
    let at_once = usize::try_from(number("PIPROV_BENCH_AT_ONCE", 100)).unwrap();
    let mut table = format!(
        "## {count} boards as fast as they come, {at_once} at a time\n\n{}; {} processors, which the boards share with the station.\n{GOALS}",
        common::cpu(),
        common::processors()
    );
    let mut calls =
        String::from("\n| database | call | half of them within | 99 % within |\n|---|---|---:|---:|\n");
    let postgres = Postgres::get();
    for (what, is_sqlite) in [("SQLite", true), ("PostgreSQL", false)] {
        for at_once in [at_once, 4] {
            let database = (!is_sqlite).then(|| postgres.database());
            let what = format!("{what}, {at_once} at a time");
            let seen = provision(database.as_deref(), count, at_once);
            tell(&mut table, &mut calls, &what, count, &seen);
        }
    }
    let table = table + &calls;
    print!("{table}");
    fs::write(common::path("PIPROV_BENCH_OUT", "bench-boards.md"), table).unwrap();
}

/// What was seen of one station.
struct Seen {
    took: Duration,
    /// Each call with its time.
    calls: Vec<(&'static str, Duration)>,
    /// Boards whose records say done, of what was read back.
    done: usize,
    /// Different values that boards have.
    values: usize,
    /// Memory after a quarter of the boards, and at the end, in MiB.
    memory: (f64, f64),
}

fn tell(table: &mut String, list: &mut String, what: &str, count: usize, seen: &Seen) {
    let right = format!("{} records, {} values", seen.done, seen.values);
    let all = seen.done == count && seen.values == count;
    goal(
        table,
        &format!("{what}: every record right, no value twice"),
        &format!("{count} of each"),
        &right,
        all,
    );
    let (early, late) = seen.memory;
    let grown = format!("{early:.0} MiB after a quarter, {late:.0} MiB at the end");
    goal(table, &format!("{what}: memory"), "flat (at most a tenth more)", &grown, late <= early * 1.1);
    let mut all: Vec<_> = seen.calls.iter().map(|(_, took)| *took).collect();
    let (_, most) = parts(&mut all);
    let each = count as f64 / seen.took.as_secs_f64();
    let within = format!("{:.1} ms; {each:.0} boards a second", most.as_secs_f64() * 1e3);
    goal(table, &format!("{what}: 99 % of the calls"), "within 20 ms", &within, most <= SOON);
    for call in ["hello", "register", "work", "manifest", "progress", "result"] {
        let mut times: Vec<_> =
            seen.calls.iter().filter(|(of, _)| *of == call).map(|(_, took)| *took).collect();
        let (half, most) = parts(&mut times);
        let ms = |took: Duration| took.as_secs_f64() * 1e3;
        writeln!(list, "| {what} | {call} | {:.1} ms | {:.1} ms |", ms(half), ms(most)).unwrap();
    }
}

/// The middle one, and the one below which 99 of 100 are.
fn parts(times: &mut [Duration]) -> (Duration, Duration) {
    times.sort_unstable();
    (times[times.len() / 2], times[times.len() * 99 / 100])
}

fn memory(station: &Station) -> f64 {
    let status = fs::read_to_string(format!("/proc/{}/status", station.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
}

fn provision(database: Option<&str>, count: usize, at_once: usize) -> Seen {
    let dir = tempfile::tempdir().unwrap();
    let config = database.map_or_else(String::new, |url| format!("[station]\nstore = \"{url}\"\n"));
    fs::write(dir.path().join("piprov.toml"), config).unwrap();
    let station = Station::start(dir.path(), &["--config", "piprov.toml", "--enrol", "open"]);
    let image = station.put("/api/v1/images/os", &[7; 1 << 20]).ok();
    let sha256 = image["raw_sha256"].as_str().unwrap().to_owned();
    let range =
        json!({"kind": "sequence", "prefix": "SN", "width": 6, "start": 1, "step": 1, "end": 2 * count});
    station.admin("POST", "/api/v1/values", Some(&json!({"name": "sn", "of": range}))).ok();
    let project = json!({"name": "lab", "image": "os", "end": "wait", "values": ["sn"]});
    station.admin("PUT", "/api/v1/projects/lab", Some(&project)).ok();
    let rule = json!({"name": "all", "what": {"do": "project", "project": "lab"}});
    station.admin("POST", "/api/v1/rules", Some(&rule)).ok();
    let (next, early) = (AtomicUsize::new(0), Mutex::new(0.0));
    let all: Mutex<Vec<(&'static str, Duration)>> = Mutex::default();
    let values: Mutex<BTreeSet<String>> = Mutex::default();
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if n >= count {
                        return;
                    }
                    if n == count / 4 {
                        *early.lock().unwrap() = memory(&station);
                    }
                    let mut times = Vec::new();
                    let value = board(&station, n, &sha256, &mut times);
                    values.lock().unwrap().insert(value);
                    all.lock().unwrap().extend(times);
                }
            });
        }
    });
    let took = began.elapsed();
    let memory = (early.into_inner().unwrap(), memory(&station));
    let done = records(&station, &sha256);
    let (calls, values) = (all.into_inner().unwrap(), values.into_inner().unwrap().len());
    Seen { took, calls, done, values, memory }
}

/// How many boards have a record that says done, of what was read back.
fn records(station: &Station, sha256: &str) -> usize {
    let mut serials = BTreeSet::new();
    let mut path = "/api/v1/runs?limit=500&outcome=done".to_owned();
    loop {
        let page = station.admin("GET", &path, None).ok();
        for run in page["items"].as_array().unwrap() {
            let name = run["run"].as_str().unwrap();
            let record = station.admin("GET", &format!("/api/v1/runs/{name}"), None).ok();
            assert_eq!(record["detail"]["read_back_sha256"], sha256, "{record}");
            assert_eq!(run["project"], "lab", "{run}");
            serials.insert(run["serial"].as_str().unwrap().to_owned());
        }
        match page["next"].as_str() {
            Some(next) => path = format!("/api/v1/runs?limit=500&outcome=done&after={next}"),
            None => return serials.len(),
        }
    }
}

/// One board from its first call to its last; the value that is its own.
fn board(station: &Station, n: usize, sha256: &str, times: &mut Vec<(&'static str, Duration)>) -> String {
    let mut timed = |what: &'static str, call: &mut dyn FnMut() -> Answer| {
        let began = Instant::now();
        let answer = call();
        times.push((what, began.elapsed()));
        answer
    };
    let mut board = Board::new(&format!("{:016x}", 0x1000_0000_0000_0000_u64 + n as u64));
    let hello = timed("hello", &mut || station.call("GET", "/api/v1/device/hello", None, None)).ok();
    let body = board.told(hello["nonce"].as_str().unwrap()).to_string();
    let signature = board.sign(body.as_bytes());
    let registered =
        timed("register", &mut || board.register_with(station, body.as_bytes(), &signature)).ok();
    board.token = registered["token"].as_str().unwrap().to_owned();
    let work = timed("work", &mut || board.work(station, 30)).ok();
    let job = work["job"].as_str().unwrap();
    let token = work["token"].as_str().unwrap();
    let path = |call: &str| format!("/api/v1/device/jobs/{job}/{call}");
    let manifest = timed("manifest", &mut || {
        station.raw(&request("GET", &path("manifest"), Some(token), None, &[("piprov-can", "scripts")]))
    });
    let value = manifest.ok()["values"]["sn"].as_str().unwrap().to_owned();
    for stage in ["write", "read-back"] {
        let told = json!({"fence": work["fence"], "stage": stage, "done": 1 << 20, "total": 1 << 20});
        timed("progress", &mut || station.call("POST", &path("progress"), Some(token), Some(&told))).ok();
    }
    let told: Value = json!({
        "fence": work["fence"], "stage": "done", "device": "mmcblk0", "read_back_sha256": sha256, "written": 1 << 20,
        "fetched": 100,
    });
    timed("result", &mut || station.call("POST", &path("result"), Some(token), Some(&told))).ok();
    value
}
