//! Statistics: what became of many runs, as pictures with tables beside them.

use askama::Template;

use super::Answer;
use super::list::{day, image_choices, named_choices};
use crate::format::message;
use crate::run::Segment;
use crate::station::now;
use crate::station::pages::boards::{Choice, link};
use crate::station::pages::frame::Frame;
use crate::station::pages::table::page;
use crate::station::pages::visit::Visit;
use crate::station::pages::words;
use crate::station_api::{Reason, SlotFigures, Spread, Statistics, StatisticsAsked, Time};

const ALL: [&str; 6] = ["days", "from", "to", "project", "image", "slot"];
/// The address of the list of runs, with these conditions more.
type ToRuns<'a> = dyn Fn(&[(&str, &str)]) -> String + 'a;

/// Heights of the pictures' bars, in pixels.
const HIGH: f64 = 120.0;

/// A bar of a picture. Places and widths in percent, heights in pixels.
#[derive(Default)]
struct Bar {
    x: String,
    width: String,
    middle: String,
    y: String,
    height: String,
    /// The part of it that failed, on top.
    bad: Option<(String, String)>,
    above: String,
    below: String,
    /// A line across: the middle value.
    line: Option<String>,
}

/// A row of the table beside a picture.
struct Row {
    words: String,
    cells: Vec<String>,
}

/// A slot, with its span in percent of the picture.
struct Slot {
    name: String,
    at: String,
    from: String,
    length: String,
    share: String,
    failed: u64,
    of: u64,
    time: String,
    stands_out: bool,
    look: String,
}

struct Step {
    name: &'static str,
    median: String,
    width: String,
    slow_at: String,
    slow: String,
    failed: u64,
}

struct Why {
    why: String,
    step: String,
    runs: u64,
    look: String,
}

