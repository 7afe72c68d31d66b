//! Scripts of projects, on simulated boards that run them.

use std::fs;

use serde_json::Value;

use crate::station_cli::Station;
use crate::station_deploy::{Agent, boards, bytes, disk, runs, until};

const MIB: usize = 1 << 20;
const SERIAL: &str = "10000000aabbccdd";

/// A station with an image, these scripts (name, options, text), and a project that has them.
fn station(scripts: &[(&str, &[&str], String)]) -> Station {
    let station = Station::start();
    fs::write(station.path("lite.img"), bytes(6 * MIB)).unwrap();
    station.json(&["image", "add", station.path("lite.img").to_str().unwrap(), "--name", "lite"]);
    for (name, options, text) in scripts {
        let file = station.path(&format!("{name}.sh"));
        fs::write(&file, text).unwrap();
        let mut words = vec!["script", "add", file.to_str().unwrap()];
        words.extend_from_slice(options);
        station.json(&words);
    }
    let names: Vec<&str> = scripts.iter().map(|(name, ..)| *name).collect();
    let names = names.join(",");
    station.json(&["project", "add", "gateway", "--image", "lite", "--end", "wait", "--script", &names]);
    disk(&station, "a", 8);
    station
}

fn agent(station: &Station, runs_scripts: bool) -> Agent {
    let (url, key) = (format!("http://127.0.0.1:{}", station.port), station.path("a.key"));
    let log = fs::File::options().create(true).append(true).open(station.path("a.log")).unwrap();
    Agent::started(&url, SERIAL, &station.path("a.disk"), |command| {
        command.arg("--key").arg(key).stderr(log);
        if runs_scripts {
            command.arg("--run-scripts");
        }
    })
}

/// Waits until so many runs have ended, and gives their records, the latest last.
fn ended(station: &Station, count: usize) -> Vec<Value> {
    let all = until("the end of a run", || {
        let all = runs(station);
        let over = all.iter().filter(|run| run["outcome"] != "unfinished").count();
        (over >= count).then_some(all)
    });
    all.iter().map(|run| record(station, run["run"].as_str().unwrap())).collect()
}

fn record(station: &Station, run: &str) -> Value {
    station.json(&["run", "show", run, "--station", &station.url()]).remove(0)["record"].clone()
}

fn states(record: &Value) -> Vec<String> {
    let all = record["detail"]["scripts"].as_array().unwrap().iter();
    all.map(|one| format!("{} {}", one["name"].as_str().unwrap(), one["state"].as_str().unwrap())).collect()
}

fn deploy(station: &Station) {
    station.json(&["board", "deploy", SERIAL, "--project", "gateway", "--confirm", SERIAL, "--no-wait"]);
}

#[test]
fn scripts_run_before_and_after_the_image_and_stand_in_its_record() {
    let mark = "printf 'disk begins with %s\\n' \"$(head -c 4 \"$STORAGE\" | od -An -tx1)\"; echo \"$PIPROV_PROJECT $SERIAL\"";
    let station = station(&[
        ("before", &["--when", "pre"], mark.to_owned()),
        (
            "after",
            &[],
            "printf mine | dd of=\"$STORAGE\" conv=notrunc bs=1 seek=7000000 2>/dev/null; echo '\u{e4}'"
                .to_owned(),
        ),
        ("beside", &["--when", "pre", "--background", "yes"], "sleep 0.2; echo beside".to_owned()),
    ]);
    let agent = agent(&station, true);
    boards(&station, 1);
    deploy(&station);
    let record = ended(&station, 1).remove(0);
    assert_eq!(record["outcome"], "done", "{record:#}");
    assert_eq!(record["proof"], "read-back");
    assert_eq!(states(&record), ["before done", "beside done", "after done"]);
    let scripts = &record["detail"]["scripts"];
    let said = scripts[0]["ended"]["output"].as_str().unwrap();
    assert_eq!(
        said,
        format!("disk begins with  ee ee ee ee\ngateway {SERIAL}"),
        "before anything is written"
    );
    // The proof is of the image; what the script did then is on the disk.
    let image = fs::read(station.path("lite.img")).unwrap();
    let disk = fs::read(&agent.disk).unwrap();
    assert!(disk[..image.len()] == image);
    assert_eq!(&disk[7_000_000..7_000_004], b"mine");
    // People who look at it while it runs see the same lines.
    let log = fs::read_to_string(station.path("a.log")).unwrap();
    assert!(log.contains("beside: beside") && log.contains("script after (post) has ended well"), "{log}");
}

