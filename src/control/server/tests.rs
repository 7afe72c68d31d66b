use std::net::SocketAddr;
use std::os::fd::AsFd as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use super::super::client::{Client as OfClient, Image};
use super::super::message::Give;
use super::*;
use crate::beneath::SocketError;
use crate::tftp::content::RangeContent;
use crate::tftp::event::{Event, What};
use crate::tftp::options::Wanted;
use crate::tftp::packet::Direction;
use crate::tftp::source::{Answer, Got, Refusal, Request, Sink, Source};
use crate::tftp::switch::{Branch, of_board};

const MAC: &str = "dc:a6:32:01:02:03";
const LIMIT: Duration = Duration::from_secs(20);

/// A server that runs, and what it told.
struct Rig {
    path: std::path::PathBuf,
    switch: Arc<Switch>,
    stop: Stop,
    told: Arc<Mutex<Vec<Told>>>,
    thread: Option<std::thread::JoinHandle<()>>,
    _dir: tempfile::TempDir,
}

impl Rig {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("control.sock");
        let (switch, stop) = (Switch::new(&[]).unwrap(), Stop::new().unwrap());
        let told: Arc<Mutex<Vec<Told>>> = Arc::default();
        let server = Server::open(&path, "test", None).unwrap();
        let thread = std::thread::spawn({
            let (switch, stop, told) = (Arc::clone(&switch), stop.clone(), Arc::clone(&told));
            move || server.run(&switch, &mut |what| told.lock().unwrap().push(what), &stop).unwrap()
        });
        Self { path, switch, stop, told, thread: Some(thread), _dir: dir }
    }

    fn until(&self, what: &str, is: impl Fn(&Told) -> bool) -> Told {
        let found = wait_for(|| self.told.lock().unwrap().iter().find(|told| is(told)).cloned());
        found.unwrap_or_else(|| panic!("{what}: {:?}", self.told.lock().unwrap()))
    }

    fn raw(&self) -> Link {
        let (link, _) = Place::open(&self.path, false).unwrap().connect().unwrap();
        assert!(matches!(hear(&link), Some(ToClient::Hello { schema: SCHEMA, .. })));
        link
    }

    /// What a board is given, waited for.
    fn ask(&self, id: u64, path: &str, direction: Direction) -> Answer {
        let trunk = Nothing;
        let source = self.switch.over(&trunk);
        let peer = "10.0.0.7:1069".parse::<SocketAddr>().unwrap();
        let local = "10.0.0.1".parse().unwrap();
        let path = path.as_bytes();
        let request = Request { id, peer, local, path, direction, options: Wanted::default() };
        wait_for(|| Some(source.open(&request)).filter(|answer| !matches!(answer, Answer::Later))).unwrap()
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.stop.set();
        self.thread.take().unwrap().join().unwrap();
    }
}

fn wait_for<T>(mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let (deadline, never) = (Instant::now() + LIMIT, Stop::new().unwrap());
    while Instant::now() < deadline {
        if let Some(found) = look() {
            return Some(found);
        }
        let _ = never.wait(Duration::from_millis(2));
    }
    None
}

/// The next message; `None` at the end of the connection.
fn hear(link: &Link) -> Option<ToClient> {
    let mut buf = vec![0; LARGEST + 1];
    wait_for(|| match link.receive(&mut buf) {
        Ok(Received::Packet(len, _)) => Some(Some(message::decode(&buf[..len]).unwrap().0)),
        Ok(Received::Nothing) => None,
        Err(_) => Some(None),
    })
    .expect("neither a message nor the end")
}

struct Nothing;

impl Source for Nothing {
    fn open(&self, _: &Request<'_>) -> Answer {
        Answer::not_found("trunk")
    }
}

/// A board's brain: a range, bytes, an upload, and something that comes later.
#[derive(Default)]
struct Brain {
    ready: AtomicBool,
    told: Arc<Mutex<Vec<String>>>,
}

impl Source for Brain {
    fn open(&self, request: &Request<'_>) -> Answer {
        match of_board(request).unwrap().1 {
            "range" => Answer::Send(Box::new(RangeContent::new(Arc::new(vec![0; 4]), 1, 2, 4))),
            "bytes" => Answer::bytes(*b"hello"),
            "empty" => Answer::bytes(*b""),
            "large" => Answer::bytes(vec![0; LARGEST]),
            "later" if !self.ready.load(Ordering::Relaxed) => Answer::Later,
            "later" => Answer::bytes(*b"now"),
            "report" => Answer::Receive(Box::new(Report(Arc::clone(&self.told)))),
            _ => Answer::not_found("brain"),
        }
    }

