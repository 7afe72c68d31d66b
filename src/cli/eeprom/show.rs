//! `piprov eeprom show`.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use sha2::{Digest, Sha256};

use super::{explain, list, model, notes, told};
use crate::beneath::open_regular;
use crate::board::Model;
use crate::cli::ui::{Style, Ui};
use crate::eeprom::files::{self, Bootloader, place};
use crate::eeprom::image::BOOTCONF;
use crate::eeprom::told::signature;
use crate::eeprom::update::usual;
use crate::eeprom::{BootOrder, Needs};
use crate::format::hex;

#[derive(Debug, Args)]
pub(super) struct Show {
    /// An image, - for standard input; or a directory or a .deb with images
    path: PathBuf,
    /// Say what the boot order means for this board: 4, 400, cm4, cm4s, 5, 500, cm5
    #[arg(long, value_name = "MODEL", value_parser = model)]
    board: Option<Model>,
}

impl Show {
    pub(super) fn run(self, ui: &Ui) -> crate::cli::Result<()> {
        let path = &self.path;
        if path.is_dir() {
            return list::directory(path, ui);
        }
        if is_package(path) {
            return list::package(path, ui);
        }
        let bytes = input(path)?;
        let one = Bootloader::new(path, bytes, Needs::default())?;
        one_image(&one, place(path).channel.map(|channel| channel.to_string()), self.board, ui);
        Ok(())
    }
}

/// Shows an image; `channel`: the one that it is given out in, where that is known.
pub(in crate::cli) fn one_image(one: &Bootloader, channel: Option<String>, board: Option<Model>, ui: &Ui) {
    let Bootloader { path, image, conf } = one;
    if ui.json {
        ui.object(&told::object(path, image, conf));
        return;
    }
    told::heading(path, image, ui);
    let word = |word: &str| ui.paint(Style::Strong, format_args!("{word:<6}"));
    ui.result(format_args!("{} {}", word("sha256"), hex(&Sha256::digest(image.bytes()))));
    let version = image.version().map(|version| format!("version {version}"));
    let channel = channel.map(|channel| format!("channel {channel}"));
    let facts: Vec<String> = version.into_iter().chain(channel).collect();
    if !facts.is_empty() {
        ui.result(format_args!("{} {}", word("build"), facts.join(", ")));
    }
    ui.result(format_args!("{} {}", word("signed"), signature(image)));
    told::partitions(image, ui);
    told::sections(image, ui);
    ui.result(ui.paint(Style::Strong, BOOTCONF));
    told::configuration(conf, ui);
    let of = board.or_else(|| usual(image.family()));
    let order = conf.order().unwrap_or(BootOrder::DEFAULT);
    explain(order, board, &order.doubts(of), ui);
    notes(&told::remarkable(path, image, conf), ui);
}

/// Whether it is a Debian package.
pub(in crate::cli) fn is_package(path: &Path) -> bool {
    let mut magic = [0; 8];
    path != Path::new("-")
        && open_regular(path).and_then(|mut file| file.read_exact(&mut magic)).is_ok()
        && magic == *b"!<arch>\n"
}

/// Reads an image that the user names; `-` is standard input.
pub(in crate::cli) fn input(path: &Path) -> Result<Vec<u8>, files::Error> {
    if path == Path::new("-") { files::read_from(std::io::stdin().lock(), path) } else { files::read(path) }
}
