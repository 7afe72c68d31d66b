//! The live tree of USB boot, and the udev helper, beside another user that may write there.

use std::os::fd::OwnedFd;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::fs::{CWD, FileType, RenameFlags, renameat_with};

use crate::common;

/// A host whose live tree another user may write in, and files that this user would like removed.
struct Lab(tempfile::TempDir);

/// What must survive.
const PRECIOUS: [&str; 3] = ["precious/file", "precious/deep/deeper/file", "precious/config.txt"];

/// The commands that remove whatever they find, each with a place in the live tree that it removes.
const COMMANDS: [([&str; 2], &str); 3] = [
    (["nukelive", "--force"], "live/own"),
    (["clnlive", "--force"], "live/1-1.9"),
    // A file of the first stage is to stand there.
    (["mklive", "--force"], "live/config.txt"),
];

impl Lab {
    fn new() -> Self {
        let lab = Self(tempfile::tempdir().unwrap());
        for name in PRECIOUS.into_iter().chain(["clients/1ststage/config.txt"]) {
            lab.put(name, "precious");
        }
        std::fs::create_dir(lab.at("live")).unwrap();
        lab
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn put(&self, name: &str, text: &str) {
        std::fs::create_dir_all(self.at(name).parent().unwrap()).unwrap();
        std::fs::write(self.at(name), text).unwrap();
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        common::clean(&mut command);
        command
            .env("PIPROV_USB_LIVE", self.at("live"))
            .env("PIPROV_USB_CLIENTS", self.at("clients"))
            .env("PIPROV_RUNTIME_DIR", self.at("run"))
            .current_dir("/");
        command
    }

    fn piprov(&self, arguments: &[&str]) -> Output {
        self.command(env!("CARGO_BIN_EXE_piprov")).args(arguments).output().unwrap()
    }

    /// Makes the live tree anew, with a directory in it whose names are those of what is precious, and enough others that
    /// removing it takes a moment; and beside it a link to what is precious.
    fn bait(&self, own: &str) {
        for name in ["live", "swap"] {
            let path = self.at(name);
            let gone =
                if path.is_symlink() { std::fs::remove_file(path) } else { std::fs::remove_dir_all(path) };
            assert!(gone.is_ok() || !self.at(name).exists());
        }
        for name in PRECIOUS {
            self.put(&name.replace("precious", own), "");
        }
        for number in 0..300 {
            self.put(&format!("{own}/{number}"), "");
        }
        symlink(self.at("precious"), self.at("swap")).unwrap();
    }

    /// Runs a command beside an attack. Whether the command gets anywhere is luck.
    fn beside(&self, arguments: &[&str], attack: impl Fn(&AtomicBool) + Sync) {
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let attack = scope.spawn(|| attack(&over));
            let output = self.piprov(arguments);
            over.store(true, Ordering::Relaxed);
            attack.join().unwrap();
            assert!(output.status.code().is_some(), "{output:?}");
        });
        for name in PRECIOUS {
            let text = std::fs::read_to_string(self.at(name));
            assert_eq!(text.ok().as_deref(), Some("precious"), "{arguments:?}: {name}");
        }
    }
}

/// One of two names becomes the other.
fn exchange(one: &Path, other: &Path) {
    let _ = renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE);
}

#[test]
fn a_directory_that_becomes_a_link_while_it_is_emptied_takes_nothing_outside_with_it() {
    let lab = Lab::new();
    let changed = |path: &Path| std::fs::symlink_metadata(path).and_then(|meta| meta.modified()).ok();
    for _ in 0..20 {
        for (command, own) in COMMANDS {
            lab.bait(own);
            let own = lab.at(own);
            let before = changed(&own);
            lab.beside(&command, |over| {
                // The right moment: the first of its files is gone.
                while changed(&own) == before && !over.load(Ordering::Relaxed) {
                    std::thread::yield_now();
                }
                exchange(&own, &lab.at("swap"));
            });
        }
    }
}

#[test]
fn a_live_tree_that_becomes_a_link_takes_nothing_outside_with_it() {
    let lab = Lab::new();
    for _ in 0..20 {
        for (command, own) in COMMANDS {
            lab.bait(own);
            lab.beside(&command, |over| {
                while !over.load(Ordering::Relaxed) {
                    exchange(&lab.at("live"), &lab.at("swap"));
                    std::thread::yield_now();
                }
            });
        }
    }
}

