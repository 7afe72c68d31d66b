//! Bytes to rows. Line by line, so that every problem has an exact line and one bad line hides no other.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::PathBuf;

use super::columns::{Column, Columns};
use super::{HEADER, Problem, ResetSpec, Target, check_name};
use crate::board::Mac;

/// What is in a file: the rows that are right, and what is wrong with the others.
pub(super) struct Parsed {
    pub(super) columns: Columns,
    pub(super) rows: Vec<Target>,
    pub(super) problems: Vec<Problem>,
}

/// What is told of a line that is no text.
const GARBLED: &str = "not UTF-8 text";

/// The lines of a file with their line ends, numbered from 1.
pub(super) fn lines(bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    bytes.split_inclusive(|byte| *byte == b'\n').enumerate().map(|(at, line)| (at + 1, line))
}

/// Reads a whole file. Never fails: what is wrong is in the list of problems.
pub(super) fn parse(bytes: &[u8]) -> Parsed {
    let mut reader = Reader::default();
    if bytes.contains(&0) {
        let line = 1 + bytes.iter().take_while(|byte| **byte != 0).filter(|byte| **byte == b'\n').count();
        reader.problem(line, "a NUL byte; is this UTF-16? Save it as CSV in UTF-8");
    } else {
        for (number, line) in lines(bytes) {
            if reader.hopeless {
                break;
            }
            reader.line(number, line);
        }
    }
    reader.end();
    let columns = reader.columns.unwrap_or_default();
    Parsed { columns, rows: reader.rows, problems: reader.problems }
}

/// The fields of one line, without the spaces around them.
fn fields(line: &str, separator: char) -> Result<Vec<String>, &'static str> {
    // The csv crate takes a quote as one only at the very start of a field; people write a space before.
    let mut text = String::with_capacity(line.len() + 8);
    // Whether a field starts here, whether this one started with a quote, whether a quote is open.
    let (mut start, mut quotes, mut open) = (true, false, false);
    for c in line.chars() {
        if start && (c == ' ' || c == '\t') && c != separator {
            continue;
        }
        if start {
            quotes = c == '"';
        }
        if quotes && c == '"' {
            open = !open;
        }
        start = c == separator && !open;
        text.push(c);
    }
    // If the sentinel doesn't come back as a record of its own, a quote swallowed it.
    text.push_str("\n#end");
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(separator as u8)
        .buffer_capacity(text.len())
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let records: Vec<csv::StringRecord> =
        reader.records().collect::<Result<_, _>>().map_err(|_| "it is no line of a CSV file")?;
    match records.as_slice() {
        [record, end] if end == vec!["#end"] => Ok(record.iter().map(str::to_owned).collect()),
        [_] => Err("a quote is opened and never closed"),
        _ => Err("a carriage return in the middle; two targets on one line?"),
    }
}

#[derive(Default)]
struct Reader {
    columns: Option<Columns>,
    /// What `sep=;` says, which spreadsheets write above the header.
    separator: Option<char>,
    /// Whether the header is wrong, so that no row can be right.
    hopeless: bool,
    /// Lines that aren't UTF-8 text, but for the first of them.
    garbled: usize,
    /// The first line with fields, how many there are, and in how many a MAC address is where it belongs.
    records: (usize, usize, usize),
    rows: Vec<Target>,
    problems: Vec<Problem>,
    /// What must be unique, and the line that had it first.
    seen: HashMap<String, usize>,
}

impl Reader {
    fn problem(&mut self, line: usize, message: impl Into<String>) {
        self.problems.push(Problem { line, also: None, message: message.into() });
    }

