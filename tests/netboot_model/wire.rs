//! Frames as boards write and read them.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// What came.
pub(crate) enum Seen<'a> {
    Arp(Arp),
    Udp { from: Ipv4Addr, to: Ipv4Addr, from_port: u16, to_port: u16, data: &'a [u8] },
}

pub(crate) struct Arp {
    pub(crate) asks: bool,
    pub(crate) mac: [u8; 6],
    pub(crate) sender: Ipv4Addr,
    pub(crate) target: Ipv4Addr,
}

fn ip(bytes: &[u8]) -> Ipv4Addr {
    Ipv4Addr::new(bytes[0], bytes[1], bytes[2], bytes[3])
}

fn pair(bytes: &[u8]) -> u16 {
    u16::from_be_bytes([bytes[0], bytes[1]])
}

/// Reads a frame; boards check no checksums here, since a virtual wire doesn't fill them in.
pub(crate) fn read(frame: &[u8]) -> Option<Seen<'_>> {
    match frame.get(12..14)? {
        [8, 6] if frame.len() >= 42 => Some(Seen::Arp(Arp {
            asks: frame[21] == 1,
            mac: *frame[22..].first_chunk()?,
            sender: ip(&frame[28..]),
            target: ip(&frame[38..]),
        })),
        [8, 0] if frame.len() >= 42 && frame[23] == 17 => {
            let header = 14 + usize::from(frame[14] & 15) * 4;
            let datagram = frame.get(header..)?;
            let len = usize::from(pair(datagram.get(4..)?));
            Some(Seen::Udp {
                from: ip(&frame[26..]),
                to: ip(&frame[30..]),
                from_port: pair(datagram),
                to_port: pair(&datagram[2..]),
                data: datagram.get(8..len)?,
            })
        }
        _ => None,
    }
}

pub(crate) fn udp(
    mac: [u8; 6],
    to_mac: [u8; 6],
    from: (Ipv4Addr, u16),
    to: (Ipv4Addr, u16),
    data: &[u8],
) -> Vec<u8> {
    let mut out = Vec::with_capacity(42 + data.len());
    out.extend(to_mac);
    out.extend(mac);
    out.extend([8, 0]);
    let mut header = [0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 17, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    header[2..4].copy_from_slice(&(28 + data.len() as u16).to_be_bytes());
    header[12..16].copy_from_slice(&from.0.octets());
    header[16..20].copy_from_slice(&to.0.octets());
    let mut sum: u32 = header.chunks_exact(2).map(|two| u32::from(pair(two))).sum();
    sum = (sum >> 16) + (sum & 0xffff);
    sum += sum >> 16;
    header[10..12].copy_from_slice(&(!(sum as u16)).to_be_bytes());
    out.extend(header);
    out.extend(from.1.to_be_bytes());
    out.extend(to.1.to_be_bytes());
    out.extend((8 + data.len() as u16).to_be_bytes());
    // No checksum: IPv4 allows it.
    out.extend([0, 0]);
    out.extend(data);
    out.resize(out.len().max(60), 0);
    out
}

fn arp(operation: u8, to: [u8; 6], mac: [u8; 6], sender: Ipv4Addr, target: ([u8; 6], Ipv4Addr)) -> Vec<u8> {
    let mut out = [&to[..], &mac, &[8, 6, 0, 1, 8, 0, 6, 4, 0, operation], &mac].concat();
    out.extend(sender.octets());
    out.extend(target.0);
    out.extend(target.1.octets());
    out.resize(60, 0);
    out
}

pub(crate) fn arp_question(mac: [u8; 6], sender: Ipv4Addr, target: Ipv4Addr) -> Vec<u8> {
    arp(1, [0xff; 6], mac, sender, ([0; 6], target))
}

pub(crate) fn arp_answer(mac: [u8; 6], sender: Ipv4Addr, to: [u8; 6], target: Ipv4Addr) -> Vec<u8> {
    arp(2, to, mac, sender, (to, target))
}

/// A message of a client: flags 0, as boards send them.
pub(crate) fn dhcp(mac: [u8; 6], xid: u32, options: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut out = vec![0; 236];
    out[..4].copy_from_slice(&[1, 1, 6, 0]);
    out[4..8].copy_from_slice(&xid.to_be_bytes());
    out[28..34].copy_from_slice(&mac);
    out.extend([99, 130, 83, 99]);
    for (code, value) in options {
        out.push(*code);
        out.push(value.len() as u8);
        out.extend(value);
    }
    out.push(255);
    out.resize(out.len().max(320), 0);
    out
}

/// A server's message.
pub(crate) struct Reply {
    pub(crate) xid: u32,
    pub(crate) kind: u8,
    pub(crate) yiaddr: Ipv4Addr,
    pub(crate) siaddr: Ipv4Addr,
    pub(crate) chaddr: [u8; 6],
    pub(crate) options: BTreeMap<u8, Vec<u8>>,
}

impl Reply {
    pub(crate) fn server(&self) -> Option<Ipv4Addr> {
        self.options.get(&54).map(|bytes| ip(bytes))
    }
}

pub(crate) fn reply(data: &[u8]) -> Option<Reply> {
    if data.len() < 240 || data[0] != 2 || data[236..240] != [99, 130, 83, 99] {
        return None;
    }
    let mut options = BTreeMap::new();
    let mut rest = &data[240..];
    while let [code, tail @ ..] = rest {
        match (code, tail) {
            (255, _) => break,
            (0, _) => rest = tail,
            (_, [len, tail @ ..]) => {
                let (value, tail) = tail.split_at_checked(usize::from(*len))?;
                options.insert(*code, value.to_vec());
                rest = tail;
            }
            _ => return None,
        }
    }
    Some(Reply {
        xid: u32::from_be_bytes(*data[4..].first_chunk()?),
        kind: *options.get(&53)?.first()?,
        yiaddr: ip(&data[16..]),
        siaddr: ip(&data[20..]),
        chaddr: *data[28..].first_chunk()?,
        options,
    })
}
