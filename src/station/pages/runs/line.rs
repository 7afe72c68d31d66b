//! A run in a list. Pure.

use crate::error::Kind;
use crate::format::message;
use crate::run::Segment;
use crate::station::pages::floor::segments;
use crate::station::pages::words;
use crate::station_api::{RunLine, Time};

/// A run, as lists show it.
pub(in crate::station::pages) struct Shown {
    pub(in crate::station::pages) run: String,
    pub(in crate::station::pages) way: &'static str,
    pub(in crate::station::pages) board: Option<String>,
    pub(in crate::station::pages) label: String,
    /// The slot that it was in; empty where nobody knows it.
    pub(in crate::station::pages) slot: String,
    pub(in crate::station::pages) what: String,
    pub(in crate::station::pages) by: String,
    pub(in crate::station::pages) when: String,
    pub(in crate::station::pages) stamp: String,
    pub(in crate::station::pages) class: &'static str,
    pub(in crate::station::pages) sign: &'static str,
    pub(in crate::station::pages) state: String,
    pub(in crate::station::pages) why: String,
    pub(in crate::station::pages) took: String,
    pub(in crate::station::pages) bars: [u8; 5],
    pub(in crate::station::pages) simulated: bool,
}

/// What was done, in words.
pub(super) fn way(word: &str) -> &'static str {
    match word {
        "deploy" => "Deploy",
        "flash" => "Flash",
        "backup" => "Backup",
        "usb-boot" => "USB boot",
        "net-boot" => "Network boot",
        "reset" => "Start again",
        "client-add" => "Netboot client",
        _ => "Run",
    }
}

/// How a run looks by how it ended: class, sign and words. `outcome` is the word of records.
pub(super) fn state(line: &RunLine) -> (&'static str, &'static str, String) {
    let (stage, segment) = words::stage(&line.stage);
    match line.outcome.as_str() {
        // Somebody wanted it to end.
        "failed" | "lost" if line.kind == Some(Kind::Interrupted) => {
            ("idle", "○", format!("Cancelled: {}", stage.to_lowercase()))
        }
        // A start or a reset proves nothing that was written.
        "done" if matches!(line.way.as_str(), "deploy" | "flash" | "backup") => {
            ("ok", "✓", "Done, verified".to_owned())
        }
        "done" => ("ok", "✓", "Done".to_owned()),
        "not-verified" => ("wait", "▲", "Done, not verified".to_owned()),
        "failed" => ("bad", "✕", format!("Failed: {}", stage.to_lowercase())),
        "lost" => ("bad", "✕", format!("Lost: {}", stage.to_lowercase())),
        _ => {
            let sign = match segment {
                Some(Segment::ReadBack) => "◑",
                Some(Segment::Finish) => "◕",
                _ => "◔",
            };
            ("run", sign, stage.to_owned())
        }
    }
}

impl Shown {
    pub(in crate::station::pages) fn of(line: &RunLine, now: Time) -> Self {
        let (class, sign, state) = state(line);
        let (_, segment) = words::stage(&line.stage);
        let percent = words::percent(line.done, line.total);
        let mut bars = segments(segment.unwrap_or(Segment::Seen), percent.unwrap_or(50));
        match line.outcome.as_str() {
            "done" => bars = [100; 5],
            "not-verified" => bars = [100, 100, 100, 0, 100],
            _ => {}
        }
        let what = match (&line.image, &line.project) {
            (Some(image), Some(project)) => format!("{image}, project {project}"),
            (Some(one), None) | (None, Some(one)) => one.clone(),
            (None, None) => String::new(),
        };
        let took =
            line.took.or_else(|| (line.outcome == "unfinished").then(|| now.saturating_sub(line.started)));
        Self {
            run: line.run.clone(),
            way: way(&line.way),
            board: line.board.clone(),
            slot: message(line.slot.as_deref().unwrap_or_default()).into_owned(),
            label: message(&line.label).into_owned(),
            what: message(&what).into_owned(),
            by: line.by.as_deref().map(|by| message(by).into_owned()).unwrap_or_default(),
            when: words::when(line.started, now),
            stamp: words::stamp(line.started),
            class,
            sign,
            state,
            why: message(&line.why).into_owned(),
            took: took.map(words::minutes).unwrap_or_default(),
            bars,
            simulated: line.simulated,
        }
    }

    /// How long the bar of a segment is, in a picture that is 118 wide.
    pub(in crate::station::pages) fn bar(&self, segment: usize) -> String {
        const WIDTHS: [f64; 5] = [11.0, 15.0, 45.0, 26.0, 13.0];
        let percent = f64::from(self.bars.get(segment).copied().unwrap_or(0));
        format!("{:.1}", WIDTHS.get(segment).copied().unwrap_or(0.0) * percent / 100.0)
    }
}
