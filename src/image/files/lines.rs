//! The texts: which words in `cmdline.txt` and `fstab` name a partition, and what they become.

use std::collections::{BTreeMap, BTreeSet};

/// Knows the old and new names of the image's partitions.
pub(super) struct Names<'a> {
    /// The MBR's disk id; `None` on a GPT disk, where `PARTUUID=` does not count.
    disk_id: Option<u32>,
    numbers: &'a BTreeMap<u32, u32>,
    /// Disks on which the image will be, as the running system calls them.
    own_disks: BTreeSet<String>,
    /// What was left alone, each a sentence.
    pub(super) notes: Vec<String>,
}

impl<'a> Names<'a> {
    pub(super) fn new(disk_id: Option<u32>, numbers: &'a BTreeMap<u32, u32>) -> Self {
        // The card of a Pi is mmcblk0; a root= on another disk adds that one.
        Self { disk_id, numbers, own_disks: BTreeSet::from(["mmcblk0".to_owned()]), notes: Vec::new() }
    }

    /// The kernel's command line with every partition's new name; as long as before.
    pub(super) fn cmdline(&mut self, text: &[u8]) -> Vec<u8> {
        let mut new = text.to_vec();
        for word in words(text) {
            let Some(root) = text[word.clone()].strip_prefix(b"root=") else { continue };
            let Ok(spec) = std::str::from_utf8(root) else { continue };
            if let Some((disk, _)) = device(spec) {
                self.own_disks.insert(disk.to_owned());
            }
            self.replace(&mut new, word.start + 5, spec, "cmdline.txt");
        }
        new
    }

    /// The table of file systems with every partition's new name; as long as before.
    pub(super) fn fstab(&mut self, text: &[u8]) -> Vec<u8> {
        let mut new = text.to_vec();
        let mut at = 0;
        let mut specs = Vec::new();
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            let mut fields = words(line);
            if let Some(first) = fields.next().filter(|first| line[first.start] != b'#')
                && let Ok(spec) = std::str::from_utf8(&line[first.clone()])
            {
                if fields.next().is_some_and(|second| &line[second] == b"/")
                    && let Some((disk, _)) = device(spec)
                {
                    self.own_disks.insert(disk.to_owned());
                }
                specs.push((at + first.start, spec));
            }
            at += line.len();
        }
        for (at, spec) in specs {
            self.replace(&mut new, at, spec, "/etc/fstab");
        }
        new
    }

    /// Puts the new name of `spec`, which stands at `at`, into `text`.
    fn replace(&mut self, text: &mut [u8], at: usize, spec: &str, file: &str) {
        let Some(renamed) = self.renamed(spec, file) else { return };
        if renamed.len() == spec.len() {
            text[at..at + spec.len()].copy_from_slice(renamed.as_bytes());
        } else {
            self.notes.push(format!(
                "`{spec}` in {file} would become `{renamed}`, which is longer, and is left as it is."
            ));
        }
    }

    /// The new name, if this is the name of one of the image's partitions and changes.
    fn renamed(&mut self, spec: &str, file: &str) -> Option<String> {
        for prefix in ["PARTUUID=\"", "PARTUUID=", "/dev/disk/by-partuuid/"] {
            let Some(rest) = strip_prefix_ignoring_case(spec, prefix) else { continue };
            let (id, tail) = rest.split_at_checked(8)?;
            let (number, quote) = tail.strip_prefix('-')?.split_at_checked(2)?;
            let closed = if prefix.ends_with('"') { quote == "\"" } else { quote.is_empty() };
            // The kernel writes both in hexadecimal (block/partitions/msdos.c).
            let old = u32::from_str_radix(number, 16).ok()?;
            if !closed || Some(u32::from_str_radix(id, 16).ok()?) != self.disk_id {
                return None;
            }
            let new = self.numbers.get(&old).filter(|new| **new != old)?;
            return Some(format!("{}-{new:02x}{quote}", &spec[..prefix.len() + 8]));
        }
        let (disk, number) = device(spec)?;
        let new = self.numbers.get(&number).filter(|new| **new != number)?;
        if !self.own_disks.contains(disk) {
            self.notes
                .push(format!("`{spec}` in {file} is left as it is: the system's root is not on that disk."));
            return None;
        }
        Some(format!("{}{new}", spec.trim_end_matches(|c: char| c.is_ascii_digit())))
    }
}

/// Where the words are that white space separates.
fn words(text: &[u8]) -> impl Iterator<Item = std::ops::Range<usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + text[at..].iter().position(|byte| !byte.is_ascii_whitespace())?;
        at = start + text[start..].iter().take_while(|byte| !byte.is_ascii_whitespace()).count();
        Some(start..at)
    })
}

