//! DHCP and TFTP in one process, for boards that boot over the network.
//!
//! Threads: the DHCP server, as many TFTP servers on one port as there are processors (to some), and one that looks
//! after the tree, the time, and connections to NFS. What they hear comes together in the follower, which knows each
//! board's boot step by step; what that comes to is told and recorded by one more thread.

mod boots;
mod error;
mod event;
mod follower;
pub mod neighbour;
mod queue;
pub mod service;
mod tree;

use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use rustix::event::{PollFd, PollFlags};

pub use boots::Tell;
pub use error::Error;
pub use event::{Event, Totals, What};

use super::content::NetbootSource;
use super::content::clients::Clients;
use super::content::place;
use super::watch::capture::{Capture, Scope};
use super::watch::frame::{self, Payload};
use crate::board::Known;
use crate::dhcp::{self, Handed};
use crate::error::{Remedy, Task, remedy};
use crate::run::Runs;
use crate::stop::{Stop, Waker, until};
use crate::tftp::{self, Limits};
use boots::Boots;
use follower::Follower;
use neighbour::Kept;
use queue::Queue;
use service::Notify;
use tree::{Change, Tree};

/// The port that boards ask for files.
const TFTP_PORT: u16 = 69;
/// The port of NFS.
const NFS_PORT: u16 = 2049;

/// What is to be served, and where.
#[derive(Debug)]
pub struct ServeOptions {
    /// DHCP: the interface, the mode, the state directory.
    pub dhcp: dhcp::Config,
    /// The TFTP tree.
    pub tftp_root: PathBuf,
    /// Limits of the TFTP server.
    pub limits: Limits,
    /// Sockets that a service manager has opened, by name: `dhcp`, `pxe`, `tftp`.
    pub sockets: Vec<(String, OwnedFd)>,
}

/// Everything that serving needs, opened.
#[derive(Debug)]
pub struct Server {
    dhcp: dhcp::Server,
    tftp: Vec<tftp::Server>,
    source: NetbootSource,
    tree: Tree,
    boards: Arc<Known>,
    clients: Arc<RwLock<Clients>>,
    state: PathBuf,
    root: PathBuf,
    capture: Option<Capture>,
    notes: Vec<Change>,
}

impl Server {
    /// Opens ports, tree and records. In mode `dhcp` it first looks for another server, which takes some seconds.
    ///
    /// # Errors
    /// Where one of these isn't possible; no board was answered then.
    pub fn open(options: ServeOptions, stop: &Stop) -> Result<Self, Error> {
        let ServeOptions { dhcp: config, tftp_root: root, limits, sockets } = options;
        let state = config.state.clone();
        let interface = dhcp::interface::find(&config.interface)?;
        let plan = dhcp::AddressPlan::new(&config, &interface)?;
        if !root.is_dir() {
            return Err(Error::NoTree { path: root });
        }
        let records = state.join("clients");
        std::fs::create_dir_all(&records).map_err(|source| Error::State { path: records, source })?;
        let boards = Arc::new(Known::default());
        let clients: Arc<RwLock<Clients>> = Arc::default();
        let tree = Tree::new(&root, &state, Arc::clone(&clients))
            .map_err(|source| Error::Watch { path: root.clone(), source })?;
        let notes = tree.reload();
        let neighbours = Box::new(neighbour::find);
        let source = NetbootSource::new(&root, Arc::clone(&boards), Arc::clone(&clients), neighbours)?;
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
        let address = SocketAddr::from((plan.server, TFTP_PORT));
        let tftp = match tftp_socket {
            Some(socket) => vec![tftp::Server::from_socket(socket, address, limits)?],
            None => vec![tftp::Server::bind(address, limits)?],
        };
        let dhcp = dhcp::Server::open(&config, handed, stop)?;
        // Only to see a system come up; without the privilege that isn't seen.
        let capture = Capture::open(dhcp.interface().index, Scope::ArrivingIp).ok();
        Ok(Self { dhcp, tftp, source, tree, boards, clients, state, root, capture, notes })
    }

