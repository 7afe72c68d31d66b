//! Rules, projects, settings and the manual, as a browser without a script uses them.

use serde_json::{Value, json};

use crate::station::{Answer, Board, Station, request};

/// A browser in which somebody is signed in.
struct Browser<'a> {
    station: &'a Station,
    cookie: String,
}

fn encoded(fields: &[(&str, &str)]) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    let text = |text: &str| text.bytes().map(byte).collect::<String>();
    fields.iter().map(|(name, value)| format!("{}={}", text(name), text(value))).collect::<Vec<_>>().join("&")
}

impl<'a> Browser<'a> {
    /// The first user, by the link that the station prints.
    fn first(station: &'a Station) -> Self {
        let welcome = station.welcome.as_deref().unwrap();
        let path = &welcome[welcome.find("/welcome/").unwrap()..];
        let password = "correct horse battery";
        let body = encoded(&[("name", "ada"), ("password", password), ("again", password)]);
        let answer = station.raw(&request("POST", path, None, Some(body.as_bytes()), &FORM));
        assert_eq!(answer.status, 303, "{}", text(&answer));
        let cookie = answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
        Self { station, cookie }
    }

    fn get(&self, path: &str) -> Answer {
        self.station.raw(&request("GET", path, None, None, &[("cookie", &self.cookie)]))
    }

    #[track_caller]
    fn page(&self, path: &str) -> String {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", text(&answer));
        text(&answer)
    }

    /// Sends a form of a page, with its proof.
    fn send(&self, page: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
        let html = self.page(page);
        let proof = html.split("name=\"proof\" value=\"").nth(1).unwrap().split('"').next().unwrap();
        let mut all = vec![("proof", proof)];
        all.extend(fields);
        let (body, cookie) = (encoded(&all), [("cookie", self.cookie.as_str()), FORM[0]]);
        self.station.raw(&request("POST", path, None, Some(body.as_bytes()), &cookie))
    }

    #[track_caller]
    fn done(&self, page: &str, path: &str, fields: &[(&str, &str)]) {
        let answer = self.send(page, path, fields);
        assert_eq!(answer.status, 303, "{path}: {}", text(&answer));
    }
}

const FORM: [(&str, &str); 1] = [("content-type", "application/x-www-form-urlencoded")];

fn text(answer: &Answer) -> String {
    String::from_utf8_lossy(&answer.body).into_owned()
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
    browser.done(
        "/projects/new",
        "/projects/new",
        &[("name", "gate way"), ("disk", "emmc"), ("disk", "sd"), ("again", "ask")],
    );
    assert!(browser.page("/projects").contains("eMMC, else SD card"));
    let twice = browser.send("/projects/new", "/projects/new", &[("name", "gate way")]);
    assert_eq!(twice.status, 409, "{}", text(&twice));

    browser.done(
        "/rules/new",
        "/rules/new",
        &[("name", "large"), ("memory-min", "4GiB"), ("what", "project:gate way")],
    );
    // What can't be is said, and what was typed still stands there.
    let wrong = browser.send(
        "/rules/new",
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
    assert!(!text(&wrong).contains("<b>"));
    browser.done("/rules/new", "/rules/new", &[("name", "rest"), ("what", "wait")]);
    browser.done(
        "/rules/new",
        "/rules/new",
        &[("name", "small"), ("storage-max", "16GB"), ("what", "backup")],
    );
    let page = browser.page("/rules");
    assert!(page.contains("never asked: “rest”"), "{page}");
    browser.done("/rules", "/rule/small/up", &[]);
    assert_eq!(names(&station), ["large", "small", "rest"]);
    browser.done("/rules", "/rule/small/down", &[]);
    assert_eq!(names(&station), ["large", "rest", "small"]);
    browser.done(
        "/rule/small",
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
    assert_eq!(browser.get("/rules/try?board=nobody").status, 404);
    assert!(browser.page("/rule/tiny").contains(&format!("/boards/{}", board.id)));
    assert!(!browser.page("/rule/rest").contains(&format!("/boards/{}", board.id)));

    let kept = browser.send("/rules", "/rule/tiny/remove", &[]);
    assert_eq!(kept.status, 422, "one click removes nothing");
    browser.done("/rule/tiny", "/rule/tiny/remove", &[("sure", "1")]);
    assert_eq!(names(&station), ["large", "rest"]);
    // A project that a rule uses stays.
    let used = browser.send("/rule/rest", "/project/gate%20way/remove", &[("sure", "1")]);
    assert_eq!(used.status, 409, "{}", text(&used));
    assert!(text(&used).contains("/help/pages#something-is-in-the-way"));
    browser.done("/rule/large", "/rule/large/remove", &[("sure", "1")]);
    browser.done("/project/gate%20way", "/project/gate%20way/remove", &[("sure", "1")]);

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
    let wrong =
        browser.send("/settings", "/settings", &[("station.enrol", "open"), ("station.keep-runs", "soon")]);
    assert_eq!(wrong.status, 422);
    assert!(text(&wrong).contains("value=\"soon\"") && text(&wrong).contains("36500"), "{}", text(&wrong));
    assert_eq!(setting(&station, "station.enrol")["value"], "ask");

    browser.done("/settings", "/settings", &[("station.enrol", "open"), ("station.keep-runs", "30")]);
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

    let cookie = browser.cookie;
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
    let browser = Browser { station: &station, cookie };
    browser.done("/settings", "/settings/back", &[("key", "station.keep-runs")]);
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
    let cookie = [("cookie", browser.cookie.as_str()), FORM[0]];
    for path in ["/rules/new", "/projects/new", "/settings", "/settings/back", "/rule/x/remove"] {
        let body = encoded(&[("name", "x"), ("what", "wait"), ("key", "station.enrol"), ("sure", "1")]);
        assert_eq!(
            station.raw(&request("POST", path, None, Some(body.as_bytes()), &cookie)).status,
            403,
            "{path}"
        );
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
