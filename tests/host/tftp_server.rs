//! The server over real sockets: what it answers, word for word, and what it tells about it.
#![allow(clippy::unwrap_used, reason = "a test ends where something is not as it must be")]

use crate::tftp_support;

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use piprov::tftp::dir::DirSource;
use piprov::tftp::event::What;
use piprov::tftp::options::Policy;
use piprov::tftp::packet::{self, Code, Direction, Mode, Packet, request};
use piprov::tftp::session::Retry;
use piprov::tftp::source::{Answer, Content, Got, Request, Source};
use piprov::tftp::{Error, Limits, Server};
use tftp_support::{Client, Running, fetch, folder, pattern};

const U_BOOT: [(&str, u64); 4] = [("timeout", 5), ("tsize", 0), ("blksize", 1468), ("windowsize", 8)];
const SECOND: Duration = Duration::from_secs(1);

fn dir(files: &[(&str, usize)]) -> (tempfile::TempDir, Running) {
    dir_with(files, Limits::default())
}

fn dir_with(files: &[(&str, usize)], limits: Limits) -> (tempfile::TempDir, Running) {
    let root = folder(files);
    let server = Running::new(DirSource::new(root.path()).unwrap(), limits);
    (root, server)
}

/// A source that is a function.
struct By<F>(F);

impl<F: Fn(&Request<'_>) -> Answer + Send + Sync> Source for By<F> {
    fn open(&self, request: &Request<'_>) -> Answer {
        (self.0)(request)
    }
}

#[test]
fn u_boot_is_answered_word_for_word() {
    let (_root, server) = dir(&[("part", 3000)]);
    let content = pattern(3000);
    let mut client = Client::ask(server.addr, "part", &U_BOOT);
    let (bytes, from) = client.hear();
    assert_eq!(bytes, b"\0\x06blksize\x001468\0tsize\x003000\0timeout\x005\0windowsize\x008\0");
    assert_ne!(from.port(), server.addr.port(), "each transfer has a port of its own");
    client.reply(from, &packet::ack(0));
    for (block, range) in [(1, 0..1468), (2, 1468..2936), (3, 2936..3000)] {
        assert_eq!(client.hear(), (&[&packet::data_header(block)[..], &content[range]].concat()[..], from));
    }
    client.reply(from, &packet::ack(3));
    let finished = server.wait_for("the end", |what| matches!(what, What::Finished { .. }));
    let What::Finished { direction, bytes, retransmits, .. } = finished else { unreachable!() };
    assert_eq!((direction, bytes, retransmits), (Direction::Read, 3000, 0));
    let started = server.wait_for("the start", |what| matches!(what, What::Started { .. }));
    assert!(matches!(started, What::Started { bytes: Some(3000), .. }));
}

#[test]
fn the_answer_comes_from_the_address_that_was_asked() {
    let root = folder(&[("f", 10)]);
    let server = Running::on("0.0.0.0:0", DirSource::new(root.path()).unwrap(), Limits::default());
    let asked = format!("127.0.0.77:{}", server.addr.port()).parse().unwrap();
    for path in ["f", "nope"] {
        let mut client = Client::ask(asked, path, &[]);
        assert_eq!(client.hear().1.ip(), asked.ip());
    }
}

#[test]
fn ipv6() {
    let root = folder(&[("f", 5000)]);
    let server = Running::on("[::1]:0", DirSource::new(root.path()).unwrap(), Limits::default());
    assert!(fetch(server.addr, "f", &U_BOOT, SECOND) == Ok(pattern(5000)));
}

#[test]
fn what_is_not_there_is_told_at_once() {
    let (_root, server) = dir(&[]);
    let start = Instant::now();
    let mut client = Client::ask(server.addr, "52:54:00:12:34:56/manifest", &U_BOOT);
    assert_eq!(client.hear().0, b"\0\x05\0\x01no such file\0");
    assert!(start.elapsed() < Duration::from_millis(500));
    server.wait_for("refused", |what| matches!(what, What::Refused { code: Code::NOT_FOUND, .. }));
}

