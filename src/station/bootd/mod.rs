//! The station's side of the privileged half: what boards do comes in, and which boards the network answers goes out.
//!
//! A thread holds the connection ([`crate::control`] knows no tokio); a task compares what the store says of boards with
//! what was said, and says the difference. Where the other half is away it is tried again, and then told everything anew.

mod offers;
mod reset;
mod spawned;
mod wire;
mod wishes;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::store::Error;
use super::{Station, now};
use crate::arming::{Name, Word};
use crate::board::Who;
use crate::config::netboot::Mode;
use crate::control::Notices;
use crate::control::message::{Notice, Seen, ToClient};
use crate::run::Way;
use crate::station_api::{Board, Bootd, BootdState, Held, JobState, Thing};
use wire::{News, Wire};
use wishes::{Ask, NotReset, Said, Wishes, turn_of};

pub(super) use offers::{Offer, Offers};
pub use spawned::{Ended, Spawned};

/// How often the store is compared with what was said, where nothing changes.
const COMPARE: Duration = Duration::from_secs(5);
/// The same of one board is put into the store once in so long.
const SAME: Duration = Duration::from_secs(5);
/// Boards of which that is known.
const MOST_SEEN: usize = 4096;
/// Resets that wait for the task.
const ASKED: usize = 64;

/// The privileged half, as it is known.
#[derive(Debug)]
pub(super) struct Privileged {
    known: Mutex<Bootd>,
    notices: Mutex<Notices>,
    /// What single boards are offered.
    pub(super) offers: Offers,
    ask: mpsc::Sender<Ask>,
    asked: Mutex<Option<mpsc::Receiver<Ask>>>,
}

impl Privileged {
    /// What the station keeps once it has been there.
    pub(super) const SERVED: &str = "bootd.served";

    /// Nothing is known of it yet. `used`: it is to be spoken to. `served`: it was there in an earlier start.
    pub(super) fn new(used: bool, served: bool) -> Self {
        let (ask, asked) = mpsc::channel(ASKED);
        let state = if used { BootdState::Away } else { BootdState::NotUsed };
        let known = Bootd { state, since: now(), served, ..Bootd::default() };
        Self {
            known: Mutex::new(known),
            notices: Mutex::default(),
            offers: Offers::default(),
            ask,
            asked: Mutex::new(Some(asked)),
        }
    }

    /// What it is asked for, where no task speaks with it.
    #[cfg(test)]
    pub(super) fn asked(&self) -> mpsc::Receiver<Ask> {
        self.asked.lock().unwrap().take().unwrap()
    }

    fn lock(&self) -> MutexGuard<'_, Bootd> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known.
    pub(super) fn known(&self) -> Bootd {
        self.lock().clone()
    }

    /// What it has told of the network.
    pub(super) fn notices(&self) -> Vec<Notice> {
        self.notices.lock().unwrap_or_else(PoisonError::into_inner).all().cloned().collect()
    }

    fn is_up(&self, serving: &ToClient) {
        let ToClient::Serving { interface, mode, usb, .. } = serving else { return };
        // What holds is told anew.
        self.notices.lock().unwrap_or_else(PoisonError::into_inner).clear();
        *self.lock() = Bootd {
            state: BootdState::Serving,
            since: now(),
            why: None,
            served: true,
            interface: interface.clone(),
            mode: mode.map(|mode| mode.to_string()),
            usb: *usb,
            withholds: *mode != Some(Mode::Proxy),
            trouble: None,
        };
    }

    /// It is away. Says whether that is news.
    fn is_away(&self, why: &str) -> bool {
        let mut known = self.lock();
        let new = known.state == BootdState::Serving || known.why.is_none();
        if new {
            let served = known.served;
            *known = Bootd { state: BootdState::Away, since: now(), served, ..Bootd::default() };
        }
        known.why = Some(why.to_owned());
        new
    }

    fn has_trouble(&self, why: Option<&str>) {
        self.lock().trouble = why.map(str::to_owned);
    }
}

/// What the task knows of the other half.
#[derive(Debug, Default)]
struct Talk {
    wishes: Wishes,
    said: Said,
    offered: offers::Told,
    /// It is there.
    up: bool,
    /// Its rules are known.
    learned: bool,
    /// What boards were offered before the station started is offered again.
    recalled: bool,
    /// It could not do what it was told: it is told again after a while.
    trouble: bool,
    /// When what was seen, so that the store isn't told the same all the time.
    seen: HashMap<String, Instant>,
}

impl Talk {
    /// Whether that of this board is new.
    fn is_new(&mut self, board: &Who, what: &Seen) -> bool {
        let (line, moment) = (format!("{} {what:?}", board.label()), Instant::now());
        self.seen.retain(|_, at| moment.duration_since(*at) < SAME);
        self.seen.len() < MOST_SEEN && self.seen.insert(line, moment).is_none()
    }
}

