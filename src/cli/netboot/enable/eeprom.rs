//! `piprov netboot enable --eeprom IMAGE`: an image shown, or changed and laid out for a board to fetch.

use std::path::Path;

use jiff::Timestamp;

use super::{Enable, diff, explain, input, notes};
use crate::board::Model;
use crate::cli::eeprom::{heading, now, object, partitions};
use crate::cli::report::Usage;
use crate::cli::ui::{Style, Ui};
use crate::eeprom::files::Bootloader;
use crate::eeprom::image::{BOOTCONF, Part};
use crate::eeprom::update::{Signing, usual};
use crate::eeprom::{BootOrder, Needs};
use crate::format::json::json;
use crate::format::{hex, size};
use crate::netboot::enable::Update;

pub(super) fn run(args: &Enable, path: &Path, order: Option<BootOrder>, ui: &Ui) -> crate::cli::Result<()> {
    let chosen = Bootloader::new(path, input(path)?, Needs { model: args.board, mfg_ver: None })?;
    if order.is_none() && args.settings.is_empty() && args.output.is_none() {
        return show(&chosen, args.board, ui);
    }
    if args.settings.iter().any(|(key, _)| key == "BOOT_ORDER") && order.is_some() {
        return Err(Usage {
            message: "--order and --set BOOT_ORDER=… say the same thing twice".into(),
            hint: Some("Give one of them.".into()),
        }
        .into());
    }
    let edited = chosen.for_network(order, &args.settings, args.board)?;
    let Some(dir) = args.output.as_deref().or(args.dry_run.then_some(Path::new("."))) else {
        return Err(Usage {
            message: "it isn't said where the changed image goes".into(),
            hint: Some(
                "Give -o DIR, the directory that the board asks by TFTP; or --dry-run to see the change."
                    .into(),
            ),
        }
        .into());
    };
    let conf = &edited.conf;
    // Before anything is written.
    if !ui.json {
        edited.warnings.iter().for_each(|warning| ui.warn(warning));
        heading(path, &edited.image, ui);
        ui.result(format_args!("{}", ui.paint(Style::Strong, BOOTCONF)));
        if conf.changes().is_empty() {
            ui.result("  no line changes");
        }
        diff(conf.changes(), ui);
    }
    let update = Update::plan(dir, &edited.image, now()?)?;
    let (event, verb) = match update.signing {
        Signing::There(_) => ("unchanged", "unchanged"),
        Signing::New(_) if args.dry_run => ("would-write", "would write"),
        Signing::New(_) => ("wrote", "wrote"),
    };
    if event == "wrote" {
        update.write()?;
    }
    let sig = update.signing.sig();
    if ui.json {
        let remarks: Vec<_> = edited.warnings.iter().chain(&edited.notes).collect();
        ui.object(&json!({
            "event": event, "image": path, "family": edited.image.family(), "built": edited.image.built(),
            "changes": conf.changes(), "order": conf.order().map(|order| order.to_string()),
            "update": update.update(), "signature": update.signature(), "sha256": hex(&sig.sha256),
            "ts": sig.ts, "notes": remarks,
        }));
        return Ok(());
    }
    let proved = if event == "would-write" { "" } else { ", read back and equal" };
    let verb = ui.paint(Style::Good, verb);
    let length = size(edited.image.bytes().len() as u64);
    ui.result(format_args!("{verb} {}, {length}{proved}", update.update().display()));
    let sum = &hex(&sig.sha256)[..12];
    ui.result(format_args!("{verb} {}, sha256 {sum}…{proved}", update.signature().display()));
    notes(&edited.notes, ui);
    Ok(())
}

/// An image, its files and its configuration.
fn show(chosen: &Bootloader, board: Option<Model>, ui: &Ui) -> crate::cli::Result<()> {
    let Bootloader { path, image, conf } = chosen;
    let order = conf.order();
    if ui.json {
        ui.object(&object(path, &chosen.image, conf));
        return Ok(());
    }
    heading(path, image, ui);
    for file in image.files() {
        let what = match file.name {
            _ if file.part == Part::B => "",
            "pubkey.bin" if image.has_key() => ", a key for signatures",
            "bootconf.sig" if image.is_signed() => ", so bootconf.txt can't be changed without the key",
            _ => "",
        };
        let part = match file.part {
            Part::Whole => "",
            Part::A => "  A",
            Part::B => "  B",
        };
        ui.result(format_args!("file   {:<12} {:>6} bytes{part}{what}", file.name, file.content.len()));
    }
    partitions(image, ui);
    ui.result(format_args!("{}", ui.paint(Style::Strong, BOOTCONF)));
    for line in conf.text().lines() {
        ui.result(format_args!("  {line}"));
    }
    let family_order = order.unwrap_or(BootOrder::DEFAULT);
    let board = board.or_else(|| usual(image.family()));
    explain(family_order, board, &family_order.notes(board), ui);
    let mut remarks = conf.notes();
    if let Some(Ok(updated)) = image.updated().map(|time| Timestamp::from_second(time.into())) {
        remarks.push(format!("read from a board: its last update was made {}", updated.strftime("%Y-%m-%d")));
    }
    notes(&remarks, ui);
    Ok(())
}
