//! Boards in USB boot.
//!
//! A board without anything to boot from shows itself as a USB device and waits. It takes a bootcode ([`message`]),
//! leaves the bus, comes back, and then asks for the files it needs; the host is the file server. Facts about the
//! protocol are from usbboot's main.c; where that program guesses, sleeps or gives up silently, this one doesn't.

pub mod access;
pub mod boot;
pub mod bootfiles;
pub mod border;
pub mod choose;
pub mod event;
#[cfg(feature = "usb")]
pub mod libusb;
pub mod lookup;
pub mod message;
pub mod metadata;
pub mod payload;
pub mod plan;
pub mod record;
pub mod rules;
pub mod service;
pub mod session;
pub mod sysfs;
pub mod transport;
pub mod trouble;
pub mod wait_for;
pub mod wire;

mod error;
mod presence;

pub use error::{Error, where_from};
