//! Slots: the bench as a map, places that nobody has named yet, and switches that say where boards are.

use crate::error::sentence;
use std::collections::BTreeMap;

use askama::Template;
use axum::response::Response;

use super::form::Form;
use super::frame::Frame;
use super::table::{Pages, go, page};
use super::visit::Visit;
use super::words;
use crate::format::message;
use crate::station::now;
use crate::station::web::{Access, Refusal};
use crate::station_api::{Cell, FreePlace, NewSwitch, Role, Slot, SlotKind, Switch, SwitchPort};

const LOOK: Access = Access::Role(Role::Viewer);
const WORK: Access = Access::Role(Role::Operator);
const RULE: Access = Access::Role(Role::Admin);

/// What is done with a slot on the map.
const MOVES: [&str; 6] = ["left", "right", "up", "down", "map", "off"];

pub(super) fn add_to(pages: &mut Pages) {
    pages.get("/slots", LOOK, slots);
    pages.post("/slots", RULE, put);
    pages.post("/slots/{slot}/mended", WORK, mended);
    pages.post("/slots/{slot}/remove", RULE, remove);
    pages.each("/slots/{slot}/{what}", &MOVES, RULE, place);
    pages.get("/switches/{switch}", LOOK, switch);
    pages.post("/switches/add", RULE, put_switch);
    pages.post("/switches/{switch}/remove", RULE, remove_switch);
}

type Answer = Result<Response, Refusal>;

/// A slot as the page shows it.
struct Tile {
    slot: Slot,
    place: String,
    /// What is in it, by what people call it.
    boards: Vec<String>,
}

impl Tile {
    fn row(&self) -> u8 {
        self.slot.cell.map_or(0, |cell| cell.row)
    }

    fn column(&self) -> u8 {
        self.slot.cell.map_or(0, |cell| cell.column)
    }
}

/// A cell of the map: a slot, or nothing.
struct Square {
    row: u8,
    column: u8,
    tile: Option<Tile>,
}

struct Free {
    place: FreePlace,
    words: String,
    since: String,
}

struct SwitchLine {
    switch: Switch,
    asked: String,
}

#[derive(Template)]
#[template(path = "slots.html")]
struct Page {
    frame: Frame,
    /// Rows of the map; one more than there are slots on it where somebody may move them.
    map: Vec<Vec<Square>>,
    /// Slots that aren't on the map.
    rest: Vec<Tile>,
    free: Vec<Free>,
    switches: Vec<SwitchLine>,
    rules: bool,
    /// All slots, by name.
    names: Vec<String>,
    /// The cell that is proposed for one that isn't on the map.
    next: Cell,
}

/// Cells with their tiles, so many rows and columns that nothing is left out, and one more for those that move slots.
fn squares(tiles: Vec<Tile>, more: u8) -> Vec<Vec<Square>> {
    let most = |number: fn(&Tile) -> u8| tiles.iter().map(number).max().unwrap_or(0);
    let (rows, columns) = (most(Tile::row), most(Tile::column));
    if rows == 0 && more == 0 {
        return Vec::new();
    }
    let (rows, columns) = ((rows + more).min(Cell::MOST), (columns + more).min(Cell::MOST));
    let mut at: BTreeMap<_, _> = tiles.into_iter().map(|tile| ((tile.row(), tile.column()), tile)).collect();
    let mut map = Vec::new();
    for row in 1..=rows {
        let mut squares = Vec::new();
        for column in 1..=columns {
            squares.push(Square { row, column, tile: at.remove(&(row, column)) });
        }
        map.push(squares);
    }
    map
}

/// The first cell that nothing is in, row by row, in a row as long as the longest one.
fn next(slots: &[Slot]) -> Cell {
    let cells: Vec<Cell> = slots.iter().filter_map(|slot| slot.cell).collect();
    let columns = cells.iter().map(|cell| cell.column).max().unwrap_or(8).max(8);
    let all = (1..=Cell::MOST).flat_map(|row| (1..=columns).map(move |column| Cell { row, column }));
    all.into_iter().find(|cell| !cells.contains(cell)).unwrap_or(Cell { row: Cell::MOST, column: Cell::MOST })
}

