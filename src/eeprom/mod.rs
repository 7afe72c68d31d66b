//! What decides how a board boots before anything of an operating system runs: the EEPROM of a Pi 4 or 5 with its
//! `bootconf.txt` and `BOOT_ORDER`, and the one-time programmable bits of a Pi 2 or 3 with the line of `config.txt`
//! that sets them.
//!
//! - [`image`], [`BootConf`], [`keys`], [`BootOrder`]: an EEPROM's image, its configuration, and what that means.
//! - [`remarks`], [`Needs`], [`check`], [`mod@compare`]: what may be wrong with one, and which boards it is for.
//! - [`mod@edit`], [`update`]: an image with another configuration, and as a board takes it over the network.
//! - [`told`]: an image in words.
//! - `own`: the image of one board, with what its project says, and how it gets there.
//! - [`mod@recovery`]: what a board in USB boot is given so that it writes its EEPROM.
//! - `nor`: the flash chip, as bytes on its bus.
//! - [`config_txt`], [`usb_boot`]: a `config.txt` with what it includes, and the line that burns a bit in.
//! - [`otp`]: what is burned in.
//! - [`files`]: all of that in files, and directories of images.
//!
//! No devices and no clock in here, and outside [`files`] no files: bytes and texts go in, bytes and texts come out.

pub mod boot_order;
#[cfg(feature = "cli")]
pub mod check;
pub mod compare;
mod conf;
pub mod config_txt;
pub mod edit;
mod error;
pub mod files;
pub mod filters;
pub mod image;
pub mod keys;
mod lines;
mod minimum;
mod module;
#[cfg(feature = "agent")]
pub mod nor;
pub mod otp;
#[cfg(feature = "station")]
pub mod own;
pub mod recovery;
pub mod remarks;
#[cfg(feature = "cli")]
mod rsa;
mod sig;
pub mod told;
pub mod update;
pub mod usb_boot;

pub use boot_order::BootOrder;
pub use conf::BootConf;
pub use config_txt::ConfigFiles;
pub use error::Error;
pub use image::Image;
pub use lines::{Change, Scope, Seen, What};
pub use minimum::{Needs, day, too_old_for};
pub use module::Modules;
pub use sig::Sig;
