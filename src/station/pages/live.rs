//! Changes that come by themselves, as server-sent events: parts of the floor, or what has changed.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::{Stream, StreamExt};
use tokio_stream::wrappers::BroadcastStream;

use super::floor::Fragment;
use super::table::Pages;
use super::visit::{Known, Visit};
use crate::station::numbered::{self, Following, Numbered};
use crate::station::store::Error;
use crate::station::web::{Access, Refusal};
use crate::station::{Station, now};
use crate::station_api::{Change, Role};

/// How often a stream looks whether its session still is one.
const LOOK: Duration = Duration::from_secs(10);
/// How often something is sent, so that a lost connection is seen.
const ALIVE: Duration = Duration::from_secs(15);

pub(super) fn add_to(pages: &mut Pages) {
    pages.get("/live", Access::Role(Role::Viewer), live);
}

async fn live(visit: Visit) -> Result<Response, Refusal> {
    let came = visit.headers.get("last-event-id").map(numbered::seen);
    let seen = match came {
        Some(seen) => Some(seen),
        None => visit.query.maybe::<u64>("from")?,
    };
    let station = Arc::clone(&visit.station);
    let known = visit.session.clone();
    let acts = visit.can(Role::Operator) && !visit.query.has("wall");
    let stream = match visit.query.text("of") {
        "floor" => follow(&station.floor.fragments, seen, move |fragment: &Fragment| match fragment {
            Fragment::Put { looks, acts: both } => ("put", if acts { both } else { looks }.to_string()),
            // Browsers don't tell events without data.
            Fragment::Anew => ("anew", "all".to_owned()),
        })
        .boxed(),
        "changes" => follow(&station.changes, seen, |change: &Change| {
            ("change", crate::format::json::line(change).unwrap_or_default())
        })
        .boxed(),
        _ => return Err(Refusal::missing("there is no such stream")),
    };
    let stream = stream.take_until(Box::pin(over(station, known)));
    let stream = Sse::new(stream).keep_alive(KeepAlive::new().interval(ALIVE));
    Ok(([("x-accel-buffering", "no")], stream).into_response())
}

/// The end of the station, or of the session.
async fn over(station: Arc<Station>, known: Option<Known>) {
    let Some(known) = known else { return };
    let mut each = tokio::time::interval(LOOK);
    loop {
        tokio::select! {
            () = station.ending.cancelled() => return,
            _ = each.tick() => {}
        }
        // Where the database doesn't answer nobody is put out.
        let still = match known.proxied {
            true => station.store().account(&known.who.user).await.map(|account| !account.user.disabled),
            false => station.store().session(&known.digest, true, now()).await.map(|user| user.is_some()),
        };
        if matches!(still, Ok(false) | Err(Error::NoSuch { .. })) {
            return;
        }
    }
}

/// Events of a numbered stream, from behind a number on. Where some were left out, `anew` says so.
fn follow<T: Clone + Send + 'static>(
    numbered: &Numbered<T>,
    seen: Option<u64>,
    words: impl Fn(&T) -> (&'static str, String) + Send + 'static,
) -> impl Stream<Item = Result<Event, Infallible>> + Send + 'static {
    let Following { gap, before, later, .. } = numbered.after(seen);
    let anew = |n: Option<u64>| {
        let event = Event::default().event("anew").data("all");
        n.map_or(event.clone(), |n| event.id(n.to_string()))
    };
    let first = gap.map(|n| Ok(anew(Some(n))));
    let before = before.into_iter().map(Ok);
    let rest = futures::stream::iter(before).chain(BroadcastStream::new(later));
    let rest = rest.map(move |thing| {
        Ok(match thing {
            Ok((n, thing)) => {
                let (kind, data) = words(&thing);
                Event::default().event(kind).id(n.to_string()).data(data)
            }
            Err(_) => anew(None),
        })
    });
    futures::stream::iter(first).chain(rest)
}
