//! How far an export reaches. A server gives out a handle for each file, and asks of a handle only whether it is of a file
//! system that the client may mount a part of (exports(5), no_subtree_check). A handle is a number that can be guessed. So
//! a host that may mount a directory may reach all of its file system, and without root squashing as root.

use std::path::{Path, PathBuf};

use super::exports::{self, Export};
use super::manage::{Clients, Places};
use super::record::Record;
use super::{Error, Network};
use crate::beneath::{Dir, Mount, mount_of};
use crate::error::{Action, Finding, Remedy, remedy};

/// subtree_check would ask about the directory, too; but it forgets files that are renamed while they are open, as a
/// package manager does, and a root has no use for it.
fn own_file_system() -> Remedy {
    remedy![
        "give the clients a file system of their own: a partition, or an image file (",
        Action::host("truncate"),
        ", ",
        Action::host("mkfs.ext4"),
        ", ",
        Action::host("mount -o loop"),
        "), mounted where roots and boot files lie. subtree_check is no way out: it loses files that are renamed \
         while they are open",
    ]
}

impl Clients {
    /// What hosts that may mount a client's directories reach besides them.
    pub(super) fn beyond(&self, record: &Record, records: &[Record]) -> Result<Vec<Finding>, Error> {
        let list = Path::new("/proc/self/mountinfo");
        let mount = |path: &Path| mount_of(&there(path)).map_err(Error::os("reading", list));
        let top = mount(Path::new("/"))?;
        // What is reached, with the directories that it is reached from.
        let mut reached: Vec<(String, bool, Vec<String>)> = Vec::new();
        for export in exports::of(record) {
            let Some(of) = mount(&export.path)? else { continue };
            let what = if top.as_ref().is_some_and(|top| top.device == of.device) {
                "this host's own files".to_owned()
            } else if of.part != Path::new("/") {
                format!("the rest of the file system that {} is a part of", of.place.display())
            } else if export.path != of.place && export.writable {
                // Read only, other clients' files are a smaller matter than this host's.
                match others(&of, &self.places, record, records)? {
                    Some(others) => others,
                    None => continue,
                }
            } else {
                continue;
            };
            let path = export.path.display().to_string();
            match reached.iter_mut().find(|known| known.0 == what && known.1 == export.writable) {
                Some((.., paths)) => paths.push(path),
                None => reached.push((what, export.writable, vec![path])),
            }
        }
        let found = reached.into_iter().map(|(what, writable, paths)| {
            let does = if writable { "read and change" } else { "read" };
            let text = format!(
                "a host that may mount {} can {does} {what} as root: they are in the same file system, and a handle can \
                 be guessed",
                paths.join(" or ")
            );
            Finding::problem("nfs", text, own_file_system())
        });
        Ok(found.collect())
    }
}

/// The part of a path that is there, without links.
fn there(path: &Path) -> PathBuf {
    let mut there = path.ancestors().filter_map(|part| part.canonicalize().ok());
    there.next().unwrap_or_else(|| PathBuf::from("/"))
}

/// A path without links, also where its end isn't there yet.
fn real(path: &Path) -> PathBuf {
    let mut ancestors = path.ancestors().filter_map(|part| Some((part, part.canonicalize().ok()?)));
    let Some((part, mut real)) = ancestors.next() else { return path.to_owned() };
    for name in path.strip_prefix(part).unwrap_or(Path::new("")).components() {
        match name {
            std::path::Component::ParentDir => drop(real.pop()),
            name => real.push(name),
        }
    }
    real
}

/// What else is in a file system that a client's directory lies in, and isn't for the same eyes.
fn others(
    mount: &Mount,
    places: &Places,
    record: &Record,
    records: &[Record],
) -> Result<Option<String>, Error> {
    let ours = [&places.clients, &places.shared, &places.tftp, &places.state].map(|place| there(place));
    let dir = Dir::open(&mount.place).map_err(Error::os("opening", &mount.place))?;
    for name in dir.names().map_err(Error::os("reading", &mount.place))? {
        let path = mount.place.join(&name);
        let known = name == "lost+found"
            || ours.iter().any(|ours| ours.starts_with(&path) || mount.place.starts_with(ours));
        if !known {
            return Ok(Some(path.display().to_string()));
        }
    }
    // A client that the same hosts may mount anyway is nothing new to them.
    let mine: Option<Network> = record.network.parse().ok();
    let other = records.iter().find(|other| {
        other.name != record.name
            && other.root.starts_with(&mount.place)
            && !other.network.parse().is_ok_and(|theirs: Network| mine.is_some_and(|mine| theirs.holds(mine)))
    });
    Ok(other.map(|other| format!("the root of client `{}`", other.name)))
}

