//! `piprov backup`: what boards have sent of their disks.

use crate::cli::client::{At, Station, moment, parse, path, tell, wait};
use crate::cli::confirm::confirm;
use crate::cli::image::{self, One, Remove};
use crate::cli::ui::Ui;
use crate::cli::{Global, client};
use crate::device_api::{Action, End, Role};
use crate::format::size;
use crate::station_api::{Backup as Known, Board, Job, NewJob};
use crate::stop::Stop;

/// Show the backups of boards, check them, and put them back
///
/// `piprov board backup` makes one. A backup is an image too: `piprov image export` gives it as a file.
#[derive(Debug, clap::Args)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct Backup {
    #[command(flatten)]
    at: At,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List backups
    List(List),
    /// Show one backup
    Show(One),
    /// Write a backup onto a board, also onto another one with a larger disk
    Restore(Restore),
    /// Read a backup in the station again, and compare it with its digests
    Verify(One),
    /// Take a backup out; what other images share stays
    Remove(Remove),
}

#[derive(Debug, clap::Args)]
struct List {
    /// Only backups of this board
    #[arg(long)]
    board: Option<String>,
}

#[derive(Debug, clap::Args)]
struct Restore {
    #[command(flatten)]
    one: One,
    /// The board whose disk is overwritten
    #[arg(value_name = "BOARD")]
    board: String,
    /// Which disk: emmc, sd, nvme or usb, the first of these that it has one of
    #[arg(long, value_name = "DISK", value_delimiter = ',', value_parser = parse::<Role>)]
    target: Vec<Role>,
    /// What comes after: reboot, power-off or wait
    #[arg(long, value_name = "END", value_parser = parse::<End>)]
    end: Option<End>,
    /// The board again, to show that it is meant
    #[arg(long, value_name = "BOARD")]
    confirm: Option<String>,
    /// Don't wait until it is done
    #[arg(long)]
    no_wait: bool,
}

impl Backup {
    pub(super) fn run(self, global: &Global, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
        let station = self.at.open(global, ui, stop)?;
        match self.command {
            Command::List(args) => args.run(&station, ui),
            Command::Show(args) => image::show(&only(&args.image, &station)?, ui),
            Command::Restore(args) => args.run(&station, ui, stop),
            Command::Verify(args) => {
                only(&args.image, &station)?;
                image::verify(&args, &station, ui)
            }
            Command::Remove(args) => {
                only(&args.one.image, &station)?;
                image::remove(&args, "backup", &station, ui, stop)
            }
        }
    }
}

/// A backup by its name or id; an image that is none is refused.
fn only(name: &str, station: &Station) -> crate::cli::Result<crate::station_api::Image> {
    let image = image::known(name, station)?;
    let all: Vec<Known> = station.all("/api/v1/backups", &[])?;
    if all.iter().any(|backup| backup.image.id == image.id) {
        return Ok(image);
    }
    let message = format!("`{name}` is an image, not a backup");
    Err(crate::cli::report::Usage { message, hint: Some("`piprov image` shows and removes images.".into()) })?
}

impl List {
    fn run(self, station: &Station, ui: &Ui) -> crate::cli::Result<()> {
        let board = self.board.map(|board| station.get::<Board>(&path(["boards", &board]))).transpose()?;
        let query: Vec<_> = board.into_iter().map(|board| ("board", board.id)).collect();
        let all: Vec<Known> = station.all("/api/v1/backups", &query)?;
        // Each board is asked for once.
        let mut names = std::collections::BTreeMap::new();
        for board in all.iter().map(|one| &one.board) {
            if !names.contains_key(board) {
                let known = station.get::<Board>(&path(["boards", board])).ok();
                names.insert(board.clone(), known.map_or_else(String::new, |board| client::label(&board)));
            }
        }
        let row = |one: &Known| {
            let board = names.get(&one.board).cloned().unwrap_or_default();
            let proof = if one.proof.is_empty() { "not verified".to_owned() } else { one.proof.clone() };
            let image = &one.image;
            [
                image.name.clone(),
                board,
                one.device.clone(),
                size(image.raw_len),
                size(image.stored),
                proof,
                moment(image.added),
            ]
        };
        let heading = ["BACKUP", "BOARD", "DISK", "SIZE", "STORED", "PROOF", "MADE"];
        tell(ui, "backup", heading, &all, row, "the station has no backup");
        Ok(())
    }
}

impl Restore {
    fn run(self, station: &Station, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
        let backup = image::known(&self.one.image, station)?;
        let board: Board = station.get(&path(["boards", &self.board]))?;
        confirm(&self.board, self.confirm.as_deref(), ui, stop)?;
        let job = NewJob {
            action: Action::Deploy,
            project: None,
            image: Some(backup.id),
            target: self.target,
            end: self.end,
        };
        let job: Job = station.post(&path(["boards", &board.id, "jobs"]), &job)?;
        if self.no_wait {
            client::done(ui, "began", "restore", &client::label(&board));
            return Ok(());
        }
        wait(station, ui, stop, vec![(board, job)])
    }
}
