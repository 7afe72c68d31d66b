//! Which Ethernet address a switch has seen at which of its ports, and what that means for a board. No sockets, no clock.
//!
//! The columns are those of BRIDGE-MIB (RFC 4188), Q-BRIDGE-MIB (RFC 4363) and IF-MIB (RFC 2863). Many switches fill one
//! of the two tables of addresses only, so both count.

use std::collections::{BTreeMap, BTreeSet};

use super::walk::{Cell, Value, Wrong, dotted};
use crate::board::Mac;
use crate::format::is_hidden;

/// A port at which more addresses were seen is no port of a board: another switch is behind it.
pub const MOST_AT_PORT: usize = 8;
/// Characters of a port's name, at most.
const LONGEST_PORT: usize = 64;

/// `dot1dTpFdbPort`: the bridge's port, by an address.
const ADDRESS_PORT: &[u32] = &[1, 3, 6, 1, 2, 1, 17, 4, 3, 1, 2];
/// `dot1dTpFdbStatus`: how the bridge knows the address.
const ADDRESS_STATUS: &[u32] = &[1, 3, 6, 1, 2, 1, 17, 4, 3, 1, 3];
/// `dot1qTpFdbPort`: the same by a filtering database, mostly one for each virtual network, and an address.
const VLAN_PORT: &[u32] = &[1, 3, 6, 1, 2, 1, 17, 7, 1, 2, 2, 1, 2];
/// `dot1qTpFdbStatus`.
const VLAN_STATUS: &[u32] = &[1, 3, 6, 1, 2, 1, 17, 7, 1, 2, 2, 1, 3];
/// `dot1dBasePortIfIndex`: the interface of a bridge's port. The two numbers differ.
const PORT_INTERFACE: &[u32] = &[1, 3, 6, 1, 2, 1, 17, 1, 4, 1, 2];
/// `ifName`: what the switch calls an interface.
const INTERFACE_NAME: &[u32] = &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 1];

/// The columns that are asked for, in the order in which [`Table::of`] takes them.
pub const COLUMNS: [&[u32]; 6] =
    [ADDRESS_PORT, ADDRESS_STATUS, VLAN_PORT, VLAN_STATUS, PORT_INTERFACE, INTERFACE_NAME];

/// `invalid` and `self` of a status: an entry that is over, and an address of the switch's own.
const NOT_SEEN: [i64; 2] = [2, 4];

/// What a switch has seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    ports: BTreeMap<String, BTreeSet<Mac>>,
    addresses: BTreeMap<Mac, BTreeSet<String>>,
}

impl Table {
    /// Reads the columns, in the order of [`COLUMNS`].
    ///
    /// # Errors
    /// [`Wrong::Value`] and [`Wrong::Name`].
    pub fn of(columns: &[Vec<Cell>; 6]) -> Result<Self, Wrong> {
        let [address_port, address_status, vlan_port, vlan_status, interfaces, names] = columns;
        let names = port_names(interfaces, names)?;
        let mut table = Self::default();
        for (column, ports, status_column, states) in [
            (ADDRESS_PORT, address_port, ADDRESS_STATUS, address_status),
            (VLAN_PORT, vlan_port, VLAN_STATUS, vlan_status),
        ] {
            let mut unseen = BTreeSet::new();
            for (rest, value) in states {
                if NOT_SEEN.contains(&number(status_column, rest, value)?) {
                    unseen.insert(rest);
                }
            }
            for (rest, value) in ports {
                let port = number(column, rest, value)?;
                // Before the address stands the number of a database in the second table, and nothing in the first one.
                let before = usize::from(column == VLAN_PORT);
                let mac = mac(column, rest, before)?;
                // 0: the switch doesn't know where.
                let Some(mac) = mac.filter(|_| port > 0 && !unseen.contains(rest)) else { continue };
                let name = names.get(&port).cloned().unwrap_or_else(|| numbered(port));
                table.addresses.entry(mac).or_default().insert(name.clone());
                table.ports.entry(name).or_default().insert(mac);
            }
        }
        Ok(table)
    }

