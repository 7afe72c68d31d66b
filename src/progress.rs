//! How long work tells how far it is. The work calls [`Progress::at`] as often as it likes; the code that shows it
//! decides how often to draw.

/// Takes the position of a piece of work that is under way.
pub trait Progress: Send + Sync {
    /// `done` of `total` bytes are done; the total may not be known yet.
    fn at(&self, done: u64, total: Option<u64>);
}

/// Shows nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn at(&self, _done: u64, _total: Option<u64>) {}
}
