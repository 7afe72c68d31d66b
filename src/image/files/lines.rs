//! The texts: which words in `cmdline.txt`, `fstab` and the like name a partition, and what they become.

use std::collections::{BTreeMap, BTreeSet};

/// Words of the kernel's command line that name a partition: `root` and `resume` are the kernel's and initramfs-tools', `boot`
/// and `disk` LibreELEC's, `tce` piCore's, `bootdev` and `datadev` those of other small systems, `device` RAUC's
/// (system.conf).
const KEYS: [&str; 11] =
    ["root", "resume", "boot", "disk", "tce", "bootdev", "datadev", "home", "opt", "rootdev", "device"];

/// Knows the old and new names of the image's partitions.
pub(super) struct Names<'a> {
    /// The MBR's disk id; `None` on a GPT disk, where `PARTUUID=` does not count.
    disk_id: Option<u32>,
    numbers: &'a BTreeMap<u32, u32>,
    /// What a GPT's partitions are called by `PARTUUID=`.
    guids: Vec<String>,
    /// Disks on which the image will be, as the running system calls them.
    own_disks: BTreeSet<String>,
    /// What was left alone, each a sentence.
    pub(super) notes: Vec<String>,
}

impl<'a> Names<'a> {
    pub(super) fn new(disk_id: Option<u32>, numbers: &'a BTreeMap<u32, u32>) -> Self {
        // The card of a Pi is mmcblk0; a root= on another disk adds that one.
        let own_disks = BTreeSet::from(["mmcblk0".to_owned()]);
        Self { disk_id, numbers, guids: Vec::new(), own_disks, notes: Vec::new() }
    }

    /// As [`Self::new`], for a disk whose partitions have these GUIDs.
    pub(super) fn with_guids(self, guids: Vec<String>) -> Self {
        Self { guids, ..self }
    }

    /// The kernel's command line with every partition's new name; as long as before.
    pub(super) fn cmdline(&mut self, text: &[u8]) -> Vec<u8> {
        self.words("cmdline.txt", text)
    }

