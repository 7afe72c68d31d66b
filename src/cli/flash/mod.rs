//! `piprov flash`.

mod plan;
mod port;
mod staged;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::first_boot::FirstBoot;
use super::report::{self, Usage};
use super::screen::{Facts, Screen, Summary};
use crate::board::Mac;
use crate::cli::{Global, ui::Ui};
use crate::config::Settings;
use crate::format::parse_size;
use crate::image::Image;
use crate::power;
use crate::run::ledger::Ledger;
use crate::run::{Record, Runs, Tell};
use crate::stop::Stop;
use crate::targets::{Target, Targets};
use crate::uboot::flash::{self, FlashOptions};
use crate::uboot::material::{Error, ImageMaterial};
use crate::uboot::record;
use crate::uboot::secret::Secret;
use crate::uboot::watch::Patience;
use plan::{Way, head, plan};

/// How long the warnings about an image are waited for before boards are reset.
const WARNINGS: Duration = Duration::from_secs(2);

/// The secrets of the boards' cards.
type Secrets = BTreeMap<Mac, Secret>;

/// In the middle of a job, beside the time that writing takes: U-Boot itself gives up after three seconds.
const SILENCE: Duration = Duration::from_secs(60);

/// Flash boards over the network, through their U-Boot
///
/// Resets each board, serves the image to its U-Boot over TFTP, lets the board write it and read it back,
/// and compares. The board needs a recovery card (`piprov card build`). Only what was read back and is
/// equal counts as done.
///
/// A job belongs to one address: the one that the targets database names, or the one to which ARP gives the
/// board's MAC address. Others are refused and told. Only a card with a secret authenticates its board; the
/// ending says which it was. See SECURITY.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "piprov flash [OPTIONS] <TARGET>... <IMAGE>\n       piprov flash [OPTIONS] --all <IMAGE>"
)]
pub struct Flash {
    /// Boards by name, IP or MAC address; last the image: raw or compressed, - is stdin
    #[arg(value_name = "TARGET... IMAGE", required = true)]
    words: Vec<String>,
    /// Flash every board of the database
    #[arg(long)]
    all: bool,
    /// Targets database [env: PIPROV_TARGETS] [default: /etc/piprov/targets.csv]
    #[arg(long = "targets", value_name = "FILE")]
    database: Option<PathBuf>,
    /// Print what would be done, and do nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Flash an image also where the card's U-Boot won't boot it
    ///
    /// Before a board is reset, the image's boot partition is looked at, as `piprov card check` does. An
    /// image that this card can't boot is refused without this flag.
    #[arg(long)]
    force: bool,
    /// Don't reset the boards: they are switched on by hand, or ask anyway
    #[arg(long)]
    no_reset: bool,
    /// Time between the resets of two boards: 90, 1.5s, 5m [default: 0]
    #[arg(long, value_name = "TIME", value_parser = super::common::seconds, allow_hyphen_values = true)]
    stagger: Option<Duration>,
    /// Time in which a board may say nothing: 90, 5m, 1h30m
    ///
    /// After the reset, and again in the middle of the job (there the time that a slow card takes to write
    /// is added). Without it: 60 s after the reset, or 10 minutes with --no-reset, and 60 s in the middle.
    #[arg(long, value_name = "TIME", value_parser = super::common::time_limit, allow_hyphen_values = true)]
    timeout: Option<Duration>,
    /// Bytes of the image that a board fetches at a time [default: 256 MiB]
    ///
    /// A part must fit into the board's memory beside U-Boot: 256 MiB does on every board, up to 750 MiB
    /// on those with 1 GiB.
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    part_size: Option<u64>,
    /// The kind of recovery card that the boards have
    ///
    /// `original` is a card of the original project: it takes images with a first partition of 40 MiB at
    /// 4 MiB, and uploads a number of bytes in the end, which is compared but proves nothing, so such a
    /// board is never called done. With --tftp-root its uploads go to files that everybody may write;
    /// DIR/<MAC> need not be writable, and dnsmasq takes no uploads. Only the kind that is named is served.
    #[arg(long, value_name = "KIND", default_value = "piprov")]
    card: staged::CardKind,
    /// Where to serve TFTP; boards ask port 69 [default: 0.0.0.0:69]
    #[arg(long, value_name = "ADDR[:PORT]", value_parser = super::common::listen)]
    listen: Option<SocketAddr>,
    /// Folder for a compressed image's spool [default: $TMPDIR or /var/tmp]
    #[arg(long, value_name = "DIR")]
    spool_dir: Option<PathBuf>,
    #[command(flatten)]
    staged: staged::Staged,
    #[command(flatten)]
    first_boot: FirstBoot,
}

