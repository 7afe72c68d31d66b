//! A field of CSV.

use crate::format::is_hidden;

/// A field of CSV (RFC 4180). A program for tables would compute what begins like a formula: that gets an apostrophe. What
/// moves the cursor of a terminal on which the file is looked at is taken out.
pub(in crate::station) fn quoted(field: &str) -> String {
    let moves = |char: char| is_hidden(char) && !matches!(char, '\n' | '\r' | '\t');
    let field = field.replace(moves, "");
    let formula = field.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let guard = if formula { "'" } else { "" };
    if formula || field.contains(['"', ',', '\n', '\r']) {
        format!("\"{guard}{}\"", field.replace('"', "\"\""))
    } else {
        field
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_of_a_table_is_a_text_and_never_computed() {
        for (field, written) in [
            ("meter-1.9", "meter-1.9"),
            ("a,b", "\"a,b\""),
            ("say \"no\"\nnow", "\"say \"\"no\"\"\nnow\""),
            ("=HYPERLINK(\"http://evil\")", "\"'=HYPERLINK(\"\"http://evil\"\")\""),
            ("+1", "\"'+1\""),
            ("-1", "\"'-1\""),
            ("@x", "\"'@x\""),
            ("\tx", "\"'\tx\""),
            ("a\0b", "ab"),
            // What turns the direction of writing, and what has no width.
            ("a\u{202e}b\u{200b}", "ab"),
        ] {
            assert_eq!(quoted(field), written);
        }
    }
}
