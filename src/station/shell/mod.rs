//! Boards whose client is a shell script of curl or wget and dd: docs/device-api.md, "Shell clients". They have no keys:
//! a board is who has its Ethernet address. Their job is the same job as an agent's. What they don't prove by digests of
//! what they have read back is never verified.

mod job;
mod proof;
pub(super) mod scriptexecute;
mod sent;

pub(super) use scriptexecute::Begun;
pub(super) use sent::Streams;

use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;

use super::key::Pass;
use super::store::{self, Finished};
use super::web::{
    Access, Call, JSON, PARTS, Refusal, Row, Table, from_slice, json as answer, query_error, whole,
};
use super::{Station, now};
use crate::board::{Mac, Who};
use crate::config::station::Enrol;
use crate::device_api::{Action, End, Progress};
use crate::error::Kind;
use crate::format::json::json;
use crate::run::{Ending, Stage};
use crate::station_api::{Board, BoardChange, Enrolment, Job, JobState, Thing};
use sent::Far;

/// How long the words of such a client may be.
const LONGEST: usize = 4096;
/// How long they may take.
const BODY_TIME: std::time::Duration = std::time::Duration::from_secs(15);
const BYTES: &str = "application/octet-stream";

pub(super) fn add_to(table: &mut Table) {
    let row =
        Row::post("/api/register-device", Access::Open, "A shell client tells its addresses: JSON or a form");
    table.add_stream(row, (Some(JSON), Some(JSON)), register);
    let row = Row::get("/api/device-action-poll", Access::Open, "A shell client asks what to do");
    table.add_stream(row, (None, Some(JSON)), poll);
    let row = Row::get(
        "/api/shell/{file}",
        Access::Open,
        "A raw image for a shell client; with .gz or .zst packed",
    );
    table.add_stream(row.also(PARTS), (None, Some(BYTES)), job::image);
    let row = Row::post("/api/shell/{file}", Access::Open, "The raw disk of a shell client, for a backup");
    table.add_stream(row, (Some(BYTES), Some(JSON)), job::upload);
    let row = Row::get("/api/shell/{file}/proof", Access::Open, "What a shell client has to read back");
    table.add_stream(row, (None, Some("text/plain")), proof::wanted);
    let row =
        Row::post("/api/shell/{file}/proof", Access::Open, "Digests of what a shell client has read back");
    table.add_stream(row, (Some("text/plain"), Some(JSON)), proof::compare);
    scriptexecute::add_to(table);
}

/// Refuses where the settings say so.
fn served(call: &Call) -> Result<(), Refusal> {
    if call.station.settings.now().station.shell_clients.value {
        return Ok(());
    }
    Err(Refusal::missing("this station serves no shell clients: `station.shell-clients` says so"))
}

/// What a client tells. How it is called isn't said anywhere: the usual names are all taken.
#[derive(Debug, Deserialize)]
struct Told {
    #[serde(alias = "MAC", alias = "mac_address")]
    mac: String,
    #[serde(default, alias = "IP", alias = "ip_address")]
    ip: Option<String>,
}

fn mac(text: &str) -> Result<Mac, Refusal> {
    text.trim().parse().map_err(|_| Refusal::malformed("`mac` is no Ethernet address of a board"))
}

async fn register(call: Call, (): (), body: Body) -> Result<Response, Refusal> {
    served(&call)?;
    let body = whole(body, LONGEST, BODY_TIME).await?;
    let told = told(call.query.as_deref(), &body)?;
    let mac = mac(&told.mac)?;
    let station = &call.station;
    // Where it comes from is seen; what it says beside that is words.
    let place = call.from.to_string();
    let claimed = told.ip.filter(|ip| *ip != place);
    let claimed = claimed.map(|ip| format!(", says that it is {}", crate::format::message(&ip)));
    let what = format!("registered by a shell client{}", claimed.unwrap_or_default());
    let who = Who { mac: Some(mac), ..Who::default() };
    let id = station.store().see(&who, "shell", &place, &what, now()).await?;
    let id = id.ok_or_else(|| Refusal::malformed("`mac` is the address of no board"))?;
    let mut board = station.store().board(&id).await?;
    if station.settings.enrol() == Enrol::Open && board.enrolment == Enrolment::Waiting && board.key.is_none()
    {
        let change = BoardChange { enrolment: Some(Enrolment::Enrolled), ..BoardChange::default() };
        board = station.store().change_board(&id, &change).await?;
    }
    station.switches.ask_soon();
    station.changes.tell(Thing::Board, &id, Some(&id));
    if board.enrolment == Enrolment::Enrolled && board.key.is_none() {
        station.streams.registers(&id);
        station.host_hooks_meet(&id);
        if let Some(job) = &board.job {
            let job = station.store().job(job).await?;
            if job.action == Action::Reboot && job.state == JobState::Running {
                let why = "the client has registered again after it was told to; nothing else is known";
                station.not_verified(&job, Stage::Done, why).await?;
            }
        }
        station.arrived(&id).await?;
    }
    Ok(answer(StatusCode::OK, &json!({"status": "ok", "mac": mac.to_string(), "enrolment": board.enrolment})))
}