    /// Its ports at which something was seen, with the addresses.
    pub fn ports(&self) -> impl Iterator<Item = (&str, &BTreeSet<Mac>)> {
        self.ports.iter().map(|(port, macs)| (port.as_str(), macs))
    }

    /// How many addresses it has seen.
    #[must_use]
    pub fn addresses(&self) -> usize {
        self.addresses.len()
    }

    /// Whether other switches are behind a port: somebody has said so, or more was seen there than a board is.
    #[must_use]
    pub fn is_uplink(&self, port: &str, uplinks: &[String]) -> bool {
        uplinks.iter().any(|uplink| uplink == port)
            || self.ports.get(port).is_some_and(|macs| macs.len() > MOST_AT_PORT)
    }
}

/// A switch with what it has seen.
#[derive(Debug, Clone, Copy)]
pub struct Switch<'a> {
    /// What people call it.
    pub name: &'a str,
    /// What it has seen.
    pub table: &'a Table,
    /// Its ports behind which other switches are.
    pub uplinks: &'a [String],
}

/// Where an address is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// At this port, as `SWITCH/PORT`.
    At(String),
    /// At several ports, so nobody knows at which.
    Several(Vec<String>),
    /// Behind these ports, behind which other switches are.
    Behind(Vec<String>),
    /// No switch has seen it.
    Nowhere,
}

impl Seen {
    /// Where one of several addresses of a board is: a port counts before what is behind another switch.
    #[must_use]
    pub fn of_all(all: impl IntoIterator<Item = Self>) -> Self {
        let (mut at, mut behind) = (BTreeSet::new(), BTreeSet::new());
        for one in all {
            match one {
                Self::At(port) => at.extend([port]),
                Self::Several(ports) => at.extend(ports),
                Self::Behind(ports) => behind.extend(ports),
                Self::Nowhere => {}
            }
        }
        match (at.len(), behind.is_empty()) {
            (0, true) => Self::Nowhere,
            (0, false) => Self::Behind(behind.into_iter().collect()),
            (1, _) => at.into_iter().next().map_or(Self::Nowhere, Self::At),
            _ => Self::Several(at.into_iter().collect()),
        }
    }

