//! `piprov netboot client list` and `show`.

use clap::Args;

use super::{NONE, Where, name, tell_all};
use crate::cli::Global;
use crate::cli::table;
use crate::cli::ui::{Style, Ui};
use crate::format::json::json;
use crate::format::size;
use crate::netboot::client::{Phase, Record};
use crate::stop::Stop;

#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    place: Where,
}

impl List {
    pub(super) fn run(self, global: &Global, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
        let (clients, _) = self.place.clients(global, ui, stop)?;
        let (records, damaged) = clients.sound()?;
        if ui.json {
            for record in records {
                ui.object(&json!({ "event": "client", "board": record.who(), "client": record }));
            }
            return tell_all(ui, damaged);
        }
        if records.is_empty() {
            tell_all(ui, damaged)?;
            ui.say(NONE);
            return Ok(());
        }
        let mut rows = vec![["NAME", "BOARD", "MODE", "FOR", "RELEASE", "STATE"].map(str::to_owned)];
        rows.extend(records.iter().map(|record| {
            [
                record.name.clone(),
                record.board.clone(),
                record.mode.name().to_owned(),
                record.network.clone(),
                record.layout.release.clone(),
                state(record).to_owned(),
            ]
        }));
        table::tell(ui, Style::Strong, &rows);
        tell_all(ui, damaged)
    }
}

fn state(record: &Record) -> &'static str {
    match record.phase {
        Phase::Making => "half made",
        Phase::Removing => "half removed",
        Phase::Ready if record.renaming.is_some() => "half renamed",
        Phase::Ready if record.becoming.is_some() => "half changed",
        Phase::Ready => "ready",
    }
}

#[derive(Debug, Args)]
pub(super) struct Show {
    /// The client
    name: String,
    #[command(flatten)]
    place: Where,
}

impl Show {
    pub(super) fn run(self, global: &Global, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
        let name = name(&self.name)?;
        let (clients, _) = self.place.clients(global, ui, stop)?;
        let record = clients.one(&name)?;
        if ui.json {
            ui.object(&json!({ "event": "client", "board": record.who(), "client": record }));
            return Ok(());
        }
        let path = |path: &std::path::Path| path.display().to_string();
        let mut rows = vec![
            ["name", &record.name],
            ["state", state(&record)],
            ["board", &record.board],
            ["mode", record.mode.name()],
        ]
        .into_iter()
        .map(|row| row.map(str::to_owned))
        .collect::<Vec<_>>();
        let mut row = |key: &str, value: String| rows.push([key.to_owned(), value]);
        row("root", path(&record.root));
        if let Some(layer) = &record.layer {
            row("own files", path(layer));
        }
        row("boot files", path(&record.boot));
        row("boot mounted at", record.layout.boot.clone());
        row("server", record.server.to_string());
        let exported = if record.exported { "" } else { " (not exported by piprov)" };
        row("exported to", format!("{}{exported}", record.network));
        row("release", format!("{}, {}-bit", record.layout.release, record.layout.bits));
        row("from", format!("{} ({})", path(&record.origin.from), record.origin.identity));
        if let Some(digest) = &record.origin.file_sha256 {
            row("image sha256", digest.clone());
        }
        if record.origin.entries > 0 {
            let amount = format!("{} names, {}", record.origin.entries, size(record.origin.bytes));
            row("root read back", format!("{amount}, sha256 {}", record.origin.root_sha256));
        }
        row("added", record.created.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
        for key in &record.keys {
            row("host key", key.public.trim_end().to_owned());
        }
        table::facts(ui, &rows);
        Ok(())
    }
}
