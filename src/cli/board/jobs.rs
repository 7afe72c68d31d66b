//! What boards are given to do, and what ends it.

use super::{Several, known};
use crate::cli::client::{Station, goes_on, label, parse, path, wait, who, word};
use crate::cli::confirm::confirm;
use crate::cli::ui::Ui;
use crate::device_api::{Action, End, Role};
use crate::error::Kind;
use crate::format::json::json;
use crate::station_api::{Board as Known, Enrolment, Job, JobState, NewJob};
use crate::stop::Stop;

/// What a job is done with.
#[derive(Debug, clap::Args)]
pub(super) struct Disk {
    /// Which disk: emmc, sd, nvme or usb, the first of these that it has one of
    #[arg(long, value_name = "DISK", value_delimiter = ',', value_parser = parse::<Role>)]
    pub(super) target: Vec<Role>,
    /// What comes after: reboot, power-off or wait
    #[arg(long, value_name = "END", value_parser = parse::<End>)]
    pub(super) end: Option<End>,
    /// Don't wait until they are done
    #[arg(long)]
    pub(super) no_wait: bool,
}

#[derive(Debug, clap::Args)]
#[group(id = "what", required = true, multiple = false)]
pub(super) struct What {
    /// The image, by name or id; a backup is one
    #[arg(long)]
    image: Option<String>,
    /// The project, which says image, disk and end
    #[arg(long, conflicts_with_all = ["target", "end"])]
    project: Option<String>,
}

#[derive(Debug, clap::Args)]
#[command(override_usage = "piprov board deploy [OPTIONS] <--image IMAGE|--project NAME> <BOARD>...")]
pub(super) struct Deploy {
    #[command(flatten)]
    pub(super) boards: Several,
    #[command(flatten)]
    what: What,
    #[command(flatten)]
    pub(super) disk: Disk,
    /// The boards whose disks are overwritten: name them again, with commas
    #[arg(long, value_name = "BOARDS")]
    confirm: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(super) struct Backup {
    #[command(flatten)]
    pub(super) boards: Several,
    #[command(flatten)]
    pub(super) disk: Disk,
}

#[derive(Debug, clap::Args)]
pub(super) struct Reboot {
    #[command(flatten)]
    pub(super) boards: Several,
    /// Don't wait until they are done
    #[arg(long)]
    pub(super) no_wait: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct Again {
    #[command(flatten)]
    pub(super) boards: Several,
    /// Don't wait until they are done
    #[arg(long)]
    pub(super) no_wait: bool,
    /// After a deploy: the boards whose disks are overwritten, named again, with commas
    #[arg(long, value_name = "BOARDS")]
    confirm: Option<String>,
}

pub(super) const fn new(action: Action) -> NewJob {
    NewJob { action, project: None, image: None, target: Vec::new(), end: None }
}

impl Deploy {
    pub(super) fn run(self, station: &Station, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
        let names = self.boards.boards;
        let Disk { target, end, no_wait } = self.disk;
        let What { image, project } = self.what;
        // Nobody is asked for the name of what there isn't, or is told that it lacks after all is meant.
        let boards = all_known(&names, station)?;
        if let Some(image) = &image {
            station.look(&path(["images", image]))?;
        }
        if let Some(project) = &project {
            station.look(&path(["projects", project]))?;
        }
        confirm(&names.join(","), self.confirm.as_deref(), ui, stop)?;
        let job = NewJob { project, image, target, end, ..new(Action::Deploy) };
        start(boards, Given::New(&job), no_wait, station, ui, stop)
    }
}

impl Again {
    pub(super) fn run(self, station: &Station, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
        let names = self.boards.boards;
        let boards = all_known(&names, station)?;
        let mut deploys = false;
        for board in &boards {
            let last = newest(board, station)?;
            deploys |= last.is_some_and(|job| job.action == Action::Deploy);
        }
        if deploys {
            confirm(&names.join(","), self.confirm.as_deref(), ui, stop)?;
        }
        start(boards, Given::Again, self.no_wait, station, ui, stop)
    }
}

/// The newest job of a board.
pub(super) fn newest(board: &Known, station: &Station) -> Result<Option<Job>, crate::http::Error> {
    let mut jobs: Vec<Job> = Vec::new();
    station.each("/api/v1/jobs", &[("board", board.id.clone())], Some(1), |page| jobs.extend(page))?;
    Ok(jobs.into_iter().next())
}

/// What boards are given to do.
#[derive(Clone, Copy)]
pub(super) enum Given<'a> {
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

/// Boards by whatever they are called; all of them, and each once.
pub(super) fn all_known(boards: &[String], station: &Station) -> crate::cli::Result<Vec<Known>> {
    let known = boards.iter().map(|board| known(board, station)).collect::<Result<Vec<_>, _>>()?;
    let twice =
        known.iter().enumerate().find(|(at, one)| known[..*at].iter().any(|other| other.id == one.id));
    match twice {
        Some((_, board)) => Err(crate::cli::common::named_twice(&label(board)).into()),
        None => Ok(known),
    }
}

/// Gives boards the same to do: all of them are known before the first is told. One that can't have it is told, and the
/// others get it all the same.
pub(super) fn start(
    boards: Vec<Known>,
    job: Given<'_>,
    no_wait: bool,
    station: &Station,
    ui: &Ui,
    stop: &Stop,
) -> crate::cli::Result<()> {
    let (mut given, mut kinds) = (Vec::new(), Vec::new());
    for board in boards {
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
                    let quoted = crate::cli::remedy::quoted(&name);
                    ui.warn(format_args!("{name} waits for a person: `piprov board enrol {quoted}`"));
                }
                given.push((board, job));
            }
            Err(error) if error.status().is_some() => {
                let failure = crate::cli::Failure::from(error).context(label(&board));
                kinds.push(Some(crate::cli::report::tell(ui, &failure)));
            }
            Err(error) => {
                // What some have got already stays theirs.
                let given: Vec<_> = given.iter().map(|(board, _)| label(board)).collect();
                goes_on(ui, given.iter().map(String::as_str));
                Err(error)?;
            }
        }
    }
    let some = !given.is_empty();
    let waited = if no_wait { Ok(()) } else { wait(station, ui, stop, given) };
    match waited {
        Ok(()) => kinds.extend(some.then_some(None)),
        Err(failure) if failure.kind() == Kind::Interrupted => return Err(failure),
        Err(failure) => kinds.push(Some(crate::cli::report::tell(ui, &failure))),
    }
    crate::cli::report::boards(kinds)
}

/// Ends what boards have to do. One that has nothing to end is told, and the others are told to end all the same.
pub(super) fn cancel(boards: &[String], station: &Station, ui: &Ui) -> crate::cli::Result<()> {
    let known = boards.iter().map(|board| known(board, station)).collect::<Result<Vec<_>, _>>()?;
    let mut kinds = Vec::new();
    for board in known {
        let name = label(&board);
        let job = match &board.job {
            Some(job) => Some(job.clone()),
            None => newest(&board, station)?.map(|job| job.id),
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
