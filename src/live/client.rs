//! Which files a board gets, and whether they are all there.

use std::path::{Path, PathBuf};

use super::tree::Tree;
use super::whole::{All, Missing, missing};
use crate::board::{Directory, Serial};
use crate::usb::border::Border;

/// A client's directory for a board.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// The directory.
    pub path: PathBuf,
    /// Its name below `clients`: `by-serial/af04b2da` or `default`.
    pub name: String,
    /// What is to be said of the choice: that the name of another directory is close to the board's serial number.
    pub note: Option<String>,
}

/// Why a board gets no files.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoClient {
    /// Neither a directory of its own nor a default.
    #[error("unknown: neither {} nor {} is a directory", own.display(), default.display())]
    Unknown {
        /// Where its own would be.
        own: PathBuf,
        /// Where the default would be.
        default: PathBuf,
    },
    /// Its directory can't be told: there are several, or they can't be looked at.
    #[error("unclear: {why}")]
    Unclear {
        /// Why not.
        why: String,
    },
    /// Its directory isn't a whole system: it would boot half of it and half of the first stage, or nothing.
    #[error("{name} {}", All(missing))]
    Incomplete {
        /// The directory's name below `clients`.
        name: String,
        /// What is missing.
        missing: Vec<Missing>,
    },
    /// What it would boot can't be said.
    #[error("{name}: {why}")]
    Unreadable {
        /// The directory's name below `clients`.
        name: String,
        /// Why.
        why: String,
    },
}

impl Tree {
    /// The files for a board: those of its own, or else the default. A board that doesn't tell its serial number
    /// can only get the default.
    ///
    /// # Errors
    /// When there are no such files, or they aren't complete.
    pub fn client_for(&self, serial: Option<&Serial>) -> Result<Client, NoClient> {
        let own = self.clients().join("by-serial").join(serial.map_or("unknown", Serial::as_str));
        let default = self.clients().join("default");
        let (found, note) =
            serial.map_or(Ok((None, None)), |serial| own_directory(self.clients(), serial))?;
        let path = match found {
            Some(own) => own,
            None if default.is_dir() => default,
            None => return Err(NoClient::Unknown { own, default }),
        };
        let name = self.client_name(&path);
        // As the server does it, which allows what is configured as the clients' directory. Without a live tree there
        // is nothing to be mixed with, but links that lead out lead out.
        let allow = [self.clients().to_owned()];
        let border = Border::of(self.live(), &allow).or_else(|_| Border::of(&path, &allow));
        let missing = match border {
            Ok(border) => missing(&path, self.live(), &border, serial),
            Err(bad) => Err(format!("{}: {}", bad.path.display(), bad.source)),
        };
        match missing {
            Ok(missing) if missing.is_empty() => Ok(Client { path, name, note }),
            Ok(missing) => Err(NoClient::Incomplete { name, missing }),
            Err(why) => Err(NoClient::Unreadable { name, why }),
        }
    }
}

/// The directory of a board's own, and what is to be said where it has no directory.
fn own_directory(clients: &Path, serial: &Serial) -> Result<(Option<PathBuf>, Option<String>), NoClient> {
    let parent = clients.join("by-serial");
    match serial.directory_in(&parent) {
        Ok(Directory::One(name)) => Ok((Some(parent.join(name)), None)),
        Ok(Directory::None { near }) => {
            let note = format!("by-serial has no {serial}, but {}: is that meant?", near.join(" and "));
            Ok((None, (!near.is_empty()).then_some(note)))
        }
        Ok(Directory::Several(names)) => Err(NoClient::Unclear {
            why: format!("{} in {} are all the board {serial}", names.join(" and "), parent.display()),
        }),
        Err(error) => Err(NoClient::Unclear { why: format!("{}: {error}", parent.display()) }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tree::tests::Lab;
    use super::*;

    fn serial(text: &str) -> Serial {
        text.parse().unwrap()
    }

    #[test]
    fn a_board_gets_its_own_files_or_the_default_or_none() {
        let lab = Lab::new();
        lab.clients(&["by-serial/a/", "by-serial/file"]);
        assert_eq!(lab.tree.client_for(Some(&serial("a"))).unwrap().name, "by-serial/a");
        assert_eq!(lab.tree.client_for(Some(&serial("A"))).unwrap().name, "by-serial/a", "in any case");
        for unknown in [Some(serial("b")), Some(serial("file")), None] {
            assert!(matches!(lab.tree.client_for(unknown.as_ref()), Err(NoClient::Unknown { .. })));
        }
        lab.clients(&["default/", "by-serial/unknown/"]);
        assert_eq!(lab.tree.client_for(Some(&serial("b"))).unwrap().name, "default");
        assert_eq!(lab.tree.client_for(None).unwrap().name, "default");
        lab.clients(&["by-serial/10000000af04b2da/"]);
        let rom = || lab.tree.client_for(Some(&serial("af04b2da")));
        assert_eq!(rom().unwrap().name, "by-serial/10000000af04b2da");
        lab.clients(&["by-serial/AF04B2DA/"]);
        assert!(matches!(rom(), Err(NoClient::Unclear { .. })));
    }
}
