//! Flashing through U-Boot.

pub mod event;
pub mod job;
pub mod layout;
pub mod record;
pub mod step;
pub mod watch;
