//! A job as files, for a plain TFTP server that knows nothing of piprov, or for a USB stick.
//!
//! Everything lies below the board's directory, which is named by its MAC address as in the paths that the board
//! asks for (on a stick it is `piprov`: FAT names hold no colon). It is written to `.piprov-new`, read back, and
//! moved into place; the one file that a board asks for first comes last. Until then the board finds no job.
//!
//! What isn't ours is never touched, and what is in the way is named. What an earlier run left behind is removed:
//! a job's directory is known by its `OK`, parts for the original's cards by the note `.piprov-original`.

mod copy;
mod error;
mod feed;
mod flow;
mod observe;
mod place;
pub mod stick;
mod tree;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rustix::fs::FileType;

pub use copy::Source;
pub use error::Error;
pub use flow::{Files, flash, ready};
pub use tree::{Entry, Kind, Tree};

use super::answer_text::{self, Word};
use super::layout::CardInfo;
use super::step::{Known, Material};
use crate::stop::Stop;
use place::Place;

/// Where everything is written first.
const FRESH: &str = ".piprov-new";
/// Says that the parts beside it are ours.
const NOTE: &str = ".piprov-original";
/// What cards of the original's kind upload.
pub(super) const REPORTS: [&str; 3] = ["OK", "FAILED", "FAIL"];
/// A report has 4 bytes; whatever is longer than this isn't one.
const LONGEST_REPORT: u64 = 64;
const FILE_MODE: u32 = 0o644;
/// Reports are written by the TFTP server's user, whose name isn't known here. Without `--create` tftpd-hpa takes an
/// upload only where a file lies that everybody may write; so these three may be, and the directory need not.
const REPORT_MODE: u32 = 0o666;

/// A staged job. It goes away with this value, unless it is kept.
#[derive(Debug)]
pub struct Staged {
    root: Place,
    board: Place,
    name: String,
    /// Whether the board's directory is of our making.
    made: bool,
    tree: Tree,
    published: bool,
    kept: bool,
}

impl Staged {
    /// Writes a job's files below `root`/`name`, all but the one that the board asks for first, and reads them
    /// back. `twin` is the same image's job for another board below the same root: the parts are shared with it
    /// where the file system can.
    ///
    /// # Errors
    /// [`Error`]; nothing is left behind then.
    pub fn put(
        root: &Path,
        name: &str,
        tree: Tree,
        source: Source<'_>,
        twin: Option<&Self>,
        stop: &Stop,
    ) -> Result<Self, Error> {
        let root = Place::open(root)?;
        let (board, made) = root.make(name)?;
        board.lock()?;
        // From here on whatever goes wrong takes away what was written.
        let staged = Self { root, board, name: name.to_owned(), made, tree, published: false, kept: false };
        staged.clear_old()?;
        let (fresh, _) = staged.board.make(FRESH)?;
        for entry in staged.tree.files.iter().chain([&staged.tree.opening]) {
            if stop.is_set() {
                return Err(Error::Stopped);
            }
            staged.write(&fresh, entry, source, twin, stop)?;
        }
        match staged.tree.kind {
            Kind::Piprov => fresh.hand_over(&staged.tree.job, &staged.board)?,
            Kind::Original => {
                staged.board.create(NOTE, FILE_MODE)?;
                for report in REPORTS {
                    staged.board.create(report, REPORT_MODE)?;
                }
                for entry in &staged.tree.files {
                    fresh.hand_over(&entry.path, &staged.board)?;
                }
            }
        }
        fresh.sync()?;
        staged.board.sync()?;
        Ok(staged)
    }

    fn write(
        &self,
        fresh: &Place,
        entry: &Entry,
        source: Source<'_>,
        twin: Option<&Self>,
        stop: &Stop,
    ) -> Result<(), Error> {
        let mut words: Vec<&str> = entry.path.split('/').collect();
        let Some(name) = words.pop() else { return Err(Error::NotReady) };
        let mut inner = None;
        for word in words {
            inner = Some(inner.as_ref().unwrap_or(fresh).make(word)?.0);
        }
        let place = inner.as_ref().unwrap_or(fresh);
        if let Some(twin) = twin.filter(|_| matches!(entry.content, super::step::Content::Range { .. })) {
            // What it holds was read back when it was written.
            let shared = match twin.tree.kind {
                Kind::Piprov => twin.board.enter(&twin.tree.job).is_ok_and(|other| place.link(name, &other)),
                Kind::Original => place.link(name, &twin.board),
            };
            if shared {
                return Ok(());
            }
        }
        let (file, path) = (place.create(name, FILE_MODE)?, place.at(name));
        copy::fill(&file, &path, entry, source, place.free(), stop)?;
        copy::check(&file, &path, entry, source, stop)
    }

    /// Moves what the board asks for first into place: from now on it finds the job.
    ///
    /// # Errors
    /// When that isn't possible.
    pub fn publish(&mut self) -> Result<(), Error> {
        let fresh = self.board.enter(FRESH)?;
        // A directory moves in one piece with what is in it.
        let first = self.tree.first.split('/').next().unwrap_or(&self.tree.first);
        fresh.hand_over(first, &self.board)?;
        self.published = true;
        self.board.rmdir(FRESH)?;
        self.board.sync()?;
        Ok(())
    }

    /// Takes away what the board asks for first: a board that starts again finds no job. What is on its way goes on.
    ///
    /// # Errors
    /// When that isn't possible.
    pub fn retire(&mut self) -> Result<(), Error> {
        if !std::mem::take(&mut self.published) {
            return Ok(());
        }
        match self.tree.first.split_once('/') {
            Some((dir, file)) => {
                self.board.enter(dir)?.unlink(file)?;
                self.board.rmdir(dir)
            }
            None => self.board.unlink(&self.tree.first),
        }
    }

