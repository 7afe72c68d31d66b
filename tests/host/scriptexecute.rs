//! Boards of the old utility OS, unchanged, against a station: busybox's shell runs what they are given, and the disk is looked
//! at byte by byte.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::old_os::{OldOs, question};
use crate::station::Station;
use crate::station_deploy::until;

const SERIAL: &str = "10000000af04b2da";
const MIB: usize = 1 << 20;
const DISK: usize = 12 * MIB;

struct Rig {
    dir: tempfile::TempDir,
    station: Station,
    image: Vec<u8>,
}

/// A station with an image that packs badly, has a stretch of zeros, and isn't whole MiB long.
fn rig(args: &[&str]) -> Rig {
    let dir = tempfile::tempdir().unwrap();
    let station = Station::start(dir.path(), args);
    let mut seed = 1u32;
    let mut image = vec![0; 9 * MIB + 3 * 512];
    for byte in image.iter_mut().step_by(3) {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *byte = (seed >> 24) as u8;
    }
    image[5 * MIB..6 * MIB].fill(0);
    station.put("/api/v1/images/os", &image).ok();
    Rig { dir, station, image }
}

impl Rig {
    fn board(&self) -> OldOs {
        OldOs::new(&self.dir.path().join("board"), DISK)
    }

    fn url(&self) -> String {
        format!("http://{}{}", self.station.address, question(SERIAL, DISK / 512))
    }

    /// A project with the image, and a rule that gives it to each board.
    fn project(&self, more: Value) {
        let mut project = json!({"name": "p", "image": "os", "end": "wait"});
        project.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.station.admin("PUT", "/api/v1/projects/p", Some(&project)).ok();
        let rule = json!({"name": "all", "any": true, "what": {"do": "project", "project": "p"}});
        self.station.admin("POST", "/api/v1/rules", Some(&rule)).ok();
    }

    fn script(&self, name: &str, text: &str, more: Value) {
        let mut script = json!({"name": name, "text": text});
        script.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.station.admin("PUT", &format!("/api/v1/scripts/{name}"), Some(&script)).ok();
    }

    fn runs(&self) -> Vec<Value> {
        let runs = self.station.admin("GET", "/api/v1/runs", None).ok();
        runs["items"].as_array().unwrap().clone()
    }

    /// The record of the newest run, once so many have ended.
    #[allow(clippy::print_stderr, reason = "what the board has said helps who reads why a test failed")]
    fn ended(&self, board: &OldOs, count: usize) -> Value {
        let runs = until("the end of a run", || {
            let runs = self.runs();
            let over = runs.iter().filter(|run| run["outcome"] != "unfinished").count();
            (over >= count).then_some(runs)
        });
        let run = runs[0]["run"].as_str().unwrap();
        let record = self.station.admin("GET", &format!("/api/v1/runs/{run}"), None).ok();
        if record["outcome"] == "failed" {
            eprintln!("{}", board.console());
        }
        record
    }

    fn log(&self, record: &Value) -> String {
        let path = format!("/api/v1/runs/{}/log?limit=500", record["run"].as_str().unwrap());
        let log = self.station.admin("GET", &path, None).ok();
        let lines = log["items"].as_array().unwrap().iter().map(|line| line["text"].as_str().unwrap());
        lines.collect::<Vec<_>>().join("\n")
    }

    #[track_caller]
    fn is_on(&self, board: &OldOs) {
        let disk = fs::read(board.disk()).unwrap();
        assert!(disk[..self.image.len()] == self.image, "the disk has something else");
        assert!(disk[self.image.len()..].iter().all(|byte| *byte == 0xaa), "more than the image was written");
    }
}

/// The file that a script left.
fn left(board: &OldOs, name: &str) -> PathBuf {
    board.path(name)
}

