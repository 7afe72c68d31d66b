//! Somebody shows passkeys that aren't theirs, that were shown before, or that were made for another page.

use serde_json::json;

use crate::passkey::{PRESENT, Passkey, VERIFIED, Window};
use crate::station::Station;

const PASSWORD: &str = "correct horse battery";

/// A station whose first user has a passkey that counts.
fn station(dir: &std::path::Path) -> (Station, Passkey) {
    let station = Station::start(dir, &[]);
    let mut ada = Window::first(&station, PASSWORD);
    let mut key = Passkey::new(&station, 1);
    key.counter = 10;
    assert_eq!(ada.add(&mut key, "key", PASSWORD).status, 200, "{}", ada.page);
    (station, key)
}

#[test]
fn a_passkey_of_another_page_another_user_or_another_time_lets_nobody_in() {
    let dir = tempfile::tempdir().unwrap();
    let (station, mut key) = station(dir.path());
    let mut eve = Window::new(&station);
    // Another origin, another site, nobody there.
    let right = key.origin.clone();
    for origin in ["https://localhost", "http://localhost", "http://evil.example", "null"] {
        key.origin = origin.to_owned();
        assert_eq!(eve.sign_in(&mut key), 401, "{origin}");
    }
    key.origin = right;
    key.host = "evil.example".to_owned();
    assert_eq!(eve.sign_in(&mut key), 401);
    key.host = "localhost".to_owned();
    key.flags = VERIFIED;
    assert_eq!(eve.sign_in(&mut key), 401);
    key.flags = PRESENT | VERIFIED;
    drop(station);

    // Each address may be wrong so often: the rest has a station of its own.
    let station = Station::start(dir.path(), &[]);
    key.origin = format!("http://localhost:{}", station.address.port());
    let mut eve = Window::new(&station);
    eve.get("/login");
    // A question that was answered, of another form, of nobody.
    let shown = key.show(&eve.challenge());
    assert_eq!(eve.post("/login/passkey", shown.clone()).status, 303, "{}", eve.page);
    let mut replayed = Window::new(&station);
    replayed.get("/login");
    assert_eq!(replayed.post("/login/passkey", shown).status, 401);
    assert!(replayed.page.contains("was answered already"), "{}", replayed.page);
    let made_up = key.show(&"00".repeat(56));
    assert_eq!(replayed.post("/login/passkey", made_up).status, 401);
    let (mut half, _) = Window::with_password(&station, "ada", PASSWORD);
    let of_half = key.show(&half.challenge());
    assert_eq!(replayed.post("/login/passkey", of_half).status, 401);
    // A user of another name in the passkey.
    key.user = "00".repeat(32);
    assert_eq!(replayed.sign_in(&mut key), 401);
    key.user.clear();
    // Somebody else's passkey behind a password.
    let new = json!({ "name": "bob", "role": "viewer", "password": PASSWORD });
    station.admin("POST", "/api/v1/users", Some(&new)).ok();
    let (mut bob, status) = Window::with_password(&station, "bob", PASSWORD);
    assert_eq!(status, 303);
    let mut bobs = Passkey::new(&station, 2);
    assert_eq!(bob.add(&mut bobs, "his", PASSWORD).status, 200, "{}", bob.page);
    let mut fields = bobs.show(&half.challenge());
    fields.push(("half", half.after("name=\"half\" value=\"")));
    assert_eq!(half.post("/login/code/passkey", fields).status, 401);
    assert!(half.cookie.is_empty());
    // One that calls itself as another one does can't be added.
    let mut twin = Passkey::new(&station, 1);
    assert_eq!(bob.add(&mut twin, "twin", PASSWORD).status, 409, "{}", bob.page);
    // Nor can one that was made in another session, or signed for another page.
    bob.get("/account/passkeys/add");
    let (mut again, _) = (Window::new(&station), ());
    assert_eq!(again.sign_in(&mut bobs), 303, "{}", again.page);
    let mut fields = Passkey::new(&station, 3).make(&bob.challenge());
    fields.extend([("name", "third".to_owned()), ("password", PASSWORD.to_owned())]);
    again.get("/account");
    assert_eq!(again.post("/account/passkeys/add", fields).status, 401, "{}", again.page);
}

#[test]
fn a_copy_that_counts_backwards_is_refused_and_written_down_and_who_is_disabled_stays_out() {
    let dir = tempfile::tempdir().unwrap();
    let (station, mut key) = station(dir.path());
    let mut ada = Window::new(&station);
    assert_eq!(ada.sign_in(&mut key), 303, "{}", ada.page);
    for counter in [3, 10, 0] {
        // It counts once more when it is shown.
        key.counter = counter;
        let mut copy = Window::new(&station);
        assert_eq!(copy.sign_in(&mut key), 401, "{counter}");
        assert!(copy.page.contains("counts backwards") && copy.cookie.is_empty(), "{}", copy.page);
    }
    let audit = station.admin("GET", "/api/v1/audit", None).ok().to_string();
    assert_eq!(audit.matches("account.passkey-copied").count(), 3, "{audit}");
    key.counter = 100;
    assert_eq!(Window::new(&station).sign_in(&mut key), 303);
    let new = json!({ "name": "root", "role": "admin", "password": PASSWORD });
    station.admin("POST", "/api/v1/users", Some(&new)).ok();
    station.admin("PATCH", "/api/v1/users/ada", Some(&json!({ "disabled": true }))).ok();
    let mut out = Window::new(&station);
    assert_eq!(out.sign_in(&mut key), 401);
    assert!(out.cookie.is_empty());
}

#[test]
fn passkeys_can_t_be_tried_without_end_and_what_is_no_answer_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (station, _) = station(dir.path());
    let mut eve = Window::new(&station);
    let fields = |data: &str| {
        let text = |text: &str| text.to_owned();
        let challenge = ("challenge", "00".repeat(56));
        vec![
            challenge,
            ("client", text("7b7d")),
            ("data", text(data)),
            ("id", text("01")),
            ("user", text("")),
        ]
    };
    for data in ["zz", "0", "ABCD", &"00".repeat(20_000)] {
        assert_eq!(eve.post("/login/passkey", fields(data)).status, 422, "{data:.9}");
    }
    let statuses: Vec<_> = (0..14).map(|_| eve.post("/login/passkey", fields("00")).status).collect();
    assert!(statuses[..9].iter().all(|status| *status == 401) && statuses.contains(&429), "{statuses:?}");
}
