//! Aligned columns without boxes: two spaces between them, each as wide as its widest cell, and nothing behind the last.
//!
//! What doesn't fit onto a terminal is laid out anew: a row gets several lines, broken between columns, and a long text
//! in the last one is broken between words. Into a pipe or a file a row is always one line.

use std::borrow::Cow;

use super::ui::{Style, Text, Ui, wrap};
use crate::format::shown;

/// No column is wider.
const WIDEST: usize = 200;
/// A text isn't squeezed into less.
const NARROWEST: usize = 24;
/// How far what belongs to a row stands in.
const INDENT: usize = 2;

/// Prints rows, the first of which is their heading.
pub(super) fn tell<const N: usize>(ui: &Ui, heading: Style, rows: &[[String; N]]) {
    let rows = Columns::default().within(rows, ui.width_out);
    for (at, lines) in rows.iter().enumerate() {
        for line in lines {
            if at == 0 { ui.result(ui.paint(heading, line)) } else { ui.result(line) }
        }
    }
}

/// Prints facts, each with its name in front.
pub(super) fn facts(ui: &Ui, rows: &[[String; 2]]) {
    let names = rows.iter().map(|[name, _]| name.chars().count()).max().unwrap_or(0);
    let in_line = names + 2;
    if ui.width_out.is_none_or(|width| width >= in_line + NARROWEST) {
        for [name, value] in rows {
            let blank = " ".repeat(in_line - name.chars().count());
            let value = match ui.width_out {
                Some(_) => wrap(value, in_line, in_line, ui.width_out),
                // Of any length.
                None => Text::line(value),
            };
            ui.result(format_args!("{name}{blank}{value}"));
        }
        return;
    }
    for [name, value] in rows {
        ui.result(Text::lines([
            Text::line(name),
            Text::line(format_args!("  {}", wrap(value, 2, 2, ui.width_out))),
        ]));
    }
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
    /// The lines of each of the next rows, on a terminal so wide. Columns get wider where these need it.
    pub(super) fn within(&mut self, rows: &[[String; N]], width: Option<usize>) -> Vec<Vec<String>> {
        // As they are shown, because that is how wide they are.
        let rows: Vec<[Cow<'_, str>; N]> =
            rows.iter().map(|row| std::array::from_fn(|column| shown(&row[column]))).collect();
        for (column, width) in self.0.iter_mut().enumerate() {
            let widest = rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
            // What is longer than any line that is looked at doesn't push the others away.
            *width = widest.min(WIDEST).max(*width);
        }
        let plan = self.plan(width.unwrap_or(usize::MAX));
        rows.iter().map(|row| self.row(row, &plan, width)).collect()
    }

    /// Which columns stand together in a line.
    fn plan(&self, width: usize) -> Vec<std::ops::Range<usize>> {
        let last = self.0.iter().rposition(|width| *width > 0).unwrap_or(0);
        let (mut lines, mut first, mut used) = (Vec::new(), 0, 0);
        for (column, own) in self.0.iter().enumerate().take(last + 1) {
            // The last one may be broken between its words.
            let least = if column == last { (*own).min(NARROWEST) } else { *own };
            if column > first && used + 2 + least > width {
                lines.push(first..column);
                (first, used) = (column, INDENT);
            }
            used += own + if column > first { 2 } else { 0 };
        }
        lines.push(first..N);
        lines
    }

    fn row(
        &self,
        row: &[Cow<'_, str>; N],
        plan: &[std::ops::Range<usize>],
        width: Option<usize>,
    ) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for (n, columns) in plan.iter().enumerate() {
            let mut line = " ".repeat(if n == 0 { 0 } else { INDENT });
            for (cell, own) in row[columns.clone()].iter().zip(&self.0[columns.clone()]) {
                let at = line.chars().count();
                let long = width.is_some_and(|width| at + cell.chars().count() > width);
                if long {
                    // The gate has seen it, and breaks it where there is a blank.
                    let whole = wrap(cell, at, at, width).to_string();
                    let mut parts = whole.split('\n');
                    line.push_str(parts.next().unwrap_or_default());
                    for part in parts {
                        lines.push(std::mem::replace(&mut line, part.to_owned()));
                    }
                } else {
                    line.push_str(cell);
                }
                // By hand: a width of `format!` is at most 65,535, and a cell may come from outside.
                line.extend(std::iter::repeat_n(' ', own.saturating_sub(cell.chars().count()) + 2));
            }
            let line = line.trim_end();
            if n == 0 || !line.is_empty() {
                lines.push(line.to_owned());
            }
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn columns<const N: usize>(rows: &[[String; N]]) -> Vec<String> {
        Columns::default().within(rows, None).concat()
    }

    fn rows<const N: usize>(rows: &[[&str; N]]) -> Vec<[String; N]> {
        rows.iter().map(|row| row.map(String::from)).collect()
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let table = rows(&[["NAME", "IP"], ["ö", "10.0.0.1"], ["lab-01", ""]]);
        assert_eq!(columns(&table), ["NAME    IP", "ö       10.0.0.1", "lab-01"]);
        assert!(columns::<2>(&[]).is_empty());
        let mut told = Columns::default();
        let lines = [["a", "b"], ["longer", "c"], ["d", "e"]]
            .map(|row| told.within(&[row.map(String::from)], None).concat().concat());
        assert_eq!(lines, ["a  b", "longer  c", "d       e"]);
        let long = "x".repeat(70_000);
        let lines = columns(&[[long.clone(), "a".into()], ["b".into(), "c".into()]]);
        assert_eq!((&lines[0], lines[1].len()), (&format!("{long}  a"), 203));
    }

    #[test]
    fn a_row_that_is_too_wide_for_the_terminal_gets_several_lines_that_are_not() {
        let table = rows(&[
            ["BOARD", "SERIAL", "MODEL", "SEEN"],
            ["lab-01", "10000000af04b2da", "Raspberry Pi 4 Model B Rev 1.1", "2026-11-28 09:14:03Z"],
            ["x", "", "", "2026-11-28 09:14:03Z"],
        ]);
        assert_eq!(Columns::default().within(&table, Some(80)).len(), 3);
        assert_eq!(
            Columns::default().within(&table, Some(60)).concat(),
            [
                "BOARD   SERIAL            MODEL",
                "  SEEN",
                "lab-01  10000000af04b2da  Raspberry Pi 4 Model B Rev 1.1",
                "  2026-11-28 09:14:03Z",
                "x",
                "  2026-11-28 09:14:03Z",
            ]
        );
        assert_eq!(
            Columns::default().within(&table, Some(40)).concat()[3..],
            [
                "lab-01  10000000af04b2da",
                "  Raspberry Pi 4 Model B Rev 1.1",
                "  2026-11-28 09:14:03Z",
                "x",
                "  2026-11-28 09:14:03Z",
            ]
        );
        let text = rows(&[["ok", "usb", "the kernel has a driver for all of the controllers"]]);
        assert_eq!(
            Columns::default().within(&text, Some(40)).concat(),
            ["ok  usb  the kernel has a driver for all", "         of the controllers"]
        );
    }

    #[test]
    fn facts_have_their_names_beside_them_or_above_them() {
        let (ui, memory) = Ui::remembering();
        let table = rows(&[["name", "lab-01"], ["boot order", "from the network it goes on to a disk"]]);
        let told = |width| {
            facts(&Ui { width_out: width, ..ui.clone() }, &table);
            memory.take_clean()
        };
        assert_eq!(told(None), ["name        lab-01", "boot order  from the network it goes on to a disk"]);
        assert_eq!(
            told(Some(40)),
            ["name        lab-01", "boot order  from the network it goes on", "            to a disk"]
        );
        assert_eq!(told(Some(30))[2..], ["boot order", "  from the network it goes on", "  to a disk"]);
    }

    proptest! {
        #[test]
        fn no_line_of_words_is_wider_than_the_terminal(
            cells in proptest::collection::vec(["[a-z]{0,12}", "[a-z]{0,16}", "([a-z]{1,9} ){0,9}[a-z]{0,9}"], 1..6),
            width in 26usize..100,
        ) {
            let whole = columns(&cells);
            prop_assert_eq!(whole.len(), cells.len(), "one line a row without a terminal");
            let lines = Columns::default().within(&cells, Some(width)).concat();
            for line in &lines {
                prop_assert!(line.chars().count() <= width, "{} {:?}", width, line);
            }
            // Nothing is lost, and nothing changes its place.
            let words = |lines: &[String]| lines.join(" ").split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            prop_assert_eq!(words(&lines), words(&whole));
        }
    }
}
