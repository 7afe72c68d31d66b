//! `piprov script`: what boards run before and after their image is written.

use std::path::PathBuf;

use crate::cli::Global;
use crate::cli::client::{self, At, Station, new_name, parse, path, tell, tell_one, word, yes};
use crate::cli::input::read_text;
use crate::cli::ui::{Text, Ui};
use crate::device_api::{Script as Known, When};
use crate::error::{Explain, Kind};
use crate::format::count;
use crate::stop::Stop;

/// Show and change what boards run before and after their image is written
///
/// Boards of projects that name a script run it as root, by /bin/sh. It finds $STORAGE, $PART1, $PART2, $SERIAL, $SERVER
/// and $PIPROV_… in its environment; the board's own values as $PIPROV_VALUE_SN for the value `sn`, in capitals. Jobs that
/// are there keep the text that they were made with.
#[derive(Debug, clap::Args)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct Script {
    #[command(flatten)]
    at: At,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List scripts, in the order in which they would run
    List,
    /// Show one script with its text
    Show(One),
    /// Add a script, or change it: what isn't said stays
    ///
    /// It finds in its environment $STORAGE (the disk), $PART1 and $PART2 (its first partitions), $SERIAL and $SERVER, and
    /// $PIPROV_PROJECT, $PIPROV_SLOT, $PIPROV_BOARD, $PIPROV_RUN and others; each value of the board as $PIPROV_VALUE_ and its
    /// name in capitals, so that `sn` is $PIPROV_VALUE_SN. All of them stand in docs/device-api.md.
    Add(Add),
    /// Remove a script that no project has
    Remove(Remove),
}

#[derive(Debug, clap::Args)]
struct One {
    /// Its name
    #[arg(value_name = "SCRIPT")]
    name: String,
}

#[derive(Debug, clap::Args)]
struct Add {
    /// The file with its text; - is standard input
    #[arg(value_hint = clap::ValueHint::FilePath)]
    file: PathBuf,
    /// What to call it [default: the file's name, without its ending]
    #[arg(long, value_name = "SCRIPT", value_parser = new_name)]
    name: Option<String>,
    /// pre: before anything is written; post: after all was read back [default: post]
    #[arg(long, value_name = "WHEN", value_parser = parse::<When>)]
    when: Option<When>,
    /// The lowest runs first, those of one number by their names [default: 100]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(..=1000))]
    priority: Option<u32>,
    /// What comes next doesn't wait for its end: yes or no [default: no]
    #[arg(long, value_name = "YES", value_parser = yes)]
    background: Option<bool>,
    /// A board runs it once, and it may start the board again: yes or no [default: no]
    #[arg(long, value_name = "YES", value_parser = yes)]
    once: Option<bool>,
    /// So long it may take, then it is ended: 90, 5m, 1h [default: 600]
    #[arg(long, value_name = "TIME", value_parser = limit, allow_hyphen_values = true)]
    limit: Option<u32>,
}

/// A limit in whole seconds, up to a day.
fn limit(text: &str) -> Result<u32, String> {
    let seconds = super::common::seconds(text)?.as_secs_f64();
    if !(1.0..=86400.0).contains(&seconds) || seconds.fract() != 0.0 {
        return Err("whole seconds are needed, 1 to 86400: 90, 5m, 1h".to_owned());
    }
    Ok(seconds as u32)
}

#[derive(Debug, clap::Args)]
struct Remove {
    #[command(flatten)]
    one: One,
    /// Its name, to show that it is meant
    #[arg(long, value_name = "SCRIPT")]
    confirm: Option<String>,
}

/// The file's name makes no name.
#[derive(Debug, thiserror::Error)]
#[error("a name is needed: `{}` gives none", .0.display())]
pub(super) struct NoName(pub(super) PathBuf);

impl Explain for NoName {
    fn kind(&self) -> Kind {
        Kind::Usage
    }
}

impl Script {
    pub(super) fn run(self, global: &Global, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
        let station = self.at.open(global, ui, stop)?;
        match self.command {
            Command::List => list(&station, ui)?,
            Command::Show(args) => {
                let script: Known = station.get(&path(["scripts", &args.name]))?;
                show(&script, ui);
                if !ui.json {
                    script.text.lines().for_each(|line| ui.result(Text::tabbed(line)));
                }
            }
            Command::Add(args) => args.run(&station, ui)?,
            Command::Remove(args) => {
                let what = ("scripts", "script");
                client::remove(&station, what, &args.one.name, args.confirm.as_deref(), ui, stop)?;
            }
        }
        Ok(())
    }
}

impl Add {
    fn run(self, station: &Station, ui: &Ui) -> crate::cli::Result<()> {
        let text = read_text(&self.file, Known::LONGEST as u64)?;
        let of_file = || self.file.file_stem()?.to_str().and_then(|name| new_name(name).ok());
        let name = self.name.clone().or_else(of_file).ok_or_else(|| NoName(self.file.clone()))?;
        let place = path(["scripts", &name]);
        let before = match station.get::<Known>(&place) {
            Ok(before) => before,
            Err(error) if error.status() == Some(404) => {
                Known { priority: 100, limit: 600, ..Known::default() }
            }
            Err(error) => return Err(error)?,
        };
        let script = Known {
            name,
            text,
            when: self.when.unwrap_or(before.when),
            priority: self.priority.unwrap_or(before.priority),
            background: self.background.unwrap_or(before.background),
            once: self.once.unwrap_or(before.once),
            limit: self.limit.unwrap_or(before.limit),
        };
        if let Some(program) = script.other_program() {
            ui.warn(format_args!("its first line names {program}, and boards run it with /bin/sh"));
        }
        show(&station.put(&place, &script)?, ui);
        Ok(())
    }
}

fn how(script: &Known) -> String {
    let often = if script.once { "once" } else { "each time" };
    if script.background { format!("{often}, in the background") } else { often.to_owned() }
}

fn show(script: &Known, ui: &Ui) {
    tell_one(
        ui,
        "script",
        script,
        &[
            ("name", script.name.clone()),
            ("when", word(script.when)),
            ("priority", script.priority.to_string()),
            ("runs", how(script)),
            ("limit", count(u64::from(script.limit), "second")),
            ("length", count(script.text.len() as u64, "byte")),
        ],
    );
}

fn list(station: &Station, ui: &Ui) -> crate::cli::Result<()> {
    let mut all: Vec<Known> = station.all("/api/v1/scripts", &[])?;
    Known::sort(&mut all);
    let row = |one: &Known| {
        let limit = count(u64::from(one.limit), "second");
        [one.name.clone(), word(one.when), one.priority.to_string(), how(one), limit]
    };
    tell(
        ui,
        "script",
        ["SCRIPT", "WHEN", "PRIORITY", "RUNS", "LIMIT"],
        &all,
        row,
        "the station has no scripts",
    );
    Ok(())
}
