//! The command line as the first client of a real station.

use std::ffi::{OsStr, OsString};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use piprov::http::{Client, Error, Limits, Origin, Pin, Trust};
use piprov::stop::Stop;
use serde_json::{Value, json};

use crate::{common, documented};

/// A station of its own, ended with the test.
pub(crate) struct Station {
    dir: tempfile::TempDir,
    state: Option<PathBuf>,
    settings: Vec<(String, OsString)>,
    enrol: &'static str,
    child: Option<Child>,
    pub(crate) port: u16,
}

impl Station {
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    /// One that lets nobody in without a person.
    pub(crate) fn asking() -> Self {
        let mut station = Self::new(&[]);
        station.enrol = "ask";
        station.begin();
        station
    }

    /// The same with its state in this directory.
    pub(crate) fn in_state(state: &Path) -> Self {
        let mut station = Self::new(&[]);
        station.state = Some(state.to_owned());
        station.begin();
        station
    }

    /// The same with settings from the environment.
    pub(crate) fn with(settings: &[(&str, &OsStr)]) -> Self {
        let mut station = Self::new(settings);
        station.begin();
        station
    }

    fn new(settings: &[(&str, &OsStr)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let settings =
            settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self { dir, state: None, settings, enrol: "open", child: None, port }
    }

    /// Starts it, where it was before, and waits until it answers.
    pub(crate) fn begin(&mut self) {
        self.spawn(Stdio::inherit());
        let began = Instant::now();
        let stop = Stop::new().unwrap();
        let client =
            Client::new(Origin::Unix(self.socket()), Trust::System, Limits::default(), &stop).unwrap();
        while client.get("/healthz").send().is_err() {
            let ended = self.child.as_mut().unwrap().try_wait().unwrap();
            assert!(ended.is_none(), "the station has ended: {ended:?}");
            assert!(began.elapsed() < Duration::from_secs(60), "the station doesn't answer");
            assert!(!stop.wait(Duration::from_millis(20)));
        }
    }

    /// Starts it where it can't begin: its exit code, and what it says.
    pub(crate) fn refuses(&mut self) -> (i32, String) {
        self.spawn(Stdio::piped());
        let out = self.child.take().unwrap().wait_with_output().unwrap();
        (out.status.code().unwrap(), String::from_utf8(out.stderr).unwrap())
    }

    fn spawn(&mut self, stderr: Stdio) {
        let mut command = common::piprov();
        command.args(["serve", "--enrol", self.enrol, "--listen", &format!("127.0.0.1:{}", self.port)]);
        command.arg("--socket").arg(self.socket()).arg("--state");
        command.arg(self.state.clone().unwrap_or_else(|| self.path("station")));
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        command.env("PIPROV_STATE_DIR", self.dir.path());
        self.child = Some(command.stdout(Stdio::null()).stderr(stderr).spawn().unwrap());
    }

    /// SIGTERM, and its end.
    pub(crate) fn end(&mut self) {
        let mut child = self.child.take().unwrap();
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        assert!(child.wait().unwrap().success());
    }

    /// kill -9.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.dir.path().join("s.sock")
    }

