//! Passkeys, as a browser meets them: made, shown alone or behind a password, taken away.

use serde_json::json;

use crate::passkey::{PRESENT, Passkey, VERIFIED, Window};
use crate::station::Station;

const PASSWORD: &str = "correct horse battery";

#[test]
fn a_passkey_signs_in_alone_or_behind_the_password_until_it_is_taken_away() {
    let dir = tempfile::tempdir().unwrap();
    let station = Station::start(dir.path(), &[]);
    let mut ada = Window::first(&station, PASSWORD);
    assert!(ada.get("/account").contains("Your password alone is enough"));
    let mut key = Passkey::new(&station, 1);
    key.counter = 5;
    // Who doesn't show the password adds none.
    assert_eq!(ada.add(&mut key, "blue key", "wrong password").status, 401);
    let answer = ada.add(&mut key, "blue key", PASSWORD);
    assert_eq!(answer.status, 200, "{}", ada.page);
    let codes: Vec<String> =
        ada.page.split("<li><code>").skip(1).map(|rest| rest.split('<').next().unwrap().to_owned()).collect();
    assert_eq!(codes.len(), 10);
    let page = ada.get("/account");
    assert!(page.contains("blue key") && page.contains("10 of 10 codes") && page.contains("in one device"));
    // A second one gives no other codes, and needs another name.
    let mut second = Passkey::new(&station, 2);
    assert_eq!(ada.add(&mut second, "blue key", PASSWORD).status, 409);
    assert_eq!(ada.add(&mut second, "telephone", PASSWORD).status, 303);
    assert!(ada.get("/account").contains("10 of 10 codes"));

    // Alone: it has asked for a PIN.
    let mut other = Window::new(&station);
    assert_eq!(other.sign_in(&mut key), 303, "{}", other.page);
    assert!(other.get("/account").contains("used last: just now") || other.page.contains("used last"));
    assert!(!other.cookie.is_empty());
    // Behind the password it need not.
    key.flags = PRESENT;
    let mut third = Window::new(&station);
    assert_eq!(third.sign_in(&mut key), 401);
    assert!(third.page.contains("hasn&#39;t asked for its PIN") || third.page.contains("asked for its PIN"));
    let (mut third, status) = Window::with_password(&station, "ada", PASSWORD);
    assert!(status == 200 && third.cookie.is_empty());
    let half = third.after("name=\"half\" value=\"");
    let mut fields = key.show(&third.challenge());
    fields.push(("half", half));
    assert_eq!(third.post("/login/code/passkey", fields).status, 303, "{}", third.page);
    assert!(third.get("/account").contains("ada"));
    // Or a code for its loss.
    let (mut lost, _) = Window::with_password(&station, "ada", PASSWORD);
    assert!(lost.page.contains("for the loss of your passkeys"));
    let fields = vec![("half", lost.after("name=\"half\" value=\"")), ("code", codes[0].clone())];
    assert_eq!(lost.post("/login/code", fields).status, 303);
    assert!(lost.get("/account").contains("9 of 10 codes"));
    // Programs too: they have no passkeys.
    let login = |code: Option<&str>| {
        let body = json!({ "name": "ada", "password": PASSWORD, "code": code.unwrap_or("000000") });
        station.call("POST", "/api/v1/login", None, Some(&body)).status
    };
    assert_eq!((login(None), login(Some(&codes[1]))), (401, 200));

    // An administrator sees who has what.
    let users = station.admin("GET", "/api/v1/users", None).ok();
    let user = &users["items"][0];
    assert_eq!(
        (&user["second_factor"], &user["codes"], &user["passkeys"]),
        (&json!(true), &json!(false), &json!(2))
    );
    assert!(ada.get("/users").contains("2 passkeys"));

    // One is taken away, then all.
    key.flags = PRESENT | VERIFIED;
    ada.get("/account");
    let id = crate::station::hex(&key.id);
    let fields = |password: &str| vec![("id", id.clone()), ("password", password.to_owned())];
    assert_eq!(ada.post("/account/passkeys/remove", fields("wrong password")).status, 401);
    assert_eq!(ada.post("/account/passkeys/remove", fields(PASSWORD)).status, 303, "{}", ada.page);
    let mut gone = Window::new(&station);
    assert_eq!(gone.sign_in(&mut key), 401);
    assert!(gone.page.contains("known here") && gone.cookie.is_empty(), "{}", gone.page);
    assert_eq!(gone.sign_in(&mut second), 303, "{}", gone.page);
    let user = station.admin("PATCH", "/api/v1/users/ada", Some(&json!({ "second_factor": false }))).ok();
    assert_eq!((&user["second_factor"], &user["passkeys"]), (&json!(false), &json!(0)));
    assert_eq!(Window::new(&station).sign_in(&mut second), 401);
    assert_eq!(Window::with_password(&station, "ada", PASSWORD).1, 303);
    let audit = station.admin("GET", "/api/v1/audit", None).ok().to_string();
    for what in ["account.passkey\"", "account.passkey-removed", "user.second-factor-removed"] {
        assert!(audit.contains(what), "{what}: {audit}");
    }
}

