//! Answers that wait: for their time, and for their lease to be on disk.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Instant;

use super::packet::Kind;
use super::policy::Reply;
use crate::board::Mac;

type Key = (Mac, Kind);

/// Answers that aren't sent yet.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    /// In the order of their numbers: the leases behind them aren't on disk.
    unsaved: VecDeque<(u64, Instant, Reply)>,
    /// These only wait for their time.
    timed: BTreeMap<(Instant, u64), Key>,
    waiting: HashMap<Key, ((Instant, u64), Reply)>,
    count: u64,
}

impl Outbox {
    /// Takes an answer that may go out at `now` plus its delay, once batch `number` is on disk; for 0 it waits for no
    /// batch. Gives it back where it may go out at once.
    pub(super) fn put(&mut self, reply: Reply, number: u64, now: Instant) -> Option<Reply> {
        let due = now + reply.delay;
        if number > 0 {
            self.unsaved.push_back((number, due, reply));
            return None;
        }
        self.schedule(reply, due, now)
    }

    /// A board that asks again while its answer waits gets one answer, to its latest question and at the time of the
    /// first.
    fn schedule(&mut self, reply: Reply, due: Instant, now: Instant) -> Option<Reply> {
        let key = (reply.mac, reply.kind);
        if !self.waiting.is_empty()
            && let Some((_, waiting)) = self.waiting.get_mut(&key)
        {
            *waiting = reply;
            return None;
        }
        if due <= now {
            return Some(reply);
        }
        self.count += 1;
        self.timed.insert((due, self.count), key);
        self.waiting.insert(key, ((due, self.count), reply));
        None
    }

    /// All batches up to `number` are on disk. Gives what may go out now.
    pub(super) fn saved(&mut self, number: u64, now: Instant) -> Vec<Reply> {
        let mut out = Vec::new();
        while self.unsaved.front().is_some_and(|(waits_for, ..)| *waits_for <= number) {
            if let Some((_, due, reply)) = self.unsaved.pop_front() {
                out.extend(self.schedule(reply, due, now));
            }
        }
        out
    }

    /// Batches up to `number` could not be written: what they were for is not sent. Gives these answers.
    pub(super) fn lost(&mut self, number: u64) -> Vec<Reply> {
        let split = self.unsaved.partition_point(|(waits_for, ..)| *waits_for <= number);
        self.unsaved.drain(..split).map(|(.., reply)| reply).collect()
    }

    /// Gives all that waits, in whatever state: it is not going out.
    pub(super) fn drain(&mut self) -> Vec<Reply> {
        self.timed.clear();
        let unsaved = self.unsaved.drain(..).map(|(.., reply)| reply);
        unsaved.chain(self.waiting.drain().map(|(_, (_, reply))| reply)).collect()
    }

    /// Forgets what waits for a client.
    pub(super) fn withdraw(&mut self, mac: Mac) {
        self.unsaved.retain(|(.., reply)| reply.mac != mac);
        for kind in [Kind::Offer, Kind::Ack, Kind::Nak] {
            if let Some((at, _)) = self.waiting.remove(&(mac, kind)) {
                self.timed.remove(&at);
            }
        }
    }

    /// When the next answer is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.timed.first_key_value().map(|((due, _), _)| *due)
    }

    /// What is due.
    pub(super) fn due(&mut self, now: Instant) -> Vec<Reply> {
        let mut out = Vec::new();
        while let Some(entry) = self.timed.first_entry().filter(|entry| entry.key().0 <= now) {
            let key = entry.remove();
            out.extend(self.waiting.remove(&key).map(|(_, reply)| reply));
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dhcp::policy::To;
    use std::time::Duration;

    fn reply(n: u8, delay: u64, mark: u8) -> Reply {
        let mac = Mac::new([2, 0, 0, 0, 0, n]);
        let delay = Duration::from_millis(delay);
        Reply {
            mac,
            kind: Kind::Offer,
            to: To::Broadcast,
            port: 67,
            delay,
            pin: false,
            gives: None,
            boots: true,
            bytes: vec![mark],
        }
    }

    fn marks(replies: Vec<Reply>) -> Vec<u8> {
        replies.iter().map(|reply| reply.bytes[0]).collect()
    }

    #[test]
    fn what_waits_for_nothing_goes_at_once() {
        let mut outbox = Outbox::default();
        assert!(outbox.put(reply(1, 0, 7), 0, Instant::now()).is_some());
        assert_eq!(outbox.next(), None);
    }

    #[test]
    fn what_waits_comes_in_time_and_in_order() {
        let mut outbox = Outbox::default();
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        for (n, delay) in [(1, 2000), (2, 300), (3, 300)] {
            assert!(outbox.put(reply(n, delay, n), 0, start).is_none());
        }
        assert_eq!(outbox.next(), Some(at(300)));
        assert!(outbox.due(at(299)).is_empty());
        assert_eq!(marks(outbox.due(at(301))), [2, 3]);
        assert_eq!(marks(outbox.due(at(2000))), [1]);
        assert_eq!(outbox.next(), None);
    }

    #[test]
    fn asking_again_gets_one_answer_at_the_first_ones_time() {
        let mut outbox = Outbox::default();
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        assert!(outbox.put(reply(1, 2000, 1), 0, start).is_none());
        assert!(outbox.put(reply(1, 2000, 2), 0, at(900)).is_none());
        assert!(outbox.put(reply(1, 0, 3), 0, at(950)).is_none());
        assert_eq!(marks(outbox.due(at(2000))), [3]);
        assert!(outbox.due(at(9000)).is_empty());
        outbox.put(reply(1, 2000, 1), 0, start);
        outbox.withdraw(reply(1, 0, 0).mac);
        assert!(outbox.due(at(9000)).is_empty() && outbox.next().is_none());
    }

    #[test]
    fn nothing_is_promised_before_it_is_on_disk() {
        let mut outbox = Outbox::default();
        let start = Instant::now();
        for n in 1..=4 {
            let delay = if n == 2 { 500 } else { 0 };
            assert!(outbox.put(reply(n, delay, n), u64::from(n), start).is_none());
        }
        assert_eq!(marks(outbox.saved(2, start)), [1]);
        assert_eq!(marks(outbox.lost(3)), [3]);
        assert_eq!(marks(outbox.saved(4, start)), [4]);
        assert_eq!(marks(outbox.due(start + Duration::from_millis(500))), [2]);
        // What waits at the end is known, wherever it waits.
        outbox.put(reply(5, 0, 5), 9, start);
        outbox.put(reply(6, 900, 6), 0, start);
        assert_eq!(marks(outbox.drain()), [5, 6]);
        assert!(outbox.drain().is_empty() && outbox.next().is_none());
    }
}
