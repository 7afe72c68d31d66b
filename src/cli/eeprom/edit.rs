//! `piprov eeprom edit`.

use std::path::{Path, PathBuf};

use clap::Args;
use sha2::{Digest, Sha256};

use super::show::input;
use super::{ForBoard, diff, notes, now, setting, told};
use crate::cli::output;
use crate::cli::report::Usage;
use crate::cli::ui::{Style, Ui, wrap};
use crate::eeprom::edit::{Wanted, text};
use crate::eeprom::files::{self, Bootloader};
use crate::eeprom::image::BOOTCONF;
use crate::eeprom::update::Edited;
use crate::eeprom::{BootOrder, Image, Sig};
use crate::format::json::json;
use crate::format::{hex, size};

/// A configuration is smaller than this, whatever is in it.
const LARGEST: u64 = 64 << 10;

#[derive(Debug, Args)]
pub(super) struct Edit {
    /// The image, - for standard input
    image: PathBuf,
    /// Where the new image goes
    #[arg(short, long, value_name = "OUT", value_parser = output::place)]
    output: Option<PathBuf>,
    /// Set a setting for all boards: BOOT_UART=1
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = setting)]
    settings: Vec<(String, String)>,
    /// Take a setting out; below a filter such as [cm4] it stays
    #[arg(long, value_name = "KEY")]
    unset: Vec<String>,
    /// Take this file as the whole bootconf.txt, before other changes
    #[arg(long = "bootconf", id = "conf", value_name = "FILE")]
    conf: Option<PathBuf>,
    /// Look for a system there first: nvme, sd, emmc, usb, network
    ///
    /// Several are tried in the order in which they stand, as nvme,usb. What the boot order has already comes behind
    /// them.
    #[arg(long, value_name = "PLACES")]
    boot_from: Option<String>,
    /// Take signature and key out of a signed image
    ///
    /// A board with a key burned in doesn't start with the new image. What else is lost is told. SIGNED_BOOT is taken
    /// out too.
    #[arg(long)]
    unsign: bool,
    #[command(flatten)]
    board: ForBoard,
    /// Write the .sig file beside it, without which no bootloader takes it as an update
    #[arg(long)]
    sig: bool,
    /// Replace OUT if it is there
    #[arg(long)]
    force: bool,
    /// Say what would be done, and touch nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
}

impl Edit {
    pub(super) fn run(self, ui: &Ui) -> crate::cli::Result<()> {
        let wanted = self.wanted()?;
        let places = self.places()?;
        let chosen = Bootloader::new(&self.image, input(&self.image)?, wanted.needs)?;
        let mut edited = chosen.edit(&wanted)?;
        if let Some(output) = self.output.as_deref().filter(|_| !self.sig) {
            edited.warnings.extend(left_over(output, &edited.image)?);
        }
        if !ui.json {
            // Before anything is written.
            self.tell_change(&chosen, &edited, ui);
        }
        let image = &edited.image;
        let soc = image.family().chip()["BCM".len()..].to_owned();
        let sig = match self.sig {
            true => Some(Sig { target_soc: Some(soc), ..image.sig(now()?) }),
            false => None,
        };
        if let Some((output, sig_path)) = places.as_ref().filter(|_| !self.dry_run) {
            files::write(output, image.bytes(), self.force)?;
            if let (Some(path), Some(sig)) = (sig_path, &sig) {
                files::write(path, sig.to_string().as_bytes(), self.force)?;
            }
        }
        self.tell_done(&edited, places.as_ref(), sig.as_ref(), ui);
        Ok(())
    }

    /// What is to be changed.
    fn wanted(&self) -> crate::cli::Result<Wanted> {
        let first = self.boot_from.as_deref().map(BootOrder::places).transpose()?.unwrap_or_default();
        let one = "Give one of them.";
        let none = self.settings.is_empty() && self.unset.is_empty() && self.conf.is_none();
        if none && first.is_empty() && !self.unsign {
            let hint = "Give --set, --unset, --bootconf, --boot-from or --unsign.";
            return Err(usage("it isn't said what to change", hint).into());
        }
        if !first.is_empty() && self.settings.iter().any(|(key, _)| key == "BOOT_ORDER") {
            return Err(usage("--boot-from and --set BOOT_ORDER=… say the same thing twice", one).into());
        }
        if let Some((key, _)) = self.settings.iter().find(|(key, _)| self.unset.contains(key)) {
            return Err(usage(&format!("{key} is to be set and to be taken out"), one).into());
        }
        let config = self.conf.as_deref().map(|path| files::read_small(path, LARGEST)).transpose()?;
        if let (Some(path), Some(config)) = (&self.conf, &config) {
            // What is wrong with it isn't wrong with the image.
            text(config).map_err(files::Error::content(path))?;
        }
        let (set, unset, unsign) = (self.settings.clone(), self.unset.clone(), self.unsign);
        Ok(Wanted { config, unset, set, first, unsign, needs: self.board.needs() })
    }

