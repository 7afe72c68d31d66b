//! What is done with clients that are there: removed, renamed, exported.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::apply::{Target, remove_tree};
use super::checklist::{Facts, Key, Mode, Plan, Protocol, Where, plan};
use super::names::Name;
use super::overlay::Layered;
use super::record::{Lock, Phase, Record, Records, replace};
use super::source::{HostSource, Source};
use super::view::View;
use super::{Error, exports, host, nfs};
use crate::progress::Progress;
use crate::stop::Stop;

/// Where everything is.
#[derive(Debug, Clone)]
pub struct Places {
    /// The tree that is served over TFTP.
    pub tftp: PathBuf,
    /// The clients' roots.
    pub clients: PathBuf,
    /// Roots that several clients share.
    pub shared: PathBuf,
    /// What is known of the clients.
    pub state: PathBuf,
    /// The file with what the kernel's NFS server exports; it is piprov's alone.
    pub exports: PathBuf,
    /// The same for nfs-ganesha, which reads it where its own file includes it.
    pub ganesha: PathBuf,
}

/// Who exports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exporter {
    /// The kernel, told by this exportfs.
    Kernel(PathBuf),
    /// nfs-ganesha.
    Ganesha,
}

/// Shows what is being done.
pub trait Watch {
    /// A piece of work begins; a gerund.
    fn begin(&self, what: &'static str);
    /// Something that should be known.
    fn note(&self, text: &str);
    /// Takes how far the piece of work is.
    fn progress(&self) -> &dyn Progress;
}

/// The clients of this host.
#[derive(Debug, Clone)]
pub struct Clients {
    pub(super) places: Places,
    pub(super) stop: Stop,
}

impl Clients {
    /// The clients that are kept at these places. Nothing is read or made.
    #[must_use]
    pub fn new(places: Places, stop: Stop) -> Self {
        Self { places, stop }
    }

    /// Where they are kept.
    #[must_use]
    pub fn places(&self) -> &Places {
        &self.places
    }

    pub(super) fn records(&self) -> Records {
        Records::new(&self.places.state)
    }

    /// All clients by name, those half made too.
    ///
    /// # Errors
    /// When a record can't be read.
    pub fn all(&self) -> Result<Vec<Record>, Error> {
        self.records().all()
    }

    /// One client.
    ///
    /// # Errors
    /// [`Error::NoClient`]; and when its record can't be read.
    pub fn one(&self, name: &Name) -> Result<Record, Error> {
        self.records().need(name)
    }

    /// Who exports on this host: the kernel's server where its exportfs is, otherwise nfs-ganesha. Where both are
    /// installed and the kernel has no server, it is nfs-ganesha.
    ///
    /// # Errors
    /// [`Error::NoExportfs`] where there is neither.
    pub fn exporter(&self) -> Result<Exporter, Error> {
        let ganesha = host::program("ganesha.nfsd").is_some();
        match host::program("exportfs") {
            Some(exportfs) if !ganesha || nfs::kernel_server() => Ok(Exporter::Kernel(exportfs)),
            _ if ganesha => Ok(Exporter::Ganesha),
            _ => Err(Error::NoExportfs),
        }
    }

    /// What clients may ask this host's NFS server. Whoever exports by hand (`--no-exports`) has the same server.
    pub(super) fn protocol(&self) -> Protocol {
        match self.exporter() {
            Ok(Exporter::Ganesha) => Protocol::NoAcl,
            Ok(Exporter::Kernel(_)) | Err(_) => Protocol::Whole,
        }
    }

    /// What the exports' file has to hold.
    pub(super) fn exports_text(&self, exporter: &Exporter, records: &[Record]) -> (PathBuf, String) {
        match exporter {
            Exporter::Kernel(_) => {
                (self.places.exports.clone(), exports::kernel_file(records, &exports::needs_fsid))
            }
            Exporter::Ganesha => (self.places.ganesha.clone(), exports::ganesha_file(records)),
        }
    }

    /// Writes the exports of these clients and lets the server know. Without any of them the file goes.
    pub(super) fn export(&self, records: &[Record]) -> Result<(), Error> {
        let exporter = self.exporter()?;
        let (path, text) = self.exports_text(&exporter, records);
        if records.iter().any(|record| record.exported && record.phase == Phase::Ready) {
            let dir = path.parent().unwrap_or(Path::new("/"));
            std::fs::create_dir_all(dir).map_err(Error::os("making", dir))?;
            replace(&path, text.as_bytes(), 0o644)?;
        } else if let Err(error) = std::fs::remove_file(&path)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            return Err(Error::os("removing", &path)(error));
        }
        match exporter {
            Exporter::Kernel(exportfs) => host::run(&exportfs, &[OsStr::new("-ra")]),
            // It reads its exports again at SIGHUP, which systemd sends it. Where systemd doesn't run it, nobody
            // knows how it was started, and `check` says what is missing.
            Exporter::Ganesha => match host::program("systemctl") {
                Some(systemctl) if Path::new("/run/systemd/system").exists() => {
                    host::run(&systemctl, &["try-reload-or-restart".as_ref(), "nfs-ganesha".as_ref()])
                }
                _ => Ok(()),
            },
        }
    }

