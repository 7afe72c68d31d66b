//! The station: what is sent is bounded in every part, before anything of it is believed.

use std::fmt::Write as _;
use std::io::Write;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::station::{Board, Station, answer, request};

fn station() -> (tempfile::TempDir, Station) {
    let dir = tempfile::tempdir().unwrap();
    let station = Station::start(dir.path(), &["--enrol", "open"]);
    (dir, station)
}

const JSON: (&str, &str) = ("content-type", "application/json");

/// All files below a directory, with their lengths.
fn files(dir: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if entry.file_type().unwrap().is_dir() { all.extend(files(&path)) } else { all.push(path) }
    }
    all.sort();
    all
}

#[test]
fn a_page_of_another_site_can_ask_a_browser_for_nothing() {
    let (_dir, station) = station();
    let register = json!({"mac": "dc:a6:32:01:02:03"}).to_string();
    let foreign = [("origin", "http://evil.example"), ("origin", "null"), ("sec-fetch-site", "cross-site")];
    for header in foreign {
        for (method, path, body) in [
            ("POST", "/api/register-device", Some(register.as_bytes())),
            ("GET", "/api/device-action-poll?mac=dc:a6:32:01:02:03", None),
            ("GET", "/api/v1/device/hello", None),
        ] {
            let asked = request(method, path, None, body, &[header, ("content-type", "text/plain")]);
            assert_eq!(station.raw(&asked).status, 403, "{header:?} {path}");
        }
    }
    // The station's own pages, and programs.
    for own in [("origin", "http://station"), ("sec-fetch-site", "same-origin"), JSON] {
        let asked = request("POST", "/api/register-device", None, Some(register.as_bytes()), &[own]);
        assert_eq!(station.raw(&asked).status, 200, "{own:?}");
    }
}

#[test]
fn no_name_in_a_path_leads_out_of_what_it_names() {
    let (dir, station) = station();
    let token = station.token("t", "admin");
    let mut board = Board::new("0000000000000001");
    board.register(&station).ok();
    let new = json!({"action": "reboot"});
    station.admin("POST", &format!("/api/v1/boards/{}/jobs", board.id), Some(&new)).ok();
    let work = board.work(&station, 0).ok();
    let job = work["token"].as_str().unwrap().to_owned();
    std::fs::write(dir.path().join("secret"), "that nobody is told").unwrap();
    let before = files(&station.dir);

    let api = station.call("GET", "/api/v1/openapi.json", None, None).ok();
    let mut asked = 0;
    for (path, methods) in api["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            let names = path.matches('{').count();
            for name in [
                "..",
                "%2e%2e",
                "..%2f..%2fsecret",
                "%2e%2e%2f%2e%2e%2f%2e%2e%2fsecret",
                "..%5c..%5csecret",
                "%2fetc%2fpasswd",
                "x%00.img",
                "%c0%ae%c0%ae%2fsecret",
                "a%0d%0ax-forged:%201",
                "'%20or%201=1--",
                &"a".repeat(300),
            ] {
                // Each of the names by itself, with good ones beside it.
                for wrong in 0..names {
                    let mut number = 0;
                    let parts = path.split('/').map(|part| match part {
                        "{job}" if path.contains("/device/") && number != wrong => {
                            number += 1;
                            work["job"].as_str().unwrap()
                        }
                        part if part.starts_with('{') => {
                            number += 1;
                            if number - 1 == wrong { name } else { "x" }
                        }
                        part => part,
                    });
                    let path = parts.collect::<Vec<_>>().join("/");
                    let token = if path.contains("/device/") { &job } else { &token };
                    let body = (method != "get").then_some(&b"{}"[..]);
                    let sent = request(&method.to_uppercase(), &path, Some(token), body, &[JSON]);
                    let answer = station.raw(&sent);
                    asked += 1;
                    assert!((400..500).contains(&answer.status), "{method} {path}: {answer:?}");
                    assert_eq!(answer.header("x-forged"), None, "{method} {path}");
                    let text = String::from_utf8_lossy(&answer.body).into_owned();
                    assert!(!text.contains("nobody is told") && !text.contains("root:"), "{path}: {text}");
                }
            }
        }
    }
    assert!(asked > 300, "{asked}");
    // Nothing was made, and nothing is gone.
    let of_database = |path: &std::path::PathBuf| path.to_string_lossy().contains(".db");
    let plain = |files: Vec<_>| files.into_iter().filter(|path| !of_database(path)).collect::<Vec<_>>();
    assert_eq!(plain(files(&station.dir)), plain(before));
}

