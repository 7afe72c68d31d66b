//! What the frames mean, put together: boards, DHCP servers, spanning tree. No sockets, no clock.

mod conclusions;

use std::collections::{BTreeMap, HashMap};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::answer::Answer;
use super::dhcpv6;
use crate::board::{Known, Mac, Who};
use crate::dhcp::packet::{Kind, Packet};
use crate::dhcp::pi::{DhcpClient, Stage};
use crate::error::Remedy;
use crate::format::printable;
use crate::netboot::steps::{Book, Id, Offer, Signal, Step, Steps, Told};
use crate::tftp::packet::{Code, Packet as Tftp};
use crate::wire::bpdu::Bpdu;
use crate::wire::frame::{Arp, Frame, Payload, Udp, Udp6};

/// Transfers that are remembered to know what an answer belongs to.
const MOST_TRANSFERS: usize = 4096;
/// A file takes no longer (`TFTP_FILE_TIMEOUT`).
const LONGEST: Duration = Duration::from_secs(30);
/// Servers and switches that are told apart.
const MOST_OTHERS: usize = 64;
/// How often a server that changes what it says is told.
const MOST_CHANGES: u32 = 8;

/// Something that was seen.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Seen {
    /// A board went a step further, or doesn't: told in the words of a boot's run.
    Board {
        /// The step.
        #[serde(flatten)]
        step: Step,
        /// The board, as far as it is known.
        board: Who,
        /// Its model, or at least its kind, for people.
        #[serde(skip)]
        model: Option<&'static str>,
    },
    /// Something else.
    Other(Other),
}

/// Something that was seen of others than boards, or beside their boots.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Other {
    /// A PC's network boot ROM asks; it is left alone.
    Pc {
        /// The PC.
        mac: Mac,
        /// Its architecture (RFC 4578).
        arch: u16,
    },
    /// A Raspberry Pi asks by DHCPv6.
    Dhcpv6 {
        /// The board.
        mac: Mac,
        /// The architecture that it says it has: 41 for a boot program. A system says none.
        #[serde(skip_serializing_if = "Option::is_none")]
        arch: Option<u16>,
        /// It is a boot program. It doesn't ask by DHCPv4 then.
        boots: bool,
        /// What helps a board that is to boot.
        #[serde(skip_serializing_if = "Remedy::is_empty")]
        hint: Remedy,
    },
    /// A DHCP server answers; told when it is first heard, and when what it says changes.
    Server {
        /// Its address.
        ip: Ipv4Addr,
        /// Its Ethernet address, or that of the router in front of it.
        mac: Mac,
        /// What it says.
        #[serde(flatten)]
        answer: Answer,
        /// Where a Pi would fetch from.
        tftp: Ipv4Addr,
    },
    /// Spanning tree; told when it is first heard, and when the state of the port changes.
    Tree(Bpdu),
    /// A board looks for an address on the wire.
    Arp {
        /// The board.
        mac: Mac,
        /// The address that it asks for.
        #[serde(rename = "for")]
        target: Ipv4Addr,
    },
}

/// What is known so far.
#[derive(Debug)]
pub struct Picture {
    book: Book,
    boards: Known,
    ouis: Vec<[u8; 3]>,
    ours: Vec<Ipv4Addr>,
    servers: BTreeMap<Ipv4Addr, Server>,
    /// A board was offered an address, or speaks of one.
    addressed: bool,
    trees: BTreeMap<String, Bpdu>,
    pcs: BTreeMap<Mac, u16>,
    transfers: HashMap<SocketAddrV4, Transfer>,
    arps: BTreeMap<Mac, Ipv4Addr>,
    /// Boards that ask by DHCPv6, and whether a boot program does.
    by_ipv6: BTreeMap<Mac, bool>,
}

#[derive(Debug)]
struct Server {
    answer: Answer,
    /// How often it was told.
    told: u32,
}

#[derive(Debug)]
struct Transfer {
    id: Id,
    path: String,
    size: u64,
    began: Instant,
}

