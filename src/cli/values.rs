//! `piprov values`: what each board has of its own, and where it comes from.

use std::path::PathBuf;

use crate::cli::Global;
use crate::cli::client::{self, At, Station, moment, path, tell, tell_one};
use crate::cli::confirm::confirm;
use crate::cli::input::read;
use crate::cli::report::Usage;
use crate::cli::ui::Ui;
use crate::error::{Explain, Kind, Remedy};
use crate::format::count;
use crate::station_api::{
    AskedServer, GivenValues, MadeValueSource, NewValueSource, ReleaseValues, Sheet, ValueSource,
    ValueSourceChange, ValueUpload, ValuesOf, check_value_name, range_of_values,
};
use crate::stop::Stop;

/// A file is so long at most: stations take no longer one.
const LONGEST: u64 = 16 << 20;

/// Show and change the sources of values of which each board has its own
///
/// A source is a sequence of numbers or Ethernet addresses, a table, or a server that is asked. A board keeps what it got,
/// in each later job, until a person gives it back.
#[derive(Debug, clap::Args)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct Values {
    #[command(flatten)]
    at: At,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List the sources, with how much is left of each
    List,
    /// Show one source, and the boards that have values of it
    Show(Show),
    /// Make a source
    Add(Add),
    /// Change where a source ends, or when people are told
    Set(Set),
    /// Take in a newer file of a table; what boards have stays
    Upload(Upload),
    /// Let a board give its values back, so that another one may get them
    Release(Release),
    /// Take a source out, with what it knows of who has what
    Remove(Remove),
}

#[derive(Debug, clap::Args)]
struct One {
    /// Its name
    #[arg(value_name = "SOURCE")]
    name: String,
}

#[derive(Debug, clap::Args)]
struct Show {
    #[command(flatten)]
    one: One,
    /// Only boards with this in a value, their serial number or id
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
}

#[derive(Debug, clap::Args)]
#[command(override_usage = "piprov values add [OPTIONS] --from <VALUE> --to <VALUE> <SOURCE>\n       \
    piprov values add [OPTIONS] --table <FILE> <SOURCE>\n       \
    piprov values add [OPTIONS] --url <URL> <SOURCE>")]
struct Add {
    /// What to call it, as a value: host_name
    #[arg(value_name = "SOURCE", value_parser = value_name)]
    name: String,
    #[command(flatten)]
    what: What,
    /// The last value of a sequence
    #[arg(long, value_name = "VALUE", requires = "from")]
    to: Option<String>,
    /// From one value of a sequence to the next
    #[arg(long, value_name = "N", default_value_t = 1, requires = "from")]
    step: u64,
    /// The column or value that no two boards may have
    #[arg(long, value_name = "NAME", value_parser = value_name, conflicts_with = "from")]
    unique: Option<String>,
    /// People are told where values for fewer boards are left [default: 20]
    #[arg(long, value_name = "N")]
    warn: Option<u64>,
}

#[derive(Debug, clap::Args)]
#[group(id = "what", required = true, multiple = false)]
struct What {
    /// A sequence from this value on, such as SN000001 or dc:a6:32:00:00:01
    #[arg(long, value_name = "VALUE", requires = "to")]
    from: Option<String>,
    /// A table: a CSV file with a header; each row is for one board
    ///
    /// A column `serial` says for which board a row is; where it is empty, for any. - is standard input.
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    table: Option<PathBuf>,
    /// A server that is asked for each board
    ///
    /// It gets what is known of the board by POST, signed as hooks are, and answers with a JSON object of texts.
    #[arg(long, value_name = "URL", value_hint = clap::ValueHint::Url)]
    url: Option<String>,
}

#[derive(Debug, clap::Args)]
#[group(id = "change", required = true, multiple = true)]
struct Change {
    /// The last value of a sequence; not before what was given
    #[arg(long, value_name = "VALUE")]
    to: Option<String>,
    /// People are told where values for fewer boards are left
    #[arg(long, value_name = "N")]
    warn: Option<u64>,
}

#[derive(Debug, clap::Args)]
struct Set {
    #[command(flatten)]
    one: One,
    #[command(flatten)]
    change: Change,
}

#[derive(Debug, clap::Args)]
struct Upload {
    #[command(flatten)]
    one: One,
    /// The CSV file; - is standard input
    #[arg(value_hint = clap::ValueHint::FilePath)]
    file: PathBuf,
    /// Change nothing, and tell what would change
    #[arg(long)]
    dry_run: bool,
    /// Its name, to show that it is meant where columns or free rows go
    #[arg(long, value_name = "SOURCE", conflicts_with = "dry_run")]
    confirm: Option<String>,
}

