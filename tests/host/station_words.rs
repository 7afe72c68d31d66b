//! What the station's commands say, and with which exit code, where something isn't as it was meant.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use piprov::http::{Client, Limits, Origin, Trust};
use piprov::stop::Stop;
use serde_json::json;

use crate::common;
use crate::station_cli::Station;

/// A board of which only its address is known: nothing ever asks for its work.
fn silent_board(station: &Station, mac: &str) -> String {
    let stop = Stop::new().unwrap();
    let client =
        Client::new(Origin::Unix(station.socket()), Trust::System, Limits::default(), &stop).unwrap();
    client.post("/api/register-device").send_json(&json!({ "mac": mac })).unwrap();
    station.json(&["board", "show", mac])[0]["value"]["id"].as_str().unwrap().to_owned()
}

/// What a command writes onto a terminal so wide, line by line, and its exit code.
fn on_terminal(station: &Station, columns: u32, arguments: &str) -> (Vec<String>, i32) {
    let program = env!("CARGO_BIN_EXE_piprov");
    let mut command = Command::new("script");
    common::clean(&mut command);
    command.env("TERM", "xterm").env("NO_COLOR", "1").env("PIPROV_STATION_SOCKET", station.socket());
    command.args(["-qec", &format!("stty cols {columns} rows 50; {program} {arguments}"), "/dev/null"]);
    let out = command
        .current_dir(station.path(""))
        .stdin(Stdio::null())
        .output()
        .expect("apt-get install bsdutils");
    let text = String::from_utf8(out.stdout).unwrap();
    (text.lines().map(|line| line.trim_end_matches('\r').to_owned()).collect(), out.status.code().unwrap())
}

#[test]
fn a_server_that_was_never_there_is_told_at_once_and_not_waited_for() {
    let station = Station::start();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{nobody}/os.img");
    let began = Instant::now();
    let mut child = station.command(&["image", "add", &url]).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    assert!(first.contains("refused") && first.contains("it is tried again"), "{first}");
    let rest: Vec<_> = lines.map_while(Result::ok).collect();
    assert_eq!(child.wait().unwrap().code(), Some(69), "{rest:?}");
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    assert!(rest.iter().any(|line| line.starts_with("error: ")), "{rest:?}");
    // The same of a station that isn't there, also without a token.
    let away = format!("http://{nobody}");
    for arguments in [
        &["board", "list"][..],
        &["board", "watch"],
        &["run", "watch"],
        &["image", "add", "-", "--name", "x"],
    ] {
        let all: Vec<_> = arguments.iter().copied().chain(["--station", &away]).collect();
        let text = station.stderr(&all, 69);
        assert!(text.contains("refused"), "{text}");
    }
}

