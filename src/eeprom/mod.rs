//! What decides how a board boots before anything of an operating system runs: the EEPROM of a Pi 4 or 5 with its
//! `bootconf.txt` and `BOOT_ORDER`, and the one-time programmable bits of a Pi 2 or 3 with the line of `config.txt`
//! that sets them.
//!
//! - [`image`], [`BootConf`], [`keys`], [`BootOrder`]: an EEPROM's image, its configuration, and what that means.
//! - [`update`]: an image with another configuration, as a board takes it.
//! - [`config_txt`], [`usb_boot`]: a `config.txt` with what it includes, and the line that burns a bit in.
//! - [`otp`]: what is burned in.
//!
//! No devices and no clock in here: bytes and texts go in, bytes and texts come out.

pub mod boot_order;
mod conf;
pub mod config_txt;
mod error;
pub mod image;
pub mod keys;
mod lines;
pub mod otp;
mod sig;
pub mod update;
pub mod usb_boot;

pub use boot_order::BootOrder;
pub use conf::BootConf;
pub use config_txt::ConfigFiles;
pub use error::Error;
pub use image::Image;
pub use lines::{Change, Scope};
pub use sig::Sig;
