//! Makes a client.

mod make;
mod places;
mod told;

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::checklist::{Act, Change, ChangePlan, Facts, Mode, Where, plan};
use super::material::{Apart, Material};
use super::names::{Name, Network};
use super::record::{Origin, Phase, Record};
use super::view::View;
use super::{Clients, Error, exports, home, host, keys, nfs, reach, rename};
use crate::error::{Finding, Knob, Remedy, remedy};
use crate::image::ImageOptions;
use crate::netboot::content::place::Prefix;
pub(super) use places::{absolute, new_boot};
use places::{check_path, check_room, free, new_machine_id, shared_name};
use told::{capital, tamed};

/// What client is wanted.
#[derive(Debug, Clone)]
pub struct Request {
    /// Its name.
    pub name: Name,
    /// Its board.
    pub board: Prefix,
    /// An image, a directory, or `/`.
    pub from: PathBuf,
    /// Paths of the source that are not copied.
    pub exclude: Vec<PathBuf>,
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
    /// Why it can't be served as it should be: what this host lacks, and what hosts that may mount it reach besides it.
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

impl Line {
    /// That of a change of the checklist.
    pub(super) fn of(change: &Change) -> Self {
        let action = match &change.act {
            Act::Write { .. } | Act::Secret { .. } => "write",
            Act::Link { target } if target == "/dev/null" => "mask",
            Act::Link { .. } => "link",
            Act::Remove => "remove",
        };
        let (item, path, why) = (change.item, PathBuf::from(&change.path), change.why.clone());
        Self { action, item, path, tree: Some(change.tree), why }
    }

    /// That of an export.
    pub(super) fn export(export: &exports::Export) -> Self {
        let access = if export.writable { "read and write" } else { "read only" };
        let why = format!("{access} for {}", export.network);
        Self { action: "export", item: "export", path: export.path.clone(), tree: None, why }
    }

    /// Its path, with the tree that it is counted from.
    #[must_use]
    pub fn place(&self) -> String {
        let below = match self.tree {
            Some(Where::Root) => "root: ",
            Some(Where::Boot) => "boot: ",
            None => "",
        };
        format!("{below}{}", self.path.display())
    }
}

impl Clients {
    /// Looks at everything that a client needs. Nothing is written.
    ///
    /// # Errors
    /// All that could be known before: names and boards that are taken, what is no Raspberry Pi OS, missing programs,
    /// paths that are occupied, exports of others.
    pub fn prepare(&self, request: &Request) -> Result<Prepared<'_>, Error> {
        let places = &self.places;
        let (records, damaged) = self.sound()?;
        // Whether a client that can't be read has the shared root isn't known. What else is its own is seen where it lies.
        if request.mode == Mode::Overlay
            && let Some(error) = damaged.into_iter().next()
        {
            return Err(error);
        }
        // Its name is known by its record's file.
        self.records().find(&request.name)?;
        let board = request.board.board();
        let begun = records.iter().find(|record| record.name == request.name.as_str()).cloned();
        if let Some(record) = &begun
            && matches!(record.phase, Phase::Ready | Phase::Removing)
        {
            return Err(Error::Exists { name: record.name.clone(), board: record.board.clone() });
        }
        let others = || records.iter().filter(|record| record.name != request.name.as_str());
        if let Some(record) = others().find(|record| record.has(&board)) {
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
        let around = host::around(server, &addresses, None);
        host::usable(server, network, around)?;
        let options = ImageOptions { spool_dir: request.spool_dir.clone(), stop: Some(self.stop.clone()) };
        let left_out =
            [&places.clients, &places.tftp, &places.shared, &places.state].map(|path| absolute(path));
        let apart = Apart::new(left_out.into(), Path::new("/"));
        let material = Material::open(&request.from, request.force, &options, apart, &request.exclude)?;

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
            addresses: host::with_server(server, &addresses),
            protocol: self.protocol(),
            root: root.clone(),
            layer: layer.clone(),
            boot: boot.clone(),
            layout: material.layout.clone(),
            is_this_host: material.running,
            apart: material.apart(),
            foreign_machine_id: foreign_machine_id.clone().filter(|id| id.len() == 32),
            machine_id: machine_id.clone(),
            keys: Vec::new(),
            stop: self.stop.clone(),
        };
        let plan = plan(&facts, &root_view, &View(&material.boot))?;
        // The keys aren't made yet.
        for key in keys::files() {
            let path = format!("etc/ssh/{key}");
            root_view.has_way(&path)?;
            root_view.has_no_directory(&path)?;
            root_view.has_no_directory(&format!("{path}.pub"))?;
        }
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
                identity: material.identity.text(),
                ..Origin::default()
            },
            becoming: None,
            keys: Vec::new(),
        };
        if let Some(begun) = &begun {
            let differences = differences(begun, &record, &material);
            if !differences.is_empty() {
                let (name, from) = (begun.name.clone(), begun.origin.from.clone());
                return Err(Error::Unfinished { name, from, differences });
            }
        }
        if request.export {
            self.exporter()?;
            exports::refuse_foreign(&places.exports, &exports::of(&record))?;
        }
        let mut reach: Vec<Finding> = Vec::new();
        reach.extend(super::check::same_address(&record, &records));
        reach.extend(host::apart(server, network, around));
        if request.export {
            reach.extend(nfs::findings(&nfs::look(&places.ganesha)));
            reach.extend(super::check::moved_server(&record)?);
            reach.extend(self.beyond(&record, &records)?);
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
            return Err(Error::unfinished(first));
        }
        let made = format!("{} was made from {}", root.display(), first.origin.from.display());
        if let Some([then, now]) = material.left_out_otherwise(&first.origin) {
            return Err(otherwise(made, &then, &now));
        }
        let what = if !material.is_of(&first.origin) && material.from != first.origin.from {
            made
        } else if !material.is_of(&first.origin) {
            // Its kernel would look for modules that aren't in the root.
            format!(
                "{made}, and that isn't what it was then: it was upgraded, say, or another card is there now"
            )
        } else if !material.is_in(root, &first.origin)? {
            format!("{made}, and the kernels there have no modules in it any more, or it is another system's")
        } else {
            return Ok(true);
        };
        Err(Error::Cannot {
            what,
            hint: remedy!["give another name for the shared root with ", Knob::Shared],
        })
    }
}

