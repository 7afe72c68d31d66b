//! Switches are asked which address they have seen at which port; so boards come into their slots by themselves.
//!
//! | part | what it is |
//! |---|---|
//! | `whose` | whose an address is, and where that board is; pure |
//! | `ask` | switches are asked, again and again |
//!
//! Here: switches are made and removed, and what they have told is kept and told.

mod ask;
mod whose;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::outside::is_elsewhere;
use super::slots::by_place;
use super::store::Error;
use super::web::{Refusal, Who};
use super::{Station, now};
use crate::board::{Jumper, Mac, PortPath};
use crate::bridge::table::{Seen, Table, place};
use crate::bridge::{LONGEST_COMMUNITY, PORT};
use crate::error::Remedy;
use crate::format::{is_hidden, message};
use crate::station_api::{
    FreePlace, NewSwitch, Slot, SlotKind, Switch, SwitchAsked, SwitchPort, Thing, Time,
};
use whose::{Where, doubles, of_one_number};

/// What a switch has told counts for so long, where it tells nothing more: milliseconds.
const FRESH: Time = 120_000;
/// A board that was seen within so long is there.
const THERE: Time = 120_000;
/// Boards that weren't seen for so long are looked for in no switch, and their places are offered to nobody.
const RECENT: Time = 3_600_000;
/// Uplinks of one switch, at most.
const MOST_UPLINKS: usize = 64;
/// Places that are offered, at most.
const MOST_PLACES: usize = 50;
/// Addresses of a port that are told.
const FIRST: usize = 16;

/// What is known of a switch.
#[derive(Debug, Clone, Default)]
struct Known {
    uplinks: Vec<String>,
    asked: Time,
    told: Option<Time>,
    table: Table,
    wrong: Option<(String, Option<Remedy>)>,
}

/// Where a board is, and since when.
type Since = (Where, Time);

/// What switches have told.
#[derive(Debug, Default)]
pub(super) struct Switches {
    known: Mutex<BTreeMap<String, Arc<Known>>>,
    /// Where boards are, by their ids.
    boards: Mutex<BTreeMap<String, Since>>,
    /// Rung where somebody wants to know it soon.
    ring: tokio::sync::Notify,
}

impl Switches {
    fn known(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Known>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn boards(&self) -> MutexGuard<'_, BTreeMap<String, Since>> {
        self.boards.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A board has come: switches are asked soon.
    pub(super) fn ask_soon(&self) {
        self.ring.notify_one();
    }

    /// Those that have told something lately.
    fn fresh(&self, now: Time) -> Vec<(String, Arc<Known>)> {
        let known = self.known();
        let is_fresh = |known: &Known| known.told.is_some_and(|told| now.saturating_sub(told) <= FRESH);
        let fresh = known.iter().filter(|(_, known)| is_fresh(known));
        fresh.map(|(name, known)| (name.clone(), Arc::clone(known))).collect()
    }

    /// Takes over where boards are. Those that are elsewhere than before.
    fn put(&self, places: BTreeMap<&str, Where>, now: Time) -> Vec<String> {
        let mut boards = self.boards();
        let mut changed: Vec<String> =
            boards.keys().filter(|board| !places.contains_key(board.as_str())).cloned().collect();
        boards.retain(|board, _| places.contains_key(board.as_str()));
        for (board, place) in places {
            if boards.get(board).is_none_or(|(before, _)| *before != place) {
                boards.insert(board.to_owned(), (place, now));
                changed.push(board.to_owned());
            }
        }
        changed
    }

    /// Where a board is, in words; `None` where no switch knows it.
    pub(super) fn words(&self, board: &str) -> Option<String> {
        let boards = self.boards();
        let text = match &boards.get(board)?.0 {
            Where::Seen(Seen::At(place)) => format!("at {place}"),
            Where::Seen(Seen::Several(places)) => {
                format!("at several ports, so nobody knows at which: {}", some(places))
            }
            Where::Seen(Seen::Behind(places)) => {
                format!("behind {}, where more than one board is", some(places))
            }
            Where::Seen(Seen::Nowhere) => return None,
            Where::Double(mac) => {
                format!("nobody knows where: another board that is there has its Ethernet address {mac} too")
            }
        };
        Some(message(&text).into_owned())
    }

    /// What is wrong with switches, by name, and what helps.
    pub(super) fn wrong(&self) -> Vec<(String, String, Option<Remedy>)> {
        let known = self.known();
        let wrong = known.iter().filter_map(|(name, known)| {
            let (why, hint) = known.wrong.clone()?;
            Some((name.clone(), why, hint))
        });
        wrong.collect()
    }
}

/// The first ones of several places.
fn some(places: &[String]) -> String {
    let more = if places.len() > 4 { ", and so on" } else { "" };
    let first: Vec<_> = places.iter().take(4).map(String::as_str).collect();
    format!("{}{more}", first.join(", "))
}

/// The address of a switch.
fn address(text: &str) -> Result<SocketAddr, Refusal> {
    let text = text.trim();
    let address = match (text.parse::<IpAddr>(), text.parse::<SocketAddr>()) {
        (Ok(ip), _) => Some(SocketAddr::new(ip, PORT)),
        (_, Ok(address)) => Some(address),
        _ => None,
    };
    let wanted =
        "`address` is to be an IP address, with a port where that isn't 161: 10.0.0.2 or 10.0.0.2:1161";
    address.filter(|address| address.port() > 0).ok_or_else(|| Refusal::meaningless(wanted))
}

/// An address as it is kept.
fn written(address: SocketAddr) -> String {
    if address.port() == PORT { address.ip().to_string() } else { address.to_string() }
}

impl Station {
    /// All switches, with how they were when they were asked last.
    pub(super) async fn switches(&self) -> Result<Vec<Switch>, Error> {
        let mut switches = self.store().switches().await?;
        let known = self.switches.known();
        for switch in &mut switches {
            switch.asked = known.get(&switch.name).map(|known| SwitchAsked {
                at: known.asked,
                told: known.told,
                ports: u32::try_from(known.table.ports().count()).unwrap_or(u32::MAX),
                addresses: u32::try_from(known.table.addresses()).unwrap_or(u32::MAX),
                wrong: known.wrong.as_ref().map(|(why, _)| message(why).into_owned()),
            });
        }
        Ok(switches)
    }

