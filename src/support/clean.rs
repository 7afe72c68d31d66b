//! Takes out of texts what looks like a secret, and what a terminal would obey. It may take too much.

use serde_json::Value;

use crate::format::shown;

/// What stands where something was taken out.
const GONE: &str = "…";

/// Words that a secret follows, behind `=` or `:`.
const NAMES: [&str; 11] = [
    "password",
    "passwd",
    "pgpassword",
    "passphrase",
    "secret",
    "token",
    "authorization",
    "api_key",
    "apikey",
    "cookie",
    "private_key",
];

/// Whether what has this name is a secret by its name.
fn is_secret(name: &str) -> bool {
    let name: String = name.to_ascii_lowercase().replace('-', "_");
    // A token's file is no secret, and neither is how often a token was wrong.
    NAMES.iter().any(|known| name == *known || name.ends_with(&format!("_{known}")))
}

/// A line without secrets and without what a terminal would obey.
#[must_use]
pub fn clean(line: &str) -> String {
    let line = shown(line);
    if line.contains("PRIVATE KEY-----") {
        return GONE.to_owned();
    }
    named(&words(&logins(&line)))
}

/// Takes secrets out of all texts in a value, at whatever depth.
pub(super) fn value(value: &mut Value) {
    match value {
        Value::String(text) => *text = text.lines().map(clean).collect::<Vec<_>>().join("\n"),
        Value::Array(all) => all.iter_mut().for_each(self::value),
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(text) if is_secret(name) && !text.is_empty() => GONE.clone_into(text),
                    _ => self::value(member),
                }
            }
        }
        _ => {}
    }
}

/// Without what stands between the scheme of a URL and its host.
fn logins(line: &str) -> String {
    let mut parts = line.split("://");
    let mut clean = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part
            .find(|c: char| c.is_whitespace() || matches!(c, '"' | '`' | '<' | '>'))
            .unwrap_or(part.len());
        let (url, rest) = part.split_at(end);
        clean.push_str("://");
        match url.rsplit_once('@') {
            Some((_, host)) => clean.extend([GONE, "@", host]),
            None => clean.push_str(url),
        }
        clean.push_str(rest);
    }
    clean
}

/// Without words that are tokens, hashes of passwords, or proofs of boards, by their form.
fn words(line: &str) -> String {
    let is_word =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | '$' | '+' | '/' | '=' | ',');
    let mut clean = String::with_capacity(line.len());
    let mut rest = line;
    while !rest.is_empty() {
        let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let (word, more) = rest.split_at(end);
        clean.push_str(&without(word));
        let next = more.chars().next().map_or(0, char::len_utf8);
        clean.push_str(&more[..next]);
        rest = &more[next..];
    }
    clean
}

fn without(word: &str) -> String {
    if let Some((before, _)) = word.split_once("$argon2") {
        return format!("{before}{GONE}");
    }
    for prefix in ["piprov_", "proxied_"] {
        let digits = word
            .split_once(prefix)
            .map(|(before, after)| (before, after.bytes().take_while(u8::is_ascii_hexdigit).count()));
        if let Some((before, 16..)) = digits {
            return format!("{before}{prefix}{GONE}");
        }
    }
    // A board's token: b.BOARD.KEY.CODE, j.JOB.FENCE.BOARD.CODE.
    let board = word.rsplit(['=', '/']).next().unwrap_or(word);
    if (board.starts_with("b.") || board.starts_with("j."))
        && board.len() >= 60
        && board.matches('.').count() >= 3
    {
        return GONE.to_owned();
    }
    word.to_owned()
}

