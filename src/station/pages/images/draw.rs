//! How images are drawn: their states, their partitions, their chunks. Pure.

use crate::board::Model;
use crate::contents::{Contents, Sort};
use crate::format::{message, size};
use crate::station::pages::words;
use crate::station::store::Checked;
use crate::station_api::{Image, ImageState, Time};

/// The models that a list names; the page of an image names all.
const SHOWN: [Model; 7] =
    [Model::Zero2W, Model::Pi3BPlus, Model::Cm3Plus, Model::Pi4B, Model::Cm4, Model::Pi5, Model::Cm5];

/// A state by class, sign and words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct State {
    pub(super) class: &'static str,
    pub(super) sign: &'static str,
    pub(super) words: String,
}

/// How an image stands.
pub(super) fn state(
    image: &Image,
    checked: Option<Checked>,
    checking: Option<(u64, u64)>,
    now: Time,
) -> State {
    let state = |class, sign, words: String| State { class, sign, words };
    if let Some((done, all)) = checking {
        let percent = words::percent(done, all).map(|percent| format!(", {percent} %")).unwrap_or_default();
        return state("run", "◔", format!("being checked{percent}"));
    }
    match (image.state, checked) {
        (ImageState::Coming, _) => state("run", "◔", "coming in".to_owned()),
        (ImageState::Failed, _) => state("bad", "✕", "not whole".to_owned()),
        (ImageState::Damaged, Some(checked)) => {
            state("bad", "✕", format!("damaged, found {}", words::when(checked.at, now)))
        }
        (ImageState::Damaged, None) => state("bad", "✕", "damaged".to_owned()),
        (ImageState::Ready, Some(checked)) => {
            state("ok", "✓", format!("whole, checked {}", words::when(checked.at, now)))
        }
        (ImageState::Ready, None) => state("ok", "✓", "whole when it came".to_owned()),
    }
}

/// A box of a bar: 1000 wide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Box {
    pub(super) x: u64,
    pub(super) width: u64,
    pub(super) class: &'static str,
}

/// Lengths as boxes side by side. Each that isn't 0 can be seen.
pub(super) fn bar(lengths: &[(u64, &'static str)]) -> Vec<Box> {
    let lengths: Vec<_> = lengths.iter().filter(|(len, _)| *len > 0).collect();
    let all: u128 = lengths.iter().map(|(len, _)| u128::from(*len)).sum();
    let count = lengths.len() as u64;
    let (gap, least) = (6, 14);
    let room = 1000u64.saturating_sub(count.saturating_sub(1) * gap + count * least);
    let mut x = 0;
    let boxes = lengths.into_iter().map(|(len, class)| {
        let share = u64::try_from(u128::from(room) * u128::from(*len) / all.max(1)).unwrap_or(0);
        let drawn = Box { x, width: least + share, class };
        x += drawn.width + gap;
        drawn
    });
    boxes.collect()
}

/// The partitions of an image as a bar.
pub(super) fn partitions(contents: &Contents) -> Vec<Box> {
    let parts = contents.parts.iter().filter(|part| part.sort != Sort::Extended).take(16);
    let lengths: Vec<_> = parts
        .map(|part| {
            let class = match part.sort {
                Sort::Fat => "fat",
                Sort::Ext4 => "ext4",
                Sort::Swap | Sort::Other | Sort::Extended => "hollow",
            };
            (part.len, class)
        })
        .collect();
    bar(&lengths)
}

/// A model with whether it starts from an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Starts {
    pub(super) name: &'static str,
    pub(super) yes: bool,
}

/// Which of the models that people have most start from it.
pub(super) fn starts(contents: &Contents) -> Vec<Starts> {
    let Some(boots) = &contents.boots else { return Vec::new() };
    let verdicts = SHOWN.iter().filter_map(|model| boots.of(*model));
    let told =
        verdicts.filter_map(|verdict| Some(Starts { name: verdict.model.name(), yes: verdict.starts? }));
    told.collect()
}

/// The systems, in a line.
pub(super) fn systems(contents: &Contents) -> String {
    let told = contents.systems.iter().take(3).map(|system| {
        let kernel = match &system.kernels[..] {
            [] => String::new(),
            [only] => format!(", kernel {only}"),
            [first, rest @ ..] => format!(", kernel {first} and {} more", rest.len()),
        };
        format!("{}{kernel}", system.name)
    });
    let told: Vec<_> = told.collect();
    message(&told.join("; ")).into_owned()
}

/// How much of its raw bytes is stored.
pub(super) fn stored(image: &Image) -> String {
    // Most of what nothing uses is zero: the two overlap.
    match words::percent(image.zero.max(image.unused), image.raw_len) {
        Some(percent) if percent > 0 => format!("{} raw, {percent} % of it empty", size(image.raw_len)),
        _ => format!("{} raw", size(image.raw_len)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_shows_the_smallest_part_and_stays_within() {
        for lengths in [&[1, u64::MAX / 4, 1][..], &[5], &[0, 3], &[1; 16]] {
            let with: Vec<_> = lengths.iter().map(|len| (*len, "fat")).collect();
            let bar = bar(&with);
            assert_eq!(bar.len(), lengths.iter().filter(|len| **len > 0).count());
            assert!(bar.iter().all(|one| one.width >= 14));
            let end = bar.last().map_or(0, |last| last.x + last.width);
            assert!(end <= 1000 && end > 900, "{end}");
        }
        assert!(bar(&[]).is_empty());
    }
}
