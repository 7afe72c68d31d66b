//! How an image is told: the same wherever one is shown.

use std::path::Path;

use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::cli::ui::{Style, Ui};
use crate::eeprom::files::place;
use crate::eeprom::image::{BOOTCONF, Image, Other};
use crate::eeprom::keys::Key;
use crate::eeprom::remarks::remarks;
use crate::eeprom::{BootConf, Scope, day, told, too_old_for};
use crate::format::json::json;
use crate::format::{hex, size};

/// An image as an object of `--json`.
pub(in crate::cli) fn object(path: &Path, image: &Image, conf: &BootConf) -> Value {
    let files = image.files().map(|file| {
        let (length, room) = (file.content.len(), file.room);
        json!({ "name": file.name, "part": file.part, "length": length, "room": room })
    });
    let sections = image.sections().map(|section| {
        json!({
            "what": section.what, "name": section.name, "part": section.part, "offset": section.offset,
            "length": section.content.len(), "sha256": hex(&Sha256::digest(section.content)),
        })
    });
    let settings = conf.lines().filter_map(|seen| {
        let crate::eeprom::What::Setting { key, value, exact } = seen.what else { return None };
        let (counts, filter) = match seen.scope {
            Scope::Always => ("always", None),
            Scope::Never => ("never", None),
            Scope::When(filter) => ("when", Some(filter)),
            Scope::Elsewhere => ("config-txt", None),
        };
        let known = Key::find(&key).ok().flatten().filter(|_| counts != "config-txt");
        Some(json!({
            "line": seen.number, "key": key, "value": value, "counts": counts, "filter": filter, "read": exact,
            "known": known.is_some(), "what": known.and_then(Key::what),
        }))
    });
    let order = conf.order();
    let modes = order.map(|order| order.modes().into_iter().map(|mode| mode.name()).collect::<Vec<_>>());
    json!({
        "event": "image", "image": path, "family": image.family(), "chip": image.family().chip(),
        "size": image.bytes().len(), "sha256": hex(&Sha256::digest(image.bytes())), "channel": place(path).channel,
        "built": image.built(), "version": image.version(), "mfg_ver": image.mfg_ver(), "updated": image.updated(),
        "ab": image.is_ab(), "partitions": image.other(), "signed": image.is_signed(),
        "counter_signed": image.is_counter_signed(), "public_key": image.has_key(),
        "key_hash": image.key_hash().map(|hash| hex(&hash)), "files": files.collect::<Vec<_>>(),
        "sections": sections.collect::<Vec<_>>(), "bootconf": conf.text(), "bootconf_b": image.bootconf_of_b(),
        "settings": settings.collect::<Vec<_>>(), "remarks": remarks(conf),
        "order": order.map(|order| order.to_string()), "modes": modes,
    })
}

/// The line above all others of an image.
pub(in crate::cli) fn heading(path: &Path, image: &Image, ui: &Ui) {
    let family = image.family();
    let built = image.built().and_then(day).map_or_else(String::new, |built| format!(", built {built}"));
    let version = image.mfg_ver().map_or_else(String::new, |version| format!(", MFG_VER {version}"));
    let halves = if image.is_ab() { ", two partitions (A/B)" } else { "" };
    ui.result(format_args!(
        "{}  {}, {} for {} ({}){built}{version}{halves}",
        ui.paint(Style::Strong, "image"),
        path.display(),
        size(image.bytes().len() as u64),
        family.boards(),
        family.chip()
    ));
}

/// All sections but padding, each with its sum.
pub(super) fn sections(image: &Image, ui: &Ui) {
    let mut rows = vec![["OFFSET", "SECTION", "BYTES", "SHA256", ""].map(str::to_owned)];
    for section in told::sections(image).into_iter().filter(|section| !section.is_padding || ui.verbose > 0) {
        rows.push([
            format!("{:#08x}", section.offset),
            section.name,
            section.length.to_string(),
            section.sha256[..12].to_owned(),
            section.note.to_owned(),
        ]);
    }
    crate::cli::table::tell(ui, Style::Faint, &rows);
}

/// The configuration, each setting with what it does.
pub(super) fn configuration(conf: &BootConf, ui: &Ui) {
    let lines: Vec<_> = conf.lines().collect();
    let told = lines.iter().map(|seen| Some([seen.text.clone(), told::what(seen)?.to_owned()]));
    let told: Vec<_> = told.collect();
    let rows: Vec<[String; 2]> = told.iter().flatten().cloned().collect();
    let width = ui.width_out.map(|width| width.saturating_sub(2));
    let mut rows = crate::cli::table::Columns::default().within(&rows, width).into_iter();
    for (seen, told) in lines.iter().zip(&told) {
        match told.as_ref().and_then(|_| rows.next()) {
            Some(lines) => lines.iter().for_each(|line| ui.result(format_args!("  {line}"))),
            None => ui.result(format_args!("  {}", seen.text)),
        }
    }
}

/// What is remarkable of an image and its configuration.
pub(super) fn remarkable(path: &Path, image: &Image, conf: &BootConf) -> Vec<String> {
    let mut all: Vec<String> = remarks(conf).iter().map(ToString::to_string).collect();
    all.extend(conf.notes());
    all.extend(too_old_for(image));
    if let Some(Ok(updated)) = image.updated().map(|time| Timestamp::from_second(time.into())) {
        all.push(format!("read from a board: its last update was made {}", updated.strftime("%Y-%m-%d")));
    }
    if let Some(chip) = place(path).chip.filter(|chip| *chip != image.family()) {
        all.push(format!("it lies in a directory for {}, and is for {}", chip.chip(), image.family().chip()));
    }
    all
}

/// What partition B is beside A, and its configuration where that differs.
pub(in crate::cli) fn partitions(image: &Image, ui: &Ui) {
    let Some(other) = image.other() else { return };
    let say = |text: &str| ui.result(format_args!("{} {text}", ui.paint(Style::Strong, "parts ")));
    match other {
        Other::Empty => say("B is empty, as published; A is what is changed"),
        Other::Same => say("B is equal to A; A is what is changed"),
        Other::Different { files, firmware } => {
            let mut what = files.clone();
            what.extend(firmware.then_some("its firmware"));
            say(&format!("B differs from A in {}; A is what is changed", what.join(", ")));
            if let Some(text) = image.bootconf_of_b().filter(|_| files.contains(&BOOTCONF)) {
                ui.result(format_args!("{}", ui.paint(Style::Strong, "bootconf.txt of B")));
                text.lines().for_each(|line| ui.result(format_args!("  {line}")));
            }
        }
    }
}
