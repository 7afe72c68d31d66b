//! `piprov label`: templates of labels, and what is printed.

use std::path::PathBuf;

use crate::cli::Global;
use crate::cli::client::{self, At, Station, moment, new_name, parse, path, tell, tell_one, word};
use crate::cli::input::read_text;
use crate::cli::output::{Output, Readers};
use crate::cli::script::NoName;
use crate::cli::ui::Ui;
use crate::format::count;
use crate::station_api::{
    LONGEST_LABEL, Label as Known, LabelLanguage, MOST_COPIES, NewPrint, Page, Print as Printed, PrintState,
    PrinterTakes,
};
use crate::stop::Stop;

/// A label is so long at most once its values are filled in: as a picture.
const LONGEST: u64 = 16 << 20;

/// Show, change and print labels
///
/// A label is a template with a board's values: a name in braces stands for one, such as {serial}, {mac}, {called} or {duid};
/// {slot|none} for `none` where the board has no such value, and {|{} for a brace. A project says which label its boards get, on which printer, and when.
#[derive(Debug, clap::Args)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct Label {
    #[command(flatten)]
    at: At,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List labels
    List,
    /// Show one label with its template
    Show(One),
    /// Add a label, or change it
    Add(Add),
    /// Write a label with a board's values into a file, as its printer gets it
    Fill(Fill),
    /// Print a label for a board, or as a test
    Print(Print),
    /// List what was and is to be printed, the newest first
    Queue(Queue),
    /// Print something of the queue once more, or now
    Again(Job),
    /// Print something of the queue no more; or say that it was seen to
    Cancel(Job),
    /// Remove a label that no project has
    Remove(Remove),
}

#[derive(Debug, clap::Args)]
struct One {
    /// Its name
    #[arg(value_name = "LABEL")]
    name: String,
}

#[derive(Debug, clap::Args)]
struct Add {
    /// The file with its template; - is standard input
    #[arg(value_hint = clap::ValueHint::FilePath)]
    file: PathBuf,
    /// What to call it [default: the file's name, without its ending]
    #[arg(long, value_name = "LABEL", value_parser = new_name)]
    name: Option<String>,
    /// drawn, zpl, epl, jscript, html or text [default: as it is, else drawn]
    #[arg(long, value_name = "LANGUAGE", value_parser = parse::<LabelLanguage>)]
    language: Option<LabelLanguage>,
}

#[derive(Debug, clap::Args)]
struct Fill {
    #[command(flatten)]
    one: One,
    /// The board [default: none, with sample values]
    #[arg(long, value_name = "BOARD")]
    board: Option<String>,
    /// A label that is drawn as png, zpl or epl
    #[arg(long = "as", value_name = "FORM", value_parser = parse::<PrinterTakes>, default_value = "png")]
    takes: PrinterTakes,
    /// The file, which is not there yet; - is standard output
    #[arg(short, long, value_name = "FILE", default_value = "-", value_hint = clap::ValueHint::FilePath)]
    output: PathBuf,
}

#[derive(Debug, clap::Args)]
struct Print {
    #[command(flatten)]
    one: One,
    /// The printer
    #[arg(long)]
    printer: String,
    /// The board [default: none, as a test with sample values]
    #[arg(long, value_name = "BOARD")]
    board: Option<String>,
    /// How often
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST_COPIES)))]
    copies: u32,
}

#[derive(Debug, clap::Args)]
struct Queue {
    /// Only of this printer
    #[arg(long)]
    printer: Option<String>,
    /// Only waiting, printing, sent, unsure, failed or cancelled
    #[arg(long, value_name = "STATE", value_parser = parse::<PrintState>)]
    state: Option<PrintState>,
}

#[derive(Debug, clap::Args)]
struct Job {
    /// Its name, as the queue has it
    #[arg(value_name = "PRINT")]
    print: String,
}

#[derive(Debug, clap::Args)]
struct Remove {
    #[command(flatten)]
    one: One,
    /// Its name, to show that it is meant
    #[arg(long, value_name = "LABEL")]
    confirm: Option<String>,
}

