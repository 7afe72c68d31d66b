//! Rules: which project a board gets that comes by itself. Pure.

use crate::board::Mac;
use crate::format::{size, size_exact};
use crate::station_api::{Again, Board, JobState, Matching, Rule, RuleTest, RuleWhy};

/// Why a board isn't what a rule wants, a line each; empty where it is.
#[must_use]
pub fn why_not(matching: &Matching, board: &Board) -> Vec<String> {
    let mut why = Vec::new();
    let mut text = |what: &str, pattern: &Option<String>, have: Vec<String>| {
        let Some(pattern) = pattern else { return };
        if have.iter().any(|have| fits(pattern, have)) {
            return;
        }
        why.push(match &have[..] {
            [] => format!("its {what} isn't known, and should be {pattern}"),
            have => format!("its {what} is {}, not {pattern}", have.join(", ")),
        });
    };
    // A boot ROM tells the last eight digits only; a pattern for those counts for the long form too.
    let serials = board.serial.map(|serial| vec![serial.as_str().to_owned(), serial.directory()]);
    let mut serials = serials.unwrap_or_default();
    serials.dedup();
    text("serial number", &matching.serial, serials);
    text("address", &matching.mac, board.macs.iter().map(ToString::to_string).collect());
    text("slot", &matching.slot, board.slot.iter().cloned().collect());
    let model = matching.model.as_ref().map(|part| format!("*{part}*"));
    text("model", &model, board.model.iter().cloned().collect());

    why.extend(not_listed(matching, board));
    why.extend(not_in_range(matching, board));

    let mut number = |what: &str, least: Option<u64>, most: Option<u64>, have: Option<u64>| {
        if least.is_none() && most.is_none() {
            return;
        }
        match have {
            None => why.push(format!("its {what} isn't known")),
            Some(have) => {
                let less = least.filter(|least| have < *least).map(|least| ("less", least));
                let more = most.filter(|most| have > *most).map(|most| ("more", most));
                if let Some((word, limit)) = less.or(more) {
                    let (have, limit) = sizes(have, limit);
                    why.push(format!("its {what} is {have}, {word} than {limit}"));
                }
            }
        }
    };
    number("memory", matching.memory_min, matching.memory_max, board.memory);
    let largest = board.disks.iter().map(|disk| disk.size).max();
    number("largest disk", matching.storage_min, matching.storage_max, largest);
    why
}

/// Why its serial number isn't among those of a list. A board that has told eight digits only counts as the one that ends so.
fn not_listed(matching: &Matching, board: &Board) -> Option<String> {
    if matching.serials.is_empty() {
        return None;
    }
    let Some(serial) = board.serial else { return Some("its serial number isn't known".to_owned()) };
    let short = serial.directory();
    let is = |known: &String| known == serial.as_str() || *known == short;
    let none = !matching.serials.iter().any(is);
    none.then(|| format!("its serial number {serial} isn't among the {} listed", matching.serials.len()))
}

/// Why none of its addresses is within a range.
fn not_in_range(matching: &Matching, board: &Board) -> Option<String> {
    let (from, to) = (matching.mac_from, matching.mac_to);
    if from.is_none() && to.is_none() {
        return None;
    }
    let is = |mac: &&Mac| from.is_none_or(|from| **mac >= from) && to.is_none_or(|to| **mac <= to);
    if board.macs.iter().any(|mac| is(&mac)) {
        return None;
    }
    let range = range_of(from, to);
    Some(match &board.macs[..] {
        [] => format!("its address isn't known, and should be {range}"),
        macs => {
            let macs: Vec<_> = macs.iter().map(ToString::to_string).collect();
            format!("its address is {}, not {range}", macs.join(", "))
        }
    })
}

/// A range of addresses in words.
#[must_use]
pub fn range_of(from: Option<Mac>, to: Option<Mac>) -> String {
    match (from, to) {
        (Some(from), Some(to)) => format!("from {from} to {to}"),
        (Some(from), None) => format!("from {from} on"),
        (None, Some(to)) => format!("up to {to}"),
        (None, None) => "any".to_owned(),
    }
}

/// Two sizes that differ, so that it is seen: three digits may not show it.
fn sizes(one: u64, other: u64) -> (String, String) {
    let write = if one.abs_diff(other) < one / 50 { size_exact } else { size };
    (write(one), write(other))
}

