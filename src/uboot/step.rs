//! The steps of a job, and what has to be known of an image to make them.

use std::sync::Arc;

use super::layout::{self, CardInfo, Layout};
use crate::image::table::BLOCK;

/// Something that may not be known yet: an image that is still being decompressed, a checksum under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known<T> {
    /// It is known.
    Is(T),
    /// Ask again later.
    NotYet,
}

/// What the image's side knows. A job asks it while it answers; nothing here may block.
pub trait Material: Send + Sync {
    /// How the image lies on a card with this U-Boot partition; the error says why it doesn't.
    ///
    /// # Errors
    /// Where it doesn't fit.
    fn layout(&self, card: &CardInfo) -> Result<Arc<Layout>, layout::Error>;
    /// Part `n` as offset in the image and length in bytes; `Is(None)` behind the last one.
    fn part(&self, n: usize) -> Known<Option<(u64, u64)>>;
    /// The CRC32 of part `n`, padded with zeros to whole blocks.
    fn part_crc(&self, n: usize) -> Option<u32>;
    /// Whole sectors that are to be rewritten after the parts: offset in the image, new bytes, file names.
    fn followed(&self) -> Known<Arc<[Sectors]>>;
    /// Where the image's first partition lies, and how long it is.
    fn first_partition(&self) -> (u64, u64);
    /// The image's raw length in bytes.
    fn raw_len(&self) -> Known<u64>;
    /// How many bytes of the image go onto a card, as far as that is known.
    fn total_bytes(&self) -> u64;
}

/// Sectors of the image with other content: the files in them follow the partitions' new numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sectors {
    /// Offset in the image, a multiple of 512.
    pub offset: u64,
    /// The new bytes, whole sectors.
    pub bytes: Arc<[u8]>,
    /// The file that it is about, for people.
    pub file: String,
}

/// Where a step's bytes come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A range of the image, padded with zeros to whole blocks.
    Range {
        /// Offset in the image.
        start: u64,
        /// Length in bytes.
        len: u64,
    },
    /// Made up by the host.
    Bytes(Arc<[u8]>),
}

/// One step of a job: some bytes to be written to one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The file's name below the job's directory.
    pub file: String,
    /// What it is, for people: `part 1`, `cmdline.txt`, `partition table`.
    pub label: String,
    /// Byte offset on the card.
    pub target: u64,
    /// The bytes.
    pub content: Content,
    /// Which part of the image it is, where it is one.
    pub part: Option<usize>,
}

impl Step {
    /// Length on the card in bytes: whole blocks.
    #[must_use]
    pub fn len(&self) -> u64 {
        match &self.content {
            Content::Range { len, .. } => len.next_multiple_of(BLOCK),
            Content::Bytes(bytes) => bytes.len() as u64,
        }
    }

    /// No step is empty; here for the sake of convention.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Step `n` of a job: the table that holds only U-Boot's partition first, then the parts, then the files
/// that follow the new numbers, and the real table last.
pub(super) fn step(n: usize, layout: &Layout, material: &dyn Material) -> Known<Option<Step>> {
    let Some(mut n) = n.checked_sub(1) else {
        return Known::Is(Some(Step {
            file: "table_boot".to_owned(),
            label: "table without the system".to_owned(),
            target: 0,
            content: Content::Bytes(layout.boot_table.clone().into()),
            part: None,
        }));
    };
    // The parts' number is known only when the image's length is; walk to the end once per question.
    let parts = match material.part(n) {
        Known::NotYet => return Known::NotYet,
        Known::Is(Some((start, len))) => {
            return Known::Is(Some(Step {
                file: format!("rpi_image_part_{n}"),
                label: format!("part {}", n + 1),
                target: start + layout.shift,
                content: Content::Range { start, len },
                part: Some(n),
            }));
        }
        Known::Is(None) => (0..=n).rev().find(|n| matches!(material.part(*n), Known::Is(Some(_)))),
    };
    n -= parts.map_or(0, |last| last + 1);
    let Known::Is(followed) = material.followed() else { return Known::NotYet };
    if let Some(sectors) = followed.get(n) {
        return Known::Is(Some(Step {
            file: format!("sectors_{n}"),
            label: sectors.file.clone(),
            target: sectors.offset + layout.shift,
            content: Content::Bytes(Arc::clone(&sectors.bytes)),
            part: None,
        }));
    }
    n -= followed.len();
    Known::Is(layout.final_table.get(n).map(|(target, bytes)| Step {
        file: format!("table_{n}"),
        label: "partition table".to_owned(),
        target: *target,
        content: Content::Bytes(bytes.clone().into()),
        part: None,
    }))
}
