//! Values of which each board has its own, and where they come from. Pure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Time;
use crate::board::{Mac, Serial};
use crate::format::{count, is_hidden};

/// Values by their names.
pub type Values = BTreeMap<String, String>;

/// A value has so many characters at most.
pub const LONGEST_VALUE: usize = 1000;
/// A source gives so many values to a board at most.
pub const MOST_VALUES: usize = 64;
/// A project draws from so many sources at most.
pub const MOST_DRAWS: usize = 16;
/// A number of a sequence has so many digits at most.
const MOST_DIGITS: u8 = 18;
/// What each board has by itself: no source gives a value of such a name.
pub const OWN: [&str; 12] = [
    "serial", "serial8", "mac", "model", "slot", "board", "name", "memory", "job", "run", "project", "image",
];

/// Where values come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum ValuesOf {
    /// Numbers, one after the other. The value has the source's name.
    Sequence(Sequence),
    /// Ethernet addresses, one after the other. The value has the source's name.
    Addresses(Addresses),
    /// Rows of a table that somebody has uploaded. The values have its columns' names.
    Table(Sheet),
    /// A server of one's own is asked. The values have the names in its answer.
    Http(AskedServer),
}

/// Numbers with what stands before them: `SN000001`, `SN000002`, …
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct Sequence {
    /// Stands before each number.
    #[serde(default)]
    pub prefix: String,
    /// So many digits at least; zeros fill them.
    #[serde(default)]
    #[cfg_attr(feature = "station", schema(format = "uint8"))]
    pub width: u8,
    /// The first number.
    pub start: u64,
    /// From one to the next; 1 or more.
    pub step: u64,
    /// No number is above this one.
    pub end: u64,
}

/// Ethernet addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct Addresses {
    /// The first one.
    pub start: Mac,
    /// From one to the next; 1 or more.
    pub step: u64,
    /// None is above this one.
    pub end: Mac,
}

/// A table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct Sheet {
    /// The column that tells its rows apart; without it the whole row does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unique: Option<String>,
    /// The names of its columns, but `serial`: those of the newest file.
    #[serde(default)]
    pub columns: Vec<String>,
}

/// A server that is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct AskedServer {
    /// Where it is: `https://HOST/PATH`.
    pub url: String,
    /// The value that no two boards may have; without it that is the server's affair.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unique: Option<String>,
}

/// A source, with how far it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct ValueSource {
    /// Its name, as that of a value.
    pub name: String,
    /// What it is.
    pub of: ValuesOf,
    /// People are told where fewer are left.
    pub warn: u64,
    /// So many boards have values of it.
    pub given: u64,
    /// For so many boards it has values left; `None`: nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<u64>,
    /// So many of these are for one certain board each.
    #[serde(default)]
    pub bound: u64,
    /// When it was made.
    pub made: Time,
    /// By whom.
    pub by: String,
}

/// A source as it is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewValueSource {
    /// A letter, then letters, digits and underscores, 32 at most; letters of lower case.
    pub name: String,
    /// What it is.
    pub of: ValuesOf,
    /// People are told where fewer are left; [`WARN`] without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warn: Option<u64>,
}

/// See [`NewValueSource::warn`].
pub const WARN: u64 = 20;

/// What may be changed of a source.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ValueSourceChange {
    /// As in [`NewValueSource::warn`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warn: Option<u64>,
    /// The last value of a sequence or of addresses, as it would be written. Not below what was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<String>,
}

/// A source that was made.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct MadeValueSource {
    /// What is known of it later.
    pub source: ValueSource,
    /// What calls to its server are signed with, told this once; for an HTTP source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

impl std::fmt::Debug for MadeValueSource {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("MadeValueSource").field("source", &self.source).finish_non_exhaustive()
    }
}

