//! Boards whose client is a shell script: one of curl, dd and sha256sum, written from the description of the first network
//! deployment alone (`text_client.sh`), and the project's own of busybox, which proves what it has written.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::cutting::{Cutting, Fate};
use crate::station::Station;

const MAC: &str = "dc:a6:32:01:02:03";
const CHUNK: usize = 4 << 20;

struct Rig {
    dir: tempfile::TempDir,
    station: Station,
    image: Vec<u8>,
}

/// A station with an image that packs badly and isn't whole chunks long, and a board that has registered.
fn rig(args: &[&str]) -> Rig {
    let dir = tempfile::tempdir().unwrap();
    let station = Station::start(dir.path(), args);
    let mut seed = 1u32;
    let mut image = vec![0; 2 * CHUNK + 70_000];
    for byte in image.iter_mut().step_by(3) {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *byte = (seed >> 24) as u8;
    }
    image[CHUNK..CHUNK + 500_000].fill(0);
    station.put("/api/v1/images/os", &image).ok();
    Rig { dir, station, image }
}

impl Rig {
    fn disk(&self) -> PathBuf {
        self.dir.path().join("disk")
    }

    fn fresh_disk(&self) {
        fs::write(self.disk(), vec![0xaa; 3 * CHUNK]).unwrap();
    }

    fn board(&self) -> String {
        self.register();
        let boards = self.station.admin("GET", "/api/v1/boards", None).ok();
        boards["items"][0]["id"].as_str().unwrap().to_owned()
    }

    fn register(&self) {
        let told = json!({"mac": MAC, "ip": "10.0.0.7"});
        self.station.call("POST", "/api/register-device", None, Some(&told)).ok();
    }

    fn poll(&self) -> Value {
        self.station.call("GET", &format!("/api/device-action-poll?mac={MAC}"), None, None).ok()
    }

    /// Asks, and gives the address of the image, as at this server.
    fn url(&self, server: &str) -> String {
        let told = self.poll();
        let path = told["url"].as_str().unwrap().splitn(4, '/').nth(3).unwrap();
        format!("{server}/{path}")
    }

    fn give(&self, job: Value) -> String {
        let path = format!("/api/v1/boards/{}/jobs", self.board());
        self.station.admin("POST", &path, Some(&job)).ok()["id"].as_str().unwrap().to_owned()
    }

    fn deploy(&self) -> String {
        self.give(json!({"action": "deploy", "image": "os", "end": "wait"}))
    }

    fn job(&self, id: &str) -> Value {
        self.station.admin("GET", &format!("/api/v1/jobs/{id}"), None).ok()
    }

    fn run(&self, id: &str) -> Value {
        let run = self.job(id)["run"].as_str().unwrap().to_owned();
        self.station.admin("GET", &format!("/api/v1/runs/{run}"), None).ok()
    }

    /// The client that was written from the description alone; it ends after one action, or a reboot.
    fn text_client(&self, more: &[(&str, &str)]) -> Output {
        let mut command = Command::new("timeout");
        command.args(["100", "sh"]);
        command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/host/text_client.sh"));
        command.env("PROVISIONING_SERVER", format!("http://{}", self.station.address));
        command.env("MAC", MAC).env("IP", "10.20.50.100").env("DISK", self.disk());
        command.env("EVERY", "0.2").env("ONCE", "1").env("REBOOT", "true").envs(more.iter().copied());
        command.output().unwrap()
    }

    fn busybox_client(&self, disk: &Path) -> Output {
        self.busybox_client_at(&format!("http://{}", self.station.address), disk)
    }

    fn busybox_client_at(&self, server: &str, disk: &Path) -> Output {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/firmware/agent/shell-client");
        // One that waits for good fails its test, and doesn't hold up all others.
        let mut command = Command::new("timeout");
        command.arg("200").arg(bin_of_busybox());
        // Only what busybox has: each name is busybox's own.
        let bin = self.dir.path().join("bin");
        if !bin.exists() {
            fs::create_dir(&bin).unwrap();
            assert!(Command::new("busybox").args(["--install", "-s"]).arg(&bin).status().unwrap().success());
        }
        command.args(["sh", script, server, MAC]).arg(disk).arg("1");
        command.env("PATH", bin).env("PIPROV_POLL", "1").env("PIPROV_PATIENCE", "5").output().unwrap()
    }

