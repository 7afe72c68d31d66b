//! What figures look like: bars, spans and their words. Pure.

use crate::format::message;
use crate::run::Segment;
use crate::station::pages::words;
use crate::station_api::{Reason, SlotFigures, Spread, Statistics, Time};

/// The address of the list of runs, with these conditions more.
pub(super) type ToRuns<'a> = dyn Fn(&[(&str, &str)]) -> String + 'a;

/// Heights of the pictures' bars, in pixels.
pub(super) const HIGH: f64 = 120.0;

/// A bar of a picture. Places and widths in percent, heights in pixels.
#[derive(Default)]
pub(super) struct Bar {
    pub(super) x: String,
    pub(super) width: String,
    pub(super) middle: String,
    pub(super) y: String,
    pub(super) height: String,
    /// The part of it that failed, on top.
    pub(super) bad: Option<(String, String)>,
    pub(super) above: String,
    pub(super) below: String,
    /// A line across: the middle value.
    pub(super) line: Option<String>,
}

/// A row of the table beside a picture.
pub(super) struct Row {
    pub(super) words: String,
    pub(super) cells: Vec<String>,
}

/// A slot, with its span in percent of the picture.
pub(super) struct Slot {
    pub(super) name: String,
    pub(super) at: String,
    pub(super) from: String,
    pub(super) length: String,
    pub(super) share: String,
    pub(super) failed: u64,
    pub(super) of: u64,
    pub(super) time: String,
    pub(super) stands_out: bool,
    pub(super) look: String,
}

pub(super) struct Step {
    pub(super) name: &'static str,
    pub(super) median: String,
    pub(super) width: String,
    pub(super) slow_at: String,
    pub(super) slow: String,
    pub(super) failed: u64,
}

pub(super) struct Why {
    pub(super) why: String,
    pub(super) step: String,
    pub(super) runs: u64,
    pub(super) look: String,
}

/// A share as people read it: `98.0 %`.
pub(super) fn share(part: u64, of: u64) -> String {
    crate::format::share(part, of).unwrap_or_else(|| "–".to_owned())
}

pub(super) fn percent(value: f64) -> String {
    format!("{:.2}%", value.clamp(0.0, 100.0))
}

pub(super) fn pixels(value: f64) -> String {
    format!("{value:.1}")
}

#[expect(clippy::cast_precision_loss, reason = "for a picture")]
pub(super) const fn f(value: u64) -> f64 {
    value as f64
}

/// Seconds with a tenth where they are few, else minutes.
#[expect(clippy::cast_precision_loss, reason = "for people")]
pub(super) fn length(time: Time) -> String {
    if time < 60_000 { format!("{:.1} s", time as f64 / 1000.0) } else { words::minutes(time) }
}

/// Where a bar stands among so many.
pub(super) fn place(at: usize, of: usize) -> Bar {
    let one = 100.0 / f(of.max(1) as u64);
    let x = one * f(at as u64);
    Bar {
        x: percent(x + one * 0.15),
        width: percent(one * 0.7),
        middle: percent(x + one * 0.5),
        ..Bar::default()
    }
}

/// A day in few letters: its month and day, or its day alone.
pub(super) fn short(day: &str, at: usize) -> String {
    let mut parts = day.split('-').skip(1);
    let (month, date) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    if at == 0 || date == "01" { format!("{month}-{date}") } else { date.to_owned() }
}

pub(super) fn days(found: &Statistics) -> (Vec<Bar>, Vec<Bar>, Vec<Row>) {
    let count = found.days.len();
    let every = count.div_ceil(16).max(1);
    let most = f(found.days.iter().map(|day| day.boards.tried).max().unwrap_or(0).max(1));
    let longest = found.days.iter().filter_map(|day| Some(day.time?.slow)).max().unwrap_or(0).max(1);
    let longest = f(longest.unsigned_abs());
    let (mut boards, mut times, mut rows) = (Vec::new(), Vec::new(), Vec::new());
    for (at, day) in found.days.iter().enumerate() {
        let (tried, bad) = (day.boards.tried, day.boards.tried - day.boards.good);
        let label = if at % every == 0 { short(&day.day, at) } else { String::new() };
        let (high, bad_high) = (f(tried) / most * HIGH, f(bad) / most * HIGH);
        let above = match (every, tried, bad) {
            (_, 0, _) => String::new(),
            (1, tried, 0) => tried.to_string(),
            (_, _, 0) => String::new(),
            (_, _, bad) => format!("✕ {bad}"),
        };
        boards.push(Bar {
            y: pixels(HIGH - high + 20.0),
            height: pixels(high),
            bad: (bad > 0).then(|| (pixels(HIGH - high + 20.0), pixels(bad_high.max(3.0)))),
            above,
            below: label.clone(),
            ..place(at, count)
        });
        let mut bar = Bar { below: label, ..place(at, count) };
        if let Some(time) = day.time {
            let y = |time: Time| HIGH - f(time.unsigned_abs()) / longest * HIGH + 20.0;
            bar.y = pixels(y(time.slow));
            bar.height = pixels((y(time.quick) - y(time.slow)).max(2.0));
            bar.line = Some(pixels(y(time.median)));
            bar.above = if every == 1 { words::minutes(time.median) } else { String::new() };
        }
        times.push(bar);
        let time =
            |of: fn(&Spread) -> Time| day.time.as_ref().map(|time| length(of(time))).unwrap_or_default();
        rows.push(Row {
            words: day.day.clone(),
            cells: vec![
                tried.to_string(),
                share(day.boards.good, tried),
                share(day.boards.first_pass, tried),
                day.failed.to_string(),
                time(|time| time.quick),
                time(|time| time.median),
                time(|time| time.slow),
            ],
        });
    }
    (boards, times, rows)
}

