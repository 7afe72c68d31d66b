//! Switches say where boards are: a real snmpd serves a table as it was recorded, and forty boards come into the slots at
//! their ports.

use std::collections::BTreeMap;
use std::fs;
use std::net::UdpSocket;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::browser::Browser;
use crate::station::{Board, Station as Called};
use crate::station_cli::Station;
use crate::station_deploy::{Agent, bytes, runs, until};

/// How snmpd asks for what a table has: a program that answers `get` and `getnext`.
const ANSWERS: &str = r#"
import sys
rows = []
for line in open(sys.argv[1]):
    oid, kind, value = line.rstrip("\n").split("|", 2)
    rows.append((tuple(int(part) for part in oid.split(".")), kind, value))
rows.sort()
while True:
    asked = sys.stdin.readline()
    if not asked:
        break
    asked = asked.strip()
    if asked == "PING":
        print("PONG", flush=True)
        continue
    oid = tuple(int(part) for part in sys.stdin.readline().strip().strip(".").split("."))
    found = [row for row in rows if row[0] == oid] if asked == "get" else [row for row in rows if row[0] > oid][:1]
    if not found:
        print("NONE", flush=True)
        continue
    name, kind, value = found[0]
    print("." + ".".join(str(part) for part in name), kind, value, sep="\n", flush=True)
"#;

const BRIDGE: &str = "1.3.6.1.2.1.17";
const INTERFACES: &str = "1.3.6.1.2.1.31.1.1";

/// A switch: snmpd with a table.
struct Switch {
    child: Option<Child>,
    port: u16,
    dir: PathBuf,
}

impl Switch {
    /// With these rows: name, type, value.
    fn start(dir: &Path, community: &str, rows: &[(String, &str, String)]) -> Self {
        let dir = dir.to_owned();
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("answers.py"), ANSWERS).unwrap();
        // A port that was free a moment ago.
        let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let program = format!("/usr/bin/python3 {0}/answers.py {0}/table", dir.display());
        let config = format!(
            "agentAddress udp:127.0.0.1:{port}\nrocommunity {community} 127.0.0.1\n\
             pass_persist -p 10 .{BRIDGE} {program}\npass_persist -p 10 .{INTERFACES} {program}\n"
        );
        fs::write(dir.join("snmpd.conf"), config).unwrap();
        let mut switch = Self { child: None, port, dir };
        switch.tells(rows);
        switch
    }

    /// It has another table from now on.
    fn tells(&mut self, rows: &[(String, &str, String)]) {
        self.end();
        let text: String =
            rows.iter().map(|(name, kind, value)| format!("{name}|{kind}|{value}\n")).collect();
        fs::write(self.dir.join("table"), text).unwrap();
        let unpacked = concat!(env!("CARGO_MANIFEST_DIR"), "/target/tools/snmpd/usr/sbin/snmpd");
        let program = if Path::new(unpacked).exists() { unpacked } else { "/usr/sbin/snmpd" };
        assert!(Path::new(program).exists(), "snmpd is missing: tools/install-packages test");
        // Where it keeps what it has counted: a file of the same name as its settings.
        fs::create_dir_all(self.dir.join("kept")).unwrap();
        let (log, config) = (self.dir.join("log"), self.dir.join("snmpd.conf"));
        let mut command = Command::new(program);
        command.args(["-f", "-Lf"]).arg(log).arg("-C").arg("-c").arg(config);
        command.arg("-p").arg(self.dir.join("pid")).env("SNMP_PERSISTENT_DIR", self.dir.join("kept"));
        // A group of its own: the programs that it asks would keep its port.
        command.process_group(0).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.child = Some(command.spawn().unwrap());
    }

    fn end(&mut self) {
        if let Some(mut child) = self.child.take() {
            let group = rustix::process::Pid::from_child(&child);
            rustix::process::kill_process_group(group, rustix::process::Signal::KILL).unwrap();
            child.wait().unwrap();
        }
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        self.end();
    }
}

/// An address as the end of a name.
fn numbers(mac: &str) -> String {
    let bytes = mac.split(':').map(|byte| u8::from_str_radix(byte, 16).unwrap().to_string());
    bytes.collect::<Vec<_>>().join(".")
}