#[test]
fn paths_that_lead_out_are_refused() {
    let (root, server) = dir(&[("sub/f", 10)]);
    std::os::unix::fs::symlink("/etc/hostname", root.path().join("out")).unwrap();
    std::os::unix::fs::symlink("sub/f", root.path().join("in")).unwrap();
    for path in ["../etc/hostname", "/../etc/hostname", "sub/../../x", "..\\x", "out", "sub\\f", "a\x07"] {
        let (code, message) = fetch(server.addr, path, &[], SECOND).unwrap_err();
        assert_eq!(code, 2, "{path:?}: {message}");
    }
    assert_eq!(fetch(server.addr, "/etc/hostname", &[], SECOND).unwrap_err().0, 1);
    assert_eq!(fetch(server.addr, "/in", &[], SECOND), Ok(pattern(10)));
}

#[test]
fn other_modes_are_refused_with_a_reason() {
    let (_root, server) = dir(&[("f", 10)]);
    for (mode, name) in [(Mode::Netascii, "netascii"), (Mode::Mail, "mail"), (Mode::Other(b"x\n"), "x\\x0a")]
    {
        let mut client = Client::new(server.addr);
        client.to_server(&request(Direction::Read, b"f", mode, &[]));
        let message = format!("mode {name} isn't served: ask for octet (binary)");
        assert_eq!(client.hear().0, packet::error(Code::ILLEGAL, &message));
    }
}

#[test]
fn a_probe_is_no_error() {
    let (_root, server) = dir(&[("start4.elf", 5000)]);
    // The Pi's boot ROM takes the first block and says good-bye; EDK2 takes the size only.
    let mut rom = Client::ask(server.addr, "start4.elf", &[]);
    let (bytes, from) = rom.hear();
    assert_eq!(bytes[..4], [0, 3, 0, 1]);
    rom.reply(from, &packet::error(Code(0), "Early terminate"));
    let mut edk2 = Client::ask(server.addr, "start4.elf", &[("tsize", 0), ("blksize", 1468)]);
    let (_, from) = edk2.hear();
    edk2.reply(from, &packet::error(Code(8), "User aborted the transfer"));
    let probes = || server.told().iter().filter(|what| **what == What::Probed).count();
    server.wait_for("a probe", |_| probes() == 2);
    assert!(!server.told().iter().any(|what| matches!(what, What::Failed { .. })), "{:#?}", server.told());
}

/// What became of an upload.
#[derive(Default)]
struct Stored {
    bytes: Mutex<Vec<u8>>,
    complete: AtomicBool,
    aborted: Mutex<Option<String>>,
}

struct ToMemory(Arc<Stored>, u64, Option<&'static str>);

impl piprov::tftp::source::Sink for ToMemory {
    fn limit(&self) -> u64 {
        self.1
    }
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.bytes.lock().unwrap().extend(bytes);
        Ok(())
    }
    fn complete(&mut self) -> Result<(), piprov::tftp::source::Refusal> {
        if let Some(message) = self.2 {
            return Err(piprov::tftp::source::Refusal { code: Code::EXISTS, message: message.into() });
        }
        self.0.complete.store(true, Ordering::SeqCst);
        Ok(())
    }
    fn aborted(&mut self, why: &str) {
        *self.0.aborted.lock().unwrap() = Some(why.to_owned());
    }
}

fn takes_uploads(limit: u64, refuse: Option<&'static str>) -> (Arc<Stored>, Running) {
    let stored = Arc::new(Stored::default());
    let list = stored.clone();
    let source = By(move |request: &Request<'_>| match request.direction {
        Direction::Write => Answer::Receive(Box::new(ToMemory(list.clone(), limit, refuse))),
        Direction::Read => Answer::not_found("only uploads"),
    });
    (stored, Running::new(source, Limits::default()))
}

fn upload(server: &Running, options: &[(&str, u64)]) -> Client {
    let client = Client::new(server.addr);
    client.to_server(&request(Direction::Write, b"report", Mode::Octet, options));
    client
}

#[test]
fn an_upload_as_tftpput_sends_it() {
    let (stored, server) = takes_uploads(100, None);
    let mut client = upload(&server, &[("timeout", 5), ("tsize", 4), ("blksize", 1468)]);
    let (bytes, from) = client.hear();
    assert_eq!(bytes, b"\0\x06blksize\x001468\0tsize\x004\0timeout\x005\0");
    client.reply(from, b"\0\x03\0\x01\0\0\xc0\x02");
    assert_eq!(client.hear(), (&packet::ack(1)[..], from));
    assert!(stored.complete.load(Ordering::SeqCst), "it is whole before the client hears so");
    // The ACK was lost; the block comes again, and changes nothing.
    client.reply(from, b"\0\x03\0\x01\0\0\xc0\x02");
    assert_eq!(client.hear(), (&packet::ack(1)[..], from));
    assert_eq!(*stored.bytes.lock().unwrap(), [0, 0, 0xc0, 2]);
    server.wait_for("the end", |what| {
        matches!(what, What::Finished { direction: Direction::Write, bytes: 4, .. })
    });
}

