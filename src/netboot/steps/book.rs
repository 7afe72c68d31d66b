//! All boards whose boots are followed.

use std::collections::HashMap;
use std::fmt;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use super::{Signal, Step, Steps};
use crate::board::{Known, Mac, Who};
use crate::netboot::reason::Told as Reason;

/// Boards that are followed at once; more than a rack has. The board that was silent longest gives way.
const MOST: usize = 1024;
/// A board that was silent for so long is forgotten.
const FORGET: Duration = Duration::from_secs(24 * 3600);

/// By what a board is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Id {
    /// Its Ethernet address.
    Mac(Mac),
    /// Its IP address, where the other isn't known.
    Ip(Ipv4Addr),
}

impl Id {
    /// What is known of this board: what was heard of all boards, and what its boot tells by now.
    #[must_use]
    pub fn who(self, steps: Option<&Steps>, boards: &Known) -> Who {
        let mut who = match self {
            Self::Mac(mac) => boards.by_mac(mac).unwrap_or_else(|| Who::with_mac(mac)),
            Self::Ip(ip) => Who { address: Some(ip.into()), ..Who::default() },
        };
        if let Some(steps) = steps {
            let (model, chip) = steps.kind();
            who.learn(&Who { serial: steps.serial(), model, chip, ..Who::default() });
        }
        who
    }
}

impl fmt::Display for Id {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mac(mac) => mac.fmt(out),
            Self::Ip(ip) => ip.fmt(out),
        }
    }
}

/// A step of a board.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// The board.
    pub id: Id,
    /// What happened.
    pub step: Step,
}

/// Follows the boots of all boards.
#[derive(Debug, Default)]
pub struct Book {
    boards: HashMap<Id, Steps>,
}

impl Book {
    /// Takes a signal of a board.
    pub fn hear(&mut self, id: Id, signal: &Signal, now: Instant) -> Vec<Told> {
        let mut told = Vec::new();
        if !self.boards.contains_key(&id) {
            if !begins(signal) {
                return told;
            }
            told.extend(self.make_room(now).into_iter().map(|id| Told { id, step: Step::Forgotten }));
            self.boards.insert(id, Steps::new(now));
        }
        let Some(steps) = self.boards.get_mut(&id) else { return told };
        told.extend(steps.hear(signal, now).into_iter().map(|step| Told { id, step }));
        told
    }

    /// What keeps a board from booting is known better by now than its boot alone shows it.
    pub fn explain(&mut self, id: Id, told: &Reason) {
        if let Some(steps) = self.boards.get_mut(&id) {
            steps.explain(told);
        }
    }

    /// Looks at the time.
    pub fn tick(&mut self, now: Instant) -> Vec<Told> {
        let stuck =
            self.boards.iter_mut().filter_map(|(id, steps)| Some(Told { id: *id, step: steps.tick(now)? }));
        let mut stuck: Vec<_> = stuck.collect();
        stuck.sort_by_key(|told| told.id);
        stuck
    }

    /// When the next look may find something.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.boards.values().filter_map(Steps::deadline).min()
    }

    /// A board's boot.
    #[must_use]
    pub fn get(&self, id: Id) -> Option<&Steps> {
        self.boards.get(&id)
    }

    /// All boards, sorted.
    #[must_use]
    pub fn all(&self) -> Vec<(Id, &Steps)> {
        let mut all: Vec<_> = self.boards.iter().map(|(id, steps)| (*id, steps)).collect();
        all.sort_by_key(|(id, _)| *id);
        all
    }

    /// Forgets boards where there are too many; says which.
    fn make_room(&mut self, now: Instant) -> Vec<Id> {
        if self.boards.len() < MOST {
            return Vec::new();
        }
        let old = self.boards.iter().filter(|(_, steps)| steps.silent(now) >= FORGET).map(|(id, _)| *id);
        let mut gone: Vec<_> = old.collect();
        if gone.is_empty() {
            let longest = self.boards.iter().max_by_key(|(_, steps)| steps.silent(now));
            gone.extend(longest.map(|(id, _)| *id));
        }
        gone.iter().for_each(|id| drop(self.boards.remove(id)));
        gone
    }
}

/// Whether a board's boot can begin with this: others' addresses and answers aren't boots.
fn begins(signal: &Signal) -> bool {
    match signal {
        // A serial number and a revision of zeros are those of `dhcp::probe`, here or on another host: no board.
        Signal::Discover(client) => {
            client.stage.boots_as_pi()
                && (client.serial.and_then(|serial| serial.low()), client.revision) != (Some(0), Some(0))
        }
        Signal::Asked(_) | Signal::Sent(..) | Signal::Missing(_) | Signal::Probed(_) => true,
        _ => false,
    }
}