/// Exports of others that let more hosts see a client's directories than piprov does.
pub(super) fn wider(exports: &[Export], ours: &Path, table: &Path) -> Vec<Finding> {
    let mut foreign = exports::foreign(ours);
    // What the server was told last; what stands there is ours, or of a file, or was told by hand.
    foreign.extend(exports::lines(table));
    let mut found: Vec<Finding> = Vec::new();
    for export in exports {
        let network: Option<Network> = export.network.parse().ok();
        let ours = real(&export.path);
        for foreign in &foreign {
            // As the server takes it: without links and dots. What lies in a client's directory counts too.
            let theirs = real(&foreign.path);
            if !ours.starts_with(&theirs) && !theirs.starts_with(&ours) {
                continue;
            }
            for who in &foreign.who {
                let inside = who
                    .network
                    .as_deref()
                    .and_then(exports::range)
                    .is_some_and(|theirs| network.is_some_and(|network| network.holds(theirs)));
                if inside || !crosses(&theirs, &ours, &who.options) {
                    continue;
                }
                let to = who.network.as_deref().unwrap_or("*");
                let to = if to == "*" { "everybody" } else { to };
                let what = format!(
                    "{}:{} exports {} to {to}, and piprov exports {} to {} alone",
                    foreign.file.display(),
                    foreign.line,
                    foreign.path.display(),
                    export.path.display(),
                    export.network,
                );
                let remedy = remedy![
                    "take that export back, or let it be for the same hosts; ",
                    Action::host_as_root("exportfs -v"),
                    " shows all",
                ];
                if !found.iter().any(|known| known.what == what) {
                    found.push(Finding::problem("export", what, remedy));
                }
            }
        }
    }
    found
}

/// Whether a host that mounts one directory sees the other one in it: they are in one file system, or the export goes
/// on into those that are mounted in it.
fn crosses(outer: &Path, inner: &Path, options: &str) -> bool {
    let device = |path: &Path| mount_of(&there(path)).ok().flatten().map(|mount| mount.place);
    let goes_on = options.split(',').any(|option| matches!(option, "crossmnt" | "nohide"));
    outer.starts_with(inner) || goes_on || device(outer) == device(inner)
}

#[cfg(test)]
mod tests {
    use super::super::record::tests::record;
    use super::*;
    use crate::stop::Stop;

    fn clients(dir: &Path) -> Clients {
        let at = |path: &str| dir.join(path);
        Clients::new(
            Places {
                tftp: at("tftp"),
                clients: at("clients"),
                shared: at("shared"),
                state: at("state"),
                exports: at("etc/exports.d/piprov.exports"),
                ganesha: at("etc/ganesha"),
            },
            Stop::new().unwrap(),
        )
    }

    #[test]
    fn a_root_beside_this_hosts_files_is_told() {
        let clients = clients(Path::new("/nonexistent-place"));
        let mut client = record("lab-01");
        client.root = "/nonexistent-place/clients/lab-01".into();
        client.boot = "/nonexistent-place/tftp/a2ef5644".into();
        let found = clients.beyond(&client, &[]).unwrap();
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].what.contains("read and change this host's own files as root"), "{found:?}");
        assert!(found[0].remedy.says("subtree_check"));
        client.mode = super::super::Mode::Ro;
        let found = clients.beyond(&client, &[]).unwrap();
        assert!(found[0].what.contains("can read this host's own files"), "{found:?}");
    }

    #[test]
    fn others_exports_that_reach_further_are_found() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::create_dir(at("exports.d")).unwrap();
        let ours = at("exports.d/piprov.exports");
        let exports = exports::of(&record("lab-01"));
        let look = |text: &str| -> Vec<String> {
            std::fs::write(at("exports"), text).unwrap();
            std::fs::write(at("etab"), "/srv/netboot/clients/lab-01\t10.0.0.0/24(rw,no_root_squash)\n")
                .unwrap();
            wider(&exports, &ours, &at("etab")).into_iter().map(|found| found.what).collect()
        };
        for wide in [
            "/srv *(ro)",
            "/srv/netboot/clients/lab-01 *(rw)",
            "/srv (ro)",
            "/srv",
            "/srv -ro 10.0.0.0/8",
            "/srv *.lab.example(rw)",
            "/srv @lab(rw)",
            "/srv 10.0.0.0/255.255.0.0(rw)",
            "/srv 10.0.0.5(rw) \\\n  10.1.0.0/24(rw)",
            "\"/srv\" 2001:db8::/64(ro)",
            "/ gss/krb5(ro)",
        ] {
            assert!(!look(&format!("{wide}\n")).is_empty(), "{wide}");
        }
        // A directory in the root, a way round, and a link.
        std::os::unix::fs::symlink("/srv", at("link")).unwrap();
        let link = format!("{} *(rw)", at("link").display());
        for wide in ["/srv/netboot/clients/lab-01/etc *(rw)", "/srv/../srv/netboot *(rw)", &link] {
            assert!(!look(&format!("{wide}\n")).is_empty(), "{wide}");
        }
        for narrow in [
            "/srv 10.0.0.5(rw)",
            "/srv 10.0.0.0/24",
            "/srv 10.0.0.0/255.255.255.0(rw)",
            "/srvx *(rw)",
            "# /srv *",
            "/proc *(ro)",
        ] {
            assert_eq!(look(&format!("{narrow}\n")), [""; 0], "{narrow}");
        }
        let said = look("# x\n/srv *(ro)\n");
        assert!(said[0].contains("exports:2 exports /srv to everybody"), "{said:?}");
        // What was told by hand stands in the server's table only.
        std::fs::write(at("exports"), "").unwrap();
        std::fs::write(at("etab"), "/srv/netboot\t*(ro,crossmnt)\n").unwrap();
        assert_eq!(wider(&exports, &ours, &at("etab")).len(), 2);
    }
}
