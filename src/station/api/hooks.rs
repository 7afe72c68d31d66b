//! Hooks, and what they are to be told.

use axum::http::StatusCode;

use crate::station::store::part;
use crate::station::web::{Access, Call, Refusal, Row, Table};
use crate::station_api::{
    DeliveriesAsked, Delivery, Hook, HostHooks, ListAsked, MadeHook, NewHook, Page, Role,
};

const ADMIN: Access = Access::Role(Role::Admin);

pub(super) fn add_to(table: &mut Table) {
    table.add(Row::get("/api/v1/hooks", ADMIN, "Addresses that are told what happens"), hooks);
    let row = Row::post("/api/v1/hooks", ADMIN, "Make a hook");
    table.add(row.answers(StatusCode::CREATED).secret(), add);
    table.add(Row::delete("/api/v1/hooks/{hook}", ADMIN, "Remove a hook"), remove);
    table.add(Row::post("/api/v1/hooks/{hook}/test", ADMIN, "Tell a hook something, to try it"), test);
    table.add(
        Row::get("/api/v1/deliveries", ADMIN, "What hooks were told and are to be told, the newest first"),
        deliveries,
    );
    let row =
        Row::get("/api/v1/host-hooks", ADMIN, "Hooks on the station's host, and how the last ones ended");
    table.add(row, host_hooks);
    let row = Row::post("/api/v1/deliveries/{delivery}/again", ADMIN, "Tell a hook now what waits for it");
    table.add(row, again);
}

async fn hooks(call: Call, asked: ListAsked, (): ()) -> Result<Page<Hook>, Refusal> {
    Ok(part(call.station.store().hooks().await?, &asked, |hook| hook.name.clone())?)
}

async fn add(call: Call, (): (), new: NewHook) -> Result<MadeHook, Refusal> {
    call.station.add_hook(&call.who(), new).await
}

async fn remove(call: Call, (): (), (): ()) -> Result<(), Refusal> {
    call.station.remove_hook(&call.who(), call.part("hook")).await
}

async fn test(call: Call, (): (), (): ()) -> Result<(), Refusal> {
    call.station.test_hook(&call.who(), call.part("hook")).await
}

async fn deliveries(call: Call, asked: DeliveriesAsked, (): ()) -> Result<Page<Delivery>, Refusal> {
    Ok(call.station.store().deliveries(&asked).await?)
}

async fn again(call: Call, (): (), (): ()) -> Result<(), Refusal> {
    call.station.tell_again(&call.who(), call.part("delivery")).await
}

async fn host_hooks(call: Call, (): (), (): ()) -> Result<HostHooks, Refusal> {
    Ok(call.station.host_hooks_known().await)
}
