//! An image as boards are given it: its table, its parts with their checksums as they become known, and the files
//! that follow the partitions' new numbers. Everything that takes time happens on threads of its own, so that a
//! board can be reset at once and finds an answer whenever it asks.

use std::ops::Range;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::booting::{self, Booting};
use super::layout::{self, CardInfo, Layout};
use super::record::ImageRecord;
use super::step::{Known, Material, Sectors};
use crate::contents::forecast::Answers;
use crate::error::{Explain, Kind, Knob, Remedy, remedy};
use crate::format::hex;
use crate::image::parts::Parts;
use crate::image::pass::Pass;
use crate::image::read_at::ReadAt;
use crate::image::table::is_iso9660;
use crate::image::table::{Scheme, Table};
use crate::image::{self, Image, files, own_len};
use crate::run::FirstBoot;
use crate::stop::{Stop, Waker};

/// How often it is looked whether something is known.
const STEP: Duration = Duration::from_millis(10);
/// How long is waited for what is read beside a pass that has failed.
const AFTER_FAILURE: Duration = Duration::from_secs(2);

/// Why an image can't be flashed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The image can't be read, or is damaged.
    #[error(transparent)]
    Image(#[from] image::Error),
    /// It has no partition table.
    #[error("{name} has no partition table")]
    NoTable {
        /// The image.
        name: String,
    },
    /// It is an image of an optical disk.
    #[error("{name} is an ISO 9660 image, for optical disks and PCs, and no image of an SD card")]
    Iso {
        /// The image.
        name: String,
    },
    /// It doesn't fit a recovery card.
    #[error("{name}: {source}")]
    Layout {
        /// The image.
        name: String,
        /// Why.
        source: layout::Error,
    },
    /// Looking for the files that name partitions failed.
    #[error("{name}: reading the files that name partitions: {source}")]
    Files {
        /// The image.
        name: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// It can be flashed, but the card's U-Boot won't start it.
    #[error("{name}: the bytes will be right, but this card won't boot it, because {why}")]
    WontBoot {
        /// The image.
        name: String,
        /// Why, as the end of the sentence.
        why: String,
    },
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Image(error) => error.kind(),
            Self::Layout { source, .. } => source.kind(),
            Self::NoTable { .. } | Self::Iso { .. } | Self::WontBoot { .. } => Kind::BadData,
            Self::Files { source, .. } => Kind::of_io(source),
        }
    }

    fn hint(&self) -> Option<Remedy> {
        match self {
            Self::Image(error) => error.hint(),
            Self::Layout { source, .. } => source.hint(),
            Self::NoTable { .. } => {
                Some("an image of a whole disk is needed, not one of a single partition.".into())
            }
            Self::Files { .. } => None,
            Self::Iso { .. } => {
                Some("take the publisher's image for a Raspberry Pi, or for arm64 SD cards".into())
            }
            Self::WontBoot { .. } => {
                Some(remedy!["give ", Knob::Force, " where the bytes alone are wanted."])
            }
        }
    }
}

/// An image that is being flashed.
pub struct ImageMaterial {
    image: Image,
    first_boot: Option<FirstBoot>,
    content: Arc<Noting>,
    table: Table,
    part_size: u64,
    /// First byte of the image's first partition.
    start: u64,
    /// First byte behind its last partition.
    end: u64,
    pass: Pass,
    /// What is odd about its table.
    of_table: Vec<String>,
    /// Where the file system in its last partition says that it ends, once that place is there.
    known_end: OnceLock<Option<u64>>,
    booting: OnceLock<std::io::Result<Booting>>,
    followed: OnceLock<Result<Follow, Arc<Error>>>,
    wakers: Arc<Mutex<Vec<Waker>>>,
}

/// The image's bytes, and why reading them failed first: a board is told only that its fetch did.
struct Noting {
    path: std::path::PathBuf,
    base: Arc<dyn ReadAt>,
    first: OnceLock<image::Error>,
}

impl Noting {
    fn first_error(&self) -> Option<image::Error> {
        self.first.get().cloned()
    }
}

impl ReadAt for Noting {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> std::io::Result<usize> {
        self.base.read_at(buf, offset).map_err(|error| {
            let told = image::Error::os(&self.path, format!("reading at byte {offset}"), error);
            // Who stopped the program knows why.
            if !matches!(told, image::Error::Stopped) {
                self.first.get_or_init(|| told.clone());
            }
            told.into()
        })
    }

