//! The station and the agent: images go in, disks are written and read back, disks come back as images.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use piprov::image::chunk::index::content;
use piprov::image::chunk::object;
use serde_json::Value;

use crate::common;
use crate::station_cli::Station;

/// How long something may take.
const PATIENCE: Duration = Duration::from_secs(120);
const MIB: usize = 1 << 20;

/// Looks until it is so.
#[track_caller]
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "{what} doesn't come");
        let _ = piprov::stop::Stop::new().unwrap().wait(Duration::from_millis(20));
    }
}

/// A simulated board: the agent, with a file as its disk.
pub(crate) struct Agent {
    pub(crate) child: Child,
    pub(crate) disk: PathBuf,
}

impl Agent {
    /// Its disk and its key are files of this name.
    pub(crate) fn start(station: &Station, name: &str, serial: &str) -> Self {
        Self::on(station, name, serial, &station.path(&format!("{name}.disk")))
    }

    /// The same, with a disk of its own.
    pub(crate) fn on(station: &Station, name: &str, serial: &str, disk: &Path) -> Self {
        let key = station.path(&format!("{name}.key"));
        Self::at(&format!("http://127.0.0.1:{}", station.port), &key, serial, disk)
    }

    /// An agent of the station with this URL.
    pub(crate) fn at(url: &str, key: &Path, serial: &str, disk: &Path) -> Self {
        Self::started(url, serial, disk, |command| {
            command.arg("--key").arg(key);
        })
    }

    /// One that has no place for a key, as a board that boots from the network. What it says is in its log.
    fn without_key(station: &Station, name: &str, serial: &str) -> Self {
        let log = fs::File::create(station.path(&format!("{name}.log"))).unwrap();
        let disk = station.path(&format!("{name}.disk"));
        Self::started(&format!("http://127.0.0.1:{}", station.port), serial, &disk, |command| {
            command.stderr(log);
        })
    }

    pub(crate) fn started(url: &str, serial: &str, disk: &Path, more: impl FnOnce(&mut Command)) -> Self {
        Self::by(Command::new(env!("CARGO_BIN_EXE_piprov-agent")), url, serial, disk, more)
    }

    /// The same, by a command that ends in the agent.
    pub(crate) fn by(
        mut command: Command,
        url: &str,
        serial: &str,
        disk: &Path,
        more: impl FnOnce(&mut Command),
    ) -> Self {
        common::clean(&mut command);
        command.args(["--station", url, "--serial", serial]).arg("--disk").arg(disk);
        more(&mut command);
        Self { child: command.stdout(Stdio::null()).spawn().unwrap(), disk: disk.to_owned() }
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        rustix::process::kill_process(rustix::process::Pid::from_child(&self.child), signal).unwrap();
    }

    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until the station knows these boards.
pub(crate) fn boards(station: &Station, count: usize) {
    until("a board", || (station.json(&["board", "list"]).len() == count).then_some(()));
}

/// Bytes that can't be packed, with zeros between them.
pub(crate) fn bytes(len: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut all = Vec::with_capacity(len + 8);
    while all.len() < len {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let zero = all.len() / 3_000_000 % 4 == 3;
        all.extend(if zero { [0; 8] } else { (state ^ state >> 29).to_le_bytes() });
    }
    all.truncate(len);
    all
}

/// A disk with something on it.
pub(crate) fn disk(station: &Station, name: &str, mib: usize) -> PathBuf {
    let path = station.path(&format!("{name}.disk"));
    fs::write(&path, vec![0xee; mib * MIB]).unwrap();
    path
}

/// The runs of the station, the latest last.
pub(crate) fn runs(station: &Station) -> Vec<Value> {
    station
        .json(&["run", "list", "--station", &station.url()])
        .iter()
        .map(|line| line["value"].clone())
        .collect()
}

/// The bytes in the object store.
pub(crate) fn stored(station: &Station) -> u64 {
    fn below(path: &Path) -> u64 {
        // What is removed meanwhile counts no more.
        let Ok(entries) = fs::read_dir(path) else { return fs::metadata(path).map_or(0, |file| file.len()) };
        entries.flatten().map(|entry| below(&entry.path())).sum()
    }
    below(&station.path("station/objects"))
}

/// The records of so many runs that have ended, the latest last.
pub(crate) fn ended(station: &Station, count: usize) -> Vec<Value> {
    let all = until("the end of a run", || {
        let all = runs(station);
        let over = all.iter().filter(|run| run["outcome"] != "unfinished").count();
        (over >= count).then_some(all)
    });
    let record = |run: &Value| {
        let run = run["run"].as_str().unwrap();
        station.json(&["run", "show", run, "--station", &station.url()]).remove(0)["record"].clone()
    };
    all.iter().map(record).collect()
}

#[test]
fn an_image_raw_or_packed_is_written_by_an_agent_and_read_back() {
    let station = Station::start();
    let image = bytes(9 * MIB + 512);
    fs::write(station.path("os.img"), &image).unwrap();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&image[..5 * MIB]).unwrap();
    fs::write(station.path("other.img.gz"), packed.finish().unwrap()).unwrap();
    let added = station.json(&["image", "add", "os.img", "--name", "os"]);
    assert_eq!(added[0]["value"]["raw_len"], image.len());
    let added = station.json(&["image", "add", "other.img.gz", "--name", "other"]);
    assert_eq!(added[0]["value"]["raw_len"], 5 * MIB);

