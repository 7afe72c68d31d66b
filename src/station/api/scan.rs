//! Codes, as a camera sees them, and the boards that they name.

use std::time::Duration;

use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::label::scan::MOST_DOTS;
use crate::station::Station;
use crate::station::web::{Access, Call, Refusal, Row, Table, json, whole};
use crate::station_api::{Role, Scanned};

const LOOK: Access = Access::Role(Role::Viewer);
const OCTETS: &str = "application/octet-stream";
/// How long a picture may take to come.
const TIME: Duration = Duration::from_secs(15);

pub(super) fn add_to(table: &mut Table) {
    let row = Row::post("/api/v1/scan", LOOK, "The board whose code is in a picture");
    table.add_stream_of::<Scanned, _, _, _>(row, Some(OCTETS), scan);
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ScanAsked)]
pub(in crate::station) struct Asked {
    /// Dots of a row.
    #[schema(format = "uint32")]
    pub(in crate::station) width: u32,
    /// Rows.
    #[schema(format = "uint32")]
    pub(in crate::station) height: u32,
}

async fn scan(call: Call, asked: Asked, body: Body) -> Result<Response, Refusal> {
    seen(&call.station, &asked, body).await
}

/// What a picture shows: a byte a dot, 0 is black.
pub(in crate::station) async fn seen(
    station: &Station,
    asked: &Asked,
    body: Body,
) -> Result<Response, Refusal> {
    let dots = whole(body, MOST_DOTS, TIME).await?;
    let text = station.scan(dots.into(), asked.width, asked.height).await?.unwrap_or_default();
    let board = if text.is_empty() { None } else { station.board_of_text(&text).await? };
    Ok(json(StatusCode::OK, &Scanned { text, board }))
}
