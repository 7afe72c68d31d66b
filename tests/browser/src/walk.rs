//! The whole walk of an operator, step by step; each step says what a person reads.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::agents::{Agent, Line};
use crate::browser::{Browser, PASSWORD, run};
use crate::cards::{card, key, labelled, until_card_says};
use crate::faulty::{Fault, Faulty};
use crate::images::image;
use crate::look::{Window, is_fine};
use crate::past;
use crate::station::Station;

/// Light and dark.
const WIDE: [Window; 2] = [(1360, 900, true, true), (1360, 900, false, true)];
/// The disk of each board.
const DISK: u64 = 64 << 20;

/// A file within an image's second partition, as e2fsprogs reads it.
fn inside(dir: &Path, disk: &[u8], name: &str) -> Vec<u8> {
    let (part, out) = (dir.join("part"), dir.join("out"));
    std::fs::write(&part, &disk[9 << 20..25 << 20]).unwrap();
    let dump = format!("dump {name} {}", out.display());
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap());
    let done = Command::new("debugfs").env("PATH", path).args(["-R", &dump]).arg(&part).output();
    assert!(done.expect("debugfs is missing: tools/install-packages test").status.success());
    std::fs::read(out).unwrap()
}

/// An empty station says what to do first; a file is chosen, sent and looked at.
async fn an_image_comes(browser: &Browser, file: &Path) {
    browser.until_says("Set up this station").await;
    is_fine(browser, "walk-first", &WIDE).await;
    browser.follow("Images").await;
    browser.until_says("The station has no image yet.").await;
    browser.follow("Add an image").await;
    browser.choose("input[name=file]", file).await;
    browser.click("#upload button.main").await;
    browser.until("the list of images", "location.pathname === '/images'").await;
    browser.until_says("whole when it came").await;
    browser.follow("gateway-2.4").await;
    browser.until_says("Which boards start from it, and why").await;
    browser.until_says("CM4").await;
    is_fine(browser, "walk-image", &WIDE).await;
}

/// Boards come by themselves, and wait for a person.
async fn boards_are_let_in(browser: &Browser, boards: &[&str]) {
    browser.follow("Floor").await;
    for board in boards {
        until_card_says(browser, board, "Waiting for you").await;
        until_card_says(browser, board, "Nothing on it was read or changed.").await;
    }
    is_fine(browser, "walk-waiting", &WIDE).await;
    for board in boards {
        browser.click(&labelled(&format!("Let in {board}"))).await;
        browser.until_says("is let in.").await;
        until_card_says(browser, board, "No rule matches it.").await;
    }
}

/// Two boards are chosen, and the page says what is lost.
async fn two_are_deployed(browser: &Browser) {
    browser.until_says("Select boards:").await;
    browser.click(&labelled("Select 000000a1")).await;
    browser.until_says("1 board:").await;
    browser.click(&labelled("Select 000000a2")).await;
    browser.until_says("2 boards:").await;
    browser.push("Deploy…").await;
    browser.until_says("All of its file 64 MiB (disk1) is erased.").await;
    browser.until_says("64 MiB (loop").await;
    is_fine(browser, "walk-deploy", &WIDE).await;
    browser.push("Erase 2 disks and deploy").await;
    browser.until_says("2 boards are being deployed.").await;
}

/// One goes on under the eyes of the operator: its segments, percent, rate and time.
async fn one_is_watched(browser: &Browser, line: &Line) {
    until_card_says(browser, "000000a1", "Writing").await;
    let of = card("000000a1");
    let percent = format!("parseInt({of}.querySelector('.nums strong')?.innerText)");
    browser.until("some of it is written", &format!("{percent} > 0")).await;
    let before = browser.script(&format!("return {percent}")).await.as_u64().unwrap();
    line.more(3);
    browser.until("more is written", &format!("{percent} > {before}")).await;
    let told =
        format!("/^\\d+\\s%\\s.+\\/s\\s+\\d+:\\d\\d left$/s.test({of}.querySelector('.nums').innerText)");
    browser.until("percent, rate and time", &told).await;
    // Seen and booted; the third segment is as long as what is written.
    let bars = format!(
        "return [...{of}.querySelectorAll('rect:not(.ground)')].map(one => +one.getAttribute('width'))"
    );
    let bars: Vec<f64> = serde_json::from_value(browser.script(&bars).await).unwrap();
    assert!(bars[0] > 10.0 && bars[1] > 14.0 && bars[2] > 1.0 && bars[2] < 45.0, "{bars:?}");
    assert_eq!(bars[3..], [0.0, 0.0]);
    let label = format!("return {of}.querySelector('svg.steps').getAttribute('aria-label')");
    assert!(browser.script(&label).await.as_str().unwrap().starts_with("Writing, "));
    is_fine(browser, "walk-progress", &WIDE).await;
    line.open();
    until_card_says(browser, "000000a1", "Done, verified").await;
}

