//! Flashing through U-Boot.

pub mod fat_volume;
pub mod layout;
pub mod script_image;
pub mod event;
pub mod job;
pub mod layout;
pub mod record;
pub mod step;
pub mod watch;
