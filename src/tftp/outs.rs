//! What a thread is about to send from shared ports: of all packets that it answers at once each port's go out with one
//! call. The work on them is done by then, and another thread may do its own.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::event::epoll::{self, EventFlags};
use rustix::io::Errno;
use socket2::Socket;

use super::batch::Outbox;
use super::ports::{self, Port};
use super::{line, net};

/// Errors that are taken from a socket at once; more can wait there for the next time.
const MOST_ERRORS: usize = 64;

/// What the network said of a packet to a client.
pub(super) struct Trouble {
    pub(super) port: Arc<Port>,
    pub(super) peer: SocketAddr,
    pub(super) errno: Errno,
}

/// Packets of one thread, by port.
pub(super) struct Outs {
    /// Which of a port's sockets is this thread's.
    thread: usize,
    epoll: Arc<OwnedFd>,
    list: Vec<Out>,
    /// Empty ones, with their memory.
    spare: Vec<Outbox>,
    troubles: Vec<Trouble>,
}

struct Out {
    port: Arc<Port>,
    packets: Outbox,
    /// The socket takes no more; epoll tells when it does.
    blocked: bool,
}

impl Outs {
    pub(super) fn new(thread: usize, epoll: Arc<OwnedFd>) -> Self {
        Self { thread, epoll, list: Vec::new(), spare: Vec::new(), troubles: Vec::new() }
    }

    /// This thread's socket of a port.
    pub(super) fn socket<'p>(&self, port: &'p Port) -> &'p Socket {
        &port.sockets[self.thread]
    }

    /// Sends a packet with the next [`Outs::flush`].
    pub(super) fn push(&mut self, port: &Arc<Port>, peer: SocketAddr, parts: [&[u8]; 2]) {
        let at = self.list.iter().position(|out| Arc::ptr_eq(&out.port, port)).unwrap_or_else(|| {
            let packets = self.spare.pop().unwrap_or_default();
            self.list.push(Out { port: Arc::clone(port), packets, blocked: false });
            self.list.len() - 1
        });
        self.list[at].packets.push(peer, parts);
    }

    /// Sends all that waits to be sent, as far as the sockets take it.
    pub(super) fn flush(&mut self) {
        let mut at = 0;
        while at < self.list.len() {
            let Out { port, packets, blocked } = &mut self.list[at];
            if *blocked || !send(packets, port, self.thread, &mut self.troubles) {
                if !std::mem::replace(blocked, true) {
                    let flags = EventFlags::IN | EventFlags::OUT | EventFlags::ET;
                    let _ =
                        epoll::modify(&*self.epoll, &port.sockets[self.thread], ports::token(port.id), flags);
                }
                at += 1;
            } else {
                // What it refers to may be closed now.
                self.spare.push(self.list.swap_remove(at).packets);
            }
        }
    }

    /// The socket of a port takes packets again.
    pub(super) fn unblock(&mut self, id: u64) {
        if let Some(out) = self.list.iter_mut().find(|out| out.port.id == id && out.blocked) {
            let flags = EventFlags::IN | EventFlags::ET;
            let socket = &out.port.sockets[self.thread];
            let _ = epoll::modify(&*self.epoll, socket, ports::token(id), flags);
            out.blocked = false;
        }
    }

    /// Takes from a port what the network says of packets that were sent from it; whether there was anything.
    pub(super) fn hear(&mut self, port: &Arc<Port>) -> bool {
        take_errors(port, self.thread, &mut self.troubles)
    }

    /// What the network said since it was asked last.
    pub(super) fn troubles(&mut self) -> Vec<Trouble> {
        std::mem::take(&mut self.troubles)
    }
}

fn send(packets: &mut Outbox, port: &Arc<Port>, thread: usize, troubles: &mut Vec<Trouble>) -> bool {
    let mut again = 0;
    packets.send(&port.sockets[thread], |peer, errno| {
        // It may be about another packet, sent before (`IP_RECVERR`, ip(7)).
        again += 1;
        if again <= MOST_ERRORS && take_errors(port, thread, troubles) {
            return true;
        }
        if let Some(peer) = peer.as_socket()
            && !line::passing(errno)
        {
            troubles.push(Trouble { port: Arc::clone(port), peer, errno });
        }
        false
    })
}

fn take_errors(port: &Arc<Port>, thread: usize, troubles: &mut Vec<Trouble>) -> bool {
    let mut any = false;
    for _ in 0..MOST_ERRORS {
        let Ok(error) = net::take_error(&port.sockets[thread]) else { break };
        any = true;
        if let Some((peer, errno)) = error {
            troubles.push(Trouble { port: Arc::clone(port), peer, errno });
        }
    }
    any
}

#[cfg(test)]
mod tests {
    use super::super::ports::tests::{local, ports};
    use super::*;
    use std::net::UdpSocket;

    #[test]
    fn what_the_network_says_is_told_of_that_client_only() {
        let mut ports = ports(1);
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).unwrap();
        let mut outs = Outs::new(0, Arc::new(epoll));
        let alive = UdpSocket::bind("127.0.0.1:0").unwrap();
        let gone = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let port = ports.join(local(), gone).unwrap().unwrap();
        for round in 0..100_u8 {
            outs.push(&port, gone, [b"a", b""]);
            outs.push(&port, alive.local_addr().unwrap(), [&[round], b""]);
            outs.flush();
        }
        outs.hear(&port);
        let troubles = outs.troubles();
        let is_refused = |it: &Trouble| it.peer == gone && it.errno == Errno::CONNREFUSED;
        assert!(troubles.len() > 50 && troubles.iter().all(is_refused), "{}", troubles.len());
        for round in 0..100 {
            let mut buf = [0; 9];
            assert_eq!((alive.recv(&mut buf).unwrap(), buf[0]), (1, round), "nothing is lost on the way");
        }
        assert!(outs.troubles().is_empty());
    }

    #[test]
    fn a_port_is_closed_when_its_last_word_is_said() {
        let mut ports = ports(1);
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).unwrap();
        let mut outs = Outs::new(0, Arc::new(epoll));
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = ports.join(local(), client.local_addr().unwrap()).unwrap().unwrap();
        let addr = port.sockets[0].local_addr().unwrap().as_socket().unwrap();
        outs.push(&port, client.local_addr().unwrap(), [b"the end", b""]);
        ports.leave(&port);
        drop(port);
        assert!(UdpSocket::bind(addr).is_err());
        outs.flush();
        let mut buf = [0; 9];
        assert_eq!(client.recv_from(&mut buf).unwrap(), (7, addr));
        assert!(UdpSocket::bind(addr).is_ok());
    }
}
