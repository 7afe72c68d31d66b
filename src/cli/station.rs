//! `piprov station`: the station as a whole.

use crate::cli::Global;
use crate::cli::client::{At, Station as Spoken, moment, tell_one};
use crate::cli::ui::Ui;
use crate::station_api::Status;
use crate::stop::Stop;

/// Show the station, and say whether its rules start something
#[derive(Debug, clap::Args)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct Station {
    #[command(flatten)]
    at: At,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show what the station is and does
    Status,
    /// Let its rules start something by themselves
    Arm,
    /// Don't let its rules start anything; what goes on goes on
    Disarm,
}

impl Station {
    pub(super) fn run(self, global: &Global, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
        let station = self.at.open(global, ui, stop)?;
        match self.command {
            Command::Status => show(&station, &station.get("/api/v1/station")?, ui),
            Command::Arm => show(&station, &station.act("/api/v1/station/arm")?, ui),
            Command::Disarm => show(&station, &station.act("/api/v1/station/disarm")?, ui),
        }
        Ok(())
    }
}

fn show(station: &Spoken, status: &Status, ui: &Ui) {
    let rules =
        if status.armed { "armed: they start by themselves" } else { "disarmed: a person starts each job" };
    tell_one(
        ui,
        "station",
        status,
        &[
            ("station", station.client.origin().to_string()),
            ("version", status.version.clone()),
            ("since", moment(status.since)),
            ("store", status.store.clone()),
            ("rules", rules.to_owned()),
            ("new boards", status.enrol.clone()),
            ("boards", status.boards.to_string()),
            ("waiting", status.waiting.to_string()),
            ("present", status.present.to_string()),
            ("jobs", status.jobs.to_string()),
            ("key", status.key.clone()),
        ],
    );
}
