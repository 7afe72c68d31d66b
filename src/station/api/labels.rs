//! Labels, printers, and what is to be printed.

use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::station::store::part;
use crate::station::web::{Access, Call, Refusal, Row, Table};
use crate::station_api::{
    FilledAsked, Label, LabelLanguage, ListAsked, NewPrint, NewPrinter, Page, Print, Printer, PrinterTakes,
    PrintsAsked, Role,
};

const LOOK: Access = Access::Role(Role::Viewer);
const WORK: Access = Access::Role(Role::Operator);
const CHANGE: Access = Access::Role(Role::Admin);
/// What a label is as its printer gets it.
const KINDS: &str = "image/png, text/plain; charset=utf-8, application/octet-stream";

pub(super) fn add_to(table: &mut Table) {
    table.add(Row::get("/api/v1/labels", LOOK, "Templates of labels"), labels);
    table.add(Row::get("/api/v1/labels/{label}", LOOK, "A label"), label);
    table.add(Row::put("/api/v1/labels/{label}", CHANGE, "Make or change a label"), put);
    table.add(Row::delete("/api/v1/labels/{label}", CHANGE, "Remove a label"), remove);
    let row = Row::get("/api/v1/labels/{label}/filled", LOOK, "A label with a board's values");
    table.add_stream(row, (None, Some(KINDS)), filled);
    table.add(Row::get("/api/v1/printers", LOOK, "Printers, and how they do"), printers);
    table.add(Row::get("/api/v1/printers/{printer}", LOOK, "A printer"), printer);
    let row = Row::put("/api/v1/printers/{printer}", CHANGE, "Make or change a printer");
    table.add(row.secret(), put_printer);
    table.add(Row::delete("/api/v1/printers/{printer}", CHANGE, "Remove a printer"), remove_printer);
    table.add(Row::get("/api/v1/prints", LOOK, "What was and is to be printed, the newest first"), prints);
    let row = Row::post("/api/v1/prints", WORK, "Print a label");
    table.add(row.answers(StatusCode::CREATED), want);
    let row = Row::post("/api/v1/prints/{print}/again", WORK, "Print something once more, or now");
    table.add(row, again);
    let row = Row::post("/api/v1/prints/{print}/cancel", WORK, "Print something no more, or see to it");
    table.add(row, cancel);
}

async fn labels(call: Call, asked: ListAsked, (): ()) -> Result<Page<Label>, Refusal> {
    Ok(part(call.station.store().labels().await?, &asked, |label| label.name.clone())?)
}

async fn label(call: Call, (): (), (): ()) -> Result<Label, Refusal> {
    call.station.label(call.part("label")).await
}

async fn put(call: Call, (): (), label: Label) -> Result<Label, Refusal> {
    if label.name != call.part("label") {
        return Err(Refusal::meaningless("the name in the body isn't that of the path"));
    }
    call.station.put_label(&call.who(), &label).await
}

async fn remove(call: Call, (): (), (): ()) -> Result<(), Refusal> {
    call.station.remove_label(&call.who(), call.part("label")).await
}

async fn filled(call: Call, asked: FilledAsked, _: Body) -> Result<Response, Refusal> {
    let station = &call.station;
    let label = station.store().label(call.part("label")).await?;
    let takes = asked.takes.unwrap_or(PrinterTakes::Png);
    let filled = station.filled_label(&label, asked.board.as_deref(), takes).await?;
    let kind = match (label.language, takes) {
        _ if filled.is_text => "text/plain; charset=utf-8",
        (LabelLanguage::Drawn, PrinterTakes::Png) => "image/png",
        _ => "application/octet-stream",
    };
    Ok(([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-store")], filled.bytes).into_response())
}

async fn printers(call: Call, asked: ListAsked, (): ()) -> Result<Page<Printer>, Refusal> {
    Ok(part(call.station.store().printers().await?, &asked, |printer| printer.name.clone())?)
}

async fn printer(call: Call, (): (), (): ()) -> Result<Printer, Refusal> {
    Ok(call.station.store().printer(call.part("printer")).await?)
}

async fn put_printer(call: Call, (): (), new: NewPrinter) -> Result<Printer, Refusal> {
    if new.name != call.part("printer") {
        return Err(Refusal::meaningless("the name in the body isn't that of the path"));
    }
    call.station.put_printer(&call.who(), &new).await
}

async fn remove_printer(call: Call, (): (), (): ()) -> Result<(), Refusal> {
    call.station.remove_printer(&call.who(), call.part("printer")).await
}

async fn prints(call: Call, asked: PrintsAsked, (): ()) -> Result<Page<Print>, Refusal> {
    Ok(call.station.store().prints(&asked).await?)
}

async fn want(call: Call, (): (), new: NewPrint) -> Result<Page<Print>, Refusal> {
    let items = call.station.want_print(&call.who(), &new).await?;
    Ok(Page { items, next: None })
}

async fn again(call: Call, (): (), (): ()) -> Result<Print, Refusal> {
    call.station.print_again(&call.who(), call.part("print")).await
}

async fn cancel(call: Call, (): (), (): ()) -> Result<Print, Refusal> {
    call.station.cancel_print(&call.who(), call.part("print")).await
}
