//! The station: forged tokens, paths, bodies and ranges, clients that say nothing, boards that take what is another's.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::station::{Board, Station, answer, request};

fn station() -> (tempfile::TempDir, Station) {
    let dir = tempfile::tempdir().unwrap();
    let station = Station::start(dir.path(), &["--enrol", "ask"]);
    (dir, station)
}

/// A job that needs no image.
fn give(station: &Station, board: &str) -> String {
    let job =
        station.admin("POST", &format!("/api/v1/boards/{board}/jobs"), Some(&json!({"action": "reboot"})));
    job.ok()["id"].as_str().unwrap().to_owned()
}

fn enrol(station: &Station, board: &Board) {
    let change = json!({"enrolment": "enrolled"});
    station.admin("PATCH", &format!("/api/v1/boards/{}", board.id), Some(&change)).ok();
}

#[test]
fn a_call_of_people_takes_a_token_and_wrong_ones_are_slowed_down() {
    let (_dir, station) = station();
    assert_eq!(station.call("GET", "/api/v1/boards", None, None).status, 401);
    let viewer = station.token("eyes", "viewer");
    assert_eq!(station.call("GET", "/api/v1/boards", Some(&viewer), None).status, 200);
    // What a role may not.
    for (method, path) in [
        ("POST", "/api/v1/station/disarm"),
        ("DELETE", "/api/v1/boards/x"),
        ("POST", "/api/v1/users"),
        ("GET", "/api/v1/tokens"),
        ("GET", "/api/v1/audit"),
    ] {
        assert_eq!(station.call(method, path, Some(&viewer), Some(&json!({}))).status, 403, "{path}");
    }
    let operator = station.token("hands", "operator");
    let more = json!({"name": "more", "role": "admin"});
    assert_eq!(station.call("POST", "/api/v1/tokens", Some(&operator), Some(&more)).status, 403);
    // One letter off, and a token of a board.
    let last = if viewer.ends_with('0') { '1' } else { '0' };
    let forged = format!("{}{last}", &viewer[..viewer.len() - 1]);
    let mut answers = Vec::new();
    for _ in 0..12 {
        answers.push(station.call("GET", "/api/v1/boards", Some(&forged), None).status);
    }
    assert_eq!(answers[..10], [401; 10]);
    assert_eq!(answers[10..], [429; 2]);
    let told = station.call("GET", "/api/v1/boards", Some(&forged), None);
    assert!(told.json()["detail"].as_str().unwrap().contains(" second"), "how long is said: {told:?}");
    // Somebody who has a right one isn't locked out by that.
    assert_eq!(station.call("GET", "/api/v1/boards", Some(&viewer), None).status, 200);
    station.admin("DELETE", "/api/v1/tokens/eyes", None).ok();
    assert!(matches!(station.call("GET", "/api/v1/boards", Some(&viewer), None).status, 401 | 429));
}

#[test]
fn a_board_takes_no_work_until_a_person_says_so_and_proves_itself_by_its_key() {
    let (_dir, station) = station();
    let mut board = Board::new("10000000af04b2da");
    board.register(&station).ok();
    assert_eq!(board.standing, "waiting");
    // A job for it waits too.
    give(&station, &board.id);
    assert_eq!(board.work(&station, 0).status, 204);
    // Another one with its serial number gets nothing, and doesn't get into its way.
    let mut thief = Board::new("10000000af04b2da");
    thief.register(&station).ok();
    assert_eq!(thief.standing, "double");
    assert_eq!(thief.work(&station, 0).status, 401);
    enrol(&station, &board);
    assert_eq!(thief.work(&station, 0).status, 401);
    let work = board.work(&station, 0).ok();
    assert_eq!(work["action"], "reboot");
    // A signature of another key, over another body, or over a number that was used.
    let hello = station.call("GET", "/api/v1/device/hello", None, None).ok();
    let body = board.told(hello["nonce"].as_str().unwrap()).to_string();
    assert_eq!(board.register_with(&station, body.as_bytes(), &thief.sign(body.as_bytes())).status, 401);
    assert_eq!(board.register_with(&station, body.as_bytes(), "").status, 401);
    let other = body.replace("mmcblk0", "mmcblk1");
    assert_eq!(board.register_with(&station, other.as_bytes(), &board.sign(body.as_bytes())).status, 401);
    assert_eq!(board.register_with(&station, body.as_bytes(), &board.sign(body.as_bytes())).status, 200);
    assert_eq!(board.register_with(&station, body.as_bytes(), &board.sign(body.as_bytes())).status, 401);
    // A person says no: at once.
    let no = json!({"enrolment": "refused"});
    station.admin("PATCH", &format!("/api/v1/boards/{}", board.id), Some(&no)).ok();
    assert_eq!(board.work(&station, 0).status, 403);
}