#[derive(Debug, clap::Args)]
struct Release {
    #[command(flatten)]
    one: One,
    /// The board, by its serial number or id
    #[arg(value_name = "BOARD")]
    board: String,
    /// The board once more, to show that it is meant
    #[arg(long, value_name = "BOARD")]
    confirm: Option<String>,
}

#[derive(Debug, clap::Args)]
struct Remove {
    #[command(flatten)]
    one: One,
    /// Its name, to show that it is meant
    #[arg(long, value_name = "SOURCE")]
    confirm: Option<String>,
}

fn value_name(text: &str) -> Result<String, String> {
    check_value_name(text).map(|()| text.to_owned()).map_err(|error| error.to_string())
}

/// A board has nothing that it could give back.
#[derive(Debug, thiserror::Error)]
#[error("there is no board with values of this source `{board}`")]
struct NoneOf {
    board: String,
    source_name: String,
}

impl Explain for NoneOf {
    fn kind(&self) -> Kind {
        Kind::NoInput
    }

    fn hint(&self) -> Option<Remedy> {
        let source = crate::cli::remedy::quoted(&self.source_name);
        Some(format!("`piprov values show {source}` lists the boards that have some").into())
    }
}

impl Release {
    /// Whether there is something to give back, as far as that can be asked beforehand.
    fn look(&self, station: &Station) -> crate::cli::Result<()> {
        // A serial number has 8 or 16 digits, of which the last 8 are the same.
        let from = self.board.char_indices().rev().nth(7).map_or(0, |(at, _)| at);
        let query = [("text", self.board[from..].to_owned())];
        let mut some = false;
        let place = path(["values", &self.one.name, "boards"]);
        station.each(&place, &query, Some(1), |found: Vec<GivenValues>| some |= !found.is_empty())?;
        if some {
            return Ok(());
        }
        Err(NoneOf { board: self.board.clone(), source_name: self.one.name.clone() })?
    }
}

impl Values {
    pub(super) fn run(self, global: &Global, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
        let station = self.at.open(global, ui, stop)?;
        match self.command {
            Command::List => list(&station, ui),
            Command::Show(args) => args.run(&station, ui),
            Command::Add(args) => args.run(&station, ui),
            Command::Set(args) => {
                let change = ValueSourceChange { warn: args.change.warn, end: args.change.to };
                show(&station.patch(&path(["values", &args.one.name]), &change)?, ui)
            }
            Command::Upload(args) => {
                let (name, file) = (&args.one.name, read(&args.file, LONGEST)?);
                if args.dry_run {
                    return upload(&station, name, &file, None, ui);
                }
                // A file that was cut off looks like one with fewer rows.
                let would = put_table(&station, name, &file, None)?;
                let going = would.going();
                if !going.is_empty() {
                    ui.say(format_args!("this file hasn't {}: that would go", going.join(", and ")));
                    confirm(name, args.confirm.as_deref(), ui, stop)?;
                }
                upload(&station, name, &file, Some([would.gone, would.columns_gone.len() as u64]), ui)
            }
            Command::Release(args) => {
                args.look(&station)?;
                confirm(&args.board, args.confirm.as_deref(), ui, stop)?;
                let asked = ReleaseValues { board: args.board };
                let place = path(["values", &args.one.name, "release"]);
                station.client.post(&place).send_json(&asked)?;
                client::done(ui, "released", "values of the board", &asked.board);
                Ok(())
            }
            Command::Remove(args) => {
                let what = ("values", "source of values");
                client::remove(&station, what, &args.one.name, args.confirm.as_deref(), ui, stop)
            }
        }
    }
}

/// `gone`: at most so many rows and columns may go; `None`: it is only told what would change.
fn put_table(
    station: &Station,
    name: &str,
    file: &[u8],
    gone: Option<[u64; 2]>,
) -> crate::cli::Result<ValueUpload> {
    let call = station.client.put(&path(["values", name, "table"]));
    let call = match gone {
        Some([rows, columns]) => call.query("gone", rows).query("columns_gone", columns),
        None => call.query("dry", true),
    };
    Ok(call.send_bytes(file, "text/csv")?.json()?)
}

