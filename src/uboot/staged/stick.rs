//! A job on a USB stick, for boards without a network. Nobody watches such a board: it leaves a mark on the stick when
//! everything was read back and the right checksum was found.

use std::path::Path;
use std::sync::Arc;

use super::flow::{Files, ready};
use super::place::Place;
use super::tree::{Kind, Tree};
use super::{Error, Source, is_job, write_tree};
use crate::stop::Stop;
use crate::uboot::flash::random;
use crate::uboot::layout::CardInfo;
use crate::uboot::material::ImageMaterial;

/// The directory that the boot script looks for on a stick's first partition.
pub const DIRECTORY: &str = "piprov";
/// What stands before a board's serial number in the name of its mark.
const MARK: &str = "DONE-";

/// An earlier job on a stick, and the boards that it was done on, by their serial numbers.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Earlier {
    /// The job's name.
    pub job: String,
    /// Serial numbers as U-Boot knows them.
    pub boards: Vec<String>,
}

/// The jobs that lie on a stick mounted at `mount`.
///
/// # Errors
/// When the stick can't be read.
pub fn jobs(mount: &Path) -> Result<Vec<Earlier>, Error> {
    let root = Place::open(mount)?;
    if root.kind(DIRECTORY).is_none() {
        return Ok(Vec::new());
    }
    let board = root.enter(DIRECTORY)?;
    let mut found = Vec::new();
    for job in board.names()?.into_iter().filter(|name| is_job(&board, name)) {
        let names = board.enter(&job)?.names()?;
        // FAT keeps the case of long names, but nobody promises that.
        let mark = |name: &String| name.to_uppercase().strip_prefix(MARK).map(str::to_lowercase);
        found.push(Earlier { boards: names.iter().filter_map(mark).collect(), job });
    }
    Ok(found)
}

/// Puts a job onto a stick mounted at `mount`, in place of those that [`jobs`] tells of. Waits until the image is
/// known well enough, and until the stick holds everything.
///
/// # Errors
/// [`Error`].
pub fn put(mount: &Path, material: &Arc<ImageMaterial>, card: &CardInfo, stop: &Stop) -> Result<Tree, Error> {
    let root = Place::open(mount)?;
    let files = Files { root: mount.to_owned(), kind: Kind::Piprov, card: *card, keep: true };
    ready(&files, material, stop)?;
    let content = material.content();
    let source = Source { content: &*content, file: material.image().raw_file().map(|file| &**file) };
    let tree = write_tree(&mount.join(DIRECTORY), random(), &**material, card, source, stop)?;
    root.flush().map_err(|source| Error::os("writing back what is in memory of", mount, source))?;
    Ok(tree)
}

/// Whether U-Boot can leave its mark on the file system at `mount`: it must be FAT.
#[must_use]
pub fn takes_marks(mount: &Path) -> bool {
    // The magic number of statfs(2) for vfat.
    rustix::fs::statfs(mount).is_ok_and(|stat| stat.f_type as u32 == 0x4d44)
}
