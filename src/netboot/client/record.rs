//! What is known of each client: a file each, written before anything is made, so that whatever a killed run has left
//! behind can be found again.

use std::fs::File;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rustix::fs::FileType;
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::Error;
use super::checklist::Mode;
use super::layout::Layout;
use super::names::Name;
use crate::beneath::{Access, Dir};

/// How far a client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// It is being made, or a run that made it was killed.
    Making,
    /// It was compared with its source, and is exported.
    Ready,
    /// It is being removed, or a run that removed it was killed.
    Removing,
}

/// Where a root came from, and what was found equal to it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The image or directory.
    pub from: PathBuf,
    /// What tells it from another: length and time of an image, and its file system's UUID; path, inode and device of
    /// a directory.
    pub identity: String,
    /// sha256 of the image's file, where it is compressed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_sha256: Option<String>,
    /// sha256 over all names of the root, what belongs to each, and the contents as they were read back: each piece of
    /// 1 MiB that isn't zeros only, behind its place, and the length. So holes and zeros are the same.
    pub root_sha256: String,
    /// The same over the boot files.
    pub boot_sha256: String,
    /// Names in the root.
    pub entries: u64,
    /// Bytes in its files, without holes.
    pub bytes: u64,
}

/// The public half of a host key that a client was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicKey {
    /// The private half's file name.
    pub file: String,
    /// The line of the `.pub` file.
    pub public: String,
}

/// What of a client is about to change: what its record will say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Becoming {
    /// Its board.
    pub board: String,
    /// How it has its root.
    pub mode: Mode,
    /// The directory with its boot files; beside the one that it has.
    pub boot: PathBuf,
    /// This host, as the client sees it.
    pub server: Ipv4Addr,
    /// The hosts that may mount it.
    pub network: String,
}

/// One client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// 1; a reader that knows this number understands the rest.
    pub schema: u32,
    /// Its name, which is its host name.
    pub name: String,
    /// Its board: the low 32 bits of the serial number in 8 digits, or the MAC address.
    pub board: String,
    /// How far it is.
    pub phase: Phase,
    /// How it has its root.
    pub mode: Mode,
    /// The directory that it mounts as its root.
    pub root: PathBuf,
    /// An overlay's layer with the client's own files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layer: Option<PathBuf>,
    /// The directory with its boot files.
    pub boot: PathBuf,
    /// This host, as the client sees it.
    pub server: Ipv4Addr,
    /// The hosts that may mount it.
    pub network: String,
    /// Whether piprov exports it.
    pub exported: bool,
    /// What goes when the client goes. (A shared root goes with the last client that has it.)
    pub made: Vec<PathBuf>,
    /// Directories that were made for it, and go when nothing is in them any more; the inner ones first.
    #[serde(default)]
    pub parents: Vec<PathBuf>,
    /// The name that it is getting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renaming: Option<String>,
    /// The name that it had. Its record has the new name already, and its exports may still have the old one.
    #[serde(skip)]
    pub(super) was: Option<String>,
    /// When it was begun, in UTC.
    pub created: Timestamp,
    /// The machine id that was given to it, or would be.
    pub machine_id: String,
    /// The machine id of its source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub foreign_machine_id: Option<String>,
    /// What was recognised.
    pub layout: Layout,
    /// Where it came from.
    pub origin: Origin,
    /// What it is becoming. Until that is done, all else here counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub becoming: Option<Becoming>,
    /// Its host keys.
    #[serde(default)]
    pub keys: Vec<PublicKey>,
}

/// A client's name, and why its record can't be read.
type Damaged = (String, Error);

/// The records' directory.
#[derive(Debug, Clone)]
pub(super) struct Records {
    dir: PathBuf,
}

impl Records {
    pub(super) fn new(state: &Path) -> Self {
        Self { dir: state.join("clients") }
    }

    /// The directory that records and leases are in.
    pub(super) fn state(&self) -> &Path {
        self.dir.parent().unwrap_or(&self.dir)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.join(file(name))
    }

    /// The directory; `None` where it has no directory.
    fn open(&self) -> Result<Option<Dir>, Error> {
        match Dir::open(&self.dir) {
            Err(Errno::NOENT) => Ok(None),
            other => other.map(Some).map_err(Error::os("opening", &self.dir)),
        }
    }

    /// All clients by name.
    pub(super) fn all(&self) -> Result<Vec<Record>, Error> {
        let (records, damaged) = self.sound()?;
        damaged.into_iter().next().map_or(Ok(records), Err)
    }

