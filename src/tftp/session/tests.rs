//! Sessions step by step, and through a network that loses, doubles and reorders, in virtual time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;
use crate::tftp::options::{Agreed, Policy, Wanted};
use crate::tftp::packet::{self, Packet};

const SECOND: Duration = Duration::from_secs(1);
const NONE: [u64; 0] = [];

fn agreed(blksize: u32, windowsize: u16, timeout: Option<u8>) -> Agreed {
    let wanted = Wanted { blksize: Some(blksize), windowsize: Some(windowsize), timeout, tsize: Some(0) };
    Agreed::new(&wanted, Some(0), &Policy::default())
}

fn plain() -> Agreed {
    Agreed::new(&Wanted::default(), None, &Policy::default())
}

/// Sends everything that is due; gives the blocks.
fn pump(session: &mut Sender, now: Instant) -> Vec<u64> {
    let mut blocks = Vec::new();
    while let Next::Send { first, count } = session.poll() {
        blocks.extend(first..first + u64::from(count));
        session.sent(count, now);
    }
    blocks
}

fn past_greeting(window: u16, len: u64, now: Instant) -> Sender {
    let mut session = Sender::new(&agreed(8, window, None), len, Retry::default(), now);
    assert_eq!(session.poll(), Next::Greet);
    session.greeted(now);
    assert_eq!(session.poll(), Next::Wait);
    session.on_ack(7, now);
    assert_eq!(session.poll(), Next::Wait, "only ACK 0 answers an OACK");
    session.on_ack(0, now + Duration::from_millis(1));
    session
}

#[test]
fn without_options_data_comes_at_once() {
    let now = Instant::now();
    let mut session = Sender::new(&plain(), 1024, Retry::default(), now);
    assert_eq!(pump(&mut session, now), [1]);
    session.on_ack(1, now);
    assert_eq!(pump(&mut session, now), [2]);
    session.on_ack(2, now);
    assert_eq!(pump(&mut session, now), [3], "a file of whole blocks ends with an empty one");
    session.on_ack(3, now);
    assert_eq!((session.poll(), session.end()), (Next::End, Some(&End::Done)));
}

#[test]
fn a_repeated_ack_in_lock_step_repeats_nothing() {
    let now = Instant::now();
    let mut session = past_greeting(1, 80, now);
    assert_eq!(pump(&mut session, now), [1]);
    session.on_ack(1, now);
    assert_eq!(pump(&mut session, now), [2]);
    for seconds in 0..5 {
        session.on_ack(1, now + SECOND * seconds);
        assert_eq!(pump(&mut session, now), NONE, "the Sorcerer's Apprentice");
    }
    // Numbers that can't be: in the future, or long past.
    for block in [0, 3, 9, 40000, 65535] {
        session.on_ack(block, now);
        assert_eq!(pump(&mut session, now), NONE);
    }
    session.on_ack(2, now);
    assert_eq!(pump(&mut session, now), [3]);
}

#[test]
fn an_ack_from_the_middle_moves_the_window() {
    let now = Instant::now();
    let mut session = past_greeting(8, 8 * 100, now);
    assert_eq!(pump(&mut session, now), [1, 2, 3, 4, 5, 6, 7, 8]);
    let now = now + Duration::from_millis(2);
    session.on_ack(3, now);
    assert_eq!(pump(&mut session, now), [4, 5, 6, 7, 8, 9, 10, 11]);
    // Its repetitions, one for each block behind the gap, come at once and mean nothing.
    for _ in 0..5 {
        session.on_ack(3, now);
        assert_eq!(pump(&mut session, now), NONE);
    }
    // A round trip later it means that block 4 was lost again; but only once.
    let now = now + Duration::from_millis(2);
    session.on_ack(3, now);
    assert_eq!(pump(&mut session, now), [4, 5, 6, 7, 8, 9, 10, 11]);
    let now = now + Duration::from_millis(2);
    session.on_ack(3, now);
    assert_eq!(pump(&mut session, now), NONE);
    session.on_ack(11, now);
    assert_eq!(pump(&mut session, now), [12, 13, 14, 15, 16, 17, 18, 19]);
    assert!(session.repeats() >= 10);
}

