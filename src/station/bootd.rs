//! The station's side of the privileged half: what boards do comes in, and which boards the network answers goes out.
//!
//! A thread holds the connection ([`crate::control`] knows no tokio); a task compares what the store says of boards with
//! what was said, and says the difference. Where the other half is away it is tried again, and then told everything anew.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};
use tokio::sync::mpsc;

use super::store::Error;
use super::{Station, now};
use crate::arming::{Name, Rule, Word};
use crate::board::Who;
use crate::control::Client;
use crate::control::message::{MOST_BOARDS, Seen, ToClient, ToServer};
use crate::run::Way;
use crate::station_api::{Board, Held, Thing};
use crate::stop::{Stop, Waker};

/// How long until a connection is tried again.
const AGAIN: Duration = Duration::from_secs(2);
/// How often the store is compared with what was said, where nothing changes.
const COMPARE: Duration = Duration::from_secs(5);
/// Things that were told and that nobody has taken yet.
const WAITING: usize = 1024;
/// The same of one board is put into the store once in so long.
const SAME: Duration = Duration::from_secs(5);
/// Boards of which that is known.
const MOST_SEEN: usize = 4096;

/// What the thread tells the task.
#[derive(Debug)]
enum News {
    /// There is a connection.
    Up,
    /// It is over.
    Down(String),
    /// The other half says something.
    Told(ToClient),
}

/// What is to be said, and who has to be woken for it.
#[derive(Debug, Default)]
struct Outbox {
    queue: VecDeque<ToServer>,
    waker: Option<Waker>,
    next: u64,
}

/// The connection, while it is kept.
#[derive(Debug)]
struct Wire {
    outbox: Arc<Mutex<Outbox>>,
    stop: Stop,
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.stop.set();
    }
}

fn lock(outbox: &Mutex<Outbox>) -> MutexGuard<'_, Outbox> {
    outbox.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Wire {
    /// Begins to keep a connection to the socket at `path`.
    fn open(path: PathBuf) -> std::io::Result<(Self, mpsc::Receiver<News>)> {
        let (tell, told) = mpsc::channel(WAITING);
        let (stop, outbox) = (Stop::new()?, Arc::new(Mutex::new(Outbox::default())));
        let (own, queue) = (stop.clone(), Arc::clone(&outbox));
        let work = move || {
            while !own.is_set() {
                let why = hold(&path, &queue, &tell, &own);
                lock(&queue).waker = None;
                if tell.blocking_send(News::Down(why)).is_err() || own.wait(AGAIN) {
                    return;
                }
            }
        };
        std::thread::Builder::new().name("bootd".to_owned()).spawn(work)?;
        Ok((Self { outbox, stop }, told))
    }

    /// Says which boards are answered.
    fn arm(&self, rules: Vec<Rule>) {
        let mut outbox = lock(&self.outbox);
        for boards in rules.chunks(MOST_BOARDS) {
            outbox.next += 1;
            let id = outbox.next;
            outbox.queue.push_back(ToServer::Arm { id, others: None, boards: boards.to_vec() });
        }
        if let Some(waker) = &outbox.waker {
            waker.wake();
        }
    }
}

/// One connection, to its end; says why it ended.
fn hold(path: &Path, outbox: &Mutex<Outbox>, tell: &mpsc::Sender<News>, stop: &Stop) -> String {
    let talk = || {
        let client = Client::connect(path, stop)?;
        client.station(stop)?;
        {
            let mut outbox = lock(outbox);
            // What waits was for a connection that is over; all is said anew.
            outbox.queue.clear();
            outbox.waker = Some(client.waker());
        }
        if tell.blocking_send(News::Up).is_err() {
            return Ok(());
        }
        let mut hear = |message| match message {
            // Progress and the like: the next one says it too.
            ToClient::Run { .. } => drop(tell.try_send(News::Told(message))),
            message => drop(tell.blocking_send(News::Told(message))),
        };
        client.follow(&mut || lock(outbox).queue.pop_front(), &mut hear, stop)
    };
    talk()
        .err()
        .map_or_else(|| "it was ended".to_owned(), |error: crate::control::Error| crate::error::chain(&error))
}

/// What is known of what the other half knows.
#[derive(Debug, Default)]
struct Said(BTreeMap<String, (Vec<Name>, Word)>);

