//! What is seen, as messages for stations.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use jiff::Timestamp;

use crate::board::Who;
use crate::control::Stations;
use crate::control::message::{Seen, ToClient};
use crate::dhcp::event::{Answer, Event as DhcpEvent, Heard, Silence};
use crate::dhcp::packet::Kind;
use crate::netboot::serve::{Event, What};
use crate::per_second::PerSecond;
use crate::run::{self, Tell, Way};

/// Sightings in a second, at most: anybody can invent boards.
const A_SECOND: u32 = 500;

/// Tells stations. Nothing here waits for one.
#[derive(Debug)]
pub struct News {
    stations: Stations,
    sightings: Mutex<PerSecond>,
}

impl News {
    /// For these stations.
    #[must_use]
    pub fn new(stations: Stations) -> Self {
        Self { stations, sightings: Mutex::new(PerSecond::new(A_SECOND)) }
    }

    /// Takes what network boot tells.
    pub fn netboot(&self, event: &Event) {
        if self.stations.is_empty() {
            return;
        }
        if let What::Dhcp { dhcp: DhcpEvent::Heard(heard) } = &event.what
            && let Some(seen) = seen(heard)
        {
            let board = Who { address: heard.wanted.map(Into::into), ..heard.client.who(heard.mac) };
            self.sighting(event.time, board, Way::NetBoot, seen);
        }
    }

    /// Takes what a run tells.
    pub fn run(&self, event: &run::Event) {
        if self.stations.is_empty() {
            return;
        }
        let seen = match event.what {
            run::What::Began => Some(Seen::Began),
            run::What::Ended(_) => Some(Seen::Ended),
            _ => None,
        };
        if let Some(seen) = seen {
            self.sighting(event.time, Who::clone(&event.board), event.way, seen);
        }
        let Ok(value) = serde_json::to_value(event) else { return };
        let message = ToClient::Run { event: value };
        match event.what {
            run::What::Progress => self.stations.tell_if_free(&message),
            _ => self.stations.tell(&message),
        }
    }

    fn sighting(&self, time: Timestamp, board: Who, way: Way, seen: Seen) {
        let allowed = self.sightings.lock().unwrap_or_else(PoisonError::into_inner).allows(Instant::now());
        if allowed {
            self.stations.tell(&ToClient::Sighting { time, board, way, seen });
        }
    }
}

/// What a message of DHCP shows of a board; nothing where it is no board, or only speaks of its address.
fn seen(heard: &Heard) -> Option<Seen> {
    let client = heard.client;
    if client.is_look() {
        return None;
    }
    match heard.answer {
        Answer::None { why: Silence::Withheld } => Some(Seen::Withheld),
        // A PC that nothing is to be done with.
        Answer::None { why: Silence::NoBootFile | Silence::NoPi } => None,
        _ if client.is_system() => {
            let asks = matches!(heard.message, Kind::Discover | Kind::Request);
            (client.stage.is_pi() && asks).then_some(Seen::System)
        }
        Answer::None { .. } => (heard.message == Kind::Discover).then_some(Seen::Asks { answered: false }),
        _ => (heard.message == Kind::Discover).then_some(Seen::Asks { answered: true }),
    }
}

/// Tells two: the terminal, and the stations.
pub struct Both {
    /// One.
    pub screen: Arc<dyn Tell>,
    /// The other.
    pub news: Arc<News>,
}

impl std::fmt::Debug for Both {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Both").field("news", &self.news).finish_non_exhaustive()
    }
}

impl Tell for Both {
    fn tell(&self, event: run::Event) {
        self.news.run(&event);
        self.screen.tell(event);
    }
}