/// JSON, or a form, or the words of the address itself. Of which kind a body is, its first byte tells: curl and wget say
/// that it is a form whatever it is, and others say nothing.
fn told(query: Option<&str>, body: &Bytes) -> Result<Told, Refusal> {
    if body.trim_ascii_start().starts_with(b"{") {
        return from_slice(body);
    }
    let text = std::str::from_utf8(body).map_err(|_| Refusal::malformed("the form is no UTF-8"))?;
    let text = Some(text.trim()).filter(|text| !text.is_empty()).or(query).unwrap_or_default();
    let uri = format!("/?{text}").parse();
    let uri = uri.map_err(|_| Refusal::malformed("the form can't be read"))?;
    let form = axum::extract::Query::<Told>::try_from_uri(&uri);
    form.map(|form| form.0).map_err(|error| query_error(&error.body_text()))
}

#[derive(Debug, Deserialize, ToSchema)]
struct Asked {
    /// An Ethernet address of the board.
    mac: String,
}

async fn poll(call: Call, asked: Asked, _: Body) -> Result<Response, Refusal> {
    served(&call)?;
    let mac = mac(&asked.mac)?;
    let station = &call.station;
    let nothing = || Ok(answer(StatusCode::OK, &json!({"action": Option::<String>::None})));
    let id = match station.store().find_board(&mac.to_string()).await {
        Ok(id) => id,
        // It hasn't registered, or was forgotten.
        Err(store::Error::NoSuch { .. }) => return nothing(),
        Err(error) => return Err(error.into()),
    };
    let board = station.store().board(&id).await?;
    // A board that has shown a key is asked for it: an address is no proof.
    if board.enrolment != Enrolment::Enrolled || board.key.is_some() || !board.macs.contains(&mac) {
        return nothing();
    }
    if let Some(job) = &board.job
        && scriptexecute::holds(station, &board, &station.store().job(job).await?)
    {
        return nothing();
    }
    station.waiting.asks(&id, "");
    if let Some(job) = to_do(station, &board).await? {
        return Ok(command(&call, &job));
    }
    if station.streams.is_owed(&id) {
        return Ok(answer(StatusCode::OK, &json!({"action": "reboot"})));
    }
    nothing()
}

/// The job that a board's client is to be told.
///
/// The answer is the command, and it may be lost: so it is given again, unchanged, until the client does something. A
/// client that asks after it was sent everything has everything. One that has registered again has started again, and
/// gets its job with a new number.
async fn to_do(station: &std::sync::Arc<Station>, board: &Board) -> Result<Option<Job>, Refusal> {
    let fresh = station.streams.is_fresh(&board.id);
    let Some(job) = &board.job else { return Ok(None) };
    let mut job = station.store().job(job).await?;
    let goes_on = job.state == JobState::Running && !job.cancel;
    if goes_on {
        match far(station, &job).await? {
            Far::All => {
                job::all_sent(station, &job).await?;
                return Ok(None);
            }
            Far::Open if !fresh => return Ok(None),
            _ => {}
        }
    }
    if !goes_on || fresh {
        if !station.host_hooks_let(&board.id).await? {
            return Ok(None);
        }
        let Some(drawn) = station.store().draw(&board.id, now()).await? else { return Ok(None) };
        station.changes.tell(Thing::Run, &drawn.run, Some(&board.id));
        if let Some(why) = station.host_hooks_drawn(&drawn).await? {
            let ending = Ending::Failed { why, last_seen: None, hint: None, kind: Kind::Usage };
            station.over(&drawn.job, Stage::Prepare, ending).await?;
            return Ok(None);
        }
        job = drawn.job;
    }
    if job.action == Action::PowerOff {
        let why = "a shell client knows no word for power-off";
        let ending = Ending::Failed { why: why.to_owned(), last_seen: None, hint: None, kind: Kind::Usage };
        station.over(&job, Stage::Prepare, ending).await?;
        return Ok(None);
    }
    let plan = station.store().plan(&job.id).await?;
    let goes_without = station.eeprom_left_out(&job, &plan).await?;
    let lacks = match job.action {
        Action::Deploy if !plan.scripts.is_empty() => {
            Some("its project has scripts, and a shell client runs none")
        }
        Action::Deploy if !plan.first_boot.is_empty() => {
            Some("a shell client gets images as they are, and this project has first-boot settings")
        }
        Action::Deploy if !goes_without => {
            Some("its project has an EEPROM image, and a shell client writes none")
        }
        _ => None,
    };
    if let Some(why) = lacks {
        let ending = Ending::Failed { why: why.to_owned(), last_seen: None, hint: None, kind: Kind::Usage };
        station.over(&job, Stage::Prepare, ending).await?;
        return Ok(None);
    }
    let (fence, stage) = (job.fence, Stage::Boot);
    if far(station, &job).await? == Far::Nothing {
        let progress =
            Progress { fence, stage, done: 0, total: None, fetched: 0, log: Vec::new(), entered: Vec::new() };
        station.store().renew(&job.id, &progress, now()).await?;
    }
    station.changes.tell(Thing::Job, &job.id, Some(&board.id));
    let told = station.streams.tell(&job.id, fence);
    if job.action == Action::Reboot {
        job::wait_for_silence(station, &job, told);
    }
    Ok(Some(job))
}

