//! The server's side: takes clients in, and makes each a branch of the TFTP server.

use std::collections::BTreeSet;
use std::os::fd::AsFd;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};

use super::error::Error;
use super::image::Handed;
use super::link::{Broken, Link, PATIENCE, Peer, Received};
use super::message::{
    self, LARGEST, LONGEST_SIGNATURE, MOST_BOARDS, MOST_OFFERED, SCHEMA, ToClient, ToServer, Why,
};
use super::place::{Listener, Place};
use super::remote::{ANSWER, Remote, Way};
use super::stations::{Desk, Reply, Stations, Want};
use crate::arming::Change;
use crate::beneath::SocketError;
use crate::board::Mac;
use crate::per_second::PerSecond;
use crate::stop::{Stop, Waker, until};
use crate::tftp::switch::{Joined, NotJoined, Switch};

/// Connections at once, and of these of one user that isn't root.
const MOST_CLIENTS: usize = 32;
const MOST_OF_USER: usize = 16;
/// Boards of all clients.
const ALL_BOARDS: usize = 2048;
/// How long a client may take until it has said what it wants.
const GREETING: Duration = Duration::from_secs(5);
/// Messages in a second that no question of the server's asked for.
const UNASKED: u32 = 200;
/// Of one client, and new clients, in one round: nobody keeps the others waiting.
const AT_ONCE: usize = 64;
/// How long nobody is taken in when the system has no descriptor left.
const PAUSE: Duration = Duration::from_millis(200);

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// A client's boards are served from now on.
    Admitted {
        /// The client.
        client: Peer,
        /// Its boards.
        boards: Vec<Mac>,
    },
    /// They no longer are.
    Withdrawn {
        /// The client.
        client: Peer,
        /// Its boards.
        boards: Vec<Mac>,
        /// Why.
        why: String,
    },
    /// A client was sent away before its boards were served.
    Refused {
        /// The client.
        client: Peer,
        /// Why.
        why: String,
    },
}

/// The control socket of a server, open.
pub struct Server {
    listener: Listener,
    serves: String,
    waker: Waker,
    stations: Option<(Stations, Arc<dyn Desk>)>,
    /// Boards of other programs are taken in.
    takes_boards: bool,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Server").field("serves", &self.serves).finish_non_exhaustive()
    }
}

impl Server {
    /// Opens the socket, for root and the users of `group`; without one for this user alone. `serves` is what the server
    /// does beside: `netboot`.
    ///
    /// # Errors
    /// Where another server listens there, or the place isn't to be trusted.
    pub fn open(path: &Path, serves: &str, group: Option<u32>) -> Result<Self, Error> {
        let listener = Place::open(path, true)?.listen(group)?;
        let system = |source| SocketError::System { path: path.to_owned(), doing: "listening there", source };
        let waker = Waker::new().map_err(system)?;
        Ok(Self { listener, serves: serves.to_owned(), waker, stations: None, takes_boards: true })
    }

    /// Takes stations in too.
    #[must_use]
    pub fn for_stations(self, stations: Stations, desk: Arc<dyn Desk>) -> Self {
        Self { stations: Some((stations, desk)), ..self }
    }

    /// Takes stations in, and nobody's boards: there is no TFTP server.
    #[must_use]
    pub fn for_stations_alone(self, stations: Stations, desk: Arc<dyn Desk>) -> Self {
        Self { takes_boards: false, ..self.for_stations(stations, desk) }
    }

    /// Serves clients until `stop` is set, or the TFTP server has ended. `tell` is called on this thread.
    ///
    /// # Errors
    /// Those of poll(2). Nothing that a client does is one.
    pub fn run(&self, switch: &Arc<Switch>, tell: &mut dyn FnMut(Told), stop: &Stop) -> std::io::Result<()> {
        let (clients, buf) = (Vec::new(), vec![0; LARGEST + 1]);
        let mut hall = Hall { server: self, switch, tell, clients, buf, paused: None, next: 0 };
        while !stop.is_set() && !switch.ended().is_set() {
            hall.round(stop)?;
        }
        for at in (0..hall.clients.len()).rev() {
            hall.put_out(at, Why::Ended, "the server was stopped".to_owned());
        }
        Ok(())
    }
}