#[test]
fn uploads_are_limited() {
    let (stored, server) = takes_uploads(600, None);
    let mut told = upload(&server, &[("tsize", 601)]);
    assert_eq!(told.hear().0, packet::error(Code::FULL, "the upload is larger than the allowed 600 bytes"));
    assert!(stored.bytes.lock().unwrap().is_empty());
    let mut untold = upload(&server, &[]);
    let (bytes, from) = untold.hear();
    assert_eq!(bytes, packet::ack(0));
    for (block, answer) in [
        (1, packet::ack(1).to_vec()),
        (2, packet::error(Code::FULL, "the upload is larger than the allowed 600 bytes")),
    ] {
        untold.reply(from, &[&packet::data_header(block)[..], &[7; 512]].concat());
        assert_eq!(untold.hear().0, answer);
    }
    server.wait_for("the failure", |what| matches!(what, What::Failed { bytes: 512, .. }));
    assert!(stored.aborted.lock().unwrap().is_some() && !stored.complete.load(Ordering::SeqCst));
}

#[test]
fn an_upload_that_can_t_be_completed_isn_t_acknowledged() {
    let (_stored, server) = takes_uploads(600, Some("this report was there before"));
    let mut client = upload(&server, &[]);
    let (_, from) = client.hear();
    client.reply(from, b"\0\x03\0\x01abc");
    assert_eq!(client.hear().0, packet::error(Code::EXISTS, "this report was there before"));
    server.wait_for("the failure", |what| matches!(what, What::Failed { .. }));
}

#[test]
fn a_folder_takes_no_uploads() {
    let (root, server) = dir(&[]);
    let mut client = upload(&server, &[]);
    assert_eq!(client.hear().0, packet::error(Code::ACCESS, "this server takes no uploads"));
    assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 0);
}

#[test]
fn later_is_answered_when_it_is_known() {
    let ready = Arc::new(AtomicBool::new(false));
    let asked = Arc::new(AtomicUsize::new(0));
    let (flag, count) = (ready.clone(), asked.clone());
    let source = By(move |request: &Request<'_>| {
        assert_eq!(request.id, 1, "it stays the same request");
        count.fetch_add(1, Ordering::SeqCst);
        if flag.load(Ordering::SeqCst) { Answer::bytes(*b"crc") } else { Answer::Later }
    });
    let server = Running::new(source, Limits::default());
    let mut client = Client::ask(server.addr, "manifest", &[]);
    client.hears_nothing(Duration::from_millis(200));
    // The client's repetition is the same request.
    client.to_server(&request(Direction::Read, b"manifest", Mode::Octet, &[]));
    client.hears_nothing(Duration::from_millis(200));
    assert!(asked.load(Ordering::SeqCst) >= 4, "it is asked again without being poked");
    ready.store(true, Ordering::SeqCst);
    server.waker.wake();
    let (bytes, from) = client.hear();
    assert_eq!(bytes, b"\0\x03\0\x01crc");
    client.reply(from, &packet::ack(1));
    server.wait_finished(1);
    client.hears_nothing(Duration::from_millis(100));
    assert_eq!(server.told().iter().filter(|what| matches!(what, What::Requested { .. })).count(), 1);
}

/// Content of which more and more is there.
struct Growing(Arc<AtomicUsize>, Vec<u8>);

impl Content for Growing {
    fn len(&self) -> u64 {
        self.1.len() as u64
    }
    fn read_at(&mut self, buf: &mut [u8], offset: u64) -> io::Result<Got> {
        let there = &self.1[..self.0.load(Ordering::SeqCst)];
        match there.get(offset as usize..).unwrap_or_default() {
            [] => Ok(Got::NotYet),
            rest => {
                let count = rest.len().min(buf.len());
                buf[..count].copy_from_slice(&rest[..count]);
                Ok(Got::Bytes(count))
            }
        }
    }
}

