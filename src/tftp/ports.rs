//! The ports that transfers in lock step share. A transfer's identity is a pair of addresses with their ports (RFC 1350
//! section 4), so one port of the server serves many clients; and what many clients have sent is taken with one call,
//! and answered with one.
//!
//! Of any two transfers of one client's port each has another port of the server, so that a late packet of the one is
//! never taken for one of the other. A port is closed when its last transfer has ended.

use std::collections::HashSet;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::io::Errno;
use socket2::Socket;

use super::batch::{self, Inbox, Outbox};
use super::{line, net};

/// Ports at once: for each address of this host that is asked one, and more where clients ask again from the same port.
const MOST_PORTS: usize = 64;
/// Transfers that a port serves before another one is opened. Of each the client's address is kept.
const MOST_MET: usize = 4096;
/// Errors that are taken from a socket at once; more can wait there for the next time.
const MOST_ERRORS: usize = 64;

/// Marks what epoll tells of these ports.
pub(super) const TOKEN: u64 = 1 << 63;

/// Shared ports with what is to be sent from them.
pub(super) struct Ports {
    epoll: Arc<OwnedFd>,
    list: Vec<Option<Port>>,
    troubles: Vec<Trouble>,
}

/// What the network said of a packet to a client.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Trouble {
    /// The port's place.
    pub(super) port: usize,
    pub(super) peer: SocketAddr,
    pub(super) errno: Errno,
}

struct Port {
    socket: Socket,
    /// The address of this host that it answers from, with port 0.
    from: SocketAddr,
    transfers: usize,
    met: HashSet<SocketAddr>,
    out: Outbox,
    /// The socket takes no more; epoll tells when it does.
    blocked: bool,
}

impl Ports {
    pub(super) fn new(epoll: Arc<OwnedFd>) -> Self {
        Self { epoll, list: Vec::new(), troubles: Vec::new() }
    }

    /// Gives a new transfer the place of its port; `None` where there are too many ports.
    ///
    /// # Errors
    /// Where a port is to be opened and can't be.
    pub(super) fn join(&mut self, local: Option<IpAddr>, peer: SocketAddr) -> io::Result<Option<usize>> {
        let from = net::answer_from(local, peer);
        let suits =
            |port: &Port| port.from == from && port.met.len() < MOST_MET && !port.met.contains(&peer);
        let at = match self.list.iter().position(|port| port.as_ref().is_some_and(suits)) {
            Some(at) => at,
            None => match self.open(from)? {
                Some(at) => at,
                None => return Ok(None),
            },
        };
        let Some(port) = &mut self.list[at] else { return Ok(None) };
        port.transfers += 1;
        port.met.insert(peer);
        Ok(Some(at))
    }

    fn open(&mut self, from: SocketAddr) -> io::Result<Option<usize>> {
        let at = match self.list.iter().position(Option::is_none) {
            Some(at) => at,
            None if self.list.len() < MOST_PORTS => {
                self.list.push(None);
                self.list.len() - 1
            }
            None => return Ok(None),
        };
        let socket = Socket::from(net::shared(from)?);
        let port = Port {
            socket,
            from,
            transfers: 0,
            met: HashSet::new(),
            out: Outbox::default(),
            blocked: false,
        };
        epoll::add(&self.epoll, &port.socket, token(at), EventFlags::IN | EventFlags::ET)?;
        self.list[at] = Some(port);
        Ok(Some(at))
    }

    /// A transfer has ended.
    pub(super) fn leave(&mut self, at: usize) {
        let Some(Some(port)) = self.list.get_mut(at) else { return };
        port.transfers -= 1;
        if port.transfers == 0 {
            // Its last word.
            self.flush(at);
            self.list[at] = None;
        }
    }

    /// Sends a packet, soon: with others, when [`Ports::flush_all`] is called at the latest.
    pub(super) fn push(&mut self, at: usize, peer: SocketAddr, parts: [&[u8]; 2]) {
        let Some(Some(port)) = self.list.get_mut(at) else { return };
        port.out.push(peer, parts);
        if port.out.is_full() && !port.blocked {
            self.flush(at);
        }
    }

    /// Takes packets that have arrived at a port; gives how many, and whether there may be more.
    pub(super) fn receive(&mut self, at: usize, inbox: &mut Inbox) -> (usize, bool) {
        for _ in 0..MOST_ERRORS {
            let Some(Some(port)) = self.list.get(at) else { break };
            // Each client in lock step has said one thing at a time.
            let most = (port.transfers + 1).min(batch::MOST);
            match inbox.receive(&port.socket, most) {
                Ok(count) => return (count, count == most),
                Err(Errno::AGAIN) => break,
                // What the network says of a packet that was sent is told by the next call, whatever that is for.
                Err(_) => self.hear(at),
            }
        }
        (0, false)
    }

    /// The socket takes packets again.
    pub(super) fn unblock(&mut self, at: usize) {
        if let Some(Some(port)) = self.list.get_mut(at)
            && std::mem::take(&mut port.blocked)
        {
            let _ = epoll::modify(&self.epoll, &port.socket, token(at), EventFlags::IN | EventFlags::ET);
            self.flush(at);
        }
    }

    /// Sends all that waits to be sent.
    pub(super) fn flush_all(&mut self) {
        (0..self.list.len()).for_each(|at| self.flush(at));
    }