/// Everybody who is connected.
struct Hall<'a> {
    server: &'a Server,
    switch: &'a Arc<Switch>,
    tell: &'a mut dyn FnMut(Told),
    clients: Vec<Client>,
    buf: Vec<u8>,
    /// Until then nobody is taken in.
    paused: Option<Instant>,
    /// The number of the client that came last.
    next: u64,
}

struct Client {
    peer: Peer,
    way: Arc<Way>,
    since: Instant,
    admitted: Option<Admitted>,
    /// It is a station.
    is_station: bool,
    /// No two clients of a server have the same.
    number: u64,
    /// Messages that nobody asked for.
    unasked: PerSecond,
}

struct Admitted {
    remote: Arc<Remote>,
    _joined: Joined,
}

/// Why a client is put out.
type Out = (Why, String);

fn rules(text: impl Into<String>) -> Out {
    (Why::Rules, text.into())
}

impl Hall<'_> {
    /// Waits for something, and does what is due.
    fn round(&mut self, stop: &Stop) -> std::io::Result<()> {
        let now = Instant::now();
        self.paused = self.paused.filter(|until| now < *until);
        let mut fds = vec![
            PollFd::from_borrowed_fd(stop.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(self.switch.ended().as_fd(), PollFlags::IN),
            PollFd::new(&self.server.waker, PollFlags::IN),
        ];
        for client in &self.clients {
            let out = if client.way.link.is_behind() { PollFlags::OUT } else { PollFlags::empty() };
            fds.push(PollFd::from_borrowed_fd(client.way.link.as_fd(), PollFlags::IN | out));
        }
        if self.paused.is_none() {
            fds.push(PollFd::from_borrowed_fd(self.server.listener.as_fd(), PollFlags::IN));
        }
        let deadline = self.clients.iter().filter_map(|client| client.deadline(now)).chain(self.paused).min();
        until(&mut fds, deadline)?;
        let ready: Vec<bool> = fds.iter().skip(3).map(|fd| !fd.revents().is_empty()).collect();
        drop(fds);
        self.server.waker.clear();
        let now = Instant::now();
        let mut answered = false;
        // From the end, since some go.
        for at in (0..self.clients.len()).rev() {
            let done = if ready[at] { self.hear(at, now) } else { Ok(false) };
            match done.and_then(|some| self.clients[at].look(now).map(|()| some)) {
                Ok(some) => answered |= some,
                Err((why, text)) => self.put_out(at, why, text),
            }
        }
        if answered {
            self.switch.wake();
        }
        if self.paused.is_none() && ready.last() == Some(&true) {
            self.take_in(now);
        }
        Ok(())
    }

    fn take_in(&mut self, now: Instant) {
        for _ in 0..AT_ONCE {
            match self.server.listener.accept() {
                Ok(Some((link, peer))) => self.greet(link, peer, now),
                Ok(None) => return,
                Err(_) => {
                    self.paused = Some(now + PAUSE);
                    return;
                }
            }
        }
    }

    fn greet(&mut self, link: Link, peer: Peer, now: Instant) {
        let way = Arc::new(Way { link, waker: self.server.waker.clone() });
        let of_user = self.clients.iter().filter(|client| client.peer.uid == peer.uid).count();
        if self.clients.len() >= MOST_CLIENTS || (peer.uid != 0 && of_user >= MOST_OF_USER) {
            way.tell(&refused(Why::Full, "too many programs hand their boards over"), b"");
            return;
        }
        let hello = ToClient::Hello {
            schema: SCHEMA,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            serves: self.server.serves.clone(),
            tftp: self.switch.addrs(),
        };
        way.tell(&hello, b"");
        let unasked = PerSecond::new(UNASKED);
        self.next += 1;
        let number = self.next;
        self.clients.push(Client {
            peer,
            way,
            since: now,
            admitted: None,
            is_station: false,
            number,
            unasked,
        });
    }

    /// Takes what a client says. Says whether a board's question was answered.
    fn hear(&mut self, at: usize, now: Instant) -> Result<bool, Out> {
        let mut answered = false;
        for _ in 0..AT_ONCE {
            let (len, fd) = match self.clients[at].way.link.receive(&mut self.buf) {
                Ok(Received::Nothing) => break,
                Ok(Received::Packet(len, fd)) => (len, fd),
                Err(Broken::Ended) => return Err((Why::Ended, "it has ended".to_owned())),
                Err(broken) => return Err(rules(broken.to_string())),
            };
            let (message, behind) =
                message::decode::<ToServer>(&self.buf[..len]).map_err(|bad| rules(bad.to_string()))?;
            let client = &mut self.clients[at];
            if fd.is_some() && !matches!(message, ToServer::Admit { .. } | ToServer::Offer { .. }) {
                return Err(rules("a descriptor came with a message that has none"));
            }
            match message {
                ToServer::Admit { schema, boards, available } => {
                    if client.admitted.is_some() || client.is_station {
                        return Err(rules("it has said already which boards it has"));
                    }
                    self.admit(at, schema, boards, available, fd)?;
                }
                ToServer::Available { bytes } => {
                    let Some(admitted) = &client.admitted else {
                        return Err(rules("it hasn't said which boards it has"));
                    };
                    if !client.unasked.allows(now) {
                        return Err(rules("it says too much"));
                    }
                    admitted.remote.image.grows(bytes);
                    answered = true;
                }
                ToServer::Answer { id, give } => {
                    let Some(admitted) = &client.admitted else {
                        return Err(rules("it hasn't said which boards it has"));
                    };
                    let wanted = admitted.remote.answer(id, give, behind).map_err(rules)?;
                    // A board may have given up meanwhile, so an answer to nothing is no fault; many are.
                    if !wanted && !client.unasked.allows(now) {
                        return Err(rules("it answers what nobody asked"));
                    }
                    answered |= wanted;
                }
                ToServer::Station { schema } => self.station(at, schema)?,
                ToServer::Arm { id, others, boards } => {
                    if boards.len() > MOST_BOARDS {
                        return Err(rules(format!("{} boards in a message are too many", boards.len())));
                    }
                    self.want(at, id, Want::Arm(Change { others, rules: boards }), now)?;
                }
                ToServer::Rules { id, after } => self.want(at, id, Want::Rules { after }, now)?,
                ToServer::Reset { id, target } => self.want(at, id, Want::Reset { target }, now)?,
                ToServer::Offer { id, boards, signature } => {
                    let (by, of_root) = (client.number, client.peer.uid == 0);
                    if boards.is_empty() || boards.len() > MOST_OFFERED || signature.len() > LONGEST_SIGNATURE
                    {
                        return Err(rules(
                            "an offer has 1 to 16 addresses, and a signature of 4096 bytes at most",
                        ));
                    }
                    let handed = |fd| Handed::new(fd, None, of_root).map_err(|why| (Why::Image, why));
                    let image = fd.map(handed).transpose()?.map(|image| (image, signature));
                    self.want(at, id, Want::Offer { by, boards, image }, now)?;
                }
            }
        }
        Ok(answered)
    }

    fn admit(
        &mut self,
        at: usize,
        schema: u32,
        boards: Vec<Mac>,
        available: Option<u64>,
        fd: Option<OwnedFd>,
    ) -> Result<(), Out> {
        if schema != SCHEMA {
            return Err(other_schema(schema));
        }
        if !self.server.takes_boards {
            return Err(rules("no network boot is served here"));
        }
        let boards: BTreeSet<Mac> = boards.into_iter().collect();
        if boards.is_empty() {
            return Err(rules("it has no boards"));
        }
        let all = self.clients.iter().filter_map(|client| client.admitted.as_ref());
        let all: usize = all.map(|admitted| admitted.remote.count()).sum();
        if boards.len() > MOST_BOARDS || all + boards.len() > ALL_BOARDS {
            return Err((
                Why::Full,
                format!(
                    "{} boards are too many: {MOST_BOARDS} of one flash, {ALL_BOARDS} in all",
                    boards.len()
                ),
            ));
        }
        let fd = fd.ok_or_else(|| (Why::Image, "no descriptor came along".to_owned()))?;
        let image = Arc::new(
            Handed::new(fd, available, self.clients[at].peer.uid == 0).map_err(|why| (Why::Image, why))?,
        );
        let client = &mut self.clients[at];
        let remote = Arc::new(Remote::new(boards, image, Arc::clone(&client.way)));
        let joined = self.switch.join(Arc::clone(&remote) as _).map_err(|error| {
            let why = match error {
                NotJoined::Taken { .. } => Why::Taken,
                NotJoined::Ended | NotJoined::NoServer => Why::Ended,
                _ => Why::Full,
            };
            (why, error.to_string())
        })?;
        client.way.tell(&ToClient::Admitted { boards: remote.count() }, b"");
        (self.tell)(Told::Admitted { client: client.peer, boards: remote.all() });
        client.admitted = Some(Admitted { remote, _joined: joined });
        Ok(())
    }

    fn station(&mut self, at: usize, schema: u32) -> Result<(), Out> {
        let client = &mut self.clients[at];
        if client.admitted.is_some() || client.is_station {
            return Err(rules("it has said already what it is"));
        }
        let Some((stations, desk)) = &self.server.stations else {
            return Err((Why::Rules, "no station is served here".to_owned()));
        };
        if schema != SCHEMA {
            return Err(other_schema(schema));
        }
        // Nothing is seen between this answer and the first thing that it is told.
        client.way.tell(&desk.serving(), b"");
        if !stations.join(&client.way) {
            return Err((Why::Full, "too many stations".to_owned()));
        }
        client.is_station = true;
        Ok(())
    }

    fn want(&mut self, at: usize, id: u64, want: Want, now: Instant) -> Result<(), Out> {
        let client = &mut self.clients[at];
        let Some((_, desk)) = self.server.stations.as_ref().filter(|_| client.is_station) else {
            return Err(rules("it hasn't said that it is a station"));
        };
        if !client.unasked.allows(now) {
            return Err(rules("it says too much"));
        }
        desk.want(want, Reply::new(Arc::clone(&client.way), id)).map_err(|error| rules(error.to_string()))
    }

    /// Ends with a client: its boards are its own affair again.
    fn put_out(&mut self, at: usize, why: Why, text: String) {
        let client = self.clients.swap_remove(at);
        if let Some((stations, desk)) = self.server.stations.as_ref().filter(|_| client.is_station) {
            stations.leave(&client.way);
            desk.left(client.number);
        }
        client.way.tell(&refused(why, &text), b"");
        (self.tell)(match client.admitted {
            Some(Admitted { remote, _joined: joined }) => {
                drop(joined);
                Told::Withdrawn { client: client.peer, boards: remote.all(), why: text }
            }
            // Who only looks whether somebody listens is nobody's business.
            None if why == Why::Ended => return,
            None if client.is_station => {
                Told::Withdrawn { client: client.peer, boards: Vec::new(), why: text }
            }
            None => Told::Refused { client: client.peer, why: text },
        });
    }
}

