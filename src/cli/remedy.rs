//! How a remedy is worded on the command line: settings as flags, jobs as commands. This is the only place that knows
//! them by these names; what stands here is held against what clap takes.

use serde_json::Value;

use crate::error::{Action, Knob, Piece, Remedy, Task};

/// A remedy as a sentence for who sits at a shell.
pub(crate) fn word(remedy: &Remedy) -> String {
    remedy
        .pieces()
        .iter()
        .map(|piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Do(action) => action_word(action),
        })
        .collect()
}

/// A value of `--json` in which remedies are sentences too.
pub(super) fn word_value(value: &mut Value) {
    let of_remedy = |part: &Value| part.is_string() || part.get("do").is_some();
    match value {
        Value::Array(parts) if parts.iter().all(of_remedy) && !parts.iter().all(Value::is_string) => {
            if let Ok(remedy) = serde_json::from_value(Value::Array(std::mem::take(parts))) {
                *value = word(&remedy).into();
            }
        }
        Value::Array(parts) => parts.iter_mut().for_each(word_value),
        Value::Object(parts) => parts.values_mut().for_each(word_value),
        _ => {}
    }
}

fn action_word(action: &Action) -> String {
    match action {
        Action::Set { knob: k, value } => {
            let (flag, own) = knob(*k);
            match value.as_deref().or(own) {
                Some(value) => format!("`{flag} {value}`"),
                None => format!("`{flag}`"),
            }
        }
        Action::LeaveOut { knob: k } => knob(*k).0.to_owned(),
        Action::Task { task: t, with } => {
            let mut with = with.iter();
            let words = task(*t).split(' ').map(|word| {
                let own = word.chars().all(|char| char.is_ascii_uppercase()).then(|| with.next()).flatten();
                own.map_or_else(|| word.to_owned(), Clone::clone)
            });
            format!("`piprov {}`", words.collect::<Vec<_>>().join(" "))
        }
        Action::Host { command, root: true } => format!("`sudo {command}`"),
        Action::Host { command, root: false } => format!("`{command}`"),
        Action::Install { packages } => format!("`apt-get install {}`", packages.join(" ")),
        Action::AsRoot => "run it with sudo".to_owned(),
    }
}

/// The flag for a setting, and what stands for a value of it that only the user knows.
const fn knob(knob: Knob) -> (&'static str, Option<&'static str>) {
    match knob {
        Knob::Force => ("--force", None),
    }
}

/// The command for a job, with its arguments; a word in capitals stands for what it is done with.
const fn task(task: Task) -> &'static str {
    match task {
        Task::ConfigShow => "config show",
    }
}
