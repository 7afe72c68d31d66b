//! What is done with clients that are there: removed, renamed, exported.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::apply::Target;
use super::checklist::{ChangePlan, Facts, Key, Mode, Protocol, Where, plan};
use super::names::Name;
use super::overlay::Layered;
use super::record::{Lock, Phase, Record, Records};
use super::source::{HostSource, Source};
use super::view::View;
use super::{Error, exports, home, host, nfs, rename, set};
use crate::beneath::{Access, Dir};
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

/// The server that exports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exporter {
    /// The kernel, told by this exportfs.
    Kernel(PathBuf),
    /// nfs-ganesha.
    Ganesha,
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

    /// All clients whose records can be read, and what is wrong with the other records.
    ///
    /// # Errors
    /// When the records' directory can't be read.
    pub fn sound(&self) -> Result<(Vec<Record>, Vec<Error>), Error> {
        self.records().sound()
    }

    /// One client.
    ///
    /// # Errors
    /// [`Error::NoClient`]; and when its record can't be read.
    pub fn one(&self, name: &Name) -> Result<Record, Error> {
        self.records().need(name)
    }

    /// What exports on this host: the kernel's server where its exportfs is, otherwise nfs-ganesha. Where both are
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

    /// What clients may ask this host's NFS server. A user that exports by hand (`--no-exports`) has the same server.
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
            let dir = home::make(path.parent().unwrap_or(Path::new("/")), 0o755)?;
            let name = path.file_name().unwrap_or_default();
            dir.replace_file(name, text.as_bytes(), Access::Mode(0o644))
                .map_err(Error::os("writing", &path))?;
        } else {
            match home::around(&path) {
                Err(gone) if gone.is_gone() => {}
                around => {
                    let (dir, name) = around?;
                    dir.remove_file(name).map_err(Error::os("removing", &path))?;
                }
            }
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
        if record.mode == Mode::Overlay && !others.iter().any(|other| owns(other, &record.root)) {
            home::remove(&record.root)?;
        }
        // What serves others too goes with the last of them.
        let (kept, mut gone): (Vec<_>, Vec<_>) = record
            .made
            .iter()
            .cloned()
            .partition(|path| path.ends_with("bootcode.bin") && !others.is_empty());
        gone.extend(rename::moved(record));
        gone.extend(set::moved(record));
        // Whatever this record says, what another client has stays.
        gone.retain(|path| !others.iter().any(|other| owns(other, path)));
        for path in gone {
            home::remove(&path)?;
        }
        for path in &record.parents {
            home::remove_empty(path);
        }
        let left: Vec<_> = record.parents.iter().filter(|path| path.exists()).cloned().collect();
        if let Some(heir) = others.first_mut().filter(|_| !kept.is_empty() || !left.is_empty()) {
            // A run that was killed here may have given it already.
            heir.made.extend(kept.into_iter().filter(|path| !owns(heir, path)).collect::<Vec<_>>());
            heir.parents
                .extend(left.into_iter().filter(|path| !heir.parents.contains(path)).collect::<Vec<_>>());
            records.write(heir)?;
        }
        records.remove(&record.name)
    }

    /// Removes a client: its exports, its root, its boot files. A root that it shares goes with the last that has it.
    ///
    /// # Errors
    /// [`Error::NoClient`]; and what removing ends with. It can be tried again.
    pub fn remove(&self, name: &Name) -> Result<Record, Error> {
        let (_lock, record) = self.locked(name)?;
        self.undo(&record)?;
        Ok(record)
    }

    /// A client that is about to be changed. The lock comes first: what was read before it may be a change ago. A record
    /// of another client that can't be read is an error here: the exports are written from all of them, and what a
    /// client shares is removed when no other has it.
    pub(super) fn locked(&self, name: &Name) -> Result<(Lock, Record), Error> {
        let is_root = rustix::process::geteuid().is_root();
        // Nothing is made for a client that isn't there.
        if !is_root || !self.places.state.exists() {
            self.one(name)?;
        }
        if !is_root {
            return Err(Error::NotRoot);
        }
        let lock = Lock::take(&self.places.state)?;
        let record = self.one(name)?;
        self.all()?;
        Ok((lock, record))
    }

    /// What the checklist still wants of a client.
    pub(super) fn wanted(&self, record: &Record) -> Result<ChangePlan, Error> {
        let facts = facts(record, self.protocol())?;
        let boot = HostSource::open(&record.boot)?;
        let root = source(record)?;
        plan(&facts, &View(&*root), &View(&boot))
    }

    /// Makes the changes that the checklist still wants.
    pub(super) fn repair(&self, record: &Record) -> Result<usize, Error> {
        let wanted = self.wanted(record)?;
        let open = |path: &Path| Dir::open(path).map_err(Error::os("opening", path));
        let lower = HostSource::open(&record.root)?;
        let root = match &record.layer {
            Some(layer) => Target::of(&open(layer)?, Some(&lower))?,
            None => Target::of(lower.dir(), None)?,
        };
        let boot = Target::of(&open(&record.boot)?, None)?;
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

/// Whether a client has a path.
fn owns(record: &Record, path: &Path) -> bool {
    let own = [Some(&record.root), record.layer.as_ref(), Some(&record.boot)];
    own.into_iter().flatten().chain(&record.made).any(|owned| owned == path)
        || rename::moved(record).is_some_and(|owned| owned == path)
        || set::moved(record).is_some_and(|owned| owned == path)
}

/// A client's root as it sees it.
pub(super) fn source(record: &Record) -> Result<Box<dyn Source>, Error> {
    let lower = HostSource::open(&record.root)?;
    Ok(match &record.layer {
        Some(layer) => Box::new(Layered { layer: HostSource::open(layer)?, lower }),
        None => Box::new(lower),
    })
}

/// What the checklist needs to know of a client that is there.
pub(super) fn facts(record: &Record, protocol: Protocol) -> Result<Facts, Error> {
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
        is_this_host: record.origin.from == Path::new("/"),
        foreign_machine_id: record.foreign_machine_id.clone(),
        machine_id: record.machine_id.clone(),
        keys: keys.collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::record::tests::record;
    use super::*;

    #[test]
    fn nothing_is_read_before_the_lock() {
        let dir = tempfile::tempdir().unwrap();
        let at = |path: &str| dir.path().join(path);
        let places = Places {
            tftp: at("tftp"),
            clients: at("clients"),
            shared: at("shared"),
            state: at("state"),
            exports: at("exports"),
            ganesha: at("ganesha"),
        };
        let clients = Clients::new(places, Stop::new().unwrap());
        let name: Name = "lab-01".parse().unwrap();
        assert!(matches!(clients.remove(&name), Err(Error::NoClient { .. })));
        assert!(!at("state").exists(), "nothing is made for a client that isn't there");
        let lock = Lock::take(&at("state")).unwrap();
        // Whoever has the lock may be about to make it, or to rename it.
        assert!(matches!(clients.remove(&name), Err(Error::Locked { .. })));
        assert!(matches!(clients.repair_client(&name), Err(Error::Locked { .. })));
        drop(lock);
        assert!(matches!(clients.remove(&name), Err(Error::NoClient { .. })));
        // With a record that can't be read nobody knows what else has the shared root.
        let mut client = record("lab-01");
        (client.root, client.boot, client.made) = (at("clients/lab-01"), at("tftp/a2ef5644"), vec![]);
        std::fs::create_dir_all(&client.root).unwrap();
        clients.records().write(&client).unwrap();
        std::fs::write(at("state/clients/lab-02.toml"), "garbage").unwrap();
        assert!(matches!(clients.remove(&name), Err(Error::State { .. })));
        assert_eq!(clients.one(&name).unwrap(), client, "it isn't even begun");
        let (sound, damaged) = clients.sound().unwrap();
        assert!(sound == [client] && damaged[0].to_string().contains("lab-02.toml"), "{damaged:?}");
    }
}
