//! Which columns a file has, and what separates them: told by its first line, which may be a header with the names in any
//! order, as spreadsheets write it.

use super::{Form, Target};
use crate::board::Mac;

/// What may separate fields. Spreadsheets of countries that write decimals with a comma take semicolons.
const SEPARATORS: [char; 3] = [',', ';', '\t'];

/// What a column is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    Name,
    Mac,
    Ip,
    Reset,
    Secret,
}

impl Column {
    const ALL: [Self; 5] = [Self::Name, Self::Mac, Self::Ip, Self::Reset, Self::Secret];

    /// Its name in a header that is written here.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Mac => "mac",
            Self::Ip => "ip",
            Self::Reset => "reset",
            Self::Secret => "secret",
        }
    }

    /// The column that a word of a header means, whatever its case, its blanks and its signs.
    fn named(word: &str) -> Option<Self> {
        let plain: String = word.chars().filter(char::is_ascii_alphanumeric).collect();
        Some(match plain.to_ascii_lowercase().as_str() {
            "name" | "hostname" | "host" | "target" | "board" => Self::Name,
            "mac" | "macaddress" | "macaddr" | "ethernet" | "ethernetaddress" => Self::Mac,
            "ip" | "ipaddress" | "ipaddr" | "ipv4" => Self::Ip,
            "reset" | "resetline" | "resetio" => Self::Reset,
            "secret" | "secretfile" => Self::Secret,
            _ => return None,
        })
    }
}

/// Where the fields of a row are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Columns {
    /// What separates fields.
    pub(super) separator: char,
    /// The line with the header, from 1.
    pub(super) header: Option<usize>,
    /// How many fields a row has at most.
    pub(super) width: usize,
    /// Whether reset lines are numbers of WiringPi, and rows have no names.
    pub(super) original: bool,
    places: [Option<usize>; 5],
}

impl Default for Columns {
    /// `name,mac,ip,reset`, with or without a header.
    fn default() -> Self {
        let places = [Some(0), Some(1), Some(2), Some(3), None];
        Self { separator: ',', header: None, width: 4, original: false, places }
    }
}

impl Columns {
    /// `mac,ip,reset_io`
    const ORIGINAL: [Option<usize>; 5] = [None, Some(0), Some(1), Some(2), None];

    /// What the first line of a file says, whose number is `line`. `fields` takes a line apart.
    ///
    /// # Errors
    /// Where it is a header and doesn't say where everything is.
    pub(super) fn told(
        line: usize,
        text: &str,
        fields: impl Fn(&str, char) -> Option<Vec<String>>,
    ) -> Result<Self, String> {
        for separator in SEPARATORS {
            let Some(fields) = fields(text, separator) else { continue };
            let is_header = fields.iter().any(|field| Column::named(field) == Some(Column::Mac));
            if is_header && !fields.iter().any(|field| field.parse::<Mac>().is_ok()) {
                return Self::header(line, separator, &fields);
            }
        }
        // Without a header a MAC address is where it belongs, and no name looks like one.
        let is_mac =
            |fields: &[String], at: usize| fields.get(at).is_some_and(|field| field.parse::<Mac>().is_ok());
        for separator in SEPARATORS {
            let Some(fields) = fields(text, separator).filter(|fields| fields.len() > 1) else { continue };
            if is_mac(&fields, 0) {
                return Ok(Self {
                    separator,
                    width: 3,
                    original: true,
                    places: Self::ORIGINAL,
                    header: None,
                });
            }
            if is_mac(&fields, 1) {
                return Ok(Self { separator, ..Self::default() });
            }
        }
        let alone = fields(text, ',').is_some_and(|fields| is_mac(&fields, 0));
        Ok(if alone {
            Self { width: 3, original: true, places: Self::ORIGINAL, ..Self::default() }
        } else {
            Self::default()
        })
    }

    fn header(line: usize, separator: char, fields: &[String]) -> Result<Self, String> {
        let mut columns =
            Self { separator, header: Some(line), width: fields.len(), original: false, places: [None; 5] };
        for (at, field) in fields.iter().enumerate() {
            let Some(column) = Column::named(field) else { continue };
            let place = &mut columns.places[column as usize];
            if place.is_some() {
                return Err(format!("the header has two columns for `{}`", column.word()));
            }
            *place = Some(at);
            columns.original |= field.eq_ignore_ascii_case("reset_io");
        }
        if columns.place(Column::Name).is_none() && !columns.original {
            return Err("the header has no column `name`".to_owned());
        }
        Ok(columns)
    }

    /// Whether a word of a header means a column.
    pub(super) fn is_known(word: &str) -> bool {
        Column::named(word).is_some()
    }

    /// The fields of a row that stand in columns which mean something, and those behind the last column.
    pub(super) fn asked_for<'a>(&'a self, fields: &'a [String]) -> impl Iterator<Item = &'a String> {
        let asked = |at: usize| at >= self.width || self.places.contains(&Some(at));
        fields.iter().enumerate().filter(move |(at, _)| asked(*at)).map(|(_, field)| field)
    }

    /// Where a column is, from 0.
    pub(super) const fn place(&self, column: Column) -> Option<usize> {
        self.places[column as usize]
    }

    /// A field of a row; empty where there is none.
    pub(super) fn field<'a>(&self, fields: &'a [String], column: Column) -> &'a str {
        self.place(column).and_then(|at| fields.get(at)).map_or("", String::as_str)
    }

    /// Which form that is.
    pub(super) const fn form(&self) -> Form {
        match (self.original, self.place(Column::Secret)) {
            (true, _) => Form::Original,
            (false, Some(_)) => Form::Secret,
            (false, None) => Form::Named,
        }
    }

    /// The columns that a row needs and that the file lacks.
    pub(super) fn lacking(&self, row: &Target) -> Vec<Column> {
        let needs = |column: &Column| match column {
            Column::Name | Column::Mac => true,
            Column::Ip => row.ip.is_some(),
            Column::Reset => row.reset.is_some(),
            Column::Secret => row.secret.is_some(),
        };
        Column::ALL.into_iter().filter(|column| self.place(*column).is_none() && needs(column)).collect()
    }

    /// Adds a column behind the others.
    pub(super) fn add(&mut self, column: Column) {
        self.places[column as usize] = Some(self.width);
        self.width += 1;
    }

    /// A row as this file has it, without line end. The file with a secret is left out where it is the last field and empty.
    pub(super) fn row(&self, row: &Target) -> String {
        let quote = |field: &String| {
            if field.contains(['"', '#', ' ']) && field.trim() != field
                || field.contains([self.separator, '"', '#'])
            {
                format!("\"{}\"", field.replace('"', "\"\""))
            } else {
                field.clone()
            }
        };
        let mut fields = vec![String::new(); self.width];
        for column in Column::ALL {
            let Some(field) = self.place(column).and_then(|at| fields.get_mut(at)) else { continue };
            *field = match column {
                Column::Name => row.name.clone(),
                Column::Mac => row.mac.to_string(),
                Column::Ip => row.ip.map_or_else(String::new, |ip| ip.to_string()),
                Column::Reset => row.reset.as_ref().map_or_else(String::new, ToString::to_string),
                Column::Secret => {
                    row.secret.as_ref().map_or_else(String::new, |secret| secret.display().to_string())
                }
            };
        }
        if self.place(Column::Secret) == Some(self.width - 1) && row.secret.is_none() {
            fields.pop();
        }
        fields.iter().map(quote).collect::<Vec<_>>().join(&self.separator.to_string())
    }
}
