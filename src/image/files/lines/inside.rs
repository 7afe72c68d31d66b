//! Partitions' names inside other words: `cryptdevice=/dev/mmcblk0p2:root`, `host=PARTUUID=…-02,x`, JSON, units of systemd.

use std::collections::BTreeSet;
use std::ops::Range;

/// Digits that a partition's number has at most.
const DIGITS: usize = 3;
/// Directories of links that udev names by a disk's place or serial number, with `-part2` behind.
const LINKS: [&str; 2] = ["/dev/disk/by-path/", "/dev/disk/by-id/"];
/// What a PARTUUID stands behind.
const PARTUUID: [&str; 2] = ["partuuid=", "/dev/disk/by-partuuid/"];

/// How a partition is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// `/dev/mmcblk0p2`, `mmcblk0p2`, `dev-mmcblk0p2.device`.
    Device,
    /// The disk's id and the number; whether that is known by a word in front.
    Partuuid { prefixed: bool },
    /// `/dev/disk/by-path/…-part2`; whether it is an SD card or an eMMC, which is the image's own disk.
    Link { own: bool },
}

/// A partition that a text names by its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Inside {
    /// Where the name stands.
    pub(super) at: Range<usize>,
    /// Where its number begins, which goes up to the name's end.
    pub(super) digits: usize,
    pub(super) number: u32,
    pub(super) by: By,
    /// Whether it is sure where the name ends, so that it may be written anew.
    pub(super) plain: bool,
}

/// The partitions of the image's own disk that a text names, and those of a disk that may be it, from the left to the right.
pub(super) fn partitions(text: &str, disk_id: Option<u32>, own: &BTreeSet<String>) -> Vec<Inside> {
    let mut found = links(text);
    if let Some(id) = disk_id {
        partuuids(text, id, &mut found);
    }
    for disk in own {
        devices(text, disk, &mut found);
    }
    found.sort_by_key(|inside| inside.at.start);
    let mut end = 0;
    found.retain(|inside| {
        let behind = inside.at.start >= end;
        if behind {
            end = inside.at.end;
        }
        behind
    });
    found
}

/// A word that is such a link and nothing more: whether it is on the image's own disk, its number, and where that begins.
pub(in crate::image::files) fn link(spec: &str) -> Option<(bool, u32, usize)> {
    let found = links(spec).pop().filter(|inside| inside.at == (0..spec.len()))?;
    let By::Link { own } = found.by else { return None };
    Some((own, found.number, found.digits))
}

fn links(text: &str) -> Vec<Inside> {
    let mut found = Vec::new();
    for (start, prefix) in LINKS.iter().flat_map(|prefix| text.match_indices(prefix)) {
        if !begins(text, start) {
            continue;
        }
        let name = &text[start + prefix.len()..];
        // A place in the machine has colons in it, and no link has a slash.
        let end = name.find(|c: char| c.is_whitespace() || ",;\"'/".contains(c)).unwrap_or(name.len());
        let name = &name[..end];
        let parts = name.match_indices("-part").filter_map(|(at, sign)| {
            let (number, len) = number(&name[at + sign.len()..])?;
            Some((at, at + sign.len(), number, len))
        });
        let part = parts.last();
        let Some((disk, digits, number, len)) = part else { continue };
        let disk = &name[..disk];
        let digits = start + prefix.len() + digits;
        let own = disk.starts_with("mmc-") || disk.starts_with("platform-") && disk.contains("mmc");
        let end = digits + len;
        found.push(Inside { at: start..end, digits, number, by: By::Link { own }, plain: ends(text, end) });
    }
    found
}

