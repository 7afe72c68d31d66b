//! What is asked twice is done once, and who comes back to the stream of changes has missed nothing.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::station::{Answer, Board, Station, request};

/// Asks under a key.
fn ask(station: &Station, token: &str, path: &str, key: &str, body: &Value) -> Answer {
    let headers = [("content-type", "application/json"), ("idempotency-key", key)];
    station.raw(&request("POST", path, Some(token), Some(body.to_string().as_bytes()), &headers))
}

#[test]
fn what_is_asked_twice_under_one_key_is_done_once_even_over_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let mut station = Station::start(dir.path(), &["--enrol", "open"]);
    let token = station.token("ci", "admin");
    let mut board = Board::new("00000000000000a1");
    board.register(&station).ok();
    station.put("/api/v1/images/os", &[7; 70_000]).ok();
    let path = format!("/api/v1/boards/{}/jobs", board.id);
    let deploy = json!({ "action": "deploy", "image": "os" });

    // Two at once: one does it, the other is told the same or to come back.
    let both: Vec<_> = std::thread::scope(|scope| {
        let asked: Vec<_> =
            (0..8).map(|_| scope.spawn(|| ask(&station, &token, &path, "k-1", &deploy))).collect();
        asked.into_iter().map(|asked| asked.join().unwrap()).collect()
    });
    let jobs: BTreeSet<_> = both
        .iter()
        .filter(|answer| answer.status == 201)
        .map(|answer| answer.json()["id"].clone().to_string())
        .collect();
    assert_eq!(jobs.len(), 1, "{both:?}");
    assert!(both.iter().all(|answer| matches!(answer.status, 201 | 409)), "{both:?}");
    let all = |station: &Station| {
        station.admin("GET", "/api/v1/jobs", None).ok()["items"].as_array().unwrap().len()
    };
    assert_eq!(all(&station), 1);

    // Without the key it is in the way; with it, it is what was answered.
    assert_eq!(station.call("POST", &path, Some(&token), Some(&deploy)).status, 409);
    let first = ask(&station, &token, &path, "k-1", &deploy);
    assert_eq!((first.status, first.header("idempotent-replayed")), (201, Some("true")));
    station.kill();
    let station = Station::start(dir.path(), &["--enrol", "open"]);
    let again = ask(&station, &token, &path, "k-1", &deploy);
    assert_eq!((again.status, &again.body), (201, &first.body));
    assert_eq!(all(&station), 1);

    // Another body, or another path, is a mistake; another caller's key is another one.
    assert_eq!(ask(&station, &token, &path, "k-1", &json!({ "action": "reboot" })).status, 422);
    assert_eq!(ask(&station, &token, "/api/v1/station/disarm", "k-1", &Value::Null).status, 422);
    let other = station.token("other", "admin");
    assert_eq!(ask(&station, &other, &path, "k-1", &deploy).status, 409);
    // What is refused may be asked again.
    assert_eq!(ask(&station, &token, &path, "k-2", &deploy).status, 409);
    let cancel = format!("/api/v1/jobs/{}/cancel", first.json()["id"].as_str().unwrap());
    assert_eq!(ask(&station, &token, &cancel, "k-3", &Value::Null).status, 200);
    assert_eq!(ask(&station, &token, &path, "k-2", &deploy).status, 201);
    assert_eq!(all(&station), 2);
    // Secrets are kept nowhere.
    let new = json!({ "name": "more", "role": "viewer" });
    assert_eq!(ask(&station, &token, "/api/v1/tokens", "k-4", &new).status, 422);
    assert_eq!(ask(&station, &token, &path, "a b", &deploy).status, 400);
}

/// One connection to the stream of changes.
struct Stream(BufReader<TcpStream>);

