//! The two partitions of an A/B image beside each other.

use super::{BOOTCONF, File, Image, PADDING, Part, Section};

/// What partition B of an A/B image is beside A.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "b", rename_all = "kebab-case")]
pub enum Other<'a> {
    /// There is nothing in it, as in an image that is published.
    Empty,
    /// It is equal to A.
    Same,
    /// It isn't, as after an update in the field.
    Different {
        /// The files that differ, or that only one of them has, in their order.
        files: Vec<&'a str>,
        /// Whether what is no file differs: the bootloader itself.
        firmware: bool,
    },
}

impl Image {
    /// What partition B is beside A; `None` where the image has no partitions.
    #[must_use]
    pub fn other(&self) -> Option<Other<'_>> {
        if !self.is_ab() {
            return None;
        }
        if self.part(Part::B).next().is_none() {
            return Some(Other::Empty);
        }
        let mut files: Vec<&str> = Vec::new();
        for file in self.files().filter(|file| file.part != Part::Whole) {
            let is_in = |part| self.files().any(|other| other.part == part && is_equal(&other, &file));
            let equal = is_in(Part::A) && is_in(Part::B);
            if !equal && !files.contains(&file.name) {
                files.push(file.name);
            }
        }
        let opaque = |part| {
            let sections =
                self.part(part).filter(|section| super::flash::name(&self.bytes, section).is_none());
            sections.map(|section| {
                (section.magic, &self.bytes[section.offset..][..section.length + super::HEADER])
            })
        };
        let firmware = !opaque(Part::A).eq(opaque(Part::B));
        Some(if files.is_empty() && !firmware { Other::Same } else { Other::Different { files, firmware } })
    }

    /// Partition B's configuration, where B has one. It may be no text: what isn't comes out as a replacement sign.
    #[must_use]
    pub fn bootconf_of_b(&self) -> Option<String> {
        let file = self.files().find(|file| file.part == Part::B && file.name == BOOTCONF)?;
        Some(String::from_utf8_lossy(file.content).into_owned())
    }

    /// What is in a part, without padding.
    fn part(&self, part: Part) -> impl Iterator<Item = &Section> {
        self.sections.iter().filter(move |section| section.part == part && section.magic != PADDING)
    }
}

fn is_equal(one: &File<'_>, other: &File<'_>) -> bool {
    one.name == other.name && one.content == other.content
}
