//! What people do on pages, done by a program: files in images, uploads that go on, several boards at once, the own account,
//! long lists in parts.

use serde_json::{Value, json};

use crate::small_image::IMAGE;
use crate::station::{Answer, Board, Station, request};

/// Asks as an administrator, under a key.
fn keyed(station: &Station, token: &str, method: &str, path: &str, key: &str, body: &Value) -> Answer {
    let headers = [("content-type", "application/json"), ("idempotency-key", key)];
    station.raw(&request(method, path, Some(token), Some(body.to_string().as_bytes()), &headers))
}

fn names(page: &Value) -> Vec<String> {
    let name = |item: &Value| item["name"].as_str().unwrap_or_default().to_owned();
    page["items"].as_array().unwrap().iter().map(name).collect()
}

#[test]
fn a_program_reads_what_an_image_holds_and_gives_it_another_name() {
    let dir = tempfile::tempdir().unwrap();
    let station = Station::start(dir.path(), &[]);
    let token = station.token("ci", "operator");
    station.put("/api/v1/images/os", &IMAGE).ok();
    let get = |path: &str| station.call("GET", &format!("/api/v1/images/os/{path}"), Some(&token), None);

    let contents = get("contents").ok();
    assert_eq!((contents["table"].as_str(), contents["disk_id"].as_str()), (Some("MBR"), Some("8a3b01c7")));
    assert_eq!(contents["parts"][1]["sort"], "ext4");
    let root = get("files?part=2").ok();
    assert!(names(&root).contains(&"etc".to_owned()), "{root}");
    assert_eq!(get("file?part=2&at=etc/os-release").body, b"PRETTY_NAME=\"<b>Debian</b> 13\"\n");
    let noise = get("file?part=2&at=noise");
    assert!(noise.whole && noise.body.len() == 3_000_000);
    assert_eq!(noise.header("content-type"), Some("application/octet-stream"));

    // A directory in parts: each name once, and each means its file again.
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let page = get(&format!("files?part=2&at=many&limit=77{after}")).ok();
        seen.extend(names(&page));
        let Some(next) = page["next"].as_str() else { break };
        after = format!("&after={}", next.replace('%', "%25"));
    }
    let whole = get("files?part=2&at=many&limit=500").ok();
    assert!(seen.len() > 400, "{}", seen.len());
    assert_eq!(seen[..500.min(seen.len())], names(&whole)[..]);
    let odd = names(&root).into_iter().find(|name| name.contains("%ff")).unwrap();
    assert_eq!(get(&format!("file?part=2&at={}", odd.replace('%', "%25"))).body, b"x");

    // A link isn't followed, and nothing lies above the root.
    for (path, status) in [
        ("file?part=2&at=etc/link", 404),
        ("file?part=2&at=etc", 404),
        ("files?part=2&at=../etc", 400),
        ("file?part=2&at=%252e%252e/x", 400),
        ("files?part=2&after=../etc", 400),
        ("files?part=9", 404),
        ("files?part=x", 400),
        ("files?part=2&limit=501", 422),
        ("file?part=2", 400),
    ] {
        assert_eq!(get(path).status, status, "{path}");
    }
    let viewer = station.token("look", "viewer");
    for path in ["files?part=2", "file?part=2&at=etc/os-release"] {
        let path = format!("/api/v1/images/os/{path}");
        assert_eq!(station.call("GET", &path, Some(&viewer), None).status, 403, "{path}");
    }
    let audit = station.admin("GET", "/api/v1/audit", None).ok().to_string();
    assert!(audit.contains("image.file") && audit.contains("os: os-release"), "{audit}");

    station.admin("PUT", "/api/v1/projects/lab", Some(&json!({ "name": "lab", "image": "os" }))).ok();
    assert_eq!(get("uses").ok()["projects"], json!(["lab"]));
    let change = json!({ "name": "gateway" });
    assert_eq!(station.call("PATCH", "/api/v1/images/os", Some(&token), Some(&change)).status, 403);
    assert_eq!(station.admin("PATCH", "/api/v1/images/os", Some(&change)).ok()["name"], "gateway");
    assert_eq!(station.admin("GET", "/api/v1/projects/lab", None).ok()["image"], "gateway");
    assert_eq!(
        station.admin("PATCH", "/api/v1/images/gateway", Some(&json!({ "name": "../x" }))).status,
        422
    );
}

