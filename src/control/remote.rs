//! A client's boards as a branch of the TFTP server: what they ask is passed on, and what the client says is done.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::image::Handed;
use super::link::Link;
use super::message::{self, Give, LARGEST_UPLOAD, MOST_REQUESTS, ToClient};
use crate::board::Mac;
use crate::image::table::BLOCK;
use crate::stop::Waker;
use crate::tftp::content::{Memory, RangeContent};
use crate::tftp::event::{Event, What};
use crate::tftp::source::{Answer, Refusal, Request, Sink, Source};
use crate::tftp::switch::{Branch, of_board};

/// How long the client may take until it says something to a request. U-Boot asks again after one second, and gives up
/// after three.
pub(super) const ANSWER: Duration = Duration::from_secs(10);

/// What a client's boards have asked, and what it has answered.
pub(super) struct Remote {
    boards: BTreeSet<Mac>,
    pub(super) image: Arc<Handed>,
    way: Arc<Way>,
    asked: Mutex<HashMap<u64, Asked>>,
}

/// The way to the client.
pub(super) struct Way {
    pub(super) link: Link,
    /// Wakes the thread that sends what waits.
    pub(super) waker: Waker,
}

enum Asked {
    /// Since when, and whether it has said that the answer comes.
    Waiting(Instant, bool),
    Answered(Given),
}

#[derive(Clone)]
enum Given {
    Range { start: u64, len: u64, padded: u64 },
    Bytes(Arc<[u8]>),
    Receive(u64),
    Refuse(Refusal),
}

impl Way {
    pub(super) fn tell(&self, message: &ToClient, behind: &[u8]) {
        // What comes from a board fits: a path has less than a kilobyte, an upload 4 KiB.
        if let Ok(packet) = message::encode(message, behind)
            && self.link.push(packet, Instant::now())
        {
            self.waker.wake();
        }
    }
}

impl Remote {
    pub(super) fn new(boards: BTreeSet<Mac>, image: Arc<Handed>, way: Arc<Way>) -> Self {
        Self { boards, image, way, asked: Mutex::default() }
    }

    fn asked(&self) -> MutexGuard<'_, HashMap<u64, Asked>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its boards.
    pub(super) fn all(&self) -> Vec<Mac> {
        self.boards.iter().copied().collect()
    }

    /// How many boards it has.
    pub(super) fn count(&self) -> usize {
        self.boards.len()
    }

    /// Takes an answer of the client. Says whether one was waited for.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn answer(&self, id: u64, give: Give, behind: &[u8]) -> Result<bool, String> {
        let mut asked = self.asked();
        let Some(Asked::Waiting(_, later)) = asked.get_mut(&id) else { return Ok(false) };
        let given = match give {
            // Once for each request.
            Give::Later => return Ok(!std::mem::replace(later, true)),
            Give::Range { start, len, padded } => {
                if padded < len || padded - len > BLOCK || !self.image.has(start, len) {
                    return Err(format!(
                        "{len} bytes from {start}, {padded} with zeros, are no range of the image"
                    ));
                }
                Given::Range { start, len, padded }
            }
            Give::Bytes => Given::Bytes(behind.into()),
            Give::Receive { limit } if limit <= LARGEST_UPLOAD => Given::Receive(limit),
            Give::Receive { limit } => return Err(format!("an upload of {limit} bytes is too large")),
            Give::Refuse { code, text } => Given::Refuse(Refusal { code, message: text }),
        };
        asked.insert(id, Asked::Answered(given));
        Ok(true)
    }

    /// Whether the client has kept a board waiting for too long.
    pub(super) fn is_late(&self, now: Instant) -> bool {
        let late = |asked: &Asked| matches!(asked, Asked::Waiting(since, false) if now.saturating_duration_since(*since) >= ANSWER);
        self.asked().values().any(late)
    }

    /// Whether it is waited for.
    pub(super) fn is_waiting(&self) -> bool {
        self.asked().values().any(|asked| matches!(asked, Asked::Waiting(_, false)))
    }
}

