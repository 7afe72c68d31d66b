//! FAT's two names of everything: eight and three characters of upper case for boot ROMs, and the long name.

use std::collections::{BTreeMap, BTreeSet};

use super::{Error, clusters::joined};

/// Length of a directory entry.
const ENTRY: usize = 32;

/// Characters of a long name in one entry.
const PER_ENTRY: usize = 13;
/// Where they stand in the entry.
const PLACES: [usize; PER_ENTRY] = [1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30];
/// Longest name in UTF-16 units.
const LONGEST: usize = 255;

/// The names of one directory.
pub(super) struct Names {
    /// Entries of the long name (empty where the short one says it all) and the short name.
    by_name: BTreeMap<String, (Vec<u8>, [u8; 11])>,
    entries: usize,
}

impl Names {
    /// Finds short names for all names of the directory at `path`.
    pub(super) fn new<'a>(path: &str, names: impl Iterator<Item = &'a str>) -> Result<Self, Error> {
        let names: Vec<&str> = names.collect();
        let full = |name: &str| joined(path, name);
        let mut seen = BTreeSet::new();
        for name in &names {
            check(name).map_err(|why| Error::Name { path: full(name), why })?;
            if !seen.insert(name.to_uppercase()) {
                return Err(Error::Twice { path: full(name) });
            }
        }
        // Names that fit as they are, or in upper case, come first: an invented one must not take theirs.
        let mut taken: BTreeSet<[u8; 11]> = names.iter().filter_map(|name| plain(name)).collect();
        let mut by_name = BTreeMap::new();
        let mut entries = 0;
        for name in names {
            let short = match plain(name) {
                Some(short) => short,
                None => invented(name, |short| taken.insert(*short))
                    .ok_or(Error::Name { path: full(name), why: TOO_MANY })?,
            };
            let long = long_where_needed(name, &short);
            entries += long.len() / ENTRY + 1;
            by_name.insert(name.to_owned(), (long, short));
        }
        Ok(Self { by_name, entries })
    }

    /// How many directory entries the names take.
    pub(super) fn len(&self) -> usize {
        self.entries
    }

    /// Long entries and short name.
    pub(super) fn of(&self, name: &str) -> (&[u8], &[u8; 11]) {
        // Every name of the directory was given to `new`.
        self.by_name.get(name).map_or((&[], b"           "), |(long, short)| (long, short))
    }
}

const TOO_MANY: &str = "too many names look like it";

/// The entries of the long name (none where the short one says it all) and the short name, for a directory in which other
/// names are: `taken` says which short ones.
///
/// # Errors
/// What is wrong with the name.
pub(in crate::image) fn name_entries(
    name: &str,
    taken: impl Fn(&[u8; 11]) -> bool,
) -> Result<(Vec<u8>, [u8; 11]), &'static str> {
    check(name)?;
    let short = plain(name).filter(|short| !taken(short));
    let short = short.or_else(|| invented(name, |short| !taken(short))).ok_or(TOO_MANY)?;
    Ok((long_where_needed(name, &short), short))
}

fn long_where_needed(name: &str, short: &[u8; 11]) -> Vec<u8> {
    if shown(short) == name { Vec::new() } else { long(name, short) }
}

fn check(name: &str) -> Result<(), &'static str> {
    if name.chars().any(|c| c.is_control() || "\"*/:<>?\\|".contains(c)) {
        return Err("it holds a character that FAT doesn't allow");
    }
    if name.starts_with(' ') || name.ends_with([' ', '.']) || name.is_empty() {
        return Err("it begins with a space, or ends with a space or a full stop");
    }
    if name.encode_utf16().count() > LONGEST {
        return Err("it has more than 255 characters");
    }
    Ok(())
}

/// Whether a character may stand in a short name.
fn allowed(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'()-@^_`{}~".contains(c)
}

/// The name itself in upper case, where eight and three characters are enough.
fn plain(name: &str) -> Option<[u8; 11]> {
    let (base, extension) = name.rsplit_once('.').unwrap_or((name, ""));
    let good = |part: &str, most: usize| part.len() <= most && part.chars().all(allowed);
    let complete = !base.is_empty() && !name.ends_with('.');
    (complete && good(base, 8) && good(extension, 3)).then(|| packed(base, extension))
}

