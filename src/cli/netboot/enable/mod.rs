//! `piprov netboot enable`.

mod card;
mod eeprom;
mod otp;

use std::path::{Path, PathBuf};

use clap::Args;

use crate::board::Model;
use crate::cli::eeprom::{diff, explain, model, notes, setting};
use crate::cli::report::Usage;
use crate::cli::ui::Ui;
use crate::eeprom::{BootOrder, files};
use crate::stop::Stop;

/// One of the forms: a card, a dump, an image, an order.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(super) struct Enable {
    /// Pi 2, 3: put program_usb_boot_mode=1 into DIR/config.txt
    ///
    /// DIR is where a card's boot partition is mounted. A Pi 2B v1.2 or 3B that is started from this card once burns
    /// the bit in; after that it boots from the network, for ever. It is asked for first: a person types the setting's
    /// name, a script gives it to --confirm.
    #[arg(long, value_name = "DIR", group = "form", help_heading = "Pi 2B v1.2, 3B: a bit burned in once")]
    boot_partition: Option<PathBuf>,
    /// Take the line out of config.txt again; a bit that is burned in stays
    #[arg(long, requires = "boot_partition", help_heading = "Pi 2B v1.2, 3B: a bit burned in once")]
    undo: bool,
    /// Say in a script that it is meant: --confirm program_usb_boot_mode
    #[arg(
        long,
        value_name = "NAME",
        requires = "boot_partition",
        conflicts_with = "undo",
        help_heading = "Pi 2B v1.2, 3B: a bit burned in once"
    )]
    confirm: Option<String>,
    /// Say what `vcgencmd otp_dump` of a board means; - reads stdin
    #[arg(long, value_name = "FILE", group = "form", help_heading = "Pi 2B v1.2, 3B: a bit burned in once")]
    otp_dump: Option<PathBuf>,
    /// Where to look for a system, first to last: network,sd
    ///
    /// Words are sd, network, usb, nvme, http, rpiboot, stop and restart; restart comes at the end by itself. A number
    /// such as 0xf12 is taken too. Alone it says the number; with --eeprom it goes into the image.
    #[arg(
        long, value_name = "WORDS", conflicts_with_all = ["boot_partition", "otp_dump", "explain"],
        help_heading = "Pi 4, 5: the EEPROM's configuration"
    )]
    order: Option<String>,
    /// Say what a BOOT_ORDER means, and what may be wrong with it
    #[arg(long, value_name = "NUMBER", group = "form", help_heading = "Pi 4, 5: the EEPROM's configuration")]
    explain: Option<String>,
    /// Which board to say it for: 4, 400, cm4, cm4s, 5, 500, cm5
    #[arg(
        long, value_name = "MODEL", value_parser = model, conflicts_with_all = ["boot_partition", "otp_dump"],
        help_heading = "Pi 4, 5: the EEPROM's configuration"
    )]
    board: Option<Model>,
    /// An image of Raspberry Pi's package rpi-eeprom: show it, or change it
    #[arg(long, value_name = "IMAGE", group = "form", help_heading = "Pi 4, 5: the EEPROM's configuration")]
    eeprom: Option<PathBuf>,
    /// Another setting for the image's bootconf.txt, such as TFTP_IP=10.0.0.2
    #[arg(
        long = "set", value_name = "KEY=VALUE", requires = "eeprom", value_parser = setting,
        help_heading = "Pi 4, 5: the EEPROM's configuration"
    )]
    settings: Vec<(String, String)>,
    /// Write pieeprom.upd and pieeprom.sig into DIR, which a board asks by TFTP
    ///
    /// DIR is what the board finds its boot files in, as /srv/tftp/9f8e7d6c. A board that boots over the network takes
    /// the pair, writes its EEPROM and starts again. Its bootloader has to be of 2021 or later.
    #[arg(
        short,
        long,
        value_name = "DIR",
        requires = "eeprom",
        help_heading = "Pi 4, 5: the EEPROM's configuration"
    )]
    output: Option<PathBuf>,
    /// Say what would be done, and touch nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
}

impl Enable {
    pub(super) fn run(self, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
        if let Some(dir) = &self.boot_partition {
            return card::run(&self, dir, ui, stop);
        }
        if let Some(path) = &self.otp_dump {
            return otp::run(path, ui);
        }
        let order = self.order.as_deref().map(BootOrder::parse_words).transpose()?;
        if let Some(image) = &self.eeprom {
            return eeprom::run(&self, image, order, ui);
        }
        let order = match &self.explain {
            Some(text) => Some(BootOrder::parse_words(text)?),
            None => order,
        };
        let Some(order) = order else {
            return Err(Usage {
                message: "it isn't said what to do".into(),
                hint: Some("Give --boot-partition, --otp-dump, --order, --explain or --eeprom.".into()),
            }
            .into());
        };
        explain(order, self.board, &order.notes(self.board), ui);
        Ok(())
    }
}

/// Reads a file that the user names; `-` is stdin.
fn input(path: &Path) -> Result<Vec<u8>, files::Error> {
    if path == Path::new("-") { files::read_from(std::io::stdin().lock(), path) } else { files::read(path) }
}
