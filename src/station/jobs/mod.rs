//! Jobs: what boards are to do, as a state machine without a clock and without a store. The store drives it
//! (`station::store`): each transition is on disk before anybody is told of it.
//!
//! ```text
//! queued ── draw ──► running ── finish ──► finishing ── seen, expire ──► done
//!    │              │ ▲   │        └──► done, not-verified, failed
//!  cancel      draw └─┘   └── expire ──► lost
//!    └──► cancelled ◄── finish or expire, where somebody has cancelled it
//! ```

mod clock;
mod judge;
mod state;

pub use clock::{Clock, Step};
pub use judge::{Expected, judge, verdict};
pub use state::{Event, Refused, Verdict, claim, is_open, next};

use crate::station_api::Time;

/// A job belongs to the one that drew it for so long after each sign of life, in milliseconds.
pub const LEASE: Time = 60_000;

/// A board at work that wasn't heard for so long, in milliseconds, is shown as silent. Agents tell every two seconds how far
/// they are.
pub const QUIET: Time = 30_000;

/// After its lease a board may be silent for so long, in milliseconds, until its reset line is pulled. A cable that was
/// out, or a switch that starts, takes less.
pub const ROUSE: Time = 180_000;

/// After its lease a board may be silent for so long, in milliseconds: it may be without power, or far from the network.
/// Until then it goes on where it was; after that it counts as lost.
pub const SILENCE: Time = 600_000;
