//! Templates in a printer's own language. A value is written so that it stays a text there, or refused where it can't be:
//! what is printed is the value and nothing else.

use super::template::{Filled, filled, parts};
use super::{Error, LONGEST_FILLED};
use crate::station_api::{LabelLanguage, Values};

/// Fills a template.
pub(super) fn fill(language: LabelLanguage, template: &str, values: &Values) -> Result<String, Error> {
    let mut whole = String::new();
    for part in parts(template) {
        match filled(part, values)? {
            Filled::Text(text) => whole.push_str(text),
            Filled::Value { name, text } => {
                let refused = |what| Error::Command { name: name.to_owned(), what };
                escape(language, text, &mut whole).map_err(refused)?;
            }
        }
        if whole.len() > LONGEST_FILLED {
            return Err(Error::LongFilled);
        }
    }
    Ok(whole)
}

/// Writes a value; where that can't be, what keeps it.
fn escape(language: LabelLanguage, value: &str, to: &mut String) -> Result<(), &'static str> {
    for char in value.chars() {
        if crate::format::is_hidden(char) {
            return Err("a control character");
        }
        match (language, char) {
            // Only a template that says so knows how a character is written by its number.
            (LabelLanguage::Zpl, '^' | '~') => return Err("`^` or `~`"),
            (LabelLanguage::Epl, '"' | '\\') => {
                to.push('\\');
                to.push(char);
            }
            // Functions stand in brackets there.
            (LabelLanguage::Jscript, '[' | ']') => return Err("a bracket"),
            (LabelLanguage::Html, '&') => to.push_str("&amp;"),
            (LabelLanguage::Html, '<') => to.push_str("&lt;"),
            (LabelLanguage::Html, '>') => to.push_str("&gt;"),
            (LabelLanguage::Html, '"') => to.push_str("&quot;"),
            (LabelLanguage::Html, '\'') => to.push_str("&#39;"),
            _ => to.push(char),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values(text: &str) -> Values {
        Values::from([("a".to_owned(), text.to_owned())])
    }

    #[test]
    fn a_value_stays_a_text_in_each_language() {
        let filled = |language, text| fill(language, "<{a}>", &values(text));
        assert_eq!(filled(LabelLanguage::Zpl, "gate-1").unwrap(), "<gate-1>");
        for (language, text) in [
            (LabelLanguage::Zpl, "a^XZ"),
            (LabelLanguage::Zpl, "~JR"),
            (LabelLanguage::Jscript, "[SER:1]"),
            (LabelLanguage::Text, "a\nb"),
            (LabelLanguage::Text, "\u{1b}@"),
            (LabelLanguage::Epl, "a\r\nP9"),
        ] {
            assert!(matches!(filled(language, text), Err(Error::Command { .. })), "{language:?} {text}");
        }
        assert_eq!(filled(LabelLanguage::Epl, "a\"b\\c").unwrap(), "<a\\\"b\\\\c>");
        assert_eq!(filled(LabelLanguage::Html, "<b>&'\"").unwrap(), "<&lt;b&gt;&amp;&#39;&quot;>");
        let missing = fill(LabelLanguage::Zpl, "{b}", &values("x")).unwrap_err();
        assert_eq!(missing, Error::NoValue { name: "b".into() });
        let long = "{a}".repeat(400);
        assert_eq!(fill(LabelLanguage::Text, &long, &values(&"x".repeat(1000))), Err(Error::LongFilled));
        // What a value says is never filled in once more.
        assert_eq!(filled(LabelLanguage::Text, "{a}").unwrap(), "<{a}>");
    }

    proptest! {
        #[test]
        fn no_value_of_zpl_is_a_command(value in ".{0,30}") {
            if let Ok(text) = fill(LabelLanguage::Zpl, "^FD{a}^FS", &values(&value)) {
                prop_assert_eq!(text.matches(['^', '~']).count(), 2);
                let commands = ['\r', '\n', '\u{1b}'];
                prop_assert!(!text.contains(commands));
            }
        }
    }
}
