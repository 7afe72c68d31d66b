//! Tables of values: a newer file comes in by a form, and who has what goes out as CSV.

use axum::body::Body;
use futures::StreamExt;
use futures::stream::unfold;

use super::Answer;
use crate::format::count;
use crate::station::export::{At, download, quoted};
use crate::station::pages::table::go;
use crate::station::pages::upload;
use crate::station::pages::visit::Visit;
use crate::station::pages::words;
use crate::station::store::TakeTable;
use crate::station::values::table::LONGEST;
use crate::station_api::{GivenAsked, GivenValues, ValueUpload};

/// Lines that are read at once.
const PART: u32 = 500;

/// A newer file, by a form.
pub(super) async fn upload(visit: Visit, body: Body) -> Answer {
    let (form, file) = upload::read(&visit, body, LONGEST).await?;
    let taking = match form.raw("taking") {
        "all" => TakeTable::ANY,
        "safe" => TakeTable::SAFE,
        _ => TakeTable::Dry,
    };
    taken(&visit, file, taking).await
}

async fn taken(visit: &Visit, file: Vec<u8>, taking: TakeTable) -> Answer {
    let name = visit.part("source");
    let told = visit.station.upload_values(&visit.who(), name, file.into(), taking).await?;
    let rows = |rows: u64| count(rows, "row");
    let stays = told.given.saturating_add(told.kept);
    let refused = told.dry && taking != TakeTable::Dry;
    let mut text = if refused {
        format!(
            "Nothing is changed: this file hasn’t {}. A file that was cut off looks the same. If that is to go, send the \
             file once more, and say so.",
            told.going().join(", and "),
        )
    } else if told.dry {
        format!(
            "Nothing is changed yet. Of {} in this file {} would be new and {} changed; {} would go. \
             What boards have stays as it is: {}.",
            rows(told.rows),
            told.added,
            told.changed,
            rows(told.gone),
            rows(stays),
        )
    } else {
        format!(
            "The table is here: of {} {} are new and {} changed; {} are gone. What boards have stays as it is: {}.",
            rows(told.rows),
            told.added,
            told.changed,
            rows(told.gone),
            rows(stays),
        )
    };
    if !refused && !told.columns_gone.is_empty() {
        let verb = if told.dry { "would go" } else { "are gone" };
        let columns = ValueUpload { gone: 0, ..told.clone() }.going().join(", and ");
        text.push_str(&format!(" With it {verb}: {columns}."));
    }
    if told.contradict > 0 {
        text.push_str(&format!(
            " ▲ In {} the file says something else than boards were given: other values, or another board. That stays as \
             it was given; a board whose row another one has gets none until that is given back.",
            rows(told.contradict),
        ));
    }
    visit.say(refused, text);
    Ok(go(&format!("/value/{name}")))
}

/// Who has what.
pub(super) async fn export(visit: Visit) -> Answer {
    let store = visit.station.store().clone();
    let source = store.value_source(visit.part("source")).await?.name;
    let file = format!("values-{source}.csv");
    // Each board may have values of other names, where tables have changed: one line for each value.
    let lines = unfold(At::Begin, move |at| {
        let (store, source) = (store.clone(), source.clone());
        async move {
            let mut text = String::new();
            let after = match at {
                At::Begin => {
                    text.push_str("board,serial,given,name,value\r\n");
                    None
                }
                At::Behind(after) => Some(after),
                At::End => return None,
            };
            let asked = GivenAsked { text: None, after, limit: Some(PART) };
            match store.given_values(&source, &asked).await {
                Ok(page) => {
                    page.items.iter().for_each(|one| lines_of(one, &mut text));
                    Some((Ok(text), page.next.map_or(At::End, At::Behind)))
                }
                Err(error) => Some((Err(error), At::End)),
            }
        }
    });
    Ok(download("text/csv; charset=utf-8", &file, Body::from_stream(lines.fuse())))
}

fn lines_of(one: &GivenValues, text: &mut String) {
    for (name, value) in &one.values {
        let serial = one.serial.clone().unwrap_or_default();
        let fields = [one.board.clone(), serial, words::stamp(one.given), name.clone(), value.clone()];
        text.push_str(&fields.map(|field| quoted(&field)).join(","));
        text.push_str("\r\n");
    }
}
