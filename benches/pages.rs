//! What the pages of a station cost: how large and how late they are, and how soon an event reaches a browser.
//!
//! `cargo bench --bench pages`. Environment: `PIPROV_BENCH_BOARDS` (boards that report, 200), `PIPROV_BENCH_SECONDS`
//! (how long they do, 20), `PIPROV_BENCH_OUT` (the table's file, `target/bench-pages.md`). Boards are the device
//! protocol without disks; those that watch are streams of events without a browser, and one Chromium that shows the floor.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a bench is a program for people"
)]

#[path = "common/chromium.rs"]
mod chromium;
mod common;
#[path = "common/many.rs"]
mod many;
#[path = "../tests/support/station.rs"]
mod model;
#[allow(dead_code, unreachable_pub, reason = "tests use the rest")]
#[path = "../tests/support/postgres.rs"]
mod postgres;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chromium::Chromium;
use common::{GOALS, goal, number, station as measured};
use model::{Board, Station, request};
use postgres::Postgres;
use serde_json::json;

/// Streams that watch.
const WATCHERS: usize = 20;
/// Counts what changes in a page from now on.
const COUNT: &str = "window.changed = 0; new MutationObserver((all) => { window.changed += all.length; }) \
    .observe(document.body, {subtree: true, childList: true, characterData: true, attributes: true})";
const PASSWORD: &str = "correct horse battery";

fn main() {
    let mut table = format!("## Pages\n\n{}; {} processors.\n{GOALS}", common::cpu(), common::processors());
    let boards = usize::try_from(number("PIPROV_BENCH_BOARDS", 200)).unwrap();
    events(&mut table, boards, Duration::from_secs(number("PIPROV_BENCH_SECONDS", 20)));
    let postgres = Postgres::get();
    let url = postgres.database();
    let mut list = String::from(
        "\n### Each page with 10,000 boards and 100,000 runs\n\nThe least of 8 loads, made and sent.\n\n| page | SQLite | PostgreSQL |\n|---|---:|---:|\n",
    );
    let times = [("SQLite", None), ("PostgreSQL", Some(url.as_str()))].map(|(what, url)| {
        let times = page_times(url);
        let (slowest, took) = times.iter().max_by_key(|(_, took)| *took).unwrap();
        let seen = format!("{:.1} ms ({slowest})", took.as_secs_f64() * 1e3);
        goal(
            &mut table,
            &format!("each page, {what}"),
            "under 100 ms",
            &seen,
            *took < Duration::from_millis(100),
        );
        times
    });
    for ((what, one), (_, other)) in times[0].iter().zip(&times[1]) {
        let ms = |took: &Duration| took.as_secs_f64() * 1e3;
        writeln!(list, "| `{what}` | {:.1} ms | {:.1} ms |", ms(one), ms(other)).unwrap();
    }
    table += &list;
    print!("{table}");
    fs::write(common::path("PIPROV_BENCH_OUT", "bench-pages.md"), table).unwrap();
}

/// Makes the first user; gives the cookie of its session.
fn sign_in(station: &Station) -> String {
    let welcome = station.welcome.as_deref().unwrap();
    let path = &welcome[welcome.find("/welcome").unwrap()..];
    let words = PASSWORD.replace(' ', "+");
    let body = format!("name=anna&password={words}&again={words}");
    let kind = [("content-type", "application/x-www-form-urlencoded")];
    let answer = station.raw(&request("POST", path, None, Some(body.as_bytes()), &kind));
    assert_eq!(answer.status, 303, "{}", String::from_utf8_lossy(&answer.body));
    answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned()
}

fn load(station: &Station, cookie: &str, path: &str) -> model::Answer {
    let headers = [("cookie", cookie), ("accept-encoding", "gzip"), ("accept", "text/html")];
    let answer = station.raw(&request("GET", path, None, None, &headers));
    assert_eq!(answer.status, 200, "{path}: {}", String::from_utf8_lossy(&answer.body));
    answer
}

/// The least time of several loads.
fn least(station: &Station, cookie: &str, path: &str) -> Duration {
    let once = || {
        let began = Instant::now();
        load(station, cookie, path);
        began.elapsed()
    };
    (0..8).map(|_| once()).min().unwrap()
}