    /// All clients by name whose records can be read, and what is wrong with the others.
    pub(super) fn sound(&self) -> Result<(Vec<Record>, Vec<Error>), Error> {
        let (records, damaged) = self.look()?;
        Ok((records, damaged.into_iter().map(|(_, error)| error).collect()))
    }

    /// The names of clients whose records can't be read: their files have them.
    pub(super) fn damaged(&self) -> Result<Vec<String>, Error> {
        Ok(self.look()?.1.into_iter().map(|(name, _)| name).collect())
    }

    fn look(&self) -> Result<(Vec<Record>, Vec<Damaged>), Error> {
        let Some(dir) = self.open()? else { return Ok(Default::default()) };
        let (mut records, mut damaged) = (Vec::new(), Vec::new());
        for entry in dir.names().map_err(Error::os("reading", &self.dir))? {
            let stem = entry.to_str().and_then(|entry| entry.strip_suffix(".toml"));
            if let Some(name) = stem.filter(|stem| stem.parse::<Name>().is_ok()) {
                match read(&dir, name) {
                    Ok(record) => records.extend(record),
                    Err(error) => damaged.push((name.to_owned(), error)),
                }
            }
        }
        records.sort_by(|one, other| one.name.cmp(&other.name));
        damaged.sort_by_key(|(_, error)| error.to_string());
        Ok((records, damaged))
    }

    pub(super) fn find(&self, name: &Name) -> Result<Option<Record>, Error> {
        self.open()?.map_or(Ok(None), |dir| read(&dir, name.as_str()))
    }

    /// The client of this name, or an error with the names closest to it.
    pub(super) fn need(&self, name: &Name) -> Result<Record, Error> {
        if let Some(record) = self.find(name)? {
            return Ok(record);
        }
        let names: Vec<String> = self.sound()?.0.into_iter().map(|record| record.name).collect();
        let near = crate::near::near(name.as_str(), names.iter().map(String::as_str));
        Err(Error::NoClient { name: name.to_string(), near })
    }

    /// Writes a record in one step; it is on the disk when this returns.
    pub(super) fn write(&self, record: &Record) -> Result<(), Error> {
        let path = self.path(&record.name);
        let text = toml::to_string(record)
            .map_err(|error| Error::State { path: path.clone(), what: error.to_string() })?;
        let dir = super::home::make(&self.dir, 0o755)?;
        // What runs that were killed have left of theirs.
        for name in dir.names().map_err(Error::os("reading", &self.dir))? {
            if name.to_str().is_some_and(|name| name.starts_with('.') && name.ends_with(".toml.piprov-new")) {
                dir.unlink(&name).map_err(Error::os("removing", &dir.at(&name)))?;
            }
        }
        dir.replace_file(file(&record.name), text.as_bytes(), Access::Mode(0o644))
            .map_err(Error::os("writing", &path))
    }

    pub(super) fn remove(&self, name: &str) -> Result<(), Error> {
        let Some(dir) = self.open()? else { return Ok(()) };
        dir.remove_file(file(name)).map_err(Error::os("removing", &self.path(name)))?;
        // The directory goes with the last of them.
        super::home::remove_empty(&self.dir);
        Ok(())
    }

    /// Gives a client the name that its record says it is getting. This one step is what makes it that: before, the
    /// old name has everything, and after it the new one.
    pub(super) fn commit(&self, record: &Record, new: &Name) -> Result<(), Error> {
        let rename = || {
            let dir = Dir::open(&self.dir)?;
            dir.rename_new(file(&record.name), &dir, file(new.as_str()))?;
            rustix::fs::fsync(&dir)
        };
        rename().map_err(Error::os("renaming", &self.path(&record.name)))
    }
}

fn file(name: &str) -> String {
    format!("{name}.toml")
}

/// No record is longer.
const LONGEST: u64 = 1 << 20;

fn read(dir: &Dir, name: &str) -> Result<Option<Record>, Error> {
    let path = dir.at(file(name));
    let damaged = |what: &str| Error::State { path: path.clone(), what: what.to_owned() };
    match dir.kind(file(name)) {
        None | Some(FileType::RegularFile) => {}
        Some(FileType::Directory) => return Err(damaged("it is a directory, and not a client's record")),
        Some(FileType::Symlink) => return Err(damaged("it is a link, and not a client's record")),
        Some(_) => return Err(damaged("it is no file, and not a client's record")),
    }
    let bytes = match dir.read(file(name), LONGEST) {
        Ok(bytes) => bytes,
        Err(gone) if gone.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(long) if long.kind() == std::io::ErrorKind::FileTooLarge => {
            return Err(damaged("it is longer than any client's record"));
        }
        Err(error) => return Err(Error::os("reading", &path)(error)),
    };
    parse(&bytes, name).map(Some).map_err(|what| Error::State { path, what })
}

