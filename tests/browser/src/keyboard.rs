//! By keyboard alone.

use serde_json::json;
use thirtyfour::Key;

use crate::agents::Agent;
use crate::browser::{Browser, PASSWORD, run};
use crate::small_image::IMAGE;
use crate::station::Station;

/// Goes to an element with Tab, and presses Enter on it.
async fn enter(browser: &Browser, selector: &str) {
    browser.tab_to(selector).await;
    browser.press(Key::Enter).await;
}

#[test]
fn from_the_door_over_a_deploy_that_fails_to_a_file_of_a_backup_by_keyboard_alone() {
    let dir = tempfile::tempdir().unwrap();
    let station = Station::start(dir.path(), &["--enrol", "open"]);
    station.put("/api/v1/images/gateway.img", &IMAGE).ok();
    let user = json!({"name": "otto", "role": "operator", "password": PASSWORD});
    station.admin("POST", "/api/v1/users", Some(&user)).ok();
    let small = Agent::start(&station, dir.path(), 1, 1 << 20);
    let other = Agent::start(&station, dir.path(), 2, 32 << 20);
    run(async {
        let browser = Browser::at(&station).await;
        browser.go("/login").await;
        browser.press("otto").await;
        browser.press(Key::Tab).await;
        browser.press(PASSWORD).await;
        browser.press(Key::Enter).await;
        browser.until("the floor", "location.pathname === '/'").await;
        browser.until("the boards", "document.querySelectorAll('input[name=board]').length === 2").await;
        // The menu needn't be gone through.
        browser.press(Key::Tab).await;
        assert_eq!(browser.script("return document.activeElement.className").await, "skip");
        browser.press(Key::Enter).await;
        browser.tab_to("[aria-label='Select 000000a1']").await;
        browser.press(" ").await;
        browser.until_says("1 board:").await;
        enter(&browser, ".toolbar .deploy").await;
        browser.until_says("Erase 1 disk and deploy").await;
        enter(&browser, "button.main").await;
        browser.until_says("and gateway.img has 26 MiB.").await;
        browser.tab_to("input[name=anyway]").await;
        browser.press(" ").await;
        enter(&browser, "button.main").await;
        browser.until("it failed", "document.querySelector('.card.alarmed .why')").await;
        browser.tab_to(".card.alarmed button[formaction$='/seen']").await;
        // Where the focus is can be seen.
        let outline = "return getComputedStyle(document.activeElement).outlineStyle";
        assert_ne!(browser.script(outline).await, "none");
        browser.press(Key::Enter).await;
        browser.until("it was seen", "!document.querySelector('.card.alarmed')").await;
        // Into its run, and once more from there.
        enter(&browser, ".card.bad .line a").await;
        browser.until_says("What next:").await;
        enter(&browser, "#head form[action$='/again'] button").await;
        browser.until("its page", "location.pathname.startsWith('/boards/')").await;
        browser.until("two runs", "document.querySelectorAll('#runs tr.bad').length === 2").await;
        // The other one is written, and backed up.
        enter(&browser, "nav a[href='/']").await;
        browser.tab_to("[aria-label='Select 000000a2']").await;
        browser.press(" ").await;
        enter(&browser, ".toolbar .deploy").await;
        browser.until_says("Erase 1 disk and deploy").await;
        browser.tab_to("select[name=end]").await;
        browser.press("w").await;
        enter(&browser, "button.main").await;
        browser.until_says("Done, verified").await;
        assert!(other.disk()[..IMAGE.len()] == IMAGE[..]);
        browser.tab_to("[aria-label='Select 000000a2']").await;
        browser.press(" ").await;
        browser.until_says("1 board:").await;
        enter(&browser, ".toolbar button[formaction='/selected/backup']").await;
        browser.until("the backup", "document.querySelector('.card.ok')?.innerText.includes('Backup')").await;
        // A file of it.
        enter(&browser, "nav a[href='/backups']").await;
        enter(&browser, ".shelf a").await;
        browser.until_says("Where it comes from").await;
        enter(&browser, "a[href*='files?part=2']").await;
        enter(&browser, "a[href$='at=%2Fetc'], a[href$='at=etc']").await;
        browser.until_says("os-release").await;
        browser.tab_to("a[href*='os-release']").await;
        drop(small);
        browser.close().await;
    });
}
