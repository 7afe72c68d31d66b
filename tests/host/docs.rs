//! The documents that are made from the command line are up to date, and the command line can be read.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::collections::BTreeMap;
use std::path::Path;

use clap::CommandFactory;
use piprov::cli::{Cli, docs};

/// The files of a directory by name.
fn committed(folder: &str) -> BTreeMap<String, Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries
        .map(|entry| {
            let entry = entry.unwrap();
            (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap())
        })
        .collect()
}

fn same(folder: &str, made: Vec<docs::Document>) {
    let committed = committed(folder);
    let made: BTreeMap<_, _> = made.into_iter().collect();
    let names = |documents: &BTreeMap<String, Vec<u8>>| documents.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&committed), names(&made), "{folder}/ has other files; `make docs` refreshes it");
    for (name, bytes) in made {
        assert!(committed[&name] == bytes, "{folder}/{name} is stale; `make docs` refreshes it");
    }
}

#[test]
fn man_pages_are_up_to_date() {
    same("man", docs::man_pages().unwrap());
}

#[test]
fn completions_are_up_to_date() {
    same("completions", docs::completions());
}

#[test]
fn the_command_line_is_sound() {
    Cli::command().debug_assert();
}

/// Calls `look` with every command that a user sees, with its full name.
fn walk(command: &clap::Command, name: &str, look: &mut impl FnMut(&clap::Command, &str)) {
    look(command, name);
    for inner in command.get_subcommands().filter(|inner| !inner.is_hide_set()) {
        walk(inner, &format!("{name} {}", inner.get_name()), look);
    }
}

fn all(mut look: impl FnMut(&clap::Command, &str)) {
    let mut command = Cli::command().term_width(80);
    command.build();
    walk(&command, "piprov", &mut look);
}

#[test]
fn no_line_of_help_is_wider_than_80_columns() {
    let mut seen = 0;
    all(|command, name| {
        for help in [command.clone().render_help(), command.clone().render_long_help()] {
            for line in help.to_string().lines() {
                seen += 1;
                assert!(line.chars().count() <= 80, "{name}: {line}");
            }
        }
    });
    assert!(seen > 300, "{seen}");
}

#[test]
fn everything_has_a_help_text() {
    all(|command, name| {
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        assert!(!about.is_empty(), "{name} has no help");
        assert!(about.chars().count() <= 80 && !about.ends_with('.'), "{name}: {about}");
        for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
            let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
            assert!(!help.is_empty(), "{name}: {} has no help", argument.get_id());
            assert!(help.chars().count() <= 80, "{name}: {}: {help}", argument.get_id());
            assert!(
                !help.ends_with('.'),
                "{name}: {}: a first line has no full stop: {help}",
                argument.get_id()
            );
        }
    });
}

#[test]
fn the_page_of_the_configuration_knows_every_setting() {
    let page = String::from_utf8(committed("man").remove("piprov.toml.5").unwrap()).unwrap();
    // In roff a hyphen that is to be one is written with a backslash.
    let page = page.replace("\\-", "-");
    for row in piprov::config::Settings::without_files().rows() {
        let name = row.key.rsplit('.').next().unwrap();
        let (name, value) = (format!("\\fB{name}\\fR\n"), row.value.to_string());
        let told = page.split(".TP\n").any(|about| about.starts_with(&name) && about.contains(&value));
        assert!(told, "piprov.toml.5 doesn't say that {} is {value}", row.key);
    }
    assert!(page.contains(piprov::targets::HEADER));
}

#[test]
fn the_manual_has_every_exit_code() {
    let (name, page) = docs::man_pages().unwrap().swap_remove(0);
    assert_eq!(name, "piprov.1");
    let page = String::from_utf8(page).unwrap();
    for code in [0, 1, 2, 65, 66, 69, 73, 74, 75, 77, 78, 130] {
        assert!(page.contains(&format!("\\fB{code}\\fR")), "{code}");
    }
}

#[test]
fn every_dependency_has_its_reason() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest: toml::Table = std::fs::read_to_string(root.join("Cargo.toml")).unwrap().parse().unwrap();
    let page = std::fs::read_to_string(root.join("docs/dependencies.md")).unwrap();
    let rows: Vec<&str> =
        page.lines().filter_map(|line| line.strip_prefix("| ")?.split('|').next()).collect();
    for table in ["dependencies", "dev-dependencies", "build-dependencies"] {
        for name in
            manifest.get(table).and_then(toml::Value::as_table).into_iter().flat_map(toml::Table::keys)
        {
            let named = |row: &str| row.split([' ', ',']).any(|word| word == name);
            assert!(rows.iter().any(|row| named(row)), "{name} has no row in docs/dependencies.md");
        }
    }
}

/// The rows of a table, without its head.
fn rows_of(text: &str) -> Vec<Vec<&str>> {
    let lines = text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| #"));
    lines.map(|line| line.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

#[test]
fn what_the_matrix_names_as_shown_is_a_test_that_there_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("docs/matrix.md")).unwrap();
    let (features, defects) = page.split_once("## Defects that are not here").unwrap();
    let is_there = |words: &str| {
        for (file, name) in words.split('`').filter_map(|word| word.split_once("::")) {
            let text = std::fs::read_to_string(root.join(file)).unwrap_or_default();
            let is_it = |line: &str| line.contains(&format!("fn {name}("));
            assert!(text.lines().any(is_it), "{file} has no test {name}");
        }
    };
    let (rows, defects) = (rows_of(features), rows_of(defects));
    assert_eq!((rows.len(), defects.len()), (77, 9));
    for (index, row) in defects.iter().enumerate() {
        assert_eq!((row.len(), row[0]), (3, (index + 1).to_string().as_str()), "{row:?}");
        assert!(row[2].contains("::"), "{row:?}: nothing shows it");
        is_there(row[2]);
    }
    for (index, row) in rows.iter().enumerate() {
        assert_eq!((row.len(), row[0]), (8, (index + 1).to_string().as_str()), "{row:?}");
        assert!(["Y", "P", "N"].contains(&row[6]) && !row[7].is_empty(), "{row:?}");
        is_there(row[7]);
        // A yes is shown, or what shows it stands one row above.
        assert!(row[6] != "Y" || row[7].contains("::") || row[7] == "the same", "{row:?}");
    }
}