    /// A text with words as on the kernel's command line: `root=…`, with every partition's new name; as long as before.
    pub(super) fn words(&mut self, file: &str, text: &[u8]) -> Vec<u8> {
        let mut new = text.to_vec();
        for line in lines(text) {
            let mut in_line = words(&text[line.clone()]).peekable();
            if in_line.peek().is_some_and(|first| text[line.start + first.start] == b'#') {
                continue;
            }
            for word in in_line {
                let word = line.start + word.start..line.start + word.end;
                let Ok(whole) = std::str::from_utf8(&text[word.clone()]) else { continue };
                let Some((key, value)) = whole.split_once('=') else { continue };
                let at = word.start + key.len() + 1;
                // `root="PARTUUID=…"`
                let (at, spec) = match value.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')) {
                    Some(inner) => (at + 1, inner),
                    None => (at, value),
                };
                if KEYS.contains(&key) {
                    if key == "root"
                        && let Some((disk, _)) = device(spec)
                    {
                        self.own_disks.insert(disk.to_owned());
                    }
                    self.replace(&mut new, at, spec, file);
                } else if self.renamed(spec, file, false).is_some() {
                    self.notes.push(format!(
                        "`{whole}` in {file} is left as it is, and that partition gets another number."
                    ));
                }
            }
        }
        new
    }

    /// An `autoboot.txt` with the new number of each `boot_partition`; as long as before.
    pub(super) fn autoboot(&mut self, text: &[u8]) -> Vec<u8> {
        let mut new = text.to_vec();
        for line in lines(text) {
            let Ok(whole) = std::str::from_utf8(&text[line.clone()]) else { continue };
            let Some((key, value)) = whole.split_once('=') else { continue };
            let number = value.trim();
            if key.trim() != "boot_partition" {
                continue;
            }
            let Some(to) =
                number.parse().ok().and_then(|old: u32| self.numbers.get(&old).filter(|to| **to != old))
            else {
                continue;
            };
            let to = to.to_string();
            if to.len() == number.len() {
                let at = line.start + key.len() + 1 + (value.len() - value.trim_start().len());
                new[at..at + to.len()].copy_from_slice(to.as_bytes());
            } else {
                self.notes.push(format!(
                    "`{}` in autoboot.txt would become {to}, which is longer, and is left as it is.",
                    whole.trim()
                ));
            }
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
        let Some(renamed) = self.renamed(spec, file, true) else { return };
        if renamed.len() == spec.len() {
            text[at..at + spec.len()].copy_from_slice(renamed.as_bytes());
        } else {
            self.notes.push(format!(
                "`{spec}` in {file} would become `{renamed}`, which is longer, and is left as it is."
            ));
        }
    }

    /// The new name, if this is the name of one of the image's partitions and changes. `tell`: what names no partition of the
    /// image's is noted.
    fn renamed(&mut self, spec: &str, file: &str, tell: bool) -> Option<String> {
        for prefix in ["PARTUUID=\"", "PARTUUID=", "/dev/disk/by-partuuid/"] {
            let Some(rest) = strip_prefix_ignoring_case(spec, prefix) else { continue };
            let (name, quote) = match prefix.ends_with('"') {
                true => (rest.strip_suffix('"')?, "\""),
                false => (rest, ""),
            };
            // The kernel writes both in hexadecimal (block/partitions/msdos.c).
            let parts = name.split_once('-').filter(|(id, number)| id.len() == 8 && number.len() == 2);
            let parts = parts.and_then(|(id, number)| {
                Some((id, u32::from_str_radix(id, 16).ok()?, u32::from_str_radix(number, 16).ok()?))
            });
            let Some((text, id, old)) = parts else {
                if tell && name.len() == 36 && !self.guids.iter().any(|guid| guid.eq_ignore_ascii_case(name))
                {
                    self.notes
                        .push(format!("`{spec}` in {file} names a partition that this image doesn't have."));
                }
                return None;
            };
            if Some(id) != self.disk_id {
                if tell {
                    self.notes.push(match self.disk_id {
                        Some(own) => format!("`{spec}` in {file} names a partition of another disk: this image's id is {own:08x}."),
                        None => format!("`{spec}` in {file} names a partition of another disk: this image has a GPT."),
                    });
                }
                return None;
            }
            let Some(new) = self.numbers.get(&old) else {
                if tell {
                    self.notes.push(format!(
                        "`{spec}` in {file} names partition {old}, which this image doesn't have."
                    ));
                }
                return None;
            };
            return (*new != old).then(|| format!("{}{text}-{new:02x}{quote}", &spec[..prefix.len()]));
        }
        let (disk, number) = device(spec)?;
        let new = self.numbers.get(&number).filter(|new| **new != number)?;
        if !self.own_disks.contains(disk) {
            if tell {
                self.notes.push(format!(
                    "`{spec}` in {file} is left as it is: the system's root is not on that disk."
                ));
            }
            return None;
        }
        // piCore names a directory behind the partition.
        let (partition, behind) = match spec.strip_prefix("/dev/") {
            Some(_) => (spec, ""),
            None => spec.split_at(spec.find('/').unwrap_or(spec.len())),
        };
        Some(format!("{}{new}{behind}", partition.trim_end_matches(|c: char| c.is_ascii_digit())))
    }
}

