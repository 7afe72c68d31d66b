//! What is to be done with boards, and which boards get it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{ProjectEeprom, ProjectLabel, Time};
use crate::board::Mac;
use crate::device_api::{End, Role};

/// What is to be done with a board.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Project {
    /// What people call it. One project a name.
    pub name: String,
    /// The image, by its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// As in [`super::Job::target`].
    #[serde(default)]
    pub target: Vec<Role>,
    /// What comes after.
    #[serde(default)]
    pub end: End,
    /// What becomes of a board that was done before.
    #[serde(default)]
    pub again: Again,
    /// How often a job is tried again by itself where what went wrong may pass: the board or the station was away, or
    /// something else had the disk. 0 to [`MOST_RETRIES`].
    #[serde(default)]
    #[cfg_attr(feature = "station", schema(format = "uint32"))]
    pub retries: u32,
    /// Sources of values of which each board gets its own, by name; at most [`MOST_DRAWS`](super::MOST_DRAWS).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
    /// The names of the scripts that boards run; in which order they do is said by the scripts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scripts: Vec<String>,
    /// What the board's system finds at its first start, by the names that `piprov flash --set` has; `format` says the
    /// format where the image doesn't show it. In the texts `{serial8}` stands for that value of the board; several SSH keys
    /// stand on a line each. Secrets are told to nobody: they come back empty, and an empty one stays as it is.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub first_boot: FirstBootSettings,
    /// What is done with its boards' EEPROMs; without it nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eeprom: Option<ProjectEeprom>,
    /// What is printed for each of its boards; without it nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<ProjectLabel>,
    /// When it was made.
    #[serde(default)]
    pub made: Time,
    /// What its boards couldn't have of it as the station is now, each a sentence. Only told, where one project is asked
    /// for or put: what comes in is left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// What becomes of a project without an image.
pub const NO_IMAGE: &str = "no board can get this project until it has an image";

/// See [`Project::first_boot`].
pub type FirstBootSettings = BTreeMap<String, String>;

/// The key among first-boot settings that says their format.
pub const FIRST_BOOT_FORMAT: &str = "format";

/// See [`Project::retries`].
pub const MOST_RETRIES: u32 = 10;

/// What becomes of a board for which the same was done before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Again {
    /// Nothing: it is left as it is.
    #[default]
    Skip,
    /// A person decides.
    Ask,
    /// It is done again.
    Again,
}

/// Which project an arriving board gets. Rules are tried in their order; the first that matches counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct Rule {
    /// What people call it. One rule a name.
    pub name: String,
    /// Its place among the rules, from 0.
    #[cfg_attr(feature = "station", schema(format = "uint32"))]
    pub position: u32,
    /// All of these have to hold.
    pub matching: Matching,
    /// What happens then.
    pub what: What,
    /// How many boards it has matched: one that stays at 0 is perhaps wrong.
    #[serde(default)]
    pub matched: u64,
    /// When it matched last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Time>,
}

/// What a board has to be. What isn't said holds for any board.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Matching {
    /// Serial number, with `*` for any digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// One of these serial numbers, each of 8 or 16 hexadecimal digits; at most [`MOST_SERIALS`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub serials: Vec<String>,
    /// Ethernet address, with `*` for any digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<String>,
    /// An Ethernet address that isn't below this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac_from: Option<Mac>,
    /// The same that isn't above this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac_to: Option<Mac>,
    /// A part of the model's name, in any case of letters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The slot's name, with `*`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<String>,
    /// At least so much memory, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_min: Option<u64>,
    /// At most so much.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_max: Option<u64>,
    /// A disk of at least so many bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage_min: Option<u64>,
    /// No disk of more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage_max: Option<u64>,
}

/// See [`Matching::serials`].
pub const MOST_SERIALS: usize = 1000;

/// Why no board can be what a rule asks for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoBoard {
    /// The least is above the most.
    #[error("`{least}` is above `{most}`, so that no board would match")]
    Range {
        /// The member with the least.
        least: &'static str,
        /// That with the most.
        most: &'static str,
    },
    /// A text that nothing of a board fits.
    #[error("`{member}` {why}, so that no board would match")]
    Text {
        /// The member.
        member: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
}

/// A digit of an Ethernet address or a colon, by its place in `dc:a6:32:01:02:03`.
const ADDRESS: usize = 17;

/// Whether some Ethernet address is what a pattern of digits, colons and stars says: which places can be reached after each
/// of its characters.
fn is_address(pattern: &str) -> bool {
    let mut reached = [false; ADDRESS + 1];
    reached[0] = true;
    for char in pattern.chars() {
        let mut next = [false; ADDRESS + 1];
        match char {
            '*' => {
                let first = reached.iter().position(|reached| *reached).unwrap_or(reached.len());
                next[first..].fill(true);
            }
            _ => {
                for at in 0..ADDRESS {
                    let fits = if at % 3 == 2 { char == ':' } else { char.is_ascii_hexdigit() };
                    next[at + 1] = reached[at] && fits;
                }
            }
        }
        reached = next;
    }
    reached[ADDRESS]
}

