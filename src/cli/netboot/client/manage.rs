//! `piprov netboot client remove` and `rename`.

use std::borrow::Cow;
use std::path::PathBuf;

use clap::Args;

use super::{Where, name};
use crate::cli::Global;
use crate::cli::confirm::confirm;
use crate::cli::remedy;
use crate::cli::ui::Ui;
use crate::format::json::json;
use crate::netboot::client::{Kept, Removed};
use crate::stop::Stop;

#[derive(Debug, Args)]
pub(super) struct Remove {
    /// The client
    name: String,
    /// Remove it without asking; the name again, for scripts
    #[arg(long, value_name = "NAME")]
    confirm: Option<String>,
    /// Say what would be removed, and remove nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
    #[command(flatten)]
    place: Where,
}

impl Remove {
    pub(super) fn run(self, global: &Global, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
        let name = name(&self.name)?;
        let (clients, _) = self.place.clients(global, ui, stop)?;
        let Removed { record, paths, kept } = clients.would_remove(&name)?;
        if self.dry_run {
            if ui.json {
                ui.object(&json!({ "event": "would-remove", "board": record.who(), "paths": texts(&paths) }));
            } else {
                for path in paths {
                    ui.result(format_args!("{} would be removed", path.display()));
                }
            }
            tell(ui, kept);
            return Ok(());
        }
        if self.confirm.is_none() && ui.can_ask() {
            ui.say(format_args!("This removes the root of {name} with all that is in it."));
        }
        confirm(name.as_str(), self.confirm.as_deref(), ui, stop)?;
        // Somebody may have changed it while the question stood.
        let Removed { record, paths, kept } = clients.remove(&name)?;
        tell(ui, kept);
        if ui.json {
            ui.object(&json!({ "event": "removed", "board": record.who(), "paths": texts(&paths) }));
        } else {
            ui.result(format_args!("{name} removed"));
        }
        Ok(())
    }
}

fn tell(ui: &Ui, kept: Option<Kept>) {
    if let Some(kept) = kept {
        ui.warn(remedy::word(&kept.text()));
    }
}

fn texts(paths: &[PathBuf]) -> Vec<Cow<'_, str>> {
    paths.iter().map(|path| path.to_string_lossy()).collect()
}

#[derive(Debug, Args)]
pub(super) struct Rename {
    /// The client
    old: String,
    /// Its new name
    new: String,
    #[command(flatten)]
    place: Where,
}

impl Rename {
    pub(super) fn run(self, global: &Global, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
        let (old, new) = (name(&self.old)?, name(&self.new)?);
        let (clients, _) = self.place.clients(global, ui, stop)?;
        let record = clients.rename(&old, &new)?;
        if ui.json {
            ui.object(
                &json!({ "event": "renamed", "board": record.who(), "from": old.as_str(), "client": record }),
            );
        } else {
            ui.result(format_args!("{old} renamed to {new}, from its next start on"));
        }
        Ok(())
    }
}
