//! How a fit is shown: the same in `check` and `build`.

use serde_json::Value;

use crate::cli::boots;
use crate::format::json::json;
use crate::format::{size, size_exact};
use crate::image::Image;
use crate::image::table::{Entry, Partition, Scheme};
use crate::uboot::card::Fit;
use crate::uboot::layout::CardInfo;

/// The lines that tell how an image lies on a card.
pub(super) fn lines(image: &Image, fit: &Fit, card: &CardInfo) -> Vec<String> {
    let mut lines = vec![image_line(image, fit)];
    lines.push(format!(
        "u-boot  partition 1, {} at {}, is not touched by a flash",
        size(card.uboot_len),
        size(card.uboot_start)
    ));
    lines.push(match fit.layout.shift {
        0 => "shift   none: the image's partitions stay where they are".to_owned(),
        shift => format!("shift   {} towards the end of the card", size(shift)),
    });
    lines.push(String::new());
    lines.push(format!(
        "{:>4} {:>4}  {:>12}  {:>12}  {:>10}  TYPE",
        "OLD", "NEW", "IN IMAGE", "ON CARD", "SIZE"
    ));
    for moved in &fit.layout.partitions {
        lines.push(format!(
            "{:>4} {:>4}  {:>12}  {:>12}  {:>10}  {}",
            moved.old.number,
            moved.number,
            size(moved.old.start),
            size(moved.start),
            size(moved.old.len),
            kind(&moved.old)
        ));
    }
    let mut last = None;
    for line in &fit.followed.lines {
        if last != Some((&line.file, line.partition)) {
            lines.push(String::new());
            lines.push(format!("{} on partition {} is rewritten:", line.file, line.partition));
            last = Some((&line.file, line.partition));
        }
        lines.push(format!("  - {}", line.before));
        lines.push(format!("  + {}", line.after));
    }
    lines.push(String::new());
    lines.extend(boots::lines(&fit.answers));
    for note in fit.layout.notes.iter().chain(&fit.followed.notes) {
        lines.push(format!("note    {note}"));
    }
    lines.push(format!("card    {} or more", size_exact(fit.layout.card_len)));
    lines
}

fn image_line(image: &Image, fit: &Fit) -> String {
    let len = match image.raw_len() {
        Some(len) => format!("{} raw", size(len)),
        None => "length not known yet".to_owned(),
    };
    let table = match fit.table.scheme {
        Scheme::Mbr { disk_id } => format!("MBR {disk_id:08x}"),
        Scheme::Gpt { .. } => "GPT".to_owned(),
    };
    format!("image   {} ({}), {len}, {table}", image.name(), image.format())
}

/// What a partition is for, as far as the table tells.
fn kind(partition: &Partition) -> String {
    match &partition.entry {
        Entry::Mbr { kind, .. } => {
            let name = match kind {
                0x01 => "FAT12",
                0x04 | 0x06 | 0x0e => "FAT16",
                0x0b | 0x0c => "FAT32",
                0x05 | 0x0f | 0x85 => "extended",
                0x82 => "swap",
                0x83 => "Linux",
                0xef => "EFI",
                _ => return format!("{kind:02x}"),
            };
            format!("{name} ({kind:02x})")
        }
        Entry::Gpt { name, .. } => name.clone(),
    }
}

/// The same as an object.
pub(super) fn object(image: &Image, fit: &Fit, card: &CardInfo) -> Value {
    let partitions: Vec<Value> = fit
        .layout
        .partitions
        .iter()
        .map(|moved| {
            json!({
                "number": moved.old.number,
                "start": moved.old.start,
                "size": moved.old.len,
                "type": kind(&moved.old),
                "card_number": moved.number,
                "card_start": moved.start,
            })
        })
        .collect();
    let table = match fit.table.scheme {
        Scheme::Mbr { .. } => "mbr",
        Scheme::Gpt { .. } => "gpt",
    };
    let notes: Vec<&String> = fit.layout.notes.iter().chain(&fit.followed.notes).collect();
    json!({
        "image": image.path(),
        "format": image.format(),
        "raw_size": image.raw_len(),
        "table": table,
        "fits": true,
        "uboot_start": card.uboot_start,
        "uboot_size": card.uboot_len,
        "shift": fit.layout.shift,
        "card_size": fit.layout.card_len,
        "partitions": partitions,
        "rewrites": fit.followed.lines,
        "boot": fit.answers,
        "notes": notes,
    })
}
