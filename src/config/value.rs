//! A value before its type is checked.

use toml::de::{DeTable, DeValue};

/// A value of a file or of the environment. The environment has texts only, so a text is taken for a number where a
/// number is wanted.
pub(super) enum Raw {
    Text(String),
    Number(f64),
    Truth(bool),
    List(Vec<Raw>),
    /// A table in a list, with its place in the file.
    Table {
        offset: usize,
        /// Its keys, each with its place.
        members: Vec<(String, usize, Raw)>,
    },
    /// Something of another type, with the name of that type.
    Other(&'static str),
}

impl Raw {
    /// What stands in a file.
    pub(super) fn from_toml(value: &DeValue<'_>) -> Self {
        match value {
            DeValue::String(text) => Self::Text(text.to_string()),
            DeValue::Integer(number) => {
                // With its sign: what is below 0 is a number too, though none that is wanted.
                i128::from_str_radix(&number.as_str().replace('_', ""), number.radix())
                    .map_or(Self::Other("integer"), |number| Self::Number(number as f64))
            }
            DeValue::Float(number) => number.as_str().parse().map_or(Self::Other("float"), Self::Number),
            DeValue::Boolean(truth) => Self::Truth(*truth),
            // What lists hold are texts, numbers and tables; a list in a list is no value of any setting.
            DeValue::Array(all) => Self::List(
                all.iter()
                    .map(|one| match one.get_ref() {
                        DeValue::Array(_) => Self::Other("array"),
                        DeValue::Table(table) => Self::table(table, one.span().start),
                        one => Self::from_toml(one),
                    })
                    .collect(),
            ),
            other => Self::Other(other.type_str()),
        }
    }

    fn table(table: &DeTable<'_>, offset: usize) -> Self {
        let members = table.iter().map(|(key, value)| {
            (key.get_ref().to_string(), key.span().start, Self::from_toml(value.get_ref()))
        });
        let mut members: Vec<_> = members.collect();
        // The parser sorts by name; of two mistakes the upper one is told.
        members.sort_by_key(|(_, offset, _)| *offset);
        Self::Table { offset, members }
    }

    pub(super) fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    pub(super) fn as_number(&self) -> Option<f64> {
        match self {
            Self::Text(text) => text.trim().parse().ok(),
            Self::Number(number) => Some(*number),
            Self::Truth(_) | Self::List(_) | Self::Table { .. } | Self::Other(_) => None,
        }
    }

    /// Says what it is instead of what was wanted.
    pub(super) fn not(&self, wanted: &str) -> String {
        let of_type = |kind| format!("{wanted} is wanted, not a value of type {kind}");
        match self {
            Self::Text(text) => format!("`{text}` is not {wanted}"),
            Self::Number(number) => format!("{number} is not {wanted}"),
            Self::Truth(_) => of_type("boolean"),
            Self::List(_) => of_type("array"),
            Self::Table { .. } => of_type("table"),
            Self::Other(kind) => of_type(kind),
        }
    }
}
