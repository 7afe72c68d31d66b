//! SNMP version 2c over UDP: `GetBulk` alone, so nothing can be changed.
//!
//! The socket is connected, so that the kernel gives only what comes from the switch's address and port. An answer has to
//! name the number that was asked with, which is random at the begin; others are left, within bounds.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use snmp2::{MessageType, Oid, Pdu, Version};

use super::walk::{LONGEST_NAME, Row, Value};
use super::{Error, Forwarding};
use crate::stop::{Stop, until};

/// The port that switches answer at.
pub const PORT: u16 = 161;
/// Bytes of a community, at most.
pub const LONGEST_COMMUNITY: usize = 64;
/// How long reading a whole table takes at most.
pub const WHOLE: Duration = Duration::from_secs(20);

/// How long one answer is waited for.
const ANSWER: Duration = Duration::from_secs(1);
/// How often the same is asked.
const TRIES: u32 = 3;
/// Packets that are no answer and are looked at, each time that something is asked.
const STRAY: u32 = 64;
/// What was met instead of an answer where the host says that nothing is there.
const CLOSED: &str = "nothing listens at that port";
/// The longest packet: no switch sends more than fits into some frames.
const LONGEST: usize = 65_507;

/// A switch that is asked by SNMP version 2c.
pub struct Snmp {
    socket: UdpSocket,
    at: SocketAddr,
    community: Vec<u8>,
    request: i32,
    end: Instant,
    stop: Stop,
    answer: Vec<u8>,
}

impl std::fmt::Debug for Snmp {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Snmp").field("at", &self.at).finish_non_exhaustive()
    }
}

impl Snmp {
    /// Opens the way to a switch. All that is asked has to be answered within [`WHOLE`] from now on.
    ///
    /// # Errors
    /// [`Error::Socket`].
    pub fn open(at: SocketAddr, community: &str, stop: &Stop) -> Result<Self, Error> {
        let socket = |doing| move |source| Error::Socket { doing, at, source };
        let here: SocketAddr = match at {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let opened = UdpSocket::bind(here).map_err(socket("making a socket for"))?;
        opened.connect(at).map_err(socket("reaching"))?;
        opened.set_nonblocking(true).map_err(socket("making a socket for"))?;
        let mut random = [0; 4];
        let _ = rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty())
            .map_err(|error| socket("taking a random number for")(error.into()))?;
        Ok(Self {
            socket: opened,
            at,
            community: community.bytes().take(LONGEST_COMMUNITY).collect(),
            // Some switches take no negative number.
            request: i32::from_le_bytes(random) & 0x3fff_ffff,
            end: Instant::now() + WHOLE,
            stop: stop.clone(),
            answer: vec![0; LONGEST],
        })
    }

    /// Waits for a packet. Its length; `None` where none came in time.
    fn receive(&mut self, limit: Instant) -> Result<Option<usize>, Error> {
        let socket = |source| Error::Socket { doing: "asking", at: self.at, source };
        loop {
            match self.socket.recv(&mut self.answer) {
                Ok(length) => return Ok(Some(length)),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(socket(error)),
            }
            let mut both = [PollFd::new(&self.socket, PollFlags::IN), PollFd::new(&self.stop, PollFlags::IN)];
            until(&mut both, Some(limit)).map_err(socket)?;
            if !both[1].revents().is_empty() {
                return Err(Error::Interrupted);
            }
            if both[0].revents().is_empty() && Instant::now() >= limit {
                return Ok(None);
            }
        }
    }

