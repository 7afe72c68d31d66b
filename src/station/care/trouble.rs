//! What is a problem of the station's, or will be one: facts go in, sentences come out. Pure.

use std::time::Duration;

use crate::board::{Jumper, Mac};
use crate::error::{Remedy, remedy};
use crate::format::{count, size};
use crate::station_api::{Printer, PrinterAt, Room, Time, Trouble, TroubleIs, TroubleOf};

const HOUR: Time = 3_600_000;
const DAY: Time = 24 * HOUR;
/// A certificate is replaced in time where that is said so long before.
const CERTIFICATE: Time = 30 * DAY;
/// A disk that is full within so long is said.
const FULL: Time = 7 * DAY;
/// How a disk fills is seen over so long at least.
const SPAN: Time = 6 * HOUR;
/// After a start a clock takes some time until it is synchronised.
const PATIENCE: Duration = Duration::from_secs(600);
/// A clock that was moved by more has jumped: milliseconds.
pub(super) const JUMP: Time = 10_000;
/// A database that takes longer for the smallest question is slow.
const SLOW: Duration = Duration::from_millis(250);
/// So many questions are looked at, before one says that it is slow.
const QUESTIONS: usize = 5;
/// A printer that takes nothing for so long is said: one that is fed takes a while.
const PRINTER: Time = 60_000;
/// A database that is larger is large: what is old could go.
const LARGE: u64 = 20 << 30;

/// How much of the disk was free.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(in crate::station) struct Sample {
    /// When.
    pub(in crate::station) at: Time,
    /// Bytes.
    pub(in crate::station) free: u64,
}

/// What is known of the station.
#[derive(Debug, Clone, Default)]
pub(in crate::station) struct Facts {
    pub(in crate::station) now: Time,
    pub(in crate::station) room: Room,
    /// Bytes that are free.
    pub(in crate::station) free: Option<u64>,
    /// How it was before, the oldest first.
    pub(in crate::station) samples: Vec<Sample>,
    /// Whether the clock is synchronised; `None` where the system doesn't tell.
    pub(in crate::station) synchronised: Option<bool>,
    /// When the clock jumped last, and by how many milliseconds.
    pub(in crate::station) jump: Option<(Time, Time)>,
    /// Since when the station serves.
    pub(in crate::station) up: Duration,
    /// How long the last questions took.
    pub(in crate::station) asked: Vec<Duration>,
    /// Why the database doesn't answer.
    pub(in crate::station) away: Option<String>,
    /// Bytes of the database.
    pub(in crate::station) database: Option<u64>,
    pub(in crate::station) certificate: Option<Certificate>,
    /// By which names it is spoken to.
    pub(in crate::station) names: Vec<String>,
    /// Sources of values from which projects draw, with what is left and from where on that is little.
    pub(in crate::station) values: Vec<(String, u64, u64)>,
    /// Switches that tell nothing that can be used, with why, and what helps.
    pub(in crate::station) switches: Vec<(String, String, Option<Remedy>)>,
    /// Ethernet addresses that several boards have which are there, with what people call them.
    pub(in crate::station) doubles: Vec<(Mac, Vec<String>)>,
    /// Numbers of jumpers that several boards tell which are there, with what people call them.
    pub(in crate::station) jumpers: Vec<(Jumper, Vec<String>)>,
    /// How many boards that nobody knows wait for a person, and how many may.
    pub(in crate::station) strangers: Option<(u64, u64)>,
    /// Printers, with what waits for them.
    pub(in crate::station) printers: Vec<Printer>,
    pub(in crate::station) objects: Objects,
}

/// The place where the bytes of images are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::station) struct Objects {
    /// Why it can't be used now, and what helps.
    pub(in crate::station) away: Option<(String, Option<crate::error::Remedy>)>,
    /// Why a move to it doesn't get on.
    pub(in crate::station) stuck: Option<String>,
    /// How many objects are damaged where they come from.
    pub(in crate::station) damaged: u64,
    /// How many images and backups are damaged.
    pub(in crate::station) images: u64,
    /// Where they are and what the settings say, where that differs.
    pub(in crate::station) other: Option<(String, String)>,
}

/// The certificate that is served.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::station) struct Certificate {
    /// From when on it isn't good any more; `None` where it can't be read.
    pub(in crate::station) ends: Option<Time>,
    pub(in crate::station) names: Vec<String>,
}

