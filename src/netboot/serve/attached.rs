//! The interface that is served: what changes there, told, and what is done about it.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

use super::NFS_PORT;
use super::crew::{Crew, Health, not_served};
use super::error::Error;
use super::event::{InterfaceChange, What};
use super::follower::Follower;
use super::link::{AWAY, Lack, Link, News};
use crate::dhcp;
use crate::dhcp::packet::{CLIENT_PORT, SERVER_PORT};
use crate::error::{Action, Knob, Remedy, chain, remedy};
use crate::netboot::reason::Site;
use crate::tftp::{self, Limits};
use crate::wire::interfaces::Follow;
use crate::wire::{Interface, PacketSocket, Rule, Scope};

/// What was handed over can't be opened anew.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct HandedOver {
    pub(super) dhcp: bool,
    pub(super) tftp: bool,
}

/// The interface, as it is followed.
#[derive(Debug)]
pub(super) struct Attached {
    pub(super) follow: Follow,
    pub(super) link: Link,
    pub(super) handed: HandedOver,
    pub(super) limits: Limits,
    /// Boot files are served from here, and not by another server.
    pub(super) serves_files: bool,
    /// Further interfaces.
    pub(super) further: Vec<Further>,
    /// Further interfaces that weren't there when serving began.
    pub(super) absent: Vec<Absent>,
    /// Addresses of further interfaces at which a TFTP server was started.
    pub(super) fetched: BTreeSet<Ipv4Addr>,
    /// The number of the last of those servers.
    pub(super) last: usize,
    /// Other DHCP servers are looked for before anybody is answered.
    pub(super) looks: bool,
    /// To see a system come up, and other DHCP servers; without the privilege they aren't seen.
    pub(super) capture: Option<PacketSocket>,
}

/// A further interface.
#[derive(Debug)]
pub(super) struct Further {
    link: Link,
    /// As it is now it can't be served, which was told.
    is_unfit: bool,
}

impl Further {
    pub(super) const fn new(link: Link) -> Self {
        Self { link, is_unfit: false }
    }
}

/// A further interface that isn't there, or has no address yet: a USB adapter, one that comes up late.
#[derive(Debug)]
pub(super) struct Absent {
    config: dhcp::Config,
    /// Why it isn't served, as it was told last.
    why: Remedy,
}

impl Absent {
    pub(super) fn new(config: dhcp::Config, error: &dhcp::Error) -> Self {
        let why = not_served(&config.interface, error);
        Self { config, why }
    }

    pub(super) const fn why(&self) -> &Remedy {
        &self.why
    }
}

/// Opens the socket that sees connections to NFS, and what other DHCP servers say.
pub(super) fn capture(interface: &Interface) -> Option<PacketSocket> {
    let rules = [Rule::Syn(NFS_PORT), Rule::Between(SERVER_PORT, CLIENT_PORT)];
    PacketSocket::on(interface, &rules, Scope::ToUs).ok()
}

/// Opens TFTP's port on further interfaces.
pub(super) fn bind_further(
    further: &[Link],
    limits: Limits,
    servers: &mut Vec<tftp::Server>,
) -> Result<(), Error> {
    for (number, link) in (1..).zip(further) {
        let at = SocketAddr::from((link.address(), tftp::PORT));
        servers.push(tftp::Server::bind(at, limits)?.one_of_several(number));
    }
    Ok(())
}

impl Attached {
    /// Starts the DHCP server where it may answer now.
    pub(super) fn begin(&self, crew: &mut Crew<'_, '_>, follower: &Follower<'_>) -> Result<(), Error> {
        if !self.link.has_carrier() {
            self.tell(follower, InterfaceChange::NoCarrier);
        }
        self.resume(crew)
    }