impl Source for Remote {
    fn open(&self, request: &Request<'_>) -> Answer {
        let given = {
            let mut asked = self.asked();
            match asked.get(&request.id) {
                Some(Asked::Waiting(..)) => return Answer::Later,
                Some(Asked::Answered(given)) => given.clone(),
                None => {
                    // It is asked again.
                    let (Some(path), true) = (request.name(), asked.len() < MOST_REQUESTS) else {
                        return Answer::Later;
                    };
                    asked.insert(request.id, Asked::Waiting(Instant::now(), false));
                    let open = ToClient::Open {
                        id: request.id,
                        peer: request.peer,
                        local: request.local,
                        path: path.to_owned(),
                        direction: request.direction,
                        options: request.options,
                    };
                    // Under the lock, so that it comes before anything else of this request.
                    self.way.tell(&open, b"");
                    // From now on the client can be late.
                    self.way.waker.wake();
                    return Answer::Later;
                }
            }
        };
        match given {
            Given::Range { start, len, padded } => {
                let image: Arc<Handed> = Arc::clone(&self.image);
                Answer::Send(Box::new(RangeContent::new(image, start, len, padded)))
            }
            Given::Bytes(bytes) => Answer::Send(Box::new(Memory::new(bytes))),
            Given::Receive(limit) => {
                let way = Arc::clone(&self.way);
                Answer::Receive(Box::new(Upload { id: request.id, limit, bytes: Vec::new(), way }))
            }
            Given::Refuse(refusal) => Answer::Refuse(refusal),
        }
    }

    fn over(&self, id: u64) {
        if self.asked().remove(&id).is_some() {
            self.way.tell(&ToClient::Over { id }, b"");
        }
    }
}

impl Branch for Remote {
    fn boards(&self) -> Vec<Mac> {
        self.all()
    }

    fn claims(&self, request: &Request<'_>) -> bool {
        of_board(request).is_some_and(|(mac, _)| self.boards.contains(&mac))
    }

    fn event(&self, event: &Event) {
        let message = ToClient::Event { id: event.id, what: event.what.clone() };
        match event.what {
            // The next one says it too.
            What::Progress { .. } => {
                if let Ok(packet) = message::encode(&message, b"") {
                    self.way.link.push_if_free(&packet);
                }
            }
            _ => self.way.tell(&message, b""),
        }
    }
}

/// An upload, which goes to the client when it is whole.
struct Upload {
    id: u64,
    limit: u64,
    bytes: Vec<u8>,
    way: Arc<Way>,
}

