//! Makes a client.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rustix::io::Errno;

use super::apply::Target;
use super::checklist::{Act, Change, ChangePlan, Facts, Mode, Where, plan};
use super::copy::{Copy, Take};
use super::material::Material;
use super::names::{Name, Network};
use super::record::{Lock, Origin, Phase, PublicKey, Record};
use super::run::Telling;
use super::source::{HostSource, Node, Source};
use super::verify::{Proved, Verify};
use super::view::View;
use super::{Clients, Error, exports, home, host, keys, overlay, reach, rename};
use crate::beneath::Dir;
use crate::error::{Knob, Remedy, Task, remedy};
use crate::format::hex;
use crate::image::ImageOptions;
use crate::netboot::content::place::Prefix;
use crate::run::Stage;

/// What client is wanted.
#[derive(Debug, Clone)]
pub struct Request {
    /// Its name.
    pub name: Name,
    /// Its board.
    pub board: Prefix,
    /// An image, a directory, or `/`.
    pub from: PathBuf,
    /// How it has its root.
    pub mode: Mode,
    /// The name of the root that it shares with others; made from the image's name where it isn't given.
    pub shared: Option<Name>,
    /// This host's address.
    pub server: Option<Ipv4Addr>,
    /// The hosts that may mount.
    pub network: Option<Network>,
    /// The interface that both are taken from where they aren't given.
    pub interface: Option<String>,
    /// Whether to export.
    pub export: bool,
    /// Take it even if it is no Raspberry Pi OS.
    pub force: bool,
    /// Where a compressed image is unpacked.
    pub spool_dir: Option<PathBuf>,
}

/// A client that is about to be made: everything was looked at, and nothing was written.
pub struct Prepared<'a> {
    clients: &'a Clients,
    material: Material,
    facts: Facts,
    plan: ChangePlan,
    record: Record,
    /// The shared root that is there already.
    shares: bool,
    /// What a killed run has left.
    begun: Option<Record>,
    /// What of the boot files isn't taken as it is.
    tamed: Option<String>,
    /// What hosts that may mount it reach besides it.
    reach: Vec<Remedy>,
    /// All records, as they were when everything was looked at.
    seen: Vec<Record>,
}

/// A line of the plan.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Line {
    /// A verb: copy, share, write, link, mask, remove, export.
    pub action: &'static str,
    /// Which part of the work, or item of the checklist.
    pub item: &'static str,
    /// The path that is made or changed.
    #[serde(serialize_with = "crate::format::json::path")]
    pub path: PathBuf,
    /// Below which of the client's directories it lies, where it is one of the checklist's.
    pub tree: Option<Where>,
    /// Why, or from where.
    pub why: String,
}

impl Clients {
    /// Looks at everything that a client needs. Nothing is written.
    ///
    /// # Errors
    /// All that could be known before: names and boards that are taken, what is no Raspberry Pi OS, missing programs,
    /// paths that are occupied, exports of others.
    pub fn prepare(&self, request: &Request) -> Result<Prepared<'_>, Error> {
        let places = &self.places;
        let records = self.records().all()?;
        let board = request.board.board();
        let begun = records.iter().find(|record| record.name == request.name.as_str()).cloned();
        if let Some(record) = &begun
            && matches!(record.phase, Phase::Ready | Phase::Removing)
        {
            return Err(Error::Exists { name: record.name.clone(), board: record.board.clone() });
        }
        let others = || records.iter().filter(|record| record.name != request.name.as_str());
        if let Some(record) = others().find(|record| record.board == board) {
            return Err(Error::BoardTaken { board, name: record.name.clone() });
        }
        if let Some(record) =
            others().find(|record| record.renaming.as_deref() == Some(request.name.as_str()))
        {
            return Err(rename::half_renamed(record));
        }
        let addresses =
            host::addresses().map_err(Error::os("asking for the addresses of", Path::new("this host")))?;
        let (server, network) = host::server_and_network(
            request.server,
            request.network,
            request.interface.as_deref(),
            &addresses,
        )?;
        let options = ImageOptions { spool_dir: request.spool_dir.clone(), stop: Some(self.stop.clone()) };
        let left_out =
            [&places.clients, &places.tftp, &places.shared, &places.state].map(|path| absolute(path));
        let material = Material::open(&request.from, request.force, &options, &left_out)?;

