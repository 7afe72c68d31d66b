//! Accounts, users, tokens and what they did, as a browser and a program meet them.

use std::process::Command;

use serde_json::{Value, json};

use crate::browser::{Browser, PASSWORD, between, form, text};
use crate::station::{Board, Station};

/// The code that a telephone shows, so many seconds from now.
pub(crate) fn code(secret: &str, later: u64) -> String {
    let secret = totp_rs::Secret::try_from_base32(secret).unwrap();
    let totp = totp_rs::Builder::new().with_secret(secret).build().unwrap();
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    totp.generate(since.as_secs() + later).to_string()
}

#[test]
fn a_second_factor_is_set_up_asked_for_and_each_code_is_good_once() {
    let dir = tempfile::tempdir().unwrap();
    let station = Station::start(dir.path(), &[]);
    let ada = Browser::first(&station);
    assert!(ada.page("/account").contains("Your password alone is enough"));
    let page = ada.page("/account/second-factor");
    let secret = between(&page, "name=\"secret\" value=\"", "\"").unwrap().to_owned();
    assert!(page.contains("<svg class=\"qr\""));
    // Neither a wrong code nor a wrong password sets it up, and the secret stays.
    for (password, shown) in [(PASSWORD, "000000".to_owned()), ("wrong password", code(&secret, 0))] {
        let answer = ada
            .post("/account/second-factor", &[("secret", &secret), ("password", password), ("code", &shown)]);
        assert!((400..500).contains(&answer.status), "{}", answer.status);
        assert!(text(&answer).contains(&secret));
    }
    let shown = code(&secret, 0);
    let answer =
        ada.post("/account/second-factor", &[("secret", &secret), ("password", PASSWORD), ("code", &shown)]);
    let page = text(&answer);
    assert_eq!(answer.status, 200, "{page}");
    let codes: Vec<_> =
        page.split("<li><code>").skip(1).map(|rest| rest.split('<').next().unwrap()).collect();
    assert_eq!(codes.len(), 10);
    assert!(ada.page("/account").contains("10 of 10 codes"));
    // They aren't shown again, and not kept as they are.
    assert!(!ada.page("/account").contains(codes[0]));

    // The password is half of it.
    let (other, answer) = Browser::sign_in(&station, "ada", PASSWORD);
    assert_eq!((answer.status, other.cookie().as_str()), (200, ""));
    let half = between(&text(&answer), "name=\"half\" value=\"", "\"").unwrap().to_owned();
    let answer = other.post("/login/code", &[("half", &half), ("code", &shown)]);
    assert_eq!(answer.status, 401, "the code that has set it up is used");
    let next = code(&secret, 30);
    let answer = other.post("/login/code", &[("half", &half), ("code", &next)]);
    assert_eq!(answer.status, 303, "{}", text(&answer));
    assert!(other.page("/account").contains("ada"));
    // What is half can't be used once more, and the code neither.
    let (third, answer) = Browser::sign_in(&station, "ada", PASSWORD);
    let half_of_third = between(&text(&answer), "name=\"half\" value=\"", "\"").unwrap().to_owned();
    assert_eq!(
        third.post("/login/code", &[("half", &half), ("code", codes[0])]).header("location"),
        Some("/login")
    );
    assert_eq!(third.post("/login/code", &[("half", &half_of_third), ("code", &next)]).status, 401);
    let answer = third.post("/login/code", &[("half", &half_of_third), ("code", &codes[0].to_uppercase())]);
    assert_eq!(answer.status, 303, "{}", text(&answer));
    assert!(third.page("/account").contains("9 of 10 codes"));

    // Programs show it too.
    let login = |code: Option<&str>| {
        let body = json!({ "name": "ada", "password": PASSWORD, "code": code });
        let body = if code.is_none() { json!({ "name": "ada", "password": PASSWORD }) } else { body };
        station.call("POST", "/api/v1/login", None, Some(&body))
    };
    let answer = login(None);
    assert_eq!(answer.status, 401);
    assert!(answer.json()["detail"].as_str().unwrap().contains("second factor"), "{answer:?}");
    assert_eq!(login(Some(codes[0])).status, 401, "it was used");
    let token = login(Some(codes[1])).ok()["secret"].as_str().unwrap().to_owned();
    assert_eq!(station.call("GET", "/api/v1/users", Some(&token), None).status, 200);

    // A link for another password stands for the password alone.
    let made = station.admin("POST", "/api/v1/invitations", Some(&json!({ "user": "ada" }))).ok();
    let lost = Browser::new(&station);
    let answer = lost
        .post(made["path"].as_str().unwrap(), &[("password", "another horse"), ("again", "another horse")]);
    assert!(text(&answer).contains("name=\"half\"") && lost.cookie().is_empty(), "{}", text(&answer));
    // An administrator takes it away.
    let change = json!({ "second_factor": false });
    let user = station.admin("PATCH", "/api/v1/users/ada", Some(&change)).ok();
    assert_eq!(user["second_factor"], false);
    let (ada, answer) = Browser::sign_in(&station, "ada", "another horse");
    assert!(answer.status == 303 && !ada.cookie().is_empty());
    assert_eq!(
        station.admin("PATCH", "/api/v1/users/ada", Some(&json!({ "second_factor": true }))).status,
        422
    );
}