#[test]
fn content_that_is_on_its_way_pauses_the_transfer() {
    for window in [1, 8] {
        let there = Arc::new(AtomicUsize::new(0));
        let grows = there.clone();
        let retry = Retry { first: Duration::from_millis(50), tries: 2, ..Retry::default() };
        let source =
            By(move |_: &Request<'_>| Answer::Send(Box::new(Growing(grows.clone(), pattern(100_000)))));
        let server = Running::new(source, Limits { retry, ..Limits::default() });
        let addr = server.addr;
        let options = [("blksize", 1000), ("windowsize", window)];
        let client = std::thread::spawn(move || fetch(addr, "image", &options, Duration::from_millis(300)));
        let never = piprov::stop::Stop::new().unwrap();
        // Far longer than the retries would last, in steps that end within a block.
        for step in [0, 700, 1500, 30_300, 99_999, 100_000] {
            there.store(step, Ordering::SeqCst);
            server.waker.wake();
            let _ = never.wait(Duration::from_millis(400));
        }
        assert!(client.join().unwrap() == Ok(pattern(100_000)), "window {window}");
        server.wait_finished(1);
    }
}

#[test]
fn a_repeated_request_is_the_same_transfer() {
    let (_root, server) = dir(&[("f", 600), ("g", 3)]);
    let mut client = Client::ask(server.addr, "f", &[]);
    let (_, first) = client.hear();
    client.to_server(&request(Direction::Read, b"f", Mode::Octet, &[]));
    client.hears_nothing(Duration::from_millis(300));
    // Something else from the same port is a new transfer, and the old one is over.
    client.to_server(&request(Direction::Read, b"g", Mode::Octet, &[]));
    let (bytes, second) = client.hear();
    assert_eq!(bytes.len(), 4 + 3);
    assert_ne!(first, second);
    client.reply(second, &packet::ack(1));
    server.wait_finished(1);
    server.wait_for(
        "the end of the first",
        |what| matches!(what, What::Failed { why, .. } if why == "the client asked for something else"),
    );
    // The same from another port is a transfer of its own: bootcode.bin asks several times at once.
    let mut clients: Vec<Client> = (0..3).map(|_| Client::ask(server.addr, "f", &[])).collect();
    let ports: Vec<_> = clients.iter_mut().map(|client| client.hear().1).collect();
    for (client, from) in clients.iter_mut().zip(ports) {
        client.reply(from, &packet::ack(1));
        assert_eq!(client.hear().0[..4], packet::data_header(2));
        client.reply(from, &packet::ack(2));
    }
    server.wait_finished(1 + 3);
}

#[test]
fn a_client_that_starts_again_from_its_port_is_served_again() {
    let (_root, server) = dir(&[("f", 5000)]);
    let mut client = Client::ask(server.addr, "f", &[]);
    let (_, first) = client.hear();
    client.reply(first, &packet::ack(1));
    assert_eq!(client.hear().0[3], 2);
    // It was reset, and its boot ROM always asks from the same port.
    client.hears_nothing(Duration::from_millis(900));
    let never = piprov::stop::Stop::new().unwrap();
    let _ = never.wait(Duration::from_millis(300));
    client.to_server(&request(Direction::Read, b"f", Mode::Octet, &[]));
    while client.hear().0[3] != 1 {}
}

#[test]
fn nothing_that_is_sent_ends_the_server() {
    let (_root, server) = dir(&[("f", 10)]);
    let mut client = Client::new(server.addr);
    for bytes in [
        &b""[..],
        b"\0",
        b"\0\x01",
        b"\0\x01f",
        b"\0\x01f\0octet",
        b"\0\x09x",
        b"\xff\xff",
        &[0; 1500],
        &[1; 60_000],
    ] {
        client.to_server(bytes);
    }
    client.to_server(&[&b"\0\x02"[..], &[b'a'; 5000]].concat());
    // Packets of a transfer that isn't: the sender is told, unless it tells an error itself.
    client.to_server(&packet::error(Code(0), "hello"));
    client.to_server(&packet::option_ack(&[("blksize", 8)]));
    for bytes in [&packet::ack(3)[..], b"\0\x03\0\x01abc"] {
        client.to_server(bytes);
    }
    let mut codes = Vec::new();
    for _ in 0..6 {
        let Packet::Error { code, .. } = Packet::parse(client.hear().0).unwrap() else { panic!() };
        codes.push(code.0);
    }
    // Two threads answer; whose answer is first is left to the kernel.
    codes.sort_unstable();
    assert_eq!(codes, [4, 4, 4, 4, 5, 5]);
    assert_eq!(fetch(server.addr, "f", &[], SECOND), Ok(pattern(10)));
    let malformed = server.told().into_iter().filter(|what| matches!(what, What::Malformed { .. })).count();
    assert_eq!(malformed, 10, "a flood isn't told in full");
}

#[test]
fn garbage_during_a_transfer_is_ignored() {
    let (_root, server) = dir(&[("f", 1000)]);
    let mut client = Client::ask(server.addr, "f", &[]);
    let (_, from) = client.hear();
    for bytes in [&b""[..], b"\0", b"\0\x04\x12", b"\0\x03\0\x01abc", b"\0\x06\0", &packet::ack(500)] {
        client.reply(from, bytes);
    }
    // A stranger can't take part: the port belongs to its client only.
    let stranger = Client::new(server.addr);
    stranger.reply(from, &packet::ack(1));
    stranger.reply(from, &packet::error(Code(0), "stop it"));
    client.hears_nothing(Duration::from_millis(200));
    client.reply(from, &packet::ack(1));
    assert_eq!(client.hear().0[..4], [0, 3, 0, 2]);
    client.reply(from, &packet::ack(2));
    server.wait_finished(1);
}

#[test]
fn a_file_that_shrinks_ends_with_an_error() {
    for window in [1, 16] {
        let (root, server) = dir(&[("f", 1_000_000)]);
        let mut client = Client::ask(server.addr, "f", &[("blksize", 1000), ("windowsize", window)]);
        let (_, mut from) = client.hear();
        client.reply(from, &packet::ack(0));
        let content = pattern(1_000_000);
        let mut next = 1_usize;
        let message = loop {
            let (bytes, sender) = client.hear();
            from = sender;
            match Packet::parse(bytes).unwrap() {
                Packet::Data { data, .. } => {
                    assert!(
                        *data == content[(next - 1) * 1000..next * 1000],
                        "block {next} is right or isn't sent"
                    );
                    if next == 100 {
                        let file = std::fs::File::options().write(true).open(root.path().join("f")).unwrap();
                        file.set_len(300_500).unwrap();
                    }
                    if next.is_multiple_of(window as usize) {
                        client.reply(from, &packet::ack(next as u16));
                    }
                    next += 1;
                }
                Packet::Error { message, .. } => break String::from_utf8_lossy(message).into_owned(),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(message, "reading it: the content ends at byte 300500 of 1000000: it has shrunk");
        assert!(next <= 301);
        server.wait_for("the failure", |what| matches!(what, What::Failed { .. }));
    }
}

#[test]
fn a_vanished_client_ends_only_its_own_transfer() {
    let retry = Retry {
        first: Duration::from_millis(20),
        longest: Duration::from_millis(40),
        tries: 3,
        ..Retry::default()
    };
    let (_root, server) = dir_with(&[("f", 100_000)], Limits { retry, ..Limits::default() });
    // One whose port is closed, which its host says; one that only falls silent.
    let mut closed = Client::ask(server.addr, "f", &[]);
    closed.hear();
    drop(closed);
    server.wait_for(
        "the closed port",
        |what| matches!(what, What::Failed { why, .. } if why == "the client has closed its port"),
    );
    let mut silent = Client::ask(server.addr, "f", &[]);
    let (_, from) = silent.hear();
    silent.reply(from, &packet::ack(1));
    assert_eq!(silent.hear().0[..4], [0, 3, 0, 2]);
    server.wait_for("the silence", |what| {
        matches!(what, What::Failed { why, .. } if why == "the client doesn't answer any more, tried 3 times again")
    });
    for _ in 0..3 {
        assert_eq!(silent.hear().0[..4], [0, 3, 0, 2], "the second block was sent again");
    }
    assert!(fetch(server.addr, "f", &U_BOOT, SECOND) == Ok(pattern(100_000)));
}

#[test]
fn more_clients_than_allowed_wait_their_turn() {
    const CLIENTS: usize = 300;
    let running = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    struct Counted(Arc<AtomicUsize>, piprov::tftp::content::Memory);
    impl Content for Counted {
        fn len(&self) -> u64 {
            self.1.len()
        }
        fn read_at(&mut self, buf: &mut [u8], offset: u64) -> io::Result<Got> {
            self.1.read_at(buf, offset)
        }
    }
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::SeqCst);
        }
    }
    let content: Arc<[u8]> = pattern(50_000).into();
    let (now, top) = (running.clone(), most.clone());
    let source = By(move |_: &Request<'_>| {
        top.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        Answer::Send(Box::new(Counted(now.clone(), piprov::tftp::content::Memory::new(content.clone()))))
    });
    let server = Running::new(source, Limits { sessions: 200, per_address: 200, ..Limits::default() });
    let addr = server.addr;
    // All ask before any goes on, so that the limit is met.
    let together = Arc::new(std::sync::Barrier::new(CLIENTS));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let together = together.clone();
            std::thread::spawn(move || {
                let mut first = Client::ask(addr, "f", &[]);
                first.socket.set_read_timeout(Some(Duration::from_millis(700))).unwrap();
                let served = first.socket.peek_from(&mut [0; 4]).is_ok();
                let from = served.then(|| first.hear().1);
                if let Some(from) = from {
                    first.reply(from, &packet::ack(1));
                }
                together.wait();
                if let Some(from) = from {
                    first.reply(from, &packet::error(Code(0), "Early terminate"));
                }
                fetch(addr, "f", &U_BOOT, Duration::from_millis(200))
            })
        })
        .collect();
    for client in clients {
        assert!(client.join().unwrap() == Ok(pattern(50_000)));
    }
    server.wait_finished(CLIENTS);
    assert_eq!(most.load(Ordering::SeqCst), 200);
    assert!(server.told().contains(&What::Crowded));
}