fn partuuids(text: &str, id: u32, found: &mut Vec<Inside>) {
    let lower = text.to_ascii_lowercase();
    let id = format!("{id:08x}-");
    for (at, _) in lower.match_indices(&id) {
        let digits = at + id.len();
        // The kernel writes it in hexadecimal.
        let Some(number) = lower.get(digits..digits + 2) else { continue };
        if !number.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            continue;
        }
        let Ok(number) = u32::from_str_radix(number, 16) else { continue };
        let end = digits + 2;
        if goes_on(text, end) || lower[..at].ends_with(|c: char| c.is_ascii_alphanumeric()) {
            continue;
        }
        let prefix = PARTUUID.iter().find(|prefix| lower[..at].ends_with(**prefix));
        let start = at - prefix.map_or(0, |prefix| prefix.len());
        // A bare one may be part of anything.
        let plain = prefix.is_some() && begins(text, start) && ends(text, end);
        let by = By::Partuuid { prefixed: prefix.is_some() };
        found.push(Inside { at: start..end, digits, number, by, plain });
    }
}

fn devices(text: &str, disk: &str, found: &mut Vec<Inside>) {
    // A disk whose name ends with a digit has a `p` before the number.
    let name =
        if disk.ends_with(|c: char| c.is_ascii_digit()) { format!("{disk}p") } else { disk.to_owned() };
    for (at, _) in text.match_indices(&name) {
        let digits = at + name.len();
        let Some((number, len)) = number(&text[digits..]) else { continue };
        let end = digits + len;
        let before = &text[..at];
        // As a unit of systemd: `dev-mmcblk0p2.device`.
        let unit = before.ends_with("dev-");
        let start = at
            - if unit {
                4
            } else if before.ends_with("/dev/") {
                5
            } else {
                0
            };
        if !begins(text, start) || is_label(&text[..start]) {
            continue;
        }
        // Without the directory it may be a host's name, or whatever else somebody has called so.
        let path = start < at && !unit;
        found.push(Inside { at: start..end, digits, number, by: By::Device, plain: path && ends(text, end) });
    }
}

/// Whether a name behind this is a file system's.
fn is_label(before: &str) -> bool {
    let before = before.to_ascii_lowercase();
    ["label=", "uuid=", "by-label/", "by-partlabel/"].iter().any(|tag| before.ends_with(tag))
}

/// The number that a text begins with, and how long it is. No kernel takes one with a zero in front.
fn number(text: &str) -> Option<(u32, usize)> {
    let len = text.bytes().take_while(u8::is_ascii_digit).count();
    let goes_on = goes_on(text, len);
    let digits = Some(&text[..len]).filter(|digits| !digits.starts_with('0') && len <= DIGITS && !goes_on)?;
    Some((digits.parse().ok()?, len))
}

/// Whether a name that begins there is none of a longer path or word.
fn begins(text: &str, at: usize) -> bool {
    let before = text[..at].chars().next_back();
    before.is_none_or(|c| !c.is_alphanumeric() && !"/._-+%~\\".contains(c))
}

/// Whether a word goes on there, so that another name was meant.
fn goes_on(text: &str, at: usize) -> bool {
    text[at..].starts_with(|c: char| c.is_alphanumeric() || c == '_')
}

