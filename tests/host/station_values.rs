//! Values of which each board has its own: from sources at the command line to the records of boards that got them.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;

use piprov::http::{Client, Limits, Origin, Trust};
use serde_json::{Value, json};

use crate::station::Board;
use crate::station_cli::Station;
use crate::station_deploy::{Agent, boards, bytes, disk, runs, until};

const MIB: usize = 1 << 20;

#[test]
fn three_boards_get_each_their_own_and_the_records_say_which() {
    let station = Station::start();
    fs::write(station.path("os.img"), bytes(MIB)).unwrap();
    station.json(&["image", "add", "os.img", "--name", "os"]);
    let made =
        station.json(&["values", "add", "sn", "--from", "SN000001", "--to", "SN000003", "--warn", "1"]);
    assert_eq!((&made[0]["value"]["left"], &made[0]["value"]["of"]["kind"]), (&json!(3), &json!("sequence")));
    let text = "\u{feff}serial;Host Name;PIN\r\n10000000AAAA0002;gw-two;0002\r\n;gw-a;0007\r\n;gw-b;0008\r\n";
    fs::write(station.path("keys.csv"), text).unwrap();
    let told = station.json(&["values", "add", "keys", "--table", "keys.csv"]);
    assert_eq!((&told[0]["event"], &told[0]["value"]["added"]), (&json!("values-upload"), &json!(3)));
    let project = station
        .json(&["project", "add", "p", "--image", "os", "--end", "wait", "--value", "sn", "--value", "keys"]);
    assert_eq!(project[0]["value"]["values"], json!(["sn", "keys"]));
    station.json(&["rule", "add", "all", "--project", "p", "--any"]);
    station.json(&["station", "arm"]);

    let agents: Vec<_> = (1..=3)
        .map(|n| {
            let name = format!("b{n}");
            let disk = disk(&station, &name, 3);
            Agent::on(&station, &name, &format!("10000000aaaa000{n}"), &disk)
        })
        .collect();
    boards(&station, 3);
    let done = until("three runs that are done", || {
        let runs = runs(&station);
        (runs.len() == 3 && runs.iter().all(|run| run["outcome"] == "done")).then_some(runs)
    });
    drop(agents);
    let mut got = BTreeMap::new();
    for run in &done {
        let name = run["run"].as_str().unwrap();
        let record = station.json(&["run", "show", name, "--station", &station.url()]);
        let values = &record[0]["value"]["detail"]["values"];
        let values = if values.is_null() { find(&record[0], "values") } else { values };
        got.insert(run["serial"].as_str().unwrap().to_owned(), values.clone());
    }
    let two = &got["10000000aaaa0002"];
    assert_eq!((&two["host_name"], &two["pin"]), (&json!("gw-two"), &json!("0002")));
    for name in ["sn", "host_name", "pin"] {
        let all: std::collections::BTreeSet<_> =
            got.values().map(|values| values[name].as_str().unwrap()).collect();
        assert_eq!(all.len(), 3, "{name}: {got:?}");
    }

    // Who has what; what can't be done; what a person gives back.
    let shown = station.json(&["values", "show", "keys", "--search", "gw-two"]);
    assert_eq!((shown.len(), &shown[1]["value"]["serial"]), (2, &json!("10000000aaaa0002")));
    assert!(
        station
            .stderr(&["values", "remove", "sn", "--confirm", "sn"], 75)
            .contains("the project p draws from it")
    );
    assert!(
        station
            .stderr(&["values", "release", "sn", "10000000aaaa0002"], 2)
            .contains("nobody said that it is meant")
    );
    let gone = ["values", "release", "sn", "10000000aaaa0002", "--confirm", "10000000aaaa0002"];
    station.json(&gone);
    assert!(station.stderr(&gone, 66).contains("no board with values of this source"));
    let listed = station.json(&["values", "list"]);
    assert_eq!((&listed[1]["value"]["name"], &listed[1]["value"]["left"]), (&json!("sn"), &json!(1)));
    // A newer file: it is counted first.
    fs::write(station.path("keys.csv"), "host_name,pin\ngw-c,0009\n").unwrap();
    let dry = station.json(&["values", "upload", "keys", "keys.csv", "--dry-run"]);
    assert_eq!((&dry[0]["value"]["added"], &dry[0]["value"]["kept"]), (&json!(1), &json!(3)));
    assert_eq!(station.json(&["values", "show", "keys"])[0]["value"]["left"], json!(0));
    station.json(&["values", "upload", "keys", "keys.csv"]);
    assert_eq!(station.json(&["values", "show", "keys"])[0]["value"]["left"], json!(1));
    fs::write(station.path("keys.csv"), "host_name,pin\ngw-c\n").unwrap();
    let short = station.stderr(&["values", "upload", "keys", "keys.csv"], 65);
    assert!(short.contains("row 1 in line 2: it has 1 fields, and the header has 2"), "{short}");
    station.json(&["values", "set", "sn", "--to", "SN000010"]);
    let stop = piprov::stop::Stop::new().unwrap();
    let origin = Origin::Unix(station.socket());
    let client = Client::new(origin, Trust::System, Limits::default(), &stop).unwrap();
    let audit: Value = client.get("/api/v1/audit").send().unwrap().json().unwrap();
    let lines = audit["items"].as_array().unwrap();
    let released = lines.iter().find(|line| line["what"] == "values.release").unwrap();
    assert_eq!(released["on"], "sn", "{audit}");
}

