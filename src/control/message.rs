//! The messages of the control socket as bytes; docs/control.md writes them down for others. One packet is one message: a
//! JSON object whose member `type` says which, and for some messages bytes behind a zero byte, which JSON can't hold.
//!
//! The server is the arm, the client the brain: the server passes on what boards ask, and does with it what the client
//! says. No command, path or secret of the client ever reaches the server, only boards' addresses, one descriptor, and
//! for each question of a board what to send.

use std::net::{IpAddr, SocketAddr};

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::arming::{Name, Rule};
use crate::board::{Mac, Who};
use crate::config::netboot::Mode;
use crate::error::Remedy;
use crate::format::json;
use crate::run::Way;
use crate::tftp::event::What;
use crate::tftp::options::Wanted;
use crate::tftp::packet::{Code, Direction};

/// The number of this form of the messages. It changes when a message changes its meaning or goes away.
pub const SCHEMA: u32 = 1;
/// The longest message, in bytes, with what stands behind it.
pub const LARGEST: usize = 64 << 10;
/// The most bytes that an upload may have.
pub const LARGEST_UPLOAD: u64 = 4096;
/// The most boards of one client.
pub const MOST_BOARDS: usize = 512;
/// The most addresses of an [`ToServer::Offer`]: those of one board.
pub const MOST_OFFERED: usize = 16;
/// The longest signature of one.
pub const LONGEST_SIGNATURE: usize = 4096;
/// Requests of one client's boards at once, at most.
pub const MOST_REQUESTS: usize = 1024;

/// What a client says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum ToServer {
    /// Serve these boards, out of the image whose descriptor comes along. Once, and first.
    Admit {
        /// [`SCHEMA`].
        schema: u32,
        /// Their addresses.
        boards: Vec<Mac>,
        /// How many bytes of the image are there, where it still grows; it is read no further. Bytes before that which
        /// the file doesn't have are zeros.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        available: Option<u64>,
    },
    /// So much of an image that grows is there now.
    Available {
        /// Bytes from its start.
        bytes: u64,
    },
    /// What to do with a request.
    Answer {
        /// The request's number.
        id: u64,
        /// What.
        #[serde(flatten)]
        give: Give,
    },
    /// The client is a station: tell it what is seen, and take its word on which boards are answered. Once, and first.
    Station {
        /// [`SCHEMA`].
        schema: u32,
    },
    /// From now on these boards have this word. Wants a [`ToClient::Done`], which comes when it is on disk.
    Arm {
        /// The number under which the answer comes.
        id: u64,
        /// Whether boards without a rule are answered; without this it stays as it is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        others: Option<bool>,
        /// Single boards, at most [`MOST_BOARDS`].
        #[serde(default)]
        boards: Vec<Rule>,
    },
    /// Tell which boards have a word of their own. Wants a [`ToClient::Words`].
    Rules {
        /// The number of this message.
        id: u64,
        /// Those behind this name only.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<Name>,
    },
    /// Reset the board of this target, as the server's own database says. Wants a [`ToClient::Done`].
    Reset {
        /// The number under which the answer comes.
        id: u64,
        /// The target's name.
        target: String,
    },
    /// These boards are offered the EEPROM image whose descriptor comes along, until they are offered another one or the
    /// connection ends; without one nothing any more. Wants a [`ToClient::Done`].
    Offer {
        /// The number under which the answer comes.
        id: u64,
        /// The boards' addresses, at most [`MOST_OFFERED`].
        boards: Vec<Mac>,
        /// The image's signature, as a bootloader looks for it: at most [`LONGEST_SIGNATURE`] bytes.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        signature: String,
    },
}

/// What to do with a board's request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "give", rename_all = "kebab-case")]
pub enum Give {
    /// Send bytes of the image.
    Range {
        /// The first one.
        start: u64,
        /// How many.
        len: u64,
        /// How many with zeros behind them, at most a block of 512 bytes more.
        padded: u64,
    },
    /// Send the bytes behind the message.
    Bytes,
    /// Take an upload of so many bytes at most, up to [`LARGEST_UPLOAD`].
    Receive {
        /// How many.
        limit: u64,
    },
    /// Refuse it.
    Refuse {
        /// The code of the ERROR packet.
        code: Code,
        /// Its message.
        text: String,
    },
    /// Say nothing yet: the answer comes.
    Later,
}

