//! `piprov netboot`.

use crate::cli::{Global, ui::Ui};
use crate::stop::Stop;

#[derive(Debug, clap::Args)]
pub struct Netboot {
    #[command(subcommand)]
    command: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {}

impl Netboot {
    pub(super) fn run(self, _global: &Global, _ui: &Ui, _stop: &Stop) -> anyhow::Result<()> {
        match self.command {}
    }
}
