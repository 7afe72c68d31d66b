//! Switches are asked, each by a thread of its own: one that is silent holds up no other.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::whose::{Where, places};
use super::{Known, RECENT, address};
use crate::bridge::table::{Seen, Switch as Told, Table};
use crate::bridge::{self, Snmp};
use crate::error::{Explain, Remedy, chain};
use crate::format::message;
use crate::station::slots::by_place;
use crate::station::web::Refusal;
use crate::station::{Station, now};
use crate::station_api::{Enrolment, SlotKind, Switch, Thing, Time};
use crate::stop::Stop;

/// How often they are asked.
const EACH: Duration = Duration::from_secs(15);
/// How long they are left alone at least, however many boards come.
const PAUSE: Duration = Duration::from_secs(3);

/// Why a switch has told nothing, and what helps.
type Why = (String, Option<Remedy>);

/// Reads what a switch has seen.
fn read(switch: &Switch, community: &str, stop: &Stop) -> Result<Table, Why> {
    let at = address(&switch.address).map_err(|refusal| (refusal.detail(), None))?;
    let told = Snmp::open(at, community, stop).and_then(|mut switch| bridge::read(&mut switch));
    told.map_err(|error| (message(&chain(&error)).into_owned(), error.hint()))
}

impl Station {
    /// Asks all switches, as long as it serves.
    pub(in crate::station) async fn ask_switches(self: Arc<Self>) {
        loop {
            if let Err(error) = self.ask_switches_once().await {
                tracing::warn!(why = %error.detail(), "switches can't be asked");
            }
            tokio::select! {
                () = self.ending.cancelled() => return,
                () = tokio::time::sleep(PAUSE) => {}
            }
            tokio::select! {
                () = self.ending.cancelled() => return,
                () = tokio::time::sleep(EACH.saturating_sub(PAUSE)) => {}
                () = self.switches.ring.notified() => {}
            }
        }
    }

    async fn ask_switches_once(&self) -> Result<(), Refusal> {
        let switches = self.store().switches_to_ask().await?;
        // One that was removed by another station.
        self.switches.known().retain(|name, _| switches.iter().any(|(switch, _)| switch.name == *name));
        if switches.is_empty() {
            return self.place_boards().await;
        }
        let stop = match Stop::new() {
            Ok(stop) => stop,
            Err(error) => {
                tracing::warn!(%error, "switches can't be asked");
                return Ok(());
            }
        };
        let mut asked = JoinSet::new();
        for (switch, community) in switches {
            let stop = stop.clone();
            asked.spawn_blocking(move || {
                let told = read(&switch, &community, &stop);
                (switch, told)
            });
        }
        loop {
            let joined = tokio::select! {
                joined = asked.join_next() => joined,
                () = self.ending.cancelled() => {
                    stop.set();
                    while asked.join_next().await.is_some() {}
                    return Ok(());
                }
            };
            match joined {
                None => return Ok(()),
                Some(Ok((switch, told))) => {
                    self.note_switch(&switch, told, now());
                    self.place_boards().await?;
                }
                Some(Err(error)) => tracing::warn!(%error, "a switch can't be asked"),
            }
        }
    }

    /// Notes what a switch has told.
    fn note_switch(&self, switch: &Switch, told: Result<Table, Why>, at: Time) {
        let mut known = self.switches.known();
        let before = known.get(&switch.name).cloned().unwrap_or_default();
        let mut now = Known { uplinks: switch.uplinks.clone(), asked: at, ..(*before).clone() };
        match told {
            Ok(table) => (now.table, now.told, now.wrong) = (table, Some(at), None),
            Err(wrong) => {
                if before.wrong.is_none() {
                    tracing::warn!(
                        switch = switch.name,
                        why = wrong.0,
                        "a switch tells nothing that can be used"
                    );
                }
                now.wrong = Some(wrong);
            }
        }
        let is_other = now.wrong.is_some() != before.wrong.is_some() || before.asked == 0;
        known.insert(switch.name.clone(), Arc::new(now));
        drop(known);
        if is_other {
            self.changes.tell(Thing::Settings, &switch.name, None);
        }
    }

    /// Boards come into the slots at the ports at which switches have seen them.
    async fn place_boards(&self) -> Result<(), Refusal> {
        let at = now();
        let fresh = self.switches.fresh(at);
        let addressed = match fresh.is_empty() {
            true => Vec::new(),
            false => self.store().addressed(at.saturating_sub(RECENT)).await?,
        };
        let switches: Vec<_> = fresh
            .iter()
            .map(|(name, known)| Told { name, table: &known.table, uplinks: &known.uplinks })
            .collect();
        let places = places(&addressed, &switches, |one| self.is_there(&one.board, one.seen, at));
        let slots = self.store().slots().await?;
        let named = by_place(&slots, SlotKind::Switch);
        // A board with several addresses is at one place.
        let mut looked_at = BTreeSet::new();
        for one in addressed.iter().filter(|one| looked_at.insert(one.board.as_str())) {
            let Some(Where::Seen(Seen::At(place))) = places.get(one.board.as_str()) else { continue };
            let (from, to) = (one.slot.as_deref(), named.get(place).copied());
            if self.board_seen_at(&one.board, &slots, from, to, SlotKind::Switch).await? {
                self.arrived_in_slot(&one.board).await?;
            }
        }
        for board in self.switches.put(places, at) {
            self.changes.tell(Thing::Board, &board, Some(&board));
        }
        Ok(())
    }
}

