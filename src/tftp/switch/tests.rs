use std::sync::Mutex;

use super::super::content::Memory;
use super::super::event::What;
use super::super::packet::Direction;
use super::*;

const ONE: &str = "dc:a6:32:01:02:03";
const OTHER: &str = "dc:a6:32:01:02:04";

fn request(id: u64, path: &str) -> Request<'_> {
    Request {
        id,
        peer: "10.0.0.7:1069".parse().unwrap(),
        local: "10.0.0.1".parse().unwrap(),
        path: path.as_bytes(),
        direction: Direction::Read,
        options: crate::tftp::options::Wanted::default(),
    }
}

fn event(id: u64, what: What) -> Event {
    Event { id, peer: "10.0.0.7:1069".parse().unwrap(), path: "x".into(), what }
}

/// Serves its name for each file below its boards' directories, and keeps what it is told.
struct Named {
    name: &'static str,
    boards: Vec<Mac>,
    later: AtomicBool,
    told: Mutex<Vec<String>>,
}

impl Named {
    fn new(name: &'static str, boards: &[&str]) -> Arc<Self> {
        let boards = boards.iter().map(|mac| mac.parse().unwrap()).collect();
        Arc::new(Self { name, boards, later: AtomicBool::new(false), told: Mutex::default() })
    }

    fn told(&self) -> Vec<String> {
        std::mem::take(&mut self.told.lock().unwrap())
    }
}

impl Source for Named {
    fn open(&self, request: &Request<'_>) -> Answer {
        self.told.lock().unwrap().push(format!("open {}", request.id));
        if self.later.load(Ordering::Relaxed) { Answer::Later } else { Answer::bytes(self.name.as_bytes()) }
    }

    fn over(&self, id: u64) {
        self.told.lock().unwrap().push(format!("over {id}"));
    }
}

impl Branch for Named {
    fn boards(&self) -> Vec<Mac> {
        self.boards.clone()
    }

    fn claims(&self, request: &Request<'_>) -> bool {
        of_board(request).is_some_and(|(mac, _)| self.boards.contains(&mac))
    }

    fn event(&self, event: &Event) {
        self.told.lock().unwrap().push(format!("event {}", event.id));
    }
}

fn served(answer: Answer) -> String {
    let Answer::Send(mut content) = answer else { return format!("{answer:?}") };
    let mut buf = [0; 64];
    match content.read_at(&mut buf, 0) {
        Ok(Got::Bytes(count)) => String::from_utf8(buf[..count].to_vec()).unwrap(),
        other => format!("{other:?}"),
    }
}

#[test]
fn who_claims_a_request_gets_it_and_all_its_events_and_the_trunk_gets_the_rest() {
    let switch = Switch::new(&[]).unwrap();
    let (trunk, one, other) =
        (Named::new("trunk", &[]), Named::new("one", &[ONE]), Named::new("other", &[OTHER]));
    let _one = switch.join(one.clone()).unwrap();
    let _other = switch.join(other.clone()).unwrap();
    let source = switch.over(&*trunk);
    let (of_one, of_other) = (format!("{ONE}/job/1"), format!("/{OTHER}/job/1"));
    // Numbers of two threads of one server, and paths that only look like a board's.
    let second = 1 << 48 | 1;
    let asked = [
        (1, of_one.as_str(), "one"),
        (second, of_other.as_str(), "other"),
        (2, "config.txt", "trunk"),
        (3, "dc-a6-32-01-02-03/config.txt", "trunk"),
        (4, ONE, "trunk"),
        (5, "dc:a6:32:01:02:05/job/1", "trunk"),
        (6, "dc:a6:32:01:02:0/job/1", "trunk"),
    ];
    for (id, path, whose) in asked {
        assert_eq!(served(source.open(&request(id, path))), whose, "{path}");
    }
    for (id, _, whose) in asked {
        let back = switch.sort(event(id, What::Probed));
        assert_eq!(back.map(|event| event.id), (whose == "trunk").then_some(id));
        source.over(id);
    }
    assert_eq!(one.told(), ["open 1", "event 1", "over 1"]);
    let [open, event_, over] = ["open", "event", "over"].map(|word| format!("{word} {second}"));
    assert_eq!(other.told(), [open, event_, over]);
    let numbers = trunk.told().iter().filter(|told| told.starts_with("over")).count();
    assert_eq!(numbers, 5);
    assert!(switch.read().claimed.is_empty(), "nothing is kept of what is over");
    // What is over is nobody's any more.
    assert!(switch.sort(event(1, What::Probed)).is_some());
}

