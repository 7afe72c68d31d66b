//! `piprov flash`.

use crate::cli::{Global, ui::Ui};
use crate::stop::Stop;

#[derive(Debug, clap::Args)]
pub struct Flash {}

impl Flash {
    pub(super) fn run(self, _global: &Global, _ui: &Ui, _stop: &Stop) -> anyhow::Result<()> {
        anyhow::bail!("not built yet")
    }
}