#[test]
fn each_mistake_has_its_exit_code() {
    let station = Station::start();
    fs::write(station.path("os.img"), vec![7; 100_000]).unwrap();
    station.json(&["image", "add", "os.img", "--name", "os"]);
    station.json(&["project", "add", "lab"]);
    let text = station.stderr(&["project", "add", "lab"], 75);
    assert!(
        text.contains("another project is called `lab` already") && text.contains("project set"),
        "{text}"
    );
    let text = station.stderr(&["image", "add", "os.img", "--name", "os"], 75);
    assert!(text.contains("another image is called `os` already"), "{text}");
    for (place, what) in [("/", "directory"), ("/dev/null", "neither a file nor a URL")] {
        let text = station.stderr(&["image", "add", place, "--name", "x"], 65);
        assert!(text.contains(what), "{text}");
    }
    station.stderr(&["image", "add", "nosuch.img"], 66);
    let text = station.stderr(&["image", "add", "ftp://host/os.img"], 2);
    assert!(text.contains("http and https"), "{text}");
    // What is no file is no copy.
    for place in [".", "/dev/null"] {
        station.stderr(&["station", "restore", place, "--state", "fresh"], 65);
    }
    station.stderr(&["station", "restore", "nosuch", "--state", "fresh"], 66);
    // HTTPS to a station that speaks HTTP.
    let text =
        station.stderr(&["board", "list", "--station", &format!("https://127.0.0.1:{}", station.port)], 69);
    assert!(text.contains("speaks no TLS") && text.contains("http://"), "{text}");
    for place in ["nosuch/x", "os.img", "/", "os.img/x"] {
        for command in [
            &["image", "export", "os", "-o", place][..],
            &["token", "add", "t", "--role", "viewer", "-o", place],
        ] {
            let text = station.stderr(command, 73);
            assert!(text.contains(&format!("writing {place}")), "{text}");
        }
        station.stderr(&["station", "backup", "--state", "station", "-o", place], 73);
    }
    assert!(station.json(&["token", "list"]).is_empty(), "no token without its file");
    // A directory that is named is the user's; only the station's own are made.
    let socket = station.path("nosuch/x.sock");
    let mut command = station.command(&["serve", "--listen", "127.0.0.1:0", "--state", "other", "--socket"]);
    command.arg(&socket).env("PIPROV_STATE_DIR", station.path("state")).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let (began, stop) = (Instant::now(), Stop::new().unwrap());
    // One that serves there would never end.
    while child.try_wait().unwrap().is_none() {
        if began.elapsed() > Duration::from_secs(60) {
            child.kill().unwrap();
        }
        assert!(!stop.wait(Duration::from_millis(20)));
    }
    let out = child.wait_with_output().unwrap();
    let text = String::from_utf8(out.stderr).unwrap();
    assert_eq!(out.status.code(), Some(73), "{text}");
    assert!(
        text.contains("nosuch") && text.contains("mkdir -p") && !station.path("nosuch").exists(),
        "{text}"
    );
}

#[test]
fn a_name_is_checked_where_it_is_given_and_one_like_an_option_can_be_asked_for() {
    let station = Station::start();
    fs::write(station.path("os.img"), vec![7; 100_000]).unwrap();
    let cyrillic = "l\u{430}b";
    for name in ["", "a/b", cyrillic, "-rf"] {
        let of = |flag: &str| format!("{flag}={name}");
        for command in [
            &["image", "add", "os.img", &of("--name")][..],
            &["project", "add", "--", name],
            &["rule", "add", "--wait", "--any", "--", name],
            &["token", "add", "--role", "viewer", "-o", "token", "--", name],
            &["user", "add", "--role", "viewer", "--password-file", "x", "--", name],
        ] {
            let text = station.stderr(command, 2);
            assert!(text.contains("it has") || text.contains("it doesn't begin"), "{text}");
        }
    }
    silent_board(&station, "dc:a6:32:01:02:03");
    station.stderr(&["board", "set", "dc:a6:32:01:02:03", "--name", cyrillic], 2);
    station.json(&["board", "set", "dc:a6:32:01:02:03", "--name", "lab-01"]);
    station.json(&["board", "set", "lab-01", "--name", ""]);
    // clap says how such a name is given, and that works.
    let text = station.stderr(&["board", "show", "-rf"], 2);
    assert!(text.contains("-- -r"), "{text}");
    let text = station.stderr(&["board", "show", "--", "-rf"], 66);
    assert!(text.contains("`-rf`"), "{text}");
    let text = station.stderr(&["board", "forget", "dc:a6:32:01:02:03"], 2);
    assert!(text.contains("--confirm dc:a6:32:01:02:03"), "{text}");
}

#[test]
fn a_rule_that_no_board_matches_is_refused_and_sizes_are_told_as_sizes() {
    let station = Station::start();
    let add = ["rule", "add", "none", "--wait", "--storage-min", "64GB", "--storage-max", "32GB"];
    let text = station.stderr(&add, 2);
    assert!(text.contains("--storage-min is above --storage-max"), "{text}");
    let stop = Stop::new().unwrap();
    let client =
        Client::new(Origin::Unix(station.socket()), Trust::System, Limits::default(), &stop).unwrap();
    let rule =
        json!({ "name": "none", "matching": { "memory_min": 2, "memory_max": 1 }, "what": { "do": "wait" } });
    let error = client.post("/api/v1/rules").send_json(&rule).unwrap_err();
    assert!(
        error.status() == Some(422) && error.to_string().contains("`memory_min` is above `memory_max`"),
        "{error}"
    );
    station.json(&["rule", "add", "small", "--wait", "--memory-max", "1GiB"]);
    let agent = crate::station_deploy::Agent::on(
        &station,
        "a",
        "10000000aaaa0001",
        &crate::station_deploy::disk(&station, "a", 4),
    );
    crate::station_deploy::boards(&station, 1);
    station.json(&["rule", "add", "large", "--wait", "--storage-min", "1GiB"]);
    let out = station.run(&["rule", "test", "10000000aaaa0001"]);
    let text = String::from_utf8(out.stdout).unwrap();
    assert!(text.contains("its largest disk is 4 MiB, less than 1 GiB"), "{text}");
    drop(agent);
}

