//! The sending side: answers a read request.

use std::time::{Duration, Instant};

use super::{End, Next, Retry, Unanswered, end_by_client, is_asked_again, unanswered, wait};
use crate::tftp::options::Agreed;
use crate::tftp::packet::Packet;

/// The state of one read request.
///
/// What it keeps to: a repeated ACK never makes it repeat a block in lock step, so that the Sorcerer's
/// Apprentice fault can't start (RFC 1123 section 4.2.3.1). In a window an ACK from the middle moves the
/// window to the block behind it (RFC 7440 section 4); a repeated ACK of the block before the window
/// means that the window's first block was lost, and repeats the window once, if it comes at least a round
/// trip after the window was sent.
#[derive(Debug)]
pub struct Sender {
    blksize: u64,
    window: u64,
    /// Number of the last block; it is shorter than the others, if only by a byte, and may be empty.
    last: u64,
    /// Lowest block that isn't acknowledged.
    base: u64,
    /// Next block to be sent.
    next: u64,
    /// One more than the highest block ever sent.
    high: u64,
    greeting: Greeting,
    /// The client has acknowledged something.
    begun: bool,
    starved: bool,
    retry: Retry,
    patience: Duration,
    deadline: Option<Instant>,
    tries: u32,
    heard: Instant,
    progress: Instant,
    sent: Instant,
    /// The shortest round trip seen, and whether what is on its way may be measured (not if it was repeated).
    round_trip: Option<Duration>,
    measurable: bool,
    /// `high` when sending went back last; 0 where it didn't since.
    gone_back_from: u64,
    went_back: Option<Instant>,
    /// Going back was put off because there was probably no gap; the deadline is near.
    doubtful: bool,
    /// For which `base` the window was repeated because of a repeated ACK.
    repeated_for: u64,
    repeats: u64,
    end: Option<End>,
}

/// The shortest time after which a window that was probably without a gap is sent again after all.
const SHORT_DOUBT: Duration = Duration::from_millis(20);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Greeting {
    Due,
    Sent,
    Over,
}

impl Sender {
    /// A transfer of `len` bytes that begins now, with an OACK where options were agreed.
    #[must_use]
    pub fn new(agreed: &Agreed, len: u64, retry: Retry, now: Instant) -> Self {
        let blksize = u64::from(agreed.blksize);
        Self {
            blksize,
            window: agreed.windowsize.into(),
            last: len / blksize + 1,
            base: 1,
            next: 1,
            high: 1,
            greeting: if agreed.packet().is_some() { Greeting::Due } else { Greeting::Over },
            begun: false,
            starved: false,
            retry,
            patience: agreed.patience(retry.first),
            deadline: None,
            tries: 0,
            heard: now,
            progress: now,
            sent: now,
            round_trip: None,
            measurable: true,
            gone_back_from: 0,
            went_back: None,
            doubtful: false,
            repeated_for: 0,
            repeats: 0,
            end: None,
        }
    }

    /// What to do now. Ask again after each thing done.
    pub fn poll(&mut self) -> Next {
        if self.end.is_some() {
            return Next::End;
        }
        match self.greeting {
            Greeting::Due => return Next::Greet,
            Greeting::Sent => return Next::Wait,
            Greeting::Over => {}
        }
        let until = (self.base + self.window).min(self.last + 1);
        if self.next < until {
            // The difference is at most the window, which has 16 bits.
            Next::Send { first: self.next, count: (until - self.next) as u16 }
        } else {
            Next::Wait
        }
    }

    /// The OACK is on its way.
    pub fn greeted(&mut self, now: Instant) {
        if self.greeting == Greeting::Due {
            self.greeting = Greeting::Sent;
            self.has_sent(now);
        }
    }

    /// `count` blocks, from the one that [`Sender::poll`] named, are on their way.
    pub fn sent(&mut self, count: u16, now: Instant) {
        if count == 0 {
            return;
        }
        if self.next < self.high {
            self.repeats += (self.next + u64::from(count)).min(self.high) - self.next;
            self.measurable = false;
        }
        self.next = (self.next + u64::from(count)).min(self.last + 1);
        self.high = self.high.max(self.next);
        if std::mem::take(&mut self.starved) {
            // The time that the client spent waiting for us doesn't count against it.
            self.progress = now;
        }
        self.has_sent(now);
    }

    fn has_sent(&mut self, now: Instant) {
        self.sent = now;
        let wait = if self.doubtful { self.doubt() } else { wait(self.patience, &self.retry, self.tries) };
        self.deadline = Some(now + wait);
    }

    /// The next block's content isn't there yet. Until blocks are sent again no repetition counts.
    pub fn starved(&mut self) {
        self.starved = true;
        if self.base == self.next {
            // Nothing is on its way that could be repeated: only see whether the client is still there.
            self.deadline = Some(self.heard.max(self.progress) + self.retry.stalled);
        }
    }

    /// Takes a packet of the client. Packets that don't belong here are ignored.
    pub fn on_packet(&mut self, packet: &Packet<'_>, now: Instant) {
        if self.end.is_some() {
            return;
        }
        match packet {
            Packet::Ack { block } => self.on_ack(*block, now),
            Packet::Error { code, message } => {
                self.end = Some(end_by_client(*code, message, self.base - 1));
            }
            _ => {}
        }
    }