/// The first letters and a number, `BCM271~1.DTB`: the first number that is free.
fn invented(name: &str, mut take: impl FnMut(&[u8; 11]) -> bool) -> Option<[u8; 11]> {
    let trimmed = name.trim_start_matches('.');
    let (base, extension) = trimmed.rsplit_once('.').unwrap_or((trimmed, ""));
    let letters = |part: &str, most| {
        let kept = part.chars().filter(|c| *c != ' ' && *c != '.');
        kept.map(|c| if allowed(c) { c } else { '_' }).take(most).collect::<String>()
    };
    let (base, extension) = (letters(base, 8), letters(extension, 3));
    (1..1_000_000)
        .map(|number| {
            let tail = format!("~{number}");
            let kept: String = base.chars().take(8 - tail.len()).collect();
            packed(&format!("{kept}{tail}"), &extension)
        })
        .find(|short| take(short))
}

fn packed(base: &str, extension: &str) -> [u8; 11] {
    let mut short = [b' '; 11];
    for (place, byte) in short.iter_mut().zip(base.bytes()) {
        *place = byte.to_ascii_uppercase();
    }
    for (place, byte) in short[8..].iter_mut().zip(extension.bytes()) {
        *place = byte.to_ascii_uppercase();
    }
    short
}

/// A short name as a reader without long names shows it.
fn shown(short: &[u8; 11]) -> String {
    let part = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
    let (base, extension) = (part(&short[..8]), part(&short[8..]));
    if extension.is_empty() { base } else { format!("{base}.{extension}") }
}

/// The entries of a long name: last piece first, each with the checksum of the short name.
fn long(name: &str, short: &[u8; 11]) -> Vec<u8> {
    let checksum = short.iter().fold(0u8, |sum, byte| sum.rotate_right(1).wrapping_add(*byte));
    let mut units: Vec<u16> = name.encode_utf16().collect();
    let pieces = units.len().div_ceil(PER_ENTRY);
    if !units.len().is_multiple_of(PER_ENTRY) {
        units.push(0);
        units.resize(pieces * PER_ENTRY, 0xffff);
    }
    let mut bytes = Vec::new();
    for (index, piece) in units.chunks(PER_ENTRY).enumerate().rev() {
        let mut entry = [0; ENTRY];
        let last = if index + 1 == pieces { 0x40 } else { 0 };
        entry[0] = (index as u8 + 1) | last;
        entry[11] = 0x0f;
        entry[13] = checksum;
        for (place, unit) in PLACES.into_iter().zip(piece) {
            entry[place..place + 2].copy_from_slice(&unit.to_le_bytes());
        }
        bytes.extend(entry);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shorts(names: &[&str]) -> Vec<(String, usize)> {
        let all = Names::new("", names.iter().copied()).unwrap();
        names
            .iter()
            .map(|name| {
                let (long, short) = all.of(name);
                (shown(short), long.len() / ENTRY)
            })
            .collect()
    }

    #[test]
    fn short_names_are_what_boot_roms_look_for() {
        let names = [
            "START4.ELF",
            "start.elf",
            "bcm2710-rpi-3-b.dtb",
            "bcm2711-rpi-4-b.dtb",
            "boot.scr.uimg",
            ".x",
            "A b",
        ];
        let want = [
            ("START4.ELF", 0),
            ("START.ELF", 1),
            ("BCM271~1.DTB", 2),
            ("BCM271~2.DTB", 2),
            ("BOOTSC~1.UIM", 1),
            ("X~1", 1),
            ("AB~1", 1),
        ];
        assert_eq!(shorts(&names), want.map(|(name, count)| (name.to_owned(), count)));
    }

    #[test]
    fn an_invented_name_takes_nobodys() {
        let want = [("LONGNA~2.TXT", 2), ("LONGNA~1.TXT", 0)];
        assert_eq!(shorts(&["long name here.txt", "LONGNA~1.TXT"]), want.map(|(n, c)| (n.to_owned(), c)));
        let many: Vec<String> = (0..1200).map(|n| format!("some long name {n}")).collect();
        let names: Vec<&str> = many.iter().map(String::as_str).collect();
        let short: BTreeSet<String> = shorts(&names).into_iter().map(|(short, _)| short).collect();
        assert_eq!(short.len(), 1200);
        assert!(short.contains("SOM~1000"));
    }

    #[test]
    fn names_that_fat_cannot_have_are_refused() {
        for bad in ["a:b", "a?", "", " a", "a.", "a ", "a\n", "é:", "a/b"] {
            assert!(matches!(Names::new("d", [bad].into_iter()), Err(Error::Name { .. })), "{bad:?}");
        }
        let long = "x".repeat(256);
        assert!(matches!(Names::new("", [long.as_str()].into_iter()), Err(Error::Name { .. })));
        let twice = Names::new("d", ["a.txt", "A.TXT"].into_iter());
        assert!(matches!(twice, Err(Error::Twice { path }) if path == "d/A.TXT"));
    }
}
