//! One board between its job and the clock: which stage it is in, when it was last heard, and when waiting
//! for it has become pointless. No sockets and no clock of its own; the time comes with every call.

mod news;

use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::event::{Ending, Event, Stage, What};
use super::job::{Answer, Job, News};
use super::peer::{Bound, Peer, Stranger};
use super::record::StepRecord;
use super::secret::Secret;
use super::step::{Known, Material, Step};
use crate::board::Mac;
use crate::error::{Kind, Knob, Remedy, Task, remedy};
use crate::format::{minutes, size};
use crate::run::Proof;
use crate::wire::boards::BoardFrame;

/// How slow a card may be before its board counts as stuck, in bytes a second, for writing and reading back.
const SLOWEST_CARD: u64 = 1 << 20;
/// The same for fetching and writing by a card of the original's kind, which tells nothing meanwhile. The original
/// waits so long, too.
const SLOWEST_ORIGINAL: u64 = 728_000;
/// More than a window of blocks: what can be on its way.
const LAST_BLOCKS: u64 = 64 << 10;
/// How long a question is kept waiting for its answer. U-Boot repeats it after a second.
const HOLD: Duration = Duration::from_millis(500);
/// How long the board's last word may take once everything is proved.
const LAST_WORD: Duration = Duration::from_secs(20);

/// How long a board may say nothing.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// From the reset until it asks for its job; `None` waits for ever.
    pub boot: Option<Duration>,
    /// In the middle of the job, beside the time that writing takes.
    pub silence: Duration,
}

/// One board that is being flashed.
#[derive(Debug)]
pub struct BoardWatch {
    name: String,
    mac: Mac,
    patience: Patience,
    job: Job,
    stage: Stage,
    started: Instant,
    reset: Option<Instant>,
    /// When it was last heard, and what it said.
    heard: Option<(Instant, String)>,
    /// The step on its way, and since when; `sent` bytes of it are acknowledged.
    step: Option<(usize, Step, Instant)>,
    sent: u64,
    fetched: Option<Instant>,
    done_bytes: u64,
    total_bytes: u64,
    peer: Peer,
    /// The address that asks just now, and what vouches for it.
    asking: Option<(IpAddr, Bound)>,
    steps: Vec<StepRecord>,
    original: bool,
    ending: Option<Ending>,
    untold: Vec<Event>,
    /// What it asks for that isn't known yet, and since when.
    held: Option<(String, Instant)>,
    absent: Option<Absent>,
    frame_seen: Option<(Instant, BoardFrame)>,
    was_reset: bool,
}

/// What is said of a board that never came, where another than piprov's own server should have answered it.
#[derive(Debug, Clone)]
pub struct Absent {
    /// The file of a staged job that wasn't asked for.
    pub file: String,
    /// What to look at.
    pub hint: Remedy,
}

impl BoardWatch {
    /// A board that nothing was heard of yet.
    #[must_use]
    pub fn new(name: String, mac: Mac, job: u32, patience: Patience, now: Instant) -> Self {
        Self {
            name,
            mac,
            patience,
            job: Job::new(job),
            stage: Stage::Boot,
            started: now,
            reset: None,
            heard: None,
            step: None,
            sent: 0,
            fetched: None,
            done_bytes: 0,
            total_bytes: 0,
            peer: Peer::default(),
            asking: None,
            steps: Vec::new(),
            original: false,
            ending: None,
            untold: Vec::new(),
            held: None,
            absent: None,
            frame_seen: None,
            was_reset: false,
        }
    }

    /// The same board, of which this is known.
    #[must_use]
    pub fn known_by(mut self, peer: Peer) -> Self {
        self.peer = peer;
        self
    }

    /// The same board, whose card has this secret. `key` are random bits: see [`Job::guarded`].
    #[must_use]
    pub fn guarded(mut self, secret: Secret, key: [u64; 2]) -> Self {
        self.job = self.job.guarded(secret, self.mac, key);
        self
    }

    /// The same board with a card of the original's kind.
    #[must_use]
    pub fn with_original_card(mut self) -> Self {
        self.job = self.job.original();
        self
    }

    /// The same board where its job is staged as files, which begins with making them.
    #[must_use]
    pub fn staged(mut self, absent: Absent) -> Self {
        self.job = self.job.staged();
        self.stage = Stage::Prepare;
        self.absent = Some(absent);
        self
    }

    /// The job's files are there: `bytes` in all, in `path`, after `time`.
    pub fn files_staged(&mut self, path: String, bytes: u64, time: Duration, events: &mut Vec<Event>) {
        if self.ending.is_none() {
            self.tell(What::Staged { path, bytes, time }, events);
            self.stage = Stage::Boot;
        }
    }

