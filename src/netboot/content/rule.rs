//! Which board may have which file: by the directory that it names, and by where the opened file really lies.

use std::path::Path;
use std::sync::PoisonError;

use super::NetbootSource;
use super::clients::NetbootClient;
use super::folder::{Found, Place};
use super::place::{Prefix, is_same};
use crate::board::Who;
use crate::tftp::dir::refuse;
use crate::tftp::packet::Code;
use crate::tftp::source::Refusal;

impl NetbootSource {
    /// Whether a directory belongs to a board that is known and isn't this one.
    pub(super) fn is_anothers(&self, directory: &str, asker: &Who) -> bool {
        if self.is_own(directory, asker) {
            return false;
        }
        let heard = match Prefix::of_directory(directory) {
            Some(Prefix::Serial(serial)) => self.boards.by_serial(&serial),
            Some(Prefix::Mac(mac)) => self.boards.by_mac(mac),
            None => None,
        };
        let clients = self.clients.read().unwrap_or_else(PoisonError::into_inner);
        heard.is_some_and(|heard| heard.mac.is_some() && heard.mac != asker.mac)
            || clients.all().iter().any(|client| has(client, directory) && is_other(client, asker))
    }

    /// Whether a directory has one of this board's names.
    fn is_own(&self, directory: &str, board: &Who) -> bool {
        self.names_of(board).iter().any(|name| is_same(name, directory))
    }

    /// Whether a directory of the root is a board's: by its name, or because a record says so.
    fn is_boards(&self, directory: &str) -> bool {
        let clients = self.clients.read().unwrap_or_else(PoisonError::into_inner);
        Prefix::of_directory(directory).is_some() || clients.all().iter().any(|client| has(client, directory))
    }

    /// Whether an opened file may be sent. `named` is the directory that was asked in: the one that the path names, or
    /// the asker's own.
    pub(super) fn may_have(
        &self,
        found: &Found,
        named: Option<&str>,
        asker: Option<&Who>,
    ) -> Result<(), Refusal> {
        let directory = match &found.place {
            Place::Outside(real) => return self.may_have_outside(real, named, asker, found.private),
            Place::Tree(Some(directory)) if self.is_boards(directory) => directory,
            // A client's root may lie in the tree, too.
            Place::Tree(_) if self.is_in_a_root(&found.real) => {
                return self.may_have_outside(&found.real, named, asker, found.private);
            }
            Place::Tree(_) => return Ok(()),
        };
        if asker.is_some_and(|asker| self.is_own(directory, asker)) {
            return Ok(());
        }
        let Some(named) = named else { return Err(elsewhere()) };
        if found.private {
            return Err(private());
        }
        if is_same(named, directory) {
            return match asker {
                Some(asker) if self.is_anothers(directory, asker) => Err(elsewhere()),
                _ => Ok(()),
            };
        }
        // The directory that was asked in is a link in the root, where only the host's own people write: two boards
        // share one.
        let shared = !named.contains('/')
            && self.is_boards(named)
            && self.folder.place_of(named) == Some(found.place.clone())
            && asker.is_none_or(|asker| !self.is_anothers(named, asker));
        if shared { Ok(()) } else { Err(elsewhere()) }
    }

    /// By the text of the records: this is asked for each file.
    fn is_in_a_root(&self, real: &Path) -> bool {
        let clients = self.clients.read().unwrap_or_else(PoisonError::into_inner);
        clients.all().iter().any(|client| client.root.as_deref().is_some_and(|root| real.starts_with(root)))
    }

    /// Whether a file outside the tree may be sent: in the root of the client that asks, or in whose directory was
    /// asked.
    pub(super) fn may_have_outside(
        &self,
        real: &Path,
        named: Option<&str>,
        asker: Option<&Who>,
        is_private: bool,
    ) -> Result<(), Refusal> {
        let clients = self.clients.read().unwrap_or_else(PoisonError::into_inner);
        let lies_in = |client: &&NetbootClient| {
            let root = client.root.as_deref().and_then(|root| root.canonicalize().ok());
            root.is_some_and(|root| real.starts_with(root))
        };
        let mut owners = clients.all().iter().filter(lies_in).peekable();
        if owners.peek().is_none() {
            return Err(refuse(Code::ACCESS, "a link leads out of the served folder"));
        }
        let mut meant = false;
        for client in owners {
            if asker.is_some_and(|asker| is_of(client, asker)) {
                return Ok(());
            }
            meant |= named.is_some_and(|named| has(client, named))
                && asker.is_none_or(|asker| !is_other(client, asker));
        }
        match meant {
            true if is_private => Err(private()),
            true => Ok(()),
            false => Err(elsewhere()),
        }
    }
}

fn elsewhere() -> Refusal {
    refuse(Code::ACCESS, "a link leads to files of another client")
}

fn private() -> Refusal {
    refuse(Code::ACCESS, "only its own board may have it, and the asker isn't known to be that")
}

fn has(client: &NetbootClient, directory: &str) -> bool {
    client.directories().iter().any(|name| is_same(name, directory))
}

/// Whether a client's board is known to be this one.
fn is_of(client: &NetbootClient, board: &Who) -> bool {
    match client.mac {
        Some(mac) => board.mac == Some(mac),
        None => client.serial.zip(board.serial).is_some_and(|(own, told)| own.is_of_same_board(&told)),
    }
}

/// Whether a client's board is known to be another one.
fn is_other(client: &NetbootClient, board: &Who) -> bool {
    !is_of(client, board) && (client.mac.is_some() || (client.serial.is_some() && board.serial.is_some()))
}
