//! What is done with the station's files on this host, whether it serves or not.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::cli::failure::Context;
use crate::cli::output::{Output, Readers};
use crate::cli::table;
use crate::cli::ui::Ui;
use crate::cli::{Global, common};
use crate::error::{Explain, Kind};
use crate::format::count;
use crate::format::json::json;
use crate::station::{Options, audit, copies};

#[derive(Debug, clap::Args)]
pub(super) struct Cert {
    /// The names and addresses by which it is spoken to
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,
    /// Replace the one that is there; who pins that one no longer trusts the station
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, clap::Args)]
pub(super) struct Backup {
    /// The new file, its owner's alone; - is standard output
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, clap::Args)]
pub(super) struct Restore {
    /// The copy; - is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, clap::Args)]
pub(super) struct Audit {
    /// Prove this exported file, and nothing of a station on this host
    #[arg(long, value_name = "FILE", conflicts_with_all = ["since", "state"])]
    check: Option<PathBuf>,
    /// The file is signed by this key: what `piprov station status` tells
    ///
    /// Without it, whoever has made the file may have signed it: then compare the key that is printed.
    #[arg(long, value_name = "HEX", requires = "check", value_parser = key)]
    key: Option<String>,
    /// It goes on where this earlier export ends
    #[arg(long, value_name = "FILE")]
    since: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
}

impl Audit {
    pub(super) fn run(self, global: &Global, ui: &Ui) -> crate::cli::Result<()> {
        let prove = |path: &PathBuf| -> crate::cli::Result<audit::Proved> {
            let doing = format!("proving {}", path.display());
            let file =
                crate::beneath::open_regular(path).context(format_args!("opening {}", path.display()))?;
            audit::prove(file).context(doing)
        };
        let proved = match (&self.check, &self.since) {
            (Some(path), _) => {
                let proved = prove(path)?;
                if let Some(key) = &self.key {
                    proved.is_of(key).context(format_args!("proving {}", path.display()))?;
                }
                proved
            }
            (None, since) => {
                let before = since.as_ref().map(prove).transpose()?;
                audit::prove_store(&own(global, ui, self.place)?, before.as_ref())?
            }
        };
        let audit::Proved { begin, end, time, key } = proved;
        if ui.json {
            ui.object(&json!({
                "event": "audit", "first": begin.n + 1, "last": end.n, "hash": end.hash, "written": time, "key": key,
            }));
            return Ok(());
        }
        let lines = if begin.n == end.n {
            "there are none".to_owned()
        } else {
            format!("{} to {}: nothing was changed, removed or put in", begin.n + 1, end.n)
        };
        let mut rows = vec![("lines", lines), ("digest at the end", end.hash)];
        rows.extend(time.map(|time| ("written", crate::cli::client::moment(time))));
        // Of a file nobody knows who made it, where nobody says whose key it is.
        let compare = self.check.is_some() && self.key.is_none();
        let beside =
            if compare { ", which anybody may be: is it the key of `piprov station status`?" } else { "" };
        rows.extend(key.map(|key| ("signed by", key + beside)));
        let rows: Vec<_> = rows.into_iter().map(|(name, value)| [name.to_owned(), value]).collect();
        table::facts(ui, &rows);
        Ok(())
    }
}

/// A station's public key.
fn key(text: &str) -> Result<String, String> {
    let fits = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    fits.then(|| text.to_ascii_lowercase()).ok_or_else(|| "a key has 64 hexadecimal digits".to_owned())
}

/// Where the station's files are.
#[derive(Debug, clap::Args)]
struct Place {
    /// The station's state directory [default: the setting station.state]
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
}

/// The station on this host, as the settings have it.
fn own(global: &Global, ui: &Ui, place: Place) -> crate::cli::Result<Options> {
    let settings = common::settings(global, ui)?;
    let station = &settings.station;
    Ok(Options {
        state: (place.state.or_else(|| station.state.value.clone()))
            .unwrap_or_else(|| settings.state_dir.value.join("station")),
        records: settings.state_dir.value.clone(),
        store: station.store.value.clone(),
        settings: Arc::new(settings.clone()),
        bootd: None,
        commands: Vec::new,
    })
}

impl Cert {
    pub(super) fn run(self, global: &Global, ui: &Ui) -> crate::cli::Result<()> {
        let state = own(global, ui, self.place)?.state;
        std::fs::create_dir_all(&state).context(format_args!("making {}", state.display()))?;
        let made = crate::station::cert::make(&state, &self.names, self.force)?;
        if ui.json {
            let crate::station::cert::Made { cert, key, sha256 } = made;
            ui.object(&json!({ "event": "certificate", "cert": cert, "key": key, "sha256": sha256 }));
        } else {
            let rows = [("certificate", made.cert.display().to_string()), ("sha256", made.sha256)];
            let rows = rows.map(|(name, value)| [name.to_owned(), value]);
            table::facts(ui, &rows);
        }
        Ok(())
    }
}

impl Backup {
    pub(super) fn run(self, global: &Global, ui: &Ui) -> crate::cli::Result<()> {
        let output = Output::at(&self.output, true, ui)?;
        let new = output.begin(Readers::Owner)?;
        let rows = copies::backup(&own(global, ui, self.place)?, std::io::BufWriter::new(new.file()))?;
        new.end()?;
        if output.is_standard() {
            ui.say(format_args!("copied {}", count(rows, "row")));
        } else {
            copied(ui, "copied", &self.output, rows);
        }
        Ok(())
    }
}

/// A copy of the store that can't be opened.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct NoCopy(std::io::Error, Kind);

impl NoCopy {
    /// What is no file at all is no copy either, as what has something else in it.
    fn of(error: std::io::Error) -> Self {
        use std::io::ErrorKind as E;
        let kind = match error.kind() {
            E::IsADirectory | E::InvalidInput => Kind::BadData,
            _ => Kind::of_io(&error),
        };
        Self(error, kind)
    }
}

impl Explain for NoCopy {
    fn kind(&self) -> Kind {
        self.1
    }
}

impl Restore {
    pub(super) fn run(self, global: &Global, ui: &Ui) -> crate::cli::Result<()> {
        let file = if self.file == Path::new("-") {
            File::from(rustix::io::dup(std::io::stdin()).map_err(std::io::Error::from)?)
        } else {
            let file = crate::beneath::open_regular(&self.file).map_err(NoCopy::of);
            file.context(format_args!("opening {}", self.file.display()))?
        };
        let rows = copies::restore(&own(global, ui, self.place)?, file)?;
        let standard = self.file == Path::new("-") && !ui.json;
        copied(ui, "restored", if standard { Path::new("standard input") } else { &self.file }, rows);
        Ok(())
    }
}

fn copied(ui: &Ui, event: &'static str, path: &Path, rows: u64) {
    if ui.json {
        ui.object(&json!({ "event": event, "path": path, "rows": rows }));
    } else {
        ui.result(format_args!("{event} {}: {}", path.display(), count(rows, "row")));
    }
}
