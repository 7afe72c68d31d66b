//! `piprov netboot enable --boot-partition DIR`: the line in a card's config.txt.

use std::path::Path;

use super::{Enable, diff};
use crate::cli::confirm::confirm;
use crate::cli::ui::{Style, Ui, wrap};
use crate::eeprom::usb_boot::SETTING;
use crate::format::json::json;
use crate::netboot::enable::{Card, CardPlan};
use crate::stop::Stop;

/// What can't be taken back.
const PERMANENT: &str = "a board that is started from this card burns it in: from then on it looks for a system on the \
                         network and on USB disks too, and nothing takes that back. A 3A+ can then never again be booted \
                         by a host (piprov usbboot).";

/// What comes after.
const THEN: [&str; 3] = [
    "start the board from this card once",
    "`vcgencmd otp_dump | grep 17:` shows 17:3020000a then",
    "take the line out with --undo before the card goes into another board",
];

pub(super) fn run(args: &Enable, dir: &Path, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
    let card = Card::open(dir)?;
    let plan = if args.undo { card.disable() } else { card.enable() };
    let shown = plan.path.display();
    if !ui.json {
        ui.result(format_args!("{}  {shown}", ui.paint(Style::Strong, "config")));
        diff(&plan.changes, ui);
    }
    if plan.changes.is_empty() {
        tell(args, &plan, "unchanged", ui);
        match args.undo {
            true => ui.say(format_args!("{SETTING} is not in it")),
            false => ui.say(format_args!("{SETTING}=1 is in it already")),
        }
        return Ok(());
    }
    if !args.undo {
        plan.warnings.iter().for_each(|warning| ui.warn(warning));
        ui.warn(wrap(PERMANENT, 9, 2, ui.width_err));
    }
    if args.dry_run {
        tell(args, &plan, "would-change", ui);
        ui.say(format_args!("would change {shown}"));
        return Ok(());
    }
    if !args.undo {
        confirm(SETTING, args.confirm.as_deref(), ui, stop)?;
    }
    plan.apply()?;
    tell(args, &plan, "changed", ui);
    ui.say(format_args!("changed {shown}, read back and equal"));
    if args.undo {
        ui.say("what a board has burned in already stays so");
    } else {
        for (n, step) in THEN.iter().enumerate() {
            ui.say(format_args!("{}. {step}", n + 1));
        }
    }
    Ok(())
}

fn tell(args: &Enable, plan: &CardPlan, event: &str, ui: &Ui) {
    if ui.json {
        ui.object(&json!({
            "event": event, "file": plan.path, "setting": SETTING, "undo": args.undo, "changes": plan.changes,
        }));
    }
}
