//! `piprov station`: the station as a whole.

#[cfg(feature = "station")]
mod own;

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
    #[cfg(feature = "station")]
    /// Make a certificate for the station on this host, and tell its sha256
    ///
    /// Agents and commands that are told the sha256 trust it and nothing else. The station takes it with its next start.
    Cert(own::Cert),
    #[cfg(feature = "station")]
    /// Write a copy of the database of the station on this host into a file
    ///
    /// Boards, jobs, runs, images' names, projects, rules, users and tokens are in it; the bytes of images are not. The
    /// station may go on serving. A password of PostgreSQL isn't in it.
    Backup(own::Backup),
    #[cfg(feature = "station")]
    /// Take such a copy into an empty database, whichever of the two it is
    Restore(own::Restore),
}

impl Station {
    pub(super) fn run(self, global: &Global, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
        let open = || self.at.open(global, ui, stop);
        match self.command {
            #[cfg(feature = "station")]
            Command::Cert(args) => args.run(global, ui),
            #[cfg(feature = "station")]
            Command::Backup(args) => args.run(global, ui),
            #[cfg(feature = "station")]
            Command::Restore(args) => args.run(global, ui),
            Command::Status => show(&open()?, ui, Spoken::get),
            Command::Arm => show(&open()?, ui, |station, path| station.act(&format!("{path}/arm"))),
            Command::Disarm => show(&open()?, ui, |station, path| station.act(&format!("{path}/disarm"))),
        }
    }
}

fn show(
    station: &Spoken,
    ui: &Ui,
    ask: impl FnOnce(&Spoken, &str) -> Result<Status, crate::http::Error>,
) -> crate::cli::Result<()> {
    let status = ask(station, "/api/v1/station")?;
    let rules =
        if status.armed { "armed: they start by themselves" } else { "disarmed: a person starts each job" };
    tell_one(
        ui,
        "station",
        &status,
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
    Ok(())
}
