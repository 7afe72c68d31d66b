//! Whether it is well.

use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::station::web::{Access, Call, Refusal, Row, Table};
use crate::station_api::{BootdState, Role};

pub(super) fn add_to(table: &mut Table) {
    let row = Row::get("/healthz", Access::Open, "Whether the station and its database answer");
    table.add_stream(row, (None, Some("text/plain")), healthz);
    let row =
        Row::get("/metrics", Access::Open, "Figures for Prometheus; of other hosts a token is asked for");
    table.add_stream(row, (None, Some("application/openmetrics-text")), metrics);
}

async fn healthz(call: Call, (): (), _: Body) -> Result<Response, Refusal> {
    let ill = |what| {
        let status = axum::http::StatusCode::SERVICE_UNAVAILABLE;
        Err(Refusal::new(status, crate::error::Kind::Unavailable, what))
    };
    if !call.station.answers().await {
        return ill("the database doesn't answer");
    }
    if !call.station.takes().await {
        return ill("the database takes nothing");
    }
    // The half that boots boards is another program: this one is well without it, and says so. Why it is away is told
    // to those who may see the station.
    let text = match call.station.privileged.known().state {
        BootdState::NotUsed => "ok\n",
        BootdState::Serving => "ok\nbootd serving\n",
        BootdState::Away => "ok\nbootd away\n",
    };
    Ok(([(header::CONTENT_TYPE, "text/plain")], text).into_response())
}

async fn metrics(call: Call, (): (), _: Body) -> Result<Response, Refusal> {
    let station = &call.station;
    if !call.from.is_here() {
        station.who(call.from, &call.headers, Role::Viewer).await?;
    }
    let status = station.status().await?;
    let metrics = station.metrics();
    let gauge = |figure: u64| i64::try_from(figure).unwrap_or(i64::MAX);
    metrics.boards.set(gauge(status.boards));
    metrics.waiting.set(gauge(status.waiting));
    metrics.present.set(gauge(status.present));
    metrics.jobs.set(gauge(status.jobs));
    metrics.connections.set(gauge(station.guard().count() as u64));
    let printers = station.store().printers().await?;
    metrics.prints_waiting.set(gauge(printers.iter().map(|printer| printer.waiting).sum()));
    metrics.prints_unsure.set(gauge(printers.iter().map(|printer| printer.unsure).sum()));
    metrics.troubled(&status.troubles);
    metrics.armed.set(status.armed.into());
    metrics.bootd.set((status.bootd.state == BootdState::Serving).into());
    #[expect(clippy::cast_precision_loss, reason = "unix milliseconds have fewer digits")]
    metrics.since.set(status.since as f64 / 1000.0);
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], metrics.text()).into_response())
}
