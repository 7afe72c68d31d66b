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

use super::store::{Error, Store, limit};
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

/// All runs that are asked for, the newest first; at most `limit`, where it is said. A run that was removed meanwhile may be
/// missing.
///
/// # Errors
/// [`Error::BadValue`] for a `limit` that isn't one.
pub(super) fn runs(store: Store, asked: RunsAsked, format: ExportFormat) -> Result<Response, Error> {
    limit(asked.limit)?;
    let (kind, name) = match format {
        ExportFormat::Csv => ("text/csv; charset=utf-8", "runs.csv"),
        ExportFormat::Json => ("application/jsonl", "runs.jsonl"),
    };
    Ok(download(kind, name, Body::from_stream(parts(store, asked, format).fuse())))
}

/// Texts, one for each part of the list. An error ends them, and with them the connection: what came isn't taken for all.
fn parts(
    store: Store,
    asked: RunsAsked,
    format: ExportFormat,
) -> impl Stream<Item = Result<String, Error>> + Send + 'static {
    let most = asked.limit.unwrap_or(u32::MAX);
    unfold((At::Begin, most), move |(at, left)| {
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
            let most = left.min(PART);
            asked.limit = Some(most);
            let (text, at) = match part(&store, &asked, format, &mut text).await {
                Ok(Some(next)) if left > most => (Ok(text), At::Behind(next)),
                Ok(_) => (Ok(text), At::End),
                Err(error) => (Err(error), At::End),
            };
            Some((text, (at, left - most)))
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