/// Understands a record that lies in the file of `name`.
pub(super) fn parse(bytes: &[u8], name: &str) -> Result<Record, String> {
    let not = || "it is not a client's record, or one of a newer piprov".to_owned();
    let text = std::str::from_utf8(bytes).map_err(|_| not())?;
    let mut record: Record = toml::from_str(text).map_err(|error| error.message().to_owned())?;
    let is_name = |name: &str| name.parse::<Name>().is_ok();
    if record.schema != 1
        || !is_name(&record.name)
        || record.renaming.as_deref().is_some_and(|new| !is_name(new))
    {
        return Err(not());
    }
    // What goes with the client, or is made in its place, has a place of its own and a name there.
    let own = [Some(&record.root), record.layer.as_ref(), Some(&record.boot)];
    let bad =
        own.into_iter().flatten().chain(&record.made).chain(&record.parents).find(|path| !is_place(path));
    if let Some(bad) = bad {
        return Err(format!("`{}` can't be a client's directory", bad.display().to_string().escape_debug()));
    }
    // Boot files move within their directory.
    let beside =
        |becoming: &Becoming| is_place(&becoming.boot) && becoming.boot.parent() == record.boot.parent();
    if !record.becoming.as_ref().is_none_or(beside) {
        return Err(not());
    }
    if name == record.name {
        return Ok(record);
    }
    if record.renaming.as_deref() == Some(name) {
        record.was = Some(std::mem::replace(&mut record.name, name.to_owned()));
        record.renaming = None;
        return Ok(record);
    }
    Err(not())
}

/// What goes with a client, or is made in its place, has a place of its own and a name there.
fn is_place(path: &Path) -> bool {
    let plain = |part| matches!(part, std::path::Component::RootDir | std::path::Component::Normal(_));
    path.is_absolute() && path.components().all(plain) && path.file_name().is_some()
}

