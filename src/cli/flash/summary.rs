//! What is told at the end of a flash, board by board, and the code that the program ends with.

use std::time::Duration;

use crate::cli::ui::{Style, Ui, wrap};
use crate::cli::{remedy, report};
use crate::format::json::json;
use crate::format::{minutes, rate, size};
use crate::uboot::event::Ending;
use crate::uboot::record::Run;

/// The summary, and the code that the program ends with.
pub(super) fn finish(ui: &Ui, runs: &[Run]) -> crate::cli::Result<()> {
    let width = runs.iter().map(|run| run.target.chars().count()).max().unwrap_or(0);
    let mut kinds = Vec::new();
    for run in runs {
        let took = Duration::from_secs_f64(run.seconds);
        if ui.json {
            ui.object(&json!({"event": "result", "run": run}));
        } else {
            let name = format!("{:width$}", run.target);
            let blank = " ".repeat(width);
            match &run.ending {
                Ending::Done { bound, .. } => {
                    let mut text = format!("read back and equal   {}   {}", minutes(took), size(run.bytes));
                    let fast = format!(" at {}", rate(run.bytes, took));
                    // On a narrow terminal the rate can be missed first.
                    if ui.width_out.is_none_or(|columns| width + 12 + text.len() + fast.len() <= columns) {
                        text.push_str(&fast);
                    }
                    ui.result(format_args!("{name}  {}      {text}", ui.paint(Style::Good, "done")));
                    more(ui, &blank, "peer", Some(bound.phrase()));
                }
                Ending::NotVerified { why, hint } => {
                    let why = wrap(why, width + 16, width + 2, ui.width_out);
                    ui.result(format_args!("{name}  {}  {why}", ui.paint(Style::Warn, "not verified")));
                    more(ui, &blank, "hint", hint.as_ref().map(remedy::word).as_deref());
                }
                Ending::Failed { why, last_seen, hint, .. } => {
                    let why = wrap(&format!("{}: {why}", run.stage), width + 12, width + 12, ui.width_out);
                    ui.result(format_args!("{name}  {}    {why}", ui.paint(Style::Bad, "failed")));
                    more(ui, &blank, "last seen", last_seen.as_deref());
                    more(ui, &blank, "hint", hint.as_ref().map(remedy::word).as_deref());
                }
            }
        }
        kinds.extend(run.ending.kind());
    }
    if !ui.json && runs.len() > 1 {
        ui.result(format_args!("{} of {} done", runs.len() - kinds.len(), runs.len()));
    }
    report::boards(runs.iter().map(|run| run.ending.kind()))
}

fn more(ui: &Ui, blank: &str, word: &str, text: Option<&str>) {
    if let Some(text) = text {
        let used = blank.len() + 2 + word.len() + 2;
        let text = wrap(text, used, blank.len() + 4, ui.width_out);
        ui.result(format_args!("{blank}  {} {text}", ui.paint(Style::Strong, format_args!("{word}:"))));
    }
}
