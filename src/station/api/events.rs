//! Changes as they happen.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use tokio_stream::wrappers::BroadcastStream;

use crate::station::Station;
use crate::station::numbered::{self, gap};
use crate::station::web::{Access, Call, Origin, Refusal, Row, Table};
use crate::station_api::{Change, Role};

/// So often it is looked whether who follows may still look.
const LOOK: Duration = Duration::from_secs(5);

pub(super) fn add_to(table: &mut Table) {
    let row = Row::get(
        "/api/v1/events",
        Access::Role(Role::Viewer),
        "Changes as they happen, as server-sent events",
    );
    table.add_stream(row, (None, Some("text/event-stream")), events);
}

async fn events(call: Call, (): (), _: Body) -> Result<Response, Refusal> {
    let seen = call.headers.get("last-event-id").map(numbered::seen);
    let following = call.station.changes.after(seen);
    let ending = call.station.ending.clone();
    // Whoever loses this connection before anything has changed knows from where on to ask.
    let place = seen.is_none().then(|| Ok(Event::default().id(following.newest.to_string())));
    let gap_before = following.gap.map(|n| event(Some(n), &gap()));
    let later = BroadcastStream::new(following.later).map(|change| match change {
        Ok((n, change)) => event(Some(n), &change),
        Err(_) => event(None, &gap()),
    });
    let before = following.before.into_iter().map(|(n, change)| event(Some(n), &change));
    let before = futures::stream::iter(place.into_iter().chain(gap_before).chain(before));
    // The end of the station ends the stream, and the end of what lets the caller look: it would never end by itself.
    let over = over(Arc::clone(&call.station), call.from, call.headers.clone());
    let stream = before.chain(later).take_until(ending.cancelled_owned()).take_until(Box::pin(over));
    let stream = Sse::new(stream).keep_alive(KeepAlive::new().interval(Duration::from_secs(15)));
    Ok(([("x-accel-buffering", "no")], stream).into_response())
}

/// Waits until who has asked may not look any more: its token was removed or has expired, its user is disabled.
async fn over(station: Arc<Station>, from: Origin, headers: HeaderMap) {
    loop {
        tokio::time::sleep(LOOK).await;
        // Where the database doesn't answer nobody is put out.
        if let Err(refusal) = station.who(from, &headers, Role::Viewer).await
            && matches!(refusal.status(), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
        {
            return;
        }
    }
}

fn event(n: Option<u64>, change: &Change) -> Result<Event, Infallible> {
    let event = Event::default().data(crate::format::json::line(change).unwrap_or_default());
    Ok(match n {
        Some(n) => event.id(n.to_string()),
        None => event,
    })
}
