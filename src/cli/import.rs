//! `piprov import`: what another provisioner had comes over to a station.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::beneath::open_regular;
use crate::cli::client::{At, Station, path};
use crate::cli::remedy::quoted;
use crate::cli::ui::Ui;
use crate::cli::{Global, firmware, image};
use crate::format::json::json;
use crate::station::takeover::{self, Found, FoundFirmware, FoundImage};
use crate::station_api::{Firmware, Image, ImageState, Imported, LeftOut, Taken};
use crate::stop::Stop;

/// Taking over a history may take so long.
const TAKE_IN: Duration = Duration::from_secs(1800);
/// No image of an EEPROM is longer.
const LONGEST_FIRMWARE: u64 = 2 << 20;

/// Take over what another provisioner had
///
/// Its database is read as it is, also while it is in use, and nothing of it is changed. All of it comes over, or nothing
/// but images. What the station has already stays as it is: doing it again takes over what was missing. At the end it is said
/// what isn't taken, and why.
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
    /// Images lie in public/uploads of it, EEPROM images in storage/app/firmware. Without it none of them comes over.
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
}

impl Import {
    pub(super) fn run(self, global: &Global, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
        let station = self.at.open(global, ui, stop)?;
        let taking = |dry| Taking { station: &station, ui, stop, dry, taken: Vec::new(), left: Vec::new() };
        match self.command {
            Command::Cmprovision(args) => {
                let mut found = takeover::cmprovision(&args.database)?;
                let mut taking = taking(args.dry_run);
                taking.images(&mut found, args.files.as_deref())?;
                taking.firmware(&mut found, args.files.as_deref())?;
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
    fn left(&mut self, what: &str, name: &str, why: impl ToString) {
        self.left.push(LeftOut { what: what.to_owned(), name: name.to_owned(), why: why.to_string() });
    }

    fn count(&mut self, what: &str, new: u64, already: u64) {
        if new + already > 0 {
            self.taken.push(Taken { what: what.to_owned(), new, already });
        }
    }

    /// Images come first: projects name them.
    fn images(&mut self, found: &mut Found, files: Option<&Path>) -> crate::cli::Result<()> {
        let (mut new, mut already) = (0, 0);
        for one in std::mem::take(&mut found.images) {
            match self.image(&one, files)? {
                Some(true) => new += 1,
                Some(false) => already += 1,
                None => found.import.images.retain(|name| *name != one.name),
            }
        }
        self.count("image", new, already);
        Ok(())
    }

    /// Whether it is new; `None` where it isn't taken.
    fn image(&mut self, one: &FoundImage, files: Option<&Path>) -> crate::cli::Result<Option<bool>> {
        match self.station.get::<Image>(&path(["images", &one.name])) {
            // What didn't come whole before makes room for what is sent now.
            Ok(there) if there.state == ImageState::Failed => {}
            Ok(there) if there.state == ImageState::Coming => {
                self.left(
                    "image",
                    &one.name,
                    "an image of this name is coming just now: take it over again after that",
                );
                return Ok(None);
            }
            Ok(there) if one.sha256.as_deref() == Some(&there.file_sha256) => return Ok(Some(false)),
            Ok(there) if there.state == ImageState::Damaged => {
                let why = "the station's image of this name is damaged: remove it, or add its file under another name";
                self.left("image", &one.name, why);
                return Ok(None);
            }
            Ok(_) => {
                self.left("image", &one.name, "the station has another image of this name");
                return Ok(None);
            }
            Err(error) if error.status() == Some(404) => {}
            Err(error) => return Err(error)?,
        }
        let Some(dir) = files else {
            self.left("image", &one.name, "its file is needed: --files says where it is");
            return Ok(None);
        };
        let file = dir.join("public/uploads").join(&one.file);
        if let Err(error) = open_regular(&file) {
            self.left("image", &one.name, format_args!("{}: {error}", file.display()));
            return Ok(None);
        }
        if self.dry {
            return Ok(Some(true));
        }
        match image::add(&file, &one.name, one.sha256.as_deref(), self.station, self.ui, self.stop) {
            Ok(()) => Ok(Some(true)),
            Err(error) if self.stop.is_set() => Err(error),
            // A file that isn't whole keeps nothing else from coming over.
            Err(error) => {
                self.left(
                    "image",
                    &one.name,
                    error.message().unwrap_or_else(|| "it didn't come whole".to_owned()),
                );
                Ok(None)
            }
        }
    }

    fn firmware(&mut self, found: &mut Found, files: Option<&Path>) -> crate::cli::Result<()> {
        let (mut new, mut already) = (0, 0);
        for one in std::mem::take(&mut found.firmware) {
            match self.one_firmware(&one, files)? {
                Ok(true) => new += 1,
                Ok(false) => already += 1,
                Err(why) => {
                    self.left("EEPROM image", &one.name, why);
                    found.without_firmware(&one.name);
                }
            }
        }
        self.count("EEPROM image", new, already);
        Ok(())
    }

    /// Whether it is new, or why it isn't taken.
    fn one_firmware(
        &self,
        one: &FoundFirmware,
        files: Option<&Path>,
    ) -> crate::cli::Result<Result<bool, String>> {
        match self.station.get::<Firmware>(&path(["firmware", &one.name])) {
            Ok(_) => return Ok(Ok(false)),
            Err(error) if error.status() == Some(404) => {}
            Err(error) => return Err(error)?,
        }
        let Some(dir) = files else {
            return Ok(Err("its file is needed: --files says where it is".to_owned()));
        };
        let file = dir.join("storage/app/firmware").join(&one.channel).join(&one.file);
        let mut bytes = Vec::new();
        let read =
            open_regular(&file).and_then(|file| file.take(LONGEST_FIRMWARE + 1).read_to_end(&mut bytes));
        if let Err(error) = read {
            return Ok(Err(format!("{}: {error}", file.display())));
        }
        if bytes.len() as u64 > LONGEST_FIRMWARE {
            return Ok(Err(format!("{} is longer than any image of an EEPROM", file.display())));
        }
        if self.dry {
            return Ok(Ok(true));
        }
        match firmware::put(self.station, &one.name, Some(&one.channel), &bytes) {
            Ok(_) => Ok(Ok(true)),
            Err(error) if error.status().is_some_and(|status| (400..500).contains(&status)) => {
                Ok(Err(error.to_string()))
            }
            Err(error) => Err(error)?,
        }
    }

    /// What is one transaction in the station.
    fn rest(mut self, found: Found) -> crate::cli::Result<()> {
        let call = self.station.client.post("/api/v1/import").query("dry", self.dry).answer_within(TAKE_IN);
        let imported: Imported = call.send_json(&found.import)?.json()?;
        self.taken.extend(imported.taken);
        self.left.extend(found.left.iter().cloned());
        self.left.extend(imported.left);
        self.tell();
        let has_users = !found.import.users.is_empty();
        self.next_steps(&found, has_users);
        Ok(())
    }

    fn tell(&self) {
        let dry = self.dry;
        for Taken { what, new, already } in &self.taken {
            if self.ui.json {
                self.ui.object(
                    &json!({ "event": "imported", "what": what, "new": new, "already": already, "dry": dry }),
                );
                continue;
            }
            let come = if dry { "would come over" } else { "taken over" };
            self.ui.result(format_args!("{what}: {new} {come}, {already} there already"));
        }
        for LeftOut { what, name, why } in &self.left {
            if self.ui.json {
                self.ui.object(&json!({ "event": "left-out", "what": what, "name": name, "why": why }));
            } else {
                self.ui.result(format_args!("left out: {what} {name}: {why}"));
            }
        }
        if self.taken.is_empty() && !self.ui.json {
            self.ui.say("there is nothing that could come over");
        }
    }

    /// What only a person may do.
    fn next_steps(&self, found: &Found, has_users: bool) {
        let ui = self.ui;
        let is_left = |project: &String| {
            self.left.iter().any(|left| left.what == "project" && left.name == *project)
                || !found.import.projects.iter().any(|one| one.name == *project)
        };
        if let Some(project) = found.active.as_ref().filter(|project| is_left(project)) {
            ui.say(format_args!("each board got the project {} there, which isn't taken", quoted(project)));
        } else if let Some(project) = &found.active {
            let project = quoted(project);
            ui.say(format_args!(
                "each board got the project {project} there: `piprov rule add all --project {project}` does the same here, and \
                 erases the disk of each board that comes"
            ));
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
                "the accounts are disabled: `piprov user reset USER --role ROLE --link` and `piprov user enable USER` let \
                 somebody in",
            );
        }
    }
}
