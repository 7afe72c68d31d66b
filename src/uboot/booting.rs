//! How a flashed image boots: the forecast for it, and the `boot.scr` that tells U-Boot what to load where config.txt asks for
//! other files than the card's own script looks for, or for overlays of the device tree. The file is put into the image's boot partition while it is
//! flashed, as a few sectors more; the image itself stays as it is. Cards that were made before know it too: their
//! script runs a `boot.scr` of partition 2 first.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::sync::Arc;

use super::layout::{self, CardInfo};
use super::script_image;
use crate::board::Model;
use crate::contents::Budget;
use crate::contents::forecast::{Answers, By, Forecast, Load, MARK, OverlayFile, overlays_told};
use crate::format::{brief, size};
use crate::image::error::is_damage;
use crate::image::files::{self, Arguments, FatFile, NewNames, Patch};
use crate::image::own_len;
use crate::image::read_at::ReadAt;
use crate::image::table::{BLOCK, Scheme, Table};

/// What U-Boot's script has to be called.
const NAME: &str = "boot.scr";
/// So much of an image is read to find the files that name partitions, where nobody waits for a flash.
const LOOK: u64 = 256 << 20;
/// Notes of one forecast.
const NOTES: usize = 40;
/// Characters of one of them.
const NOTE: usize = 400;

/// How an image boots on a recovery card.
#[derive(Debug, Clone, Default)]
pub struct Booting {
    /// What U-Boot and the Pi's own firmware do.
    pub answers: Answers,
    /// What adds `boot.scr`, where it needs one.
    pub patches: Vec<Patch>,
}

impl Booting {
    /// Looks at an image whose partitions get these names. Waits for the parts of the image that hold its boot partition.
    ///
    /// # Errors
    /// Only when the image can't be read.
    pub fn of(image: &Arc<dyn ReadAt>, table: &Table, new: &NewNames) -> io::Result<Self> {
        let mut answers = Answers::of(image, table)?;
        for load in &mut answers.card.loads {
            let renamed = files::renamed_arguments(table, new, &load.arguments);
            // The scripts do so: U-Boot hands no `serial0` on.
            load.arguments = renamed.replacen("serial0", "ttyS0", 1);
        }
        let mut booting = Self { answers, patches: Vec::new() };
        let card = &booting.answers.card;
        if card.by == By::Added || !card.overlays.is_empty() {
            booting.add(image, table, &new.numbers)?;
        }
        Ok(booting)
    }

    /// Files with the kernel's arguments.
    pub(super) fn arguments(&self) -> Vec<Arguments> {
        let loads = self.answers.card.loads.iter().filter(|load| !load.cmdline.is_empty());
        let given = |load: &Load| Arguments {
            partition: load.partition,
            file: load.cmdline.clone(),
            initramfs: !load.initramfs.is_empty(),
        };
        let mut files: Vec<_> = loads.map(given).collect();
        files.sort();
        files.dedup();
        files
    }

    fn add(
        &mut self,
        image: &Arc<dyn ReadAt>,
        table: &Table,
        numbers: &BTreeMap<u32, u32>,
    ) -> io::Result<()> {
        let first = table.partitions.iter().min_by_key(|partition| partition.number);
        let Some(first) = first else { return Ok(()) };
        let text = script(&self.answers.card, numbers);
        let file = FatFile { path: NAME.to_owned(), bytes: script_image::wrap(&text, "piprov", 0) };
        match files::fat_put(image, first, &[file], 0) {
            Ok(patches) => self.patches = patches,
            Err(files::PutError::Unreadable { source, .. }) if !is_damage(&source) => {
                return Err(source);
            }
            Err(error) if self.answers.card.by == By::Added => {
                self.answers.card = Forecast {
                    starts: Some(false),
                    why: format!(
                        "U-Boot needs a {NAME} to follow config.txt, and it can't be added: {error}"
                    ),
                    notes: std::mem::take(&mut self.answers.card.notes),
                    ..Forecast::default()
                };
                return Ok(());
            }
            // The card's own script starts it, without them.
            Err(error) => {
                let overlays = overlays_told(&std::mem::take(&mut self.answers.card.overlays));
                self.answers.card.notes.push(format!(
                    "U-Boot doesn't apply config.txt's overlays ({overlays}): it needs a {NAME}, which can't be added: {error}."
                ));
                return Ok(());
            }
        }
        let card = &mut self.answers.card;
        card.by = By::Added;
        if !card.overlays.is_empty() {
            card.notes.push(format!(
                "U-Boot applies these overlays, as config.txt has them now: {}. A later change of config.txt changes nothing.",
                overlays_told(&card.overlays)
            ));
        }
        Ok(())
    }
}

