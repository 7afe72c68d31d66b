//! The texts: which words in `cmdline.txt`, `fstab` and the like name a partition, and what they become.

mod inside;

use std::collections::BTreeSet;
use std::ops::Range;

use super::NewNames;
use super::disk::{Disk, MISSPELT, Meant, misspelt, offset};
use crate::format::brief;
pub(super) use inside::link;
use inside::{By, Inside};

/// Words of the kernel's command line that name a partition: `root` and `resume` are the kernel's and initramfs-tools', `boot`
/// and `disk` LibreELEC's, `tce` piCore's, `bootdev` and `datadev` those of other small systems, `device` RAUC's
/// (system.conf).
const KEYS: [&str; 11] =
    ["root", "resume", "boot", "disk", "tce", "bootdev", "datadev", "home", "opt", "rootdev", "device"];

/// Of these a kernel takes the number of a device, too: `179:2`, `b302`.
const BY_NUMBER: [&str; 2] = ["root", "resume"];
/// Characters of a word that are told.
const WORD: usize = 120;
/// Notes that are made; a file may name partitions in each of its words.
const NOTES: usize = 60;
/// What is said of a device whose place has become another partition's.
const MOVES: &str = "is left as it is, and that partition gets another number";
/// The table of encrypted partitions.
pub(super) const CRYPTTAB: &str = "/etc/crypttab";

/// Knows the old and new names of the image's partitions.
pub(super) struct Names<'a> {
    /// The MBR's disk id; `None` on a GPT disk, where `PARTUUID=` does not count.
    disk_id: Option<u32>,
    new: &'a NewNames,
    /// What else there is that a word may name.
    disk: Option<&'a Disk>,
    /// What a GPT's partitions are called by `PARTUUID=`.
    guids: Vec<String>,
    /// Disks on which the image will be, as the running system calls them.
    own_disks: BTreeSet<String>,
    /// What was left alone, each a sentence.
    pub(super) notes: Vec<String>,
}

impl<'a> Names<'a> {
    pub(super) fn new(disk_id: Option<u32>, new: &'a NewNames) -> Self {
        // The card of a Pi is mmcblk0; a root= on another disk adds that one.
        let own_disks = BTreeSet::from(["mmcblk0".to_owned()]);
        Self { disk_id, new, disk: None, guids: Vec::new(), own_disks, notes: Vec::new() }
    }

    /// As [`Self::new`], for a disk whose file systems have names that are known.
    pub(super) fn with_disk(self, disk: &'a Disk) -> Self {
        Self { disk: Some(disk), ..self }
    }

    /// As [`Self::new`], for a disk whose partitions have these GUIDs.
    pub(super) fn with_guids(self, guids: Vec<String>) -> Self {
        Self { guids, ..self }
    }

    /// The kernel's command line with every partition's new name; as long as before.
    pub(super) fn cmdline(&mut self, text: &[u8]) -> Vec<u8> {
        self.words("cmdline.txt", text)
    }

    /// Looks on which disks the system's root is, by the words of a kernel's command line. What names a partition of such a disk
    /// follows, in whichever word or file it stands: so all files are looked at before one changes.
    pub(super) fn roots_in_words(&mut self, text: &[u8]) {
        for line in lines(text).map(|line| &text[line]) {
            for spec in
                words(line).filter_map(|word| std::str::from_utf8(&line[word]).ok()?.strip_prefix("root="))
            {
                self.owns(spec.trim_matches('"'));
            }
        }
    }

    /// The same by the file system that a fstab has at `/`.
    pub(super) fn roots_in_fstab(&mut self, text: &[u8]) {
        for line in lines(text).map(|line| &text[line]) {
            let mut fields = words(line).filter_map(|field| std::str::from_utf8(&line[field]).ok());
            if let (Some(spec), Some("/")) = (fields.next(), fields.next()) {
                self.owns(spec);
            }
        }
    }

    fn owns(&mut self, spec: &str) {
        if let Some((disk, _)) = device(spec) {
            self.own_disks.insert(disk.to_owned());
        }
    }

    /// A text with words as on the kernel's command line: `root=…`, with every partition's new name; as long as before.
    pub(super) fn words(&mut self, file: &str, text: &[u8]) -> Vec<u8> {
        self.roots_in_words(text);
        let mut new = text.to_vec();
        for line in lines(text) {
            let mut in_line = words(&text[line.clone()]).peekable();
            if in_line.peek().is_some_and(|first| text[line.start + first.start] == b'#') {
                continue;
            }
            for word in in_line {
                let word = line.start + word.start..line.start + word.end;
                let Ok(whole) = std::str::from_utf8(&text[word.clone()]) else { continue };
                if !self.value(&mut new, word.start, whole, file) {
                    self.within(&mut new, word, whole, file);
                }
            }
        }
        new
    }

