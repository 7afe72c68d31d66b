//! `piprov card check`.

use std::path::PathBuf;

use clap::Args;

use super::{Place, Spool, show};
use crate::cli::ui::Ui;
use crate::cli::{boots, format, unpacking};
use crate::image::Image;
use crate::stop::Stop;
use crate::uboot::card::Fit;
use crate::uboot::material::Error;

#[derive(Debug, Args)]
pub(super) struct Check {
    /// The image, raw or compressed; - for standard input
    image: PathBuf,
    /// An image that fits is enough, also where the card won't boot it
    #[arg(long)]
    force: bool,
    /// Length of the card, to see whether it is large enough
    #[arg(long, value_name = "BYTES", value_parser = format::parse_size)]
    card_size: Option<u64>,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    spool: Spool,
}

impl Check {
    pub(super) fn run(self, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
        let card = self.place.card(self.card_size);
        let image = Image::open(&self.image, &self.spool.options(stop))?;
        let fit = unpacking::shown(ui, &image, || Fit::new(&image, &card))?;
        let boots = match &fit.answers.card {
            card if card.is_hopeless() && !self.force => {
                Err(Error::WontBoot { name: image.name(), why: card.why.clone() })
            }
            _ => Ok(()),
        };
        if ui.json {
            ui.named("card", None, &show::object(&image, &fit, &card));
            return Ok(boots?);
        }
        boots::tell(ui, show::lines(&image, &fit, &card));
        match self.card_size {
            Some(_) => ui.result("fits    yes"),
            None => ui.result("fits    such a card"),
        }
        Ok(boots?)
    }
}