impl Matching {
    /// The same as stations keep it: an address in lower case and with colons.
    ///
    /// # Errors
    /// Where no board can be what it asks for.
    pub fn tidied(mut self) -> Result<Self, NoBoard> {
        let pairs = [
            (self.memory_min, self.memory_max, ["memory_min", "memory_max"]),
            (self.storage_min, self.storage_max, ["storage_min", "storage_max"]),
        ];
        for (least, most, [least_is, most_is]) in pairs {
            if matches!((least, most), (Some(least), Some(most)) if least > most) {
                return Err(NoBoard::Range { least: least_is, most: most_is });
            }
        }
        if matches!((self.mac_from, self.mac_to), (Some(least), Some(most)) if least > most) {
            return Err(NoBoard::Range { least: "mac_from", most: "mac_to" });
        }
        let bad = |member, why| Err(NoBoard::Text { member, why });
        let texts =
            [("serial", &self.serial), ("mac", &self.mac), ("model", &self.model), ("slot", &self.slot)];
        for (member, text) in texts {
            let Some(text) = text else { continue };
            if text.is_empty() || text.chars().count() > 100 {
                return bad(member, "has 1 to 100 characters");
            }
            if text.chars().any(char::is_control) {
                return bad(member, "has control characters");
            }
        }
        if let Some(serial) = &self.serial {
            let digits = serial.bytes().filter(|byte| *byte != b'*');
            if !digits.clone().all(|byte| byte.is_ascii_hexdigit()) {
                return bad("serial", "has other characters than hexadecimal digits and `*`");
            }
            let count = digits.count();
            if count > 16 || (count == serial.len() && !matches!(count, 8 | 16)) {
                return bad("serial", "has not 8 or 16 digits");
            }
        }
        if self.serials.len() > MOST_SERIALS {
            return bad("serials", "has more than 1000 numbers");
        }
        for serial in &mut self.serials {
            if !matches!(serial.len(), 8 | 16) || !serial.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return bad("serials", "has one that isn't 8 or 16 hexadecimal digits");
            }
            serial.make_ascii_lowercase();
        }
        self.serials.sort();
        self.serials.dedup();
        if let Some(mac) = &mut self.mac {
            *mac = mac.replace('-', ":").to_ascii_lowercase();
            if mac.len() == 12 && mac.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                let pairs: Vec<_> = (0..6).map(|at| &mac[2 * at..2 * at + 2]).collect();
                *mac = pairs.join(":");
            }
            if !is_address(mac) {
                return bad("mac", "can't be six pairs of hexadecimal digits");
            }
        }
        Ok(self)
    }
}

/// The first rule before the one at this place that fits every board: so that one is never asked.
#[must_use]
pub fn shadow(rules: &[Rule], at: usize) -> Option<&str> {
    let mut all = rules.iter().take(at).filter(|rule| rule.matching == Matching::default());
    all.next().map(|rule| rule.name.as_str())
}

/// What happens with a board that a rule matches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case", tag = "do")]
pub enum What {
    /// It gets this project.
    Project {
        /// By its name.
        project: String,
    },
    /// Its disk is backed up.
    Backup,
    /// It waits for a person.
    Wait,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mac(text: &str) -> Result<Option<String>, NoBoard> {
        Matching { mac: Some(text.into()), ..Matching::default() }.tidied().map(|matching| matching.mac)
    }

    #[test]
    fn an_address_is_taken_as_people_write_it_and_refused_where_none_can_be_so() {
        for (text, kept) in [
            ("DC-A6-32-01-02-03", "dc:a6:32:01:02:03"),
            ("dca632010203", "dc:a6:32:01:02:03"),
            ("DC-A6-32-*", "dc:a6:32:*"),
            ("*:03", "*:03"),
            ("*", "*"),
            ("dc:*:03", "dc:*:03"),
            ("d*3", "d*3"),
            ("**dc:a6:32:01:02:03*", "**dc:a6:32:01:02:03*"),
        ] {
            assert_eq!(mac(text).unwrap().as_deref(), Some(kept));
        }
        for text in [
            "",
            "zz*",
            "dc:a6:32:01:02:03:04",
            "dc:a6:32",
            "dc:a6:32:01:02:0",
            "dca6*",
            "dc::*",
            "*:*:*:*:*:*:*",
            "dc:a6:32:01:02:03:*",
            "dc*\u{1b}",
        ] {
            assert!(mac(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_no_board_can_be_is_refused() {
        let all = Matching::default;
        for serial in ["AF04*", "10000000af04b2da", "af04b2da", "*", "*da"] {
            Matching { serial: Some(serial.into()), ..all() }.tidied().unwrap();
        }
        for serial in ["af04", "xyz*", "10000000af04b2da0*", "", "10000000af04b2d"] {
            assert!(Matching { serial: Some(serial.into()), ..all() }.tidied().is_err(), "{serial}");
        }
        let long = "m".repeat(101);
        for text in ["", "\u{1b}[2J", long.as_str()] {
            assert!(Matching { model: Some(text.into()), ..all() }.tidied().is_err(), "{text}");
            assert!(Matching { slot: Some(text.into()), ..all() }.tidied().is_err(), "{text}");
        }
        let range = Matching { memory_min: Some(2), memory_max: Some(1), ..all() };
        assert_eq!(range.tidied(), Err(NoBoard::Range { least: "memory_min", most: "memory_max" }));
    }

    #[test]
    fn a_rule_behind_one_for_all_boards_is_never_asked() {
        let rule = |name: &str, model: Option<&str>| Rule {
            name: name.into(),
            position: 0,
            matching: Matching { model: model.map(Into::into), ..Matching::default() },
            what: What::Wait,
            matched: 0,
            last: None,
        };
        let rules = [rule("a", Some("4")), rule("all", None), rule("b", Some("5")), rule("rest", None)];
        let shadows: Vec<_> = (0..4).map(|at| shadow(&rules, at)).collect();
        assert_eq!(shadows, [None, None, Some("all"), Some("all")]);
    }
}
