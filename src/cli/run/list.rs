//! The runs on record, a line each.

use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;

use super::{Place, style, tell_left_out, took, word};
use crate::cli::client::{Station, path};
use crate::cli::common;
use crate::cli::report::Usage;
use crate::cli::table::Columns;
use crate::cli::ui::{Style, Ui};
use crate::config::Settings;
use crate::format::json::json;
use crate::run::ledger::Found;
use crate::run::{Ending, Record, Way};
use crate::station_api::Board;

/// So many rows are told at a time: more records may have gathered than fit into memory.
const ROWS: usize = 1000;

#[derive(Debug, clap::Args)]
pub(super) struct List {
    /// Only boards whose name, address, MAC, serial number or port is this
    #[arg(long, value_name = "BOARD")]
    board: Option<String>,
    /// Only this kind of run: flash, net-boot, deploy or another one
    #[arg(long, value_name = "KIND")]
    kind: Option<Way>,
    /// Only runs that ended so: done, not-verified, failed, lost or unfinished
    #[arg(long, value_name = "OUTCOME")]
    outcome: Option<Outcome>,
    /// Of a station: only runs of this project
    #[arg(long, value_name = "PROJECT")]
    project: Option<String>,
    /// Of a station: only runs of this image
    #[arg(long, value_name = "IMAGE")]
    image: Option<String>,
    /// Of a station: only runs in this slot
    #[arg(long, value_name = "SLOT")]
    slot: Option<String>,
    /// Only runs that began since: a date, or a time before now as 30m, 12h or 7d
    #[arg(long, value_name = "WHEN")]
    since: Option<Since>,
    /// Only the latest N of them; of a station 100 where this isn't given
    #[arg(short = 'n', long, value_name = "N")]
    last: Option<usize>,
    #[command(flatten)]
    place: Place,
}

/// How a run ended, as a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outcome(pub(super) &'static str);

impl FromStr for Outcome {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let words = ["done", "not-verified", "failed", "lost", "unfinished"];
        let found = words.into_iter().find(|word| *word == text);
        found.map(Self).ok_or_else(|| "there are done, not-verified, failed, lost and unfinished".to_owned())
    }
}

/// A moment, or a time before now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Since {
    Moment(Timestamp),
    Ago(Duration),
}

impl FromStr for Since {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "a date such as 2026-11-28 is needed, or a time such as 30m, 12h or 7d".to_owned();
        if let Ok(moment) = text.parse::<Timestamp>() {
            return Ok(Self::Moment(moment));
        }
        if let Ok(date) = text.parse::<jiff::civil::Date>() {
            let midnight = date.to_zoned(jiff::tz::TimeZone::system()).map_err(|_| wrong())?;
            return Ok(Self::Moment(midnight.timestamp()));
        }
        common::with_unit(text).map(Self::Ago).ok_or_else(wrong)
    }
}

impl Since {
    pub(super) fn moment(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Moment(moment) => moment,
            Self::Ago(time) => now.saturating_sub(time).unwrap_or(Timestamp::MIN),
        }
    }
}

impl List {
    /// Whether records on this host are meant, whatever station is named.
    pub(super) const fn is_local(&self) -> bool {
        self.place.state.is_some()
    }

    /// The same of a station: its latest 100 runs, where no number is given.
    pub(super) fn of_station(&self, station: &Station, ui: &Ui) -> crate::cli::Result<()> {
        let board =
            self.board.as_ref().map(|board| station.get::<Board>(&path(["boards", board]))).transpose()?;
        let query = [
            ("board", board.map(|board| board.id)),
            ("way", self.kind.map(|kind| kind.to_string())),
            ("outcome", self.outcome.as_ref().map(|outcome| outcome.0.to_owned())),
            ("project", self.project.clone()),
            ("image", self.image.clone()),
            ("slot", self.slot.clone()),
        ];
        let query: Vec<_> = query.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        let since = self.since.map(|since| since.moment(Timestamp::now()).as_millisecond());
        super::station::list(station, ui, &query, since, self.last.unwrap_or(100))
    }

