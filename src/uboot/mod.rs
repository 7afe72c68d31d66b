//! Flashing through U-Boot.

pub mod card;
pub mod event;
pub mod fat_volume;
pub mod job;
pub mod layout;
pub mod record;
pub mod script_image;
pub mod step;
pub mod watch;
