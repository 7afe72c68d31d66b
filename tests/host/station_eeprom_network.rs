//! An EEPROM image that a board is offered over the network: it starts again for it, and its job goes on when it is back.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use piprov::board::Mac;
use piprov::config::netboot::Mode;
use piprov::control::message::ToClient;
use piprov::control::{self, Desk, Reply, Stations, TooMuch, Want};
use piprov::stop::Stop;
use piprov::tftp::switch::Switch;
use serde_json::{Value, json};

use crate::station_cli::Station;
use crate::station_deploy::{boards, disk, ended, runs, until};
use crate::station_eeprom::{
    BUILT, CM4, FOUR, again, deploy, edited, prepare, project, sum, tree, untouched,
};

/// The boards, and image and signature; `None`: nothing any more.
type Offered = (Vec<Mac>, Option<(Vec<u8>, String)>);

/// What boots boards, as far as a station knows it: it says yes to all, and remembers what boards are offered.
#[derive(Default)]
struct Booter {
    offers: Mutex<Vec<Offered>>,
    /// Why it offers nothing.
    refuses: Mutex<Option<&'static str>>,
}

impl Desk for Booter {
    fn serving(&self) -> ToClient {
        let interface = Some("eth0".to_owned());
        ToClient::Serving {
            interface,
            mode: Some(Mode::Dhcp),
            usb: false,
            others: true,
            rules: 0,
            targets: Vec::new(),
        }
    }

    fn want(&self, want: Want, reply: Reply) -> Result<(), TooMuch> {
        match want {
            Want::Rules { .. } => reply.rules(Vec::new(), false),
            Want::Offer { boards, image, .. } => {
                if let Some(why) = *self.refuses.lock().unwrap() {
                    reply.failed(why, false);
                    return Ok(());
                }
                let image = image.map(|(image, signature)| (image.whole(2 << 20).unwrap(), signature));
                self.offers.lock().unwrap().push((boards, image));
                reply.done();
            }
            _ => reply.done(),
        }
        Ok(())
    }

    fn left(&self, _: u64) {}
}

/// A station with such a half beside it, until the flag is set.
fn with_booter() -> (Station, Arc<Booter>, Stop) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("control.sock");
    let (booter, stop) = (Arc::new(Booter::default()), Stop::new().unwrap());
    let server = control::Server::open(&path, "netboot", None).unwrap();
    let server = server.for_stations(Stations::default(), Arc::clone(&booter) as _);
    let station = Station::with(&[("PIPROV_CONTROL_SOCKET", path.as_os_str())]);
    let own = stop.clone();
    std::thread::spawn(move || {
        let switch = Switch::new(&[]).unwrap();
        server.run(&switch, &mut |_| {}, &own).unwrap();
        drop(dir);
    });
    (station, booter, stop)
}

/// Its firmware tells that it was started over the network.
fn tree_of_network(station: &Station, name: &str, built: u64) -> PathBuf {
    let root = tree(station, name, built, 0, 0);
    fs::write(root.join("proc/device-tree/chosen/bootloader/boot-mode"), 2_u32.to_be_bytes()).unwrap();
    root
}