async fn slots(visit: Visit) -> Answer {
    let (station, at, rules) = (&visit.station, now(), visit.can(Role::Admin));
    let slots = station.slots().await?;
    let (next, names) = (next(&slots), slots.iter().map(|slot| slot.name.clone()).collect());
    let mut boards: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for board in station.store().boards_in_slots().await? {
        boards.entry(board.slot.clone().unwrap_or_default()).or_default().push(words::name(&board));
    }
    let tiles = slots.into_iter().map(|slot| Tile {
        place: format!("{} {}", slot.kind.words(), message(&slot.place)),
        boards: boards.remove(&slot.name).unwrap_or_default(),
        slot,
    });
    let (mapped, rest): (Vec<_>, Vec<_>) = tiles.partition(|tile| tile.slot.cell.is_some());
    let free = station.free_places().await?.into_iter().map(|place| Free {
        words: format!("{} {}", place.kind.words(), message(&place.place)),
        since: words::when(place.since, at),
        place,
    });
    let switches = station.switches().await?.into_iter().map(|switch| SwitchLine {
        asked: switch.asked.as_ref().map(|asked| words::when(asked.at, at)).unwrap_or_default(),
        switch,
    });
    page(&Page {
        frame: visit.frame("Slots", "slots").await,
        map: squares(mapped, u8::from(rules)),
        rest,
        free: free.collect(),
        switches: switches.collect(),
        rules,
        names,
        next,
    })
}

async fn put(visit: Visit, form: Form) -> Answer {
    if form.is_on("was") {
        return rename(visit, form.text("was"), form.text("name")).await;
    }
    let kind = form.word::<SlotKind>("kind")?.ok_or_else(|| Refusal::meaningless("`kind` isn't chosen"))?;
    let slots = visit.station.store().slots().await?;
    let (name, place) = (form.text("name").to_owned(), form.text("place").to_owned());
    let known = slots.iter().find(|slot| slot.name == name);
    let last = slots.iter().map(|slot| slot.position.saturating_add(1)).max();
    let position = form.maybe::<u32>("position")?.or(known.map(|slot| slot.position)).or(last);
    // One that is made on the map comes into a cell that nobody has.
    let cell = known.and_then(|slot| slot.cell).or_else(|| form.is_on("map").then(|| next(&slots)));
    let position = position.unwrap_or_default();
    let slot = Slot { name, kind, place, position, cell, suspected: None, mended: None };
    let slot = visit.station.put_slot(&visit.who(), slot).await?;
    visit.say(false, format!("The slot {} is there.", slot.name));
    Ok(go(form.text("to")))
}

async fn rename(visit: Visit, was: &str, name: &str) -> Answer {
    let slots = visit.station.store().slots().await?;
    let missing = || Refusal::missing(format!("there is no slot `{}`", message(was)));
    let slot = slots.into_iter().find(|slot| slot.name == was).ok_or_else(missing)?;
    if name != was {
        visit.station.rename_slot(&visit.who(), was, Slot { name: name.to_owned(), ..slot }).await?;
    }
    visit.say(
        false,
        format!("The slot {} is called {} now, and so it is in its runs.", message(was), message(name)),
    );
    Ok(go("/slots"))
}

async fn mended(visit: Visit, form: Form) -> Answer {
    let slot = visit.station.mended_slot(&visit.who(), visit.part("slot")).await?;
    visit.say(false, format!("The slot {} is mended: its runs count from now.", slot.name));
    Ok(go(form.text("to")))
}

async fn remove(visit: Visit, _: Form) -> Answer {
    let slot = visit.part("slot");
    visit.station.remove_slot(&visit.who(), slot).await?;
    visit.say(false, format!("The slot {} is removed. Its runs stay.", message(slot)));
    Ok(go("/slots"))
}

/// Where a slot comes that is moved by one cell.
fn beside(cell: Cell, what: &str) -> Option<Cell> {
    let (row, column) = match what {
        "left" => (Some(cell.row), cell.column.checked_sub(1)),
        "right" => (Some(cell.row), cell.column.checked_add(1)),
        "up" => (cell.row.checked_sub(1), Some(cell.column)),
        "down" => (cell.row.checked_add(1), Some(cell.column)),
        _ => (None, None),
    };
    Some(Cell { row: row?, column: column? }).filter(|cell| cell.is_on_map())
}

async fn place(visit: Visit, form: Form) -> Answer {
    let (station, name, what) = (&visit.station, visit.part("slot"), visit.part("what"));
    let slots = station.store().slots().await?;
    let missing = || Refusal::missing(format!("there is no slot `{name}`"));
    let slot = slots.iter().find(|slot| slot.name == name).ok_or_else(missing)?;
    match what {
        "off" => {
            station.put_slot(&visit.who(), Slot { cell: None, ..slot.clone() }).await?;
        }
        "map" => {
            let number = |name: &str| -> Result<u8, Refusal> {
                Ok(form.maybe::<u32>(name)?.and_then(|number| u8::try_from(number).ok()).unwrap_or_default())
            };
            let to = Cell { row: number("row")?, column: number("column")? };
            station.move_slot(&visit.who(), name, to).await?;
        }
        _ => {
            let off = || Refusal::meaningless(format!("the slot `{name}` isn't on the map"));
            let edge = || Refusal::meaningless(format!("the slot `{name}` is at the map's edge"));
            let to = beside(slot.cell.ok_or_else(off)?, what).ok_or_else(edge)?;
            station.move_slot(&visit.who(), name, to).await?;
        }
    }
    Ok(go("/slots"))
}