/// A switch of 48 ports, as one was recorded: numbers of ports and interfaces differ, half of the addresses stand in the
/// table of virtual networks, one of them in two of those; ten foreign hosts are at port 48, and an address of its own is
/// told at port 1.
fn recorded(seen: &[(String, u32)]) -> Vec<(String, &'static str, String)> {
    let mut rows = Vec::new();
    for port in 1..=48 {
        rows.push((format!("{BRIDGE}.1.4.1.2.{port}"), "integer", format!("{}", port + 10_100)));
        rows.push((format!("{INTERFACES}.1.1.{}", port + 10_100), "string", format!("ge-0/0/{port}")));
    }
    let mut put = |mac: &str, port: u32, vlan: Option<u32>, status: u32| {
        let (table, before) = match vlan {
            Some(vlan) => ("7.1.2.2.1", format!("{vlan}.")),
            None => ("4.3.1", String::new()),
        };
        let end = format!("{before}{}", numbers(mac));
        rows.push((format!("{BRIDGE}.{table}.2.{end}"), "integer", port.to_string()));
        rows.push((format!("{BRIDGE}.{table}.3.{end}"), "integer", status.to_string()));
    };
    put("00:1b:21:00:00:01", 1, None, 4);
    for host in 1..=10 {
        put(&format!("00:1b:21:00:01:{host:02x}"), 48, None, 3);
    }
    for (n, (mac, port)) in seen.iter().enumerate() {
        put(mac, *port, (n % 2 == 1).then_some(20), 3);
        if n == 1 {
            put(mac, *port, Some(30), 3);
        }
    }
    rows
}

fn slots(station: &Station) -> BTreeMap<String, String> {
    let boards = station.json(&["board", "list"]);
    let slot = |line: &Value| {
        let board = &line["value"];
        Some((board["serial"].as_str()?.to_owned(), board["slot"].as_str()?.to_owned()))
    };
    boards.iter().filter_map(slot).collect()
}

#[test]
fn forty_boards_come_into_the_slots_at_the_ports_that_a_real_snmpd_tells() {
    let station = Station::with(&[("PIPROV_STATION_HOOKS_LOCAL", "true".as_ref())]);
    fs::write(station.path("os.img"), bytes(1 << 20)).unwrap();
    station.json(&["image", "add", "os.img", "--name", "os"]);
    station.json(&["project", "add", "bench", "--image", "os", "--end", "wait"]);
    let serial = |n: u32| format!("1000000000cc{n:04}");
    let agents: Vec<_> = (1..=40)
        .map(|n| {
            let disk = station.path(&format!("{n}.disk"));
            fs::File::create(&disk).unwrap().set_len(2 << 20).unwrap();
            Agent::on(&station, &format!("{n}"), &serial(n), &disk)
        })
        .collect();
    let macs = until("forty boards", || {
        let boards = station.json(&["board", "list"]);
        let of = |line: &Value| {
            let board = &line["value"];
            Some((board["serial"].as_str()?.to_owned(), board["macs"][0].as_str()?.to_owned()))
        };
        let macs: BTreeMap<_, _> = boards.iter().filter_map(of).collect();
        (macs.len() == 40).then_some(macs)
    });
    // The slots are named by the bench: five rows of eight, in the order of the ports.
    let name = |port: u32| {
        format!("{}{}", char::from(b'A' + u8::try_from((port - 1) / 8).unwrap()), (port - 1) % 8 + 1)
    };
    for port in 1..=40 {
        let (name, place) = (name(port), format!("sw1/ge-0/0/{port}"));
        let cell = format!("{},{}", (port - 1) / 8 + 1, (port - 1) % 8 + 1);
        station.json(&["slot", "put", &name, "switch", &place, "--cell", &cell]);
    }
    assert!(slots(&station).is_empty());
    // What has a board in a slot of the bench is deployed by itself.
    station.json(&["rule", "add", "bench", "--project", "bench", "--slot", "*"]);
    // Board n is at port 41 - n.
    let seen: Vec<_> = (1..=40).map(|n| (macs[&serial(n)].clone(), 41 - n)).collect();
    let mut switch = Switch::start(&station.path("sw1"), "bench-reader", &recorded(&seen));
    let secret = station.path("community");
    fs::write(&secret, "bench-reader\n").unwrap();
    fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let address = format!("127.0.0.1:{}", switch.port);
    let made =
        station.json(&["switch", "add", "sw1", &address, "--community-file", secret.to_str().unwrap()]);
    assert_eq!(made[0]["value"]["address"], json!(address));
    until("each board in its slot", || (slots(&station).len() == 40).then_some(()));
    for n in 1..=40 {
        assert_eq!(slots(&station)[&serial(n)], name(41 - n), "board {n}");
    }
    // A rule asks for the slot, and starts what it says as soon as the board is in it.
    until("each board deployed in its slot", || {
        let done = runs(&station).iter().filter(|run| run["outcome"] == "done").count();
        (done == 40).then_some(())
    });
    for run in runs(&station) {
        let n: u32 = run["serial"].as_str().unwrap()[12..].parse().unwrap();
        assert_eq!(run["slot"], json!(name(41 - n)), "{run}");
    }
    // What it tells: an uplink is no place, and its own addresses count nowhere.
    let list = station.json(&["switch", "list"]).remove(0);
    assert_eq!(
        (&list["value"]["asked"]["addresses"], &list["value"]["asked"]["wrong"]),
        (&json!(50), &Value::Null)
    );
    let ports = station.json(&["switch", "show", "sw1"]);
    let port = |name: &str| ports.iter().find(|port| port["value"]["port"] == name).unwrap()["value"].clone();
    assert_eq!((&port("ge-0/0/48")["uplink"], &port("ge-0/0/48")["addresses"]), (&json!(true), &json!(10)));
    assert_eq!(
        (&port("ge-0/0/1")["slot"], &port("ge-0/0/1")["boards"]),
        (&json!("A1"), &json!([serial(40)]))
    );
    assert_eq!(ports.len(), 41);
    // Two change their ports, and one comes to a port that nobody has named: that place is offered.
    let mut moved = seen.clone();
    (moved[0].1, moved[1].1, moved[2].1) = (39, 40, 45);
    switch.tells(&recorded(&moved));
    until("the boards that were moved", || {
        let slots = slots(&station);
        (slots.get(&serial(1)) == Some(&name(39)) && slots.get(&serial(2)) == Some(&name(40))).then_some(())
    });
    until("the board that is in no slot any more", || {
        (!slots(&station).contains_key(&serial(3))).then_some(())
    });
    let places = station.json(&["slot", "places"]);
    assert_eq!((places.len(), &places[0]["value"]["place"]), (1, &json!("sw1/ge-0/0/45")), "{places:?}");
    // It goes away: that is told with what helps, and boards stay where they were.
    let before = slots(&station);
    switch.end();
    let trouble = until("the trouble", || {
        let status = station.json(&["station", "status"]).remove(0);
        let troubles = status["value"]["troubles"].as_array().unwrap().clone();
        troubles.into_iter().find(|trouble| trouble["about"] == "switch")
    });
    assert!(
        trouble["text"].as_str().unwrap().contains("The switch sw1 doesn't tell where boards are"),
        "{trouble}"
    );
    assert_eq!(slots(&station), before);
    // Its community stands nowhere.
    for arguments in [&["switch", "list"][..], &["switch", "show", "sw1"], &["station", "status"]] {
        let out = station.run(arguments);
        assert!(!String::from_utf8_lossy(&out.stdout).contains("bench-reader"), "{arguments:?}");
    }
    station.json(&["switch", "remove", "sw1"]);
    assert!(station.json(&["switch", "list"]).is_empty());
    drop(agents);
}