/// Where the manual explains it.
pub(in crate::station) const fn help(about: TroubleOf) -> &'static str {
    match about {
        TroubleOf::Disk => "/help/pages#the-disk-gets-full",
        TroubleOf::Clock => "/help/pages#the-clock-is-wrong",
        TroubleOf::Database => "/help/pages#the-database-is-slow-or-large",
        TroubleOf::Certificate => "/help/pages#the-certificate-ends",
        TroubleOf::Slot => "/help/pages#a-slot-is-suspected",
        TroubleOf::Values => "/help/pages#values-run-out",
        TroubleOf::Switch => "/help/pages#a-switch-tells-nothing",
        TroubleOf::Address => "/help/pages#two-boards-have-one-address",
        TroubleOf::Objects => "/help/pages#the-object-store-is-away",
        TroubleOf::Printer => "/help/pages#a-printer-takes-no-labels",
        TroubleOf::Boards => "/help/pages#too-many-boards-wait",
        TroubleOf::Jumper => "/help/pages#two-boards-tell-one-number-of-jumpers",
    }
}

fn trouble(
    about: TroubleOf,
    is: TroubleIs,
    text: impl Into<String>,
    hint: impl Into<crate::error::Remedy>,
) -> Trouble {
    Trouble { about, is, text: text.into(), hint: hint.into(), help: help(about).to_owned() }
}

/// All that is to be said, what is here before what comes.
pub(in crate::station) fn troubles(facts: &Facts) -> Vec<Trouble> {
    let mut all: Vec<_> = disk(facts).into_iter().collect();
    all.extend(clock(facts));
    all.extend(database(facts));
    all.extend(certificate(facts));
    all.extend(values(facts));
    all.extend(switches(facts));
    all.extend(doubles(facts));
    all.extend(jumpers(facts));
    all.extend(strangers(facts));
    all.extend(objects(&facts.objects));
    all.extend(printers(facts));
    all.sort_by_key(|trouble| std::cmp::Reverse(trouble.is));
    all
}

fn disk(facts: &Facts) -> Option<Trouble> {
    let free = facts.free.map_or_else(String::new, |free| format!(": {} are free", size(free)));
    let hint = "remove images and backups that nobody needs, or let runs' logs go sooner";
    let said = |is, text: String| Some(trouble(TroubleOf::Disk, is, text, hint));
    match facts.room {
        Room::Last => {
            said(TroubleIs::Here, format!("The station's disk is full{free}. Nothing new is begun."))
        }
        Room::Short => said(
            TroubleIs::Here,
            format!("The station's disk gets full{free}. Logs are kept for a week only."),
        ),
        Room::Enough => {
            let left = full_in(facts.free?, &facts.samples, facts.now).filter(|left| *left <= FULL)?;
            let left = if left >= 2 * DAY {
                format!("{} days", left / DAY)
            } else {
                count((left / HOUR).max(1).unsigned_abs(), "hour")
            };
            said(
                TroubleIs::Coming,
                format!("The station's disk is full in about {left}, if it goes on as before{free}."),
            )
        }
    }
}

/// In how many milliseconds a disk is full that goes on as it did since the first sample; `None` where it doesn't fill,
/// or was looked at for too short a time.
fn full_in(free: u64, samples: &[Sample], now: Time) -> Option<Time> {
    let first = samples.first()?;
    let span = now.checked_sub(first.at).filter(|span| *span >= SPAN)?;
    let used = first.free.checked_sub(free).filter(|used| *used > 0)?;
    let left = u128::from(free) * u128::from(span.unsigned_abs()) / u128::from(used);
    Some(Time::try_from(left).unwrap_or(Time::MAX))
}

fn clock(facts: &Facts) -> Vec<Trouble> {
    let mut all = Vec::new();
    if facts.synchronised == Some(false) && facts.up >= PATIENCE {
        all.push(trouble(
            TroubleOf::Clock,
            TroubleIs::Coming,
            "The clock of the station's host isn't synchronised: times of runs may be wrong.",
            "let a time service keep it, such as systemd-timesyncd or chrony",
        ));
    }
    if let Some((at, by)) = facts.jump
        && (0..DAY).contains(&facts.now.saturating_sub(at))
    {
        let seconds = count(by.unsigned_abs() / 1000, "second");
        let way = if by > 0 { "forward" } else { "back" };
        all.push(trouble(
            TroubleOf::Clock,
            TroubleIs::Coming,
            format!("The clock of the station's host was moved {way} by {seconds} while the station served."),
            "times of runs before and after that don't fit; look what has moved it",
        ));
    }
    all
}

