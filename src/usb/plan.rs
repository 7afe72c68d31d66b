//! Which payload a board gets.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::Error;
use super::lookup::{PACKAGE, Payload, PayloadOptions};
use super::transport::Device;
use crate::board::Directory;
use crate::board::identity::Chip;

/// Decides what a board is served.
pub trait PayloadPlan: Send + Sync {
    /// The payload for a board.
    ///
    /// # Errors
    /// Why there is no payload for it.
    fn choose(&self, device: &Device, chip: Chip) -> Result<Choice, Error>;
}

/// What a board is served.
#[derive(Debug, Clone)]
pub struct Choice {
    /// The payload.
    pub payload: Arc<Payload>,
    /// Whether it was chosen by the board, so that another board may get another one.
    pub of_board: bool,
    /// Why it is this one, as a clause, where somebody decided so for this board.
    pub why: Option<String>,
    /// What is to be said of the choice.
    pub note: Option<String>,
}

impl From<Arc<Payload>> for Choice {
    fn from(payload: Arc<Payload>) -> Self {
        Self { payload, of_board: false, why: None, note: None }
    }
}

/// A plan with one payload for all boards.
#[derive(Debug, Clone)]
pub struct OnePayload(
    /// What every board gets.
    pub Arc<Payload>,
);

impl PayloadPlan for OnePayload {
    fn choose(&self, _device: &Device, _chip: Chip) -> Result<Choice, Error> {
        Ok(self.0.clone().into())
    }
}

/// A plan with the directory that was chosen for a board. It is opened when the board comes.
#[derive(Debug, Clone)]
pub struct Folder {
    /// The directory.
    pub dir: PathBuf,
    /// How it is opened.
    pub options: PayloadOptions,
    /// Why it is this one, as a clause.
    pub why: String,
}

impl PayloadPlan for Folder {
    fn choose(&self, _device: &Device, _chip: Chip) -> Result<Choice, Error> {
        let payload = Arc::new(Payload::open(&self.dir, &self.options)?);
        Ok(Choice { payload, of_board: true, why: Some(self.why.clone()), note: None })
    }
}

/// A plan for when the user names no payload: what the package `rpiboot` installs, which makes the board's storage a
/// USB disk. The same folders in the working directory count too.
#[derive(Debug, Clone)]
pub struct Installed {
    /// Where payloads are installed.
    pub places: Vec<PathBuf>,
    /// How they are opened.
    pub options: PayloadOptions,
}

impl Default for Installed {
    fn default() -> Self {
        Self { places: vec![PACKAGE.into(), ".".into()], options: PayloadOptions::default() }
    }
}

impl Installed {
    /// The folders that are looked for, for a chip or for any.
    #[must_use]
    pub fn folders(&self, chip: Option<Chip>) -> Vec<PathBuf> {
        let names: &[&str] = match chip {
            Some(Chip::Bcm2711 | Chip::Bcm2712) => &["mass-storage-gadget64"],
            Some(Chip::Bcm2835 | Chip::Bcm2837) => &["msd"],
            None => &["mass-storage-gadget64", "msd"],
        };
        self.places.iter().flat_map(|place| names.iter().map(|name| place.join(name))).collect()
    }
}

impl PayloadPlan for Installed {
    fn choose(&self, _device: &Device, chip: Chip) -> Result<Choice, Error> {
        let tried = self.folders(Some(chip));
        for dir in &tried {
            if let Some(payload) = open(dir, &self.options)? {
                return Ok(Arc::new(payload).into());
            }
        }
        Err(Error::NoPayload { chip: Some(chip), tried })
    }
}