    disk(&station, "a", 12);
    let agent = Agent::start(&station, "a", "10000000aaaa0001");
    boards(&station, 1);
    let board = "10000000aaaa0001";
    // Nobody is asked about what there isn't.
    for what in ["image", "project"] {
        let said = station.stderr(&["board", "deploy", board, &format!("--{what}"), "nosuch"], 66);
        assert!(said.contains(&format!("there is no {what} `nosuch`")), "{said}");
    }
    assert!(station.stderr(&["board", "deploy", board, "--image", "os"], 2).contains("`--confirm 1"));
    for (name, wanted) in [("os", &image[..]), ("other", &image[..5 * MIB])] {
        let deploy = ["board", "deploy", board, "--image", name, "--end", "wait", "--confirm", board];
        let lines = station.json(&deploy);
        assert!(lines.iter().any(|line| line["event"] == "job"), "{lines:?}");
        assert!(fs::read(&agent.disk).unwrap()[..wanted.len()] == *wanted, "{name}");
    }
    let runs = runs(&station);
    assert_eq!(runs.len(), 2);
    for run in runs {
        assert_eq!((&run["outcome"], &run["simulated"]), (&"done".into(), &true.into()), "{run}");
        let record =
            station.json(&["run", "show", run["run"].as_str().unwrap(), "--station", &station.url()]);
        let text = serde_json::to_string(&record).unwrap();
        assert!(text.contains("read-back"), "{text}");
        // What the board has found on its disk, and what wasn't computed.
        let chunks =
            |raw: &[u8]| content(raw.len() as u64, raw.chunks(4 * MIB).map(|raw| object::digest(raw).id));
        let found = |raw: &[u8]| text.contains(&format!("\"read_back_chunks\":\"{}\"", chunks(raw)));
        assert!(found(&image) || found(&image[..5 * MIB]), "{text}");
        assert!(text.contains("\"read_back_sha256\":null"), "{text}");
    }
}

#[test]
fn of_three_agents_one_is_killed_and_goes_on_in_another_attempt() {
    let station = Station::start();
    let image = bytes(48 * MIB);
    fs::write(station.path("os.img"), &image).unwrap();
    station.json(&["image", "add", "os.img", "--name", "os"]);
    let names = ["a", "b", "c"];
    let serials = ["10000000aaaa0001", "10000000aaaa0002", "10000000aaaa0003"];
    let mut agents = Vec::new();
    for (name, serial) in names.iter().zip(serials) {
        disk(&station, name, 50);
        agents.push(Agent::start(&station, name, serial));
    }
    boards(&station, 3);
    let mut deploy = vec!["board", "deploy", "--image", "os", "--end", "wait"];
    let confirm = serials.join(",");
    deploy.extend(serials);
    deploy.extend(["--confirm", &confirm]);
    let mut waiting = station.command(&deploy).stdout(Stdio::null()).spawn().unwrap();
    // In the middle: a part of the disk is written.
    let killed = agents.remove(1);
    let file = fs::File::open(&killed.disk).unwrap();
    until("a part of the disk", || {
        let mut part = [0; 4096];
        file.read_exact_at(&mut part, 4 * MIB as u64).unwrap();
        (part != [0xee; 4096]).then_some(())
    });
    let at = killed.disk.clone();
    killed.kill();
    assert!(fs::read(&at).unwrap()[..image.len()] != image, "it was too fast for this test");
    agents.push(Agent::start(&station, "b", serials[1]));
    assert!(waiting.wait().unwrap().success());
    for agent in &agents {
        assert!(fs::read(&agent.disk).unwrap()[..image.len()] == image, "{}", agent.disk.display());
    }
    let runs = runs(&station);
    let of = |outcome: &str| runs.iter().filter(|run| run["outcome"] == outcome).collect::<Vec<_>>();
    assert_eq!((runs.len(), of("done").len(), of("lost").len()), (4, 3, 1), "{runs:?}");
    assert!(of("lost")[0]["why"].as_str().unwrap().contains("started again"), "{runs:?}");
}