/// A member of this name, however deep.
fn find<'a>(value: &'a Value, name: &str) -> &'a Value {
    let inner = match value {
        Value::Object(members) => match members.get(name) {
            Some(found) if found.is_object() => return found,
            _ => members.values().map(|value| find(value, name)).find(|value| !value.is_null()),
        },
        Value::Array(values) => values.iter().map(|value| find(value, name)).find(|value| !value.is_null()),
        _ => None,
    };
    inner.unwrap_or(&Value::Null)
}

/// Takes one call, and answers it with this. Head and body of the call.
fn take(listener: &TcpListener, status: &str, answer: &str) -> (String, Value) {
    let (stream, _) = listener.accept().unwrap();
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
        head += &line.to_ascii_lowercase();
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    let length = answer.len();
    write!(
        stream.get_mut(),
        "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{answer}"
    )
    .unwrap();
    (head, serde_json::from_slice(&body).unwrap())
}

#[test]
fn a_file_that_was_cut_off_takes_no_rows_away_unasked() {
    let station = Station::start();
    let rows: String = (0..41).map(|n| format!("gw-{n}\n")).collect();
    fs::write(station.path("keys.csv"), format!("host_name\n{rows}")).unwrap();
    station.json(&["values", "add", "keys", "--table", "keys.csv"]);
    fs::write(station.path("keys.csv"), "host_name\ngw-0\ngw-1\ngw-2\ngw-3\n").unwrap();
    let upload = ["values", "upload", "keys", "keys.csv"];
    let left = || station.json(&["values", "list"])[0]["value"]["left"].clone();
    let asked = station.stderr(&upload, 2);
    let asked = asked.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(asked.contains("this file hasn't 37 rows that no board has yet: that would go"), "{asked}");
    assert!(asked.contains("--confirm keys"), "{asked}");
    assert_eq!(left(), 41);
    station.stderr(&[&upload[..], &["--confirm", "key"]].concat(), 2);
    assert_eq!(left(), 41);
    let told = station.json(&[&upload[..], &["--confirm", "keys"]].concat());
    assert_eq!((&told[0]["value"]["gone"], left()), (&json!(37), json!(4)));
    // More rows take none away: nobody is asked.
    fs::write(station.path("keys.csv"), format!("host_name\n{rows}")).unwrap();
    station.json(&upload);
    assert_eq!(left(), 41);
}

#[test]
fn a_server_is_asked_again_until_it_answers_and_the_manifest_has_what_it_said() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("piprov.toml");
    fs::write(&config, "[station]\nhooks-local = true\n").unwrap();
    let station = crate::station::Station::start(
        dir.path(),
        &["--enrol", "open", "--config", config.to_str().unwrap()],
    );
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/values", listener.local_addr().unwrap());
    let new = json!({ "name": "erp", "of": { "kind": "http", "url": url } });
    let made = station.admin("POST", "/api/v1/values", Some(&new)).ok();
    let secret = made["secret"].as_str().unwrap().to_owned();
    assert!(!station.admin("GET", "/api/v1/values/erp", None).ok().to_string().contains(&secret));
    let sequence = json!({ "name": "mac2", "of": { "kind": "addresses", "start": "dc:a6:32:00:00:ff", "end": "dc:a6:32:00:01:00", "step": 1 } });
    station.admin("POST", "/api/v1/values", Some(&sequence)).ok();
    station.put("/api/v1/images/os", &[7; 70_000]).ok();
    let project = json!({ "name": "p", "image": "os", "end": "wait", "values": ["erp", "mac2"] });
    station.admin("PUT", "/api/v1/projects/p", Some(&project)).ok();
    let mut board = Board::new("10000000000000a1");
    board.register(&station).ok();
    let deploy = json!({ "action": "deploy", "project": "p" });
    let job = station.admin("POST", &format!("/api/v1/boards/{}/jobs", board.id), Some(&deploy)).ok();
    assert!(job["waits"].as_str().unwrap().contains("`erp`"), "{job}");
    // The board is there: the server is asked, and doesn't know yet.
    assert_eq!(board.work(&station, 0).status, 204);
    let (head, asked) = take(&listener, "503 Busy", "");
    assert!(head.starts_with("post /values") && head.contains("piprov-signature: t="), "{head}");
    assert_eq!((&asked["source"], &asked["board"]["serial"]), (&json!("erp"), &json!("10000000000000a1")));
    let waits = until("the reason", || {
        let job = station.admin("GET", &format!("/api/v1/jobs/{}", job["id"].as_str().unwrap()), None).ok();
        job["waits"].as_str().filter(|waits| waits.contains("503")).map(str::to_owned)
    });
    assert!(waits.contains("gives no values: it answers with HTTP 503"), "{waits}");
    let again = std::thread::spawn(move || take(&listener, "200 OK", r#"{"location":"Berlin"}"#));
    let work = until("the job", || {
        let answer = board.work(&station, 5);
        (answer.status == 200).then(|| answer.ok())
    });
    again.join().unwrap();
    let path = format!("/api/v1/device/jobs/{}/manifest", work["job"].as_str().unwrap());
    let manifest = station.call("GET", &path, work["token"].as_str(), None).ok();
    assert_eq!(manifest["values"], json!({ "location": "Berlin", "mac2": "dc:a6:32:00:00:ff" }));
}
