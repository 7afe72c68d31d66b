//! Texts with names in braces, as `gate-{serial8}`. Pure.

/// A name has so many characters at most.
const LONGEST: usize = 32;

/// A part of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part<'a> {
    /// It stands for itself.
    Text(&'a str),
    /// It stands for the value of this name.
    Name(&'a str),
}

/// Whether a text can stand in braces as a name: a letter of lower case, then letters of lower case, digits and
/// underscores, 32 at most.
#[must_use]
pub fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_lowercase())
        && name.len() <= LONGEST
        && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

/// The parts of a text. A brace that isn't around a name is a brace.
pub fn parts(text: &str) -> impl Iterator<Item = Part<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        if let Some((name, behind)) = rest.strip_prefix('{').and_then(|rest| rest.split_once('}'))
            && is_name(name)
        {
            rest = behind;
            return Some(Part::Name(name));
        }
        let first = rest.chars().next().map_or(0, char::len_utf8);
        let end = rest.get(first..).and_then(|rest| rest.find('{')).map_or(rest.len(), |at| at + first);
        let (part, behind) = rest.split_at(end);
        rest = behind;
        Some(Part::Text(part))
    })
}

/// Whether a text has a name in braces.
#[must_use]
pub fn has_names(text: &str) -> bool {
    parts(text).any(|part| matches!(part, Part::Name(_)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_in_braces_is_one_and_other_braces_are_braces() {
        let all = |text| parts(text).collect::<Vec<_>>();
        assert_eq!(
            all("a{serial8}b{mac}"),
            [Part::Text("a"), Part::Name("serial8"), Part::Text("b"), Part::Name("mac")]
        );
        assert_eq!(
            all("{}{A}{ a}{a"),
            [Part::Text("{}"), Part::Text("{A}"), Part::Text("{ a}"), Part::Text("{a")]
        );
        assert_eq!(all("{{mac}}"), [Part::Text("{"), Part::Name("mac"), Part::Text("}")]);
        assert!(all("").is_empty());
        assert!(has_names("x{a}") && !has_names("{9}") && !has_names(&format!("{{{}}}", "a".repeat(33))));
    }

    proptest! {
        #[test]
        fn parts_are_all_of_a_text(text in "[a{}é9_ ]{0,40}") {
            let whole: String = parts(&text)
                .map(|part| match part {
                    Part::Text(text) => text.to_owned(),
                    Part::Name(name) => format!("{{{name}}}"),
                })
                .collect();
            prop_assert_eq!(whole, text);
        }
    }
}
