//! `piprov hook`: who is told by HTTP what happens at a station.

use std::path::PathBuf;

use crate::cli::Global;
use crate::cli::client::{self, At, moment, parse, password, path, tell, tell_one};
use crate::cli::ui::Ui;
use crate::format::json::json;
use crate::station_api::{
    Delivery, Happening, Hook as Known, HostHook, HostHookRun, HostHooks, MadeHook, NewHook,
};
use crate::stop::Stop;

/// Show and change who is told by HTTP what happens
///
/// Each call is a POST with JSON, or with a sentence, and is tried for some hours until it is answered by 2xx. Its header
/// `piprov-signature` is `t=SECONDS,v1=HEX`: HMAC-SHA256, with the hook's secret, over SECONDS, a dot and the body.
#[derive(Debug, clap::Args)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct Hook {
    #[command(flatten)]
    at: At,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List hooks
    List,
    /// Add a hook; tells what its calls are signed with, this once
    Add(Add),
    /// Remove a hook, with all that it was to be told
    Remove(One),
    /// Tell a hook something, to try it
    Test(One),
    /// List what hooks were told and are to be told, the newest first
    Queue,
    /// Show hooks on the station's host, and how the last ones ended
    ///
    /// They are programs in the directory of the setting `station.hooks-dir`. A line says why one isn't run.
    Host,
}

#[derive(Debug, clap::Args)]
struct One {
    /// Its name
    #[arg(value_name = "HOOK")]
    name: String,
}

#[derive(Debug, clap::Args)]
struct Add {
    #[command(flatten)]
    one: One,
    /// Where it is: https://HOST/PATH
    #[arg(long)]
    url: String,
    /// Tell this; again for more [default: all]
    ///
    /// board.seen, run.started, run.done, run.failed, station.trouble or slot.suspected.
    #[arg(long, value_name = "EVENT", value_parser = parse::<Happening>)]
    event: Vec<Happening>,
    /// Tell a sentence instead of JSON: for ntfy and the like
    #[arg(long)]
    plain: bool,
    /// A file with what calls are signed with, its owner's alone [default: made]
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
}

fn events(hook: &Known) -> String {
    hook.events.iter().map(|event| event.word()).collect::<Vec<_>>().join(",")
}

impl Hook {
    pub(super) fn run(self, global: &Global, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
        let station = self.at.open(global, ui, stop)?;
        match self.command {
            Command::List => {
                let all: Vec<Known> = station.all("/api/v1/hooks", &[])?;
                let row = |one: &Known| {
                    let what = if one.plain { "a sentence" } else { "JSON" }.to_owned();
                    [one.name.clone(), one.url.clone(), events(one), what, one.by.clone()]
                };
                tell(ui, "hook", ["HOOK", "WHERE", "EVENTS", "AS", "OF"], &all, row, "there are no hooks");
            }
            Command::Add(args) => {
                let secret = match &args.secret_file {
                    Some(file) => Some(password(Some(file), ui, stop)?),
                    None => None,
                };
                let (name, events_asked) = (args.one.name, args.event);
                let new = NewHook { name, url: args.url, events: events_asked, plain: args.plain, secret };
                let made: MadeHook = station.post("/api/v1/hooks", &new)?;
                tell_one(
                    ui,
                    "hook",
                    &made,
                    &[
                        ("hook", made.hook.name.clone()),
                        ("where", made.hook.url.clone()),
                        ("events", events(&made.hook)),
                        ("secret", made.secret.clone()),
                    ],
                );
            }
            Command::Remove(args) => {
                station.delete(&path(["hooks", &args.name]))?;
                client::done(ui, "removed", "hook", &args.name);
            }
            Command::Test(args) => {
                station.tell(&format!("{}/test", path(["hooks", &args.name])))?;
                client::done(ui, "told", "hook", &args.name);
            }
            Command::Queue => {
                let all: Vec<Delivery> = station.all("/api/v1/deliveries", &[])?;
                let row = |one: &Delivery| {
                    let state = client::word(one.state);
                    let status = one.status.map(|status| status.to_string()).unwrap_or_default();
                    [
                        moment(one.made),
                        one.hook.clone(),
                        one.event.to_string(),
                        state,
                        one.tries.to_string(),
                        format!("{status} {}", one.why).trim().to_owned(),
                    ]
                };
                let heads = ["WHEN", "HOOK", "EVENT", "STATE", "TRIES", "LAST ANSWER"];
                tell(ui, "delivery", heads, &all, row, "nothing was told");
            }
            Command::Host => tell_host(ui, &station.get("/api/v1/host-hooks")?),
        }
        Ok(())
    }
}

fn tell_host(ui: &Ui, known: &HostHooks) {
    let facts = [("directory", known.directory.clone()), ("not run", known.why.clone())];
    let facts = facts.map(|(name, fact)| (name, fact.unwrap_or_default()));
    let nothing =
        "the station runs no hooks on its host: the setting `station.hooks-dir` says where they are";
    if known.directory.is_none() && !ui.json {
        ui.say(nothing);
    } else {
        tell_one(ui, "host-hooks", &json!({ "directory": known.directory, "why": known.why }), &facts);
    }
    if !known.hooks.is_empty() {
        let row = |one: &HostHook| [one.hook.clone(), one.why.clone().unwrap_or_default()];
        tell(ui, "host-hook", ["HOOK", "NOT RUN"], &known.hooks, row, "");
    }
    if !known.last.is_empty() {
        let row = |one: &HostHookRun| {
            let how = one.wrong().unwrap_or_else(|| format!("ended well after {:.1} s", one.ended.seconds));
            [moment(one.at), one.hook.clone(), one.board.clone(), how]
        };
        tell(ui, "host-hook-run", ["WHEN", "HOOK", "BOARD", "HOW IT ENDED"], &known.last, row, "");
    }
}
