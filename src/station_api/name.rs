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

/// What an image is called whose file has this name, path or URL: without directories, query and the endings of packed
/// files; what can't stand in a name is a hyphen. `None` where nothing is left.
#[must_use]
pub fn image_name(file: &str) -> Option<String> {
    let file = if file.contains("://") { file.split(['?', '#']).next().unwrap_or_default() } else { file };
    let mut name = file.rsplit(['/', '\\']).next().unwrap_or_default();
    for ending in [".xz", ".zst", ".gz", ".bz2", ".zip", ".img", ".raw", ".wic"] {
        name = name.strip_suffix(ending).unwrap_or(name);
    }
    let fit = |char: char| if char.is_ascii_alphanumeric() || "._-".contains(char) { char } else { '-' };
    let name: String = name.chars().map(fit).take(63).collect();
    let name = name.trim_matches(|char: char| !char.is_ascii_alphanumeric());
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_files_name_becomes_one_for_an_image() {
        for (file, name) in [
            ("2026-10-01-raspios-lite.img.xz", Some("2026-10-01-raspios-lite")),
            ("/srv/raspios lite.img.xz", Some("raspios-lite")),
            ("https://a/b/raspios.img.xz?x=/y", Some("raspios")),
            ("https://a/b/raspios.zip#part", Some("raspios")),
            ("what?.img", Some("what")),
            ("C:\\fakepath\\x.img.zst", Some("x")),
            ("Größe.wic.bz2", Some("Gr--e")),
            ("../../etc/passwd", Some("passwd")),
            ("<b>.img", Some("b")),
            ("https://a/", None),
            (".img", None),
            ("../..", None),
            ("-", None),
            ("", None),
        ] {
            assert_eq!(image_name(file).as_deref(), name, "{file}");
            assert!(name.is_none_or(|name| check_name(name).is_ok()));
        }
        assert_eq!(image_name(&"x".repeat(200)).unwrap().len(), 63);
    }

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
