//! Aligned columns without boxes.

use std::borrow::Cow;

use crate::format::shown;

/// Rows as lines with two spaces between the columns, each column as wide as its widest cell, and nothing
/// behind the last.
pub(super) fn columns<const N: usize>(rows: &[[String; N]]) -> Vec<String> {
    // As they are shown, because that is how wide they are.
    let rows: Vec<[Cow<'_, str>; N]> =
        rows.iter().map(|row| std::array::from_fn(|column| shown(&row[column]))).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    rows.iter()
        .map(|row| {
            let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["NAME", "IP"], ["ö", "10.0.0.1"], ["lab-01", ""]].map(|row| row.map(String::from));
        assert_eq!(columns(&rows), ["NAME    IP", "ö       10.0.0.1", "lab-01"]);
        assert!(columns::<2>(&[]).is_empty());
    }
}
