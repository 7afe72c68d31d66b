//! Flashing through U-Boot.

pub mod fat_volume;
pub mod layout;
pub mod script_image;