    fn over(&self, id: u64) {
        self.told.lock().unwrap().push(format!("over {id}"));
    }
}

impl Branch for Brain {
    fn boards(&self) -> Vec<Mac> {
        vec![MAC.parse().unwrap()]
    }

    fn claims(&self, _: &Request<'_>) -> bool {
        true
    }

    fn event(&self, event: &Event) {
        self.told.lock().unwrap().push(format!("{} {:?}", event.path, event.what));
    }
}

struct Report(Arc<Mutex<Vec<String>>>);

impl Sink for Report {
    fn limit(&self) -> u64 {
        64
    }
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.0.lock().unwrap().push(format!("upload {bytes:?}"));
        Ok(())
    }
    fn complete(&mut self) -> Result<(), Refusal> {
        Ok(())
    }
    fn aborted(&mut self, _: &str) {}
}

fn image() -> std::fs::File {
    let file = tempfile::tempfile().unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, b"abcd", 0).unwrap();
    file
}

fn bytes(answer: Answer) -> Vec<u8> {
    let Answer::Send(mut content) = answer else { panic!("{answer:?}") };
    let mut buf = vec![9; content.len() as usize];
    let mut have = 0;
    while have < buf.len() {
        let Got::Bytes(count) = content.read_at(&mut buf[have..], have as u64).unwrap() else { panic!() };
        have += count;
    }
    buf
}

#[test]
fn a_clients_boards_get_what_it_says_and_it_hears_what_became_of_it() {
    let rig = Rig::new();
    let brain = Brain::default();
    let stop = Stop::new().unwrap();
    let mut client = OfClient::connect(&rig.path, &stop).unwrap();
    assert_eq!((client.pid(), client.serves()), (std::process::id(), "test"));
    client.admit(vec![MAC.parse().unwrap()], Image::new(image().into(), None), &stop).unwrap();
    let of_board = |file: &str| format!("{MAC}/{file}");
    std::thread::scope(|scope| {
        let (client, brain, stop) = (&client, &brain, &stop);
        let serving = scope.spawn(move || client.serve(brain, stop));
        let read = |id, file| rig.ask(id, &of_board(file), Direction::Read);
        assert_eq!(bytes(read(1, "range")), b"bc\0\0");
        assert_eq!(bytes(read(2, "bytes")), b"hello");
        assert_eq!(bytes(read(3, "empty")), b"");
        assert!(matches!(read(4, "x"), Answer::Refuse(refusal) if refusal.message == "brain"));
        assert!(matches!(read(5, "large"), Answer::Refuse(refusal) if refusal.message.contains("too many")));
        assert!(
            matches!(rig.ask(6, "config.txt", Direction::Read), Answer::Refuse(refusal) if refusal.message == "trunk")
        );
        let waiting = scope.spawn(|| bytes(rig.ask(7, &of_board("later"), Direction::Read)));
        brain.ready.store(true, Ordering::Relaxed);
        client.waker().wake();
        assert_eq!(waiting.join().unwrap(), b"now");
        let Answer::Receive(mut sink) = rig.ask(8, &of_board("report"), Direction::Write) else { panic!() };
        sink.write(&[0, 1]).unwrap();
        sink.write(&[2, 3]).unwrap();
        sink.complete().unwrap();
        let event =
            Event { id: 2, peer: "10.0.0.7:1069".parse().unwrap(), path: "".into(), what: What::Probed };
        assert!(rig.switch.sort(event).is_none());
        rig.switch.over(&Nothing).over(2);
        let heard = ["upload [0, 1, 2, 3]".to_owned(), format!("{MAC}/bytes Probed"), "over 2".to_owned()];
        let all =
            wait_for(|| Some(brain.told.lock().unwrap().clone()).filter(|told| told.len() >= heard.len()));
        assert_eq!(all.unwrap(), heard);
        stop.set();
        serving.join().unwrap().unwrap();
        rig.until("the end", |told| matches!(told, Told::Withdrawn { .. }));
    });
    assert!(
        matches!(rig.ask(9, &of_board("bytes"), Direction::Read), Answer::Refuse(refusal) if refusal.message == "trunk")
    );
}