    fn size(&self) -> std::io::Result<u64> {
        self.base.size()
    }

    fn available(&self) -> u64 {
        self.base.available()
    }
}

/// What follows the partitions' new numbers.
struct Follow {
    sectors: Arc<[Sectors]>,
    notes: Vec<String>,
}

impl ImageMaterial {
    /// Reads the image's table, sees that it fits a recovery card, and starts what takes longer. Returns in
    /// milliseconds, whatever the image's size.
    ///
    /// # Errors
    /// When the image has no table or can't lie on a recovery card.
    pub fn prepare(image: Image, part_size: u64, stop: &Stop) -> Result<Arc<Self>, Error> {
        Self::prepare_with(image, part_size, None, stop)
    }

    /// The same of an image into which first-boot settings were written.
    ///
    /// # Errors
    /// As [`Self::prepare`].
    pub fn prepare_with(
        image: Image,
        part_size: u64,
        first_boot: Option<FirstBoot>,
        stop: &Stop,
    ) -> Result<Arc<Self>, Error> {
        let name = image.name();
        let no_table = || match is_iso9660(&*image.content()) {
            true => Error::Iso { name: name.clone() },
            false => Error::NoTable { name: name.clone() },
        };
        let table = image.table()?.ok_or_else(no_table)?;
        let known_end = OnceLock::new();
        // An image that is known to end inside its last partition: what counts is where the file system there ends.
        if let (Some(len), Some(last)) = (image.raw_len(), table.last())
            && len < last.end()
        {
            let needed = own_len::needed(&*image.content(), last);
            let os = |error| image::Error::os(image.path(), "reading its last partition", error);
            let _ = known_end.set(needed.map_err(os)?);
        }
        let needed = known_end.get().copied().flatten();
        let layout = layout::plan_within(&table, image.raw_len(), needed, &CardInfo::default())
            .map_err(|source| Error::Layout { name, source })?;
        let wakers: Arc<Mutex<Vec<Waker>>> = Arc::default();
        let wake = Arc::clone(&wakers);
        let parts = match table.scheme {
            // What lies behind the last partition is part of an MBR image and not of a GPT one.
            Scheme::Mbr { .. } => Parts::Every { skip: layout.source.start, size: part_size },
            Scheme::Gpt { .. } => Parts::Ranges(ranges(&layout.source, part_size)),
        };
        let pass = Pass::start(&image, parts, stop, Box::new(move || poke(&wake)))?;
        let material = Arc::new(Self {
            content: Arc::new(Noting {
                path: image.path().to_owned(),
                base: image.content(),
                first: OnceLock::new(),
            }),
            image,
            first_boot,
            table,
            part_size,
            start: layout.source.start,
            end: layout.source.end,
            pass,
            of_table: layout.notes.clone(),
            known_end,
            booting: OnceLock::new(),
            followed: OnceLock::new(),
            wakers,
        });
        let follower = Arc::clone(&material);
        std::thread::spawn(move || follower.follow(&layout));
        Ok(material)
    }

    /// Wakes these loops whenever something becomes known, and no longer those that were named before.
    pub fn on_progress(&self, wakers: Vec<Waker>) {
        *self.wakers.lock().unwrap_or_else(PoisonError::into_inner) = wakers;
        poke(&self.wakers);
    }

    /// The image.
    #[must_use]
    pub fn image(&self) -> &Image {
        &self.image
    }

    /// Its partition table.
    #[must_use]
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// Its raw bytes.
    #[must_use]
    pub fn content(&self) -> Arc<dyn ReadAt> {
        Arc::clone(&self.content) as Arc<dyn ReadAt>
    }

    /// The size of a part in bytes; the last one may be shorter.
    #[must_use]
    pub fn part_size(&self) -> u64 {
        self.part_size
    }

    /// How many parts it has, as far as is known.
    #[must_use]
    pub fn parts(&self) -> usize {
        usize::try_from(self.total_bytes().div_ceil(self.part_size)).unwrap_or(usize::MAX)
    }

