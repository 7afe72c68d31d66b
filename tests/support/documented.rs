//! What docs/json.md says of the lines of `--json`, held against every line that a test sees.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use serde_json::Value;

/// The members of each event, as the page's tables have them: those of an event of a run with what such events share.
pub(crate) fn page() -> &'static BTreeMap<String, BTreeSet<String>> {
    static PAGE: OnceLock<BTreeMap<String, BTreeSet<String>>> = OnceLock::new();
    PAGE.get_or_init(|| {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/json.md");
        let text = std::fs::read_to_string(path).unwrap();
        let mut page: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut of_run = false;
        for line in text.lines() {
            if let Some(heading) = line.strip_prefix("## ") {
                of_run = heading.contains("run");
            }
            let cells: Vec<_> = line.split('|').map(str::trim).collect();
            let [_, event, _, members, _] = cells[..] else { continue };
            let Some(event) = event.strip_prefix('`').and_then(|event| event.strip_suffix('`')) else {
                continue;
            };
            let known = page.entry(event.to_owned()).or_default();
            known.extend(["schema", "time", "event", "board"].map(str::to_owned));
            if of_run {
                known.extend(["run", "way", "stage", "done", "total"].map(str::to_owned));
            }
            known.extend(members.split('`').skip(1).step_by(2).map(str::to_owned));
        }
        page
    })
}

/// Panics where a line isn't as the page says.
pub(crate) fn check(line: &Value) {
    let object = line.as_object().unwrap_or_else(|| panic!("{line} is no object"));
    assert_eq!(object["schema"], 2, "{line}");
    assert!(object["time"].as_str().is_some_and(|time| time.ends_with('Z')), "{line}");
    let event = object["event"].as_str().unwrap_or_else(|| panic!("{line} has no event"));
    let members = page().get(event).unwrap_or_else(|| panic!("docs/json.md has no event {event}: {line}"));
    let unknown: Vec<_> = object.keys().filter(|key| !members.contains(*key)).collect();
    assert!(unknown.is_empty(), "docs/json.md doesn't say that {event} has {unknown:?}: {line}");
    assert!(object.get("board").is_none_or(Value::is_object), "{line}");
}