#[test]
fn a_board_of_the_old_os_gets_scripts_image_and_eeprom_and_each_is_proved() {
    let rig = rig(&["--enrol", "open"]);
    let mut board = rig.board();
    let slot = json!({"name": "left", "kind": "jumper", "place": "3", "position": 0});
    rig.station.admin("PUT", "/api/v1/slots/left", Some(&slot)).ok();
    let seen = "echo \"$1 $SERIAL $STORAGE $PART1 $PART2 $SERVER $PIPROV_PROJECT\" >>\"$ROOM/scripts\"";
    rig.script(
        "early",
        &format!("set -- early\n{seen}\nhead -c 4 $STORAGE >$ROOM/early"),
        json!({"when": "pre"}),
    );
    let beside = "sleep 1\necho it is beside\necho beside >>\"$ROOM/scripts\"";
    rig.script("beside", beside, json!({"when": "pre", "background": true, "priority": 200}));
    rig.script(
        "late",
        &format!("set -- late\n{seen}\ncat <<'EOF'\nit's $HOME\nEOF\nhead -c 4 $STORAGE >$ROOM/late"),
        json!({}),
    );
    let firmware = crate::eeprom::pi4_of("1754265600", b"[all]\nBOOT_UART=0\n");
    rig.station.put("/api/v1/firmware/four", &firmware).ok();
    let eeprom = json!({"firmware": "four", "set": {"BOOT_UART": "1"}});
    rig.project(json!({"scripts": ["early", "beside", "late"], "eeprom": eeprom}));
    board.start(&rig.url());
    let record = rig.ended(&board, 1);
    assert_eq!((&record["outcome"], &record["proof"]), (&json!("done"), &json!("read-back")), "{record:#}");
    rig.is_on(&board);
    let detail = &record["detail"];
    let digest = piprov::format::hex(&Sha256::digest(&rig.image));
    assert_eq!((&detail["read_back_sha256"], &detail["client"]), (&json!(digest), &json!("scriptexecutor")));
    assert!(detail["fetched"].is_null(), "nobody has counted that: {detail:#}");
    // What the board told of itself.
    let told = &detail["told"];
    assert_eq!(told["disks"][0]["cid"], "150100424a54443452079a3ef0d2b1a7", "{told:#}");
    assert_eq!(told["disks"][0]["csd"], "d02701320f5903fff6dbffef8e40400d");
    assert_eq!((&told["memory"], &told["facts"]["temperature"]), (&json!(2u64 << 30), &json!(48.3)));
    assert_eq!(told["model"], "Raspberry Pi Compute Module 4 Rev 1.0");
    assert_eq!(detail["after"]["temperature"], 51.5, "{detail:#}");
    assert_eq!(detail["firmware"]["built"], 1_673_458_852);
    assert_eq!(rig.runs()[0]["slot"], "left");
    let boards = rig.station.admin("GET", "/api/v1/boards", None).ok();
    assert_eq!(boards["items"][0]["serial"], SERIAL);
    // Each script in its place: before the disk was touched, and when all of it was there.
    let scripts = fs::read_to_string(left(&board, "scripts")).unwrap();
    let server = rig.station.address.to_string();
    let line = |name: &str| format!("{name} {SERIAL} /dev/mmcblk0 /dev/mmcblk0p1 /dev/mmcblk0p2 {server} p");
    assert_eq!(scripts.lines().next(), Some(line("early").as_str()), "{scripts}");
    assert!(scripts.lines().any(|one| one == line("late")) && scripts.contains("beside"), "{scripts}");
    assert_eq!(fs::read(left(&board, "early")).unwrap(), [0xaa; 4]);
    assert_eq!(fs::read(left(&board, "late")).unwrap(), rig.image[..4]);
    let states: Vec<_> =
        detail["scripts"].as_array().unwrap().iter().map(|one| one["state"].clone()).collect();
    assert_eq!(states, ["done", "done", "done"]);
    let log = rig.log(&record);
    assert!(log.contains("it is beside") && log.contains("it's $HOME"), "{log}");
    // The EEPROM has the project's settings, and was read back.
    assert_eq!(detail["eeprom"]["state"], "verified", "{:#}", detail["eeprom"]);
    let chip = fs::read(board.path("chip")).unwrap();
    assert!(chip != firmware && String::from_utf8_lossy(&chip).contains("BOOT_UART=1"));
    assert_eq!(detail["eeprom"]["read_back"], piprov::format::hex(&Sha256::digest(&chip)));
    // It went through the steps that people look at.
    let stages: Vec<_> =
        record["stages"].as_array().unwrap().iter().map(|one| one["stage"].clone()).collect();
    for stage in ["prepare", "write", "read-back", "report", "done"] {
        assert!(stages.contains(&json!(stage)), "{stage}: {stages:?}");
    }
}

