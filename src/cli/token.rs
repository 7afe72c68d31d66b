//! `piprov token`: what programs prove themselves by at a station.

use std::path::PathBuf;

use crate::cli::Global;
use crate::cli::client::{self, At, Station, moment, new_name, parse, path, tell, tell_one, word};
use crate::cli::output::{Output, Readers};
use crate::cli::ui::Ui;
use crate::station_api::{MadeToken, NewToken, Role, Scope, Token as Known};
use crate::stop::Stop;

/// Show, make and take back the tokens of programs
#[derive(Debug, clap::Args)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct Token {
    #[command(flatten)]
    at: At,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List tokens; their text isn't known any more
    List,
    /// Make a token, and write its text into a file
    Add(Add),
    /// Take a token back, at once
    Remove(One),
}

#[derive(Debug, clap::Args)]
struct One {
    /// Its name
    #[arg(value_name = "TOKEN")]
    name: String,
}

#[derive(Debug, clap::Args)]
struct Add {
    /// What to call it
    #[arg(value_name = "TOKEN", value_parser = new_name)]
    name: String,
    /// What it may do: viewer, operator or admin
    #[arg(long, value_parser = parse::<Role>)]
    role: Role,
    /// Hold it to a part of the station; again for more
    ///
    /// boards, images, runs, rules, people or station, to look and change, or boards:read and so on, to look. Without
    /// this it may all that its role may.
    #[arg(long, value_name = "SCOPE")]
    scope: Vec<Scope>,
    /// The new file for it, its owner's alone; - is standard output
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// It ends after so many days [default: never]
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=36500))]
    days: Option<u32>,
}

impl Token {
    pub(super) fn run(self, global: &Global, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
        let station = self.at.open(global, ui, stop)?;
        match self.command {
            Command::List => list(&station, ui),
            Command::Add(args) => args.run(&station, ui),
            Command::Remove(args) => {
                station.delete(&path(["tokens", &args.name]))?;
                client::done(ui, "removed", "token", &args.name);
                Ok(())
            }
        }
    }
}

fn list(station: &Station, ui: &Ui) -> crate::cli::Result<()> {
    let all: Vec<Known> = station.all("/api/v1/tokens", &[])?;
    let row = |one: &Known| {
        let when = |time: Option<i64>| time.map(moment).unwrap_or_else(|| "never".to_owned());
        [
            one.name.clone(),
            word(one.role),
            scopes(one),
            one.user.clone(),
            moment(one.made),
            when(one.expires),
            when(one.used),
        ]
    };
    tell(
        ui,
        "token",
        ["TOKEN", "ROLE", "FOR", "OF", "MADE", "ENDS", "USED"],
        &all,
        row,
        "there are no tokens",
    );
    Ok(())
}

/// What it is held to.
fn scopes(token: &Known) -> String {
    let words: Vec<_> = token.scopes.iter().map(|scope| scope.word()).collect();
    if words.is_empty() { "all".to_owned() } else { words.join(",") }
}

impl Add {
    fn run(self, station: &Station, ui: &Ui) -> crate::cli::Result<()> {
        // The file first: a token whose text got lost is of no use to anybody.
        let output = Output::at(&self.output, false, ui)?;
        let new = output.begin(Readers::Owner)?;
        let day = 24 * 60 * 60 * 1000;
        let now = jiff::Timestamp::now().as_millisecond();
        let expires = self.days.map(|days| now + i64::from(days) * day);
        let new_token = NewToken { name: self.name, role: self.role, scopes: self.scope, expires };
        let made: MadeToken = station.post("/api/v1/tokens", &new_token)?;
        if let Err(error) = new.write(format!("{}\n", made.secret).as_bytes()).and_then(|()| new.end()) {
            // Nobody has its text.
            station.delete(&path(["tokens", &made.token.name]))?;
            return Err(error);
        }
        if output.is_standard() {
            return Ok(());
        }
        tell_one(
            ui,
            "token",
            &made.token,
            &[
                ("token", made.token.name.clone()),
                ("role", word(made.token.role)),
                ("for", scopes(&made.token)),
                ("ends", made.token.expires.map(moment).unwrap_or_default()),
                ("written to", self.output.display().to_string()),
            ],
        );
        Ok(())
    }
}