    fn line(&mut self, number: usize, bytes: &[u8]) {
        let Ok(text) = std::str::from_utf8(bytes) else {
            if self.problems.iter().any(|problem| problem.message == GARBLED) {
                self.garbled += 1;
                return;
            }
            return self.problem(number, GARBLED);
        };
        // Files with a byte order mark are appended to each other; then one stands in the middle.
        // A tab in front of a row is an empty first field where tabs separate fields.
        let tabs = self.columns.as_ref().is_some_and(|columns| columns.separator == '\t');
        let blank = |c: char| c.is_whitespace() && !(tabs && c == '\t');
        let text = text.trim_start_matches('\u{feff}').trim_matches(blank);
        if text.is_empty() || text.starts_with('#') {
            return;
        }
        if self.columns.is_none()
            && let Some(separator) = text.strip_prefix("sep=").and_then(|rest| rest.chars().next())
            && [',', ';', '\t'].contains(&separator)
        {
            self.separator = Some(separator);
            return;
        }
        if self.columns.is_none() {
            let apart = |text: &str, separator: char| {
                let meant = self.separator.is_none_or(|told| told == separator);
                fields(text, separator).ok().filter(|_| meant)
            };
            match Columns::told(number, text, apart) {
                Ok(mut columns) => {
                    let is_header = columns.header.is_some();
                    columns.separator = self.separator.unwrap_or(columns.separator);
                    self.columns = Some(columns);
                    if is_header {
                        return;
                    }
                }
                Err(why) => {
                    self.hopeless = true;
                    return self.problem(number, why);
                }
            }
        }
        let columns = self.columns.clone().unwrap_or_default();
        match fields(text, columns.separator) {
            Ok(fields) => self.record(number, fields, &columns),
            Err(why) => self.problem(number, why),
        }
    }

    /// What only the whole file shows: one problem of the file is told once, and not with each of its lines.
    fn end(&mut self) {
        if self.garbled > 0
            && let Some(first) = self.problems.iter_mut().find(|problem| problem.message == GARBLED)
        {
            first.message =
                format!("{GARBLED}, and {} more lines aren't; save it as CSV in UTF-8", self.garbled);
        }
        let (first, records, with_mac) = self.records;
        if records > 1
            && with_mac == 0
            && self.columns.as_ref().is_some_and(|columns| columns.header.is_none())
        {
            let message = format!(
                "no line has a MAC address in its second field; a header says where it is, such as {HEADER}, in any order"
            );
            self.problems = vec![Problem { line: first, also: None, message }];
        }
    }

    fn record(&mut self, number: usize, mut fields: Vec<String>, columns: &Columns) {
        // Spreadsheets fill rows up to the width of the widest one.
        while fields.len() > columns.width && fields.last().is_some_and(String::is_empty) {
            fields.pop();
        }
        if fields.len() > 1 && fields.iter().all(String::is_empty) {
            return;
        }
        let mac = columns.field(&fields, Column::Mac);
        if self.records.1 == 0 {
            self.records.0 = number;
        }
        self.records.1 += 1;
        self.records.2 += usize::from(mac.parse::<Mac>().is_ok());
        if fields.len() > columns.width {
            return self.problem(number, too_many(&fields, columns.width));
        }
        if fields.len() == 1 && fields[0].contains([',', ';', '\t']) {
            let words = [(',', "commas"), (';', "semicolons"), ('\t', "tabs")];
            let (own, others): (Vec<_>, Vec<_>) =
                words.iter().partition(|(sign, _)| *sign == columns.separator);
            let [own, others] =
                [own, others].map(|words| words.iter().map(|(_, word)| *word).collect::<Vec<_>>());
            let message = format!("fields are separated by {}, not by {}", own.join(""), others.join(" or "));
            return self.problem(number, message);
        }
        let field = |column| columns.field(&fields, column);
        let (name, ip, line) = (field(Column::Name), field(Column::Ip), field(Column::Reset));
        if columns.original {
            self.row(number, None, mac, ip, (wiring_pi(line), Ok(None)));
        } else {
            self.row(number, Some(name), mac, ip, (reset(line), secret(field(Column::Secret))));
        }
    }

    fn row(
        &mut self,
        line: usize,
        name: Option<&str>,
        mac: &str,
        ip: &str,
        (reset, secret): (Result<Option<ResetSpec>, String>, Result<Option<PathBuf>, String>),
    ) {
        let before = self.problems.len();
        if let Some(Err(why)) = name.map(check_name) {
            self.problem(line, why);
        } else if let Some(name) = name {
            self.unique(line, format!("name `{name}`"));
        }
        let mac = if mac.is_empty() { Err("the MAC address is missing".to_owned()) } else { read_mac(mac) };
        match &mac {
            Ok(mac) => self.unique(line, format!("MAC address {mac}")),
            Err(why) => self.problem(line, why.as_str()),
        }
        let address = if ip.is_empty() { Ok(None) } else { read_ip(ip).map(Some) };
        match &address {
            Ok(Some(ip)) => self.unique(line, format!("IP address {ip}")),
            Ok(None) => {}
            Err(why) => self.problem(line, why.as_str()),
        }
        if let Err(why) = &reset {
            self.problem(line, why.as_str());
        }
        if let Err(why) = &secret {
            self.problem(line, why.as_str());
        }
        if self.problems.len() > before {
            return;
        }
        if let (Ok(mac), Ok(address), Ok(reset), Ok(secret)) = (mac, address, reset, secret) {
            let name = name.map_or_else(|| original_name(mac, address), str::to_owned);
            self.rows.push(Target { name, mac, ip: address, reset, secret, line });
        }
    }