#[test]
fn json_that_is_deep_long_or_double_is_refused_and_costs_nothing() {
    let (_dir, station) = station();
    let token = station.token("t", "admin");
    let post =
        |path: &str, body: &[u8]| station.raw(&request("POST", path, Some(&token), Some(body), &[JSON]));
    for body in [
        "[".repeat(60_000),
        "{\"a\":".repeat(12_000),
        format!("{{\"name\": \"x\", \"what\": {}1{}}}", "[".repeat(9000), "]".repeat(9000)),
        format!("{{\"name\": \"x\", \"what\": {{\"do\": \"wait\"}}, \"position\": {}}}", "9".repeat(5000)),
        format!("{{\"name\": \"{}\"}}", "\\ud800".repeat(5)),
        "{\"name\": \"x\", \"name\": \"y\", \"what\": {\"do\": \"wait\"}}".to_owned(),
        "{\"name\": \"x\", \"what\": {\"do\": \"wait\"}, \"more\": 1}".to_owned(),
    ] {
        let answer = post("/api/v1/rules", body.as_bytes());
        assert!(matches!(answer.status, 400 | 422), "{}: {answer:?}", &body[..40]);
        assert!(answer.body.len() < 2000, "{answer:?}");
    }
    // Members by their places, without their names.
    for (path, body) in [("/api/v1/tokens", "[\"x\", \"admin\", null]"), ("/api/v1/login", " [\"a\", \"b\"]")]
    {
        assert_eq!(post(path, body.as_bytes()).status, 422, "{body}");
    }
    assert_eq!(post("/api/v1/rules", &[0xff, 0xfe, 0x00]).status, 400);
    // What a board is told by nobody may be as bad.
    let deep = format!("{{\"api\": 1, \"disks\": {}", "[".repeat(30_000));
    let signed = [JSON, ("piprov-signature", "00")];
    let answer =
        station.raw(&request("POST", "/api/v1/device/register", None, Some(deep.as_bytes()), &signed));
    assert_eq!(answer.status, 400, "{answer:?}");
    assert_eq!(station.call("GET", "/healthz", None, None).status, 200);
}

#[test]
fn a_body_is_not_waited_for_where_nobody_may_send_it_or_where_it_says_that_it_is_too_long() {
    let (_dir, station) = station();
    let mut board = Board::new("0000000000000001");
    board.register(&station).ok();
    let admin = station.token("t", "admin");
    let viewer = station.token("v", "viewer");
    let long = 1_u64 << 40;
    let digest = "0".repeat(64);
    for (method, path, token, status) in [
        // Nobody, somebody who may not, and a board with a job that isn't there.
        ("PUT", "/api/v1/images/x".to_owned(), "", 401),
        ("PUT", "/api/v1/images/x".to_owned(), &viewer, 403),
        ("POST", "/api/v1/device/jobs/x/missing".to_owned(), "", 401),
        ("POST", "/api/v1/device/jobs/x/progress".to_owned(), "", 401),
        ("PUT", format!("/api/v1/device/jobs/x/chunks/{digest}"), "", 401),
        ("PUT", format!("/api/v1/device/jobs/x/chunks/{digest}"), &board.token, 403),
        ("PUT", "/api/v1/device/jobs/x/index".to_owned(), &board.token, 403),
        // Too long, said before.
        ("POST", "/api/v1/rules".to_owned(), &admin, 413),
        ("POST", "/api/v1/device/register".to_owned(), "", 413),
    ] {
        let token =
            if token.is_empty() { String::new() } else { format!("authorization: Bearer {token}\r\n") };
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n\
             {token}content-length: {long}\r\n\r\n{{"
        );
        let began = Instant::now();
        let mut stream = station.connect();
        stream.write_all(head.as_bytes()).unwrap();
        assert_eq!(answer(&mut stream).status, status, "{method} {path}");
        assert!(began.elapsed() < Duration::from_secs(8), "{method} {path}: {:?}", began.elapsed());
    }
    // One that never says how long it is ends at the same bound.
    let mut stream = station.connect();
    let head = format!(
        "POST /api/v1/rules HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {admin}\r\n\
         content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let piece = format!("{:x}\r\n{}\r\n", 16 << 10, " ".repeat(16 << 10));
    let sent = (0..64).take_while(|_| stream.write_all(piece.as_bytes()).is_ok()).count();
    assert_eq!(answer(&mut stream).status, 413, "after {sent} pieces");
}

#[test]
fn many_headers_long_ones_and_requests_with_two_ends_are_refused() {
    let (_dir, station) = station();
    let head = |lines: &str| {
        station
            .raw(format!("GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{lines}\r\n").as_bytes())
    };
    let mut many = String::new();
    for number in 0..3000 {
        write!(many, "x-{number}: 1\r\n").unwrap();
    }
    assert_eq!(head(&many).status, 431);
    assert_eq!(head(&format!("cookie: {}\r\n", "a".repeat(200_000))).status, 431);
    assert_eq!(head(&format!("authorization: Bearer {}\r\n", "a".repeat(30_000))).status, 200);
    // Two lengths, and a length beside chunks: what stands behind would be another request for one of two readers.
    let smuggled = "GET /api/v1/tokens HTTP/1.1\r\nhost: x\r\n\r\n";
    for lines in [
        "content-length: 0\r\ncontent-length: 5\r\n",
        "content-length: -1\r\n",
        "content-length: 1_0\r\n",
        "transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n",
        "transfer-encoding: xchunked\r\n",
        "x: 1\r\n y: folded\r\n",
        "x y: 1\r\n",
    ] {
        let text =
            format!("POST /api/v1/login HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{lines}\r\n{smuggled}");
        let answer = station.raw(text.as_bytes());
        assert_eq!(answer.status, 400, "{lines:?}: {answer:?}");
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(!text.contains("HTTP/1.1"), "one answer to {lines:?}: {text}");
    }
    let line = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "a".repeat(100_000));
    assert!(matches!(station.raw(line.as_bytes()).status, 414 | 431));
    assert_eq!(station.call("GET", "/healthz", None, None).status, 200);
}
