//! Runs for other programs: a table or lines of JSON, in parts, however many there are. Between two parts nothing is held:
//! no transaction, and no more than the part that is on its way. So a reader may be slow, or go away.

mod columns;
mod csv;
mod table;

use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures::stream::unfold;
use futures::{Stream, StreamExt};

use super::store::{Error, Store};
use crate::format::json;
use crate::station_api::{ExportFormat, RunLine, RunsAsked};

pub(super) use columns::{Seen, ran_after};
pub(super) use csv::quoted;

/// Records that are read at once: those with much of scripts' output have some hundred KiB.
const PART: u32 = 100;

/// Where an export is.
pub(super) enum At {
    Begin,
    Behind(String),
    End,
}

/// An answer that a browser keeps as a file.
pub(super) fn download(kind: &'static str, name: &str, body: Body) -> Response {
    let name = format!("attachment; filename=\"{name}\"");
    ([(header::CONTENT_TYPE, kind.to_owned()), (header::CONTENT_DISPOSITION, name)], body).into_response()
}

/// All runs that are asked for, the newest first. A run that was removed meanwhile may be missing.
pub(super) fn runs(store: Store, asked: RunsAsked, format: ExportFormat) -> Response {
    let (kind, name) = match format {
        ExportFormat::Csv => ("text/csv; charset=utf-8", "runs.csv"),
        ExportFormat::Json => ("application/jsonl", "runs.jsonl"),
    };
    download(kind, name, Body::from_stream(parts(store, asked, format).fuse()))
}

/// Texts, one for each part of the list. An error ends them, and with them the connection: what came isn't taken for all.
fn parts(
    store: Store,
    asked: RunsAsked,
    format: ExportFormat,
) -> impl Stream<Item = Result<String, Error>> + Send + 'static {
    unfold(At::Begin, move |at| {
        let (store, mut asked) = (store.clone(), asked.clone());
        async move {
            let mut text = String::new();
            asked.after = match at {
                At::Begin => {
                    if format == ExportFormat::Csv {
                        text.push_str(&table::head());
                    }
                    None
                }
                At::Behind(after) => Some(after),
                At::End => return None,
            };
            asked.limit = Some(PART);
            Some(match part(&store, &asked, format, &mut text).await {
                Ok(next) => (Ok(text), next.map_or(At::End, At::Behind)),
                Err(error) => (Err(error), At::End),
            })
        }
    })
}

async fn part(
    store: &Store,
    asked: &RunsAsked,
    format: ExportFormat,
    text: &mut String,
) -> Result<Option<String>, Error> {
    let page = store.runs(asked).await?;
    let mut records = store.records(&page.items).await?;
    for line in &page.items {
        let Some(record) = records.remove(&line.run) else { continue };
        match format {
            ExportFormat::Csv => text.push_str(&table::line(&Seen::of(line, &record))),
            ExportFormat::Json => {
                text.push_str(&json::line(&Whole { line, record: &record }).unwrap_or_default());
                text.push('\n');
            }
        }
    }
    Ok(page.next)
}

/// A line of JSON: all that is kept of a run.
#[derive(serde::Serialize)]
struct Whole<'a> {
    line: &'a RunLine,
    record: &'a crate::run::Record,
}

#[cfg(test)]
mod tests;
