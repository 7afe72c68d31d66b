//! Compares a client with the checklist, and with what is exported and served.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use super::checklist::Act;
use super::manage::{Exporter, ExportsText};
use super::record::{Phase, Record};
use super::source::{HostSource, Source, is_odd, is_special};
use super::{Clients, Error, Name, exports, home, host, nfs, reach};
use crate::board::Mac;
use crate::error::{Action, Explain, Finding, Knob, Task, chain, remedy};
use crate::image::ext4::FileKind;
use crate::netboot::content::place::Prefix;

/// What the kernel's server was told last (exportfs(8)).
pub(super) const TABLE: &str = "/var/lib/nfs/etab";

impl Clients {
    /// Looks at a client. Gives the findings; the list is empty where all is well.
    ///
    /// # Errors
    /// [`Error::NoClient`]; and what reading ends with.
    pub fn check(&self, name: &Name) -> Result<Vec<Finding>, Error> {
        let record = self.one(name)?;
        let mut found = Vec::new();
        let again = remedy![Task::ClientRemove.of(name), ", then add it again"];
        if record.phase != Phase::Ready {
            let what = "a run that made or removed it was killed";
            return Ok(vec![Finding::problem(
                "record",
                what,
                remedy!["give the same ", Task::ClientAdd, " again, or ", again],
            )]);
        }
        if let Some(new) = &record.renaming {
            let remedy = remedy![Task::ClientRename.of(name).arg(new), " goes on"];
            return Ok(vec![Finding::problem("record", format!("it is half renamed to {new}"), remedy)]);
        }
        if record.becoming.is_some() {
            let remedy = remedy![Task::ClientRepair.of(name), " puts it back"];
            return Ok(vec![Finding::problem("record", "it is half changed", remedy)]);
        }
        let mut whole = true;
        for path in [Some(&record.root), record.layer.as_ref(), Some(&record.boot)].into_iter().flatten() {
            if !path.is_dir() {
                found.push(Finding::problem(
                    "record",
                    format!("{} is not there", path.display()),
                    again.clone(),
                ));
                whole = false;
            }
        }
        if whole {
            self.check_files(&record, &mut found)?;
        }
        self.check_exports(&record, &mut found)?;
        found.extend(moved_server(&record)?);
        found.extend(same_address(&record, &self.sound()?.0));
        found.extend(served(&record, &self.places.tftp));
        if whole {
            check_boot(&record, &mut found)?;
        }
        // An overlay's layer lies with the roots.
        let root = record.layer.as_ref().unwrap_or(&record.root);
        for place in [Some(root), record.layer.as_ref().map(|_| &record.root)].into_iter().flatten() {
            if let Some(around) = place.parent()
                && let Some(why) = home::exposed(around)?
            {
                let error = Error::Exposed { path: around.to_owned(), why };
                found.push(Finding::problem("record", error.to_string(), error.hint().unwrap_or_default()));
            }
        }
        Ok(found)
    }

    fn check_files(&self, record: &Record, found: &mut Vec<Finding>) -> Result<(), Error> {
        let wanted = match self.wanted(record) {
            // Its own files are in the way, and what else is wrong with it can still be said.
            Err(error @ (Error::Unfit { .. } | Error::Config { .. })) => {
                found.push(Finding::problem("source", chain(&error), error.hint().unwrap_or_default()));
                return Ok(());
            }
            other => other?,
        };
        let repair = remedy![Task::ClientRepair.of(&record.name), " changes it"];
        for change in wanted.changes {
            let verb = match change.act {
                Act::Write { .. } | Act::Secret { .. } => "is not as it should be",
                Act::Link { .. } => "is not linked as it should be",
                Act::Remove => "is there",
            };
            let remedy = match change.item {
                "ssh-keys" => {
                    "if the client made new keys itself that is well; otherwise remove it and add it again"
                        .into()
                }
                _ => repair.clone(),
            };
            found.push(Finding::problem(
                change.item,
                format!("{} {verb} ({})", change.path, change.why),
                remedy,
            ));
        }
        found.extend(wanted.notes.into_iter().map(|note| {
            let (what, remedy) = note.split_once(": ").unwrap_or((&note, ""));
            Finding::warning("source", what, remedy)
        }));
        Ok(())
    }

