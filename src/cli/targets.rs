//! `piprov targets`.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use crate::board::Mac;
use crate::cli::common::{settings, severity_style, severity_word};
use crate::cli::remedy;
use crate::cli::table;
use crate::cli::{Failure, Global, ui::Style, ui::Ui};
use crate::config::Settings;
use crate::doctor;
use crate::error::{Kind, Severity};
use crate::format;
use crate::format::json::json;
use crate::stop::Stop;
use crate::targets::{self as database, Change, HEADER, HEADER_SECRET, NewTarget, ResetSpec};

#[derive(Debug, clap::Args)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct Targets {
    #[command(subcommand)]
    command: Command,
}

/// Which targets database; flattened into every subcommand that needs one.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Database {
    /// Targets database [env: PIPROV_TARGETS] [default: /etc/piprov/targets.csv]
    #[arg(long = "targets", value_name = "FILE")]
    file: Option<PathBuf>,
}

impl Database {
    /// The file: the flag before the settings.
    pub(super) fn path(&self, settings: &Settings) -> PathBuf {
        settings.targets.clone().or_flag("--targets", self.file.clone()).value
    }

    /// The database, read and checked.
    pub(super) fn load(
        &self,
        settings: &Settings,
        stop: &Stop,
    ) -> Result<database::Targets, database::Error> {
        database::Targets::load(&self.path(settings), stop)
    }
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show all targets
    List(List),
    /// Check the database and say everything that is wrong with it
    ///
    /// Names every problem with file and line, and ends with exit code 78 if there is one. GPIO chips and
    /// lines that this machine doesn't have are warnings: the file may be meant for another machine.
    Check(Check),
    /// Add a target
    ///
    /// The row goes to the end of the file; comments, order and all other bytes stay. A file that doesn't
    /// exist is made.
    Add(Add),
    /// Remove targets
    ///
    /// Prints the rows that it removes, so that they can be put back; all other bytes of the file stay.
    Remove(Remove),
}

#[derive(Debug, clap::Args)]
struct List {
    /// Print a CSV file in the form name,mac,ip,reset, whatever form it is read from
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    #[command(flatten)]
    database: Database,
}

#[derive(Debug, clap::Args)]
struct Check {
    #[command(flatten)]
    database: Database,
}

#[derive(Debug, clap::Args)]
struct Add {
    /// What to call it: letters, digits and - _ . + @
    #[arg(value_parser = name)]
    name: String,
    /// Its MAC address
    #[arg(long)]
    mac: Mac,
    /// Its IP address
    #[arg(long)]
    ip: Option<IpAddr>,
    /// How to reset it: gpiochip0:17, gpiochip0:GPIO17 or command:…
    #[arg(long, value_name = "RESET")]
    reset: Option<ResetSpec>,
    /// The file with its card's secret, from the database's directory on
    ///
    /// `piprov card build --secret` makes it. From then on `piprov flash` takes this board only where it
    /// proves that it knows the secret. The file must be its owner's alone (mode 0600).
    #[arg(long, value_name = "FILE", value_parser = secret)]
    secret: Option<PathBuf>,
    /// Say what would be added, and change nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
    #[command(flatten)]
    database: Database,
}

#[derive(Debug, clap::Args)]
struct Remove {
    /// Targets by name, IP or MAC address
    #[arg(value_name = "TARGET", required = true)]
    names: Vec<String>,
    /// Say what would be removed, and change nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
    #[command(flatten)]
    database: Database,
}

fn name(text: &str) -> Result<String, String> {
    database::check_name(text).map(|()| text.to_owned())
}

fn secret(text: &str) -> Result<PathBuf, String> {
    // The same as in a file: a name that can't be read back must not be written.
    let odd = text.trim() != text || text.is_empty() || text.chars().any(char::is_control);
    if odd { Err("this is no name of a file that the database can hold".to_owned()) } else { Ok(text.into()) }
}

