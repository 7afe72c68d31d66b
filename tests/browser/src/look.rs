//! How each page looks: for everybody, in each size, light and dark.

use std::time::Duration;

use serde_json::{Value, json};

use crate::agents::Agent;
use crate::browser::{Browser, run};
use crate::eeprom::pi4;
use crate::station::Station;

/// One of each thing that has a page; the pages, and what their pictures are called.
fn pages(station: &Station) -> Vec<(String, &'static str)> {
    let first = |path: &str, name: &str| -> String {
        let items = station.admin("GET", path, None).ok();
        items["items"][0]
            .pointer(name)
            .and_then(Value::as_str)
            .unwrap_or_else(|| panic!("{path}: {items}"))
            .to_owned()
    };
    let board = first("/api/v1/boards", "/id");
    for body in [
        json!({"action": "deploy", "image": "gateway-2.4.img", "end": "wait"}),
        json!({"action": "backup", "end": "wait"}),
    ] {
        station.admin("POST", &format!("/api/v1/boards/{board}/jobs"), Some(&body)).ok();
        for _ in 0..800 {
            let jobs = station.admin("GET", "/api/v1/jobs", None).ok();
            let over = |job: &Value| job["state"] == "done" || job["state"] == "failed";
            if jobs["items"].as_array().unwrap().iter().all(over) {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    let run = first("/api/v1/runs", "/run");
    let (image, backup) = (first("/api/v1/images", "/id"), first("/api/v1/backups", "/image/id"));
    let fixed = [
        ("/", "floor"),
        ("/?wall=1", "wall"),
        ("/services", "services"),
        ("/nosuch", "missing"),
        ("/boards", "boards"),
        ("/slots", "slots"),
        ("/switches/sw1", "switch-ports"),
        ("/runs", "runs"),
        ("/runs/report", "report"),
        ("/statistics", "statistics"),
        ("/images", "images"),
        ("/images/add", "image-add"),
        ("/backups", "backups"),
        ("/rules", "rules"),
        ("/rules/new", "rule-new"),
        ("/rule/rest", "rule"),
        ("/firmware", "firmware"),
        ("/firmware/lab-4", "firmware-one"),
        ("/host-firmware", "firmware-host"),
        ("/projects", "projects"),
        ("/projects/new", "project-new"),
        ("/project/lab", "project"),
        ("/scripts", "scripts"),
        ("/scripts/new", "script-new"),
        ("/script/greet", "script"),
        ("/values", "values"),
        ("/value/sn", "value"),
        ("/labels", "labels"),
        ("/labels/new", "label-new"),
        ("/label/box", "label"),
        ("/label/raw", "label-raw"),
        ("/printers", "printers"),
        ("/printers?change=zebra", "printer-change"),
        ("/scan", "scan"),
        ("/network", "network"),
        ("/settings", "settings"),
        ("/api", "api"),
        ("/help", "help"),
        ("/help/pages", "manual"),
        ("/users", "users"),
        ("/users/anna", "user"),
        ("/audit", "audit"),
        ("/hooks", "hooks"),
        ("/account", "account"),
        ("/account/second-factor", "second-factor"),
        ("/account/passkeys/add", "passkey-add"),
        ("/support", "support"),
        ("/switch", "switch"),
    ];
    let mut pages: Vec<_> = fixed.into_iter().map(|(path, name)| (path.to_owned(), name)).collect();
    pages.extend([
        (format!("/boards/{board}"), "board"),
        (format!("/boards/{board}/forget"), "board-forget"),
        (format!("/deploy?board={board}"), "deploy"),
        (format!("/reboot?board={board}"), "reboot"),
        (format!("/rules/try?board={board}"), "rule-tried"),
        (format!("/runs/{run}"), "run"),
        (format!("/images/{image}"), "image"),
        (format!("/images/{image}/remove"), "image-remove"),
        (format!("/images/{backup}"), "backup"),
    ]);
    pages
}

/// What answers GET and is no page: files, streams, what programs ask.
const NO_PAGES: [&str; 19] = [
    "/audit/export",
    "/find",
    "/firmware/{firmware}/image",
    "/floor",
    "/healthz",
    "/images/{image}/file",
    "/images/{image}/files",
    "/images/{image}/raw",
    "/label/{label}/picture",
    "/live",
    "/metrics",
    "/project/{project}/file",
    "/runs.csv",
    "/runs.jsonl",
    "/runs/{run}/log.txt",
    "/runs/{run}/record.json",
    "/scriptexecute",
    "/scriptexecute/{file}/eeprom",
    "/value/{source}/boards.csv",
];
/// Who isn't signed in is shown these.
const FOR_STRANGERS: [&str; 2] = ["/login", "/welcome/{secret}"];

/// Pages of the station that nobody looks at here.
fn left_out(looked_at: &[(String, &'static str)]) -> Vec<&'static str> {
    let all = include_str!("../../../src/station/pages/authorisation.txt").lines().filter_map(|line| {
        let mut words = line.split(' ');
        (words.next() == Some("GET")).then(|| words.next()).flatten()
    });
    let is_of = |path: &str, route: &str| {
        let path = path.split('?').next().unwrap_or_default();
        path.split('/').count() == route.split('/').count()
            && path.split('/').zip(route.split('/')).all(|(part, of)| part == of || of.starts_with('{'))
    };
    all.filter(|route| !route.starts_with("/api/") && !route.starts_with("/device/"))
        .filter(|route| !NO_PAGES.contains(route) && !FOR_STRANGERS.contains(route))
        .filter(|route| !looked_at.iter().any(|(path, _)| is_of(path, route)))
        .collect()
}

/// A window: its width and height, whether it is dark, and whether axe-core looks at it.
pub(crate) type Window = (u32, u32, bool, bool);

/// In which windows each page is looked at.
const ALL: [Window; 5] = [
    (1360, 900, false, true),
    (1360, 900, true, true),
    (3840, 2160, false, false),
    (390, 844, true, false),
    (360, 740, false, false),
];

/// The page that is there is for everybody in these windows. The last one stays.
pub(crate) async fn is_fine(browser: &Browser, name: &str, windows: &[Window]) {
    let wrong = wrong(browser, name, windows).await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is wrong with the page that is there.
async fn wrong(browser: &Browser, name: &str, windows: &[Window]) -> Vec<String> {
    let mut wrong = Vec::new();
    for &(width, height, dark, axe) in windows {
        browser.window(width, height, dark).await;
        let what = format!("{name}-{width}{}", if dark { "-dark" } else { "" });
        let over = browser.sideways().await;
        if over > 0 {
            wrong.push(format!("{what}: {over} px too wide"));
        }
        if axe {
            let found = browser.barriers().await;
            if found != json!([]) {
                wrong.push(format!("{what}: {found}"));
            }
        }
        if width != 3840 {
            browser.shot(&what).await;
        }
    }
    wrong
}

#[test]
fn each_page_is_for_everybody_in_each_size_light_and_dark() {
    let dir = tempfile::tempdir().unwrap();
    let station = Station::start(dir.path(), &["--enrol", "open"]);
    station.put("/api/v1/images/gateway-2.4.img", &[7; 1 << 20]).ok();
    for (n, name) in ["A1", "A2", "A3"].iter().enumerate() {
        let mut slot = json!({"name": name, "kind": "usb", "place": format!("1-1.{}", n + 1), "position": n});
        if n < 2 {
            slot["cell"] = json!({"row": 1, "column": n + 1});
        }
        station.admin("PUT", &format!("/api/v1/slots/{name}"), Some(&slot)).ok();
    }
    // Nobody answers there.
    let switch = json!({"address": "198.51.100.77", "community": "reader"});
    station.admin("PUT", "/api/v1/switches/sw1", Some(&switch)).ok();
    let script = json!({"name": "greet", "text": "echo hello\n", "when": "pre"});
    station.admin("PUT", "/api/v1/scripts/greet", Some(&script)).ok();
    let drawn = "size 50 25\ntext 2 2 4 {called}\nqr 32 6 17 {serial}\n";
    for (name, language, text) in [("box", "drawn", drawn), ("raw", "zpl", "^XA^FD{serial}^FS^XZ")] {
        let label = json!({"name": name, "language": language, "text": text});
        station.admin("PUT", &format!("/api/v1/labels/{name}"), Some(&label)).ok();
    }
    let printer = json!({"name": "zebra", "at": {"by": "tcp", "host": "localhost"}});
    station.admin("PUT", "/api/v1/printers/zebra", Some(&printer)).ok();
    let test = json!({"label": "box", "printer": "zebra", "copies": 2});
    station.admin("POST", "/api/v1/prints", Some(&test)).ok();
    let numbers = json!({"kind": "sequence", "prefix": "SN", "width": 4, "start": 1, "step": 1, "end": 99});
    station.admin("POST", "/api/v1/values", Some(&json!({"name": "sn", "of": numbers}))).ok();
    let conf = b"[all]\nBOOT_UART=0\nWAKE_ON_GPIO=1\nPOWER_OFF_ON_HALT=0\n[cm4]\nFUTURE=1\n";
    station.put("/api/v1/firmware/lab-4?channel=default", &pi4(conf)).ok();
    let project = json!({
        "name": "lab", "image": "gateway-2.4.img", "values": ["sn"], "scripts": ["greet"], "retries": 2,
        "label": {"label": "box", "printer": "zebra"},
        "first_boot": {"hostname": "meter-{sn}"},
        "eeprom": {
            "firmware": "lab-4", "boot_from_target": true, "unset": ["WAKE_ON_GPIO"],
            "set": {"BOOT_UART": "1", "BOOT_UAT": "1"},
        },
    });
    station.admin("PUT", "/api/v1/projects/lab", Some(&project)).ok();
    station
        .admin("POST", "/api/v1/rules", Some(&json!({"name": "rest", "any": true, "what": {"do": "wait"}})))
        .ok();
    let agents: Vec<_> = (1..=3).map(|n| Agent::start(&station, dir.path(), n, 4 << 20)).collect();
    run(async {
        let browser = Browser::begin(&station).await;
        browser.until_says("000000a3").await;
        let mut found = Vec::new();
        let pages = pages(&station);
        assert!(left_out(&pages).is_empty(), "{:?}", left_out(&pages));
        for (path, name) in pages {
            browser.go(&path).await;
            found.extend(wrong(&browser, name, &ALL).await);
        }
        // Those who aren't known yet.
        browser.driver.delete_all_cookies().await.unwrap();
        browser.go("/login").await;
        found.extend(wrong(&browser, "login", &ALL).await);
        let link = json!({"role": "viewer"});
        let link = station.admin("POST", "/api/v1/invitations", Some(&link)).ok();
        browser.go(link["path"].as_str().unwrap()).await;
        found.extend(wrong(&browser, "welcome", &ALL).await);
        assert!(found.is_empty(), "{}", found.join("\n"));
        browser.close().await;
    });
    drop(agents);
}