    /// Takes what has changed, and does what follows.
    ///
    /// # Errors
    /// Where it can't be served on: the configuration doesn't fit any more, or the interface stays away.
    pub(super) fn look(
        &mut self,
        crew: &mut Crew<'_, '_>,
        health: &mut Health,
        follower: &Follower<'_>,
        now: Instant,
    ) -> Result<(), Error> {
        let is_different = self.follow.take().map_err(Error::Loop)?;
        if !is_different && self.deadline().is_none_or(|deadline| now < deadline) {
            return Ok(());
        }
        let all = self.follow.all();
        self.look_further(&all, crew, health, follower, now)?;
        self.admit(&all, crew, follower)?;
        // What was moved to may have more news; a bound, so that it can't go on for ever.
        for _ in 0..4 {
            let news = self.link.look(&all, now);
            let is_moved = matches!(news[..], [News::Moved(_)]);
            for one in news {
                health.forget();
                self.act(one, crew, follower)?;
            }
            if !is_moved {
                break;
            }
        }
        Ok(())
    }

    /// Takes what has changed of further interfaces. Whatever it is, the others go on.
    fn look_further(
        &mut self,
        all: &[Interface],
        crew: &mut Crew<'_, '_>,
        health: &mut Health,
        follower: &Follower<'_>,
        now: Instant,
    ) -> Result<(), Error> {
        for at in 0..self.further.len() {
            for news in self.further[at].link.look(all, now) {
                health.forget();
                self.act_further(at, news, crew, follower)?;
            }
        }
        Ok(())
    }

    /// Serves further interfaces that have come.
    fn admit(
        &mut self,
        all: &[Interface],
        crew: &mut Crew<'_, '_>,
        follower: &Follower<'_>,
    ) -> Result<(), Error> {
        for mut absent in std::mem::take(&mut self.absent) {
            if !all.iter().any(|one| one.name == absent.config.interface) {
                self.absent.push(absent);
                continue;
            }
            match crew.open_further(&absent.config) {
                Ok(server) => {
                    let link = Link::further(server.interface().clone(), server.plan().server);
                    tell(&link, false, follower, InterfaceChange::Back);
                    crew.add_further(server)?;
                    self.further.push(Further::new(link));
                    self.resume_further(self.further.len() - 1, crew, follower)?;
                }
                Err(error) => {
                    let why = not_served(&absent.config.interface, &error);
                    if why != absent.why {
                        follower.tell(What::Warning { text: why.clone() });
                        absent.why = why;
                    }
                    self.absent.push(absent);
                }
            }
        }
        Ok(())
    }

    fn act_further(
        &mut self,
        at: usize,
        news: News,
        crew: &mut Crew<'_, '_>,
        follower: &Follower<'_>,
    ) -> Result<(), Error> {
        let Further { link, is_unfit } = &mut self.further[at];
        let change = match news {
            News::Away(lack) | News::Over(lack) => {
                // Its sockets may be those of an interface that is gone: it can give no sign of life.
                crew.park_further(at)?;
                lack.change()
            }
            News::Moved(interface) => return self.move_further(at, interface, crew, follower),
            News::Renamed(interface) => {
                crew.park_further(at)?.rename(interface);
                InterfaceChange::Renamed
            }
            // It couldn't be served before, and may be now.
            News::Back if *is_unfit => {
                let interface = link.served().clone();
                return self.move_further(at, interface, crew, follower);
            }
            News::Back => InterfaceChange::Back,
            // One that is gone has no cable either.
            News::Unplugged if link.lack().is_some() => return Ok(()),
            News::Unplugged => InterfaceChange::NoCarrier,
            News::Plugged => InterfaceChange::Carrier,
        };
        // Other servers are looked for on the first one only, while it is served.
        tell(link, false, follower, change);
        self.resume_further(at, crew, follower)
    }

