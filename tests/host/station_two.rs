//! Two stations on one PostgreSQL, as processes: boards register, draw jobs with values and end them at both at once, and
//! one station is killed in the middle, again and again. Each board is of a protocol, so that nothing puts right what a
//! station gets wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::common;
use crate::documented;
use crate::postgres::Postgres;
use crate::station::{Answer, Board, Station, answer, request};
use crate::station_deploy::bytes;

/// Boards, and threads that are them: each serves some, one after the other.
const BOARDS: usize = 48;
const THREADS: usize = 12;
const KILLS: usize = 4;
/// All of it takes some seconds; a loaded machine is slow.
const PATIENCE: Duration = Duration::from_secs(100);

/// A call whose station may be killed meanwhile; `None` where no whole answer came.
fn ask(
    at: SocketAddr,
    method: &str,
    path: &str,
    token: Option<&str>,
    body: Option<&Value>,
    more: &[(&str, &str)],
) -> Option<Answer> {
    let body = body.map(|body| body.to_string().into_bytes());
    let headers = [&[("content-type", "application/json")], more].concat();
    let mut stream = TcpStream::connect(at).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(60))).ok()?;
    stream.write_all(&request(method, path, token, body.as_deref(), &headers)).ok()?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).ok()?;
    bytes
        .windows(4)
        .any(|four| four == b"\r\n\r\n")
        .then(|| answer(&mut &bytes[..]))
        .filter(|answer| answer.whole)
}

/// One board's way to the end of its job, at whichever station answers. What each manifest said of its values.
fn goes(board: &Board, stations: [SocketAddr; 2], first: usize, sha256: &str) -> Vec<Value> {
    let (begun, mut told) = (Instant::now(), Vec::new());
    for turn in first.. {
        assert!(begun.elapsed() < PATIENCE, "{} gets to no end: {told:?}", board.serial);
        let at = stations[turn % 2];
        if let Some(true) = attempt(board, at, sha256, &mut told) {
            return told;
        }
        std::thread::park_timeout(Duration::from_millis(100));
    }
    unreachable!("turns have no end")
}

/// Registers, draws, and ends the job. `None`: the station went away, or has nothing yet.
fn attempt(board: &Board, at: SocketAddr, sha256: &str, told: &mut Vec<Value>) -> Option<bool> {
    let hello = ask(at, "GET", "/api/v1/device/hello", None, None, &[])?.json();
    let body = board.told(hello["nonce"].as_str()?);
    let signature = board.sign(body.to_string().as_bytes());
    let signed = [("piprov-signature", signature.as_str())];
    let registered = ask(at, "POST", "/api/v1/device/register", None, Some(&body), &signed)?;
    assert_eq!(registered.status, 200, "{registered:?}");
    let token = registered.json()["token"].as_str()?.to_owned();
    let work = ask(at, "GET", "/api/v1/device/work?wait=2", Some(&token), None, &[])?;
    match work.status {
        200 => {}
        // A board that is done gets nothing more: the answer to its result was lost.
        204 => return Some(!told.is_empty()),
        401 | 503 => return None,
        _ => panic!("{work:?}"),
    }
    let work = work.json();
    let (job, token, fence) = (work["job"].as_str()?, work["token"].as_str(), &work["fence"]);
    let path = |what: &str| format!("/api/v1/device/jobs/{job}/{what}");
    let manifest = ask(at, "GET", &path("manifest"), token, None, &[])?;
    if manifest.status != 200 {
        return None;
    }
    told.push(manifest.json()["values"].clone());
    for done in [1000, 2000] {
        let progress =
            json!({"fence": fence, "stage": "write", "done": done, "total": 1 << 21, "fetched": done});
        let answer = ask(at, "POST", &path("progress"), token, Some(&progress), &[])?;
        assert!(answer.status == 200 || answer.status >= 500, "{answer:?}");
        std::thread::park_timeout(Duration::from_millis(30));
    }
    let outcome = json!({"fence": fence, "stage": "done", "read_back_sha256": sha256});
    let answer = ask(at, "POST", &path("result"), token, Some(&outcome), &[])?;
    Some(answer.status == 204)
}

/// What a command says to a station, through its socket.
pub(crate) fn piprov(station: &Station, arguments: &[&str]) -> Vec<Value> {
    let url = format!("unix:{}", station.socket.display());
    let out = common::piprov().args(arguments).args(["--json", "--station", &url]).output().unwrap();
    assert!(out.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&out.stderr));
    let lines = String::from_utf8(out.stdout).unwrap();
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    lines.iter().for_each(documented::check);
    lines
}

