//! What the page says of each call, out of OpenAPI. Pure.

use std::collections::BTreeMap;

use serde_json::Value;

/// Calls of one part.
#[derive(Debug, PartialEq)]
pub(super) struct Group {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) calls: Vec<Call>,
}

/// A call.
#[derive(Debug, PartialEq)]
pub(super) struct Call {
    pub(super) id: String,
    pub(super) method: String,
    pub(super) path: String,
    pub(super) summary: String,
    /// Who may, and which scope a token needs.
    pub(super) access: String,
    pub(super) parameters: Vec<Member>,
    pub(super) body: Option<Kind>,
    pub(super) answers: Vec<Given>,
    pub(super) example: String,
}

/// A parameter of a call, or a member of a thing.
#[derive(Debug, PartialEq)]
pub(super) struct Member {
    pub(super) name: String,
    /// `path`, `query`, `header`; empty for members.
    pub(super) place: String,
    pub(super) kind: Kind,
    pub(super) needed: bool,
    pub(super) about: String,
}

/// What a call answers.
#[derive(Debug, PartialEq)]
pub(super) struct Given {
    pub(super) status: String,
    pub(super) about: String,
    pub(super) kind: Option<Kind>,
}

/// A type in words; `link` is the thing that it names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) before: String,
    pub(super) link: Option<String>,
}

/// A type that others name.
#[derive(Debug, PartialEq)]
pub(super) struct Thing {
    pub(super) name: String,
    pub(super) about: String,
    /// What it is where it has no members.
    pub(super) kind: Kind,
    pub(super) members: Vec<Member>,
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_default().to_owned()
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// What a schema is, in words.
fn kind(schema: &Value) -> Kind {
    if let Some(name) = schema["$ref"].as_str() {
        let link = name.rsplit('/').next().map(str::to_owned);
        return Kind { before: String::new(), link };
    }
    let with = |before: &str, kind: Kind| Kind {
        before: format!("{before} {}", kind.before).trim().to_owned(),
        ..kind
    };
    for word in ["oneOf", "anyOf", "allOf"] {
        let all: Vec<_> = list(schema, word).iter().filter(|one| one["type"] != "null").collect();
        match all[..] {
            [] => {}
            [one] => return kind(one),
            _ => {
                let words: Vec<_> = all.iter().map(|one| kind(one).words()).collect();
                return Kind { before: words.join(" or "), link: None };
            }
        }
    }
    let choices = list(schema, "enum");
    if !choices.is_empty() {
        let words: Vec<_> = choices.iter().filter_map(Value::as_str).collect();
        return Kind { before: words.join(", "), link: None };
    }
    if let Some(word) = schema["const"].as_str() {
        return Kind { before: word.to_owned(), link: None };
    }
    let sort = match &schema["type"] {
        Value::String(sort) => sort.as_str(),
        Value::Array(sorts) => {
            sorts.iter().filter_map(Value::as_str).find(|sort| *sort != "null").unwrap_or_default()
        }
        _ => "",
    };
    match sort {
        "array" => with("list of", kind(&schema["items"])),
        "object" if schema["additionalProperties"].is_object() => {
            with("by name:", kind(&schema["additionalProperties"]))
        }
        "" => Kind { before: "anything".to_owned(), link: None },
        "string" => Kind { before: "text".to_owned(), link: None },
        "integer" => Kind { before: "whole number".to_owned(), link: None },
        "boolean" => Kind { before: "true or false".to_owned(), link: None },
        other => Kind { before: other.to_owned(), link: None },
    }
}

impl Kind {
    fn words(&self) -> String {
        format!("{} {}", self.before, self.link.as_deref().unwrap_or_default()).trim().to_owned()
    }
}

/// The members of a schema, those of what it is put together of too.
fn members(schema: &Value) -> Vec<Member> {
    let needed: Vec<_> = list(schema, "required").iter().filter_map(Value::as_str).collect();
    let mut all: Vec<Member> = schema["properties"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, of)| Member {
            name: name.clone(),
            place: String::new(),
            kind: kind(of),
            needed: needed.contains(&name.as_str()),
            about: about(of),
        })
        .collect();
    for part in list(schema, "allOf") {
        all.extend(members(part));
    }
    all
}

/// What a member is; where it has no words of its own, those of what it is.
fn about(schema: &Value) -> String {
    let own = text(schema, "description");
    let limits = match (schema["minimum"].as_i64(), schema["maximum"].as_i64()) {
        (Some(least), Some(most)) => format!(" From {least} to {most}."),
        _ => String::new(),
    };
    plain(&own) + &limits
}

/// A text of a comment in the code, without its links.
fn plain(text: &str) -> String {
    text.replace("[`", "`").replace("`]", "`").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// All things that calls name, by their names.
pub(super) fn things(api: &Value) -> Vec<Thing> {
    let all = api["components"]["schemas"].as_object();
    let thing = |(name, schema): (&String, &Value)| Thing {
        name: name.clone(),
        about: plain(&text(schema, "description")),
        kind: kind(schema),
        members: members(schema),
    };
    all.into_iter().flatten().map(thing).collect()
}

/// What the first part of a path is about.
fn title(part: &str) -> &'static str {
    match part {
        "boards" | "scan" => "Boards",
        "jobs" => "Jobs",
        "runs" => "Runs",
        "images" => "Images",
        "uploads" => "Uploads",
        "backups" => "Backups",
        "firmware" | "host-firmware" => "Firmware",
        "labels" | "printers" | "prints" => "Labels and printers",
        "projects" => "Projects",
        "scripts" => "Scripts",
        "values" => "Values",
        "rules" => "Rules",
        "places" | "slots" | "switches" => "Slots and switches",
        "network" => "Network",
        "events" => "Changes as they happen",
        "settings" => "Settings",
        "import" | "objects" | "station" | "statistics" => "The station",
        "users" | "account" | "login" | "invitations" | "sessions" | "tokens" => "People and tokens",
        "hooks" | "deliveries" | "host-hooks" => "Hooks",
        "audit" => "Audit",
        "device" | "shell" | "register-device" | "device-action-poll" => "Calls of boards",
        _ => "Others",
    }
}

