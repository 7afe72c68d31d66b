//! A card that was flashed, against the image: its table, and all that the image has, in its new place and with the changes
//! that belong there.

use std::collections::BTreeSet;
use std::io::{self, Read};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::content::Content;
use super::{Error, Fit};
use crate::contents::Owners;
use crate::image::Image;
use crate::image::device::Device;
use crate::image::files::PatchedReadAt;
use crate::image::read_at::ReadAt;
use crate::image::table::{BLOCK, Table};
use crate::progress::Progress;
use crate::stop::Stop;
use crate::uboot::layout::CardInfo;

/// How much is compared at once.
const BUFFER: usize = 1 << 20;
/// How many bytes of a difference are shown.
const SHOWN: usize = 16;

/// So much is compared behind a difference that lies in no file, to find one that does.
const FURTHER: u64 = 4 << 30;

/// Names that are told.
const NAMES: usize = 8;

/// What was found on a card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OnCard {
    /// All is as it should be; so many bytes were compared.
    Equal {
        /// Bytes of the image and of the table.
        bytes: u64,
    },
    /// It isn't.
    Differs {
        /// The first difference.
        first: Box<CardDifference>,
        /// The first one in a file, where that one lies in none: what a system changes shows first in its file systems' own tables.
        in_file: Option<Box<CardDifference>>,
        /// Which files differ by their names alone, where the first difference lies in no file.
        names: Names,
    },
    /// The card ends there, and more is needed.
    Ends {
        /// Where it ends.
        at: u64,
        /// How long it has to be.
        need: u64,
    },
}

/// Files, empty ones apart, that only one of the two has: at most eight of each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// Those that the card should have.
    pub missing: Vec<String>,
    /// Those that it has, and the image hasn't.
    pub added: Vec<String>,
}

/// A difference between a card and the image that it should hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CardDifference {
    /// Offset on the card.
    pub card_offset: u64,
    /// Offset in the image; `None` in the partition table, which is the card's own.
    pub image_offset: Option<u64>,
    /// The partition that it lies in: its number on the card, and in the image.
    pub partition: Option<(u32, u32)>,
    /// The file that it lies in, in the image or else on the card, where it can be told.
    pub file: Option<String>,
    /// Up to 16 bytes that should be there.
    pub expected: Vec<u8>,
    /// What is there; as many.
    pub got: Vec<u8>,
}

/// Where U-Boot's partition is on a card, by the card's own table.
///
/// # Errors
/// [`Error::NoCard`] where its first partition isn't there, and what reading it ends with.
pub fn card_info(device: &Device) -> Result<CardInfo, Error> {
    let path = device.path();
    let file = std::fs::File::open(path).map_err(|source| os(path, "opening", source))?;
    let table = Table::read(&file).map_err(|error| error.of(path))?;
    let first = table.iter().flat_map(|table| &table.partitions).find(|partition| partition.number == 1);
    let first = first.ok_or_else(|| Error::NoCard { path: path.to_owned() })?;
    Ok(CardInfo { uboot_start: first.start, uboot_len: first.len, size: None })
}

/// Compares a card with what `image`, which lies on it as `fit` says, makes of it. What the card has beside that, U-Boot's
/// partition above all, isn't looked at. `progress` hears of the image's bytes.
///
/// # Errors
/// When one of the two can't be read, and where it is stopped.
pub fn on_card(
    image: &Image,
    fit: &Fit,
    device: &Path,
    stop: &Stop,
    progress: &dyn Progress,
) -> Result<OnCard, Error> {
    let len = Device::open(device)?.len;
    let layout = &fit.layout;
    let need = layout.final_table.iter().map(|(at, bytes)| at + bytes.len() as u64).max().unwrap_or(0);
    let need = need.max(layout.target.end);
    if len < need {
        return Ok(OnCard::Ends { at: len, need });
    }
    let content: Arc<dyn ReadAt> = Arc::new(PatchedReadAt::new(image.content(), &fit.followed.patches));
    let expected = Content::of_image(layout, Arc::clone(&content), need);
    let mut ranges: Vec<Range<u64>> =
        layout.final_table.iter().map(|(at, bytes)| *at..at + bytes.len() as u64).collect();
    ranges.push(layout.target.clone());
    let total: u64 = ranges.iter().map(|range| range.end - range.start).sum();
    let mut done = 0;
    let card: Arc<dyn ReadAt> =
        Arc::new(std::fs::File::open(device).map_err(|source| os(device, "opening", source))?);
    let mut places = Places { fit, content: &content, card: &card, owners: None };
    let mut first: Option<Box<CardDifference>> = None;
    let mut further = FURTHER;
    let (mut want, mut got) = (vec![0; BUFFER], vec![0; BUFFER]);
    'ranges: for range in ranges {
        let mut reader = Device::open(device)?.read_from(range.start)?;
        let mut at = range.start;
        while at < range.end {
            if stop.is_set() {
                return Err(crate::image::Error::Stopped.into());
            }
            let count = (range.end - at).min(BUFFER as u64) as usize;
            let (want, got) = (&mut want[..count], &mut got[..count]);
            expected
                .read_exact_at(want, at)
                .map_err(|error| crate::image::Error::os(image.path(), "reading", error))?;
            reader.read_exact(got).map_err(|source| os(device, "reading", source))?;
            for (block, (want, got)) in blocks(want).zip(blocks(got)).enumerate() {
                let Some(place) = first_difference(want, got) else { continue };
                let offset = at + block as u64 * BLOCK + place as u64;
                let file = places.file(offset);
                if first.is_some() && file.is_none() {
                    continue;
                }
                let end = (place + SHOWN).min(want.len());
                let bytes = (want[place..end].to_vec(), got[place..end].to_vec());
                let found = Box::new(places.difference(offset, file, bytes));
                // What lies in no partition has no file further on.
                let ends = found.file.is_some() || found.partition.is_none();
                match (first.take(), ends) {
                    (None, true) => {
                        return Ok(OnCard::Differs { first: found, in_file: None, names: Names::default() });
                    }
                    (None, false) => first = Some(found),
                    (Some(first), _) => {
                        let names = places.names(first.card_offset);
                        return Ok(OnCard::Differs { first, in_file: Some(found), names });
                    }
                }
            }
            if first.is_some() {
                let left = further.checked_sub(count as u64);
                let Some(left) = left else { break 'ranges };
                further = left;
            }
            at += count as u64;
            done += count as u64;
            progress.at(done, Some(total));
        }
    }
    Ok(match first {
        Some(first) => {
            let names = places.names(first.card_offset);
            OnCard::Differs { first, in_file: None, names }
        }
        None => OnCard::Equal { bytes: total },
    })
}

