//! What is to be changed of a host, so that the network of its boards has a fixed address on it: facts and wishes go in, a
//! plan comes out. It knows no files and no programs.

pub mod name;
pub mod owner;
pub mod seen;
pub mod undo;

mod dhcpcd;
mod ifupdown;
mod nat;
mod network_manager;
mod networkd;
mod own;
mod refused;
mod told;

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

pub use name::{Name, NotAName};
pub use nat::{FORWARD, RULES, TABLE, UNIT};
pub use own::{LINK, OWN, SHARED, may_change, paths, without_own};
pub use owner::{Owner, Pass};
pub use refused::{Obstacle, Refused};
pub use seen::{Address, Found, Lack, Manager, Seen, Systemd};

/// Stands at the beginning of each file, and of each part of a file, that a plan makes.
pub const MARK: &str = "# Made by piprov for its boards' network";

/// The kernel calls it so on every host: nobody is behind it.
const LOOPBACK: &str = "lo";

/// What a host is to have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// The interface that the boards are behind.
    pub interface: Name,
    /// Its address.
    pub address: Ipv4Addr,
    /// The length of that network's prefix, 8 to 30.
    pub prefix: u8,
    /// The interface through which boards reach what is outside; `None` where they don't.
    pub uplink: Option<Name>,
}

impl Wanted {
    /// The address with its prefix, as settings have it.
    #[must_use]
    pub fn cidr(&self) -> String {
        format!("{}/{}", self.address, self.prefix)
    }

    /// The network, as settings have it.
    #[must_use]
    pub fn network(&self) -> String {
        format!("{}/{}", Ipv4Addr::from(u32::from(self.address) & mask(self.prefix)), self.prefix)
    }

    /// The mask of that network, as old settings have it.
    fn netmask(&self) -> Ipv4Addr {
        mask(self.prefix).into()
    }

    /// Whether two networks have an address in common.
    fn overlaps(&self, other: &Address) -> bool {
        let mask = mask(self.prefix.min(other.prefix));
        u32::from(self.address) & mask == u32::from(other.ip) & mask
    }
}

/// The mask of a prefix.
const fn mask(prefix: u8) -> u32 {
    match prefix {
        0 => 0,
        1..=32 => u32::MAX << (32 - prefix),
        _ => u32::MAX,
    }
}

/// What is to be somewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Contents {
    /// A file.
    File {
        /// What is in it.
        text: String,
        /// Who may do what with it.
        mode: u32,
    },
    /// A symbolic link.
    Link {
        /// Where it leads.
        target: String,
    },
}

impl Contents {
    /// The mode of a file.
    #[must_use]
    pub const fn mode(&self) -> Option<u32> {
        match self {
            Self::File { mode, .. } => Some(*mode),
            Self::Link { .. } => None,
        }
    }
}

/// A file or a link that is made, or a file that is changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Where, below the host's root, without a slash.
    pub path: String,
    /// What was there; `None` for nothing. What a plan changes is text.
    pub before: Option<String>,
    /// What is to be there.
    pub after: Contents,
}

impl Change {
    fn new(path: &str, text: String) -> Self {
        Self { path: path.to_owned(), before: None, after: Contents::File { text, mode: 0o644 } }
    }

    fn edited(path: &str, before: &str, text: String) -> Self {
        Self { before: Some(before.to_owned()), ..Self::new(path, text) }
    }

    fn link(path: &str, target: &str) -> Self {
        Self { path: path.to_owned(), before: None, after: Contents::Link { target: target.to_owned() } }
    }

    fn with_mode(mut self, new: u32) -> Self {
        if let Contents::File { mode, .. } = &mut self.after {
            *mode = new;
        }
        self
    }
}

/// Something that is done, so that what stands in files holds now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// A program with its arguments. No shell reads them.
    Run(Vec<String>),
    /// The same of one that may fail: what it is to end may not be there.
    Try(Vec<String>),
    /// The host passes packets on, or doesn't.
    Forward(bool),
}

impl Step {
    fn run<const N: usize>(words: [&str; N]) -> Self {
        Self::Run(words.map(str::to_owned).into())
    }

    fn attempt<const N: usize>(words: [&str; N]) -> Self {
        Self::Try(words.map(str::to_owned).into())
    }
}

/// What is done around the files, in one direction.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Around {
    /// Before the files are changed.
    pub before: Vec<Step>,
    /// After that.
    pub after: Vec<Step>,
}

impl Around {
    fn add(&mut self, more: Self) {
        self.before.extend(more.before);
        self.after.extend(more.after);
    }
}

/// What is to be done to a host, and how it is taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// What it is for.
    pub wanted: Wanted,
    /// Whose settings are changed; `None` where the address is there already.
    pub manager: Option<Manager>,
    /// Files and links.
    pub changes: Vec<Change>,
    /// What is done to have it now. Empty for the root of another host.
    pub apply: Around,
    /// What is done to take it back.
    pub undo: Around,
    /// What is worth knowing before, as sentences.
    pub notes: Vec<String>,
}