#[test]
fn pages_say_why_there_are_no_passkeys_where_they_can_t_work() {
    let dir = tempfile::tempdir().unwrap();
    let station = Station::start(dir.path(), &[]);
    let mut ada = Window::first(&station, PASSWORD);
    let mut key = Passkey::new(&station, 1);
    assert_eq!(ada.add(&mut key, "key", PASSWORD).status, 200);
    for (host, why) in [("127.0.0.1", "asked for by an address"), ("station", "this page came without")] {
        let mut window = Window::new(&station);
        window.host = host.to_owned();
        assert!(window.get("/login").contains(why) && !window.page.contains("data-passkey"), "{host}");
        ada.host = host.to_owned();
        assert!(ada.get("/account").contains(why), "{}", ada.page);
        assert!(ada.get("/account/passkeys/add").contains(why));
        // The code for its loss is asked for, and why the passkey isn't.
        let fields = vec![("name", "ada".into()), ("password", PASSWORD.into())];
        assert_eq!(window.post("/login", fields).status, 200);
        assert!(window.page.contains("Your passkey isn") && window.page.contains(why), "{}", window.page);
    }
}

#[test]
fn the_next_operator_at_a_shared_screen_may_show_a_passkey() {
    let dir = tempfile::tempdir().unwrap();
    let station = Station::start(dir.path(), &[]);
    let mut ada = Window::first(&station, PASSWORD);
    let mut key = Passkey::new(&station, 1);
    assert_eq!(ada.add(&mut key, "key", PASSWORD).status, 200, "{}", ada.page);
    let bob = json!({ "name": "bob", "password": PASSWORD, "role": "operator" });
    station.admin("POST", "/api/v1/users", Some(&bob)).ok();
    let (mut screen, status) = Window::with_password(&station, "bob", PASSWORD);
    assert_eq!(status, 303);
    let before = screen.cookie.clone();
    screen.get("/switch?to=%2Fboards");
    // A page that stood for long asks anew where there is a question for who is signed in.
    assert!(screen.page.contains("data-fresh=\"/switch\""), "{}", screen.page);
    let mut fields = key.show(&screen.challenge());
    fields.push(("to", "/boards".to_owned()));
    // From a page that isn't of this session nobody is changed, and neither by a passkey that nobody knows.
    let mut foreign = Window::new(&station);
    foreign.cookie.clone_from(&before);
    assert_eq!(foreign.post("/login/passkey", fields.clone()).status, 403);
    let mut stranger = Passkey::new(&station, 9);
    let wrong = stranger.show(&screen.challenge());
    assert_eq!(screen.post("/login/passkey", wrong).status, 401);
    assert_eq!(screen.cookie, before);
    screen.get("/switch?to=%2Fboards");
    let mut fields = key.show(&screen.challenge());
    fields.push(("to", "/boards".to_owned()));
    let answer = screen.post("/login/passkey", fields);
    assert_eq!((answer.status, answer.header("location")), (303, Some("/boards")), "{}", screen.page);
    assert!(screen.get("/account").contains("ada") && screen.cookie != before);
    // The session before is over.
    let late = crate::browser::Browser::with(&station, before);
    assert_eq!(late.get("/account").status, 303);
}
