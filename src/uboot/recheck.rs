//! Compares what a board reported, long after the flash, with an image: every checksum in the record is computed
//! again from the image itself.

use std::time::Duration;

use super::layout::CardInfo;
use super::material::ImageMaterial;
use super::record::{Flash, StepRecord};
use super::step::{Content, Known, Material, Step, step};
use crate::image::table::BLOCK;
use crate::run::{Ending, Record};
use crate::stop::Stop;

/// How often something that isn't known yet is looked at again.
const LOOK: Duration = Duration::from_millis(20);

/// What the comparison found.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "result", rename_all = "kebab-case")]
pub enum Recheck {
    /// The board read back exactly what this image makes.
    Equal {
        /// How many pieces were compared.
        pieces: usize,
        /// How many bytes they have.
        bytes: u64,
    },
    /// It didn't: the first difference.
    Differs {
        /// A sentence.
        what: String,
        /// Offset on the card, where there is one.
        card_offset: Option<u64>,
    },
    /// The report is of a flash that wasn't proved.
    NotProved {
        /// How it ended.
        why: String,
    },
    /// The image can't be laid out on the card that the report names, or the comparison was interrupted.
    Impossible {
        /// A sentence.
        why: String,
    },
}

/// The size of the parts that a run was made of; `None` where it got no part, or one that no part can have.
#[must_use]
pub fn part_size(flash: &Flash) -> Option<u64> {
    let part = flash.steps.iter().find(|step| step.image_offset.is_some())?;
    Some(part.bytes).filter(|bytes| *bytes > 0 && bytes.is_multiple_of(BLOCK))
}

/// Compares. `material` has to be prepared with [`part_size`] of the run.
#[must_use]
pub fn recheck((run, flash): (&Record, &Flash), material: &ImageMaterial, stop: &Stop) -> Recheck {
    match &run.ending {
        Ending::Done { .. } => {}
        Ending::NotVerified { why, .. } => return Recheck::NotProved { why: why.clone() },
        Ending::Failed { why, .. } | Ending::Lost { why, .. } => {
            return Recheck::NotProved { why: format!("the flash failed in {}: {why}", run.stage) };
        }
        Ending::Unfinished => {
            return Recheck::NotProved { why: format!("the flash was cut off in {}", run.stage) };
        }
    }
    if let Some(set) = &flash.image.first_boot {
        let why = format!(
            "first-boot settings were written into that board's image ({}), which this image hasn't",
            set.keys.join(", ")
        );
        return Recheck::Impossible { why };
    }
    let Some(card) = flash.card else {
        return Recheck::NotProved { why: "the report names no card".to_owned() };
    };
    let info = CardInfo { uboot_start: card.uboot_start, uboot_len: card.uboot_len, size: None };
    let layout = match material.layout(&info) {
        Ok(layout) => layout,
        Err(error) => return Recheck::Impossible { why: error.to_string() },
    };
    let mut bytes = 0;
    for n in 0.. {
        let expected = loop {
            if let Some(error) = material.failure() {
                return Recheck::Impossible { why: error.to_string() };
            }
            match known(n, &layout, material) {
                Known::Is(expected) => break expected,
                Known::NotYet if stop.wait(LOOK) => {
                    return Recheck::Impossible { why: "interrupted".to_owned() };
                }
                Known::NotYet => {}
            }
        };
        match (expected, flash.steps.get(n)) {
            (None, None) => return Recheck::Equal { pieces: n, bytes },
            (Some((step, crc)), Some(reported)) => {
                if let Some(what) = difference(&step, crc, reported) {
                    return Recheck::Differs { what, card_offset: Some(reported.card_offset) };
                }
                bytes += step.len();
            }
            (Some((step, _)), None) => {
                let what = format!("the report lacks {}", step.label);
                return Recheck::Differs { what, card_offset: Some(step.target) };
            }
            (None, Some(reported)) => {
                let what = format!("the report has {} beyond the image", reported.label);
                return Recheck::Differs { what, card_offset: Some(reported.card_offset) };
            }
        }
    }
    Recheck::Impossible { why: "a report without end".to_owned() }
}

/// Step `n` with its checksum, once both are known.
fn known(n: usize, layout: &super::layout::Layout, material: &ImageMaterial) -> Known<Option<(Step, u32)>> {
    match step(n, layout, material) {
        Known::NotYet => Known::NotYet,
        Known::Is(None) => Known::Is(None),
        Known::Is(Some(step)) => {
            let crc = match (&step.content, step.part) {
                (Content::Bytes(bytes), _) => Some(crc32fast::hash(bytes)),
                (Content::Range { .. }, Some(part)) => material.part_crc(part),
                (Content::Range { .. }, None) => None,
            };
            crc.map_or(Known::NotYet, |crc| Known::Is(Some((step, crc))))
        }
    }
}

fn difference(step: &Step, crc: u32, reported: &StepRecord) -> Option<String> {
    let crc = format!("{crc:08x}");
    if (step.target, step.len()) != (reported.card_offset, reported.bytes) {
        return Some(format!(
            "{}: the image puts {} bytes at {}, the board had {} bytes at {}",
            step.label,
            step.len(),
            step.target,
            reported.bytes,
            reported.card_offset
        ));
    }
    (crc != reported.crc32)
        .then(|| format!("{}: the board read back crc32 {}, the image has {crc}", step.label, reported.crc32))
}