fn strip_prefix_ignoring_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// Disk and partition number of `/dev/mmcblk0p2`, `/dev/nvme0n1p2`, `/dev/sda2`; `None` for a whole disk.
fn device(spec: &str) -> Option<(&str, u32)> {
    let name = spec.strip_prefix("/dev/")?;
    let base = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let number = name[base.len()..].parse().ok()?;
    let disk = match base.strip_suffix('p') {
        // A disk whose name ends with a digit has a `p` before the number.
        Some(disk) if disk.ends_with(|c: char| c.is_ascii_digit()) => disk,
        _ if base.len() > 2 && base.is_char_boundary(2) && ["sd", "vd", "hd"].contains(&&base[..2]) => base,
        _ => return None,
    };
    Some((disk, number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn numbers() -> BTreeMap<u32, u32> {
        BTreeMap::from([(1, 2), (2, 3), (5, 5), (9, 10)])
    }

    fn cmdline(text: &str) -> (String, Vec<String>) {
        let numbers = numbers();
        let mut names = Names::new(Some(0x35c8_4628), &numbers);
        let new = names.cmdline(text.as_bytes());
        (String::from_utf8(new).unwrap(), names.notes)
    }

    #[test]
    fn root_follows_its_partition() {
        let cases = [
            (
                "console=tty1 root=PARTUUID=35c84628-02 rootwait\n",
                "console=tty1 root=PARTUUID=35c84628-03 rootwait\n",
            ),
            ("root=PARTUUID=35C84628-02", "root=PARTUUID=35C84628-03"),
            ("root=/dev/mmcblk0p2 ro", "root=/dev/mmcblk0p3 ro"),
            ("a\troot=/dev/sda1\r\n", "a\troot=/dev/sda2\r\n"),
            ("root=/dev/nvme0n1p2", "root=/dev/nvme0n1p3"),
            ("root=/dev/disk/by-partuuid/35c84628-01", "root=/dev/disk/by-partuuid/35c84628-02"),
        ];
        for (old, new) in cases {
            assert_eq!(cmdline(old), (new.to_owned(), vec![]), "{old}");
        }
    }

    #[test]
    fn what_names_no_partition_of_ours_stays() {
        for text in [
            "",
            "root=PARTUUID=35c84629-02",
            "root=PARTUUID=35c84628-05",
            "root=PARTUUID=35c84628-07",
            "root=PARTUUID=35c84628-02x",
            "root=PARTUUID=35c84628",
            "root=PARTUUID=363b0989-d4c6-4e61-9268-8d2c61e8c8b3",
            "root=LABEL=root2 fake.root=/dev/mmcblk0p2 xroot=/dev/mmcblk0p2",
            "root=/dev/mmcblk0 root=/dev/ram0 root=/dev/p2 root=/dev/sd2 root=/dev/mmcblk0p root=/dev/é2",
            "root=PARTUUID=éééééééé root=PARTUUID=35c84628-é",
        ] {
            assert_eq!(cmdline(text), (text.to_owned(), vec![]));
        }
    }

    #[test]
    fn a_name_that_would_grow_is_left_and_told() {
        let (text, notes) = cmdline("root=/dev/mmcblk0p9 x");
        assert_eq!(text, "root=/dev/mmcblk0p9 x");
        assert!(notes[0].contains("/dev/mmcblk0p10"), "{notes:?}");
    }

    #[test]
    fn the_first_field_of_each_line_of_fstab_follows() {
        let numbers = numbers();
        let mut names = Names::new(Some(0x35c8_4628), &numbers);
        let old = "proc /proc proc defaults 0 0\n\
                   PARTUUID=35c84628-01  /boot/firmware  vfat    defaults          0       2\n\
                   \tPARTUUID=\"35c84628-02\"  /  ext4 defaults,noatime 0 1\n\
                   # PARTUUID=35c84628-02 / ext4\n\
                   \n\
                   /dev/mmcblk0p1 /mnt vfat x=PARTUUID=35c84628-02 0 0\r\n\
                   /dev/sda2 /data ext4 defaults 0 0";
        let new = "proc /proc proc defaults 0 0\n\
                   PARTUUID=35c84628-02  /boot/firmware  vfat    defaults          0       2\n\
                   \tPARTUUID=\"35c84628-03\"  /  ext4 defaults,noatime 0 1\n\
                   # PARTUUID=35c84628-02 / ext4\n\
                   \n\
                   /dev/mmcblk0p2 /mnt vfat x=PARTUUID=35c84628-02 0 0\r\n\
                   /dev/sda2 /data ext4 defaults 0 0";
        assert_eq!(String::from_utf8(names.fstab(old.as_bytes())).unwrap(), new);
        assert!(names.notes.len() == 1 && names.notes[0].contains("/dev/sda2"), "{:?}", names.notes);
    }

    #[test]
    fn a_root_on_another_disk_makes_that_disk_ours() {
        let numbers = numbers();
        let mut names = Names::new(None, &numbers);
        names.cmdline(b"root=/dev/sda2");
        assert_eq!(names.fstab(b"/dev/sda1 /boot vfat"), b"/dev/sda2 /boot vfat");
        let mut names = Names::new(None, &numbers);
        assert_eq!(
            names.fstab(b"/dev/sdb1 /boot vfat\n/dev/sdb2 / ext4"),
            b"/dev/sdb2 /boot vfat\n/dev/sdb3 / ext4"
        );
        // On a GPT disk a PARTUUID moves with its partition.
        assert_eq!(names.fstab(b"PARTUUID=35c84628-02 / ext4"), b"PARTUUID=35c84628-02 / ext4");
    }

    proptest! {
        #[test]
        fn no_text_panics_or_changes_its_length(text in proptest::collection::vec(any::<u8>(), 0..200)) {
            let numbers = numbers();
            let mut names = Names::new(Some(1), &numbers);
            prop_assert_eq!(names.cmdline(&text).len(), text.len());
            prop_assert_eq!(names.fstab(&text).len(), text.len());
        }

        #[test]
        fn no_spec_panics(spec in "(root=)?(PARTUUID=|/dev/)[-a-z0-9é\"]{0,14}") {
            cmdline(&spec);
        }
    }
}
