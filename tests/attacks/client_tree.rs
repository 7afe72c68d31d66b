//! Root copies, checks and removes the trees of netboot clients. The image lies, or a user that may write in a client's
//! root works against it meanwhile.

use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::netboot;

use netboot::{Room, fails, ok, ran, shell};

/// What must never be seen in a client.
const SECRET: &str = "the host's own secret";

/// Roots and boot files for what is about names; small, so that many can be made.
fn small() -> Room {
    let room = Room::empty();
    shell(
        room.path(),
        r#"
        mkdir -p root/{etc,boot/firmware,usr/sbin} boot outside; touch root/usr/sbin/mount.nfs; ln -s usr/sbin root/sbin
        printf 'ID=debian\nVERSION_CODENAME=bookworm\n' > root/etc/os-release; echo x > root/etc/rpi-issue
        printf 'proc /proc proc defaults 0 0\n' > root/etc/fstab
        echo 'root=PARTUUID=1-02 rootwait' > boot/cmdline.txt; echo arm_64bit=1 > boot/config.txt
        echo secret > outside/secret; chmod 600 outside/secret; chmod 751 outside; touch -d 2001-02-03 outside outside/secret
        "#,
    );
    room
}

/// An image of the room's `root` and `boot`, without checksums over directories, so that names can be changed in it.
fn image(room: &Room) {
    shell(
        room.path(),
        r#"rm -f disk.img; truncate -s 32M disk.img
        printf 'label: dos\nstart=8192, size=8MiB, type=c\nstart=24576, size=16MiB, type=83\n' | sfdisk -q disk.img
        mformat -i disk.img@@4M -T 16384 -h 64 -s 32 ::
        mcopy -s -Q -i disk.img@@4M boot/* ::
        mkfs.ext4 -q -F -O ^metadata_csum,^has_journal -E offset=$((12 << 20)) -d root disk.img 16M"#,
    );
}

/// Puts other bytes in the place of bytes in the image.
fn patch(room: &Room, from: &[u8], to: &[u8]) {
    assert_eq!(from.len(), to.len());
    let mut bytes = std::fs::read(room.at("disk.img")).unwrap();
    let places: Vec<usize> =
        (0..bytes.len() - from.len()).filter(|at| bytes[*at..].starts_with(from)).collect();
    assert!(!places.is_empty(), "{from:?} is not in the image");
    for at in places {
        bytes[at..at + to.len()].copy_from_slice(to);
    }
    std::fs::write(room.at("disk.img"), bytes).unwrap();
}

/// What a name looks like in an entry of FAT for long names.
fn long_name(name: &str) -> Vec<u8> {
    name.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()
}

/// Contents, modes, owners and times of what lies outside, and of directories that an image must not touch.
fn outside(room: &Room) -> String {
    shell(
        room.path(),
        "find outside -printf '%p %m %U %G %s %T@ %y\\n' | sort; stat -c '%n %a %u %g' / /etc /srv /tmp; ls -A srv srv/clients 2>/dev/null || true",
    )
}

#[test]
fn no_name_in_an_image_leads_out_of_the_client() {
    // In ext4: a path, the directory above, and a way round through a directory of its own.
    let long = "PLACEHOLDER-PLACEHOLDER-";
    for (from, to) in [
        ("PLACEHOLDER-PLACEHOLDER", "../../../outside/secret"),
        ("PLACEHOLDER-PLACEHOLDER", "../../../outside/cron.d"),
        ("PLACEHOLDER-PLACEHOLDER", "/tmp/piprov-attack-file"),
        ("PLACEHOLDER-PLACEHOLDER", "etc/../../lab-99/x/y/zz"),
    ] {
        assert!(long.starts_with(from));
        for make in
            ["echo evil > root/NAME; chmod 4755 root/NAME", "mkdir root/NAME; echo evil > root/NAME/x"]
        {
            let room = small();
            shell(room.path(), &make.replace("NAME", from));
            image(&room);
            patch(&room, from.as_bytes(), to.as_bytes());
            attacked(&room, to);
        }
    }
    // In FAT: what becomes `..`, `.` and a path, as a file and as a directory.
    for (from, to) in [("Qq", ".."), ("Zy", "./"), ("Wxyz", "../x"), ("Vw", "/x")] {
        for make in ["mkdir boot/NAME; echo evil > boot/NAME/secret", "echo evil > boot/NAME"] {
            let room = small();
            shell(room.path(), &make.replace("NAME", from));
            image(&room);
            patch(&room, &long_name(from), &long_name(to));
            attacked(&room, to);
        }
    }
}

fn attacked(room: &Room, name: &str) {
    let before = outside(room);
    let (code, out, said) = ran(room.add("lab-01", "a2ef5644", "disk.img", &["--no-exports"]));
    // Refused, or taken without that name; and in no case anything outside.
    if code == 0 {
        shell(room.path(), "! grep -rq evil srv");
        ok(room.client(&["remove", "lab-01", "--confirm=lab-01"]));
    } else {
        assert_eq!(code, 65, "{name}: {out}{said}");
        assert!(said.contains("disk.img"), "the image is named: {said}");
    }
    assert_eq!(outside(room), before, "{name}: {said}");
    assert_eq!(room.listing(), "", "{name}");
    assert!(!Path::new("/tmp/piprov-attack-file").exists());
}

/// Puts a link in the place of a directory and back, as fast as it can, until it is told to stop.
fn swapping<T>(room: &Room, one: &str, other: &str, meanwhile: impl FnOnce() -> T) -> T {
    let (one, other) = (room.at(one), room.at(other));
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let flags = rustix::fs::RenameFlags::EXCHANGE;
            let cwd = rustix::fs::CWD;
            while !stop.load(Ordering::Relaxed) {
                let _ = rustix::fs::renameat_with(cwd, &one, cwd, &other, flags);
                std::thread::yield_now();
            }
        });
        let done = meanwhile();
        stop.store(true, Ordering::Relaxed);
        done
    })
}

#[test]
fn a_client_that_swaps_directories_gets_no_file_of_the_host() {
    let room = small();
    shell(
        room.path(),
        "cp boot/*.txt root/boot/firmware/; echo '127.0.0.1 localhost' > root/etc/hosts; touch root/etc/dhcpcd.conf",
    );
    ok(room.add("lab-01", "a2ef5644", "root", &["--no-exports"]));
    let client = room.at("srv/clients/lab-01");
    // What a client writes to its own root: a link beside its /etc, to a directory of the host.
    for name in ["hosts", "dhcpcd.conf", "fstab", "machine-id", "hostname"] {
        let path = room.at("outside").join(name);
        std::fs::write(&path, format!("{SECRET}\n")).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
    }
    symlink(room.at("outside"), client.join("evil")).unwrap();
    // As the client sees it, the link leads to a directory of its own, so that nothing is an error.
    let outside = room.at("outside");
    let inside = client.join(outside.strip_prefix("/").unwrap());
    std::fs::create_dir_all(&inside).unwrap();
    // Its own directory, whatever it is called at the moment.
    let etc = std::fs::File::open(client.join("etc")).unwrap();
    let own = |name: &str| PathBuf::from(format!("/proc/self/fd/{}/{name}", etc.as_raw_fd()));
    let before = shell(room.path(), "find outside -printf '%p %m %U %s %T@ %y\\n' | sort");
    swapping(&room, "srv/clients/lab-01/etc", "srv/clients/lab-01/evil", || {
        for round in 0..40 {
            // Something to be put right, in each round; and what a program would wait for, if it opened it.
            std::fs::write(own("hosts"), format!("127.0.0.1 round-{round}\n")).unwrap();
            std::fs::write(own("dhcpcd.conf"), format!("# round {round}\n")).unwrap();
            let _ = std::fs::remove_file(own("fstab"));
            if round % 2 == 0 {
                let kind = rustix::fs::FileType::Fifo;
                let _ = rustix::fs::mknodat(rustix::fs::CWD, own("fstab"), kind, 0o600.into(), 0);
            }
            let _ = ran(room.client(&["check", "lab-01", "--repair"]));
            for name in ["hosts", "dhcpcd.conf", "hostname", "machine-id", "fstab"] {
                for path in [own(name), inside.join(name)] {
                    let regular = std::fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_file());
                    let text = if regular { std::fs::read(&path).unwrap_or_default() } else { Vec::new() };
                    let text = String::from_utf8_lossy(&text);
                    assert!(!text.contains(SECRET), "round {round}: {} has it: {text}", path.display());
                }
            }
        }
    });
    assert_eq!(shell(room.path(), "find outside -printf '%p %m %U %s %T@ %y\\n' | sort"), before);
    // When it is over, all can be put right.
    if client.join("etc").is_symlink() {
        shell(&client, "rm etc; mv evil etc");
    } else {
        shell(&client, "rm evil");
    }
    shell(&client, "rm -f etc/fstab");
    ok(room.client(&["check", "lab-01", "--repair"]));
    shell(room.path(), &format!("! grep -rqF \"{SECRET}\" srv"));
}

/// A client sees over inotify how far `--repair` is: it has just read etc/hostname, and etc/hosts is next. piprov runs
/// slowly here, so that each moment between two of its calls is met: that is luck on a busy server, and patience.
#[test]
fn a_client_that_sees_what_is_read_next_gets_no_file_of_the_host() {
    use rustix::fs::inotify;
    let room = small();
    shell(room.path(), "cp boot/*.txt root/boot/firmware/; echo '127.0.0.1 localhost' > root/etc/hosts");
    ok(room.add("lab-01", "a2ef5644", "root", &["--no-exports"]));
    let client = room.at("srv/clients/lab-01");
    std::fs::write(room.at("outside/hosts"), format!("{SECRET}\n")).unwrap();
    std::fs::set_permissions(room.at("outside/hosts"), PermissionsExt::from_mode(0o600)).unwrap();
    let (one, other) = (client.join("etc"), client.join("evil"));
    symlink(room.at("outside"), &other).unwrap();
    let swap = || {
        let (cwd, flags) = (rustix::fs::CWD, rustix::fs::RenameFlags::EXCHANGE);
        rustix::fs::renameat_with(cwd, &one, cwd, &other, flags).unwrap();
    };
    let wait = |millis| {
        let until = std::time::Instant::now() + std::time::Duration::from_millis(millis);
        while let Some(left) = until.checked_duration_since(std::time::Instant::now()) {
            std::thread::park_timeout(left);
        }
    };
    let mut swapped = 0;
    for millis in 3..13 {
        std::fs::write(one.join("hosts"), "127.0.0.1 localhost\n").unwrap();
        let seen = inotify::init(inotify::CreateFlags::NONBLOCK | inotify::CreateFlags::CLOEXEC).unwrap();
        inotify::add_watch(&seen, one.join("hostname"), inotify::WatchFlags::OPEN).unwrap();
        let repair = room.client(&["check", "lab-01", "--repair"]);
        let mut slow = Command::new("strace");
        slow.args([
            "-f",
            "-qq",
            "-o",
            "/dev/null",
            "-e",
            "trace=%file",
            "-e",
            "inject=%file:delay_enter=2000",
        ]);
        slow.arg(repair.get_program()).args(repair.get_args()).current_dir(room.path());
        slow.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child =
            slow.spawn().unwrap_or_else(|error| panic!("strace: {error}; apt-get install strace"));
        let mut buffer = [std::mem::MaybeUninit::uninit(); 1024];
        let mut reader = inotify::Reader::new(&seen, &mut buffer);
        loop {
            if reader.next().is_ok() {
                wait(millis);
                swap();
                wait(5);
                swap();
                swapped += 1;
                break;
            }
            if child.try_wait().unwrap().is_some() {
                break;
            }
            wait(1);
        }
        child.wait().unwrap();
        let text = std::fs::read_to_string(one.join("hosts")).unwrap();
        assert!(!text.contains(SECRET), "{millis} ms: {text}");
    }
    assert!(swapped > 5, "only {swapped} times anything was seen");
}

#[test]
fn a_client_is_removed_and_nothing_that_its_links_lead_to() {
    for _ in 0..5 {
        let room = small();
        shell(
            room.path(),
            "cp boot/*.txt root/boot/firmware/; mkdir -p root/home/a/b/c; for n in $(seq 200); do echo $n > root/home/a/b/c/$n; done",
        );
        ok(room.add("lab-01", "a2ef5644", "root", &["--no-exports"]));
        shell(room.path(), "mkdir -p outside/b/c; for n in $(seq 200); do echo $n > outside/b/c/$n; done");
        symlink(room.at("outside"), room.at("srv/clients/lab-01/home/evil")).unwrap();
        let before = outside(&room);
        swapping(&room, "srv/clients/lab-01/home/a", "srv/clients/lab-01/home/evil", || {
            let _ = ran(room.client(&["remove", "lab-01", "--confirm=lab-01"]));
        });
        let (code, _, said) = ran(room.client(&["remove", "lab-01", "--confirm=lab-01"]));
        assert!(matches!(code, 0 | 66), "{said}");
        assert_eq!(outside(&room).lines().next(), before.lines().next());
        assert_eq!(shell(room.path(), "find outside -type f | wc -l").trim(), "201");
        assert_eq!(room.listing(), "");
    }
}

#[test]
fn boot_files_are_harmless_beside_a_hosts_own_users() {
    let room = small();
    shell(
        room.path(),
        r#"cp boot/*.txt root/boot/firmware/; cd root/boot/firmware
        cp /bin/true suid; chmod 4755 suid; cp /bin/true sgid; chmod 2755 sgid; chown 1000:1000 sgid
        cp /bin/true caps; setfattr -n security.capability -v 0x0100000200200000000000000000000000000000 caps
        mkdir -m 7777 open; echo x > open/writable; chmod 666 open/writable
        mknod disk b 1 0; mknod open/mem c 1 1; mkfifo pipe; python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("sock")' || true
        ln -s /etc/shadow link"#,
    );
    let (code, _, said) = ran(room.add("lab-01", "a2ef5644", "root", &["--no-exports"]));
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("are not taken as they are") && said.contains("setuid"), "{said}");
    let dangerous = || {
        shell(
            room.path(),
            "find srv/tftp -perm /7000 ! -type l; find srv/tftp -type b -o -type c -o -type p -o -type s; \
             find srv/tftp ! -type l -perm /022; find srv/tftp ! -uid 0; getfattr -R -P -m security srv/tftp",
        )
    };
    assert_eq!(dangerous(), "");
    assert!(
        room.at("srv/tftp/a2ef5644/suid").exists() && room.at("srv/tftp/a2ef5644/open/writable").exists()
    );
    assert_eq!(
        std::fs::metadata(room.at("srv/tftp/a2ef5644")).unwrap().mode() & 0o777,
        0o755,
        "it is served"
    );
    assert_eq!(ok(room.client(&["check", "lab-01"])), "lab-01  as it should be\n");

    // What the client itself puts there later is found, and taken away.
    shell(&room.at("srv/tftp/a2ef5644"), "chmod 6755 suid; mknod open/mem c 1 1; chmod 1755 open");
    let (code, out, _) = ran(room.client(&["check", "lab-01"]));
    assert!(code == 1 && out.contains("boot-files") && out.contains("setuid"), "{out}");
    assert_eq!(ok(room.client(&["check", "lab-01", "--repair"])), "lab-01  as it should be\n");
    assert_eq!(dangerous(), "");
}

#[test]
fn clients_lie_where_only_root_can_look() {
    for (place, mode, owner) in
        [("clients", "755", "0"), ("clients", "711", "0"), ("clients", "700", "1000"), ("shared", "750", "0")]
    {
        let room = small();
        shell(
            room.path(),
            &format!(
                "cp boot/*.txt root/boot/firmware/; mkdir -p srv; mkdir -m {mode} srv/{place}; chown {owner} srv/{place}"
            ),
        );
        let before = room.listing();
        let arguments = ["--no-exports", if place == "shared" { "--mode=overlay" } else { "--mode=rw" }];
        let said = fails(room.add("lab-01", "a2ef5644", "root", &arguments), 73);
        assert!(said.contains("users of this host") && said.contains("chmod 700"), "{said}");
        assert_eq!(room.listing(), before);
    }
    // Whoever opens it later is told.
    let room = small();
    shell(room.path(), "cp boot/*.txt root/boot/firmware/; mkdir -p srv; mkdir -m 700 srv/clients");
    ok(room.add("lab-01", "a2ef5644", "root", &["--no-exports"]));
    shell(room.path(), "chmod 755 srv/clients");
    let (code, out, _) = ran(room.client(&["check", "lab-01"]));
    assert!(code == 1 && out.contains("has mode 0755"), "{out}");
}

/// With an exportfs that says yes to everything.
fn exporting(room: &Room, mut command: Command) -> Command {
    let dir = room.at("bin");
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join("exportfs"), "#!/bin/sh\nexit 0\n").unwrap();
    std::fs::set_permissions(dir.join("exportfs"), PermissionsExt::from_mode(0o755)).unwrap();
    command.env("PATH", format!("{}:{}", dir.display(), std::env::var("PATH").unwrap()));
    command
}

#[test]
fn exports_that_reach_further_than_they_say_are_told() {
    let room = small();
    shell(room.path(), "cp boot/*.txt root/boot/firmware/");
    let top = |path: &Path| std::fs::metadata(path).unwrap().dev();
    assert_eq!(top(room.path()), top(Path::new("/")), "this test needs its files beside those of the host");
    let (code, _, said) = ran(exporting(&room, room.add("lab-01", "a2ef5644", "root", &[])));
    assert_eq!(code, 0, "{said}");
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words(&said).contains("can read and change this host's own files as root"), "{said}");
    assert!(words(&said).contains("a file system of their own"), "{said}");
    let check = || words(&ran(exporting(&room, room.client(&["check", "lab-01"]))).1);
    assert!(check().contains("can read and change this host's own files as root"), "{}", check());
    // Somebody else exports it, or what is around it, to more hosts.
    let srv = room.at("srv").canonicalize().unwrap();
    for line in [
        format!("{} *(rw)", srv.display()),
        format!("{}/clients 10.0.0.0/8(ro)", srv.display()),
        "/ -ro".to_owned(),
    ] {
        assert!(!check().contains("etc/exports:1 exports"));
        std::fs::write(room.at("etc/exports"), format!("{line}\n")).unwrap();
        let said = check();
        assert!(said.contains("etc/exports:1 exports"), "{line}: {said}");
        std::fs::remove_file(room.at("etc/exports")).unwrap();
    }

    // With a file system of their own for the roots and the boot files, nothing is said any more.
    let room = small();
    shell(
        room.path(),
        "cp boot/*.txt root/boot/firmware/; truncate -s 32M own.img; mkfs.ext4 -q own.img; mkdir srv",
    );
    let exportfs = exporting(&room, room.add("lab-01", "a2ef5644", "root", &["-v"]));
    let path = exportfs.get_envs().find(|(name, _)| *name == "PATH").unwrap().1.unwrap().to_owned();
    let line: Vec<_> = exportfs.get_args().map(|word| word.to_str().unwrap().to_owned()).collect();
    let script = format!(
        "mount --make-rprivate / && mount -o loop own.img srv && {} {} && ! {} netboot client check lab-01 {} | grep 'can be guessed'",
        env!("CARGO_BIN_EXE_piprov"),
        line.join(" "),
        env!("CARGO_BIN_EXE_piprov"),
        room.places().join(" "),
    );
    let mut command = Command::new("unshare");
    command.args(["-m", "bash", "-euc", &script]).current_dir(room.path()).env("PATH", path);
    command.env("PIPROV_STATE_DIR", room.at("state"));
    let (code, out, said) = ran(command);
    assert!(code == 0 && !said.contains("can be guessed"), "{out}{said}");
}

#[test]
fn a_directory_that_is_a_link_into_the_host_is_no_boot_directory() {
    let room = small();
    shell(room.path(), "rmdir root/boot/firmware; cp boot/*.txt outside/");
    symlink(room.at("outside"), room.at("root/boot/firmware")).unwrap();
    let said = fails(room.add("lab-01", "a2ef5644", "root", &["--no-exports"]), 65);
    assert!(said.contains("cmdline.txt"), "{said}");
    assert_eq!(room.listing(), "");
    let kind = std::fs::symlink_metadata("/dev/null").unwrap().file_type();
    assert!(kind.is_char_device());
}
