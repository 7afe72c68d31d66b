//! Names that people give to what a station has.

/// Checks a name that is given: 1 to 63 ASCII letters, digits, `.`, `_`, `-`, and spaces within; not `.`, not `..`, and
/// no hyphen at its beginning, where a command would take it for an option. Letters of other alphabets look like these,
/// so that two things could seem to have one name. What was given another name before this rule keeps it.
///
/// # Errors
/// What is wrong with it.
pub fn check_name(name: &str) -> Result<(), &'static str> {
    let fits = |char: char| char.is_ascii_alphanumeric() || matches!(char, '.' | '_' | '-' | ' ');
    if name.is_empty() || name.chars().count() > 63 {
        return Err("it has 1 to 63 characters");
    }
    if matches!(name, "." | "..") {
        return Err("in a path it means a directory");
    }
    if name.starts_with('-') {
        return Err("it doesn't begin with a hyphen, as options do");
    }
    if name.trim() != name || !name.chars().all(fits) {
        return Err("it has letters from a to z, digits, dots, underscores, hyphens, and spaces within");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_what_it_looks_like() {
        for good in ["lab-01", "a", "A 1", "raspios-lite.img.xz", "_x", &"x".repeat(63), "..."] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        // The `а` of the fourth is a Cyrillic one.
        for bad in [
            "",
            ".",
            "..",
            "l\u{430}b-01",
            "Größe",
            "-rf",
            "--",
            " a",
            "a ",
            "a\nb",
            "a/b",
            "ａ",
            "a\u{200b}b",
        ] {
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
        assert!(check_name(&"x".repeat(64)).is_err());
    }
}