#[test]
fn a_board_without_a_place_for_its_key_goes_on_after_a_power_cut_and_another_one_with_its_number_gets_nothing()
 {
    let station = Station::asking();
    let image = bytes(48 * MIB);
    fs::write(station.path("os.img"), &image).unwrap();
    station.json(&["image", "add", "os.img", "--name", "os"]);
    let serial = "10000000aaaa0001";
    let shown = |what: &str, is: &dyn Fn(&Value) -> bool| {
        until(what, || {
            let boards = station.json(&["board", "list"]);
            assert!(boards.len() <= 1, "{boards:?}");
            boards.first().map(|board| board["value"].clone()).filter(|board| is(board))
        })
    };
    let at = disk(&station, "a", 50);
    let first = Agent::without_key(&station, "a", serial);
    let key = shown("the board", &|_| true)["key"].clone();
    station.json(&["board", "enrol", serial]);
    let deploy = ["board", "deploy", serial, "--image", "os", "--end", "wait", "--confirm", serial];
    let mut waiting = station.command(&deploy).stdout(Stdio::null()).spawn().unwrap();
    let file = fs::File::open(&at).unwrap();
    until("a part of the disk", || {
        let mut part = [0; 4096];
        file.read_exact_at(&mut part, 4 * MIB as u64).unwrap();
        (part != [0xee; 4096]).then_some(())
    });
    first.kill();
    assert!(fs::read(&at).unwrap()[..image.len()] != image, "it was too fast for this test");

    // Another one with its serial number, is not let in.
    disk(&station, "b", 50);
    let other = Agent::without_key(&station, "b", serial);
    until("a double", || {
        let log = fs::read_to_string(station.path("b.log")).unwrap_or_default();
        log.contains("another board has this serial number").then_some(())
    });
    // Itself again, with what is on its disk.
    let second = Agent::without_key(&station, "a", serial);
    assert!(waiting.wait().unwrap().success());
    assert!(fs::read(&at).unwrap()[..image.len()] == image);
    assert_eq!(shown("the board", &|_| true)["key"], key);
    assert!(fs::read(&other.disk).unwrap() == [0xee; 50 * MIB], "the other one was written");
    other.kill();
    second.kill();

    // What an image's maker has put to that place is no key: the station doesn't know it, or the job is over.
    let kept = kept_key(serial);
    let mut bytes = fs::read(&at).unwrap();
    bytes[MIB - 4096..MIB].copy_from_slice(&kept);
    fs::write(&at, bytes).unwrap();
    let third = Agent::without_key(&station, "a", serial);
    until("a double", || {
        let log = fs::read_to_string(station.path("a.log")).unwrap_or_default();
        log.contains("another board has this serial number").then_some(())
    });
    assert_eq!(shown("the board", &|_| true)["key"], key);
    third.kill();
}

/// A key as an agent keeps it, that the station doesn't know.
fn kept_key(serial: &str) -> Vec<u8> {
    piprov::agent::kept::encode(&piprov::agent::identity::Identity::new().unwrap(), serial).unwrap()
}