    /// Takes an ACK; the fast way for what comes in lock step a million times.
    pub fn on_ack(&mut self, block: u16, now: Instant) {
        if self.begun {
            self.heard = now;
            self.tries = 0;
        }
        match self.greeting {
            Greeting::Due => return,
            Greeting::Sent => {
                if block == 0 {
                    (self.begun, self.heard, self.tries) = (true, now, 0);
                    self.greeting = Greeting::Over;
                    self.measure(now);
                    self.progress = now;
                    self.deadline = None;
                }
                return;
            }
            Greeting::Over => {}
        }
        // How far the ACK is ahead of the block before the window, on the 16-bit circle.
        let ahead = u64::from(block.wrapping_sub((self.base - 1) as u16));
        if ahead == 0 {
            self.on_repeated_ack(now);
        } else if ahead <= self.high - self.base {
            if self.base + ahead == self.high {
                self.measure(now);
            }
            self.base += ahead;
            (self.begun, self.heard, self.tries) = (true, now, 0);
            self.progress = now;
            self.deadline = None;
            self.doubtful = false;
            if self.base == self.high {
                self.next = self.base;
                self.measurable = true;
            } else if self.base == self.gone_back_from || self.has_just_gone_back(now) {
                // Either all that was sent before going back has arrived after all, so that it was a doubled
                // packet and no gap that made us go back; or this can't be about what was sent since. Going back
                // again would keep several copies of everything under way for ever.
                self.gone_back_from = 0;
                // It may have got less far since it went back than the client has.
                self.next = self.next.max(self.base);
                self.doubtful = true;
                self.deadline = Some(now + self.doubt());
            } else {
                self.go_back(now);
            }
            if self.base > self.last {
                self.end = Some(End::Done);
            }
        }
    }

    fn on_repeated_ack(&mut self, now: Instant) {
        if self.window == 1 || self.high == self.base || self.repeated_for == self.base {
            return;
        }
        let age = now.saturating_duration_since(self.sent);
        if self.round_trip.is_none_or(|shortest| age >= shortest) {
            self.repeated_for = self.base;
            self.go_back(now);
        }
    }

    /// Whether sending went back less than a round trip ago.
    fn has_just_gone_back(&self, now: Instant) -> bool {
        let ago = self.went_back.map(|then| now.saturating_duration_since(then));
        matches!((ago, self.round_trip), (Some(ago), Some(trip)) if ago < trip)
    }

    /// Sends again from the first block that isn't acknowledged.
    fn go_back(&mut self, now: Instant) {
        self.went_back = Some(now);
        self.next = self.base;
        self.gone_back_from = self.high;
        self.measurable = false;
    }

    /// How soon to go back where that was put off on a guess.
    fn doubt(&self) -> Duration {
        let trips = self.round_trip.map_or(SHORT_DOUBT, |trip| trip.saturating_mul(4));
        trips.max(SHORT_DOUBT).min(self.patience)
    }

    fn measure(&mut self, now: Instant) {
        if self.measurable {
            let took = now.saturating_duration_since(self.sent);
            self.round_trip = Some(self.round_trip.map_or(took, |shortest| shortest.min(took)));
        }
    }

    /// When [`Sender::on_time`] is due.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Repeats or gives up what the client hasn't answered in time. Does nothing before the deadline.
    pub fn on_time(&mut self, now: Instant) {
        if self.end.is_some() || self.deadline.is_none_or(|deadline| now < deadline) {
            return;
        }
        self.deadline = None;
        let silent = now.saturating_duration_since(self.heard);
        let still = now.saturating_duration_since(self.progress);
        if self.starved {
            // This side keeps the client waiting. It still repeats its ACK now and then if it lives.
            if silent >= self.retry.stalled {
                self.end = Some(End::Silent { tries: self.tries });
            } else {
                self.next = self.base;
                self.deadline = Some(self.heard + self.retry.stalled);
            }
            return;
        }
        if !self.begun {
            match unanswered(&self.retry, self.patience, self.heard, self.tries, now) {
                Unanswered::Repeat => {
                    self.tries += 1;
                    self.answer_again();
                }
                Unanswered::WaitUntil(until) => self.deadline = Some(until),
                Unanswered::GiveUp => self.end = Some(End::Silent { tries: self.tries }),
            }
            return;
        }
        if std::mem::take(&mut self.doubtful) {
            self.go_back(now);
        } else if self.tries >= self.retry.tries {
            self.end = Some(End::Silent { tries: self.tries });
        } else if still >= self.retry.stalled {
            self.end = Some(End::Stalled { after: still });
        } else {
            self.tries += 1;
            self.go_back(now);
        }
    }

    /// Sends the first answer again.
    fn answer_again(&mut self) {
        self.next = self.base;
        self.measurable = false;
        if self.greeting == Greeting::Sent {
            self.greeting = Greeting::Due;
            self.repeats += 1;
        }
    }

    /// Bytes that the client has acknowledged.
    #[must_use]
    pub fn acknowledged(&self, len: u64) -> u64 {
        ((self.base - 1) * self.blksize).min(len)
    }

    /// The block before which everything is acknowledged; what is in front of it is never sent again.
    #[must_use]
    pub fn base(&self) -> u64 {
        self.base
    }

    /// Whether the client has acknowledged anything yet.
    #[must_use]
    pub fn begun(&self) -> bool {
        self.begun
    }

    /// When the client was heard last; the start where it wasn't yet.
    #[must_use]
    pub fn heard(&self) -> Instant {
        self.heard
    }

    /// The client sent its request again, because it has no answer: it gets one.
    pub fn asked_again(&mut self, now: Instant) {
        if self.begun || self.end.is_some() {
            return;
        }
        self.heard = now;
        if !self.starved && is_asked_again(self.patience, self.sent, now) {
            self.answer_again();
        }
    }

    /// Packets sent more than once.
    #[must_use]
    pub fn repeats(&self) -> u64 {
        self.repeats
    }

    /// How it ended, once [`Sender::poll`] says so.
    #[must_use]
    pub fn end(&self) -> Option<&End> {
        self.end.as_ref()
    }
}
