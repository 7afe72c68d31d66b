//! Whoever is on the network of boards that run the old utility OS tells the station what he likes: that OS has no keys.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::old_os::question;
use crate::small_image;
use crate::station::{Answer, Station, answer, hex, request};

const SERIAL: &str = "10000000af04b2da";
const LEN: usize = 3 << 20;

fn image() -> Vec<u8> {
    vec![7; LEN]
}

/// What the script tells of a disk that has the image on it.
fn proof(token: &str) -> String {
    let read = Sha256::new_with_prefix(token).chain_update(image()).finalize();
    format!("sha256={}", hex(&read))
}

struct Rig {
    dir: tempfile::TempDir,
    station: Station,
    digest: String,
}

fn rig() -> Rig {
    let dir = tempfile::tempdir().unwrap();
    let station = Station::start(dir.path(), &["--enrol", "open"]);
    let image = image();
    station.put("/api/v1/images/os", &image).ok();
    let digest =
        station.admin("GET", "/api/v1/images/os", None).ok()["raw_sha256"].as_str().unwrap().to_owned();
    let script = json!({"name": "s", "text": "exit 0"});
    station.admin("PUT", "/api/v1/scripts/s", Some(&script)).ok();
    for (name, scripts) in [("plain", json!([])), ("scripted", json!(["s"]))] {
        let project =
            json!({"name": name, "image": "os", "end": "wait", "again": "again", "scripts": scripts});
        station.admin("PUT", &format!("/api/v1/projects/{name}"), Some(&project)).ok();
    }
    Rig { dir, station, digest }
}

impl Rig {
    fn get(&self, path: &str) -> Answer {
        self.station.raw(&request("GET", path, None, None, &[]))
    }

    /// From another address of this host than all others ask from.
    fn get_from_elsewhere(&self, path: &str) -> Answer {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.bind(&"127.0.0.9:0".parse::<std::net::SocketAddr>().unwrap().into()).unwrap();
        socket.connect(&self.station.address.into()).unwrap();
        let mut stream = std::net::TcpStream::from(socket);
        stream.write_all(&request("GET", path, None, None, &[])).unwrap();
        answer(&mut stream)
    }

    /// A board that has come, with a job of this project, and the token of its attempt.
    fn at_work(&self, serial: &str, project: &str) -> (String, String) {
        self.get(&question(serial, 1 << 20));
        let boards = self.station.admin("GET", "/api/v1/boards", None).ok();
        let board =
            boards["items"].as_array().unwrap().iter().find(|board| board["serial"] == serial).unwrap();
        let path = format!("/api/v1/boards/{}/jobs", board["id"].as_str().unwrap());
        let job =
            self.station.admin("POST", &path, Some(&json!({"action": "deploy", "project": project}))).ok();
        let script = text(&self.get(&question(serial, 1 << 20)));
        assert!(script.starts_with("# piprov: work\n"), "{script:.200}");
        (job["id"].as_str().unwrap().to_owned(), token(&script).unwrap())
    }

    fn state(&self, job: &str) -> Value {
        self.station.admin("GET", &format!("/api/v1/jobs/{job}"), None).ok()["state"].clone()
    }

    fn log(&self, path: &str, bytes: &[u8]) -> Answer {
        let mut body =
            b"--b\r\nContent-Disposition: form-data; name=\"log\"; filename=\"x\"\r\n\r\n".to_vec();
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n--b--\r\n");
        let kind = [("content-type", "multipart/form-data; boundary=b")];
        self.station.raw(&request("POST", path, None, Some(&body), &kind))
    }
}

fn text(answer: &Answer) -> String {
    String::from_utf8(answer.body.clone()).unwrap()
}

fn token(script: &str) -> Option<String> {
    let line = script.lines().find_map(|line| line.strip_prefix("token='"))?;
    Some(line.trim_end_matches('\'').to_owned()).filter(|token| !token.is_empty())
}