#[test]
fn a_board_without_another_way_is_offered_its_image_over_the_network_starts_again_and_its_job_goes_on() {
    let (mut station, booter, stop) = with_booter();
    prepare(&station);
    let set = json!({"firmware": "four", "set": {"BOOT_UART": "1"}});
    project(&station, "cards", "lite", "emmc", &set);
    disk(&station, FOUR, 8);
    let old = |station: &Station| tree_of_network(station, "old", 1_700_000_000);
    let mut four = again(&station, FOUR, CM4, None, Some(old(&station)));
    boards(&station, 1);
    let until_served = || {
        until("what boots boards to be there", || {
            let told = station.json(&["station", "status"]);
            told.iter().any(|line| line.to_string().contains("\"serving\"")).then_some(())
        });
    };
    until_served();
    deploy(&station, FOUR, "cards");
    // The agent is told to start its board again, and does nothing else.
    assert!(four.child.wait().unwrap().success());
    let want = edited(&station, "four.bin", &["--set", "BOOT_UART=1", "--board", "cm4"]);
    {
        let offers = booter.offers.lock().unwrap();
        let (macs, image) = offers.last().unwrap();
        let (image, signature) = image.as_ref().unwrap();
        assert!(*image == want && macs.len() == 1, "{macs:?}");
        assert!(
            signature.starts_with(&sum(&want)) && signature.contains("\ntarget-soc: 2711\n"),
            "{signature}"
        );
    }
    assert!(untouched(&station, FOUR));
    // The station dies before the board has come for it: when it is back, the same is offered again.
    let told = std::mem::take(&mut *booter.offers.lock().unwrap()).pop();
    station.kill();
    station.begin();
    until("the same to be offered again", || {
        (booter.offers.lock().unwrap().last() == told.as_ref()).then_some(())
    });
    let shown = |run: &Value| {
        let run = run["run"].as_str().unwrap();
        station.json(&["run", "show", run, "--station", &station.url()]).remove(0)["record"].clone()
    };
    let first = shown(&runs(&station)[0]);
    assert_eq!(
        (&first["outcome"], &first["detail"]["eeprom"]["state"]),
        (&"unfinished".into(), &"offered".into())
    );

    // It comes back with the new one: its job goes on, and nothing is offered any more.
    let new = tree_of_network(&station, "new", BUILT);
    let four = again(&station, FOUR, CM4, None, Some(new));
    let all = ended(&station, 2);
    let of = |outcome: &str| {
        all.iter().find(|record| record["outcome"] == outcome).unwrap_or_else(|| panic!("{all:#?}"))
    };
    let (offered, done) = (of("not-verified"), of("done"));
    assert!(offered["why"].as_str().unwrap().contains("over the network"), "{offered:#}");
    assert_eq!(offered["detail"]["eeprom"]["state"], "seen", "{offered:#}");
    let eeprom = &done["detail"]["eeprom"];
    assert_eq!(
        (&eeprom["state"], &eeprom["earlier"], &eeprom["sha256"]),
        (&"seen".into(), &offered["run"], &sum(&want).into())
    );
    assert_eq!((&done["proof"], &eeprom["before"]["built"]), (&"read-back".into(), &1_700_000_000.into()));
    until("nothing to be offered", || {
        booter.offers.lock().unwrap().last().unwrap().1.is_none().then_some(())
    });
    four.kill();

    // One that comes back without it isn't asked again, and isn't touched.
    let other = "10000000aabbcc06";
    disk(&station, other, 8);
    let mut agent = again(&station, other, CM4, None, Some(old(&station)));
    boards(&station, 2);
    deploy(&station, other, "cards");
    assert!(agent.child.wait().unwrap().success());
    let agent = again(&station, other, CM4, None, Some(old(&station)));
    let record = ended(&station, 4).remove(3);
    assert_eq!(
        (&record["outcome"], &record["detail"]["eeprom"]["state"]),
        (&"failed".into(), &"failed".into()),
        "{record:#}"
    );
    assert!(record["why"].as_str().unwrap().contains("hasn't taken the image"), "{record:#}");
    assert!(untouched(&station, other));
    // Where its project says so the job goes on, and its record says why.
    let go_on = json!({"firmware": "four", "set": {"BOOT_UART": "1"}, "otherwise": "go-on"});
    project(&station, "cards", "lite", "emmc", &go_on);
    *booter.refuses.lock().unwrap() = Some("there is no room");
    deploy(&station, other, "cards");
    let record = ended(&station, 5).remove(4);
    let eeprom = &record["detail"]["eeprom"];
    assert_eq!((&record["outcome"], &eeprom["state"]), (&"done".into(), &"skipped".into()), "{record:#}");
    assert!(eeprom["why"].as_str().unwrap().contains("there is no room"), "{eeprom:#}");
    drop(agent);
    stop.set();
}
