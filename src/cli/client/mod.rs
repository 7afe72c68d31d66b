//! What the commands share that speak to a station: which one, with which token, and how its lists are told.

mod ended;
mod events;
mod secret;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::board::Who;
use crate::cli::bar::Bar;
use crate::cli::confirm::confirm;
use crate::cli::table;
use crate::cli::ui::{Style, Ui};
use crate::cli::{Global, common};
use crate::config::Origin as From;
use crate::error::{Explain, Kind, Remedy};
use crate::format::json::json;
use crate::http::{Client, Error, Limits, Origin, Pin, Tell, Trust, segment};
use crate::station_api::{Board, Page, Time, check_name};
use crate::stop::Stop;

pub(super) use ended::{goes_on, wait};
pub(super) use events::follow;
pub(super) use secret::{password, read as read_secret};

/// Most pages of one list.
const PAGES: usize = 100_000;

/// Which station.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Station options")]
pub(super) struct At {
    /// The station [default: the setting station.url, else the one on this host]
    ///
    /// As https://HOST:PORT, http://HOST:PORT or unix:/PATH.
    #[arg(long, value_name = "URL", global = true)]
    station: Option<Origin>,
    /// The file with its token [default: the setting station.token-file]
    ///
    /// Only its owner may be able to read it.
    #[arg(long, value_name = "FILE", global = true)]
    token_file: Option<PathBuf>,
}

impl At {
    /// Whether one is named on the command line.
    #[cfg(feature = "station")]
    pub(super) fn is_typed(&self) -> bool {
        self.station.is_some() || self.token_file.is_some()
    }
}

/// There is no station to be spoken to, or not with what is there.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoStation {
    #[error("no station runs on this host: there is no {}", .0.display())]
    NotHere(PathBuf),
    #[error("this user may not use the station's socket {}", .0.display())]
    NotMay(PathBuf),
    #[error("no station is named, and the setting station.socket is off")]
    Off,
    #[error("{station} comes from {from}, and the token in {} doesn't: it isn't told to whom that names", token.display())]
    Mixed { station: Origin, from: String, token: PathBuf },
    #[error("{0} wants a token")]
    NoToken(Origin),
}

impl Explain for NoStation {
    fn kind(&self) -> Kind {
        match self {
            Self::NotHere(_) => Kind::Unavailable,
            Self::NotMay(_) | Self::Mixed { .. } | Self::NoToken(_) => Kind::Permission,
            Self::Off => Kind::Config,
        }
    }

    fn hint(&self) -> Option<Remedy> {
        Some(match self {
            Self::NotHere(_) => "`piprov serve` starts one; `--station URL` names one on another host.".into(),
            Self::NotMay(_) => "Members of the group piprov may, and root: `sudo adduser USER piprov`.".into(),
            Self::Off => "Name one with `--station URL`.".into(),
            Self::Mixed { .. } => "Name both with `--station URL --token-file FILE`, where that station is meant.".into(),
            Self::NoToken(_) => {
                "`piprov token add NAME --role ROLE -o FILE` on its host makes one; `--token-file FILE` gives it.".into()
            }
        })
    }
}

/// A station that is spoken to.
pub(super) struct Station {
    pub(super) client: Client,
}

impl At {
    /// Whether a station was named, so that it is meant and not this host's own records.
    pub(super) fn is_named(&self, settings: &crate::config::Settings) -> bool {
        self.station.is_some() || settings.station.url.value.is_some()
    }

