//! A station that is killed at any moment while boards are written, on both databases.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use piprov::http::{Client, Limits, Origin, Trust};
use piprov::stop::Stop;
use serde_json::{Value, json};

use crate::faulty_disks::noise;
use crate::postgres::Postgres;
use crate::station_cli::Station;
use crate::station_deploy::{Agent, boards, disk, until};

const MIB: usize = 1 << 20;
const KILLS: usize = 50;
/// Three boards: what comes after their jobs, and what they are called.
const BOARDS: [(&str, &str, &str); 3] = [
    ("a", "10000000aaaa0001", "wait"),
    ("b", "10000000aaaa0002", "wait"),
    ("c", "10000000aaaa0003", "reboot"),
];

/// Numbers that look like chance, and are the same each time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}

/// A simulated board, and what it was given.
struct Board {
    agent: Agent,
    key: PathBuf,
    serial: &'static str,
    end: &'static str,
    id: String,
    made: Vec<(String, usize)>,
}

struct Floor {
    station: Station,
    client: Client,
    boards: Vec<Board>,
    images: [Vec<u8>; 2],
}

impl Floor {
    fn new(store: Option<&str>) -> Self {
        let settings: Vec<_> = store.iter().map(|url| ("PIPROV_STATION_STORE", OsStr::new(*url))).collect();
        let station = Station::with(&settings);
        // They share a chunk.
        let one = noise(12 * MIB);
        let images = [one.clone(), [&one[..4 * MIB], &one[5 * MIB..], &[7; 100_000]].concat()];
        for (name, image) in ["one", "two"].iter().zip(&images) {
            fs::write(station.path(name), image).unwrap();
            station.json(&["image", "add", name, "--name", name]);
        }
        let limits = Limits::default();
        let stop = Stop::new().unwrap();
        let client = Client::new(Origin::Unix(station.socket()), Trust::System, limits, &stop).unwrap();
        let boards = BOARDS.map(|(name, serial, end)| {
            let disk = disk(&station, name, 16);
            let agent = Agent::on(&station, name, serial, &disk);
            let key = station.path(&format!("{name}.key"));
            Board { agent, key, serial, end, id: String::new(), made: Vec::new() }
        });
        let mut floor = Self { station, client, boards: boards.into(), images };
        self::boards(&floor.station, BOARDS.len());
        let known = floor.get("/api/v1/boards");
        for board in &mut floor.boards {
            let one = known.iter().find(|one| one["serial"] == board.serial).unwrap();
            board.id = one["id"].as_str().unwrap().to_owned();
        }
        floor
    }

    fn get(&self, path: &str) -> Vec<Value> {
        let reply = self.client.get(path).query("limit", 500).send().unwrap();
        let page: Value = reply.json().unwrap();
        assert_eq!(page["next"], Value::Null, "{path}");
        page["items"].as_array().unwrap().clone()
    }

    fn one(&self, path: &str) -> Value {
        self.client.get(path).send().unwrap().json().unwrap()
    }

    /// Gives each board that has none a job; a board that started again for the last one is there again.
    fn give(&mut self, chance: &mut Chance) {
        for n in 0..self.boards.len() {
            self.start_again(n);
            let last = self.boards[n].made.last().map(|(id, _)| self.one(&format!("/api/v1/jobs/{id}")));
            if last.is_some_and(|job| is_open(&job)) {
                continue;
            }
            let image = chance.below(2) as usize;
            let board = &mut self.boards[n];
            let name = ["one", "two"][image];
            let job = json!({ "action": "deploy", "image": name, "end": board.end });
            let path = format!("/api/v1/boards/{}/jobs", board.id);
            let made: Value = self.client.post(&path).send_json(&job).unwrap().json().unwrap();
            board.made.push((made["id"].as_str().unwrap().to_owned(), image));
        }
    }

