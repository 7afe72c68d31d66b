//! By keyboard alone.

use serde_json::json;
use thirtyfour::Key;

use crate::agents::Agent;
use crate::browser::{Browser, PASSWORD, run};
use crate::station::Station;

#[test]
fn from_the_door_over_a_deploy_that_fails_to_seen_by_keyboard_alone() {
    let dir = tempfile::tempdir().unwrap();
    let station = Station::start(dir.path(), &["--enrol", "open"]);
    station.put("/api/v1/images/gateway.img", &[7; 2 << 20]).ok();
    let user = json!({"name": "otto", "role": "operator", "password": PASSWORD});
    station.admin("POST", "/api/v1/users", Some(&user)).ok();
    let _agent = Agent::start(&station, dir.path(), 1, 1 << 20);
    run(async {
        let browser = Browser::at(&station).await;
        browser.go("/login").await;
        browser.press("otto").await;
        browser.press(Key::Tab).await;
        browser.press(PASSWORD).await;
        browser.press(Key::Enter).await;
        browser.until("the floor", "location.pathname === '/'").await;
        browser.until("the board", "document.querySelector('input[name=board]')").await;
        // The menu needn't be gone through.
        browser.press(Key::Tab).await;
        assert_eq!(browser.script("return document.activeElement.className").await, "skip");
        browser.press(Key::Enter).await;
        browser.tab_to("input[name=board]").await;
        browser.press(" ").await;
        browser.until_says("1 board:").await;
        browser.tab_to(".toolbar .deploy").await;
        browser.press(Key::Enter).await;
        browser.until_says("Erase 1 disk and deploy").await;
        browser.tab_to("button.main").await;
        browser.press(Key::Enter).await;
        browser.until_says("and gateway.img has 2 MiB.").await;
        browser.tab_to("input[name=anyway]").await;
        browser.press(" ").await;
        browser.tab_to("button.main").await;
        browser.press(Key::Enter).await;
        browser.until("it failed", "document.querySelector('.card.alarmed .why')").await;
        browser.tab_to(".card.alarmed button[formaction$='/seen']").await;
        // Where the focus is can be seen.
        let outline = "return getComputedStyle(document.activeElement).outlineStyle";
        assert_ne!(browser.script(outline).await, "none");
        browser.press(Key::Enter).await;
        browser.until("it was seen", "!document.querySelector('.card.alarmed')").await;
        browser.close().await;
    });
}