#[test]
fn users_come_by_a_link_lose_their_sessions_and_are_put_out() {
    let dir = tempfile::tempdir().unwrap();
    let station = Station::start(dir.path(), &[]);
    let ada = Browser::first(&station);
    ada.page("/users");
    let page = text(&ada.post("/users/invite", &[("role", "operator")]));
    let path = format!("/welcome/{}", between(&page, "/welcome/", "<").unwrap());
    let bob = Browser::new(&station);
    assert!(bob.page(&path).contains("operator"));
    let fields = [("name", "bob"), ("password", PASSWORD), ("again", PASSWORD)];
    assert_eq!(bob.post(&path, &fields).status, 303);
    assert_eq!(Browser::new(&station).post(&path, &fields).status, 404, "it is good once");
    bob.page("/account");
    assert_eq!(bob.get("/users").status, 403);

    // Sessions are seen and ended, one and all others.
    let (second, _) = Browser::sign_in(&station, "bob", PASSWORD);
    let page = bob.page("/account");
    assert_eq!(page.matches("Firefox on Linux").count(), 2);
    let end = between(&page, "action=\"/account/sessions/", "/end\"").unwrap().to_owned();
    assert_eq!(bob.post(&format!("/account/sessions/{end}/end"), &[]).status, 303);
    assert_eq!(second.get("/account").status, 303);
    // Nobody ends somebody else's.
    let page = ada.page("/users/bob");
    let of_bob = between(&page, "action=\"/users/bob/sessions/", "/end\"").unwrap().to_owned();
    assert_eq!(ada.post(&format!("/account/sessions/{of_bob}/end"), &[]).status, 404);
    // Another password ends the others, and takes the one before.
    let (second, _) = Browser::sign_in(&station, "bob", PASSWORD);
    bob.page("/account");
    let fields = [("before", "wrong wrong"), ("password", "new horse new"), ("again", "new horse new")];
    assert_eq!(bob.post("/account/password", &fields).status, 401);
    let fields = [("before", PASSWORD), ("password", "new horse new"), ("again", "new horse new")];
    assert_eq!(bob.post("/account/password", &fields).status, 303);
    assert!(bob.page("/account").contains("The password is changed"));
    assert_eq!(second.get("/account").status, 303);
    assert_eq!(Browser::sign_in(&station, "bob", PASSWORD).1.status, 401);

    // Disabled, and let in again.
    ada.page("/users/bob");
    assert_eq!(ada.post("/users/bob/disable", &[]).status, 303);
    assert_eq!(bob.get("/account").status, 303);
    assert_eq!(Browser::sign_in(&station, "bob", "new horse new").1.status, 401);
    assert_eq!(ada.post("/users/bob/enable", &[]).status, 303);
    assert_eq!(Browser::sign_in(&station, "bob", "new horse new").1.status, 303);
    // The last administrator stays one.
    let answer = ada.post("/users/ada/role", &[("role", "viewer")]);
    assert_eq!(answer.status, 409, "{}", text(&answer));
    // Another role ends sessions: what they may do isn't what it was.
    let (bob, _) = Browser::sign_in(&station, "bob", "new horse new");
    assert_eq!(ada.post("/users/bob/role", &[("role", "viewer")]).status, 303);
    assert_eq!(bob.get("/account").status, 303);
}