/// Where the lines are, without their ends.
fn lines(text: &[u8]) -> impl Iterator<Item = std::ops::Range<usize>> {
    let mut at = 0;
    text.split(|byte| *byte == b'\n').map(move |line| {
        let start = at;
        at += line.len() + 1;
        start..start + line.len()
    })
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

/// Disk and partition number of `/dev/mmcblk0p2`, `/dev/nvme0n1p2`, `/dev/sda2`, and of `mmcblk0p2` and `sda1/directory`, as some
/// systems write it; `None` for a whole disk.
fn device(spec: &str) -> Option<(&str, u32)> {
    let name = match spec.strip_prefix("/dev/") {
        Some(name) => name,
        None => spec.split('/').next().filter(|name| name.starts_with("mmcblk") || name.starts_with("sd"))?,
    };
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
    fn other_words_follow_too() {
        for (old, new) in [
            // initramfs-tools, LibreELEC, piCore, and quotes.
            (
                "root=PARTUUID=35c84628-02 resume=PARTUUID=35c84628-02",
                "root=PARTUUID=35c84628-03 resume=PARTUUID=35c84628-03",
            ),
            (
                "boot=/dev/mmcblk0p1 disk=/dev/mmcblk0p2 quiet",
                "boot=/dev/mmcblk0p2 disk=/dev/mmcblk0p3 quiet",
            ),
            ("tce=mmcblk0p2 x", "tce=mmcblk0p3 x"),
            ("tce=mmcblk0p2/tce", "tce=mmcblk0p3/tce"),
            ("bootdev=mmcblk0p1 datadev=mmcblk0p2", "bootdev=mmcblk0p2 datadev=mmcblk0p3"),
            ("root=\"PARTUUID=35c84628-02\" ro", "root=\"PARTUUID=35c84628-03\" ro"),
            ("root=\"/dev/mmcblk0p2\"", "root=\"/dev/mmcblk0p3\""),
            ("boot=LABEL=LIBREELEC disk=LABEL=STORAGE", "boot=LABEL=LIBREELEC disk=LABEL=STORAGE"),
        ] {
            assert_eq!(cmdline(old), (new.to_owned(), vec![]), "{old}");
        }
    }

    #[test]
    fn a_word_that_leads_astray_is_told_with_its_file() {
        for (text, told) in [
            ("root=PARTUUID=35c84629-02", "of another disk: this image's id is 35c84628"),
            ("root=PARTUUID=35c84628-07", "names partition 7, which this image doesn't have"),
            ("root=PARTUUID=363b0989-d4c6-4e61-9268-8d2c61e8c8b3", "that this image doesn't have"),
            (
                "root=LABEL=x fake.root=/dev/mmcblk0p2",
                "`fake.root=/dev/mmcblk0p2` in cmdline.txt is left as it is",
            ),
        ] {
            let (new, notes) = cmdline(text);
            assert_eq!(new, text);
            assert!(
                notes.len() == 1 && notes[0].contains(told) && notes[0].contains("cmdline.txt"),
                "{notes:?}"
            );
        }
        let numbers = numbers();
        let mut names =
            Names::new(None, &numbers).with_guids(vec!["363b0989-d4c6-4e61-9268-8d2c61e8c8b3".to_owned()]);
        names.cmdline(b"root=PARTUUID=363B0989-d4c6-4e61-9268-8d2c61e8c8b3");
        assert!(names.notes.is_empty(), "{:?}", names.notes);
        names.cmdline(b"root=PARTUUID=35c84628-02");
        assert!(names.notes[0].contains("this image has a GPT"), "{:?}", names.notes);
    }

    #[test]
    fn files_of_other_systems_follow() {
        let numbers = numbers();
        let mut names = Names::new(Some(0x35c8_4628), &numbers);
        let rauc = "[slot.rootfs.0]\n# device=/dev/mmcblk0p2\ndevice=/dev/mmcblk0p2\ntype=ext4\n";
        let new = "[slot.rootfs.0]\n# device=/dev/mmcblk0p2\ndevice=/dev/mmcblk0p3\ntype=ext4\n";
        assert_eq!(names.words("/etc/rauc/system.conf", rauc.as_bytes()), new.as_bytes());
        let extlinux = "label a\n  append root=/dev/mmcblk0p2 console=tty1\n";
        assert_eq!(
            names.words("extlinux.conf", extlinux.as_bytes()),
            extlinux.replace("0p2", "0p3").as_bytes()
        );
        let autoboot = "[all]\ntryboot_a_b=1\nboot_partition=2\r\n[tryboot]\nboot_partition = 1\n";
        let new = "[all]\ntryboot_a_b=1\nboot_partition=3\r\n[tryboot]\nboot_partition = 2\n";
        assert_eq!(names.autoboot(autoboot.as_bytes()), new.as_bytes());
        assert!(names.notes.is_empty(), "{:?}", names.notes);
    }

    #[test]
    fn what_names_no_partition_of_ours_stays() {
        for text in [
            "",
            "root=PARTUUID=35c84628-05",
            "root=PARTUUID=35c84628-02x",
            "root=PARTUUID=35c84628",
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
            prop_assert_eq!(names.autoboot(&text).len(), text.len());
        }

        #[test]
        fn no_spec_panics(spec in "(root=|tce=|x=)?\"?(PARTUUID=|/dev/|mmcblk0p|sd)[-a-z0-9é\"]{0,14}") {
            cmdline(&spec);
        }
    }
}