#[test]
fn a_disk_comes_back_as_an_image_byte_for_byte() {
    let station = Station::start();
    let path = disk(&station, "a", 13);
    let content = bytes(13 * MIB);
    fs::write(&path, &content).unwrap();
    let _agent = Agent::start(&station, "a", "10000000aaaa0001");
    boards(&station, 1);
    station.json(&["board", "backup", "10000000aaaa0001", "--end", "wait"]);
    assert!(fs::read(&path).unwrap() == content, "its disk isn't written");
    let backups = station.json(&["backup", "list"]);
    assert_eq!(backups.len(), 1);
    let backup = &backups[0]["value"];
    assert_eq!((&backup["device"], &backup["proof"]), (&"a.disk".into(), &"read back and equal".into()));
    let name = backup["image"]["name"].as_str().unwrap();
    station.json(&["image", "export", name, "-o", "back.img"]);
    assert!(fs::read(station.path("back.img")).unwrap() == content);
    station.json(&["backup", "verify", name]);

    // Onto a larger disk of another board.
    let larger = disk(&station, "b", 20);
    let _other = Agent::start(&station, "b", "10000000aaaa0002");
    boards(&station, 2);
    let board = "10000000aaaa0002";
    station.json(&["backup", "restore", name, board, "--end", "wait", "--confirm", board]);
    assert!(fs::read(&larger).unwrap()[..content.len()] == content);
}

#[test]
fn what_breaks_off_is_no_image_and_its_bytes_go_as_those_of_one_that_is_removed() {
    let station = Station::start();
    let image = bytes(24 * MIB);
    for (name, length) in [
        ("known", format!("content-length: {}", image.len())),
        ("chunked", "transfer-encoding: chunked".into()),
    ] {
        let mut stream = UnixStream::connect(station.socket()).unwrap();
        write!(stream, "PUT /api/v1/images/{name} HTTP/1.1\r\nhost: station\r\n{length}\r\n\r\n").unwrap();
        if name == "chunked" {
            write!(stream, "{:x}\r\n", image.len()).unwrap();
        }
        stream.write_all(&image[..16 * MIB]).unwrap();
        drop(stream);
        let show = until("the failure", || {
            let lines = station.json(&["image", "show", name]);
            (lines[0]["value"]["state"] != "coming").then(|| lines[0]["value"].clone())
        });
        assert_eq!(show["state"], "failed", "{show}");
        assert!(show["why"].as_str().unwrap().contains("broke off"), "{show}");
    }
    until("an empty store", || (stored(&station) == 0).then_some(()));

    // The same name again, and whole.
    fs::write(station.path("os.img"), &image).unwrap();
    station.json(&["image", "add", "os.img", "--name", "known"]);
    fs::write(station.path("part.img"), &image[..8 * MIB]).unwrap();
    station.json(&["image", "add", "part.img", "--name", "part"]);
    let both = stored(&station);
    station.json(&["image", "remove", "known", "--confirm", "known"]);
    until("room", || (stored(&station) < both / 2).then_some(()));
    // What the other one shares with it stays.
    station.json(&["image", "verify", "part"]);
    station.json(&["image", "export", "part", "-o", "back.img"]);
    let mut back = Vec::new();
    fs::File::open(station.path("back.img")).unwrap().read_to_end(&mut back).unwrap();
    assert!(back == image[..8 * MIB]);
    station.json(&["image", "remove", "part", "--confirm", "part"]);
    until("an empty store", || (stored(&station) == 0).then_some(()));
}

#[test]
fn what_no_rule_matched_and_no_record_is_seen_and_a_job_is_done_once_more() {
    let station = Station::start();
    fs::create_dir_all(station.path("runs")).unwrap();
    fs::write(station.path("runs/x.json"), "{").unwrap();
    fs::write(station.path("os.img"), vec![7; MIB]).unwrap();
    station.json(&["image", "add", "os.img", "--name", "os"]);
    disk(&station, "a", 2);
    let board = "10000000aaaa0009";
    let agent = Agent::start(&station, "a", board);
    boards(&station, 1);
    until("a board without a rule", || {
        (station.json(&["board", "list", "--unruled"]).len() == 1).then_some(())
    });
    station.json(&["board", "deploy", board, "--image", "os", "--end", "wait", "--confirm", board]);
    // Its disk is overwritten again: that is confirmed again.
    let again = ["board", "again", board];
    assert!(!station.run(&again).status.success());
    fs::write(&agent.disk, vec![0xee; 2 * MIB]).unwrap();
    station.json(&[&again[..], &["--confirm", board]].concat());
    assert!(fs::read(&agent.disk).unwrap()[..MIB] == vec![7; MIB]);
    assert_eq!(runs(&station).len(), 2);
    let damaged = until("the record", || station.json(&["station", "records"]).pop());
    assert_eq!(damaged["value"], serde_json::json!({ "file": "x.json", "why": "it is no record" }));
    let status = &station.json(&["station", "status"])[0]["value"];
    assert_eq!((&status["unruled"], &status["damaged_records"]), (&1.into(), &1.into()));
}
