//! Projects that are made of others and of files: all of it, or nothing, and with what is secret in them.

use serde_json::json;

use crate::station::Station;

#[test]
fn a_clone_has_the_secrets_of_its_project_and_nobody_sees_them() {
    let dir = tempfile::tempdir().unwrap();
    let station = Station::start(dir.path(), &[]);
    let settings = json!({
        "user": "ada", "password": "correct horse", "wifi-ssid": "shop", "wifi-password": "supersecret",
        "wifi-country": "DE",
    });
    let project = json!({ "name": "one", "first_boot": settings });
    station.admin("PUT", "/api/v1/projects/one", Some(&project)).ok();
    let made = station.admin("POST", "/api/v1/projects/one/clone", Some(&json!({ "name": "two" }))).ok();
    assert_eq!(made["name"], "two");
    assert_eq!(
        (&made["first_boot"]["wifi-password"], &made["first_boot"]["password-hash"]),
        (&json!(""), &json!(""))
    );
    // Empty ones stay, which only works where they are there.
    let again = json!({ "name": "two", "first_boot": made["first_boot"] });
    station.admin("PUT", "/api/v1/projects/two", Some(&again)).ok();
    let taken = station.admin("POST", "/api/v1/projects/one/clone", Some(&json!({ "name": "two" })));
    assert_eq!(taken.status, 409);
    assert_eq!(station.admin("POST", "/api/v1/projects/no/clone", Some(&json!({ "name": "x" }))).status, 404);
    let token = station.token("ops", "operator");
    let refused =
        station.call("POST", "/api/v1/projects/one/clone", Some(&token), Some(&json!({ "name": "x" })));
    assert_eq!(refused.status, 403);
}

#[test]
fn an_import_changes_a_project_and_its_scripts_or_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let station = Station::start(dir.path(), &[]);
    let script = |text: &str| json!({ "name": "grow", "text": text, "when": "post" });
    let text = || station.admin("GET", "/api/v1/scripts/grow", None).ok()["text"].clone();
    let import = |body: serde_json::Value| station.admin("POST", "/api/v1/projects/import", Some(&body));
    let lab = json!({ "name": "lab", "scripts": ["grow"] });
    import(json!({ "project": lab, "scripts": [script("echo one\n")] })).ok();
    assert_eq!(text(), "echo one\n");
    // What is there already isn't changed unasked.
    let changed = json!({ "project": lab, "scripts": [script("echo two\n")] });
    assert_eq!(import(changed).status, 409);
    let other =
        json!({ "project": { "name": "other", "scripts": ["grow"] }, "scripts": [script("echo two\n")] });
    assert_eq!(import(other).status, 409);
    // A project that can't be leaves its scripts as they were.
    for broken in [
        json!({ "name": "lab", "scripts": ["grow"], "image": "nope" }),
        json!({ "name": "lab", "scripts": ["grow"], "retries": 99 }),
        json!({ "name": "lab", "scripts": ["grow", "nope"] }),
    ] {
        let answer =
            import(json!({ "project": broken, "scripts": [script("echo evil\n")], "replace": true }));
        assert!((400..500).contains(&answer.status), "{}", answer.status);
        assert_eq!(text(), "echo one\n");
    }
    import(json!({ "project": lab, "scripts": [script("echo two\n")], "replace": true })).ok();
    assert_eq!(text(), "echo two\n");
}
