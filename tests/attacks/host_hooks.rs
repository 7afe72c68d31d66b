//! Hooks on the station's host: what boards and others of the host could make of them.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use serde_json::json;

use crate::station::{Board, Station};

fn station(hooks: &Path) -> (tempfile::TempDir, Station) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("piprov.toml");
    fs::write(&file, format!("[station]\nhooks-dir = '{}'\n", hooks.display())).unwrap();
    let station = Station::start(dir.path(), &["--enrol", "open", "--config", file.to_str().unwrap()]);
    (dir, station)
}

fn put(dir: &Path, name: &str, text: &str) {
    let path = dir.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::set_permissions(path.parent().unwrap(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn wait(what: &str, mut look: impl FnMut() -> bool) {
    let begun = std::time::Instant::now();
    while !look() {
        assert!(begun.elapsed().as_secs() < 60, "{what}");
        std::thread::park_timeout(std::time::Duration::from_millis(50));
    }
}

/// Registers with words of its own.
fn register(station: &Station, board: &Board, model: &str) {
    let hello = station.call("GET", "/api/v1/device/hello", None, None).ok();
    let mut told = board.told(hello["nonce"].as_str().unwrap());
    told["model"] = json!(model);
    let body = told.to_string();
    let answer = board.register_with(station, body.as_bytes(), &board.sign(body.as_bytes()));
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[test]
fn words_of_a_board_are_data_and_nothing_of_the_station_is_told() {
    let hooks = tempfile::tempdir().unwrap();
    let seen = hooks.path().join("seen");
    let text = format!(
        "env -0 >{0}.env; cat >{0}.json; printf '\\033[2J\\033]0;x\\007%s\\n' \"$PIPROV_MODEL\"; mv {0}.env {0}",
        seen.display()
    );
    put(hooks.path(), "bootstrap", &text);
    let (dir, station) = station(hooks.path());
    let mark = dir.path().join("mark");
    let model = format!("$(touch {0})`touch {0}`;touch {0}\nLD_PRELOAD=/x\u{1b}[2J\u{0}", mark.display());
    register(&station, &Board::new("10000000aa000001"), &model);
    wait("the hook has run", || seen.exists());
    assert!(!mark.exists(), "a word of a board was run");
    let env = fs::read(&seen).unwrap();
    let env: Vec<String> =
        env.split(|byte| *byte == 0).map(|one| String::from_utf8(one.to_vec()).unwrap()).collect();
    let names: Vec<&str> = env.iter().filter_map(|one| one.split_once('=')).map(|(name, _)| name).collect();
    assert!(names.contains(&"PIPROV_MODEL") && !names.contains(&"LD_PRELOAD"), "{names:?}");
    // What the station was started with is its own: a password of its database may be there.
    assert!(!names.contains(&"PIPROV_STATE_DIR") && !names.contains(&"PIPROV_STATION_NAMES"), "{names:?}");
    assert!(env.iter().all(|one| !one.contains(char::is_control)), "{env:?}");
    let facts = fs::read_to_string(seen.with_extension("json")).unwrap();
    assert_eq!(facts.lines().count(), 1, "one line, whatever a board says");
    wait("the hook is told of", || {
        station.admin("GET", "/api/v1/host-hooks", None).ok()["last"]
            .as_array()
            .is_some_and(|last| !last.is_empty())
    });
    let answer = station.admin("GET", "/api/v1/host-hooks", None);
    assert!(
        !answer.body.contains(&0x1b) && !String::from_utf8_lossy(&answer.body).contains("\\u001b"),
        "{answer:?}"
    );
    // Whose role is less than an administrator's isn't told of them.
    let token = station.token("op", "operator");
    assert_eq!(station.call("GET", "/api/v1/host-hooks", Some(&token), None).status, 403);
}

#[test]
fn nothing_runs_that_others_of_the_host_could_have_put_there() {
    let hooks = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let ran = hooks.path().join("ran");
    put(elsewhere.path(), "evil", &format!("touch {}", ran.display()));
    let (_dir, station) = station(hooks.path());
    let fails = |serial: &str, why: &str| {
        register(&station, &Board::new(serial), "x");
        wait(why, || {
            let known = station.admin("GET", "/api/v1/host-hooks", None).ok();
            known["last"][0]["ended"]["why"].as_str().is_some_and(|told| told.contains(why))
        });
        assert!(!ran.exists(), "{why}");
    };
    symlink(elsewhere.path().join("evil"), hooks.path().join("bootstrap")).unwrap();
    fails("10000000aa000002", "bootstrap can't be trusted: it is a link");
    fs::remove_file(hooks.path().join("bootstrap")).unwrap();
    symlink(elsewhere.path(), hooks.path().join("bootstrap.d")).unwrap();
    fails("10000000aa000003", "bootstrap.d can't be trusted: it is a link");
    fs::remove_file(hooks.path().join("bootstrap.d")).unwrap();
    put(hooks.path(), "bootstrap.d/evil", &format!("touch {}", ran.display()));
    fs::set_permissions(hooks.path().join("bootstrap.d/evil"), fs::Permissions::from_mode(0o777)).unwrap();
    fails("10000000aa000004", "evil can't be trusted: others than its owner");
    fs::set_permissions(hooks.path().join("bootstrap.d/evil"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(hooks.path().join("bootstrap.d"), fs::Permissions::from_mode(0o777)).unwrap();
    fails("10000000aa000005", "bootstrap.d can't be trusted: others than its owner");
    fs::set_permissions(hooks.path().join("bootstrap.d"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(hooks.path(), fs::Permissions::from_mode(0o777)).unwrap();
    fails("10000000aa000006", "can't be trusted: others than its owner");
}

#[test]
fn a_board_that_comes_again_and_again_has_one_hook_at_a_time() {
    let hooks = tempfile::tempdir().unwrap();
    let log = hooks.path().join("log");
    put(hooks.path(), "bootstrap", &format!("echo in >>{0}; sleep 1; echo out >>{0}", log.display()));
    let (_dir, station) = station(hooks.path());
    let board = Board::new("10000000aa000007");
    for _ in 0..40 {
        register(&station, &board, "x");
    }
    wait("the last one has ended", || {
        let log = fs::read_to_string(&log).unwrap_or_default();
        log.ends_with("out\n")
    });
    let log = fs::read_to_string(&log).unwrap();
    let lines: Vec<&str> = log.lines().collect();
    assert!(lines.chunks(2).all(|two| two == ["in", "out"]), "{lines:?}");
    assert!(lines.len() <= 20, "{} for 40 times", lines.len() / 2);
}