#[test]
fn a_token_is_held_to_its_scopes_and_shown_once() {
    let dir = tempfile::tempdir().unwrap();
    let station = Station::start(dir.path(), &[]);
    let ada = Browser::first(&station);
    ada.page("/users");
    // One that has ended when it is made, not one that never ends.
    let ended = ada.post(
        "/tokens/add",
        &[("name", "ended-at-once"), ("role", "admin"), ("days", "0"), ("boards", "read")],
    );
    assert!(ended.status == 422 && text(&ended).contains("0 days"), "{}", text(&ended));
    assert!(!ada.page("/users").contains("ended-at-once"), "no such token was made");
    let fields = [("name", "ci"), ("role", "admin"), ("days", "7"), ("boards", "read"), ("images", "write")];
    let page = text(&ada.post("/tokens/add", &fields));
    let secret = between(&page, "class=\"secret\">", "<").unwrap().to_owned();
    assert!(!ada.page("/users").contains(&secret));
    let call = |method: &str, path: &str, body: Option<Value>| {
        station.call(method, path, Some(&secret), body.as_ref()).status
    };
    assert_eq!(call("GET", "/api/v1/boards", None), 200);
    assert_eq!(call("GET", "/api/v1/slots", None), 200);
    assert_eq!(call("PUT", "/api/v1/slots/a", Some(json!({}))), 403);
    assert_eq!(call("GET", "/api/v1/images", None), 200);
    assert_eq!(call("DELETE", "/api/v1/images/none", None), 404);
    for path in [
        "/api/v1/runs",
        "/api/v1/users",
        "/api/v1/audit",
        "/api/v1/station",
        "/api/v1/rules",
        "/api/v1/hooks",
    ] {
        assert_eq!(call("GET", path, None), 403, "{path}");
    }
    let answer = station.call("GET", "/api/v1/runs", Some(&secret), None);
    assert!(answer.json()["detail"].as_str().unwrap().contains("the scope runs:read"), "{answer:?}");
    // It makes no token that may more, and a pipeline of programs needs none.
    let people = json!({ "name": "maker", "role": "admin", "scopes": ["people:write"] });
    let maker =
        station.admin("POST", "/api/v1/tokens", Some(&people)).ok()["secret"].as_str().unwrap().to_owned();
    let make = |scopes: Value| {
        let new = json!({ "name": "more", "role": "viewer", "scopes": scopes });
        station.call("POST", "/api/v1/tokens", Some(&maker), Some(&new)).status
    };
    assert_eq!(make(json!([])), 403);
    assert_eq!(make(json!(["boards:read"])), 403);
    assert_eq!(make(json!(["people:read"])), 201);
    assert_eq!(make(json!(["people:all"])), 422);
    // It says when it was used, and ends.
    let page = ada.page("/users");
    assert!(page.contains("boards:read, images:write"), "{page}");
    assert_eq!(ada.post("/tokens/ci/remove", &[]).status, 303);
    assert_eq!(call("GET", "/api/v1/boards", None), 401);
}

/// `piprov station audit`.
fn audit(args: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_piprov"))
        .args(["station", "audit"])
        .args(args)
        .env("PIPROV_STATE_DIR", std::env::temp_dir())
        .output()
        .unwrap();
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code(), said)
}

#[test]
fn the_audit_has_names_as_they_were_and_keeps_what_the_station_calls_it() {
    let dir = tempfile::tempdir().unwrap();
    let station = Station::start(dir.path(), &["--enrol", "open"]);
    let ada = Browser::first(&station);
    let mut board = Board::new("10000000aaaa0001");
    board.register(&station).ok();
    let path = format!("/api/v1/boards/{}", board.id);
    for name in ["lab-01", "lab-02"] {
        station.admin("PATCH", &path, Some(&json!({ "name": name }))).ok();
    }
    let job = station.admin("POST", &format!("{path}/jobs"), Some(&json!({"action": "reboot"}))).ok();
    let job = job["id"].as_str().unwrap();
    station.admin("POST", &format!("/api/v1/jobs/{job}/cancel"), None).ok();
    let rows = |on: &str| {
        let page = ada.page(&format!("/audit?on={on}"));
        ["board.change", "board.reboot", "job.cancel"]
            .map(|what| page.matches(&format!("<td><code>{what}</code></td>")).count())
    };
    assert_eq!(rows("lab-01"), [1, 0, 0], "what it was called when it was renamed");
    // The name of now leads to all of the board; a job is found by its board's name.
    assert_eq!(rows("lab-02"), [2, 1, 1]);
    assert_eq!(rows(&board.id), [2, 1, 0]);
    assert_eq!(rows(job), [0, 0, 1]);
    let page = ada.page(&format!("/audit?on={job}"));
    assert!(page.contains(&format!("<td>lab-02<br><small><code>{job}</code></small></td>")), "{page}");
    station.admin("DELETE", &path, None).ok();
    assert!(ada.page("/audit?on=lab-02&what=board.forget").contains("lab-02<br>"), "it was called so");
}

