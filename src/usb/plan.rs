//! Which payload a board gets.

use std::path::PathBuf;
use std::sync::Arc;

use super::error::Error;
use super::identity::Chip;
use super::lookup::{Options, Payload};
use super::transport::Device;

/// Decides what a board is served.
pub trait Plan: Send + Sync {
    /// The payload for a board.
    ///
    /// # Errors
    /// Why there is none.
    fn choose(&self, device: &Device, chip: Chip) -> Result<Arc<Payload>, Error>;
}

/// A plan with one payload for all boards.
#[derive(Debug, Clone)]
pub struct OnePayload(
    /// What every board gets.
    pub Arc<Payload>,
);

impl Plan for OnePayload {
    fn choose(&self, _device: &Device, _chip: Chip) -> Result<Arc<Payload>, Error> {
        Ok(self.0.clone())
    }
}

/// A plan by serial number: `clients/by-serial/SERIAL`, else `clients/default`. Boards whose boot ROM tells no serial
/// number get what another plan has for them.
pub struct BySerial {
    /// The directory with `by-serial` and `default`.
    pub clients: PathBuf,
    /// How the payloads are opened.
    pub options: Options,
    /// For boards without a serial number.
    pub others: Arc<dyn Plan>,
}

impl std::fmt::Debug for BySerial {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("BySerial").field("clients", &self.clients).finish_non_exhaustive()
    }
}

impl Plan for BySerial {
    fn choose(&self, device: &Device, chip: Chip) -> Result<Arc<Payload>, Error> {
        let Some(serial) = device.board_serial() else { return self.others.choose(device, chip) };
        let own = self.clients.join("by-serial").join(serial.as_str());
        let default = self.clients.join("default");
        // One or the other, never a mixture of both.
        let dir = if own.is_dir() {
            &own
        } else if default.is_dir() {
            &default
        } else {
            return Err(Error::NoClient { serial: serial.to_string(), own, default });
        };
        let mut options = self.options.clone();
        options.allow.push(self.clients.clone());
        Ok(Arc::new(Payload::open(dir, &options)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nothing;

    impl Plan for Nothing {
        fn choose(&self, _device: &Device, chip: Chip) -> Result<Arc<Payload>, Error> {
            Err(Error::NoPayload { chip: Some(chip), tried: Vec::new() })
        }
    }

    #[test]
    fn a_serial_has_its_own_files_or_the_default_ones() {
        let root = tempfile::tempdir().unwrap();
        let clients = root.path().to_owned();
        std::fs::create_dir_all(clients.join("by-serial/af04b2da")).unwrap();
        let plan =
            BySerial { clients: clients.clone(), options: Options::default(), others: Arc::new(Nothing) };
        let mut device = Device {
            port: "1-1".parse().unwrap(),
            address: 1,
            vendor: 0x0a5c,
            product: 0x2711,
            serial_index: 3,
            serial: Some("af04b2da".into()),
        };
        let own = plan.choose(&device, Chip::Bcm2711).unwrap();
        assert_eq!(own.dir(), clients.join("by-serial/af04b2da"));
        device.serial = Some("0".into());
        let error = plan.choose(&device, Chip::Bcm2711).unwrap_err();
        assert!(matches!(error, Error::NoClient { .. }), "{error}");
        std::fs::create_dir(clients.join("default")).unwrap();
        assert_eq!(plan.choose(&device, Chip::Bcm2711).unwrap().dir(), clients.join("default"));
        // A serial that is a path is none.
        for serial in [Some("../by-serial/af04b2da".into()), None] {
            device.serial = serial;
            assert!(matches!(plan.choose(&device, Chip::Bcm2711), Err(Error::NoPayload { .. })));
        }
    }
}
