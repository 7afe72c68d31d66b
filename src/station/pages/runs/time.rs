//! Where the time of a run went. Pure.

use std::fmt::Write as _;

use crate::run::{Record, Stage};
use crate::station::rates::Sample;
use crate::station_api::Time;

/// A step, with each time that the run was in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) words: String,
    /// Start and length, in thousandths of the whole.
    pub(super) bars: Vec<(i64, i64)>,
    /// In milliseconds.
    pub(super) took: Time,
    pub(super) began: Time,
    /// The run ended in it.
    pub(super) last: bool,
}

/// A step of no length is seen too: thousandths of the whole.
const LEAST: i64 = 6;

/// The steps of a run until `end`, by what its record says; of a record of before, by its samples.
pub(super) fn steps(record: &Record, samples: &[Sample], end: Time) -> Vec<Step> {
    let begin = record.started.as_millisecond();
    let mut entered: Vec<(String, Time)> =
        record.stages.iter().map(|step| (step.stage.word().to_owned(), step.at.as_millisecond())).collect();
    if entered.len() < 2 {
        for sample in samples {
            if entered.last().is_none_or(|(stage, _)| *stage != sample.stage) {
                entered.push((sample.stage.clone(), sample.at));
            }
        }
    }
    let whole = end.saturating_sub(begin).max(1);
    let mut steps: Vec<Step> = Vec::new();
    for (at, (stage, began)) in entered.iter().enumerate() {
        let until = entered.get(at + 1).map_or(end, |(_, next)| *next).min(end);
        let took = until.saturating_sub(*began).max(0);
        let last = at + 1 == entered.len();
        // The end itself takes no time.
        if stage == Stage::Done.word() && took == 0 {
            continue;
        }
        let start = (began.saturating_sub(begin).max(0) * 1000 / whole).min(1000 - LEAST);
        let bar = (start, (took * 1000 / whole).clamp(LEAST, 1000 - start));
        let words = stage.replace('-', " ");
        match steps.iter_mut().find(|step| step.words == words) {
            Some(step) => {
                step.bars.push(bar);
                step.took += took;
                step.last |= last;
            }
            None => steps.push(Step { words, bars: vec![bar], took, began: *began, last }),
        }
    }
    steps
}

/// The mean rate of a stage, in bytes a second.
pub(super) fn mean(samples: &[Sample], stage: Stage) -> Option<f64> {
    let mut of = samples.iter().filter(|sample| sample.stage == stage.word());
    let first = of.next()?;
    let last = of.next_back()?;
    let time = last.at.checked_sub(first.at).filter(|time| *time > 0)?;
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    let rate = last.done.checked_sub(first.done)? as f64 * 1000.0 / time as f64;
    (rate >= 1.0).then_some(rate)
}

/// Seconds of a step: `92.4 s`, or minutes where there are many.
pub(super) fn took(time: Time) -> String {
    if time >= 600_000 {
        return super::super::words::minutes(time);
    }
    if time < 1000 {
        return format!("{} ms", time.max(0));
    }
    let mut text = String::new();
    // Writing to a text doesn't fail.
    let _ = write!(text, "{}.{} s", time / 1000, time % 1000 / 100);
    text
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::board::Who;
    use crate::run::{RunId, Way};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_764_324_000 + seconds).unwrap()
    }

    #[test]
    fn each_step_has_its_time_and_one_that_comes_twice_is_one_line() {
        let mut record = Record::begin(RunId::new(1), Way::Deploy, Who::named("a"), at(0));
        for (stage, seconds) in [
            (Stage::Write, 10),
            (Stage::ReadBack, 60),
            (Stage::Write, 80),
            (Stage::ReadBack, 90),
            (Stage::Done, 100),
        ] {
            record.enter(stage, at(seconds));
        }
        let steps = steps(&record, &[], at(100).as_millisecond());
        let seen: Vec<_> =
            steps.iter().map(|step| (step.words.as_str(), step.took, step.bars.clone())).collect();
        assert_eq!(
            seen,
            [
                ("resolve", 10_000, vec![(0, 100)]),
                ("write", 60_000, vec![(100, 500), (800, 100)]),
                ("read back", 30_000, vec![(600, 200), (900, 100)]),
            ]
        );
        assert_eq!((took(92_450), took(96)), ("92.4 s".to_owned(), "96 ms".to_owned()));
    }

    #[test]
    fn a_record_of_before_is_drawn_by_its_samples_and_a_clock_that_was_set_breaks_nothing() {
        let mut record = Record::begin(RunId::new(1), Way::Deploy, Who::named("a"), at(0));
        record.stages.clear();
        let sample = |seconds, stage: &str, done| Sample {
            at: at(seconds).as_millisecond(),
            stage: stage.into(),
            done,
        };
        let samples = [sample(2, "write", 0), sample(12, "write", 1000), sample(13, "read-back", 0)];
        let drawn = steps(&record, &samples, at(20).as_millisecond());
        assert_eq!(drawn.iter().map(|step| step.took).collect::<Vec<_>>(), [11_000, 7000]);
        assert_eq!(mean(&samples, Stage::Write), Some(100.0));
        assert_eq!(mean(&samples, Stage::ReadBack), None);
        for step in steps(&record, &samples, at(-1000).as_millisecond()) {
            assert!(
                step.took >= 0
                    && step.bars.iter().all(|(from, length)| from + length <= 1000 && *length >= LEAST)
            );
        }
    }
}
