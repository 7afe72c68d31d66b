//! What a file or a device lies on, so that nothing is written over what it is read from.

use std::collections::BTreeSet;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use super::facts::text;

/// Devices lie on devices, but not without end.
const DEEPEST: usize = 16;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Thing {
    /// A file, by its file system and number.
    File(u64, u64),
    /// A block device, as `8:16`.
    Device(String),
}

/// A file or a block device with what lies beneath it: the file behind a loop device, the disks of a mapped one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ground {
    /// The same bytes, or some of them, under other names.
    itself: BTreeSet<Thing>,
    /// Whole disks of which it is a part.
    part_of: BTreeSet<Thing>,
}

impl Ground {
    /// That of what is at this path now.
    ///
    /// # Errors
    /// Where it can't be looked at.
    pub fn of(path: &Path) -> io::Result<Self> {
        let mut ground = Self::default();
        ground.add(path, Path::new("/sys/dev/block"), DEEPEST)?;
        Ok(ground)
    }

    /// Whether what is written to one of the two may change the other.
    #[must_use]
    pub fn meets(&self, other: &Self) -> bool {
        let share = |one: &BTreeSet<Thing>, other: &BTreeSet<Thing>| !one.is_disjoint(other);
        share(&self.itself, &other.itself)
            || share(&self.itself, &other.part_of)
            || share(&self.part_of, &other.itself)
    }

    fn add(&mut self, path: &Path, sys: &Path, deeper: usize) -> io::Result<()> {
        let found = std::fs::metadata(path)?;
        if found.file_type().is_block_device() {
            let (major, minor) = (rustix::fs::major(found.rdev()), rustix::fs::minor(found.rdev()));
            self.add_device(&format!("{major}:{minor}"), sys, deeper);
        } else {
            self.itself.insert(Thing::File(found.dev(), found.ino()));
        }
        Ok(())
    }

    fn add_device(&mut self, number: &str, sys: &Path, deeper: usize) {
        if !self.itself.insert(Thing::Device(number.to_owned())) || deeper == 0 {
            return;
        }
        let dir = sys.join(number);
        let mut beneath = vec![dir.clone()];
        // The directory of a partition stands in that of its disk.
        if dir.join("partition").exists()
            && let Some(disk) = dir.canonicalize().ok().as_deref().and_then(Path::parent)
        {
            self.part_of.extend(text(&disk.join("dev")).map(Thing::Device));
            beneath.push(disk.to_owned());
        }
        for dir in beneath {
            if let Some(file) = text(&dir.join("loop/backing_file")) {
                // A file that is gone, or another root's, has no name here, and nobody can name it as the other one.
                let _ = self.add(Path::new(&file), sys, deeper - 1);
            }
            for slave in std::fs::read_dir(dir.join("slaves")).into_iter().flatten().flatten() {
                if let Some(number) = text(&slave.path().join("dev")) {
                    self.add_device(&number, sys, deeper - 1);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    /// A disk 8:0 with the partition 8:1, a loop device 7:0 over a file, 7:1 over 8:1's own device, 253:0 mapped onto 8:1.
    fn sys(file: &Path) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let make = |place: &str, text: &str| {
            let path = dir.path().join(place);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        make("devices/sda/dev", "8:0\n");
        make("devices/sda/sda1/dev", "8:1\n");
        make("devices/sda/sda1/partition", "1\n");
        make("devices/loop0/loop/backing_file", &format!("{}\n", file.display()));
        make("devices/dm-0/slaves/sda1/dev", "8:1\n");
        make("block/x", "");
        for (number, name) in [("8:0", "sda"), ("8:1", "sda/sda1"), ("7:0", "loop0"), ("253:0", "dm-0")] {
            symlink(dir.path().join("devices").join(name), dir.path().join("block").join(number)).unwrap();
        }
        dir
    }

    #[test]
    fn what_lies_on_the_same_is_seen() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let sys = sys(file.path());
        let device = |number: &str| {
            let mut ground = Ground::default();
            ground.add_device(number, &sys.path().join("block"), DEEPEST);
            ground
        };
        let of_file = Ground::of(file.path()).unwrap();
        let other = tempfile::NamedTempFile::new().unwrap();
        let link = sys.path().join("link");
        fs::hard_link(other.path(), &link).unwrap();
        assert!(Ground::of(&link).unwrap().meets(&Ground::of(other.path()).unwrap()));
        for (one, other, meet) in [
            (&of_file, &of_file, true),
            (&of_file, &device("7:0"), true),
            (&of_file, &Ground::of(other.path()).unwrap(), false),
            (&of_file, &device("8:0"), false),
            (&device("8:0"), &device("8:1"), true),
            (&device("8:0"), &device("253:0"), true),
            (&device("8:1"), &device("253:0"), true),
            (&device("7:0"), &device("8:0"), false),
            // Two partitions of one disk are two things.
            (&device("8:1"), &device("8:2"), false),
        ] {
            assert_eq!((one.meets(other), other.meets(one)), (meet, meet), "{one:?} {other:?}");
        }
    }
}
