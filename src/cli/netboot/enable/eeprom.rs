//! `piprov netboot enable --eeprom IMAGE`: an image shown, or changed and laid out for a board to fetch.

use std::path::Path;

use jiff::Timestamp;
use rustix::io::Errno;

use super::{Enable, Error, diff, explain, file, notes};
use crate::beneath::Dir;
use crate::board::{Family, Model};
use crate::cli::report::Usage;
use crate::cli::ui::{Style, Ui};
use crate::eeprom::image::{BOOTCONF, Other, Part};
use crate::eeprom::{BootConf, BootOrder, Image, Sig};
use crate::format::json::json;
use crate::format::{hex, size};

/// The files that a bootloader looks for beside its boot files.
const UPDATE: &str = "pieeprom.upd";
const SIGNATURE: &str = "pieeprom.sig";

/// The first bootloaders that update themselves over the network, in seconds since 1970: 2021-01-01.
const SELF_UPDATE: u64 = 1_609_459_200;

pub(super) fn run(args: &Enable, path: &Path, order: Option<BootOrder>, ui: &Ui) -> crate::cli::Result<()> {
    let image = Image::parse(file::read(path)?).map_err(Error::content(path))?;
    if let Some(board) = args.board.filter(|board| board.family() != Some(image.family())) {
        return Err(Usage {
            message: format!(
                "{} is an image for {}, not for a {board}",
                path.display(),
                image.family().boards()
            ),
            hint: Some("Images for both are in the package rpi-eeprom, in directories of their own.".into()),
        }
        .into());
    }
    let mut conf = BootConf::parse(image.bootconf().map_err(Error::content(path))?);
    if order.is_none() && args.settings.is_empty() && args.output.is_none() {
        return show(path, &image, &conf, args.board, ui);
    }
    if args.settings.iter().any(|(key, _)| key == "BOOT_ORDER") && order.is_some() {
        return Err(Usage {
            message: "--order and --set BOOT_ORDER=… say the same thing twice".into(),
            hint: Some("Give one of them.".into()),
        }
        .into());
    }
    if let Some(order) = order {
        conf.set("BOOT_ORDER", &order.to_string())?;
    }
    for (key, value) in &args.settings {
        conf.set(key, value)?;
    }
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
    let changed = match conf.changes() {
        [] => image.clone(),
        _ => image.with_bootconf(&conf.text()).map_err(Error::content(path))?,
    };
    // Before anything is written.
    let mut remarks = conf.warnings();
    if !ui.json {
        remarks.drain(..).for_each(|warning| ui.warn(warning));
    }
    remarks.append(&mut conf.notes());
    if let Some(order) = conf.order() {
        remarks.extend(order.notes(args.board.or_else(|| usual(image.family()))));
    }
    remarks.extend(about_update(&changed));
    if !ui.json {
        heading(path, &changed, ui);
        ui.result(format_args!("{}", ui.paint(Style::Strong, BOOTCONF)));
        if conf.changes().is_empty() {
            ui.result("  no line changes");
        }
        diff(conf.changes(), ui);
    }
    let written = write(args, dir, &changed, ui)?;
    if ui.json {
        ui.object(&json!({
            "event": written.event, "image": path, "family": changed.family(), "built": changed.built(),
            "changes": conf.changes(), "order": conf.order().map(|order| order.to_string()),
            "update": dir.join(UPDATE), "signature": dir.join(SIGNATURE), "sha256": hex(&written.sig.sha256),
            "ts": written.sig.ts, "notes": remarks,
        }));
        return Ok(());
    }
    notes(&remarks, ui);
    Ok(())
}

/// What became of the pair.
struct Written {
    event: &'static str,
    sig: Sig,
}

/// Writes the pair, the signature last: without it no board takes the update.
fn write(args: &Enable, dir: &Path, image: &Image, ui: &Ui) -> crate::cli::Result<Written> {
    let update = dir.join(UPDATE);
    let place = match Dir::open(dir) {
        Ok(place) => place,
        Err(Errno::NOENT | Errno::NOTDIR) => return Err(Error::NoDirectory { dir: dir.to_owned() }.into()),
        Err(error) => return Err(Error::os("opening", dir)(error.into()).into()),
    };
    let there = file::read_in(&place, SIGNATURE)?;
    let there = there.and_then(|bytes| Sig::parse(std::str::from_utf8(&bytes).ok()?).ok());
    let same = file::read_in(&place, UPDATE)?.is_some_and(|bytes| bytes == image.bytes());
    if let Some(sig) = there.clone().filter(|sig| same && sig.fits(image.bytes())) {
        say(ui, "unchanged", &update, image, &sig);
        return Ok(Written { event: "unchanged", sig });
    }
    // A bootloader takes only an update that is newer than its last one.
    let before = there.and_then(|sig| sig.ts);
    let sig = image.sig(now()?.max(before.map_or(0, |before| before.saturating_add(1))));
    if args.dry_run {
        say(ui, "would write", &update, image, &sig);
        return Ok(Written { event: "would-write", sig });
    }
    place.unlink(SIGNATURE).map_err(|error| Error::os("removing", &place.at(SIGNATURE))(error.into()))?;
    file::replace(&place, UPDATE, image.bytes())?;
    file::replace(&place, SIGNATURE, sig.to_string().as_bytes())?;
    say(ui, "wrote", &update, image, &sig);
    Ok(Written { event: "wrote", sig })
}