fn database(facts: &Facts) -> Vec<Trouble> {
    if let Some(why) = &facts.away {
        let text = format!("The database doesn't answer: {why}.");
        let hint = "see whether its server runs, and whether its disk has room";
        return vec![trouble(TroubleOf::Database, TroubleIs::Here, text, hint)];
    }
    let mut all = Vec::new();
    let mut asked = facts.asked.clone();
    asked.sort_unstable();
    if let Some(middle) =
        asked.get(asked.len() / 2).filter(|middle| asked.len() >= QUESTIONS && **middle >= SLOW)
    {
        let text =
            format!("The database is slow: it takes {} ms for the smallest question.", middle.as_millis());
        let hint = "see what else its host and its disk do";
        all.push(trouble(TroubleOf::Database, TroubleIs::Coming, text, hint));
    }
    if let Some(bytes) = facts.database.filter(|bytes| *bytes >= LARGE) {
        let text = format!("The database is large: {}.", size(bytes));
        let hint = remedy![
            "let runs and their logs go sooner: the settings `station.keep-runs` and `station.keep-logs`"
        ];
        all.push(trouble(TroubleOf::Database, TroubleIs::Coming, text, hint));
    }
    all
}

fn values(facts: &Facts) -> Option<Trouble> {
    let low: Vec<_> = facts.values.iter().filter(|(_, left, warn)| *left == 0 || left < warn).collect();
    let is = match low.iter().any(|(_, left, _)| *left == 0) {
        true => TroubleIs::Here,
        false => TroubleIs::Coming,
    };
    // Of many the first ones are told.
    let names: Vec<_> = low.iter().take(5).map(|(name, left, _)| format!("{name} has {left}")).collect();
    let more = if low.len() > names.len() { ", and so on" } else { "" };
    let text = format!("Few values are left for boards: {}{more}.", names.join(", "));
    let hint = "give the source more values, or release those of boards that are gone";
    (!low.is_empty()).then(|| trouble(TroubleOf::Values, is, text, hint))
}

/// One line for all of them: of a bench without power no switch answers.
fn switches(facts: &Facts) -> Option<Trouble> {
    let (name, why, hint) = facts.switches.first()?;
    let more = match facts.switches.len() - 1 {
        0 => String::new(),
        1 => " Another one tells nothing either.".to_owned(),
        more => format!(" {more} others tell nothing either."),
    };
    let text = format!("The switch {name} doesn't tell where boards are: {why}.{more}");
    let hint = hint.clone().unwrap_or_else(|| "look at the switch, and at the network to it".into());
    Some(trouble(TroubleOf::Switch, TroubleIs::Here, text, hint))
}

fn doubles(facts: &Facts) -> Option<Trouble> {
    let (mac, boards) = facts.doubles.first()?;
    let more = if facts.doubles.len() > 1 { " There are more." } else { "" };
    let text =
        format!("Boards that are there have one Ethernet address, {mac}: {}.{more}", boards.join(", "));
    let hint = "give each board, or each adapter, an address of its own: until then what the network says of it may be \
                the other one's, and no switch says where it is";
    Some(trouble(TroubleOf::Address, TroubleIs::Here, text, hint))
}

fn jumpers(facts: &Facts) -> Option<Trouble> {
    let (jumper, boards) = facts.jumpers.first()?;
    let more = if facts.jumpers.len() > 1 { " There are more." } else { "" };
    let text = format!(
        "Boards that are there at once tell one number of jumpers, {jumper}: {}.{more}",
        boards.join(", ")
    );
    let hint =
        "set the jumpers of each carrier to a number of its own: until then both boards count as in one slot";
    Some(trouble(TroubleOf::Jumper, TroubleIs::Here, text, hint))
}

