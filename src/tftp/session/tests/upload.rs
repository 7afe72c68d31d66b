//! Receivers step by step.

use super::*;

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
