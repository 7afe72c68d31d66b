//! What a board does late, twice, or with what belongs to another one; and jobs that are cancelled.

use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use piprov::stop::Stop;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::cutting::{Cutting, Fate};
use crate::faulty_disks::noise;
use crate::station_cli::Station;
use crate::station_deploy::{Agent, boards, disk, runs, until};

const MIB: usize = 1 << 20;
const BOARD: &str = "10000000aaaa0001";

fn address(station: &Station) -> SocketAddr {
    ([127, 0, 0, 1], station.port).into()
}

/// A station with an image of three chunks.
fn station() -> (Station, Vec<u8>) {
    let station = Station::start();
    let image = noise(12 * MIB);
    fs::write(station.path("os.img"), &image).unwrap();
    station.json(&["image", "add", "os.img", "--name", "os"]);
    (station, image)
}

/// The arguments of a deploy to a board.
fn deploy<'a>(board: &'a str, end: &'a str) -> [&'a str; 9] {
    ["board", "deploy", board, "--image", "os", "--end", end, "--confirm", board]
}

/// The newest job.
fn job(station: &Station, board: &str) -> Value {
    station.json(&["board", "show", board]).remove(0)["value"]["job"].clone()
}

/// Chunks don't come as long as it is shut; how many wait for it.
#[derive(Default)]
struct Gate {
    shut: AtomicBool,
    waiting: AtomicU32,
}

impl Gate {
    fn pass(&self, head: &str) -> Fate {
        if head.contains("/chunks/") {
            self.waiting.fetch_add(1, SeqCst);
            let stop = Stop::new().unwrap();
            while self.shut.load(SeqCst) {
                let _ = stop.wait(Duration::from_millis(20));
            }
        }
        Fate::Whole
    }
}

/// A board whose chunks go through a gate that is shut.
fn gated(station: &Station) -> (Arc<Gate>, Cutting) {
    let gate = Arc::new(Gate { shut: true.into(), ..Gate::default() });
    let own = Arc::clone(&gate);
    (gate, Cutting::to(address(station), move |_, head| own.pass(head)))
}

#[test]
fn a_job_is_cancelled_in_each_state_and_one_that_has_ended_says_how() {
    let (station, image) = station();
    let (gate, cutting) = gated(&station);
    let disk = disk(&station, "a", 14);
    let agent = Agent::at(&cutting.url(), &station.path("a.key"), BOARD, &disk);
    boards(&station, 1);
    let cancel = ["board", "cancel", BOARD];
    assert!(station.stderr(&cancel, 0).contains("it has no job"));

    // At work, with its disk begun: nothing starts from it.
    let mut waiting = station.command(&deploy(BOARD, "wait")).spawn().unwrap();
    until("the agent at its chunks", || (gate.waiting.load(SeqCst) > 0).then_some(()));
    let out = station.run(&cancel);
    assert!(String::from_utf8(out.stdout).unwrap().contains("is told to end"));
    assert_ne!(waiting.wait().unwrap().code(), Some(0));
    let run = runs(&station).pop().unwrap();
    assert!(run["outcome"] == "failed" && run["why"].as_str().unwrap().contains("no board starts"), "{run}");
    assert!(fs::read(&disk).unwrap()[..MIB].iter().all(|byte| *byte == 0));
    let text = station.stderr(&cancel, 1);
    assert!(text.contains("has ended already: cancelled"), "{text}");

    // Done, with and without something to be seen afterwards.
    gate.shut.store(false, SeqCst);
    station.json(&deploy(BOARD, "wait"));
    let text = station.stderr(&cancel, 1);
    assert!(text.contains("has ended already: done"), "{text}");
    station.json(&deploy(BOARD, "reboot"));
    let text = station.stderr(&cancel, 1);
    assert!(text.contains("has ended already: done"), "{text}");
    assert!(fs::read(&disk).unwrap()[..image.len()] == image);
    drop(agent);

    // Nobody has drawn it.
    station.json(&[&deploy(BOARD, "wait")[..], &["--no-wait"]].concat());
    let out = station.run(&cancel);
    assert!(String::from_utf8(out.stdout).unwrap().contains("deploy cancelled"));
    assert_eq!(job(&station, BOARD), Value::Null);
}

