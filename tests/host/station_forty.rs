//! Two projects at once with different images, scripts and values; forty boards; the station killed in the middle.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::Value;

use crate::deploy_first_boot::{make_system, shell};
use crate::station_cli::Station;
use crate::station_deploy::{Agent, bytes, runs, until};

const MIB: usize = 1 << 20;
/// Boards of each project.
const EACH: usize = 20;

fn serial(project: &str, n: usize) -> String {
    let kind = if project == "gates" { "aa" } else { "bb" };
    format!("1000000000{kind}{n:04}")
}

/// A station with the two projects, and a rule for each.
fn prepared() -> Station {
    let station = Station::start();
    make_system(&station.path(""));
    fs::write(station.path("meter.img"), bytes(2 * MIB)).unwrap();
    station.json(&["image", "add", "os.img.xz", "--name", "os"]);
    station.json(&["image", "add", "meter.img", "--name", "meter"]);
    station.json(&["values", "add", "sn", "--from", "SN000001", "--to", "SN000100"]);
    let rows = (0..EACH).map(|n| format!("gate-{n},{:04}\n", 7 * n)).collect::<String>();
    fs::write(station.path("keys.csv"), format!("host,pin\n{rows}")).unwrap();
    station.json(&["values", "add", "keys", "--table", "keys.csv"]);
    for (name, when, text) in [
        ("number", "pre", "echo \"the number is $PIPROV_VALUE_SN\"\n"),
        ("greet", "post", "echo \"$SERIAL is $PIPROV_VALUE_HOST of $PIPROV_PROJECT\"\n"),
    ] {
        fs::write(station.path(&format!("{name}.sh")), text).unwrap();
        station.json(&["script", "add", &format!("{name}.sh"), "--when", when]);
    }
    let meters = ["project", "add", "meters", "--image", "meter", "--value", "sn", "--script", "number"];
    station.json(&[&meters[..], &["--end", "wait"]].concat());
    let gates = ["project", "add", "gates", "--image", "os", "--value", "keys", "--script", "greet"];
    station.json(&[&gates[..], &["--end", "wait", "--set", "hostname={host}"]].concat());
    station.json(&["rule", "add", "gates", "--project", "gates", "--serial", "1000000000aa*"]);
    station.json(&["rule", "add", "meters", "--project", "meters", "--serial", "1000000000bb*"]);
    station
}

/// How many boards have a run that is done.
fn done(station: &Station) -> usize {
    let runs = runs(station);
    let done = runs.iter().filter(|run| run["outcome"] == "done").map(|run| run["serial"].to_string());
    done.collect::<BTreeSet<_>>().len()
}

#[test]
fn forty_boards_of_two_projects_get_each_its_own_though_the_station_is_killed_in_the_middle() {
    let mut station = prepared();
    let names: Vec<_> = ["gates", "meters"]
        .into_iter()
        .flat_map(|project| (0..EACH).map(move |n| (project, serial(project, n))))
        .collect();
    let agents: Vec<_> = names
        .iter()
        .map(|(project, serial)| {
            let disk = station.path(&format!("{serial}.disk"));
            let len = if *project == "gates" { 30 } else { 4 };
            fs::File::create(&disk).unwrap().set_len(len << 20).unwrap();
            let (url, key) =
                (format!("http://127.0.0.1:{}", station.port), station.path(&format!("{serial}.key")));
            let log = fs::File::create(station.path(&format!("{serial}.log"))).unwrap();
            Agent::started(&url, serial, &disk, |command| {
                command.arg("--key").arg(key).arg("--run-scripts").stderr(log);
            })
        })
        .collect();
    until("the first boards that are done", || (done(&station) >= 8).then_some(()));
    station.kill();
    station.begin();
    until("all boards that are done", || (done(&station) == 2 * EACH).then_some(()));
    // Nothing begins any more, and the disks stay as they are.
    station.json(&["station", "disarm"]);
    drop(agents);

    let all = runs(&station);
    let mut numbers = BTreeMap::new();
    let mut hosts = BTreeMap::new();
    for run in all.iter().filter(|run| run["outcome"] == "done") {
        let (serial, id) = (run["serial"].as_str().unwrap(), run["run"].as_str().unwrap());
        let record = station.json(&["run", "show", id, "--station", &station.url()]).remove(0);
        let detail = &record["record"]["detail"];
        let project = if serial.starts_with("1000000000aa") { "gates" } else { "meters" };
        assert_eq!(
            (&run["project"], &detail["project"]["name"]),
            (&project.into(), &project.into()),
            "{run}"
        );
        assert_eq!(detail["read_back_chunks"], detail["expected_chunks"], "{detail}");
        let script = &detail["scripts"][0];
        assert_eq!(script["state"], "done", "{detail}");
        let said = script["ended"]["output"].as_str().unwrap().trim().to_owned();
        let values = &detail["values"];
        let value = |name: &str| values[name].as_str().unwrap_or_else(|| panic!("{detail}")).to_owned();
        // A board has the same values in each run, and no other board has them.
        let (given, value, wanted) = match project {
            "gates" => (&mut hosts, value("host"), format!("{serial} is {} of gates", value("host"))),
            _ => (&mut numbers, value("sn"), format!("the number is {}", value("sn"))),
        };
        assert_eq!(said, wanted);
        let before = given.insert(value.clone(), serial.to_owned());
        assert!(before.is_none_or(|before| before == serial), "{value} was given twice");
    }
    assert_eq!((numbers.len(), hosts.len()), (EACH, EACH), "{numbers:?} {hosts:?}");
    // What isn't done is an attempt that the kill has cut off, and is told as one.
    for run in all.iter().filter(|run| run["outcome"] != "done") {
        assert!(run["outcome"] == "lost" || run["outcome"] == "unfinished", "{run}");
    }
    let meter = fs::read(station.path("meter.img")).unwrap();
    for serial in numbers.values() {
        assert!(
            fs::read(station.path(&format!("{serial}.disk"))).unwrap()[..meter.len()] == meter,
            "{serial}"
        );
    }
    for (host, serial) in &hosts {
        let script = shell(&format!("mtype -i {serial}.disk@@1M ::firstrun.sh"), &station.path(""));
        assert!(script.contains(&format!("name='{host}'")), "{serial}: {script}");
    }
    // The export has a row for each attempt.
    let listed: Vec<Value> = station.json(&["run", "list", "--station", &station.url()]);
    assert_eq!(listed.len(), all.len());
}
