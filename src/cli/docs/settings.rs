//! The manual's page of the configuration files: its prose stands in `piprov.toml.5` beside this file, its settings
//! come from their table.

use clap_mangen::roff::{Inline, Roff, bold, roman};

use crate::config::{Row, Settings, Written};

const PROSE: &str = include_str!("piprov.toml.5");
/// The line of the prose in whose place the settings stand.
const HERE: &str = ".\\\" SETTINGS\n";

/// The whole page.
pub(super) fn page() -> String {
    PROSE.replace(HERE, &sections(&Settings::without_files().rows()))
}

/// A section for each table, a paragraph for each of its settings.
fn sections(rows: &[Row<'_>]) -> String {
    let mut page = Roff::new();
    let mut last = None;
    for row in rows {
        let (table, name) = row.key.rsplit_once('.').unwrap_or(("", row.key));
        if last != Some(table) {
            last = Some(table);
            let title = if table.is_empty() { "Above all tables".to_owned() } else { format!("[{table}]") };
            page.control("SS", [title.as_str()]);
        }
        page.control("TP", []);
        page.text([bold(name)]);
        let help: Vec<&str> = row.help.split_whitespace().collect();
        page.text(marked(&help.join(" ")));
        page.text(marked(&format!("{}.", capital(&row.wanted))));
        page.text([match &row.value {
            Written::One(text) if !text.is_empty() => roman(format!("Built in is {text}.")),
            Written::List(all) if !all.is_empty() => roman(format!("Built in is {}.", all.join(", "))),
            _ => roman("Nothing is built in."),
        }]);
        if row.members.is_empty() {
            continue;
        }
        page.text([roman(format!("Each table begins with a line [[{}]] and has these keys:", row.key))]);
        page.control("RS", []);
        for member in &row.members {
            page.control("TP", []);
            page.text([bold(member.name)]);
            let help: Vec<&str> = member.help.split_whitespace().collect();
            page.text(marked(&format!("{} {}.", help.join(" "), capital(&member.wanted))));
        }
        page.control("RE", []);
    }
    page.to_roff()
}

/// What stands between backticks is bold.
fn marked(text: &str) -> Vec<Inline> {
    let piece = |(at, text): (usize, &str)| if at % 2 == 1 { bold(text) } else { roman(text) };
    text.split('`').enumerate().map(piece).collect()
}

fn capital(text: &str) -> String {
    let mut all = text.chars();
    all.next().map(|first| first.to_uppercase().chain(all).collect()).unwrap_or_default()
}
