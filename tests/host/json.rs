//! docs/json.md says of each line of `--json` what it holds, and nothing else is printed.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::documented;

/// All files of the program's source.
fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs")
            && !["hostile.rs", "tests.rs"].iter().any(|name| path.ends_with(name))
        {
            found.push(path);
        }
    }
}

/// The texts in quotation marks that follow `before` at once.
fn literals<'a>(text: &'a str, before: &str) -> Vec<&'a str> {
    let follows = text.split(before).skip(1);
    follows.filter_map(|rest| rest.trim_start().strip_prefix('"')?.split('"').next()).collect()
}

/// The events that the source names: in objects, in what says its own word, and as the edge names a value.
#[test]
fn each_event_of_the_source_is_on_the_page() {
    let mut files = Vec::new();
    sources(Path::new("src"), &mut files);
    let mut missing = BTreeSet::new();
    let mut seen = 0;
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        let mut names = literals(code, "\"event\":");
        names.extend(literals(code, "ui.named("));
        for function in ["tell(ui,", "tell_one(ui,", "done(ui,"] {
            names.extend(literals(code, function));
        }
        names.extend(literals(code, "object[\"event\"] = json!("));
        if code.contains("Detail for ") {
            let word = code.split("fn word(&self) -> &'static str {").nth(1).unwrap_or_default();
            let word = word.split("\n    }\n").next().unwrap();
            names.extend(literals(word, "=>"));
            names.extend(literals(word, "\n"));
        }
        seen += names.len();
        let known = |name: &&str| documented::page().contains_key(*name);
        missing.extend(
            names.into_iter().filter(|name| !known(name)).map(|name| format!("{name} ({})", path.display())),
        );
    }
    assert!(seen > 50, "{seen}: the source is not read as it is written any more");
    assert!(missing.is_empty(), "docs/json.md has no {missing:#?}");
}

/// Events whose word is a variable where the object is made. The words stand in the same file, in quotation marks.
const ELSEWHERE: &[(&str, &[&str])] = &[
    ("src/cli/assembled.rs", &[]),
    // Its callers' words are looked for above.
    ("src/cli/client/mod.rs", &[]),
    ("src/cli/mklive.rs", &["link", "remove", "keep", "leave"]),
    ("src/cli/netboot/client/add.rs", &["would-add", "plan"]),
    ("src/cli/netboot/client/set.rs", &["would-set", "set"]),
    ("src/cli/netboot/enable/card.rs", &["unchanged", "would-change", "changed"]),
    ("src/cli/netboot/enable/eeprom.rs", &["unchanged", "would-write", "wrote"]),
    ("src/cli/run/prune.rs", &["removed", "would-remove"]),
    ("src/cli/station/own.rs", &["copied", "restored"]),
    ("src/cli/targets.rs", &["added", "removed", "problem", "warning"]),
    ("src/cli/udev.rs", &["unchanged", "installed", "would install", "removed", "would remove"]),
];

/// So no word gets past the page in a variable.
#[test]
fn each_event_whose_word_is_a_variable_is_known() {
    let mut files = Vec::new();
    sources(Path::new("src/cli"), &mut files);
    let mut seen = Vec::new();
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        let variable = |rest: &str| !rest.trim_start().starts_with('"');
        if code.split("\"event\":").skip(1).any(variable) {
            seen.push(path.to_str().unwrap().to_owned());
        }
    }
    seen.sort();
    assert_eq!(seen, ELSEWHERE.iter().map(|(path, _)| *path).collect::<Vec<_>>());
    for (path, words) in ELSEWHERE {
        let text = std::fs::read_to_string(path).unwrap();
        for word in *words {
            assert!(text.contains(&format!("\"{word}\"")), "{path} has no {word} any more");
            let event = word.replace(' ', "-");
            assert!(documented::page().contains_key(&event), "docs/json.md has no {event} ({path})");
        }
    }
}

/// The transcripts are what the program prints; so their lines are.
#[test]
fn each_line_of_the_transcripts_is_as_the_page_says() {
    let mut seen = 0;
    for entry in std::fs::read_dir("tests/cmd").unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|end| end != "trycmd") {
            continue;
        }
        for line in
            std::fs::read_to_string(&path).unwrap().lines().filter(|line| line.starts_with("{\"schema\""))
        {
            let line = line.replace("[..]", "2026-11-28T10:00:00Z");
            let value = serde_json::from_str(&line)
                .unwrap_or_else(|error| panic!("{}: {line}: {error}", path.display()));
            documented::check(&value);
            seen += 1;
        }
    }
    assert!(seen > 30, "{seen}");
}