    pub(super) fn run(&self, ui: &Ui, settings: &Settings) -> crate::cli::Result<()> {
        // What a record on this host doesn't say can't choose among them.
        let of_station = [("--project", &self.project), ("--image", &self.image), ("--slot", &self.slot)];
        if let Some((flag, _)) = of_station.iter().find(|(_, value)| value.is_some()) {
            return Err(Usage {
                message: format!(
                    "{flag} chooses among the runs of a station, and these are records of this host"
                ),
                hint: Some("Name the station with --station URL, or in the setting station.url.".into()),
            }
            .into());
        }
        let since = self.since.map(|since| since.moment(Timestamp::now()));
        let (mut left_out, mut any) = (0, false);
        let mut table = Table::new(ui);
        if let Some(ledger) = self.place.ledger(settings)? {
            let mut wanted = |found: Found| {
                any = true;
                left_out += usize::from(found.record.is_none());
                found.record.filter(|record| self.wants(record, since))
            };
            let records = ledger.records()?;
            match self.last {
                Some(last) => {
                    let latest = records.latest_first().filter_map(&mut wanted).take(last);
                    let mut latest: Vec<_> = latest.collect();
                    latest.reverse();
                    latest.iter().for_each(|record| table.add(record));
                }
                None => records.filter_map(&mut wanted).for_each(|record| table.add(&record)),
            }
        }
        table.tell();
        if table.count == 0 && !ui.json {
            ui.say(if any { "no run on record is meant" } else { "no run is on record" });
        }
        tell_left_out(ui, left_out);
        Ok(())
    }

    fn wants(&self, record: &Record, since: Option<Timestamp>) -> bool {
        let names = || {
            let who = &record.board;
            let texts = [
                who.name.clone(),
                who.mac.map(|mac| mac.to_string()),
                who.port.map(|port| port.to_string()),
                who.address.map(|address| address.to_string()),
            ];
            let serial = |text: &str| {
                let wanted = text.parse().ok();
                who.serial
                    .as_ref()
                    .zip(wanted)
                    .is_some_and(|(serial, wanted)| serial.is_of_same_board(&wanted))
            };
            let mac = |text: &str| who.mac.is_some() && who.mac == text.parse().ok();
            move |text: &str| {
                mac(text) || texts.iter().flatten().any(|own| own.eq_ignore_ascii_case(text)) || serial(text)
            }
        };
        self.board.as_deref().is_none_or(|board| names()(board))
            && self.kind.is_none_or(|kind| kind == record.way)
            && self.outcome.as_ref().is_none_or(|outcome| outcome.0 == word(record))
            && since.is_none_or(|since| record.started >= since)
    }
}

/// Runs as they are told.
struct Table<'a> {
    ui: &'a Ui,
    columns: Columns<6>,
    rows: Vec<[String; 6]>,
    styles: Vec<Style>,
    count: usize,
}

impl<'a> Table<'a> {
    fn new(ui: &'a Ui) -> Self {
        Self { ui, columns: Columns::default(), rows: Vec::new(), styles: Vec::new(), count: 0 }
    }

    fn add(&mut self, record: &Record) {
        self.count += 1;
        if self.ui.json {
            self.ui.object(&json!({ "event": "run", "board": record.board, "record": record }));
            return;
        }
        if self.count == 1 {
            self.rows.push(["RUN", "BEGAN", "KIND", "BOARD", "TOOK", "OUTCOME"].map(str::to_owned));
            self.styles.push(Style::Faint);
        }
        let outcome = match record.ending {
            Ending::Done { .. } | Ending::NotVerified { .. } => word(record).to_owned(),
            _ => format!("{} in {}", word(record), record.stage),
        };
        self.rows.push([
            record.run.to_string(),
            record.started.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
            record.way.to_string(),
            record.board.label(),
            took(record),
            outcome,
        ]);
        self.styles.push(style(record));
        if self.rows.len() > ROWS {
            self.tell();
        }
    }

    /// Tells what has gathered.
    fn tell(&mut self) {
        let rows = self.columns.within(&self.rows, self.ui.width_out);
        for ((lines, style), row) in rows.into_iter().zip(&self.styles).zip(&self.rows) {
            let outcome = &row[5];
            for line in lines {
                match line.strip_suffix(outcome.as_str()) {
                    _ if matches!(style, Style::Faint) => self.ui.result(self.ui.paint(*style, line)),
                    Some(before) => {
                        self.ui.result(format_args!("{before}{}", self.ui.paint(*style, outcome)));
                    }
                    // An outcome may have several lines.
                    None => self.ui.result(line),
                }
            }
        }
        self.rows.clear();
        self.styles.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_moment_or_before_now() {
        let now: Timestamp = "2026-11-28T12:00:00Z".parse().unwrap();
        let moment = |text: &str| text.parse::<Since>().unwrap().moment(now).to_string();
        assert_eq!(moment("90m"), "2026-11-28T10:30:00Z");
        assert_eq!(moment("12h"), "2026-11-28T00:00:00Z");
        assert_eq!(moment("7d"), "2026-11-21T12:00:00Z");
        assert_eq!(moment("2026-11-28T01:02:03Z"), "2026-11-28T01:02:03Z");
        assert!("2026-11-28".parse::<Since>().is_ok());
        for wrong in ["", "d", "7", "-1d", "7w", "2026-13-01", "99999999999d", "7ö"] {
            assert!(wrong.parse::<Since>().is_err(), "{wrong}");
        }
        assert_eq!(Since::Ago(Duration::MAX).moment(now), Timestamp::MIN);
    }
}
