//! Several sources on one server. Boards ask port 69 and no other, so what flashes boards and what lets them boot over
//! the network share it: the first [`Branch`] that claims a request gets it and all its events; what nobody claims is the
//! trunk's, the source that was there first.
//!
//! Branches come and go while the server runs. One that goes takes its transfers along: each ends with an ERROR as soon
//! as it needs more bytes than the server has in memory already (64 KiB and a window at most), and an upload with its
//! next block.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::event::Event;
use super::packet::Code;
use super::server::Server;
use super::source::{Answer, Content, Got, Refusal, Request, Sink, Source, Stretch};
use crate::board::Mac;
use crate::stop::{Stop, Waker};

/// Branches that a switch has at most.
pub const MOST_BRANCHES: usize = 64;

/// What a client is told whose branch has gone.
const GONE: &str = "the program that served this board has ended";

/// One of the sources on a switch.
pub trait Branch: Source {
    /// The boards that it serves. No two branches have the same one.
    fn boards(&self) -> Vec<Mac>;

    /// Whether a request is one of its own. Runs on the server's thread for each new request, while branches can't come
    /// or go: it must be quick, and must not ask the switch for anything.
    fn claims(&self, request: &Request<'_>) -> bool;

    /// Takes an event of a request that it claimed. Runs on the server's thread, and must not wait.
    fn event(&self, event: &Event);
}

/// Why a branch can't be taken in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotJoined {
    /// Another branch has a board of this one.
    #[error("{mac} is being served for another flash")]
    Taken {
        /// The board.
        mac: Mac,
    },
    /// There are as many as there may be.
    #[error("{MOST_BRANCHES} are served already, and that is the most")]
    Full,
    /// The server has ended.
    #[error("the server has ended")]
    Ended,
    /// No server is on the switch: another program serves TFTP.
    #[error("this server serves no TFTP: boards fetch their files from another one (netboot.tftp-server)")]
    NoServer,
}

/// Who is on a server, and whose which request is.
pub struct Switch {
    state: RwLock<State>,
    /// Set when the server has ended.
    ended: Stop,
}

#[derive(Default)]
struct State {
    branches: Vec<Arc<Joint>>,
    /// Requests that a branch has claimed and that aren't over; as many as the servers have places at most.
    claimed: HashMap<u64, Arc<Joint>>,
    wakers: Vec<Waker>,
    addrs: Vec<SocketAddr>,
    /// There will be no servers.
    without_server: bool,
}

/// A branch with its place on the switch.
struct Joint {
    branch: Arc<dyn Branch>,
    gone: AtomicBool,
}

impl Joint {
    fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }
}

impl fmt::Debug for Switch {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Switch").field("branches", &self.read().branches.len()).finish_non_exhaustive()
    }
}

impl Switch {
    /// One without branches, on these servers, which share a port.
    ///
    /// # Errors
    /// When the process has no file descriptor left.
    pub fn new(servers: &[Server]) -> io::Result<Arc<Self>> {
        let switch = Self { state: RwLock::default(), ended: Stop::new()? };
        switch.served_by(servers);
        Ok(Arc::new(switch))
    }

    /// From now on these servers serve it. Those before them have ended, and what they left open is over: new servers
    /// number their requests from the beginning.
    pub fn served_by(&self, servers: &[Server]) {
        let left = {
            let mut state = self.write();
            state.wakers = servers.iter().map(Server::waker).collect();
            state.addrs = servers.iter().map(Server::local_addr).collect();
            state.addrs.dedup();
            std::mem::take(&mut state.claimed)
        };
        for (id, joint) in left {
            joint.branch.over(id);
        }
    }

    /// From now on this server serves it too, beside those that do.
    pub fn served_too(&self, server: &Server) {
        let mut state = self.write();
        state.wakers.push(server.waker());
        if !state.addrs.contains(&server.local_addr()) {
            state.addrs.push(server.local_addr());
        }
    }

    /// Takes no branches: another program serves TFTP.
    pub fn has_no_server(&self) {
        self.write().without_server = true;
    }

    // A panic elsewhere doesn't make the lists wrong, so poison is ignored.
    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where its servers listen.
    #[must_use]
    pub fn addrs(&self) -> Vec<SocketAddr> {
        self.read().addrs.clone()
    }

    /// Handles that make its servers ask their sources again.
    #[must_use]
    pub fn wakers(&self) -> Vec<Waker> {
        self.read().wakers.clone()
    }

    /// Makes its servers ask their sources again.
    pub fn wake(&self) {
        for waker in &self.read().wakers {
            waker.wake();
        }
    }

    /// A flag that is set when its servers have ended.
    #[must_use]
    pub fn ended(&self) -> &Stop {
        &self.ended
    }

    /// Tells all branches that the servers have ended.
    pub fn end(&self) {
        self.ended.set();
    }

