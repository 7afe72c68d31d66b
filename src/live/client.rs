//! Which files a board gets, and whether they are all there.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::tree::{Kind, Tree};
use crate::board::{Directory, Serial};

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
    /// Its directory lacks files that the live tree has: it would get the first stage's, and boot that again and
    /// again, or half of each.
    #[error(
        "{name} has no {}, so the first stage's would be served in its place",
        missing.join(" and no ")
    )]
    Incomplete {
        /// The directory's name below `clients`.
        name: String,
        /// What is missing.
        missing: Vec<String>,
    },
}

/// What the Pi's firmware asks for under a fixed name, and what says which system boots. Firmware files may well
/// be the first stage's.
const DECISIVE: [&str; 2] = ["config.txt", "cmdline.txt"];

/// The names that the firmware tries for a kernel where config.txt names none.
const KERNELS: [&str; 4] = ["kernel.img", "kernel7.img", "kernel7l.img", "kernel8.img"];

impl Tree {
    /// The files for a board: those of its own, or else the default. A board that doesn't tell its serial number
    /// can only get the default.
    ///
    /// # Errors
    /// When there are none, or they aren't complete.
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
        let missing = self.missing(&path);
        if missing.is_empty() {
            Ok(Client { path, name, note })
        } else {
            Err(NoClient::Incomplete { name, missing })
        }
    }

    /// The files that a client lacks and that the file server would take from the live tree instead.
    fn missing(&self, client: &Path) -> Vec<String> {
        let mixed = |name: &str| {
            let served = matches!(self.kind(OsStr::new(name)), Ok(Some(kind)) if kind != Kind::Directory);
            served && !client.join(name).exists()
        };
        let mut missing: Vec<String> =
            DECISIVE.into_iter().filter(|name| mixed(name)).map(str::to_owned).collect();
        // A client has the kernel that its own config.txt names, or the one for its processor.
        let config = std::fs::read_to_string(client.join("config.txt")).unwrap_or_default();
        let named = config.lines().any(|line| line.trim_start().starts_with("kernel="));
        if !named && !KERNELS.iter().any(|name| client.join(name).exists()) {
            missing.extend(KERNELS.into_iter().filter(|name| mixed(name)).map(str::to_owned));
        }
        missing
    }
}

/// The directory of a board's own, and what is to be said where there is none.
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

    #[test]
    fn a_client_that_would_boot_half_of_the_first_stage_is_refused() {
        let lab = Lab::new();
        lab.clients(&[
            "1ststage/config.txt",
            "1ststage/cmdline.txt",
            "1ststage/kernel.img",
            "1ststage/start.elf",
        ]);
        lab.clients(&["by-serial/a/"]);
        for step in lab.tree.plan_make(false).unwrap() {
            lab.tree.apply(&step).unwrap();
        }
        let missing = || match lab.tree.client_for(Some(&serial("a"))) {
            Ok(_) => Vec::new(),
            Err(NoClient::Incomplete { missing, .. }) => missing,
            Err(error) => panic!("{error}"),
        };
        assert_eq!(missing(), ["config.txt", "cmdline.txt", "kernel.img"]);
        let error = lab.tree.client_for(Some(&serial("a"))).unwrap_err().to_string();
        assert!(
            error.starts_with("by-serial/a has no config.txt and no cmdline.txt and no kernel.img"),
            "{error}"
        );
        lab.clients(&["by-serial/a/config.txt", "by-serial/a/cmdline.txt"]);
        assert_eq!(missing(), ["kernel.img"]);
        let config = lab.tree.clients().join("by-serial/a/config.txt");
        std::fs::write(&config, "# kernel=no\n  kernel=vmlinuz\n").unwrap();
        assert!(missing().is_empty());
        std::fs::write(&config, "").unwrap();
        lab.clients(&["by-serial/a/kernel8.img"]);
        assert!(missing().is_empty());
    }
}
