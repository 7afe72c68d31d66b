//! Projects that are made of others and of files: all of it, or nothing, and with what is secret in them.

use serde_json::json;

use crate::browser::{Browser, between, text};
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
fn a_file_says_which_secrets_it_lacks_and_takes_them_and_has_the_mode_of_other_files() {
    use std::os::unix::fs::PermissionsExt as _;
    let station = crate::station_cli::Station::start();
    let words = |text: &[u8]| String::from_utf8_lossy(text).split_whitespace().collect::<Vec<_>>().join(" ");
    std::fs::write(station.path("secret.toml"), "password = \"correct horse\"\n").unwrap();
    station.json(&["project", "add", "one", "--set", "user=ada", "--set-file", "secret.toml"]);
    let export = |umask: &str, name: &str| {
        let program = station.command(&[]).get_program().to_owned();
        let line = format!("umask {umask}; exec \"$0\" project export one -o {name}");
        let mut command = std::process::Command::new("sh");
        command
            .args(["-c", &line])
            .arg(program)
            .envs(station.command(&[]).get_envs().filter_map(|(name, value)| Some((name, value?))));
        let out = command.current_dir(station.path("")).output().unwrap();
        assert!(out.status.success(), "{out:?}");
        let mode = std::fs::metadata(station.path(name)).unwrap().permissions().mode() & 0o777;
        (mode, words(&out.stderr))
    };
    let (mode, told) = export("077", "one.toml");
    assert!(mode == 0o600 && told.contains("warning: password-hash isn't in the file"), "{mode:o} {told}");
    assert_eq!(export("027", "two.toml").0, 0o640);
    // Where the project is there, it keeps its own; another one needs it, and may have it in two ways.
    station.json(&["project", "import", "one.toml", "--replace"]);
    let lacks = station.stderr(&["project", "import", "one.toml", "--name", "two"], 2);
    let lacks = words(lacks.as_bytes());
    assert!(lacks.contains("this project needs password-hash") && lacks.contains("--set-file"), "{lacks}");
    station.json(&["project", "import", "one.toml", "--name", "two", "--set-file", "secret.toml"]);
    station.json(&[
        "project",
        "import",
        "one.toml",
        "--name",
        "three",
        "--set",
        "password-hash=",
        "--set",
        "user=",
    ]);
    for (name, has) in [("one", true), ("two", true), ("three", false)] {
        let project = station.json(&["project", "show", name]).remove(0)["value"].clone();
        assert_eq!(project["first_boot"].get("password-hash").is_some(), has, "{project}");
    }
    // Whoever asks the API hears it too.
    let import =
        json!({ "project": { "name": "four", "first_boot": { "user": "ada", "password-hash": "" } } });
    let dir = tempfile::tempdir().unwrap();
    let station = Station::start(dir.path(), &[]);
    let answer = station.admin("POST", "/api/v1/projects/import", Some(&import));
    assert_eq!(answer.status, 422);
    assert!(answer.json()["hint"].to_string().contains("no secret stands in a project's file"), "{answer:?}");
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

#[test]
fn a_project_like_another_one_keeps_its_secrets_and_an_old_page_undoes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let station = Station::start(dir.path(), &[]);
    let ada = Browser::first(&station);
    let wifi = json!({ "wifi-ssid": "shop", "wifi-password": "supersecret", "wifi-country": "DE" });
    station.admin("PUT", "/api/v1/projects/wifi", Some(&json!({ "name": "wifi", "first_boot": wifi }))).ok();
    let page = ada.page("/projects/new?from=wifi");
    assert!(
        page.contains("name=\"like\" value=\"wifi\"") && page.contains("keep the wifi-password"),
        "{page}"
    );
    let fields = [
        ("name", "wifi2"),
        ("like", "wifi"),
        ("first-wifi-ssid", "shop"),
        ("first-wifi-country", "DE"),
        ("keep-wifi-password", "1"),
    ];
    assert_eq!(ada.post("/projects/new", &fields).status, 303);
    let made = station.admin("GET", "/api/v1/projects/wifi2", None).ok();
    assert_eq!(made["first_boot"], json!({ "wifi-ssid": "shop", "wifi-password": "", "wifi-country": "DE" }));
    // Without the other one there is nothing that could stay, which is told.
    let lonely: Vec<_> = fields
        .iter()
        .filter(|(name, _)| *name != "like")
        .map(|(name, value)| if *name == "name" { (*name, "x") } else { (*name, *value) })
        .collect();
    assert_eq!(ada.post("/projects/new", &lonely).status, 422);

    for (path, api, first, second) in [
        (
            "/project/wifi2",
            "/api/v1/projects/wifi2",
            ("retries", "1"),
            json!({ "name": "wifi2", "retries": 5 }),
        ),
        (
            "/script/s",
            "/api/v1/scripts/s",
            ("text", "echo old\n"),
            json!({ "name": "s", "text": "echo new\n" }),
        ),
    ] {
        if api.contains("scripts") {
            station.admin("PUT", api, Some(&json!({ "name": "s", "text": "echo old\n" }))).ok();
        }
        let was = |page: &str| between(page, "name=\"was\" value=\"", "\"").unwrap().to_owned();
        let old = was(&ada.page(path));
        station.admin("PUT", api, Some(&second)).ok();
        let answer = ada.post(path, &[("was", &old), first]);
        let page = text(&answer);
        assert_eq!(answer.status, 409, "{page}");
        assert!(page.contains("Somebody has changed it since this page was loaded"), "{page}");
        let (name, value) = first;
        assert_ne!(station.admin("GET", api, None).ok()[name].to_string().trim_matches('"'), value.trim());
        // Who saves it all the same knows it.
        assert_eq!(ada.post(path, &[("was", &was(&page)), first]).status, 303);
    }
}