/// What a file changes, or would change, in a table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct ValueUpload {
    /// Nothing was changed.
    pub dry: bool,
    /// Rows that the file has.
    pub rows: u64,
    /// Rows that are new.
    pub added: u64,
    /// Rows that nobody has yet, and that are other than before.
    pub changed: u64,
    /// Rows that nobody has yet, and that are as before.
    pub same: u64,
    /// Rows that nobody has and the file doesn't have: they go.
    pub gone: u64,
    /// Rows of the file that boards have: what was given stays as it was given.
    pub given: u64,
    /// Rows that boards have and the file doesn't have: they stay.
    pub kept: u64,
    /// Rows of the file that contradict what was given: a board has them with other values, another board has them than the
    /// one that they are for, or the board that they are for has another row. What was given stays; a board whose own row
    /// another one has gets none.
    #[serde(default)]
    pub contradict: u64,
    /// Columns that the table has had and the file doesn't have: what boards get from now on has no such values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns_gone: Vec<String>,
    /// Projects that draw from the table and name such a column in braces, in a first-boot setting or on their label.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns_used_by: Vec<String>,
}

impl ValueUpload {
    /// What goes, or would go, in words; empty where nothing does.
    #[must_use]
    pub fn going(&self) -> Vec<String> {
        let mut going = Vec::new();
        if self.gone > 0 {
            going.push(format!("{} that no board has yet", count(self.gone, "row")));
        }
        if !self.columns_gone.is_empty() {
            let users = match &self.columns_used_by[..] {
                [] => String::new(),
                [one] => format!(", which the project {one} uses"),
                several => format!(", which the projects {} use", several.join(", ")),
            };
            let columns = if self.columns_gone.len() == 1 { "the column" } else { "the columns" };
            going.push(format!("{columns} {}{users}", self.columns_gone.join(", ")));
        }
        going
    }
}

/// What a board has of a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct GivenValues {
    /// The board, by id. It may have been forgotten.
    pub board: String,
    /// Its serial number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// What it has.
    pub values: Values,
    /// Since when.
    pub given: Time,
}

/// Which of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct GivenAsked {
    /// A part of a value, of a serial number or of a board's id, at most 100 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// [`Page::next`](super::Page::next) of the call before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// 1 to 500 lines; 50 without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// A board gives back what it has of a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ReleaseValues {
    /// The board, by its id or its serial number.
    pub board: String,
}

/// Why something is no source of values, or no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadValues {
    /// A name that can't be.
    #[error("a value's name has a letter from a to z, then letters, digits and underscores, 32 at most")]
    Name,
    /// A name of what each board has.
    #[error("each board has a value `{name}` by itself")]
    Own {
        /// The name.
        name: String,
    },
    /// A text that can't be one.
    #[error("a value has {LONGEST_VALUE} characters at most, and no control characters")]
    Text,
    /// First and last don't fit each other.
    #[error("{why}")]
    Range {
        /// What is wrong.
        why: &'static str,
    },
}

const fn range(why: &'static str) -> BadValues {
    BadValues::Range { why }
}

/// Whether a text can be a value's name: in scripts it is a variable, in texts it stands in braces.
#[must_use]
pub fn is_value_name(name: &str) -> bool {
    crate::format::braces::is_name(name)
}

/// Whether a value may have this name and this text.
///
/// # Errors
/// What is wrong with it.
pub fn check_value(name: &str, text: &str) -> Result<(), BadValues> {
    check_value_name(name)?;
    if text.chars().count() > LONGEST_VALUE || text.chars().any(is_hidden) {
        return Err(BadValues::Text);
    }
    Ok(())
}

/// Whether a source may give a value of this name.
///
/// # Errors
/// [`BadValues::Name`], [`BadValues::Own`].
pub fn check_value_name(name: &str) -> Result<(), BadValues> {
    if !is_value_name(name) {
        return Err(BadValues::Name);
    }
    if OWN.contains(&name) {
        return Err(BadValues::Own { name: name.to_owned() });
    }
    Ok(())
}

/// The digits at the end of a text, and what stands before.
fn digits(text: &str) -> (&str, &str) {
    let before = text.trim_end_matches(|char: char| char.is_ascii_digit());
    text.split_at(before.len())
}

