//! `piprov netboot client check`.

use clap::Args;

use super::{NONE, Where, name, tell_all};
use crate::cli::Failure;
use crate::cli::Global;
use crate::cli::common::severity_style;
use crate::cli::remedy;
use crate::cli::report::Usage;
use crate::cli::ui::{Style, Ui, wrap};
use crate::config::netboot::Mode;
use crate::error::{Finding, Kind};
use crate::format::count;
use crate::format::json::json;
use crate::netboot::client::{self, Name, unsure_address};
use crate::stop::Stop;

#[derive(Debug, Args)]
pub(super) struct Check {
    /// The clients; default: all of them
    names: Vec<String>,
    /// Make the changes that are missing, and write the exports anew
    #[arg(long)]
    repair: bool,
    #[command(flatten)]
    place: Where,
}

impl Check {
    pub(super) fn run(self, global: &Global, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
        let mut names =
            self.names.iter().map(|text| name(text)).collect::<crate::cli::Result<Vec<Name>>>()?;
        let mut said = names.clone();
        said.sort();
        if let Some(twice) = said.windows(2).find(|pair| pair[0] == pair[1]) {
            Err(Usage {
                message: format!("`{}` is named twice", twice[0]),
                hint: Some("name each client once".into()),
            })?;
        }
        let (clients, settings) = self.place.clients(global, ui, stop)?;
        // What can't be looked at is told when all else is looked at.
        let (sound, mut damaged) = clients.sound()?;
        if names.is_empty() {
            names = sound.into_iter().map(|record| name(&record.name)).collect::<crate::cli::Result<_>>()?;
        }
        let mut bad = 0;
        for name in &names {
            let look = || -> Result<Vec<Finding>, client::Error> {
                if self.repair {
                    let changed = clients.repair_client(name)?;
                    ui.say(format_args!("{name}: {} changed", count(changed as u64, "file")));
                }
                clients.check(name)
            };
            let mut found = match look() {
                Ok(found) => found,
                // Its own files are in the way; other clients have others.
                Err(error @ (client::Error::Unfit { .. } | client::Error::Config { .. })) => {
                    damaged.push(error);
                    continue;
                }
                Err(error) => Err(error)?,
            };
            // In mode proxy somebody else gives the addresses, and nothing is known of them here.
            if settings.netboot.mode.value == Mode::Dhcp {
                found.extend(unsure_address(&clients.one(name)?, &settings.netboot.hosts.value));
            }
            bad += usize::from(!found.is_empty());
            if ui.json {
                ui.object(
                    &json!({ "event": "checked", "board": clients.one(name)?.who(), "findings": found }),
                );
                continue;
            }
            if found.is_empty() {
                ui.result(format_args!("{name}  {}", ui.paint(Style::Good, "as it should be")));
            }
            for found in found {
                let head = format!("{name}  {}: ", found.topic);
                let indent = name.as_str().len() + 2;
                let what = wrap(&found.what, head.len(), indent, ui.width_out);
                ui.result(format_args!(
                    "{name}  {}: {what}",
                    ui.paint(severity_style(found.severity), found.topic)
                ));
                if !found.remedy.is_empty() {
                    let remedy = wrap(&remedy::hint(&found.remedy), indent + 6, indent + 6, ui.width_out);
                    ui.result(format_args!("{:indent$}hint: {remedy}", ""));
                }
            }
        }
        if names.is_empty() && damaged.is_empty() {
            ui.say(NONE);
        }
        tell_all(ui, damaged)?;
        if bad > 0 { Err(Failure::already_told(Kind::Failed)) } else { Ok(()) }
    }
}