/// What the U-Boot of a recovery card will do with an image that nobody flashes yet: the same that a flash says of it, on a card
/// with the usual place for U-Boot. `None` where the image has no partition table.
///
/// # Errors
/// Only when the image can't be read.
pub fn forecast(image: &Arc<dyn ReadAt>) -> io::Result<Option<Forecast>> {
    // What is wrong with a table is told where it is shown.
    let Ok(Some(table)) = Table::read(&**image) else { return Ok(None) };
    let len = image.size()?;
    let needed = match table.last() {
        Some(last) if len < last.end() => own_len::needed(&**image, last)?,
        _ => None,
    };
    let layout = match layout::plan_within(&table, Some(len), needed, &CardInfo::default()) {
        Ok(layout) => layout,
        Err(error) => {
            let why = error.to_string();
            return Ok(Some(Forecast { starts: Some(false), why, ..Forecast::default() }));
        }
    };
    let names = layout.names();
    let booting = Booting::of(image, &table, &names)?;
    let arguments = booting.arguments();
    let mut card = booting.answers.card;
    let budget: Arc<dyn ReadAt> = Arc::new(Budget::new(Arc::clone(image), LOOK));
    let followed = match files::follow_with(&budget, &table, &names, &arguments) {
        Err(error) if is_damage(&error) => files::Followed::default(),
        followed => followed?,
    };
    for note in layout.notes.iter().chain(&followed.notes) {
        let note = brief(note, NOTE);
        if card.notes.len() < NOTES && !card.notes.contains(&note) {
            card.notes.push(note);
        }
    }
    Ok(Some(card))
}

/// Data between the image's table and its first partition, which stay off the card because U-Boot's partition is there: a boot
/// loader for another board, say. A sentence, or `None` where there are only zeros.
///
/// # Errors
/// When the image can't be read.
pub fn dropped(image: &Arc<dyn ReadAt>, table: &Table) -> io::Result<Option<String>> {
    /// Nobody has more there.
    const MOST: u64 = 64 << 20;
    let from = match table.scheme {
        Scheme::Mbr { .. } => BLOCK,
        Scheme::Gpt { .. } => 34 * BLOCK,
    };
    let end = table.first_partition_start().unwrap_or(0).min(MOST);
    let (mut at, mut first, mut blocks) = (from, None, 0u64);
    let mut buffer = vec![0; 256 << 10];
    while at < end {
        let len = usize::try_from(end - at).unwrap_or(usize::MAX).min(buffer.len());
        let got = image.read_at(&mut buffer[..len], at)?;
        if got == 0 {
            break;
        }
        for (index, block) in buffer[..got].chunks(BLOCK as usize).enumerate() {
            if block.iter().any(|byte| *byte != 0) {
                first.get_or_insert(at + index as u64 * BLOCK);
                blocks += 1;
            }
        }
        at += got as u64;
    }
    Ok(first.map(|first| {
        format!(
            "In front of its first partition the image has {} of data, from byte {first} on. They stay off the card: U-Boot's \
             partition is there.",
            size(blocks * BLOCK)
        )
    }))
}

