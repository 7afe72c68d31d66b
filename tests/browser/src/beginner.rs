//! Somebody who has never seen a station: from an empty one to the first verified board, with a script and a value of the
//! board's own. Each step is where the page before says it is.

use std::path::Path;

use serde_json::{Value, json};

use crate::agents::Agent;
use crate::browser::{Browser, run};
use crate::cards::{key, labelled, until_card_says};
use crate::look::{Window, is_fine};
use crate::os_image::{make_system, shell};
use crate::station::Station;

/// Light and dark.
const WIDE: [Window; 2] = [(1360, 900, true, true), (1360, 900, false, true)];
/// The disk of the board.
const DISK: u64 = 64 << 20;
const SCRIPT: &str = "echo made as $PIPROV_VALUE_SN in $PIPROV_PROJECT";

/// What a step of the empty station says: its heading with its state, and whether it is the one that comes next.
async fn until_step(browser: &Browser, name: &str, state: &str, next: bool) {
    let of = format!(
        "[...document.querySelectorAll('#first li')].find(one => one.innerText.startsWith('{name}'))"
    );
    let says = format!("{of}?.querySelector('h3').innerText.includes('{state}')");
    browser.until(&format!("{name}: {state}"), &says).await;
    let is_next = browser.script(&format!("return {of}.classList.contains('next')")).await;
    assert_eq!(is_next, next, "{name}");
}

/// The button of the step that comes next.
async fn next_step(browser: &Browser, says: &str) {
    assert_eq!(browser.text("#first .next a.button").await, says);
    browser.click("#first .next a.button").await;
}

/// An empty station: what each step is for, and the first of them that has a button.
async fn it_is_empty(browser: &Browser) {
    browser.until_says("Set up this station").await;
    until_step(browser, "Network", "Waiting for you", false).await;
    browser.until_says("sudo piprov bootd --interface eth1").await;
    until_step(browser, "Image", "Waiting for you", true).await;
    until_step(browser, "Project", "When there is an image", false).await;
    until_step(browser, "First board", "No board was seen yet", false).await;
    is_fine(browser, "beginner-empty", &WIDE).await;
    browser.follow("More about these steps").await;
    assert_eq!(browser.text(":target").await, "The first board");
    browser.go("/").await;
}

async fn an_image(browser: &Browser, file: &Path) {
    next_step(browser, "Put an image in").await;
    browser.follow("Add an image").await;
    browser.choose("input[name=file]", file).await;
    browser.click("#upload button.main").await;
    browser.until("the list of images", "location.pathname === '/images'").await;
    browser.until_says("whole when it came").await;
    browser.follow("Floor").await;
    until_step(browser, "Image", "There", false).await;
    until_step(browser, "Project", "Waiting for you", true).await;
}

/// What the project will name: a sequence of values, and a script that prints the board's.
async fn values_and_a_script(browser: &Browser) {
    browser.until_says("Values and scripts have pages of their own").await;
    browser.follow("Values").await;
    browser.until_says("There is no source of values yet.").await;
    browser.fill("input[name=name]", "sn").await;
    browser.fill("input[name=from]", "sn001").await;
    browser.fill("input[name=to]", "sn009").await;
    browser.push("Add the source").await;
    browser.until_says("The source sn is made.").await;
    browser.follow("Scripts").await;
    browser.until_says("There is no script yet.").await;
    browser.follow("New script").await;
    browser.fill("input[name=name]", "greet").await;
    browser.fill("textarea[name=text]", SCRIPT).await;
    browser.push("Make the script").await;
    browser.until_says("A project that names it runs it.").await;
}

async fn a_project(browser: &Browser) {
    browser.follow("Floor").await;
    next_step(browser, "Make a project").await;
    browser.fill("input[name=name]", "gate way").await;
    browser.click("select[name=image] option:nth-child(2)").await;
    browser.click("input[name=value][value=sn]").await;
    browser.click("input[name=script][value=greet]").await;
    browser.click("form.panel > details:nth-of-type(1) > summary").await;
    browser.fill("input[name=first-hostname]", "gate-{sn}").await;
    is_fine(browser, "beginner-project", &WIDE).await;
    browser.push("Make the project").await;
    browser.until_says("Project “gate way” is made.").await;
    browser.follow("Floor").await;
    until_step(browser, "Project", "There", false).await;
}