    /// Where image and .sig file go, which is looked at before the work.
    fn places(&self) -> crate::cli::Result<Option<Places>> {
        let Some(output) = &self.output else {
            if self.dry_run {
                return Ok(None);
            }
            let hint = "Give -o OUT, another file; or --dry-run to see the change.";
            return Err(usage("it isn't said where the changed image goes", hint).into());
        };
        let sig = self.sig.then(|| output.with_extension("sig"));
        if sig.as_ref() == Some(output) {
            let hint = "Name it pieeprom.bin, or pieeprom.upd.";
            return Err(usage("OUT is called as its own .sig file", hint).into());
        }
        for path in std::iter::once(output).chain(&sig) {
            files::writable(path, self.force)?;
        }
        Ok(Some((output.clone(), sig)))
    }

    fn tell_change(&self, chosen: &Bootloader, edited: &Edited, ui: &Ui) {
        edited.warnings.iter().for_each(|warning| ui.warn(warning));
        told::heading(&self.image, &chosen.image, ui);
        ui.result(ui.paint(Style::Strong, BOOTCONF));
        if edited.conf.changes().is_empty() {
            ui.result("  no line changes");
        }
        diff(edited.conf.changes(), ui);
        for lost in &edited.lost {
            let text = wrap(lost, 7, 7, ui.width_out);
            ui.result(format_args!("{}   {text}", ui.paint(Style::Bad, "lost")));
        }
    }

    fn tell_done(&self, edited: &Edited, places: Option<&Places>, sig: Option<&Sig>, ui: &Ui) {
        let (image, conf) = (&edited.image, &edited.conf);
        let sha256 = hex(&Sha256::digest(image.bytes()));
        if ui.json {
            let object = json!({
                "image": self.image, "output": places.map(|places| &places.0), "family": image.family(),
                "built": image.built(), "changes": conf.changes(), "order": conf.order().map(|order| order.to_string()),
                "sha256": sha256, "signature": places.and_then(|places| places.1.as_ref()),
                "ts": sig.and_then(|sig| sig.ts), "warnings": edited.warnings, "notes": edited.notes,
                "lost": edited.lost,
            });
            return match self.dry_run {
                true => ui.named("would-write", None, &object),
                false => ui.named("wrote", None, &object),
            };
        }
        let (verb, proved) = match self.dry_run {
            true => ("would write", ""),
            false => ("wrote", ", read back and equal"),
        };
        let verb = ui.paint(Style::Good, verb);
        if let Some((output, sig)) = places {
            let (length, sum) = (size(image.bytes().len() as u64), &sha256[..12]);
            ui.result(format_args!("{verb} {}, {length}, sha256 {sum}…{proved}", output.display()));
            if let Some(path) = sig {
                ui.result(format_args!("{verb} {}{proved}", path.display()));
            }
        }
        notes(&edited.notes, ui);
    }
}

/// What is to be said of a .sig file that lies beside the new image, and isn't written anew.
fn left_over(output: &Path, image: &Image) -> crate::cli::Result<Option<String>> {
    let path = output.with_extension("sig");
    let Some(there) = files::beside(&path)? else { return Ok(None) };
    let fits = std::str::from_utf8(&there).ok().and_then(|text| Sig::parse(text).ok());
    if path == output || fits.is_some_and(|sig| sig.fits(image.bytes())) {
        return Ok(None);
    }
    Ok(Some(format!(
        "{} belongs to another image: with it no bootloader takes the new one as an update. --sig writes it anew.",
        path.display()
    )))
}

/// The image, and the .sig file where there is to be one.
type Places = (PathBuf, Option<PathBuf>);

fn usage(message: &str, hint: &str) -> Usage {
    Usage { message: message.to_owned(), hint: Some(hint.into()) }
}
