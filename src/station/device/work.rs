//! A board asks for work, and waits for it.

use std::pin::pin;
use std::time::Duration;

use axum::body::Body;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tokio::time::{Instant, timeout_at};
use utoipa::ToSchema;

use crate::device_api::Work;
use crate::station::jobs::LEASE;
use crate::station::key::Pass;
use crate::station::web::{Access, Call, Refusal, Row, Table, json};
use crate::station::{Station, now};
use crate::station_api::{Enrolment, Job, Thing};

pub(super) fn add_to(table: &mut Table) {
    let row = Row::get("/api/v1/device/work", Access::Board, "Something to do, or 204 after a while");
    let row = row.also(&[(204, "There is nothing to do.")]);
    table.add_stream_of::<Work, _, _, _>(row, None, work);
}

#[derive(Debug, Deserialize, ToSchema)]
struct Asked {
    /// So many seconds; 0 to 60, 30 without it.
    #[serde(default)]
    #[schema(maximum = 60)]
    wait: Option<u8>,
}

async fn work(call: Call, asked: Asked, _: Body) -> Result<Response, Refusal> {
    let wait = asked.wait.unwrap_or(30);
    if wait > 60 {
        return Err(Refusal::malformed("`wait` is 0 to 60 seconds"));
    }
    let until = Instant::now() + Duration::from_secs(wait.into());
    let station = &call.station;
    loop {
        let (board, key) = super::board_of(&call).await?;
        let notify = station.waiting.asks(&board.id, &key);
        let mut woken = pin!(notify.notified());
        // From here on nothing is missed; what came before is seen by looking.
        woken.as_mut().enable();
        match board.enrolment {
            Enrolment::Refused => super::may_work(&board)?,
            Enrolment::Waiting => {}
            Enrolment::Enrolled => {
                if let Some(job) = draw(station, &board.id).await? {
                    return Ok(json(StatusCode::OK, &work_of(station, job)));
                }
            }
        }
        tokio::select! {
            woken = timeout_at(until, woken) => if woken.is_err() {
                return Ok(StatusCode::NO_CONTENT.into_response());
            },
            () = station.ending.cancelled() => return Err(Refusal::ending()),
        }
    }
}

/// The job of a board, with a new number.
pub(in crate::station) async fn draw(station: &Station, board: &str) -> Result<Option<Job>, Refusal> {
    if !station.host_hooks_let(board).await? {
        return Ok(None);
    }
    let Some(drawn) = station.store().draw(board, now()).await? else { return Ok(None) };
    if let Some(why) = station.host_hooks_drawn(&drawn).await? {
        station.not_begun(&drawn.job, &why).await?;
        return Ok(None);
    }
    let job = drawn.job;
    station.changes.tell(Thing::Job, &job.id, Some(board));
    station.changes.tell(Thing::Run, &drawn.run, Some(board));
    Ok(Some(job))
}

fn work_of(station: &Station, job: Job) -> Work {
    let pass = Pass::Job { job: job.id.clone(), fence: job.fence, board: job.board };
    Work {
        token: station.key().token(&pass),
        job: job.id,
        fence: job.fence,
        action: job.action,
        lease: u32::try_from(LEASE / 1000).unwrap_or(u32::MAX),
    }
}
