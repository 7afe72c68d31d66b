//! What each board that is there would be served.

use super::chosen::Chosen;
use crate::cli::ui::{Style, Ui};
use crate::error::chain;
use crate::format::json::json;
use crate::usb::choose::{Decision, Seen};
use crate::usb::service::Filter;
use crate::usb::sysfs::Sysfs;
use crate::usb::transport::Device;

/// What would be done with a board.
#[derive(Debug, PartialEq, Eq)]
struct Would {
    /// The directory that it would be served.
    dir: Option<String>,
    /// Why that, or why nothing.
    why: Option<String>,
}

/// Tells it of each board that waits and is meant.
pub(super) fn show(ui: &Ui, chosen: &Chosen, filter: &Filter) -> crate::cli::Result<()> {
    let sysfs = Sysfs::default();
    let why = || format!("there is no {}", sysfs.root().join("bus/usb/devices").display());
    let devices =
        sysfs.devices().ok_or_else(|| crate::usb::Error::Host { what: "listing devices", why: why() })?;
    tell(ui, chosen, filter, &devices);
    Ok(())
}

fn tell(ui: &Ui, chosen: &Chosen, filter: &Filter, devices: &[Device]) {
    let mut any = false;
    for device in devices.iter().filter(|device| filter.matches(device)) {
        let Some((seen, chip)) = Seen::of(device).and_then(|seen| {
            let chip = seen.state.chip()?;
            Some((seen, chip))
        }) else {
            continue;
        };
        any = true;
        let would = match chosen.choose().choose(&seen) {
            Decision::Leave(why) => Would { dir: None, why: Some(why) },
            Decision::Serve(serving) => match serving.plan.choose(device, chip) {
                Ok(choice) => Would {
                    dir: Some(choice.payload.dir().display().to_string()),
                    why: choice.why.or_else(|| chosen.rules().map(|rules| rules.why(&seen.board))),
                },
                Err(error) => Would { dir: None, why: Some(chain(&error)) },
            },
        };
        if ui.json {
            let (dir, why) = (&would.dir, &would.why);
            ui.object(&json!({ "event": "would-serve", "board": seen.board, "dir": dir, "why": why }));
            continue;
        }
        let port = ui.paint(Style::Strong, device.port);
        let why = would.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        match would.dir {
            Some(dir) => ui.result(format_args!("{port}  {chip} would be served from {dir}{why}")),
            None => ui.result(format_args!("{port}  {chip} would be left alone{why}")),
        }
    }
    if !any && !ui.json {
        ui.say("no board waits in USB boot");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::usb::BoardRule;
    use crate::usb::boot::BootOptions;
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
        tell(&ui, &rules, &Filter::default(), &devices);
        let told = memory.take_clean();
        let path = dir.path().display();
        assert_eq!(told[0], format!("1-1  BCM2711 would be served from {path}: rule 1 is for port 1-1"));
        assert_eq!(told[1], "1-2  BCM2711 would be left alone: rule 2 is for serial af04b2da");
        assert!(
            told[2].starts_with("1-3  BCM2712 would be left alone: ") && told[2].contains("/nope"),
            "{told:?}"
        );
        assert_eq!(
            told[3],
            "1-4  BCM2837 would be left alone: no rule is for it, and no payload is installed"
        );
        assert_eq!(told.len(), 4);
        let only = Filter { port: Some("1-4".parse().unwrap()), ..Filter::default() };
        tell(&ui, &rules, &only, &devices);
        assert_eq!(memory.take_clean().len(), 1);
    }
}