    /// What is not as it should be about the image, as far as it is known without waiting: of its table at once, of the
    /// files that name partitions after [`Self::settle`].
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = self.of_table.clone();
        warnings.extend(self.image.note());
        if let Some(Ok(follow)) = self.followed.get() {
            warnings.extend(follow.notes.iter().cloned());
        }
        warnings
    }

    /// Waits until the files that name partitions are read, at most so long: an image that unpacks slowly may take
    /// minutes to come so far, and no board needs to wait for warnings.
    pub fn settle(&self, limit: Duration, stop: &Stop) {
        self.wait_for(Some(limit), stop, || self.followed.get().is_some());
    }

    /// Waits until it is known how the image boots, that is until its boot partition is there; at most so long, or
    /// not beyond `stop`. `None`: it isn't known yet, or can't be, since the image can't be read.
    pub fn answers(&self, limit: Option<Duration>, stop: &Stop) -> Option<&Answers> {
        self.wait_for(limit, stop, || self.booting.get().is_some());
        Some(&self.booting.get()?.as_ref().ok()?.answers)
    }

    /// Looks whether the card's U-Boot starts the image. Waits as [`Self::answers`] does.
    ///
    /// # Errors
    /// [`Error::WontBoot`] where it is known that it doesn't, and what reading the image ended with where it ends before that
    /// is known.
    pub fn check_boot(&self, limit: Option<Duration>, stop: &Stop) -> Result<(), Error> {
        match self.answers(limit, stop) {
            Some(answers) if answers.card.is_hopeless() => {
                Err(Error::WontBoot { name: self.image.name(), why: answers.card.why.clone() })
            }
            Some(_) => Ok(()),
            None => match self.booting.get() {
                // What the image's own stream says is told as such.
                Some(Err(error)) => {
                    match error.get_ref().and_then(|inner| inner.downcast_ref::<image::Error>()) {
                        Some(inner) => Err(Error::Image(inner.clone())),
                        None => {
                            let source = std::io::Error::new(error.kind(), error.to_string());
                            Err(Error::Files { name: self.image.name(), source })
                        }
                    }
                }
                _ => Ok(()),
            },
        }
    }

    fn wait_for(&self, limit: Option<Duration>, stop: &Stop, known: impl Fn() -> bool) {
        let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
        // Where the image can't be read to its end, what can be known is known a moment later.
        let mut patience = AFTER_FAILURE;
        while !known() && deadline.is_none_or(|deadline| Instant::now() < deadline) {
            if matches!(self.pass.ended(), Some(Err(_))) {
                patience = patience.saturating_sub(STEP);
            }
            if patience.is_zero() || stop.wait(STEP) {
                break;
            }
        }
    }

    /// Why the image can't be flashed after all, once that is known: damage shows only where it is reached.
    #[must_use]
    pub fn failure(&self) -> Option<Arc<Error>> {
        // What the host can't read, or has changed, is no fault of a board or its card.
        if self.image.has_changed() {
            let path = self.image.path().to_owned();
            return Some(Arc::new(Error::Image(image::Error::Changed { path })));
        }
        if let Some(error) = self.content.first_error() {
            return Some(Arc::new(Error::Image(error)));
        }
        match (self.pass.ended()?, self.followed.get()) {
            (Err(error), _) => Some(Arc::new(Error::Image(error))),
            // Damage in the image has been told better by the pass.
            (Ok(_), Some(Err(error))) => Some(Arc::clone(error)),
            (Ok(_), _) => None,
        }
    }

    /// What the record says about the image. The digests are there only if the pass has come to its end.
    #[must_use]
    pub fn record(&self) -> ImageRecord {
        let digests = self.pass.ended().and_then(Result::ok);
        ImageRecord {
            name: self.image.name(),
            format: self.image.format().to_string(),
            raw_len: self.image.raw_len(),
            file_sha256: digests.as_ref().map(|digests| hex(&digests.file_sha256)),
            raw_sha256: digests.as_ref().map(|digests| hex(&digests.raw_sha256)),
            first_boot: self.first_boot.clone(),
        }
    }

    /// Waits until the whole image went by, so that its digests are known; not beyond `stop`.
    pub fn finish(&self, stop: &Stop) {
        while !stop.is_set() && !self.pass.wait_for(Duration::from_millis(100)) {}
    }

    /// Where the data ends, once that is known for sure.
    fn data_end(&self) -> Option<u64> {
        match self.table.scheme {
            Scheme::Gpt { .. } => Some(self.end),
            Scheme::Mbr { .. } => self.image.raw_len(),
        }
    }

    /// Where the file system in the last partition ends. Never waits: `None` also where it isn't there yet.
    fn needed(&self) -> Option<u64> {
        if let Some(known) = self.known_end.get() {
            return *known;
        }
        let last = self.table.last()?;
        let there = self.content.available() >= last.start.saturating_add(own_len::HEAD);
        if !there && !matches!(self.pass.ended(), Some(Ok(_))) {
            return None;
        }
        *self.known_end.get_or_init(|| own_len::needed(&*self.content, last).ok().flatten())
    }

    /// Up to here the image's bytes come for sure: one that is still being unpacked may end inside its last partition.
    fn sure_end(&self) -> u64 {
        match (self.needed(), self.known_end.get(), self.table.last()) {
            (Some(needed), _, _) => needed.min(self.end),
            (None, Some(_), _) => self.end,
            (None, None, last) => last.map_or(self.end, |last| last.start),
        }
    }

    fn follow(&self, layout: &Layout) {
        let names = layout.names();
        let os = |source| Arc::new(Error::Files { name: self.image.name(), source });
        // The boot partition stands in front: whether the image boots is known long before its end.
        let content = self.content();
        let booting = Booting::of(&content, &self.table, &names);
        let (added, arguments) = booting
            .as_ref()
            .map_or_else(|_| Default::default(), |booting| (booting.patches.clone(), booting.arguments()));
        let _ = self.booting.set(booting);
        poke(&self.wakers);
        let found = files::follow_with(&content, &self.table, &names, &arguments).and_then(|mut followed| {
            followed.patches.extend(added);
            followed.notes.extend(booting::dropped(&content, &self.table)?);
            let sectors = files::sector_patches(&content, &followed.patches)?;
            let sectors = sectors.into_iter().map(|(offset, bytes)| {
                let touched = followed.patches.iter().filter(|patch| {
                    patch.image_offset < offset + bytes.len() as u64
                        && patch.image_offset + patch.new.len() as u64 > offset
                });
                let mut named: Vec<_> = touched.map(|patch| patch.file.clone()).collect();
                named.dedup();
                Sectors { offset, bytes: bytes.into(), file: named.join(", ") }
            });
            Ok(Follow { sectors: sectors.collect(), notes: followed.notes })
        });
        let found = found.map_err(os);
        // Set once, here only.
        let _ = self.followed.set(found);
        poke(&self.wakers);
    }
}