#[test]
fn a_board_that_is_started_again_with_another_key_waits_for_a_person_and_nobody_else_takes_its_place() {
    let (_dir, station) = station();
    let serial = "10000000af04b2da";
    let arm = |board: &Board| {
        let change = json!({"held": "armed"});
        station.admin("PATCH", &format!("/api/v1/boards/{}", board.id), Some(&change)).ok();
    };
    let mut board = Board::new(serial);
    board.register(&station).ok();
    enrol(&station, &board);
    let key = |board: &Board| {
        station.admin("GET", &format!("/api/v1/boards/{}", board.id), None).ok()["key"].clone()
    };
    // It is there: what a person wants from it is done with its own key.
    arm(&board);
    let mut thief = Board::new(serial);
    thief.register(&station).ok();
    assert_eq!((thief.standing.as_str(), key(&board)), ("double", board.key().into()));
    // A key that was kept on a disk is no way in: not one that nobody knows, nor a known one without a job.
    let kept = |board: &Board| {
        let hello = station.call("GET", "/api/v1/device/hello", None, None).ok();
        let mut told = board.told(hello["nonce"].as_str().unwrap());
        told["kept"] = true.into();
        let body = told.to_string();
        board.register_with(&station, body.as_bytes(), &board.sign(body.as_bytes())).status
    };
    assert_eq!((kept(&thief), kept(&board)), (409, 409));
    give(&station, &board.id);
    assert_eq!((kept(&thief), kept(&board)), (409, 200));
    // In the middle of a job nobody takes its place, also when a person says so and it is away.
    board.register(&station).ok();
    board.work(&station, 0).ok();
    arm(&board);
    thief.register(&station).ok();
    assert_eq!((thief.standing.as_str(), key(&board)), ("double", board.key().into()));
}

#[test]
fn a_token_opens_one_job_of_one_board_and_an_older_number_is_refused() {
    let (_dir, station) = station();
    let (mut one, mut two) = (Board::new("00000001"), Board::new("00000002"));
    for board in [&mut one, &mut two] {
        board.register(&station).ok();
        enrol(&station, board);
        give(&station, &board.id);
    }
    let (first, other) = (one.work(&station, 0).ok(), two.work(&station, 0).ok());
    let path = |work: &serde_json::Value, call: &str| {
        format!("/api/v1/device/jobs/{}/{call}", work["job"].as_str().unwrap())
    };
    let progress = json!({"fence": 1, "stage": "write", "done": 1});
    let token = |work: &serde_json::Value| work["token"].as_str().unwrap().to_owned();
    // Of another board, of the board itself, and without one.
    for wrong in [token(&other), one.token.clone(), two.token.clone(), "x".repeat(100)] {
        let status = station.call("POST", &path(&first, "progress"), Some(&wrong), Some(&progress)).status;
        assert!(matches!(status, 401 | 403), "{status}");
    }
    assert_eq!(station.call("GET", &path(&first, "manifest"), Some(&token(&other)), None).status, 403);
    assert_eq!(station.call("GET", "/api/v1/device/work", Some(&token(&first)), None).status, 403);
    station.call("POST", &path(&first, "progress"), Some(&token(&first)), Some(&progress)).ok();
    // Who goes on isn't done.
    let claim = json!({"fence": 1, "stage": "done", "done": 1});
    assert_eq!(
        station.call("POST", &path(&first, "progress"), Some(&token(&first)), Some(&claim)).status,
        422
    );
    // It starts again: the one before comes too late, with its token and with a number that it makes up.
    let again = one.work(&station, 0).ok();
    assert_eq!((again["job"].clone(), again["fence"].as_u64()), (first["job"].clone(), Some(2)));
    assert_eq!(
        station.call("POST", &path(&first, "progress"), Some(&token(&first)), Some(&progress)).status,
        409
    );
    let result = |fence: u64| json!({"fence": fence, "stage": "done"});
    for (token, fence) in [(token(&first), 1), (token(&first), 2), (token(&again), 1), (token(&again), 3)] {
        let status = station.call("POST", &path(&again, "result"), Some(&token), Some(&result(fence))).status;
        assert_eq!(status, 409, "{fence}");
    }
    station.call("POST", &path(&again, "result"), Some(&token(&again)), Some(&result(2))).ok();
    // Told again it is no error, and changes nothing.
    let failed = json!({"fence": 2, "stage": "write", "failed": "no"});
    station.call("POST", &path(&again, "result"), Some(&token(&again)), Some(&failed)).ok();
    let job = station.admin("GET", &format!("/api/v1/jobs/{}", again["job"].as_str().unwrap()), None).ok();
    assert_eq!(job["state"], "done");
}

