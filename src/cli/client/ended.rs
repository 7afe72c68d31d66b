//! Waiting until boards have done what they were told.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::{Station, parse, path, who};
use crate::board::Who;
use crate::cli::report;
use crate::cli::screen::Screen;
use crate::cli::ui::{Style, Ui};
use crate::device_api::Action;
use crate::error::Kind;
use crate::format::json::json;
use crate::format::minutes;
use crate::http::Error;
use crate::run::{Ending, Event, Record, What};
use crate::station_api::{Board, Job, JobState, Page, RunLine};
use crate::stop::Stop;

/// So often is looked: a board that is quick is told of quickly.
fn every(boards: usize, began: Instant) -> Duration {
    let boards = u32::try_from(boards).unwrap_or(u32::MAX);
    let least = Duration::from_millis(25).saturating_mul(boards).max(Duration::from_millis(100));
    (began.elapsed() / 8).max(least).min(Duration::from_secs(1))
}
/// So often an object tells how far it is, within one step.
const OBJECT_EVERY: Duration = Duration::from_secs(10);
/// A board that has not asked for its work after this is told of.
const QUIET: Duration = Duration::from_secs(3);
/// So long a station may be away, as where it starts again.
const AWAY: Duration = Duration::from_secs(120);

/// A board with what it is to do.
struct Waiting {
    board: Board,
    label: String,
    job: Job,
    run: Option<RunLine>,
    /// What was told last: its state, and the run with its step.
    told: Option<(JobState, Option<(String, String)>)>,
    /// When it began, or an object told it.
    since: Instant,
    /// Whether it was told that the board doesn't ask.
    is_off: bool,
    /// Why its board doesn't get it yet, as it was told last.
    waits: Option<String>,
    is_over: bool,
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
    let mut all: Vec<_> = jobs
        .into_iter()
        .map(|(board, job)| {
            let (label, is_over) = (super::label(&board), over(&job));
            Waiting {
                label,
                board,
                job,
                run: None,
                told: None,
                since: now,
                is_off: false,
                waits: None,
                is_over,
            }
        })
        .collect();
    let screen = Screen::new(ui, all.iter().map(|one| one.label.as_str()));
    let (mut away, mut is_stopped) = (None::<Instant>, false);
    loop {
        for one in all.iter_mut().filter(|one| !one.is_over) {
            match look(station, one, &screen, ui) {
                Ok(()) => away = None,
                Err(Error::Stopped) => {
                    is_stopped = true;
                    break;
                }
                Err(error) if error.may_pass() => {
                    let since = *away.get_or_insert_with(|| {
                        screen.aside(|| ui.warn(format_args!("{error}; it is asked again")));
                        Instant::now()
                    });
                    if since.elapsed() > AWAY {
                        screen.finish();
                        Err(error)?;
                    }
                    break;
                }
                Err(error) => {
                    screen.finish();
                    Err(error)?;
                }
            }
        }
        if all.iter().all(|one| one.is_over) {
            break;
        }
        if is_stopped || stop.wait(every(all.len(), now)) {
            return stopped(ui, &screen, &all);
        }
    }
    screen.finish();
    report::boards(all.iter().map(|one| ended(station, ui, one)).collect::<Vec<_>>())
}

/// Says that what boards were given to do goes on, though this command doesn't wait for it.
pub(in crate::cli) fn goes_on<'a>(ui: &Ui, boards: impl Iterator<Item = &'a str>) {
    let boards: Vec<_> = boards.collect();
    let (these, names) = match &boards[..] {
        [] => return,
        [one] => ((*one).to_owned(), crate::cli::remedy::quoted(one).into_owned()),
        some if some.len() <= 3 => (
            some.join(", "),
            some.iter().map(|one| crate::cli::remedy::quoted(one)).collect::<Vec<_>>().join(" "),
        ),
        many => (format!("{} boards", many.len()), "BOARD…".to_owned()),
    };
    ui.say(format_args!(
        "the station goes on with {these}: `piprov run watch` follows it, `piprov board cancel {names}` ends it"
    ));
}