    fn check_exports(&self, record: &Record, found: &mut Vec<Finding>) -> Result<(), Error> {
        if !record.exported {
            return Ok(());
        }
        let exporter = match self.exporter() {
            Ok(exporter) => exporter,
            Err(error) => {
                found.push(Finding::problem(
                    "export",
                    error.to_string(),
                    remedy![Task::Nfs, " says what to install"],
                ));
                return Ok(());
            }
        };
        let (all, damaged) = self.sound()?;
        let ExportsText { path, text: wanted, .. } = self.exports_text(&exporter, &all)?;
        // Nobody knows what of it belongs to a client whose record can't be read.
        if damaged.is_empty() && std::fs::read_to_string(&path).ok().as_deref() != Some(&wanted) {
            let what = format!("{} doesn't hold what it should", path.display());
            let remedy = remedy![Task::ClientRepair.of(&record.name), " writes it anew"];
            found.push(Finding::problem("export", what, remedy));
        }
        let wanted = exports::of(record);
        found.extend(reach::wider(&wanted, &self.places.exports, Path::new(TABLE)));
        if let Err(error) = exports::refuse_foreign(&self.places.exports, &wanted) {
            found.push(Finding::problem("export", error.to_string(), "take the line out of that file"));
        }
        found.extend(self.beyond(record, &all)?);
        if matches!(exporter, Exporter::Kernel(_)) {
            let table = std::fs::read_to_string(TABLE).unwrap_or_default();
            for export in exports::of(record) {
                let line = format!("{}\t{}(", export.path.display(), export.network);
                if !table.lines().any(|known| known.starts_with(&line)) {
                    let what = format!("{} is not exported to {}", export.path.display(), export.network);
                    found.push(Finding::problem("export", what, Action::host_as_root("exportfs -ra")));
                }
            }
        }
        found.extend(nfs::findings(&nfs::look(&self.places.ganesha)));
        Ok(())
    }

    /// Does what can be done about the findings: makes the checklist's changes, writes the exports anew. Gives how many
    /// files were changed.
    ///
    /// # Errors
    /// [`Error::NoClient`]; and what changing ends with.
    pub fn repair_client(&self, name: &Name) -> Result<usize, Error> {
        let (_lock, record) = self.locked(name)?;
        if record.phase != Phase::Ready {
            return Err(Error::unfinished(&record));
        }
        let (record, put_back) = if record.becoming.is_some() { self.put_back(record)? } else { (record, 0) };
        let count = put_back + self.repair(&record)?;
        odd(&record.boot, true)?;
        if record.exported {
            self.export(&self.sound()?.0)?;
        }
        if record.was.is_some() {
            // A rename that was killed at its end has nothing more to do.
            self.records().write(&Record { was: None, ..record })?;
        }
        Ok(count)
    }
}

/// Whether a client that may mount from one address alone gets that address from this host, which gives out addresses
/// itself: `hosts` are the boards that always have the same.
///
/// A root over NFS comes with an address that is asked for once (`ip=dhcp`), and then nobody renews it. While the
/// board runs it keeps it, and piprov gives it to nobody else as long as the board answers for it; but at the next
/// start it may be another one, which the export doesn't know.
#[must_use]
pub fn unsure_address(record: &Record, hosts: &[(Mac, Ipv4Addr)]) -> Option<Finding> {
    let only: Ipv4Addr = record.network.parse().ok().filter(|_| record.exported)?;
    let board = match record.board.parse() {
        Ok(Prefix::Mac(mac)) => Some(mac),
        _ => None,
    };
    let sure = |(mac, address): &(Mac, Ipv4Addr)| *address == only && board.is_none_or(|board| board == *mac);
    if hosts.iter().any(sure) {
        return None;
    }
    Some(Finding::warning(
        "serve",
        format!(
            "only {only} may mount it, and the DHCP server here doesn't always give the board that address"
        ),
        format!("add the board's MAC address with {only} to `netboot.hosts`"),
    ))
}

/// Whether another client may mount from the one address that a client may mount from.
pub(super) fn same_address(record: &Record, all: &[Record]) -> Option<Finding> {
    let only: Ipv4Addr = record.network.parse().ok()?;
    let other = all.iter().find(|other| other.name != record.name && other.network == record.network)?;
    Some(Finding::warning(
        "network",
        format!("{only} is the address of client `{}` too, and two boards can't have it", other.name),
        remedy![Task::ClientSet.of(&record.name), " with ", Knob::Address, " gives it another one"],
    ))
}

/// Whether a client that is exported from here looks for its root at an address that this host no longer has.
pub(super) fn moved_server(record: &Record) -> Result<Option<Finding>, Error> {
    if !record.exported {
        return Ok(None);
    }
    let ours = host::addresses().map_err(Error::os("asking for the addresses of", Path::new("this host")))?;
    if ours.iter().any(|ours| ours.address == record.server) {
        return Ok(None);
    }
    let what = format!("it looks for its root at {}, which is no address of this host", record.server);
    let remedy = match ours.first() {
        Some(now) => remedy![
            Task::ClientSet.of(&record.name),
            " with ",
            Knob::Server.to(now.address),
            " (or another one that the client reaches)",
        ],
        None => "this host has no address that others reach".into(),
    };
    Ok(Some(Finding::problem("server", what, remedy)))
}

