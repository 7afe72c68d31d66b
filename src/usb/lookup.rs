//! Which file a name means. The order is rpiboot's (`check_file` in its main.c); what it leaves open, the payload's
//! border, is closed: whatever is asked for, only regular files below the payload or the folders that the user allows
//! are opened.

mod loader;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

pub(super) use loader::{FILES as LOADER, Loader, PACKAGE};

use super::bootfiles::Bootfiles;
use super::border::{BadFolder, Border, Closed};
use super::error::Error;
use super::message::{BadName, check_name};
use super::payload::broken::Folder;
use crate::board::PortPath;
use crate::board::identity::Chip;
use crate::image::read_at::ReadAt;

/// The archive that takes the place of single files in a payload.
pub const BOOTFILES: &str = "bootfiles.bin";

/// A directory of boot files.
#[derive(Debug)]
pub struct Payload {
    dir: PathBuf,
    border: Border,
    overlays: bool,
    bootfiles: Option<(Arc<File>, Bootfiles)>,
    loader: Loader,
    /// Whether it was chosen for one board, by its serial number.
    of_board: bool,
}

/// What decides about a payload beside its directory.
#[derive(Debug, Clone, Default)]
pub struct PayloadOptions {
    /// Whether a folder with the name of the board's port path comes first, as with `rpiboot -o`.
    pub overlays: bool,
    /// Folders outside the payload to which its links may lead.
    pub allow: Vec<PathBuf>,
}

/// The board that asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asker {
    /// The family of its boot ROM.
    pub chip: Chip,
    /// Where it is plugged in; `None` for what is the same everywhere.
    pub port: Option<PortPath>,
}

/// A file that was found.
#[derive(Debug, Clone)]
pub struct Found {
    /// The file, or the archive that it is a part of.
    pub file: Arc<File>,
    /// Where in it the bytes begin.
    pub offset: u64,
    /// How many there are: at most what 32 bits hold.
    pub len: u32,
    /// Where it was found.
    pub origin: Origin,
    /// Its path; of a part of an archive, the archive's with the part's name behind it.
    pub path: PathBuf,
}

/// Where a file was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// In the folder of the board's port.
    Overlay,
    /// In the folder of its family, `2710`, `2711` or `2712`.
    Family,
    /// In `bootfiles.bin`.
    Bootfiles,
    /// In the payload itself.
    Base,
    /// In the folder with the loader of older boards, which isn't the payload's.
    Loader,
}

impl Origin {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Overlay => "overlay",
            Self::Family => "family",
            Self::Bootfiles => "bootfiles",
            Self::Base => "base",
            Self::Loader => "loader",
        }
    }
}

impl Payload {
    /// Opens a directory. Nothing in it is looked at but `bootfiles.bin`; see [`super::payload::check`].
    ///
    /// Links may also lead into `firmware` and `rpi-eeprom` beside the directory, as in Raspberry Pi's repository of
    /// payloads, and into `clients`, as in the live tree.
    ///
    /// # Errors
    /// Where it can't be used, or `bootfiles.bin` is damaged.
    pub fn open(dir: &Path, options: &PayloadOptions) -> Result<Self, Error> {
        Self::with_loader(dir, options, Loader::of(dir))
    }

    /// [`Self::open`], with the loader of older boards from there.
    pub(super) fn with_loader(dir: &Path, options: &PayloadOptions, loader: Loader) -> Result<Self, Error> {
        let border = Border::of(dir, &options.allow).map_err(bad_folder)?;
        let overlays = options.overlays;
        let mut payload =
            Self { dir: dir.to_owned(), border, overlays, bootfiles: None, loader, of_board: false };
        let path = dir.join(BOOTFILES);
        match payload.open_file(&path) {
            Ok(Some((file, _))) => {
                let members = Bootfiles::read(file.as_ref()).map_err(|damage| {
                    let mut start = [0; 512];
                    let len = file.as_ref().read_at(&mut start, 0).unwrap_or(0);
                    match super::payload::broken::stub(&start[..len]).filter(|_| len < start.len()) {
                        Some(target) => Error::Stub { path, target },
                        None => Error::Bootfiles { path, damage },
                    }
                })?;
                payload.bootfiles = Some((file, members));
            }
            Ok(None) => {}
            Err(Closed::LeadsOut(target)) => return Err(Error::LeadsOut { link: path, target }),
            Err(Closed::Io(source)) => return Err(Error::Read { path, source }),
        }
        Ok(payload)
    }

