//! `piprov eeprom recovery`.

use std::path::PathBuf;

use clap::Args;

use super::show::input;
use super::{ForBoard, now};
use crate::cli::ui::{Style, Ui};
use crate::eeprom::files::{self, Bootloader};
use crate::eeprom::recovery;
use crate::format::json::json;
use crate::format::size;

#[derive(Debug, Args)]
pub(super) struct Recovery {
    /// The image that the board is to get, - for standard input
    image: PathBuf,
    /// Raspberry Pi's recovery.bin for the board's chip
    ///
    /// Its package rpi-eeprom has it beside the images.
    #[arg(long, value_name = "FILE")]
    program: PathBuf,
    /// The new directory
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    #[command(flatten)]
    board: ForBoard,
}

impl Recovery {
    pub(super) fn run(self, ui: &Ui) -> crate::cli::Result<()> {
        let chosen = Bootloader::to_write(&self.image, input(&self.image)?, self.board.needs())?;
        let program = files::read(&self.program)?;
        let wrong = |source| files::Error::Program { path: self.program.clone(), source };
        let files = recovery::files(&chosen.image, &program, now()?).map_err(wrong)?;
        files::make(&self.output, &files)?;
        if ui.json {
            let names: Vec<_> = files.iter().map(|(name, _)| *name).collect();
            let image = &chosen.image;
            ui.object(&json!({
                "event": "wrote", "output": self.output, "family": image.family(), "built": image.built(), "files": names,
            }));
            return Ok(());
        }
        let wrote = ui.paint(Style::Good, "wrote");
        ui.result(format_args!("{wrote} {}, read back and equal", self.output.display()));
        for (name, bytes) in &files {
            ui.result(format_args!("    {name:<14} {}", size(bytes.len() as u64)));
        }
        ui.say(format_args!(
            "`piprov usbboot -d {}` gives it to a board in USB boot, which writes its EEPROM and starts again. \
             Nothing reads the EEPROM back on this way: look at the version that the board tells afterwards.",
            self.output.display()
        ));
        Ok(())
    }
}