    /// A word whose value is a partition's name by its key. Whether it was one, or something is told of it.
    fn value(&mut self, text: &mut [u8], at: usize, whole: &str, file: &str) -> bool {
        let Some((key, value)) = whole.split_once('=') else { return false };
        let at = at + key.len() + 1;
        // `root="PARTUUID=…"`
        let (quote, spec) = match value.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')) {
            Some(inner) => ("\"", inner),
            None => ("", value),
        };
        if BY_NUMBER.contains(&key)
            && let Some(minor) = device_number(spec)
        {
            let renamed = self.renumbered(spec, minor, file);
            self.replace(text, at, (spec, quote), renamed, file);
            return true;
        }
        if !KEYS.contains(&key) {
            return false;
        }
        let before = self.notes.len();
        let renamed = self.renamed(spec, file, Tell::All);
        let known = renamed.is_some() || self.notes.len() > before || is_name(spec);
        self.replace(text, at, (spec, quote), renamed, file);
        known
    }

    /// A word that names partitions anywhere in it. They follow where it is sure where their names end, and are told elsewhere.
    fn within(&mut self, text: &mut [u8], at: Range<usize>, whole: &str, file: &str) {
        let (mut new, mut from) = (String::new(), 0);
        for found in inside::partitions(whole, self.disk_id, &self.own_disks) {
            match self.now(whole, &found) {
                Now::Same => {}
                Now::Renamed(name) if found.plain => {
                    new.push_str(&whole[from..found.at.start]);
                    new.push_str(&name);
                    from = found.at.end;
                }
                Now::Missing | Now::Renamed(_) | Now::Unknown => self.left(whole, file, &found),
            }
        }
        if from == 0 {
            return;
        }
        new.push_str(&whole[from..]);
        self.replace(text, at.start, (whole, ""), Some(new), file);
    }

    /// Notes what in a text, of which nothing is changed, names partitions that get other numbers: one note a line.
    pub(super) fn told(&mut self, file: &str, text: &[u8]) {
        for line in lines(text) {
            let line = String::from_utf8_lossy(&text[line]);
            let line = line.trim();
            if !line.starts_with(['#', ';']) {
                self.told_word(file, line);
            }
        }
    }

    fn told_word(&mut self, file: &str, word: &str) {
        let found = inside::partitions(word, self.disk_id, &self.own_disks);
        if let Some(found) = found.iter().find(|found| self.now(word, found) != Now::Same) {
            self.left(word, file, found);
        }
    }

    /// Notes a word that is left as it is.
    fn left(&mut self, word: &str, file: &str, found: &Inside) {
        let word = brief(word, WORD);
        let number = found.number;
        self.note(match self.new.numbers.get(&number) {
            None => format!("`{word}` in {file} names partition {number}, which this image doesn't have."),
            Some(_) if found.by == (By::Link { own: false }) => {
                format!(
                    "`{word}` in {file} is left as it is: whether that is the image's own disk isn't known."
                )
            }
            Some(_) => format!("`{word}` in {file} {MOVES}."),
        });
    }

    /// What a name inside a word becomes.
    fn now(&self, text: &str, found: &Inside) -> Now {
        let foreign = found.by == (By::Link { own: false });
        let Some(new) = self.new.numbers.get(&found.number) else {
            return if foreign { Now::Same } else { Now::Missing };
        };
        match found.by {
            By::Partuuid { prefixed: true } if self.new.becomes_gpt => {
                Now::Renamed(format!("/dev/mmcblk0p{new}"))
            }
            By::Partuuid { prefixed: false } if self.new.becomes_gpt => Now::Unknown,
            _ if *new == found.number => Now::Same,
            _ if foreign => Now::Unknown,
            By::Partuuid { .. } => Now::Renamed(format!("{}{new:02x}", &text[found.at.start..found.digits])),
            By::Device | By::Link { .. } => {
                Now::Renamed(format!("{}{new}", &text[found.at.start..found.digits]))
            }
        }
    }

    /// Keeps a sentence, once, and no more than there is a use for.
    fn note(&mut self, text: String) {
        if self.notes.contains(&text) {
            return;
        }
        match self.notes.len() {
            count if count < NOTES => self.notes.push(text),
            NOTES => self.notes.push("There are more words of this kind, which are not told.".to_owned()),
            _ => {}
        }
    }

    /// The table of encrypted partitions with every partition's new name; as long as before.
    pub(super) fn crypttab(&mut self, text: &[u8]) -> Vec<u8> {
        let mut new = text.to_vec();
        for line in lines(text) {
            let fields: Vec<_> = words(&text[line.clone()])
                .map(|word| line.start + word.start..line.start + word.end)
                .collect();
            if fields.first().is_some_and(|first| text[first.start] == b'#') {
                continue;
            }
            // The first field is what the opened partition will be called.
            for (number, field) in fields.into_iter().enumerate() {
                let Ok(spec) = std::str::from_utf8(&text[field.clone()]) else { continue };
                // Its name, its partition, the file with its key, and options.
                if number == 1 && is_name(spec) {
                    let renamed = self.renamed(spec, CRYPTTAB, Tell::Numbers);
                    self.replace(&mut new, field.start, (spec, ""), renamed, CRYPTTAB);
                } else if number > 0 {
                    self.within(&mut new, field, spec, CRYPTTAB);
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
                number.parse().ok().and_then(|old: u32| self.new.numbers.get(&old).filter(|to| **to != old))
            else {
                continue;
            };
            let to = to.to_string();
            if to.len() == number.len() {
                let at = line.start + key.len() + 1 + (value.len() - value.trim_start().len());
                new[at..at + to.len()].copy_from_slice(to.as_bytes());
            } else {
                self.note(format!(
                    "`{}` in autoboot.txt would become {to}, which is longer, and is left as it is.",
                    whole.trim()
                ));
            }
        }
        new
    }

    /// The table of file systems with every partition's new name; as long as before.
    pub(super) fn fstab(&mut self, text: &[u8]) -> Vec<u8> {
        self.roots_in_fstab(text);
        let mut new = text.to_vec();
        let mut at = 0;
        let mut specs = Vec::new();
        let mut more = Vec::new();
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            let mut fields = words(line);
            if let Some(first) = fields.next().filter(|first| line[first.start] != b'#')
                && let Ok(spec) = std::str::from_utf8(&line[first.clone()])
            {
                // Nobody waits for what may be missing.
                let options = fields.nth(2).map(|options| String::from_utf8_lossy(&line[options]));
                let waited_for = options
                    .is_none_or(|options| !options.split(',').any(|one| ["nofail", "noauto"].contains(&one)));
                specs.push((at + first.start, spec, if waited_for { Tell::All } else { Tell::Numbers }));
                more.extend(words(line).skip(1).map(|field| String::from_utf8_lossy(&line[field])));
            }
            at += line.len();
        }
        for (at, spec, tell) in specs {
            let renamed = self.renamed(spec, "/etc/fstab", tell);
            self.replace(&mut new, at, (spec, ""), renamed, "/etc/fstab");
        }
        // `x-systemd.requires=/dev/mmcblk0p2`
        for word in more.iter().flat_map(|field| field.split(',')) {
            self.told_word("/etc/fstab", word);
        }
        new
    }

    /// Notes what is odd about the root= of a file with the kernel's arguments. `initramfs`: one is loaded.
    pub(super) fn check_root(&mut self, file: &str, text: &[u8], initramfs: bool) {
        let text = String::from_utf8_lossy(text);
        let mut lines = text.lines();
        let Some(root) = root_of(lines.next().unwrap_or_default()) else {
            let later = (2..).zip(lines).find_map(|(number, line)| Some((number, root_of(line)?)));
            match later {
                Some((number, root)) => self.note(format!(
                    "`root={}` stands in line {number} of {file}, and only the first line counts.",
                    brief(root, WORD)
                )),
                None if !initramfs && !has_other_root(&text) => self.note(format!(
                    "{file} has no root=: a kernel without an initramfs finds no system by itself."
                )),
                None => {}
            }
            return;
        };
        if let Some(Meant::Partition(part)) = self.disk.map(|disk| disk.meant(root))
            && let Some(what) = part.no_root()
        {
            self.note(format!(
                "`root={}` in {file} is partition {} of the image, which is {what} and no system's root.",
                brief(root, WORD),
                part.number
            ));
        }
    }

    /// Puts a new name for `spec` into `text`. At `at` it stands between quotes, or none; blanks fill what a shorter name
    /// leaves.
    fn replace(
        &mut self,
        text: &mut [u8],
        at: usize,
        (spec, quote): (&str, &str),
        renamed: Option<String>,
        file: &str,
    ) {
        let Some(renamed) = renamed else { return };
        if renamed.len() <= spec.len() {
            let place = &mut text[at..at + spec.len() + 2 * quote.len()];
            let new = format!("{quote}{renamed}{quote}");
            place.fill(b' ');
            place[..new.len()].copy_from_slice(new.as_bytes());
        } else {
            self.note(format!(
                "`{spec}` in {file} would become `{renamed}`, which is longer, and is left as it is."
            ));
        }
    }

    /// The new number of a device, for a card's partition of this minor number.
    fn renumbered(&mut self, spec: &str, minor: u32, file: &str) -> Option<String> {
        // Kernels give a card 8 numbers or 32: a higher one may be another disk's.
        let known = |minor: &u32| (1..8).contains(minor);
        let (old, new) = match minor {
            0 => return None,
            old => (old, self.new.numbers.get(&old).copied()),
        };
        let told = match new {
            None if known(&old) => format!("names partition {old}, which this image doesn't have"),
            Some(new) if known(&old) && known(&new) => {
                // The minor number is the last digits of both: `179:2`, and `b302` in hexadecimal.
                let renamed = match spec.split_once(':') {
                    Some((major, _)) => format!("{major}:{new}"),
                    None => format!("{}{new:02x}", &spec[..spec.len() - 2]),
                };
                return (new != old).then_some(renamed);
            }
            _ => "is left as it is: which partition such a number means depends on the kernel".to_owned(),
        };
        self.note(format!("`{spec}` in {file} {told}."));
        None
    }

    /// The new name, if this is the name of one of the image's partitions and changes. What names no partition of the
    /// image's is noted.
    fn renamed(&mut self, spec: &str, file: &str, tell: Tell) -> Option<String> {
        for prefix in ["PARTUUID=\"", "PARTUUID=", "/dev/disk/by-partuuid/"] {
            let Some(rest) = strip_prefix_ignoring_case(spec, prefix) else { continue };
            let (name, quote) = match prefix.ends_with('"') {
                true => (rest.strip_suffix('"')?, "\""),
                false => (rest, ""),
            };
            let (name, behind) = offset(name);
            if let Some(own) = self.disk_id.filter(|id| misspelt(name, *id)) {
                self.note(format!("`{spec}` in {file} {MISSPELT} ({own:08x}-02)."));
                return None;
            }
            // The kernel writes both in hexadecimal (block/partitions/msdos.c).
            let parts = name.split_once('-').filter(|(id, number)| id.len() == 8 && number.len() == 2);
            let parts = parts.and_then(|(id, number)| {
                Some((id, u32::from_str_radix(id, 16).ok()?, u32::from_str_radix(number, 16).ok()?))
            });
            let Some((text, id, old)) = parts else {
                if name.len() == 36 && !self.guids.iter().any(|guid| guid.eq_ignore_ascii_case(name)) {
                    self.note(format!("`{spec}` in {file} names a partition that this image doesn't have."));
                }
                return None;
            };
            if Some(id) != self.disk_id {
                self.note(match self.disk_id {
                    Some(own) => format!(
                        "`{spec}` in {file} names a partition of another disk: this image's id is {own:08x}."
                    ),
                    None => {
                        format!("`{spec}` in {file} names a partition of another disk: this image has a GPT.")
                    }
                });
                return None;
            }
            let old = old.saturating_add(behind);
            let Some(new) = self.new.numbers.get(&old) else {
                self.note(format!(
                    "`{spec}` in {file} names partition {old}, which this image doesn't have."
                ));
                return None;
            };
            if self.new.becomes_gpt {
                return Some(format!("/dev/mmcblk0p{new}"));
            }
            // Directly, where it was so many behind another one: that one may have moved by less.
            return (*new != old).then(|| format!("{}{text}-{new:02x}{quote}", &spec[..prefix.len()]));
        }
        if tell == Tell::All
            && let Some(Meant::Nothing(why)) = self.disk.map(|disk| disk.meant(spec))
        {
            self.note(format!("`{}` in {file} {why}.", brief(spec, WORD)));
        }
        if let Some((own, number, digits)) = link(spec) {
            let new = self.new.numbers.get(&number).copied();
            if new == Some(number) || new.is_none() && !own {
                return None;
            }
            let what = match new {
                Some(new) if own => return Some(format!("{}{new}", &spec[..digits])),
                Some(_) => "is left as it is: whether that is the image's own disk isn't known".to_owned(),
                None => format!("names partition {number}, which this image doesn't have"),
            };
            self.note(format!("`{}` in {file} {what}.", brief(spec, WORD)));
            return None;
        }
        let (disk, number) = device(spec)?;
        let Some(new) = self.new.numbers.get(&number) else {
            if self.own_disks.contains(disk) {
                self.note(format!(
                    "`{spec}` in {file} names partition {number}, which this image doesn't have."
                ));
            }
            return None;
        };
        let new = Some(new).filter(|new| **new != number)?;
        if !self.own_disks.contains(disk) {
            self.note(format!("`{spec}` in {file} is left as it is: the system's root is not on that disk."));
            return None;
        }
        // piCore names a directory behind the partition.
        let (partition, behind) = match spec.strip_prefix("/dev/") {
            Some(_) => (spec, ""),
            None => spec.split_at(spec.find('/').unwrap_or(spec.len())),
        };
        let renamed = format!("{}{new}{behind}", partition.trim_end_matches(|c: char| c.is_ascii_digit()));
        if disk != "mmcblk0" {
            self.note(format!(
                "`{spec}` in {file} is taken for this image's own disk, and becomes `{renamed}`."
            ));
        }
        Some(renamed)
    }
}

