//! How boards are booted.

use std::time::Duration;

use crate::board::identity::Chip;
use crate::usb::payload::Wanted;
use crate::usb::sysfs::Sysfs;
use crate::usb::wait_for;
use crate::usb::wire::TRANSFER;

/// How boards are booted.
#[derive(Debug, Clone)]
pub struct BootOptions {
    /// Send `bootcode.sig` with the bootcode, where the chip takes one.
    pub signed: bool,
    /// Refuse a payload whose `boot.img` has no `boot.sig`.
    pub boot_sig: bool,
    /// Settings that burn fuses and that the user has confirmed.
    pub confirmed: Vec<String>,
    /// The size of bulk transfers to begin with, in bytes.
    pub transfer: usize,
    /// What to wait for after the files.
    pub wait_for: Option<wait_for::Wanted>,
    /// How long.
    pub wait_limit: Duration,
    /// Where to look for it.
    pub sysfs: Sysfs,
    /// How long a board may take between its stages.
    pub limits: Limits,
}

/// How long a board may take. The defaults are what rpi-imager found to be enough, but for `leave`: a hub with fifteen
/// boards that all restart takes longer to notice that one has left than rpi-imager's 3 s.
#[derive(Debug, Clone)]
pub struct Limits {
    /// From the end of a session until it has left the bus.
    pub leave: Duration,
    /// From then until it is back.
    pub back: Duration,
    /// From leaving without a last word until it comes back.
    pub next: Duration,
    /// From its arrival until udev has let this user open it.
    pub permission: Duration,
    /// How often the bootcode is sent to a board that comes back to its boot ROM.
    pub uploads: u32,
}

impl BootOptions {
    /// What a payload is looked at for, before a board with this chip gets it.
    #[must_use]
    pub fn wanted(&self, chip: Chip) -> Wanted {
        Wanted {
            chips: vec![chip],
            signed: self.signed,
            boot_sig: self.boot_sig,
            confirmed: self.confirmed.clone(),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            leave: Duration::from_secs(15),
            back: Duration::from_secs(15),
            next: Duration::from_secs(60),
            permission: Duration::from_secs(2),
            uploads: 3,
        }
    }
}

impl Default for BootOptions {
    fn default() -> Self {
        Self {
            signed: false,
            boot_sig: false,
            confirmed: Vec::new(),
            transfer: TRANSFER,
            wait_for: None,
            wait_limit: Duration::from_secs(60),
            sysfs: Sysfs::default(),
            limits: Limits::default(),
        }
    }
}
