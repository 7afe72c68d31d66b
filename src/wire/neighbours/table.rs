//! The kernel's table of IPv4 neighbours as text (proc(5), `/proc/net/arp`).

use std::net::Ipv4Addr;

use crate::board::Mac;

/// A neighbour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry<'a> {
    pub(super) ip: Ipv4Addr,
    pub(super) mac: Mac,
    pub(super) is_permanent: bool,
    /// The name of the interface.
    pub(super) interface: &'a str,
}

impl Entry<'_> {
    pub(super) fn is(&self, ip: Ipv4Addr, interface: &str) -> bool {
        (self.ip, self.interface) == (ip, interface)
    }
}

/// The table of this thread's network namespace.
pub(super) fn read() -> String {
    // Interfaces may be called by any bytes, and one of them must not hide the rest.
    let table = std::fs::read("/proc/thread-self/net/arp").unwrap_or_default();
    String::from_utf8_lossy(&table).into_owned()
}

/// Reads the table: address, type, flags, MAC address, mask, interface. What isn't known completely is left out.
pub(super) fn entries(table: &str) -> impl Iterator<Item = Entry<'_>> {
    /// `ATF_COM`, `ATF_PERM` of linux/if_arp.h.
    const COMPLETE: u32 = 2;
    const PERMANENT: u32 = 4;
    table.lines().skip(1).filter_map(|line| {
        let mut columns = line.split_ascii_whitespace();
        let ip = columns.next()?.parse().ok()?;
        let flags = u32::from_str_radix(columns.nth(1)?.trim_start_matches("0x"), 16).ok()?;
        let mac = columns.next()?.parse().ok()?;
        let interface = columns.nth(1)?;
        let is_permanent = flags & PERMANENT != 0;
        (flags & COMPLETE != 0).then_some(Entry { ip, mac, is_permanent, interface })
    })
}

/// The MAC address of a neighbour: on one interface, or on all, where none of them may say another one.
pub(super) fn find(table: &str, ip: Ipv4Addr, interface: Option<&str>) -> Option<Mac> {
    let wanted =
        |entry: &Entry<'_>| entry.ip == ip && interface.is_none_or(|interface| entry.interface == interface);
    let mut found = entries(table).filter(wanted).map(|entry| entry.mac);
    let first = found.next()?;
    found.all(|mac| mac == first).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "IP address       HW type     Flags       HW address            Mask     Device\n\
        10.0.0.9         0x1         0x2         dc:a6:32:01:02:03     *        eth0\n\
        10.0.0.10        0x1         0x0         00:00:00:00:00:00     *        eth0\n\
        10.0.0.11        0x1         0x6         dc:a6:32:01:02:04     *        eth0\n\
        10.0.0.12        0x1         0x2         dc:a6:32:01:02:05     *        eth0\n\
        10.0.0.12        0x1         0x2         dc:a6:32:01:02:06     *        eth1\n\
        10.0.0.13        0x1         0x2         dc:a6:32:01:02:05     *        eth0\n\
        10.0.0.13        0x1         0x2         dc:a6:32:01:02:05     *        eth1\n";

    #[test]
    fn the_table_is_read() {
        let ip = |last| Ipv4Addr::new(10, 0, 0, last);
        let mac = |text: &str| Some(text.parse::<Mac>().unwrap());
        assert_eq!(find(TABLE, ip(9), None), mac("dc:a6:32:01:02:03"));
        assert_eq!(find(TABLE, ip(10), None), None);
        let permanent: Vec<_> = entries(TABLE).filter(|entry| entry.is_permanent).collect();
        assert!(permanent.len() == 1 && permanent[0].is(ip(11), "eth0"));
        assert_eq!(find("", ip(9), None), None);
        // Two interfaces that say different things leave it open; each of them is believed for itself.
        assert_eq!(find(TABLE, ip(12), None), None);
        assert_eq!(find(TABLE, ip(12), Some("eth1")), mac("dc:a6:32:01:02:06"));
        // The same MAC address on two interfaces is one device.
        assert_eq!(find(TABLE, ip(13), None), mac("dc:a6:32:01:02:05"));
    }

    proptest::proptest! {
        #[test]
        fn no_table_panics(table: String) { let _ = entries(&table).count(); }
    }
}
