//! A run: where its time went, what it said, how fast it went, and what proves it.

use askama::Template;

use super::Answer;
use super::line::{Shown, state, way};
use super::time::{Step, mean, steps, took};
use crate::device_api::ScriptEnd;
use crate::eeprom::told;
use crate::error::{Kind, sentence};
use crate::format::{message, size};
use crate::run::{Ending, Record, Segment, Stage};
use crate::station::export::ran_after;
use crate::station::now;
use crate::station::pages::floor::path;
use crate::station::pages::frame::Frame;
use crate::station::pages::table::page;
use crate::station::pages::visit::Visit;
use crate::station::pages::words;
use crate::station::rates::{Sample, curve};
use crate::station_api::{
    EepromRun, EepromState, JobState, ListAsked, LogLine, Role, RunLine, RunsAsked, ScriptRun, ScriptState,
};

/// Lines of a log on a page.
const LINES: u64 = 200;

/// What proves a run, or why nothing does.
struct Proof {
    class: &'static str,
    title: String,
    /// As in [`Digests`].
    raw: String,
    image: String,
    read_back: String,
    by_chunks: bool,
    figures: Vec<(&'static str, String)>,
}

/// A script, and what became of it.
struct Script {
    name: String,
    when: &'static str,
    class: &'static str,
    sign: &'static str,
    state: String,
    took: String,
    output: String,
}

/// What became of the board's EEPROM.
struct Eeprom {
    class: &'static str,
    sign: &'static str,
    state: &'static str,
    why: String,
    facts: Vec<(&'static str, String)>,
}

struct Said {
    n: u64,
    clock: String,
    stamp: String,
    text: String,
}

#[derive(Template)]
#[template(path = "run.html")]
struct Page {
    frame: Frame,
    line: RunLine,
    what: &'static str,
    class: &'static str,
    sign: &'static str,
    state: String,
    goes_on: bool,
    percent: Option<u8>,
    began: String,
    stamp: String,
    lasted: String,
    steps: Vec<Step>,
    chart: String,
    rates: Vec<(&'static str, String)>,
    most: String,
    log: Vec<Said>,
    lines: u64,
    older: Option<String>,
    newer: Option<String>,
    proof: Proof,
    why: String,
    last_seen: String,
    next: String,
    warnings: Vec<String>,
    board: String,
    device: String,
    /// What the board got of its own.
    values: Vec<(String, String)>,
    scripts: Vec<Script>,
    /// They have run after what proves the image.
    scripts_after: bool,
    eeprom: Option<Eeprom>,
    attempts: Vec<Shown>,
    /// The job that can be tried again; that goes on.
    again: Option<String>,
    /// The same would fail in the same way, as far as is known.
    in_vain: bool,
    cancel: Option<String>,
    deploy: Option<String>,
    version: String,
}

impl Page {
    fn took(&self, step: &Step) -> String {
        took(step.took)
    }

    fn clock(&self, step: &Step) -> String {
        words::clock(step.began)
    }