/// All calls, in groups.
pub(super) fn groups(api: &Value) -> Vec<Group> {
    let mut groups: BTreeMap<&str, Vec<Call>> = BTreeMap::new();
    for (path, methods) in api["paths"].as_object().into_iter().flatten() {
        let part = path.strip_prefix("/api/v1/").or(path.strip_prefix("/api/")).unwrap_or_default();
        let title = title(part.split('/').next().unwrap_or_default());
        for (method, of) in methods.as_object().into_iter().flatten() {
            groups.entry(title).or_default().push(call(api, path, method, of));
        }
    }
    let group = |(title, calls): (&str, Vec<Call>)| Group {
        id: title.to_lowercase().replace(' ', "-"),
        title: title.to_owned(),
        calls,
    };
    groups.into_iter().map(group).collect()
}

fn call(api: &Value, path: &str, method: &str, of: &Value) -> Call {
    let parameter = |of: &Value| Member {
        name: text(of, "name"),
        place: text(of, "in"),
        kind: kind(&of["schema"]),
        needed: of["required"] == true,
        about: Some(plain(&text(of, "description")))
            .filter(|text| !text.is_empty())
            .unwrap_or_else(|| about(&of["schema"])),
    };
    let schema = |of: &Value| {
        let (sort, content) = of["content"].as_object()?.iter().next()?;
        let kind = kind(&content["schema"]);
        let json = sort.ends_with("json");
        Some(if json { kind } else { Kind { before: sort.clone(), link: None } })
    };
    let given = |(status, of): (&String, &Value)| Given {
        status: if status == "default" { "else".to_owned() } else { status.clone() },
        about: text(of, "description"),
        kind: schema(of),
    };
    let access = match of["security"][0].as_object().and_then(|one| one.keys().next()).map(String::as_str) {
        Some("board") => "A board's own token.".to_owned(),
        Some(_) => plain(&text(of, "description")),
        None => "Nothing has to be shown.".to_owned(),
    };
    Call {
        id: text(of, "operationId"),
        method: method.to_uppercase(),
        path: path.to_owned(),
        summary: text(of, "summary"),
        access,
        parameters: list(of, "parameters").iter().map(parameter).collect(),
        body: schema(&of["requestBody"]),
        answers: of["responses"].as_object().into_iter().flatten().map(given).collect(),
        example: example(api, path, method, of),
    }
}

/// How it is called by curl. What has to be put in stands there in capitals.
fn example(api: &Value, path: &str, method: &str, of: &Value) -> String {
    let mut line = "curl".to_owned();
    if of["security"].is_array() {
        line += " -H \"Authorization: Bearer $TOKEN\"";
    }
    if method != "get" {
        line += &format!(" -X {}", method.to_uppercase());
    }
    if let Some((sort, content)) = of["requestBody"]["content"].as_object().and_then(|all| all.iter().next())
    {
        if sort == "application/json" {
            let body = sample(api, &content["schema"], 4);
            line += &format!(
                " -H 'Content-Type: application/json' -d '{}'",
                body.to_string().replace('\'', "'\\''")
            );
        } else {
            line += " -T FILE";
        }
    }
    let filled: Vec<_> = path
        .split('/')
        .map(|part| match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
            Some(name) => name.to_uppercase(),
            None => part.to_owned(),
        })
        .collect();
    let needed = list(of, "parameters").iter().filter(|one| one["in"] == "query" && one["required"] == true);
    let query: Vec<_> =
        needed.map(|one| format!("{}={}", text(one, "name"), text(one, "name").to_uppercase())).collect();
    let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
    line + &format!(" \"$STATION{}{query}\"", filled.join("/"))
}

/// A value of a schema: only what it needs.
fn sample(api: &Value, schema: &Value, depth: u8) -> Value {
    if depth == 0 {
        return Value::Null;
    }
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.rsplit('/').next().unwrap_or_default();
        return sample(api, &api["components"]["schemas"][name], depth - 1);
    }
    for word in ["oneOf", "anyOf", "allOf"] {
        if let Some(one) = list(schema, word).iter().find(|one| one["type"] != "null") {
            return sample(api, one, depth - 1);
        }
    }
    if let Some(first) = list(schema, "enum").first().or(schema.get("const")) {
        return first.clone();
    }
    let sort = match &schema["type"] {
        Value::Array(sorts) => sorts.first().and_then(Value::as_str),
        sort => sort.as_str(),
    };
    match sort {
        Some("object") => {
            let needed = list(schema, "required").iter().filter_map(Value::as_str);
            needed
                .map(|name| (name.to_owned(), sample(api, &schema["properties"][name], depth - 1)))
                .collect()
        }
        Some("array") => Value::Array(Vec::new()),
        Some("string") => "TEXT".into(),
        Some("boolean") => true.into(),
        Some("integer" | "number") => 1.into(),
        _ => Value::Null,
    }
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
