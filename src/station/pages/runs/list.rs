//! The list of runs. What is looked for stands in its URL, so it can be kept as a bookmark.

use askama::Template;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::Answer;
use super::line::{Shown, way};
use crate::run::{Stage, Way};
use crate::station::now;
use crate::station::pages::boards::{Choice, choices, link};
use crate::station::pages::form::Form;
use crate::station::pages::frame::Frame;
use crate::station::pages::table::page;
use crate::station::pages::visit::Visit;
use crate::station::web::Refusal;
use crate::station_api::{RunsAsked, Time};

const ALL: [&str; 12] =
    ["q", "board", "slot", "way", "outcome", "stage", "image", "project", "by", "why", "from", "to"];
/// Lines of a page.
const LINES: u32 = 50;

#[derive(Template)]
#[template(path = "runs.html")]
struct Page {
    frame: Frame,
    query: Vec<(&'static str, String)>,
    ways: Vec<Choice>,
    outcomes: Vec<Choice>,
    stages: Vec<Choice>,
    slots: Vec<Choice>,
    images: Vec<Choice>,
    projects: Vec<Choice>,
    runs: Vec<Shown>,
    next: Option<String>,
    first: Option<String>,
    csv: String,
    json: String,
    report: String,
}

impl Page {
    fn text(&self, name: &str) -> &str {
        self.query.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value)
    }
}

/// When a day begins, in the station's time zone; `days` later.
pub(super) fn day(query: &Form, name: &str, days: i64) -> Result<Option<Time>, Refusal> {
    let Some(date) = query.maybe::<Date>(name)? else { return Ok(None) };
    let day = date.checked_add(jiff::Span::new().days(days)).ok();
    let begins = day.and_then(|day| day.to_zoned(TimeZone::system()).ok());
    let begins = begins.ok_or_else(|| Refusal::meaningless(format!("`{name}`: there is no such day")))?;
    Ok(Some(begins.timestamp().as_millisecond()))
}

/// What a query asks for.
pub(super) fn asked(query: &Form) -> Result<RunsAsked, Refusal> {
    let some = |name: &str| Some(query.text(name)).filter(|text| !text.is_empty()).map(str::to_owned);
    Ok(RunsAsked {
        begins: some("q"),
        board: some("board"),
        slot: some("slot"),
        way: some("way"),
        outcome: some("outcome"),
        stage: some("stage"),
        image: some("image"),
        project: some("project"),
        by: some("by"),
        why: some("why"),
        since: day(query, "from", 0)?,
        // The last day is one of those that are meant.
        until: day(query, "to", 1)?,
        after: some("after"),
        limit: Some(LINES),
        ..RunsAsked::default()
    })
}

/// What may be chosen of these names; one that is gone can still be asked for.
pub(super) fn named_choices(query: &Form, name: &str, names: Vec<String>) -> Vec<Choice> {
    let mut seen = std::collections::BTreeSet::new();
    let asked_for = Some(query.text(name).to_owned()).filter(|text| !text.is_empty());
    let all = names.into_iter().chain(asked_for).filter(|name| seen.insert(name.clone()));
    let all = all.map(|name| (name.clone(), name));
    choices(query.text(name), std::iter::once((String::new(), "all".to_owned())).chain(all))
}

/// The same of images.
pub(super) async fn image_choices(visit: &Visit) -> Result<Vec<Choice>, Refusal> {
    let asked = crate::station_api::ListAsked { limit: Some(200), ..Default::default() };
    let images = visit.station.store().images(&asked).await?.items.into_iter().map(|image| image.name);
    Ok(named_choices(&visit.query, "image", images.collect()))
}

pub(super) async fn list(visit: Visit) -> Answer {
    let (store, query, at) = (visit.station.store(), &visit.query, now());
    let found = store.runs(&asked(query)?).await?;
    let all = || std::iter::once((String::new(), "all".to_owned()));
    let ways = Way::ALL.iter().map(|one| (one.word().to_owned(), way(one.word()).to_owned()));
    let outcomes = [
        ("unfinished", "goes on"),
        ("done", "done"),
        ("not-verified", "done, not verified"),
        ("failed", "failed"),
        ("lost", "lost"),
        ("cancelled", "cancelled"),
    ];
    let outcomes = outcomes.map(|(word, words)| (word.to_owned(), words.to_owned()));
    let stages = Stage::ALL.iter().map(|stage| (stage.word().to_owned(), stage.word().replace('-', " ")));
    let names = store.slots().await?.into_iter().map(|slot| slot.name).collect();
    let project_names = store.projects().await?.into_iter().map(|project| project.name).collect();
    let page_of = Page {
        frame: visit.frame("Runs", "runs").await,
        query: ALL.iter().map(|name| (*name, query.text(name).to_owned())).collect(),
        ways: choices(query.text("way"), all().chain(ways)),
        outcomes: choices(query.text("outcome"), all().chain(outcomes)),
        stages: choices(query.text("stage"), all().chain(stages)),
        slots: named_choices(query, "slot", names),
        images: image_choices(&visit).await?,
        projects: named_choices(query, "project", project_names),
        runs: found.items.iter().map(|line| Shown::of(line, at)).collect(),
        next: found.next.map(|next| link("/runs", query, &ALL, &[("after", &next)])),
        first: query.is_on("after").then(|| link("/runs", query, &ALL, &[])),
        csv: link("/runs.csv", query, &ALL, &[]),
        json: link("/runs.jsonl", query, &ALL, &[]),
        report: link("/runs/report", query, &ALL, &[]),
    };
    page(&page_of)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_whole_and_the_last_one_counts() {
        let query = Form::read(b"from=2026-11-24&to=2026-11-24").unwrap();
        let asked = asked(&query).unwrap();
        let length = asked.until.unwrap() - asked.since.unwrap();
        // A day in which a clock is set is an hour longer or shorter.
        assert!((82_800_000..=90_000_000).contains(&length), "{length}");
        for wrong in ["from=yesterday", "to=2026-02-30", "from=-9999999"] {
            assert!(super::asked(&Form::read(wrong.as_bytes()).unwrap()).is_err(), "{wrong}");
        }
    }
}
