//! What goes into a boot's account, and what comes out: in words, and as what its run tells.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::files::Part;
use crate::dhcp::pi::{DhcpClient, Stage};
use crate::error::{Kind, Remedy};
use crate::format::{count, size};
use crate::netboot::reason::{Grade, Told};
use crate::run::{Detail, Ending, Weight, members};

/// What was heard of a board, or was sent to it.
#[derive(Debug, Clone, PartialEq)]
pub enum Signal {
    /// It looks for a DHCP server.
    Discover(DhcpClient),
    /// It takes an offer, or renews its lease.
    Request(DhcpClient),
    /// A server has answered it.
    Offer(Offer),
    /// A server has given it an address.
    Ack(Ipv4Addr),
    /// It shows that it has an address.
    Has(Ipv4Addr),
    /// It gets no answer, or not the one that it wants.
    Reason(Told),
    /// It asks for a file.
    Asked(String),
    /// It has a file: its path and its bytes.
    Sent(String, u64),
    /// It only looked whether a file is there.
    Probed(String),
    /// It was told that there is no such file.
    Missing(String),
    /// A transfer broke off, or was refused: the path, and why.
    Failed(String, String),
    /// Its system has opened a connection to this host's NFS server.
    Nfs,
}

/// A server's answer to a DISCOVER.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// The server.
    pub from: Ipv4Addr,
    /// It is this program.
    pub ours: bool,
    /// The answer tells a Pi where to boot from.
    pub boots: bool,
    /// The address that it offers; `None` from a proxy.
    pub address: Option<Ipv4Addr>,
}

/// What happened in a boot.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Step {
    /// It looks for a DHCP server.
    Discover {
        /// How often in this boot.
        count: u32,
        /// Which program asks.
        program: Stage,
    },
    /// It starts from the beginning: it was reset, or gave up.
    Again,
    /// A server has answered.
    Offer(Offer),
    /// It has an address.
    Address {
        /// The address.
        address: Ipv4Addr,
    },
    /// It gets no answer, or not the one that it wants. Told once, and again when the reason changes.
    Reason(Told),
    /// It begins to fetch a part of what it needs.
    Part {
        /// What it is.
        part: Part,
        /// Its first file.
        path: String,
    },
    /// It has a file.
    Got {
        /// The file.
        path: String,
        /// Its length.
        bytes: u64,
    },
    /// It looked whether a file is there, which it is.
    Probe {
        /// The file.
        path: String,
    },
    /// A file isn't there, which doesn't matter.
    Absent {
        /// The file.
        path: String,
    },
    /// A file isn't there, and the board acts on it.
    Missing {
        /// The file.
        path: String,
        /// What the board does now.
        then: String,
        /// It can't boot without.
        fatal: bool,
    },
    /// A transfer broke off.
    Broken {
        /// The file.
        path: String,
        /// Why.
        why: String,
    },
    /// It doesn't get any further.
    Stuck {
        /// Where, as a word for programs.
        trouble: Trouble,
        /// What was seen last, and what should have come.
        why: String,
        /// What to look at.
        hint: Remedy,
    },
    /// Kernel, device tree and command line are there: the kernel starts.
    Loaded {
        /// Files that it has fetched.
        files: u32,
        /// Bytes of them.
        bytes: u64,
        /// Seconds since its first DISCOVER or request.
        seconds: f64,
    },
    /// It was heard longest ago of more boards than can be followed, and isn't followed any more.
    Forgotten,
    /// Its system is there.
    Up {
        /// What showed it.
        by: Sign,
        /// Seconds since its first DISCOVER or request.
        seconds: f64,
    },
}

/// What showed that a board's system runs. Nobody signs either of them: they are as good as the network is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sign {
    /// A DHCP message that no boot program sends, by a board that has its kernel: the kernel runs and has a
    /// network. Its root may still be ahead of it.
    Dhcp,
    /// A connection to this host's NFS server: it goes for its root. Whether it may mount it isn't seen.
    Nfs,
}

impl Sign {
    /// As it stands in a line.
    #[must_use]
    pub const fn phrase(self) -> &'static str {
        match self {
            Self::Dhcp => "its system asks for an address",
            Self::Nfs => "it mounts from this host's NFS server",
        }
    }
}

/// Where a board stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trouble {
    /// No server answered its DISCOVERs.
    Unanswered,
    /// It was answered, and asked for no file.
    NoRequest,
    /// A file isn't there that it can't boot without.
    MissingFile,
    /// It found no kernel.
    NoKernel,
    /// It was fetching, and wasn't heard any more.
    Silent,
    /// It has all that it needs to start its kernel, and nothing shows that a system runs.
    NoSystem,
}

impl Trouble {
    /// How the run of such a boot ends. That a system can't be seen is no failure: its root may be anywhere.
    #[must_use]
    pub fn ending(self, why: String, hint: Option<Remedy>, last_seen: Option<String>) -> Ending {
        let kind = match self {
            Self::NoSystem => return Ending::NotVerified { why, hint },
            Self::Silent => return Ending::Lost { why, hint },
            Self::Unanswered | Self::NoRequest => Kind::Unavailable,
            Self::MissingFile | Self::NoKernel => Kind::NoInput,
        };
        Ending::Failed { why, last_seen, hint, kind }
    }
}

impl Step {
    /// Whether only a reader of details wants to see it.
    #[must_use]
    pub fn is_detail(&self) -> bool {
        matches!(self, Self::Got { .. } | Self::Probe { .. } | Self::Absent { .. } | Self::Forgotten)
    }

