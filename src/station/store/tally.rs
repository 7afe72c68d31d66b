//! What statistics count of a run: one text a run, in an index of its own, so that a hundred thousand of them come in one
//! answer without a row being read.
//!
//! Its fields, with tabs between them: when it began, how long it took (milliseconds, empty where it goes on), how it
//! ended (a letter: `d`one, `n`ot verified, `f`ailed, `l`ost, `u`nfinished, `c`ancelled), what was done, whether it was
//! simulated, the step that it ended in, the board (the end of its id, else what it is called), slot, project, image, how
//! long it was in each of the five segments (milliseconds), and why it failed.

use std::borrow::Cow;

use super::db::values;
use super::{Error, Store};
use crate::error::Kind;
use crate::run::{Record, Segment, Way};
use crate::station_api::Time;

/// Runs that are counted at once, at most: a few ten MiB.
pub const MOST_TALLIES: u64 = 200_000;

/// Which field is the slot.
const SLOT: usize = 7;

/// So many characters of a reason stand in a tally.
pub const LONGEST_WHY: usize = 80;

/// The segments, in the order of a tally's fields.
pub const SEGMENTS: [Segment; 5] =
    [Segment::Seen, Segment::Boot, Segment::Write, Segment::ReadBack, Segment::Finish];

/// What belongs to a tally beside the record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Of<'a> {
    pub(super) board: Option<&'a str>,
    pub(super) label: &'a str,
    pub(super) slot: Option<&'a str>,
    pub(super) project: Option<&'a str>,
    pub(super) image: Option<&'a str>,
    pub(super) kind: Option<Kind>,
    pub(super) simulated: bool,
}

/// A field: nothing in it ends it.
fn field(text: &str, most: usize) -> String {
    text.chars().take(most).map(|char| if char.is_control() { ' ' } else { char }).collect()
}

/// A text with `#` where a board's own name stands as a word.
fn without<'a>(why: &'a str, names: &[Option<String>]) -> Cow<'a, str> {
    let mut text = Cow::Borrowed(why);
    for name in names.iter().flatten().filter(|name| name.chars().count() > 1) {
        if !text.contains(name.as_str()) {
            continue;
        }
        let (mut new, mut rest) = (String::with_capacity(text.len()), &*text);
        while let Some((before, behind)) = rest.split_once(name.as_str()) {
            let joined = |char: Option<char>| char.is_some_and(|char| char.is_alphanumeric() || char == '_');
            let part = joined(new.chars().chain(before.chars()).next_back()) || joined(behind.chars().next());
            new.push_str(before);
            new.push_str(if part { name } else { "#" });
            rest = behind;
        }
        new.push_str(rest);
        text = Cow::Owned(new);
    }
    text
}

/// The tally of a run.
pub(super) fn of(record: &Record, outcome: &str, took: Option<i64>, of: Of<'_>) -> String {
    let number = |number: Option<i64>| number.map(|number| number.to_string()).unwrap_or_default();
    let letter = match of.kind {
        Some(Kind::Interrupted) => "c",
        _ => outcome.get(..1).unwrap_or("u"),
    };
    let each;
    let board = match of.board {
        // Its end is what chance has made.
        Some(board) => board.get(board.len().saturating_sub(12)..).unwrap_or(board),
        // A reader on this host is one place for many cards: each of its runs is another board's, as far as anybody knows.
        None if record.way == Way::Deploy && record.board.serial.is_none() && record.board.mac.is_none() => {
            each = format!("@{}", record.started.as_millisecond());
            &each
        }
        None => of.label,
    };
    let spent = record.spent();
    let segment = |segment: Segment| {
        let of: Vec<i64> =
            spent.iter().filter(|(stage, _)| stage.segment() == segment).map(|(_, took)| *took).collect();
        number((!of.is_empty()).then(|| of.iter().fold(0_i64, |sum, took| sum.saturating_add(*took))))
    };
    let mut fields = vec![
        record.started.as_millisecond().to_string(),
        number(took),
        letter.to_owned(),
        record.way.word().to_owned(),
        u8::from(of.simulated).to_string(),
        record.stage.word().to_owned(),
        field(board, 64),
        field(of.slot.unwrap_or_default(), 64),
        field(of.project.unwrap_or_default(), 64),
        field(of.image.unwrap_or_default(), 64),
    ];
    fields.extend(SEGMENTS.map(segment));
    let who = &record.board;
    let names = [
        who.name.clone(),
        who.serial.map(|serial| serial.as_str().to_owned()),
        who.serial.map(|serial| serial.directory()),
        who.mac.map(|mac| mac.to_string()),
        Some(of.label.to_owned()),
    ];
    // The same reason of a hundred boards is one: what each is called is no part of it.
    fields.push(field(&without(record.ending.why().unwrap_or_default(), &names), LONGEST_WHY));
    fields.join("\t")
}