impl Flash {
    pub(super) fn run(self, global: &Global, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
        let (names, image) = self.words()?;
        let settings = super::common::settings(global, ui)?;
        let (targets, secrets) = self.targets(names, &settings, stop)?;
        let listen = self.listen.unwrap_or(settings.flash.listen.value);
        let options = self.options(&settings, secrets);
        let part_size = self.part_size(&settings)?;

        let image_options =
            crate::image::ImageOptions { spool_dir: self.spool_dir.clone(), stop: Some(stop.clone()) };
        let (path, settings_wanted) = (Path::new(image), self.first_boot.wanted()?);
        if settings_wanted.is_some() && self.card == staged::CardKind::Original {
            let message = "first-boot settings need a card of piprov's kind".to_owned();
            let hint =
                "leave --card original and the settings, or make the card anew with `piprov card build`.";
            return Err(Usage { message, hint: Some(hint.into()) }.into());
        }
        let (image, first_boot) = match settings_wanted {
            Some(wanted) => {
                let image = Image::open_to_patch(path, &image_options)?;
                let prepared = wanted.prepare(&image, ui)?;
                for patch in &prepared.patches {
                    image.patch(patch.image_offset, &patch.new)?;
                }
                (image, Some(prepared.kept()))
            }
            None => (Image::open(path, &image_options)?, None),
        };
        let material = ImageMaterial::prepare_with(image, part_size, first_boot, stop)?;
        material.settle(WARNINGS, stop);
        // A card of the original's kind has its own way to boot.
        let boots =
            if self.card == staged::CardKind::Original { Ok(()) } else { self.boots(&material, ui, stop) };
        if !self.dry_run {
            boots?;
            return self.go(&settings, (&targets, &material, &options, listen), (ui, stop));
        }
        let kinds = if let Some(files) = self.staged.files(self.card) {
            staged::dry_run(&files, &targets, &material, &options, (ui, stop))?
        } else {
            let at = port::look(listen, &settings, &targets, (ui, stop))?;
            plan(ui, &targets, &material, &options, Way::Serve(at), stop)?
        };
        // In the order of the run itself.
        boots?;
        Ledger::would_open(&settings.state_dir.value)?;
        report::boards(kinds)
    }

    /// Looks whether the card boots the image. An image that is still on its way is waited for up to its boot partition.
    fn boots(&self, material: &ImageMaterial, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
        let at_once = material.check_boot(Some(Duration::ZERO), stop);
        let known = if self.force && !self.dry_run {
            at_once
        } else {
            if at_once.is_ok() && material.answers(Some(Duration::ZERO), stop).is_none() {
                ui.say(format_args!(
                    "boots   not known before the boot partition is read; --force doesn't wait"
                ));
            }
            material.check_boot(None, stop)
        };
        match known {
            // What can't be read can't be forced.
            Err(error @ Error::WontBoot { .. }) if self.force => ui.warn(&error),
            known => known?,
        }
        Ok(())
    }

    /// Flashes.
    fn go(
        &self,
        settings: &Settings,
        (targets, material, options, listen): (&[Target], &Arc<ImageMaterial>, &FlashOptions, SocketAddr),
        (ui, stop): (&Ui, &Stop),
    ) -> crate::cli::Result<()> {
        if let Some(files) = self.staged.files(self.card) {
            return staged::run(&files, settings, targets, material, options, (ui, stop));
        }
        let (port, at) = port::open(listen, settings, targets, material, (ui, stop))?;

        head(ui, material, Way::Serve(at), targets.len());
        let shown = Shown::begin(ui, settings, targets)?;
        let records = flash::flash(targets, material, &port, options, stop, &shown.runs);
        shown.end(ui, records?)
    }

    /// What the words on the command line are: boards, and last the image.
    fn words(&self) -> crate::cli::Result<(&[String], &str)> {
        let usage =
            |message: &str, hint: &str| Usage { message: message.to_owned(), hint: Some(hint.into()) };
        match (self.words.split_last(), self.all) {
            (Some((image, [])), true) => Ok((&[], image)),
            (Some((_, _)), true) => {
                Err(usage("targets are named, and --all as well", "either name them, or give --all IMAGE.")
                    .into())
            }
            (Some((image, [])), false) => {
                let hint = "`piprov flash TARGET... IMAGE`; --all flashes every board of the database.";
                Err(usage(&format!("`{image}` alone: an image and at least one target are needed"), hint)
                    .into())
            }
            (Some((image, names)), false) => Ok((names, image)),
            (None, _) => Err(usage("no image is named", "`piprov flash TARGET... IMAGE`").into()),
        }
    }