impl Targets {
    pub(super) fn run(self, global: &Global, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
        let settings = settings(global, ui)?;
        match self.command {
            Command::List(args) => list(&args, &settings, ui, stop),
            Command::Check(args) => check(&args.database.path(&settings), ui, stop),
            Command::Add(args) => {
                let path = args.database.path(&settings);
                let new = NewTarget {
                    name: args.name,
                    mac: args.mac,
                    ip: args.ip,
                    reset: args.reset,
                    secret: args.secret,
                };
                let change = database::add(&path, &new, args.dry_run, stop)?;
                tell(ui, "added", "would add", args.dry_run, &path, &change);
                Ok(())
            }
            Command::Remove(args) => {
                let path = args.database.path(&settings);
                for change in database::remove(&path, &args.names, args.dry_run, stop)? {
                    tell(ui, "removed", "would remove", args.dry_run, &path, &change);
                }
                Ok(())
            }
        }
    }
}

/// Tells of one changed row.
fn tell(ui: &Ui, done: &str, would: &str, dry_run: bool, path: &Path, change: &Change) {
    if ui.json {
        ui.object(&json!({
            "event": done, "dry_run": dry_run, "path": path, "line": change.line, "row": change.row,
        }));
    } else {
        let verb = if dry_run { would } else { done };
        ui.result(format_args!("{verb} {}:{}: {}", path.display(), change.line, change.row));
    }
}

fn list(args: &List, settings: &Settings, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
    let targets = args.database.load(settings, stop)?;
    if ui.json {
        for target in targets.rows() {
            let more = json!({ "reset": target.reset, "secret": target.secret, "line": target.line });
            ui.named("target", Some(&target.board()), &more);
        }
        return Ok(());
    }
    if args.csv {
        let secrets = targets.rows().iter().any(|target| target.secret.is_some());
        ui.result(if secrets { HEADER_SECRET } else { HEADER });
        targets.rows().iter().for_each(|target| ui.result(target.to_row()));
        return Ok(());
    }
    if targets.rows().is_empty() {
        ui.say(format_args!("{} has no targets", targets.path().display()));
        return Ok(());
    }
    // The last column stands where it says something.
    let secrets = targets.rows().iter().any(|target| target.secret.is_some());
    let title = if secrets { "SECRET" } else { "" };
    let mut rows = vec![["NAME", "MAC", "IP", "RESET", title].map(str::to_owned)];
    rows.extend(targets.rows().iter().map(|target| {
        let ip = target.ip.map_or_else(|| "-".to_owned(), |ip| ip.to_string());
        let reset = target.reset.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
        let none = if secrets { "-" } else { "" };
        let secret =
            target.secret.as_ref().map_or_else(|| none.to_owned(), |path| path.display().to_string());
        [target.name.clone(), target.mac.to_string(), ip, reset, secret]
    }));
    table::tell(ui, Style::Strong, &rows);
    Ok(())
}

fn check(path: &Path, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
    let (targets, findings) = doctor::targets(path, stop)?;
    for finding in &findings {
        let (level, style) = (severity_word(finding.severity), severity_style(finding.severity));
        let (line, also) = finding.place.as_ref().map_or((0, None), |place| (place.line, place.also));
        let mut message = finding.what.clone();
        if !finding.remedy.is_empty() {
            message = format!("{message}; {}", remedy::word(&finding.remedy));
        }
        if ui.json {
            ui.object(
                &json!({ "event": level, "path": path, "line": line, "also": also, "message": message }),
            );
            continue;
        }
        let place = match line {
            0 => path.display().to_string(),
            line => format!("{}:{line}", path.display()),
        };
        ui.result(format_args!("{place}: {} {message}", ui.paint(style, format_args!("{level}:"))));
    }
    let problems = findings.iter().filter(|finding| finding.severity == Severity::Problem).count();
    let warnings = findings.len() - problems;
    if ui.json {
        ui.object(&json!({
            "event": "checked", "path": path, "targets": targets, "problems": problems, "warnings": warnings,
        }));
    }
    let count = |number: usize, what: &str| format::count(number as u64, what);
    if problems > 0 {
        ui.say(format_args!("{}: {}", path.display(), count(problems, "problem")));
        return Err(Failure::already_told(Kind::Config));
    }
    let tail = if warnings > 0 { format!(", {}", count(warnings, "warning")) } else { String::new() };
    ui.say(format_args!("{}: {}, no problems{tail}", path.display(), count(targets, "target")));
    Ok(())
}
