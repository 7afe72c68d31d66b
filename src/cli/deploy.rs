//! `piprov deploy`.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::confirm::confirm;
use super::first_boot::FirstBoot;
use super::report::Usage;
use super::screen::{Facts, Screen, Summary};
use crate::agent::disk::{BlockDisk, Ground};
use crate::agent::local::Local;
use crate::agent::{Amounts, At, Deployed, Failure, Storage, Watch, deploy};
use crate::board::Who;
use crate::cli::{Global, ui::Ui};
use crate::error::{Explain, Kind};
use crate::firstboot::Prepared;
use crate::format::{hex, size};
use crate::image::{Image, ImageOptions};
use crate::run::ledger::Ledger;
use crate::run::{self, Ending, Proof, Record, Running, Runs, Stage, Tell, Way};
use crate::stop::Stop;

/// Write an image onto disks of this host, and read it back
///
/// For card readers, and for the storage of a board that `piprov usbboot` shows as a disk. Several disks are written at
/// once; the image is unpacked once for all of them, and a slow or broken disk costs the others nothing.
///
/// No board starts from a disk until all of it was read back: its beginning is zeroed first and written last. What a
/// disk has already isn't written again. A disk that is mounted, in use or too small is refused before anything is
/// written. Only what was read back, past the system's cache, and is equal counts as done.
#[derive(Debug, clap::Args)]
pub struct Deploy {
    /// Image: raw, gz, xz, zst, bz2 or zip; `-` for standard input
    #[arg(value_name = "IMAGE")]
    image: PathBuf,
    /// The disks: whole ones, like /dev/sdb; or files of a disk's size
    #[arg(long = "device", value_name = "DEV", required = true, num_args = 1..)]
    devices: Vec<PathBuf>,
    /// What a person types when asked: the disks as they were named, with commas
    #[arg(long, value_name = "DEV,...")]
    confirm: Option<String>,
    /// Print what would be done, and do nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Folder for the spool of a compressed image
    #[arg(long, value_name = "DIR")]
    spool_dir: Option<PathBuf>,
    #[command(flatten)]
    first_boot: FirstBoot,
}

/// What a record keeps of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    /// The image's name.
    image: String,
    /// The disk.
    device: String,
    /// Its size in bytes.
    disk_len: u64,
    /// Length of the raw image in bytes.
    raw_len: Option<u64>,
    /// sha256 of what was read back.
    read_back_sha256: Option<String>,
    /// Bytes that were written.
    written: u64,
    /// Bytes that the disk had already.
    kept: u64,
    /// Bytes that were zeroed without being sent.
    zeroed: u64,
    /// First-boot settings that were written into the image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    first_boot: Option<run::FirstBoot>,
}

/// One disk's run.
struct Told(Mutex<Running>);