#[test]
fn a_failed_script_fails_its_job_and_says_what_is_on_the_disk() {
    let station = station(&[("check", &["--when", "pre"], "echo no power >&2; exit 3".to_owned())]);
    let agent = agent(&station, true);
    boards(&station, 1);
    deploy(&station);
    let record = ended(&station, 1).remove(0);
    assert_eq!((&record["outcome"], &record["stage"]), (&"failed".into(), &"prepare".into()), "{record:#}");
    let why = record["why"].as_str().unwrap();
    assert!(
        why.contains("script check (pre) ended with status 3; nothing of the image was written"),
        "{why}"
    );
    assert_eq!(record["detail"]["scripts"][0]["ended"]["output"], "no power");
    assert!(fs::read(&agent.disk).unwrap().iter().all(|byte| *byte == 0xee), "the disk is as it was");
    // Afterwards the image is there, proved, and the job failed all the same.
    let file = station.path("check.sh");
    fs::write(&file, "exit 4").unwrap();
    station.json(&["script", "add", file.to_str().unwrap(), "--when", "post"]);
    deploy(&station);
    let record = ended(&station, 2).remove(1);
    assert_eq!((&record["outcome"], &record["stage"]), (&"failed".into(), &"report".into()), "{record:#}");
    let why = record["why"].as_str().unwrap();
    assert!(
        why.contains("script check (post) ended with status 4; the image is on the disk and was read back"),
        "{why}"
    );
    assert!(record["detail"]["read_back_chunks"].is_string(), "{record:#}");
    let image = fs::read(station.path("lite.img")).unwrap();
    assert!(fs::read(&agent.disk).unwrap()[..image.len()] == image);
}

#[test]
fn what_a_script_leaves_mounted_is_unmounted_and_keeps_its_files() {
    let text = "mkdir boot 'a place'; mount --bind \"$PIPROV_VALUE_PRECIOUS\" boot; mount --bind boot 'a place'; ls boot";
    let station = station(&[("mounts", &[], text.to_owned())]);
    // A value brings the place to the script, as it brings anything.
    let precious = station.path("precious");
    fs::create_dir(&precious).unwrap();
    fs::write(precious.join("kept"), "kept").unwrap();
    fs::write(station.path("places.csv"), format!("precious\n{}\n", precious.display())).unwrap();
    station.json(&["values", "add", "places", "--table", "places.csv"]);
    station.json(&["project", "set", "gateway", "--value", "places"]);
    // Root of mounts of its own, whoever runs the tests.
    let mut command = std::process::Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "--", env!("CARGO_BIN_EXE_piprov-agent")]);
    let (url, key) = (format!("http://127.0.0.1:{}", station.port), station.path("a.key"));
    let _agent = Agent::by(command, &url, SERIAL, &station.path("a.disk"), |command| {
        command.arg("--key").arg(key).arg("--run-scripts");
    });
    boards(&station, 1);
    deploy(&station);
    let record = ended(&station, 1).remove(0);
    assert_eq!(states(&record), ["mounts done"], "{record:#}");
    let output = record["detail"]["scripts"][0]["ended"]["output"].as_str().unwrap();
    assert!(
        output.starts_with("kept") && output.contains("file systems that the script has left mounted"),
        "{output}"
    );
    assert_eq!(fs::read_to_string(precious.join("kept")).unwrap(), "kept");
}

#[test]
fn a_simulated_board_runs_nothing_that_nobody_has_let_it_run() {
    let witness = tempfile::tempdir().unwrap();
    let file = witness.path().join("ran");
    let station = station(&[("touch", &["--when", "pre"], format!("touch {}", file.display()))]);
    let agent = agent(&station, false);
    boards(&station, 1);
    deploy(&station);
    let record = ended(&station, 1).remove(0);
    assert_eq!(record["outcome"], "failed");
    assert!(
        record["why"].as_str().unwrap().contains("was not started as one that runs scripts"),
        "{record:#}"
    );
    assert!(!file.exists() && fs::read(&agent.disk).unwrap().iter().all(|byte| *byte == 0xee));
}

#[test]
fn a_script_that_starts_the_board_again_has_done_its_work_and_the_job_goes_on() {
    // Of a simulated board the agent is all that starts again.
    let station = station(&[
        (
            "pslc",
            &["--when", "pre", "--once", "yes", "--priority", "1"],
            "echo again; sleep 0.5; kill -9 $PPID; sleep 60".to_owned(),
        ),
        ("next", &["--when", "pre"], "echo next".to_owned()),
    ]);
    let mut first = agent(&station, true);
    boards(&station, 1);
    deploy(&station);
    first.child.wait().unwrap();
    let _second = agent(&station, true);
    let all = ended(&station, 2);
    assert_eq!(all[0]["outcome"], "not-verified", "{:#}", all[0]);
    let why = all[0]["why"].as_str().unwrap();
    // A killed agent isn't a board that has started again.
    assert!(why.starts_with("script pslc has begun and its end was never told"), "{why}");
    assert!(all[1]["warnings"].to_string().contains("script pslc has begun before"), "{:#}", all[1]);
    assert_eq!(states(&all[0]), ["pslc restarted", "next waiting"]);
    assert_eq!(all[1]["outcome"], "done", "{:#}", all[1]);
    assert_eq!(states(&all[1]), ["pslc done-before", "next done"]);
}

