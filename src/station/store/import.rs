//! What comes over from another provisioner: all of it in one transaction. What is there already stays as it is, so that a
//! second time changes nothing.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Map, Value as Json};

use super::db::{Tx, json, values};
use super::{Error, Store, check_name, firmware, identity, labels, people, plans, projects, runs, scripts};
use crate::board::{Mac, Serial, Who};
use crate::device_api::Script;
use crate::error::Kind;
use crate::format::json::json as members;
use crate::run::{Ending, Record, RunId, Stage, Way};
use crate::station_api::{
    BoardFacts, Fate, Import, Imported, Label, LeftOut, NO_IMAGE, NewPrinter, OldOutcome, OldRecord,
    PrinterAt, Project, Taken, Time,
};

/// The bounds of a record, as [`OldRecord`] has them.
const MOST_FACTS: usize = 64;
const LONGEST_FACT: usize = 1000;
const MOST_LINES: usize = 200;
const LONGEST_LINE: usize = 500;
/// Nothing was done to such boards before 2012, and nothing will have been long after now.
const FIRST: Time = 1_325_376_000_000;
const AHEAD: Time = 366 * 86_400_000;

/// What lines of a project are about.
const IMAGE: &str = "image of a project";
const EEPROM: &str = "EEPROM of a project";
const LABEL: &str = "label of a project";

/// So much is told of what is left out before it is summed up.
const MOST_LEFT: usize = 1000;

#[derive(Default)]
struct Book {
    told: Imported,
    counts: Vec<(&'static str, u64, u64)>,
}

impl Book {
    fn count(&mut self, what: &'static str, is_new: bool) {
        let at = match self.counts.iter().position(|count| count.0 == what) {
            Some(at) => at,
            None => {
                self.counts.push((what, 0, 0));
                self.counts.len() - 1
            }
        };
        if let Some((_, new, already)) = self.counts.get_mut(at) {
            if is_new { *new += 1 } else { *already += 1 }
        }
    }

    fn tell(&mut self, kind: Fate, what: &str, name: &str, why: impl ToString) {
        let left = LeftOut { kind, what: what.to_owned(), name: name.to_owned(), why: why.to_string() };
        self.told.left.push(left);
    }

    fn left(&mut self, what: &str, name: &str, why: impl ToString) {
        self.tell(Fate::LeftOut, what, name, why);
    }