        home::private(&absolute(&places.clients))?;
        if request.mode == Mode::Overlay {
            home::private(&absolute(&places.shared))?;
        }
        let own = absolute(&places.clients).join(request.name.as_str());
        let boot = absolute(&places.tftp).join(request.board.to_string());
        let (root, layer) = match request.mode {
            Mode::Overlay => {
                let name = match &request.shared {
                    Some(name) => name.to_string(),
                    None => shared_name(&material.from),
                };
                (absolute(&places.shared).join(name), Some(own.clone()))
            }
            _ => (own.clone(), None),
        };
        let shares = self.shares(&root, &material, others())?;
        // They stand in the kernel's command line, in fstab and in exports, each with its own idea of quoting.
        for path in [&root, &own, &boot] {
            check_path(path)?;
        }
        if begun.is_none() {
            free([Some(&root).filter(|_| !shares), layer.as_ref(), Some(&boot)])?;
        }
        keys::program()?;
        let machine_id = new_machine_id();
        let root_view = View(&*material.root);
        let foreign_machine_id = root_view.text("etc/machine-id")?.map(|text| text.trim().to_owned());
        let facts = Facts {
            name: request.name.clone(),
            board: request.board,
            mode: request.mode,
            server,
            protocol: self.protocol(),
            root: root.clone(),
            layer: layer.clone(),
            boot: boot.clone(),
            layout: material.layout.clone(),
            foreign_machine_id: foreign_machine_id.clone().filter(|id| id.len() == 32),
            machine_id: machine_id.clone(),
            keys: Vec::new(),
        };
        let plan = plan(&facts, &root_view, &View(&material.boot))?;
        let tamed = tamed(&material)?;
        let record = Record {
            schema: 1,
            name: request.name.to_string(),
            board,
            phase: Phase::Making,
            mode: request.mode,
            made: [Some(own), Some(boot.clone()), Some(new_boot(&boot))].into_iter().flatten().collect(),
            parents: Vec::new(),
            renaming: None,
            was: None,
            root,
            layer,
            boot,
            server,
            network: network.to_string(),
            exported: request.export,
            created: Timestamp::now(),
            machine_id,
            foreign_machine_id: facts.foreign_machine_id.clone(),
            layout: material.layout.clone(),
            origin: Origin {
                from: material.from.clone(),
                identity: material.identity.clone(),
                ..Origin::default()
            },
            keys: Vec::new(),
        };
        if let Some(begun) = &begun
            && (begun.origin.identity != record.origin.identity
                || begun.root != record.root
                || begun.boot != record.boot
                || begun.mode != record.mode)
        {
            return Err(Error::Unfinished { name: begun.name.clone(), from: begun.origin.from.clone() });
        }
        if request.export {
            self.exporter()?;
            exports::refuse_foreign(&places.exports, &exports::of(&record))?;
        }
        let mut reach = Vec::new();
        if request.export {
            reach = self.beyond(&record, &records)?;
            reach.extend(reach::wider(
                &exports::of(&record),
                &places.exports,
                Path::new(super::check::TABLE),
            ));
        }
        let reach =
            reach.into_iter().map(|found| remedy![capital(&found.what), ". What helps: ", found.remedy, "."]);
        let reach = reach.collect();
        check_room(&record.root, material.expected.filter(|_| !shares && begun.is_none()))?;
        Ok(Prepared {
            clients: self,
            material,
            facts,
            plan,
            record,
            shares,
            begun,
            tamed,
            reach,
            seen: records,
        })
    }

    /// Whether the shared root is there, made from the same.
    fn shares<'r>(
        &self,
        root: &Path,
        material: &Material,
        others: impl Iterator<Item = &'r Record>,
    ) -> Result<bool, Error> {
        let mut users = others.filter(|record| record.root == root);
        let Some(first) = users.next() else { return Ok(false) };
        if first.phase != Phase::Ready {
            return Err(Error::Unfinished { name: first.name.clone(), from: first.origin.from.clone() });
        }
        if first.origin.identity != material.identity {
            return Err(Error::Cannot {
                what: format!("{} was made from {}", root.display(), first.origin.from.display()),
                hint: remedy!["give another name for the shared root with ", Knob::Shared],
            });
        }
        Ok(true)
    }
}