/// What a name inside a word becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Now {
    /// What it was.
    Same,
    /// There is no such partition.
    Missing,
    /// This.
    Renamed(String),
    /// It is wrong, and nothing is known that is right.
    Unknown,
}

/// What is noted of a word that leads astray.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tell {
    /// That it names a partition by number, which is another one or none.
    Numbers,
    /// Also that no file system is called so.
    All,
}

/// The root file system that a kernel is told; of several the last one counts.
pub(super) fn root_of(arguments: &str) -> Option<&str> {
    let root = arguments.split_whitespace().rev().find_map(|word| word.strip_prefix("root="))?;
    Some(root.trim_matches('"'))
}

/// Whether the arguments name the system's partitions by other words than `root=`: LibreELEC's (`boot=`, `disk=`), and `imgpart=` of
/// images inside partitions. The initramfs that reads them is within their kernels.
pub(super) fn has_other_root(arguments: &str) -> bool {
    let first = arguments.lines().next().unwrap_or_default();
    first
        .split_whitespace()
        .any(|word| ["boot=", "disk=", "imgpart="].iter().any(|key| word.starts_with(key)))
}

/// Whether a word is the name of a partition and nothing more, by its form.
fn is_name(spec: &str) -> bool {
    const PREFIXES: [&str; 4] = ["PARTUUID=", "PARTLABEL=", "UUID=", "LABEL="];
    let tagged = PREFIXES.iter().any(|prefix| strip_prefix_ignoring_case(spec, prefix).is_some());
    let more = spec.contains([':', ',', ';']);
    (tagged && !more) || device(spec).is_some() || link(spec).is_some()
}

