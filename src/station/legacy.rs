//! The older interface, for shell clients: docs/device-api.md, its last part. It has no keys. What such a client has done
//! is never verified.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::key::Pass;
use super::store::Finished;
use super::web::{Access, Call, JSON, Refusal, Row, Table, from_slice, json as answer, whole};
use super::{Station, now};
use crate::board::{Mac, Who};
use crate::config::station::Enrol;
use crate::device_api::{Action, Progress};
use crate::run::{Ending, Stage};
use crate::station_api::{BoardChange, Enrolment, Image, Job, JobState, Thing};

/// How long the words of such a client may be.
const LONGEST: usize = 4096;

pub(super) fn add_to(table: &mut Table) {
    let row = Row::post("/api/register-device", Access::Open, "A shell client tells its addresses, as JSON or a form");
    table.add_stream(row, (Some(JSON), Some(JSON)), register);
    let row = Row::get("/api/device-action-poll", Access::Open, "A shell client asks what to do");
    table.add_stream(row, (None, Some(JSON)), poll);
    let row = Row::get("/api/legacy/{file}", Access::Open, "The raw image that an answer has named; also with .gz or .zst");
    table.add_stream(row, (None, Some("application/octet-stream")), image);
    let row = Row::post("/api/legacy/{file}", Access::Open, "The disk that an answer has asked for");
    table.add_stream(row, (Some("application/octet-stream"), Some(JSON)), upload);
}

/// Jobs of which bytes go over the wire right now.
#[derive(Debug, Clone, Default)]
pub(super) struct Streams {
    open: Arc<Mutex<HashMap<String, u32>>>,
}

/// One of them.
#[derive(Debug)]
pub(super) struct Stream {
    open: Arc<Mutex<HashMap<String, u32>>>,
    job: String,
}

impl Streams {
    fn begin(&self, job: &str) -> Stream {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        *open.entry(job.to_owned()).or_default() += 1;
        Stream { open: Arc::clone(&self.open), job: job.to_owned() }
    }

    fn has(&self, job: &str) -> bool {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).contains_key(job)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.job) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.job);
            }
        }
    }
}

#[derive(Debug, Deserialize)]
struct Told {
    mac: String,
    #[serde(default)]
    ip: Option<String>,
}

fn mac(text: &str) -> Result<Mac, Refusal> {
    text.trim().parse().map_err(|_| Refusal::malformed("`mac` is no Ethernet address"))
}

async fn register(call: Call, (): (), body: Body) -> Result<Response, Refusal> {
    let body = whole(body, LONGEST, std::time::Duration::from_secs(15)).await?;
    let told = told(&call.headers, &body)?;
    let mac = mac(&told.mac)?;
    let station = &call.station;
    // What it says of its address is words; where it comes from is seen.
    let place = call.from.to_string();
    let claimed = told.ip.filter(|ip| *ip != place).map(|ip| format!(", says that it is {}", crate::format::message(&ip)));
    let what = format!("registered by the older interface{}", claimed.unwrap_or_default());
    let who = Who { mac: Some(mac), ..Who::default() };
    let board = station.store().see(&who, "shell", &place, &what, now()).await?;
    let board = board.ok_or_else(|| Refusal::malformed("`mac` is no address of one board"))?;
    let mut found = station.store().board(&board).await?;
    if station.options.enrol == Enrol::Open && found.enrolment == Enrolment::Waiting && found.key.is_none() {
        let change = BoardChange { enrolment: Some(Enrolment::Enrolled), ..BoardChange::default() };
        found = station.store().change_board(&board, &change).await?;
    }
    station.changes.tell(Thing::Board, &board, Some(&board));
    if found.enrolment == Enrolment::Enrolled && found.key.is_none() {
        station.arrived(&board).await?;
    }
    Ok(answer(StatusCode::OK, &json!({"status": "ok", "mac": mac, "enrolment": found.enrolment})))
}

/// JSON, or a form, as curl sends it without being told.
fn told(headers: &HeaderMap, body: &Bytes) -> Result<Told, Refusal> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if kind.starts_with("application/x-www-form-urlencoded") && !body.starts_with(b"{") {
        let text = std::str::from_utf8(body).map_err(|_| Refusal::malformed("the form is no UTF-8"))?;
        let uri = format!("/?{text}").parse().map_err(|_| Refusal::malformed("the form can't be read"))?;
        let form = axum::extract::Query::<Told>::try_from_uri(&uri);
        return form.map(|form| form.0).map_err(|error| Refusal::malformed(error.body_text()));
    }
    from_slice(body)
}

#[derive(Debug, Deserialize, ToSchema)]
struct Asked {
    /// An Ethernet address of the board.
    mac: String,
}

