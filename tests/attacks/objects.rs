//! A bucket that lies, or somebody between the station and its bucket who does. What they can: keep images away. What they
//! can't: make anything count that isn't there, or bring other bytes to anybody.

use std::path::Path;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::between::{Said, between};
use crate::common;
use crate::seaweed::{KEY, Seaweed, keys, within};
use crate::station::Station;

/// A test that takes longer hangs.
const LIMIT: Duration = Duration::from_secs(300);
const MIB: usize = 1 << 20;

/// How it lies.
const HONEST: u8 = 0;
const KEEPS_NOTHING: u8 = 1;
const CHANGES: u8 = 2;
const SWAPS: u8 = 3;
const ENDLESS: u8 = 4;
const LISTS_FOR_EVER: u8 = 5;
const SAYS_CONTROLS: u8 = 6;
const OTHER_DAY: u8 = 7;
const LEADS_ELSEWHERE: u8 = 8;
const WRITES_OVER: u8 = 9;

/// A liar in front of a server, and how it lies now.
fn liar(server: &Seaweed) -> (String, Arc<AtomicU8>) {
    let how = Arc::new(AtomicU8::new(HONEST));
    let (lie, other) = (Arc::clone(&how), Mutex::new(None::<Vec<u8>>));
    let over = Mutex::new(None::<Vec<u8>>);
    let way = move |mut request: Said, ask: &dyn Fn(&Said) -> Option<Said>| {
        let (method, path) = request.asks();
        let (is_object, is_list) =
            (path.contains("/chunks/") || path.contains("/probe/"), path.contains("list-type=2"));
        let (method, is_chunk) = (method.to_owned(), path.contains("/chunks/") && !is_list);
        match lie.load(Ordering::Relaxed) {
            KEEPS_NOTHING if method == "PUT" => Some(Said {
                head: vec!["HTTP/1.1 200 OK".into(), "ETag: \"x\"".into(), "Content-Length: 0".into()],
                body: Vec::new(),
            }),
            CHANGES if method == "GET" && is_object && !is_list => {
                let mut answer = ask(&request)?;
                if let Some(byte) = answer.body.last_mut() {
                    *byte ^= 1;
                }
                Some(answer)
            }
            // A whole chunk, which proves itself, under the name of another one.
            SWAPS if method == "GET" && is_chunk => {
                let mut answer = ask(&request)?;
                if !answer.head[0].contains(" 200 ") {
                    return Some(answer);
                }
                let mut other = other.lock().unwrap();
                let kept = other.get_or_insert_with(|| answer.body.clone()).clone();
                answer.head.retain(|line| !line.to_ascii_lowercase().starts_with("content-length:"));
                answer.head.push(format!("Content-Length: {}", kept.len()));
                answer.body = kept;
                Some(answer)
            }
            ENDLESS if method == "GET" && is_chunk => {
                let mut answer = Said::answer("200 OK", &vec![7; 64 * MIB]);
                answer.head.push("Last-Modified: Mon, 01 Jan 2024 00:00:00 GMT".into());
                Some(answer)
            }
            LISTS_FOR_EVER if is_list => {
                let body = "<?xml version=\"1.0\"?><ListBucketResult><IsTruncated>true</IsTruncated>\
                            <NextContinuationToken>x</NextContinuationToken><Contents>\
                            <Key>chunks/00/0000000000000000000000000000000000000000000000000000000000000001</Key>\
                            <LastModified>2024-01-01T00:00:00.000Z</LastModified><Size>1</Size></Contents></ListBucketResult>";
                Some(Said::answer("200 OK", body.as_bytes()))
            }
            SAYS_CONTROLS => {
                let body = format!(
                    "<Error><Code>Ac\u{1b}cess</Code><Message>\u{1b}[2J\u{1b}]0;owned\u{7}{}\nsecond line</Message></Error>",
                    "x".repeat(5000)
                );
                Some(Said::answer("403 Forbidden", body.as_bytes()))
            }
            OTHER_DAY => {
                for line in &mut request.head {
                    if line.to_ascii_lowercase().starts_with("x-amz-date:") {
                        *line = "x-amz-date: 20200101T000000Z".into();
                    }
                }
                ask(&request)
            }
            // As a server does that doesn't know `If-None-Match`: what comes second is there.
            WRITES_OVER if method == "PUT" => {
                let answer = ask(&request)?;
                if !answer.head[0].contains(" 412 ") {
                    return Some(answer);
                }
                *over.lock().unwrap() = Some(request.body.clone());
                Some(Said {
                    head: vec!["HTTP/1.1 200 OK".into(), "ETag: \"x\"".into(), "Content-Length: 0".into()],
                    body: Vec::new(),
                })
            }
            WRITES_OVER if method == "GET" && is_object && !is_list => {
                let mut answer = ask(&request)?;
                if let Some(over) = over.lock().unwrap().take() {
                    answer.head.retain(|line| !line.to_ascii_lowercase().starts_with("content-length:"));
                    answer.head.push(format!("Content-Length: {}", over.len()));
                    answer.body = over;
                }
                Some(answer)
            }
            LEADS_ELSEWHERE => {
                let mut answer = Said::answer("307 Temporary Redirect", b"");
                answer.head.push("Location: http://169.254.169.254/latest/meta-data/iam/".into());
                Some(answer)
            }
            _ => ask(&request),
        }
    };
    (between(&server.endpoint(), Arc::new(way)), how)
}

