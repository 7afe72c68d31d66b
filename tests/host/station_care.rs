//! A station that looks after itself, and the file for support.

use std::io::{Read, Write};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::browser::{Browser, PASSWORD, between, text};
use crate::pages_people::code;
use crate::station::{Board, Station, request};

fn piprov(dir: &Path) -> Command {
    let mut command = crate::common::piprov();
    command.env("PIPROV_STATE_DIR", dir).env("HOME", dir).current_dir(dir);
    command
}

/// The members of a file for support.
fn members(file: &[u8]) -> Vec<(String, String)> {
    let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(file));
    let read = |entry: std::io::Result<tar::Entry<'_, _>>| {
        let mut entry = entry.unwrap();
        let mut text = String::new();
        entry.read_to_string(&mut text).unwrap();
        (entry.path().unwrap().display().to_string().replace("piprov-support/", ""), text)
    };
    tar.entries().unwrap().map(read).collect()
}

fn member<'a>(members: &'a [(String, String)], name: &str) -> &'a str {
    let found = members.iter().find(|(member, _)| member == name);
    &found.unwrap_or_else(|| panic!("no {name} in {:?}", members.iter().map(|(name, _)| name))).1
}

/// `piprov doctor --bundle -`.
fn bundle(command: &mut Command) -> (Vec<(String, String)>, String) {
    let output = command.args(["doctor", "--bundle", "-"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
    (members(&output.stdout), said)
}

/// What the database of a station that has ended gets beside.
fn execute(dir: &Path, sql: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        use sqlx::{ConnectOptions, Executor};
        let file = sqlx::sqlite::SqliteConnectOptions::new().filename(dir.join("station/station.db"));
        file.connect().await.unwrap().execute(sqlx::AssertSqlSafe(sql.to_owned())).await.unwrap();
    });
}

fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

/// The station's status, as soon as something is the matter.
fn troubled(station: &Station) -> Value {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        let status = station.admin("GET", "/api/v1/station", None).ok();
        if !status["troubles"].as_array().unwrap().is_empty() {
            return status;
        }
        assert!(Instant::now() < end, "{status}");
        std::thread::park_timeout(Duration::from_millis(50));
    }
}

#[test]
fn no_secret_of_a_station_is_in_the_file_for_support_whoever_makes_it() {
    let dir = tempfile::tempdir().unwrap();
    let station = Station::start(dir.path(), &["--enrol", "open"]);
    let browser = Browser::first(&station);
    let mut secrets = vec![PASSWORD.to_owned()];
    secrets.push(station.token("shift", "admin"));
    let hook = json!({ "name": "bench", "url": "https://hooks.example/x?key=hookpass", "secret": "sixteen letters at least" });
    station.admin("POST", "/api/v1/hooks", Some(&hook)).ok();
    secrets.extend(["hookpass", "sixteen letters at least"].map(str::to_owned));
    let login = json!({ "name": "ada", "password": PASSWORD });
    let session = station.call("POST", "/api/v1/login", None, Some(&login)).ok();
    secrets.push(session["secret"].as_str().unwrap().to_owned());
    let page = browser.page("/account/second-factor");
    let totp = between(&page, "name=\"secret\" value=\"", "\"").unwrap().to_owned();
    let shown = code(&totp, 0);
    let fields = [("secret", totp.as_str()), ("password", PASSWORD), ("code", &shown)];
    let page = text(&browser.post("/account/second-factor", &fields));
    let codes: Vec<_> =
        page.split("<li><code>").skip(1).map(|rest| rest.split('<').next().unwrap()).collect();
    assert_eq!(codes.len(), 10, "{page}");
    secrets.extend(codes.into_iter().map(str::to_owned));
    secrets.push(totp);
    let mut board = Board::new("00000000000000a1");
    board.register(&station).ok();
    secrets.push(board.token.clone());
    // What somebody has written where it doesn't belong: a board's name, its log and a reason.
    station.put("/api/v1/images/os", &[7; 70_000]).ok();
    let path = format!("/api/v1/boards/{}", board.id);
    station.admin("PATCH", &path, Some(&json!({ "note": "PGPASSWORD=planted1" }))).ok();
    let deploy = json!({ "action": "deploy", "image": "os" });
    station.admin("POST", &format!("{path}/jobs"), Some(&deploy)).ok();
    let work = board.work(&station, 5).ok();
    let token = work["token"].as_str().unwrap();
    let log = ["wget http://u:planted2@host/x", "Authorization: Bearer planted3"];
    let progress = json!({ "fence": work["fence"], "stage": "write", "done": 1, "log": log });
    let path = format!("/api/v1/device/jobs/{}/progress", work["job"].as_str().unwrap());
    station.call("POST", &path, Some(token), Some(&progress)).ok();
    secrets.push(token.to_owned());
    secrets.extend(["planted1", "planted2", "planted3"].map(str::to_owned));
    for file in std::fs::read_dir(dir.path().join("station")).unwrap().flatten() {
        if file.file_name().to_string_lossy().ends_with(".key") {
            let key = std::fs::read(file.path()).unwrap();
            secrets.push(String::from_utf8_lossy(&key).trim().to_owned());
            secrets.push(crate::station::hex(&key));
        }
    }
    let config = dir.path().join("support.toml");
    let settings = "[station]\nproxy-header = \"X-Planted-User\"\nproxy-from = [\"10.9.9.9\"]\n";
    std::fs::write(&config, settings).unwrap();
    secrets.push("X-Planted-User".to_owned());
    secrets.push("$argon2".to_owned());

    let mut command = piprov(dir.path());
    command
        .env("PIPROV_STATION_SOCKET", &station.socket)
        .env("PGPASSWORD", "planted4")
        .arg("--config")
        .arg(&config);
    let (of_shell, said) = bundle(&mut command);
    secrets.push("planted4".to_owned());
    assert!(said.contains("Never in it: passwords"), "{said}");
    let answer = browser.post("/support/file", &[]);
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/gzip")));
    let of_page = members(&answer.body);
    for members in [of_shell, of_page] {
        for (name, what) in [
            ("host.json", "\"kernel\""),
            ("doctor.json", "\"severity\""),
            ("settings.json", "station.proxy-header"),
            ("station/status.json", "\"armed\""),
            ("station/database.json", "SQLite 3."),
            ("station/settings.json", "station.enrol"),
            ("station/runs.json", "wget http://…@host/x"),
            ("README.txt", "Never in it"),
        ] {
            assert!(member(&members, name).contains(what), "{what} in {name}: {}", member(&members, name));
        }
        for (name, text) in &members {
            for secret in &secrets {
                assert!(secret.len() < 6 || !text.contains(secret.as_str()), "{secret} in {name}: {text}");
            }
        }
    }
    // It is a thing that was done.
    let audit = station.admin("GET", "/api/v1/audit", None).ok();
    assert!(audit.to_string().contains("station.support"), "{audit}");
}