/// Held while clients are changed.
#[derive(Debug)]
pub(super) struct Lock(#[expect(dead_code, reason = "open as long as the lock is held")] File);

impl Lock {
    pub(super) fn take(state: &Path) -> Result<Self, Error> {
        use rustix::fs::FlockOperation;
        super::home::make(state, 0o755)?;
        let path = state.join("lock");
        let options = File::options().create(true).truncate(false).write(true).open(&path);
        let file = options.map_err(Error::os("opening", &path))?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self(file)),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(Error::Locked { path }),
            Err(error) => Err(Error::os("locking", &path)(error)),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn record(name: &str) -> Record {
        Record {
            schema: 1,
            name: name.to_owned(),
            board: "a2ef5644".to_owned(),
            phase: Phase::Ready,
            mode: Mode::Rw,
            root: format!("/srv/netboot/clients/{name}").into(),
            layer: None,
            boot: "/srv/netboot/tftp/a2ef5644".into(),
            server: "10.0.0.1".parse().unwrap(),
            network: "10.0.0.0/24".to_owned(),
            exported: true,
            made: vec!["/srv/x".into()],
            parents: Vec::new(),
            renaming: None,
            was: None,
            created: Timestamp::UNIX_EPOCH,
            machine_id: "0".repeat(32),
            foreign_machine_id: None,
            layout: Layout {
                release: "bookworm".into(),
                bits: 64,
                boot: "/boot/firmware".into(),
                cmdline: "cmdline.txt".into(),
            },
            origin: Origin::default(),
            becoming: None,
            keys: vec![PublicKey { file: "ssh_host_rsa_key".into(), public: "ssh-rsa AAAA x\n".into() }],
        }
    }

    #[test]
    fn records_are_found_again() {
        let dir = tempfile::tempdir().unwrap();
        let records = Records::new(dir.path());
        assert_eq!(records.all().unwrap(), []);
        for name in ["lab-02", "lab-01"] {
            records.write(&record(name)).unwrap();
        }
        assert_eq!(records.all().unwrap(), [record("lab-01"), record("lab-02")]);
        let error = records.need(&"lab-03".parse().unwrap()).unwrap_err();
        assert!(matches!(&error, Error::NoClient { near, .. } if !near.is_empty()), "{error:?}");
        records.remove("lab-01").unwrap();
        records.remove("lab-01").unwrap();
        assert_eq!(records.find(&"lab-01".parse().unwrap()).unwrap(), None);
        std::fs::write(dir.path().join("clients/lab-01.toml"), "schema = 1").unwrap();
        assert!(matches!(records.all().unwrap_err(), Error::State { .. }));
        assert_eq!(records.damaged().unwrap(), ["lab-01"]);
    }

    #[test]
    fn whatever_is_no_record_is_told_as_that() {
        use crate::error::Explain;
        let dir = tempfile::tempdir().unwrap();
        let records = Records::new(dir.path());
        records.write(&record("lab-09")).unwrap();
        let at = |name: &str| dir.path().join("clients").join(format!("{name}.toml"));
        std::fs::create_dir(at("lab-01")).unwrap();
        std::os::unix::fs::symlink(at("lab-09"), at("lab-02")).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, at("lab-03"), FileType::Fifo, rustix::fs::Mode::RUSR, 0)
            .unwrap();
        std::fs::write(at("lab-04"), vec![b'#'; 1 + (1 << 20)]).unwrap();
        let (sound, damaged) = records.sound().unwrap();
        assert_eq!((sound, damaged.len()), (vec![record("lab-09")], 4));
        for error in damaged {
            assert!(matches!(error, Error::State { .. }) && error.hint().is_some(), "{error:?}");
        }
    }

    #[test]
    fn a_name_is_changed_in_one_step() {
        let dir = tempfile::tempdir().unwrap();
        let records = Records::new(dir.path());
        let (old, new) = ("lab-01".parse().unwrap(), "lab-09".parse().unwrap());
        let mut client = record("lab-01");
        client.renaming = Some("lab-09".to_owned());
        records.write(&client).unwrap();
        assert_eq!(records.find(&new).unwrap(), None);
        records.commit(&client, &new).unwrap();
        assert_eq!(records.find(&old).unwrap(), None);
        let renamed = records.need(&new).unwrap();
        assert_eq!((renamed.name.as_str(), renamed.was.as_deref()), ("lab-09", Some("lab-01")));
        assert_eq!(renamed.renaming, None);
        assert_eq!(records.all().unwrap().len(), 1);
        // What a killed run has left goes with the next record.
        std::fs::write(dir.path().join("clients/.lab-77.toml.piprov-new"), "").unwrap();
        records.write(&record("lab-03")).unwrap();
        assert!(!dir.path().join("clients/.lab-77.toml.piprov-new").exists());
        // Never onto another client's.
        records.write(&record("lab-02")).unwrap();
        assert!(records.commit(&renamed, &"lab-02".parse().unwrap()).is_err());
    }

    #[test]
    fn a_record_whose_places_lead_elsewhere_is_refused() {
        let text = toml::to_string(&record("lab-01")).unwrap();
        assert!(parse(text.as_bytes(), "lab-01").is_ok() && parse(text.as_bytes(), "lab-02").is_err());
        for bad in ["/", "/srv/../etc", "etc", "", "/srv/.."] {
            let text = text.replace("/srv/x", bad);
            assert!(parse(text.as_bytes(), "lab-01").unwrap_err().contains("directory"), "{bad}");
        }
        let mut changing = record("lab-01");
        for (boot, good) in
            [("/srv/netboot/tftp/a2ef5645", true), ("/srv/other", false), ("/srv/netboot/tftp/..", false)]
        {
            changing.becoming = Some(Becoming {
                board: "a2ef5645".to_owned(),
                mode: Mode::Ro,
                boot: boot.into(),
                server: changing.server,
                network: changing.network.clone(),
            });
            let text = toml::to_string(&changing).unwrap();
            assert_eq!(parse(text.as_bytes(), "lab-01").ok(), good.then(|| changing.clone()), "{boot}");
        }
        let renaming = text.replace("exported = true", "exported = true\nrenaming = \"../x\"");
        assert!(renaming != text && parse(renaming.as_bytes(), "lab-01").is_err());
    }

    #[test]
    fn one_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let lock = Lock::take(dir.path()).unwrap();
        assert!(matches!(Lock::take(dir.path()), Err(Error::Locked { .. })));
        drop(lock);
        assert!(Lock::take(dir.path()).is_ok());
    }
}
