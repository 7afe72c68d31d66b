//! Labels: values that would be commands of a printer, templates and pictures that would fill memory, printers that lead
//! elsewhere, never end, or would have the station run something.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::browser::{Browser, text};
use crate::station::{Board, Station};

fn station(config: &str) -> (tempfile::TempDir, Station) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("piprov.toml");
    std::fs::write(&file, config.replace("DIR", dir.path().to_str().unwrap())).unwrap();
    let station = Station::start(dir.path(), &["--enrol", "open", "--config", file.to_str().unwrap()]);
    (dir, station)
}

fn put_label(station: &Station, language: &str, text: &str) -> u16 {
    let label = json!({ "name": "l", "language": language, "text": text });
    station.admin("PUT", "/api/v1/labels/l", Some(&label)).status
}

fn put_printer(station: &Station, name: &str, at: Value) -> crate::station::Answer {
    let new = json!({ "name": name, "at": at });
    station.admin("PUT", &format!("/api/v1/printers/{name}"), Some(&new))
}

fn print(station: &Station, printer: &str, board: Option<&str>) -> crate::station::Answer {
    let new = json!({ "label": "l", "printer": printer, "board": board });
    station.admin("POST", "/api/v1/prints", Some(&new))
}

/// The newest of what was to be printed, once it is so.
fn until(station: &Station, is: impl Fn(&Value) -> bool) -> Value {
    let end = Instant::now() + Duration::from_secs(120);
    loop {
        let prints = station.admin("GET", "/api/v1/prints?limit=1", None).ok();
        if is(&prints["items"][0]) {
            return prints["items"][0].clone();
        }
        assert!(Instant::now() < end, "{prints}");
        std::thread::park_timeout(Duration::from_millis(50));
    }
}

#[test]
fn nobody_names_a_program_and_no_file_lies_elsewhere() {
    let (dir, station) = station(
        "[station]\nprint-dir = \"DIR/labels\"\n[[station.print-command]]\nname = \"sink\"\nrun = [\"/bin/cat\"]\n",
    );
    std::fs::create_dir(dir.path().join("labels")).unwrap();
    for at in [
        json!({ "by": "command", "command": "/bin/sh" }),
        json!({ "by": "command", "command": "sink; id" }),
        json!({ "by": "command", "command": "../sink" }),
        json!({ "by": "command", "command": "cat" }),
        json!({ "by": "command", "command": ["/bin/sh", "-c", "id"] }),
        json!({ "by": "file", "ending": "../../x" }),
        json!({ "by": "file", "ending": "a/b" }),
        json!({ "by": "ipp", "host": "10.0.0.9" }),
    ] {
        let answer = put_printer(&station, "evil", at.clone());
        assert!((400..500).contains(&answer.status), "{at}: {answer:?}");
    }
    for name in ["..", "../x", "a/b", "", "-x", "\u{1b}[2J"] {
        let new = json!({ "name": name, "at": { "by": "file" } });
        let answer = station.admin("PUT", "/api/v1/printers/evil", Some(&new));
        assert!((400..500).contains(&answer.status), "{name:?}: {answer:?}");
    }
    // The settings' own can't be made another one by a value, or by a link that somebody has put there.
    put_printer(&station, "sink", json!({ "by": "command", "command": "sink" })).ok();
    std::os::unix::fs::symlink("/etc", dir.path().join("labels/files")).unwrap();
    put_printer(&station, "files", json!({ "by": "file" })).ok();
    assert_eq!(put_label(&station, "text", "{serial}"), 200);
    print(&station, "files", None).ok();
    let waits = until(&station, |print| !print["why"].as_str().unwrap_or_default().is_empty());
    assert_eq!(waits["state"], "waiting", "{waits}");
    assert!(
        std::fs::read_dir("/etc")
            .unwrap()
            .all(|file| { !file.unwrap().file_name().to_string_lossy().starts_with("label-") })
    );
    // An operator prints, and names no printer; a viewer doesn't print.
    let operator = station.token("op", "operator");
    let at = json!({ "name": "x", "at": { "by": "file" } });
    assert_eq!(station.call("PUT", "/api/v1/printers/x", Some(&operator), Some(&at)).status, 403);
    let viewer = station.token("vi", "viewer");
    let new = json!({ "label": "l", "printer": "sink" });
    assert_eq!(station.call("POST", "/api/v1/prints", Some(&viewer), Some(&new)).status, 403);
}