#[test]
fn two_stations_give_jobs_and_values_at_once_and_one_is_killed_and_nothing_is_given_twice_or_lost() {
    let server = Postgres::get().database();
    let [one, other] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let config = one.path().join("piprov.toml");
    std::fs::write(&config, format!("[station]\nstore = '{server}'\n")).unwrap();
    let args = ["--enrol", "open", "--config", config.to_str().unwrap()];
    let first = Station::start(one.path(), &args);
    // Bytes of images aren't in the database: the second station has the same ones.
    let state = other.path().join("station");
    std::fs::create_dir(&state).unwrap();
    std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o700)).unwrap();
    std::os::unix::fs::symlink(one.path().join("station/objects"), state.join("objects")).unwrap();
    let mut second = Station::start(other.path(), &args);
    let image = bytes(2 << 20);
    let image = first.put("/api/v1/images/os", &image).ok();
    let sha256 = image["raw_sha256"].as_str().unwrap().to_owned();
    piprov(&first, &["values", "add", "sn", "--from", "SN000001", "--to", "SN009999"]);
    let rows: String = (0..BOARDS).map(|n| format!("gate-{n},{:05}\n", 7 * n + 1)).collect();
    let table = one.path().join("keys.csv");
    std::fs::write(&table, format!("host,pin\n{rows}")).unwrap();
    piprov(&first, &["values", "add", "keys", "--table", table.to_str().unwrap()]);
    piprov(
        &first,
        &["project", "add", "p", "--image", "os", "--end", "wait", "--value", "sn", "--value", "keys"],
    );
    piprov(&first, &["rule", "add", "all", "--project", "p", "--any"]);
    // Where it listens stays, also where it is started again.
    let stations = [first.address, second.address];
    let listen = second.address.to_string();
    let (ended, over) = (AtomicUsize::new(0), AtomicBool::new(false));
    // How often the second one is there again. Some boards come only then: else a fast machine is through before the end.
    let again = AtomicUsize::new(0);
    let told: BTreeMap<String, Vec<Value>> = std::thread::scope(|scope| {
        let (ended, over, again, sha256) = (&ended, &over, &again, &sha256);
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                scope.spawn(move || {
                    let mut all = Vec::new();
                    for n in (thread..BOARDS).step_by(THREADS) {
                        let begun = Instant::now();
                        while again.load(Ordering::Relaxed) < n * KILLS / BOARDS && begun.elapsed() < PATIENCE
                        {
                            std::thread::park_timeout(Duration::from_millis(20));
                        }
                        let board = Board::new(&format!("1000000000cc{n:04}"));
                        all.push((board.serial.clone(), goes(&board, stations, n, sha256)));
                        ended.fetch_add(1, Ordering::Relaxed);
                    }
                    all
                })
            })
            .collect();
        let killer = scope.spawn(|| {
            let mut at_kill = 0;
            for kill in 1..=KILLS {
                let begun = Instant::now();
                while ended.load(Ordering::Relaxed) < kill * BOARDS / (KILLS + 2)
                    && !over.load(Ordering::Relaxed)
                    && begun.elapsed() < PATIENCE
                {
                    std::thread::park_timeout(Duration::from_millis(20));
                }
                // Not when it is there again: on a busy host all may be over by then.
                at_kill = ended.load(Ordering::Relaxed);
                second.kill();
                std::thread::park_timeout(Duration::from_millis(300));
                second = Station::start_at(other.path(), &listen, &args);
                again.fetch_add(1, Ordering::Relaxed);
            }
            at_kill
        });
        let all = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        over.store(true, Ordering::Relaxed);
        let at_last_kill = killer.join().unwrap();
        assert!(at_last_kill < BOARDS, "the last kill came when all was over");
        all
    });
    // No board was told anything else in another attempt, and no two boards the same.
    let mut given = BTreeMap::new();
    for (serial, all) in &told {
        let values = all.last().unwrap_or_else(|| panic!("{serial} was told nothing"));
        assert!(all.iter().all(|one| one == values), "{serial}: {all:?}");
        given.insert(serial.clone(), values.clone());
    }
    for name in ["sn", "host", "pin"] {
        let all: BTreeSet<_> = given.values().map(|values| values[name].as_str().unwrap()).collect();
        assert_eq!(all.len(), BOARDS, "{name}: {given:?}");
    }
    // Both stations tell the same, and it is what boards were told.
    for station in [&first, &second] {
        for (source, names) in [("sn", &["sn"][..]), ("keys", &["host", "pin"])] {
            let path = format!("/api/v1/values/{source}/boards?limit=500");
            let known = station.admin("GET", &path, None).ok()["items"].as_array().unwrap().clone();
            assert_eq!(known.len(), BOARDS, "{source}");
            for one in known {
                let told = &given[one["serial"].as_str().unwrap()];
                assert!(names.iter().all(|name| one["values"][name] == told[name]), "{one}: {told}");
            }
        }
        let jobs =
            station.admin("GET", "/api/v1/jobs?limit=500", None).ok()["items"].as_array().unwrap().clone();
        let states: Vec<_> = jobs.iter().map(|job| job["state"].as_str().unwrap()).collect();
        assert!(states.len() == BOARDS && states.iter().all(|state| *state == "done"), "{states:?}");
        // Each run has ended, one of each job is done, and its record has what the board was told.
        let runs =
            station.admin("GET", "/api/v1/runs?limit=500", None).ok()["items"].as_array().unwrap().clone();
        let mut done = BTreeMap::new();
        for run in &runs {
            match run["outcome"].as_str().unwrap() {
                "done" => {
                    assert!(done.insert(run["job"].to_string(), run).is_none(), "a job is done twice: {run}")
                }
                "lost" => assert!(run["why"].as_str().unwrap().contains("started again"), "{run}"),
                _ => panic!("{run}"),
            }
        }
        assert_eq!(done.len(), BOARDS);
        for run in done.values() {
            let id = run["run"].as_str().unwrap();
            let record = station.admin("GET", &format!("/api/v1/runs/{id}"), None).ok();
            let values = &given[run["serial"].as_str().unwrap()];
            let text = record.to_string();
            for name in ["sn", "host", "pin"] {
                assert!(text.contains(&format!("\"{name}\":{}", values[name])), "{record:#}");
            }
        }
    }
}