impl Label {
    pub(super) fn run(self, global: &Global, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
        let station = self.at.open(global, ui, stop)?;
        match self.command {
            Command::List => list(&station, ui),
            Command::Show(args) => {
                let label: Known = station.get(&path(["labels", &args.name]))?;
                show(&label, ui);
                doubts(&label, ui);
                if !ui.json {
                    label.text.lines().for_each(|line| ui.result(line));
                }
                Ok(())
            }
            Command::Add(args) => args.run(&station, ui),
            Command::Fill(args) => args.run(&station, ui),
            Command::Print(args) => {
                let is_test = args.board.is_none();
                let new = NewPrint {
                    label: args.one.name,
                    printer: args.printer,
                    board: args.board,
                    copies: args.copies,
                };
                let made: Page<Printed> = station.post("/api/v1/prints", &new)?;
                queue(&made.items, ui);
                // A test has a sample of each name, also of one that no board has.
                if is_test {
                    doubts(&station.get(&path(["labels", &new.label]))?, ui);
                }
                Ok(())
            }
            Command::Queue(args) => {
                let mut query = Vec::new();
                query.extend(args.printer.map(|printer| ("printer", printer)));
                query.extend(args.state.map(|state| ("state", word(state))));
                queue(&station.all("/api/v1/prints", &query)?, ui);
                Ok(())
            }
            Command::Again(args) => {
                let place = format!("{}/again", path(["prints", &args.print]));
                queue(&[station.act::<Printed>(&place)?], ui);
                Ok(())
            }
            Command::Cancel(args) => {
                let place = format!("{}/cancel", path(["prints", &args.print]));
                queue(&[station.act::<Printed>(&place)?], ui);
                Ok(())
            }
            Command::Remove(args) => {
                let what = ("labels", "label");
                client::remove(&station, what, &args.one.name, args.confirm.as_deref(), ui, stop)
            }
        }
    }
}

impl Add {
    fn run(self, station: &Station, ui: &Ui) -> crate::cli::Result<()> {
        let text = read_text(&self.file, LONGEST_LABEL as u64)?;
        let of_file = || self.file.file_stem()?.to_str().and_then(|name| new_name(name).ok());
        let name = self.name.clone().or_else(of_file).ok_or_else(|| NoName(self.file.clone()))?;
        let place = path(["labels", &name]);
        let before = match station.get::<Known>(&place) {
            Ok(before) => before,
            Err(error) if error.status() == Some(404) => Known::default(),
            Err(error) => return Err(error)?,
        };
        let label =
            Known { name, language: self.language.unwrap_or(before.language), text, ..Known::default() };
        let label: Known = station.put(&place, &label)?;
        show(&label, ui);
        doubts(&label, ui);
        Ok(())
    }
}

impl Fill {
    fn run(self, station: &Station, ui: &Ui) -> crate::cli::Result<()> {
        let output = Output::at(&self.output, false, ui)?;
        let place = format!("{}/filled", path(["labels", &self.one.name]));
        let mut call = station.client.get(&place).query("takes", self.takes.word());
        if let Some(board) = &self.board {
            call = call.query("board", board);
        }
        let bytes = call.send()?.bytes(LONGEST)?;
        let writing = output.begin(Readers::Usual)?;
        writing.write(&bytes)?;
        writing.end()?;
        if !output.is_standard() {
            client::done(ui, "written", "file", &output.label());
        }
        Ok(())
    }
}

fn show(label: &Known, ui: &Ui) {
    tell_one(
        ui,
        "label",
        label,
        &[
            ("name", label.name.clone()),
            ("language", word(label.language)),
            ("length", count(label.text.len() as u64, "byte")),
        ],
    );
}

/// What no board could have of a label.
fn doubts(label: &Known, ui: &Ui) {
    label.warnings.iter().for_each(|told| ui.warn(told));
}

fn list(station: &Station, ui: &Ui) -> crate::cli::Result<()> {
    let all: Vec<Known> = station.all("/api/v1/labels", &[])?;
    let row = |one: &Known| [one.name.clone(), word(one.language), count(one.text.len() as u64, "byte")];
    tell(ui, "label", ["LABEL", "LANGUAGE", "LENGTH"], &all, row, "the station has no labels");
    Ok(())
}

fn queue(all: &[Printed], ui: &Ui) {
    let row = |one: &Printed| {
        let board = if one.board.is_none() { "a test".to_owned() } else { one.called.clone() };
        [
            moment(one.made),
            one.print.clone(),
            one.label.clone(),
            board,
            one.printer.clone(),
            word(one.state),
            one.tries.to_string(),
            one.why.clone(),
        ]
    };
    let heads = ["WHEN", "PRINT", "LABEL", "BOARD", "PRINTER", "STATE", "TRIES", "WHY"];
    tell(ui, "print", heads, all, row, "nothing was printed");
}
