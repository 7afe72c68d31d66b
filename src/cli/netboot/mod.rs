//! `piprov netboot`: boards that boot over the network.

mod enable;

use clap::{Args, Subcommand};

use crate::cli::{Global, ui::Ui};
use crate::stop::Stop;

pub(super) use enable::Error as EnableError;

#[derive(Debug, Args)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct Netboot {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make boards boot from the network, or say why they don't
    ///
    /// Pi 2B v1.2 and 3B have a bit that is burned in once, by a line in config.txt. Pi 3B+ are made with it. Pi 4, 5
    /// and Compute Modules with such a chip have an EEPROM, whose BOOT_ORDER says where they look for a system.
    Enable(enable::Enable),
}

impl Netboot {
    pub(super) fn run(self, _global: &Global, ui: &Ui, stop: &Stop) -> anyhow::Result<()> {
        match self.command {
            Command::Enable(args) => args.run(ui, stop),
        }
    }
}
