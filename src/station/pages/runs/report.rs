//! A report on runs that is printed: of a board, of a batch, of a day. What is asked for stands in its URL, as of the list.

use askama::Template;
use serde_json::Value;

use super::Answer;
use super::line::{state, way};
use super::list::asked;
use super::one::{Digests, digests, values};
use crate::eeprom;
use crate::format::message;
use crate::run::{Ending, Record, Stage};
use crate::station::export::{Seen, ran_after};
use crate::station::now;
use crate::station::pages::frame::Frame;
use crate::station::pages::table::page;
use crate::station::pages::visit::Visit;
use crate::station::pages::words;
use crate::station_api::{EepromRun, RunLine, RunsAsked, ScriptRun, ScriptState};

/// Runs of a report: it is read by people.
const MOST: u32 = 500;

/// A run in the report.
struct Line {
    run: String,
    label: String,
    serial: String,
    macs: String,
    slot: String,
    what: String,
    by: String,
    began: String,
    stamp: String,
    took: String,
    class: &'static str,
    sign: &'static str,
    state: String,
    why: String,
    proof: String,
    /// What was to be there, and what was read back.
    digests: Digests,
    /// What else is on record of it, a line each.
    more: Vec<String>,
}

#[derive(Template)]
#[template(path = "report.html")]
struct Page {
    frame: Frame,
    /// What it is about, a condition each.
    about: Vec<(&'static str, String)>,
    made: String,
    stamp: String,
    runs: Vec<Line>,
    counts: [(&'static str, usize); 4],
    boards: usize,
    verified: usize,
    more: bool,
    piprov: &'static str,
}

/// What the digests don't tell.
const AFTER: &str =
    "scripts have run after the disk was read back: what they have changed is not in these digests";

/// Texts of a list within a record.
fn texts(value: Option<&Value>) -> Vec<String> {
    let all = value.and_then(Value::as_array).into_iter().flatten();
    all.filter_map(Value::as_str).take(64).map(|text| message(text).into_owned()).collect()
}

/// What the board and its disk are, how warm they were, and how long each step took; what isn't on record is left out.
fn facts(seen: &Seen<'_>) -> Vec<String> {
    let mut all = Vec::new();
    let mut put = |parts: Vec<(&str, String)>| {
        let parts = parts.into_iter().filter(|(_, value)| !value.is_empty());
        let parts: Vec<_> = parts
            .map(|(name, value)| format!("{name} {}", message(&value)).trim_start().to_owned())
            .collect();
        if !parts.is_empty() {
            all.push(parts.join(", "));
        }
    };
    let size = |text: String| text.parse().map(crate::format::size).unwrap_or_default();
    put(vec![
        ("", seen.told("model")),
        ("memory", size(seen.told("memory"))),
        ("DUID", seen.told("facts/duid")),
    ]);
    put(vec![("bootloader", seen.told("facts/firmware/version")), ("made", seen.built())]);
    put(vec![
        ("disk", seen.detail("device")),
        ("", seen.disk("role")),
        ("", size(seen.disk("size"))),
        ("model", seen.disk("model")),
        ("maker", seen.disk("maker")),
        ("serial number", seen.disk("serial")),
        ("firmware", seen.disk("firmware")),
        ("made", seen.disk("made")),
        ("used life in steps of 10 %", seen.disk("life")),
        ("used life in percent", seen.disk("used")),
        ("spare blocks in percent", seen.disk("spare")),
        ("media errors", seen.disk("media_errors")),
    ]);
    put(vec![("CID", seen.disk("cid")), ("CSD", seen.disk("csd"))]);
    let degrees =
        |text: String| text.parse().map(|degrees: f64| format!("{degrees:.1} °C")).unwrap_or_default();
    put(vec![
        ("temperature at the beginning", degrees(seen.warm_before())),
        ("at the end", degrees(seen.warm_after())),
        ("throttling at the beginning", seen.throttled("before")),
        ("throttling at the end", seen.throttled("after")),
    ]);
    let step = |stage: &Stage| {
        let took = super::time::took(seen.spent(*stage).filter(|took| *took > 0)?);
        Some(format!("{} {took}", stage.word().replace('-', " ")))
    };
    let steps: Vec<_> = Stage::ALL.iter().filter_map(step).collect();
    if !steps.is_empty() {
        all.push(format!("steps: {}", steps.join(", ")));
    }
    let station = seen.detail("station");
    if !station.is_empty() {
        all.push(format!("station {}", message(&station)));
    }
    all
}

/// What was done beside the image.
fn beside(record: &Record) -> Vec<String> {
    let mut all = Vec::new();
    let keys = texts(record.detail.pointer("/first_boot/keys"));
    if !keys.is_empty() {
        all.push(format!("first boot: {}", keys.join(", ")));
    }
    let values: Vec<_> = values(record).into_iter().map(|(name, value)| format!("{name} {value}")).collect();
    if !values.is_empty() {
        all.push(format!("values: {}", values.join(", ")));
    }
    let scripts = ScriptRun::all_of(&record.detail);
    if ran_after(&scripts) {
        all.push(AFTER.to_owned());
    }
    for script in scripts {
        let how = match &script.ended {
            Some(end) if script.state == ScriptState::Failed => end.how(),
            _ => script.state.phrase().to_owned(),
        };
        all.push(format!("script {}: {}", message(&script.name), message(&how)));
    }
    if let Some(run) = EepromRun::of(&record.detail) {
        let facts = eeprom::told::run(&run).into_iter().map(|(name, text)| match name {
            "image" | "state" | "why" => message(&text).into_owned(),
            name => format!("{name} {}", message(&text)),
        });
        all.push(format!("EEPROM {}", facts.collect::<Vec<_>>().join("; ")));
    }
    for warning in &record.warnings {
        all.push(message(&words::remedy(warning)).into_owned());
    }
    all
}

fn line(line: RunLine, record: &Record) -> Line {
    let (class, sign, state) = state(&line);
    let mut more = facts(&Seen::of(&line, record));
    more.extend(beside(record));
    let named =
        |name: &str, text: &Option<String>| text.as_ref().map(|text| format!("{name} {}", message(text)));
    let what = [Some(way(&line.way).to_owned()), named("of", &line.image), named("project", &line.project)];
    let proof = match &record.ending {
        Ending::Done { proof } => proof.phrase().to_owned(),
        Ending::NotVerified { why, .. } => message(why).into_owned(),
        _ => String::new(),
    };
    Line {
        label: message(&line.label).into_owned(),
        serial: message(&line.serial).into_owned(),
        macs: record.board.mac.map(|mac| mac.to_string()).unwrap_or_default(),
        slot: line.slot.as_deref().map(|slot| message(slot).into_owned()).unwrap_or_default(),
        what: what.into_iter().flatten().collect::<Vec<_>>().join(", "),
        by: line.by.as_deref().map(|by| message(by).into_owned()).unwrap_or_default(),
        began: words::day_and_time(line.started),
        stamp: words::stamp(line.started),
        took: line.took.map(words::minutes).unwrap_or_default(),
        class,
        sign,
        state,
        why: message(&line.why).into_owned(),
        proof,
        digests: digests(record),
        more,
        run: line.run,
    }
}

pub(super) async fn report(visit: Visit) -> Answer {
    let store = visit.station.store();
    let asked = RunsAsked { after: None, limit: Some(MOST), ..asked(&visit.query)? };
    let found = store.runs(&asked).await?;
    let mut records = store.records(&found.items).await?;
    let mut runs = Vec::with_capacity(found.items.len());
    for item in found.items {
        if let Some(record) = records.remove(&item.run) {
            runs.push(line(item, &record));
        }
    }
    let count = |class: &str| runs.iter().filter(|run| run.class == class).count();
    let names = [
        ("board", "board"),
        ("q", "board begins with"),
        ("slot", "slot"),
        ("way", "what"),
        ("outcome", "ended"),
        ("stage", "in step"),
        ("image", "image"),
        ("project", "project"),
        ("by", "by"),
        ("why", "reason has"),
        ("from", "from"),
        ("to", "to"),
    ];
    let about = names.iter().filter_map(|(name, words)| {
        let text = visit.query.text(name);
        (!text.is_empty()).then(|| (*words, message(text).into_owned()))
    });
    let boards: std::collections::BTreeSet<_> = runs.iter().map(|run| (&run.label, &run.serial)).collect();
    let at = now();
    let page_of = Page {
        frame: visit.frame("Report", "runs").await,
        about: about.collect(),
        made: words::day_and_time(at),
        stamp: words::stamp(at),
        counts: [
            ("done", count("ok")),
            ("done, not verified", count("wait")),
            ("failed or lost", count("bad")),
            ("not ended", count("run")),
        ],
        boards: boards.len(),
        verified: runs.iter().filter(|run| run.state.ends_with(", verified")).count(),
        more: found.next.is_some(),
        piprov: env!("CARGO_PKG_VERSION"),
        runs,
    };
    page(&page_of)
}