/// The script for U-Boot. No path in it has a character that its shell would obey: the forecast sees to that.
fn script(forecast: &Forecast, numbers: &BTreeMap<u32, u32>) -> String {
    let mut text = format!(
        "{MARK}, for the U-Boot of a recovery card. The next flash makes it anew.\n\
         # It loads what config.txt named when the card was flashed, and applies its overlays of then. A system that\n\
         # changes them has to change them here too, or to delete this file where kernel8.img, initramfs8 and\n\
         # cmdline.txt are right.\n\
         setenv bs_kernel\n"
    );
    for load in &forecast.loads {
        text.push_str(&for_boards(&load.boards, &settings(load, numbers)));
    }
    text.push_str("setenv bs_overlays\n");
    for overlays in &forecast.overlays {
        let commands: Vec<_> = overlays.files.iter().map(applying).collect();
        text.push_str(&for_boards(
            &overlays.boards,
            &format!("setenv bs_overlays '{}'\n", commands.join("; ")),
        ));
    }
    text.push_str(REST);
    text
}

/// Lines that count on these boards, or on all where none is named.
fn for_boards(boards: &[Model], lines: &str) -> String {
    if boards.is_empty() {
        return lines.to_owned();
    }
    let mut text = String::new();
    for board in boards {
        let _ = writeln!(text, "if test \"${{board_rev}}\" = \"0x{:X}\"; then # {board}", board.type_field());
        for line in lines.lines() {
            let _ = writeln!(text, "\t{line}");
        }
        text.push_str("fi\n");
    }
    text
}

fn settings(load: &Load, numbers: &BTreeMap<u32, u32>) -> String {
    let partition = numbers.get(&load.partition).copied().unwrap_or(load.partition);
    let values = [
        // U-Boot reads partitions' numbers in hexadecimal.
        ("part", format!("{partition:x}")),
        ("kernel", load.kernel.clone()),
        ("initramfs", words(&load.initramfs)),
        ("cmdline", load.cmdline.clone()),
        ("tree", load.device_tree.clone()),
    ];
    values.iter().map(|(name, value)| setting(name, value)).collect()
}

/// What applies one overlay. A label on what an overlay adds is a `phandle` there, which libfdt would put in the place of that of
/// the node that it is added to (fdt_overlay.c: `overlay_apply_node`, and then `overlay_symbol_update` doesn't find its
/// target any more). Only parameters need it, and U-Boot sets none.
fn applying(overlay: &OverlayFile) -> String {
    let labels: Vec<_> =
        overlay.labelled.iter().map(|fragment| format!("fdt rm /{fragment}/__overlay__ phandle")).collect();
    let labels = if labels.is_empty() { String::new() } else { format!(" \"{}\"", labels.join("; ")) };
    format!("setenv bs_overlay {}; setenv bs_labels{labels}; run bs_apply", overlay.path)
}

/// Several files as one value.
fn words(files: &[String]) -> String {
    if files.len() > 1 { format!("'{}'", files.join(" ")) } else { files.concat() }
}

fn setting(name: &str, value: &str) -> String {
    format!("setenv bs_{name} {value}").trim_end().to_owned() + "\n"
}

/// What the script does with these settings. The places in memory are counted from the kernel's: 112 MiB for it, four
/// places of 4 MiB for device trees and an overlay, from 128 MiB on 96 MiB to unpack it, and from 224 MiB on the initramfs.
/// That fits boards with 512 MiB, of which the graphics processor has 64.
const REST: &str = r#"setexpr bs_tree_at ${kernel_addr_r} + 7000000
setexpr kernel_comp_addr_r ${kernel_addr_r} + 8000000
setenv kernel_comp_size 6000000
setexpr bs_initramfs_at ${kernel_addr_r} + e000000
# The arguments: the file's first line, behind `bs_args=`, as a text that env import reads.
setenv bs_args
if test "${bs_cmdline}" != ""; then
	mw.l ${loadaddr} 615f7362
	setexpr bs_at ${loadaddr} + 4
	mw.l ${bs_at} 3d736772
	setexpr bs_at ${loadaddr} + 8
	setenv filesize 0
	if load ${devtype} ${devnum}:${bs_part} ${bs_at} ${bs_cmdline}; then
		setexpr bs_len ${filesize} + 8
		env import -t ${loadaddr} ${bs_len} bs_args
		setexpr bs_args sub serial0 ttyS0
	fi
