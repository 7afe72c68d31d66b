//! `piprov board`: the boards that a station knows.

mod jobs;
mod look;

use crate::cli::Global;
use crate::cli::client::{self, At, Station, label, path, word};
use crate::cli::confirm::confirm;
use crate::cli::ui::Ui;
use crate::device_api::Action;
use crate::station_api::{Board as Known, BoardChange, Enrolment, Held, NewJob};
use crate::stop::Stop;
use jobs::{Again, Backup, Deploy, Given, Reboot, all_known, cancel, new, start};
use look::{List, network, show, told, watch};

/// Show the station's boards, and tell them what to do
#[derive(Debug, clap::Args)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct Board {
    #[command(flatten)]
    at: At,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List boards, the ones seen last first
    List(List),
    /// Show one board: what it is, where it was seen, and its job
    Show(One),
    /// Follow what happens, until Ctrl-C
    Watch(Watch),
    /// Change what is known of a board, and whether the network answers it
    Set(Set),
    /// Say that boards may take work
    Enrol(Several),
    /// Say that boards may not take work
    Refuse(Several),
    /// Write an image onto boards, and read it back
    ///
    /// Waits until each board is done, and says `verified` only where the board has read back what it wrote. With
    /// --no-wait it ends as soon as the station has it on disk.
    Deploy(Deploy),
    /// Read the disk of boards into the station
    Backup(Backup),
    /// Start boards again
    ///
    /// One that asks for work does it itself. One that is silent is started again by its reset line: that of its slot, or
    /// of the target with its Ethernet address. Without such a line it starts again when it asks.
    Reboot(Reboot),
    /// Do the last job of boards once more
    Again(Again),
    /// End the jobs of boards
    Cancel(Several),
    /// Take a board out of the station; its runs stay
    Forget(Forget),
}

#[derive(Debug, clap::Args)]
struct One {
    /// Its name, serial number, MAC address or id
    #[arg(value_name = "BOARD")]
    board: String,
}

#[derive(Debug, clap::Args)]
struct Several {
    /// Their names, serial numbers, MAC addresses or ids
    #[arg(value_name = "BOARD", required = true)]
    boards: Vec<String>,
}

#[derive(Debug, clap::Args)]
struct Watch {
    /// Only this board
    #[arg(value_name = "BOARD")]
    board: Option<String>,
}

#[derive(Debug, clap::Args)]
#[group(id = "network", multiple = false)]
struct Network {
    /// The network answers it again, and goes on doing so
    #[arg(long)]
    arm: bool,
    /// The network answers it once more
    #[arg(long)]
    once: bool,
    /// The network doesn't answer it, so that it starts from its disk
    ///
    /// That is so for each board that is done. It asks, gets nothing, and goes on with the next mode of its BOOT_ORDER,
    /// which is read from right to left: 0xf21 tries the SD card or eMMC first and then the network, 0xf12 the network
    /// first, and 0x21 is SD first too. `piprov netboot enable` explains an order and changes it.
    #[arg(long)]
    hold: bool,
}

#[derive(Debug, clap::Args)]
struct Set {
    #[command(flatten)]
    board: One,
    /// What to call it; "" takes the name away
    #[arg(long, value_parser = name)]
    name: Option<String>,
    /// Notes
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// Where it is plugged in; "" takes that away
    #[arg(long)]
    slot: Option<String>,
    #[command(flatten)]
    network: Network,
    /// Forget its key: the next that registers under its serial number counts as it
    #[arg(long)]
    forget_key: bool,
}

#[derive(Debug, clap::Args)]
struct Forget {
    #[command(flatten)]
    board: One,
    /// Its name, to show that it is meant
    #[arg(long, value_name = "BOARD")]
    confirm: Option<String>,
}

impl Board {
    pub(super) fn run(self, global: &Global, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
        let station = self.at.open(global, ui, stop)?;
        match self.command {
            Command::List(args) => args.run(&station, ui),
            Command::Show(args) => show(&args.board, &station, ui),
            Command::Watch(args) => watch(args.board.as_deref(), &station, ui),
            Command::Set(args) => args.run(&station, ui),
            Command::Enrol(args) => enrol(&args.boards, Enrolment::Enrolled, &station, ui),
            Command::Refuse(args) => enrol(&args.boards, Enrolment::Refused, &station, ui),
            Command::Deploy(args) => args.run(&station, ui, stop),
            Command::Backup(args) => {
                let job = NewJob { target: args.disk.target, end: args.disk.end, ..new(Action::Backup) };
                let boards = all_known(&args.boards.boards, &station)?;
                start(boards, Given::New(&job), args.disk.no_wait, &station, ui, stop)
            }
            Command::Reboot(args) => {
                let job = new(Action::Reboot);
                let boards = all_known(&args.boards.boards, &station)?;
                start(boards, Given::New(&job), args.no_wait, &station, ui, stop)
            }
            Command::Again(args) => args.run(&station, ui, stop),
            Command::Cancel(args) => cancel(&args.boards, &station, ui),
            Command::Forget(args) => {
                let board = known(&args.board.board, &station)?;
                confirm(&label(&board), args.confirm.as_deref(), ui, stop)?;
                station.delete(&path(["boards", &board.id]))?;
                client::done(ui, "forgot", "board", &label(&board));
                Ok(())
            }
        }
    }
}

/// A board by whatever it is called.
fn known(board: &str, station: &Station) -> Result<Known, crate::http::Error> {
    station.get(&path(["boards", board]))
}

/// A new name, or that there is to be none.
fn name(text: &str) -> Result<String, String> {
    if text.is_empty() { Ok(String::new()) } else { client::new_name(text) }
}

impl Set {
    fn run(self, station: &Station, ui: &Ui) -> crate::cli::Result<()> {
        let held = match self.network {
            Network { arm: true, .. } => Some(Held::Armed),
            Network { once: true, .. } => Some(Held::Once),
            Network { hold: true, .. } => Some(Held::Done),
            _ => None,
        };
        let Self { name, note, slot, forget_key, board, .. } = self;
        let change = BoardChange { name, note, slot, held, enrolment: None, forget_key };
        if change == BoardChange::default() {
            let message = "nothing is to be changed".to_owned();
            let hint = Some("`piprov board set --help` lists what can be.".into());
            return Err(crate::cli::report::Usage { message, hint })?;
        }
        let board: Known = station.patch(&path(["boards", &board.board]), &change)?;
        changed(ui, &board);
        Ok(())
    }
}

fn changed(ui: &Ui, board: &Known) {
    if ui.json {
        told(ui, board);
    } else {
        let held = network(board.held);
        ui.result(format_args!("{}: {}, {held}", label(board), word(board.enrolment)));
    }
}

fn enrol(boards: &[String], enrolment: Enrolment, station: &Station, ui: &Ui) -> crate::cli::Result<()> {
    for board in boards {
        let change = BoardChange { enrolment: Some(enrolment), ..BoardChange::default() };
        let board: Known = station.patch(&path(["boards", board]), &change)?;
        changed(ui, &board);
    }
    Ok(())
}