#[test]
fn an_agent_that_comes_back_after_another_one_took_its_job_changes_nothing_and_leaves_nothing_bootable() {
    let (station, image) = station();
    let (gate, cutting) = gated(&station);
    let late = Agent::at(&cutting.url(), &station.path("a.key"), BOARD, &disk(&station, "late", 14));
    boards(&station, 1);
    let mut waiting = station.command(&deploy(BOARD, "wait")).spawn().unwrap();
    until("the agent at its chunks", || (gate.waiting.load(SeqCst) > 0).then_some(()));
    late.signal(Signal::STOP);
    gate.shut.store(false, SeqCst);

    // The same board has started again.
    let again = Agent::on(&station, "a", BOARD, &disk(&station, "again", 14));
    assert!(waiting.wait().unwrap().success());
    let before = runs(&station);
    let outcomes: Vec<_> = before.iter().map(|run| run["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["lost", "done"], "{before:?}");
    let job = before[1]["job"].clone();
    again.kill();

    late.signal(Signal::CONT);
    // It is told, gives its disk up, and asks for work like any other.
    until("zeros", || {
        let bytes = fs::read(&late.disk).unwrap();
        (bytes[..MIB].iter().all(|byte| *byte == 0)).then_some(())
    });
    station.json(&deploy(BOARD, "wait"));
    let after = runs(&station);
    assert_eq!((after.len(), &after[..2]), (3, &before[..]), "what was told late changed nothing");
    assert!(after[2]["job"] != job && after[2]["outcome"] == "done");
    assert!(fs::read(&late.disk).unwrap()[..image.len()] == image);
}

#[test]
fn a_result_and_progress_whose_answers_are_lost_are_told_again_and_count_once() {
    let (station, image) = station();
    let (results, told) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let (count, count_told) = (Arc::clone(&results), Arc::clone(&told));
    let cutting = Cutting::to(address(&station), move |_, head| {
        if head.contains("/result ") {
            return if count.fetch_add(1, SeqCst) < 3 { Fate::Lost } else { Fate::Whole };
        }
        if head.contains("/progress ") && count_told.fetch_add(1, SeqCst).is_multiple_of(2) {
            return Fate::Lost;
        }
        // Long enough for some progress to be told.
        if head.contains("/chunks/") {
            let _ = Stop::new().unwrap().wait(Duration::from_millis(1200));
        }
        Fate::Whole
    });
    let agent = Agent::at(&cutting.url(), &station.path("a.key"), BOARD, &disk(&station, "a", 14));
    boards(&station, 1);
    station.json(&deploy(BOARD, "wait"));
    until("the result's answer", || (results.load(SeqCst) == 4).then_some(()));
    assert!(told.load(SeqCst) > 0, "no progress was told");
    let runs = runs(&station);
    assert_eq!((runs.len(), &runs[0]["outcome"]), (1, &json!("done")), "{runs:?}");
    assert!(fs::read(&agent.disk).unwrap()[..image.len()] == image);
}

#[test]
fn a_manifest_of_another_board_is_not_followed() {
    let (station, image) = station();
    let (asked, kept) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicBool::new(false)));
    let (count, first) = (Arc::clone(&asked), Arc::clone(&kept));
    let keeps = Cutting::to(address(&station), move |_, head| {
        if !head.contains("/manifest ") {
            return Fate::Whole;
        }
        if !first.swap(true, SeqCst) {
            return Fate::Keep;
        }
        // The other board gets it once.
        if count.fetch_add(1, SeqCst) == 0 { Fate::Replay } else { Fate::Whole }
    });
    let _one = Agent::at(&keeps.url(), &station.path("a.key"), BOARD, &disk(&station, "a", 14));
    boards(&station, 1);
    station.json(&deploy(BOARD, "wait"));
    let other = "10000000aaaa0002";
    let path = disk(&station, "b", 14);
    let _two = Agent::at(&keeps.url(), &station.path("b.key"), other, &path);
    boards(&station, 2);
    station.json(&deploy(other, "wait"));
    assert!(asked.load(SeqCst) > 1, "it asked for its own after it got another one's");
    let runs = runs(&station);
    // The first attempt of the other board ended without a byte written; its second one is done.
    let outcomes: Vec<_> = runs.iter().map(|run| run["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["done", "lost", "done"], "{runs:?}");
    assert!(fs::read(&path).unwrap()[..image.len()] == image);
}

#[test]
fn of_two_boards_with_one_serial_number_the_first_gets_the_work_and_the_other_keeps_its_disk() {
    let (station, image) = station();
    let first = Agent::on(&station, "a", BOARD, &disk(&station, "a", 14));
    boards(&station, 1);
    let second = Agent::on(&station, "b", BOARD, &disk(&station, "b", 14));
    for _ in 0..3 {
        station.json(&deploy(BOARD, "wait"));
        assert!(fs::read(&first.disk).unwrap()[..image.len()] == image);
        fs::write(&first.disk, vec![0xee; 14 * MIB]).unwrap();
    }
    assert!(fs::read(&second.disk).unwrap().iter().all(|byte| *byte == 0xee));
    assert!(runs(&station).iter().all(|run| run["outcome"] == "done"));
    assert_eq!(station.json(&["board", "list"]).len(), 1);
}
