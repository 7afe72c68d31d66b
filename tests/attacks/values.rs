//! Values of boards: names that would be another variable, tables and servers that would fill memory, lead elsewhere, or
//! never end.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::station::{Board, Station};

fn station(config: &str) -> (tempfile::TempDir, Station) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("piprov.toml");
    std::fs::write(&file, config).unwrap();
    let station = Station::start(dir.path(), &["--enrol", "open", "--config", file.to_str().unwrap()]);
    (dir, station)
}

fn memory(station: &Station) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", station.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap() / 1024
}

#[test]
fn no_name_or_text_of_a_source_is_anything_else() {
    let (_dir, station) = station("");
    let range =
        |name: &str| json!({ "name": name, "of": { "kind": "sequence", "start": 1, "step": 1, "end": 9 } });
    for name in
        ["PATH", "a=b", "a\nb", "../x", "a'; DROP TABLE job; --", "serial", "", "\u{1b}[2J", "ä", "<b>"]
    {
        let answer = station.admin("POST", "/api/v1/values", Some(&range(name)));
        assert_eq!(answer.status, 422, "{name:?}: {answer:?}");
        assert!(!answer.body.contains(&0x1b));
    }
    for of in [
        json!({ "kind": "sequence", "start": 1, "step": 0, "end": 9 }),
        json!({ "kind": "sequence", "start": 0, "step": 1, "end": u64::MAX }),
        json!({ "kind": "sequence", "prefix": "\u{1b}]0;x\u{7}", "start": 0, "step": 1, "end": 1 }),
        json!({ "kind": "sequence", "prefix": "x".repeat(101), "start": 0, "step": 1, "end": 1 }),
        json!({ "kind": "sequence", "width": 255, "start": 0, "step": 1, "end": 1 }),
        json!({ "kind": "addresses", "start": "00:ff:ff:ff:ff:ff", "end": "02:00:00:00:00:00", "step": 1 }),
        json!({ "kind": "file", "path": "/etc/shadow" }),
        json!({ "kind": "http", "url": "file:///etc/shadow" }),
        json!({ "kind": "http", "url": "unix:/run/piprov/station.sock" }),
    ] {
        let answer = station.admin("POST", "/api/v1/values", Some(&json!({ "name": "x", "of": of })));
        assert!((400..500).contains(&answer.status), "{of}: {answer:?}");
    }
    for url in [
        "http://127.0.0.1:9/",
        "http://[::1]/",
        "http://169.254.169.254/latest",
        "http://[::ffff:169.254.169.254]/",
    ] {
        let of = json!({ "name": "x", "of": { "kind": "http", "url": url } });
        assert_eq!(station.admin("POST", "/api/v1/values", Some(&of)).status, 403, "{url}");
    }
    assert_eq!(station.admin("GET", "/api/v1/values", None).ok()["items"], json!([]));
}

#[test]
fn a_table_is_bounded_and_what_it_says_is_never_computed() {
    let (_dir, station) = station("");
    let table = json!({ "name": "keys", "of": { "kind": "table" } });
    station.admin("POST", "/api/v1/values", Some(&table)).ok();
    let put = |bytes: &[u8]| station.put("/api/v1/values/keys/table", bytes);
    let before = memory(&station);
    assert_eq!(put(&vec![b'a'; (16 << 20) + 1]).status, 413);
    // One field without an end, and a line of nothing but separators.
    let quoted = [b"a\n\"".to_vec(), vec![b'x'; 15 << 20]].concat();
    assert_eq!(put(&quoted).status, 422);
    assert_eq!(put(&vec![b','; 15 << 20]).status, 422);
    for bad in
        [&b"a\n\x1b[2J\n"[..], b"a\nx\0\n", b"\xff\xfea\0", b"a\n", b"", b"LD_PRELOAD\nx\n\xc3", b"mac\nx\n"]
    {
        let answer = put(bad);
        assert_eq!(answer.status, 422, "{bad:?}: {answer:?}");
        assert!(!answer.body.contains(&0x1b), "{answer:?}");
    }
    let used = memory(&station).saturating_sub(before);
    assert!(used < 400, "{used} MiB");
    put(b"word\n\"=HYPERLINK(\"\"http://evil\"\")\"\n").ok();
}