    /// Asks once. `Err` within: what came instead of an answer.
    fn ask(&mut self, name: &Oid<'_>, most: u32) -> Result<Result<Vec<Row>, Option<&'static str>>, Error> {
        self.request = self.request.wrapping_add(1) & i32::MAX;
        match self.socket.send(&question(&self.community, self.request, name, most)) {
            // What the last packet has met is told here: somebody says that nothing listens there.
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {}
            Err(source) => return Err(Error::Socket { doing: "asking", at: self.at, source }),
            Ok(_) => {}
        }
        let limit = (Instant::now() + ANSWER).min(self.end);
        let mut stray = None;
        for _ in 0..STRAY {
            let length = match self.receive(limit) {
                Ok(Some(length)) => length,
                Ok(None) => break,
                // Anybody may send that: it is believed no more than silence.
                Err(Error::Socket { source, .. })
                    if source.kind() == std::io::ErrorKind::ConnectionRefused =>
                {
                    stray = Some(CLOSED);
                    continue;
                }
                Err(error) => return Err(error),
            };
            match answer(self.answer.get(..length).unwrap_or_default(), self.request, &self.community) {
                Ok(Ok(rows)) => return Ok(Ok(rows)),
                Ok(Err(status)) => return Err(Error::Refused { at: self.at, status }),
                Err(why) => stray = Some(why),
            }
        }
        Ok(Err(stray))
    }
}

impl Forwarding for Snmp {
    fn behind(&mut self, name: &[u32], most: u32) -> Result<Vec<Row>, Error> {
        let numbers: Vec<u64> = name.iter().map(|number| u64::from(*number)).collect();
        let name = Oid::from(&numbers);
        let name =
            name.map_err(|_| Error::NoAnswer { at: self.at, why: "a name that can't be asked for" })?;
        let mut stray = None;
        for _ in 0..TRIES {
            if Instant::now() >= self.end {
                return Err(Error::Slow { at: self.at, seconds: WHOLE.as_secs() });
            }
            match self.ask(&name, most)? {
                Ok(rows) => return Ok(rows),
                Err(why) => stray = why.or(stray),
            }
        }
        Err(match stray {
            Some(CLOSED) => Error::Closed { at: self.at },
            Some(why) => Error::NoAnswer { at: self.at, why },
            None => Error::Silent { at: self.at, tries: TRIES },
        })
    }
}

/// A question for what follows a name: `GetBulk` of version 2c (RFC 3416, 3), which the crate writes for its own sockets
/// only.
fn question(community: &[u8], request: i32, name: &Oid<'_>, most: u32) -> Vec<u8> {
    let row = member(SEQUENCE, &[member(NAME, name.as_bytes()), member(NOTHING, &[])].concat());
    let (none, most) = (number(0), number(i32::try_from(most).unwrap_or(1)));
    let asked = [number(request), none, most, member(SEQUENCE, &row)].concat();
    // Version 2c is written as 1.
    let message = [number(1), member(TEXT, community), member(GET_BULK, &asked)].concat();
    member(SEQUENCE, &message)
}

/// Kinds of members (X.690, 8; RFC 3416, 3).
const NUMBER: u8 = 0x02;
const TEXT: u8 = 0x04;
const NOTHING: u8 = 0x05;
const NAME: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
const GET_BULK: u8 = 0xa5;

/// A member of a message. A community and a name are bounded, so two bytes are enough for its length.
fn member(kind: u8, inside: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind];
    match u8::try_from(inside.len()) {
        Ok(length @ 0..0x80) => bytes.push(length),
        _ => {
            bytes.push(0x82);
            bytes.extend(u16::try_from(inside.len()).unwrap_or(u16::MAX).to_be_bytes());
        }
    }
    bytes.extend(inside);
    bytes
}

/// A number from 0, in as few bytes as it takes; the first bit is its sign.
fn number(number: i32) -> Vec<u8> {
    let bytes = number.to_be_bytes();
    let is_left_out = |at: usize| bytes[at] == 0 && bytes[at + 1] & 0x80 == 0;
    let from = (0..bytes.len() - 1).take_while(|at| is_left_out(*at)).count();
    member(NUMBER, &bytes[from..])
}

/// Reads a packet: rows, or the number of an error.
///
/// # Errors
/// Why it is no answer to this.
fn answer(bytes: &[u8], request: i32, community: &[u8]) -> Result<Result<Vec<Row>, u32>, &'static str> {
    let told = Pdu::from_bytes(bytes).map_err(|_| "it is no message of SNMP")?;
    if !matches!(told.version(), Ok(Version::V2C)) {
        return Err("it is of another version of SNMP");
    }
    if told.message_type != MessageType::Response {
        return Err("it is no response");
    }
    if told.req_id != request {
        return Err("it answers another question");
    }
    if told.community != community {
        return Err("it names another community");
    }
    if told.error_status != 0 {
        return Ok(Err(told.error_status));
    }
    let mut rows = Vec::new();
    for (name, value) in told.varbinds {
        let numbers = name.iter().ok_or("a name in it has a number that is too large")?;
        let mut row = Row { name: Vec::new(), value: read(&value) };
        for number in numbers {
            row.name.push(u32::try_from(number).map_err(|_| "a name in it has a number that is too large")?);
            if row.name.len() > LONGEST_NAME {
                break;
            }
        }
        rows.push(row);
    }
    Ok(Ok(rows))
}