/// A range of numbers or addresses as people say it: its first and its last.
///
/// # Errors
/// [`BadValues::Range`].
pub fn range_of_values(from: &str, to: &str, step: u64) -> Result<ValuesOf, BadValues> {
    // Twelve digits without colons may be a number; what is written as an address is one, or a mistake.
    let mac = |text: &str| match is_like_an_address(text) {
        true => text.parse::<Mac>().map(Some).map_err(|bad| range(bad.why)),
        false => Ok(None),
    };
    let of = match (mac(from)?, mac(to)?) {
        (Some(start), Some(end)) => ValuesOf::Addresses(Addresses { start, step, end }),
        _ => {
            let ((prefix, first), (other, last)) = (digits(from), digits(to));
            if prefix != other {
                return Err(range("the first and the last begin with different texts"));
            }
            let number = |digits: &str| {
                let number = digits.parse::<u64>().ok().filter(|_| digits.len() <= MOST_DIGITS.into());
                number.ok_or(range("it has 1 to 18 digits at its end, or is an Ethernet address"))
            };
            // As many digits as the first has: `SN0001` to `SN9999`, but 1 to 100.
            let width = if first.len() == last.len() { first.len() } else { 0 };
            if width == 0 && (first.starts_with('0') || last.starts_with('0')) && first.len() > 1 {
                return Err(range("the first and the last have different numbers of digits"));
            }
            ValuesOf::Sequence(Sequence {
                prefix: prefix.to_owned(),
                width: u8::try_from(width).unwrap_or(MOST_DIGITS),
                start: number(first)?,
                step,
                end: number(last)?,
            })
        }
    };
    of.check()?;
    Ok(of)
}

/// Six pairs of digits with colons or dashes between them.
fn is_like_an_address(text: &str) -> bool {
    let fits = |(at, byte): (usize, u8)| {
        if at % 3 == 2 { matches!(byte, b':' | b'-') } else { byte.is_ascii_hexdigit() }
    };
    text.len() == 17 && text.bytes().enumerate().all(fits)
}

impl Sequence {
    fn write(&self, number: u64) -> String {
        format!("{}{number:0width$}", self.prefix, width = usize::from(self.width))
    }
}

