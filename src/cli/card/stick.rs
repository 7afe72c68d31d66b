//! `piprov card stick`.

use std::path::PathBuf;

use clap::Args;

use super::{Place, Spool};
use crate::cli::ui::{Style, Ui};
use crate::format::json::json;
use crate::format::{count, parse_size, size};
use crate::image::Image;
use crate::stop::Stop;
use crate::uboot::material::{Error, ImageMaterial};
use crate::uboot::staged::stick;

#[derive(Debug, Args)]
pub(super) struct Stick {
    /// The image, raw or compressed; - for standard input
    image: PathBuf,
    /// Where the stick is mounted
    #[arg(value_name = "DIR")]
    mount: PathBuf,
    /// Put it there also where the card's U-Boot won't boot it
    #[arg(long)]
    force: bool,
    /// Bytes of the image that a board reads at a time; they must fit into its memory
    #[arg(long, value_name = "SIZE", default_value = "256MiB", value_parser = parse_size)]
    part_size: u64,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    spool: Spool,
}

impl Stick {
    pub(super) fn run(self, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
        super::super::common::check_part_size(self.part_size)?;
        let earlier = stick::jobs(&self.mount)?;
        let image = Image::open(&self.image, &self.spool.options(stop))?;
        let material = ImageMaterial::prepare(image, self.part_size, stop)?;
        match material.check_boot(None, stop) {
            Err(error @ Error::WontBoot { .. }) if self.force => ui.warn(&error),
            known => known?,
        }
        if !stick::takes_marks(&self.mount) {
            ui.warn(format_args!(
                "{} isn't FAT: U-Boot can't leave its mark there, so a board would flash itself at every start",
                self.mount.display()
            ));
        }
        for job in &earlier {
            let boards = if job.boards.is_empty() { "no board".to_owned() } else { job.boards.join(" ") };
            ui.say(format_args!("job {} is replaced; done with it: {boards}", job.job));
        }
        let tree = stick::put(&self.mount, &material, &self.place.card(None), stop)?;
        let (path, files) = (self.mount.join(stick::DIRECTORY), tree.files.len() + 1);
        if ui.json {
            ui.object(&json!({
                "event": "stick", "path": path, "job": tree.job, "files": files, "bytes": tree.len(),
                "steps": tree.steps.len(), "replaced": earlier, "image": material.record(),
            }));
            return Ok(());
        }
        ui.result(format_args!(
            "{} {}, job {}, {}, {}",
            path.display(),
            ui.paint(Style::Good, "written, read back and equal"),
            tree.job,
            count(files as u64, "file"),
            size(tree.len()),
        ));
        ui.say(format_args!("A board that is done leaves {}/{}/DONE-SERIAL.", path.display(), tree.job));
        Ok(())
    }
}