#[test]
fn nobody_marks_a_board_as_done_or_gives_it_a_log_without_the_token_of_its_attempt() {
    let rig = rig();
    let (job, token) = rig.at_work(SERIAL, "plain");
    let (other, foreign) = rig.at_work("10000000af04b2db", "plain");
    let done_by = |token: &str| format!("alldone=1&verify=1&{}&fresh=1", proof(token));
    let done = done_by(&token);
    let last = if token.ends_with('0') { '1' } else { '0' };
    let forged = format!("{}{last}", &token[..token.len() - 1]);
    let base = format!("/scriptexecute?serial={SERIAL}");
    assert_eq!(rig.get(&format!("{base}&{done}")).status, 403);
    assert_eq!(rig.get(&format!("{base}&step=alive")).status, 403);
    assert_eq!(rig.log(&base, b"x").status, 403);
    assert_eq!(rig.log(&format!("{base}&phase=dd&retcode=1"), b"x").status, 403);
    for wrong in [forged.as_str(), "", "x", &job] {
        let status = rig.get(&format!("{base}&token={wrong}&{done}")).status;
        assert!((400..500).contains(&status), "{wrong}: {status}");
        let status = rig.log(&format!("{base}&token={wrong}&phase=dd&retcode=1"), b"x").status;
        assert!((400..500).contains(&status), "{wrong}: {status}");
    }
    assert_eq!(rig.state(&job), "running");
    // The token of another board ends neither's job: it is said that the two don't belong together.
    let mixed = rig.get(&format!("{base}&token={foreign}&{done}"));
    assert!(
        mixed.status == 403 && text(&mixed).contains("given to the board 10000000af04b2db"),
        "{}",
        text(&mixed)
    );
    assert_eq!(rig.get(&format!("{base}x&token={token}&{done}")).status, 403);
    assert_eq!((rig.state(&job), rig.state(&other)), (json!("running"), json!("running")));
    // The short number is the same board's.
    let short = "/scriptexecute?serial=af04b2db";
    assert_eq!(rig.get(&format!("{short}&token={foreign}&{}", done_by(&foreign))).status, 200);
    assert_eq!((rig.state(&job), rig.state(&other)), (json!("running"), json!("done")));
    // A new attempt: the token of before opens nothing.
    let again = text(&rig.get(&question(SERIAL, 1 << 20)));
    assert_eq!(rig.get(&format!("{base}&token={token}&{done}")).status, 410);
    let token = self::token(&again).unwrap();
    assert_eq!(rig.get(&format!("{base}&token={token}&{}", done_by(&token))).status, 200);
    assert_eq!(rig.state(&job), "done");
}

#[test]
fn nothing_is_verified_that_was_not_read_back_from_the_disk_and_equal() {
    let rig = rig();
    let other = "ab".repeat(32);
    for (n, (told, project, state)) in [
        ("alldone=1".to_owned(), "plain", "not-verified"),
        ("alldone=1&verify=1".to_owned(), "plain", "not-verified"),
        // Read out of memory.
        ("alldone=1&PROOF&fresh=0".to_owned(), "plain", "not-verified"),
        // The digest of the image, which is no secret, says nothing of a disk.
        (format!("alldone=1&sha256={}&fresh=1", rig.digest), "plain", "failed"),
        (format!("step=compare&sha256={}&fresh=1", rig.digest), "plain", "failed"),
        (format!("alldone=1&sha256={other}&fresh=1"), "plain", "failed"),
        (format!("step=compare&sha256={other}&fresh=1"), "plain", "failed"),
        // Its scripts haven't run.
        ("alldone=1&PROOF&fresh=1".to_owned(), "scripted", "failed"),
    ]
    .into_iter()
    .enumerate()
    {
        let (job, token) = rig.at_work(&format!("10000000af04c0{n:02}"), project);
        rig.get(&format!("/scriptexecute?token={token}&{}", told.replace("PROOF", &proof(&token))));
        assert_eq!(rig.state(&job), state, "{told}");
        if told.ends_with("fresh=0") {
            let run = rig.station.admin("GET", "/api/v1/runs", None).ok()["items"][0].clone();
            assert!(run["why"].as_str().unwrap().contains("out of the board's memory"), "{run}");
        }
    }
}