fn start(dir: &Path, endpoint: &str, more: &str) -> Station {
    let keys = keys(dir, KEY, endpoint);
    let path = dir.join("piprov.toml");
    let text =
        format!("[station]\nobjects-credentials = '{}'\nobjects-patience = 3\n{more}\n", keys.display());
    std::fs::write(&path, text).unwrap();
    Station::start(dir, &["--config", &path.display().to_string()])
}

/// What a command says that fails: its exit code, and its words.
fn fails(station: &Station, arguments: &[&str]) -> (i32, String) {
    let url = format!("unix:{}", station.socket.display());
    let out = common::piprov().args(arguments).args(["--station", &url]).output().unwrap();
    assert!(!out.status.success(), "{arguments:?}");
    (out.status.code().unwrap(), String::from_utf8(out.stderr).unwrap())
}

fn image(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed | 1;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u8
    };
    std::iter::repeat_with(next).take(len).collect()
}

#[test]
fn a_bucket_that_lies_gets_nothing_to_keep() {
    within(LIMIT, || {
        let server = Seaweed::get();
        let (endpoint, lie) = liar(server);
        let place = format!("s3://{}", server.bucket());
        let dir = tempfile::tempdir().unwrap();
        let station = start(dir.path(), &endpoint, "");
        for (how, words, hint) in [
            (KEEPS_NOTHING, "has said that it keeps the probe, and it isn't there", "Look at the server"),
            (
                CHANGES,
                "has said that it keeps the probe, and it gives other bytes back",
                "Look at the server",
            ),
            (WRITES_OVER, "keeps the probe, and it writes over it", "Look at the server"),
            (OTHER_DAY, "the clock of this host and that of the server differ", "Set the clocks"),
            (LEADS_ELSEWHERE, "in another region, or on another server (307)", "AWS_REGION"),
        ] {
            lie.store(how, Ordering::Relaxed);
            let (_, told) = fails(&station, &["objects", "move", &place]);
            assert!(told.contains(words) && told.contains(hint), "{how}: {told}");
            assert!(!told.contains(KEY.1) && !told.contains("169.254"), "{told}");
        }
        lie.store(SAYS_CONTROLS, Ordering::Relaxed);
        let (_, told) = fails(&station, &["objects", "move", &place]);
        assert!(!told.contains(['\u{1b}', '\u{7}']) && told.len() < 2000, "{told:?}");
        assert!(!told.lines().any(|line| line.starts_with("second line")), "{told}");
        let status = station.admin("GET", "/api/v1/objects", None).ok();
        assert_eq!((&status["place"], &status["moving"]), (&"directory".into(), &serde_json::Value::Null));
        // It does with one that doesn't lie.
        lie.store(HONEST, Ordering::Relaxed);
        let moved =
            station.admin("POST", "/api/v1/objects/move", Some(&serde_json::json!({"place": place}))).ok();
        assert_eq!(moved["place"], place);
    });
}

