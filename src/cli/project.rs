//! `piprov project`: what is to be done with boards.

use crate::cli::Global;
use crate::cli::client::{self, At, Station, moment, new_name, parse, path, tell, tell_one, word};
use crate::cli::confirm::confirm;
use crate::cli::ui::Ui;
use crate::device_api::{End, Role};
use crate::error::{Explain, Kind, Remedy};
use crate::station_api::{Again, Project as Known};
use crate::stop::Stop;

/// Show and change projects: image, disk and end that boards get together
#[derive(Debug, clap::Args)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct Project {
    #[command(flatten)]
    at: At,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List projects
    List,
    /// Show one project
    Show(One),
    /// Make a project
    Add(Add),
    /// Change a project; what isn't said stays
    Set(Set),
    /// Take a project out; its runs stay
    Remove(Remove),
}

#[derive(Debug, clap::Args)]
struct One {
    /// Its name
    #[arg(value_name = "PROJECT")]
    name: String,
}

#[derive(Debug, clap::Args)]
struct Add {
    #[command(flatten)]
    new: New,
    #[command(flatten)]
    facts: Facts,
}

#[derive(Debug, clap::Args)]
struct Set {
    #[command(flatten)]
    one: One,
    #[command(flatten)]
    facts: Facts,
}

#[derive(Debug, clap::Args)]
struct New {
    /// What to call it
    #[arg(value_name = "PROJECT", value_parser = new_name)]
    name: String,
}

#[derive(Debug, clap::Args)]
struct Facts {
    /// The image, by name
    #[arg(long)]
    image: Option<String>,
    /// Which disk: emmc, sd, nvme or usb, the first of these that a board has one of
    #[arg(long, value_name = "DISK", value_delimiter = ',', value_parser = parse::<Role>)]
    target: Option<Vec<Role>>,
    /// What comes after: reboot, power-off or wait
    #[arg(long, value_name = "END", value_parser = parse::<End>)]
    end: Option<End>,
    /// What becomes of a board that was done before: skip, ask or again
    #[arg(long, value_name = "WHAT", value_parser = parse::<Again>)]
    again: Option<Again>,
}

#[derive(Debug, clap::Args)]
struct Remove {
    #[command(flatten)]
    one: One,
    /// Its name, to show that it is meant
    #[arg(long, value_name = "PROJECT")]
    confirm: Option<String>,
}

/// There is one of that name.
#[derive(Debug, thiserror::Error)]
#[error("another project is called `{name}` already")]
struct Taken {
    name: String,
}

impl Explain for Taken {
    fn kind(&self) -> Kind {
        Kind::Busy
    }

    fn hint(&self) -> Option<Remedy> {
        Some("`piprov project set` changes it.".into())
    }
}

impl Project {
    pub(super) fn run(self, global: &Global, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
        let station = self.at.open(global, ui, stop)?;
        match self.command {
            Command::List => list(&station, ui),
            Command::Show(args) => show(&station.get::<Known>(&path(["projects", &args.name]))?, ui),
            Command::Add(Add { new: New { name }, facts }) => {
                let here = station.get::<Known>(&path(["projects", &name]));
                match here {
                    Err(error) if error.status() == Some(404) => {}
                    Err(error) => return Err(error)?,
                    Ok(_) => {
                        return Err(Taken { name })?;
                    }
                }
                let new = Known {
                    name,
                    image: None,
                    target: Vec::new(),
                    end: End::default(),
                    again: Again::default(),
                    made: 0,
                };
                facts.put(new, &station, ui)
            }
            Command::Set(args) => {
                let before = station.get::<Known>(&path(["projects", &args.one.name]))?;
                args.facts.put(before, &station, ui)
            }
            Command::Remove(args) => {
                confirm(&args.one.name, args.confirm.as_deref(), ui, stop)?;
                station.delete(&path(["projects", &args.one.name]))?;
                client::done(ui, "removed", "project", &args.one.name);
                Ok(())
            }
        }
    }
}

impl Facts {
    fn put(self, before: Known, station: &Station, ui: &Ui) -> crate::cli::Result<()> {
        let project = Known {
            image: self.image.or(before.image),
            target: self.target.unwrap_or(before.target),
            end: self.end.unwrap_or(before.end),
            again: self.again.unwrap_or(before.again),
            ..before
        };
        show(&station.put(&path(["projects", &project.name]), &project)?, ui)
    }
}

fn disks(target: &[Role]) -> String {
    if target.is_empty() {
        "the only one".to_owned()
    } else {
        target.iter().map(word).collect::<Vec<_>>().join(", ")
    }
}

fn show(project: &Known, ui: &Ui) -> crate::cli::Result<()> {
    tell_one(
        ui,
        "project",
        project,
        &[
            ("name", project.name.clone()),
            ("image", project.image.clone().unwrap_or_default()),
            ("disk", disks(&project.target)),
            ("end", word(project.end)),
            ("done before", word(project.again)),
            ("made", if project.made > 0 { moment(project.made) } else { String::new() }),
        ],
    );
    Ok(())
}

fn list(station: &Station, ui: &Ui) -> crate::cli::Result<()> {
    let all: Vec<Known> = station.all("/api/v1/projects", &[])?;
    let row = |one: &Known| {
        let image = one.image.clone().unwrap_or_default();
        [one.name.clone(), image, disks(&one.target), word(one.end), word(one.again)]
    };
    tell(
        ui,
        "project",
        ["PROJECT", "IMAGE", "DISK", "END", "DONE BEFORE"],
        &all,
        row,
        "the station has no projects",
    );
    Ok(())
}
