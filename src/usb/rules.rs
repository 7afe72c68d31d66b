//! The rules of the setting `usb.board`: the first that is for a board decides what it is served.

use std::path::PathBuf;
use std::sync::Arc;

use super::boot::BootOptions;
use super::choose::{Choose, Decision, Seen, Serving};
use super::lookup::PayloadOptions;
use super::plan::Folder;
use crate::board::Who;
use crate::config::usb::BoardRule;

/// Rules, and what boards get that no rule is for.
#[derive(Debug)]
pub struct Rules {
    rules: Vec<BoardRule>,
    /// Folders that the links of each payload may lead to.
    allow: Vec<PathBuf>,
    options: BootOptions,
    others: Decision,
}

impl Rules {
    /// `options` are those of all boards; a rule may add to them, as to `allow`.
    #[must_use]
    pub fn new(rules: Vec<BoardRule>, allow: Vec<PathBuf>, options: BootOptions, others: Decision) -> Self {
        Self { rules, allow, options, others }
    }

    /// The rule that is for a board, with its number from 1.
    #[must_use]
    pub fn of(&self, board: &Who) -> Option<(usize, &BoardRule)> {
        (1..).zip(&self.rules).find(|(_, rule)| rule.is_for(board))
    }

    /// Why a board gets what it gets, as a clause.
    #[must_use]
    pub fn why(&self, board: &Who) -> String {
        if let Some((number, rule)) = self.of(board) {
            return why(number, rule);
        }
        let close = (1..).zip(&self.rules).find_map(|(number, rule)| {
            let (wanted, told) = (rule.serial?, board.serial?);
            wanted
                .is_close(told.as_str())
                .then(|| format!("; rule {number} has serial {wanted}: is that meant?"))
        });
        format!("no rule is for it{}", close.unwrap_or_default())
    }

    /// How the payload of a rule is opened.
    #[must_use]
    pub fn lookup(&self, rule: &BoardRule) -> PayloadOptions {
        let allow = self.allow.iter().chain(&rule.allow).cloned().collect();
        PayloadOptions { overlays: rule.overlay, allow }
    }

    /// How a rule's boards are booted.
    #[must_use]
    pub fn options(&self, rule: &BoardRule) -> BootOptions {
        let mut options = self.options.clone();
        options.signed |= rule.signed;
        options.boot_sig |= rule.boot_sig;
        options
    }

    /// The rules, in their order.
    #[must_use]
    pub fn all(&self) -> &[BoardRule] {
        &self.rules
    }
}

fn why(number: usize, rule: &BoardRule) -> String {
    format!("rule {number} is for {rule}")
}

impl Choose for Rules {
    fn choose(&self, board: &Seen) -> Decision {
        let Some((number, rule)) = self.of(&board.board) else { return self.others.clone() };
        let why = why(number, rule);
        match &rule.payload {
            Some(dir) if !rule.leave => {
                let plan = Folder { dir: dir.clone(), options: self.lookup(rule), why };
                Decision::Serve(Serving { plan: Arc::new(plan), options: Arc::new(self.options(rule)) })
            }
            _ => Decision::Leave(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str) -> BoardRule {
        let mut rule = BoardRule { payload: Some("/srv/x".into()), ..BoardRule::default() };
        for word in text.split_whitespace() {
            match word.split_once('=').unwrap() {
                ("port", port) => rule.port = Some(port.parse().unwrap()),
                ("serial", serial) => rule.serial = Some(serial.parse().unwrap()),
                ("leave", _) => (rule.leave, rule.payload) = (true, None),
                ("signed", _) => rule.signed = true,
                ("chip", chip) => {
                    let named = |known: &crate::board::Chip| known.to_string().eq_ignore_ascii_case(chip);
                    rule.chip = crate::board::Chip::ALL.into_iter().find(named);
                }
                other => panic!("{other:?}"),
            }
        }
        rule
    }

    fn seen(port: &str, product: u16, serial: Option<&str>) -> Seen {
        let port = port.parse().unwrap();
        let serial = serial.map(str::to_owned);
        Seen::of(&crate::usb::transport::Device {
            port,
            address: 1,
            vendor: 0x0a5c,
            product,
            serial_index: 3,
            serial,
        })
        .unwrap()
    }

    fn rules(texts: &[&str]) -> Rules {
        let rules = texts.iter().map(|text| rule(text)).collect();
        let others = Decision::Leave("nothing is installed".to_owned());
        Rules::new(rules, vec!["/srv/all".into()], BootOptions::default(), others)
    }

    #[test]
    fn the_first_rule_that_is_for_a_board_counts() {
        let rules = rules(&[
            "serial=10000000af04b2da",
            "port=1-1.2 chip=bcm2711",
            "chip=bcm2711 leave=1",
            "chip=bcm2837",
        ]);
        for (board, number) in [
            (seen("1-1.2", 0x2711, Some("af04b2da")), Some(1)),
            (seen("1-1.2", 0x2711, Some("af04b2d0")), Some(2)),
            (seen("1-1.2", 0x2711, None), Some(2)),
            (seen("1-1.3", 0x2711, None), Some(3)),
            (seen("1-1.2", 0x2764, None), Some(4)),
            (seen("1-1.2", 0x2712, None), None),
        ] {
            assert_eq!(rules.of(&board.board).map(|(number, _)| number), number, "{board:?}");
            match (rules.choose(&board), number) {
                (Decision::Leave(why), Some(3)) => assert_eq!(why, "rule 3 is for chip BCM2711"),
                (Decision::Leave(why), None) => assert_eq!(why, "nothing is installed"),
                (Decision::Serve(_), Some(1 | 2 | 4)) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn a_rule_adds_to_what_is_for_all_and_says_why() {
        let rules = rules(&["serial=af04b2da signed=1", "port=1-1"]);
        let all = rules.all();
        assert!(rules.options(&all[0]).signed && !rules.options(&all[1]).signed);
        assert_eq!(rules.lookup(&BoardRule { allow: vec!["/own".into()], ..all[0].clone() }).allow.len(), 2);
        let why = |port: &str, serial| rules.why(&seen(port, 0x2711, serial).board);
        assert_eq!(why("1-1", Some("AF04B2DA")), "rule 1 is for serial af04b2da");
        assert_eq!(why("1-1", None), "rule 2 is for port 1-1");
        assert_eq!(
            why("1-2", Some("af04b2d0")),
            "no rule is for it; rule 1 has serial af04b2da: is that meant?"
        );
        assert_eq!(why("1-2", None), "no rule is for it");
    }
}
