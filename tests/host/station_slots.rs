//! A slot at which boards fail again and again: named on pages, to programs and on the command line, until it is mended.

use std::process::Command;

use serde_json::{Value, json};

use crate::browser::{Browser, text};
use crate::common;
use crate::station::{Board, Station};

/// A run of a board, which ends so.
fn run(station: &Station, board: &Board, failed: Option<&str>) {
    ended(station, board, failed, None);
}

/// The same with the kind of failure.
fn ended(station: &Station, board: &Board, failed: Option<&str>, kind: Option<&str>) {
    let path = format!("/api/v1/boards/{}/jobs", board.id);
    station.admin("POST", &path, Some(&json!({"action": "reboot"}))).ok();
    let work = board.work(station, 5).ok();
    let (job, token) = (work["job"].as_str().unwrap(), work["token"].as_str());
    let body = json!({"fence": work["fence"], "stage": "report", "failed": failed, "kind": kind});
    station.call("POST", &format!("/api/v1/device/jobs/{job}/result"), token, Some(&body)).ok();
}

fn board(station: &Station, serial: &str, slot: &str) -> Board {
    let mut board = Board::new(serial);
    board.register(station).ok();
    let change = json!({ "slot": slot });
    station.admin("PATCH", &format!("/api/v1/boards/{}", board.id), Some(&change)).ok();
    board
}

fn command(station: &Station, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_piprov"));
    common::clean(&mut command);
    let out = command.args(arguments).env("PIPROV_STATION_SOCKET", &station.socket).output().unwrap();
    assert!(out.status.success(), "{out:?}");
    String::from_utf8(out.stdout).unwrap()
}

#[test]
fn a_slot_has_a_place_of_its_kind_that_no_other_slot_has() {
    let dir = tempfile::tempdir().unwrap();
    let station = Station::start(dir.path(), &[]);
    let ada = Browser::first(&station);
    let put = |name: &str, kind: &str, place: &str| {
        let body = json!({"name": name, "kind": kind, "place": place, "position": 0});
        station.admin("PUT", &format!("/api/v1/slots/{name}"), Some(&body))
    };
    assert_eq!(put("A1", "usb", " 1-1.2").ok()["place"], "1-1.2");
    assert_eq!(put("A1", "usb", "1-1.2").status, 200, "the same once more");
    put("R1", "reset", "DC:A6:32:01:02:03").ok();
    for (kind, place) in
        [("usb", "banana"), ("usb", ""), ("usb", "1-1.2/../x"), ("reset", "a b"), ("switch", "\u{7}")]
    {
        let refused = put("A2", kind, place);
        assert_eq!(refused.status, 422, "{kind} {place:?}: {}", text(&refused));
    }
    for (kind, place, words) in [
        ("usb", "1-1.2", "the USB port `1-1.2` is that of the slot `A1` already"),
        ("reset", "dc-a6-32-01-02-03", "the reset line `dc:a6:32:01:02:03` is that of the slot `R1` already"),
    ] {
        let refused = put("A2", kind, place);
        assert_eq!(refused.status, 409, "{}", text(&refused));
        assert!(text(&refused).contains(words), "{}", text(&refused));
        let page = ada.post("/slots", &[("name", "A2"), ("kind", kind), ("place", place)]);
        assert_eq!(page.status, 409);
        let page = text(&page);
        // As a sentence.
        assert!(page.contains(&words[1..]), "{page}");
    }
    assert_eq!(station.admin("GET", "/api/v1/slots", None).ok()["items"].as_array().unwrap().len(), 2);
    // Another name: of no other slot, and only of one that is there.
    for (was, name, status) in [("A1", "R1", 409), ("A9", "A8", 404), ("A1", "a/b", 422)] {
        let body = json!({"name": name, "kind": "usb", "place": "1-1.2", "position": 0});
        let refused = station.admin("PUT", &format!("/api/v1/slots/{was}"), Some(&body));
        assert_eq!(refused.status, status, "{was} {name}: {}", text(&refused));
        let page = ada.post("/slots", &[("was", was), ("name", name)]);
        assert_eq!(page.status, status, "{was} {name}: {}", text(&page));
    }
    assert_eq!(station.admin("GET", "/api/v1/slots", None).ok()["items"][1]["name"], "A1");
    // What is free again may be taken, and a slot may move.
    put("A1", "usb", "1-1.3").ok();
    put("A2", "usb", "1-1.2").ok();
    assert_eq!(put("A1", "usb", "1-1.2").status, 409);
}