    /// The socket as a station is named.
    pub(crate) fn url(&self) -> String {
        format!("unix:{}", self.socket().display())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = common::piprov();
        command.args(arguments).env("PIPROV_STATION_SOCKET", self.socket()).current_dir(self.dir.path());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// What a command prints with `--json`, of which each line is as docs/json.md says.
    pub(crate) fn json(&self, arguments: &[&str]) -> Vec<Value> {
        let out = self.command(arguments).arg("--json").output().unwrap();
        let text = String::from_utf8(out.stdout).unwrap();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        lines.iter().for_each(documented::check);
        assert!(out.status.success(), "{arguments:?}: {lines:?} {}", String::from_utf8_lossy(&out.stderr));
        lines
    }

    pub(crate) fn stderr(&self, arguments: &[&str], code: i32) -> String {
        let out = self.run(arguments);
        let text = String::from_utf8(out.stderr).unwrap();
        assert_eq!(out.status.code(), Some(code), "{arguments:?}: {text}");
        text
    }
}

impl Drop for Station {
    fn drop(&mut self) {
        self.kill();
    }
}

#[test]
fn projects_rules_users_and_tokens_are_made_shown_changed_and_taken_back() {
    let station = Station::start();
    let made = station.json(&["project", "add", "lab", "--target", "emmc,sd", "--end", "power-off"]);
    assert_eq!(made[0]["value"]["target"], json!(["emmc", "sd"]));
    let error = station.stderr(&["project", "add", "lab"], 75);
    assert!(error.contains("already") && error.contains("piprov project set"), "{error}");
    let set = station.json(&["project", "set", "lab", "--again", "ask"]);
    assert_eq!((&set[0]["value"]["again"], &set[0]["value"]["end"]), (&json!("ask"), &json!("power-off")));

    // Another like it, and one by a file; what a file says too much is told by its name.
    let clone = station.json(&["project", "clone", "lab", "lab 2"]);
    assert_eq!(
        (&clone[0]["value"]["name"], &clone[0]["value"]["end"]),
        (&json!("lab 2"), &json!("power-off"))
    );
    assert!(station.stderr(&["project", "clone", "lab", "lab 2"], 75).contains("already"));
    station.run(&["project", "set", "lab 2", "--retries", "3"]);
    let out = station.run(&["project", "export", "lab 2", "-o", "lab2.toml"]);
    assert!(out.status.success(), "{out:?}");
    let file = std::fs::read_to_string(station.path("lab2.toml")).unwrap();
    assert!(file.contains("retries = 3"), "{file}");
    assert!(station.stderr(&["project", "import", "lab2.toml"], 75).contains("already"));
    let third = station.json(&["project", "import", "lab2.toml", "--name", "lab 3"]);
    assert_eq!(third[0]["value"]["retries"], 3);
    std::fs::write(station.path("odd.toml"), file.replace("retries", "retires")).unwrap();
    assert!(station.stderr(&["project", "import", "odd.toml"], 65).contains("retires"));
    station.json(&["project", "import", "lab2.toml", "--replace"]);

    let listed = station.json(&[
        "rule",
        "add",
        "few",
        "--project",
        "lab",
        "--serials",
        "AF04B2DA,af04b2da,10000000af04b2db",
        "--mac-from",
        "dc-a6-32-00-00-00",
    ]);
    let matching = json!({ "serials": ["10000000af04b2db", "af04b2da"], "mac_from": "dc:a6:32:00:00:00" });
    assert_eq!(listed[0]["value"]["matching"], matching);
    assert!(
        station
            .stderr(&["rule", "add", "x", "--project", "lab", "--serials", "xyz"], 2)
            .contains("--serials")
    );
    station.json(&["rule", "remove", "few"]);

    let rule = station.json(&["rule", "add", "eights", "--project", "lab", "--memory-min", "8GiB"]);
    assert_eq!(rule[0]["value"]["matching"], json!({ "memory_min": 8u64 << 30 }));
    station.json(&["rule", "add", "rest", "--wait", "--any"]);
    let names: Vec<_> =
        station.json(&["rule", "list"]).iter().map(|line| line["value"]["name"].clone()).collect();
    assert_eq!(names, ["eights", "rest"]);
    assert!(station.stderr(&["rule", "add", "x", "--wait"], 2).contains("--any"));
    assert!(
        String::from_utf8(station.run(&["rule", "list"]).stderr).unwrap().contains("2 rules never matched")
    );
    station.json(&["rule", "remove", "rest"]);
    assert_eq!(station.json(&["rule", "list"]).len(), 1);

    let secret = station.path("password");
    std::fs::write(&secret, "correct horse battery\n").unwrap();
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o640)).unwrap();
    let add = ["user", "add", "mona", "--role", "operator", "--password-file", "password"];
    assert!(station.stderr(&add, 77).contains("others may read it"));
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
    station.json(&add);
    assert_eq!(station.json(&["user", "disable", "mona"])[0]["value"]["disabled"], true);
    assert!(station.stderr(&["user", "add", "otto", "--role", "root"], 2).contains("viewer"));

    for (armed, word) in [(false, "disarm"), (true, "arm")] {
        assert_eq!(station.json(&["station", word])[0]["value"]["armed"], armed);
    }
    let remove = ["project", "remove", "lab", "--confirm", "lab"];
    assert!(station.stderr(&remove, 75).contains("rule eights"), "a rule has it");
    station.json(&["rule", "remove", "eights"]);
    station.json(&remove);
}