/// What keeps the boot files from being served.
fn served(record: &Record, tftp: &Path) -> Vec<Finding> {
    let mut found = Vec::new();
    let root = tftp.canonicalize().unwrap_or_else(|_| tftp.to_owned());
    if !record.boot.starts_with(&root) {
        let what = format!("{} is not below {}, which is served", record.boot.display(), tftp.display());
        found.push(Finding::problem(
            "serve",
            what,
            remedy!["give the same ", Knob::TftpRoot, " (`netboot.tftp-root`) to both"],
        ));
    }
    found
}

/// As many names as a boot directory may have; real ones have some hundred.
const MOST: usize = 50_000;

/// What a boot directory has in it that it shouldn't have.
#[derive(Default)]
struct Odd {
    /// A TFTP server gives away what everybody may read, and runs as a user of its own.
    unreadable: u64,
    /// Paths with setuid, setgid or sticky bits, device nodes, pipes, sockets: every user of this host can reach them.
    dangerous: Vec<PathBuf>,
    /// Whether there was too much to look at all of it.
    more: bool,
}

/// Looks at all boot files, and takes away what is dangerous, if `mend` says so.
fn odd(boot: &Path, mend: bool) -> Result<Odd, Error> {
    let source = HostSource::open(boot)?;
    let mut odd = Odd::default();
    let mut count = 0;
    let mut left = vec![source.root()?];
    while let Some(directory) = left.pop() {
        for (name, node) in source.list(&directory)? {
            count += 1;
            if count > MOST {
                odd.more = true;
                return Ok(odd);
            }
            let needed = match node.kind {
                FileKind::Directory => 0o005,
                FileKind::File => 0o004,
                _ => 0,
            };
            odd.unreadable += u64::from(node.mode & needed != needed);
            if is_special(node.kind) || is_odd(&node) {
                if mend {
                    source.tame(&node)?;
                } else {
                    odd.dangerous.push(source.shown(&node));
                }
            }
            drop(name);
            if node.kind == FileKind::Directory {
                left.push(node);
            }
        }
    }
    Ok(odd)
}

/// What of the boot files is not as it should be.
fn check_boot(record: &Record, found: &mut Vec<Finding>) -> Result<(), Error> {
    let odd = odd(&record.boot, false)?;
    if odd.unreadable > 0 {
        let what = format!(
            "{} of the boot files can't be read by a TFTP server",
            crate::format::count(odd.unreadable, "name")
        );
        let remedy = Action::host_as_root("chmod -R a+rX").arg(record.boot.display());
        found.push(Finding::problem("serve", what, remedy));
    }
    if let Some(first) = odd.dangerous.first() {
        let what = format!(
            "{} of the boot files are device nodes, pipes or sockets, or have setuid, setgid or sticky bits, and every \
             user of this host can reach them ({})",
            crate::format::count(odd.dangerous.len() as u64, "name"),
            first.display()
        );
        let remedy = remedy![Task::ClientRepair.of(&record.name), " takes that away"];
        found.push(Finding::problem("boot-files", what, remedy));
    }
    if odd.more {
        let what = format!("there are more than {MOST} boot files, and not all of them were looked at");
        found.push(Finding::problem("boot-files", what, format!("look into {}", record.boot.display())));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::record::tests::record;
    use super::*;

    #[test]
    fn an_export_for_one_address_wants_it_to_be_fixed() {
        let mac: Mac = "dc:a6:32:01:36:c2".parse().unwrap();
        let host = |last| (mac, Ipv4Addr::new(10, 0, 0, last));
        let mut client = record("lab-01");
        assert_eq!(unsure_address(&client, &[]), None, "a network may mount");
        client.network = "10.0.0.7".to_owned();
        let found = unsure_address(&client, &[host(8)]).unwrap();
        assert!(found.remedy.says("10.0.0.7") && found.remedy.says("netboot.hosts"), "{found:?}");
        assert_eq!(unsure_address(&client, &[host(8), host(7)]), None);
        client.board = "dc:a6:32:01:36:c3".to_owned();
        assert!(unsure_address(&client, &[host(7)]).is_some(), "another board has it");
        client.exported = false;
        assert_eq!(unsure_address(&client, &[]), None);
    }

    #[test]
    fn two_clients_with_one_address_are_told() {
        let (mut one, mut other) = (record("lab-01"), record("lab-02"));
        assert_eq!(same_address(&one, &[one.clone(), other.clone()]), None, "a network is for many");
        one.network = "10.0.0.7".to_owned();
        assert_eq!(same_address(&one, &[one.clone(), other.clone()]), None);
        other.network = "10.0.0.7".to_owned();
        let found = same_address(&one, &[one.clone(), other]).unwrap();
        assert!(found.what.contains("lab-02") && found.remedy.names(Knob::Address), "{found:?}");
    }
}
