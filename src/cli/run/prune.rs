//! Removing the records of old runs.

use std::ffi::OsString;
use std::time::Duration;

use jiff::Timestamp;

use super::Place;
use crate::cli::common;
use crate::cli::confirm::confirm;
use crate::cli::report::Usage;
use crate::cli::ui::Ui;
use crate::config::Settings;
use crate::format::count;
use crate::format::json::json;
use crate::run::ledger::{Old, Prune as Plan, PruneOptions};
use crate::stop::Stop;

/// What a person types, and a script gives: it is this that is removed.
const NAME: &str = "runs";

fn ago(text: &str) -> Result<Duration, String> {
    common::with_unit(text).ok_or_else(|| "a time with its unit is needed: 90d, 12h".to_owned())
}

#[derive(Debug, clap::Args)]
pub(super) struct Prune {
    /// Only runs that began so long ago, or before: 90d, 12h
    #[arg(long, value_name = "TIME", value_parser = ago)]
    older_than: Option<Duration>,
    /// The latest N runs stay
    #[arg(long, value_name = "N")]
    keep: Option<usize>,
    /// Remove this file too, which is no record or can't be read; may be given again
    #[arg(long, value_name = "FILE")]
    damaged: Vec<OsString>,
    /// Say what would be removed, and remove nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Remove them without asking; `runs`, for scripts
    #[arg(long, value_name = "NAME")]
    confirm: Option<String>,
    #[command(flatten)]
    place: Place,
}

impl Prune {
    pub(super) fn run(&self, ui: &Ui, settings: &Settings, stop: &Stop) -> crate::cli::Result<()> {
        if self.older_than.is_none() && self.keep.is_none() && self.damaged.is_empty() {
            let message = "which records are meant?".to_owned();
            let hint = "--older-than 90d, --keep N, or both; --damaged FILE for what is no record.".into();
            return Err(Usage { message, hint: Some(hint) }.into());
        }
        let Some(ledger) = self.place.ledger(settings)? else {
            ui.say("no run is on record");
            return Ok(());
        };
        let plan = ledger.plan_prune(&self.options(Timestamp::now()))?;
        if let Some(name) = plan.misnamed.first() {
            let message = format!("{} is no damaged file of {}", name.display(), ledger.path().display());
            let hint = "`piprov run prune -n --keep 0` names those that are.".into();
            return Err(Usage { message, hint: Some(hint) }.into());
        }
        self.tell(ui, &plan);
        if self.dry_run || plan.old.is_empty() {
            return Ok(());
        }
        if self.confirm.is_none() && ui.can_ask() {
            ui.say(format_args!("This removes {} from {}.", what(&plan), ledger.path().display()));
        }
        confirm(NAME, self.confirm.as_deref(), ui, stop)?;
        for old in &plan.old {
            if stop.is_set() {
                break;
            }
            ledger.remove(&old.name)?;
            if ui.json {
                tell(ui, "removed", old);
            } else {
                ui.detail(format_args!("{} removed", old.name.display()));
            }
        }
        ledger.settle()?;
        if stop.is_set() {
            return Err(Interrupted.into());
        }
        if !ui.json {
            ui.result(format_args!("{} removed, {} left", what(&plan), plan.kept));
        }
        Ok(())
    }

    fn options(&self, now: Timestamp) -> PruneOptions {
        let before = self.older_than.map(|ago| now.saturating_sub(ago).unwrap_or(Timestamp::MIN));
        // Files alone were named: then no record is meant.
        let keep = match (self.keep, before) {
            (Some(keep), _) => keep,
            (None, Some(_)) => 0,
            (None, None) => usize::MAX,
        };
        PruneOptions { before, keep, damaged: self.damaged.clone() }
    }

    /// What would go, and what stays though it is meant.
    fn tell(&self, ui: &Ui, plan: &Plan) {
        if plan.unfinished > 0 {
            ui.warn(format_args!(
                "{} without an end on record stay: a piprov is running that may be at them",
                count(plan.unfinished as u64, "run")
            ));
        }
        for name in &plan.damaged {
            ui.warn(format_args!("{} is no record, or can't be read, and stays", name.display()));
        }
        if self.dry_run && ui.json {
            plan.old.iter().for_each(|old| tell(ui, "would-remove", old));
        } else if self.dry_run {
            for old in &plan.old {
                ui.result(format_args!("{} would be removed", old.name.display()));
            }
        }
        if plan.old.is_empty() && !ui.json {
            ui.say(format_args!("no record is to be removed; there are {}", plan.kept));
        }
    }
}

fn what(plan: &Plan) -> String {
    let records = plan.old.iter().filter(|old| old.run.is_some()).count();
    match plan.old.len() - records {
        0 => count(records as u64, "record"),
        damaged => {
            format!("{} and {}", count(records as u64, "record"), count(damaged as u64, "damaged file"))
        }
    }
}

fn tell(ui: &Ui, event: &str, old: &Old) {
    let (run, board) = match &old.run {
        Some((run, board, _)) => (Some(run), Some(board)),
        None => (None, None),
    };
    let file = old.name.to_string_lossy();
    match board {
        Some(board) => ui.object(&json!({ "event": event, "board": board, "run": run, "file": file })),
        None => ui.object(&json!({ "event": event, "file": file })),
    }
}

/// Ctrl-C while records were being removed.
#[derive(Debug, thiserror::Error)]
#[error("interrupted; the rest of the records is still there")]
struct Interrupted;

impl crate::error::Explain for Interrupted {
    fn kind(&self) -> crate::error::Kind {
        crate::error::Kind::Interrupted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        prune: Prune,
    }

    #[test]
    fn what_is_meant_is_what_both_conditions_say() {
        let now: Timestamp = "2026-11-28T12:00:00Z".parse().unwrap();
        let options = |arguments: &[&str]| {
            let line = Line::parse_from([&["x"], arguments].concat());
            let PruneOptions { before, keep, damaged } = line.prune.options(now);
            (before.map(|before| before.to_string()), keep, damaged.len())
        };
        let week = Some("2026-11-21T12:00:00Z".to_owned());
        assert_eq!(options(&["--older-than", "7d"]), (week.clone(), 0, 0));
        assert_eq!(options(&["--keep", "3"]), (None, 3, 0));
        assert_eq!(options(&["--older-than", "7d", "--keep", "3"]), (week, 3, 0));
        assert_eq!(options(&["--damaged", "a", "--damaged", "b"]), (None, usize::MAX, 2));
        for wrong in ["-1", "7", "7w", ""] {
            assert!(Line::try_parse_from(["x", "--older-than", wrong]).is_err(), "{wrong}");
        }
    }
}
