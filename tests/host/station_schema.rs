//! All calls of the station as its description in OpenAPI allows them, and as it doesn't: by schemathesis.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::station::{Board, Station};

/// How long it may take: it takes some 15 s where nothing else goes on.
const PATIENCE: Duration = Duration::from_secs(240);

/// Something that a hook is told.
fn delivery(station: &Station) -> String {
    let end = Instant::now() + PATIENCE;
    loop {
        let queue = station.admin("GET", "/api/v1/deliveries", None).ok();
        if let Some(id) = queue["items"][0]["delivery"].as_str() {
            return id.to_owned();
        }
        assert!(Instant::now() < end, "{queue}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// What is told to it beside the description: things that are there, so that most calls get further than to 404.
fn config(station: &Station) -> String {
    let image = station.put("/api/v1/images/os", &[7; 70_000]).ok();
    let put = |path: &str, body: serde_json::Value| station.admin("PUT", path, Some(&body)).ok();
    let post = |path: &str, body: serde_json::Value| station.admin("POST", path, Some(&body)).ok();
    put("/api/v1/projects/lab", json!({"name": "lab", "image": "os"}));
    put("/api/v1/scripts/greet", json!({"name": "greet", "text": "echo hello\n", "when": "pre"}));
    put("/api/v1/labels/box", json!({"name": "box", "text": "size 50 25\ntext 1 1 4 {serial}"}));
    // What leads to this host is never connected to: what is to be printed stays there.
    put(
        "/api/v1/printers/zebra",
        json!({"name": "zebra", "at": {"by": "tcp", "host": "localhost", "port": 9}}),
    );
    let print =
        post("/api/v1/prints", json!({"label": "box", "printer": "zebra"}))["items"][0]["print"].clone();
    station.put("/api/v1/firmware/four", &crate::eeprom::pi4(b"[all]\nBOOT_UART=0\n")).ok();
    let range = json!({"kind": "sequence", "prefix": "SN", "width": 4, "start": 1, "step": 1, "end": 9});
    post("/api/v1/values", json!({"name": "sn", "of": range}));
    put("/api/v1/slots/bench", json!({"name": "bench", "kind": "usb", "place": "1-1", "position": 1}));
    put("/api/v1/switches/sw1", json!({"address": "198.51.100.77", "community": "reader"}));
    post("/api/v1/rules", json!({"name": "rest", "any": true, "what": {"do": "wait"}}));
    post("/api/v1/users", json!({"name": "ann", "role": "viewer", "password": "correct horse"}));
    // It is called where nobody hears it: what is to be delivered stays there.
    post("/api/v1/hooks", json!({"name": "phone", "url": "http://localhost:9/"}));
    let mut board = Board::new("00000000000000a1");
    board.register(station).ok();
    let delivery = delivery(station);
    let upload = post("/api/v1/uploads", json!({"name": "parts", "size": 9_000_000}));
    let login = json!({"name": "ann", "password": "correct horse"});
    let own = station.call("POST", "/api/v1/login", None, Some(&login)).ok()["secret"].clone();
    let job = post(&format!("/api/v1/boards/{}/jobs", board.id), json!({"action": "deploy", "image": "os"}));
    let work = board.work(station, 0).ok();
    let runs = station.admin("GET", "/api/v1/runs", None).ok();
    let names = [
        ("board", board.id.as_str()),
        ("image", image["id"].as_str().unwrap()),
        ("upload", upload["id"].as_str().unwrap()),
        ("job", job["id"].as_str().unwrap()),
        ("run", runs["items"][0]["run"].as_str().unwrap()),
        ("project", "lab"),
        ("rule", "rest"),
        ("script", "greet"),
        ("firmware", "four"),
        ("label", "box"),
        ("printer", "zebra"),
        ("print", print.as_str().unwrap()),
        ("source", "sn"),
        ("slot", "bench"),
        ("switch", "sw1"),
        ("user", "ann"),
        ("hook", "phone"),
        ("delivery", delivery.as_str()),
        ("key", "station.keep-runs"),
    ];
    let admin = station.token("admin", "admin");
    // `ignored_auth` wants 401 for each wrong token, and the station says 429 after ten: that is tested elsewhere. What
    // a description can't say (a name is taken, a body belongs to a path) is refused though it is allowed.
    let mut text = "request-timeout = 30\n[checks]\nignored_auth = { enabled = false }\n\
                    positive_data_acceptance = { enabled = false }\n"
        .to_owned();
    let api = station.call("GET", "/api/v1/openapi.json", None, None).ok();
    for (path, methods) in api["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys().map(|method| method.to_uppercase()) {
            let device = path.starts_with("/api/v1/device/");
            let token = match (device, path.contains("{job}")) {
                (true, true) => work["token"].as_str().unwrap(),
                (true, false) => &board.token,
                // A token has no account of its own.
                (false, _) if path.starts_with("/api/v1/account/") => own.as_str().unwrap(),
                (false, _) => &admin,
            };
            // Events never end.
            let enabled = path != "/api/v1/events";
            writeln!(text, "[[operations]]\ninclude-name = \"{method} {path}\"\nenabled = {enabled}")
                .unwrap();
            writeln!(text, "headers = {{ Authorization = \"Bearer {token}\" }}").unwrap();
            let mut given = String::new();
            // A call whose path names what isn't given here would be tried with names that don't exist only.
            let known = |part: &str| names.iter().any(|(name, _)| part == format!("{{{name}}}"));
            let named = path.split('/').filter(|part| part.starts_with('{')).all(known);
            let told = device || !path.starts_with("/api/v1/") || method == "DELETE";
            assert!(named || told, "{method} {path}: a name for it is missing");
            for (name, value) in names {
                if path.contains(&format!("{{{name}}}")) && method != "DELETE" {
                    write!(given, "\"path.{name}\" = \"{value}\", ").unwrap();
                }
            }
            if path.ends_with("/work") {
                given += "wait = 0";
            }
            writeln!(text, "parameters = {{ {} }}", given.trim_end_matches(", ")).unwrap();
        }
    }
    text
}

#[test]
fn schemathesis_finds_no_server_error_and_no_answer_that_the_description_does_not_have() {
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/target/tools/python/bin/schemathesis");
    assert!(Path::new(program).exists(), "{program} is missing: tools/install-packages test");
    let dir = tempfile::tempdir().unwrap();
    let station = Station::start(dir.path(), &["--enrol", "open"]);
    std::fs::write(dir.path().join("schemathesis.toml"), config(&station)).unwrap();
    let log = std::fs::File::create(dir.path().join("log")).unwrap();
    let mut command = Command::new(program);
    // What it tries is the same each time.
    command.args(["run", "--generation-deterministic", "--phases", "examples,coverage,fuzzing", "-n", "6"]);
    command.args(["--no-color", "--continue-on-failure", "--warnings", "off"]);
    command.arg(format!("http://{}/api/v1/openapi.json", station.address)).current_dir(dir.path());
    command.env("PYTHONDONTWRITEBYTECODE", "1").env("HOME", dir.path());
    let mut child =
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
    let began = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break Some(status);
        }
        if began.elapsed() > PATIENCE {
            let _ = child.kill();
            break child.wait().ok().filter(|_| false);
        }
        std::thread::park_timeout(Duration::from_millis(50));
    };
    let log = std::fs::read_to_string(dir.path().join("log")).unwrap();
    let from = log.find("= FAILURES =").or_else(|| log.find("= ERRORS =")).unwrap_or(0);
    assert!(status.is_some_and(|status| status.success()), "{status:?}:\n{}", &log[from..]);
    // It has tried them all.
    let tested = log.lines().find_map(|line| line.trim().strip_prefix("Tested:")).unwrap_or_default();
    assert!(tested.trim().parse::<u32>().unwrap_or(0) > 50, "{log}");
    assert_eq!(station.call("GET", "/healthz", None, None).status, 200);
}
