//! `piprov nukelive`.

use crate::cli::clnlive::forget;
use crate::cli::mklive::{How, Place};
use crate::cli::ui::Ui;
use crate::cli::{Global, common};
use crate::live::record::Records;

#[derive(Debug, clap::Args)]
pub struct Nukelive {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    how: How,
}

impl Nukelive {
    pub(super) fn run(self, global: &Global, ui: &Ui) -> crate::cli::Result<()> {
        let settings = common::settings(global, ui)?;
        let tree = self.place.tree(&settings)?;
        ui.say(format_args!("Removing files and links from {}", tree.live().display()));
        let records = Records::new(&settings.runtime_dir.value);
        self.how.carry_out(&tree.plan_nuke(self.how.force)?, ui, |step| forget(&records, step))
    }
}
