//! `piprov slot`: where boards are plugged in, what these places are called, and which of them are suspected.

use crate::cli::Global;
use crate::cli::client::{self, At, Station, moment, parse, path, tell, tell_one, word};
use crate::cli::ui::Ui;
use crate::format::json::json;
use crate::station_api::{Cell, FreePlace, Slot as Known, SlotKind, Suspicion};
use crate::stop::Stop;

/// Show and name slots, and say that one is mended
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
    /// List places at which boards were seen and that are no slots, the newest first
    ///
    /// Plug in a board, and its place stands at the head.
    Places,
    /// Make or change a slot
    ///
    /// What it is, is changed by removing it alone. Names that differ in capital letters alone are one name.
    Put(Put),
    /// Give a slot another name
    ///
    /// Its boards and its runs stay its own. Rules that look for its name aren't changed.
    Rename(Rename),
    /// Remove a slot; the boards in it are in none then
    Remove(One),
    /// Say that a slot is mended: its runs count from now
    Mended(One),
}

#[derive(Debug, clap::Args)]
struct Put {
    #[command(flatten)]
    one: One,
    /// What it is: usb, switch, jumper or reset
    #[arg(value_name = "KIND", value_parser = parse::<SlotKind>)]
    kind: SlotKind,
    /// Which one: 1-1.2, sw1/ge-0/0/3, 5, or the name of a target
    #[arg(value_name = "PLACE")]
    place: String,
    /// Its position in the order of the bench, from 0 [default: behind the last one]
    ///
    /// A slot that has that position already comes behind it, and so do those that follow without a gap.
    #[arg(long, value_name = "NUMBER")]
    position: Option<u32>,
    /// Its cell on the map of the bench, each number 1 to 24
    #[arg(long, value_name = "ROW,COLUMN", value_parser = cell)]
    cell: Option<Cell>,
    /// Take it off the map of the bench
    #[arg(long, conflicts_with = "cell")]
    no_cell: bool,
}

fn cell(text: &str) -> Result<Cell, String> {
    let number = |text: &str| text.trim().parse().ok();
    let cell = text
        .split_once(',')
        .and_then(|(row, column)| Some(Cell { row: number(row)?, column: number(column)? }));
    let wanted = || format!("a row and a column, each 1 to {}, such as 2,5", Cell::MOST);
    cell.filter(|cell| cell.is_on_map()).ok_or_else(wanted)
}

#[derive(Debug, clap::Args)]
struct One {
    /// Its name
    #[arg(value_name = "SLOT")]
    name: String,
}

#[derive(Debug, clap::Args)]
struct Rename {
    #[command(flatten)]
    one: One,
    /// Its new name
    #[arg(value_name = "NAME")]
    to: String,
}

impl Slot {
    pub(super) fn run(self, global: &Global, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
        let station = self.at.open(global, ui, stop)?;
        match self.command {
            Command::List => list(&station, ui),
            Command::Places => {
                let all: Vec<FreePlace> = station.all("/api/v1/places", &[])?;
                let row = |one: &FreePlace| {
                    [word(one.kind), one.place.clone(), one.called.clone(), moment(one.since)]
                };
                let nothing = "each place at which a board was seen is a slot";
                tell(ui, "place", ["AS", "PLACE", "BOARD", "SINCE"], &all, row, nothing);
                Ok(())
            }
            Command::Put(args) => {
                let all: Vec<Known> = station.all("/api/v1/slots", &[])?;
                let known = all.iter().find(|slot| slot.name == args.one.name);
                let last = all.iter().map(|slot| slot.position.saturating_add(1)).max();
                let position = args.position.or(known.map(|slot| slot.position)).or(last).unwrap_or_default();
                let kept = known.and_then(|slot| slot.cell).filter(|_| !args.no_cell);
                let slot = Known {
                    name: args.one.name,
                    kind: args.kind,
                    place: args.place,
                    position,
                    cell: args.cell.or(kept),
                    suspected: None,
                    mended: None,
                };
                show(&station.put(&path(["slots", &slot.name]), &slot)?, ui);
                Ok(())
            }
            Command::Rename(args) => {
                let all: Vec<Known> = station.all("/api/v1/slots", &[])?;
                let (name, known) = (args.to, all.into_iter().find(|slot| slot.name == args.one.name));
                let slot = match known {
                    Some(slot) => Known { name, ..slot },
                    // That there is none is the station's to say.
                    None => Known::new(name, SlotKind::Usb, String::new()),
                };
                show(&station.put(&path(["slots", &args.one.name]), &slot)?, ui);
                Ok(())
            }
            Command::Remove(args) => {
                station.delete(&path(["slots", &args.name]))?;
                client::done(ui, "removed", "slot", &args.name);
                Ok(())
            }
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

fn show(slot: &Known, ui: &Ui) {
    let on_map = slot.cell.map(|cell| format!("{},{}", cell.row, cell.column)).unwrap_or_default();
    let facts = [
        ("slot", slot.name.clone()),
        ("as", word(slot.kind)),
        ("place", slot.place.clone()),
        ("position", slot.position.to_string()),
        ("cell", on_map),
    ];
    tell_one(ui, "slot", slot, &facts);
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
            one.position.to_string(),
            one.cell.map(|cell| format!("{},{}", cell.row, cell.column)).unwrap_or_default(),
            one.suspected.map(suspected).unwrap_or_default(),
            one.mended.map(moment).unwrap_or_default(),
        ]
    };
    let heads = ["SLOT", "AS", "PLACE", "POSITION", "CELL", "SUSPECTED", "MENDED"];
    tell(ui, "slot", heads, &all, row, "there are no slots");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_a_row_and_a_column_of_the_map() {
        assert_eq!(cell("2,5"), Ok(Cell { row: 2, column: 5 }));
        assert_eq!(cell("24, 1"), Ok(Cell { row: 24, column: 1 }));
        for bad in ["", "2", "0,1", "1,25", "1,2,3", "a,b", "-1,1"] {
            assert!(cell(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn two_slots_at_one_place_are_told() {
        let slot = |name: &str, kind, place: &str| Known {
            name: name.to_owned(),
            kind,
            place: place.to_owned(),
            position: 0,
            cell: None,
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
