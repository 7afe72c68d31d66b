//! An EEPROM image over the network, with all that takes part: the station that decides it, what boots the board, the board's
//! ROM that fetches it, and the agent that tells it was taken.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;
use sha2::{Digest, Sha256};

use crate::bootd::power;
use crate::eeprom::pi4_of;
use crate::joined::{Joined, agent_with};
use crate::netboot_model::{self, Board, File, Kind};
use crate::netboot_rig::{boots, mac};
use crate::station::hex;

const OLD: u32 = 1_700_000_000;
const NEW: u32 = 1_754_265_600;

/// What the firmware of a Pi 4 tells that was started over the network by a bootloader of this time.
fn firmware_tells(joined: &Joined, built: u32) -> PathBuf {
    let root = joined.net.lan.dir.path().join(format!("tree-{built}"));
    let bootloader = root.join("proc/device-tree/chosen/bootloader");
    std::fs::create_dir_all(&bootloader).unwrap();
    for (file, number) in [("build-timestamp", built), ("signed", 0), ("boot-mode", 2)] {
        std::fs::write(bootloader.join(file), number.to_be_bytes()).unwrap();
    }
    root
}

/// Powers the board: what its bootloader finds. The first line of `pieeprom.sig`, and the digest of `pieeprom.upd`.
fn update(joined: &Joined) -> (Option<String>, Option<String>) {
    let mut boards = vec![Board::new(Kind::Pi4, 1)];
    boards[0].also(&["pieeprom.sig".to_owned(), "pieeprom.upd".to_owned()]);
    joined.net.lan.inside("client", || netboot_model::run(&mut boards, "eth0", Duration::from_secs(40)));
    boots(&boards[0]);
    let of = |name: &str| match boards[0].files.iter().find(|(path, _)| path.ends_with(name))?.1 {
        File::Bytes(bytes) => Some(bytes.clone()),
        File::Length(_) => None,
    };
    let first =
        |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).lines().next().unwrap_or_default().to_owned();
    (of("pieeprom.sig").map(first), of("pieeprom.upd").map(|bytes| hex(&Sha256::digest(bytes))))
}

#[test]
fn a_board_fetches_the_image_that_its_project_wants_from_what_boots_it_though_the_station_was_killed() {
    let joined = Joined::new("dhcp");
    let (bootd, serve) = (joined.bootd(), joined.serve());
    joined.halves("serving");
    let pi4 = power(&joined.net, Kind::Pi4, 30);
    boots(&pi4);
    joined.until("/api/v1/boards", |page| page["items"][0]["macs"] == json!([mac(&pi4)]));
    let path = |name: &str| joined.net.lan.dir.path().join(name);
    let write = |name: &str, bytes: &[u8]| {
        std::fs::write(path(name), bytes).unwrap();
        path(name).display().to_string()
    };
    joined.cli(&["image", "add", &write("os.img", &vec![7; 3 << 20]), "--name", "os"]);
    let image = pi4_of(&NEW.to_string(), b"[all]\nBOOT_UART=0\n");
    joined.cli(&["firmware", "add", "four", &write("four.bin", &image)]);
    let project = json!({
        "name": "bench", "image": "os", "target": [], "end": "wait", "again": "again",
        "eeprom": { "firmware": "four", "set": { "BOOT_UART": "1" } },
    });
    joined.say("PUT", "/api/v1/projects/bench", &project);
    let serial = format!("10000000{:08x}", pi4.serial);
    write("disk", &vec![0xee; 4 << 20]);
    let agent = |built: u32| {
        let tree = firmware_tells(&joined, built);
        agent_with(&joined, &serial, |command| {
            command.args(["--model", "Raspberry Pi 4 Model B Rev 1.4"]).arg("--facts").arg(tree);
        })
    };
    let mut first = agent(OLD);
    joined.until(&format!("/api/v1/boards/{}", mac(&pi4)), |board| board["facts"]["boot"] == "network");
    joined.cli(&["board", "deploy", &serial, "--project", "bench", "--confirm", &serial, "--no-wait"]);
    // Its agent starts it again, and has touched nothing.
    assert!(first.wait().unwrap().success());
    assert!(std::fs::read(path("disk")).unwrap().iter().all(|byte| *byte == 0xee));
    let runs = joined.get("/api/v1/runs");
    let eeprom = |run: &serde_json::Value| {
        let record = joined.get(&format!("/api/v1/runs/{}", run["run"].as_str().unwrap()));
        record["detail"]["eeprom"].clone()
    };
    let offered = eeprom(&runs["items"][0]);
    assert_eq!(offered["state"], "offered", "{offered:#}");
    // The station dies, and what boots boards forgets what that one has offered; the next start says it again.
    serve.kill();
    let serve = joined.serve();
    joined.halves("serving");
    let (signature, update) = (0..5)
        .map(|_| update(&joined))
        .find(|(signature, _)| signature.is_some())
        .expect("the board is offered its image again");
    let wanted = offered["sha256"].as_str();
    assert_eq!((signature.as_deref(), update.as_deref()), (wanted, wanted));
    // It has it: its job goes on, and it is offered nothing any more.
    let mut second = agent(NEW);
    joined.until("/api/v1/jobs", |jobs| jobs["items"][0]["state"] == "done");
    // The boots over the network have records of their own.
    let runs: Vec<_> = joined.get("/api/v1/runs")["items"].as_array().unwrap().clone();
    let runs: Vec<_> = runs.into_iter().filter(|run| run["way"] == "deploy").collect();
    assert_eq!(runs.len(), 2, "{runs:#?}");
    let (done, before) = (eeprom(&runs[0]), eeprom(&runs[1]));
    assert_eq!((&done["state"], &before["state"]), (&"seen".into(), &"seen".into()), "{done:#} {before:#}");
    assert_eq!(done["earlier"], runs[1]["run"], "{done:#}");
    let _ = second.kill();
    let _ = second.wait();
    assert_eq!(self::update(&joined), (None, None));
    serve.end();
    bootd.end();
}