#[test]
fn what_makes_no_sense_is_refused_with_a_reason_and_nothing_of_it_comes_back_raw() {
    let (_dir, station) = station();
    let token = station.token("t", "admin");
    let escape = "%1b]0;x%07";
    for (bytes, status) in [
        (request("PATCH", "/api/v1/station", Some(&token), None, &[]), 405),
        (request("GET", "/api/v1/nothing", Some(&token), None, &[]), 404),
        (request("GET", &format!("/api/v1/boards/{escape}"), Some(&token), None, &[]), 404),
        (request("GET", "/api/v1/boards/%ff", Some(&token), None, &[]), 400),
        (request("GET", "/api/v1/boards/%00", Some(&token), None, &[]), 400),
        (request("GET", "/api/v1/images/..%2f..%2fetc%2fpasswd", Some(&token), None, &[]), 404),
        (request("GET", "/api/v1/boards?limit=x", Some(&token), None, &[]), 400),
        (request("GET", "/api/v1/boards?what=x", Some(&token), None, &[]), 400),
        (request("GET", "/api/v1/runs/..", Some(&token), None, &[]), 404),
        (request("POST", "/api/v1/rules", Some(&token), Some(b"{}"), &[]), 415),
        (
            request(
                "POST",
                "/api/v1/rules",
                Some(&token),
                Some(b"{"),
                &[("content-type", "application/json")],
            ),
            400,
        ),
        (
            request(
                "POST",
                "/api/v1/rules",
                Some(&token),
                Some(b"[]"),
                &[("content-type", "application/json")],
            ),
            422,
        ),
        (
            request(
                "POST",
                "/api/v1/rules",
                Some(&token),
                Some(&[b' '; 70_000]),
                &[("content-type", "application/json")],
            ),
            413,
        ),
        (request("GET", "/healthz", None, None, &[("x-long", &"a".repeat(100_000))]), 431),
    ] {
        let answer = station.raw(&bytes);
        assert_eq!(answer.status, status, "{}", String::from_utf8_lossy(&bytes[..bytes.len().min(200)]));
        assert!(!answer.body.contains(&0x1b), "{answer:?}");
        if status != 431 {
            assert_eq!(answer.header("content-type"), Some("application/problem+json"));
            assert_eq!(answer.json()["status"], status);
        }
    }
    // A name that a terminal would obey, or that hides another one.
    for name in ["a\u{1b}[2J", "a\nb", "\u{202e}gpj", " a", "a/b", "", ".", ".."] {
        let slot = json!({"name": name, "role": "viewer"});
        let answer = station.admin("POST", "/api/v1/tokens", Some(&slot));
        assert_eq!(answer.status, 422, "{name:?}");
        assert!(!answer.body.contains(&0x1b));
    }
    assert_eq!(station.call("GET", "/healthz", None, None).status, 200);
}

#[test]
fn clients_that_say_nothing_hold_up_nobody_and_are_put_out() {
    let (_dir, station) = station();
    let mut silent: Vec<_> = (0..200).map(|_| station.connect()).collect();
    let began = Instant::now();
    for stream in &mut silent {
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nx-slow: ").unwrap();
    }
    assert_eq!(station.call("GET", "/healthz", None, None).status, 200);
    assert!(began.elapsed() < Duration::from_secs(20));
    // One goes on with a byte now and then; its time ends all the same.
    let mut slow = silent.pop().unwrap();
    let ended = std::iter::repeat_with(|| {
        let _ = piprov::stop::Stop::new().unwrap().wait(Duration::from_millis(500));
        slow.write_all(b"a").is_err() || {
            slow.set_nonblocking(true).unwrap();
            let end = slow.read(&mut [0; 512]).is_ok();
            slow.set_nonblocking(false).unwrap();
            end
        }
    });
    let _ = ended.take_while(|ended| !ended && began.elapsed() < Duration::from_secs(60)).count();
    assert!(began.elapsed() < Duration::from_secs(50), "{:?}", began.elapsed());
    for stream in &mut silent {
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
    }
    assert!(began.elapsed() < Duration::from_secs(60));
}

#[test]
fn a_body_that_never_ends_is_given_up() {
    let (_dir, station) = station();
    let token = station.token("t", "admin");
    let mut stream = station.connect();
    let head = format!(
        "POST /api/v1/rules HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n\
         content-length: 1000\r\n\r\n{{"
    );
    let began = Instant::now();
    stream.write_all(head.as_bytes()).unwrap();
    assert_eq!(answer(&mut stream).status, 408);
    assert!((10..40).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
}