    #[track_caller]
    fn is_deployed(&self, job: &str, state: &str) {
        let bytes = fs::read(self.disk()).unwrap();
        assert!(bytes[..self.image.len()] == self.image, "the disk has something else");
        assert!(bytes[self.image.len()..].iter().all(|byte| *byte == 0xaa));
        assert_eq!(self.job(job)["state"], state, "{}", self.run(job));
    }
}

/// By its path: what it runs has no PATH but its own.
fn bin_of_busybox() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|dir| dir.join("busybox")).find(|file| file.exists());
    found.expect("busybox is missing: apt-get install busybox")
}

#[track_caller]
fn said(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    assert!(output.status.success(), "{text}");
    text
}

#[test]
fn a_client_from_the_description_alone_deploys_raw_and_packed_backs_up_and_reboots() {
    let rig = rig(&["--enrol", "open"]);
    for (packed, form) in [("", "json"), (".gz", "form"), (".zst", "json")] {
        rig.fresh_disk();
        let job = rig.deploy();
        assert!(said(&rig.text_client(&[("PACKED", packed), ("FORM", form)])).contains("client: deployed "));
        // It has fetched everything, and asks again.
        assert_eq!(rig.poll()["action"], Value::Null);
        rig.is_deployed(&job, "not-verified");
        // Its record says what it was about in the words of all others.
        let (detail, digest) = (rig.run(&job)["detail"].clone(), Sha256::digest(&rig.image));
        assert_eq!(
            (&detail["image"], &detail["raw_len"]),
            (&json!("os"), &json!(rig.image.len())),
            "{detail}"
        );
        assert_eq!(detail["raw_sha256"], piprov::format::hex(&digest), "{detail}");
    }
    for send in ["stream", "whole"] {
        let job = rig.give(json!({"action": "backup", "end": "wait"}));
        assert!(said(&rig.text_client(&[("SEND", send)])).contains("client: backed up "));
        assert_eq!(rig.job(&job)["state"], "not-verified");
        let image = format!("backup-{job}");
        let raw = rig.station.admin("GET", &format!("/api/v1/images/{image}/raw"), None);
        assert!(raw.body == fs::read(rig.disk()).unwrap());
    }
    // It goes on to ask, and is told to start again where the job says so.
    rig.fresh_disk();
    let job = rig.give(json!({"action": "deploy", "image": "os", "end": "reboot"}));
    let text = said(&rig.text_client(&[("ONCE", "0")]));
    assert!(text.contains("client: deployed ") && text.ends_with("client: reboot"), "{text}");
    rig.is_deployed(&job, "not-verified");
    let job = rig.give(json!({"action": "reboot"}));
    assert!(said(&rig.text_client(&[])).ends_with("client: reboot"));
    // It comes back.
    rig.register();
    assert_eq!(rig.job(&job)["state"], "not-verified");
    assert_eq!(rig.poll()["action"], Value::Null);
}

#[test]
fn a_client_from_the_description_alone_goes_on_where_the_line_was_cut_also_in_what_is_packed() {
    let rig = rig(&["--enrol", "open"]);
    let line = Cutting::to(rig.station.address, |_, head| {
        let is_image = head.starts_with("GET /api/shell/");
        if is_image { Fate::Cut(700_000) } else { Fate::Whole }
    });
    let server = format!("http://{}", line.address);
    for packed in ["", ".gz", ".zst"] {
        rig.fresh_disk();
        let job = rig.deploy();
        // Pieces of the image, each cut several times.
        let text = said(&rig.text_client(&[("PACKED", packed), ("PROVISIONING_SERVER", &server)]));
        assert!(text.matches("broke off").count() > 2 && text.contains("client: deployed "), "{text}");
        rig.poll();
        rig.is_deployed(&job, "not-verified");
        // curl's own way: one file, and the rest of it again and again.
        rig.fresh_disk();
        let job = rig.deploy();
        rig.register();
        let (name, file) =
            ("fetched".to_owned() + packed, rig.dir.path().join("fetched".to_owned() + packed));
        let url = rig.url(&server) + packed;
        let mut rounds = 0;
        while !Command::new("curl")
            .args(["-sf", "-C", "-", "-o"])
            .arg(&file)
            .arg(&url)
            .status()
            .unwrap()
            .success()
        {
            rounds += 1;
            assert!(rounds < 60, "{name} never comes to its end");
        }
        assert!(rounds > 2, "{name} was never cut");
        let unpack = match packed {
            ".gz" => "gzip -dc",
            ".zst" => "zstd -dc",
            _ => "cat",
        };
        let script = format!("{unpack} <{} | dd conv=notrunc of={}", file.display(), rig.disk().display());
        assert!(Command::new("sh").args(["-c", &script]).output().unwrap().status.success());
        rig.poll();
        rig.is_deployed(&job, "not-verified");
    }
}

