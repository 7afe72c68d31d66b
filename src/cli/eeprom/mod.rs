//! `piprov eeprom`, and what other subcommands have of it.

mod edit;
mod list;
mod recovery;
mod show;
mod told;
mod verify;

use clap::{Args, Subcommand};
use jiff::Timestamp;

pub(super) use show::{input, is_package, one_image};
pub(super) use told::{heading, object, partitions};

use crate::board::Model;
use crate::cli::report::Usage;
use crate::cli::ui::{Style, Ui, wrap};
use crate::eeprom::{BootOrder, Change, Needs};
use crate::format::json::json;

#[derive(Debug, Args)]
#[command(arg_required_else_help = true, subcommand_required = true)]
pub struct Eeprom {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show what is in an image, or which images a directory or a package has
    ///
    /// Of an image: which boards it is for, when it was built, its sections with their sums, each setting with what it
    /// does, and the boot order in words. Of a directory, or of Raspberry Pi's package rpi-eeprom as a .deb: all
    /// images by chip and channel, the newest first.
    Show(show::Show),
    /// Change the settings in an image, and write it as another file
    ///
    /// Filters such as [cm4], comments and settings that nobody knows stay. The new image is read back. Its bytes are
    /// those that Raspberry Pi's own tool gives. An image that is signed stays as it is, unless --unsign says that the
    /// signature may go.
    Edit(edit::Edit),
    /// Check whether an image is whole, and whether a board starts with it
    ///
    /// Looks at the structure, the chip, the signatures, the settings, and the .sig file beside it where there is one.
    /// Ends with 1 if there is a problem.
    Verify(verify::Verify),
    /// Make the directory from which a board in USB boot writes its EEPROM
    ///
    /// Raspberry Pi's recovery.bin under the name that the board's ROM asks for, the image with its digest, and a
    /// config.txt that burns nothing in. `piprov usbboot -d DIR` gives it to the board.
    Recovery(recovery::Recovery),
}

impl Eeprom {
    pub(super) fn run(self, ui: &Ui) -> crate::cli::Result<()> {
        match self.command {
            Command::Show(args) => args.run(ui),
            Command::Edit(args) => args.run(ui),
            Command::Verify(args) => args.run(ui),
            Command::Recovery(args) => args.run(ui),
        }
    }

    /// Whether it does nothing but print.
    pub(super) const fn only_reports(&self) -> bool {
        matches!(self.command, Command::Show(_) | Command::Verify(_))
    }
}

/// The board that an image is for.
#[derive(Debug, Clone, Copy, Args)]
struct ForBoard {
    /// The board that it is for: 4, 400, cm4, cm4s, 5, 500, cm5, cm5-lite
    #[arg(long, value_name = "MODEL", value_parser = model)]
    board: Option<Model>,
    /// The bootloader's number that the board needs at least
    ///
    /// A board tells it in /proc/device-tree/chosen/rpi-min-boot-ver; one without that file needs 0. Images say theirs
    /// as MFG_VER; those of before May 2026 say none, which counts as 0. A board may not start with an image that has
    /// less.
    #[arg(long, value_name = "N")]
    mfg_ver: Option<u64>,
}

impl ForBoard {
    const fn needs(self) -> Needs {
        Needs { model: self.board, mfg_ver: self.mfg_ver }
    }
}

/// The time that goes into a signature: now, or what reproducible builds ask for.
pub(super) fn now() -> Result<u64, Usage> {
    let Some(text) = std::env::var_os("SOURCE_DATE_EPOCH").filter(|text| !text.is_empty()) else {
        return Ok(u64::try_from(Timestamp::now().as_second()).unwrap_or(0));
    };
    text.to_str().and_then(|text| text.parse().ok()).ok_or_else(|| Usage {
        message: format!("SOURCE_DATE_EPOCH={} is no time", text.to_string_lossy().escape_debug()),
        hint: Some("It is a number of seconds since 1970, or not set.".into()),
    })
}

/// A board with an EEPROM, on the command line.
pub(super) fn model(text: &str) -> Result<Model, String> {
    match Model::named(text) {
        Some(model) if model.family().is_some() => Ok(model),
        Some(model) => Err(format!("a {model} has no EEPROM that it boots from")),
        None => Err("known are 4, 400, cm4, cm4s, 5, 500, cm5".to_owned()),
    }
}

/// A setting with its value, on the command line.
pub(super) fn setting(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("KEY=VALUE is needed, as TFTP_IP=10.0.0.2")?;
    Ok((key.to_owned(), value.to_owned()))
}

/// What a boot order means.
pub(super) fn explain(order: BootOrder, board: Option<Model>, notes: &[String], ui: &Ui) {
    if ui.json {
        let modes = order.modes().into_iter().map(|mode| json!({ "mode": mode.name(), "what": mode.what() }));
        ui.object(&json!({
            "event": "order", "order": order.to_string(), "family": board.map(|board| board.to_string()),
            "modes": modes.collect::<Vec<_>>(), "network_first": order.is_network_first(), "notes": notes,
        }));
        return;
    }
    let word = |text: &str| ui.paint(Style::Strong, text);
    ui.result(format_args!("{}  BOOT_ORDER={order}, read from right to left", word("order")));
    for mode in order.modes() {
        ui.result(format_args!("    {:x}  {:<15} {}", mode.digit(), mode.name(), mode.what()));
    }
    self::notes(notes, ui);
}

/// Things to look at, one a line.
pub(super) fn notes(notes: &[String], ui: &Ui) {
    for note in notes {
        ui.result(format_args!("{}   {}", ui.paint(Style::Warn, "note"), wrap(note, 7, 7, ui.width_out)));
    }
}

/// Lines that change, as in a diff.
pub(super) fn diff(changes: &[Change], ui: &Ui) {
    for change in changes {
        for (sign, style, text) in [("-", Style::Bad, &change.before), ("+", Style::Good, &change.after)] {
            if let Some(text) = text {
                ui.result(format_args!("  {}", ui.paint(style, format_args!("{sign} {text}"))));
            }
        }
    }
}
