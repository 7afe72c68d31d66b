//! The clients of this host: where they are, what exports them, and what their checklist still wants.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::apply::Target;
use super::checklist::{ChangePlan, Facts, Key, Protocol, Where, plan};
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

    /// What the exports' file has to hold. What stands in it for clients whose records can't be read stays.
    pub(super) fn exports_text(&self, exporter: &Exporter, records: &[Record]) -> Result<ExportsText, Error> {
        let path = match exporter {
            Exporter::Kernel(_) => self.places.exports.clone(),
            Exporter::Ganesha => self.places.ganesha.clone(),
        };
        let damaged = self.records().damaged()?;
        let kept = if damaged.is_empty() { Vec::new() } else { exports::kept(&path, &damaged)? };
        let text = match exporter {
            Exporter::Kernel(_) => exports::kernel_file(records, &kept, &exports::needs_fsid),
            Exporter::Ganesha => exports::ganesha_file(records, &kept),
        };
        let any = records.iter().any(|record| record.exported && record.phase == Phase::Ready);
        Ok(ExportsText { path, text, is_empty: !any && kept.is_empty() })
    }

    /// Writes the exports of these clients and lets the server know. Without any of them the file goes.
    pub(super) fn export(&self, records: &[Record]) -> Result<(), Error> {
        let exporter = self.exporter()?;
        let ExportsText { path, text, is_empty } = self.exports_text(&exporter, records)?;
        if !is_empty {
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

    /// A client that is about to be changed. The lock comes first: what was read before it may be a change ago.
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
        Ok((lock, record))
    }

    /// What the checklist still wants of a client.
    pub(super) fn wanted(&self, record: &Record) -> Result<ChangePlan, Error> {
        let facts = self.facts(record)?;
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

    /// What the checklist needs to know of a client that is there.
    pub(super) fn facts(&self, record: &Record) -> Result<Facts, Error> {
        let keys = record.keys.iter().map(|key| Key {
            file: key.file.clone(),
            private: None,
            public: key.public.clone(),
        });
        let addresses =
            host::addresses().map_err(Error::os("asking for the addresses of", Path::new("this host")))?;
        Ok(Facts {
            name: record.name.parse()?,
            board: record.board.parse()?,
            mode: record.mode,
            server: record.server,
            addresses: host::with_server(record.server, &addresses),
            protocol: self.protocol(),
            root: record.root.clone(),
            layer: record.layer.clone(),
            boot: record.boot.clone(),
            layout: record.layout.clone(),
            is_this_host: record.origin.from == Path::new("/"),
            // What it mounts there is its own by now.
            apart: Vec::new(),
            foreign_machine_id: record.foreign_machine_id.clone(),
            machine_id: record.machine_id.clone(),
            keys: keys.collect(),
            stop: self.stop.clone(),
        })
    }
}

/// The file with what is exported.
pub(super) struct ExportsText {
    pub(super) path: PathBuf,
    pub(super) text: String,
    /// Whether nothing is exported.
    pub(super) is_empty: bool,
}

/// Whether a client has a path.
pub(super) fn owns(record: &Record, path: &Path) -> bool {
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

#[cfg(test)]
mod tests {
    use super::super::checklist::Mode;
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
        (client.root, client.boot, client.made) = (at("shared/base"), at("tftp/a2ef5644"), vec![]);
        (client.mode, client.layer, client.exported) = (Mode::Overlay, Some(at("clients/lab-01")), false);
        std::fs::create_dir_all(&client.root).unwrap();
        clients.records().write(&client).unwrap();
        std::fs::write(at("state/clients/lab-02.toml"), "garbage").unwrap();
        assert!(matches!(clients.remove(&name), Err(Error::State { .. })));
        assert_eq!(clients.one(&name).unwrap(), client, "it isn't even begun");
        let (sound, damaged) = clients.sound().unwrap();
        assert!(sound == [client] && damaged[0].to_string().contains("lab-02.toml"), "{damaged:?}");
        // A root of its own is nobody else's.
        let mut own = record("lab-03");
        (own.root, own.boot, own.exported) = (at("clients/lab-03"), at("tftp/a2ef5645"), false);
        own.made = vec![own.root.clone(), own.boot.clone()];
        std::fs::create_dir_all(&own.root).unwrap();
        clients.records().write(&own).unwrap();
        clients.remove(&"lab-03".parse().unwrap()).unwrap();
        assert!(!own.root.exists());
    }
}
