//! What the pages say of the station's calls, held against its own description, and against what it does.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};

use serde_json::Value;

use crate::station::{Station, request};

/// A call, as a page or the description has it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Told {
    /// Whether a token is asked for: of a `role`, of a `board`, or of nobody.
    shows: &'static str,
    /// The type of the JSON that goes in.
    takes: Option<String>,
    /// Whether something stands behind the `?`.
    query: bool,
    /// The type of the JSON that comes out.
    gives: Option<String>,
    /// Whether nothing comes out.
    empty: bool,
}

const PAGES: [(&str, &str); 2] = [
    (include_str!("../../docs/station-api.md"), ""),
    (include_str!("../../docs/device-api.md"), "/api/v1/device/"),
];

const METHODS: [&str; 5] = ["GET", "PUT", "POST", "PATCH", "DELETE"];

/// `GET work?wait=30` below `/api/v1/device/`: the call without its query.
fn call(text: &str, below: &str) -> Option<String> {
    let (method, path) = text.split_once(' ').filter(|(method, _)| METHODS.contains(method))?;
    let path = path.split('?').next()?;
    let is_path = path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/{}-_.".contains(&byte));
    // The lists of a page have names of lists among them, such as `GET events`.
    let below = if path.starts_with('/') { "" } else { below };
    (is_path && (path.starts_with('/') || !below.is_empty())).then(|| format!("{method} {below}{path}"))
}

/// All calls that the pages name.
fn named() -> BTreeSet<String> {
    let words = |(page, below): (&'static str, &'static str)| {
        page.split('`').skip(1).step_by(2).filter_map(move |text| call(text, below))
    };
    PAGES.into_iter().flat_map(words).collect()
}

/// What the tables of the pages say, with the role that each call takes.
fn tables(known: &dyn Fn(&str) -> bool) -> BTreeMap<String, (Told, String)> {
    let mut all = BTreeMap::new();
    for (page, below) in PAGES {
        let mut inside = false;
        for line in page.lines() {
            let cells: Vec<_> = line.split('|').map(str::trim).collect();
            let [_, name, shows, takes, gives, _] = cells[..] else {
                inside = false;
                continue;
            };
            if name == "call" {
                inside = matches!(shows, "role" | "shows") && (takes, gives) == ("in", "out");
            }
            let Some(name) = call(name.trim_matches('`'), below).filter(|_| inside) else { continue };
            let (status, gives) = gives.split_once(' ').unwrap_or((gives, ""));
            let gives = if status.starts_with("20") { gives.to_owned() } else { format!("{status} {gives}") };
            let word = |text: &str| text.split('`').nth(1).unwrap_or_default().to_owned();
            let gives = match (gives.starts_with("page of `"), gives.starts_with('`')) {
                (true, _) => Some(word(&gives) + "Page"),
                (_, true) => Some(word(&gives)),
                _ => None,
            };
            let told = Told {
                shows: match shows {
                    "viewer" | "operator" | "admin" => "role",
                    "the board's token" | "the job's token" => "board",
                    _ => "",
                },
                takes: Some(word(takes)).filter(|word| takes.starts_with('`') && known(word)),
                query: takes.starts_with("query ")
                    || page.contains(&format!("`{}?", &name.replace(below, ""))),
                gives: gives.filter(|word| known(word)),
                empty: status.starts_with("204"),
            };
            assert!(
                all.insert(name.clone(), (told, shows.to_owned())).is_none(),
                "{name} stands there twice"
            );
        }
    }
    all
}

fn description(api: &Value) -> BTreeMap<String, Told> {
    let mut all = BTreeMap::new();
    for (path, methods) in api["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let schema = |content: &Value| {
                let name = content["application/json"]["schema"]["$ref"].as_str()?;
                Some(name.rsplit('/').next().unwrap().to_owned())
            };
            let done = operation["responses"].as_object().unwrap();
            let done = done.iter().find(|(status, _)| matches!(status.as_str(), "200" | "201"));
            let security = operation["security"][0].as_object().map(|one| one.keys().next().unwrap().clone());
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            let told = Told {
                shows: match security.as_deref() {
                    Some("token") => "role",
                    Some("board") => "board",
                    _ => "",
                },
                takes: schema(&operation["requestBody"]["content"]),
                query: parameters.iter().any(|parameter| parameter["in"] == "query"),
                gives: done.and_then(|(_, answer)| schema(&answer["content"])).filter(|name| name != "Value"),
                empty: done.is_none(),
            };
            all.insert(format!("{} {path}", method.to_uppercase()), told);
        }
    }
    all
}

/// The status of an answer; what it says is left there.
fn status(station: &Station, call: &str, token: Option<&str>) -> u16 {
    let (method, path) = call.split_once(' ').unwrap();
    let path: Vec<_> = path.split('/').map(|part| if part.starts_with('{') { "x" } else { part }).collect();
    let mut stream = station.connect();
    stream.write_all(&request(method, &path.join("/"), token, None, &[])).unwrap();
    let mut head = [0; 12];
    stream.read_exact(&mut head).unwrap();
    std::str::from_utf8(&head[9..]).unwrap().parse().unwrap()
}

#[test]
fn the_pages_the_description_and_the_station_agree_on_each_call() {
    let dir = tempfile::tempdir().unwrap();
    let station = Station::start(dir.path(), &[]);
    let api = station.call("GET", "/api/v1/openapi.json", None, None).ok();
    let description = description(&api);
    assert!(description.len() > 50, "{description:?}");

    // Each is named on a page, and nothing else is.
    let mut there: BTreeSet<_> = description.keys().cloned().collect();
    there.insert("GET /api/v1/openapi.json".to_owned());
    let named = named();
    let differ: Vec<_> = there.symmetric_difference(&named).collect();
    assert!(differ.is_empty(), "on a page or in the description, and not in both: {differ:?}");

    // The tables say the same of each as the description.
    let schemas = api["components"]["schemas"].as_object().unwrap();
    let tables = tables(&|name| schemas.contains_key(name));
    assert!(tables.len() > 45, "{tables:?}");
    for (call, (told, _)) in &tables {
        assert_eq!(Some(told), description.get(call), "{call}: the page, and the description");
    }

    // It is as they say: who may not is refused, and who may is not.
    let roles = ["viewer", "operator", "admin"];
    let tokens = roles.map(|role| station.token(role, role));
    for (call, told) in &description {
        if told.shows.is_empty() {
            // Without a serial number it is answered as its old server did.
            if call.ends_with(" /scriptexecute") {
                continue;
            }
            assert_ne!(status(&station, call, None), 401, "{call}");
            continue;
        }
        assert_eq!(status(&station, call, None), 401, "{call} without a token");
        let role = tables.get(call).and_then(|(_, role)| roles.iter().position(|one| one == role));
        let Some(role) = role else {
            // Wrong tokens are slowed down after a while.
            let status = status(&station, call, Some(&tokens[2]));
            assert!(matches!(status, 401 | 429), "{call} with the token of an administrator: {status}");
            continue;
        };
        for (own, token) in tokens.iter().enumerate() {
            let status = status(&station, call, Some(token));
            // What is one's own isn't a token's, whatever its role.
            let is_own = call.contains(" /api/v1/account/") && status == 403;
            assert_eq!(status == 403 && !is_own, own < role, "{call} as {}: {status}", roles[own]);
            assert!(status != 401 && status < 500, "{call} as {}: {status}", roles[own]);
        }
    }
}
