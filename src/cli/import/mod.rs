//! `piprov import`: what another provisioner had comes over to a station.

mod files;
mod parts;

use std::path::PathBuf;
use std::time::Duration;

use crate::beneath::Dir;
use crate::cli::Global;
use crate::cli::client::{At, Station, path};
use crate::cli::failure::Context;
use crate::cli::remedy::quoted;
use crate::cli::ui::Ui;
use crate::format::json::json;
use crate::station::takeover::{self, Found};
use crate::station_api::{Fate, Import as Sent, Imported, LeftOut, NO_IMAGE, Project, Taken};
use crate::stop::Stop;

/// Taking over a part of a history may take so long.
const TAKE_IN: Duration = Duration::from_secs(1800);
/// What lines of a project are about.
const IMAGE: &str = "image of a project";
const EEPROM: &str = "EEPROM of a project";

/// Take over what another provisioner had
///
/// Its database is read as it is, also while it is in use, and nothing of it is changed. All of it comes over, or nothing
/// but images; of a long history a part after the other. What the station has already stays as it is: doing it again takes
/// over what was missing. At the end it is said what isn't taken, or isn't as it was, and why.
#[derive(Debug, clap::Args)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct Import {
    #[command(flatten)]
    at: At,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Take over projects, scripts, labels, images, people and history of cmprovision
    ///
    /// People become accounts that are disabled, since their passwords can't come over: give each a role and a link. No rule is
    /// made: rules erase disks. Each cmprovision board is known afterwards, and waits to be let in.
    Cmprovision(Cmprovision),
    /// Take over the manufacturing database of rpi-sb-provisioner
    RpiSbProvisioner(SbProvisioner),
}

#[derive(Debug, clap::Args)]
struct Cmprovision {
    /// Its database, database/database.sqlite in its directory
    #[arg(value_name = "DATABASE", value_hint = clap::ValueHint::FilePath)]
    database: PathBuf,
    /// Its directory, with images and EEPROM images
    ///
    /// Images lie in public/uploads of it, EEPROM images in storage/app/firmware. Links below it aren't followed. Without it
    /// none of them comes over.
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    files: Option<PathBuf>,
    /// Say what would come over, and change nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
}

#[derive(Debug, clap::Args)]
struct SbProvisioner {
    /// Its database, as the setting RPI_SB_PROVISIONER_MANUFACTURING_DB names it
    #[arg(value_name = "DATABASE", value_hint = clap::ValueHint::FilePath)]
    database: PathBuf,
    /// Say what would come over, and change nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
}

/// What goes on.
struct Taking<'a> {
    station: &'a Station,
    ui: &'a Ui,
    stop: &'a Stop,
    dry: bool,
    taken: Vec<Taken>,
    left: Vec<LeftOut>,
    lacks: Vec<Lack>,
}

/// What a project lacks, once it is taken.
struct Lack {
    project: String,
    /// [`IMAGE`] or [`EEPROM`].
    what: &'static str,
    why: String,
}

impl Import {
    pub(super) fn run(self, global: &Global, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
        let station = self.at.open(global, ui, stop)?;
        let taking = |dry| Taking {
            station: &station,
            ui,
            stop,
            dry,
            taken: Vec::new(),
            left: Vec::new(),
            lacks: Vec::new(),
        };
        match self.command {
            Command::Cmprovision(args) => {
                let mut found = takeover::cmprovision(&args.database)?;
                let files = args.files.as_deref().map(|dir| {
                    let opened = Dir::open(dir).map_err(std::io::Error::from);
                    opened.context(format_args!("opening {}", dir.display()))
                });
                let files = files.transpose()?;
                let mut taking = taking(args.dry_run);
                taking.ask(&mut found.import)?;
                taking.images(&mut found, files.as_ref())?;
                taking.firmware(&mut found, files.as_ref())?;
                taking.rest(found)
            }
            Command::RpiSbProvisioner(args) => {
                let found = takeover::sb_provisioner(&args.database)?;
                taking(args.dry_run).rest(found)
            }
        }
    }
}

