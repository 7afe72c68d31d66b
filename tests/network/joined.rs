//! `piprov serve` and `piprov bootd` as two processes, and as one command: boards that ask the network are seen, done ones
//! are left to their disks, and either half may be killed.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use piprov::stop::Stop;
use serde_json::{Value, json};

use crate::bootd::{falls_to_its_disk, power};
use crate::dhcp_support::OURS;
use crate::netboot_model::{Board, Kind};
use crate::netboot_rig::{Net, Program, boots, mac, tree};
use crate::station::{answer, request};

const PATIENCE: Duration = Duration::from_secs(60);

/// A network with a database of targets: the first Pi 4 has a reset line, which leaves a mark.
pub(crate) struct Joined {
    pub(crate) net: Net,
    socket: PathBuf,
    mark: PathBuf,
}

impl Joined {
    pub(crate) fn new(mode: &str) -> Self {
        let mut net = Net::new();
        tree(&net.root, "");
        let dir = net.lan.dir.path().to_owned();
        net.control = Some(dir.join("run/control.sock"));
        // As a service manager makes it.
        std::fs::create_dir_all(dir.join("run")).unwrap();
        let (socket, mark) = (dir.join("run/station.sock"), dir.join("was-reset"));
        let path = |path: &Path| path.display().to_string();
        let board = Board::new(Kind::Pi4, 1);
        let targets = format!("name,mac,ip,reset\nlab-01,{},,command:touch {}\n", mac(&board), path(&mark));
        std::fs::write(dir.join("lab.csv"), targets).unwrap();
        std::fs::write(
            dir.join("piprov.toml"),
            format!(
                "targets = '{}'\n[netboot]\ninterface = 'eth0'\nmode = '{mode}'\ntftp-root = '{}'\nstate = '{}'\n\
                 {}\n[station]\nsocket = '{}'\nenrol = 'open'\nlisten = ['{OURS}:8080']\n",
                path(&dir.join("lab.csv")),
                path(&net.root),
                path(&net.state),
                if mode == "dhcp" { "range = '10.99.0.100-10.99.0.120'" } else { "" },
                path(&socket),
            ),
        )
        .unwrap();
        Self { net, socket, mark }
    }

    pub(crate) fn start(&self, arguments: &[&str]) -> Program {
        let config = self.net.lan.dir.path().join("piprov.toml");
        let arguments = [arguments, &["--config", config.to_str().unwrap()]].concat();
        let program = self.net.start("ours", &arguments);
        program.until("it serves", |event| event["event"] == "serving");
        program
    }

    pub(crate) fn bootd(&self) -> Program {
        self.start(&["bootd"])
    }

    pub(crate) fn serve(&self) -> Program {
        self.start(&["serve"])
    }

    pub(crate) fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Option<Vec<u8>> {
        let mut stream = std::os::unix::net::UnixStream::connect(&self.socket).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let bytes = body.map(|body| body.to_string().into_bytes());
        let request = request(method, path, None, bytes.as_deref(), &[("content-type", "application/json")]);
        std::io::Write::write_all(&mut stream, &request).unwrap();
        let answer = answer(&mut stream);
        assert!((200..300).contains(&answer.status), "{path}: {}", String::from_utf8_lossy(&answer.body));
        Some(answer.body)
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        self.call("GET", path, None).map_or(Value::Null, |body| serde_json::from_slice(&body).unwrap())
    }

    pub(crate) fn say(&self, method: &str, path: &str, body: &Value) -> Value {
        serde_json::from_slice(&self.call(method, path, Some(body)).unwrap()).unwrap()
    }

    /// Looks at what the station says until it is so.
    #[track_caller]
    pub(crate) fn until(&self, path: &str, is: impl Fn(&Value) -> bool) -> Value {
        let (began, never) = (Instant::now(), Stop::new().unwrap());
        loop {
            let found = self.get(path);
            if is(&found) {
                return found;
            }
            assert!(began.elapsed() < PATIENCE, "{path}: {found:#}");
            let _ = never.wait(Duration::from_millis(20));
        }
    }

    /// Waits until the halves speak with each other, or don't.
    #[track_caller]
    pub(crate) fn halves(&self, state: &str) -> Value {
        self.until("/api/v1/station", |status| status["bootd"]["state"] == state)["bootd"].clone()
    }

