//! What a page of runs gives as a file: all that is filtered, one record, one log.

use axum::body::Body;
use futures::StreamExt;
use futures::stream::unfold;

use super::Answer;
use super::list::asked;
use crate::format::json;
use crate::station::export::{download, runs};
use crate::station::pages::visit::Visit;
use crate::station::pages::words;
use crate::station::store::Error;
use crate::station_api::{ExportFormat, ListAsked};

/// Lines that are read at once.
const PART: u32 = 500;

pub(super) async fn csv(visit: Visit) -> Answer {
    Ok(runs(visit.station.store().clone(), asked(&visit.query)?, ExportFormat::Csv)?)
}

pub(super) async fn jsonl(visit: Visit) -> Answer {
    Ok(runs(visit.station.store().clone(), asked(&visit.query)?, ExportFormat::Json)?)
}

/// The record of a run, as it is kept.
pub(super) async fn record(visit: Visit) -> Answer {
    let record = visit.station.store().run(visit.part("run")).await?;
    let text = json::pretty(&record);
    let text = text.map_err(|error| crate::station::web::Refusal::meaningless(error.to_string()))?;
    Ok(download("application/json", &format!("run-{}.json", record.run), Body::from(text)))
}

/// All lines of a run's log.
pub(super) async fn log(visit: Visit) -> Answer {
    let store = visit.station.store().clone();
    let (line, _) = store.run_line(visit.part("run")).await?;
    let name = format!("run-{}.txt", line.run);
    let lines = unfold(Some(None::<String>), move |after| {
        let (store, run) = (store.clone(), line.run.clone());
        async move {
            let asked = ListAsked { after: after?, limit: Some(PART), ..ListAsked::default() };
            match store.run_log(&run, &asked).await {
                Ok(page) => {
                    let mut text = String::new();
                    for line in page.items {
                        text.push_str(&words::stamp(line.time));
                        text.push(' ');
                        text.push_str(&crate::format::message(&line.text));
                        text.push('\n');
                    }
                    Some((Ok::<_, Error>(text), page.next.map(Some)))
                }
                Err(error) => Some((Err(error), None)),
            }
        }
    });
    Ok(download("text/plain; charset=utf-8", &name, Body::from_stream(lines.fuse())))
}
