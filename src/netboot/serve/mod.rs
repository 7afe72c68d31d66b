//! DHCP and TFTP in one process, for boards that boot over the network.
//!
//! Threads: the DHCP server, as many TFTP servers on one port as there are processors (to some), and one that looks
//! after the tree, the time, and connections to NFS. What they hear comes together in the follower, which knows each
//! board's boot step by step; what that comes to is told and recorded by one more thread.

mod allowance;
mod attached;
mod boots;
mod crew;
mod error;
mod event;
mod follower;
mod guests;
mod link;
mod queue;
mod scout;
pub mod service;
mod tree;

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use rustix::event::{PollFd, PollFlags};

pub use boots::Tell;
pub use error::Error;
pub use event::{Event, InterfaceChange, Totals, What};
pub use link::Lack;

use super::content::NetbootSource;
use super::content::clients::NetbootClients;
use super::content::offers::Offers;
use super::content::place;
use super::reason::Site;
use crate::arming::Arms;
use crate::board::Known;
use crate::control;
use crate::dhcp::admit::Admission;
use crate::dhcp::packet::{CLIENT_PORT, Packet, SERVER_PORT};
use crate::dhcp::{self, Handed, Mode};
use crate::error::{Explain, Remedy, Task, remedy};
use crate::run::Runs;
use crate::stop::{Stop, Waker, until};
use crate::tftp::switch::Switch;
use crate::tftp::{self, Limits};
use crate::wire::frame::{Payload, Udp};
use crate::wire::interfaces::Follow;
use crate::wire::{interfaces, neighbours};
use attached::{Absent, Attached, Further, HandedOver};
use boots::Boots;
use crew::{Crew, Health};
use follower::Follower;
use guests::Guests;
use link::Link;
use queue::Queue;
use scout::Scout;
use service::Notify;
use tree::{Change, Tree};

/// The port of NFS.
const NFS_PORT: u16 = 2049;

/// What is to be served, and where.
pub struct ServeOptions {
    /// DHCP: the interface, the mode, the state directory.
    pub dhcp: dhcp::Config,
    /// DHCP on further interfaces. One that goes away, or isn't there yet, is waited for, and all else goes on.
    pub further: Vec<dhcp::Config>,
    /// The TFTP tree.
    pub tftp_root: PathBuf,
    /// Limits of the TFTP server.
    pub limits: Limits,
    /// The socket at which it takes boards of other programs, and the group whose users may bring them; without a group
    /// only root and this user. `None`: it takes none.
    pub control: Option<(PathBuf, Option<u32>)>,
    /// Sockets that a service manager has opened, by name: `dhcp`, `pxe`, `tftp`.
    pub sockets: Vec<(String, OwnedFd)>,
    /// Stations may come to the control socket too, and what does what they want.
    pub stations: Option<(control::Stations, Arc<dyn control::Desk>)>,
    /// What single boards are offered beside their files.
    pub offers: Arc<Offers>,
}

/// Everything that serving needs, opened.
#[derive(Debug)]
pub struct Server {
    dhcp: dhcp::Server,
    further: Vec<dhcp::Server>,
    /// For each interface; empty where another server has the boot files.
    tftp: Vec<tftp::Server>,
    source: NetbootSource,
    tree: Tree,
    boards: Arc<Known>,
    clients: Arc<RwLock<NetbootClients>>,
    root: PathBuf,
    attached: Attached,
    notes: Vec<Change>,
    switch: Arc<Switch>,
    control: Option<Result<control::Server, control::Error>>,
    arms: Arc<Arms>,
}

