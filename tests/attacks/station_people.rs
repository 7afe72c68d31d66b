//! Somebody who can write to the station's database changes what people did; somebody on the network says that the proxy
//! has signed them in.

use std::process::Command;

use serde_json::json;
use sqlx::Executor;
use sqlx::sqlite::SqliteConnectOptions;

use crate::station::{Answer, Station, request};

/// Does something with the database of a station.
fn database(dir: &std::path::Path, sql: &'static str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        use sqlx::ConnectOptions;
        let options = SqliteConnectOptions::new().filename(dir.join("station/station.db"));
        let mut connection = options.connect().await.unwrap();
        connection.execute(sql).await.unwrap();
    });
}

fn audit(dir: &std::path::Path, args: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_piprov"))
        .args(["station", "audit", "--state"])
        .arg(dir.join("station"))
        .args(args)
        .env("PIPROV_STATE_DIR", dir)
        .output()
        .unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn what_people_did_can_t_be_changed_removed_or_made_up_unseen() {
    let dir = tempfile::tempdir().unwrap();
    let mut station = Station::start(dir.path(), &[]);
    for n in 0..6 {
        station.token(&format!("t{n}"), "viewer");
    }
    let export = station.admin("GET", "/api/v1/audit/export", None);
    let file = dir.path().join("export.jsonl");
    std::fs::write(&file, &export.body).unwrap();
    station.end();
    let before = std::fs::read(dir.path().join("station/station.db")).unwrap();
    assert_eq!(audit(dir.path(), &[]).0, Some(0));
    let deeds = [
        ("UPDATE audit SET person = 'somebody else' WHERE n = 3", "line 3"),
        ("UPDATE audit SET subject = 't9' WHERE n = 1", "line 1"),
        ("UPDATE audit SET name = 'somebody else' WHERE n = 2", "line 2"),
        ("DELETE FROM audit WHERE n = 4", "line 4"),
        ("DELETE FROM audit WHERE n = (SELECT max(n) FROM audit)", "missing"),
        ("DELETE FROM audit", "line 1"),
        (
            "INSERT INTO audit SELECT 'x', at, person, origin, doing, subject, 99, hash, name FROM audit WHERE n = 2",
            "missing",
        ),
        (
            "INSERT INTO audit SELECT 'x', at, person, origin, doing, subject, NULL, NULL, name FROM audit WHERE n = 2",
            "put there",
        ),
        ("UPDATE audit SET n = CASE n WHEN 2 THEN 1003 ELSE n END", "line 2"),
    ];
    for (sql, said) in deeds {
        database(dir.path(), sql);
        let (code, text) = audit(dir.path(), &[]);
        assert!(code == Some(65) && text.contains(said), "{sql}: {code:?} {text}");
        for name in ["station.db", "station.db-wal", "station.db-shm"] {
            let _ = std::fs::remove_file(dir.path().join("station").join(name));
        }
        std::fs::write(dir.path().join("station/station.db"), &before).unwrap();
    }
    // Who makes all of it anew is found by an export that was kept elsewhere.
    let since = ["--since", file.to_str().unwrap()];
    assert_eq!(audit(dir.path(), &since).0, Some(0));
    database(dir.path(), "DELETE FROM audit; DELETE FROM setting WHERE name LIKE 'audit.%'");
    assert_eq!(audit(dir.path(), &[]).0, Some(0));
    let (code, text) = audit(dir.path(), &since);
    assert!(code == Some(65) && text.contains("missing"), "{code:?} {text}");
}

/// A call from an address of this host's.
fn from(station: &Station, place: u8, path: &str, body: &serde_json::Value) -> Answer {
    use std::io::Write;
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&std::net::SocketAddr::from(([127, 0, 0, place], 0)).into()).unwrap();
    socket.connect(&station.address.into()).unwrap();
    let mut stream = std::net::TcpStream::from(socket);
    let headers = [("content-type", "application/json")];
    stream.write_all(&request("POST", path, None, Some(body.to_string().as_bytes()), &headers)).unwrap();
    crate::station::answer(&mut stream)
}