    /// Makes or changes a switch.
    pub(super) async fn put_switch(&self, who: &Who, name: &str, new: NewSwitch) -> Result<Switch, Refusal> {
        let address = address(&new.address)?;
        if !self.options.settings.station.hooks_local.value && !is_elsewhere(address.ip()) {
            return Err(Refusal::forbidden("a switch can't be the station's host itself")
                .with_hint("the setting `station.hooks-local` allows it"));
        }
        let community = new.community.as_deref();
        let is_community = |text: &str| {
            (1..=LONGEST_COMMUNITY).contains(&text.len())
                && text.bytes().all(|byte| (b' '..0x7f).contains(&byte))
        };
        if !community.is_none_or(is_community) {
            let text = format!("`community` has 1 to {LONGEST_COMMUNITY} printable ASCII characters");
            return Err(Refusal::meaningless(text));
        }
        let uplinks: Vec<String> = new.uplinks.iter().map(|port| port.trim().to_owned()).collect();
        let is_port =
            |port: &String| (1..=64).contains(&port.chars().count()) && !port.chars().any(is_hidden);
        if uplinks.len() > MOST_UPLINKS || !uplinks.iter().all(is_port) {
            let text = format!("`uplinks` are {MOST_UPLINKS} names of ports at most, of 1 to 64 characters");
            return Err(Refusal::meaningless(text));
        }
        let (made, by) = (now(), who.by.clone());
        let switch =
            Switch { name: name.to_owned(), address: written(address), uplinks, made, by, asked: None };
        self.store().put_switch(&switch, community).await?;
        // What was told before may be another switch's.
        self.switches.known().remove(name);
        self.switches.ask_soon();
        self.changed(who, "switch.put", name).await;
        Ok(switch)
    }

    /// Removes a switch. Slots at its ports stay.
    pub(super) async fn remove_switch(&self, who: &Who, name: &str) -> Result<(), Refusal> {
        self.store().remove_switch(name).await?;
        self.switches.known().remove(name);
        self.changed(who, "switch.remove", name).await;
        Ok(())
    }