/// An address as a number.
fn number(mac: Mac) -> u64 {
    mac.bytes().iter().fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

fn address(number: u64) -> Option<Mac> {
    let [0, 0, octets @ ..] = number.to_be_bytes() else { return None };
    Some(Mac::new(octets))
}

impl ValuesOf {
    /// The word of its kind.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Sequence(_) => "sequence",
            Self::Addresses(_) => "addresses",
            Self::Table(_) => "table",
            Self::Http(_) => "http",
        }
    }

    /// Whether it can be.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self) -> Result<(), BadValues> {
        let (start, step, end) = match self {
            Self::Sequence(sequence) => {
                let Sequence { prefix, width, start, step, end } = sequence;
                if prefix.chars().count() > 100 || prefix.chars().any(is_hidden) {
                    return Err(range(
                        "what stands before a number has 100 characters at most, and no control characters",
                    ));
                }
                if *width > MOST_DIGITS || *end >= 10_u64.pow(MOST_DIGITS.into()) {
                    return Err(range("a number has 18 digits at most"));
                }
                (*start, *step, *end)
            }
            Self::Addresses(Addresses { start, step, end }) => {
                // Between two first bytes lie addresses of groups, which no board may have.
                if start.bytes()[0] != end.bytes()[0] {
                    return Err(range("the first two digits of all addresses are the same"));
                }
                (number(*start), *step, number(*end))
            }
            Self::Table(Sheet { unique, .. }) | Self::Http(AskedServer { unique, .. }) => {
                return unique.as_deref().map_or(Ok(()), check_value_name);
            }
        };
        if step == 0 {
            return Err(range("the step is 1 or more"));
        }
        if start > end {
            return Err(range("the first is above the last"));
        }
        Ok(())
    }

    /// How many values a range has; `None` where it is none.
    #[must_use]
    pub fn total(&self) -> Option<u64> {
        let (start, step, end) = self.numbers()?;
        Some((end.checked_sub(start)? / step.max(1)).saturating_add(1))
    }

    fn numbers(&self) -> Option<(u64, u64, u64)> {
        match self {
            Self::Sequence(Sequence { start, step, end, .. }) => Some((*start, *step, *end)),
            Self::Addresses(Addresses { start, step, end }) => Some((number(*start), *step, number(*end))),
            Self::Table(_) | Self::Http(_) => None,
        }
    }

    /// The value at a place of a range, from 0; `None` behind its end, and where it is no range.
    #[must_use]
    pub fn at(&self, place: u64) -> Option<String> {
        let (start, step, end) = self.numbers()?;
        let number = start.checked_add(place.checked_mul(step)?)?;
        if number > end {
            return None;
        }
        match self {
            Self::Sequence(sequence) => Some(sequence.write(number)),
            _ => Some(address(number)?.to_string()),
        }
    }

    /// The same range with another last one.
    ///
    /// # Errors
    /// [`BadValues::Range`].
    pub fn ending(&self, end: &str) -> Result<Self, BadValues> {
        let of = match self {
            Self::Sequence(sequence) => {
                let last = end.strip_prefix(&sequence.prefix);
                let last = last.filter(|last| last.len() <= MOST_DIGITS.into() && digits(last).0.is_empty());
                let last = last.and_then(|last| last.parse().ok());
                // `SN00010` is no value of a sequence that has SN0010.
                let last = last.filter(|last| sequence.write(*last) == end);
                let end = last.ok_or(range("the last one isn't written as the values of this sequence"))?;
                Self::Sequence(Sequence { end, ..sequence.clone() })
            }
            Self::Addresses(addresses) => {
                let end = end.parse().map_err(|_| range("the last one is no Ethernet address"))?;
                Self::Addresses(Addresses { end, ..addresses.clone() })
            }
            Self::Table(_) | Self::Http(_) => {
                return Err(range("only a sequence and addresses have a last one"));
            }
        };
        of.check()?;
        Ok(of)
    }

    /// It in a few words.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Sequence(sequence) => {
                let (first, last) = (sequence.write(sequence.start), sequence.write(sequence.end));
                with_step(&format!("{first} to {last}"), sequence.step)
            }
            Self::Addresses(Addresses { start, step, end }) => with_step(&format!("{start} to {end}"), *step),
            Self::Table(Sheet { columns, .. }) if columns.is_empty() => "a table without a file".to_owned(),
            Self::Table(Sheet { columns, .. }) => format!("a table: {}", columns.join(", ")),
            Self::Http(AskedServer { url, .. }) => url.clone(),
        }
    }
}

fn with_step(range: &str, step: u64) -> String {
    if step == 1 { range.to_owned() } else { format!("{range} in steps of {step}") }
}

