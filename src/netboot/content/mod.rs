//! What a board gets over TFTP.
//!
//! A path is looked up in two places: the board's own directory, then what all boards share (the files of the root).
//! The prefix that EEPROM bootloaders put in front (`9c1d03f2/config.txt`) says which board's directory it is; without
//! a prefix the sender's address does, since boot ROMs know no prefix.
//!
//! **Versions aren't mixed.** Firmware, kernel, device trees, overlays and initramfs belong together; a kernel of
//! another version finds no modules. So a directory with any of these is whole: for what it lacks the board is told
//! "not found", as it would be by a plain server. Only what belongs to no version still comes from the shared files:
//! EEPROM updates (`pieeprom.*`, `vl805.*`, `recovery.bin`), `bootcode.bin` (which a boot ROM asks for before there
//! is a choice), and other folders of the root. A directory without any of these (with a `cmdline.txt` only, or with
//! a `config.txt`) lies over the shared files, and what it lacks comes from them.
//!
//! A prefix without a directory is "not found" too: the board then leaves its prefix out and asks for the shared
//! files, which is how an EEPROM bootloader is built.
//!
//! **A client's files go to that client.** A sender that is known to be another board gets nothing out of its directory
//! or its root, however the path is written and whatever links lead there; nor does a sender that names another
//! directory. A sender that isn't known to be any board, and names the directory, gets what all users of this host may
//! read; the rest (mode 0600, say) goes only to a board that is known to be that client (`rule.rs`).

pub mod clients;
pub mod folder;
pub mod limits;
pub mod offers;
pub mod place;
mod rule;

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::{Arc, RwLock};
use std::time::Instant;

use crate::arming::Arms;
use crate::board::{Known, Mac, Who};
use crate::tftp::Error;
use crate::tftp::content::{Memory, WholeFile};
use crate::tftp::dir::normal;
use crate::tftp::packet::{Code, Direction};
use crate::tftp::source::{Answer, Refusal, Request, Source};
use clients::NetbootClients;
use folder::Folder;
use offers::Offers;
use place::{Prefix, is_free, is_versioned};

/// Finds the MAC address of a neighbour by its IP address.
pub type Neighbours = Box<dyn Fn(Ipv4Addr) -> Option<Mac> + Send + Sync>;

/// The TFTP source for network boot.
pub struct NetbootSource {
    folder: Folder,
    boards: Arc<Known>,
    clients: Arc<RwLock<NetbootClients>>,
    neighbours: Neighbours,
    arms: Arc<Arms>,
    offers: Arc<Offers>,
}

impl std::fmt::Debug for NetbootSource {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("NetbootSource").field("root", &self.folder.path()).finish_non_exhaustive()
    }
}

/// Where a file was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum From {
    /// In a board's own directory of this name.
    Own(String),
    /// Among the files that all boards share.
    Shared,
}

impl NetbootSource {
    /// Serves the tree below `root`. `neighbours` is asked where a board's address isn't known otherwise.
    ///
    /// # Errors
    /// [`Error::Root`] where the root can't be opened.
    pub fn new(
        root: &Path,
        boards: Arc<Known>,
        clients: Arc<RwLock<NetbootClients>>,
        neighbours: Neighbours,
    ) -> Result<Self, Error> {
        Ok(Self {
            folder: Folder::new(root)?,
            boards,
            clients,
            neighbours,
            arms: Arc::default(),
            offers: Arc::default(),
        })
    }

    /// Only boards that may boot from here get files.
    #[must_use]
    pub fn for_armed(self, arms: Arc<Arms>) -> Self {
        Self { arms, ..self }
    }

    /// Single boards are offered something beside their files.
    #[must_use]
    pub fn with_offers(self, offers: Arc<Offers>) -> Self {
        Self { offers, ..self }
    }

    /// What a board is offered by a station under this path: it has to be known which board asks, and that it may boot from
    /// here now.
    fn offered(&self, peer: IpAddr, path: &[u8]) -> Option<Arc<[u8]>> {
        let path = String::from_utf8(normal(path).ok()?).ok()?;
        let (prefix, rest) = place::split(&path);
        let asker = self.asker(peer)?;
        // One that asks in another board's directory isn't that board.
        if prefix.is_some_and(|prefix| !prefix.may_be(&asker))
            || !self.arms.gets_files(&asker, Instant::now())
        {
            return None;
        }
        self.offers.find(&asker, rest)
    }

    /// Opens what a board asks for.
    ///
    /// # Errors
    /// What the board is told.
    pub fn find(&self, peer: IpAddr, path: &[u8]) -> Result<(WholeFile, From), Refusal> {
        // All that follows is decided by this one spelling.
        let path = String::from_utf8(normal(path)?).map_err(|_| not_found("the path is no UTF-8"))?;
        let first = path.split_once('/').map(|(first, _)| first);
        let asker = self.asker(peer);
        let nobody = Who::default();
        if !self.arms.gets_files(asker.as_ref().unwrap_or(&nobody), Instant::now()) {
            return Err(not_found("this board is done, and is to start from its disk"));
        }
        let (prefix, rest) = place::split(&path);
        if let (Some(_), Some(first), Some(board)) = (prefix, first, &asker)
            && self.is_anothers(first, board)
        {
            return Err(not_found(format!("{first} is another board's directory")));
        }
        let own = match prefix {
            Some(prefix) => match self.directory_of(prefix, first, asker.as_ref())? {
                Some(own) => Some(own),
                None => return Err(not_found(format!("there is no directory {prefix}"))),
            },
            None => match &asker {
                Some(board) => self.own_directory(board)?,
                None => None,
            },
        };
        let Some(own) = own else {
            return self.shared(rest, first, asker.as_ref());
        };
        match self.open(&format!("{own}/{rest}"), Some(&own), asker.as_ref()) {
            Err(refusal) if refusal.code == Code::NOT_FOUND => {
                if is_versioned(rest) && !is_free(rest) && self.folder.has_any(&own, is_versioned_system)? {
                    return Err(not_found(format!("{own} has none, and has a system of its own")));
                }
                self.shared(rest, first.filter(|_| prefix.is_none()), asker.as_ref())
            }
            found => Ok((found?, From::Own(own))),
        }
    }

