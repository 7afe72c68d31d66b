//! First-boot settings of projects: each board has its own on its disk, proved with the rest, and secrets are told nobody.

use std::fs;

use serde_json::json;

use crate::deploy_first_boot::{make_system, shell};
use crate::station_cli::Station;
use crate::station_deploy::{Agent, boards, bytes, disk, runs, until};

const PASSWORD: &str = "not-for-a-log-8";

/// A station with the image of a system, and a project with settings.
fn prepared() -> Station {
    let station = Station::start();
    make_system(&station.path(""));
    station.json(&["image", "add", "os.img.xz", "--name", "os"]);
    fs::write(
        station.path("settings.toml"),
        format!("user = \"ada\"\npassword = \"{PASSWORD}\"\nwifi-ssid = \"floor\"\nwifi-password = \"{PASSWORD}\"\nwifi-country = \"DE\"\n"),
    )
    .unwrap();
    let add =
        ["project", "add", "gates", "--image", "os", "--end", "wait", "--set", "hostname=gate-{serial8}"];
    let made = station.json(&[&add[..], &["--set-file", "settings.toml"]].concat());
    let told = &made[0]["value"]["first_boot"];
    assert_eq!(
        *told,
        json!({ "hostname": "gate-{serial8}", "user": "ada", "password-hash": "", "wifi-ssid": "floor",
                "wifi-password": "", "wifi-country": "DE" })
    );
    station
}

#[test]
fn each_board_has_its_own_settings_and_all_of_its_disk_is_proved() {
    let station = prepared();
    // What else changes leaves the secrets as they are.
    let set =
        station.json(&["project", "set", "gates", "--again", "again", "--set", "timezone=Europe/Berlin"]);
    assert_eq!(set[0]["value"]["first_boot"]["password-hash"], "");
    station.json(&["rule", "add", "all", "--project", "gates", "--any"]);
    let serials = ["10000000aaaa0001", "10000000aaaa0002", "10000000aaaa0003"];
    let agents: Vec<_> = serials
        .iter()
        .map(|serial| {
            disk(&station, serial, 30);
            Agent::start(&station, serial, serial)
        })
        .collect();
    let done = until("three runs that are done", || {
        let runs = runs(&station);
        assert!(runs.iter().all(|run| run["outcome"] != "failed"), "{runs:?}");
        (runs.iter().filter(|run| run["outcome"] == "done").count() >= 3).then_some(runs)
    });
    // They stay as they are from here on.
    station.json(&["station", "disarm"]);
    drop(agents);
    let image = fs::read(station.path("os.img")).unwrap();
    for serial in serials {
        let read = |file: &str| shell(&format!("mtype -i {serial}.disk@@1M ::{file}"), &station.path(""));
        let script = read("firstrun.sh");
        let name = format!("name='gate-{}'", &serial[8..]);
        assert!(script.contains(&name) && script.contains("hash='$6$rounds="), "{script}");
        assert!(script.contains("Europe/Berlin") && !script.contains(PASSWORD), "{script}");
        assert!(read("cmdline.txt").contains(" systemd.run=/boot/firmware/firstrun.sh "));
        shell(
            &format!(
                "dd if={serial}.disk of=boot.now bs=1M skip=1 count=8 status=none; fsck.vfat -n boot.now"
            ),
            &station.path(""),
        );
        let disk = fs::read(station.path(&format!("{serial}.disk"))).unwrap();
        assert!(
            disk[9 << 20..image.len()] == image[9 << 20..],
            "what isn't the boot partition is the image's"
        );
    }
    for run in done.iter().filter(|run| run["outcome"] == "done") {
        let shown = station.json(&["run", "show", run["run"].as_str().unwrap(), "--station", &station.url()]);
        let text = serde_json::to_string(&shown).unwrap();
        assert!(text.contains("\"outcome\":\"done\"") || text.contains("read-back"), "{text}");
        let detail = &shown[0]["record"]["detail"];
        assert_eq!(detail["first_boot"]["files"], json!(["firstrun.sh", "cmdline.txt"]), "{text}");
        assert_eq!(detail["read_back_chunks"], detail["expected_chunks"]);
        assert_eq!(detail["project"]["first_boot"]["password-hash"], "");
        assert!(!text.contains("$6$") && !text.contains(PASSWORD), "{text}");
    }
    // Nothing that people typed is kept.
    let all = shell(&format!("grep -rl -- {PASSWORD} station || true"), &station.path(""));
    assert_eq!(all, "");
}

