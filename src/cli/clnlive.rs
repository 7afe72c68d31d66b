//! `piprov clnlive`.

use std::time::Duration;

use crate::cli::mklive::{How, Place};
use crate::cli::ui::Ui;
use crate::cli::{Global, common};
use crate::live::plan::{Action, Step};
use crate::live::record::Records;

/// How long to wait for the udev helper, which has a port for milliseconds.
const LOCK_LIMIT: Duration = Duration::from_secs(5);

#[derive(Debug, clap::Args)]
pub struct Clnlive {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    how: How,
}

impl Clnlive {
    pub(super) fn run(self, global: &Global, ui: &Ui) -> crate::cli::Result<()> {
        let settings = common::settings(global, ui)?;
        let tree = self.place.tree(&settings)?;
        ui.say(format_args!("Removing boot overlay links from {}", tree.live().display()));
        let records = Records::new(&settings.runtime_dir.value);
        self.how.carry_out(&tree.plan_clean(self.how.force)?, ui, |step| forget(&records, step))
    }
}

/// What was known of a port whose link is removed is forgotten too.
pub(super) fn forget(records: &Records, step: &Step) -> Result<(), crate::live::Error> {
    let port = step.name.to_str().and_then(|name| name.parse().ok());
    let (Some(port), Action::Remove { .. }) = (port, &step.action) else { return Ok(()) };
    match records.lock_known(port, LOCK_LIMIT)? {
        Some(locked) => locked.forget(),
        None => Ok(()),
    }
}