    /// Opens a file of the tree and looks whether it may be sent. `named` is the directory that was asked in.
    fn open(&self, path: &str, named: Option<&str>, asker: Option<&Who>) -> Result<WholeFile, Refusal> {
        let found = self.folder.find(path, &|real| self.may_have_outside(real, named, asker, false))?;
        self.may_have(&found, named, asker)?;
        Ok(found.file)
    }

    /// Looks among the files of all boards.
    fn shared(
        &self,
        path: &str,
        named: Option<&str>,
        asker: Option<&Who>,
    ) -> Result<(WholeFile, From), Refusal> {
        match self.open(path, named, asker) {
            Ok(file) => Ok((file, From::Shared)),
            Err(refusal) if refusal.code == Code::NOT_FOUND && asker.is_none() => {
                Err(not_found("no such file; which board asks isn't known"))
            }
            Err(refusal) => Err(refusal),
        }
    }

    /// Which board has an address. What DHCP told about it counts as long as the kernel's neighbours don't say
    /// otherwise: anybody can write another's MAC address into a packet of DHCP, but answers go to the device that
    /// really has it.
    #[must_use]
    pub fn asker(&self, peer: IpAddr) -> Option<Who> {
        let IpAddr::V4(ip) = peer.to_canonical() else { return None };
        let told = self.boards.by_address(ip.into());
        let known = match (self.neighbours)(ip) {
            Some(mac) if told.as_ref().is_none_or(|told| told.mac != Some(mac)) => {
                // Not learnt: an address that changes hands would stick.
                self.boards
                    .by_mac(mac)
                    .unwrap_or_else(|| Who { address: Some(ip.into()), ..Who::with_mac(mac) })
            }
            _ => told?,
        };
        Some(self.believed(known))
    }

    /// Takes a serial number away that the records give to another board: anybody can claim one.
    fn believed(&self, mut known: Who) -> Who {
        let clients = self.clients.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        let of_serial =
            known.serial.and_then(|serial| clients.by_serial(&serial)).and_then(|client| client.mac);
        let of_mac = known.mac.and_then(|mac| clients.by_mac(mac)).and_then(|client| client.serial);
        let another = of_serial.is_some_and(|mac| Some(mac) != known.mac)
            || of_mac
                .is_some_and(|serial| known.serial.is_some_and(|claimed| !claimed.is_of_same_board(&serial)));
        if another {
            known.serial = None;
        }
        known
    }

    /// The directory that a prefix means: its own, or the one under the board's other name.
    fn directory_of(
        &self,
        prefix: Prefix,
        first: Option<&str>,
        asker: Option<&Who>,
    ) -> Result<Option<String>, Refusal> {
        let written = first.into_iter().map(str::to_owned);
        if let Some(name) = self.folder.first_dir(std::iter::once(prefix.to_string()).chain(written))? {
            return Ok(Some(name));
        }
        let known = match prefix {
            Prefix::Serial(serial) => self.boards.by_serial(&serial),
            Prefix::Mac(mac) => self.boards.by_mac(mac),
        };
        let known = known.or_else(|| asker.cloned().filter(|asker| prefix.may_be(asker)));
        let clients = self.clients.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        let client = match (prefix, &known) {
            (Prefix::Serial(serial), _) => clients.by_serial(&serial),
            (Prefix::Mac(mac), _) => clients.by_mac(mac),
        };
        let mut names: Vec<String> = client.map(clients::NetbootClient::directories).unwrap_or_default();
        drop(clients);
        names.extend(known.iter().flat_map(|known| self.names_of(known)));
        self.folder.first_dir(names)
    }

    /// The directory of a board that asks without a prefix.
    fn own_directory(&self, board: &Who) -> Result<Option<String>, Refusal> {
        self.folder.first_dir(self.names_of(board))
    }

    /// All names that a board's directory may have, the most certain first.
    fn names_of(&self, board: &Who) -> Vec<String> {
        let clients = self.clients.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        let by_serial = board.serial.and_then(|serial| clients.by_serial(&serial));
        let client = board.mac.and_then(|mac| clients.by_mac(mac)).or(by_serial);
        let mut names = client.map(clients::NetbootClient::directories).unwrap_or_default();
        names.extend(board.serial.map(|serial| Prefix::Serial(serial).to_string()));
        names.extend(board.mac.map(|mac| Prefix::Mac(mac).to_string()));
        names
    }
}

impl Source for NetbootSource {
    fn open(&self, request: &Request<'_>) -> Answer {
        if request.direction == Direction::Write {
            return Answer::denied("this server takes no uploads");
        }
        if let Some(bytes) = self.offered(request.peer.ip(), request.path) {
            return Answer::Send(Box::new(Memory::new(bytes)));
        }
        match self.find(request.peer.ip(), request.path) {
            Ok((file, _)) => Answer::Send(Box::new(file)),
            Err(refusal) => Answer::Refuse(refusal),
        }
    }
}

/// What makes a directory a whole one: firmware, a kernel or what goes with it.
fn is_versioned_system(name: &str) -> bool {
    place::is_system(name)
}

fn not_found(message: impl Into<String>) -> Refusal {
    Refusal { code: Code::NOT_FOUND, message: message.into() }
}

#[cfg(test)]
mod tests;
