//! EEPROMs: images that are none, boards that lie about what they have written, and people who may not.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::deb::{ar, control, deb};
use crate::eeprom::{Half, ab, pi4_of};
use crate::station::{Answer, Board, Station, hex, request};

const CONF: &[u8] = b"[all]\nBOOT_UART=0\nBOOT_ORDER=0xf41\n";
/// The first member of a package.
const FORMAT: (&str, &[u8]) = ("debian-binary", b"2.0\n");
const OCTETS: (&str, &str) = ("content-type", "application/octet-stream");

fn sum(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn station() -> (tempfile::TempDir, Station) {
    let dir = tempfile::tempdir().unwrap();
    let station = Station::start(dir.path(), &["--enrol", "open"]);
    (dir, station)
}

/// One with an image, an EEPROM, and a project that has both.
fn prepared() -> (tempfile::TempDir, Station) {
    let (dir, station) = station();
    station.put("/api/v1/images/os", &[7; 70_000]).ok();
    station.put("/api/v1/firmware/four", &pi4_of("1754265600", CONF)).ok();
    let eeprom = json!({"firmware": "four", "set": {"BOOT_UART": "1"}});
    let project = json!({"name": "p", "image": "os", "end": "wait", "again": "again", "eeprom": eeprom});
    station.admin("PUT", "/api/v1/projects/p", Some(&project)).ok();
    (dir, station)
}

/// Registers a board that tells this of its EEPROM.
fn register(board: &mut Board, station: &Station, eeprom: &Value) -> Answer {
    let hello = station.call("GET", "/api/v1/device/hello", None, None).ok();
    let mut told = board.told(hello["nonce"].as_str().unwrap());
    told["eeprom"] = eeprom.clone();
    told["model"] = "Raspberry Pi Compute Module 4 Rev 1.1".into();
    let body = told.to_string();
    let answer = board.register_with(station, body.as_bytes(), &board.sign(body.as_bytes()));
    if answer.status == 200 {
        let registered = answer.json();
        board.token = registered["token"].as_str().unwrap().to_owned();
        board.id = registered["board"].as_str().unwrap().to_owned();
    }
    answer
}

fn told() -> Value {
    json!({"built": 1_700_000_000, "signed": 0, "flash": 512 << 10})
}

/// A job of a board with the project: its name and its token.
fn job(board: &mut Board, station: &Station) -> (String, String) {
    register(board, station, &told()).ok();
    let deploy = json!({"action": "deploy", "project": "p"});
    station.admin("POST", &format!("/api/v1/boards/{}/jobs", board.id), Some(&deploy)).ok();
    let work = board.work(station, 0).ok();
    let text = |name: &str| work[name].as_str().unwrap().to_owned();
    (text("job"), text("token"))
}

/// The manifest, as a client that knows these words gets it.
fn manifest(station: &Station, (job, token): &(String, String), can: &str) -> Answer {
    let path = format!("/api/v1/device/jobs/{job}/manifest");
    station.raw(&request("GET", &path, Some(token), None, &[("piprov-can", can)]))
}

/// The record of a board's job.
fn record(station: &Station, job: &str) -> Value {
    let job = station.admin("GET", &format!("/api/v1/jobs/{job}"), None).ok();
    station.admin("GET", &format!("/api/v1/runs/{}", job["run"].as_str().unwrap()), None).ok()
}

#[test]
fn what_is_no_image_of_an_eeprom_is_not_kept() {
    let (_dir, station) = station();
    let good = pi4_of("1754265600", CONF);
    let put = |name: &str, bytes: &[u8]| station.put(&format!("/api/v1/firmware/{name}"), bytes);
    let mut header = good.clone();
    header[4..8].copy_from_slice(&u32::MAX.to_be_bytes());
    let zip = zstd::encode_all(&vec![0_u8; 64 << 20][..], 19).unwrap();
    for (what, bytes) in [
        ("nothing", Vec::new()),
        ("half of one", good[..good.len() / 2].to_vec()),
        ("one byte less", good[1..].to_vec()),
        ("zeros", vec![0; 512 << 10]),
        ("ones", vec![0xff; 2 << 20]),
        ("sections without an end", [0x55, 0xaa, 0xf0, 0x0f, 0, 0, 0, 0].repeat((512 << 10) / 8)),
        ("a section that is longer than the image", header),
        ("a bomb", zip),
        ("a terminal's commands", pi4_of("1754265600", b"[all]\nA=\x1b]0;x\x07\n")),
        ("no text", pi4_of("1754265600", b"[all]\nA=\xff\xfe\n")),
        ("text that is read the other way round", pi4_of("1754265600", "A=\u{202e}1\n".as_bytes())),
    ] {
        let answer = put("x", &bytes);
        assert_eq!(answer.status, 422, "{what}: {answer:?}");
        assert!(!answer.body.contains(&0x1b), "{what}");
    }
    assert_eq!(put("x", &vec![0; (2 << 20) + 1]).status, 413);
    for name in ["a%2fb", "..%2fx", "%1b[2J", "a%00b", "%0a", "%20", &"x".repeat(300)] {
        let status = put(name, &good).status;
        assert!((400..500).contains(&status), "{name}: {status}");
    }
    for channel in ["", "%1b[2J", "%3cb%3e", &"x".repeat(33)] {
        let answer = station.put(&format!("/api/v1/firmware/x?channel={channel}"), &good);
        assert_eq!(answer.status, 422, "{channel}: {answer:?}");
    }
    assert_eq!(station.admin("GET", "/api/v1/firmware", None).ok()["items"], json!([]));
    // There are so many at most, whatever comes.
    for number in 0..32 {
        put(&format!("n{number}"), &pi4_of(&(1_754_265_600 + number).to_string(), CONF)).ok();
    }
    let many = put("one-more", &pi4_of("1760000000", CONF));
    assert!((400..500).contains(&many.status), "{many:?}");
}

#[test]
fn a_package_that_is_none_or_would_fill_the_host_is_refused_and_the_station_goes_on() {
    let (_dir, station) = station();
    let good = pi4_of("1754265600", CONF);
    let name = "./usr/lib/firmware/raspberrypi/bootloader-2711/default/pieeprom.bin";
    let whole = deb("rpi-eeprom", "1", &[(name, &good[..])]);
    let control = control("rpi-eeprom", "1");
    let with = |data: &[u8]| ar(&[FORMAT, ("control.tar", &control[..]), ("data.tar.zst", data)]);
    // 512 MiB of zeros that nobody wants, in a few kilobytes; and more images than are kept.
    let vast = {
        let mut packed = zstd::Encoder::new(Vec::new(), 1).unwrap();
        let mut header = tar::Header::new_gnu();
        header.set_path("nothing").unwrap();
        header.set_size(512 << 20);
        header.set_cksum();
        std::io::Write::write_all(&mut packed, header.as_bytes()).unwrap();
        std::io::copy(&mut std::io::Read::take(std::io::repeat(0), 512 << 20), &mut packed).unwrap();
        packed.finish().unwrap()
    };
    let many = {
        let five = vec![0; 2 << 20];
        let names: Vec<String> = (0..120).map(|n| format!("./{n}/pieeprom.bin")).collect();
        let files: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &five[..])).collect();
        zstd::encode_all(&crate::deb::tar(&files)[..], 1).unwrap()
    };
    let long = {
        let mut bytes = whole.clone();
        let at = 8 + 48;
        bytes[at..at + 10].copy_from_slice(b"9999999999");
        bytes
    };
    let odd_format =
        ar(&[("debian-binary", &b"3.0\n"[..]), ("control.tar", &control[..]), ("data.tar", &b""[..])]);
    let cases: [(&str, Vec<u8>); 10] = [
        ("only a head", b"!<arch>\n".to_vec()),
        ("half of one", whole[..whole.len() / 2].to_vec()),
        ("a member that is longer than all", long),
        ("another format", odd_format),
        ("no data", ar(&[FORMAT, ("control.tar", &control[..])])),
        ("data that is none", with(b"no zstd at all")),
        ("zeros without end", with(&vast)),
        ("more than is kept", with(&many)),
        ("no image", deb("x", "1", &[("./pieeprom.bin", &vec![0; 512 << 10][..])])),
        (
            "a way up",
            deb("x", "1", &[("./../pieeprom.bin", &good[..]), ("/../../x/pieeprom.bin", &good[..])]),
        ),
    ];
    for (what, bytes) in cases {
        let answer = station.put("/api/v1/firmware/x", &bytes);
        assert_eq!(answer.status, 422, "{what}: {}", String::from_utf8_lossy(&answer.body));
        assert!(!answer.body.contains(&0x1b), "{what}");
    }
    // Thousands of archives in one are no more than one of them.
    let mut members: Vec<(&str, &[u8])> = vec![FORMAT, ("control.tar", &control[..])];
    let data = zstd::encode_all(&crate::deb::tar(&[(name, &good[..])])[..], 1).unwrap();
    let bomb = &vast[..vast.len().min(4096)];
    members.push(("data.tar.zst", &data[..]));
    members.extend(std::iter::repeat_n(("data.tar.zst", bomb), 2000));
    assert_eq!(station.put("/api/v1/firmware/many", &ar(&members)).ok()["sha256"], sum(&good));
    // What a package says of itself obeys no terminal, and is bounded.
    let told = deb("a\u{1b}]0;x\u{7}", &"9".repeat(5000), &[(name, &pi4_of("1754265601", CONF)[..])]);
    let from = station.put("/api/v1/firmware/told", &told).ok()["from"].clone();
    let from = from.as_str().unwrap();
    assert!(from.chars().count() <= 300 && !from.contains('\u{1b}'), "{from:?}");
    // No file is longer than a package may be.
    assert_eq!(station.put("/api/v1/firmware/x", &vec![0; (32 << 20) + 1]).status, 413);
    assert_eq!(station.put("/api/v1/firmware/fine", &good).status, 200);
}