/// The shared root has not what is wanted of it, but is made from the same.
fn otherwise(made: String, then: &[String], now: &[String]) -> Error {
    let all = |paths: &[String]| match paths {
        [] => "with all that is in it".to_owned(),
        paths => format!("without {}", paths.join(" and ")),
    };
    let other = remedy![", or give another name for the shared root with ", Knob::Shared];
    let same = match then {
        [] => remedy!["leave nothing out"],
        paths => {
            let flags = paths
                .iter()
                .enumerate()
                .map(|(at, path)| remedy![if at == 0 { "" } else { " and " }, Knob::Exclude.to(path)]);
            flags.fold(remedy!["leave out the same: "], Remedy::and)
        }
    };
    Error::Cannot {
        what: format!("{made} {}, and this client is to be {}", all(then), all(now)),
        hint: same.and(other),
    }
}

/// What is wanted of a client otherwise than it was begun, as phrases.
fn differences(begun: &Record, wanted: &Record, material: &Material) -> Vec<String> {
    let mut found = Vec::new();
    let (from, now) = (&begun.origin.from, &material.from);
    if let Some([then, now]) = material.left_out_otherwise(&begun.origin) {
        found.push(match (&then[..], &now[..]) {
            ([], now) => format!("nothing left out and not {}", now.join(" and ")),
            (then, []) => format!("{} left out, and nothing is to be now", then.join(" and ")),
            (then, now) => format!("{} left out and not {}", then.join(" and "), now.join(" and ")),
        });
    } else if !material.is_of(&begun.origin) {
        found.push(if from == now {
            format!("other files from {} than it has now", from.display())
        } else {
            format!("{} as its source and not {}", from.display(), now.display())
        });
    }
    let path = |path: &Path| path.display().to_string();
    let (root, boot) = ("its root at", "its boot files at");
    for (what, has, wants) in [
        ("board", begun.board.clone(), wanted.board.clone()),
        ("mode", begun.mode.name().to_owned(), wanted.mode.name().to_owned()),
        (root, path(&begun.root), path(&wanted.root)),
        (boot, path(&begun.boot), path(&wanted.boot)),
    ] {
        // Where they lie follows from both.
        if has != wants && (found.is_empty() || (what != root && what != boot)) {
            found.push(format!("{what} {has} and not {wants}"));
        }
    }
    found
}
