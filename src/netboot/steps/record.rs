//! What the record of a network boot holds.

use serde::{Deserialize, Serialize};

use super::step::{Offer, Sign, Step, Trouble};
use crate::netboot::reason::Reason;
use crate::run::{Record, RunId, Way};

/// A record names so many servers, and so many files of each kind; a board that has more of them is in no other trouble.
const MOST: usize = 32;

/// What the record of a network boot says beside what every record says.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Boot {
    /// Its course, as far as it came: `DISCOVER → OFFER → start4.elf → kernel8.img → loaded`.
    pub trail: String,
    /// The servers' answers to its DISCOVERs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub offers: Vec<Offer>,
    /// Why it got no answer, or not the one that it wanted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<Reason>,
    /// Files that it has fetched.
    pub files: u32,
    /// Bytes of them.
    pub bytes: u64,
    /// Files that it asked for and acted on not having.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<Missing>,
    /// Transfers that broke off.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub broken: Vec<Broken>,
    /// When it had all that its kernel needs, in seconds from its first DISCOVER or request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loaded_after: Option<f64>,
    /// What showed its system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up_by: Option<Sign>,
    /// When its system was seen, in seconds likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up_after: Option<f64>,
    /// Where it stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<Trouble>,
    /// The run of the same boot that had ended too early: the board was silent for long, and went on after all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goes_on: Option<RunId>,
}

/// A file that isn't there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// Its path.
    pub path: String,
    /// What the board does without it.
    pub then: String,
    /// It can't boot without.
    pub fatal: bool,
}

/// A transfer that broke off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Broken {
    /// The file's path.
    pub path: String,
    /// Why.
    pub why: String,
}

impl Boot {
    /// That of a record; `None` where it isn't one of a network boot.
    #[must_use]
    pub fn of(record: &Record) -> Option<Self> {
        if record.way != Way::NetBoot {
            return None;
        }
        serde_json::from_value(record.detail.clone()).ok()
    }

    /// Takes a step into the account.
    pub fn take(&mut self, step: &Step) {
        match step {
            Step::Offer(offer) if self.offers.len() < MOST => self.offers.push(*offer),
            Step::Reason(told) if self.reasons.len() < MOST => self.reasons.push(told.reason.clone()),
            Step::Got { bytes, .. } => {
                self.files = self.files.saturating_add(1);
                self.bytes = self.bytes.saturating_add(*bytes);
            }
            Step::Missing { path, then, fatal } if self.missing.len() < MOST => {
                self.missing.push(Missing { path: path.clone(), then: then.clone(), fatal: *fatal });
            }
            Step::Broken { path, why } if self.broken.len() < MOST => {
                self.broken.push(Broken { path: path.clone(), why: why.clone() });
            }
            Step::Stuck { trouble, .. } => self.trouble = Some(*trouble),
            Step::Loaded { seconds, .. } => self.loaded_after = Some(*seconds),
            Step::Up { by, seconds } => (self.up_by, self.up_after) = (Some(*by), Some(*seconds)),
            _ => {}
        }
    }
}