    /// The ports of a switch that have seen something, by name.
    pub(super) async fn switch_ports(&self, name: &str) -> Result<Vec<SwitchPort>, Refusal> {
        let switches = self.store().switches().await?;
        if !switches.iter().any(|switch| switch.name == name) {
            return Err(Refusal::missing(format!("there is no switch `{name}`")));
        }
        let Some(known) = self.switches.known().get(name).cloned() else { return Ok(Vec::new()) };
        let slots = self.store().slots().await?;
        let named = by_place(&slots, SlotKind::Switch);
        let mut owners: BTreeMap<Mac, Vec<String>> = BTreeMap::new();
        for one in self.store().addressed(now().saturating_sub(RECENT)).await? {
            owners.entry(one.mac).or_default().push(one.board);
        }
        let mut ports = Vec::new();
        for (port, macs) in known.table.ports() {
            let uplink = known.table.is_uplink(port, &known.uplinks);
            let first: Vec<Mac> = macs.iter().copied().take(FIRST).collect();
            let here: Vec<String> = match uplink {
                true => Vec::new(),
                false => first.iter().filter_map(|mac| owners.get(mac)).flatten().cloned().collect(),
            };
            let mut boards = Vec::new();
            for board in here {
                boards.push(self.called(&board).await.unwrap_or(board));
            }
            boards.sort_unstable();
            boards.dedup();
            ports.push(SwitchPort {
                port: port.to_owned(),
                slot: named.get(&place(name, port)).map(|slot| slot.name.clone()),
                uplink,
                addresses: u32::try_from(macs.len()).unwrap_or(u32::MAX),
                first,
                boards,
            });
        }
        Ok(ports)
    }

    /// Places at which boards were seen lately and that are no slots, the newest first: who plugs a board in finds the
    /// place of it at the head.
    pub(super) async fn free_places(&self) -> Result<Vec<FreePlace>, Error> {
        let (at, slots) = (now(), self.store().slots().await?);
        let since = at.saturating_sub(RECENT);
        let mut all: Vec<(SlotKind, String, String, Time)> = Vec::new();
        for seen in self.store().seen_at_usb(since).await? {
            all.push((SlotKind::Usb, seen.place, seen.board, seen.seen));
        }
        for seen in self.store().seen_at_jumpers(since).await? {
            all.push((SlotKind::Jumper, seen.jumper.to_string(), seen.board, seen.seen));
        }
        for (board, (place, since)) in self.switches.boards().iter() {
            if let Where::Seen(Seen::At(place)) = place {
                all.push((SlotKind::Switch, place.clone(), board.clone(), *since));
            }
        }
        for kind in [SlotKind::Usb, SlotKind::Jumper, SlotKind::Switch] {
            let named = by_place(&slots, kind);
            all.retain(|(of, place, ..)| *of != kind || !named.contains_key(place));
        }
        // The newest first, and each place once.
        all.sort_by(|one, other| other.3.cmp(&one.3).then_with(|| one.1.cmp(&other.1)));
        let mut free: Vec<FreePlace> = Vec::new();
        for (kind, place, board, since) in all {
            if free.len() >= MOST_PLACES {
                break;
            }
            if free.iter().any(|known| known.kind == kind && known.place == place) {
                continue;
            }
            let called = self.called(&board).await.unwrap_or_else(|| board.clone());
            free.push(FreePlace { kind, place, board, called, since });
        }
        Ok(free)
    }

    /// Boards that are there and have one Ethernet address, with what people call them.
    pub(super) async fn doubled(&self) -> Result<Vec<(Mac, Vec<String>)>, Error> {
        let at = now();
        let all = self.store().addressed(at.saturating_sub(THERE)).await?;
        let mut named = Vec::new();
        for (mac, boards) in doubles(&all, |one| self.is_there(&one.board, one.seen, at)) {
            let mut names = Vec::new();
            for board in boards.into_iter().take(8) {
                // By name or serial number: the address is what they share.
                let known = self.store().board(board).await?;
                let serial = known.serial.map(|serial| serial.to_string());
                names.push(known.name.or(serial).unwrap_or(known.id));
            }
            named.push((mac, names));
        }
        Ok(named)
    }

    /// Boards that are there at once and tell one number of jumpers, with what people call them.
    pub(super) async fn one_number(&self) -> Result<Vec<(Jumper, Vec<String>)>, Error> {
        let at = now();
        let all = self.store().seen_at_jumpers(at.saturating_sub(RECENT)).await?;
        let asked = |board: &str| {
            let ago = Time::try_from(self.waiting.asked(board)?.as_millis()).ok()?;
            Some(at.saturating_sub(ago))
        };
        let mut named = Vec::new();
        for (jumper, boards) in of_one_number(&all, at.saturating_sub(THERE), asked) {
            let mut names = Vec::new();
            for board in boards.into_iter().take(8) {
                names.push(self.called(board).await.unwrap_or_else(|| board.to_owned()));
            }
            named.push((jumper, names));
        }
        Ok(named)
    }

    /// Whether a board is there, which was seen last at a time.
    fn is_there(&self, board: &str, seen: Time, now: Time) -> bool {
        self.waiting.is_present(board) || now.saturating_sub(seen) <= THERE
    }