fn stopped(ui: &Ui, screen: &Screen, all: &[Waiting]) -> crate::cli::Result<()> {
    screen.finish();
    goes_on(ui, all.iter().filter(|one| !one.is_over).map(|one| one.label.as_str()));
    Err(Error::Stopped)?
}

fn look(station: &Station, one: &mut Waiting, screen: &Screen, ui: &Ui) -> Result<(), Error> {
    one.job = station.get(&path(["jobs", &one.job.id]))?;
    let call = station.client.get("/api/v1/runs").query("job", &one.job.id).query("limit", 1);
    let page: Page<RunLine> = call.within(Duration::from_secs(60)).send()?.json()?;
    let run = page.items.into_iter().next();
    let is_over = over(&one.job);
    let before = std::mem::replace(&mut one.run, run);
    let waits = one.job.waits.clone().filter(|_| one.job.state == JobState::Queued);
    let waits_anew = waits != one.waits;
    one.waits = waits;
    let new = (one.job.state, one.run.as_ref().map(|run| (run.run.clone(), run.stage.clone())));
    if ui.json {
        if waits_anew || one.told.as_ref() != Some(&new) || one.since.elapsed() >= OBJECT_EVERY {
            (one.told, one.since) = (Some(new), Instant::now());
            if !is_over {
                ui.object(
                    &json!({ "event": "job", "board": who(&one.board), "value": one.job, "at": one.run }),
                );
            }
        }
        one.is_over = is_over;
        return Ok(());
    }
    let again = before.filter(|before| one.run.as_ref().is_none_or(|run| run.run != before.run));
    if let Some(before) = again {
        end(station, one, &before, screen)?;
    }
    if let Some(run) = &one.run {
        let is_new = one.told.as_ref() != Some(&new);
        let what = if is_new { What::Entered } else { What::Progress };
        event(one, run, what).iter().for_each(|event| screen.event(event));
        if is_over {
            end(station, one, run, screen)?;
        }
    }
    if let Some(why) = one.waits.as_ref().filter(|_| waits_anew) {
        screen.above(format_args!("{}: waits: {why}", one.label));
    }
    // A board that runs asks within a second; one that is off is told of.
    if one.job.state == JobState::Queued && one.waits.is_none() && !one.is_off && one.since.elapsed() > QUIET
    {
        one.is_off = true;
        screen.above(format_args!("{}: waits for the board to ask for work", one.label));
    }
    let told = one.told.replace(new);
    if one.job.state == JobState::Finishing
        && told.is_none_or(|(state, _)| state != JobState::Finishing)
        && !is_over
    {
        screen.above(format_args!("{}: starts its own system", one.label));
    }
    one.is_over = is_over;
    Ok(())
}

/// What the screen shows of a run that a station has.
fn event(one: &Waiting, run: &RunLine, what: What) -> Option<Event> {
    Some(Event {
        time: Timestamp::now(),
        run: parse(&run.run).ok()?,
        way: parse(&run.way).ok()?,
        board: Arc::new(Who { name: Some(one.label.clone()), ..who(&one.board) }),
        stage: parse(&run.stage).ok()?,
        done: run.done,
        total: Some(run.total).filter(|total| *total > 0),
        what,
    })
}

/// Shows how a run ended; its record says it.
fn end(station: &Station, one: &Waiting, run: &RunLine, screen: &Screen) -> Result<(), Error> {
    let record: Record = station.get(&path(["runs", &run.run]))?;
    let what = if record.ending == Ending::Unfinished { What::Progress } else { What::Ended(record.ending) };
    // The line in the list may be older.
    let event = event(one, run, what).map(|event| Event { stage: record.stage, ..event });
    event.iter().for_each(|event| screen.event(event));
    Ok(())
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
