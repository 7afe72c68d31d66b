//! `piprov netboot client` from images and directories. rsync is the second opinion on what is equal.

#![allow(clippy::unwrap_used, reason = "a test fails where something is missing")]

use crate::netboot;

use std::os::unix::fs::MetadataExt;
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;

use netboot::{Room, command, fails, image, ok, ran, shell};

/// What the checklist changes in the root of these tests, as rsync names it.
const CHANGED: [&str; 12] = [
    "etc/fstab",
    "etc/hostname",
    "etc/hosts",
    "etc/machine-id",
    "etc/ssh/ssh_host_ecdsa_key",
    "etc/ssh/ssh_host_ecdsa_key.pub",
    "etc/ssh/ssh_host_ed25519_key",
    "etc/ssh/ssh_host_ed25519_key.pub",
    "etc/ssh/ssh_host_rsa_key",
    "etc/ssh/ssh_host_rsa_key.pub",
    "etc/systemd/system/multi-user.target.wants/piprov-resolve.service",
    "etc/systemd/system/piprov-resolve.service",
];

/// What differs between the room's root and a copy: contents, owners, modes, lists, attributes, links, times of files.
fn differences(room: &Room, copy: &str) -> Vec<String> {
    let script = format!("rsync -aHAXnic --delete --omit-dir-times --numeric-ids root/ {copy}/");
    let mut found: Vec<String> = shell(room.path(), &script)
        .lines()
        .filter_map(|line| {
            // Names follow a word about what differs; directories end with a slash.
            let name = line.split_once(' ')?.1.trim_start().split(" -> ").next()?;
            (!name.ends_with('/')).then(|| name.trim_start_matches("deleting ").trim().to_owned())
        })
        .collect();
    found.sort();
    found
}

fn assert_only_the_checklist(room: &Room, copy: &str) {
    let mut wanted = CHANGED.map(str::to_owned).to_vec();
    wanted.push("etc/systemd/system/rpi-resize.service".to_owned());
    assert_eq!(differences(room, copy), wanted, "{copy}");
}

#[test]
fn a_root_from_an_image_is_equal_but_for_the_checklist() {
    let room = Room::new();
    image(room.path(), 12, 80);
    let out = ok(room.add("lab-01", "a2ef5644", "disk.img", &["--no-exports"]));
    assert!(out.starts_with("lab-01 added, read back and equal, "), "{out}");
    assert_only_the_checklist(&room, "srv/clients/lab-01");
    let copy = |path: &str| std::fs::symlink_metadata(room.at("srv/clients/lab-01").join(path)).unwrap();
    let (sudo, third) = (copy("usr/bin/sudo"), copy("srv/third"));
    assert_eq!((sudo.ino(), sudo.nlink(), sudo.mode() & 0o7777), (third.ino(), 3, 0o4755));
    assert!(copy("srv/sparse").blocks() < 1000, "a hole stays one");
    assert_eq!((copy("dev/nvme").rdev(), copy("srv").uid()), (rustix::fs::makedev(259, 300), 100_000));
    assert_eq!(copy("srv/empty").mtime_nsec(), 123_456_789);
    let clients = std::fs::metadata(room.at("srv/clients")).unwrap();
    assert_eq!(clients.mode() & 0o777, 0o700, "its setuid programs are not for this host's users");

    let boot = "srv/tftp/a2ef5644";
    assert_eq!(
        room.read(&format!("{boot}/cmdline.txt")),
        format!(
            "console=serial0,115200 console=tty1 quiet root=/dev/nfs nfsroot=10.0.0.1:{},vers=3,tcp rw ip=dhcp \
             rootwait\n",
            room.at("srv/clients/lab-01").canonicalize().unwrap().display()
        )
    );
    let files = shell(room.path(), &format!("diff -rq boot {boot} || true"));
    assert_eq!(files, format!("Files boot/cmdline.txt and {boot}/cmdline.txt differ\n"));
    assert_eq!(std::fs::read(room.at("srv/tftp/bootcode.bin")).unwrap().len(), 52480);
    assert_eq!(room.read("srv/clients/lab-01/etc/machine-id"), "uninitialized\n");
    // What sshd would say to its keys.
    shell(
        room.path(),
        "ssh-keygen -y -f srv/clients/lab-01/etc/ssh/ssh_host_ed25519_key | grep -q ^ssh-ed25519",
    );
    assert_eq!(ok(room.client(&["check", "lab-01"])), "lab-01  as it should be\n");
}

