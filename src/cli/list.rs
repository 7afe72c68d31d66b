//! `piprov list`.

use std::collections::BTreeMap;
use std::path::Path;

use crate::board::identity::Identity;
use crate::board::{Chip, PortPath, Who};
use crate::cli::remedy;
use crate::cli::table;
use crate::cli::ui::{Style, Ui};
use crate::cli::{Global, common};
use crate::config::usb::BoardRule;
use crate::format::printable;
use crate::live::{EntryKind, Tree};
use crate::usb::Error;
use crate::usb::access::Access;
use crate::usb::boot::BootOptions;
use crate::usb::choose::{Decision, Seen};
use crate::usb::rules::Rules;
use crate::usb::sysfs::{Sysfs, may_open};
use crate::usb::transport::Device;
use crate::usb::wait_for::Wanted;

/// Show the boards that are attached over USB, and why one can't be used
///
/// Boot ROMs, boards that ask for files, and what boards have become: first-stage and mass storage gadgets, fastboot.
/// OVERLAY says whose files the live tree has for the port. With rules in the setting usb.board the last column says
/// which is for a board. Nothing is opened, so no permission is needed.
#[derive(Debug, clap::Args)]
pub struct List {}

/// A board at a port.
#[derive(Debug, PartialEq, serde::Serialize)]
struct Row {
    #[serde(skip)]
    port: PortPath,
    #[serde(skip)]
    chip: Option<Chip>,
    /// What it calls itself, or the boards with its chip.
    #[serde(rename = "product")]
    board: String,
    serial: Option<String>,
    state: String,
    usable: bool,
    overlay: Option<String>,
    /// Which rule of the settings is for it, where there are rules.
    rule: Option<String>,
    hint: Option<String>,
}

impl List {
    pub(super) fn run(self, global: &Global, ui: &Ui) -> crate::cli::Result<()> {
        let settings = common::settings(global, ui)?;
        let sysfs = Sysfs::default();
        let why = || format!("there is no {}", sysfs.root().join("bus/usb/devices").display());
        let devices = sysfs.devices().ok_or_else(|| Error::Host { what: "listing devices", why: why() })?;
        let overlays = overlays(&settings.usb.live.value, &settings.usb.clients.value);
        let rules = &settings.usb.boards.value;
        let rows: Vec<Row> = devices
            .iter()
            .filter_map(|device| {
                let row = row(&sysfs, device, settings.usb.gadget.value, &overlays, &may_open)?;
                Some(Row { rule: rule(rules, device), ..row })
            })
            .collect();
        show(ui, &rows);
        Ok(())
    }
}

/// What the rules of the settings say of a board that waits; `None` without rules.
fn rule(rules: &[BoardRule], device: &Device) -> Option<String> {
    let seen = Seen::of(device).filter(|seen| seen.state.chip().is_some() && !rules.is_empty())?;
    let others = Decision::Leave(String::new());
    let rules = Rules::new(rules.to_vec(), Vec::new(), BootOptions::default(), others);
    let what = rules.of(&seen.board).map(|(_, rule)| match &rule.payload {
        Some(dir) => format!("{}, ", dir.display()),
        None => "left alone, ".to_owned(),
    });
    Some(format!("{}{}", what.unwrap_or_default(), rules.why(&seen.board)))
}

/// The clients whose files the live tree has, by port. An entry that can't be read has no client.
fn overlays(live: &Path, clients: &Path) -> BTreeMap<PortPath, String> {
    let Ok(tree) = Tree::new(live, clients) else { return BTreeMap::new() };
    let entries = tree.entries().unwrap_or_default().into_iter();
    entries
        .filter_map(|entry| {
            let port = entry.name.to_str()?.parse().ok()?;
            let client = match &entry.kind {
                EntryKind::Overlay(overlay) => tree.client_name(&overlay.target),
                other => other.describe(),
            };
            Some((port, client))
        })
        .collect()
}

