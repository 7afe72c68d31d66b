//! The server: opened, moved to another interface, and run. Its loop stands in `work`.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::time::Instant;

use rustix::event::{PollFd, PollFlags};

use super::clock::{Clock, unix_time};
use super::config::{AddressPlan, Config, Mode};
use super::error::Error;
use super::event::Event;
use super::journal::{self, Journal, Reports};
use super::lease::{self, Damage, Record, Store};
use super::net::Port;
use super::outbox::Outbox;
use super::packet::{PXE_PORT, SERVER_PORT};
use super::policy::Policy;
use super::probe::{self, Probe};
use super::work::{Loop, TOLD_A_SECOND};
use crate::per_second::PerSecond;
use crate::stop::{Pulse, Stop, until};
use crate::wire::{Interface, Neighbours, PacketSocket, Rule, Scope, interfaces};

/// Sockets that another program has opened, such as systemd. What is missing is opened here.
#[derive(Debug, Default)]
pub struct Handed {
    /// UDP port 67.
    pub dhcp: Option<OwnedFd>,
    /// UDP port 4011.
    pub pxe: Option<OwnedFd>,
}

/// A DHCP server with its ports open.
#[derive(Debug)]
pub struct Server {
    pub(super) interface: Interface,
    pub(super) plan: AddressPlan,
    pub(super) dhcp: Port,
    pub(super) pxe: Port,
    pub(super) raw: Option<PacketSocket>,
    pub(super) no_raw: Option<String>,
    pub(super) store: Option<Store>,
    pub(super) leases: PathBuf,
    pub(super) damage: Option<Damage>,
    pub(super) neighbours: Arc<Neighbours>,
    pub(super) config: Config,
    /// What is known of clients, while nothing serves.
    pub(super) policy: Option<Policy>,
    /// What its times are reckoned by.
    pub(super) clock: Option<Clock>,
    /// It has to look for another server before it answers anybody.
    pub(super) has_to_look: bool,
    pub(super) pulse: Pulse,
}

impl Server {
    /// Checks the configuration against the interface, opens ports and leases, and in `dhcp` mode looks for another
    /// server first, which takes up to [`probe::PATIENCE`]; who asks meanwhile has to ask again. Where nobody is at the other end of the cable there is nothing to see; then [`Server::run`] looks first.
    ///
    /// # Errors
    /// For everything that keeps it from serving; see [`Error`].
    pub fn open(config: &Config, handed: Handed, stop: &Stop) -> Result<Self, Error> {
        let interface = interfaces::find(&config.interface)?;
        let plan = AddressPlan::new(config, &interface)?;
        let dhcp = Port::open(SERVER_PORT, &interface, plan.server, handed.dhcp)?;
        let pxe = Port::open(PXE_PORT, &interface, plan.server, handed.pxe)?;
        let (raw, no_raw) = open_raw(&interface);
        let leases = file_of(config, &interface.name);
        let (store, damage) = match plan.mode {
            Mode::Proxy => (None, None),
            Mode::Dhcp => {
                let (store, damage) = Store::open(&leases)?;
                (Some(store), damage)
            }
        };
        // The ports are open and the leases locked: what is noted is no living process'.
        let neighbours = Neighbours::open(&interface, leases.with_extension("neighbours"))
            .map_err(|source| Error::Loop { interface: interface.name.clone(), source })?;
        let neighbours = Arc::new(neighbours);
        let pulse =
            Pulse::new().map_err(|source| Error::Loop { interface: interface.name.clone(), source })?;
        let records = store.as_ref().map(Store::records).unwrap_or_default();
        let promised = promised(config, &records);
        config.relays.recall(&plan, &promised);
        let mut server = Self {
            interface,
            plan,
            dhcp,
            pxe,
            raw,
            no_raw,
            store,
            leases,
            damage,
            neighbours,
            config: config.clone(),
            policy: None,
            clock: None,
            has_to_look: false,
            pulse,
        };
        server.look_again();
        if server.interface.has_carrier {
            server.look(stop, false)?;
        }
        Ok(server)
    }