    fn start_again(&mut self, n: usize) {
        let board = &mut self.boards[n];
        if board.agent.child.try_wait().unwrap().is_some() {
            let url = format!("http://127.0.0.1:{}", self.station.port);
            board.agent = Agent::at(&url, &board.key, board.serial, &board.agent.disk);
        }
    }
}

/// Whether something is still to be done. What waits until the board's own system is seen is proved already.
fn is_open(job: &Value) -> bool {
    ["queued", "running"].iter().any(|state| job["state"] == *state)
}

/// Kills it fifty times, and until a kill has fallen into each state, lets it end, and looks at everything.
fn survive(store: Option<&str>, seed: u64) {
    let mut floor = Floor::new(store);
    let mut chance = Chance(seed);
    let mut met = BTreeSet::<String>::new();
    let stop = Stop::new().unwrap();
    for kill in 0.. {
        let all = ["queued", "running", "done", "write"].iter().all(|state| met.contains(*state));
        if kill >= KILLS && all {
            break;
        }
        assert!(kill < 4 * KILLS, "kills fell into these only: {met:?}");
        floor.give(&mut chance);
        let _ = stop.wait(Duration::from_millis(chance.below(400)));
        floor.station.kill();
        floor.station.begin();
        for job in floor.get("/api/v1/jobs").iter().take(BOARDS.len()) {
            let state = job["state"].as_str().unwrap();
            met.insert(state.to_owned());
            if state == "running" {
                let run = floor.get(&format!("/api/v1/runs?job={}", job["id"].as_str().unwrap()));
                met.insert(run[0]["stage"].as_str().unwrap().to_owned());
            }
        }
    }
    until("the end of all jobs", || {
        (0..BOARDS.len()).for_each(|n| floor.start_again(n));
        (!floor.get("/api/v1/jobs").iter().any(is_open)).then_some(())
    });
    look(&floor);
}

/// None is lost, none is doubled, none is half done.
fn look(floor: &Floor) {
    let jobs = floor.get("/api/v1/jobs");
    let made: Vec<&String> = floor.boards.iter().flat_map(|board| &board.made).map(|(id, _)| id).collect();
    assert_eq!(jobs.len(), made.len(), "each job that was acknowledged is there, and no other");
    let mut all = 0;
    for board in &floor.boards {
        for (id, _) in &board.made {
            let job = jobs.iter().find(|job| job["id"] == **id).unwrap_or_else(|| panic!("{id} is lost"));
            let runs = floor.get(&format!("/api/v1/runs?job={id}"));
            all += runs.len();
            assert_eq!(json!(runs.len()), job["fence"], "an attempt each time that it was given out: {job}");
            assert!(["done", "finishing"].iter().any(|state| job["state"] == *state), "{job} {runs:?}");
            assert_eq!(runs[0]["outcome"], "done", "{runs:?}");
            let record = floor.one(&format!("/api/v1/runs/{}", runs[0]["run"].as_str().unwrap()));
            assert_eq!(record["proof"], "read-back", "{record}");
            for run in &runs[1..] {
                assert!(run["outcome"] == "lost" && run["why"] != "", "{run}");
            }
        }
        let (_, image) = board.made.last().unwrap();
        let image = &floor.images[*image];
        assert!(fs::read(&board.agent.disk).unwrap()[..image.len()] == **image, "{}", board.serial);
    }
    assert_eq!(floor.get("/api/v1/runs").len(), all, "no run belongs to nothing");
    for (name, image) in ["one", "two"].iter().zip(&floor.images) {
        floor.station.json(&["image", "verify", name]);
        floor.station.json(&["image", "export", name, "-o", &format!("back-{name}")]);
        assert!(fs::read(floor.station.path(&format!("back-{name}"))).unwrap() == *image);
    }
}

#[test]
fn a_station_that_is_killed_fifty_times_loses_no_run_doubles_none_and_ends_each() {
    let server = Postgres::get().database();
    std::thread::scope(|scope| {
        scope.spawn(|| survive(None, 1));
        survive(Some(&server), 2);
    });
}