    /// Of one address, in all switches.
    #[must_use]
    pub fn of(switches: &[Switch<'_>], mac: Mac) -> Self {
        Self::of_all(switches.iter().flat_map(|switch| {
            let ports = switch.table.addresses.get(&mac).into_iter().flatten();
            ports.map(|port| {
                let place = place(switch.name, port);
                if switch.table.is_uplink(port, switch.uplinks) {
                    Self::Behind(vec![place])
                } else {
                    Self::At(place)
                }
            })
        }))
    }
}

/// How a port of a switch is written: the switch, `/`, the port.
#[must_use]
pub fn place(switch: &str, port: &str) -> String {
    format!("{switch}/{port}")
}

fn numbered(port: i64) -> String {
    format!("#{port}")
}

fn number(column: &[u32], rest: &[u32], value: &Value) -> Result<i64, Wrong> {
    match value {
        Value::Number(number) => Ok(*number),
        _ => Err(Wrong::Value { name: dotted(&[column, rest].concat()), wanted: "a number" }),
    }
}

/// The address that a name ends with; `None` for one that no host has.
fn mac(column: &[u32], rest: &[u32], before: usize) -> Result<Option<Mac>, Wrong> {
    let wrong =
        || Wrong::Name { name: dotted(&[column, rest].concat()), wanted: "six numbers of an address" };
    let numbers = rest.get(before..).filter(|numbers| numbers.len() == 6).ok_or_else(wrong)?;
    let mut bytes = [0; 6];
    for (byte, number) in bytes.iter_mut().zip(numbers) {
        *byte = u8::try_from(*number).map_err(|_| wrong())?;
    }
    let is_of_host = bytes[0] & 1 == 0 && bytes != [0; 6];
    Ok(is_of_host.then(|| Mac::new(bytes)))
}

/// What the bridge's ports are called: as their interfaces, where no other port is called so.
fn port_names(interfaces: &[Cell], names: &[Cell]) -> Result<BTreeMap<i64, String>, Wrong> {
    let mut of_interface = BTreeMap::new();
    for (rest, value) in names {
        if let (&[index], Value::Text(text)) = (rest.as_slice(), value) {
            of_interface.extend(tidy(text).map(|name| (i64::from(index), name)));
        }
    }
    let mut named = BTreeMap::new();
    let mut count: BTreeMap<String, usize> = BTreeMap::new();
    for (rest, value) in interfaces {
        let index = number(PORT_INTERFACE, rest, value)?;
        let &[port] = rest.as_slice() else {
            let name = dotted(&[PORT_INTERFACE, rest].concat());
            return Err(Wrong::Name { name, wanted: "the number of a port" });
        };
        if let Some(name) = of_interface.get(&index) {
            *count.entry(name.clone()).or_default() += 1;
            named.insert(i64::from(port), name.clone());
        }
    }
    named.retain(|_, name| count.get(name) == Some(&1));
    Ok(named)
}

/// A name as it may stand in a line; `None` where nothing of it is left.
fn tidy(text: &[u8]) -> Option<String> {
    let text: String =
        String::from_utf8_lossy(text).chars().filter(|char| !is_hidden(*char)).take(LONGEST_PORT).collect();
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(text: &str) -> Value {
        Value::Text(text.as_bytes().to_vec())
    }

    fn address(last: u8) -> Vec<u32> {
        vec![0xdc, 0xa6, 0x32, 1, 2, u32::from(last)]
    }

    fn mac(last: u8) -> Mac {
        Mac::new([0xdc, 0xa6, 0x32, 1, 2, last])
    }

    /// A switch with interfaces 1000 more than its ports, and these addresses (their last bytes) at the ports.
    pub(crate) fn table(seen: &[(u8, i64)]) -> Table {
        let ports = seen.iter().map(|(last, port)| (address(*last), Value::Number(*port))).collect();
        let interfaces = (1..=12).map(|port| (vec![port], Value::Number(i64::from(port) + 1000))).collect();
        let names = (1..=12).map(|port| (vec![port + 1000], text(&format!("ge-0/0/{port}")))).collect();
        Table::of(&[ports, Vec::new(), Vec::new(), Vec::new(), interfaces, names]).unwrap()
    }

    #[test]
    fn both_tables_count_and_ports_are_called_as_their_interfaces() {
        let first = vec![
            (address(1), Value::Number(3)),
            // The switch's own, one that is over, one that nobody knows the port of, a group's.
            (address(2), Value::Number(4)),
            (address(3), Value::Number(4)),
            (address(4), Value::Number(0)),
            (vec![1, 0, 0x5e, 0, 0, 1], Value::Number(4)),
        ];
        let states = vec![
            (address(1), Value::Number(3)),
            (address(2), Value::Number(4)),
            (address(3), Value::Number(2)),
        ];
        let second = [1, 20].map(|vlan| ([vec![vlan], address(5)].concat(), Value::Number(5))).to_vec();
        let interfaces =
            [(3, 103), (4, 104), (5, 105)].map(|(port, index)| (vec![port], Value::Number(index)));
        let names = vec![
            (vec![103], text("ge-0/0/3\u{1b}[31m")),
            (vec![105], text(" \u{7} ")),
            (vec![9], Value::Other),
        ];
        let table = Table::of(&[first, states, second, Vec::new(), interfaces.to_vec(), names]).unwrap();
        let ports: Vec<_> = table.ports().map(|(port, macs)| (port, macs.len())).collect();
        assert_eq!(ports, [("#5", 1), ("ge-0/0/3[31m", 1)], "one address in two virtual networks is one");
        assert_eq!(table.addresses(), 2);
    }

    #[test]
    fn ports_of_one_name_go_by_their_numbers() {
        let seen = vec![
            (address(1), Value::Number(1)),
            (address(2), Value::Number(2)),
            (address(3), Value::Number(3)),
        ];
        let interfaces = (1..=3).map(|port| (vec![port], Value::Number(i64::from(port)))).collect();
        let names = vec![(vec![1], text("port")), (vec![2], text("port")), (vec![3], text("other"))];
        let table = Table::of(&[seen, Vec::new(), Vec::new(), Vec::new(), interfaces, names]).unwrap();
        assert_eq!(table.ports().map(|(port, _)| port).collect::<Vec<_>>(), ["#1", "#2", "other"]);
    }

    #[test]
    fn what_means_nothing_is_said_by_its_name() {
        let none = || -> [Vec<Cell>; 6] { std::array::from_fn(|_| Vec::new()) };
        let with = |column: usize, cell: Cell| {
            let mut all = none();
            all[column].push(cell);
            Table::of(&all).map_err(|wrong| wrong.to_string())
        };
        assert_eq!(Table::of(&none()).unwrap(), Table::default());
        for (column, cell, said) in [
            (0, (address(1), text("3")), "1.3.6.1.2.1.17.4.3.1.2.220.166.50.1.2.1 of it is to be a number"),
            (1, (address(1), Value::Other), "17.4.3.1.3.220.166.50.1.2.1 of it is to be a number"),
            (0, (vec![1, 2, 3], Value::Number(1)), "17.4.3.1.2.1.2.3 of it is to end with six"),
            (0, (vec![0xdc, 0xa6, 300, 1, 2, 3], Value::Number(1)), "six numbers of an address"),
            (2, (address(1), Value::Number(1)), "six numbers of an address"),
            (4, (vec![1, 2], Value::Number(1)), "the number of a port"),
            (4, (vec![1], Value::Other), "a number"),
        ] {
            let wrong = with(column, cell.clone()).unwrap_err();
            assert!(wrong.contains(said), "{cell:?}: {wrong}");
        }
    }

    #[test]
    fn a_board_is_at_one_port_or_nobody_knows() {
        let bench = table(&[(1, 1), (2, 2), (3, 2), (9, 3)]);
        let many: Vec<_> = (1..=9).map(|last| (last, 12)).chain([(20, 7)]).collect();
        let hall = table(&many);
        let uplinks = ["ge-0/0/3".to_owned()];
        let all = [
            Switch { name: "bench", table: &bench, uplinks: &uplinks },
            Switch { name: "hall", table: &hall, uplinks: &[] },
        ];
        // Nine addresses at the hall's last port: the bench is behind it.
        assert_eq!(Seen::of(&all, mac(1)), Seen::At("bench/ge-0/0/1".into()));
        assert_eq!(Seen::of(&all, mac(20)), Seen::At("hall/ge-0/0/7".into()));
        assert_eq!(
            Seen::of(&all, mac(9)),
            Seen::Behind(vec!["bench/ge-0/0/3".into(), "hall/ge-0/0/12".into()])
        );
        assert_eq!(Seen::of(&all, mac(77)), Seen::Nowhere);
        let two = Seen::of_all([Seen::of(&all, mac(1)), Seen::of(&all, mac(2)), Seen::of(&all, mac(9))]);
        assert_eq!(two, Seen::Several(vec!["bench/ge-0/0/1".into(), "bench/ge-0/0/2".into()]));
        // One address at two ports.
        let table = table(&[(1, 1), (1, 2)]);
        let one = [Switch { name: "a", table: &table, uplinks: &[] }];
        assert_eq!(Seen::of(&one, mac(1)), Seen::Several(vec!["a/ge-0/0/1".into(), "a/ge-0/0/2".into()]));
    }

    proptest! {
        #[test]
        fn whatever_the_columns_hold_it_is_read_or_refused(
            cells in proptest::collection::vec(
                (0..6_usize, proptest::collection::vec(0..300_u32, 0..8), -2..20_i64, any::<bool>(), "\\PC{0,8}"), 0..40),
        ) {
            let mut columns: [Vec<Cell>; 6] = std::array::from_fn(|_| Vec::new());
            for (column, rest, number, is_number, words) in cells {
                columns[column].push((rest, if is_number { Value::Number(number) } else { text(&words) }));
            }
            if let Ok(table) = Table::of(&columns) {
                for (port, macs) in table.ports() {
                    prop_assert!(!port.is_empty() && port.chars().count() <= LONGEST_PORT && !macs.is_empty());
                    prop_assert!(!port.chars().any(is_hidden));
                }
            }
        }
    }
}
