//! The ports that transfers in lock step share. A transfer's identity is a pair of addresses with their ports (RFC 1350
//! section 4), so one port of the server serves many clients; and what many clients have sent is taken with one call,
//! and answered with one.
//!
//! Of any two transfers of one client's port each has another port of the server, so that a late packet of the one is
//! never taken for one of the other. A port is closed when its last transfer has ended.
//!
//! A port has a socket for each thread. The kernel gives a packet to the socket of the processor that took it from the
//! network (`SO_INCOMING_CPU`, socket(7)), so that two threads don't take turns at one socket.

use std::collections::HashSet;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::event::epoll::{self, EventData, EventFlags};
use socket2::Socket;

use super::{batch, net};

/// Ports at once: for each address of this host that is asked one, and more where clients ask again from the same port.
const MOST_PORTS: usize = 64;
/// Transfers that a port serves before another one is opened. Of each the client's address is kept.
const MOST_MET: usize = 4096;

/// Marks what epoll tells of these ports; the rest is the port's number.
pub(super) const TOKEN: u64 = 1 << 63;

/// A port that is open as long as anything refers to it.
pub(super) struct Port {
    pub(super) id: u64,
    /// The address of this host that it answers from, with port 0.
    from: SocketAddr,
    /// One for each thread.
    pub(super) sockets: Vec<Socket>,
}

struct Entry {
    port: Arc<Port>,
    transfers: usize,
    met: HashSet<SocketAddr>,
}

/// All shared ports.
pub(super) struct Ports {
    epolls: Vec<Arc<OwnedFd>>,
    cpus: Vec<Option<usize>>,
    last_id: u64,
    list: Vec<Entry>,
}

impl Ports {
    /// For threads that wait by `epolls`, each of them on one processor if it has one of its own.
    pub(super) fn new(epolls: &[Arc<OwnedFd>], cpus: &[Option<usize>]) -> Self {
        Self { epolls: epolls.to_vec(), cpus: cpus.to_vec(), last_id: 0, list: Vec::new() }
    }

    /// Gives a new transfer its port; `None` where there are too many.
    ///
    /// # Errors
    /// Where a port is to be opened and can't be.
    pub(super) fn join(&mut self, local: Option<IpAddr>, peer: SocketAddr) -> io::Result<Option<Arc<Port>>> {
        let from = net::answer_from(local, peer);
        let suits = |entry: &Entry| {
            entry.port.from == from && entry.met.len() < MOST_MET && !entry.met.contains(&peer)
        };
        let at = match self.list.iter().position(suits) {
            Some(at) => at,
            None if self.list.len() < MOST_PORTS => {
                let port = self.open(from)?;
                self.list.push(Entry { port, transfers: 0, met: HashSet::new() });
                self.list.len() - 1
            }
            None => return Ok(None),
        };
        let entry = &mut self.list[at];
        entry.transfers += 1;
        entry.met.insert(peer);
        Ok(Some(Arc::clone(&entry.port)))
    }

    fn open(&mut self, from: SocketAddr) -> io::Result<Arc<Port>> {
        self.last_id += 1;
        let sockets = net::shared(from, &self.cpus)?;
        for (epoll, socket) in self.epolls.iter().zip(&sockets) {
            epoll::add(&**epoll, socket, token(self.last_id), EventFlags::IN | EventFlags::ET)?;
        }
        Ok(Arc::new(Port { id: self.last_id, from, sockets }))
    }

    /// A transfer has ended.
    pub(super) fn leave(&mut self, port: &Arc<Port>) {
        if let Some(at) = self.list.iter().position(|entry| Arc::ptr_eq(&entry.port, port)) {
            self.list[at].transfers -= 1;
            if self.list[at].transfers == 0 {
                self.list.swap_remove(at);
            }
        }
    }

    /// An open port, and how many packets to take from it at once.
    pub(super) fn get(&self, id: u64) -> Option<(Arc<Port>, usize)> {
        let entry = self.list.iter().find(|entry| entry.port.id == id)?;
        Some((Arc::clone(&entry.port), (entry.transfers + 1).min(batch::MOST)))
    }
}

