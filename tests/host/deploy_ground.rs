//! `piprov deploy` onto what the image is read from: nothing is written.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::disks::Disk;

/// A loop device over a file; goes with it.
struct Loop(String);

impl Loop {
    fn over(file: &Path) -> Self {
        let out = Command::new("losetup").args(["--find", "--show"]).arg(file).output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        Self(String::from_utf8(out.stdout).unwrap().trim().to_owned())
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        let _ = Command::new("losetup").args(["--detach", &self.0]).status();
    }
}

fn refused(disk: &Disk, image: &str, device: &str) {
    disk.run(&["deploy", image, "--device", device, "--confirm", device])
        .finds(2, "")
        .err
        .contains(&format!("{device} is what {image} is read from"))
        .then_some(())
        .unwrap_or_else(|| panic!("{image} onto {device}"));
    assert!(fs::read(disk.path("disk.img")).unwrap() == disk.raw, "{image} onto {device} changed the image");
}

#[test]
fn an_image_is_not_written_over_itself_under_any_name() {
    let disk = Disk::new();
    fs::hard_link(disk.path("disk.img"), disk.path("hard")).unwrap();
    std::os::unix::fs::symlink("disk.img", disk.path("soft")).unwrap();
    for other in ["disk.img", "hard", "soft"] {
        refused(&disk, "disk.img", other);
        refused(&disk, other, "disk.img");
    }
    // A copy is another file.
    fs::copy(disk.path("disk.img"), disk.path("copy")).unwrap();
    disk.run(&["deploy", "disk.img", "--device", "copy", "--confirm", "copy"]).ok();
    // The same disk twice, under two names.
    let twice = disk.run(&["deploy", "copy", "--device", "hard", "soft", "--confirm", "hard,soft"]);
    assert!(twice.finds(2, "").err.contains("a disk is named twice"));
    assert!(fs::read(disk.path("disk.img")).unwrap() == disk.raw);
}

#[test]
fn an_image_behind_a_loop_device_is_not_written_over_itself() {
    let disk = Disk::new();
    let (one, other) = (Loop::over(&disk.path("disk.img")), Loop::over(&disk.path("disk.img")));
    refused(&disk, "disk.img", &one.0);
    refused(&disk, &one.0, &one.0);
    refused(&disk, &one.0, &other.0);
    refused(&disk, &one.0, "disk.img");
}
