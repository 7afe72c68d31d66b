//! Hooks against a server of the test's own: signed, tried again, and never at the station's own host unasked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use ring::hmac;
use serde_json::{Value, json};

use crate::browser::{Browser, text};
use crate::station::{Board, Station, hex};

/// A call as it came.
#[derive(Debug)]
struct Came {
    head: String,
    body: String,
}

impl Came {
    fn header(&self, name: &str) -> &str {
        let line = self
            .head
            .lines()
            .find_map(|line| line.split_once(": ").filter(|(key, _)| key.eq_ignore_ascii_case(name)));
        line.map_or("", |(_, value)| value)
    }
}

/// Takes one call, and answers it.
fn take(listener: &TcpListener, answer: &str) -> Came {
    let (stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut stream = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        assert_ne!(stream.read_line(&mut line).unwrap(), 0, "{head}");
        if line == "\r\n" {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        head += line.trim_end();
        head.push('\n');
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    write!(stream.get_mut(), "HTTP/1.1 {answer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
    Came { head, body: String::from_utf8(body).unwrap() }
}

/// A station whose hooks may be on this host.
fn station(dir: &std::path::Path) -> Station {
    let config = dir.join("piprov.toml");
    std::fs::write(&config, "[station]\nhooks-local = true\n").unwrap();
    Station::start(dir, &["--enrol", "open", "--config", config.to_str().unwrap()])
}

/// What hooks were told and are to be told.
fn queue(station: &Station) -> Vec<Value> {
    station.admin("GET", "/api/v1/deliveries", None).ok()["items"].as_array().unwrap().clone()
}

fn until(station: &Station, what: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        let queue = queue(station);
        if what(&queue) {
            return queue;
        }
        assert!(Instant::now() < end, "{queue:?}");
        std::thread::park_timeout(Duration::from_millis(50));
    }
}

#[test]
fn a_hook_is_told_what_happens_signed_and_again_where_it_was_not_taken() {
    let dir = tempfile::tempdir().unwrap();
    let mut station = station(dir.path());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/bench?key=secret", listener.local_addr().unwrap());
    let new = json!({ "name": "all", "url": url, "secret": "sixteen letters at least" });
    let made = station.admin("POST", "/api/v1/hooks", Some(&new)).ok();
    assert_eq!(
        made["events"],
        json!(["board.seen", "run.done", "run.failed", "run.started", "slot.suspected", "station.trouble"])
    );
    assert_eq!(station.admin("DELETE", "/api/v1/hooks/all", None).status, 204);
    // A busy machine may be a trouble of the station's, which isn't meant here.
    let events = ["board.seen", "run.started", "run.done", "run.failed"];
    let new = json!({ "name": "bench", "url": url, "secret": "sixteen letters at least", "events": events });
    station.admin("POST", "/api/v1/hooks", Some(&new)).ok();
    assert!(!station.admin("GET", "/api/v1/hooks", None).ok().to_string().contains("sixteen"));

    let mut board = Board::new("00000000000000a1");
    board.register(&station).ok();
    let came = take(&listener, "200 OK");
    assert!(came.head.starts_with("POST /bench?key=secret HTTP/1.1"), "{came:?}");
    assert_eq!(came.header("piprov-event"), "board.seen");
    let body: Value = serde_json::from_str(&came.body).unwrap();
    assert_eq!((&body["event"], &body["board"]["id"]), (&json!("board.seen"), &json!(board.id)));
    // Signed over the time and the body.
    let signature = came.header("piprov-signature");
    let (seconds, code) = signature.strip_prefix("t=").unwrap().split_once(",v1=").unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"sixteen letters at least");
    let right = hmac::sign(&key, format!("{seconds}.{}", came.body).as_bytes());
    assert_eq!(code, hex(right.as_ref()));

    // A run that begins and fails. The first call of it isn't taken: it comes again, under the same name.
    station.put("/api/v1/images/os", &[7; 70_000]).ok();
    let deploy = json!({ "action": "deploy", "image": "os" });
    station.admin("POST", &format!("/api/v1/boards/{}/jobs", board.id), Some(&deploy)).ok();
    let work = board.work(&station, 5).ok();
    let refused = take(&listener, "503 Busy");
    assert_eq!(refused.header("piprov-event"), "run.started");
    let waits = until(&station, |queue| queue.iter().any(|one| one["status"] == 503));
    let waits = waits.iter().find(|one| one["status"] == 503).unwrap();
    assert_eq!((&waits["state"], &waits["tries"]), (&json!("waiting"), &json!(1)));
    assert!(waits["due"].as_i64() > waits["made"].as_i64().map(|made| made + 9_000));
    // A restart loses nothing; somebody doesn't wait for the next try.
    station.kill();
    let station = self::station(dir.path());
    let id = waits["delivery"].as_str().unwrap();
    station.admin("POST", &format!("/api/v1/deliveries/{id}/again"), None).ok();
    let again = take(&listener, "204 No Content");
    assert_eq!((again.header("piprov-delivery"), &again.body), (id, &refused.body));
    let token = work["token"].as_str().unwrap();
    let path = format!("/api/v1/device/jobs/{}/result", work["job"].as_str().unwrap());
    let failed = json!({ "fence": work["fence"], "stage": "write", "failed": "the card\u{1b}[2J is gone", "written": 0, "fetched": 0 });
    station.call("POST", &path, Some(token), Some(&failed)).ok();
    let came = take(&listener, "200 OK");
    let body: Value = serde_json::from_str(&came.body).unwrap();
    assert_eq!((&body["event"], &body["run"]["outcome"]), (&json!("run.failed"), &json!("failed")));
    until(&station, |queue| queue.len() == 3 && queue.iter().all(|one| one["state"] == "done"));
    assert_eq!(station.admin("POST", &format!("/api/v1/deliveries/{id}/again"), None).status, 404);

    // A sentence for ntfy, tried by a button of the page; the page shows no key of the address.
    let ada = Browser::first(&station);
    ada.page("/hooks");
    let fields = [("name", "phone"), ("url", &url), ("event", "run.failed"), ("plain", "1")];
    let page = text(&ada.post("/hooks/add", &fields));
    assert!(page.contains("isn’t shown again") && !page.contains("key=secret"), "{page}");
    assert_eq!(ada.post("/hooks/phone/test", &[]).status, 303);
    let came = take(&listener, "200 OK");
    assert!(came.header("content-type").starts_with("text/plain") && came.header("title") == "piprov: test");
    assert_eq!(came.body, "ada tries whether this hook works.");
    // It is gone, with what waits for it.
    ada.post("/hooks/phone/test", &[]);
    take(&listener, "500 No");
    until(&station, |queue| queue.iter().any(|one| one["status"] == 500));
    assert_eq!(ada.post("/hooks/phone/remove", &[]).status, 303);
    assert!(queue(&station).iter().all(|one| one["hook"] == "bench"));
}

#[test]
fn a_hook_never_reaches_the_station_s_own_host_unless_it_is_allowed() {
    let dir = tempfile::tempdir().unwrap();
    let station = Station::start(dir.path(), &[]);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let add = |name: &str, url: String| {
        station.admin("POST", "/api/v1/hooks", Some(&json!({ "name": name, "url": url }))).status
    };
    for (n, host) in
        ["127.0.0.1", "[::1]", "169.254.169.254", "0.0.0.0", "[::ffff:127.0.0.1]"].iter().enumerate()
    {
        assert_eq!(add(&format!("h{n}"), format!("http://{host}:{port}/")), 403, "{host}");
    }
    for wrong in ["unix:/run/x", "ftp://a/", "a", "http://me:x@127.0.0.1/"] {
        assert!((400..500).contains(&add("wrong", wrong.to_owned())), "{wrong}");
    }
    // A name that leads here is found out when it is asked for, each time.
    assert_eq!(add("name", format!("http://localhost:{port}/")), 201);
    station.admin("POST", "/api/v1/hooks/name/test", None).ok();
    let queue = until(&station, |queue| queue.iter().any(|one| one["tries"] == 1));
    assert!(queue[0]["why"].as_str().unwrap().contains("isn't to be asked"), "{queue:?}");
    assert!(listener.accept().is_err(), "nobody has come");
}
