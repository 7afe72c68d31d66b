//! Disks with faults under `piprov deploy` and the agent: a real block device of this kernel that misbehaves.
//!
//! Whatever is wrong, it is told at which step and where, no board starts from the disk, and nothing is called verified.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::common;
use crate::faulty::{Fault, Faulty};
use crate::station_cli::Station;
use crate::station_deploy::{Agent, boards, runs};

const MIB: usize = 1 << 20;
/// In the third of the image's four chunks.
const IN: u64 = 9 << 20;
const PLACE: std::ops::Range<u64> = IN..IN + 4096;
/// All of that chunk: a write that fails behind its first bytes is a short one, which Linux' loop device calls done.
const CHUNK: std::ops::Range<u64> = 8 << 20..12 << 20;

/// Bytes that can't be packed.
pub(crate) fn noise(len: usize) -> Vec<u8> {
    let mut state = 7_u64;
    let words = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.flatten().take(len).collect()
}

/// Four chunks that can't be packed, with zeros in the second.
fn image() -> Vec<u8> {
    let mut bytes = noise(14 * MIB);
    bytes[5 * MIB..7 * MIB].fill(0);
    bytes
}

/// A disk with something on it that a board would start.
fn before() -> Vec<u8> {
    vec![0xee; 16 * MIB]
}

/// Deploys; the exit code and the record.
fn deploy(dir: &Path, disk: &Faulty) -> (i32, Value) {
    let out = common::piprov()
        .args(["deploy", "os.img", "--json", "--device", disk.name(), "--confirm", disk.name()])
        .current_dir(dir)
        .env("PIPROV_STATE_DIR", dir)
        .output()
        .unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    lines.iter().for_each(crate::documented::check);
    let last = lines.last().unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&out.stderr))).clone();
    let record = if last["record"].is_null() { last } else { last["record"].clone() };
    (out.status.code().unwrap(), record)
}

/// What is wrong, the exit code, the step, and what is told.
type Case = (Fault, i32, &'static str, &'static str);

fn cases() -> Vec<Case> {
    vec![
        (
            Fault::Write(CHUNK, libc::EIO),
            74,
            "write",
            "writing at byte 8388608: Input/output error (os error 5)",
        ),
        (Fault::Write(CHUNK, libc::ENOSPC), 74, "write", "No space left on device (os error 28)"),
        (Fault::Read(PLACE, libc::EIO), 74, "read-back", "reading at byte 8388608: Input/output error"),
        (Fault::Short(PLACE), 1, "read-back", "gives back other bytes than were written, first at byte"),
        (Fault::Flips(IN), 1, "read-back", "gives back other bytes than were written, first at byte 9437184"),
        (Fault::Forgets(PLACE), 1, "read-back", "other bytes than were written, first at byte 9437184"),
    ]
}

#[test]
fn a_disk_with_a_fault_is_named_with_step_place_and_errno_and_nothing_starts_from_it() {
    let dir = tempfile::tempdir().unwrap();
    let image = image();
    fs::write(dir.path().join("os.img"), &image).unwrap();
    for (fault, code, stage, told) in cases() {
        let disk = Faulty::new(before(), std::slice::from_ref(&fault));
        let (got, record) = deploy(dir.path(), &disk);
        assert!(disk.met() > 0, "{fault:?} wasn't met");
        assert_eq!(
            (got, &record["outcome"], &record["stage"]),
            (code, &json!("failed"), &json!(stage)),
            "{record}"
        );
        let why = record["why"].as_str().unwrap();
        assert!(why.starts_with(disk.name()) && why.contains(told), "{fault:?}: {why}");
        assert!(why.ends_with("no board starts from it"), "{fault:?}: {why}");
        assert!(disk.is_unbootable(), "{fault:?}");
        assert_eq!(record["detail"]["read_back_sha256"], Value::Null, "{record}");
        // What was written until then, and no more than there is.
        let written = record["detail"]["written"].as_u64().unwrap();
        assert!((1 << 20..=16 << 20).contains(&written), "{record}");
        // Mended, the same disk gets the rest.
        disk.set(&[]);
        let (got, record) = deploy(dir.path(), &disk);
        assert_eq!((got, &record["proof"]), (0, &json!("read-back")), "{record}");
        assert!(
            record["detail"]["kept"].as_u64().unwrap() > 4 << 20,
            "what is there isn't written again: {record}"
        );
        assert!(disk.bytes()[..image.len()] == image, "{fault:?}");
    }
}

#[test]
fn a_disk_that_says_it_zeroes_and_does_not_gets_zeros_and_is_equal() {
    let dir = tempfile::tempdir().unwrap();
    let image = image();
    fs::write(dir.path().join("os.img"), &image).unwrap();
    let disk = Faulty::new(before(), &[Fault::LiesOnZero(2 << 20)]);
    let (code, record) = deploy(dir.path(), &disk);
    assert!(disk.met() > 0, "it was never told to zero");
    assert_eq!((code, &record["proof"]), (0, &json!("read-back")), "{record}");
    assert!(record["warnings"].to_string().contains("were not zero"), "{record}");
    assert!(disk.bytes()[..image.len()] == image);
}

