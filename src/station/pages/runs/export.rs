//! Runs for other programs: what is filtered, a record, a log. They come in parts, however many there are.

use axum::body::Body;
use axum::http::header;
use axum::response::IntoResponse;
use futures::stream::unfold;
use futures::{Stream, StreamExt};

use super::Answer;
use super::list::asked;
use crate::format::{is_hidden, json};
use crate::station::pages::visit::Visit;
use crate::station::pages::words;
use crate::station::store::{Error, Store};
use crate::station_api::{ListAsked, RunLine, RunsAsked};

/// Lines that are read at once.
const PART: u32 = 500;

/// Where an export is.
pub(in crate::station::pages) enum At {
    Begin,
    Behind(String),
    End,
}

/// Texts, one for each part of a list. An error ends them, and with them the connection: what came isn't taken for all.
fn parts(
    store: Store,
    asked: RunsAsked,
    write: impl Fn(&[RunLine], bool, bool) -> String + Send + 'static,
) -> impl Stream<Item = Result<String, Error>> + Send + 'static {
    unfold((At::Begin, write), move |(at, write)| {
        let (store, mut asked) = (store.clone(), asked.clone());
        async move {
            let first = matches!(at, At::Begin);
            asked.after = match at {
                At::Begin => None,
                At::Behind(after) => Some(after),
                At::End => return None,
            };
            match store.runs(&asked).await {
                Ok(page) => {
                    let text = write(&page.items, first, page.next.is_none());
                    Some((Ok(text), (page.next.map_or(At::End, At::Behind), write)))
                }
                Err(error) => Some((Err(error), (At::End, write))),
            }
        }
    })
}

pub(in crate::station::pages) fn download(
    kind: &'static str,
    name: &str,
    body: Body,
) -> axum::response::Response {
    let name = format!("attachment; filename=\"{name}\"");
    ([(header::CONTENT_TYPE, kind.to_owned()), (header::CONTENT_DISPOSITION, name)], body).into_response()
}

fn whole(visit: &Visit) -> Result<RunsAsked, crate::station::web::Refusal> {
    Ok(RunsAsked { after: None, limit: Some(PART), ..asked(&visit.query)? })
}

const HEAD: &str =
    "run,way,board,label,serial,image,project,by,started,seconds,stage,outcome,why,simulated,slot\r\n";

pub(super) async fn csv(visit: Visit) -> Answer {
    let lines = parts(visit.station.store().clone(), whole(&visit)?, |lines, first, _| {
        let mut text = if first { HEAD.to_owned() } else { String::new() };
        lines.iter().for_each(|line| text.push_str(&csv_line(line)));
        text
    });
    Ok(download("text/csv; charset=utf-8", "runs.csv", Body::from_stream(lines.fuse())))
}

fn csv_line(line: &RunLine) -> String {
    let some = |text: &Option<String>| text.clone().unwrap_or_default();
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of a run are few")]
    let seconds = line.took.map(|took| format!("{:.3}", took as f64 / 1000.0)).unwrap_or_default();
    let fields = [
        line.run.clone(),
        line.way.clone(),
        some(&line.board),
        line.label.clone(),
        line.serial.clone(),
        some(&line.image),
        some(&line.project),
        some(&line.by),
        words::stamp(line.started),
        seconds,
        line.stage.clone(),
        line.outcome.clone(),
        line.why.clone(),
        line.simulated.to_string(),
        some(&line.slot),
    ];
    format!("{}\r\n", fields.map(|field| quoted(&field)).join(","))
}

/// A field of CSV (RFC 4180). A program for tables would compute what begins like a formula: that gets an apostrophe. What
/// moves the cursor of a terminal on which the file is looked at is taken out.
pub(in crate::station::pages) fn quoted(field: &str) -> String {
    let moves = |char: char| is_hidden(char) && !matches!(char, '\n' | '\r' | '\t');
    let field = field.replace(moves, "");
    let formula = field.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let guard = if formula { "'" } else { "" };
    if formula || field.contains(['"', ',', '\n', '\r']) {
        format!("\"{guard}{}\"", field.replace('"', "\"\""))
    } else {
        field
    }
}

pub(super) async fn json(visit: Visit) -> Answer {
    let lines = parts(visit.station.store().clone(), whole(&visit)?, |lines, first, last| {
        let items: Vec<_> = lines.iter().map(|line| json::line(line).unwrap_or_default()).collect();
        let begin = match (first, items.is_empty()) {
            (true, _) => "[\n",
            (false, true) => "",
            (false, false) => ",\n",
        };
        format!("{begin}{}{}", items.join(",\n"), if last { "\n]\n" } else { "" })
    });
    Ok(download("application/json", "runs.json", Body::from_stream(lines.fuse())))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_of_a_table_is_a_text_and_never_computed() {
        for (field, written) in [
            ("meter-1.9", "meter-1.9"),
            ("a,b", "\"a,b\""),
            ("say \"no\"\nnow", "\"say \"\"no\"\"\nnow\""),
            ("=HYPERLINK(\"http://evil\")", "\"'=HYPERLINK(\"\"http://evil\"\")\""),
            ("+1", "\"'+1\""),
            ("-1", "\"'-1\""),
            ("@x", "\"'@x\""),
            ("\tx", "\"'\tx\""),
            ("a\0b", "ab"),
            // What turns the direction of writing, and what has no width.
            ("a\u{202e}b\u{200b}", "ab"),
        ] {
            assert_eq!(quoted(field), written);
        }
    }
}
