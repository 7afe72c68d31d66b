//! Switches that are asked where boards are, and places that nobody has named.

use crate::station::store::part;
use crate::station::web::{Access, Call, Refusal, Row, Table};
use crate::station_api::{FreePlace, ListAsked, NewSwitch, Page, Role, Switch, SwitchPort};

const LOOK: Access = Access::Role(Role::Viewer);
const CHANGE: Access = Access::Role(Role::Admin);

pub(super) fn add_to(table: &mut Table) {
    let row = Row::get("/api/v1/places", LOOK, "Places at which boards were seen and that are no slots");
    table.add(row, places);
    table.add(Row::get("/api/v1/switches", LOOK, "Switches that are asked where boards are"), switches);
    let row = Row::put("/api/v1/switches/{switch}", CHANGE, "Make or change a switch");
    table.add(row.secret(), put);
    table.add(Row::delete("/api/v1/switches/{switch}", CHANGE, "Remove a switch"), remove);
    let row = Row::get("/api/v1/switches/{switch}/ports", LOOK, "What a switch has seen, by its ports");
    table.add(row, ports);
}

/// The newest first, and few: one part has all.
async fn places(call: Call, (): (), (): ()) -> Result<Page<FreePlace>, Refusal> {
    Ok(Page { items: call.station.free_places().await?, next: None })
}

async fn switches(call: Call, asked: ListAsked, (): ()) -> Result<Page<Switch>, Refusal> {
    Ok(part(call.station.switches().await?, &asked, |switch| switch.name.clone())?)
}

async fn put(call: Call, (): (), new: NewSwitch) -> Result<Switch, Refusal> {
    call.station.put_switch(&call.who(), call.part("switch"), new).await
}

async fn remove(call: Call, (): (), (): ()) -> Result<(), Refusal> {
    call.station.remove_switch(&call.who(), call.part("switch")).await
}

async fn ports(call: Call, asked: ListAsked, (): ()) -> Result<Page<SwitchPort>, Refusal> {
    Ok(part(call.station.switch_ports(call.part("switch")).await?, &asked, |port| port.port.clone())?)
}