fi
if test "${bs_kernel}" != ""; then
	echo "piprov: ${bs_kernel} of partition ${bs_part}, as config.txt has it"
	# The firmware's device tree knows this board, and has the arguments that the firmware would add.
	setenv bs_fw
	setenv bs_fdt ${fdt_addr}
	if test "${bs_fdt}" = ""; then
		if load ${devtype} ${devnum}:${bs_part} ${bs_tree_at} ${fdtfile}; then
			setenv bs_fdt ${bs_tree_at}
		else
			setenv bs_fdt ${fdtcontroladdr}
		fi
	else
		fdt addr ${bs_fdt}
		fdt get value bs_fw /chosen bootargs
	fi
	if test "${bs_tree}" != ""; then
		if load ${devtype} ${devnum}:${bs_part} ${bs_tree_at} ${bs_tree}; then
			setenv bs_fdt ${bs_tree_at}
		fi
	fi
	# Each overlay goes onto a copy, for one that doesn't fit this tree spoils it. 1 MiB is room enough for all of them.
	# Arguments that an overlay brings are behind those of the firmware, which does so too. No name below is that of a
	# loop's variable: the shell would take the environment's.
	setexpr bs_next ${kernel_addr_r} + 7400000
	setexpr bs_other ${kernel_addr_r} + 7800000
	setexpr bs_at ${kernel_addr_r} + 7c00000
	setenv bs_apply 'setenv bs_ok; if load ${devtype} ${devnum}:${bs_part} ${bs_at} ${bs_overlay}; then fdt addr ${bs_at}; if test "${bs_labels}" != ""; then run bs_labels; fi; fdt addr ${bs_fdt}; if fdt move ${bs_fdt} ${bs_next} 100000; then if fdt apply ${bs_at}; then setenv bs_ok yes; fi; fi; fi; if test "${bs_ok}" = "yes"; then setenv bs_fdt ${bs_next}; setenv bs_next ${bs_other}; setenv bs_other ${bs_fdt}; setenv bs_more; fdt get value bs_more /chosen bootargs; if test "${bs_more}" != "${bs_was}"; then setenv bs_fw "${bs_fw} ${bs_more}"; setenv bs_was "${bs_more}"; fi; else echo "piprov: the overlay ${bs_overlay} does not fit this device tree"; fi'
	if test "${bs_overlays}" != ""; then
		fdt addr ${bs_fdt}
		setenv bs_was
		fdt get value bs_was /chosen bootargs
		run bs_overlays
	fi
	setenv bs_ramdisk -
	setenv bs_at ${bs_initramfs_at}
	setenv bs_len 0
	for bs_file in ${bs_initramfs}; do
		setenv filesize 0
		if load ${devtype} ${devnum}:${bs_part} ${bs_at} ${bs_file}; then
			setexpr bs_at ${bs_at} + ${filesize}
			setexpr bs_len ${bs_len} + ${filesize}
			setenv bs_ramdisk ${bs_initramfs_at}:${bs_len}
		fi
	done
	# In quotes: U-Boot refuses commands of more than 16 words, and a Pi's firmware alone adds 10.
	setenv bootargs "${bs_fw} ${bs_args}"
	if load ${devtype} ${devnum}:${bs_part} ${kernel_addr_r} ${bs_kernel}; then
		booti ${kernel_addr_r} ${bs_ramdisk} ${bs_fdt}
	fi
	echo "piprov: ${bs_kernel} does not start"
fi
"#;

#[cfg(test)]
mod tests;