#[test]
fn who_may_not_changes_and_fetches_nothing() {
    let (_dir, station) = prepared();
    let good = pi4_of("1754265600", CONF);
    let (viewer, operator) = (station.token("v", "viewer"), station.token("o", "operator"));
    for (method, path, body) in
        [("PUT", "/api/v1/firmware/x", Some(&good[..])), ("DELETE", "/api/v1/firmware/four", None)]
    {
        for (token, want) in [(None, 401), (Some(&viewer), 403), (Some(&operator), 403)] {
            let asked = request(method, path, token.map(String::as_str), body, &[OCTETS]);
            assert_eq!(station.raw(&asked).status, want, "{method} {path}");
        }
    }
    // A job's own image goes to its board alone: it has the settings of that board's project.
    let (mut mine, mut other) = (Board::new("10000000000000b1"), Board::new("10000000000000b2"));
    let (job, token) = job(&mut mine, &station);
    let path = format!("/api/v1/device/jobs/{job}/eeprom");
    let (_, foreign) = self::job(&mut other, &station);
    for wrong in [None, Some(&viewer), Some(&foreign), Some(&mine.token)] {
        let status = station.call("GET", &path, wrong.map(String::as_str), None).status;
        assert!((401..=404).contains(&status), "{status}");
    }
    let answer = manifest(&station, &(job, token.clone()), "eeprom").ok();
    let image = station.call("GET", &path, Some(&token), None);
    assert_eq!(
        (image.status, sum(&image.body)),
        (200, answer["eeprom"]["sha256"].as_str().unwrap().to_owned())
    );
    // One that writes none has none.
    let mut third = Board::new("10000000000000b3");
    register(&mut third, &station, &told()).ok();
    let reboot = json!({"action": "reboot"});
    station.admin("POST", &format!("/api/v1/boards/{}/jobs", third.id), Some(&reboot)).ok();
    let work = third.work(&station, 0).ok();
    let path = format!("/api/v1/device/jobs/{}/eeprom", work["job"].as_str().unwrap());
    assert_eq!(station.call("GET", &path, work["token"].as_str(), None).status, 404);
}

