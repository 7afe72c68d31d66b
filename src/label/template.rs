//! What stands in braces in a label's template. Pure.
//!
//! | in the template | on the label |
//! |---|---|
//! | `{serial}` | the value of this name |
//! | `{slot|none}` | the value, or `none` where the board has none |
//! | `{|{}` | a brace |
//!
//! A brace around anything else is a brace.

use super::Error;
use crate::format::braces::is_name;
use crate::station_api::Values;

/// A brace that begins no name.
const BRACE: &str = "{|{}";

/// A part of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part<'a> {
    /// It stands for itself.
    Text(&'a str),
    /// It stands for a value, or for this text where the board has none.
    Name(&'a str, Option<&'a str>),
}

/// What a template's start is, where that is more than a character, with what comes behind it.
fn begins(text: &str) -> Option<(Part<'_>, &str)> {
    if let Some(behind) = text.strip_prefix(BRACE) {
        return Some((Part::Text("{"), behind));
    }
    let (inner, behind) = text.strip_prefix('{')?.split_once('}')?;
    let (name, without) = match inner.split_once('|') {
        // It ends where its line ends: else a brace that somebody forgot would take half a label along.
        Some((name, without)) if !without.contains(['{', '\n']) => (name, Some(without)),
        Some(_) => return None,
        None => (inner, None),
    };
    is_name(name).then_some((Part::Name(name, without), behind))
}

/// The parts of a template.
pub(super) fn parts(template: &str) -> impl Iterator<Item = Part<'_>> {
    let mut rest = template;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        if let Some((part, behind)) = begins(rest) {
            rest = behind;
            return Some(part);
        }
        let first = rest.chars().next().map_or(0, char::len_utf8);
        let end = rest.get(first..).and_then(|rest| rest.find('{')).map_or(rest.len(), |at| at + first);
        let (part, behind) = rest.split_at(end);
        rest = behind;
        Some(Part::Text(part))
    })
}

/// What a part is with these values: a text of the template, or the value of this name. An empty value is none.
pub(super) enum Filled<'a> {
    /// Of the template: it goes to the printer as it is.
    Text(&'a str),
    /// A value, which isn't to become a command.
    Value {
        /// Its name.
        name: &'a str,
        /// What it says.
        text: &'a str,
    },
}

/// Fills a part.
///
/// # Errors
/// [`Error::NoValue`].
pub(super) fn filled<'a>(part: Part<'a>, values: &'a Values) -> Result<Filled<'a>, Error> {
    let (name, without) = match part {
        Part::Text(text) => return Ok(Filled::Text(text)),
        Part::Name(name, without) => (name, without),
    };
    match (values.get(name), without) {
        (Some(text), None) => Ok(Filled::Value { name, text }),
        (Some(text), Some(_)) if !text.is_empty() => Ok(Filled::Value { name, text }),
        (_, Some(without)) => Ok(Filled::Text(without)),
        (None, None) => Err(Error::NoValue { name: name.to_owned() }),
    }
}

/// A text as a template has it that is to print it as it is: no brace of it begins a name.
#[must_use]
pub fn literal(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        let (before, from) = rest.split_at(at);
        written.push_str(before);
        written.push_str(if begins(from).is_some() { BRACE } else { "{" });
        rest = from.get(1..).unwrap_or_default();
    }
    written.push_str(rest);
    written
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values(text: &str) -> Values {
        Values::from([("a".to_owned(), text.to_owned())])
    }

    fn printed(template: &str, values: &Values) -> Result<String, Error> {
        parts(template)
            .map(|part| {
                Ok(match filled(part, values)? {
                    Filled::Text(text) | Filled::Value { text, .. } => text.to_owned(),
                })
            })
            .collect()
    }

    #[test]
    fn a_name_is_its_value_or_what_stands_behind_its_bar() {
        for (template, text) in [
            ("<{a}>", "<7>"),
            ("<{a|none}>", "<7>"),
            ("<{b|none}>", "<none>"),
            ("<{b|}>", "<>"),
            ("<{b|no slot, 1|2}>", "<no slot, 1|2>"),
            ("{{a}}", "{7}"),
            // What begins no name is what it is.
            ("{}{A}{ a}{a {|} {a b|c} {b|\n}", "{}{A}{ a}{a {|} {a b|c} {b|\n}"),
            ("{b|{a}}", "{b|7}"),
            ("{|{}a} {|{}b|c} {|{}|{}", "{a} {b|c} {|{}"),
        ] {
            assert_eq!(printed(template, &values("7")).unwrap(), text, "{template}");
        }
        assert_eq!(printed("{a|none}", &values("")).unwrap(), "none");
        assert_eq!(printed("{b}", &values("")).unwrap_err(), Error::NoValue { name: "b".into() });
    }

    proptest! {
        #[test]
        fn a_literal_text_is_printed_as_it_is_wherever_it_stands(
            text in "[a{}|\n -]{0,24}", behind in "[a{}|\n -]{0,24}",
        ) {
            prop_assert_eq!(printed(&literal(&text), &Values::new()).unwrap(), text.clone());
            let template = format!("{}{{a|-}}{}", literal(&text), literal(&behind));
            prop_assert_eq!(printed(&template, &values("7")).unwrap(), format!("{text}7{behind}"));
        }
    }
}