#[test]
fn a_cancelled_job_ends_its_script_and_a_flood_does_not_hold_it_up() {
    let station = station(&[(
        "flood",
        &["--when", "pre", "--limit", "600"],
        "yes \"$(printf '\\033[2Jx')\"".to_owned(),
    )]);
    let agent = agent(&station, true);
    boards(&station, 1);
    deploy(&station);
    let run = until("the script", || {
        let run = runs(&station).pop()?["run"].as_str()?.to_owned();
        (states(&record(&station, &run)) == ["flood running"]).then_some(run)
    });
    station.json(&["board", "cancel", SERIAL]);
    let record = ended(&station, 1).remove(0);
    assert_eq!(record["run"], run.as_str());
    assert_eq!(states(&record), ["flood failed"]);
    assert!(record["detail"]["scripts"][0]["ended"]["left_out"].as_u64().unwrap() > 0, "{record:#}");
    assert!(!record.to_string().contains('\u{1b}') && !record.to_string().contains("\\u001b"));
    assert!(fs::read(&agent.disk).unwrap().iter().all(|byte| *byte == 0xee));
}

#[test]
fn the_samples_do_what_they_say() {
    let sample = |name: &str| {
        fs::read_to_string(format!("{}/examples/scripts/{name}.sh", env!("CARGO_MANIFEST_DIR"))).unwrap()
    };
    let all = ["resize-root", "usb-host", "grow-root-at-first-start"]
        .map(|name| (name, &[] as &[&str], sample(name)));
    let station = station(&all);
    let made = station.path("sample.img");
    let made_by =
        std::process::Command::new(format!("{}/examples/make-sample-image.sh", env!("CARGO_MANIFEST_DIR")))
            .arg(&made)
            .output()
            .unwrap();
    assert!(made_by.status.success(), "{made_by:?}");
    station.json(&["image", "add", made.to_str().unwrap(), "--name", "sample"]);
    station.json(&["project", "set", "gateway", "--image", "sample"]);
    let disk = disk(&station, "a", 160);
    let _agent = agent(&station, true);
    boards(&station, 1);
    deploy(&station);
    let record = ended(&station, 1).remove(0);
    assert_eq!(record["outcome"], "done", "{record:#}");
    // Read by somebody else.
    let run = |program: &str, arguments: &[&str]| {
        let output = std::process::Command::new(program)
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{program}: {output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let disk = disk.to_str().unwrap();
    let table: Value = serde_json::from_str(&run("sfdisk", &["--json", disk])).unwrap();
    let sector =
        |part: usize, what: &str| table["partitiontable"]["partitions"][part][what].as_u64().unwrap();
    let end = sector(1, "start") + sector(1, "size");
    assert_eq!(end * 512, 160 << 20, "{table:#}");
    let boot = format!("{disk}@@{}", sector(0, "start") * 512);
    assert!(
        run("mtype", &["-i", &boot, "::config.txt"])
            .lines()
            .any(|line| line == "dtoverlay=dwc2,dr_mode=host")
    );
    let cmdline = run("mtype", &["-i", &boot, "::cmdline.txt"]);
    assert!(cmdline.trim_end().ends_with(" resize") && cmdline.trim_end().lines().count() == 1, "{cmdline}");
    let root = station.path("root");
    let whole = fs::read(disk).unwrap();
    fs::write(&root, &whole[usize::try_from(sector(1, "start") * 512).unwrap()..]).unwrap();
    run("e2fsck", &["-f", "-n", root.to_str().unwrap()]);
    let facts = run("dumpe2fs", &["-h", root.to_str().unwrap()]);
    let fact = |name: &str| {
        let line = facts.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().parse::<u64>().unwrap()
    };
    let (bytes, room) = (fact("Block count:") * fact("Block size:"), sector(1, "size") * 512);
    assert!(bytes <= room && room - bytes < 1 << 20, "{bytes} of {room}");
}

#[test]
fn a_partition_is_not_grown_over_the_one_behind_it() {
    let dir = tempfile::tempdir().unwrap();
    let disk = dir.path().join("disk");
    fs::File::create(&disk).unwrap().set_len(32 << 20).unwrap();
    let script = format!("{}/examples/scripts/resize-root.sh", env!("CARGO_MANIFEST_DIR"));
    let sh = |text: &str| {
        let mut shell = std::process::Command::new("sh");
        shell.current_dir(dir.path()).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("STORAGE", &disk);
        shell.env("PART2", "none").args(["-eu", "-c", text, &script]).output().unwrap()
    };
    for label in ["dos", "gpt"] {
        let table = format!("label: {label}\\n2048,8192\\n10240,8192\\n20480,8192\\n");
        let made = sh(&format!("printf '{table}' | sfdisk -q disk"));
        assert!(made.status.success(), "{made:?}; apt-get install fdisk");
        let before = fs::read(&disk).unwrap();
        let output = sh("sh \"$0\"");
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("nothing was grown"), "{output:?}");
        assert_eq!(fs::read(&disk).unwrap(), before);
    }
}
