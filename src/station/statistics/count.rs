//! Tallies are counted. Pure.

use std::collections::HashMap;

use super::Day;
use super::figures::{bins, reason, spread, wilson};
use crate::run::Stage;
use crate::station::store::SEGMENTS;
use crate::station_api::{
    Boards, DayFigures, Reason, SegmentFigures, SlotFigures, Statistics, StatisticsAsked, Time,
};

/// Reasons that are told.
const REASONS: usize = 20;
/// Slots that are told; a board's record may name any.
const SLOTS: usize = 500;

/// A run, as its tally has it.
struct Tally<'a> {
    started: Time,
    took: Option<Time>,
    ended: Ended,
    simulated: bool,
    stage: &'a str,
    board: &'a str,
    slot: &'a str,
    spent: [Option<Time>; 5],
    why: &'a str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Ended {
    Done,
    NotVerified,
    Failed,
    Lost,
    Cancelled,
    Not,
}

impl Ended {
    /// Whether it counts, and whether it was good.
    const fn good(self) -> Option<bool> {
        match self {
            Self::Done | Self::NotVerified => Some(true),
            Self::Failed | Self::Lost => Some(false),
            Self::Cancelled | Self::Not => None,
        }
    }
}

/// A line, where it is one that is asked for. What is no tally, as of a newer version, isn't counted.
fn read<'a>(line: &'a str, asked: &StatisticsAsked) -> Option<Tally<'a>> {
    let mut fields = line.split('\t');
    let mut next = || fields.next();
    let number = |text: &str| text.parse::<Time>().ok();
    let (started, took, ended, way) = (next()?, next()?, next()?, next()?);
    if !matches!(way, "deploy" | "flash") {
        return None;
    }
    let (simulated, stage, board, slot) = (next()?, next()?, next()?, next()?);
    let (project, image) = (next()?, next()?);
    let is = |asked: &Option<String>, got: &str| asked.as_ref().is_none_or(|asked| asked == got);
    if !is(&asked.slot, slot) || !is(&asked.project, project) || !is(&asked.image, image) {
        return None;
    }
    let mut spent = [None; 5];
    for place in &mut spent {
        *place = number(next()?);
    }
    Some(Tally {
        started: number(started)?,
        took: number(took).filter(|took| *took >= 0),
        ended: match ended {
            "d" => Ended::Done,
            "n" => Ended::NotVerified,
            "f" => Ended::Failed,
            "l" => Ended::Lost,
            "c" => Ended::Cancelled,
            _ => Ended::Not,
        },
        simulated: simulated == "1",
        stage,
        board,
        slot,
        spent,
        why: next()?,
    })
}

/// What became of a board: whether its first and its last run were good.
type Ends = (bool, bool);

fn boards(ends: impl Iterator<Item = Ends>) -> Boards {
    ends.fold(Boards::default(), |sum, (first, last)| Boards {
        tried: sum.tried + 1,
        good: sum.good + u64::from(last),
        first_pass: sum.first_pass + u64::from(first),
    })
}

#[derive(Default)]
struct OfDay<'a> {
    boards: HashMap<&'a str, Ends>,
    failed: u64,
    times: Vec<Time>,
}

#[derive(Default)]
struct OfSlot {
    runs: u64,
    failed: u64,
    times: Vec<Time>,
}

