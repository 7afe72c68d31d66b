//! Sessions through a network that loses, doubles and reorders, in virtual time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use proptest::prelude::*;

use super::*;

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