#[test]
fn a_disk_that_forgets_its_beginning_is_refused_and_no_more_is_said_than_is_known() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("os.img"), image()).unwrap();
    let disk = Faulty::new(before(), &[Fault::Forgets(0..1 << 20)]);
    let (code, record) = deploy(dir.path(), &disk);
    assert_eq!((code, &record["stage"]), (1, &json!("prepare")), "{record}");
    let why = record["why"].as_str().unwrap();
    assert!(why.contains("gives back other bytes") && why.contains("is not known"), "{why}");
    assert!(disk.bytes()[1 << 20..15 << 20].iter().all(|byte| *byte == 0xee), "nothing else was written");
    // The lock switch: told before anything is done.
    let disk = Faulty::read_only(before());
    let out = common::piprov()
        .args(["deploy", "os.img", "--device", disk.name(), "--confirm", disk.name()])
        .current_dir(dir.path())
        .env("PIPROV_STATE_DIR", dir.path())
        .output()
        .unwrap();
    let text = String::from_utf8(out.stderr).unwrap();
    assert_eq!(out.status.code(), Some(77), "{text}");
    assert!(text.contains("is read-only") && text.contains("lock switch"), "{text}");
    assert!(disk.bytes() == before());
}

#[test]
fn a_disk_that_goes_away_at_any_byte_is_never_called_verified_and_begins_with_zeros() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("os.img"), image()).unwrap();
    let whole = Faulty::new(before(), &[]);
    assert_eq!(deploy(dir.path(), &whole).0, 0);
    let all = whole.written();
    // From the first zeros to the piece that is written last.
    let mut places: Vec<u64> = (0..8).map(|n| (1 << 20) + n * (all - (1 << 20)) / 8).collect();
    places.extend([all - (1 << 19), all - 65_536 - 4096, all - 65_536]);
    let mut stages = Vec::new();
    for after in places {
        let disk = Faulty::new(before(), &[Fault::Gone(after)]);
        let (code, record) = deploy(dir.path(), &disk);
        assert_eq!((code, &record["outcome"]), (74, &json!("failed")), "{after}: {record}");
        let why = record["why"].as_str().unwrap();
        assert!(why.contains("os error 5") && why.contains("is not known"), "{why}");
        // What is there of the beginning: what is written last is its first piece.
        let bytes = disk.bytes();
        assert!(bytes[..65_536].iter().all(|byte| *byte == 0 || *byte == 0xa5), "after {after}: {why}");
        stages.push(record["stage"].as_str().unwrap().to_owned());
    }
    for stage in ["prepare", "write", "read-back"] {
        assert!(stages.iter().any(|met| met == stage), "{stages:?}");
    }
}

#[test]
fn the_agent_tells_its_station_which_disk_failed_how_and_at_which_step() {
    let station = Station::start();
    let image = image();
    fs::write(station.path("os.img"), &image).unwrap();
    station.json(&["image", "add", "os.img", "--name", "os"]);
    let board = "10000000aaaa0001";
    let mut all = cases();
    all.push((Fault::Gone(8 << 20), 1, "write", "Input/output error"));
    for (n, (fault, _, stage, told)) in all.into_iter().enumerate() {
        let disk = Faulty::new(before(), std::slice::from_ref(&fault));
        let agent = Agent::on(&station, "a", board, &disk.path);
        if n == 0 {
            boards(&station, 1);
        }
        let out =
            station.run(&["board", "deploy", board, "--image", "os", "--end", "wait", "--confirm", board]);
        let text = String::from_utf8(out.stderr).unwrap();
        assert_eq!(out.status.code(), Some(1), "{fault:?}: {text}");
        let run = runs(&station).pop().unwrap();
        assert_eq!((&run["outcome"], &run["stage"]), (&json!("failed"), &json!(stage)), "{fault:?}: {run}");
        let why = run["why"].as_str().unwrap();
        let device = disk.path.file_name().unwrap().to_str().unwrap();
        assert!(why.contains(device) && why.contains(told), "{fault:?}: {why}");
        assert!(disk.bytes()[..65_536].iter().all(|byte| *byte == 0), "{fault:?}");
        if !matches!(fault, Fault::Gone(_)) {
            assert!(disk.is_unbootable(), "{fault:?}");
            disk.set(&[]);
            station.json(&["board", "deploy", board, "--image", "os", "--end", "wait", "--confirm", board]);
            assert!(disk.bytes()[..image.len()] == image, "{fault:?}");
        }
        agent.kill();
    }
    // Too small, and read-only: nothing was written, and it is said.
    let small = Faulty::new(vec![0xee; 8 * MIB], &[]);
    for (disk, told) in [(&small, "the image needs 14 MiB"), (&Faulty::read_only(before()), "is read-only")] {
        let _agent = Agent::on(&station, "a", board, &disk.path);
        let out =
            station.run(&["board", "deploy", board, "--image", "os", "--end", "wait", "--confirm", board]);
        assert_eq!(out.status.code(), Some(1), "{out:?}");
        let run = runs(&station).pop().unwrap();
        let why = run["why"].as_str().unwrap();
        assert!(why.contains(told) && why.ends_with("the disk is as it was"), "{why}");
        assert!(disk.bytes().iter().all(|byte| *byte == 0xee));
    }
}