#[test]
fn a_board_belongs_to_one_branch_and_there_are_not_too_many() {
    let switch = Switch::new(&[]).unwrap();
    let first = switch.join(Named::new("one", &[ONE])).unwrap();
    let mac = ONE.parse().unwrap();
    let both = Named::new("both", &[OTHER, ONE]);
    assert_eq!(switch.join(both.clone()).unwrap_err(), NotJoined::Taken { mac });
    drop(first);
    let _both = switch.join(both).unwrap();
    let more: Vec<_> = (1..MOST_BRANCHES).map(|_| switch.join(Named::new("more", &[])).unwrap()).collect();
    assert_eq!(switch.join(Named::new("more", &[])).unwrap_err(), NotJoined::Full);
    drop(more);
    switch.end();
    assert_eq!(switch.join(Named::new("late", &[])).unwrap_err(), NotJoined::Ended);
}

#[test]
fn without_a_server_nobody_joins() {
    let switch = Switch::new(&[]).unwrap();
    switch.has_no_server();
    assert_eq!(switch.join(Named::new("one", &[])).unwrap_err(), NotJoined::NoServer);
}

#[test]
fn a_branch_that_goes_takes_its_transfers_along_and_what_waits_for_it_is_told() {
    let switch = Switch::new(&[]).unwrap();
    let (trunk, one) = (Named::new("trunk", &[]), Named::new("one", &[ONE]));
    let joined = switch.join(one.clone()).unwrap();
    let source = switch.over(&*trunk);
    let path = format!("{ONE}/job/1");
    let Answer::Send(mut content) = source.open(&request(1, &path)) else { panic!() };
    one.later.store(true, Ordering::Relaxed);
    assert!(matches!(source.open(&request(2, &path)), Answer::Later));
    drop(joined);
    let error = content.read_at(&mut [0; 8], 0).unwrap_err();
    assert_eq!(error.to_string(), GONE);
    let Answer::Refuse(refusal) = source.open(&request(2, &path)) else { panic!() };
    assert_eq!((refusal.code, refusal.message.as_str()), (Code::NOT_DEFINED, GONE));
    // Its last events still reach it; new requests are the trunk's.
    assert!(switch.sort(event(1, What::Failed { why: GONE.to_owned(), bytes: 0 })).is_none());
    source.over(1);
    source.over(2);
    assert_eq!(one.told(), ["open 1", "open 2", "event 1", "over 1", "over 2"]);
    assert_eq!(served(source.open(&request(3, &path))), "trunk");
}

#[test]
fn an_upload_ends_with_its_branch() {
    struct Taken;
    impl Sink for Taken {
        fn limit(&self) -> u64 {
            4
        }
        fn write(&mut self, _: &[u8]) -> io::Result<()> {
            Ok(())
        }
        fn complete(&mut self) -> Result<(), Refusal> {
            Ok(())
        }
        fn aborted(&mut self, _: &str) {}
    }
    let joint = Arc::new(Joint { branch: Named::new("one", &[]), gone: AtomicBool::new(false) });
    let mut sink: OfBranch<dyn Sink> = OfBranch { joint: Arc::clone(&joint), what: Box::new(Taken) };
    sink.write(b"1234").unwrap();
    joint.gone.store(true, Ordering::Release);
    assert!(sink.write(b"5").is_err() && sink.complete().is_err());
}

#[test]
fn a_stretch_of_an_image_is_seen_through_the_switch() {
    let joint = Arc::new(Joint { branch: Named::new("one", &[]), gone: AtomicBool::new(false) });
    let image: Arc<dyn crate::image::read_at::ReadAt> = Arc::new(vec![0; 100]);
    let range = crate::tftp::content::RangeContent::new(image, 10, 20, 512);
    let content: OfBranch<dyn Content> = OfBranch { joint: Arc::clone(&joint), what: Box::new(range) };
    assert_eq!(content.stretch(), Some(Stretch { start: 10, len: 20, padded: 512 }));
    let content: OfBranch<dyn Content> = OfBranch { joint, what: Box::new(Memory::new(*b"x")) };
    assert_eq!(content.stretch(), None);
}

#[test]
fn what_servers_left_open_is_over_when_others_take_their_place() {
    let switch = Switch::new(&[]).unwrap();
    let (trunk, one) = (Named::new("trunk", &[]), Named::new("one", &[ONE]));
    let _one = switch.join(one.clone()).unwrap();
    let source = switch.over(&*trunk);
    let path = format!("{ONE}/job/1");
    assert_eq!(served(source.open(&request(1, &path))), "one");
    switch.served_by(&[]);
    assert_eq!(one.told(), ["open 1", "over 1"]);
    // The first request of the new ones has that number again, and is somebody else's.
    assert_eq!(served(source.open(&request(1, "config.txt"))), "trunk");
    assert!(switch.sort(event(1, What::Probed)).is_some());
}
