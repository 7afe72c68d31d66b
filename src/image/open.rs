//! Opening an image, whatever its compression.

use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use rustix::fs::{Mode, OFlags};

use super::codec;
use super::error::Error;
use super::format::{self, Format};
use super::lengths;
use super::read_at::ReadAt;
use super::source::{DigestSlot, Pump, Source, Stops, read_stream};
use super::spool::{Spool, SpoolReader, unnamed_file};
use super::table::Table;
use super::unpack::Unpack;
use super::zip_entry;
use crate::error::Action;
use crate::stop::Stop;

/// How to open an image.
#[derive(Debug, Clone, Default)]
pub struct ImageOptions {
    /// Where to keep the unpacked bytes of a compressed image; see [`super::spool`].
    pub spool_dir: Option<PathBuf>,
    /// Ends the work in the background; readers that wait for bytes then get [`Error::Stopped`].
    pub stop: Option<Stop>,
}

/// An open image. Clones share it.
#[derive(Debug, Clone)]
pub struct Image {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    format: Format,
    file_len: Option<u64>,
    content: Content,
    /// Whether its bytes are a copy of our own, which may be changed.
    own: bool,
    /// The file as it was when it was opened, to see whether somebody writes to it.
    opened: Option<(Arc<File>, Stamp)>,
}

/// By what a change of a file is seen: its length, and when it was last written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    len: u64,
    written: (i64, i64),
}

impl Stamp {
    /// `None` for what is no ordinary file: a device's time says nothing.
    fn of(file: &File) -> Option<Self> {
        let now = file.metadata().ok().filter(std::fs::Metadata::is_file)?;
        Some(Self { len: now.len(), written: (now.mtime(), now.mtime_nsec()) })
    }
}

enum Content {
    /// A raw file or block device, read in place.
    File(Arc<File>),
    /// What is, or was, on its way through a decompressor or a pipe.
    Spool { reader: Arc<SpoolReader>, file_sha256: Arc<DigestSlot> },
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Image")
            .field("path", &self.path)
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}

impl Image {
    /// Opens a file, a block device, a pipe, or standard input for `-`.
    ///
    /// Its format is recognised by its content. A raw file or block device is read in place. Anything else is
    /// unpacked (or copied) by threads in the background into a spool; this call returns as soon as the
    /// first bytes of the *file* were seen. Later errors are returned by the reads.
    ///
    /// # Errors
    /// [`Error::Os`] where the file can't be opened or the spool can't be made, [`Error::Empty`],
    /// [`Error::NotAnImage`].
    pub fn open(path: &Path, options: &ImageOptions) -> Result<Self, Error> {
        Self::open_as(path, options, false)
    }

