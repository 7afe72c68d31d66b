//! Sessions step by step.

mod network;
mod upload;

use std::time::{Duration, Instant};

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
fn a_client_that_acknowledges_nothing_gets_an_answer_for_each_request_and_one_more() {
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
