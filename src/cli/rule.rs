//! `piprov rule`: which project an arriving board gets.

use crate::board::Mac;
use crate::cli::Global;
use crate::cli::client::{self, At, Station, moment, new_name, path, tell};
use crate::cli::remedy::quoted;
use crate::cli::report::Usage;
use crate::cli::ui::{Style, Ui};
use crate::format::json::json;
use crate::format::{count, parse_size, size};
use crate::station_api::{
    Board, Matching, NO_IMAGE, NewRule, NoBoard, Project, Rule as Known, RuleTest, What, shadow,
};
use crate::stop::Stop;

/// Show and change which project an arriving board gets
///
/// Rules are tried in their order, and the first that matches counts. They start something only while the station is
/// armed: `piprov station arm`.
#[derive(Debug, clap::Args)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct Rule {
    #[command(flatten)]
    at: At,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List the rules in their order, with how often each has matched
    List,
    /// Add a rule
    Add(Box<Add>),
    /// Take a rule out
    Remove(One),
    /// Say what the rules make of a board, and why
    Test(Test),
}

#[derive(Debug, clap::Args)]
struct One {
    /// Its name
    #[arg(value_name = "RULE")]
    name: String,
}

#[derive(Debug, clap::Args)]
struct Test {
    /// The board: its name, serial number, MAC address or id
    #[arg(value_name = "BOARD")]
    board: String,
}

#[derive(Debug, clap::Args)]
#[group(id = "then", required = true, multiple = false)]
struct Then {
    /// The board gets this project
    #[arg(long)]
    project: Option<String>,
    /// Its disk is backed up
    #[arg(long)]
    backup: bool,
    /// It waits for a person
    #[arg(long)]
    wait: bool,
}

#[derive(Debug, clap::Args)]
struct Add {
    /// What to call it
    #[arg(value_name = "RULE", value_parser = new_name)]
    name: String,
    #[command(flatten)]
    then: Then,
    /// Its place among the rules, from 0 [default: the last]
    #[arg(long, value_name = "N")]
    position: Option<u32>,
    /// Only boards with this serial number; * stands for any digits
    #[arg(long)]
    serial: Option<String>,
    /// Only boards with this MAC address; * stands for any digits
    #[arg(long)]
    mac: Option<String>,
    /// Only boards with one of these serial numbers
    #[arg(long, value_name = "SERIAL", value_delimiter = ',')]
    serials: Vec<String>,
    /// Only boards with a MAC address that isn't below this one
    #[arg(long, value_name = "MAC")]
    mac_from: Option<Mac>,
    /// Only boards with a MAC address that isn't above this one
    #[arg(long, value_name = "MAC")]
    mac_to: Option<Mac>,
    /// Only boards with this in their model's name
    #[arg(long)]
    model: Option<String>,
    /// Only boards in this slot; * stands for anything
    #[arg(long)]
    slot: Option<String>,
    /// Only boards with at least so much memory, such as 2GiB
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    memory_min: Option<u64>,
    /// Only boards with at most so much memory
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    memory_max: Option<u64>,
    /// Only boards with a disk of at least that size
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    storage_min: Option<u64>,
    /// Only boards without a disk above that size
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    storage_max: Option<u64>,
    /// For every board, where nothing else is said of it
    #[arg(long)]
    any: bool,
}

impl Rule {
    pub(super) fn run(self, global: &Global, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
        let station = self.at.open(global, ui, stop)?;
        match self.command {
            Command::List => list(&station, ui),
            Command::Add(args) => args.run(&station, ui),
            Command::Remove(args) => {
                station.delete(&path(["rules", &args.name]))?;
                client::done(ui, "removed", "rule", &args.name);
                Ok(())
            }
            Command::Test(args) => test(&args.board, &station, ui),
        }
    }
}

/// What a rule does, in a word.
fn then(what: &What) -> String {
    match what {
        What::Project { project } => format!("project {project}"),
        What::Backup => "backup".to_owned(),
        What::Wait => "waits for a person".to_owned(),
    }
}

/// What a board has to be, in a line.
fn wanted(matching: &Matching) -> String {
    let text = |name: &str, value: &Option<String>| value.as_ref().map(|value| format!("{name} {value}"));
    let bytes = |name: &str, value: Option<u64>| value.map(|value| format!("{name} {}", size(value)));
    let all = [
        text("serial", &matching.serial),
        (!matching.serials.is_empty())
            .then(|| format!("one of {}", count(matching.serials.len() as u64, "serial number"))),
        text("mac", &matching.mac),
        matching.mac_from.map(|mac| format!("mac from {mac}")),
        matching.mac_to.map(|mac| format!("mac to {mac}")),
        text("model", &matching.model),
        text("slot", &matching.slot),
        bytes("memory from", matching.memory_min),
        bytes("memory to", matching.memory_max),
        bytes("storage from", matching.storage_min),
        bytes("storage to", matching.storage_max),
    ];
    let all: Vec<_> = all.into_iter().flatten().collect();
    if all.is_empty() { "any board".to_owned() } else { all.join(", ") }
}

