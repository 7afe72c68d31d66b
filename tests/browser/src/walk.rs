//! What an operator does in a week, from the first image on.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::agents::Agent;
use crate::browser::{Browser, run};
use crate::small_image::IMAGE;
use crate::station::Station;

/// The record of a run of last week, as another command has left it; the day.
fn last_week(dir: &Path) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let days = i64::try_from(now / 86400).unwrap() - 7;
    // Days since 0000-03-01, as in Howard Hinnant's "chrono-compatible low-level date algorithms".
    let z = days + 719_468;
    let (era, of_era) = (z / 146_097, z % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, early) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let date = format!("{}-{month:02}-{day:02}", year + era * 400 + early);
    let record = json!({
        "schema": 2, "run": "bc9ab265710b", "way": "net-boot", "board": {"mac": "dc:a6:32:01:02:44"},
        "started": format!("{date}T01:36:06.655Z"), "seconds": 12.302, "stage": "address",
        "outcome": "failed", "why": "it asks for no file <i>", "last_seen": "DISCOVER → OFFER",
        "hint": "does a firewall let UDP port 69 through?", "kind": "unavailable", "piprov": "0.1.0",
    });
    let runs = dir.join("runs");
    std::fs::create_dir_all(&runs).unwrap();
    std::fs::write(runs.join("20200101T013606Z-dc-bc9ab265710b.json"), record.to_string()).unwrap();
    date
}

/// The line gets stuck after two pieces.
const STUCK: &str = "const real = fetch; let pieces = 0; window.fetch = (path, options) =>
    path.includes('/piece') && ++pieces > 2 ? new Promise(() => {}) : real(path, options)";

/// How many jobs of the station have ended well.
fn done(station: &Station) -> usize {
    let jobs = station.admin("GET", "/api/v1/jobs", None).ok();
    // A board that is to start from its disk has told its proof; that it starts isn't seen here.
    let done = |job: &&Value| job["state"] == "done" || job["state"] == "finishing";
    jobs["items"].as_array().unwrap().iter().filter(done).count()
}