    pub(super) fn flush(&mut self, at: usize) {
        let Some(Some(port)) = self.list.get_mut(at) else { return };
        if port.blocked || port.out.is_empty() {
            return;
        }
        let (socket, troubles) = (&port.socket, &mut self.troubles);
        let mut again = 0;
        let done = port.out.send(socket, |peer, errno| {
            // It may be about another packet, sent before (`IP_RECVERR`, ip(7)).
            again += 1;
            if again <= MOST_ERRORS && take_errors(at, socket, troubles) {
                return true;
            }
            if let Some(peer) = peer.as_socket()
                && !line::passing(errno)
            {
                troubles.push(Trouble { port: at, peer, errno });
            }
            false
        });
        if !done {
            port.blocked = true;
            let flags = EventFlags::IN | EventFlags::OUT | EventFlags::ET;
            let _ = epoll::modify(&self.epoll, &port.socket, token(at), flags);
        }
    }

    /// Takes from a port what the network says of packets that were sent from it.
    pub(super) fn hear(&mut self, at: usize) {
        if let Some(Some(port)) = self.list.get(at) {
            take_errors(at, &port.socket, &mut self.troubles);
        }
    }

    /// What the network said since it was asked last.
    pub(super) fn troubles(&mut self) -> Vec<Trouble> {
        std::mem::take(&mut self.troubles)
    }
}

fn token(at: usize) -> EventData {
    EventData::new_u64(TOKEN | at as u64)
}

/// Whether there was an error to be taken.
fn take_errors(port: usize, socket: &Socket, troubles: &mut Vec<Trouble>) -> bool {
    let mut any = false;
    for _ in 0..MOST_ERRORS {
        let Ok(error) = net::take_error(socket) else { break };
        any = true;
        if let Some((peer, errno)) = error {
            troubles.push(Trouble { port, peer, errno });
        }
    }
    any
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;

    fn ports() -> Ports {
        Ports::new(Arc::new(epoll::create(epoll::CreateFlags::CLOEXEC).unwrap()))
    }

    fn local() -> Option<IpAddr> {
        Some("127.0.0.1".parse().unwrap())
    }

    fn peer(n: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 9], n))
    }

    fn number(ports: &Ports, at: usize) -> u16 {
        ports.list[at].as_ref().unwrap().socket.local_addr().unwrap().as_socket().unwrap().port()
    }

    #[test]
    fn no_two_transfers_of_one_client_meet_at_a_port() {
        let mut ports = ports();
        let mut join = |n| ports.join(local(), peer(n)).unwrap().unwrap();
        assert_eq!([join(1), join(2), join(3)], [0, 0, 0]);
        assert_eq!(join(2), 1, "it has asked before");
        assert_eq!([join(4), join(2), join(3)], [0, 2, 1]);
        // The first port stays open for the others, and is never this client's again.
        ports.leave(0);
        ports.leave(1);
        ports.leave(2);
        assert_eq!(ports.join(local(), peer(2)).unwrap(), Some(2), "a new one at that place");
    }

    #[test]
    fn a_port_is_closed_with_its_last_transfer() {
        let mut ports = ports();
        ports.join(local(), peer(1)).unwrap();
        ports.join(local(), peer(2)).unwrap();
        let addr = SocketAddr::from(([127, 0, 0, 1], number(&ports, 0)));
        ports.leave(0);
        assert!(UdpSocket::bind(addr).is_err(), "the other transfer has it");
        ports.leave(0);
        assert!(UdpSocket::bind(addr).is_ok());
        ports.leave(0);
    }

    #[test]
    fn each_address_of_this_host_has_ports_of_its_own() {
        let mut ports = ports();
        let mut join = |ip: &str, n| ports.join(Some(ip.parse().unwrap()), peer(n)).unwrap().unwrap();
        let places: Vec<_> = ["127.0.0.1", "127.0.0.2", "127.0.0.1", "127.0.0.2"]
            .iter()
            .zip(1..)
            .map(|(ip, n)| join(ip, n))
            .collect();
        assert_eq!(places, [0, 1, 0, 1]);
        let ip = |at: usize| ports.list[at].as_ref().unwrap().socket.local_addr().unwrap();
        assert_eq!(ip(1).as_socket().unwrap().ip(), IpAddr::from([127, 0, 0, 2]));
    }

    #[test]
    fn ports_are_few_and_remember_little() {
        let mut ports = ports();
        for _ in 0..MOST_PORTS {
            assert!(ports.join(local(), peer(1)).unwrap().is_some());
        }
        assert_eq!(ports.join(local(), peer(1)).unwrap(), None);
        for n in 0..MOST_MET {
            let at = ports.join(local(), SocketAddr::from(([127, 1, 0, 1], n as u16))).unwrap();
            assert_eq!(at, Some(usize::from(n + 1 >= MOST_MET)), "{n}");
        }
    }

    #[test]
    fn what_the_network_says_is_told_of_that_client_only() {
        let mut ports = ports();
        let alive = UdpSocket::bind("127.0.0.1:0").unwrap();
        let gone = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let at = ports.join(local(), gone).unwrap().unwrap();
        for round in 0..100_u8 {
            ports.push(at, gone, [b"a", b""]);
            ports.push(at, alive.local_addr().unwrap(), [&[round], b""]);
            ports.flush_all();
        }
        ports.hear(at);
        let troubles = ports.troubles();
        let refused = Trouble { port: at, peer: gone, errno: Errno::CONNREFUSED };
        assert!(troubles.len() > 50 && troubles.iter().all(|it| *it == refused), "{troubles:?}");
        for round in 0..100 {
            let mut buf = [0; 9];
            assert_eq!((alive.recv(&mut buf).unwrap(), buf[0]), (1, round), "nothing is lost on the way");
        }
        assert!(ports.troubles().is_empty());
    }
}
