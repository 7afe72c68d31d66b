//! The receiving side: answers a write request.

use std::time::{Duration, Instant};

use super::{End, Next, Retry, Unanswered, end_by_client, is_asked_again, unanswered, wait};
use crate::tftp::options::Agreed;
use crate::tftp::packet::Packet;

/// The state of one write request.
#[derive(Debug)]
pub struct Receiver {
    blksize: u16,
    window: u16,
    /// Next block expected, from 1.
    next: u64,
    /// Blocks in order since the last ACK.
    unacked: u16,
    /// Bytes taken, and how many are allowed.
    bytes: u64,
    limit: u64,
    greet: bool,
    ack: bool,
    /// For which `next` a gap was reported.
    gap_for: u64,
    last_seen: bool,
    retry: Retry,
    patience: Duration,
    deadline: Option<Instant>,
    tries: u32,
    repeats: u64,
    heard: Instant,
    /// When the first answer was sent last.
    greeted: Instant,
    end: Option<End>,
}

/// What a packet of the client was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// Nothing to store.
    Nothing,
    /// The next block: store its content before polling, since `poll` will acknowledge it.
    Block {
        /// It is the last one: complete the file before polling.
        last: bool,
    },
}

impl Receiver {
    /// An upload of at most `limit` bytes that begins now.
    #[must_use]
    pub fn new(agreed: &Agreed, limit: u64, retry: Retry, now: Instant) -> Self {
        Self {
            blksize: agreed.blksize,
            window: agreed.windowsize,
            next: 1,
            unacked: 0,
            bytes: 0,
            limit,
            greet: true,
            ack: false,
            gap_for: 0,
            last_seen: false,
            retry,
            patience: agreed.patience(retry.first),
            deadline: None,
            tries: 0,
            repeats: 0,
            heard: now,
            greeted: now,
            end: None,
        }
    }

    /// What to do now. Ask again after each thing done.
    pub fn poll(&mut self) -> Next {
        if self.end.is_some() {
            Next::End
        } else if self.greet {
            Next::Greet
        } else if self.ack {
            Next::Ack { block: (self.next - 1) as u16 }
        } else {
            Next::Wait
        }
    }

    /// The OACK or ACK 0 is on its way.
    pub fn greeted(&mut self, now: Instant) {
        self.greet = false;
        self.greeted = now;
        self.deadline = Some(now + wait(self.patience, &self.retry, self.tries));
    }

    /// The ACK is on its way.
    pub fn acked(&mut self, now: Instant) {
        self.ack = false;
        self.unacked = 0;
        self.deadline = Some(now + wait(self.patience, &self.retry, self.tries));
    }

    /// Takes a packet of the client.
    pub fn on_packet(&mut self, packet: &Packet<'_>, now: Instant) -> Heard {
        if self.end.is_some() {
            return Heard::Nothing;
        }
        match packet {
            Packet::Data { block, data } => self.on_data(*block, data.len(), now),
            Packet::Error { code, message } if !self.last_seen => {
                self.end = Some(end_by_client(*code, message, self.next - 1));
                Heard::Nothing
            }
            _ => Heard::Nothing,
        }
    }

    fn on_data(&mut self, block: u16, len: usize, now: Instant) -> Heard {
        if self.greet {
            return Heard::Nothing;
        }
        let ahead = block.wrapping_sub(self.next as u16);
        if self.begun() {
            (self.heard, self.tries) = (now, 0);
        }
        if ahead == u16::MAX && self.next > 1 {
            // The last block again: its ACK was lost. Earlier ones need no answer of their own.
            self.ack = true;
            self.repeats += 1;
            return Heard::Nothing;
        }
        if self.last_seen || ahead != 0 {
            // A gap is told once; the sender goes back to the block behind this ACK (RFC 7440 section 4).
            let ahead_in_window = ahead != 0 && ahead < self.window;
            if !self.last_seen && ahead_in_window && self.gap_for != self.next {
                self.gap_for = self.next;
                self.ack = true;
                self.repeats += 1;
            }
            return Heard::Nothing;
        }
        if len > usize::from(self.blksize) {
            self.end = Some(End::Oversized { got: len, blksize: self.blksize });
            return Heard::Nothing;
        }
        if self.bytes + len as u64 > self.limit {
            self.end = Some(End::TooLarge { limit: self.limit });
            return Heard::Nothing;
        }
        (self.heard, self.tries) = (now, 0);
        self.bytes += len as u64;
        self.next += 1;
        self.unacked += 1;
        self.last_seen = len < usize::from(self.blksize);
        self.ack = self.last_seen || self.unacked >= self.window;
        self.deadline = Some(now + wait(self.patience, &self.retry, 0));
        Heard::Block { last: self.last_seen }
    }

    /// When [`Receiver::on_time`] is due.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Repeats the last answer, or gives up. After the last block this is where it ends: until then a
    /// repeated last block is acknowledged again.
    pub fn on_time(&mut self, now: Instant) {
        if self.end.is_some() || self.deadline.is_none_or(|deadline| now < deadline) {
            return;
        }
        self.deadline = None;
        if !self.begun() {
            match unanswered(&self.retry, self.patience, self.heard, self.tries, now) {
                Unanswered::Repeat => {
                    self.tries += 1;
                    self.repeats += 1;
                    self.greet = true;
                }
                Unanswered::WaitUntil(until) => self.deadline = Some(until),
                Unanswered::GiveUp => self.end = Some(End::Silent { tries: self.tries }),
            }
        } else if self.last_seen {
            self.end = Some(End::Done);
        } else if self.tries >= self.retry.tries {
            self.end = Some(End::Silent { tries: self.tries });
        } else {
            self.tries += 1;
            self.repeats += 1;
            self.ack = true;
        }
    }

    /// Bytes stored.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether the last block has come; what follows is only for the client's sake.
    #[must_use]
    pub fn complete(&self) -> bool {
        self.last_seen
    }

    /// When the client was heard last.
    #[must_use]
    pub fn heard(&self) -> Instant {
        self.heard
    }

    /// Whether the client has sent a block yet.
    #[must_use]
    pub fn begun(&self) -> bool {
        self.next > 1
    }

    /// The client sent its request again, because it has no answer: it gets one.
    pub fn asked_again(&mut self, now: Instant) {
        if self.begun() || self.end.is_some() {
            return;
        }
        self.heard = now;
        if !self.greet && is_asked_again(self.patience, self.greeted, now) {
            self.repeats += 1;
            self.greet = true;
        }
    }

    /// Answers sent more than once.
    #[must_use]
    pub fn repeats(&self) -> u64 {
        self.repeats
    }

    /// How it ended, once [`Receiver::poll`] says so.
    #[must_use]
    pub fn end(&self) -> Option<&End> {
        self.end.as_ref()
    }
}