    fn unique(&mut self, line: usize, what: String) {
        if let Some(first) = self.seen.get(&what).copied() {
            let message = format!("the {what} is also on line {first}");
            self.problems.push(Problem { line, also: Some(first), message });
        } else {
            self.seen.insert(what, line);
        }
    }
}

/// What a board of a file without names is called: a name that a file with names may have too.
fn original_name(mac: Mac, ip: Option<IpAddr>) -> String {
    match ip {
        Some(IpAddr::V4(ip)) => format!("pi-{ip}"),
        _ => format!("pi-{}", mac.to_string().replace(':', "")),
    }
}

fn read_mac(text: &str) -> Result<Mac, String> {
    text.parse().map_err(|error: crate::board::BadMac| error.to_string())
}

fn read_ip(text: &str) -> Result<IpAddr, String> {
    let ip: IpAddr = text.parse().map_err(|_| format!("`{text}` is no IP address"))?;
    let limited = matches!(ip, IpAddr::V4(v4) if v4.is_broadcast());
    if ip.is_unspecified() || ip.is_multicast() || ip.is_loopback() && ip.is_ipv6() || limited {
        return Err(format!("`{text}` is no address of one board"));
    }
    Ok(ip)
}

fn reset(text: &str) -> Result<Option<ResetSpec>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|error: super::BadReset| error.to_string())
}

/// The name of the file with a secret. The secret itself would be read by everybody that may read the database.
fn secret(text: &str) -> Result<Option<PathBuf>, String> {
    if text.chars().any(char::is_control) {
        return Err("the name of the secret's file has control characters".to_owned());
    }
    if text.len() >= 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err("the column names the file of a secret, and this looks like the secret itself".to_owned());
    }
    Ok((!text.is_empty()).then(|| text.into()))
}

fn wiring_pi(text: &str) -> Result<Option<ResetSpec>, String> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return reset(text);
    }
    match text.parse().ok().and_then(ResetSpec::wiring_pi) {
        Some(reset) => Ok(Some(reset)),
        None if text.is_empty() => Ok(None),
        None => Err(format!("`{text}` is no WiringPi pin, which are 0 to 31")),
    }
}

