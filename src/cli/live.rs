//! `piprov live`.

use std::time::SystemTime;

use jiff::Timestamp;

use crate::board::Who;
use crate::cli::mklive::Place;
use crate::cli::table;
use crate::cli::ui::{Style, Ui};
use crate::cli::{Global, common};
use crate::format::json::json;
use crate::format::minutes;
use crate::live::record::{Phase, Record, Records, now};
use crate::live::{Entry, EntryKind, Overlay};

#[derive(Debug, clap::Args)]
pub struct Live {
    #[command(flatten)]
    place: Place,
}

/// A port with an overlay, a record, or both.
struct Row {
    port: crate::board::PortPath,
    client: Option<String>,
    since: Option<Timestamp>,
    record: Option<Record>,
    foreign: bool,
}

impl Live {
    pub(super) fn run(self, global: &Global, ui: &Ui) -> crate::cli::Result<()> {
        let settings = common::settings(global, ui)?;
        let tree = self.place.tree(&settings)?;
        let mut records = Records::new(&settings.runtime_dir.value).all()?;
        let mut rows = Vec::new();
        for Entry { name, kind, .. } in tree.entries()? {
            let Some(port) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
            let known = records.iter().position(|(at, _)| *at == port);
            let record = known.map(|at| records.remove(at).1);
            let (client, since) = match &kind {
                EntryKind::Overlay(Overlay { target, since, .. }) => (tree.client_name(target), *since),
                _ => (kind.describe(), None),
            };
            let foreign = !kind.is_ours();
            rows.push(Row { port, client: Some(client), since: since.and_then(timestamp), record, foreign });
        }
        rows.extend(records.into_iter().map(|(port, record)| Row {
            port,
            client: None,
            since: None,
            record: Some(record),
            foreign: false,
        }));
        rows.sort_by_key(|row| row.port);
        show(&rows, &tree, ui);
        Ok(())
    }
}

fn timestamp(time: SystemTime) -> Option<Timestamp> {
    Timestamp::try_from(time).ok()?.round(jiff::Unit::Second).ok()
}

fn show(rows: &[Row], tree: &crate::live::Tree, ui: &Ui) {
    if ui.json {
        for row in rows {
            let record = row.record.as_ref();
            let serial = record.and_then(|record| record.serial);
            let board = Who { serial, ..Who::at(row.port) };
            ui.object(&json!({
                "event": "overlay", "board": board, "client": row.client, "since": row.since,
                "phase": record.map(|record| record.phase), "ours": !row.foreign,
            }));
        }
        return;
    }
    if rows.is_empty() {
        ui.say(format_args!("no port has files of its own in {}", tree.live().display()));
        return;
    }
    let mut lines = vec![["PORT", "CLIENT", "SINCE", "STATE"].map(str::to_owned)];
    lines.extend(rows.iter().map(|row| {
        [
            row.port.to_string(),
            row.client.clone().unwrap_or_else(|| "none".to_owned()),
            row.since.map_or_else(|| "-".to_owned(), |since| since.to_string()),
            state(row),
        ]
    }));
    table::tell(ui, Style::Strong, &lines);
}

fn state(row: &Row) -> String {
    if row.foreign {
        return "not piprov's, left alone".to_owned();
    }
    let Some(record) = &row.record else {
        return "left over; goes when a board comes, or by clnlive".to_owned();
    };
    let board = record.serial.as_ref().map_or_else(String::new, |serial| format!("board {serial} "));
    let mut text = match (&record.owed, record.phase) {
        (Some(owed), _) => format!("{board}does not take `{}` yet", owed.command.line().trim_end()),
        (None, Phase::Restarting) => format!("{board}told to restart"),
        (None, Phase::Rom) => format!("{board}in the boot ROM"),
        (None, Phase::Served) => format!("{board}gets its files"),
        (None, Phase::Refused) => format!("{board}has no files, told to power off"),
    };
    if let Some(since) = record.empty_since {
        let empty = std::time::Duration::from_millis(now().saturating_sub(since));
        text += &format!(", port empty for {}", minutes(empty));
    }
    text
}