#[derive(Template)]
#[template(path = "statistics.html")]
struct Page {
    frame: Frame,
    query: Vec<(&'static str, String)>,
    spans: Vec<(String, &'static str, bool)>,
    images: Vec<Choice>,
    projects: Vec<Choice>,
    slots: Vec<Choice>,
    found: Statistics,
    finding: Option<(String, String, String)>,
    yields: String,
    first_pass: String,
    attempts: String,
    median: String,
    slow: String,
    days: Vec<Bar>,
    times: Vec<Bar>,
    lengths: Vec<Bar>,
    day_rows: Vec<Row>,
    length_rows: Vec<Row>,
    size: &'static str,
    most: String,
    longest: String,
    bench: Vec<Slot>,
    scale: Vec<(String, String)>,
    steps: Vec<Step>,
    reasons: Vec<Why>,
    runs: String,
    csv: String,
}

impl Page {
    fn text(&self, name: &str) -> &str {
        self.query.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value)
    }
}

/// A share as people read it: `98.0 %`.
#[expect(clippy::cast_precision_loss, reason = "runs are few")]
fn share(part: u64, of: u64) -> String {
    if of == 0 { "–".to_owned() } else { format!("{:.1} %", part as f64 / of as f64 * 100.0) }
}

fn percent(value: f64) -> String {
    format!("{:.2}%", value.clamp(0.0, 100.0))
}

fn pixels(value: f64) -> String {
    format!("{value:.1}")
}

#[expect(clippy::cast_precision_loss, reason = "for a picture")]
const fn f(value: u64) -> f64 {
    value as f64
}

/// Seconds with a tenth where they are few, else minutes.
#[expect(clippy::cast_precision_loss, reason = "for people")]
fn length(time: Time) -> String {
    if time < 60_000 { format!("{:.1} s", time as f64 / 1000.0) } else { words::minutes(time) }
}

/// Where a bar stands among so many.
fn place(at: usize, of: usize) -> Bar {
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
fn short(day: &str, at: usize) -> String {
    let mut parts = day.split('-').skip(1);
    let (month, date) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    if at == 0 || date == "01" { format!("{month}-{date}") } else { date.to_owned() }
}

fn days(found: &Statistics) -> (Vec<Bar>, Vec<Bar>, Vec<Row>) {
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

fn lengths(found: &Statistics) -> (Vec<Bar>, Vec<Row>) {
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
fn bench(found: &Statistics, runs: &ToRuns<'_>) -> (Vec<Slot>, Vec<(String, String)>) {
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

fn steps(found: &Statistics) -> Vec<Step> {
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

fn why(reason: &Reason, runs: &ToRuns<'_>) -> Why {
    let text = if reason.why.is_empty() { "no reason was told" } else { &reason.why };
    Why {
        why: message(text).into_owned(),
        step: format!("{} in {}", reason.outcome, reason.stage.replace('-', " ")),
        runs: reason.runs,
        look: runs(&[("outcome", &reason.outcome), ("stage", &reason.stage), ("why", &reason.part)]),
    }
}

/// What is to be looked at, where something is: a title, the figures, and what to do.
fn finding(found: &Statistics) -> Option<(String, String, String)> {
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

pub(super) async fn statistics(visit: Visit) -> Answer {
    let (station, query, at) = (&visit.station, &visit.query, now());
    let some = |name: &str| Some(query.text(name)).filter(|text| !text.is_empty()).map(str::to_owned);
    let (from, to) = (day(query, "from", 0)?, day(query, "to", 1)?);
    let span = query.maybe::<u32>("days")?.unwrap_or(14).clamp(1, 366);
    let until = to.unwrap_or_else(|| at.saturating_add(1));
    let last = words::midnight(until.saturating_sub(1));
    // A day in which a clock is set is longer or shorter.
    let first =
        words::midnight(last.saturating_sub(Time::from(span - 1) * 86_400_000).saturating_add(43_200_000));
    let since = from.unwrap_or(if span == 1 { last } else { first });
    let asked = StatisticsAsked {
        since: Some(since),
        until: Some(until),
        project: some("project"),
        image: some("image"),
        slot: some("slot"),
    };
    let found = station.statistics(&asked, at).await?;
    let date = |time: Time| words::day_and_time(time).get(..10).unwrap_or_default().to_owned();
    let (from, to) = (date(since), date(until.saturating_sub(1)));
    let runs = |more: &[(&str, &str)]| {
        let mut all = vec![("from", from.as_str()), ("to", to.as_str())];
        all.extend_from_slice(more);
        link("/runs", query, &["project", "image", "slot"], &all)
    };
    let (days, times, day_rows) = days(&found);
    let (lengths, length_rows) = lengths(&found);
    let (bench, scale) = bench(&found, &runs);
    let ended = found.done + found.not_verified + found.failed + found.lost;
    let spans =
        [("1", "Today"), ("7", "7 days"), ("14", "14 days"), ("90", "90 days")].map(|(days, words)| {
            let here =
                query.text("from").is_empty() && query.text("to").is_empty() && days == span.to_string();
            (link("/statistics", query, &["project", "image", "slot"], &[("days", days)]), words, here)
        });
    let store = station.store();
    let names = store.slots().await?.into_iter().map(|slot| slot.name).collect();
    let project_names = store.projects().await?.into_iter().map(|project| project.name).collect();
    let page_of = Page {
        frame: visit.frame("Statistics", "statistics").await,
        query: ALL.iter().map(|name| (*name, query.text(name).to_owned())).collect(),
        spans: spans.into(),
        images: image_choices(&visit).await?,
        projects: named_choices(query, "project", project_names),
        slots: named_choices(query, "slot", names),
        finding: finding(&found),
        yields: share(found.boards.good, found.boards.tried),
        first_pass: share(found.boards.first_pass, found.boards.tried),
        attempts: match found.boards.tried {
            0 => "–".to_owned(),
            tried => format!("{:.2}", f(ended) / f(tried)),
        },
        median: found.time.map_or_else(|| "–".to_owned(), |time| words::minutes(time.median)),
        slow: found.time.map_or_else(|| "–".to_owned(), |time| words::minutes(time.slow)),
        size: match found.days.len() {
            0..=7 => "",
            8..=16 => "broad",
            _ => "long",
        },
        most: found.days.iter().map(|day| day.boards.tried).max().unwrap_or(0).to_string(),
        longest: found
            .days
            .iter()
            .filter_map(|day| Some(day.time?.slow))
            .max()
            .map(words::minutes)
            .unwrap_or_default(),
        steps: steps(&found),
        reasons: found.reasons.iter().map(|reason| why(reason, &runs)).collect(),
        csv: runs(&[]).replacen("/runs?", "/runs.csv?", 1),
        runs: runs(&[]),
        days,
        times,
        lengths,
        day_rows,
        length_rows,
        bench,
        scale,
        found,
    };
    page(&page_of)
}