#[test]
fn a_sign_in_that_is_refused_stands_in_the_audit_without_what_was_typed() {
    let dir = tempfile::tempdir().unwrap();
    let mut station = Station::start(dir.path(), &[]);
    {
        let ada = Browser::first(&station);
        for (name, password) in [
            ("ada", "typed-by-mistake"),
            ("ada", "typed-by-mistake"),
            (PASSWORD, "ada"),
            ("nobody-here", "typed-by"),
        ] {
            assert_eq!(Browser::sign_in(&station, name, password).1.status, 401);
        }
        let page = ada.until("/audit?what=session.refused&on=ada", "<code>session.refused</code>");
        assert_eq!(page.matches("<code>session.refused</code>").count(), 1, "{page}");
        let page = ada.until("/audit?what=session.refused", "a name that no user has");
        assert_eq!(page.matches("<code>session.refused</code>").count(), 2, "{page}");
        assert!(page.contains("<td>127.0.0.1</td>"), "{page}");
    }
    // What went on within the quarter of an hour is told when the station ends, at the latest.
    station.end();
    let station = Station::start(dir.path(), &[]);
    let audit = text(&station.admin("GET", "/api/v1/audit?what=session.refused", None));
    for on in ["\"on\":\"ada: 1 more\"", "\"on\":\"a name that no user has: 1 more\""] {
        assert!(audit.contains(on), "{audit}");
    }
    for typed in ["typed-by", PASSWORD, "nobody-here"] {
        assert!(!audit.contains(typed), "{audit}");
    }
}

#[test]
fn names_that_differ_by_case_and_passwords_that_everybody_guesses_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let station = Station::start(dir.path(), &[]);
    let ada = Browser::first(&station);
    ada.page("/users");
    let add = |name: &str, password: &str| {
        ada.post("/users/add", &[("name", name), ("role", "viewer"), ("password", password)])
    };
    assert_eq!(add("bob", PASSWORD).status, 303);
    let taken = add("BOB", PASSWORD);
    assert_eq!(taken.status, 409);
    assert!(text(&taken).contains("nother user is called `bob` already"), "{}", text(&taken));
    // A link is no way around either.
    let page = text(&ada.post("/users/invite", &[("role", "operator")]));
    let link = format!("/welcome/{}", between(&page, "/welcome/", "<").unwrap());
    let new = Browser::new(&station);
    new.page(&link);
    for (name, password, status) in [("Bob", PASSWORD, 409), ("carl-friedrich", "Carl-Friedrich1", 422)] {
        let fields = [("name", name), ("password", password), ("again", password)];
        assert_eq!(new.post(&link, &fields).status, status, "{name}");
    }
    for (password, why) in [
        ("password1234", "a word that everybody tries first"),
        ("friedrich-12", "the user&#39;s name"),
        ("aaaaaaaaaaaa", "its characters repeat"),
    ] {
        let refused = add("friedrich", password);
        assert_eq!(refused.status, 422, "{password}");
        assert!(text(&refused).contains(why), "{}", text(&refused));
    }
    // Who signs in writes the name as it is.
    assert_eq!(Browser::sign_in(&station, "BOB", PASSWORD).1.status, 401);
    let (bob, _) = Browser::sign_in(&station, "bob", PASSWORD);
    // Who is known has a wrong password, and no wrong name.
    bob.page("/account");
    let fields = [("before", "wrong wrong"), ("password", "new horse new"), ("again", "new horse new")];
    let refused = text(&bob.post("/account/password", &fields));
    assert!(refused.contains("he password is wrong") && !refused.contains("ame or password"), "{refused}");
    let fields = [("before", PASSWORD), ("password", "bob bob bob 12"), ("again", "bob bob bob 12")];
    assert_eq!(bob.post("/account/password", &fields).status, 422);
}

