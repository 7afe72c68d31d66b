//! Bytes to rows. Line by line, so that every problem has an exact line and one bad line hides no other.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::PathBuf;

use super::columns::{Column, Columns};
use super::{HEADER, Problem, ResetSpec, Target, check_name};
use crate::board::Mac;
use crate::format::brief;

/// What is in a file: the rows that are right, and what is wrong with the others.
pub(super) struct Parsed {
    pub(super) columns: Columns,
    pub(super) rows: Vec<Target>,
    pub(super) problems: Vec<Problem>,
}

/// What is told of a line whose fields are no text.
const GARBLED: &str = "not UTF-8 text";
/// Words of a header that are told.
const WORDS: usize = 6;
/// Characters of one of them.
const WORD: usize = 40;

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
        let mut behind = 0;
        for (number, line) in lines(bytes) {
            behind += line.len();
            if reader.hopeless {
                break;
            }
            reader.line(number, line, &bytes[behind..]);
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

    /// A line, and the bytes of those behind it.
    fn line(&mut self, number: usize, bytes: &[u8], behind: &[u8]) {
        // A spreadsheet may save in the alphabet of its country. Signs of ASCII separate fields there too, and what stands in
        // columns that nobody asks for doesn't matter.
        let text = String::from_utf8_lossy(bytes);
        let garbled = matches!(text, std::borrow::Cow::Owned(_));
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
                    if !is_header
                        && let Some(why) = unknown_header(text, apart)
                        && lines(behind).any(|(_, line)| has_mac(line))
                    {
                        self.hopeless = true;
                        return self.problem(number, why);
                    }
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
            Ok(fields) if garbled && columns.asked_for(&fields).any(|field| field.contains(GARBLE)) => {
                self.garbled(number);
            }
            Ok(fields) => self.record(number, fields, &columns),
            Err(_) if garbled => self.garbled(number),
            Err(why) => self.problem(number, why),
        }
    }

    /// A line whose fields are no text: told once.
    fn garbled(&mut self, number: usize) {
        if self.problems.iter().any(|problem| problem.message == GARBLED) {
            self.garbled += 1;
        } else {
            self.problem(number, GARBLED);
        }
    }

    /// What only the whole file shows: one problem of the file is told once, and not with each of its lines.
    fn end(&mut self) {
        let more = match self.garbled {
            0 => String::new(),
            1 => ", and one more line isn't".to_owned(),
            more => format!(", and {more} more lines aren't"),
        };
        if let Some(first) = self.problems.iter_mut().find(|problem| problem.message == GARBLED) {
            first.message = format!("{GARBLED}{more}; save it as \"CSV UTF-8\"");
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

/// What stands for a byte that is no UTF-8.
const GARBLE: char = '\u{fffd}';

/// What is wrong with a first line that has no MAC address and words alone: it is a header that doesn't say where everything is.
/// `apart` takes a line apart. `None` where it is something else.
fn unknown_header(text: &str, apart: impl Fn(&str, char) -> Option<Vec<String>>) -> Option<String> {
    let fields = [',', ';', '\t'].into_iter().filter_map(|separator| apart(text, separator));
    let fields = fields.max_by_key(Vec::len).filter(|fields| fields.len() > 1)?;
    // Addresses and lines have digits, and commands a colon.
    let is_word =
        |field: &String| field.chars().filter(char::is_ascii_digit).count() < 2 && !field.contains(':');
    if !fields.iter().all(is_word) {
        return None;
    }
    let mut words: Vec<String> = fields
        .iter()
        .filter(|field| !field.is_empty() && !Columns::is_known(field))
        .map(|field| format!("`{}`", brief(field, WORD)))
        .collect();
    let more = words.len().saturating_sub(WORDS);
    words.truncate(WORDS);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    Some(format!(
        "it is a header, and none of its words names the column `mac`: {}{more}; the columns are name, mac, ip, reset and secret, in \
         any order",
        words.join(", ")
    ))
}

/// Whether one of a line's fields is a MAC address, whatever separates them.
fn has_mac(line: &[u8]) -> bool {
    let mut fields = line.split(|byte| b",;\t".contains(byte));
    fields.any(|field| {
        let field = std::str::from_utf8(field).unwrap_or_default();
        field.trim_matches(|c: char| c.is_whitespace() || c == '"').parse::<Mac>().is_ok()
    })
}

/// Whether a spreadsheet has taken a text for a number: `1.2E+11`, `1,2E+11`.
fn is_number(text: &str) -> bool {
    let Some((number, power)) = text.split_once(['E', 'e']) else { return false };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, part) = number.split_once(['.', ',']).unwrap_or((number, "0"));
    digits(whole) && digits(part) && power.strip_prefix(['+', '-']).is_some_and(digits)
}

/// What a board of a file without names is called: a name that a file with names may have too.
fn original_name(mac: Mac, ip: Option<IpAddr>) -> String {
    match ip {
        Some(IpAddr::V4(ip)) => format!("pi-{ip}"),
        _ => format!("pi-{}", mac.to_string().replace(':', "")),
    }
}

fn read_mac(text: &str) -> Result<Mac, String> {
    if is_number(text) {
        return Err(
            "a spreadsheet has made a number of the MAC address: format the column as text, and write it again".to_owned()
        );
    }
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
mod tests;
