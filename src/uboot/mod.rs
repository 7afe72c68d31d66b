//! Flashing through U-Boot.

pub mod job;
pub mod layout;
pub mod step;
