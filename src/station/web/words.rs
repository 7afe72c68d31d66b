//! What is wrong with a body or a query, in words that name the member: a library's own words name its types.

use std::fmt::Write as _;

/// What is wrong with a body that is JSON, and doesn't mean what it is to mean.
pub(super) fn of_body(body: &[u8], error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text);
    // What is missing is noticed behind an object; what a value's own type says of it is placed there too.
    let within = text.starts_with("missing field ");
    wrong(&member(body, error.line(), error.column(), within), text)
}

/// What is wrong with a body that isn't JSON.
pub(super) fn of_no_json(error: &serde_json::Error) -> String {
    match error.classify() {
        serde_json::error::Category::Eof => "the body is no JSON: it ends too early".to_owned(),
        _ => format!("the body is no JSON, at line {}, column {}", error.line(), error.column()),
    }
}

/// What is wrong with a query or a form, from what is said of it: `…: MEMBER: WORDS`.
pub(super) fn of_query(text: &str) -> String {
    let text = text
        .split_once("deserialize ")
        .and_then(|(_, rest)| rest.split_once(": "))
        .map_or(text, |(_, rest)| rest);
    let is_name =
        |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-[].".contains(&byte));
    match text.split_once(": ").filter(|(name, _)| is_name(name)) {
        Some((name, text)) => wrong(name, text),
        None => wrong("", text),
    }
}

/// A library's words, said of a member; of all where it has no name.
fn wrong(member: &str, text: &str) -> String {
    let quoted = |text: &str| text.trim_matches('`').to_owned();
    let it = if member.is_empty() { "the whole".to_owned() } else { format!("`{member}`") };
    if let Some(name) = text.strip_prefix("missing field ") {
        return format!("`{}` is missing{}", quoted(name), within(member));
    }
    if let Some(name) = text.strip_prefix("duplicate field ") {
        return format!("`{}` stands there twice", quoted(name));
    }
    if let Some((name, known)) = text.strip_prefix("unknown field ").and_then(|rest| rest.split_once(", ")) {
        let name = quoted(name);
        return match known.strip_prefix("expected ") {
            Some(known) => format!("there is no member `{name}`; there is {}", list(known)),
            None => format!("there is no member `{name}`"),
        };
    }
    if let Some((given, known)) = text.strip_prefix("unknown variant ").and_then(|rest| rest.split_once(", "))
    {
        let known = known.strip_prefix("expected ").unwrap_or(known);
        return format!("{it} is to be {}, and is {given}", list(known));
    }
    let types = ["invalid type: ", "invalid value: ", "invalid length "];
    let rest = types.into_iter().find_map(|start| text.strip_prefix(start));
    if let Some((given, expected)) = rest.and_then(|rest| rest.rsplit_once(", expected ")) {
        return format!("{it} is to be {}, and is {}", wanted(expected), got(given));
    }
    let plain = match text {
        "invalid digit found in string" => "is to be a whole number",
        "cannot parse integer from empty string" => "is to be a whole number, and is empty",
        "number too large to fit in target type" => "is too large",
        "number too small to fit in target type" => "is too small",
        "provided string was not `true` or `false`" => "is to be `true` or `false`",
        _ => "",
    };
    match (plain, member) {
        ("", "") => text.to_owned(),
        ("", _) => format!("{it}: {text}"),
        _ => format!("{it} {plain}"),
    }
}

fn within(member: &str) -> String {
    if member.is_empty() { String::new() } else { format!(" in `{member}`") }
}

/// Of several words one.
fn list(known: &str) -> String {
    known.strip_prefix("one of ").unwrap_or(known).replace(" or ", ", ")
}

/// What is to stand there.
fn wanted(expected: &str) -> String {
    let whole = |most: &str| format!("a whole number from 0 to {most}");
    match expected {
        "u8" => whole("255"),
        "u16" => whole("65535"),
        "u32" => whole("4294967295"),
        "u64" | "usize" => whole("18446744073709551615"),
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number".to_owned(),
        "f32" | "f64" => "a number".to_owned(),
        "a string" | "string" | "str" | "identifier" => "a text".to_owned(),
        "a boolean" => "`true` or `false`".to_owned(),
        "a sequence" => "a list".to_owned(),
        "a map" | "map" => "an object".to_owned(),
        "variant identifier" | "string or map" => "one of its words".to_owned(),
        "unit" => "null".to_owned(),
        other if other.starts_with("struct ") || other.starts_with("internally tagged ") => {
            "an object".to_owned()
        }
        other if other.starts_with("enum ") => "one of its words".to_owned(),
        other => other.to_owned(),
    }
}

/// What stands there.
fn got(given: &str) -> String {
    match given {
        "map" => return "an object".to_owned(),
        "sequence" => return "a list".to_owned(),
        "unit value" | "null" | "Option value" => return "null".to_owned(),
        _ => {}
    }
    let number = given.strip_prefix("integer ").or_else(|| given.strip_prefix("floating point "));
    match number.or_else(|| given.strip_prefix("boolean ")) {
        Some(value) => value.trim_matches('`').to_owned(),
        None => {
            given.strip_prefix("string ").map_or_else(|| given.to_owned(), |text| format!("the text {text}"))
        }
    }
}

