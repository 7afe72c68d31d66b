//! What the form of a rule tells, and how a rule's conditions are said. Pure.

use crate::board::Mac;
use crate::format::{count, parse_size, size};
use crate::station::pages::form::Form;
use crate::station::rules::range_of;
use crate::station::web::Refusal;
use crate::station_api::{Matching, NewRule, Rule, What};

/// The form of a rule, as it stands on its page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Fields {
    pub(super) name: String,
    /// Its place from 1; empty: behind all others.
    pub(super) place: String,
    pub(super) serial: String,
    /// Serial numbers, with spaces, commas or ends of lines between them.
    pub(super) serials: String,
    pub(super) mac: String,
    pub(super) mac_from: String,
    pub(super) mac_to: String,
    pub(super) model: String,
    pub(super) slot: String,
    pub(super) memory_min: String,
    pub(super) memory_max: String,
    pub(super) storage_min: String,
    pub(super) storage_max: String,
    /// It is for every board: a rule that asks for nothing else is made only where somebody says so.
    pub(super) any: bool,
    /// `project:NAME`, `backup` or `wait`.
    pub(super) what: String,
}

impl Fields {
    /// As a browser tells them.
    pub(super) fn of_form(form: &Form) -> Self {
        let text = |name| form.text(name).to_owned();
        Self {
            name: text("name"),
            place: text("place"),
            serial: text("serial"),
            serials: text("serials"),
            mac: text("mac"),
            mac_from: text("mac-from"),
            mac_to: text("mac-to"),
            model: text("model"),
            slot: text("slot"),
            memory_min: text("memory-min"),
            memory_max: text("memory-max"),
            storage_min: text("storage-min"),
            storage_max: text("storage-max"),
            any: form.is_on("any"),
            what: text("what"),
        }
    }

    /// Those of a rule that is there.
    pub(super) fn of_rule(rule: &Rule) -> Self {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let bytes = |bytes: Option<u64>| bytes.map(exactly).unwrap_or_default();
        let address = |mac: Option<Mac>| mac.map(|mac| mac.to_string()).unwrap_or_default();
        let of = &rule.matching;
        Self {
            name: rule.name.clone(),
            place: (rule.position + 1).to_string(),
            serial: text(&of.serial),
            serials: of.serials.join("\n"),
            mac: text(&of.mac),
            mac_from: address(of.mac_from),
            mac_to: address(of.mac_to),
            model: text(&of.model),
            slot: text(&of.slot),
            memory_min: bytes(of.memory_min),
            memory_max: bytes(of.memory_max),
            storage_min: bytes(of.storage_min),
            storage_max: bytes(of.storage_max),
            any: is_any(rule),
            what: match &rule.what {
                What::Project { project } => format!("project:{project}"),
                What::Backup => "backup".to_owned(),
                What::Wait => "wait".to_owned(),
            },
        }
    }

    /// What they mean.
    ///
    /// # Errors
    /// 422 with the field that means nothing.
    pub(super) fn rule(&self) -> Result<NewRule, Refusal> {
        let text = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        let bytes = |text: &String, what: &str| match text.as_str() {
            "" => Ok(None),
            text => parse_size(text).map(Some).map_err(|why| Refusal::meaningless(format!("{what}: {why}"))),
        };
        let address = |text: &String, what: &str| match text.trim() {
            "" => Ok(None),
            text => {
                text.parse::<Mac>().map(Some).map_err(|why| Refusal::meaningless(format!("{what}: {why}")))
            }
        };
        let place = match self.place.as_str() {
            "" => None,
            text => {
                let place = text.parse::<u32>().ok().and_then(|place| place.checked_sub(1));
                Some(place.ok_or_else(|| Refusal::meaningless("the place is a number from 1 on"))?)
            }
        };
        let what = match self.what.split_once(':') {
            Some(("project", project)) => What::Project { project: project.to_owned() },
            None if self.what == "backup" => What::Backup,
            None if self.what == "wait" => What::Wait,
            _ => return Err(Refusal::meaningless("it isn't said what happens with the board")),
        };
        let new = NewRule {
            name: self.name.clone(),
            position: place,
            any: self.any,
            matching: Matching {
                serial: text(&self.serial),
                serials: listed(&self.serials),
                mac: text(&self.mac),
                mac_from: address(&self.mac_from, "address, from")?,
                mac_to: address(&self.mac_to, "address, to")?,
                model: text(&self.model),
                slot: text(&self.slot),
                memory_min: bytes(&self.memory_min, "memory, at least")?,
                memory_max: bytes(&self.memory_max, "memory, at most")?,
                storage_min: bytes(&self.storage_min, "disk, at least")?,
                storage_max: bytes(&self.storage_max, "disk, at most")?,
            },
            what,
        };
        match new.says_which() {
            Ok(()) => Ok(new),
            Err(_) if self.any => {
                Err(Refusal::meaningless("“any board” is ticked, and something else is asked for too"))
            }
            Err(_) => Err(Refusal::meaningless(
                "it isn't said which boards: tick “any board” if it is to be for each",
            )),
        }
    }
}

/// Whether a rule is for every board.
pub(super) fn is_any(rule: &Rule) -> bool {
    rule.matching == Matching::default()
}

