//! What each board that is there would be served.

use std::path::Path;

use super::attached::{attached, left_out};
use super::chosen::Chosen;
use crate::board::identity::Chip;
use crate::board::{PortPath, Who};
use crate::cli::ui::{Style, Ui};
use crate::cli::{remedy, report};
use crate::error::{Explain, chain};
use crate::format::json::json;
use crate::usb::choose::{Decision, Seen, Serving};
use crate::usb::payload;
use crate::usb::service::Filter;
use crate::usb::sysfs::{Sysfs, may_open};
use crate::usb::transport::Device;
use crate::usb::trouble::Trouble;

/// What would be done with a board.
#[derive(Debug, Default)]
struct Would {
    /// The directory that it would be served.
    dir: Option<String>,
    /// Why that, or why nothing.
    why: Option<String>,
    /// What is to be said of the payload for this board.
    notes: Vec<String>,
    /// Its boot would fail with this.
    fails: Option<Trouble>,
}

impl Would {
    fn left(why: String) -> Self {
        Self { why: Some(why), ..Self::default() }
    }

    /// As the boot itself begins: the payload is chosen, and looked at for this board, which then is opened.
    fn of(
        serving: &Serving,
        device: &Device,
        chip: Chip,
        why: impl FnOnce() -> Option<String>,
        may_open: &dyn Fn(&Path) -> bool,
    ) -> Self {
        let looked = serving.plan.choose(device, chip).and_then(|choice| {
            let wanted = serving.options.wanted(chip);
            let mut notes = payload::check(&choice.payload, Some(device.port), &wanted)?;
            notes.extend(choice.note);
            Ok(Self {
                dir: Some(choice.payload.dir().display().to_string()),
                why: choice.why.or_else(why),
                notes,
                fails: None,
            })
        });
        match looked {
            Ok(would) if may_open(&device.node()) => would,
            Ok(would) => Self { fails: Some(Trouble::denied(device)), dir: None, ..would },
            Err(error) => Self { fails: Some(Trouble::from(&error)), ..Self::default() },
        }
    }

    fn tell(&self, ui: &Ui, board: &Who, port: PortPath, chip: Chip) {
        let hint = self.fails.as_ref().and_then(Explain::hint);
        if ui.json {
            let why = self.fails.as_ref().map(|error| chain(error)).or_else(|| self.why.clone());
            ui.object(&json!({
                "event": "would-serve", "board": board, "dir": self.dir, "why": why, "notes": self.notes,
                "kind": self.fails.as_ref().map(Explain::kind), "hint": hint.as_ref().map(remedy::word),
            }));
            return;
        }
        let place = ui.paint(Style::Strong, port);
        let why = self.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        match (&self.fails, &self.dir) {
            (Some(error), _) => {
                ui.result(format_args!("{place}  {chip} would get nothing, and fail: {}", chain(error)));
                if let Some(hint) = hint {
                    let indent = port.to_string().len() + 2;
                    ui.result(format_args!("{:indent$}hint: {}", "", remedy::hint(&hint)));
                }
            }
            (None, Some(dir)) => ui.result(format_args!("{place}  {chip} would be served from {dir}{why}")),
            (None, None) => ui.result(format_args!("{place}  {chip} would be left alone{why}")),
        }
        self.notes.iter().for_each(|note| ui.warn(format_args!("{port}: {note}")));
    }
}

/// Tells it of each board that waits and is meant.
pub(super) fn show(ui: &Ui, chosen: &Chosen, filter: &Filter) -> crate::cli::Result<()> {
    let sysfs = Sysfs::default();
    let why = || format!("there is no {}", sysfs.root().join("bus/usb/devices").display());
    let devices =
        sysfs.devices().ok_or_else(|| crate::usb::Error::Host { what: "listing devices", why: why() })?;
    // What has just left is nobody's to open.
    tell(ui, chosen, filter, &devices, &|node: &Path| may_open(node) || !node.exists())
}

