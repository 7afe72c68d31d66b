//! Runs in a browser without a script: filtered, looked at, exported.

use serde_json::{Value, json};

use crate::browser::Browser;
use crate::station::{Board, Station};

/// A run of a board: it draws its job, goes through two steps, says something, and ends.
fn run(station: &Station, board: &Board, lines: usize, failed: Option<&str>) {
    let path = format!("/api/v1/boards/{}/jobs", board.id);
    station.admin("POST", &path, Some(&json!({"action": "reboot"}))).ok();
    let work = board.work(station, 5).ok();
    let (job, token) = (work["job"].as_str().unwrap(), work["token"].as_str());
    let call = |what: &str, body: Value| {
        station.call("POST", &format!("/api/v1/device/jobs/{job}/{what}"), token, Some(&body)).ok()
    };
    let log: Vec<_> = (0..lines).map(|n| format!("line {n} <b>\u{1b}[31m")).collect();
    for part in log.chunks(100) {
        call("progress", json!({"fence": work["fence"], "stage": "write", "done": 1, "log": part}));
    }
    call("progress", json!({"fence": work["fence"], "stage": "report", "done": 1}));
    call("result", json!({"fence": work["fence"], "stage": "report", "failed": failed}));
}

#[test]
fn runs_are_filtered_told_step_by_step_and_exported() {
    let dir = tempfile::tempdir().unwrap();
    let station = Station::start(dir.path(), &["--enrol", "open"]);
    let (anna, viewer) = (Browser::user(&station, "anna", "admin"), Browser::user(&station, "vic", "viewer"));
    let mut board = Board::new("10000000af04b2da");
    board.register(&station).ok();
    let page = format!("/boards/{}", board.id);
    let name = json!({"name": "gateway"});
    station.admin("PATCH", &format!("/api/v1/boards/{}", board.id), Some(&name)).ok();

    // Its runs: the steps with their times, the log in parts and whole, what was filtered.
    run(&station, &board, 250, Some("=cmd, the board <i>says</i> no"));
    run(&station, &board, 0, None);
    let runs = String::from_utf8(anna.get("/runs.jsonl?why=SAYS").body).unwrap();
    let runs: Vec<Value> = runs.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((runs.len(), runs[0]["record"]["outcome"].as_str()), (1, Some("failed")));
    let id = runs[0]["line"]["run"].as_str().unwrap();
    let html = viewer.page(&format!("/runs/{id}"));
    assert!(
        html.contains("line 249") && !html.contains("line 49 ") && html.contains("Older lines"),
        "{html}"
    );
    assert!(!html.contains("<i>says") && !html.contains('\u{1b}') && !html.contains("Try again"));
    assert!(viewer.page(&format!("/runs/{id}?log=50")).contains("line 49 "));
    assert!(anna.page(&format!("/runs/{id}")).contains("Try again"));
    assert_eq!(viewer.page(&format!("/runs/{id}/log.txt")).lines().count(), 250);
    let record: Value = serde_json::from_str(&viewer.page(&format!("/runs/{id}/record.json"))).unwrap();
    let stages: Vec<_> =
        record["stages"].as_array().unwrap().iter().map(|step| step["stage"].clone()).collect();
    assert_eq!(stages, ["resolve", "write", "report"]);
    let report = viewer.page("/runs/report?q=gate&outcome=failed");
    assert!(
        report.contains("Report on 1 run<") && report.contains("board begins with</dt><dd>gate"),
        "{report}"
    );
    assert!(report.contains("0 of 1: what was written") && !report.contains("<i>says"), "{report}");
    let csv = viewer.page("/runs.csv?board=&q=gate");
    assert_eq!(csv.lines().count(), 3, "{csv}");
    assert!(csv.contains("\"'=cmd, the board <i>says</i> no\""), "{csv}");
    assert!(anna.page("/runs?outcome=failed&by=root&from=2000-01-01").contains("No run is like that"));
    assert!(anna.page(&page).contains(id));
    assert_eq!(anna.get("/runs?from=tomorrow").status, 422);
    // A word that there isn't gives no empty list, as if nothing had failed.
    for of in ["runs", "runs/export"] {
        let status = |query: &str| station.admin("GET", &format!("/api/v1/{of}?{query}"), None).status;
        for query in ["outcome=nope", "stage=nope", "way=nope"] {
            assert_eq!(status(query), 422, "{of} {query}");
        }
        assert_eq!(status("project=nope"), 404, "{of}");
        assert_eq!(status("outcome=cancelled&stage=read-back&way=net-boot"), 200, "{of}");
    }

    assert_eq!(anna.post(&format!("{page}/forget"), &[]).status, 303);
    assert!(anna.page(&format!("/runs/{id}")).contains("Failed"), "its runs stay");
}
