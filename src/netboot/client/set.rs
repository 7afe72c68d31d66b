//! Another board, address, server, network or mode for a client, which keeps its root.
//!
//! The record says first what the client is becoming, and keeps what it is. Boot files, checklist and exports follow,
//! are looked at again, and then the record gets the new values in one step. What fails before that step is put back at
//! once, and after a run that was killed the next one puts it back: the old values say all that this needs.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use super::add::Line;
use super::checklist::{Change, Mode, plan};
use super::manage::{Clients, ExportsText, source};
use super::names::{Name, Network};
use super::record::{Becoming, Lock, Phase, Record};
use super::source::HostSource;
use super::view::View;
use super::{Error, check, exports, home, host, rename};
use crate::error::{Finding, Task, chain, remedy};
use crate::netboot::content::place::Prefix;

/// What a client shall have. What isn't given stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Its board.
    pub board: Option<Prefix>,
    /// How it has its root.
    pub mode: Option<Mode>,
    /// This host's address.
    pub server: Option<Ipv4Addr>,
    /// The hosts that may mount.
    pub network: Option<Network>,
    /// The interface that both are taken from, where they aren't given.
    pub interface: Option<String>,
}

/// A value that another one takes the place of.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Setting {
    /// What it is: board, mode, server or network.
    pub name: &'static str,
    /// What it was.
    pub from: String,
    /// What it is now.
    pub to: String,
}

/// What is, or would be, set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Set {
    /// The client before.
    pub before: Record,
    /// The client afterwards.
    pub after: Record,
    /// The values that change. Where there are none, it is so already.
    pub settings: Vec<Setting>,
    /// What happens to its files.
    pub lines: Vec<Line>,
    /// What is still wrong with it then.
    pub findings: Vec<Finding>,
}

impl Record {
    /// Whether a board is its, or about to be.
    pub(super) fn has(&self, board: &str) -> bool {
        self.board == board || self.becoming.as_ref().is_some_and(|becoming| becoming.board == board)
    }

    /// What it is about to become, as a record.
    fn after(&self, becoming: &Becoming) -> Self {
        let mut after = Self { becoming: None, ..self.clone() };
        let moves = [
            (self.boot.clone(), becoming.boot.clone()),
            (super::add::new_boot(&self.boot), super::add::new_boot(&becoming.boot)),
        ];
        for path in &mut after.made {
            if let Some((_, to)) = moves.iter().find(|(from, _)| from == path) {
                path.clone_from(to);
            }
        }
        let Becoming { board, mode, boot, server, network } = becoming.clone();
        Self { board, mode, boot, server, network, ..after }
    }
}

/// Where a client's boot files are that are being moved, if its record doesn't say so yet.
pub(super) fn moved(record: &Record) -> Option<PathBuf> {
    let to = &record.becoming.as_ref()?.boot;
    (!is_there(&record.boot) && is_there(to)).then(|| to.clone())
}

fn is_there(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok()
}

/// What to say of a client that is in the middle of a change.
pub(super) fn half_set(record: &Record) -> Error {
    Error::Cannot {
        what: format!("client `{}` is half changed", record.name),
        hint: remedy![Task::ClientRepair.of(&record.name), " puts it back"],
    }
}