impl Prepared<'_> {
    /// What will be done, in its order. The paths of the checklist are counted from the top of their tree.
    #[must_use]
    pub fn lines(&self) -> Vec<Line> {
        let mut lines = Vec::new();
        let mut line = |action, item, path: &Path, tree, why: String| {
            lines.push(Line { action, item, path: path.to_owned(), tree, why });
        };
        let from = format!("from {}, and compare", self.material.from.display());
        if self.shares {
            line("share", "root", &self.record.root, None, "it is there already".to_owned());
        } else {
            line("copy", "root", &self.record.root, None, from.clone());
        }
        if let Some(layer) = &self.record.layer {
            line("make", "layer", layer, None, "this client's own files".to_owned());
        }
        line("copy", "boot", &self.record.boot, None, from);
        for Change { item, tree, path, act, why } in &self.plan.changes {
            let action = match act {
                Act::Write { .. } | Act::Secret { .. } => "write",
                Act::Link { target } if target == "/dev/null" => "mask",
                Act::Link { .. } => "link",
                Act::Remove => "remove",
            };
            line(action, item, Path::new(path), Some(*tree), why.clone());
        }
        for file in keys::files() {
            let path = PathBuf::from("etc/ssh").join(file);
            line("write", "ssh-keys", &path, Some(Where::Root), "a host key of its own".to_owned());
        }
        if self.record.exported {
            for export in exports::of(&self.record) {
                let access = if export.writable { "read and write" } else { "read only" };
                line("export", "export", &export.path, None, format!("{access} for {}", export.network));
            }
        }
        lines
    }

    /// What the user should know; sentences.
    #[must_use]
    pub fn notes(&self) -> Vec<Remedy> {
        let planned = self.plan.notes.iter().filter(|note| !note.starts_with("New SSH host keys"));
        let mut notes: Vec<Remedy> = planned.map(|note| note.as_str().into()).collect();
        notes.extend(large_files(&self.material.boot).into_iter().map(Remedy::from));
        notes.extend(self.tamed.clone().map(Remedy::from));
        notes.extend(self.reach.clone());
        notes.extend(self.open_to_the_hosts_users().map(Remedy::from));
        notes
    }

    /// What the client's own root may do to this host's users: it writes boot files where they can reach them.
    fn open_to_the_hosts_users(&self) -> Option<String> {
        let writable = self.record.exported && self.record.mode == super::checklist::Mode::Rw;
        let boot = self.record.boot.ancestors().find_map(|path| rustix::fs::statvfs(path).ok())?;
        let harmless = boot.f_flag.contains(rustix::fs::StatVfsMountFlags::NOSUID);
        (writable && !harmless).then(|| {
            format!(
                "root on the client may put setuid files into {}, which this host's users can reach: mount what it lies \
                 in with nosuid,nodev",
                self.record.boot.display()
            )
        })
    }

    /// The record as it will be.
    #[must_use]
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// Whether a run that was killed is gone on with.
    #[must_use]
    pub fn resumes(&self) -> bool {
        self.begun.is_some()
    }

    /// Makes the client. Whatever fails, and Ctrl-C, takes back what was made.
    ///
    /// # Errors
    /// What the work ends with; nothing is left then, unless taking it back failed too, which is told to `watch`.
    pub(super) fn carry_out(mut self, watch: &Telling<'_>) -> Result<Record, Error> {
        if !rustix::process::geteuid().is_root() {
            return Err(Error::NotRoot);
        }
        let _lock = Lock::take(&self.clients.places.state)?;
        // Somebody made or removed one since, or put something in its place.
        if self.clients.all()? != self.seen {
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
        self.facts.keys = keys::generate(&self.facts.name)?;
        let public =
            |key: &super::checklist::Key| PublicKey { file: key.file.clone(), public: key.public.clone() };
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
            let mut all = records.all()?;
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
        tftp.replace_file(NAME, &bytes, 0o644).map_err(Error::os("writing", &tftp.at(NAME)))
    }
}