/// What a device is; `None` for one that is no board.
fn row(
    sysfs: &Sysfs,
    device: &Device,
    gadget: (u16, u16),
    overlays: &BTreeMap<PortPath, String>,
    may_open: &dyn Fn(&Path) -> bool,
) -> Option<Row> {
    let port = device.port;
    let identity = match device.identity() {
        Some(identity) => identity,
        None if (device.vendor, device.product) == gadget => Identity::FirstStage,
        None => return None,
    };
    let text = |name: &str| sysfs.attribute(port, name).map(|text| printable(text.as_bytes()));
    let board = match identity.chip() {
        Some(chip) => format!("{chip} ({})", chip.boards()),
        None => text("product").unwrap_or_else(|| "Raspberry Pi".to_owned()),
    };
    let serial = match identity.chip() {
        Some(_) => device.board_serial().map(|serial| serial.to_string()),
        None => text("serial").filter(|serial| !serial.is_empty()),
    };
    let in_use = sysfs.drivers(port).iter().any(|driver| driver == "usbfs");
    let (mut state, mut hint) = match identity {
        Identity::Rom(_) if in_use => ("boot ROM, served".to_owned(), None),
        Identity::Rom(_) => ("boot ROM, waiting".to_owned(), None),
        Identity::FileServer(_) if in_use => ("second stage, served".to_owned(), None),
        Identity::FileServer(_) => ("second stage, waiting".to_owned(), None),
        booted => {
            let wanted = match booted {
                Identity::FirstStage => Wanted::Serial,
                Identity::Fastboot => Wanted::Fastboot,
                _ => Wanted::Block,
            };
            let devices = sysfs.appeared(port, wanted).into_iter().map(|one| one.device);
            let devices: Vec<String> =
                devices.map(|device| device.trim_start_matches("/dev/").to_owned()).collect();
            let devices = if booted == Identity::Fastboot { Vec::new() } else { devices };
            let mut parts = vec![booted.to_string()];
            parts.extend(devices);
            (parts.join(", "), None)
        }
    };
    let mut usable = true;
    if identity.chip().is_some() && !may_open(&device.node()) {
        state = format!("{state}, no permission");
        hint = Some(remedy::hint(&Access::look(Path::new("/"), Some(&device.node())).remedy()));
        usable = false;
    }
    Some(Row {
        port,
        chip: identity.chip(),
        board,
        serial,
        state,
        usable,
        overlay: overlays.get(&port).cloned(),
        rule: None,
        hint,
    })
}

/// What makes a board show itself.
pub(super) const NO_BOARD: &str = "A board shows itself when it finds nothing else to boot: take the SD card out, or \
     fit the jumper (EMMC_DISABLE, nRPIBOOT), or hold the power button of a Pi 5; then plug it in again.";