#[test]
fn a_card_that_was_in_a_mac_becomes_a_client() {
    let room = Room::new();
    image(room.path(), 12, 80);
    // What macOS leaves; the first of all names is a directory.
    shell(
        room.path(),
        "echo x > f; mmd -i disk.img@@4M ::.fseventsd ::.Spotlight-V100 ::.Spotlight-V100/Store-V2 ::.Trashes; \
         mcopy -i disk.img@@4M f ::.fseventsd/fseventsd-uuid; mcopy -i disk.img@@4M f ::._.Trashes",
    );
    ok(room.add("lab-01", "a2ef5644", "disk.img", &["--no-exports"]));
    assert_eq!(room.read("srv/tftp/a2ef5644/.fseventsd/fseventsd-uuid"), "x\n");
    assert_only_the_checklist(&room, "srv/clients/lab-01");
}

#[test]
fn what_is_lost_and_what_is_left_out_is_told() {
    let room = Room::new();
    shell(
        room.path(),
        "echo 'PARTUUID=35c84628-03 /data ext4 defaults 0 2' >> root/etc/fstab; mkdir root/etc/network; \
         printf 'auto eth0\niface eth0 inet static\n address 10.0.0.9\n' > root/etc/network/interfaces; touch root/usr/bin/dockerd",
    );
    image(room.path(), 12, 80);
    let exclude = ["--no-exports", "--exclude=/home/pi", "--exclude=srv/sparse"];
    let (code, _, said) = ran(room.add("lab-01", "a2ef5644", "disk.img", &exclude));
    for word in
        ["`PARTUUID=35c84628-03 /data ext4`", "and its static address", "containers don't work on NFS"]
    {
        assert!(code == 0 && said.contains(word), "{word}: {said}");
    }
    assert!(!room.at("srv/clients/lab-01/home/pi").exists() && room.at("srv/clients/lab-01/home").exists());
    assert!(
        !room.at("srv/clients/lab-01/srv/sparse").exists()
            && room.at("srv/clients/lab-01/srv/third").exists()
    );
    // The disk's line is gone for good; what is still wrong is found each time.
    let (code, out, _) = ran(room.client(&["check", "lab-01"]));
    assert!(code == 1 && out.contains("containers") && !out.contains("/data"), "{out}");
    let said = fails(room.add("lab-02", "a2ef5645", "disk.img", &["--no-exports", "--exclude=/home/po"]), 2);
    assert!(said.contains("it is not in the source"), "{said}");
}

#[test]
fn a_root_with_its_servers_address_and_a_renamed_interface_is_told_and_found_each_time() {
    let room = Room::new();
    shell(
        room.path(),
        "mkdir -p root/etc/systemd/network root/etc/network; cd root/etc
         printf '[Match]\nName=br0\n[Network]\nAddress=10.0.0.1/24\nDHCPServer=yes\n' > systemd/network/20-br0.network
         printf '[Match]\nMACAddress=dc:a6:32:01:36:c2\n[Link]\nName=lan0\n' > systemd/network/10-lan.link
         printf 'auto lo /e*\niface lo inet loopback\niface enxdca6320136c2 inet dhcp\niface eth1 inet dhcp\n' > network/interfaces",
    );
    image(room.path(), 12, 80);
    let (code, _, said) = ran(room.add("lab-01", "dc:a6:32:01:36:c2", "disk.img", &["--no-exports"]));
    assert_eq!(code, 0, "{said}");
    let each_time = [
        "20-br0.network gives an interface 10.0.0.1, the address of the client's server (`Address=10.0.0.1/24`)",
        "10-lan.link may give the boot interface another name, lan0 (`Name=lan0`)",
    ];
    let once = ["has the client give out addresses", "eth1 is brought up by name now"];
    for word in each_time.into_iter().chain(once) {
        assert!(said.contains(word), "{word}: {said}");
    }
    assert_eq!(
        room.read("srv/clients/lab-01/etc/network/interfaces"),
        "auto lo eth1\niface lo inet loopback\n# piprov: iface enxdca6320136c2 inet dhcp\niface eth1 inet dhcp\n"
    );
    let (code, out, _) = ran(room.client(&["check", "lab-01"]));
    assert_eq!(code, 1);
    for word in each_time {
        assert!(out.contains(word), "{word}: {out}");
    }
    shell(
        room.path(),
        "rm srv/clients/lab-01/etc/systemd/network/20-br0.network srv/clients/lab-01/etc/systemd/network/10-lan.link",
    );
    assert_eq!(ok(room.client(&["check", "lab-01"])), "lab-01  as it should be\n");
}