    /// Opens for an interface as it is now what was open for another one, or for this one with another address. Leases,
    /// and what is known of clients where that still counts, stay. In `dhcp` mode [`Server::run`] looks for other
    /// servers first.
    ///
    /// # Errors
    /// Where the configuration doesn't fit the interface, or as for [`Server::open`]. It serves nobody then.
    pub fn move_to(&mut self, interface: Interface) -> Result<(), Error> {
        interface.usable()?;
        let plan = AddressPlan::new(&self.config, &interface)?;
        if interface.index == self.interface.index {
            // Bound to the interface, and sending from whatever address it is told.
            self.dhcp.serve_from(plan.server);
            self.pxe.serve_from(plan.server);
        } else {
            // The old ones listen on nothing, but have the port's number.
            self.dhcp = Port::open(SERVER_PORT, &interface, plan.server, None)?;
            self.pxe = Port::open(PXE_PORT, &interface, plan.server, None)?;
        }
        (self.raw, self.no_raw) = open_raw(&interface);
        self.neighbours.moved(&interface);
        (self.interface, self.plan, self.policy) = (interface, plan, None);
        self.look_again();
        Ok(())
    }

    /// The interface has another name.
    pub fn rename(&mut self, interface: Interface) {
        self.neighbours.moved(&interface);
        self.interface = interface;
    }

    /// The network may be another one: in `dhcp` mode, [`Server::run`] looks for another server before it answers
    /// anybody, unless that was forbidden.
    pub const fn look_again(&mut self) {
        self.has_to_look = matches!(self.plan.mode, Mode::Dhcp) && !self.config.force;
    }

    /// Shows whether the thread in [`Server::run`] goes round, with sockets that belong to the interface.
    #[must_use]
    pub fn pulse(&self) -> Pulse {
        self.pulse.clone()
    }

    /// Looks for another server that gives addresses, where it has to. Where the interface `is_followed`, it may go away
    /// meanwhile.
    fn look(&mut self, stop: &Stop, is_followed: bool) -> Result<(), Error> {
        if !self.has_to_look {
            return Ok(());
        }
        let mut probe = Probe::open(&self.interface, probe::PATIENCE, is_followed)?;
        loop {
            let now = Instant::now();
            if stop.is_set() {
                return Ok(());
            }
            let found = match probe.step(now) {
                Err(Error::Probe { source, .. }) if is_followed && is_away(&source) => {
                    // Whoever follows the interface stops this, or it comes back; then the time begins anew.
                    probe.begin_again(now);
                    Vec::new()
                }
                found => found?,
            };
            if let Some(other) = found.iter().find(|found| found.offered.is_some()) {
                let (interface, server) = (self.interface.name.clone(), other.server);
                return Err(Error::OtherServer { interface, server });
            }
            if probe.is_over(now) {
                self.has_to_look = false;
                // The answer to a question that has waited would come together with the next question, and the ROM of a
                // Pi 3 hangs when its file comes within two seconds of that. Everybody asks again within five.
                self.dhcp.forget();
                self.pxe.forget();
                return Ok(());
            }
            let deadline = probe.deadline();
            let fd = |fd| PollFd::from_borrowed_fd(fd, PollFlags::IN);
            let mut fds = [fd(probe.as_fd()), fd(stop.as_fd()), fd(self.pulse.as_fd())];
            until(&mut fds, Some(deadline))
                .map_err(|source| Error::Loop { interface: self.interface.name.clone(), source })?;
            self.pulse.clear();
            self.beat(self.raw.as_ref());
        }
    }

    /// It goes round; where its sockets aren't the interface's any more, that is worth nothing.
    pub(super) fn beat(&self, raw: Option<&PacketSocket>) {
        let index = self.interface.index;
        if self.dhcp.is_on(index) && self.pxe.is_on(index) && raw.is_none_or(|raw| raw.is_on(index)) {
            self.pulse.beat();
        }
    }

    /// The interface that it serves on.
    #[must_use]
    pub const fn interface(&self) -> &Interface {
        &self.interface
    }

    /// The entries in the kernel's table of neighbours that this program makes on the interface.
    #[must_use]
    pub fn neighbours(&self) -> Arc<Neighbours> {
        Arc::clone(&self.neighbours)
    }