#[test]
fn what_was_acknowledged_is_never_sent_again() {
    let now = Instant::now();
    let mut session = past_greeting(8, 8 * 100, now);
    assert_eq!(pump(&mut session, now), [1, 2, 3, 4, 5, 6, 7, 8]);
    // It went back to block 2 and had sent only that when the ACK of all but the last one came.
    let now = now + Duration::from_millis(2);
    session.on_ack(1, now);
    assert_eq!(session.poll(), Next::Send { first: 2, count: 8 });
    session.sent(1, now);
    session.on_ack(7, now);
    assert_eq!(pump(&mut session, now), [8, 9, 10, 11, 12, 13, 14, 15]);
}

#[test]
fn a_silent_client_is_given_up_with_growing_patience() {
    let start = Instant::now();
    let retry = Retry { tries: 3, ..Retry::default() };
    let mut session = Sender::new(&agreed(512, 1, Some(2)), 5000, retry, start);
    session.greeted(start);
    session.on_ack(0, start);
    assert_eq!(pump(&mut session, start), [1]);
    let mut waits = Vec::new();
    let mut now = start;
    loop {
        let deadline = session.deadline().unwrap();
        session.on_time(deadline - Duration::from_millis(1));
        assert_eq!(session.poll(), Next::Wait, "not before it is due");
        waits.push((deadline - now).as_secs());
        now = deadline;
        session.on_time(now);
        match session.poll() {
            Next::Send { first: 1, count: 1 } => session.sent(1, now),
            Next::End => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(waits, [2, 4, 8, 8]);
    assert_eq!(session.end(), Some(&End::Silent { tries: 3 }));
}

/// What goes out to a client that acknowledges nothing: when, in seconds, and when it ends.
fn answers(agreed: &Agreed, requests: &[u64]) -> (Vec<u64>, u64) {
    let start = Instant::now();
    let mut session = Sender::new(agreed, 5000, Retry::default(), start);
    let mut at = Vec::new();
    for second in 0..1000 {
        let now = start + SECOND * second;
        if requests.contains(&second.into()) {
            session.asked_again(now);
        }
        // An acknowledgement of what was never sent doesn't count.
        session.on_ack(77, now);
        session.on_time(now);
        match session.poll() {
            Next::Greet => session.greeted(now),
            Next::Send { first: 1, count: 1 } => session.sent(1, now),
            Next::Wait => continue,
            Next::End => return (at, second.into()),
            other => panic!("{other:?}"),
        }
        at.push(second.into());
    }
    panic!("it never ends");
}

#[test]
fn who_acknowledges_nothing_gets_an_answer_for_each_request_and_one_more() {
    for agreed in [agreed(512, 1, None), agreed(512, 16, None), plain()] {
        let forged = answers(&agreed, &[]);
        assert_eq!(forged.0, [0, 1]);
        // A board that lost everything and asks again every 5 s gets an answer each time, at once.
        assert_eq!(answers(&agreed, &[5, 10]).0, [0, 1, 5, 10]);
    }
    assert_eq!(answers(&agreed(512, 1, Some(10)), &[]).0, [0, 10]);
    // However long a timeout is asked for.
    assert_eq!(answers(&agreed(512, 1, Some(255)), &[]).0, [0, 1]);
}

#[test]
fn a_request_that_the_network_doubles_is_answered_once() {
    let now = Instant::now();
    let mut session = Sender::new(&plain(), 1024, Retry::default(), now);
    assert_eq!(pump(&mut session, now), [1]);
    session.asked_again(now + Duration::from_millis(499));
    assert_eq!(pump(&mut session, now), NONE);
    session.asked_again(now + Duration::from_millis(500));
    assert_eq!(pump(&mut session, now), [1]);
    session.on_ack(1, now);
    assert_eq!(pump(&mut session, now), [2]);
    session.asked_again(now + SECOND * 5);
    assert_eq!(pump(&mut session, now), NONE, "it has begun");
}

#[test]
fn a_client_that_only_repeats_itself_is_stalled() {
    let mut now = Instant::now();
    let mut session = past_greeting(4, 8 * 100, now);
    let start = now;
    while session.end().is_none() {
        pump(&mut session, now);
        now += SECOND;
        session.on_ack(0, now);
        session.on_time(now);
        assert!(now - start < SECOND * 200, "it never ends");
    }
    assert!(matches!(session.end(), Some(End::Stalled { .. })), "{:?}", session.end());
    assert!(now - start >= Retry::default().stalled);
}

#[test]
fn waiting_for_content_counts_as_nothing() {
    let start = Instant::now();
    let mut session = past_greeting(4, 8 * 100, start);
    let mut now = start;
    // Two of four blocks are there; the client waits and repeats its ACK every 5 s, for ten minutes.
    session.sent(2, now);
    session.starved();
    let mut sent = 0;
    for second in 0..600 {
        now += SECOND;
        if second % 5 == 0 {
            session.on_ack(if second < 10 { 0 } else { 2 }, now);
        }
        session.on_time(now);
        match session.poll() {
            Next::Send { first: 1, .. } => {
                session.sent(2, now);
                sent += 2;
            }
            Next::Send { first: 3, .. } => {}
            other => panic!("{other:?} after {second} s: {:?}", session.end()),
        }
        session.starved();
    }
    assert!(sent > 0, "what is there is sent again to a client that hasn't taken it");
    assert_eq!(pump(&mut session, now), [3, 4, 5, 6]);
    session.on_time(session.deadline().unwrap());
    assert_eq!(session.end(), None, "the time of waiting isn't held against the client");
    // A client that went away meanwhile is forgotten in the end.
    let mut gone = past_greeting(4, 8 * 100, start);
    gone.starved();
    gone.on_time(start + Retry::default().stalled * 2);
    assert!(matches!(gone.end(), Some(End::Silent { .. })));
}

#[test]
fn a_probe_is_no_failure() {
    let now = Instant::now();
    let early = Packet::Error { code: Code(0), message: b"Early terminate" };
    let size_known = Packet::Error { code: Code(8), message: b"User aborted the transfer" };
    for (acks, packet) in [(0, early), (1, early), (0, size_known), (1, size_known)] {
        let mut session = past_greeting(1, 8000, now);
        pump(&mut session, now);
        if acks == 1 {
            session.on_ack(1, now);
            pump(&mut session, now);
        }
        session.on_packet(&packet, now);
        assert_eq!(session.end(), Some(&End::Probed));
    }
    // Also in answer to the OACK.
    let mut session = Sender::new(&agreed(512, 1, None), 9, Retry::default(), now);
    session.greeted(now);
    session.on_packet(&size_known, now);
    assert_eq!(session.end(), Some(&End::Probed));
    // But not later, and not with another code.
    let mut session = past_greeting(1, 8000, now);
    for block in 1..=2 {
        pump(&mut session, now);
        session.on_ack(block, now);
    }
    session.on_packet(&early, now);
    let end = End::Client { code: Code(0), message: "Early terminate".to_owned() };
    assert_eq!(session.end(), Some(&end));
    let mut session = past_greeting(1, 8000, now);
    session.on_packet(&Packet::Error { code: Code::FULL, message: b"" }, now);
    assert!(matches!(session.end(), Some(End::Client { .. })));
}

#[test]
fn what_does_not_belong_here_is_ignored() {
    let now = Instant::now();
    let mut session = past_greeting(1, 80, now);
    assert_eq!(pump(&mut session, now), [1]);
    session.on_packet(&Packet::Data { block: 1, data: b"x" }, now);
    let bytes = packet::option_ack(&[("blksize", 9)]);
    session.on_packet(&Packet::parse(&bytes).unwrap(), now);
    assert_eq!((session.poll(), session.end()), (Next::Wait, None));
}

#[test]
fn blocks_roll_over_to_zero() {
    let now = Instant::now();
    for window in [1, 16] {
        let len = 8 * 70_000 + 3;
        let mut session = past_greeting(window, len, now);
        let mut next = 1;
        while session.end().is_none() {
            let blocks = pump(&mut session, now);
            assert_eq!(blocks.first(), Some(&next));
            next += blocks.len() as u64;
            session.on_ack((next - 1) as u16, now);
        }
        assert_eq!((next, session.end()), (70_002, Some(&End::Done)));
        assert_eq!((session.acknowledged(len), session.repeats()), (len, 0));
    }
}

fn receiver(window: u16, limit: u64, now: Instant) -> Receiver {
    let mut session = Receiver::new(&agreed(8, window, None), limit, Retry::default(), now);
    assert_eq!(session.poll(), Next::Greet);
    session.greeted(now);
    session
}

fn data(session: &mut Receiver, block: u16, data: &[u8], now: Instant) -> (Heard, Next) {
    let heard = session.on_packet(&Packet::Data { block, data }, now);
    let next = session.poll();
    if let Next::Ack { .. } = next {
        session.acked(now);
    }
    (heard, next)
}

#[test]
fn an_upload_in_lock_step() {
    let now = Instant::now();
    let mut session = receiver(1, 100, now);
    let (more, last) = (Heard::Block { last: false }, Heard::Block { last: true });
    assert_eq!(data(&mut session, 1, b"12345678", now), (more, Next::Ack { block: 1 }));
    assert_eq!(data(&mut session, 1, b"12345678", now), (Heard::Nothing, Next::Ack { block: 1 }));
    assert_eq!(data(&mut session, 0, b"12345678", now), (Heard::Nothing, Next::Wait));
    assert_eq!(data(&mut session, 3, b"12345678", now), (Heard::Nothing, Next::Wait));
    assert_eq!(data(&mut session, 2, b"1234", now), (last, Next::Ack { block: 2 }));
    assert!(session.complete());
    // Its ACK was lost: the block comes again while the session lingers. An ERROR changes nothing now.
    assert_eq!(data(&mut session, 2, b"1234", now), (Heard::Nothing, Next::Ack { block: 2 }));
    session.on_packet(&Packet::Error { code: Code(0), message: b"" }, now);
    session.on_time(now + SECOND * 9);
    assert_eq!((session.poll(), session.end(), session.bytes()), (Next::End, Some(&End::Done), 12));
}

#[test]
fn an_upload_in_windows_tells_a_gap_once() {
    let now = Instant::now();
    let mut session = receiver(4, 1000, now);
    let more = Heard::Block { last: false };
    assert_eq!(data(&mut session, 1, b"12345678", now), (more, Next::Wait));
    assert_eq!(data(&mut session, 3, b"12345678", now), (Heard::Nothing, Next::Ack { block: 1 }));
    assert_eq!(data(&mut session, 4, b"12345678", now), (Heard::Nothing, Next::Wait));
    for block in 2..5 {
        assert_eq!(data(&mut session, block, b"12345678", now), (more, Next::Wait));
    }
    assert_eq!(data(&mut session, 5, b"12345678", now), (more, Next::Ack { block: 5 }));
    session.on_time(now + SECOND * 2);
    assert_eq!(session.poll(), Next::Ack { block: 5 }, "silence is answered with the last ACK");
}

#[test]
fn an_upload_has_bounds() {
    let now = Instant::now();
    let mut session = receiver(1, 10, now);
    data(&mut session, 1, b"12345678", now);
    assert_eq!(data(&mut session, 2, b"123", now), (Heard::Nothing, Next::End));
    assert_eq!(session.end(), Some(&End::TooLarge { limit: 10 }));
    let mut session = receiver(1, 1000, now);
    assert_eq!(data(&mut session, 1, b"123456789", now), (Heard::Nothing, Next::End));
    assert_eq!(session.end(), Some(&End::Oversized { got: 9, blksize: 8 }));
    let mut session = receiver(1, 1000, now);
    while session.end().is_none() {
        let now = session.deadline().unwrap();
        session.on_time(now);
        if session.poll() == Next::Greet {
            session.greeted(now);
        }
    }
    assert_eq!(session.end(), Some(&End::Silent { tries: 1 }));
}

#[test]
fn an_upload_rolls_over() {
    let now = Instant::now();
    let mut session = receiver(1, u64::MAX, now);
    for block in 1..=70_000_u32 {
        let (heard, next) = data(&mut session, block as u16, b"12345678", now);
        assert_eq!((heard, next), (Heard::Block { last: false }, Next::Ack { block: block as u16 }));
    }
}

/// A packet under way: when it arrives, a number that keeps the order of equals, whether to the server, bytes.
type Flight = Reverse<(Duration, u64, bool, Vec<u8>)>;

/// A network that loses, doubles and delays, each as often as it is told.
struct Network {
    flights: BinaryHeap<Flight>,
    count: u64,
    now: Duration,
    state: u64,
    loss: u64,
    double: u64,
    jitter: u64,
}

impl Network {
    fn random(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33
    }

    fn send(&mut self, to_server: bool, bytes: &[u8]) {
        let copies = if self.random() % 100 < self.double { 2 } else { 1 };
        for _ in 0..copies {
            if self.random() % 100 < self.loss {
                continue;
            }
            let delay = Duration::from_micros(500 + self.random() % (self.jitter * 1000 + 1));
            self.count += 1;
            self.flights.push(Reverse((self.now + delay, self.count, to_server, bytes.to_vec())));
        }
    }
}

/// A reading client that behaves as U-Boot's net/tftp.c: an ACK for each window, one for the last block in
/// order when another one comes than it expects, and the last packet again after a silence.
struct Reader {
    blksize: usize,
    window: u64,
    next: u64,
    ack_at: u64,
    gap_told: Option<u64>,
    got: Vec<u8>,
    done: bool,
    last: Vec<u8>,
    timer: Duration,
    patience: Duration,
}

impl Reader {
    fn reply(&mut self, net: &mut Network, bytes: &[u8]) {
        self.last = bytes.to_vec();
        self.timer = net.now + self.patience;
        net.send(true, bytes);
    }

    fn on_packet(&mut self, bytes: &[u8], net: &mut Network) {
        match Packet::parse(bytes).unwrap() {
            Packet::OptionAck(_) if self.next == 1 => self.reply(net, &packet::ack(0)),
            Packet::Data { block, data } if !self.done && block == self.next as u16 => {
                self.got.extend(data);
                self.next += 1;
                self.done = data.len() < self.blksize;
                self.timer = net.now + self.patience;
                if self.done || self.next > self.ack_at {
                    self.ack_at = self.next - 1 + self.window;
                    self.reply(net, &packet::ack((self.next - 1) as u16));
                }
            }
            Packet::Data { .. } if self.done || self.gap_told != Some(self.next) => {
                self.gap_told = Some(self.next);
                self.ack_at = self.next - 1 + self.window;
                self.reply(net, &packet::ack((self.next - 1) as u16));
            }
            _ => {}
        }
    }
}

/// Reads content through a network; gives what arrived, the end, how often blocks were sent, and the time.
fn read_through(
    mut net: Network,
    content: &[u8],
    blksize: u32,
    window: u16,
    timeout: Option<u8>,
) -> (Vec<u8>, End, u64, Duration) {
    let start = Instant::now();
    let agreed = agreed(blksize, window, timeout);
    // Loss must not look like absence: at 20 % both ways, seven exchanges in a row fail now and then.
    let long = Duration::from_secs(100_000);
    let retry = Retry { tries: 40, stalled: long, unanswered: long, ..Retry::default() };
    let mut server = Sender::new(&agreed, content.len() as u64, retry, start);
    let patience = SECOND * u32::from(timeout.unwrap_or(1));
    let mut client = Reader {
        blksize: blksize as usize,
        window: window.into(),
        next: 1,
        ack_at: window.into(),
        gap_told: None,
        got: Vec::new(),
        done: false,
        last: Vec::new(),
        timer: patience,
        patience,
    };
    let mut sent = 0;
    for _ in 0..2_000_000 {
        let now = start + net.now;
        server.on_time(now);
        loop {
            match server.poll() {
                Next::Greet => {
                    net.send(false, &agreed.packet().unwrap());
                    server.greeted(now);
                }
                Next::Send { first, count } => {
                    for block in first..first + u64::from(count) {
                        let at = (block - 1) as usize * blksize as usize;
                        let end = (at + blksize as usize).min(content.len());
                        net.send(false, &[&packet::data_header(block as u16), &content[at..end]].concat());
                    }
                    sent += u64::from(count);
                    server.sent(count, now);
                }
                Next::Wait => break,
                Next::End => return (client.got, server.end().unwrap().clone(), sent, net.now),
                Next::Ack { .. } => unreachable!(),
            }
        }
        if client.timer <= net.now {
            let last = client.last.clone();
            client.reply(&mut net, &last);
        }
        let arrival = net.flights.peek().map(|Reverse((at, ..))| *at);
        let deadline = server.deadline().map(|deadline| deadline - start);
        let next = [arrival, deadline, Some(client.timer)].into_iter().flatten().min().unwrap();
        net.now = net.now.max(next);
        if arrival == Some(next) {
            let Reverse((_, _, to_server, bytes)) = net.flights.pop().unwrap();
            if to_server {
                // An empty packet stands for the request, which comes again before the client's first reply.
                match Packet::parse(&bytes) {
                    Ok(packet) => server.on_packet(&packet, start + net.now),
                    Err(_) => server.asked_again(start + net.now),
                }
            } else {
                client.on_packet(&bytes, &mut net);
            }
        }
    }
    panic!("no end after {:?}: {} of {} bytes, {server:?}", net.now, client.got.len(), content.len());
}

fn network(seed: u64, loss: u64, double: u64, jitter: u64) -> Network {
    let state = seed.wrapping_mul(2) + 1;
    Network { flights: BinaryHeap::new(), count: 0, now: Duration::ZERO, state, loss, double, jitter }
}

fn content(len: usize) -> Vec<u8> {
    (0..len as u64).map(|at| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect()
}

#[test]
fn a_good_network_carries_every_block_once() {
    for window in [1, 8, 16] {
        let content = content(10_000);
        let (got, end, sent, _) = read_through(network(1, 0, 0, 0), &content, 64, window, Some(5));
        assert!(got == content);
        assert_eq!((end, sent), (End::Done, 157));
    }
}

#[test]
fn doubled_packets_dont_multiply() {
    let content = content(64 * 500);
    // In lock step nothing follows from a doubled packet, even if every one is.
    let (got, _, sent, _) = read_through(network(1, 0, 100, 0), &content, 64, 1, Some(5));
    assert!(got == content);
    assert_eq!(sent, 501);
    // In a window a doubled block looks to U-Boot like a gap: what it then asks for is sent again, but that
    // doesn't breed more of the same.
    for (window, double) in [(8, 2), (8, 10), (16, 2), (16, 10), (8, 100), (16, 100)] {
        let (got, _, sent, _) = read_through(network(1, 0, double, 0), &content, 64, window, Some(5));
        assert!(got == content);
        assert!(sent <= 501 * 2, "{sent} blocks for 501, window {window}, {double} % doubled");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_wrong_byte_gets_through(
        seed: u64, len in 0_usize..6000, blksize in prop::sample::select(vec![8_u32, 64, 512]),
        window in prop::sample::select(vec![1_u16, 2, 8, 16]),
        loss in prop::sample::select(vec![0_u64, 1, 5, 20]), double in 0_u64..10, jitter in 0_u64..5,
        timeout in prop::option::of(1_u8..6),
    ) {
        let content = content(len);
        let (got, end, ..) = read_through(network(seed, loss, double, jitter), &content, blksize, window, timeout);
        prop_assert!(got == content, "{} of {} bytes arrived", got.len(), content.len());
        prop_assert_eq!(end, End::Done);
    }

    #[test]
    fn an_upload_gets_through(
        seed: u64, len in 0_usize..4000, window in prop::sample::select(vec![1_u16, 4, 16]),
        loss in prop::sample::select(vec![0_u64, 1, 5, 20]), double in 0_u64..10, jitter in 0_u64..5,
    ) {
        // The sending side is the one of this server: what it may send, a client may send.
        let content = content(len);
        let start = Instant::now();
        let agreed = agreed(64, window, None);
        let retry = Retry { tries: 60, unanswered: Duration::from_secs(100_000), ..Retry::default() };
        let mut client = Sender::new(&agreed, len as u64, retry, start);
        // The client's own greeting was the request, and the answer to it has arrived.
        client.greeted(start);
        client.on_ack(0, start);
        let mut server = Receiver::new(&agreed, u64::MAX, retry, start);
        let mut net = network(seed, loss, double, jitter);
        let mut got: Vec<u8> = Vec::new();
        let mut rounds = 0;
        while client.end().is_none() {
            rounds += 1;
            prop_assert!(rounds < 500_000, "no end");
            let now = start + net.now;
            server.on_time(now);
            client.on_time(now);
            match server.poll() {
                Next::Greet => server.greeted(now),
                Next::Ack { block } => {
                    net.send(false, &packet::ack(block));
                    server.acked(now);
                    continue;
                }
                _ => {}
            }
            if let Next::Send { first, count } = client.poll() {
                for block in first..first + u64::from(count) {
                    let at = (block - 1) as usize * 64;
                    let bytes = &content[at..(at + 64).min(len)];
                    net.send(true, &[&packet::data_header(block as u16), bytes].concat());
                }
                client.sent(count, now);
                continue;
            }
            let arrival = net.flights.peek().map(|Reverse((at, ..))| *at);
            let timers = [client.deadline(), server.deadline()].into_iter().flatten().map(|at| at - start);
            let next = timers.chain(arrival).min().unwrap();
            net.now = net.now.max(next);
            if arrival == Some(next) {
                let Reverse((_, _, to_server, bytes)) = net.flights.pop().unwrap();
                let packet = Packet::parse(&bytes).unwrap();
                if !to_server {
                    client.on_packet(&packet, start + net.now);
                } else if let (Heard::Block { .. }, Packet::Data { data, .. }) =
                    (server.on_packet(&packet, start + net.now), packet)
                {
                    got.extend(data);
                }
            }
            if server.complete() && server.end().is_some() {
                break;
            }
        }
        prop_assert!(got == content, "{} of {len} bytes arrived, {:?}", got.len(), client.end());
    }

    #[test]
    fn no_packets_make_a_session_panic(packets: Vec<Vec<u8>>, len in 0_u64..100_000, window in 1_u16..20) {
        let now = Instant::now();
        let mut sender = Sender::new(&agreed(8, window, None), len, Retry::default(), now);
        let mut receiver = Receiver::new(&agreed(8, window, None), len, Retry::default(), now);
        for (at, bytes) in packets.iter().enumerate() {
            let now = now + SECOND * at as u32;
            let Ok(packet) = Packet::parse(bytes) else { continue };
            sender.on_packet(&packet, now);
            sender.on_time(now);
            match sender.poll() {
                Next::Greet => sender.greeted(now),
                Next::Send { count, .. } => sender.sent(count, now),
                _ => {}
            }
            receiver.on_packet(&packet, now);
            receiver.on_time(now);
            match receiver.poll() {
                Next::Greet => receiver.greeted(now),
                Next::Ack { .. } => receiver.acked(now),
                _ => {}
            }
        }
    }
}
