//! Images that the station fetches itself: from servers that cut, refuse, change and never end.

use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::browser::{Browser, text};
use crate::http_server::{content, header, part, server};
use crate::small_image::IMAGE;
use crate::station::{Answer, Station};

/// A station that may fetch from this host.
fn near(dir: &Path) -> Station {
    let config = dir.join("piprov.toml");
    std::fs::write(&config, "[station]\nimages-local = true\n").unwrap();
    Station::start(dir, &["--config", config.to_str().unwrap()])
}

fn fetch(station: &Station, new: &Value) -> Answer {
    station.admin("POST", "/api/v1/uploads/fetch", Some(new))
}

fn uploads(station: &Station) -> Vec<Value> {
    station.admin("GET", "/api/v1/uploads", None).ok()["items"].as_array().unwrap().clone()
}

/// The upload of this name, once `what` is so.
#[track_caller]
fn until(station: &Station, name: &str, what: impl Fn(&Value) -> bool) -> Value {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        let all = uploads(station);
        if let Some(one) = all.iter().find(|one| one["name"] == name && what(one)) {
            return one.clone();
        }
        assert!(Instant::now() < end, "{name}: {all:?}");
        std::thread::park_timeout(Duration::from_millis(50));
    }
}

fn says(one: &Value, text: &str) -> bool {
    one["why"].as_str().unwrap().contains(text)
}

#[test]
fn a_station_fetches_a_file_by_itself_and_goes_on_where_the_connection_broke() {
    let dir = tempfile::tempdir().unwrap();
    let station = near(dir.path());
    let ada = Browser::first(&station);
    let page = ada.page("/images/add");
    assert!(page.contains("action=\"/uploads/fetch\""), "{page}");
    let cuts = [1, 0, 4_000_000, usize::MAX];
    let (address, asked) = server(move |number, asked, stream| match number {
        // Elsewhere first, as download pages do.
        0 => {
            drop(write!(stream, "HTTP/1.1 302 Found\r\nLocation: /files/os.img\r\nContent-Length: 0\r\n\r\n"))
        }
        _ => part(stream, asked, &IMAGE, "\"v1\"", cuts[(number - 1).min(cuts.len() - 1)]),
    });
    let url = format!("{address}/latest/raspios%20lite.img.xz?token=k3y");
    let sha256 = Sha256::digest(&*IMAGE).iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
    let begun = ada.post("/uploads/fetch", &[("url", &url), ("sha256", &sha256), ("name", "")]);
    assert_eq!((begun.status, begun.header("location")), (303, Some("/images")), "{}", text(&begun));
    let page = ada.until("/images", "MBR: FAT 8 MiB, ext4 16 MiB");
    assert!(page.contains("raspios-20lite") && !page.contains("k3y"), "{page}");
    let image = station.admin("GET", "/api/v1/images/raspios-20lite", None).ok();
    assert_eq!((&image["state"], &image["raw_sha256"]), (&json!("ready"), &json!(sha256)));
    assert!(uploads(&station).is_empty());
    let ranges: Vec<_> =
        asked.try_iter().map(|asked| header(&asked, "range").unwrap_or_default().to_owned()).collect();
    assert_eq!(ranges, ["", "", "bytes=1-", "bytes=1-", "bytes=4000001-"]);
    let audit = station.admin("GET", "/api/v1/audit", None).ok().to_string();
    assert!(audit.contains("image.fetch") && !audit.contains("k3y"), "{audit}");
}