    /// What it goes by: its own address, the network, the range.
    #[must_use]
    pub const fn plan(&self) -> &AddressPlan {
        &self.plan
    }

    /// What was damaged in the file of leases.
    #[must_use]
    pub const fn damage(&self) -> Option<&Damage> {
        self.damage.as_ref()
    }

    /// The leases as they were on disk; empty in proxy mode.
    #[must_use]
    pub fn leases(&self) -> Vec<Record> {
        self.store.as_ref().map(Store::records).unwrap_or_default()
    }

    /// Serves until `stop` is set; may be called again after. `events` is called on this thread and should not wait.
    ///
    /// # Errors
    /// [`Error::OtherServer`] where it has to look for one first and there is one.
    /// Where the operating system refuses what the event loop needs. Nothing that a client sends does that, and
    /// neither does a disk that is full or an interface that goes down for a while.
    pub fn run(&mut self, events: &mut dyn FnMut(Event), stop: &Stop) -> Result<(), Error> {
        let _span = tracing::debug_span!("dhcp", interface = self.interface.name).entered();
        tracing::debug!("serves");
        self.look(stop, true)?;
        let fail = |source| Error::Loop { interface: self.interface.name.clone(), source };
        let reports = Reports::new().map_err(fail)?;
        let mut store = self.store.take();
        let reckoned = store.as_mut().map(|store| Reckoned::new(store, &self.plan)).unwrap_or_default();
        reckoned.tell(&self.leases, events);
        let records = reckoned.records;
        let mut raw = self.raw.take();
        // A policy goes on with the clock that it went by: it may have been set meanwhile.
        let mut clock = self.clock.take().filter(|_| self.policy.is_some()).unwrap_or_else(Clock::new);
        let mut policy =
            self.policy.take().unwrap_or_else(|| Policy::new(self.plan.clone(), &records, raw.is_some()));
        let result = std::thread::scope(|scope| {
            let batches = store.as_mut().map(|store| {
                let (to, from) = mpsc::channel();
                let reports = reports.clone();
                scope.spawn(move || journal::write(store, &from, &reports));
                to
            });
            let mut work = Loop {
                server: &*self,
                raw: raw.as_mut(),
                events,
                policy: &mut policy,
                journal: Journal::new(batches),
                outbox: Outbox::default(),
                reports: &reports,
                malformed: PerSecond::new(TOLD_A_SECOND),
                unsaved: PerSecond::new(TOLD_A_SECOND),
                unsent: PerSecond::new(TOLD_A_SECOND),
                clock: &mut clock,
            };
            // The thread ends when the loop and with it the channel are gone; what was given to it is written first.
            let done = work.run(stop);
            for reply in work.outbox.drain() {
                work.unsent(&reply, false, || "serving stopped before it was its time".to_owned());
            }
            done
        })
        .map_err(|source| Error::Loop { interface: self.interface.name.clone(), source });
        (self.store, self.raw, self.policy, self.clock) = (store, raw, Some(policy), Some(clock));
        result
    }
}

/// What was promised according to these records, as far as it counts today. The boards that were told that their lease
/// doesn't end are known from here on.
fn promised(config: &Config, records: &[Record]) -> Vec<Record> {
    for record in records {
        match *record {
            Record::Lease(lease) if record.is_lasting() => config.lasting.promised(lease.mac, true),
            _ => {}
        }
    }
    for record in records {
        if let Record::Serial { mac, serial } = *record {
            config.lasting.heard(mac, Some(serial));
        }
    }
    let (now, longest) = (unix_time(), config.lease_time.as_secs().max(60));
    records.iter().map(|record| record.within(now, longest)).collect()
}

/// The leases of an interface's server.
fn file_of(config: &Config, interface: &str) -> PathBuf {
    config.state.join("dhcp").join(format!("{interface}.leases"))
}

/// Takes over what the server of an interface that isn't there yet has promised behind relays: no other server may give it
/// away meanwhile.
pub fn recall(config: &Config) {
    if config.mode == Mode::Dhcp && !config.relayed.is_empty() {
        let records = lease::read(&file_of(config, &config.interface));
        config.relays.recall_all(&promised(config, &records));
    }
}