impl Client {
    /// Looks whether it keeps to its times, and sends what waits for it.
    fn look(&self, now: Instant) -> Result<(), Out> {
        self.way.link.flush(now).map_err(|broken| rules(broken.to_string()))?;
        match &self.admitted {
            Some(admitted) if admitted.remote.is_late(now) => {
                Err(rules(format!("it hasn't answered a board for {} s", ANSWER.as_secs())))
            }
            None if self.is_station => Ok(()),
            None if now.saturating_duration_since(self.since) >= GREETING => {
                Err(rules(format!("it hasn't said what it wants for {} s", GREETING.as_secs())))
            }
            _ => Ok(()),
        }
    }

    /// When it has to be looked at, at the latest.
    fn deadline(&self, now: Instant) -> Option<Instant> {
        if self.admitted.is_none() && !self.is_station {
            return Some(self.since + GREETING);
        }
        let waiting = self.admitted.as_ref().is_some_and(|admitted| admitted.remote.is_waiting());
        let late = waiting.then_some(ANSWER / 10);
        let deaf = self.way.link.is_behind().then_some(PATIENCE / 10);
        late.into_iter().chain(deaf).min().map(|after| now + after)
    }
}

fn other_schema(schema: u32) -> Out {
    let version = env!("CARGO_PKG_VERSION");
    (Why::Schema, format!("this is version {version}, which speaks schema {SCHEMA}, not {schema}"))
}

fn refused(why: Why, text: &str) -> ToClient {
    // A message of the system may be long; it goes into a packet.
    ToClient::Refused { why, text: text.chars().take(500).collect() }
}

#[cfg(test)]
mod tests;
