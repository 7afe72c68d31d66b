//! `piprov project`: what is to be done with boards.

mod eeprom;
mod label;

use std::path::PathBuf;

use crate::cli::Global;
use crate::cli::client::{self, At, Station, moment, new_name, parse, path, tell, tell_one, word};
use crate::cli::input::read_text;
use crate::cli::output::{Output, Readers};
use crate::cli::report::Usage;
use crate::cli::ui::Ui;
use crate::device_api::{End, Role, Script};
use crate::error::{Explain, Kind, Remedy};
use crate::firstboot::KEYS;
use crate::format::count;
use crate::station_api::{
    Again, FirstBootSettings, MOST_RETRIES, Project as Known, ProjectClone, ProjectFile, ProjectImport,
};
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
    /// A source of values of which each board gets its own; again for more
    #[arg(long = "value", value_name = "SOURCE", conflicts_with = "no_values")]
    values: Vec<String>,
    /// Boards get no values of their own
    #[arg(long)]
    no_values: bool,
    /// A script that its boards run, several in a list; "" is none
    ///
    /// In which order they run is said by the scripts themselves. `piprov script` adds them.
    #[arg(long = "script", value_name = "SCRIPT", value_delimiter = ',')]
    scripts: Option<Vec<String>>,
    /// First-boot setting, like hostname=gate-{serial8}; without a value it goes
    ///
    /// It is written into the boot partition of each board in the format that the image's system reads, and read back with the
    /// rest. The keys are those of `piprov flash --set`; format=… says the format where the image doesn't show it. A name in braces
    /// stands for that value of the board, such as {serial}, {serial8}, {mac}, {slot} and {name}. ssh-key may be given several
    /// times. Others on this host see what stands on a command line: passwords belong into --set-file.
    #[arg(long = "set", value_name = "KEY=VALUE", help_heading = "First boot")]
    first_boot: Vec<String>,
    /// File with such settings, as TOML: hostname = "gate-{serial8}"
    #[arg(long = "set-file", value_name = "FILE", help_heading = "First boot", value_hint = clap::ValueHint::FilePath)]
    first_boot_file: Option<PathBuf>,
    #[command(flatten)]
    eeprom: eeprom::Eeprom,
    #[command(flatten)]
    printed: label::Label,
}

#[derive(Debug, clap::Args)]
struct Clone {
    #[command(flatten)]
    one: One,
    /// What to call the new one
    #[arg(value_name = "NEW", value_parser = new_name)]
    new: String,
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
    /// Change the project, and its scripts, where they are there already
    #[arg(long)]
    replace: bool,
    /// First-boot setting that the file has otherwise or not, as of `project add`
    ///
    /// No secret stands in a file that `piprov project export` has written. A project that is there keeps its own; another one
    /// needs each: --set-file gives them where nobody sees them on a command line.
    #[arg(long = "set", value_name = "KEY=VALUE", help_heading = "First boot")]
    first_boot: Vec<String>,
    /// File with such settings, as TOML: password = "…"
    #[arg(long = "set-file", value_name = "FILE", help_heading = "First boot", value_hint = clap::ValueHint::FilePath)]
    first_boot_file: Option<PathBuf>,
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

/// A script of that name says something else.
#[derive(Debug, thiserror::Error)]
#[error("the station has another script `{name}` than the file")]
struct OtherScript {
    name: String,
}

impl Explain for OtherScript {
    fn kind(&self) -> Kind {
        Kind::Busy
    }

    fn hint(&self) -> Option<Remedy> {
        Some("`--replace` changes it, also for the other projects that have it.".into())
    }
}

/// A file leaves secrets out that nobody has given.
#[derive(Debug, thiserror::Error)]
#[error("no secret stands in a project's file, and this project needs {}", .keys.join(" and "))]
struct NoSecrets {
    keys: Vec<String>,
}

impl Explain for NoSecrets {
    fn kind(&self) -> Kind {
        Kind::Usage
    }