/// Opens a payload; `None` where there is no such directory. That isn't looked at before.
fn open(dir: &Path, options: &PayloadOptions) -> Result<Option<Payload>, Error> {
    match Payload::open(dir, options) {
        Ok(payload) => Ok(Some(payload)),
        Err(Error::Dir { dir: missing, source })
            if missing == *dir && matches!(source.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// A plan by serial number: `clients/by-serial/SERIAL`, in 8 or 16 digits ([`crate::board::Serial`]), else
/// `clients/default`. Boards whose boot ROM tells no serial
/// number get what another plan has for them.
pub struct BySerial {
    /// The directory with `by-serial` and `default`.
    pub clients: PathBuf,
    /// How the payloads are opened.
    pub options: PayloadOptions,
    /// For boards without a serial number.
    pub others: Arc<dyn PayloadPlan>,
}

impl std::fmt::Debug for BySerial {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("BySerial").field("clients", &self.clients).finish_non_exhaustive()
    }
}

impl PayloadPlan for BySerial {
    fn choose(&self, device: &Device, chip: Chip) -> Result<Choice, Error> {
        let Some(serial) = device.board_serial() else { return self.others.choose(device, chip) };
        let parent = self.clients.join("by-serial");
        let default = self.clients.join("default");
        let read = |source| Error::Dir { dir: parent.clone(), source };
        let mut options = self.options.clone();
        options.allow.push(self.clients.clone());
        // One or the other, never a mixture of both.
        let near = match serial.directory_in(&parent).map_err(read)? {
            Directory::One(name) => {
                let payload = Arc::new(Payload::open(&parent.join(name), &options)?.of_board());
                return Ok(Choice { payload, of_board: true, why: None, note: None });
            }
            Directory::Several(names) => {
                return Err(Error::Ambiguous { serial: serial.to_string(), parent, names });
            }
            Directory::None { near } => near,
        };
        let Some(payload) = open(&default, &options)? else {
            let own = parent.join(serial.as_str());
            return Err(Error::NoClient { serial: serial.to_string(), own, default, near });
        };
        let note = (!near.is_empty())
            .then(|| format!("by-serial has no {serial}, but {}: is that meant?", near.join(" and ")));
        Ok(Choice { payload: Arc::new(payload.of_board()), of_board: true, why: None, note })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nothing;

    impl PayloadPlan for Nothing {
        fn choose(&self, _device: &Device, chip: Chip) -> Result<Choice, Error> {
            Err(Error::NoPayload { chip: Some(chip), tried: Vec::new() })
        }
    }

    #[test]
    fn installed_payloads_are_chosen_by_chip() {
        let root = tempfile::tempdir().unwrap();
        let plan =
            Installed { places: vec![root.path().join("none"), root.path().into()], ..Installed::default() };
        let device = |product| Device {
            port: "1-1".parse().unwrap(),
            address: 1,
            vendor: 0x0a5c,
            product,
            serial_index: 0,
            serial: None,
        };
        let dir = |chip: Chip| {
            plan.choose(&device(chip.product()), chip).map(|found| found.payload.dir().to_owned())
        };
        for name in ["mass-storage-gadget64", "msd"] {
            std::fs::create_dir(root.path().join(name)).unwrap();
        }
        assert_eq!(dir(Chip::Bcm2712).unwrap(), root.path().join("mass-storage-gadget64"));
        assert_eq!(dir(Chip::Bcm2835).unwrap(), root.path().join("msd"));
        std::fs::remove_dir(root.path().join("msd")).unwrap();
        let error = dir(Chip::Bcm2837).unwrap_err().to_string();
        assert!(
            error.starts_with("there is no payload for BCM2837 (CM3, CM3+, 3A+, Zero 2 W): neither "),
            "{error}"
        );
    }

    #[test]
    fn a_serial_has_its_own_files_or_the_default_ones() {
        let root = tempfile::tempdir().unwrap();
        let clients = root.path().to_owned();
        std::fs::create_dir_all(clients.join("by-serial/af04b2da")).unwrap();
        let plan = BySerial {
            clients: clients.clone(),
            options: PayloadOptions::default(),
            others: Arc::new(Nothing),
        };
        let mut device = Device {
            port: "1-1".parse().unwrap(),
            address: 1,
            vendor: 0x0a5c,
            product: 0x2711,
            serial_index: 3,
            serial: Some("af04b2da".into()),
        };
        let own = plan.choose(&device, Chip::Bcm2711).unwrap();
        assert_eq!(own.payload.dir(), clients.join("by-serial/af04b2da"));
        assert!(own.payload.is_of_board());
        device.serial = Some("0".into());
        let error = plan.choose(&device, Chip::Bcm2711).unwrap_err();
        assert!(matches!(error, Error::NoClient { .. }), "{error}");
        std::fs::create_dir(clients.join("default")).unwrap();
        let default = plan.choose(&device, Chip::Bcm2711).unwrap().payload;
        assert!(default.dir() == clients.join("default") && default.is_of_board());
        // A name that is off by a digit is told; one that is the board's in another writing is the board's.
        device.serial = Some("af04b2d0".into());
        let choice = plan.choose(&device, Chip::Bcm2711).unwrap();
        assert_eq!(choice.note.as_deref(), Some("by-serial has no af04b2d0, but af04b2da: is that meant?"));
        device.serial = Some("10000000AF04B2DA".into());
        let long = plan.choose(&device, Chip::Bcm2711).unwrap();
        assert_eq!((long.payload.dir(), long.note), (clients.join("by-serial/af04b2da").as_path(), None));
        std::fs::create_dir(clients.join("by-serial/10000000af04b2da")).unwrap();
        let error = plan.choose(&device, Chip::Bcm2711).unwrap_err().to_string();
        assert!(error.contains("10000000af04b2da and af04b2da"), "{error}");
        // A path is no serial.
        for serial in [Some("../by-serial/af04b2da".into()), None] {
            device.serial = serial;
            assert!(matches!(plan.choose(&device, Chip::Bcm2711), Err(Error::NoPayload { .. })));
        }
    }
}