    fn told(mut self) -> Imported {
        let taken = |(what, new, already): (&str, u64, u64)| Taken { what: what.to_owned(), new, already };
        self.told.taken = self.counts.into_iter().map(taken).collect();
        self.told
    }
}

/// Whether this is what a person has to put right in one thing, and no more.
fn is_of_one(error: &Error) -> bool {
    matches!(error, Error::BadValue { .. } | Error::NoSuch { .. } | Error::Taken { .. } | Error::Many { .. })
}

fn bounds(import: &Import) -> Result<(), Error> {
    let bad = |why: String| Err(Error::BadValue { what: "import", why });
    check_name(&import.from)?;
    if import.records.len() > Import::MOST_RECORDS {
        return bad(format!(
            "it has {} records; {} are taken at once",
            import.records.len(),
            Import::MOST_RECORDS
        ));
    }
    let named = [import.images.len(), import.firmware.len(), import.labels.len(), import.printers.len()];
    let many = [import.scripts.len(), import.projects.len(), import.users.len()].into_iter().chain(named);
    if many.max().unwrap_or_default() > Import::MOST {
        return bad(format!("it has more than {} of one kind", Import::MOST));
    }
    Ok(())
}

/// Why a record isn't taken. One that can't be keeps nothing else from coming over.
fn wrong(record: &OldRecord, now: Time) -> Option<String> {
    let long = |text: &Option<String>, most| text.as_ref().is_some_and(|text| text.chars().count() > most);
    let facts =
        record.facts.iter().any(|(name, fact)| name.len() > 64 || fact.chars().count() > LONGEST_FACT);
    let lines = record.log.iter().any(|line| line.text.chars().count() > LONGEST_LINE);
    if record.facts.len() > MOST_FACTS || record.log.len() > MOST_LINES || facts || lines {
        return Some("it has more or longer facts or lines than are kept".to_owned());
    }
    let texts = long(&record.model, 200) || long(&record.why, LONGEST_LINE);
    if texts || long(&record.image, 200) || long(&record.project, 200) {
        return Some("it has a text that is too long".to_owned());
    }
    let is_duid = |duid: &String| duid.len() <= 64 && duid.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if record.duid.as_ref().is_some_and(|duid| !is_duid(duid)) {
        return Some("the number of its maker isn't at most 64 letters and digits".to_owned());
    }
    let disk = record.disk.as_ref();
    let sizes = disk.is_some_and(|disk| disk.size > 1 << 60 || disk.name.chars().count() > 64);
    if sizes || record.memory.is_some_and(|memory| memory > 1 << 50) || record.serial.is_blank() {
        return Some("it has a number that can't be".to_owned());
    }
    match is_time(record.started, now) {
        true => None,
        false => Some(format!(
            "it says that it began {}, which can't be: its clock was wrong",
            moment(record.started)
        )),
    }
}

/// Whether something may have been done to such a board then.
fn is_time(at: Time, now: Time) -> bool {
    (FIRST..now.saturating_add(AHEAD)).contains(&at)
}

fn moment(at: Time) -> String {
    Timestamp::from_millisecond(at)
        .map_or_else(|_| "at no time that there is".to_owned(), |at| at.to_string())
}

/// A record whose times are all some that can be. Whether it had others.
fn in_time(record: &OldRecord, now: Time) -> (OldRecord, bool) {
    let mut kept = record.clone();
    kept.ended = record.ended.filter(|at| is_time(*at, now));
    for line in kept.log.iter_mut().filter(|line| !is_time(line.time, now)) {
        line.time = record.started;
    }
    let odd = kept.ended != record.ended || kept.log != record.log;
    (kept, odd)
}

impl Store {
    /// Takes over what another provisioner had: all of it, or nothing. `dry`: nothing changes.
    ///
    /// # Errors
    /// [`Error::BadValue`] for what is beyond its bounds, and what the database says.
    pub async fn import(&self, import: &Import, dry: bool, now: Time) -> Result<Imported, Error> {
        bounds(import)?;
        let mut tx = self.db.begin().await?;
        let mut book = Book::default();
        let mut without = BTreeSet::new();
        let mut lacks = Lacks::default();
        for script in &import.scripts {
            tx.mark("one").await?;
            let taken = take_script(&mut tx, script).await;
            match tx.settle("one", taken).await {
                Ok(is_new) => book.count("script", is_new),
                Err(error) if is_of_one(&error) => {
                    without.insert(script.name.as_str());
                    book.left("script", &script.name, error);
                }
                Err(error) => return Err(error),
            }
        }
        for label in &import.labels {
            match take_label(&mut tx, label).await {
                Ok(is_new) => book.count("label", is_new),
                Err(error) if is_of_one(&error) => {
                    lacks.labels.insert(label.name.as_str());
                    book.left("label", &label.name, error);
                }
                Err(error) => return Err(error),
            }
        }
        for printer in &import.printers {
            match take_printer(&mut tx, printer, &import.from, now).await {
                Ok(is_new) => book.count("printer", is_new),
                Err(error) if is_of_one(&error) => {
                    lacks.printers.insert(printer.name.as_str());
                    book.left("printer", &printer.name, error);
                }
                Err(error) => return Err(error),
            }
        }
        for project in &import.projects {
            let missing = project.scripts.iter().find(|script| without.contains(script.as_str()));
            if let Some(script) = missing {
                let why = format!("all of it is left out, since its script `{script}` isn't taken");
                book.left("project", &project.name, why);
                continue;
            }
            tx.mark("one").await?;
            let taken = take_project(&mut tx, project, import, dry, &lacks, now).await;
            match tx.settle("one", taken).await {
                Ok((is_new, lines)) => {
                    book.count("project", is_new);
                    lines.iter().for_each(|(what, why)| book.tell(Fate::Changed, what, &project.name, why));
                }
                Err(error) if is_of_one(&error) => book.left("project", &project.name, error),
                Err(error) => return Err(error),
            }
        }
        for name in &import.users {
            let sql = "SELECT name FROM person WHERE name = $1";
            if tx.row(sql, values![name]).await?.is_some() {
                book.count("user", false);
                continue;
            }
            tx.mark("one").await?;
            let added = people::add_disabled(&mut tx, name, now).await;
            match tx.settle("one", added).await {
                Ok(()) => book.count("user", true),
                Err(error) if is_of_one(&error) => book.left("user", name, error),
                Err(error) => return Err(error),
            }
        }
        let mut untold = 0;
        for record in &import.records {
            let (kept, odd) = in_time(record, now);
            let mut lines = Vec::new();
            match wrong(record, now) {
                Some(why) => lines.push((Fate::LeftOut, why)),
                None => {
                    let (is_new, kept_out) = take_record(&mut tx, &import.from, &kept).await?;
                    book.count("record", is_new);
                    if odd {
                        let why = "it is taken without the times in it that can't be: its clock was wrong";
                        lines.push((Fate::Changed, why.to_owned()));
                    }
                    if let Some(mac) = kept_out {
                        let why = format!(
                            "the board doesn't get the address {mac}: the station has met it, or the one that has this \
                             address, itself"
                        );
                        lines.push((Fate::Changed, why));
                    }
                }
            }
            for (kind, why) in lines {
                if book.told.left.len() >= MOST_LEFT {
                    untold += 1;
                } else {
                    book.tell(kind, "record", record.serial.as_str(), why);
                }
            }
        }
        if untold > 0 {
            book.left("record", &format!("{untold} more"), "like those before, which aren't told one by one");
        }
        if !dry {
            tx.commit().await?;
        }
        Ok(book.told())
    }
}

async fn take_script(tx: &mut Tx, script: &Script) -> Result<bool, Error> {
    let mut new = script.clone();
    new.check().map_err(|why| Error::BadValue { what: "script", why: why.to_string() })?;
    match scripts::of(tx, std::slice::from_ref(&new.name)).await {
        Ok(there) if there.first() == Some(&new) => Ok(false),
        Ok(_) => {
            let why = "the station has another script of this name".to_owned();
            Err(Error::BadValue { what: "name", why })
        }
        Err(Error::NoSuch { .. }) => scripts::put(tx, &new).await.map(|_| true),
        Err(error) => Err(error),
    }
}

async fn take_label(tx: &mut Tx, label: &Label) -> Result<bool, Error> {
    match labels::one(tx, &label.name).await? {
        Some(there) if there == *label => Ok(false),
        Some(_) => {
            let why = "the station has another label of this name".to_owned();
            Err(Error::BadValue { what: "name", why })
        }
        None => {
            labels::is_sound(label)?;
            labels::put(tx, label).await.map(|()| true)
        }
    }
}

/// A printer that goes by the same way to the same place is the same one, whatever has been set of it since.
async fn take_printer(tx: &mut Tx, printer: &NewPrinter, from: &str, now: Time) -> Result<bool, Error> {
    let there = tx.row("SELECT place FROM printer WHERE name = $1", values![&printer.name]).await?;
    let Some(there) = there else {
        return labels::put_printer(tx, printer, from, now).await.map(|()| true);
    };
    let same = match (&there.of("printer").json::<PrinterAt>()?, &printer.at) {
        (PrinterAt::Ftp(one), PrinterAt::Ftp(other)) => (&one.host, one.port) == (&other.host, other.port),
        (one, other) => one == other,
    };
    if same {
        return Ok(false);
    }
    let why = "the station has another printer of this name".to_owned();
    Err(Error::BadValue { what: "name", why })
}

/// What isn't taken of what projects name. The station may have something else under the same name.
#[derive(Default)]
struct Lacks<'a> {
    labels: BTreeSet<&'a str>,
    printers: BTreeSet<&'a str>,
}