/// What a server says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum ToClient {
    /// Who it is; comes first, unasked.
    Hello {
        /// [`SCHEMA`].
        schema: u32,
        /// The version of the program.
        version: String,
        /// What it does beside serving the client's boards: `netboot`.
        serves: String,
        /// Where it serves TFTP.
        tftp: Vec<SocketAddr>,
    },
    /// The boards are served from now on.
    Admitted {
        /// How many.
        boards: usize,
    },
    /// They are not, or no longer. The connection ends.
    Refused {
        /// Why, for programs.
        why: Why,
        /// Why, for people.
        text: String,
    },
    /// A board asks for something; wants an [`ToServer::Answer`].
    Open {
        /// The number under which it is spoken of.
        id: u64,
        /// The board's address.
        peer: SocketAddr,
        /// The address of this host that was asked.
        local: IpAddr,
        /// What it asks for, without slashes in front.
        path: String,
        /// Whether it reads or writes.
        direction: Direction,
        /// The options that it asks for.
        options: Wanted,
    },
    /// Something happened to a request. The members of what are those of the TFTP server's events.
    Event {
        /// The request.
        id: u64,
        /// What.
        #[serde(flatten)]
        what: What,
    },
    /// An upload is whole; its bytes stand behind the message.
    Upload {
        /// The request.
        id: u64,
    },
    /// A request is over, and its number with it.
    Over {
        /// The request.
        id: u64,
    },
    /// What the server does, for a station; the answer to [`ToServer::Station`].
    Serving {
        /// The network interface; `None` where no network is served.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        interface: Option<String>,
        /// `dhcp` where the server gives the addresses. `proxy` where another one does: what that one tells boards can't
        /// be withheld.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        mode: Option<Mode>,
        /// It serves boards in USB boot.
        usb: bool,
        /// Whether boards without a rule are answered.
        others: bool,
        /// How many boards have a rule.
        rules: usize,
        /// Targets with a reset line.
        targets: Vec<String>,
    },
    /// What a station wanted is done, or isn't.
    Done {
        /// The number of its message.
        id: u64,
        /// Why it isn't.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failed: Option<String>,
        /// It isn't because the server's database has no such target, or no reset line for it.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        missing: bool,
    },
    /// Boards with a word of their own, in the order of their names: [`MOST_BOARDS`] of them at most.
    Words {
        /// The number of the message that asked.
        id: u64,
        /// The boards.
        boards: Vec<Rule>,
        /// There are more behind the last one.
        more: bool,
    },
    /// A board was seen.
    Sighting {
        /// When.
        time: Timestamp,
        /// The board, as far as it is known.
        board: Who,
        /// How it was seen: `net-boot`, `usb-boot`.
        way: Way,
        /// What it did.
        #[serde(flatten)]
        seen: Seen,
    },
    /// Something of the network that people want to know. A station that comes later is told it too, while it is the
    /// newest about its subject.
    Notice(Notice),
    /// Something happened in a run: the object that `--json` has for it.
    Run {
        /// The event.
        event: Value,
    },
}

/// Something of the network that people want to know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// When it was so, the newest time.
    pub time: Timestamp,
    /// What it is about.
    pub about: About,
    /// Which one: an address, a board as people know it, an interface.
    pub subject: String,
    /// The rest of a sentence that begins with that.
    pub text: String,
    /// What helps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<Remedy>,
    /// A board doesn't boot for it, or may not.
    pub bad: bool,
}

impl Notice {
    /// With subject and text cut to 100 and 500 characters: they go into a packet.
    #[must_use]
    pub fn new(
        time: Timestamp,
        about: About,
        subject: &str,
        text: &str,
        hint: Option<Remedy>,
        bad: bool,
    ) -> Self {
        let cut = |text: &str, most| text.chars().take(most).collect();
        Self { time, about, subject: cut(subject, 100), text: cut(text, 500), hint, bad }
    }
}

/// What a notice is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum About {
    /// Another DHCP server.
    Server,
    /// A board that gets nothing, or not what it wants.
    Board,
    /// The address that a board was given.
    Address,
    /// The interface that is served.
    Interface,
    /// The server itself.
    Host,
    /// Something that this version doesn't know.
    #[serde(other)]
    Other,
}

