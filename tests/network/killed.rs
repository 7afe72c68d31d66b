//! kill -9 at every call to the system that changes something, one after the other. Whatever was there before, all
//! records can be read, nothing has two owners, nothing foreign is lost, and the same command again goes on.

#![allow(clippy::unwrap_used, reason = "a test fails where something is missing")]

use crate::common;
use crate::netboot;

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use common::clean;
use netboot::{Room, ok, ran, shell};

/// The calls that change what is on disk. The signal comes as the call is entered, so each state between two of them is
/// met.
const CHANGING: &str = "mkdir,mkdirat,rename,renameat,renameat2,unlink,unlinkat,rmdir,link,linkat,symlink,symlinkat,mknod,\
                        mknodat,write,pwrite64,ftruncate,copy_file_range,fsync,fdatasync,syncfs,chmod,fchmod,fchmodat,chown,\
                        fchown,fchownat,utimensat,setxattr,lsetxattr,fsetxattr,fallocate,flock";

/// What only opens, or makes something that the next of the others meets.
const OPENING: &str = "openat,openat2";

fn traced(mut strace: Command, command: &Command) -> Output {
    strace.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => strace.env(name, value),
            None => strace.env_remove(name),
        };
    }
    strace.current_dir(command.get_current_dir().unwrap_or(Path::new("/")));
    let output = strace.stdin(Stdio::null()).output();
    output.unwrap_or_else(|error| panic!("strace: {error}; apt-get install strace"))
}

/// Runs a command that dies as it enters a call for the `n`th time, or a program that it runs does. Says whether that
/// was so; threads share out their work differently each time.
fn dies(command: &Command, call: &str, n: usize) -> bool {
    let mut strace = Command::new("strace");
    clean(&mut strace);
    strace.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}")]);
    strace.args(["-e", &format!("inject={call}:signal=KILL:when={n}")]);
    let output = traced(strace, command);
    // strace ends as what it ran did. A program's death is an error that is told.
    let told = || String::from_utf8_lossy(&output.stderr).contains("error:");
    assert!(output.status.success() || output.status.signal() == Some(9) || told(), "{output:?}");
    !output.status.success()
}

/// How often a command makes each of these calls, in the thread that makes the most of them: strace counts so.
fn counted(command: &Command) -> BTreeMap<String, usize> {
    let log = tempfile::NamedTempFile::new().unwrap();
    let mut strace = Command::new("strace");
    clean(&mut strace);
    strace.args(["-f", "-qq", "-e", &format!("trace={CHANGING},{OPENING}"), "-o"]).arg(log.path());
    let output = traced(strace, command);
    assert!(output.status.success(), "{output:?}");
    let mut all: BTreeMap<(String, String), usize> = BTreeMap::new();
    for line in std::fs::read_to_string(log.path()).unwrap().lines() {
        let mut words = line.split_whitespace();
        let (Some(thread), Some(call)) = (words.next(), words.next()) else { continue };
        if let Some((call, _)) = call.split_once('(') {
            *all.entry((thread.to_owned(), call.to_owned())).or_default() += 1;
        }
    }
    let mut most = BTreeMap::new();
    for ((_, call), count) in all {
        let known: &mut usize = most.entry(call).or_default();
        *known = count.max(*known);
    }
    most
}

/// Kills a command at each of its calls, of those that it makes very often at some. `before` makes everything as it was,
/// `after` looks at what is left.
fn sweep(what: &str, command: &Command, mut before: impl FnMut(), mut after: impl FnMut(usize)) {
    before();
    let calls = counted(command);
    let mut killed = 0;
    for (call, count) in &calls {
        let few = if OPENING.contains(call.as_str()) { 6 } else { 20 };
        for n in (1..=*count).step_by(count.div_ceil(few)) {
            before();
            if dies(command, call, n) {
                killed += 1;
                after(killed);
            }
        }
    }
    // Otherwise nothing was tested.
    assert!(killed >= calls.len(), "{what} was killed {killed} times only, of {calls:?}");
}

/// A client that is there, and the parts of another one.
struct Lab {
    room: Room,
    path: String,
}