#[test]
fn a_question_for_the_head_alone_is_no_sign_that_anything_arrived() {
    let rig = rig(&["--enrol", "open"]);
    let job = rig.deploy();
    rig.register();
    let server = format!("http://{}", rig.station.address);
    let url = rig.url(&server);
    let curl =
        |args: &[&str]| Command::new("curl").args(["-sf", "-o", "/dev/null"]).args(args).output().unwrap();
    let len = rig.image.len();
    assert!(curl(&["-r", "0-4999999", &url]).status.success());
    assert!(curl(&["-I", &url]).status.success());
    assert!(curl(&["-r", "5000000-", &url]).status.success());
    rig.poll();
    assert_eq!(rig.job(&job)["state"], "not-verified", "{len}");
    // And the head of what is never fetched ends nothing.
    let job = rig.deploy();
    let url = rig.url(&server);
    assert!(curl(&["-I", &url]).status.success());
    assert_eq!(rig.poll()["action"], "deploy");
    assert_eq!(rig.job(&job)["state"], "running");
}

#[test]
fn a_client_may_register_in_each_usual_form() {
    let rig = rig(&["--enrol", "open"]);
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let tell = |path: &str, body: &str, headers: &[(&str, &str)]| {
        let request = crate::station::request("POST", path, None, Some(body.as_bytes()), headers);
        rig.station.raw(&request)
    };
    let at = "/api/register-device";
    for (path, body, headers) in [
        (at, "mac=dc:a6:32:01:02:03&ip=10.0.0.7", &form[..]),
        (at, "mac=dc%3Aa6%3A32%3A01%3A02%3A03&ip=10.0.0.7", &form[..]),
        // What curl -d says it is, whatever it is.
        (at, "{\"mac\": \"DC-A6-32-01-02-03\", \"ip\": \"10.0.0.7\"}", &form[..]),
        (at, "mac=dc:a6:32:01:02:03&ip=10.0.0.7", &[("content-type", "text/plain")][..]),
        (at, "{\"MAC\": \"dc:a6:32:01:02:03\", \"IP\": \"10.0.0.7\"}", &[][..]),
        ("/api/register-device?mac=dc:a6:32:01:02:03&ip=10.0.0.7", "", &[][..]),
    ] {
        assert_eq!(tell(path, body, headers).ok()["mac"], MAC, "{path} {body}");
    }
    for body in ["", "mac=", "ip=10.0.0.7", "{", "mac=1&mac=2"] {
        let status = tell(at, body, &form).status;
        assert!((400..500).contains(&status), "{body}: {status}");
    }
}

#[test]
fn an_answer_that_was_lost_is_given_again_and_what_is_done_is_not_told_twice() {
    let rig = rig(&["--enrol", "open"]);
    let job = rig.deploy();
    let told = rig.poll();
    assert_eq!(told["action"], "deploy");
    assert_eq!(rig.poll(), told);
    let path = told["url"].as_str().unwrap().splitn(4, '/').nth(3).unwrap().to_owned();
    let get = |headers: &[(&str, &str)]| {
        rig.station.raw(&crate::station::request("GET", &format!("/{path}"), None, None, headers))
    };
    // A part, the part of another version, and the rest.
    let part = get(&[("range", "bytes=0-99")]);
    assert_eq!((part.status, &part.body[..]), (206, &rig.image[..100]));
    assert_eq!(get(&[("range", "bytes=0-99"), ("if-range", "\"x\"")]).status, 200);
    let etag = part.header("etag").unwrap().to_owned();
    let part = get(&[("range", "bytes=100-"), ("if-range", &etag)]);
    assert_eq!((part.status, part.body.len()), (206, rig.image.len() - 100));
    // Started again: another attempt, and the address of before is over.
    rig.register();
    let again = rig.poll();
    assert!(again["action"] == "deploy" || again["action"] == Value::Null, "{again}");
    assert_eq!(rig.poll()["action"], Value::Null);
    assert_eq!(rig.job(&job)["state"], "not-verified");
    assert_eq!(get(&[]).status, 410);
    // Its token is no token of a board with a key, whatever it claims.
    let job = rig.deploy();
    let url = rig.poll()["url"].as_str().unwrap().to_owned();
    let token = url.rsplit('/').next().unwrap();
    let claim = json!({"fence": 1, "stage": "done", "read_back_sha256": "00".repeat(32)});
    let path = format!("/api/v1/device/jobs/{job}/result");
    assert_eq!(rig.station.call("POST", &path, Some(token), Some(&claim)).status, 403);
    // A poll of the Unix socket, a wrong address, a wrong token.
    assert_eq!(rig.station.call("GET", "/api/device-action-poll?mac=x", None, None).status, 400);
    assert_eq!(rig.station.call("GET", "/api/shell/x", None, None).status, 404);
}

