//! `piprov reset`.

use std::sync::Arc;
use std::time::Duration;

use clap::ArgGroup;

use crate::board::Who;
use crate::cli::report::{self, Usage, boards};
use crate::cli::screen::Screen;
use crate::cli::targets::Database;
use crate::cli::{Global, common, remedy, ui::Style, ui::Ui};
use crate::config::Settings;
use crate::error::{Explain, Kind, Knob, chain};
use crate::format::json::json;
use crate::power::run::reset;
use crate::power::{self, Power, ResetOptions};
use crate::run::ledger::Ledger;
use crate::run::{Record, Runs};
use crate::stop::Stop;
use crate::targets::{BadReset, Line, ResetSpec, Target};

#[derive(Debug, clap::Args)]
#[command(group(ArgGroup::new("which").required(true).args(["names", "all", "chip"])))]
pub struct Reset {
    /// Targets by name, IP or MAC address
    #[arg(value_name = "TARGET")]
    names: Vec<String>,
    /// Reset every target of the database that can be reset
    #[arg(long)]
    all: bool,
    /// Without the database: the GPIO chip, such as gpiochip0
    #[arg(long, value_name = "CHIP", requires = "line", value_parser = chip)]
    chip: Option<String>,
    /// Without the database: the line, by number or name, such as 17 or GPIO17
    #[arg(long, value_name = "LINE", requires = "chip")]
    line: Option<Line>,
    /// How long to hold a line low: 0.5, 250ms [default: 0.5]
    #[arg(long, value_name = "TIME", value_parser = hold, allow_hyphen_values = true)]
    hold: Option<Duration>,
    /// How long to wait from one board to the next: 10, 1m30s [default: 0]
    ///
    /// Boards that are powered over Ethernet and all start at once can overload the switch; 10 seconds
    /// help.
    #[arg(long, value_name = "TIME", value_parser = stagger, allow_hyphen_values = true)]
    stagger: Option<Duration>,
    /// Say what would be done, and touch nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
    #[command(flatten)]
    database: Database,
}

fn chip(text: &str) -> Result<String, BadReset> {
    ResetSpec::chip_name(text)
}

fn hold(text: &str) -> Result<Duration, String> {
    seconds(text, 0.05, 60.0)
}

fn stagger(text: &str) -> Result<Duration, String> {
    seconds(text, 0.0, 3600.0)
}

fn seconds(text: &str, least: f64, most: f64) -> Result<Duration, String> {
    let time = common::seconds(text)?;
    if (least..=most).contains(&time.as_secs_f64()) {
        return Ok(time);
    }
    Err(format!("a time from {least} to {most} s is needed, such as {most} or {most}s"))
}

/// One board to be reset.
struct Job {
    name: String,
    /// What is known about it; nothing where a line was named instead.
    board: Option<Who>,
    power: Box<dyn Power>,
}

impl Job {
    fn of(target: &Target, options: &ResetOptions) -> Result<Self, power::Otherwise> {
        let by_line = || crate::error::remedy!["name a line with ", Knob::Chip, " and ", Knob::Line];
        let power = power::of_target(target, options).map_err(|error| error.or(by_line()))?;
        Ok(Self { name: target.name.clone(), board: Some(target.board()), power })
    }

    /// What is done, without the name where that says it already.
    fn how(&self) -> String {
        let how = self.power.describe();
        how.strip_prefix(&format!("{} ", self.name)).map_or(how.clone(), str::to_owned)
    }
}

impl Reset {
    pub(super) fn run(self, global: &Global, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
        let settings = common::settings(global, ui)?;
        let options = ResetOptions {
            hold: settings.reset.hold.clone().or_flag("--hold", self.hold).value,
            command_timeout: settings.reset.command_timeout.value,
        };
        let stagger = settings.flash.stagger.clone().or_flag("--stagger", self.stagger).value;
        let jobs = self.jobs(&settings, &options, ui, stop)?;
        if self.dry_run {
            let kinds: Vec<_> =
                (0..).zip(&jobs).map(|(at, job)| plan(ui, job, stagger.saturating_mul(at))).collect();
            Ledger::would_open(&settings.state_dir.value)?;
            return boards(kinds);
        }
        run_all(jobs, stagger, &settings, ui, stop)
    }