    /// The same, as the directory of one board: nobody names another one for it.
    #[must_use]
    pub(super) fn of_board(self) -> Self {
        Self { of_board: true, ..self }
    }

    /// Whether it is the directory of one board.
    pub(super) const fn is_of_board(&self) -> bool {
        self.of_board
    }

    /// The directory, as it was named.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The directory, with how far its links may lead.
    pub(super) fn folder(&self) -> Folder<'_> {
        Folder { dir: &self.dir, border: &self.border }
    }

    /// The archive, where there is one.
    #[must_use]
    pub fn bootfiles(&self) -> Option<&Bootfiles> {
        self.bootfiles.as_ref().map(|(_, members)| members)
    }

    /// The archive's file, where there is one.
    pub(super) fn archive(&self) -> Option<&File> {
        self.bootfiles.as_ref().map(|(file, _)| file.as_ref())
    }

    /// The ports that have a folder of their own, where folders of ports count.
    pub(super) fn overlays(&self) -> Result<Vec<PortPath>, Error> {
        if !self.overlays {
            return Ok(Vec::new());
        }
        let error = |source| Error::Dir { dir: self.dir.clone(), source };
        let mut ports = Vec::new();
        for entry in std::fs::read_dir(&self.dir).map_err(error)? {
            let name = entry.map_err(error)?.file_name();
            if let Some(port) = name.to_str().and_then(|name| name.parse::<PortPath>().ok()) {
                ports.push(port);
            }
        }
        Ok(ports)
    }

    /// The file that a name means to a board. `None` where there is no such file.
    ///
    /// # Errors
    /// Where the name, or the file, must not be served.
    pub fn find(&self, asker: Asker, name: &str) -> Result<Option<Found>, BadName> {
        match self.find_own(asker, name)? {
            Some(found) => Ok(Some(found)),
            None if self.lends(asker, name)? => self.loader.find(name),
            None => Ok(None),
        }
    }

    /// Whether a file that the payload lacks comes from the folder with the loader of older boards: only all of the
    /// loader, and only for a system in `boot.img`, which brings none.
    pub(super) fn lends(&self, asker: Asker, name: &str) -> Result<bool, BadName> {
        if !loader::FILES.contains(&name) || asker.chip.bootcode() != loader::FILES[0] {
            return Ok(false);
        }
        let own = |name| self.find_own(asker, name).map(|found| found.is_some());
        Ok(own("boot.img")? && !own(loader::FILES[0])?)
    }

    /// Where the loader of older boards is looked for.
    pub(super) const fn loader(&self) -> &Loader {
        &self.loader
    }

    fn find_own(&self, asker: Asker, name: &str) -> Result<Option<Found>, BadName> {
        check_name(name)?;
        let prefix = asker.chip.prefix();
        let family = self.dir.join(prefix).join(name);
        if let Some((archive, members)) = &self.bootfiles {
            if let Some(found) = self.on_disk(&family, Origin::Family)? {
                return Ok(Some(found));
            }
            if let Some(member) = members.find(&format!("{prefix}/{name}")) {
                let len = u32::try_from(member.len).map_err(|_| BadName::TooLarge)?;
                let path = self.dir.join(BOOTFILES).join(prefix).join(name);
                let (file, origin) = (archive.clone(), Origin::Bootfiles);
                return Ok(Some(Found { file, offset: member.offset, len, origin, path }));
            }
        }
        // Always of the payload itself: what a board gets before it can be told from others is the same for all.
        let is_bootcode = Chip::ALL.iter().any(|chip| chip.bootcode() == name);
        if let Some(port) = asker.port.filter(|_| self.overlays && !is_bootcode) {
            let own = self.dir.join(port.to_string()).join(name);
            if let Some(found) = self.on_disk(&own, Origin::Overlay)? {
                return Ok(Some(found));
            }
        }
        match self.on_disk(&family, Origin::Family)? {
            Some(found) => Ok(Some(found)),
            None => self.on_disk(&self.dir.join(name), Origin::Base),
        }
    }

    fn on_disk(&self, path: &Path, origin: Origin) -> Result<Option<Found>, BadName> {
        on_disk(&self.border, path, origin)
    }

    /// Opens a regular file below one of the allowed folders, with its length.
    pub(super) fn open_file(&self, path: &Path) -> Result<Option<(Arc<File>, u64)>, Closed> {
        open_file(&self.border, path)
    }
}

