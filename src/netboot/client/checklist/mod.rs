//! What makes a copied root that of one client: each item looks at a tree, and says what has to change in it. Nothing
//! is written here. A tree that has all the changes gives no more, so the same code plans and checks.

mod boot;
mod cloud;
mod cmdline;
mod containers;
mod fstab;
mod identity;
mod network;
mod role;
mod services;

use std::net::Ipv4Addr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Error;
use super::layout::Layout;
use super::names::Name;
use super::view::{View, bytes, shown};
use crate::netboot::content::place::Prefix;
use crate::stop::Stop;

pub(super) use boot::OVERLAY_INIT;
pub(super) use role::LEFT_OUT;

/// How the client has its root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Its own copy, to write to.
    Rw,
    /// Its own copy, read only, with memory for what must be written.
    Ro,
    /// One copy for many, read only, below a layer of its own files and a layer in memory.
    Overlay,
}

impl Mode {
    /// As it is given on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rw => "rw",
            Self::Ro => "ro",
            Self::Overlay => "overlay",
        }
    }
}

/// What a client may ask its NFS server besides NFS itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    /// Everything that NFSv3 clients ask.
    Whole,
    /// No access control lists (NFSACL, program 100227): nfs-ganesha 4.3 leaves some of those requests unanswered, and
    /// the client then waits for ever. Its users get what the lists' masks give to the group.
    NoAcl,
}

impl Protocol {
    /// As mount options, behind others. klibc's nfsmount, the kernel's own `nfsroot=` and mount.nfs all know them.
    pub(super) const fn options(self) -> &'static str {
        match self {
            Self::Whole => "",
            Self::NoAcl => ",noacl",
        }
    }
}

/// What the items need to know.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    pub(super) name: Name,
    pub(super) board: Prefix,
    pub(super) mode: Mode,
    pub(super) server: Ipv4Addr,
    /// The addresses of this host, and the server's: the client must have none of them.
    pub(super) addresses: Vec<Ipv4Addr>,
    /// How it talks to this host's NFS server.
    pub(super) protocol: Protocol,
    /// What the client mounts as its root: of an overlay, the shared one.
    pub(super) root: PathBuf,
    /// An overlay's layer with the client's own files.
    pub(super) layer: Option<PathBuf>,
    /// The directory with its boot files.
    pub(super) boot: PathBuf,
    pub(super) layout: Layout,
    /// Whether the source is this host as it runs.
    pub(super) is_this_host: bool,
    /// Files of the source that are not copied, since they are disks or swap; as the source names them.
    pub(super) apart: Vec<PathBuf>,
    /// The machine id of the source, which the client must not have.
    pub(super) foreign_machine_id: Option<String>,
    /// The machine id of a client whose root forgets.
    pub(super) machine_id: String,
    /// The client's own host keys. Empty before they are made; then they are a change.
    pub(super) keys: Vec<Key>,
    /// Set when who waits for it wants no more: a client's own files say how much there is to look at.
    pub(super) stop: Stop,
}

/// A host key of SSH.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    /// `ssh_host_ed25519_key`.
    pub(super) file: String,
    /// The private half; `None` where only its public half is known.
    pub(super) private: Option<Vec<u8>>,
    /// The public half, as the `.pub` file has it.
    pub(super) public: String,
}

/// Which tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Where {
    /// The root.
    Root,
    /// The boot files.
    Boot,
}

/// What happens to a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Act {
    /// A file gets these contents; its mode where it is new.
    Write { bytes: Vec<u8>, mode: u32 },
    /// A file gets contents that must not be shown.
    Secret { bytes: Vec<u8> },
    /// A symbolic link to this; whatever is there goes.
    Link { target: String },
    /// It goes, whatever it is.
    Remove,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Change {
    /// The item that wants it: one word.
    pub(super) item: &'static str,
    pub(super) tree: Where,
    /// Below the tree's top, without a slash in front.
    pub(super) path: String,
    pub(super) act: Act,
    /// Why, as a phrase.
    pub(super) why: String,
}

/// All changes, and what can't be changed but should be known.
#[derive(Debug, Default)]
pub(super) struct ChangePlan {
    pub(super) changes: Vec<Change>,
    pub(super) notes: Vec<String>,
    /// What is taken away from the source, which its user may miss; sentences. Where it is done, nothing is told.
    pub(super) told: Vec<String>,
}

/// What one item looks at, and where it puts what it wants.
struct Item<'a> {
    name: &'static str,
    facts: &'a Facts,
    root: &'a View<'a>,
    boot: &'a View<'a>,
    plan: &'a mut ChangePlan,
}