    /// Thousandths as percent, as a picture has them.
    fn at(&self, thousandths: &i64) -> String {
        format!("{}.{}%", thousandths / 10, thousandths % 10)
    }
}

pub(super) async fn one(visit: Visit) -> Answer {
    let (station, at) = (&visit.station, now());
    let store = station.store();
    let (line, record) = store.run_line(visit.part("run")).await?;
    let goes_on = record.ending == Ending::Unfinished;
    let samples: Vec<Sample> = match station.rates.of(&line.run) {
        Some(track) => track.samples().to_vec(),
        None => store.rates(&line.run).await?,
    };
    let end =
        line.took.map_or(if goes_on { at } else { line.started }, |took| line.started.saturating_add(took));
    let drawn = curve(&samples);
    let most = drawn.iter().map(|(_, rate)| *rate).fold(0.0, f64::max);
    // Of a run that was over before its bytes were seen to move no rate is known.
    let drawn = if most >= 1.0 { drawn } else { Vec::new() };
    let (log, lines, older, newer) = log(&visit, &line.run).await?;
    let job = match &line.job {
        Some(job) => store.job(job).await.ok(),
        None => None,
    };
    let mut attempts = Vec::new();
    if let Some(job) = &line.job {
        let asked = RunsAsked { job: Some(job.clone()), limit: Some(20), ..RunsAsked::default() };
        let others = store.runs(&asked).await?.items;
        attempts
            .extend(others.iter().filter(|other| other.run != line.run).map(|other| Shown::of(other, at)));
    }
    let acts = visit.can(Role::Operator);
    let board = line.board.clone().unwrap_or_default();
    // A job goes on in its newest attempt.
    let job = job.filter(|job| acts && job.run.as_ref() == Some(&line.run));
    let over = |state| {
        matches!(state, JobState::Failed | JobState::Lost | JobState::Cancelled | JobState::NotVerified)
    };
    let again = job.as_ref().filter(|job| over(job.state)).map(|job| job.id.clone());
    let cancel = job.as_ref().filter(|job| job.state == JobState::Running && !job.cancel);
    let in_vain = line.kind.is_some_and(Kind::is_lasting);
    let other = again.is_none() || in_vain;
    let deploy = (acts && other && !goes_on && line.way == "deploy" && !board.is_empty()).then(|| {
        let mut to = form_urlencoded::Serializer::new("/deploy?".to_owned());
        to.append_pair("board", &board);
        match (&line.project, &line.image) {
            (Some(project), _) => to.append_pair("project", project),
            (None, Some(image)) => to.append_pair("image", image),
            (None, None) => &mut to,
        };
        to.finish()
    });
    let (class, sign, state) = state(&line);
    let rates = [("written", Stage::Write), ("read back", Stage::ReadBack), ("fetched", Stage::Fetch)];
    let rates =
        rates.iter().filter_map(|(words, stage)| Some((*words, words::rate(mean(&samples, *stage)?))));
    let scripts = ScriptRun::all_of(&record.detail);
    let page_of = Page {
        frame: visit.frame(&format!("Run {}", line.run), "runs").await,
        what: way(&line.way),
        class,
        sign,
        state,
        goes_on,
        percent: if goes_on { words::percent(line.done, line.total) } else { None },
        began: words::when(line.started, at),
        stamp: words::stamp(line.started),
        lasted: words::minutes(end.saturating_sub(line.started)),
        steps: steps(&record, &samples, end),
        chart: path(&drawn),
        rates: rates.collect(),
        most: words::rate(most),
        log,
        lines,
        older,
        newer,
        proof: proof(&line, &record),
        why: record.ending.why().map(|why| sentence(&message(why))).unwrap_or_default(),
        last_seen: match &record.ending {
            Ending::Failed { last_seen: Some(seen), .. } => message(seen).into_owned(),
            _ => String::new(),
        },
        next: next(&line, &record),
        warnings: record
            .warnings
            .iter()
            .map(|warning| message(&words::remedy(warning)).into_owned())
            .collect(),
        device: text(&record, "device"),
        values: values(&record),
        eeprom: EepromRun::of(&record.detail).map(|run| Eeprom::of(&run)),
        scripts_after: ran_after(&scripts),
        scripts: scripts.into_iter().map(Script::of).collect(),
        version: message(&record.piprov).into_owned(),
        cancel: cancel.map(|job| job.id.clone()),
        again,
        in_vain,
        deploy,
        attempts,
        board,
        line,
    };
    page(&page_of)
}

impl Script {
    fn of(run: ScriptRun) -> Self {
        let (class, sign) = match run.state {
            ScriptState::Done => ("ok", "✓"),
            ScriptState::Failed => ("bad", "✕"),
            ScriptState::Running => ("run", "●"),
            ScriptState::Restarted => ("wait", "▲"),
            ScriptState::Waiting | ScriptState::DoneBefore => ("idle", "○"),
        };
        let how = |end: &ScriptEnd| message(&end.how()).into_owned();
        let failed = run.ended.as_ref().filter(|_| run.state == ScriptState::Failed).map(how);
        let output = run.ended.as_ref().map_or("", |end| end.output.as_str());
        Self {
            name: message(&run.name).into_owned(),
            when: run.when.word(),
            class,
            sign,
            state: failed.unwrap_or_else(|| run.state.phrase().to_owned()),
            took: run.ended.as_ref().map(|end| format!("{:.1} s", end.seconds)).unwrap_or_default(),
            output: output.lines().map(message).collect::<Vec<_>>().join("\n"),
        }
    }
}

impl Eeprom {
    fn of(run: &EepromRun) -> Self {
        let (class, sign) = match run.state {
            EepromState::There | EepromState::Verified | EepromState::Earlier | EepromState::Seen => {
                ("ok", "✓")
            }
            EepromState::HandedOver | EepromState::Offered | EepromState::Untold => ("wait", "▲"),
            EepromState::Waiting => ("run", "●"),
            EepromState::Skipped => ("idle", "○"),
            EepromState::Refused | EepromState::Failed => ("bad", "✕"),
        };
        let facts = told::run(run).into_iter().filter(|(name, _)| !["state", "why"].contains(name));
        let facts = facts.map(|(name, text)| (fact(name), message(&text).into_owned()));
        Self {
            class,
            sign,
            state: run.state.phrase(),
            why: message(&run.why).into_owned(),
            facts: facts.collect(),
        }
    }
}

/// The name of a fact, as a page has it.
fn fact(name: &'static str) -> &'static str {
    match name {
        "image" => "Image",
        "before" => "Before",
        "new" => "New",
        "settings" => "Settings",
        "earlier" => "Begun by",
        "read back" => "Read back",
        "seen" => "Seen",
        _ => "Note",
    }
}

/// A part of the log: the newest one, or what stands before a line.
async fn log(
    visit: &Visit,
    run: &str,
) -> Result<(Vec<Said>, u64, Option<String>, Option<String>), crate::station::web::Refusal> {
    let store = visit.station.store();
    let lines = store.count_lines(run).await?;
    let end = visit.query.maybe::<u64>("log")?.unwrap_or(lines).clamp(LINES.min(lines), lines);
    let begin = end.saturating_sub(LINES);
    let after = begin.checked_sub(1).map(|n| n.to_string());
    let limit = u32::try_from(end - begin).unwrap_or_default();
    let items = match limit {
        0 => Vec::new(),
        _ => {
            store.run_log(run, &ListAsked { after, limit: Some(limit), ..ListAsked::default() }).await?.items
        }
    };
    let said = |line: LogLine| Said {
        n: line.n,
        clock: words::clock(line.time),
        stamp: words::stamp(line.time),
        text: message(&line.text).into_owned(),
    };
    let to = |end: u64| format!("/runs/{run}?log={end}#log");
    let older = (begin > 0).then(|| to(begin));
    let newer = (end < lines)
        .then(|| if end + LINES >= lines { format!("/runs/{run}#log") } else { to(end + LINES) });
    Ok((items.into_iter().map(said).collect(), lines, older, newer))
}

/// What the board got of its own.
pub(super) fn values(record: &Record) -> Vec<(String, String)> {
    let values = record.detail.get("values").and_then(serde_json::Value::as_object);
    let text = |text: &serde_json::Value| text.as_str().map(|text| message(text).into_owned());
    let all = values.into_iter().flatten().filter_map(|(name, value)| Some((name.clone(), text(value)?)));
    all.collect()
}

/// A text of what only this way has.
fn text(record: &Record, name: &str) -> String {
    record
        .detail
        .get(name)
        .and_then(|value| value.as_str())
        .map(|text| message(text).into_owned())
        .unwrap_or_default()
}

/// Digests of what was to be there, and of what was read back; empty where they aren't known.
#[derive(Debug, Default)]
pub(super) struct Digests {
    /// Of all of the image: sha256 of its bytes, also where its chunks prove it.
    pub(super) raw: String,
    /// What counts.
    pub(super) image: String,
    /// The same of what was read back.
    pub(super) read_back: String,
    /// Whether what counts is the name by chunks (BLAKE3) instead of a sha256.
    pub(super) by_chunks: bool,
}

/// What a record has of them.
pub(super) fn digests(record: &Record) -> Digests {
    let nested = |name: &str| record.detail.get("image").and_then(|image| image.get(name)?.as_str());
    let mut raw = text(record, "raw_sha256");
    if raw.is_empty() {
        raw = nested("raw_sha256").map(|text| message(text).into_owned()).unwrap_or_default();
    }
    let read_back = text(record, "read_back_sha256");
    // Where the whole was proved by its chunks, that is what counts.
    let expected = text(record, "expected_chunks");
    if read_back.is_empty() && !expected.is_empty() {
        return Digests {
            raw,
            image: expected,
            read_back: text(record, "read_back_chunks"),
            by_chunks: true,
        };
    }
    Digests { image: raw.clone(), raw, read_back, by_chunks: false }
}

fn proof(line: &RunLine, record: &Record) -> Proof {
    let Digests { raw, image, read_back, by_chunks } = digests(record);
    let number = |name: &str| record.detail.get(name).and_then(serde_json::Value::as_u64);
    let names = [
        ("raw_len", "Image"),
        ("written", "Written"),
        ("kept", "There already"),
        ("fetched", "Over the network"),
    ];
    let figures = names.iter().filter_map(|(name, words)| Some((*words, size(number(name)?))));
    let (class, title) = match &record.ending {
        Ending::Unfinished if line.took.is_none() => ("run", "Nothing is proved yet".to_owned()),
        Ending::Done { proof } => ("ok", sentence(proof.phrase()).trim_end_matches('.').to_owned()),
        Ending::NotVerified { .. } => ("wait", "Not verified: nothing was read back".to_owned()),
        _ if !read_back.is_empty() && read_back != image => ("bad", "What was read back differs".to_owned()),
        _ if !read_back.is_empty() => {
            ("bad", "The image was read back and is equal; what came behind it failed".to_owned())
        }
        _ => ("bad", "Nothing is proved".to_owned()),
    };
    Proof { class, title, raw, image, read_back, by_chunks, figures: figures.collect() }
}

/// What to do next, where it failed.
fn next(line: &RunLine, record: &Record) -> String {
    if let Some(hint) = record.ending.hint() {
        return sentence(&message(&words::remedy(hint)));
    }
    let (_, segment) = words::stage(&line.stage);
    let lost = matches!(record.ending, Ending::Lost { .. });
    match record.ending {
        Ending::Unfinished | Ending::Done { .. } => String::new(),
        Ending::NotVerified { .. } => {
            "Deploy it with an agent that reads back, or look at the board.".to_owned()
        }
        _ if !lost && segment == Some(Segment::Finish) && is_equal(record) => {
            "The image is on the disk, as it was read back. Look at the log for what failed behind it, mend that, and \
             try again: only what the disk hasn’t is written."
                .to_owned()
        }
        _ => words::next(&line.way, lost, segment).to_owned(),
    }
}

/// Whether what was read back is the image.
fn is_equal(record: &Record) -> bool {
    let Digests { image, read_back, .. } = digests(record);
    !read_back.is_empty() && read_back == image
}