    /// Serves what a further interface is now: another one of that name, or one with another address.
    fn move_further(
        &mut self,
        at: usize,
        interface: Interface,
        crew: &mut Crew<'_, '_>,
        follower: &Follower<'_>,
    ) -> Result<(), Error> {
        let dhcp = crew.park_further(at)?;
        let moved = dhcp.move_to(interface.clone());
        let Further { link, is_unfit } = &mut self.further[at];
        *is_unfit = moved.is_err();
        if let Err(error) = moved {
            // Looked at again when it changes again.
            let address = interface.addresses.first().map_or(link.address(), |(address, _)| *address);
            follower.tell(What::Warning { text: not_served(&interface.name, &error) });
            link.adopt(interface, address);
            return Ok(());
        }
        let address = dhcp.plan().server;
        link.adopt(interface, address);
        tell(link, false, follower, InterfaceChange::Moved);
        self.resume_further(at, crew, follower)
    }

    /// Serves a further interface where it can be served.
    fn resume_further(
        &mut self,
        at: usize,
        crew: &mut Crew<'_, '_>,
        follower: &Follower<'_>,
    ) -> Result<(), Error> {
        let Further { link, is_unfit } = &self.further[at];
        if link.lack().is_some() || *is_unfit {
            return Ok(());
        }
        let address = link.address();
        crew.start_further(at)?;
        // Where it has the address that it had, the server there goes on.
        if self.serves_files && !self.fetched.contains(&address) {
            match self.bind_one(address) {
                Ok(server) => {
                    crew.add_file_server(server)?;
                    self.fetched.insert(address);
                }
                Err(error) => follower.tell(What::Warning {
                    text: format!("no boot files can be fetched from {address}: {}", chain(&error)).into(),
                }),
            }
        }
        Ok(())
    }

    /// Opens TFTP's port at one more address.
    fn bind_one(&mut self, address: Ipv4Addr) -> Result<tftp::Server, Error> {
        self.last += 1;
        // Its requests have other numbers than those of all before.
        let number =
            u16::try_from(self.last).map_err(|_| Error::Ended { what: "the numbers of TFTP servers" })?;
        let server = tftp::Server::bind(SocketAddr::from((address, tftp::PORT)), self.limits)?;
        Ok(server.one_of_several(number))
    }

    /// When the first interface was away for too long.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.link.deadline()
    }

    fn act(&mut self, news: News, crew: &mut Crew<'_, '_>, follower: &Follower<'_>) -> Result<(), Error> {
        match news {
            News::Away(lack) => self.tell(follower, lack.change()),
            News::Over(lack) => {
                let (interface, address) = (self.link.served().name.clone(), self.link.address());
                return Err(Error::Away { interface, lack, address });
            }
            News::Back => self.tell(follower, InterfaceChange::Back),
            News::Renamed(interface) => {
                follower.renamed(&interface.name);
                crew.park_dhcp()?.rename(interface);
                self.resume(crew)?;
                self.tell(follower, InterfaceChange::Renamed);
            }
            News::Unplugged => {
                if self.looks {
                    crew.park_dhcp()?.look_again();
                }
                // One that is gone has no cable either.
                if self.link.lack().is_none() {
                    self.tell(follower, InterfaceChange::NoCarrier);
                }
            }
            News::Plugged => {
                if self.looks {
                    crew.park_dhcp()?.look_again();
                }
                self.resume(crew)?;
                self.tell(follower, InterfaceChange::Carrier);
            }
            News::Moved(interface) => self.move_to(interface, crew, follower)?,
        }
        Ok(())
    }

    /// Opens everything anew that belongs to another interface or address now.
    fn move_to(
        &mut self,
        interface: Interface,
        crew: &mut Crew<'_, '_>,
        follower: &Follower<'_>,
    ) -> Result<(), Error> {
        let (old, before) = (self.link.served().index, self.link.address());
        let dhcp = crew.park_dhcp()?;
        if self.handed.dhcp && interface.index != old {
            return Err(Error::HandedOver { interface: interface.name });
        }
        dhcp.move_to(interface.clone())?;
        let address = dhcp.plan().server;
        let site = Site::new(&interface.name, dhcp.plan());
        if address != before && self.serves_files {
            if self.handed.tftp {
                return Err(Error::HandedOver { interface: interface.name });
            }
            crew.end_files()?;
            let at = SocketAddr::from((address, tftp::PORT));
            let mut servers = vec![tftp::Server::bind(at, self.limits)?];
            // One that is away has no address to listen on; it gets its server when it is back.
            self.fetched.clear();
            self.last = 0;
            let there = |further: &&Further| further.link.lack().is_none() && !further.is_unfit;
            let addresses: Vec<_> =
                self.further.iter().filter(there).map(|further| further.link.address()).collect();
            for address in addresses {
                servers.push(self.bind_one(address)?);
                self.fetched.insert(address);
            }
            crew.start_files(servers)?;
        }
        self.capture = capture(&interface);
        follower.moved(address, site);
        self.link.adopt(interface, address);
        self.tell(follower, InterfaceChange::Moved);
        self.resume(crew)
    }

    fn resume(&self, crew: &mut Crew<'_, '_>) -> Result<(), Error> {
        if self.looks && !self.link.has_carrier() { Ok(()) } else { crew.start_dhcp() }
    }

    /// Every socket belongs to what the interface is now, as far as it is known here; the DHCP server's own are looked
    /// at in its thread.
    pub(super) fn is_sound(&self) -> bool {
        let index = self.link.served().index;
        // A further one that is away keeps nobody from being served.
        self.link.lack().is_none() && self.capture.as_ref().is_none_or(|capture| capture.is_on(index))
    }

    fn tell(&self, follower: &Follower<'_>, change: InterfaceChange) {
        tell(&self.link, self.looks, follower, change);
    }
}

