//! Which format an image reads, by what is in it.

use std::sync::Arc;

use super::{Error, Format};
use crate::contents::{self, Files};
use crate::image::error::is_damage;
use crate::image::files::is_fat;
use crate::image::read_at::ReadAt;
use crate::image::table::{Partition, Table};

/// /etc/fstab is longer than this only where it is damaged.
const LONGEST: usize = 64 << 10;

/// What was found in an image.
pub(super) struct Found {
    pub(super) format: Format,
    /// The boot partition.
    pub(super) boot: Partition,
    /// Whether the system mounts it at /boot, as all did before Bookworm.
    old_place: bool,
}

/// What lies in a root file system where a format is read, all of one line.
const SIGNS: &[(Format, &[&str])] = &[
    (
        Format::Preseed,
        &[
            "usr/bin/rpi-preseed",
            "usr/sbin/rpi-preseed",
            "usr/lib/rpi-preseed",
            "var/lib/dpkg/info/rpi-preseed.list",
        ],
    ),
    (
        Format::CloudInitRpi,
        &[
            "usr/lib/python3/dist-packages/cloudinit/config/cc_raspberry_pi.py",
            "var/lib/dpkg/info/rpi-cloud-init-mods.list",
        ],
    ),
    (Format::CloudInit, &["usr/bin/cloud-init", "var/lib/dpkg/info/cloud-init.list"]),
    (Format::FirstRun, &["usr/lib/raspberrypi-sys-mods/imager_custom", "usr/lib/userconf-pi/userconf"]),
    (Format::CustomToml, &["usr/lib/raspberrypi-sys-mods/firstboot"]),
];

/// The boot partition: the first with a FAT.
pub(super) fn boot(image: &Arc<dyn ReadAt>) -> Result<Partition, Error> {
    let table = Table::read(&**image).map_err(Error::Table)?.ok_or(Error::NoTable)?;
    for partition in table.partitions.iter().filter(|partition| !partition.is_extended()) {
        if is_fat(image, partition)? {
            return Ok(partition.clone());
        }
    }
    Err(Error::NoBoot)
}

impl Found {
    /// Looks at the boot partition and, where nobody said the format, at the systems.
    pub(super) fn of(image: &Arc<dyn ReadAt>, said: Option<Format>) -> Result<Self, Error> {
        let table = Table::read(&**image).map_err(Error::Table)?.ok_or(Error::NoTable)?;
        let mut boot = None;
        let mut roots = Vec::new();
        for partition in table.partitions.iter().filter(|partition| !partition.is_extended()) {
            if is_fat(image, partition)? {
                boot.get_or_insert_with(|| partition.clone());
            } else if let Ok(files) = Files::open(image, partition) {
                roots.push(files);
            }
        }
        let boot = boot.ok_or(Error::NoBoot)?;
        let old_place = roots.iter().find_map(old_place).unwrap_or(false);
        let found = |format| Ok(Self { format, boot: boot.clone(), old_place });
        if let Some(format) = said {
            return found(format);
        }
        for (format, signs) in SIGNS {
            for root in &roots {
                for sign in *signs {
                    if is_there(root, sign)? {
                        return found(*format);
                    }
                }
            }
        }
        let looked = match roots.len() {
            0 => "no partition has an ext4 file system that can be read".to_owned(),
            _ => "it has neither rpi-preseed, cloud-init, raspberrypi-sys-mods nor userconf-pi".to_owned(),
        };
        Err(Error::Unknown { looked })
    }

    /// Where the system mounts its boot partition.
    pub(super) const fn mounted(&self) -> &'static str {
        if self.old_place { "/boot" } else { "/boot/firmware" }
    }
}

/// Whether something is there. What can't be read isn't, unless it is the image that can't.
fn is_there(root: &Files, path: &str) -> Result<bool, Error> {
    match root.has(path) {
        Ok(is_there) => Ok(is_there),
        Err(contents::Error::Io(error)) if !is_damage(&error) => Err(Error::Image(error)),
        Err(_) => Ok(false),
    }
}

/// Whether /etc/fstab says that the boot partition is at /boot. `None` where it says nothing.
fn old_place(root: &Files) -> Option<bool> {
    let text = String::from_utf8_lossy(&root.start_of("etc/fstab", LONGEST).ok()?).into_owned();
    let mut places = text
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .filter_map(|line| line.split_ascii_whitespace().nth(1));
    places.find_map(|place| match place {
        "/boot" => Some(true),
        "/boot/firmware" => Some(false),
        _ => None,
    })
}