/// Counts the lines. `days` are in order; `bench` is the order of slots. How many lines there were stands beside it.
pub(super) fn count(
    tallies: &str,
    asked: &StatisticsAsked,
    days: &[Day],
    bench: &[String],
) -> (Statistics, u64) {
    let mut lines = 0;
    let mut all: Vec<Tally<'_>> =
        tallies.lines().inspect(|_| lines += 1).filter_map(|line| read(line, asked)).collect();
    all.sort_by_key(|tally| tally.started);
    let mut found = Statistics::default();
    let mut of_board: HashMap<&str, Ends> = HashMap::new();
    let mut of_day: Vec<OfDay<'_>> = days.iter().map(|_| OfDay::default()).collect();
    let mut of_slot: HashMap<&str, OfSlot> = HashMap::new();
    let mut of_segment: [(u64, Vec<Time>); 5] = Default::default();
    let mut reasons: HashMap<(String, String, &str, WasLost), u64> = HashMap::new();
    let mut times = Vec::new();
    for tally in &all {
        found.runs += 1;
        found.simulated += u64::from(tally.simulated);
        *match tally.ended {
            Ended::Done => &mut found.done,
            Ended::NotVerified => &mut found.not_verified,
            Ended::Failed => &mut found.failed,
            Ended::Lost => &mut found.lost,
            Ended::Cancelled => &mut found.cancelled,
            Ended::Not => &mut found.unfinished,
        } += 1;
        let Some(good) = tally.ended.good() else { continue };
        let failed = u64::from(!good);
        let time = tally.took.filter(|_| good);
        times.extend(time);
        of_board.entry(tally.board).and_modify(|ends| ends.1 = good).or_insert((good, good));
        let day = days.partition_point(|(_, begins)| *begins <= tally.started).checked_sub(1);
        if let Some(day) = day.and_then(|day| of_day.get_mut(day)) {
            day.boards.entry(tally.board).and_modify(|ends| ends.1 = good).or_insert((good, good));
            day.failed += failed;
            day.times.extend(time);
        }
        let slot = of_slot.entry(tally.slot).or_default();
        slot.runs += 1;
        slot.failed += failed;
        slot.times.extend(time);
        if good {
            for (segment, spent) in of_segment.iter_mut().zip(tally.spent) {
                segment.1.extend(spent);
            }
            continue;
        }
        let stage = Stage::ALL.iter().find(|stage| stage.word() == tally.stage);
        let place = stage.and_then(|stage| SEGMENTS.iter().position(|segment| *segment == stage.segment()));
        if let Some(segment) = place.and_then(|place| of_segment.get_mut(place)) {
            segment.0 += 1;
        }
        let (why, part) = reason(tally.why);
        let lost = WasLost(tally.ended == Ended::Lost);
        *reasons.entry((why, part, tally.stage, lost)).or_default() += 1;
    }
    found.boards = boards(of_board.into_values());
    found.time = spread(&mut times);
    found.times = bins(&mut times);
    found.days = days
        .iter()
        .zip(of_day)
        .map(|((day, _), mut of)| DayFigures {
            day: day.clone(),
            boards: boards(of.boards.into_values()),
            failed: of.failed,
            time: spread(&mut of.times),
        })
        .collect();
    found.slots = slots(of_slot, bench);
    found.segments = SEGMENTS
        .iter()
        .zip(of_segment)
        .map(|(segment, (failed, mut times))| SegmentFigures {
            segment: segment.word().to_owned(),
            failed,
            time: spread(&mut times),
        })
        .collect();
    found.reasons = top(reasons);
    (found, lines)
}

/// Whether runs were lost instead of failed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct WasLost(bool);

fn top(reasons: HashMap<(String, String, &str, WasLost), u64>) -> Vec<Reason> {
    let mut all: Vec<_> = reasons.into_iter().collect();
    all.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    let reason = |((why, part, stage, lost), runs): ((String, String, &str, WasLost), u64)| Reason {
        why,
        part,
        stage: stage.to_owned(),
        outcome: if lost.0 { "lost" } else { "failed" }.to_owned(),
        runs,
    };
    all.into_iter().take(REASONS).map(reason).collect()
}

