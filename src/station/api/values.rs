//! Values of which each board has its own.

use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use std::time::Duration;
use utoipa::ToSchema;

use crate::station::store::{TakeTable, part};
use crate::station::values::table::LONGEST;
use crate::station::web::{Access, Call, Refusal, Row, Table, json, whole};
use crate::station_api::{
    GivenAsked, GivenValues, ListAsked, MadeValueSource, NewValueSource, Page, ReleaseValues, Role,
    ValueSource, ValueSourceChange, ValueUpload,
};

const LOOK: Access = Access::Role(Role::Viewer);
const WORK: Access = Access::Role(Role::Operator);
const CHANGE: Access = Access::Role(Role::Admin);
/// How long a file may take to come.
const FILE_TIME: Duration = Duration::from_secs(120);

pub(super) fn add_to(table: &mut Table) {
    table.add(Row::get("/api/v1/values", LOOK, "Sources of values"), sources);
    let row = Row::post("/api/v1/values", CHANGE, "Make a source of values");
    table.add(row.answers(StatusCode::CREATED).secret(), add);
    table.add(Row::get("/api/v1/values/{source}", LOOK, "A source of values"), source);
    table.add(Row::patch("/api/v1/values/{source}", CHANGE, "Change a source of values"), change);
    table.add(Row::delete("/api/v1/values/{source}", CHANGE, "Remove a source of values"), remove);
    let row = Row::get("/api/v1/values/{source}/boards", LOOK, "Boards with values of a source");
    table.add(row, given);
    let row = Row::put("/api/v1/values/{source}/table", CHANGE, "Take in a newer file of a table (CSV)");
    table.add_stream_of::<ValueUpload, _, _, _>(row, Some("text/csv"), upload);
    let row = Row::post("/api/v1/values/{source}/release", WORK, "Let a board give its values back");
    table.add(row, release);
}

async fn sources(call: Call, asked: ListAsked, (): ()) -> Result<Page<ValueSource>, Refusal> {
    Ok(part(call.station.store().value_sources().await?, &asked, |source| source.name.clone())?)
}

async fn add(call: Call, (): (), new: NewValueSource) -> Result<MadeValueSource, Refusal> {
    call.station.add_value_source(&call.who(), &new).await
}

async fn source(call: Call, (): (), (): ()) -> Result<ValueSource, Refusal> {
    Ok(call.station.store().value_source(call.part("source")).await?)
}

async fn change(call: Call, (): (), change: ValueSourceChange) -> Result<ValueSource, Refusal> {
    call.station.change_value_source(&call.who(), call.part("source"), &change).await
}

async fn remove(call: Call, (): (), (): ()) -> Result<(), Refusal> {
    call.station.remove_value_source(&call.who(), call.part("source")).await
}

async fn given(call: Call, asked: GivenAsked, (): ()) -> Result<Page<GivenValues>, Refusal> {
    Ok(call.station.store().given_values(call.part("source"), &asked).await?)
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ValueUploadAsked)]
struct Asked {
    /// Change nothing, and tell what would change.
    #[serde(default)]
    dry: bool,
    /// Change nothing where more rows go than this, of those that no board has yet. Without it, any number may go.
    #[serde(default)]
    gone: Option<u64>,
    /// Change nothing where more columns go than this. Without it, any number may go.
    #[serde(default)]
    columns_gone: Option<u64>,
}

async fn upload(call: Call, asked: Asked, body: Body) -> Result<Response, Refusal> {
    let file = whole(body, LONGEST, FILE_TIME).await?;
    let most = |most: Option<u64>| most.unwrap_or(u64::MAX);
    let taking = match asked.dry {
        true => TakeTable::Dry,
        false => TakeTable::Losing { rows: most(asked.gone), columns: most(asked.columns_gone) },
    };
    let told = call.station.upload_values(&call.who(), call.part("source"), file, taking).await?;
    if told.dry && !asked.dry {
        return Err(Refusal::conflict(format!(
            "{} would go; nothing was changed",
            told.going().join(", and ")
        )));
    }
    Ok(json(StatusCode::OK, &told))
}

async fn release(call: Call, (): (), asked: ReleaseValues) -> Result<(), Refusal> {
    call.station.release_values(&call.who(), call.part("source"), &asked.board).await
}