async fn poll(call: Call, asked: Asked, _: Body) -> Result<Response, Refusal> {
    let mac = mac(&asked.mac)?;
    let station = &call.station;
    let nothing = || Ok(answer(StatusCode::OK, &json!({"action": Value::Null})));
    let Ok(board) = station.store().find_board(&mac.to_string()).await else { return nothing() };
    let board = station.store().board(&board).await?;
    // A board that has shown a key is asked for it: an address is no proof.
    if board.enrolment != Enrolment::Enrolled || board.key.is_some() {
        return nothing();
    }
    station.waiting.asks(&board.id, "");
    // It asks only when it does nothing else, but for the one that streams right now.
    if board.job.as_ref().is_some_and(|job| station.streams.has(job)) {
        return nothing();
    }
    let Some(drawn) = station.store().draw(&board.id, now()).await? else { return nothing() };
    let job = drawn.job;
    station.changes.tell(Thing::Job, &job.id, Some(&board.id));
    let pass = Pass::Job { job: job.id.clone(), fence: job.fence, board: board.id.clone() };
    let url = format!("{}/api/legacy/{}", base(&call), station.key().token(&pass));
    let told = match job.action {
        Action::Deploy => json!({"action": "deploy", "url": url}),
        Action::Backup => json!({"action": "backup", "upload_url": url}),
        Action::Reboot | Action::PowerOff => {
            station.not_verified(&job, Stage::Done, "the client was told to; whether it did so isn't known").await?;
            // It knows no other word.
            json!({"action": "reboot"})
        }
    };
    Ok(answer(StatusCode::OK, &told))
}

/// Where the client has reached this station.
fn base(call: &Call) -> String {
    let host = call.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]%".contains(&byte);
    let host = if host.len() <= 255 && host.bytes().all(plain) { host } else { "localhost" };
    let scheme = if call.station.speaks_tls() { "https" } else { "http" };
    format!("{scheme}://{host}")
}

/// How an image is packed on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packed {
    Raw,
    Gzip,
    Zstd,
}

/// The job that a name of a file stands for, and how it is wanted.
async fn named(call: &Call) -> Result<(Job, Packed), Refusal> {
    let file = call.part("file");
    let (token, packed) = match file.strip_suffix(".gz").map(|token| (token, Packed::Gzip)) {
        Some(found) => found,
        None => file.strip_suffix(".zst").map_or((file, Packed::Raw), |token| (token, Packed::Zstd)),
    };
    let Some(Pass::Job { job, fence, board }) = call.station.key().pass(token) else {
        let _ = call.station.wrong_token(call.from);
        return Err(Refusal::missing("there is no such file"));
    };
    let job = call.station.store().job(&job).await?;
    if job.fence != fence || job.board != board || job.state != JobState::Running {
        return Err(Refusal::new(StatusCode::GONE, crate::error::Kind::NoInput, "this was for a job that is over"));
    }
    Ok((job, packed))
}

async fn image(call: Call, (): (), _: Body) -> Result<Response, Refusal> {
    let (job, packed) = named(&call).await?;
    if job.action != Action::Deploy {
        return Err(Refusal::conflict("this job gives no image"));
    }
    let id = job.image.as_ref().ok_or_else(|| Refusal::missing("this job has no image"))?;
    let image = call.station.store().image(id).await?;
    let stream = call.station.streams.begin(&job.id);
    let told = Teller { station: Arc::clone(&call.station), job, _stream: stream };
    call.station.raw(&call.headers, &image, packed, move |sent| told.sent(sent))
}

/// Tells of a stream.
struct Teller {
    station: Arc<Station>,
    job: Job,
    _stream: Stream,
}

/// What has become of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    /// So many bytes of all so far.
    Some(u64, u64),
    /// All, to the end.
    All,
}

impl Teller {
    fn sent(&self, sent: Sent) {
        let (station, job) = (Arc::clone(&self.station), self.job.clone());
        tokio::spawn(async move {
            let done = match sent {
                Sent::Some(done, total) => {
                    let (fence, stage) = (job.fence, Stage::Write);
                    let progress = Progress { fence, stage, done, total: Some(total), fetched: done, log: Vec::new() };
                    station.store().renew(&job.id, &progress, now()).await.map(drop).map_err(Refusal::from)
                }
                Sent::All => {
                    let why = "all of the image was sent; the client can't prove that its disk has it";
                    station.not_verified(&job, Stage::Write, why).await
                }
            };
            if let Err(error) = done {
                tracing::debug!(?error, "a stream's progress isn't wanted any more");
            }
        });
    }
}

async fn upload(call: Call, (): (), body: Body) -> Result<Response, Refusal> {
    let (job, _) = named(&call).await?;
    if job.action != Action::Backup {
        return Err(Refusal::conflict("this job takes no backup"));
    }
    let _stream = call.station.streams.begin(&job.id);
    let image: Image = call.station.take_stream(&job, body).await?;
    let why = "the disk was read once, by a client that proves nothing";
    call.station.not_verified(&job, Stage::Fetch, why).await?;
    Ok(answer(StatusCode::OK, &json!({"status": "ok", "image": image.name, "sha256": image.raw_sha256})))
}

impl Station {
    /// A job of a client that can prove nothing ends.
    async fn not_verified(&self, job: &Job, stage: Stage, why: &str) -> Result<(), Refusal> {
        let detail = json!({"job": job.id, "image": job.image, "interface": "older"});
        let ending = Ending::NotVerified { why: why.to_owned(), hint: None };
        let finished = Finished { fence: job.fence, stage, ending, detail };
        let job = self.store().finish(&job.id, &finished, now()).await?;
        self.metrics().not_done.inc();
        self.changes.tell(Thing::Job, &job.id, Some(&job.board));
        Ok(())
    }
}
