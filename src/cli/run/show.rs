//! One run, with everything that its record holds.

use serde_json::Value;

use super::{style, took, word};
use crate::cli::remedy;
use crate::cli::ui::{Style, Text, Ui, wrap};
use crate::eeprom;
use crate::format::json::json;
use crate::run::{Ending, Record};
use crate::station_api::EepromRun;

/// Wide enough for each of the words in front.
const WIDTH: usize = 13;
/// What is in the detail is shown to this depth; the record itself has the rest.
const DEPTH: usize = 4;

pub(super) fn show(ui: &Ui, record: &Record) {
    if ui.json {
        ui.object(&json!({ "event": "run", "board": record.board, "record": record }));
        return;
    }
    let line = |word: &str, text: &str| {
        let text = wrap(text, WIDTH + 2, WIDTH + 2, ui.width_out);
        ui.result(format_args!("{}  {text}", ui.paint(Style::Faint, format_args!("{word:WIDTH$}"))));
    };
    line("run", record.run.as_str());
    line("kind", record.way.word());
    line("board", &record.board.label());
    let who = &record.board;
    for (word, text) in [
        ("mac", who.mac.map(|mac| mac.to_string())),
        ("serial", who.serial.as_ref().map(ToString::to_string)),
        ("port", who.port.map(|port| port.to_string())),
        ("chip", who.chip.map(|chip| chip.to_string())),
        ("model", who.model.map(|model| model.to_string())),
        ("address", who.address.map(|address| address.to_string())),
    ] {
        if let Some(text) = text.filter(|text| *text != who.label()) {
            line(word, &text);
        }
    }
    line("began", &record.started.strftime("%Y-%m-%d %H:%M:%SZ").to_string());
    if record.seconds.is_some() {
        line("took", &took(record));
    }
    line("stage", record.stage.word());
    let proof = match &record.ending {
        Ending::Done { proof } => format!(", {}", proof.phrase()),
        _ => String::new(),
    };
    let outcome = ui.paint(style(record), word(record));
    ui.result(format_args!(
        "{}  {outcome}{proof}",
        ui.paint(Style::Faint, format_args!("{:WIDTH$}", "outcome"))
    ));
    if let Some(why) = record.ending.why() {
        line("why", why);
    }
    if let Ending::Failed { last_seen: Some(seen), .. } = &record.ending {
        line("last seen", seen);
    }
    if let Some(hint) = record.ending.hint() {
        line("hint", &remedy::hint(hint));
    }
    for warning in &record.warnings {
        line("warning", &remedy::word(warning));
    }
    line("piprov", &record.piprov);
    if let Value::Object(detail) = &record.detail {
        for (name, value) in detail {
            if name == "eeprom"
                && let Some(run) = EepromRun::of(&record.detail)
            {
                ui.result(ui.paint(Style::Faint, name));
                for (name, text) in eeprom::told::run(&run) {
                    tree(ui, name, &Value::String(text), 1);
                }
                continue;
            }
            tree(ui, name, value, 0);
        }
    }
}

/// A value with its name, and what is in it below.
fn tree(ui: &Ui, name: &str, value: &Value, depth: usize) {
    let indent = " ".repeat(2 * depth);
    let name = ui.paint(Style::Faint, format_args!("{name:width$}", width = WIDTH.saturating_sub(2 * depth)));
    let text = match value {
        Value::Object(members) if depth < DEPTH => {
            ui.result(format_args!("{indent}{name}"));
            members.iter().for_each(|(name, value)| tree(ui, name, value, depth + 1));
            return;
        }
        Value::Array(values)
            if depth < DEPTH && values.iter().any(|value| value.is_object() || value.is_array()) =>
        {
            ui.result(format_args!("{indent}{name}"));
            values.iter().enumerate().for_each(|(n, value)| tree(ui, &(n + 1).to_string(), value, depth + 1));
            return;
        }
        Value::Array(values) => values.iter().map(plain).collect::<Vec<_>>().join(", "),
        // What a script has said keeps its lines.
        Value::String(text) if text.trim_end().contains('\n') => {
            ui.result(format_args!("{indent}{name}"));
            for line in text.trim_end().lines() {
                ui.result(format_args!("{indent}  {}", Text::line(line.to_owned())));
            }
            return;
        }
        Value::String(text) => text.trim_end().to_owned(),
        value => plain(value),
    };
    let text = match ui.width_out {
        Some(_) => wrap(&text, WIDTH + 2, WIDTH + 2, ui.width_out),
        // Of any length.
        None => Text::line(text),
    };
    ui.result(format_args!("{indent}{name}  {text}"));
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => "not known".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}
