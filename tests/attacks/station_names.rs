//! The station: sites whose name means this host (DNS rebinding), a protocol that it doesn't speak, and boards that tell
//! numbers that can't be.

use std::io::{Read, Write};

use serde_json::json;

use crate::station::{Answer, Board, Station, request};

fn station() -> (tempfile::TempDir, Station) {
    let dir = tempfile::tempdir().unwrap();
    let station = Station::start(dir.path(), &["--enrol", "open"]);
    (dir, station)
}

/// A call under these names, one line each.
fn under(station: &Station, target: &str, lines: &str) -> Answer {
    station.raw(format!("GET {target} HTTP/1.1\r\nconnection: close\r\n{lines}\r\n").as_bytes())
}

#[test]
fn a_site_whose_name_means_this_host_gets_nothing_of_the_station() {
    let (_dir, station) = station();
    let token = station.token("t", "admin");
    let port = station.address.port();
    // What is open to everybody on this host, what takes a token, what boards speak, and what isn't there.
    for path in
        ["/metrics", "/healthz", "/api/v1/boards", "/api/v1/device/hello", "/api/v1/openapi.json", "/x"]
    {
        for host in
            ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "10.9.8.7", "0.0.0.0", "[::]"]
        {
            let lines = format!("host: {host}\r\nauthorization: Bearer {token}\r\n");
            let answer = under(&station, path, &lines);
            assert_eq!(answer.status, 421, "{path} as {host}: {answer:?}");
            let problem = answer.json();
            assert!(problem["hint"].to_string().contains("`station.names`"), "{problem}");
            assert!(answer.body.len() < 1000, "{answer:?}");
        }
    }
    // A page's request with a name of another kind: in the line itself, twice, not at all.
    assert_eq!(under(&station, "http://evil.example/metrics", "host: localhost\r\n").status, 421);
    assert_eq!(under(&station, "/metrics", "host: localhost\r\nhost: evil.example\r\n").status, 400);
    assert_eq!(under(&station, "/metrics", "").status, 400);
    let long = format!("host: {}\r\n", "a".repeat(10_000));
    let answer = under(&station, "/metrics", &long);
    assert!(answer.status == 421 && answer.body.len() < 1000, "{answer:?}");
    // Its own names: those that this host has, that were given, and the address that was asked.
    let own = rustix::system::uname().nodename().to_str().unwrap().to_owned();
    for host in
        ["localhost", &format!("LOCALHOST:{port}"), &station.address.to_string(), "[::1]", "station", &own]
    {
        assert_eq!(under(&station, "/metrics", &format!("host: {host}\r\n")).status, 200, "{host}");
    }
    assert_eq!(under(&station, "http://station/metrics", "host: station\r\n").status, 200);
    // Where the line and the `Host` tell different names, each of them has to be this host's: an HTTP/1.1 server takes
    // the line (RFC 9112, 3.2.2), and a proxy in front may have taken the other.
    for (target, host) in [
        ("http://evil.example/", "evil.example"),
        ("http://evil.example/", "station"),
        ("http://station/", "evil.example"),
        ("http://station@evil.example/", "station"),
        ("http://station.evil.example:80/healthz", "station"),
        ("HTTP://EVIL.example/healthz", "localhost"),
        ("https://evil.example/api/v1/boards", "localhost"),
    ] {
        let lines = format!("host: {host}\r\nauthorization: Bearer {token}\r\n");
        let answer = under(&station, target, &lines);
        assert!(matches!(answer.status, 400 | 421), "{target} as {host}: {answer:?}");
        assert!(answer.header("location").is_none(), "{target} as {host}: {answer:?}");
    }
    assert!(matches!(under(&station, "http://evil.example/metrics", "").status, 400 | 421));
    // Who opens the socket is known by that.
    let mut stream = std::os::unix::net::UnixStream::connect(&station.socket).unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n").unwrap();
    assert_eq!(crate::station::answer(&mut stream).status, 200);
}

#[test]
fn http2_without_tls_is_refused() {
    let (_dir, station) = station();
    let mut stream = station.connect();
    // The preface, and empty SETTINGS (RFC 9113, 3.4).
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").unwrap();
    let mut said = Vec::new();
    let _ = stream.read_to_end(&mut said);
    assert!(said.is_empty() || said.starts_with(b"HTTP/1.1 4"), "{:?}", String::from_utf8_lossy(&said));
    assert_eq!(station.call("GET", "/healthz", None, None).status, 200);
}

#[test]
fn numbers_of_boards_that_cannot_be_are_refused_and_never_kept() {
    let (_dir, station) = station();
    let mut board = Board::new("0000000000000001");
    board.register(&station).ok();
    station.put("/api/v1/images/os", &[7; 70_000]).ok();
    let new = json!({"action": "deploy", "image": "os", "end": "wait"});
    station.admin("POST", &format!("/api/v1/boards/{}/jobs", board.id), Some(&new)).ok();
    let work = board.work(&station, 0).ok();
    let (job, token) = (work["job"].as_str().unwrap(), work["token"].as_str().unwrap());
    let tell = |what: &str, body: &str| {
        let path = format!("/api/v1/device/jobs/{job}/{what}");
        let json = [("content-type", "application/json")];
        station.raw(&request("POST", &path, Some(token), Some(body.as_bytes()), &json))
    };
    let most = u64::MAX.to_string();
    let terabytes = (1u64 << 42).to_string();
    for (member, value) in [
        ("written", most.as_str()),
        ("written", &terabytes),
        ("written", "-1"),
        ("written", "1.5"),
        ("kept", "70001"),
        ("fetched", &most),
        ("fetched", &terabytes),
        ("errno", "-5"),
        ("errno", "0"),
        ("errno", "4096"),
        ("errno", "2147483648"),
        ("fence", "-1"),
    ] {
        let fence = if member == "fence" { "" } else { r#""fence": 1, "# };
        let answer =
            tell("result", &format!(r#"{{{fence}"stage": "write", "failed": "x", "{member}": {value}}}"#));
        assert_eq!(answer.status, 422, "{member} {value}: {answer:?}");
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(&format!("`{member}`")), "{detail}");
    }
    for (member, value) in [("done", &most), ("total", &most), ("fetched", &terabytes), ("done", &terabytes)]
    {
        let done = if member == "done" { "" } else { r#""done": 1, "# };
        let answer =
            tell("progress", &format!(r#"{{"fence": 1, "stage": "write", {done}"{member}": {value}}}"#));
        assert_eq!(answer.status, 422, "{member} {value}: {answer:?}");
    }
    assert_eq!(station.admin("GET", &format!("/api/v1/jobs/{job}"), None).ok()["state"], "running");
    let told =
        json!({"fence": 1, "stage": "write", "failed": "x", "errno": 5, "written": 70_000, "kept": 70_000});
    assert_eq!(tell("result", &told.to_string()).status, 204);
    let runs = station.admin("GET", "/api/v1/runs", None).ok();
    let run = runs["items"][0]["run"].as_str().unwrap().to_owned();
    let record = station.admin("GET", &format!("/api/v1/runs/{run}"), None).ok();
    assert_eq!(record["detail"]["written"], 70_000, "{record}");
}