fn upload(
    station: &Station,
    name: &str,
    file: &[u8],
    gone: Option<[u64; 2]>,
    ui: &Ui,
) -> crate::cli::Result<()> {
    let told = put_table(station, name, file, gone)?;
    let dry = told.dry;
    let rows = |rows: u64| count(rows, "row");
    let facts = [
        ("file", rows(told.rows)),
        (if dry { "would be new" } else { "new" }, rows(told.added)),
        ("changed", rows(told.changed)),
        ("as before", rows(told.same)),
        (if dry { "would go" } else { "gone" }, rows(told.gone)),
        (if dry { "columns would go" } else { "columns gone" }, told.columns_gone.join(", ")),
        ("used by", told.columns_used_by.join(", ")),
        ("given, stays", rows(told.given.saturating_add(told.kept))),
    ];
    tell_one(ui, "values-upload", &told, &facts);
    if told.contradict > 0 {
        ui.warn(format_args!(
            "in {} the file says something else than boards were given: other values, or another board. That stays as it was \
             given; a board whose row another one has gets none until that is given back",
            rows(told.contradict)
        ));
    }
    Ok(())
}

impl Add {
    fn run(self, station: &Station, ui: &Ui) -> crate::cli::Result<()> {
        let Self { name, what, to, step, unique, warn } = self;
        // Before anything is made: a table that can't be read makes no source.
        let file = what.table.as_deref().map(|file| read(file, LONGEST)).transpose()?;
        let of = match (what.from, what.url) {
            (Some(from), _) => range_of_values(&from, to.as_deref().unwrap_or_default(), step)
                .map_err(|error| Usage { message: error.to_string(), hint: None })?,
            (None, Some(url)) => ValuesOf::Http(AskedServer { url, unique }),
            // One of the three is said.
            (None, None) => ValuesOf::Table(Sheet { unique, columns: Vec::new() }),
        };
        let made: MadeValueSource =
            station.post("/api/v1/values", &NewValueSource { name: name.clone(), of, warn })?;
        if let Some(file) = file
            && let Err(error) = upload(station, &name, &file, Some([u64::MAX; 2]), ui)
        {
            // One without rows is of no use.
            station.delete(&path(["values", &name]))?;
            return Err(error);
        }
        let source: ValueSource = station.get(&path(["values", &name]))?;
        match made.secret {
            None => show(&source, ui),
            Some(secret) => {
                let made = MadeValueSource { source, secret: Some(secret.clone()) };
                tell_one(
                    ui,
                    "values",
                    &made,
                    &[("name", name), ("values", made.source.of.words()), ("calls are signed with", secret)],
                );
                Ok(())
            }
        }
    }
}

/// How much is left, in words.
fn left(source: &ValueSource) -> String {
    match (source.left, source.bound) {
        (None, _) => "asked for".to_owned(),
        (Some(left), 0) => left.to_string(),
        (Some(left), bound) => format!("{left}, {bound} of them for one board each"),
    }
}

fn facts(source: &ValueSource) -> [(&'static str, String); 6] {
    [
        ("name", source.name.clone()),
        ("values", source.of.words()),
        ("left", left(source)),
        ("given", count(source.given, "board")),
        ("told below", source.warn.to_string()),
        ("made", format!("{} by {}", moment(source.made), source.by)),
    ]
}

fn show(source: &ValueSource, ui: &Ui) -> crate::cli::Result<()> {
    tell_one(ui, "values", source, &facts(source));
    Ok(())
}

impl Show {
    fn run(self, station: &Station, ui: &Ui) -> crate::cli::Result<()> {
        let source: ValueSource = station.get(&path(["values", &self.one.name]))?;
        show(&source, ui)?;
        let search = self.search.unwrap_or_default();
        let query = [("text", search)];
        let query = if query[0].1.is_empty() { &[][..] } else { &query[..] };
        let given: Vec<GivenValues> = station.all(&path(["values", &self.one.name, "boards"]), query)?;
        let row = |one: &GivenValues| {
            let values: Vec<_> = one.values.iter().map(|(name, text)| format!("{name}={text}")).collect();
            [one.serial.clone().unwrap_or_else(|| one.board.clone()), moment(one.given), values.join(" ")]
        };
        tell(ui, "given-values", ["BOARD", "GIVEN", "VALUES"], &given, row, "no board has values of it");
        Ok(())
    }
}

fn list(station: &Station, ui: &Ui) -> crate::cli::Result<()> {
    let all: Vec<ValueSource> = station.all("/api/v1/values", &[])?;
    let row = |one: &ValueSource| {
        [one.name.clone(), one.of.word().to_owned(), left(one), one.given.to_string(), one.of.words()]
    };
    tell(
        ui,
        "values",
        ["SOURCE", "KIND", "LEFT", "GIVEN", "VALUES"],
        &all,
        row,
        "the station has no sources of values",
    );
    Ok(())
}