/// The minor number of an SD card's block device, as a kernel takes it: `179:2`, or `b302` in hexadecimal
/// (linux/block/early-lookup.c, include/linux/kdev_t.h).
pub(super) fn device_number(spec: &str) -> Option<u32> {
    const MMC: u32 = 179;
    if let Some((major, minor)) = spec.split_once(':') {
        let number = |text: &str| -> Option<u32> {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| text.parse().ok()).flatten()
        };
        return if number(major)? == MMC { number(minor) } else { None };
    }
    let hex = spec.strip_prefix("0x").unwrap_or(spec);
    let number = (hex.len() >= 4 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .then(|| u32::from_str_radix(hex, 16).ok())
        .flatten()?;
    (number >> 8 & 0xfff == MMC).then_some(number & 0xff | number >> 12 & 0xf_ff00)
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
pub(super) fn device(spec: &str) -> Option<(&str, u32)> {
    let name = match spec.strip_prefix("/dev/") {
        // `/dev/mapper/sda2` is what somebody has called something.
        Some(name) => Some(name).filter(|name| !name.contains('/'))?,
        None => spec.split('/').next().filter(|name| name.starts_with("mmcblk") || name.starts_with("sd"))?,
    };
    let base = name.trim_end_matches(|c: char| c.is_ascii_digit());
    // No kernel takes one with a zero in front.
    let number = Some(&name[base.len()..]).filter(|digits| !digits.starts_with('0'))?.parse().ok()?;
    let disk = match base.strip_suffix('p') {
        // A disk whose name ends with a digit has a `p` before the number.
        Some(disk) if disk.ends_with(|c: char| c.is_ascii_digit()) => disk,
        _ if base.len() > 2 && base.is_char_boundary(2) && ["sd", "vd", "hd"].contains(&&base[..2]) => base,
        _ => return None,
    };
    Some((disk, number))
}

#[cfg(test)]
mod tests;
