//! The loader of boards before the Pi 4, which a payload may lack. rpiboot has it inside: `bootcode.bin` and `start.elf` of
//! its folder `msd`. Raspberry Pi's standard payload, `mass-storage-gadget64`, counts on that. No firmware is part of this
//! program, so the loader is taken from where that folder is.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::{Found, Origin, bad_folder, on_disk};
use crate::usb::border::{BadFolder, Border};
use crate::usb::error::Error;
use crate::usb::message::BadName;
use crate::usb::payload::broken::Folder;

/// The loader's files; the first is what the boot ROM is sent.
pub(in crate::usb) const FILES: [&str; 2] = ["bootcode.bin", "start.elf"];
/// The folder's name.
const FOLDER: &str = "msd";
/// Where the package rpiboot puts its folders.
pub(in crate::usb) const PACKAGE: &str = "/usr/share/rpiboot";

/// Where the loader may be: the folders in their order.
#[derive(Debug, Clone, Default)]
pub(in crate::usb) struct Loader {
    places: Vec<PathBuf>,
}

impl Loader {
    /// For a payload: beside it, then where the package has it.
    pub(super) fn of(payload: &Path) -> Self {
        Self::beside(payload, Path::new(PACKAGE))
    }

    /// Beside a payload, then in this place.
    pub(in crate::usb) fn beside(payload: &Path, package: &Path) -> Self {
        // Where it really is: `mass-storage-gadget64-cm3` of the repository is a link.
        let beside = payload.canonicalize().ok().and_then(|real| Some(real.parent()?.to_owned()));
        let mut places: Vec<PathBuf> =
            beside.into_iter().chain([package.to_owned()]).map(|place| place.join(FOLDER)).collect();
        places.dedup();
        Self { places }
    }

    /// The folders that are looked at.
    pub(in crate::usb) fn places(&self) -> &[PathBuf] {
        &self.places
    }

    /// The folder with the loader: the first that has all its files. An empty one a board takes for missing.
    ///
    /// # Errors
    /// Where the first that has one of them must not be served.
    pub(in crate::usb) fn folder(&self) -> Result<Option<&Path>, BadName> {
        for place in &self.places {
            let mut there = 0;
            for name in FILES {
                there += usize::from(open(place, name)?.is_some_and(|found| found.len > 0));
            }
            if there == FILES.len() {
                return Ok(Some(place));
            }
        }
        Ok(None)
    }

    /// Why none of the folders has the loader, where it isn't simply not there: the first folder that has something of it,
    /// or may have it, and what is wrong there.
    pub(in crate::usb) fn trouble(&self) -> Option<Error> {
        self.places.iter().find_map(|place| {
            let border = match Border::of(place, &[]) {
                Ok(border) => border,
                Err(bad) => return Some(bad_folder(bad)).filter(|error| !is_absence(error)),
            };
            let files = || FILES.iter().map(PathBuf::from);
            let of_file = Folder { dir: place, border: &border }.broken(files());
            of_file.or_else(|| {
                let found = FILES.map(|name| open(place, name).ok().flatten());
                match &found {
                    [Some(_), None] => {
                        Some(half(place, FILES[1], "boards before the Pi 4 load beside bootcode.bin"))
                    }
                    [None, Some(_)] => {
                        Some(half(place, FILES[0], "boards before the Pi 4 need beside start.elf"))
                    }
                    _ => found.iter().flatten().find(|found| found.len == 0).map(Found::empty),
                }
            })
        })
    }

    /// A file of the loader.
    pub(super) fn find(&self, name: &str) -> Result<Option<Found>, BadName> {
        self.folder()?.map_or(Ok(None), |place| open(place, name))
    }
}

/// One file of the loader without the other.
fn half(place: &Path, name: &'static str, why: &'static str) -> Error {
    Error::Missing { dir: place.to_owned(), name, why }
}

/// Whether an error only says that there is no such folder.
fn is_absence(error: &Error) -> bool {
    matches!(error, Error::Dir { source, .. } if is_absent(source.kind()))
}

fn is_absent(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn open(place: &Path, name: &str) -> Result<Option<Found>, BadName> {
    match Border::of(place, &[]) {
        Ok(border) => on_disk(&border, &place.join(name), Origin::Loader),
        // A folder that isn't there has no files.
        Err(BadFolder { source, .. }) if is_absent(source.kind()) => Ok(None),
        Err(BadFolder { source, .. }) => Err(BadName::of_io(&source)),
    }
}
