//! Hooks on the station's host, with simulated boards: when they run, what they find, and what becomes of the job.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use piprov::http::{Client, Limits, Origin, Trust};
use piprov::stop::Stop;
use serde_json::{Value, json};

use crate::deploy_first_boot::make_system;
use crate::station_cli::Station;
use crate::station_deploy::{Agent, boards, disk, ended, until};

const SERIAL: &str = "10000000aabbcc01";
const PASSWORD: &str = "not-for-a-hook-9";

/// A station with an image, a project that has settings of its own, and hooks (name, text).
fn station(hooks: &[(&str, &str)]) -> (tempfile::TempDir, Station) {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in hooks {
        put(dir.path(), name, text);
    }
    let station = Station::with(&[("PIPROV_STATION_HOOKS_DIR", dir.path().as_os_str())]);
    make_system(&station.path(""));
    station.json(&["image", "add", "os.img.xz", "--name", "os"]);
    fs::write(station.path("settings.toml"), format!("user = \"ada\"\npassword = \"{PASSWORD}\"\n")).unwrap();
    let add =
        ["project", "add", "gates", "--image", "os", "--end", "wait", "--set", "hostname=gate-{serial8}"];
    station.json(&[&add[..], &["--set-file", "settings.toml"]].concat());
    disk(&station, "a", 30);
    (dir, station)
}

