//! Statistics: what became of many runs, as pictures with tables beside them.

mod picture;

use askama::Template;

use super::Answer;
use super::list::{day, image_choices, named_choices};
use crate::format::count;
use crate::station::now;
use crate::station::pages::boards::{Choice, link};
use crate::station::pages::frame::Frame;
use crate::station::pages::table::page;
use crate::station::pages::visit::Visit;
use crate::station::pages::words;
use crate::station::web::Refusal;
use crate::station_api::{Statistics, StatisticsAsked, Time};
use picture::{Bar, Row, Slot, Step, Why, bench, days, f, finding, lengths, share, steps, why};

const ALL: [&str; 6] = ["days", "from", "to", "project", "image", "slot"];
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
    /// Its runs in words.
    counted: String,
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
    if until <= since {
        return Err(Refusal::meaningless("“To” is a day before “From”"));
    }
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
        counted: count(found.runs, "run"),
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