#[test]
fn what_can_not_be_fetched_says_why_and_leaves_no_image() {
    let dir = tempfile::tempdir().unwrap();
    let station = near(dir.path());
    let (address, _asked) = server(|number, asked, stream| {
        let at = asked[0].split(' ').nth(1).unwrap();
        let _ = match at {
            "/none" => write!(stream, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
            "/empty" => write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
            "/other" => {
                part(stream, asked, &content(9_000_000), "\"v1\"", usize::MAX);
                Ok(())
            }
            "/changed" => {
                part(stream, asked, &content(9_000_000), &format!("\"v{number}\""), 5_000_000);
                Ok(())
            }
            "/vast" => write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", u64::MAX / 2),
            "/room" => write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", 3_u64 << 40),
            "/packed" => {
                write!(stream, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 9\r\n\r\n")
            }
            to => {
                let to = to.trim_start_matches("/to?");
                write!(stream, "HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n")
            }
        };
    });
    let zeros = "0".repeat(64);
    let cases = [
        ("none", "/none", "404"),
        ("empty", "/empty", "the file is empty"),
        ("other", "/other", "the sha256 is"),
        ("changed", "/changed", "another version"),
        ("vast", "/vast", "an image has"),
        ("room", "/room", "the station's disk has"),
        ("packed", "/packed", "encoded as gzip"),
        ("circle", "/to?/to?/x", "from one place to the next"),
        ("socket", "/to?unix:/run/piprov/station.sock", "a socket of this host"),
        ("file", "/to?file:///etc/passwd", "only http, https"),
        ("ftp", "/to?ftp://x/y", "only http, https"),
    ];
    for (name, at, _) in cases {
        let mut new = json!({ "url": format!("{address}{at}"), "name": name });
        if name == "other" {
            new["sha256"] = json!(zeros);
        }
        let answer = fetch(&station, &new);
        assert_eq!(answer.status, 201, "{name}: {}", text(&answer));
        let shown = answer.json()["url"].as_str().unwrap().to_owned();
        assert_eq!(shown, format!("{address}{}", at.split('?').next().unwrap()), "{name}");
    }
    for (name, _, why) in cases {
        let failed = until(&station, name, |one| one["state"] == "failed");
        assert!(says(&failed, why), "{name}: {failed}");
    }
    assert_eq!(station.admin("GET", "/api/v1/images", None).ok()["items"], json!([]));
    assert_eq!(std::fs::read_dir(dir.path().join("uploads")).map_or(0, Iterator::count), 0);
    // The page says why, and how to go on.
    let ada = Browser::first(&station);
    let page = ada.page("/images");
    assert!(
        page.contains("404") && page.contains("/images/add?name=none&amp;url=http%3A//127.0.0.1"),
        "{page}"
    );
    let page = ada.page("/images/add?name=none&url=http%3A%2F%2F%22%3E%3Cb%3E");
    assert!(page.contains("value=\"none\"") && !page.contains("\"><b>"), "{page}");
}

#[test]
fn a_station_is_not_sent_to_its_own_host_nor_to_where_clouds_keep_secrets() {
    let dir = tempfile::tempdir().unwrap();
    let station = Station::start(dir.path(), &[]);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    for (url, status, why) in [
        (format!("http://127.0.0.1:{port}/os.img"), 403, "station's host itself"),
        (format!("http://[::ffff:127.0.0.1]:{port}/os.img"), 403, "station's host itself"),
        ("http://169.254.169.254/latest/meta-data".to_owned(), 403, "station's host itself"),
        ("http://[fe80::1%25lo]/os.img".to_owned(), 403, "station's host itself"),
        ("unix:/run/piprov/station.sock".to_owned(), 422, "https:// or http://"),
        ("file:///etc/passwd".to_owned(), 400, "only http, https"),
        ("/etc/passwd".to_owned(), 400, "http://"),
        ("https://ada:secret@host/os.img".to_owned(), 400, "a password"),
        ("https://host/os.img\r\nx: y".to_owned(), 400, "spaces or controls"),
        ("https://host/".to_owned(), 422, "what to call the image"),
    ] {
        let answer = fetch(&station, &json!({ "url": url }));
        let said = text(&answer);
        assert!(answer.status == status && said.contains(why) && !said.contains("secret"), "{url}: {said}");
    }
    // A name that leads there is found out when it is connected to.
    let url = format!("http://localhost:{port}/os.img");
    assert_eq!(fetch(&station, &json!({ "url": url })).status, 201);
    let failed = until(&station, "os", |one| one["state"] == "failed");
    assert!(says(&failed, "isn't to be asked from here"), "{failed}");
    listener.set_nonblocking(true).unwrap();
    assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock, "it was asked");
    // Who may not change images may not let them be fetched.
    let bob = Browser::user(&station, "bob", "operator");
    assert_eq!(bob.post("/uploads/fetch", &[("url", "http://10.0.0.1/os.img")]).status, 403);
}

#[test]
fn two_are_fetched_at_once_and_each_ends_when_it_is_cancelled_or_the_station_ends() {
    let dir = tempfile::tempdir().unwrap();
    let mut station = near(dir.path());
    // It sends a little, and then nothing for long.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let come = |name: &str| {
        let new = json!({ "url": format!("{address}/os.img"), "name": name });
        fetch(&station, &new).ok()["id"].as_str().unwrap().to_owned()
    };
    let begin = || {
        let (mut stream, _) = listener.accept().unwrap();
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n").unwrap();
        stream.write_all(&vec![7; 6_000_000]).unwrap();
        stream
    };
    let (one, mut stream) = (come("one"), begin());
    come("two");
    let _second = begin();
    let three = come("three");
    until(&station, "three", |one| says(one, "2 others are fetched"));
    let coming = until(&station, "one", |one| one["came"].as_u64() > Some(4 << 20));
    assert_eq!((&coming["state"], &coming["size"]), (&json!("coming"), &json!(99_999_999)));
    // Nobody else brings a piece of it.
    let piece = station.put(&format!("/api/v1/uploads/{one}/piece?at={}", coming["came"]), b"x");
    assert_eq!(piece.status, 409, "{}", text(&piece));
    assert_eq!(station.admin("DELETE", &format!("/api/v1/uploads/{one}"), None).status, 204);
    // The server sees it: what isn't wanted isn't fetched any longer.
    let end = Instant::now() + Duration::from_secs(30);
    while stream.write_all(&[7; 65536]).is_ok() {
        assert!(Instant::now() < end, "it is fetched although it was cancelled");
        std::thread::park_timeout(Duration::from_millis(20));
    }
    // Its place is another one's.
    let _third = begin();
    until(&station, "three", |one| one["came"].as_u64() > Some(0) && says(one, ""));
    assert_eq!(uploads(&station).len(), 2);
    station.kill();
    let station = near(dir.path());
    let ended = until(&station, "three", |one| one["state"] == "failed");
    assert!(says(&ended, "the station ended while it came"), "{ended}");
    assert_eq!(station.admin("DELETE", &format!("/api/v1/uploads/{three}"), None).status, 204);
    assert_eq!(std::fs::read_dir(dir.path().join("uploads")).map_or(0, Iterator::count), 0);
}
