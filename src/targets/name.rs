//! What a target may be called.

use std::net::IpAddr;

use crate::board::Mac;

/// Why a text can't be a target's name; `Ok` if it can.
///
/// # Errors
/// A sentence that says what is wrong.
pub fn check_name(name: &str) -> Result<(), String> {
    let why = if name.is_empty() {
        "the name is missing"
    } else if name.len() > 64 {
        "it is longer than 64 bytes"
    } else if name.chars().any(char::is_whitespace) {
        "it has spaces in it"
    } else if name.chars().any(char::is_control) {
        "it has control characters in it"
    } else if name.contains(|c: char| !c.is_alphanumeric() && !"-_.+@#".contains(c)) {
        "only letters, digits and - _ . + @ can be in it"
    } else if name.starts_with('-') {
        "it looks like a flag"
    } else if name.contains('#') {
        "it looks like a comment"
    } else if name == "." || name == ".." {
        "it is a directory"
    } else if name.parse::<IpAddr>().is_ok() {
        "it looks like an IP address"
    } else if name.parse::<Mac>().is_ok() {
        "it looks like a MAC address"
    } else {
        return Ok(());
    };
    Err(if name.is_empty() { why.to_owned() } else { format!("`{}` is no name: {why}", name.escape_debug()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_be_something_else_are_refused() {
        for name in ["lab-01", "Ölkanne", "a", "3", "10.0.0", "cm4_7"] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
        let long = "x".repeat(65);
        for name in [
            "",
            " ",
            "a b",
            "a/b",
            "a\\b",
            "a,b",
            "--all",
            "-",
            "#1",
            "..",
            "::1",
            "10.0.0.1",
            "dca632010203",
            "a\u{7}",
            &long,
        ] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }
}