#[test]
fn printers_never_lead_to_this_host_or_the_link() {
    let (_dir, station) = station("");
    for host in ["127.0.0.1", "0.0.0.0", "::1", "169.254.169.254", "fe80::1", "::ffff:127.0.0.1", "0"] {
        for by in ["tcp", "ftp"] {
            let answer = put_printer(&station, "here", json!({ "by": by, "host": host }));
            // A number alone is a name, which is looked at when it is connected to.
            assert!(answer.status == 403 || host == "0", "{by} {host}: {answer:?}");
        }
    }
    // A name that means this host gets nothing, though something listens there.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    assert_eq!(put_label(&station, "text", "x"), 200);
    for by in ["tcp", "ftp"] {
        put_printer(&station, by, json!({ "by": by, "host": "localhost", "port": port })).ok();
        print(&station, by, None).ok();
        let waits = until(&station, |print| !print["why"].as_str().unwrap_or_default().is_empty());
        assert!(waits["why"].as_str().unwrap().contains("isn't to be asked from here"), "{waits}");
    }
    assert!(listener.accept().is_err(), "nothing came");
}

#[test]
fn no_value_is_a_command_of_a_printer() {
    let (_dir, station) = station("[station]\nprinters-local = true\n");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (got, all) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut bytes = Vec::new();
            let _ = stream.unwrap().read_to_end(&mut bytes);
            let _ = got.send(bytes);
        }
    });
    put_printer(&station, "p", json!({ "by": "tcp", "host": "127.0.0.1", "port": port })).ok();
    let mut board = Board::new("10000000000000b1");
    // What a board says of itself is anybody's.
    let hello = station.call("GET", "/api/v1/device/hello", None, None).ok();
    let mut told = board.told(hello["nonce"].as_str().unwrap());
    told["model"] = "Pi ^XZ~JR^XA [SER:1] <script> \" \u{1b}@ \r\nP99".into();
    let told = told.to_string();
    let answer = board.register_with(&station, told.as_bytes(), &board.sign(told.as_bytes())).ok();
    board.id = answer["board"].as_str().unwrap().to_owned();
    for (language, refused) in
        [("zpl", true), ("jscript", true), ("epl", false), ("html", false), ("text", false)]
    {
        assert_eq!(put_label(&station, language, "^XA{model}^XZ"), 200);
        let answer = print(&station, "p", Some(&board.id));
        if refused {
            assert_eq!(answer.status, 422, "{language}: {answer:?}");
            assert!(text(&answer).contains("would take for a command"), "{}", text(&answer));
            continue;
        }
        answer.ok();
        let bytes = all.recv_timeout(Duration::from_secs(60)).unwrap();
        let label = String::from_utf8(bytes).unwrap();
        assert!(!label.contains(['\n', '\r', '\u{1b}']), "{label:?}");
        match language {
            "epl" => assert!(label.contains("\\\""), "{label}"),
            "html" => assert!(label.contains("&lt;script&gt;") && label.contains("&quot;"), "{label}"),
            _ => {}
        }
    }
    assert!(all.try_recv().is_err());
    // On the page it is a text.
    assert_eq!(put_label(&station, "text", "{model}"), 200);
    let browser = Browser::first(&station);
    let page = browser.page(&format!("/label/l?board={}", board.id));
    assert!(!page.contains("<script> ") && page.contains("&#60;script&#62;"), "{page}");
}

#[test]
fn templates_and_pictures_are_bounded() {
    let (_dir, station) = station("");
    for (language, template) in [
        ("text", "x".repeat((32 << 10) + 1)),
        ("drawn", "size 200 300\ndpi 600\n".to_owned()),
        ("drawn", format!("size 50 25\nqr 1 1 20 {}\n", "x".repeat(20_000))),
        ("drawn", format!("size 50 25\n{}", "line 1 1 1 1\n".repeat(2000))),
        ("drawn", "size 99999999999999999999 1\n".to_owned()),
        ("drawn", "size 50 25\ntext 1 1 4 \u{1b}[2J\n".to_owned()),
        ("drawn", String::new()),
        ("macro", "x".to_owned()),
    ] {
        let status = put_label(&station, language, &template);
        assert!((400..500).contains(&status), "{language} {}: {status}", template.len());
    }
    // A picture is as long as it says, and no longer than is looked at.
    let token = station.token("vi", "viewer");
    let scan = |place: &str, bytes: &[u8], token: Option<&str>| {
        let headers = [("content-type", "application/octet-stream")];
        let path = format!("/api/v1/scan{place}");
        station.raw(&crate::station::request("POST", &path, token, Some(bytes), &headers))
    };
    for (place, len) in [
        ("?width=64&height=64", 64 * 64 - 1),
        ("?width=64&height=64", 64 * 64 + 1),
        ("?width=4294967295&height=4294967295", 16),
        ("?width=0&height=0", 0),
        ("?width=-1&height=64", 64),
        ("", 64),
        ("?width=1280&height=1024", (1280 << 10) + 1),
    ] {
        let answer = scan(place, &vec![0; len], Some(&token));
        assert!((400..500).contains(&answer.status), "{place} {len}: {answer:?}");
    }
    assert_eq!(scan("?width=64&height=64", &vec![0; 64 * 64], None).status, 401);
    // Noise is no code, and many pictures at once end nothing.
    let noise: Vec<u8> =
        (0..320 * 240u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24).to_le_bytes()[0]).collect();
    std::thread::scope(|scope| {
        for _ in 0..12 {
            scope.spawn(|| {
                let answer = scan("?width=320&height=240", &noise, Some(&token));
                // A token that scopes don't hold may look.
                assert!(matches!(answer.status, 200 | 429), "{answer:?}");
            });
        }
    });
    assert_eq!(station.admin("GET", "/healthz", None).status, 200);
}

