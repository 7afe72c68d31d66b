//! Waiting until boards have done what they were told.

use std::time::{Duration, Instant};

use super::{Station, path, who};
use crate::cli::report;
use crate::cli::ui::{Style, Ui};
use crate::device_api::Action;
use crate::error::Kind;
use crate::format::json::json;
use crate::format::{minutes, percent};
use crate::http::Error;
use crate::run::Record;
use crate::station_api::{Board, Job, JobState, Page, RunLine};
use crate::stop::Stop;

/// So often is looked.
const EVERY: Duration = Duration::from_secs(1);
/// So often a line tells how far it is, within one step.
const LINE_EVERY: Duration = Duration::from_secs(10);
/// So long a station may be away, as where it starts again.
const AWAY: Duration = Duration::from_secs(120);

/// A board with what it is to do.
struct Waiting {
    board: Board,
    label: String,
    job: Job,
    run: Option<RunLine>,
    told: Option<(JobState, String)>,
    last_line: Instant,
}

/// Whether nothing more becomes of a job that somebody would wait for. What was written and read back is proved before the
/// board's own system is seen.
const fn over(job: &Job) -> bool {
    match job.state {
        JobState::Done | JobState::NotVerified | JobState::Failed | JobState::Lost | JobState::Cancelled => {
            true
        }
        JobState::Finishing => is_proved(job.action),
        JobState::Queued | JobState::Running => false,
    }
}

/// Whether this is proved by reading.
const fn is_proved(action: Action) -> bool {
    matches!(action, Action::Deploy | Action::Backup)
}

/// Waits until all of them are over, tells how far they are, and ends with what the worst of them means.
///
/// # Errors
/// One that is told already, where not all are done; and when the station stays away.
pub(in crate::cli) fn wait(
    station: &Station,
    ui: &Ui,
    stop: &Stop,
    jobs: Vec<(Board, Job)>,
) -> crate::cli::Result<()> {
    let now = Instant::now();
    let mut open: Vec<_> = jobs
        .into_iter()
        .map(|(board, job)| Waiting {
            label: super::label(&board),
            board,
            job,
            run: None,
            told: None,
            last_line: now,
        })
        .collect();
    let mut kinds = Vec::new();
    let mut away: Option<Instant> = None;
    while !open.is_empty() {
        for one in &mut open {
            match look(station, one) {
                Ok(()) => away = None,
                Err(Error::Stopped) => return stopped(ui),
                Err(error) if error.may_pass() => {
                    let since = *away.get_or_insert_with(|| {
                        ui.warn(format_args!("{error}; it is asked again"));
                        Instant::now()
                    });
                    if since.elapsed() > AWAY {
                        Err(error)?;
                    }
                    break;
                }
                Err(error) => return Err(error)?,
            }
            tell(ui, one);
        }
        let mut still = Vec::with_capacity(open.len());
        for one in open {
            if over(&one.job) {
                kinds.push(ended(station, ui, &one));
            } else {
                still.push(one);
            }
        }
        open = still;
        if !open.is_empty() && stop.wait(EVERY) {
            return stopped(ui);
        }
    }
    report::boards(kinds)
}

fn stopped(ui: &Ui) -> crate::cli::Result<()> {
    ui.say(
        "the station goes on without us; `piprov run watch` shows it, `piprov board cancel BOARD` ends it",
    );
    Err(Error::Stopped)?
}

fn look(station: &Station, one: &mut Waiting) -> Result<(), Error> {
    one.job = station.get(&path(["jobs", &one.job.id]))?;
    let call = station.client.get("/api/v1/runs").query("job", &one.job.id).query("limit", 1);
    let page: Page<RunLine> = call.within(Duration::from_secs(60)).send()?.json()?;
    one.run = page.items.into_iter().next();
    Ok(())
}

fn tell(ui: &Ui, one: &mut Waiting) {
    let stage = one.run.as_ref().map(|run| run.stage.clone()).unwrap_or_default();
    let now = (one.job.state, stage);
    let new = one.told.as_ref() != Some(&now);
    if !new && one.last_line.elapsed() < LINE_EVERY {
        return;
    }
    one.last_line = Instant::now();
    let (state, stage) = one.told.insert(now);
    if over(&one.job) {
        return;
    }
    if ui.json {
        ui.object(&json!({ "event": "job", "board": who(&one.board), "value": one.job, "at": one.run }));
        return;
    }
    let far = one.run.as_ref().filter(|run| run.total > 0).map(|run| percent(run.done, run.total));
    let far = far.map(|far| format!("  {far}")).unwrap_or_default();
    match state {
        JobState::Queued if new => ui.say(format_args!("{}: waits for the board to ask for work", one.label)),
        JobState::Finishing if new => ui.say(format_args!("{}: starts its own system", one.label)),
        JobState::Running if !stage.is_empty() => ui.say(format_args!("{}: {stage}{far}", one.label)),
        _ => {}
    }
}

/// Tells how it ended, and what that means for the exit code.
fn ended(station: &Station, ui: &Ui, one: &Waiting) -> Option<Kind> {
    let record = one.job.run.as_ref().filter(|_| one.job.state == JobState::Failed);
    let record = record.and_then(|run| station.get::<Record>(&path(["runs", run])).ok());
    let kind = match one.job.state {
        JobState::Done | JobState::Finishing => None,
        JobState::Lost => Some(Kind::Unavailable),
        _ => Some(record.as_ref().and_then(|record| record.ending.kind()).unwrap_or(Kind::Failed)),
    };
    if ui.json {
        ui.object(
            &json!({ "event": "job-ended", "board": who(&one.board), "value": one.job, "at": one.run }),
        );
        return kind;
    }
    let run = one.run.as_ref();
    let why = run.map(|run| run.why.clone()).filter(|why| !why.is_empty());
    let took = run.and_then(|run| run.took).and_then(|took| u64::try_from(took).ok());
    let took = took.map(|took| format!(" in {}", minutes(Duration::from_millis(took)))).unwrap_or_default();
    let simulated = if run.is_some_and(|run| run.simulated) { " (simulated)" } else { "" };
    let stage = run.map(|run| run.stage.clone()).filter(|stage| !stage.is_empty());
    let label = &one.label;
    let failed = |word: &str| {
        let stage = stage.map(|stage| format!(" in {stage}")).unwrap_or_default();
        let message =
            format!("{word}{stage}{}", why.clone().map(|why| format!(": {why}")).unwrap_or_default());
        report::error(ui, Some(label), &message, &[], None);
    };
    match one.job.state {
        JobState::Done | JobState::Finishing => {
            let word = if is_proved(one.job.action) { "verified" } else { "done" };
            ui.result(format_args!("{label}: {}{took}{simulated}", ui.paint(Style::Good, word)));
        }
        JobState::NotVerified => {
            ui.result(format_args!("{label}: {}{took}{simulated}", ui.paint(Style::Warn, "not verified")));
        }
        JobState::Lost => failed("lost"),
        JobState::Cancelled => failed("cancelled"),
        _ => failed("failed"),
    }
    kind
}