fn blocks(bytes: &[u8]) -> std::slice::Chunks<'_, u8> {
    bytes.chunks(BLOCK as usize)
}

fn first_difference(want: &[u8], got: &[u8]) -> Option<usize> {
    // Equality of slices is a memcmp; the place is looked for only where it fails.
    if want == got { None } else { want.iter().zip(got).position(|(want, got)| want != got) }
}

/// Where on a card something lies.
struct Places<'a> {
    fit: &'a Fit,
    content: &'a Arc<dyn ReadAt>,
    card: &'a Arc<dyn ReadAt>,
    /// The files of the partition that was asked for last, by its number in the image: as the image has them, and as the
    /// card has them, where a file that was written anew lies elsewhere.
    owners: Option<(u32, Owners, Owners)>,
}

impl Places<'_> {
    /// The offset in the image; `None` in the partition table, which is the card's own.
    fn in_image(&self, card_offset: u64) -> Option<u64> {
        let layout = &self.fit.layout;
        let mut table = layout.final_table.iter();
        let in_table = table.any(|(at, bytes)| (*at..at + bytes.len() as u64).contains(&card_offset));
        (!in_table).then(|| card_offset - layout.shift)
    }

    /// The files of the partition in which a byte of the card lies.
    fn owners(&mut self, card_offset: u64) -> Option<(u64, &Owners, &Owners)> {
        let offset = self.in_image(card_offset)?;
        let partition = self.fit.table.partition_at(offset)?;
        if self.owners.as_ref().is_none_or(|(number, ..)| *number != partition.number) {
            let mut moved = partition.clone();
            moved.start += self.fit.layout.shift;
            let (image, card) = (Owners::of(self.content, partition), Owners::of(self.card, &moved));
            self.owners = Some((partition.number, image, card));
        }
        self.owners.as_ref().map(|(_, image, card)| (offset, image, card))
    }

    /// The file that a byte of the card lies in.
    fn file(&mut self, card_offset: u64) -> Option<String> {
        let (offset, image, card) = self.owners(card_offset)?;
        image.at(offset).or_else(|| card.at(card_offset)).map(str::to_owned)
    }

    /// Which files of a partition only the image has, or only the card.
    fn names(&mut self, card_offset: u64) -> Names {
        let Some((_, image, card)) = self.owners(card_offset) else { return Names::default() };
        let only = |these: &Owners, those: &Owners| {
            let there: BTreeSet<&String> = those.paths().iter().collect();
            let mut only: Vec<String> =
                these.paths().iter().filter(|path| !there.contains(path)).cloned().collect();
            only.sort_unstable();
            only.truncate(NAMES);
            only
        };
        // Of a file system that can't be read, nothing is known.
        if card.paths().is_empty() {
            return Names::default();
        }
        Names { missing: only(image, card), added: only(card, image) }
    }

    /// What there is to say of a difference.
    fn difference(
        &self,
        card_offset: u64,
        file: Option<String>,
        (expected, got): (Vec<u8>, Vec<u8>),
    ) -> CardDifference {
        let image_offset = self.in_image(card_offset);
        let partition = image_offset.and_then(|offset| {
            let old = self.fit.table.partition_at(offset)?;
            let moved = self.fit.layout.partitions.iter().find(|moved| moved.old.number == old.number)?;
            Some((moved.number, old.number))
        });
        CardDifference { card_offset, image_offset, partition, file, expected, got }
    }
}

fn os(path: &Path, doing: &'static str, source: io::Error) -> Error {
    Error::Os { path: path.to_owned(), doing, source }
}