#[test]
fn an_image_that_grows_is_read_as_far_as_it_is_there() {
    let rig = Rig::new();
    let link = rig.raw();
    let file = image();
    let admit = ToServer::Admit { schema: SCHEMA, boards: vec![MAC.parse().unwrap()], available: Some(2) };
    link.send_with(&message::encode(&admit, b"").unwrap(), file.as_fd()).unwrap();
    assert_eq!(hear(&link), Some(ToClient::Admitted { boards: 1 }));
    let say =
        |message: &ToServer| assert!(!link.push(message::encode(message, b"").unwrap(), Instant::now()));
    let content = std::thread::scope(|scope| {
        let asking = scope.spawn(|| rig.ask(1, &format!("{MAC}/part"), Direction::Read));
        let Some(ToClient::Open { id: 1, .. }) = hear(&link) else { panic!() };
        say(&ToServer::Answer { id: 1, give: Give::Range { start: 0, len: 6, padded: 6 } });
        asking.join().unwrap()
    });
    let Answer::Send(mut content) = content else { panic!() };
    let mut buf = [9; 8];
    assert_eq!(content.read_at(&mut buf, 0).unwrap(), Got::Bytes(2));
    assert_eq!(content.read_at(&mut buf, 2).unwrap(), Got::NotYet);
    say(&ToServer::Available { bytes: 6 });
    let more = wait_for(|| Some(content.read_at(&mut buf, 2).unwrap()).filter(|got| *got != Got::NotYet));
    assert_eq!((more, &buf[..4]), (Some(Got::Bytes(4)), &b"cd\0\0"[..]));
    drop(link);
    assert!(wait_for(|| content.read_at(&mut buf, 0).err()).is_some(), "it ends with its client");
}

#[test]
fn who_breaks_the_rules_is_put_out_and_told_why() {
    let rig = Rig::new();
    let file = image();
    let board = |last: u8| Mac::new([2, 0, 0, 0, 0, last]);
    let admit = |schema, boards: &[Mac]| ToServer::Admit { schema, boards: boards.to_vec(), available: None };
    let encode = |message: &ToServer| message::encode(message, b"").unwrap();
    let out = |link: &Link| loop {
        match hear(link) {
            Some(ToClient::Refused { why, text }) => {
                assert_eq!(hear(link), None, "the connection goes on");
                return (why, text);
            }
            Some(_) => {}
            None => panic!("it ends without a reason"),
        }
    };
    let good = rig.raw();
    good.send_with(&encode(&admit(SCHEMA, &[board(1)])), file.as_fd()).unwrap();
    assert!(matches!(hear(&good), Some(ToClient::Admitted { .. })));

    let many: Vec<Mac> =
        (0..=MOST_BOARDS as u16).map(|n| Mac::new([2, 1, 0, 0, (n >> 8) as u8, n as u8])).collect();
    for (what, message, with, why) in [
        ("no descriptor", encode(&admit(SCHEMA, &[board(2)])), false, Why::Image),
        ("another's board", encode(&admit(SCHEMA, &[board(2), board(1)])), true, Why::Taken),
        ("no boards", encode(&admit(SCHEMA, &[])), true, Why::Rules),
        ("many boards", encode(&admit(SCHEMA, &many)), true, Why::Full),
        ("another schema", encode(&admit(SCHEMA + 1, &[board(2)])), true, Why::Schema),
        ("garbage", b"\xff\xfe{}".to_vec(), false, Why::Rules),
        ("half a message", encode(&admit(SCHEMA, &[board(2)]))[..20].to_vec(), true, Why::Rules),
        ("an answer first", encode(&ToServer::Answer { id: 1, give: Give::Later }), false, Why::Rules),
        ("growth first", encode(&ToServer::Available { bytes: 1 }), false, Why::Rules),
        ("a descriptor too much", encode(&ToServer::Available { bytes: 1 }), true, Why::Rules),
        ("a message too long", vec![b' '; LARGEST + 1], false, Why::Rules),
    ] {
        let link = rig.raw();
        if with {
            link.send_with(&message, file.as_fd()).unwrap();
        } else {
            link.push(message, Instant::now());
        }
        let (got, text) = out(&link);
        assert_eq!(got, why, "{what}: {text}");
    }
    let (reader, _writer) = rustix::pipe::pipe().unwrap();
    let link = rig.raw();
    link.send_with(&encode(&admit(SCHEMA, &[board(2)])), reader.as_fd()).unwrap();
    assert_eq!(out(&link).0, Why::Image);
    // Who has what it wants, and then wants more.
    for (n, message) in
        [encode(&admit(SCHEMA, &[board(9)])), encode(&ToServer::Answer { id: 7, give: Give::Bytes })]
            .into_iter()
            .enumerate()
    {
        let link = rig.raw();
        link.send_with(&encode(&admit(SCHEMA, &[board(3 + n as u8)])), file.as_fd()).unwrap();
        for _ in 0..=UNASKED {
            link.push(message.clone(), Instant::now());
        }
        let (why, text) = out(&link);
        assert_eq!(why, Why::Rules, "{text}");
    }
    // All that has cost the good one nothing.
    assert_eq!(rig.switch.join(Arc::new(One(board(1)))).unwrap_err(), NotJoined::Taken { mac: board(1) });
    let _free = rig.switch.join(Arc::new(One(board(2)))).unwrap();
}

