//! A column of a table in a switch, walked: what is asked for next, and when it is over. No sockets, no clock.
//!
//! What comes back is the switch's word: it may be nonsense, or never end. So each name has to be behind the one before,
//! and a column has so many rows at most.

use std::fmt::Write as _;

/// Rows of a column, at most: large switches keep some thousand addresses.
pub const MOST_ROWS: usize = 16_384;
/// Numbers of a name, at most (RFC 2578, 3.5).
pub const LONGEST_NAME: usize = 128;

/// A value of a row, as far as anybody here wants to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A number of whatever kind.
    Number(i64),
    /// Bytes.
    Text(Vec<u8>),
    /// There is nothing behind the name that was asked for.
    End,
    /// Something else.
    Other,
}

/// A row: the name of an object, and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its name: the numbers of an object identifier.
    pub name: Vec<u32>,
    /// Its value.
    pub value: Value,
}

/// A row of a column: what stands behind the column's name, and the value.
pub type Cell = (Vec<u32>, Value);

/// What is wrong with what a switch tells.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Wrong {
    /// An answer has nothing in it.
    #[error("its answer about what follows {after} has nothing in it")]
    Empty {
        /// What was asked for.
        after: String,
    },
    /// Names don't grow: going on would never end.
    #[error("its table goes in circles: behind {after} it tells {told}")]
    Circle {
        /// What was asked for.
        after: String,
        /// What came.
        told: String,
    },
    /// A column has more rows than any switch has.
    #[error("its table has more than {most} rows")]
    Endless {
        /// The bound.
        most: usize,
    },
    /// A name is longer than names are.
    #[error("it tells a name of more than {most} numbers")]
    Long {
        /// The bound.
        most: usize,
    },
    /// A value isn't what this column has.
    #[error("{name} of it is to be {wanted}")]
    Value {
        /// The row's name.
        name: String,
        /// What it should be.
        wanted: &'static str,
    },
    /// A row's name isn't what this column's rows are called.
    #[error("{name} of it is to end with {wanted}")]
    Name {
        /// The row's name.
        name: String,
        /// What it should end with.
        wanted: &'static str,
    },
}

/// A name as people write it: `1.3.6.1`.
#[must_use]
pub fn dotted(name: &[u32]) -> String {
    let mut text = String::new();
    for number in name.iter().take(LONGEST_NAME) {
        let dot = if text.is_empty() { "" } else { "." };
        // Writing to a text doesn't fail.
        let _ = write!(text, "{dot}{number}");
    }
    text
}

/// The walk through one column.
#[derive(Debug, Clone)]
pub struct Walk {
    column: &'static [u32],
    last: Vec<u32>,
    rows: Vec<Cell>,
}

impl Walk {
    /// Of this column, at its begin.
    #[must_use]
    pub fn of(column: &'static [u32]) -> Self {
        Self { column, last: column.to_vec(), rows: Vec::new() }
    }

    /// The name behind which is to be asked.
    #[must_use]
    pub fn behind(&self) -> &[u32] {
        &self.last
    }

    /// Takes an answer: the rows behind [`Self::behind`], in the switch's order. Whether there is more to ask for.
    ///
    /// # Errors
    /// [`Wrong`]; then the walk is over.
    pub fn take(&mut self, answer: Vec<Row>) -> Result<bool, Wrong> {
        if answer.is_empty() {
            return Err(Wrong::Empty { after: dotted(&self.last) });
        }
        for Row { name, value } in answer {
            if name.len() > LONGEST_NAME {
                return Err(Wrong::Long { most: LONGEST_NAME });
            }
            // What stands behind the column belongs to another one.
            if value == Value::End || !name.starts_with(self.column) {
                return Ok(false);
            }
            if name <= self.last {
                return Err(Wrong::Circle { after: dotted(&self.last), told: dotted(&name) });
            }
            if self.rows.len() >= MOST_ROWS {
                return Err(Wrong::Endless { most: MOST_ROWS });
            }
            self.rows.push((name[self.column.len()..].to_vec(), value));
            self.last = name;
        }
        Ok(true)
    }

