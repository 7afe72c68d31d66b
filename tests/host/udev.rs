//! The udev helper as udev calls it: its real program, with udev's environment, and a pseudo terminal for the board.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use crate::common;

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};

/// A host in a directory of its own.
struct Lab {
    dir: tempfile::TempDir,
}

/// A board's serial port, from the board's side.
struct Board {
    wire: OwnedFd,
    tty: PathBuf,
}

impl Board {
    fn new() -> Self {
        use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
        let wire = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&wire).unwrap();
        unlockpt(&wire).unwrap();
        let tty = ptsname(&wire, Vec::new()).unwrap().into_string().unwrap().into();
        Self { wire, tty }
    }

    /// What it was told.
    fn heard(&self) -> String {
        let mut buffer = [0; 64];
        let count = rustix::io::read(&self.wire, &mut buffer).unwrap();
        String::from_utf8(buffer[..count].to_vec()).unwrap()
    }

    /// Makes it take nothing more, for as long as the result is there.
    fn hold(&self) -> OwnedFd {
        let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::NOCTTY;
        let held = rustix::fs::open(&self.tty, flags, Mode::empty()).unwrap();
        rustix::termios::tcflow(&held, rustix::termios::Action::OOff).unwrap();
        held
    }
}

impl Lab {
    fn new(clients: &[&str]) -> Self {
        let lab = Self { dir: tempfile::tempdir().unwrap() };
        for client in clients {
            std::fs::create_dir_all(lab.path("clients").join(client)).unwrap();
        }
        lab
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn clean(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        common::clean(&mut command);
        command
            .env("PIPROV_USB_LIVE", self.path("live"))
            .env("PIPROV_USB_CLIENTS", self.path("clients"))
            .env("PIPROV_RUNTIME_DIR", self.path("run"))
            .current_dir("/");
        command
    }

    /// udev's call when a serial port comes.
    fn add(&self, port: &str, tty: &Path, serial: &str) -> Command {
        let mut command = self.clean(env!("CARGO_BIN_EXE_piprov-udev"));
        let path = format!("/devices/pci0000:00/0000:00:14.0/usb1/1-9/{port}/{port}:1.0/tty/ttyACM7");
        command.env("ACTION", "add").env("SUBSYSTEM", "tty").env("DEVPATH", path);
        command.env("DEVNAME", tty).env("ID_SERIAL_SHORT", serial);
        command
    }

    /// udev's call when a device leaves.
    fn remove(&self, port: &str) -> Command {
        let mut command = self.clean(env!("CARGO_BIN_EXE_piprov-udev"));
        let path = format!("/devices/pci0000:00/0000:00:14.0/usb1/1-9/{port}");
        command.env("ACTION", "remove").env("SUBSYSTEM", "usb").env("DEVTYPE", "usb_device");
        command.env("PRODUCT", "f055/b007/100").env("DEVPATH", path);
        command
    }

    fn piprov(&self, arguments: &[&str]) -> Output {
        self.clean(env!("CARGO_BIN_EXE_piprov")).args(arguments).output().unwrap()
    }

    fn overlay(&self, port: &str) -> Option<PathBuf> {
        let target = std::fs::read_link(self.path("live").join(port)).ok()?;
        Some(target.strip_prefix(self.path("clients")).unwrap().to_owned())
    }
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_board_is_linked_and_told_to_restart() {
    let lab = Lab::new(&["by-serial/00000000d8e4a1f7", "default"]);
    for (port, serial, client) in [
        ("1-1.2", "00000000d8e4a1f7", "by-serial/00000000d8e4a1f7"),
        // A board is the same in any letter case.
        ("2-10", "00000000D8E4A1F7", "by-serial/00000000d8e4a1f7"),
        ("2-11", "00000000badb0075", "default"),
    ] {
        let board = Board::new();
        let output = lab.add(port, &board.tty, serial).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert_eq!(board.heard(), "reboot\n");
        assert_eq!(lab.overlay(port).unwrap(), Path::new(client));
        assert!(
            stderr(&output).contains(&format!("{port}: board {serial}: files from {client}")),
            "{output:?}"
        );
    }
    let shown = String::from_utf8(lab.piprov(&["live"]).stdout).unwrap();
    let lines: Vec<&str> = shown.lines().collect();
    assert!(
        lines.len() == 4 && lines[1].starts_with("1-1.2 ") && lines[1].contains("told to restart"),
        "{shown}"
    );
    let json = String::from_utf8(lab.piprov(&["live", "--json"]).stdout).unwrap();
    let first: serde_json::Value = serde_json::from_str(json.lines().next().unwrap()).unwrap();
    assert_eq!((&first["board"]["port"], &first["phase"]), (&"1-1.2".into(), &"restarting".into()), "{json}");
    assert!(first["since"].as_str().is_some_and(|since| since.ends_with('Z')), "{json}");
}

#[test]
fn an_unknown_board_is_switched_off_and_the_log_names_it() {
    let lab = Lab::new(&["by-serial/a"]);
    for serial in ["00000000d8e4a1f7", "..", "../by-serial/a", ""] {
        let board = Board::new();
        let output = lab.add("1-1", &board.tty, serial).output().unwrap();
        assert_eq!(board.heard(), "poweroff\n");
        assert_eq!(lab.overlay("1-1"), None);
        assert!(stderr(&output).contains(serial) && stderr(&output).contains("power off"), "{output:?}");
    }
}

#[test]
fn what_goes_wrong_is_told_and_nothing_panics() {
    let lab = Lab::new(&["default"]);
    let gone = lab.add("1-1", Path::new("/nonexistent/ttyACM0"), "a").output().unwrap();
    assert!(stderr(&gone).contains("/nonexistent/ttyACM0: No such file"), "{gone:?}");
    let empty = lab.clean(env!("CARGO_BIN_EXE_piprov-udev")).output().unwrap();
    assert!(!empty.status.success() && stderr(&empty).contains("there is no ACTION"), "{empty:?}");
    let argument = lab.clean(env!("CARGO_BIN_EXE_piprov-udev")).arg("x").output().unwrap();
    assert_eq!(argument.status.code(), Some(2));
    // A live tree that can't be.
    std::fs::write(lab.path("live-file"), "").unwrap();
    let board = Board::new();
    let output =
        lab.add("1-3", &board.tty, "a").env("PIPROV_USB_LIVE", lab.path("live-file/live")).output().unwrap();
    assert!(stderr(&output).contains("live-file"), "{output:?}");
    let config = lab.add("1-4", &board.tty, "a").env("PIPROV_USB_GADGET", "x").output().unwrap();
    assert!(!config.status.success() && stderr(&config).contains("usb.gadget"), "{config:?}");
}

#[test]
fn many_events_at_once_leave_each_port_with_its_own_board() {
    let names: Vec<String> = (1..=16).map(|number| format!("by-serial/board{number}")).collect();
    let lab = Lab::new(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let boards: Vec<Board> = (1..=16).map(|_| Board::new()).collect();
    // Each twice, as after a loose contact.
    let children: Vec<_> = (0..32)
        .map(|number| {
            let at = number % 16;
            let mut command = lab.add(&format!("1-{}", at + 1), &boards[at].tty, &format!("board{}", at + 1));
            command.stderr(Stdio::null()).spawn().unwrap()
        })
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    for (at, name) in names.iter().enumerate() {
        assert_eq!(lab.overlay(&format!("1-{}", at + 1)).unwrap(), Path::new(name));
        assert!(boards[at].heard().starts_with("reboot\n"));
    }
}

#[test]
fn a_deaf_board_costs_little_and_is_told_later_or_forgotten() {
    let lab = Lab::new(&["default"]);
    let board = Board::new();
    let held = board.hold();
    let start = Instant::now();
    let mut child = lab.add("1-1", &board.tty, "a").stderr(Stdio::null()).spawn().unwrap();
    // It waits for the board now. In what it needs for that there is no room for surprises.
    let memory = until_status(child.id(), "VmHWM").unwrap();
    assert!(child.wait().unwrap().success());
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    assert!(memory < 4096, "{memory} KiB");
    assert!(lab.path("run/due/1-1").exists());
    let shown = String::from_utf8(lab.piprov(&["live"]).stdout).unwrap();
    assert!(shown.contains("does not take `reboot` yet"), "{shown}");
    drop(held);
    // Pulled out without having been told: what comes next is not known.
    assert!(lab.remove("1-1").output().unwrap().status.success());
    assert_eq!(lab.overlay("1-1"), None);
}

/// A value of a process's status in KiB, when it is asleep.
fn until_status(pid: u32, name: &str) -> Option<u64> {
    let deadline = Instant::now() + Duration::from_secs(20);
    while Instant::now() < deadline {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(&format!("{name}:")));
        if field("Name")?.trim() == "piprov-udev" && field("State")?.trim().starts_with('S') {
            return field(name)?.trim().trim_end_matches(" kB").parse().ok();
        }
        std::thread::yield_now();
    }
    None
}

#[test]
fn it_takes_less_than_ten_milliseconds_of_the_processor() {
    let lab = Lab::new(&["default"]);
    let mut times: Vec<f64> = (0..20)
        .map(|_| {
            let board = Board::new();
            #[expect(clippy::zombie_processes, reason = "processor_time waits for it")]
            let child = lab.add("1-1", &board.tty, "a").stderr(Stdio::null()).spawn().unwrap();
            processor_time(child.id())
        })
        .collect();
    times.sort_by(f64::total_cmp);
    // The first ones wait for their files to be read, and the machine has other things to do.
    assert!(times[10] < 10.0, "{times:?} ms");
}

/// Waits for a process, and gives the milliseconds of the processor that it and its children took.
fn processor_time(pid: u32) -> f64 {
    let (mut status, mut usage) = (0, std::mem::MaybeUninit::<libc::rusage>::zeroed());
    // SAFETY: both places are there for the call; the process is a child that nobody else waits for.
    let waited = unsafe { libc::wait4(pid.cast_signed(), &raw mut status, 0, usage.as_mut_ptr()) };
    assert!(waited == pid.cast_signed() && status == 0, "{status:x}");
    // SAFETY: all zeros are a value of this struct, and the call has filled it in.
    let usage = unsafe { usage.assume_init() };
    let milliseconds = |time: libc::timeval| time.tv_sec as f64 * 1e3 + time.tv_usec as f64 / 1e3;
    milliseconds(usage.ru_utime) + milliseconds(usage.ru_stime)
}

#[test]
fn the_rules_are_printed_with_what_is_configured() {
    let lab = Lab::new(&[]);
    let print = |ids: &str| {
        let output = lab
            .clean(env!("CARGO_BIN_EXE_piprov"))
            .args(["udev", "print", "--group", "gpio"])
            .env("PIPROV_USB_GADGET", ids)
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let text = print("1d6b:0104");
    assert!(text.contains("ATTRS{idVendor}==\"1d6b\"") && text.contains("GROUP=\"gpio\""), "{text}");
}

#[test]
fn the_helper_reads_the_configuration_that_stands_in_for_all() {
    let lab = Lab::new(&[]);
    let (live, clients) = (lab.path("other-live"), lab.path("other-clients"));
    std::fs::create_dir_all(clients.join("by-serial/d8e4a1f7")).unwrap();
    let config = lab.path("own.toml");
    let text = format!("[usb]\nlive = \"{}\"\nclients = \"{}\"\n", live.display(), clients.display());
    std::fs::write(&config, text).unwrap();
    let board = Board::new();
    let mut helper = lab.add("1-1.2", &board.tty, "00000000d8e4a1f7");
    helper.env_remove("PIPROV_USB_LIVE").env_remove("PIPROV_USB_CLIENTS").env("PIPROV_CONFIG", &config);
    let output = helper.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(std::fs::read_link(live.join("1-1.2")).unwrap(), clients.join("by-serial/d8e4a1f7"));
    // The rules hand it on to the helper, whichever way it was named.
    let print = |command: &mut Command| String::from_utf8(command.output().unwrap().stdout).unwrap();
    let named = format!("ENV{{PIPROV_CONFIG}}=\"{}\", RUN+=", config.display());
    let program = env!("CARGO_BIN_EXE_piprov");
    let by_flag = print(lab.clean(program).args(["udev", "print", "--config"]).arg(&config));
    let by_variable = print(lab.clean(program).args(["udev", "print"]).env("PIPROV_CONFIG", &config));
    assert!(by_flag.matches(&named).count() == 3 && by_flag == by_variable, "{by_flag}");
    assert!(!print(lab.clean(program).args(["udev", "print"])).contains("PIPROV_CONFIG"));
    let odd = lab.path("with space.toml");
    std::fs::copy(&config, &odd).unwrap();
    let output = lab.clean(program).args(["udev", "print", "--config"]).arg(&odd).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}

#[test]
fn rules_helper_and_units_are_installed_into_an_image_and_removed_again() {
    let lab = Lab::new(&[]);
    let root = lab.path("image");
    std::fs::create_dir_all(root.join("etc")).unwrap();
    std::fs::write(root.join("etc/group"), "root:x:0:\nplugdev:x:46:\n").unwrap();
    let root_name = root.to_str().unwrap();
    let dry = lab.piprov(&["udev", "install", "--root", root_name, "--dry-run"]);
    assert!(dry.status.success() && !root.join("etc/udev").exists(), "{dry:?}");
    for verb in ["installed", "unchanged"] {
        let output = lab.piprov(&["udev", "install", "--root", root_name]);
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.lines().count() >= 4 && text.lines().all(|line| line.starts_with(verb)), "{text}");
    }
    let rules = std::fs::read_to_string(root.join("etc/udev/rules.d/60-piprov.rules")).unwrap();
    assert!(rules.contains("GROUP=\"plugdev\""), "{rules}");
    let helper = rules.split("RUN+=\"").nth(1).unwrap().split('"').next().unwrap();
    assert!(Path::new(helper).is_absolute(), "{helper}");
    assert!(root.join("etc/systemd/system/piprov-usb.path").exists());
    let output = lab.piprov(&["udev", "remove", "--root", root_name]);
    assert!(output.status.success(), "{output:?}");
    assert!(!root.join("etc/udev/rules.d/60-piprov.rules").exists());
    assert!(!root.join("etc/systemd/system/piprov-usb.path").exists());
}

#[test]
fn finishing_tidies_an_empty_port() {
    let lab = Lab::new(&["default"]);
    let board = Board::new();
    assert!(lab.add("1-1", &board.tty, "a").output().unwrap().status.success());
    assert!(lab.remove("1-1").output().unwrap().status.success());
    let shown = String::from_utf8(lab.piprov(&["live"]).stdout).unwrap();
    assert!(shown.contains("port empty for"), "{shown}");
    let finish = |window: &str| {
        let mut command = lab.clean(env!("CARGO_BIN_EXE_piprov"));
        command.args(["udev", "finish", "-v"]).env("PIPROV_USB_RESTART_WINDOW", window);
        command.output().unwrap()
    };
    let output = finish("1");
    assert!(output.status.success() && stderr(&output).contains("the port was empty for"), "{output:?}");
    assert_eq!(lab.overlay("1-1"), None);
    assert_eq!(stderr(&finish("1")), "");
}

/// What udev calls starts in milliseconds, also where it comes out of the one build of everything: what a board's arrival
/// waits for must not load libudev or libusb.
#[test]
fn the_helper_loads_no_library_of_usb() {
    let helper = env!("CARGO_BIN_EXE_piprov-udev");
    let told = Command::new("readelf").args(["--dynamic", "--wide", helper]).output();
    let told = told.expect("readelf is needed: apt-get install binutils");
    let told = String::from_utf8(told.stdout).unwrap();
    let needed: Vec<_> = told.lines().filter(|line| line.contains("(NEEDED)")).collect();
    assert!(needed.iter().any(|line| line.contains("[libc.so")), "{told}");
    assert!(!needed.iter().any(|line| line.contains("[libudev") || line.contains("[libusb")), "{needed:#?}");
}