/// This host, as `doctor --fix` prepares it: what is written lies in memory above its root, and it is its own `/`.
#[test]
fn a_copy_of_a_prepared_host_takes_nothing_along_by_which_it_would_be_the_host() {
    let room = Room::new();
    let inside = format!(
        "set -e; mkdir -p boot/firmware etc/systemd/network etc/network etc/exports.d etc/sysctl.d
         wants=etc/systemd/system/multi-user.target.wants; mkdir -p $wants
         echo root=x > boot/firmware/cmdline.txt; touch boot/firmware/config.txt etc/rpi-issue etc/fstab etc/exports.d/other.exports
         mkdir -p usr/lib/systemd/system; touch usr/lib/systemd/systemd-networkd
         mark=\"{mark}\"
         echo \"$mark\" | tee etc/systemd/system/piprov-nat.service etc/sysctl.d/zz-piprov.conf > /dev/null
         ln -sf /etc/systemd/system/piprov-nat.service $wants/piprov-nat.service
         printf \"$mark\\n[Match]\\nName=eth0\\n[Network]\\nAddress=10.0.0.1/24\\n\" > etc/systemd/network/00-00-piprov.network
         printf '[Match]\\nName=br0\\n[Network]\\nAddress=10.0.0.1/24\\n' > etc/systemd/network/30-br0.network
         printf \"auto lo\\n\\n$mark\\nauto eth0\\niface eth0 inet static\\n  address 10.0.0.1/24\\n\" > etc/network/interfaces
         touch usr/lib/systemd/system/piprov-usb.path usr/lib/systemd/system/hostapd.service
         touch tmp/program; mount --bind {program} tmp/program; exec chroot . /tmp/program netboot client add lab-01 --board a2ef5644 --from / \
             --server 10.0.0.1 --network 10.0.0.0/24 --no-exports --force -n",
        mark = piprov::host_network::plan::MARK,
        program = env!("CARGO_BIN_EXE_piprov"),
    );
    std::fs::write(room.at("inside"), inside).unwrap();
    let outside = "set -e; mount --make-rprivate /; inside=$PWD/inside; mkdir above host; mount -t tmpfs above above
         mkdir above/new above/work; mount -t overlay -o lowerdir=/,upperdir=above/new,workdir=above/work host host
         mount -t tmpfs own host/tmp; mount --rbind /dev host/dev; mount -t proc proc host/proc
         cd host; exec bash $inside 2>&1";
    std::fs::write(room.at("outside"), outside).unwrap();
    let said = shell(room.path(), "unshare -m bash outside");
    let columns = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let planned: Vec<String> = said.lines().map(columns).collect();
    for path in [
        "etc/systemd/network/00-00-piprov.network",
        "etc/systemd/system/piprov-nat.service",
        "etc/systemd/system/multi-user.target.wants/piprov-nat.service",
        "etc/sysctl.d/zz-piprov.conf",
    ] {
        assert!(planned.contains(&format!("would remove role root: {path}")), "{path}: {said}");
    }
    for words in [
        "/etc/exports.d",
        "piprov-usb.path",
        "hostapd.service",
        "taken out of etc/network/interfaces is what piprov added",
        "comments now in etc/systemd/network/30-br0.network are `Address=10.0.0.1/24`",
        "systemd-networkd is kept off",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(!said.contains("comes before"), "{said}");
}

/// The way of the README: the clients' disk is a file in the root that is copied. And what is bound from a directory there
/// is in that directory as well.
#[test]
fn what_the_clients_lie_in_goes_into_no_client() {
    let room = Room::new();
    let script = format!(
        "set -e; mount --make-rprivate /; cp -r boot/. root/boot/firmware; mkdir -p root/data/clients/kitchen root/mnt srv/clients
         touch root/data/clients/kitchen/key; chmod 700 root/data/clients; mount --bind root/data/clients srv/clients
         truncate -s 8M root/var/lib/plain.img; truncate -s 8M root/var/lib/netboot.img
         mkfs.ext4 -q root/var/lib/netboot.img; mount -o loop root/var/lib/netboot.img root/mnt
         {} netboot client add lab-01 --board a2ef5644 --from root --server 10.0.0.1 --network 10.0.0.0/24 --no-exports \
             --tftp-root srv/tftp --clients srv/clients --state state 2>&1 || failed=1
         umount root/mnt; exit ${{failed-0}}",
        env!("CARGO_BIN_EXE_piprov")
    );
    std::fs::write(room.at("script"), script).unwrap();
    let said = shell(room.path(), "unshare -m bash script");
    assert!(said.contains(": /var/lib/netboot.img.") && !said.contains("plain.img"), "{said}");
    let found = shell(room.path(), "cd root/data/clients/lab-01; ls var/lib data");
    assert_eq!(found, "data:\n\nvar/lib:\ndbus\nplain.img\n");
}

#[test]
fn what_no_client_starts_without_is_not_left_out() {
    let room = Room::new();
    shell(
        room.path(),
        "for kernel in 6.6 6.12; do mkdir -p root/usr/lib/modules/$kernel; echo a >root/usr/lib/modules/$kernel/modules.dep; done; \
         mkdir -p root/usr/lib/aarch64-linux-gnu/systemd; touch root/usr/lib/aarch64-linux-gnu/libc-client.so.2007e",
    );
    image(room.path(), 12, 80);
    let add = |paths: &[&str]| {
        let exclude: Vec<String> = paths.iter().map(|path| format!("--exclude=/usr/lib/{path}")).collect();
        let mut arguments = vec!["--no-exports", "-n"];
        arguments.extend(exclude.iter().map(String::as_str));
        room.add("lab-01", "a2ef5644", "disk.img", &arguments)
    };
    assert!(fails(add(&["modules/6.6", "modules/6.12"]), 2).contains("the modules of all kernels"));
    assert!(fails(add(&["aarch64-linux-gnu/systemd"]), 2).contains("no client starts without it"));
    ok(add(&["modules/6.6", "aarch64-linux-gnu/libc-client.so.2007e"]));
}

#[test]
fn a_compressed_image_gives_the_same_root() {
    let room = Room::new();
    image(room.path(), 12, 80);
    shell(room.path(), "xz -0 -T2 disk.img; xz -l disk.img.xz >/dev/null");
    ok(room.add("lab-01", "a2ef5644", "disk.img.xz", &["--no-exports"]));
    assert_only_the_checklist(&room, "srv/clients/lab-01");
    let digest = shell(room.path(), "sha256sum < disk.img.xz");
    let shown = ok(room.client(&["show", "lab-01"]));
    assert!(shown.contains(digest.split(' ').next().unwrap()), "{shown}");
    // One that breaks off is found out, and leaves nothing.
    shell(room.path(), "truncate -s -1000 disk.img.xz");
    let before = room.listing();
    let said = fails(room.add("lab-02", "a2ef5645", "disk.img.xz", &["--no-exports"]), 65);
    assert!(said.contains("damaged xz data"), "{said}");
    assert_eq!(room.listing(), before);
}

#[test]
fn a_directory_takes_its_boot_partition_along_and_stays_on_its_file_system() {
    let room = Room::new();
    let script = format!(
        "mount --make-rprivate / && mount -t tmpfs boot root/boot/firmware && cp -r boot/* root/boot/firmware \
         && mkdir -p root/mnt root/proc && mount -t tmpfs other root/mnt && touch root/mnt/other root/proc/x root/tmp/x \
         && exec {} netboot client add lab-01 --board dc:a6:32:01:36:c2 --from root --server 10.0.0.1 \
         --address 10.0.0.7 --no-exports --tftp-root srv/tftp --clients root/srv/clients --state state",
        env!("CARGO_BIN_EXE_piprov")
    );
    shell(room.path(), &format!("unshare -m bash -c {script:?}"));
    assert_eq!(room.listing().matches("piprov-new").count(), 0);
    let names = shell(
        room.path(),
        "cd root/srv/clients/lab-01 && find mnt proc tmp dev boot srv/clients 2>/dev/null || true",
    );
    assert_eq!(names.lines().collect::<Vec<_>>(), ["mnt", "proc", "tmp", "dev", "boot", "boot/firmware"]);
    assert!(room.at("srv/tftp/dc-a6-32-01-36-c2/overlays/disable-bt.dtbo").exists());
    assert!(room.read("srv/tftp/dc-a6-32-01-36-c2/cmdline.txt").contains("root=/dev/nfs"));
    shell(
        room.path(),
        "mv root/srv/clients/lab-01 copy; rmdir root/srv/clients; rm -rf root/dev/* root/proc root/tmp/* root/mnt; rmdir copy/proc copy/mnt",
    );
    assert_only_the_checklist(&room, "copy");
}

#[test]
fn the_plan_is_the_same_dry_or_not_and_dry_changes_nothing() {
    let room = Room::new();
    image(room.path(), 12, 80);
    let before = room.listing();
    let dry = ok(room.add("lab-01", "a2ef5644", "disk.img", &["--no-exports", "-n"]));
    assert_eq!(room.listing(), before);
    assert!(!room.at("state").exists(), "not even a directory");
    assert!(dry.contains("would mask    first-boot  root: etc/systemd/system/rpi-resize.service"), "{dry}");
    let (code, _, said) = ran(room.add("lab-01", "a2ef5644", "disk.img", &["--no-exports", "-v"]));
    assert_eq!(code, 0, "{said}");
    let words =
        |text: &str| text.split_whitespace().filter(|word| *word != "would").map(str::to_owned).collect();
    let (planned, done): (Vec<String>, Vec<String>) = (words(&dry), words(&said));
    assert_eq!(done[..planned.len()], planned);
    // Everything that was planned and nothing else.
    for path in CHANGED.iter().filter(|path| !path.ends_with(".pub")) {
        assert!(dry.contains(path), "{path}: {dry}");
    }
}

/// A program of that name, first in PATH, that writes down how it was called.
fn fake(room: &Room, name: &str, end: &str) -> String {
    let dir = room.at("bin");
    std::fs::create_dir_all(&dir).unwrap();
    let script = format!("#!/bin/sh\necho \"$0 $*\" >> {}\n{end}\n", room.at("called").display());
    std::fs::write(dir.join(name), script).unwrap();
    shell(room.path(), "chmod 755 bin/*");
    format!("{}:{}", dir.display(), std::env::var("PATH").unwrap())
}

#[test]
fn exports_are_for_the_clients_network_and_go_with_it() {
    let room = Room::new();
    image(room.path(), 12, 80);
    let path = fake(&room, "exportfs", "exit 0");
    let before = room.listing();
    let with = |mut command: std::process::Command| {
        command.env("PATH", &path);
        command
    };
    ok(with(room.add("lab-01", "a2ef5644", "disk.img", &[])));
    let exports = room.read("etc/exports.d/piprov.exports");
    let srv = room.at("srv").canonicalize().unwrap();
    let srv = srv.display();
    let options = "10.0.0.0/24(rw,sync,no_subtree_check,no_root_squash";
    assert!(exports.contains(&format!("\n{srv}/clients/lab-01 {options}")), "{exports}");
    assert!(exports.contains(&format!("\n{srv}/tftp/a2ef5644 {options}")), "{exports}");
    assert!(!exports.contains('*'));
    assert!(room.read("called").ends_with("exportfs -ra\n"));
    ok(with(room.client(&["rename", "lab-01", "lab-09"])));
    assert!(room.read("etc/exports.d/piprov.exports").contains(&format!("\n{srv}/clients/lab-09 {options}")));
    assert_eq!(room.read("srv/clients/lab-09/etc/hostname"), "lab-09\n");
    assert!(room.read("srv/tftp/a2ef5644/cmdline.txt").contains("/clients/lab-09,vers=3"));

    // Without its name nothing is removed, and with it everything.
    fails(with(room.client(&["remove", "lab-09"])), 2);
    ok(with(room.client(&["remove", "lab-09", "--confirm", "lab-09"])));
    std::fs::remove_dir(room.at("etc/exports.d")).unwrap();
    assert_eq!(room.listing(), before);

    std::fs::write(room.at("etc/exports"), format!("{srv}/clients/lab-01 *(rw)\n")).unwrap();
    let said = fails(with(room.add("lab-01", "a2ef5644", "disk.img", &[])), 73);
    assert!(said.contains("etc/exports:1"), "{said}");
    std::fs::remove_file(room.at("etc/exports")).unwrap();

    fake(&room, "exportfs", "echo exportfs: no such thing >&2; exit 1");
    let (code, _, said) = ran(with(room.add("lab-01", "a2ef5644", "disk.img", &[])));
    assert!(
        code == 1 && said.contains("exportfs -ra failed (exit status: 1): exportfs: no such thing"),
        "{said}"
    );
    let left = room.listing();
    assert!(!left.contains("srv/clients/lab-01") && !left.contains("srv/tftp/a2ef5644"), "{left}");
}

#[test]
fn without_an_nfs_server_it_says_so_before_it_copies() {
    let room = Room::new();
    image(room.path(), 12, 80);
    let before = room.listing();
    let arguments = room.add("lab-01", "a2ef5644", "disk.img", &[]);
    let mut command = command("unshare");
    let hide = "mount --make-rprivate /; for p in exportfs ganesha.nfsd; do for d in /usr/sbin /usr/bin /usr/local/sbin; do \
                [ ! -e $d/$p ] || mount --bind /dev/null $d/$p; done; done; exec \"$0\" \"$@\"";
    command.args(["-m", "sh", "-c", hide]).arg(arguments.get_program()).args(arguments.get_args());
    command.current_dir(room.path()).env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin");
    let said = fails(command, 69);
    assert!(said.contains("no exportfs") && said.contains("apt-get install nfs-kernel-server"), "{said}");
    assert_eq!(room.listing(), before);
}

#[test]
fn a_full_disk_leaves_nothing_behind() {
    let room = Room::new();
    image(room.path(), 12, 80);
    shell(room.path(), "cp -r boot/* root/boot/firmware/");
    // An image's size is known before; a directory's shows on the way.
    for (from, size) in [("disk.img", "1M"), ("root", "300k"), ("root", "3M")] {
        let script = format!(
            "mount --make-rprivate / && mkdir -p small && mount -t tmpfs -o size={size} small small && \
             {} netboot client add lab-01 --board a2ef5644 --from {from} --server 10.0.0.1 --address 10.0.0.7 \
             --no-exports --tftp-root srv/tftp --clients small/clients --state state; code=$?; ls small; exit $code",
            env!("CARGO_BIN_EXE_piprov")
        );
        let mut command = command("unshare");
        command.args(["-m", "bash", "-c", &script]).current_dir(room.path());
        let (code, out, said) = ran(command);
        assert!(code == 74 && said.contains("--clients"), "{from} {size}: {code} {out} {said}");
        assert_eq!(out, "", "{from} {size}");
        assert_eq!(room.listing(), "", "{from} {size}");
    }
}

/// Makes the root so large that it can be interrupted, and starts to copy it.
fn started(room: &Room) -> std::process::Child {
    shell(
        room.path(),
        "cp -r boot/* root/boot/firmware/; for n in $(seq 60); do head -c 4000000 /dev/urandom > root/srv/noise-$n; done",
    );
    let mut command = room.add("lab-01", "a2ef5644", "root", &["--no-exports"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while !room.at("srv/clients/lab-01/srv/noise-1").exists() {
        assert!(std::time::Instant::now() < deadline, "it doesn't begin");
        std::thread::park_timeout(std::time::Duration::from_millis(1));
    }
    child
}

#[test]
fn ctrl_c_takes_back_what_was_made() {
    let room = Room::new();
    let child = started(&room);
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::INT)
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    assert_eq!(room.listing(), "");
}

#[test]
fn a_killed_run_is_gone_on_with_or_removed() {
    let room = Room::new();
    let mut child = started(&room);
    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(9));
    let list = ok(room.client(&["list"]));
    assert!(list.contains("half made"), "{list}");
    let (code, out, _) = ran(room.client(&["check"]));
    assert!(code == 1 && out.contains("killed"), "{out}");
    // Another source is not mixed with what is there.
    std::fs::create_dir(room.at("other")).unwrap();
    shell(room.path(), "cp -a root/etc root/boot other/");
    let kept = room.at("srv/clients/lab-01/usr/lib/file-1");
    let inode = std::fs::metadata(&kept).unwrap().ino();
    let said = fails(room.add("lab-01", "a2ef5644", "other", &["--no-exports", "--mode=ro"]), 73);
    assert!(said.contains("never finished") && said.contains("mode rw and not ro"), "{said}");
    let said = fails(room.add("lab-01", "a2ef5649", "root", &["--no-exports"]), 73);
    assert!(said.contains("it has board a2ef5644 and not a2ef5649"), "{said}");
    ok(room.add("lab-01", "a2ef5644", "root", &["--no-exports"]));
    assert_eq!(std::fs::metadata(kept).unwrap().ino(), inode, "what was copied is not copied again");
    shell(room.path(), "rm -rf root/boot/firmware/* root/dev/* root/tmp/*");
    assert_only_the_checklist(&room, "srv/clients/lab-01");
    ok(room.client(&["remove", "lab-01", "--confirm=lab-01"]));
    assert_eq!(room.listing(), "");

    let mut child = started(&room);
    child.kill().unwrap();
    child.wait().unwrap();
    ok(room.client(&["remove", "lab-01", "--confirm=lab-01"]));
    assert_eq!(room.listing(), "");
}

#[test]
fn many_share_a_root_that_goes_with_the_last() {
    let room = Room::new();
    image(room.path(), 12, 80);
    let overlay = ["--no-exports", "--mode=overlay"];
    ok(room.add("lab-01", "a2ef5644", "disk.img", &overlay));
    ok(room.add("lab-02", "a2ef5645", "disk.img", &overlay));
    let differs = differences(&room, "srv/shared/disk");
    assert_eq!(differs, ["usr/lib/piprov/overlay-init"], "the shared root is the image's");
    assert_eq!(room.read("srv/clients/lab-02/etc/hostname"), "lab-02\n");
    let id = |name: &str| room.read(&format!("srv/clients/{name}/etc/machine-id"));
    assert_ne!(id("lab-01"), id("lab-02"));
    assert_eq!(room.read("srv/shared/disk/etc/hostname"), "raspberrypi\n");
    assert_eq!(ok(room.client(&["check"])), "lab-01  as it should be\nlab-02  as it should be\n");
    // Another image is not taken for the same.
    shell(room.path(), "mkdir other; cp disk.img other/disk.img");
    let said = fails(room.add("lab-03", "a2ef5646", "other/disk.img", &overlay), 2);
    assert!(said.contains("--shared"), "{said}");
    ok(room.client(&["remove", "lab-01", "--confirm=lab-01"]));
    assert!(room.at("srv/shared/disk/etc").exists());
    assert!(room.at("srv/tftp/bootcode.bin").exists(), "lab-02 may need it");
    ok(room.client(&["remove", "lab-02", "--confirm=lab-02"]));
    assert_eq!(room.listing(), "");
}

#[test]
fn a_root_is_shared_with_those_from_the_same_directory_alone() {
    let room = Room::new();
    shell(room.path(), "cp -r boot/* root/boot/firmware/; cp -a root other; echo other > other/etc/motd");
    let overlay = ["--no-exports", "--mode=overlay", "--shared=base"];
    ok(room.add("lab-01", "a2ef5644", "root", &overlay));
    let said = fails(room.add("lab-02", "a2ef5645", "other", &overlay), 2);
    assert!(said.contains("srv/shared/base was made from") && said.contains("/root"), "{said}");
    ok(room.add("lab-02", "a2ef5645", "root", &overlay));
    // What was upgraded in place has a kernel whose modules aren't in that root; and so where a former version didn't look.
    let upgrade = "mkdir -p root/var/lib/dpkg; echo 'Package: linux' >> root/var/lib/dpkg/status";
    shell(room.path(), upgrade);
    let changed = "isn't what it was then";
    let said = fails(room.add("lab-03", "a2ef5646", "root", &overlay), 2);
    assert!(said.contains(changed) && said.contains("--shared"), "{said}");
    shell(
        room.path(),
        "sed -i 's/, file system [0-9a-f]*, system [0-9a-f]*, kernels [0-9a-f]*//' state/clients/*.toml",
    );
    let record = room.read("state/clients/lab-01.toml");
    assert!(record.contains("inode") && !record.contains("kernels"), "{record}");
    let said = fails(room.add("lab-03", "a2ef5646", "root", &overlay), 2);
    assert!(said.contains("or it is another system's"), "{said}");
    shell(room.path(), "rm -r root/var/lib/dpkg");
    ok(room.add("lab-03", "a2ef5646", "root", &overlay));
}

#[test]
fn two_cards_that_are_mounted_at_one_place_are_two_sources() {
    let room = Room::new();
    shell(room.path(), "cp -r boot/* root/boot/firmware/; mkdir card");
    let overlay = ["--no-exports", "--mode=overlay", "--shared=base"];
    let line = |name, board| {
        let command = room.add(name, board, "card", &overlay);
        let words = [command.get_program()].into_iter().chain(command.get_args());
        words.map(|word| word.to_str().unwrap().to_owned()).collect::<Vec<_>>().join(" ")
    };
    let script = format!(
        "mount --make-rprivate / && mount -t tmpfs one card && cp -a root/. card && {} && umount card && \
         mount -t tmpfs two card && cp -a root/. card && echo other > card/etc/motd && ! {} 2> said",
        line("lab-01", "a2ef5644"),
        line("lab-02", "a2ef5645"),
    );
    shell(room.path(), &format!("unshare -m bash -c '{script}'"));
    assert!(room.read("said").contains("another card is there now"), "{}", room.read("said"));
}

#[test]
fn a_shared_root_stays_for_a_layer_that_no_record_has() {
    let room = Room::new();
    image(room.path(), 12, 80);
    let overlay = ["--no-exports", "--mode=overlay", "--shared=base"];
    ok(room.add("ova", "a2ef5644", "disk.img", &overlay));
    ok(room.add("ovc", "a2ef5645", "disk.img", &overlay));
    ok(room.add("own", "a2ef5646", "disk.img", &["--no-exports"]));
    shell(room.path(), "mv state/clients/ovc.toml state/clients/own.toml .");
    // What somebody has put into a layer, or copied, says nothing of where it lies.
    shell(room.path(), "cd srv/clients; mkdir -p ovc/usr/bin; echo x >ovc/usr/bin/tool; cp -a ovc ovc.bak");
    let dry = ran(room.client(&["remove", "ova", "-n"]));
    assert!(dry.0 == 0 && !dry.1.contains("shared/base") && dry.2.contains("shared/base stays"), "{dry:?}");
    let (code, out, said) = ran(room.client(&["remove", "ova", "--confirm=ova"]));
    assert!(code == 0 && said.contains("shared/base stays") && said.contains("tftp/a2ef5645"), "{out}{said}");
    assert!(room.at("srv/shared/base/etc").exists() && !room.at("srv/clients/ova").exists());
    shell(room.path(), "mkdir -p state/clients; mv ovc.toml state/clients/");
    assert_eq!(ok(room.client(&["check"])), "ovc  as it should be\n");
    // A root of its own lies on no other.
    let (code, out, said) = ran(room.client(&["remove", "ovc", "--confirm=ovc"]));
    assert!(code == 0 && !said.contains("stays"), "{out}{said}");
    assert!(!room.at("srv/shared/base").exists() && !room.at("srv/clients/ovc").exists());
}

#[test]
fn a_check_finds_what_was_changed_and_repairs_it() {
    let room = Room::new();
    image(room.path(), 12, 80);
    ok(room.add("lab-01", "a2ef5644", "disk.img", &["--no-exports", "--mode=ro"]));
    assert!(room.read("srv/clients/lab-01/etc/fstab").contains("tmpfs /var/log tmpfs"));
    assert_eq!(room.read("srv/clients/lab-01/etc/machine-id"), "");
    shell(
        room.path(),
        "cd srv; echo other > clients/lab-01/etc/hostname; cp ../boot/cmdline.txt tftp/a2ef5644/cmdline.txt; \
         rm clients/lab-01/etc/systemd/system/rpi-resize.service; chmod 600 tftp/a2ef5644/kernel8.img",
    );
    let (code, out, _) = ran(room.client(&["check", "lab-01"]));
    assert_eq!(code, 1);
    for word in ["hostname", "cmdline", "first-boot", "serve", "--repair", "chmod -R a+rX"] {
        assert!(out.contains(word), "{word}: {out}");
    }
    assert_eq!(out.matches("hint:").count(), 4, "{out}");
    shell(room.path(), "chmod 644 srv/tftp/a2ef5644/kernel8.img");
    assert_eq!(ok(room.client(&["check", "lab-01", "--repair"])), "lab-01  as it should be\n");
}

#[test]
fn bad_input_is_refused_before_anything_is_made() {
    let room = Room::new();
    image(room.path(), 12, 80);
    let no = ["--no-exports"];
    for name in ["../evil", "a/b", "..", "", "with space"] {
        let said = fails(room.add(name, "a2ef5644", "disk.img", &no), 2);
        assert!(said.contains("can't be a client's name"), "{said}");
    }
    let said = fails(room.add("lab-01", "nonsense", "disk.img", &no), 2);
    assert!(said.contains("/proc/cpuinfo"), "{said}");
    fails(room.add("lab-01", "a2ef5644", "gone.img", &no), 66);
    let said = fails(room.add("lab-01", "a2ef5644", "boot/kernel8.img", &no), 65);
    assert!(said.contains("is no Raspberry Pi OS"), "{said}");
    shell(room.path(), "rm root/etc/rpi-issue");
    image(room.path(), 12, 80);
    let said = fails(room.add("lab-01", "a2ef5644", "disk.img", &no), 65);
    assert!(said.contains("it calls itself `debian`") && said.contains("--force"), "{said}");
    // A system that was not shut down.
    shell(
        room.path(),
        "debugfs -w -R 'feature needs_recovery' \"disk.img?offset=$((16 << 20))\" 2>/dev/null",
    );
    let said = fails(room.add("lab-01", "a2ef5644", "disk.img", &["--no-exports", "--force"]), 65);
    assert!(said.contains("journal") && said.contains("e2fsck"), "{said}");
    assert_eq!(room.listing(), "");

    shell(room.path(), "echo x > root/etc/rpi-issue; mkdir -p srv/clients/lab-01");
    image(room.path(), 12, 80);
    fails(room.add("lab-01", "a2ef5644", "disk.img", &no), 73);
    std::fs::remove_dir_all(room.at("srv")).unwrap();
    ok(room.add("lab-01", "a2ef5644", "disk.img", &no));
    fails(room.add("lab-01", "a2ef5645", "disk.img", &no), 73);
    let said = fails(room.add("lab-02", "10000000a2ef5644", "disk.img", &no), 73);
    assert!(said.contains("client `lab-01`"), "{said}");
    let said = fails(room.client(&["show", "lab-02"]), 66);
    assert!(said.contains("Did you mean `lab-01`?"), "{said}");
}