#[test]
fn a_board_that_nobody_has_let_in_gets_nothing_and_a_setting_turns_all_of_it_off() {
    let ask = rig(&["--enrol", "ask"]);
    ask.deploy();
    assert_eq!(ask.poll()["action"], Value::Null);
    let change = json!({"enrolment": "enrolled"});
    ask.station.admin("PATCH", &format!("/api/v1/boards/{}", ask.board()), Some(&change)).ok();
    assert_eq!(ask.poll()["action"], "deploy");
    drop(ask);

    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("off.toml"), "[station]\nshell-clients = false\n").unwrap();
    let station = Station::start(dir.path(), &["--config", "off.toml"]);
    let told = json!({"mac": MAC});
    assert_eq!(station.call("POST", "/api/register-device", None, Some(&told)).status, 404);
    assert_eq!(station.call("GET", &format!("/api/device-action-poll?mac={MAC}"), None, None).status, 404);
}

#[test]
fn a_damaged_chunk_breaks_the_download_off_and_the_job_says_why() {
    let rig = rig(&["--enrol", "open"]);
    // Each object that is large: the chunks.
    let mut dirs = vec![rig.dir.path().join("station/objects")];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                dirs.push(entry);
            } else if entry.metadata().unwrap().len() > 1_000_000 {
                let mut bytes = fs::read(&entry).unwrap();
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
                fs::write(&entry, bytes).unwrap();
            }
        }
    }
    let kinds = ["", ".gz", ".zst"];
    let mut failed = 0;
    for kind in kinds {
        rig.fresh_disk();
        let path = format!("/api/v1/boards/{}/jobs", rig.board());
        let made = rig.station.admin("POST", &path, Some(&json!({"action": "deploy", "image": "os"})));
        if made.status >= 300 {
            // It is known as damaged from the first time on.
            assert!(failed > 0);
            continue;
        }
        let job = made.ok()["id"].as_str().unwrap().to_owned();
        assert!(!rig.text_client(&[("PACKED", kind)]).status.success());
        assert_eq!(rig.job(&job)["state"], "failed");
        assert!(rig.run(&job).to_string().contains("damaged"), "{}", rig.run(&job));
        failed += 1;
    }
    assert!(failed > 0);
}

#[test]
fn the_client_of_busybox_proves_what_it_has_written() {
    let rig = rig(&["--enrol", "open"]);
    rig.fresh_disk();
    let job = rig.deploy();
    let output = rig.busybox_client(&rig.disk());
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains("read back and equal"), "{text}");
    rig.is_deployed(&job, "done");
    // A backup, by the same one.
    let job = rig.give(json!({"action": "backup", "end": "wait"}));
    said(&rig.busybox_client(&rig.disk()));
    let raw = rig.station.admin("GET", &format!("/api/v1/images/backup-{job}/raw"), None);
    assert!(raw.body == fs::read(rig.disk()).unwrap());
}

