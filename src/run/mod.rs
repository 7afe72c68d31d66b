//! One run: one attempt to do something to one board, whatever the way.
//!
//! Flash, USB boot, network boot, reset and what prepares a netboot client speak of boards in these words: the stages
//! of a run, how it ended, what happened on the way, and the record that is kept of it. No sockets and no devices;
//! [`ledger`] is the only part that touches the disk, and [`Running`] the only one with a clock.

mod ending;
mod event;
mod exit;
mod first_boot;
pub mod ledger;
mod record;
mod running;
mod stage;

pub use ending::{Ending, Proof};
pub use event::{Detail, Event, Tell, Weight, What, members};
pub use exit::exit_kind;
pub use first_boot::FirstBoot;
pub use record::{Entered, Record, RunId, SCHEMA, Way};
pub use running::{Moment, Running, Runs};
pub use stage::{Segment, Stage};
