//! The pages of docs/tasks: each command that they show as one for a shell is run as it stands.

use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::common;
use crate::flash_model::{self, Board, Host};
use crate::sample::Sample;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const MACS: [(&str, &str, u8); 2] = [("lab-01", flash_model::MAC, 7), ("lab-02", "dc:a6:32:01:02:04", 8)];

/// The blocks of a page that begin with this line.
fn blocks(page: &str, kind: &str) -> Vec<String> {
    let text = fs::read_to_string(format!("{ROOT}/docs/tasks/{page}")).unwrap();
    let begin = format!("```{kind}\n");
    text.split(&begin).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

/// An image that a card boots.
fn image(path: &Path, marker: &str) {
    let size = ["--boot-size", "34", "--root-size", "8", "--files", "1", "--marker", marker];
    fs::copy(Sample::new(&size).image, path).unwrap();
}

/// A directory of somebody who follows a page.
struct Place {
    dir: tempfile::TempDir,
    port: u16,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        fs::create_dir(dir.path().join("bin")).unwrap();
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_piprov"), dir.path().join("bin/piprov")).unwrap();
        let place = Self { dir, port };
        let mut rows = "name,mac,ip,reset\n".to_owned();
        for (name, mac, last) in MACS {
            rows += &format!("{name},{mac},127.0.0.{last},command:true\n");
        }
        fs::write(place.path("lab.csv"), rows).unwrap();
        image(&place.path("os.img"), "one");
        let settings = format!(
            "targets = '{}'\n[flash]\nlisten = '127.0.0.1:{port}'\nboot-timeout = 20\n",
            place.path("lab.csv").display()
        );
        fs::write(place.path("piprov.toml"), settings).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Puts an example's file there.
    fn take(&self, from: &str, to: &str) {
        fs::copy(format!("{ROOT}/examples/{from}"), self.path(to)).unwrap();
    }

    fn shell(&self, text: &str) -> Output {
        let mut command = Command::new("sh");
        common::clean(&mut command);
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{}:{path}", self.path("bin").display()));
        command.env("PIPROV_STATE_DIR", self.path("state")).env("PIPROV_CONFIG", self.path("piprov.toml"));
        command.env("PIPROV_NIGHTLY_LOCK", self.path("lock"));
        command.current_dir(self.dir.path()).args(["-eu", "-c", text]).output().unwrap()
    }

    /// A program of that name, which is this script.
    fn stand_in(&self, name: &str, script: &str) {
        let path = self.path("bin").join(name);
        let _ = fs::remove_file(&path);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// The same beside boards that are switched on: all that are told here are flashed, or the command doesn't end well.
    fn with_boards(&self, text: &str, boards: &[usize]) -> Output {
        std::thread::scope(|scope| {
            let boards: Vec<_> = boards
                .iter()
                .map(|at| {
                    let (_, mac, last) = MACS[*at];
                    let address = Ipv4Addr::new(127, 0, 0, last);
                    let server = SocketAddrV4::new(Ipv4Addr::LOCALHOST, self.port);
                    let host = Host { address, server, mac };
                    scope.spawn(move || Board { host, secret: None, before: &mut |_| {} }.run())
                })
                .collect();
            let output = self.shell(text);
            assert!(boards.into_iter().all(|board| board.join().unwrap()), "{output:?}");
            output
        })
    }
}

#[track_caller]
fn done(output: &Output) -> String {
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{text}");
    text
}

#[test]
fn a_bench_is_flashed_from_a_makefile_and_only_where_something_is_newer() {
    let place = Place::new();
    place.take("bench/Makefile", "Makefile");
    let all = blocks("flash-from-make.md", "sh");
    let [check, look, first, again, one] = &all[..] else { panic!("{all:?}") };
    done(&place.shell(check));
    done(&place.shell(look));
    assert!(!place.path("flashed").exists());
    done(&place.with_boards(first, &[0, 1]));
    assert!(place.path("flashed").exists());
    assert!(done(&place.shell(again)).contains("up to date"));
    done(&place.with_boards(one, &[0]));
    // Back to an image that is older than the stamp; then what a build put there while the boards were flashed.
    image(&place.path("old.img"), "old");
    done(&place.shell("touch -d 2020-01-01 old.img"));
    let rollback = first.replace("os.img", "old.img");
    done(&place.with_boards(&rollback, &[0, 1]));
    assert!(done(&place.shell(&rollback)).contains("up to date"));
    image(&place.path("new.img"), "new");
    fs::write(place.path("build"), "cp new.img built && mv built old.img\n").unwrap();
    let resets = fs::read_to_string(place.path("lab.csv")).unwrap();
    fs::write(place.path("lab.csv"), resets.replacen("command:true", "command:sh build", 1)).unwrap();
    let meanwhile = place.with_boards(&rollback, &[0, 1]);
    fs::write(place.path("lab.csv"), resets).unwrap();
    done(&place.shell("touch -d 2020-01-01 lab.csv"));
    done(&meanwhile);
    done(&place.with_boards(&rollback, &[0, 1]));
    // A newer image, and a board that stays off: there is no stamp, and make says no.
    image(&place.path("os.img"), "two");
    let settings = fs::read_to_string(place.path("piprov.toml")).unwrap();
    fs::write(place.path("piprov.toml"), settings.replace("boot-timeout = 20", "boot-timeout = 3")).unwrap();
    fs::remove_file(place.path("flashed")).unwrap();
    let failed = place.with_boards(first, &[1]);
    assert!(!failed.status.success() && !place.path("flashed").exists(), "{failed:?}");
    assert!(String::from_utf8_lossy(&failed.stderr).contains("lab-01"), "{failed:?}");
}

#[test]
fn a_stamp_is_there_only_while_all_boards_of_its_bench_have_the_image() {
    let place = Place::new();
    place.take("bench/Makefile", "Makefile");
    // What fails says the test; lab-01 takes its time.
    let script = "echo \"$*\" >>calls; case $* in *lab-01*) sleep 0.3;; esac\n\
                  ! { [ -e fails ] && echo \"$*\" | grep -q \"$(cat fails)\"; }";
    place.stand_in("piprov", script);
    let flashed = || place.path("flashed").exists();
    let calls = || {
        let calls = fs::read_to_string(place.path("calls")).unwrap_or_default();
        let _ = fs::remove_file(place.path("calls"));
        calls
    };
    let (all, one) = ("make IMAGE=os.img TARGETS=lab.csv", "make board-lab-01 IMAGE=os.img TARGETS=lab.csv");
    done(&place.shell(all));
    assert!(flashed() && calls().contains("--all"));
    // A board that gets the same image, and has it: nothing is to be done again.
    done(&place.shell(one));
    assert_eq!(calls(), "flash --targets lab.csv lab-01 os.img\n");
    assert!(flashed());
    done(&place.shell(all));
    assert!(flashed() && calls().is_empty());
    // Nor is a file of such a name a board.
    fs::write(place.path("board-lab-01"), "").unwrap();
    done(&place.shell(one));
    assert!(calls().contains("lab-01"));
    // One that fails may have half of it, also where others are flashed at the same time.
    for (one, fails) in [
        (one, "lab-01"),
        ("make -k -j2 board-lab-01 board-lab-02", "lab-02"),
        ("make -k -j2 board-lab-02 board-lab-01", "lab-02"),
    ] {
        fs::write(place.path("fails"), fails).unwrap();
        assert!(!place.shell(one).status.success());
        assert!(!flashed(), "{one}");
        fs::remove_file(place.path("fails")).unwrap();
        calls();
        done(&place.shell(all));
        assert!(flashed() && calls().contains("--all"), "{one}");
    }
    // One that gets another image.
    done(&place.shell(&one.replace("os.img", "lab.csv")));
    assert!(!flashed());
    calls();
    done(&place.shell(all));
    assert!(flashed() && calls().contains("--all"));
    // Another bench's database, which is older; then back.
    fs::copy(place.path("lab.csv"), place.path("other.csv")).unwrap();
    done(&place.shell("touch -d 2020-01-01 other.csv"));
    done(&place.shell(&all.replace("lab.csv", "other.csv")));
    assert!(flashed() && calls().contains("--targets other.csv --all"));
    done(&place.shell(all));
    assert!(flashed() && calls().contains("--targets lab.csv --all"));
}

/// A page's commands that install something, below a root as Debian has it, from a copy of what is in the examples.
fn install(place: &Place, page: &str, named: &str) {
    let text = fs::read_to_string(format!("{ROOT}/docs/tasks/{page}")).unwrap();
    let block = text.split("```\n").find(|block| block.contains("sudo install")).unwrap();
    place.stand_in("sudo", "exec \"$@\"");
    for program in ["systemctl", "udevadm"] {
        place.stand_in(program, ":");
    }
    let root = place.path("root");
    for dir in ["etc/systemd/system", "etc/udev/rules.d", "etc/cron.d", "usr/local/sbin"] {
        fs::create_dir_all(root.join(dir)).unwrap();
    }
    let script = block.replace(" /etc/", &format!(" {}/etc/", root.display()));
    let script = script.replace(" /usr/local/", &format!(" {}/usr/local/", root.display()));
    fs::create_dir(place.path("examples")).unwrap();
    for file in fs::read_dir(format!("{ROOT}/examples/{named}")).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        fs::create_dir_all(place.path("examples").join(named)).unwrap();
        place.take(&format!("{named}/{name}"), &format!("examples/{named}/{name}"));
    }
    done(&place.shell(&script));
}

#[test]
fn what_pages_install_is_installed_by_their_commands_as_they_stand() {
    let place = Place::new();
    place.stand_in("piprov", "[ \"$*\" = 'udev install' ]");
    install(&place, "write-on-plug-in.md", "plug-in");
    for file in [
        "usr/local/sbin/piprov-plug-in",
        "etc/piprov/plug-in.conf",
        "etc/systemd/system/piprov-plug-in@.service",
        "etc/udev/rules.d/90-piprov-plug-in.rules",
    ] {
        assert!(place.path("root").join(file).is_file(), "{file}");
    }
    let place = Place::new();
    install(&place, "flash-at-night.md", "nightly");
    let installed = place.path("root/usr/local/sbin/piprov-nightly");
    assert!(installed.is_file() && place.path("root/etc/cron.d/piprov-nightly").is_file());
    // Where others may make files, the kernel keeps root from opening theirs (fs.protected_regular).
    let script = fs::read_to_string(installed).unwrap();
    let lock = script.split("PIPROV_NIGHTLY_LOCK:-").nth(1).unwrap().split('}').next().unwrap();
    assert_eq!(Path::new(lock).parent(), Some(Path::new("/run")));
}

#[test]
fn a_night_says_nothing_where_each_board_has_the_image_and_names_the_one_that_has_not() {
    let place = Place::new();
    fs::create_dir_all(place.path("examples/nightly")).unwrap();
    place.take("nightly/piprov-nightly", "examples/nightly/piprov-nightly");
    place.stand_in("sudo", "exec \"$@\"");
    done(&place.shell("xz -0 -c os.img >lab.img.xz"));
    let all = blocks("flash-at-night.md", "sh");
    let [night, list] = &all[..] else { panic!("{all:?}") };
    assert_eq!(done(&place.with_boards(night, &[0, 1])), "");
    assert!(done(&place.shell(list)).contains("lab-02"));
    // Another one at the same time.
    let held = format!("exec 8>lock; flock 8; {night}");
    let output = place.shell(&held);
    assert_eq!(output.status.code(), Some(75), "{output:?}");
    // What a reset command leaves behind holds up no other night.
    let rows = fs::read_to_string(place.path("lab.csv")).unwrap();
    let stays = "command:sh -c 'sleep 60 >/dev/null 2>&1 &'";
    fs::write(place.path("lab.csv"), rows.replacen("command:true", stays, 1)).unwrap();
    assert_eq!(done(&place.with_boards(night, &[0, 1])), "");
    fs::write(place.path("lab.csv"), rows).unwrap();
    assert_eq!(done(&place.with_boards(night, &[0, 1])), "");
    let settings = fs::read_to_string(place.path("piprov.toml")).unwrap();
    fs::write(place.path("piprov.toml"), settings.replace("boot-timeout = 20", "boot-timeout = 3")).unwrap();
    let output = place.with_boards(night, &[0]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        !output.status.success() && said.contains("not every board") && said.contains("lab-02"),
        "{said}"
    );
    // cron's own file has five fields, a user, and the program.
    let cron = fs::read_to_string(format!("{ROOT}/examples/nightly/cron.d")).unwrap();
    let line = cron.lines().find(|line| line.contains("piprov-nightly /")).unwrap();
    let fields: Vec<_> = line.split_whitespace().collect();
    assert_eq!((fields[5], fields[6]), ("root", "/usr/local/sbin/piprov-nightly"));
}

/// A program of this name that says how it was called, and answers with the disk for `usbboot`; the rest does the real one.
fn stand_in(place: &Place, disk: &str) {
    let text = format!(
        "echo \"$*\" >>calls\ncase $* in\n*usbboot*) [ -z '{disk}' ] || echo '{disk}' ;;\n*) exec {} \"$@\" ;;\nesac",
        env!("CARGO_BIN_EXE_piprov")
    );
    place.stand_in("piprov", &text);
}

#[test]
fn a_board_that_is_plugged_in_is_written_where_its_disk_has_come_and_only_then() {
    let place = Place::new();
    place.take("plug-in/piprov-plug-in", "bin/piprov-plug-in");
    let run = "IMAGE=os.img BOOTFILES=files piprov-plug-in 1-1.2";
    // The first command is one that piprov knows: there is no such payload.
    let output = place.shell("piprov --quiet usbboot --port 1-1.2 --dir files --wait-for block");
    assert!(!matches!(output.status.code(), Some(0 | 2)), "{output:?}");
    // The second one writes, with nobody at a terminal.
    let (image, disk) = (fs::read(place.path("os.img")).unwrap(), place.path("disk"));
    fs::File::create(&disk).unwrap().set_len(64 << 20).unwrap();
    stand_in(&place, &disk.display().to_string());
    done(&place.shell(&format!("{run} </dev/null")));
    assert!(fs::read(&disk).unwrap().starts_with(&image));
    let calls = fs::read_to_string(place.path("calls")).unwrap();
    let first = calls.lines().next().unwrap();
    assert_eq!(first, "--quiet usbboot --port 1-1.2 --dir files --wait-for block");
    // A board with several disks: none of them is taken for the one that is meant.
    let other = place.path("other");
    fs::write(&other, "of the board's NVMe disk").unwrap();
    let both = format!("{}\n{}", disk.display(), other.display());
    for (name, called) in [("disk", "mmcblk0 "), ("other", "nvme0n1 ")] {
        let dir = place.path("sys/class/block").join(name).join("device");
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("vendor"), format!("{called}\n")).unwrap();
    }
    stand_in(&place, &both);
    for (set, says) in [("", "2 disks have come"), ("DISK=sda", "no disk sda has come")] {
        fs::remove_file(place.path("calls")).unwrap();
        let output = place.shell(&format!("SYS=sys {set} {run} </dev/null"));
        assert!(
            !output.status.success() && String::from_utf8_lossy(&output.stderr).contains(says),
            "{output:?}"
        );
        assert!(!fs::read_to_string(place.path("calls")).unwrap().contains("deploy"));
    }
    fs::File::create(&disk).unwrap().set_len(64 << 20).unwrap();
    done(&place.shell(&format!("SYS=sys DISK=mmcblk0 {run} </dev/null")));
    assert!(fs::read(&disk).unwrap().starts_with(&image));
    assert_eq!(fs::read(&other).unwrap(), b"of the board's NVMe disk");
    fs::remove_file(place.path("calls")).unwrap();
    stand_in(&place, "");
    let output = place.shell(run);
    assert!(!output.status.success(), "{output:?}");
    assert!(!fs::read_to_string(place.path("calls")).unwrap().contains("deploy"));
    // What the page installs is all there, and goes together.
    let files = Path::new(ROOT).join("examples/plug-in");
    let rule = fs::read_to_string(files.join("90-piprov-plug-in.rules")).unwrap();
    assert!(rule.contains("piprov-plug-in@%k.service") && files.join("piprov-plug-in@.service").is_file());
}