/// Tells of a change of an interface. `looks`: other servers are looked for on it.
fn tell(link: &Link, looks: bool, follower: &Follower<'_>, change: InterfaceChange) {
    let name = &link.served().name;
    follower.tell(What::Interface { interface: name.clone(), change, address: link.address() });
    if let Some(text) = warning(link, looks, change) {
        follower.tell(What::Warning { text });
    }
}

fn warning(link: &Link, looks: bool, change: InterfaceChange) -> Option<Remedy> {
    let name = &link.served().name;
    let waits = if link.is_further() {
        "no board is heard there. All else is served as before, and it is waited for. ".to_owned()
    } else {
        format!("no board is heard. It is waited for {} s, then serving ends. ", AWAY.as_secs())
    };
    Some(match change {
            InterfaceChange::Gone => remedy![
                format!("the interface {name} is gone: {waits}"),
                Action::host("ip link"),
                " shows what there is",
            ],
            InterfaceChange::Down => remedy![
                format!("the interface {name} is down: {waits}"),
                Action::host_as_root("ip link set").arg(name).arg("up"),
                " switches it on",
            ],
            InterfaceChange::NoAddress => remedy![
                format!("the interface {name} has lost its address: {waits}"),
                Action::host("ip addr show").arg(name),
                " shows what it has",
            ],
            InterfaceChange::NoCarrier if looks => format!(
                "{name} has no carrier: plug in its cable, or switch on what is at the other end. Then other DHCP servers \
                 are looked for, and until that is done nobody is answered."
            )
            .into(),
            InterfaceChange::NoCarrier => format!(
                "{name} has no carrier: plug in its cable, or switch on what is at the other end"
            )
            .into(),
            InterfaceChange::Renamed if link.is_further() => format!(
                "the further interface is called {name} now, and is served on. For the next start its \
                 [[netboot.subnet]] has to say so"
            )
            .into(),
            InterfaceChange::Renamed => remedy![
                format!("the interface is called {name} now, and is served on. For the next start: "),
                Knob::Interface.to(name),
            ],
            InterfaceChange::Back | InterfaceChange::Moved | InterfaceChange::Carrier => return None,
        })
}

impl AsFd for Attached {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.follow.as_fd()
    }
}

impl Lack {
    const fn change(self) -> InterfaceChange {
        match self {
            Self::Gone => InterfaceChange::Gone,
            Self::Down => InterfaceChange::Down,
            Self::NoAddress => InterfaceChange::NoAddress,
        }
    }
}
