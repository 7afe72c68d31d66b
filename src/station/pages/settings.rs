//! Settings: each with what it is and where its value comes from; those that may change while the station serves, to be
//! changed.

use crate::error::sentence;
use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use super::form::Form;
use super::frame::Frame;
use super::table::{Pages, go, page_of};
use super::visit::Visit;
use crate::station::web::{Access, Refusal};
use crate::station_api::{Role, SettingLine};

type Answer = Result<Response, Refusal>;

pub(super) fn add_to(pages: &mut Pages) {
    pages.get("/settings", Access::Role(Role::Viewer), show);
    pages.post("/settings", Access::Role(Role::Admin), save);
    pages.post("/settings/back", Access::Role(Role::Admin), back);
}

/// A setting that may be changed.
struct Field {
    line: SettingLine,
    /// What may be chosen; empty where it is written.
    choices: &'static [(&'static str, &'static str)],
    /// What stands in the field.
    typed: String,
    /// Why that can't be.
    wrong: Option<String>,
}

/// Settings of one table of the file.
struct Group {
    title: &'static str,
    /// What has to be done so that another value counts.
    takes: &'static str,
    lines: Vec<SettingLine>,
}

#[derive(Template)]
#[template(path = "settings.html")]
struct Page {
    frame: Frame,
    fields: Vec<Field>,
    groups: Vec<Group>,
    changes: bool,
    works: bool,
}

/// What may be chosen of a setting.
fn choices(key: &str) -> &'static [(&'static str, &'static str)] {
    match key {
        "station.enrol" => &[("ask", "a person lets each board in"), ("open", "each board may take work")],
        "station.shell-clients" => &[("true", "are served"), ("false", "get nothing")],
        _ => &[],
    }
}

/// What people call it.
fn label(key: &str) -> &'static str {
    match key {
        "station.enrol" => "Boards that nobody knows",
        "station.keep-runs" => "Runs are kept, in days",
        "station.keep-logs" => "Lines of runs’ logs are kept, in days",
        "station.keep-sightings" => "Where boards were seen is kept, in days",
        "station.keep-audit" => "What people did is kept, in days",
        "station.shell-clients" => "Boards whose client is a shell script",
        _ => "",
    }
}

impl Field {
    fn of(line: SettingLine) -> Self {
        Self { choices: choices(&line.key), typed: line.value.clone(), line, wrong: None }
    }

    fn label(&self) -> &str {
        match label(&self.line.key) {
            "" => &self.line.key,
            label => label,
        }
    }
}

/// The settings that can't be changed here, by what has to be done for another value.
fn groups(lines: Vec<SettingLine>) -> Vec<Group> {
    const STATION: &str = "Changed in a file of settings. Takes a restart of the station.";
    const BOOTS: &str = "Changed in a file of settings. Takes a restart of what boots boards.";
    const COMMANDS: &str =
        "Changed in a file of settings. Commands at the shell read it each time; no restart.";
    let mut groups = [
        Group { title: "The station", takes: STATION, lines: Vec::new() },
        Group { title: "What boots boards", takes: BOOTS, lines: Vec::new() },
        Group { title: "Commands at the shell", takes: COMMANDS, lines: Vec::new() },
    ];
    let [station, boots, commands] = &mut groups;
    for line in lines {
        let table = line.key.split('.').next().unwrap_or_default();
        let group = match (table, line.key.as_str()) {
            (_, "station.url" | "station.token-file" | "station.pin") | ("flash", _) => &mut *commands,
            ("station", _) | (_, "state-dir") => &mut *station,
            _ => &mut *boots,
        };
        group.lines.push(line);
    }
    groups.into()
}

async fn show_page(visit: &Visit, fields: Vec<Field>, rest: Vec<SettingLine>, status: StatusCode) -> Answer {
    let frame = visit.frame("Settings", "settings").await;
    let (changes, works) = (frame.can("admin"), frame.can("operator"));
    page_of(status, &Page { frame, fields, groups: groups(rest), changes, works })
}

async fn show(visit: Visit) -> Answer {
    let (fields, rest): (Vec<_>, Vec<_>) =
        visit.station.settings.lines().into_iter().partition(|line| line.changes);
    show_page(&visit, fields.into_iter().map(Field::of).collect(), rest, StatusCode::OK).await
}

/// All fields are checked before one of them is saved.
async fn save(visit: Visit, form: Form) -> Answer {
    let (station, who) = (&visit.station, visit.who());
    let (lines, rest): (Vec<_>, Vec<_>) = station.settings.lines().into_iter().partition(|line| line.changes);
    let mut fields: Vec<Field> = lines.into_iter().map(Field::of).collect();
    let mut wanted = Vec::new();
    for field in &mut fields {
        let key = &field.line.key;
        // A page of another version may not have it.
        let Some(typed) = form.all(key).next().filter(|_| !field.line.fixed) else { continue };
        match station.settings.check(key, typed) {
            Ok(value) if value != field.line.value => wanted.push((key.clone(), value)),
            Ok(_) => {}
            Err(error) => {
                let why = match error {
                    crate::config::Error::Bad { why, .. } => why,
                    other => other.to_string(),
                };
                field.wrong = Some(sentence(&why));
            }
        }
        field.typed = typed.to_owned();
    }
    if fields.iter().any(|field| field.wrong.is_some()) {
        return show_page(&visit, fields, rest, StatusCode::UNPROCESSABLE_ENTITY).await;
    }
    for (key, value) in &wanted {
        station.save_setting(&who, key, Some(value)).await?;
    }
    let saved = match wanted.len() {
        0 => "Nothing was changed: all of it is so already.".to_owned(),
        1 => "1 setting is saved. It holds at once.".to_owned(),
        n => format!("{n} settings are saved. They hold at once."),
    };
    visit.say(false, saved);
    Ok(go("/settings"))
}

/// What the files say holds again.
async fn back(visit: Visit, form: Form) -> Answer {
    let line = visit.station.save_setting(&visit.who(), form.text("key"), None).await?;
    visit.say(false, format!("{} is {} again ({}).", line.key, line.value, line.comes_from));
    Ok(go("/settings"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{CHANGE_WHILE_SERVING, Settings};

    #[test]
    fn each_setting_that_changes_has_words_and_what_may_be_chosen_is_taken() {
        for key in CHANGE_WHILE_SERVING {
            assert!(!label(key).is_empty(), "{key}");
            for (value, _) in choices(key) {
                Settings::without_files().take_saved(key, value).unwrap();
            }
        }
    }
}
