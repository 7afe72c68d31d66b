//! What a shell client proves: digests of what it has read back from its disk, range by range.
//!
//! The digests are SHA-256, since each shell has that, over the token of the attempt and then the range: those of an
//! attempt before are no use.

use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use super::job::{gone, named};
use super::scriptexecute::{AGENT, word};
use crate::device_api::{Action, Progress};
use crate::error::Kind;
use crate::format::hex;
use crate::format::json::json;
use crate::image::chunk::CHUNK;
use crate::run::{Ending, Proof, Stage};
use crate::station::now;
use crate::station::web::{Call, Refusal, json as answer, whole};
use crate::station_api::{Image, Job, JobState};

/// How long the digests may take to come.
const TIME: std::time::Duration = std::time::Duration::from_secs(60);

async fn job_of(call: &Call) -> Result<(Job, Image), Refusal> {
    let (job, _) = named(call).await?;
    let board = call.station.store().board(&job.board).await?;
    if board.facts.is_some_and(|facts| facts.agent == AGENT) {
        return Err(Refusal::conflict("the script of this board's run tells what it has read back"));
    }
    if job.action != Action::Deploy {
        return Err(Refusal::conflict("only a deploy is read back"));
    }
    let id = job.image.as_ref().ok_or_else(|| Refusal::missing("this job has no image"))?;
    let image = call.station.store().image(id).await?;
    Ok((job, image))
}

/// The attempt goes on: its lease begins anew.
pub(super) async fn wanted(call: Call, (): (), _: Body) -> Result<Response, Refusal> {
    let (job, image) = job_of(&call).await?;
    if job.state != JobState::Running || job.cancel {
        return Err(gone());
    }
    let station = &call.station;
    station.streams.proves(&job.id, job.fence);
    station.waiting.heard(&job.board);
    let (fence, stage) = (job.fence, Stage::ReadBack);
    let progress = Progress {
        fence,
        stage,
        done: 0,
        total: Some(image.raw_len),
        fetched: 0,
        log: Vec::new(),
        entered: Vec::new(),
    };
    station.store().renew(&job.id, &progress, now()).await?;
    let (salt, len, end) = (call.part("file"), image.raw_len, word(job.end));
    let text = format!("size {len}\npart {CHUNK}\nsalt {salt}\nend {end}\n");
    Ok(([(header::CONTENT_TYPE, "text/plain"), (header::CACHE_CONTROL, "no-store")], text).into_response())
}

pub(super) async fn compare(call: Call, (): (), body: Body) -> Result<Response, Refusal> {
    let (job, image) = job_of(&call).await?;
    let count = image.raw_len.div_ceil(CHUNK);
    let most = usize::try_from(count.saturating_mul(66)).unwrap_or(usize::MAX).saturating_add(1024);
    let body = whole(body, most, TIME).await?;
    let text = std::str::from_utf8(&body).map_err(|_| Refusal::malformed("the digests are no text"))?;
    let equal = || answer(StatusCode::OK, &json!({"equal": true, "end": word(job.end)}));
    match job.state {
        // The answer was lost, and it is told again.
        JobState::Done | JobState::Finishing => return Ok(equal()),
        JobState::Running => {}
        _ => return Err(gone()),
    }
    if let Some(why) = text.strip_prefix("failed") {
        let why = why.trim();
        let why = if why.is_empty() { "the board gives no reason" } else { why };
        let ending = failed(&crate::format::message(why), None);
        call.station.over(&job, Stage::Write, ending).await?;
        return Ok(answer(StatusCode::OK, &json!({"equal": false})));
    }
    let told: Vec<String> = text.lines().map(|line| line.trim().to_ascii_lowercase()).collect();
    let is_digest = |line: &String| line.len() == 64 && line.bytes().all(|byte| byte.is_ascii_hexdigit());
    if told.len() as u64 != count || !told.iter().all(is_digest) {
        return Err(Refusal::malformed(format!("there are to be {count} lines of 64 hexadecimal digits")));
    }
    let mut raw = call.station.images.raw(&image, 0..image.raw_len).await?;
    let salt = call.part("file").to_owned();
    let differs = tokio::task::spawn_blocking(move || {
        for (n, told) in (0u64..).zip(&told) {
            let bytes = raw.next_bytes()?.unwrap_or_default();
            let digest = Sha256::new().chain_update(&salt).chain_update(&bytes).finalize();
            if hex(&digest) != *told {
                return Ok(Some(n));
            }
        }
        Ok::<_, crate::station::images::Error>(None)
    });
    let differs = differs.await.map_err(|error| {
        Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, Kind::Failed, error.to_string())
    })??;
    let Some(n) = differs else {
        let ending = Ending::Done { proof: Proof::ReadBack };
        let ending = call.station.host_hooks_judge(&job, Some(&image), ending).await?;
        let why = ending.why().map(str::to_owned);
        call.station.over(&job, Stage::Done, ending).await?;
        return Ok(match why {
            None => equal(),
            Some(why) => answer(StatusCode::CONFLICT, &json!({"equal": true, "failed": why})),
        });
    };
    let (from, to) = (n * CHUNK, image.raw_len.min((n + 1) * CHUNK));
    let why = format!("what was read back isn't what was to be there: bytes {from} to {to}");
    let ending = failed(&why, Some("the disk may be worn, or lie about its size"));
    call.station.over(&job, Stage::ReadBack, ending).await?;
    Ok(answer(StatusCode::CONFLICT, &json!({"equal": false, "from": from, "to": to})))
}

fn failed(why: &str, hint: Option<&'static str>) -> Ending {
    let hint = hint.map(|hint| crate::error::remedy!(hint));
    Ending::Failed { why: why.to_owned(), last_seen: None, hint, kind: Kind::Failed }
}