#[test]
fn a_bucket_that_begins_to_lie_makes_no_image_count_and_brings_other_bytes_to_nobody() {
    within(LIMIT, || {
        let server = Seaweed::get();
        let (endpoint, lie) = liar(server);
        let dir = tempfile::tempdir().unwrap();
        let more = format!("objects = 's3://{}'", server.bucket());
        let mut station = start(dir.path(), &endpoint, &more);
        let good = image(1, 9 * MIB);
        station.put("/api/v1/images/good", &good).ok();
        for (n, (how, words)) in [
            (KEEPS_NOTHING, "and it isn't there"),
            (CHANGES, "and it gives other bytes back"),
            (SWAPS, "and it gives other bytes back"),
            (ENDLESS, "and it gives other bytes back"),
            (OTHER_DAY, "the clock of this host"),
        ]
        .into_iter()
        .enumerate()
        {
            lie.store(how, Ordering::Relaxed);
            let name = format!("bad{n}");
            let answer = station.put(&format!("/api/v1/images/{name}"), &image(100 + n as u64, 9 * MIB));
            let text = String::from_utf8_lossy(&answer.body).into_owned();
            assert!(answer.status >= 400 && text.contains(words), "{how}: {} {text}", answer.status);
            lie.store(HONEST, Ordering::Relaxed);
            let row = station.admin("GET", &format!("/api/v1/images/{name}"), None).ok();
            assert_eq!(row["state"], "failed", "{row}");
        }
        // What is read is proved: nobody gets other bytes, a whole chunk of another place neither. What is remembered of
        // reading goes with the process.
        for how in [CHANGES, SWAPS, ENDLESS] {
            station.end();
            station = start(dir.path(), &endpoint, &more);
            lie.store(how, Ordering::Relaxed);
            let answer = station.admin("GET", "/api/v1/images/good/raw", None);
            let is_good = answer.body.iter().zip(&good).all(|(one, other)| one == other);
            assert!(answer.status >= 400 || (!answer.whole && is_good), "{how}: {}", answer.status);
            lie.store(HONEST, Ordering::Relaxed);
            let proved = station.admin("POST", "/api/v1/images/good/verify", None).ok();
            assert_eq!(proved["damaged"].as_array().unwrap().len(), 0, "{proved}");
            let answer = station.admin("GET", "/api/v1/images/good/raw", None);
            assert!(answer.whole && answer.body == good, "{how}: it is whole again");
        }
        // A list without an end ends, and takes nothing away.
        lie.store(LISTS_FOR_EVER, Ordering::Relaxed);
        assert_eq!(station.admin("DELETE", "/api/v1/images/bad0", None).status, 204);
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(3) {
            assert_eq!(station.call("GET", "/healthz", None, None).status, 200);
            std::thread::park_timeout(Duration::from_millis(100));
        }
        lie.store(HONEST, Ordering::Relaxed);
        assert!(station.admin("GET", "/api/v1/images/good/raw", None).body == good);
        let begun = Instant::now();
        station.end();
        assert!(begun.elapsed() < Duration::from_secs(40), "it ends in time: {:?}", begun.elapsed());
    });
}

#[test]
fn who_may_not_change_a_station_moves_nothing() {
    within(LIMIT, || {
        let dir = tempfile::tempdir().unwrap();
        let station = start(dir.path(), "http://127.0.0.1:1", "");
        let operator = station.token("bench", "operator");
        let body = serde_json::json!({"place": "s3://elsewhere"});
        for path in ["/api/v1/objects/move", "/api/v1/objects/remove"] {
            assert_eq!(station.call("POST", path, None, Some(&body)).status, 401);
            assert_eq!(station.call("POST", path, Some(&operator), Some(&body)).status, 403);
        }
        let (path, own) = ("/api/v1/objects/forget", serde_json::json!({"station": "%"}));
        assert_eq!(station.call("POST", path, None, Some(&own)).status, 401);
        assert_eq!(station.call("POST", path, Some(&operator), Some(&own)).status, 403);
        assert_eq!(station.admin("POST", path, Some(&own)).status, 404, "no pattern is a station");
        for place in [
            "",
            "/etc",
            "file:///etc",
            "s3://a/../b",
            "s3://id:geheim@abc",
            "s3://abc?x=1",
            "s3://abc/\u{1b}[2J",
        ] {
            let body = serde_json::json!({ "place": place });
            let answer = station.admin("POST", "/api/v1/objects/move", Some(&body));
            let text = String::from_utf8_lossy(&answer.body).into_owned();
            assert!(answer.status == 422 || answer.status == 400, "{place}: {} {text}", answer.status);
            assert!(!text.contains("geheim"), "{text}");
        }
        let body = serde_json::json!({"place": "directory", "more": 1});
        assert!(station.admin("POST", "/api/v1/objects/move", Some(&body)).status >= 400);
    });
}