fn strangers(facts: &Facts) -> Option<Trouble> {
    let (waiting, most) = facts.strangers?;
    let text = format!(
        "{waiting} boards that nobody knows wait for a person, and no more find room: a new one gets the place of one \
         that was silent for longest, or nothing."
    );
    let hint = "let boards in that are yours, and refuse or forget the others; see what on the network makes them up";
    (waiting >= most).then(|| trouble(TroubleOf::Boards, TroubleIs::Here, text, hint))
}

fn objects(facts: &Objects) -> Vec<Trouble> {
    let mut all = Vec::new();
    let mut said = |is, text: String, hint: crate::error::Remedy| {
        all.push(trouble(TroubleOf::Objects, is, text, hint));
    };
    if let Some((why, hint)) = &facts.away {
        let hint = hint
            .clone()
            .unwrap_or_else(|| "see whether its server runs, and whether it can be reached".into());
        said(TroubleIs::Here, format!("The images' bytes can't be had now: {why}."), hint);
    }
    if let Some(why) = &facts.stuck {
        let text = format!("The images' bytes are being moved, and that doesn't get on: {why}.");
        said(TroubleIs::Coming, text, "it goes on by itself when that is mended".into());
    }
    if facts.damaged > 0 {
        let many = count(facts.damaged, "object");
        let text = format!("The images' bytes are being moved, and {many} can't be: they are damaged.");
        said(TroubleIs::Coming, text, "prove the images, and add those that are damaged once more".into());
    }
    if facts.images > 0 {
        let many = count(facts.images, "image or backup");
        let are = if facts.images == 1 { "is" } else { "are" };
        let text = format!("{many} {are} damaged: no board gets them.");
        said(TroubleIs::Here, text, "verify them; add those that stay damaged once more".into());
    }
    if let Some((place, settings)) = &facts.other {
        let text =
            format!("The settings say that the images' bytes are in {settings}, and they are in {place}.");
        said(TroubleIs::Coming, text, remedy!("move them there, or change the setting `station.objects`"));
    }
    all
}

/// What helps where a printer takes nothing.
fn way(printer: &Printer) -> Remedy {
    match &printer.at {
        _ if printer.paused.is_some() => {
            "look at the printer, and see to the label that was perhaps printed: then the others go on".into()
        }
        PrinterAt::Tcp(_) | PrinterAt::Ftp(_) => {
            "see whether it is on, and has paper; labels wait for it".into()
        }
        PrinterAt::Command(_) => remedy![
            "see whether the program that the setting `station.print-command` names is on the station's host, and what \
             it says there; labels wait for it"
        ],
        PrinterAt::File(_) => remedy![
            "see whether the directory that the setting `station.print-dir` names is there, and the station may write \
             in it; labels wait for it"
        ],
    }
}

fn printers(facts: &Facts) -> Vec<Trouble> {
    let mut all = Vec::new();
    let is_off = |printer: &&Printer| printer.since.is_some_and(|since| facts.now - since >= PRINTER);
    if let Some(first) = facts.printers.iter().find(is_off) {
        let others = facts.printers.iter().filter(is_off).count() - 1;
        let more = if others > 0 {
            format!(", and {} more", count(others as u64, "printer"))
        } else {
            String::new()
        };
        let text = format!(
            "The printer {} takes no labels{more}: {} {}. {}.",
            first.name,
            count(first.waiting, "label"),
            if first.waiting == 1 { "waits" } else { "wait" },
            first.why
        );
        all.push(trouble(TroubleOf::Printer, TroubleIs::Here, text, way(first)));
    }
    let unsure: u64 = facts.printers.iter().map(|printer| printer.unsure).sum();
    if unsure > 0 {
        let (labels, were) = (count(unsure, "label"), if unsure == 1 { "was" } else { "were" });
        let text = format!("{labels} {were} perhaps printed: nobody has said so.");
        let hint = "look whether they are there; let them be printed again, or say that they are";
        all.push(trouble(TroubleOf::Printer, TroubleIs::Coming, text, hint));
    }
    all
}