impl Station {
    /// Keeps the privileged half informed, for as long as the station serves.
    pub(super) async fn with_bootd(self: Arc<Self>, path: PathBuf) {
        let asked = self.privileged.asked.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (Ok((wire, mut told)), Some(mut asked)) = (Wire::open(path), asked) else {
            return tracing::warn!("the privileged half can't be spoken to: there is no thread for it");
        };
        let mut changes = self.changes.after(None).later;
        let mut each = tokio::time::interval(COMPARE);
        let mut talk = Talk::default();
        loop {
            tokio::select! {
                news = told.recv() => match news {
                    None => return,
                    Some(news) => if !self.heard(&mut talk, news).await {
                        wire.say(talk.wishes.due());
                        wire.say(talk.wishes.due_offers());
                        continue;
                    },
                },
                Some(ask) = asked.recv() => if talk.up {
                    talk.wishes.reset(ask);
                } else {
                    let why = self.privileged.known().why.unwrap_or_default();
                    let _ = ask.reply.send(Err(NotReset::Away(why)));
                },
                _ = each.tick() => if talk.up && std::mem::take(&mut talk.trouble) {
                    talk.wishes.learn(None);
                },
                _ = changes.recv() => {
                    // What changes together is said together.
                    while changes.try_recv().is_ok() {}
                }
            }
            if talk.up && talk.learned {
                match self.held().await {
                    Ok(held) => talk.wishes.arm(&talk.said.differences(held)),
                    Err(error) => tracing::warn!(%error, "which boards are answered isn't known"),
                }
                self.end_offers().await;
                if !talk.recalled {
                    match self.recall_offers().await {
                        Ok(()) => talk.recalled = true,
                        Err(refusal) => {
                            tracing::warn!(
                                why = refusal.detail(),
                                "what boards were offered before isn't known"
                            );
                        }
                    }
                }
                for wish in self.privileged.offers.differences(&mut talk.offered) {
                    talk.wishes.offer(wish);
                }
            }
            wire.say(talk.wishes.due());
            wire.say(talk.wishes.due_offers());
        }
    }

    /// Takes what the other half tells. Says whether the store is to be compared with what was said.
    async fn heard(&self, talk: &mut Talk, news: News) -> bool {
        match news {
            News::Up(serving) => {
                tracing::info!("the privileged half is there");
                let served = self.privileged.known().served;
                self.privileged.is_up(&serving);
                if !served && let Err(error) = self.store().set(Privileged::SERVED, Some("yes")).await {
                    tracing::warn!(%error, "that the privileged half was there isn't kept");
                }
                self.changes.tell(Thing::Settings, "bootd", None);
                talk.wishes.over("the connection to what boots boards began anew");
                (talk.up, talk.learned, talk.said) = (true, false, Said::default());
                talk.offered.clear();
                // What it has from before may not hold any more.
                talk.wishes.learn(None);
            }
            News::Down(why) => {
                if self.privileged.is_away(&why) {
                    tracing::warn!(why, "the privileged half is away; its last word holds");
                    self.changes.tell(Thing::Settings, "bootd", None);
                }
                talk.wishes.over(&why);
                (talk.up, talk.learned) = (false, false);
            }
            News::Told(ToClient::Sighting { board, way, seen, .. }) => {
                if talk.is_new(&board, &seen)
                    && let Err(error) = self.sighted(&board, way, &seen).await
                {
                    tracing::debug!(%error, "a sighting isn't kept");
                }
            }
            News::Told(ToClient::Notice(told)) => {
                let Notice { time, about, subject, text, hint, bad } = told;
                let notice = Notice::new(time, about, &subject, &text, hint, bad);
                self.privileged.notices.lock().unwrap_or_else(PoisonError::into_inner).put(notice);
                self.changes.tell(Thing::Settings, "network", None);
            }
            News::Told(ToClient::Words { boards, more, .. }) => {
                talk.said.learn(&boards);
                match boards.last().filter(|_| more) {
                    Some(last) => talk.wishes.learn(Some(last.name)),
                    None => talk.learned = true,
                }
                return talk.learned;
            }
            News::Told(ToClient::Done { id, failed, missing }) => {
                if let Some(of) = talk.wishes.offered(id) {
                    self.privileged.offers.answered(&of, failed);
                    return false;
                }
                if talk.wishes.done(id, failed.as_deref(), missing) {
                    if failed.is_none() && !talk.trouble {
                        self.privileged.has_trouble(None);
                    }
                    return false;
                }
                let why = failed.unwrap_or_default();
                tracing::warn!(why, "the privileged half can't do what it is told");
                self.privileged.has_trouble(Some(&why));
                // What it has is looked at again, and the rest said again.
                (talk.learned, talk.said, talk.trouble) = (false, Said::default(), true);
            }
            News::Told(_) => {}
        }
        false
    }

    /// Ends the offers of attempts that are over: nobody is offered anything for longer than its job wants it.
    async fn end_offers(&self) {
        for (id, run) in self.privileged.offers.pending() {
            let is_over = match self.store().job(&id).await {
                Ok(job) => job.state != JobState::Running || job.run.as_ref() != Some(&run),
                Err(Error::NoSuch { .. }) => true,
                Err(error) => {
                    tracing::warn!(%error, job = id, "whether an offer is over isn't known");
                    false
                }
            };
            if is_over {
                self.privileged.offers.remove(&id);
            }
        }
    }

    /// The boards that aren't simply answered.
    async fn held(&self) -> Result<BTreeMap<Name, Word>, Error> {
        let mut held = BTreeMap::new();
        for board in self.store().boards_held().await? {
            let word = self.word_of(&board).await?;
            let serial = board.serial.map(Name::Serial);
            held.extend(board.macs.iter().copied().map(Name::Mac).chain(serial).map(|name| (name, word)));
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
            Seen::Cable => "it is reached over its USB cable",
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
        if let (Some(port), "usb") = (&board.port, way) {
            self.at_usb_port(&id, port).await?;
        }
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