fn page_times(database: Option<&str>) -> Vec<(String, Duration)> {
    let dir = tempfile::tempdir().unwrap();
    let config = database.map_or_else(String::new, |url| format!("[station]\nstore = \"{url}\"\n"));
    fs::write(dir.path().join("piprov.toml"), config).unwrap();
    let station = Station::start(dir.path(), &["--config", "piprov.toml", "--enrol", "open"]);
    let cookie = sign_in(&station);
    station.put("/api/v1/images/os", &[7; 1 << 20]).ok();
    let at_work = begin(&station, 0);
    many::fill(database, dir.path());
    let board = station.admin("GET", "/api/v1/boards/b4711", None).ok()["id"].as_str().unwrap().to_owned();
    // One with a whole record; those of the many have none.
    let runs = format!("/api/v1/runs?limit=1&board={}", at_work.board.id);
    let runs = station.admin("GET", &runs, None).ok();
    let run = runs["items"][0]["run"].as_str().unwrap().to_owned();
    let pages = [
        "/".to_owned(),
        "/?wall=1".to_owned(),
        format!("/deploy?board={board}"),
        "/services".to_owned(),
        "/boards".to_owned(),
        format!("/boards/{board}"),
        "/runs".to_owned(),
        "/runs?outcome=failed".to_owned(),
        format!("/runs/{run}"),
        "/statistics".to_owned(),
        // All of the many: they began in the first days that there are.
        "/statistics?from=1970-01-01&to=1970-01-03".to_owned(),
        "/images".to_owned(),
        "/images/os".to_owned(),
        "/firmware".to_owned(),
        "/backups".to_owned(),
        "/users".to_owned(),
        "/account".to_owned(),
        "/audit".to_owned(),
        "/hooks".to_owned(),
        "/rules".to_owned(),
        "/projects".to_owned(),
        "/scripts".to_owned(),
        "/values".to_owned(),
        format!("/runs/report?board={}", at_work.board.id),
        "/network".to_owned(),
        "/settings".to_owned(),
        "/help".to_owned(),
    ];
    let named =
        |page: &str| page.replace(&board, "BOARD").replace(&run, "RUN").replace(&at_work.board.id, "BOARD");
    pages.iter().map(|page| (named(page), least(&station, &cookie, page))).collect()
}

/// A board that is at work.
struct AtWork {
    board: Board,
    job: String,
    fence: u64,
    token: String,
}

/// Boards that report each second, streams that watch, and how late what they see is.
fn events(table: &mut String, count: usize, time: Duration) {
    let dir = tempfile::tempdir().unwrap();
    let station = Station::start(dir.path(), &["--enrol", "open"]);
    let cookie = sign_in(&station);
    station.put("/api/v1/images/os", &[7; 1 << 20]).ok();
    let at_work: Vec<_> = (0..count).map(|n| begin(&station, n)).collect();
    let page = load(&station, &cookie, "/");
    let took = least(&station, &cookie, "/");
    let size = page.body.len() + assets(&station, &page, &cookie);
    goal(
        table,
        &format!("first page, {count} boards: bytes, with style and script, compressed"),
        "under 100 KB",
        &format!("{:.1} KB", size as f64 / 1e3),
        size < 100_000,
    );
    let ms = took.as_secs_f64() * 1e3;
    goal(
        table,
        &format!("first page, {count} boards: time"),
        "under 100 ms",
        &format!("{ms:.1} ms"),
        ms < 100.0,
    );
    let (quiet, _) = report(&station, &at_work, time / 2, &[]);
    let streams: Vec<_> = (0..WATCHERS).map(|_| watch(&station, &cookie)).collect();
    let chromium = Chromium::at(&station.address.to_string(), &cookie, "/");
    // What it shows is to change by itself, with no load of the page.
    chromium.script(COUNT);
    let (busy, late) = report(&station, &at_work, time, &streams);
    let shown = chromium.script("return window.changed ?? -1").as_i64().unwrap();
    assert!(shown > 0, "Chromium has shown {shown} changes");
    drop(chromium);
    let at = |share: f64| late[((late.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    goal(
        table,
        &format!("an event at {WATCHERS} streams and one Chromium, {count} boards that report each second"),
        "within 200 ms at the 99th percentile",
        &format!(
            "{:.0} ms; half of them {:.0} ms ({} events; Chromium showed {shown} changes)",
            at(0.99),
            at(0.5),
            late.len()
        ),
        at(0.99) < 200.0,
    );
    goal(
        table,
        "processor for that, beside the boards' reports alone",
        "under 10 % of one",
        &format!("{:.1} % ({:.1} % with, {:.1} % without)", busy - quiet, busy, quiet),
        busy - quiet < 10.0,
    );
}

/// Style and script of a page, as they are sent.
fn assets(station: &Station, page: &model::Answer, cookie: &str) -> usize {
    let mut html = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&page.body[..]), &mut html).unwrap();
    let html = String::from_utf8(html).unwrap();
    let paths = html.split('"').filter(|part| part.starts_with("/static/"));
    let mut paths: Vec<_> = paths.map(str::to_owned).collect();
    paths.sort();
    paths.dedup();
    paths.iter().map(|path| load(station, cookie, path).body.len()).sum()
}

fn begin(station: &Station, n: usize) -> AtWork {
    let mut board = Board::new(&format!("{:016x}", 0x1000_0000_0000_0000_u64 + n as u64));
    board.register(station).ok();
    let body = json!({"action": "deploy", "image": "os"});
    station.admin("POST", &format!("/api/v1/boards/{}/jobs", board.id), Some(&body)).ok();
    let work = board.work(station, 5).ok();
    let text = |name: &str| work[name].as_str().unwrap().to_owned();
    AtWork { job: text("job"), token: text("token"), fence: work["fence"].as_u64().unwrap(), board }
}

/// A stream that watches the floor: which board was seen when.
struct Watch {
    seen: Arc<Mutex<Vec<(String, Instant)>>>,
}

fn watch(station: &Station, cookie: &str) -> Watch {
    let mut stream = station.connect();
    let text =
        format!("GET /live?of=floor HTTP/1.1\r\nhost: {}\r\ncookie: {cookie}\r\n\r\n", station.address);
    stream.write_all(text.as_bytes()).unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&seen);
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if let Some((_, rest)) = line.split_once(" id=\"b") {
                let board = rest.split('"').next().unwrap_or_default().to_owned();
                told.lock().unwrap().push((board, Instant::now()));
            }
        }
    });
    Watch { seen }
}