    /// The word for it, as `--json` has it.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Discover { .. } => "discover",
            Self::Again => "again",
            Self::Offer(_) => "offer",
            Self::Address { .. } => "address",
            Self::Reason(_) => "reason",
            Self::Part { .. } => "part",
            Self::Got { .. } => "got",
            Self::Probe { .. } => "probe",
            Self::Absent { .. } => "absent",
            Self::Missing { .. } => "missing",
            Self::Broken { .. } => "broken",
            Self::Stuck { .. } => "stuck",
            Self::Forgotten => "forgotten",
            Self::Loaded { .. } => "loaded",
            Self::Up { .. } => "up",
        }
    }

    /// The step in words, which begin with one for the step.
    #[must_use]
    pub fn line(&self) -> String {
        match self {
            Self::Discover { count: 1, program: Stage::Serial } => {
                format!("DISCOVER by {}", Stage::Serial.phrase())
            }
            Self::Discover { count: 1, program } => format!("DISCOVER by the {}", program.phrase()),
            Self::Discover { count, .. } => format!("DISCOVER again, {count} times now"),
            Self::Again => "starts from the beginning".to_owned(),
            Self::Offer(offer) => {
                let who = if offer.ours { "this host".to_owned() } else { offer.from.to_string() };
                let address =
                    offer.address.map(|address| format!(", with address {address}")).unwrap_or_default();
                let boots =
                    if offer.boots { "says where to boot from" } else { "says nothing of network boot" };
                format!("OFFER from {who}{address}, {boots}")
            }
            Self::Address { address } => format!("address {address}"),
            Self::Reason(told) => match told.grade {
                Grade::Warning => format!("warning: {}", told.why),
                Grade::Note | Grade::Everyday => format!("note: {}", told.why),
            },
            Self::Part { path, .. } => format!("fetches {path}"),
            Self::Got { path, bytes: 0 } => format!("got {path}"),
            Self::Got { path, bytes } => format!("got {path}, {}", size(*bytes)),
            Self::Probe { path } => format!("probed {path}"),
            Self::Absent { path } => format!("absent {path}, which doesn't matter"),
            Self::Missing { path, then, .. } => format!("missing {path}: {then}"),
            Self::Broken { path, why } => format!("broken off {path}: {why}"),
            Self::Stuck { why, .. } => format!("stuck: {why}"),
            Self::Forgotten => "forgotten: more boards are heard than are followed".to_owned(),
            Self::Loaded { files, bytes, seconds } => format!(
                "loaded: {} with {} in {seconds} s, its kernel starts",
                count(u64::from(*files), "file"),
                size(*bytes)
            ),
            Self::Up { by, seconds } => format!("up after {seconds} s: {}", by.phrase()),
        }
    }
}

/// A step as its run tells it, with the board's course up to it.
#[derive(Debug)]
pub struct Happened {
    /// What happened.
    pub step: Step,
    /// All that has happened so far, as [`Steps::trail`](super::Steps::trail) has it.
    pub trail: String,
}

impl Detail for Happened {
    fn word(&self) -> &'static str {
        self.step.word()
    }

    fn line(&self) -> Option<String> {
        Some(self.step.line())
    }

    fn weight(&self) -> Weight {
        match &self.step {
            step if step.is_detail() => Weight::Fine,
            Step::Reason(_)
            | Step::Missing { .. }
            | Step::Broken { .. }
            | Step::Stuck { .. }
            | Step::Loaded { .. }
            | Step::Up { .. } => Weight::Unusual,
            _ => Weight::Usual,
        }
    }

    fn is_warning(&self) -> bool {
        matches!(&self.step, Step::Reason(told) if told.grade == Grade::Warning)
    }

    fn hint(&self) -> Option<&Remedy> {
        match &self.step {
            Step::Reason(told) => Some(&told.hint).filter(|hint| !hint.is_empty()),
            _ => None,
        }
    }

    fn at(&self) -> Option<String> {
        Some(match &self.step {
            // What it has is in the trail; what it fetches just now is what one waits for.
            Step::Part { path, .. } => {
                format!("{} → {}", self.trail, path.rsplit('/').next().unwrap_or(path))
            }
            _ => self.trail.clone(),
        })
    }

    fn facts(&self) -> Map<String, Value> {
        let mut facts = members(&self.step);
        // The word stands in every event.
        facts.remove("event");
        facts.insert("trail".to_owned(), self.trail.as_str().into());
        facts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_has_one_word() {
        let text = String::new;
        let from = Ipv4Addr::LOCALHOST;
        let steps = [
            Step::Discover { count: 2, program: Stage::Rom },
            Step::Again,
            Step::Offer(Offer { from, ours: true, boots: true, address: None }),
            Step::Address { address: from },
            Step::Reason(Told::no_address()),
            Step::Part { part: Part::Kernel, path: text() },
            Step::Got { path: text(), bytes: 1 },
            Step::Probe { path: text() },
            Step::Absent { path: text() },
            Step::Missing { path: text(), then: text(), fatal: true },
            Step::Broken { path: text(), why: text() },
            Step::Stuck { trouble: Trouble::Silent, why: text(), hint: text().into() },
            Step::Forgotten,
            Step::Loaded { files: 1, bytes: 1, seconds: 1.0 },
            Step::Up { by: Sign::Nfs, seconds: 1.0 },
        ];
        for step in steps {
            assert_eq!(serde_json::to_value(&step).unwrap()["event"], step.word());
            let happened = Happened { step, trail: "DISCOVER".to_owned() };
            // No fact of its own has a name that every event's facts have.
            let facts = happened.facts();
            let common = ["schema", "time", "event", "run", "way", "board", "stage", "done", "total"];
            assert!(!common.iter().any(|name| facts.contains_key(*name)), "{facts:?}");
        }
    }
}
