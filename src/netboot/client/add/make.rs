//! The work: copy, compare, change, put in place, export.

use std::path::Path;

use rustix::io::Errno;

use super::super::apply::Target;
use super::super::checklist::{Key, Where, plan};
use super::super::copy::{Choose, Copy, Take};
use super::super::record::{Lock, Phase, PublicKey, Record};
use super::super::run::Telling;
use super::super::source::{HostSource, Node, Source};
use super::super::verify::{Proved, Verify};
use super::super::view::View;
use super::super::{Error, home, keys, overlay};
use super::Prepared;
use super::places::{absolute, free, missing_parents, new_boot};
use crate::beneath::{Access, Dir};
use crate::error::{Task, remedy};
use crate::format::hex;
use crate::run::Stage;

impl Prepared<'_> {
    /// Makes the client. Whatever fails, and Ctrl-C, takes back what was made.
    ///
    /// # Errors
    /// What the work ends with; nothing is left then, unless taking it back failed too, which is told to `watch`.
    pub(in super::super) fn carry_out(mut self, watch: &Telling<'_>) -> Result<Record, Error> {
        if !rustix::process::geteuid().is_root() {
            return Err(Error::NotRoot);
        }
        let _lock = Lock::take(&self.clients.places.state)?;
        // Somebody made or removed one since, or put something in its place.
        if self.clients.sound()?.0 != self.seen {
            return Err(Error::Locked { path: self.clients.places.state.join("lock") });
        }
        if self.begun.is_none() {
            let record = &self.record;
            free([Some(&record.root).filter(|_| !self.shares), record.layer.as_ref(), Some(&record.boot)])?;
        }
        match self.make(watch) {
            Ok(()) => Ok(self.record),
            Err(error) => {
                if let Err(other) = self.clients.undo(&self.record) {
                    watch.warn(remedy![
                        format!("not all of it could be taken back: {other}; "),
                        Task::ClientRemove.of(&self.record.name),
                        " tries again",
                    ]);
                }
                Err(error)
            }
        }
    }

    fn make(&mut self, watch: &Telling<'_>) -> Result<(), Error> {
        let clients = self.clients;
        let records = clients.records();
        // What the checklist had begun to change is no copy any more.
        let resume = self.begun.as_ref().is_some_and(|begun| begun.keys.is_empty());
        if let Some(begun) = self.begun.take() {
            if resume {
                self.record.parents = begun.parents;
            } else {
                clients.undo(&begun)?;
            }
        }
        let mut wanted: Vec<&Path> = vec![&self.record.root, &self.record.boot];
        wanted.extend(self.record.layer.as_deref());
        let missing = missing_parents(&wanted);
        self.record.parents.splice(0..0, missing);
        records.write(&self.record)?;
        // A client's programs with setuid are not for the users of this host. The NFS server gets in all the same.
        let mut private = vec![absolute(&clients.places.clients)];
        if self.record.layer.is_some() {
            private.push(absolute(&clients.places.shared));
        }
        for place in private {
            home::make(&place, 0o700)?;
            home::private(&place)?;
        }

        let (root, boot) = (self.record.root.clone(), self.record.boot.clone());
        let root_dir = home::make(&root, 0o755)?;
        if !self.shares {
            // The directories of clients are there by now, the copy's own too.
            self.material.look_apart();
            let take = |path: &Path, node: &Node| self.material.take(path, node);
            let from = Tree { source: &*self.material.root, take: &take, expected: self.material.expected };
            let proved = self.copy(watch, from, &root_dir, "copying the root", "comparing the root")?;
            self.record.origin.root_sha256 = hex(&proved.sha256);
            (self.record.origin.entries, self.record.origin.bytes) =
                (proved.amount.entries, proved.amount.bytes);
        }
        let new = new_boot(&boot);
        home::remove(&new)?;
        let new_dir = home::make(&new, 0o755)?;
        let all = |_: &Path, _: &Node| Take::All;
        let from = Tree { source: &self.material.boot, take: &all, expected: None };
        let proved =
            self.copy(watch, from, &new_dir, "copying the boot files", "comparing the boot files")?;
        self.record.origin.boot_sha256 = hex(&proved.sha256);
        // A compressed image proves itself at its end, which may lie behind all files.
        if let Some(image) = &self.material.image {
            watch.begin(Stage::ReadBack, "reading the image to its end");
            image.content().size().map_err(Error::os("reading", &self.material.from))?;
            self.record.origin.file_sha256 = image.file_sha256().transpose()?.map(|digest| hex(&digest));
        }

        watch.begin(Stage::Change, "making it this client's");
        self.facts.keys = keys::generate(&self.facts.name, records.state())?;
        let public = |key: &Key| PublicKey { file: key.file.clone(), public: key.public.clone() };
        self.record.keys = self.facts.keys.iter().map(public).collect();
        records.write(&self.record)?;
        self.change(&root_dir, &new_dir)?;
        let (tftp, name) = home::around(&boot)?;
        let from = new.file_name().unwrap_or_default();
        match tftp.rename_new(from, &tftp, &name) {
            // It came there a moment ago, and isn't ours.
            Err(Errno::EXIST) => {
                self.record.made.retain(|path| *path != boot);
                return Err(Error::Occupied { path: boot });
            }
            other => other.map_err(Error::os("putting in place", &boot))?,
        }
        self.bootcode(&new_dir)?;
        root_dir.flush().map_err(Error::os("writing out", &root))?;
        tftp.flush().map_err(Error::os("writing out", &boot))?;

        let mut ready = self.record.clone();
        ready.phase = Phase::Ready;
        if ready.exported {
            watch.begin(Stage::Export, "exporting");
            let mut all = records.sound()?.0;
            all.retain(|other| other.name != ready.name);
            all.push(ready.clone());
            all.sort_by(|one, other| one.name.cmp(&other.name));
            clients.export(&all)?;
        }
        records.write(&ready)?;
        self.record = ready;
        Ok(())
    }

    /// Copies a tree and compares the copy.
    fn copy(
        &self,
        watch: &Telling<'_>,
        from: Tree<'_>,
        to: &Dir,
        copying: &'static str,
        comparing: &'static str,
    ) -> Result<Proved, Error> {
        let stop = &self.clients.stop;
        let progress = watch;
        let Tree { source, take: choose, expected } = from;
        watch.begin(Stage::Copy, copying);
        let amount = Copy { source, to, choose, progress, stop, expected }.run()?;
        watch.begin(Stage::ReadBack, comparing);
        let (running, expected) = (self.material.running, Some(amount.bytes));
        let proved = Verify { source, copy: to, choose, progress, stop, expected, running }.run()?;
        if !proved.changed.is_empty() {
            let first: Vec<_> =
                proved.changed.iter().take(3).map(|path| format!("/{}", path.display())).collect();
            let what = format!(
                "{} of the running system changed while they were copied: {}",
                crate::format::count(proved.changed.len() as u64, "file"),
                first.join(", ")
            );
            watch.warn(what);
        }
        Ok(proved)
    }

    /// Makes the changes of the checklist, and looks whether all of them are there.
    fn change(&mut self, root: &Dir, boot: &Dir) -> Result<(), Error> {
        let again = |dir: &Dir| -> Result<_, Error> {
            Ok(HostSource::of(dir.again().map_err(Error::os("opening", dir.path()))?))
        };
        let (lower, new_boot) = (again(root)?, again(boot)?);
        let boot_target = Target::of(boot, None)?;
        let layer = match &self.record.layer {
            None => None,
            Some(layer) => {
                if !self.shares {
                    Target::of(root, None)?.apply(&overlay::init())?;
                }
                home::remove(layer)?;
                // The layer's top is what the client sees as `/`.
                Some(home::make(layer, 0o755)?)
            }
        };
        let target = match &layer {
            None => Target::of(root, None)?,
            Some(layer) => Target::of(layer, Some(&lower))?,
        };
        let wanted = plan(&self.facts, &View(&lower), &View(&new_boot))?;
        for change in &wanted.changes {
            match change.tree {
                Where::Root => target.apply(change)?,
                Where::Boot => boot_target.apply(change)?,
            }
        }
        self.plan = wanted;
        drop(target);
        let left = match layer {
            None => plan(&self.facts, &View(&lower), &View(&new_boot))?,
            Some(layer) => {
                let layered = overlay::Layered { layer: HostSource::of(layer), lower };
                plan(&self.facts, &View(&layered), &View(&new_boot))?
            }
        };
        if left.changes.is_empty() {
            return Ok(());
        }
        let differences =
            left.changes.iter().map(|change| format!("{} was not changed", change.path)).collect();
        Err(Error::Different { root: root.path().to_owned(), differences })
    }

    /// The mask ROM of a Pi 3 asks for its first file at the root of the tree.
    fn bootcode(&mut self, boot: &Dir) -> Result<(), Error> {
        const NAME: &str = "bootcode.bin";
        let (tftp, _) = home::around(&self.record.boot)?;
        if boot.kind(NAME).is_none() || tftp.kind(NAME).is_some() {
            return Ok(());
        }
        // The real one has 52 KB.
        let bytes = boot.read(NAME, 16 << 20).map_err(Error::os("reading", &boot.at(NAME)))?;
        self.record.made.push(self.clients.places.tftp.join(NAME));
        self.clients.records().write(&self.record)?;
        tftp.replace_file(NAME, &bytes, Access::Mode(0o644)).map_err(Error::os("writing", &tftp.at(NAME)))
    }
}

/// A tree to copy.
struct Tree<'a> {
    source: &'a dyn Source,
    take: &'a Choose<'a>,
    expected: Option<u64>,
}