    /// As [`Self::open`], for an image that is to be changed on its way: a raw file is copied into a spool as well, so that
    /// [`Self::patch`] leaves it as it is.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_to_patch(path: &Path, options: &ImageOptions) -> Result<Self, Error> {
        Self::open_as(path, options, true)
    }

    /// Writes these bytes over the ones at `offset`, for everybody who reads them from now on, clones too. Waits until they are there.
    ///
    /// # Errors
    /// Where the image wasn't opened for that, and what reading it or writing the spool says.
    pub fn patch(&self, offset: u64, bytes: &[u8]) -> Result<(), Error> {
        let failed = |error| Error::os(&self.inner.path, format!("changing it at byte {offset}"), error);
        let Content::Spool { reader, .. } = &self.inner.content else {
            return Err(failed(io::Error::other("it was opened for reading only")));
        };
        let Some(more) = bytes.len().checked_sub(1) else { return Ok(()) };
        // What is still on its way would be written over it.
        if reader.read_at(&mut [0], offset + more as u64).map_err(failed)? == 0 {
            return Err(failed(io::ErrorKind::UnexpectedEof.into()));
        }
        reader.spool.overwrite(bytes, offset)
    }

    fn open_as(path: &Path, options: &ImageOptions, own: bool) -> Result<Self, Error> {
        let abandoned = Stop::new().map_err(|error| Error::os(path, "opening", error))?;
        let stops = Stops { program: options.stop.clone(), abandoned };
        let opening = |error| Error::os(path, "opening", error);
        let mut file = if path == Path::new("-") {
            if io::stdin().is_terminal() {
                return Err(Error::NotAnImage {
                    path: path.to_owned(),
                    what: "standard input is a terminal, not an image".into(),
                    hint: Action::Stream.into(),
                });
            }
            // A second descriptor, which can be closed when the image isn't wanted any more.
            File::from(io::stdin().as_fd().try_clone_to_owned().map_err(opening)?)
        } else {
            // A named pipe may have no writer yet; that is waited for below, where Ctrl-C is heard.
            let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
            File::from(rustix::fs::open(path, flags, Mode::empty()).map_err(|errno| opening(errno.into()))?)
        };
        let kind = file.metadata().map_err(opening)?.file_type();
        if kind.is_dir() {
            return Err(Error::NotAnImage {
                path: path.to_owned(),
                what: "this is a directory".into(),
                hint: "give the image file in it".into(),
            });
        }
        // Standard input may be a file as well (`< image`); it is read in place when nothing was read before.
        let in_place = (kind.is_file() || kind.is_block_device())
            && rustix::fs::tell(&file).is_ok_and(|position| position == 0);
        let opening = Opening { path, options, stops, own, opened: None };
        if in_place {
            let mut head = [0u8; format::HEAD];
            let got = ReadAt::read_at(&file, &mut head, 0)
                .map_err(|error| Error::os(path, "reading at byte 0", error))?;
            let format = Format::detect(path, &head[..got])?;
            return opening.in_place(file, format);
        }
        let mut head = vec![0u8; format::HEAD];
        let mut got = 0;
        while got < head.len() {
            match read_stream(&mut file, &mut head[got..], &opening.stops) {
                Ok(0) => break,
                Ok(count) => got += count,
                Err(error) => return Err(Error::os(path, "reading at byte 0", error)),
            }
        }
        head.truncate(got);
        let format = Format::detect(path, &head)?;
        opening.stream(Source::Stream { head, rest: file }, format)
    }

    /// The path as it was given.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// The file's name without its directory, `-` for standard input.
    #[must_use]
    pub fn name(&self) -> String {
        let path = &self.inner.path;
        path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
    }

    /// How the file is stored.
    #[must_use]
    pub fn format(&self) -> Format {
        self.inner.format
    }

    /// The length of the file, where it is a file.
    #[must_use]
    pub fn file_len(&self) -> Option<u64> {
        self.inner.file_len
    }

    /// The length of the image, as soon as it is known. Never waits. What a compressed file says of itself
    /// counts as known; if something else comes out, reading ends with [`Error::WrongLength`].
    #[must_use]
    pub fn raw_len(&self) -> Option<u64> {
        match &self.inner.content {
            Content::File(_) => self.inner.file_len,
            Content::Spool { reader, .. } => reader.spool.known_len(),
        }
    }

    /// How many bytes are unpacked, and of how many where that is known; `None` where nothing is. Never waits.
    #[must_use]
    pub fn unpacked(&self) -> Option<(u64, Option<u64>)> {
        match &self.inner.content {
            Content::File(_) => None,
            Content::Spool { reader, .. } => Some((reader.spool.available(), reader.spool.known_len())),
        }
    }

    /// Whether somebody has written to the file since it was opened, and what is read of it may be old and new mixed. What was
    /// unpacked into a spool to its end is a copy that nobody changes.
    #[must_use]
    pub fn has_changed(&self) -> bool {
        let copied = matches!(&self.inner.content, Content::Spool { reader, .. } if reader.spool.is_whole());
        let opened = self.inner.opened.as_ref().filter(|_| !copied);
        opened.is_some_and(|(file, stamp)| Stamp::of(file).is_some_and(|now| now != *stamp))
    }

    /// What is odd about the file, a sentence; known once that place is read.
    #[must_use]
    pub fn note(&self) -> Option<String> {
        match &self.inner.content {
            Content::File(_) => None,
            Content::Spool { reader, .. } => reader.spool.note(),
        }
    }

    /// The bytes of the disk.
    #[must_use]
    pub fn content(&self) -> Arc<dyn ReadAt> {
        match &self.inner.content {
            Content::File(file) => Arc::clone(file) as Arc<dyn ReadAt>,
            Content::Spool { reader, .. } => Arc::clone(reader) as Arc<dyn ReadAt>,
        }
    }

    /// The partition table; waits for the first sectors, and for what the table points to.
    ///
    /// # Errors
    /// As [`Table::read`].
    pub fn table(&self) -> Result<Option<Table>, Error> {
        Table::read(&*self.content()).map_err(|error| error.of(&self.inner.path))
    }

    /// The file itself, where it is raw and read in place.
    #[must_use]
    pub fn raw_file(&self) -> Option<&Arc<File>> {
        match &self.inner.content {
            Content::File(file) => Some(file),
            Content::Spool { .. } => None,
        }
    }

    /// A descriptor of the file that the raw bytes are in, for another process to read: the image itself, or the spool
    /// that it is unpacked into. Says whether it is a spool, which may still grow, and which leaves zeros at its end out.
    ///
    /// # Errors
    /// What the system says.
    pub fn stored(&self) -> io::Result<(OwnedFd, bool)> {
        match &self.inner.content {
            Content::File(file) => Ok((file.as_fd().try_clone_to_owned()?, false)),
            Content::Spool { reader, .. } => Ok((reader.spool.reopened()?, true)),
        }
    }

    /// The sha256 of the compressed file, computed while it is read; waits for the end. `None` where the
    /// file is the raw bytes themselves and it wasn't computed.
    #[must_use]
    pub fn file_sha256(&self) -> Option<Result<[u8; 32], Error>> {
        match &self.inner.content {
            Content::Spool { file_sha256, .. } if self.inner.format.is_compressed() || self.inner.own => {
                Some(file_sha256.wait())
            }
            _ => None,
        }
    }
}