#[test]
fn codes_of_a_second_factor_can_t_be_guessed_from_however_many_addresses() {
    let dir = tempfile::tempdir().unwrap();
    let mut station = Station::start(dir.path(), &[]);
    let new = json!({ "name": "ada", "role": "admin", "password": "correct horse" });
    station.admin("POST", "/api/v1/users", Some(&new)).ok();
    station.end();
    database(dir.path(), "UPDATE person SET factor = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ'");
    let station = Station::start(dir.path(), &[]);
    let login = |place: u8, code: u32| {
        let body = json!({ "name": "ada", "password": "correct horse", "code": format!("{code:06}") });
        from(&station, place, "/api/v1/login", &body).status
    };
    // The password alone counts as nothing wrong, and lets nobody in.
    let half = json!({ "name": "ada", "password": "correct horse" });
    assert_eq!(from(&station, 2, "/api/v1/login", &half).status, 401);
    // Codes that are wrong for sure: of three steps at most three are right.
    let mut wrong = 0;
    for n in 0..60u32 {
        let place = 2 + u8::try_from(n / 8).unwrap();
        match login(place, n * 7919 % 1_000_000) {
            401 => wrong += 1,
            429 => {}
            other => panic!("{other}"),
        }
    }
    assert!((15..=22).contains(&wrong), "{wrong} of 60 were tried");
    // From a new address too, and whatever is shown.
    assert_eq!(login(100, 1), 429);
}

#[test]
fn the_proxy_s_word_counts_from_the_proxy_alone() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("piprov.toml");
    let start = |from: &str| {
        let text = format!("[station]\nproxy-header = 'X-Remote-User'\nproxy-from = ['{from}']\n");
        std::fs::write(&config, text).unwrap();
        Station::start(dir.path(), &["--config", config.to_str().unwrap()])
    };
    let ask = |station: &Station,
               method: &str,
               path: &str,
               headers: &[(&str, &str)],
               body: Option<&str>|
     -> Answer { station.raw(&request(method, path, None, body.map(str::as_bytes), headers)) };
    // From elsewhere it means nothing.
    let mut station = start("10.99.0.1");
    let new = json!({ "name": "ada", "role": "admin", "password": "correct horse" });
    station.admin("POST", "/api/v1/users", Some(&new)).ok();
    let answer = ask(&station, "GET", "/users", &[("x-remote-user", "ada")], None);
    assert_eq!((answer.status, answer.header("location")), (303, Some("/login?to=%2Fusers")));
    station.end();

    let mut station = start("127.0.0.0/8");
    let answer = ask(&station, "GET", "/users", &[("x-remote-user", "ada")], None);
    assert_eq!(answer.status, 200);
    let page = String::from_utf8_lossy(&answer.body).into_owned();
    let proof = page.split_once("name=\"proof\" value=\"").unwrap().1.split('"').next().unwrap().to_owned();
    // Without it nobody is anybody; two names, and names that nobody has, are refused.
    assert_eq!(ask(&station, "GET", "/users", &[], None).status, 303);
    assert_eq!(ask(&station, "GET", "/users", &[("x-remote-user", "eve")], None).status, 403);
    let two = [("x-remote-user", "ada"), ("x-remote-user", "eve")];
    assert_eq!(ask(&station, "GET", "/users", &two, None).status, 403);
    // Forms are proved as everybody's are, and a page of somebody else's does nothing by the proxy's word.
    let form = [("x-remote-user", "ada"), ("content-type", "application/x-www-form-urlencoded")];
    let invite = |headers: &[(&str, &str)], proof: &str| {
        ask(&station, "POST", "/users/invite", headers, Some(&format!("role=viewer&proof={proof}"))).status
    };
    assert_eq!(invite(&form, ""), 403);
    assert_eq!(invite(&form, &proof), 200);
    let mut foreign = form.to_vec();
    foreign.push(("origin", "http://evil.example"));
    assert_eq!(invite(&foreign, &proof), 403);
    // It signs nobody in at the interface for programs.
    assert_eq!(ask(&station, "GET", "/api/v1/users", &[("x-remote-user", "ada")], None).status, 401);
    // Whoever is disabled is disabled.
    station
        .admin(
            "POST",
            "/api/v1/users",
            Some(&json!({ "name": "root", "role": "admin", "password": "correct horse" })),
        )
        .ok();
    station.admin("PATCH", "/api/v1/users/ada", Some(&json!({ "disabled": true }))).ok();
    assert_eq!(ask(&station, "GET", "/users", &[("x-remote-user", "ada")], None).status, 403);
    station.end();
}