/// What epoll tells of a port.
pub(super) fn token(id: u64) -> EventData {
    EventData::new_u64(TOKEN | id)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::net::UdpSocket;

    pub(in crate::tftp) fn ports(threads: usize) -> Ports {
        let epoll = || Arc::new(epoll::create(epoll::CreateFlags::CLOEXEC).unwrap());
        let epolls: Vec<_> = std::iter::repeat_with(epoll).take(threads).collect();
        Ports::new(&epolls, &(0..threads).map(Some).collect::<Vec<_>>())
    }

    pub(in crate::tftp) fn local() -> Option<IpAddr> {
        Some("127.0.0.1".parse().unwrap())
    }

    fn peer(n: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 9], n))
    }

    fn address(port: &Port) -> SocketAddr {
        port.sockets[0].local_addr().unwrap().as_socket().unwrap()
    }

    #[test]
    fn no_two_transfers_of_one_client_meet_at_a_port() {
        let mut ports = ports(2);
        let mut all = Vec::new();
        let mut join = |ports: &mut Ports, n| {
            let port = ports.join(local(), peer(n)).unwrap().unwrap();
            let id = port.id;
            all.push(port);
            id
        };
        assert_eq!([1, 2, 3].map(|n| join(&mut ports, n)), [1, 1, 1]);
        assert_eq!([2, 4, 2, 3].map(|n| join(&mut ports, n)), [2, 1, 3, 2], "it has asked before");
        // The first port stays open for the others, and is never this client's again.
        for at in [1, 3, 5] {
            ports.leave(&all[at].clone());
        }
        assert_eq!(ports.get(3).map(|_| ()), None);
        assert_eq!(ports.join(local(), peer(2)).unwrap().unwrap().id, 4);
        assert_eq!(ports.get(1).unwrap().1, 4, "a packet of each, and one more");
    }

    #[test]
    fn a_port_is_one_number_with_a_socket_for_each_thread_and_closed_with_its_last_transfer() {
        let mut ports = ports(3);
        let port = ports.join(local(), peer(1)).unwrap().unwrap();
        ports.join(local(), peer(2)).unwrap();
        let addr = address(&port);
        assert!(port.sockets.iter().all(|it| it.local_addr().unwrap().as_socket() == Some(addr)));
        assert_eq!(port.sockets.len(), 3);
        ports.leave(&port);
        let id = port.id;
        drop(port);
        assert!(UdpSocket::bind(addr).is_err(), "the other transfer has it");
        let (port, _) = ports.get(id).unwrap();
        ports.leave(&port);
        ports.leave(&port);
        drop(port);
        assert!(UdpSocket::bind(addr).is_ok());
    }

    #[test]
    fn a_packet_goes_to_the_socket_of_the_processor_that_took_it() {
        use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
        let here = sched_getaffinity(None).unwrap();
        let cpus: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|cpu| here.is_set(*cpu)).take(2).collect();
        let epoll = Arc::new(epoll::create(epoll::CreateFlags::CLOEXEC).unwrap());
        let all: Vec<_> = cpus.iter().copied().map(Some).collect();
        let mut ports = Ports::new(&vec![epoll; cpus.len()], &all);
        let port = ports.join(local(), peer(1)).unwrap().unwrap();
        for (at, cpu) in cpus.iter().enumerate() {
            let mut one = CpuSet::new();
            one.set(*cpu);
            sched_setaffinity(None, &one).unwrap();
            for _ in 0..20 {
                let client = UdpSocket::bind("127.0.0.1:0").unwrap();
                client.send_to(b"x", address(&port)).unwrap();
                assert_eq!(port.sockets[at].recv(&mut [std::mem::MaybeUninit::uninit(); 9]).unwrap(), 1);
            }
        }
    }

    #[test]
    fn each_address_of_this_host_has_ports_of_its_own() {
        let mut ports = ports(1);
        let ids: Vec<_> = ["127.0.0.1", "127.0.0.2", "127.0.0.1", "127.0.0.2"]
            .iter()
            .zip(1..)
            .map(|(ip, n)| {
                let port = ports.join(Some(ip.parse().unwrap()), peer(n)).unwrap().unwrap();
                assert_eq!(address(&port).ip().to_string(), *ip);
                port.id
            })
            .collect();
        assert_eq!(ids, [1, 2, 1, 2]);
    }

    #[test]
    fn ports_are_few_and_remember_little() {
        let mut ports = ports(1);
        for _ in 0..MOST_PORTS {
            assert!(ports.join(local(), peer(1)).unwrap().is_some());
        }
        assert!(ports.join(local(), peer(1)).unwrap().is_none());
        for n in 0..MOST_MET {
            let other = SocketAddr::from(([127, 1, 0, 1], n as u16));
            let port = ports.join(local(), other).unwrap().unwrap();
            assert_eq!(port.id, if n + 1 < MOST_MET { 1 } else { 2 }, "{n}");
        }
    }
}