#[test]
fn a_wrong_community_gets_no_answer_and_that_is_told() {
    let station = Station::with(&[("PIPROV_STATION_HOOKS_LOCAL", "true".as_ref())]);
    let switch = Switch::start(&station.path("sw"), "right", &recorded(&[("02:00:00:00:00:01".into(), 1)]));
    let (secret, address) = (station.path("community"), format!("127.0.0.1:{}", switch.port));
    let add = |community: &str| {
        fs::write(&secret, community).unwrap();
        fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        station.json(&["switch", "add", "sw", &address, "--community-file", secret.to_str().unwrap()]);
    };
    let asked = |wanted: fn(&Value) -> bool| {
        until("what it has told", || {
            let asked = station.json(&["switch", "list"]).remove(0)["value"]["asked"].clone();
            wanted(&asked).then_some(asked)
        })
    };
    add("wrong");
    let told = asked(|asked| asked["wrong"].is_string());
    assert!(told["wrong"].as_str().unwrap().contains("doesn't answer: it was asked 3 times"), "{told}");
    add("right");
    let told = asked(|asked| asked["told"].is_number() && asked["wrong"].is_null());
    assert_eq!((&told["addresses"], &told["ports"]), (&json!(11), &json!(2)));
    // A file that others may read is no secret, and nothing is told of what stands in it.
    fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let said =
        station.stderr(&["switch", "add", "sw", &address, "--community-file", secret.to_str().unwrap()], 77);
    assert!(said.contains("others may read it") && !said.contains("right"), "{said}");
}