#[test]
fn a_token_does_not_take_over_its_own_user_and_nobody_is_called_like_a_token_a_rule_or_the_host_s_root() {
    let dir = tempfile::tempdir().unwrap();
    let station = Station::start(dir.path(), &[]);
    let new = json!({ "name": "ada", "role": "admin", "password": "correct horse" });
    station.admin("POST", "/api/v1/users", Some(&new)).ok();
    let vera = json!({ "name": "vera", "role": "viewer", "password": "correct horse 2" });
    station.admin("POST", "/api/v1/users", Some(&vera)).ok();
    let login = |password: &str| {
        let login = json!({ "name": "ada", "password": password });
        station.call("POST", "/api/v1/login", None, Some(&login))
    };
    let own = login("correct horse").ok()["secret"].as_str().unwrap().to_owned();
    // Called like a user: what it does is on record as a token's, and as whose.
    let made = json!({ "name": "vera", "role": "admin", "scopes": ["people:write", "station:write"] });
    let made = station.call("POST", "/api/v1/tokens", Some(&own), Some(&made)).ok();
    let token = made["secret"].as_str().unwrap().to_owned();
    let sessions = station.call("GET", "/api/v1/account/sessions", Some(&own), None).ok();
    let session = sessions["items"][0]["id"].as_str().unwrap_or_default().to_owned();
    for (method, path, body) in [
        ("PATCH", "/api/v1/users/ada".to_owned(), Some(json!({ "password": "taken over now" }))),
        ("PATCH", "/api/v1/users/ada".to_owned(), Some(json!({ "second_factor": false }))),
        ("PATCH", "/api/v1/users/ada".to_owned(), Some(json!({ "disabled": true }))),
        ("PATCH", "/api/v1/users/ada".to_owned(), Some(json!({ "role": "viewer" }))),
        ("POST", "/api/v1/invitations".to_owned(), Some(json!({ "user": "ada" }))),
        ("DELETE", "/api/v1/users/ada/sessions".to_owned(), None),
        ("DELETE", format!("/api/v1/sessions/{session}"), None),
    ] {
        let answer = station.call(method, &path, Some(&token), body.as_ref());
        assert!([403, 404].contains(&answer.status), "{method} {path}: {}", answer.status);
    }
    // Nor does who has logged in do without the password that it was.
    let change = json!({ "password": "taken over now" });
    assert_eq!(station.call("PATCH", "/api/v1/users/ada", Some(&own), Some(&change)).status, 403);
    let link = json!({ "user": "ada" });
    assert_eq!(station.call("POST", "/api/v1/invitations", Some(&own), Some(&link)).status, 403);
    assert_eq!(login("taken over now").status, 401);
    login("correct horse").ok();
    assert_eq!(station.call("GET", "/api/v1/account", Some(&own), None).ok()["by"], "ada");
    // Of somebody else it may: an administrator's token with that scope.
    let change = json!({ "password": "quite another horse" });
    station.call("PATCH", "/api/v1/users/vera", Some(&token), Some(&change)).ok();
    let done = station.admin("GET", "/api/v1/audit?limit=3", None).ok();
    let by: Vec<_> = done["items"].as_array().unwrap().iter().map(|line| line["by"].clone()).collect();
    assert!(by.contains(&json!("token vera of ada")), "{by:?}");
    for name in ["uid 0", "rule lab", "Token vera of ada", "token"] {
        let new = json!({ "name": name, "role": "viewer", "password": "correct horse 3" });
        assert_eq!(station.admin("POST", "/api/v1/users", Some(&new)).status, 422, "{name}");
    }
}

#[test]
fn who_is_refused_in_the_middle_of_a_large_body_hears_why() {
    use std::io::{Read as _, Write as _};
    let dir = tempfile::tempdir().unwrap();
    let station = Station::start(dir.path(), &[]);
    let token = station.token("look", "viewer");
    let body = vec![7; 3 << 20];
    let head = format!(
        "PUT /api/v1/images/os HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {token}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        station.address,
        body.len()
    );
    let mut stream = station.connect();
    stream.write_all(head.as_bytes()).unwrap();
    // It is refused with its head alone. What it sends on arrives all the same: else the system would reset the connection,
    // and the answer with it.
    let mut begin = [0; 12];
    stream.read_exact(&mut begin).unwrap();
    assert_eq!(&begin, b"HTTP/1.1 403");
    stream.write_all(&body).unwrap();
    let mut rest = String::new();
    stream.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("takes the role admin"), "{rest}");
    // Not for ever: who sends on without an end is cut off.
    let mut stream = station.connect();
    let head = format!(
        "PUT /api/v1/images/os HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {token}\r\ncontent-length: 1000000000000\r\n\r\n",
        station.address
    );
    stream.write_all(head.as_bytes()).unwrap();
    let sent = (0..4096).take_while(|_| stream.write_all(&body[..1 << 20]).is_ok()).count();
    assert!(sent < 4096, "{sent} MiB were taken");
}