impl Item<'_> {
    fn view(&self, tree: Where) -> &View<'_> {
        match tree {
            Where::Root => self.root,
            Where::Boot => self.boot,
        }
    }

    /// Fails when nobody waits for it any more.
    fn go_on(&self) -> Result<(), Error> {
        if self.facts.stop.is_set() { Err(Error::Stopped) } else { Ok(()) }
    }

    fn change(&mut self, tree: Where, path: &str, act: Act, why: &str) {
        let (item, path, why) = (self.name, path.to_owned(), why.to_owned());
        self.plan.changes.push(Change { item, tree, path, act, why });
    }

    /// Wants a file to have these contents; the text may be one that was [`kept`](super::view::kept).
    fn write(&mut self, tree: Where, path: &str, text: &str, why: &str) -> Result<(), Error> {
        let bytes = bytes(text);
        if self.view(tree).read(path, 1 << 20)?.as_ref() != Some(&bytes) {
            self.change(tree, path, Act::Write { bytes, mode: 0o644 }, why);
        }
        Ok(())
    }

    /// Wants nothing to be there.
    fn remove(&mut self, path: &str, why: &str) -> Result<(), Error> {
        if self.root.find_link(path)?.is_some() {
            self.change(Where::Root, path, Act::Remove, why);
        }
        Ok(())
    }

    /// Wants a link.
    fn link(&mut self, path: &str, target: &str, why: &str) -> Result<(), Error> {
        let there = match self.root.find_link(path)? {
            Some(node) if node.kind == crate::image::ext4::FileKind::Symlink => {
                Some(self.root.0.target(&node)?).filter(|there| there == target)
            }
            _ => None,
        };
        if there.is_none() {
            self.change(Where::Root, path, Act::Link { target: target.to_owned() }, why);
        }
        Ok(())
    }

    /// Whether a path of the root is taken away.
    fn is_gone(&self, path: &str) -> bool {
        let gone = |change: &Change| {
            change.tree == Where::Root && change.path == path && matches!(change.act, Act::Remove)
        };
        self.plan.changes.iter().any(gone)
    }

    /// Wants a program's configuration, by which it leaves the boot interface alone; `names` are those by which it knows
    /// that.
    fn leave(&mut self, path: &str, text: &str, who: &str, names: &str) -> Result<(), Error> {
        let before = self.plan.changes.len();
        self.write(Where::Root, path, text, &format!("{who} leaves the boot interface alone"))?;
        if self.plan.changes.len() > before {
            self.tell(format!("{who} is kept off the boot interface, as {names}, by {path}."));
        }
        Ok(())
    }

    fn tell(&mut self, text: impl Into<String>) {
        self.plan.told.push(shown(&text.into()));
    }

    fn note(&mut self, text: impl Into<String>) {
        self.plan.notes.push(shown(&text.into()));
    }
}

/// Looks at one point of the list.
type Look = fn(&mut Item<'_>) -> Result<(), Error>;

/// Goes through the list.
pub(super) fn plan(facts: &Facts, root: &View<'_>, boot: &View<'_>) -> Result<ChangePlan, Error> {
    let mut plan = ChangePlan::default();
    let items: [(&str, Look); 13] = [
        ("ssh-keys", identity::ssh_keys),
        ("machine-id", identity::machine_id),
        ("hostname", identity::hostname),
        ("fstab", fstab::fstab),
        ("first-boot", services::first_boot),
        ("swap", services::swap),
        ("boot-files", services::boot_files),
        // What it takes away no manager reads any more.
        ("role", role::role),
        ("network", network::network),
        ("containers", containers::containers),
        ("cloud-init", cloud::cloud_init),
        ("initramfs", boot::initramfs),
        ("cmdline", cmdline::cmdline),
    ];
    for (name, item) in items {
        let mut looking = Item { name, facts, root, boot, plan: &mut plan };
        looking.go_on()?;
        item(&mut looking)?;
    }
    // What can't be done is known before anything is.
    for change in &plan.changes {
        let view = if change.tree == Where::Root { root } else { boot };
        let covers = change.tree == Where::Root && facts.layer.is_some();
        match change.act {
            // A layer covers whatever is below it.
            Act::Remove if covers => {}
            Act::Remove => view.has_no_directory(&change.path)?,
            _ => {
                view.has_way(&change.path)?;
                view.has_no_directory(&change.path)?;
            }
        }
    }
    Ok(plan)
}
