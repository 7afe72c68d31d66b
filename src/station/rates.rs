//! How fast runs go: samples of what they tell, a bounded number for each. Pure: the time comes in.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::station_api::Time;

/// Samples of a run.
const MOST: usize = 120;
/// Runs that are followed at once.
const MOST_RUNS: usize = 2000;
/// Samples are at least so far apart, in milliseconds.
const APART: Time = 400;
/// What counts as now, in milliseconds.
const NOW: Time = 6000;

/// A sample: so many bytes of a stage were done at a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// When.
    pub at: Time,
    /// The stage, by its word.
    pub stage: String,
    /// Bytes of it that were done.
    pub done: u64,
}

/// The samples of one run, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Track {
    samples: Vec<Sample>,
    /// How far apart samples are now: it doubles each time that there are too many.
    apart: Time,
}

impl Track {
    fn note(&mut self, sample: Sample) {
        let apart = self.apart.max(APART);
        if let Some(last) = self.samples.last() {
            let same = last.stage == sample.stage;
            if same && (sample.at < last.at.saturating_add(apart) || sample.done < last.done) {
                return;
            }
        }
        self.samples.push(sample);
        if self.samples.len() > MOST {
            // Every other one goes, but the newest stays, and the first of each stage.
            let mut n = 0;
            let last = self.samples.len() - 1;
            let firsts: Vec<bool> = self
                .samples
                .iter()
                .enumerate()
                .map(|(at, sample)| at == 0 || self.samples[at - 1].stage != sample.stage)
                .collect();
            self.samples.retain(|_| {
                let keep = n % 2 == 0 || n == last || firsts[n];
                n += 1;
                keep
            });
            self.samples.truncate(MOST);
            self.apart = apart.saturating_mul(2);
        }
    }

    /// Bytes a second, lately, in the stage that it is in; `None` where that isn't known yet.
    #[must_use]
    pub fn rate(&self) -> Option<f64> {
        let last = self.samples.last()?;
        let same = self.samples.iter().rev().take_while(|sample| sample.stage == last.stage);
        let first = same.take_while(|sample| sample.at >= last.at.saturating_sub(NOW)).last()?;
        per_second(first, last)
    }

    /// The rates between samples, bytes a second each, with the time of each from the first sample on, in milliseconds.
    #[must_use]
    pub fn curve(&self) -> Vec<(Time, f64)> {
        curve(&self.samples)
    }

    /// As it is kept.
    #[must_use]
    pub fn samples(&self) -> &[Sample] {
        &self.samples
    }
}

fn per_second(first: &Sample, last: &Sample) -> Option<f64> {
    let time = last.at.saturating_sub(first.at);
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    (time > 0).then(|| last.done.saturating_sub(first.done) as f64 * 1000.0 / time as f64)
}

/// The rates between samples that were kept.
#[must_use]
pub fn curve(samples: &[Sample]) -> Vec<(Time, f64)> {
    let begun = samples.first().map_or(0, |first| first.at);
    let between = samples.windows(2).filter_map(|pair| match pair {
        [first, last] if first.stage == last.stage => {
            per_second(first, last).map(|rate| (last.at.saturating_sub(begun), rate))
        }
        _ => None,
    });
    between.collect()
}

/// The tracks of all runs that go on.
#[derive(Debug, Default)]
pub struct Rates {
    tracks: Mutex<HashMap<String, Track>>,
}

impl Rates {
    fn tracks(&self) -> std::sync::MutexGuard<'_, HashMap<String, Track>> {
        self.tracks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A run tells how far it is.
    pub fn note(&self, run: &str, sample: Sample) {
        let mut tracks = self.tracks();
        if tracks.len() >= MOST_RUNS && !tracks.contains_key(run) {
            // One that was not heard for longest: it has most probably ended without a word.
            let oldest = tracks.iter().min_by_key(|(_, track)| track.samples.last().map(|last| last.at));
            if let Some(oldest) = oldest.map(|(run, _)| run.clone()) {
                tracks.remove(&oldest);
            }
        }
        tracks.entry(run.to_owned()).or_default().note(sample);
    }

    /// The track of a run that goes on.
    #[must_use]
    pub fn of(&self, run: &str) -> Option<Track> {
        self.tracks().get(run).cloned()
    }

    /// A run has ended: its track, to be kept.
    #[must_use]
    pub fn end(&self, run: &str) -> Option<Track> {
        self.tracks().remove(run)
    }

    /// Bytes a second of these runs together.
    #[must_use]
    pub fn together<'a>(&self, runs: impl Iterator<Item = &'a str>) -> f64 {
        let tracks = self.tracks();
        runs.filter_map(|run| tracks.get(run)?.rate()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(at: Time, stage: &str, done: u64) -> Sample {
        Sample { at, stage: stage.to_owned(), done }
    }

    #[test]
    fn a_rate_is_that_of_the_last_seconds_of_this_stage() {
        let rates = Rates::default();
        assert_eq!(rates.of("r"), None);
        rates.note("r", sample(1000, "write", 0));
        assert_eq!(rates.of("r").unwrap().rate(), None);
        for second in 1..=20_u64 {
            let bytes = if second <= 10 { second * 100 } else { 1000 + (second - 10) * 10 };
            rates.note("r", sample(1000 + second as Time * 1000, "write", bytes));
        }
        assert_eq!(rates.of("r").unwrap().rate(), Some(10.0));
        // Another stage begins anew, and one that goes back isn't believed.
        rates.note("r", sample(30_000, "read-back", 0));
        assert_eq!(rates.of("r").unwrap().rate(), None);
        rates.note("r", sample(32_000, "read-back", 500));
        rates.note("r", sample(33_000, "read-back", 400));
        assert_eq!(rates.of("r").unwrap().rate(), Some(250.0));
        assert_eq!(rates.together(["r", "other"].into_iter()), 250.0);
        assert_eq!(rates.end("r").unwrap().curve().len(), 21);
        assert_eq!(rates.of("r"), None);
    }

    #[test]
    fn a_long_run_has_as_few_samples_as_a_short_one_and_keeps_its_ends() {
        let mut track = Track::default();
        for n in 0..100_000_u64 {
            track.note(sample(n as Time * 500, "write", n));
        }
        assert!(track.samples.len() <= MOST && track.samples.len() > MOST / 4);
        assert_eq!(track.samples[0].at, 0);
        assert!(track.samples.windows(2).all(|pair| pair[0].at < pair[1].at));
        for (_, rate) in track.curve() {
            assert!((rate - 2.0).abs() < 1e-9);
        }
    }

    #[test]
    fn so_many_runs_are_followed_and_no_more() {
        let rates = Rates::default();
        for n in 0..MOST_RUNS + 10 {
            rates.note(&n.to_string(), sample(n as Time, "write", 0));
        }
        assert_eq!(rates.tracks().len(), MOST_RUNS);
        assert!(rates.of("0").is_none() && rates.of(&(MOST_RUNS + 9).to_string()).is_some());
    }
}
