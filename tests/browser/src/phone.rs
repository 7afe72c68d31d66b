//! The main actions on a telephone.

use crate::agents::{Agent, Line};
use crate::browser::{Browser, run};
use crate::faulty::{Fault, Faulty};
use crate::images::image;
use crate::look::{Window, is_fine};
use crate::station::Station;

const PHONE: [Window; 2] = [(390, 844, false, true), (390, 844, true, true)];

#[test]
fn on_a_narrow_telephone_the_whole_menu_can_be_reached_without_a_script() {
    let dir = tempfile::tempdir().unwrap();
    let station = Station::start(dir.path(), &[]);
    run(async {
        let browser = Browser::begin(&station).await;
        browser.window(360, 740, true).await;
        let seen = "return [...document.querySelectorAll('nav a[href], nav button')].filter(one => {
            const box = one.getBoundingClientRect();
            return one.checkVisibility() && box.height > 0 && box.left >= 0 && box.right <= innerWidth && box.bottom <= innerHeight;
        }).map(one => one.getAttribute('href') || one.textContent)";
        let before = browser.script(seen).await;
        assert!(!before.to_string().contains("\"/images\""), "{before}");
        browser.click("nav .menu summary").await;
        let open = browser.script(seen).await.to_string();
        for path in [
            "/",
            "/boards",
            "/runs",
            "/statistics",
            "/images",
            "/backups",
            "/projects",
            "/rules",
            "/network",
            "/users",
            "/hooks",
            "/audit",
            "/settings",
            "/help",
            "/account",
        ] {
            assert!(open.contains(&format!("\"{path}\"")), "{path}: {open}");
        }
        assert!(open.contains("Sign out"), "{open}");
        is_fine(&browser, "phone-menu", &[(360, 740, false, true), (360, 740, true, true)]).await;
        browser.close().await;
    });
}

#[test]
fn on_a_telephone_a_board_is_deployed_watched_fails_and_is_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    let station = Station::start(dir.path(), &["--enrol", "open"]);
    let image = image(22);
    station.put("/api/v1/images/gateway-2.4.img", &image).ok();
    let line = Line::of(&station, 2);
    run(async {
        let browser = Browser::begin(&station).await;
        let [(width, height, ..), _] = PHONE;
        browser.window(width, height, true).await;
        let first = Agent::behind(&line, dir.path(), 1, 64 << 20);
        // A card that gives back something else.
        let worn = Faulty::new(vec![0; 64 << 20], &[Fault::Flips(30 << 20)]);
        let _second = Agent::worn(&station, dir.path(), 2, &worn);
        browser.until("both are there", "document.querySelectorAll('input[name=board]').length === 2").await;
        browser.click("[aria-label='Select 000000a1']").await;
        browser.click("[aria-label='Select 000000a2']").await;
        browser.until_says("2 boards:").await;
        is_fine(&browser, "phone-floor", &PHONE).await;
        // What is for fingers is as large as a finger needs it.
        let small = "return [...document.querySelectorAll('main button, main a.button, main input[type=checkbox]')].filter(
            one => one.offsetParent && one.getBoundingClientRect().height < 24).map(one => one.outerHTML)";
        assert_eq!(browser.script(small).await, serde_json::json!([]));
        browser.push("Deploy…").await;
        browser.until_says("64 MiB (loop").await;
        is_fine(&browser, "phone-deploy", &PHONE).await;
        browser.push("Erase 2 disks and deploy").await;
        browser.until_says("2 boards are being deployed.").await;
        browser.until("it failed", "document.querySelector('.card.alarmed .why')").await;
        browser.until("the other goes on", "document.querySelector('.card.run .nums strong')").await;
        is_fine(&browser, "phone-progress-and-failed", &PHONE).await;
        let why = browser.text(".card.alarmed").await;
        assert!(why.contains("Reading back") && why.contains("Try once more"), "{why}");
        worn.set(&[]);
        browser.click("[aria-label='Try again 000000a2']").await;
        line.open();
        browser.until("both are done", "document.querySelectorAll('.card.ok').length === 2").await;
        is_fine(&browser, "phone-done", &PHONE).await;
        for disk in [first.disk(), worn.bytes()] {
            assert!(disk[..image.len()] == image);
        }
        // Nothing of a run or an image lies out of sight.
        let beside = "return [...document.querySelectorAll('.scroll')].filter(one => one.scrollWidth > one.clientWidth + 1).length";
        for (path, name) in [("/runs", "phone-runs"), ("/images", "phone-images")] {
            browser.go(path).await;
            browser.until("there is a row", "document.querySelector('.stack tbody tr')").await;
            assert_eq!(browser.script(beside).await, serde_json::json!(0), "{path}");
            is_fine(&browser, name, &PHONE).await;
        }
        browser.close().await;
    });
}