/// A board's serial number as a table or a request names it; in lower case, with 8 or 16 digits.
#[must_use]
pub fn serial_of(text: &str) -> Option<String> {
    Serial::of_digits(text.trim()).map(|serial| serial.as_str().to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(of: &ValuesOf, place: u64) -> String {
        of.at(place).unwrap()
    }

    #[test]
    fn a_range_is_said_by_its_first_and_its_last() {
        let of = range_of_values("SN000001", "SN000003", 1).unwrap();
        assert_eq!((of.total(), at(&of, 0), at(&of, 2)), (Some(3), "SN000001".into(), "SN000003".into()));
        assert_eq!((of.at(3), of.words().as_str()), (None, "SN000001 to SN000003"));
        let of = range_of_values("8", "12", 2).unwrap();
        assert_eq!((of.total(), at(&of, 1), at(&of, 2), of.at(3)), (Some(3), "10".into(), "12".into(), None));
        let of = range_of_values("DC-A6-32-00-00-FE", "dc:a6:32:00:01:01", 1).unwrap();
        assert_eq!((of.total(), at(&of, 2)), (Some(4), "dc:a6:32:00:01:00".into()));
        let of = range_of_values("999999999999999998", "999999999999999999", u64::MAX).unwrap();
        assert_eq!((of.total(), of.at(1), of.at(u64::MAX)), (Some(1), None, None));
        for (from, to, step, why) in [
            ("A1", "B2", 1, "different texts"),
            ("A", "A", 1, "1 to 18 digits"),
            ("5", "4", 1, "above"),
            ("1", "2", 0, "step"),
            ("001", "1000", 1, "different numbers of digits"),
            ("1", "9999999999999999999", 1, "18 digits"),
            ("\u{1b}[2J1", "\u{1b}[2J2", 1, "control"),
            ("00:ff:00:00:00:01", "02:00:00:00:00:02", 1, "first two digits"),
            ("01:00:00:00:00:01", "01:00:00:00:00:02", 1, "group"),
            ("dc:a6:32:00:00:02", "dc:a6:32:00:00:01", 1, "above"),
            ("dc:a6:32:00:00:02", "SN9", 1, "different texts"),
        ] {
            let error = range_of_values(from, to, step).unwrap_err().to_string();
            assert!(error.contains(why), "{from}: {error}");
        }
    }

    #[test]
    fn a_range_gets_another_end() {
        let of = range_of_values("SN0001", "SN0003", 1).unwrap();
        assert_eq!(of.ending("SN0010").unwrap().total(), Some(10));
        for bad in ["SN", "XX0010", "SN0000", "SN-1", "SN9999999999999999999", "SN00010", "SN010"] {
            assert!(of.ending(bad).is_err(), "{bad}");
        }
        let of = range_of_values("dc:a6:32:00:00:01", "dc:a6:32:00:00:02", 1).unwrap();
        assert_eq!(of.ending("dc:a6:32:00:01:00").unwrap().total(), Some(256));
        assert!(ValuesOf::Table(Sheet::default()).ending("5").is_err());
    }

    #[test]
    fn names_and_texts_are_bounded() {
        for name in ["a", "host_name", "mac2", &"a".repeat(32)] {
            assert_eq!(check_value(name, "x"), Ok(()), "{name}");
        }
        for name in ["", "A", "2a", "_a", "a-b", "a b", "ä", "a\n", "path=x", &"a".repeat(33)] {
            assert_eq!(check_value(name, "x"), Err(BadValues::Name), "{name}");
        }
        for name in OWN {
            assert!(is_value_name(name) && check_value_name(name).is_err());
        }
        for text in ["a\nb", "\u{1b}[2J", "a\0", "\u{202e}x", &"x".repeat(LONGEST_VALUE + 1)] {
            assert_eq!(check_value("a", text), Err(BadValues::Text), "{text:?}");
        }
        assert_eq!(check_value("a", &"ä".repeat(LONGEST_VALUE)), Ok(()));
    }

    proptest! {
        #[test]
        fn a_range_never_gives_one_twice_and_ends(start in 0..1_000_000_u64, more in any::<u64>(), step in any::<u64>(), width in 0..=20_u8, place in any::<u64>()) {
            let end = start.saturating_add(more);
            let of = ValuesOf::Sequence(Sequence { prefix: "p".into(), width, start, step, end });
            if of.check().is_err() {
                prop_assert!(width > MOST_DIGITS || end >= 10_u64.pow(18) || step == 0);
            } else {
                let total = of.total().unwrap();
                prop_assert!(total > 0 && of.at(total - 1).is_some() && of.at(total).is_none());
                prop_assert_eq!(of.at(place).is_some(), place < total);
                if place > 0 && place < total {
                    prop_assert_ne!(of.at(place), of.at(place - 1));
                    // What is written is what would be said as its end.
                    prop_assert_eq!(of.ending(&of.at(place).unwrap()).unwrap().total(), Some(place + 1));
                }
            }
        }

        #[test]
        fn addresses_are_the_numbers_between(start in 0..1_u64 << 40, more in 0..1_u64 << 39, place in 0..1_u64 << 39) {
            let mac = |number: u64| address(number).unwrap();
            let of = ValuesOf::Addresses(Addresses { start: mac(start), step: 1, end: mac(start + more) });
            if of.check().is_ok() {
                prop_assert_eq!(of.at(place).map(|text| number(text.parse().unwrap())), (place <= more).then_some(start + place));
            }
        }

        #[test]
        fn any_texts_are_a_range_or_refused(from in ".{0,20}", to in ".{0,20}", step in any::<u64>()) {
            if let Ok(of) = range_of_values(&from, &to, step) {
                prop_assert!(of.at(0).is_some());
            }
        }
    }
}