    /// Removes the job's files, the one that the board asks for first at the beginning.
    ///
    /// # Errors
    /// When that isn't possible; as much as possible is removed.
    pub fn remove(mut self) -> Result<(), Error> {
        self.kept = true;
        self.take_away()
    }

    /// Leaves the files where they are. Says how many bytes that is.
    pub fn keep(mut self) -> u64 {
        self.kept = true;
        self.tree.len()
    }

    /// The files.
    #[must_use]
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// The board's directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.board.path()
    }

    /// The directories of its files: where each is now, and what stands before its files' names in a path.
    fn dirs(&self) -> BTreeMap<PathBuf, String> {
        let mut dirs = BTreeMap::new();
        for entry in self.tree.files.iter().chain([&self.tree.opening]) {
            let fresh = entry.path == self.tree.first && !self.published && self.tree.kind == Kind::Piprov;
            let base = if fresh { self.board.at(FRESH) } else { self.board.path().to_owned() };
            match entry.path.rsplit_once('/') {
                Some((dir, _)) => dirs.insert(base.join(dir), format!("{dir}/")),
                None => dirs.insert(base, String::new()),
            };
        }
        dirs
    }

    fn take_away(&mut self) -> Result<(), Error> {
        let retired = self.retire();
        let mut all = vec![retired];
        if self.board.kind(FRESH).is_some() {
            all.push(self.board.remove_tree(FRESH, None));
        }
        match self.tree.kind {
            Kind::Piprov if self.board.kind(&self.tree.job).is_some() => {
                all.push(self.board.remove_tree(&self.tree.job, Some("OK")));
            }
            Kind::Piprov => {}
            Kind::Original => all.push(clear_original(&self.board)),
        }
        if self.made {
            // Another program may have put something beside it meanwhile; then it stays.
            let _ = self.root.rmdir(&self.name);
        }
        all.into_iter().collect()
    }

    /// Removes what an earlier run left behind, and finds what is in the way.
    fn clear_old(&self) -> Result<(), Error> {
        let board = &self.board;
        if board.kind(FRESH).is_some() {
            board.remove_tree(FRESH, None)?;
        }
        if board.kind("job").is_some() {
            let job = board.enter("job")?;
            for name in job.names()? {
                let place = name
                    .split_once('-')
                    .is_some_and(|(a, b)| [a, b].map(answer_text::hex).iter().all(Option::is_some));
                if place && job.peek(&name, 6).is_some_and(|bytes| bytes == b"pp_do=") {
                    job.unlink(&name)?;
                }
            }
            board.rmdir("job")?;
        }
        for name in board.names()? {
            if is_job(board, &name) {
                board.remove_tree(&name, Some("OK"))?;
            }
        }
        clear_original(board)?;
        if self.tree.kind == Kind::Original {
            // A report from before must not be taken for a fresh one.
            for report in REPORTS {
                match board.changed(report) {
                    Some((len, _)) if len <= LONGEST_REPORT => board.unlink(report)?,
                    None if board.kind(report).is_none() => {}
                    _ => return Err(Error::Foreign { path: board.at(report) }),
                }
            }
            for name in board.names()? {
                if name.starts_with("rpi_image_part_") {
                    return Err(Error::Foreign { path: board.at(&name) });
                }
            }
        }
        Ok(())
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if !self.kept {
            // A caller that wants to know calls `remove`.
            let _ = self.take_away();
        }
    }
}

/// Whether `name` is the directory of a job that piprov has staged.
fn is_job(board: &Place, name: &str) -> bool {
    let Some(id) = answer_text::hex(name).filter(|_| name.len() == 8) else { return false };
    let done = answer_text::word(&answer_text::job_name(id), Word::Done);
    board.kind(name) == Some(FileType::Directory)
        && board
            .enter(name)
            .is_ok_and(|job| job.peek("OK", done.len() + 1).is_some_and(|bytes| bytes == done))
}

/// Removes parts and reports that are ours by the note beside them.
fn clear_original(board: &Place) -> Result<(), Error> {
    if board.kind(NOTE) != Some(FileType::RegularFile) {
        return Ok(());
    }
    for n in 0..10 {
        board.unlink(&format!("rpi_image_part_{n}"))?;
    }
    for report in REPORTS {
        board.unlink(report)?;
    }
    board.unlink(NOTE)
}

/// Writes the whole tree of job `id` into the directory `board`, which is made where it isn't there, and leaves it
/// there: for a USB stick, `board` is `piprov` in its root. Gives the tree.
///
/// # Errors
/// [`Error::NotReady`] while `material` doesn't know all checksums; else as [`Staged::put`].
pub fn write_tree(
    board: &Path,
    id: u32,
    material: &dyn Material,
    card: &CardInfo,
    source: Source<'_>,
    stop: &Stop,
) -> Result<Tree, Error> {
    let Known::Is(tree) = Tree::piprov(id, material, card)? else { return Err(Error::NotReady) };
    let root = match board.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let Some(name) = board.file_name().and_then(|name| name.to_str()) else {
        let source = std::io::Error::from(std::io::ErrorKind::InvalidInput);
        return Err(Error::os("writing into", board, source));
    };
    let mut staged = Staged::put(root, name, tree, source, None, stop)?;
    staged.publish()?;
    let tree = staged.tree.clone();
    staged.keep();
    Ok(tree)
}

#[cfg(test)]
mod tests;