/// Answers each call with this, until the other side has had enough of it.
fn server(answer: impl Fn(&mut std::net::TcpStream) -> std::io::Result<()> + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/values", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = [0; 4096];
            let _ = stream.read(&mut head);
            let _ = answer(&mut stream);
        }
    });
    url
}

/// What a job says that waits for the values of a server.
fn waits(station: &Station, name: &str, url: &str, serial: &str) -> String {
    let new = json!({ "name": name, "of": { "kind": "http", "url": url } });
    station.admin("POST", "/api/v1/values", Some(&new)).ok();
    let project = json!({ "name": name, "image": "os", "end": "wait", "values": [name] });
    station.admin("PUT", &format!("/api/v1/projects/{name}"), Some(&project)).ok();
    let mut board = Board::new(serial);
    board.register(station).ok();
    let deploy = json!({ "action": "deploy", "project": name });
    let job = station.admin("POST", &format!("/api/v1/boards/{}/jobs", board.id), Some(&deploy)).ok();
    let path = format!("/api/v1/jobs/{}", job["id"].as_str().unwrap());
    let end = Instant::now() + Duration::from_secs(90);
    loop {
        assert_eq!(board.work(station, 0).status, 204, "the board got its job");
        let job: Value = station.admin("GET", &path, None).ok();
        let waits = job["waits"].as_str().unwrap_or_default();
        if waits.contains("gives no values") {
            return waits.to_owned();
        }
        assert!(Instant::now() < end, "{job}");
        std::thread::park_timeout(Duration::from_millis(50));
    }
}

#[test]
fn a_server_of_values_leads_nowhere_and_its_answer_ends() {
    let (_dir, station) = station("[station]\nhooks-local = true\n");
    station.put("/api/v1/images/os", &[7; 70_000]).ok();
    let before = memory(&station);
    let redirect = server(|stream| {
        stream.write_all(b"HTTP/1.1 307 There\r\nlocation: http://169.254.169.254/latest/meta-data\r\ncontent-length: 0\r\n\r\n")
    });
    let why = waits(&station, "redirect", &redirect, "10000000000000a1");
    assert!(why.contains("it leads elsewhere"), "{why}");
    let gigabyte = server(|stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1073741824\r\n\r\n")?;
        loop {
            stream.write_all(&[b' '; 65536])?;
        }
    });
    let why = waits(&station, "gigabyte", &gigabyte, "10000000000000a2");
    assert!(why.contains("64") || why.contains("long"), "{why}");
    let endless = server(|stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
        loop {
            stream.write_all(b"1\r\n \r\n")?;
            std::thread::park_timeout(Duration::from_millis(200));
        }
    });
    let began = Instant::now();
    let why = waits(&station, "endless", &endless, "10000000000000a3");
    assert!(began.elapsed() < Duration::from_secs(60), "{why}");
    let hostile = server(|stream| {
        let body = r#"{"ld_preload":"x\u001b[2J\ny"}"#;
        write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
    });
    let why = waits(&station, "hostile", &hostile, "10000000000000a4");
    assert!(why.contains("no control characters") && !why.contains('\u{1b}'), "{why}");
    let used = memory(&station).saturating_sub(before);
    assert!(used < 100, "{used} MiB");
}

#[test]
fn a_name_that_leads_to_the_station_itself_is_not_asked() {
    let (_dir, station) = station("");
    station.put("/api/v1/images/os", &[7; 70_000]).ok();
    let asked = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let seen = std::sync::Arc::clone(&asked);
    let url = server(move |_| {
        seen.store(true, std::sync::atomic::Ordering::SeqCst);
        Ok(())
    });
    let url = url.replace("127.0.0.1", "localhost");
    let why = waits(&station, "local", &url, "10000000000000a5");
    assert!(!asked.load(std::sync::atomic::Ordering::SeqCst), "{why}");
}
