//! The kernel's table of neighbours: whose MAC address an IP address is, and entries that stay.
//!
//! The ROM of a Pi 3B stops answering ARP once it fetches a file, and its transfer would end when the kernel looks
//! for it again. So it gets an entry that needs no answer, for as long as its ROM runs. What is made is noted in a
//! file before, so that a process that was killed leaves nothing behind for ever.

use std::collections::BTreeMap;
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};

use crate::beneath::{Access, place_of};
use crate::board::Mac;

/// A ROM fetches one file of 50 KB, and gives up after 25 s.
const KEPT: Duration = Duration::from_secs(60);

/// Finds the MAC address of a neighbour.
#[must_use]
pub fn find(ip: Ipv4Addr) -> Option<Mac> {
    // Of this thread's network namespace.
    let table = std::fs::read_to_string("/proc/thread-self/net/arp").ok()?;
    look(&table, ip).map(|(mac, _)| mac)
}

/// Reads the table: address, type, flags, MAC address, mask, device. Says too whether the entry is a permanent one.
fn look(table: &str, wanted: Ipv4Addr) -> Option<(Mac, bool)> {
    /// `ATF_COM`, `ATF_PERM` of linux/if_arp.h.
    const COMPLETE: u32 = 2;
    const PERMANENT: u32 = 4;
    table.lines().skip(1).find_map(|line| {
        let mut columns = line.split_ascii_whitespace();
        if columns.next()?.parse() != Ok(wanted) {
            return None;
        }
        let flags = u32::from_str_radix(columns.nth(1)?.trim_start_matches("0x"), 16).ok()?;
        let mac = columns.next()?.parse().ok()?;
        (flags & COMPLETE != 0).then_some((mac, flags & PERMANENT != 0))
    })
}

/// Entries that this program has made.
#[derive(Debug)]
pub struct Kept {
    interface: u32,
    note: PathBuf,
    entries: BTreeMap<Ipv4Addr, (Mac, Instant)>,
}

impl Kept {
    /// Removes what an earlier process left in the table of an interface.
    #[must_use]
    pub fn new(interface: u32, state: &Path) -> Self {
        let kept = Self { interface, note: state.join("neighbours"), entries: BTreeMap::new() };
        let noted = std::fs::read_to_string(&kept.note).unwrap_or_default();
        for ip in noted.lines().filter_map(|line| line.split_once(' ')?.0.parse().ok()) {
            let _ = change(RTM_DELNEIGH, interface, ip, None);
        }
        let _ = std::fs::remove_file(&kept.note);
        kept
    }

    /// Makes an entry that stays. One that another program has made so is left alone.
    ///
    /// # Errors
    /// Without `CAP_NET_ADMIN`, or where it can't be noted.
    pub fn keep(&mut self, ip: Ipv4Addr, mac: Mac, now: Instant) -> io::Result<()> {
        if !self.entries.contains_key(&ip) {
            let table = std::fs::read_to_string("/proc/thread-self/net/arp").unwrap_or_default();
            if matches!(look(&table, ip), Some((_, true))) {
                return Ok(());
            }
        }
        self.entries.insert(ip, (mac, now + KEPT));
        let made = self.write_note().and_then(|()| change(RTM_NEWNEIGH, self.interface, ip, Some(mac)));
        if made.is_err() {
            self.entries.remove(&ip);
        }
        made
    }

    /// Removes the entries of a board.
    pub fn release(&mut self, mac: Mac) {
        self.remove(|(owner, _)| *owner == mac);
    }

    /// Removes the entries whose time is over.
    pub fn tick(&mut self, now: Instant) {
        self.remove(|(_, until)| *until <= now);
    }

    /// When [`Kept::tick`] has something to do.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.entries.values().map(|(_, until)| *until).min()
    }

    fn remove(&mut self, over: impl Fn(&(Mac, Instant)) -> bool) {
        let gone: Vec<_> = self.entries.iter().filter(|(_, entry)| over(entry)).map(|(ip, _)| *ip).collect();
        for ip in &gone {
            self.entries.remove(ip);
            // It may be gone with its interface.
            let _ = change(RTM_DELNEIGH, self.interface, *ip, None);
        }
        if !gone.is_empty() {
            let _ = self.write_note();
        }
    }

    fn write_note(&self) -> io::Result<()> {
        let (dir, name) = place_of(&self.note)?;
        if self.entries.is_empty() {
            return dir.remove_file(name);
        }
        let lines: String = self.entries.iter().map(|(ip, (mac, _))| format!("{ip} {mac}\n")).collect();
        dir.replace_file(name, lines.as_bytes(), Access::Usual(0o666))
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.remove(|_| true);
    }
}