#[test]
fn an_upload_of_a_program_goes_on_where_a_kill_left_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut station = Station::start(dir.path(), &[]);
    let token = station.token("ci", "admin");
    let new = json!({ "name": "os", "size": IMAGE.len(), "file": "C:\\x\\os.img" });
    let upload = keyed(&station, &token, "POST", "/api/v1/uploads", "u-1", &new).ok();
    let again = keyed(&station, &token, "POST", "/api/v1/uploads", "u-1", &new);
    assert_eq!((again.status, again.json()), (201, upload.clone()), "asked twice, begun once");
    assert_eq!(upload["file"], "os.img");
    let path = format!("/api/v1/uploads/{}", upload["id"].as_str().unwrap());
    let piece = |station: &Station, at: usize, bytes: &[u8]| {
        let headers = [("content-type", "application/octet-stream")];
        let path = format!("{path}/piece?at={at}");
        station.raw(&request("PUT", &path, Some(&token), Some(bytes), &headers))
    };
    let half = IMAGE.len() / 4;
    assert_eq!(piece(&station, 0, &IMAGE[..half]).ok()["came"], half);
    // One that comes twice, too late, or with nothing changes nothing.
    assert_eq!(piece(&station, 0, &IMAGE[..half]).status, 409);
    assert_eq!(piece(&station, half + 1, b"x").status, 409);
    assert_eq!(piece(&station, half, b"").status, 400);
    assert_eq!(piece(&station, half, &vec![0; (8 << 20) + 1]).status, 413);
    station.kill();
    let station = Station::start(dir.path(), &[]);
    let here = station.admin("GET", &path, None).ok();
    assert_eq!((here["came"].as_u64(), here["state"].as_str()), (Some(half as u64), Some("coming")));
    let mut at = half;
    while at < IMAGE.len() {
        let end = (at + (8 << 20)).min(IMAGE.len());
        piece(&station, at, &IMAGE[at..end]).ok();
        at = end;
    }
    let began = std::time::Instant::now();
    loop {
        let image = station.admin("GET", "/api/v1/images/os", None);
        if image.status == 200 && image.json()["state"] == "ready" {
            break;
        }
        assert!(began.elapsed() < std::time::Duration::from_secs(120), "{image:?}");
        std::thread::park_timeout(std::time::Duration::from_millis(20));
    }
    let raw = station.admin("GET", "/api/v1/images/os/raw", None);
    assert!(raw.whole && raw.body == *IMAGE);

    // One that nobody wants any more is gone with its bytes.
    let other = json!({ "name": "other", "size": 1_000 });
    let upload = station.admin("POST", "/api/v1/uploads", Some(&other)).ok();
    let path = format!("/api/v1/uploads/{}", upload["id"].as_str().unwrap());
    assert_eq!(station.admin("DELETE", &path, None).status, 204);
    assert_eq!(station.admin("GET", &path, None).status, 404);
    assert_eq!(
        station.admin("POST", "/api/v1/uploads", Some(&json!({ "name": "no", "size": 0 }))).status,
        422
    );
}