fn put(dir: &Path, name: &str, text: &str) {
    let path = dir.join(name);
    let above = path.parent().unwrap();
    fs::create_dir_all(above).unwrap();
    fs::set_permissions(above, fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn deploy(station: &Station) {
    station.json(&["board", "deploy", SERIAL, "--project", "gates", "--confirm", SERIAL, "--no-wait"]);
}

/// Which hooks are in a record, with how they ended.
fn hooks_of(record: &Value) -> Vec<String> {
    let all = record["detail"]["host_hooks"].as_array().cloned().unwrap_or_default();
    all.iter().map(|one| format!("{} {}", one["hook"].as_str().unwrap(), one["ended"]["exit"])).collect()
}

/// A run's log, as the station gives it.
fn log_of(station: &Station, run: &str) -> String {
    let stop = Stop::new().unwrap();
    let origin = Origin::Unix(station.socket());
    let client = Client::new(origin, Trust::System, Limits::default(), &stop).unwrap();
    let log = client.get(&format!("/api/v1/runs/{run}/log")).query("limit", 500).send().unwrap();
    log.json::<Value>().unwrap().to_string()
}

#[test]
fn hooks_run_in_their_order_with_facts_and_files_and_stand_in_the_record() {
    let (dir, station) = station(&[]);
    let log = station.path("hooks.log");
    let facts = station.path("facts");
    fs::create_dir(&facts).unwrap();
    let mark = format!(
        "echo \"$PIPROV_HOOK $PIPROV_SERIAL\" >>{}; cat >{}/$PIPROV_EVENT.json; env >{1}/$PIPROV_EVENT.env",
        log.display(),
        facts.display()
    );
    for event in ["bootstrap", "started", "boot-mounted", "root-mounted", "done", "failed"] {
        put(dir.path(), &format!("{event}.d/10-mark"), &mark);
    }
    put(dir.path(), "started", "sleep 1; echo first");
    put(dir.path(), "started.d/off.disabled", "exit 7");
    put(
        dir.path(),
        "boot-mounted.d/20-look",
        "cat \"$PIPROV_FILES/cmdline.txt\"; grep -c gate-aabbcc01 \"$PIPROV_FILES/firstrun.sh\"; : >\"$PIPROV_FILES/mine\"",
    );
    put(dir.path(), "root-mounted.d/20-look", "cat \"$PIPROV_FILES/etc/fstab\"; ls \"$PIPROV_FILES\"");
    let agent = Agent::start(&station, "a", SERIAL);
    boards(&station, 1);
    until("the hook of a board that has come", || {
        fs::read_to_string(&log).ok().filter(|log| !log.is_empty())
    });
    deploy(&station);
    let record = ended(&station, 1).remove(0);
    assert_eq!((&record["outcome"], &record["proof"]), (&"done".into(), &"read-back".into()), "{record:#}");
    let record = until("the hook of the end in the record", || {
        let record = ended(&station, 1).remove(0);
        (hooks_of(&record).len() >= 8).then_some(record)
    });
    let all = [
        "bootstrap.d/10-mark 0",
        "started 0",
        "started.d/10-mark 0",
        "boot-mounted.d/10-mark 0",
        "boot-mounted.d/20-look 0",
        "root-mounted.d/10-mark 0",
        "root-mounted.d/20-look 0",
        "done.d/10-mark 0",
    ];
    assert_eq!(hooks_of(&record), all);
    let said = |n: usize| record["detail"]["host_hooks"][n]["ended"]["output"].as_str().unwrap().to_owned();
    assert!(said(4).contains("systemd.run=") && said(4).ends_with('1'), "as its board has it: {}", said(4));
    assert!(
        said(6).contains("PARTUUID=8a3b01c7-01 /boot/firmware") && said(6).contains("etc"),
        "{}",
        said(6)
    );
    let order = fs::read_to_string(&log).unwrap();
    let order: Vec<&str> = order.lines().map(|line| line.split(' ').next().unwrap()).collect();
    let events = ["bootstrap", "started", "boot-mounted", "root-mounted", "done"];
    assert_eq!(order, events.map(|event| format!("{event}.d/10-mark")));
    for event in events {
        let text = fs::read_to_string(facts.join(format!("{event}.json"))).unwrap();
        let env = fs::read_to_string(facts.join(format!("{event}.env"))).unwrap();
        let told: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&told["event"], &told["board"]["serial"]), (&json!(event), &json!(SERIAL)), "{text}");
        for text in [&text, &env] {
            assert!(!text.contains(PASSWORD) && !text.contains("$6$"), "{text}");
        }
        assert!(env.contains(&format!("PIPROV_EVENT={event}\n")), "{env}");
        let ours = ["PIPROV_", "PATH=", "HOME=", "TMPDIR=", "LANG=", "PWD=", "SHLVL=", "_=", "OLDPWD="];
        assert!(env.lines().all(|line| ours.iter().any(|name| line.starts_with(name))), "{env}");
        if event != "bootstrap" {
            assert!(env.contains("PIPROV_PROJECT=gates\n") && env.contains("PIPROV_IMAGE=os\n"), "{env}");
        }
    }
    let env = fs::read_to_string(facts.join("done.env")).unwrap();
    assert!(env.contains("PIPROV_OUTCOME=done\n"), "{env}");
    // What a hook has put beside the files is nowhere, and its directories are gone.
    let left: Vec<_> = fs::read_dir(station.path("station/host-hooks")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
    let run = record["run"].as_str().unwrap();
    let lines = log_of(&station, run);
    assert!(
        lines.contains("hook started: first") && lines.contains("hook done.d/10-mark: ended well"),
        "{lines}"
    );
    drop(agent);
    let known = station.json(&["hook", "host"]);
    let why = |name: &str| {
        let one = known
            .iter()
            .find(|one| one["value"]["hook"] == name)
            .unwrap_or_else(|| panic!("{name}: {known:#?}"));
        one["value"]["why"].clone()
    };
    assert_eq!(why("done.d/10-mark"), Value::Null);
    let last = known.iter().filter(|one| one["event"] == "host-hook-run").count();
    assert_eq!(last, 8, "{known:#?}");
}

#[test]
fn a_hook_that_fails_stops_its_job_with_the_reason_before_or_after_the_disk_is_written() {
    let (dir, station) = station(&[("started.d/power", "echo the fixture is open >&2; exit 3")]);
    let agent = Agent::start(&station, "a", SERIAL);
    boards(&station, 1);
    deploy(&station);
    let record = ended(&station, 1).remove(0);
    assert_eq!((&record["outcome"], &record["stage"]), (&"failed".into(), &"prepare".into()), "{record:#}");
    let why =
        "the hook started.d/power on the station's host ended with status 3; it said: the fixture is open";
    assert_eq!(record["why"], why);
    assert!(fs::read(&agent.disk).unwrap().iter().all(|byte| *byte == 0xee), "nothing was written");
    // One after the disk was read back.
    fs::remove_file(dir.path().join("started.d/power")).unwrap();
    put(
        dir.path(),
        "root-mounted",
        "test -e \"$PIPROV_FILES/etc/hostname\" || { echo no host name; exit 1; }",
    );
    put(dir.path(), "failed", "echo \"$PIPROV_OUTCOME: $PIPROV_WHY\"; exit 5");
    deploy(&station);
    let record = ended(&station, 2).pop().unwrap();
    let why = "the hook root-mounted on the station's host ended with status 1; it said: no host name; the disk has the \
               image, and it was read back";
    assert_eq!((&record["outcome"], &record["why"]), (&"failed".into(), &why.into()), "{record:#}");
    let image = fs::read(station.path("os.img")).unwrap();
    assert!(fs::read(&agent.disk).unwrap()[9 << 20..image.len()] == image[9 << 20..], "it is written");
    let record = until("the hook of the end", || {
        let record = ended(&station, 2).pop().unwrap();
        (hooks_of(&record).len() == 2).then_some(record)
    });
    // One that fails at the end is told, and changes nothing.
    assert_eq!(hooks_of(&record), ["root-mounted 1", "failed 5"]);
    let said = record["detail"]["host_hooks"][1]["ended"]["output"].as_str().unwrap();
    assert!(said.starts_with("failed: the hook root-mounted"), "{said}");
    fs::remove_file(dir.path().join("root-mounted")).unwrap();
    put(dir.path(), "done", "exit 5");
    deploy(&station);
    let record = ended(&station, 3).pop().unwrap();
    assert_eq!(record["outcome"], "done", "{record:#}");
}

#[test]
fn a_board_whose_hooks_fail_gets_no_job_and_is_asked_again_the_next_time() {
    let (dir, station) = station(&[("bootstrap.d/known", "exit 4")]);
    let _agent = Agent::start(&station, "a", SERIAL);
    boards(&station, 1);
    deploy(&station);
    let record = ended(&station, 1).remove(0);
    assert_eq!(record["why"], "the hook bootstrap.d/known on the station's host ended with status 4");
    put(dir.path(), "bootstrap.d/known", "exit 0");
    deploy(&station);
    let record = ended(&station, 2).pop().unwrap();
    assert_eq!(record["outcome"], "done", "{record:#}");
    assert_eq!(hooks_of(&record), ["bootstrap.d/known 0"]);
    // Where the directory can't be used nothing goes on without its hooks.
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
    deploy(&station);
    let record = ended(&station, 3).pop().unwrap();
    let why = record["why"].as_str().unwrap();
    assert!(why.contains("can't be trusted: others than its owner can write to it"), "{why}");
    let known = station.json(&["hook", "host"]);
    assert!(serde_json::to_string(&known).unwrap().contains("can't be trusted"), "{known:?}");
    let said = station.run(&["hook", "host"]);
    let said = String::from_utf8(said.stdout).unwrap() + &String::from_utf8(said.stderr).unwrap();
    assert!(said.contains("can't be trusted"), "{said}");
}

/// Whether a process is there that a hook has written the number of.
fn runs(file: &Path) -> bool {
    let number = fs::read_to_string(file).unwrap();
    Path::new("/proc").join(number.trim()).exists()
}

#[test]
fn who_cancels_a_job_ends_the_hooks_that_it_waits_for() {
    let (dir, station) = station(&[]);
    let (before, behind) = (station.path("before"), station.path("behind"));
    // What a hook has begun goes with it.
    let waits = |file: &Path| format!("sleep 290 & echo $! >{0}.new; mv {0}.new {0}; wait", file.display());
    put(dir.path(), "started", &waits(&before));
    let agent = Agent::start(&station, "a", SERIAL);
    boards(&station, 1);
    deploy(&station);
    until("the hook before the job", || before.exists().then_some(()));
    assert!(runs(&before));
    station.run(&["board", "cancel", SERIAL]);
    until("its end", || (!runs(&before)).then_some(()));
    assert!(fs::read(&agent.disk).unwrap().iter().all(|byte| *byte == 0xee), "nothing was written");

    fs::remove_file(dir.path().join("started")).unwrap();
    put(dir.path(), "root-mounted", &waits(&behind));
    deploy(&station);
    until("the hook after the image", || behind.exists().then_some(()));
    station.run(&["board", "cancel", SERIAL]);
    let record = ended(&station, 1).remove(0);
    let why = "the hook root-mounted on the station's host was ended, as its job was; the disk has the image, and it was \
               read back";
    assert_eq!((&record["outcome"], &record["why"]), (&"failed".into(), &why.into()), "{record:#}");
    until("its end", || (!runs(&behind)).then_some(()));
    // The next job isn't kept by them.
    fs::remove_file(dir.path().join("root-mounted")).unwrap();
    deploy(&station);
    assert_eq!(ended(&station, 2).pop().unwrap()["outcome"], "done");
}

#[test]
fn samples_run_as_they_are() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/hooks");
    let (dir, station) = station(&[]);
    for (from, to) in
        [("done.d/10-csv", "done.d/csv"), ("root-mounted.d/10-no-passwords", "root-mounted.d/look")]
    {
        let text = fs::read_to_string(samples.join(from)).unwrap();
        assert!(fs::metadata(samples.join(from)).unwrap().permissions().mode() & 0o111 != 0, "{from}");
        let table = station.path("boards.csv");
        let text = text.replace("/var/lib/piprov/station/boards.csv", table.to_str().unwrap());
        put(dir.path(), to, text.trim_start_matches("#!/bin/sh\n"));
    }
    let _agent = Agent::start(&station, "a", SERIAL);
    boards(&station, 1);
    deploy(&station);
    assert_eq!(ended(&station, 1).remove(0)["outcome"], "done");
    let line = until("a line of the table", || {
        fs::read_to_string(station.path("boards.csv")).ok().filter(|text| text.contains('\n'))
    });
    assert!(line.contains(SERIAL) && line.contains(",gates,os,done"), "{line}");
}
