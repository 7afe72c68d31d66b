//! Indexes and chunks: what a deploy fetches, and what a backup brings.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::device_api::{Action, MOST_DIGESTS};
use crate::image::chunk::{Digest, object};
use crate::station::Station;
use crate::station::web::{Access, Call, PARTS, Refusal, Row, Table, Wanted, from_slice, wanted, whole};
use crate::station_api::{Image, ImageState, Job, JobState, Thing};

/// Bytes, as they are.
const BYTES: &str = "application/octet-stream";
/// How long a chunk may take to come.
const CHUNK_TIME: Duration = Duration::from_secs(120);
/// How long an index may take to come, and how long it may be.
const INDEX_TIME: Duration = Duration::from_secs(300);
const LONGEST_INDEX: usize = 64 << 20;

pub(super) fn add_to(table: &mut Table) {
    let row =
        Row::get("/api/v1/device/jobs/{job}/index", Access::Board, "The index of a job's image").also(PARTS);
    table.add_stream(row, (None, Some(BYTES)), index);
    let row = Row::get(
        "/api/v1/device/jobs/{job}/chunks/{digest}",
        Access::Board,
        "A chunk of a job's image, as it is stored",
    )
    .also(PARTS);
    table.add_stream(row, (None, Some(BYTES)), chunk);
    let row = Row::post(
        "/api/v1/device/jobs/{job}/missing",
        Access::Board,
        "Which chunks of a backup the station hasn't",
    );
    table.add_bytes::<(), Vec<String>, Vec<String>, _, _>(row, 1 << 20, missing);
    let row = Row::put("/api/v1/device/jobs/{job}/chunks/{digest}", Access::Board, "A chunk of a backup");
    table.add_stream(row.answers(StatusCode::NO_CONTENT), (Some(BYTES), None), put_chunk);
    let row = Row::put(
        "/api/v1/device/jobs/{job}/index",
        Access::Board,
        "The index of a backup, after all its chunks",
    );
    table.add_stream(row.answers(StatusCode::NO_CONTENT), (Some(BYTES), None), put_index);
}

/// What never changes, since its name is that of its bytes.
fn immutable(call: &Call, name: &str, bytes: Bytes) -> Response {
    // What is one board's own may have its secrets: no cache on the way keeps that.
    let own = call.station.owns.has(call.part("job"));
    let cache = if own { "private, no-store" } else { "public, max-age=31536000, immutable" };
    let etag = format!("\"{name}\"");
    let headers = [
        (header::ETAG, etag.clone()),
        (header::CACHE_CONTROL, cache.to_owned()),
        (header::ACCEPT_RANGES, "bytes".to_owned()),
        (header::CONTENT_TYPE, BYTES.to_owned()),
    ];
    let len = bytes.len() as u64;
    let metrics = call.station.metrics();
    let sent = |bytes: Bytes| {
        metrics.sent.inc_by(bytes.len() as u64);
        bytes
    };
    match wanted(&call.headers, len, &etag) {
        Wanted::Nothing => (StatusCode::NOT_MODIFIED, headers).into_response(),
        Wanted::Whole => (headers, sent(bytes)).into_response(),
        Wanted::Beyond => {
            let range = [(header::CONTENT_RANGE, format!("bytes */{len}"))];
            (StatusCode::RANGE_NOT_SATISFIABLE, headers, range).into_response()
        }
        Wanted::Part(part) => {
            let range = [(header::CONTENT_RANGE, format!("bytes {}-{}/{len}", part.start, part.end - 1))];
            // It lies within, and a chunk is short.
            let [start, end] = [part.start, part.end].map(|at| usize::try_from(at).unwrap_or(usize::MAX));
            (StatusCode::PARTIAL_CONTENT, headers, range, sent(bytes.slice(start..end))).into_response()
        }
    }
}