#[test]
fn a_board_waits_for_a_person_and_goes_on_by_itself_also_after_a_power_cut() {
    let rig = rig(&["--enrol", "ask"]);
    let mut board = rig.board();
    // The first time it writes so slowly that its power can go.
    rig.script("slow", "[ -e $ROOM/cut ] || { touch $ROOM/begun; sleep 60; }", json!({}));
    rig.project(json!({"scripts": ["slow"], "end": "reboot"}));
    board.start(&rig.url());
    until("a board that waits", || {
        board.console().contains("a person has to let this board in").then_some(())
    });
    let boards = rig.station.admin("GET", "/api/v1/boards", None).ok();
    let id = boards["items"][0]["id"].as_str().unwrap().to_owned();
    let change = json!({"enrolment": "enrolled"});
    rig.station.admin("PATCH", &format!("/api/v1/boards/{id}"), Some(&change)).ok();
    // It asks by itself.
    until("a script that runs", || board.path("begun").exists().then_some(()));
    board.power_off();
    fs::write(board.path("cut"), "").unwrap();
    fs::write(board.disk(), vec![0xaa; DISK]).unwrap();
    board.start(&rig.url());
    let record = rig.ended(&board, 2);
    assert_eq!(record["outcome"], "done", "{record:#}");
    rig.is_on(&board);
    let runs = rig.runs();
    assert_eq!((runs.len(), &runs[1]["outcome"]), (2, &json!("lost")), "{runs:#?}");
    until("the board's end", || board.path("ends").exists().then_some(()));
    assert_eq!(fs::read_to_string(board.path("ends")).unwrap(), "reboot\n");
}

#[test]
fn a_disk_that_gives_back_other_bytes_is_found_and_starts_nothing() {
    let rig = rig(&["--enrol", "open"]);
    let mut board = rig.board();
    // What was written is another one when it is read: the caches are emptied in between.
    board.program("sync", "printf x | dd of=\"$ROOM/disk\" bs=1 seek=3000000 conv=notrunc 2>/dev/null");
    rig.project(json!({}));
    board.start(&rig.url());
    let record = rig.ended(&board, 1);
    assert_eq!(record["outcome"], "failed", "{record:#}");
    assert_eq!(
        (&record["why"], &record["stage"]),
        (&json!("mmcblk0: what was read back from the disk isn't the image"), &json!("read-back"))
    );
    until("a disk without a beginning", || {
        fs::read(board.disk()).unwrap()[..MIB].iter().all(|byte| *byte == 0).then_some(())
    });
}

#[test]
fn what_fails_says_which_step_it_was_and_the_image_is_not_begun_where_a_script_before_it_fails() {
    let rig = rig(&["--enrol", "open"]);
    let mut board = rig.board();
    rig.script("no", "echo there is no fixture >&2; exit 3", json!({"when": "pre"}));
    rig.project(json!({"scripts": ["no"]}));
    board.start(&rig.url());
    let record = rig.ended(&board, 1);
    let why = record["why"].as_str().unwrap();
    assert!(
        record["outcome"] == "failed" && why.contains("script no (pre) ended with status 3"),
        "{record:#}"
    );
    assert_eq!(record["detail"]["scripts"][0]["ended"]["exit"], 3, "{record:#}");
    assert!(rig.log(&record).contains("there is no fixture"));
    assert!(fs::read(board.disk()).unwrap().iter().all(|byte| *byte == 0xaa), "the disk was touched");
    // A disk that takes nothing: the log has the words of the program that failed.
    board.power_off();
    rig.script("no", "exit 0", json!({"when": "pre"}));
    let id =
        rig.station.admin("GET", "/api/v1/boards", None).ok()["items"][0]["id"].as_str().unwrap().to_owned();
    rig.station
        .admin(
            "POST",
            &format!("/api/v1/boards/{id}/jobs"),
            Some(&json!({"action": "deploy", "project": "p"})),
        )
        .ok();
    board.program("gzip", "echo 'crc error' >&2; cat >/dev/null; exit 1");
    board.start(&rig.url());
    let record = rig.ended(&board, 2);
    let why = record["why"].as_str().unwrap();
    assert!(
        why.contains("couldn't be fetched, unpacked and written") && why.contains("status"),
        "{record:#}"
    );
    assert!(rig.log(&record).contains("gzip: crc error"), "{}", rig.log(&record));
    assert!(fs::read(board.disk()).unwrap().iter().all(|byte| *byte == 0xaa), "nothing came for the disk");
}

/// A board whose curl does what this says when it fetches the image: `$tries` counts from 0.
fn fetches_so(board: &OldOs, how: &str) {
    let curl = fs::read_link(board.path("bin/curl")).unwrap().display().to_string();
    let text = format!(
        "case \"$*\" in */api/shell/*)\n\
         tries=$(cat \"$ROOM/tries\" 2>/dev/null || echo 0)\n\
         echo $((tries + 1)) >\"$ROOM/tries\"\n\
         head -c 4 \"$ROOM/disk\" >>\"$ROOM/before\"\n\
         {how}\n\
         esac\n\
         exec {curl} \"$@\""
    );
    board.program("curl", &text.replace("CURL", &curl));
}

