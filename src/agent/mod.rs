//! What is done on the board, or on this host for disks that are attached here: an image goes onto a disk and is read
//! back, or a disk is read and sent.
//!
//! [`deploy`](mod@deploy) and [`backup`](mod@backup) know neither HTTP nor block devices: where bytes come from is a [`Source`], the disk is a
//! [`Storage`]. [`disk`] finds and opens real disks.

pub mod deploy;

pub mod backup;
pub mod cmdline;
pub mod disk;
pub mod eeprom;
pub mod error;
pub mod facts;
pub mod identity;
mod jumper;
pub mod kept;
pub mod leds;
pub mod local;
mod scripts;
pub mod session;
pub mod source;
pub mod storage;
pub mod watch;

#[cfg(test)]
mod model;

pub use deploy::{Amounts, Deployed, ReadBack, deploy, deploy_keeping};
pub use error::{Error, Failure, Left};
pub use source::{FetchError, Got, Plan, Source, Sum};
pub use storage::{Storage, Zeroing};
pub use watch::{At, Watch};

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A lock whose holder has panicked is as good as another.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