/// The image of a job that a board is at.
async fn image_of(station: &Station, job: &Job) -> Result<Image, Refusal> {
    let id = job.image.as_ref().ok_or_else(|| Refusal::missing("this job has no image"))?;
    let image = station.store().image(id).await?;
    match image.state {
        ImageState::Ready => Ok(image),
        // What was found is what the board tells as its reason.
        ImageState::Damaged => {
            let why = image.why.unwrap_or_default();
            Err(Refusal::meaningless(format!("the image `{}` is damaged: {why}", image.name)))
        }
        _ => Err(Refusal::conflict(format!("the image `{}` is not ready", image.name))),
    }
}

fn digest(call: &Call) -> Result<Digest, Refusal> {
    Digest::parse(call.part("digest")).ok_or_else(|| Refusal::missing("this is no name of a chunk"))
}

async fn index(call: Call, (): (), _: Body) -> Result<Response, Refusal> {
    let job = super::job_of(&call).await?;
    let image = image_of(&call.station, &job).await?;
    let (name, bytes) = call.station.index_of(&job, &image).await?;
    Ok(immutable(&call, &name, bytes))
}

/// What the job of a call may fetch.
async fn chunks_of(call: &Call) -> Result<Arc<HashSet<Digest>>, Refusal> {
    let (pass, name, serving) = (super::pass(call)?, call.part("job"), &call.station.serving);
    if let Some(chunks) = serving.allowed(name, &pass, Instant::now()) {
        return Ok(chunks);
    }
    let asked = Instant::now();
    let job = super::job_of(call).await?;
    let image = image_of(&call.station, &job).await?;
    let own = call.station.own(&job, &image).await?;
    let index = own.as_ref().map_or_else(|| Station::index_name(&image), |own| Ok(own.name))?;
    let chunks = match serving.chunks(index) {
        Some(chunks) => chunks,
        None => Arc::new(call.station.names_of(&image, own.as_deref()).await?),
    };
    serving.note(job.id, pass, (index, Arc::clone(&chunks)), asked);
    Ok(chunks)
}

async fn chunk(call: Call, (): (), _: Body) -> Result<Response, Refusal> {
    let digest = digest(&call)?;
    if !chunks_of(&call).await?.contains(&digest) {
        return Err(Refusal::missing("the image of this job has no such chunk"));
    }
    let bytes = call.station.chunk_of(call.part("job"), digest).await?;
    Ok(immutable(&call, &digest.to_string(), bytes))
}

/// The job of a board that brings a backup.
async fn backup_job(call: &Call) -> Result<Job, Refusal> {
    let job = super::job_of(call).await?;
    if job.action != Action::Backup {
        return Err(Refusal::conflict("this job is no backup"));
    }
    if job.state != JobState::Running {
        return Err(Refusal::conflict("this job has ended"));
    }
    Ok(job)
}

async fn missing(call: Call, (): (), body: Bytes) -> Result<Vec<String>, Refusal> {
    let asked: Vec<String> = from_slice(&body)?;
    if asked.len() > MOST_DIGESTS {
        return Err(Refusal::meaningless(format!("{MOST_DIGESTS} digests at most are asked for at once")));
    }
    let wrong = || Refusal::meaningless("a digest is 64 hexadecimal digits");
    let digests = asked.iter().map(|text| Digest::parse(text).ok_or_else(wrong));
    let digests = digests.collect::<Result<Vec<_>, _>>()?;
    let job = backup_job(&call).await?;
    let missing = call.station.missing_chunks(&job, digests).await?;
    Ok(missing.iter().map(ToString::to_string).collect())
}

async fn put_chunk(call: Call, (): (), body: Body) -> Result<Response, Refusal> {
    let digest = digest(&call)?;
    let job = backup_job(&call).await?;
    let bytes = whole(body, object::LONGEST, CHUNK_TIME).await?;
    call.station.metrics().taken.inc_by(bytes.len() as u64);
    call.station.take_chunk(&job, digest, bytes).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn put_index(call: Call, (): (), body: Body) -> Result<Response, Refusal> {
    let job = backup_job(&call).await?;
    let bytes = whole(body, LONGEST_INDEX, INDEX_TIME).await?;
    let image = call.station.take_index(&job, bytes).await?;
    call.station.changes.tell(Thing::Image, &image.id, Some(&job.board));
    Ok(StatusCode::NO_CONTENT.into_response())
}