    /// A board was seen at a place of this kind, where this slot is, or none. Whether it has moved.
    async fn board_seen_at(
        &self,
        board: &str,
        slots: &[Slot],
        now_in: Option<&str>,
        to: Option<&Slot>,
        by: SlotKind,
    ) -> Result<bool, Error> {
        let now_in = slots.iter().find(|slot| Some(slot.name.as_str()) == now_in);
        let Some(to) = super::slots::moves(now_in, to, by) else { return Ok(false) };
        if !self.store().move_board(board, now_in.map(|slot| slot.name.as_str()), to).await? {
            return Ok(false);
        }
        tracing::info!(board, slot = to, by = by.words(), "a board is in another slot");
        self.changes.tell(Thing::Board, board, Some(board));
        Ok(true)
    }

    /// A board has said by its jumpers where it is.
    pub(super) async fn at_jumper(&self, board: &str, jumper: Option<Jumper>) -> Result<(), Error> {
        match jumper {
            Some(jumper) => self.at_place(board, SlotKind::Jumper, &jumper.to_string()).await,
            None => Ok(()),
        }
    }

    /// A board was seen at a USB port.
    pub(super) async fn at_usb_port(&self, board: &str, port: &PortPath) -> Result<(), Error> {
        self.at_place(board, SlotKind::Usb, &port.to_string()).await
    }