/// A tree to copy.
struct Tree<'a> {
    source: &'a dyn Source,
    take: &'a super::copy::Choose<'a>,
    expected: Option<u64>,
}

/// Where boot files lie until they are complete: a board that asks meanwhile gets nothing, and not half of them.
fn new_boot(boot: &Path) -> PathBuf {
    let name = boot.file_name().unwrap_or_default().to_string_lossy();
    boot.with_file_name(format!(".{name}.piprov-new"))
}

fn absolute(path: &Path) -> PathBuf {
    // Of what isn't there yet, the part that is: links in it would stand in exports otherwise.
    let full = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let there = full.ancestors().find(|ancestor| ancestor.exists());
    let Some((there, real)) = there.and_then(|there| Some((there, there.canonicalize().ok()?))) else {
        return full;
    };
    match full.strip_prefix(there) {
        Ok(rest) if !rest.as_os_str().is_empty() => real.join(rest),
        _ => real,
    }
}

fn check_path(path: &Path) -> Result<(), Error> {
    let text = path.to_str().unwrap_or_default();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+".contains(&byte);
    if !text.is_empty() && text.bytes().all(plain) {
        return Ok(());
    }
    Err(Error::Cannot {
        what: format!(
            "a client's root can't be at {}: blanks, commas and colons divide the kernel's options",
            path.display()
        ),
        hint: "choose a directory with letters, digits, dots and dashes in its path".into(),
    })
}

/// A name for a shared root, from the image's.
fn shared_name(from: &Path) -> String {
    let name = from.file_name().unwrap_or_default().to_string_lossy();
    let stem = name.split(".img").next().unwrap_or_default();
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let name: String = stem.chars().map(plain).take(60).collect();
    let name = name.trim_matches('-');
    if name.is_empty() { "root".to_owned() } else { name.to_owned() }
}

fn new_machine_id() -> String {
    let mut bytes = [0u8; 16];
    // Without random numbers there is no kernel that this runs on; a time would do too, for it only has to differ.
    if rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty()).is_err() {
        bytes = Timestamp::now().as_nanosecond().to_be_bytes();
    }
    // As systemd makes them: UUIDs of version 4.
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    hex(&bytes)
}

/// The directories above that have to be made, in the order in which they go again.
fn missing_parents(paths: &[&Path]) -> Vec<PathBuf> {
    let mut missing = Vec::new();
    for path in paths {
        for parent in path.ancestors().skip(1).take_while(|parent| !parent.exists()) {
            if !missing.iter().any(|known| known == parent) {
                missing.push(parent.to_owned());
            }
        }
    }
    // Those inside before those around them.
    missing.sort_by_key(|path| std::cmp::Reverse(path.components().count()));
    missing
}

/// Fails if something is where a client's files would go.
fn free<const N: usize>(places: [Option<&PathBuf>; N]) -> Result<(), Error> {
    match places.into_iter().flatten().find(|path| std::fs::symlink_metadata(path).is_ok()) {
        Some(path) => Err(Error::Occupied { path: path.clone() }),
        None => Ok(()),
    }
}

