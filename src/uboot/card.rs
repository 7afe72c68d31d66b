//! A recovery card as a file: partition table, U-Boot's FAT volume, and an image's partitions behind it.
//! Made without root, loop devices or other programs, and read back before it gets its name.

mod collect;
mod compare;
mod content;
mod error;
mod settings;
mod write;

use std::sync::Arc;

pub use collect::{Copied, read_directory};
pub use compare::{CardDifference, Names, OnCard, card_info, on_card};
pub use error::Error;
pub use settings::Settings;
pub use write::{Built, check_name};

use super::booting::{self, Booting};
use super::layout::{self, CardInfo, Layout};
use super::script_image;
use crate::contents::forecast::Answers;
use crate::image::Image;
use crate::image::fat::{self, Tree};
use crate::image::files::{self, Followed};
use crate::image::own_len::needed;
use crate::image::read_at::ReadAt;
use crate::image::table::{Table, is_iso9660};

/// The script that U-Boot runs on every start.
pub const BOOT_SCRIPT: &str = include_str!("../../firmware/uboot/boot.cmd");

/// The names under which U-Boot looks for the script: older builds for the first, newer ones for both.
const SCRIPT_NAMES: [&str; 2] = ["boot.scr.uimg", "boot.scr"];

/// What a card is to be made of.
#[derive(Debug, Clone, Default)]
pub struct CardOptions {
    /// U-Boot's partition, and the length of the card's file where it is not the shortest possible.
    pub card: CardInfo,
    /// What the board is told in `env.txt`.
    pub settings: Settings,
    /// Times in file system and script, in seconds since 1970; 0 where the same input is to give the same bytes.
    pub time: u64,
}

/// How an image goes onto a card: everything that is known before a byte is written.
#[derive(Debug, Clone)]
pub struct Fit {
    /// The image's table.
    pub table: Table,
    /// Where everything goes.
    pub layout: Layout,
    /// What in the image follows its partitions to their new numbers.
    pub followed: Followed,
    /// How it boots.
    pub answers: Answers,
}

impl Fit {
    /// Looks whether and how `image` fits. A compressed image is read to its end, where that isn't known beforehand.
    ///
    /// # Errors
    /// When there is no table, when it doesn't fit, and when the image can't be read.
    pub fn new(image: &Image, card: &CardInfo) -> Result<Self, Error> {
        let no_table = || match is_iso9660(&*image.content()) {
            true => Error::Iso { path: image.path().to_owned() },
            false => Error::NoTable { path: image.path().to_owned() },
        };
        let table = image.table()?.ok_or_else(no_table)?;
        let os = |error| crate::image::Error::os(image.path(), "reading the files in it", error);
        let content = image.content();
        let mut len = image.raw_len();
        let needed = match table.last() {
            // Where the file system in it ends counts, if the image is shorter than its table says.
            Some(last) if len.is_none_or(|len| len < last.end()) => needed(&*content, last).map_err(os)?,
            _ => None,
        };
        let plan = |len| {
            layout::plan_within(&table, len, needed, card)
                .map_err(|error| Error::Layout { path: image.path().to_owned(), error })
        };
        let mut layout = plan(len)?;
        if len.is_none() {
            // Whether all of it is there shows only at its end.
            len = Some(content.size().map_err(os)?);
            layout = plan(len)?;
        }
        layout.notes.extend(image.note());
        layout.notes.extend(booting::dropped(&content, &table).map_err(os)?);
        let names = layout.names();
        let booting = Booting::of(&content, &table, &names).map_err(os)?;
        let mut followed = files::follow_with(&content, &table, &names, &booting.arguments()).map_err(os)?;
        followed.patches.extend(booting.patches);
        Ok(Self { table, layout, followed, answers: booting.answers })
    }
}

/// A card that is ready to be written.
pub struct Card {
    /// How the image lies on it.
    pub fit: Fit,
    /// The files of U-Boot's partition.
    pub files: Tree,
    /// Which of them come out of the image.
    pub copied: Copied,
    /// What the user should know, each a sentence.
    pub notes: Vec<String>,
    /// Length of the file in bytes.
    pub len: u64,
    /// Whether it holds a secret.
    private: bool,
    volume: fat::Volume,
    image: Arc<dyn ReadAt>,
    image_path: std::path::PathBuf,
}

impl Card {
    /// Puts together what goes onto the card: `image` behind U-Boot's partition with `files`, to which boot
    /// script, `env.txt` and, where a Pi needs them and they are missing, the image's device trees are added.
    ///
    /// # Errors
    /// When something doesn't fit, and when the image can't be read.
    pub fn new(image: &Image, mut files: Tree, options: &CardOptions) -> Result<Self, Error> {
        let fit = Fit::new(image, &options.card)?;
        let mut notes = Vec::new();
        if files.get("config.txt").is_none() && files.get("u-boot.bin").is_none() {
            notes.push(
                "Neither config.txt nor u-boot.bin is among the files for U-Boot's partition: no Raspberry \
                 Pi starts from this card."
                    .to_owned(),
            );
        }
        let copied = collect::complete(&mut files, image, &fit.table)?;
        notes.extend(copied.notes.iter().cloned());
        if fit.answers.card.is_hopeless() {
            let why = &fit.answers.card.why;
            notes.push(format!(
                "The card's bytes will be right, but it won't boot this image, because {why}."
            ));
        }

        let time = u32::try_from(options.time).unwrap_or(u32::MAX);
        let script = script_image::wrap(BOOT_SCRIPT, "piprov recovery card", time);
        for name in SCRIPT_NAMES {
            if files.get(name).is_some_and(|there| there != script) {
                notes.push(format!("{name} is replaced by piprov's own."));
            }
            files.put(name, script.clone());
        }
        if let Some(text) = options.settings.env_txt() {
            if files.get("env.txt").is_some_and(|there| there != text.as_bytes()) {
                notes.push("env.txt is replaced by one with the addresses given here.".to_owned());
            }
            files.put("env.txt", text.into_bytes());
        }
        let volume = fat::Volume {
            len: options.card.uboot_len,
            start: options.card.uboot_start,
            label: "PIPROV",
            serial: serial(&files),
            time: options.time,
        };
        // A volume that can't be written is known before anything is.
        fat::write(&volume, &files, |_, _| Ok(())).map_err(Error::Volume)?;
        let len = options.card.size.unwrap_or(fit.layout.card_len).max(fit.layout.card_len);
        Ok(Self {
            fit,
            files,
            copied,
            notes,
            len,
            private: options.settings.secret.is_some(),
            volume,
            image: image.content(),
            image_path: image.path().to_owned(),
        })
    }
}

/// A serial number that is the same for the same files.
fn serial(files: &Tree) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    for (path, contents) in files.files() {
        hasher.update(path.as_bytes());
        hasher.update(contents);
    }
    hasher.finalize()
}
