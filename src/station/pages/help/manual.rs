//! The pages of the manual, within the program: those of `docs/` that speak to people, which a test holds against what is
//! there, and those of each command.

/// Names, each with the text of its file.
macro_rules! files {
    ($dir:literal, $ending:literal: $($name:literal,)*) => {
        &[$(($name, include_str!(concat!("../../../../", $dir, "/", $name, $ending)))),*]
    };
}

/// The pages of `docs/`. The first one is the operator's.
pub(super) static PAGES: &[(&str, &str)] = files! {
    "docs", ".md":
    "pages",
    "usb-by-serial",
    "usb-cable",
    "labels",
    "store",
    "station-api",
    "device-api",
    "from-cmprovision",
    "control",
    "hardware",
    "json",
    "export",
};

/// The pages of commands and of the files of settings, as `man` has them: names, each with its text. The command line
/// makes them, which this room knows nothing of.
pub(crate) type CommandPages = fn() -> Vec<(String, String)>;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn in_directory(name: &str) -> BTreeSet<String> {
        let files = std::fs::read_dir(name).unwrap();
        files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn each_page_of_the_manual_is_in_it() {
        // What was measured, what is linked, and what others have: for those that change the program or choose one.
        let not = ["benchmarks.md", "dependencies.md", "matrix.md"].map(str::to_owned);
        let pages: BTreeSet<String> = PAGES.iter().map(|(name, _)| format!("{name}.md")).chain(not).collect();
        let there = in_directory("docs").into_iter().filter(|name| name.ends_with(".md")).collect();
        assert_eq!(pages, there);
    }
}
