//! `piprov slot`: where boards are plugged in, and which of those places are suspected.

use crate::cli::Global;
use crate::cli::client::{At, Station, moment, path, tell, word};
use crate::cli::ui::Ui;
use crate::format::json::json;
use crate::station_api::{Slot as Known, Suspicion};
use crate::stop::Stop;

/// Show slots, and say that one is mended
#[derive(Debug, clap::Args)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct Slot {
    #[command(flatten)]
    at: At,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List slots, with those at which boards fail again and again
    ///
    /// A slot is suspected where three or more of its last five runs failed, on two boards or more, and other slots
    /// failed half as often at most meanwhile. Two good runs in a row end that, and so does a person who has mended it.
    List,
    /// Say that a slot is mended: its runs count from now
    Mended(One),
}

#[derive(Debug, clap::Args)]
struct One {
    /// Its name
    #[arg(value_name = "SLOT")]
    name: String,
}

impl Slot {
    pub(super) fn run(self, global: &Global, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
        let station = self.at.open(global, ui, stop)?;
        match self.command {
            Command::List => list(&station, ui),
            Command::Mended(args) => {
                let slot: Known = station.act(&path(["slots", &args.name, "mended"]))?;
                match ui.json {
                    true => ui.object(&json!({ "event": "slot", "value": slot })),
                    false => {
                        ui.result(format_args!("slot {} is mended: its runs count from now", slot.name));
                    }
                }
                Ok(())
            }
        }
    }
}

/// Where it is. An earlier version took one place for two slots: that has to be told, as boards come into one of them only.
fn place(one: &Known, all: &[Known]) -> String {
    let is_same =
        |other: &&Known| other.name != one.name && (other.kind, &other.place) == (one.kind, &one.place);
    match all.iter().find(is_same) {
        Some(other) => format!("{} (so is {})", one.place, other.name),
        None => one.place.clone(),
    }
}

fn list(station: &Station, ui: &Ui) -> crate::cli::Result<()> {
    let all: Vec<Known> = station.all("/api/v1/slots", &[])?;
    let row = |one: &Known| {
        let suspected =
            |suspicion: Suspicion| format!("suspected: {}: {}", suspicion.text(), Suspicion::HINT);
        [
            one.name.clone(),
            word(one.kind),
            place(one, &all),
            one.suspected.map(suspected).unwrap_or_default(),
            one.mended.map(moment).unwrap_or_default(),
        ]
    };
    tell(ui, "slot", ["SLOT", "AS", "PLACE", "SUSPECTED", "MENDED"], &all, row, "there are no slots");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::station_api::SlotKind;

    #[test]
    fn two_slots_at_one_place_are_told() {
        let slot = |name: &str, kind, place: &str| Known {
            name: name.to_owned(),
            kind,
            place: place.to_owned(),
            position: 0,
            suspected: None,
            mended: None,
        };
        let all = [
            slot("A1", SlotKind::Usb, "1-1"),
            slot("A2", SlotKind::Usb, "1-1"),
            slot("A3", SlotKind::Usb, "1-2"),
            slot("A4", SlotKind::Switch, "1-2"),
        ];
        let places = [0, 1, 2, 3].map(|n| place(&all[n], &all));
        assert_eq!(places, ["1-1 (so is A2)", "1-1 (so is A1)", "1-2", "1-2"]);
    }
}