#[test]
fn bytes_go_to_standard_output_where_it_is_named_and_never_onto_a_terminal() {
    let station = Station::start();
    let image: Vec<u8> = (0..3_000_000u32).map(|n| (n / 7) as u8).collect();
    fs::write(station.path("os.img"), &image).unwrap();
    station.json(&["image", "add", "os.img", "--name", "os"]);
    let out = station.run(&["image", "export", "os", "-o", "-"]);
    assert!(out.status.success() && out.stdout == image, "{}", String::from_utf8_lossy(&out.stderr));
    assert!(String::from_utf8(out.stderr).unwrap().contains("equal"));
    let copy = station.run(&["station", "backup", "--state", "station", "-o", "-"]).stdout;
    assert!(zstd::decode_all(&copy[..]).unwrap().starts_with(b"["));
    let mut restore = station
        .command(&["station", "restore", "-", "--state", "third"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut restore.stdin.take().unwrap(), &copy).unwrap();
    assert!(restore.wait().unwrap().success());
    let token = station.run(&["token", "add", "t", "--role", "viewer", "-o", "-"]);
    assert!(token.status.success() && token.stdout.len() > 20 && token.stdout.ends_with(b"\n"));
    assert!(!station.path("-").exists());
    for command in ["image export os -o -", "station backup --state station -o -"] {
        let (lines, code) = on_terminal(&station, 80, command);
        assert!(code == 2 && lines.join(" ").contains("terminal"), "{code} {lines:?}");
    }
    let text = station.stderr(&["image", "export", "os", "-o", "-", "--json"], 2);
    assert!(text.contains("--json"), "{text}");
    for command in
        [&["split-image", "os.img", "-o", "-"][..], &["initramfs", "build", "--arch", "arm64", "-o", "-"]]
    {
        let text = station.stderr(command, 2);
        assert!(text.contains("`./-` is a file of that name"), "{text}");
    }
}

#[test]
fn a_log_is_found_by_the_beginning_of_its_runs_name_and_an_empty_one_is_called_so() {
    let station = Station::start();
    fs::write(station.path("os.img"), vec![7; 100_000]).unwrap();
    station.json(&["image", "add", "os.img", "--name", "os"]);
    let disk = crate::station_deploy::disk(&station, "a", 4);
    let _agent = crate::station_deploy::Agent::on(&station, "a", "10000000aaaa0001", &disk);
    crate::station_deploy::boards(&station, 1);
    station.json(&["board", "reboot", "10000000aaaa0001"]);
    let run = crate::station_deploy::runs(&station)[0]["run"].as_str().unwrap().to_owned();
    let url = station.url();
    for name in [&run[..6], &run, "last"] {
        let arguments = ["run", "log", name, "--station", &url];
        let out = station.run(&arguments);
        let said = String::from_utf8(out.stderr).unwrap();
        assert!(out.status.success() && (out.stdout.is_empty() == said.contains(&run)), "{said}");
        station.json(&arguments);
    }
    assert!(station.stderr(&["run", "log", "zz", "--station", &url], 66).contains("`zz`"));
}

#[test]
fn ctrl_c_while_boards_are_waited_for_says_that_the_station_goes_on() {
    let station = Station::start();
    fs::write(station.path("os.img"), vec![7; 100_000]).unwrap();
    station.json(&["image", "add", "os.img", "--name", "os"]);
    let mac = "dc:a6:32:01:02:03";
    silent_board(&station, mac);
    station.json(&["board", "set", mac, "--name", "lab 01"]);
    for (signal, arguments, said, code) in [
        (
            rustix::process::Signal::INT,
            &["board", "deploy", "lab 01", "--image", "os", "--confirm", "lab 01"][..],
            "`piprov board cancel 'lab 01'` ends it",
            130,
        ),
        (rustix::process::Signal::TERM, &["board", "watch"], "", 0),
    ] {
        let mut child =
            station.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut err = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        // It waits as soon as it says so.
        err.read_line(&mut line).unwrap();
        assert!(line.contains("waits for the board") || line.contains("Ctrl-C ends it"), "{line}");
        rustix::process::kill_process(rustix::process::Pid::from_child(&child), signal).unwrap();
        let status = child.wait().unwrap();
        let mut text = String::new();
        err.read_to_string(&mut text).unwrap();
        assert_eq!((status.code(), status.signal()), (Some(code), None), "{text}");
        assert!(text.contains(said) && text.contains("stopping; again ends at once"), "{text}");
        assert!(!text.contains("reset line") && !text.contains("on the wire"), "{text}");
    }
    let job = station.json(&["board", "show", "lab 01"]);
    assert!(job[0]["value"]["job"].is_string(), "the job goes on: {job:?}");
}

#[test]
fn no_list_is_wider_than_the_terminal_and_a_pipe_gets_a_line_for_each_row() {
    let station = Station::start();
    fs::write(station.path("os.img"), vec![7; 100_000]).unwrap();
    let name = "raspios-trixie-arm64-lite.img.xz";
    station.json(&["image", "add", "os.img", "--name", name]);
    station.json(&["project", "add", "everything-for-the-lab", "--image", name, "--target", "emmc,sd,nvme"]);
    station.json(&["rule", "add", "small", "--project", "everything-for-the-lab", "--memory-max", "1GiB"]);
    station.json(&["rule", "add", "rest", "--wait", "--any"]);
    station.json(&["token", "add", "t", "--role", "viewer", "-o", "token"]);
    let disk = crate::station_deploy::disk(&station, "a", 4);
    let _agent = crate::station_deploy::Agent::on(&station, "a", "10000000aaaa0001", &disk);
    crate::station_deploy::boards(&station, 1);
    station.json(&["board", "reboot", "10000000aaaa0001"]);
    let url = station.url();
    let runs = format!("run list --station {url}");
    let lists = [
        "board list",
        "image list",
        "project list",
        "rule list",
        "token list",
        "station status",
        "config show",
        &runs,
    ];
    for list in lists {
        for columns in [40, 60, 100] {
            let (lines, code) = on_terminal(&station, columns, list);
            assert_eq!(code, 0, "{list}: {lines:?}");
            // What has no blank can't be broken: a digest, a path.
            let wide = |line: &&String| {
                line.chars().count() > columns as usize
                    && line.trim_start().split(' ').all(|word| word.chars().count() + 3 <= columns as usize)
            };
            assert_eq!(
                lines.iter().filter(wide).collect::<Vec<_>>(),
                Vec::<&String>::new(),
                "{list} {columns}"
            );
        }
        let arguments: Vec<_> = list.split(' ').collect();
        let piped = String::from_utf8(station.run(&arguments).stdout).unwrap();
        let (wide, _) = on_terminal(&station, 500, list);
        let piped: Vec<_> = piped.lines().collect();
        assert_eq!(wide[..piped.len()], piped, "{list}");
    }
    let rows = String::from_utf8(station.run(&["board", "list"]).stdout).unwrap();
    assert_eq!(rows.lines().count(), 2, "{rows}");
}

#[test]
fn a_user_who_may_not_is_told_what_helps() {
    let station = Station::start();
    fs::set_permissions(station.path(""), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let program = station.path("piprov");
    let mut command = if rustix::process::geteuid().is_root() {
        // Where nobody can get at it.
        common::copied(&program);
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&program);
        command
    } else {
        fs::set_permissions(station.socket(), std::os::unix::fs::PermissionsExt::from_mode(0o000)).unwrap();
        Command::new(env!("CARGO_BIN_EXE_piprov"))
    };
    common::clean(&mut command);
    command.args(["board", "list"]).env("PIPROV_STATION_SOCKET", station.socket());
    let out = command.current_dir("/").output().unwrap();
    let text = String::from_utf8(out.stderr).unwrap();
    assert_eq!(out.status.code(), Some(77), "{text}");
    assert!(text.contains("adduser USER piprov"), "{text}");
}

#[test]
fn a_station_that_goes_away_in_the_middle_is_away() {
    let station = Station::start();
    fs::write(station.path("token"), "x\n").unwrap();
    fs::set_permissions(station.path("token"), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let dying = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", dying.local_addr().unwrap());
    // It takes the beginning of each call, and is gone.
    std::thread::spawn(move || {
        for stream in dying.incoming() {
            let _ = stream.unwrap().read(&mut [0; 100]);
        }
    });
    for arguments in [&["board", "list"][..], &["image", "add", "-", "--name", "x"]] {
        let all: Vec<_> =
            arguments.iter().copied().chain(["--station", &url, "--token-file", "token"]).collect();
        station.stderr(&all, 69);
    }
}

#[test]
fn an_empty_variable_names_no_configuration_and_an_empty_flag_is_a_mistake() {
    let station = Station::start();
    let mut command = station.command(&["config", "show"]);
    let out =
        command.env("PIPROV_CONFIG", "").stdout(Stdio::piped()).stderr(Stdio::piped()).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let mut command = station.command(&["config", "show", "--config", ""]);
    let out = command.env_remove("PIPROV_CONFIG").stderr(Stdio::piped()).output().unwrap();
    assert!(!out.status.success());
    fs::write(station.path("bad.toml"), "[station]\nnames = \"\"\n").unwrap();
    let text = station.stderr(&["config", "show", "--config", "bad.toml"], 78);
    assert!(text.contains("`[]` is a list without members"), "{text}");
    fs::write(station.path("bad.toml"), "[station]\nkeep-runs = -1\n").unwrap();
    let text = station.stderr(&["config", "show", "--config", "bad.toml"], 78);
    assert!(text.contains("-1 is not a whole number of days from 1 to 36500"), "{text}");
}

#[test]
fn who_resets_a_password_hears_that_the_second_factor_stays() {
    let dir = tempfile::tempdir().unwrap();
    let station = crate::station::Station::start(dir.path(), &[]);
    let mut ada = crate::passkey::Window::first(&station, "correct horse battery");
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_piprov"));
        common::clean(&mut command);
        command.env("PIPROV_STATION_SOCKET", &station.socket).current_dir(dir.path());
        let out = command.args(arguments).output().unwrap();
        assert!(out.status.success(), "{out:?}");
        String::from_utf8(out.stderr).unwrap()
    };
    fs::write(dir.path().join("new"), "another long password\n").unwrap();
    fs::set_permissions(dir.path().join("new"), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let by_file = ["user", "reset", "ada", "--password-file", "new"];
    for arguments in [&["user", "reset", "ada", "--link"][..], &by_file] {
        assert!(!run(arguments).contains("second factor"), "there is none");
    }
    let mut key = crate::passkey::Passkey::new(&station, 1);
    let (mut again, status) = crate::passkey::Window::with_password(&station, "ada", "another long password");
    assert_eq!(status, 303);
    ada.cookie.clone_from(&again.cookie);
    assert_eq!(again.add(&mut key, "key", "another long password").status, 200);
    for arguments in [&["user", "reset", "ada", "--link"][..], &by_file] {
        let said = run(arguments);
        assert!(
            said.contains("the second factor of ada stays; `piprov user reset ada --second-factor`"),
            "{said}"
        );
    }
    run(&["user", "reset", "ada", "--second-factor"]);
    let user = &station.admin("GET", "/api/v1/users", None).ok()["items"][0];
    assert_eq!((&user["second_factor"], &user["passkeys"]), (&json!(false), &json!(0)));
}
