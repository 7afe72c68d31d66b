//! An image as Raspberry Pi OS Bookworm has it: of a system that reads first-boot settings.

use std::path::Path;
use std::process::Command;

/// Runs a script in a directory; what it printed.
pub(crate) fn shell(script: &str, dir: &Path) -> String {
    let script = format!("set -e; export MTOOLS_SKIP_CHECK=1 PATH=$PATH:/usr/sbin:/sbin; {script}");
    let done = Command::new("bash").arg("-c").arg(&script).current_dir(dir).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

/// `os.img` and `os.img.xz` in a directory, and two empty disks.
pub(crate) fn make_system(dir: &Path) {
    shell(
        r#"truncate -s 26M os.img; printf 'label: dos\nlabel-id: 0x8a3b01c7\nstart=2048,size=16384,type=c\nstart=18432,size=32768,type=83\n' | sfdisk -q os.img
           mkfs.vfat -C boot 8192 >/dev/null; echo 'console=tty1 root=PARTUUID=8a3b01c7-02 rootwait' >cmdline.txt; mcopy -i boot cmdline.txt ::
           mkdir -p root/etc root/usr/lib/raspberrypi-sys-mods; : >root/usr/lib/raspberrypi-sys-mods/imager_custom
           printf 'root:*:20000:0:99999:7:::\n' >root/etc/shadow
           printf 'PARTUUID=8a3b01c7-01 /boot/firmware vfat defaults 0 2\n' >root/etc/fstab
           mkfs.ext4 -q -d root part 16M
           dd if=boot of=os.img bs=1M seek=1 conv=notrunc status=none; dd if=part of=os.img bs=1M seek=9 conv=notrunc status=none
           xz -k0 os.img; truncate -s 30M one two"#,
        dir,
    );
}
