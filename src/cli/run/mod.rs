//! `piprov run`: the records of what was done to boards.

mod filter;
mod list;
mod prune;
mod show;
mod station;

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cli::client::At;
use crate::cli::ui::{Style, Ui};
use crate::cli::{Global, common};
use crate::config::Settings;
use crate::format::{count, minutes};
use crate::run::ledger::{Error, Ledger};
use crate::run::{Ending, Record};
use crate::stop::Stop;

/// What is said below the options.
const MORE: &str = "\
Each attempt to flash, to boot, to reset a board or to make a netboot client is \
a run, and has a record from before the first thing is done. A run that was \
killed says `unfinished`, and so does one that goes on.

Records are files below `runs` in the state directory. Only `piprov run prune` \
removes one. With --station, or where the setting station.url names one, `list` \
and `show` are about the runs of that station; --state DIR is about records on \
this host all the same.";

/// Show what was done to boards, and how it ended
#[derive(Debug, clap::Args)]
#[command(after_long_help = MORE)]
pub struct Run {
    #[command(flatten)]
    at: At,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// List runs, the latest last
    List(list::List),
    /// Show one run, with everything that its record holds
    Show(Show),
    /// Follow the runs of a station, until Ctrl-C
    Watch(station::Watch),
    /// Give the runs of a station as a table or as lines of JSON
    ///
    /// docs/export.md says what each column has. All of them come, however many there are.
    Export(filter::Export),
    /// Show yield, times, slots and reasons over many runs of a station
    ///
    /// Of the last 14 days, where --since says nothing else. Only what puts an image onto a board counts.
    Stats(filter::Stats),
    /// Show what a board has told during a run of a station
    Log(station::Log),
    /// Remove the records of old runs
    ///
    /// What has no end on record stays as long as a piprov runs that may be at it. What is no record, or can't be
    /// read, stays and is told. Asks before it removes anything.
    Prune(prune::Prune),
}

#[derive(Debug, clap::Args)]
struct Place {
    /// Read the records below this state directory [default: the setting state-dir]
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
}

impl Place {
    fn state<'a>(&'a self, settings: &'a Settings) -> &'a Path {
        self.state.as_deref().unwrap_or(&settings.state_dir.value)
    }

    /// The records; `None` where no run was begun yet. A directory that was named must be there.
    fn ledger(&self, settings: &Settings) -> Result<Option<Ledger>, Error> {
        let found = Ledger::existing(self.state(settings))?;
        if let (None, Some(path)) = (&found, &self.state) {
            let opened = std::fs::read_dir(path);
            opened.map_err(|source| Error::Os { doing: "opening", path: path.clone(), source })?;
        }
        Ok(found)
    }
}

/// As much of a run's name as was given.
fn name(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("a run's name is needed, or as much of its beginning as is unique, or `last`".to_owned()),
        name => Ok(name.to_owned()),
    }
}

#[derive(Debug, clap::Args)]
struct Show {
    /// The run's name, or as much of its beginning as is unique; `last` is the latest
    #[arg(value_name = "RUN", value_parser = name)]
    run: String,
    #[command(flatten)]
    place: Place,
}

impl Run {
    pub(super) fn run(self, global: &Global, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
        let settings = common::settings(global, ui)?;
        match self.what {
            What::List(list) if self.at.is_named(&settings) && !list.is_local() => {
                list.of_station(&self.at.open(global, ui, stop)?, ui)
            }
            What::Show(run) if self.at.is_named(&settings) && run.place.state.is_none() => {
                show::show(ui, &station::record(&self.at.open(global, ui, stop)?, &run.run)?);
                Ok(())
            }
            What::List(list) => list.run(ui, &settings),
            What::Show(show) => show.run(ui, &settings),
            What::Watch(watch) => watch.run(&self.at.open(global, ui, stop)?, ui),
            What::Export(export) => export.run(&self.at.open(global, ui, stop)?, ui),
            What::Stats(stats) => stats.run(&self.at.open(global, ui, stop)?, ui),
            What::Log(log) => log.run(&self.at.open(global, ui, stop)?, ui, stop),
            What::Prune(prune) => prune.run(ui, &settings, stop),
        }
    }
}

impl Show {
    fn run(&self, ui: &Ui, settings: &Settings) -> crate::cli::Result<()> {
        let dir = || self.place.state(settings).join("runs");
        let not_there = || Error::NoRun { id: self.run.clone(), dir: dir() };
        let ledger = self.place.ledger(settings)?.ok_or_else(not_there)?;
        let mut left_out = 0;
        let record = match self.run.as_str() {
            "last" => ledger.records()?.latest_first().find_map(|found| {
                left_out += usize::from(found.record.is_none());
                found.record
            }),
            run => Some(ledger.one(run)?),
        };
        tell_left_out(ui, left_out);
        show::show(ui, &record.ok_or_else(not_there)?);
        Ok(())
    }
}

/// What was meant may be among these.
fn tell_left_out(ui: &Ui, files: usize) {
    if files > 0 {
        ui.warn(format_args!("{} in the records' directory can't be read", count(files as u64, "file")));
    }
}

/// How it ended, as records have it.
fn word(record: &Record) -> &'static str {
    match record.ending {
        Ending::NotVerified { .. } => "not-verified",
        _ => record.ending.word(),
    }
}

fn style(record: &Record) -> Style {
    match record.ending {
        Ending::Done { .. } => Style::Good,
        Ending::NotVerified { .. } | Ending::Unfinished => Style::Warn,
        Ending::Failed { .. } | Ending::Lost { .. } => Style::Bad,
    }
}

fn took(record: &Record) -> String {
    let seconds = record.seconds.map(|seconds| Duration::from_secs_f64(seconds.clamp(0.0, 3.2e9)));
    seconds.map(minutes).unwrap_or_default()
}
