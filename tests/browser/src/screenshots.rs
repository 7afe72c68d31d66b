//! The pictures of the manual: a bench with real agents, some of them at work, one that failed. `make screenshots` runs
//! this, and puts what comes of it into `docs/screenshots`.
#![allow(clippy::unwrap_used, reason = "what can't go on fails")]
#![allow(dead_code, reason = "it is a part of what the tests use")]

#[path = "../../support/cutting.rs"]
mod cutting;
#[path = "../../support/faulty.rs"]
mod faulty;
#[path = "../../support/small_image.rs"]
mod small_image;
#[path = "../../support/station.rs"]
mod station;

mod agents;
mod browser;
mod images;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;

use agents::{Agent, Line};
use browser::{Browser, run};
use faulty::{Fault, Faulty};
use station::Station;

const DISK: u64 = 192 << 20;
const IMAGE: &str = "gateway-2.4.img";

fn jobs_are_over(station: &Station, boards: &[&str]) {
    for _ in 0..2400 {
        let known = station.admin("GET", "/api/v1/boards", None).ok();
        let open = |board: &&&str| {
            let of = known["items"].as_array().unwrap().iter().find(|one| one["serial"] == ***board);
            of.is_none_or(|of| !of["job"].is_null())
        };
        if !boards.iter().any(|board| open(&board)) {
            return;
        }
        std::thread::park_timeout(Duration::from_millis(50));
    }
    panic!("boards don't come to an end");
}

fn serial(n: u32) -> String {
    format!("10000000000000a{n}")
}

fn deploy(station: &Station, n: u32) {
    let job = json!({"action": "deploy", "image": IMAGE, "end": "wait"});
    station.admin("POST", &format!("/api/v1/boards/{}/jobs", serial(n)), Some(&job)).ok();
}

/// The name of its system is one that bites: pictures have a tame one.
fn tame(mut image: Vec<u8>) -> Vec<u8> {
    let (bites, tame) = (b"<b>Debian</b> 13", b"Debian 13 trixie");
    let at = image.windows(bites.len()).position(|bytes| bytes == bites).unwrap();
    image[at..at + tame.len()].copy_from_slice(tame);
    image
}

/// The bench: slots, images, projects, rules.
fn bench(station: &Station) {
    for (name, more) in [(IMAGE, 134), ("meter-1.9.img", 6)] {
        station.put(&format!("/api/v1/images/{name}"), &tame(images::image(more))).ok();
    }
    for (n, name) in ["A1", "A2", "A3", "A4", "B1", "B2", "B3", "B4"].iter().enumerate() {
        let slot = json!({"name": name, "kind": "usb", "place": format!("1-1.{}", n + 1), "position": n});
        station.admin("PUT", &format!("/api/v1/slots/{name}"), Some(&slot)).ok();
    }
    for (name, image) in [("gateway", IMAGE), ("meter", "meter-1.9.img")] {
        let project = json!({"name": name, "image": image});
        station.admin("PUT", &format!("/api/v1/projects/{name}"), Some(&project)).ok();
    }
    for rule in [
        json!({"name": "Returned goods", "matching": {"serial": "20000000*"}, "what": {"do": "backup"}}),
        json!({"name": "Meters", "matching": {"model": "Compute Module 3", "storage_min": 16u64 << 30},
               "what": {"do": "project", "project": "meter"}}),
        json!({"name": "The last place", "matching": {"slot": "B3"}, "what": {"do": "wait"}}),
    ] {
        station.admin("POST", "/api/v1/rules", Some(&rule)).ok();
    }
}

/// A board is let in, gets a name, and its slot.
fn placed(station: &Station, n: u32, slot: &str) {
    let change = json!({"enrolment": "enrolled", "name": format!("gateway-{:04}", 40 + n), "slot": slot});
    let path = format!("/api/v1/boards/{}", serial(n));
    for _ in 0..600 {
        if station.admin("PATCH", &path, Some(&change)).status == 200 {
            return;
        }
        std::thread::park_timeout(Duration::from_millis(50));
    }
    panic!("board {n} doesn't come");
}

