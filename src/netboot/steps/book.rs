//! All boards whose boots are followed.

use std::collections::HashMap;
use std::fmt;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use serde::{Serialize, Serializer};

use super::{Signal, Step, Steps};
use crate::board::Mac;

/// Boards that are followed at once; more than a rack has. Whoever was silent longest gives way.
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

impl fmt::Display for Id {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mac(mac) => mac.fmt(out),
            Self::Ip(ip) => ip.fmt(out),
        }
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
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
        if !self.boards.contains_key(&id) {
            if !begins(signal) {
                return Vec::new();
            }
            self.make_room(now);
            self.boards.insert(id, Steps::new(now));
        }
        let Some(steps) = self.boards.get_mut(&id) else { return Vec::new() };
        steps.hear(signal, now).into_iter().map(|step| Told { id, step }).collect()
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

    fn make_room(&mut self, now: Instant) {
        if self.boards.len() < MOST {
            return;
        }
        self.boards.retain(|_, steps| steps.silent(now) < FORGET);
        if self.boards.len() >= MOST
            && let Some(id) = self.boards.iter().max_by_key(|(_, steps)| steps.silent(now)).map(|(id, _)| *id)
        {
            self.boards.remove(&id);
        }
    }
}

/// Whether a board's boot can begin with this: others' addresses and answers aren't boots.
fn begins(signal: &Signal) -> bool {
    match signal {
        // A serial number and a revision of zeros are those of `dhcp::probe`, here or on another host: no board.
        Signal::Discover(client) => {
            client.stage.boots_as_pi() && (client.serial, client.revision) != (Some(0), Some(0))
        }
        Signal::Asked(_) | Signal::Sent(..) | Signal::Missing(_) | Signal::Probed(_) => true,
        _ => false,
    }
}