#[test]
fn more_boards_behind_one_address_than_its_share_are_served_in_turn() {
    let (_root, server) = dir(&[("f", 50_000)]);
    let addr = server.addr;
    let boards: Vec<_> = (0..200)
        .map(|_| std::thread::spawn(move || fetch(addr, "f", &U_BOOT, Duration::from_millis(200))))
        .collect();
    for board in boards {
        assert!(board.join().unwrap() == Ok(pattern(50_000)));
    }
    server.wait_finished(200);
}

#[test]
fn a_board_that_lost_the_first_answer_gets_it_when_it_asks_again() {
    let retry = Retry { first: Duration::from_millis(200), ..Retry::default() };
    let (_root, server) = dir_with(&[("f", 600)], Limits { retry, ..Limits::default() });
    let mut board = Client::ask(server.addr, "f", &[]);
    let (_, from) = board.hear();
    assert_eq!(board.hear().1, from, "it is repeated once");
    board.hears_nothing(Duration::from_millis(1500));
    for _ in 0..3 {
        board.to_server(&request(Direction::Read, b"f", Mode::Octet, &[]));
        let (bytes, again) = board.hear();
        assert_eq!((&bytes[..4], again), (&[0, 3, 0, 1][..], from), "by the same transfer");
        board.hears_nothing(Duration::from_millis(400));
    }
    board.reply(from, &packet::ack(1));
    assert_eq!(board.hear().0[..4], [0, 3, 0, 2]);
    board.reply(from, &packet::ack(2));
    server.wait_finished(1);
}

