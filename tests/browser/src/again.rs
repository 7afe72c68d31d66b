//! What was chosen stays when a page asks once more, and what was begun goes on only as what it was.

use serde_json::json;

use crate::browser::{Browser, run};
use crate::images::noise;
use crate::station::{Board, Station};

#[test]
fn a_warning_keeps_what_was_chosen_and_each_choice_says_what_it_erases() {
    let dir = tempfile::tempdir().unwrap();
    let station = Station::start(dir.path(), &["--enrol", "open"]);
    station.put("/api/v1/images/large.img", &noise(24 << 20, 1)).ok();
    station.put("/api/v1/images/small.img", &noise(1 << 20, 2)).ok();
    let mut board = Board::new("10000000000000b1");
    let disk = |name: &str, role: &str, mib: u64| json!({"name": name, "role": role, "size": mib << 20});
    board.disks = json!([disk("mmcblk0", "emmc", 64), disk("sda", "usb", 8), disk("mmcblk1", "sd", 16)]);
    board.register(&station).ok();
    run(async {
        let browser = Browser::begin(&station).await;
        browser.until("the board", "document.querySelector('input[name=board]')").await;
        browser.pick("b1").await;
        browser.push("Deploy…").await;
        browser.until_says("All of its eMMC 64 MiB (mmcblk0) is erased.").await;
        let choose = async |name: &str, value: &str| {
            let script = format!(
                "const one = document.querySelector('select[name={name}]'); one.value = '{value}';
                 one.dispatchEvent(new Event('change', {{bubbles: true}}))"
            );
            browser.script(&script).await;
        };
        // Another disk, another sentence; and whether the image has room there.
        choose("target", "usb").await;
        browser.until_says("All of its USB 8 MiB (sda) is erased.").await;
        choose("what", "image:large.img").await;
        browser.until_says("its USB has 8 MiB, and large.img has 24 MiB").await;
        browser.until_says("no board starts from it").await;
        choose("target", "nvme").await;
        browser.until_says("it hasn't the disk that is asked for").await;
        choose("end", "wait").await;
        browser.push("Erase 1 disk and deploy").await;
        browser.until_says("Nothing was begun.").await;
        let stands = "['what', 'target', 'end'].map(name => document.querySelector(`select[name=${name}]`).value).join()";
        assert_eq!(browser.script(&format!("return {stands}")).await, "image:large.img,nvme,wait");
        // Without a script what is erased doesn't follow: then nothing begins before it was said.
        browser
            .script("document.querySelector('select[name=target]').value = 'usb'; document.querySelector('select[name=what]').value = 'image:small.img'")
            .await;
        browser.push("Erase 1 disk and deploy").await;
        browser.until_says("has changed with your choice").await;
        browser.until_says("All of its USB 8 MiB (sda) is erased.").await;
        let jobs = station.admin("GET", "/api/v1/jobs", None).ok();
        assert_eq!(jobs["items"].as_array().unwrap().len(), 0);
        browser.push("Erase 1 disk and deploy").await;
        browser.until_says("1 board is being deployed.").await;
        let jobs = station.admin("GET", "/api/v1/jobs", None).ok();
        let job = &jobs["items"][0];
        let small = station.admin("GET", "/api/v1/images/small.img", None).ok();
        assert_eq!(
            (&job["target"], &job["end"], &job["image"]),
            (&json!(["usb"]), &json!("wait"), &small["id"])
        );
        // Cancelled is what somebody wanted, and no failure.
        browser.go("/").await;
        browser.until("the board", "document.querySelector('.card button[formaction$=\"/cancel\"]')").await;
        browser.close().await;
    });
}

#[test]
fn boards_start_again_only_after_one_more_click() {
    let dir = tempfile::tempdir().unwrap();
    let station = Station::start(dir.path(), &["--enrol", "open"]);
    Board::new("10000000000000b1").register(&station).ok();
    let jobs = || station.admin("GET", "/api/v1/jobs", None).ok()["items"].as_array().unwrap().len();
    run(async {
        let browser = Browser::begin(&station).await;
        browser.until("the board", "document.querySelector('input[name=board]')").await;
        browser.pick("b1").await;
        browser.click("button[formaction='/selected/reboot']").await;
        browser.until_says("What runs on it is cut off. No disk is written.").await;
        assert_eq!(jobs(), 0);
        browser.follow("Leave all as it is").await;
        browser.until("the floor", "location.pathname === '/'").await;
        assert_eq!(jobs(), 0);
        browser.pick("b1").await;
        browser.click("button[formaction='/selected/reboot']").await;
        browser.push("Start 1 board again").await;
        browser.until_says("1 board is being started again.").await;
        assert_eq!(jobs(), 1);
        browser.close().await;
    });
}

#[test]
fn a_file_that_was_changed_is_not_joined_to_what_came_of_it_before() {
    let dir = tempfile::tempdir().unwrap();
    let station = Station::start(dir.path(), &[]);
    let (one, other) = (noise(10 << 20, 1), noise(10 << 20, 2));
    let file = dir.path().join("os.img");
    std::fs::write(&file, &one).unwrap();
    run(async {
        let browser = Browser::begin(&station).await;
        browser.go("/images/add").await;
        // Nothing arrives from the second piece on.
        browser
            .script(
                "const real = window.fetch; window.fetch = (path, options) => String(path).includes('/piece?at=0')
                   || !String(path).includes('/piece') ? real(path, options) : Promise.reject(new Error('cut'))",
            )
            .await;
        browser.choose("input[name=file]", &file).await;
        browser.click("#upload button.main").await;
        browser
            .until(
                "it stands still",
                "document.querySelector('#upload-going span').innerText.includes('cut')",
            )
            .await;
        std::fs::write(&file, &other).unwrap();
        browser.script("window.onbeforeunload = null").await;
        let again = Browser::sign_in(&station, "anna", crate::browser::PASSWORD).await;
        browser.close().await;
        again.go("/images/add").await;
        again.until_says("Choose the same file, and it goes on").await;
        again.choose("input[name=file]", &file).await;
        again.click("#upload button.main").await;
        again.until_says("os.img was changed since").await;
        // Nor does it go on in silence under another name, or without the sha256 that is asked for now.
        std::fs::write(&file, &one).unwrap();
        again.go("/images/add").await;
        again.choose("input[name=file]", &file).await;
        again.fill("input[name=sha256]", &"ab".repeat(32)).await;
        again.click("#upload button.main").await;
        again.until_says("was begun without a sha256").await;
        again.go("/images/add").await;
        again.choose("input[name=file]", &file).await;
        again.click("#upload button.main").await;
        again.until("the list of images", "location.pathname === '/images'").await;
        again.until_says("whole when it came").await;
        let raw = station.admin("GET", "/api/v1/images/os/raw", None);
        assert!(raw.body == one);
        again.close().await;
    });
}
