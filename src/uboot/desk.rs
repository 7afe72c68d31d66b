//! Where the boards' requests arrive: a TFTP source that finds the board by the directory it asks in, and the
//! server's events handed to the board they belong to.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::event::Event;
use super::job::Answer as JobAnswer;
use super::material::ImageMaterial;
use super::step::{Content, Material};
use super::watch::Watch;
use crate::board::Mac;
use crate::tftp::content::RangeContent;
use crate::tftp::event::{Event as TftpEvent, What};
use crate::tftp::packet::Direction;
use crate::tftp::source::{Answer, Refusal, Request, Sink, Source};

/// A report of the original's kind has 4 bytes; a longer one is cut off there by refusing it.
const REPORT_LIMIT: u64 = 64;
/// Boards that ask but are no target, as many as are worth telling.
const MOST_OTHERS: usize = 16;

/// All boards of one flash, and what they are given.
pub struct Desk<'a> {
    boards: BTreeMap<Mac, Arc<Mutex<Watch>>>,
    material: Arc<ImageMaterial>,
    tell: &'a (dyn Fn(&Event) + Send + Sync),
    others: Mutex<BTreeMap<String, SocketAddr>>,
    under_way: AtomicUsize,
}

/// A board's lock. A panic elsewhere doesn't make its state wrong, so poison is ignored.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<'a> Desk<'a> {
    /// A desk for these boards.
    #[must_use]
    pub fn new(
        watches: Vec<Watch>,
        material: Arc<ImageMaterial>,
        tell: &'a (dyn Fn(&Event) + Send + Sync),
    ) -> Self {
        let boards = watches.into_iter().map(|watch| (watch.mac(), Arc::new(Mutex::new(watch)))).collect();
        Self { boards, material, tell, others: Mutex::default(), under_way: AtomicUsize::new(0) }
    }

    /// Does something with one board and tells what came of it.
    pub fn with<T>(&self, mac: Mac, act: impl FnOnce(&mut Watch, &mut Vec<Event>) -> T) -> Option<T> {
        let board = self.boards.get(&mac)?;
        let mut watch = lock(board);
        let mut events = Vec::new();
        let result = act(&mut watch, &mut events);
        watch.note_end(Instant::now());
        // Told under the lock, so that a board's events come in their order.
        for event in &events {
            (self.tell)(event);
        }
        Some(result)
    }

    /// Does something with every board.
    pub fn each(&self, mut act: impl FnMut(&mut Watch, &mut Vec<Event>)) {
        for mac in self.boards.keys() {
            self.with(*mac, &mut act);
        }
    }

    /// Whether every board has ended.
    #[must_use]
    pub fn all_ended(&self) -> bool {
        self.boards.values().all(|board| lock(board).ending().is_some())
    }

    /// Whether any transfer is on the wire.
    #[must_use]
    pub fn quiet(&self) -> bool {
        self.under_way.load(Ordering::Relaxed) == 0
    }

    /// Directories in which somebody asked that belong to no target.
    #[must_use]
    pub fn others(&self) -> Vec<String> {
        lock(&self.others).iter().map(|(name, peer)| format!("{name} ({})", peer.ip())).collect()
    }

    /// Takes an event of the TFTP server.
    pub fn transfer(&self, event: &TftpEvent) {
        match &event.what {
            What::Started { .. } => {
                self.under_way.fetch_add(1, Ordering::Relaxed);
            }
            What::Finished { .. } | What::Probed | What::Failed { .. } => {
                // A transfer that fails before it starts doesn't count down below zero.
                let _ =
                    self.under_way.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1));
            }
            _ => {}
        }
        let Some((mac, path)) = board_path(&event.path) else { return };
        let now = Instant::now();
        match &event.what {
            What::Progress { bytes, .. } => {
                self.with(mac, |watch, events| watch.progress(path, *bytes, now, events));
            }
            What::Finished { direction: Direction::Read, .. } => {
                self.with(mac, |watch, events| watch.fetched(path, now, events));
            }
            _ => {}
        }
    }

    fn read(&self, mac: Mac, path: &str, peer: SocketAddr) -> Answer {
        let material = &*self.material;
        let from = (peer.ip().to_canonical(), &neighbour as &dyn Fn(IpAddr) -> Option<Mac>);
        let answer =
            self.with(mac, |watch, events| watch.ask_from(from, path, material, Instant::now(), events));
        match answer {
            None => {
                self.stranger(&mac.to_string(), peer);
                Answer::not_found("no job for this board")
            }
            Some(JobAnswer::Later) => Answer::Later,
            Some(JobAnswer::NotFound(why)) => Answer::not_found(why),
            Some(JobAnswer::Send(Content::Bytes(bytes))) => Answer::bytes(bytes),
            Some(JobAnswer::Send(Content::Range { start, len })) => {
                let padded = len.next_multiple_of(crate::image::table::BLOCK);
                let content = RangeContent::new(material.content(), start, len, padded);
                let failing = Arc::clone(&self.material);
                Answer::Send(Box::new(
                    content.failing(Box::new(move || failing.failure().map(|error| error.to_string()))),
                ))
            }
        }
    }

    fn stranger(&self, name: &str, peer: SocketAddr) {
        let mut others = lock(&self.others);
        if others.len() < MOST_OTHERS {
            others.insert(name.to_owned(), peer);
        }
    }
}

impl Source for Desk<'_> {
    fn open(&self, request: &Request<'_>) -> Answer {
        let Some((mac, path)) = request.name().and_then(board_path) else {
            let path = crate::tftp::event::printable(request.path);
            self.stranger(&path, request.peer);
            return Answer::not_found("no such file");
        };
        match request.direction {
            Direction::Read => self.read(mac, path, request.peer),
            Direction::Write => {
                let Some(board) = self.boards.get(&mac) else {
                    return Answer::denied("no job for this board");
                };
                let from = (request.peer.ip().to_canonical(), &neighbour as &dyn Fn(IpAddr) -> Option<Mac>);
                let welcome = self.with(mac, |watch, events| watch.upload_from(from, path, events));
                if let Some(Err(why)) = welcome {
                    return Answer::denied(why);
                }
                // The server's thread calls the sink, and this desk outlives the server; but the sink's type must
                // not borrow it, so the report is handed over through a shared cell.
                Answer::Receive(Box::new(Report {
                    board: Arc::clone(board),
                    file: path.to_owned(),
                    bytes: Vec::new(),
                    material: Arc::clone(&self.material),
                }))
            }
        }
    }
}

/// An upload of the original's kind: 4 bytes, a number.
struct Report {
    board: Arc<Mutex<Watch>>,
    file: String,
    bytes: Vec<u8>,
    material: Arc<ImageMaterial>,
}

impl Sink for Report {
    fn limit(&self) -> u64 {
        REPORT_LIMIT
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn complete(&mut self) -> Result<(), Refusal> {
        let raw_len = self.material.raw_len();
        lock(&self.board).original_report(&self.file, &self.bytes, &raw_len);
        Ok(())
    }

    fn aborted(&mut self, _why: &str) {
        self.bytes.clear();
    }
}

/// The MAC address of a neighbour, as the kernel knows it; its table is read at once.
fn neighbour(ip: IpAddr) -> Option<Mac> {
    match ip {
        IpAddr::V4(ip) => crate::netboot::serve::neighbour::find(ip),
        IpAddr::V6(_) => None,
    }
}

/// Splits a path into the board's address and the rest.
fn board_path(path: &str) -> Option<(Mac, &str)> {
    let (mac, rest) = path.split_once('/')?;
    Some((mac.parse().ok()?, rest))
}