/// A tally with another slot.
pub(super) fn in_slot(tally: &str, slot: &str) -> String {
    let slot = field(slot, 64);
    let each = tally.split('\t').enumerate();
    each.map(|(n, text)| if n == SLOT { slot.as_str() } else { text }).collect::<Vec<_>>().join("\t")
}

impl Store {
    /// The tallies of the runs that began within a time, a line each, the newest ones where there are more than
    /// [`MOST_TALLIES`]. In no order.
    ///
    /// # Errors
    /// What the database says.
    pub async fn tallies(&self, since: Time, until: Time) -> Result<String, Error> {
        let join = match self.sort() {
            "postgres" => "string_agg(tally, $4)",
            _ => "group_concat(tally, $4)",
        };
        let sql = format!(
            "SELECT {join} FROM (SELECT tally FROM run WHERE started >= $1 AND started < $2 ORDER BY started DESC LIMIT $3) t"
        );
        let row = self.db.row(&sql, values![since, until, MOST_TALLIES, "\n"]).await?;
        Ok(row.map(|mut row| row.maybe_text()).transpose()?.flatten().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::Who;
    use crate::run::RunId;

    #[test]
    fn what_a_board_is_called_is_no_part_of_a_reason() {
        let why = |name: &str, serial: &str, why: &str| {
            let who = Who { name: Some(name.to_owned()), serial: serial.parse().ok(), ..Who::default() };
            let mut record =
                Record::begin(RunId::new(1), Way::Deploy, who, "2026-11-28T10:00:00Z".parse().unwrap());
            record.ending = crate::run::Ending::Lost { why: why.to_owned(), hint: None };
            let (board, slot, project, image, kind) = (None, None, None, None, None);
            let of = Of { board, label: name, slot, project, image, kind, simulated: false };
            super::of(&record, "lost", Some(1), of).split('\t').next_back().unwrap().to_owned()
        };
        let one = why("gateway-a", "10000000af04b2da", "gateway-a: 10000000af04b2da (af04b2da) is away");
        assert_eq!(one, "#: # (#) is away");
        assert_eq!(one, why("b7", "10000000cafe0001", "b7: 10000000cafe0001 (cafe0001) is away"));
        // A name within a word is none.
        assert_eq!(
            why("lost", "1", "it's lostness, alost, lost_ and lost"),
            "it's lostness, alost, lost_ and #"
        );
    }

    #[test]
    fn a_tally_gets_another_slot_and_keeps_the_rest() {
        let who = Who { name: Some("A1".into()), ..Who::default() };
        let record = Record::begin(RunId::new(1), Way::Deploy, who, "2026-11-28T10:00:00Z".parse().unwrap());
        let tally = |slot| {
            let (project, image) = (Some("A1"), Some("os"));
            let of = Of { board: None, label: "A1", slot, project, image, kind: None, simulated: false };
            super::of(&record, "done", Some(1), of)
        };
        for slot in [None, Some("A1"), Some("bench\t2")] {
            assert_eq!(in_slot(&tally(slot), "bench 2"), tally(Some("bench 2")));
        }
    }

    #[test]
    fn cards_in_a_reader_are_a_board_each_and_boards_that_are_known_are_one() {
        let board = |second: i8, way: Way, who: Who| {
            let started = format!("2026-11-28T10:00:0{second}Z").parse().unwrap();
            let record = Record::begin(RunId::new(1), way, who, started);
            let (board, slot, project, image, kind) = (None, None, None, None, None);
            let of = Of { board, label: "sdb", slot, project, image, kind, simulated: false };
            super::of(&record, "done", Some(1), of).split('\t').nth(6).unwrap().to_owned()
        };
        let nobody = Who::default;
        assert_ne!(board(1, Way::Deploy, nobody()), board(2, Way::Deploy, nobody()));
        assert_eq!(board(1, Way::Flash, nobody()), "sdb");
        let known = || Who { serial: Some("00000000d8e4a1f7".parse().unwrap()), ..Who::default() };
        assert_eq!(board(1, Way::Deploy, known()), board(2, Way::Deploy, known()));
    }
}