impl Lab {
    fn new() -> Self {
        let room = Room::empty();
        shell(
            room.path(),
            r#"mkdir -p bin root/{etc/ssh,boot/firmware,srv,usr/sbin}; touch root/usr/sbin/mount.nfs; ln -s usr/sbin root/sbin
            printf 'ID=debian\nVERSION_CODENAME=bookworm\n' > root/etc/os-release; echo x > root/etc/rpi-issue
            printf 'proc /proc proc defaults 0 0\n' > root/etc/fstab; echo raspberrypi > root/etc/hostname
            echo two > root/srv/one; ln root/srv/one root/srv/two; ln -s one root/srv/link; mkfifo root/srv/pipe
            echo 'root=PARTUUID=1-02 rootwait' > root/boot/firmware/cmdline.txt
            head -c 5000 /dev/urandom > root/boot/firmware/bootcode.bin
            # Keys take long to make, and have nothing to do with this.
            printf '#!/bin/sh\nwhile [ "$1" != -f ]; do shift; done\necho private > "$2"; echo public > "$2.pub"\n' > bin/ssh-keygen
            printf '#!/bin/sh\nexit 0\n' > bin/exportfs; chmod 755 bin/*"#,
        );
        let path = format!("{}:{}", room.at("bin").display(), std::env::var("PATH").unwrap());
        let lab = Self { room, path };
        ok(lab.add("lab-02", "a2ef5645"));
        shell(
            lab.room.path(),
            "mkdir srv/tftp/foreign srv/clients/foreign; echo foreign | tee srv/tftp/foreign/x > srv/clients/foreign/x",
        );
        lab
    }

    fn with(&self, mut command: Command) -> Command {
        command.env("PATH", &self.path);
        command
    }

    fn add(&self, name: &str, board: &str) -> Command {
        self.with(self.room.add(name, board, "root", &[]))
    }

    fn client(&self, line: &[&str]) -> Command {
        self.with(self.room.client(line))
    }

    fn keep(&self) {
        shell(self.room.path(), "rm -rf kept; mkdir kept; cp -a srv state etc kept/");
    }

    fn restore(&self) {
        shell(self.room.path(), "rm -rf srv state etc; cp -a kept/. .");
    }

    /// What isn't the first client's, as it should be at any time.
    fn others(&self) -> String {
        shell(
            self.room.path(),
            "find srv/clients/lab-02 srv/clients/foreign srv/tftp/a2ef5645 srv/tftp/foreign -printf '%p %y %m %U %s\\n' | sort; \
             cat srv/clients/foreign/x srv/tftp/foreign/x",
        )
    }

    /// The names of all clients. Each record can be read, and no directory is in two of them.
    fn names(&self) -> BTreeSet<String> {
        let out = ok(self.client(&["list", "--json"]));
        let mut names = BTreeSet::new();
        let mut owned = BTreeSet::new();
        for line in out.lines() {
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            let client = value.get("client").unwrap_or(&value);
            let Some(name) = client["name"].as_str() else { continue };
            assert!(names.insert(name.to_owned()), "{out}");
            for key in ["root", "layer", "boot"] {
                if let Some(path) = client[key].as_str() {
                    assert!(owned.insert(path.to_owned()), "{path} is owned twice: {out}");
                }
            }
        }
        assert!(names.contains("lab-02"), "{out}");
        names
    }

    /// Only what was there before the client is there.
    fn clean(&self) {
        // What a record is called until it is complete counts for nothing, and goes with the next record.
        let left =
            self.room.listing().replace(".lab-01.toml.piprov-new", "").replace(".lab-09.toml.piprov-new", "");
        for mine in ["lab-01", "lab-09", "a2ef5644"] {
            assert!(!left.contains(mine), "{mine} is left: {left}");
        }
    }

    /// All findings that a kill could be the reason of. That its files lie beside the host's own, and that this host hasn't the
    /// address that it asks, have other reasons.
    fn check(&self, name: &str) {
        let (_, out, said) = ran(self.client(&["check", name, "--json"]));
        let value: serde_json::Value = serde_json::from_str(out.lines().next().unwrap_or_default())
            .unwrap_or_else(|_| panic!("{out}{said}"));
        let found = value["findings"].as_array().unwrap().iter();
        let left: Vec<_> = found
            .filter(|found| {
                !["nfs", "server"].contains(&found["topic"].as_str().unwrap())
                    && !found["what"].as_str().unwrap().contains("is not exported to")
            })
            .collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

#[test]
fn a_client_is_added_whenever_it_is_killed() {
    let lab = Lab::new();
    lab.keep();
    let others = lab.others();
    let command = lab.add("lab-01", "a2ef5644");
    sweep(
        "client add",
        &command,
        || lab.restore(),
        |n| {
            let names = lab.names();
            assert_eq!(lab.others(), others, "{n}");
            if n % 2 == 0 {
                if !lab.names().contains("lab-01") || !ready(&lab, "lab-01") {
                    ok(lab.add("lab-01", "a2ef5644"));
                }
                lab.check("lab-01");
            } else if names.contains("lab-01") {
                ok(lab.client(&["remove", "lab-01", "--confirm=lab-01"]));
                lab.clean();
            } else {
                lab.clean();
            }
            lab.names();
            assert_eq!(lab.others(), others, "{n}");
        },
    );
}

fn ready(lab: &Lab, name: &str) -> bool {
    ok(lab.client(&["list"])).lines().any(|line| line.contains(name) && !line.contains("half made"))
}

#[test]
fn a_client_gets_its_name_whenever_it_is_killed() {
    let lab = Lab::new();
    ok(lab.add("lab-01", "a2ef5644"));
    lab.keep();
    let others = lab.others();
    let rename = || lab.client(&["rename", "lab-01", "lab-09"]);
    sweep(
        "client rename",
        &rename(),
        || lab.restore(),
        |n| {
            let names = lab.names();
            let (old, new) = (names.contains("lab-01"), names.contains("lab-09"));
            assert!(old != new, "{n}: it has one name at any time: {names:?}");
            match n % 4 {
                // The same again, or the advice of `check`, which is the same.
                0 | 1 => {
                    if n % 4 == 1 && old {
                        let (_, out, _) = ran(lab.client(&["check", "lab-01"]));
                        assert!(
                            !out.contains("half renamed") || out.contains("rename lab-01 lab-09"),
                            "{n}: {out}"
                        );
                    }
                    let (code, _, said) = ran(rename());
                    assert!(
                        code == 0 || (new && code == 66 && said.contains("no client `lab-01`")),
                        "{n}: {said}"
                    );
                    lab.check("lab-09");
                    assert_eq!(lab.room.read("srv/clients/lab-09/etc/hostname"), "lab-09\n", "{n}");
                    assert!(
                        lab.room.read("srv/tftp/a2ef5644/cmdline.txt").contains("/clients/lab-09,"),
                        "{n}"
                    );
                }
                // Whoever removes something else leaves it alone.
                2 => {
                    ok(lab.client(&["remove", "lab-02", "--confirm=lab-02"]));
                    assert!(lab.room.at("srv/tftp/a2ef5644/cmdline.txt").exists(), "{n}");
                    assert!(lab.room.at("srv/tftp/bootcode.bin").exists(), "{n}");
                    ran(rename());
                    lab.check("lab-09");
                    return;
                }
                // Or it goes, whole, and nothing else.
                _ => {
                    let name = if old { "lab-01" } else { "lab-09" };
                    // Once it was begun, the new name is nobody else's.
                    if new || ran(lab.client(&["check", "lab-01"])).1.contains("half renamed") {
                        assert_ne!(ran(lab.add("lab-09", "a2ef5646")).0, 0, "{n}");
                    }
                    ok(lab.client(&["remove", name, &format!("--confirm={name}")]));
                    lab.clean();
                }
            }
            lab.names();
            assert_eq!(lab.others(), others, "{n}");
        },
    );
}

#[test]
fn a_client_is_removed_whenever_it_is_killed() {
    let lab = Lab::new();
    ok(lab.add("lab-01", "a2ef5644"));
    lab.keep();
    let others = lab.others();
    let remove = || lab.client(&["remove", "lab-01", "--confirm=lab-01"]);
    sweep(
        "client remove",
        &remove(),
        || lab.restore(),
        |n| {
            if lab.names().contains("lab-01") {
                ok(remove());
            }
            lab.clean();
            assert_eq!(lab.names().len(), 1, "{n}");
            assert_eq!(lab.others(), others, "{n}");
            lab.check("lab-02");
            assert!(lab.room.at("srv/tftp/bootcode.bin").exists(), "{n}: lab-02 may need it");
        },
    );
}

/// `piprov` in a directory.
fn piprov_in(dir: &Path, line: &[&str]) -> Command {
    let mut command = common::piprov();
    command.args(line).current_dir(dir).stdin(Stdio::null());
    command
}

#[test]
fn a_database_of_targets_is_the_old_or_the_new_one() {
    let room = Room::empty();
    let path = room.at("targets");
    let first =
        piprov_in(room.path(), &["targets", "add", "a", "--mac", "dc:a6:32:01:02:03", "--targets=targets"]);
    std::fs::write(&path, "").unwrap();
    ok(first);
    let old = std::fs::read(&path).unwrap();
    let add = || {
        piprov_in(room.path(), &["targets", "add", "b", "--mac", "dc:a6:32:01:02:04", "--targets=targets"])
    };
    ok(add());
    let new = std::fs::read(&path).unwrap();
    assert_ne!(old, new);
    sweep(
        "targets add",
        &add(),
        || std::fs::write(&path, &old).unwrap(),
        |n| {
            let now = std::fs::read(&path).unwrap();
            assert!(now == old || now == new, "{n}: {}", String::from_utf8_lossy(&now));
            if now == old {
                ok(add());
            }
            assert_eq!(std::fs::read(&path).unwrap(), new, "{n}");
        },
    );
}

#[test]
fn the_live_tree_is_made_and_removed_whenever_it_is_killed() {
    let room = Room::empty();
    shell(
        room.path(),
        "mkdir -p live clients/1ststage/overlays clients/by-serial/a clients/default; echo foreign > live/mine; \
         for file in config.txt kernel.img; do echo $file > clients/1ststage/$file; done; cp -a live kept",
    );
    let run = |line: &[&str]| {
        let mut command = piprov_in(room.path(), line);
        command.env("PIPROV_USB_LIVE", room.at("live")).env("PIPROV_USB_CLIENTS", room.at("clients"));
        command.env("PIPROV_RUNTIME_DIR", room.at("run"));
        command
    };
    let listing = || shell(room.path(), "find live -printf '%p %y %l\\n' | sort; cat live/mine");
    let empty = listing();
    let source = shell(room.path(), "find clients | sort");
    let restore = || drop(shell(room.path(), "rm -rf live run; cp -a kept live"));
    ok(run(&["mklive"]));
    let made = listing();
    assert_ne!(empty, made);
    sweep("mklive", &run(&["mklive"]), restore, |n| {
        ok(run(&["mklive"]));
        assert_eq!(listing(), made, "{n}");
    });
    restore();
    ok(run(&["mklive"]));
    for line in [&["nukelive"][..], &["clnlive"]] {
        restore();
        ok(run(&["mklive"]));
        ok(run(line));
        let wanted = listing();
        let again = || {
            restore();
            ok(run(&["mklive"]));
        };
        // Where nothing is to be done there is nothing to be killed in.
        if wanted == made {
            continue;
        }
        sweep(line[0], &run(line), again, |n| {
            ok(run(line));
            assert_eq!(listing(), wanted, "{n}");
        });
    }
    assert_eq!(shell(room.path(), "find clients | sort"), source);
}

#[test]
fn parts_and_cards_are_whole_or_not_there() {
    let room = Room::empty();
    shell(
        room.path(),
        r#"truncate -s 12M disk.img; mkdir -p uboot root/etc boot
        printf 'label: dos\nstart=2048, size=4MiB, type=c\nstart=10240, size=6MiB, type=83\n' | sfdisk -q disk.img
        printf 'proc /proc proc defaults 0 0\nPARTUUID=1-01 /boot/firmware vfat defaults 0 2\nPARTUUID=1-02 / ext4 defaults 0 1\n' > root/etc/fstab
        echo 'root=/dev/mmcblk0p2 rootwait' > boot/cmdline.txt
        mformat -i disk.img@@1M -T 8192 -h 64 -s 32 ::; mcopy -i disk.img@@1M boot/cmdline.txt ::
        mkfs.ext4 -q -F -E offset=$((5 << 20)) -d root disk.img 6M
        head -c 600000 /dev/zero > uboot/u-boot.bin; echo kernel=u-boot.bin > uboot/config.txt; head -c 50000 /dev/zero > uboot/start4.elf"#,
    );
    let split = || piprov_in(room.path(), &["split-image", "disk.img", "-o", "parts", "--part-size", "1M"]);
    let sums =
        |dir: &str| shell(room.path(), &format!("cd {dir} && find . -type f | sort | xargs sha256sum"));
    ok(split());
    let parts = sums("parts");
    sweep(
        "split-image",
        &split(),
        || drop(shell(room.path(), "rm -rf parts")),
        |n| {
            let (code, _, said) = ran(split());
            if code != 0 {
                // What is there is named, and the hint works.
                assert!(said.contains("parts") && said.contains("--force"), "{n}: {said}");
                let mut again = split();
                ok({
                    again.arg("--force");
                    again
                });
            }
            assert_eq!(sums("parts"), parts, "{n}");
        },
    );

    let card = || {
        piprov_in(
            room.path(),
            &["card", "build", "--image", "disk.img", "--uboot", "uboot", "-o", "cards/card.img"],
        )
    };
    let fresh = || drop(shell(room.path(), "rm -rf cards; mkdir cards; echo foreign > cards/foreign"));
    fresh();
    ok(card());
    let whole = shell(room.path(), "stat -c %s cards/card.img");
    sweep("card build", &card(), fresh, |n| {
        if room.at("cards/card.img").exists() {
            assert_eq!(shell(room.path(), "stat -c %s cards/card.img"), whole, "{n}: whole or not there");
        } else {
            ok(card());
        }
        ok(piprov_in(room.path(), &["card", "check", "--force", "cards/card.img"]));
        assert_eq!(room.read("cards/foreign"), "foreign\n", "{n}");
    });
}