    /// Serves until `stop` is set, or until one of the servers can't go on. Each board's boot is one of `runs`; what
    /// belongs to no board goes to `tell`. `tell` may be slow: no board waits for it.
    ///
    /// # Errors
    /// What a server could not go on for.
    pub fn run(self, tell: Tell<'_>, runs: &Runs, stop: &Stop) -> Result<Totals, Error> {
        let Self { dhcp, tftp, source, tree, boards, clients, state, root, capture, notes } = self;
        let plan = dhcp.plan();
        let here: Ipv4Addr = plan.server;
        let serving = What::Serving {
            interface: dhcp.interface().name.clone(),
            address: here,
            mode: plan.mode,
            range: plan.range,
            tftp_root: root.clone(),
            tftp: tftp.first().map_or((here, TFTP_PORT).into(), tftp::Server::local_addr),
            clients: clients.read().unwrap_or_else(PoisonError::into_inner).all().len(),
        };
        // Its servers end together; whatever else runs in this process goes on.
        let stop = &stop.child().map_err(Error::Loop)?;
        let wake = Waker::new().map_err(Error::Loop)?;
        let waker = || wake.wake();
        let kept = Kept::new(dhcp.interface().index, &state);
        let queue = Queue::default();
        let follower = Follower::new(here, boards, Arc::clone(&clients), kept, &queue, &waker);
        follower.tell(serving);
        if let Some(damage) = dhcp.damage() {
            follower.tell(What::Warning { text: damage.to_string().into() });
        }
        if let Some(text) = nothing_to_serve(&root) {
            follower.tell(What::Warning { text });
        }
        let now = tree.scan().into_iter().map(Change::TooLarge);
        for change in notes.into_iter().chain(now) {
            follower.tell(told_of(change, &clients));
        }
        let notify = Notify::from_env();
        let told = status(&follower);
        notify.ready(&told);
        let mut care = Care { tree, capture, wake: &wake, notify, told, clients };
        let mut boots = Boots::new(runs, tell);
        let result = std::thread::scope(|scope| {
            let follower = &follower;
            let (telling, news) = (&mut boots, &queue);
            let telling = scope.spawn(move || telling.run(news));
            let dhcp = scope.spawn(move || {
                let done = dhcp.run(&mut |event| follower.dhcp(event), stop);
                // A server that ends takes the others along.
                stop.set();
                done
            });
            let source = &source;
            let files: Vec<_> = tftp
                .into_iter()
                .map(|tftp| {
                    scope.spawn(move || {
                        let done = tftp.run(source, &|event| follower.tftp(event), stop);
                        stop.set();
                        done
                    })
                })
                .collect();
            let mut looked = Ok(());
            while looked.is_ok() && !stop.is_set() {
                looked = look(follower, &mut care, stop);
            }
            stop.set();
            care.notify.stopping();
            // All of them have ended before the first failure is looked at, and then no more comes.
            let dhcp = dhcp.join();
            let files: Vec<_> = files.into_iter().map(|file| file.join()).collect();
            queue.close();
            telling.join().map_err(|_| Error::Ended { what: "what tells of the boots" })?;
            dhcp.map_err(|_| Error::Ended { what: "the DHCP server" })??;
            for file in files {
                file.map_err(|_| Error::Ended { what: "the TFTP server" })??;
            }
            looked.map_err(Error::Loop)
        });
        drop(follower);
        let totals = boots.end(result.is_ok());
        result.map(|()| totals)
    }
}

/// What the third thread looks after.
struct Care<'a> {
    tree: Tree,
    capture: Option<Capture>,
    wake: &'a Waker,
    notify: Notify,
    /// The status that the manager was told last.
    told: String,
    clients: Arc<RwLock<Clients>>,
}

/// One round: waits for something, and does what is due.
fn look(follower: &Follower<'_>, care: &mut Care<'_>, stop: &Stop) -> std::io::Result<()> {
    let Care { tree, capture, wake, notify, told, clients } = care;
    let now = Instant::now();
    let next = follower.tick(now);
    let text = status(follower);
    if *told != text {
        notify.status(&text);
        *told = text;
    }
    let mut wait = next;
    if let Some(interval) = notify.interval() {
        notify.alive();
        wait = Some(wait.map_or(now + interval, |wait| wait.min(now + interval)));
    }
    {
        let mut fds = vec![
            PollFd::from_borrowed_fd(stop.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(tree.as_fd(), PollFlags::IN),
            PollFd::new(wake, PollFlags::IN),
        ];
        if let Some(capture) = capture.as_ref() {
            fds.push(PollFd::from_borrowed_fd(capture.as_fd(), PollFlags::IN));
        }
        until(&mut fds, wait)?;
    }
    wake.clear();
    for change in tree.look()? {
        follower.tell(told_of(change, clients));
    }
    if let Some(capture) = capture {
        while let Some(bytes) = capture.take()? {
            if let Some(frame) = frame::parse(bytes)
                && let Payload::Syn { from, to } = frame.payload
                && to.port() == NFS_PORT
            {
                follower.nfs(*from.ip(), frame.source);
            }
        }
    }
    Ok(())
}

fn told_of(change: Change, clients: &RwLock<Clients>) -> What {
    match change {
        Change::TooLarge(file) => What::TooLarge(file),
        Change::Clients => {
            What::Clients { count: clients.read().unwrap_or_else(PoisonError::into_inner).all().len() }
        }
        Change::Note(text) => What::Warning { text: text.into() },
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
