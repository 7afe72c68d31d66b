//! The boards of one flash as a TFTP source: a request finds its board by the directory it asks in, and the server's
//! events are handed to the board they belong to.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::event::{Ending, Event, Stage, What};
use super::job::Answer as JobAnswer;
use super::material::ImageMaterial;
use super::record::{CardRecord, Flash};
use super::step::{Content, Material};
use super::watch::BoardWatch;
use crate::board::{Mac, Who};
use crate::error::{Explain, Kind};
use crate::run::{Record, Running};
use crate::tftp::content::RangeContent;
use crate::tftp::event::{Event as TftpEvent, What as TftpWhat};
use crate::tftp::packet::Direction;
use crate::tftp::source::{Answer, Refusal, Request, Sink, Source};
use crate::tftp::switch::{Branch, of_board};

/// A report of the original's kind has 4 bytes; a longer one is cut off there by refusing it.
const REPORT_LIMIT: u64 = 64;
/// Boards that ask but are no target, as many as are worth telling.
const MOST_OTHERS: usize = 16;

/// One board and its run.
#[derive(Debug)]
struct Board {
    watch: BoardWatch,
    running: Running,
}

/// All boards of one flash, and what they are given.
pub struct Boards {
    boards: BTreeMap<Mac, Arc<Mutex<Board>>>,
    material: Arc<ImageMaterial>,
    others: Mutex<BTreeMap<String, SocketAddr>>,
    under_way: AtomicUsize,
}

/// A board's lock. A panic elsewhere doesn't make its state wrong, so poison is ignored.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Boards {
    /// These boards, each in its run.
    #[must_use]
    pub fn new(boards: Vec<(BoardWatch, Running)>, material: Arc<ImageMaterial>) -> Self {
        let board = |(watch, running): (BoardWatch, Running)| {
            (watch.mac(), Arc::new(Mutex::new(Board { watch, running })))
        };
        let boards = boards.into_iter().map(board).collect();
        Self { boards, material, others: Mutex::default(), under_way: AtomicUsize::new(0) }
    }

    /// Does something with one board and tells its events.
    pub fn with<T>(&self, mac: Mac, act: impl FnOnce(&mut BoardWatch, &mut Vec<Event>) -> T) -> Option<T> {
        let mut board = lock(self.boards.get(&mac)?);
        let Board { watch, running } = &mut *board;
        let mut events = Vec::new();
        let result = act(watch, &mut events);
        if let Some(address) = watch.peer() {
            running.learn(&Who { address: Some(address), ..Who::default() });
        }
        let parts = self.material.parts();
        // Told under the lock, so that a board's events come in their order.
        for event in events {
            if matches!(event.what, What::Ended(_)) {
                running.keep(&detail(watch, &self.material));
            }
            event.tell(running, parts);
        }
        Some(result)
    }

    /// The record of a board, with what became known after its end: the image's digests.
    pub fn record(&self, mac: Mac) -> Option<Record> {
        let mut board = lock(self.boards.get(&mac)?);
        let Board { watch, running } = &mut *board;
        if !running.is_over() {
            let why = "the TFTP server ended".to_owned();
            running.end(Ending::Failed { why, last_seen: None, hint: None, kind: Kind::Io });
        }
        // That it couldn't be written was told at the end already.
        let _ = running.amend(&detail(watch, &self.material));
        Some(running.record().clone())
    }

    /// Does something with every board.
    pub fn each(&self, mut act: impl FnMut(&mut BoardWatch, &mut Vec<Event>)) {
        for mac in self.boards.keys() {
            self.with(*mac, &mut act);
        }
    }

    /// Whether every board has ended.
    #[must_use]
    pub fn all_ended(&self) -> bool {
        self.boards.values().all(|board| lock(board).watch.ending().is_some())
    }

    /// Whether any transfer is on the wire.
    #[must_use]
    pub fn quiet(&self) -> bool {
        self.under_way.load(Ordering::Relaxed) == 0
    }

    /// Directories that were asked for and belong to no target.
    #[must_use]
    pub fn others(&self) -> Vec<String> {
        lock(&self.others).iter().map(|(name, peer)| format!("{name} ({})", peer.ip())).collect()
    }

    /// Takes an event of the TFTP server.
    pub fn transfer(&self, event: &TftpEvent) {
        match &event.what {
            TftpWhat::Started { .. } => {
                self.under_way.fetch_add(1, Ordering::Relaxed);
            }
            TftpWhat::Finished { .. } | TftpWhat::Probed | TftpWhat::Failed { .. } => {
                // A transfer that fails before it starts doesn't count down below zero.
                let _ =
                    self.under_way.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1));
            }
            _ => {}
        }
        let Some((mac, path)) = board_path(&event.path) else { return };
        let now = Instant::now();
        match &event.what {
            TftpWhat::Progress { bytes, .. } => {
                self.with(mac, |watch, events| watch.progress(path, *bytes, now, events));
            }
            TftpWhat::Finished { direction: Direction::Read, .. } => {
                self.with(mac, |watch, events| watch.fetched(path, now, events));
            }
            _ => {}
        }
    }

    /// Ends every board that hasn't ended where the image can't be flashed after all. Says whether that is so.
    pub(super) fn end_for_the_image(&self) -> bool {
        let Some(error) = self.material.failure() else { return false };
        self.each(|watch, events| {
            watch.end(Stage::Prepare, error.kind(), error.to_string(), error.hint(), events);
        });
        true
    }

    fn read(&self, mac: Mac, path: &str, peer: SocketAddr) -> Answer {
        // Before what the board tells is judged: another checksum is no fault of a card if the image is another one.
        self.end_for_the_image();
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

impl Source for Boards {
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
                // The server's thread calls the sink, and these boards outlive the server; but the sink's type must
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

impl Branch for Boards {
    fn boards(&self) -> Vec<Mac> {
        self.boards.keys().copied().collect()
    }

    fn claims(&self, request: &Request<'_>) -> bool {
        of_board(request).is_some_and(|(mac, _)| self.boards.contains_key(&mac))
    }

    fn event(&self, event: &TftpEvent) {
        self.transfer(event);
    }
}

/// An upload of the original's kind: 4 bytes, a number.
struct Report {
    board: Arc<Mutex<Board>>,
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
        lock(&self.board).watch.original_report(&self.file, &self.bytes, &raw_len);
        Ok(())
    }

    fn aborted(&mut self, _why: &str) {
        self.bytes.clear();
    }
}

/// What the record says of a board's flash.
fn detail(watch: &BoardWatch, material: &ImageMaterial) -> Flash {
    let bound = watch.bound();
    Flash {
        job: watch.job().name(),
        authenticated: bound.authenticated(),
        bound,
        image: material.record(),
        card: watch.job().card().map(|(card, layout)| CardRecord {
            uboot_start: card.uboot_start,
            uboot_len: card.uboot_len,
            shift: layout.shift,
        }),
        bytes: material.total_bytes(),
        steps: watch.steps().to_vec(),
    }
}

/// The MAC address of a neighbour, as the kernel knows it; its table is read at once.
fn neighbour(ip: IpAddr) -> Option<Mac> {
    match ip {
        IpAddr::V4(ip) => crate::wire::neighbours::find(ip),
        IpAddr::V6(_) => None,
    }
}

/// Splits a path into the board's address and the rest.
fn board_path(path: &str) -> Option<(Mac, &str)> {
    let (mac, rest) = path.split_once('/')?;
    Some((mac.parse().ok()?, rest))
}