impl Server {
    /// Opens ports, tree and records. In mode `dhcp` it first looks for another server, which takes some seconds.
    ///
    /// # Errors
    /// Where one of these isn't possible; no board was answered then.
    pub fn open(options: ServeOptions, stop: &Stop) -> Result<Self, Error> {
        let ServeOptions {
            dhcp: config,
            further,
            tftp_root: root,
            limits,
            control,
            sockets,
            stations,
            offers,
        } = options;
        distinct(&config, &further)?;
        let state = config.state.clone();
        // From here on no change is missed.
        let follow = Follow::new().map_err(Error::Loop)?;
        let interface = interfaces::find(&config.interface).map_err(dhcp::Error::from)?;
        let plan = dhcp::AddressPlan::new(&config, &interface)?;
        let make = |path: PathBuf| match std::fs::create_dir_all(&path) {
            Ok(()) => Ok(path),
            Err(source) => Err(Error::State { path, source }),
        };
        let root = match (root.is_dir(), config.tftp_server) {
            (true, _) => root,
            (false, None) => return Err(Error::NoTree { path: root }),
            // Nothing is fetched from here, so there need be no tree: an empty one stands in for it.
            (false, Some(_)) => make(state.join("no-files"))?,
        };
        make(state.join("clients"))?;
        let boards = Arc::new(Known::default());
        let clients: Arc<RwLock<NetbootClients>> = Arc::default();
        let tree = Tree::new(&root, &state, Arc::clone(&clients))
            .map_err(|source| Error::Watch { path: root.clone(), source })?
            .keeping(Arc::clone(&config.lasting));
        let notes = tree.reload();
        let neighbours = Box::new(neighbours::find);
        let source = NetbootSource::new(&root, Arc::clone(&boards), Arc::clone(&clients), neighbours)?
            .for_armed(Arc::clone(&config.arms))
            .with_offers(offers);
        let mut handed = Handed::default();
        let mut tftp_socket = None;
        for (name, socket) in sockets {
            match name.as_str() {
                "dhcp" => handed.dhcp = Some(socket),
                "pxe" => handed.pxe = Some(socket),
                "tftp" => tftp_socket = Some(socket),
                _ => {}
            }
        }
        let handed_over =
            HandedOver { dhcp: handed.dhcp.is_some() || handed.pxe.is_some(), tftp: tftp_socket.is_some() };
        let address = SocketAddr::from((plan.server, tftp::PORT));
        let mut tftp = match (config.tftp_server, tftp_socket) {
            (Some(_), _) => Vec::new(),
            (None, Some(socket)) => vec![tftp::Server::from_socket(socket, address, limits)?],
            (None, None) => vec![tftp::Server::bind(address, limits)?],
        };
        let arms = Arc::clone(&config.arms);
        let dhcp = dhcp::Server::open(&config, handed, stop)?;
        let (mut servers, mut absent) = (Vec::new(), Vec::new());
        for config in further {
            match dhcp::Server::open(&config, Handed::default(), stop) {
                Ok(server) => servers.push(server),
                // As with one that goes away later.
                Err(error) if error.may_pass() => {
                    dhcp::recall(&config);
                    absent.push(Absent::new(config, &error));
                }
                Err(source) => return Err(Error::Further { interface: config.interface, source }),
            }
        }
        let further = servers;
        let plans: Vec<_> =
            std::iter::once(dhcp.plan()).chain(further.iter().map(dhcp::Server::plan)).collect();
        // An address may be in the network of one that isn't there.
        if absent.is_empty() {
            homeless(&config, &plans)?;
        }
        let link = |server: &dhcp::Server| Link::further(server.interface().clone(), server.plan().server);
        let links: Vec<Link> = further.iter().map(link).collect();
        if !tftp.is_empty() {
            attached::bind_further(&links, limits, &mut tftp)?;
        }
        let (fetched, last) = (links.iter().map(Link::address).collect(), links.len());
        let interface = dhcp.interface().clone();
        let attached = Attached {
            follow,
            capture: attached::capture(&interface),
            link: Link::new(&config.interface, config.server, interface, dhcp.plan().server),
            handed: handed_over,
            serves_files: !tftp.is_empty(),
            further: links.into_iter().map(Further::new).collect(),
            absent,
            fetched,
            last,
            limits,
            looks: config.mode == Mode::Dhcp && !config.force,
        };
        let switch = Switch::new(&tftp).map_err(Error::Loop)?;
        if tftp.is_empty() {
            switch.has_no_server();
        }
        // Without it network boot is served all the same.
        let control = control.map(|(path, group)| {
            let server = control::Server::open(&path, "netboot", group)?;
            Ok(match stations {
                Some((stations, desk)) => server.for_stations(stations, desk),
                None => server,
            })
        });
        Ok(Self {
            dhcp,
            further,
            tftp,
            source,
            tree,
            boards,
            clients,
            root,
            attached,
            notes,
            switch,
            control,
            arms,
        })
    }

    /// Where other sources of this process join its TFTP server, before or while it runs.
    #[must_use]
    pub fn switch(&self) -> Arc<Switch> {
        Arc::clone(&self.switch)
    }

