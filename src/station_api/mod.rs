//! The words between the station and people's programs: what is behind `/api/v1`, as JSON over HTTP. The command line is
//! the first that speaks them; the store keeps the same things.
//!
//! Times are unix milliseconds in UTC. Names of things that the station makes are UUIDs of version 7, so they sort by
//! the time of their making. No I/O, no clock.

mod board;
mod call;
mod image;
mod job;
mod name;
mod people;
mod project;

pub use board::{Board, Enrolment, Held, Sighting, Slot, SlotKind};
pub use call::{
    BoardChange, BoardsAsked, Bootd, BootdState, Change, DamagedRecord, JobsAsked, ListAsked, LogLine,
    LoggedIn, Login, MadeToken, NewJob, NewRule, NewToken, NewUser, Page, Problem, Room, RuleTest, RuleWhy,
    RunsAsked, Status, Thing, UserChange, Verdict,
};
pub use image::{AddedImage, Backup, Image, ImageState};
pub use job::{Job, JobState, RunLine};
pub use name::check_name;
pub use people::{Audit, Role, Token, User};
pub use project::{Again, Matching, Project, Rule, What};

/// Unix milliseconds, UTC.
pub type Time = i64;
