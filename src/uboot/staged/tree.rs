//! Which files a job consists of when only a plain file server answers it. Pure: no file is touched here.
//!
//! The order of step N+1 lies under the path by which the board tells what it read back of step N. The right
//! checksum is the file's name, so a wrong one is not found, and the board never gets beyond a difference.

use super::Error;
use crate::image::table::BLOCK;
use crate::uboot::answer_text::{self, Word};
use crate::uboot::job::{self, BoardStage};
use crate::uboot::layout::CardInfo;
use crate::uboot::step::{Content, Known, Material, Step, step};

/// The most parts that a card of the original's kind asks for: its names end in one digit.
const MOST_PARTS: u64 = 10;

/// The kind of card that a tree is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Made by `piprov card build`.
    Piprov,
    /// Made by the original project.
    Original,
}

/// The files of one job, by their paths below the board's directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    /// The job's name in paths.
    pub job: String,
    /// Whose card it is for.
    pub kind: Kind,
    /// What the board asks for first, and what therefore appears last.
    pub first: String,
    /// The other files.
    pub files: Vec<Entry>,
    /// What `first` holds.
    pub opening: Entry,
    /// The steps' files in their order, by their paths.
    pub steps: Vec<String>,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its path below the board's directory, with slashes.
    pub path: String,
    /// What it holds. A range of the image is filled with zeros to whole blocks.
    pub content: Content,
    /// Its CRC32 with the filling; `None` where it wasn't computed.
    pub crc: Option<u32>,
}

impl Entry {
    fn bytes(path: String, bytes: Vec<u8>) -> Self {
        let crc = Some(crc32fast::hash(&bytes));
        Self { path, content: Content::Bytes(bytes.into()), crc }
    }

    /// Length in bytes, with the filling.
    #[must_use]
    pub fn len(&self) -> u64 {
        match &self.content {
            Content::Range { len, .. } => len.next_multiple_of(BLOCK),
            Content::Bytes(bytes) => bytes.len() as u64,
        }
    }

    /// Whether it holds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Tree {
    /// The tree for a card that `piprov card build` has made, with U-Boot's partition where `card` says.
    /// [`Known::NotYet`] while the image's checksums aren't all known.
    ///
    /// # Errors
    /// [`Error::Layout`] where the image doesn't fit such a card.
    pub fn piprov(id: u32, material: &dyn Material, card: &CardInfo) -> Result<Known<Self>, Error> {
        let layout = material.layout(card).map_err(|error| Error::Layout { why: error.to_string() })?;
        let job = answer_text::job_name(id);
        let mut steps: Vec<(Step, u32)> = Vec::new();
        loop {
            match step(steps.len(), &layout, material) {
                Known::NotYet => return Ok(Known::NotYet),
                Known::Is(None) => break,
                Known::Is(Some(step)) => match answer_text::expected(&step, material) {
                    Some(sum) => steps.push((step, sum)),
                    None => return Ok(Known::NotYet),
                },
            }
        }
        let order = |n: usize| match steps.get(n) {
            Some((step, _)) => answer_text::write(&job, n, step, &layout),
            None => answer_text::word(&job, Word::Done),
        };
        let mut files = vec![Entry::bytes(format!("{job}/OK"), answer_text::word(&job, Word::Done))];
        for (n, (step, sum)) in steps.iter().enumerate() {
            let path = format!("{job}/{}", step.file);
            files.push(Entry { path, content: step.content.clone(), crc: Some(*sum) });
            for sum in answer_text::spellings(*sum) {
                files.push(Entry::bytes(format!("{job}/read/{n:x}/{sum}"), order(n + 1)));
            }
            for stage in BoardStage::ALL {
                let path = format!("{job}/fail/{n:x}/{}", stage.word());
                files.push(Entry::bytes(path, answer_text::word(&job, Word::Stop)));
            }
        }
        let first = Self::opening_path(card);
        let opening = Entry::bytes(first.clone(), order(0));
        let steps = steps.iter().map(|(step, _)| format!("{job}/{}", step.file)).collect();
        Ok(Known::Is(Self { job, kind: Kind::Piprov, first, files, opening, steps }))
    }

    /// The path by which a card made by `piprov card build` asks for its job.
    #[must_use]
    pub fn opening_path(card: &CardInfo) -> String {
        format!("job/{:x}-{:x}", card.uboot_start / BLOCK, card.uboot_len / BLOCK)
    }

    /// The tree for a card of the original's kind: the image in parts of 750 MiB from byte 0.
    /// [`Known::NotYet`] while the image's length isn't known.
    ///
    /// # Errors
    /// [`Error::OriginalPartition`], [`Error::OriginalLength`] where the card's fixed addresses would ruin it.
    pub fn original(id: u32, material: &dyn Material) -> Result<Known<Self>, Error> {
        let (start, len) = material.first_partition();
        if (start, len) != job::ORIGINAL_FIRST {
            return Err(Error::OriginalPartition { start, len });
        }
        let Known::Is(raw) = material.raw_len() else { return Ok(Known::NotYet) };
        let count = raw.div_ceil(job::ORIGINAL_PART);
        if count > MOST_PARTS {
            return Err(Error::OriginalLength { len: raw, most: MOST_PARTS * job::ORIGINAL_PART });
        }
        let mut files: Vec<Entry> = (0..count)
            .map(|n| {
                let start = n * job::ORIGINAL_PART;
                let content = Content::Range { start, len: job::ORIGINAL_PART.min(raw - start) };
                Entry { path: format!("rpi_image_part_{n}"), content, crc: None }
            })
            .collect();
        let steps = files.iter().map(|file| file.path.clone()).collect();
        let opening = files.remove(0);
        let (job, kind, first) = (answer_text::job_name(id), Kind::Original, opening.path.clone());
        Ok(Known::Is(Self { job, kind, first, files, opening, steps }))
    }

    /// How many bytes its files have together.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.opening.len() + self.files.iter().map(Entry::len).sum::<u64>()
    }

    /// Whether it holds nothing, which no tree does.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