/// Whether a text is what a pattern says, in any case of letters: `*` stands for any characters. It takes the time of
/// both lengths multiplied at most.
#[must_use]
pub fn fits(pattern: &str, text: &str) -> bool {
    let lower = |text: &str| text.chars().flat_map(char::to_lowercase).collect::<Vec<_>>();
    let (pattern, text) = (lower(pattern), lower(text));
    let (mut at, mut from) = (0, 0);
    // Where the newest star stands, and how much it covers so far.
    let mut star = None;
    while from < text.len() {
        if pattern.get(at) == Some(&'*') {
            star = Some((at, from));
            at += 1;
        } else if pattern.get(at) == text.get(from) {
            (at, from) = (at + 1, from + 1);
        } else if let Some((place, covered)) = star {
            star = Some((place, covered + 1));
            (at, from) = (place + 1, covered + 1);
        } else {
            return false;
        }
    }
    pattern.iter().skip(at).all(|char| *char == '*')
}

/// The first rule that matches.
#[must_use]
pub fn first<'a>(rules: &'a [Rule], board: &Board) -> Option<&'a Rule> {
    rules.iter().find(|rule| why_not(&rule.matching, board).is_empty())
}

/// What each rule says of a board, and what happens.
#[must_use]
pub fn test(rules: &[Rule], board: &Board) -> RuleTest {
    let why = |rule: &Rule| RuleWhy { rule: rule.name.clone(), why_not: why_not(&rule.matching, board) };
    RuleTest {
        rules: rules.iter().map(why).collect(),
        what: first(rules, board).map(|rule| rule.what.clone()),
        but: Vec::new(),
        eeprom: None,
    }
}

/// What a rule does with a board that comes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// It starts.
    Start,
    /// Nothing: the same was done before.
    Skip,
    /// A person decides.
    Ask,
}