#[derive(Template)]
#[template(path = "switch_ports.html")]
struct Ports {
    frame: Frame,
    switch: Switch,
    asked: String,
    ports: Vec<SwitchPort>,
    rules: bool,
}

async fn switch(visit: Visit) -> Answer {
    let (station, name, at) = (&visit.station, visit.part("switch"), now());
    let missing = || Refusal::missing(format!("there is no switch `{name}`"));
    let switches = station.switches().await?;
    let switch = switches.into_iter().find(|switch| switch.name == name).ok_or_else(missing)?;
    let ports = station.switch_ports(name).await?;
    let asked = switch.asked.as_ref().map(|asked| words::when(asked.at, at)).unwrap_or_default();
    let frame = visit.frame(&format!("Switch {name}"), "slots").await;
    page(&Ports { frame, switch, asked, ports, rules: visit.can(Role::Admin) })
}

async fn put_switch(visit: Visit, form: Form) -> Answer {
    let community = Some(form.raw("community").to_owned()).filter(|text| !text.is_empty());
    let uplinks = form.text("uplinks").split(',').map(str::trim).filter(|port| !port.is_empty());
    let uplinks = uplinks.map(str::to_owned).collect();
    let new = NewSwitch { address: form.text("address").to_owned(), community, uplinks };
    let switch = visit.station.put_switch(&visit.who(), form.text("name"), new).await?;
    visit.say(false, sentence(&format!("The switch {} is asked from now on", message(&switch.name))));
    Ok(go("/slots"))
}

async fn remove_switch(visit: Visit, _: Form) -> Answer {
    let name = visit.part("switch");
    visit.station.remove_switch(&visit.who(), name).await?;
    visit.say(false, format!("The switch {} is asked no more. Slots at its ports stay.", message(name)));
    Ok(go("/slots"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(name: &str, cell: Option<(u8, u8)>) -> Slot {
        let cell = cell.map(|(row, column)| Cell { row, column });
        let (name, place) = (name.to_owned(), "1-1".to_owned());
        Slot { name, kind: SlotKind::Usb, place, position: 0, cell, suspected: None, mended: None }
    }

    #[test]
    fn a_slot_moves_by_one_cell_and_not_over_the_edge() {
        let cell = |row, column| Cell { row, column };
        for (at, what, to) in [
            (cell(2, 2), "left", Some(cell(2, 1))),
            (cell(2, 2), "right", Some(cell(2, 3))),
            (cell(2, 2), "up", Some(cell(1, 2))),
            (cell(2, 2), "down", Some(cell(3, 2))),
            (cell(1, 1), "left", None),
            (cell(1, 1), "up", None),
            (cell(24, 24), "down", None),
            (cell(24, 24), "right", None),
            (cell(2, 2), "off", None),
        ] {
            assert_eq!(beside(at, what), to, "{at:?} {what}");
        }
    }

    #[test]
    fn the_next_cell_is_the_first_free_one() {
        assert_eq!(next(&[]), Cell { row: 1, column: 1 });
        let row: Vec<_> = (1..=8).map(|column| slot("a", Some((1, column)))).collect();
        assert_eq!(next(&row), Cell { row: 2, column: 1 });
        assert_eq!(next(&[slot("a", Some((1, 1))), slot("b", None)]), Cell { row: 1, column: 2 });
    }

    #[test]
    fn the_map_has_each_slot_once_and_one_row_and_column_more_for_those_that_move_them() {
        let tile = |name: &str, cell| Tile {
            slot: slot(name, Some(cell)),
            place: String::new(),
            boards: Vec::new(),
        };
        let map = squares(vec![tile("a", (1, 2)), tile("b", (3, 1))], 1);
        assert_eq!((map.len(), map[0].len()), (4, 3));
        let there: Vec<_> = map
            .iter()
            .flatten()
            .filter_map(|square| Some((square.row, square.column, square.tile.as_ref()?.slot.name.clone())))
            .collect();
        assert_eq!(there, [(1, 2, "a".to_owned()), (3, 1, "b".to_owned())]);
        assert!(squares(Vec::new(), 0).is_empty());
        assert_eq!(squares(vec![tile("a", (24, 24))], 1).len(), 24);
    }
}
