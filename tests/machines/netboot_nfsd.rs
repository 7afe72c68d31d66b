//! `piprov netboot client` with the kernel's own NFS server: a virtual machine with nfsd, the real exportfs and the
//! places that piprov has by default, and a network of their own for clients, which mount over NFSv3 as a board does.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, clippy::print_stderr, reason = "tests")]

use crate::common;
use crate::netboot;
use crate::rig;

use std::path::{Path, PathBuf};

/// Where the server's programs are unpacked.
fn programs() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("nfsd")
}

static MACHINE: rig::Machine = rig::Machine::new("netboot_nfsd::inside");

/// Fetches them, and gives what became of a scenario.
fn outcome(name: &str) {
    let script = format!("tests/netboot/nfsd.sh fetch {}", programs().display());
    netboot::shell(Path::new(env!("CARGO_MANIFEST_DIR")), &script);
    MACHINE.outcome(name);
}

#[test]
fn what_the_server_lacks_is_told_until_it_runs() {
    outcome("what_the_server_lacks_is_told_until_it_runs");
}

#[test]
fn a_client_has_its_root_as_it_was_in_the_source() {
    outcome("a_client_has_its_root_as_it_was_in_the_source");
}

#[test]
fn roots_that_are_read_only_cannot_be_written_to() {
    outcome("roots_that_are_read_only_cannot_be_written_to");
}

#[test]
#[ignore = "runs in the virtual machine"]
fn inside() {
    rig::run_inside(&[
        (
            "what_the_server_lacks_is_told_until_it_runs",
            scenario::what_the_server_lacks_is_told_until_it_runs,
        ),
        (
            "a_client_has_its_root_as_it_was_in_the_source",
            scenario::a_client_has_its_root_as_it_was_in_the_source,
        ),
        (
            "roots_that_are_read_only_cannot_be_written_to",
            scenario::roots_that_are_read_only_cannot_be_written_to,
        ),
    ]);
}

mod scenario {
    use std::path::Path;
    use std::process::Command;
    use std::sync::OnceLock;

    use super::common::piprov;
    use super::netboot::{Room, command, ok, ran, shell};
    use super::programs;

    /// The server's and the clients' disks are real ones, without which the kernel exports nothing; the boot files lie
    /// in memory, where an export needs a number.
    const DISK: &str = r#"
        modprobe loop; truncate -s 160M /run/disk /run/roots; mkdir -p /srv/work /srv/netboot /var/lib/piprov
        for disk in disk roots; do mkfs.ext4 -q -b 4096 /run/$disk; done
        mount -o loop /run/disk /srv/work; mkdir -p /srv/work/tmp
        # A file system of its own, so that handles reach nothing else.
        mount -o loop /run/roots /srv/netboot
        mkdir /srv/netboot/tftp; mount -t tmpfs -o size=20M boot /srv/netboot/tftp
        # An export that was there before, of somebody else.
        mkdir -p /srv/work/other /etc/exports.d
        echo '/srv/work/other 10.98.0.0/24(ro,no_subtree_check)' > /etc/exports
        ip netns add board; ip link add up0 type veth peer name eth0 netns board
        ip addr add 10.98.0.1/24 dev up0; ip link set up0 up
        ip -n board link set lo up; ip -n board addr add 10.98.0.7/24 dev eth0; ip -n board link set eth0 up
    "#;