    /// Says something that changes nothing.
    pub fn note(&self, text: String, events: &mut Vec<Event>) {
        self.tell(What::Note { text }, events);
    }

    /// How it ended; `None` while it goes on.
    #[must_use]
    pub fn ending(&self) -> Option<&Ending> {
        self.ending.as_ref()
    }

    /// The job.
    #[must_use]
    pub fn job(&self) -> &Job {
        &self.job
    }

    /// The board's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The board's MAC address.
    #[must_use]
    pub fn mac(&self) -> Mac {
        self.mac
    }

    /// The stage that it is in.
    #[must_use]
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// The address that it asked from.
    #[must_use]
    pub fn peer(&self) -> Option<IpAddr> {
        self.peer.address()
    }

    /// The steps that were read back and found equal.
    #[must_use]
    pub fn steps(&self) -> &[StepRecord] {
        &self.steps
    }

    /// Whether the board was heard.
    #[must_use]
    pub fn was_heard(&self) -> bool {
        self.heard.is_some()
    }

    /// The reset is about to go out.
    pub fn resetting(&mut self, how: String, events: &mut Vec<Event>) {
        if self.ending.is_none() {
            self.stage = Stage::Reset;
            self.tell(What::Resetting { how }, events);
        }
    }

    /// The reset went out; waiting for the boot begins. `did` is false where piprov doesn't reset this board.
    pub fn reset_done(&mut self, did: bool, now: Instant, events: &mut Vec<Event>) {
        self.reset = Some(now);
        self.was_reset = did;
        if self.ending.is_none() && self.stage == Stage::Reset {
            self.stage = Stage::Boot;
        }
        if did {
            self.tell(What::Reset, events);
        }
    }

    /// It was seen on the wire, before it has asked for anything.
    pub fn frame_seen(&mut self, frame: BoardFrame, now: Instant) {
        self.frame_seen = Some((now, frame));
    }

    /// Ends it from outside: a reset that failed, an image that turned out to be damaged, Ctrl-C.
    pub fn end(
        &mut self,
        stage: Stage,
        kind: Kind,
        why: String,
        hint: Option<Remedy>,
        events: &mut Vec<Event>,
    ) {
        if self.ending.is_some() {
            return;
        }
        self.job.abandon();
        self.stage = stage;
        let last_seen = self.last_seen();
        self.ended(Ending::Failed { why, last_seen, hint, kind }, events);
    }

    /// Answers a read request that came over the network, if it comes from the board. `neighbour` finds the MAC address
    /// of a neighbour, and doesn't wait.
    pub fn ask_from(
        &mut self,
        (ip, neighbour): (IpAddr, &dyn Fn(IpAddr) -> Option<Mac>),
        path: &str,
        material: &dyn Material,
        now: Instant,
        events: &mut Vec<Event>,
    ) -> Answer {
        match self.admit(ip, neighbour, events) {
            Some(bound) => self.asking = Some((ip, bound)),
            None => return Answer::NotFound("this board has another address"),
        }
        let answer = self.ask(path, material, now, events);
        self.asking = None;
        answer
    }