fn read(value: &snmp2::Value<'_>) -> Value {
    use snmp2::Value as Told;
    match value {
        Told::Integer(number) => Value::Number(*number),
        Told::Counter32(number) | Told::Unsigned32(number) | Told::Timeticks(number) => {
            Value::Number(i64::from(*number))
        }
        Told::OctetString(bytes) => Value::Text(bytes.to_vec()),
        Told::EndOfMibView => Value::End,
        _ => Value::Other,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a switch answers to request 7 with the community `lab`: its interface 3 is called `ge-3`.
    const ANSWER_7: &[u8] = &[
        0x30, 0x2c, 0x02, 0x01, 0x01, 0x04, 0x03, b'l', b'a', b'b', 0xa2, 0x22, 0x02, 0x01, 0x07, 0x02, 0x01,
        0x00, 0x02, 0x01, 0x00, 0x30, 0x17, 0x30, 0x15, 0x06, 0x0d, 0x2b, 0x06, 0x01, 0x02, 0x01, 0x1f, 0x01,
        0x01, 0x01, 0x01, 0x87, 0x68, 0x03, 0x04, 0x04, b'g', b'e', b'-', b'3',
    ];

    #[test]
    fn an_answer_is_read_and_what_belongs_to_another_question_is_not() {
        let rows = answer(ANSWER_7, 7, b"lab").unwrap().unwrap();
        let name = vec![1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 1, 1000, 3];
        assert_eq!(rows, [Row { name, value: Value::Text(b"ge-3".to_vec()) }]);
        assert_eq!(answer(ANSWER_7, 8, b"lab"), Err("it answers another question"));
        assert_eq!(answer(ANSWER_7, 7, b"lob"), Err("it names another community"));
        assert_eq!(answer(b"", 7, b"lab"), Err("it is no message of SNMP"));
        let with = |at: usize, byte: u8| {
            let mut bytes = ANSWER_7.to_vec();
            bytes[at] = byte;
            answer(&bytes, 7, b"lab")
        };
        assert_eq!(with(4, 0), Err("it is of another version of SNMP"));
        assert_eq!(with(10, 0xa0), Err("it is no response"));
        // genErr
        assert_eq!(with(17, 5), Ok(Err(5)));
        assert_eq!(with(41, 2).unwrap().unwrap().len(), 1);
    }

    #[test]
    fn a_question_asks_for_what_follows_and_cannot_change_anything() {
        let name = Oid::from(&[1, 3, 6, 1, 2, 1, 17]).unwrap();
        let bytes = question(b"lab", 7, &name, 24);
        // Version 2c, the community, GetBulk.
        assert_eq!(bytes[2..11], [2, 1, 1, 4, 3, b'l', b'a', b'b', 0xa5], "{bytes:x?}");
        assert_eq!(bytes[12..21], [2, 1, 7, 2, 1, 0, 2, 1, 24], "{bytes:x?}");
        assert!(bytes.ends_with(&[6, 6, 0x2b, 6, 1, 2, 1, 17, 5, 0]), "{bytes:x?}");
        let long = [b'x'; LONGEST_COMMUNITY];
        let numbers: Vec<u64> = [1, 3].into_iter().chain([u64::from(u32::MAX); LONGEST_NAME - 2]).collect();
        let name = Oid::from(&numbers).unwrap();
        for request in [0, 1, 127, 128, 255, 256, 32_767, 32_768, i32::MAX] {
            // As the crate reads it.
            let bytes = question(&long, request, &name, 24);
            let read = Pdu::from_bytes(&bytes).unwrap();
            assert_eq!((read.req_id, read.error_status, read.error_index), (request, 0, 24));
            assert_eq!((read.community, read.message_type), (&long[..], MessageType::GetBulkRequest));
            let rows: Vec<_> = read.varbinds.map(|(name, _)| name.as_bytes().to_vec()).collect();
            assert_eq!(rows, [name.as_bytes()]);
        }
    }

    proptest! {
        #[test]
        fn no_packet_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = answer(&bytes, 7, b"lab");
        }

        #[test]
        fn nor_does_one_that_is_damaged(at in 0..46_usize, byte: u8, cut in 0..47_usize) {
            let mut bytes = ANSWER_7.to_vec();
            bytes[at] = byte;
            bytes.truncate(cut);
            let _ = answer(&bytes, 7, b"lab");
        }
    }
}