impl Stream {
    fn open(station: &Station, token: &str, last: &str) -> Self {
        let mut stream = station.connect();
        let headers: &[_] = if last.is_empty() { &[] } else { &[("last-event-id", last)] };
        stream.write_all(&request("GET", "/api/v1/events", Some(token), None, headers)).unwrap();
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            assert_ne!(stream.read_line(&mut line).unwrap(), 0);
        }
        Self(stream)
    }

    /// The next event: its id, and what it says where it says something.
    fn next(&mut self) -> Option<(String, Option<Value>)> {
        let (mut id, mut data) = (String::new(), None);
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).unwrap_or(0) == 0 {
                return None;
            }
            let line = line.trim_end();
            if let Some(text) = line.strip_prefix("id: ") {
                text.clone_into(&mut id);
            } else if let Some(text) = line.strip_prefix("data: ") {
                data = Some(serde_json::from_str(text).unwrap());
            } else if line.is_empty() && !id.is_empty() {
                return Some((id, data));
            }
        }
    }
}

#[test]
fn a_hundred_broken_connections_and_a_restart_lose_no_change() {
    let dir = tempfile::tempdir().unwrap();
    let mut station = Station::start(dir.path(), &[]);
    let token = station.token("watch", "viewer");
    // It says where it stands before anything has changed.
    let mut stream = Stream::open(&station, &token, "");
    let (mut last, data) = stream.next().unwrap();
    assert_eq!(data, None);
    let slot = |n: usize| json!({ "name": format!("s{n}"), "kind": "usb", "place": format!("{}-1", n + 1), "position": n });
    let change = |station: &Station, n: usize| {
        station.admin("PUT", &format!("/api/v1/slots/s{n}"), Some(&slot(n))).ok();
    };
    let mut seen = Vec::new();
    for round in 0..100 {
        // Some come while nobody looks, one while somebody does; then the connection breaks.
        drop(stream);
        change(&station, 3 * round);
        change(&station, 3 * round + 1);
        stream = Stream::open(&station, &token, &last);
        change(&station, 3 * round + 2);
        let take = if round % 2 == 0 { 3 } else { 1 };
        for _ in 0..take {
            let (id, data) = stream.next().unwrap();
            seen.push(data.unwrap()["id"].as_str().unwrap().to_owned());
            last = id;
        }
    }
    while seen.len() < 300 {
        let (id, data) = stream.next().unwrap();
        seen.push(data.unwrap()["id"].as_str().unwrap().to_owned());
        last = id;
    }
    let all: Vec<_> = (0..300).map(|n| format!("s{n}")).collect();
    assert_eq!(seen, all, "each one, once, in its order");

    // Over a restart nobody knows what was missed: it is said.
    station.kill();
    assert_eq!(stream.next(), None);
    let station = Station::start(dir.path(), &[]);
    let mut stream = Stream::open(&station, &token, &last);
    let (id, data) = stream.next().unwrap();
    assert_eq!(data.unwrap()["of"], "gap");
    assert!(id.parse::<u64>().unwrap() >= last.parse().unwrap(), "{id} {last}");
    change(&station, 300);
    // What the station finds of itself at its start may come between.
    let next = |stream: &mut Stream| stream.next().unwrap().1.unwrap()["id"].as_str().unwrap().to_owned();
    let told = std::iter::repeat_with(|| next(&mut stream)).find(|id| id != "bootd");
    assert_eq!(told.as_deref(), Some("s300"));
}

#[test]
fn the_stream_ends_with_what_lets_its_reader_look_and_tells_no_names_of_people() {
    let dir = tempfile::tempdir().unwrap();
    let station = Station::start(dir.path(), &[]);
    let token = station.token("watch", "viewer");
    let mut stream = Stream::open(&station, &token, "");
    stream.next().unwrap();
    station.token("secretly", "viewer");
    let (_, data) = stream.next().unwrap();
    assert_eq!(data.unwrap(), json!({ "of": "settings", "id": "people" }));
    assert_eq!(station.admin("DELETE", "/api/v1/tokens/watch", None).status, 204);
    // What is told by then may still come; after some seconds nothing does.
    let began = std::time::Instant::now();
    while stream.next().is_some() {}
    assert!(began.elapsed() < std::time::Duration::from_secs(30));
    assert_eq!(station.call("GET", "/api/v1/boards", Some(&token), None).status, 401);
}