/// What a board did when it was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "seen", rename_all = "kebab-case")]
pub enum Seen {
    /// Its boot program asks for a server.
    Asks {
        /// It is told where to boot from.
        answered: bool,
    },
    /// Its boot program asks, and gets nothing: it is done.
    Withheld,
    /// Its system is up: it asks for an address.
    System,
    /// Its agent is reached over its USB cable.
    Cable,
    /// A run began.
    Began,
    /// A run ended.
    Ended,
    /// Something that this version doesn't know.
    #[serde(other)]
    Other,
}

/// Why a client's boards aren't served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// Another client has one of the boards.
    Taken,
    /// There are too many clients or boards.
    Full,
    /// The descriptor is nothing that can be served.
    Image,
    /// The client speaks another schema.
    Schema,
    /// The client broke the rules, or its time is over.
    Rules,
    /// The server ends.
    Ended,
    /// Something that this version doesn't know.
    #[serde(other)]
    Other,
}

/// Why bytes are no message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadMessage {
    /// There are too many.
    #[error("it has {len} bytes, and {LARGEST} is the most")]
    TooLarge {
        /// How many.
        len: usize,
    },
    /// The part in front of the zero byte is no JSON object that is known.
    #[error("{what}")]
    NotKnown {
        /// What is wrong with it.
        what: String,
    },
}

/// A message as a packet, with bytes behind it where there are any.
///
/// # Errors
/// [`BadMessage::TooLarge`].
pub fn encode(message: &impl Serialize, behind: &[u8]) -> Result<Vec<u8>, BadMessage> {
    let not_known = |error: serde_json::Error| BadMessage::NotKnown { what: error.to_string() };
    let mut packet = json::line(message).map_err(not_known)?.into_bytes();
    if !behind.is_empty() {
        packet.push(0);
        packet.extend_from_slice(behind);
    }
    if packet.len() > LARGEST {
        return Err(BadMessage::TooLarge { len: packet.len() });
    }
    Ok(packet)
}