/// Lets all boards report once a second; the share of a processor that the station takes, in percent, and how late each
/// watcher saw each report.
fn report(station: &Station, boards: &[AtWork], time: Duration, watchers: &[Watch]) -> (f64, Vec<Duration>) {
    let over = AtomicBool::new(false);
    let sent: Mutex<HashMap<String, Vec<Instant>>> = Mutex::default();
    for watcher in watchers {
        watcher.seen.lock().unwrap().clear();
    }
    let (before, began) = (measured::cpu_of(station.pid()), Instant::now());
    std::thread::scope(|scope| {
        for part in boards.chunks(boards.len().div_ceil(8)) {
            let (over, sent) = (&over, &sent);
            scope.spawn(move || {
                let mut done = 0_u64;
                while !over.load(Ordering::Relaxed) {
                    let (round, each) = (Instant::now(), Duration::from_secs(1) / part.len() as u32);
                    done += 10_000;
                    for (n, at_work) in part.iter().enumerate() {
                        std::thread::sleep((each * n as u32).saturating_sub(round.elapsed()));
                        let progress = json!({"fence": at_work.fence, "stage": "write", "done": done % (1 << 20), "total": 1 << 20});
                        let at = Instant::now();
                        sent.lock().unwrap().entry(at_work.board.id.clone()).or_default().push(at);
                        let path = format!("/api/v1/device/jobs/{}/progress", at_work.job);
                        station.call("POST", &path, Some(&at_work.token), Some(&progress)).ok();
                    }
                    std::thread::sleep(Duration::from_secs(1).saturating_sub(round.elapsed()));
                }
            });
        }
        std::thread::sleep(time);
        over.store(true, Ordering::Relaxed);
    });
    let share = (measured::cpu_of(station.pid()) - before) / began.elapsed().as_secs_f64() * 100.0;
    std::thread::sleep(Duration::from_millis(500));
    let sent = sent.into_inner().unwrap();
    let mut late = Vec::new();
    for watcher in watchers {
        for (board, at) in watcher.seen.lock().unwrap().iter() {
            // The newest report before it.
            let reports = sent.get(board).map_or(&[][..], Vec::as_slice);
            late.extend(reports.iter().rev().find(|sent| *sent <= at).map(|sent| at.duration_since(*sent)));
        }
    }
    late.sort_unstable();
    if !watchers.is_empty() {
        assert!(!late.is_empty(), "the streams have seen nothing");
    }
    (share, late)
}