/// The words of a list, as people paste it.
fn listed(text: &str) -> Vec<String> {
    let words = text.split(|char: char| char.is_whitespace() || matches!(char, ',' | ';'));
    words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// Bytes so that reading them gives the same bytes: `4GiB`, `32GB`, `1000`.
fn exactly(bytes: u64) -> String {
    let units = [
        (1 << 40, "TiB"),
        (1_000_000_000_000, "TB"),
        (1 << 30, "GiB"),
        (1_000_000_000, "GB"),
        (1 << 20, "MiB"),
        (1_000_000, "MB"),
    ];
    let whole = units.into_iter().find(|(unit, _)| bytes > 0 && bytes.is_multiple_of(*unit));
    whole.map_or_else(|| bytes.to_string(), |(unit, word)| format!("{}{word}", bytes / unit))
}

/// What a board has to be, a condition each; empty: any board.
pub(super) fn conditions(of: &Matching) -> Vec<String> {
    let mut all = Vec::new();
    let mut text = |what: &str, value: &Option<String>| {
        all.extend(value.as_ref().map(|value| format!("{what} {value}")));
    };
    text("serial number", &of.serial);
    text("address", &of.mac);
    text("slot", &of.slot);
    if !of.serials.is_empty() {
        all.push(format!("one of {}", count(of.serials.len() as u64, "serial number")));
    }
    if of.mac_from.is_some() || of.mac_to.is_some() {
        all.push(format!("address {}", range_of(of.mac_from, of.mac_to)));
    }
    all.extend(of.model.as_ref().map(|model| format!("model with “{model}”")));
    let mut range = |what: &str, least: Option<u64>, most: Option<u64>| match (least, most) {
        (None, None) => {}
        (Some(least), None) => all.push(format!("{what} of at least {}", size(least))),
        (None, Some(most)) => all.push(format!("{what} of at most {}", size(most))),
        (Some(least), Some(most)) if least == most => all.push(format!("{what} of {}", size(least))),
        (Some(least), Some(most)) => all.push(format!("{what} from {} to {}", size(least), size(most))),
    };
    range("memory", of.memory_min, of.memory_max);
    range("largest disk", of.storage_min, of.storage_max);
    all
}

/// What happens then.
pub(super) fn what(what: &What) -> String {
    match what {
        What::Project { project } => format!("gets project {project}"),
        What::Backup => "is backed up".to_owned(),
        What::Wait => "waits for a person".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn form(text: &str) -> Fields {
        Fields::of_form(&Form::read(text.as_bytes()).unwrap())
    }

    #[test]
    fn a_form_is_a_rule() {
        let rule = form(
            "name=fours&place=2&serial=&mac=dc:a6:32:*&model=Pi+4&slot=A-*&memory-min=4GiB&memory-max=&\
             storage-min=16+GB&storage-max=64GB&what=project:gateway+2",
        );
        let rule = rule.rule().unwrap();
        assert_eq!((rule.name.as_str(), rule.position), ("fours", Some(1)));
        assert_eq!(rule.what, What::Project { project: "gateway 2".into() });
        let of = &rule.matching;
        assert_eq!((of.serial.as_deref(), of.mac.as_deref()), (None, Some("dc:a6:32:*")));
        assert_eq!(
            (of.memory_min, of.storage_min, of.storage_max),
            (Some(4 << 30), Some(16_000_000_000), Some(64_000_000_000))
        );
        assert_eq!(
            conditions(of).join("; "),
            "address dc:a6:32:*; slot A-*; model with “Pi 4”; memory of at least 4 GiB; largest disk from 14.9 GiB to 59.6 GiB"
        );
    }

    #[test]
    fn what_means_nothing_is_refused_by_its_name() {
        for (text, why) in [
            ("name=a&what=", "what happens"),
            ("name=a&what=erase", "what happens"),
            ("name=a&what=wait&place=0", "place"),
            ("name=a&what=wait&place=x", "place"),
            ("name=a&what=wait&memory-min=much", "memory, at least"),
            ("name=a&what=wait&mac-from=dc", "address, from"),
            ("name=a&what=wait&storage-max=-1", "disk, at most"),
            ("name=a&what=wait", "which boards"),
            ("name=a&what=wait&serials=+%0d%0a+,", "which boards"),
            ("name=a&what=wait&any=1&model=4", "something else"),
        ] {
            assert!(form(text).rule().unwrap_err().detail().contains(why), "{text}");
        }
    }

    #[test]
    fn a_rule_for_every_board_is_said_by_its_tick() {
        let new = form("name=a&what=wait&any=1").rule().unwrap();
        assert_eq!((new.any, new.matching), (true, Matching::default()));
    }

    proptest! {
        #[test]
        fn sizes_in_a_form_stay_what_they_are(bytes: u64) {
            prop_assert_eq!(parse_size(&exactly(bytes)), Ok(bytes));
        }

        #[test]
        fn a_rule_in_its_form_is_the_same_rule(least: Option<u64>, model in proptest::option::of("[a-z]{1,9}"), place in 0u32..500, serials in proptest::collection::vec("[0-9a-f]{8}", 0..4), mac: Option<[u8; 5]>) {
            let matching = Matching { model, serials, mac_to: mac.map(|[a, b, c, d, e]| Mac::new([2, a, b, c, d, e])), storage_max: least, ..Matching::default() };
            let rule = Rule { name: "r".into(), position: place, matching, what: What::Backup, matched: 1, last: None };
            let read = Fields::of_rule(&rule).rule().unwrap();
            prop_assert_eq!((read.position, read.matching, read.what), (Some(place), rule.matching, rule.what));
        }
    }
}