#[test]
fn an_image_that_reads_no_settings_is_told_before_a_board_is_touched() {
    let station = prepared();
    fs::write(station.path("blob.img"), bytes(2 << 20)).unwrap();
    station.json(&["image", "add", "blob.img", "--name", "blob"]);
    station.json(&["project", "set", "gates", "--image", "blob"]);
    let serial = "10000000aaaa0001";
    let before = disk(&station, "a", 30);
    let agent = Agent::start(&station, "a", serial);
    boards(&station, 1);
    // A person hears it at once, and the board has nothing to do.
    let error = station.stderr(&["board", "deploy", serial, "--project", "gates", "--confirm", serial], 65);
    let error = error.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        error.contains("first-boot settings and the image `blob`: the image has no partition table"),
        "{error}"
    );
    assert_eq!(runs(&station).len(), 0);
    // So does who makes the project.
    let told = station.json(&["project", "show", "gates"]).remove(0)["value"]["warnings"].to_string();
    assert!(
        told.contains("first-boot settings and the image `blob`: the image has no partition table"),
        "{told}"
    );
    // A rule doesn't begin either: no script runs, and nothing is drawn that another board could have.
    fs::write(station.path("pslc.sh"), "touch ran\n").unwrap();
    station.json(&["script", "add", "pslc.sh", "--when", "pre"]);
    station.json(&["values", "add", "sn", "--from", "1", "--to", "9"]);
    station.json(&["project", "set", "gates", "--script", "pslc", "--value", "sn"]);
    station.json(&["rule", "add", "all", "--project", "gates", "--any"]);
    // Boards that are there already are looked at when the station is armed.
    station.json(&["station", "arm"]);
    let stuck = until("a board whose rule can't start", || {
        let board = station.json(&["board", "show", serial]).remove(0)["value"].clone();
        board["stuck"].as_str().map(str::to_owned)
    });
    assert!(stuck.contains("the image `blob`: the image has no partition table"), "{stuck}");
    let list = String::from_utf8(station.run(&["board", "list"]).stdout).unwrap();
    assert!(list.contains("stuck"), "{list}");
    assert_eq!(runs(&station).len(), 0);
    assert_eq!(station.json(&["values", "list"])[0]["value"]["left"], json!(9));
    // With an image that takes them it begins.
    station.json(&["project", "set", "gates", "--image", "os", "--no-values"]);
    assert!(station.json(&["project", "show", "gates"])[0]["value"]["warnings"].is_null());
    station.json(&["station", "disarm"]);
    drop(agent);
    assert!(fs::read(before).unwrap().iter().all(|byte| *byte == 0xee), "the disk is as it was");

    // A value that the board hasn't, and one that no host name can have.
    station.json(&["project", "set", "gates", "--image", "os", "--set", "hostname=gate-{slot}"]);
    let error = station.stderr(&["board", "deploy", serial, "--project", "gates", "--confirm", serial], 65);
    assert!(error.contains("the board has no value `slot`"), "{error}");
    // One that no source gives is named at once; what a table has is a value too.
    fs::write(station.path("keys.csv"), "pin\n1\n").unwrap();
    station.json(&["values", "add", "keys", "--table", "keys.csv"]);
    let set = ["project", "set", "gates", "--set"];
    let warned = |more: &[&str]| {
        let out = station.run(&[&set[..], more].concat());
        assert!(out.status.success(), "{out:?}");
        String::from_utf8(out.stderr).unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let told = warned(&["hostname=gate-{pin}-{nosuch}", "--value", "keys"]);
    assert!(told.contains("warning: first boot: hostname needs the value `nosuch`"), "{told}");
    assert!(!told.contains("`pin`"), "{told}");
    assert_eq!(warned(&["hostname=gate-{pin}-{serial8}"]), "");
    for (setting, why) in
        [("hostname=a b", "hostname:"), ("hostnam=x", "hostname"), ("wifi-ssid=", "wifi-ssid")]
    {
        let error = station.stderr(&["project", "set", "gates", "--set", setting], 65);
        assert!(error.contains(why), "{setting}: {error}");
    }
}
