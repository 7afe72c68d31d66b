//! Flashing through U-Boot.

pub mod layout;
