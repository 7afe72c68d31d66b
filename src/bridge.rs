//! Ethernet switches: which address was seen at which port, asked by SNMP and only read.
//!
//! | part | what it is |
//! |---|---|
//! | [`walk`] | a column of a switch's table, walked within bounds; pure |
//! | [`table`] | what the columns mean: addresses, ports, places of boards; pure |
//! | `snmp` | SNMP v2c over UDP |
//!
//! Version 2c has no secrets worth the name: whoever listens sees the community, and whoever forges the switch's address
//! can tell anything. What comes is a hint where a board is, and never more.

mod error;
mod snmp;
pub mod table;
pub mod walk;

pub use error::Error;
pub use snmp::{LONGEST_COMMUNITY, PORT, Snmp, WHOLE};

use table::{COLUMNS, Table};
use walk::{Cell, Row, Walk};

/// Rows that are asked for at once.
const AT_ONCE: u32 = 24;

/// Whoever answers what follows a name in a switch's tables.
pub trait Forwarding {
    /// The rows behind a name, in the switch's order, so many at most.
    ///
    /// # Errors
    /// What comes back is no answer, or nothing comes.
    fn behind(&mut self, name: &[u32], most: u32) -> Result<Vec<Row>, Error>;
}

/// Reads what a switch has seen.
///
/// # Errors
/// What [`Forwarding::behind`] says, and [`Error::Wrong`] for what means nothing.
pub fn read(switch: &mut dyn Forwarding) -> Result<Table, Error> {
    let mut columns: [Vec<Cell>; 6] = std::array::from_fn(|_| Vec::new());
    for (cells, column) in columns.iter_mut().zip(COLUMNS) {
        let mut walk = Walk::of(column);
        loop {
            let rows = switch.behind(walk.behind(), AT_ONCE)?;
            if !walk.take(rows)? {
                break;
            }
        }
        *cells = walk.rows();
    }
    Ok(Table::of(&columns)?)
}

#[cfg(test)]
mod tests {
    use super::walk::Value;
    use super::*;

    /// A switch that has these rows.
    struct Recorded {
        rows: Vec<Row>,
        asked: usize,
    }

    impl Forwarding for Recorded {
        fn behind(&mut self, name: &[u32], most: u32) -> Result<Vec<Row>, Error> {
            self.asked += 1;
            let behind = self.rows.iter().filter(|row| row.name.as_slice() > name).take(most as usize);
            let mut rows: Vec<_> = behind.cloned().collect();
            if rows.is_empty() {
                rows.push(Row { name: name.to_vec(), value: Value::End });
            }
            Ok(rows)
        }
    }

    #[test]
    fn six_columns_are_walked_and_no_more() {
        let mut rows = Vec::new();
        for port in 1..=100_u32 {
            let of =
                |column: usize, rest: &[u32], value| Row { name: [COLUMNS[column], rest].concat(), value };
            rows.push(of(0, &[2, 0, 0, 0, 0, port], Value::Number(i64::from(port))));
            rows.push(of(4, &[port], Value::Number(i64::from(port + 500))));
            rows.push(of(5, &[port + 500], Value::Text(format!("port {port}").into_bytes())));
        }
        // What stands between and behind them is another matter.
        rows.push(Row { name: vec![1, 3, 6, 1, 2, 1, 17, 4, 3, 1, 4, 1], value: Value::Other });
        rows.push(Row { name: vec![1, 3, 6, 1, 2, 1, 90], value: Value::Other });
        rows.sort_by(|one, other| one.name.cmp(&other.name));
        let mut switch = Recorded { rows, asked: 0 };
        let table = read(&mut switch).unwrap();
        assert_eq!((table.addresses(), table.ports().count()), (100, 100));
        assert!(table.ports().all(|(port, _)| port.starts_with("port ")));
        assert!(switch.asked <= 3 * 5 + 3, "{}", switch.asked);
    }

    #[test]
    fn what_goes_in_circles_ends_with_its_reason() {
        struct Circle;
        impl Forwarding for Circle {
            fn behind(&mut self, _: &[u32], _: u32) -> Result<Vec<Row>, Error> {
                let name = [COLUMNS[0], &[2, 0, 0, 0, 0, 1]].concat();
                Ok(vec![Row { name, value: Value::Number(1) }])
            }
        }
        let error = read(&mut Circle).unwrap_err();
        assert!(error.to_string().contains("in circles"), "{error}");
    }
}