impl Clients {
    /// Says what [`Self::set`] would do. Nothing is written.
    ///
    /// # Errors
    /// [`Error::NoClient`], [`Error::BoardTaken`], [`Error::Occupied`]; [`Error::Cannot`] for a client that is half
    /// renamed, and for a mode that would need another root; what reading ends with.
    pub fn would_set(&self, name: &Name, wanted: &Wanted) -> Result<Set, Error> {
        let before = self.one(name)?;
        if before.phase != Phase::Ready {
            return Err(Error::unfinished(&before));
        }
        if before.renaming.is_some() {
            return Err(rename::half_renamed(&before));
        }
        let becoming = self.becoming(&before, wanted)?;
        let after = before.after(&becoming);
        if after.boot != before.boot && is_there(&after.boot) && moved(&before).as_ref() != Some(&after.boot)
        {
            return Err(Error::Occupied { path: after.boot });
        }
        if after.exported {
            self.exporter()?;
            exports::refuse_foreign(&self.places.exports, &exports::of(&after))?;
        }
        // A run that was killed may have moved them.
        let boot = HostSource::open(&moved(&before).unwrap_or_else(|| before.boot.clone()))?;
        let root = source(&before)?;
        let changes = plan(&self.facts(&after)?, &View(&*root), &View(&boot))?.changes;
        let mut lines: Vec<Line> = Vec::new();
        if after.boot != before.boot {
            let why = format!("from {}", before.boot.display());
            lines.push(Line { action: "move", item: "boot", path: after.boot.clone(), tree: None, why });
        }
        lines.extend(changes.iter().filter(|change| is_ours(change)).map(Line::of));
        if after.exported && exports::of(&after) != exports::of(&before) {
            lines.extend(exports::of(&after).iter().map(Line::export));
        }
        let mut findings = Vec::new();
        findings.extend(check::moved_server(&after)?);
        findings.extend(check::same_address(&after, &self.sound()?.0));
        let around = self.around(&before, after.server)?;
        findings.extend(host::apart(after.server, after.network.parse()?, around));
        Ok(Set { settings: settings(&before, &after), before, after, lines, findings })
    }

    /// Gives a client another board, server, network or mode. It takes effect at its next start; while it runs, what it
    /// has mounted stays.
    ///
    /// # Errors
    /// Those of [`Self::would_set`]; what changing files and exporting ends with: then all is as it was, and if not
    /// even that could be done the error is [`Error::HalfSet`].
    pub fn set(&self, name: &Name, wanted: &Wanted) -> Result<Set, Error> {
        self.would_set(name, wanted)?;
        if !rustix::process::geteuid().is_root() {
            return Err(Error::NotRoot);
        }
        let _lock = Lock::take(&self.places.state)?;
        let record = self.one(name)?;
        if record.becoming.is_some() {
            self.put_back(record)?;
        }
        let set = self.would_set(name, wanted)?;
        let mut changing = set.before.clone();
        changing.becoming = Some(self.becoming(&set.before, wanted)?);
        match self.carry_out(&changing, &set.after) {
            Ok(()) => Ok(set),
            Err(why) => match self.put_back(changing) {
                Ok(_) => Err(why),
                Err(other) => {
                    Err(Error::HalfSet { name: name.to_string(), why: Box::new(why), other: chain(&other) })
                }
            },
        }
    }

    /// All that it shall have.
    fn becoming(&self, before: &Record, wanted: &Wanted) -> Result<Becoming, Error> {
        let board: Prefix = wanted.board.map_or_else(|| before.board.parse(), Ok)?;
        let name = board.board();
        for other in self.sound()?.0.iter().filter(|other| other.name != before.name) {
            if other.has(&name) {
                return Err(Error::BoardTaken { board: name, name: other.name.clone() });
            }
        }
        let boot = match wanted.board {
            Some(board) if name != before.board => before.boot.with_file_name(board.to_string()),
            _ => before.boot.clone(),
        };
        let mode = wanted.mode.unwrap_or(before.mode);
        if mode != before.mode && [mode, before.mode].contains(&Mode::Overlay) {
            return Err(Error::Cannot {
                what: format!(
                    "client `{}` can't go from {} to {}: it would need another root",
                    before.name,
                    before.mode.name(),
                    mode.name()
                ),
                hint: remedy![Task::ClientAdd, " makes a client of that mode from the same source"],
            });
        }
        let (server, network) = self.reached(before, wanted)?;
        // What a client has already is `check`'s.
        if server != before.server || network != before.network {
            host::usable(server, network.parse()?, self.around(before, server)?)?;
        }
        Ok(Becoming { board: name, mode, boot, server, network })
    }

    /// The network that the server is in, as far as it is known.
    fn around(&self, before: &Record, server: Ipv4Addr) -> Result<Option<Network>, Error> {
        let addresses =
            host::addresses().map_err(Error::os("asking for the addresses of", Path::new("this host")))?;
        Ok(host::around(server, &addresses, before.network.parse().ok()))
    }