    /// Takes back what was made for a client, whatever phase it is in. It may be done again after it was interrupted.
    pub(super) fn undo(&self, record: &Record) -> Result<(), Error> {
        let records = self.records();
        let mut going = record.clone();
        going.phase = Phase::Removing;
        records.write(&going)?;
        let mut others: Vec<Record> = records.all()?;
        others.retain(|other| other.name != record.name);
        // First nobody may mount it any more.
        if record.exported {
            let told = self.export(&others);
            // If it was never ready, this may be what failed before.
            if record.phase != Phase::Making {
                told?;
            }
        }
        let shared = record.mode == Mode::Overlay && others.iter().any(|other| other.root == record.root);
        if record.mode == Mode::Overlay && !shared {
            remove_tree(&record.root)?;
        }
        // What serves others too goes with the last of them.
        let (kept, gone): (Vec<_>, Vec<_>) = record
            .made
            .iter()
            .cloned()
            .partition(|path| path.ends_with("bootcode.bin") && !others.is_empty());
        for path in gone {
            remove_tree(&path)?;
        }
        for path in &record.parents {
            // Somebody's files may be in it by now.
            let _ = std::fs::remove_dir(path);
        }
        let left: Vec<_> = record.parents.iter().filter(|path| path.exists()).cloned().collect();
        if let Some(heir) = others.first_mut().filter(|_| !kept.is_empty() || !left.is_empty()) {
            heir.made.extend(kept);
            heir.parents.extend(left);
            records.write(heir)?;
        }
        records.remove(&record.name)
    }

    /// Removes a client: its exports, its root, its boot files. A root that it shares goes with the last that has it.
    ///
    /// # Errors
    /// [`Error::NoClient`]; and what removing ends with. It can be tried again.
    pub fn remove(&self, name: &Name) -> Result<Record, Error> {
        let record = self.one(name)?;
        if !rustix::process::geteuid().is_root() {
            return Err(Error::NotRoot);
        }
        let _lock = Lock::take(&self.places.state)?;
        self.undo(&record)?;
        Ok(record)
    }

    /// Gives a client another name: its directory, its host name, its exports. It takes effect at its next start;
    /// while it runs, what it has mounted stays.
    ///
    /// # Errors
    /// [`Error::NoClient`], [`Error::Exists`], [`Error::Occupied`]; and what changing its files ends with. After an
    /// error the same can be tried again.
    pub fn rename(&self, old: &Name, new: &Name) -> Result<Record, Error> {
        let records = self.records();
        let mut record = self.one(old)?;
        if record.phase != Phase::Ready {
            return Err(Error::Unfinished { name: record.name, from: record.origin.from });
        }
        let again = record.renaming.as_deref() == Some(new.as_str());
        if let Some(there) = records.find(new)? {
            return Err(Error::Exists { name: there.name, board: there.board });
        }
        let from = record.layer.clone().unwrap_or_else(|| record.root.clone());
        let to = from.with_file_name(new.as_str());
        if to.exists() && !again {
            return Err(Error::Occupied { path: to });
        }
        if !rustix::process::geteuid().is_root() {
            return Err(Error::NotRoot);
        }
        let _lock = Lock::take(&self.places.state)?;
        record.renaming = Some(new.to_string());
        records.write(&record)?;
        if from.exists() {
            std::fs::rename(&from, &to).map_err(Error::os("renaming", &from))?;
        }
        let mut renamed = record.clone();
        renamed.renaming = None;
        renamed.name = new.to_string();
        for path in renamed.made.iter_mut().filter(|path| **path == from) {
            path.clone_from(&to);
        }
        match &mut renamed.layer {
            Some(layer) => *layer = to,
            None => renamed.root = to,
        }
        self.repair(&renamed)?;
        records.write(&renamed)?;
        records.remove(&record.name)?;
        if renamed.exported {
            self.export(&records.all()?)?;
        }
        Ok(renamed)
    }

    /// What the checklist still wants of a client.
    pub(super) fn wanted(&self, record: &Record) -> Result<Plan, Error> {
        let facts = facts(record, self.protocol())?;
        let boot = HostSource { root: record.boot.clone() };
        let root = source(record);
        plan(&facts, &View(&*root), &View(&boot))
    }

    /// Makes the changes that the checklist still wants.
    pub(super) fn repair(&self, record: &Record) -> Result<usize, Error> {
        let wanted = self.wanted(record)?;
        let lower = HostSource { root: record.root.clone() };
        let root = match &record.layer {
            Some(layer) => Target::open(layer, Some(&lower))?,
            None => Target::open(&record.root, None)?,
        };
        let boot = Target::open(&record.boot, None)?;
        let mut count = 0;
        for change in wanted.changes.iter().filter(|change| change.item != "ssh-keys") {
            match change.tree {
                Where::Root => root.apply(change)?,
                Where::Boot => boot.apply(change)?,
            }
            count += 1;
        }
        Ok(count)
    }
}

/// A client's root as it sees it.
fn source(record: &Record) -> Box<dyn Source> {
    let lower = HostSource { root: record.root.clone() };
    match &record.layer {
        Some(layer) => Box::new(Layered { layer: HostSource { root: layer.clone() }, lower }),
        None => Box::new(lower),
    }
}

/// What the checklist needs to know of a client that is there.
fn facts(record: &Record, protocol: Protocol) -> Result<Facts, Error> {
    let keys = record.keys.iter().map(|key| Key {
        file: key.file.clone(),
        private: None,
        public: key.public.clone(),
    });
    Ok(Facts {
        name: record.name.parse()?,
        board: record.board.parse()?,
        mode: record.mode,
        server: record.server,
        protocol,
        root: record.root.clone(),
        layer: record.layer.clone(),
        boot: record.boot.clone(),
        layout: record.layout.clone(),
        foreign_machine_id: record.foreign_machine_id.clone(),
        machine_id: record.machine_id.clone(),
        keys: keys.collect(),
    })
}