#[test]
fn several_boards_are_named_in_one_call_and_one_that_cannot_keeps_no_other_from_it() {
    let dir = tempfile::tempdir().unwrap();
    let station = Station::start(dir.path(), &[]);
    let token = station.token("ci", "admin");
    let mut boards: Vec<_> = (0..2).map(|n| Board::new(&format!("00000000000000a{n}"))).collect();
    for board in &mut boards {
        board.register(&station).ok();
    }
    let mut ids: Vec<_> = boards.iter().map(|board| board.id.clone()).collect();
    ids.push("nobody".to_owned());
    station.put("/api/v1/images/os", &[7; 70_000]).ok();
    let statuses = |answer: &Value| -> Vec<u64> {
        answer["items"].as_array().unwrap().iter().map(|item| item["status"].as_u64().unwrap()).collect()
    };

    // Let in by one call: the one that isn't known is told, and a second name of the same board counts once.
    let change = json!({ "boards": [ids[0], ids[1], "nobody", boards[0].serial], "change": { "enrolment": "enrolled" } });
    let done = station.admin("PATCH", "/api/v1/boards", Some(&change)).ok();
    assert_eq!(statuses(&done), [200, 200, 404], "{done}");

    // The same key twice is one job a board; with another body it is a mistake.
    let new = json!({ "boards": ids, "job": { "action": "deploy", "image": "os" } });
    let done = keyed(&station, &token, "POST", "/api/v1/jobs", "many-1", &new).ok();
    assert_eq!(statuses(&done), [201, 201, 404], "{done}");
    assert!(done["items"][2]["detail"].is_string(), "{done}");
    let again = keyed(&station, &token, "POST", "/api/v1/jobs", "many-1", &new);
    assert_eq!((again.header("idempotent-replayed"), again.json()), (Some("true"), done));
    let jobs = || station.admin("GET", "/api/v1/jobs", None).ok()["items"].as_array().unwrap().len();
    assert_eq!(jobs(), 2);
    let other = json!({ "boards": ids, "job": { "action": "reboot" } });
    assert_eq!(keyed(&station, &token, "POST", "/api/v1/jobs", "many-1", &other).status, 422);
    let change = json!({ "note": "x" });
    let path = format!("/api/v1/boards/{}", ids[0]);
    assert_eq!(keyed(&station, &token, "PATCH", &path, "many-1", &change).status, 422);
    assert_eq!(jobs(), 2);

    let done = station.admin("POST", "/api/v1/jobs/cancel", Some(&json!({ "boards": ids }))).ok();
    assert_eq!(statuses(&done), [200, 200, 404], "{done}");
    assert_eq!(done["items"][0]["job"]["state"], "cancelled");
    let many: Vec<_> = (0..501).map(|n| format!("b{n}")).collect();
    for boards in [json!([]), json!(many)] {
        let asked = json!({ "boards": boards });
        assert_eq!(station.admin("POST", "/api/v1/jobs/cancel", Some(&asked)).status, 422);
    }

    // Whether it goes together is told before, and a failure is seen.
    let fit = |what: &str| station.admin("GET", &format!("{path}/fit?{what}"), None);
    assert_eq!(fit("image=os").ok(), json!({ "image": "os" }));
    assert_eq!(fit("image=none").status, 404);
    assert_eq!(fit("").status, 400);
    assert_eq!(station.admin("POST", &format!("{path}/seen"), None).ok()["id"], ids[0]);
    let audit = station.admin("GET", "/api/v1/audit", None).ok().to_string();
    assert!(audit.contains("board.seen") && audit.contains("job.cancel"), "{audit}");
}