fn list(station: &Station, ui: &Ui) -> crate::cli::Result<()> {
    let all: Vec<Known> = station.all("/api/v1/rules", &[])?;
    let row = |rule: &Known| {
        let last = rule.last.map(moment).unwrap_or_else(|| "never".to_owned());
        let place = rule.position.to_string();
        [place, rule.name.clone(), wanted(&rule.matching), then(&rule.what), rule.matched.to_string(), last]
    };
    let heading = ["N", "RULE", "FOR", "THEN", "MATCHED", "LAST"];
    tell(ui, "rule", heading, &all, row, "the station has no rules: each board waits for a person");
    let never = all.iter().filter(|rule| rule.matched == 0).count() as u64;
    if never > 0 && !ui.json {
        ui.say(format_args!("{} never matched", count(never, "rule")));
    }
    for (at, rule) in all.iter().enumerate().filter(|_| !ui.json) {
        if let Some(before) = shadow(&all, at) {
            ui.warn(format_args!(
                "{} is never asked: {before} is for every board, and comes first",
                rule.name
            ));
        }
    }
    Ok(())
}

impl Add {
    fn run(self, station: &Station, ui: &Ui) -> crate::cli::Result<()> {
        let matching = Matching {
            serial: self.serial,
            serials: self.serials,
            mac: self.mac,
            mac_from: self.mac_from,
            mac_to: self.mac_to,
            model: self.model,
            slot: self.slot,
            memory_min: self.memory_min,
            memory_max: self.memory_max,
            storage_min: self.storage_min,
            storage_max: self.storage_max,
        };
        if (matching == Matching::default()) != self.any {
            let message = if self.any {
                "--any is for a rule that asks for nothing else"
            } else {
                "it isn't said for which boards"
            };
            let hint = (!self.any).then(|| "`--any` says that it is for each.".into());
            return Err(Usage { message: message.to_owned(), hint })?;
        }
        let matching = matching.tidied().map_err(|why| {
            let flag = |member: &str| format!("--{}", member.replace('_', "-"));
            let message = match why {
                NoBoard::Range { least, most } => {
                    format!("{} is above {}, so that no board would match", flag(least), flag(most))
                }
                NoBoard::Text { member, why } => {
                    format!("{} {why}, so that no board would match", flag(member))
                }
            };
            Usage { message, hint: None }
        })?;
        let what = match self.then {
            Then { project: Some(project), .. } => What::Project { project },
            Then { backup: true, .. } => What::Backup,
            _ => What::Wait,
        };
        let new = NewRule { name: self.name, position: self.position, matching, any: self.any, what };
        let rule: Known = station.post("/api/v1/rules", &new)?;
        if ui.json {
            ui.object(&json!({ "event": "rule", "value": rule }));
        } else {
            let (place, name) = (rule.position, &rule.name);
            ui.result(format_args!("{place} {name}: {} → {}", wanted(&rule.matching), then(&rule.what)));
        }
        if let What::Project { project } = &rule.what {
            let there: Project = station.get(&path(["projects", project]))?;
            if there.image.is_none() {
                let project = quoted(project);
                ui.warn(format_args!(
                    "{NO_IMAGE}: `piprov project set {project} --image IMAGE` gives it one"
                ));
            }
        }
        Ok(())
    }
}

fn test(board: &str, station: &Station, ui: &Ui) -> crate::cli::Result<()> {
    let board: Board = station.get(&path(["boards", board]))?;
    let test: RuleTest = station.get(&path(["boards", &board.id, "rules"]))?;
    if ui.json {
        ui.object(&json!({ "event": "rule-test", "board": client::who(&board), "value": test }));
        return Ok(());
    }
    let mut first = None;
    for rule in &test.rules {
        if rule.why_not.is_empty() {
            let matches = ui.paint(Style::Good, "matches");
            match first.replace(first.unwrap_or(&rule.rule)) {
                None => ui.result(format_args!("{}: {matches}", rule.rule)),
                Some(before) => {
                    ui.result(format_args!(
                        "{}: would match, and isn't asked: {before} comes first",
                        rule.rule
                    ));
                }
            }
        } else {
            ui.result(format_args!("{}: no: {}", rule.rule, rule.why_not.join("; ")));
        }
    }
    let what = test.what.as_ref().map_or_else(|| "no rule matches: it waits for a person".to_owned(), then);
    ui.result(format_args!("{}: {what}", client::label(&board)));
    for but in &test.but {
        ui.result(format_args!("{}: nothing would begin now: {but}", client::label(&board)));
    }
    if let Some(eeprom) = &test.eeprom {
        ui.result(format_args!("{}: EEPROM: {eeprom}", client::label(&board)));
    }
    Ok(())
}
