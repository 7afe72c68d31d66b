//! Scripts that boards run before and after their image is written.

use crate::device_api::Script;
use crate::station::store::part;
use crate::station::web::{Access, Call, Refusal, Row, Table};
use crate::station_api::{ListAsked, Page, Role};

const LOOK: Access = Access::Role(Role::Viewer);
/// What is written there runs as root on boards.
const CHANGE: Access = Access::Role(Role::Admin);

pub(super) fn add_to(table: &mut Table) {
    table.add(Row::get("/api/v1/scripts", LOOK, "Scripts"), scripts);
    table.add(Row::get("/api/v1/scripts/{script}", LOOK, "A script"), script);
    table.add(Row::put("/api/v1/scripts/{script}", CHANGE, "Make or change a script"), put);
    table.add(Row::delete("/api/v1/scripts/{script}", CHANGE, "Remove a script"), remove);
}

async fn scripts(call: Call, asked: ListAsked, (): ()) -> Result<Page<Script>, Refusal> {
    Ok(part(call.station.store().scripts().await?, &asked, |script| script.name.clone())?)
}

async fn script(call: Call, (): (), (): ()) -> Result<Script, Refusal> {
    Ok(call.station.store().script(call.part("script")).await?)
}

async fn put(call: Call, (): (), script: Script) -> Result<Script, Refusal> {
    if script.name != call.part("script") {
        return Err(Refusal::meaningless("the name in the body isn't that of the path"));
    }
    call.station.put_script(&call.who(), &script).await
}

async fn remove(call: Call, (): (), (): ()) -> Result<(), Refusal> {
    call.station.remove_script(&call.who(), call.part("script")).await
}
