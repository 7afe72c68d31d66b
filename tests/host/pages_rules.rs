//! Rules, projects, settings and the manual, as a browser without a script uses them.

use serde_json::{Value, json};

use crate::browser::{Browser, text};
use crate::station::{Board, Station, request};

#[track_caller]
fn done(browser: &Browser<'_>, path: &str, fields: &[(&str, &str)]) {
    let answer = browser.post(path, fields);
    assert_eq!(answer.status, 303, "{path}: {}", text(&answer));
}

fn names(station: &Station) -> Vec<String> {
    let rules = station.admin("GET", "/api/v1/rules", None).ok();
    rules["items"].as_array().unwrap().iter().map(|rule| rule["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn rules_are_made_moved_changed_tried_and_removed() {
    let dir = tempfile::tempdir().unwrap();
    let station = Station::start(dir.path(), &["--enrol", "open"]);
    let browser = Browser::first(&station);
    done(
        &browser,
        "/projects/new",
        &[("name", "gate way"), ("disk", "emmc"), ("disk", "sd"), ("again", "ask")],
    );
    assert!(browser.page("/projects").contains("eMMC, else SD card"));
    let twice = browser.post("/projects/new", &[("name", "gate way")]);
    assert_eq!(twice.status, 409, "{}", text(&twice));

    // Another like it, and one of a file that was taken from its page.
    let page = browser.page("/projects/new?from=gate%20way");
    assert!(
        page.contains("<option value=\"emmc\" selected>")
            && !page.contains("name=\"name\" value=\"gate way\""),
        "{page}"
    );
    let file = text(&browser.get("/project/gate%20way/file"));
    assert!(file.contains("name = \"gate way\"") && !file.contains("made"), "{file}");
    let there = browser.post("/projects/import", &[("file", file.as_str())]);
    assert_eq!(there.status, 409);
    assert!(text(&there).contains("target = ["), "what was put in still stands there");
    done(&browser, "/projects/import", &[("file", &file.replace("ask", "skip")), ("replace", "1")]);
    assert!(browser.page("/project/gate%20way").contains("left as it is"));
    let odd = browser
        .post("/projects/import", &[("file", "piprov-project = 1\n[project]\nname = \"</textarea>\"")]);
    assert_eq!((odd.status, text(&odd).contains("\"</textarea>\"")), (422, false), "{}", text(&odd));
    done(&browser, "/projects/import", &[("file", &file), ("replace", "1")]);

    done(&browser, "/rules/new", &[("name", "large"), ("memory-min", "4GiB"), ("what", "project:gate way")]);
    // What can't be is said, and what was typed still stands there.
    let wrong = browser.post(
        "/rules/new",
        &[
            ("name", "odd"),
            ("model", "<b>\"'"),
            ("memory-min", "4GiB"),
            ("memory-max", "1GiB"),
            ("what", "wait"),
        ],
    );
    assert_eq!(wrong.status, 422);
    assert!(
        text(&wrong).contains("no board would match") && text(&wrong).contains("value=\"4GiB\""),
        "{}",
        text(&wrong)
    );
    assert!(!text(&wrong).contains("<b>\"") && !text(&wrong).contains("<b>'"));
    // A rule that asks for nothing is for every board only where that is said.
    let open = browser.post("/rules/new", &[("name", "rest"), ("what", "wait")]);
    assert_eq!((open.status, text(&open).contains("tick “any board”")), (422, true), "{}", text(&open));
    for matching in [json!({}), json!({"serials": []})] {
        let rule = json!({"name": "rest", "matching": matching, "what": {"do": "wait"}});
        let refused = station.admin("POST", "/api/v1/rules", Some(&rule));
        assert_eq!(refused.status, 422, "{refused:?}");
        assert!(refused.json()["detail"].as_str().unwrap().contains("`any`"), "{refused:?}");
    }
    done(&browser, "/rules/new", &[("name", "rest"), ("any", "1"), ("what", "wait")]);
    done(&browser, "/rules/new", &[("name", "small"), ("storage-max", "16GB"), ("what", "backup")]);
    let page = browser.page("/rules");
    assert!(page.contains("never asked: “rest”"), "{page}");
    done(&browser, "/rule/small/up", &[]);
    assert_eq!(names(&station), ["large", "small", "rest"]);
    done(&browser, "/rule/small/down", &[]);
    assert_eq!(names(&station), ["large", "rest", "small"]);
    done(
        &browser,
        "/rule/small",
        &[("name", "tiny"), ("place", "1"), ("storage-max", "10GB"), ("what", "wait")],
    );
    assert_eq!(names(&station), ["tiny", "large", "rest"]);

    let mut board = Board::new("10000000af04b2da");
    board.register(&station).ok();
    let tried = browser.page("/rules/try?board=10000000af04b2da");
    assert!(
        tried.contains("✓ fits") && tried.contains("Rules 2 to 3 aren't asked")
            || tried.contains("Rules 2 to 3 aren&#39;t asked"),
        "{tried}"
    );
    station.admin("POST", "/api/v1/station/disarm", None).ok();
    let tried = browser.page("/rules/try?board=10000000af04b2da");
    assert!(tried.contains("Nothing would begin now: the station is disarmed"), "{tried}");
    station.admin("POST", "/api/v1/station/arm", None).ok();
    assert_eq!(browser.get("/rules/try?board=nobody").status, 404);
    // Who names no board is told so.
    for path in ["/rules/try?board=", "/rules/try", "/deploy"] {
        let refused = browser.get(path);
        assert_eq!(refused.status, 422, "{path}");
        assert!(text(&refused).contains("No board was chosen"), "{}", text(&refused));
    }
    let refused = browser.post("/deploy", &[("what", "image:x")]);
    assert_eq!(refused.status, 422);
    assert!(text(&refused).contains("No board was chosen"), "{}", text(&refused));
    assert!(browser.page("/rule/tiny").contains(&format!("/boards/{}", board.id)));
    assert!(!browser.page("/rule/rest").contains(&format!("/boards/{}", board.id)));

    let kept = browser.post("/rule/tiny/remove", &[]);
    assert_eq!(kept.status, 422, "one click removes nothing");
    done(&browser, "/rule/tiny/remove", &[("sure", "1")]);
    assert_eq!(names(&station), ["large", "rest"]);
    // A project that a rule uses stays.
    let used = browser.post("/project/gate%20way/remove", &[("sure", "1")]);
    assert_eq!(used.status, 409, "{}", text(&used));
    assert!(text(&used).contains("/help/pages#something-is-in-the-way"));
    done(&browser, "/rule/large/remove", &[("sure", "1")]);
    done(&browser, "/project/gate%20way/remove", &[("sure", "1")]);

    let audit = station.admin("GET", "/api/v1/audit?limit=100", None).ok();
    for what in ["rule.add", "rule.change", "rule.rename", "rule.remove", "project.put", "project.remove"] {
        assert!(
            audit["items"].as_array().unwrap().iter().any(|line| line["what"] == what && line["by"] == "ada"),
            "{what}"
        );
    }
}

#[test]
fn a_setting_is_checked_saved_holds_after_a_restart_and_goes_back_to_the_files() {
    let dir = tempfile::tempdir().unwrap();
    let setting = |station: &Station, key: &str| -> Value {
        let all = station.admin("GET", "/api/v1/settings", None).ok();
        all["items"].as_array().unwrap().iter().find(|line| line["key"] == key).unwrap().clone()
    };
    let mut station = Station::start(dir.path(), &[]);
    let browser = Browser::first(&station);
    // One wrong field, and nothing is saved.
    let wrong = browser.post("/settings", &[("station.enrol", "open"), ("station.keep-runs", "soon")]);
    assert_eq!(wrong.status, 422);
    assert!(text(&wrong).contains("value=\"soon\"") && text(&wrong).contains("36500"), "{}", text(&wrong));
    assert_eq!(setting(&station, "station.enrol")["value"], "ask");

    done(&browser, "/settings", &[("station.enrol", "open"), ("station.keep-runs", "30")]);
    assert_eq!(setting(&station, "station.enrol")["value"], "open");
    assert_eq!(setting(&station, "station.keep-runs")["comes_from"], "saved in the station");
    // It holds at once.
    let mut board = Board::new("10000000af04b2da");
    board.register(&station).ok();
    assert_eq!(board.standing, "enrolled");
    // One that takes a restart can't be saved.
    let fixed = station.admin("PUT", "/api/v1/settings/station.listen", Some(&json!({"value": "0.0.0.0:1"})));
    assert_eq!(fixed.status, 409);
    assert_eq!(station.admin("PUT", "/api/v1/settings/nothing", Some(&json!({"value": "1"}))).status, 404);

    let cookie = browser.cookie();
    station.kill();
    let mut station = Station::start(dir.path(), &[]);
    assert_eq!(setting(&station, "station.enrol")["value"], "open");
    station.kill();
    // A flag of this start comes first, and says so.
    let station = Station::start(dir.path(), &["--enrol", "ask"]);
    let line = setting(&station, "station.enrol");
    assert_eq!((&line["value"], &line["fixed"], &line["saved"]), (&json!("ask"), &json!(true), &json!(true)));
    let refused = station.admin("PUT", "/api/v1/settings/station.enrol", Some(&json!({"value": "open"})));
    assert_eq!(refused.status, 409);
    let browser = Browser::with(&station, cookie);
    done(&browser, "/settings/back", &[("key", "station.keep-runs")]);
    assert_eq!(setting(&station, "station.keep-runs")["value"], "off");
    assert!(browser.page("/settings").contains("fixed for this start"));
}

#[test]
fn who_may_only_look_changes_no_rule_and_no_setting() {
    let dir = tempfile::tempdir().unwrap();
    let station = Station::start(dir.path(), &[]);
    let token = station.token("looks", "viewer");
    for (method, path, body) in [
        ("PUT", "/api/v1/settings/station.enrol", json!({"value": "open"})),
        ("PUT", "/api/v1/rules/x", json!({"name": "x", "what": {"do": "wait"}})),
    ] {
        assert_eq!(station.call(method, path, Some(&token), Some(&body)).status, 403, "{path}");
    }
    assert_eq!(station.call("DELETE", "/api/v1/settings/station.enrol", Some(&token), None).status, 403);
    // A form without its proof does nothing, whoever sends it.
    let browser = Browser::first(&station);
    let form = [("content-type", "application/x-www-form-urlencoded")];
    for path in ["/rules/new", "/projects/new", "/settings", "/settings/back", "/rule/x/remove"] {
        let body = b"name=x&what=wait&key=station.enrol&sure=1";
        assert_eq!(browser.send("POST", path, Some(body), &form).status, 403, "{path}");
    }
    assert!(names(&station).is_empty());
}

#[test]
fn the_manual_is_read_without_signing_in_and_holds_each_page() {
    let dir = tempfile::tempdir().unwrap();
    let station = Station::start(dir.path(), &[]);
    let page = |path: &str| station.raw(&request("GET", path, None, None, &[]));
    let index = text(&page("/help"));
    let links: Vec<&str> =
        index.split("href=\"/help/").skip(1).map(|rest| rest.split(['"', '#']).next().unwrap()).collect();
    assert!(links.len() > 100, "{index}");
    for link in ["pages", "station-api", "piprov.toml.5", "piprov-serve.1"] {
        assert!(links.contains(&link), "{link}");
        assert_eq!(page(&format!("/help/{link}")).status, 200, "{link}");
    }
    assert_eq!(page("/help/..%2f..%2fCargo").status, 404);
    assert_eq!(page("/help/passwd").status, 404);
}
