//! `piprov flash --tftp-root`: the files for a TFTP server that isn't ours.

use std::path::PathBuf;

use super::Shown;
use super::plan::{Way, head, plan};
use crate::cli::ui::Ui;
use crate::config::Settings;
use crate::format::{parse_size, size};
use crate::stop::Stop;
use crate::targets::Target;
use crate::uboot::flash::FlashOptions;
use crate::uboot::layout::CardInfo;
use crate::uboot::material::ImageMaterial;
use crate::uboot::staged::{self, Files, Kind};

/// The flags that belong to `--tftp-root`.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "With a TFTP server of your own")]
pub(super) struct Staged {
    /// Put the files into DIR, which your TFTP server serves, and serve nothing
    ///
    /// For tftpd-hpa, dnsmasq or any other server on this machine. The image is copied below DIR/<MAC>
    /// (boards share the copies where the file system can), read back, and taken away in the end. What
    /// the boards do is seen by the files that the server opens for them; the right checksums are those
    /// files' names. So nobody else should read below DIR/<MAC> meanwhile.
    #[arg(long, value_name = "DIR", conflicts_with = "listen")]
    tftp_root: Option<PathBuf>,
    /// Leave the files in DIR in the end, without the one that makes a board begin
    #[arg(long, requires = "tftp_root")]
    keep: bool,
    /// Where U-Boot's partition starts on the boards' cards
    #[arg(long, value_name = "SIZE", default_value = "4MiB", value_parser = parse_size, requires = "tftp_root")]
    uboot_start: u64,
    /// How long U-Boot's partition is on the boards' cards
    #[arg(long, value_name = "SIZE", default_value = "40MiB", value_parser = parse_size, requires = "tftp_root")]
    uboot_size: u64,
}

/// The kind of the boards' cards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum CardKind {
    /// Made by `piprov card build`
    Piprov,
    /// Made by the original project
    Original,
}

impl Staged {
    /// Where and what to stage; `None` where piprov serves by itself.
    pub(super) fn files(&self, kind: CardKind) -> Option<Files> {
        let kind = match kind {
            CardKind::Piprov => Kind::Piprov,
            CardKind::Original => Kind::Original,
        };
        let card = CardInfo { uboot_start: self.uboot_start, uboot_len: self.uboot_size, size: None };
        self.tftp_root.clone().map(|root| Files { root, kind, card, keep: self.keep })
    }
}

/// Says what would be staged, and for whom. Gives what [`plan`] does.
pub(super) fn dry_run(
    files: &Files,
    targets: &[Target],
    material: &std::sync::Arc<ImageMaterial>,
    options: &FlashOptions,
    (ui, stop): (&Ui, &Stop),
) -> crate::cli::Result<Vec<Option<crate::error::Kind>>> {
    let files = &files.settled()?;
    // Which files there would be depends on the whole image.
    staged::ready(files, material, stop)?;
    let kinds = plan(ui, targets, material, options, Way::Stage(files), stop)?;
    if !ui.json {
        plan_files(files, targets, material, ui)?;
    }
    Ok(kinds)
}

pub(super) fn run(
    files: &Files,
    settings: &Settings,
    targets: &[Target],
    material: &std::sync::Arc<ImageMaterial>,
    options: &FlashOptions,
    (ui, stop): (&Ui, &Stop),
) -> crate::cli::Result<()> {
    // A message with the whole path helps a user that has started this in another directory.
    let files = &files.settled()?;
    head(ui, material, Way::Stage(files), targets.len());
    for note in files.notes() {
        ui.say(format_args!("note: {note}"));
    }
    for target in targets.iter().filter(|target| target.secret.is_some()) {
        ui.warn(format_args!(
            "{}: its card's secret is of no use here: files can't ask for a proof, so it is not authenticated",
            target.name
        ));
    }
    let shown = Shown::begin(ui, settings, targets)?;
    let records = staged::flash(targets, material, files, options, stop, &shown.runs);
    shown.end(ui, records?)
}

fn plan_files(
    files: &Files,
    targets: &[Target],
    material: &ImageMaterial,
    ui: &Ui,
) -> crate::cli::Result<()> {
    let crate::uboot::step::Known::Is(tree) = files.tree(0, material)? else { return Ok(()) };
    for target in targets {
        ui.result(format_args!(
            "would stage {} in {} below {}/{}, the last one being {}",
            size(tree.len()),
            crate::format::count(tree.files.len() as u64 + 1, "file"),
            files.root.display(),
            target.mac,
            tree.first,
        ));
    }
    // Every file of one job, with a name for the job that each run chooses anew.
    for entry in tree.files.iter().chain([&tree.opening]) {
        ui.detail(format_args!("  {:>10}  {}", size(entry.len()), entry.path.replace(&tree.job, "<JOB>")));
    }
    Ok(())
}