impl Material for ImageMaterial {
    fn layout(&self, card: &CardInfo) -> Result<Arc<Layout>, layout::Error> {
        layout::plan_within(&self.table, self.image.raw_len(), self.needed(), card).map(Arc::new)
    }

    fn part(&self, n: usize) -> Known<Option<(u64, u64)>> {
        let start = (n as u64).checked_mul(self.part_size).and_then(|offset| offset.checked_add(self.start));
        let Some(start) = start else { return Known::Is(None) };
        match self.data_end() {
            Some(end) if start >= end => Known::Is(None),
            Some(end) => Known::Is(Some((start, self.part_size.min(end - start)))),
            // Whole parts within the partitions are there whatever comes behind them.
            None if start.checked_add(self.part_size).is_some_and(|end| end <= self.sure_end()) => {
                Known::Is(Some((start, self.part_size)))
            }
            None => Known::NotYet,
        }
    }

    fn part_crc(&self, n: usize) -> Option<u32> {
        self.pass.part_crc(n)
    }

    fn followed(&self) -> Known<Arc<[Sectors]>> {
        // A compressed file proves itself only at its end. Until then nothing that follows the parts is given
        // away, the partition table least of all.
        match (self.followed.get(), self.pass.ended()) {
            (Some(Ok(follow)), Some(Ok(_))) => Known::Is(Arc::clone(&follow.sectors)),
            _ => Known::NotYet,
        }
    }

    fn first_partition(&self) -> (u64, u64) {
        let first = self.table.partitions.iter().min_by_key(|partition| partition.start);
        first.map_or((0, 0), |partition| (partition.start, partition.len))
    }

    fn raw_len(&self) -> Known<u64> {
        self.image.raw_len().map_or(Known::NotYet, Known::Is)
    }

    fn total_bytes(&self) -> u64 {
        self.data_end().unwrap_or(self.end) - self.start
    }
}

/// A range in pieces of `size` bytes.
fn ranges(source: &Range<u64>, size: u64) -> Vec<Range<u64>> {
    let mut ranges = Vec::new();
    let mut start = source.start;
    while start < source.end {
        let end = source.end.min(start.saturating_add(size));
        ranges.push(start..end);
        start = end;
    }
    ranges
}

fn poke(wakers: &Mutex<Vec<Waker>>) {
    for waker in &*wakers.lock().unwrap_or_else(PoisonError::into_inner) {
        waker.wake();
    }
}
