//! Spreads, shares, bins and reasons. Pure.

use crate::station::store::LONGEST_WHY;
use crate::station_api::{Bin, Spread, Time};

/// Bins at most.
const BINS: Time = 14;
/// Steps that people can read, in seconds.
const STEPS: [Time; 15] = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600];

/// The value below which this many of a thousand lie. Moves what is in `all`.
fn at(all: &mut [Time], thousandths: usize) -> Option<Time> {
    let place = (all.len().checked_sub(1)? * thousandths + 500) / 1000;
    Some(*all.select_nth_unstable(place).1)
}

pub(super) fn spread(all: &mut [Time]) -> Option<Spread> {
    Some(Spread { quick: at(all, 100)?, median: at(all, 500)?, slow: at(all, 900)? })
}

/// The times in steps that people can read; the last hundredth together in one bin without an end.
pub(super) fn bins(all: &mut [Time]) -> Vec<Bin> {
    let (Some(least), Some(most)) = (all.iter().min().copied(), at(all, 990)) else { return Vec::new() };
    let length = STEPS.iter().map(|step| step * 1000).find(|step| (most - least) / step < BINS - 2);
    let length = length.unwrap_or_else(|| ((most - least) / (BINS - 2) + 1).max(1));
    let first = least.max(0) / length * length;
    let count = usize::try_from((most - first) / length + 2).unwrap_or(1).min(64);
    let mut runs = vec![0_u64; count];
    for time in all {
        let bin = usize::try_from((*time - first).max(0) / length).unwrap_or(usize::MAX).min(count - 1);
        if let Some(bin) = runs.get_mut(bin) {
            *bin += 1;
        }
    }
    if runs.last() == Some(&0) {
        runs.pop();
    }
    let ends = runs.len() < count;
    let last = runs.len().saturating_sub(1);
    let bin = |(at, runs): (usize, u64)| {
        let from = first + length * Time::try_from(at).unwrap_or_default();
        Bin { from, to: (ends || at < last).then_some(from + length), runs }
    };
    runs.into_iter().enumerate().map(bin).collect()
}

/// Between which shares the true one lies, with 95 % certainty (E. B. Wilson, 1927).
#[expect(clippy::cast_precision_loss, reason = "runs are few")]
pub(super) fn wilson(failed: u64, of: u64) -> (f64, f64) {
    const Z: f64 = 1.96;
    if of == 0 {
        return (0.0, 1.0);
    }
    let (n, share) = (of as f64, failed as f64 / of as f64);
    let middle = (share + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
    let half = Z / (1.0 + Z * Z / n) * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    ((middle - half).max(0.0), (middle + half).min(1.0))
}

/// A reason with `#` for its numbers, and the longest part of it without one. What its board is called is `#` already in its
/// tally.
pub(super) fn reason(why: &str) -> (String, String) {
    let mut text = String::with_capacity(why.len());
    for (at, word) in why.split(' ').enumerate() {
        if at > 0 {
            text.push(' ');
        }
        // A serial number is called by name: `af04b2da: the disk is full`, `(10000000af04b2da)`.
        let bare = word.trim_matches(|char: char| char.is_ascii_punctuation());
        let digest = bare.len() >= 8 && bare.bytes().all(|byte| byte.is_ascii_hexdigit());
        if digest && let Some((before, behind)) = word.split_once(bare) {
            text.push_str(before);
            text.push('#');
            text.push_str(behind);
            continue;
        }
        let mut number = false;
        for char in word.chars() {
            let digit = char.is_ascii_digit();
            match (digit, number) {
                (true, false) => text.push('#'),
                (true, true) => {}
                (false, _) => text.push(char),
            }
            number = digit;
        }
    }
    // A tally has so much of a reason: what was cut off shows.
    if why.chars().count() >= LONGEST_WHY {
        let whole = text.rfind(' ').unwrap_or(text.len());
        text.truncate(whole);
        let part = longest(&text);
        return (text + " …", part);
    }
    let part = longest(&text);
    (text, part)
}

fn longest(text: &str) -> String {
    text.split('#').map(str::trim).max_by_key(|part| part.len()).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spreads_are_values_that_were_there() {
        assert_eq!(spread(&mut []), None);
        assert_eq!(spread(&mut [7]), Some(Spread { quick: 7, median: 7, slow: 7 }));
        let mut all: Vec<Time> = (1..=101).rev().collect();
        assert_eq!(spread(&mut all), Some(Spread { quick: 11, median: 51, slow: 91 }));
    }

    #[test]
    fn every_run_is_in_one_bin() {
        for all in
            [vec![0], vec![90_000; 50], (0..5000).map(|n| n * 37).collect(), vec![1, 1 << 50], vec![-5, 3]]
        {
            let found = bins(&mut all.clone());
            assert!((1..=64).contains(&found.len()), "{found:?}");
            assert_eq!(found.iter().map(|bin| bin.runs).sum::<u64>(), all.len() as u64, "{found:?}");
            assert!(found.windows(2).all(|two| two[0].to == Some(two[1].from)), "{found:?}");
        }
        // One in two hundred that took an hour makes no long picture.
        let mut all = vec![61_000; 200];
        all.push(3_600_000);
        assert_eq!(bins(&mut all).last().unwrap().to, None);
    }

    #[test]
    fn shares_have_the_span_that_tables_have() {
        let (low, high) = wilson(26, 302);
        assert!((low - 0.0594).abs() < 0.001 && (high - 0.1232).abs() < 0.001, "{low} {high}");
        assert_eq!(wilson(0, 0), (0.0, 1.0));
        assert!(wilson(0, 20).0 < 0.001 && wilson(20, 20).1 > 0.999);
    }

    #[test]
    fn reasons_that_differ_by_numbers_are_one() {
        assert_eq!(reason("chunk 611 differs"), ("chunk # differs".into(), "differs".into()));
        assert_eq!(
            reason("at 12.5 s: deadbeef01 isn't cafe"),
            ("at #.# s: # isn't cafe".into(), "isn't cafe".into())
        );
        // Numbers of boards, as their makers give them.
        for why in ["af04b2da: no disk", "10000000af04b2db: no disk", "#: no disk"] {
            assert_eq!(reason(why).0, "#: no disk");
        }
        assert_eq!(reason("(af04b2da), deadbeef. abcdefab:x").0, "(#), #. abcdefab:x");
        assert_eq!(reason("a face is decade").0, "a face is decade");
        assert_eq!(reason(""), (String::new(), String::new()));
        let cut = "a sentence ".repeat(8).chars().take(LONGEST_WHY).collect::<String>();
        assert_eq!(reason(&cut).0, format!("{}a …", "a sentence ".repeat(7)));
    }
}