    /// The command line, as a person on this host.
    pub(crate) fn cli(&self, arguments: &[&str]) -> String {
        let mut command = self.net.lan.command("ours", env!("CARGO_BIN_EXE_piprov"));
        crate::common::clean(&mut command);
        let station = format!("unix:{}", self.socket.display());
        let output = command.args(arguments).args(["--station", &station]).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{arguments:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
        text
    }

    /// What becomes of the word of a board on the other side: it falls to its disk, or boots.
    pub(crate) fn set(&self, board: &Board, held: &str) {
        self.say("PATCH", &format!("/api/v1/boards/{}", mac(board)), &json!({ "held": held }));
        // What `bootd` has on disk holds.
        let line = match held {
            "done" => "withheld",
            word => word,
        };
        let (name, file) = (format!("mac {} {line}", mac(board)), self.net.state.join("arming"));
        let (began, never) = (Instant::now(), Stop::new().unwrap());
        let last = || {
            let text = std::fs::read_to_string(&file).unwrap_or_default();
            let of_board = format!("mac {} ", mac(board));
            text.lines().rfind(|line| line.starts_with(&of_board)).map(str::to_owned)
        };
        while !last().is_some_and(|line| line.starts_with(&name)) {
            assert!(began.elapsed() < PATIENCE, "{name}: {:?}", last());
            let _ = never.wait(Duration::from_millis(10));
        }
    }
}

#[test]
fn a_board_is_seen_gets_its_project_and_falls_to_its_disk_and_either_half_may_be_killed() {
    let joined = Joined::new("dhcp");
    let (bootd, serve) = (joined.bootd(), joined.serve());
    let known = joined.halves("serving");
    assert_eq!(
        (&known["interface"], &known["mode"], &known["withholds"]),
        (&"eth0".into(), &"dhcp".into(), &true.into())
    );
    // A board that asks is seen.
    let pi4 = power(&joined.net, Kind::Pi4, 30);
    boots(&pi4);
    let board = format!("/api/v1/boards/{}", mac(&pi4));
    joined.until("/api/v1/boards", |page| page["items"][0]["macs"] == json!([mac(&pi4)]));
    joined.until(&format!("{board}/sightings"), |page| {
        page["items"].as_array().is_some_and(|all| all.iter().any(|one| one["way"] == "dhcp"))
    });
    // A rule gives it a project, and its agent does that.
    let image = joined.net.lan.dir.path().join("os.img");
    std::fs::write(&image, vec![7; 3 << 20]).unwrap();
    joined.cli(&["image", "add", image.to_str().unwrap(), "--name", "os"]);
    let project = json!({ "name": "bench", "image": "os", "target": [], "end": "reboot", "again": "skip" });
    joined.say("PUT", "/api/v1/projects/bench", &project);
    let rule = json!({ "name": "fours", "matching": { "mac": "dc:a6:32:*" }, "what": { "do": "project", "project": "bench" } });
    joined.say("POST", "/api/v1/rules", &rule);
    joined.call("POST", "/api/v1/station/arm", None).unwrap();
    let serial = format!("10000000{:08x}", pi4.serial);
    let mut agent = agent(&joined, &serial);
    joined.until(&board, |board| board["held"] == "done");
    let jobs = joined.get("/api/v1/jobs");
    assert_eq!(
        (&jobs["items"][0]["by"], &jobs["items"][0]["project"]),
        (&"rule fours".into(), &"bench".into())
    );
    let _ = agent.kill();
    let _ = agent.wait();
    // It is done: it asks, gets nothing, and starts its own system. That is seen too.
    joined.set(&pi4, "done");
    falls_to_its_disk(&power(&joined.net, Kind::Pi4, 5));
    joined.until("/api/v1/jobs", |jobs| jobs["items"][0]["state"] == "done");
    // The station is killed: boards are served as it said last, and it finds the other half again.
    serve.kill();
    falls_to_its_disk(&power(&joined.net, Kind::Pi4, 5));
    boots(&power(&joined.net, Kind::Pi5, 30));
    let serve = joined.serve();
    joined.halves("serving");
    // Its reset line starts it, for it doesn't answer; the deploy lets it boot once.
    joined.say("POST", &format!("{board}/jobs"), &json!({ "action": "reboot" }));
    joined.until("/api/v1/jobs", |jobs| {
        jobs["items"][0]["action"] == "reboot" && jobs["items"][0]["state"] == "done"
    });
    std::fs::remove_file(&joined.mark).unwrap();
    joined.say("POST", &format!("{board}/jobs"), &json!({ "action": "deploy", "image": "os" }));
    joined.until(&board, |board| board["held"] == "once" && joined.mark.exists());
    boots(&power(&joined.net, Kind::Pi4, 30));
    joined.until(&board, |board| board["held"] == "done");
    falls_to_its_disk(&power(&joined.net, Kind::Pi4, 5));
    // The other half is killed: the station says so, and tells it everything when it is back.
    let pi5 = Board::new(Kind::Pi5, 1);
    joined.until(&format!("/api/v1/boards/{}", mac(&pi5)), |board| board["held"] == "armed");
    bootd.kill();
    assert!(joined.halves("away")["why"].as_str().is_some_and(|why| !why.is_empty()));
    let health = String::from_utf8(joined.call("GET", "/healthz", None).unwrap()).unwrap();
    assert_eq!(health, "ok\nbootd away\n");
    assert!(joined.cli(&["station", "status"]).contains("away"));
    joined.say("PATCH", &board, &json!({ "held": "armed" }));
    joined.say("PATCH", &format!("/api/v1/boards/{}", mac(&pi5)), &json!({ "held": "done" }));
    let bootd = joined.bootd();
    joined.halves("serving");
    joined.set(&pi5, "done");
    boots(&power(&joined.net, Kind::Pi4, 30));
    falls_to_its_disk(&power(&joined.net, Kind::Pi5, 5));
    serve.end();
    bootd.end();
}

/// The agent as the simulated board with this serial number, with an empty disk.
fn agent(joined: &Joined, serial: &str) -> std::process::Child {
    std::fs::write(joined.net.lan.dir.path().join("disk"), vec![0xee; 4 << 20]).unwrap();
    agent_with(joined, serial, |_| {})
}

/// The same with its disk as it is, and more to tell.
pub(crate) fn agent_with(
    joined: &Joined,
    serial: &str,
    more: impl FnOnce(&mut std::process::Command),
) -> std::process::Child {
    let mut command = joined.net.lan.command("ours", env!("CARGO_BIN_EXE_piprov-agent"));
    crate::common::clean(&mut command);
    let (disk, key) = (joined.net.lan.dir.path().join("disk"), joined.net.lan.dir.path().join("key"));
    command.args(["--station", &format!("http://{OURS}:8080"), "--serial", serial]);
    command.arg("--key").arg(key).arg("--disk").arg(disk);
    more(&mut command);
    command.stdout(Stdio::null()).spawn().unwrap()
}

#[test]
fn beside_another_server_the_station_says_what_it_cannot_withhold() {
    let joined = Joined::new("proxy");
    joined.net.lan.house_dnsmasq(&[]);
    let (bootd, serve) = (joined.bootd(), joined.serve());
    let known = joined.halves("serving");
    assert_eq!((&known["mode"], &known["withholds"]), (&"proxy".into(), &false.into()));
    let status = joined.cli(&["station", "status"]);
    assert!(status.contains("what that one tells boards can't be withheld"), "{status}");
    serve.end();
    bootd.end();
}

/// The process that this one has started.
fn child_of(pid: u32) -> Option<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    let children =
        tasks.flatten().filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    children
        .flat_map(|text| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        .next()?
        .parse()
        .ok()
}

#[test]
fn both_halves_of_one_command_end_together_and_the_one_that_dies_is_started_again() {
    let joined = Joined::new("dhcp");
    let both = ["serve", "--with-bootd", "eth0"];
    let serve = joined.start(&both);
    joined.halves("serving");
    let first = child_of(serve.pid()).unwrap();
    // kill -9 of the privileged half.
    let kill = |pid: u32| {
        let pid = rustix::process::Pid::from_raw(pid.cast_signed()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    };
    kill(first);
    joined.halves("away");
    joined.halves("serving");
    let second = child_of(serve.pid()).unwrap();
    assert_ne!(first, second);
    // kill -9 of the station: the other half doesn't stay behind, and the next command has its ports at once.
    serve.kill();
    let serve = joined.start(&both);
    joined.halves("serving");
    assert!(!Path::new(&format!("/proc/{second}")).exists());
    let third = child_of(serve.pid()).unwrap();
    serve.end();
    assert!(!Path::new(&format!("/proc/{third}")).exists());
}