/// Lets chunks through as an uneven network does, until it is over.
fn paced(line: &Line, over: &AtomicBool, pause: u64) {
    let mut n = 0;
    while !over.load(Ordering::Relaxed) {
        line.more(1);
        n += 1;
        std::thread::park_timeout(Duration::from_millis(pause + [0, 90, 30, 160, 60][n % 5]));
    }
}

/// Says that it is over, also where something went wrong.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn id(station: &Station, path: &str, name: &str, is: &str, wanted: &str) -> String {
    let all = station.admin("GET", path, None).ok();
    let found = all["items"].as_array().unwrap().iter().find(|one| one[name] == is);
    found.and_then(|one| one[wanted].as_str()).unwrap_or_else(|| panic!("{all}")).to_owned()
}

async fn picture(browser: &Browser, path: &str, name: &str, (width, height, dark): (u32, u32, bool)) {
    browser.window(width, height, dark).await;
    browser.go(path).await;
    browser.until("it is there", "document.readyState === 'complete'").await;
    browser.shot(&format!("picture-{name}")).await;
}

async fn pictures(station: &Station) {
    let browser = Browser::begin(station).await;
    let at_work = "[...document.querySelectorAll('.card.run')].filter(
        one => one.querySelector('.spark') && parseInt(one.querySelector('.nums strong').innerText) > 34).length === 2";
    browser.until("two are at work", at_work).await;
    picture(&browser, "/", "floor", (1360, 980, false)).await;
    picture(&browser, "/#bench", "floor-phone", (390, 844, true)).await;
    let board = id(station, "/api/v1/boards", "serial", &serial(3), "id");
    picture(&browser, &format!("/boards/{board}"), "board", (1360, 1100, false)).await;
    let run = id(station, &format!("/api/v1/runs?board={board}"), "way", "deploy", "run");
    picture(&browser, &format!("/runs/{run}"), "run", (1360, 900, false)).await;
    browser.go("/images").await;
    browser
        .until("it was looked at", "!document.querySelector('main').innerText.includes('looked at')")
        .await;
    picture(&browser, "/images", "images", (1360, 720, false)).await;
    picture(&browser, "/rules", "rules", (1360, 760, false)).await;
    browser.close().await;
}

#[test]
fn the_pictures_of_the_manual() {
    let dir = tempfile::tempdir().unwrap();
    let path: &Path = dir.path();
    // It boots no boards, so that no service of it is away.
    std::fs::write(path.join("piprov.toml"), "control-socket = \"off\"\n").unwrap();
    let station = Station::start(path, &[]);
    bench(&station);
    let lines = [Line::of(&station, 0), Line::of(&station, 0), Line::of(&station, 0)];
    let mut agents: Vec<_> =
        lines.iter().zip(1..).map(|(line, n)| Agent::behind(line, path, n, DISK)).collect();
    let worn = Faulty::new(vec![0; DISK as usize], &[Fault::Write(64 << 20..68 << 20, libc::EIO)]);
    agents.push(Agent::worn(&station, path, 4, &worn));
    agents.extend([5, 6].map(|n| Agent::start(&station, path, n, DISK)));
    for (n, slot) in (1..).zip(["A1", "A2", "A3", "A4", "B1"]) {
        placed(&station, n, slot);
    }
    let there = json!({"slot": "B2"});
    station.admin("PATCH", &format!("/api/v1/boards/{}", serial(6)), Some(&there)).ok();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _over = Over(&over);
        scope.spawn(|| paced(&lines[2], &over, 120));
        [3, 4, 5].into_iter().for_each(|n| deploy(&station, n));
        jobs_are_over(&station, &[&serial(3), &serial(4), &serial(5)]);
        [1, 2].into_iter().for_each(|n| deploy(&station, n));
        scope.spawn(|| paced(&lines[0], &over, 500));
        scope.spawn(|| paced(&lines[1], &over, 650));
        run(pictures(&station));
    });
    drop(agents);
}
