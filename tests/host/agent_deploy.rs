//! `piprov deploy`: images onto loop devices and files.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::program::piprov;

/// A loop device over a file.
struct Loop(String);

impl Loop {
    fn new(file: &Path, more: &[&str]) -> Self {
        let out = Command::new("losetup").args(["-f", "--show"]).args(more).arg(file).output().unwrap();
        assert!(out.status.success(), "losetup: {}", String::from_utf8_lossy(&out.stderr));
        Self(String::from_utf8(out.stdout).unwrap().trim().to_owned())
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        let _ = Command::new("losetup").args(["-d", &self.0]).status();
    }
}

/// An image that no file system reader needs to understand, and a folder for disks.
fn image(dir: &Path) -> (PathBuf, Vec<u8>) {
    let bytes: Vec<u8> =
        (0..9_u64 << 20).map(|n| if n / 300_000 % 2 == 0 { 0 } else { (n.wrapping_mul(0x9e37_79b9) >> 9) as u8 }).collect();
    let path = dir.join("os.img");
    std::fs::write(&path, &bytes).unwrap();
    (path, bytes)
}

fn disk(dir: &Path, name: &str, mib: usize) -> PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, vec![0xee; mib << 20]).unwrap();
    path
}

fn deploy(dir: &Path, image: &Path, devices: &[&str]) -> Output {
    let mut command = piprov();
    command.env("PIPROV_STATE_DIR", dir.join("state")).arg("deploy").arg(image).arg("--device").args(devices);
    command.args(["--confirm", &devices.join(",")]);
    command.output().unwrap()
}

#[test]
fn several_disks_get_the_image_and_their_records_say_so() {
    let dir = tempfile::tempdir_in("/var/tmp").unwrap();
    let (image, bytes) = image(dir.path());
    let (one, other) = (disk(dir.path(), "one", 10), disk(dir.path(), "other", 12));
    let device = Loop::new(&one, &[]);
    let out = deploy(dir.path(), &image, &[&device.0, other.to_str().unwrap()]);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    assert!(String::from_utf8_lossy(&out.stdout).contains("read back and equal"));
    for path in [&one, &other] {
        assert!(std::fs::read(path).unwrap()[..bytes.len()] == bytes);
    }
    assert_eq!(std::fs::read_dir(dir.path().join("state/runs")).unwrap().count(), 2);
}

#[test]
fn a_disk_that_is_in_use_read_only_or_too_small_is_named_and_left_alone() {
    let dir = tempfile::tempdir_in("/var/tmp").unwrap();
    let (image, _) = image(dir.path());
    let (good, small) = (disk(dir.path(), "good", 10), disk(dir.path(), "small", 8));
    let locked = Loop::new(&disk(dir.path(), "locked", 10), &["-r"]);
    let used = Loop::new(&disk(dir.path(), "used", 10), &[]);
    let ext4 = Command::new("mkfs.ext4").args(["-q", "-F", &used.0]).status().unwrap();
    assert!(ext4.success());
    let place = dir.path().join("mounted");
    std::fs::create_dir(&place).unwrap();
    assert!(Command::new("mount").arg(&used.0).arg(&place).status().unwrap().success());
    let good = good.to_str().unwrap();
    for (device, word, code) in [
        (small.to_str().unwrap(), "the image needs", 65),
        (&locked.0, "is read-only", 77),
        (&used.0, "is mounted on", 75),
    ] {
        let out = deploy(dir.path(), &image, &[good, device]);
        let told = String::from_utf8_lossy(&out.stderr).into_owned();
        assert_eq!(out.status.code(), Some(code), "{told}");
        assert!(told.contains(word) && told.contains(device), "{told}");
    }
    assert!(Command::new("umount").arg(&place).status().unwrap().success());
    // The good one in front of it wasn't touched either.
    assert!(std::fs::read(good).unwrap().iter().all(|byte| *byte == 0xee));
}
