//! EEPROMs of projects: each board has an image of its own, written by its agent and read back, or handed over; what would
//! kill a board is refused before it is touched.

use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::cutting::{Cutting, Fate};
use crate::deploy_first_boot::{make_system, shell};
use crate::eeprom::{Half, ab, pi4_of};
use crate::station::{Answer, answer, hex, request};
use crate::station_cli::Station;
use crate::station_deploy::{Agent, boards, bytes, disk, ended, runs, until};

const MIB: usize = 1 << 20;
const CONF: &[u8] = b"[all]\nBOOT_UART=0\nBOOT_ORDER=0xf41\n";
pub(crate) const BUILT: u64 = 1_754_265_600;
pub(crate) const FOUR: &str = "10000000aabbcc04";
const FIVE: &str = "10000000aabbcc05";
pub(crate) const CM4: &str = "Raspberry Pi Compute Module 4 Rev 1.1";
const PI5: &str = "Raspberry Pi 5 Model B Rev 1.0";

pub(crate) fn sum(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn asked(station: &Station, method: &str, path: &str, body: &[u8], kind: &str) -> Answer {
    let mut stream = UnixStream::connect(station.socket()).unwrap();
    stream.write_all(&request(method, path, None, Some(body), &[("content-type", kind)])).unwrap();
    answer(&mut stream)
}

fn add(station: &Station, name: &str, image: &[u8]) -> Value {
    asked(station, "PUT", &format!("/api/v1/firmware/{name}"), image, "application/octet-stream").ok()
}

/// A project with an image, a target, and this for EEPROMs.
pub(crate) fn project(station: &Station, name: &str, image: &str, target: &str, eeprom: &Value) -> Value {
    let body = json!({
        "name": name, "image": image, "target": [target], "end": "wait", "again": "again", "eeprom": eeprom,
    });
    let path = format!("/api/v1/projects/{name}");
    asked(station, "PUT", &path, body.to_string().as_bytes(), "application/json").ok()
}

/// A station with images of an operating system and of both chips, and two projects.
fn prepared() -> Station {
    let station = Station::start();
    prepare(&station);
    station
}

/// Puts them into one.
pub(crate) fn prepare(station: &Station) {
    fs::write(station.path("lite.img"), bytes(3 * MIB)).unwrap();
    station.json(&["image", "add", "lite.img", "--name", "lite"]);
    fs::write(station.path("four.bin"), pi4_of(&BUILT.to_string(), CONF)).unwrap();
    fs::write(station.path("five.bin"), ab(&Half { firmware: 7, conf: CONF }, None)).unwrap();
    let four = add(station, "four", &fs::read(station.path("four.bin")).unwrap());
    assert_eq!(
        (&four["chip"], &four["built"], &four["signed"]),
        (&"BCM2711".into(), &BUILT.into(), &false.into())
    );
    let five = add(station, "five", &fs::read(station.path("five.bin")).unwrap());
    assert_eq!((&five["chip"], &five["mfg_ver"], &five["ab"]), (&"BCM2712".into(), &7.into(), &true.into()));
    let set = json!({"firmware": "four", "boot_from_target": true, "set": {"BOOT_UART": "1"}});
    project(station, "fours", "lite", "nvme", &set);
    project(station, "fives", "lite", "sd", &json!({"firmware": "five", "set": {"POWER_OFF_ON_HALT": "1"}}));
}

/// A simulated board of a model, with a flash chip that has this in it.
fn board(station: &Station, serial: &str, model: &str, flash: Option<&[u8]>) -> Agent {
    disk(station, serial, 8);
    again(station, serial, model, flash, None)
}

/// The same with its disk as it is, and what its firmware tells.
pub(crate) fn again(
    station: &Station,
    serial: &str,
    model: &str,
    flash: Option<&[u8]>,
    tree: Option<PathBuf>,
) -> Agent {
    at(&format!("http://127.0.0.1:{}", station.port), station, serial, model, flash, tree)
}

/// The same, with the station at this URL.
fn at(
    url: &str,
    station: &Station,
    serial: &str,
    model: &str,
    flash: Option<&[u8]>,
    tree: Option<PathBuf>,
) -> Agent {
    let path = |end: &str| station.path(&format!("{serial}.{end}"));
    if let Some(flash) = flash {
        fs::write(path("flash"), flash).unwrap();
    }
    let log = fs::File::options().create(true).append(true).open(path("log")).unwrap();
    Agent::started(url, serial, &path("disk"), |command| {
        command.arg("--key").arg(path("key")).args(["--model", model]).stderr(log);
        if flash.is_some() {
            command.arg("--eeprom").arg(path("flash"));
        }
        if let Some(tree) = tree {
            command.arg("--facts").arg(tree);
        }
    })
}

/// What a board's firmware puts into its device tree.
pub(crate) fn tree(station: &Station, name: &str, built: u64, signed: u32, needs: u32) -> PathBuf {
    let root = station.path(name);
    let chosen = root.join("proc/device-tree/chosen");
    fs::create_dir_all(chosen.join("bootloader")).unwrap();
    let put = |file: &str, number: u32| fs::write(chosen.join(file), number.to_be_bytes()).unwrap();
    put("bootloader/build-timestamp", u32::try_from(built).unwrap());
    put("bootloader/signed", signed);
    put("rpi-min-boot-ver", needs);
    root
}

fn flash(station: &Station, serial: &str) -> Vec<u8> {
    fs::read(station.path(&format!("{serial}.flash"))).unwrap()
}

/// What `piprov eeprom edit` makes of an image.
pub(crate) fn edited(station: &Station, image: &str, options: &[&str]) -> Vec<u8> {
    let out = format!("want-{image}");
    let words = [&["eeprom", "edit", image, "-o", &out, "--force"], options].concat();
    let done = station.run(&words);
    assert!(done.status.success(), "{done:?}");
    fs::read(station.path(&out)).unwrap()
}

pub(crate) fn deploy(station: &Station, serial: &str, project: &str) {
    station.json(&["board", "deploy", serial, "--project", project, "--confirm", serial, "--no-wait"]);
}

pub(crate) fn untouched(station: &Station, serial: &str) -> bool {
    fs::read(station.path(&format!("{serial}.disk"))).unwrap().iter().all(|byte| *byte == 0xee)
}

#[test]
fn two_boards_at_once_get_images_of_their_own_written_and_read_back() {
    let station = prepared();
    let old = pi4_of("1700000000", b"[all]\nBOOT_ORDER=0xf1\n");
    let four = board(&station, FOUR, CM4, Some(&old));
    let _five = board(&station, FIVE, PI5, Some(&ab(&Half { firmware: 1, conf: b"" }, None)));
    boards(&station, 2);
    deploy(&station, FOUR, "fours");
    deploy(&station, FIVE, "fives");
    let want = [
        edited(&station, "four.bin", &["--set", "BOOT_UART=1", "--boot-from", "nvme", "--board", "cm4"]),
        edited(&station, "five.bin", &["--set", "POWER_OFF_ON_HALT=1", "--board", "5"]),
    ];
    let all = ended(&station, 2);
    for record in &all {
        assert_eq!(
            (&record["outcome"], &record["proof"]),
            (&"done".into(), &"read-back".into()),
            "{record:#}"
        );
        let eeprom = &record["detail"]["eeprom"];
        let at = usize::from(eeprom["firmware"] == "five");
        assert_eq!(eeprom["state"], "verified", "{eeprom:#}");
        assert_eq!(
            (&eeprom["sha256"], &eeprom["read_back"]),
            (&sum(&want[at]).into(), &sum(&want[at]).into())
        );
        if at == 0 {
            let before = json!({"built": 1_700_000_000, "version": "0a7ef05f", "sha256": sum(&old)});
            assert_eq!((&eeprom["before"], &eeprom["built"]), (&before, &BUILT.into()));
            let changes = json!(["+ BOOT_UART=1", "+ BOOT_ORDER=0xf416"]);
            assert_eq!(eeprom["changes"], changes);
        }
    }
    assert!(flash(&station, FOUR) == want[0] && flash(&station, FIVE) == want[1]);
    let image = fs::read(station.path("lite.img")).unwrap();
    assert!(fs::read(&four.disk).unwrap()[..image.len()] == image);

    // The board still tells what it was started with; its chip has it already, and nothing is written.
    let written = || fs::metadata(station.path(&format!("{FOUR}.flash"))).unwrap().modified().unwrap();
    let then = written();
    deploy(&station, FOUR, "fours");
    let record = ended(&station, 3).remove(2);
    assert_eq!(record["detail"]["eeprom"]["state"], "there", "{record:#}");
    assert_eq!((&record["outcome"], written()), (&"done".into(), then));

    // Started again it tells the new one, and is left alone.
    four.kill();
    let _four = again(&station, FOUR, CM4, Some(&want[0]), None);
    until("the new bootloader", || {
        let all = station.json(&["board", "list"]);
        all.iter().any(|line| line["value"]["facts"]["eeprom"]["built"] == BUILT).then_some(())
    });
    deploy(&station, FOUR, "fours");
    let record = ended(&station, 4).remove(3);
    let eeprom = &record["detail"]["eeprom"];
    assert_eq!((&record["outcome"], &eeprom["state"]), (&"done".into(), &"skipped".into()), "{record:#}");
    assert!(eeprom["why"].as_str().unwrap().contains("has this bootloader with this configuration"));
    // Other settings are written only where the image is newer, if the project says so.
    let older = json!({"firmware": "four", "when": "if-older", "set": {"BOOT_UART": "0"}});
    project(&station, "fours", "lite", "nvme", &older);
    deploy(&station, FOUR, "fours");
    let eeprom = ended(&station, 5).remove(4)["detail"]["eeprom"].take();
    assert!(eeprom["why"].as_str().unwrap().contains("not older than the image's"), "{eeprom:#}");
    assert!(flash(&station, FOUR) == want[0]);
}

#[test]
fn an_agent_that_dies_between_the_write_and_its_word_is_told_of_by_what_is_read_back() {
    let station = prepared();
    let old = pi4_of("1700000000", b"[all]\nBOOT_ORDER=0xf1\n");
    disk(&station, FOUR, 8);
    // The word of how it ended never comes to the station: the network breaks there.
    let network = Cutting::to(SocketAddr::from(([127, 0, 0, 1], station.port)), |_, head| {
        let line = head.lines().next().unwrap_or_default();
        if line.starts_with("POST ") && line.contains("/result") { Fate::Unasked } else { Fate::Whole }
    });
    let four = at(&network.url(), &station, FOUR, CM4, Some(&old), None);
    boards(&station, 1);
    deploy(&station, FOUR, "fours");
    let want =
        edited(&station, "four.bin", &["--set", "BOOT_UART=1", "--boot-from", "nvme", "--board", "cm4"]);
    until("the chip to be written", || (flash(&station, FOUR) == want).then_some(()));
    four.kill();
    // It comes back with its new bootloader, and tells that one.
    let _four = again(&station, FOUR, CM4, Some(&want), None);
    let all = ended(&station, 2);
    let of = |outcome: &str| all.iter().find(|record| record["outcome"] == outcome).unwrap();
    let (lost, done) = (of("lost"), of("done"));
    let (first, then) = (&lost["detail"]["eeprom"], &done["detail"]["eeprom"]);
    assert_eq!(first["state"], "untold", "{lost:#}");
    assert_eq!(then["state"], "earlier", "{done:#}");
    assert_eq!(then["earlier"], lost["run"]);
    assert_eq!((&then["read_back"], &then["sha256"]), (&sum(&want).into(), &sum(&want).into()));
    // What it had is what the first attempt has seen, not what that one has left.
    assert_eq!(then["before"]["built"], 1_700_000_000, "{then:#}");
    let page = station.run(&["run", "show", done["run"].as_str().unwrap(), "--station", &station.url()]);
    let page = String::from_utf8(page.stdout).unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(page.contains("begun by an earlier attempt, read back now and equal"), "{page}");

    // Of another job of that board nothing is open any more: it is left alone.
    deploy(&station, FOUR, "fours");
    let record = ended(&station, 3).remove(2);
    assert_eq!(record["detail"]["eeprom"]["state"], "skipped", "{record:#}");
}

#[test]
fn what_would_kill_a_board_is_refused_before_its_disk_is_touched() {
    let station = prepared();
    let signed = {
        use piprov::eeprom::image::{BOOTCONF_SIG, Image, PUBKEY};
        let image = Image::parse(fs::read(station.path("four.bin")).unwrap()).unwrap();
        let sig = piprov::eeprom::Sig::of(CONF, 1).to_string();
        let image = image.with_file(BOOTCONF_SIG, sig.as_bytes()).unwrap();
        image.with_file(PUBKEY, &[7; 264]).unwrap().bytes().to_vec()
    };
    assert_eq!(add(&station, "signed", &signed)["signed"], true);
    project(&station, "signed", "lite", "emmc", &json!({"firmware": "signed"}));
    let old = pi4_of("1700000000", b"");
    for (serial, model, flash, tree, project, why) in [
        ("10000000aabb0001", PI5, Some(&old), None, "fours", "not for a Pi 5"),
        ("10000000aabb0002", CM4, Some(&old), Some((9, 0)), "fours", "would never start again"),
        ("10000000aabb0003", CM4, Some(&old), Some((0, 0)), "signed", "no key is burned into the board"),
        ("10000000aabb0004", CM4, Some(&old), Some((0, 1)), "fours", "the board needs 1 or more"),
        ("10000000aabb0005", PI5, Some(&old), None, "fives", "its flash chip has 524288 bytes"),
        ("10000000aabb0006", CM4, None, Some((0, 0)), "signed", "no key is burned"),
        ("10000000aabb0007", CM4, None, None, "fours", "tells nothing of its EEPROM"),
    ] {
        disk(&station, serial, 8);
        let tree = tree.map(|(bits, needs)| tree_of(&station, serial, bits, needs));
        let _agent = again(&station, serial, model, flash.map(Vec::as_slice), tree);
        until("the board", || {
            station
                .json(&["board", "list"])
                .iter()
                .any(|line| line["value"]["serial"] == serial)
                .then_some(())
        });
        // A person hears it at once.
        let words = ["board", "deploy", serial, "--project", project, "--confirm", serial];
        let error = station.stderr(&words, 65).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(error.contains(why), "{serial}: {error}");
        assert!(runs(&station).is_empty() && untouched(&station, serial), "{serial}");
    }
    // A rule's board hears it before it is touched.
    station.json(&["rule", "add", "fives", "--project", "fours", "--serials", FIVE]);
    let _five = board(&station, FIVE, PI5, Some(&old));
    let record = ended(&station, 1).remove(0);
    assert_eq!(
        (&record["outcome"], &record["detail"]["eeprom"]["state"]),
        (&"failed".into(), &"refused".into())
    );
    assert!(record["why"].as_str().unwrap().contains("EEPROM: it is an image for Pi 4"), "{record:#}");
    assert!(untouched(&station, FIVE) && flash(&station, FIVE) == old);
}

fn tree_of(station: &Station, serial: &str, signed: u32, needs: u32) -> PathBuf {
    tree(station, &format!("{serial}.tree"), 1_700_000_000, signed, needs)
}

#[test]
fn a_chip_that_can_not_be_written_fails_its_job_after_the_disk_was_proved() {
    let station = prepared();
    let old = pi4_of("1700000000", b"");
    fs::write(station.path(&format!("{FOUR}.flash")), &old).unwrap();
    let _four = board(&station, FOUR, CM4, Some(&old));
    boards(&station, 1);
    // Whoever runs the tests may be root, who writes what nobody may: a directory can't be written by anybody.
    let chip = station.path(&format!("{FOUR}.flash"));
    if rustix::process::geteuid().is_root() {
        fs::remove_file(&chip).unwrap();
        fs::create_dir(&chip).unwrap();
    } else {
        fs::set_permissions(&chip, fs::Permissions::from_mode(0o400)).unwrap();
    }
    deploy(&station, FOUR, "fours");
    let record = ended(&station, 1).remove(0);
    assert_eq!((&record["outcome"], &record["stage"]), (&"failed".into(), &"report".into()), "{record:#}");
    assert!(record["why"].as_str().unwrap().contains("EEPROM: writing and reading back"), "{record:#}");
    let eeprom = &record["detail"]["eeprom"];
    assert_eq!((&eeprom["state"], &eeprom["read_back"]), (&"failed".into(), &Value::Null));
    assert!(record["detail"]["read_back_chunks"].is_string(), "the disk was proved: {record:#}");
    assert_eq!(station.json(&["board", "list"])[0]["value"]["serial"], FOUR);
}

#[test]
fn without_a_way_to_the_chip_the_boot_partition_has_it_and_the_next_start_shows_it() {
    let station = prepared();
    make_system(&station.path(""));
    station.json(&["image", "add", "os.img.xz", "--name", "os"]);
    let eeprom = json!({"firmware": "four", "boot_from_target": true});
    project(&station, "fours", "os", "nvme", &eeprom);
    disk(&station, FOUR, 30);
    let four = again(&station, FOUR, CM4, None, Some(tree(&station, "old", 1_700_000_000, 0, 0)));
    boards(&station, 1);
    deploy(&station, FOUR, "fours");
    let record = ended(&station, 1).remove(0);
    assert_eq!((&record["outcome"], &record["proof"]), (&"done".into(), &"read-back".into()), "{record:#}");
    assert_eq!(record["detail"]["eeprom"]["state"], "handed-over", "{record:#}");
    let want = edited(&station, "four.bin", &["--boot-from", "nvme", "--board", "cm4"]);
    assert_eq!(record["detail"]["eeprom"]["sha256"], sum(&want));
    let dir = station.path("");
    shell(&format!("mcopy -n -i {FOUR}.disk@@1M ::pieeprom.upd ::pieeprom.sig ."), &dir);
    assert!(fs::read(station.path("pieeprom.upd")).unwrap() == want);
    let sig = fs::read_to_string(station.path("pieeprom.sig")).unwrap();
    assert!(
        sig.starts_with(&sum(&want)) && sig.contains("\nts: ") && sig.contains("\ntarget-soc: 2711\n"),
        "{sig}"
    );
    shell(
        &format!("dd if={FOUR}.disk of=boot.now bs=1M skip=1 count=8 status=none; fsck.vfat -n boot.now"),
        &dir,
    );

    // It comes back with its old bootloader: nothing was seen. With the new one it was.
    let state = || ended(&station, 1).remove(0)["detail"]["eeprom"]["state"].clone();
    four.kill();
    let four = again(&station, FOUR, CM4, None, Some(tree(&station, "old", 1_700_000_000, 0, 0)));
    let told = |built: u64| {
        until("what it tells", || {
            let all = station.json(&["board", "list"]);
            all.iter().any(|line| line["value"]["facts"]["eeprom"]["built"] == built).then_some(())
        });
    };
    told(1_700_000_000);
    assert_eq!(state(), "handed-over");
    four.kill();
    let _four = again(&station, FOUR, CM4, None, Some(tree(&station, "new", BUILT, 0, 0)));
    until("the new bootloader to be seen", || (state() == "seen").then_some(()));
    let eeprom = ended(&station, 1).remove(0)["detail"]["eeprom"].take();
    assert!(eeprom["seen"].as_u64().unwrap() > 0 && eeprom["read_back"].is_null(), "{eeprom:#}");

    // Where no bootloader looks for it, the project says what becomes of the job.
    project(&station, "cards", "os", "sd", &json!({"firmware": "four", "set": {"BOOT_UART": "1"}}));
    let words = ["board", "deploy", FOUR, "--project", "cards", "--confirm", FOUR];
    let error = station.stderr(&words, 65).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(error.contains("take an update only from NVMe and USB disks"), "{error}");
    let go_on = json!({"firmware": "four", "set": {"BOOT_UART": "1"}, "otherwise": "go-on"});
    project(&station, "cards", "os", "sd", &go_on);
    deploy(&station, FOUR, "cards");
    let record = ended(&station, 2).remove(1);
    let eeprom = &record["detail"]["eeprom"];
    assert_eq!((&record["outcome"], &eeprom["state"]), (&"done".into(), &"skipped".into()), "{record:#}");
    assert!(eeprom["why"].as_str().unwrap().contains("there is no way into its EEPROM"), "{eeprom:#}");
    let files = shell(&format!("mdir -b -i {FOUR}.disk@@1M"), &dir);
    assert!(!files.contains("pieeprom"), "{files}");
}

#[test]
fn a_cancelled_job_has_handed_nothing_over() {
    let station = prepared();
    make_system(&station.path(""));
    station.json(&["image", "add", "os.img.xz", "--name", "os"]);
    fs::write(station.path("wait.sh"), "sleep 100").unwrap();
    station.json(&["script", "add", station.path("wait.sh").to_str().unwrap(), "--when", "pre"]);
    let body = json!({
        "name": "fours", "image": "os", "target": ["usb"], "scripts": ["wait"], "eeprom": {"firmware": "four"},
    });
    asked(&station, "PUT", "/api/v1/projects/fours", body.to_string().as_bytes(), "application/json").ok();
    let disk = disk(&station, FOUR, 30);
    let tree = tree(&station, "tree", 1_700_000_000, 0, 0);
    let url = format!("http://127.0.0.1:{}", station.port);
    let _four = Agent::started(&url, FOUR, &disk, |command| {
        command.arg("--key").arg(station.path("key")).args(["--model", CM4, "--run-scripts"]);
        command.arg("--facts").arg(tree);
    });
    boards(&station, 1);
    deploy(&station, FOUR, "fours");
    let eeprom = |record: &Value| record["detail"]["eeprom"]["state"].clone();
    until("the script", || {
        let run = runs(&station).pop()?["run"].as_str()?.to_owned();
        let shown = station.json(&["run", "show", &run, "--station", &station.url()]).remove(0);
        let detail = &shown["record"]["detail"];
        (detail["scripts"][0]["state"] == "running")
            .then(|| assert_eq!(detail["eeprom"]["state"], "handed-over"))
    });
    station.json(&["board", "cancel", FOUR]);
    let record = ended(&station, 1).remove(0);
    assert_eq!(eeprom(&record), "failed", "{record:#}");
    assert!(untouched(&station, FOUR));
}

#[test]
fn images_are_kept_once_never_change_and_stay_while_a_project_has_them() {
    let station = prepared();
    let four = fs::read(station.path("four.bin")).unwrap();
    let put = |name: &str, bytes: &[u8]| {
        asked(&station, "PUT", &format!("/api/v1/firmware/{name}"), bytes, "application/octet-stream")
    };
    // The same again is the same; another one under that name isn't.
    assert_eq!(put("four", &four).ok()["sha256"], sum(&four));
    assert_eq!(put("four", &pi4_of("1750000000", CONF)).status, 409);
    let got = asked(&station, "GET", "/api/v1/firmware/four/image", b"", "application/octet-stream");
    assert!(got.status == 200 && got.body == four);
    let remove =
        |name: &str| asked(&station, "DELETE", &format!("/api/v1/firmware/{name}"), b"", "application/json");
    let refused = remove("four");
    assert_eq!(refused.status, 409);
    assert!(String::from_utf8_lossy(&refused.body).contains("project fours"), "{refused:?}");
    station.json(&["project", "remove", "fours", "--confirm", "fours"]);
    assert_eq!((remove("four").status, remove("four").status), (204, 404));
    // A project names an image that is there, and settings that can be.
    let try_project = |eeprom: Value| {
        let body = json!({"name": "p", "image": "lite", "eeprom": eeprom}).to_string();
        asked(&station, "PUT", "/api/v1/projects/p", body.as_bytes(), "application/json").status
    };
    assert_eq!(try_project(json!({"firmware": "four"})), 404);
    for wrong in [
        json!({"firmware": "five", "set": {"BOOT_UART": "yes"}}),
        json!({"firmware": "five", "set": {"A B": "1"}}),
        json!({"firmware": "five", "set": {"NEW": "1\nSIGNED_BOOT=1"}}),
        json!({"firmware": "five", "set": {"NEW": "1"}, "unset": ["NEW"]}),
        json!({"firmware": "five", "set": {"BOOT_ORDER": "0xf1"}, "boot_from_target": true}),
        json!({"firmware": "five", "unknown": 1}),
    ] {
        let status = try_project(wrong.clone());
        assert!((400..500).contains(&status), "{wrong}: {status}");
    }
    assert_eq!(try_project(json!({"firmware": "five", "set": {"NEVER_HEARD_OF": "1"}})), 200);
}