    /// Takes a branch in, behind those that are there. It is served until what this gives is dropped.
    ///
    /// # Errors
    /// See [`NotJoined`].
    pub fn join(self: &Arc<Self>, branch: Arc<dyn Branch>) -> Result<Joined, NotJoined> {
        let mut state = self.write();
        if self.ended.is_set() {
            return Err(NotJoined::Ended);
        }
        if state.without_server {
            return Err(NotJoined::NoServer);
        }
        if state.branches.len() >= MOST_BRANCHES {
            return Err(NotJoined::Full);
        }
        let mine = branch.boards();
        let taken =
            state.branches.iter().flat_map(|joint| joint.branch.boards()).find(|mac| mine.contains(mac));
        if let Some(mac) = taken {
            return Err(NotJoined::Taken { mac });
        }
        let joint = Arc::new(Joint { branch, gone: AtomicBool::new(false) });
        state.branches.push(Arc::clone(&joint));
        Ok(Joined { switch: Arc::clone(self), joint })
    }

    /// The source for its servers: `trunk` gets what no branch claims.
    #[must_use]
    pub fn over<'a>(&'a self, trunk: &'a dyn Source) -> Switched<'a> {
        Switched { switch: self, trunk }
    }

    /// Gives an event to the branch that it belongs to; gives back one of the trunk's.
    pub fn sort(&self, event: Event) -> Option<Event> {
        let joint = self.read().claimed.get(&event.id).map(Arc::clone);
        match joint {
            Some(joint) => {
                joint.branch.event(&event);
                None
            }
            None => Some(event),
        }
    }

    /// The branch whose request this is; the first that says so keeps it.
    fn owner(&self, request: &Request<'_>) -> Option<Arc<Joint>> {
        {
            let state = self.read();
            if let Some(joint) = state.claimed.get(&request.id) {
                return Some(Arc::clone(joint));
            }
            if state.branches.is_empty() {
                return None;
            }
        }
        // Looked for and noted under one lock, so that a branch that goes meanwhile is either seen or has gone.
        let mut state = self.write();
        let joint = state.branches.iter().find(|joint| joint.branch.claims(request)).map(Arc::clone)?;
        state.claimed.insert(request.id, Arc::clone(&joint));
        Some(joint)
    }
}

/// A branch's place on a switch. It is taken out when this is dropped.
pub struct Joined {
    switch: Arc<Switch>,
    joint: Arc<Joint>,
}

impl fmt::Debug for Joined {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Joined").finish_non_exhaustive()
    }
}

impl Drop for Joined {
    fn drop(&mut self) {
        self.joint.gone.store(true, Ordering::Release);
        self.switch.write().branches.retain(|joint| !Arc::ptr_eq(joint, &self.joint));
        // What waits for it hears of that at once.
        self.switch.wake();
    }
}

/// A switch with its trunk, as the source of a server.
#[derive(Clone, Copy)]
pub struct Switched<'a> {
    switch: &'a Switch,
    trunk: &'a dyn Source,
}

impl fmt::Debug for Switched<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.switch.fmt(out)
    }
}

impl Source for Switched<'_> {
    fn open(&self, request: &Request<'_>) -> Answer {
        let Some(joint) = self.switch.owner(request) else { return self.trunk.open(request) };
        if joint.is_gone() {
            return Answer::Refuse(Refusal { code: Code::NOT_DEFINED, message: GONE.to_owned() });
        }
        match joint.branch.open(request) {
            Answer::Send(content) => Answer::Send(Box::new(OfBranch { what: content, joint })),
            Answer::Receive(sink) => Answer::Receive(Box::new(OfBranch { what: sink, joint })),
            other => other,
        }
    }

    fn over(&self, id: u64) {
        let joint = if self.switch.read().claimed.contains_key(&id) {
            self.switch.write().claimed.remove(&id)
        } else {
            None
        };
        match joint {
            Some(joint) => joint.branch.over(id),
            None => self.trunk.over(id),
        }
    }
}

/// Content or an upload of a branch: ends with it.
struct OfBranch<T: ?Sized> {
    joint: Arc<Joint>,
    what: Box<T>,
}

impl<T: ?Sized> OfBranch<T> {
    fn there(&mut self) -> io::Result<&mut T> {
        if self.joint.is_gone() { Err(io::Error::other(GONE)) } else { Ok(&mut *self.what) }
    }
}

impl Content for OfBranch<dyn Content> {
    fn len(&self) -> u64 {
        self.what.len()
    }

    fn read_at(&mut self, buf: &mut [u8], offset: u64) -> io::Result<Got> {
        self.there()?.read_at(buf, offset)
    }

    fn stretch(&self) -> Option<Stretch> {
        self.what.stretch()
    }
}

impl Sink for OfBranch<dyn Sink> {
    fn limit(&self) -> u64 {
        self.what.limit()
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.there()?.write(bytes)
    }

    fn complete(&mut self) -> Result<(), Refusal> {
        match self.there() {
            Ok(sink) => sink.complete(),
            Err(_) => Err(Refusal { code: Code::NOT_DEFINED, message: GONE.to_owned() }),
        }
    }

    fn aborted(&mut self, why: &str) {
        self.what.aborted(why);
    }
}

/// The board in whose name a file is asked for, and the rest of the path. U-Boot writes the address with colons; a Pi's
/// own bootloader writes it with dashes, so a board can boot over the network while its job is served.
#[must_use]
pub fn of_board<'a>(request: &Request<'a>) -> Option<(Mac, &'a str)> {
    let (mac, rest) = request.name()?.split_once('/')?;
    if !mac.contains(':') {
        return None;
    }
    Some((mac.parse().ok()?, rest))
}

#[cfg(test)]
mod tests;
