//! Virtual boards with real U-Boot, their targets database, and `piprov flash` for them.

use std::fmt::Write;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::card::{Card, Network};
use super::program::{Running, piprov};
use super::slots::Slots;
use super::{need, path, room, shell, until};

/// Some boards, an address that they ask, and a directory for everything.
pub(crate) struct Rig {
    dir: tempfile::TempDir,
    /// Where TFTP is served: `ADDRESS:69`.
    pub(crate) address: Ipv4Addr,
    boards: Vec<String>,
    rows: String,
    _slots: Slots,
}

impl Rig {
    /// A rig for so many boards. Waits until the machine has room for them.
    pub(crate) fn new(boards: usize) -> Self {
        Self::at(boards, room::address())
    }

    /// The same, where the boards ask this address. They are seen from it, too: QEMU speaks for them.
    pub(crate) fn at(boards: usize, address: Ipv4Addr) -> Self {
        need("qemu-system-aarch64", "qemu-system-arm");
        need("/usr/lib/u-boot/qemu_arm64/u-boot.bin", "u-boot-qemu");
        for tool in ["mkimage", "mformat", "sfdisk", "sgdisk", "mkfs.ext4", "xz", "zstd", "gzip"] {
            need(tool, "u-boot-tools mtools fdisk gdisk e2fsprogs xz-utils zstd gzip");
        }
        let slots = Slots::take(boards);
        let rows = "name,mac,ip,reset,secret\n".to_owned();
        let dir = tempfile::tempdir().unwrap();
        Self { dir, address, boards: Vec::new(), rows, _slots: slots }
    }

    /// A path in the rig's directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A small sample image with real file systems; `arguments` as for the script that makes it.
    pub(crate) fn image(&self, name: &str, arguments: &str) -> PathBuf {
        let image = self.path(name);
        let script = example("make-sample-image.sh");
        shell(&format!("{} {} {arguments}", script.display(), image.display()));
        image
    }

    /// A recovery card of `mib`.
    pub(crate) fn card(&self, name: &str, mib: usize) -> Card {
        Card::new(self.path(name), mib, self.address, Network::Static)
    }

    /// Adds a board with this disk, switched off; the targets database resets it.
    pub(crate) fn board(&mut self, name: &str, disk: impl AsRef<std::ffi::OsStr>) {
        let reset = format!("command:{} reset {name}", example("virtual-board").display());
        self.board_reset_by(name, disk, &reset);
    }

    /// Adds a board that is reset in another way.
    pub(crate) fn board_reset_by(&mut self, name: &str, disk: impl AsRef<std::ffi::OsStr>, reset: &str) {
        let mac = self.target(name, reset);
        self.virtual_board().arg("create").arg(name).arg(disk).arg(mac).status().unwrap();
        self.boards.push(name.to_owned());
    }

    /// Adds a row to the targets database, with no board behind it.
    pub(crate) fn target(&mut self, name: &str, reset: &str) -> String {
        let [_, high, low, n] = self.address.octets();
        let mac = format!("52:54:{high:02x}:{low:02x}:{n:02x}:{:02x}", self.rows.lines().count());
        // On a network that isn't this machine's own nobody else vouches for it.
        let ip = if self.address.is_loopback() { String::new() } else { self.address.to_string() };
        writeln!(self.rows, "{name},{mac},{ip},\"{}\"", reset.replace('"', "\"\"")).unwrap();
        mac
    }

    /// The last board that was added has a card with the secret in this file.
    pub(crate) fn secret(&mut self, file: &str) {
        let end = self.rows.trim_end().len();
        self.rows.replace_range(end.., &format!(",{file}\n"));
    }

    fn virtual_board(&self) -> Command {
        let mut command = room::command(example("virtual-board"));
        self.environment(&mut command);
        command
    }

    fn environment(&self, command: &mut Command) {
        command.env("PIPROV_BOARDS", self.path("boards"));
        command.env("PIPROV_BOARDS_OWNER", std::process::id().to_string());
        command.env("PATH", path());
    }

    /// `piprov flash` with this rig's database and address.
    pub(crate) fn flash_command(&self, arguments: &[&str]) -> Command {
        let mut command = self.flash_bare();
        command.arg("--listen").arg(format!("{}:69", self.address)).args(arguments);
        command
    }

    /// `piprov flash --tftp-root` with this rig's database.
    pub(crate) fn flash_staged(&self, root: &Path, arguments: &[&str]) -> Command {
        let mut command = self.flash_bare();
        command.arg("--tftp-root").arg(root).args(arguments);
        command
    }

    fn flash_bare(&self) -> Command {
        let targets = self.path("targets.csv");
        std::fs::write(&targets, &self.rows).unwrap();
        let mut command = piprov(self.dir.path());
        self.environment(&mut command);
        command.arg("flash").arg("--targets").arg(targets);
        command
    }

    /// Starts it.
    pub(crate) fn flash(&self, arguments: &[&str]) -> Running {
        Running::start(&mut self.flash_command(arguments))
    }

    /// Resets a board past the program, or stops it.
    pub(crate) fn power(&self, verb: &str, name: &str) {
        let status = self.virtual_board().args([verb, name]).status().unwrap();
        assert!(status.success(), "{verb} {name}: {status}");
    }

    /// What a board has printed since its last reset.
    pub(crate) fn console(&self, name: &str) -> String {
        let log = self.path("boards").join(name).join("console.log");
        String::from_utf8_lossy(&std::fs::read(log).unwrap_or_default()).into_owned()
    }

    /// Waits until a board's console has this text so many times.
    pub(crate) fn until_console(&self, name: &str, text: &str, times: usize) {
        until(&format!("`{text}` on the console of {name}"), || {
            (self.console(name).matches(text).count() >= times).then_some(())
        });
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        for name in &self.boards {
            if std::thread::panicking() {
                let console = self.console(name);
                let tail: Vec<_> = console.lines().rev().take(25).collect();
                println!("--- the console of {name} ends:");
                tail.iter().rev().for_each(|line| println!("{line}"));
            }
            let _ = self.virtual_board().args(["stop", name]).status();
        }
    }
}

/// A script that belongs to the examples.
pub(crate) fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name)
}
