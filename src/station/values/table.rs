//! A table of values as people write it: CSV with a header. Pure.

use std::collections::HashMap;
use std::io::Read as _;

use crate::error::{Explain, Kind, Remedy};
use crate::station_api::{LONGEST_VALUE, MOST_VALUES, Values, check_value_name, serial_of};

/// A file is so long at most, in bytes.
pub const LONGEST: usize = 16 << 20;
/// A line is so long at most, in bytes: all of its fields as long as a value may be.
const LONGEST_LINE: usize = MOST_VALUES * (4 * LONGEST_VALUE + 4);
/// A table has so many rows at most.
pub const MOST_ROWS: usize = 100_000;
/// The column that binds a row to one board.
const SERIAL: &str = "serial";

/// Comes behind a file: where it doesn't come back as a row of its own, a quote has swallowed it.
const END: &[u8] = b"\n#end";

/// What a file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rows {
    /// The names of its columns, but the one for serial numbers.
    pub columns: Vec<String>,
    /// What is below the header.
    pub rows: Vec<OneRow>,
}

/// A row of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OneRow {
    /// What tells it apart from the others: a digest.
    pub unit: String,
    /// The only board that may have it.
    pub serial: Option<String>,
    /// Its values.
    pub content: Values,
}

/// Why a file is no table of values. The first thing that is wrong counts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadTable {
    /// It is longer than [`LONGEST`].
    #[error("the file is longer than {} MiB", LONGEST >> 20)]
    Long,
    /// A line is longer than any row.
    #[error("line {line}: it is longer than a row can be")]
    Line {
        /// The line, from 1.
        line: usize,
    },
    /// It is no text in UTF-8.
    #[error("line {line}: this is no text in UTF-8")]
    Text {
        /// The line, from 1.
        line: usize,
    },
    /// There is nothing in it.
    #[error("the file has no header: its first line names the columns")]
    Empty,
    /// There are no rows.
    #[error("the file has a header and no rows")]
    NoRows,
    /// Too many of them.
    #[error("the file has more than {MOST_ROWS} rows")]
    ManyRows,
    /// The header.
    #[error("line {line}: column {column}: {why}")]
    Header {
        /// The line, from 1.
        line: u64,
        /// The column, from 1.
        column: usize,
        /// What is wrong.
        why: String,
    },
    /// A row.
    #[error("row {row} in line {line}: {why}")]
    Row {
        /// Behind the header, from 1.
        row: usize,
        /// The line that it begins in, from 1.
        line: u64,
        /// What is wrong.
        why: String,
    },
    /// A column that is to tell rows apart, and isn't there.
    #[error("the file has no column `{column}`, which tells its rows apart")]
    Unique {
        /// Its name.
        column: String,
    },
}

impl Explain for BadTable {
    fn kind(&self) -> Kind {
        Kind::BadData
    }

    fn hint(&self) -> Option<Remedy> {
        match self {
            Self::Text { .. } => Some("save the table as CSV in UTF-8".into()),
            _ => None,
        }
    }
}

/// What stands between two fields: what the header has most of, outside of quotes.
fn delimiter(header: &str) -> u8 {
    let count = |wanted: char| {
        let mut quoted = false;
        let is = |char: &char| {
            quoted ^= *char == '"';
            !quoted && *char == wanted
        };
        header.chars().filter(is).count()
    };
    let (commas, semicolons, tabs) = (count(','), count(';'), count('\t'));
    match () {
        () if semicolons > commas && semicolons >= tabs => b';',
        () if tabs > commas => b'\t',
        () => b',',
    }
}

/// A column's name as people write it, as that of a value: `Host Name` is `host_name`.
fn name_of(text: &str) -> String {
    let joined = |char: char| matches!(char, ' ' | '-' | '.');
    text.trim().to_lowercase().replace(joined, "_")
}