#[test]
fn an_account_is_its_own_users_and_a_token_is_not_its_user() {
    let dir = tempfile::tempdir().unwrap();
    let station = Station::start(dir.path(), &[]);
    let new = json!({ "name": "ann", "role": "operator", "password": "correct horse" });
    station.admin("POST", "/api/v1/users", Some(&new)).ok();
    let login = |password: &str| {
        let login = json!({ "name": "ann", "password": password });
        station.call("POST", "/api/v1/login", None, Some(&login))
    };
    let secret = |answer: Answer| answer.ok()["secret"].as_str().unwrap().to_owned();
    let (own, other) = (secret(login("correct horse")), secret(login("correct horse")));
    let call = |token: &str, method: &str, path: &str, body: Option<&Value>| {
        station.call(method, &format!("/api/v1/account{path}"), Some(token), body)
    };
    let me = call(&own, "GET", "", None).ok();
    assert_eq!((me["by"].as_str(), me["user"]["role"].as_str()), (Some("ann"), Some("operator")));
    let sessions = call(&own, "GET", "/sessions?limit=1", None).ok();
    assert_eq!(sessions["items"].as_array().unwrap().len(), 1);
    let next = sessions["next"].as_str().unwrap();
    assert_eq!(
        call(&own, "GET", &format!("/sessions?after={next}"), None).ok()["items"].as_array().unwrap().len(),
        1
    );

    // Neither a token nor the socket is a user; a token may know what it is.
    let token = station.token("ci", "admin");
    assert_eq!(call(&token, "GET", "", None).ok()["by"], "token ci");
    let change = json!({ "before": "correct horse", "password": "another horse" });
    for (method, path, body) in
        [("GET", "/sessions", None), ("DELETE", "/sessions", None), ("PUT", "/password", Some(&change))]
    {
        assert_eq!(call(&token, method, path, body).status, 403, "{method} {path}");
        assert_eq!(station.call(method, &format!("/api/v1/account{path}"), None, body).status, 401);
    }
    let wrong = json!({ "before": "wrong horse", "password": "another horse" });
    assert_eq!(call(&own, "PUT", "/password", Some(&wrong)).status, 401);
    // Nothing of a password is kept under a key.
    assert_eq!(keyed(&station, &own, "PUT", "/api/v1/account/password", "p-1", &change).status, 422);
    assert_eq!(call(&own, "PUT", "/password", Some(&change)).status, 204);
    assert_eq!(call(&other, "GET", "", None).status, 401, "other sessions have ended");
    assert_eq!(login("correct horse").status, 401);
    let other = secret(login("another horse"));
    assert_eq!(call(&own, "DELETE", "/sessions", None).status, 204);
    assert_eq!(call(&other, "GET", "", None).status, 401);
    // An administrator ends all of somebody else's.
    assert_eq!(station.admin("DELETE", "/api/v1/users/ann/sessions", None).status, 204);
    assert_eq!(call(&own, "GET", "", None).status, 401);
}

#[test]
fn each_list_that_grows_comes_in_parts_with_each_line_once() {
    let dir = tempfile::tempdir().unwrap();
    let station = Station::start(dir.path(), &[]);
    for n in 0..7 {
        let name = format!("n{n}");
        let slot = json!({ "name": name, "kind": "usb", "place": format!("1-{}", n + 1), "position": 7 - n });
        station.admin("PUT", &format!("/api/v1/slots/{name}"), Some(&slot)).ok();
        let switch = json!({ "address": "198.51.100.77", "community": "reader" });
        station.admin("PUT", &format!("/api/v1/switches/{name}"), Some(&switch)).ok();
        station.admin("PUT", &format!("/api/v1/projects/{name}"), Some(&json!({ "name": name }))).ok();
        station
            .admin(
                "POST",
                "/api/v1/rules",
                Some(&json!({ "name": name, "any": true, "what": { "do": "wait" } })),
            )
            .ok();
        let user = json!({ "name": name, "role": "viewer", "password": "correct horse" });
        station.admin("POST", "/api/v1/users", Some(&user)).ok();
        station.admin("POST", "/api/v1/tokens", Some(&json!({ "name": name, "role": "viewer" }))).ok();
        station
            .admin("POST", "/api/v1/hooks", Some(&json!({ "name": name, "url": "http://localhost:9/" })))
            .ok();
        station.admin("POST", "/api/v1/uploads", Some(&json!({ "name": name, "size": 9 }))).ok();
    }
    for list in ["slots", "switches", "projects", "rules", "users", "tokens", "hooks", "uploads"] {
        let all = station.admin("GET", &format!("/api/v1/{list}"), None).ok();
        assert!(all["next"].is_null() && all["items"].as_array().unwrap().len() >= 7, "{list}: {all}");
        let (mut seen, mut after) = (Vec::new(), String::new());
        loop {
            let page = station.admin("GET", &format!("/api/v1/{list}?limit=2{after}"), None).ok();
            let items = page["items"].as_array().unwrap();
            assert!(items.len() <= 2, "{list}: {page}");
            seen.extend(items.iter().cloned());
            let Some(next) = page["next"].as_str() else { break };
            after = format!("&after={next}");
        }
        assert_eq!(&seen, all["items"].as_array().unwrap(), "{list}");
        assert_eq!(station.admin("GET", &format!("/api/v1/{list}?limit=0"), None).status, 422, "{list}");
    }
}