    /// Whether an upload is welcome: a report, from the board, whose card has to be one of the original's kind.
    ///
    /// # Errors
    /// Why it isn't.
    pub fn upload_from(
        &mut self,
        (ip, neighbour): (IpAddr, &dyn Fn(IpAddr) -> Option<Mac>),
        file: &str,
        events: &mut Vec<Event>,
    ) -> Result<(), &'static str> {
        if !matches!(file, "OK" | "FAILED" | "FAIL") {
            return Err("only reports are taken");
        }
        if !self.job.is_original() {
            self.refuse(ip, Stranger::Asked(super::job::Refused::OriginalCard), events);
            return Err("cards of the original's kind are not served");
        }
        if self.admit(ip, neighbour, events).is_none() {
            return Err("this board has another address");
        }
        if self.job.over() { Err("no report is expected") } else { Ok(()) }
    }

    /// What vouches for an address; `None` where it isn't the board's, which is told.
    fn admit(
        &mut self,
        ip: IpAddr,
        neighbour: &dyn Fn(IpAddr) -> Option<Mac>,
        events: &mut Vec<Event>,
    ) -> Option<Bound> {
        // A sender that proves that it is the board may have any address.
        if self.job.is_guarded() {
            return Some(Bound::Secret);
        }
        match self.peer.admit(ip, self.mac, neighbour) {
            Ok(bound) => Some(bound),
            Err(why) => {
                self.refuse(ip, why, events);
                None
            }
        }
    }

    fn refuse(&mut self, ip: IpAddr, why: Stranger, events: &mut Vec<Event>) {
        let told = self.peer.refuse(ip, why);
        if let Some((peer, why)) = told.filter(|_| self.ending.is_none()) {
            self.tell(What::Refused { peer, why: why.phrase() }, events);
        }
    }

    /// Answers a read request for `path` below the board's directory.
    pub fn ask(
        &mut self,
        path: &str,
        material: &dyn Material,
        now: Instant,
        events: &mut Vec<Event>,
    ) -> Answer {
        let mut news = Vec::new();
        let mut answer = self.job.ask(path, material, &mut news);
        let mut understood = self.job.understood();
        if matches!(answer, Answer::Later) {
            answer = self.hold(path, now);
            understood = !matches!(answer, Answer::Later);
        }
        if !matches!(answer, Answer::Later) {
            self.held = None;
        }
        if understood {
            if let Some((ip, bound)) = self.asking {
                self.peer.pin(ip, bound);
            }
            // Without the proof at its end.
            let path = path.split('/').take(4).collect::<Vec<_>>().join("/");
            self.heard = Some((now, format!("a request for {path}")));
        }
        self.total_bytes = material.total_bytes();
        for news in news {
            self.digest(news, now, events);
        }
        answer
    }

    /// What to say to a request that can't be answered yet: nothing for a moment, then that it should ask again,
    /// before its own patience is at an end.
    fn hold(&mut self, path: &str, now: Instant) -> Answer {
        match &self.held {
            Some((asked, since)) if asked == path => {
                let long = now.saturating_duration_since(*since) >= HOLD;
                self.job.wait(path).filter(|_| long).unwrap_or(Answer::Later)
            }
            _ => {
                self.held = Some((path.to_owned(), now));
                Answer::Later
            }
        }
    }

    /// Takes a report of the original's kind. Says whether it was expected.
    ///
    /// The upload's end comes from a place that can't tell events, so the events wait for the next
    /// [`BoardWatch::tick`].
    pub fn original_report(&mut self, file: &str, bytes: &[u8], raw_len: &Known<u64>) -> bool {
        let mut events = std::mem::take(&mut self.untold);
        let mut news = Vec::new();
        let count = <[u8; 4]>::try_from(bytes).ok().map(u32::from_le_bytes);
        let taken = self.job.original_report(file, count, &mut news);
        for news in news {
            match news {
                News::ReportedCount(count) => self.counted(count, raw_len, &mut events),
                News::Failed(failure) => self.failed(&failure, &mut events),
                _ => {}
            }
        }
        self.untold = events;
        taken
    }

    /// `sent` bytes of the file at `path` are with the board.
    pub fn progress(&mut self, path: &str, sent: u64, now: Instant, events: &mut Vec<Event>) {
        let Some((_, step, _)) = self.step.as_ref().filter(|(_, step, _)| names(path, &step.file)) else {
            return;
        };
        let (label, bytes) = (step.label.clone(), step.len());
        if self.ending.is_some() || sent <= self.sent {
            return;
        }
        self.sent = sent;
        self.heard = Some((now, format!("{} of {label}", size(sent))));
        self.tell(What::Progress { sent, bytes }, events);
    }

    /// The file at `path` is wholly with the board.
    pub fn fetched(&mut self, path: &str, now: Instant, events: &mut Vec<Event>) {
        let Some((_, step, since)) = self.step.as_ref().filter(|(_, step, _)| names(path, &step.file)) else {
            return;
        };
        if self.ending.is_some() || self.stage != Stage::Fetch {
            return;
        }
        let (label, bytes, time) = (step.label.clone(), step.len(), now - *since);
        self.stage = Stage::Write;
        self.sent = bytes;
        self.fetched = Some(now);
        self.heard = Some((now, format!("all of {label}")));
        self.tell(What::Fetched { label, bytes, time }, events);
    }

    /// Time has passed. `others` are boards that asked although they are no target, for the hint.
    pub fn tick(&mut self, now: Instant, others: &[String], events: &mut Vec<Event>) {
        events.append(&mut self.untold);
        if self.ending.is_some() {
            return;
        }
        let since = |at: Instant| now.saturating_duration_since(at);
        let Some((heard, _)) = &self.heard else {
            let (Some(reset), Some(limit)) = (self.reset, self.patience.boot) else { return };
            if since(reset) >= limit {
                self.never_came(limit, others, events);
            }
            return;
        };
        let quiet = since(*heard);
        if self.job.proved() {
            if quiet >= LAST_WORD.min(self.patience.silence) {
                self.job.accept_silence();
                self.tell(
                    What::Note {
                        text: "its last word is missing; everything was read back before".to_owned(),
                    },
                    events,
                );
                self.stage = Stage::Done;
                self.done(events);
            }
            return;
        }
        // The acknowledgement of the last blocks may be lost, and then the board writes although it seems to fetch.
        // How much of a staged job's files was sent isn't known.
        let may_write = |step: &Step| {
            let left = step.len().saturating_sub(self.sent);
            self.stage == Stage::Write || left <= LAST_BLOCKS || self.absent.is_some()
        };
        let writing = match &self.step {
            Some((_, step, _)) if may_write(step) => step.len() * 2 / SLOWEST_CARD,
            None if self.original => super::job::ORIGINAL_PART / SLOWEST_ORIGINAL,
            _ => 0,
        };
        let limit = self.patience.silence + Duration::from_secs(writing);
        if quiet >= limit {
            self.job.abandon();
            let what = self.step.as_ref().map_or(String::new(), |(_, step, _)| format!("{}: ", step.label));
            let why = format!("{what}nothing was heard of the board for {}", minutes(quiet));
            let hint = if self.original {
                remedy![
                    "a card of the original's kind tells nothing until it is done; ",
                    Knob::Timeout,
                    " gives it longer.",
                ]
            } else {
                "it has lost power or its network. Its card starts U-Boot only, nothing half-written; flash it again."
                    .into()
            };
            let last_seen = self.last_seen();
            let hint = Some(hint);
            self.ended(Ending::Failed { why, last_seen, hint, kind: Kind::Unavailable }, events);
        }
    }

    fn never_came(&mut self, limit: Duration, others: &[String], events: &mut Vec<Event>) {
        self.job.abandon();
        let seconds = limit.as_secs_f64();
        let start = if self.was_reset { "the reset" } else { "the start" };
        let why = match &self.absent {
            None => format!("nothing was heard of {} in {seconds} s after {start}", self.mac),
            Some(absent) => format!("nobody has asked for {} in {seconds} s after {start}", absent.file),
        };
        let last_seen = self.frame_seen.map(|(at, frame)| {
            let after = self.reset.map_or(Duration::ZERO, |reset| at.saturating_duration_since(reset));
            format!("{} {} s after {start}, no TFTP request", frame.phrase(), after.as_secs())
        });
        let (refusals, _) = self.peer.refusals();
        let hint = if let Some(absent) = &self.absent {
            absent.hint.clone()
        } else if let Some((ip, stranger, _)) = refusals.first() {
            let why = format!("{ip} asked in its name and was refused: {}.", stranger.phrase());
            match stranger.remedy() {
                Some(what) => remedy![why, " ", what],
                None => why.into(),
            }
        } else if last_seen.is_some() {
            "the board runs but doesn't reach this host's UDP port 69. Is a firewall in the way? Does the card's \
             env.txt name another server, or has the card no recovery system?"
                .into()
        } else if others.is_empty() {
            remedy![
                "has it power, a network cable, and a recovery card (",
                Task::CardBuild,
                ")? Is a firewall in the way of UDP port 69?",
            ]
        } else {
            format!(
                "a board asked that is no target: {}. Is the MAC address in the database right?",
                others.join(", ")
            )
            .into()
        };
        self.ended(Ending::Failed { why, last_seen, hint: Some(hint), kind: Kind::Unavailable }, events);
    }

    fn last_seen(&self) -> Option<String> {
        let (at, what) = self.heard.as_ref()?;
        Some(format!("{what}, at {}", minutes(at.saturating_duration_since(self.started))))
    }

    /// It is done.
    fn done(&mut self, events: &mut Vec<Event>) {
        self.ended(Ending::Done { proof: Proof::ReadBack }, events);
    }

    /// What vouches for the peer that the job belongs to.
    #[must_use]
    pub fn bound(&self) -> Bound {
        self.peer.bound()
    }

    fn ended(&mut self, ending: Ending, events: &mut Vec<Event>) {
        self.ending = Some(ending.clone());
        let (refusals, more) = self.peer.refusals();
        for (ip, why, count) in refusals.into_iter().filter(|(_, _, count)| *count > 1) {
            let text = format!("{count} requests from {ip} were refused: {}", why.phrase());
            self.tell(What::Note { text }, events);
        }
        if more > 0 {
            let text = format!("{more} requests from more addresses were refused");
            self.tell(What::Note { text }, events);
        }
        self.tell(What::Ended(ending), events);
    }

    fn tell(&self, what: What, events: &mut Vec<Event>) {
        let in_hand = self.step.as_ref().filter(|(_, step, _)| step.part.is_some()).map_or(0, |_| self.sent);
        events.push(Event {
            stage: self.stage,
            done_bytes: self.done_bytes + in_hand,
            total_bytes: self.total_bytes,
            what,
        });
    }
}

/// Whether a path of the board's is for this file, whatever stands before and behind it.
fn names(path: &str, file: &str) -> bool {
    path.split('/').any(|word| word == file)
}

#[cfg(test)]
mod tests;
