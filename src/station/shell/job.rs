//! The bytes of a shell client's job, and how it is known that it ended.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::Response;
use futures::StreamExt;
use serde::Deserialize;
use utoipa::ToSchema;

use super::sent::{Far, Stream};
use crate::device_api::{Action, Progress};
use crate::error::Kind;
use crate::format::json::json;
use crate::image::chunk::CHUNK;
use crate::run::{Ending, Stage};
use crate::station::images::{self, Wanted};
use crate::station::key::Pass;
use crate::station::stream::{Packed, Sent, Watch};
use crate::station::web::{Call, Refusal, json as answer};
use crate::station::{Station, now, store};
use crate::station_api::{Enrolment, Image, Job, JobState};

/// A client that was sent everything, or was told to start again, and is silent for so long, has done it.
const SILENT: Duration = Duration::from_secs(60);
/// How often it is noted how far a client is.
const NOTE: Duration = Duration::from_secs(1);
/// How often the lease of a client's job begins anew that may be busy.
const KEEP: Duration = Duration::from_secs(15);
/// No card and no eMMC is larger than this.
const MOST: u64 = 2 << 40;

/// The job that a name of a file stands for, and how its image is wanted.
pub(super) async fn named(call: &Call) -> Result<(Job, Packed), Refusal> {
    super::served(call)?;
    let file = call.part("file");
    let (token, packed) = match (file.strip_suffix(".gz"), file.strip_suffix(".zst")) {
        (Some(token), _) => (token, Packed::Gzip),
        (None, Some(token)) => (token, Packed::Zstd),
        (None, None) => (file, Packed::Raw),
    };
    Ok((of_token(call, token).await?, packed))
}

/// The job that a token stands for, where it is still this one's.
pub(super) async fn of_token(call: &Call, token: &str) -> Result<Job, Refusal> {
    let Some(Pass::Job { job, fence, board }) = call.station.key().pass(token) else {
        // Not told apart from a path that there isn't; but whoever tries many is slowed down.
        let refusal = call.station.wrong_token(call.from);
        return Err(if refusal.status() == StatusCode::TOO_MANY_REQUESTS {
            refusal
        } else {
            Refusal::missing("there is no such file")
        });
    };
    let job = call.station.store().job(&job).await?;
    let board = call.station.store().board(&board).await?;
    if job.fence != fence || job.board != board.id {
        return Err(gone());
    }
    // Since then it may have shown a key, or somebody may have said no.
    if board.key.is_some() || board.enrolment != Enrolment::Enrolled {
        return Err(Refusal::forbidden("this board may take no work by this way"));
    }
    Ok(job)
}

pub(super) fn gone() -> Refusal {
    Refusal::new(StatusCode::GONE, Kind::NoInput, "this was for a job that is over, or was given out again")
}

#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct Part {
    /// One part of 4 MiB, from 0 on; for clients that can't ask for a range.
    #[serde(default)]
    part: Option<u64>,
}

pub(super) async fn image(mut call: Call, asked: Part, _: Body) -> Result<Response, Refusal> {
    let (job, packed) = named(&call).await?;
    if job.state != JobState::Running || job.cancel {
        return Err(gone());
    }
    if job.action != Action::Deploy {
        return Err(Refusal::conflict("this job gives no image"));
    }
    let id = job.image.as_ref().ok_or_else(|| Refusal::missing("this job has no image"))?;
    let image = call.station.store().image(id).await?;
    if let Some(part) = asked.part {
        let start = part.checked_mul(CHUNK).filter(|start| *start < image.raw_len && packed == Packed::Raw);
        let start = start.ok_or_else(|| Refusal::missing("the image has no such part"))?;
        let range = format!("bytes={start}-{}", image.raw_len.min(start + CHUNK) - 1);
        let range = range.parse().map_err(|_| Refusal::malformed("the part is no number"))?;
        call.headers.insert(header::RANGE, range);
        call.headers.remove(header::IF_RANGE);
    }
    let all = image.raw_len;
    let watch: Watch = if call.is_head {
        Box::new(|_| true)
    } else {
        let busy = (packed != Packed::Raw).then(|| {
            call.patience.begin();
            tokio::spawn(keep(Arc::clone(&call.station), job.clone())).abort_handle()
        });
        let mut sender = Sender { station: Arc::clone(&call.station), job, stream: None, noted: None, busy };
        Box::new(move |sent| sender.sent(sent, all))
    };
    let mut answer = call.station.raw(&call.headers, &image, packed, watch).await?;
    if asked.part.is_some() && answer.status() == StatusCode::PARTIAL_CONTENT {
        // It has asked for all of a part, not for a part of all.
        *answer.status_mut() = StatusCode::OK;
        answer.headers_mut().remove(header::CONTENT_RANGE);
        answer.headers_mut().remove(header::ETAG);
        answer.headers_mut().remove(header::ACCEPT_RANGES);
    }
    Ok(answer)
}