impl Plan {
    /// Nothing is to be done.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// The rules for the boards' way out, where it has some.
    #[must_use]
    pub fn rules(&self) -> Option<&str> {
        let change = self.changes.iter().find(|change| change.path == RULES)?;
        match &change.after {
            Contents::File { text, .. } => Some(text),
            Contents::Link { .. } => None,
        }
    }
}

/// A part of a plan: what one room of it wants.
#[derive(Debug, Default)]
struct Part {
    changes: Vec<Change>,
    apply: Around,
    undo: Around,
}

/// Whether a plan may run this.
#[must_use]
pub fn may_run(words: &[String]) -> bool {
    const PROGRAMS: [&str; 9] = [
        "nmcli",
        "networkctl",
        "dhcpcd",
        "ifup",
        "ifdown",
        "systemctl",
        "/usr/sbin/nft",
        "/sbin/nft",
        "/usr/bin/nft",
    ];
    words.first().is_some_and(|program| PROGRAMS.contains(&program.as_str()))
}

/// Makes the plan. `force` is for an interface that carries what goes to everybody else.
///
/// # Errors
/// All that stands in the way.
pub fn plan(seen: &Seen, wanted: &Wanted, force: bool) -> Result<Plan, Refused> {
    let mut obstacles = refused::in_general(seen, wanted, force);
    let owner = seen.owner(&wanted.interface);
    let has = seen.interface(&wanted.interface).is_some_and(|found| {
        found
            .addresses
            .iter()
            .any(|one| (one.ip, one.prefix, one.fixed) == (wanted.address, wanted.prefix, true))
    });
    // An address that somebody gave by hand is gone at the next start.
    let kept = has && seen.named_in(wanted.address).is_some();
    let mut parts = Vec::new();
    let mut manager = None;
    let mut notes = Vec::new();
    let root = || seen.root.clone();
    if !kept {
        match owner {
            Owner::Manager(found) => {
                manager = Some(found);
                if seen.live && found.is_daemon() && !seen.running.contains(&found) {
                    let by_systemd = seen.systemd == Systemd::Running;
                    obstacles.push(Obstacle::NotRunning { manager: found, by_systemd });
                }
                let interface = &wanted.interface;
                notes.extend(
                    seen.passes(interface)
                        .into_iter()
                        .map(|pass| format!("{} gets {interface}: {pass}", found.title())),
                );
                if !seen.enabled.contains(&found) {
                    notes.push(format!(
                        "{} runs, and isn't switched on: after the next start nobody gives {interface} its address",
                        found.title()
                    ));
                }
                parts.push(match found {
                    Manager::NetworkManager => network_manager::part(wanted),
                    Manager::Networkd => networkd::part(wanted),
                    Manager::Dhcpcd => dhcpcd::part(wanted, seen),
                    Manager::Ifupdown => ifupdown::part(wanted, seen),
                });
            }
            Owner::Netplan(path) => {
                obstacles.push(Obstacle::Netplan {
                    path: seen.at(&path),
                    wanted: wanted.clone(),
                    root: root(),
                });
            }
            Owner::ConnMan => obstacles.push(Obstacle::ConnMan { wanted: wanted.clone(), root: root() }),
            Owner::Nobody(passes) => {
                let interface = wanted.interface.clone();
                obstacles.push(Obstacle::Nobody { interface, passes, root: root() });
            }
        }
    }
    if let Some(root) = &seen.root {
        notes.push(format!(
            "which interfaces the system in {root} has isn't known here: that {} is one of them, and not its way to everybody \
             else, was looked up in its settings only",
            wanted.interface
        ));
    }
    if let Some(uplink) = &wanted.uplink {
        match nat::part(wanted, uplink, seen) {
            Ok(part) => parts.push(part),
            Err(found) => obstacles.extend(found),
        }
        if seen.forwards == Some(false) {
            notes.push("this host passes packets on between all of its networks from now on".to_owned());
        } else if seen.root.is_some() {
            notes.push("that system passes packets on between all of its networks once it starts".to_owned());
        }
    }
    if let Some(kind) = &seen.container
        && matches!(manager, Some(Manager::Ifupdown | Manager::Networkd))
    {
        notes.push(format!(
            "this is a container ({kind}): where its own host writes its network settings at each start, the address \
             is to be set there"
        ));
    }
    let mut plan = Plan {
        wanted: wanted.clone(),
        manager,
        changes: Vec::new(),
        apply: Around::default(),
        undo: Around::default(),
        notes,
    };
    for part in parts {
        plan.changes.extend(part.changes);
        plan.apply.add(part.apply);
        plan.undo.add(part.undo);
    }
    if !seen.live {
        plan.apply = Around::default();
        plan.undo = Around::default();
    }
    obstacles.extend(refused::of_changes(seen, &plan.changes));
    if obstacles.is_empty() { Ok(plan) } else { Err(Refused { obstacles }) }
}

#[cfg(test)]
mod tests;