/// The leases on disk, none of them longer than leases are here. One that seems to be was made under another clock, by a
/// host whose clock was set since, or isn't set yet.
#[derive(Debug, Default)]
struct Reckoned {
    records: Vec<Record>,
    /// How many were shortened.
    shortened: usize,
    /// Why that could not be written. Then the next start reckons again.
    failed: Option<String>,
}

impl Reckoned {
    fn new(store: &mut Store, plan: &AddressPlan) -> Self {
        let (now, longest) = (unix_time(), plan.lease_time.into());
        let old = store.records();
        let records: Vec<Record> = old.iter().map(|record| record.within(now, longest)).collect();
        // One that doesn't end stays so on disk: its board was told that, and lasting is whoever is a client.
        let is_changed = |(new, old): &(&Record, &Record)| new != old && !old.is_lasting();
        let changed: Vec<Record> = records.iter().zip(&old).filter(is_changed).map(|(new, _)| *new).collect();
        let failed = match &changed[..] {
            [] => None,
            changed => store.append(changed).err().map(|error| error.to_string()),
        };
        Self { records, shortened: changed.len(), failed }
    }

    fn tell(&self, path: &Path, events: &mut dyn FnMut(Event)) {
        if self.shortened > 0 {
            events(Event::Shortened { path: path.to_owned(), count: self.shortened });
        }
        if let Some(why) = &self.failed {
            events(Event::Unsaved { path: path.to_owned(), why: why.clone() });
        }
    }
}

/// An interface that is down or gone can't be sent over.
fn is_away(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENETDOWN | libc::ENODEV | libc::ENXIO | libc::ENOBUFS))
}

/// A socket for questions by ARP and for frames of our own, or why there is none.
fn open_raw(interface: &Interface) -> (Option<PacketSocket>, Option<String>) {
    match PacketSocket::on(interface, &[Rule::Arp], Scope::ToUs) {
        Ok(raw) => (Some(raw), None),
        Err(error) => (None, Some(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::board::{Mac, Serial};
    use crate::dhcp::config::tests::{config, eth0};
    use crate::dhcp::lease::{Lease, NEVER};

    fn told(store: &mut Store) -> (Vec<Record>, Vec<Event>) {
        let plan = AddressPlan::new(&config(Mode::Dhcp), &eth0()).unwrap();
        let (reckoned, mut events) = (Reckoned::new(store, &plan), Vec::new());
        reckoned.tell(Path::new("/l"), &mut |event| events.push(event));
        (reckoned.records, events)
    }

    #[test]
    fn a_lease_that_is_shortened_is_told_and_one_that_never_ends_is_not_shortened() {
        let dir = tempfile::tempdir().unwrap();
        let (mut store, _) = Store::open(&dir.path().join("leases")).unwrap();
        let lease = |n: u8, until| {
            let (mac, address) = (Mac::new([2, 0, 0, 0, 0, n]), Ipv4Addr::new(10, 99, 0, 100 + n));
            Record::Lease(Lease { mac, address, until, soft: false })
        };
        let serial = Record::Serial { mac: Mac::new([2, 0, 0, 0, 0, 2]), serial: Serial::of_low(7) };
        let soon = unix_time() + 60;
        store.append(&[lease(1, soon), lease(2, NEVER), lease(3, NEVER - 1), serial]).unwrap();
        let path = PathBuf::from("/l");
        store.fill_disk();
        let (_, events) = told(&mut store);
        assert_eq!(events[0], Event::Shortened { path: path.clone(), count: 1 });
        assert!(matches!(&events[1..], [Event::Unsaved { path: at, .. }] if *at == path), "{events:?}");
        drop(store);
        let (mut store, _) = Store::open(&dir.path().join("leases")).unwrap();
        let (records, events) = told(&mut store);
        assert_eq!(events, [Event::Shortened { path, count: 1 }]);
        assert_eq!((records[0], records.last()), (lease(1, soon), Some(&serial)));
        assert!(!records.iter().any(Record::is_lasting), "it is as long as others for whom is no client");
        let on_disk = store.records();
        assert_eq!((on_disk[1], on_disk[2]), (lease(2, NEVER), records[2]));
        assert_eq!(told(&mut store).1, [], "it is told once");
    }
}
