//! The lines of `--json`: one object each, with the same members at the beginning. docs/json.md tells what each holds.

use jiff::Timestamp;
use serde::Serialize;
use serde::ser::Error as _;
use serde_json::{Map, Value};

use crate::cli::remedy;
use crate::format::json;

/// The number of this form of the lines; a reader that knows it understands the rest.
const SCHEMA: u32 = 2;

/// A value as one line.
///
/// # Errors
/// Where it has no form in JSON, or is no object that says which event it is.
pub(super) fn line(value: &impl Serialize) -> serde_json::Result<String> {
    #[derive(Serialize)]
    struct Line {
        schema: u32,
        time: Value,
        event: Value,
        #[serde(skip_serializing_if = "Option::is_none")]
        board: Option<Value>,
        #[serde(flatten)]
        rest: Map<String, Value>,
    }
    let Value::Object(mut rest) = serde_json::to_value(value)? else {
        return Err(serde_json::Error::custom("a line is an object"));
    };
    let event = rest.remove("event").ok_or_else(|| serde_json::Error::custom("a line has an event"))?;
    let time = rest.remove("time").unwrap_or_else(|| now().to_string().into());
    let mut line = Line { schema: SCHEMA, time, event, board: rest.remove("board"), rest };
    line.rest.values_mut().for_each(remedy::word_value);
    json::line(&line)
}

/// Now, to the millisecond: a line's place among others matters, not the clock's last digits.
fn now() -> Timestamp {
    let now = Timestamp::now();
    now.round(jiff::Unit::Millisecond).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_begins_with_what_every_line_has() {
        let value = serde_json::json!({
            "a": 1, "board": { "name": "lab-01" }, "event": "x", "time": "2026-11-28T10:00:00Z",
        });
        assert_eq!(
            line(&value).unwrap(),
            r#"{"schema":2,"time":"2026-11-28T10:00:00Z","event":"x","board":{"name":"lab-01"},"a":1}"#
        );
        assert!(line(&serde_json::json!({ "event": "x" })).unwrap().starts_with(r#"{"schema":2,"time":"2"#));
        assert!(line(&serde_json::json!({ "a": 1 })).is_err());
        assert!(line(&serde_json::json!([1])).is_err());
    }
}