fn slots(of_slot: HashMap<&str, OfSlot>, bench: &[String]) -> Vec<SlotFigures> {
    let (runs, failed) = of_slot.values().fold((0, 0), |sum, slot| (sum.0 + slot.runs, sum.1 + slot.failed));
    let mut all: Vec<_> = of_slot.into_iter().collect();
    let place = |slot: &str| bench.iter().position(|other| other == slot).unwrap_or(usize::MAX);
    // Where nobody knows the slot stands last.
    all.sort_by_key(|(slot, _)| (slot.is_empty(), place(slot), (*slot).to_owned()));
    let figures = |(slot, mut of): (&str, OfSlot)| {
        let (low, high) = wilson(of.failed, of.runs);
        let others = wilson(failed - of.failed, runs - of.runs);
        SlotFigures {
            slot: slot.to_owned(),
            runs: of.runs,
            failed: of.failed,
            low,
            high,
            stands_out: !slot.is_empty() && of.failed >= 3 && runs > of.runs && low > others.1,
            time: spread(&mut of.times),
        }
    };
    all.into_iter().take(SLOTS).map(figures).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(started: Time, took: &str, ended: &str, board: &str, slot: &str, why: &str) -> String {
        let stage = if why.is_empty() { "done" } else { "write" };
        format!(
            "{started}\t{took}\t{ended}\tdeploy\t0\t{stage}\t{board}\t{slot}\tp\timg\t1\t2\t3\t4\t5\t{why}"
        )
    }

    fn day(name: &str, begins: Time) -> Day {
        (name.to_owned(), begins)
    }

    #[test]
    fn a_board_counts_once_and_its_first_and_last_run_say_how() {
        let lines = [
            line(150, "9", "d", "b1", "A", ""),
            line(110, "5", "f", "b1", "A", "chunk 1 differs"),
            line(120, "", "u", "b2", "B", ""),
            line(130, "5", "c", "b2", "B", "stopped"),
            line(210, "7", "n", "b2", "B", ""),
            line(220, "7", "d", "b3", "B", ""),
            line(230, "7", "l", "b3", "B", "chunk 99 differs"),
            "1\t2\td\tbackup\t0\tdone\tb\ts\tp\ti\t\t\t\t\t\t".to_owned(),
            "of a newer version".to_owned(),
        ];
        let days = [day("one", 100), day("two", 200), day("three", 300)];
        let bench = ["B".to_owned(), "A".to_owned()];
        let (found, lines) = count(&lines.join("\n"), &StatisticsAsked::default(), &days, &bench);
        assert_eq!(lines, 9);
        assert_eq!((found.runs, found.done, found.not_verified, found.failed), (7, 2, 1, 1));
        assert_eq!((found.lost, found.cancelled, found.unfinished), (1, 1, 1));
        assert_eq!(found.boards, Boards { tried: 3, good: 2, first_pass: 2 });
        assert_eq!(found.days[0].boards, Boards { tried: 1, good: 1, first_pass: 0 });
        assert_eq!(found.days[1].boards, Boards { tried: 2, good: 1, first_pass: 2 });
        assert_eq!((found.days[2].boards, found.days[2].time), (Boards::default(), None));
        let slots: Vec<_> =
            found.slots.iter().map(|slot| (slot.slot.as_str(), slot.runs, slot.failed)).collect();
        assert_eq!(slots, [("B", 3, 1), ("A", 2, 1)]);
        let segments: Vec<_> = found.segments.iter().map(|of| (of.segment.as_str(), of.failed)).collect();
        assert_eq!(segments, [("seen", 0), ("boot", 0), ("write", 2), ("read-back", 0), ("finish", 0)]);
        assert_eq!(found.segments[3].time.unwrap().median, 4);
        let reasons: Vec<_> =
            found.reasons.iter().map(|why| (why.why.as_str(), why.outcome.as_str(), why.runs)).collect();
        assert_eq!(reasons, [("chunk # differs", "failed", 1), ("chunk # differs", "lost", 1)]);
        let only = StatisticsAsked { slot: Some("A".into()), ..StatisticsAsked::default() };
        assert_eq!(
            count(
                &[line(1, "1", "d", "b", "A", ""), line(1, "1", "d", "b", "B", "")].join("\n"),
                &only,
                &days,
                &bench
            )
            .0
            .runs,
            1
        );
    }

    #[test]
    fn one_slot_stands_out_only_where_that_is_no_chance() {
        let many = |slot: &str, runs: usize, failed: usize| -> Vec<String> {
            let ended = |n: usize| if n < failed { ("f", "x") } else { ("d", "") };
            (0..runs).map(|n| line(1, "1", ended(n).0, &format!("{slot}{n}"), slot, ended(n).1)).collect()
        };
        let out = |a: (usize, usize), b: (usize, usize)| -> Vec<bool> {
            let lines = [many("A", a.0, a.1), many("B", b.0, b.1)].concat().join("\n");
            let (found, _) = count(&lines, &StatisticsAsked::default(), &[day("one", 0)], &[]);
            found.slots.iter().map(|slot| slot.stands_out).collect()
        };
        assert_eq!(out((300, 26), (300, 3)), [true, false]);
        assert_eq!(out((10, 2), (300, 3)), [false, false]);
        assert_eq!(out((50, 5), (50, 5)), [false, false]);
    }
}