/// Without what follows a name of a secret: `NAME=VALUE`, `NAME: VALUE`, `"NAME": "VALUE"`.
fn named(line: &str) -> String {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let (mut clean, mut rest) = (String::with_capacity(line.len()), line);
    while let Some(at) = rest.find(['=', ':']) {
        let (before, after) = rest.split_at(at);
        let name = before.trim_end_matches(['"', '\'']);
        let from = name
            .rfind(|c| !is_name(c))
            .map_or(0, |at| at + name[at..].chars().next().map_or(1, char::len_utf8));
        clean.push_str(before);
        clean.push_str(&after[..1]);
        rest = &after[1..];
        if !is_secret(&name[from..]) {
            continue;
        }
        let lead = rest.len() - rest.trim_start_matches([' ', '"', '\'']).len();
        let value = &rest[lead..];
        if value.is_empty() {
            continue;
        }
        // Of a header all of it, of quoted text up to the quote, else up to the next space or `&`.
        let quote = rest[..lead].chars().rev().find(|c| matches!(c, '"' | '\''));
        let header = ["authorization", "cookie"]
            .iter()
            .any(|known| name[from..].to_ascii_lowercase().ends_with(known));
        let end = match quote {
            Some(quote) => value.find(quote),
            None if header => None,
            None => value.find(|c: char| c.is_whitespace() || matches!(c, '&' | ';' | ',')),
        };
        clean.push_str(&rest[..lead]);
        clean.push_str(GONE);
        rest = &value[end.unwrap_or(value.len())..];
    }
    clean + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn secrets_go_by_their_form_and_by_their_name() {
        let board = format!("b.0190f000-0000-7000-8000-000000000001.{}.{}", "a".repeat(64), "b".repeat(32));
        for (line, want) in [
            (
                "store postgres://piprov:s3cr3t@db:5432/x?y=1 is away",
                "store postgres://…@db:5432/x?y=1 is away",
            ),
            ("http://a:b/c@d@host/ x", "http://…@host/ x"),
            ("token piprov_0123456789abcdef0123 was used", "token piprov_… was used"),
            ("piprov_station is no token", "piprov_station is no token"),
            ("hash=$argon2id$v=19$m=1,t=2,p=1$c2FsdA$aGFzaA rest", "hash=… rest"),
            ("PGPASSWORD=hunter2 psql", "PGPASSWORD=… psql"),
            ("Authorization: Bearer abc def", "Authorization: …"),
            (r#"{"hook_secret": "abc\" def", "n": 1}"#, r#"{"hook_secret": "…" def", "n": 1}"#),
            ("otpauth://totp/x?secret=JBSWY3DP&issuer=p", "otpauth://totp/x?secret=…&issuer=p"),
            ("-----BEGIN PRIVATE KEY----- MIIEvQ", "…"),
            ("station.token-file = /etc/piprov/token", "station.token-file = /etc/piprov/token"),
            ("a\u{1b}[31mred", "a\\u{1b}[31mred"),
        ] {
            let clean = clean(line);
            if line.contains('\u{1b}') {
                assert!(!clean.contains('\u{1b}'), "{clean:?}");
            } else {
                assert_eq!(clean, want);
            }
        }
        assert_eq!(clean(&format!("pass {board} end")), "pass … end");
    }

    #[test]
    fn members_of_a_value_are_cleaned_at_whatever_depth() {
        let mut value = serde_json::json!({ "a": [{ "Token": "abc", "note": "PGPASSWORD=x\nsecond" }], "token-file": "/t" });
        super::value(&mut value);
        assert_eq!(
            value,
            serde_json::json!({ "a": [{ "Token": "…", "note": "PGPASSWORD=…\nsecond" }], "token-file": "/t" })
        );
    }

    proptest! {
        #[test]
        fn any_line_can_be_cleaned_and_a_password_behind_its_name_never_stays(line in ".{0,80}", secret in "[a-z0-9]{12}") {
            let _ = clean(&line);
            for text in [format!("{line} password={secret}"), format!("{line} http://u:{secret}@h/"), format!("secret: {secret} {line}")] {
                prop_assert!(!clean(&text).contains(&secret), "{} of {}", clean(&text), text);
            }
        }
    }
}