/// Takes a connection and does this with it, again and again.
fn odd(what: impl Fn(TcpStream) + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || listener.incoming().for_each(|stream| what(stream.unwrap())));
    port
}

#[test]
fn a_printer_that_lies_or_never_ends_costs_its_own_labels_and_nothing_else() {
    let (_dir, station) = station("[station]\nprinters-local = true\n");
    assert_eq!(put_label(&station, "text", "x"), 200);
    // It takes a label, and talks without an end.
    let talks = odd(|mut stream| {
        let _ = stream.set_write_timeout(Some(Duration::from_secs(5)));
        while stream.write_all(&[b'x'; 65536]).is_ok() {}
    });
    // An FTP server whose line never ends, one whose answer never does, and one that names another host.
    let line = odd(|mut stream| {
        let _ = stream.set_write_timeout(Some(Duration::from_secs(5)));
        while stream.write_all(&[b'2'; 65536]).is_ok() {}
    });
    let answer = odd(|mut stream| {
        let _ = stream.set_write_timeout(Some(Duration::from_secs(5)));
        while stream.write_all(b"220-x\r\n").is_ok() {}
    });
    put_printer(&station, "talks", json!({ "by": "tcp", "host": "127.0.0.1", "port": talks })).ok();
    put_printer(&station, "line", json!({ "by": "ftp", "host": "127.0.0.1", "port": line })).ok();
    put_printer(&station, "answer", json!({ "by": "ftp", "host": "127.0.0.1", "port": answer })).ok();
    print(&station, "talks", None).ok();
    let sent = until(&station, |print| print["printer"] == "talks" && print["state"] == "sent");
    assert_eq!(sent["tries"], 1);
    for (printer, why) in [("line", "a line of its answer is too long"), ("answer", "its answer has no end")]
    {
        print(&station, printer, None).ok();
        let waits = until(&station, |print| !print["why"].as_str().unwrap_or_default().is_empty());
        assert!(waits["why"].as_str().unwrap().contains(why) && waits["state"] == "waiting", "{waits}");
    }
    // Others print meanwhile.
    let good = odd(|mut stream| {
        let _ = stream.read_to_end(&mut Vec::new());
    });
    put_printer(&station, "good", json!({ "by": "tcp", "host": "127.0.0.1", "port": good })).ok();
    print(&station, "good", None).ok();
    until(&station, |print| print["printer"] == "good" && print["state"] == "sent");
}

#[test]
fn a_password_is_told_to_nobody() {
    let (_dir, station) = station("");
    let new = json!({
        "name": "ftp", "at": { "by": "ftp", "host": "198.51.100.71", "user": "lab" }, "password": "hunter2-secret",
    });
    let answer = station.admin("PUT", "/api/v1/printers/ftp", Some(&new));
    let told = [
        text(&answer),
        text(&station.admin("GET", "/api/v1/printers/ftp", None)),
        text(&station.admin("GET", "/api/v1/printers", None)),
        text(&station.admin("GET", "/api/v1/audit", None)),
        text(&station.admin("GET", "/api/v1/station/support", None)),
        Browser::first(&station).page("/printers?change=ftp"),
    ];
    for told in told {
        assert!(!told.contains("hunter2"), "{told}");
    }
    // With another server it is gone: whoever may change a printer doesn't get it sent to a host of theirs.
    let other = json!({ "name": "ftp", "at": { "by": "ftp", "host": "198.51.100.72", "user": "lab" } });
    assert_eq!(station.admin("PUT", "/api/v1/printers/ftp", Some(&other)).ok()["password"], false);
    for password in ["a\r\nDELE x", &"x".repeat(201)] {
        let bad = json!({
            "name": "ftp", "at": { "by": "ftp", "host": "198.51.100.71", "user": "lab" }, "password": password,
        });
        assert_eq!(station.admin("PUT", "/api/v1/printers/ftp", Some(&bad)).status, 422);
    }
}