impl Station {
    /// Rules may ask for the slot: a board that has come, and got nothing to do since, is looked at once more. One that
    /// has done something since isn't: it may only have been put into another port.
    async fn arrived_in_slot(&self, board: &str) -> Result<(), Refusal> {
        if !self.waiting.is_present(board) {
            return Ok(());
        }
        let Some(place) = self.store().places(&[board.to_owned()]).await?.pop() else { return Ok(()) };
        let came = place.board.facts.as_ref().map_or(place.board.first_seen, |facts| facts.at);
        let is_new = place.job.is_none_or(|job| job.made < came);
        if is_new && place.board.enrolment == Enrolment::Enrolled {
            self.arrived(board).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bridge::table::tests::table;
    use crate::device_api::Register;
    use crate::format::json::json;
    use crate::station::testing::station;
    use crate::station_api::{Slot, SwitchPort};

    async fn board(station: &Station, last: u8) -> String {
        let serial = format!("10000000aaaa00{last:02x}");
        let told = json!({
            "api": 1, "nonce": "", "agent": "0", "serial": serial, "key": format!("{serial:0>64}"),
            "macs": [format!("dc:a6:32:01:02:{last:02x}")],
        });
        let told: Register = serde_json::from_value(told).unwrap();
        station.store().register(&told, true, now()).await.unwrap().board().id.clone()
    }

    fn switch(name: &str, uplinks: &[&str]) -> Switch {
        let uplinks = uplinks.iter().map(|&port| port.to_owned()).collect();
        Switch {
            name: name.into(),
            address: "10.0.0.2".into(),
            uplinks,
            made: 1,
            by: "ada".into(),
            asked: None,
        }
    }

    async fn slot(station: &Station, name: &str, kind: SlotKind, place: &str) {
        let (name, place) = (name.to_owned(), place.to_owned());
        let slot = Slot { name, kind, place, position: 0, cell: None, suspected: None, mended: None };
        station.store().put_slot(&slot).await.unwrap();
    }

    #[tokio::test]
    async fn boards_come_into_the_slots_at_their_ports_and_leave_them() {
        let (_dir, station) = station().await;
        let sw1 = switch("sw1", &["ge-0/0/12"]);
        station.store().put_switch(&sw1, Some("x")).await.unwrap();
        for port in 1..=3 {
            let place = format!("sw1/ge-0/0/{port}");
            slot(&station, &format!("A{port}"), SlotKind::Switch, &place).await;
        }
        slot(&station, "U1", SlotKind::Usb, "1-1").await;
        let ids = [board(&station, 1).await, board(&station, 2).await, board(&station, 3).await];
        let slots = async || {
            let mut slots = Vec::new();
            for id in &ids {
                slots.push(station.store().board(id).await.unwrap().slot.unwrap_or_default());
            }
            slots
        };
        let change = crate::station_api::BoardChange { slot: Some("U1".into()), ..Default::default() };
        station.store().change_board(&ids[2], &change).await.unwrap();
        let tell = async |seen: &[(u8, i64)]| {
            station.note_switch(&sw1, Ok(table(seen)), now());
            station.place_boards().await.unwrap();
        };
        tell(&[(1, 1), (2, 2), (3, 3)]).await;
        assert_eq!(slots().await, ["A1", "A2", "U1"], "what a person has said of a USB port stays");
        // They change their ports; one is at a port that is no slot.
        tell(&[(1, 2), (2, 7)]).await;
        assert_eq!(slots().await, ["A2", "", "U1"]);
        assert_eq!(station.switches.words(&ids[1]).as_deref(), Some("at sw1/ge-0/0/7"));
        let free = station.free_places().await.unwrap();
        assert_eq!((free.len(), free[0].place.as_str(), &free[0].board), (1, "sw1/ge-0/0/7", &ids[1]));
        // Nobody knows where: it stays where it was.
        tell(&[(1, 3), (1, 1), (2, 12)]).await;
        assert_eq!(slots().await, ["A2", "", "U1"]);
        let words = station.switches.words(&ids[0]).unwrap();
        assert!(words.starts_with("at several ports") && words.contains("sw1/ge-0/0/3"), "{words}");
        assert!(station.switches.words(&ids[1]).unwrap().starts_with("behind sw1/ge-0/0/12"));
        let ports = station.switch_ports("sw1").await.unwrap();
        let SwitchPort { uplink, boards, addresses, .. } =
            ports.iter().find(|port| port.port == "ge-0/0/12").unwrap();
        assert!(*uplink && boards.is_empty() && *addresses == 1, "{ports:?}");
        let third = ports.iter().find(|port| port.port == "ge-0/0/3").unwrap();
        assert_eq!(
            (third.slot.as_deref(), third.boards.as_slice()),
            (Some("A3"), &["10000000aaaa0001".to_owned()][..])
        );
        // It tells nothing any more: what it told counts for two minutes, and what was found stays.
        station.note_switch(&sw1, Err(("no answer".to_owned(), None)), now());
        let told = station.switches().await.unwrap().remove(0).asked.unwrap();
        assert_eq!((told.wrong.as_deref(), told.addresses), (Some("no answer"), 2));
        assert!(station.switches.fresh(now() + super::super::FRESH + 1000).is_empty());
    }

    #[tokio::test]
    async fn a_switch_that_is_not_there_is_told_and_the_station_goes_on() {
        let (_dir, station) = station().await;
        // Nothing listens there: whoever had the port has left.
        let port = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let gone = Switch { address: port.to_string(), ..switch("gone", &[]) };
        station.store().put_switch(&gone, Some("x")).await.unwrap();
        station.ask_switches_once().await.unwrap();
        let (name, why, hint) = station.switches.wrong().remove(0);
        assert_eq!(name, "gone");
        assert!(why.contains("nothing listens") && hint.is_some(), "{why}");
        station.store().remove_switch("gone").await.unwrap();
        station.ask_switches_once().await.unwrap();
        assert!(station.switches.wrong().is_empty());
    }
}
