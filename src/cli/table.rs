//! Aligned columns without boxes.

use std::borrow::Cow;

use crate::format::shown;

/// No column is wider.
const WIDEST: usize = 200;

/// Rows as lines with two spaces between the columns, each column as wide as its widest cell, and nothing
/// behind the last.
pub(super) fn columns<const N: usize>(rows: &[[String; N]]) -> Vec<String> {
    Columns::default().lines(rows)
}

/// The widths of a table's columns, for one that is told in pieces because it may be longer than memory.
#[derive(Debug)]
pub(super) struct Columns<const N: usize>([usize; N]);

impl<const N: usize> Default for Columns<N> {
    fn default() -> Self {
        Self([0; N])
    }
}

impl<const N: usize> Columns<N> {
    /// The next rows. Columns get wider where these need it.
    pub(super) fn lines(&mut self, rows: &[[String; N]]) -> Vec<String> {
        // As they are shown, because that is how wide they are.
        let rows: Vec<[Cow<'_, str>; N]> =
            rows.iter().map(|row| std::array::from_fn(|column| shown(&row[column]))).collect();
        for (column, width) in self.0.iter_mut().enumerate() {
            let widest = rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
            // What is longer than any line that is looked at doesn't push the others away.
            *width = widest.min(WIDEST).max(*width);
        }
        rows.iter()
            .map(|row| {
                let mut line = String::new();
                // By hand: a width of `format!` is at most 65,535, and a cell may come from outside.
                for (cell, width) in row.iter().zip(self.0) {
                    line.push_str(cell);
                    line.extend(std::iter::repeat_n(' ', width.saturating_sub(cell.chars().count()) + 2));
                }
                line.trim_end().to_owned()
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["NAME", "IP"], ["ö", "10.0.0.1"], ["lab-01", ""]].map(|row| row.map(String::from));
        assert_eq!(columns(&rows), ["NAME    IP", "ö       10.0.0.1", "lab-01"]);
        assert!(columns::<2>(&[]).is_empty());
        let mut told = Columns::default();
        let lines = [["a", "b"], ["longer", "c"], ["d", "e"]]
            .map(|row| told.lines(&[row.map(String::from)]).concat());
        assert_eq!(lines, ["a  b", "longer  c", "d       e"]);
        let long = "x".repeat(70_000);
        let lines = columns(&[[long.clone(), "a".into()], ["b".into(), "c".into()]]);
        assert_eq!((&lines[0], lines[1].len()), (&format!("{long}  a"), 203));
    }
}
