//! Why a file that a board needs isn't one.

use std::path::{Path, PathBuf};

use crate::usb::border::{Border, Closed, no_file};
use crate::usb::error::Error;
use crate::usb::lookup::{Found, dangling, open_file};

/// Longer than the target of any link in a payload, shorter than any firmware.
const LONGEST_STUB: u32 = 200;

/// A folder with boot files, and how far its links may lead.
#[derive(Debug, Clone, Copy)]
pub(in crate::usb) struct Folder<'a> {
    pub(in crate::usb) dir: &'a Path,
    pub(in crate::usb) border: &'a Border,
}

impl Folder<'_> {
    /// Why one of some files isn't one: a link that leads out of the folder or to nothing, a file that can't be read, a
    /// pipe or directory of its name.
    pub(in crate::usb) fn broken(self, files: impl Iterator<Item = PathBuf> + Clone) -> Option<Error> {
        let nothing = || self.dangling(files.clone()).next();
        let other = || {
            files.clone().find_map(|file| {
                let path = self.dir.join(file);
                no_file(&path).map(|what| Error::NoFile { path, what })
            })
        };
        self.closed(files.clone())
            .or_else(|| nothing().map(|(link, target)| Error::Dangling { link, target }))
            .or_else(other)
    }

    /// The links to nothing among some files, with where they lead.
    pub(super) fn dangling(
        self,
        files: impl Iterator<Item = PathBuf>,
    ) -> impl Iterator<Item = (PathBuf, PathBuf)> {
        files.filter_map(move |file| dangling(self.dir, &file))
    }

    /// The first of some files that is a link out of the folder, or that can't be read.
    pub(super) fn closed(self, mut files: impl Iterator<Item = PathBuf>) -> Option<Error> {
        files.find_map(|file| {
            let link = self.dir.join(file);
            match open_file(self.border, &link) {
                Err(Closed::LeadsOut(target)) => Some(Error::LeadsOut { link, target }),
                Err(Closed::Io(source)) => Some(Error::Read { path: link, source }),
                Ok(_) => None,
            }
        })
    }
}

/// A repository that is downloaded without its links has text files with the links' targets instead.
pub(super) fn not_a_stub(found: &Found) -> Result<(), Error> {
    if found.len == 0 || found.len > LONGEST_STUB {
        return Ok(());
    }
    let path = found.path.clone();
    match found.read_all() {
        Ok(bytes) => stub(&bytes).map_or(Ok(()), |target| Err(Error::Stub { path, target })),
        Err(source) => Err(Error::Read { path, source }),
    }
}

/// The target of a link, where a file holds nothing but one.
pub(in crate::usb) fn stub(bytes: &[u8]) -> Option<String> {
    let target = std::str::from_utf8(bytes).ok()?.trim_end_matches('\n');
    let plain = !target.is_empty()
        && target.len() <= LONGEST_STUB as usize
        && target.bytes().all(|byte| byte.is_ascii_graphic());
    let leads = target.contains('/') || [".bin", ".img", ".elf"].iter().any(|end| target.ends_with(end));
    (plain && leads).then(|| target.to_owned())
}
