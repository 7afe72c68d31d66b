//! Flashing through U-Boot: the recovery card, the job that a board works off, and the flow around it.

mod answer_text;
pub mod boards;
pub mod booting;
pub mod card;
pub mod event;
pub mod flash;
pub mod job;
pub mod layout;
pub mod material;
pub mod payload;
pub mod peer;
pub mod port;
mod proof;
pub mod recheck;
pub mod record;
pub mod script_image;
pub mod secret;
pub mod staged;
pub mod step;
pub mod watch;
