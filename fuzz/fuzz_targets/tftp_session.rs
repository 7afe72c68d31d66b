//! TFTP sessions of any options against a client that sends anything at any time.
#![no_main]

use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use piprov::tftp::options::{Agreed, Policy, Wanted};
use piprov::tftp::packet::{Code, Packet};
use piprov::tftp::session::{Heard, Next, Receiver, Retry, Sender};

fuzz_target!(|bytes: &[u8]| {
    let [size, window, timeout, len @ .., _] = *bytes.first_chunk::<8>().unwrap_or(&[0; 8]);
    let wanted = Wanted {
        blksize: Some(8 << (size % 8)),
        windowsize: Some(u16::from(window) + 1),
        timeout: (timeout > 0).then_some(timeout),
        tsize: (timeout & 1 == 1).then_some(0),
    };
    let agreed = Agreed::new(&wanted, None, &Policy { max_window: 300, ..Policy::default() });
    let len = u64::from(u32::from_le_bytes(len)) % (1 << 22);
    let (blksize, window) = (u64::from(agreed.blksize), u64::from(agreed.windowsize));
    let last = len / blksize + 1;
    let mut now = Instant::now();
    let mut sender = Sender::new(&agreed, len, Retry::default(), now);
    let mut receiver = Receiver::new(&agreed, len, Retry::default(), now);
    let (mut base, mut stored) = (1, 0);
    // Before its client acknowledges anything, a request is answered once, and one more time.
    let (mut requests, mut answers, mut answers_to_upload) = (1_u32, 0_u32, 0_u32);
    for step in bytes.get(8..).unwrap_or_default().chunks_exact(4) {
        let &[what, high, low, more] = step else { continue };
        let block = u16::from_be_bytes([high, low]);
        now += Duration::from_millis(u64::from(more) * u64::from(more));
        let data = vec![0; usize::from(agreed.blksize) * usize::from(more) / 250];
        let packet = match what % 8 {
            0..3 => Packet::Ack { block: (sender.base() as u16).wrapping_add(block % 40).wrapping_sub(2) },
            3 => Packet::Ack { block },
            4 => Packet::Data { block, data: &data },
            5 => Packet::Data {
                block: (stored / blksize + 1) as u16,
                data: &data[..data.len().min(blksize as usize)],
            },
            6 if more > 200 && more < 251 => {
                (requests, _) = (requests + 1, (sender.asked_again(now), receiver.asked_again(now)));
                Packet::OptionAck(Default::default())
            }
            6 if more > 250 => Packet::Error { code: Code(block % 10), message: b"x" },
            _ => Packet::Data { block: (stored / blksize) as u16, data: b"" },
        };
        sender.on_packet(&packet, now);
        sender.on_time(now);
        assert!(sender.base() >= base && sender.base() <= last + 1, "what was taken stays taken");
        base = sender.base();
        for _ in 0..3 {
            let next = sender.poll();
            if !sender.begun() && matches!(next, Next::Greet | Next::Send { .. }) {
                answers += 1;
                assert!(answers <= requests + 1, "{answers} answers to {requests} requests");
                assert!(!matches!(next, Next::Send { count: 2.., .. }), "one packet at a time");
            }
            match next {
                Next::Greet => sender.greeted(now),
                Next::Send { first, count } => {
                    assert!(first >= base && first + u64::from(count) <= (base + window).min(last + 1));
                    if more & 3 == 0 {
                        sender.sent(count / 2, now);
                        sender.starved();
                        break;
                    }
                    sender.sent(count, now);
                }
                Next::Wait => {
                    assert!(sender.deadline().is_some(), "it would wait for ever");
                    break;
                }
                _ => break,
            }
        }
        if let (Heard::Block { .. }, Packet::Data { data, .. }) = (receiver.on_packet(&packet, now), packet) {
            stored += data.len() as u64;
        }
        receiver.on_time(now);
        assert!(receiver.bytes() == stored && stored <= len, "only what fits is stored");
        match receiver.poll() {
            Next::Greet => {
                answers_to_upload += 1;
                assert!(
                    answers_to_upload <= requests + 1,
                    "{answers_to_upload} answers to {requests} requests"
                );
                receiver.greeted(now);
            }
            Next::Ack { .. } => receiver.acked(now),
            Next::Wait => assert!(receiver.deadline().is_some(), "it would wait for ever"),
            _ => {}
        }
    }
});