#[test]
fn who_comes_from_rpiboot_or_dnsmasq_finds_what_the_pages_say() {
    let place = Place::new();
    fs::create_dir(place.path("bootfiles")).unwrap();
    fs::write(place.path("bootfiles/bootcode4.bin"), [0; 64]).unwrap();
    fs::write(place.path("bootfiles/config.txt"), "").unwrap();
    let all = blocks("from-rpiboot.md", "sh");
    let [link, dry] = &all[..] else { panic!("{all:?}") };
    assert!(done(&place.shell(link)).contains("--wait-for"));
    let output = place.shell(dry);
    assert_ne!(output.status.code(), Some(2), "{output:?}");
    let text = fs::read_to_string(format!("{ROOT}/docs/tasks/from-rpiboot.md")).unwrap();
    let help = done(&place.shell("piprov usbboot --help"));
    for option in ["-d", "-l", "-o", "-p", "-i", "-j", "-n"] {
        assert!(text.contains(&format!("`{option}")) && help.contains(&format!("{option}, --")), "{option}");
    }

    let settings = blocks("from-dnsmasq.md", "toml");
    fs::write(place.path("piprov.toml"), &settings[0]).unwrap();
    let shown = done(&place.shell(&blocks("from-dnsmasq.md", "sh")[0]));
    assert!(shown.contains("proxy") && shown.contains("/srv/tftp"), "{shown}");
    // Each setting that its table names is one.
    let page = fs::read_to_string(format!("{ROOT}/docs/tasks/from-dnsmasq.md")).unwrap();
    for setting in ["interface", "mode", "range", "lease-time", "tftp-root", "option-43", "allow"] {
        assert!(page.contains(&format!("`{setting}")), "{setting}");
        assert!(shown.contains(&format!("netboot.{setting}")), "{setting}: {shown}");
    }
}

#[test]
fn each_page_is_in_the_list_and_each_example_in_a_page() {
    let list = fs::read_to_string(format!("{ROOT}/docs/tasks/README.md")).unwrap();
    for entry in fs::read_dir(format!("{ROOT}/docs/tasks")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(name == "README.md" || list.contains(&format!("({name})")), "{name}");
    }
    for example in ["examples/bench", "examples/nightly", "examples/plug-in"] {
        let pages = fs::read_dir(format!("{ROOT}/docs/tasks")).unwrap();
        let named = pages
            .map(|page| fs::read_to_string(page.unwrap().path()).unwrap())
            .any(|text| text.contains(example));
        assert!(named, "{example}");
    }
}