pub(super) fn lengths(found: &Statistics) -> (Vec<Bar>, Vec<Row>) {
    let count = found.times.len();
    let most = f(found.times.iter().map(|bin| bin.runs).max().unwrap_or(0).max(1));
    let bars = found.times.iter().enumerate().map(|(at, bin)| {
        let high = f(bin.runs) / most * HIGH;
        Bar {
            y: pixels(HIGH - high + 20.0),
            height: pixels(high),
            above: if bin.runs == 0 { String::new() } else { bin.runs.to_string() },
            below: words::minutes(bin.from),
            ..place(at, count)
        }
    });
    let rows = found.times.iter().map(|bin| Row {
        words: match bin.to {
            Some(to) => format!("{} to {}", words::minutes(bin.from), words::minutes(to)),
            None => format!("{} and more", words::minutes(bin.from)),
        },
        cells: vec![bin.runs.to_string()],
    });
    (bars.collect(), rows.collect())
}

/// The slots, and the scale behind them: its places and what they mean.
pub(super) fn bench(found: &Statistics, runs: &ToRuns<'_>) -> (Vec<Slot>, Vec<(String, String)>) {
    let most = found.slots.iter().map(|slot| slot.high).fold(0.05, f64::max).min(1.0);
    let slot = |slot: &SlotFigures| {
        let share_of = if slot.runs == 0 { 0.0 } else { f(slot.failed) / f(slot.runs) };
        Slot {
            name: if slot.slot.is_empty() {
                "not known".to_owned()
            } else {
                message(&slot.slot).into_owned()
            },
            at: percent(share_of / most * 100.0),
            from: percent(slot.low / most * 100.0),
            length: percent((slot.high - slot.low) / most * 100.0),
            share: share(slot.failed, slot.runs),
            failed: slot.failed,
            of: slot.runs,
            time: slot.time.map(|time| words::minutes(time.median)).unwrap_or_default(),
            stands_out: slot.stands_out,
            look: runs(&[("slot", &slot.slot)]),
        }
    };
    let scale = [0.0, 0.5, 1.0].map(|part| (percent(part * 100.0), format!("{:.0} %", most * part * 100.0)));
    (found.slots.iter().map(slot).collect(), scale.into())
}

pub(super) fn steps(found: &Statistics) -> Vec<Step> {
    let names = [
        (Segment::Seen, "seen"),
        (Segment::Boot, "boot"),
        (Segment::Write, "write"),
        (Segment::ReadBack, "read back"),
        (Segment::Finish, "finish"),
    ];
    let most = found.segments.iter().filter_map(|of| Some(of.time?.slow)).max().unwrap_or(0).max(1);
    let at = |time: Time| percent(f(time.unsigned_abs()) / f(most.unsigned_abs()) * 100.0);
    let of = |(segment, name): (Segment, &'static str)| {
        let found = found.segments.iter().find(|of| of.segment == segment.word())?;
        let time = |of: fn(&Spread) -> Time| found.time.as_ref().map(of);
        Some(Step {
            name,
            median: time(|time| time.median).map(length).unwrap_or_else(|| "not known".to_owned()),
            width: time(|time| time.median).map(at).unwrap_or_default(),
            slow_at: time(|time| time.slow).map(at).unwrap_or_default(),
            slow: time(|time| time.slow).map(length).unwrap_or_default(),
            failed: found.failed,
        })
    };
    names.into_iter().filter_map(of).collect()
}

pub(super) fn why(reason: &Reason, runs: &ToRuns<'_>) -> Why {
    let text = if reason.why.is_empty() { "no reason was told" } else { &reason.why };
    Why {
        why: message(text).into_owned(),
        step: format!("{} in {}", reason.outcome, reason.stage.replace('-', " ")),
        runs: reason.runs,
        look: runs(&[("outcome", &reason.outcome), ("stage", &reason.stage), ("why", &reason.part)]),
    }
}

/// What is to be looked at, where something is: a title, the figures, and what to do.
pub(super) fn finding(found: &Statistics) -> Option<(String, String, String)> {
    let slot = found.slots.iter().find(|slot| slot.stands_out)?;
    let (failed, of) = found
        .slots
        .iter()
        .filter(|other| other.slot != slot.slot)
        .fold((0, 0), |sum, other| (sum.0 + other.failed, sum.1 + other.runs));
    let name = message(&slot.slot).into_owned();
    Some((
        format!("Look at slot {name}"),
        format!(
            "{} of {} runs failed there, {}; in all other slots together {}.",
            slot.failed,
            slot.runs,
            share(slot.failed, slot.runs),
            share(failed, of)
        ),
        "Chance alone hardly does that: it is more likely the cable, the reader, the port or the supply than the boards. Swap the cables with the slot beside it; where the failures go along, it is the cable.".to_owned(),
    ))
}