#[test]
fn what_there_is_not_is_told_before_anybody_is_asked_whether_it_is_meant() {
    let station = Station::start();
    for kind in ["project", "printer", "label", "script", "firmware", "values", "image"] {
        let said = station.stderr(&[kind, "remove", "nosuch"], 66);
        let lists = format!("hint: `piprov {kind} list` lists those that there are.");
        assert!(said.contains("there is no ") && said.contains(&lists), "{kind}: {said}");
    }
    let said = station.stderr(&["board", "deploy", "nosuch", "--image", "lite"], 66);
    assert!(said.contains("there is no board `nosuch`") && said.contains("`piprov board list`"), "{said}");
    station.json(&["values", "add", "sn", "--from", "1", "--to", "9"]);
    let said = station.stderr(&["values", "release", "sn", "10000000deadbeef"], 66);
    assert!(
        said.contains("no board with values of this source") && said.contains("`piprov values show sn`"),
        "{said}"
    );
    station.stderr(&["values", "release", "nosuch", "10000000deadbeef"], 66);
    // What there is wants a word.
    let said = station.stderr(&["values", "remove", "sn"], 2);
    assert!(said.contains("`--confirm sn`"), "{said}");
    station.json(&["values", "remove", "sn", "--confirm", "sn"]);
    // The example is one that is taken.
    let said = station.stderr(&["hook", "add", "news", "--url", "foo"], 2);
    assert!(said.contains("https://host.example/path") && !said.contains("unix:"), "{said}");
}