impl Said {
    /// What to say so that it knows `held`: boards with the word that each is to have.
    fn differences(&mut self, held: BTreeMap<String, (Vec<Name>, Word)>) -> Vec<Rule> {
        let mut rules = Vec::new();
        for (id, (names, _)) in &self.0 {
            // Before the new ones, of which some may have the same names.
            let kept = held.get(id).map_or(&[][..], |(names, _)| names);
            rules.extend(
                names.iter().filter(|name| !kept.contains(name)).map(|name| Rule { name: *name, say: None }),
            );
        }
        for (id, (names, word)) in &held {
            if self.0.get(id) != Some(&(names.clone(), *word)) {
                rules.extend(names.iter().map(|name| Rule { name: *name, say: Some(*word) }));
            }
        }
        self.0 = held;
        rules
    }
}

/// The number of a board's one boot, as it is kept; `spent` where it was seen to be answered.
fn turn_of(kept: Option<&str>) -> Option<(u64, bool)> {
    let kept = kept?;
    match kept.strip_suffix(" spent") {
        Some(turn) => Some((turn.parse().ok()?, true)),
        None => Some((kept.parse().ok()?, false)),
    }
}

impl Station {
    /// Keeps the privileged half informed, for as long as the station serves.
    pub(super) async fn with_bootd(self: Arc<Self>, path: PathBuf) {
        let (wire, mut told) = match Wire::open(path) {
            Ok(opened) => opened,
            Err(error) => return tracing::warn!(%error, "the privileged half can't be spoken to"),
        };
        let (_, mut changes) = self.changes.after(None);
        let mut each = tokio::time::interval(COMPARE);
        let (mut up, mut was_away) = (false, false);
        let mut said = Said::default();
        let mut seen: HashMap<String, Instant> = HashMap::new();
        loop {
            tokio::select! {
                news = told.recv() => match news {
                    None => return,
                    Some(News::Up) => {
                        tracing::info!("the privileged half is there");
                        (up, was_away, said) = (true, false, Said::default());
                    }
                    Some(News::Down(why)) => {
                        if up || !was_away {
                            tracing::warn!(why, "the privileged half is away; its last word holds");
                        }
                        (up, was_away) = (false, true);
                    }
                    Some(News::Told(ToClient::Sighting { board, way, seen: what, .. })) => {
                        let line = format!("{} {what:?}", board.label());
                        let moment = Instant::now();
                        seen.retain(|_, at| moment.duration_since(*at) < SAME);
                        if seen.len() < MOST_SEEN && seen.insert(line, moment).is_none()
                            && let Err(error) = self.sighted(&board, way, &what).await
                        {
                            tracing::debug!(%error, "a sighting isn't kept");
                        }
                        continue;
                    }
                    Some(News::Told(ToClient::Done { failed: Some(why), .. })) => {
                        tracing::warn!(why, "the privileged half can't do what it is told");
                        // Said again with the next comparison.
                        said = Said::default();
                        continue;
                    }
                    Some(News::Told(_)) => continue,
                },
                _ = each.tick() => {}
                _ = changes.recv() => {
                    // What changes together is said together.
                    while changes.try_recv().is_ok() {}
                }
            }
            if up {
                match self.held().await {
                    Ok(held) => {
                        let rules = said.differences(held);
                        if !rules.is_empty() {
                            wire.arm(rules);
                        }
                    }
                    Err(error) => tracing::warn!(%error, "which boards are answered isn't known"),
                }
            }
        }
    }

    /// The boards that aren't simply answered.
    async fn held(&self) -> Result<BTreeMap<String, (Vec<Name>, Word)>, Error> {
        let mut held = BTreeMap::new();
        for board in self.store().boards_held().await? {
            let serial = board.serial.map(Name::Serial);
            let names: Vec<Name> = board.macs.iter().copied().map(Name::Mac).chain(serial).collect();
            let word = self.word_of(&board).await?;
            held.insert(board.id, (names, word));
        }
        Ok(held)
    }