#[test]
fn the_client_of_busybox_asks_again_where_answers_are_lost_or_never_come() {
    let rig = rig(&["--enrol", "open"]);
    rig.fresh_disk();
    let (lost, silent) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let line = Cutting::to(rig.station.address, move |_, head| {
        let proof = head.contains("/proof ");
        if head.starts_with("POST") && proof && lost.fetch_add(1, SeqCst) < 2 {
            return Fate::Lost;
        }
        // What is asked before the first part, a part, and what is asked when it reads back.
        let of_parts = head.starts_with("GET") && (proof || head.contains("?part="));
        if of_parts && [0, 2, 5].contains(&silent.fetch_add(1, SeqCst)) { Fate::Silent } else { Fate::Whole }
    });
    let job = rig.deploy();
    let began = std::time::Instant::now();
    let output = rig.busybox_client_at(&line.url(), &rig.disk());
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains("read back and equal"), "{text}");
    assert_eq!(line.cuts(), 5);
    // Not after the ten minutes that an answer may take.
    assert!(began.elapsed() < std::time::Duration::from_secs(120), "{:?}", began.elapsed());
    rig.is_deployed(&job, "done");
}

#[test]
fn the_client_of_busybox_finds_a_disk_that_gives_back_other_bytes() {
    let rig = rig(&["--enrol", "open"]);
    let disk =
        crate::faulty::Faulty::new(vec![0; 3 * CHUNK], &[crate::faulty::Fault::Flips(CHUNK as u64 + 77)]);
    let job = rig.deploy();
    let output = rig.busybox_client(&disk.path);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains("isn't what was to be there"), "{text}");
    assert_eq!(rig.job(&job)["state"], "failed");
    let run = rig.run(&job).to_string();
    assert!(run.contains("bytes 4194304 to 8388608"), "{run}");
}

#[test]
fn a_client_that_is_busy_with_zeros_for_longer_than_others_may_be_silent_gets_the_rest_and_keeps_its_job() {
    let dir = tempfile::tempdir().unwrap();
    let station = Station::start(dir.path(), &["--enrol", "open"]);
    // More than all buffers between two processes hold, also packed.
    let mut seed = 7u32;
    let mut bytes = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 24) as u8
    };
    let image: Vec<u8> = (0..40 << 20).map(|_| bytes()).collect();
    station.put("/api/v1/images/os", &image).ok();
    let rig = Rig { dir, station, image };
    let job = rig.deploy();
    let url = rig.url("") + ".zst";
    let ask = format!("GET {url} HTTP/1.1\r\nhost: station\r\nconnection: close\r\n\r\n");
    let mut stream = rig.station.connect();
    stream.write_all(ask.as_bytes()).unwrap();
    // It takes nothing, as one whose disk is busy.
    std::thread::park_timeout(std::time::Duration::from_secs(38));
    let state = rig.job(&job);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    let left = state["lease_until"].as_i64().unwrap() - i64::try_from(now).unwrap();
    assert!(state["state"] == "running" && left > 40_000, "its lease is kept: {left} ms, {state}");
    let answer = crate::station::answer(&mut stream);
    assert_eq!((answer.status, answer.whole), (200, true), "{} bytes", answer.body.len());
    let unpacked = zstd::decode_all(&answer.body[..]).unwrap();
    assert!(unpacked == rig.image, "all of it has come");
}

#[test]
fn a_project_with_an_eeprom_is_for_clients_that_write_one_unless_it_says_otherwise() {
    let rig = rig(&["--enrol", "open"]);
    let image = crate::eeprom::pi4_of("1754265600", b"[all]\nBOOT_UART=0\n");
    rig.station.put("/api/v1/firmware/four", &image).ok();
    let project = |eeprom: Value| {
        let body = json!({"name": "p", "image": "os", "end": "wait", "again": "again", "eeprom": eeprom});
        rig.station.admin("PUT", "/api/v1/projects/p", Some(&body)).ok();
        rig.give(json!({"action": "deploy", "project": "p"}))
    };
    let record = |job: &str| {
        let run = rig.job(job)["run"].as_str().unwrap().to_owned();
        rig.station.admin("GET", &format!("/api/v1/runs/{run}"), None).ok()
    };
    let job = project(json!({"firmware": "four"}));
    assert!(rig.poll()["url"].is_null(), "it got its image");
    let failed = record(&job);
    assert_eq!(failed["outcome"], "failed", "{failed:#}");
    assert!(failed["why"].as_str().unwrap().contains("a shell client writes none"), "{failed:#}");
    let job = project(json!({"firmware": "four", "otherwise": "go-on"}));
    assert!(rig.poll()["url"].is_string());
    let eeprom = &record(&job)["detail"]["eeprom"];
    assert_eq!(eeprom["state"], "skipped", "{eeprom:#}");
}