    /// Serves until `stop` is set, or until one of the servers can't go on. Each board's boot is one of `runs`; what
    /// belongs to no board goes to `tell`. `tell` may be slow: no board waits for it.
    ///
    /// # Errors
    /// What a server could not go on for.
    pub fn run(self, tell: Tell<'_>, runs: &Runs, stop: &Stop) -> Result<Totals, Error> {
        let Self {
            dhcp,
            further,
            tftp,
            source,
            tree,
            boards,
            clients,
            root,
            attached,
            notes,
            switch,
            control,
            arms,
        } = self;
        let _span = tracing::debug_span!("netboot", interface = dhcp.interface().name).entered();
        tracing::debug!("serves");
        let plan = dhcp.plan();
        let here: Ipv4Addr = plan.server;
        let serving = What::Serving {
            interface: dhcp.interface().name.clone(),
            address: here,
            mode: plan.mode,
            range: plan.range,
            fixed: if plan.mode == Mode::Dhcp { plan.hosts.len() } else { 0 },
            relayed: plan.relayed.iter().map(|net| net.network().to_string()).collect(),
            tftp_root: root.clone(),
            tftp: tftp.first().map(tftp::Server::local_addr),
            tftp_server: Some(plan.files).filter(|_| tftp.is_empty()),
            further: further.iter().map(|server| server.interface().name.clone()).collect(),
            clients: clients.read().unwrap_or_else(PoisonError::into_inner).all().len(),
        };
        // Its servers end together; whatever else runs in this process goes on.
        let stop = &stop.child().map_err(Error::Loop)?;
        let wake = Waker::new().map_err(Error::Loop)?;
        let waker = || wake.wake();
        let neighbours = dhcp.neighbours();
        let queue = Queue::default();
        let site = Site::new(&dhcp.interface().name, plan);
        // Where others may give addresses, they are looked for; a server that is the only one has looked already.
        let scout = Scout::new(plan.mode == Mode::Proxy || !plan.authoritative).map_err(Error::Loop)?;
        let follower =
            Follower::new(here, site, boards, Arc::clone(&clients), (neighbours, arms), &queue, &waker);
        follower.tell(serving);
        if let Some(text) = contradicted(&plan.admission) {
            follower.tell(What::Warning { text });
        }
        for absent in &attached.absent {
            follower.tell(What::Warning { text: absent.why().clone() });
        }
        for damage in std::iter::once(&dhcp).chain(&further).filter_map(dhcp::Server::damage) {
            follower.tell(What::Warning { text: damage.to_string().into() });
        }
        if let Some(text) = tftp.first().and_then(|_| nothing_to_serve(&root)) {
            follower.tell(What::Warning { text });
        }
        let control =
            control.and_then(|control| control.map_err(|error| follower.tell(no_control(&error))).ok());
        let now = tree.scan().into_iter().map(Change::TooLarge);
        for change in notes.into_iter().chain(now) {
            follower.tell(told_of(change, &clients));
        }
        let notify = Notify::from_env();
        let told = status(&follower);
        notify.ready(&told);
        let alive = notify.interval().map(|_| Instant::now());
        let health = Health::default();
        let mut care = Care { tree, attached, wake: &wake, notify, alive, health, told, clients };
        let mut boots = Boots::new(runs, tell);
        let switched = switch.over(&source);
        let result = std::thread::scope(|scope| {
            let follower = &follower;
            let (telling, news) = (&mut boots, &queue);
            let telling = scope.spawn(move || telling.run(news));
            let switch = &switch;
            let mut crew = Crew::new(scope, follower, (&switched, switch), stop, dhcp);
            let control = control.map(|control| {
                scope.spawn(move || {
                    let mut guests = Guests::new(Instant::now());
                    let mut tell = |told| guests.tell(told, Instant::now(), &|what| follower.tell(what));
                    let done = control.run(switch, &mut tell, stop);
                    if let Err(error) = &done {
                        follower.tell(What::Warning {
                            text: format!("no more boards are taken from others: {error}").into(),
                        });
                    }
                    done.is_ok()
                })
            });
            let looking = &scout;
            let looks = scope.spawn(move || looking.run(follower, stop));
            let files = if tftp.is_empty() { Ok(()) } else { crew.start_files(tftp) };
            let begun = files.and_then(|()| further.into_iter().try_for_each(|dhcp| crew.add_further(dhcp)));
            let mut looked = begun.and_then(|()| care.attached.begin(&mut crew, follower));
            while looked.is_ok() && !stop.is_set() {
                looked = look(follower, &mut care, &mut crew, stop);
                if follower.wants_a_look() {
                    scout.look();
                }
            }
            care.notify.stopping();
            // All of them have ended before the first failure is looked at, and then no more comes.
            let ended = crew.end();
            switch.end();
            let control = control.map_or(Ok(true), |control| control.join());
            let looks = looks.join();
            queue.close();
            telling.join().map_err(|_| Error::Ended { what: "what tells of the boots" })?;
            looks.map_err(|_| Error::Ended { what: "what looks for other DHCP servers" })?;
            control.map_err(|_| Error::Ended { what: "what takes boards of others" })?;
            // What a server could not go on for is why the rest could not.
            ended.and(looked)
        });
        drop(follower);
        let totals = boots.end(result.is_ok());
        result.map(|()| totals)
    }
}