    /// This host's address and the client's network. A server that leaves the network takes the client along.
    fn reached(&self, before: &Record, wanted: &Wanted) -> Result<(Ipv4Addr, String), Error> {
        let old: Network = before.network.parse()?;
        let lies = |server| old.prefix() < 32 && old.holds(Network::one(server));
        let stays = wanted.interface.is_none()
            && wanted.server.is_none_or(|server| lies(server) || old.prefix() == 32);
        if stays || (wanted.network.is_some() && wanted.interface.is_none()) {
            let network =
                wanted.network.map_or_else(|| before.network.clone(), |network| network.to_string());
            return Ok((wanted.server.unwrap_or(before.server), network));
        }
        let addresses =
            host::addresses().map_err(Error::os("asking for the addresses of", Path::new("this host")))?;
        let (server, network) =
            host::server_and_network(wanted.server, wanted.network, wanted.interface.as_deref(), &addresses)?;
        Ok((server, network.to_string()))
    }

    /// Up to the step that makes it so. `changing` is the record as it is, with what it becomes.
    fn carry_out(&self, changing: &Record, after: &Record) -> Result<(), Error> {
        let records = self.records();
        records.write(changing)?;
        move_boot(&changing.boot, &after.boot)?;
        self.repair(after)?;
        let left = self.wanted(after)?.changes;
        let differences: Vec<String> = left
            .iter()
            .filter(|change| is_ours(change))
            .map(|change| format!("{} was not changed", change.path))
            .collect();
        if !differences.is_empty() {
            return Err(Error::Different { root: after.root.clone(), differences });
        }
        if after.exported {
            let mut all = records.sound()?.0;
            all.retain(|other| other.name != after.name);
            all.push(after.clone());
            all.sort_by(|one, other| one.name.cmp(&other.name));
            self.export(&all)?;
            self.is_exported(&all)?;
        }
        records.write(after)
    }

    /// Fails if the exports' file is not as it was written.
    fn is_exported(&self, records: &[Record]) -> Result<(), Error> {
        let ExportsText { path, text, .. } = self.exports_text(&self.exporter()?, records)?;
        let there = std::fs::read(&path).map_err(Error::os("reading", &path))?;
        if there == text.as_bytes() {
            return Ok(());
        }
        Err(Error::Different { root: path, differences: vec!["it is not as it was written".to_owned()] })
    }

    /// Puts a client back to what its record says, in the middle of whatever change. Gives how many files were changed,
    /// too.
    pub(super) fn put_back(&self, mut record: Record) -> Result<(Record, usize), Error> {
        let records = self.records();
        if let Some(to) = moved(&record) {
            move_boot(&to, &record.boot)?;
        }
        let count = self.repair(&record)?;
        if record.exported {
            self.export(&records.sound()?.0)?;
        }
        record.becoming = None;
        records.write(&record)?;
        Ok((record, count))
    }
}

/// Whether `set` makes a change: host keys are given to a client once.
fn is_ours(change: &Change) -> bool {
    change.item != "ssh-keys"
}

/// Moves boot files within their directory. Never onto something.
fn move_boot(from: &Path, to: &Path) -> Result<(), Error> {
    if from == to {
        return Ok(());
    }
    let (dir, name) = home::around(from)?;
    let new = to.file_name().unwrap_or_default();
    match dir.rename_new(&name, &dir, new) {
        // It came there a moment ago, and isn't ours.
        Err(Errno::EXIST) => return Err(Error::Occupied { path: to.to_owned() }),
        other => other.map_err(Error::os("moving", from))?,
    }
    rustix::fs::fsync(&dir).map_err(Error::os("writing out", dir.path()))
}

fn settings(before: &Record, after: &Record) -> Vec<Setting> {
    let all = [
        ("board", before.board.clone(), after.board.clone()),
        ("mode", before.mode.name().to_owned(), after.mode.name().to_owned()),
        ("server", before.server.to_string(), after.server.to_string()),
        ("network", before.network.clone(), after.network.clone()),
    ];
    let changed = all.into_iter().filter(|(_, from, to)| from != to);
    changed.map(|(name, from, to)| Setting { name, from, to }).collect()
}