    async fn word_of(&self, board: &Board) -> Result<Word, Error> {
        let key = format!("turn:{}", board.id);
        let kept = self.store().setting(&key).await?;
        Ok(match (board.held, turn_of(kept.as_deref())) {
            (Held::Once, Some((turn, false))) => Word::Once { turn },
            (Held::Once, before) => {
                // Milliseconds, and never the same twice for a board.
                let turn = u64::try_from(now()).unwrap_or(0).max(before.map_or(0, |(turn, _)| turn) + 1);
                self.store().set(&key, Some(&turn.to_string())).await?;
                Word::Once { turn }
            }
            // Its one boot may be going on; when that is over it gets nothing.
            (Held::Done, Some((turn, true))) => Word::Once { turn },
            (Held::Done, _) => Word::Withheld,
            (Held::Armed, _) => Word::Armed,
        })
    }

    /// A board was seen.
    async fn sighted(&self, board: &Who, way: Way, seen: &Seen) -> Result<(), Error> {
        let doing = match seen {
            Seen::Asks { answered: true } => "its boot program asks, and is answered",
            Seen::Asks { answered: false } => "its boot program asks",
            Seen::Withheld => "its boot program asks, and gets nothing: it is done",
            Seen::System => "its system is up",
            Seen::Began => "it begins to boot",
            Seen::Ended => "its boot is over",
            Seen::Other => return Ok(()),
        };
        let place = match (board.port, board.address, board.mac) {
            (Some(port), ..) => port.to_string(),
            (_, Some(address), _) => address.to_string(),
            (.., Some(mac)) => mac.to_string(),
            _ => board.label(),
        };
        let way = match way {
            Way::NetBoot => "dhcp",
            Way::UsbBoot => "usb",
            other => other.word(),
        };
        let Some(id) = self.store().see(board, way, &place, doing, now()).await? else { return Ok(()) };
        // A board that is done starts its own system; or it asks the network, gets nothing, and does so then.
        if matches!(seen, Seen::System | Seen::Withheld) && self.store().seen_after(&id, now()).await? {
            self.changes.tell(Thing::Job, "", Some(&id));
        }
        if matches!(seen, Seen::Asks { answered: true }) && self.store().answered(&id).await? {
            let key = format!("turn:{id}");
            if let Some((turn, false)) = turn_of(self.store().setting(&key).await?.as_deref()) {
                self.store().set(&key, Some(&format!("{turn} spent"))).await?;
            }
        }
        self.changes.tell(Thing::Board, &id, Some(&id));
        Ok(())
    }
}

/// A privileged half that this process has started. It ends with the value.
#[derive(Debug)]
pub struct Spawned(Child);

/// Starts it, as the same program: for a laptop, where there is no service. `arguments` come behind `bootd`.
///
/// # Errors
/// When it can't be started.
pub fn spawn(arguments: &[&str]) -> std::io::Result<Spawned> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("bootd").args(arguments).stdin(Stdio::null()).stdout(Stdio::null());
    Ok(Spawned(command.spawn()?))
}

impl Drop for Spawned {
    fn drop(&mut self) {
        let _ = rustix::process::kill_process(Pid::from_child(&self.0), Signal::INT);
        let _ = self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::Mac;

    const PI: Mac = Mac::new([0xdc, 0xa6, 0x32, 1, 2, 3]);

    #[test]
    fn only_differences_are_said_and_names_that_are_gone_are_taken_back() {
        let mut said = Said::default();
        let (mac, other) = (Name::Mac(PI), Name::Serial(crate::board::Serial::of_low(7)));
        let one = |names: Vec<Name>, word| BTreeMap::from([("b1".to_owned(), (names, word))]);
        let rule = |name, say| Rule { name, say };
        assert_eq!(said.differences(one(vec![mac], Word::Withheld)), [rule(mac, Some(Word::Withheld))]);
        assert_eq!(said.differences(one(vec![mac], Word::Withheld)), []);
        let once = Word::Once { turn: 7 };
        assert_eq!(said.differences(one(vec![other], once)), [rule(mac, None), rule(other, Some(once))]);
        assert_eq!(said.differences(BTreeMap::new()), [rule(other, None)]);
    }

    #[test]
    fn the_number_of_a_boot_is_kept_with_its_end() {
        assert_eq!(turn_of(Some("7")), Some((7, false)));
        assert_eq!(turn_of(Some("7 spent")), Some((7, true)));
        assert_eq!(turn_of(Some("x")), None);
        assert_eq!(turn_of(None), None);
    }
}
