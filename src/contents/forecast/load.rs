//! What is loaded on one board, or why nothing is.

use std::collections::BTreeMap;
use std::io;

use super::kernel::{self, Kernel};
use super::root;
use super::{ARGUMENTS, BootFiles, CMDLINE, INITRAMFS, KERNEL, Load, at, can_be_written, short};
use crate::contents::boot::Says;
use crate::image::files::{Disk, has_other_root, root_of};

/// Kernels that were looked at as a whole: each board asks for the same.
#[derive(Default)]
pub(super) struct Kernels {
    /// How long each is in memory, or why it can't be loaded.
    seen: BTreeMap<String, Result<u64, String>>,
    /// The card's own script can't load what is to be loaded, though it would find the names.
    pub(super) need_script: bool,
}

impl Kernels {
    /// Whether a kernel is whole and fits into memory.
    fn check(&mut self, files: &dyn BootFiles, kernel: &str) -> io::Result<Result<(), String>> {
        let seen = match self.seen.get(kernel) {
            Some(seen) => seen.clone(),
            None => {
                let Some((len, mut file)) = files.open(kernel)? else { return Ok(Ok(())) };
                let seen = kernel::in_memory(&short(kernel), len, &mut *file)?;
                self.seen.insert(kernel.to_owned(), seen.clone());
                seen
            }
        };
        Ok(seen.map(|len| self.need_script |= len > kernel::ROOM_USUAL))
    }
}

/// The kernel that config.txt names.
fn kernel_of<'a>(says: &'a Says<'_>) -> Option<&'a str> {
    says.value("kernel").filter(|kernel| !kernel.is_empty())
}

/// What stands before the names of config.txt; empty where there is no kernel behind it.
pub(super) fn prefix(files: &dyn BootFiles, says: &Says<'_>) -> io::Result<String> {
    let upstream = (says.is("upstream_kernel") == Some(true)).then_some("upstream/");
    let prefix = says.value("os_prefix").filter(|prefix| !prefix.is_empty()).or(upstream).unwrap_or_default();
    let counts = !prefix.is_empty() && files.there(&at(prefix, kernel_of(says).unwrap_or(KERNEL)))?;
    Ok(if counts { prefix.to_owned() } else { String::new() })
}