#[test]
fn an_attempt_that_goes_on_is_nobody_elses() {
    let rig = rig();
    let (job, token) = rig.at_work(SERIAL, "plain");
    // Another host says that it is this board: it gets no token, and the attempt goes on.
    for path in [question(SERIAL, 1 << 20), question(SERIAL, 1 << 20) + "&again=1"] {
        let stolen = text(&rig.get_from_elsewhere(&path));
        assert!(
            self::token(&stolen).is_none() && stolen.contains("another address is at work"),
            "{stolen:.300}"
        );
    }
    // Nor does a shell client under its Ethernet address, whose word for that is no proof either.
    let mac = json!({"mac": "dc:a6:32:01:02:03"});
    rig.station.call("POST", "/api/register-device", None, Some(&mac)).ok();
    let poll = rig.station.call("GET", "/api/device-action-poll?mac=dc:a6:32:01:02:03", None, None).ok();
    assert_eq!(poll["action"], Value::Null, "{poll}");
    let proof = rig.get(&format!("/api/shell/{token}/proof"));
    assert_eq!(proof.status, 409, "{}", text(&proof));
    assert_eq!(rig.state(&job), "running");
    assert_eq!(rig.get(&format!("/scriptexecute?token={token}&step=alive")).status, 200);
}

#[test]
fn an_attempt_that_goes_on_is_nobody_elses_after_a_restart_of_the_station() {
    let mut rig = rig();
    let (job, token) = rig.at_work(SERIAL, "plain");
    rig.station.kill();
    rig.station = Station::start(rig.dir.path(), &["--enrol", "open"]);
    for path in [question(SERIAL, 1 << 20), question(SERIAL, 1 << 20) + "&again=1"] {
        let stolen = text(&rig.get_from_elsewhere(&path));
        assert!(
            self::token(&stolen).is_none() && stolen.contains("another address is at work"),
            "{stolen:.300}"
        );
    }
    assert_eq!(rig.state(&job), "running");
    assert_eq!(rig.get(&format!("/scriptexecute?token={token}&step=alive")).status, 200);
    // The board itself starts again where it was, and goes on.
    let script = text(&rig.get(&question(SERIAL, 1 << 20)));
    assert!(self::token(&script).is_some_and(|new| new != token), "{script:.300}");
}

#[test]
fn no_word_of_a_board_becomes_a_command_of_a_script_and_none_is_kept_beyond_its_bounds() {
    let rig = rig();
    for serial in ["", "%27%3Breboot%3B%27", "../../x", "0000000000000000", "zz"] {
        assert_eq!(rig.get(&format!("/scriptexecute?serial={serial}")).status, 401, "{serial}");
    }
    let evil = "%27%3B%20touch%20/tmp/piprov-was-here%0A%24(reboot)%60id%60%1b%5B2J";
    let path = format!(
        "/scriptexecute?serial={SERIAL}&model={evil}&mac={evil}&cid={evil}&temp={evil}&inversejumper={evil}&bootmode={evil}&storagesize=99"
    );
    let script = text(&rig.get(&path));
    assert!(script.starts_with("# piprov: wait\n"), "{script:.200}");
    // What comes before the part that is the same for each board.
    let (own, _) = script.split_once("# From here on").unwrap();
    assert!(!own.contains("reboot)") && !script.contains('\u{1b}'), "{own}");
    let mut child = Command::new("busybox").args(["sh", "-n"]).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
    let (_, token) = rig.at_work("10000000af04b2dc", "scripted");
    let base = format!("/scriptexecute?token={token}");
    assert_eq!(
        rig.log(&format!("{base}&phase=postinstall&script=0&retcode=0"), &vec![b'x'; 2 << 20]).status,
        413
    );
    for odd in [
        "phase=postinstall&script=9&retcode=0",
        "phase=postinstall&script=-1&retcode=0",
        "phase=postinstall&script=0&retcode=999",
        "phase=postinstall&script=0&retcode=x",
        "phase=../x&retcode=1",
        "phase=dd&retcode=0",
        // It ends before it has begun.
        "phase=postinstall&script=0&retcode=0",
        "step=nothing",
        "step=compare&sha256=zz",
        "step=begin&script=1",
    ] {
        let status = rig.log(&format!("{base}&{odd}"), b"x").status;
        assert!((400..500).contains(&status), "{odd}: {status}");
    }
    // Each step is bounded for a client that brings its bytes one by one, too.
    assert_eq!(rig.get(&format!("{base}&{}", "x".repeat(100_000))).status / 100, 4);
}