#[test]
fn a_host_without_a_station_and_one_that_doesn_t_answer_get_the_file_too() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = piprov(dir.path());
    let (members, said) = bundle(command.env("PIPROV_STATION_SOCKET", dir.path().join("none.sock")));
    assert!(said.contains("missing: what the station tells: no station runs on this host"), "{said}");
    let readme = member(&members, "README.txt");
    assert!(readme.contains("- station/status.json") && readme.contains("+ host.json"), "{readme}");
    assert!(readme.contains("Missing: what the station tells: no station runs on this host"), "{readme}");
    // Somebody answers, and it is no station.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answers = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut some = [0; 1024];
        let _ = stream.read(&mut some).unwrap();
        stream.write_all(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
    });
    let token = dir.path().join("token");
    std::fs::write(&token, "piprov_00\n").unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&token, mode).unwrap();
    let file = dir.path().join("support.tar.gz");
    let mut command = piprov(dir.path());
    command.args(["doctor", "--station", &url, "--token-file"]).arg(&token).arg("--bundle").arg(&file);
    let output = command.output().unwrap();
    answers.join().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let members = self::members(&std::fs::read(&file).unwrap());
    assert!(member(&members, "README.txt").contains("Missing: what the station tells: "), "{members:?}");
    let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&file).unwrap());
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_disk_that_will_be_full_is_said_on_pages_by_the_api_in_figures_and_to_hooks() {
    let dir = tempfile::tempdir().unwrap();
    let mut station = Station::start(dir.path(), &[]);
    drop(Browser::first(&station));
    let hook = json!({ "name": "bench", "url": "http://192.0.2.1:9/", "events": ["station.trouble"] });
    station.admin("POST", "/api/v1/hooks", Some(&hook)).ok();
    station.end();
    // A day ago there was ten times as much room.
    let disk = rustix::fs::statvfs(dir.path()).unwrap();
    let free = disk.f_bavail * disk.f_frsize * 10;
    let sample = json!([{ "at": now() - 86_400_000, "free": free }]).to_string();
    execute(
        dir.path(),
        &format!(
            "INSERT INTO setting (name, value) VALUES ('care:disk', '{sample}')
             ON CONFLICT (name) DO UPDATE SET value = excluded.value"
        ),
    );
    let station = Station::start(dir.path(), &[]);
    let status = troubled(&station);
    let trouble = &status["troubles"][0];
    assert_eq!((&trouble["about"], &trouble["is"]), (&json!("disk"), &json!("coming")), "{status}");
    let (browser, answer) = Browser::sign_in(&station, "ada", PASSWORD);
    assert_eq!(answer.status, 303, "{}", text(&answer));
    for page in ["/", "/services"] {
        let page = browser.page(page);
        assert!(page.contains("▲ The station&#39;s disk is full in about 2 hours, if"), "{page}");
        assert!(page.contains("href=\"/help/pages#the-disk-gets-full\""), "{page}");
    }
    let metrics = station.raw(&request("GET", "/metrics", None, None, &[]));
    assert!(text(&metrics).contains("piprov_trouble{about=\"disk\",is=\"coming\"} 1"), "{}", text(&metrics));
    let told = station.admin("GET", "/api/v1/deliveries", None).ok();
    assert_eq!(told["items"][0]["event"], "station.trouble", "{told}");
    let mut command = piprov(dir.path());
    let output =
        command.args(["station", "status"]).env("PIPROV_STATION_SOCKET", &station.socket).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("disk is full in about 2 hours") && said.contains("remove images"), "{said}");
}

#[test]
fn a_certificate_that_lacks_the_station_s_name_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = piprov(dir.path());
    let made = command.args(["station", "cert", "127.0.0.1", "station"]).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    let station = Station::start(dir.path(), &[]);
    let status = troubled(&station);
    let text = status["troubles"][0]["text"].as_str().unwrap();
    assert_eq!(status["troubles"].as_array().unwrap().len(), 1, "{status}");
    assert!(text.contains("isn't for `x`"), "{text}");
}