/// Looks whether each fixed address is of a network that addresses are given out in.
fn homeless(config: &dhcp::Config, plans: &[&dhcp::AddressPlan]) -> Result<(), Error> {
    // Those behind relays are the same for each of them.
    let relayed = plans.first().map(|plan| plan.relayed.as_slice()).unwrap_or_default();
    let nets = || plans.iter().copied().chain(relayed).map(dhcp::AddressPlan::network);
    let stray = config.hosts.values().find(|address| !nets().any(|net| net.has_host(**address)));
    match (stray, config.mode) {
        (Some(address), Mode::Dhcp) => Err(Error::Dhcp(dhcp::Error::Outside {
            what: "a host's fixed address",
            address: *address,
            interface: None,
            network: nets().map(|net| net.to_string()).collect::<Vec<_>>().join(" or "),
        })),
        _ => Ok(()),
    }
}

/// Looks whether each interface is to be served once.
fn distinct(config: &dhcp::Config, further: &[dhcp::Config]) -> Result<(), Error> {
    let mut seen = BTreeSet::from([&config.interface]);
    let again = further.iter().map(|further| &further.interface).find(|name| !seen.insert(*name));
    again.map_or(Ok(()), |name| Err(dhcp::Error::SameInterface { interface: name.clone() }.into()))
}

/// Says which boards the settings both allow and deny.
fn contradicted(admission: &Admission) -> Option<Remedy> {
    let both = admission.in_both();
    let mut names: Vec<String> = both.iter().take(4).map(ToString::to_string).collect();
    if both.len() > names.len() {
        names.push(format!("{} more", both.len() - names.len()));
    }
    (!both.is_empty()).then(|| {
        format!(
            "netboot.allow names {}, and netboot.deny too: what is denied gets no answer. Take it out of one of them",
            names.join(", ")
        )
        .into()
    })
}

/// What the third thread looks after.
struct Care<'a> {
    tree: Tree,
    attached: Attached,
    wake: &'a Waker,
    notify: Notify,
    /// When the manager is to hear that all is well, if it is.
    alive: Option<Instant>,
    health: Health,
    /// The status that the manager was told last.
    told: String,
    clients: Arc<RwLock<NetbootClients>>,
}