#[test]
fn a_station_that_goes_away_while_the_image_comes_is_waited_for_and_the_disk_is_left_alone_till_then() {
    let rig = rig(&["--enrol", "open"]);
    let mut board = rig.board();
    rig.project(json!({}));
    fetches_so(
        &board,
        "case $tries in\n\
         0 | 1) echo 'curl: (7) nobody listens' >&2; exit 7 ;;\n\
         2) CURL \"$@\" | head -c 50000; exit 18 ;;\n\
         3) printf 'HTTP/1.1 503 Service Unavailable\\r\\n\\r\\n' >curl.head; exit 22 ;;\n\
         4) CURL \"$@\" | head -c 1500000; exit 56 ;;\n\
         esac",
    );
    board.start(&rig.url());
    let record = rig.ended(&board, 1);
    assert_eq!((&record["outcome"], &record["proof"]), (&json!("done"), &json!("read-back")), "{record:#}");
    rig.is_on(&board);
    assert_eq!(fs::read_to_string(board.path("tries")).unwrap(), "6\n");
    // Until the first MiB had come, the disk was what it was; from then on nothing could start from it.
    let before = fs::read(board.path("before")).unwrap();
    assert_eq!(before, [[0xaa; 4], [0xaa; 4], [0xaa; 4], [0xaa; 4], [0xaa; 4], [0; 4]].concat());
    assert!(board.console().contains("curl: curl: (7) nobody listens"), "{}", board.console());
}

#[test]
fn an_image_that_is_refused_or_damaged_is_not_waited_for() {
    let rig = rig(&["--enrol", "open"]);
    let mut board = rig.board();
    rig.project(json!({}));
    fetches_so(&board, "printf 'HTTP/1.1 404 Not Found\\r\\n\\r\\n' >curl.head; exit 22");
    board.start(&rig.url());
    let record = rig.ended(&board, 1);
    assert_eq!(record["outcome"], "failed", "{record:#}");
    assert_eq!(fs::read_to_string(board.path("tries")).unwrap(), "3\n");
    assert!(fs::read(board.disk()).unwrap().iter().all(|byte| *byte == 0xaa));
}

#[test]
fn nothing_that_a_script_has_begun_goes_on_after_it() {
    let rig = rig(&["--enrol", "open"]);
    let mut board = rig.board();
    let beat = |name: &str| format!("while :; do echo x >>$ROOM/{name}; sleep 0.2; done");
    // One that ends well leaves something behind; one that takes too long has a child that doesn't want to end.
    rig.script("leaves", &format!("({}) &\nsleep 1", beat("left")), json!({"when": "pre", "priority": 1}));
    let hangs = format!("(trap '' TERM; {}) &\nsleep 300", beat("hangs"));
    rig.script("hangs", &hangs, json!({"when": "pre", "priority": 3, "limit": 2}));
    rig.script(
        "beside",
        &format!("({}) &\nsleep 300", beat("beside")),
        json!({"when": "pre", "priority": 2, "background": true}),
    );
    rig.project(json!({"scripts": ["leaves", "hangs", "beside"]}));
    board.start(&rig.url());
    let record = rig.ended(&board, 1);
    assert!(record["why"].as_str().unwrap().contains("script hangs (pre) ended with status"), "{record:#}");
    assert!(rig.log(&record).contains("it took more than 2 s, and is ended"), "{}", rig.log(&record));
    let beats = || {
        let of = |name: &str| fs::metadata(left(&board, name)).map_or(0, |file| file.len());
        [of("left"), of("hangs"), of("beside")]
    };
    // What has ended beats no more; a beat is a fifth of a second.
    until("silence", || {
        let before = beats();
        std::thread::park_timeout(std::time::Duration::from_secs(1));
        (before == beats() && before.iter().all(|beats| *beats > 0)).then_some(())
    });
}

#[test]
fn a_module_without_ethernet_has_a_stand_in_for_its_address_in_scripts_and_is_not_known_by_it() {
    let rig = rig(&["--enrol", "open"]);
    let mut board = rig.board();
    rig.script("mac", "echo $PIPROV_MAC >\"$ROOM/mac\"", json!({"when": "pre"}));
    rig.project(json!({"scripts": ["mac"]}));
    let url = rig.url().replace("Compute+Module+4", "Compute+Module+3").replace("&mac=dc:a6:32:01:02:03", "");
    board.start(&url);
    let record = rig.ended(&board, 1);
    assert_eq!(record["outcome"], "done", "{record:#}");
    assert_eq!(fs::read_to_string(left(&board, "mac")).unwrap(), "b8:27:eb:04:b2:da\n");
    let known = rig.station.admin("GET", &format!("/api/v1/boards/{SERIAL}"), None).ok();
    assert_eq!(known["macs"], json!([]), "{known:#}");
    assert_eq!(rig.station.admin("GET", "/api/v1/boards/b8:27:eb:04:b2:da", None).status, 404);
}