/// The other fails: what, where and what next. It is seen, looked into, and done once more.
async fn one_fails_and_is_tried_again(browser: &Browser, worn: &Faulty) {
    browser.until("it failed", "document.querySelector('.card.alarmed .why')").await;
    let said = browser.text(".card.alarmed").await;
    for part in ["000000a2", "Failed", "Writing", "Try once more; twice at the same place means a bad disk."]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
    is_fine(browser, "walk-failed", &WIDE).await;
    let help =
        browser.script("return document.querySelector('.card.alarmed .next a').getAttribute('href')").await;
    browser.go(help.as_str().unwrap()).await;
    assert_eq!(browser.text(":target").await, "Failed while writing");
    browser.go("/").await;
    browser.click(&labelled("Seen 000000a2")).await;
    browser.until("it was seen", "!document.querySelector('.card.alarmed')").await;
    browser.until("the title", "!document.title.startsWith('(')").await;
    // It is still said that it failed, and its run has the rest.
    until_card_says(browser, "000000a2", "Failed").await;
    browser.click(&format!("#{} .line a", key(browser, "000000a2").await)).await;
    browser.until_says("What next:").await;
    browser.until_says("Nothing is proved").await;
    is_fine(browser, "walk-run-failed", &WIDE).await;
    worn.set(&[]);
    browser.push("Try again").await;
    browser.until("its page", "location.pathname.startsWith('/boards/')").await;
    browser.until_says("Done, verified").await;
}

/// A board is backed up; its backup's name.
async fn one_is_backed_up(browser: &Browser, agent: &mut Agent) -> String {
    agent.again();
    browser.follow("Boards").await;
    browser.fill(".find input", "10000000000000a1").await;
    browser.press(thirtyfour::Key::Enter).await;
    browser.until("its page", "location.pathname.startsWith('/boards/')").await;
    browser.until_says("Reads the file 64 MiB (disk1) into the station.").await;
    browser.push("Back up").await;
    browser.until_says("1 board is being backed up.").await;
    let done = "[...document.querySelectorAll('#runs tr')].some(
        row => row.innerText.includes('Backup') && row.innerText.includes('Done, verified'))";
    browser.until("the backup is done", done).await;
    is_fine(browser, "walk-board", &WIDE).await;
    browser.follow("Backups").await;
    browser.until_says("verified: ").await;
    is_fine(browser, "walk-backups", &WIDE).await;
    let name = browser.text(".shelf b").await;
    browser.follow(&name).await;
    name
}

/// What is in the backup is looked at, and files of it are saved.
async fn files_are_browsed(browser: &Browser, saved: &Path, disk: &[u8]) {
    browser.until_says("Where it comes from").await;
    is_fine(browser, "walk-backup", &WIDE).await;
    browser.click("a[href*='files?part=2']").await;
    browser.until_says("For reading only: nothing here changes the image.").await;
    // Names are shown, never run.
    browser.until_says("<img src=x onerror=alert(1)>").await;
    is_fine(browser, "walk-files", &WIDE).await;
    browser.follow("noise").await;
    assert!(browser.saved(&saved.join("noise")).await == inside(saved, disk, "/noise"));
    browser.follow("etc").await;
    browser.until_says("/etc/shadow").await;
    browser.follow("os-release").await;
    assert_eq!(browser.saved(&saved.join("os-release")).await, b"PRETTY_NAME=\"<b>Debian</b> 13\"\n");
}

/// The backup goes onto another board.
async fn it_is_restored(browser: &Browser, backup: &str) {
    browser.follow("Floor").await;
    browser.click(&labelled("Select 000000a3")).await;
    browser.push("Deploy…").await;
    browser.until_says("All of its file 64 MiB (disk3) is erased.").await;
    browser.click(&format!("select[name=what] option[value='image:{backup}']")).await;
    browser.push("Erase 1 disk and deploy").await;
    until_card_says(browser, "000000a3", "Done, verified").await;
}

