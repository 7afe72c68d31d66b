//! What was done.

use crate::station::export;
use crate::station::now;
use crate::station::web::{Access, Call, Refusal, Row, Table};
use crate::station_api::{
    Audit, AuditAsked, ListAsked, LogLine, Page, Role, RunLine, RunsAsked, Statistics, StatisticsAsked,
};

const LOOK: Access = Access::Role(Role::Viewer);

pub(super) fn add_to(table: &mut Table) {
    table.add(Row::get("/api/v1/runs", LOOK, "Runs, the newest first"), runs);
    let row =
        Row::get("/api/v1/runs/export", LOOK, "Runs as a table or as lines of JSON, however many there are");
    table.add_stream(
        row,
        (None, Some("text/csv, application/jsonl")),
        |call: Call, asked: RunsAsked, _| async move {
            let format = asked.format.unwrap_or_default();
            call.station.store().may_ask_runs(&asked).await?;
            Ok(export::runs(call.station.store().clone(), RunsAsked { after: None, ..asked }, format)?)
        },
    );
    table.add(Row::get("/api/v1/runs/{run}", LOOK, "The record of a run"), run);
    let row = Row::get("/api/v1/statistics", LOOK, "Yield, times, slots and reasons over many runs");
    table.add(row, statistics);
    table.add(Row::get("/api/v1/runs/{run}/log", LOOK, "What a board said in a run"), log);
    table.add(
        Row::get("/api/v1/audit", Access::Role(Role::Admin), "What people did, the newest first"),
        audit,
    );
    let row =
        Row::get("/api/v1/audit/export", Access::Role(Role::Admin), "All of that, to be proved elsewhere");
    table.add_stream(row, (None, Some("application/jsonl")), |call: Call, (): (), _| async move {
        call.station.export_audit(&call.who()).await
    });
}

async fn runs(call: Call, asked: RunsAsked, (): ()) -> Result<Page<RunLine>, Refusal> {
    if asked.format.is_some() {
        return Err(Refusal::meaningless("`format` is for `/api/v1/runs/export`: a list is JSON"));
    }
    call.station.store().may_ask_runs(&asked).await?;
    Ok(call.station.store().runs(&asked).await?)
}

async fn statistics(call: Call, asked: StatisticsAsked, (): ()) -> Result<Statistics, Refusal> {
    call.station.statistics(&asked, now()).await
}

async fn run(call: Call, (): (), (): ()) -> Result<serde_json::Value, Refusal> {
    let record = call.station.store().run(call.part("run")).await?;
    serde_json::to_value(record).map_err(|error| Refusal::meaningless(error.to_string()))
}

async fn log(call: Call, asked: ListAsked, (): ()) -> Result<Page<LogLine>, Refusal> {
    // As the run itself: by as much of its name as is unique.
    let (run, _) = call.station.store().run_line(call.part("run")).await?;
    Ok(call.station.store().run_log(&run.run, &asked).await?)
}

async fn audit(call: Call, asked: AuditAsked, (): ()) -> Result<Page<Audit>, Refusal> {
    Ok(call.station.store().audit(&asked).await?)
}