fn certificate(facts: &Facts) -> Vec<Trouble> {
    let Some(certificate) = &facts.certificate else { return Vec::new() };
    let mut all = Vec::new();
    let hint = "make or get a new one, and start the station anew; tell agents that pin the old one";
    if let Some(left) = certificate.ends.map(|ends| ends.saturating_sub(facts.now)) {
        if left <= 0 {
            let text = "The station's certificate has ended: browsers and boards refuse it.";
            all.push(trouble(TroubleOf::Certificate, TroubleIs::Here, text, hint));
        } else if left <= CERTIFICATE {
            let left = count((left / DAY).unsigned_abs(), "day");
            let text = format!("The station's certificate ends in {left}.");
            all.push(trouble(TroubleOf::Certificate, TroubleIs::Coming, text, hint));
        }
    }
    let unfit: Vec<_> =
        facts.names.iter().filter(|name| !certificate.names.iter().any(|has| fits(has, name))).collect();
    if let Some(first) = unfit.first() {
        let text = format!(
            "The station's certificate isn't for `{first}`, by which it is spoken to: browsers warn."
        );
        all.push(trouble(TroubleOf::Certificate, TroubleIs::Coming, text, hint));
    }
    all
}

/// Whether a name of a certificate is for this name (RFC 6125, 6.4: `*` stands for the first label alone).
fn fits(has: &str, name: &str) -> bool {
    if let Some(rest) = has.strip_prefix("*.") {
        return name.split_once('.').is_some_and(|(_, of)| of.eq_ignore_ascii_case(rest));
    }
    match (has.parse::<std::net::IpAddr>(), name.parse::<std::net::IpAddr>()) {
        (Ok(has), Ok(name)) => has == name,
        _ => has.eq_ignore_ascii_case(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = 1_800_000_000_000;

    fn facts() -> Facts {
        Facts { now: NOW, free: Some(100 << 30), up: Duration::from_secs(3600), ..Facts::default() }
    }

    #[track_caller]
    fn one(facts: &Facts) -> (TroubleOf, TroubleIs, String) {
        let mut all = troubles(facts);
        assert_eq!(all.len(), 1, "{all:?}");
        let trouble = all.remove(0);
        assert!(!trouble.hint.is_empty() && trouble.help.starts_with("/help/pages#"));
        (trouble.about, trouble.is, trouble.text)
    }

    #[test]
    fn a_printer_that_takes_nothing_is_said_and_what_was_perhaps_printed_too() {
        let printer = |name: &str, since: Option<Time>, unsure| {
            let text = format!(
                r#"{{"name":"{name}","at":{{"by":"tcp","host":"a"}},"takes":"zpl","waiting":3,"unsure":{unsure},"why":"no answer",
                    "made":0,"by":"ada"}}"#
            );
            Printer { since, ..serde_json::from_str(&text).unwrap() }
        };
        let with = |printers: Vec<Printer>| Facts { printers, ..facts() };
        assert_eq!(troubles(&with(vec![printer("a", None, 0), printer("b", Some(NOW - 1000), 0)])), []);
        let (about, is, text) = one(&with(vec![printer("a", None, 0), printer("b", Some(NOW - 60_000), 0)]));
        assert_eq!((about, is), (TroubleOf::Printer, TroubleIs::Here));
        assert_eq!(text, "The printer b takes no labels: 3 labels wait. no answer.");
        let both = vec![printer("b", Some(0), 0), printer("c", Some(0), 0)];
        assert!(one(&with(both)).2.starts_with("The printer b takes no labels, and 1 printer more: "));
        // What helps is said of the way that the printer has.
        let mut program = printer("b", Some(0), 0);
        for (at, helps) in [
            (r#"{"by":"tcp","host":"a"}"#, "has paper"),
            (r#"{"by":"command","command":"lp"}"#, "station.print-command"),
            (r#"{"by":"file"}"#, "station.print-dir"),
        ] {
            program.at = serde_json::from_str(at).unwrap();
            assert!(troubles(&with(vec![program.clone()]))[0].hint.says(helps), "{at}");
        }
        program.paused = Some(NOW + 1000);
        assert!(troubles(&with(vec![program]))[0].hint.says("see to the label"));
        let (_, is, text) = one(&with(vec![printer("a", None, 1)]));
        assert_eq!(
            (is, text.as_str()),
            (TroubleIs::Coming, "1 label was perhaps printed: nobody has said so.")
        );
    }

    #[test]
    fn values_that_run_out_are_told_before_they_have() {
        let with = |values: &[(&str, u64, u64)]| {
            let values = values.iter().map(|(name, left, warn)| ((*name).to_owned(), *left, *warn)).collect();
            let mut all = troubles(&Facts { values, ..Facts::default() });
            all.retain(|trouble| trouble.about == TroubleOf::Values);
            all.pop().map(|trouble| (trouble.is, trouble.text))
        };
        assert_eq!(with(&[("sn", 20, 20), ("none", 1, 0)]), None);
        let text = "Few values are left for boards: sn has 19.".to_owned();
        assert_eq!(with(&[("sn", 19, 20)]), Some((TroubleIs::Coming, text)));
        let text = "Few values are left for boards: sn has 19, pin has 0.".to_owned();
        assert_eq!(with(&[("sn", 19, 20), ("pin", 0, 0)]), Some((TroubleIs::Here, text)));
    }

    #[test]
    fn a_switch_that_tells_nothing_and_boards_with_one_address_are_said() {
        let silent = |names: &[&str]| Facts {
            switches: names.iter().map(|name| ((*name).to_owned(), "no answer".to_owned(), None)).collect(),
            ..facts()
        };
        let (about, is, text) = one(&silent(&["sw1"]));
        assert_eq!((about, is), (TroubleOf::Switch, TroubleIs::Here));
        assert_eq!(text, "The switch sw1 doesn't tell where boards are: no answer.");
        assert!(one(&silent(&["a", "b", "c"])).2.ends_with(": no answer. 2 others tell nothing either."));
        let mac = "dc:a6:32:01:02:03".parse().unwrap();
        let two = Facts { doubles: vec![(mac, vec!["lab-01".into(), "lab-02".into()])], ..facts() };
        let (about, _, text) = one(&two);
        assert_eq!(about, TroubleOf::Address);
        assert_eq!(
            text,
            "Boards that are there have one Ethernet address, dc:a6:32:01:02:03: lab-01, lab-02."
        );
    }

    #[test]
    fn boards_that_tell_one_number_and_strangers_without_room_are_said() {
        let jumpers = vec![("3".parse().unwrap(), vec!["lab-01".into(), "lab-02".into()])];
        let (about, is, text) = one(&Facts { jumpers, ..facts() });
        assert_eq!((about, is), (TroubleOf::Jumper, TroubleIs::Here));
        assert_eq!(text, "Boards that are there at once tell one number of jumpers, 3: lab-01, lab-02.");
        assert_eq!(troubles(&Facts { strangers: Some((19, 20)), ..facts() }), []);
        let (about, _, text) = one(&Facts { strangers: Some((20, 20)), ..facts() });
        assert_eq!(about, TroubleOf::Boards);
        assert!(text.starts_with("20 boards that nobody knows wait for a person"), "{text}");
    }

    #[test]
    fn objects_that_are_away_or_elsewhere_are_said() {
        let with = |objects: Objects| one(&Facts { objects, ..facts() });
        let away = Objects { away: Some(("no answer".into(), None)), ..Objects::default() };
        let (about, is, text) = with(away);
        assert_eq!((about, is), (TroubleOf::Objects, TroubleIs::Here));
        assert_eq!(text, "The images' bytes can't be had now: no answer.");
        let stuck = with(Objects { stuck: Some("full".into()), ..Objects::default() });
        assert_eq!((stuck.1, stuck.2.contains("get on: full.")), (TroubleIs::Coming, true));
        assert!(with(Objects { damaged: 1, ..Objects::default() }).2.contains("1 object can't"));
        assert!(with(Objects { images: 1, ..Objects::default() }).2.contains("1 image or backup is damaged"));
        let other =
            with(Objects { other: Some(("directory".into(), "s3://abc".into())), ..Objects::default() });
        assert!(other.2.contains("in s3://abc, and they are in directory"), "{}", other.2);
    }

    #[test]
    fn a_station_that_is_well_says_nothing() {
        assert_eq!(troubles(&facts()), []);
        assert_eq!(troubles(&Facts::default()), []);
    }

    #[test]
    fn a_disk_is_full_or_will_be_at_the_rate_of_the_last_days() {
        let (about, is, text) = one(&Facts { room: Room::Last, free: Some(200 << 20), ..facts() });
        assert_eq!((about, is), (TroubleOf::Disk, TroubleIs::Here));
        assert_eq!(text, "The station's disk is full: 200 MiB are free. Nothing new is begun.");
        // 30 GiB in three days: 100 GiB in ten.
        let sample = |days: Time, free: u64| Sample { at: NOW - days * DAY, free: free << 30 };
        assert_eq!(troubles(&Facts { samples: vec![sample(3, 130)], ..facts() }), []);
        let (_, is, text) = one(&Facts { samples: vec![sample(3, 160)], ..facts() });
        assert_eq!(is, TroubleIs::Coming);
        assert!(text.starts_with("The station's disk is full in about 5 days, if"), "{text}");
        let (_, _, text) = one(&Facts { samples: vec![sample(1, 800)], ..facts() });
        assert!(text.contains("in about 3 hours"), "{text}");
        // It gets emptier, or was looked at for a moment only, or the clock went back.
        for samples in [
            vec![sample(3, 90)],
            vec![Sample { at: NOW - HOUR, free: 160 << 30 }],
            vec![Sample { at: NOW + DAY, free: 160 << 30 }],
        ] {
            assert_eq!(troubles(&Facts { samples, ..facts() }), []);
        }
    }

    #[test]
    fn a_clock_that_is_alone_or_has_jumped_is_said() {
        let alone = Facts { synchronised: Some(false), ..facts() };
        assert_eq!(one(&alone).0, TroubleOf::Clock);
        assert_eq!(
            troubles(&Facts { up: Duration::from_secs(60), ..alone }),
            [],
            "it has some time after a start"
        );
        let jump = |ago, by| Facts { jump: Some((NOW - ago, by)), ..facts() };
        assert!(one(&jump(HOUR, -90_000)).2.contains("back by 90 seconds"));
        assert!(one(&jump(HOUR, 3_600_000)).2.contains("forward by 3600 seconds"));
        assert_eq!(troubles(&jump(2 * DAY, 3_600_000)), []);
    }

    #[test]
    fn a_database_that_is_away_slow_or_large_is_said() {
        let (about, is, text) = one(&Facts { away: Some("no answer within 10 s".into()), ..facts() });
        assert_eq!((about, is), (TroubleOf::Database, TroubleIs::Here));
        assert_eq!(text, "The database doesn't answer: no answer within 10 s.");
        let asked = |times: &[u64]| Facts {
            asked: times.iter().map(|ms| Duration::from_millis(*ms)).collect(),
            ..facts()
        };
        assert!(one(&asked(&[1, 400, 300, 2, 300])).2.contains("300 ms"));
        assert_eq!(troubles(&asked(&[1, 1, 1, 5000, 5000])), [], "some are slow everywhere");
        assert_eq!(troubles(&asked(&[400, 300, 300])), [], "too few");
        assert!(one(&Facts { database: Some(30 << 30), ..facts() }).2.contains("30 GiB"));
    }

    #[test]
    fn a_certificate_that_ends_or_is_for_another_name_is_said() {
        let with = |left: Time, names: &[&str], spoken: &[&str]| Facts {
            certificate: Some(Certificate {
                ends: Some(NOW + left),
                names: names.iter().map(|name| (*name).to_owned()).collect(),
            }),
            names: spoken.iter().map(|name| (*name).to_owned()).collect(),
            ..facts()
        };
        assert_eq!(troubles(&with(31 * DAY, &["a"], &["a"])), []);
        assert_eq!(one(&with(29 * DAY + 1, &["a"], &["a"])).2, "The station's certificate ends in 29 days.");
        let (_, is, text) = one(&with(-1, &["a"], &["a"]));
        assert!(is == TroubleIs::Here && text.contains("has ended"));
        assert_eq!(troubles(&with(99 * DAY, &["*.lab", "10.0.0.1"], &["station.LAB", "10.0.0.1"])), []);
        for (has, spoken) in [("*.lab", "a.b.lab"), ("*.lab", "lab"), ("a", "b"), ("10.0.0.1", "10.0.0.2")] {
            assert!(one(&with(99 * DAY, &[has], &[spoken])).2.contains(spoken), "{has} {spoken}");
        }
        // What is here stands before what comes.
        let facts =
            Facts { samples: vec![Sample { at: NOW - DAY, free: 800 << 30 }], ..with(-1, &["a"], &["a"]) };
        assert_eq!(troubles(&facts)[0].about, TroubleOf::Certificate);
    }
}