impl Sink for Upload {
    fn limit(&self) -> u64 {
        self.limit
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if (self.bytes.len() + bytes.len()) as u64 > self.limit {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn complete(&mut self) -> Result<(), Refusal> {
        self.way.tell(&ToClient::Upload { id: self.id }, &self.bytes);
        Ok(())
    }

    fn aborted(&mut self, _why: &str) {
        self.bytes.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::super::link::Received;
    use super::super::link::tests::pair;
    use super::*;
    use crate::tftp::packet::Direction;
    use crate::tftp::source::Got;

    const BOARD: &str = "dc:a6:32:01:02:03";

    /// One board with an image of ten bytes, and the client's end.
    fn remote() -> (Remote, Link) {
        let (ours, client) = pair();
        let file = tempfile::tempfile().unwrap();
        std::os::unix::fs::FileExt::write_all_at(&file, b"0123456789", 0).unwrap();
        let image = Arc::new(Handed::new(file.into(), None, true).unwrap());
        let way = Arc::new(Way { link: ours, waker: Waker::new().unwrap() });
        (Remote::new(BTreeSet::from([BOARD.parse().unwrap()]), image, way), client)
    }

    fn request(id: u64, path: &str, direction: Direction) -> Request<'_> {
        Request {
            id,
            peer: "10.0.0.7:1069".parse().unwrap(),
            local: "10.0.0.1".parse().unwrap(),
            path: path.as_bytes(),
            direction,
            options: crate::tftp::options::Wanted::default(),
        }
    }

    fn told(client: &Link) -> Vec<(ToClient, Vec<u8>)> {
        let mut buf = vec![0; message::LARGEST + 1];
        std::iter::from_fn(|| match client.receive(&mut buf).unwrap() {
            Received::Packet(len, _) => {
                let (message, behind) = message::decode(&buf[..len]).unwrap();
                Some((message, behind.to_vec()))
            }
            Received::Nothing => None,
        })
        .collect()
    }

    #[test]
    fn a_request_is_asked_once_and_answered_as_the_client_says() {
        let (remote, client) = remote();
        let path = format!("//{BOARD}/job/1");
        let read = request(7, &path, Direction::Read);
        assert!(remote.claims(&read) && !remote.claims(&request(7, "job/1", Direction::Read)));
        for _ in 0..3 {
            assert!(matches!(remote.open(&read), Answer::Later));
        }
        let open = told(&client);
        assert_eq!(open.len(), 1);
        let ToClient::Open { id: 7, path, .. } = &open[0].0 else { panic!("{open:?}") };
        assert_eq!(*path, format!("{BOARD}/job/1"));
        assert!(remote.is_waiting() && !remote.is_late(Instant::now()));
        assert!(remote.is_late(Instant::now() + ANSWER));
        // It says that it comes, once; then it comes, and is there again and again.
        assert_eq!(remote.answer(7, Give::Later, b""), Ok(true));
        assert_eq!(remote.answer(7, Give::Later, b""), Ok(false));
        assert!(!remote.is_late(Instant::now() + ANSWER));
        assert!(matches!(remote.open(&read), Answer::Later));
        assert_eq!(remote.answer(7, Give::Range { start: 2, len: 3, padded: 5 }, b""), Ok(true));
        assert_eq!(remote.answer(7, Give::Bytes, b"late"), Ok(false), "it was answered");
        for _ in 0..2 {
            let Answer::Send(mut content) = remote.open(&read) else { panic!() };
            let mut buf = [9; 8];
            assert_eq!((content.len(), content.read_at(&mut buf, 0).unwrap()), (5, Got::Bytes(3)));
            assert_eq!(buf[..3], *b"234");
        }
        remote.over(7);
        remote.over(7);
        assert_eq!(told(&client), [(ToClient::Over { id: 7 }, vec![])]);
        assert_eq!(remote.answer(7, Give::Bytes, b""), Ok(false));
    }

    #[test]
    fn an_answer_that_is_no_range_of_the_image_breaks_the_rules() {
        let (remote, _client) = remote();
        let path = format!("{BOARD}/x");
        assert!(matches!(remote.open(&request(1, &path, Direction::Read)), Answer::Later));
        for (start, len, padded) in
            [(0, 11, 11), (5, 6, 6), (u64::MAX, 1, 1), (0, 5, 4), (0, 5, 5 + BLOCK + 1)]
        {
            assert!(
                remote.answer(1, Give::Range { start, len, padded }, b"").is_err(),
                "{start} {len} {padded}"
            );
        }
        assert!(remote.answer(1, Give::Receive { limit: LARGEST_UPLOAD + 1 }, b"").is_err());
        assert_eq!(remote.answer(1, Give::Range { start: 0, len: 10, padded: BLOCK }, b""), Ok(true));
    }

    #[test]
    fn an_upload_goes_to_the_client_when_it_is_whole() {
        let (remote, client) = remote();
        let path = format!("{BOARD}/OK");
        let write = request(2, &path, Direction::Write);
        assert!(matches!(remote.open(&write), Answer::Later));
        told(&client);
        remote.answer(2, Give::Receive { limit: 4 }, b"").unwrap();
        let Answer::Receive(mut sink) = remote.open(&write) else { panic!() };
        sink.write(b"\0\0").unwrap();
        sink.write(b"\x01\x02").unwrap();
        assert!(sink.write(b"5").is_err());
        sink.complete().unwrap();
        assert_eq!(told(&client), [(ToClient::Upload { id: 2 }, vec![0, 0, 1, 2])]);
    }

    #[test]
    fn requests_are_bounded_and_progress_is_left_out_where_the_client_is_behind() {
        let (remote, client) = remote();
        let path = format!("{BOARD}/x");
        for id in 0..MOST_REQUESTS as u64 + 50 {
            assert!(matches!(remote.open(&request(id, &path, Direction::Read)), Answer::Later));
        }
        assert_eq!(remote.asked().len(), MOST_REQUESTS);
        assert!(remote.way.link.is_behind(), "nobody reads");
        let event = |what| Event { id: 1, peer: "10.0.0.7:1069".parse().unwrap(), path: "x".into(), what };
        remote.event(&event(What::Progress { bytes: 1, total: None }));
        remote.event(&event(What::Probed));
        let mut all = told(&client);
        while remote.way.link.is_behind() {
            remote.way.link.flush(Instant::now()).unwrap();
            all.extend(told(&client));
        }
        let told = |wanted: &What| {
            all.iter().any(|(message, _)| matches!(message, ToClient::Event { what, .. } if what == wanted))
        };
        assert!(told(&What::Probed) && !told(&What::Progress { bytes: 1, total: None }));
    }
}