#[test]
fn a_board_that_lies_about_its_eeprom_is_not_believed() {
    let (_dir, station) = prepared();
    let disk = sum(&[7; 70_000]);
    let result = |serial: &str, eeprom: Value| {
        let mut board = Board::new(serial);
        let given = job(&mut board, &station);
        let answer = manifest(&station, &given, "scripts eeprom").ok();
        let wanted = answer["eeprom"]["sha256"].as_str().unwrap().to_owned();
        let eeprom: Value = serde_json::from_str(&eeprom.to_string().replace("WANTED", &wanted)).unwrap();
        let body = json!({
            "fence": answer["fence"], "stage": "done", "read_back_sha256": disk, "written": 70_000, "eeprom": eeprom,
        });
        let path = format!("/api/v1/device/jobs/{}/result", given.0);
        let status = station.call("POST", &path, Some(&given.1), Some(&body)).status;
        (status, record(&station, &given.0))
    };
    for (at, (eeprom, outcome, state, why)) in [
        (json!({"read_back": "WANTED", "written": 4096}), "done", "verified", ""),
        (json!({"read_back": "WANTED", "written": 0}), "done", "there", ""),
        (Value::Null, "failed", "failed", "its EEPROM wasn't read back"),
        (json!({"written": 4096}), "failed", "failed", "its EEPROM wasn't read back"),
        (
            json!({"read_back": "0".repeat(64), "written": 4096}),
            "failed",
            "failed",
            "isn't what was to be there",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let (status, record) = result(&format!("10000000000000c{at}"), eeprom.clone());
        assert!((200..300).contains(&status), "{eeprom}: {status}");
        assert_eq!(
            (&record["outcome"], &record["detail"]["eeprom"]["state"]),
            (&outcome.into(), &state.into()),
            "{record:#}"
        );
        assert!(record["why"].as_str().unwrap_or_default().contains(why), "{record:#}");
    }
    // What no chip can have been written or read as is not taken at all.
    for (at, eeprom) in [
        json!({"read_back": "WANTED\u{1b}[2J"}),
        json!({"read_back": "WANTED0"}),
        json!({"before": "x".repeat(1 << 20), "read_back": "WANTED"}),
        json!({"read_back": "WANTED", "written": u64::MAX}),
        json!({"read_back": "WANTED", "built": u64::MAX}),
    ]
    .into_iter()
    .enumerate()
    {
        let (status, record) = result(&format!("10000000000000d{at}"), eeprom);
        assert!((400..500).contains(&status), "{status}");
        assert_eq!(record["outcome"], "unfinished");
    }
    // Neither is what no firmware tells.
    for eeprom in [
        json!({"config": "x".repeat(4097)}),
        json!({"config": "A=\u{1b}[2J"}),
        json!({"config": "A=\u{202e}1"}),
        json!({"version": "x".repeat(65)}),
        json!({"built": u64::MAX}),
        json!({"flash": u64::MAX}),
        json!({"signed": -1}),
    ] {
        let status = register(&mut Board::new("10000000000000e1"), &station, &eeprom).status;
        assert!((400..500).contains(&status), "{eeprom}: {status}");
    }
}

#[test]
fn a_client_that_does_not_know_of_eeproms_gets_no_job_with_one() {
    let (_dir, station) = prepared();
    for (at, can) in ["", "scripts", "eeproms"].into_iter().enumerate() {
        let mut board = Board::new(&format!("10000000000000f{at}"));
        let given = job(&mut board, &station);
        let answer = manifest(&station, &given, can);
        assert_eq!(answer.status, 409, "{answer:?}");
        let record = record(&station, &given.0);
        assert_eq!(record["outcome"], "failed", "{record:#}");
        assert!(record["why"].as_str().unwrap().contains("doesn't know of EEPROMs; nothing was written"));
    }
    // A station that has lost the image says so, and the job ends.
    let mut board = Board::new("10000000000000fa");
    let given = job(&mut board, &station);
    station.admin("DELETE", "/api/v1/projects/p", None).ok();
    station.admin("DELETE", "/api/v1/firmware/four", None).ok();
    assert_eq!(manifest(&station, &given, "eeprom").status, 404);
    let record = record(&station, &given.0);
    assert_eq!(record["outcome"], "failed", "{record:#}");
    assert!(record["why"].as_str().unwrap().contains("EEPROM: "), "{record:#}");
    // An image of another chip than the board says it has is refused where the job is asked for.
    station.put("/api/v1/firmware/five", &ab(&Half { firmware: 7, conf: CONF }, None)).ok();
    let project = json!({"name": "five", "image": "os", "eeprom": {"firmware": "five"}});
    station.admin("PUT", "/api/v1/projects/five", Some(&project)).ok();
    let mut board = Board::new("10000000000000fb");
    register(&mut board, &station, &told()).ok();
    let deploy = json!({"action": "deploy", "project": "five"});
    let answer = station.admin("POST", &format!("/api/v1/boards/{}/jobs", board.id), Some(&deploy));
    assert_eq!(answer.status, 422, "{answer:?}");
}