/// `before`: how the newest job of the same kind ended for this board.
///
/// What failed isn't tried again by itself: a board that fails and starts again would never end.
#[must_use]
pub const fn turn(again: Again, before: Option<JobState>) -> Turn {
    match (before, again) {
        (None, _) => Turn::Start,
        (Some(JobState::Done | JobState::NotVerified | JobState::Finishing), Again::Skip) => Turn::Skip,
        (Some(JobState::Done | JobState::NotVerified | JobState::Finishing), Again::Again) => Turn::Start,
        (Some(_), _) => Turn::Ask,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::station_api::What;

    fn board() -> Board {
        serde_json::from_str(
            r#"{"id":"1","serial":"10000000af04b2da","macs":["dc:a6:32:01:02:03"],
                "model":"Raspberry Pi Compute Module 4 Rev 1.1","memory":4294967296,
                "disks":[{"name":"mmcblk0","role":"emmc","size":31268536320}],
                "enrolment":"enrolled","held":"armed","slot":"A-03","first_seen":0,"last_seen":0}"#,
        )
        .unwrap()
    }

    fn matching(text: &str) -> Matching {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn each_condition_and_why_it_does_not_hold() {
        for (text, why) in [
            ("{}", ""),
            (r#"{"serial":"10000000af04b2da"}"#, ""),
            (r#"{"serial":"AF04*"}"#, ""),
            (r#"{"serial":"10000000*"}"#, ""),
            (r#"{"serial":"af04b2db"}"#, "its serial number is 10000000af04b2da, af04b2da, not af04b2db"),
            (r#"{"mac":"dc:a6:32:*"}"#, ""),
            (r#"{"mac":"b8:27:eb:*"}"#, "its address is dc:a6:32:01:02:03, not b8:27:eb:*"),
            (r#"{"serials":["10000000af04b2db","af04b2da"]}"#, ""),
            (r#"{"serials":["10000000af04b2da"]}"#, ""),
            (
                r#"{"serials":["10000000af04b2db","00000001"]}"#,
                "its serial number 10000000af04b2da isn't among the 2 listed",
            ),
            (r#"{"mac_from":"dc:a6:32:01:02:03","mac_to":"dc:a6:32:01:02:03"}"#, ""),
            (r#"{"mac_from":"dc:a6:32:00:00:00"}"#, ""),
            (
                r#"{"mac_from":"dc:a6:32:01:02:04"}"#,
                "its address is dc:a6:32:01:02:03, not from dc:a6:32:01:02:04 on",
            ),
            (
                r#"{"mac_from":"dc:a6:32:00:00:00","mac_to":"dc:a6:32:01:02:02"}"#,
                "its address is dc:a6:32:01:02:03, not from dc:a6:32:00:00:00 to dc:a6:32:01:02:02",
            ),
            (r#"{"model":"module 4"}"#, ""),
            (r#"{"model":"Pi 5"}"#, "its model is Raspberry Pi Compute Module 4 Rev 1.1, not *Pi 5*"),
            (r#"{"slot":"A-*"}"#, ""),
            (r#"{"slot":"B-*"}"#, "its slot is A-03, not B-*"),
            (r#"{"memory_min":4294967296,"memory_max":4294967296}"#, ""),
            (
                r#"{"memory_min":4294967297}"#,
                "its memory is 4 GiB (4294967296 bytes), less than 4.00 GiB (4294967297 bytes)",
            ),
            (
                r#"{"storage_max":31268536319}"#,
                "its largest disk is 29.1 GiB (31268536320 bytes), more than 29.1 GiB (31268536319 bytes)",
            ),
            (r#"{"memory_max":1}"#, "its memory is 4 GiB, more than 1 byte"),
            (r#"{"storage_min":1,"storage_max":31268536320}"#, ""),
            (r#"{"storage_min":64000000000}"#, "its largest disk is 29.1 GiB, less than 59.6 GiB"),
            (
                r#"{"slot":"B-*","memory_max":1}"#,
                "its slot is A-03, not B-*|its memory is 4 GiB, more than 1 byte",
            ),
        ] {
            assert_eq!(why_not(&matching(text), &board()).join("|"), why, "{text}");
        }
        let unknown = Board { serial: None, slot: None, memory: None, disks: Vec::new(), ..board() };
        assert_eq!(
            why_not(&matching(r#"{"serial":"*","slot":"*","memory_min":1,"storage_max":1}"#), &unknown)
                .join("|"),
            "its serial number isn't known, and should be *|its slot isn't known, and should be *|\
             its memory isn't known|its largest disk isn't known"
        );
    }

    #[test]
    fn the_first_rule_that_matches_counts_and_the_others_say_why_not() {
        let rule = |name: &str, matching_text: &str, what| Rule {
            name: name.into(),
            position: 0,
            matching: matching(matching_text),
            what,
            matched: 0,
            last: None,
        };
        let rules = [
            rule("fives", r#"{"model":"Pi 5"}"#, What::Wait),
            rule("modules", r#"{"model":"Module"}"#, What::Backup),
            rule("all", "{}", What::Wait),
        ];
        assert_eq!(first(&rules, &board()).map(|rule| rule.name.as_str()), Some("modules"));
        let test = test(&rules, &board());
        assert_eq!(test.what, Some(What::Backup));
        assert_eq!(test.rules.iter().map(|rule| rule.why_not.len()).collect::<Vec<_>>(), [1, 0, 0]);
        assert_eq!(first(&rules[..1], &board()), None);
    }

    #[test]
    fn what_was_done_before_decides() {
        use JobState as S;
        for (again, before, expected) in [
            (Again::Skip, None, Turn::Start),
            (Again::Ask, None, Turn::Start),
            (Again::Skip, Some(S::Done), Turn::Skip),
            (Again::Skip, Some(S::NotVerified), Turn::Skip),
            (Again::Ask, Some(S::Done), Turn::Ask),
            (Again::Again, Some(S::Done), Turn::Start),
            (Again::Again, Some(S::Failed), Turn::Ask),
            (Again::Again, Some(S::Cancelled), Turn::Ask),
            (Again::Skip, Some(S::Lost), Turn::Ask),
        ] {
            assert_eq!(turn(again, before), expected, "{again:?} {before:?}");
        }
    }

    proptest! {
        #[test]
        fn a_text_fits_itself_and_any_pattern_made_of_it(text in "[a-f0-9:]{0,20}", at in 0usize..20, len in 0usize..20) {
            prop_assert!(fits(&text, &text.to_uppercase()));
            let (at, end) = (at.min(text.len()), (at + len).min(text.len()));
            let pattern = format!("{}*{}", &text[..at], &text[end.max(at)..]);
            prop_assert!(fits(&pattern, &text));
            let longer = format!("{}x", text);
            prop_assert!(!fits(&longer, &text));
        }

        #[test]
        fn any_pattern_ends(pattern in "[*a]{0,60}", text in "[ab]{0,60}") {
            let _ = fits(&pattern, &text);
        }
    }
}