/// What the ways of opening share.
struct Opening<'a> {
    path: &'a Path,
    options: &'a ImageOptions,
    stops: Stops,
    /// Whether the bytes are to be a copy of our own.
    own: bool,
    /// The file as it was when it was opened.
    opened: Option<(Arc<File>, Stamp)>,
}

impl Opening<'_> {
    fn in_place(self, file: File, format: Format) -> Result<Image, Error> {
        let len = file.size().map_err(|error| Error::os(self.path, "asking for its size", error))?;
        let stamp = Stamp::of(&file);
        let file = Arc::new(file);
        let opened = stamp.map(|stamp| (Arc::clone(&file), stamp));
        let this = Self { opened, ..self };
        this.of_file(file, format, len)
    }

    fn of_file(self, file: Arc<File>, format: Format, len: u64) -> Result<Image, Error> {
        if !format.is_compressed() && self.own {
            let spool = self.spool()?;
            spool.declare(len);
            return self.unpack(Source::File(file), format, Some(len), spool);
        }
        if !format.is_compressed() {
            return Ok(self.image(format, Some(len), Content::File(file)));
        }
        let spool = self.spool()?;
        let found = match format {
            Format::Xz => lengths::xz(&*file, len).unwrap_or(None),
            _ => None,
        };
        if let Some(len) = found {
            spool.declare(len);
        }
        if format == Format::Zst {
            // Many small reads; nobody has to wait for them.
            let (file, spool, stops) = (Arc::clone(&file), Arc::clone(&spool), self.stops.clone());
            std::thread::spawn(move || {
                let give_up = || stops.is_set() || spool.known_len().is_some();
                if let Ok(Some(len)) = lengths::zst(&*file, len, &give_up) {
                    spool.declare(len);
                }
            });
        }
        self.unpack(Source::File(file), format, Some(len), spool)
    }

    fn stream(self, source: Source, format: Format) -> Result<Image, Error> {
        let Source::Stream { mut head, mut rest } = source else {
            let spool = self.spool()?;
            return self.unpack(source, format, None, spool);
        };
        if format != Format::Zip {
            let spool = self.spool()?;
            return self.unpack(Source::Stream { head, rest }, format, None, spool);
        }
        // The directory of a zip archive stands at its end, so the archive has to be here first.
        let (mut whole, dir) = unnamed_file(self.options.spool_dir.as_deref())?;
        loop {
            io::Write::write_all(&mut whole, &head)
                .map_err(|error| Error::os(&dir, "writing the spool for the zip archive", error))?;
            head.resize(64 << 10, 0);
            match read_stream(&mut rest, &mut head, &self.stops) {
                Ok(0) => break,
                Ok(count) => head.truncate(count),
                Err(error) => return Err(Error::os(self.path, "reading", error)),
            }
        }
        self.in_place(whole, format)
    }

    fn unpack(
        self,
        source: Source,
        format: Format,
        file_len: Option<u64>,
        spool: Arc<Spool>,
    ) -> Result<Image, Error> {
        let mut range = 0..u64::MAX;
        let codec = match (&source, format) {
            (Source::File(file), Format::Zip) => {
                let entry = zip_entry::find(self.path, file)?;
                spool.declare(entry.raw_len);
                range = entry.range;
                Box::new(codec::Zip::new(entry.deflated, entry.crc32))
            }
            _ => codec::for_format(format).map_err(|what| Error::Damaged {
                path: self.path.to_owned(),
                format,
                at: 0,
                raw: 0,
                what,
            })?,
        };
        let file_sha256 = Arc::new(DigestSlot::default());
        // A few chunks under way, so that neither thread waits for the other's hiccups.
        let (to, from) = sync_channel(8);
        let unpack = Unpack {
            path: self.path.to_owned(),
            format,
            codec,
            from,
            start: range.start,
            spool: Arc::clone(&spool),
            stops: self.stops.clone(),
        };
        let pump = Pump {
            path: self.path.to_owned(),
            source,
            range,
            digest: Arc::clone(&file_sha256),
            stops: self.stops.clone(),
        };
        let spawn = |name: &str, work: Box<dyn FnOnce() + Send>| {
            std::thread::Builder::new()
                .name(name.to_owned())
                .spawn(work)
                .map_err(|error| Error::os(self.path, "starting a thread for it", error))
        };
        spawn("image-unpack", Box::new(move || unpack.run()))?;
        spawn("image-read", Box::new(move || pump.run(to)))?;
        let reader = Arc::new(SpoolReader { spool, abandoned: self.stops.abandoned.clone() });
        Ok(self.image(format, file_len, Content::Spool { reader, file_sha256 }))
    }

    fn spool(&self) -> Result<Arc<Spool>, Error> {
        Spool::new(self.options.spool_dir.as_deref()).map(Arc::new)
    }

    fn image(&self, format: Format, file_len: Option<u64>, content: Content) -> Image {
        let (path, own, opened) = (self.path.to_owned(), self.own, self.opened.clone());
        Image { inner: Arc::new(Inner { path, format, file_len, content, own, opened }) }
    }
}

#[cfg(test)]
mod tests;