/// Notes what goes over the wire. Where it goes, the connection has ended.
struct Sender {
    station: Arc<Station>,
    job: Job,
    /// With where it has begun.
    stream: Option<(Stream, u64)>,
    noted: Option<Instant>,
    /// Keeps the job of a client that takes nothing for a while.
    busy: Option<tokio::task::AbortHandle>,
}

/// Keeps the lease of a job whose client is busy with what it got packed: zeros without end come in a few bytes.
async fn keep(station: Arc<Station>, job: Job) {
    loop {
        tokio::time::sleep(KEEP).await;
        match station.store().hold(&job.id, job.fence, now()).await {
            Ok(_) => station.waiting.heard(&job.board),
            Err(store::Error::Refused(_)) => return,
            Err(error) => tracing::warn!(%error, "a job's lease can't be kept"),
        }
    }
}

impl Sender {
    fn sent(&mut self, sent: Sent, all: u64) -> bool {
        match sent {
            Sent::Begins(part) => {
                let stream = self.station.streams.begin(&self.job.id, self.job.fence, part.start, all);
                self.stream = Some((stream, part.start));
                true
            }
            Sent::To(to) => {
                let counts = self.stream.as_ref().is_some_and(|(stream, from)| stream.sent(*from, to));
                if counts && (to == all || self.noted.is_none_or(|noted| noted.elapsed() >= NOTE)) {
                    self.noted = Some(Instant::now());
                    self.note(to, all);
                }
                counts
            }
            Sent::Broken(why) => {
                self.broken(why);
                false
            }
        }
    }

    fn note(&self, done: u64, all: u64) {
        let (station, job) = (Arc::clone(&self.station), self.job.clone());
        let is_all = self.station.streams.reaches(&job.id, job.fence);
        self.station.waiting.heard(&job.board);
        tokio::spawn(async move {
            // That all was sent is what a station that starts anew reads there.
            let done = if is_all { all } else { done.min(all.saturating_sub(1)) };
            let (fence, stage) = (job.fence, Stage::Write);
            let progress = Progress {
                fence,
                stage,
                done,
                total: Some(all),
                fetched: done,
                log: Vec::new(),
                entered: Vec::new(),
            };
            if let Err(error) = station.store().renew(&job.id, &progress, now()).await {
                tracing::debug!(%error, "how far a client is isn't wanted any more");
            }
        });
    }

    fn broken(&self, why: String) {
        let (station, job) = (Arc::clone(&self.station), self.job.clone());
        tokio::spawn(async move {
            let why = format!("the image can't be given: {why}");
            let ending = Ending::Failed { why, last_seen: None, hint: None, kind: Kind::BadData };
            if let Err(error) = station.over(&job, Stage::Write, ending).await {
                tracing::debug!(?error, "the job has ended before");
            }
        });
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        if let Some(busy) = &self.busy {
            busy.abort();
        }
        self.stream = None;
        let (station, job) = (&self.station, &self.job);
        if station.streams.far(&job.id, job.fence) == Far::All {
            let told = station.streams.tell(&job.id, job.fence);
            wait_for_silence(station, job, told);
        }
    }
}

/// Ends a job whose client does what it was told, and doesn't come back: it says so nowhere.
pub(super) fn wait_for_silence(station: &Arc<Station>, job: &Job, told: u64) {
    wait_until_silent(station, job, told, SILENT);
}

fn wait_until_silent(station: &Arc<Station>, job: &Job, told: u64, silent: Duration) {
    // The last connections go when the runtime does.
    let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
    let (station, job) = (Arc::clone(station), job.clone());
    runtime.spawn(async move {
        tokio::select! {
            () = tokio::time::sleep(silent) => {}
            () = station.ending.cancelled() => return,
        }
        let streams = &station.streams;
        if streams.told(&job.id, job.fence) != told || streams.is_proving(&job.id, job.fence) {
            return;
        }
        let ended = match job.action {
            Action::Deploy if streams.far(&job.id, job.fence) == Far::All => all_sent(&station, &job).await,
            Action::Reboot => {
                let why = "the client was told to, and hasn't asked since";
                station.not_verified(&job, Stage::Done, why).await.map(drop)
            }
            _ => return,
        };
        if let Err(error) = ended {
            tracing::debug!(?error, "the job has ended before");
        }
    });
}