    /// The boards, and their cards' secrets.
    fn targets(
        &self,
        names: &[String],
        settings: &Settings,
        stop: &Stop,
    ) -> crate::cli::Result<(Vec<Target>, Secrets)> {
        let path = self.database.as_deref().unwrap_or(&settings.targets.value);
        // A board that isn't in the database can be flashed by its address, if somebody else resets it.
        let bare = |text: &str| {
            let mac = text.parse().ok().filter(|_| self.no_reset)?;
            Some(Target { name: text.to_owned(), mac, ip: None, reset: None, secret: None, line: 0 })
        };
        if !self.all
            && !path.exists()
            && let Some(targets) = names.iter().map(|text| bare(text)).collect::<Option<Vec<_>>>()
        {
            return Ok((distinct(targets)?, Secrets::new()));
        }
        let database = Targets::load(path, stop)?;
        if self.all {
            if database.rows().is_empty() {
                return Err(Usage {
                    message: format!("{} holds no targets", path.display()),
                    hint: Some("`piprov targets add NAME --mac MAC` adds one".into()),
                }
                .into());
            }
            return self.with_secrets(database.rows().to_vec(), &database);
        }
        let found = names.iter().map(|text| match database.find(text) {
            Ok(target) => Ok(target.clone()),
            // `flash os.img lab-01` is the order of other tools.
            Err(_) if Path::new(text).is_file() => Err(Usage {
                message: format!("`{text}` is a file, not a target"),
                hint: Some("The image comes last: `piprov flash TARGET... IMAGE`.".into()),
            }
            .into()),
            Err(error) => bare(text).ok_or(error.into()),
        });
        self.with_secrets(distinct(found.collect::<crate::cli::Result<Vec<_>>>()?)?, &database)
    }

    fn with_secrets(
        &self,
        targets: Vec<Target>,
        database: &Targets,
    ) -> crate::cli::Result<(Vec<Target>, Secrets)> {
        let mut secrets = Secrets::new();
        for target in &targets {
            let Some(path) = database.secret_path(target) else { continue };
            if self.card == staged::CardKind::Original {
                return Err(Usage {
                    message: format!(
                        "{} has a card with a secret, and cards of the original's kind have no secrets",
                        target.name
                    ),
                    hint: Some("leave out --card, or take the secret out of the database.".into()),
                }
                .into());
            }
            secrets.insert(target.mac, Secret::load(&path)?);
        }
        Ok((targets, secrets))
    }

    fn options(&self, settings: &Settings, secrets: Secrets) -> FlashOptions {
        let by_hand = Duration::from_secs(600);
        let boot = if self.no_reset { by_hand } else { settings.flash.boot_timeout.value };
        FlashOptions {
            patience: Patience {
                boot: Some(self.timeout.unwrap_or(boot)),
                silence: self.timeout.unwrap_or(SILENCE),
            },
            stagger: self.stagger.unwrap_or(settings.flash.stagger.value),
            reset: (!self.no_reset).then_some(power::ResetOptions {
                hold: settings.reset.hold.value,
                command_timeout: settings.reset.command_timeout.value,
            }),
            original: self.card == staged::CardKind::Original,
            secrets,
        }
    }

    fn part_size(&self, settings: &Settings) -> crate::cli::Result<u64> {
        let part_size = self.part_size.unwrap_or(settings.flash.part_size.value);
        super::common::check_part_size(part_size)?;
        Ok(part_size)
    }
}

/// A board named twice, once by its name and once by its address, is flashed once; that is a mistake worth telling.
fn distinct(targets: Vec<Target>) -> crate::cli::Result<Vec<Target>> {
    for (n, target) in targets.iter().enumerate() {
        if targets[..n].iter().any(|other| other.mac == target.mac) {
            return Err(super::common::named_twice(&target.name).into());
        }
    }
    Ok(targets)
}

/// The runs of a flash, as they are shown and kept.
struct Shown {
    screen: Arc<Screen>,
    runs: Runs,
    ledger: PathBuf,
}

impl Shown {
    /// Nothing is done yet, and nothing will be where it can't be recorded.
    fn begin(ui: &Ui, settings: &Settings, targets: &[Target]) -> crate::cli::Result<Self> {
        let screen = Arc::new(Screen::new(ui, targets.iter().map(|target| target.name.as_str())));
        let ledger = Ledger::open(&settings.state_dir.value)?;
        let path = ledger.path().to_owned();
        Ok(Self { runs: Runs::new(Arc::clone(&screen) as Arc<dyn Tell>, ledger), screen, ledger: path })
    }

    /// Tells what became of them.
    fn end(self, ui: &Ui, records: Vec<Record>) -> crate::cli::Result<()> {
        self.screen.finish();
        ui.detail(format_args!("records: {}", self.ledger.display()));
        let summary = Summary::as_result(ui).finish(&records, |record| {
            let Some(flash) = record::Flash::of(record) else { return Facts::default() };
            let more = record.ending.is_done().then(|| ("peer", flash.bound.phrase().to_owned()));
            Facts {
                bytes: Some(flash.bytes),
                rated: true,
                more: more.into_iter().collect(),
                ..Facts::default()
            }
        });
        summary?;
        Ok(self.runs.complete()?)
    }
}
