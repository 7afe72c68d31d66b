//! A small image as Raspberry Pi OS has it, with names that bite.

use std::process::Command;
use std::sync::LazyLock;

/// 26 MiB: a FAT partition with what a CM4 looks for, and an ext4 one.
pub(crate) static IMAGE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    let script = r#"set -e; export MTOOLS_SKIP_CHECK=1 PATH=$PATH:/usr/sbin:/sbin
        truncate -s 26M disk; printf 'label: dos\nlabel-id: 0x8a3b01c7\nstart=2048,size=16384,type=c\nstart=18432,size=32768,type=83\n' | sfdisk -q disk
        mkfs.vfat -C -n BOOTFS boot 8192 >/dev/null
        for name in start4.elf kernel8.img bcm2711-rpi-cm4.dtb; do echo x > $name; mcopy -i boot $name ::; done
        echo arm_64bit=1 > config.txt; mcopy -i boot config.txt ::
        mkdir -p root/etc root/many; printf 'PRETTY_NAME="<b>Debian</b> 13"\n' > root/etc/os-release
        for n in $(seq 450); do : > root/many/f$n; done
        echo secret > 'root/<img src=x onerror=alert(1)>'; printf x > "$(printf 'root/a\nb\033[2J')"; printf x > "$(printf 'root/\377\376')"
        ln -s /etc/shadow root/etc/link; head -c 3000000 /dev/urandom > root/noise
        mkfs.ext4 -q -L rootfs -d root part 16M
        dd if=boot of=disk bs=1M seek=1 conv=notrunc status=none; dd if=part of=disk bs=1M seek=9 conv=notrunc status=none"#;
    let done = Command::new("bash").arg("-c").arg(script).current_dir(dir.path()).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    std::fs::read(dir.path().join("disk")).unwrap()
});
