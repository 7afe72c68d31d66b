//! The line in a card's `config.txt`.

use std::fmt;
use std::path::{Path, PathBuf};

use rustix::fs::FileType;
use rustix::io::Errno;

use super::Error;
use crate::beneath::Dir;
use crate::eeprom::usb_boot::{ConfigTxt, State};
use crate::eeprom::{Change, files};

const CONFIG: &str = "config.txt";

/// A card's boot partition, where it is mounted.
#[derive(Debug)]
pub struct Card {
    dir: Dir,
    config: ConfigTxt,
}

/// What is to be changed on a card.
#[derive(Debug)]
pub struct CardPlan {
    dir: Dir,
    /// The file.
    pub path: PathBuf,
    /// The lines that change; empty where the file is as wanted.
    pub changes: Vec<Change>,
    /// What may keep the line from doing what it is for.
    pub warnings: Vec<Warning>,
    bytes: Vec<u8>,
}

/// What may keep the line from doing what it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Warning {
    /// Files without which a board doesn't start from the card.
    NoFirmware {
        /// The boot partition.
        dir: PathBuf,
    },
    /// The line counted for some boards only.
    WasFiltered(Vec<String>),
}

impl fmt::Display for Warning {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoFirmware { dir } => write!(
                out,
                "bootcode.bin or start.elf is missing in {}: a Pi 2 or 3 doesn't start from this card",
                dir.display()
            ),
            Self::WasFiltered(filters) => {
                write!(out, "it was set for [{}] only; now it is for every board", filters.join("], ["))
            }
        }
    }
}

impl Card {
    /// Opens a directory that looks like a boot partition.
    ///
    /// # Errors
    /// [`Error::NoPartition`]; and what reading ends with.
    pub fn open(dir: &Path) -> Result<Self, Error> {
        let no =
            |why: &str, instead| Error::NoPartition { dir: dir.to_owned(), why: why.to_owned(), instead };
        let card = match Dir::open(dir) {
            Ok(card) => card,
            Err(Errno::NOENT | Errno::NOTDIR) => return Err(no("there is no such directory", None)),
            Err(error) => return Err(Error::os("opening", dir)(error.into())),
        };
        let firmware = card.dir("firmware").is_ok_and(|inner| is_file(&inner, CONFIG));
        let instead = firmware.then(|| dir.join("firmware"));
        if card.kind(CONFIG) == Some(FileType::Symlink) {
            return Err(no("its config.txt is a symbolic link, and links are not followed here", instead));
        }
        let Some(bytes) = files::read_in(&card, CONFIG)? else {
            return Err(no("there is no config.txt in it", instead));
        };
        if ConfigTxt::is_moved(&bytes) {
            return Err(no("its config.txt says that it has moved to firmware/", instead));
        }
        Ok(Self { dir: card, config: ConfigTxt::parse(&bytes) })
    }

    /// What is to be changed so that a board that is started from the card burns the bit in.
    #[must_use]
    pub fn enable(mut self) -> CardPlan {
        let state = self.config.state();
        let changes = self.config.enable();
        let mut warnings = Vec::new();
        if !changes.is_empty() {
            if !is_file(&self.dir, "bootcode.bin") || !is_file(&self.dir, "start.elf") {
                warnings.push(Warning::NoFirmware { dir: self.dir.path().to_owned() });
            }
            if let State::For(filters) = state {
                warnings.push(Warning::WasFiltered(filters));
            }
        }
        self.plan(changes, warnings)
    }

    /// What is to be changed so that it doesn't any more.
    #[must_use]
    pub fn disable(mut self) -> CardPlan {
        let changes = self.config.disable();
        self.plan(changes, Vec::new())
    }

    fn plan(self, changes: Vec<Change>, warnings: Vec<Warning>) -> CardPlan {
        let (path, bytes) = (self.dir.at(CONFIG), self.config.bytes());
        CardPlan { dir: self.dir, path, changes, warnings, bytes }
    }
}

impl CardPlan {
    /// Changes the file, and reads it back.
    ///
    /// # Errors
    /// When it can't be written, and where it reads back as something else.
    pub fn apply(&self) -> Result<(), Error> {
        Ok(files::replace(&self.dir, CONFIG, &self.bytes)?)
    }
}

fn is_file(dir: &Dir, name: &str) -> bool {
    dir.kind(name) == Some(FileType::RegularFile)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eeprom::usb_boot::SETTING;

    fn card(config: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(CONFIG), config).unwrap();
        dir
    }

    #[test]
    fn what_is_planned_is_done_and_undone() {
        let dir = card("[pi3]\nprogram_usb_boot_mode=1\n");
        let read = || std::fs::read_to_string(dir.path().join(CONFIG)).unwrap();
        let before = read();
        let plan = Card::open(dir.path()).unwrap().enable();
        assert_eq!(read(), before, "a plan touches nothing");
        let warnings = [
            Warning::NoFirmware { dir: dir.path().to_owned() },
            Warning::WasFiltered(vec!["pi3".to_owned()]),
        ];
        assert_eq!(plan.warnings, warnings);
        plan.apply().unwrap();
        assert!(read().contains(&format!("{SETTING}=1")));
        assert!(Card::open(dir.path()).unwrap().enable().changes.is_empty());
        let plan = Card::open(dir.path()).unwrap().disable();
        assert!(!plan.changes.is_empty() && plan.warnings.is_empty());
        plan.apply().unwrap();
        assert!(!read().contains(SETTING));
    }

    #[test]
    fn it_is_done_in_the_directory_that_was_looked_at() {
        let dir = tempfile::tempdir().unwrap();
        let (card, other) = (dir.path().join("card"), dir.path().join("other"));
        for at in [&card, &other] {
            std::fs::create_dir(at).unwrap();
            std::fs::write(at.join(CONFIG), "").unwrap();
        }
        let plan = Card::open(&card).unwrap().enable();
        // Another program mounts or links something else there meanwhile.
        std::fs::rename(&card, dir.path().join("away")).unwrap();
        std::os::unix::fs::symlink(&other, &card).unwrap();
        plan.apply().unwrap();
        assert_eq!(std::fs::read_to_string(other.join(CONFIG)).unwrap(), "");
        assert!(std::fs::read_to_string(dir.path().join("away").join(CONFIG)).unwrap().contains(SETTING));
    }

    #[test]
    fn what_is_no_boot_partition_is_told_with_what_may_be_meant() {
        let dir = tempfile::tempdir().unwrap();
        let why = |dir: &Path| match Card::open(dir).unwrap_err() {
            Error::NoPartition { why, instead, .. } => (why, instead),
            other => panic!("{other}"),
        };
        assert_eq!(why(&dir.path().join("nope")), ("there is no such directory".to_owned(), None));
        assert_eq!(why(dir.path()).0, "there is no config.txt in it");
        std::fs::create_dir(dir.path().join("firmware")).unwrap();
        std::fs::write(dir.path().join("firmware/config.txt"), "").unwrap();
        assert_eq!(why(dir.path()).1, Some(dir.path().join("firmware")));
    }
}