/// One that hasn't come whole is none: it makes room for the next of its name.
const WHOLE: &str = "SELECT id FROM image WHERE name = $1 AND state IN ('ready', 'damaged')";

/// A project is new or not, and lacks what these lines say.
type TakenProject = (bool, Vec<(&'static str, String)>);

/// An image that isn't there keeps nobody from the rest of a project.
async fn take_project(
    tx: &mut Tx,
    project: &Project,
    import: &Import,
    dry: bool,
    lacks: &Lacks<'_>,
    now: Time,
) -> Result<TakenProject, Error> {
    let mut new = Project { made: now, ..project.clone() };
    let mut lines = Vec::new();
    if let Some(image) = &project.image
        && tx.row(WHOLE, values![image]).await?.is_none()
    {
        if !(dry && import.images.contains(image)) {
            let why = format!(
                "it is taken without its image: the station has no image `{image}` that is whole; {NO_IMAGE}"
            );
            lines.push((IMAGE, why));
        }
        new.image = None;
    }
    if let Some(eeprom) = &project.eeprom {
        match firmware::check(tx, eeprom).await {
            Ok(()) => {}
            Err(error) if is_of_one(&error) => {
                if !(dry && import.firmware.contains(&eeprom.firmware)) {
                    lines.push((
                        EEPROM,
                        format!("it is taken without its EEPROM image and settings: {error}"),
                    ));
                }
                new.eeprom = None;
            }
            Err(error) => return Err(error),
        }
    }
    if let Some(label) = &project.label {
        let why = match labels::check(tx, label).await {
            Ok(()) if lacks.labels.contains(label.label.as_str()) => {
                Some("that label isn't taken".to_owned())
            }
            Ok(()) if lacks.printers.contains(label.printer.as_str()) => {
                Some("its printer isn't taken".to_owned())
            }
            Ok(()) => None,
            Err(error) if is_of_one(&error) => Some(error.to_string()),
            Err(error) => return Err(error),
        };
        if let Some(why) = why {
            lines.push((LABEL, format!("it is taken without its label: {why}")));
            new.label = None;
        }
    }
    if let Some(there) = projects::one(tx, &project.name).await? {
        let same = |one: &Project| Project {
            made: 0,
            image: None,
            eeprom: None,
            label: None,
            warnings: Vec::new(),
            ..one.clone()
        };
        if same(&there) == same(project) {
            // What it was without the first time may have come since.
            let (image, eeprom) = (there.image.clone().or(new.image), there.eeprom.clone().or(new.eeprom));
            let whole = Project { image, eeprom, label: there.label.clone().or(new.label), ..there.clone() };
            if whole != there {
                projects::put(tx, &whole).await?;
            }
            // Somebody may have given it what doesn't come.
            lines.retain(|(what, _)| match *what {
                IMAGE => whole.image.is_none(),
                EEPROM => whole.eeprom.is_none(),
                _ => whole.label.is_none(),
            });
            return Ok((whole != there, lines));
        }
        let why = "the station has another project of this name".to_owned();
        return Err(Error::BadValue { what: "name", why });
    }
    projects::put(tx, &new).await.map(|()| (true, lines))
}

/// The names that what was done to a board at a time may have: the same ones each time that it comes. The first is of what
/// boot programs tell of the board; where another board has that one, the second is of all of its number.
fn runs_of(from: &str, record: &OldRecord) -> [RunId; 2] {
    let serial = record.serial;
    [serial.directory(), serial.as_str().to_ascii_lowercase()].map(|serial| {
        let text = format!("piprov 2026 a run of {from}: {serial} {}", record.started);
        let hash = blake3::hash(text.as_bytes());
        let chance = hash.as_bytes().iter().take(6).fold(0u64, |chance, byte| chance << 8 | u64::from(*byte));
        RunId::new(chance)
    })
}

/// The name that a record gets; `None` where it is there already.
async fn new_run(tx: &mut Tx, from: &str, record: &OldRecord) -> Result<Option<RunId>, Error> {
    for run in runs_of(from, record) {
        let Some(row) = tx.row("SELECT serial FROM run WHERE id = $1", values![run.as_str()]).await? else {
            return Ok(Some(run));
        };
        let there = row.of("run").maybe_text()?.and_then(|text| text.parse::<Serial>().ok());
        if there.is_none_or(|there| there.is_of_same_board(&record.serial)) {
            return Ok(None);
        }
    }
    Ok(None)
}

/// Degrees Celsius, where a text has some that can be.
fn temperature(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|degrees| (-273.15..=1000.0).contains(degrees))
}

/// What of a board another provisioner knew beside what boards have columns for. What the board has told itself stays.
async fn put_duid(tx: &mut Tx, board: &str, duid: &str, at: Time) -> Result<(), Error> {
    let row = tx.row("SELECT facts FROM board WHERE id = $1", values![board]).await?;
    let Some(row) = row else { return Ok(()) };
    let mut row = row.of("board");
    let before = row.maybe_text()?.map(|text| serde_json::from_str::<BoardFacts>(&text)).transpose();
    let facts = match before.map_err(|error| row.wrong(error))? {
        Some(facts) if facts.duid.is_some() => return Ok(()),
        Some(facts) => BoardFacts { duid: Some(duid.to_owned()), ..facts },
        None => BoardFacts {
            at,
            agent: String::new(),
            revision: None,
            temperature: None,
            throttled: None,
            zones: Vec::new(),
            duid: Some(duid.to_owned()),
            boot_id: None,
            firmware: None,
            link_mbps: None,
            boot: None,
            eeprom: None,
            jumper: None,
        },
    };
    tx.run("UPDATE board SET facts = $2 WHERE id = $1", values![board, json(&facts)]).await.map(drop)
}

/// Whether it is new, and the address that its board doesn't get.
async fn take_record(tx: &mut Tx, from: &str, old: &OldRecord) -> Result<(bool, Option<Mac>), Error> {
    let Some(run) = new_run(tx, from, old).await? else { return Ok((false, None)) };
    let who = Who { mac: old.mac, serial: Some(old.serial), ..Who::default() };
    let seen = old.ended.unwrap_or(old.started);
    let (board, kept_out) = identity::find_or_make_old(tx, &who, seen).await?;
    let disks: Vec<_> = old.disk.iter().cloned().collect();
    // What a board has told itself since is newer.
    tx.run(
        "UPDATE board SET model = coalesce(model, $2), memory = coalesce(memory, $3),
         disks = CASE WHEN disks = '[]' THEN $4 ELSE disks END,
         first_seen = CASE WHEN first_seen > $5 THEN $5 ELSE first_seen END WHERE id = $1",
        values![&board, &old.model, old.memory, json(&disks), old.started],
    )
    .await?;
    if let (Some(board), Some(duid)) = (&board, &old.duid) {
        put_duid(tx, board, duid, seen).await?;
    }
    let at = |time: Time| Timestamp::from_millisecond(time).unwrap_or_default();
    let mut record = Record::begin(run, Way::Deploy, who, at(old.started));
    let why = || old.why.clone().filter(|why| !why.is_empty());
    let (stage, ending) = match old.outcome {
        OldOutcome::Complete => {
            let why = format!("{from} says that it was complete; it was taken over, and not read back");
            (Stage::Done, Ending::NotVerified { why, hint: None })
        }
        OldOutcome::Failed => {
            let why = why().unwrap_or_else(|| format!("{from} says no reason"));
            (Stage::Write, Ending::Failed { why, last_seen: None, hint: None, kind: Kind::Failed })
        }
        OldOutcome::Unknown => {
            let why = why().unwrap_or_else(|| format!("{from} doesn't say how it ended"));
            (Stage::Write, Ending::Lost { why, hint: None })
        }
    };
    record.enter(stage, at(seen));
    record.ending = ending;
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of a run are few")]
    let seconds = seen.saturating_sub(old.started).max(0) as f64 / 1000.0;
    record.seconds = Some(seconds);
    let mut told = members!({
        "macs": old.mac.into_iter().collect::<Vec<_>>(),
        "model": old.model,
        "memory": old.memory,
        "disks": disks,
    });
    let mut facts = Json::Object(Map::new());
    if let Some(version) = old.facts.get("firmware") {
        plans::add(&mut facts, members!({ "firmware": members!({ "version": version }) }));
    }
    if let Some(duid) = &old.duid {
        plans::add(&mut facts, members!({ "duid": duid }));
    }
    if facts.as_object().is_some_and(|facts| !facts.is_empty()) {
        plans::add(&mut told, members!({ "facts": facts }));
    }
    record.detail = members!({
        "imported": from,
        "image": old.image,
        "project": old.project,
        "facts": old.facts,
        "told": told,
    });
    let degrees = |fact: &str| old.facts.get(fact).and_then(|text| temperature(text));
    if let Some(degrees) = degrees("temp1") {
        plans::add(&mut record.detail, members!({ "before": members!({ "temperature": degrees }) }));
    }
    if let Some(degrees) = degrees("temp2") {
        plans::add(&mut record.detail, members!({ "after": members!({ "temperature": degrees }) }));
    }
    let by = format!("taken over from {from}");
    let beside = runs::Beside {
        board: board.as_deref(),
        image: old.image.as_deref(),
        project: old.project.as_deref(),
        by: Some(&by),
        ..runs::Beside::default()
    };
    runs::keep(tx, &record, beside).await?;
    for line in &old.log {
        runs::log(tx, record.run.as_str(), std::slice::from_ref(&line.text), line.time).await?;
    }
    Ok((true, kept_out.then_some(old.mac).flatten()))
}