/// Reads a file.
///
/// # Errors
/// The first thing that is wrong with it, with its row and line.
pub fn read(bytes: &[u8], unique: Option<&str>) -> Result<Rows, BadTable> {
    if bytes.len() > LONGEST {
        return Err(BadTable::Long);
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
        BadTable::Text { line: before.iter().filter(|byte| **byte == b'\n').count() + 1 }
    })?;
    // Programs for tables put a mark before the text.
    let text = text.trim_start_matches('\u{feff}');
    if let Some(at) = text.find('\0') {
        return Err(BadTable::Text {
            line: text.get(..at).map_or(1, |before| before.matches('\n').count() + 1),
        });
    }
    // Millions of fields would take more memory than the file.
    if let Some(at) = text.split('\n').position(|line| line.len() > LONGEST_LINE) {
        return Err(BadTable::Line { line: at + 1 });
    }
    // Some write what separates fields into a first line.
    let (told, text, skipped) = match text.strip_prefix("sep=") {
        Some(rest) => {
            let (told, rest) = rest.split_once('\n').unwrap_or((rest, ""));
            (told.trim_end().bytes().next(), rest, 1)
        }
        None => (None, text, 0),
    };
    // So that what comes behind it begins behind it.
    let text = text.trim_end_matches(['\r', '\n']);
    let header = text.lines().find(|line| !line.trim().is_empty()).ok_or(BadTable::Empty)?;
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(told.unwrap_or_else(|| delimiter(header)))
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes().chain(END));
    let mut records = reader.records();
    let line_of = |record: &csv::StringRecord| record.position().map_or(0, csv::Position::line) + skipped;
    let blank = |record: &csv::StringRecord| record.iter().all(str::is_empty);
    let header = loop {
        match records.next() {
            None => return Err(BadTable::Empty),
            Some(Ok(record)) if blank(&record) => {}
            Some(Ok(record)) => break record,
            Some(Err(error)) => {
                return Err(BadTable::Header { line: 1, column: 1, why: error.to_string() });
            }
        }
    };
    let head = columns(&header, line_of(&header), unique).map_err(|error| match error {
        BadTable::Header { line, column, .. } if is_open(&header) => {
            BadTable::Header { line, column, why: OPEN.to_owned() }
        }
        error => error,
    })?;
    let (mut rows, mut is_whole) = (Vec::new(), false);
    let (mut seen, mut serials) = (HashMap::new(), HashMap::new());
    let mut last = line_of(&header);
    for record in records {
        let row = rows.len() + 1;
        let bad = |line, why: String| BadTable::Row { row, line, why };
        let record = record.map_err(|error| {
            bad(error.position().map_or(0, csv::Position::line) + skipped, "it can't be read".to_owned())
        })?;
        let begins = record.position().map_or(0, csv::Position::byte);
        if begins >= text.len() as u64 {
            is_whole = true;
            break;
        }
        // Programs for tables leave rows of separators at the end.
        if blank(&record) {
            continue;
        }
        if rows.len() >= MOST_ROWS {
            return Err(BadTable::ManyRows);
        }
        let line = line_of(&record);
        let one = row_of(&record, &head, unique)
            .map_err(|why| bad(line, if is_open(&record) { OPEN.to_owned() } else { why }))?;
        if let Some(before) = seen.insert(one.unit.clone(), row) {
            let what = unique.map_or("it".to_owned(), |column| format!("its `{column}`"));
            return Err(bad(line, format!("{what} is the same as in row {before}")));
        }
        if let Some(serial) = &one.serial
            && let Some(before) = serials.insert(serial.clone(), row)
        {
            return Err(bad(line, format!("row {before} is for the same serial number")));
        }
        last = line;
        rows.push(one);
    }
    if !is_whole {
        return Err(BadTable::Row { row: rows.len(), line: last, why: OPEN.to_owned() });
    }
    if rows.is_empty() {
        return Err(BadTable::NoRows);
    }
    Ok(Rows { columns: head.into_iter().filter(|name| name != SERIAL).collect(), rows })
}

/// What is wrong where [`END`] is no row of its own.
const OPEN: &str = "a quote is opened and never closed";

/// Whether a quote in it has swallowed all that comes behind, with [`END`].
fn is_open(record: &csv::StringRecord) -> bool {
    let end = std::str::from_utf8(END).unwrap_or_default();
    record.iter().next_back().is_some_and(|field| field.ends_with(end))
}