/// How far a job is. What a station before this one has sent stands in the record.
async fn far(station: &Station, job: &Job) -> Result<Far, Refusal> {
    let far = station.streams.far(&job.id, job.fence);
    let (Far::Nothing, Action::Deploy, Some(run)) = (far, job.action, &job.run) else { return Ok(far) };
    let (line, _) = station.store().run_line(run).await?;
    Ok(if line.total > 0 && line.done >= line.total { Far::All } else { far })
}

/// A job in the words of such a client.
fn command(call: &Call, job: &Job) -> Response {
    let pass = Pass::Job { job: job.id.clone(), fence: job.fence, board: job.board.clone() };
    let url = format!("{}/api/shell/{}", base(call), call.station.key().token(&pass));
    let told = match job.action {
        Action::Deploy => json!({"action": "deploy", "url": url, "proof_url": format!("{url}/proof")}),
        Action::Backup => json!({"action": "backup", "upload_url": url}),
        Action::Reboot | Action::PowerOff => json!({"action": "reboot"}),
    };
    answer(StatusCode::OK, &told)
}

/// Where the client has reached this station.
fn base(call: &Call) -> String {
    let host = call.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]%".contains(&byte);
    let host = if host.len() <= 255 && host.bytes().all(plain) { host } else { "localhost" };
    let scheme = if call.station.tls.load(std::sync::atomic::Ordering::Relaxed) { "https" } else { "http" };
    format!("{scheme}://{host}")
}

impl Station {
    /// A job of such a client ends.
    async fn over(&self, job: &Job, stage: Stage, ending: Ending) -> Result<Job, Refusal> {
        let proved = matches!(ending, Ending::Done { .. } | Ending::NotVerified { .. });
        // An image that was removed meanwhile has no name any more.
        let image = match (&job.image, job.action) {
            (_, Action::Backup) => self.backup_of(job).await?,
            (Some(id), _) => self.store().image(id).await.ok(),
            (None, _) => None,
        };
        let detail = json!({
            "job": job.id,
            "image": image.as_ref().map(|image| &image.name),
            "raw_sha256": image.as_ref().map(|image| &image.raw_sha256),
            "raw_len": image.as_ref().map(|image| image.raw_len),
            "client": "shell",
        });
        let finished = Finished { fence: job.fence, stage, ending, kind: None, detail };
        let job = self.store().finish(&job.id, &finished, now()).await?;
        self.streams.forget(&job.id);
        if proved && job.action != Action::Reboot && job.end == End::Reboot {
            self.streams.owes(&job.board);
        }
        let metrics = self.metrics();
        if matches!(job.state, JobState::Done | JobState::Finishing) {
            metrics.done.inc();
        } else {
            metrics.not_done.inc();
        }
        tracing::info!(job = %job.id, board = %job.board, state = ?job.state, "a job of a shell client ended");
        self.host_hooks_end(&job);
        self.changes.tell(Thing::Job, &job.id, Some(&job.board));
        self.changes.tell(Thing::Board, &job.board, Some(&job.board));
        if let Some(run) = &job.run {
            self.changes.tell(Thing::Run, run, Some(&job.board));
        }
        Ok(job)
    }

    async fn not_verified(&self, job: &Job, stage: Stage, why: &str) -> Result<Job, Refusal> {
        self.over(job, stage, Ending::NotVerified { why: why.to_owned(), hint: None }).await
    }
}