#[test]
fn the_audit_is_filtered_exported_and_proved() {
    let dir = tempfile::tempdir().unwrap();
    let mut station = Station::start(dir.path(), &[]);
    let ada = Browser::first(&station);
    ada.page("/users");
    for name in ["one", "two", "<b>three"] {
        ada.post("/users/add", &[("name", name), ("role", "viewer"), ("password", PASSWORD)]);
    }
    let page = ada.page("/audit");
    assert!(page.contains("user.add-by-link") && page.contains("session.begin"));
    let page = ada.page("/audit?what=user.add&by=ada&on=two");
    assert_eq!(page.matches("<code>user.add</code>").count(), 1, "{page}");
    assert!(ada.page("/audit?what=user.&from=2099-01-01").contains("Nothing fits"));
    let page = ada.page("/audit?by=%3Cscript%3Ealert(1)%3C/script%3E");
    assert!(!page.contains("<script>alert"), "{page}");
    assert_eq!(ada.get("/audit?from=yesterday").status, 422);

    let export = ada.get("/audit/export");
    assert!(export.whole && export.status == 200);
    let file = dir.path().join("audit.jsonl");
    std::fs::write(&file, &export.body).unwrap();
    let path = file.display().to_string();
    let (code, said) = audit(&["--check", &path]);
    assert!(code == Some(0) && said.contains("nothing was changed") && said.contains(&station.key), "{said}");
    let state = dir.path().join("station").display().to_string();
    // It goes on from there while the station serves.
    ada.post("/users/add", &[("name", "four"), ("role", "viewer"), ("password", PASSWORD)]);
    let (code, said) = audit(&["--state", &state, "--since", &path]);
    assert_eq!(code, Some(0), "{said}");
    let changed = text(&export).replace("\"on\":\"two\"", "\"on\":\"six\"");
    assert_ne!(changed, text(&export));
    std::fs::write(&file, changed).unwrap();
    let (code, said) = audit(&["--check", &path]);
    assert!(code == Some(65) && said.contains("was changed"), "{code:?} {said}");
    std::fs::write(&file, &export.body[..export.body.len() / 2]).unwrap();
    assert_ne!(audit(&["--check", &path]).0, Some(0));
    station.end();
    assert_eq!(audit(&["--state", &state]).0, Some(0));
}

#[test]
fn another_operator_takes_over_a_shared_screen_and_the_session_before_ends() {
    let dir = tempfile::tempdir().unwrap();
    let station = Station::start(dir.path(), &[]);
    let screen = Browser::first(&station);
    let new = json!({ "name": "bob", "password": "another long password", "role": "operator" });
    station.admin("POST", "/api/v1/users", Some(&new)).ok();
    let page = screen.page("/boards?begins=x");
    assert!(page.contains("href=\"/switch?to=%2Fboards%3Fbegins%3Dx\""), "{page}");
    let before = screen.cookie();
    let page = screen.page("/switch?to=%2Fboards%3Fbegins%3Dx");
    assert!(page.contains("Here is still <b>ada</b>"), "{page}");
    let to = between(&page, "name=\"to\" value=\"", "\"").unwrap().to_owned();
    // Somebody who can't sign in changes nothing, and neither does a form of another session.
    let wrong = [("to", to.as_str()), ("name", "bob"), ("password", "no")];
    assert!((400..500).contains(&screen.post("/login", &wrong).status));
    assert_eq!(screen.cookie(), before);
    let right = [("to", to.as_str()), ("name", "bob"), ("password", "another long password")];
    let body = form(&[&[("proof", "x")], &right[..]].concat());
    let kind = [("content-type", "application/x-www-form-urlencoded")];
    let foreign = screen.send("POST", "/login", Some(&body), &kind);
    assert_eq!(foreign.status, 403);
    assert!(screen.page("/account").contains("ada"));
    let answer = screen.post("/login", &right);
    assert_eq!(
        (answer.status, answer.header("location")),
        (303, Some("/boards?begins=x")),
        "{}",
        text(&answer)
    );
    assert!(screen.page("/account").contains("bob"));
    // The secret of the session before is good for nothing.
    let late = Browser::with(&station, before);
    assert_eq!(late.get("/account").status, 303);
    let audit = station.admin("GET", "/api/v1/audit", None).ok();
    let ended = audit["items"]
        .as_array()
        .unwrap()
        .iter()
        .any(|one| one["what"] == "session.end" && one["by"] == "ada");
    assert!(ended, "{audit}");
}