/// Waits until so many have.
async fn until_done(station: &Station, count: usize) {
    for _ in 0..800 {
        if done(station) == count {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{}", station.admin("GET", "/api/v1/jobs", None).ok());
}

/// Says yes to what is asked before disks are erased; the board stays with the station.
async fn deploy(browser: &Browser, image: &str, says: &str) {
    browser.click(".toolbar .deploy").await;
    browser.until("the question", "document.querySelector('select[name=what]')").await;
    let image = serde_json::to_string(&format!("image:{image}")).unwrap();
    browser.script(&format!("document.querySelector('select[name=what]').value = {image}")).await;
    browser.script("document.querySelector('select[name=end]').value = 'wait'").await;
    browser.click("button.main").await;
    browser.until_says(says).await;
}

#[test]
fn an_operator_uploads_deploys_finds_out_why_tries_again_backs_up_and_restores() {
    let dir = tempfile::tempdir().unwrap();
    let day = last_week(dir.path());
    let station = Station::start(dir.path(), &["--enrol", "open"]);
    let file = dir.path().join("gateway.img");
    std::fs::write(&file, &*IMAGE).unwrap();
    run(async {
        let browser = Browser::begin(&station).await;
        // The page is loaded anew in the middle of an upload; the same file goes on where it was.
        browser.go("/images/add").await;
        browser.script(STUCK).await;
        browser.choose("input[name=file]", &file).await;
        browser.click("form[data-upload] button.main").await;
        browser
            .until("a part came", "parseInt(document.querySelector('#upload-going span').textContent) > 0")
            .await;
        browser.go("/images/add").await;
        browser.until_says("These wait for their files.").await;
        let waits = browser.text("[data-waits]").await;
        assert!(waits.contains("gateway.img") && !waits.contains(" 0 "), "{waits}");
        browser.choose("input[name=file]", &file).await;
        browser.click("form[data-upload] button.main").await;
        browser.until("all of it came", "location.pathname === '/images'").await;
        browser.until_says("MBR: FAT 8 MiB, ext4 16 MiB").await;
        browser.shot("images").await;

        // Two boards at once, watched until what was read back is equal.
        let first = Agent::start(&station, dir.path(), 1, 40 << 20);
        let mut second = Agent::worn(&station, dir.path(), 2, 40 << 20, 12 << 20);
        browser.go("/").await;
        browser.until("both are there", "document.querySelectorAll('input[name=board]').length === 2").await;
        browser.pick("000000a").await;
        browser.until_says("2 boards:").await;
        deploy(&browser, "gateway", "2 boards are being deployed.").await;
        browser.until_says("Done, verified").await;
        browser.until("the other failed", "document.querySelector('.card.alarmed .why')").await;
        assert_eq!(first.disk()[..IMAGE.len()], IMAGE[..]);

        // On a telephone, in the dark: what, where and what next; why, on the run's page.
        browser.window(390, 844, true).await;
        let card = browser.text(".card.alarmed").await;
        assert!(card.contains("Failed") && card.contains("disk2"), "{card}");
        browser.shot("failure-390-dark").await;
        browser.click(".card.alarmed a[href^='/runs/']").await;
        browser.until("the run", "document.getElementById('why')").await;
        let why = browser.text("#why").await;
        assert!(why.contains("disk2") && why.contains("What next:"), "{why}");
        assert!(browser.text("#proof").await.to_lowercase().contains("not"), "nothing is said to be proved");
        assert!(browser.sideways().await <= 0);
        browser.shot("run-390-dark").await;

        // Once its disk is whole it is tried again.
        second.again();
        browser.go("/").await;
        browser.click(".card.alarmed button[formaction$='/again']").await;
        until_done(&station, 2).await;
        browser
            .until(
                "both are done",
                "[...document.querySelectorAll('.card')].every(card => card.innerText.includes('Done, verified'))",
            )
            .await;
        assert_eq!(second.disk()[..IMAGE.len()], IMAGE[..]);

        // A backup, and what is in it.
        browser.window(1360, 900, false).await;
        browser.pick("0000a1").await;
        browser.click("button[formaction='/selected/backup']").await;
        browser.until_says("1 board is being backed up.").await;
        until_done(&station, 3).await;
        browser.go("/backups").await;
        browser.until_says("MBR: FAT 8 MiB, ext4 16 MiB").await;
        browser.shot("backups").await;
        let name = browser.text("table.shelf a b").await;
        browser.click("table.shelf a").await;
        browser.until_says("Restore onto its board…").await;
        browser.click("a[href*='files?part=2']").await;
        browser.until_says("<img src=x onerror=alert(1)>").await;
        browser.click("a[href$='at=etc']").await;
        browser.until("the file", "document.querySelector(\"a[href*='os-release']\")").await;
        let file = browser
            .later(
                "fetch(document.querySelector(\"a[href*='os-release']\").href).then(answer => answer.text())",
            )
            .await;
        assert_eq!(file, "PRETTY_NAME=\"<b>Debian</b> 13\"\n");

        // It comes back onto the other board.
        second.spoil();
        browser.go("/").await;
        browser.pick("0000a2").await;
        deploy(&browser, &name, "1 board is being deployed.").await;
        until_done(&station, 4).await;
        browser.until_says("Done, verified").await;
        assert!(second.disk() == first.disk(), "the other board has what the first one had");

        // A run of last week.
        browser.go(&format!("/runs?from={day}&to={day}")).await;
        assert_eq!(browser.count("tbody tr").await, 1);
        browser.go("/runs").await;
        browser.fill("input[name=why]", "asks for no FILE").await;
        browser.until("it is found", "document.querySelectorAll('tbody tr').length === 1").await;
        assert!(browser.script("return location.search").await.as_str().unwrap().contains("why=asks"));
        browser.click("tbody a").await;
        browser.until_says("DISCOVER → OFFER").await;
        browser.shot("run").await;
        browser.close().await;
    });
}
