//! Defects that tools of this kind have had, each where it would show: docs/matrix.md names them.

use std::fs;
use std::process::Command;

use crate::common;
use crate::deploy_first_boot::{make_system, shell};
use crate::station_cli::Station;
use crate::station_deploy::{Agent, boards, bytes, disk, ended};

const MIB: usize = 1 << 20;
const SERIAL: &str = "10000000aabbcc11";

fn deploy(station: &Station, project: &str) {
    station.json(&["board", "deploy", SERIAL, "--project", project, "--confirm", SERIAL, "--no-wait"]);
}

#[test]
fn a_packed_image_that_is_damaged_is_refused_with_what_is_wrong_with_it() {
    let station = Station::start();
    fs::write(station.path("lite.img"), bytes(6 * MIB)).unwrap();
    for (packer, suffix) in
        [("xz -T1 -k", "xz"), ("gzip -k", "gz"), ("bzip2 -k", "bz2"), ("zstd -q --check", "zst")]
    {
        shell(&format!("{packer} lite.img"), &station.path(""));
        let name = format!("lite.img.{suffix}");
        let mut packed = fs::read(station.path(&name)).unwrap();
        let middle = packed.len() / 2;
        packed[middle..middle + 64].iter_mut().for_each(|byte| *byte ^= 0x5a);
        fs::write(station.path(&name), packed).unwrap();
        let out = station.run(&["image", "add", &name, "--name", suffix]);
        let said = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.code(), Some(65), "{suffix}: {said}");
        // What unpacks it says what is wrong, not only that something ended with 1.
        let reason = ["corrupt", "damaged", "checksum", "invalid", "doesn't match"];
        assert!(reason.iter().any(|word| said.to_lowercase().contains(word)), "{suffix}: {said}");
    }
    let all = station.json(&["image", "list"]);
    assert!(all.iter().all(|one| one["value"]["state"] == "failed"), "none of them is an image: {all:#?}");
}

#[test]
fn where_no_eeprom_image_is_that_is_an_error_and_no_success() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("firmware-of-another-name")).unwrap();
    fs::write(dir.path().join("firmware-of-another-name/readme"), "moved").unwrap();
    let out = common::piprov().args(["eeprom", "show"]).arg(dir.path()).output().unwrap();
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(!out.status.success() && said.contains("no EEPROM image"), "{said}");
}

#[test]
fn a_script_in_the_background_that_fails_fails_its_job_with_its_own_status() {
    let station = Station::start();
    fs::write(station.path("lite.img"), bytes(2 * MIB)).unwrap();
    station.json(&["image", "add", "lite.img", "--name", "lite"]);
    fs::write(station.path("beside.sh"), "sleep 0.3; exit 37").unwrap();
    station.json(&["script", "add", "beside.sh", "--when", "pre", "--background", "yes"]);
    station.json(&["project", "add", "p", "--image", "lite", "--end", "wait", "--script", "beside"]);
    disk(&station, "a", 4);
    let url = format!("http://127.0.0.1:{}", station.port);
    let key = station.path("a.key");
    let _agent = Agent::started(&url, SERIAL, &station.path("a.disk"), |command: &mut Command| {
        command.arg("--key").arg(key).arg("--run-scripts");
    });
    boards(&station, 1);
    deploy(&station, "p");
    let record = ended(&station, 1).remove(0);
    assert_eq!(record["outcome"], "failed", "{record:#}");
    assert!(
        record["why"].as_str().unwrap().contains("script beside (pre) ended with status 37"),
        "{record:#}"
    );
}

#[test]
fn a_project_that_is_changed_counts_for_its_next_job_and_for_no_other_project() {
    let station = Station::start();
    make_system(&station.path(""));
    station.json(&["image", "add", "os.img.xz", "--name", "os"]);
    for (name, host) in [("one", "gate-one"), ("two", "gate-two")] {
        let set = format!("hostname={host}");
        station.json(&["project", "add", name, "--image", "os", "--end", "wait", "--set", &set]);
    }
    disk(&station, "a", 30);
    let agent = Agent::start(&station, "a", SERIAL);
    boards(&station, 1);
    let name_of = |project: &str, count: usize| {
        deploy(&station, project);
        assert_eq!(ended(&station, count).pop().unwrap()["outcome"], "done");
        let script = shell("mtype -i a.disk@@1M ::firstrun.sh", &station.path(""));
        let line = script.lines().find(|line| line.contains("name='")).unwrap().trim().to_owned();
        line.split('\'').nth(1).unwrap().to_owned()
    };
    assert_eq!(name_of("one", 1), "gate-one");
    station.json(&["project", "set", "one", "--set", "hostname=gate-new"]);
    assert_eq!(name_of("two", 2), "gate-two", "another project is as it was");
    assert_eq!(name_of("one", 3), "gate-new", "no other step is needed");
    assert_eq!(name_of("two", 4), "gate-two");
    drop(agent);
}

#[test]
fn an_image_that_does_not_fit_writes_nothing_whatever_the_disk_is_called() {
    let station = Station::start();
    fs::write(station.path("lite.img"), bytes(6 * MIB)).unwrap();
    station.json(&["image", "add", "lite.img", "--name", "lite"]);
    station.json(&["project", "add", "p", "--image", "lite", "--end", "wait"]);
    disk(&station, "sda", 4);
    let agent = Agent::start(&station, "sda", SERIAL);
    boards(&station, 1);
    deploy(&station, "p");
    let record = ended(&station, 1).remove(0);
    assert_eq!(record["outcome"], "failed", "{record:#}");
    let why = record["why"].as_str().unwrap();
    assert!(why.contains("4194304") && why.contains("the image needs"), "{why}");
    assert!(fs::read(&agent.disk).unwrap().iter().all(|byte| *byte == 0xee), "nothing was written");
}

#[test]
fn a_deploy_that_reads_back_something_else_is_no_image_of_its_board() {
    use crate::station::{Board, Station};
    use serde_json::json;
    let dir = tempfile::tempdir().unwrap();
    let station = Station::start(dir.path(), &["--enrol", "open"]);
    station.put("/api/v1/images/os", &bytes(2 * MIB)).ok();
    let mut board = Board::new("10000000aabbcc12");
    board.register(&station);
    let path = format!("/api/v1/boards/{}/jobs", board.id);
    let asked = json!({"action": "deploy", "image": "os", "end": "wait"});
    let job = station.admin("POST", &path, Some(&asked)).ok()["id"].as_str().unwrap().to_owned();
    let work = board.work(&station, 0).ok();
    let outcome = json!({"fence": work["fence"], "stage": "done", "read_back_sha256": "ab".repeat(32)});
    let token = work["token"].as_str();
    station.call("POST", &format!("/api/v1/device/jobs/{job}/result"), token, Some(&outcome)).ok();
    let ended = station.admin("GET", &format!("/api/v1/jobs/{job}"), None).ok();
    assert_eq!(ended["state"], "failed");
    // Nothing that tells of the board says that it has the image.
    let run = station.admin("GET", &format!("/api/v1/runs/{}", ended["run"].as_str().unwrap()), None).ok();
    let text = run.to_string();
    assert!(text.contains("\"outcome\":\"failed\"") && !text.contains("\"proof\":\"read-back\""), "{run:#}");
    let known = station.admin("GET", &format!("/api/v1/boards/{}", board.id), None).ok();
    assert!(!known.to_string().contains("\"image\""), "{known}");
    assert_ne!(known["held"], "done", "the network answers it, so that it is done again: {known}");
}