#[test]
fn memory_is_limited_too() {
    // Room for two windows of 8 blocks; the others wait for it.
    let limits = Limits { memory: 2 * 8 * 1468, ..Limits::default() };
    let (_root, server) = dir_with(&[("f", 200_000)], limits);
    let addr = server.addr;
    let clients: Vec<_> =
        (0..8).map(|_| std::thread::spawn(move || fetch(addr, "f", &U_BOOT, SECOND))).collect();
    for client in clients {
        assert!(client.join().unwrap() == Ok(pattern(200_000)));
    }
}

#[test]
fn more_than_65535_blocks() {
    let size = 70_000 * 8 + 3;
    let (_root, server) = dir(&[("f", size)]);
    for window in [1, 16] {
        let options = [("blksize", 8), ("windowsize", window)];
        assert!(fetch(server.addr, "f", &options, SECOND) == Ok(pattern(size)), "window {window}");
    }
}

#[test]
fn large_windows_and_blocks() {
    let policy = Policy { max_blksize: 65464, max_window: 500, max_in_flight: 4 << 20 };
    let (_root, server) = dir_with(&[("f", 3_000_000)], Limits { policy, ..Limits::default() });
    // More than one send takes; more than a socket buffer takes; more than a frame takes.
    for (blksize, window) in [(1468, 100), (1468, 500), (8192, 16), (65464, 2), (65464, 64)] {
        let options = [("blksize", blksize), ("windowsize", window)];
        let got = fetch(server.addr, "f", &options, Duration::from_millis(300));
        assert!(got == Ok(pattern(3_000_000)), "blksize {blksize} window {window}");
    }
}