#[test]
fn slots_have_an_order_names_that_people_can_tell_apart_and_stay_what_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let station = Station::start(dir.path(), &[]);
    let ada = Browser::first(&station);
    let put = |name: &str, kind: &str, place: &str, position: u32| {
        let body = json!({"name": name, "kind": kind, "place": place, "position": position});
        station.admin("PUT", &format!("/api/v1/slots/{name}"), Some(&body))
    };
    let order = || -> Vec<(String, u64)> {
        let all = station.admin("GET", "/api/v1/slots", None).ok();
        let slot = |slot: &serde_json::Value| {
            (slot["name"].as_str().unwrap().to_owned(), slot["position"].as_u64().unwrap())
        };
        all["items"].as_array().unwrap().iter().map(slot).collect()
    };
    let is = |wanted: &[(&str, u64)]| {
        let wanted: Vec<_> = wanted.iter().map(|(name, at)| ((*name).to_owned(), *at)).collect();
        assert_eq!(order(), wanted);
    };
    for (n, name) in ["A1", "A2", "A3"].into_iter().enumerate() {
        put(name, "usb", &format!("1-1.{}1", n + 1), n as u32).ok();
    }
    put("far", "usb", "1-2.1", 9).ok();
    // What is there moves on, as far as there is no gap.
    put("new", "jumper", "3", 1).ok();
    is(&[("A1", 0), ("new", 1), ("A2", 2), ("A3", 3), ("far", 9)]);
    put("A3", "usb", "1-1.31", 1).ok();
    is(&[("A1", 0), ("A3", 1), ("new", 2), ("A2", 3), ("far", 9)]);
    // The same once more moves nothing.
    put("A3", "usb", "1-1.31", 1).ok();
    is(&[("A1", 0), ("A3", 1), ("new", 2), ("A2", 3), ("far", 9)]);
    put("last", "usb", "1-2.2", u32::MAX).ok();
    assert_eq!(put("behind", "usb", "1-2.3", u32::MAX).status, 422);
    let list = command(&station, &["slot", "list"]);
    assert!(list.lines().next().unwrap().contains("POSITION"), "{list}");

    let refused = put("a2", "usb", "1-1.4", 7);
    assert_eq!(refused.status, 409);
    assert!(text(&refused).contains("another slot is called `A2` already"), "{}", text(&refused));
    assert_eq!(ada.post("/slots", &[("was", "A1"), ("name", "a2")]).status, 409);
    // Its own name may be written otherwise.
    assert_eq!(ada.post("/slots", &[("was", "A2"), ("name", "a2")]).status, 303);
    is(&[("A1", 0), ("A3", 1), ("new", 2), ("a2", 3), ("far", 9), ("last", u64::from(u32::MAX))]);

    for refused in [
        put("A1", "jumper", "5", 0),
        ada.post("/slots", &[("name", "A1"), ("kind", "jumper"), ("place", "5")]),
    ] {
        assert_eq!(refused.status, 409);
        let said = text(&refused);
        assert!(said.contains("is a USB port"), "{said}");
    }
    assert_eq!(station.admin("DELETE", "/api/v1/slots/A1", None).status, 204);
    put("A1", "jumper", "5", 0).ok();
}