/// A run of last week is looked for by its day.
async fn last_week_is_found(browser: &Browser, day: &str) {
    browser.follow("Runs").await;
    browser.until_says("lab-09").await;
    let rows = "document.querySelectorAll('#list tbody tr').length";
    browser.until("all of them", &format!("{rows} === 6")).await;
    is_fine(browser, "walk-runs", &WIDE).await;
    for name in ["from", "to"] {
        let put = format!(
            "const field = document.querySelector('input[name={name}]'); field.value = '{day}';
             field.dispatchEvent(new Event('input', {{bubbles: true}}));"
        );
        browser.script(&put).await;
    }
    browser.until("that one alone", &format!("{rows} === 1 && location.search.includes('from={day}')")).await;
    browser.click("#list tbody a").await;
    browser.until_says("gateway-2.3.img.xz").await;
    browser.until_says("lab-09").await;
    is_fine(browser, "walk-last-week", &WIDE).await;
}

/// A viewer comes by a link, sees all of it, and can't deploy.
async fn a_viewer_only_looks(browser: &Browser, station: &Station) {
    browser.follow("Users and tokens").await;
    browser.click("form[action='/users/invite'] option[value=viewer]").await;
    browser.push("Make a link").await;
    let link = browser.until_there("code.secret").await;
    browser.push("Sign out").await;
    browser.until("the door", "location.pathname === '/login'").await;
    browser.go(&link).await;
    browser.fill("input[name=name]", "vera").await;
    browser.fill("input[name=password]", PASSWORD).await;
    browser.fill("input[name=again]", PASSWORD).await;
    browser.click("button.main").await;
    until_card_says(browser, "000000a3", "Done, verified").await;
    assert_eq!(browser.count("main button:not([data-alert]), .card input, .card .buttons").await, 0);
    is_fine(browser, "walk-viewer", &WIDE).await;
    browser.click(&format!("#{} h3 a", key(browser, "000000a3").await)).await;
    browser.until_says("Runs of this board").await;
    assert_eq!(browser.count("main form[method=post], main button:not(.find button)").await, 0);
    let before = jobs(station);
    for (path, more) in [("/deploy", "what: 'image:gateway-2.4'"), ("/selected/backup", "to: '/'")] {
        let forged = format!(
            "(async () => {{ const proof = document.querySelector('input[name=proof]').value;
               const body = new URLSearchParams({{proof, board: '10000000000000a3', {more}}});
               return (await fetch('{path}', {{method: 'POST', body}})).status }})()"
        );
        assert_eq!(browser.later(&forged).await, 403);
    }
    assert_eq!(jobs(station), before);
}

fn jobs(station: &Station) -> usize {
    let jobs: Value = station.admin("GET", "/api/v1/jobs", None).ok();
    jobs["items"].as_array().unwrap().len()
}

#[test]
fn from_an_empty_station_to_a_viewer_who_may_not_deploy() {
    let dir = tempfile::tempdir().unwrap();
    let (saved, file): (PathBuf, _) = (dir.path().join("saved"), dir.path().join("gateway-2.4.img"));
    let image = image(22);
    std::fs::write(&file, &image).unwrap();
    let day = past::record(dir.path(), 7, "lab-09", "gateway-2.3.img.xz");
    let station = Station::start(dir.path(), &[]);
    let line = Line::of(&station, 3);
    run(async {
        let browser = Browser::begin(&station).await;
        browser.saves_into(&saved).await;
        an_image_comes(&browser, &file).await;
        let mut first = Agent::behind(&line, dir.path(), 1, DISK);
        // A disk with a place that can't be written.
        let worn = Faulty::new(vec![0; DISK as usize], &[Fault::Write(32 << 20..36 << 20, libc::EIO)]);
        let second = Agent::worn(&station, dir.path(), 2, &worn);
        let other = Agent::start(&station, dir.path(), 3, DISK);
        other.spoil();
        boards_are_let_in(&browser, &["000000a1", "000000a2", "000000a3"]).await;
        two_are_deployed(&browser).await;
        one_is_watched(&browser, &line).await;
        one_fails_and_is_tried_again(&browser, &worn).await;
        for disk in [first.disk(), worn.bytes()] {
            assert!(disk[..image.len()] == image);
        }
        drop(second);
        let backup = one_is_backed_up(&browser, &mut first).await;
        files_are_browsed(&browser, &saved, &image).await;
        it_is_restored(&browser, &backup).await;
        assert!(other.disk() == first.disk());
        last_week_is_found(&browser, &day).await;
        a_viewer_only_looks(&browser, &station).await;
        browser.close().await;
    });
}