/// The member that ends at a place in JSON: `disks[1].size`. Empty where it is the whole. Where an object or a list ends
/// there, it is that (`within`), or the last that is in it.
fn member(body: &[u8], line: usize, column: usize, within: bool) -> String {
    let before: usize =
        body.split_inclusive(|byte| *byte == b'\n').take(line.saturating_sub(1)).map(<[u8]>::len).sum();
    let body = &body[..body.len().min(before + column)];
    // For each object and list that is open: the name, or the place, of what is in it.
    let mut open: Vec<Result<String, usize>> = Vec::new();
    let (mut at, mut text) = (0, None);
    while let Some(&byte) = body.get(at) {
        match byte {
            b'"' => {
                let end = string_end(body, at);
                text = Some(&body[at..end]);
                at = end;
                continue;
            }
            b':' => {
                if let (Some(Ok(name)), Some(key)) = (open.last_mut(), text.take()) {
                    *name = serde_json::from_slice(key).unwrap_or_default();
                }
            }
            b'{' => open.push(Ok(String::new())),
            b'[' => open.push(Err(0)),
            b'}' | b']' if within || at + 1 < body.len() => drop(open.pop()),
            b',' if at + 1 < body.len() => match open.last_mut() {
                Some(Err(number)) => *number += 1,
                Some(Ok(name)) => name.clear(),
                None => {}
            },
            _ => {}
        }
        at += 1;
    }
    let mut path = String::new();
    for part in open.iter().take(8) {
        let _ = match part {
            Ok(name) if name.is_empty() => Ok(()),
            Ok(name) if path.is_empty() => write!(path, "{name}"),
            Ok(name) => write!(path, ".{name}"),
            Err(number) => write!(path, "[{number}]"),
        };
    }
    path.chars().take(200).collect()
}

/// Where a text ends that begins at `at`.
fn string_end(body: &[u8], at: usize) -> usize {
    let mut end = at + 1;
    while let Some(&byte) = body.get(end) {
        match byte {
            b'"' => return end + 1,
            b'\\' => end += 2,
            _ => end += 1,
        }
    }
    body.len()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Word {
        #[allow(dead_code, reason = "only read")]
        On,
        Off,
    }

    #[derive(Debug, Default, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only read")]
    struct Body {
        name: String,
        #[serde(default)]
        small: Option<u8>,
        #[serde(default)]
        word: Option<Word>,
        #[serde(default)]
        all: Vec<BTreeMap<String, u64>>,
        #[serde(default)]
        board: Option<crate::board::Mac>,
    }

    fn said(text: &str) -> String {
        of_body(text.as_bytes(), &serde_json::from_str::<Body>(text).unwrap_err())
    }

    #[test]
    fn what_is_wrong_in_a_body_is_said_with_its_member() {
        for (body, words) in [
            ("{}", "`name` is missing"),
            (r#"{"name": 3}"#, "`name` is to be a text, and is 3"),
            (r#"{"name": null, "small": 3}"#, "`name` is to be a text, and is null"),
            (r#"{"name": "a", "small": 300}"#, "`small` is to be a whole number from 0 to 255, and is 300"),
            (
                "{\"name\": \"a\",\n \"small\": \"3\"}",
                "`small` is to be a whole number from 0 to 255, and is the text \"3\"",
            ),
            (r#"{"name": "a", "small": -1.5}"#, "`small` is to be a whole number from 0 to 255, and is -1.5"),
            (r#"{"name": "a", "word": "maybe"}"#, "`word` is to be `on`, `off`, and is `maybe`"),
            (r#"{"name": "a", "all": {}}"#, "`all` is to be a list, and is an object"),
            (
                r#"{"name": "a,\"[{:", "all": [{"x": 1}, {"y\n": true}]}"#,
                "`all[1].y\n` is to be a whole number from 0 to 18446744073709551615, and is true",
            ),
            (
                r#"{"name": "a", "more": 1}"#,
                "there is no member `more`; there is `name`, `small`, `word`, `all`, `board`",
            ),
            (r#"{"name": "a", "name": "b"}"#, "`name` stands there twice"),
            ("3", "the whole is to be an object, and is 3"),
        ] {
            assert_eq!(said(body), words, "{body}");
        }
        for body in [r#"{"name": "a", "board": "x"}"#, r#"{"board": "x", "name": "a"}"#] {
            let mac = said(body);
            assert!(mac.starts_with("`board`: "), "{body}: {mac}");
        }
        let no_json = |text: &str| of_no_json(&serde_json::from_str::<Body>(text).unwrap_err());
        assert_eq!(no_json("{"), "the body is no JSON: it ends too early");
        assert_eq!(no_json("{\n  ?"), "the body is no JSON, at line 2, column 3");
    }

    #[test]
    fn what_is_wrong_in_a_query_is_said_with_its_member() {
        let said = |query: &str| {
            let uri = format!("/?{query}").parse().unwrap();
            let error =
                axum::extract::Query::<crate::station_api::BoardsAsked>::try_from_uri(&uri).unwrap_err();
            of_query(&error.body_text())
        };
        for (query, words) in [
            ("limit=many", "`limit` is to be a whole number"),
            ("limit=", "`limit` is to be a whole number, and is empty"),
            ("limit=99999999999999999999", "`limit` is too large"),
            ("unruled=perhaps", "`unruled` is to be `true` or `false`"),
        ] {
            assert_eq!(said(query), words);
        }
        let enrolment = said("enrolment=late");
        assert!(
            enrolment.starts_with("`enrolment` is to be ") && enrolment.ends_with("and is `late`"),
            "{enrolment}"
        );
    }

    proptest::proptest! {
        #[test]
        fn no_body_makes_it_stumble(body in "[\\[\\]{}:,\"\\\\a1 \n]{0,40}", line in 0usize..5, column in 0usize..50) {
            let _ = member(body.as_bytes(), line, column, line > 2);
            if let Err(error) = serde_json::from_str::<Body>(&body) {
                let _ = of_body(body.as_bytes(), &error);
            }
        }
    }
}