    /// The station. Nothing is asked yet.
    pub(super) fn open(&self, global: &Global, ui: &Ui, stop: &Stop) -> crate::cli::Result<Station> {
        let settings = common::settings(global, ui)?;
        let url = settings.station.url.value.as_deref().map(str::parse::<Origin>).transpose()?;
        let own = || settings.station.socket.value.clone().map(Origin::Unix);
        let origin = self.station.clone().or(url).or_else(own).ok_or(NoStation::Off)?;
        if let Origin::Unix(path) = &origin {
            look_at_socket(path)?;
            return Ok(Station { client: Client::new(origin, Trust::System, Limits::default(), stop)? });
        }
        let pin = settings.station.pin.value.as_deref().map(str::parse::<Pin>).transpose();
        let pin = pin.map_err(|why| crate::cli::report::Usage {
            message: format!("station.pin: {why}"),
            hint: None,
        })?;
        let client =
            Client::new(origin.clone(), pin.map_or(Trust::System, Trust::Pinned), Limits::default(), stop)?;
        let token = &settings.station.token_file;
        let Some(file) = self.token_file.clone().or_else(|| token.value.clone()) else {
            // Where nobody answers, a token doesn't help.
            match client.get("/healthz").within(Duration::from_secs(20)).send() {
                Err(error) if error.status().is_none() => Err(error)?,
                _ => return Err(NoStation::NoToken(origin))?,
            }
        };
        // A file in the working directory must not name the server that gets a token which stands elsewhere.
        let near = |from: &From| matches!(from, From::File { path, .. } if path.is_relative() || path.parent() == std::env::current_dir().ok().as_deref());
        let from = &settings.station.url.origin;
        if self.station.is_none() && near(from) && !(self.token_file.is_none() && near(&token.origin)) {
            return Err(NoStation::Mixed { station: origin, from: from.to_string(), token: file })?;
        }
        if origin.is_open() {
            ui.warn(format_args!("{origin} is spoken to without TLS: the token can be read on the way"));
        }
        Ok(Station { client: client.with_token(&secret::read(&file, "token")?)? })
    }
}

fn look_at_socket(path: &std::path::Path) -> Result<(), NoStation> {
    match rustix::fs::access(path, rustix::fs::Access::WRITE_OK) {
        Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => Err(NoStation::NotHere(path.to_owned())),
        Err(rustix::io::Errno::ACCESS) => Err(NoStation::NotMay(path.to_owned())),
        _ => Ok(()),
    }
}

/// The name of something that is made.
pub(super) fn new_name(text: &str) -> Result<String, String> {
    check_name(text).map(|()| text.to_owned()).map_err(str::to_owned)
}

/// Tells what has gone wrong and is tried again: at once, and once for as long as it is the same.
pub(super) fn again(ui: &Ui, bar: Option<Arc<Bar>>) -> Tell {
    let (ui, mut told) = (ui.clone(), String::new());
    Box::new(move |error, pause| {
        let why = error.to_string();
        let line = format!("{why}; it is tried again in {} s", pause.as_secs().max(1));
        let tell = || if why == told { ui.detail(&line) } else { ui.warn(&line) };
        match &bar {
            Some(bar) => bar.aside(tell),
            None => tell(),
        }
        told = why;
    })
}

/// A path below `/api/v1`, of segments in which nothing means anything.
pub(super) fn path<const N: usize>(segments: [&str; N]) -> String {
    segments.iter().fold("/api/v1".to_owned(), |path, one| format!("{path}/{}", segment(one)))
}

/// What a station calls its things where there is none of a name, and the commands that list them.
const LISTS: [(&str, &str); 15] = [
    ("board", "board list"),
    ("image", "image list"),
    ("project", "project list"),
    ("script", "script list"),
    ("rule", "rule list"),
    ("source of values", "values list"),
    ("label", "label list"),
    ("printer", "printer list"),
    ("user", "user list"),
    ("token", "token list"),
    ("slot", "slot list"),
    ("switch", "switch list"),
    ("hook", "hook list"),
    ("firmware", "firmware list"),
    ("run", "run list"),
];

