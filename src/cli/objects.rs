//! `piprov objects`: where the station keeps the bytes of its images.

use std::time::Duration;

use crate::cli::Global;
use crate::cli::client::{At, Station, moment, path, tell_one};
use crate::cli::ui::Ui;
use crate::config::objects::ObjectPlace;
use crate::error::{Explain, Kind, Remedy};
use crate::format::{count, size};
use crate::station_api::{ObjectCopy, ObjectOld, ObjectsAt, ObjectsStatus, ObjectsWithout};
use crate::stop::Stop;

/// How often it is asked how far it is.
const LOOK: Duration = Duration::from_secs(1);

/// Show where the bytes of images are kept, and move them
#[derive(Debug, clap::Args)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct Objects {
    #[command(flatten)]
    at: At,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show where they are, and how far a move is
    Show,
    /// Keep them elsewhere from now on, and copy those that are there
    ///
    /// The station tries the new place first: it writes, reads, lists and removes something. Then all that is new goes there,
    /// and the rest is copied while the station serves; each object is proved and read back. What was copied stays in the
    /// old place until `piprov objects remove`. All stations of one database do the same.
    Move(Move),
    /// Remove what was left in a place that isn't used any more
    Remove(One),
    /// Wait no more for a station that doesn't come back
    ///
    /// A move waits for all stations of a database until each has copied what it has. One that was not heard for 10 minutes may
    /// be left out. What only its directory had is missing then: `piprov image verify` names the images.
    Forget(Forget),
}

#[derive(Debug, clap::Args)]
struct Move {
    /// `directory`, s3://BUCKET or s3://BUCKET/PREFIX
    #[arg(value_name = "PLACE")]
    place: ObjectPlace,
    /// Wait until all are there
    #[arg(long)]
    wait: bool,
}

#[derive(Debug, clap::Args)]
struct One {
    /// `directory`, s3://BUCKET or s3://BUCKET/PREFIX
    #[arg(value_name = "PLACE")]
    place: ObjectPlace,
}

#[derive(Debug, clap::Args)]
struct Forget {
    /// The station, by its key or at least 8 characters of its beginning
    // Not `station`: that is the one that is asked.
    #[arg(value_name = "STATION")]
    gone: String,
}

/// A move ended otherwise than was waited for.
#[derive(Debug, thiserror::Error)]
enum NotMoved {
    #[error("interrupted; the station goes on with the move")]
    Interrupted,
    #[error("the objects are in {now} and not in {wanted}: somebody has moved them elsewhere")]
    Elsewhere { now: String, wanted: ObjectPlace },
}

impl Explain for NotMoved {
    fn kind(&self) -> Kind {
        match self {
            Self::Interrupted => Kind::Interrupted,
            Self::Elsewhere { .. } => Kind::Failed,
        }
    }

    fn hint(&self) -> Option<Remedy> {
        match self {
            Self::Interrupted => Some("`piprov objects show` tells how far it is.".into()),
            Self::Elsewhere { .. } => {
                Some("Find out who did; then `piprov objects move` again, where that is right.".into())
            }
        }
    }
}

impl Objects {
    pub(super) fn run(self, global: &Global, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
        let station = self.at.open(global, ui, stop)?;
        let at = |place: &ObjectPlace| ObjectsAt { place: place.to_string() };
        match self.command {
            Command::Show => show(ui, &station.get("/api/v1/objects")?),
            Command::Move(args) => {
                let mut status = station.post(&path(["objects", "move"]), &at(&args.place))?;
                if args.wait {
                    status = moved(&station, &args.place, stop)?;
                }
                show(ui, &status);
            }
            Command::Forget(Forget { gone }) => {
                show(ui, &station.post(&path(["objects", "forget"]), &ObjectsWithout { station: gone })?);
            }
            Command::Remove(args) => show(ui, &station.post(&path(["objects", "remove"]), &at(&args.place))?),
        }
        Ok(())
    }
}

/// Waits until a move is done.
fn moved(station: &Station, place: &ObjectPlace, stop: &Stop) -> crate::cli::Result<ObjectsStatus> {
    loop {
        let status: ObjectsStatus = station.get("/api/v1/objects")?;
        if status.place != place.to_string() {
            return Err(NotMoved::Elsewhere { now: status.place, wanted: place.clone() })?;
        }
        if status.moving.is_none() {
            return Ok(status);
        }
        if stop.wait(LOOK) {
            return Err(NotMoved::Interrupted)?;
        }
    }
}

fn show(ui: &Ui, status: &ObjectsStatus) {
    let mut facts = vec![("objects", status.place.clone()), ("since", moment(status.since))];
    if let Some(moving) = &status.moving {
        facts.push(("moved from", moving.from.clone()));
        facts.extend(moving.stations.iter().map(|copy| ("copied", copied(copy))));
    }
    facts.extend(status.old.iter().map(|old| ("left behind", left(old))));
    if let Some(settings) = &status.settings {
        facts.push(("settings say", settings.clone()));
    }
    tell_one(ui, "objects", status, &facts);
}

/// The beginning of a station's key tells it from others.
fn short(station: &str) -> String {
    station.chars().take(12).collect()
}

fn copied(copy: &ObjectCopy) -> String {
    let how = if copy.done { "all" } else { "so far" };
    let many = format!("{}, {}", count(copy.copied, "object"), size(copy.bytes));
    let mut text = format!("{how}: {many} by station {}", short(&copy.station));
    if !copy.done {
        text += &format!("; last heard {}", moment(copy.seen));
    }
    if copy.damaged > 0 {
        text += &format!("; {} damaged", count(copy.damaged, "object"));
    }
    if let Some(why) = &copy.why {
        text += &format!("; it doesn't get on: {why}");
    }
    text
}

fn left(old: &ObjectOld) -> String {
    let mut text = old.place.clone();
    if let Some(station) = &old.station {
        text += &format!(" of station {}", short(station));
    }
    text += &format!(", since {}", moment(old.since));
    match (&old.why, old.removing) {
        (Some(why), _) => text += &format!("; it can't be removed: {why}"),
        (None, true) => text += "; it is being removed",
        (None, false) => {}
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_still_is_told_with_its_reason() {
        let copy = ObjectCopy {
            station: "ab".repeat(32),
            seen: 0,
            copied: 3,
            bytes: 2048,
            damaged: 1,
            done: false,
            why: Some("no route".into()),
        };
        assert_eq!(
            copied(&copy),
            "so far: 3 objects, 2 KiB by station abababababab; last heard 1970-01-01 00:00:00Z; 1 object damaged; it doesn't get on: no route"
        );
        let old = ObjectOld {
            place: "directory".into(),
            station: Some("cd".repeat(32)),
            since: 0,
            removing: true,
            why: None,
        };
        assert_eq!(
            left(&old),
            "directory of station cdcdcdcdcdcd, since 1970-01-01 00:00:00Z; it is being removed"
        );
    }
}
