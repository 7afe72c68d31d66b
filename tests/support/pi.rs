//! A virtual Raspberry Pi 3: Debian's own U-Boot for it on QEMU's raspi3b, with an SD card and a USB stick. It has no
//! network that this U-Boot knows, so the stick holds what a server would send.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use super::{PATIENCE, debian, need, shell};

/// A Pi that is switched on.
pub(crate) struct Pi {
    qemu: Child,
    log: PathBuf,
}

impl Pi {
    /// Switches it on with the U-Boot of this payload. `arguments` are what a real one's firmware would give the kernel;
    /// its console goes to `log`.
    pub(crate) fn boot(payload: &Path, card: &Path, stick: &Path, arguments: &str, log: &Path) -> Self {
        Self::boot_with(&Self::tree(), payload, card, stick, arguments, log)
    }

    /// Debian's device tree of a Pi 3.
    pub(crate) fn tree() -> PathBuf {
        debian::file("linux-image-arm64", "usr/lib/linux-image-*/broadcom/bcm2837-rpi-3-b.dtb")
    }

    /// As [`Self::boot`]. The firmware hands U-Boot a device tree; here QEMU does: this one.
    pub(crate) fn boot_with(
        tree: &Path,
        payload: &Path,
        card: &Path,
        stick: &Path,
        arguments: &str,
        log: &Path,
    ) -> Self {
        need("qemu-system-aarch64", "qemu-system-arm");
        let drive = |path: &Path| format!("file={},format=raw", path.display());
        let qemu = Command::new("qemu-system-aarch64")
            .args([
                "-M",
                "raspi3b",
                "-accel",
                "tcg,thread=single",
                "-display",
                "none",
                "-monitor",
                "none",
                "-no-reboot",
            ])
            .args(["-serial", "null", "-serial", &format!("file:{}", log.display())])
            .arg("-kernel")
            .arg(payload.join("u-boot.bin"))
            .arg("-dtb")
            .arg(tree)
            .args(["-append", arguments])
            .args(["-drive", &format!("{},if=sd,cache=unsafe", drive(card))])
            .args(["-device", "usb-storage,drive=stick"])
            .args(["-drive", &format!("{},if=none,id=stick,cache=unsafe", drive(stick))])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(log.with_extension("qemu")).unwrap())
            .spawn()
            .unwrap();
        Self { qemu, log: log.to_owned() }
    }

    /// What it has printed.
    pub(crate) fn console(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Waits until it has reset itself, and gives its console.
    pub(crate) fn until_reset(mut self) -> String {
        let deadline = Instant::now() + 2 * PATIENCE;
        while self.qemu.try_wait().unwrap().is_none() {
            assert!(Instant::now() < deadline, "it doesn't end: {}", self.console());
            std::thread::park_timeout(std::time::Duration::from_millis(50));
        }
        self.console()
    }

    /// Waits until it has printed this, and switches it off.
    pub(crate) fn until(self, text: &str) -> String {
        super::until(&format!("`{text}` on the Pi's console"), || {
            self.console().contains(text).then(|| self.console())
        })
    }
}

impl Drop for Pi {
    fn drop(&mut self) {
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
        if std::thread::panicking() {
            println!("--- the Pi's console:\n{}", self.console());
        }
    }
}

/// A USB stick of `mib` with a directory in it.
pub(crate) fn stick(path: &Path, mib: usize, directory: &Path) {
    need("mformat", "mtools");
    let blocks = (mib - 1) * 2048;
    shell(&format!(
        "set -e; rm -f {stick}; truncate -s {mib}M {stick}
         printf 'label: dos\\nstart=2048,size={blocks},type=c\\n' | sfdisk -q {stick}
         mformat -i {stick}@@1M -T {blocks} -h 64 -s 32 ::
         mcopy -s -Q -i {stick}@@1M {directory} ::",
        stick = path.display(),
        directory = directory.display(),
    ));
}