/// Ends with the failure that the boards' boots would end with.
fn tell(
    ui: &Ui,
    chosen: &Chosen,
    filter: &Filter,
    devices: &[Device],
    may_open: &dyn Fn(&Path) -> bool,
) -> crate::cli::Result<()> {
    let waiting: Vec<_> = devices
        .iter()
        .filter_map(|device| {
            let seen = Seen::of(device)?;
            let chip = seen.state.chip()?;
            Some((device, seen, chip))
        })
        .collect();
    let (meant, others): (Vec<_>, Vec<_>) = waiting.iter().partition(|(device, ..)| filter.matches(device));
    let mut kinds = Vec::new();
    for (device, seen, chip) in &meant {
        let would = match chosen.choose().choose(seen) {
            Decision::Leave(why) => Would::left(why),
            Decision::Serve(serving) => {
                let why = || chosen.rules().map(|rules| rules.why(&seen.board));
                let would = Would::of(&serving, device, *chip, why, may_open);
                kinds.push(would.fails.as_ref().map(Explain::kind));
                would
            }
        };
        would.tell(ui, &seen.board, device.port, *chip);
    }
    if meant.is_empty() {
        // They may be what the user meant, and the flags say otherwise.
        for (device, seen, chip) in &others {
            let why = left_out(device, filter).unwrap_or_default();
            Would::left(why).tell(ui, &seen.board, device.port, *chip);
        }
        if !ui.json {
            let booted = devices
                .iter()
                .filter(|device| Seen::of(device).is_some_and(|seen| seen.state.chip().is_none()));
            let booted: Vec<Device> = booted.cloned().collect();
            let what =
                if others.is_empty() { "waits in USB boot" } else { "that is meant waits in USB boot" };
            let more: String = attached(&booted, filter).iter().map(|line| format!("; {line}")).collect();
            ui.say(format_args!("no board {what}{more}"));
        }
    }
    report::boards(kinds)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::config::usb::BoardRule;
    use crate::error::Kind;
    use crate::usb::boot::BootOptions;
    use crate::usb::lookup::{Payload, PayloadOptions};
    use crate::usb::plan::OnePayload;
    use crate::usb::rules::Rules;

    fn device(port: &str, product: u16, serial: Option<&str>) -> Device {
        let serial = serial.map(str::to_owned);
        let port = port.parse().unwrap();
        Device { port, address: 1, vendor: 0x0a5c, product, serial_index: 3, serial }
    }

    #[test]
    fn each_board_that_is_there_is_told_with_its_rule() {
        let dir = tempfile::tempdir().unwrap();
        let rules = vec![
            BoardRule {
                port: Some("1-1".parse().unwrap()),
                payload: Some(dir.path().into()),
                ..BoardRule::default()
            },
            BoardRule { serial: Some("af04b2da".parse().unwrap()), leave: true, ..BoardRule::default() },
            BoardRule {
                chip: Some(crate::board::Chip::Bcm2712),
                payload: Some("/nope".into()),
                ..BoardRule::default()
            },
        ];
        let others = Decision::Leave("no rule is for it, and no payload is installed".to_owned());
        let rules = Rules::new(rules, Vec::new(), BootOptions::default(), others);
        let rules = Chosen::of_rules(&[], rules);
        let (ui, memory) = Ui::remembering();
        let devices = [
            device("1-1", 0x2711, None),
            device("1-2", 0x2711, Some("af04b2da")),
            device("1-3", 0x2712, None),
            device("1-4", 0x2764, None),
            // A gadget waits for nothing.
            device("1-5", 0x0104, None),
        ];
        std::fs::write(dir.path().join("bootcode4.bin"), [7; 300]).unwrap();
        let ended = tell(&ui, &rules, &Filter::default(), &devices, &|_: &Path| true);
        let told = memory.take_clean();
        let path = dir.path().display();
        assert_eq!(told[0], format!("1-1  BCM2711 would be served from {path}: rule 1 is for port 1-1"));
        assert_eq!(told[1], "1-2  BCM2711 would be left alone: rule 2 is for serial af04b2da");
        let want = "1-3  BCM2712 would get nothing, and fail: ";
        assert!(told[2].starts_with(want) && told[2].contains("/nope"), "{told:?}");
        assert!(told[3].starts_with("     hint: "), "{told:?}");
        assert_eq!(
            told[4],
            "1-4  BCM2837 would be left alone: no rule is for it, and no payload is installed"
        );
        assert_eq!(told.len(), 5);
        assert_eq!(ended.unwrap_err().kind(), Kind::Failed, "as their boots would end: one of two");
        let only = Filter { port: Some("1-4".parse().unwrap()), ..Filter::default() };
        tell(&ui, &rules, &only, &devices, &|_: &Path| true).unwrap();
        assert_eq!(memory.take_clean().len(), 1);
    }

    fn one(dir: &std::path::Path) -> Chosen {
        let payload = Payload::open(dir, &PayloadOptions::default()).unwrap();
        Chosen::same(&[], Arc::new(OnePayload(Arc::new(payload))), BootOptions::default())
    }

    #[test]
    fn a_payload_is_looked_at_for_each_board_as_its_boot_does() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("mass-storage-gadget64");
        std::fs::create_dir(&folder).unwrap();
        // That of a Pi 4, with a loader inside for older ones that needs rpiboot's two files.
        for name in ["bootcode4.bin", "boot.img"] {
            std::fs::write(folder.join(name), [7; 300]).unwrap();
        }
        let (ui, memory) = Ui::remembering();
        for (product, told_of, kind) in [
            (0x2711, "would be served from", None),
            (0x2712, "has no bootcode5.bin", Some(Kind::BadData)),
            (0x2764, "bootcode.bin", Some(Kind::BadData)),
        ] {
            let ended =
                tell(&ui, &one(&folder), &Filter::default(), &[device("1-1", product, None)], &|_: &Path| {
                    true
                });
            let told = memory.take_clean();
            assert!(told[0].contains(told_of), "{told:?}");
            assert_eq!(ended.err().map(|failure| failure.kind()), kind, "{told:?}");
            assert_eq!(told.len(), if kind.is_some() { 2 } else { 1 }, "{told:?}");
        }
        let ui = Ui { json: true, ..ui };
        tell(&ui, &one(&folder), &Filter::default(), &[device("1-1", 0x2712, None)], &|_: &Path| true)
            .unwrap_err();
        let told = memory.take_clean();
        let told: serde_json::Value = serde_json::from_str(&told[0]).unwrap();
        assert_eq!((&told["dir"], &told["kind"]), (&serde_json::Value::Null, &"bad-data".into()), "{told}");
        assert!(
            told["why"].as_str().unwrap().contains("has no bootcode5.bin") && told["hint"].is_string(),
            "{told}"
        );
    }

    #[test]
    fn a_board_that_this_user_may_not_open_would_get_nothing() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("bootcode4.bin"), [7; 300]).unwrap();
        let (ui, memory) = Ui::remembering();
        let devices = [device("1-1", 0x2711, None)];
        let closed = |node: &Path| node != Path::new("/dev/bus/usb/001/001");
        let ended = tell(&ui, &one(dir.path()), &Filter::default(), &devices, &closed);
        let told = memory.take_clean();
        let want = "1-1  BCM2711 would get nothing, and fail: this user may not open /dev/bus/usb/001/001";
        assert_eq!(told[0], want);
        assert!(told[1].starts_with("     hint: "), "{told:?}");
        assert_eq!(ended.unwrap_err().kind(), Kind::Permission);
        let ui = Ui { json: true, ..ui };
        tell(&ui, &one(dir.path()), &Filter::default(), &devices, &closed).unwrap_err();
        let told: serde_json::Value = serde_json::from_str(&memory.take_clean()[0]).unwrap();
        assert_eq!((&told["dir"], &told["kind"]), (&serde_json::Value::Null, &"permission".into()), "{told}");
    }

    #[test]
    fn boards_that_the_flags_leave_out_are_told_where_none_is_meant() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("bootcode4.bin"), [7; 300]).unwrap();
        let chosen = one(dir.path());
        let (ui, memory) = Ui::remembering();
        let devices = [device("1-1", 0x2711, Some("af04b2da")), device("1-5", 0x0104, None)];
        let filters = [
            (
                Filter { port: Some("1-2".parse().unwrap()), ..Filter::default() },
                "`-p` means the board at 1-2",
            ),
            (
                Filter { serial: Some("00000007".parse().unwrap()), ..Filter::default() },
                "`-i` means serial 00000007",
            ),
            (Filter { last_port: Some(4), ..Filter::default() }, "`-4` means another port"),
        ];
        for (filter, why) in filters {
            tell(&ui, &chosen, &filter, &devices, &|_: &Path| true).unwrap();
            let told = memory.take_clean();
            assert_eq!(told[0], format!("1-1  BCM2711 would be left alone: {why}"));
            let none = "no board that is meant waits in USB boot; at 1-5 is a mass storage gadget: it has booted already";
            assert_eq!(told[1..], [none]);
        }
        tell(&ui, &chosen, &Filter::default(), &[], &|_: &Path| true).unwrap();
        assert_eq!(memory.take_clean(), ["no board waits in USB boot"]);
    }
}