#[test]
fn a_slot_that_fails_on_several_boards_is_named_everywhere_until_somebody_has_mended_it() {
    let dir = tempfile::tempdir().unwrap();
    let station = Station::start(dir.path(), &["--enrol", "open"]);
    let (anna, viewer) =
        (Browser::user(&station, "anna", "operator"), Browser::user(&station, "vic", "viewer"));
    for (position, slot) in [(0, "A 3"), (1, "A4")] {
        let body = json!({"name": slot, "kind": "usb", "place": format!("1-1.{}", position + 1), "position": position});
        station.admin("PUT", &format!("/api/v1/slots/{}", slot.replace(' ', "%20")), Some(&body)).ok();
    }
    let bad: Vec<_> = (1..=3).map(|n| board(&station, &format!("10000000aaaa000{n}"), "A 3")).collect();
    let good = board(&station, "10000000bbbb0001", "A4");
    for board in &bad[..2] {
        run(&station, board, Some("the disk reported an error"));
    }
    run(&station, &good, None);
    // Disks that are too small say nothing of the slot.
    for board in &bad {
        ended(&station, board, Some("the disk is too small"), Some("bad-data"));
    }
    let slots = || station.admin("GET", "/api/v1/slots", None).ok()["items"].clone();
    assert!(slots()[0]["suspected"].is_null(), "two are too few");
    ended(&station, &bad[2], Some("the disk reported an error"), Some("io"));

    let suspected = json!({"failed": 3, "of": 3, "boards": 3});
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while slots()[0]["suspected"] != suspected {
        assert!(std::time::Instant::now() < until, "{}", slots());
        std::thread::park_timeout(std::time::Duration::from_millis(50));
    }
    assert!(slots()[1]["suspected"].is_null());
    let text = "3 of the last 3 runs failed, on 3 boards: swap the cable or the reader.";
    for (who, path) in [(&anna, "/"), (&viewer, "/"), (&viewer, "/?wall=1")] {
        let page = who.page(path);
        assert!(page.contains("Slot suspected") && page.contains(text), "{path}: {page}");
        assert!(page.contains("href=\"/runs?slot=A%203\""), "{page}");
    }
    assert!(
        viewer.page("/").contains("Slot A 3 is suspected: 3 of the last 3 runs failed"),
        "among the troubles"
    );
    assert!(anna.page("/").contains("formaction=\"/slots/A%203/mended\""));
    assert!(!viewer.page("/").contains("/mended"));
    let status = station.admin("GET", "/api/v1/station", None).ok();
    assert_eq!(status["troubles"].as_array().unwrap().iter().filter(|one| one["about"] == "slot").count(), 1);
    // Its runs.
    let runs = viewer.page("/runs.jsonl?slot=A%203");
    let runs: Vec<Value> = runs.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(runs.len(), 6, "those for which it isn't to blame too");
    assert!(runs.iter().all(|run| run["line"]["slot"] == "A 3"), "{runs:?}");
    let csv = viewer.page("/runs.csv");
    assert!(csv.lines().next().unwrap().contains(",slot,") && csv.contains(",A4,"), "{csv}");
    assert!(viewer.page("/runs?slot=A4").contains("slot A4"));
    let told = station.admin("GET", "/api/v1/runs?slot=A4", None).ok();
    assert_eq!(told["items"].as_array().unwrap().len(), 1);
    // On the command line.
    let list = command(&station, &["slot", "list"]);
    assert!(list.contains("suspected: 3 of the last 3 runs failed, on 3 boards"), "{list}");

    // With another name it is the same slot, still suspected, with its runs and its boards; nothing is told once more.
    let renamed = command(&station, &["slot", "rename", "A 3", "B 7"]);
    assert!(renamed.contains("B 7") && renamed.contains("1-1.1"), "{renamed}");
    assert_eq!((&slots()[0]["name"], &slots()[0]["suspected"]), (&"B 7".into(), &suspected));
    assert_eq!(viewer.page("/runs.jsonl?slot=B%207").lines().count(), 6);
    assert_eq!(viewer.page("/runs.jsonl?slot=A%203"), "");
    assert!(!viewer.page("/statistics").contains("A 3") && viewer.page("/statistics").contains("B 7"));
    let place = station.admin("GET", &format!("/api/v1/boards/{}", bad[0].id), None).ok();
    assert_eq!(place["slot"], "B 7");
    let browser = Browser::user(&station, "bea", "admin");
    assert_eq!(browser.post("/slots", &[("was", "B 7"), ("name", "A 3")]).status, 303);
    assert_eq!(anna.post("/slots", &[("was", "A 3"), ("name", "C")]).status, 403);
    assert_eq!(slots()[0]["name"], "A 3");

    // A viewer mends nothing.
    assert_eq!(viewer.post("/slots/A%203/mended", &[]).status, 403);
    let token = station.token("v", "viewer");
    assert_eq!(station.call("POST", "/api/v1/slots/A%203/mended", Some(&token), None).status, 403);
    assert_eq!(slots()[0]["suspected"], suspected);
    let answer = anna.post("/slots/A%203/mended", &[("to", "/")]);
    assert_eq!((answer.status, answer.header("location")), (303, Some("/")));
    assert!(slots()[0]["suspected"].is_null() && slots()[0]["mended"].is_number());
    assert!(!viewer.page("/").contains("suspected"));
    // What was before doesn't count, what comes does.
    run(&station, &bad[0], Some("the disk reported an error"));
    assert!(slots()[0]["suspected"].is_null());
    let said = command(&station, &["--json", "slot", "mended", "A 3"]);
    assert_eq!(serde_json::from_str::<Value>(&said).unwrap()["value"]["name"], "A 3");
    let audit = station.admin("GET", "/api/v1/audit", None).ok();
    let mended: Vec<_> = audit["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["what"] == "slot.mended" && one["on"] == "A 3")
        .map(|one| one["by"].clone())
        .collect();
    assert!(mended.len() == 2 && mended.contains(&json!("anna")), "{audit}");
}