/// A board that comes by itself is let in, and the next page says what is lost.
async fn the_first_board(browser: &Browser) {
    until_step(browser, "First board", "Waits to be let in", true).await;
    until_step(browser, "Network", "Not needed so far", false).await;
    next_step(browser, "To its card").await;
    until_card_says(browser, "000000a1", "Nothing on it was read or changed.").await;
    browser.click(&labelled("Let in 000000a1")).await;
    browser.until_says("is let in.").await;
    until_step(browser, "First board", "Ready for you", true).await;
    is_fine(browser, "beginner-ready", &WIDE).await;
    next_step(browser, "Deploy to it…").await;
    browser.until_says("All of its file 64 MiB (disk1) is erased.").await;
    let chosen = browser.script("return document.querySelector('select[name=what]').value").await;
    assert_eq!(chosen, "project:gate way");
    browser.push("Erase 1 disk and deploy").await;
    browser.until_says("1 board is being deployed.").await;
    until_card_says(browser, "000000a1", "Done, verified").await;
    assert_eq!(browser.count("#first").await, 0, "the steps are done");
}

/// The record: the proof, what the script printed, the board's value.
async fn the_record_has_all(browser: &Browser) {
    browser.click(&format!("#{} .line a", key(browser, "000000a1").await)).await;
    browser.until("its page", "location.pathname.startsWith('/runs/')").await;
    assert!(browser.text("#head").await.contains("Done, verified"));
    let proof = browser.until_there("#proof .proof.ok").await;
    assert!(proof.contains("✓ equal"), "{proof}");
    assert!(browser.text("#board").await.contains("sn001"));
    assert!(browser.text("#asked").await.contains("gate way"));
    browser.click("#scripts summary").await;
    browser.until_says("made as sn001 in gate way").await;
    is_fine(browser, "beginner-run", &WIDE).await;
    browser.follow("Values").await;
    browser.follow("sn").await;
    let given = browser.until_there("#boards tbody").await;
    assert!(given.contains("000000a1") && given.contains("sn001"), "{given}");
}

/// The same as programs read it, and as it lies on the disk.
fn what_is_there_is_that(station: &Station, dir: &Path, disk: &[u8]) {
    let runs = station.admin("GET", "/api/v1/runs", None).ok();
    let runs = runs["items"].as_array().unwrap();
    assert_eq!(runs.len(), 1, "{runs:?}");
    let record: Value =
        station.admin("GET", &format!("/api/v1/runs/{}", runs[0]["run"].as_str().unwrap()), None).ok();
    let detail = &record["detail"];
    assert_eq!((&record["outcome"], &record["proof"]), (&json!("done"), &json!("read-back")), "{record:#}");
    assert_eq!(detail["values"], json!({"sn": "sn001"}));
    assert_eq!(detail["scripts"][0]["ended"]["output"].as_str().unwrap().trim(), "made as sn001 in gate way");
    assert_eq!(detail["first_boot"]["files"], json!(["firstrun.sh", "cmdline.txt"]));
    std::fs::write(dir.join("written"), disk).unwrap();
    let script = shell("mtype -i written@@1M ::firstrun.sh", dir);
    assert!(script.contains("name='gate-sn001'"), "{script}");
    let image = std::fs::read(dir.join("os.img")).unwrap();
    // What isn't the boot partition is the image's.
    assert!(disk[9 << 20..image.len()] == image[9 << 20..]);
}

#[test]
fn from_an_empty_station_to_the_first_verified_board_with_a_script_and_a_value() {
    let dir = tempfile::tempdir().unwrap();
    make_system(dir.path());
    let station = Station::start(dir.path(), &[]);
    run(async {
        let browser = Browser::begin(&station).await;
        it_is_empty(&browser).await;
        an_image(&browser, &dir.path().join("os.img")).await;
        values_and_a_script(&browser).await;
        a_project(&browser).await;
        let board = Agent::with_scripts(&station, dir.path(), 1, DISK);
        the_first_board(&browser).await;
        the_record_has_all(&browser).await;
        what_is_there_is_that(&station, dir.path(), &board.disk());
        browser.close().await;
    });
}
