//! What is seen, as messages for stations.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use jiff::Timestamp;

use super::cables;
use crate::board::Who;
use crate::control::Stations;
use crate::control::message::{About, Notice, Seen, ToClient};
use crate::dhcp::event::{Answer, Event as DhcpEvent, Heard, Silence};
use crate::dhcp::packet::Kind;
use crate::error::Remedy;
use crate::netboot::reason::Grade;
use crate::netboot::serve::{Event, InterfaceChange, What};
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
        if let Some(notice) = notice(event)
            && (!matches!(notice.about, About::Board | About::Address) || self.allows())
        {
            self.stations.notice(notice);
        }
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

    /// Takes what cables tell.
    pub fn cable(&self, event: &cables::Event) {
        let about = if event.is_bad() { About::Board } else { About::Address };
        let (subject, text) = (event.board.label(), event.text());
        self.stations.notice(Notice::new(event.time, about, &subject, &text, event.hint(), event.is_bad()));
        if matches!(event.what, cables::What::Linked { .. }) && !self.stations.is_empty() {
            self.sighting(event.time, event.board.clone(), Way::UsbBoot, Seen::Cable);
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

    /// Whether one more is told of what anybody can invent.
    fn allows(&self) -> bool {
        self.sightings.lock().unwrap_or_else(PoisonError::into_inner).allows(Instant::now())
    }

    fn sighting(&self, time: Timestamp, board: Who, way: Way, seen: Seen) {
        if self.allows() {
            self.stations.tell(&ToClient::Sighting { time, board, way, seen });
        }
    }
}

/// What people want to know of an event.
fn notice(event: &Event) -> Option<Notice> {
    let told = |about, subject: &str, text: &str, hint: Option<Remedy>, bad| {
        Some(Notice::new(event.time, about, subject, text, hint.filter(|hint| !hint.is_empty()), bad))
    };
    match &event.what {
        What::Reason { board, told: reason } if reason.grade != Grade::Everyday => {
            let bad = reason.reason.keeps_from_booting();
            told(About::Board, &board.label(), &reason.why, Some(reason.hint.clone()), bad)
        }
        What::Server(server) => {
            let bad = server.grade == Grade::Warning;
            told(About::Server, &server.ip.to_string(), &server.why, Some(server.hint.clone()), bad)
        }
        What::Dhcp { dhcp: DhcpEvent::Heard(heard) } => {
            let Answer::Ack { address, .. } = heard.answer else { return None };
            let board = heard.client.who(heard.mac);
            told(About::Address, &board.label(), &format!("has the address {address}"), None, false)
        }
        What::Interface { interface, change, address } => {
            let (text, bad) = match change {
                InterfaceChange::Gone => ("isn't there; it is waited for".to_owned(), true),
                InterfaceChange::Down => ("is switched off; it is waited for".to_owned(), true),
                InterfaceChange::NoAddress => ("has no address; one is waited for".to_owned(), true),
                InterfaceChange::NoCarrier => ("has nobody at the other end of its cable".to_owned(), true),
                InterfaceChange::Back => (format!("is as it was before, with {address}"), false),
                InterfaceChange::Moved => (format!("serves with {address}; all began anew"), false),
                InterfaceChange::Renamed => ("has another name".to_owned(), false),
                InterfaceChange::Carrier => {
                    ("has somebody at the other end of its cable again".to_owned(), false)
                }
            };
            told(About::Interface, interface, &text, None, bad)
        }
        What::Warning { text } => told(About::Host, "this host", "", Some(text.clone()), true),
        _ => None,
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
        Answer::None {
            why: Silence::NoBootFile | Silence::NoPi | Silence::NothingForIt | Silence::Denied,
        } => None,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn event(what: What) -> Event {
        Event { time: Timestamp::UNIX_EPOCH, what }
    }

    #[test]
    fn the_state_of_the_interface_and_warnings_are_told_to_stations() {
        for (change, bad) in [
            (InterfaceChange::Gone, true),
            (InterfaceChange::NoCarrier, true),
            (InterfaceChange::Back, false),
            (InterfaceChange::Moved, false),
        ] {
            let (interface, address) = ("eth1".to_owned(), std::net::Ipv4Addr::new(10, 0, 0, 1));
            let told = notice(&event(What::Interface { interface, change, address })).unwrap();
            assert_eq!((told.about, told.subject.as_str(), told.bad), (About::Interface, "eth1", bad));
            assert!(!told.text.is_empty());
        }
        let told = notice(&event(What::Warning { text: "the disk is slow".into() })).unwrap();
        assert_eq!(
            (told.about, told.hint.map(|hint| hint.plain())),
            (About::Host, Some("the disk is slow".to_owned()))
        );
        assert!(notice(&event(What::Clients { count: 1 })).is_none());
    }

    #[test]
    fn another_dhcp_server_is_told_with_what_it_means() {
        use crate::netboot::servers::{Heard, Servers};
        let mut servers = Servers::new([10, 0, 0, 1].into(), crate::config::netboot::Mode::Dhcp);
        let heard = Heard { ip: [10, 0, 0, 9].into(), mac: None, gives: true, boots: false };
        let told: Vec<_> = servers
            .hear(heard)
            .into_iter()
            .filter_map(|server| notice(&event(What::Server(server))))
            .collect();
        assert_eq!((told[0].about, told[0].subject.as_str(), told[0].bad), (About::Server, "10.0.0.9", true));
        assert!(told[0].hint.is_some(), "{told:?}");
    }
}
