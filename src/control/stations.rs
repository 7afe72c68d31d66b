//! Stations at a control socket: what is seen goes to all of them, and what one wants goes to the desk.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::image::Handed;
use super::message::{self, Notice, ToClient};
use super::notices::Notices;
use super::remote::Way;
use crate::arming::{Change, Name, Rule};
use crate::board::Mac;

/// Stations at once.
pub(super) const MOST: usize = 4;

/// What a station may want of a server.
pub trait Desk: Send + Sync {
    /// What the server does: [`ToClient::Serving`].
    fn serving(&self) -> ToClient;

    /// Takes what a station wants, to be done in its order. Must not wait.
    ///
    /// # Errors
    /// Where more is wanted than is kept for later: the station is put out.
    fn want(&self, want: Want, reply: Reply) -> Result<(), TooMuch>;

    /// The station of this number has gone, and what it offered with it. Must not wait.
    fn left(&self, station: u64);
}

/// Something that a station wants.
#[derive(Debug)]
pub enum Want {
    /// That other boards are answered.
    Arm(Change),
    /// To know which boards have a word of their own.
    Rules {
        /// Those behind this name only.
        after: Option<Name>,
    },
    /// That the board of a target is reset.
    Reset {
        /// The target's name.
        target: String,
    },
    /// That boards are offered an image of their EEPROM, or nothing any more.
    Offer {
        /// The number of the station.
        by: u64,
        /// The boards.
        boards: Vec<Mac>,
        /// The image with its signature; `None`: nothing any more.
        image: Option<(Handed, String)>,
    },
}

/// A station wants more at once than is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it wants too much at once")]
pub struct TooMuch;

/// The way to tell a station that what it wanted is done.
pub struct Reply {
    way: Arc<Way>,
    id: u64,
}

impl std::fmt::Debug for Reply {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Reply").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Reply {
    pub(super) fn new(way: Arc<Way>, id: u64) -> Self {
        Self { way, id }
    }

    /// It is done.
    pub fn done(self) {
        self.tell(None, false);
    }

    /// It isn't, and why. `missing`: there is no such target, or no reset line for it.
    pub fn failed(self, why: &str, missing: bool) {
        self.tell(Some(why), missing);
    }

    /// These are the boards; there may be more behind them.
    pub fn rules(self, boards: Vec<Rule>, more: bool) {
        self.way.tell(&ToClient::Words { id: self.id, boards, more }, b"");
    }

    fn tell(self, failed: Option<&str>, missing: bool) {
        // A message of the system may be long; it goes into a packet.
        let failed = failed.map(|text| text.chars().take(500).collect());
        self.way.tell(&ToClient::Done { id: self.id, failed, missing }, b"");
    }
}

/// All stations that listen. Clones are the same.
#[derive(Clone, Default)]
pub struct Stations {
    ways: Arc<Mutex<Vec<Arc<Way>>>>,
    /// What is told to those that come later.
    kept: Arc<Mutex<Notices>>,
}

impl std::fmt::Debug for Stations {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Stations").field("listen", &self.ways().len()).finish()
    }
}

impl Stations {
    fn ways(&self) -> MutexGuard<'_, Vec<Arc<Way>>> {
        self.ways.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether anybody listens.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ways().is_empty()
    }

    /// Tells all of them. Never waits: one that doesn't read is put out by the server.
    pub fn tell(&self, message: &ToClient) {
        self.ways().iter().for_each(|way| way.tell(message, b""));
    }

    /// The same for what the next one says too: left out where a station is behind.
    pub fn tell_if_free(&self, message: &ToClient) {
        let ways = self.ways();
        if let (false, Ok(packet)) = (ways.is_empty(), message::encode(message, b"")) {
            ways.iter().for_each(|way| way.link.push_if_free(&packet));
        }
    }

    /// Tells them something of the network, and those that come later.
    pub fn notice(&self, notice: Notice) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).put(notice.clone());
        self.tell(&ToClient::Notice(notice));
    }

    /// Takes one in, and tells it what is kept for it. Says whether there was room.
    pub(super) fn join(&self, way: &Arc<Way>) -> bool {
        let mut ways = self.ways();
        let room = ways.len() < MOST;
        if room {
            ways.push(Arc::clone(way));
            let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.all().for_each(|notice| way.tell(&ToClient::Notice(notice.clone()), b""));
        }
        room
    }

    pub(super) fn leave(&self, way: &Arc<Way>) {
        self.ways().retain(|other| !Arc::ptr_eq(other, way));
    }
}