    /// Once for all scenarios; a room with a root and boot files in it.
    fn room() -> &'static Room {
        static ROOM: OnceLock<Room> = OnceLock::new();
        ROOM.get_or_init(|| {
            top("tests/netboot/nfsd.sh install {}");
            shell(Path::new("/"), DISK);
            shell(Path::new("/"), &format!("mount --bind /srv/work/tmp {}", env!("CARGO_TARGET_TMPDIR")));
            let room = Room::new();
            shell(
                room.path(),
                "cp -r boot/* root/boot/firmware/; rm -rf root/dev/*; mknod root/srv/null c 1 3",
            );
            room
        })
    }

    /// Runs the script of the server's programs, which lie where the host has unpacked them.
    fn top(line: &str) {
        let line = line.replace("{}", &programs().display().to_string());
        shell(Path::new(env!("CARGO_MANIFEST_DIR")), &line);
    }

    /// `piprov netboot` with the places that it has by default.
    fn netboot(line: &str) -> Command {
        let mut command = piprov();
        command.arg("netboot").args(line.split(' ')).current_dir(room().path());
        command
    }

    /// What the server exports: a line each, the options after the path and the client.
    fn exported() -> Vec<String> {
        let lines = shell(Path::new("/"), "exportfs -v").replace("\n\t\t", " ");
        lines.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    }

    /// Mounts a path over NFSv3 on the board's side, as its first program does, and runs a script there.
    fn board(path: &str, script: &str) -> (i32, String, String) {
        let mut inside = command("ip");
        let mount = format!(
            "mount -t nfs -o vers=3,tcp,nolock,soft,retry=0 10.98.0.1:{path} /mnt && cd /mnt || exit 99"
        );
        inside.args(["netns", "exec", "board", "bash", "-euo", "pipefail", "-c"]);
        inside.arg(format!("{mount}\n{script}\ncd /; umount /mnt"));
        ran(inside)
    }

    pub(super) fn what_the_server_lacks_is_told_until_it_runs() {
        room();
        let (code, out, _) = ran(netboot("nfs"));
        assert!(code == 69 && out.contains("no port mapper answers"), "{out}");
        top("tests/netboot/nfsd.sh start");
        assert!(ok(netboot("nfs")).contains("This host can serve roots over NFS."));
        shell(Path::new("/"), "kill $(pidof rpc.mountd)");
        crate::rig::until("the mount daemon to leave", || {
            let (code, out, _) = ran(netboot("nfs"));
            (code == 69).then_some(out).filter(|out| out.contains("mount protocol, version 3, is not served"))
        });
        shell(Path::new("/"), "rpc.mountd");
        ok(netboot("nfs"));
    }

    pub(super) fn a_client_has_its_root_as_it_was_in_the_source() {
        let room = room();
        let before = exported();
        assert_eq!(before.len(), 1, "{before:?}");
        ok(netboot("client add lab-01 --board a2ef5644 --from root --interface up0 --address 10.98.0.7"));
        // Exported to that address alone; what lies in memory has a number.
        let [root, boot] = ["clients/lab-01", "tftp/a2ef5644"].map(|path| {
            let start = format!("/srv/netboot/{path} 10.98.0.7(");
            let lines = exported();
            let found = lines.iter().find_map(|line| line.strip_prefix(&start)).map(str::to_owned);
            found.unwrap_or_else(|| panic!("{start} is not in {lines:?}"))
        });
        assert_eq!(exported().len(), 3);
        for options in [&root, &boot] {
            let has = |word: &str| options.trim_end_matches(')').split(',').any(|option| option == word);
            assert!(
                ["sync", "rw", "no_root_squash", "no_subtree_check", "sec=sys"].into_iter().all(has),
                "{options}"
            );
        }
        assert!(!root.contains("fsid=") && boot.contains("fsid="), "{root} {boot}");
        assert_eq!(ok(netboot("client check")), "lab-01  as it should be\n");

        // What the board sees, and may do: as a package manager does it.
        let script = "stat -c '%n %a %u %g %h %F %t:%T' usr/bin/sudo srv/third srv/null srv/pipe home/pi/list srv; \
            cat etc/hostname; getfacl -cpn home/pi/list | grep 1234; getfattr -n security.capability usr/bin/ping 2>&1 || true; \
            stat -c %i usr/bin/sudo usr/bin/sudoedit srv/third | sort -u | wc -l; cmp usr/bin/sudo srv/third; \
            mknod new c 1 5; chown 7:8 new; cp usr/bin/sudo newer; chmod 6755 newer; ln newer other; mv newer bin/newer; \
            stat -c '%n %a %u %g %h %F %t:%T' new other; rm new other bin/newer; sync";
        let (code, out, said) = board("/srv/netboot/clients/lab-01", script);
        assert_eq!(code, 0, "{out}{said}");
        let lines: Vec<&str> = out.lines().collect();
        let wanted = [
            "usr/bin/sudo 4755 0 0 3 regular file 0:0",
            "srv/third 4755 0 0 3 regular file 0:0",
            "srv/null 644 0 0 1 character special file 1:3",
            "srv/pipe 640 0 0 1 fifo 0:0",
            "home/pi/list 664 1000 1000 1 regular file 0:0",
            "srv 755 100000 200000 2 directory 0:0",
            "lab-01",
            "user:1234:r--",
            // NFSv3 has no extended attributes: see the capability on the server below.
            "usr/bin/ping: security.capability: Operation not supported",
            "1",
            "new 644 7 8 1 character special file 1:5",
            "other 6755 0 0 2 regular file 0:0",
        ];
        assert_eq!(lines, wanted, "{said}");
        let kept = shell(
            Path::new("/srv/netboot/clients/lab-01"),
            "getfattr --only-values -n security.capability usr/bin/ping | od -An -tx1",
        );
        // As the source has it: version 2, cap_net_raw.
        assert_eq!(kept.split_whitespace().collect::<String>(), "0100000200200000000000000000000000000000");
        let (code, out, said) = board("/srv/netboot/tftp/a2ef5644", "cat cmdline.txt; echo x > new; rm new");
        assert!(
            code == 0 && out.contains("nfsroot=10.98.0.1:/srv/netboot/clients/lab-01,vers=3,tcp rw"),
            "{out}{said}"
        );

        // Another address has nothing to look for here.
        shell(Path::new("/"), "ip -n board addr flush dev eth0; ip -n board addr add 10.98.0.8/24 dev eth0");
        let (code, _, said) = board("/srv/netboot/clients/lab-01", "ls");
        assert!(code == 99 && said.contains("access denied"), "{code} {said}");
        shell(Path::new("/"), "ip -n board addr flush dev eth0; ip -n board addr add 10.98.0.7/24 dev eth0");

        // What somebody took back is found, and put right.
        shell(Path::new("/"), "exportfs -u 10.98.0.7:/srv/netboot/clients/lab-01");
        let (code, out, _) = ran(netboot("client check"));
        assert!(
            code == 1 && out.contains("/srv/netboot/clients/lab-01 is not exported to 10.98.0.7"),
            "{out}"
        );
        assert_eq!(ok(netboot("client check --repair")), "lab-01  as it should be\n");
        assert_eq!(exported().len(), 3);

        ok(netboot("client remove lab-01 --confirm lab-01"));
        assert_eq!(exported(), before);
        assert_eq!(std::fs::read_dir("/etc/exports.d").unwrap().count(), 0);
        assert_eq!(std::fs::read_dir("/srv/netboot/tftp").unwrap().count(), 0);
        assert!(!Path::new("/srv/netboot/clients").exists());
        let (code, ..) = board("/srv/netboot/clients/lab-01", "ls");
        assert_eq!(code, 99);
        assert!(room.at("root/etc/hostname").exists());
    }

    pub(super) fn roots_that_are_read_only_cannot_be_written_to() {
        let before = exported();
        ok(netboot("client add lab-02 --board a2ef5645 --from root --interface up0 --mode ro"));
        ok(netboot(
            "client add lab-03 --board a2ef5646 --from root --interface up0 --mode overlay --shared base",
        ));
        assert_eq!(ok(netboot("client check")), "lab-02  as it should be\nlab-03  as it should be\n");
        let lines = exported();
        // The roots, the boot files of both, and the layer.
        assert_eq!(lines.len(), before.len() + 5, "{lines:?}");
        for path in ["clients/lab-02", "shared/base", "clients/lab-03", "tftp/a2ef5645", "tftp/a2ef5646"] {
            let start = format!("/srv/netboot/{path} 10.98.0.0/24(");
            let line = lines.iter().find(|line| line.starts_with(&start));
            let line = line.unwrap_or_else(|| panic!("{start} is not in {lines:?}"));
            assert!(line.contains(",ro,") && !line.contains("rw"), "{line}");
            let (code, out, said) = board(&format!("/srv/netboot/{path}"), "! touch new; ls");
            assert!(
                code == 0 && said.contains("Read-only file system") && !out.contains("new"),
                "{out}{said}"
            );
        }
        let read = |path: &str| std::fs::read_to_string(Path::new("/srv/netboot").join(path)).unwrap();
        assert!(read("tftp/a2ef5645/cmdline.txt").contains("/lab-02,vers=3,tcp ro ip=dhcp"));
        assert!(read("clients/lab-02/etc/fstab").contains("nofail,_netdev,ro 0 0\n"));
        ok(netboot("client remove lab-02 --confirm lab-02"));
        ok(netboot("client remove lab-03 --confirm lab-03"));
        assert_eq!(exported(), before);
    }
}