/// Says what a line with too many fields most likely is.
fn too_many(fields: &[String], width: usize) -> String {
    let ends_with_mac = |field: &String| {
        let tail = field.len().checked_sub(17).and_then(|from| field.get(from..));
        tail.is_some_and(|tail| tail.parse::<Mac>().is_ok())
    };
    let has = format!("{} fields instead of {width}", fields.len());
    if fields.iter().skip(2).any(ends_with_mac) {
        format!("{has}, and a second MAC address: two targets on one line")
    } else if fields.iter().any(|field| field.starts_with("command:")) {
        format!("{has}; a command with a comma in it needs double quotes around the field")
    } else {
        has
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Form, HEADER_SECRET};
    use super::*;

    /// The rows as `name mac ip reset` and the problems as `line: message`.
    fn seen(text: &[u8]) -> (Vec<String>, Vec<String>) {
        let parsed = parse(text);
        let show = |row: &Target| {
            let ip = row.ip.map_or("-".to_owned(), |ip| ip.to_string());
            let reset = row.reset.as_ref().map_or("-".to_owned(), ToString::to_string);
            format!("{} {} {ip} {reset}", row.name, row.mac)
        };
        (
            parsed.rows.iter().map(show).collect(),
            parsed.problems.iter().map(|p| format!("{}: {}", p.line, p.message)).collect(),
        )
    }

    const TWO: [&str; 2] =
        ["lab-01 dc:a6:32:01:02:03 10.0.0.3 gpiochip0:17", "lab-02 dc:a6:32:01:02:04 - command:poe off, 2"];

    #[test]
    fn harmless_differences_are_accepted() {
        let one = "lab-01,dc:a6:32:01:02:03,10.0.0.3,gpiochip0:17";
        let two = "lab-02,DC-A6-32-01-02-04,,\"command:poe off, 2\"";
        for text in [
            format!("name,mac,ip,reset\n{one}\n{two}\n"),
            format!("{one}\n{two}"),
            format!("\u{feff}Name, MAC ,IP,Reset\r\n{one}\r\n{two}\r\n"),
            format!("# the lab\n\n  # more\n{one}\n\n   \n{two}\n\n"),
            format!("\u{feff}{one}\n\u{feff}{two}\n"),
            format!(" {} \n\t{two}", one.replace(',', " , ")),
            format!("{one}\n{}", two.replace(",\"", ", \"")),
        ] {
            assert_eq!(seen(text.as_bytes()), (TWO.map(String::from).to_vec(), vec![]), "{text}");
        }
        assert_eq!(seen(b"a,dc:a6:32:01:02:03").0, ["a dc:a6:32:01:02:03 - -"]);
        for empty in ["", "\n", "\u{feff}", "name,mac,ip,reset", "# nothing\r\n"] {
            assert_eq!(seen(empty.as_bytes()), (vec![], vec![]), "{empty:?}");
        }
    }

    #[test]
    fn what_spreadsheets_write_is_read() {
        let one = "lab-01;dca6.3201.0203;10.0.0.3;gpiochip0:17;\"bench; left\"";
        let two = "lab-02;DC-A6-32-01-02-04;;\"command:poe off, 2\";";
        for text in [
            // Semicolons, other words in the header, and a column more.
            format!("\u{feff}Name;MAC Address;IP;Reset;Comment\r\n{one}\r\n{two}\r\n;;;;\r\n"),
            format!("sep=;\r\nHost name;mac;ip_address;reset;Notes\r\n{one}\r\n{two};;;\r\n"),
            // In any order, and with tabs.
            "Comment\tReset\tIP\tMAC\tName\nleft, x\tgpiochip0:17\t10.0.0.3\tdca632010203\tlab-01\n\
             \tcommand:poe off, 2\t\tdca6.3201.0204\tlab-02\n"
                .to_owned(),
            // Without a header.
            format!("{}\n{}\n", &one[..one.len() - 14], &two[..two.len() - 1]),
        ] {
            assert_eq!(seen(text.as_bytes()), (TWO.map(String::from).to_vec(), vec![]), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_with_the_whole_file_is_told_once() {
        let file = "Board|Ethernet|Where\nlab-01|dc:a6:32:01:02:03|left\nlab-02|dc:a6:32:01:02:04|right\n";
        let told = seen(file.as_bytes()).1;
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].starts_with("1: no line has a MAC address in its second field"), "{told:?}");
        let latin = b"name;mac;where\nlab-01;dca632010203;caf\xe9\nlab-02;dca632010204;caf\xe9\nlab-03;dca632010205;caf\xe9\n";
        assert_eq!(seen(latin).1, ["2: not UTF-8 text, and 2 more lines aren't; save it as CSV in UTF-8"]);
    }

    #[test]
    fn the_original_form_is_read() {
        let want = [
            "pi-10.0.0.3 dc:a6:32:01:02:03 10.0.0.3 gpiochip0:17",
            "pi-dca632010204 dc:a6:32:01:02:04 - gpiochip0:5",
        ];
        let rows = "dc:a6:32:01:02:03,10.0.0.3,0\ndc:a6:32:01:02:04,,21";
        for text in [format!("mac,ip,reset_io\n{rows}"), rows.to_owned()] {
            assert_eq!(seen(text.as_bytes()), (want.map(String::from).to_vec(), vec![]), "{text}");
            assert_eq!(parse(text.as_bytes()).columns.form(), Form::Original);
            let rows: Vec<_> = parse(text.as_bytes()).rows.iter().map(Target::to_row).collect();
            assert_eq!(seen(rows.join("\n").as_bytes()), (want.map(String::from).to_vec(), vec![]));
        }
        assert_eq!(seen(b"dc:a6:32:01:02:03,10.0.0.3,").0, ["pi-10.0.0.3 dc:a6:32:01:02:03 10.0.0.3 -"]);
    }

    #[test]
    fn every_problem_is_named_with_its_line() {
        let text = b"name,mac,ip,reset\n\
            lab-01,dc:a6:32:01:02:03,10.0.0.3,gpiochip0:17lab-02,dc:a6:32:01:02:04,10.0.0.4,gpiochip0:27\n\
            lab-03,dc:a6:32:01:02,10.0.0.300,17\n\
            lab-04,dc:a6:32:01:02:06,10.0.0.6,\n\
            lab 05,,10.0.0.6,command:\n\
            lab-04,dc:a6:32:01:02:06,,command:a,b\n\
            lab-04,dca632010206,,\n\
            \xff\xfe\n\
            lab-08,\"dc:a6:32:01:02:08,,\n\
            ,dc:a6:32:01:02:09\n\
            10.0.0.9,dc:a6:32:01:02:0a,224.0.0.1\n\
            lab-0b;dc:a6:32:01:02:0b\n\
            lab-0c,dc:a6:32:01:02:0c\rlab-0d,dc:a6:32:01:02:0d\n";
        let want = [
            "2: 7 fields instead of 4, and a second MAC address: two targets on one line",
            "3: `dc:a6:32:01:02` is no MAC address: six pairs of hexadecimal digits are needed",
            "3: `10.0.0.300` is no IP address",
            "3: `17` is no reset: write gpiochip0:17, gpiochip0:GPIO17 or command:…",
            "5: `lab 05` is no name: it has spaces in it",
            "5: the MAC address is missing",
            "5: the IP address 10.0.0.6 is also on line 4",
            "5: `command:` is no reset: the command is missing",
            "6: 5 fields instead of 4; a command with a comma in it needs double quotes around the field",
            "7: the name `lab-04` is also on line 4",
            "7: the MAC address dc:a6:32:01:02:06 is also on line 4",
            "8: not UTF-8 text",
            "9: a quote is opened and never closed",
            "10: the name is missing",
            "11: `10.0.0.9` is no name: it looks like an IP address",
            "11: `224.0.0.1` is no address of one board",
            "12: fields are separated by commas, not by semicolons or tabs",
            "13: a carriage return in the middle; two targets on one line?",
        ];
        let (rows, problems) = seen(text);
        assert_eq!(problems, want);
        assert_eq!(rows, ["lab-04 dc:a6:32:01:02:06 10.0.0.6 -"]);
    }

    #[test]
    fn problems_of_the_original_form() {
        let text =
            b"dc:a6:32:01:02:03,10.0.0.3,5dc:a6:32:01:02:04,10.0.0.4,6\ndc:a6:32:01:02:05,10.0.0.5,32\n";
        let want = [
            "1: 5 fields instead of 3, and a second MAC address: two targets on one line",
            "2: `32` is no WiringPi pin, which are 0 to 31",
        ];
        assert_eq!(seen(text).1, want);
    }

    #[test]
    fn a_column_for_secrets_is_there_where_the_header_names_it() {
        let row = "lab-01,dc:a6:32:01:02:03,,,";
        let parsed =
            parse(format!("Name, mac,ip,reset,Secret\n{row}keys/lab-01\nb,dca632010204\n").as_bytes());
        assert_eq!((parsed.columns.form(), parsed.problems), (Form::Secret, vec![]));
        assert_eq!(parsed.rows[0].secret.as_deref(), Some(std::path::Path::new("keys/lab-01")));
        assert_eq!(parsed.rows[1].secret, None);
        let problem = |text: String| seen(text.as_bytes()).1.concat();
        assert!(problem(format!("{row}keys/lab-01")).contains("5 fields instead of 4"));
        let inside = problem(format!("{HEADER_SECRET}\n{row}0123456789abcdef0123456789abcdef"));
        assert!(inside.contains("the secret itself") && !inside.contains("0123"), "{inside}");
        assert!(problem(format!("{HEADER_SECRET}\n{row}a\u{1b}[2J")).contains("control"));
    }

    #[test]
    fn other_headers_and_encodings_are_named() {
        assert_eq!(seen(b"mac,ip,reset\nx\ny\n").1, ["1: the header has no column `name`"]);
        assert_eq!(seen(b"name,mac,MAC Address\nx\n").1, ["1: the header has two columns for `mac`"]);
        let utf16: Vec<u8> = "\u{feff}a,b\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(seen(&utf16).1, ["1: a NUL byte; is this UTF-16? Save it as CSV in UTF-8"]);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) { let _ = parse(&bytes); }

        #[test]
        fn no_text_made_of_the_grammar_panics(text in "([a-z0-9:.,\"#\r\n ;é-]|mac|ip|command:|gpiochip0:|dc:a6:32:01:02:03){0,40}") {
            let parsed = parse(text.as_bytes());
            for row in &parsed.rows {
                proptest::prop_assert!(row.line >= 1 && row.line <= text.split('\n').count());
            }
        }
    }
}