/// The same refusal with what lists the things that there are, where the station says no more than that there is none of a
/// name: it doesn't know by which program it is asked.
fn listing(error: Error) -> Error {
    let Error::Refused { to, status, problem: Some(mut problem), again } = error else { return error };
    let of = |thing: &str| {
        let rest = problem.detail.strip_prefix("there is no ")?.strip_prefix(thing)?;
        rest.starts_with(" `").then_some(())
    };
    let command = LISTS.iter().find(|(thing, _)| of(thing).is_some()).map(|(_, command)| *command);
    if let Some(command) = command.filter(|_| status == 404 && problem.hint.is_none()) {
        problem.hint = Some(format!("`piprov {command}` lists those that there are").into());
    }
    Error::Refused { to, status, problem: Some(problem), again }
}

impl Station {
    pub(super) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        self.client.get(path).within(Duration::from_secs(120)).send().map_err(listing)?.json()
    }

    /// Whether there is this, for what is done with it later.
    pub(super) fn look(&self, path: &str) -> Result<(), Error> {
        self.get::<IgnoredAny>(path).map(drop)
    }

    pub(super) fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Error> {
        self.client.post(path).send_json(body).map_err(listing)?.json()
    }

    pub(super) fn put<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Error> {
        self.client.put(path).send_json(body).map_err(listing)?.json()
    }

    pub(super) fn patch<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Error> {
        self.client.patch(path).send_json(body).map_err(listing)?.json()
    }

    /// Asks for something to be done, with nothing along.
    pub(super) fn act<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        self.client.post(path).send().map_err(listing)?.json()
    }

    /// The same, where nothing comes back.
    pub(super) fn tell(&self, path: &str) -> Result<(), Error> {
        self.client.post(path).send().map(drop).map_err(listing)
    }

    pub(super) fn delete(&self, path: &str) -> Result<(), Error> {
        self.client.delete(path).send().map(drop).map_err(listing)
    }

    /// The lines of a list, a page at a time; at most `most` of them.
    pub(super) fn each<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, String)],
        most: Option<usize>,
        mut take: impl FnMut(Vec<T>),
    ) -> Result<(), Error> {
        let mut left = most.unwrap_or(usize::MAX);
        let mut after: Option<String> = None;
        for _ in 0..PAGES {
            let mut call = self.client.get(path).query("limit", left.clamp(1, 500));
            for (name, value) in query {
                call = call.query(name, value);
            }
            if let Some(after) = &after {
                call = call.query("after", after);
            }
            let mut page: Page<T> = call.within(Duration::from_secs(120)).send().map_err(listing)?.json()?;
            page.items.truncate(left);
            left -= page.items.len();
            let empty = page.items.is_empty();
            take(page.items);
            if page.next.is_none() || page.next == after || left == 0 || empty {
                return Ok(());
            }
            after = page.next;
        }
        Ok(())
    }

    /// All lines of a list.
    pub(super) fn all<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<Vec<T>, Error> {
        let mut all = Vec::new();
        self.each(path, query, None, |page: Vec<T>| all.extend(page))?;
        Ok(all)
    }
}

/// Tells a list: as a table, or an object a line.
pub(super) fn tell<T: Serialize, const N: usize>(
    ui: &Ui,
    event: &'static str,
    heading: [&str; N],
    all: &[T],
    row: impl Fn(&T) -> [String; N],
    nothing: &str,
) {
    if ui.json {
        all.iter().for_each(|one| ui.object(&json!({ "event": event, "value": one })));
        return;
    }
    if all.is_empty() {
        ui.say(nothing);
        return;
    }
    let rows: Vec<_> = std::iter::once(heading.map(str::to_owned)).chain(all.iter().map(row)).collect();
    table::tell(ui, Style::Faint, &rows);
}

/// Tells one thing: a line for each of its facts that there is, or an object.
pub(super) fn tell_one(ui: &Ui, event: &'static str, value: &impl Serialize, facts: &[(&str, String)]) {
    if ui.json {
        ui.object(&json!({ "event": event, "value": value }));
        return;
    }
    let facts = facts.iter().filter(|(_, value)| !value.is_empty());
    let rows: Vec<_> = facts.map(|(name, value)| [(*name).to_owned(), value.clone()]).collect();
    table::facts(ui, &rows);
}