/// What is loaded on one board, or why nothing is.
pub(super) fn load(
    (files, disk): (&dyn BootFiles, &Disk),
    says: &Says<'_>,
    kernels: &mut Kernels,
    notes: &mut Vec<String>,
) -> io::Result<Result<Load, String>> {
    let mut note = |text: String| {
        if !notes.contains(&text) {
            notes.push(text);
        }
    };
    if says.is("boot_ramdisk") == Some(true) && files.has("boot.img") {
        return Ok(Err(
            "its boot files are in boot.img, which only the Pi's firmware opens (boot_ramdisk=1)".to_owned(),
        ));
    }
    let named = kernel_of(says);
    let prefix = &*prefix(files, says)?;
    let kernel = at(prefix, named.unwrap_or(KERNEL));
    let Some(head) = files.head(&kernel, kernel::HEAD)? else {
        return Ok(Err(missing(files, named.is_some(), &kernel)));
    };
    let name = kernel.to_ascii_lowercase();
    if name.contains("u-boot") || name.contains("uboot") {
        return Ok(Err(format!("config.txt starts a boot loader of the image's own, {}", short(&kernel))));
    }
    match Kernel::of(&head) {
        Kernel::Image => {}
        Kernel::ThirtyTwo => return Ok(Err(thirty_two(&kernel))),
        Kernel::Zboot => {
            return Ok(Err(format!(
                "{} is an EFI program with a kernel in it, which U-Boot doesn't unpack",
                short(&kernel)
            )));
        }
        Kernel::Other => {
            return Ok(Err(format!("{} is no kernel of 64 bits, plain or packed by gzip", short(&kernel))));
        }
    }
    if let Err(why) = kernels.check(files, &kernel)? {
        return Ok(Err(why));
    }
    if says.is("arm_64bit") == Some(false) {
        note(format!(
            "config.txt asks for 32 bits (arm_64bit=0); U-Boot starts {}, which has 64.",
            short(&kernel)
        ));
    }
    let mut load = Load { partition: files.number(), kernel, ..Load::default() };
    let wanted = says.value("initramfs").or_else(|| says.value("ramfsfile")).unwrap_or_default();
    let wanted = wanted.split_whitespace().next().unwrap_or_default();
    let usual = wanted.is_empty() && load.kernel.ends_with(KERNEL);
    for name in wanted.split(',').filter(|name| !name.is_empty()).chain(usual.then_some(INITRAMFS)) {
        let path = at(prefix, name);
        match files.head(&path, 1)? {
            Some(head) if !head.is_empty() => load.initramfs.push(path),
            Some(_) => {
                // The card's own script would hand it to the kernel.
                kernels.need_script = true;
                note(format!("{} is empty, and counts as no initramfs.", short(&path)));
            }
            None if usual => {}
            None => note(format!("config.txt names {} as initramfs, which isn't there.", short(&path))),
        }
    }
    let cmdline = at(prefix, says.value("cmdline").filter(|name| !name.is_empty()).unwrap_or(CMDLINE));
    match files.head(&cmdline, ARGUMENTS)? {
        Some(text) => {
            let text = String::from_utf8_lossy(&text);
            load.arguments = text.lines().next().unwrap_or_default().trim().to_owned();
            load.cmdline = cmdline;
            if load.arguments.contains(['\'', '\\']) {
                note(format!(
                    "{} has ' or \\ in it: U-Boot takes these characters out of the kernel's arguments.",
                    short(&load.cmdline)
                ));
            }
            if load.initramfs.is_empty()
                && let Some(why) = root::not_found(files, disk, &load.cmdline, &load.arguments)?
            {
                return Ok(Err(why));
            }
            let told_root = root_of(&load.arguments).is_some() || has_other_root(&load.arguments);
            if !load.initramfs.is_empty() && !told_root {
                note(format!(
                    "{} has no root= in its first line: what is started is up to the initramfs.",
                    short(&load.cmdline)
                ));
            }
        }
        None => {
            note(format!("There is no {}: the kernel gets no arguments from the image.", short(&cmdline)))
        }
    }
    if let Some(tree) = says.value("device_tree").filter(|tree| !tree.is_empty()) {
        let tree = at(prefix, tree);
        if files.there(&tree)? {
            load.device_tree = tree;
        } else {
            note(format!("config.txt names {} as device tree, which isn't there.", short(&tree)));
        }
    }
    let paths = [&load.kernel, &load.cmdline, &load.device_tree].into_iter().chain(&load.initramfs);
    if let Some(bad) = paths.into_iter().find(|path| !can_be_written(path)) {
        return Ok(Err(format!("config.txt names a file that U-Boot's shell can't: {}", short(bad))));
    }
    Ok(Ok(load))
}

/// Why there is no kernel.
fn missing(files: &dyn BootFiles, named: bool, kernel: &str) -> String {
    if named {
        return format!("config.txt names the kernel {}, which isn't there", short(kernel));
    }
    if ["recovery.elf", "recovery.img", "recovery7.img"].iter().any(|name| files.has(name)) {
        return "it is NOOBS or PINN: the firmware starts its recovery program, and that makes partitions anew from the \
                start of the card on"
            .to_owned();
    }
    if let Some(name) = ["kernel7l.img", "kernel7.img", "kernel.img"].iter().find(|name| files.has(name)) {
        return thirty_two(name);
    }
    if files.has("kernel_2712.img") {
        return "kernel_2712.img is for a Pi 5, on which the card's U-Boot doesn't run".to_owned();
    }
    let others = ["extlinux", "EFI"].iter().find(|name| files.has(name));
    match others {
        Some(other) => {
            format!("it has no {KERNEL}, and its {other} directory isn't followed by the card's script")
        }
        None => format!(
            "there is no {KERNEL} on partition {}, and config.txt names no other kernel",
            files.number()
        ),
    }
}

fn thirty_two(kernel: &str) -> String {
    format!("{} is a kernel of 32 bits, and the card's U-Boot starts kernels of 64 bits", short(kernel))
}