#[test]
fn the_page_names_places_and_moves_them_on_the_map_without_a_script() {
    let dir = tempfile::tempdir().unwrap();
    let station = Called::start(dir.path(), &["--enrol", "open"]);
    let (ada, viewer) = (Browser::first(&station), Browser::user(&station, "vic", "viewer"));
    for (serial, jumper) in [("10000000000000a1", 5), ("10000000000000a2", 2)] {
        let board = Board::new(serial);
        let hello = station.call("GET", "/api/v1/device/hello", None, None).ok();
        let mut told = board.told(hello["nonce"].as_str().unwrap());
        (told["jumper"], told["macs"]) = (json!(jumper), json!(["02:00:00:00:00:07"]));
        let body = told.to_string();
        assert_eq!(board.register_with(&station, body.as_bytes(), &board.sign(body.as_bytes())).status, 200);
    }
    let page = ada.page("/slots");
    assert!(
        page.contains("jumper number 5")
            && page.contains("jumper number 2")
            && page.contains("Make it a slot")
    );
    assert!(!viewer.page("/slots").contains("Make it a slot"));
    for (name, place) in [("Left", "5"), ("Right", "2")] {
        let form = [("name", name), ("kind", "jumper"), ("place", place), ("map", "1"), ("to", "/slots")];
        assert_eq!(ada.post("/slots", &form).status, 303);
    }
    assert_eq!(viewer.post("/slots/Left/right", &[]).status, 403);
    let cell = |name: &str| {
        let slots = station.admin("GET", "/api/v1/slots", None).ok();
        let slots = slots["items"].as_array().unwrap().clone();
        slots.into_iter().find(|slot| slot["name"] == name).unwrap()["cell"].clone()
    };
    let at = |row, column| json!({"row": row, "column": column});
    assert_eq!((cell("Left"), cell("Right")), (at(1, 1), at(1, 2)));
    assert_eq!(ada.post("/slots/Left/right", &[]).status, 303);
    assert_eq!((cell("Left"), cell("Right")), (at(1, 2), at(1, 1)));
    assert_eq!(ada.post("/slots/Left/down", &[]).status, 303);
    assert_eq!(cell("Left"), at(2, 2));
    for (path, form) in [
        ("/slots/Right/up", &[][..]),
        ("/slots/Right/map", &[("row", "25"), ("column", "1")][..]),
        ("/slots/Right/map", &[("row", "x"), ("column", "1")][..]),
    ] {
        assert_eq!(ada.post(path, form).status, 422, "{path} {form:?}");
    }
    assert_eq!(ada.post("/slots/None/map", &[("row", "1"), ("column", "1")]).status, 404);
    assert_eq!(ada.post("/slots/Right/sideways", &[]).status, 404);
    let taken = json!({"name": "Right", "kind": "jumper", "place": "2", "position": 0, "cell": at(2, 2)});
    assert_eq!(station.admin("PUT", "/api/v1/slots/Right", Some(&taken)).status, 409);
    assert_eq!(ada.post("/slots/Right/off", &[]).status, 303);
    assert!(cell("Right").is_null() && ada.page("/slots").contains("Put it on the map"));
    assert_eq!(ada.post("/slots/Right/map", &[("row", "4"), ("column", "1")]).status, 303);
    // The floor has each in its cell.
    let floor = viewer.page("/");
    assert!(
        floor.contains("class=\"cards map\"") && floor.contains("card r2 c2") && floor.contains("card r4 c1")
    );
    // Both boards have one Ethernet address, and stay two.
    let boards = station.admin("GET", "/api/v1/boards", None).ok();
    assert_eq!(boards["items"].as_array().unwrap().len(), 2);
    let trouble = until("the trouble", || {
        let status = station.admin("GET", "/api/v1/station", None).ok();
        let troubles = status["troubles"].as_array().unwrap().clone();
        troubles.into_iter().find(|trouble| trouble["about"] == "address")
    });
    let text = trouble["text"].as_str().unwrap();
    assert!(
        text.contains("10000000000000a1, 10000000000000a2") && text.contains("02:00:00:00:00:07"),
        "{text}"
    );
    assert_eq!(ada.post("/slots/Right/remove", &[]).status, 303);
    assert_eq!(station.admin("GET", "/api/v1/slots", None).ok()["items"].as_array().unwrap().len(), 1);
    // A switch by forms. Its community is on no page.
    let form =
        [("name", "sw1"), ("address", "198.51.100.77"), ("community", "hush-hush"), ("uplinks", "23, 24")];
    assert_eq!(ada.post("/switches/add", &form).status, 303);
    let switches = station.admin("GET", "/api/v1/switches", None).ok();
    assert_eq!(switches["items"][0]["uplinks"], json!(["23", "24"]));
    for page in ["/slots", "/switches/sw1", "/audit", "/"] {
        assert!(!ada.page(page).contains("hush-hush"), "{page}");
    }
    let copy = json!({"address": "198.51.100.78"});
    station.admin("PUT", "/api/v1/switches/sw1", Some(&copy)).ok();
    assert_eq!(
        station.admin("PUT", "/api/v1/switches/sw2", Some(&copy)).status,
        422,
        "no community is known"
    );
    let own = json!({"address": "127.0.0.1", "community": "x"});
    assert_eq!(station.admin("PUT", "/api/v1/switches/sw1", Some(&own)).status, 403);
    assert_eq!(ada.post("/switches/sw1/remove", &[]).status, 303);
}
