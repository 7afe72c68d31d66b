//! Images of boards' EEPROMs.

use std::time::Duration;

use axum::body::Body;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::station::firmware::{LONGEST_PACKAGE, Wanted};
use crate::station::store::part;
use crate::station::web::{Access, Call, Refusal, Row, Table, json, whole};
use crate::station_api::{Firmware, HostFirmwares, ListAsked, Page, Role, TakeFirmware};

const LOOK: Access = Access::Role(Role::Viewer);
/// What is written there runs before all else on boards.
const CHANGE: Access = Access::Role(Role::Admin);
const OCTETS: &str = "application/octet-stream";
/// How long an image may take to come.
const FILE_TIME: Duration = Duration::from_secs(120);

pub(super) fn add_to(table: &mut Table) {
    table.add(Row::get("/api/v1/firmware", LOOK, "Images of EEPROMs"), all);
    table.add(Row::get("/api/v1/firmware/{firmware}", LOOK, "An image of an EEPROM"), one);
    let row = Row::get("/api/v1/firmware/{firmware}/image", LOOK, "The image's bytes");
    table.add_stream(row, (None, Some(OCTETS)), image);
    let row = Row::put("/api/v1/firmware/{firmware}", CHANGE, "Keep an image of an EEPROM");
    table.add_stream_of::<Firmware, _, _, _>(row, Some(OCTETS), add);
    table.add(Row::get("/api/v1/host-firmware", CHANGE, "Images of EEPROMs on the station's host"), on_host);
    let row = Row::post("/api/v1/host-firmware", CHANGE, "Keep one of them");
    table.add(row.answers(StatusCode::CREATED), take);
    table.add(Row::delete("/api/v1/firmware/{firmware}", CHANGE, "Remove an image of an EEPROM"), remove);
}

async fn all(call: Call, asked: ListAsked, (): ()) -> Result<Page<Firmware>, Refusal> {
    Ok(part(call.station.store().all_firmware().await?, &asked, |one| one.name.clone())?)
}

async fn one(call: Call, (): (), (): ()) -> Result<Firmware, Refusal> {
    Ok(call.station.store().firmware(call.part("firmware")).await?)
}

async fn image(call: Call, (): (), _: Body) -> Result<Response, Refusal> {
    let store = call.station.store();
    let sha256 = store.firmware(call.part("firmware")).await?.sha256;
    let bytes = store.firmware_bytes(&sha256).await?;
    Ok(([("content-type", OCTETS)], bytes).into_response())
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = FirmwareAsked)]
struct Asked {
    /// The channel that its maker gives it out in; of a package the one that is looked for.
    #[serde(default)]
    channel: Option<String>,
    /// The board that it is for, as `cm4`: of a package the image for that one is taken.
    #[serde(default)]
    board: Option<String>,
}

async fn add(call: Call, asked: Asked, body: Body) -> Result<Response, Refusal> {
    let wanted = Wanted::of(asked.channel.as_deref(), asked.board.as_deref())?;
    let bytes = whole(body, LONGEST_PACKAGE, FILE_TIME).await?;
    let firmware =
        call.station.add_firmware(&call.who(), call.part("firmware"), wanted, bytes.into()).await?;
    Ok(json(StatusCode::OK, &firmware))
}

async fn on_host(call: Call, (): (), (): ()) -> Result<HostFirmwares, Refusal> {
    call.station.host_firmware().await
}

async fn take(call: Call, (): (), take: TakeFirmware) -> Result<Firmware, Refusal> {
    call.station.take_firmware(&call.who(), take).await
}

async fn remove(call: Call, (): (), (): ()) -> Result<(), Refusal> {
    call.station.remove_firmware(&call.who(), call.part("firmware")).await
}