    fn hint(&self) -> Option<Remedy> {
        let keys = self.keys.iter().map(|key| if key == "password-hash" { "password" } else { key.as_str() });
        let lines: Vec<_> = keys.map(|key| format!("{key} = \"…\"")).collect();
        Some(
            format!(
                "`--set-file FILE` gives it from a file with {}; with an empty value it goes: `--set {}=`.",
                lines.join(" and "),
                self.keys.first().map_or("KEY", String::as_str)
            )
            .into(),
        )
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
                is_free(&station, &args.new)?;
                let new = ProjectClone { name: args.new };
                show(&station.post(&path(["projects", &args.one.name, "clone"]), &new)?, ui)
            }
            Command::Export(args) => args.run(&station, ui),
            Command::Import(args) => args.run(&station, ui),
            Command::Remove(args) => {
                let what = ("projects", "project");
                client::remove(&station, what, &args.one.name, args.confirm.as_deref(), ui, stop)
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
        let mut scripts = Vec::new();
        for name in &project.scripts {
            scripts.push(station.get::<Script>(&path(["scripts", name]))?);
        }
        let secrets: Vec<_> = secrets(&project.first_boot).map(str::to_owned).collect();
        let text = ProjectFile { project, scripts }.write();
        if output.is_standard() && ui.width_out.is_some() {
            // A person reads it: names are shown as everywhere.
            text.lines().for_each(|line| ui.result(line));
            return Ok(());
        }
        let writing = output.begin(Readers::Usual)?;
        writing.write(text.as_bytes())?;
        writing.end()?;
        if !secrets.is_empty() {
            let (verb, why, them) = match secrets.len() {
                1 => ("isn't", "it is a secret", "it"),
                _ => ("aren't", "they are secrets", "them"),
            };
            ui.warn(format_args!(
                "{} {verb} in the file, since {why}: who makes another project of the file has to give {them}",
                secrets.join(" and ")
            ));
        }
        if !output.is_standard() {
            client::done(ui, "written", "file", &output.label());
        }
        Ok(())
    }
}

impl Import {
    fn run(self, station: &Station, ui: &Ui) -> crate::cli::Result<()> {
        let text = read_text(&self.file, ProjectFile::LONGEST as u64)?;
        let ProjectFile { mut project, scripts } = ProjectFile::read(&text)?;
        if let Some(name) = self.name {
            project.name = name;
        }
        let set = first_boot(project.first_boot, &self.first_boot, self.first_boot_file.as_deref());
        project.first_boot = set?;
        let before = if self.replace {
            match station.get::<Known>(&path(["projects", &project.name])) {
                Ok(before) => before.first_boot,
                Err(error) if error.status() == Some(404) => FirstBootSettings::new(),
                Err(error) => return Err(error)?,
            }
        } else {
            is_free(station, &project.name)?;
            FirstBootSettings::new()
        };
        let lacks = secrets(&project.first_boot).filter(|key| !before.contains_key(*key));
        let keys: Vec<_> = lacks.map(str::to_owned).collect();
        if !keys.is_empty() {
            return Err(NoSecrets { keys })?;
        }
        // All are looked at before one is changed.
        let mut new = Vec::new();
        for script in scripts {
            match station.get::<Script>(&path(["scripts", &script.name])) {
                Ok(there) if there == script => {}
                Ok(_) if !self.replace => return Err(OtherScript { name: script.name })?,
                Ok(_) => new.push(script),
                Err(error) if error.status() == Some(404) => new.push(script),
                Err(error) => return Err(error)?,
            }
        }
        let names: Vec<_> = new.iter().map(|script| script.name.clone()).collect();
        let import = ProjectImport { project, scripts: new, replace: self.replace };
        let made: Known = station.post("/api/v1/projects/import", &import)?;
        names.iter().for_each(|name| client::done(ui, "written", "script", name));
        show(&made, ui)
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
            values: if self.no_values || !self.values.is_empty() { self.values } else { before.values },
            scripts: self.scripts.map_or(before.scripts, |scripts| {
                scripts.into_iter().filter(|script| !script.is_empty()).collect()
            }),
            first_boot: first_boot(before.first_boot, &self.first_boot, self.first_boot_file.as_deref())?,
            eeprom: self.eeprom.put(before.eeprom, ui)?,
            label: self.printed.put(before.label)?,
            ..before
        };
        show(&station.put(&path(["projects", &project.name]), &project)?, ui)
    }
}

/// Settings as they were, with what was said.
fn first_boot(
    before: FirstBootSettings,
    said: &[String],
    file: Option<&std::path::Path>,
) -> crate::cli::Result<FirstBootSettings> {
    let mut said_all = match file {
        Some(path) => crate::cli::first_boot::texts(path)?,
        None => Vec::new(),
    };
    for text in said {
        let Some((key, value)) = text.split_once('=') else {
            return Err(Usage { message: format!("--set {text}: it is KEY=VALUE"), hint: None })?;
        };
        said_all.push((key.to_owned(), value.to_owned()));
    }
    let mut settings = before;
    let mut again = std::collections::BTreeSet::new();
    for (key, value) in said_all {
        let first = again.insert(key.clone());
        if !first && key != crate::cli::first_boot::SEVERAL {
            Err(Usage { message: format!("--set {key}: it is given twice"), hint: None })?;
        }
        match settings.get_mut(&key).filter(|_| !first) {
            Some(there) => {
                there.push('\n');
                there.push_str(&value);
            }
            None if value.is_empty() => drop(settings.remove(&key)),
            None => drop(settings.insert(key, value)),
        }
    }
    // The one takes the other's place.
    for (one, other) in [("password", "password-hash"), ("password-hash", "password")] {
        if again.contains(one) && !again.contains(other) {
            settings.remove(other);
        }
    }
    Ok(settings)
}

/// The secrets that are left out: a station tells none.
fn secrets(all: &FirstBootSettings) -> impl Iterator<Item = &str> {
    let is_secret = |key: &str| KEYS.iter().any(|known| known.name == key && known.is_secret);
    all.iter().filter(move |(key, text)| text.is_empty() && is_secret(key)).map(|(key, _)| key.as_str())
}

/// Settings in a line: secrets by their names only.
fn settings(all: &FirstBootSettings) -> String {
    let one = |(key, text): (&String, &String)| match text.lines().count() {
        0 => format!("{key} (secret)"),
        1 => format!("{key} {text}"),
        lines => format!("{key} ({lines})"),
    };
    all.iter().map(one).collect::<Vec<_>>().join(", ")
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
            ("values", project.values.join(", ")),
            ("scripts", project.scripts.join(", ")),
            ("first boot", settings(&project.first_boot)),
            ("EEPROM", eeprom::told(project.eeprom.as_ref())),
            ("label", label::told(project.label.as_ref())),
            ("made", if project.made > 0 { moment(project.made) } else { String::new() }),
        ],
    );
    project.warnings.iter().for_each(|told| ui.warn(told));
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