#[test]
fn a_live_tree_that_is_a_link_is_neither_emptied_nor_filled() {
    let lab = Lab::new();
    std::fs::remove_dir(lab.at("live")).unwrap();
    symlink("precious", lab.at("live")).unwrap();
    for (arguments, _) in COMMANDS {
        for place in ["live", "live/", "live/."] {
            let live = lab.at("").join(place);
            let output = lab.piprov(&[&arguments[..], &["--live", live.to_str().unwrap()]].concat());
            let told = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(!output.status.success() && told.contains("is a link, and not a directory"), "{told}");
        }
    }
    // The udev helper neither.
    let (_board, output) = lab.board("a");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("is a link, and not a directory"), "{told}");
    let names = std::fs::read_dir(lab.at("precious")).unwrap().count();
    assert_eq!(names, 3, "nothing came, nothing went");
    for name in PRECIOUS {
        assert_eq!(std::fs::read_to_string(lab.at(name)).unwrap(), "precious");
    }
}

impl Lab {
    /// A board's first stage comes, as udev says it. Gives its end of the serial port and what the helper said.
    fn board(&self, serial: &str) -> (OwnedFd, Output) {
        use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let wire = openpt(flags).unwrap();
        grantpt(&wire).unwrap();
        unlockpt(&wire).unwrap();
        let tty = ptsname(&wire, Vec::new()).unwrap().into_string().unwrap();
        let path = "/devices/pci0000:00/0000:00:14.0/usb1/1-1/1-1:1.0/tty/ttyACM7";
        let mut command = self.command(env!("CARGO_BIN_EXE_piprov-udev"));
        command.env("ACTION", "add").env("SUBSYSTEM", "tty").env("DEVPATH", path);
        command.env("DEVNAME", tty).env("ID_SERIAL_SHORT", serial);
        // A helper that grows is killed before it takes the machine with it, and one that hangs as well.
        let program = command.get_program().to_owned();
        let mut bounded = Command::new("prlimit");
        bounded.args(["--as=268435456", "timeout", "10"]).arg(program).env_clear().current_dir("/");
        bounded.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        bounded.stdin(Stdio::null());
        (wire, bounded.output().unwrap())
    }

    /// What a board with this client's directory is told, and why.
    fn told(&self) -> (String, String) {
        let began = Instant::now();
        let (wire, output) = self.board("a");
        assert!(began.elapsed() < Duration::from_secs(8), "{:?}: {output:?}", began.elapsed());
        let mut line = [0; 64];
        let count = rustix::io::read(&wire, &mut line).unwrap();
        let command = String::from_utf8_lossy(&line[..count]).trim().to_owned();
        (command, String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

fn pipe(path: &Path) {
    rustix::fs::mknodat(CWD, path, FileType::Fifo, 0o644.into(), 0).unwrap();
}

#[test]
fn a_clients_config_txt_neither_hangs_nor_fattens_the_udev_helper() {
    type Plant = fn(&Path);
    let plants: [(&str, Plant, &str); 8] = [
        ("a pipe", pipe, "no config.txt"),
        ("zeros without end", |path| symlink("/dev/zero", path).unwrap(), "no config.txt"),
        ("a terminal", |path| symlink("/dev/tty", path).unwrap(), "no config.txt"),
        ("a directory", |path| std::fs::create_dir(path).unwrap(), "no config.txt"),
        (
            "a hole",
            |path| std::fs::File::create(path).unwrap().set_len(1 << 42).unwrap(),
            "more than 256 KiB",
        ),
        ("a file of the host's", |path| symlink("/etc/passwd", path).unwrap(), "leads to /etc/passwd"),
        ("includes itself", |path| std::fs::write(path, "include config.txt\n").unwrap(), "8 deep"),
        (
            "includes a pipe",
            |path| {
                pipe(&path.with_file_name("more.txt"));
                std::fs::write(path, "include more.txt\nkernel=gone.img\n").unwrap();
            },
            "has no gone.img",
        ),
    ];
    for (what, plant, why) in plants {
        let lab = Lab::new();
        lab.put("clients/by-serial/a/kernel.img", "");
        plant(&lab.at("clients/by-serial/a/config.txt"));
        assert!(lab.piprov(&["mklive"]).status.success());
        let (command, told) = lab.told();
        assert_eq!(command, "poweroff", "{what}: {told}");
        assert!(told.contains(why), "{what}: {told}");
        assert!(!lab.at("live/1-1").exists(), "{what}");
    }
}

#[test]
fn a_client_of_links_to_the_hosts_files_gets_no_overlay() {
    let lab = Lab::new();
    lab.put("clients/by-serial/a/config.txt", "");
    symlink("/etc/shadow", lab.at("clients/by-serial/a/kernel.img")).unwrap();
    assert!(lab.piprov(&["mklive"]).status.success());
    let (command, told) = lab.told();
    assert_eq!(command, "poweroff", "{told}");
    assert!(told.contains("kernel.img that leads to /etc/shadow, which is not served"), "{told}");
    std::fs::remove_file(lab.at("clients/by-serial/a/kernel.img")).unwrap();
    lab.put("clients/by-serial/a/kernel.img", "");
    let (command, told) = lab.told();
    assert_eq!(command, "reboot", "{told}");
}