// linux/rtnetlink.h, linux/netlink.h, linux/neighbour.h.
const RTM_NEWNEIGH: u16 = 28;
const RTM_DELNEIGH: u16 = 29;
const REQUEST_ACK: u16 = 1 | 4;
const CREATE_REPLACE: u16 = 0x400 | 0x100;
const NUD_PERMANENT: u16 = 0x80;
const NDA_DST: u16 = 1;
const NDA_LLADDR: u16 = 2;
const NLMSG_ERROR: u16 = 2;

/// Makes or removes an entry (rtnetlink(7), RFC 3549 section 3.1.3).
fn change(kind: u16, interface: u32, ip: Ipv4Addr, mac: Option<Mac>) -> io::Result<()> {
    let socket = rustix::net::socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
        None, // NETLINK_ROUTE is 0
    )?;
    rustix::net::send(&socket, &message(kind, interface, ip, mac), SendFlags::empty())?;
    let mut answer = [0; 512];
    // The kernel answers at once, before `send` has returned.
    let (len, _) = rustix::net::recv(&socket, &mut answer, RecvFlags::DONTWAIT)?;
    match answer[..len] {
        [_, _, _, _, a, b, _, _, _, _, _, _, _, _, _, _, e0, e1, e2, e3, ..]
            if u16::from_ne_bytes([a, b]) == NLMSG_ERROR =>
        {
            match i32::from_ne_bytes([e0, e1, e2, e3]) {
                0 => Ok(()),
                errno => Err(io::Error::from_raw_os_error(-errno)),
            }
        }
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

fn message(kind: u16, interface: u32, ip: Ipv4Addr, mac: Option<Mac>) -> Vec<u8> {
    let flags = if kind == RTM_NEWNEIGH { REQUEST_ACK | CREATE_REPLACE } else { REQUEST_ACK };
    let mut out = vec![0; 16];
    // struct ndmsg: family, padding, interface, state, flags, type.
    out.extend([libc::AF_INET as u8, 0, 0, 0]);
    out.extend(interface.to_ne_bytes());
    out.extend(NUD_PERMANENT.to_ne_bytes());
    out.extend([0, 0]);
    let mut attribute = |kind: u16, value: &[u8]| {
        out.extend((4 + value.len() as u16).to_ne_bytes());
        out.extend(kind.to_ne_bytes());
        out.extend(value);
        out.resize(out.len().next_multiple_of(4), 0);
    };
    attribute(NDA_DST, &ip.octets());
    if let Some(mac) = mac {
        attribute(NDA_LLADDR, &mac.bytes());
    }
    let len = out.len() as u32;
    out[..4].copy_from_slice(&len.to_ne_bytes());
    out[4..6].copy_from_slice(&kind.to_ne_bytes());
    out[6..8].copy_from_slice(&flags.to_ne_bytes());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "IP address       HW type     Flags       HW address            Mask     Device\n\
        10.0.0.9         0x1         0x2         dc:a6:32:01:02:03     *        eth0\n\
        10.0.0.10        0x1         0x0         00:00:00:00:00:00     *        eth0\n\
        10.0.0.11        0x1         0x6         dc:a6:32:01:02:04     *        eth0\n";

    #[test]
    fn the_table_is_read() {
        let ip = |last| Ipv4Addr::new(10, 0, 0, last);
        assert_eq!(look(TABLE, ip(9)), Some(("dc:a6:32:01:02:03".parse().unwrap(), false)));
        assert_eq!(look(TABLE, ip(10)), None);
        assert!(look(TABLE, ip(11)).unwrap().1);
        assert_eq!(look("", ip(9)), None);
    }

    #[test]
    fn messages_have_their_length() {
        let mac = "dc:a6:32:01:02:03".parse().unwrap();
        let bytes = message(RTM_NEWNEIGH, 3, Ipv4Addr::new(10, 0, 0, 9), Some(mac));
        assert_eq!((bytes.len(), u32::from_ne_bytes(*bytes.first_chunk().unwrap())), (48, 48));
        assert_eq!(bytes[32..36], [10, 0, 0, 9]);
        assert_eq!(bytes[40..46], mac.bytes());
        assert_eq!(message(RTM_DELNEIGH, 3, Ipv4Addr::new(10, 0, 0, 9), None).len(), 36);
    }
}