#[test]
fn a_job_that_this_os_cannot_carry_out_is_refused_before_anything_is_written() {
    let rig = rig();
    let disk = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(disk.path(), &**small_image::IMAGE).unwrap();
    let script = r#"printf 'root=/dev/mmcblk0p2 rootwait init=/usr/lib/raspberrypi-sys-mods/firstboot' | mcopy -i "$1"@@1M - ::cmdline.txt"#;
    let made = Command::new("sh").args(["-ec", script, "sh"]).arg(disk.path()).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    rig.station.put("/api/v1/images/parts", &std::fs::read(disk.path()).unwrap()).ok();
    let settings = json!({"name": "named", "image": "parts", "again": "again", "first_boot": {"hostname": "a", "format": "custom-toml"}});
    rig.station.admin("PUT", "/api/v1/projects/named", Some(&settings)).ok();
    let nvme = json!({"name": "nvme", "image": "os", "again": "again", "target": ["nvme"]});
    rig.station.admin("PUT", "/api/v1/projects/nvme", Some(&nvme)).ok();
    rig.station.put("/api/v1/images/odd", &vec![7; LEN + 100]).ok();
    let odd = json!({"name": "odd", "image": "odd", "again": "again"});
    rig.station.admin("PUT", "/api/v1/projects/odd", Some(&odd)).ok();
    for (n, (project, sectors, why)) in [
        ("named", 1 << 20, "first-boot settings"),
        ("nvme", 1 << 20, "eMMC and SD cards alone"),
        ("odd", 1 << 20, "whole sectors"),
        ("plain", 100, "and the board's disk 51200"),
        ("plain", 0, "no eMMC and no SD card"),
    ]
    .into_iter()
    .enumerate()
    {
        let serial = format!("10000000af04d0{n:02}");
        rig.get(&question(&serial, sectors));
        let boards = rig.station.admin("GET", "/api/v1/boards", None).ok();
        let board =
            boards["items"].as_array().unwrap().iter().find(|board| board["serial"] == serial.as_str());
        let path = format!("/api/v1/boards/{}/jobs", board.unwrap()["id"].as_str().unwrap());
        let job =
            rig.station.admin("POST", &path, Some(&json!({"action": "deploy", "project": project}))).ok();
        let script = text(&rig.get(&question(&serial, sectors)));
        assert!(token(&script).is_none() && script.contains(why), "{project}: {script:.400}");
        assert_eq!(rig.state(job["id"].as_str().unwrap()), "failed", "{project}");
    }
}

#[test]
fn one_address_keeps_no_board_from_its_script_and_starts_without_a_step_make_one_run() {
    let rig = rig();
    let (job, _) = rig.at_work(SERIAL, "plain");
    let refused = (0..200).map(|_| rig.get(&question(SERIAL, 1 << 20))).find(|answer| answer.status == 503);
    let refused = refused.unwrap();
    let wait = refused.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("retry-after"));
    assert_eq!(wait.map(|(_, seconds)| seconds.as_str()), Some("1"), "{refused:?}");
    let other = rig.get_from_elsewhere(&question("10000000af04b2dc", 1 << 20));
    assert_eq!(other.status, 200, "{other:?}");
    let runs = rig.station.admin("GET", "/api/v1/runs", None).ok()["items"].as_array().unwrap().clone();
    assert!(runs.len() == 1 && runs[0]["outcome"] == "unfinished", "{runs:#?}");
    assert_eq!(rig.state(&job), "running");
}