/// The names of the columns.
fn columns(header: &csv::StringRecord, line: u64, unique: Option<&str>) -> Result<Vec<String>, BadTable> {
    let mut names: Vec<String> = Vec::new();
    for (at, text) in header.iter().enumerate() {
        let column = at + 1;
        let bad = |why: String| BadTable::Header { line, column, why };
        let name = name_of(text);
        if name.is_empty() {
            return Err(bad("it has no name; the first line is to name each column".to_owned()));
        }
        if name != SERIAL {
            check_value_name(&name).map_err(|error| bad(error.to_string()))?;
        }
        if let Some(before) = names.iter().position(|known| *known == name) {
            return Err(bad(format!("it has the name `{name}`, as column {} has", before + 1)));
        }
        if column > MOST_VALUES {
            return Err(bad(format!("a table has {MOST_VALUES} columns at most")));
        }
        names.push(name);
    }
    if names.iter().all(|name| name == SERIAL) {
        return Err(BadTable::Header { line, column: 1, why: "no column has values".to_owned() });
    }
    match unique {
        Some(column) if !names.iter().any(|name| name == column) => {
            Err(BadTable::Unique { column: column.to_owned() })
        }
        _ => Ok(names),
    }
}

fn row_of(record: &csv::StringRecord, head: &[String], unique: Option<&str>) -> Result<OneRow, String> {
    if record.len() != head.len() {
        return Err(format!("it has {} fields, and the header has {}", record.len(), head.len()));
    }
    let (mut serial, mut content) = (None, Values::new());
    for (name, text) in head.iter().zip(record) {
        if name == SERIAL {
            if !text.is_empty() {
                let fits = serial_of(text).filter(|_| matches!(text.len(), 8 | 16));
                serial = Some(fits.ok_or("its serial number hasn't 8 or 16 hexadecimal digits")?);
            }
            continue;
        }
        // The name was looked at with the header.
        if crate::station_api::check_value(name, text).is_err() {
            return Err(format!(
                "`{name}` is longer than {LONGEST_VALUE} characters, or has control characters"
            ));
        }
        content.insert(name.clone(), text.to_owned());
    }
    let key = match unique {
        Some(column) => {
            let key = content.get(column).filter(|key| !key.is_empty());
            key.ok_or_else(|| format!("`{column}` tells rows apart, and is empty"))?.clone()
        }
        None => crate::format::json::line(&(&serial, &content)).unwrap_or_default(),
    };
    Ok(OneRow { unit: blake3::hash(key.as_bytes()).to_string(), serial, content })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn contents(text: &str) -> Vec<String> {
        let rows = read(text.as_bytes(), None).unwrap().rows;
        let line =
            |row: &OneRow| row.content.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(" ");
        rows.iter().map(line).collect()
    }

    #[test]
    fn tables_as_programs_and_people_write_them() {
        let wanted = ["host_name=gw-1 pin=0042", "host_name=gw, \"2\" pin="];
        for text in [
            "host_name,pin\ngw-1,0042\n\"gw, \"\"2\"\"\",\n",
            "\u{feff}Host Name;PIN\r\ngw-1;0042\r\n\"gw, \"\"2\"\"\";\r\n;\r\n",
            "host-name\tpin\ngw-1\t0042\n\"gw, \"\"2\"\"\"\t\n\n\n",
            "sep=;\r\nhost.name;pin\ngw-1; 0042\n\"gw, \"\"2\"\"\";",
            "\n\"host_name\",\"pin\"\n gw-1 , 0042 \n\"gw, \"\"2\"\"\",\"\"",
        ] {
            assert_eq!(contents(text), wanted, "{text}");
        }
        let rows = read(b"serial,key\n10000000AF04B2DA,a\n,b\naf04b2db,c\n", None).unwrap();
        let serials: Vec<_> = rows.rows.iter().map(|row| row.serial.as_deref()).collect();
        assert_eq!(serials, [Some("10000000af04b2da"), None, Some("af04b2db")]);
        assert_eq!(rows.columns, ["key"]);
    }

    #[test]
    fn a_quote_that_is_never_closed_is_called_so_wherever_it_begins_and_however_much_it_swallows() {
        let rows = "gw-1,7\n".repeat(400);
        for (text, place) in [
            (format!("host_name,pin\ngw-0,1\n\"gw-1,2\n{rows}"), "row 2 in line 3"),
            (format!("host_name,\"pin\n{rows}"), "line 1"),
            ("a\n\"x".to_owned(), "line 2"),
        ] {
            let error = read(text.as_bytes(), None).unwrap_err().to_string();
            assert!(error.starts_with(place) || error.contains(place), "{error}");
            assert!(error.ends_with("a quote is opened and never closed"), "{error}");
        }
        // A long field that is closed is long.
        let error = read(format!("a\n\"{}\"\n", "x".repeat(1001)).as_bytes(), None).unwrap_err().to_string();
        assert!(error.contains("is longer than"), "{error}");
    }

    #[test]
    fn what_is_wrong_is_said_with_its_row() {
        let long = format!("a\n{}\n", "x".repeat(1001));
        let wide = (0..65).map(|n| format!("c{n}")).collect::<Vec<_>>().join(",");
        for (text, unique, why) in [
            ("", None, "the file has no header"),
            ("\u{feff}\n\n", None, "the file has no header"),
            ("a,b\n", None, "the file has a header and no rows"),
            ("a,b\n1,2\n3\n", None, "row 2 in line 3: it has 1 fields, and the header has 2"),
            ("a,b\n1,2,3\n", None, "row 1 in line 2: it has 3 fields"),
            ("a,b,A\n1,2,3\n", None, "line 1: column 3: it has the name `a`, as column 1 has"),
            ("a,,b\n1,2,3\n", None, "line 1: column 2: it has no name"),
            ("gw-1,0042\ngw-2,0043\n", None, "line 1: column 2: a value's name has a letter"),
            ("mac,b\n1,2\n", None, "line 1: column 1: each board has a value `mac` by itself"),
            ("serial\naf04b2da\n", None, "no column has values"),
            ("a,b\n1,2\n3,4\n1,2\n", None, "row 3 in line 4: it is the same as in row 1"),
            ("a,b\n1,2\n1,3\n", Some("a"), "row 2 in line 3: its `a` is the same as in row 1"),
            ("a,b\n1,2\n,3\n", Some("a"), "row 2 in line 3: `a` tells rows apart, and is empty"),
            ("a,b\n1,2\n", Some("key"), "the file has no column `key`"),
            ("serial,a\naf04b2da,1\nAF04B2DA,2\n", None, "row 2 in line 3: row 1 is for the same serial"),
            ("serial,a\n12,1\n", None, "row 1 in line 2: its serial number hasn't 8 or 16"),
            ("serial,a\n../../etc,1\n", None, "row 1 in line 2: its serial number hasn't 8 or 16"),
            ("a\nx\n\"y\nz\"\n", None, "row 2 in line 3: `a` is longer than 1000 characters, or has control"),
            ("a\n\u{1b}[2J\n", None, "row 1 in line 2: `a` is longer"),
            (&long, None, "row 1 in line 2: `a` is longer"),
            ("a,b\n1,2\n3,\"4\n", None, "row 2 in line 3: a quote is opened and never closed"),
            ("a,b\n1,2\n3,\"4", None, "row 2 in line 3: a quote is opened and never closed"),
            ("a,\"b\n", None, "line 1"),
            (&",".repeat(LONGEST_LINE + 1), None, "line 1: it is longer than a row can be"),
            (&format!("a\n{}", "x".repeat(LONGEST_LINE + 1)), None, "line 2: it is longer than a row can be"),
            ("a\nx\0y\n", None, "line 2: this is no text in UTF-8"),
            (&wide, None, "line 1: column 65: a table has 64 columns at most"),
        ] {
            let error = read(text.as_bytes(), unique).unwrap_err().to_string();
            assert!(error.contains(why), "{text:?}: {error}");
        }
        let utf16: Vec<u8> = "a,b\n1,2".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert!(read(&[&[0xff, 0xfe], &utf16[..]].concat(), None).is_err());
        assert_eq!(read(&vec![b'a'; LONGEST + 1], None), Err(BadTable::Long));
        let many = format!("a\n{}", (0..=MOST_ROWS).map(|n| format!("{n}\n")).collect::<String>());
        assert_eq!(read(many.as_bytes(), None), Err(BadTable::ManyRows));
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_table_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            drop(read(&bytes, None));
        }

        #[test]
        fn whatever_is_written_is_read_as_it_was(cells in proptest::collection::btree_set("[a-z0-9,;\"' ]{1,12}[a-z]", 1..20), semicolon in any::<bool>()) {
            let separator = if semicolon { ";" } else { "," };
            let mut text = format!("a{separator}b\n");
            let cells: Vec<_> = cells.iter().map(|cell| cell.trim().to_owned()).collect();
            for (at, cell) in cells.iter().enumerate() {
                text.push_str(&format!("\"{}\"{separator}{at}\n", cell.replace('"', "\"\"")));
            }
            let rows = read(text.as_bytes(), None).unwrap().rows;
            let read: Vec<_> = rows.iter().map(|row| row.content["a"].clone()).collect();
            prop_assert_eq!(read, cells);
        }
    }
}
