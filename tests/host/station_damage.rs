//! Damage in what a station keeps, and images that aren't what they say.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::faulty_disks::noise;
use crate::station_cli::Station;
use crate::station_deploy::{Agent, boards, disk, runs, stored, until};

const MIB: usize = 1 << 20;
const BOARD: &str = "10000000aaaa0001";

/// The files of a sort of objects.
fn objects(station: &Station, sort: &str) -> Vec<PathBuf> {
    fn below(path: &Path, all: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(path).unwrap().flatten() {
            if entry.path().is_dir() { below(&entry.path(), all) } else { all.push(entry.path()) }
        }
    }
    let mut all = Vec::new();
    below(&station.path("station/objects").join(sort), &mut all);
    all.sort();
    all
}

/// Flips a bit at a place, as a part of the file's length.
fn flip(path: &Path, part: f64) {
    let mut bytes = fs::read(path).unwrap();
    let at = (bytes.len() as f64 * part) as usize;
    bytes[at] ^= 4;
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_flipped_bit_in_a_chunk_or_an_index_is_named_reaches_no_board_and_goes_when_the_image_is_added_again() {
    let mut station = Station::start();
    let image = noise(10 * MIB);
    fs::write(station.path("os.img"), &image).unwrap();
    station.json(&["image", "add", "os.img", "--name", "os"]);
    let disk = disk(&station, "a", 12);
    let _agent = Agent::on(&station, "a", BOARD, &disk);
    boards(&station, 1);
    let deploy = ["board", "deploy", BOARD, "--image", "os", "--end", "wait", "--confirm", BOARD];
    type Damage = fn(&Path);
    let damages: [(&str, Damage, &str); 5] = [
        ("chunks", |path| flip(path, 0.5), "damaged"),
        ("chunks", |path| flip(path, 0.0), "damaged"),
        ("chunks", |path| fs::remove_file(path).unwrap(), "missing"),
        ("indexes", |path| flip(path, 0.5), "damaged"),
        ("indexes", |path| flip(path, 0.99), "damaged"),
    ];
    for (n, (sort, damage, word)) in damages.into_iter().enumerate() {
        damage(&objects(&station, sort)[0]);
        // What it has in memory isn't damaged.
        station.kill();
        station.begin();
        fs::write(&disk, vec![0xee; 12 * MIB]).unwrap();
        if n == 0 || n == 3 {
            // Found while it is given to a board.
            let text = station.stderr(&deploy, 1);
            let run = runs(&station).pop().unwrap();
            let why = run["why"].as_str().unwrap();
            assert!(why.contains("`os`") && why.contains(word), "{why} {text}");
            let bytes = fs::read(&disk).unwrap();
            assert!(bytes[..MIB].iter().all(|byte| *byte == 0) || bytes[..MIB] == [0xee; MIB], "{why}");
        }
        let text = station.stderr(&["image", "verify", "os"], 65);
        assert!(text.contains(word) && text.contains("os"), "{text}");
        assert!(sort == "indexes" || text.contains("bytes "), "where: {text}");
        // It is in the store as such, and no board is given it.
        let text = station.stderr(&deploy, 65);
        assert!(text.contains("it is damaged"), "{text}");
        station.stderr(&["image", "export", "os", "-o", &format!("back{n}")], 65);
        assert!(!station.path(&format!("back{n}")).exists(), "no damaged image is left on a disk");
        // The same file again.
        let added = station.json(&["image", "add", "os.img", "--name", &format!("os{n}")]);
        let mended: Vec<_> = added[0]["value"]["mended"].as_array().unwrap().clone();
        assert!(mended.contains(&"os".into()), "{added:?}");
        station.json(&deploy);
        assert!(fs::read(&disk).unwrap()[..image.len()] == image);
    }
}

#[test]
fn an_image_that_lies_about_its_length_or_ends_too_early_is_none_and_leaves_nothing() {
    let station = Station::start();
    let raw = noise(5 * MIB);
    let gz = |end: usize| {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(&raw).unwrap();
        let mut packed = packed.finish().unwrap();
        let at = packed.len() - end;
        packed[at] ^= 1;
        packed
    };
    let zstd = zstd::bulk::compress(&raw, 1).unwrap();
    // The frame's header says the length: byte 6 is within it.
    let mut lies = zstd.clone();
    lies[6] ^= 1;
    let cases = [
        ("length.gz", gz(4)),
        ("sum.gz", gz(8)),
        ("cut.gz", gz(8)[..3 * MIB].to_vec()),
        ("cut.zst", zstd[..zstd.len() - 100].to_vec()),
        ("lies.zst", lies),
    ];
    for (name, bytes) in cases {
        fs::write(station.path(name), bytes).unwrap();
        let text = station.stderr(&["image", "add", name, "--name", name], 65);
        let show = station.json(&["image", "show", name]).remove(0);
        assert_eq!(show["value"]["state"], "failed", "{show} {text}");
        assert!(!show["value"]["why"].as_str().unwrap().is_empty());
    }
    until("an empty store", || (stored(&station) == 0).then_some(()));
    // What it is to be is said before.
    fs::write(station.path("os.img"), &raw).unwrap();
    let other = "00".repeat(32);
    let text = station.stderr(&["image", "add", "os.img", "--name", "os", "--sha256", &other], 65);
    assert!(text.contains(&other), "{text}");
}

/// A small file system in memory for a station's state.
struct Small(PathBuf);

impl Small {
    fn new(path: PathBuf, mib: usize) -> Self {
        fs::create_dir_all(&path).unwrap();
        let mount = ["-t", "tmpfs", "-o", &format!("size={mib}m,mode=700"), "small"];
        assert!(Command::new("mount").args(mount).arg(&path).status().unwrap().success());
        Self(path)
    }

    /// So large from now on, as long as what is in it fits.
    fn resize(&self, mib: usize) {
        let resize = ["-o", &format!("remount,size={mib}m")];
        assert!(Command::new("mount").args(resize).arg(&self.0).status().unwrap().success());
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_disk_that_gets_full_while_an_image_comes_keeps_the_store_whole() {
    let dir = tempfile::tempdir().unwrap();
    // With less than 256 MiB it would begin none.
    let small = Small::new(dir.path().join("small"), 320);
    let mut station = Station::in_state(&small.0.join("station"));
    let image = noise(12 * MIB);
    fs::write(station.path("os.img"), &image).unwrap();
    station.json(&["image", "add", "os.img", "--name", "os"]);
    // It gets full when a part has come.
    let mut command = station.command(&["image", "add", "-", "--name", "large"]);
    let mut add = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (mut input, large) = (add.stdin.take().unwrap(), noise(60 * MIB));
    input.write_all(&large[..16 * MIB]).unwrap();
    until("a part of it", || {
        let used = rustix::fs::statvfs(&small.0).map(|of| (of.f_blocks - of.f_bfree) * of.f_frsize).unwrap();
        (used > 20 << 20).then_some(())
    });
    small.resize(48);
    // The command may end before it has read all.
    let _ = input.write_all(&large[16 * MIB..]);
    drop(input);
    let out = add.wait_with_output().unwrap();
    let text = String::from_utf8(out.stderr).unwrap();
    assert!(
        out.status.code() == Some(73) && text.contains("full") && text.contains("emove images"),
        "{text}"
    );
    small.resize(320);
    let show = station.json(&["image", "show", "large"]).remove(0);
    assert!(
        show["value"]["state"] == "failed" && show["value"]["why"].as_str().unwrap().contains("full"),
        "{show}"
    );
    // Its chunks go, the other image's stay, and there is room again.
    station.json(&["image", "verify", "os"]);
    fs::write(station.path("other.img"), &noise(16 * MIB)[MIB..]).unwrap();
    let began = Instant::now();
    loop {
        let out = station.run(&["image", "add", "other.img", "--name", "other"]);
        if out.status.success() {
            break;
        }
        let text = String::from_utf8(out.stderr).unwrap();
        assert!(began.elapsed() < Duration::from_secs(60), "there is no room: {text}");
    }
    station.kill();
    station.begin();
    for name in ["os", "other"] {
        station.json(&["image", "verify", name]);
    }
    let disk = disk(&station, "a", 14);
    let _agent = Agent::on(&station, "a", BOARD, &disk);
    boards(&station, 1);
    station.json(&["board", "deploy", BOARD, "--image", "os", "--end", "wait", "--confirm", BOARD]);
    assert!(fs::read(&disk).unwrap()[..image.len()] == image);
}

fn health(station: &Station) -> u16 {
    use piprov::http::{Client, Limits, Origin, Trust};
    let stop = piprov::stop::Stop::new().unwrap();
    let client =
        Client::new(Origin::Unix(station.socket()), Trust::System, Limits::default(), &stop).unwrap();
    client.get("/healthz").send().map_or_else(|error| error.status().unwrap_or(0), |_| 200)
}

#[test]
fn a_station_whose_disk_was_full_once_writes_again_when_there_is_room() {
    let dir = tempfile::tempdir().unwrap();
    let small = Small::new(dir.path().join("small"), 64);
    let station = Station::in_state(&small.0.join("station"));
    station.json(&["project", "add", "before"]);
    let fill = small.0.join("fill");
    let full = || {
        let mut file = fs::File::create(&fill).unwrap();
        while file.write_all(&[7; 4096]).is_ok() {}
    };
    // Some of these are refused at the beginning, some when they are to last.
    for round in 0..3 {
        full();
        let mut refused = 0;
        for n in 0..40 {
            let out = station.run(&["project", "add", &format!("full-{round}-{n}")]);
            refused += usize::from(out.status.code() == Some(74));
        }
        assert!(refused > 0, "the disk was full");
        fs::remove_file(&fill).unwrap();
        station.json(&["project", "add", &format!("after-{round}")]);
        station.json(&["station", "status"]);
        assert_eq!(health(&station), 200);
    }
    assert!(station.json(&["project", "list"]).iter().any(|line| line["value"]["name"] == "after-2"));
}

#[test]
fn with_the_last_room_no_backup_no_deploy_and_no_image_is_begun() {
    let dir = tempfile::tempdir().unwrap();
    let small = Small::new(dir.path().join("small"), 320);
    let station = Station::in_state(&small.0.join("station"));
    fs::write(station.path("os.img"), noise(4 * MIB)).unwrap();
    station.json(&["image", "add", "os.img", "--name", "os"]);
    let disk = disk(&station, "a", 8);
    let _agent = Agent::on(&station, "a", BOARD, &disk);
    boards(&station, 1);
    small.resize(200);
    for arguments in [
        &["board", "backup", BOARD][..],
        &["board", "deploy", BOARD, "--image", "os", "--confirm", BOARD],
        &["image", "add", "os.img", "--name", "other"],
    ] {
        let text = station.stderr(arguments, 73);
        assert!(text.contains("too little room") && text.contains("emove images"), "{arguments:?}: {text}");
    }
}

#[test]
fn a_station_whose_database_is_damaged_begins_no_more_and_says_so() {
    let mut station = Station::start();
    station.json(&["project", "add", "lab"]);
    // So that all of it is in this file.
    station.end();
    let path = station.path("station/station.db");
    let whole = fs::read(&path).unwrap();
    let mut middle = whole.clone();
    middle[4096..8192].fill(0x5a);
    for bytes in [b"no database at all. ".repeat(500), whole[..whole.len() / 2].to_vec(), middle] {
        fs::write(&path, &bytes).unwrap();
        let (code, text) = station.refuses();
        assert!(code == 65 && text.contains("the store is damaged"), "{code}: {text}");
        assert!(fs::read(&path).unwrap() == bytes, "what is damaged isn't touched");
    }
    fs::write(&path, &whole).unwrap();
    station.begin();
    assert_eq!(station.json(&["project", "list"]).len(), 1);
}

#[test]
fn an_output_that_is_there_stays_and_is_said_with_the_same_code_everywhere() {
    let station = Station::start();
    fs::write(station.path("os.img"), noise(MIB)).unwrap();
    station.json(&["image", "add", "os.img", "--name", "os"]);
    fs::write(station.path("there"), "mine").unwrap();
    for arguments in [
        &["image", "export", "os", "-o", "there"][..],
        &["token", "add", "t", "--role", "viewer", "-o", "there"],
        &["station", "backup", "-o", "there"],
    ] {
        let mut command = station.command(arguments);
        let out = command.env("PIPROV_STATION_STATE", station.path("station")).output().unwrap();
        let text = String::from_utf8(out.stderr).unwrap();
        assert_eq!(out.status.code(), Some(73), "{arguments:?}: {text}");
        assert_eq!(fs::read(station.path("there")).unwrap(), b"mine");
    }
}
