//! The loader of boards before the Pi 4, which a payload may lack. rpiboot has it inside: `bootcode.bin` and `start.elf` of
//! its folder `msd`. Raspberry Pi's standard payload, `mass-storage-gadget64`, counts on that. No firmware is part of this
//! program, so the loader is taken from where that folder is.

use std::path::{Path, PathBuf};

use super::{Found, Origin, on_disk};
use crate::usb::border::Border;
use crate::usb::message::BadName;

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

    /// The folder with the loader: the first that has all its files.
    ///
    /// # Errors
    /// Where the first that has one of them must not be served.
    pub(in crate::usb) fn folder(&self) -> Result<Option<&Path>, BadName> {
        for place in &self.places {
            let mut there = 0;
            for name in FILES {
                there += usize::from(open(place, name)?.is_some());
            }
            if there == FILES.len() {
                return Ok(Some(place));
            }
        }
        Ok(None)
    }

    /// A file of the loader.
    pub(super) fn find(&self, name: &str) -> Result<Option<Found>, BadName> {
        self.folder()?.map_or(Ok(None), |place| open(place, name))
    }
}

fn open(place: &Path, name: &str) -> Result<Option<Found>, BadName> {
    // A folder that isn't there has no files.
    let Ok(border) = Border::of(place, &[]) else { return Ok(None) };
    on_disk(&border, &place.join(name), Origin::Loader)
}