impl Taking<'_> {
    fn tell_of(&mut self, kind: Fate, what: &str, name: &str, why: impl ToString) {
        self.left.push(LeftOut { kind, what: what.to_owned(), name: name.to_owned(), why: why.to_string() });
    }

    fn left(&mut self, what: &str, name: &str, why: impl ToString) {
        self.tell_of(Fate::LeftOut, what, name, why);
    }

    fn changed(&mut self, what: &str, name: &str, why: impl ToString) {
        self.tell_of(Fate::Changed, what, name, why);
    }

    /// What the station says to all but the records, where nothing would change: who may not do it, or has too much, learns
    /// it before images go out.
    fn ask(&self, import: &mut Sent) -> crate::cli::Result<()> {
        let records = std::mem::take(&mut import.records);
        let call = self.station.client.post("/api/v1/import").query("dry", true).answer_within(TAKE_IN);
        let _: Imported = call.send_json(&*import)?.json()?;
        import.records = records;
        Ok(())
    }

    /// All that comes over but images: in one transaction, but for records, which come in parts.
    fn rest(mut self, mut found: Found) -> crate::cli::Result<()> {
        self.left.extend(found.left.iter().cloned());
        let mut parts = parts::of(std::mem::take(&mut found.import.records)).into_iter();
        found.import.records = parts.next().unwrap_or_default();
        let mut sent = self.part(&found.import);
        for records in parts {
            if sent.is_err() {
                break;
            }
            sent = self.part(&Sent { from: found.import.from.clone(), records, ..Sent::default() });
        }
        if sent.is_ok() {
            sent = self.say_what_projects_lack();
        }
        if sent.is_ok() || !self.taken.is_empty() {
            self.tell();
        }
        sent?;
        let has_users = !found.import.users.is_empty();
        self.next_steps(&found, has_users)
    }

    fn part(&mut self, import: &Sent) -> crate::cli::Result<()> {
        let call = self.station.client.post("/api/v1/import").query("dry", self.dry).answer_within(TAKE_IN);
        let imported: Imported = call.send_json(import)?.json()?;
        for one in imported.taken {
            match self.taken.iter_mut().find(|taken| taken.what == one.what) {
                Some(taken) => {
                    taken.new += one.new;
                    taken.already += one.already;
                }
                None => self.taken.push(one),
            }
        }
        self.left.extend(imported.left);
        Ok(())
    }

    /// Each project that is taken without what isn't. One that was there already may have it all the same.
    fn say_what_projects_lack(&mut self) -> crate::cli::Result<()> {
        for Lack { project, what, why } in std::mem::take(&mut self.lacks) {
            let is_it = |left: &LeftOut| left.kind == Fate::LeftOut && left.what == "project";
            if self.left.iter().any(|left| is_it(left) && left.name == project) {
                continue;
            }
            let has = match self.station.get::<Project>(&path(["projects", &project])) {
                Ok(there) if what == IMAGE => there.image.is_some(),
                Ok(there) => there.eeprom.is_some(),
                Err(error) if error.status() == Some(404) => false,
                Err(error) => return Err(error)?,
            };
            if !has {
                self.changed(what, &project, why);
            }
        }
        Ok(())
    }

    fn tell(&self) {
        let dry = self.dry;
        for Taken { what, new, already } in &self.taken {
            // Whether such a file is whole, and there is room for it, only taking it in shows.
            let at_most = dry && *new > 0 && matches!(what.as_str(), "image" | "EEPROM image");
            if self.ui.json {
                self.ui.object(&json!({
                    "event": "imported", "what": what, "new": new, "already": already, "dry": dry, "at_most": at_most,
                }));
                continue;
            }
            let most = if at_most { "at most " } else { "" };
            let come = if dry { "would come over" } else { "taken over" };
            self.ui.result(format_args!("{what}: {most}{new} {come}, {already} there already"));
        }
        for LeftOut { kind, what, name, why } in &self.left {
            if self.ui.json {
                self.ui.object(
                    &json!({ "event": "left-out", "kind": kind, "what": what, "name": name, "why": why }),
                );
            } else {
                self.ui.result(format_args!("{}: {what} {name}: {why}", kind.words()));
            }
        }
        if self.taken.is_empty() && !self.ui.json {
            self.ui.say("there is nothing that could come over");
        }
    }

    /// What only a person may do.
    fn next_steps(&self, found: &Found, has_users: bool) -> crate::cli::Result<()> {
        let ui = self.ui;
        let is_left = |project: &String| {
            self.left.iter().any(|left| left.what == "project" && left.name == *project)
                || !found.import.projects.iter().any(|one| one.name == *project)
        };
        if let Some(project) = found.active.as_ref().filter(|project| is_left(project)) {
            ui.say(format_args!("each board got the project {} there, which isn't taken", quoted(project)));
        } else if let Some(project) = &found.active {
            let has_image = self.has_image(found, project)?;
            let project = quoted(project);
            if has_image {
                ui.say(format_args!(
                    "each board got the project {project} there: `piprov rule add all --any --project {project}` does the same \
                     here, and erases the disk of each board that comes"
                ));
            } else {
                ui.say(format_args!(
                    "each board got the project {project} there, which has no image here: {NO_IMAGE}"
                ));
            }
        }
        if !found.hosts.is_empty() {
            let hosts =
                found.hosts.iter().map(|host| format!("\"{}={}\"", host.mac, host.ip)).collect::<Vec<_>>();
            ui.say(format_args!(
                "fixed addresses there, for the settings here: netboot.hosts = [{}]",
                hosts.join(", ")
            ));
        }
        if has_users {
            ui.say(
                "the accounts are disabled: `piprov user reset USER --role ROLE`, `piprov user enable USER` and `piprov user \
                 reset USER --link` let somebody in",
            );
        }
        Ok(())
    }

    /// Whether a project has an image, or would have one.
    fn has_image(&self, found: &Found, project: &str) -> crate::cli::Result<bool> {
        let would =
            self.dry && found.import.projects.iter().any(|one| one.name == *project && one.image.is_some());
        match self.station.get::<Project>(&path(["projects", project])) {
            Ok(there) => Ok(would || there.image.is_some()),
            Err(error) if error.status() == Some(404) => Ok(would),
            Err(error) => Err(error)?,
        }
    }
}