fn say(ui: &Ui, verb: &str, update: &Path, image: &Image, sig: &Sig) {
    if ui.json {
        return;
    }
    let proved = if verb.contains("would") { "" } else { ", read back and equal" };
    let verb = ui.paint(Style::Good, verb);
    ui.result(format_args!("{verb} {}, {}{proved}", update.display(), size(image.bytes().len() as u64)));
    ui.result(format_args!(
        "{verb} {}, sha256 {}…{proved}",
        update.with_file_name(SIGNATURE).display(),
        &hex(&sig.sha256)[..12]
    ));
}

/// The time that goes into the signature: now, or what reproducible builds ask for.
fn now() -> Result<u64, Usage> {
    let Some(text) = std::env::var_os("SOURCE_DATE_EPOCH").filter(|text| !text.is_empty()) else {
        return Ok(u64::try_from(Timestamp::now().as_second()).unwrap_or(0));
    };
    text.to_str().and_then(|text| text.parse().ok()).ok_or_else(|| Usage {
        message: format!("SOURCE_DATE_EPOCH={} is no time", text.to_string_lossy().escape_debug()),
        hint: Some("It is a number of seconds since 1970, or not set.".into()),
    })
}

/// What a board does with the update.
fn about_update(image: &Image) -> Vec<String> {
    let mut notes = Vec::new();
    if image.built().is_some_and(|built| built < SELF_UPDATE) {
        notes.push("this bootloader is of before 2021: once it is in the EEPROM, the board takes no update over the network".to_owned());
    }
    notes.push(
        "every board that asks that directory takes it when it boots over the network next, if its bootloader is of \
         2021 or later, without ENABLE_SELF_UPDATE=0 or FREEZE_VERSION=1, and its last update is older than this one"
            .to_owned(),
    );
    notes
}

fn heading(path: &Path, image: &Image, ui: &Ui) {
    let family = image.family();
    let built = image.built().and_then(|built| Timestamp::from_second(i64::try_from(built).ok()?).ok());
    let built = built.map_or_else(String::new, |built| format!(", built {}", built.strftime("%Y-%m-%d")));
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

/// An image, its files and its configuration.
fn show(
    path: &Path,
    image: &Image,
    conf: &BootConf,
    board: Option<Model>,
    ui: &Ui,
) -> crate::cli::Result<()> {
    let order = conf.order();
    if ui.json {
        let files = image.files().map(|file| {
            let (length, room) = (file.content.len(), file.room);
            json!({ "name": file.name, "part": file.part, "length": length, "room": room })
        });
        ui.object(&json!({
            "event": "image", "image": path, "family": image.family(), "built": image.built(),
            "mfg_ver": image.mfg_ver(), "updated": image.updated(), "ab": image.is_ab(), "partitions": image.other(),
            "signed": image.is_signed(), "public_key": image.has_key(), "files": files.collect::<Vec<_>>(),
            "bootconf": conf.text(), "bootconf_b": image.bootconf_of_b(),
            "order": order.map(|order| order.to_string()),
        }));
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
    explain(family_order, board.or_else(|| usual(image.family())), ui);
    let mut remarks = conf.notes();
    if let Some(Ok(updated)) = image.updated().map(|time| Timestamp::from_second(time.into())) {
        remarks.push(format!("read from a board: its last update was made {}", updated.strftime("%Y-%m-%d")));
    }
    notes(&remarks, ui);
    Ok(())
}

/// What partition B is beside A, and its configuration where that differs.
fn partitions(image: &Image, ui: &Ui) {
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

/// The board that an image is for, where nobody said which: the one that isn't a Compute Module.
fn usual(family: Family) -> Option<Model> {
    (family == Family::Pi5).then_some(Model::Pi5)
}