impl Told {
    fn with<T>(&self, work: impl FnOnce(&mut Running) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Watch for Told {
    fn at(&self, at: At) {
        self.with(|running| {
            running.enter(at.stage);
            running.advance(at.done, at.total);
        });
    }

    fn note(&self, text: String) {
        self.with(|running| running.warn(text));
    }
}

impl Deploy {
    pub(super) fn run(self, global: &Global, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
        let names: Vec<String> = self.devices.iter().map(|path| path.display().to_string()).collect();
        apart(&self.image, &self.devices)?;
        let wanted = self.first_boot.wanted()?;
        // All are opened before any is written: a mistake in the last name costs the first one nothing.
        let disks =
            self.devices.iter().map(|path| BlockDisk::open_file(path)).collect::<Result<Vec<_>, _>>()?;
        let options = ImageOptions { spool_dir: self.spool_dir.clone(), stop: Some(stop.clone()) };
        let image = Image::open(&self.image, &options)?;
        if let Some(needs) = image.raw_len()
            && let Some(disk) = disks.iter().find(|disk| disk.size() < needs)
        {
            let (name, has) = (disk.name().to_owned(), disk.size());
            return Err(crate::agent::Error::TooSmall { disk: name, has, needs, at_least: false }.into());
        }
        let prepared = wanted.map(|wanted| wanted.prepare(&image, ui)).transpose()?;
        let (name, given) = (names.join(","), self.confirm.as_deref());
        if given.is_some() && !self.dry_run {
            // What isn't meant is refused before it is said what would become of the disks.
            confirm(&name, given, ui, stop)?;
        }
        let long = image.raw_len().map(|len| format!(", {}", size(len))).unwrap_or_default();
        for disk in &disks {
            ui.say(format_args!(
                "{} ({}): all that is on it is replaced by {}{long}",
                disk.name(),
                size(disk.size()),
                image.name()
            ));
        }
        let settings_kept = prepared.as_ref().map(Prepared::kept);
        if self.dry_run {
            ui.say("nothing was written: this was a dry run");
            return Ok(());
        }
        if given.is_none() {
            confirm(&name, None, ui, stop)?;
        }
        let settings = super::common::settings(global, ui)?;
        let screen = Arc::new(Screen::new(ui, names.iter().map(String::as_str)));
        let ledger = Ledger::open(&settings.state_dir.value)?;
        let runs = Runs::new(Arc::clone(&screen) as Arc<dyn Tell>, ledger);
        let what = What { image: image.name(), raw_len: image.raw_len(), first_boot: settings_kept };
        let begun = begin(&runs, &disks, &what)?;
        let patches = prepared.map(|prepared| prepared.patches).unwrap_or_default();
        let local = Local::start(image, &patches, stop).map_err(crate::agent::Error::Thread)?;
        let records = std::thread::scope(|scope| {
            let threads: Vec<_> = disks
                .iter()
                .zip(&begun)
                .map(|(disk, told)| {
                    let (local, what) = (&local, &what);
                    scope.spawn(move || {
                        let result = deploy(disk, local, stop, told);
                        told.with(|running| end(running, disk, what, &result))
                    })
                })
                .collect();
            threads.into_iter().filter_map(|thread| thread.join().ok()).collect::<Vec<_>>()
        });
        screen.finish();
        Summary::as_result(ui).finish(&records, |record| {
            let kept = serde_json::from_value::<Kept>(record.detail.clone()).ok();
            let Some(kept) = kept.filter(|_| record.ending.is_done()) else { return Facts::default() };
            let text = (kept.kept > 0).then(|| format!("{} were there already", size(kept.kept)));
            Facts { bytes: kept.raw_len, rated: true, text: text.into_iter().collect(), ..Facts::default() }
        })?;
        Ok(runs.complete()?)
    }
}

/// Looks that no disk is named twice, and that the image doesn't lie on one of them: under no other name either.
fn apart(image: &Path, disks: &[PathBuf]) -> crate::cli::Result<()> {
    // What isn't there is said where it is opened.
    let mut seen: Vec<(&Path, Ground)> = Vec::new();
    let image = Ground::of(image).ok().map(|ground| (image, ground));
    for disk in disks {
        let Ok(ground) = Ground::of(disk) else { continue };
        if seen.iter().any(|(_, other)| ground.meets(other)) {
            let message = format!("{}: a disk is named twice", disk.display());
            return Err(Usage { message, hint: None }.into());
        }
        if let Some((image, _)) = image.as_ref().filter(|(_, of_image)| ground.meets(of_image)) {
            let (disk, other) = (disk.display().to_string(), image.display().to_string());
            return Err(crate::agent::Error::SameGround { disk, other }.into());
        }
        seen.push((disk, ground));
    }
    Ok(())
}

/// What goes onto each disk.
struct What {
    image: String,
    raw_len: Option<u64>,
    first_boot: Option<run::FirstBoot>,
}

impl What {
    fn kept(&self, disk: &BlockDisk, raw_len: Option<u64>, amounts: Amounts) -> Kept {
        let Amounts { written, kept, zeroed, .. } = amounts;
        Kept {
            image: self.image.clone(),
            device: disk.name().to_owned(),
            disk_len: disk.size(),
            raw_len,
            read_back_sha256: None,
            written,
            kept,
            zeroed,
            first_boot: self.first_boot.clone(),
        }
    }
}

/// A record for each disk, before the first one is written.
fn begin(runs: &Runs, disks: &[BlockDisk], what: &What) -> crate::cli::Result<Vec<Told>> {
    disks
        .iter()
        .map(|disk| {
            let mut running = runs.begin(Way::Deploy, Who::named(disk.name()), Stage::Prepare)?;
            running.keep(&what.kept(disk, what.raw_len, Amounts::default()));
            Ok(Told(Mutex::new(running)))
        })
        .collect()
}

fn end(running: &mut Running, disk: &BlockDisk, what: &What, result: &Result<Deployed, Failure>) -> Record {
    let ending = match result {
        Ok(done) => {
            let Deployed { raw_len, written, kept: had, zeroed, fetched, read_back } = done;
            let amounts = Amounts { written: *written, kept: *had, zeroed: *zeroed, fetched: *fetched };
            let kept = what.kept(disk, Some(*raw_len), amounts);
            running.keep(&Kept { read_back_sha256: read_back.sha256().map(|digest| hex(&digest)), ..kept });
            Ending::Done { proof: Proof::ReadBack }
        }
        Err(failure) => {
            running.enter(failure.stage);
            // What was written until then is what people look for on the disk.
            running.keep(&what.kept(disk, what.raw_len, *failure.amounts));
            let kind = failure.kind();
            let why = if kind == Kind::Interrupted {
                format!("interrupted; {}", failure.left.phrase())
            } else {
                failure.to_string()
            };
            Ending::Failed { why, last_seen: None, hint: failure.hint(), kind }
        }
    };
    running.end(ending).clone()
}
