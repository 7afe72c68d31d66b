//! Deploys over a network that cuts connections.

use std::collections::HashMap;
use std::fs;
use std::net::SocketAddr;
use std::sync::Mutex;

use crate::cutting::{Cutting, Fate};
use crate::faulty_disks::noise;
use crate::station_cli::Station;
use crate::station_deploy::{Agent, boards, disk, runs};

const MIB: usize = 1 << 20;
const BOARD: &str = "10000000aaaa0001";

fn address(station: &Station) -> SocketAddr {
    ([127, 0, 0, 1], station.port).into()
}

/// Deploys an image of so many MiB over such a network: the bytes that went through, beside the image's.
fn deploys(mib: usize, judge: impl Fn(u64, &str) -> Fate + Send + Sync + 'static) -> (u64, u64) {
    let station = Station::start();
    let image = noise(mib * MIB);
    fs::write(station.path("os.img"), &image).unwrap();
    station.json(&["image", "add", "os.img", "--name", "os"]);
    let cutting = Cutting::to(address(&station), judge);
    let disk = disk(&station, "a", mib + 2);
    let agent = Agent::at(&cutting.url(), &station.path("a.key"), BOARD, &disk);
    boards(&station, 1);
    station.json(&["board", "deploy", BOARD, "--image", "os", "--end", "wait", "--confirm", BOARD]);
    assert!(fs::read(&agent.disk).unwrap()[..image.len()] == image);
    let runs = runs(&station);
    // However often the network failed, it was one attempt.
    assert_eq!((runs.len(), &runs[0]["outcome"]), (1, &"done".into()));
    let show = station.json(&["run", "show", runs[0]["run"].as_str().unwrap(), "--station", &station.url()]);
    assert!(serde_json::to_string(&show).unwrap().contains("\"proof\":\"read-back\""), "{show:?}");
    (cutting.through(), cutting.cuts())
}

/// The chunk that is asked for.
fn chunk(head: &str) -> Option<&str> {
    let path = head.strip_prefix("GET ")?.split(' ').next()?;
    path.split_once("/chunks/").map(|(_, name)| name)
}

#[test]
fn a_connection_that_is_cut_at_each_boundary_of_each_chunk_and_within_costs_that_chunk_and_no_more() {
    const CHUNKS: u64 = 12;
    let asked: Mutex<HashMap<String, u32>> = Mutex::default();
    let (through, cuts) = deploys(48, move |_, head| {
        let Some(chunk) = chunk(head) else { return Fate::Whole };
        let mut asked = asked.lock().unwrap();
        let count = asked.entry(chunk.to_owned()).or_default();
        *count += 1;
        // Before its first byte, in its middle, behind its last byte.
        match *count {
            1 => Fate::Cut(0),
            2 => Fate::Cut(2 * MIB),
            3 => Fate::Last,
            _ => Fate::Whole,
        }
    });
    assert_eq!(
        cuts,
        3 * CHUNKS,
        "each was cut three times, and asked for once more only where it was missing"
    );
    let once = CHUNKS * (4 << 20);
    assert!((once..once * 8 / 5).contains(&through), "{through} bytes for {once}");
}

#[test]
fn a_network_that_drops_every_third_connection_costs_time_and_no_deploy() {
    let (through, cuts) = deploys(24, |number, head| {
        // At its first exchange, in whatever it is about: registering, asking, telling.
        match number % 6 {
            0 => Fate::Unasked,
            3 if chunk(head).is_some() => Fate::Cut((number as usize * 700_001) % (4 * MIB)),
            3 => Fate::Cut(0),
            _ => Fate::Whole,
        }
    });
    assert!(cuts >= 3, "{cuts}");
    let once = 24 * MIB as u64;
    assert!((once..once * 2).contains(&through), "{through} bytes for {once}");
}

/// A station of before boards proved themselves by their chunks: it names an image by its sha256 alone, and knows nothing
/// of the other proof.
#[test]
fn a_board_proves_itself_by_the_sha256_to_a_station_that_knows_no_other_proof() {
    use piprov::station::key::StationKey;
    use serde_json::Value;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
    let station = Station::start();
    let image = noise(9 * MIB);
    fs::write(station.path("os.img"), &image).unwrap();
    station.json(&["image", "add", "os.img", "--name", "os"]);
    let key = StationKey::open(&station.path("station")).unwrap();
    let (manifests, results) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let (seen, told) = (Arc::clone(&manifests), Arc::clone(&results));
    let old = Cutting::editing(address(&station), move |head, request, body| {
        let is_answer = head.starts_with("HTTP/1.1 ");
        let path = request.split(' ').nth(1)?;
        let mut value: Value = serde_json::from_slice(body).ok()?;
        if path.ends_with("/manifest") && is_answer {
            value["image"].as_object_mut()?.remove("chunks").expect("a new station names them");
            let body = value.to_string().into_bytes();
            let line = head.lines().find(|line| line.starts_with("piprov-signature:")).unwrap().to_owned();
            *head = head.replace(&line, &format!("piprov-signature: {}", key.sign(&body)));
            seen.fetch_add(1, SeqCst);
            return Some(body);
        }
        if path.ends_with("/result") && !is_answer {
            assert!(value["read_back_sha256"].is_string(), "{value}");
            value.as_object_mut()?.remove("read_back_chunks");
            told.fetch_add(1, SeqCst);
            return Some(value.to_string().into_bytes());
        }
        None
    });
    let disk = disk(&station, "a", 11);
    let agent = Agent::at(&old.url(), &station.path("a.key"), BOARD, &disk);
    boards(&station, 1);
    station.json(&["board", "deploy", BOARD, "--image", "os", "--end", "wait", "--confirm", BOARD]);
    assert!(fs::read(&agent.disk).unwrap()[..image.len()] == image);
    assert_eq!((manifests.load(SeqCst), results.load(SeqCst)), (1, 1));
    let runs = runs(&station);
    let show = station.json(&["run", "show", runs[0]["run"].as_str().unwrap(), "--station", &station.url()]);
    let show = serde_json::to_string(&show).unwrap();
    assert!(show.contains("\"outcome\":\"done\"") && show.contains("\"proof\":\"read-back\""), "{show}");
}