/// Whether a name surely ends there.
fn ends(text: &str, at: usize) -> bool {
    text[at..].chars().next().is_none_or(|c| c.is_whitespace() || ":,;\"')]}|&<>".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(String, u32, bool)> {
        let own = BTreeSet::from(["mmcblk0".to_owned(), "sda".to_owned()]);
        let all = partitions(text, Some(0x35c8_4628), &own);
        all.into_iter().map(|inside| (text[inside.at].to_owned(), inside.number, inside.plain)).collect()
    }

    #[test]
    fn names_inside_other_words_are_found() {
        for (text, name, number, plain) in [
            ("cryptdevice=/dev/mmcblk0p2:sdcard", "/dev/mmcblk0p2", 2, true),
            ("overlayroot=device:dev=/dev/mmcblk0p3,recurse=0", "/dev/mmcblk0p3", 3, true),
            ("host=PARTUUID=35C84628-02,x", "PARTUUID=35C84628-02", 2, true),
            ("a:/dev/disk/by-partuuid/35c84628-0a", "/dev/disk/by-partuuid/35c84628-0a", 10, true),
            ("\"RootfsPartA\": \"/dev/mmcblk0p2\",", "/dev/mmcblk0p2", 2, true),
            ("x=sda12", "sda12", 12, false),
            ("cryptdevice=/dev/sda2:sda", "/dev/sda2", 2, true),
            ("x=mmc-A:/dev/disk/by-id/usb-B-part2", "/dev/disk/by-id/usb-B-part2", 2, true),
            ("/dev/disk/by-id/mmc-A:/dev/disk/by-id/usb-B-part2", "/dev/disk/by-id/usb-B-part2", 2, true),
            ("/dev/disk/by-id/mmc-a-part1-b-part2", "/dev/disk/by-id/mmc-a-part1-b-part2", 2, true),
            ("x=mmcblk0p2/directory", "mmcblk0p2", 2, false),
            ("x-systemd.requires=dev-mmcblk0p2.device", "dev-mmcblk0p2", 2, false),
            ("id=35c84628-02/PARTNROFF=1", "35c84628-02", 2, false),
            (
                "x=/dev/disk/by-path/platform-fe340000.mmc-part2:y",
                "/dev/disk/by-path/platform-fe340000.mmc-part2",
                2,
                true,
            ),
        ] {
            assert_eq!(found(text), [(name.to_owned(), number, plain)], "{text}");
        }
        assert_eq!(found("/dev/mmcblk0p1,/dev/sda2").len(), 2);
    }

    #[test]
    fn other_words_name_no_partition() {
        for text in [
            "",
            "/mnt/dev/mmcblk0p2",
            "/mnt/dev/disk/by-path/platform-a.mmc-part2",
            "x=LABEL=mmcblk0p3",
            "x=/dev/disk/by-label/mmcblk0p3",
            "/sys/block/mmcblk0/mmcblk0p2",
            "/dev/mmcblk0",
            "/dev/mmcblk0p02",
            "/dev/mmcblk0p2x",
            "mmcblk0p2_crypt",
            "/dev/mmcblk1p2",
            "usda1",
            "35c84628-02aa-4e61-9268-8d2c61e8c8b3",
            "a35c84628-02",
            "35c84628-2",
            "/dev/disk/by-id/ata-partner",
            "é/dev/é35c84628-é",
        ] {
            assert_eq!(found(text), [], "{text}");
        }
    }

    #[test]
    fn a_card_is_known_by_its_link() {
        for (spec, own) in [
            ("/dev/disk/by-path/platform-3f202000.mmc-part2", true),
            ("/dev/disk/by-path/platform-1000fff000.mmc-part2", true),
            ("/dev/disk/by-id/mmc-SC16G_0x1234abcd-part2", true),
            ("/dev/disk/by-id/usb-Mass_Storage-0:0-part2", false),
            (
                "/dev/disk/by-path/platform-fd500000.pcie-pci-0000:01:00.0-usb-0:1.1:1.0-scsi-0:0:0:0-part2",
                false,
            ),
        ] {
            assert_eq!(link(spec), Some((own, 2, spec.len() - 1)), "{spec}");
        }
        for spec in ["/dev/disk/by-id/mmc-SC16G", "/dev/mmcblk0p2", "/dev/disk/by-id/mmc-a-part2,x"] {
            assert_eq!(link(spec), None, "{spec}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "(/dev/|disk/by-path/|mmcblk0p|sda|-part|35c84628-|PARTUUID=|[0-9a-f,:é ]){0,12}") {
            for inside in partitions(&text, Some(0x35c8_4628), &BTreeSet::from(["mmcblk0".to_owned(), "sda".to_owned()])) {
                let (name, digits) = (&text[inside.at.clone()], &text[inside.digits..inside.at.end]);
                proptest::prop_assert!(name.ends_with(digits) && !digits.is_empty());
            }
        }
    }
}