    async fn at_place(&self, board: &str, kind: SlotKind, place: &str) -> Result<(), Error> {
        let slots = self.store().slots().await?;
        let known = self.store().board(board).await?;
        let to = by_place(&slots, kind).get(place).copied();
        self.board_seen_at(board, &slots, known.slot.as_deref(), to, kind).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::station;
    use super::*;
    use crate::device_api::Register;
    use crate::format::json::json;
    use crate::station::web::Origin;
    use crate::station_api::Role;

    async fn board(station: &Station, serial: &str, more: serde_json::Value) -> String {
        let mut told = json!({
            "api": 1, "nonce": "", "agent": "0", "serial": serial, "macs": Vec::<String>::new(), "key": format!("{serial:0>64}"),
        });
        told.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let told: Register = serde_json::from_value(told).unwrap();
        let met = station.store().register(&told, true, now()).await.unwrap();
        station.at_jumper(&met.board().id, told.jumper).await.unwrap();
        met.board().id.clone()
    }

    async fn slot(station: &Station, name: &str, kind: SlotKind, place: &str) {
        let (name, place) = (name.to_owned(), place.to_owned());
        let slot = Slot { name, kind, place, position: 0, cell: None, suspected: None, mended: None };
        station.store().put_slot(&slot).await.unwrap();
    }

    fn ada() -> Who {
        let nobody = Who::nobody(Origin::Socket { uid: 0 });
        Who { by: "ada".into(), role: Role::Admin, ..nobody }
    }

    #[test]
    fn a_switch_is_at_an_address_and_no_name_is_looked_up() {
        for (text, kept) in [
            (" 10.0.0.2 ", Some("10.0.0.2")),
            ("10.0.0.2:161", Some("10.0.0.2")),
            ("10.0.0.2:1161", Some("10.0.0.2:1161")),
            ("fd00::2", Some("fd00::2")),
            ("[fd00::2]:1161", Some("[fd00::2]:1161")),
            ("10.0.0.2:0", None),
            ("switch.example", None),
            ("10.0.0.2/24", None),
            ("", None),
        ] {
            assert_eq!(address(text).ok().map(written).as_deref(), kept, "{text}");
        }
    }

    #[tokio::test]
    async fn the_stations_own_host_and_odd_words_are_refused_and_the_community_stays_secret() {
        let (_dir, station) = station().await;
        let new = |address: &str, community: &str, uplinks: &[&str]| NewSwitch {
            address: address.into(),
            community: Some(community.into()),
            uplinks: uplinks.iter().map(|&port| port.into()).collect(),
        };
        let long = "x".repeat(65);
        for bad in [
            new("127.0.0.1", "reader", &[]),
            new("[::1]:161", "reader", &[]),
            new("169.254.169.254", "reader", &[]),
            new("switch.example", "reader", &[]),
            new("10.0.0.2", "", &[]),
            new("10.0.0.2", &long, &[]),
            new("10.0.0.2", "a\nb", &[]),
            new("10.0.0.2", "reader", &["\u{1b}[2J"]),
        ] {
            let said = format!("{bad:?}");
            assert!(station.put_switch(&ada(), "sw1", bad).await.is_err(), "{said}");
            assert!(!said.contains("reader"), "{said}");
        }
        let made =
            station.put_switch(&ada(), "sw1", new("10.0.0.2", "hush-hush", &[" ge-24 "])).await.unwrap();
        assert_eq!((made.uplinks, made.by), (vec!["ge-24".to_owned()], "ada".to_owned()));
        let told = format!(
            "{:?} {}",
            station.switches().await.unwrap(),
            crate::format::json::line(&station.switches().await.unwrap()).unwrap()
        );
        let audit = format!("{:?}", station.store().audit(&Default::default()).await.unwrap().items);
        assert!(
            audit.contains("switch.put") && !audit.contains("hush-hush") && !told.contains("hush-hush"),
            "{told} {audit}"
        );
        assert!(station.switch_ports("sw2").await.is_err());
        assert_eq!(station.switch_ports("sw1").await.unwrap(), []);
        station.remove_switch(&ada(), "sw1").await.unwrap();
        assert!(station.remove_switch(&ada(), "sw1").await.is_err());
    }

    #[tokio::test]
    async fn jumpers_put_a_board_into_their_slot_and_a_place_without_one_is_offered() {
        let (_dir, station) = station().await;
        let one = board(&station, "10000000aaaa0001", json!({"jumper": 3})).await;
        assert_eq!(station.store().board(&one).await.unwrap().slot, None);
        let free = station.free_places().await.unwrap();
        assert_eq!(
            (free.len(), free[0].kind, free[0].place.as_str(), free[0].called.as_str()),
            (1, SlotKind::Jumper, "3", "10000000aaaa0001")
        );
        slot(&station, "left", SlotKind::Jumper, "3").await;
        slot(&station, "hub", SlotKind::Usb, "1-1").await;
        assert_eq!(station.free_places().await.unwrap(), []);
        board(&station, "10000000aaaa0001", json!({"jumper": 3})).await;
        let slot_of = async |id: &str| station.store().board(id).await.unwrap().slot;
        assert_eq!(slot_of(&one).await.as_deref(), Some("left"));
        // What a person has said of another kind of place stays.
        let change = crate::station_api::BoardChange { slot: Some("hub".into()), ..Default::default() };
        station.store().change_board(&one, &change).await.unwrap();
        board(&station, "10000000aaaa0001", json!({"jumper": 3})).await;
        assert_eq!(slot_of(&one).await.as_deref(), Some("hub"));
        // At a USB port it is where it was seen, as long as nobody has put it elsewhere.
        let port = |text: &str| text.parse::<PortPath>().unwrap();
        station.at_usb_port(&one, &port("1-1")).await.unwrap();
        assert_eq!(slot_of(&one).await.as_deref(), Some("hub"));
        station.at_usb_port(&one, &port("1-4")).await.unwrap();
        assert_eq!(slot_of(&one).await, None, "that port is no slot");
        station.at_usb_port(&one, &port("1-1")).await.unwrap();
        assert_eq!(slot_of(&one).await.as_deref(), Some("hub"));
        // The newest place stands first.
        let who = serde_json::from_str(r#"{"serial":"10000000aaaa0001"}"#).unwrap();
        for (port, later) in [("1-1", 1), ("1-2", 2), ("1-3", 3)] {
            station.store().see(&who, "usb", port, "boot ROM", now() + later).await.unwrap();
        }
        let free: Vec<_> = station.free_places().await.unwrap().into_iter().map(|free| free.place).collect();
        assert_eq!(free, ["1-3", "1-2"]);
    }

    #[tokio::test]
    async fn two_boards_with_one_address_stay_two_and_are_told_by_name() {
        let (_dir, station) = station().await;
        let both = json!({"macs": ["dc:a6:32:01:02:03"]});
        let one = board(&station, "10000000aaaa0001", both.clone()).await;
        assert_eq!(station.doubled().await.unwrap(), []);
        let other = board(&station, "10000000aaaa0002", both).await;
        assert_ne!(one, other);
        let mac = "dc:a6:32:01:02:03".parse().unwrap();
        let names = vec!["10000000aaaa0001".to_owned(), "10000000aaaa0002".to_owned()];
        assert_eq!(station.doubled().await.unwrap(), [(mac, names)]);
        for (id, serial) in [(one, "10000000aaaa0001"), (other, "10000000aaaa0002")] {
            let known = station.store().board(&id).await.unwrap();
            assert_eq!((known.serial.unwrap().as_str(), known.macs), (serial, vec![mac]));
        }
    }
}
