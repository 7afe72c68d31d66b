//! Whether a kernel finds its root file system alone, without an initramfs.

use std::io;

use super::{BootFiles, short};
use crate::image::files::{Disk, Meant, root_of};

/// What a kernel starts first, where it isn't told (linux/init/main.c).
const INITS: [&str; 4] = ["sbin/init", "etc/init", "bin/init", "bin/sh"];

/// What the name of a partition in a GPT stands behind.
pub(super) const PARTLABEL: &str = "PARTLABEL=";

/// Why a kernel that gets these arguments, out of `file`, finds no root file system alone; `None` where it may find one. A kernel
/// knows devices, their numbers, PARTUUID and PARTLABEL, and no names that stand in a file system or that udev makes
/// (linux/block/early-lookup.c).
pub(super) fn not_found(
    files: &dyn BootFiles,
    disk: &Disk,
    file: &str,
    arguments: &str,
) -> io::Result<Option<String>> {
    let Some(root) = root_of(arguments) else { return Ok(None) };
    let told = format!("root={} in {}", short(root), short(file));
    if ["LABEL=", "UUID=", "/dev/disk/", "/dev/mapper/"].iter().any(|name| root.starts_with(name)) {
        return Ok(Some(format!("{told} is found by an initramfs alone, and none is loaded")));
    }
    let part = match disk.meant(root) {
        Meant::Partition(part) => part,
        Meant::NoPartition(number) => {
            return Ok(Some(format!("{told} names partition {number}, which the image doesn't have")));
        }
        // On another disk it may be there.
        Meant::Nothing(_) if root.starts_with(PARTLABEL) => return Ok(None),
        Meant::Nothing(why) => return Ok(Some(format!("{told} {why}"))),
        Meant::Elsewhere => return Ok(None),
    };
    if root.starts_with("mmcblk") {
        return Ok(Some(format!("{told} is no name that a kernel knows: it begins without /dev/")));
    }
    if let Some(what) = part.no_root() {
        return Ok(Some(format!(
            "{told} is partition {}, which is {what} and no system's root",
            part.number
        )));
    }
    // Nobody waits for a partition far behind that is no FAT by its type.
    if !part.is_fat_by_type {
        return Ok(None);
    }
    let other = if part.number == files.number() { None } else { Some(files.other(part.number)?) };
    let fat: &dyn BootFiles = match &other {
        None => files,
        Some(Some(other)) => &**other,
        Some(None) => return Ok(None),
    };
    let named = arguments.split_whitespace().rev().find_map(|word| word.strip_prefix("init="));
    for init in named.into_iter().chain(INITS) {
        if fat.there(init.trim_start_matches('/'))? {
            return Ok(None);
        }
    }
    Ok(Some(format!("{told} is partition {}, a FAT file system with no system on it", part.number)))
}