fn show(ui: &Ui, rows: &[Row]) {
    if ui.json {
        for row in rows {
            let serial = row.serial.as_deref().and_then(|serial| serial.parse().ok());
            ui.named("attached", Some(&Who { chip: row.chip, serial, ..Who::at(row.port) }), row);
        }
        return;
    }
    if rows.is_empty() {
        ui.say("no board is attached over USB");
        ui.say(format_args!("  {} {}", ui.paint_err(Style::Strong, "hint:"), NO_BOARD));
        return;
    }
    // The last column stands where it says something.
    let rules = rows.iter().any(|row| row.rule.is_some());
    let title = if rules { "SERVED BY USBBOOT" } else { "" };
    let mut lines = vec![["PORT", "BOARD", "SERIAL", "STATE", "OVERLAY", title].map(str::to_owned)];
    lines.extend(rows.iter().map(|row| {
        [
            row.port.to_string(),
            row.board.clone(),
            row.serial.clone().unwrap_or_else(|| "not in the ROM".to_owned()),
            row.state.clone(),
            row.overlay.clone().unwrap_or_else(|| "none".to_owned()),
            row.rule.clone().unwrap_or_default(),
        ]
    }));
    let mut hints: Vec<&str> = rows.iter().filter_map(|row| row.hint.as_deref()).collect();
    hints.dedup();
    table::tell(ui, Style::Strong, &lines);
    for hint in hints {
        ui.say(format_args!("{} {hint}", ui.paint_err(Style::Strong, "hint:")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// Port, ids, serial index, attributes.
    type Attached<'a> = (&'a str, (u16, u16), u8, &'a [(&'a str, &'a str)]);

    /// A kernel with these devices.
    fn kernel(devices: &[Attached]) -> (tempfile::TempDir, Sysfs) {
        let root = tempfile::tempdir().unwrap();
        for (port, (vendor, product), index, attributes) in devices {
            let dir = root.path().join("bus/usb/devices").join(port);
            fs::create_dir_all(&dir).unwrap();
            let mut bytes = vec![18, 1, 0, 2, 0, 0, 0, 64];
            bytes.extend(vendor.to_le_bytes());
            bytes.extend(product.to_le_bytes());
            bytes.extend([0, 0, 1, 2, *index, 1]);
            fs::write(dir.join("descriptors"), bytes).unwrap();
            fs::write(dir.join("devnum"), "5\n").unwrap();
            for (name, text) in *attributes {
                fs::write(dir.join(name), format!("{text}\n")).unwrap();
            }
        }
        let sysfs = Sysfs::new(root.path());
        (root, sysfs)
    }

    #[test]
    fn every_board_is_told_with_its_state() {
        let (root, sysfs) = kernel(&[
            ("1-1", (0x1d6b, 2), 1, &[]),
            ("1-1.1", (0x0a5c, 0x2764), 0, &[]),
            ("1-1.2", (0x0a5c, 0x2711), 3, &[("serial", "af04b2da")]),
            ("1-1.3", (0x1234, 0x5678), 3, &[("serial", "00000000d8e4a1f7"), ("product", "first\x1b stage")]),
            ("1-1.4", (0x0a5c, 0x2712), 1, &[("serial", "4d01ab99")]),
            ("1-1.5", (0x18d1, 0x4e40), 3, &[("idVendor", "18d1"), ("idProduct", "4e40")]),
        ]);
        let interface = root.path().join("bus/usb/devices/1-1.2/1-1.2:1.0");
        fs::create_dir(&interface).unwrap();
        std::os::unix::fs::symlink("../../../drivers/usbfs", interface.join("driver")).unwrap();
        let overlays = [("1-1.2".parse().unwrap(), "by-serial/af04b2da".to_owned())].into();
        let mut devices = sysfs.devices().unwrap();
        devices[4].address = 99;
        let may_open = |node: &Path| !node.ends_with("099");
        let row = |device: &Device| row(&sysfs, device, (0x1234, 0x5678), &overlays, &may_open);
        let rows: Vec<Row> = devices.iter().filter_map(row).collect();
        let text: Vec<String> = rows
            .iter()
            .map(|row| {
                let serial = row.serial.as_deref().unwrap_or("-");
                let overlay = row.overlay.as_deref().unwrap_or("-");
                format!("{}|{}|{serial}|{}|{overlay}|{}", row.port, row.board, row.state, row.usable)
            })
            .collect();
        assert_eq!(
            text,
            [
                "1-1.1|BCM2837 (CM3, CM3+, 3A+, Zero 2 W)|-|boot ROM, waiting|-|true",
                "1-1.2|BCM2711 (CM4, Pi 4, 400)|af04b2da|boot ROM, served|by-serial/af04b2da|true",
                "1-1.3|first\\x1b stage|00000000d8e4a1f7|first-stage gadget|-|true",
                "1-1.4|BCM2712 (CM5, Pi 5, 500)|4d01ab99|second stage, waiting, no permission|-|false",
                "1-1.5|Raspberry Pi|-|fastboot gadget|-|true",
            ]
        );
        assert!(rows[3].hint.as_ref().is_some_and(|hint| hint.contains("sudo")), "{:?}", rows[3].hint);
        let serial = "10000000af04b2da".parse().unwrap();
        let rules = [
            BoardRule { serial: Some(serial), payload: Some("/srv/a".into()), ..BoardRule::default() },
            BoardRule { chip: Some(Chip::Bcm2837), leave: true, ..BoardRule::default() },
        ];
        let rule = |device: &Device| super::rule(&rules, device).unwrap_or_default();
        assert_eq!(
            devices.iter().map(rule).collect::<Vec<_>>(),
            [
                "",
                "left alone, rule 2 is for chip BCM2837",
                "/srv/a, rule 1 is for serial 10000000af04b2da",
                "",
                "no rule is for it",
                "",
            ]
        );
        assert_eq!(super::rule(&[], &devices[1]), None);
    }
}