#[test]
fn who_says_nothing_is_put_out_and_there_are_not_too_many() {
    let rig = Rig::new();
    let links: Vec<Link> = (0..MOST_CLIENTS).map(|_| rig.raw()).collect();
    let (link, _) = Place::open(&rig.path, false).unwrap().connect().unwrap();
    assert!(matches!(hear(&link), Some(ToClient::Refused { why: Why::Full, .. })));
    assert_eq!(hear(&link), None);
    for link in links {
        assert!(matches!(hear(&link), Some(ToClient::Refused { why: Why::Rules, .. })));
    }
    drop(rig.raw());
}

#[test]
fn a_client_that_keeps_a_board_waiting_is_put_out() {
    let rig = Rig::new();
    let link = rig.raw();
    let board = MAC.parse().unwrap();
    let admit = ToServer::Admit { schema: SCHEMA, boards: vec![board], available: None };
    link.send_with(&message::encode(&admit, b"").unwrap(), image().as_fd()).unwrap();
    assert!(matches!(hear(&link), Some(ToClient::Admitted { .. })));
    // Asked once, and then nothing else happens: nobody but the server itself looks at the time.
    let path = format!("{MAC}/part");
    let request = Request {
        id: 1,
        peer: "10.0.0.7:1069".parse().unwrap(),
        local: "10.0.0.1".parse().unwrap(),
        path: path.as_bytes(),
        direction: Direction::Read,
        options: Wanted::default(),
    };
    assert!(matches!(rig.switch.over(&Nothing).open(&request), Answer::Later));
    assert!(matches!(hear(&link), Some(ToClient::Open { id: 1, .. })));
    assert!(matches!(hear(&link), Some(ToClient::Refused { why: Why::Rules, .. })));
    rig.until("its board is free", |told| matches!(told, Told::Withdrawn { .. }));
    let _free = rig.switch.join(Arc::new(One(board))).unwrap();
}

#[test]
fn a_server_that_ends_says_so() {
    let rig = Rig::new();
    let stop = Stop::new().unwrap();
    let mut client = OfClient::connect(&rig.path, &stop).unwrap();
    client.admit(vec![MAC.parse().unwrap()], Image::new(image().into(), None), &stop).unwrap();
    let path = rig.path.clone();
    drop(rig);
    let error = client.serve(&Brain::default(), &stop).unwrap_err();
    assert!(matches!(&error, Error::Lost { why, .. } if why == "the server was stopped"), "{error}");
    assert!(matches!(OfClient::connect(&path, &stop), Err(Error::Socket(SocketError::NotThere { .. }))));
}

struct One(Mac);

impl Source for One {
    fn open(&self, _: &Request<'_>) -> Answer {
        Answer::Later
    }
}

impl Branch for One {
    fn boards(&self) -> Vec<Mac> {
        vec![self.0]
    }
    fn claims(&self, _: &Request<'_>) -> bool {
        false
    }
    fn event(&self, _: &Event) {}
}
