//! `piprov station`: the station as a whole.

use std::path::{Path, PathBuf};

use crate::beneath::place_of;
use crate::cli::client::{At, Station as Spoken, moment, tell_one};
use crate::cli::failure::Context;
use crate::cli::table::columns;
use crate::cli::ui::Ui;
use crate::cli::{Global, common};
use crate::format::count;
use crate::format::json::json;
use crate::station::{Options, copies};
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
    /// Make a certificate for the station on this host, and tell its sha256
    ///
    /// Agents and commands that are told the sha256 trust it and nothing else. The station takes it with its next start.
    Cert(Cert),
    /// Write a copy of the database of the station on this host into a file
    ///
    /// Boards, jobs, runs, images' names, projects, rules, users and tokens are in it; the bytes of images are not. The
    /// station may go on serving. A password of PostgreSQL isn't in it.
    Backup(Backup),
    /// Take such a copy into an empty database: the way from SQLite to PostgreSQL and back
    Restore(Restore),
}

#[derive(Debug, clap::Args)]
struct Cert {
    /// The names and addresses by which it is spoken to
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,
    /// Replace the one that is there; who pins that one no longer trusts the station
    #[arg(long)]
    force: bool,
}

#[derive(Debug, clap::Args)]
struct Backup {
    /// The file, its owner's alone; it must not be there yet
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

#[derive(Debug, clap::Args)]
struct Restore {
    /// The copy
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// The station on this host, as the settings have it.
fn own(global: &Global, ui: &Ui) -> crate::cli::Result<Options> {
    let settings = common::settings(global, ui)?;
    let station = &settings.station;
    Ok(Options {
        state: station.state.value.clone().unwrap_or_else(|| settings.state_dir.value.join("station")),
        records: settings.state_dir.value.clone(),
        store: station.store.value.clone(),
        enrol: station.enrol.value,
        bootd: None,
    })
}

impl Cert {
    fn run(self, global: &Global, ui: &Ui) -> crate::cli::Result<()> {
        let state = own(global, ui)?.state;
        std::fs::create_dir_all(&state).context(format_args!("making {}", state.display()))?;
        let made = crate::station::cert::make(&state, &self.names, self.force)?;
        if ui.json {
            let crate::station::cert::Made { cert, key, sha256 } = made;
            ui.object(&json!({ "event": "certificate", "cert": cert, "key": key, "sha256": sha256 }));
        } else {
            let rows = [("certificate", made.cert.display().to_string()), ("sha256", made.sha256)];
            let rows = rows.map(|(name, value)| [name.to_owned(), value]);
            columns(&rows).iter().for_each(|line| ui.result(line));
        }
        Ok(())
    }
}

impl Backup {
    fn run(self, global: &Global, ui: &Ui) -> crate::cli::Result<()> {
        let doing = format!("writing {}", self.output.display());
        let (dir, name) = place_of(&self.output).context(&doing)?;
        let new = dir.new_file(name, 0o600).context(&doing)?;
        let rows = copies::backup(&own(global, ui)?, std::io::BufWriter::new(new.file()))?;
        new.put().context(&doing)?;
        copied(ui, "copied", &self.output, rows);
        Ok(())
    }
}

impl Restore {
    fn run(self, global: &Global, ui: &Ui) -> crate::cli::Result<()> {
        let file = crate::beneath::open_regular(&self.file);
        let file = file.context(format_args!("opening {}", self.file.display()))?;
        let rows = copies::restore(&own(global, ui)?, file)?;
        copied(ui, "restored", &self.file, rows);
        Ok(())
    }
}

fn copied(ui: &Ui, event: &'static str, path: &Path, rows: u64) {
    if ui.json {
        ui.object(&json!({ "event": event, "path": path, "rows": rows }));
    } else {
        ui.result(format_args!("{event} {}: {}", path.display(), count(rows, "row")));
    }
}

impl Station {
    pub(super) fn run(self, global: &Global, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
        match self.command {
            Command::Cert(args) => return args.run(global, ui),
            Command::Backup(args) => return args.run(global, ui),
            Command::Restore(args) => return args.run(global, ui),
            _ => {}
        }
        let station = self.at.open(global, ui, stop)?;
        match self.command {
            Command::Status => show(&station, &station.get("/api/v1/station")?, ui),
            Command::Arm => show(&station, &station.act("/api/v1/station/arm")?, ui),
            Command::Disarm => show(&station, &station.act("/api/v1/station/disarm")?, ui),
            // They are about files of this host, and done already.
            Command::Cert(_) | Command::Backup(_) | Command::Restore(_) => {}
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