    /// What came.
    #[must_use]
    pub fn rows(self) -> Vec<Cell> {
        self.rows
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const COLUMN: &[u32] = &[1, 3, 6, 1, 9];

    fn row(rest: &[u32], value: Value) -> Row {
        Row { name: [COLUMN, rest].concat(), value }
    }

    fn numbers(rests: &[&[u32]]) -> Vec<Row> {
        rests.iter().map(|rest| row(rest, Value::Number(1))).collect()
    }

    #[test]
    fn a_column_ends_where_another_one_begins_or_nothing_is_left() {
        for end in [Row { name: vec![1, 3, 6, 2], value: Value::Number(1) }, row(&[9], Value::End)] {
            let mut walk = Walk::of(COLUMN);
            assert_eq!(walk.behind(), COLUMN);
            assert!(walk.take(numbers(&[&[1], &[1, 5], &[2]])).unwrap());
            assert_eq!(walk.behind(), [COLUMN, &[2]].concat());
            let last = [numbers(&[&[7]]), vec![end.clone()], numbers(&[&[8]])].concat();
            assert!(!walk.take(last).unwrap());
            let rests: Vec<_> = walk.rows().into_iter().map(|(rest, _)| rest).collect();
            assert_eq!(rests, [vec![1], vec![1, 5], vec![2], vec![7]], "{end:?}");
        }
    }

    #[test]
    fn names_that_do_not_grow_and_answers_with_nothing_end_the_walk() {
        let mut walk = Walk::of(COLUMN);
        assert!(walk.take(numbers(&[&[4]])).unwrap());
        for again in [&[4][..], &[3], &[]] {
            let wrong = walk.clone().take(numbers(&[again])).unwrap_err();
            assert!(matches!(wrong, Wrong::Circle { .. }), "{wrong}");
        }
        let wrong = walk.clone().take(numbers(&[&[5], &[5]])).unwrap_err();
        assert_eq!(wrong.to_string(), "its table goes in circles: behind 1.3.6.1.9.5 it tells 1.3.6.1.9.5");
        assert!(matches!(walk.clone().take(Vec::new()), Err(Wrong::Empty { .. })));
        assert!(matches!(walk.take(numbers(&[&[5; 200]])), Err(Wrong::Long { .. })));
    }

    #[test]
    fn a_table_without_end_is_left() {
        let (mut walk, mut next) = (Walk::of(COLUMN), 0_u32);
        let wrong = loop {
            let rows: Vec<_> = (next..next + 50).map(|n| row(&[n], Value::Number(0))).collect();
            next += 50;
            match walk.take(rows) {
                Ok(more) => assert!(more),
                Err(wrong) => break wrong,
            }
        };
        assert_eq!(wrong, Wrong::Endless { most: MOST_ROWS });
        assert!(next as usize <= MOST_ROWS + 50);
    }

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![
            8 => any::<i64>().prop_map(Value::Number),
            2 => proptest::collection::vec(any::<u8>(), 0..4).prop_map(Value::Text),
            1 => Just(Value::End),
            1 => Just(Value::Other),
        ]
    }

    proptest! {
        #[test]
        fn whatever_a_switch_tells_each_row_is_behind_the_one_before(
            answers in proptest::collection::vec(
                proptest::collection::vec((0..12_u32, proptest::collection::vec(0..3_u32, 0..4), value()), 0..6), 0..12),
        ) {
            let mut walk = Walk::of(COLUMN);
            let mut asked = vec![walk.behind().to_vec()];
            for answer in answers {
                let rows = answer.into_iter().map(|(last, rest, value)| {
                    // Mostly of this column, now and then of a neighbour.
                    let column = [&COLUMN[..4], &[if last == 0 { 10 } else { 9 }]].concat();
                    Row { name: [column, rest].concat(), value }
                });
                match walk.take(rows.collect()) {
                    Ok(true) => {
                        prop_assert!(walk.behind() > asked.last().unwrap().as_slice());
                        asked.push(walk.behind().to_vec());
                    }
                    Ok(false) | Err(_) => break,
                }
            }
            let rows = walk.rows();
            prop_assert!(rows.windows(2).all(|two| two[0].0 < two[1].0));
            prop_assert!(rows.iter().all(|(_, value)| *value != Value::End));
        }
    }
}
