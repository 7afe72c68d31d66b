//! Why a board gets what it gets: each rule with what fits and what doesn't, until the first one that fits. Pure.

use crate::format::size;
use crate::station::rules::why_not;
use crate::station_api::{Board, Matching, Rule, What};

/// A rule, held against a board.
pub(super) struct Step {
    pub(super) number: usize,
    pub(super) name: String,
    /// What it would do.
    pub(super) does: String,
    /// Each of its conditions: whether it holds, and what it says.
    pub(super) conditions: Vec<(bool, String)>,
    /// It is the one that counts.
    pub(super) counts: bool,
}

/// The rules that were asked, and how many weren't.
pub(super) fn trace(rules: &[Rule], board: &Board) -> (Vec<Step>, usize) {
    let mut steps = Vec::new();
    for (at, rule) in rules.iter().enumerate() {
        let conditions = conditions(&rule.matching, board);
        let counts = conditions.iter().all(|(holds, _)| *holds);
        let does = match &rule.what {
            What::Project { project } => format!("project {project}"),
            What::Backup => "a backup".to_owned(),
            What::Wait => "nothing by itself: it waits for you".to_owned(),
        };
        steps.push(Step { number: at + 1, name: rule.name.clone(), does, conditions, counts });
        if counts {
            return (steps, rules.len() - at - 1);
        }
    }
    (steps, 0)
}

fn conditions(matching: &Matching, board: &Board) -> Vec<(bool, String)> {
    let mut all = Vec::new();
    let mut text = |what: &str, only: Matching, pattern: &Option<String>| {
        let Some(pattern) = pattern else { return };
        let why = why_not(&only, board);
        all.push(match why.into_iter().next() {
            None => (true, format!("{what} is {pattern}")),
            Some(why) => (false, why),
        });
    };
    let none = Matching::default;
    text("serial number", Matching { serial: matching.serial.clone(), ..none() }, &matching.serial);
    text("address", Matching { mac: matching.mac.clone(), ..none() }, &matching.mac);
    text("slot", Matching { slot: matching.slot.clone(), ..none() }, &matching.slot);
    text("model", Matching { model: matching.model.clone(), ..none() }, &matching.model);
    let lists = [
        (
            !matching.serials.is_empty(),
            Matching { serials: matching.serials.clone(), ..none() },
            "serial number is listed",
        ),
        (
            matching.mac_from.is_some() || matching.mac_to.is_some(),
            Matching { mac_from: matching.mac_from, mac_to: matching.mac_to, ..none() },
            "address is in the range",
        ),
    ];
    for (_, only, holds) in lists.into_iter().filter(|(asked, ..)| *asked) {
        let why = why_not(&only, board).into_iter().next();
        all.push(why.map_or_else(|| (true, holds.to_owned()), |why| (false, why)));
    }
    let mut number = |what: &str, only: Matching, has: Option<u64>, bound: &str, limit: Option<u64>| {
        let Some(limit) = limit else { return };
        let has = has.map_or_else(|| format!("{what} isn't known"), |has| format!("{what} is {}", size(has)));
        let holds = why_not(&only, board).is_empty();
        all.push((holds, format!("{has}, asked for is {bound} {}", size(limit))));
    };
    let disk = board.disks.iter().map(|disk| disk.size).max();
    let (least, most) = (matching.memory_min, matching.memory_max);
    number("memory", Matching { memory_min: least, ..none() }, board.memory, "at least", least);
    number("memory", Matching { memory_max: most, ..none() }, board.memory, "at most", most);
    let (least, most) = (matching.storage_min, matching.storage_max);
    number("largest disk", Matching { storage_min: least, ..none() }, disk, "at least", least);
    number("largest disk", Matching { storage_max: most, ..none() }, disk, "at most", most);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trace_ends_at_the_rule_that_counts_and_says_what_fails_before() {
        let board: Board = serde_json::from_str(
            r#"{"id":"1","serial":"10000000af04b2da","model":"Raspberry Pi Compute Module 4 Rev 1.1","memory":4294967296,
                "disks":[{"name":"mmcblk0","role":"emmc","size":34359738368}],
                "enrolment":"enrolled","held":"armed","slot":"A2","first_seen":0,"last_seen":0}"#,
        )
        .unwrap();
        let rule = |name: &str, matching: &str| Rule {
            name: name.into(),
            position: 0,
            matching: serde_json::from_str(matching).unwrap(),
            what: What::Project { project: "gateway".into() },
            matched: 0,
            last: None,
        };
        let rules = [
            rule("meter", r#"{"model":"Module 3","storage_min":17179869184}"#),
            rule("bench", r#"{"slot":"A*","memory_min":1}"#),
            rule("all", "{}"),
        ];
        let (steps, rest) = trace(&rules, &board);
        assert_eq!((steps.len(), rest), (2, 1));
        let words: Vec<_> =
            steps[0].conditions.iter().map(|(holds, words)| (*holds, words.as_str())).collect();
        assert_eq!(words[0], (false, "its model is Raspberry Pi Compute Module 4 Rev 1.1, not *Module 3*"));
        assert_eq!(words[1], (true, "largest disk is 32 GiB, asked for is at least 16 GiB"));
        assert!(!steps[0].counts && steps[1].counts);
        assert_eq!(steps[1].conditions[0], (true, "slot is A*".to_owned()));
        assert_eq!(trace(&[], &board).0.len(), 0);
    }
}