#[test]
fn a_client_that_is_served_hears_that_the_server_stops() {
    let (_root, mut server) = dir(&[("f", 5000)]);
    let mut client = Client::ask(server.addr, "f", &[]);
    client.hear();
    server.end();
    assert_eq!(client.hear().0, packet::error(Code(0), "the server was stopped"));
    assert!(server.told().iter().any(|what| matches!(what, What::Failed { .. })));
}

#[test]
fn nobody_else_gets_a_servers_port_whatever_address_it_has() {
    for addr in ["127.0.0.1:0", "[::1]:0", "0.0.0.0:0", "[::]:0"] {
        let root = folder(&[("f", 100_000)]);
        let server = Running::on(addr, DirSource::new(root.path()).unwrap(), Limits::default());
        let again = Server::bind(server.addr, Limits::default()).map(drop);
        assert!(matches!(again, Err(Error::InUse { holder: Some(_), .. })), "{again:?}");
        // Over all of its threads.
        let here: std::net::IpAddr = if addr.starts_with('[') { "::1" } else { "127.0.0.1" }.parse().unwrap();
        let asked = std::net::SocketAddr::new(here, server.addr.port());
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    assert!(fetch(asked, "f", &[("blksize", 1468)], SECOND) == Ok(pattern(100_000)))
                });
            }
        });
        server.wait_finished(8);
        // All events of a request are told in their order, and no two requests have a number together.
        let events = server.events.lock().unwrap();
        let ids: std::collections::BTreeSet<_> = events.iter().map(|event| event.id).collect();
        assert_eq!(ids.len(), 8);
        for id in ids {
            let mine: Vec<_> =
                events.iter().filter(|event| event.id == id).map(|event| &event.what).collect();
            assert!(matches!(mine[..2], [What::Requested { .. }, What::Started { .. }]), "{mine:?}");
            assert!(matches!(mine.last(), Some(What::Finished { .. })), "{mine:?}");
        }
    }
}

/// Keeps which requests it was asked about and which are over; those for `later` wait for ever.
struct Counts {
    asked: Arc<Mutex<Vec<u64>>>,
    over: Arc<Mutex<Vec<u64>>>,
}

impl Source for Counts {
    fn open(&self, request: &Request<'_>) -> Answer {
        self.asked.lock().unwrap().push(request.id);
        match request.name().unwrap() {
            "later" => Answer::Later,
            "file" => Answer::bytes(pattern(2000)),
            _ => Answer::not_found("no"),
        }
    }

    fn over(&self, id: u64) {
        self.over.lock().unwrap().push(id);
    }
}

#[test]
fn each_request_is_over_once_whatever_became_of_it() {
    let asked: Arc<Mutex<Vec<u64>>> = Arc::default();
    let over: Arc<Mutex<Vec<u64>>> = Arc::default();
    let source = Counts { asked: Arc::clone(&asked), over: Arc::clone(&over) };
    let mut server = Running::new(source, Limits::default());
    fetch(server.addr, "file", &[], SECOND).unwrap();
    // More refusals than are told, a request that comes to nothing, one that waits, and one that is in the middle.
    for _ in 0..100 {
        Client::ask(server.addr, "nothing", &[]).hear();
    }
    let waits = Client::ask(server.addr, "later", &[]);
    let mut goes = Client::ask(server.addr, "file", &[]);
    goes.hear();
    let mut new = Client::ask(server.addr, "file", &[]);
    new.hear();
    // The same port asks for something else.
    new.to_server(&request(Direction::Read, b"nothing", Mode::Octet, &[]));
    server.wait_for("all of them", |_| asked.lock().unwrap().iter().max() == Some(&105));
    server.end();
    drop((waits, goes));
    let sorted = |list: &Mutex<Vec<u64>>| {
        let mut list = list.lock().unwrap().clone();
        list.sort_unstable();
        list
    };
    let mut all = sorted(&asked);
    all.dedup();
    assert_eq!(sorted(&over), all);
}