/// Removes a thing of this name, once it is there and somebody says that it is meant: nobody is asked for the name of what
/// there isn't.
pub(super) fn remove(
    station: &Station,
    (things, what): (&str, &str),
    name: &str,
    given: Option<&str>,
    ui: &Ui,
    stop: &Stop,
) -> crate::cli::Result<()> {
    let place = path([things, name]);
    station.look(&place)?;
    confirm(name, given, ui, stop)?;
    station.delete(&place)?;
    done(ui, "removed", what, name);
    Ok(())
}

/// Tells that something was done to a thing.
pub(super) fn done(ui: &Ui, event: &'static str, what: &str, name: &str) {
    if ui.json {
        ui.object(&json!({ "event": event, "what": what, "name": name }));
    } else {
        ui.result(format_args!("{event} {what} {name}"));
    }
}

/// A moment, in UTC.
pub(super) fn moment(time: Time) -> String {
    let time = jiff::Timestamp::from_millisecond(time);
    time.map(|time| time.strftime("%Y-%m-%d %H:%M:%SZ").to_string()).unwrap_or_default()
}

/// A word of the interface, as it stands in JSON.
pub(super) fn word(value: impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// A word of the interface, read.
pub(super) fn parse<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_value(serde_json::Value::String(text.to_owned())).map_err(|error| {
        let error = error.to_string();
        error.split_once(", expected ").map_or_else(|| error.clone(), |(_, what)| format!("it is {what}"))
    })
}

/// `yes` or `no`.
pub(super) fn yes(text: &str) -> Result<bool, String> {
    match text {
        "yes" | "true" => Ok(true),
        "no" | "false" => Ok(false),
        _ => Err("it is yes or no".to_owned()),
    }
}

/// A board as all commands tell it.
pub(super) fn who(board: &Board) -> Who {
    Who { name: board.name.clone(), mac: board.macs.first().copied(), serial: board.serial, ..Who::default() }
}

/// What a board is called in lines for people.
pub(super) fn label(board: &Board) -> String {
    board.called().unwrap_or_else(|| board.id.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::station_api::Role;

    #[test]
    fn words_are_those_of_the_interface() {
        assert_eq!(word(Role::Operator), "operator");
        assert_eq!(parse::<Role>("operator"), Ok(Role::Operator));
        let error = parse::<Role>("root").unwrap_err();
        assert!(error.contains("viewer") && error.contains("admin"), "{error}");
    }

    #[test]
    fn a_name_is_a_segment_whatever_is_in_it() {
        assert_eq!(path(["boards", "lab 01/../x", "jobs"]), "/api/v1/boards/lab%2001%2F..%2Fx/jobs");
    }

    #[test]
    fn what_there_is_not_has_a_command_that_lists_what_there_is() {
        use clap::CommandFactory as _;
        for (_, command) in LISTS {
            let line = format!("piprov {command}");
            crate::cli::Cli::command().try_get_matches_from(line.split(' ')).unwrap();
        }
        let said = |status, detail: &str| {
            let problem = crate::station_api::Problem {
                kind_of: "about:blank".into(),
                title: "Not Found".into(),
                status,
                detail: detail.into(),
                kind: Kind::NoInput,
                hint: None,
                more: Vec::new(),
            };
            let problem = Some(Box::new(problem));
            listing(Error::Refused { to: "a".into(), status, problem, again: None }).hint()
        };
        assert!(said(404, "there is no board `x`").unwrap().says("`piprov board list` lists"));
        assert!(said(404, "there is no source of values `x`").unwrap().says("`piprov values list`"));
        for (status, other) in [
            (404, "there is no such call"),
            (404, "there is no boarding `x`"),
            (404, "there is no board with values of this source `x`"),
            (409, "there is no board `x`"),
        ] {
            assert_eq!(said(status, other), None, "{other}");
        }
    }

    #[test]
    fn a_moment_is_in_utc() {
        assert_eq!(moment(0), "1970-01-01 00:00:00Z");
        assert_eq!(moment(i64::MAX), "");
    }
}
