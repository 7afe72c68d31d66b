//! Who may know whom: the floors of ARCHITECTURE.md, held against what the code names.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The place of each room in the table of ARCHITECTURE.md, by its path: a room knows those before it.
fn floors() -> BTreeMap<Vec<String>, usize> {
    let text = std::fs::read_to_string("ARCHITECTURE.md").unwrap();
    let section = text.split("\n## ").find(|section| section.starts_with("Floors")).unwrap();
    let mut floors = BTreeMap::new();
    for line in section.lines() {
        let mut cells = line.split('|').skip(1).map(str::trim);
        if cells.next().is_none_or(|floor| floor.parse::<u32>().is_err()) {
            continue;
        }
        // Between backticks stand rooms, and nothing else.
        for room in cells.next().unwrap().split('`').skip(1).step_by(2) {
            let (path, place) = (room.split("::").map(str::to_owned).collect(), floors.len());
            assert!(floors.insert(path, place).is_none(), "{room} stands in two places");
        }
    }
    floors
}

/// The room that a path lies in: the longest one of the table that it begins with.
fn room<'a>(floors: &'a BTreeMap<Vec<String>, usize>, path: &[String]) -> Option<(&'a [String], usize)> {
    (1..=path.len())
        .rev()
        .find_map(|len| floors.get_key_value(&path[..len]))
        .map(|(room, floor)| (&room[..], *floor))
}

/// The code of a file, without comments, texts and what is compiled for tests only.
fn code(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['/', '"', '\'']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(inner) = rest.strip_prefix('"') {
            let raw = out.ends_with("r#");
            let mut escaped = false;
            let close = inner.char_indices().find(|(at, char)| {
                let end = *char == '"' && !escaped && (!raw || inner[*at..].starts_with("\"#"));
                escaped = *char == '\\' && !escaped && !raw;
                end
            });
            close.map_or(rest.len(), |(at, _)| at + 2)
        } else {
            // A character, or a lifetime.
            let char = rest.strip_prefix("'\\").map(|rest| rest[1..].find('\'').map_or(1, |end| end + 4));
            char.unwrap_or_else(|| {
                let mut chars = rest.char_indices().skip(2);
                chars.next().filter(|(_, char)| *char == '\'').map_or(1, |(at, _)| at + 1)
            })
        };
        if !matches!(&rest[..1], "'") || end > 1 {
            out.push(' ');
        } else {
            out.push('\'');
        }
        rest = &rest[end..];
    }
    out.push_str(rest);
    // Tests stand at the end of a file.
    let tests = out.find("#[cfg(test)]\nmod tests {").unwrap_or(out.len());
    out.truncate(tests);
    out
}

/// Takes a `use` tree, or a path, apart: every path that it names.
fn paths(text: &str, before: &[String], out: &mut Vec<Vec<String>>) -> usize {
    let mut path = before.to_vec();
    let mut at = 0;
    loop {
        let rest = &text[at..];
        let space = rest.len() - rest.trim_start().len();
        let rest = &rest[space..];
        at += space;
        if let Some(inner) = rest.strip_prefix('{') {
            at += 1;
            let mut left = inner;
            loop {
                let used = paths(left, &path, out);
                at += used;
                left = &left[used..];
                match left.chars().next() {
                    Some(',') => {
                        at += 1;
                        left = &left[1..];
                    }
                    Some('}') => return at + 1,
                    // ` as other`: the other name means the same.
                    Some(' ') if left.trim_start().starts_with("as ") => {
                        let end = left.find([',', '}']).unwrap_or(left.len());
                        at += end;
                        left = &left[end..];
                    }
                    Some(char) => {
                        at += char.len_utf8();
                        left = &left[char.len_utf8()..];
                    }
                    None => return at,
                }
            }
        }
        let word = rest.find(|char: char| !char.is_alphanumeric() && char != '_').unwrap_or(rest.len());
        if word == 0 {
            return at;
        }
        path.push(rest[..word].to_owned());
        at += word;
        if !text[at..].starts_with("::") {
            out.push(path);
            return at;
        }
        at += 2;
    }
}

/// Every path of ours that a file names, from the crate's root on.
fn named(code: &str, module: &[String]) -> BTreeSet<Vec<String>> {
    let mut found = Vec::new();
    for start in ["crate::", "super::"] {
        for (at, _) in code.match_indices(start) {
            let before = code[..at].chars().next_back();
            if before.is_some_and(|char| char.is_alphanumeric() || matches!(char, '_' | ':' | '$')) {
                continue;
            }
            paths(&code[at..], &[], &mut found);
        }
    }
    let absolute = found.into_iter().map(|path| {
        let up = path.iter().take_while(|part| *part == "super").count();
        if up == 0 {
            return path[1..].to_vec();
        }
        let above = &module[..module.len().saturating_sub(up)];
        above.iter().chain(&path[up..]).cloned().collect()
    });
    absolute.filter(|path: &Vec<String>| !path.is_empty()).collect()
}

fn files(dir: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, out);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            out.push(path);
        }
    }
}

/// The module that a file below `src` is.
fn module(file: &Path) -> Vec<String> {
    let path = file.strip_prefix("src").unwrap().with_extension("");
    let mut parts: Vec<String> = path.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
    if parts.last().is_some_and(|last| last == "mod") {
        parts.pop();
    }
    parts
}

#[test]
fn nobody_reaches_upwards() {
    let floors = floors();
    let mut all = Vec::new();
    files(Path::new("src"), &mut all);
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for file in all {
        let module = module(&file);
        if matches!(module[0].as_str(), "lib" | "bin") || module.last().unwrap() == "tests" {
            continue;
        }
        let (own, place) =
            room(&floors, &module).unwrap_or_else(|| panic!("{} is in no room of the table", file.display()));
        seen.insert(own.to_vec());
        for path in named(&code(&std::fs::read_to_string(&file).unwrap()), &module) {
            let Some((other, before)) = room(&floors, &path) else {
                wrong.push(format!("{}: {} is in no room of the table", file.display(), path.join("::")));
                continue;
            };
            // A room's parts know each other; a part that has a place of its own knows nothing of the rest.
            if own != other && before >= place {
                let (own, other) = (own.join("::"), other.join("::"));
                wrong.push(format!(
                    "{}: {own} names {} of {other}, which does not stand before it",
                    file.display(),
                    path.join("::")
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}\n{}", wrong.len(), wrong.join("\n"));
    let unseen: Vec<_> =
        floors.keys().filter(|room| !seen.contains(*room)).map(|room| room.join("::")).collect();
    assert!(unseen.is_empty(), "in the table, but nowhere in the code: {}", unseen.join(", "));
}

#[test]
fn what_the_code_names_is_found() {
    let text = r##"
        use crate::a::{self, b::C, d::{E, f::G}};
        // use crate::comment::X;
        use super::sibling::{H as I};
        fn x<'a>(y: &'a str) -> char { let z = "crate::text::Y"; let q = r#"crate::raw"#; crate::inline::k(y); '"' }
        fn w() { m::crate_::n(); '\'' ; super::super::up::P::new(); }
    "##;
    let module: Vec<String> = ["top", "inner", "file"].map(str::to_owned).to_vec();
    let found: Vec<_> = named(&code(text), &module).into_iter().map(|path| path.join("::")).collect();
    assert_eq!(
        found,
        [
            "a::b::C",
            "a::d::E",
            "a::d::f::G",
            "a::self",
            "inline::k",
            "top::inner::sibling::H",
            "top::up::P::new"
        ]
    );
}