/// Fails early where there is no room.
fn check_room(path: &Path, wanted: Option<u64>) -> Result<(), Error> {
    let there = path.ancestors().find(|ancestor| ancestor.exists());
    let (Some(wanted), Some(there)) = (wanted, there) else { return Ok(()) };
    let Ok(room) = rustix::fs::statvfs(there) else { return Ok(()) };
    let free = room.f_bavail.saturating_mul(room.f_frsize);
    if free >= wanted {
        return Ok(());
    }
    let what = format!(
        "the root takes {}, and there are {} free",
        crate::format::size(wanted),
        crate::format::size(free)
    );
    let source = std::io::Error::new(std::io::ErrorKind::StorageFull, what);
    Err(Error::Os { doing: "making room in", path: there.to_owned(), source })
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// What of the boot files isn't taken as it is; a sentence.
fn tamed(material: &Material) -> Result<Option<String>, Error> {
    let paths = material.boot.tamed()?;
    let first: Vec<_> = paths.iter().take(3).map(|path| path.display().to_string()).collect();
    Ok((!paths.is_empty()).then(|| {
        format!(
            "{} among the boot files are not taken as they are ({}): every user of this host can reach them there, so \
             device nodes, pipes and sockets are left out, and setuid, setgid and sticky bits go.",
            crate::format::count(paths.len() as u64, "name"),
            first.join(", ")
        )
    }))
}

/// Files that some boot loaders don't get over TFTP: the number of blocks has 16 bits and doesn't start again.
fn large_files(boot: &dyn Source) -> Vec<String> {
    let list = |node: &Node| boot.list(node).unwrap_or_default();
    let Ok(top) = boot.root() else { return Vec::new() };
    let files = list(&top).into_iter().filter(|(_, node)| node.size > 65535 * 1024);
    files
        .map(|(name, node)| {
            let most = if node.size > 65535 * 1468 { "no boot loader before 2025-09" } else { "no boot loader before 2022-12" };
            format!(
                "{} has {}: {most} gets it over TFTP (65535 blocks), and from 90 MB on the 30 s for a file may not do. \
                 Update the boot loader (rpi-eeprom), or make the file smaller.",
                name.to_string_lossy(),
                crate::format::size(node.size)
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_paths() {
        assert_eq!(
            shared_name(Path::new("/x/2025-10-01-raspios-trixie_arm64.img.xz")),
            "2025-10-01-raspios-trixie-arm64"
        );
        assert_eq!(shared_name(Path::new("/")), "root");
        assert_eq!(new_boot(Path::new("/srv/tftp/a2ef5644")), Path::new("/srv/tftp/.a2ef5644.piprov-new"));
        assert!(
            check_path(Path::new("/srv/net boot/x")).is_err() && check_path(Path::new("/srv/a,b")).is_err()
        );
        assert!(check_path(Path::new("/srv/netboot/clients/lab-01")).is_ok());
        let dir = tempfile::tempdir().unwrap();
        let missing = missing_parents(&[&dir.path().join("a/b/c"), &dir.path().join("a/d/e")]);
        assert_eq!(missing, ["a/b", "a/d", "a"].map(|path| dir.path().join(path)));
        std::os::unix::fs::symlink(dir.path(), dir.path().join("link")).unwrap();
        assert_eq!(
            absolute(&dir.path().join("link/none/x")),
            dir.path().canonicalize().unwrap().join("none/x")
        );
        let id = new_machine_id();
        assert!(id.len() == 32 && id != new_machine_id());
    }

    #[test]
    fn no_room_is_known_before() {
        assert!(check_room(Path::new("/tmp/x/y"), Some(1)).is_ok());
        use crate::error::Explain;
        let error = check_room(Path::new("/tmp/x/y"), Some(u64::MAX)).unwrap_err();
        assert!(error.hint().unwrap().names(Knob::Clients), "{error}");
    }
}