#[test]
fn over_the_network_a_token_is_wanted_and_may_do_what_its_role_may() {
    let station = Station::start();
    station.json(&["token", "add", "look", "--role", "viewer", "-o", "token"]);
    let mode = std::fs::metadata(station.path("token")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let url = format!("http://127.0.0.1:{}", station.port);
    let there = |arguments: &[&str]| -> Vec<String> {
        arguments.iter().map(|one| (*one).to_owned()).chain(["--station".to_owned(), url.clone()]).collect()
    };
    let run = |arguments: &[&str], more: &[&str], code| {
        let all = there(arguments);
        let all: Vec<_> = all.iter().map(String::as_str).chain(more.iter().copied()).collect();
        station.stderr(&all, code)
    };
    assert!(run(&["board", "list"], &[], 77).contains("wants a token"));
    run(&["board", "list"], &["--token-file", "token"], 0);
    let error = run(&["station", "disarm"], &["--token-file", "token"], 77);
    assert!(error.contains("may not"), "{error}");
    std::fs::set_permissions(station.path("token"), std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(run(&["board", "list"], &["--token-file", "token"], 77).contains("chmod 600"));
    std::fs::write(station.path("wrong"), "wrong\n").unwrap();
    std::fs::set_permissions(station.path("wrong"), std::fs::Permissions::from_mode(0o600)).unwrap();
    run(&["board", "list"], &["--token-file", "wrong"], 77);
    std::fs::set_permissions(station.path("token"), std::fs::Permissions::from_mode(0o600)).unwrap();
    station.json(&["token", "remove", "look"]);
    run(&["board", "list"], &["--token-file", "token"], 77);
}

#[test]
fn a_file_in_the_working_directory_does_not_say_to_whom_a_token_is_shown() {
    let station = Station::start();
    let (address, asked) = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        (listener.local_addr().unwrap(), listener)
    };
    asked.set_nonblocking(true).unwrap();
    std::fs::write(station.path("piprov.toml"), format!("[station]\nurl = \"http://{address}\"\n")).unwrap();
    std::fs::write(station.path("token"), "s3cret\n").unwrap();
    std::fs::set_permissions(station.path("token"), std::fs::Permissions::from_mode(0o600)).unwrap();
    let out = station
        .command(&["board", "list"])
        .env("PIPROV_STATION_TOKEN_FILE", station.path("token"))
        .output()
        .unwrap();
    let text = String::from_utf8(out.stderr).unwrap();
    assert_eq!(out.status.code(), Some(77), "{text}");
    assert!(text.contains("--station URL --token-file FILE"), "{text}");
    assert!(asked.accept().is_err(), "nobody was asked");
}

#[test]
fn a_copy_of_the_database_comes_back_into_an_empty_one_and_into_no_other() {
    let station = Station::start();
    station.json(&["project", "add", "lab"]);
    let state = station.path("station");
    let own = |arguments: &[&str], state: &Path| {
        let out = station.command(arguments).env("PIPROV_STATION_STATE", state).output().unwrap();
        (out.status.code().unwrap(), String::from_utf8(out.stderr).unwrap())
    };
    assert_eq!(own(&["station", "backup", "-o", "copy"], &state).0, 0);
    assert_eq!(std::fs::metadata(station.path("copy")).unwrap().permissions().mode() & 0o777, 0o600);
    let other = station.path("other");
    assert_eq!(own(&["station", "restore", "copy"], &other), (0, String::new()));
    let (code, text) = own(&["station", "restore", "copy"], &other);
    assert!(code != 0 && text.contains("empty"), "{code} {text}");
    // The same comes out again.
    assert_eq!(own(&["station", "backup", "-o", "again"], &other).0, 0);
    let read = |name: &str| zstd::decode_all(&std::fs::read(station.path(name)).unwrap()[..]).unwrap();
    let rows = |name: &str| {
        let text = String::from_utf8(read(name)).unwrap();
        text.lines().filter(|line| line.starts_with("[\"project\"")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert!(rows("copy").len() == 1 && rows("copy") == rows("again"));
    let bytes = std::fs::read(station.path("copy")).unwrap();
    std::fs::write(station.path("half"), &bytes[..bytes.len() / 2]).unwrap();
    let (code, text) = own(&["station", "restore", "half"], &station.path("third"));
    assert_eq!(code, 65, "{text}");
}

#[test]
fn a_state_directory_has_one_station_that_nobody_else_can_write_to() {
    let station = Station::start();
    let serve = |state: &Path| {
        let mut command = station.command(&["serve", "--listen", "127.0.0.1:0", "--socket"]);
        let out = command.arg(station.path("other.sock")).arg("--state").arg(state).output().unwrap();
        (out.status.code().unwrap(), String::from_utf8(out.stderr).unwrap())
    };
    let (code, text) = serve(&station.path("station"));
    assert!(code == 75 && text.contains("another station serves from"), "{code} {text}");
    let open = station.path("open");
    std::fs::create_dir(&open).unwrap();
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o777)).unwrap();
    let (code, text) = serve(&open);
    assert!(code == 77 && text.contains("can't be trusted"), "{code} {text}");
}

#[test]
fn a_copy_is_one_of_the_database_that_is_meant() {
    let station = Station::start();
    station.json(&["project", "add", "lab"]);
    let nowhere = station.path("nowhere");
    let text = station.stderr(&["station", "backup", "-o", "copy", "--state", nowhere.to_str().unwrap()], 66);
    assert!(text.contains("nowhere") && !nowhere.exists(), "{text}");
    let text = station.stderr(&["station", "backup", "-o", "copy", "--station", &station.url()], 2);
    assert!(text.contains("--state DIR"), "{text}");
    let state = station.path("station");
    let copied = station.json(&["station", "backup", "-o", "copy", "--state", state.to_str().unwrap()]);
    assert!(copied[0]["rows"].as_u64().unwrap() > 0, "{copied:?}");
}

#[test]
fn where_there_is_no_station_it_is_said_how_to_get_one() {
    let dir = tempfile::tempdir().unwrap();
    let run = |socket: &str, arguments: &[&str]| {
        let mut command = common::piprov();
        let out = command
            .args(arguments)
            .env("PIPROV_STATION_SOCKET", socket)
            .current_dir(dir.path())
            .output()
            .unwrap();
        (out.status.code().unwrap(), String::from_utf8(out.stderr).unwrap())
    };
    let missing = dir.path().join("s.sock");
    let (code, text) = run(missing.to_str().unwrap(), &["board", "list"]);
    assert!(code == 69 && text.contains("`piprov serve` starts one"), "{text}");
    let (code, text) = run("off", &["image", "list"]);
    assert!(code == 78 && text.contains("--station URL"), "{text}");
    let (code, text) = run("off", &["image", "list", "--station", "ftp://x"]);
    assert!(code == 2 && text.contains("http, https and unix"), "{text}");
}

#[test]
fn a_pin_is_all_the_trust_that_is_needed_and_another_certificate_is_not_spoken_to() {
    let certs = tempfile::tempdir().unwrap();
    let made = piprov::station::cert::make(certs.path(), &["127.0.0.1".to_owned()], false).unwrap();
    let station = Station::with(&[
        ("PIPROV_STATION_TLS_CERT", made.cert.as_os_str()),
        ("PIPROV_STATION_TLS_KEY", made.key.as_os_str()),
    ]);
    let stop = Stop::new().unwrap();
    let origin: Origin = format!("https://127.0.0.1:{}", station.port).parse().unwrap();
    let ask = |trust| {
        let client = Client::new(origin.clone(), trust, Limits::default(), &stop)?;
        let reply = client.get("/healthz").send()?;
        reply.bytes(100)
    };
    let pin: Pin = made.sha256.parse().unwrap();
    assert!(ask(Trust::Pinned(pin)).unwrap().starts_with(b"ok"));
    assert!(matches!(ask(Trust::Pinned(Pin([7; 32]))), Err(Error::Pin { .. })));
    assert!(ask(Trust::File(made.cert.clone())).unwrap().starts_with(b"ok"));
    assert!(matches!(ask(Trust::System), Err(Error::Tls { .. } | Error::Trust { .. })));
}
