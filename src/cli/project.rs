//! `piprov project`: what is to be done with boards.

use std::path::PathBuf;

use crate::cli::Global;
use crate::cli::client::{self, At, Station, moment, new_name, parse, path, tell, tell_one, word};
use crate::cli::confirm::confirm;
use crate::cli::input;
use crate::cli::output::Output;
use crate::cli::ui::Ui;
use crate::device_api::{End, Role};
use crate::error::{Explain, Kind, Remedy};
use crate::format::count;
use crate::station_api::{Again, MOST_RETRIES, Project as Known, ProjectFile};
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
    /// Make a project that is as another one is
    Clone(Clone),
    /// Write a project as a file, which can be kept under version control
    Export(Export),
    /// Make a project of a file
    Import(Import),
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
    /// How often a job is tried again by itself where what went wrong may pass
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(..=i64::from(MOST_RETRIES)))]
    retries: Option<u32>,
    /// A script that its boards run, several in a list; "" is none
    ///
    /// In which order they run is said by the scripts themselves. `piprov script` adds them.
    #[arg(long = "script", value_name = "SCRIPT", value_delimiter = ',')]
    scripts: Option<Vec<String>>,
}

#[derive(Debug, clap::Args)]
struct Clone {
    #[command(flatten)]
    one: One,
    /// What to call the new one
    #[arg(value_name = "NEW", value_parser = new_name)]
    name: String,
}

#[derive(Debug, clap::Args)]
struct Export {
    #[command(flatten)]
    one: One,
    /// The file, which is not there yet; - is standard output
    #[arg(short, long, value_name = "FILE", default_value = "-", value_hint = clap::ValueHint::FilePath)]
    output: PathBuf,
}

#[derive(Debug, clap::Args)]
struct Import {
    /// The file; - is standard input
    #[arg(value_hint = clap::ValueHint::FilePath)]
    file: PathBuf,
    /// What to call it [default: the name in the file]
    #[arg(long, value_name = "PROJECT", value_parser = new_name)]
    name: Option<String>,
    /// Change the project where it is there already
    #[arg(long)]
    replace: bool,
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
                is_free(&station, &name)?;
                let new = Known { name, ..Known::default() };
                facts.put(new, &station, ui)
            }
            Command::Set(args) => {
                let before = station.get::<Known>(&path(["projects", &args.one.name]))?;
                args.facts.put(before, &station, ui)
            }
            Command::Clone(args) => {
                let before: Known = station.get(&path(["projects", &args.one.name]))?;
                is_free(&station, &args.name)?;
                let new = Known { name: args.name, ..before };
                show(&station.put(&path(["projects", &new.name]), &new)?, ui)
            }
            Command::Export(args) => args.run(&station, ui),
            Command::Import(args) => args.run(&station, ui),
            Command::Remove(args) => {
                confirm(&args.one.name, args.confirm.as_deref(), ui, stop)?;
                station.delete(&path(["projects", &args.one.name]))?;
                client::done(ui, "removed", "project", &args.one.name);
                Ok(())
            }
        }
    }
}

/// Whether a new project may have this name.
fn is_free(station: &Station, name: &str) -> crate::cli::Result<()> {
    match station.get::<Known>(&path(["projects", name])) {
        Err(error) if error.status() == Some(404) => Ok(()),
        Err(error) => Err(error)?,
        Ok(_) => Err(Taken { name: name.to_owned() })?,
    }
}

impl Export {
    fn run(self, station: &Station, ui: &Ui) -> crate::cli::Result<()> {
        let output = Output::at(&self.output, false, ui)?;
        let project: Known = station.get(&path(["projects", &self.one.name]))?;
        let file = ProjectFile { project };
        let text = file.write();
        if output.is_standard() && ui.width_out.is_some() {
            // A person reads it: names are shown as everywhere.
            text.lines().for_each(|line| ui.result(line));
            return Ok(());
        }
        let writing = output.begin(0o666)?;
        writing.write(text.as_bytes())?;
        writing.end()?;
        if !output.is_standard() {
            client::done(ui, "written", "file", &output.label());
        }
        Ok(())
    }
}

impl Import {
    fn run(self, station: &Station, ui: &Ui) -> crate::cli::Result<()> {
        let text = input::text(&self.file, ProjectFile::LONGEST)?;
        let ProjectFile { mut project } = ProjectFile::read(&text)?;
        if let Some(name) = self.name {
            project.name = name;
        }
        if !self.replace {
            is_free(station, &project.name)?;
        }
        show(&station.put(&path(["projects", &project.name]), &project)?, ui)
    }
}

impl Facts {
    fn put(self, before: Known, station: &Station, ui: &Ui) -> crate::cli::Result<()> {
        let project = Known {
            image: self.image.or(before.image),
            target: self.target.unwrap_or(before.target),
            end: self.end.unwrap_or(before.end),
            again: self.again.unwrap_or(before.again),
            retries: self.retries.unwrap_or(before.retries),
            scripts: self.scripts.map_or(before.scripts, |scripts| {
                scripts.into_iter().filter(|script| !script.is_empty()).collect()
            }),
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
            ("tried again", count(u64::from(project.retries), "time")),
            ("scripts", project.scripts.join(", ")),
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
