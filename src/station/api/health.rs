//! Whether it is well.

use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::station::web::{Access, Call, Refusal, Row, Table};

pub(super) fn add_to(table: &mut Table) {
    let row = Row::get("/healthz", Access::Open, "Whether the station and its database answer");
    table.add_stream(row, (None, Some("text/plain")), healthz);
}

async fn healthz(call: Call, (): (), _: Body) -> Result<Response, Refusal> {
    if !call.station.answers().await {
        return Err(Refusal::new(
            axum::http::StatusCode::SERVICE_UNAVAILABLE,
            crate::error::Kind::Unavailable,
            "the database doesn't answer",
        ));
    }
    Ok(([(header::CONTENT_TYPE, "text/plain")], "ok\n").into_response())
}
