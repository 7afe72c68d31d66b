//! Roots that look like Raspberry Pi OS, images of them, and a place of the test's own for clients.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "a helper of tests fails the test")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::common::piprov;

/// Runs a shell script that must succeed, with tools in PATH that an ordinary user's lacks.
pub fn shell(directory: &Path, script: &str) -> String {
    let output =
        command("bash").args(["-euo", "pipefail", "-c", script]).current_dir(directory).output().unwrap();
    assert!(
        output.status.success(),
        "{script}\n{}\n{}\n{}\nis a tool missing? tools/install-packages test",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// A command that finds the tools of the administrator.
pub fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{path}:/usr/sbin:/sbin")).stdin(Stdio::null());
    // Also what a script starts leaves no record among those of this machine.
    command.env("PIPROV_STATE_DIR", concat!(env!("CARGO_TARGET_TMPDIR"), "/state"));
    command
}

/// A root with one of everything: hard links, setuid, capabilities, lists, devices, holes, odd names and times.
const ROOT: &str = r#"
    mkdir -p root/{etc/ssh,usr/bin,usr/lib,usr/sbin,boot/firmware,var/lib/dbus,var/log,dev,home/pi,tmp,srv}
    ln -s usr/bin root/bin; ln -s usr/lib root/lib; ln -s usr/sbin root/sbin
    printf 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_CODENAME=bookworm\n' > root/etc/os-release
    echo 'Raspberry Pi reference 2025-05-13' > root/etc/rpi-issue
    printf 'proc /proc proc defaults 0 0\nPARTUUID=35c84628-01 /boot/firmware vfat defaults 0 2\nPARTUUID=35c84628-02 / ext4 defaults,noatime 0 1\n' > root/etc/fstab
    echo raspberrypi > root/etc/hostname
    printf '127.0.0.1\tlocalhost\n127.0.1.1\traspberrypi\n' > root/etc/hosts
    echo 0123456789abcdef0123456789abcdef > root/etc/machine-id
    echo foreign > root/etc/ssh/ssh_host_rsa_key; chmod 600 root/etc/ssh/ssh_host_rsa_key
    echo foreign > root/etc/ssh/ssh_host_rsa_key.pub
    mkdir -p root/usr/lib/systemd/system; touch root/usr/lib/systemd/system/rpi-resize.service
    touch root/usr/sbin/mount.nfs; printf '\177ELF\002' > root/usr/bin/sh
    head -c 300000 /dev/urandom > root/usr/bin/sudo; chmod 4755 root/usr/bin/sudo
    ln root/usr/bin/sudo root/usr/bin/sudoedit; ln root/usr/bin/sudo root/srv/third
    echo ping > root/usr/bin/ping; setfattr -n security.capability -v 0x0100000200200000000000000000000000000000 root/usr/bin/ping
    setfattr -n user.note -v "$(head -c 2000 /dev/zero | tr '\0' x)" root/usr/bin/ping
    echo list > root/home/pi/list; chown 1000:1000 root/home/pi root/home/pi/list
    setfacl -m u:1234:r,g:4321:rw root/home/pi/list; setfacl -d -m u:1234:rwx root/home/pi
    chown 100000:200000 root/srv; chmod 1777 root/tmp; chmod 2755 root/var/log
    mknod root/dev/null c 1 3; mknod root/dev/nvme b 259 300; mkfifo -m 640 root/srv/pipe
    truncate -s 40M root/srv/sparse; printf middle | dd of=root/srv/sparse bs=1 seek=20000000 conv=notrunc status=none
    ln -s "$(head -c 200 /dev/zero | tr '\0' l)" root/srv/long; ln -s /etc/passwd root/srv/short
    touch "root/srv/a name with spaces and ü" $'root/srv/not utf-8 \xff'; : > root/srv/empty
    for n in $(seq 700); do echo $n > root/usr/lib/file-$n; done
    touch -d '2001-02-03 04:05:06.123456789' root/srv/empty; touch -h -d '2030-01-01' root/srv/long
    mkdir -p boot/overlays
    echo 'console=serial0,115200 console=tty1 root=PARTUUID=35c84628-02 rootfstype=ext4 fsck.repair=yes rootwait quiet init=/usr/lib/raspberrypi-sys-mods/firstboot' > boot/cmdline.txt
    printf 'arm_64bit=1\n' > boot/config.txt
    head -c 400000 /dev/urandom > boot/kernel8.img; head -c 52480 /dev/urandom > boot/bootcode.bin
    echo overlay > boot/overlays/disable-bt.dtbo
"#;

/// Puts `root` and `boot` into `disk.img`. Takes the sizes of the partitions in MiB.
pub fn image(directory: &Path, boot: u32, root: u32) -> PathBuf {
    shell(
        directory,
        &format!(
            r#"rm -f disk.img; truncate -s $((4 + {boot} + {root}))M disk.img
            printf 'label: dos\nlabel-id: 0x35c84628\nstart=8192, size={boot}MiB, type=c\nstart=%d, size={root}MiB, type=83\n' \
                $((8192 + {boot} * 2048)) | sfdisk -q disk.img
            mformat -i disk.img@@4M -v bootfs -T $(({boot} * 2048)) -h 64 -s 32 ::
            mcopy -s -Q -i disk.img@@4M boot/* ::
            mkfs.ext4 -q -F -b 4096 -I 256 -L rootfs -E offset=$(((4 + {boot}) << 20)) -d root disk.img {root}M
            # mkfs copies whole seconds only.
            debugfs -w -R 'sif /srv/empty mtime_extra 493827156' "disk.img?offset=$(((4 + {boot}) << 20))" 2>&1 | tail -n +2"#
        ),
    );
    directory.join("disk.img")
}

/// A directory of the test's own, with places for clients in it.
pub struct Room(tempfile::TempDir);

impl Room {
    /// With a root and boot files in `root` and `boot`.
    pub fn new() -> Self {
        assert!(
            rustix::process::geteuid().is_root(),
            "roots have files of many users: run the tests as root"
        );
        let room = Self::empty();
        shell(room.path(), ROOT);
        room
    }

    pub fn empty() -> Self {
        let room = Self(tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap());
        std::fs::create_dir(room.at("etc")).unwrap();
        room
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn at(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    pub fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.at(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// The arguments that keep a client's things in this directory.
    pub fn places(&self) -> Vec<String> {
        [
            ("tftp-root", "srv/tftp"),
            ("clients", "srv/clients"),
            ("shared-roots", "srv/shared"),
            ("state", "state"),
            ("exports", "etc/exports.d/piprov.exports"),
            ("ganesha", "etc/ganesha/piprov.conf"),
        ]
        .into_iter()
        .map(|(flag, path)| format!("--{flag}={}", self.at(path).display()))
        .collect()
    }

    /// `piprov netboot client WHAT` with this room's places.
    pub fn client(&self, line: &[&str]) -> Command {
        let mut command = piprov();
        command.args(["netboot", "client"]).args(line).args(self.places()).current_dir(self.path());
        command.stdin(Stdio::null());
        command
    }

    /// `add` with an address, from the room's image or directory, without exports.
    pub fn add(&self, name: &str, board: &str, from: &str, more: &[&str]) -> Command {
        let mut command = self.client(&["add", name, "--board", board, "--from", from]);
        command.args(["--server=10.0.0.1", "--network=10.0.0.0/24"]).args(more);
        command
    }

    /// Everything below the room's places, a line a name.
    pub fn listing(&self) -> String {
        shell(
            self.path(),
            "find srv state etc -printf '%p %y %m %U %s\\n' 2>/dev/null | grep -v '^state/lock\\|^state d\\|^etc d' | sort || true",
        )
    }
}

/// Runs a command and says how it ended.
pub fn ran(mut command: Command) -> (i32, String, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (status.code().unwrap_or(-1), text(stdout), text(stderr))
}

/// Runs a command that must succeed; gives what it printed.
pub fn ok(command: Command) -> String {
    let shown = format!("{command:?}");
    let (code, out, err) = ran(command);
    assert_eq!(code, 0, "{shown}\n{out}{err}");
    out
}

/// Runs a command that must fail; gives what it said.
pub fn fails(command: Command, code: i32) -> String {
    let shown = format!("{command:?}");
    let (got, out, err) = ran(command);
    assert_eq!(got, code, "{shown}\n{out}{err}");
    assert!(err.contains("error:") && err.contains("hint:"), "{err}");
    err
}