/// A packet as a message, with the bytes behind it.
///
/// # Errors
/// See [`BadMessage`].
pub fn decode<M: DeserializeOwned>(packet: &[u8]) -> Result<(M, &[u8]), BadMessage> {
    if packet.len() > LARGEST {
        return Err(BadMessage::TooLarge { len: packet.len() });
    }
    let end = packet.iter().position(|byte| *byte == 0);
    let (text, behind) = end.map_or((packet, &[][..]), |end| (&packet[..end], &packet[end + 1..]));
    let message =
        serde_json::from_slice(text).map_err(|error| BadMessage::NotKnown { what: error.to_string() })?;
    Ok((message, behind))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::arming::{Name, Word};

    fn both<M: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(
        message: M,
        text: &str,
        behind: &[u8],
    ) {
        let packet = encode(&message, behind).unwrap();
        let whole = if behind.is_empty() {
            text.as_bytes().to_vec()
        } else {
            [text.as_bytes(), &[0], behind].concat()
        };
        assert_eq!(String::from_utf8_lossy(&packet), String::from_utf8_lossy(&whole));
        assert_eq!(decode::<M>(&packet).unwrap(), (message, behind));
    }

    #[test]
    fn each_message_as_it_stands_on_the_socket() {
        let mac = "dc:a6:32:01:02:03".parse().unwrap();
        both(
            ToServer::Admit { schema: 1, boards: vec![mac], available: Some(4096) },
            r#"{"type":"admit","schema":1,"boards":["dc:a6:32:01:02:03"],"available":4096}"#,
            b"",
        );
        both(
            ToServer::Admit { schema: 1, boards: vec![], available: None },
            r#"{"type":"admit","schema":1,"boards":[]}"#,
            b"",
        );
        both(
            ToServer::Available { bytes: u64::MAX },
            r#"{"type":"available","bytes":18446744073709551615}"#,
            b"",
        );
        for (give, text, behind) in [
            (
                Give::Range { start: 1, len: 2, padded: 512 },
                r#""give":"range","start":1,"len":2,"padded":512"#,
                &b""[..],
            ),
            (Give::Bytes, r#""give":"bytes""#, b"a\0b"),
            (Give::Receive { limit: 64 }, r#""give":"receive","limit":64"#, b""),
            (
                Give::Refuse { code: Code::NOT_FOUND, text: "no\u{0}thing".to_owned() },
                r#""give":"refuse","code":1,"text":"no\u0000thing""#,
                b"",
            ),
            (Give::Later, r#""give":"later""#, b""),
        ] {
            let id = 1 << 48 | 7;
            both(ToServer::Answer { id, give }, &format!(r#"{{"type":"answer","id":{id},{text}}}"#), behind);
        }
        both(
            ToClient::Hello {
                schema: 1,
                version: "0.1.0".to_owned(),
                serves: "netboot".to_owned(),
                tftp: vec!["10.0.0.1:69".parse().unwrap()],
            },
            r#"{"type":"hello","schema":1,"version":"0.1.0","serves":"netboot","tftp":["10.0.0.1:69"]}"#,
            b"",
        );
        both(ToClient::Admitted { boards: 2 }, r#"{"type":"admitted","boards":2}"#, b"");
        both(
            ToClient::Refused { why: Why::Taken, text: "it is".to_owned() },
            r#"{"type":"refused","why":"taken","text":"it is"}"#,
            b"",
        );
        both(
            ToClient::Open {
                id: 3,
                peer: "10.0.0.7:1069".parse().unwrap(),
                local: "10.0.0.1".parse().unwrap(),
                path: "a/b".to_owned(),
                direction: Direction::Read,
                options: Wanted { blksize: Some(1468), ..Wanted::default() },
            },
            r#"{"type":"open","id":3,"peer":"10.0.0.7:1069","local":"10.0.0.1","path":"a/b","direction":"read","options":{"blksize":1468,"tsize":null,"timeout":null,"windowsize":null}}"#,
            b"",
        );
        both(
            ToClient::Event {
                id: 3,
                what: What::Finished {
                    direction: Direction::Read,
                    bytes: 5,
                    elapsed: Duration::from_millis(1235),
                    retransmits: 0,
                },
            },
            r#"{"type":"event","id":3,"event":"finished","direction":"read","bytes":5,"elapsed":1.235,"retransmits":0}"#,
            b"",
        );
        // Members of events have names of their own.
        both(
            ToClient::Event { id: 3, what: What::Refused { code: Code::ACCESS, message: "no".to_owned() } },
            r#"{"type":"event","id":3,"event":"refused","code":2,"message":"no"}"#,
            b"",
        );
        both(ToClient::Upload { id: 3 }, r#"{"type":"upload","id":3}"#, &[0, 0, 1, 2]);
        both(ToClient::Over { id: 3 }, r#"{"type":"over","id":3}"#, b"");
    }

    #[test]
    fn each_message_of_a_station_as_it_stands_on_the_socket() {
        let mac = "dc:a6:32:01:02:03".parse().unwrap();
        both(ToServer::Station { schema: 1 }, r#"{"type":"station","schema":1}"#, b"");
        let rule = |name, say| Rule { name, say };
        let boards = vec![
            rule(Name::Mac(mac), Some(Word::Once { turn: 7 })),
            rule(Name::Serial("10000000af04b2da".parse().unwrap()), Some(Word::Withheld)),
            rule(Name::Mac(mac), None),
        ];
        both(
            ToServer::Arm { id: 1, others: Some(false), boards },
            r#"{"type":"arm","id":1,"others":false,"boards":[{"mac":"dc:a6:32:01:02:03","say":{"word":"once","turn":7}},{"serial":"10000000af04b2da","say":{"word":"withheld"}},{"mac":"dc:a6:32:01:02:03"}]}"#,
            b"",
        );
        both(
            ToServer::Reset { id: 2, target: "lab-01".to_owned() },
            r#"{"type":"reset","id":2,"target":"lab-01"}"#,
            b"",
        );
        both(
            ToServer::Offer { id: 5, boards: vec![mac], signature: "ab\nts: 1\n".to_owned() },
            r#"{"type":"offer","id":5,"boards":["dc:a6:32:01:02:03"],"signature":"ab\nts: 1\n"}"#,
            b"",
        );
        both(
            ToServer::Offer { id: 6, boards: vec![mac], signature: String::new() },
            r#"{"type":"offer","id":6,"boards":["dc:a6:32:01:02:03"]}"#,
            b"",
        );
        both(
            ToClient::Serving {
                interface: Some("eth0".to_owned()),
                mode: Some(Mode::Proxy),
                usb: false,
                others: true,
                rules: 3,
                targets: vec!["lab-01".to_owned()],
            },
            r#"{"type":"serving","interface":"eth0","mode":"proxy","usb":false,"others":true,"rules":3,"targets":["lab-01"]}"#,
            b"",
        );
        both(ToClient::Done { id: 2, failed: None, missing: false }, r#"{"type":"done","id":2}"#, b"");
        both(
            ToClient::Done { id: 3, failed: Some("no".to_owned()), missing: true },
            r#"{"type":"done","id":3,"failed":"no","missing":true}"#,
            b"",
        );
        let after = Some(Name::Mac(Mac::new([0xdc, 0xa6, 0x32, 1, 2, 3])));
        both(
            ToServer::Rules { id: 4, after },
            r#"{"type":"rules","id":4,"after":{"mac":"dc:a6:32:01:02:03"}}"#,
            b"",
        );
        both(
            ToClient::Words { id: 4, boards: Vec::new(), more: false },
            r#"{"type":"words","id":4,"boards":[],"more":false}"#,
            b"",
        );
        both(
            ToClient::Sighting {
                time: "2026-01-02T03:04:05Z".parse().unwrap(),
                board: Who::with_mac(mac),
                way: Way::NetBoot,
                seen: Seen::Asks { answered: true },
            },
            r#"{"type":"sighting","time":"2026-01-02T03:04:05Z","board":{"mac":"dc:a6:32:01:02:03"},"way":"net-boot","seen":"asks","answered":true}"#,
            b"",
        );
        both(
            ToClient::Run { event: serde_json::json!({"event":"began"}) },
            r#"{"type":"run","event":{"event":"began"}}"#,
            b"",
        );
        let later = br#"{"type":"sighting","time":"2026-01-02T03:04:05Z","board":{},"way":"net-boot","seen":"sings","loud":1}"#;
        assert!(matches!(decode(later).unwrap().0, ToClient::Sighting { seen: Seen::Other, .. }));
    }

    #[test]
    fn a_reason_of_a_later_version_is_a_reason() {
        let packet = br#"{"type":"refused","why":"full-moon","text":"x","more":1}"#;
        let (message, _) = decode::<ToClient>(packet).unwrap();
        assert_eq!(message, ToClient::Refused { why: Why::Other, text: "x".to_owned() });
    }

    #[test]
    fn what_is_no_message_is_said_to_be_none() {
        for bad in [
            &b""[..],
            b"{}",
            b"[]",
            b"{\"type\":\"admit\"",
            b"{\"type\":\"rm\",\"id\":1}",
            b"{\"type\":\"answer\",\"id\":-1,\"give\":\"later\"}",
            b"{\"type\":\"answer\",\"id\":1}",
            b"{\"type\":\"admit\",\"schema\":1,\"boards\":[\"ff:ff:ff:ff:ff:ff\"]}",
            b"\0{\"type\":\"available\",\"bytes\":1}",
            b"{\"type\":\"available\",\"bytes\":1}{}",
            b"{\"type\":\"available\",\"bytes\":1e99}",
        ] {
            assert!(decode::<ToServer>(bad).is_err(), "{}", String::from_utf8_lossy(bad));
        }
        let nested = "[".repeat(LARGEST);
        assert!(decode::<ToServer>(nested.as_bytes()).is_err());
        assert!(matches!(decode::<ToServer>(&vec![b' '; LARGEST + 1]), Err(BadMessage::TooLarge { .. })));
        assert!(matches!(
            encode(&ToClient::Over { id: 1 }, &vec![1; LARGEST]),
            Err(BadMessage::TooLarge { .. })
        ));
    }

    proptest! {
        #[test]
        fn no_packet_makes_it_panic(packet in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode::<ToServer>(&packet);
            let _ = decode::<ToClient>(&packet);
        }

        #[test]
        fn what_a_board_asks_arrives_as_it_is(path in "\\PC{0,40}", behind in prop::collection::vec(any::<u8>(), 1..50)) {
            let message = ToServer::Answer { id: 1, give: Give::Refuse { code: Code(9), text: path } };
            let packet = encode(&message, &behind).unwrap();
            prop_assert_eq!(decode::<ToServer>(&packet).unwrap(), (message, &behind[..]));
        }
    }
}