impl Picture {
    /// Nothing was seen yet. `ours` are the addresses of this host, `ouis` the first halves of boards' MAC addresses.
    #[must_use]
    pub fn new(ours: Vec<Ipv4Addr>, ouis: Vec<[u8; 3]>) -> Self {
        Self {
            book: Book::default(),
            boards: Known::default(),
            ouis,
            ours,
            servers: BTreeMap::new(),
            addressed: false,
            trees: BTreeMap::new(),
            pcs: BTreeMap::new(),
            transfers: HashMap::new(),
            arps: BTreeMap::new(),
            by_ipv6: BTreeMap::new(),
        }
    }

    /// The boards.
    #[must_use]
    pub fn book(&self) -> &Book {
        &self.book
    }

    /// The DHCP servers that answered: address, and what they say.
    pub fn servers(&self) -> impl Iterator<Item = (Ipv4Addr, &Answer)> {
        self.servers.iter().map(|(ip, server)| (*ip, &server.answer))
    }

    /// The switches' word on spanning tree.
    pub fn trees(&self) -> impl Iterator<Item = &Bpdu> {
        self.trees.values()
    }

    /// PCs that asked for network boot.
    pub fn pcs(&self) -> impl Iterator<Item = (Mac, u16)> {
        self.pcs.iter().map(|(mac, arch)| (*mac, *arch))
    }

    /// Takes a frame.
    pub fn hear(&mut self, frame: &Frame<'_>, now: Instant) -> Vec<Seen> {
        let mut seen = Vec::new();
        match frame.payload {
            Payload::Arp(arp) => self.arp(&arp, now, &mut seen),
            Payload::Bpdu(bytes) => self.bpdu(bytes, &mut seen),
            Payload::Syn { from, to } if to.port() == 2049 && self.ours.contains(to.ip()) => {
                let id = self.id(*from.ip(), frame.source);
                self.signal(id, &Signal::Nfs, now, &mut seen);
            }
            Payload::Udp(udp) => self.udp(frame, &udp, now, &mut seen),
            Payload::Udp6(udp) => self.dhcpv6(frame.source, &udp, &mut seen),
            Payload::Syn { .. } | Payload::Fragment { .. } => {}
        }
        seen
    }

    /// Looks at the time.
    pub fn tick(&mut self, now: Instant) -> Vec<Seen> {
        let mut seen = Vec::new();
        self.settle(&|transfer| transfer.began + LONGEST <= now, now, &mut seen);
        let told = self.book.tick(now);
        seen.extend(told.into_iter().map(|told| self.board(told)));
        seen
    }