/// Why a folder can't be used.
fn bad_folder(bad: BadFolder) -> Error {
    match dangling(Path::new(""), &bad.path) {
        Some((link, target)) => Error::Dangling { link, target },
        None => Error::Dir { dir: bad.path, source: bad.source },
    }
}

/// Opens a regular file within a border, with its length.
pub(super) fn open_file(border: &Border, path: &Path) -> Result<Option<(Arc<File>, u64)>, Closed> {
    let Some(file) = border.open(path)? else { return Ok(None) };
    let len = file.size().map_err(Closed::Io)?;
    Ok(Some((Arc::new(file), len)))
}

/// A file for a board.
fn on_disk(border: &Border, path: &Path, origin: Origin) -> Result<Option<Found>, BadName> {
    match open_file(border, path) {
        Ok(Some((file, len))) => {
            let len = u32::try_from(len).map_err(|_| BadName::TooLarge)?;
            Ok(Some(Found { file, offset: 0, len, origin, path: path.to_owned() }))
        }
        Ok(None) => Ok(None),
        Err(Closed::LeadsOut(_)) => Err(BadName::LeadsOut),
        // The board gets nothing, as from rpiboot; but it isn't told as if there were no such file.
        Err(Closed::Io(error)) => Err(BadName::of_io(&error)),
    }
}

/// The first link that leads to nothing on the way to `path` below `dir`, and where it leads.
pub(super) fn dangling(dir: &Path, path: &Path) -> Option<(PathBuf, PathBuf)> {
    let mut at = dir.to_owned();
    path.components().find_map(|part| {
        at.push(part);
        let target = std::fs::read_link(&at).ok()?;
        // A link that may not be followed is no link to nothing.
        let gone = std::fs::metadata(&at).is_err_and(|error| {
            matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
        });
        gone.then(|| (at.clone(), target))
    })
}

impl ReadAt for Found {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        Self::read_at(self, buf, offset)
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.len.into())
    }

    fn available(&self) -> u64 {
        self.len.into()
    }
}

impl Found {
    /// That there is nothing in it.
    pub(super) fn empty(&self) -> Error {
        Error::Empty { path: self.path.clone() }
    }

    /// Reads from the file, from `at` on. Fewer bytes than asked only where it ends.
    ///
    /// # Errors
    /// What the system says.
    pub fn read_at(&self, buf: &mut [u8], at: u64) -> io::Result<usize> {
        let left = usize::try_from(u64::from(self.len).saturating_sub(at)).unwrap_or(usize::MAX);
        let buf_len = buf.len().min(left);
        self.file.as_ref().read_at(&mut buf[..buf_len], self.offset + at)
    }

    /// All its bytes.
    ///
    /// # Errors
    /// What the system says; [`io::ErrorKind::UnexpectedEof`] where the file got shorter.
    pub fn read_all(&self) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; self.len as usize];
        self.file.as_ref().read_exact_at(&mut bytes, self.offset)?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests;
