//! `piprov board`: the boards that a station knows.

use crate::board::{Mac, Serial};
use crate::cli::client::{self, At, Station, label, moment, parse, path, tell, tell_one, who, word};
use crate::cli::confirm::confirm;
use crate::cli::ui::Ui;
use crate::cli::{Global, client::wait};
use crate::device_api::{Action, End, Role};
use crate::error::Kind;
use crate::format::json::json;
use crate::format::size;
use crate::station_api::{
    Board as Known, BoardChange, BootdState, Enrolment, Held, Job, JobState, NewJob, Page, Sighting, Status,
    Thing,
};
use crate::stop::Stop;

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
struct List {
    /// Only boards of which name, serial number or address begins so
    #[arg(long, value_name = "TEXT")]
    begins: Option<String>,
    /// Only boards in this standing: waiting, enrolled or refused
    #[arg(long, value_name = "STANDING", value_parser = parse::<Enrolment>)]
    enrolment: Option<Enrolment>,
    /// Only boards in this slot
    #[arg(long, value_name = "SLOT")]
    slot: Option<String>,
    /// Only boards that came and that no rule matched
    #[arg(long)]
    unruled: bool,
    /// At most N of them
    #[arg(short = 'n', long, value_name = "N")]
    most: Option<usize>,
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
    #[arg(long)]
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

/// What a job is done with.
#[derive(Debug, clap::Args)]
struct Disk {
    /// Which disk: emmc, sd, nvme or usb, the first of these that it has one of
    #[arg(long, value_name = "DISK", value_delimiter = ',', value_parser = parse::<Role>)]
    target: Vec<Role>,
    /// What comes after: reboot, power-off or wait
    #[arg(long, value_name = "END", value_parser = parse::<End>)]
    end: Option<End>,
    /// Don't wait until they are done
    #[arg(long)]
    no_wait: bool,
}

#[derive(Debug, clap::Args)]
#[group(id = "what", required = true, multiple = false)]
struct What {
    /// The image, by name or id; a backup is one
    #[arg(long)]
    image: Option<String>,
    /// The project, which says image, disk and end
    #[arg(long, conflicts_with_all = ["target", "end"])]
    project: Option<String>,
}

#[derive(Debug, clap::Args)]
#[command(override_usage = "piprov board deploy [OPTIONS] <--image IMAGE|--project NAME> <BOARD>...")]
struct Deploy {
    #[command(flatten)]
    boards: Several,
    #[command(flatten)]
    what: What,
    #[command(flatten)]
    disk: Disk,
    /// The boards whose disks are overwritten: name them again, with commas
    #[arg(long, value_name = "BOARDS")]
    confirm: Option<String>,
}

#[derive(Debug, clap::Args)]
struct Backup {
    #[command(flatten)]
    boards: Several,
    #[command(flatten)]
    disk: Disk,
}

#[derive(Debug, clap::Args)]
struct Reboot {
    #[command(flatten)]
    boards: Several,
    /// Don't wait until they are done
    #[arg(long)]
    no_wait: bool,
}

#[derive(Debug, clap::Args)]
struct Again {
    #[command(flatten)]
    boards: Several,
    /// Don't wait until they are done
    #[arg(long)]
    no_wait: bool,
    /// After a deploy: the boards whose disks are overwritten, named again, with commas
    #[arg(long, value_name = "BOARDS")]
    confirm: Option<String>,
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
                start(&args.boards.boards, Given::New(&job), args.disk.no_wait, &station, ui, stop)
            }
            Command::Reboot(args) => {
                let job = new(Action::Reboot);
                start(&args.boards.boards, Given::New(&job), args.no_wait, &station, ui, stop)
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

const fn new(action: Action) -> NewJob {
    NewJob { action, project: None, image: None, target: Vec::new(), end: None }
}

/// A board by whatever it is called.
fn known(board: &str, station: &Station) -> Result<Known, crate::http::Error> {
    station.get(&path(["boards", board]))
}

/// What a board that gets nothing from the network goes on with.
const ORDER: &str = "from the network it goes on to a disk only if its BOOT_ORDER has one: 0xf21 (SD or eMMC first, \
                     then the network) or 0xf12 (the network first). It is read from right to left: 0x21 is SD first too";

/// What the network does, in a word for people.
const fn network(held: Held) -> &'static str {
    match held {
        Held::Armed => "answered",
        Held::Once => "answered once",
        Held::Done => "held: starts from its disk",
    }
}

fn row(board: &Known) -> [String; 7] {
    [
        label(board),
        board.serial.as_ref().map(ToString::to_string).unwrap_or_default(),
        board.model.clone().unwrap_or_default() + if board.simulated { " (simulated)" } else { "" },
        word(board.enrolment),
        network(board.held).split(':').next().unwrap_or_default().to_owned(),
        if board.job.is_some() { "yes".to_owned() } else { String::new() },
        moment(board.last_seen),
    ]
}

impl List {
    fn run(self, station: &Station, ui: &Ui) -> crate::cli::Result<()> {
        let unruled = self.unruled.then(|| "true".to_owned());
        let query = [
            ("begins", self.begins),
            ("enrolment", self.enrolment.map(word)),
            ("slot", self.slot),
            ("unruled", unruled),
        ];
        let query: Vec<_> = query.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        let mut all: Vec<Known> = Vec::new();
        station.each("/api/v1/boards", &query, self.most, |page: Vec<Known>| all.extend(page))?;
        if ui.json {
            all.iter().for_each(|board| told(ui, board));
            return Ok(());
        }
        let heading = ["BOARD", "SERIAL", "MODEL", "STANDING", "NETWORK", "JOB", "SEEN"];
        let nothing = match query.is_empty() {
            true => "the station has seen no board yet",
            false => "the station knows no such board",
        };
        tell(ui, "known-board", heading, &all, row, nothing);
        Ok(())
    }
}

fn told(ui: &Ui, board: &Known) {
    ui.object(&json!({ "event": "known-board", "board": who(board), "value": board }));
}

fn show(board: &str, station: &Station, ui: &Ui) -> crate::cli::Result<()> {
    let board = known(board, station)?;
    let mut seen: Vec<Sighting> = Vec::new();
    station.each(&path(["boards", &board.id, "sightings"]), &[], Some(50), |page| seen.extend(page))?;
    if ui.json {
        told(ui, &board);
        seen.iter()
            .for_each(|one| ui.object(&json!({ "event": "sighting", "board": who(&board), "value": one })));
        return Ok(());
    }
    let macs: Vec<_> = board.macs.iter().map(Mac::to_string).collect();
    let disks = board.disks.iter().map(|disk| {
        let model = disk.model.as_deref().map(|model| format!(" {model}")).unwrap_or_default();
        format!("{} {} {}{model}", disk.name, word(disk.role), size(disk.size))
    });
    // What it falls to, and what a held board may still be told.
    let order = if board.held == Held::Armed { "" } else { ORDER };
    let status: Status = station.get("/api/v1/station")?;
    let serving = status.bootd.state == BootdState::Serving;
    let beside = match board.held {
        Held::Done if serving && !status.bootd.withholds => "; another DHCP server may still tell it to boot",
        _ => "",
    };
    let simulated = if board.simulated { "yes: a program that behaves as a board" } else { "" };
    let job = board.job.as_ref().map(|job| station.get::<Job>(&path(["jobs", job]))).transpose()?;
    let job = job.map(|job| format!("{} {}", word(job.action), word(job.state))).unwrap_or_default();
    tell_one(
        ui,
        "known-board",
        &board,
        &[
            ("name", board.name.clone().unwrap_or_default()),
            ("serial", board.serial.as_ref().map(Serial::to_string).unwrap_or_default()),
            ("addresses", macs.join(", ")),
            ("model", board.model.clone().unwrap_or_default()),
            ("memory", board.memory.map(size).unwrap_or_default()),
            ("disks", disks.collect::<Vec<_>>().join("; ")),
            ("standing", word(board.enrolment)),
            ("network", format!("{}{beside}", network(board.held))),
            ("boot order", order.to_owned()),
            ("slot", board.slot.clone().unwrap_or_default()),
            ("simulated", simulated.to_owned()),
            ("job", job),
            ("first seen", moment(board.first_seen)),
            ("last seen", moment(board.last_seen)),
            ("note", board.note.clone()),
            ("id", board.id.clone()),
        ],
    );
    if !seen.is_empty() {
        ui.result("");
    }
    let row = |one: &Sighting| [moment(one.time), one.way.clone(), one.at.clone(), one.what.clone()];
    tell(ui, "sighting", ["SEEN", "BY", "AT", "WHAT"], &seen, row, "it was seen nowhere");
    Ok(())
}

fn watch(board: Option<&str>, station: &Station, ui: &Ui) -> crate::cli::Result<()> {
    let only = board.map(|board| known(board, station)).transpose()?;
    ui.say("following; Ctrl-C ends it");
    client::follow(station, ui, |change| {
        let about = change.board.as_deref().or((change.of == Thing::Board).then_some(change.id.as_str()));
        if only.as_ref().is_some_and(|only| about != Some(only.id.as_str())) {
            return Ok(false);
        }
        match change.of {
            Thing::Board => match known(&change.id, station) {
                Ok(board) if ui.json => told(ui, &board),
                Ok(board) => {
                    let (name, held) = (label(&board), network(board.held));
                    ui.result(format_args!("{name}: {}, {held}", word(board.enrolment)));
                }
                Err(error) if error.status() == Some(404) => {
                    client::done(ui, "forgot", "board", &change.id);
                }
                Err(error) => return Err(error)?,
            },
            Thing::Job => {
                let job: Job = match station.get(&path(["jobs", &change.id])) {
                    Ok(job) => job,
                    Err(error) if error.status() == Some(404) => return Ok(false),
                    Err(error) => return Err(error)?,
                };
                let board = known(&job.board, station)?;
                if ui.json {
                    ui.object(&json!({ "event": "job", "board": who(&board), "value": job }));
                } else {
                    ui.result(format_args!("{}: {} {}", label(&board), word(job.action), word(job.state)));
                }
            }
            Thing::Gap => ui.warn("changes were left out: there were too many"),
            Thing::Run | Thing::Image | Thing::Settings => {}
        }
        Ok(false)
    })
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

impl Deploy {
    fn run(self, station: &Station, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
        let names = self.boards.boards;
        let Disk { target, end, no_wait } = self.disk;
        confirm(&names.join(","), self.confirm.as_deref(), ui, stop)?;
        let job =
            NewJob { project: self.what.project, image: self.what.image, target, end, ..new(Action::Deploy) };
        start(&names, Given::New(&job), no_wait, station, ui, stop)
    }
}

impl Again {
    fn run(self, station: &Station, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
        let names = self.boards.boards;
        let mut deploys = false;
        for board in &names {
            let last = newest(&known(board, station)?, station)?;
            deploys |= last.is_some_and(|job| job.action == Action::Deploy);
        }
        if deploys {
            confirm(&names.join(","), self.confirm.as_deref(), ui, stop)?;
        }
        start(&names, Given::Again, self.no_wait, station, ui, stop)
    }
}

/// The newest job of a board.
fn newest(board: &Known, station: &Station) -> Result<Option<Job>, crate::http::Error> {
    let mut jobs: Vec<Job> = Vec::new();
    station.each("/api/v1/jobs", &[("board", board.id.clone())], Some(1), |page| jobs.extend(page))?;
    Ok(jobs.into_iter().next())
}

/// What boards are given to do.
#[derive(Clone, Copy)]
enum Given<'a> {
    /// This.
    New(&'a NewJob),
    /// What each of them did last.
    Again,
}

impl Given<'_> {
    fn to(self, board: &Known, station: &Station) -> Result<Job, crate::http::Error> {
        match self {
            Self::New(job) => station.post(&path(["boards", &board.id, "jobs"]), job),
            Self::Again => match newest(board, station)? {
                Some(job) => station.act(&path(["jobs", &job.id, "again"])),
                // The station says that there is nothing.
                None => station.act(&path(["jobs", "none", "again"])),
            },
        }
    }
}

/// Gives boards the same to do. One that can't have it is told, and the others get it all the same.
fn start(
    boards: &[String],
    job: Given<'_>,
    no_wait: bool,
    station: &Station,
    ui: &Ui,
    stop: &Stop,
) -> crate::cli::Result<()> {
    // All of them are known before the first is told.
    let known = boards.iter().map(|board| known(board, station)).collect::<Result<Vec<_>, _>>()?;
    let (mut given, mut kinds) = (Vec::new(), Vec::new());
    for board in known {
        match job.to(&board, station) {
            Ok(job) => {
                if ui.json {
                    ui.object(&json!({ "event": "job", "board": who(&board), "value": job }));
                } else if no_wait {
                    ui.result(format_args!("{}: {} {}", label(&board), word(job.action), word(job.state)));
                }
                // One that was only seen has not asked yet whether it may.
                if board.enrolment == Enrolment::Waiting && !board.disks.is_empty() {
                    let name = label(&board);
                    ui.warn(format_args!("{name} waits for a person: `piprov board enrol {name}`"));
                }
                given.push((board, job));
            }
            Err(error) if error.status().is_some() => {
                let failure = crate::cli::Failure::from(error).context(label(&board));
                kinds.push(Some(crate::cli::report::tell(ui, &failure)));
            }
            Err(error) => return Err(error)?,
        }
    }
    let some = !given.is_empty();
    let waited = if no_wait { Ok(()) } else { wait(station, ui, stop, given) };
    match waited {
        Ok(()) => kinds.extend(some.then_some(None)),
        Err(failure) if failure.kind() == Kind::Interrupted => return Err(failure),
        Err(failure) => kinds.push(Some(failure.kind())),
    }
    crate::cli::report::boards(kinds)
}

/// Ends what boards have to do. One that has nothing to end is told, and the others are told to end all the same.
fn cancel(boards: &[String], station: &Station, ui: &Ui) -> crate::cli::Result<()> {
    let known = boards.iter().map(|board| known(board, station)).collect::<Result<Vec<_>, _>>()?;
    let mut kinds = Vec::new();
    for board in known {
        let name = label(&board);
        let job = match &board.job {
            Some(job) => Some(job.clone()),
            None => last_job(&board, station)?,
        };
        let Some(job) = job else {
            ui.say(format_args!("{name}: it has no job"));
            continue;
        };
        // Of a job that has ended the station says how.
        match station.act::<Job>(&path(["jobs", &job, "cancel"])) {
            Ok(job) if ui.json => {
                ui.object(&json!({ "event": "job", "board": who(&board), "value": job }));
            }
            Ok(job) => {
                let ends = job.cancel && job.state != JobState::Cancelled;
                let state = if ends { "is told to end" } else { "cancelled" };
                ui.result(format_args!("{name}: {} {state}", word(job.action)));
            }
            Err(error) if error.status() == Some(409) => {
                let failure = crate::cli::Failure::from(error).context(name);
                kinds.push(Some(crate::cli::report::tell(ui, &failure)));
            }
            Err(error) => return Err(error)?,
        }
    }
    crate::cli::report::boards(kinds)
}

/// The job that a board had last.
fn last_job(board: &Known, station: &Station) -> crate::cli::Result<Option<String>> {
    let page = station.client.get("/api/v1/jobs").query("board", &board.id).query("limit", 1).send()?;
    let page: Page<Job> = page.json()?;
    Ok(page.items.into_iter().next().map(|job| job.id))
}
