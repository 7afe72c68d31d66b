//! A whole Debian starts from a disk that `piprov deploy` wrote with first-boot settings: a real kernel, systemd and
//! cloud-init, in QEMU. What the firmware of a Pi does, takes the kernel's command line from the boot partition, is done here.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::{need, path, shell};
use crate::system;

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ8vZ4oJ8vZ4oJ8vZ4oJ8vZ4oJ8vZ4oJ8vZ4oJ8vZ4o it's@me";
/// So long a machine may take that takes a minute, in seconds: an emulated one on a loaded host is slow.
const LONGEST: &str = "600";

struct Machine {
    dir: tempfile::TempDir,
    tree: PathBuf,
}

impl Machine {
    /// A disk with a system of this release and these settings.
    fn deployed(release: &str, format: &str, words: &str) -> Self {
        need("mkfs.ext4", "e2fsprogs");
        need("qemu-system-x86_64", "qemu-system-x86");
        let tree = system::tree(release);
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        shell(&format!(
            r#"set -euo pipefail; cd {dir}; truncate -s 1400M os.img disk
            printf 'label: dos\nlabel-id: 0x8a3b01c7\nstart=2048,size=131072,type=c\nstart=133120,type=83\n' | sfdisk -q os.img
            mkfs.vfat -F 16 -s 4 --offset 2048 os.img 65536 &>/dev/null
            echo 'console=ttyS0 root=PARTUUID=8a3b01c7-02 rootfstype=ext4 fsck.repair=yes rootwait quiet {words}' >cmdline.txt
            MTOOLS_SKIP_CHECK=1 mcopy -i os.img@@1M cmdline.txt ::
            mkfs.ext4 -q -E offset=68157440 -d {tree} os.img 1300M"#,
            dir = dir.path().display(),
            tree = tree.display()
        ));
        let key = format!("ssh-key={KEY}");
        let mut command = crate::support::program::piprov(dir.path());
        command.args(["deploy", "os.img", "--device", "disk", "--confirm", "disk", "--set-format", format]);
        command
            .args(["--set", "hostname=gate-7", "--set", "user=ada", "--set", &key])
            .current_dir(dir.path());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        Self { dir, tree }
    }

    /// A file of its boot partition, if it is there.
    fn boot(&self, name: &str) -> Option<String> {
        let mut command = Command::new("mtype");
        command.args([
            "-i",
            &format!("{}@@1M", self.dir.path().join("disk").display()),
            &format!("::{name}"),
        ]);
        let output = command.env("MTOOLS_SKIP_CHECK", "1").output().unwrap();
        output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
    }

    /// A file of its root, as it lies on the disk.
    fn root(&self, path: &str) -> String {
        shell(&format!(
            "debugfs -R 'cat {path}' '{}?offset=68157440' 2>/dev/null",
            self.dir.path().join("disk").display()
        ))
    }

    /// Switches it on, and gives what its console said until it switched itself off or started anew.
    fn start(&self) -> String {
        let kernel = |name: &str| {
            let found = shell(&format!("ls {}/boot/{name}-*", self.tree.display()));
            PathBuf::from(found.trim())
        };
        let console = self.dir.path().join("console");
        let mut command = Command::new("timeout");
        command.args([
            LONGEST,
            "qemu-system-x86_64",
            "-accel",
            "tcg,thread=multi",
            "-m",
            "1024",
            "-smp",
            "1",
        ]);
        command.args(["-nodefaults", "-no-reboot", "-display", "none", "-serial"]);
        command.arg(format!("file:{}", console.display()));
        command.arg("-drive").arg(format!(
            "file={},format=raw,if=virtio,cache=unsafe",
            self.dir.path().join("disk").display()
        ));
        command.arg("-kernel").arg(kernel("vmlinuz")).arg("-initrd").arg(kernel("initrd.img"));
        // Where its host is busy a machine is slow, and its system is to wait for its disk all the same.
        let words = self.boot("cmdline.txt").unwrap();
        let patience = "systemd.default_device_timeout_sec=500 systemd.default_timeout_start_sec=500";
        command.arg("-append").arg(format!("{} {patience}", words.trim()));
        let status = command.env("PATH", path()).stdin(Stdio::null()).status().unwrap();
        let said = String::from_utf8_lossy(&read(&console)).into_owned();
        assert!(status.success(), "{status}: {said}");
        said
    }
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_default()
}

/// What the system says of itself.
#[track_caller]
fn report<'a>(said: &'a str, name: &str) -> &'a str {
    let start = format!("REPORT {name} ");
    let line = said.lines().find_map(|line| line.trim().strip_prefix(&start));
    line.unwrap_or_else(|| panic!("{name} in {said}")).trim()
}

#[test]
fn a_system_with_cloud_init_starts_with_its_name_and_its_user() {
    let machine = Machine::deployed("trixie", "cloud-init-rpi", "");
    let said = machine.start();
    assert_eq!(report(&said, "name"), "gate-7");
    assert_eq!(report(&said, "user"), "ada:x:1000:1000:Debian:/home/ada:/bin/bash");
    assert_eq!(report(&said, "ssh"), "enabled active");
    assert_eq!(report(&said, "cloud"), "status: done");
}

#[test]
fn a_system_runs_its_script_once_and_starts_anew() {
    let machine = Machine::deployed("bookworm", "first-run", "cloud-init=disabled");
    assert!(machine.boot("firstrun.sh").is_some());
    let said = machine.start();
    assert!(!said.contains("REPORT"), "it starts anew in place of going on: {said}");
    assert_eq!(machine.boot("firstrun.sh"), None);
    let cmdline = machine.boot("cmdline.txt").unwrap();
    assert!(cmdline.contains("root=PARTUUID=8a3b01c7-02") && !cmdline.contains("systemd."), "{cmdline}");
    // What lies on its disk, unmounted cleanly; a second start would only take time.
    assert_eq!(machine.root("/etc/hostname"), "gate-7\n");
    assert!(machine.root("/etc/passwd").contains("\nada:x:1000:1000::/home/ada:/bin/bash\n"));
    assert_eq!(machine.root("/home/ada/.ssh/authorized_keys"), format!("{KEY}\n"));
    let log = machine.root("/var/log/firstrun.log");
    assert_eq!(log, "first boot: settings are made\nfirst boot: done\n");
}
