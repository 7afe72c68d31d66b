//! `piprov eeprom verify`.

use std::path::{Path, PathBuf};

use clap::Args;

use super::ForBoard;
use super::show::input;
use crate::cli::findings;
use crate::cli::ui::Ui;
use crate::eeprom::check::{Beside, check};
use crate::eeprom::{Image, files};
use crate::format::json::json;

#[derive(Debug, Args)]
pub(super) struct Verify {
    /// The image, - for standard input
    image: PathBuf,
    #[command(flatten)]
    board: ForBoard,
    /// Compare with another image: what of it differs?
    ///
    /// What a board's bootloader writes by itself, such as the time of its last update, is no problem.
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// The .sig file [default: that of the image's name, where it is there]
    #[arg(long, value_name = "FILE")]
    sig: Option<PathBuf>,
}

impl Verify {
    pub(super) fn run(self, ui: &Ui) -> crate::cli::Result<()> {
        let path = &self.image;
        let read = |path: &Path| -> Result<Image, files::Error> {
            Image::parse(input(path)?).map_err(files::Error::content(path))
        };
        let image = read(path)?;
        let other = self.against.as_deref().map(read).transpose()?;
        let sig = match &self.sig {
            Some(path) => Some(files::read(path)?),
            None if path == Path::new("-") || path.extension().is_some_and(|end| end == "sig") => None,
            None => files::beside(&path.with_extension("sig"))?,
        };
        let beside = Beside { sig: sig.as_deref(), against: other.as_ref() };
        let found = check(&image, &self.board.needs(), &beside);
        let result = findings::tell(ui, &found);
        if ui.json {
            let (problems, warnings) = findings::numbers(&found);
            ui.object(
                &json!({ "event": "checked", "path": path, "problems": problems, "warnings": warnings }),
            );
        }
        result
    }
}