/// One round: waits for something, and does what is due.
fn look(
    follower: &Follower<'_>,
    care: &mut Care<'_>,
    crew: &mut Crew<'_, '_>,
    stop: &Stop,
) -> Result<(), Error> {
    let Care { tree, attached, wake, notify, alive, health, told, clients } = care;
    let now = Instant::now();
    let next = follower.tick(now);
    attached.look(crew, health, follower, now)?;
    let text = status(follower);
    if *told != text {
        notify.status(&text);
        *told = text;
    }
    if let (Some(interval), Some(due)) = (notify.interval(), alive.as_mut())
        && *due <= now
    {
        *due = now + interval;
        // Told only while every thread goes round and every socket is the interface's: a server that is deaf is ended.
        let is_well = health.is_well(crew.pulses());
        if is_well && attached.is_sound() {
            notify.alive();
        }
    }
    {
        let mut fds = vec![
            PollFd::from_borrowed_fd(stop.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(tree.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(attached.as_fd(), PollFlags::IN),
            PollFd::new(wake, PollFlags::IN),
        ];
        if let Some(capture) = &attached.capture {
            fds.push(PollFd::from_borrowed_fd(capture.as_fd(), PollFlags::IN));
        }
        let wait = [next, *alive, attached.deadline()].into_iter().flatten().min();
        until(&mut fds, wait).map_err(Error::Loop)?;
    }
    wake.clear();
    for change in tree.look().map_err(Error::Loop)? {
        follower.tell(told_of(change, clients));
    }
    if let Some(capture) = &mut attached.capture {
        while let Some(frame) = capture.take().map_err(Error::Loop)? {
            match frame.payload {
                Payload::Syn { from, to } if to.port() == NFS_PORT => follower.nfs(*from.ip(), frame.source),
                // What another DHCP server says to a client.
                Payload::Udp(Udp { from, to, data, .. })
                    if (from.port(), to.port()) == (SERVER_PORT, CLIENT_PORT) =>
                {
                    if let Ok(packet) = Packet::parse(data) {
                        follower.wire(frame.source, *from.ip(), &packet);
                    }
                }
                _ => {}
            }
        }
    }
    Ok(())
}

fn told_of(change: Change, clients: &RwLock<NetbootClients>) -> What {
    match change {
        Change::TooLarge(file) => What::TooLarge(file),
        Change::Clients => {
            What::Clients { count: clients.read().unwrap_or_else(PoisonError::into_inner).all().len() }
        }
        Change::Note(text) => What::Warning { text: text.into() },
    }
}

fn no_control(error: &control::Error) -> What {
    let text = format!("boards of others aren't taken: {}", crate::error::chain(error));
    What::Warning {
        text: match error.hint() {
            Some(hint) => remedy![text, ". ", hint],
            None => text.into(),
        },
    }
}

fn status(follower: &Follower<'_>) -> String {
    match follower.count() {
        (0, _) => "no board was heard yet".to_owned(),
        (boards, loaded) => {
            format!(
                "{} heard, {loaded} of them started their kernel",
                crate::format::count(boards as u64, "board")
            )
        }
    }
}

/// Says so when no board can boot from this tree.
fn nothing_to_serve(root: &std::path::Path) -> Option<Remedy> {
    let is_bootable = |dir: &std::path::Path| {
        let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
        entries.filter_map(|entry| entry.file_name().into_string().ok()).any(|name| place::is_system(&name))
    };
    let entries = std::fs::read_dir(root).into_iter().flatten().flatten();
    let mut dirs = entries.map(|entry| entry.path()).filter(|path| path.is_dir());
    (!is_bootable(root) && !dirs.any(|dir| is_bootable(&dir))).then(|| {
        remedy![
            format!("there are no boot files in {}: boards will ask, and get nothing. ", root.display()),
            Task::ClientAdd,
            " makes a client; or copy the boot partition of an image there.",
        ]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_is_served_once() {
        let config = |name: &str| dhcp::Config::new(name, PathBuf::new());
        assert!(distinct(&config("eth0"), &[config("eth1"), config("eth2")]).is_ok());
        for further in [&[config("eth0")][..], &[config("eth1"), config("eth1")]] {
            let error = distinct(&config("eth0"), further).unwrap_err();
            assert!(
                error.to_string().ends_with("is served already, and a [[netboot.subnet]] names it again")
            );
            assert!(error.hint().unwrap().says("another interface"), "{error}");
        }
    }

    #[test]
    fn a_further_interface_that_is_missing_is_named() {
        let missing = crate::wire::Error::NoInterface { name: "eth7".to_owned(), have: "eth0".to_owned() };
        let error = Error::Further { interface: "eth7".to_owned(), source: missing.into() };
        let text = crate::error::chain(&error);
        assert!(text.contains("a [[netboot.subnet]] names the interface eth7"), "{text}");
        assert!(text.contains("no network interface `eth7`") && error.hint().is_some(), "{text}");
    }

    #[test]
    fn who_is_allowed_and_denied_is_told() {
        let names = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        let mut admission = Admission { allow: names(&["af04b2da"]), deny: Vec::new() };
        assert_eq!(contradicted(&admission), None);
        admission.deny = names(&["af04b2da"]);
        assert!(contradicted(&admission).unwrap().says("netboot.allow names af04b2da, and netboot.deny too"));
        let many = ["00000001", "00000002", "00000003", "00000004", "00000005"];
        admission = Admission { allow: names(&many), deny: names(&many) };
        assert!(contradicted(&admission).unwrap().says("00000004, 1 more"));
    }
}