    /// When [`Picture::tick`] may have something to say.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let transfers = self.transfers.values().map(|transfer| transfer.began + LONGEST);
        self.book.deadline().into_iter().chain(transfers).min()
    }

    fn udp(&mut self, frame: &Frame<'_>, udp: &Udp<'_>, now: Instant, seen: &mut Vec<Seen>) {
        match (udp.from.port(), udp.to.port()) {
            (_, 67 | 4011) | (67 | 4011, _) => {
                // Of an answer that is cut, what is in its first part is what a Pi's ROM reads too.
                let packet = if udp.is_cut { Packet::parse_part(udp.data) } else { Packet::parse(udp.data) };
                if let Ok(packet) = packet {
                    self.dhcp(frame, udp, &packet, now, seen);
                }
            }
            _ => self.tftp(frame, udp, now, seen),
        }
    }

    fn dhcp(
        &mut self,
        frame: &Frame<'_>,
        udp: &Udp<'_>,
        packet: &Packet<'_>,
        now: Instant,
        seen: &mut Vec<Seen>,
    ) {
        let id = Id::Mac(packet.mac);
        if packet.is_reply {
            let Some(answer) = Answer::of(packet) else { return };
            let from = answer.server.unwrap_or(*udp.from.ip());
            let (boots, address) = (answer.verdict.boots(), answer.address);
            self.addressed |= address.is_some();
            if packet.kind == Kind::Ack
                && let Some(address) = address
            {
                self.boards.learn(&Who { address: Some(address.into()), ..Who::with_mac(packet.mac) });
                self.signal(id, &Signal::Ack(address), now, seen);
            } else if self.book.get(id).is_some() {
                // A look for servers, which is no board, is offered something too.
                let offer = Offer { from, ours: self.ours.contains(&from), boots, address };
                self.signal(id, &Signal::Offer(offer), now, seen);
            }
            self.server(from, frame.source, answer, seen);
            return;
        }
        let client = DhcpClient::of(packet, &self.ouis);
        // A board that asks for an address is done with what it fetched before.
        self.settle(&|transfer| transfer.id == id, now, seen);
        match (packet.kind, client.stage) {
            (Kind::Discover, Stage::Pc | Stage::PiFirmware) => {
                let arch = client.arch.unwrap_or(0);
                if self.pcs.len() < MOST_OTHERS && self.pcs.insert(packet.mac, arch).is_none() {
                    seen.push(Seen::Other(Other::Pc { mac: packet.mac, arch }));
                }
            }
            (Kind::Discover, _) if client.is_look() => {}
            (Kind::Discover, _) => {
                if client.stage.is_pi() {
                    self.boards.learn(&client.who(packet.mac));
                }
                self.signal(id, &Signal::Discover(client), now, seen);
            }
            (Kind::Request, _) => {
                // It answers an offer, or has an address: of the answers to it none may have been seen.
                self.addressed |= client.stage.is_pi();
                self.signal(id, &Signal::Request(client), now, seen);
            }
            _ => {}
        }
    }

    fn server(&mut self, ip: Ipv4Addr, mac: Mac, answer: Answer, seen: &mut Vec<Seen>) {
        // Every client gets another address; what matters is what it means to a Pi. The answer to a PC says less.
        let known = self.servers.get(&ip);
        let same = |Server { answer: known, told }: &Server| {
            let more = answer.verdict == known.verdict && answer.doubts != known.doubts;
            *told >= MOST_CHANGES || !(answer.verdict > known.verdict || more)
        };
        if known.is_some_and(same) || (known.is_none() && self.servers.len() >= MOST_OTHERS) {
            return;
        }
        let told = known.map_or(0, |known| known.told) + 1;
        let tftp = answer.tftp(ip);
        self.servers.insert(ip, Server { answer: answer.clone(), told });
        seen.push(Seen::Other(Other::Server { ip, mac, answer, tftp }));
    }

    fn tftp(&mut self, frame: &Frame<'_>, udp: &Udp<'_>, now: Instant, seen: &mut Vec<Seen>) {
        match Tftp::parse(udp.data) {
            Ok(Tftp::Read(request)) if udp.to.port() == 69 => {
                let id = self.id(*udp.from.ip(), frame.source);
                let path = printable(request.path).trim_start_matches('/').to_owned();
                // What a board had asked for before and got no error for, it has got.
                self.settle(&|transfer| transfer.id == id, now, seen);
                self.signal(id, &Signal::Asked(path.clone()), now, seen);
                if self.transfers.len() < MOST_TRANSFERS {
                    self.transfers.insert(udp.from, Transfer { id, path, size: 0, began: now });
                }
            }
            Ok(Tftp::OptionAck(options)) => {
                let size = options.get("tsize").and_then(|size| std::str::from_utf8(size).ok()?.parse().ok());
                if let (Some(transfer), Some(size)) = (self.transfers.get_mut(&udp.to), size) {
                    transfer.size = size;
                }
            }
            // By the server.
            Ok(Tftp::Error { code, message }) if self.transfers.contains_key(&udp.to) => {
                let Some(transfer) = self.transfers.remove(&udp.to) else { return };
                let signal = match code {
                    Code::NOT_FOUND => Signal::Missing(transfer.path),
                    _ => Signal::Failed(transfer.path, format!("{code}: {}", printable(message))),
                };
                self.signal(transfer.id, &signal, now, seen);
            }
            // By the board: it looked, and wants no more.
            Ok(Tftp::Error { .. }) => {
                if let Some(transfer) = self.transfers.remove(&udp.from) {
                    self.signal(transfer.id, &Signal::Probed(transfer.path), now, seen);
                }
            }
            _ => {}
        }
    }

    /// Transfers that ended without an error, as far as that can be known without seeing the content.
    fn settle(&mut self, is_over: &dyn Fn(&Transfer) -> bool, now: Instant, seen: &mut Vec<Seen>) {
        let mut done = Vec::new();
        self.transfers.retain(|_, transfer| {
            let over = is_over(transfer);
            if over {
                done.push((transfer.id, transfer.path.clone(), transfer.size));
            }
            !over
        });
        for (id, path, size) in done {
            self.signal(id, &Signal::Sent(path, size), now, seen);
        }
    }

    fn arp(&mut self, arp: &Arp, now: Instant, seen: &mut Vec<Seen>) {
        let (mac, ip) = arp.sender;
        let known = self.book.get(Id::Mac(mac)).is_some();
        if known && !ip.is_unspecified() {
            self.addressed = true;
            self.boards.learn(&Who { address: Some(ip.into()), ..Who::with_mac(mac) });
            self.signal(Id::Mac(mac), &Signal::Has(ip), now, seen);
        }
        if known && arp.asks && self.arps.get(&mac) != Some(&arp.target) && self.arps.len() < MOST_TRANSFERS {
            self.arps.insert(mac, arp.target);
            seen.push(Seen::Other(Other::Arp { mac, target: arp.target }));
        }
    }

    fn dhcpv6(&mut self, source: Mac, udp: &Udp6<'_>, seen: &mut Vec<Seen>) {
        if udp.from.port() != dhcpv6::CLIENT_PORT || udp.to.port() != dhcpv6::SERVER_PORT {
            return;
        }
        let Some(asks) = dhcpv6::parse(udp.data) else { return };
        let mac = asks.mac.unwrap_or(source);
        let [a, b, c, ..] = mac.bytes();
        let boots = asks.arch == Some(dhcpv6::ARCH_RPIBOOT);
        let is_known = self.by_ipv6.get(&mac).is_some_and(|before| *before || !boots);
        let has_room = self.by_ipv6.len() < MOST_TRANSFERS || self.by_ipv6.contains_key(&mac);
        if is_known || !has_room || !(boots || self.ouis.contains(&[a, b, c])) {
            return;
        }
        self.by_ipv6.insert(mac, boots);
        let hint = if boots { conclusions::by_ipv4() } else { Remedy::default() };
        seen.push(Seen::Other(Other::Dhcpv6 { mac, arch: asks.arch, boots, hint }));
    }

    fn bpdu(&mut self, bytes: &[u8], seen: &mut Vec<Seen>) {
        let Some(bpdu) = Bpdu::parse(bytes) else { return };
        let known = self.trees.get(&bpdu.bridge);
        let same = |known: &Bpdu| {
            (known.version, known.state, known.forward_delay)
                == (bpdu.version, bpdu.state, bpdu.forward_delay)
        };
        if known.is_some_and(same) || (known.is_none() && self.trees.len() >= MOST_OTHERS) {
            return;
        }
        self.trees.insert(bpdu.bridge.clone(), bpdu.clone());
        seen.push(Seen::Other(Other::Tree(bpdu)));
    }

    /// Which board has an address: the one that got it, or the one that sends from it.
    fn id(&self, ip: Ipv4Addr, source: Mac) -> Id {
        let by_source = self.book.get(Id::Mac(source)).map(|_| source);
        let mac = self.boards.by_address(ip.into()).and_then(|known| known.mac).or(by_source);
        let [a, b, c, ..] = source.bytes();
        let pi = self.ouis.contains(&[a, b, c]).then_some(source);
        mac.or(pi).map_or(Id::Ip(ip), Id::Mac)
    }

    fn signal(&mut self, id: Id, signal: &Signal, now: Instant, seen: &mut Vec<Seen>) {
        let told = self.book.hear(id, signal, now);
        seen.extend(told.into_iter().map(|told| self.board(told)));
    }

    fn board(&self, told: Told) -> Seen {
        let steps = self.book.get(told.id);
        let mut step = told.step;
        // The usual reason, where it is known to be there.
        if let (Step::Stuck { hint, .. }, Some(tree)) = (&mut step, self.trees.values().next())
            && steps.is_some_and(|steps| steps.bytes() == 0)
        {
            *hint = format!("spanning tree runs here: {}", tree.hint()).into();
        }
        Seen::Board { board: self.who(told.id, steps), model: steps.and_then(Steps::model), step }
    }

    /// What is known of a board.
    #[must_use]
    pub fn who(&self, id: Id, steps: Option<&Steps>) -> Who {
        id.who(steps, &self.boards)
    }
}

#[cfg(test)]
mod tests;
