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
use crate::eeprom::update::usual;
use crate::eeprom::{BootOrder, Image, Needs};
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
        let Bootloader { image, conf, .. } = &Bootloader::new(path, bytes, Needs::default())?;
        if ui.json {
            ui.object(&told::object(path, image, conf));
            return Ok(());
        }
        told::heading(path, image, ui);
        let word = |word: &str| ui.paint(Style::Strong, format_args!("{word:<6}"));
        ui.result(format_args!("{} {}", word("sha256"), hex(&Sha256::digest(image.bytes()))));
        let version = image.version().map(|version| format!("version {version}"));
        let channel = place(path).channel.map(|channel| format!("channel {channel}"));
        let facts: Vec<String> = version.into_iter().chain(channel).collect();
        if !facts.is_empty() {
            ui.result(format_args!("{} {}", word("build"), facts.join(", ")));
        }
        ui.result(format_args!("{} {}", word("signed"), signed(image)));
        told::partitions(image, ui);
        told::sections(image, ui);
        ui.result(ui.paint(Style::Strong, BOOTCONF));
        told::configuration(conf, ui);
        let board = self.board.or_else(|| usual(image.family()));
        let order = conf.order().unwrap_or(BootOrder::DEFAULT);
        explain(order, self.board, &order.doubts(board), ui);
        notes(&told::remarkable(path, image, conf), ui);
        Ok(())
    }
}

/// What a signature in an image means.
fn signed(image: &Image) -> String {
    let hash =
        image.key_hash().map_or_else(String::new, |hash| format!(" (hash in the OTP: {})", hex(&hash)));
    let mut text = match (image.is_signed(), image.has_key()) {
        (true, true) => {
            format!("yes, with the key in it{hash}: bootconf.txt can't be changed without that key")
        }
        (true, false) => "bootconf.txt is, but there is no public key in the image".to_owned(),
        (false, true) => format!("no, but there is a public key in it{hash}"),
        (false, false) => "no: for boards without a key burned in".to_owned(),
    };
    if image.is_counter_signed() {
        text.push_str(
            "; its bootcode is signed by a customer, so only boards with that key burned in start it",
        );
    }
    text
}

/// Whether it is a Debian package.
fn is_package(path: &Path) -> bool {
    let mut magic = [0; 8];
    path != Path::new("-")
        && open_regular(path).and_then(|mut file| file.read_exact(&mut magic)).is_ok()
        && magic == *b"!<arch>\n"
}

/// Reads an image that the user names; `-` is standard input.
pub(super) fn input(path: &Path) -> Result<Vec<u8>, files::Error> {
    if path == Path::new("-") { files::read_from(std::io::stdin().lock(), path) } else { files::read(path) }
}