    /// All boards, before anything is touched: a name that is wrong stops the others too.
    fn jobs(
        &self,
        settings: &Settings,
        options: &ResetOptions,
        ui: &Ui,
        stop: &Stop,
    ) -> crate::cli::Result<Vec<Job>> {
        if let (Some(chip), Some(line)) = (&self.chip, &self.line) {
            let power = power::of_line(chip, line.clone(), options);
            return Ok(vec![Job { name: format!("{chip}:{line}"), board: None, power }]);
        }
        let targets = self.database.load(settings, stop)?;
        let mut jobs = Vec::new();
        if self.all {
            for target in targets.rows() {
                if target.reset.is_none() {
                    ui.say(format_args!("{} is left out: it has no reset", target.name));
                    continue;
                }
                jobs.push(Job::of(target, options)?);
            }
            if jobs.is_empty() {
                let message = format!("no target in {} can be reset", targets.path().display());
                let hint = Some("fill the reset column: gpiochip0:17 or command:…".into());
                return Err(Usage { message, hint }.into());
            }
            return Ok(jobs);
        }
        for name in &self.names {
            let target = targets.find(name)?;
            // The second would find the line in use.
            if jobs.iter().any(|job: &Job| job.name == target.name) {
                return Err(common::named_twice(&target.name).into());
            }
            jobs.push(Job::of(target, options)?);
        }
        Ok(jobs)
    }
}

/// Says what would be done. Gives the kind of failure that it would end with.
fn plan(ui: &Ui, job: &Job, wait: Duration) -> Option<Kind> {
    let how = job.how();
    let fails = job.power.probe().err();
    let hint = fails.as_ref().and_then(Explain::hint);
    if ui.json {
        ui.object(&json!({
            "event": "would-reset", "board": job.board.clone().unwrap_or_else(|| Who::named(&job.name)), "how": how, "after_seconds": wait.as_secs_f64(),
            "why": fails.as_ref().map(|error| chain(error)), "kind": fails.as_ref().map(Explain::kind), "hint": hint.as_ref().map(remedy::hint),
        }));
    } else if wait.is_zero() {
        ui.result(format_args!("would reset {}: {how}", job.name));
    } else {
        ui.result(format_args!("would reset {} after {} s: {how}", job.name, wait.as_secs_f64()));
    }
    let error = fails?;
    let why = format!("it would fail: {}", chain(&error));
    report::error(ui, Some(&job.name), &why, &[], hint.as_ref().map(remedy::hint).as_deref());
    Some(error.kind())
}

/// Resets all boards at once, or one after the other with `stagger` between them. One that fails doesn't
/// keep the others waiting.
fn run_all(
    jobs: Vec<Job>,
    stagger: Duration,
    settings: &Settings,
    ui: &Ui,
    stop: &Stop,
) -> crate::cli::Result<()> {
    // A line of stdout for each board, and no moving ones: a reset takes no time to watch.
    let screen = Screen::new(&Ui { quiet: ui.verbose == 0, bars: false, ..ui.clone() }, []);
    let runs = Runs::new(Arc::new(screen), Ledger::open(&settings.state_dir.value)?);
    let total = jobs.len();
    let records = std::thread::scope(|scope| {
        let resets: Vec<_> = jobs
            .into_iter()
            .enumerate()
            .map(|(at, mut job)| {
                let runs = &runs;
                let wait = stagger.saturating_mul(u32::try_from(at).unwrap_or(u32::MAX));
                scope.spawn(move || {
                    let how = job.how();
                    let board = job.board.take().unwrap_or_else(|| Who::named(&job.name));
                    let record = reset(board, &mut *job.power, wait, runs, stop)?;
                    tell_one(ui, &job.name, &how, &record);
                    Ok(record)
                })
            })
            .collect();
        let ended = resets.into_iter().map(|reset| match reset.join() {
            Ok(record) => record,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        ended.collect::<Result<Vec<_>, crate::run::ledger::Error>>()
    })?;
    if total > 1 {
        let done = records.iter().filter(|record| record.ending.is_done()).count();
        ui.say(format_args!("{done} of {total} reset"));
    }
    boards(records.iter().map(|record| record.ending.kind()))?;
    Ok(runs.complete()?)
}

fn tell_one(ui: &Ui, name: &str, how: &str, record: &Record) {
    if ui.json {
        ui.object(&json!({ "event": "result", "board": record.board, "record": record }));
    }
    if let Some(why) = record.ending.why() {
        report::error(ui, Some(name), why, &[], record.ending.hint().map(remedy::hint).as_deref());
    } else if !ui.json {
        ui.result(format_args!("{} {name}: {how}", ui.paint(Style::Good, "reset")));
    }
}
