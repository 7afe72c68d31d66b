//! What the protocol needs of a device. Behind it is libusb, or a model of a board in tests.

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use super::error::Error;
use crate::board::identity::Identity;
use crate::board::{PortPath, Serial};

/// An open board. Transfers are blocking; one that is late is not given up early, since its answer would be taken for
/// the next one's.
pub trait Transport: Send {
    /// The vendor control transfer without data, `0x40`.
    ///
    /// # Errors
    /// Why it failed.
    fn control_out(&mut self, value: u16, index: u16, timeout: Duration) -> Result<(), Fault>;

    /// The vendor control transfer that reads, `0xc0`. Gives how many bytes came.
    ///
    /// # Errors
    /// Why it failed.
    fn control_in(
        &mut self,
        value: u16,
        index: u16,
        buf: &mut [u8],
        timeout: Duration,
    ) -> Result<usize, Fault>;

    /// Sends bytes over the bulk endpoint. Gives how many went out; fewer than all where the time was over.
    ///
    /// # Errors
    /// Why nothing went out.
    fn bulk_out(&mut self, bytes: &[u8], timeout: Duration) -> Result<usize, Fault>;

    /// Lets a stalled bulk endpoint go on.
    ///
    /// # Errors
    /// Why it can't.
    fn clear_halt(&mut self) -> Result<(), Fault>;
}

/// Why a transfer, or opening a device, failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// The device isn't there any more.
    #[error("the device is gone")]
    Gone,
    /// The device refuses the transfer.
    #[error("the device stalls")]
    Stall,
    /// Nothing happened in time.
    #[error("the device doesn't answer")]
    Timeout,
    /// An error on the wire; also what the system says in the moment in which a device goes.
    #[error("error on the wire")]
    Wire,
    /// The transfer is larger than the system has memory for.
    #[error("the system has no memory for the transfer")]
    TooLarge,
    /// This user may not.
    #[error("no permission")]
    Permission,
    /// Another program, or a driver, has it.
    #[error("another program or a driver has the device")]
    Busy,
    /// It lacks the interface or the endpoint of a boot ROM.
    #[error("the device has no endpoint for a bootcode: {0}")]
    NoEndpoint(String),
    /// Whatever else the system says.
    #[error("{0}")]
    Other(String),
}

/// A device on a bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Where it is plugged in.
    pub port: PortPath,
    /// Its address on the bus: another one each time that it comes.
    pub address: u8,
    /// Its vendor id.
    pub vendor: u16,
    /// Its product id.
    pub product: u16,
    /// The index of its serial string.
    pub serial_index: u8,
    /// Its serial string, where that can be known without opening it.
    pub serial: Option<String>,
}

impl Device {
    /// What it is to us.
    #[must_use]
    pub fn identity(&self) -> Option<Identity> {
        Identity::of(self.vendor, self.product, self.serial_index)
    }

    /// Whether it is the same device, and not one that came after it. What is known about it may differ.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let id = |one: &Self| (one.port, one.address, one.vendor, one.product, one.serial_index);
        id(self) == id(other)
    }

    /// The board's own serial number. Older chips show a text there that is the same on all boards.
    #[must_use]
    pub fn board_serial(&self) -> Option<Serial> {
        let identity = self.identity()?;
        if identity.chip().is_some_and(|chip| !chip.tells_serial()) {
            return None;
        }
        self.serial.as_deref()?.parse().ok()
    }

    /// The device file through which it is opened.
    #[must_use]
    pub fn node(&self) -> PathBuf {
        PathBuf::from(format!("/dev/bus/usb/{:03}/{:03}", self.port.bus(), self.address))
    }
}

/// Where boards are.
pub trait Bus: Send + Sync {
    /// All devices that are there now, boards or not.
    ///
    /// # Errors
    /// Where the host can't tell.
    fn devices(&self) -> Result<Vec<Device>, Error>;

    /// Gets hold of one. It stays open until the transport is dropped.
    ///
    /// # Errors
    /// Why it can't be opened.
    fn open(&self, device: &Device) -> Result<Box<dyn Transport>, Fault>;

    /// Waits until devices may have come or gone, at most for `limit`.
    fn wait(&self, limit: Duration);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_chips_that_tell_it_have_a_serial() {
        let mut device = Device {
            port: "3-1.2".parse().unwrap(),
            address: 7,
            vendor: 0x0a5c,
            product: 0x2711,
            serial_index: 3,
            serial: Some("af04b2da".into()),
        };
        assert_eq!(device.board_serial().unwrap().as_str(), "af04b2da");
        assert_eq!(device.node().to_str(), Some("/dev/bus/usb/003/007"));
        device.serial = Some("../../etc".into());
        assert_eq!(device.board_serial(), None);
        device.product = 0x2764;
        device.serial = Some("Broadcom".into());
        assert_eq!(device.board_serial(), None);
    }
}