pub(super) async fn all_sent(station: &Station, job: &Job) -> Result<(), Refusal> {
    let why = "all of the image was sent; that the disk has it isn't proved by such a client";
    station.not_verified(job, Stage::Write, why).await.map(drop)
}

pub(super) async fn upload(call: Call, (): (), body: Body) -> Result<Response, Refusal> {
    let (job, _) = named(&call).await?;
    if job.action != Action::Backup {
        return Err(Refusal::conflict("this job takes no backup"));
    }
    if job.state != JobState::Running || job.cancel {
        return Err(gone());
    }
    let station = &call.station;
    let _stream = station.streams.begin(&job.id, job.fence, 0, u64::MAX);
    let len = call.headers.get(header::CONTENT_LENGTH).and_then(|len| len.to_str().ok()?.parse().ok());
    if len.is_some_and(|len: u64| len > MOST) {
        return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, Kind::BadData, "no disk is so large"));
    }
    if !station.room().takes_images() {
        return Err(Refusal::no_room());
    }
    let row = station.images.begin(&Station::backup_name(&job), Some(job.board.clone())).await;
    let row = row.map_err(|error| match error {
        images::Error::Store(store::Error::Taken { .. }) => {
            Refusal::conflict("the backup of this job is coming already, or has come: it is sent once")
                .with_hint("cancel the job, and ask for another backup")
        }
        error => error.into(),
    })?;
    let (teller, told) = (Arc::clone(station), job.clone());
    let (mut came, mut noted) = (0, Instant::now());
    let body = body.into_data_stream().map(move |bytes| {
        let bytes = bytes.map_err(std::io::Error::other)?;
        came += bytes.len() as u64;
        if came > MOST {
            return Err(std::io::Error::other("no disk is so large"));
        }
        if noted.elapsed() >= NOTE {
            noted = Instant::now();
            let (station, job, fence) = (Arc::clone(&teller), told.clone(), told.fence);
            station.waiting.heard(&job.board);
            tokio::spawn(async move {
                let progress = Progress {
                    fence,
                    stage: Stage::Fetch,
                    done: came,
                    total: len,
                    fetched: came,
                    log: Vec::new(),
                    entered: Vec::new(),
                };
                let _ = station.store().renew(&job.id, &progress, now()).await;
            });
        }
        Ok(bytes)
    });
    let wanted = Wanted { sha256: None, bmap: None };
    let image: Image = station.take_body(row, wanted, Body::from_stream(body), len).await?;
    if image.file_sha256 != image.raw_sha256 {
        // A disk that begins like a packed file was unpacked: that isn't what the disk has.
        station.store().remove_image(&image.id).await?;
        let why = "the stream begins like a packed file; a raw disk is wanted";
        let ending = Ending::Failed { why: why.to_owned(), last_seen: None, hint: None, kind: Kind::BadData };
        station.over(&job, Stage::Fetch, ending).await?;
        return Err(Refusal::meaningless(why));
    }
    station.note_backup(&job, &image, "", "not verified").await?;
    station.mended_by(&image).await;
    let why = "the disk was read once, and not again to compare";
    station.not_verified(&job, Stage::Fetch, why).await?;
    Ok(answer(StatusCode::OK, &json!({"status": "ok", "image": image.name, "sha256": image.raw_sha256})))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::station::testing::{drawn, station};
    use crate::station_api::JobState;

    #[tokio::test]
    async fn a_client_that_was_told_to_start_again_and_is_silent_has_done_so_unproved() {
        let (_dir, station) = station().await;
        let job = drawn(&station, "00000000000000a1", Action::Reboot, crate::station::now()).await;
        let ends = async |job: &Job| {
            for _ in 0..400 {
                let now = station.store().job(&job.id).await.unwrap();
                if now.state != JobState::Running {
                    return Some(now.state);
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            None
        };
        let told = station.streams.tell(&job.id, job.fence);
        // It asks once more: the earlier silence isn't one.
        wait_until_silent(&station, &job, told, Duration::from_millis(50));
        let again = station.streams.tell(&job.id, job.fence);
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(station.store().job(&job.id).await.unwrap().state, JobState::Running);
        wait_until_silent(&station, &job, again, Duration::from_millis(50));
        assert_eq!(ends(&job).await, Some(JobState::NotVerified));
        // A backup isn't over because its client says nothing: its lease ends it.
        let job = drawn(&station, "00000000000000a2", Action::Backup, crate::station::now()).await;
        let told = station.streams.tell(&job.id, job.fence);
        wait_until_silent(&station, &job, told, Duration::from_millis(1));
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(station.store().job(&job.id).await.unwrap().state, JobState::Running);
    }
}
